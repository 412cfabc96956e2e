/* faults.c: misfortune. Each seed has its own subset of the kinds and its own pace, so that rare
 * combinations get a chance (Groce et al., "Swarm testing", 2012); in the end all is mended. */
#include "tests/simulator/world.h"

enum { EVERYONE = 0 };

/* Calm seeds hold still: no nodes come and go there, nor is anybody besieged. Drawn apart, so that
 * seeds without them stay what they were. */
static void choose_apart(struct world *world, enum fault fault, uint32_t percent) {
    struct random random;
    random_init(&random, random_mix(world->options->seed) + 1 + fault - FAULT_members);
    world->fault_on[fault] = !world->is_calm && random_below(&random, 100) < percent;
}

void faults_choose(struct world *world) {
    /* Few kinds often, or many kinds now and then. */
    uint32_t density = world_chance(world, 30) ? 0 : (uint32_t)world_between(world, 100, 600);
    world->is_calm = world->node_count > 1 && world_chance(world, 60);
    if (world->is_calm) density = (uint32_t)world_between(world, 200, 800);
    for (uint32_t i = 0; i < FAULT_members; i++) {
        bool is_rough = i == FAULT_replays || i == FAULT_misdirections || i == FAULT_blackouts ||
                        i == FAULT_disk_errors || i == FAULT_full_disks;
        world->fault_on[i] = world_chance(world, density) && !(world->is_calm && is_rough);
    }
    choose_apart(world, FAULT_members, 40);
    choose_apart(world, FAULT_sieges, 20);
    world->result->figures.calm_seeds += world->is_calm;
    /* The one node that has all the trouble misses much: it must be able to catch up in time. */
    struct raft_config *raft = &world->replica_config.raft;
    if (world->is_calm && raft->append_bytes_max < 4096) raft->append_bytes_max = 4096;
    world->fault_gap_us = world_paced_us(world, 100, 5);
    world->damaged_max = world_chance(world, 100) ? world->node_count : (world->node_count - 1) / 2;
    if (world->node_count == 1) world->damaged_max = 0; /* It has nobody to supply it. */
    for (uint32_t id = 1; id <= world->node_count; id++) {
        struct node *node = &world->nodes[id];
        node->clock_rate = CLOCK_RATE_ONE;
        node->clock_offset_us = world_between(world, 0, 1000ull * 1000 * 1000);
        if (!world->fault_on[FAULT_clock_drifts]) continue;
        /* Three in a hundred either way: the lease's margin is ten. */
        node->clock_rate = world_between(world, CLOCK_RATE_ONE - 300, CLOCK_RATE_ONE + 300);
        world->result->figures.faults[FAULT_clock_drifts]++;
    }
}

/* The leader more often than others: there is more to break. */
static struct node *victim(struct world *world) {
    uint32_t leader = world_leader(world);
    if (world->is_calm) return &world->nodes[world->scapegoat];
    if (leader != 0 && world_chance(world, 650)) return &world->nodes[leader];
    return &world->nodes[world_any_node(world)];
}

static void end_in(struct world *world, enum fault fault, uint64_t us, uint32_t from, uint32_t to) {
    world_at(world, world->now_us + us,
             (struct event){.kind = EVENT_FAULT_IS_OVER, .value = fault, .from = from, .to = to});
}

/* --- the network ---------------------------------------------------------------------------- */

static void spoil_link(struct world *world, enum fault fault, uint32_t from, uint32_t to) {
    struct link *link = &world->links[from][to];
    switch (fault) {
    case FAULT_delays:
        link->delay_max_us = world_paced_us(world, 2, 9);
        break;
    case FAULT_drops:
        link->drop_per_mille = (uint32_t)world_between(world, 10, 500);
        break;
    case FAULT_duplicates:
        link->duplicate_per_mille = (uint32_t)world_between(world, 10, 500);
        break;
    default:
        link->reorders = true;
        if (link->delay_max_us < 5000) link->delay_max_us = world_paced_us(world, 2, 6);
        break;
    }
}

