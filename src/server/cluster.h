/* cluster.h: what a server does to be one node of several: finds itself in the list, founds the
 * cluster with the others, hands packets between replica and peers. */
#pragma once

#include "src/server/server_state.h"

/* Whether this start is that of a node that may have company: by its data directory, by --cluster
 * or --join, or because a lone node was given a raft-secret. */
bool cluster_is_wanted(const struct server *server);
/* It has no cluster yet and is to be let into one (--join). */
bool cluster_is_joining(const struct server *server);
/* False, with one line in `error`, if --cluster or --join ask for what the directory can't be. */
bool cluster_check_alone(const struct server *server, struct buffer *error) MUST_USE;
/* The same, and whether this machine can be what they say. For a new directory: before anything is
 * written there. */
bool cluster_check(struct server *server, struct buffer *error) MUST_USE;
/* After the identity was loaded (or drawn: phase EMPTY): opens the peer port and, if there is no
 * cluster yet, founds it or joins one: returns when that is done and durable. Clients that come
 * meanwhile are told so. False with one line in `error`. The listeners for clients must be open. */
bool cluster_open(struct server *server, struct buffer *error) MUST_USE;
/* A lone node gets company: opens its peer port. True if it is open; else one line in `error`. */
bool cluster_open_port(struct server *server, struct buffer *error) MUST_USE;
/* The replica is there: links may come up. */
void cluster_start(struct server *server);
void cluster_close(struct server *server);
/* For how long a peer may be silent, at this election time-out, before it is dialled anew. */
uint32_t cluster_patience_ms(uint64_t election_ms);
