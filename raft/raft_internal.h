/* raft_internal.h: the core's state, shared by the files of the core and its checks only.
 *
 * raft_step.c takes events and assembles outputs; raft_election.c decides who leads;
 * raft_replication.c brings the leader's log to its peers; raft_read.c answers reads;
 * raft_membership.c knows who belongs to the cluster, and counts; raft_snapshot.c shortens the log;
 * raft_transfer.c hands leadership over; raft_busy.c bears with nodes whose loop is held up;
 * raft_repair.c brings back a node whose disk has lost something. */
#pragma once

#include "base/random.h"
#include "raft/raft.h"
#include "raft/raft_log.h"

enum {
    RAFT_SENT_RING = 1024, /* heartbeat rounds whose sending time is remembered */
    RAFT_READS_MAX = 4096, /* open at once; more are refused */
};
#define RAFT_NO_CUT UINT64_MAX

/* Why a node's silence is no reason to replace it: it says that it is busy (raft_busy.c). */
struct raft_excuse {
    uint64_t since_us; /* its loop was last seen at work then, or later; 0: it is not busy */
    uint64_t until_us; /* the excuse holds so long */
};

/* What a leader knows of another node. */
struct raft_peer {
    uint32_t id;
    enum raft_peer_state state;
    uint32_t unfit;
    bool leaving; /* no member any more: is told so, until leave_deadline_us at the latest */
    uint64_t leave_deadline_us;
    uint64_t match_index;        /* durable there, and equal to this log */
    uint64_t match_round;        /* the newest heartbeat round when match_index last rose */
    uint64_t acknowledged_index; /* what match_index ever was in this term */
    uint64_t recount_nonce;      /* it has lost what it acknowledged: counted anew since then */
    uint64_t void_round;         /* answers to heartbeats up to this round acknowledge nothing */
    uint64_t next_index;         /* the next entry to send */
    uint64_t last_contact_us;
    uint64_t round_trip_us; /* smoothed; 0: no answer yet */
    struct raft_excuse excuse;

    uint64_t heartbeat_acknowledged; /* newest round it answered */
    uint64_t lease_until_us;         /* its promise, counted from our sending, less the margin */

    uint64_t commit_sent;  /* the commit index it has certainly been sent */
    uint64_t notify_index; /* the commit index it waits for */

    uint64_t *inflight; /* ring of inflight_max: the last index of each APPEND on the way */
    uint32_t inflight_head, inflight_count;
    uint64_t progress_us; /* last acknowledged, or last asked whether it is still there */

    bool probe_open, probe_again; /* again: the last probe was lost; ask without entries */
    uint64_t probe_previous, probe_sent_us;

    bool fetch_open;
    uint64_t fetch_from, fetch_after_us; /* after: not before this time, once a fetch failed */

    uint64_t snapshot_told_us; /* SNAPSHOT: last told of it */

    /* Catching up in rounds (thesis 4.2.1): a round ends when all is there that the log held when
     * it began; the peer has caught up when one took less than an election timeout. */
    uint64_t round_goal, round_since_us;
    bool caught_up;
};

/* A configuration, and the index of its entry (of the snapshot, or 0, if there is none). */
struct raft_configuration {
    uint64_t index;
    struct members members;
};

/* Voters as sets of bits 1 << id. In a joint configuration decisions need a majority of both;
 * else `next` is empty. */
struct raft_voters {
    uint32_t present, next;
};

/* What each node has reached, by id. */
struct raft_tally {
    uint64_t at[RAFT_NODES_MAX + 1];
};

/* A persist request that is not completed. */
struct raft_outstanding {
    uint64_t number;
    uint64_t last_index; /* what its completion proves durable (SAFETY 7) */
    uint64_t since_us;
};

struct raft_pending_read {
    uint64_t context;
    uint32_t from;      /* the asking node; 0: this one */
    uint64_t number;    /* leader: the first heartbeat round sent after it came */
    uint64_t index;     /* leader: commit index when it came; 0: own term not committed yet */
    uint64_t expiry_us; /* follower: given up then */
};

struct raft {
    struct raft_config config; /* but for its members and voters */
    struct random random;
    uint64_t now_us, stamp_ms; /* of the event in hand */

    enum raft_role role;
    uint64_t term;
    uint32_t voted_for, leader;
    bool diverged, damaged, vote_lost;
    uint64_t forgotten_index; /* damaged: what it has to have again, at least */
    uint64_t damaged_term;    /* damaged: it may have acknowledged in terms up to this one */
    uint64_t recounted_term;  /* whose leader counts none of that any more */
    uint64_t nonce, asked_us; /* damaged, vote_lost: of the question that is open */
    uint64_t told_term;       /* vote_lost: the highest that was told, */
    uint32_t told;            /* and by whom */
    uint32_t told_lost;       /* who has said that it has lost its own as well */
    struct raft_log log;
    uint64_t commit_index, applied_index;
    struct raft_position snapshot; /* the newest durable one */
    uint32_t unfit;

