/* log.h: the server's own log: lines to standard output, a file or syslog, in Redis's form.
 *
 * One log per process; a struct all the same, handed to whoever writes. Each line opens the file
 * and is one write, so a rotated file is simply made again. The loop and the disk's threads write:
 * what changes while they run is atomic, and the names are the log's own, so that no CONFIG SET
 * frees them. */
#pragma once

#include <stdatomic.h>

#include "base/check.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_VERBOSE, LOG_LEVEL_NOTICE, LOG_LEVEL_WARNING };

struct log {
    _Atomic enum log_level least;
    _Atomic char role;  /* C child, S follower, M leader, X booting: as in Redis's lines */
    char *path;         /* owned; NULL: standard output */
    char *syslog_ident; /* owned; NULL: not to syslog */
};

/* Both before the first thread starts. An empty path is standard output. */
void log_set_path(struct log *log, const char *path);
void log_set_syslog(struct log *log, const char *ident, int facility);
void log_clear(struct log *log); /* when no thread writes any more */

PRINTF_LIKE(3, 4)
void log_line(const struct log *log, enum log_level level, const char *format, ...);