static void mend_link(struct world *world, enum fault fault, uint32_t from, uint32_t to) {
    struct link *link = &world->links[from][to];
    switch (fault) {
    case FAULT_delays:
        link->delay_max_us = 400;
        break;
    case FAULT_drops:
        link->drop_per_mille = 0;
        break;
    case FAULT_duplicates:
        link->duplicate_per_mille = 0;
        break;
    default:
        link->reorders = false;
        link->delay_max_us = 400;
        break;
    }
}

static void spoil_links(struct world *world, enum fault fault) {
    bool all = world_chance(world, 300) && !world->is_calm;
    uint32_t center = victim(world)->id;
    for (uint32_t from = 1; from <= world->node_count; from++) {
        for (uint32_t to = 1; to <= world->node_count; to++) {
            bool hit = all || ((from == center || to == center) && world_chance(world, 600));
            if (hit) spoil_link(world, fault, from, to);
        }
    }
    end_in(world, fault, world_paced_us(world, 250, 5), EVERYONE, EVERYONE);
}

/* Each link of a cut heals by itself, all of them at about the same time. */
static void cut(struct world *world, enum fault fault, uint32_t from, uint32_t to, uint64_t us) {
    struct link *link = &world->links[from][to];
    uint64_t end_us = world->now_us + us;
    link->cut = true;
    if (link->cut_until_us < end_us) link->cut_until_us = end_us;
    end_in(world, fault, us, from, to);
    if (!world_chance(world, 500)) return;
    world_at(world, world->now_us + world_paced_us(world, 2, 10),
             (struct event){.kind = EVENT_LINK, .to = from, .from = to, .value = 0});
}

static void cut_pair(struct world *world, uint32_t a, uint32_t b, uint64_t us) {
    cut(world, FAULT_partitions, a, b, us);
    cut(world, FAULT_partitions, b, a, us);
}

/* Two nodes do not hear each other; others hear both. */
static void part_pair(struct world *world, uint64_t us) {
    uint32_t a = victim(world)->id, b = world_any_node(world);
    if (a == b) return;
    cut_pair(world, a, b, us);
    world_trace(world, a << 8 | b, "partition: between n%u and n%u", a, b);
}

static void part_sides(struct world *world, uint64_t us) {
    uint32_t side = 1u << victim(world)->id;
    if (world->node_count > 3 && world_chance(world, 500)) side |= 1u << victim(world)->id;
    /* Where nodes come and go, old and new ones on either side. */
    bool is_mixed = world->fault_on[FAULT_members] && world_chance(world, 500);
    if (is_mixed) side |= (uint32_t)world_below(world, 1u << (NODES_MAX + 1));
    for (uint32_t from = 1; from <= world->node_count; from++) {
        for (uint32_t to = 1; to <= world->node_count; to++)
            if ((side >> from & 1) != (side >> to & 1)) cut(world, FAULT_partitions, from, to, us);
    }
    world_trace(world, side, "partition: nodes of mask %x on one side", side);
}

static void part(struct world *world) {
    uint64_t us = world_paced_us(world, 250, 6);
    if (world_chance(world, 350)) {
        part_pair(world, us);
    } else {
        part_sides(world, us);
    }
}

static void cut_one_way(struct world *world) {
    struct node *node = victim(world);
    bool inward = world_chance(world, 500);
    uint64_t us = world_paced_us(world, 250, 6);
    for (uint32_t peer = 1; peer <= world->node_count; peer++) {
        if (peer == node->id || world_chance(world, 300)) continue;
        if (inward) {
            cut(world, FAULT_one_way_cuts, peer, node->id, us);
        } else {
            cut(world, FAULT_one_way_cuts, node->id, peer, us);
        }
    }
    world_trace(world, node->id, "n%u is cut off one way", node->id);
}

static void join(struct world *world, uint32_t from, uint32_t to) {
    struct link *link = &world->links[from][to];
    if (!link->cut || link->cut_until_us > world->now_us) return;
    link->cut = false;
    world_at(world, world->now_us + world_paced_us(world, 5, 7),
             (struct event){.kind = EVENT_LINK, .to = from, .from = to, .value = 1});
}