    /* Ascending; the last one is in force, the first one holds at the applied index or before. */
    struct raft_configuration *configurations;
    uint32_t configuration_count, configuration_capacity;
    struct raft_voters voters; /* of the one in force */
    uint32_t may_be_promoted;  /* learners, when they have caught up */
    bool is_voter;
    bool members_changed; /* in this step */

    /* Persist requests. */
    uint64_t persist_number, completed_number; /* last issued, last completed */
    bool hard_state_dirty;                     /* to go with the next request */
    uint64_t hard_state_number;                /* the request that carries the present one */
    uint64_t submitted_index, persisted_index; /* handed out, durable */
    uint64_t cut_after;                        /* to go with the next request */
    bool restart;                              /* so is this: the log begins anew at its base */
    uint64_t restart_number;                   /* durable with this request; the next one's: soon */
    struct raft_outstanding *outstanding;      /* ring */
    uint32_t outstanding_head, outstanding_count, outstanding_capacity;
    uint64_t written_us; /* when the disk last finished something */

    /* Follower and candidates. */
    uint64_t verified_index; /* equal to this term's leader's log up to here */
    uint64_t election_deadline_us;
    uint64_t heard_us; /* when its leader was last heard; 0: never since the start */
    bool is_needed;    /* since then a voter would have led that lacks what this log has */
    uint64_t promise_until_us, silence_until_us; /* no vote before */
    uint32_t votes_granted, votes_refused;       /* bit 1 << id */
    struct raft_excuse leader_excuse;            /* of this term's leader */
    uint64_t
        absent_us; /* when it was first found absent itself since it heard the leader; 0: not */

    /* Leader. */
    struct raft_peer peers[RAFT_NODES_MAX];
    uint32_t peer_count;
    uint64_t term_first_index; /* of this term's no-op */
    uint64_t heartbeat_number, heartbeat_due_us;
    /* After heartbeats have become rarer: so often until then, for those who do not know it yet. */
    uint64_t brisk_us, brisk_until_us;
    bool stall_follows; /* config.disk_stall_us was not given: follows the election timeout */
    uint64_t sent_us[RAFT_SENT_RING]; /* by number, modulo */
    uint64_t confirmed_number;        /* newest round that a quorum answered */
    uint64_t lease_until_us;
    bool lease_given_up;
    uint32_t transfer_to;
    uint64_t transfer_sent_us; /* TIMEOUT_NOW, last; 0: not yet */
    uint64_t transfer_deadline_us;
    uint64_t give_way_us; /* not before this time once more, of its own accord */

    struct raft_pending_read *pending;
    uint32_t pending_count, pending_capacity;

    /* The output in hand. */
    struct raft_persist persist;
    bool has_persist, truncated, installed, has_lapse;
    struct raft_wanted wanted;
    enum raft_refusal refusal;
    struct raft_change change; /* its cause; the rest at the step's end */
    struct raft_lapse lapse;
    struct raft_message *messages;
    uint32_t message_count, message_capacity;
    struct raft_read *reads;
    uint32_t read_count, read_capacity;
    struct raft_fetch *fetches;
    uint32_t fetch_count, fetch_capacity;
};

/* --- raft_step.c ---------------------------------------------------------------------------- */

static inline bool raft_is_planted(const struct raft *raft, enum raft_planted bit) {
    return UNLIKELY((raft->config.planted & (uint32_t)bit) != 0);
}
/* Adds from and term; what it has to wait for is settled at the end of the step. */
void raft_send(struct raft *raft, struct raft_message message);
void raft_answer_read(struct raft *raft, const struct raft_read *read);
void raft_ask_fetch(struct raft *raft, struct raft_fetch fetch);
/* The reference on the chunk passes to the log. */
void raft_append(struct raft *raft, struct entry entry);
void raft_tell_lapse(struct raft *raft, struct raft_lapse lapse);
/* Why what changes in this step does: the last word counts. */
static inline void raft_because(struct raft *raft, enum raft_cause cause, uint32_t node,
                                uint64_t elapsed_us) {
    raft->change.cause = cause;
    raft->change.node = node;
    raft->change.elapsed_us = elapsed_us;
}
/* Cuts the log's end, and with it what open persist requests prove. */
void raft_cut_after(struct raft *raft, uint64_t index);
/* Empties the log: it begins anew behind this position, which a snapshot has made durable. */
void raft_restart_log(struct raft *raft, const struct raft_position *position);
/* Forgets entries that memory need not hold any more. */
void raft_drop_old_entries(struct raft *raft);
bool raft_hard_state_is_durable(const struct raft *raft);
bool raft_disk_is_stalled(const struct raft *raft);

