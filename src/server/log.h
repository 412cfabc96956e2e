/* log.h: the server's own log: lines to standard output, a file or syslog, in Redis's form.
 *
 * One log per process; a struct all the same, handed to whoever writes. The log owns its file;
 * each line is one write, so that a rotated file is simply opened again for the next. */
#pragma once

#include <stdbool.h>

#include "base/check.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_VERBOSE, LOG_LEVEL_NOTICE, LOG_LEVEL_WARNING };

struct log {
    enum log_level least;
    const char *path; /* lent; NULL or "": standard output */
    bool to_syslog;
    char role; /* C child, S follower, M leader, X booting: as in Redis's lines */
};

PRINTF_LIKE(3, 4)
void log_line(const struct log *log, enum log_level level, const char *format, ...);
