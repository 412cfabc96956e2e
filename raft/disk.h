/* disk.h: the calls of the pure code on a disk, as values.
 *
 * The journal, founding and snapshots emit disk requests; whoever drives the node carries them out:
 * the server with its log, file and reader threads (src/server/disk.h), the simulator on a
 * simulated disk (tests/simulator/disk.h). A completion comes back with the request's number.
 *
 * Order: APPEND and REPLACE requests complete in the order in which they were submitted; so do
 * CREATE, WRITE, RENAME, REMOVE and LIST among themselves; so do READs. Between these three queues
 * there is no order: an emitter that needs one waits for the completion.
 *
 * CREATE and REPLACE are atomic: they work on the name with ".new" behind it and rename at the end,
 * so a file is never seen half made under its own name. What a crash leaves under ".new" means
 * nothing and is overwritten by the next such call; a REPLACE leaves room there on purpose, so that
 * the next small one of that name needs none of a disk that is full by then. A file that is too
 * large to be handed over at once is made by WRITEs under a temporary name of the emitter's, the
 * last one with `sync`, and a RENAME. Without a sync a loss of power leaves any part of it, or
 * nothing, even behind a RENAME.
 *
 * A RENAME or REMOVE that fails has done nothing, a CREATE has left the name as it was. Where that
 * is not certain, because the directory could not be synced, whoever carries them out ends the
 * process; so it does when a REPLACE fails other than for want of room.
 *
 * From an APPEND's offset on its file holds zeros, as far as the end of the block of
 * DISK_APPEND_BLOCK bytes in which the APPEND ends: whoever carries it out may write whole blocks.
 *
 * Files are named relative to the data directory. Offsets and sizes are in bytes. The request is
 * copied when it is submitted; what it points to (spans and their bytes, the memory to read into)
 * is lent until the completion. */
#pragma once

#include "base/bytes.h"
#include "base/error.h"

enum disk_call {
    DISK_APPEND,  /* write the spans at offset of an existing file; all of it durable, if `sync` */
    DISK_CREATE,  /* a file of `size` bytes: the spans, then zeros really written; synced */
    DISK_REPLACE, /* a file of exactly the spans takes the place of the one there was; synced */
    DISK_WRITE,   /* write the spans at offset; the file is made, or grows, if need be; all that
                     was ever written to it durable, if `sync` */
    DISK_RENAME,  /* name -> target, in whose place it comes; the directory synced */
    DISK_REMOVE,  /* unlink and sync the directory */
    DISK_READ,    /* size bytes at offset into `into`; fewer at the end of the file */
    DISK_LIST,    /* names and sizes of the directory's plain files */
};

enum { DISK_APPEND_BLOCK = 4096 };

/* With room for the zero byte and ".new". */
enum { DISK_NAME_SIZE = 40 };

struct disk_request {
    uint64_t number; /* of the emitter's choosing; the journal's are below 2^63, others above */
    enum disk_call call;
    bool
        sync; /* APPEND, WRITE: false leaves the bytes to the kernel, or to a later one with true */
    char name[DISK_NAME_SIZE];
    char target[DISK_NAME_SIZE]; /* RENAME */
    uint64_t offset;             /* APPEND, WRITE, READ */
    uint64_t size;               /* CREATE, READ */
    char *into;                  /* READ */
    const struct bytes *spans;
    uint32_t span_count;
};

struct disk_file {
    char name[DISK_NAME_SIZE];
    uint64_t size;
};

struct disk_completion {
    uint64_t number;
    enum error error;              /* DISK_FULL, IO, NOT_FOUND (READ, RENAME, REMOVE) */
    uint64_t size;                 /* READ: how many bytes were read */
    const struct disk_file *files; /* LIST: lent for the time of the call; longer names left out */
    uint32_t file_count;
};
