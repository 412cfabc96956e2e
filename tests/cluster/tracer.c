/* tracer.c: a library that is loaded in front of libc (LD_PRELOAD) and notes, with its moment, what
 * the unchanged server binary writes to its log, syncs and answers. test_trace.c reads it.
 *
 * Lines of the file that HAMOK_TRACE_FILE names; moments are nanoseconds of CLOCK_MONOTONIC, one
 * clock for all processes:
 *
 *   W <moment> <file> <mark>     "mark-<number>" stands in what pwritev2() has written
 *   S <begin> <end> <file>       fdatasync() has returned 0, or a pwritev2() with RWF_DSYNC
 *   R <moment> <number>          send() is about to give ":<number>" to a client */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* What meson's _FILE_OFFSET_BITS=64 makes of pwritev2(), here as in the server. */
ssize_t pwritev64v2(int fd, const struct iovec *spans, int count, off_t offset, int flags);

static long long moment(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

/* One write() a line: with O_APPEND lines of two threads do not mix. */
static void note(const char *line, int size) {
    static int file = -1;
    if (file < 0) {
        const char *path = getenv("HAMOK_TRACE_FILE");
        if (path == NULL) return;
        file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    }
    if (write(file, line, (size_t)size) != size) abort();
}

static void note_marks(int fd, const char *data, size_t size) {
    char line[96];
    for (const char *at = data, *end = data + size;
         (at = memmem(at, (size_t)(end - at), "mark-", 5)) != NULL; at += 5) {
        int number = 0, length = 0;
        if (end - at < 11 || sscanf(at + 5, "%6d%n", &number, &length) != 1 || length != 6)
            continue;
        note(line, snprintf(line, sizeof(line), "W %lld %d %d\n", moment(), fd, number));
    }
}

static void note_sync(int fd, long long begin) {
    char line[96];
    note(line, snprintf(line, sizeof(line), "S %lld %lld %d\n", begin, moment(), fd));
}

/* Of a short write all of it is taken for written: a mark too early would only make the test that
 * looks for early replies miss one, and short writes of a file are rare. */
ssize_t pwritev64v2(int fd, const struct iovec *spans, int count, off_t offset, int flags) {
    long long begin = moment();
    ssize_t written = syscall(SYS_pwritev2, fd, spans, count, offset, 0, flags);
    int error = errno;
    for (int i = 0; i < count && written > 0; i++)
        note_marks(fd, spans[i].iov_base, spans[i].iov_len);
    if (written > 0 && (flags & RWF_DSYNC)) note_sync(fd, begin);
    errno = error;
    return written;
}

int fdatasync(int fd) {
    long long begin = moment();
    int status = (int)syscall(SYS_fdatasync, fd);
    int error = errno;
    if (status == 0) note_sync(fd, begin);
    errno = error;
    return status;
}

ssize_t send(int fd, const void *data, size_t size, int flags) {
    char line[96];
    const char *at = data, *end = at + size;
    for (long long now = moment(); at < end; at++) {
        if (*at != ':') continue;
        note(line, snprintf(line, sizeof(line), "R %lld %d\n", now, atoi(at + 1)));
    }
    return syscall(SYS_sendto, fd, data, size, flags, NULL, 0);
}
