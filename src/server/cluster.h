/* cluster.h: what a server does to be one node of several: finds itself in the list, founds the
 * cluster with the others, hands packets between replica and peers. */
#pragma once

#include "src/server/server_state.h"

/* Whether this start is that of a node of several: by its data directory, or by --cluster. */
bool cluster_is_wanted(const struct server *server);
/* False, with one line in `error`, if --cluster names several and the directory is a lone node's.
 */
bool cluster_check_alone(const struct server *server, struct buffer *error) MUST_USE;
/* After the identity was loaded (or drawn: phase EMPTY): opens the peer port and, if the cluster is
 * not founded yet, founds it: returns when that is done and durable. Clients that come meanwhile
 * are told so. False with one line in `error`. The listeners for clients must be open. */
bool cluster_open(struct server *server, struct buffer *error) MUST_USE;
/* The replica is there: links may come up. */
void cluster_start(struct server *server);
void cluster_close(struct server *server);
