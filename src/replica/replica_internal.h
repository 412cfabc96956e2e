/* replica_internal.h: the replica's own fields, shared by the files of this folder.
 *
 *   intake.c   clients' bytes -> commands -> open batch, reads, local replies
 *   pending.c  each client's FIFO of replies to come
 *   forward.c  sealing, sending and resending batches; the leader's acceptance
 *   apply.c    committed entries -> keyspace, replies, deliveries
 *   changes.c    who belongs to the cluster: changes that were asked for, and what follows
 *   snapshots.c  the life of snapshot.rdb: loaded at start, made anew, the log cut behind it
 *   snapshot_send.c, snapshot_receive.c, snapshot_resume.c  from node to node
 *   operations.c  what operators ask of the leader, from any node
 *   repair.c   what the disk has lost
 *   presence.c what a watchdog says meanwhile
 *   replica.c  life, events, Raft's output, timers
 */
#pragma once

#include "raft/journal.h"
#include "src/replica/batch.h"
#include "src/replica/compare.h"
#include "src/replica/gather.h"
#include "src/replica/origins.h"
#include "src/replica/replica.h"
#include "src/replica/snapshot.h"

struct table;
struct rdb_reader;

enum { ARGS_ON_ROW = 64 };

struct waiting_packet {
    struct replica_packet *packet;
    uint64_t wait_for;
};

struct granted_read {
    uint64_t context, index, stamp_ms;
};

/* A disk request of the replica's own. */
struct own_request {
    struct disk_request request;
    uint64_t order;    /* of asking: they are handed out so */
    bool queued, open; /* not yet handed out; not yet completed */
};

enum {
    SNAPSHOT_READS = 2,
    SNAPSHOT_LEFTOVERS_MAX = 16,
    RECEIVE_WINDOW = 8, /* parts that are asked for or being written */
    SEND_READS = 4,
    SEND_ASKS_MAX = 64,                       /* that wait for their turn */
    SNAPSHOT_PART_SIZE_MAX = 4 * 1024 * 1024, /* a node asks for no more at once */
};

/* The replica's own disk requests, each with a place of its own. */
enum own_slot {
    SLOT_CHECK = 0,                          /* READs: the load at start; a file's head and end */
    SLOT_FILE = SLOT_CHECK + SNAPSHOT_READS, /* LIST, RENAME, REMOVE; the SYNC of what came */
    SLOT_RECEIPTS,                           /* WRITEs of their receipts */
    SLOT_PARTS,                              /* WRITEs of received parts */
    SLOT_LOAD = SLOT_PARTS + RECEIVE_WINDOW, /* READs of what was received */
    SLOT_SEND = SLOT_LOAD + SNAPSHOT_READS,  /* READs of what others ask for */
    OWN_SLOTS = SLOT_SEND + SEND_READS,
};

/* Which file it is: no two nodes' are equal. */
struct snapshot_file {
    struct raft_position position; /* index 0: none */
    uint64_t size;                 /* bytes; 0: not known */
    uint64_t check;                /* the checksum at its end */
};

/* snapshot.rdb and what becomes it (snapshots.c). */
struct snapshots {
    enum replica_snapshot_phase phase;
    struct own_request requests[OWN_SLOTS];
    uint64_t order;                         /* of the newest of them */
    char *rooms[SNAPSHOT_READS];            /* that SLOT_CHECK reads into */
    enum error read_errors[SNAPSHOT_READS]; /* how they ended, while a file is checked */
    uint64_t read_sizes[SNAPSHOT_READS];

    /* The present one; index 0: none. */
    struct raft_position position;
    uint64_t size, check;
    struct members members; /* its configuration */
    bool is_foreign;        /* at start: another node's, it may be ahead of this node's log */
    bool is_damaged;        /* what stands under its name; until it is set aside */
    uint64_t aside_us;      /* not before that, after a failure */
    bool may_be_missed;     /* it was damaged, and may have been ahead of the log */
    bool log_differs;       /* at start: the log has another entry where it ends */
    bool could_not_read;    /* at start: see replica_could_not_read() */
    bool is_awaited;        /* at start: from another node, before anything else */
    bool is_known;          /* to the core */
    bool is_unsure;         /* its name may be another file's by now */
    uint64_t generation;    /* counts what took its name */
    uint64_t looked_bytes;  /* log_bytes when it was last looked whether the log can be cut */

