/* message.h: the messages between Raft cores, told once.
 *
 * RAFT_MESSAGES lists each kind with its fields; struct, encoder, decoder and printer come from
 * that list. Entries travel behind the fixed part, as images (entry.h), so that a sender can write
 * them straight from their chunks. */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "raft/entry.h"

/* Every message: from, to, term, and the sender's node uuid is checked by the link.
 * X(NAME, name) with fields F(name): all unsigned 64-bit. Meanings:
 *  VOTE, PRE_VOTE       last_index last_term of the candidate's log
 *  *_REPLY              granted (0/1)
 *  APPEND               previous_index previous_term previous_hash commit heartbeat promise_us;
 * entries behind; heartbeat: its number (0: none), promise_us: P of SAFETY 5 APPEND_REPLY success,
 * match: verified and durable up to here; hint_index, hint_term on a refusal; heartbeat: newest
 * number received READ                 context: of the asking node READ_REPLY           context
 * index granted stamp_ms (the leader's present time) TIMEOUT_NOW          (leadership transfer) */
#define RAFT_MESSAGES(X, F)                                                                        \
    X(PRE_VOTE, F(last_index) F(last_term))                                                        \
    X(PRE_VOTE_REPLY, F(granted))                                                                  \
    X(VOTE, F(last_index) F(last_term))                                                            \
    X(VOTE_REPLY, F(granted))                                                                      \
    X(APPEND,                                                                                      \
      F(previous_index) F(previous_term) F(previous_hash) F(commit) F(heartbeat) F(promise_us))    \
    X(APPEND_REPLY, F(success) F(match) F(hint_index) F(hint_term) F(heartbeat))                   \
    X(HEARTBEAT, F(commit) F(heartbeat) F(promise_us))                                             \
    X(HEARTBEAT_REPLY, F(heartbeat) F(match))                                                      \
    X(READ, F(context))                                                                            \
    X(READ_REPLY, F(context) F(index) F(granted) F(stamp_ms))                                      \
    X(TIMEOUT_NOW, )
