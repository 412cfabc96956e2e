/* segments.h: an array of equal elements in segments that never move, for collections that must
 * grow and shrink without a long pause.
 *
 * Segment 0 starts small and doubles up to the full segment size; from then on whole segments are
 * added and given back, so no call copies more than one segment (and, rarely, the directory of
 * 8 bytes a segment). A zeroed struct is an empty array. New elements are not initialized.
 * Counts are in elements; one layout, a constant of the user, goes with each array. */
#pragma once

#include "base/bytes.h"

struct segments_layout {
    uint32_t element_size; /* bytes */
    uint32_t shift;        /* a full segment has 2^shift elements */
    uint32_t first;        /* elements of the smallest segment 0; a power of two */
};

struct segments {
    char **directory;
    uint32_t count;          /* segments in the directory */
    uint32_t first_capacity; /* elements of segment 0; 2^shift as soon as count > 1 */
};

/* Makes room for elements 0 .. count-1. May move the elements of segment 0 while it is the only
 * one. */
void segments_grow(struct segments *segments, struct segments_layout layout, uint64_t count);
/* Gives memory back when far fewer than what is there are needed for `count` elements. */
void segments_shrink(struct segments *segments, struct segments_layout layout, uint64_t count);
void segments_clear(struct segments *segments);
/* Releases up to *budget segments from the end and takes their number off it; true when all are
 * gone. The array is good for nothing else any more. */
bool segments_clear_some(struct segments *segments, uint64_t *budget);
size_t segments_memory(const struct segments *segments, struct segments_layout layout);

static inline uint64_t segments_capacity(const struct segments *segments,
                                         struct segments_layout layout) {
    if (segments->count <= 1) return segments->first_capacity;
    return (uint64_t)segments->count << layout.shift;
}

static inline void segments_reserve(struct segments *segments, struct segments_layout layout,
                                    uint64_t count) {
    if (UNLIKELY(count > segments_capacity(segments, layout)))
        segments_grow(segments, layout, count);
}

/* Requires that the index lies within what was reserved. */
static inline void *segments_at(const struct segments *segments, struct segments_layout layout,
                                uint64_t index) {
    return segments->directory[index >> layout.shift] +
           (index & ((1ull << layout.shift) - 1)) * layout.element_size;
}