    /* Loading. */
    struct rdb_reader *reader;
    uint64_t asked, fed; /* offsets */
    struct snapshot_head head;
    bool head_is_read;
    enum error head_error; /* then: NONE, or why there is none */

    /* Making. */
    struct raft_position next;
    bool next_is_received;
    uint64_t next_size, next_bytes; /* of the file; log_bytes when it was begun */
    char next_name[DISK_NAME_SIZE];
    uint64_t log_bytes;      /* of the entries applied so far */
    uint64_t snapshot_bytes; /* of log_bytes the snapshot covers */
    bool asked_for;          /* by an operator: at once, but */
    uint64_t asked_barrier;  /* with all that was committed then: behind this one (0: not begun), */
    uint64_t asked_until_us; /* or without it from then on, where no leader answers */
    bool is_wanted;          /* for what was found out, until there is one; see retry_us */
    uint64_t retry_us;       /* not before that, after a failure */
    enum error last_error;
    uint64_t made, failed;

    /* Temporary files that nobody wants any more: to be removed. */
    char leftovers[SNAPSHOT_LEFTOVERS_MAX][DISK_NAME_SIZE];
    uint32_t leftover_count;
};

enum { CHANGES_MAX = 16 };

/* A change of the members that was asked for on this node. */
struct open_change {
    uint64_t ticket; /* 0: free */
    struct replica_change change;
    struct replica_change_status status;
    uint64_t since_us, asked_us; /* asked: the leader, last; 0: not yet */
};

/* Leader without a lease: a node's newest question about a change. */
struct doubt {
    uint64_t ticket;
    uint64_t context; /* of the read index that was asked for when it came; 0: there is none */
};
/* Leader: who is to come in another one's place, for as long as somebody asks about it. */
struct awaited_member {
    struct member member; /* host, port, replaces; replaces 0: free */
    uint64_t until_us;
};
/* What an operator has asked on this node (operations.c). */
struct open_operation {
    uint64_t number; /* 0: free */
    struct replica_operation operation;
    uint64_t sent_us;
    uint32_t sent_to; /* 0: to nobody yet */
    bool answered;
    struct replica_answer answer;
};
/* An entry VERIFY came with this version of the peer protocol. */
enum { PROTOCOL_OF_VERIFY = 3 };
enum verify_phase { VERIFY_NONE, VERIFY_DUE, VERIFY_RUNS };

enum { OPERATIONS_MAX = 16, ROLE_CHANGES_MAX = 64 };

/* What another node has asked for. */
struct asked_part {
    uint32_t from;
    struct snapshot_file file; /* size 0: any that covers its position */
    uint64_t offset;
    uint32_t size;
};

/* snapshot_send.c */
struct snapshot_sender {
    struct asked_part asks[SEND_ASKS_MAX]; /* a ring */
    uint32_t first, count;
    struct {
        struct asked_part ask;
        struct chunk *chunk; /* it is read into; NULL: free */
        uint64_t generation; /* of the file when it was asked for */
    } reads[SEND_READS];
    uint64_t sent_us; /* when a part was last sent; 0: never */
    /* By node: the generation of the file whose end it was sent last, plus one. */
    uint64_t whole[RAFT_NODES_MAX + 1];
    /* When a file was last replaced because a receiver began anew with it, and how long the next
     * one then stays; pause 0: never. */
    uint64_t doubted_us, doubt_pause_us;
    uint64_t fed_since_us, fed_generation; /* when the first one of that file was */
};

enum part_state { PART_FREE, PART_ASKED, PART_WRITING };
struct received_part {
    enum part_state state;
    uint64_t offset;
    uint64_t asked_us;
    uint32_t tries;
    struct chunk *chunk; /* WRITING: holds the bytes */
    struct bytes span;
    uint64_t check; /* WRITING: as it came with them */
};

