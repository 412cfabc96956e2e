/* crash.h: the last words of a process that ends by a fault: a bad address, a failed check, or a
 * signal of that kind that somebody sent.
 *
 * A line in the log says what came and where, in Redis's form for words from a signal handler
 * ("pid:signal-handler (seconds since 1970) text"); the way to there follows, a line a call. Then
 * the signal takes its course: the process ends by it, with a core file where the system makes
 * them. Only async-signal-safe calls are made before the line is written, and no memory is
 * allocated behind it. Syslog is told nothing: it may not be called there.
 *
 * One process has one log and ends once, so this file has the server's only variables that belong
 * to nobody. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/server/log.h"

/* From now on, with the names that the log has now. Children inherit it. */
void crash_begin(const struct log *log);
/* crash-log-enabled. */
void crash_set_enabled(bool enabled);
/* Up to where this node has applied the log: for the line. */
void crash_note_applied(uint64_t index);
