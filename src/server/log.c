/* log.c: see log.h. */
#include "src/server/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"

static char *copy_of(const char *text) {
    size_t size = strlen(text) + 1;
    return memcpy(memory_allocate(size), text, size);
}

void log_set_path(struct log *log, const char *path) {
    memory_release(log->path);
    log->path = path[0] == '\0' ? NULL : copy_of(path);
}

void log_set_syslog(struct log *log, const char *ident, int facility) {
    memory_release(log->syslog_ident);
    log->syslog_ident = copy_of(ident);
    openlog(log->syslog_ident, LOG_PID | LOG_NDELAY | LOG_NOWAIT, facility);
}

void log_clear(struct log *log) {
    if (log->syslog_ident != NULL) closelog();
    memory_release(log->syslog_ident);
    memory_release(log->path);
    log->syslog_ident = log->path = NULL;
}

static void append_head(const struct log *log, enum log_level level, struct buffer *line) {
    static const char marks[] = ".-*#";
    struct timespec now;
    struct tm parts;
    char date[64];
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &parts);
    strftime(date, sizeof(date), "%d %b %Y %H:%M:%S", &parts);
    buffer_append_format(line, "%d:%c %s.%03d %c ", (int)getpid(), log->role, date,
                         (int)(now.tv_nsec / 1000000), marks[level]);
}

static void write_line(const struct log *log, const struct buffer *line) {
    bool to_file = log->path != NULL;
    int fd =
        to_file ? open(log->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) : STDOUT_FILENO;
    if (fd < 0) return;
    size_t written = 0;
    while (written < line->size) {
        ssize_t count = write(fd, line->data + written, line->size - written);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break; /* nowhere left to complain to */
        written += (size_t)count;
    }
    if (to_file) close(fd);
}

void log_line(const struct log *log, enum log_level level, const char *format, ...) {
    static const int priorities[] = {LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING};
    if (level < log->least) return;
    struct buffer line = {0};
    append_head(log, level, &line);
    size_t head = line.size;
    va_list arguments;
    va_start(arguments, format);
    buffer_append_format_list(&line, format, arguments);
    va_end(arguments);
    if (log->syslog_ident != NULL)
        syslog(priorities[level], "%.*s", (int)(line.size - head), line.data + head);
    buffer_append_byte(&line, '\n');
    write_line(log, &line);
    buffer_clear(&line);
}
