/* raft_chance.c: one random run; every choice comes from the seed. */
#include "raft_chance.h"

#include <stdio.h>

#include "base/memory.h"

struct chance {
    struct box *box;
    struct random random;
    bool paused[BOX_NODES_MAX + 1];
    uint64_t next_context, next_body;
    uint64_t crashes, faults, snapshots, lost, timings, unreadable;
    bool is_fixed;
    struct raft_config config;
    /* Character of this run, so that seeds differ more than by luck. */
    uint32_t loss_percent, persist_percent, trouble_per_mille;
    uint32_t change_rate, snapshot_rate, install_rate; /* in 2000 steps */
    uint32_t losses; /* of 100 crashes, so many lose something of the disk */
};

static uint32_t below(struct chance *chance, uint32_t bound) {
    return (uint32_t)random_below(&chance->random, bound);
}
static bool percent(struct chance *chance, uint32_t likelihood) {
    return below(chance, 100) < likelihood;
}
static uint32_t any_node(struct chance *chance) {
    return 1 + below(chance, chance->box->count);
}

static bool is_awake(const struct chance *chance, uint32_t id) {
    return chance->box->nodes[id].raft != NULL && !chance->paused[id];
}

static void tick_all(struct chance *chance) {
    for (uint32_t id = 1; id <= chance->box->count; id++) {
        if (!is_awake(chance, id)) continue;
        if (box_now_us(chance->box, id) >= raft_deadline_us(chance->box->nodes[id].raft)) {
            box_tick(chance->box, id);
        }
    }
}

/* The oldest letter to a node that is awake, or one from the middle. A paused node's letters wait
 * for it; those to a dead one are lost. */
static uint32_t pick_letter(struct chance *chance) {
    struct box *box = chance->box;
    uint32_t i = percent(chance, 75) ? 0 : below(chance, box->letters.count);
    while (i < box->letters.count && chance->paused[box->letters.at[i].to])
        i++;
    return i;
}

static void move_a_letter(struct chance *chance) {
    struct box *box = chance->box;
    if (box->letters.count == 0) return;
    uint32_t i = pick_letter(chance);
    if (i == box->letters.count) return;
    if (box->letters.count > 200 || percent(chance, chance->loss_percent)) {
        chance->faults++;
        box_drop(box, i);
    } else if (box->nodes[box->letters.at[i].to].raft == NULL) {
        box_drop(box, i);
    } else if (percent(chance, 3)) {
        chance->faults++;
        box_duplicate(box, i);
    } else {
        box_deliver(box, i);
    }
}

static void propose(struct chance *chance) {
    char body[64];
    for (uint32_t id = 1; id <= chance->box->count; id++) {
        if (!is_awake(chance, id) || !percent(chance, 60)) continue;
        int size = snprintf(body, sizeof(body), "%llu%*s", (unsigned long long)chance->next_body++,
                            (int)below(chance, 40), "");
        box_propose(chance->box, id, bytes_of(body, (size_t)size));
    }
}

static void read_somewhere(struct chance *chance) {
    uint32_t id = any_node(chance);
    if (!is_awake(chance, id) || chance->next_context >= BOX_READS_MAX) return;
    box_read(chance->box, id, chance->next_context++, percent(chance, 30));
}

/* --- members and snapshots ------------------------------------------------------------------ */

/* Somebody comes, goes, or gets another part. */
static void vary(struct chance *chance, struct members *members) {
    static const uint32_t parts[] = {MEMBER_VOTER, MEMBER_VOTER, 0, MEMBER_PROMOTE};
    uint32_t id = any_node(chance);
    if (members_find(members, id) != NULL && percent(chance, 50)) {
        members_drop(members, id);
        return;
    }
    struct member member = {.id = id, .flags = parts[below(chance, COUNT_OF(parts))]};
    if (member.flags == MEMBER_PROMOTE && percent(chance, 30))
        member.replaces = 1 + id % chance->box->count;
    if (member.replaces == id) member.replaces = 0;
    bool put = members_put(members, &member);
    CHECK(put);
}

