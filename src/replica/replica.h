/* replica.h: one node of the cluster without its skin: Raft core, journal, keyspace and sessions.
 *
 * Pure: time, bytes, completions and seeds come in through the calls below; disk requests, packets
 * for peers and clients' output go out through the _next_ calls. The server drives it from libev,
 * the simulator from a seeded scheduler; both link the same code.
 *
 * A turn: any number of replica_client_received(), replica_peer_packet(), replica_disk_completed(),
 * replica_tick(); then replica_turn_end(), which seals the open batch; then the driver drains
 * disk requests, packets, finished sessions. It may drain disk requests and packets earlier too,
 * and should before replica_turn_end(): that is where a follower applies what a leader has
 * committed, and the entries that came with the news can be written meanwhile. Order between disk
 * requests and packets is kept by the replica itself: a packet that has to wait for the disk is not
 * handed out before.
 *
 * Moments: now_us is CLOCK_BOOTTIME, read after the event's bytes were read (SAFETY 6); wall_ms is
 * the wall clock. */
#pragma once

#include "raft/disk.h"
#include "raft/journal.h"
#include "raft/raft.h"
#include "src/replica/session.h"
#include "src/replica/snapshot.h"
#include "storages/storages.h"

struct command_registry;

struct replica_moment {
    uint64_t now_us;
    uint64_t wall_ms;
};

enum replica_read_mode { REPLICA_READ_LEASE, REPLICA_READ_INDEX, REPLICA_READ_LOCAL };

/* Planted bugs for the simulator's proof that it finds them (docs/testing.md); 0 in every build
 * that serves. Those of the core have a field of their own, raft_config.planted. */
enum replica_planted {
    REPLICA_PLANTED_APPLY_TWICE = 1 << 16, /* a resent batch is not recognised */
    REPLICA_PLANTED_STALE_LEASE = 1 << 17, /* the lease is checked with the turn's first moment */
    REPLICA_PLANTED_READ_EARLY = 1
                                 << 18, /* SAFETY 1: a read behind an unsealed write runs at once */
    REPLICA_PLANTED_REFUSE_EARLY =
        1 << 19, /* SAFETY 18: a given-up write is refused before the outcome is known */
    REPLICA_PLANTED_CUT_EARLY =
        1 << 20, /* SAFETY 13: the log is cut before the snapshot that covers it is durable */
    REPLICA_PLANTED_INSTALL_UNSYNCED =
        1 << 21, /* what was received takes the name and the state's place before it is durable */
    REPLICA_PLANTED_DENY_INSTALLED =
        1 << 22, /* SAFETY 19: what an installed snapshot may contain is told as not executed */
    REPLICA_PLANTED_READ_BEFORE_APPLIED =
        1 << 26, /* SAFETY 2: a granted read runs though its index is not applied yet */
    REPLICA_PLANTED_LOCAL_CLOCK = 1 << 27, /* SAFETY 3: keys expire by this node's own clock */
    REPLICA_PLANTED_LOCAL_SEED = 1 << 28,  /* a command's randomness is this node's own */
    REPLICA_PLANTED_SNAPSHOT_AHEAD =
        1 << 29, /* SAFETY 8: a snapshot holds more than this node's log has durably */
    REPLICA_PLANTED_DROP_NEWS = 1 << 30, /* who has much unsent output misses messages */
};

/* One command that was carried out for a client of this node. Lent for the call. */
struct replica_observed {
    const struct command *command;
    const struct bytes *args; /* the name first: as typed, or the row's */
    uint32_t count;
    uint8_t db;
    uint32_t errors;  /* error replies among its reply */
    uint64_t took_ns; /* running it: not waiting for the log, not reading or writing sockets */
};

/* Who looks on while commands run (slow log, statistics, MONITOR). Nothing that it does or returns
 * changes what commands do: the clock is its own and never reaches them. */
struct replica_observer {
    uint64_t (*clock_ns)(void);
    void (*ran)(struct session *session, const struct replica_observed *observed);
    /* It was not carried out: wrong number of arguments, NOAUTH, OOM, … */
    void (*refused)(struct session *session, const struct command *command);
};

/* A snapshot is due when the log behind the last one is larger than log_min bytes, and larger than
 * log_ratio percent of it. Then the log is cut behind it: what is newer stays, and log_retain bytes
 * of log at least, for followers that are behind. */
