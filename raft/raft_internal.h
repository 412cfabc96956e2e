/* raft_internal.h: the core's state, shared by the files of the core and its checks only.
 *
 * raft_step.c takes events and assembles outputs; raft_election.c decides who leads;
 * raft_replication.c brings the leader's log to its peers; raft_read.c answers reads. */
#pragma once

#include "base/random.h"
#include "raft/raft.h"
#include "raft/raft_log.h"

enum {
    RAFT_SENT_RING = 1024, /* heartbeat rounds whose sending time is remembered */
    RAFT_READS_MAX = 4096, /* open at once; more are refused */
};
#define RAFT_NO_CUT UINT64_MAX

/* PROBE: where the logs agree is not known; one APPEND at a time. REPLICATE: it is; a window. */
enum raft_peer_state { RAFT_PEER_PROBE, RAFT_PEER_REPLICATE };

/* What a leader knows of another node. */
struct raft_peer {
    uint32_t id;
    enum raft_peer_state state;
    uint64_t match_index; /* durable there, and equal to this log */
    uint64_t next_index;  /* the next entry to send */
    uint64_t last_contact_us;

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
    struct raft_config config;
    bool is_voter;
    uint32_t quorum;
    struct random random;
    uint64_t now_us, stamp_ms; /* of the event in hand */

    enum raft_role role;
    uint64_t term;
    uint32_t voted_for, leader;
    bool diverged, damaged;
    struct raft_log log;
    uint64_t commit_index, applied_index;

    /* Persist requests. */
    uint64_t persist_number, completed_number; /* last issued, last completed */
    bool hard_state_dirty;                     /* to go with the next request */
    uint64_t hard_state_number;                /* the request that carries the present one */
    uint64_t submitted_index, persisted_index; /* handed out, durable */
    uint64_t cut_after;                        /* to go with the next request */
    struct raft_outstanding *outstanding;      /* ring */
    uint32_t outstanding_head, outstanding_count, outstanding_capacity;
    uint64_t written_us; /* when the disk last finished something */

    /* Follower and candidates. */
    uint64_t verified_index; /* equal to this term's leader's log up to here */
    uint64_t election_deadline_us;
    uint64_t promise_until_us, silence_until_us; /* no vote before */
    uint32_t votes_granted, votes_refused;       /* bit 1 << id */

    /* Leader. */
    struct raft_peer peers[RAFT_NODES_MAX];
    uint32_t peer_count;
    uint64_t term_first_index; /* of this term's no-op */
    uint64_t heartbeat_number, heartbeat_due_us;
    uint64_t sent_us[RAFT_SENT_RING]; /* by number, modulo */
    uint64_t confirmed_number;        /* newest round that a quorum answered */
    uint64_t lease_until_us;
    bool lease_given_up;
    uint32_t transfer_to;
    bool transfer_sent;
    uint64_t transfer_deadline_us;

    struct raft_pending_read *pending;
    uint32_t pending_count, pending_capacity;

    /* The output in hand. */
    struct raft_persist persist;
    bool has_persist, truncated;
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
/* NULL: not a peer. */
struct raft_peer *raft_peer_find(struct raft *raft, uint32_t id);
/* The greatest value that a quorum of voters reaches; values[] has one per voter. */
uint64_t raft_quorum_value(const struct raft *raft, uint64_t *values, uint32_t count);
/* Cuts the log's end, and with it what open persist requests prove. */
void raft_cut_after(struct raft *raft, uint64_t index);
bool raft_hard_state_is_durable(const struct raft *raft);
bool raft_disk_is_stalled(const struct raft *raft);

/* How many bits are set. */
static inline uint32_t raft_count_votes(uint32_t votes) {
    uint32_t count = 0;
    for (; votes != 0; votes &= votes - 1)
        count++;
    return count;
}

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

/* --- raft_replication.c --------------------------------------------------------------------- */

void raft_lead(struct raft *raft); /* The first steps of a new leader. */
void raft_append_own(struct raft *raft, struct entry entry);
void raft_leader_tick(struct raft *raft);
/* Sends whatever each peer's window allows. */
void raft_feed_peers(struct raft *raft);
void raft_send_heartbeats(struct raft *raft);
void raft_advance_commit(struct raft *raft);
void raft_on_append(struct raft *raft, const struct raft_message *message);
void raft_on_append_reply(struct raft *raft, const struct raft_message *message);
void raft_on_heartbeat(struct raft *raft, const struct raft_message *message);
void raft_on_heartbeat_reply(struct raft *raft, const struct raft_message *message);
void raft_on_fetched(struct raft *raft, const struct raft_event *event);
void raft_on_notify(struct raft *raft, uint32_t node);
void raft_on_connected(struct raft *raft, uint32_t node);
void raft_on_transfer(struct raft *raft, uint32_t node);
/* A damaged node is whole again once it durably has all that its leader's term committed. */
void raft_judge_repair(struct raft *raft);

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
/* Answers the leader's reads that have become answerable. */
void raft_resume_reads(struct raft *raft);
void raft_refuse_reads(struct raft *raft);
void raft_expire_reads(struct raft *raft);
uint64_t raft_reads_deadline_us(const struct raft *raft);