static void change_members(struct chance *chance) {
    for (uint32_t id = 1; id <= chance->box->count; id++) {
        if (!is_awake(chance, id)) continue;
        const struct raft *raft = chance->box->nodes[id].raft;
        if (raft_role(raft) != RAFT_LEADER) continue;
        struct members target = *raft_members(raft);
        if (target.joint) members_end_change(raft_members(raft), &target);
        for (uint32_t count = 1 + below(chance, 3); count > 0; count--)
            vary(chance, &target);
        box_change(chance->box, id, &target);
    }
}

static void shorten_logs(struct chance *chance) {
    struct box *box = chance->box;
    uint32_t id = any_node(chance);
    if (!is_awake(chance, id)) return;
    if (percent(chance, 50) && box_snapshot(box, id)) chance->snapshots++;
    uint64_t reach = box->nodes[id].snapshot.position.index;
    if (percent(chance, 60) && reach > 0) box_compact(box, id, reach - below(chance, 3) % reach);
}

static void install_somewhere(struct chance *chance) {
    uint32_t id = any_node(chance);
    if (!is_awake(chance, id)) return;
    if (percent(chance, 90)) {
        box_install(chance->box, id);
    } else if (box_receive(chance->box, id)) {
        box_crash(chance->box, id);
        chance->crashes++;
    }
}

/* --- trouble -------------------------------------------------------------------------------- */

/* Trouble likes leaders. */
static uint32_t pick_victim(struct chance *chance) {
    uint32_t id = any_node(chance);
    for (uint32_t other = 1; other <= chance->box->count; other++) {
        const struct raft *raft = chance->box->nodes[other].raft;
        if (raft != NULL && raft_role(raft) == RAFT_LEADER && percent(chance, 40)) return other;
    }
    return id;
}

static void cut_links(struct chance *chance) {
    uint32_t victim = pick_victim(chance);
    bool one_way = percent(chance, 20), heal = percent(chance, 50);
    uint32_t only = percent(chance, 50) ? any_node(chance) : 0; /* one link, or all */
    for (uint32_t other = 1; other <= chance->box->count; other++) {
        if (other == victim || (only != 0 && other != only)) continue;
        chance->box->cut[victim][other] = !heal;
        chance->box->cut[other][victim] = !heal && !one_way;
    }
}

/* A disk loses entries or the vote: its node knows. Who votes and is not in this node's log yet is
 * not asked for its term, so the vote is lost only where the members stay. */
static void lose_something(struct chance *chance, uint32_t id) {
    struct box_node *node = &chance->box->nodes[id];
    bool loses_vote = chance->change_rate == 0 && !node->damaged && percent(chance, 30);
    chance->lost++;
    if (loses_vote)
        box_lose_vote(chance->box, id);
    else if (!node->vote_lost)
        box_damage(chance->box, id, below(chance, (uint32_t)node->log_count + 1));
}

/* Of one node: so they differ, for long. A restart brings back the old one. */
static void change_timing(struct chance *chance, uint32_t id) {
    static const struct box_timing timings[] = {
        {50000, 400000}, {20000, 100000}, {10000, 20000}, {200000, 1000000}, {100000, 200000}};
    chance->timings++;
    box_timing(chance->box, id, timings[below(chance, COUNT_OF(timings))]);
}

