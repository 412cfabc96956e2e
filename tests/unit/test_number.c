/* Numbers as text: what Redis 7.0 takes and prints, asked from a real one. */
#include <criterion/criterion.h>

#include <float.h>
#include <math.h>
#include <stdio.h>

#include "base/number.h"
#include "base/random.h"

Test(number, reads_only_the_strict_decimal_form) {
    static const struct {
        const char *text;
        bool valid;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"7", true, 7},
        {"-1", true, -1},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"18446744073709551616", false, 0},
        {"99999999999999999999", false, 0},
        {"123456789012345678901", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"-0", false, 0},
        {"00", false, 0},
        {"01", false, 0},
        {"-01", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1a", false, 0},
        {"1.0", false, 0},
        {"--1", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t value = 99;
        bool valid = number_parse_i64(bytes_of_text(cases[i].text), &value);
        cr_expect_eq(valid, cases[i].valid, "\"%s\"", cases[i].text);
        cr_expect_eq(value, valid ? cases[i].value : 99, "\"%s\"", cases[i].text);
    }
    int64_t value;
    cr_expect(!number_parse_i64(bytes_of("1\0", 2), &value));
    uint64_t unsigned_value;
    cr_expect(number_parse_u64(BYTES("18446744073709551615"), &unsigned_value));
    cr_expect_eq(unsigned_value, UINT64_MAX);
    cr_expect(!number_parse_u64(BYTES("18446744073709551616"), &unsigned_value));
}

Test(number, prints_integers_as_printf_does) {
    struct random random;
    random_init(&random, 1);
    for (int i = 0; i < 20000; i++) {
        int64_t value = (int64_t)random_next(&random) >> random_below(&random, 64);
        char text[NUMBER_TEXT_MAX], expected[32];
        size_t size = number_print_i64(text, value);
        int expected_size = snprintf(expected, sizeof(expected), "%lld", (long long)value);
        cr_assert(bytes_equal(bytes_of(text, size), bytes_of(expected, (size_t)expected_size)),
                  "%s", expected);
        int64_t back;
        cr_assert(number_parse_i64(bytes_of(text, size), &back) && back == value, "%s", expected);
    }
    static const struct {
        uint64_t value;
        const char *text;
    } edges[] = {
        {0, "0"},     {9, "9"},       {10, "10"},       {99, "99"},
        {100, "100"}, {9999, "9999"}, {10000, "10000"}, {UINT64_MAX, "18446744073709551615"}};
    for (size_t i = 0; i < COUNT_OF(edges); i++) {
        char text[NUMBER_TEXT_MAX];
        size_t size = number_print_u64(text, edges[i].value);
        cr_expect(bytes_equal(bytes_of(text, size), bytes_of_text(edges[i].text)), "%s",
                  edges[i].text);
    }
    char text[NUMBER_TEXT_MAX];
    size_t size = number_print_i64(text, INT64_MIN);
    cr_expect(bytes_equal(bytes_of(text, size), BYTES("-9223372036854775808")));
}

/* NULL: refused. */
static const struct {
    const char *text, *printed;
} double_cases[] = {
    {"1.5", "1.5"},
    {"0.1", "0.10000000000000001"},
    {"3", "3"},
    {"3.0", "3"},
    {"1e5", "100000"},
    {"1e16", "10000000000000000"},
    {"99999999999999984", "99999999999999984"},
    {"1e17", "1e+17"},
    {"-1e17", "-1e+17"},
    {"1e21", "1e+21"},
    {"123456789012345678", "1.2345678901234568e+17"},
    {"1e-5", "1.0000000000000001e-05"},
    {"0.0001", "0.0001"},
    {"17.3333333333333333", "17.333333333333332"},
    {"4503599627370495.5", "4503599627370495.5"},
    {"-4503599627370496", "-4503599627370496"},
    {"9007199254740993", "9007199254740992"},
    {"1e308", "1e+308"},
    {"5e-324", "4.9406564584124654e-324"},
    {"-0.0", "-0"},
    {"0x10", "16"},
    {"0x1p3", "8"},
    {".5", "0.5"},
    {"5.", "5"},
    {"+5", "5"},
    {"inf", "inf"},
    {"+inf", "inf"},
    {"-INF", "-inf"},
    {"iNfinity", "inf"},
    {"1e400", NULL},
    {"-1e400", NULL},
    {"1e-400", NULL},
    {"nan", NULL},
    {"-nan", NULL},
    {"nan(1)", NULL},
    {"", NULL},
    {" 1", NULL},
    {"\t1", NULL},
    {"1 ", NULL},
    {"1e", NULL},
    {"0x", NULL},
    {"--5", NULL},
    {"._", NULL},
    {"1_0", NULL},
    {"1,5", NULL},
};

