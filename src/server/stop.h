/* stop.h: the way from SIGTERM, SIGINT or SHUTDOWN to the end.
 *
 *   HANDING_OVER  a leader hands leadership over; all clients are served as ever
 *   DRAINING      no new clients and nothing more is read from the present ones; each is closed as
 *                 soon as all is answered that was read from it
 *   CLOSING       a last mark in the log
 *
 * What was not read was not executed. The first two take shutdown-timeout seconds together at most;
 * then the rest is closed as it is. */
#pragma once

#include "src/server/server_state.h"

/* `now`: straight to CLOSING. Asked twice: the end at once. */
void server_stop(struct server *server, bool now);
/* SHUTDOWN ABORT: serves on. False if that is not possible, or no stop is under way. */
bool server_serve_on(struct server *server);
/* At the end of each turn. True: something has come of it, and another turn should follow. */
bool server_tend_stop(struct server *server);
