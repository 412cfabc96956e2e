/* packed.h: a short list of byte strings and numbers in one allocation.
 *
 * Small maps, queues and sorted sets live in one of these: no pointers, no per-element overhead
 * beyond two bytes for most values. A byte string that is the canonical decimal form of an int64
 * is stored as that integer (one to nine bytes) and reads back as the same text. Looking up walks
 * the list, inserting and deleting move what stands behind: callers bound the count.
 *
 * Pure: equal contents are equal bytes whatever led to them, so packed_digest() is a digest of
 * the contents. Ownership: inserting copies its bytes; values handed out point into the list and
 * are valid until it next changes. Functions that change take the address of the owner's pointer,
 * because the list may move.
 *
 * An `at` is the byte offset of an entry: valid until something before it changes. PACKED_END (0)
 * is none: behind the last entry, or in front of the first. */
#pragma once

#include "base/bytes.h"
#include "base/number.h"

struct packed; /* Opaque: its layout stands in packed.c. */

enum { PACKED_END = 0 };

/* Bytes of the whole list. Who lets clients choose sizes asks packed_fits() first: growing
 * beyond this is a bug. */
enum { PACKED_SIZE_MAX = 1u << 30 };

enum packed_kind { PACKED_BYTES, PACKED_INTEGER, PACKED_DOUBLE };

struct packed_value {
    enum packed_kind kind;
    union {
        struct bytes bytes;
        int64_t integer;
        double number;
    };
};

/* Bytes, or the integer if they are the canonical decimal form of one. */
struct packed_value packed_value_of(struct bytes bytes);
static inline struct packed_value packed_value_of_integer(int64_t integer) {
    return (struct packed_value){.kind = PACKED_INTEGER, .integer = integer};
}
/* The integer if the number is one (minus zero is not); else a PACKED_DOUBLE. Not for NaN. */
struct packed_value packed_value_of_double(double number);

/* The value as text: of an integer printed into scratch. Not for PACKED_DOUBLE. */
struct bytes packed_value_bytes(const struct packed_value *value, char scratch[NUMBER_TEXT_MAX]);
/* The value as a number: requires PACKED_INTEGER or PACKED_DOUBLE. */
double packed_value_double(const struct packed_value *value);
bool packed_value_equal(const struct packed_value *a, const struct packed_value *b);

/* How many bytes of the list an entry with this value takes. */
size_t packed_value_size(const struct packed_value *value);

struct packed *packed_create(void);
void packed_destroy(struct packed *packed); /* NULL is allowed. */
struct packed *packed_copy(const struct packed *packed);

uint32_t packed_count(const struct packed *packed); /* entries */
uint32_t packed_size(const struct packed *packed);  /* bytes, header included */
/* Whether `more` bytes of entries (packed_value_size) keep it within PACKED_SIZE_MAX. */
bool packed_fits(const struct packed *packed, size_t more);

/* --- walking: PACKED_END when there is none ------------------------------------------------ */

uint32_t packed_first(const struct packed *packed);
uint32_t packed_last(const struct packed *packed);
uint32_t packed_next(const struct packed *packed, uint32_t at);
uint32_t packed_previous(const struct packed *packed, uint32_t at);
/* The entry at this index, from 0; walks from the nearer end. PACKED_END if index >= count. */
uint32_t packed_seek(const struct packed *packed, uint32_t index);

struct packed_value packed_get(const struct packed *packed, uint32_t at);

/* The first entry equal to `value`, looking at entry `at` and then at every `stride`-th one
 * (2: the fields of a map). PACKED_END if none; `at` may be PACKED_END. */
uint32_t packed_find(const struct packed *packed, uint32_t at, const struct packed_value *value,
                     uint32_t stride);

/* --- changing ------------------------------------------------------------------------------ */
/* A value's bytes may point into the same list. */

/* Inserts in front of the entry at `at` (PACKED_END: appends); returns where the new one stands. */
uint32_t packed_insert(struct packed **packed, uint32_t at, const struct packed_value *value);
static inline uint32_t packed_append(struct packed **packed, const struct packed_value *value) {
    return packed_insert(packed, PACKED_END, value);
}
static inline uint32_t packed_prepend(struct packed **packed, const struct packed_value *value) {
    return packed_insert(packed, packed_first(*packed), value);
}
/* Puts another value at `at`: the entry keeps its place and its offset. */
void packed_replace(struct packed **packed, uint32_t at, const struct packed_value *value);
/* Deletes up to `count` entries from `at` on; returns the offset of what then follows, or
 * PACKED_END. */
uint32_t packed_delete(struct packed **packed, uint32_t at, uint32_t count);

/* Moves the entries from `at` to the end into a new list, which the caller owns. */
struct packed *packed_split(struct packed **packed, uint32_t at);
/* Appends copies of all entries of another list. */
void packed_append_all(struct packed **packed, const struct packed *from);

/* --- for digests, bounds and tests --------------------------------------------------------- */

uint64_t packed_digest(const struct packed *packed);
size_t packed_memory(const struct packed *packed); /* allocated bytes: differs between nodes */
void packed_check(const struct packed *packed);    /* Walks the whole list. */
