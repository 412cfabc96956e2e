/* members.c: an operator who adds, removes and replaces nodes of a cluster that has other troubles.
 *
 * As a person would: one change at a time, asked for on some node, and on another one if that does
 * not answer, until the outcome is known. A node that was let in is started with an empty disk, as
 * --join does it: once some node has the configuration with it as committed. One that was removed
 * runs on for a while. While a node has not got back what its disk has lost, the others stay: it is
 * that one which may be replaced. */
#include "tests/simulator/world.h"

enum { LOOK_MAX_US = 500 * 1000 };

static bool runs(const struct node *node) {
    return node->exists && node->replica != NULL && replica_state(node->replica) == REPLICA_RUNNING;
}

/* The newest configuration that some node knows to be committed; NULL: none is known. */
static const struct members *newest(const struct world *world, uint64_t *index) {
    const struct members *found = NULL;
    *index = 0;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        if (!runs(&world->nodes[id])) continue;
        const struct raft *raft = replica_raft(world->nodes[id].replica);
        if (!raft_members_are_committed(raft) || raft_members(raft)->count == 0) continue;
        if (found != NULL && raft_members_index(raft) <= *index) continue;
        found = raft_members(raft);
        *index = raft_members_index(raft);
    }
    return found;
}

/* --- changes ---------------------------------------------------------------------------------- */

static uint32_t damaged_node(const struct world *world) {
    for (uint32_t id = 1; id <= world->node_count; id++)
        if (world->nodes[id].exists && world->nodes[id].is_damaged) return id;
    return 0;
}

static bool is_to_be_hit(const struct world *world) {
    bool is_due = false;
    for (uint32_t id = 1; id <= world->node_count; id++)
        is_due |= world->nodes[id].exists && world->nodes[id].damage_is_due;
    return is_due;
}

static struct replica_change addition(struct world *world) {
    uint64_t uuid = ++world->member_plan.next_uuid;
    struct replica_change change = {.kind = REPLICA_ADD,
                                    .member = {.port = (uint32_t)uuid, .host = "world"}};
    memcpy(change.member.uuid, &uuid, sizeof(uuid));
    if (damage_count(world) > 0)
        change.member.replaces = damaged_node(world);
    else if (world_chance(world, world->fault_on[FAULT_sieges] ? 700 : 300))
        change.member.replaces = world_any_node(world);
    return change;
}

static uint32_t to_be_removed(struct world *world) {
    uint32_t leader = world_leader(world);
    if (damage_count(world) > 0) return damaged_node(world);
    return leader != 0 && world_chance(world, 400) ? leader : world_any_node(world);
}

void members_strike(struct world *world) {
    struct member_plan *plan = &world->member_plan;
    /* Whoever loses its vote needs all that its log names. */
    bool is_bound = is_to_be_hit(world) || damage_of_votes(world);
    if (plan->is_open || world->healed || is_bound) return;
    uint32_t count = world_count_nodes(world);
    bool adds = count <= MEMBERS_MIN || (count < MEMBERS_MAX && world_chance(world, 500));
    if (adds)
        plan->change = addition(world);
    else
        plan->change = (struct replica_change){.kind = REPLICA_REMOVE, .id = to_be_removed(world)};
    uint32_t leaves = adds ? plan->change.member.replaces : plan->change.id;
    plan->newly_leaving = leaves == 0 ? 0 : 1u << leaves & ~plan->leaving;
    plan->leaving |= plan->newly_leaving;
    if (leaves != 0) publishing_node_leaves(world, leaves);
    plan->is_open = true;
    plan->ticket = 0;
    plan->is_busy = world_chance(world, 700);
    world_trace(world, plan->change.id, "the operator wants n%u %s", plan->change.id,
                adds ? "added" : "removed");
}

static void ask(struct world *world) {
    struct member_plan *plan = &world->member_plan;
    struct node *node = &world->nodes[world_any_node(world)];
    if (!runs(node) || replica_is_removed(node->replica)) return;
    plan->asked = node->id;
    plan->asked_boot = node->boots;
    plan->ticket = replica_change_members(node->replica, &plan->change, node_moment(world, node));
}

static const struct member *find_uuid(const struct members *members, const char *uuid) {
    for (uint32_t i = 0; i < members->count; i++)
        if (memcmp(members->at[i].uuid, uuid, MEMBER_UUID_SIZE) == 0) return &members->at[i];
    return NULL;
}

static void take_away(struct world *world, struct node *node) {
    world_trace(world, node->id, "n%u is taken away", node->id);
    node->exists = false;
    world->member_plan.leaving &= ~(1u << node->id);
    node_kill(world, node, false);
}

