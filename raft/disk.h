/* disk.h: the calls of the pure code on a disk, as values.
 *
 * The journal (and founding) emit disk requests; whoever drives the node carries them out: the
 * server with its log thread and reader thread, the simulator on a simulated disk. A completion
 * comes back as an event with the request's number. Requests of one queue are carried out in order;
 * reads go through a queue of their own, off the loop.
 *
 * Files are named relative to the data directory. Offsets and sizes are in bytes. Spans are lent:
 * their chunks are held (by the emitter) until the completion. */
#pragma once

#include "base/buffer.h"
#include "base/chunk.h"
#include "base/error.h"

enum disk_call {
    DISK_APPEND,  /* write the spans at offset of an existing file, then fdatasync it */
    DISK_CREATE,  /* make the file with `size` zero bytes really written, sync it and its directory
                   */
    DISK_REPLACE, /* write the spans to a temporary name, sync, rename to name, sync the directory
                   */
    DISK_REMOVE,  /* unlink and sync the directory */
    DISK_READ,    /* size bytes at offset; shorter at the end of the file */
    DISK_LIST,    /* names and sizes of the directory's files */
};

enum { DISK_NAME_SIZE = 40 };

struct disk_request {
    uint64_t number; /* of the emitter's choosing, unique while open */
    enum disk_call call;
    char name[DISK_NAME_SIZE];
    uint64_t offset, size;
    struct bytes *spans; /* APPEND, REPLACE: the emitter's array, valid until the completion */
    uint32_t span_count;
};

struct disk_file {
    char name[DISK_NAME_SIZE];
    uint64_t size;
};

struct disk_completion {
    uint64_t number;
    enum error error;              /* DISK_FULL, IO, NOT_FOUND (READ, REMOVE) */
    struct bytes data;             /* READ: lent for the time of the call */
    const struct disk_file *files; /* LIST: lent */
    uint32_t file_count;
};
