/* control.h: what commands do to the whole server: change directives. Stopping: stop.h. */
#pragma once

#include "src/server/server_state.h"

/* Applies the values of `wanted` that differ; on failure all is as before. */
bool server_reconfigure(struct server *server, const struct config *wanted, enum config_id *wrong,
                        struct buffer *error) MUST_USE;
/* Why this node should not lead (enum raft_unfit, but for a full disk), and telling the replica. */
uint32_t server_unfit(const struct server *server);
void server_tell_unfit(struct server *server);
/* The directives about when a snapshot is due. */
struct replica_snapshot_limits server_snapshot_limits(const struct config *config);
/* CONFIG RESETSTAT. */
void server_reset_statistics(struct server *server);

/* What the machine, the directory and the directives may spoil has gone well. So a daemon's parent
 * need not wait for the other nodes of a cluster; and the pid is told. */
void server_let_parent_go(struct server *server);
