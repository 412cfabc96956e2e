/* world.c: one run, from the seed to the verdict. Whatever is due first happens next; equal times
 * are settled by the order of planning, nodes come after events. */
#include "tests/simulator/world.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/memory.h"

enum {
    STEPS_MAX = 6000000,
    /* How long a stage after the healing may take: some elections, and what does not hang on their
     * time-out: starts, links, clients, what is asked for once a second. */
    PATIENCE_ELECTIONS = 10,
    PATIENCE_US = 2500 * 1000,
    SMALL_MESSAGE = 2048, /* bytes: holds a few entries */
    FEEDING_US = 5000 * 1000,
    FEEDING_US_PER_ENTRY = 1000, /* by far more than one APPEND and its answer take */
    STABLE_ELECTIONS = 10,       /* how long the leader is looked at afterwards */
};

/* --- chance and trace ----------------------------------------------------------------------- */

uint64_t world_below(struct world *world, uint64_t bound) {
    return random_below(&world->random, bound);
}

uint64_t world_between(struct world *world, uint64_t low, uint64_t high) {
    return low + random_below(&world->random, high - low + 1);
}

bool world_chance(struct world *world, uint32_t per_mille) {
    return per_mille > 0 && random_below(&world->random, 1000) < per_mille;
}

uint64_t world_paced_us(struct world *world, uint32_t per_mille, uint32_t doublings) {
    uint64_t low = world->replica_config.raft.election_us * per_mille / 1000;
    uint64_t base = low << world_below(world, doublings);
    return base + world_below(world, base + 1);
}

