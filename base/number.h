/* number.h: numbers to text and back, exactly as Redis 7.0 does it, without the locale. */
#pragma once

#include "base/bytes.h"

/* The strict decimal form Redis calls an integer: optional minus, no plus, no leading zero or
 * space, within int64. False otherwise; then *value is untouched. */
bool number_parse_i64(struct bytes text, int64_t *value);
bool number_parse_u64(struct bytes text, uint64_t *value);

/* Writes the decimal form; returns its length, at most NUMBER_TEXT_MAX. No terminating zero. */
enum { NUMBER_TEXT_MAX = 24, NUMBER_DOUBLE_TEXT_MAX = 5 * 1024 + 64 };
size_t number_print_i64(char *at, int64_t value);
size_t number_print_u64(char *at, uint64_t value);

/* A double as Redis's getDoubleFromObject takes it (strtod forms, also inf and 0x…; no NaN, no
 * leading space, nothing behind, at most 255 bytes). */
bool number_parse_double(struct bytes text, double *value);
/* As addReplyDouble of 7.0 prints it: "%.17g", with inf and -inf. */
size_t number_print_double(char *at, double value);

/* A long double as INCRBYFLOAT and HINCRBYFLOAT take and print it ("%.17Lf", trailing zeros cut).
 */
bool number_parse_long_double(struct bytes text, long double *value);
size_t number_print_long_double(char *at, long double value);