/* snapshot_resume.c: a file that has come in part, and that nobody asks for at present. */
struct snapshot_kept {
    char name[DISK_NAME_SIZE], receipts[DISK_NAME_SIZE]; /* "": none */
    uint64_t index;                                      /* where the snapshot ends */
    uint64_t size;                                       /* of the receipts */
};
/* Of the file that comes. */
struct snapshot_receipts {
    char name[DISK_NAME_SIZE];
    uint64_t size;                  /* bytes, with what is being written */
    struct buffer waiting, writing; /* to be written; lent to the disk */
    struct bytes span;              /* `writing` */
    bool is_off;                    /* they could not be written: none any more */

    /* RESUMING. */
    struct buffer found; /* the bytes of a former attempt's */
    uint64_t found_size; /* how many there should be */
    bool is_found;       /* all are read */
    uint64_t row_next;   /* offset of the next row whose part is to be read */
    uint64_t rows[SNAPSHOT_READS];
    bool *has; /* by number of the part: it is there */
    uint64_t part_count;
};

/* snapshot_receive.c */
struct snapshot_receiver {
    enum replica_receive_phase phase;
    uint32_t node;               /* who is asked */
    uint64_t term;               /* of the leader that named it */
    struct raft_position wanted; /* as named */
    struct snapshot_file file;   /* what comes; size 0: not known yet */
    char name[DISK_NAME_SIZE];   /* that it is written under */
    uint64_t next_offset, written;
    uint64_t progress_us; /* when a part came */
    struct received_part parts[RECEIVE_WINDOW];
    struct snapshot_receipts receipts;
    struct snapshot_kept kept;

    /* The proof that it is whole: it is read into storages of its own. */
    struct storages *storages; /* NULL: not begun */
    struct rdb_reader *reader;
    struct snapshot_head head;
    bool has_head;
    uint64_t read_asked, read_fed;
    char *rooms[SNAPSHOT_READS];

    uint64_t retry_us; /* not before that, after a failure */
    char problem[256]; /* of the last failure */
    uint64_t failed;   /* how many there were */
};

struct replica {
    struct replica_config config;
    struct replica_moment now;   /* of the event being handled */
    struct replica_moment first; /* of the turn's first event */
    bool turn_begun;
    uint64_t ticked_us; /* the last replica_tick() */
    enum replica_state state;
    char trouble[768];
    char damage[640]; /* what the journal found at the start; "": none */
    bool stopping;
    bool more_to_free;   /* detached values wait for turns without entries */
    bool turn_had_input; /* some client's bytes came in this turn */
    bool more_recovered; /* the journal has more for us at once */

    struct raft *raft; /* NULL until the hard state is recovered */
    struct journal *journal;
    struct storages *storages;
    struct origins origins; /* replicated state */
    uint64_t applied_index;
    uint64_t applied_term, applied_hash; /* of that entry */
    struct snapshots snapshots;
    struct snapshot_sender sender;
    struct snapshot_receiver receiver;
    struct compare compare;  /* rolling digests */
    struct compare verified; /* full ones, at entries that ask for them */
    enum verify_phase verify_phase;
    uint64_t verify_index;    /* of the entry, while its phase is not NONE */
    uint64_t verify_proposed; /* leader: of the last one */
    uint64_t persisted_told;

    struct replica_timing own_timing; /* of replica_config; in force is config.raft's */

    /* Members (changes.c). */
    struct members founders; /* config.raft.members points here */
    bool members_changed;    /* to be told to the driver */
    bool is_removed;
    struct open_change changes[CHANGES_MAX];
    struct awaited_member awaited[CHANGES_MAX];
    uint64_t next_ticket;
    struct doubt doubts[RAFT_NODES_MAX + 1]; /* by the node that asks */

    struct raft_change role_changes[ROLE_CHANGES_MAX]; /* to be told: a ring */
    uint64_t role_changes_first, role_changes_next;
    uint64_t unreadable_index; /* no record of the log can be read there; 0: all is well */
    uint32_t fetches_failed_in_row;
    struct raft_lapse lapses[RAFT_NODES_MAX + 1]; /* by node; node 0: none to be told */

