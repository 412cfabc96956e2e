/* checks.c: Raft's safety properties (Raft 5, Figure 3) and equal states, seen from outside, over
 * all nodes and all of time. */
#include "base/hash.h"
#include "base/memory.h"
#include "tests/simulator/world.h"

/* An entry as first seen committed anywhere; hash 0: not seen in memory yet. */
struct committed {
    uint64_t term, hash, in_term; /* in_term: of the leader that committed it */
};

struct sighting {
    uint64_t key, hash; /* key: of term and index; 0: free */
};

/* What is known of one term: its leader, and whom each node has voted for, as that left the nodes;
 * 0: nobody. */
struct term_row {
    uint64_t term;
    uint32_t leader;
    uint8_t votes[NODES_MAX + 1];
};

struct checks {
    uint64_t elections;
    struct term_row *terms; /* ascending: there may be wide gaps (raft_repair.c) */
    uint64_t term_count, term_capacity;
    struct committed *committed; /* by index; from 1 on */
    uint64_t commit, commit_capacity;
    uint64_t *digests; /* by applied index; 0: not seen */
    uint64_t digest_capacity;
    struct sighting *sightings; /* last entries of logs: log matching */
    size_t sighting_count, sighting_capacity;
};

struct checks *checks_create(void) {
    return memory_allocate_zeroed(sizeof(struct checks));
}

void checks_destroy(struct checks *checks) {
    memory_release(checks->terms);
    memory_release(checks->committed);
    memory_release(checks->digests);
    memory_release(checks->sightings);
    memory_release(checks);
}

/* --- majorities -----------------------------------------------------------------------------
 *
 * By the configuration that was in force where the decision was made; in a joint one both sets have
 * to agree (thesis 4.3). */

static bool is_majority(uint32_t set, uint32_t nodes) {
    return 2 * __builtin_popcount(set & nodes) > __builtin_popcount(set);
}

static bool is_quorum(const struct members *members, uint32_t nodes) {
    uint32_t next = members_next_voters(members);
    return is_majority(members_voters(members), nodes) && (next == 0 || is_majority(next, nodes));
}

/* Ids are given out again in the end: the configuration may mean another node. */
static bool is_meant(const struct members *members, const struct node *node) {
    const struct member *member = members_find(members, node->id);
    return member != NULL && memcmp(member->uuid, &node->uuid, sizeof(node->uuid)) == 0;
}

static bool is_voter(const struct members *members, const struct node *node) {
    uint32_t voters = members_voters(members) | members_next_voters(members);
    return (voters >> node->id & 1) == 1 && is_meant(members, node);
}

void checks_node_started(struct node *node) {
    node->members_are_known = false;
    node->checked_commit = node->checked_last = node->checked_last_term = 0;
    node->checked_applied = node->led_term = 0;
    node->recovered = false;
}

void checks_node_stops(struct node *node) {
    if (replica_state(node->replica) == REPLICA_RECOVERING) return; /* What held still holds. */
    node->durable_index = 0;
    if (replica_state(node->replica) != REPLICA_RUNNING) return;
    const struct raft *raft = replica_raft(node->replica);
    /* Which of old log and new snapshot is found cannot be known yet; both have this. */
    bool is_between = raft_is_restarting(raft);
    node->durable_index = is_between ? node->settled_index : raft_persisted_index(raft);
    node->durable_term = is_between ? node->settled_term : raft_term_at(raft, node->durable_index);
}

static void note_settled(struct node *node) {
    const struct raft *raft = replica_raft(node->replica);
    if (raft_is_restarting(raft)) return;
    uint64_t persisted = raft_persisted_index(raft), commit = raft_commit_index(raft);
    node->settled_index = persisted < commit ? persisted : commit;
    node->settled_term = raft_term_at(raft, node->settled_index);
}

/* Room for row `index`; new rows are zero. */
static void *grow(void *rows, uint64_t *capacity, uint64_t index, size_t size) {
    if (index < *capacity) return rows;
    uint64_t bigger = index * 2 + 64;
    char *grown = memory_resize(rows, bigger * size);
    memset(grown + *capacity * size, 0, (bigger - *capacity) * size);
    *capacity = bigger;
    return grown;
}

/* What a log begins behind, a snapshot holds: that is committed, and compared by its digest. */
static bool has_entry(const struct raft *raft, uint64_t index, uint64_t term) {
    return index <= raft_base_index(raft) || raft_term_at(raft, index) == term;
}

