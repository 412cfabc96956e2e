/* replica_box.c: drives replicas as the server does: events, then the end of the turn, then effects
 * until nothing is left. */
#include "tests/unit/replica_box.h"

#include <stdio.h>

#include "base/memory.h"

struct replica_moment replica_box_moment(const struct replica_box *box, uint32_t node) {
    uint64_t wall_ms = box->wall_ms + box->now_us / 1000 + (uint64_t)box->ahead_ms[node];
    return (struct replica_moment){box->now_us, wall_ms};
}

struct member replica_box_member(const struct replica_box *box, uint32_t node) {
    struct member member = {.id = node, .port = 7000 + node, .host = "box"};
    memcpy(member.uuid, &box->uuids[node], sizeof(box->uuids[node]));
    return member;
}

static void create_disk(struct replica_box *box, uint32_t node) {
    struct simulated_disk_config disk = {.seed = node, .delay_min_us = 100, .delay_max_us = 400};
    box->disks[node] = simulated_disk_create(&disk);
}

void replica_box_init(struct replica_box *box, uint32_t count) {
    *box = (struct replica_box){.count = count,
                                .now_us = 1000 * 1000,
                                .wall_ms = 1700000000000,
                                .registry = command_registry_create()};
    storages_register(box->registry);
    command_registry_add(box->registry, replica_family());
    for (uint32_t node = 1; node <= BOX_NODES_MAX; node++)
        box->uuids[node] = 1000 + node;
    for (uint32_t node = 1; node <= count; node++) {
        struct member member = replica_box_member(box, node);
        member.flags = MEMBER_VOTER;
        CHECK(members_put(&box->founders, &member));
    }
    for (uint32_t node = 1; node <= count; node++)
        create_disk(box, node);
}

void replica_box_boot_all(struct replica_box *box) {
    for (uint32_t node = 1; node <= box->count; node++)
        replica_box_boot(box, node);
}

uint32_t replica_box_start(struct replica_box *box) {
    replica_box_boot_all(box);
    CHECK(replica_box_settle(box));
    return replica_box_leader(box);
}

uint32_t replica_box_begin(struct replica_box *box, uint32_t count) {
    replica_box_init(box, count);
    return replica_box_start(box);
}

void replica_box_boot(struct replica_box *box, uint32_t node) {
    struct replica_config config;
    replica_config_defaults(&config);
    config.raft.id = node;
    config.raft.members = &box->founders;
    config.raft.joined_index = box->joined[node].index;
    config.raft.joined_term = box->joined[node].term;
    config.sync = box->sync;
    config.raft.seed = config.seed = ++box->boots;
    config.nonce = box->boots;
    config.hash_seed = random_mix(box->boots);
    config.node_uuid[0] = box->uuids[node];
    config.registry = box->registry;
    config.planted = box->planted;
    config.turn_is_long = box->turn_is_long;
    if (box->inflight_bytes_max != 0) config.inflight_bytes_max = box->inflight_bytes_max;
    if (box->segment_size != 0) {
        config.journal_segment_size = config.journal_segment_size_max = box->segment_size;
        config.snapshot.log_retain = 0;
    }
    if (box->part_size != 0) config.snapshot_part_size = box->part_size;
    config.awaits_snapshot = box->awaits_snapshot;
    if (box->configure != NULL) box->configure(&config);
    box->replicas[node] = replica_create(&config, replica_box_moment(box, node));
    for (uint32_t peer = 1; peer <= box->count; peer++) {
        if (peer == node) continue;
        replica_peer_speaks(box->replicas[node], peer, BOX_PROTOCOL);
        replica_peer_link(box->replicas[node], peer, true, replica_box_moment(box, node));
        if (box->replicas[peer] == NULL) continue;
        replica_peer_link(box->replicas[peer], node, false, replica_box_moment(box, peer));
        replica_peer_speaks(box->replicas[peer], node, BOX_PROTOCOL);
        replica_peer_link(box->replicas[peer], node, true, replica_box_moment(box, peer));
    }
}

void replica_box_join(struct replica_box *box, uint32_t node, uint32_t seen_by) {
    CHECK(node <= BOX_NODES_MAX && box->replicas[node] == NULL);
    if (node > box->count) box->count = node;
    simulated_disk_destroy(box->disks[node]);
    create_disk(box, node);
    const struct raft *raft = replica_raft(box->replicas[seen_by]);
    CHECK(raft_members_are_committed(raft));
    box->joined[node] = (struct raft_position){.index = raft_members_index(raft),
                                               .term = raft_term_at(raft, raft_commit_index(raft))};
    replica_box_boot(box, node);
}

