/* saver.c: see saver.h.
 */
#include "src/server/saver.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "src/server/child.h"
#include "src/server/memory_usage.h"
#include "src/server/version.h"

enum { PIECE_SIZE = 256 << 10, WRITE_OUT_EVERY = 512 << 10 };

/* The child runs in what time the others leave: at a low priority it would still hold up the loop
 * by a slice of some milliseconds. Where they leave it less than a tenth of a processor for so
 * long, it takes its share all the same. */
static const uint64_t leftover_time_us = 5 * 1000 * 1000;
enum { LEFTOVER_SHARE = 10, SHARE_NICE = 10, LAST_NICE = 19 };

/* What the child tells. */
struct report {
    enum error error;
    int error_number; /* errno */
    uint64_t size, keys, cow_bytes;
};

struct saver {
    struct server *server;
    struct child child;
    struct snapshot_writer *writer; /* for the time of the fork */
    char name[DISK_NAME_SIZE];
    struct report report; /* the child's message */
    uint64_t began_us;
    uint64_t commands; /* applied when it began */
    uint64_t made_told, failed_told;
    struct saver_figures figures;
};

/* --- the child ----------------------------------------------------------------------------------
 */

/* The kernel's count of pages that are this process's alone: what it or its parent has written
 * since the fork. */
static uint64_t private_dirty_bytes(void) {
    char text[4096];
    int fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t size = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (size <= 0) return 0;
    text[size] = '\0';
    const char *line = strstr(text, "Private_Dirty:");
    return line == NULL ? 0 : strtoull(line + strlen("Private_Dirty:"), NULL, 10) * 1024;
}

static uint64_t processor_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Who is not root may come back from idle time only as far as RLIMIT_NICE allows. */
static bool may_come_back(void) {
    struct rlimit limit;
    bool allows = getrlimit(RLIMIT_NICE, &limit) == 0 && limit.rlim_cur >= 20;
    return allows || geteuid() == 0;
}

/* True if the child has to look whether that is enough: take_share(). */
static bool take_leftover_time(void) {
    static const struct sched_param zero = {0};
    if (may_come_back() && sched_setscheduler(0, SCHED_IDLE, &zero) == 0) return true;
    setpriority(PRIO_PROCESS, 0, LAST_NICE);
    return false;
}

/* True when that was too little: from then on it is done. */
static bool take_share(uint64_t began_us) {
    static const struct sched_param zero = {0};
    uint64_t elapsed_us = clock_us() - began_us;
    if (elapsed_us < leftover_time_us || processor_us() > elapsed_us / LEFTOVER_SHARE) return false;
    (void)sched_setscheduler(0, SCHED_OTHER, &zero);
    setpriority(PRIO_PROCESS, 0, SHARE_NICE);
    return true;
}

/* Starts as it grows what the sync at its end has to wait for, and no more than that: a sync of its
 * own would make the disk flush, and the log's writes wait for that. */
static void write_out(int fd, uint64_t from, uint64_t to) {
    (void)sync_file_range(fd, (off_t)from, (off_t)(to - from),
                          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                              SYNC_FILE_RANGE_WAIT_AFTER);
}

static bool write_file(int fd, struct snapshot_writer *writer, struct report *report) {
    struct buffer piece = {0};
    uint64_t began_us = clock_us(), written_out = 0;
    bool last = false, good = true, is_idle = take_leftover_time();
    while (!last && good) {
        last = snapshot_writer_next(writer, &piece, PIECE_SIZE);
        good = child_write(fd, buffer_bytes(&piece));
        report->size += piece.size;
        piece.size = 0;
        if (is_idle && take_share(began_us)) is_idle = false;
        if (good && report->size - written_out >= WRITE_OUT_EVERY) {
            write_out(fd, written_out, report->size);
            written_out = report->size;
        }
    }
    report->keys = snapshot_writer_keys(writer);
    buffer_clear(&piece);
    return good && fsync(fd) == 0;
}

static void work(void *context) {
    struct saver *saver = context;
    struct report report = {.error = ERROR_NONE};
    int fd = open(saver->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || !write_file(fd, saver->writer, &report)) {
        report.error_number = errno;
        report.error = errno == ENOSPC || errno == EDQUOT ? ERROR_DISK_FULL : ERROR_IO;
    }
    report.cow_bytes = private_dirty_bytes();
    child_tell(bytes_of(&report, sizeof(report)));
}

/* --- the parent ---------------------------------------------------------------------------------
 */

static void tell_failure(struct saver *saver, int status) {
    const struct log *log = &saver->server->log;
    if (WIFSIGNALED(status))
        log_line(log, LOG_LEVEL_WARNING, "Background saving terminated by signal %d",
                 WTERMSIG(status));
    else
        log_line(log, LOG_LEVEL_WARNING, "Background saving error: writing %s: %s", saver->name,
                 strerror(saver->report.error_number));
}

static void on_child_ended(void *context, bool whole, int status) {
    struct saver *saver = context;
    struct server *server = saver->server;
    if (!whole) saver->report.error = ERROR_IO;
    if (saver->report.error != ERROR_NONE) tell_failure(saver, status);
    saver->figures.last_cow_bytes = saver->report.cow_bytes;
    replica_snapshot_written(server->replica, saver->report.error, saver->report.size,
                             server_moment(server));
}

