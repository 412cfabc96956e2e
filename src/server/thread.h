/* thread.h: a thread of the server's. Signals are the loop's: a thread that is born while they are
 * blocked never gets one, but for its own faults, of which crash.h has something to say. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "base/check.h"

/* The signals of faults: of a thread's own making, so never blocked. */
enum { THREAD_FAULTS = 6 };
extern const int thread_faults[THREAD_FAULTS];

/* `name`: of 15 characters at most. False: there is none. */
bool thread_start(pthread_t *thread, const char *name, void *(*run)(void *),
                  void *argument) MUST_USE;