static void make_trouble(struct chance *chance) {
    uint32_t id = pick_victim(chance);
    chance->faults++;
    switch (below(chance, chance->is_fixed ? 7 : 11)) {
    case 0:
        if (chance->box->nodes[id].raft != NULL) {
            box_crash(chance->box, id);
            chance->crashes++;
            if (chance->losses > 0 && percent(chance, chance->losses)) lose_something(chance, id);
        }
        break;
    case 1:
    case 2:
        cut_links(chance);
        break;
    case 3:
        chance->paused[id] = true;
        break;
    case 4:
        memset(chance->paused, 0, sizeof(chance->paused));
        break;
    case 5:
        if (is_awake(chance, id)) box_connected(chance->box, id, any_node(chance));
        break;
    case 6:
        if (is_awake(chance, id)) box_transfer(chance->box, id, any_node(chance), 0);
        break;
    case 7:
        if (is_awake(chance, id)) box_unfit(chance->box, id, below(chance, 8));
        break;
    case 8:
        if (chance->change_rate > 0 && chance->box->count < BOX_NODES_MAX)
            box_add(chance->box, &chance->config);
        break;
    case 9:
        if (is_awake(chance, id)) change_timing(chance, id);
        break;
    case 10:
        if (is_awake(chance, id)) box_resign(chance->box, id);
        break;
    }
}

/* Now and then a segment can't be read, or never will be at some place. */
static void answer_fetch(struct chance *chance, uint32_t id) {
    const struct box_node *node = &chance->box->nodes[id];
    if (node->fetch_count == 0) return;
    uint64_t unreadable = percent(chance, 50) ? 0 : node->fetches[0].from + below(chance, 4);
    if (percent(chance, 80))
        box_fetch(chance->box, id);
    else if (box_fail_fetch(chance->box, id, unreadable))
        chance->unreadable += unreadable > 0;
}

static void one_step(struct chance *chance) {
    struct box *box = chance->box;
    box->now_us += below(chance, 1000) < 5 ? below(chance, 700000) : below(chance, 3000);
    uint32_t choice = below(chance, 100);
    if (choice < 60)
        move_a_letter(chance);
    else if (choice < 75)
        tick_all(chance);
    else if (choice < 80)
        propose(chance);
    else if (choice < 84)
        read_somewhere(chance);
    else if (choice < 86 && is_awake(chance, 1 + choice % box->count))
        box_notify(box, 1 + choice % box->count, any_node(chance));

    if (below(chance, 2000) < chance->change_rate) change_members(chance);
    if (below(chance, 2000) < chance->snapshot_rate) shorten_logs(chance);
    if (below(chance, 2000) < chance->install_rate) install_somewhere(chance);

    uint32_t id = any_node(chance);
    if (is_awake(chance, id) && percent(chance, chance->persist_percent)) box_persist(box, id);
    if (is_awake(chance, id)) answer_fetch(chance, id);
    if (box->nodes[id].raft == NULL && below(chance, 100) < 3) {
        chance->paused[id] = false;
        box_start(box, id);
    }
    if (below(chance, 1000) < chance->trouble_per_mille) make_trouble(chance);
}

/* Those who have to go on: the members that the newest committed configuration has. */
static const struct members *last_members(const struct box *box) {
    const struct raft *newest = box->nodes[1].raft;
    for (uint32_t id = 2; id <= box->count; id++) {
        const struct raft *raft = box->nodes[id].raft;
        if (raft_commit_index(raft) > raft_commit_index(newest)) newest = raft;
    }
    return raft_members(newest);
}

static bool all_have(const struct box *box, uint64_t goal) {
    const struct members *members = last_members(box);
    if (members->joint) return false;
    for (uint32_t i = 0; i < members->count; i++)
        if (raft_commit_index(box->nodes[members->at[i].id].raft) < goal) return false;
    return true;
}

static bool is_majority(uint32_t nodes, uint32_t voters) {
    return __builtin_popcount(nodes & voters) > __builtin_popcount(voters) / 2;
}

/* Enough who may vote are left, whichever configuration it comes to; and who asks for terms asks
 * nobody who asks himself. */
