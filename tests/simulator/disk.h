/* disk.h: a disk in memory that loses what a real one may lose.
 *
 * It keeps the contract of raft/disk.h: three queues, each in order. What is written is in the
 * "kernel" first; a sync makes it durable. simulated_disk_power_loss() decides for every sector
 * of 512 bytes that was written and not synced whether it is old or new; requests not completed
 * may have happened in part. simulated_disk_kill() is the end of the process alone: the kernel
 * keeps what it has, and a later loss of power may still take it: bytes, the growth of a file that
 * WRITEs have made, that file's name; and each change of a name by a call that was not completed,
 * be it CREATE, REPLACE, RENAME or REMOVE, for itself: the directory is as before or as after it.
 *
 * Time is virtual: a request completes once its seeded delay is over. Same seed and calls, same
 * disk. It outlives the nodes that use it. */
#pragma once

#include "raft/disk.h"

struct simulated_disk_config {
    uint64_t seed;
    uint64_t delay_min_us, delay_max_us; /* of APPEND, REPLACE; READs take a tenth */
    uint32_t slow_per_mille;             /* requests that take slow_us more */
    uint64_t slow_us;
    uint32_t append_errors_per_mille, read_errors_per_mille; /* ERROR_IO */
    uint32_t file_errors_per_mille;                          /* likewise, of all other calls */
    uint64_t
        capacity_bytes;   /* of all files; beyond it CREATE and WRITE say DISK_FULL; 0: endless */
    bool replace_is_full; /* REPLACE says DISK_FULL: it needs room for a second file */
    bool rename_is_full;  /* RENAME does: the directory needs another block */
};

struct simulated_disk;

struct simulated_disk *simulated_disk_create(const struct simulated_disk_config *config);
void simulated_disk_destroy(struct simulated_disk *disk); /* NULL is allowed. */
/* Faults and delays from now on; the seed is left alone. */
void simulated_disk_configure(struct simulated_disk *disk,
                              const struct simulated_disk_config *config);
/* Likewise, and what is under way takes no longer than with these either. */
void simulated_disk_mend(struct simulated_disk *disk, const struct simulated_disk_config *config,
                         uint64_t now_us);

void simulated_disk_submit(struct simulated_disk *disk, const struct disk_request *request,
                           uint64_t now_us);
/* The next completion that is due; what it points to is lent until the next call. */
bool simulated_disk_poll(struct simulated_disk *disk, uint64_t now_us,
                         struct disk_completion *completion);
/* When the next one is due; UINT64_MAX: none. */
uint64_t simulated_disk_deadline_us(const struct simulated_disk *disk);

/* Open requests are gone in both cases, wholly, in part or not at all. */
void simulated_disk_power_loss(struct simulated_disk *disk);
void simulated_disk_kill(struct simulated_disk *disk);

/* --- meddling ------------------------------------------------------------------------------- */

/* What a process would read; lent until the file changes. False: no such file. */
bool simulated_disk_file(const struct simulated_disk *disk, const char *name, struct bytes *bytes);
/* Changes bytes, or makes the file, behind everyone's back; durable at once. */
void simulated_disk_put(struct simulated_disk *disk, const char *name, uint64_t offset,
                        struct bytes bytes);
void simulated_disk_flip(struct simulated_disk *disk, const char *name, uint64_t offset,
                         uint8_t mask);
/* 0: there is none. Another file that takes the name has another one. */
uint64_t simulated_disk_file_id(const struct simulated_disk *disk, const char *name);
void simulated_disk_truncate(struct simulated_disk *disk, const char *name, uint64_t size);
void simulated_disk_remove(struct simulated_disk *disk, const char *name);
/* What the last REPLACE of this file took the place of is there again, or nothing is. */
void simulated_disk_undo_replace(struct simulated_disk *disk, const char *name);
/* All files; lent until the next call, or LIST. */
uint32_t simulated_disk_list(struct simulated_disk *disk, const struct disk_file **files);
/* All files as they are, durable, without open requests. */
struct simulated_disk *simulated_disk_copy(const struct simulated_disk *disk);

struct simulated_disk_figures {
    uint64_t appends, syncs, reads, creates, replaces, writes, power_losses, kills;
    uint64_t lost_sectors, kept_sectors, errors, full;
};
struct simulated_disk_figures simulated_disk_figures(const struct simulated_disk *disk);