static void fail_begin(struct saver *saver, const char *what) {
    struct server *server = saver->server;
    log_line(&server->log, LOG_LEVEL_WARNING, "Can't save in background: %s: %s", what,
             strerror(errno));
    replica_snapshot_written(server->replica, ERROR_IO, 0, server_moment(server));
}

static void begin(struct saver *saver) {
    struct server *server = saver->server;
    struct snapshot_options options = {
        .redis_version = BYTES(REDIS_VERSION),
        .created_s = (int64_t)(wall_clock_ms() / 1000),
        .used_memory = memory_used(),
        .compress = CONFIG_IS_ON(&server->config, RDBCOMPRESSION),
    };
    saver->writer = replica_snapshot_begin(server->replica, &options, saver->name);
    saver->began_us = clock_us();
    saver->commands = replica_statistics(server->replica)->commands_applied;
    saver->figures.began_ms = wall_clock_ms();
    memset(&saver->report, 0, sizeof(saver->report));
    bool started = child_start(&saver->child, "hamok-snapshot", work);
    saver->figures.fork_us = clock_us() - saver->began_us;
    snapshot_writer_destroy(saver->writer);
    if (!started) {
        fail_begin(saver, "fork");
        return;
    }
    saver->figures.started++;
    log_line(&server->log, LOG_LEVEL_NOTICE, "Background saving started by pid %d",
             (int)saver->child.pid);
}

/* The replica has given the file its name, or given it up. */
static void tell_end(struct saver *saver, const struct replica_snapshot_status *status) {
    const struct log *log = &saver->server->log;
    struct saver_figures *figures = &saver->figures;
    uint64_t took_ms = (clock_us() - saver->began_us) / 1000;
    bool good = status->made > saver->made_told;
    saver->made_told = status->made;
    saver->failed_told = status->failed;
    figures->finished++;
    figures->last_took_ms = took_ms;
    figures->began_ms = 0;
    figures->last_error = good ? ERROR_NONE : status->last_error;
    if (!good) {
        log_line(log, LOG_LEVEL_WARNING,
                 "No snapshot was made: %s. The log is kept; another attempt follows",
                 error_text(status->last_error));
        return;
    }
    figures->last_save_s = wall_clock_ms() / 1000;
    figures->commands_at_save = saver->commands;
    log_line(log, LOG_LEVEL_NOTICE,
             "Background saving terminated with success: " SNAPSHOT_NAME
             " up to index %llu: %llu keys, %llu MiB (after %llu ms, fork %llu us)",
             (unsigned long long)status->position.index, (unsigned long long)saver->report.keys,
             (unsigned long long)(status->size >> 20), (unsigned long long)took_ms,
             (unsigned long long)figures->fork_us);
}

void saver_tend(struct saver *saver) {
    struct replica *replica = saver->server->replica;
    struct replica_snapshot_status status = replica_snapshot_status(replica);
    if (status.made > saver->made_told || status.failed > saver->failed_told)
        tell_end(saver, &status);
    if (replica_snapshot_is_due(replica)) begin(saver);
}

bool saver_is_busy(const struct saver *saver) {
    struct replica_snapshot_status status = replica_snapshot_status(saver->server->replica);
    return status.asked_for || status.phase > REPLICA_SNAPSHOT_IDLE;
}

/* save SECONDS CHANGES …: as Redis does it, also with its pause after a failure. */
void saver_cron(struct saver *saver) {
    enum { PAUSE_S = 5 };
    const struct server *server = saver->server;
    const struct saver_figures *figures = &saver->figures;
    if (saver_is_busy(saver) || !replica_snapshot_may_begin(server->replica)) return;
    uint64_t now_s = wall_clock_ms() / 1000;
    uint64_t waited_s = now_s > figures->last_save_s ? now_s - figures->last_save_s : 0;
    uint64_t paused_us = clock_us() - saver->began_us;
    if (figures->last_error != ERROR_NONE && paused_us < PAUSE_S * 1000 * 1000) return;
    uint64_t changes =
        replica_statistics(server->replica)->commands_applied - figures->commands_at_save;
    const char *points = CONFIG_STRING(&server->config, SAVE);
    char *end;
    for (; *points != '\0'; points = end) {
        uint64_t after_s = strtoull(points, &end, 10);
        uint64_t wanted = strtoull(end, &end, 10);
        if (end == points) return;
        if (changes < wanted || waited_s <= after_s) continue;
        log_line(&server->log, LOG_LEVEL_NOTICE, "%llu changes in %llu seconds. Saving...",
                 (unsigned long long)wanted, (unsigned long long)after_s);
        replica_snapshot_ask(server->replica);
        return;
    }
}

const struct saver_figures *saver_figures(const struct saver *saver) {
    return &saver->figures;
}

/* --- life ---------------------------------------------------------------------------------------
 */

struct saver *saver_create(struct server *server) {
    struct saver *saver = memory_allocate_zeroed(sizeof(*saver));
    saver->server = server;
    saver->child = (struct child){
        .loop = server->loop,
        .message = {.at = (char *)&saver->report, .size = sizeof(saver->report)},
        .ended = on_child_ended,
        .context = saver,
    };
    saver->figures.last_save_s = server->started_wall_ms / 1000;
    return saver;
}

void saver_destroy(struct saver *saver) {
    if (saver == NULL) return;
    if (saver->child.pid != 0) {
        child_kill(&saver->child);
        unlink(saver->name);
    }
    memory_release(saver);
}