    /* This boot's origin and its window. */
    uint64_t origin;                          /* 0: not open yet */
    uint64_t nonce;                           /* of the origin that is, or will be, this node's */
    uint64_t origin_asked_us;                 /* when its opening was last asked for */
    uint64_t next_number;                     /* of the next batch to be sealed */
    struct batch *open;                       /* NULL: nothing to seal */
    struct chunk *chunk;                      /* whose rest serves the next open batch */
    struct batch *window_first, *window_last; /* sealed, not yet applied */
    uint32_t window_count;
    size_t window_bytes;
    uint64_t expected_number, expected_us; /* the leader's newest wish, and when it came */
    struct gather gather;
    uint64_t waiting_bytes; /* of all sessions' waiting reads and replies */

    /* Leadership. */
    struct origins tail_origins; /* leader: including the uncommitted tail */
    bool leading;
    uint64_t leading_term;
    uint32_t known_leader;
    uint64_t known_term;
    uint64_t tick_index; /* the last tick proposed */
    bool tick_wanted;    /* a read met a deadline */
    uint64_t tick_asked_us;
    uint32_t notify_nodes; /* bit set: their batches were committed in this drain */
    uint32_t turned_away;  /* leader: bits of nodes whose batches it could not take just then */
    bool link_up[RAFT_NODES_MAX + 1];
    uint32_t speaks[RAFT_NODES_MAX + 1]; /* the peer protocol's version; 0: not heard of */

    /* Full disks (SAFETY 15). */
    uint32_t unfit_told;   /* what the core was told of why this node should not lead */
    bool waits_for_room;   /* leader: own sealed batches were not proposed */
    bool nobody_has_room;  /* leader with a full disk: and there is nobody to hand over to */
    uint64_t full_told_us; /* leader with a full disk: when the others were told last */
    uint64_t leader_full_until_us; /* how long the leader's word counts that its disk is full */
    bool leader_refuses;           /* and that nobody has room */

    /* Log time (SAFETY 4). */
    uint64_t clock_ms, clock_us; /* the reference: wall time at a monotonic time */
    uint64_t clock_ahead_ms;     /* see replica_clock_ahead_ms() */

    /* Reads. */
    uint64_t next_context;  /* of this turn's request */
    bool context_wanted;    /* some read of this turn waits for it */
    bool read_met_deadline; /* some read waits for a tick: it needs another request */
    uint64_t ready_context; /* reads with a context not above it may run */
    uint64_t asked_us;      /* when the newest request was sent */
    uint64_t asked_context;
    struct granted_read *granted; /* granted, index not yet applied */
    uint32_t granted_count, granted_capacity;
    uint64_t leader_stamp_ms; /* the leader's present time with the newest granted read */
    struct session **readers;
    uint32_t reader_count, reader_capacity;
    uint64_t barrier_context; /* the newest barrier's */

    struct open_operation operations[OPERATIONS_MAX]; /* by number, modulo */
    uint64_t next_operation;

    /* Sessions. */
    struct table *sessions; /* by id */
    uint64_t next_session;
    struct session *dirty_first, *dirty_last;
    bool turn_was_long; /* some of the paused wait for the next turn only */
    struct session **paused;
    uint32_t paused_count, paused_capacity;

    /* Effects. */
    struct replica_packet *packet_first, *packet_last;
    struct waiting_packet *held; /* packets that wait for the disk, in order of wait_for */
    uint32_t held_count, held_capacity;

    struct bytes *args; /* scratch for decoding */
    uint32_t args_capacity;
    struct random random;
    struct replica_statistics statistics;
    struct reply_error_counts error_counts;
};