struct replica_snapshot_limits {
    uint64_t log_min, log_ratio, log_retain;
};

struct replica_config {
    struct raft_config raft; /* its members: the founding's configuration */
    uint64_t node_uuid[2];
    uint64_t nonce; /* random: of this boot's origin */
    uint64_t seed;  /* entry seeds, read seeds */
    uint64_t hash_seed;
    const struct command_registry *registry; /* outlives the replica */
    enum replica_read_mode read_mode;
    char cluster[JOURNAL_ID_SIZE]; /* the cluster's id, in the journal's headers */
    bool is_unfounded;             /* the cluster does not exist yet: replica_found() */
    bool is_joining;               /* likewise: or this node is not let into it yet */
    bool has_log;                  /* see journal_config */
    /* The cluster began with data: a directory without snapshot and log needs a snapshot, of
     * another node, before it may begin. */
    bool awaits_snapshot;
    enum journal_sync sync;            /* while this node is the only member, and */
    enum journal_sync sync_shared;     /* from the moment there is another one (SAFETY 14) */
    uint32_t journal_segment_size;     /* of the first segments; 0: the journal's own choice */
    uint32_t journal_segment_size_max; /* of any; 0: likewise */

    struct replica_snapshot_limits snapshot;
    uint32_t snapshot_part_size; /* bytes, of what is asked for at once of another node's */

    size_t inflight_batches_max; /* sealed and not yet applied, of this node */
    size_t inflight_bytes_max;   /* sealed, open and waiting */
    uint64_t unsealed_wait_us;   /* before -CLUSTERDOWN (5 s) */
    uint64_t give_up_wait_us;    /* before a sealed batch is given up (30 s) */
    uint64_t sealed_wait_us;     /* before -UNKNOWN (60 s) */
    uint64_t output_bytes_soft;  /* a client's parsing stops above this much unsent output */
    size_t query_buffer_limit;
    uint32_t planted;

    /* Asked before a command is accepted, after arity: NULL, or an error text ("NOAUTH …", "OOM …",
     * "LOADING …"). Pure drivers may leave it NULL. */
    const char *(*admit)(struct session *session, const struct command *command);
    /* Asked between two commands of a client: the turn has lasted so long that the rest of what it
     * sent is to wait for the next one, since the peers have to hear something (SAFETY 16). It only
     * decides when commands run. NULL: never. */
    bool (*turn_is_long)(const struct session *session);
    const struct replica_observer *observer; /* NULL: nobody */
};
void replica_config_defaults(struct replica_config *config);

struct replica *replica_create(const struct replica_config *config, struct replica_moment moment);
void replica_destroy(struct replica *replica);
/* The cluster that it waited for exists: takes what is its identity in it (raft, node_uuid,
 * cluster) and begins. Its sessions stay. */
void replica_found(struct replica *replica, const struct replica_config *config);

enum replica_state {
    REPLICA_FOUNDING,   /* waits for its cluster; commands answer -LOADING */
    REPLICA_RECOVERING, /* reads its snapshot and its log; commands answer -LOADING */
    REPLICA_RUNNING,
    REPLICA_DAMAGED, /* see replica_trouble(): stays out of the cluster */
};
enum replica_state replica_state(const struct replica *replica);
const char *replica_trouble(const struct replica *replica); /* one line, or NULL */
/* The trouble is that a file could not be read at the start, which says nothing of the next one. */
bool replica_could_not_read(const struct replica *replica);

/* --- events in ------------------------------------------------------------------------------ */

struct session *replica_client_open(struct replica *replica, void *owner,
                                    struct replica_moment moment);
/* `size` bytes were read into session_input_room(). */
void replica_client_received(struct replica *replica, struct session *session, size_t size,
                             struct replica_moment moment);
/* The socket is gone or to be closed. Frees the session. */
void replica_client_close(struct replica *replica, struct session *session);
/* Puts whole replies at the end of a session's output, as a message that nobody asked for. */
void replica_client_push(struct replica *replica, struct session *session, struct bytes message);
/* CONFIG SET of what replica_config began with; for what is parsed from now on. */
void replica_set_query_limit(struct replica *replica, size_t query_buffer_limit);
void replica_set_snapshot_limits(struct replica *replica, struct replica_snapshot_limits limits);
/* Why this node should not lead, as its driver sees it: bits of enum raft_unfit but FULL. */
void replica_set_unfit(struct replica *replica, uint32_t unfit, struct replica_moment moment);
/* False while the session should not be read from: back-pressure. */
bool replica_client_may_read(const struct replica *replica, const struct session *session);
/* Whether a long turn has stopped clients between two commands. Then, when a new one has begun and
 * the peers' sockets were read, they go on, before anybody else's commands are read. */