/* False: the node that was asked does not know yet that it is committed. */
static bool start_new_node(struct world *world, const struct node *asked) {
    const struct raft *raft = replica_raft(asked->replica);
    const struct replica_change *change = &world->member_plan.change;
    const struct member *member = find_uuid(raft_members(raft), change->member.uuid);
    if (member == NULL || !raft_members_are_committed(raft)) return false;
    world->result->figures.nodes_added++;
    world->result->figures.nodes_replaced += change->member.replaces != 0;
    world_trace(world, member->id, "n%u is let in", member->id);
    uint64_t uuid;
    memcpy(&uuid, member->uuid, sizeof(uuid));
    uint32_t id = member->id;
    /* Ids are given out again in the end. */
    if (world->nodes[id].exists) take_away(world, &world->nodes[id]);
    world_make_node(world, id, uuid,
                    (struct raft_position){
                        .index = raft_members_index(raft),
                        .term = raft_term_at(raft, raft_commit_index(raft)),
                    });
    world_at(world, world->now_us + world_paced_us(world, 2, 10),
             (struct event){.kind = EVENT_START, .to = id});
    if (world->healed) clients_spread(world);
    return true;
}

static bool is_over(struct world *world) {
    struct member_plan *plan = &world->member_plan;
    const struct node *asked = &world->nodes[plan->asked];
    bool is_lost = plan->ticket == 0 || !runs(asked) || asked->boots != plan->asked_boot;
    if (is_lost) {
        ask(world);
        return false;
    }
    bool adds = plan->change.kind == REPLICA_ADD;
    if (adds && start_new_node(world, asked)) return true;
    struct replica_change_status status = replica_change_status(asked->replica, plan->ticket);
    switch (status.state) {
    case REPLICA_CHANGE_OPEN:
        return false;
    case REPLICA_CHANGE_DONE:
        plan->ticket = 0; /* A new node's place has to be seen as committed. */
        world->result->figures.nodes_removed += !adds;
        return !adds;
    case REPLICA_CHANGE_REFUSED:
        world_trace(world, plan->change.id, "refused: %s", status.reason);
        plan->leaving &= ~plan->newly_leaving; /* not who leaves by an earlier change */
        return true;
    case REPLICA_CHANGE_LATE:
        plan->ticket = 0;
        return false;
    }
    return true;
}

/* --- nodes that were removed ------------------------------------------------------------------ */

static void end_removed(struct world *world) {
    uint64_t index;
    const struct members *members = newest(world, &index);
    if (members == NULL || members->joint) return;
    uint32_t all = members_all(members);
    for (uint32_t id = 1; id <= world->node_count; id++) {
        struct node *node = &world->nodes[id];
        bool is_member = (all >> id & 1) == 1 || index < node->joined.index;
        if (!node->exists || is_member) continue;
        if (!world->healed && !world_chance(world, 50)) continue;
        take_away(world, node);
        if (world->healed) clients_spread(world);
        return; /* The configuration may have been its. */
    }
}

static void note_loneliness(struct world *world) {
    uint64_t index;
    const struct members *members = newest(world, &index);
    if (members == NULL) return;
    uint32_t voters = members_voters(members);
    world->was_alone |= (voters & (voters - 1)) == 0;
}

void members_tend(struct world *world) {
    struct member_plan *plan = &world->member_plan;
    note_loneliness(world);
    end_removed(world);
    if (plan->is_open && is_over(world)) {
        plan->is_open = false;
        if (plan->is_busy) members_strike(world);
    }
    /* In a slow cluster, too, an operator looks before all patience is over. */
    uint64_t pause_us = world_paced_us(world, 20, 4);
    if (pause_us > LOOK_MAX_US) pause_us = LOOK_MAX_US;
    world_at(world, world->now_us + pause_us, (struct event){.kind = EVENT_OPERATOR});
}

void members_describe(const struct world *world, struct buffer *out) {
    uint64_t index;
    const struct members *members = newest(world, &index);
    buffer_append_format(out, "members at %llu: ", (unsigned long long)index);
    if (members != NULL) members_print(members, out);
    buffer_append_format(out, "; nodes:");
    for (uint32_t id = 1; id <= world->node_count; id++) {
        const struct node *node = &world->nodes[id];
        if (!node->exists) continue;
        buffer_append_format(out, " n%u%s", id, node->serves_again ? "" : " (does not serve)");
    }
    if (world->member_plan.is_open) buffer_append_format(out, "; the operator waits");
}

bool members_may_leave(const struct world *world, uint32_t node) {
    return (world->member_plan.leaving >> node & 1) == 1;
}

bool members_are_settled_for(const struct world *world, const struct node *node) {
    uint64_t index;
    (void)newest(world, &index);
    if (!members_are_settled(world) || !runs(node)) return false;
    const struct raft *raft = replica_raft(node->replica);
    return raft_members_index(raft) == index && raft_persisted_index(raft) >= index;
}

bool members_are_settled(const struct world *world) {
    uint64_t index;
    const struct members *members = newest(world, &index);
    if (members == NULL || world->member_plan.is_open || members->joint) return false;
    uint32_t existing = 0;
    for (uint32_t id = 1; id <= world->node_count; id++)
        existing |= world->nodes[id].exists ? 1u << id : 0;
    return existing == members_all(members) && existing == members_voters(members);
}
