/* listpack.c: each value in its shortest form, as Redis writes it. */
#include "storages/listpack.h"

/* A value as it will be written: a head, then perhaps the bytes of a string. */
struct form {
    char head[9];
    uint8_t head_size;
    struct bytes body;
    char text[NUMBER_DOUBLE_TEXT_MAX]; /* where a double is printed */
};

static void form_integer(struct form *form, int64_t value) {
    uint64_t bits = (uint64_t)value;
    if (value >= 0 && value <= LISTPACK_UINT7_MAX) {
        form->head[0] = (char)value;
        form->head_size = 1;
    } else if (value >= -4096 && value <= 4095) {
        form->head[0] = (char)(LISTPACK_INT13 | (bits >> 8 & 0x1f));
        form->head[1] = (char)bits;
        form->head_size = 2;
    } else {
        static const struct {
            uint8_t head, width;
        } wide[] = {{LISTPACK_INT16, 2}, {LISTPACK_INT24, 3}, {LISTPACK_INT32, 4}};
        form->head[0] = (char)LISTPACK_INT64;
        form->head_size = 9;
        for (size_t i = 0; i < COUNT_OF(wide); i++) {
            int64_t limit = (int64_t)1 << (8 * wide[i].width - 1);
            if (value < -limit || value >= limit) continue;
            form->head[0] = (char)wide[i].head;
            form->head_size = 1 + wide[i].width;
            break;
        }
        store_u64(form->head + 1, bits);
    }
}

static void form_bytes(struct form *form, struct bytes bytes) {
    form->body = bytes;
    if (bytes.size < 64) {
        form->head[0] = (char)(LISTPACK_BYTES_6 | bytes.size);
        form->head_size = 1;
    } else if (bytes.size < 4096) {
        form->head[0] = (char)(LISTPACK_BYTES_12 | bytes.size >> 8);
        form->head[1] = (char)bytes.size;
        form->head_size = 2;
    } else {
        form->head[0] = (char)LISTPACK_BYTES_32;
        store_u32(form->head + 1, (uint32_t)bytes.size);
        form->head_size = 5;
    }
}

static void form_value(struct form *form, const struct packed_value *value) {
    form->body = (struct bytes){0};
    form->head_size = 0;
    switch (value->kind) {
    case PACKED_INTEGER:
        form_integer(form, value->integer);
        break;
    case PACKED_DOUBLE:
        form_bytes(form, bytes_of(form->text, number_print_double(form->text, value->number)));
        break;
    case PACKED_BYTES:
        form_bytes(form, value->bytes);
        break;
    }
}

/* The bounds are Redis's own, which it repeats when it checks: the size in one more byte begins
 * one value before it has to. */
unsigned listpack_back_size(size_t entry_size) {
    if (entry_size <= 127) return 1;
    if (entry_size < 16383) return 2;
    if (entry_size < 2097151) return 3;
    return entry_size < 268435455 ? 4 : 5;
}

size_t listpack_value_size(const struct packed_value *value) {
    struct form form;
    form_value(&form, value);
    size_t size = form.head_size + form.body.size;
    return size + listpack_back_size(size);
}

void listpack_append(struct buffer *out, const struct packed_value *value) {
    struct form form;
    form_value(&form, value);
    size_t size = form.head_size + form.body.size;
    unsigned back_size = listpack_back_size(size);
    buffer_append(out, form.head, form.head_size);
    buffer_append_bytes(out, form.body);
    /* Seven bits a byte, the highest first; all but the first have the upper bit. */
    for (unsigned i = back_size; i-- > 0;)
        buffer_append_byte(out, (char)((size >> 7 * i & 0x7f) | (i + 1 < back_size ? 0x80 : 0)));
}

void listpack_write_header(char at[static LISTPACK_HEADER_SIZE], uint64_t entries_size,
                           uint64_t count) {
    CHECK(listpack_fits(entries_size));
    store_u32(at, (uint32_t)entries_size + LISTPACK_HEADER_SIZE + 1);
    store_u16(at + 4, count < LISTPACK_COUNT_UNKNOWN ? (uint16_t)count : LISTPACK_COUNT_UNKNOWN);
}
