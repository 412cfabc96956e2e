/* disk.c: three lanes, each a ring of requests, a thread, and a ring of completions.
 *
 * A ring has one producer and one consumer, so an acquire and a release on its two counters are
 * enough. A lane's thread that finds nothing sleeps on its counter (futex); the loop sleeps on an
 * eventfd, which the threads write only when the loop has not been told since it last looked. */
#include "src/server/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/histogram.h"
#include "base/memory.h"
#include "src/server/append_file.h"
#include "src/server/thread.h"

enum {
    RING_SIZE = DISK_OPEN_MAX,
    LANES = 3,
    SPANS_AT_ONCE = 1024,
    ZERO_SLICE = 256 << 10, /* an append may wait for one: docs/performance.md */
    PATH_SIZE = 64
};

_Static_assert(sizeof(struct bytes) == sizeof(struct iovec), "spans are handed to pwritev as is");
_Static_assert(offsetof(struct bytes, size) == offsetof(struct iovec, iov_len), "likewise");

enum lane_name { LANE_LOG, LANE_FILES, LANE_READER };

static const enum lane_name lane_of[] = {
    [DISK_APPEND] = LANE_LOG,  [DISK_REPLACE] = LANE_LOG,  [DISK_CREATE] = LANE_FILES,
    [DISK_WRITE] = LANE_FILES, [DISK_RENAME] = LANE_FILES, [DISK_REMOVE] = LANE_FILES,
    [DISK_LIST] = LANE_FILES,  [DISK_READ] = LANE_READER,
};

struct lane {
    struct disk *disk;
    pthread_t thread;
    /* Counters of all ever submitted, taken, done and polled. */
    _Atomic uint32_t submitted, done;
    uint32_t taken, polled; /* the thread's and the loop's own */
    _Atomic uint32_t sleeps;
    struct disk_request requests[RING_SIZE];
    struct disk_completion completions[RING_SIZE];
};

struct disk {
    const struct log *log;
    int directory, lock, event;
    _Atomic bool ends, is_told;
    _Atomic uint32_t generation; /* of names: changed by CREATE, RENAME, REMOVE and REPLACE */
    struct lane lanes[LANES];
    /* The log file written last: kept open until another takes its place. */
    struct append_file *append_file;
    char append_name[DISK_NAME_SIZE]; /* empty: none */
    uint32_t append_generation;
    struct disk_file *list; /* of the last LIST */
    char *zeros;

    _Atomic uint64_t appends, append_bytes, syncs, reads, read_bytes, sync_us_last, sync_us_max;
    /* How long each sync took, from the log thread to the loop's. Every one belongs to a completion
     * that is not polled yet, so they fit. */
    uint64_t sync_us[RING_SIZE];
    uint64_t syncs_taken;
    struct histogram sync_times;
};

/* --- the end --------------------------------------------------------------------------------- */

__attribute__((noreturn)) static void end_process(const struct disk *disk, const char *call,
                                                  const char *name) {
    log_line(disk->log, LOG_LEVEL_WARNING,
             "%s of %s failed: %s. What the disk holds is unknown, so this node stops; mend the "
             "disk and start it again.",
             call, name, strerror(errno));
    _exit(1);
}

static enum error error_of_errno(void) {
    switch (errno) {
    case ENOSPC:
    case EDQUOT:
        return ERROR_DISK_FULL;
    case ENOENT:
        return ERROR_NOT_FOUND;
    default:
        return ERROR_IO;
    }
}

/* --- writing --------------------------------------------------------------------------------- */

/* Writes as many spans as one call takes; returns their bytes, or -1. */
static int64_t write_some(int fd, const struct bytes *spans, uint32_t count, uint64_t offset) {
    if (count > SPANS_AT_ONCE) count = SPANS_AT_ONCE;
    for (;;) {
        ssize_t written =
            pwritev(fd, (const struct iovec *)(const void *)spans, (int)count, (off_t)offset);
        if (written >= 0 || errno != EINTR) return written;
    }
}

static bool write_rest(int fd, struct bytes rest, uint64_t offset) {
    while (rest.size > 0) {
        int64_t written = write_some(fd, &rest, 1, offset);
        if (written <= 0) return false;
        rest = bytes_slice(rest, (size_t)written, SIZE_MAX);
        offset += (uint64_t)written;
    }
    return true;
}