static void reset_link(struct world *world) {
    uint32_t a = victim(world)->id, b = world_any_node(world);
    if (a == b) return;
    for (uint32_t value = 0; value < 2; value++) {
        uint64_t at_us = world->now_us + world_between(world, 0, 2000) + value * 3000;
        world_at(world, at_us,
                 (struct event){.kind = EVENT_LINK, .to = a, .from = b, .value = value});
        world_at(world, at_us,
                 (struct event){.kind = EVENT_LINK, .to = b, .from = a, .value = value});
    }
}

/* --- sieges ---------------------------------------------------------------------------------- */

/* A leader against whom everything speaks: others want to be elected, and those who promised it
 * their silence forget that, or hear no more of it. Until its lease is over nobody else may lead
 * all the same (SAFETY 5). In acts, since each needs what the one before has brought about. */
enum act { ACT_CUT, ACT_STORM, ACT_SILENCE };

static void plan_act(struct world *world, enum act act, uint64_t us, uint32_t leader,
                     uint32_t rival) {
    world_at(world, world->now_us + us,
             (struct event){.kind = EVENT_SIEGE, .value = act, .to = leader, .from = rival});
}

/* The rival would be elected, were it not for the promises: nobody writes what it would lack. */
static void besiege(struct world *world) {
    uint32_t leader = world_leader(world), rival = world_any_node(world);
    if (leader == 0 || rival == leader) return;
    world->lull_until_us = world->now_us + world_paced_us(world, 2000, 2);
    plan_act(world, ACT_CUT, world_paced_us(world, 50, 4), leader, rival);
    world_trace(world, leader << 8 | rival, "siege: n%u against n%u", rival, leader);
}

static void storm(struct world *world, uint32_t leader, uint32_t rival) {
    uint64_t us = world_paced_us(world, 500, 2);
    for (uint32_t id = 1; id <= world->node_count; id++) {
        struct node *node = &world->nodes[id];
        if (id == leader || id == rival || !node->exists) continue;
        cut_pair(world, leader, id, us);
        if (!world_chance(world, 700)) continue;
        node_kill(world, node, world_chance(world, 500));
        world_at(world, world->now_us + world_between(world, 100, 2000),
                 (struct event){.kind = EVENT_START, .to = id});
    }
    world_trace(world, leader, "storm: n%u hears nobody any more", leader);
}

/* Those who are to vote: what a change begins with is to be known to them only. */
static uint32_t newcomers(const struct node *leader) {
    const struct members *members = raft_members(replica_raft(leader->replica));
    uint32_t found = 0;
    for (uint32_t i = 0; members->joint && i < members->count; i++) {
        const struct member *member = &members->at[i];
        bool votes = (member->flags & MEMBER_VOTER) != 0;
        if (!votes && (member->flags & MEMBER_NEXT_VOTER) != 0) found |= 1u << member->id;
    }
    return found;
}

/* Those who have voted so far hear that their leader lives, and not what it writes; their answers
 * take long. */
static void besiege_change(struct world *world, const struct node *leader) {
    uint32_t new = newcomers(leader);
    uint64_t us = world_paced_us(world, 3000, 2), delay_us = world_paced_us(world, 200, 2);
    for (uint32_t id = 1; id <= world->node_count; id++) {
        if (id == leader->id || (new >> id & 1) == 1) continue;
        world->links[leader->id][id].bulk_lost_until_us = world->now_us + us;
        world->links[id][leader->id].delay_max_us = delay_us;
        for (uint32_t peer = 1; peer <= world->node_count; peer++)
            if ((new >> peer & 1) == 1) cut_pair(world, peer, id, us);
    }
    end_in(world, FAULT_delays, us, EVERYONE, EVERYONE);
    plan_act(world, ACT_SILENCE, world_paced_us(world, 700, 2), leader->id, 0);
    world_trace(world, new, "siege: n%u and the newcomers of mask %x", leader->id, new);
}

/* Their answers to what they have heard before are on their way. */
static void silence(struct world *world, uint32_t leader) {
    uint32_t new = newcomers(&world->nodes[leader]);
    uint64_t us = world_paced_us(world, 2000, 2);
    for (uint32_t id = 1; id <= world->node_count; id++) {
        if (id == leader || (new >> id & 1) == 1) continue;
        cut(world, FAULT_one_way_cuts, leader, id, us);
    }
    world_trace(world, leader, "silence: n%u is heard by newcomers only", leader);
}

