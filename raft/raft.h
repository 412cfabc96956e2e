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
 * can hand over what has arrived first (SAFETY 16); a driver that is held up says so meanwhile by
 * BUSY messages, which it makes by itself.
 *
 * Ownership: an output's arrays are the core's, valid until the next step; entries in it are views
 * whose chunks the core holds at least that long. A driver that needs an entry longer (a write or a
 * send in progress) holds its chunk itself.
 *
 * Names of rules ("SAFETY 7") are those of docs/design.md. */
#pragma once

#include "raft/message.h"
#include "raft/planted.h"

/* The same on all nodes: whoever speaks for a busy loop stops then, too. */
#define RAFT_BUSY_MAX_US ((uint64_t)5 * 1000 * 1000)

enum raft_role { RAFT_FOLLOWER, RAFT_PRE_CANDIDATE, RAFT_CANDIDATE, RAFT_LEADER };

/* Why a node should not lead. */
enum raft_unfit {
    RAFT_UNFIT_PRIORITY = 1, /* raft-priority 0: campaigns only where nobody else can be elected,
                                hands over if it leads */
    RAFT_UNFIT_FULL = 2,     /* its disk is full (SAFETY 15): lets others campaign first, hands over
                                to a voter that is fit */
    RAFT_UNFIT_STOPS = 4,    /* it was asked to stop: the same */
    RAFT_UNFIT_DAMAGED = 8,  /* its log can't be read in whole: the same */
};

/* Why a node's role, its leader or the one it hands over to has changed: with `node` and
 * `elapsed_us` of struct raft_change where the text speaks of them. */
#define RAFT_CAUSES(X)                                                                             \
    X(NONE, "")                                                                                    \
    X(STARTED, "nothing was heard of a leader since the start")                                    \
    X(SILENCE, "no heartbeat came from node")                                                      \
    X(ALONE, "it is the only voter")                                                               \
    X(PRE_VOTED, "a majority would vote for it")                                                   \
    X(ASKED, "its leader asked it to take over: node")                                             \
    X(ELECTED, "a majority voted for it")                                                          \
    X(LOST, "a majority did not vote for it")                                                      \
    X(VOTED, "it voted for node")                                                                  \
    X(HEARD, "it hears the leader, node")                                                          \
    X(HIGHER_TERM, "a newer term has begun, says node")                                            \
    X(HANDED_OVER, "leadership was handed over to node")                                           \
    X(NO_QUORUM, "no majority was heard")                                                          \
    X(DISK_STALLS, "its disk finishes nothing, while others' do")                                  \
    X(LEFT, "it is no voter any more")                                                             \
    X(RESIGNED, "its state differs from the others'")                                              \
    X(TRANSFER_ASKED, "an operator asked for it")                                                  \
    X(PRIORITY, "its raft-priority is 0")                                                          \
    X(FULL, "its disk is full")                                                                    \
    X(STOPS, "it was asked to stop")                                                               \
    X(DAMAGED, "its log is damaged")                                                               \
    X(KEPT, "an operator took it back")                                                            \
    X(TIMED_OUT, "the other node did not take over in time")                                       \
    X(UNREACHABLE, "the other node is not heard of any more")                                      \
    X(TARGET_UNFIT, "the other node must not lead, or its disk is full")
#define RAFT_CAUSE_ENUMERATOR(NAME, text) RAFT_CAUSE_##NAME,
enum raft_cause { RAFT_CAUSES(RAFT_CAUSE_ENUMERATOR) RAFT_CAUSE_COUNT };
#undef RAFT_CAUSE_ENUMERATOR
const char *raft_cause_text(enum raft_cause cause); /* never NULL */

/* What a step has changed of all that, and why. */
struct raft_standpoint {
    enum raft_role role;
    uint64_t term;
    uint32_t leader, transfer_to; /* 0: none */
};
struct raft_change {
    struct raft_standpoint before, after;
    enum raft_cause cause;
    uint32_t node;
    uint64_t elapsed_us;
    uint32_t votes; /* ELECTED: whose, as bits 1 << id */
};

