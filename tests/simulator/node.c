/* node.c: a process as the server's loop would run it, in single effects: an event taken in, the
 * turn's end, a disk request handed over, a packet, a client's replies. Between any two of them it
 * may be held up or die. */
#include "base/hash.h"
#include "base/memory.h"
#include "tests/simulator/world.h"

/* Of disk requests: the replica's own are in front of it. */
static const uint64_t DRIVERS_REQUEST = 3ull << 62;

/* --- clocks --------------------------------------------------------------------------------- */

static uint64_t clock_of(const struct node *node, uint64_t world_us) {
    return node->clock_offset_us + world_us * node->clock_rate / CLOCK_RATE_ONE;
}

/* The first moment of the world at which the node's clock shows `us`. */
static uint64_t world_time_of(const struct node *node, uint64_t us) {
    if (us == UINT64_MAX) return UINT64_MAX;
    if (us <= node->clock_offset_us) return 0;
    return ((us - node->clock_offset_us) * CLOCK_RATE_ONE + node->clock_rate - 1) /
           node->clock_rate;
}

struct replica_moment node_moment(const struct world *world, const struct node *node) {
    int64_t wall_ms = 1700000000000 + (int64_t)(world->now_us / 1000) + node->wall_offset_ms;
    return (struct replica_moment){clock_of(node, world->now_us), (uint64_t)wall_ms};
}

uint64_t node_clock_us(const struct world *world, const struct node *node) {
    return clock_of(node, world->now_us);
}

/* --- life ----------------------------------------------------------------------------------- */

void node_start(struct world *world, struct node *node) {
    if (node->replica != NULL || node->is_dead || !node->exists) return;
    struct replica_config config = world->replica_config;
    config.raft.id = node->id;
    config.raft.seed = random_mix(node->boot_seed + 4 * node->boots);
    config.seed = random_mix(node->boot_seed + 4 * node->boots + 1);
    config.hash_seed = random_mix(node->boot_seed + 4 * node->boots + 2);
    config.nonce = random_mix(node->boot_seed + 4 * node->boots + 3);
    config.node_uuid[0] = node->uuid;
    config.snapshot.log_retain = node->log_retain;
    config.raft.joined_index = node->joined.index;
    config.raft.joined_term = node->joined.term;
    node->boots++;
    node->phase = PHASE_IDLE;
    node->ready_us = world->now_us;
    node->doom = DOOM_NONE;
    node->stopping = false;
    node->busy_until_us = 0;
    node->presence = (struct replica_presence){0};
    node->read_connection = NULL;
    node->replica = replica_create(&config, node_moment(world, node));
    checks_node_started(node);
    network_node_started(world, node->id);
    world_trace(world, node->id, "n%u starts", node->id);
}

static void add_statistics(struct world *world, struct node *node) {
    const struct replica_statistics *statistics = replica_statistics(node->replica);
    struct figures *figures = &world->result->figures;
    figures->elections += statistics->elections;
    figures->batches_resent += statistics->batches_resent;
    figures->batches_duplicate += statistics->batches_duplicate;
    figures->batches_given_up += statistics->batches_given_up;
    figures->batches_revoked += statistics->batches_revoked;
    figures->reads_lease += statistics->reads_lease;
    figures->reads_index += statistics->reads_index;
    figures->reads_in_batch += statistics->reads_in_batch;
    figures->ticks_proposed += statistics->ticks_proposed;
    figures->verifications += statistics->verifications;
    figures->busy_heard += statistics->busy_heard;
    figures->snapshots_received += statistics->snapshots_received;
    figures->snapshots_installed += statistics->snapshots_installed;
    figures->snapshot_parts_sent += statistics->snapshot_parts_sent;
    figures->snapshot_parts_resumed += statistics->snapshot_parts_resumed;
    figures->log_cuts += statistics->log_cuts;
    struct replica_snapshot_status snapshot = replica_snapshot_status(node->replica);
    figures->snapshots_made += snapshot.made;
    figures->snapshots_failed += snapshot.failed;
    figures->snapshots_loaded += snapshot.loaded > 0 && snapshot.loaded == snapshot.load_total;
}

