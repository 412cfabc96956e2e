/* number.h: numbers to text and back, exactly as Redis 7.0 does it, without the locale. */
#pragma once

#include "base/bytes.h"

/* The strict decimal form Redis calls an integer: optional minus, no plus, no leading zero or
 * space, within int64. False otherwise; then *value is untouched. */
bool number_parse_i64(struct bytes text, int64_t *value);
bool number_parse_u64(struct bytes text, uint64_t *value);

/* Writes the decimal form; returns its length, at most NUMBER_TEXT_MAX. No terminating zero. */
enum { NUMBER_TEXT_MAX = 24 };
size_t number_print_i64(char *at, int64_t value);
size_t number_print_u64(char *at, uint64_t value);

/* A double as Redis's scores take it: the forms of strtod, also inf, infinity and 0x…, any length;
 * no NaN, no leading space, nothing behind; what overflows or becomes zero by underflow is
 * refused. False leaves *value untouched. */
bool number_parse_double(struct bytes text, double *value);
/* A double as the bounds of ZRANGEBYSCORE take it: leading spaces are skipped, what is too large or
 * too small becomes an infinity or zero, and nothing at all is 0. */
bool number_parse_bound(struct bytes text, double *value);
/* As 7.0 prints a score: "%.17g", with inf and -inf. */
enum { NUMBER_DOUBLE_TEXT_MAX = 32 };
size_t number_print_double(char at[static NUMBER_DOUBLE_TEXT_MAX], double value);

/* A long double as INCRBYFLOAT and HINCRBYFLOAT take it (as above, at most 5119 bytes; an
 * infinity parses and is refused by the commands) and print it ("%.17Lf", trailing zeros cut, no
 * "-0"). */
enum { NUMBER_LONG_DOUBLE_TEXT_MAX = 5 * 1024 };
bool number_parse_long_double(struct bytes text, long double *value);
size_t number_print_long_double(char at[static NUMBER_LONG_DOUBLE_TEXT_MAX], long double value);