/* --- replica.c -------------------------------------------------------------------------------- */
/* Carries its output on; returns why the event was refused, if it was. */
enum raft_refusal replica_raft_step(struct replica *replica, struct raft_event *event);
void replica_create_raft(struct replica *replica);
void replica_send(struct replica *replica, struct replica_packet *packet, uint64_t wait_for);
uint64_t replica_present_ms(struct replica *replica);
void replica_follow_stamp(struct replica *replica, uint64_t stamp_ms, bool is_present);
void replica_fail(struct replica *replica, const char *format, ...) PRINTF_LIKE(2, 3);
/* Scratch for `count` decoded arguments and the name. */
struct bytes *replica_args(struct replica *replica, uint32_t count);
bool replica_is_full(const struct replica *replica);
/* Heartbeat interval and election time-out as the settings say; the core is told of a change. */
void replica_note_timing(struct replica *replica);
/* The error for a write that found no room on the leader's disk. */
const char *replica_no_room_text(const struct replica *replica);

/* The observer's clock as a command begins; 0 if nobody looks on. */
static inline uint64_t observe_begin(const struct replica *replica) {
    const struct replica_observer *observer = replica->config.observer;
    return observer == NULL ? 0 : observer->clock_ns();
}
/* As it ends: took_ns is the time since `began_ns`, which becomes the present. */
void replica_observe(const struct replica *replica, struct session *session,
                     struct replica_observed *observed, uint64_t *began_ns);

/* --- pending.c -------------------------------------------------------------------------------- */
void session_hold(struct session *session);
void session_let_go(struct session *session);
void session_mark_dirty(struct replica *replica, struct session *session);
struct pending *session_push(struct replica *replica, struct session *session,
                             enum pending_kind kind, bool silent);
/* Writes the command behind the FIFO's bytes and counts it to `pending`. */
void session_wait_with(struct replica *replica, struct session *session, struct pending *pending,
                       const struct command *command, const struct bytes *args, uint32_t count);
/* Runs and writes out what is first in line, as far as it may go. */
void session_pump(struct replica *replica, struct session *session);
/* Before the client's next write is applied: the reads before it run now, whatever their index. */
void session_pump_to_write(struct replica *replica, struct session *session);
/* Takes the write that was just answered off the FIFO. */
void session_pop_write(struct replica *replica, struct session *session);
/* The client's next write was certainly not executed: says so in its turn, by `kind`. */
void session_refuse_write(struct replica *replica, struct session *session, enum pending_kind kind);
/* What a subscriber is subscribed to is no longer what was planned when its commands were parsed:
 * it begins anew on a new connection. */
void session_end_subscriber(struct replica *replica, struct session *session);
/* Drops everything that waits. */
void session_clear_pending(struct replica *replica, struct session *session);
/* Runs a READ or LOCAL command into `reply`; false if it met a deadline that has passed by the
 * leader's present time: then nothing was written and a tick is wanted (SAFETY 3). */
bool session_run(struct replica *replica, struct session *session, const struct command *command,
                 const struct bytes *args, uint32_t count, uint8_t db, uint8_t protocol,
                 bool silent, bool may_need_tick, uint64_t waited_us);
void replica_add_reader(struct replica *replica, struct session *session);
/* Asks for a read index beside those that this turn's reads may want; returns its context: passed
 * as a barrier is (replica_barrier_is_passed). */
uint64_t replica_ask_for_index(struct replica *replica);
/* Pumps all sessions with waiting reads: the ready context has risen. */
void replica_pump_readers(struct replica *replica);
/* Asks LOCAL commands that had no answer yet once more. */
void replica_pump_waiting(struct replica *replica);

/* --- intake.c --------------------------------------------------------------------------------- */
/* Parses and routes what stands in the session's query buffer. */
void session_take_in(struct replica *replica, struct session *session);
void replica_resume_paused(struct replica *replica);
/* The client is gone: cancels what was not sealed. */
void session_cancel_unsealed(struct replica *replica, struct session *session);
void session_note_gone(struct replica *replica, struct session *session);
void session_forget_plans(struct session *session);

