/* world.h: a whole cluster, its network, disks, clocks and clients, in virtual time.
 *
 * One seed decides everything: equal seeds give equal traces, event for event. Time is in
 * microseconds of the world; each node has a monotonic clock of its own rate and a wall clock that
 * may jump.
 *
 *   world.c    the order of events, the way from the first one to the verdict
 *   node.c     one process: turns cut into single effects, between any two of which it may stop
 *   network.c  packets and links
 *   faults.c   which misfortune when; healing
 *   damage.c   what befalls the files of a process that is down, or of one that runs
 *   members.c  the operator: adds, removes and replaces nodes
 *   clients.c  what clients ask, and the history of what they were told; beside it two more
 *              workloads: appending.c, transactions over several lists, and publishing.c
 *   checks.c   what must hold after each step
 *
 * Nothing here knows which bug is planted. */
#pragma once

#include "base/random.h"
#include "resp/parse_reply.h"
#include "src/replica/replica.h"
#include "tests/simulator/disk.h"
#include "tests/simulator/history.h"

enum { NODES_MAX = RAFT_NODES_MAX, MEMBERS_MIN = 1, MEMBERS_MAX = 6, CLIENTS_MAX = 12 };

/* The kinds of faults; a seed has a random subset of them. */
#define FAULTS(X)                                                                                  \
    X(delays)                                                                                      \
    X(drops)                                                                                       \
    X(duplicates)                                                                                  \
    X(reorderings)                                                                                 \
    X(partitions)                                                                                  \
    X(one_way_cuts)                                                                                \
    X(replays)                                                                                     \
    X(mangled_packets)                                                                             \
    X(misdirections)                                                                               \
    X(link_resets)                                                                                 \
    X(slow_disks)                                                                                  \
    X(kills)                                                                                       \
    X(power_losses)                                                                                \
    X(blackouts)                                                                                   \
    X(clean_stops)                                                                                 \
    X(pauses)                                                                                      \
    X(busy_spells)                                                                                 \
    X(clock_jumps)                                                                                 \
    X(clock_drifts)                                                                                \
    X(disk_errors)                                                                                 \
    X(full_disks)                                                                                  \
    X(bit_flips)                                                                                   \
    X(truncations)                                                                                 \
    X(lost_names)                                                                                  \
    X(misplaced_writes)                                                                            \
    X(decays)                                                                                      \
    X(disconnections)                                                                              \
    X(members)                                                                                     \
    X(sieges)
#define FAULT_ENUMERATOR(name) FAULT_##name,
enum fault { FAULTS(FAULT_ENUMERATOR) FAULT_COUNT };
#undef FAULT_ENUMERATOR

/* What stays with one node although all else is mended: those that are well have to serve all the
 * same. */
#define AILMENTS(X) X(none) X(dead) X(flaps) X(deaf) X(mute) X(slow_disk) X(full_disk)
#define AILMENT_ENUMERATOR(name) AILMENT_##name,
enum ailment { AILMENTS(AILMENT_ENUMERATOR) AILMENT_COUNT };
#undef AILMENT_ENUMERATOR

/* What a run, or many, have met. */
#define FIGURES(X)                                                                                 \
    X(steps)                                                                                       \
    X(virtual_us)                                                                                  \
    X(packets)                                                                                     \
    X(elections)                                                                                   \
    X(operations)                                                                                  \
    X(acknowledged)                                                                                \
    X(acknowledged_writes)                                                                         \
    X(groups)                                                                                      \
    X(unknown)                                                                                     \
    X(not_executed)                                                                                \
    X(batches_resent)                                                                              \
    X(batches_duplicate)                                                                           \
    X(batches_given_up)                                                                            \
    X(batches_revoked)                                                                             \
    X(reads_lease)                                                                                 \
    X(reads_index)                                                                                 \
    X(reads_in_batch)                                                                              \
    X(ticks_proposed)                                                                              \
    X(operators_asked)                                                                             \
    X(verifications)                                                                               \
    X(busy_heard)                                                                                  \
    X(calm_seeds)                                                                                  \
    X(nodes_added)                                                                                 \
    X(nodes_replaced)                                                                              \
    X(nodes_removed)                                                                               \
    X(snapshots_begun)                                                                             \
    X(snapshots_made)                                                                              \
    X(snapshots_failed)                                                                            \
    X(snapshots_loaded)                                                                            \
    X(snapshots_received)                                                                          \
    X(snapshots_installed)                                                                         \
    X(snapshot_parts_sent)                                                                         \
    X(snapshot_parts_resumed)                                                                      \
    X(log_cuts)                                                                                    \
    X(objects_checked)                                                                             \
    X(configurations)                                                                              \
    X(undecided)                                                                                   \
    X(digests_compared)                                                                            \
    X(lost_sectors)                                                                                \
    X(transactions)                                                                                \
    X(messages_published)                                                                          \
    X(messages_heard)                                                                              \
    X(repairs)                                                                                     \
    X(votes_lost_together)                                                                         \
    X(packets_refused)                                                                             \
    X(packets_harmless)