void faults_siege(struct world *world, const struct event *event) {
    uint32_t leader = event->to, rival = event->from;
    if (world->healed || world_leader(world) != leader) return;
    switch ((enum act)event->value) {
    case ACT_CUT:
        cut_pair(world, leader, rival, world_paced_us(world, 2000, 2));
        plan_act(world, ACT_STORM, world_paced_us(world, 700, 2), leader, rival);
        break;
    case ACT_STORM:
        storm(world, leader, rival);
        break;
    case ACT_SILENCE:
        silence(world, leader);
        break;
    }
}

void faults_when_voters_change(struct world *world, const struct node *leader) {
    bool may_be = world->fault_on[FAULT_sieges] && !world->healed && newcomers(leader) != 0;
    if (may_be && world_chance(world, 700)) {
        world->result->figures.faults[FAULT_sieges]++;
        besiege_change(world, leader);
    } else {
        faults_when_power_changes(world);
    }
}

/* --- nodes ---------------------------------------------------------------------------------- */

static void doom(struct world *world, enum doom what) {
    struct node *node = victim(world);
    if (node->replica == NULL || node->doom != DOOM_NONE) return;
    node->doom = what;
    node->doom_place = (enum doom_place)world_below(world, DOOM_PLACES);
    if (what == DOOM_PAUSE && world_chance(world, 500)) node->doom_place = DOOM_AT_EVENT;
    node->doom_in = (uint32_t)world_below(world, node->doom_place == DOOM_ANYWHERE ? 40 : 4);
    node->pause_us = world_paced_us(world, 2, 12);
    if (what == DOOM_PAUSE && world_chance(world, 700)) {
        node->pause_us = world_paced_us(world, 1000, 3);
    }
}

/* A command that takes long on one node, or on all at once. One after the other: between two of
 * them a loop sends what its timers have for the others. */
static void make_busy(struct world *world) {
    uint32_t chosen = world_chance(world, 400) ? EVERYONE : victim(world)->id;
    if (world->is_calm && world_chance(world, 500)) chosen = world_leader(world);
    uint64_t max_us = world->replica_config.raft.busy_max_us;
    uint64_t base_us = world_between(world, max_us / 50, max_us * 14 / 10);
    for (uint32_t id = 1; id <= world->node_count; id++) {
        struct node *node = &world->nodes[id];
        /* Where silence must not last, long enough for the disk to let an answer go. */
        uint64_t rest_us = world->is_calm ? max_us / 2 : max_us / 20;
        bool rests = world->now_us > node->busy_until_us + rest_us;
        if ((chosen != EVERYONE && id != chosen) || node->replica == NULL || !rests) continue;
        if (node->doom != DOOM_NONE) continue;
        node->doom = DOOM_BUSY;
        node->doom_place = DOOM_AT_EVENT;
        node->doom_in = 0;
        node->pause_us = base_us * world_between(world, 80, 120) / 100;
        /* An election that a longer spell brings about is well deserved. */
        if (world->is_calm && node->pause_us > max_us * 9 / 10) node->pause_us = max_us * 9 / 10;
    }
}

static void damage(struct world *world, enum fault fault) {
    struct node *node = victim(world);
    if (node->replica == NULL || node->doom != DOOM_NONE) return;
    if (!damage_plan(world, node, fault)) return;
    static const enum doom ends[] = {DOOM_KILL, DOOM_POWER_LOSS, DOOM_BLACKOUT};
    node->doom = ends[world_below(world, world->is_calm ? 2 : COUNT_OF(ends))];
    node->doom_place = (enum doom_place)world_below(world, DOOM_PLACES);
    node->doom_in = (uint32_t)world_below(world, 40);
}

/* What was kept for a REPLACE may be gone, and the directory be as full as the rest. */
static void fill_disk(struct world *world, struct simulated_disk_config *config) {
    config->capacity_bytes = 1;
    config->replace_is_full = world_chance(world, 200);
    config->rename_is_full = world_chance(world, 300);
}