bool replica_has_interrupted(const struct replica *replica);
void replica_go_on(struct replica *replica, struct replica_moment moment);
/* The driver has sent output: parsing that stopped at the soft bound goes on. */
void replica_client_sent(struct replica *replica, struct session *session,
                         struct replica_moment moment);

/* A whole packet from peer `from`: kind byte and body as replica_packet made it. The bytes lie in
 * `chunk`, of which the replica takes references if it keeps any. */
enum error replica_peer_packet(struct replica *replica, uint32_t from, struct bytes packet,
                               struct chunk *chunk, struct replica_moment moment) MUST_USE;
/* A link came up (resend what may be lost) or went down. */
void replica_peer_link(struct replica *replica, uint32_t peer, bool up,
                       struct replica_moment moment);

/* The version of the peer protocol that was agreed upon with this peer. */
void replica_peer_speaks(struct replica *replica, uint32_t peer, uint32_t protocol);
/* The other members that are not known to speak this version or a newer one, as bits 1 << id: what
 * came with it must not enter the log, where every member, now or later, has to understand it. Who
 * has not been heard of since this node's start is among them. */
uint32_t replica_older_members(const struct replica *replica, uint32_t protocol);

void replica_disk_completed(struct replica *replica, const struct disk_completion *completion,
                            struct replica_moment moment);
void replica_tick(struct replica *replica, struct replica_moment moment);
/* Ends the turn: seals the batch, applies what is left, sends and persists. */
void replica_turn_end(struct replica *replica, struct replica_moment moment);
/* When replica_tick() is due at the latest. */
uint64_t replica_deadline_us(const struct replica *replica);
/* A clean stop: a last durable mark. Then drain disk requests until replica_is_stopped(). */
void replica_stop(struct replica *replica, struct replica_moment moment);
bool replica_is_stopped(const struct replica *replica);

/* --- effects out ---------------------------------------------------------------------------- */

/* The next disk request, or NULL. Lent until its completion. */
const struct disk_request *replica_next_disk(struct replica *replica);

/* A packet for a peer: head, then the spans (entry images in chunks). The driver takes it over:
 * replica_packet_destroy() when sent. */
struct replica_packet {
    uint32_t to;
    bool bulk;
    struct buffer head;
    struct bytes *spans;
    struct chunk **chunks; /* one reference per span */
    uint32_t span_count;
    size_t size; /* head and spans */
    struct replica_packet *next;
};
struct replica_packet *replica_next_packet(struct replica *replica);
void replica_packet_destroy(struct replica_packet *packet);

/* The peer protocol's version (docs/design.md, 7) that this packet came with: a node that speaks an
 * older one is not to be sent it. */
uint32_t replica_packet_protocol(const struct replica_packet *packet);

/* What a watchdog says while the driver is inside one long turn (SAFETY 16). A running node has a
 * presence, to be looked at after each turn. The packet is for the control connection; writing it
 * needs no replica, so any thread may. */
struct replica_presence {
    uint64_t term; /* 0: nothing to say */
    uint32_t id;
    bool leads;
};
struct replica_presence replica_presence(const struct replica *replica);
void replica_write_busy(struct buffer *packet, const struct replica_presence *presence, uint32_t to,
                        uint64_t busy_us);

/* A session whose output grew or whose ending was set since it was last returned; or NULL. */
struct session *replica_next_dirty(struct replica *replica);

/* --- members -------------------------------------------------------------------------------- */

/* The configuration in force (raft_members()); NULL while the log is read. Lent until the next
 * event. */
const struct members *replica_members(const struct replica *replica);
/* True once after each change of it, of whether it is committed, or of whom raft_peers() tells. */
bool replica_members_changed(struct replica *replica);
/* This node is no member any more, for good: it takes no part, and refuses commands. */
bool replica_is_removed(const struct replica *replica);
/* A member has said that the configuration committed at this index does not have this node. */
void replica_note_removed(struct replica *replica, uint64_t members_index);

