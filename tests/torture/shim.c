/* shim.c: a library that is loaded in front of libc (LD_PRELOAD) of the unchanged server binary. It
 * lets single calls on files fail, and syncs take long, as shim.h's board says. */
#include "tests/torture/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* What meson's _FILE_OFFSET_BITS=64 makes of these calls, here as in the server. */
ssize_t pwritev64v2(int fd, const struct iovec *spans, int count, off_t offset, int flags);
int fcntl64(int fd, int command, ...);
ssize_t pread64(int fd, void *into, size_t size, off_t offset);
int openat64(int directory, const char *path, int flags, ...);
int fallocate64(int fd, int mode, off_t offset, off_t size);

static struct shim_board *board;

__attribute__((constructor)) static void map_board(void) {
    const char *path = getenv(SHIM_VARIABLE);
    if (path == NULL) return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *mapped =
        fd < 0 ? MAP_FAILED
               : mmap(NULL, sizeof(struct shim_board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) abort();
    close(fd);
    board = mapped;
}

/* True: this one is to fail, and errno says how. */
static bool fails(enum shim_call call) {
    if (board == NULL) return false;
    struct shim_switch *own = &board->calls[call];
    if (atomic_load(&own->countdown) <= 0 || atomic_fetch_sub(&own->countdown, 1) != 1)
        return false;
    atomic_fetch_add(&own->failed, 1);
    errno = atomic_load(&own->error);
    return true;
}

static void stall(void) {
    uint32_t stall_ms = board == NULL ? 0 : atomic_load(&board->sync_stall_ms);
    struct timespec time = {.tv_sec = stall_ms / 1000, .tv_nsec = stall_ms % 1000 * 1000000l};
    if (stall_ms > 0) nanosleep(&time, NULL);
}

ssize_t pwritev64v2(int fd, const struct iovec *spans, int count, off_t offset, int flags) {
    if ((flags & RWF_DSYNC) != 0) stall();
    if (fails(SHIM_pwritev2)) return -1;
    return syscall(SYS_pwritev2, fd, spans, count, offset, 0, flags);
}

int fdatasync(int fd) {
    stall();
    if (fails(SHIM_fdatasync)) return -1;
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd) {
    if (fails(SHIM_fsync)) return -1;
    return (int)syscall(SYS_fsync, fd);
}

/* Only the log and the vote: what else a library opens is not the disk's business. */
static bool is_data(const char *path) {
    return strncmp(path, "log-", 4) == 0 || strncmp(path, "vote", 4) == 0;
}

int openat64(int directory, const char *path, int flags, ...) {
    if (is_data(path) && fails(SHIM_openat)) return -1;
    __builtin_va_list arguments;
    __builtin_va_start(arguments, flags);
    unsigned mode = (flags & O_CREAT) != 0 ? __builtin_va_arg(arguments, unsigned) : 0;
    __builtin_va_end(arguments);
    return (int)syscall(SYS_openat, directory, path, flags, mode);
}

/* Every command that the server uses takes an int, a pointer or nothing: the kernel's argument is a
 * long for all of them. */
int fcntl64(int fd, int command, ...) {
    __builtin_va_list arguments;
    __builtin_va_start(arguments, command);
    long argument = __builtin_va_arg(arguments, long);
    __builtin_va_end(arguments);
    bool is_volatile = board != NULL && atomic_load(&board->cache_is_volatile) != 0;
    if (command == F_SETFL && is_volatile) argument &= ~(long)O_DIRECT;
    return (int)syscall(SYS_fcntl, fd, command, argument);
}

int renameat(int from_directory, const char *from, int to_directory, const char *to) {
    if (is_data(to) && fails(SHIM_renameat)) return -1;
    return (int)syscall(SYS_renameat, from_directory, from, to_directory, to);
}

int fallocate64(int fd, int mode, off_t offset, off_t size) {
    if (fails(SHIM_fallocate)) return -1;
    return (int)syscall(SYS_fallocate, fd, mode, offset, size);
}

ssize_t pread64(int fd, void *into, size_t size, off_t offset) {
    if (fails(SHIM_pread)) return -1;
    return syscall(SYS_pread64, fd, into, size, offset);
}
