/* item.h: one key with its value in one block of memory: layout and plain access.
 *
 * Used by the keyspace, records and keys; the other families see struct item through keyspace.h.
 *
 *     8 bytes   type, flags, key size, value size
 *    16 bytes   deadline and its place in the heap of deadlines   (ITEM_DEADLINE)
 *     8 bytes   the word: an integer, or a pointer to the value   (ITEM_WORD)
 *     8 bytes   the key's size, when it needs more than 16 bits   (ITEM_LONG_KEY)
 *               the key, then a record's bytes, unless they are in the word
 *
 * So 16 bytes of key and 32 of value make 56: malloc's 64-byte class (SAFETY 30). Functions that
 * change an item may move it and return its new address; whoever holds the old one (table, heap
 * of deadlines) has to be told: see databases.c. */
#pragma once

#include "storages/keyspace.h"

enum item_flag {
    ITEM_DEADLINE = 1 << 0,
    ITEM_WORD = 1 << 1, /* with ITEM_RECORD: what, says ITEM_INTEGER */
    ITEM_LONG_KEY = 1 << 2,
    ITEM_INTEGER = 1 << 3, /* a record whose word is its value, an int64 */
    ITEM_RAW = 1 << 4,     /* a record that OBJECT ENCODING calls "raw" at any size */
};

struct item {
    uint8_t type; /* enum item_type */
    uint8_t flags;
    uint16_t key_size;   /* unless ITEM_LONG_KEY */
    uint32_t value_size; /* of a record that is not an integer, in bytes */
    char rest[];
};
_Static_assert(sizeof(struct item) == 8, "SAFETY 30");

/* Records above this many bytes stand in a block of their own, so that a new deadline or a larger
 * key does not copy them. Bytes. */
enum { ITEM_INLINE_MAX = 4096, ITEM_EMBSTR_MAX = 44 };
/* No record is larger: its size has 32 bits. */
#define ITEM_VALUE_MAX ((size_t)UINT32_MAX)

struct item_expiry {
    int64_t deadline_ms;
    uint32_t heap_index;
    uint32_t unused;
};

static inline size_t item_word_offset(unsigned flags) {
    return (flags & ITEM_DEADLINE) * sizeof(struct item_expiry);
}
static inline size_t item_key_offset(unsigned flags) {
    return item_word_offset(flags) + ((flags & ITEM_WORD) << 2) + ((flags & ITEM_LONG_KEY) << 1);
}
static inline struct item_expiry *item_expiry(const struct item *item) {
    CHECK(item->flags & ITEM_DEADLINE);
    return (struct item_expiry *)(void *)item->rest;
}
static inline uint64_t item_word(const struct item *item) {
    CHECK(item->flags & ITEM_WORD);
    return load_u64(item->rest + item_word_offset(item->flags));
}
static inline void item_set_word(struct item *item, uint64_t word) {
    CHECK(item->flags & ITEM_WORD);
    store_u64(item->rest + item_word_offset(item->flags), word);
}
static inline struct bytes item_key_span(const struct item *item) {
    size_t offset = item_key_offset(item->flags);
    size_t size = item->key_size;
    if (UNLIKELY(item->flags & ITEM_LONG_KEY)) size = load_u64(item->rest + offset - 8);
    return (struct bytes){item->rest + offset, size};
}

/* Of a record that is not an integer: its bytes. */
struct bytes item_text(const struct item *item);

/* A new item; `word` counts if the flags have ITEM_WORD, else `value` is copied behind the key.
 * Flags other than ITEM_LONG_KEY, which it sets itself. */
struct item *item_create(struct bytes key, enum item_type type, unsigned flags, uint64_t word,
                         struct bytes value);
/* A record of these bytes: as an integer if that is their canonical form, external if large. */
struct item *item_create_record(struct bytes key, struct bytes value, unsigned flags);
/* A record of these bytes, external if large, never an integer. */
struct item *item_create_text(struct bytes key, struct bytes value, unsigned flags);
/* A record of the `size` bytes of this block, more than ITEM_INLINE_MAX, which it owns now. */
struct item *item_create_external(struct bytes key, char *block, size_t size, unsigned flags);
/* Releases the item itself and a record's external bytes, not an aggregate's value. */
void item_destroy(struct item *item);

/* An item under another key that takes over the value (and flags, but no deadline); the old item
 * keeps its key only: it has become an empty record. */
struct item *item_take_value(struct item *item, struct bytes key);

/* Adds (with an undefined heap index) or removes the room for a deadline. */
struct item *item_make_deadline(struct item *item) MUST_USE;
struct item *item_drop_deadline(struct item *item) MUST_USE;

/* How a text is kept: as an integer if it is one; always as text; as text that is called "raw". */
enum item_text { ITEM_TEXT_ENCODED, ITEM_TEXT_PLAIN, ITEM_TEXT_RAW };

/* Makes the item a record of these bytes, which do not lie in the item. Key and deadline stay. The
 * old value must be a record too. */
struct item *item_set_text(struct item *item, struct bytes value, enum item_text kind) MUST_USE;
struct item *item_set_integer(struct item *item, int64_t value) MUST_USE;
/* Makes a record `size` bytes long, "raw", with amortised spare room, and returns where its bytes
 * stand; new ones at the end are zero. */
struct item *item_resize_text(struct item *item, size_t size, char **text) MUST_USE;

size_t item_memory(const struct item *item); /* without an aggregate's value; node-local; bytes */
