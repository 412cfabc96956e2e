/* import.c: see import.h. Both halves are done a piece a turn of the loop, so that clients get
 * their -LOADING; nothing else of this node waits meanwhile. */
#include "src/server/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "src/replica/snapshot.h"
#include "src/server/child.h"
#include "src/server/version.h"
#include "storages/rdb_read.h"
#include "storages/storages.h"

enum { PIECE_SIZE = 1 << 20 };
static const uint64_t progress_every_us = 1000 * 1000;

#define TEMPORARY_NAME "snapshot-import.tmp"

struct import {
    struct server *server;
    struct ev_idle idle;
    bool (*step)(struct import *import); /* true: done, or failed */
    bool failed;
    struct buffer *error;

    const char *name;
    int fd;
    uint64_t size, done;
    uint64_t told_us;
    char *piece;
    struct storages *storages;
    struct rdb_reader *reader;
    struct snapshot_writer *writer;
    struct buffer out;
    uint64_t digest;
};

bool import_is_missing(const struct server *server) {
    const struct identity *identity = &server->identity;
    return identity->phase == IDENTITY_FOUNDED && identity->initial != 0 &&
           access(SNAPSHOT_NAME, F_OK) != 0;
}

bool import_is_wanted(const struct server *server) {
    const char *name = CONFIG_STRING(&server->config, DBFILENAME);
    bool begins = !identity_is_founded(&server->identity) || import_is_missing(server);
    return begins && name[0] != '\0' && access(name, F_OK) == 0;
}

/* --- the loop ------------------------------------------------------------------------------------
 */

static void on_idle(struct ev_loop *loop, struct ev_idle *watcher, int events) {
    (void)events;
    struct import *import = watcher->data;
    if (import->server->stopping || import->step(import)) ev_break(loop, EVBREAK_ALL);
}

static bool run(struct import *import, bool (*step)(struct import *import)) {
    struct ev_loop *loop = import->server->loop;
    import->step = step;
    import->done = 0;
    ev_idle_init(&import->idle, on_idle);
    import->idle.data = import;
    ev_idle_start(loop, &import->idle);
    ev_run(loop, 0);
    ev_idle_stop(loop, &import->idle);
    return !import->failed;
}

static bool fail(struct import *import, const char *what) {
    import->failed = true;
    buffer_append_format(import->error,
                         "%s/%s can't be taken over: %s: move it away to start empty, or choose "
                         "another --dir",
                         import->server->directory, import->name, what);
    return true;
}

static void tell_progress(struct import *import, const char *doing) {
    uint64_t now_us = clock_us();
    if (now_us - import->told_us < progress_every_us) return;
    import->told_us = now_us;
    log_line(&import->server->log, LOG_LEVEL_NOTICE, "%s: %llu of %llu MiB", doing,
             (unsigned long long)(import->done >> 20), (unsigned long long)(import->size >> 20));
}

/* --- reading -------------------------------------------------------------------------------------
 */

static bool finish_reading(struct import *import) {
    enum error error = rdb_reader_end(import->reader);
    if (error != ERROR_NONE) return fail(import, rdb_reader_error(import->reader));
    import->digest = storages_digest(import->storages);
    if (import->digest == 0) import->digest = 1; /* 0 says that there is none */
    /* So that nodes with other data have another rolling digest from the beginning. */
    storages_mix_digest(import->storages, import->digest);
    struct rdb_read_statistics statistics = rdb_reader_statistics(import->reader);
    log_line(&import->server->log, LOG_LEVEL_NOTICE, "%s was read: %llu keys, %llu MiB",
             import->name, (unsigned long long)statistics.keys,
             (unsigned long long)((import->size + (1 << 20) - 1) >> 20));
    rdb_reader_destroy(import->reader);
    import->reader = NULL;
    return true;
}

static bool read_piece(struct import *import) {
    ssize_t count = read(import->fd, import->piece, PIECE_SIZE);
    if (count < 0 && errno == EINTR) return false;
    if (count < 0) return fail(import, strerror(errno));
    if (count == 0) return finish_reading(import);
    enum error error = rdb_reader_feed(import->reader, bytes_of(import->piece, (size_t)count));
    if (error != ERROR_NONE) return fail(import, rdb_reader_error(import->reader));
    import->done += (uint64_t)count;
    tell_progress(import, "Reading the dump");
    return false;
}