static void spoil_disk(struct world *world, enum fault fault) {
    struct node *node = victim(world);
    struct simulated_disk_config config = node->disk_config;
    switch (fault) {
    case FAULT_slow_disks:
        config.delay_max_us = 100 + world_paced_us(world, 2, 9);
        config.slow_per_mille = (uint32_t)world_between(world, 0, 200);
        config.slow_us = world_paced_us(world, 25, 8);
        break;
    case FAULT_disk_errors:
        config.append_errors_per_mille = world_chance(world, 700) ? 100 : 0;
        config.read_errors_per_mille = world_chance(world, 700) ? 50 : 0;
        config.file_errors_per_mille = world_chance(world, 700) ? 200 : 0;
        break;
    default:
        fill_disk(world, &config);
        break;
    }
    simulated_disk_configure(node->disk, &config);
    end_in(world, fault, world_paced_us(world, 125, 6), EVERYONE, node->id);
}

static void jump_clock(struct world *world) {
    struct node *node = victim(world);
    int64_t jump = (int64_t)(10 << world_below(world, 18));
    node->wall_offset_ms += world_chance(world, 500) ? jump : -jump;
    world_trace(world, node->id, "n%u: the wall clock jumps", node->id);
}

/* --- the schedule --------------------------------------------------------------------------- */

static bool needs_peers(enum fault fault) {
    return fault <= FAULT_link_resets || fault == FAULT_sieges;
}

static void strike(struct world *world, enum fault fault) {
    switch (fault) {
    case FAULT_delays:
    case FAULT_drops:
    case FAULT_duplicates:
    case FAULT_reorderings:
        spoil_links(world, fault);
        break;
    case FAULT_partitions:
        part(world);
        break;
    case FAULT_one_way_cuts:
        cut_one_way(world);
        break;
    case FAULT_link_resets:
        reset_link(world);
        break;
    case FAULT_replays:
    case FAULT_mangled_packets:
    case FAULT_misdirections:
        for (uint64_t count = world_between(world, 1, 20); count > 0; count--)
            network_strike(world, fault);
        break;
    case FAULT_slow_disks:
    case FAULT_disk_errors:
    case FAULT_full_disks:
        spoil_disk(world, fault);
        break;
    case FAULT_bit_flips:
    case FAULT_truncations:
    case FAULT_lost_names:
    case FAULT_misplaced_writes:
        damage(world, fault);
        break;
    case FAULT_decays:
        damage_decay(world, victim(world));
        break;
    case FAULT_kills:
        doom(world, DOOM_KILL);
        break;
    case FAULT_power_losses:
        doom(world, DOOM_POWER_LOSS);
        break;
    case FAULT_pauses:
        doom(world, DOOM_PAUSE);
        break;
    case FAULT_busy_spells:
        make_busy(world);
        break;
    case FAULT_blackouts:
        doom(world, DOOM_BLACKOUT);
        break;
    case FAULT_clean_stops:
        doom(world, DOOM_STOP);
        break;
    case FAULT_clock_jumps:
        jump_clock(world);
        break;
    case FAULT_disconnections:
        clients_disconnect_one(world);
        break;
    case FAULT_members:
        members_strike(world);
        break;
    case FAULT_sieges:
        besiege(world);
        break;
    case FAULT_clock_drifts:
    case FAULT_COUNT:
        CHECK(false);
    }
}

/* One of the kinds that are on, if there is one. Drifting clocks were there from the start. */
static bool draw_fault(struct world *world, enum fault *fault) {
    enum fault on[FAULT_COUNT];
    uint32_t count = 0;
    for (uint32_t i = 0; i < FAULT_COUNT; i++)
        if (world->fault_on[i] && i != FAULT_clock_drifts) on[count++] = (enum fault)i;
    if (count == 0) return false;
    *fault = on[world_below(world, count)];
    return true;
}

static bool is_followed_by_all(const struct world *world, uint32_t leader) {
    for (uint32_t id = 1; id <= world->node_count; id++) {
        struct replica *replica = world->nodes[id].replica;
        if (replica == NULL || replica_raft(replica) == NULL) return false;
        if (raft_leader(replica_raft(replica)) != leader) return false;
    }
    return true;
}

