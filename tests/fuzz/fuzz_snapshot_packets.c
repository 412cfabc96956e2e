/* fuzz_snapshot_packets: foreign bytes as what two nodes say to each other of a snapshot (ASK,
 * PART, GONE), and as every other packet that is not the core's (fuzz_raft_message has those).
 *
 * One node of three, on a simulated disk; the others are the input. The first byte says how it
 * begins: bit 0 whether it has a snapshot that others may ask for, bit 1 whether it waits for one
 * before it may begin. Then come steps, a byte each and what belongs to it (enum step). The file
 * that the input gives is a true one, so that a fuzzer comes through to its end; a step may spoil
 * it, and may say anything at all. */
#include <stdlib.h>

#include "base/memory.h"
#include "src/replica/replica_internal.h"
#include "src/replica/snapshot_packets.h"
#include "tests/simulator/disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum step {
    STEP_PACKET,  /* kind, size, bytes: as they are */
    STEP_WANT,    /* node: the core needs that one's snapshot */
    STEP_PART,    /* what was asked for next; byte: 0, or where and how it is spoilt */
    STEP_PARTS,   /* all that is asked for, and what is asked for then: byte, at most so many */
    STEP_GONE,    /* of the file that is given */
    STEP_ASK,     /* part, size: of the file that the node has; part 255: of any */
    STEP_TIME,    /* byte: so many hundredths of a second, squared */
    STEP_RESTART, /* byte: 0, the process ends; else the power fails */
    STEPS,
};

enum { SELF = 1, NODES = 3, PART_SIZE = 64, ASKS = 64, OWN_INDEX = 5, GIVEN_INDEX = 9 };

struct world {
    struct replica *replica;
    struct simulated_disk *disk;
    struct command_registry *registry;
    struct members founders;
    bool awaits;
    uint64_t now_us, boots;
    uint64_t asks[ASKS]; /* offsets, a ring */
    uint32_t first, count;
    uint32_t asked; /* the node */
};

/* --- the files ----------------------------------------------------------------------------------
 */

static void make_founders(struct members *founders) {
    for (uint32_t id = 1; id <= NODES; id++) {
        struct member member = {.id = id, .flags = MEMBER_VOTER, .port = 7000 + id, .host = "n"};
        member.uuid[0] = (char)id;
        CHECK(members_put(founders, &member));
    }
}

/* A snapshot of some state that ends at this index. */
static void make_file(uint64_t index, struct buffer *out) {
    struct storages *storages = storages_create(1);
    for (uint64_t i = 0; i < index; i++)
        storages_mix_digest(storages, i);
    struct snapshot_head head = {.position = {.index = index, .term = 2, .hash = index}};
    head.digest = origins_digest(&head.origins, storages_rolling_digest(storages));
    make_founders(&head.members);
    struct snapshot_options options = {.redis_version = BYTES("7.0.15")};
    struct snapshot_writer *writer = snapshot_writer_create(storages, &head, &options);
    while (!snapshot_writer_next(writer, out, 1000)) {
    }
    snapshot_writer_destroy(writer);
    storages_destroy(storages);
}

static struct snapshot_file name_file(uint64_t index, const struct buffer *bytes) {
    return (struct snapshot_file){.position = {.index = index, .term = 2, .hash = index},
                                  .size = bytes->size,
                                  .check = load_u64(bytes->data + bytes->size - 8)};
}

/* --- the node -----------------------------------------------------------------------------------
 */

static struct replica_moment moment(const struct world *world) {
    return (struct replica_moment){world->now_us, 1700000000000 + world->now_us / 1000};
}

static void boot(struct world *world) {
    struct replica_config config;
    replica_config_defaults(&config);
    config.raft.id = SELF;
    config.raft.members = &world->founders;
    config.raft.seed = config.seed = config.nonce = ++world->boots;
    config.node_uuid[0] = 77;
    config.registry = world->registry;
    config.journal_segment_size = config.journal_segment_size_max = 4096;
    config.snapshot_part_size = PART_SIZE;
    config.awaits_snapshot = world->awaits;
    world->replica = replica_create(&config, moment(world));
    for (uint32_t peer = 2; peer <= NODES; peer++)
        replica_peer_link(world->replica, peer, true, moment(world));
}

