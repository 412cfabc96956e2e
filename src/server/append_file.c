/* append_file.c: see append_file.h. */
#include "src/server/append_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/memory.h"
#include "raft/disk.h"

enum {
    BLOCK_SIZE = DISK_APPEND_BLOCK, /* of memory, offset and size of a direct write */
    BUFFER_SIZE = 1 << 20,
};

struct append_file {
    int fd;
    uint64_t size;  /* of the file: nothing is written behind it */
    char *buffer;   /* the file from `start` on, `used` bytes of it */
    uint64_t start; /* a multiple of BLOCK_SIZE */
    size_t used;
    bool has_news;     /* the buffer holds bytes that are not written */
    bool has_unsynced; /* something may be written and not durable */
};

/* --- life ------------------------------------------------------------------------------------ */

struct append_file *append_file_create(void) {
    struct append_file *file = memory_allocate_zeroed(sizeof(*file));
    file->fd = -1;
    file->buffer = mmap(NULL, BUFFER_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                        0); /* begins with a block, as direct writes demand */
    CHECK(file->buffer != MAP_FAILED);
    return file;
}

void append_file_destroy(struct append_file *file) {
    if (file == NULL) return;
    if (file->fd >= 0) close(file->fd);
    munmap(file->buffer, BUFFER_SIZE);
    memory_release(file);
}

static bool write_directly(const struct append_file *file, bool on) {
    int flags = fcntl(file->fd, F_GETFL);
    return flags >= 0 && fcntl(file->fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

bool append_file_open(struct append_file *file, int directory, const char *name) {
    struct stat status;
    if (file->fd >= 0) close(file->fd);
    file->fd = openat(directory, name, O_RDWR | O_CLOEXEC);
    if (file->fd < 0 || fstat(file->fd, &status) != 0) return false;
    file->size = (uint64_t)status.st_size;
    file->start = file->used = 0;
    file->has_news = false;
    file->has_unsynced = true; /* by whoever had it open before */
    if (file->size % BLOCK_SIZE == 0) (void)write_directly(file, true);
    return true;
}

/* --- writing --------------------------------------------------------------------------------- */

/* One write, at most; -1 with errno. A file system may refuse direct writes as late as here. */
static ssize_t write_some(const struct append_file *file, struct iovec span, uint64_t offset,
                          bool *sync) {
    for (;;) {
        ssize_t written = pwritev2(file->fd, &span, 1, (off_t)offset, *sync ? RWF_DSYNC : 0);
        if (written >= 0) return written;
        if (errno == EINVAL && (fcntl(file->fd, F_GETFL) & O_DIRECT)) {
            if (!write_directly(file, false)) return -1;
        } else if (errno == EOPNOTSUPP && *sync) {
            *sync = false; /* no such flag: the caller syncs */
        } else if (errno != EINTR) {
            return -1;
        }
    }
}

/* The buffer as whole blocks, the last one filled up with the file's zeros; it stays in the buffer
 * unless it is full. `sync`: durable then. */
static bool write_out(struct append_file *file, bool sync) {
    size_t size = (file->used + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE;
    memset(file->buffer + file->used, 0, size - file->used);
    if (size > file->size - file->start) size = file->size - file->start;
    /* A write that is durable by itself says nothing of the ones before it. */
    bool by_itself = sync && !file->has_unsynced;
    for (size_t at = 0; at < size;) {
        struct iovec span = {file->buffer + at, size - at};
        ssize_t written = write_some(file, span, file->start + at, &by_itself);
        if (written <= 0) return false;
        at += (size_t)written;
        file->has_unsynced |= !by_itself;
    }
    file->has_news = false;
    size_t kept = file->used % BLOCK_SIZE;
    memmove(file->buffer, file->buffer + file->used - kept, kept);
    file->start += file->used - kept;
    file->used = kept;
    return true;
}

/* Brings the buffer to an offset elsewhere in the file. */
static bool move_to(struct append_file *file, uint64_t offset) {
    if (file->has_news && !write_out(file, false)) return false;
    file->start = offset / BLOCK_SIZE * BLOCK_SIZE;
    file->used = offset - file->start;
    if (file->used == 0) return true;
    ssize_t size;
    do {
        size = pread(file->fd, file->buffer, BLOCK_SIZE, (off_t)file->start);
    } while (size < 0 && errno == EINTR);
    if (size >= (ssize_t)file->used) return true;
    if (size >= 0) errno = EIO; /* The file ends before the offset. */
    return false;
}

bool append_file_put(struct append_file *file, uint64_t offset, struct bytes bytes) {
    if (bytes.size == 0) return true;
    if (bytes.size > file->size || offset > file->size - bytes.size) {
        errno = EFBIG;
        return false;
    }
    if (offset != file->start + file->used && !move_to(file, offset)) return false;
    while (bytes.size > 0) {
        size_t size = BUFFER_SIZE - file->used;
        if (size > bytes.size) size = bytes.size;
        memcpy(file->buffer + file->used, bytes.data, size);
        file->used += size;
        file->has_news = true;
        bytes = bytes_slice(bytes, size, SIZE_MAX);
        if (file->used == BUFFER_SIZE && !write_out(file, false)) return false;
    }
    return true;
}

bool append_file_finish(struct append_file *file, bool sync) {
    bool had_news = file->has_news;
    if (had_news && !write_out(file, sync)) return false;
    if (!sync || (had_news && !file->has_unsynced)) return true;
    if (fdatasync(file->fd) != 0) return false;
    file->has_unsynced = false;
    return true;
}
