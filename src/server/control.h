/* control.h: what commands and signals do to the whole server: change directives, stop. */
#pragma once

#include "src/server/server_state.h"

/* Applies the values of `wanted` that differ; on failure all is as before. */
bool server_reconfigure(struct server *server, const struct config *wanted, enum config_id *wrong,
                        struct buffer *error) MUST_USE;
/* SHUTDOWN and signals: no new clients, a last mark in the log, then the end. Asked twice: the end
 * at once. */
void server_stop(struct server *server);
/* The directives about when a snapshot is due. */
struct replica_snapshot_limits server_snapshot_limits(const struct config *config);
/* CONFIG RESETSTAT. */
void server_reset_statistics(struct server *server);
