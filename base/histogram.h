/* histogram.h: how often which durations were seen, with two significant digits.
 *
 * Buckets as in HdrHistogram (Tene), the form that Redis uses: below 256 each value has its own;
 * above, each power of two is cut into 128 equal parts, so a value is off by less than 0.8 %.
 * Values are in nanoseconds; those above HISTOGRAM_VALUE_MAX count as that.
 *
 * Ownership: fixed size, no pointers; a zeroed one is empty. */
#pragma once

#include "base/bytes.h"

enum {
    HISTOGRAM_PARTS = 128,  /* of each power of two */
    HISTOGRAM_OCTAVES = 29, /* above the first 256 values: up to 137 s */
    HISTOGRAM_BUCKETS = (HISTOGRAM_OCTAVES + 2) * HISTOGRAM_PARTS,
};
#define HISTOGRAM_VALUE_MAX (((uint64_t)256 << HISTOGRAM_OCTAVES) - 1)

struct histogram {
    uint64_t total;
    uint64_t counts[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);
/* The highest value of the bucket that `value` belongs to. */
uint64_t histogram_highest(uint64_t value);
/* The smallest bucket's highest value below or at which `percent` of all values lie (0..100);
 * 0 when empty. */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);
/* How many values lie in the bucket of `value` and below. */
uint64_t histogram_count_until(const struct histogram *histogram, uint64_t value);
