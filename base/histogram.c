/* histogram.c: see histogram.h. */
#include "base/histogram.h"

/* Values of one power of two differ in the bits behind their highest eight. */
static unsigned shift_of(uint64_t value) {
    if (value < 2 * HISTOGRAM_PARTS) return 0;
    return 63u - (unsigned)__builtin_clzll(value) - 7u;
}

static uint32_t bucket_of(uint64_t value) {
    if (value > HISTOGRAM_VALUE_MAX) value = HISTOGRAM_VALUE_MAX;
    unsigned shift = shift_of(value);
    return shift * HISTOGRAM_PARTS + (uint32_t)(value >> shift);
}

static uint64_t highest_of(uint32_t bucket) {
    if (bucket < 2 * HISTOGRAM_PARTS) return bucket;
    unsigned shift = bucket / HISTOGRAM_PARTS - 1;
    return ((uint64_t)(bucket - shift * HISTOGRAM_PARTS + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value) {
    histogram->counts[bucket_of(value)]++;
    histogram->total++;
}

uint64_t histogram_highest(uint64_t value) {
    return highest_of(bucket_of(value));
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent) {
    uint64_t wanted = (uint64_t)(percent / 100 * (double)histogram->total + 0.5), seen = 0;
    if (histogram->total == 0) return 0;
    if (wanted == 0) wanted = 1;
    uint32_t bucket = 0;
    while ((seen += histogram->counts[bucket]) < wanted && bucket + 1 < HISTOGRAM_BUCKETS)
        bucket++;
    return highest_of(bucket);
}

uint64_t histogram_count_until(const struct histogram *histogram, uint64_t value) {
    uint32_t last = bucket_of(value);
    uint64_t count = 0;
    for (uint32_t bucket = 0; bucket <= last; bucket++)
        count += histogram->counts[bucket];
    return count;
}