/* --- leaders -------------------------------------------------------------------------------- */

/* Lent until another term is looked up. */
static struct term_row *row_of(struct checks *checks, uint64_t term) {
    uint64_t at = checks->term_count;
    while (at > 0 && checks->terms[at - 1].term > term)
        at--;
    if (at > 0 && checks->terms[at - 1].term == term) return &checks->terms[at - 1];
    checks->terms =
        grow(checks->terms, &checks->term_capacity, checks->term_count, sizeof(struct term_row));
    memmove(&checks->terms[at + 1], &checks->terms[at],
            (checks->term_count++ - at) * sizeof(struct term_row));
    checks->terms[at] = (struct term_row){.term = term};
    return &checks->terms[at];
}

/* One vote a term, whatever happens to the node between two (Raft 5.2). */
void checks_vote(struct world *world, const struct raft_message *message) {
    struct checks *checks = world->checks;
    bool asks = message->type == RAFT_VOTE;
    if (!asks && (message->type != RAFT_VOTE_REPLY || message->as.vote_reply.granted == 0)) return;
    uint8_t *vote = &row_of(checks, message->term)->votes[message->from];
    uint32_t candidate = asks ? message->from : message->to;
    /* A candidate that has lost its vote, of which nobody had heard, is one no more: what comes in
     * for it is dropped, and its vote is another's to have (raft_repair.c). */
    bool is_forgotten = *vote == message->from && world->nodes[message->from].was_damaged && !asks;
    if (*vote != 0 && *vote != candidate && !is_forgotten) {
        world_violation(world, "n%u votes for n%u and for n%u in term %llu", message->from, *vote,
                        candidate, (unsigned long long)message->term);
    }
    *vote = (uint8_t)candidate;
}

/* Leader completeness: whoever leads has all that was committed in earlier terms. Votes on their
 * way may still make a leader of a term that is over: it owes nothing to later ones. */
static void check_completeness(struct world *world, const struct node *node) {
    const struct checks *checks = world->checks;
    const struct raft *raft = replica_raft(node->replica);
    uint64_t term = raft_term(raft);
    for (uint64_t index = checks->commit; index > 0; index--) {
        struct entry entry;
        const struct committed *committed = &checks->committed[index];
        if (committed->in_term > term) continue;
        bool exists = raft_last_index(raft) >= index;
        bool same = exists && has_entry(raft, index, committed->term);
        if (same && committed->hash != 0 && raft_entry_at(raft, index, &entry)) {
            same = entry_hash(entry.image) == committed->hash;
        }
        if (same) continue;
        world_violation(world, "n%u leads term %llu %s entry %llu that was committed", node->id,
                        (unsigned long long)term, exists ? "with another than the" : "without the",
                        (unsigned long long)index);
        return;
    }
}

static void check_leader(struct world *world, struct node *node) {
    struct checks *checks = world->checks;
    const struct raft *raft = replica_raft(node->replica);
    uint64_t term = raft_term(raft);
    if (raft_role(raft) != RAFT_LEADER || node->led_term == term) return;
    node->led_term = term;
    uint32_t *leader = &row_of(checks, term)->leader;
    world_trace(world, term, "n%u leads term %llu", node->id, (unsigned long long)term);
    if (*leader != 0 && *leader != node->id) {
        world_violation(world, "n%u and n%u both lead term %llu", *leader, node->id,
                        (unsigned long long)term);
        return;
    }
    *leader = node->id;
    checks->elections++;
    if (world->is_calm && checks->elections > 1)
        world_violation(world, "n%u is elected although there is no reason for it", node->id);
    faults_when_power_changes(world);
    check_completeness(world, node);
}

/* While a leader may answer reads by itself, nobody leads a later term (SAFETY 5). */
static void check_leases(struct world *world, const struct node *node) {
    const struct raft *raft = replica_raft(node->replica);
    if (raft_role(raft) != RAFT_LEADER) return;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        const struct node *other = &world->nodes[id];
        if (other->replica == NULL || replica_raft(other->replica) == NULL) continue;
        const struct raft *peer = replica_raft(other->replica);
        if (raft_role(peer) != RAFT_LEADER || raft_term(peer) == raft_term(raft)) continue;
        bool older = raft_term(peer) < raft_term(raft);
        const struct node *holder = older ? other : node, *leader = older ? node : other;
        if (!raft_has_lease(replica_raft(holder->replica), node_clock_us(world, holder))) continue;
        world_violation(world, "n%u leads term %llu while n%u still has the lease of term %llu",
                        leader->id, (unsigned long long)raft_term(replica_raft(leader->replica)),
                        holder->id, (unsigned long long)raft_term(replica_raft(holder->replica)));
        return;
    }
}