static void clear_inbox(struct node *node) {
    for (size_t i = 0; i < node->inbox_count; i++)
        chunk_release(node->inbox[node->inbox_first + i].chunk);
    node->inbox_first = node->inbox_count = 0;
}

void node_kill(struct world *world, struct node *node, bool power_loss) {
    if (node->replica == NULL) return;
    world_trace(world, node->id, "n%u %s", node->id, power_loss ? "loses power" : "is killed");
    if (power_loss) {
        simulated_disk_power_loss(node->disk);
    } else {
        simulated_disk_kill(node->disk);
    }
    add_statistics(world, node);
    checks_node_stops(node);
    if (node->damage_is_due || node->vote_goes) damage_strike(world, node);
    clients_node_stopped(world, node->id);
    replica_destroy(node->replica);
    node->replica = NULL;
    node->snapshot.size = 0; /* The child goes with its parent. */
    node->decayed_id = 0;    /* Its next start finds it. */
    clear_inbox(node);
    network_node_stopped(world, node->id);
    bool is_supervised = !world->healed && world_chance(world, 250); /* started again at once */
    uint64_t away_us = world->healed   ? world_between(world, 0, 20 * 1000)
                       : is_supervised ? world_between(world, 100, 2000)
                                       : world_paced_us(world, 20, 9);
    world_at(world, world->now_us + away_us, (struct event){.kind = EVENT_START, .to = node->id});
}

void world_black_out(struct world *world) {
    for (uint32_t id = 1; id <= world->node_count; id++)
        node_kill(world, &world->nodes[id], true);
}

void node_clear(struct world *world, struct node *node) {
    if (node->replica != NULL) {
        add_statistics(world, node);
        replica_destroy(node->replica);
    }
    clear_inbox(node);
    memory_release(node->inbox);
    buffer_clear(&node->snapshot);
    if (node->disk == NULL) return;
    world->result->figures.lost_sectors += simulated_disk_figures(node->disk).lost_sectors;
    simulated_disk_destroy(node->disk);
}

uint32_t world_leader(const struct world *world) {
    uint32_t leader = 0;
    uint64_t term = 0;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        struct replica *replica = world->nodes[id].replica;
        if (replica == NULL || replica_raft(replica) == NULL) continue;
        const struct raft *raft = replica_raft(replica);
        if (raft_role(raft) != RAFT_LEADER || raft_term(raft) < term) continue;
        term = raft_term(raft);
        leader = id;
    }
    return leader;
}

/* --- events in ------------------------------------------------------------------------------ */

void node_put(struct node *node, struct inbox_item item) {
    if (node->inbox_first + node->inbox_count == node->inbox_capacity) {
        if (node->inbox_first > 0) {
            memmove(node->inbox, node->inbox + node->inbox_first, node->inbox_count * sizeof(item));
            node->inbox_first = 0;
        } else {
            node->inbox_capacity = node->inbox_capacity * 2 + 64;
            node->inbox = memory_resize(node->inbox, node->inbox_capacity * sizeof(item));
        }
    }
    node->inbox[node->inbox_first + node->inbox_count++] = item;
}

static bool tick_is_due(const struct world *world, const struct node *node) {
    return replica_deadline_us(node->replica) <= clock_of(node, world->now_us);
}

static bool disk_is_due(const struct world *world, const struct node *node) {
    return simulated_disk_deadline_us(node->disk) <= world->now_us;
}

/* Its id is a later node's by now: the connection has been closed (peers.c). */
static bool is_strangers(const struct node *node, const struct inbox_item *item) {
    const struct raft *raft = replica_raft(node->replica);
    if (raft == NULL || item->uuid == 0) return false;
    const struct member *member = members_find(raft_members(raft), item->from);
    uint64_t uuid = 0;
    if (member != NULL) memcpy(&uuid, member->uuid, sizeof(uuid));
    return uuid > item->uuid; /* They are given out in order. */
}