struct figures {
#define FIGURE(name) uint64_t name;
    FIGURES(FIGURE)
#undef FIGURE
    uint64_t faults[FAULT_COUNT];
    uint64_t ailments[AILMENT_COUNT];
};

struct world_options {
    uint64_t seed;
    uint32_t nodes;                         /* 0: the seed decides */
    uint32_t planted_raft, planted_replica; /* for the replicas only */
    bool trace;                             /* a line an event on standard output */
};

/* One run's outcome; plain memory, so that it can be shared between processes. */
struct world_result {
    bool finished, violated;
    char violation[512];
    uint64_t trace_hash;
    struct figures figures;
    /* The longest that it took until all that were well served again, and in per cent of the
     * election time-out. */
    uint64_t recovery_us, recovery_percent;
};

void world_run(const struct world_options *options, struct world_result *result);

/* --- the parts, for each other -------------------------------------------------------------- */

enum event_kind {
    EVENT_PACKET,        /* to, from, chunk */
    EVENT_LINK,          /* to: the node that is told; from: the peer; value: 1 up, 0 down */
    EVENT_TO_NODE,       /* connection, chunk; NULL: the client has closed */
    EVENT_TO_CLIENT,     /* connection, chunk; NULL: the node has closed */
    EVENT_CLIENT,        /* to: a client's next act */
    EVENT_START,         /* to: a node's process */
    EVENT_FAULT,         /* the next misfortune; value: 1 if another one is not to be planned */
    EVENT_FLAP,          /* a link of the ailing node's comes or goes; to: its peer */
    EVENT_FAULT_IS_OVER, /* value: which; to, from: whose */
    EVENT_SIEGE,         /* the next act of one; value: which; to: the leader; from: its rival */
    EVENT_WATCHDOG,      /* to: whose looks at its loop; value: the boot it belongs to */
    EVENT_OPERATOR,      /* looks after members */
};

struct event {
    uint64_t at_us, order;
    enum event_kind kind;
    uint32_t to, from;
    uint64_t value; /* of a packet: its sender's uuid; 0: not told */
    struct connection *connection;
    struct chunk *chunk;
    bool is_hostile; /* of a packet: the sender never sent it so; it may be refused */
};

struct connection {
    uint32_t id, client, node;
    bool open;                         /* at the node; false for ever once it is gone there */
    struct session *session;           /* NULL: nothing was read yet, or not open */
    struct buffer arrived;             /* sent by the client, not yet read by the node */
    bool closed_by_client;             /* the node may not have noticed yet */
    uint64_t to_node_us, to_client_us; /* when the last bytes arrive: it is in order */
};

struct inbox_item {
    uint32_t from;
    int link;            /* 1 up, 0 down, -1: a packet */
    uint64_t uuid;       /* of the sender, as its connection has proved it; 0: not told */
    struct chunk *chunk; /* of a packet */
    bool is_hostile;
};

enum phase { PHASE_IDLE, PHASE_EVENTS, PHASE_EARLY_EFFECTS, PHASE_TURN_END, PHASE_EFFECTS };
enum doom {
    DOOM_NONE,
    DOOM_PAUSE,
    DOOM_BUSY,
    DOOM_KILL,
    DOOM_POWER_LOSS,
    DOOM_BLACKOUT,
    DOOM_STOP
};
enum doom_place { DOOM_ANYWHERE, DOOM_AT_DISK, DOOM_AT_EVENT, DOOM_PLACES };

struct node {
    uint32_t id;
    bool exists;                 /* false: not yet, or not any more */
    uint64_t uuid;               /* of its directory */
    uint64_t log_retain;         /* how much of its log it keeps behind snapshots */
    struct raft_position joined; /* see raft_config */
    struct replica *replica;     /* NULL: down */
    struct simulated_disk *disk;
    struct simulated_disk_config disk_config;
    uint64_t operation; /* the last one that an operator asked of it; all up to it may be open */

