/* import.h: a Redis's dump.rdb becomes the first state of a new node, or of a new cluster.
 *
 * Before the directory is anybody's, the file named by `dbfilename` is read and judged as a whole
 * (import_read); a file that can't be taken over ends the start with one line, and nothing was
 * changed. When the node, or the cluster, is founded, its identity names the digest of that state,
 * and the state is written as a snapshot that ends at index 1 (import_write), behind which the log
 * begins. Clients are answered -LOADING meanwhile. The file itself is left as it is, and is of no
 * concern any more once the node has a vote and a log.
 *
 * Equal files give equal states on every node: keys that have expired are kept, and the log expires
 * them. */
#pragma once

#include "src/server/server_state.h"

struct import;

/* What INFO tells. */
struct import_progress {
    uint64_t done_bytes, total_bytes;
};

/* Whether the present directory has such a file and this start is to read it. */
bool import_is_wanted(const struct server *server);
/* Whether the founding names initial data that this directory does not hold yet. */
bool import_is_missing(const struct server *server);

/* Runs the loop until the file is read. False, with one line in `error`, if it can't be taken over;
 * true also if the process is asked to stop. */
bool import_read(struct server *server, struct buffer *error) MUST_USE;
/* The digest of what was read; 0: nothing was. */
uint64_t import_digest(const struct import *import);
/* The identity is founded and durable: makes the snapshot of what was read. */
bool import_write(struct server *server, struct buffer *error) MUST_USE;

struct import_progress import_progress(const struct import *import); /* NULL is allowed. */
void import_destroy(struct import *import);                          /* NULL is allowed. */