static bool write_spans(int fd, const struct bytes *spans, uint32_t count, uint64_t offset) {
    while (count > 0) {
        int64_t written = write_some(fd, spans, count, offset);
        if (written < 0) return false;
        offset += (uint64_t)written;
        uint64_t whole = (uint64_t)written;
        while (count > 0 && whole >= spans->size) {
            whole -= spans->size;
            spans++;
            count--;
        }
        if (whole == 0) continue;
        /* A short write ended within a span. */
        struct bytes rest = bytes_slice(*spans, (size_t)whole, SIZE_MAX);
        if (!write_rest(fd, rest, offset)) return false;
        offset += rest.size;
        spans++;
        count--;
    }
    return true;
}

/* The name for a file that is being made; "…new" fits by the contract of DISK_NAME_SIZE. */
struct path {
    char text[PATH_SIZE];
};
static struct path path_new(const char *name) {
    struct path path;
    snprintf(path.text, sizeof(path.text), "%s.new", name);
    return path;
}

static uint64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* --- the log lane ---------------------------------------------------------------------------- */

static void open_for_appends(struct disk *disk, const char *name) {
    uint32_t generation = atomic_load(&disk->generation);
    if (disk->append_generation == generation && strcmp(disk->append_name, name) == 0) return;
    if (!append_file_open(disk->append_file, disk->directory, name))
        end_process(disk, "open", name);
    snprintf(disk->append_name, sizeof(disk->append_name), "%s", name);
    disk->append_generation = generation;
}

/* Writes what is gathered, and syncs it if asked to. */
static void finish_appends(struct disk *disk, bool sync) {
    uint64_t start_us = now_us();
    if (!append_file_finish(disk->append_file, sync))
        end_process(disk, sync ? "writing and syncing" : "writing", disk->append_name);
    if (!sync) return;
    uint64_t took_us = now_us() - start_us;
    disk->sync_us[atomic_load(&disk->syncs) % RING_SIZE] = took_us;
    atomic_fetch_add(&disk->syncs, 1);
    atomic_store(&disk->sync_us_last, took_us);
    if (took_us > atomic_load(&disk->sync_us_max)) atomic_store(&disk->sync_us_max, took_us);
}

/* Which names a directory has durably after this failed nobody knows, and asking again may be told
 * that all is well. */
static void sync_directory(const struct disk *disk) {
    if (fsync(disk->directory) != 0) end_process(disk, "fsync", "the data directory");
}

/* The next replacement finds its room taken, also when the disk is full by then: a node that can't
 * make its vote durable takes no part. What the replaced file had is free now. */
