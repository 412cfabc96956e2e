/* watchdog.h: speaks for a loop that is inside one long turn (SAFETY 16).
 *
 * KEYS *, a large SUNIONSTORE, a fork or a load may hold the loop longer than an election time-out.
 * A thread looks at it once a heartbeat; if the present turn has lasted for most of one, it writes
 * BUSY messages to the other nodes, once a heartbeat, for RAFT_BUSY_MAX_US from the turn's
 * beginning at most. What they are worth is raft_busy.c's to say. A process that stands still as a
 * whole has no watchdog either, and is replaced as a dead one.
 *
 * It writes to the loop's own control connections, between two frames of the loop: a lock keeps
 * frames whole. The loop takes it for its writes to these connections only, nothing else contends
 * for it in normal life, and it is never held across a call that waits.
 *
 * All but the thread's own work is called by the loop's thread. A forked child has no watchdog. */
#pragma once

#include "src/replica/replica.h"

struct watchdog;

struct watchdog *watchdog_create(uint64_t heartbeat_us);
void watchdog_destroy(struct watchdog *watchdog); /* NULL is allowed, here and below. */
void watchdog_set_heartbeat(struct watchdog *watchdog, uint64_t heartbeat_us);

/* The loop goes to work, and is about to wait again; then `presence` is what it has to say of
 * itself. Returns how many messages were written during the turn. */
void watchdog_turn_begins(struct watchdog *watchdog, uint64_t now_us);
uint64_t watchdog_turn_ends(struct watchdog *watchdog, const struct replica_presence *presence);

/* This turn has lasted for most of a heartbeat. Costs next to nothing, and may be late by one. */
bool watchdog_turn_is_long(const struct watchdog *watchdog);

/* The control connection to `node`, whose handshake is over and who knows what BUSY is; until the
 * loop closes it. */
void watchdog_open_line(struct watchdog *watchdog, uint32_t node, int fd);
void watchdog_close_line(struct watchdog *watchdog, uint32_t node);
/* Around each write of the loop's to such a connection. `rest` gets the end of a frame that the
 * watchdog had to leave unfinished: it comes first. whole: the loop has stopped between two frames.
 */
void watchdog_begin_write(struct watchdog *watchdog, uint32_t node, struct buffer *rest);
void watchdog_end_write(struct watchdog *watchdog, uint32_t node, bool whole);

/* Messages written since the start. */
uint64_t watchdog_said(const struct watchdog *watchdog);