/* Changes of the members may be asked for on any node: it asks the leader, again and again, until
 * the outcome is known. */
enum replica_change_kind {
    REPLICA_ADD = 1, /* `member` (uuid, host, port, replaces) as a learner that becomes a voter */
    REPLICA_REMOVE,  /* `id`; a leader hands over first */
    REPLICA_PROMOTE, /* `id`, a learner that has caught up, now */
    REPLICA_MOVE,    /* `id` is at `member`'s host and port from now on */
    REPLICA_REPLACE, /* the node at `member`'s host and port takes the place of `id`: it is let in
                      * as a learner, and in the step in which it becomes a voter `id` goes. Open
                      * until that node has asked to be let in */
    REPLICA_CHANGE_KINDS
};
struct replica_change {
    enum replica_change_kind kind;
    uint32_t id;
    struct member member;
};
enum replica_change_state {
    REPLICA_CHANGE_OPEN,
    REPLICA_CHANGE_DONE,    /* committed; `id` is the member's */
    REPLICA_CHANGE_REFUSED, /* nothing was done; `reason` says why */
    REPLICA_CHANGE_LATE,    /* the outcome is not known within 30 s; `reason` says what is known */
};
enum { REPLICA_REASON_SIZE = 256 };
struct replica_change_status {
    enum replica_change_state state;
    uint32_t id;
    char reason[REPLICA_REASON_SIZE];
};
/* A ticket for replica_change_status(); 0: too many changes are open. */
uint64_t replica_change_members(struct replica *replica, const struct replica_change *change,
                                struct replica_moment moment);
/* Any other state than OPEN is told once: the ticket is gone then. A ticket that nobody asks about
 * goes by itself, some time after its end. */
struct replica_change_status replica_change_status(struct replica *replica, uint64_t ticket);
/* Nobody waits for it any more. What was begun goes on; a node that has not come yet is not awaited
 * in another one's place any more. */
void replica_change_forget(struct replica *replica, uint64_t ticket);

/* --- snapshots ------------------------------------------------------------------------------ */

/* The driver writes them, the replica says when, checks what was written, and makes it the one to
 * start from:
 *
 *     if (replica_snapshot_is_due(replica)) {
 *         writer = replica_snapshot_begin(replica, options, name)
 *         writes all that snapshot_writer_next() gives to the file `name`, and syncs it,
 *             in a forked child or while nothing else happens to the replica
 *         snapshot_writer_destroy(writer)
 *         replica_snapshot_written(replica, error, size, moment), now or later
 *     }
 *
 * Until then the file is nobody's; what a crash leaves of it is removed at the next start. */
enum replica_snapshot_phase {
    REPLICA_SNAPSHOT_LISTING, /* at start: is there one? */
    REPLICA_SNAPSHOT_LOADING, /* at start */
    REPLICA_SNAPSHOT_IDLE,
    REPLICA_SNAPSHOT_WRITING,  /* by the driver */
    REPLICA_SNAPSHOT_CHECKING, /* the written file */
    REPLICA_SNAPSHOT_WAITING,  /* for the log to be durable as far (SAFETY 8) */
    REPLICA_SNAPSHOT_RENAMING,
    REPLICA_SNAPSHOT_CONFIRMING, /* that it stands there under its name */
};

/* One that this node needs of another one, since that has no log any more which goes on where this
 * node's ends. What this node has stays until the other one is whole, verified and durable. */
enum replica_receive_phase {
    REPLICA_RECEIVE_NOTHING,
    REPLICA_RECEIVE_RESUMING, /* what an earlier attempt left is looked at */
    REPLICA_RECEIVE_FETCHING, /* parts come and are written */
    REPLICA_RECEIVE_SYNCING,
    REPLICA_RECEIVE_LOADING, /* read into memory beside the present state, and verified */
    REPLICA_RECEIVE_READY,   /* about to take the place of what there is */
};

struct replica_snapshot_status {
    enum replica_snapshot_phase phase;
    struct raft_position position; /* of the present one; index 0: none */
    uint64_t size;                 /* bytes */
    uint64_t log_bytes;            /* of the log behind it */
    uint64_t loaded, load_total;   /* bytes, at start */
    uint64_t made, failed;         /* since the start */
    enum error last_error;         /* of the last one made */
    bool asked_for;

