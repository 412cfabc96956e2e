/* packed.c: the layout of a packed list.
 *
 *     u32 size (all bytes, this header included), u32 count, entries
 *
 * An entry is a head byte, what it announces, and at the end the size of all that, readable
 * backwards. Numbers are little-endian.
 *
 *     head 00..7f   the integer 0 to 127
 *     head 80..bf   a string of 0 to 63 bytes, which follow
 *     head c0..c7   an integer in the 1 to 8 bytes that follow, two's complement
 *     head d0..d2   a string whose size follows in 1, 2 or 4 bytes
 *     head e0       a double in 8 bytes
 *
 *     tail: one byte 0..253, the size; or the size as u16 and fe; or the size as u32 and ff
 *
 * Each value has one encoding, the shortest, so that equal lists are equal bytes. The capacity of
 * the allocation is a function of the size (memory_round_up) and so needs no field. */
#include "base/packed.h"

#include "base/hash.h"
#include "base/memory.h"

struct packed {
    uint32_t size;
    uint32_t count;
    char entries[];
};

enum {
    HEADER_SIZE = sizeof(struct packed),

    HEAD_SMALL_INTEGER_MAX = 0x7f,
    HEAD_SHORT_BYTES = 0x80,
    SHORT_BYTES_MAX = 63,
    HEAD_INTEGER = 0xc0, /* plus the number of bytes - 1 */
    HEAD_BYTES_U8 = 0xd0,
    HEAD_BYTES_U16 = 0xd1,
    HEAD_BYTES_U32 = 0xd2,
    HEAD_DOUBLE = 0xe0,
    HEAD_SIZE_MAX = 9, /* of everything but a string's own bytes */

    TAIL_BYTE_MAX = 0xfd,
    TAIL_U16 = 0xfe,
    TAIL_U32 = 0xff,
    TAIL_SIZE_MAX = 5,
};

_Static_assert(HEADER_SIZE == 8, "offset 0 must never be an entry's: it is PACKED_END");

/* --- values -------------------------------------------------------------------------------- */

struct packed_value packed_value_of(struct bytes bytes) {
    int64_t integer;
    bool may_be_integer = bytes.size > 0 && bytes.size <= 20 &&
                          ((bytes.data[0] >= '0' && bytes.data[0] <= '9') || bytes.data[0] == '-');
    if (may_be_integer && number_parse_i64(bytes, &integer))
        return packed_value_of_integer(integer);
    return (struct packed_value){.kind = PACKED_BYTES, .bytes = bytes};
}

static uint64_t double_bits(double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    return bits;
}

struct packed_value packed_value_of_double(double number) {
    CHECK(number == number);
    static const double limit = 9223372036854775808.0; /* 2^63: the cast is defined below it */
    if (number >= -limit && number < limit) {
        int64_t integer = (int64_t)number;
        if (double_bits((double)integer) == double_bits(number))
            return packed_value_of_integer(integer);
    }
    return (struct packed_value){.kind = PACKED_DOUBLE, .number = number};
}

struct bytes packed_value_bytes(const struct packed_value *value, char scratch[NUMBER_TEXT_MAX]) {
    if (value->kind == PACKED_BYTES) return value->bytes;
    CHECK(value->kind == PACKED_INTEGER);
    return bytes_of(scratch, number_print_i64(scratch, value->integer));
}

double packed_value_double(const struct packed_value *value) {
    CHECK(value->kind != PACKED_BYTES);
    return value->kind == PACKED_INTEGER ? (double)value->integer : value->number;
}

bool packed_value_equal(const struct packed_value *a, const struct packed_value *b) {
    if (a->kind != b->kind) return false;
    if (a->kind == PACKED_BYTES) return bytes_equal(a->bytes, b->bytes);
    if (a->kind == PACKED_INTEGER) return a->integer == b->integer;
    return double_bits(a->number) == double_bits(b->number);
}