static void take_inbox(struct world *world, struct node *node) {
    struct inbox_item item = node->inbox[node->inbox_first++];
    node->inbox_count--;
    if (item.link >= 0) {
        if (item.link == 1) replica_peer_speaks(node->replica, item.from, SIMULATED_PROTOCOL);
        replica_peer_link(node->replica, item.from, item.link == 1, node_moment(world, node));
        return;
    }
    if (is_strangers(node, &item)) {
        chunk_release(item.chunk);
        return;
    }
    struct bytes packet = bytes_of(item.chunk->data, item.chunk->used);
    world_trace(world, hash_bytes(packet, node->id), "n%u takes a packet of n%u", node->id,
                item.from);
    enum error error =
        replica_peer_packet(node->replica, item.from, packet, item.chunk, node_moment(world, node));
    if (item.is_hostile) {
        world->result->figures.packets_refused += error != ERROR_NONE;
        world->result->figures.packets_harmless += error == ERROR_NONE;
    } else if (error != ERROR_NONE) {
        world_violation(world, "n%u refuses a packet of n%u: %s", node->id, item.from,
                        error_text(error));
    }
    chunk_release(item.chunk);
}

/* Bytes are read first, then the clock: between the two the process may already be stopped. */
static void read_client(struct world *world, struct node *node, struct connection *connection) {
    if (connection->closed_by_client && connection->arrived.size == 0) {
        world_trace(world, connection->id, "n%u: client %u is gone", node->id, connection->client);
        if (connection->session != NULL) replica_client_close(node->replica, connection->session);
        clients_forget(world, connection);
        return;
    }
    if (connection->session == NULL) {
        connection->session =
            replica_client_open(node->replica, connection, node_moment(world, node));
    }
    size_t size = connection->arrived.size;
    if (size > 1 && world_chance(world, 100)) size = world_between(world, 1, size);
    size_t room = size;
    char *at = session_input_room(connection->session, &room);
    memcpy(at, connection->arrived.data, size);
    buffer_consume(&connection->arrived, size);
    node->read_connection = connection;
    node->read_size = size;
    node->read_moment = node_moment(world, node);
}

static void hand_over_read(struct world *world, struct node *node) {
    struct connection *connection = node->read_connection;
    node->read_connection = NULL;
    world_trace(world, node->read_size, "n%u reads %zu bytes of client %u", node->id,
                node->read_size, connection->client);
    replica_client_received(node->replica, connection->session, node->read_size, node->read_moment);
}

/* The snapshot's file grows by a piece, as long or short as a write may be; the last is synced. */
static void write_snapshot(struct world *world, struct node *node) {
    size_t size = world_between(world, 1, 1 + node->snapshot.size / 2);
    node->snapshot_piece = bytes_slice(buffer_bytes(&node->snapshot), node->snapshot_written, size);
    struct disk_request request = {.number = DRIVERS_REQUEST,
                                   .call = DISK_WRITE,
                                   .sync = node->snapshot_written + node->snapshot_piece.size ==
                                           node->snapshot.size,
                                   .offset = node->snapshot_written,
                                   .spans = &node->snapshot_piece,
                                   .span_count = 1};
    memcpy(request.name, node->snapshot_name, sizeof(request.name));
    simulated_disk_submit(node->disk, &request, world->now_us);
    node->submitted++;
}

static void note_snapshot_written(struct world *world, struct node *node, enum error error) {
    node->snapshot_written += node->snapshot_piece.size;
    if (error == ERROR_NONE && node->snapshot_written < node->snapshot.size) {
        write_snapshot(world, node);
        return;
    }
    uint64_t size = node->snapshot.size;
    node->snapshot.size = 0;
    replica_snapshot_written(node->replica, error, size, node_moment(world, node));
}

static void take_disk(struct world *world, struct node *node) {
    struct disk_completion completion;
    if (!simulated_disk_poll(node->disk, world->now_us, &completion)) return;
    if (completion.number == DRIVERS_REQUEST) {
        world_trace(world, completion.number, "n%u: a piece of the snapshot is written: %s",
                    node->id, error_text(completion.error));
        note_snapshot_written(world, node, completion.error);
        return;
    }
    world_trace(world, completion.number, "n%u: disk request %llu is done%s%s", node->id,
                (unsigned long long)completion.number, completion.error == ERROR_NONE ? "" : ": ",
                completion.error == ERROR_NONE ? "" : error_text(completion.error));
    replica_disk_completed(node->replica, &completion, node_moment(world, node));
}

