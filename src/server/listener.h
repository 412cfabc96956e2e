/* listener.h: the sockets that clients connect to. */
#pragma once

#include "src/server/server_state.h"

/* Opens what `bind`, `port` and `unixsocket` of the config say. False with one line in `error`;
 * then nothing is open. */
bool listeners_open(struct server *server, struct buffer *error) MUST_USE;
void listeners_close(struct server *server);
/* CONFIG SET bind, port: opens the new ones first; on failure the old ones stay. */
bool listeners_change(struct server *server, const struct config *wanted,
                      struct buffer *error) MUST_USE;
/* Whether the file descriptor limit allows accepting again. */
void listeners_rest(struct server *server);
void listeners_resume(struct server *server);
