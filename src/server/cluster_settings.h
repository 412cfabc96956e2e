/* cluster_settings.h: directives whose value is the cluster's: they live in the log (RAFT SET), the
 * config only shows them. */
#pragma once

#include "src/server/server_state.h"

/* Brings the cluster's values into the server's config, before it is shown or compared. */
void cluster_settings_refresh(struct server *server);

/* The arguments of a RAFT SET for all such directives in which `wanted` differs from what is in
 * force; the differences are taken out of `wanted`. Lent until the next call; 0: no difference. */
uint32_t cluster_settings_arguments(struct server *server, struct config *wanted,
                                    const struct bytes **arguments);

/* What may not be told yet, since some member would not understand it: the error for it. */
extern const char cluster_settings_older[];
bool cluster_settings_are_held_back(const struct server *server);
/* Why the differences can't be told; NULL: they can. */
const char *cluster_settings_problem(struct server *server, const struct config *wanted);
/* Now and then: what the founding had to leave open is told once every member understands it. */
void cluster_settings_cron(struct server *server);

/* Once the node serves: what its file says counts if the cluster was founded by this start and the
 * node leads; else a difference is logged. */
void cluster_settings_found(struct server *server);