/* The driver does not believe timers that come late in their turn: the next one begins with what
 * the others have said meanwhile (SAFETY 16). */
static bool turn_is_long(const struct world *world, const struct node *node) {
    return world->now_us - node->turn_began_us >= world->replica_config.raft.heartbeat_us;
}

/* One event of those that are there; the timers come last, but for a while they may come first.
 * False: there is none. */
static bool take_event(struct world *world, struct node *node) {
    if (node->read_connection != NULL) {
        hand_over_read(world, node);
        return true;
    }
    struct connection *connection = clients_readable(world, node->id);
    bool disk = disk_is_due(world, node), packet = node->inbox_count > 0;
    bool tick = tick_is_due(world, node) && !turn_is_long(world, node);
    if (packet && node->owes_tick) tick = false;
    if (!packet) node->owes_tick = false;
    uint32_t kinds = (connection != NULL) + disk + packet;
    if (kinds == 0 || (tick && world_chance(world, 150))) {
        if (!tick) return false;
        world_trace(world, node->id, "n%u: timers", node->id);
        replica_tick(node->replica, node_moment(world, node));
        node->events_left = 1;
        return true;
    }
    uint32_t chosen = (uint32_t)world_below(world, kinds);
    if (connection != NULL && chosen-- == 0) {
        read_client(world, node, connection);
        if (node->read_connection != NULL) node->events_left++; /* the other half of this one */
    } else if (disk && chosen-- == 0) {
        take_disk(world, node);
    } else {
        take_inbox(world, node);
    }
    return true;
}

/* --- effects out ---------------------------------------------------------------------------- */

static bool submit(struct world *world, struct node *node) {
    const struct disk_request *request = replica_next_disk(node->replica);
    if (request == NULL) return false;
    world_trace(world, request->number ^ (uint64_t)request->call << 60,
                "n%u: disk request %llu: %s at %llu", node->id, (unsigned long long)request->number,
                request->name, (unsigned long long)request->offset);
    simulated_disk_submit(node->disk, request, world->now_us);
    node->submitted++;
    return true;
}

static bool send_packet(struct world *world, struct node *node) {
    struct replica_packet *packet = replica_next_packet(node->replica);
    if (packet == NULL) return false;
    network_send(world, node->id, packet);
    return true;
}

static bool write_output(struct world *world, struct node *node) {
    struct session *session = replica_next_dirty(node->replica);
    if (session == NULL) return false;
    clients_output(world, session);
    replica_client_sent(node->replica, session, node_moment(world, node));
    if (session_may_end(session)) {
        struct connection *connection = session->owner;
        world_at(world, connection->to_client_us,
                 (struct event){.kind = EVENT_TO_CLIENT, .connection = connection});
        replica_client_close(node->replica, session);
        clients_forget(world, connection);
    }
    return true;
}

/* What the child sees is the state at one moment; its bytes reach the disk in its own time. */
static bool begin_snapshot(struct world *world, struct node *node) {
    if (!replica_snapshot_is_due(node->replica)) return false;
    struct snapshot_options options = {.redis_version = BYTES("7.0.15"),
                                       .compress = world_chance(world, 500)};
    struct snapshot_writer *writer =
        replica_snapshot_begin(node->replica, &options, node->snapshot_name);
    while (!snapshot_writer_next(writer, &node->snapshot, 4096)) {
    }
    snapshot_writer_destroy(writer);
    world_trace(world, node->snapshot.size, "n%u begins a snapshot of %zu bytes", node->id,
                node->snapshot.size);
    world->result->figures.snapshots_begun++;
    node->snapshot_written = 0;
    write_snapshot(world, node);
    return true;
}

/* As the forked child has it: the digest of the state at one moment; told at once. */
static bool verify(struct world *world, struct node *node) {
    if (!replica_verify_is_due(node->replica)) return false;
    replica_verify_begin(node->replica);
    uint64_t digest = replica_full_digest(node->replica);
    world_trace(world, digest, "n%u verifies its state", node->id);
    replica_verify_done(node->replica, ERROR_NONE, digest, node_moment(world, node));
    return true;
}