/* --- the log -------------------------------------------------------------------------------- */

/* Log matching: equal index and term, equal hash, hence equal logs up to there. */
static void check_matching(struct world *world, struct node *node) {
    struct checks *checks = world->checks;
    const struct raft *raft = replica_raft(node->replica);
    uint64_t last = raft_last_index(raft), term = raft_term_at(raft, last);
    if (last == 0 || (last == node->checked_last && term == node->checked_last_term)) return;
    node->checked_last = last;
    node->checked_last_term = term;
    if (checks->sighting_count * 2 >= checks->sighting_capacity) {
        size_t old = checks->sighting_capacity, capacity = old * 2 + 1024;
        struct sighting *grown = memory_allocate_zeroed(capacity * sizeof(*grown));
        for (size_t i = 0; i < old; i++) {
            if (checks->sightings[i].key == 0) continue;
            size_t at = checks->sightings[i].key % capacity;
            while (grown[at].key != 0)
                at = (at + 1) % capacity;
            grown[at] = checks->sightings[i];
        }
        memory_release(checks->sightings);
        checks->sightings = grown;
        checks->sighting_capacity = capacity;
    }
    uint64_t key = term << 32 | last, hash = raft_last_hash(raft);
    size_t at = key % checks->sighting_capacity;
    while (checks->sightings[at].key != 0 && checks->sightings[at].key != key)
        at = (at + 1) % checks->sighting_capacity;
    if (checks->sightings[at].key == 0) {
        checks->sightings[at] = (struct sighting){key, hash};
        checks->sighting_count++;
    } else if (checks->sightings[at].hash != hash) {
        world_violation(world, "two different entries %llu of term %llu (one on n%u)",
                        (unsigned long long)last, (unsigned long long)term, node->id);
    }
}

/* What is committed is durable on a majority. A node that is down may have it: the benefit of the
 * doubt is its. So it is with one whose disk has lost something, as long as it does not vote. */
static void check_durable(struct world *world, const struct members *members, uint64_t index,
                          uint64_t term) {
    uint32_t holders = 0;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        struct replica *replica = world->nodes[id].replica;
        if (replica == NULL || replica_state(replica) != REPLICA_RUNNING) {
            holders |= 1u << id;
            continue;
        }
        const struct raft *raft = replica_raft(replica);
        bool has_it = raft_persisted_index(raft) >= index && has_entry(raft, index, term);
        if (has_it || damage_is_mute(&world->nodes[id]))
            holders |= 1u << id; /* it may have had it */
    }
    if (is_quorum(members, holders)) return;
    struct buffer text = {0};
    members_print(members, &text);
    world_violation(world,
                    "entry %llu counts as committed, but only the nodes of mask %x, no majority of "
                    "%.*s, have it durably",
                    (unsigned long long)index, holders, (int)text.size, text.data);
    buffer_clear(&text);
}

static const struct raft *running_raft(const struct node *node) {
    bool runs = node->replica != NULL && replica_state(node->replica) == REPLICA_RUNNING;
    return runs ? replica_raft(node->replica) : NULL;
}

/* The end of a log: what elections go by (Raft 5.4.1). */
struct log_end {
    uint64_t term, index;
};

static bool is_up_to_date(struct log_end candidate, struct log_end voter) {
    if (candidate.term != voter.term) return candidate.term > voter.term;
    return candidate.index >= voter.index;
}

/* What a node would still have if it lost its power now; index 0: nobody can say. */
static struct log_end durable_end(const struct node *node) {
    const struct raft *raft = running_raft(node);
    if (raft == NULL) return (struct log_end){node->durable_term, node->durable_index};
    uint64_t index = raft_persisted_index(raft);
    return (struct log_end){raft_term_at(raft, index), index};
}