    enum replica_receive_phase receive_phase;
    uint32_t receive_node;                 /* whose */
    struct raft_position receive_position; /* where it ends */
    uint64_t received, receive_total;      /* bytes; total 0: not known yet */
    uint64_t verified;                     /* bytes of it */
    uint64_t receives_failed;
    const char *receive_problem; /* of the last that failed; "" */
    bool is_sending;             /* the present one, to some node, in these seconds */
};
struct replica_snapshot_status replica_snapshot_status(const struct replica *replica);
/* One is wanted however small the log is: with everything that was committed before it was asked
 * for, unless no leader can be asked for an election time-out. */
void replica_snapshot_ask(struct replica *replica);
bool replica_snapshot_is_due(const struct replica *replica);
/* Requires that one is due, or: a running node that has applied something, in phase IDLE. */
struct snapshot_writer *replica_snapshot_begin(struct replica *replica,
                                               const struct snapshot_options *options,
                                               char name[DISK_NAME_SIZE]);
bool replica_snapshot_may_begin(const struct replica *replica);
/* The file is written and durable, or it is not: DISK_FULL, IO, …. */
void replica_snapshot_written(struct replica *replica, enum error error, uint64_t size,
                              struct replica_moment moment);

/* --- what an operator asks of the cluster ------------------------------------------------------
 */

/* It may be asked on any node; the leader carries it out. */
enum replica_operation_kind {
    REPLICA_TRANSFER = 1, /* hand leadership to `node` (0: the best one there is) */
    REPLICA_KEEP,         /* stop handing it over, if that is still possible */
    REPLICA_VERIFY,       /* an entry at which every node tells its full digest (SAFETY 23) */
    REPLICA_OPERATION_KINDS
};
struct replica_operation {
    enum replica_operation_kind kind;
    uint32_t node;
    uint64_t timeout_us; /* TRANSFER: given up then; 0: after an election timeout */
};
struct replica_answer {
    enum raft_refusal refusal; /* NONE: it was begun */
    uint32_t leader;           /* that it was asked of */
    uint64_t index;            /* VERIFY: of the entry */
};
/* Asks, from the turn's end on, until a leader answers. Returns its number; the last 16 are
 * remembered. */
uint64_t replica_operate(struct replica *replica, const struct replica_operation *operation);
/* False: not answered yet (or forgotten). */
bool replica_operation_answered(const struct replica *replica, uint64_t number,
                                struct replica_answer *answer);
/* Nobody waits for it any more. */
void replica_operation_forget(struct replica *replica, uint64_t number);

/* A linearizable read of nothing, whatever the read mode: it is passed once everything that was
 * committed before it was begun is applied here. */
uint64_t replica_barrier_begin(struct replica *replica);
bool replica_barrier_is_passed(const struct replica *replica, uint64_t barrier);

/* --- the full digest (SAFETY 23) ---------------------------------------------------------------
 */

/* At an entry that asks for it nothing more is applied until the driver has begun:
 *
 *     if (replica_verify_is_due(replica)) {
 *         replica_verify_begin(replica)
 *         digest = replica_full_digest(replica), in a forked child or at once
 *         replica_verify_done(replica, error, digest, moment), now or later
 *     }
 */
bool replica_verify_is_due(const struct replica *replica);
void replica_verify_begin(struct replica *replica);
/* Over all replicated state, in array order; costs a walk. Not inside of an entry's apply. */
uint64_t replica_full_digest(const struct replica *replica);
/* The others are told, and whoever differs from a majority takes no part any more. */
void replica_verify_done(struct replica *replica, enum error error, uint64_t digest,
                         struct replica_moment moment);
/* What `node` has told of its state at the entry VERIFY with this index; false: nothing yet. */
bool replica_verified(const struct replica *replica, uint32_t node, uint64_t index,
                      uint64_t *digest);

/* --- looking at it -------------------------------------------------------------------------- */

struct raft *replica_raft(struct replica *replica);
struct journal *replica_journal(struct replica *replica);
struct storages *replica_storages(struct replica *replica);
/* The rolling digest of all replicated state, origins included: equal at equal applied indexes. */
uint64_t replica_digest(const struct replica *replica);
uint64_t replica_applied_index(const struct replica *replica);
uint64_t replica_origin(const struct replica *replica);       /* 0 while not open */
uint32_t replica_origin_count(const struct replica *replica); /* open in the whole cluster */
bool replica_serves(const struct replica *replica);           /* leader known and origin open */
/* No room for the log's next segment on this node's disk. */
bool replica_disk_is_full(const struct replica *replica);
/* The error for what needs the log, where no node that could lead has room for it, or this one has
 * none left to follow; else NULL. */