enum { EARLY_EFFECTS = 2, EFFECTS = 5 };

/* One of the first `count`; false if none of them has anything to do. */
static bool carry_out_one(struct world *world, struct node *node, uint32_t count) {
    static bool (*const effects[EFFECTS])(struct world *, struct node *) = {
        submit, send_packet, write_output, begin_snapshot, verify};
    uint32_t first = (uint32_t)world_below(world, count);
    for (uint32_t i = 0; i < count; i++) {
        if (effects[(first + i) % count](world, node)) return true;
    }
    return false;
}

/* What is still asked when all is well again would unseat a leader that is well, too. */
static void forget_operations(struct node *node) {
    for (; node->operation > 0; node->operation--)
        replica_operation_forget(node->replica, node->operation);
}

/* What an operator may ask of a cluster in any state, on any node; where nothing but faults is to
 * be a reason for elections, nobody does. */
static void operate(struct world *world, struct node *node) {
    if (world->healed) {
        forget_operations(node);
        return;
    }
    if (world->is_calm || !world_chance(world, 2)) return;
    if (replica_state(node->replica) != REPLICA_RUNNING) return;
    static const enum replica_operation_kind kinds[] = {REPLICA_TRANSFER, REPLICA_TRANSFER,
                                                        REPLICA_KEEP, REPLICA_VERIFY};
    struct replica_operation operation = {.kind = kinds[world_below(world, COUNT_OF(kinds))],
                                          .node =
                                              (uint32_t)world_below(world, world->node_count + 1)};
    if (operation.kind == REPLICA_TRANSFER) operation.timeout_us = world_paced_us(world, 60, 5);
    world_trace(world, (uint64_t)operation.kind, "n%u is asked for operation %d on n%u", node->id,
                operation.kind, operation.node);
    node->operation = replica_operate(node->replica, &operation);
    world->result->figures.operators_asked++;
}

/* --- running -------------------------------------------------------------------------------- */

static void step(struct world *world, struct node *node) {
    switch (node->phase) {
    case PHASE_IDLE:
        node->owes_tick |= turn_is_long(world, node);
        node->turn_began_us = world->now_us;
        operate(world, node);
        node->events_left = (uint32_t)world_between(world, 1, 16);
        node->phase = PHASE_EVENTS;
        break;
    case PHASE_EVENTS:
        if (node->events_left == 0 || !take_event(world, node)) {
            node->phase = PHASE_EARLY_EFFECTS;
        } else {
            node->events_left--;
            node->taken++;
            if (node->read_connection == NULL) checks_node(world, node);
        }
        break;
    case PHASE_EARLY_EFFECTS:
        if (!carry_out_one(world, node, EARLY_EFFECTS)) node->phase = PHASE_TURN_END;
        break;
    case PHASE_TURN_END:
        replica_turn_end(node->replica, node_moment(world, node));
        checks_node(world, node);
        node->phase = PHASE_EFFECTS;
        break;
    case PHASE_EFFECTS:
        if (carry_out_one(world, node, EFFECTS)) break;
        node->phase = PHASE_IDLE;
        node->presence = replica_presence(node->replica);
        break;
    }
}

/* A process whose log failed ends; so does one that its log refuses, which only faults excuse. */
static void notice_trouble(struct world *world, struct node *node) {
    if (replica_state(node->replica) != REPLICA_DAMAGED) return;
    world_trace(world, node->id, "n%u stops: %s", node->id, replica_trouble(node->replica));
    const uint64_t *faults = world->result->figures.faults;
    bool is_excused = faults[FAULT_disk_errors] + faults[FAULT_full_disks] > 0 ||
                      (world->ailing == node->id && world->ailment == AILMENT_full_disk);
    if (!is_excused && !world->is_hopeless) {
        world_violation(world, "n%u stops: %s", node->id, replica_trouble(node->replica));
    }
    node_kill(world, node, false);
}

/* --- long turns ----------------------------------------------------------------------------- */

