/* unsynced.h: what a directory that is not synced (raft-fsync no) is worth after its process ended
 * (SAFETY 14).
 *
 * While such a node runs, the file `unsynced` in its directory names this start of the machine. A
 * clean stop removes it. Found at a start, it tells of an unclean end: if the machine is still the
 * same start of itself, the kernel has kept all that was written; else votes and acknowledgements
 * may be lost, and the directory counts as an empty one. */
#pragma once

#include "base/buffer.h"
#include "src/server/server_state.h"

/* Before anything of the directory is used. False, with one line in `error`, if it must not be. */
bool unsynced_begin(const struct server *server, struct buffer *error) MUST_USE;
/* All is on the disk: after a clean stop; or, where everything is synced from now on, once the
 * recovery has synced what an earlier process had left. */
void unsynced_end(void);
