/* rdb_text.c: see rdb_text.h. The ziplists and zipmaps here follow Redis's description of them, not
 * our reader. */
#include "tests/unit/rdb_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/crc64.h"
#include "base/number.h"
#include "storages/listpack.h"

/* --- packed lists ----------------------------------------------------------------------------- */

static void append_listpack_element(struct buffer *list, struct bytes element) {
    struct packed_value value = packed_value_of(element);
    listpack_append(list, &value);
}

static void make_listpack(struct buffer *list, uint32_t count) {
    char header[LISTPACK_HEADER_SIZE];
    size_t size = list->size;
    listpack_write_header(header, size, count);
    buffer_reserve(list, sizeof(header) + 1);
    memmove(list->data + sizeof(header), list->data, size);
    memcpy(list->data, header, sizeof(header));
    list->size += sizeof(header);
    buffer_append_byte(list, (char)LISTPACK_END);
}

static size_t ziplist_previous; /* size of the element before */

static void append_ziplist_integer(struct buffer *list, int64_t value) {
    static const struct {
        uint8_t head, bytes;
    } forms[] = {{0xfe, 1}, {0xc0, 2}, {0xf0, 3}, {0xd0, 4}, {0xe0, 8}};
    if (value >= 0 && value <= 12) {
        buffer_append_byte(list, (char)(0xf1 + value));
        return;
    }
    size_t i = 0;
    while (forms[i].bytes < 8 &&
           (value < -(1ll << (8 * forms[i].bytes - 1)) || value >= 1ll << (8 * forms[i].bytes - 1)))
        i++;
    buffer_append_byte(list, (char)forms[i].head);
    buffer_append(list, &value, forms[i].bytes);
}

static void append_ziplist_element(struct buffer *list, struct bytes element) {
    size_t start = list->size;
    if (ziplist_previous < 254) {
        buffer_append_byte(list, (char)ziplist_previous);
    } else {
        buffer_append_byte(list, (char)254);
        buffer_append_u32(list, (uint32_t)ziplist_previous);
    }
    struct packed_value value = packed_value_of(element);
    if (value.kind == PACKED_INTEGER) {
        append_ziplist_integer(list, value.integer);
    } else {
        if (element.size < 64) {
            buffer_append_byte(list, (char)element.size);
        } else if (element.size < 16384) {
            buffer_append_byte(list, (char)(0x40 | element.size >> 8));
            buffer_append_byte(list, (char)element.size);
        } else {
            buffer_append_byte(list, (char)0x80);
            buffer_append_u32(list, __builtin_bswap32((uint32_t)element.size));
        }
        buffer_append_bytes(list, element);
    }
    ziplist_previous = list->size - start;
}

static void make_ziplist(struct buffer *list, uint32_t count) {
    enum { HEADER_SIZE = 10 };
    size_t size = list->size;
    buffer_reserve(list, HEADER_SIZE + 1);
    memmove(list->data + HEADER_SIZE, list->data, size);
    store_u32(list->data, (uint32_t)size + HEADER_SIZE + 1);
    store_u32(list->data + 4, (uint32_t)(HEADER_SIZE + size - ziplist_previous));
    store_u16(list->data + 8, (uint16_t)count);
    list->size += HEADER_SIZE;
    buffer_append_byte(list, (char)0xff);
    ziplist_previous = 0;
}

static bool zipmap_is_value;

static void append_zipmap_element(struct buffer *list, struct bytes element) {
    if (element.size < 254) {
        buffer_append_byte(list, (char)element.size);
    } else {
        buffer_append_byte(list, (char)254);
        buffer_append_u32(list, (uint32_t)element.size);
    }
    if (zipmap_is_value) buffer_append_byte(list, 1);
    buffer_append_bytes(list, element);
    if (zipmap_is_value) buffer_append_byte(list, '!');
    zipmap_is_value = !zipmap_is_value;
}