static void watch_again(struct world *world, const struct node *node) {
    world_at(world, world->now_us + world->replica_config.raft.heartbeat_us,
             (struct event){.kind = EVENT_WATCHDOG, .to = node->id, .value = node->boots});
}

/* The turn that it is in takes long. */
static void become_busy(struct world *world, struct node *node) {
    world_trace(world, node->pause_us, "n%u is busy for %llu us", node->id,
                (unsigned long long)node->pause_us);
    node->ready_us = node->busy_until_us = world->now_us + node->pause_us;
    watch_again(world, node);
}

static void say_busy(struct world *world, const struct node *node, uint32_t to, uint64_t busy_us) {
    struct replica_packet *packet = memory_allocate_zeroed(sizeof(*packet));
    packet->to = to;
    replica_write_busy(&packet->head, &node->presence, to, busy_us);
    packet->size = packet->head.size;
    network_send(world, node->id, packet);
}

void node_watchdog(struct world *world, const struct event *event) {
    const struct node *node = &world->nodes[event->to];
    bool is_same = node->replica != NULL && node->boots == event->value;
    if (!is_same || world->now_us >= node->busy_until_us) return;
    uint64_t busy_us = (world->now_us - node->turn_began_us) * node->clock_rate / CLOCK_RATE_ONE;
    if (busy_us > world->replica_config.raft.busy_max_us) return;
    for (uint32_t peer = 1; peer <= world->node_count && node->presence.term > 0; peer++)
        if (peer != node->id) say_busy(world, node, peer, busy_us);
    watch_again(world, node);
}

static void meet_doom(struct world *world, struct node *node) {
    enum doom doom = node->doom;
    node->doom = DOOM_NONE;
    switch (doom) {
    case DOOM_NONE:
        break;
    case DOOM_PAUSE:
        world_trace(world, node->pause_us, "n%u stands still for %llu us", node->id,
                    (unsigned long long)node->pause_us);
        node->ready_us = world->now_us + node->pause_us;
        break;
    case DOOM_BUSY:
        become_busy(world, node);
        break;
    case DOOM_KILL:
    case DOOM_POWER_LOSS:
        node_kill(world, node, doom == DOOM_POWER_LOSS);
        break;
    case DOOM_BLACKOUT:
        world_black_out(world);
        break;
    case DOOM_STOP:
        world_trace(world, node->id, "n%u is asked to stop", node->id);
        node->stopping = true;
        replica_stop(node->replica, node_moment(world, node));
        break;
    }
}

/* Ends by itself once its log is closed, as the server does at a turn's end. */
static bool has_stopped(struct world *world, struct node *node) {
    if (!node->stopping || node->phase != PHASE_IDLE || !replica_is_stopped(node->replica))
        return false;
    node_kill(world, node, false);
    return true;
}

void node_run(struct world *world, struct node *node) {
    do {
        uint64_t submitted = node->submitted, taken = node->taken;
        step(world, node);
        world->result->figures.steps++;
        notice_trouble(world, node);
        if (node->replica == NULL || world->result->violated) return;
        bool counts = node->doom_place == DOOM_ANYWHERE ||
                      (node->doom_place == DOOM_AT_DISK && node->submitted > submitted) ||
                      (node->doom_place == DOOM_AT_EVENT && node->taken > taken);
        if (node->doom != DOOM_NONE && counts && node->doom_in-- == 0) {
            meet_doom(world, node);
            return;
        }
    } while (node->phase != PHASE_IDLE);
    if (has_stopped(world, node)) return;
    node->ready_us = world->now_us + world_between(world, 5, 40);
}

uint64_t node_due_us(struct world *world, const struct node *node) {
    if (node->replica == NULL) return UINT64_MAX;
    if (node->phase != PHASE_IDLE) return node->ready_us;
    uint64_t due_us = world_time_of(node, replica_deadline_us(node->replica));
    uint64_t disk_us = simulated_disk_deadline_us(node->disk);
    if (disk_us < due_us) due_us = disk_us;
    if (node->inbox_count > 0 || clients_readable(world, node->id) != NULL) due_us = 0;
    return due_us > node->ready_us ? due_us : node->ready_us;
}