struct replica_change_status replica_box_change(struct replica_box *box, uint32_t node,
                                                const struct replica_change *change) {
    uint64_t ticket =
        replica_change_members(box->replicas[node], change, replica_box_moment(box, node));
    return replica_box_await_change(box, node, ticket);
}

struct replica_change_status replica_box_await_change(struct replica_box *box, uint32_t node,
                                                      uint64_t ticket) {
    struct replica_change_status status = {0};
    for (int i = 0; i < 4000; i++) {
        status = replica_change_status(box->replicas[node], ticket);
        if (status.state != REPLICA_CHANGE_OPEN) break;
        replica_box_run(box, 10 * 1000);
    }
    return status;
}

void replica_box_kill(struct replica_box *box, uint32_t node) {
    simulated_disk_power_loss(box->disks[node]);
    replica_destroy(box->replicas[node]);
    box->replicas[node] = NULL;
}

void replica_box_clear(struct replica_box *box) {
    for (uint32_t node = 1; node <= BOX_NODES_MAX; node++) {
        replica_destroy(box->replicas[node]);
        simulated_disk_destroy(box->disks[node]);
    }
    command_registry_destroy(box->registry);
}

void replica_box_deliver(struct replica_box *box, uint32_t from, struct replica_packet *packet) {
    /* A member that the box does not have is down. */
    struct replica *to = packet->to <= BOX_NODES_MAX ? box->replicas[packet->to] : NULL;
    if (to != NULL && !box->cut[from] && !box->cut[packet->to]) {
        struct chunk *chunk = chunk_create(packet->size);
        memcpy(chunk->data, packet->head.data, packet->head.size);
        size_t at = packet->head.size;
        for (uint32_t i = 0; i < packet->span_count; i++) {
            memcpy(chunk->data + at, packet->spans[i].data, packet->spans[i].size);
            at += packet->spans[i].size;
        }
        CHECK(at == packet->size);
        chunk->used = at;
        enum error error = replica_peer_packet(to, from, bytes_of(chunk->data, at), chunk,
                                               replica_box_moment(box, packet->to));
        CHECK(error == ERROR_NONE);
        chunk_release(chunk);
    }
    replica_packet_destroy(packet);
}

static void end_turn(struct replica_box *box, uint32_t node) {
    struct replica *replica = node <= BOX_NODES_MAX ? box->replicas[node] : NULL;
    if (replica != NULL) replica_turn_end(replica, replica_box_moment(box, node));
}

/* One node's effects; true if there were any. */
static bool carry_out(struct replica_box *box, uint32_t node) {
    struct replica *replica = box->replicas[node];
    bool any = false;
    const struct disk_request *request;
    while ((request = replica_next_disk(replica)) != NULL) {
        simulated_disk_submit(box->disks[node], request, box->now_us);
        any = true;
    }
    struct replica_packet *packet;
    while ((packet = replica_next_packet(replica)) != NULL) {
        uint32_t to = packet->to;
        replica_box_deliver(box, node, packet);
        end_turn(box, to);
        any = true;
    }
    struct session *session;
    while ((session = replica_next_dirty(replica)) != NULL) {
        struct box_client *client = session->owner;
        buffer_append_bytes(&client->replies, buffer_bytes(&session->output));
        session->output.size = 0;
        any = true;
    }
    struct disk_completion completion;
    while (simulated_disk_poll(box->disks[node], box->now_us, &completion)) {
        replica_disk_completed(replica, &completion, replica_box_moment(box, node));
        any = true;
    }
    if (replica_verify_is_due(replica)) {
        replica_verify_begin(replica);
        replica_verify_done(replica, ERROR_NONE, replica_full_digest(replica),
                            replica_box_moment(box, node));
        any = true;
    }
    if (replica_deadline_us(replica) <= box->now_us) {
        replica_tick(replica, replica_box_moment(box, node));
        replica_turn_end(replica, replica_box_moment(box, node));
    }
    replica_check(replica);
    return any;
}