/* True if the node surely has another entry there, or none. *end: what it would campaign with. */
static bool surely_lacks(const struct node *node, uint64_t index, uint64_t term,
                         struct log_end *end) {
    const struct raft *raft = running_raft(node);
    *end = durable_end(node);
    if (raft == NULL) return end->index < index || (end->index == index && end->term != term);
    end->index = raft_last_index(raft);
    end->term = raft_term_at(raft, end->index);
    return !has_entry(raft, index, term);
}

/* Leader completeness, before it is too late (Raft 5.4.3): what counts as committed is in the log
 * of every node that could still be elected, even if some lost their power now. */
static void check_electable(struct world *world, uint64_t index, uint64_t term) {
    for (uint32_t id = 1; id <= world->node_count; id++) {
        const struct node *node = &world->nodes[id];
        struct log_end candidate;
        /* So it is with one that is down, and was hit: it will find that it has lost something. */
        bool is_down = running_raft(node) == NULL;
        if (damage_is_mute(node) || (is_down && node->is_damaged)) continue;
        if (!node->exists || !surely_lacks(node, index, term, &candidate)) continue;
        /* It counts by the configuration that it has in force itself; one that is down may have
         * lost its newest. */
        const struct raft *raft = running_raft(node);
        if (raft == NULL && node->members_index > node->durable_index) continue;
        const struct members *members = raft == NULL ? &node->members : raft_members(raft);
        if (!is_voter(members, node)) continue;
        uint32_t votes = 0;
        for (uint32_t peer = 1; peer <= world->node_count; peer++) {
            struct log_end voter = durable_end(&world->nodes[peer]);
            bool grants = world->nodes[peer].exists && !damage_is_mute(&world->nodes[peer]) &&
                          is_meant(members, &world->nodes[peer]) && voter.index > 0 &&
                          is_up_to_date(candidate, voter);
            if (grants) votes |= 1u << peer;
        }
        if (!is_quorum(members, votes)) continue;
        struct buffer text = {0};
        members_print(members, &text);
        world_violation(world,
                        "entry %llu counts as committed, but n%u could be elected without it, by "
                        "the nodes of mask %x of %.*s",
                        (unsigned long long)index, id, votes, (int)text.size, text.data);
        buffer_clear(&text);
        return;
    }
}

/* What a node counted as durable, and said so, survives its end. */
static void check_recovered(struct world *world, struct node *node) {
    if (node->recovered || replica_state(node->replica) != REPLICA_RUNNING) return;
    node->recovered = true;
    const struct raft *raft = replica_raft(node->replica);
    if (node->durable_index == 0 || damage_is_mute(node)) return;
    if (has_entry(raft, node->durable_index, node->durable_term)) return;
    world_violation(world, "n%u has lost entry %llu of term %llu, which it had as durable",
                    node->id, (unsigned long long)node->durable_index,
                    (unsigned long long)node->durable_term);
}

static void check_committed(struct world *world, struct node *node) {
    struct checks *checks = world->checks;
    const struct raft *raft = replica_raft(node->replica);
    uint64_t commit = raft_commit_index(raft);
    if (node->checked_commit < raft_base_index(raft)) node->checked_commit = raft_base_index(raft);
    while (node->checked_commit < commit && !world->result->violated) {
        uint64_t index = ++node->checked_commit;
        struct entry entry;
        uint64_t term = raft_term_at(raft, index);
        uint64_t hash = raft_entry_at(raft, index, &entry) ? entry_hash(entry.image) : 0;
        checks->committed =
            grow(checks->committed, &checks->commit_capacity, index, sizeof(struct committed));
        struct committed *committed = &checks->committed[index];
        if (index > checks->commit) {
            checks->commit = index;
            *committed = (struct committed){term, hash, raft_term(raft)};
            check_durable(world, &node->members, index, term);
            check_electable(world, index, term);
            continue;
        }
        bool same = committed->term == term &&
                    (hash == 0 || committed->hash == 0 || committed->hash == hash);
        if (committed->hash == 0) committed->hash = hash;
        if (same) continue;
        world_violation(world,
                        "n%u has committed another entry %llu (term %llu) than was "
                        "committed before (term %llu)",
                        node->id, (unsigned long long)index, (unsigned long long)term,
                        (unsigned long long)committed->term);
    }
}

/* --- the state ------------------------------------------------------------------------------ */

