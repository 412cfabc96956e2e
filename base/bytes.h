/* bytes.h: a lent span of bytes.
 *
 * struct bytes never owns what it points to; whoever hands one out says how long it stays valid.
 * Sizes are in bytes. An empty span may have any pointer, also NULL. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"

struct bytes {
    const char *data;
    size_t size;
};

/* BYTES("text"): the span of a string literal, without its terminating zero. */
#define BYTES(literal) ((struct bytes){"" literal, sizeof(literal) - 1})

static inline struct bytes bytes_of(const void *data, size_t size) {
    return (struct bytes){data, size};
}

static inline struct bytes bytes_of_text(const char *text) {
    return (struct bytes){text, strlen(text)};
}

static inline bool bytes_equal(struct bytes a, struct bytes b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Lexicographic by unsigned byte, a prefix before what it begins: <0, 0 or >0. */
static inline int bytes_compare(struct bytes a, struct bytes b) {
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0) return order;
    return (a.size > b.size) - (a.size < b.size);
}

/* The part from `start` on, at most `size` bytes long. Requires start <= span.size. */
static inline struct bytes bytes_slice(struct bytes span, size_t start, size_t size) {
    CHECK(start <= span.size);
    size_t rest = span.size - start;
    const char *data = start == 0 ? span.data : span.data + start; /* NULL + 0 is undefined */
    return (struct bytes){data, size < rest ? size : rest};
}

/* Equal but for the case of ASCII letters (the locale never counts). */
bool bytes_equal_ignoring_case(struct bytes a, struct bytes b);

static inline char byte_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* As isspace in the C locale. */
static inline bool byte_is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Fixed-width little-endian numbers at any alignment: the byte order of every format of ours. */
#define BYTES_DEFINE_LOAD_STORE(bits)                                                              \
    static inline uint##bits##_t load_u##bits(const void *at) {                                    \
        uint##bits##_t value;                                                                      \
        memcpy(&value, at, sizeof(value));                                                         \
        return value;                                                                              \
    }                                                                                              \
    static inline void store_u##bits(void *at, uint##bits##_t value) {                             \
        memcpy(at, &value, sizeof(value));                                                         \
    }
BYTES_DEFINE_LOAD_STORE(16)
BYTES_DEFINE_LOAD_STORE(32)
BYTES_DEFINE_LOAD_STORE(64)
#undef BYTES_DEFINE_LOAD_STORE
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "our formats are little-endian");