void world_trace(struct world *world, uint64_t number, const char *format, ...) {
    uint64_t *hash = &world->result->trace_hash;
    *hash = hash_chain(hash_chain(*hash, world->now_us), number);
    if (!world->options->trace) return;
    printf("%10.6f  ", (double)world->now_us / 1e6);
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

void world_violation(struct world *world, const char *format, ...) {
    struct world_result *result = world->result;
    if (result->violated) return;
    result->violated = true;
    int size = snprintf(result->violation, sizeof(result->violation),
                        "at %.6f s: ", (double)world->now_us / 1e6);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(result->violation + size, sizeof(result->violation) - (size_t)size, format,
              arguments);
    va_end(arguments);
    if (world->options->trace) printf("VIOLATION %s\n", result->violation);
}

/* --- the heap of events --------------------------------------------------------------------- */

static bool comes_before(const struct event *a, const struct event *b) {
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void world_at(struct world *world, uint64_t at_us, struct event event) {
    if (world->event_count == world->event_capacity) {
        world->event_capacity = world->event_capacity * 2 + 256;
        world->events = memory_resize(world->events, world->event_capacity * sizeof(struct event));
    }
    event.at_us = at_us > world->now_us ? at_us : world->now_us;
    event.order = ++world->order;
    size_t at = world->event_count++;
    while (at > 0 && comes_before(&event, &world->events[(at - 1) / 2])) {
        world->events[at] = world->events[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    world->events[at] = event;
}

static struct event take_first(struct world *world) {
    struct event first = world->events[0], last = world->events[--world->event_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= world->event_count) break;
        if (child + 1 < world->event_count &&
            comes_before(&world->events[child + 1], &world->events[child]))
            child++;
        if (!comes_before(&world->events[child], &last)) break;
        world->events[at] = world->events[child];
        at = child;
    }
    world->events[at] = last;
    return first;
}

static void happen(struct world *world, struct event *event) {
    switch (event->kind) {
    case EVENT_PACKET:
        network_packet_arrives(world, event);
        break;
    case EVENT_LINK:
        network_link_changes(world, event);
        break;
    case EVENT_TO_NODE:
        clients_bytes_at_node(world, event);
        break;
    case EVENT_TO_CLIENT:
        clients_bytes_at_client(world, event);
        break;
    case EVENT_CLIENT:
        clients_act(world, event->to);
        break;
    case EVENT_START:
        node_start(world, &world->nodes[event->to]);
        break;
    case EVENT_FAULT:
        faults_next(world, event);
        break;
    case EVENT_WATCHDOG:
        node_watchdog(world, event);
        break;
    case EVENT_FLAP:
        faults_flap(world, event);
        break;
    case EVENT_FAULT_IS_OVER:
        if (!world->healed) faults_end(world, event);
        break;
    case EVENT_SIEGE:
        faults_siege(world, event);
        break;
    case EVENT_OPERATOR:
        members_tend(world);
        break;
    }
}

/* --- setting up ----------------------------------------------------------------------------- */

static void choose_config(struct world *world) {
    struct replica_config *config = &world->replica_config;
    replica_config_defaults(config);
    config->registry = world->registry;
    config->planted = world->options->planted_replica;
    config->raft.planted = world->options->planted_raft;
    config->raft.members = &world->founders;
    /* Short elections against the same disks, delays and pauses: more changes of power. */
    if (world_chance(world, 700)) {
        config->raft.election_us =
            (25000u << world_below(world, 4)) * world_between(world, 10, 20) / 10;
        config->raft.heartbeat_us = config->raft.election_us / 8;
        config->raft.lease_margin_us = config->raft.election_us / 10;
    }
    config->raft.busy_max_us = config->raft.election_us * 25 / 2;
    config->read_mode = world_chance(world, 800) ? REPLICA_READ_LEASE : REPLICA_READ_INDEX;
    config->unsealed_wait_us = world_between(world, 500 * 1000, 5000 * 1000);
    if (world_chance(world, 300)) config->sealed_wait_us = world_between(world, 3, 20) * 1000000;
    if (world_chance(world, 500)) {
        config->give_up_wait_us = world_between(world, 50, 2000) * 1000;
    }
    if (world_chance(world, 300)) config->inflight_batches_max = world_between(world, 1, 8);
    if (world_chance(world, 200)) config->inflight_bytes_max = world_between(world, 500, 5000);
    if (world_chance(world, 400)) config->raft.tail_bytes_max = world_between(world, 500, 8000);
    if (world_chance(world, 500)) {
        config->raft.append_bytes_max = 1u << world_below(world, 12);
    }
    if (world_chance(world, 300)) config->raft.inflight_max = (uint32_t)world_between(world, 1, 8);
    /* One entry in one message at a time is slower than the clients: whoever has missed much would
     * never be done. */
    bool one_by_one = config->raft.inflight_max <= 8 || config->raft.tail_bytes_max < 1 << 20;
    if (one_by_one && config->raft.append_bytes_max < SMALL_MESSAGE)
        config->raft.append_bytes_max = SMALL_MESSAGE;
    config->journal_segment_size = 4096u << world_below(world, 3);
    if (world_chance(world, 600)) {
        config->snapshot.log_min = 500u << world_below(world, 8);
        config->snapshot.log_ratio = world_chance(world, 500) ? 0 : 100;
    }
    /* Logs that are soon cut, and snapshots that take many parts. */
    config->journal_segment_size_max = config->journal_segment_size << world_below(world, 2);
    config->snapshot.log_retain = world_chance(world, 700) ? 0 : 1024u << world_below(world, 6);
    config->snapshot_part_size = 64u << world_below(world, 7);
}

static uint32_t choose_node_count(struct world *world) {
    uint64_t chosen = world_below(world, 10);
    if (world->options->nodes != 0) return world->options->nodes;
    if (chosen == 0) return 1;
    return chosen == 1 ? 5 : 3;
}

uint32_t world_nth_node(const struct world *world, uint32_t i) {
    uint32_t existing[NODES_MAX], count = 0;
    for (uint32_t id = 1; id <= world->node_count; id++)
        if (world->nodes[id].exists) existing[count++] = id;
    CHECK(count > 0);
    return existing[i % count];
}

uint32_t world_count_nodes(const struct world *world) {
    uint32_t count = 0;
    for (uint32_t id = 1; id <= world->node_count; id++)
        count += world->nodes[id].exists;
    return count;
}

uint32_t world_any_node(struct world *world) {
    return world_nth_node(world, (uint32_t)world_below(world, world_count_nodes(world)));
}

void world_make_node(struct world *world, uint32_t id, uint64_t uuid, struct raft_position joined) {
    struct node *node = &world->nodes[id];
    CHECK(!node->exists && node->replica == NULL);
    simulated_disk_destroy(node->disk);
    buffer_clear(&node->snapshot);
    *node = (struct node){.id = id,
                          .exists = true,
                          .uuid = uuid,
                          .joined = joined,
                          .clock_rate = node->clock_rate,
                          .clock_offset_us = node->clock_offset_us,
                          .inbox = node->inbox,
                          .inbox_capacity = node->inbox_capacity};
    if (node->clock_rate == 0) {
        node->clock_rate = CLOCK_RATE_ONE;
        node->clock_offset_us = world_between(world, 0, 1000ull * 1000 * 1000);
    }
    if (id > world->node_count) {
        world->node_count = id;
        network_calm_node(world, id);
    }
    node->log_retain = world->replica_config.snapshot.log_retain;
    /* Nodes need not agree on it: what one leader feeds by snapshot the next one has in its log. */
    if (!world->healed && world_chance(world, 400))
        node->log_retain = world_chance(world, 500) ? 0 : 4096u << world_below(world, 8);
    node->boot_seed = random_next(&world->random);
    node->disk_config = (struct simulated_disk_config){
        .seed = random_next(&world->random),
        .delay_min_us = 50,
        .delay_max_us = world_between(world, 100, 3000),
    };
    node->disk = simulated_disk_create(&node->disk_config);
}

static void choose_founders(struct world *world) {
    for (uint32_t id = 1; id <= world->node_count; id++) {
        struct member member = {.id = id, .flags = MEMBER_VOTER, .port = id, .host = "world"};
        uint64_t uuid = ++world->member_plan.next_uuid;
        memcpy(member.uuid, &uuid, sizeof(uuid));
        CHECK(members_put(&world->founders, &member));
    }
}

static void set_up(struct world *world) {
    random_init(&world->random, random_mix(world->options->seed));
    world->node_count = choose_node_count(world);
    world->registry = command_registry_create();
    storages_register(world->registry);
    command_registry_add(world->registry, replica_family());
    world->checks = checks_create();
    choose_founders(world);
    choose_config(world);
    faults_choose(world);
    network_calm(world);
    (void)clients_create(world);
    for (uint32_t id = 1; id <= world->node_count; id++) {
        world_make_node(world, id, id, (struct raft_position){0});
        world_at(world, world_between(world, 0, 20000),
                 (struct event){.kind = EVENT_START, .to = id});
    }
    world_at(world, world_between(world, 0, 1000 * 1000), (struct event){.kind = EVENT_FAULT});
    if (world->fault_on[FAULT_members]) world_at(world, 0, (struct event){.kind = EVENT_OPERATOR});
}

static void tear_down(struct world *world) {
    for (uint32_t id = 1; id <= world->node_count; id++)
        node_clear(world, &world->nodes[id]);
    for (size_t i = 0; i < world->event_count; i++)
        chunk_release(world->events[i].chunk);
    memory_release(world->events);
    network_clear(world);
    clients_destroy(world->clients);
    appending_destroy(world);
    publishing_destroy(world);
    checks_destroy(world->checks);
    command_registry_destroy(world->registry);
}

/* --- running -------------------------------------------------------------------------------- */

/* One event, or one node's turn. */
static void go_on(struct world *world) {
    uint64_t due_us = world->event_count > 0 ? world->events[0].at_us : UINT64_MAX;
    struct node *chosen = NULL;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        uint64_t node_us = node_due_us(world, &world->nodes[id]);
        if (node_us >= due_us) continue;
        due_us = node_us;
        chosen = &world->nodes[id];
    }
    CHECK(due_us != UINT64_MAX);
    if (due_us > world->now_us) world->now_us = due_us;
    if (chosen != NULL) {
        node_run(world, chosen);
        return;
    }
    struct event event = take_first(world);
    happen(world, &event);
}

static bool run_until(struct world *world, uint64_t end_us, bool (*done)(struct world *world)) {
    while (world->now_us < end_us && !world->result->violated) {
        go_on(world);
        if (done != NULL && done(world)) return true;
        if (world->result->figures.steps < STEPS_MAX) continue;
        world_violation(world, "the nodes never come to rest");
    }
    return done == NULL;
}

static bool all_serve(struct world *world) {
    for (uint32_t id = 1; id <= world->node_count; id++)
        if (world->nodes[id].exists && id != world->ailing && !world->nodes[id].serves_again)
            return false;
    return members_are_settled(world);
}

static bool all_agree(struct world *world) {
    return clients_are_done(world) && checks_converged(world);
}

static bool all_answered(struct world *world) {
    return clients_are_done(world);
}

static uint64_t election_us(const struct world *world) {
    return world->replica_config.raft.election_us;
}

static uint64_t patience_us(const struct world *world) {
    return PATIENCE_US + PATIENCE_ELECTIONS * election_us(world);
}

/* A node that was let in is fed the whole log, in seeds with the smallest messages an entry at a
 * time, while clients go on writing. */
static uint64_t feeding_us(const struct world *world) {
    uint64_t last = 0;
    if (!world->fault_on[FAULT_members]) return 0;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        struct replica *replica = world->nodes[id].replica;
        struct raft *raft = replica == NULL ? NULL : replica_raft(replica);
        if (raft != NULL && raft_last_index(raft) > last) last = raft_last_index(raft);
    }
    return FEEDING_US + last * FEEDING_US_PER_ENTRY;
}

/* All that are well serve before long. */
static bool comes_back(struct world *world) {
    clients_spread(world);
    uint64_t began_us = world->now_us, bound_us = patience_us(world) + feeding_us(world);
    bool came = run_until(world, began_us + bound_us, all_serve);
    if (!came) {
        if (world->is_hopeless) return false; /* Nobody may speak for what a majority has lost. */
        struct buffer text = {0};
        members_describe(world, &text);
        world_violation(world, "not every node that is well serves again within %.3f s (%.*s)",
                        (double)bound_us / 1e6, (int)text.size, text.data);
        buffer_clear(&text);
        return false;
    }
    uint64_t took_us = world->now_us - began_us;
    struct world_result *result = world->result;
    if (took_us > result->recovery_us) result->recovery_us = took_us;
    if (took_us * 100 / election_us(world) > result->recovery_percent)
        result->recovery_percent = took_us * 100 / election_us(world);
    return true;
}

static bool led_and_does_not(struct world *world) {
    const struct replica *replica = world->nodes[world->looked_at].replica;
    if (replica == NULL) return true;
    const struct raft *raft = replica_raft(world->nodes[world->looked_at].replica);
    return raft == NULL || raft_role(raft) != RAFT_LEADER;
}

/* It knows why it should not lead. */
static bool is_unfit(const struct node *node) {
    struct raft *raft = node->replica == NULL ? NULL : replica_raft(node->replica);
    if (raft == NULL) return false;
    struct raft_status status;
    raft_get_status(raft, &status);
    return status.unfit != 0 || replica_disk_is_full(node->replica);
}

/* Some node had begun to campaign before this one led: it may come late, but it comes. */
static bool is_overtaken(const struct world *world, uint32_t leader) {
    uint64_t term = raft_term(replica_raft(world->nodes[leader].replica));
    for (uint32_t id = 1; id <= world->node_count; id++) {
        struct replica *replica = world->nodes[id].replica;
        struct raft *raft = replica == NULL ? NULL : replica_raft(replica);
        if (raft != NULL && raft_term(raft) > term) return true;
    }
    return false;
}

/* A node that is not well unseats no leader that is (thesis 4.2.3, 9.6); nor does a disk that is
 * slow, but not stalled. One whose disk was full, and may be thought to be for a while, or could
 * not be read, hands over, and so does one that was asked to before all was mended; whom it has
 * told to campaign may take as long as its disk does. */
static bool keeps_its_leader(struct world *world) {
    uint32_t leader = world->looked_at = world_leader(world);
    bool is_well = leader != world->ailing || world->ailment == AILMENT_slow_disk;
    if (leader == 0 || !is_well || is_overtaken(world, leader)) return true;
    uint64_t term = raft_term(replica_raft(world->nodes[leader].replica));
    uint64_t end_us = world->now_us + STABLE_ELECTIONS * election_us(world);
    bool was_unseated = run_until(world, end_us, led_and_does_not);
    if (!was_unseated) return !world->result->violated;
    bool handed_over = world->nodes[leader].handing_over_term >= term;
    if (handed_over || is_unfit(&world->nodes[leader])) return true;
    world_violation(world, "n%u was well, and leads no longer", leader);
    return false;
}

/* One node stays ill, or falls ill again when all are well. */
static bool lives_with_an_ailment(struct world *world) {
    bool stays = world_chance(world, 500);
    faults_heal(world, stays);
    if (!comes_back(world)) return false;
    if (stays) return keeps_its_leader(world);
    faults_fall_ill(world);
    return keeps_its_leader(world);
}

static void live(struct world *world) {
    run_until(world, world_between(world, 2000, 8000) * 1000, NULL);
    if (world->result->violated) return;
    /* With an operator at work it would not be known who is to be well. */
    bool has_ailment = !world->fault_on[FAULT_members] && world->node_count > 1 &&
                       world_chance(world, 850) && !damage_is_open(world) &&
                       !(world->is_calm && world->scapegoat == 0);
    if (has_ailment && !lives_with_an_ailment(world)) return;
    faults_heal(world, false);
    if (!comes_back(world)) return;
    clients_stop(world);
    if (!run_until(world, world->now_us + patience_us(world), all_agree)) {
        world_violation(world, "the nodes do not agree in the end, or owe their clients answers");
        return;
    }
    clients_ask_all(world);
    if (!run_until(world, world->now_us + patience_us(world), all_answered)) {
        world_violation(world, "the last reads are not answered");
        return;
    }
    clients_judge(world);
    if (!world->result->violated) appending_judge(world);
    if (!world->result->violated) publishing_judge(world);
}

void world_run(const struct world_options *options, struct world_result *result) {
    *result = (struct world_result){0};
    struct world *world = memory_allocate_zeroed(sizeof(*world));
    world->options = options;
    world->result = result;
    set_up(world);
    live(world);
    result->figures.virtual_us = world->now_us;
    tear_down(world);
    memory_release(world);
    result->finished = true;
}