    enum phase phase;
    uint32_t events_left; /* of this turn */
    uint64_t ready_us;    /* busy or paused until then */
    enum doom doom;       /* what happens after doom_in more effects */
    uint32_t doom_in;
    enum doom_place doom_place; /* which effects these are */
    uint64_t pause_us;
    uint64_t turn_began_us;           /* by the world's clock */
    bool owes_tick;                   /* the last turn was long */
    uint64_t busy_until_us;           /* inside one long turn until then */
    struct replica_presence presence; /* as of the last turn's end */
    bool stopping;                    /* was asked to end by itself */
    uint64_t handing_over_term;       /* the last in which it has told another one to campaign */
    bool damage_is_due;               /* when it is down next: this kind of it */
    enum fault damage;
    bool is_damaged;    /* its disk was hit; until it has lost nothing any more */
    uint64_t fed_index; /* of the snapshot that last came to it */
    bool vote_goes;     /* both copies of it are about to be hit */
    bool lost_vote;     /* they were; until it is written again */
    bool was_damaged;   /* at any time */
    /* What was hit while its process runs: that file, until it is gone; id 0: none. */
    char decayed_name[DISK_NAME_SIZE];
    uint64_t decayed_id;
    uint64_t submitted, taken; /* disk requests; events within a turn */

    struct inbox_item *inbox;
    size_t inbox_first, inbox_count, inbox_capacity;
    /* Bytes that were read when the process stopped, and the moment taken right afterwards. */
    struct connection *read_connection;
    size_t read_size;
    struct replica_moment read_moment;

    /* A snapshot that this process is writing, as its child would. */
    struct buffer snapshot; /* the whole file; empty: none */
    size_t snapshot_written;
    char snapshot_name[DISK_NAME_SIZE];
    struct bytes snapshot_piece; /* on its way */

    uint64_t clock_offset_us, clock_rate; /* rate: of CLOCK_RATE_ONE */
    int64_t wall_offset_ms;
    bool link_up[NODES_MAX + 1]; /* as this process sees it */
    uint64_t boots, boot_seed;

    /* checks.c */
    bool recovered; /* has been compared with what was durable when the process ended */
    uint64_t durable_index, durable_term;
    uint64_t settled_index, settled_term; /* committed and durable, when no restart was open */
    struct members members; /* in force there after the last step, or when its process ended */
    bool members_are_known; /* of this process */
    uint64_t members_index;
    uint64_t members_term; /* of the entry there */
    uint64_t checked_commit, checked_last, checked_last_term, checked_applied, led_term;
    /* clients.c: an acknowledged write that was asked for after the last healing */
    bool serves_again;
    bool is_dead; /* and stays so */
};

enum { CLOCK_RATE_ONE = 10000, SIMULATED_PROTOCOL = 3 /* of the peers */ };

struct link {
    bool cut, reorders;
    uint32_t drop_per_mille, duplicate_per_mille;
    uint64_t cut_until_us, delay_min_us, delay_max_us;
    uint64_t bulk_lost_until_us; /* of its two connections only the one for control lives */
    uint64_t last_us[2];         /* control and bulk: when the last packet arrives */
};

/* What the operator is at who changes the members: one change at a time, asked for until its
 * outcome is known. */
struct member_plan {
    bool is_open, is_busy; /* busy: never rests */
    struct replica_change change;
    uint32_t asked; /* node */
    uint64_t asked_boot, ticket;
    uint64_t next_uuid;
    uint32_t leaving;       /* nodes that it wants gone, as bits 1 << id */
    uint32_t newly_leaving; /* of those: by the change that is open */
};

struct world {
    const struct world_options *options;
    struct world_result *result;
    struct random random;
    uint64_t now_us, order;
    struct event *events; /* a binary heap */
    size_t event_count, event_capacity;

    uint32_t node_count;              /* the highest id so far */
    struct node nodes[NODES_MAX + 1]; /* by id */
    struct members founders;
    struct member_plan member_plan;
    struct link links[NODES_MAX + 1][NODES_MAX + 1];
    struct command_registry *registry;
    struct replica_config replica_config; /* what all nodes share */

    bool fault_on[FAULT_COUNT];
    uint64_t fault_gap_us;
    uint64_t lull_until_us; /* clients ask for nothing until then */
    /* Nothing happens that is a reason to elect another leader: one node that does not lead has all
     * the trouble, and whoever is busy is so for less than busy_max_us. */
    bool is_calm;
    uint32_t scapegoat; /* that node; 0: not chosen yet */
    bool healed;
    uint32_t healings;    /* how often */
    enum ailment ailment; /* of that node, while the others are well */
    uint32_t ailing;      /* 0: none */
    uint32_t looked_at;   /* the leader that should stay one */
    uint32_t damaged_max; /* at a time */
    bool is_hopeless;     /* there were once more than can be supplied */
    bool was_alone;       /* some node was once the only voter */