static inline uint32_t raft_unfit(const struct raft *raft) {
    return raft->unfit | (raft->damaged ? (uint32_t)RAFT_UNFIT_DAMAGED : 0);
}

/* --- raft_membership.c ---------------------------------------------------------------------- */

void raft_init_members(struct raft *raft, const struct raft_config *config);
void raft_clear_members(struct raft *raft);
/* NULL: not a peer. Valid until a configuration changes, which is at the end of a leader's step. */
struct raft_peer *raft_peer_find(struct raft *raft, uint32_t id);
static inline struct raft_configuration *raft_in_force(const struct raft *raft) {
    return &raft->configurations[raft->configuration_count - 1];
}
static inline bool raft_is_member(const struct raft *raft, uint32_t id) {
    return members_find(&raft_in_force(raft)->members, id) != NULL;
}
/* Whether these nodes (bits 1 << id) can decide. */
bool raft_is_quorum(const struct raft *raft, uint32_t nodes);
/* The greatest value that so many have reached. */
uint64_t raft_quorum_value(const struct raft *raft, const struct raft_tally *tally);
/* The same over these voters. */
uint64_t raft_value_of(struct raft_voters voters, const struct raft_tally *tally);
static inline uint32_t raft_all_voters(const struct raft *raft) {
    return raft->voters.present | raft->voters.next;
}
/* Before this node joined, its id may have been another node's. */
static inline bool raft_has_joined_by(const struct raft *raft, uint64_t index) {
    return index >= raft->config.joined_index;
}
static inline bool raft_is_only_voter(const struct raft *raft) {
    return raft->is_voter && raft_all_voters(raft) == 1u << raft->config.id;
}
/* Whether this node votes, or did so before a change that may not be committed yet: then nobody
 * else may be able to bring it to an end (thesis 4.2.2). */
bool raft_is_eligible(const struct raft *raft);
/* Whether nobody else can ever have led while this log was written. */
bool raft_was_always_alone(const struct raft *raft);

/* The log has got an entry, has been cut, has begun anew, was applied. */
void raft_note_configuration(struct raft *raft, struct entry entry);
void raft_cut_configurations(struct raft *raft, uint64_t index);
void raft_restart_configurations(struct raft *raft, uint64_t index, const struct members *members);
void raft_prune_configurations(struct raft *raft);

void raft_on_reconfigure(struct raft *raft, const struct members *target);
/* The peer has come closer to the log's end. */
void raft_note_round(const struct raft *raft, struct raft_peer *peer);
/* At the end of each step: ends a joint configuration, promotes learners, forgets who left. */
void raft_tend_members(struct raft *raft);

/* --- raft_snapshot.c ------------------------------------------------------------------------ */
/* Follower: tells its leader, without being asked, what is durable here. */
void raft_tell_match(struct raft *raft);

void raft_on_snapshot_durable(struct raft *raft, const struct raft_position *position);
void raft_on_compacted(struct raft *raft, uint64_t index);
void raft_on_installed(struct raft *raft, const struct raft_event *event);
void raft_on_snapshot(struct raft *raft, const struct raft_message *message);
/* The peer needs what the log no longer has. */
void raft_offer_snapshot(struct raft *raft, struct raft_peer *peer);
/* Tells it (again), if it is time to. */
void raft_tell_of_snapshot(struct raft *raft, struct raft_peer *peer);

/* --- raft_transfer.c ------------------------------------------------------------------------ */

void raft_on_transfer(struct raft *raft, const struct raft_event *event);
void raft_on_keep(struct raft *raft);
void raft_on_unfit(struct raft *raft, uint32_t unfit);
void raft_on_resign(struct raft *raft);
/* At the end of a leader's step: hands over to a target that has the whole log, or steps aside. */
void raft_tend_transfer(struct raft *raft);
/* Steps down to whoever can best go on: at once, or as soon as somebody has the whole log, but
 * within an election timeout. */
void raft_step_aside(struct raft *raft);

/* --- raft_election.c ------------------------------------------------------------------------ */

void raft_become_follower(struct raft *raft, uint64_t term, uint32_t leader);
void raft_reset_election_timer(struct raft *raft);
void raft_election_tick(struct raft *raft);
/* When a node that does not lead has to be woken. */
uint64_t raft_election_deadline_us(const struct raft *raft);
/* A candidate whose own vote has become durable counts it. */
void raft_count_own_vote(struct raft *raft);
/* True: a vote in a newer term that a promise forbids even to look at. */
bool raft_vote_is_barred(const struct raft *raft, const struct raft_message *message);
void raft_on_pre_vote(struct raft *raft, const struct raft_message *message);
void raft_on_pre_vote_reply(struct raft *raft, const struct raft_message *message);
void raft_on_vote(struct raft *raft, const struct raft_message *message);
void raft_on_vote_reply(struct raft *raft, const struct raft_message *message);
void raft_on_timeout_now(struct raft *raft, const struct raft_message *message);