/* --- encoding ------------------------------------------------------------------------------ */

/* An encoded entry in its three parts; only the middle one can be long. */
struct encoding {
    char head[HEAD_SIZE_MAX], tail[TAIL_SIZE_MAX];
    uint8_t head_size, tail_size;
    struct bytes body; /* the bytes of a string */
    size_t size;       /* of all three */
};

static uint32_t integer_width(int64_t integer) {
    uint64_t magnitude = (uint64_t)(integer < 0 ? ~integer : integer);
    uint32_t significant_bits = magnitude == 0 ? 0 : 64 - (uint32_t)__builtin_clzll(magnitude);
    return significant_bits / 8 + 1; /* one more bit, for the sign */
}

static void encode_integer(struct encoding *encoding, int64_t integer) {
    if (integer >= 0 && integer <= HEAD_SMALL_INTEGER_MAX) {
        encoding->head[0] = (char)integer;
        encoding->head_size = 1;
        return;
    }
    uint32_t width = integer_width(integer);
    encoding->head[0] = (char)(HEAD_INTEGER + width - 1);
    store_u64(&encoding->head[1], (uint64_t)integer);
    encoding->head_size = (uint8_t)(1 + width);
}

static void encode_bytes(struct encoding *encoding, struct bytes bytes) {
    CHECK(bytes.size <= PACKED_SIZE_MAX);
    encoding->body = bytes;
    if (bytes.size <= SHORT_BYTES_MAX) {
        encoding->head[0] = (char)(HEAD_SHORT_BYTES + bytes.size);
        encoding->head_size = 1;
    } else if (bytes.size <= UINT8_MAX) {
        encoding->head[0] = (char)HEAD_BYTES_U8;
        encoding->head[1] = (char)bytes.size;
        encoding->head_size = 2;
    } else if (bytes.size <= UINT16_MAX) {
        encoding->head[0] = (char)HEAD_BYTES_U16;
        store_u16(&encoding->head[1], (uint16_t)bytes.size);
        encoding->head_size = 3;
    } else {
        encoding->head[0] = (char)HEAD_BYTES_U32;
        store_u32(&encoding->head[1], (uint32_t)bytes.size);
        encoding->head_size = 5;
    }
}

static void encode_tail(struct encoding *encoding, size_t size) {
    if (size <= TAIL_BYTE_MAX) {
        encoding->tail[0] = (char)size;
        encoding->tail_size = 1;
    } else if (size <= UINT16_MAX) {
        store_u16(encoding->tail, (uint16_t)size);
        encoding->tail[2] = (char)TAIL_U16;
        encoding->tail_size = 3;
    } else {
        store_u32(encoding->tail, (uint32_t)size);
        encoding->tail[4] = (char)TAIL_U32;
        encoding->tail_size = 5;
    }
}

static void encode(struct encoding *encoding, const struct packed_value *value) {
    encoding->body = (struct bytes){NULL, 0};
    encoding->head_size = 0;
    switch (value->kind) {
    case PACKED_INTEGER:
        encode_integer(encoding, value->integer);
        break;
    case PACKED_DOUBLE:
        encoding->head[0] = (char)HEAD_DOUBLE;
        store_u64(&encoding->head[1], double_bits(value->number));
        encoding->head_size = 9;
        break;
    case PACKED_BYTES:
        encode_bytes(encoding, value->bytes);
        break;
    }
    CHECK(encoding->head_size > 0); /* The kind was one of these. */
    size_t size = encoding->head_size + encoding->body.size;
    encode_tail(encoding, size);
    encoding->size = size + encoding->tail_size;
}

size_t packed_value_size(const struct packed_value *value) {
    struct encoding encoding;
    encode(&encoding, value);
    return encoding.size;
}

/* --- decoding ------------------------------------------------------------------------------ */

static const uint8_t *entry_at(const struct packed *packed, uint32_t at) {
    CHECK(at >= HEADER_SIZE && at < packed->size);
    return (const uint8_t *)packed + at;
}