/* Where an entry stands and what it is. */
struct raft_position {
    uint64_t index, term, hash;
};

struct raft_config {
    uint32_t id;
    /* The configuration before the log's own: that of the snapshot, or as founded. Copied. NULL:
     * `voters`, of which nothing but the ids is known. None at all: a node that waits until a
     * leader sends it the log. */
    const struct members *members;
    uint32_t voters[RAFT_NODES_MAX];
    uint32_t voter_count;
    /* A node that has joined later: the index of a committed configuration in which it is a member,
     * and the term of that entry or of a later committed one. Whoever has its id in a configuration
     * before that is another node: its place, votes and leaders are not this one's. 0: a founder.
     */
    uint64_t joined_index, joined_term;
    uint64_t heartbeat_us, election_us; /* election: at least; randomised up to twice as long */
    uint64_t promise_max_us;            /* the longest promise any leader may ask; 0: election_us */
    uint64_t lease_margin_us;           /* clock drift: taken off each promise */
    uint64_t disk_stall_us; /* a leader whose disk has work and shows none for so long steps down;
                               0: 10 elections */
    uint64_t busy_max_us; /* how long a busy node's silence is no reason to replace it (SAFETY 16);
                             0: RAFT_BUSY_MAX_US */
    uint64_t seed;
    /* The entry before the first one of the log: index and term 0 and the founding record's hash,
     * or where the log was cut (COMPACTED) or began anew (raft_persist.restart). */
    uint64_t base_index, base_term, base_hash;
    /* The newest durable snapshot; zeros: none. Entries up to it are given to raft_restore() as
     * committed; a log that ends before it, or has another entry there, is restarted first. */
    struct raft_position snapshot;
    /* The journal has just begun to restart it: durable with the first persist request. */
    bool is_restarted;
    uint32_t unfit;            /* bits of enum raft_unfit; later: event UNFIT */
    size_t tail_bytes_max;     /* of the in-memory tail (64 MiB by default) */
    uint32_t append_bytes_max; /* of one APPEND (one entry is always sent) */
    uint32_t inflight_max;     /* APPENDs on the way per peer */
    /* See raft_restore_losses(). */
    bool damaged, vote_lost;
    uint32_t planted; /* bits of enum raft_planted; tests only */
};

/* What is durable besides the log. */
struct raft_hard_state {
    uint64_t term;
    uint32_t voted_for;
};

enum raft_event_type {
    RAFT_EVENT_TICK,        /* time has passed: timers run */
    RAFT_EVENT_MESSAGE,     /* message (with entries, whose chunks the core holds for itself) */
    RAFT_EVENT_PROPOSE,     /* leader only: appends the entry (type, body and opaque fields filled;
                               the core seals term, index, stamp and hash) */
    RAFT_EVENT_PERSISTED,   /* persist request `number` (and all before) is durable */
    RAFT_EVENT_WRITTEN,     /* part of an open persist request is: a large one takes its time, and
                               the disk does not stall */
    RAFT_EVENT_APPLIED,     /* the state machine has applied up to `index` */
    RAFT_EVENT_READ,        /* asks for a read index; answered once, in output.reads of this or a
                               later step, with `context` (unique among the open ones) */
    RAFT_EVENT_FETCHED,     /* entries read from the segments for output.fetches, or an error */
    RAFT_EVENT_NOTIFY,      /* leader: tell `node` the commit index without delay */
    RAFT_EVENT_CONNECTED,   /* the bulk link to `node` is new: what was on its way may be lost. Only
                               saves time: it would be found out anyway */
    RAFT_EVENT_TRANSFER,    /* leader: hand leadership to `node` as soon as it has the whole log;
                               given up after timeout_us (0: an election timeout). 0: the best
                               node there is. Refused: output.refusal */
    RAFT_EVENT_KEEP,        /* leader: stop handing over, if TIMEOUT_NOW has not left yet */
    RAFT_EVENT_UNFIT,       /* why this node should not lead has changed: `unfit` */
    RAFT_EVENT_RESIGN,      /* it must not lead a moment longer: asks the best node there is to
                               campaign, and is a follower */
    RAFT_EVENT_TIMING,      /* heartbeat_us and election_us are these from now on. Nodes may differ
                               for a while: what binds is in the heartbeats (SAFETY 5) */
    RAFT_EVENT_RECONFIGURE, /* leader: `members` (not joint) is to be the configuration; one
                               change at a time. Refused: output.refusal */
    RAFT_EVENT_SNAPSHOT_DURABLE, /* a snapshot of this node's own that ends at `position`, applied
                                    and persisted here, is durable: it may be offered to peers */
    RAFT_EVENT_COMPACTED, /* the log now begins behind `index`, which raft_status.snapshot covers */
    RAFT_EVENT_INSTALLED, /* a received snapshot is whole, verified and durable: it ends at
                             `position`, with the configuration `members`; `term` is that of the
                             node that sent it, when it did. If output.installed, the driver makes
                             its state that of the snapshot at once; else it goes on with the one
                             it has: all of it was applied here meanwhile, or this node leads */
};