    struct past *past; /* network.c: packets of all times */
    struct clients *clients;
    struct appending *appending;
    struct publishing *publishing;
    struct checks *checks;
    uint64_t log_ms; /* the latest stamp of an entry that any node has ever applied */
};

/* world.c */
uint64_t world_below(struct world *world, uint64_t bound);
uint64_t world_between(struct world *world, uint64_t low, uint64_t high); /* inclusive */
bool world_chance(struct world *world, uint32_t per_mille);
/* A span at the cluster's own pace, long enough to matter and short enough to meet others: from
 * per_mille of the election timeout up to that doubled so often, each doubling as likely. */
uint64_t world_paced_us(struct world *world, uint32_t per_mille, uint32_t doublings);
void world_at(struct world *world, uint64_t at_us, struct event event);
PRINTF_LIKE(2, 3) void world_violation(struct world *world, const char *format, ...);
/* Enters an event into the trace: its numbers into the hash, its line if lines are wanted. */
PRINTF_LIKE(3, 4)
void world_trace(struct world *world, uint64_t number, const char *format, ...);

/* A node with an empty disk. */
void world_make_node(struct world *world, uint32_t id, uint64_t uuid, struct raft_position joined);
/* One that exists, by chance; or the i-th, counted round and round. */
uint32_t world_count_nodes(const struct world *world);
uint32_t world_any_node(struct world *world);
uint32_t world_nth_node(const struct world *world, uint32_t i);

/* members.c */
void members_strike(struct world *world);
void members_tend(struct world *world);
/* Nothing is under way, the nodes that exist are the members, and all of them vote. */
bool members_are_settled(const struct world *world);
/* The same, and this node knows for good: a node that has lost its vote asks those that it knows
 * for their terms, and they have to be there. */
bool members_are_settled_for(const struct world *world, const struct node *node);
/* Its origin may be closed at any time, without that those who listen on it can know. */
bool members_may_leave(const struct world *world, uint32_t node);
/* In a line: the members, and which nodes there are. */
void members_describe(const struct world *world, struct buffer *out);

/* node.c */
void node_start(struct world *world, struct node *node);
void node_kill(struct world *world, struct node *node, bool power_loss);
void world_black_out(struct world *world); /* The power is gone everywhere at once. */
uint64_t node_clock_us(const struct world *world, const struct node *node); /* its monotonic one */
/* The present, by both its clocks. */
struct replica_moment node_moment(const struct world *world, const struct node *node);
/* When the node has something to do; UINT64_MAX: it waits for others. */
uint64_t node_due_us(struct world *world, const struct node *node);
/* Its watchdog speaks, if the loop is inside a long turn (SAFETY 16). */
void node_watchdog(struct world *world, const struct event *event);
/* Its next effects, until the end of a turn or until it stops. */
void node_run(struct world *world, struct node *node);
void node_put(struct node *node, struct inbox_item item);
void node_clear(struct world *world, struct node *node);
uint32_t world_leader(const struct world *world); /* of the highest term; 0: none */

/* network.c */
void network_calm(struct world *world); /* every link as it is without faults */
void network_send(struct world *world, uint32_t from, struct replica_packet *packet);
/* One of the past comes once more, whole or mangled, or goes where it was not sent. */
void network_strike(struct world *world, enum fault fault);
void network_clear(struct world *world);
void network_packet_arrives(struct world *world, struct event *event);
/* Tells `to` about its link to `from`, if that is still true by then. */
void network_link_changes(struct world *world, const struct event *event);
void network_calm_node(struct world *world, uint32_t id); /* its links to all others */
void network_node_started(struct world *world, uint32_t id);
void network_node_stopped(struct world *world, uint32_t id);

/* faults.c */
void faults_choose(struct world *world);
void faults_next(struct world *world, const struct event *event);
void faults_end(struct world *world, const struct event *event);
/* Ends all faults; but for what ails one node, if `leaves_one`. */
void faults_heal(struct world *world, bool leaves_one);
/* One node of a cluster that is well falls ill. */
void faults_fall_ill(struct world *world);
void faults_flap(struct world *world, const struct event *event);
/* There is a new leader, or a leader begins a change of the members: trouble likes such moments. */
void faults_when_power_changes(struct world *world);
/* Some parts of a snapshot have come to this node: likewise. */
void faults_when_fed(struct world *world, struct node *node);
/* This node has begun, as the leader, to change the voters; nobody has heard of it: likewise. */
void faults_when_voters_change(struct world *world, const struct node *leader);
void faults_siege(struct world *world, const struct event *event);