static void keep_room(struct disk *disk, const struct path *path) {
    int fd = openat(disk->directory, path->text, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return;
    if (fallocate(fd, 0, 0, DISK_APPEND_BLOCK) != 0)
        (void)write_rest(fd, bytes_of(disk->zeros, DISK_APPEND_BLOCK), 0);
    close(fd);
}

/* The contract's atomic file: a temporary name, synced, renamed, the directory synced. */
static enum error replace(struct disk *disk, const struct disk_request *request) {
    struct path path = path_new(request->name);
    int fd = openat(disk->directory, path.text, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return error_of_errno();
    off_t size = 0;
    for (uint32_t i = 0; i < request->span_count; i++)
        size += (off_t)request->spans[i].size;
    bool written =
        write_spans(fd, request->spans, request->span_count, 0) && ftruncate(fd, size) == 0;
    enum error error = written ? ERROR_NONE : error_of_errno();
    if (error == ERROR_NONE && fsync(fd) != 0) end_process(disk, "fsync", path.text);
    close(fd);
    if (error == ERROR_NONE &&
        renameat(disk->directory, path.text, disk->directory, request->name) != 0)
        error = error_of_errno();
    if (error == ERROR_NONE) sync_directory(disk);
    if (error == ERROR_IO) end_process(disk, "writing", request->name);
    if (error == ERROR_NONE) keep_room(disk, &path);
    return error;
}

static void lane_done(struct lane *lane, const struct disk_completion *completion);

static const struct disk_request *request_at(const struct lane *lane, uint32_t count) {
    return &lane->requests[count % RING_SIZE];
}

/* APPENDs to one file, as many as wait: all written, then synced once. */
static uint32_t run_appends(struct lane *lane, uint32_t waiting) {
    struct disk *disk = lane->disk;
    const struct disk_request *first = request_at(lane, lane->taken);
    open_for_appends(disk, first->name);
    uint32_t count = 0;
    uint64_t bytes = 0;
    bool sync = false;
    while (count < waiting) {
        const struct disk_request *request = request_at(lane, lane->taken + count);
        if (request->call != DISK_APPEND || strcmp(request->name, first->name) != 0) break;
        uint64_t offset = request->offset;
        for (uint32_t i = 0; i < request->span_count; i++) {
            if (!append_file_put(disk->append_file, offset, request->spans[i]))
                end_process(disk, "writing", first->name);
            offset += request->spans[i].size;
        }
        bytes += offset - request->offset;
        sync |= request->sync;
        count++;
    }
    finish_appends(disk, sync);
    atomic_fetch_add(&disk->append_bytes, bytes);
    atomic_fetch_add(&disk->appends, count);
    return count;
}

/* Carries out one request or several; returns how many. */
static uint32_t run_log(struct lane *lane, uint32_t waiting) {
    const struct disk_request *request = request_at(lane, lane->taken);
    uint32_t count = 1;
    enum error error = ERROR_NONE;
    if (request->call == DISK_APPEND) {
        count = run_appends(lane, waiting);
    } else {
        error = replace(lane->disk, request);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct disk_completion completion = {.number = request_at(lane, lane->taken + i)->number,
                                             .error = error};
        lane_done(lane, &completion);
    }
    return count;
}

/* --- the file lane --------------------------------------------------------------------------- */

/* Zeros, really written: an append then changes no block map, and its sync writes data alone. They
 * pass by the page cache, which has better things to hold; where that can't be, a sync after each
 * slice keeps the disk's queue short for the log thread. */
static bool fill(struct disk *disk, int fd, uint64_t size) {
    int flags = fcntl(fd, F_GETFL);
    bool direct = flags >= 0 && fcntl(fd, F_SETFL, flags | O_DIRECT) == 0;
    for (uint64_t from = 0; from < size;) {
        uint64_t slice = size - from < ZERO_SLICE ? size - from : ZERO_SLICE;
        if (direct && (slice % DISK_APPEND_BLOCK == 0) &&
            write_rest(fd, bytes_of(disk->zeros, slice), from)) {
            from += slice;
            continue;
        }
        if (direct && fcntl(fd, F_SETFL, flags) != 0) return false;
        direct = false;
        if (!write_rest(fd, bytes_of(disk->zeros, slice), from)) return false;
        if (fdatasync(fd) != 0) return false;
        from += slice;
    }
    return !direct || fcntl(fd, F_SETFL, flags) == 0;
}

static enum error create_file(struct disk *disk, const struct disk_request *request) {
    struct path path = path_new(request->name);
    int fd = openat(disk->directory, path.text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return error_of_errno();
    /* Asks for all the room first: a full disk says so before anything is written. Where the file
     * system knows no such call the writes will find out. */
    bool made =
        fallocate(fd, 0, 0, (off_t)request->size) == 0 || errno == EOPNOTSUPP || errno == ENOSYS;
    made = made && fill(disk, fd, request->size) &&
           write_spans(fd, request->spans, request->span_count, 0) && fsync(fd) == 0;
    made = made && renameat(disk->directory, path.text, disk->directory, request->name) == 0;
    if (made) sync_directory(disk);
    enum error error = made ? ERROR_NONE : error_of_errno();
    close(fd);
    if (!made) unlinkat(disk->directory, path.text, 0);
    atomic_fetch_add(&disk->generation, 1);
    return error;
}

static enum error write_file(struct disk *disk, const struct disk_request *request) {
    int fd = openat(disk->directory, request->name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return error_of_errno();
    bool written = write_spans(fd, request->spans, request->span_count, request->offset) &&
                   (!request->sync || fsync(fd) == 0);
    enum error error = written ? ERROR_NONE : error_of_errno();
    close(fd);
    return error;
}

static enum error rename_file(struct disk *disk, const struct disk_request *request) {
    if (renameat(disk->directory, request->name, disk->directory, request->target) != 0)
        return error_of_errno();
    atomic_fetch_add(&disk->generation, 1);
    sync_directory(disk);
    return ERROR_NONE;
}

static enum error remove_file(struct disk *disk, const struct disk_request *request) {
    if (unlinkat(disk->directory, request->name, 0) != 0) return error_of_errno();
    atomic_fetch_add(&disk->generation, 1);
    sync_directory(disk);
    return ERROR_NONE;
}

static void list_directory(struct disk *disk, struct disk_completion *completion) {
    int fd = openat(disk->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL) {
        completion->error = error_of_errno();
        if (fd >= 0) close(fd);
        return;
    }
    uint32_t count = 0, capacity = 0;
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        struct stat status;
        if (strlen(entry->d_name) >= DISK_NAME_SIZE) continue;
        if (fstatat(disk->directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (!S_ISREG(status.st_mode)) continue;
        if (count == capacity) {
            capacity = capacity * 2 + 64;
            disk->list = memory_resize(disk->list, capacity * sizeof(*disk->list));
        }
        struct disk_file *file = &disk->list[count++];
        snprintf(file->name, sizeof(file->name), "%s", entry->d_name);
        file->size = (uint64_t)status.st_size;
    }
    closedir(directory);
    completion->files = disk->list;
    completion->file_count = count;
}

static uint32_t run_files(struct lane *lane, uint32_t waiting) {
    (void)waiting;
    const struct disk_request *request = request_at(lane, lane->taken);
    struct disk_completion completion = {.number = request->number};
    switch (request->call) {
    case DISK_CREATE:
        completion.error = create_file(lane->disk, request);
        break;
    case DISK_WRITE:
        completion.error = write_file(lane->disk, request);
        break;
    case DISK_RENAME:
        completion.error = rename_file(lane->disk, request);
        break;
    case DISK_REMOVE:
        completion.error = remove_file(lane->disk, request);
        break;
    default:
        list_directory(lane->disk, &completion);
        break;
    }
    lane_done(lane, &completion);
    return 1;
}

/* --- the reader lane ------------------------------------------------------------------------- */

static void read_file(struct disk *disk, const struct disk_request *request,
                      struct disk_completion *completion) {
    int fd = openat(disk->directory, request->name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        completion->error = error_of_errno();
        return;
    }
    while (completion->size < request->size) {
        ssize_t count =
            pread(fd, request->into + completion->size, request->size - completion->size,
                  (off_t)(request->offset + completion->size));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) completion->error = error_of_errno();
        if (count <= 0) break;
        completion->size += (uint64_t)count;
    }
    close(fd);
    atomic_fetch_add(&disk->reads, 1);
    atomic_fetch_add(&disk->read_bytes, completion->size);
}

static uint32_t run_reads(struct lane *lane, uint32_t waiting) {
    (void)waiting;
    const struct disk_request *request = request_at(lane, lane->taken);
    struct disk_completion completion = {.number = request->number};
    read_file(lane->disk, request, &completion);
    lane_done(lane, &completion);
    return 1;
}

/* --- lanes ----------------------------------------------------------------------------------- */

static void tell_loop(struct disk *disk) {
    if (atomic_exchange(&disk->is_told, true)) return;
    uint64_t one = 1;
    ssize_t written = write(disk->event, &one, sizeof(one));
    CHECK(written == sizeof(one));
}

static void lane_done(struct lane *lane, const struct disk_completion *completion) {
    uint32_t done = atomic_load_explicit(&lane->done, memory_order_relaxed);
    lane->completions[done % RING_SIZE] = *completion;
    atomic_store(&lane->done, done + 1);
    tell_loop(lane->disk);
}

static void sleep_on(_Atomic uint32_t *word, uint32_t value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake(_Atomic uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* How many requests wait; sleeps until there are some. 0: the disk closes. */
static uint32_t lane_wait(struct lane *lane) {
    for (;;) {
        uint32_t submitted = atomic_load(&lane->submitted);
        if (submitted != lane->taken) return submitted - lane->taken;
        if (atomic_load(&lane->disk->ends)) return 0;
        atomic_store(&lane->sleeps, 1);
        /* Looks again: who submits after this line sees that it has to wake us. */
        if (atomic_load(&lane->submitted) == submitted && !atomic_load(&lane->disk->ends))
            sleep_on(&lane->submitted, submitted);
        atomic_store(&lane->sleeps, 0);
    }
}

static void *lane_run(struct lane *lane, uint32_t (*run)(struct lane *, uint32_t)) {
    uint32_t waiting;
    while ((waiting = lane_wait(lane)) > 0)
        lane->taken += run(lane, waiting);
    return NULL;
}

static void *log_thread(void *lane) {
    return lane_run(lane, run_log);
}

/* The lowest priority of its kind, for the processor and, where the scheduler knows it, the disk.
 */
static void *file_thread(void *lane) {
    enum { IOPRIO_WHO_PROCESS = 1, IOPRIO_BEST_EFFORT_LOWEST = 2 << 13 | 7 };
    pid_t thread = (pid_t)syscall(SYS_gettid);
    setpriority(PRIO_PROCESS, (id_t)thread, 10);
    syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, thread, IOPRIO_BEST_EFFORT_LOWEST);
    return lane_run(lane, run_files);
}

static void *reader_thread(void *lane) {
    return lane_run(lane, run_reads);
}

/* --- life ------------------------------------------------------------------------------------ */

static void *(*const thread_mains[LANES])(void *) = {
    [LANE_LOG] = log_thread, [LANE_FILES] = file_thread, [LANE_READER] = reader_thread};
static const char *const thread_names[LANES] = {
    [LANE_LOG] = "hamok-log", [LANE_FILES] = "hamok-files", [LANE_READER] = "hamok-reader"};

static void start_threads(struct disk *disk) {
    for (int i = 0; i < LANES; i++) {
        struct lane *lane = &disk->lanes[i];
        lane->disk = disk;
        CHECK(thread_start(&lane->thread, thread_names[i], thread_mains[i], lane));
    }
}

/* A record lock: it is the process's, so a forked child does not have it, and who asks is told the
 * holder's pid. */
static enum error lock_directory(struct disk *disk, const char *directory, struct buffer *problem) {
    disk->lock = openat(disk->directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (disk->lock < 0) {
        buffer_append_format(problem,
                             "the data directory %s can't be written: %s: make it writable for "
                             "this user, or choose another --dir",
                             directory, strerror(errno));
        return ERROR_IO;
    }
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(disk->lock, F_SETLK, &lock) == 0) return ERROR_NONE;
    if (errno != EACCES && errno != EAGAIN) {
        buffer_append_format(problem,
                             "the data directory %s can't be locked: %s: choose another --dir, on "
                             "a file system that knows locks",
                             directory, strerror(errno));
        return ERROR_IO;
    }
    bool known = fcntl(disk->lock, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    if (known) {
        buffer_append_format(problem,
                             "the data directory %s is in use by process %d; stop that one first, "
                             "or give this one another --dir",
                             directory, (int)lock.l_pid);
    } else {
        buffer_append_format(problem,
                             "the data directory %s is in use by another process; stop that one "
                             "first, or choose another --dir",
                             directory);
    }
    return ERROR_REFUSED;
}

static void disk_free(struct disk *disk) {
    int descriptors[] = {disk->directory, disk->lock, disk->event};
    for (size_t i = 0; i < COUNT_OF(descriptors); i++)
        if (descriptors[i] >= 0) close(descriptors[i]);
    memory_release(disk->list);
    append_file_destroy(disk->append_file);
    if (disk->zeros != NULL) munmap(disk->zeros, ZERO_SLICE);
    memory_release(disk);
}

enum error disk_open(const char *directory, const struct log *log, struct disk **result,
                     struct buffer *problem) {
    struct disk *disk = memory_allocate_zeroed(sizeof(*disk));
    disk->log = log;
    disk->lock = disk->event = -1;
    disk->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum error error = ERROR_NONE;
    if (disk->directory < 0) {
        buffer_append_format(problem, "the data directory %s can't be opened: %s", directory,
                             strerror(errno));
        error = errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO;
    }
    if (error == ERROR_NONE) error = lock_directory(disk, directory, problem);
    if (error != ERROR_NONE) {
        disk_free(disk);
        return error;
    }
    disk->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(disk->event >= 0);
    disk->append_file = append_file_create();
    /* Only read, so it takes no memory; and it begins with a page, as direct writes demand. */
    disk->zeros = mmap(NULL, ZERO_SLICE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(disk->zeros != MAP_FAILED);
    start_threads(disk);
    *result = disk;
    return ERROR_NONE;
}

void disk_close(struct disk *disk) {
    if (disk == NULL) return;
    atomic_store(&disk->ends, true);
    for (int i = 0; i < LANES; i++) {
        struct lane *lane = &disk->lanes[i];
        /* The word slept on does not change, so one wake might come before the sleep: `ends` is
         * looked at in between, and the thread says when it sleeps. */
        while (pthread_tryjoin_np(lane->thread, NULL) != 0) {
            wake(&lane->submitted);
            struct timespec pause = {.tv_nsec = 100 * 1000};
            nanosleep(&pause, NULL);
        }
    }
    disk_free(disk);
}

/* --- the loop's side ------------------------------------------------------------------------- */

int disk_descriptor(const struct disk *disk) {
    return disk->event;
}

void disk_submit(struct disk *disk, const struct disk_request *request) {
    struct lane *lane = &disk->lanes[lane_of[request->call]];
    uint32_t submitted = atomic_load_explicit(&lane->submitted, memory_order_relaxed);
    CHECK(submitted - lane->polled < RING_SIZE);
    lane->requests[submitted % RING_SIZE] = *request;
    atomic_store(&lane->submitted, submitted + 1);
    if (atomic_load(&lane->sleeps)) wake(&lane->submitted);
}

static bool poll_lanes(struct disk *disk, struct disk_completion *completion) {
    for (int i = 0; i < LANES; i++) {
        struct lane *lane = &disk->lanes[i];
        if (atomic_load(&lane->done) == lane->polled) continue;
        *completion = lane->completions[lane->polled++ % RING_SIZE];
        return true;
    }
    return false;
}

static void take_sync_times(struct disk *disk) {
    uint64_t syncs = atomic_load(&disk->syncs);
    for (; disk->syncs_taken < syncs; disk->syncs_taken++)
        histogram_add(&disk->sync_times, disk->sync_us[disk->syncs_taken % RING_SIZE] * 1000);
}

bool disk_poll(struct disk *disk, struct disk_completion *completion) {
    take_sync_times(disk);
    if (poll_lanes(disk, completion)) return true;
    /* Nothing is left: the next completion has to tell again; then looks once more for one that
     * came before. In this order no completion stays untold; a telling too many does no harm. */
    uint64_t count;
    while (read(disk->event, &count, sizeof(count)) < 0 && errno == EINTR) {
    }
    atomic_store(&disk->is_told, false);
    return poll_lanes(disk, completion);
}

void disk_wait(struct disk *disk, int timeout_ms) {
    struct pollfd wanted = {.fd = disk->event, .events = POLLIN};
    poll(&wanted, 1, timeout_ms);
}

uint32_t disk_open_requests(const struct disk *disk) {
    uint32_t count = 0;
    for (int i = 0; i < LANES; i++)
        count += atomic_load_explicit(&disk->lanes[i].submitted, memory_order_relaxed) -
                 disk->lanes[i].polled;
    return count;
}

struct disk_figures disk_figures(const struct disk *disk) {
    return (struct disk_figures){.appends = atomic_load(&disk->appends),
                                 .append_bytes = atomic_load(&disk->append_bytes),
                                 .syncs = atomic_load(&disk->syncs),
                                 .reads = atomic_load(&disk->reads),
                                 .read_bytes = atomic_load(&disk->read_bytes),
                                 .sync_us_last = atomic_load(&disk->sync_us_last),
                                 .sync_us_max = atomic_load(&disk->sync_us_max)};
}

uint64_t disk_sync_us(const struct disk *disk, double percent) {
    return histogram_percentile(&disk->sync_times, percent) / 1000;
}

void disk_reset_sync_times(struct disk *disk) {
    memset(&disk->sync_times, 0, sizeof(disk->sync_times));
    atomic_store(&disk->sync_us_max, 0);
}
