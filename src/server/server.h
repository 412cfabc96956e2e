/* server.h: one running hamok-server: the loop around the replica.
 *
 * A turn of the loop:
 *   1. epoll says which sockets are readable, and the disk's descriptor
 *   2. each is read once into its session, then the clock is read (SAFETY 6), then the replica gets
 *      the bytes; sockets have a higher priority than timers, so that after a long turn what waits
 *      in them is read before a timer concludes anything (SAFETY 16)
 *   3. before the loop blocks again: disk requests and packets handed out, so that the disk and the
 *      other nodes have something to do meanwhile; then replica_turn_end(), disk requests and
 *      packets again, and one write for each client that has output
 *
 * One thread; the disk has its own. */
#pragma once

#include "src/server/server_state.h"

/* Everything up to being ready to serve, in a server whose config and log are set. False with one
 * line in `error`. */
bool server_open(struct server *server, struct buffer *error) MUST_USE;
/* Serves until it is told to stop; the process's exit status. */
int server_run(struct server *server);
void server_close(struct server *server);