static bool can_heal(const struct box *box) {
    uint32_t sound = 0, votes_lost = 0;
    for (uint32_t id = 1; id <= box->count; id++) {
        const struct box_node *node = &box->nodes[id];
        sound |= (uint32_t)(!node->damaged && !node->vote_lost) << id;
        votes_lost += node->vote_lost;
    }
    bool can = votes_lost <= 1;
    for (uint32_t id = 1; id <= box->count; id++) {
        const struct members *members = raft_members(box->nodes[id].raft);
        can &= members->count == 0 || is_majority(sound, members_voters(members));
        can &= !members->joint || is_majority(sound, members_next_voters(members));
    }
    return can;
}

/* All faults end; then the cluster has to become one again within a few seconds. */
static bool heal(struct chance *chance, bool *hopeless) {
    struct box *box = chance->box;
    memset(box->cut, 0, sizeof(box->cut));
    memset(chance->paused, 0, sizeof(chance->paused));
    for (uint32_t id = 1; id <= box->count; id++) {
        if (box->nodes[id].raft == NULL) box_start(box, id);
        box_unfit(box, id, 0);
        box_timing(box, id, (struct box_timing){50000, 400000});
    }
    *hopeless = !can_heal(box);
    uint64_t goal = 0;
    for (int i = 0; i < 1000; i++) {
        box->now_us += 10000;
        tick_all(chance);
        box_settle(box);
        if (box->violation.size > 0) return false;
        if (i % 50 == 25) {
            propose(chance);
            box_settle(box);
        }
        if (i == 300) goal = box->committed_count + 1;
    }
    return all_have(box, goal);
}

void chance_run(const struct chance_options *options, struct chance_result *result) {
    struct box *box = memory_allocate(sizeof(*box));
    struct chance chance = {.box = box, .next_context = 1};
    static const uint32_t slowness[] = {2, 8, 40, 95};
    random_init(&chance.random, options->seed);
    chance.is_fixed = options->is_fixed;
    if (!options->is_fixed) {
        chance.change_rate = percent(&chance, 50) ? 1 + below(&chance, 80) : 0;
        chance.snapshot_rate = percent(&chance, 50) ? 1 + below(&chance, 200) : 0;
        chance.install_rate = 1 + below(&chance, percent(&chance, 50) ? 3 : 60);
    }
    if (options->loses) chance.losses = 1 + below(&chance, 60);
    uint32_t count = chance.change_rate > 0 ? 1 + below(&chance, 5) : 3 + below(&chance, 3);
    chance.loss_percent = below(&chance, 3) * 5;
    chance.persist_percent = slowness[below(&chance, COUNT_OF(slowness))];
    chance.trouble_per_mille = 1 + below(&chance, 12);
    chance.config = (struct raft_config){
        .heartbeat_us = 50000,
        .election_us = 400000,
        .lease_margin_us = 40000,
        .seed = options->seed,
        .base_hash = 77,
        .tail_bytes_max = percent(&chance, 50) ? 2000 : 1 << 20,
        .append_bytes_max = 150 + below(&chance, 2) * 2000,
        .inflight_max = 1 + below(&chance, 4),
        .planted = options->planted,
    };
    box_init(box, count, &chance.config);
    box->trace = options->trace;
    for (uint32_t id = 1; id <= count; id++)
        box_start(box, id);

    for (uint32_t i = 0; i < options->steps && box->violation.size == 0; i++) {
        one_step(&chance);
        if (i % 256 == 0) box_check_logs(box);
    }
    *result = (struct chance_result){.committed = box->committed_count};
    if (box->violation.size == 0) result->healed = heal(&chance, &result->hopeless);
    box_check_logs(box);
    result->elections = box->elections;
    result->granted_reads = box->granted_reads;
    result->lease_moments = box->lease_moments;
    result->changes = box->changes;
    result->installs = box->installs;
    result->snapshots = chance.snapshots;
    result->unreadable = chance.unreadable;
    result->crashes = chance.crashes;
    result->timings = chance.timings;
    result->faults = chance.faults;
    result->lost = chance.lost;
    if (box->violation.size > 0) {
        snprintf(result->violation, sizeof(result->violation), "%s", box->violation.data);
    }
    box_clear(box);
    memory_release(box);
}
