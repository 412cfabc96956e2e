/* message.h: the messages between Raft cores, told once.
 *
 * RAFT_MESSAGES(X, F) lists each kind as X(NAME, name, fields), every field as F(field): all are
 * unsigned 64-bit. The enum, the struct, the encoder, the decoder and the printer come from this
 * list. Entries travel behind the fixed part, as images (entry.h), so that a sender can write them
 * straight from their chunks.
 *
 * Every message also carries from, to and the sender's current term.
 *
 *  PRE_VOTE         campaign_term: the term it would campaign in; last_index, last_term of its log
 *  PRE_VOTE_REPLY   campaign_term: of the question; granted: 0 or 1
 *  VOTE             last_index, last_term of the candidate's log; transfer: 1 if the leader asked
 *                   for this election (it has given up its lease, so promises do not bind)
 *  VOTE_REPLY       granted
 *  APPEND           previous_index, previous_term, previous_hash: of the entry before the first;
 *                   commit; heartbeat: number of the newest round begun; promise_us: P of SAFETY 5;
 *                   entries behind
 *  APPEND_REPLY     success; previous_index: of the question; match: verified and durable up to
 *                   here; hint_index, hint_term: of a refusal, the last entry that may agree;
 *                   heartbeat: newest number received; promise_us: what was promised with it
 *  HEARTBEAT        commit: at most the peer's match (SAFETY 9); heartbeat: number of the round,
 *                   0: only news of the commit index, not answered; promise_us
 *  HEARTBEAT_REPLY  heartbeat (0: of its own accord), promise_us: as above; match: verified and
 *                   durable up to here; unfit: why it should not lead (enum raft_unfit)
 *  READ             context: the asking node's; confirm: 1 if a lease is not good enough
 *  READ_REPLY       context; granted; index: the read index; stamp_ms: the leader's present time
 *  TIMEOUT_NOW      campaign at once, without a pre-vote (leadership transfer)
 *  SNAPSHOT         index, hash, last_term: of the entry that the leader's snapshot ends with; the
 *                   peer needs entries that the leader's log no longer has. It fetches the snapshot
 *                   by other means (raft.h, want_snapshot) and says so by its match
 *  BUSY             busy_us: the sender's loop has been inside one turn so long; leads: 1 if it
 *                   leads this term. Its watchdog says so (SAFETY 16). It answers, acknowledges and
 *                   promises nothing: it puts elections off
 *  RECOUNT          nonce; kept: to the leader: this node's disk has lost what it acknowledged,
 *                   but for entries up to `kept`; nothing that it said before counts any more
 *  RECOUNT_REPLY    nonce: of the question; commit: the leader's commit index now
 *  VOTE_LOST        nonce: of the PRE_VOTE with which a node asks for terms because it has lost its
 *                   vote: the sender has lost its own as well, and its term is a lower bound only
 */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "raft/entry.h"
#include "raft/members.h"

enum { RAFT_APPEND_ENTRIES_MAX = 4096 };  /* in one message */
#define RAFT_TERM_MAX ((uint64_t)1 << 62) /* far beyond reach; room for one more */

/* The order gives the numbers on the wire: a new kind stands at the end. */
#define RAFT_MESSAGES(X, F)                                                                        \
    X(PRE_VOTE, pre_vote, F(campaign_term) F(last_index) F(last_term))                             \
    X(PRE_VOTE_REPLY, pre_vote_reply, F(campaign_term) F(granted))                                 \
    X(VOTE, vote, F(last_index) F(last_term) F(transfer))                                          \
    X(VOTE_REPLY, vote_reply, F(granted))                                                          \
    X(APPEND, append,                                                                              \
      F(previous_index) F(previous_term) F(previous_hash) F(commit) F(heartbeat) F(promise_us))    \
    X(APPEND_REPLY, append_reply,                                                                  \
      F(success) F(previous_index) F(match) F(hint_index) F(hint_term) F(heartbeat) F(promise_us)) \
    X(HEARTBEAT, heartbeat, F(commit) F(heartbeat) F(promise_us))                                  \
    X(HEARTBEAT_REPLY, heartbeat_reply, F(heartbeat) F(match) F(promise_us) F(unfit))              \
    X(READ, read, F(context) F(confirm))                                                           \
    X(READ_REPLY, read_reply, F(context) F(granted) F(index) F(stamp_ms))                          \
    X(TIMEOUT_NOW, timeout_now, )                                                                  \
    X(SNAPSHOT, snapshot, F(index) F(last_term) F(hash))                                           \
    X(BUSY, busy, F(busy_us) F(leads))                                                             \
    X(RECOUNT, recount, F(nonce) F(kept))                                                          \
    X(RECOUNT_REPLY, recount_reply, F(nonce) F(commit))                                            \
    X(VOTE_LOST, vote_lost, F(nonce))

#define RAFT_MESSAGE_ENUMERATOR(NAME, name, fields) RAFT_##NAME,
enum raft_message_type {
    RAFT_MESSAGE_NONE,
    RAFT_MESSAGES(RAFT_MESSAGE_ENUMERATOR, ) RAFT_MESSAGE_TYPES
};
#undef RAFT_MESSAGE_ENUMERATOR

struct raft_message {
    enum raft_message_type type;
    uint32_t from, to;
    uint64_t term;
    union {
#define RAFT_FIELD(field) uint64_t field;
#define RAFT_MESSAGE_STRUCT(NAME, name, fields)                                                    \
    struct {                                                                                       \
        fields                                                                                     \
    } name;
        RAFT_MESSAGES(RAFT_MESSAGE_STRUCT, RAFT_FIELD)
#undef RAFT_MESSAGE_STRUCT
#undef RAFT_FIELD
    } as;
    const struct entry *entries; /* APPEND only; lent */
    uint32_t entry_count;
    uint64_t wait_for; /* outgoing: the persist number that has to complete first; 0: none */
    bool bulk;         /* outgoing: the bulk connection rather than the control one */
};

enum { RAFT_MESSAGE_SIZE_MAX = 24 + 8 * 7 }; /* of a fixed part, encoded */

/* The fixed part; the entries' images follow it on the wire, each complete. */
void raft_message_encode(const struct raft_message *message, struct buffer *out);
/* Reads a fixed part and the images behind it, which must lie in `chunk` (NULL when there can be
 * none); message->entries is `entries`, which has room for entries_max and borrows the chunk.
 * Validates sizes, ids, the entries' own hashes and that they follow one another; on an error the
 * message is untouched. */
enum error raft_message_decode(struct bytes bytes, struct chunk *chunk,
                               struct raft_message *message, struct entry *entries,
                               uint32_t entries_max) MUST_USE;
/* One readable line. */
void raft_message_print(const struct raft_message *message, struct buffer *out);
/* "APPEND"; never NULL. */
const char *raft_message_name(enum raft_message_type type);