/* --- forward.c -------------------------------------------------------------------------------- */
struct batch *replica_open_batch(struct replica *replica);
bool replica_can_seal(const struct replica *replica);
/* Why no batch of this node's could come into the log. A full window is no obstacle: it empties. */
enum replica_obstacle { OBSTACLE_NONE, OBSTACLE_NO_LEADER, OBSTACLE_NO_ROOM };
enum replica_obstacle replica_obstacle(const struct replica *replica);
/* The open batch is ready to go now; or when it will be, if nothing else comes: 0 for the next turn
 * without input, UINT64_MAX if that hangs on something else. */
bool replica_wants_to_seal(const struct replica *replica);
uint64_t replica_seal_deadline_us(const struct replica *replica);
void replica_seal(struct replica *replica);
/* Sends all batches of the window from this number on to the leader (or proposes them). */
void replica_resend(struct replica *replica, uint64_t from_number);
/* The leader says that it wants this batch next. */
void replica_expect(struct replica *replica, uint64_t number);
void replica_ask_for_origin(struct replica *replica);
/* Certainly not executed: the open batch was never sent. */
void replica_fail_unsealed(struct replica *replica);
/* From now on an empty batch is sent in place of each that was sealed `wait_us` ago, and of those
 * behind it (SAFETY 18). */
void replica_give_up_sealed(struct replica *replica, uint64_t wait_us);
/* The empty batch was applied: the commands of this one are certainly not executed. */
void replica_revoked(struct replica *replica, struct batch *batch);
/* The origin is closed: what it had sealed behind `last` is certainly not executed. */
void replica_origin_closed(struct replica *replica, uint64_t last);
/* "Unknown" for what was sealed at least `wait_us` ago. */
void replica_fail_sealed(struct replica *replica, uint64_t wait_us);
/* What became of the window's batches can't be learnt any more: "unknown" for all of it, and
 * another origin is opened (SAFETY 19). */
void replica_renew_origin(struct replica *replica);
/* The leader's side. */
void replica_begin_leading(struct replica *replica);
enum error replica_accept_forward(struct replica *replica, uint32_t from, struct bytes packet,
                                  struct chunk *chunk) MUST_USE;
enum error replica_accept_origin(struct replica *replica, uint32_t from,
                                 struct bytes body) MUST_USE;
/* What kept a leader from taking batches is over: those whose batches it did not take send them
 * again. */
void replica_call_back(struct replica *replica);
void replica_propose_tick(struct replica *replica);
/* Leader: returns the entry's index, that of the one under way if there is one; 0: no room. */
uint64_t replica_propose_verify(struct replica *replica);
/* Leader: tells the others while its disk is full, and finds out whether there is a successor. */
void replica_tend_full(struct replica *replica);
enum error replica_receive_full(struct replica *replica, uint32_t from, struct bytes body) MUST_USE;

/* --- replica.c ----------------------------------------------------------------------------------
 */
/* Tells the others the digest at the index just applied, and judges. */
void replica_compare(struct replica *replica);
/* An entry asks for the full digest. */
void replica_note_verify(struct replica *replica);

/* --- repair.c --------------------------------------------------------------------------------- */
/* A fetch has ended: with an error at the record of the entry `reached`. */
void replica_note_fetch(struct replica *replica, enum error error, uint64_t reached);
/* The journal is DAMAGED: a way on, or the end. */
void replica_mend_log(struct replica *replica);
/* The log lacks what this node's own snapshot shows that it had: it goes on behind that, damaged.
 * False: nobody could supply it. */
bool replica_mend_short_log(struct replica *replica);
/* The journal is READY: the core hears what is lost. False: it is too much. */
bool replica_begin_repair(struct replica *replica);
/* What the core has found out since, the journal remembers; and that all is there again. */
void replica_tend_repair(struct replica *replica);

/* --- apply.c ---------------------------------------------------------------------------------- */
void replica_apply_entry(struct replica *replica, const char *image);
/* An origin is closed (origins.h): its sessions with it. The context is the replica. */
void replica_release_origin(void *context, uint64_t id);

