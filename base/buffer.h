/* buffer.h: a growable string of bytes that owns its memory.
 *
 * A zeroed struct is an empty buffer. Appending may move the data, so pointers and spans into it
 * are valid only until the next append, reserve or clear. Sizes are in bytes. */
#pragma once

#include <stdarg.h>

#include "base/bytes.h"

struct buffer {
    char *data;
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
};

void buffer_clear(struct buffer *buffer); /* Releases the memory; empty afterwards. */

/* Makes room for `more` bytes behind the used ones and returns where they go; the caller then
 * fills them and adds to size. Growth doubles. */
char *buffer_reserve_slow(struct buffer *buffer, size_t more);
static inline char *buffer_reserve(struct buffer *buffer, size_t more) {
    if (UNLIKELY(buffer->capacity - buffer->size < more)) return buffer_reserve_slow(buffer, more);
    return buffer->data + buffer->size;
}

static inline void buffer_append(struct buffer *buffer, const void *data, size_t size) {
    if (size == 0) return;
    memcpy(buffer_reserve(buffer, size), data, size);
    buffer->size += size;
}
static inline void buffer_append_bytes(struct buffer *buffer, struct bytes bytes) {
    buffer_append(buffer, bytes.data, bytes.size);
}
static inline void buffer_append_byte(struct buffer *buffer, char byte) {
    *buffer_reserve(buffer, 1) = byte;
    buffer->size += 1;
}
static inline void buffer_append_u32(struct buffer *buffer, uint32_t value) {
    buffer_append(buffer, &value, sizeof(value));
}
static inline void buffer_append_u64(struct buffer *buffer, uint64_t value) {
    buffer_append(buffer, &value, sizeof(value));
}

/* Formatted text without a terminating zero. */
PRINTF_LIKE(2, 3) void buffer_append_format(struct buffer *buffer, const char *format, ...);
void buffer_append_format_list(struct buffer *buffer, const char *format, va_list arguments);

/* Forgets the first `size` bytes: the rest moves to the front. Requires size <= buffer->size. */
void buffer_consume(struct buffer *buffer, size_t size);

/* Gives back memory if far more is allocated than used (above 1 KiB and twice the use). */
void buffer_trim(struct buffer *buffer);

static inline struct bytes buffer_bytes(const struct buffer *buffer) {
    return (struct bytes){buffer->data, buffer->size};
}
