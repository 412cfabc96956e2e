/* raft.h: the consensus core of one node (Ongaro, "Consensus: Bridging Theory and Practice", 2014).
 *
 * Pure: raft_step() takes one event and fills an output; nothing calls back, nothing here knows a
 * socket, a file or a clock. The driver carries the output out: persist requests to the journal,
 * messages to peers (each waits for the persist number it names, 0: leaves at once). Committed
 * entries, up to raft_commit_index(), it applies by itself and says so (APPLIED). Persist requests
 * are numbered 1, 2, 3, … and complete in order.
 *
 * Node ids are 1 .. RAFT_NODES_MAX, 0 is none. Time is in microseconds of a monotonic clock that
 * counts suspend; it never runs back. Timers run on TICK only, so that a driver that was held up
 * can hand over what has arrived first (SAFETY 16).
 *
 * Ownership: an output's arrays are the core's, valid until the next step; entries in it are views
 * whose chunks the core holds at least that long. A driver that needs an entry longer (a write or a
 * send in progress) holds its chunk itself.
 *
 * Names of rules ("SAFETY 7") are those of docs/design.md. */
#pragma once

#include "raft/message.h"
#include "raft/planted.h"

enum raft_role { RAFT_FOLLOWER, RAFT_PRE_CANDIDATE, RAFT_CANDIDATE, RAFT_LEADER };

struct raft_config {
    uint32_t id;
    uint32_t voters[RAFT_NODES_MAX];
    uint32_t voter_count;
    uint64_t heartbeat_us, election_us; /* election: at least; randomised up to twice as long */
    uint64_t promise_max_us;            /* the longest promise any leader may ask; 0: election_us */
    uint64_t lease_margin_us;           /* clock drift: taken off each promise */
    uint64_t disk_stall_us; /* a leader whose disk has work and shows none for so long steps down;
                               0: 10 elections */
    uint64_t seed;
    /* The entry before the first one of the log: index and term 0 and the founding record's hash,
     * or what a snapshot ends with. */
    uint64_t base_index, base_term, base_hash;
    size_t tail_bytes_max;     /* of the in-memory tail (64 MiB by default) */
    uint32_t append_bytes_max; /* of one APPEND (one entry is always sent) */
    uint32_t inflight_max;     /* APPENDs on the way per peer */
    /* The journal lost entries that may have been acknowledged (SAFETY 11): no vote, no campaign
     * until a current leader has supplied all that is committed. */
    bool damaged;
    uint32_t planted; /* bits of enum raft_planted; tests only */
};

/* What is durable besides the log. */
struct raft_hard_state {
    uint64_t term;
    uint32_t voted_for;
};

enum raft_event_type {
    RAFT_EVENT_TICK,      /* time has passed: timers run */
    RAFT_EVENT_MESSAGE,   /* message (with entries, whose chunks the core holds for itself) */
    RAFT_EVENT_PROPOSE,   /* leader only: appends the entry (type, body and opaque fields filled;
                             the core seals term, index, stamp and hash) */
    RAFT_EVENT_PERSISTED, /* persist request `number` (and all before) is durable */
    RAFT_EVENT_WRITTEN,   /* part of an open persist request is: a large one takes its time, and the
                             disk does not stall */
    RAFT_EVENT_APPLIED,   /* the state machine has applied up to `index` */
    RAFT_EVENT_READ,      /* asks for a read index; answered once, in output.reads of this or a
                             later step, with `context` (unique among the open ones) */
    RAFT_EVENT_FETCHED,   /* entries read from the segments for output.fetches, or an error */
    RAFT_EVENT_NOTIFY,    /* leader: tell `node` the commit index without delay */
    RAFT_EVENT_CONNECTED, /* the bulk link to `node` is new: what was on its way may be lost. Only
                             saves time: it would be found out anyway */
    RAFT_EVENT_TRANSFER,  /* leader: hand leadership to `node` as soon as it has the whole log;
                             given up after an election timeout */
};

struct raft_event {
    enum raft_event_type type;
    uint64_t now_us;   /* every event */
    uint64_t stamp_ms; /* every event: the node's wall clock, slewed by the replica (SAFETY 4) */
    const struct raft_message *message;
    struct entry entry;          /* PROPOSE: the chunk reference passes to the core */
    bool more;                   /* PROPOSE: another one follows at once: gather */
    uint64_t number;             /* PERSISTED */
    uint64_t index;              /* APPLIED; FETCHED: the first index asked for */
    uint64_t context;            /* READ */
    bool confirm;                /* READ: do not trust a lease (raft-read-mode index) */
    uint32_t node;               /* NOTIFY, CONNECTED, TRANSFER; FETCHED: the peer it was for */
    enum error error;            /* FETCHED */
    const struct entry *entries; /* FETCHED: at least one, lent until the output is carried out */
    uint32_t entry_count;
    uint64_t previous_term, previous_hash; /* FETCHED: of the entry before the first */
};