/* --- changes.c -------------------------------------------------------------------------------- */
extern const char replica_removed_text[]; /* the error for commands of a removed node */
/* The core's configuration is another one. */
void replica_note_members(struct replica *replica);
/* Applied: origins of nodes that are no members any more are closed. */
void replica_apply_members(struct replica *replica, const struct members *members);
/* Asks about open changes once more. */
void replica_tend_changes(struct replica *replica);
uint64_t replica_changes_deadline_us(const struct replica *replica);
enum error replica_accept_change(struct replica *replica, uint32_t from,
                                 struct bytes body) MUST_USE;
enum error replica_receive_changed(struct replica *replica, uint32_t from,
                                   struct bytes body) MUST_USE;

/* --- snapshots.c ------------------------------------------------------------------------------ */
void replica_snapshots_open(struct replica *replica);
void replica_snapshots_clear(struct replica *replica);
/* Its position is known: the log may be read behind it (replica.c). */
void replica_snapshot_is_loaded(struct replica *replica);
/* Whether the log has to wait for the snapshot. */
bool replica_snapshots_load(const struct replica *replica);
const struct disk_request *replica_snapshots_request(struct replica *replica);
/* A completion, if it is of such a request: else false. */
bool replica_snapshots_completed(struct replica *replica, const struct disk_completion *completion);
/* A damaged file stands under the snapshot's name still, or may. */
bool replica_snapshots_has_damaged(const struct replica *replica);
/* What waited for the log, or for time, goes on. */
void replica_snapshots_tend(struct replica *replica);
uint64_t replica_snapshots_deadline_us(const struct replica *replica);
/* At a turn's end: the commands that ask for one may run amid an entry. */
void replica_snapshots_turn_end(struct replica *replica);
/* A received file is whole, verified and durable, and nothing else is being made: it becomes the
 * present one, and then the core hears of it. */
bool replica_snapshots_may_adopt(const struct replica *replica);
void replica_snapshots_adopt(struct replica *replica);
/* The core has accepted the snapshot that was received: this node's state is that one from now on.
 */
void replica_snapshots_install(struct replica *replica);
/* Another one has to take the place of the present one, or of a part of the log. */
void replica_snapshots_want(struct replica *replica);
/* Whether the log can be cut is looked at soon, though it has not grown. */
void replica_snapshots_look(struct replica *replica);
/* A request of the replica's own; its completion goes to the part whose slot it is. */
void replica_own_request(struct replica *replica, uint32_t slot,
                         const struct disk_request *request);
/* A temporary file that nobody wants any more; or somebody wants again. */
void replica_snapshots_leave(struct replica *replica, const char *name);
void replica_snapshots_reclaim(struct replica *replica, const char *name);
/* The file under SNAPSHOT_NAME; size 0 while there is none or another one takes its place. */
struct snapshot_file replica_snapshots_file(const struct replica *replica);

/* --- snapshot_send.c -------------------------------------------------------------------------- */
enum error replica_snapshot_asked(struct replica *replica, uint32_t from,
                                  struct bytes body) MUST_USE;
void replica_sender_tend(struct replica *replica);
/* It may ask for the same file again because it has started again. */
void replica_sender_forget(struct replica *replica, uint32_t peer);
void replica_sender_read(struct replica *replica, uint32_t slot,
                         const struct disk_completion *completion);
/* Somebody is being fed with the present snapshot: it should stay for a while. */
bool replica_sender_is_busy(const struct replica *replica);
void replica_sender_clear(struct replica *replica);

/* --- snapshot_receive.c ----------------------------------------------------------------------- */
/* The core needs a snapshot that another node has. */
void replica_receiver_want(struct replica *replica, const struct raft_wanted *wanted);
/* There is a new connection to this node: what it has not answered is asked for again. */
void replica_receiver_linked(struct replica *replica, uint32_t node);
enum error replica_receive_part(struct replica *replica, uint32_t from, struct bytes body,
                                struct chunk *chunk) MUST_USE;
enum error replica_receive_gone(struct replica *replica, uint32_t from, struct bytes body) MUST_USE;
void replica_receiver_tend(struct replica *replica);
/* At start, while snapshots.is_awaited: asks one node after the other. */
void replica_receiver_await(struct replica *replica);
uint64_t replica_receiver_deadline_us(const struct replica *replica);
void replica_receiver_written(struct replica *replica, uint32_t slot,
                              const struct disk_completion *completion);
