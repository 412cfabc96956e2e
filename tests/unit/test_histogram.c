/* The histogram: which bucket, and what percentiles say. */
#include <criterion/criterion.h>

#include "base/check.h"
#include "base/histogram.h"

static const struct {
    uint64_t value, highest;
} buckets[] = {
    {0, 0},         {255, 255},
    {256, 257},     {257, 257},
    {511, 511},     {512, 515},
    {1024, 1031},   {4000, 4015}, /* Redis 7.0.15 shows 4.015 for these */
    {4015, 4015},   {4016, 4031},
    {32768, 33023}, {1000000000, 1002438655},
};

Test(histogram, keeps_two_digits) {
    for (size_t i = 0; i < COUNT_OF(buckets); i++)
        cr_expect_eq(histogram_highest(buckets[i].value), buckets[i].highest, "%llu",
                     (unsigned long long)buckets[i].value);
    cr_expect_eq(histogram_highest(UINT64_MAX), HISTOGRAM_VALUE_MAX);
    uint64_t before = 0;
    for (uint64_t value = 1; value < HISTOGRAM_VALUE_MAX; value += value / 50 + 1) {
        uint64_t highest = histogram_highest(value);
        cr_assert(highest >= value && highest >= before && highest <= value + value / 127);
        before = highest;
    }
}

Test(histogram, tells_percentiles_and_sums) {
    static struct histogram histogram;
    cr_expect_eq(histogram_percentile(&histogram, 50), 0);
    for (uint64_t value = 1; value <= 200; value++)
        histogram_add(&histogram, value);
    cr_expect_eq(histogram.total, 200);
    cr_expect_eq(histogram_percentile(&histogram, 0), 1);
    cr_expect_eq(histogram_percentile(&histogram, 50), 100);
    cr_expect_eq(histogram_percentile(&histogram, 99), 198);
    cr_expect_eq(histogram_percentile(&histogram, 100), 200);
    cr_expect_eq(histogram_count_until(&histogram, 0), 0);
    cr_expect_eq(histogram_count_until(&histogram, 150), 150);
    cr_expect_eq(histogram_count_until(&histogram, UINT64_MAX), 200);
    histogram_add(&histogram, UINT64_MAX);
    cr_expect_eq(histogram_percentile(&histogram, 100), HISTOGRAM_VALUE_MAX);
}
