/* faulty_disk.c: a library that is loaded in front of libc (LD_PRELOAD) and lets the unchanged
 * server binary's disk be full or broken. test_disk.c switches it by files beside the one that
 * HAMOK_FAULTY_DISK names:
 *
 *   <name>.slow     each read takes its time
 *   <name>.late     each durable write takes its time
 *   <name>.full     no file finds room for more than it has, but for the one block that a replaced
 *                   file has left: ENOSPC
 *   <name>.broken   nothing can be made durable: fdatasync(), fsync() and durable writes give EIO
 *   <name>.closed   no file can be made: EIO
 *   <name>.unreadable   the files whose names stand in it, a line each, can't be read: EIO
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* What meson's _FILE_OFFSET_BITS=64 makes of pwritev(), pwritev2() and fallocate(), here as in the
 * server. */
ssize_t pwritev64(int fd, const struct iovec *spans, int count, off_t offset);
ssize_t pwritev64v2(int fd, const struct iovec *spans, int count, off_t offset, int flags);
int fallocate64(int fd, int mode, off_t offset, off_t size);
ssize_t pread64(int fd, void *into, size_t size, off_t offset);
int openat64(int directory, const char *path, int flags, ...);

static bool is_on(const char *fault) {
    const char *name = getenv("HAMOK_FAULTY_DISK");
    char path[512];
    if (name == NULL) return false;
    snprintf(path, sizeof(path), "%s.%s", name, fault);
    return access(path, F_OK) == 0;
}

/* Files are made under a temporary name; those that are there have their room. */
static bool is_new_file(int fd) {
    char link[64], path[512];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof(path));
    return size > 4 && memcmp(path + size - 4, ".new", 4) == 0;
}

enum { BLOCK_BYTES = 4096 };

static bool needs_room(int fd, const struct iovec *spans, int count, off_t offset) {
    struct stat status;
    if (!is_new_file(fd) || fstat(fd, &status) != 0) return false;
    for (int i = 0; i < count; i++)
        offset += (off_t)spans[i].iov_len;
    return offset > status.st_blocks * 512;
}

static bool fails(bool when, int error) {
    if (when) errno = error;
    return when;
}

ssize_t pwritev64(int fd, const struct iovec *spans, int count, off_t offset) {
    if (fails(needs_room(fd, spans, count, offset) && is_on("full"), ENOSPC)) return -1;
    return syscall(SYS_pwritev, fd, spans, count, offset, 0);
}

ssize_t pwritev64v2(int fd, const struct iovec *spans, int count, off_t offset, int flags) {
    if ((flags & RWF_DSYNC) != 0 && is_on("late")) usleep(300 * 1000);
    if (fails((flags & RWF_DSYNC) != 0 && is_on("broken"), EIO)) return -1;
    return syscall(SYS_pwritev2, fd, spans, count, offset, 0, flags);
}

int fallocate64(int fd, int mode, off_t offset, off_t size) {
    if (fails(size > BLOCK_BYTES && is_on("full"), ENOSPC)) return -1;
    return (int)syscall(SYS_fallocate, fd, mode, offset, size);
}

/* Its name stands as a line in the switch. */
static bool is_unreadable(int fd) {
    const char *name = getenv("HAMOK_FAULTY_DISK");
    char path[512], link[64], target[512], line[64];
    if (name == NULL) return false;
    snprintf(path, sizeof(path), "%s.unreadable", name);
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, target, sizeof(target) - 1);
    target[size < 0 ? 0 : size] = '\0';
    const char *last = strrchr(target, '/');
    bool found = false;
    while (last != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        found = strcmp(line, last + 1) == 0;
    }
    fclose(file);
    return found;
}

ssize_t pread64(int fd, void *into, size_t size, off_t offset) {
    if (is_on("slow")) usleep(100 * 1000);
    if (fails(is_unreadable(fd), EIO)) return -1;
    return syscall(SYS_pread64, fd, into, size, offset);
}

int fdatasync(int fd) {
    if (fails(is_on("broken"), EIO)) return -1;
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd) {
    if (fails(is_on("broken"), EIO)) return -1;
    return (int)syscall(SYS_fsync, fd);
}

int openat64(int directory, const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (fails((flags & O_CREAT) != 0 && is_on("closed"), EIO)) return -1;
    return (int)syscall(SYS_openat, directory, path, flags, mode);
}