void replica_receiver_synced(struct replica *replica, enum error error);
void replica_receiver_read(struct replica *replica, uint32_t slot,
                           const struct disk_completion *completion);
/* What was received is of no use, or was used. */
void replica_receiver_end(struct replica *replica, bool keep_file);
void replica_receiver_fail(struct replica *replica, const char *what);
void replica_receiver_clear(struct replica *replica);
/* Asks for what is not there, as far as the window goes. */
void replica_receiver_go_on(struct replica *replica);
/* Reads at most a part's size of what came, into the room `at` (there are SNAPSHOT_READS); whether
 * any of that is under way. */
void replica_receiver_read_back(struct replica *replica, uint32_t at, const char *name,
                                uint64_t offset, uint64_t size);
bool replica_receiver_reads_back(const struct replica *replica);
/* An entry was recovered or applied. */
void replica_snapshots_note_entry(struct replica *replica, const char *image);

/* --- snapshot_resume.c ------------------------------------------------------------------------ */
/* At start: what of the files in the directory may be gone on with; and whether this is one. */
void replica_resume_find(struct replica *replica, const struct disk_completion *listed);
bool replica_resume_keeps(const struct replica *replica, const char *name);
/* Which file comes is known. True: some of it is there, and is looked at first (RESUMING). */
bool replica_resume_begin(struct replica *replica);
/* The first offset from this one on whose part is not there. */
uint64_t replica_resume_next(const struct replica *replica, uint64_t offset);
/* A part has been written. */
void replica_resume_note(struct replica *replica, uint64_t offset, uint64_t check);
/* The attempt ends, but what has come may be of use to another one. */
void replica_resume_set_aside(struct replica *replica);
void replica_resume_tend(struct replica *replica);
void replica_resume_read(struct replica *replica, uint32_t at,
                         const struct disk_completion *completion);
void replica_resume_written(struct replica *replica, enum error error);
void replica_resume_clear(struct replica *replica);

/* --- operations.c ----------------------------------------------------------------------------- */
/* Asks again what has no answer. */
void replica_tend_operations(struct replica *replica);
enum error replica_accept_operation(struct replica *replica, uint32_t from,
                                    struct bytes body) MUST_USE;
enum error replica_receive_answer(struct replica *replica, uint32_t from,
                                  struct bytes body) MUST_USE;

/* --- packets ---------------------------------------------------------------------------------- */
/* The numbers are the wire's: new ones at the end, and presence.c says since which version. */
enum packet_kind {
    PACKET_RAFT = 1,
    PACKET_FORWARD, /* 7 zero bytes, then an entry image */
    PACKET_EXPECT,  /* origin, number: the leader wants this batch next */
    PACKET_ORIGIN,  /* an origin's body: please open */
    PACKET_TICK,    /* please move log time */
    PACKET_DIGEST,  /* index, digest: the sender's state there (compare.h) */
    PACKET_FULL,    /* term, 1 or 0: its leader's disk is full, and nobody (or somebody) has room */
    PACKET_CHANGE,  /* a change of the members that somebody asks for (changes.c) */
    PACKET_CHANGED, /* what has become of it */
    PACKET_SNAPSHOT_ASK,   /* a piece of the receiver's snapshot.rdb, please (snapshot_send.c) */
    PACKET_SNAPSHOT_PART,  /* here it is */
    PACKET_SNAPSHOT_GONE,  /* that file is not here, or not any more */
    PACKET_OPERATION = 20, /* number, timeout, node, kind: an operator asks the leader */
    PACKET_ANSWER,         /* number, index, refusal: what became of that */
    PACKET_VERIFIED,       /* index, digest: as DIGEST, but the full one */
};
enum { PACKET_FORWARD_HEAD = 8 };
struct replica_packet *packet_create(uint32_t to, bool bulk, enum packet_kind kind);
void packet_add_span(struct replica_packet *packet, struct bytes span, struct chunk *chunk);
