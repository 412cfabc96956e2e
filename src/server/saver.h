/* saver.h: snapshots written by a forked child, while the loop goes on (SAFETY 13).
 *
 * The replica says when one is due; the child walks the keyspace as it was at the fork and writes
 * it to a temporary file, which it syncs; the replica checks the file and gives it its name
 * (src/replica/snapshots.c). One at a time. The child dies with its parent and holds no descriptor
 * but its file and the pipe to the parent, so neither a lock nor a port outlives the parent in it.
 */
#pragma once

#include "src/server/server_state.h"

struct saver *saver_create(struct server *server);
/* Ends the child, if there is one, and removes its file. NULL is allowed. */
void saver_destroy(struct saver *saver);

/* At the end of a turn: begins what is due, tells what has become of the last one. */
void saver_tend(struct saver *saver);
/* Once a cron call: the save directive's points. */
void saver_cron(struct saver *saver);
/* The child is at work, or what it wrote is being checked. */
bool saver_is_busy(const struct saver *saver);

struct saver_figures {
    uint64_t started;                /* children so far */
    uint64_t fork_us;                /* how long the last fork held the loop */
    uint64_t last_save_s;            /* since 1970: the last good one; at first, the start */
    uint64_t last_took_ms, began_ms; /* of the last one; of that under way: its wall clock, or 0 */
    uint64_t last_cow_bytes;         /* copied meanwhile because they were changed */
    uint64_t commands_at_save;       /* commands_applied when the last good one began */
    uint64_t finished;               /* good and failed ones so far */
    enum error last_error;
};
const struct saver_figures *saver_figures(const struct saver *saver);