/* In calm seeds one that does not lead; false until somebody does and all have heard of it. */
static bool choose_scapegoat(struct world *world) {
    if (world->scapegoat != 0) return true;
    uint32_t leader = world_leader(world);
    if (leader == 0 || !is_followed_by_all(world, leader)) return false;
    do {
        world->scapegoat = (uint32_t)world_between(world, 1, world->node_count);
    } while (world->scapegoat == leader);
    return true;
}

static void strike_now(struct world *world) {
    enum fault fault;
    if (world->is_calm && !choose_scapegoat(world)) return;
    if (!draw_fault(world, &fault)) return;
    if (needs_peers(fault) && world->node_count == 1) return;
    if (fault == FAULT_blackouts && world_chance(world, 600)) return;
    static const char *const names[] = {
#define FAULT_NAME(name) #name,
        FAULTS(FAULT_NAME)
#undef FAULT_NAME
    };
    world_trace(world, fault, "fault: %s", names[fault]);
    bool is_damage = fault >= FAULT_bit_flips && fault <= FAULT_decays;
    if (!is_damage) world->result->figures.faults[fault]++; /* else when it has struck */
    strike(world, fault);
}

/* At once: before what follows from it has left; or while that is on its way. */
void faults_when_power_changes(struct world *world) {
    if (world->healed) return;
    if (world_chance(world, 300)) {
        strike_now(world);
    } else if (world_chance(world, 500)) {
        world_at(world, world->now_us + (20u << world_below(world, 9)),
                 (struct event){.kind = EVENT_FAULT, .value = 1});
    }
}

void faults_when_fed(struct world *world, struct node *node) {
    struct replica_snapshot_status status = replica_snapshot_status(node->replica);
    bool is_under_way = status.receive_phase == REPLICA_RECEIVE_FETCHING &&
                        status.received > status.receive_total / 4 &&
                        status.receive_position.index != node->fed_index;
    if (!is_under_way) return;
    node->fed_index = status.receive_position.index;
    bool kills = world->fault_on[FAULT_kills], fails = world->fault_on[FAULT_power_losses];
    bool may_end = (kills || fails) && !world->healed && !world->is_calm;
    if (!may_end || node->doom != DOOM_NONE || !world_chance(world, 800)) return;
    node->doom = kills ? DOOM_KILL : DOOM_POWER_LOSS;
    node->doom_place = DOOM_ANYWHERE;
    node->doom_in = (uint32_t)world_below(world, 40);
}

void faults_next(struct world *world, const struct event *event) {
    if (world->healed) return;
    if (event->value == 0) {
        world_at(world, world->now_us + world_between(world, 1000, 2 * world->fault_gap_us),
                 (struct event){.kind = EVENT_FAULT});
    }
    strike_now(world);
    /* Misfortunes seldom come singly. */
    if (event->value == 0 && world_chance(world, 200))
        world_at(world, world->now_us + world_paced_us(world, 20, 7),
                 (struct event){.kind = EVENT_FAULT, .value = 1});
}

void faults_end(struct world *world, const struct event *event) {
    enum fault fault = (enum fault)event->value;
    if (fault == FAULT_partitions || fault == FAULT_one_way_cuts) {
        join(world, event->from, event->to);
    } else if (fault == FAULT_slow_disks || fault == FAULT_disk_errors ||
               fault == FAULT_full_disks) {
        struct node *node = &world->nodes[event->to];
        simulated_disk_configure(node->disk, &node->disk_config);
    } else {
        for (uint32_t from = 1; from <= world->node_count; from++) {
            for (uint32_t to = 1; to <= world->node_count; to++)
                mend_link(world, fault, from, to);
        }
    }
}

/* --- the end of it -------------------------------------------------------------------------- */

/* Other nodes than the ailing one and it do not hear each other: inward or outward or both. */
static void cut_off(struct world *world, uint32_t node, bool inward, bool outward) {
    for (uint32_t peer = 1; peer <= world->node_count; peer++) {
        if (peer == node) continue;
        if (inward) world->links[peer][node].cut = true;
        if (outward) world->links[node][peer].cut = true;
    }
}

