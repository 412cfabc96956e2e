/* membership.h: who belongs to the cluster, as the server sees it: its log's lines about changes,
 * the links that follow them, and the members noted in the file `node`.
 *
 * What is decided is decided in src/replica/changes.c. Ownership: the server's own part. */
#pragma once

#include "src/server/server_state.h"

struct membership *membership_create(void);
void membership_destroy(struct membership *membership); /* NULL is allowed. */

/* At a turn's end: carries on what has changed. */
void membership_note(struct server *server);
/* True if this was a disk request of its own. */
bool membership_completed(struct server *server, const struct disk_completion *completion);
/* Now and then: what failed is tried again. */
void membership_cron(struct server *server);

/* Before the log is read: the members that this directory last saw. */
void membership_last_seen(const struct server *server, struct members *members);