Test(number, takes_and_prints_doubles_as_scores) {
    for (size_t i = 0; i < COUNT_OF(double_cases); i++) {
        double value;
        bool valid = number_parse_double(bytes_of_text(double_cases[i].text), &value);
        cr_expect_eq(valid, double_cases[i].printed != NULL, "\"%s\"", double_cases[i].text);
        if (!valid) continue;
        char text[NUMBER_DOUBLE_TEXT_MAX];
        struct bytes printed = {text, number_print_double(text, value)};
        cr_expect(bytes_equal(printed, bytes_of_text(double_cases[i].printed)), "\"%s\" gave %.*s",
                  double_cases[i].text, (int)printed.size, printed.data);
    }
    double value;
    cr_expect(!number_parse_double(bytes_of("1\0", 2), &value));
    char digits[300];
    memset(digits, '1', sizeof(digits));
    cr_expect(number_parse_double(bytes_of(digits, sizeof(digits)), &value));
    cr_expect(value > 1e299 && value < 1e300);
}

/* Answers of redis-server to ZRANGEBYSCORE. */
static const struct {
    const char *text;
    bool valid;
    double value;
} bound_cases[] = {
    {"1.5", true, 1.5},       {"-inf", true, -INFINITY},
    {"+inf", true, INFINITY}, {"", true, 0},
    {" 1", true, 1},          {"1e400", true, INFINITY},
    {"1e-400", true, 0},      {"0x10", true, 16},
    {"1 ", false, 0},         {"-1e400", true, -INFINITY},
    {"  ", false, 0},         {"nan", false, 0},
    {"x", false, 0},          {"-", false, 0},
    {"1,5", false, 0},
};

Test(number, takes_doubles_as_bounds_of_ranges) {
    for (size_t i = 0; i < COUNT_OF(bound_cases); i++) {
        double value = 7;
        bool valid = number_parse_bound(bytes_of_text(bound_cases[i].text), &value);
        cr_expect_eq(valid, bound_cases[i].valid, "\"%s\"", bound_cases[i].text);
        cr_expect_eq(value, valid ? bound_cases[i].value : 7, "\"%s\"", bound_cases[i].text);
    }
}

Test(number, prints_every_double_as_printf_does_and_reads_it_back) {
    struct random random;
    random_init(&random, 2);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = random_next(&random);
        double value;
        memcpy(&value, &bits, sizeof(value));
        if (i % 2 == 0) value = (double)((int64_t)bits >> random_below(&random, 64)) / 8;
        if (isnan(value) || isinf(value)) continue;
        char text[NUMBER_DOUBLE_TEXT_MAX], expected[64];
        struct bytes printed = {text, number_print_double(text, value)};
        snprintf(expected, sizeof(expected), "%.17g", value);
        cr_assert(bytes_equal(printed, bytes_of_text(expected)), "%s", expected);
        double back;
        cr_assert(number_parse_double(printed, &back) && back == value, "%s", expected);
    }
}

Test(number, takes_and_prints_long_doubles_as_incrbyfloat) {
    static const struct {
        const char *text, *printed;
    } cases[] = {
        {"1.5", "1.5"},
        {"0.1", "0.1"},
        {"3.0", "3"},
        {"100", "100"},
        {"1e21", "1000000000000000000000"},
        {"1e-5", "0.00001"},
        {"1e-17", "0.00000000000000001"},
        {"1e-18", "0"},
        {"-1e-30", "0"},
        {"-0", "0"},
        {"17.3333333333333333", "17.3333333333333333"},
        {"3.141592653589793238462643383279", "3.14159265358979324"},
        {"9.99999999999999999", "9.99999999999999999"},
        {"0.99999999999999999999", "1"},
        {"1e-400", "0"},
        {"0x10", "16"},
        {".5", "0.5"},
        {"inf", "inf"},
        {"-infinity", "-inf"},
        {"1e4933", NULL},
        {"1e-5000", NULL},
        {"nan", NULL},
        {"", NULL},
        {" 1", NULL},
        {"1 ", NULL},
        {"1e", NULL},
        {"--5", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        long double value;
        bool valid = number_parse_long_double(bytes_of_text(cases[i].text), &value);
        cr_expect_eq(valid, cases[i].printed != NULL, "\"%s\"", cases[i].text);
        if (!valid) continue;
        char text[NUMBER_LONG_DOUBLE_TEXT_MAX];
        struct bytes printed = {text, number_print_long_double(text, value)};
        cr_expect(bytes_equal(printed, bytes_of_text(cases[i].printed)), "\"%s\" gave %.*s",
                  cases[i].text, (int)printed.size, printed.data);
    }
    char text[NUMBER_LONG_DOUBLE_TEXT_MAX];
    cr_expect_eq(number_print_long_double(text, -LDBL_MAX), 4934);

    char digits[5120];
    memset(digits, '0', sizeof(digits));
    long double value;
    cr_expect(number_parse_long_double(bytes_of(digits, 5119), &value));
    cr_expect(!number_parse_long_double(bytes_of(digits, 5120), &value));
}