/* Why an event was refused, with the reason in words. */
#define RAFT_REFUSALS(X)                                                                           \
    X(NONE, "not refused")                                                                         \
    X(NOT_LEADER, "this node is not the leader")                                                   \
    X(TOO_EARLY, "the leader has not committed an entry of its own term yet")                      \
    X(CHANGE_OPEN, "another change of the members is still going on")                              \
    X(HANDING_OVER, "leadership is being handed over")                                             \
    X(NO_VOTERS, "nobody would be left to vote")                                                   \
    X(INVALID, "this is not a valid set of members")                                               \
    X(OTHER_UUID, "a member's id is bound to another node's uuid")                                 \
    X(NO_CHANGE, "these are the members already")                                                  \
    X(NO_TARGET, "no other voter can lead")                                                        \
    X(NOT_A_VOTER, "only a voter can lead")                                                        \
    X(UNFIT, "that node must not lead, or its disk is full")                                       \
    X(NO_ROOM, "the leader's disk is full")                                                        \
    X(OLDER_MEMBERS, "a member runs an older version that would stop at this, or none has been "   \
                     "heard of it since the leader's start: bring all nodes to one version")
#define RAFT_REFUSAL_ENUMERATOR(NAME, text) RAFT_REFUSED_##NAME,
enum raft_refusal { RAFT_REFUSALS(RAFT_REFUSAL_ENUMERATOR) };
#undef RAFT_REFUSAL_ENUMERATOR
const char *raft_refusal_text(enum raft_refusal refusal); /* never NULL */

struct raft_event {
    enum raft_event_type type;
    uint64_t now_us;   /* every event */
    uint64_t stamp_ms; /* every event: the node's wall clock, slewed by the replica (SAFETY 4) */
    const struct raft_message *message;
    struct entry entry;  /* PROPOSE: the chunk reference passes to the core */
    uint64_t number;     /* PERSISTED */
    uint64_t index;      /* APPLIED, COMPACTED; FETCHED: the first index asked for */
    uint64_t context;    /* READ */
    bool confirm;        /* READ: do not trust a lease (raft-read-mode index) */
    uint32_t node;       /* NOTIFY, CONNECTED, TRANSFER; FETCHED: the peer it was for */
    uint64_t timeout_us; /* TRANSFER */
    uint64_t heartbeat_us, election_us; /* TIMING: the second at least twice the first */
    uint32_t unfit;                     /* UNFIT */
    uint64_t term;                      /* INSTALLED */
    struct raft_position position;      /* SNAPSHOT_DURABLE, INSTALLED */
    const struct members *members;      /* RECONFIGURE, INSTALLED; copied */
    enum error error;                   /* FETCHED */
    uint64_t unreadable; /* FETCHED with an error: the log can't be read at this index, now or
                            later; 0: it may go better the next time */
    const struct entry *entries; /* FETCHED: at least one, lent until the output is carried out */
    uint32_t entry_count;
    uint64_t previous_term, previous_hash; /* FETCHED: of the entry before the first */
};

