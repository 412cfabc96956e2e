/* raft_box.h: a small cluster of Raft cores in one process, for tests.
 *
 * Nodes are 1 .. count: those that found the cluster, and those added later, which know nobody
 * until a leader speaks to them. One virtual clock for all, from which a node's own may differ;
 * timers run only where box_tick() says so. Messages are really encoded and decoded. A node's disk
 * is what its persist requests have made durable, and its newest snapshot: a position and the
 * members at it. A crash loses all else: memory, open requests, messages that wait for them.
 * Committed entries are applied at once. A disk may lose what it had: unnoticed (box_forget()), or
 * so that the node knows (box_damage(), box_lose_vote()).
 *
 * The box watches over Raft's safety properties at every step (Raft, Figure 3: election safety, log
 * matching, leader completeness, state machine safety), over leases and read indexes, that
 * elections and commits rest on what a majority's disks have (of both sets of voters, while they
 * change), that nothing committed is taken back, and that the members in force stand in the log.
 * The first violation is told in box->violation; the nodes know nothing of it. */
#pragma once

#include "base/buffer.h"
#include "base/random.h"
#include "raft/raft.h"

enum { BOX_NODES_MAX = 7, BOX_TERMS_MAX = 4096, BOX_READS_MAX = 4096 };

enum box_read_state { BOX_READ_NONE, BOX_READ_WAITING, BOX_READ_GRANTED, BOX_READ_REFUSED };

/* A message on its way: encoded, in a chunk of its own. */
struct box_letter {
    uint32_t from, to;
    enum raft_message_type type;
    uint64_t wait_for;
    struct chunk *chunk;
};

struct box_letters {
    struct box_letter *at;
    uint32_t count, capacity;
};

/* A persist request, copied; it holds its entries' chunks. */
struct box_write {
    struct raft_persist request;
    struct entry *entries;
};

struct box_read {
    enum box_read_state state;
    uint32_t node;  /* that asked */
    uint64_t floor; /* what was committed anywhere when it was asked */
    uint64_t index;
};

struct box_committed {
    uint64_t hash, term; /* of the entry; of the leader that committed it */
};

struct box_snapshot {
    struct raft_position position; /* index 0: none */
    struct members members;
};

struct box_node {
    struct raft *raft; /* NULL: down */
    struct raft_config config;
    uint64_t ahead_us; /* its clock is ahead of the box's by so much */
    bool stalled;      /* box_settle() completes none of its writes */
    bool busy, silent; /* inside one long turn; silent: its watchdog stands still as well */
    uint64_t busy_since_us, busy_said_us;
    /* The disk. */
    struct raft_hard_state hard_state;
    struct raft_position base; /* the log begins behind it */
    struct entry *log;
    uint64_t log_count, log_capacity, known_commit;
    struct box_snapshot snapshot;
    bool damaged, vote_lost;     /* it knows that it has lost entries, or its hard state */
    struct raft_hard_state lost; /* the hard state that it lost: only the watch knows */
    /* Lost in a crash. */
    struct box_write *writes;
    uint32_t write_count, write_capacity;
    struct box_letters held; /* waiting for a persist request */
    struct raft_fetch fetches[64];
    uint32_t fetch_count;
    uint64_t applied, completed;
    enum raft_role role;
    struct raft_lapse lapse;   /* the last that it noticed; node 0: none */
    struct raft_wanted wanted; /* the snapshot it asks for */
    enum raft_refusal refusal; /* of the last change or transfer that it was asked for */
    struct raft_change change; /* the last one of its role, leader or transfer */
};

struct box {
    uint32_t count;
    uint64_t now_us;
    struct box_node nodes[BOX_NODES_MAX + 1];
    bool cut[BOX_NODES_MAX + 1][BOX_NODES_MAX + 1];
    struct box_letters letters; /* in the order of sending */
    struct box_read reads[BOX_READS_MAX];

    struct box_committed *committed; /* committed[0]: at index 1 */
    uint64_t committed_count, committed_capacity;
    struct box_term {
        uint64_t term;
        uint32_t leader;
    } terms[BOX_TERMS_MAX]; /* that had a leader */
    uint32_t term_count;
    uint64_t elections, granted_reads, lease_moments, changes, installs;
    bool trace, may_diverge; /* may_diverge: then divergence is no violation */
    struct buffer violation; /* empty: none */
};