/* damage.c */
/* Plans it for the node's next end, if so many may be damaged. */
bool damage_plan(struct world *world, struct node *node, enum fault fault);
/* A bit flips in a file of a node that runs, if so many may be damaged. */
void damage_decay(struct world *world, struct node *node);
void damage_strike(struct world *world, struct node *node); /* The node is down now. */
uint32_t damage_count(const struct world *world);           /* nodes that are, or are about to be */
bool damage_of_votes(const struct world *world); /* some node has lost its vote, or is about to */
/* Some node has lost something, be it the vote alone, or is about to. */
bool damage_is_open(const struct world *world);
void damage_note_repair(struct world *world, struct node *node);
/* It runs, and neither votes nor leads until what it has lost is there again. */
bool damage_is_mute(const struct node *node);

/* clients.c */
struct clients *clients_create(struct world *world);
void clients_destroy(struct clients *clients);
void clients_act(struct world *world, uint32_t client);
void clients_bytes_at_node(struct world *world, struct event *event);
void clients_bytes_at_client(struct world *world, struct event *event);
/* A connection of this node with something to read, or NULL. */
struct connection *clients_readable(struct world *world, uint32_t node);
void clients_output(struct world *world, struct session *session);
/* Where a client is, or goes next. */
uint32_t clients_node_of(const struct world *world, uint32_t client);
/* The node has closed it. */
void clients_forget(struct world *world, struct connection *connection);
void clients_node_stopped(struct world *world, uint32_t node);
void clients_disconnect_one(struct world *world);
/* From now on every node has clients. */
void clients_spread(struct world *world);
void clients_stop(struct world *world); /* They finish what they have begun. */
bool clients_are_done(const struct world *world);
/* Asks every node for every object; then clients_are_done() again. */
void clients_ask_all(struct world *world);
void clients_judge(struct world *world); /* The verdict on the history. */
/* The history's time, which goes on with each call. */
uint64_t clients_moment(struct world *world);

/* appending.c: transactions are known by a number */
void appending_create(struct world *world);
void appending_destroy(struct world *world);
bool appending_is_wanted(struct world *world); /* now, by chance */
/* Writes a transaction of *count commands between MULTI and EXEC. */
uint64_t appending_ask(struct world *world, const struct connection *connection, struct buffer *out,
                       uint32_t *count);
/* The answer to its EXEC; false: that answers nothing like it. */
bool appending_take(struct world *world, uint64_t transaction, const struct reply_value *value);
/* All lists of generation `number` at one moment. */
uint64_t appending_ask_all(struct world *world, const struct connection *connection,
                           struct buffer *out, uint32_t number, uint32_t *count);
uint32_t appending_generations(const struct world *world);
void appending_judge(struct world *world);

/* publishing.c: two channels; whoever listens does nothing else on its connection */
void publishing_create(struct world *world);
void publishing_destroy(struct world *world);
bool publishing_is_wanted(struct world *world); /* now, by chance */
bool publishing_has_listeners(const struct world *world);
uint64_t publishing_ask(struct world *world, const struct connection *connection,
                        struct buffer *out);
bool publishing_take(struct world *world, uint64_t message, const struct reply_value *value);
/* From now on this node may cease to be a member. */
void publishing_node_leaves(struct world *world, uint32_t node);
/* What a listener does next: it subscribes, and now and then it leaves. */
void publishing_listen(struct world *world, uint32_t client, struct buffer *out);
/* Something that a listener was sent; false: it is nothing for one. */
bool publishing_hear(struct world *world, uint32_t client, const struct reply_value *value);
/* The node's end of its connection is gone; it learns of that, behind what was on its way. */
void publishing_connection_ends(struct world *world, uint32_t client);
void publishing_client_lost(struct world *world, uint32_t client);
void publishing_judge(struct world *world);

/* checks.c */
struct checks *checks_create(void);
void checks_destroy(struct checks *checks);
void checks_node(struct world *world, struct node *node);
void checks_node_started(struct node *node);
void checks_node_stops(struct node *node); /* The process ends, whatever the reason. */
void checks_vote(struct world *world, const struct raft_message *message); /* as it is sent */
/* All nodes run, and have applied the same and the same state. */
bool checks_converged(struct world *world);
