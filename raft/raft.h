/* raft.h: the consensus core of one node (Ongaro, "Consensus: Bridging Theory and Practice", 2014).
 *
 * Pure: raft_step() takes one event and fills an output; nothing calls back, nothing here knows a
 * socket, a file or a clock. The driver carries the output out: persist requests to the journal,
 * messages to peers (each waits for the persist number it names, 0: leaves at once), committed
 * entries to the state machine. Persist requests are numbered 1, 2, 3, … and complete in order.
 *
 * Node ids are 1 .. RAFT_NODES_MAX, 0 is none. Time is in microseconds of a monotonic clock that
 * counts suspend; it never runs back. Ownership: an output's arrays are the core's, valid until the
 * next step; entries in it are views whose chunks the core holds until the driver says PERSISTED
 * (or it drops them from its tail); a driver that needs them longer holds the chunk itself.
 *
 * Names of rules ("SAFETY 7") are those of docs/design.md. */
#pragma once

#include "raft/message.h"

enum { RAFT_NODES_MAX = 16 };

enum raft_role { RAFT_FOLLOWER, RAFT_PRE_CANDIDATE, RAFT_CANDIDATE, RAFT_LEADER };

#define RAFT_MESSAGE_ENUMERATOR(NAME, fields) RAFT_##NAME,
enum raft_message_type {
    RAFT_MESSAGE_NONE,
    RAFT_MESSAGES(RAFT_MESSAGE_ENUMERATOR, ) RAFT_MESSAGE_TYPES
};
#undef RAFT_MESSAGE_ENUMERATOR

struct raft_config {
    uint32_t id;
    uint32_t voters[RAFT_NODES_MAX];
    uint32_t voter_count;
    uint64_t heartbeat_us, election_us; /* election: at least; randomised up to twice as long */
    uint64_t lease_margin_us;           /* clock drift: taken off each promise */
    uint64_t seed;
    uint64_t base_hash;        /* the entry hash before index 1: of the founding record */
    size_t tail_bytes_max;     /* of the in-memory tail (64 MiB by default) */
    uint32_t append_bytes_max; /* of one APPEND */
    uint32_t inflight_max;     /* APPENDs on the way per peer */
};

/* What is durable besides the log. */
struct raft_hard_state {
    uint64_t term;
    uint32_t voted_for;
};

enum raft_event_type {
    RAFT_EVENT_TICK,      /* time has passed; also advances `now` alone */
    RAFT_EVENT_MESSAGE,   /* message (with entries, whose chunks the core holds for itself) */
    RAFT_EVENT_PROPOSE,   /* leader only: appends the entry (type, body and opaque fields filled;
                             the core seals term, index, stamp and hash) */
    RAFT_EVENT_PERSISTED, /* persist request `number` (and all before) is durable */
    RAFT_EVENT_APPLIED,   /* the state machine has applied up to `index` */
    RAFT_EVENT_READ,      /* asks for a read index; answered by output.reads with `context` */
    RAFT_EVENT_FETCHED,   /* entries read from the segments for output.fetches */
    RAFT_EVENT_NOTIFY,    /* leader: tell node `node` the commit index now (its batch committed) */
};

struct raft_event {
    enum raft_event_type type;
    uint64_t now_us;
    uint64_t stamp_ms; /* the node's wall clock, slewed by the replica (SAFETY 4): read replies */
    const struct raft_message *message;
    struct entry entry;          /* PROPOSE: the chunk reference passes to the core */
    uint64_t number;             /* PERSISTED */
    uint64_t index;              /* APPLIED, FETCHED: the first index asked for */
    uint64_t context;            /* READ */
    uint32_t node;               /* NOTIFY, FETCHED: the peer it was for */
    enum error error;            /* FETCHED */
    const struct entry *entries; /* FETCHED: lent; preceded by previous_term, previous_hash */
    uint32_t entry_count;
    uint64_t previous_term, previous_hash;
};

struct raft_message {
    enum raft_message_type type;
    uint32_t from, to;
    uint64_t term;
    union {
#define RAFT_FIELD(name) uint64_t name;
#define RAFT_MESSAGE_STRUCT(NAME, fields)                                                          \
    struct {                                                                                       \
        fields                                                                                     \
    } NAME;
        RAFT_MESSAGES(RAFT_MESSAGE_STRUCT, RAFT_FIELD)
#undef RAFT_MESSAGE_STRUCT
#undef RAFT_FIELD
    } as;
    const struct entry *entries; /* APPEND only */
    uint32_t entry_count;
    uint64_t wait_for; /* outgoing: the persist number that has to complete first; 0: none */
    bool bulk;         /* outgoing: the bulk connection rather than the control one */
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
    const struct raft_persist *persists;
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

/* hard_state and the recovered log decide where the node starts: entries are added with
 * raft_restore() in order, then raft_start(). A node of a cluster larger than one grants no vote
 * for the longest promise after its start (SAFETY 5). */
struct raft *raft_create(const struct raft_config *config, const struct raft_hard_state *hard_state,
                         uint64_t now_us);
void raft_destroy(struct raft *raft);
void raft_restore(struct raft *raft, struct entry entry, bool committed);
void raft_start(struct raft *raft, uint64_t now_us);

/* The only way in. The output is valid until the next call. */
void raft_step(struct raft *raft, const struct raft_event *event, struct raft_output *output);

/* --- looking at it -------------------------------------------------------------------------- */
enum raft_role raft_role(const struct raft *raft);
uint64_t raft_term(const struct raft *raft);
uint32_t raft_leader(const struct raft *raft); /* 0: unknown */
uint64_t raft_commit_index(const struct raft *raft);
uint64_t raft_last_index(const struct raft *raft);
/* The hash of the last entry (base_hash when empty). */
uint64_t raft_last_hash(const struct raft *raft);
/* The entry at this index from the in-memory tail; false if it is older (or beyond the end). */
bool raft_entry_at(const struct raft *raft, uint64_t index, struct entry *entry);
/* Leader whose own term's no-op is committed and whose lease covers `now_us` (a cluster of one:
 * always, once leader). Then a read may run at raft_commit_index() once that is applied. */
bool raft_has_lease(const struct raft *raft, uint64_t now_us);
/* When the next TICK is due. */
uint64_t raft_deadline_us(const struct raft *raft);

struct raft_peer_status {
    uint32_t id;
    uint64_t match_index, next_index, last_contact_us;
    uint32_t inflight;
};
uint32_t raft_peers(const struct raft *raft, struct raft_peer_status *peers, uint32_t max);

/* Invariants, in raft_check.c; called after each step in tests and the simulator, cheap enough for
 * the server too (no walk over the log). */
void raft_check(const struct raft *raft);

/* --- the wire ------------------------------------------------------------------------------- */

/* The fixed part; the entries' images follow it on the wire, each complete. */
void raft_message_encode(const struct raft_message *message, struct buffer *out);
/* Reads a fixed part and the images behind it, which must be in `chunk`; fills message->entries
 * from `entries` (room for entries_max). Validates everything; changes nothing on error. */
enum error raft_message_decode(struct bytes bytes, struct chunk *chunk,
                               struct raft_message *message, struct entry *entries,
                               uint32_t entries_max) MUST_USE;
/* One readable line. */
void raft_message_print(const struct raft_message *message, struct buffer *out);
