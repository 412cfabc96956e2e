/* common.h: what the parts of the torture program share. */
#pragma once

#include <stdint.h>

#include "base/check.h"

enum { TORTURE_NODES_MAX = 5, TORTURE_PATH_MAX = 256 };

/* Microseconds of CLOCK_MONOTONIC. */
uint64_t clock_us(void);
void sleep_ms(uint32_t milliseconds);

/* The harness itself can't go on: one line, and status 2. */
PRINTF_LIKE(1, 2) _Noreturn void give_up(const char *format, ...);

/* Between two looks of a bounded loop. */
#define AWAIT_WITHIN(milliseconds, condition)                                                      \
    ({                                                                                             \
        uint64_t await_until_us = clock_us() + (uint64_t)(milliseconds)*1000;                      \
        bool await_came = false;                                                                   \
        while (!(await_came = (condition)) && clock_us() < await_until_us)                         \
            sleep_ms(5);                                                                           \
        await_came;                                                                                \
    })