static void go_round(struct replica_box *box) {
    bool any = true;
    while (any) {
        any = false;
        for (uint32_t node = 1; node <= box->count; node++) {
            if (box->replicas[node] != NULL) any |= carry_out(box, node);
        }
    }
}

void replica_box_run(struct replica_box *box, uint64_t us) {
    uint64_t end = box->now_us + us;
    go_round(box);
    while (box->now_us < end) {
        uint64_t next = end;
        for (uint32_t node = 1; node <= box->count; node++) {
            if (box->replicas[node] == NULL) continue;
            uint64_t deadline = replica_deadline_us(box->replicas[node]);
            uint64_t disk = simulated_disk_deadline_us(box->disks[node]);
            if (disk < deadline) deadline = disk;
            if (deadline < next) next = deadline;
        }
        box->now_us = next > box->now_us ? next : box->now_us + 1;
        go_round(box);
    }
}

uint32_t replica_box_leader(const struct replica_box *box) {
    for (uint32_t node = 1; node <= box->count; node++) {
        struct replica *replica = box->replicas[node];
        if (replica == NULL || box->cut[node] || replica_raft(replica) == NULL) continue;
        if (raft_role(replica_raft(replica)) == RAFT_LEADER) return node;
    }
    return 0;
}

bool replica_box_settle(struct replica_box *box) {
    for (int i = 0; i < 1000; i++) {
        bool settled = replica_box_leader(box) != 0;
        for (uint32_t node = 1; node <= box->count; node++) {
            struct replica *replica = box->replicas[node];
            if (replica != NULL && !box->cut[node]) settled &= replica_serves(replica);
        }
        if (settled) return true;
        replica_box_run(box, 10 * 1000);
    }
    return false;
}

void replica_box_write_snapshot(struct replica_box *box, uint32_t node, char name[DISK_NAME_SIZE],
                                enum error error) {
    struct replica *replica = box->replicas[node];
    struct snapshot_options options = {.redis_version = BYTES("7.0.15"), .compress = true};
    struct snapshot_writer *writer = replica_snapshot_begin(replica, &options, name);
    struct buffer file = {0};
    while (!snapshot_writer_next(writer, &file, 1000)) {
    }
    snapshot_writer_destroy(writer);
    simulated_disk_put(box->disks[node], name, 0, buffer_bytes(&file));
    replica_snapshot_written(replica, error, file.size, replica_box_moment(box, node));
    buffer_clear(&file);
}

bool replica_box_snapshot(struct replica_box *box, uint32_t node) {
    char name[DISK_NAME_SIZE];
    uint64_t made = replica_snapshot_status(box->replicas[node]).made;
    replica_box_write_snapshot(box, node, name, ERROR_NONE);
    for (int i = 0; i < 200; i++) {
        if (replica_snapshot_status(box->replicas[node]).made > made) return true;
        replica_box_run(box, 10 * 1000);
    }
    return false;
}

struct box_client *replica_box_client(struct replica_box *box, uint32_t node) {
    struct box_client *client = memory_allocate_zeroed(sizeof(*client));
    client->node = node;
    client->session =
        replica_client_open(box->replicas[node], client, replica_box_moment(box, node));
    return client;
}

void box_client_close(struct replica_box *box, struct box_client *client) {
    if (box->replicas[client->node] != NULL) {
        replica_client_close(box->replicas[client->node], client->session);
        replica_turn_end(box->replicas[client->node], replica_box_moment(box, client->node));
    }
    buffer_clear(&client->replies);
    memory_release(client);
}

void box_client_send(struct replica_box *box, struct box_client *client, const char *text) {
    size_t size = strlen(text), room = size;
    char *at = session_input_room(client->session, &room);
    memcpy(at, text, size);
    replica_client_received(box->replicas[client->node], client->session, size,
                            replica_box_moment(box, client->node));
    replica_turn_end(box->replicas[client->node], replica_box_moment(box, client->node));
}

bool box_client_expect(struct replica_box *box, struct box_client *client, const char *expected) {
    size_t size = strlen(expected);
    for (int i = 0; i < 200 && client->replies.size < size; i++)
        replica_box_run(box, 10 * 1000);
    bool equal = bytes_equal(buffer_bytes(&client->replies), bytes_of_text(expected));
    if (!equal) {
        fprintf(stderr, "expected %s\ngot      %.*s\n", expected, (int)client->replies.size,
                client->replies.data);
    }
    client->replies.size = 0;
    return equal;
}