/* --- raft_busy.c ---------------------------------------------------------------------------- */

void raft_on_busy(struct raft *raft, const struct raft_message *message);
static inline bool raft_is_excused(const struct raft *raft, const struct raft_excuse *excuse) {
    return raft->now_us < excuse->until_us;
}
/* A leader that was held up itself, and ticks late, has not listened meanwhile: true if so. */
bool raft_forgive_own_absence(struct raft *raft);
/* Nor has another node whose election is due by now: it should listen first. */
bool raft_was_absent(struct raft *raft);

/* --- raft_replication.c --------------------------------------------------------------------- */

void raft_lead(struct raft *raft); /* The first steps of a new leader. */
void raft_append_own(struct raft *raft, struct entry entry);
/* An entry of the leader's own, not sealed yet; the caller's reference. */
struct entry raft_create_entry(enum entry_type type, struct bytes body);
/* As if it had never been heard of in this term. */
void raft_reset_peer(struct raft *raft, struct raft_peer *peer);
/* Starts again to look for where the logs agree, `next` being the next guess. */
void raft_probe_from(struct raft_peer *peer, uint64_t next);
void raft_leader_tick(struct raft *raft);
/* Sends whatever each peer's window allows. */
void raft_feed_peers(struct raft *raft);
void raft_send_heartbeats(struct raft *raft);
void raft_on_timing(struct raft *raft, const struct raft_event *event);
void raft_advance_commit(struct raft *raft);
void raft_on_append(struct raft *raft, const struct raft_message *message);
void raft_on_append_reply(struct raft *raft, const struct raft_message *message);
void raft_on_heartbeat(struct raft *raft, const struct raft_message *message);
void raft_on_heartbeat_reply(struct raft *raft, const struct raft_message *message);
void raft_on_fetched(struct raft *raft, const struct raft_event *event);
void raft_on_notify(struct raft *raft, uint32_t node);
void raft_on_connected(struct raft *raft, uint32_t node);
/* Follower: what was verified and is durable, safe to say at once. */
uint64_t raft_durable_match(const struct raft *raft);
/* This term's leader speaks, and asks for no promise; false: it can't be one. */
bool raft_hear_leader(struct raft *raft, uint32_t from);

/* --- raft_repair.c -------------------------------------------------------------------------- */

void raft_begin_repair(struct raft *raft); /* At the start. */
/* vote_lost: asks those who have not told their term yet, if it is time to. */
void raft_ask_terms(struct raft *raft);
/* vote_lost: all that comes in goes here. */
void raft_hear_term(struct raft *raft, const struct raft_message *message);
/* A heartbeat speaks of nothing that this node has not acknowledged to this leader as durable. */
void raft_look_for_a_lapse(struct raft *raft, uint64_t commit);
/* damaged: asks the leader to count it anew, if need be and it is time to. */
void raft_ask_recount(struct raft *raft);
void raft_on_recount_reply(struct raft *raft, const struct raft_message *message);
/* A damaged node is whole again once it durably has all that its leader's term committed, and
 * nothing counts that it has lost. */
void raft_judge_repair(struct raft *raft);
void raft_on_recount(struct raft *raft, const struct raft_message *message);
/* Whether an answer to this heartbeat round, or to what was sent then, acknowledges nothing. */
bool raft_is_void(const struct raft_peer *peer, uint64_t heartbeat);

/* --- raft_read.c ---------------------------------------------------------------------------- */

static inline bool raft_own_term_is_committed(const struct raft *raft) {
    return raft->role == RAFT_LEADER && raft->commit_index >= raft->term_first_index;
}
/* from: 0 for this node's own. */
void raft_read(struct raft *raft, uint64_t context, uint32_t from, bool confirm);
void raft_on_read_reply(struct raft *raft, const struct raft_message *message);
/* Counts a peer's answer to a heartbeat round towards lease and confirmed reads. */
void raft_heartbeat_answered(struct raft *raft, struct raft_peer *peer, uint64_t number,
                             uint64_t promise_us);
/* What a quorum's answers amount to now. */
void raft_count_answers(struct raft *raft);
/* Answers the leader's reads that have become answerable. */
void raft_resume_reads(struct raft *raft);
void raft_refuse_reads(struct raft *raft);
void raft_expire_reads(struct raft *raft);
uint64_t raft_reads_deadline_us(const struct raft *raft);