static struct packed_value decode(const uint8_t *entry) {
    uint8_t head = entry[0];
    if (head <= HEAD_SMALL_INTEGER_MAX) return packed_value_of_integer(head);
    struct packed_value value = {.kind = PACKED_BYTES};
    if (head < HEAD_INTEGER) {
        value.bytes = bytes_of(entry + 1, (size_t)head - HEAD_SHORT_BYTES);
        return value;
    }
    switch (head) {
    case HEAD_BYTES_U8:
        value.bytes = bytes_of(entry + 2, entry[1]);
        return value;
    case HEAD_BYTES_U16:
        value.bytes = bytes_of(entry + 3, load_u16(entry + 1));
        return value;
    case HEAD_BYTES_U32:
        value.bytes = bytes_of(entry + 5, load_u32(entry + 1));
        return value;
    case HEAD_DOUBLE: {
        uint64_t bits = load_u64(entry + 1);
        value.kind = PACKED_DOUBLE;
        memcpy(&value.number, &bits, sizeof(bits));
        return value;
    }
    default:
        break;
    }
    uint32_t width = (uint32_t)head - HEAD_INTEGER + 1;
    CHECK(width <= 8);
    uint64_t bits = 0;
    for (uint32_t i = 0; i < width; i++)
        bits |= (uint64_t)entry[1 + i] << (8 * i);
    uint32_t unused_bits = 64 - 8 * width;
    return packed_value_of_integer((int64_t)(bits << unused_bits) >> unused_bits);
}

/* Of head and body: what the tail says. */
static size_t entry_size_without_tail(const uint8_t *entry) {
    uint8_t head = entry[0];
    if (head <= HEAD_SMALL_INTEGER_MAX) return 1;
    if (head < HEAD_INTEGER) return 1 + (size_t)head - HEAD_SHORT_BYTES;
    switch (head) {
    case HEAD_BYTES_U8:
        return 2 + (size_t)entry[1];
    case HEAD_BYTES_U16:
        return 3 + (size_t)load_u16(entry + 1);
    case HEAD_BYTES_U32:
        return 5 + (size_t)load_u32(entry + 1);
    case HEAD_DOUBLE:
        return 9;
    default:
        return 2 + (size_t)head - HEAD_INTEGER;
    }
}

static size_t entry_size(const uint8_t *entry) {
    size_t size = entry_size_without_tail(entry);
    return size + (size <= TAIL_BYTE_MAX ? 1 : size <= UINT16_MAX ? 3 : 5);
}

/* --- memory -------------------------------------------------------------------------------- */

static void resize(struct packed **packed, size_t size) {
    CHECK(size <= PACKED_SIZE_MAX);
    size_t capacity = memory_round_up(size);
    if (capacity != memory_round_up((*packed)->size)) *packed = memory_resize(*packed, capacity);
    (*packed)->size = (uint32_t)size;
}

struct packed *packed_create(void) {
    struct packed *packed = memory_allocate(memory_round_up(HEADER_SIZE));
    *packed = (struct packed){.size = HEADER_SIZE};
    return packed;
}

void packed_destroy(struct packed *packed) {
    memory_release(packed);
}

struct packed *packed_copy(const struct packed *packed) {
    struct packed *copy = memory_allocate(memory_round_up(packed->size));
    memcpy(copy, packed, packed->size);
    return copy;
}

uint32_t packed_count(const struct packed *packed) {
    return packed->count;
}

uint32_t packed_size(const struct packed *packed) {
    return packed->size;
}

bool packed_fits(const struct packed *packed, size_t more) {
    return more <= PACKED_SIZE_MAX - packed->size;
}

/* --- walking ------------------------------------------------------------------------------- */

uint32_t packed_first(const struct packed *packed) {
    return packed->count == 0 ? PACKED_END : HEADER_SIZE;
}