const char *replica_write_refusal(const struct replica *replica);
/* How far this node's wall clock has jumped ahead of the log's time, which follows it slowly; 0: it
 * has not. */
uint64_t replica_clock_ahead_ms(const struct replica *replica);

/* The timing in force: the cluster's, as the log says; until it does, replica_config's. */
struct replica_timing {
    uint64_t heartbeat_us, election_us;
};
struct replica_timing replica_timing(const struct replica *replica);

/* The next change of role, leader or transfer that is to be told; or false. Of many in one turn the
 * oldest are dropped. */
bool replica_next_change(struct replica *replica, struct raft_change *change);
/* The next lapse that was noticed, of this node or another one (raft.h), to be told; or false. */
bool replica_next_lapse(struct replica *replica, struct raft_lapse *lapse);

/* What this node's disk has lost, and how far it is with getting it back. Texts are lent. */
struct replica_repair {
    const char *damage; /* in the log, found at the start: file, offset, index; "": none */
    const char *notice; /* of the vote: what was found at the start; "": nothing */
    bool is_damaged;    /* it neither votes nor leads until a leader has supplied what is lost */
    bool is_marked;     /* after damage: a restart might find it still */
    bool vote_is_lost;  /* it says nothing until all others have told their terms */
    uint32_t untold;    /* then: who has not, as bits 1 << id */
    uint32_t lost_too;  /* who has lost its own as well */
    uint64_t index;     /* of the last entry that this node has durably */
    uint64_t unreadable_index; /* of the log while it runs: handed over, until a snapshot covers it;
                                * 0: all can be read */
};
void replica_get_repair(const struct replica *replica, struct replica_repair *repair);

/* Rows for INFO raft, INFO stats and the simulator's report. */
#define REPLICA_STATISTICS(X)                                                                      \
    X(batches_sealed)                                                                              \
    X(batches_applied)                                                                             \
    X(batches_resent)                                                                              \
    X(batches_duplicate)                                                                           \
    X(batches_given_up)                                                                            \
    X(batches_revoked)                                                                             \
    X(commands_applied)                                                                            \
    X(reads_immediate)                                                                             \
    X(reads_lease)                                                                                 \
    X(reads_index)                                                                                 \
    X(reads_in_batch)                                                                              \
    X(ticks_proposed)                                                                              \
    X(elections)                                                                                   \
    X(leader_changes)                                                                              \
    X(clusterdown_replies)                                                                         \
    X(unknown_replies)                                                                             \
    X(origins_opened)                                                                              \
    X(lapses)                                                                                      \
    X(repairs)                                                                                     \
    X(verifications)                                                                               \
    X(entries_applied)                                                                             \
    X(fetches_failed)                                                                              \
    X(snapshot_parts_sent)                                                                         \
    X(snapshot_parts_received)                                                                     \
    X(snapshot_parts_resumed)                                                                      \
    X(snapshots_received)                                                                          \
    X(snapshots_installed)                                                                         \
    X(log_cuts)                                                                                    \
    X(input_bytes)                                                                                 \
    X(busy_heard)                                                                                  \
    X(packets_in)                                                                                  \
    X(packets_out)                                                                                 \
    X(packets_refused)                                                                             \
    X(error_replies)
struct replica_statistics {
#define REPLICA_STATISTIC(name) uint64_t name;
    REPLICA_STATISTICS(REPLICA_STATISTIC)
#undef REPLICA_STATISTIC
};
struct replica_statistics *replica_statistics(struct replica *replica);
/* Error replies of this node's clients by code; may be zeroed. */
struct reply_error_counts *replica_error_counts(struct replica *replica);
size_t replica_inflight_bytes(const struct replica *replica);
uint32_t replica_inflight_batches(const struct replica *replica); /* sealed, not yet applied */

/* Invariants between the parts; in tests and the simulator after each step. */
void replica_check(const struct replica *replica);

/* The rows that the replica carries out itself (MULTI, EXEC, …): to be put into the registry. */
const struct command_family *replica_family(void);

/* RESET: leaves MULTI, unsubscribes from all, back to RESP2 and database 0. */
void replica_session_reset(struct replica *replica, struct session *session);
