/* disk.h: disk requests (raft/disk.h) carried out with system calls, off the event loop.
 *
 * Three threads, one for each queue of the contract: the log thread (APPEND, REPLACE) takes all
 * that is waiting, writes it and syncs each file once; the file thread (CREATE, WRITE, RENAME,
 * REMOVE, LIST) makes segments, at low priority and in slices, so that filling never delays an
 * append for long; the reader thread (READ) serves slow peers and the recovery. Requests and
 * completions pass through rings without a lock; only the loop's thread calls the functions here.
 *
 * A write or sync of the log that fails ends the process with a line in the log: what the disk
 * holds then is unknown, and a second sync would not tell. */
#pragma once

#include "base/buffer.h"
#include "raft/disk.h"
#include "src/server/log.h"

struct disk;

/* Opens the data directory, locks it and starts the threads. The lock is on the file `lock` in it,
 * belongs to this process and is not inherited by fork; so daemonize first, and open no other
 * descriptor on that file. `log` is lent for the life of the disk. On an error *problem says in a
 * line what is wrong and how to mend it: REFUSED (locked by another process), NOT_FOUND, IO. */
enum error disk_open(const char *directory, const struct log *log, struct disk **disk,
                     struct buffer *problem) MUST_USE;

/* Waits for all open requests, ends the threads, unlocks. NULL is allowed. */
void disk_close(struct disk *disk);

/* Readable while completions wait. */
int disk_descriptor(const struct disk *disk);

/* At most DISK_OPEN_MAX requests of one queue may be open. */
enum { DISK_OPEN_MAX = 256 };
void disk_submit(struct disk *disk, const struct disk_request *request);

/* The next completion; what it points to is lent until the next call. Call it until it says false
 * whenever the descriptor is readable. */
bool disk_poll(struct disk *disk, struct disk_completion *completion);

/* Sleeps until a completion waits or the time is over: for start-up and shutdown, before and after
 * the event loop. */
void disk_wait(struct disk *disk, int timeout_ms);

/* Requests submitted and not yet polled. */
uint32_t disk_open_requests(const struct disk *disk);

struct disk_figures {
    uint64_t appends, append_bytes, syncs, reads, read_bytes;
    uint64_t sync_us_last, sync_us_max;
};
struct disk_figures disk_figures(const struct disk *disk);
/* So long, in us, `percent` of the log's syncs took at most, since the start or the last reset. */
uint64_t disk_sync_us(const struct disk *disk, double percent);
void disk_reset_sync_times(struct disk *disk);