bool import_read(struct server *server, struct buffer *error) {
    struct import *import = memory_allocate_zeroed(sizeof(*import));
    server->import = import;
    import->server = server;
    import->error = error;
    import->name = CONFIG_STRING(&server->config, DBFILENAME);
    import->fd = open(import->name, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (import->fd < 0 || fstat(import->fd, &status) != 0) {
        (void)fail(import, strerror(errno));
        return false;
    }
    import->size = (uint64_t)status.st_size;
    import->piece = memory_allocate(PIECE_SIZE);
    import->storages = storages_create(1);
    import->reader = rdb_reader_create(&(struct rdb_read_options){
        .storages = import->storages, .mode = RDB_IMPORT, .bytes_total = import->size});
    import->told_us = clock_us();
    log_line(&server->log, LOG_LEVEL_NOTICE,
             "%s is the first state of this new node: %llu MiB are read", import->name,
             (unsigned long long)((import->size + (1 << 20) - 1) >> 20));
    return run(import, read_piece);
}

uint64_t import_digest(const struct import *import) {
    return import == NULL ? 0 : import->digest;
}

struct import_progress import_progress(const struct import *import) {
    if (import == NULL) return (struct import_progress){0};
    return (struct import_progress){import->done, import->size};
}

/* --- writing -------------------------------------------------------------------------------------
 */

static bool fail_writing(struct import *import) {
    import->failed = true;
    buffer_append_format(import->error,
                         "can't write %s/" SNAPSHOT_NAME ": %s: make it writable, or make room",
                         import->server->directory, strerror(errno));
    return true;
}

static bool finish_writing(struct import *import) {
    int directory = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = directory >= 0 && fsync(import->fd) == 0 &&
                rename(TEMPORARY_NAME, SNAPSHOT_NAME) == 0 && fsync(directory) == 0;
    if (!good) (void)fail_writing(import);
    if (directory >= 0) close(directory);
    return true;
}

static bool write_piece(struct import *import) {
    bool last = snapshot_writer_next(import->writer, &import->out, PIECE_SIZE);
    if (!child_write(import->fd, buffer_bytes(&import->out))) return fail_writing(import);
    import->done += import->out.size;
    import->out.size = 0;
    tell_progress(import, "Writing the first snapshot");
    return last ? finish_writing(import) : false;
}

/* It is nobody's: whoever finds it ahead of its log restarts that behind it. */
static struct snapshot_head first_head(const struct server *server,
                                       const struct storages *storages) {
    struct snapshot_head head = {
        .position = {.index = 1, .term = 1, .hash = identity_base_hash(&server->identity)}};
    head.digest = origins_digest(&head.origins, storages_rolling_digest(storages));
    memcpy(head.cluster, server->identity.cluster, sizeof(head.cluster));
    identity_founders(&server->identity, &head.members);
    return head;
}

bool import_write(struct server *server, struct buffer *error) {
    struct import *import = server->import;
    import->error = error;
    close(import->fd);
    import->fd = open(TEMPORARY_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (import->fd < 0) {
        (void)fail_writing(import);
        return false;
    }
    struct snapshot_head head = first_head(server, import->storages);
    struct snapshot_options options = {
        .redis_version = BYTES(REDIS_VERSION),
        .created_s = (int64_t)(wall_clock_ms() / 1000),
        .compress = CONFIG_IS_ON(&server->config, RDBCOMPRESSION),
    };
    import->writer = snapshot_writer_create(import->storages, &head, &options);
    return run(import, write_piece);
}

void import_destroy(struct import *import) {
    if (import == NULL) return;
    if (import->fd >= 0) close(import->fd);
    snapshot_writer_destroy(import->writer);
    rdb_reader_destroy(import->reader);
    storages_destroy(import->storages);
    buffer_clear(&import->out);
    memory_release(import->piece);
    memory_release(import);
}
