/* item.c: building and reshaping items. All offsets come from item_key_offset(). */
#include "storages/item.h"

#include "base/memory.h"
#include "base/number.h"

static bool record_is_external(const struct item *item) {
    return item->type == ITEM_RECORD && (item->flags & (ITEM_WORD | ITEM_INTEGER)) == ITEM_WORD;
}

static char *external_text(const struct item *item) {
    return (char *)(uintptr_t)item_word(item);
}

/* Bytes of the block, from its start. */
static size_t item_block_size(const struct item *item) {
    struct bytes key = item_key_span(item);
    size_t inline_size = item->flags & ITEM_WORD ? 0 : item->value_size;
    return sizeof(struct item) + item_key_offset(item->flags) + key.size + inline_size;
}

struct bytes item_text(const struct item *item) {
    CHECK(item->type == ITEM_RECORD && !(item->flags & ITEM_INTEGER));
    if (item->flags & ITEM_WORD) return (struct bytes){external_text(item), item->value_size};
    struct bytes key = item_key_span(item);
    return (struct bytes){key.data + key.size, item->value_size};
}

struct item *item_create(struct bytes key, enum item_type type, unsigned flags, uint64_t word,
                         struct bytes value) {
    if (key.size > UINT16_MAX) flags |= ITEM_LONG_KEY;
    size_t inline_size = flags & ITEM_WORD ? 0 : value.size;
    size_t offset = item_key_offset(flags);
    CHECK(value.size <= ITEM_VALUE_MAX);
    struct item *item = memory_allocate(sizeof(*item) + offset + key.size + inline_size);
    item->type = (uint8_t)type;
    item->flags = (uint8_t)flags;
    item->key_size = (uint16_t)key.size;
    item->value_size = (uint32_t)inline_size;
    if (flags & ITEM_WORD) item_set_word(item, word);
    if (flags & ITEM_LONG_KEY) store_u64(item->rest + offset - 8, key.size);
    if (key.size > 0) memcpy(item->rest + offset, key.data, key.size);
    if (inline_size > 0) memcpy(item->rest + offset + key.size, value.data, inline_size);
    return item;
}

static char *external_copy(struct bytes value) {
    char *copy = memory_allocate(value.size);
    memcpy(copy, value.data, value.size);
    return copy;
}

/* Redis keeps text of up to 20 bytes as an integer if it is the integer's canonical form. */
static bool text_is_integer(struct bytes value, int64_t *integer) {
    return value.size <= 20 && value.size > 0 && number_parse_i64(value, integer);
}

struct item *item_create_record(struct bytes key, struct bytes value, unsigned flags) {
    int64_t integer;
    if (!text_is_integer(value, &integer)) return item_create_text(key, value, flags);
    return item_create(key, ITEM_RECORD, flags | ITEM_WORD | ITEM_INTEGER, (uint64_t)integer,
                       (struct bytes){0});
}

struct item *item_create_text(struct bytes key, struct bytes value, unsigned flags) {
    if (value.size <= ITEM_INLINE_MAX) return item_create(key, ITEM_RECORD, flags, 0, value);
    CHECK(value.size <= ITEM_VALUE_MAX);
    return item_create_external(key, external_copy(value), value.size, flags);
}

struct item *item_create_external(struct bytes key, char *block, size_t size, unsigned flags) {
    CHECK(size > ITEM_INLINE_MAX && size <= ITEM_VALUE_MAX);
    struct item *item =
        item_create(key, ITEM_RECORD, flags | ITEM_WORD, (uintptr_t)block, (struct bytes){0});
    item->value_size = (uint32_t)size;
    return item;
}

void item_destroy(struct item *item) {
    if (record_is_external(item)) memory_release(external_text(item));
    memory_release(item);
}

struct item *item_take_value(struct item *item, struct bytes key) {
    unsigned flags = item->flags & ~(unsigned)(ITEM_DEADLINE | ITEM_LONG_KEY);
    struct item *taken;
    if (flags & ITEM_WORD) {
        taken = item_create(key, item->type, flags, item_word(item), (struct bytes){0});
        taken->value_size = item->value_size;
    } else {
        taken = item_create(key, item->type, flags, 0, item_text(item));
    }
    /* An "integer" owns nothing, so nothing of the value is released with the shell. */
    if (item->flags & ITEM_WORD) item->flags |= ITEM_INTEGER;
    item->type = ITEM_RECORD;
    item->value_size = 0;
    return taken;
}

/* Gives the item these flags of layout (ITEM_DEADLINE, ITEM_WORD) and this many bytes behind the
 * key; what stands there is kept as far as it fits. Header fields other than flags stay. */
static struct item *item_reshape(struct item *item, unsigned flags, size_t inline_size) {
    size_t old_size = item_block_size(item);
    size_t old_offset = item_key_offset(item->flags), offset = item_key_offset(flags);
    size_t tail = old_size - sizeof(*item) - old_offset; /* key and inline value */
    size_t key_size = item_key_span(item).size;
    size_t new_tail = key_size + inline_size;
    size_t kept = tail < new_tail ? tail : new_tail;
    size_t size = sizeof(*item) + offset + new_tail;
    struct item_expiry expiry = {0};
    if (item->flags & ITEM_DEADLINE) expiry = *item_expiry(item);