/* One persist request: hard state first, then the restart or the cut, then the entries. */
struct raft_persist {
    uint64_t number;
    bool has_hard_state;
    struct raft_hard_state hard_state;
    bool restart; /* all entries are void; the log goes on behind `base`, where a snapshot ends */
    struct raft_position base;
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

/* A snapshot that this node needs: `node`, the leader, has one that ends at `position`. */
struct raft_wanted {
    uint32_t node; /* 0: none */
    struct raft_position position;
};

/* A node that no longer has what it had acknowledged in this term: its disk has forgotten it, or
 * was put back to an earlier state. Its leader supplies it again and does not count it meanwhile;
 * the node itself neither votes nor campaigns until then. */
struct raft_lapse {
    uint32_t node;
    uint64_t acknowledged, kept; /* indexes: had said to have, has at most */
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
    const struct raft_lapse *lapse;   /* noticed in this step; NULL: none */
    bool state_changed;               /* role, term or leader differ from before the step */
    const struct raft_change *change; /* these, or whom it hands over to; NULL: nothing */
    /* raft_members(), whether it is committed, or whom raft_peers() tells of, is another one. */
    bool members_changed;
    struct raft_wanted want_snapshot; /* told again while it is needed */
    bool installed;                   /* INSTALLED: taken */
    enum raft_refusal refusal;        /* TRANSFER, RECONFIGURE: not NONE: nothing was done */
};

struct raft; /* Opaque: raft_internal.h. */

/* hard_state and the recovered log decide where the node starts: entries are added with
 * raft_restore() in order, then raft_start(), then a TICK. A node of a cluster larger than one
 * grants no vote for the longest promise after its start (SAFETY 5). */
struct raft *raft_create(const struct raft_config *config, const struct raft_hard_state *hard_state,
                         uint64_t now_us);
void raft_destroy(struct raft *raft); /* NULL is allowed. */
/* A durable entry; the core holds the chunk for itself. `committed`: it is known to be committed
 * and the driver has applied it (or loaded a snapshot that covers it); then memory keeps it only
 * within tail_bytes_max. */
void raft_restore(struct raft *raft, struct entry entry, bool committed);
/* Before raft_start(): what the journal has found out by then (SAFETY 11). `damaged`: it lost
 * entries that may have been acknowledged: no vote, no campaign until a current leader has supplied
 * all that is committed. `vote_lost`: the hard state is only a lower bound: not a word until all
 * other members have told their terms. */
void raft_restore_losses(struct raft *raft, bool damaged, bool vote_lost);
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
/* The log begins anew behind a snapshot that was received, and that is not durable yet: so far
 * nothing that the snapshot holds was acknowledged. */
bool raft_is_restarting(const struct raft *raft);
/* The hash of the last entry (base_hash when empty). */
uint64_t raft_last_hash(const struct raft *raft);
/* The stamp of the last entry (0 when empty). */
uint64_t raft_last_stamp_ms(const struct raft *raft);
/* The entry at this index from the in-memory tail; false if it is older (or beyond the end). */
bool raft_entry_at(const struct raft *raft, uint64_t index, struct entry *entry);
/* The term of the entry at this index, of the whole log; 0 beyond its end and before its base. */
uint64_t raft_term_at(const struct raft *raft, uint64_t index);
/* The log begins behind this index. */
uint64_t raft_base_index(const struct raft *raft);
/* The first index in memory (last + 1: none), and the bytes held. */
uint64_t raft_tail_first_index(const struct raft *raft);
size_t raft_tail_bytes(const struct raft *raft);
/* Leader whose own term's no-op is committed and whose lease covers `now_us` (a cluster of one:
 * always, once leader). Then a read may run at raft_commit_index() once that is applied. */
bool raft_has_lease(const struct raft *raft, uint64_t now_us);
/* A leader's log disagrees with this one where it must not (SAFETY 10): this node takes no part in
 * consensus any more. */
bool raft_diverged(const struct raft *raft);
/* It lost entries before its start, or a lapse of its own showed that it did; until repaired. */
bool raft_damaged(const struct raft *raft);
/* Its vote was lost, and its term is not known again yet. */
bool raft_vote_is_lost(const struct raft *raft);
/* Then: who has not told its term yet, as bits 1 << id; else 0. */
uint32_t raft_untold(const struct raft *raft);
/* Who had lost its vote too when this node learnt in which term to go on: there is a gap before
 * that term. */
uint32_t raft_told_lost(const struct raft *raft);
/* The node that leadership is being handed to; 0: none. Proposals should wait meanwhile. */
uint32_t raft_transfer_target(const struct raft *raft);
/* When the next TICK is due; UINT64_MAX: never. */
uint64_t raft_deadline_us(const struct raft *raft);

/* --- members -------------------------------------------------------------------------------- */
/* The configuration in force: the newest in the log, committed or not. Lent until the next step, as
 * the others are. Its entry's index; that of the snapshot, or 0, if the log has none. */
const struct members *raft_members(const struct raft *raft);
uint64_t raft_members_index(const struct raft *raft);
bool raft_members_are_committed(const struct raft *raft);
/* The configuration at this index, which is the applied one or a later one: what a snapshot that
 * ends there has to carry. */
const struct members *raft_members_at(const struct raft *raft, uint64_t index);

enum raft_standing {
    RAFT_OUTSIDE, /* no member: not yet, or not any more */
    RAFT_LEARNER,
    RAFT_VOTER,
};
enum raft_standing raft_standing(const struct raft *raft);
/* Outside, and the configuration that says so is committed: for good. */
bool raft_is_removed(const struct raft *raft);

enum raft_peer_state {
    RAFT_PEER_PROBE,     /* where the logs agree is not known; one APPEND at a time */
    RAFT_PEER_REPLICATE, /* it is; a window */
    RAFT_PEER_SNAPSHOT,  /* it needs what the log no longer has: waits until it has a snapshot */
};

/* What is known of another node; all but `id` to `leaving` while this one leads only. */
struct raft_peer_status {
    uint32_t id;
    enum raft_standing standing;
    bool leaving; /* no member any more; is told so before it is forgotten */
    enum raft_peer_state state;
    uint64_t match_index, next_index, last_contact_us;
    uint64_t round_trip_us; /* of heartbeats, smoothed; 0: none was answered yet */
    uint32_t inflight;
    uint32_t unfit;
};
/* The other members, and those that are leaving. */
uint32_t raft_peers(const struct raft *raft, struct raft_peer_status *peers, uint32_t max);

/* The entries behind `index`: how many, the bytes of those in memory, and the stamp of the first of
 * these (0: there is none). Costs a walk over them. */
struct raft_rest {
    uint64_t entries, bytes, stamp_ms;
};
void raft_rest_behind(const struct raft *raft, uint64_t index, struct raft_rest *rest);

/* What RAFT STATUS tells of the node itself. */
struct raft_status {
    uint32_t id, leader, voted_for, transfer_target, unfit;
    bool transfer_told; /* the target has everything and was told to campaign */
    enum raft_role role;
    enum raft_standing standing;
    uint64_t term, commit_index, applied_index, persisted_index, last_index, base_index;
    uint64_t members_index;
    bool diverged, damaged;
    struct raft_position snapshot;
    uint64_t lease_us;    /* left of the lease; 0: none; UINT64_MAX: the only voter */
    uint64_t deadline_us; /* raft_deadline_us() */
};
void raft_get_status(const struct raft *raft, struct raft_status *status);

/* Invariants, in raft_check.c; called after each step in tests and the simulator, cheap enough for
 * the server too (no walk over the log). */
void raft_check(const struct raft *raft);
