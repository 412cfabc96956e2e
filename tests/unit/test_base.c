/* The base folder: spans, buffers, random numbers. */
#include <criterion/criterion.h>

#include "base/buffer.h"
#include "base/random.h"

Test(bytes, compares_as_unsigned_bytes_with_prefixes_first) {
    static const struct {
        const char *a, *b;
        int sign;
    } cases[] = {{"", "", 0}, {"a", "", 1}, {"a", "ab", -1}, {"b", "ab", 1}, {"\xff", "a", 1}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int order = bytes_compare(bytes_of_text(cases[i].a), bytes_of_text(cases[i].b));
        cr_expect_eq((order > 0) - (order < 0), cases[i].sign, "case %zu", i);
    }
}

Test(buffer, keeps_what_is_appended_through_growth_and_consumption) {
    struct buffer buffer = {0};
    for (int i = 0; i < 1000; i++)
        buffer_append_format(&buffer, "%04d", i);
    cr_expect_eq(buffer.size, 4000);
    buffer_consume(&buffer, 3996);
    cr_expect(bytes_equal(buffer_bytes(&buffer), BYTES("0999")));
    buffer_clear(&buffer);
}

Test(random, is_the_same_for_the_same_seed_and_within_its_bound) {
    struct random a, b;
    random_init(&a, 7);
    random_init(&b, 7);
    for (int i = 0; i < 1000; i++) {
        uint64_t value = random_below(&a, 10);
        cr_expect_eq(value, random_below(&b, 10));
        cr_expect_lt(value, 10);
    }
}
