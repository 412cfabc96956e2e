/* number.c: integers are read and printed here digit by digit; floating point goes through the C
 * library, whose conversions are exact (correctly rounded in both directions), after a fast path
 * for whole numbers. The process never calls setlocale(), so the C library's "C" locale holds. */
#include "base/number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

/* "%.17g" prints whole numbers below this without an exponent. */
static const double whole_double_bound = 1e17;

/* Redis copies a long double's text into a buffer of this size, with its terminating zero. */
enum { LONG_DOUBLE_PARSE_MAX = 5 * 1024 - 1 };

/* Texts up to this size are terminated on the stack, longer ones in allocated memory. */
enum { TERMINATED_ON_STACK_MAX = 255 };

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
                                  "25262728293031323334353637383940414243444546474849"
                                  "50515253545556575859606162636465666768697071727374"
                                  "75767778798081828384858687888990919293949596979899";

bool number_parse_u64(struct bytes text, uint64_t *value) {
    if (text.size == 0 || text.size > 20) return false;
    if (text.data[0] == '0' && text.size > 1) return false;
    uint64_t sum = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)(unsigned char)text.data[i] - '0';
        if (digit > 9) return false;
        if (i == 19 && (sum > UINT64_MAX / 10 || sum * 10 > UINT64_MAX - digit)) return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

bool number_parse_i64(struct bytes text, int64_t *value) {
    bool negative = text.size > 0 && text.data[0] == '-';
    if (negative) text = (struct bytes){text.data + 1, text.size - 1};
    uint64_t magnitude;
    if (!number_parse_u64(text, &magnitude)) return false;
    if (negative && magnitude == 0) return false; /* "-0" is a string, not a number. */
    uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    if (magnitude > limit) return false;
    *value = (int64_t)(negative ? -magnitude : magnitude);
    return true;
}

static size_t digit_count(uint64_t value) {
    size_t count = 1;
    for (;;) {
        if (value < 10) return count;
        if (value < 100) return count + 1;
        if (value < 1000) return count + 2;
        if (value < 10000) return count + 3;
        value /= 10000;
        count += 4;
    }
}

size_t number_print_u64(char *at, uint64_t value) {
    size_t size = digit_count(value);
    char *end = at + size;
    while (value >= 100) {
        end -= 2;
        memcpy(end, &digit_pairs[value % 100 * 2], 2);
        value /= 100;
    }
    if (value >= 10) {
        memcpy(end - 2, &digit_pairs[value * 2], 2);
    } else {
        end[-1] = (char)('0' + value);
    }
    return size;
}

size_t number_print_i64(char *at, int64_t value) {
    if (value >= 0) return number_print_u64(at, (uint64_t)value);
    *at = '-';
    return 1 + number_print_u64(at + 1, -(uint64_t)value);
}

/* A zero-terminated copy for the C library: in `small` if it fits, else allocated (*owned). */
static const char *terminate(struct bytes text, char small[TERMINATED_ON_STACK_MAX + 1],
                             char **owned) {
    *owned = text.size > TERMINATED_ON_STACK_MAX ? memory_allocate(text.size + 1) : NULL;
    char *copy = *owned != NULL ? *owned : small;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

bool number_parse_double(struct bytes text, double *value) {
    int64_t whole;
    if (text.size <= 15 && number_parse_i64(text, &whole)) { /* below 2^53: exact */
        *value = (double)whole;
        return true;
    }
    if (text.size == 0 || byte_is_space(text.data[0])) return false;

    char small[TERMINATED_ON_STACK_MAX + 1], *owned, *end;
    const char *terminated = terminate(text, small, &owned);
    errno = 0;
    double parsed = strtod(terminated, &end);
    bool out_of_range = errno == ERANGE && (isinf(parsed) || parsed == 0);
    bool valid = (size_t)(end - terminated) == text.size && !out_of_range && !isnan(parsed);
    memory_release(owned);
    if (valid) *value = parsed;
    return valid;
}

bool number_parse_bound(struct bytes text, double *value) {
    char small[TERMINATED_ON_STACK_MAX + 1], *owned, *end;
    const char *terminated = terminate(text, small, &owned);
    double parsed = strtod(terminated, &end);
    bool valid = (size_t)(end - terminated) == text.size && !isnan(parsed);
    memory_release(owned);
    if (valid) *value = parsed;
    return valid;
}

size_t number_print_double(char at[static NUMBER_DOUBLE_TEXT_MAX], double value) {
    if (isinf(value)) {
        size_t size = value > 0 ? 3 : 4;
        memcpy(at, value > 0 ? "inf" : "-inf", size);
        return size;
    }
    bool negative_zero = value == 0 && signbit(value);
    if (fabs(value) < whole_double_bound && !negative_zero && (double)(int64_t)value == value) {
        return number_print_i64(at, (int64_t)value);
    }
    int size = snprintf(at, NUMBER_DOUBLE_TEXT_MAX, "%.17g", value);
    CHECK(size > 0 && size < NUMBER_DOUBLE_TEXT_MAX);
    return (size_t)size;
}

bool number_parse_long_double(struct bytes text, long double *value) {
    if (text.size == 0 || text.size > LONG_DOUBLE_PARSE_MAX) return false;
    if (byte_is_space(text.data[0])) return false;

    char small[TERMINATED_ON_STACK_MAX + 1], *owned, *end;
    const char *terminated = terminate(text, small, &owned);
    errno = 0;
    long double parsed = strtold(terminated, &end);
    bool out_of_range = errno == ERANGE && (isinf(parsed) || parsed == 0);
    bool valid = (size_t)(end - terminated) == text.size && !out_of_range && !isnan(parsed);
    memory_release(owned);
    if (valid) *value = parsed;
    return valid;
}

size_t number_print_long_double(char at[static NUMBER_LONG_DOUBLE_TEXT_MAX], long double value) {
    if (isinf(value)) return number_print_double(at, value > 0 ? INFINITY : -INFINITY);

    int printed = snprintf(at, NUMBER_LONG_DOUBLE_TEXT_MAX, "%.17Lf", value);
    CHECK(printed > 0 && printed < NUMBER_LONG_DOUBLE_TEXT_MAX);
    size_t size = (size_t)printed;
    if (memchr(at, '.', size) != NULL) {
        while (at[size - 1] == '0')
            size--;
        if (at[size - 1] == '.') size--;
    }
    if (size == 2 && at[0] == '-' && at[1] == '0') { /* what rounds to zero has no sign */
        at[0] = '0';
        size = 1;
    }
    return size;
}
