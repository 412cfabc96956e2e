/* check.h: assertions that stay on in release builds.
 *
 * CHECK states what the code relies on; a failure is a bug of ours, so the process stops at once
 * with the place and the fact. Never used on bytes from a client, a peer or a disk: those are
 * validated and refused with an error. */
#pragma once

#include <stddef.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, first_at) __attribute__((format(printf, format_at, first_at)))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

#define CHECK(fact)                                                                                \
    do {                                                                                           \
        if (UNLIKELY(!(fact))) check_failed(__FILE__, __LINE__, #fact);                            \
    } while (0)

/* Ends the process: writes one line to standard error and aborts. */
__attribute__((noreturn, cold)) void check_failed(const char *file, int line, const char *fact);