static void note_packet(struct world *world, const struct replica_packet *packet) {
    const char *head = packet->head.data;
    if (head[0] != PACKET_SNAPSHOT_ASK || world->count == ASKS) return;
    world->asks[(world->first + world->count++) % ASKS] = load_u64(head + 1 + SNAPSHOT_FILE_SIZE);
    world->asked = packet->to;
}

static bool carry_out(struct world *world) {
    bool any = false;
    const struct disk_request *request;
    while ((request = replica_next_disk(world->replica)) != NULL) {
        simulated_disk_submit(world->disk, request, world->now_us);
        any = true;
    }
    struct replica_packet *packet;
    while ((packet = replica_next_packet(world->replica)) != NULL) {
        note_packet(world, packet);
        replica_packet_destroy(packet);
        any = true;
    }
    struct disk_completion completion;
    while (simulated_disk_poll(world->disk, world->now_us, &completion)) {
        replica_disk_completed(world->replica, &completion, moment(world));
        any = true;
    }
    if (replica_deadline_us(world->replica) <= world->now_us) {
        replica_tick(world->replica, moment(world));
        replica_turn_end(world->replica, moment(world));
    }
    replica_check(world->replica);
    return any;
}

static void run(struct world *world, uint64_t us) {
    uint64_t end = world->now_us + us;
    while (carry_out(world)) {
    }
    while (world->now_us < end) {
        uint64_t next = replica_deadline_us(world->replica);
        uint64_t disk = simulated_disk_deadline_us(world->disk);
        if (disk < next) next = disk;
        if (next > end) next = end;
        world->now_us = next > world->now_us ? next : world->now_us + 1;
        while (carry_out(world)) {
        }
    }
}

static void restart(struct world *world, bool power_fails) {
    if (power_fails)
        simulated_disk_power_loss(world->disk);
    else
        simulated_disk_kill(world->disk);
    replica_destroy(world->replica);
    world->count = 0;
    boot(world);
    run(world, 20 * 1000);
}

/* --- the others ---------------------------------------------------------------------------------
 */

static void give(struct world *world, uint32_t from, struct bytes packet) {
    struct chunk *chunk = chunk_create(packet.size == 0 ? 1 : packet.size);
    if (packet.size > 0) memcpy(chunk->data, packet.data, packet.size);
    chunk->used = packet.size;
    enum error error = replica_peer_packet(world->replica, from, bytes_of(chunk->data, packet.size),
                                           chunk, moment(world));
    (void)error; /* Whatever it makes of it, it goes on. */
    replica_turn_end(world->replica, moment(world));
    chunk_release(chunk);
    run(world, 1000);
}

static void give_part(struct world *world, const struct buffer *file, uint8_t spoil) {
    if (world->count == 0) return;
    uint64_t offset = world->asks[world->first];
    world->first = (world->first + 1) % ASKS;
    world->count--;
    if (offset >= file->size) return; /* It believes in another file. */
    struct snapshot_file named = name_file(GIVEN_INDEX, file);
    struct bytes part = bytes_slice(buffer_bytes(file), offset, PART_SIZE);
    struct buffer packet = {0};
    buffer_append_byte(&packet, PACKET_SNAPSHOT_PART);
    snapshot_file_put(&packet, &named);
    buffer_append_u64(&packet, offset);
    buffer_append_u64(&packet, snapshot_part_check(&named, offset, part));
    buffer_append_bytes(&packet, part);
    if (spoil != 0) packet.data[spoil % packet.size] ^= (char)spoil;
    if (spoil % 16 == 1) { /* A sender whose own file is damaged. */
        part = bytes_slice(buffer_bytes(&packet), 1 + SNAPSHOT_PART_HEAD_SIZE, SIZE_MAX);
        store_u64(packet.data + 1 + SNAPSHOT_FILE_SIZE + 8,
                  snapshot_part_check(&named, offset, part));
    }
    give(world, world->asked, buffer_bytes(&packet));
    buffer_clear(&packet);
}

static void want(struct world *world, uint8_t node) {
    struct raft_wanted wanted = {.node = 2 + node % 2, .position = {GIVEN_INDEX, 2, GIVEN_INDEX}};
    bool runs = replica_state(world->replica) == REPLICA_RUNNING;
    if (runs && replica_applied_index(world->replica) < GIVEN_INDEX)
        replica_receiver_want(world->replica, &wanted);
    run(world, 1000);
}

