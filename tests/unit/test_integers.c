/* The ascending list of integers: widths, borders, and what a copy and a digest say. */
#include <criterion/criterion.h>

#include "base/check.h"
#include "base/integers.h"

static const int64_t values[] = {
    0,          -1,         1,           32767,       32768,     -32768,    -32769,
    2147483647, 2147483648, -2147483648, -2147483649, INT64_MAX, INT64_MIN,
};

static struct integers *create_with_all(void) {
    struct integers *integers = integers_create();
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        cr_expect(integers_add(&integers, values[i]), "value %zu", i);
        integers_check(integers);
    }
    return integers;
}

Test(integers, keep_their_order_through_every_width) {
    struct integers *integers = create_with_all();
    cr_expect_eq(integers_count(integers), COUNT_OF(values));
    cr_expect_eq(integers_at(integers, 0), INT64_MIN);
    cr_expect_eq(integers_at(integers, COUNT_OF(values) - 1), INT64_MAX);
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        uint32_t index;
        cr_expect(integers_find(integers, values[i], &index), "value %zu", i);
        cr_expect_eq(integers_at(integers, index), values[i], "value %zu", i);
        cr_expect_not(integers_add(&integers, values[i]), "value %zu", i);
    }
    integers_destroy(integers);
}

Test(integers, find_where_an_absent_one_would_stand) {
    static const struct {
        int64_t value;
        uint32_t index;
    } cases[] = {{-5, 0}, {15, 1}, {25, 2}, {35, 3}};
    struct integers *integers = integers_create();
    uint32_t index;
    cr_expect_not(integers_find(integers, 7, &index));
    cr_expect_eq(index, 0);
    for (int64_t value = 10; value <= 30; value += 10)
        integers_add(&integers, value);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cr_expect_not(integers_find(integers, cases[i].value, &index));
        cr_expect_eq(index, cases[i].index, "case %zu", i);
    }
    integers_destroy(integers);
}

Test(integers, the_digest_is_of_the_values_not_of_their_width) {
    struct integers *wide = create_with_all(), *narrow = integers_create();
    struct integers *copy = integers_copy(wide);
    cr_expect_eq(integers_digest(copy), integers_digest(wide));
    for (size_t i = 3; i < COUNT_OF(values); i++) {
        cr_expect(integers_remove(&wide, values[i]));
        cr_expect_not(integers_remove(&wide, values[i]));
        integers_check(wide);
    }
    cr_expect_neq(integers_digest(copy), integers_digest(wide));
    for (size_t i = 0; i < 3; i++)
        integers_add(&narrow, values[i]);
    cr_expect_eq(integers_digest(narrow), integers_digest(wide));
    cr_expect_lt(integers_memory(narrow), integers_memory(copy));
    integers_destroy(wide);
    integers_destroy(narrow);
    integers_destroy(copy);
}