/* `config` is taken for every node, but for id and seed. All nodes are down at first. */
void box_init(struct box *box, uint32_t count, const struct raft_config *config);
void box_clear(struct box *box);

uint32_t box_add(struct box *box, const struct raft_config *config); /* Returns its id; down. */
uint64_t box_now_us(const struct box *box, uint32_t node);           /* By its own clock. */

void box_start(struct box *box, uint32_t node); /* From its disk. */
void box_crash(struct box *box, uint32_t node);
/* The disk of a node that is down has only its first `kept` entries any more. */
void box_forget(struct box *box, uint32_t node, uint64_t kept);
/* Inside one turn until it is released: box_settle() gives it nothing. */
void box_hold(struct box *box, uint32_t node, bool silent);
void box_release(struct box *box, uint32_t node);
/* Its watchdog says to all others that it is busy; not more often than each heartbeat, and not when
 * that has lasted for too long. */
void box_say_busy(struct box *box, uint32_t node);
/* The same, and the node knows. */
void box_damage(struct box *box, uint32_t node, uint64_t kept);
/* The disk of a node that is down has no readable hard state any more. */
void box_lose_vote(struct box *box, uint32_t node);
void box_tick(struct box *box, uint32_t node);
void box_propose(struct box *box, uint32_t node, struct bytes body);
void box_read(struct box *box, uint32_t node, uint64_t context, bool confirm);
void box_notify(struct box *box, uint32_t node, uint32_t peer);
/* The disk has finished part of the oldest open persist request. */
void box_written(struct box *box, uint32_t node);
void box_connected(struct box *box, uint32_t node, uint32_t peer);
/* peer 0: to whom it likes; timeout_us 0: an election timeout. */
void box_transfer(struct box *box, uint32_t node, uint32_t peer, uint64_t timeout_us);
void box_keep(struct box *box, uint32_t node);
void box_resign(struct box *box, uint32_t node);
struct box_timing {
    uint64_t heartbeat_us, election_us;
};
void box_timing(struct box *box, uint32_t node, struct box_timing timing);
void box_unfit(struct box *box, uint32_t node, uint32_t unfit);
void box_change(struct box *box, uint32_t node, const struct members *members);
/* Makes a snapshot of what the node has applied; false: not all of that is durable, or nothing is
 * new. */
bool box_snapshot(struct box *box, uint32_t node);
/* Cuts the node's log up to this index, or as far as its snapshot reaches; false: nothing to cut.
 */
bool box_compact(struct box *box, uint32_t node, uint64_t index);
/* Brings the snapshot that the node wants onto its disk; false: it wants none, or its source is
 * down or has an older one than this node. */
bool box_receive(struct box *box, uint32_t node);
/* The same, and says so to the core. */
bool box_install(struct box *box, uint32_t node);
/* Whether the log on the node's disk has an entry at `index`, and its hash. */
bool box_disk_hash(const struct box_node *node, uint64_t index, uint64_t *hash);
/* Completes the oldest open persist request; false: none. */
bool box_persist(struct box *box, uint32_t node);
/* Answers the oldest fetch from the node's disk; false: none. */
bool box_fetch(struct box *box, uint32_t node);
/* The same with an error; `unreadable`: as in struct raft_event. */
bool box_fail_fetch(struct box *box, uint32_t node, uint64_t unreadable);
/* Delivers (or drops) letters.at[i]; later ones keep their order. */
void box_deliver(struct box *box, uint32_t i);
void box_drop(struct box *box, uint32_t i);
void box_duplicate(struct box *box, uint32_t i);
/* Delivers, persists, fetches and installs until nothing moves, but for nodes that are busy. */
void box_settle(struct box *box);

/* Appends an entry of this term straight to the disk of a node that is down; equal places hold
 * equal entries on every node. */
void box_write_entry(struct box *box, uint32_t node, uint64_t term, struct bytes body);

/* Compares the logs of all nodes at equal places (log matching). */
void box_check_logs(struct box *box);
/* The body of the entry at `index` in the node's memory or on its disk; NULL data: none. */
struct bytes box_body(const struct box *box, uint32_t node, uint64_t index);