uint32_t packed_next(const struct packed *packed, uint32_t at) {
    uint32_t next = at + (uint32_t)entry_size(entry_at(packed, at));
    return next == packed->size ? PACKED_END : next;
}

/* Where the entry that ends in front of `end` begins. */
static uint32_t entry_before(const struct packed *packed, uint32_t end) {
    const uint8_t *behind = (const uint8_t *)packed + end;
    uint8_t tail = behind[-1];
    if (tail <= TAIL_BYTE_MAX) return end - tail - 1;
    if (tail == TAIL_U16) return end - load_u16(behind - 3) - 3;
    return end - load_u32(behind - 5) - 5;
}

uint32_t packed_last(const struct packed *packed) {
    return packed->count == 0 ? PACKED_END : entry_before(packed, packed->size);
}

uint32_t packed_previous(const struct packed *packed, uint32_t at) {
    CHECK(at >= HEADER_SIZE && at < packed->size);
    return at == HEADER_SIZE ? PACKED_END : entry_before(packed, at);
}

uint32_t packed_seek(const struct packed *packed, uint32_t index) {
    if (index >= packed->count) return PACKED_END;
    if (index < packed->count / 2) {
        uint32_t at = HEADER_SIZE;
        for (; index > 0; index--)
            at += (uint32_t)entry_size(entry_at(packed, at));
        return at;
    }
    uint32_t at = packed->size;
    for (uint32_t steps = packed->count - index; steps > 0; steps--)
        at = entry_before(packed, at);
    return at;
}

struct packed_value packed_get(const struct packed *packed, uint32_t at) {
    return decode(entry_at(packed, at));
}

/* An encoding is unique, so comparing encoded heads and bodies compares values. Texts in one list
 * tend to begin alike, so the last byte of the body is looked at before the rest. */
static inline bool entry_equals(const uint8_t *entry, const struct encoding *wanted) {
    if (entry[0] != (uint8_t)wanted->head[0]) return false;
    if (memcmp(entry + 1, wanted->head + 1, wanted->head_size - 1u) != 0) return false;
    size_t size = wanted->body.size;
    if (size == 0) return true;
    const char *body = (const char *)entry + wanted->head_size;
    return body[size - 1] == wanted->body.data[size - 1] &&
           memcmp(body, wanted->body.data, size - 1) == 0;
}

uint32_t packed_find(const struct packed *packed, uint32_t at, const struct packed_value *value,
                     uint32_t stride) {
    CHECK(stride > 0);
    struct encoding wanted;
    encode(&wanted, value);
    if (at == PACKED_END) return PACKED_END;
    for (uint32_t skip = 0; at < packed->size; skip = skip == 0 ? stride - 1 : skip - 1) {
        const uint8_t *entry = (const uint8_t *)packed + at;
        size_t size = entry_size(entry);
        if (skip == 0 && size == wanted.size && entry_equals(entry, &wanted)) return at;
        at += (uint32_t)size;
    }
    return PACKED_END;
}

/* --- changing ------------------------------------------------------------------------------ */

/* Makes the bytes [at, at + old_size) new_size long: what follows moves. */
static void change_gap(struct packed **packed, uint32_t at, size_t old_size, size_t new_size) {
    size_t size = (*packed)->size;
    size_t behind = size - at - old_size;
    if (new_size > old_size) resize(packed, size + new_size - old_size);
    char *gap = (char *)*packed + at;
    if (behind > 0 && new_size != old_size) memmove(gap + new_size, gap + old_size, behind);
    if (new_size < old_size) resize(packed, size + new_size - old_size);
}

static void write_entry(struct packed *packed, uint32_t at, const struct encoding *encoding) {
    char *entry = (char *)packed + at;
    memcpy(entry, encoding->head, encoding->head_size);
    entry += encoding->head_size;
    if (encoding->body.size > 0) memcpy(entry, encoding->body.data, encoding->body.size);
    memcpy(entry + encoding->body.size, encoding->tail, encoding->tail_size);
}