static void make_zipmap(struct buffer *list, uint32_t count) {
    buffer_reserve(list, 2);
    memmove(list->data + 1, list->data, list->size);
    list->data[0] = (char)(count / 2);
    list->size++;
    buffer_append_byte(list, (char)0xff);
}

static void append_integer(struct buffer *list, struct bytes element) {
    int64_t value;
    cr_assert(number_parse_i64(element, &value));
    buffer_append(list, &value, 2);
}

static void make_intset(struct buffer *list, uint32_t count) {
    buffer_reserve(list, 8);
    memmove(list->data + 8, list->data, list->size);
    store_u32(list->data, 2);
    store_u32(list->data + 4, count);
    list->size += 8;
}

static const struct {
    char letter;
    void (*append)(struct buffer *list, struct bytes element);
    void (*make)(struct buffer *list, uint32_t count);
} kinds[] = {{'L', append_listpack_element, make_listpack},
             {'Z', append_ziplist_element, make_ziplist},
             {'M', append_zipmap_element, make_zipmap},
             {'I', append_integer, make_intset}};

static void append_element(struct buffer *list, size_t kind, const char *at, size_t size) {
    struct buffer element = {0};
    buffer_reserve(&element, 1);
    if (size > 2 && at[1] == '*') {
        size_t times = (size_t)atoi(at + 2);
        memset(buffer_reserve(&element, times), at[0], times);
        element.size = times;
    } else {
        buffer_append(&element, at, size);
    }
    kinds[kind].append(list, buffer_bytes(&element));
    buffer_clear(&element);
}

static void append_packed(struct buffer *out, char letter, const char *at, const char *end) {
    struct buffer list = {0};
    uint32_t count = 0;
    size_t kind = 0;
    while (kinds[kind].letter != (letter & ~0x20))
        kind++;
    for (; at < end; count++) {
        const char *bar = memchr(at, '|', (size_t)(end - at));
        const char *stop = bar == NULL ? end : bar;
        append_element(&list, kind, at, (size_t)(stop - at));
        at = stop + 1;
    }
    kinds[kind].make(&list, count);
    if (!(letter & 0x20)) {
        buffer_append_byte(out, (char)0x80);
        buffer_append_u32(out, __builtin_bswap32((uint32_t)list.size));
    }
    buffer_append_bytes(out, buffer_bytes(&list));
    buffer_clear(&list);
}

/* --- texts ------------------------------------------------------------------------------------ */

static const char *append_quoted(struct buffer *out, const char *at) {
    char letter = at[0] == '"' || at[0] == '\'' ? 0 : *at++;
    const char *end = strchr(at + 1, at[0]);
    cr_assert_neq(end, NULL, "unbalanced quotes");
    size_t size = (size_t)(end - at - 1);
    if (letter != 0) {
        append_packed(out, letter, at + 1, end);
    } else {
        cr_assert(at[0] == '\'' || size < 64);
        if (at[0] == '"') buffer_append_byte(out, (char)size);
        buffer_append(out, at + 1, size);
    }
    return end + 1;
}

void rdb_text_append(struct buffer *out, const char *text) {
    while (*text != 0) {
        if (*text == ' ') {
            text++;
        } else if (strchr("\"'LZMIlzmi", *text) != NULL) {
            text = append_quoted(out, text);
        } else {
            char *end;
            buffer_append_byte(out, (char)strtoul(text, &end, 16));
            cr_assert_eq(end - text, 2, "no word: %s", text);
            text = end;
        }
    }
}

void rdb_text_sum(struct buffer *file) {
    struct crc64 crc;
    crc64_init(&crc);
    crc64_add(&crc, bytes_of(file->data, file->size - 8));
    store_u64(file->data + file->size - 8, crc.sum);
}

void rdb_text_file(struct buffer *out, unsigned version, const char *text) {
    out->size = 0;
    buffer_append_format(out, "REDIS%04u", version);
    rdb_text_append(out, text);
    buffer_append_byte(out, (char)0xff);
    if (version < 5) return;
    buffer_append_u64(out, 0);
    rdb_text_sum(out);
}