static void tell_gone(struct world *world, const struct buffer *file) {
    struct snapshot_file named = name_file(GIVEN_INDEX, file);
    struct buffer packet = {0};
    buffer_append_byte(&packet, PACKET_SNAPSHOT_GONE);
    snapshot_file_put(&packet, &named);
    give(world, world->asked == 0 ? 2 : world->asked, buffer_bytes(&packet));
    buffer_clear(&packet);
}

static void ask(struct world *world, uint8_t part, uint8_t size) {
    struct snapshot_file file = {0};
    if (part != 255) file = replica_snapshots_file(world->replica);
    struct buffer packet = {0};
    buffer_append_byte(&packet, PACKET_SNAPSHOT_ASK);
    snapshot_file_put(&packet, &file);
    buffer_append_u64(&packet, part == 255 ? 0 : (uint64_t)part * PART_SIZE);
    buffer_append_u32(&packet, size);
    give(world, 2, buffer_bytes(&packet));
    buffer_clear(&packet);
}

/* --- the input ----------------------------------------------------------------------------------
 */

static uint8_t take_byte(struct bytes *rest) {
    if (rest->size == 0) return 0;
    uint8_t byte = (uint8_t)rest->data[0];
    *rest = bytes_slice(*rest, 1, SIZE_MAX);
    return byte;
}

static void give_any(struct world *world, struct bytes *rest) {
    struct buffer packet = {0};
    uint8_t kind = take_byte(rest);
    size_t size = take_byte(rest);
    if (size > rest->size) size = rest->size;
    /* Not the core's own: what it is given is believed to come from a node. */
    buffer_append_byte(&packet, (char)(kind == PACKET_RAFT ? PACKET_SNAPSHOT_ASK : kind));
    buffer_append_bytes(&packet, bytes_slice(*rest, 0, size));
    *rest = bytes_slice(*rest, size, SIZE_MAX);
    give(world, 2 + kind % 2, buffer_bytes(&packet));
    buffer_clear(&packet);
}

static void take_step(struct world *world, const struct buffer *file, struct bytes *rest) {
    uint8_t argument;
    switch ((enum step)(take_byte(rest) % STEPS)) {
    case STEP_PACKET:
        give_any(world, rest);
        break;
    case STEP_WANT:
        want(world, take_byte(rest));
        break;
    case STEP_PART:
        give_part(world, file, take_byte(rest));
        break;
    case STEP_PARTS:
        argument = take_byte(rest);
        for (uint8_t i = 0; i < argument % 64 && world->count > 0; i++)
            give_part(world, file, 0);
        break;
    case STEP_GONE:
        tell_gone(world, file);
        break;
    case STEP_ASK:
        argument = take_byte(rest);
        ask(world, argument, take_byte(rest));
        break;
    case STEP_TIME:
        argument = take_byte(rest);
        run(world, (uint64_t)argument * argument * 10000);
        break;
    case STEP_RESTART:
        restart(world, take_byte(rest) != 0);
        break;
    case STEPS:
        break;
    }
}

/* The same for every input. */
static struct command_registry *registry;
static struct buffer own, given;

static void clear_once(void) {
    command_registry_destroy(registry);
    buffer_clear(&own);
    buffer_clear(&given);
}

static void make_once(void) {
    registry = command_registry_create();
    storages_register(registry);
    command_registry_add(registry, replica_family());
    make_file(OWN_INDEX, &own);
    make_file(GIVEN_INDEX, &given);
    CHECK(atexit(clear_once) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { STEPS_MAX = 60, UNTIL_US = 120 * 1000 * 1000 };
    if (registry == NULL) make_once();
    struct bytes rest = bytes_of((const char *)data, size);
    uint8_t mode = take_byte(&rest);
    struct world world = {.registry = registry,
                          .disk = simulated_disk_create(&(struct simulated_disk_config){.seed = 1}),
                          .now_us = 1000 * 1000,
                          .awaits = (mode & 2) != 0};
    make_founders(&world.founders);
    if ((mode & 1) != 0) simulated_disk_put(world.disk, SNAPSHOT_NAME, 0, buffer_bytes(&own));
    boot(&world);
    run(&world, 20 * 1000);
    for (int step = 0; step < STEPS_MAX && rest.size > 0 && world.now_us < UNTIL_US; step++)
        take_step(&world, &given, &rest);
    replica_destroy(world.replica);
    simulated_disk_destroy(world.disk);
    return 0;
}
