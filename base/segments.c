/* segments.c: growth and shrinking, a segment at a time.
 *
 * Shrinking keeps one segment in reserve, and halves segment 0 only at a quarter of its use, so
 * that an array around a boundary does not allocate at every step. */
#include "base/segments.h"

#include "base/memory.h"

static void directory_resize(struct segments *segments, uint32_t count) {
    /* The directory's capacity is the next power of two: no field is needed for it. */
    if ((count & (count - 1)) == 0)
        segments->directory =
            memory_resize(segments->directory, 2 * (size_t)count * sizeof(char *));
}

void segments_grow(struct segments *segments, struct segments_layout layout, uint64_t count) {
    uint32_t full = 1u << layout.shift;
    if (segments->count == 0) {
        segments->directory = memory_allocate(2 * sizeof(char *));
        segments->directory[0] = NULL;
        segments->count = 1;
    }
    if (segments->first_capacity < full) {
        uint32_t capacity = segments->first_capacity == 0 ? layout.first : segments->first_capacity;
        while (capacity < count && capacity < full)
            capacity *= 2;
        segments->directory[0] =
            memory_resize(segments->directory[0], (size_t)capacity * layout.element_size);
        segments->first_capacity = capacity;
    }
    while (segments_capacity(segments, layout) < count) {
        directory_resize(segments, segments->count);
        segments->directory[segments->count] = memory_allocate((size_t)full * layout.element_size);
        segments->count++;
    }
}

void segments_shrink(struct segments *segments, struct segments_layout layout, uint64_t count) {
    uint64_t full = 1ull << layout.shift;
    while (segments->count > 1 && count + full <= (uint64_t)(segments->count - 1) << layout.shift) {
        segments->count--;
        memory_release(segments->directory[segments->count]);
    }
    if (segments->count != 1 || segments->first_capacity <= layout.first) return;
    if (count > segments->first_capacity / 4) return;
    segments->first_capacity /= 2;
    segments->directory[0] = memory_resize(segments->directory[0],
                                           (size_t)segments->first_capacity * layout.element_size);
}

bool segments_clear_some(struct segments *segments, uint64_t *budget) {
    for (; segments->count > 0 && *budget > 0; (*budget)--)
        memory_release(segments->directory[--segments->count]);
    if (segments->count > 0) return false;
    memory_release(segments->directory);
    *segments = (struct segments){0};
    return true;
}

void segments_clear(struct segments *segments) {
    uint64_t budget = UINT64_MAX;
    segments_clear_some(segments, &budget);
}

size_t segments_memory(const struct segments *segments, struct segments_layout layout) {
    return segments_capacity(segments, layout) * layout.element_size +
           segments->count * sizeof(char *);
}