/* One persist request: hard state first, then the cut, then the entries. */
struct raft_persist {
    uint64_t number;
    bool has_hard_state;
    struct raft_hard_state hard_state;
    uint64_t cut_after;          /* entries above this index are void; UINT64_MAX: no cut */
    const struct entry *entries; /* contiguous, ascending */
    uint32_t entry_count;
};

struct raft_read {
    uint64_t context, index;
    bool granted;      /* false: no leader, or it changed: ask again later */
    uint64_t stamp_ms; /* the leader's present time (SAFETY 3) */
};

/* Entries that a slow peer needs and memory no longer has. One open per peer. */
struct raft_fetch {
    uint32_t node;
    uint64_t from;
    size_t bytes_max;
};

struct raft_output {
    const struct raft_persist *persists; /* at most one */
    uint32_t persist_count;
    const struct raft_message *messages;
    uint32_t message_count;
    const struct raft_read *reads;
    uint32_t read_count;
    const struct raft_fetch *fetches;
    uint32_t fetch_count;
    bool state_changed; /* role, term or leader differ from before the step */
    bool truncated;     /* entries were cut from the log's end */
};

struct raft; /* Opaque: raft_internal.h. */

/* hard_state and the recovered log decide where the node starts: entries are added with
 * raft_restore() in order, then raft_start(), then a TICK. A node of a cluster larger than one
 * grants no vote for the longest promise after its start (SAFETY 5). */
struct raft *raft_create(const struct raft_config *config, const struct raft_hard_state *hard_state,
                         uint64_t now_us);
void raft_destroy(struct raft *raft); /* NULL is allowed. */
/* A durable entry; the core holds the chunk for itself. `committed`: it is known to be committed
 * and the driver has applied it; then memory keeps it only within tail_bytes_max. */
void raft_restore(struct raft *raft, struct entry entry, bool committed);
void raft_start(struct raft *raft, uint64_t now_us);

/* The only way in. The output is valid until the next call. */
void raft_step(struct raft *raft, const struct raft_event *event, struct raft_output *output);

/* --- looking at it -------------------------------------------------------------------------- */
enum raft_role raft_role(const struct raft *raft);
uint64_t raft_term(const struct raft *raft);
uint32_t raft_voted_for(const struct raft *raft);
uint32_t raft_leader(const struct raft *raft); /* 0: unknown */
uint64_t raft_commit_index(const struct raft *raft);
uint64_t raft_last_index(const struct raft *raft);
/* Durable here up to this index. */
uint64_t raft_persisted_index(const struct raft *raft);
/* The hash of the last entry (base_hash when empty). */
uint64_t raft_last_hash(const struct raft *raft);
/* The stamp of the last entry (0 when empty). */
uint64_t raft_last_stamp_ms(const struct raft *raft);
/* The entry at this index from the in-memory tail; false if it is older (or beyond the end). */
bool raft_entry_at(const struct raft *raft, uint64_t index, struct entry *entry);
/* The term of the entry at this index, of the whole log; 0 beyond its end and before its base. */
uint64_t raft_term_at(const struct raft *raft, uint64_t index);
/* The first index in memory (last + 1: none), and the bytes held. */
uint64_t raft_tail_first_index(const struct raft *raft);
size_t raft_tail_bytes(const struct raft *raft);
/* Leader whose own term's no-op is committed and whose lease covers `now_us` (a cluster of one:
 * always, once leader). Then a read may run at raft_commit_index() once that is applied. */
bool raft_has_lease(const struct raft *raft, uint64_t now_us);
/* A leader's log disagrees with this one where it must not (SAFETY 10): this node takes no part in
 * consensus any more. */
bool raft_diverged(const struct raft *raft);
/* raft_config.damaged, until repaired. */
bool raft_damaged(const struct raft *raft);
/* The node that leadership is being handed to; 0: none. Proposals should wait meanwhile. */
uint32_t raft_transfer_target(const struct raft *raft);
/* When the next TICK is due; UINT64_MAX: never. */
uint64_t raft_deadline_us(const struct raft *raft);

struct raft_peer_status {
    uint32_t id;
    uint64_t match_index, next_index, last_contact_us;
    uint32_t inflight;
    bool replicating; /* false: probing for where the logs agree */
};
uint32_t raft_peers(const struct raft *raft, struct raft_peer_status *peers, uint32_t max);

/* Invariants, in raft_check.c; called after each step in tests and the simulator, cheap enough for
 * the server too (no walk over the log). */
void raft_check(const struct raft *raft);