/* Writes the value over the bytes [at, at + old_size). A value that lies in the list itself would
 * move under the copy, so it is copied out first. */
static void put_value(struct packed **packed, uint32_t at, size_t old_size,
                      const struct packed_value *value) {
    struct encoding encoding;
    encode(&encoding, value);
    void *copied = NULL;
    uintptr_t offset = (uintptr_t)encoding.body.data - (uintptr_t)*packed;
    if (encoding.body.size > 0 && offset < (*packed)->size) {
        copied = memory_allocate(encoding.body.size);
        memcpy(copied, encoding.body.data, encoding.body.size);
        encoding.body.data = copied;
    }
    change_gap(packed, at, old_size, encoding.size);
    write_entry(*packed, at, &encoding);
    if (copied != NULL) memory_release(copied);
}

uint32_t packed_insert(struct packed **packed, uint32_t at, const struct packed_value *value) {
    if (at == PACKED_END) at = (*packed)->size;
    CHECK(at >= HEADER_SIZE && at <= (*packed)->size);
    put_value(packed, at, 0, value);
    (*packed)->count += 1;
    return at;
}

void packed_replace(struct packed **packed, uint32_t at, const struct packed_value *value) {
    put_value(packed, at, entry_size(entry_at(*packed, at)), value);
}

uint32_t packed_delete(struct packed **packed, uint32_t at, uint32_t count) {
    CHECK(at >= HEADER_SIZE && at < (*packed)->size);
    uint32_t end = at, deleted = 0;
    for (; deleted < count && end < (*packed)->size; deleted++)
        end += (uint32_t)entry_size(entry_at(*packed, end));
    change_gap(packed, at, end - at, 0);
    (*packed)->count -= deleted;
    return at == (*packed)->size ? PACKED_END : at;
}

struct packed *packed_split(struct packed **packed, uint32_t at) {
    CHECK(at >= HEADER_SIZE && at < (*packed)->size);
    uint32_t moved_size = (*packed)->size - at, moved_count = 0;
    for (uint32_t walk = at; walk != PACKED_END; walk = packed_next(*packed, walk))
        moved_count++;
    struct packed *rest = packed_create();
    resize(&rest, HEADER_SIZE + (size_t)moved_size);
    memcpy(rest->entries, (const char *)*packed + at, moved_size);
    rest->count = moved_count;
    resize(packed, at);
    (*packed)->count -= moved_count;
    return rest;
}

void packed_append_all(struct packed **packed, const struct packed *from) {
    CHECK(*packed != from);
    uint32_t at = (*packed)->size;
    uint32_t added_size = from->size - (uint32_t)HEADER_SIZE;
    resize(packed, (size_t)at + added_size);
    memcpy((char *)*packed + at, from->entries, added_size);
    (*packed)->count += from->count;
}

/* --- for digests, bounds and tests --------------------------------------------------------- */

uint64_t packed_digest(const struct packed *packed) {
    return hash_bytes(bytes_of(packed, packed->size), 0);
}

size_t packed_memory(const struct packed *packed) {
    return memory_usable_size(packed);
}

void packed_check(const struct packed *packed) {
    CHECK(packed->size >= HEADER_SIZE && packed->size <= PACKED_SIZE_MAX);
    uint32_t count = 0, at = HEADER_SIZE;
    while (at < packed->size) {
        const uint8_t *entry = entry_at(packed, at);
        size_t size = entry_size(entry);
        CHECK(size <= packed->size - at);
        CHECK(entry_before(packed, at + (uint32_t)size) == at);
        struct packed_value value = decode(entry);
        CHECK(packed_value_size(&value) == size); /* the one encoding, the shortest */
        at += (uint32_t)size;
        count++;
    }
    CHECK(at == packed->size);
    CHECK(count == packed->count);
}