    if (offset < old_offset) memmove(item->rest + offset, item->rest + old_offset, kept);
    if (size != old_size) {
        /* Room for the bytes as they stand now, before they move up. */
        item = memory_resize(item, size);
    }
    if (offset > old_offset) memmove(item->rest + offset, item->rest + old_offset, kept);
    item->flags = (uint8_t)flags;
    if (flags & ITEM_DEADLINE) *item_expiry(item) = expiry;
    if (flags & ITEM_LONG_KEY) store_u64(item->rest + offset - 8, key_size);
    return item;
}

static struct item *item_change_deadline(struct item *item, unsigned flags) {
    uint64_t word = item->flags & ITEM_WORD ? item_word(item) : 0;
    item = item_reshape(item, flags, item->flags & ITEM_WORD ? 0 : item->value_size);
    if (flags & ITEM_WORD) item_set_word(item, word);
    return item;
}

struct item *item_make_deadline(struct item *item) {
    if (item->flags & ITEM_DEADLINE) return item;
    return item_change_deadline(item, item->flags | ITEM_DEADLINE);
}

struct item *item_drop_deadline(struct item *item) {
    if (!(item->flags & ITEM_DEADLINE)) return item;
    return item_change_deadline(item, item->flags & ~(unsigned)ITEM_DEADLINE);
}

struct item *item_set_integer(struct item *item, int64_t value) {
    CHECK(item->type == ITEM_RECORD);
    if (record_is_external(item)) memory_release(external_text(item));
    unsigned flags = (item->flags | ITEM_WORD | ITEM_INTEGER) & ~(unsigned)ITEM_RAW;
    if (flags != item->flags) item = item_reshape(item, flags, 0);
    item->value_size = 0;
    item_set_word(item, (uint64_t)value);
    return item;
}

static struct item *set_external_text(struct item *item, struct bytes value) {
    uint64_t copy = (uintptr_t)external_copy(value);
    if (record_is_external(item)) memory_release(external_text(item));
    unsigned flags = (item->flags | ITEM_WORD) & ~(unsigned)ITEM_INTEGER;
    item = item_reshape(item, flags, 0);
    item_set_word(item, copy);
    item->value_size = (uint32_t)value.size;
    return item;
}

struct item *item_set_text(struct item *item, struct bytes value, enum item_text kind) {
    CHECK(item->type == ITEM_RECORD && value.size <= ITEM_VALUE_MAX);
    int64_t integer;
    if (kind == ITEM_TEXT_ENCODED && text_is_integer(value, &integer))
        return item_set_integer(item, integer);
    if (value.size > ITEM_INLINE_MAX) {
        item = set_external_text(item, value);
    } else {
        char *external = record_is_external(item) ? external_text(item) : NULL;
        unsigned flags = item->flags & ~(unsigned)(ITEM_WORD | ITEM_INTEGER);
        item = item_reshape(item, flags, value.size);
        item->value_size = (uint32_t)value.size;
        if (value.size > 0) memcpy((char *)item_text(item).data, value.data, value.size);
        memory_release(external);
    }
    item->flags &= (uint8_t)~ITEM_RAW;
    if (kind == ITEM_TEXT_RAW) item->flags |= ITEM_RAW;
    return item;
}

/* How much to allocate for a text that grows: twice as much, at most 1 MiB more. */
static size_t growing_capacity(size_t size) {
    enum { SPARE_MAX = 1 << 20 };
    return size < SPARE_MAX ? 2 * size : size + SPARE_MAX;
}

static struct item *make_text(struct item *item) {
    if (!(item->flags & ITEM_INTEGER)) return item;
    char text[NUMBER_TEXT_MAX];
    size_t size = number_print_i64(text, (int64_t)item_word(item));
    return item_set_text(item, bytes_of(text, size), ITEM_TEXT_RAW);
}

static struct item *resize_external(struct item *item, size_t size, char **text) {
    size_t old_size = item->value_size;
    if (!record_is_external(item)) {
        struct bytes old = item_text(item);
        char *block = memory_allocate(growing_capacity(size));
        if (old.size > 0) memcpy(block, old.data, old.size);
        item = item_reshape(item, item->flags | ITEM_WORD, 0);
        item_set_word(item, (uintptr_t)block);
    } else if (size > memory_usable_size(external_text(item))) {
        char *block = memory_resize(external_text(item), growing_capacity(size));
        item_set_word(item, (uintptr_t)block);
    }
    *text = external_text(item);
    if (size > old_size) memset(*text + old_size, 0, size - old_size);
    return item;
}

struct item *item_resize_text(struct item *item, size_t size, char **text) {
    CHECK(item->type == ITEM_RECORD && size <= ITEM_VALUE_MAX);
    item = make_text(item);
    size_t old_size = item->value_size;
    if (record_is_external(item) || size > ITEM_INLINE_MAX) {
        item = resize_external(item, size, text);
    } else {
        if (size != old_size) item = item_reshape(item, item->flags, size);
        item->value_size = (uint32_t)size;
        *text = (char *)item_text(item).data;
        if (size > old_size) memset(*text + old_size, 0, size - old_size);
    }
    item->value_size = (uint32_t)size;
    item->flags |= ITEM_RAW;
    return item;
}

size_t item_memory(const struct item *item) {
    size_t size = memory_usable_size(item);
    if (record_is_external(item)) size += memory_usable_size(external_text(item));
    return size;
}