static void check_digest(struct world *world, struct node *node) {
    struct checks *checks = world->checks;
    uint64_t applied = replica_applied_index(node->replica);
    if (applied == node->checked_applied) return;
    node->checked_applied = applied;
    uint64_t now_ms = (uint64_t)storages_now_ms(replica_storages(node->replica));
    if (now_ms > world->log_ms) world->log_ms = now_ms;
    uint64_t digest = replica_digest(node->replica) | 1;
    checks->digests = grow(checks->digests, &checks->digest_capacity, applied, sizeof(uint64_t));
    if (checks->digests[applied] == 0) {
        checks->digests[applied] = digest;
        return;
    }
    world->result->figures.digests_compared++;
    if (checks->digests[applied] == digest) return;
    world_violation(world, "n%u has another state after entry %llu than the node before it",
                    node->id, (unsigned long long)applied);
}

/* Disks keep what was synced, but for those that were hit. */
static void check_lapses(struct world *world, struct node *node) {
    struct raft_lapse lapse;
    if (!replica_next_lapse(node->replica, &lapse)) return;
    if (world->nodes[lapse.node].was_damaged) return;
    world_violation(world, "n%u had acknowledged entry %llu and has none behind %llu", lapse.node,
                    (unsigned long long)lapse.acknowledged, (unsigned long long)lapse.kept);
}

/* The newest configuration in the log is in force, and none that is not in it (thesis 4.1). */
static void check_in_force(struct world *world, const struct node *node) {
    const struct raft *raft = running_raft(node);
    uint64_t index = raft == NULL ? 0 : raft_members_index(raft);
    struct entry entry;
    if (raft == NULL || index <= raft_commit_index(raft)) return;
    bool is_there = raft_entry_at(raft, index, &entry) && entry_type(entry.image) == ENTRY_CONFIG;
    if (is_there) {
        struct buffer body = {0};
        members_encode(raft_members(raft), &body);
        is_there = bytes_equal(buffer_bytes(&body), entry_body(entry.image));
        buffer_clear(&body);
    }
    if (is_there) return;
    world_violation(world, "n%u goes by a configuration of entry %llu that its log does not hold",
                    node->id, (unsigned long long)index);
}

/* In force after this step. One that commits a joint configuration appends the next one at once:
 * decisions in it were made by what was in force before. */
static void note_members(struct world *world, struct node *node) {
    const struct raft *raft = running_raft(node);
    if (raft == NULL) return;
    uint64_t index = raft_members_index(raft), term = raft_term_at(raft, index);
    bool same = index == node->members_index && term == node->members_term;
    if (node->members_are_known && same) return; /* Copying them each time is what takes long. */
    bool is_begun = node->members_are_known && raft_role(raft) == RAFT_LEADER &&
                    index > node->members_index && raft_members(raft)->joint;
    if (is_begun) faults_when_voters_change(world, node);
    node->members = *raft_members(raft);
    node->members_index = index;
    node->members_term = term;
    node->members_are_known = true;
}

void checks_node(struct world *world, struct node *node) {
    if (replica_state(node->replica) == REPLICA_DAMAGED) return;
    check_lapses(world, node);
    replica_check(node->replica);
    faults_when_fed(world, node);
    if (replica_raft(node->replica) == NULL) return;
    check_recovered(world, node);
    damage_note_repair(world, node);
    check_leader(world, node);
    check_leases(world, node);
    check_matching(world, node);
    check_in_force(world, node);
    if (!node->members_are_known) note_members(world, node);
    check_committed(world, node);
    check_digest(world, node);
    note_members(world, node);
    note_settled(node);
}

bool checks_converged(struct world *world) {
    if (!members_are_settled(world)) return false;
    uint32_t first_id = world_nth_node(world, 0);
    struct replica *first = world->nodes[first_id].replica;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        struct replica *replica = world->nodes[id].replica;
        if (!world->nodes[id].exists) continue;
        if (replica == NULL || !replica_serves(replica)) return false;
        if (replica_applied_index(replica) != replica_applied_index(first)) return false;
    }
    uint64_t digest = storages_digest(replica_storages(first));
    for (uint32_t id = 1; id <= world->node_count; id++) {
        if (!world->nodes[id].exists) continue;
        struct storages *storages = replica_storages(world->nodes[id].replica);
        storages_check(storages);
        if (storages_digest(storages) == digest) continue;
        world_violation(world, "n%u and n%u have different keys at the end", first_id, id);
    }
    return true;
}