void faults_flap(struct world *world, const struct event *event) {
    if (world->ailment != AILMENT_flaps) return;
    uint32_t node = world->ailing, peer = event->to;
    bool cut = !world->links[node][peer].cut;
    world->links[node][peer].cut = world->links[peer][node].cut = cut;
    for (uint32_t i = 0; i < 2; i++) {
        world_at(world, world->now_us + world_between(world, 0, 2000),
                 (struct event){.kind = EVENT_LINK,
                                .to = i == 0 ? node : peer,
                                .from = i == 0 ? peer : node,
                                .value = !cut});
    }
    world_at(world, world->now_us + world_paced_us(world, 20, 8),
             (struct event){.kind = EVENT_FLAP, .to = peer});
}

static void begin_flapping(struct world *world, uint32_t node) {
    for (uint32_t peer = 1; peer <= world->node_count; peer++) {
        if (peer == node || world_chance(world, 300)) continue;
        world_at(world, world->now_us, (struct event){.kind = EVENT_FLAP, .to = peer});
    }
}

static void begin_ailment(struct world *world) {
    struct node *node = &world->nodes[world->ailing];
    struct simulated_disk_config config = node->disk_config;
    switch (world->ailment) {
    case AILMENT_dead:
        node->is_dead = true;
        node_kill(world, node, world_chance(world, 500));
        break;
    case AILMENT_flaps:
        begin_flapping(world, node->id);
        break;
    case AILMENT_deaf:
    case AILMENT_mute:
        cut_off(world, node->id, world->ailment == AILMENT_deaf, world->ailment == AILMENT_mute);
        break;
    case AILMENT_slow_disk:
        config.delay_max_us = config.delay_min_us + world_paced_us(world, 50, 6);
        simulated_disk_configure(node->disk, &config);
        break;
    case AILMENT_full_disk:
        fill_disk(world, &config);
        simulated_disk_configure(node->disk, &config);
        break;
    case AILMENT_none:
    case AILMENT_COUNT:
        break;
    }
}

static void choose_ailment(struct world *world, bool leaves_one) {
    static const char *const names[] = {
#define AILMENT_NAME(name) #name,
        AILMENTS(AILMENT_NAME)
#undef AILMENT_NAME
    };
    world->ailment = AILMENT_none;
    world->ailing = 0;
    if (!leaves_one) return;
    world->ailment = (enum ailment)world_between(world, 1, AILMENT_COUNT - 1);
    world->ailing = victim(world)->id;
    world->result->figures.ailments[world->ailment]++;
    world_trace(world, world->ailing, "but for n%u: %s", world->ailing, names[world->ailment]);
}

/* Who never keeps any log that a follower may need promises nobody to catch up. */
static void retain_logs(struct world *world) {
    enum { RETAINED = 1 << 20 };
    struct replica_snapshot_limits *limits = &world->replica_config.snapshot;
    limits->log_retain = RETAINED;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        world->nodes[id].log_retain = RETAINED;
        if (world->nodes[id].replica != NULL)
            replica_set_snapshot_limits(world->nodes[id].replica, *limits);
    }
}

void faults_heal(struct world *world, bool leaves_one) {
    world_trace(world, 0, "all is mended");
    world->healed = true;
    world->healings++;
    network_calm(world);
    retain_logs(world);
    for (uint32_t id = 1; id <= world->node_count; id++) {
        struct node *node = &world->nodes[id];
        if (!node->exists) continue;
        simulated_disk_mend(node->disk, &node->disk_config, world->now_us);
        node->doom = DOOM_NONE;
        node->is_dead = node->serves_again = false;
        node->damage_is_due = false;
        if (node->ready_us > world->now_us + 1000) node->ready_us = world->now_us + 1000;
        if (node->busy_until_us > node->ready_us) node->busy_until_us = node->ready_us;
        node->wall_offset_ms = 0;
        world_at(world, world->now_us + world_between(world, 0, 20 * 1000),
                 (struct event){.kind = EVENT_START, .to = id});
        for (uint32_t peer = 1; peer <= world->node_count; peer++) {
            if (peer == id) continue;
            world_at(world, world->now_us + world_between(world, 0, 100 * 1000),
                     (struct event){.kind = EVENT_LINK, .to = id, .from = peer, .value = 1});
        }
    }
    choose_ailment(world, leaves_one);
    begin_ailment(world);
}

void faults_fall_ill(struct world *world) {
    choose_ailment(world, true);
    begin_ailment(world);
}
