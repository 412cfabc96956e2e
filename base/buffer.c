/* buffer.c: growth by doubling, so that n appended bytes cost O(n) copies. */
#include "base/buffer.h"

#include <stdio.h>

#include "base/memory.h"

static const size_t buffer_first_capacity = 64;

void buffer_clear(struct buffer *buffer) {
    memory_release(buffer->data);
    *buffer = (struct buffer){0};
}

char *buffer_reserve_slow(struct buffer *buffer, size_t more) {
    CHECK(more <= SIZE_MAX / 4 && buffer->size <= SIZE_MAX / 4);
    size_t needed = buffer->size + more;
    size_t capacity =
        buffer->capacity < buffer_first_capacity ? buffer_first_capacity : buffer->capacity * 2;
    if (capacity < needed) capacity = needed;
    buffer->data = memory_resize(buffer->data, capacity);
    buffer->capacity = capacity;
    return buffer->data + buffer->size;
}

void buffer_append_format_list(struct buffer *buffer, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    size_t room = 128;
    char *at = buffer_reserve(buffer, room);
    int written = vsnprintf(at, room, format, arguments);
    CHECK(written >= 0);
    if ((size_t)written >= room) {
        room = (size_t)written + 1;
        at = buffer_reserve(buffer, room);
        written = vsnprintf(at, room, format, again);
        CHECK(written >= 0 && (size_t)written < room);
    }
    va_end(again);
    buffer->size += (size_t)written;
}

void buffer_append_format(struct buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    buffer_append_format_list(buffer, format, arguments);
    va_end(arguments);
}

void buffer_consume(struct buffer *buffer, size_t size) {
    CHECK(size <= buffer->size);
    if (size == 0) return;
    buffer->size -= size;
    memmove(buffer->data, buffer->data + size, buffer->size);
}

void buffer_trim(struct buffer *buffer) {
    if (buffer->capacity <= 1024 || buffer->capacity / 2 <= buffer->size) return;
    if (buffer->size == 0) {
        buffer_clear(buffer);
        return;
    }
    buffer->data = memory_resize(buffer->data, buffer->size);
    buffer->capacity = buffer->size;
}
