/* raft_membership.c: who belongs to the cluster, and what a majority of them has (thesis 4).
 *
 * The newest configuration in the log is in force, committed or not; a cut of the log takes it
 * back. A change of voters goes through a joint configuration: the leader appends it, and when it
 * is committed by majorities of both sets, appends the new one. One change at a time, and none
 * before the leader has committed an entry of its own term: only then it knows which configuration
 * is. Sets of nodes are bits 1 << id, and every count is made here. */
#include "base/memory.h"
#include "raft/raft_internal.h"

enum { LEAVE_ELECTIONS = 10 }; /* How long who left is told so, at most. */

/* --- counting ------------------------------------------------------------------------------- */

/* The greatest value that a majority of `set` reaches. */
static uint64_t majority_value(uint32_t set, const struct raft_tally *tally) {
    uint64_t sorted[RAFT_NODES_MAX]; /* descending */
    uint32_t count = 0;
    for (uint32_t id = 1; id <= RAFT_NODES_MAX; id++) {
        if ((set & 1u << id) == 0) continue;
        uint32_t at = count++;
        for (; at > 0 && sorted[at - 1] < tally->at[id]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = tally->at[id];
    }
    CHECK(count > 0);
    return sorted[count / 2];
}

uint64_t raft_value_of(struct raft_voters voters, const struct raft_tally *tally) {
    uint64_t value = majority_value(voters.present, tally);
    if (voters.next == 0) return value;
    uint64_t next = majority_value(voters.next, tally);
    return value < next ? value : next;
}

static struct raft_voters who_decides(const struct raft *raft) {
    struct raft_voters voters = raft->voters;
    if (raft_is_planted(raft, RAFT_PLANTED_NEW_QUORUM_ONLY) && voters.next != 0)
        voters = (struct raft_voters){.present = voters.next};
    return voters;
}

uint64_t raft_quorum_value(const struct raft *raft, const struct raft_tally *tally) {
    return raft_value_of(who_decides(raft), tally);
}

bool raft_is_quorum(const struct raft *raft, uint32_t nodes) {
    struct raft_tally tally = {0};
    for (uint32_t id = 1; id <= RAFT_NODES_MAX; id++)
        tally.at[id] = nodes >> id & 1;
    return raft->voters.present != 0 && raft_quorum_value(raft, &tally) == 1;
}

bool raft_is_eligible(const struct raft *raft) {
    for (uint32_t i = raft->configuration_count; i-- > 0;) {
        const struct raft_configuration *configuration = &raft->configurations[i];
        const struct members *members = &configuration->members;
        uint32_t voters = members_voters(members) | members_next_voters(members);
        bool is_ours = raft_has_joined_by(raft, configuration->index);
        if (is_ours && (voters & 1u << raft->config.id) != 0) return true;
        if (configuration->index <= raft->commit_index) break;
    }
    return false;
}

bool raft_was_always_alone(const struct raft *raft) {
    uint32_t self = 1u << raft->config.id;
    for (uint32_t i = 0; i < raft->configuration_count; i++) {
        const struct members *members = &raft->configurations[i].members;
        if (!raft_has_joined_by(raft, raft->configurations[i].index)) return false;
        if ((members_voters(members) | members_next_voters(members)) != self) return false;
    }
    return raft->term == 0 || raft->voted_for == raft->config.id;
}

/* --- the configuration in force ------------------------------------------------------------- */

struct raft_peer *raft_peer_find(struct raft *raft, uint32_t id) {
    for (uint32_t i = 0; i < raft->peer_count; i++)
        if (raft->peers[i].id == id) return &raft->peers[i];
    return NULL;
}

static void add_peer(struct raft *raft, uint32_t id) {
    struct raft_peer *peer = &raft->peers[raft->peer_count++];
    *peer = (struct raft_peer){
        .id = id,
        .inflight = memory_allocate(raft->config.inflight_max * sizeof(uint64_t)),
        .last_contact_us = raft->now_us,
    };
    if (raft->role == RAFT_LEADER) raft_reset_peer(raft, peer);
}

static void drop_peer(struct raft *raft, uint32_t i) {
    memory_release(raft->peers[i].inflight);
    raft->peer_count--;
    memmove(&raft->peers[i], &raft->peers[i + 1],
            (raft->peer_count - i) * sizeof(struct raft_peer));
    raft->members_changed = true;
}

/* Makes room if all are taken: who left knows so, or will never. */
static void make_room_for_peer(struct raft *raft) {
    if (raft->peer_count < RAFT_NODES_MAX) return;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        if (!raft->peers[i].leaving) continue;
        drop_peer(raft, i);
        return;
    }
    CHECK(false);
}

/* Peers are the other members. Who is none any more stays a peer of the leader for a while, so that
 * it learns of it (raft_tend_members). */
static void match_peers(struct raft *raft, const struct members *members) {
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        bool is_member = members_find(members, peer->id) != NULL;
        if (!is_member && !peer->leaving) {
            peer->leave_deadline_us = raft->now_us + LEAVE_ELECTIONS * raft->config.election_us;
        }
        /* What was known of it was of another node: its id has been given out anew. */
        bool is_new = is_member && peer->leaving;
        peer->leaving = !is_member;
        if (is_new && raft->role == RAFT_LEADER) raft_reset_peer(raft, peer);
    }
    for (uint32_t i = 0; i < members->count; i++) {
        uint32_t id = members->at[i].id;
        if (id == raft->config.id || raft_peer_find(raft, id) != NULL) continue;
        make_room_for_peer(raft);
        add_peer(raft, id);
    }
}

/* Puts the newest configuration in force. */
static void configure(struct raft *raft) {
    const struct members *members = &raft_in_force(raft)->members;
    raft->voters = (struct raft_voters){.present = members_voters(members),
                                        .next = members_next_voters(members)};
    raft->is_voter = (raft_all_voters(raft) & 1u << raft->config.id) != 0 &&
                     raft_has_joined_by(raft, raft_in_force(raft)->index);
    raft->members_changed = true;
    match_peers(raft, members);
    raft->may_be_promoted = members_to_promote(members);
    if (raft->role != RAFT_LEADER) return;
    /* What other voters have promised or confirmed decides nothing any more. */
    raft_count_answers(raft);
    raft_resume_reads(raft);
}

static void push(struct raft *raft, uint64_t index, const struct members *members) {
    /* Only a mistake that is planted leaves one here that is not older. */
    while (raft->configuration_count > 0 && raft_in_force(raft)->index >= index)
        raft->configuration_count--;
    if (raft->configuration_count == raft->configuration_capacity) {
        raft->configuration_capacity =
            raft->configuration_capacity == 0 ? 2 : raft->configuration_capacity * 2;
        raft->configurations = memory_resize(
            raft->configurations, raft->configuration_capacity * sizeof(struct raft_configuration));
    }
    struct raft_configuration *added = &raft->configurations[raft->configuration_count++];
    added->index = index;
    added->members = *members;
    configure(raft);
}

void raft_init_members(struct raft *raft, const struct raft_config *config) {
    struct members voters;
    members_of_voters(&voters,
                      (struct member_ids){.at = config->voters, .count = config->voter_count});
    const struct members *members = config->members == NULL ? &voters : config->members;
    CHECK(members->count == 0 || members_validate(members) == ERROR_NONE);
    push(raft, config->snapshot.index, members);
}

void raft_clear_members(struct raft *raft) {
    for (uint32_t i = 0; i < raft->peer_count; i++)
        memory_release(raft->peers[i].inflight);
    memory_release(raft->configurations);
}

void raft_note_configuration(struct raft *raft, struct entry entry) {
    uint64_t index = entry_index(entry.image);
    bool is_older = index <= raft->configurations[0].index; /* a snapshot told of it already */
    if (entry_type(entry.image) != ENTRY_CONFIG || is_older) return;
    struct members members;
    enum error error = members_decode(entry_body(entry.image), &members);
    CHECK(error == ERROR_NONE); /* entry_validate() has been there. */
    push(raft, index, &members);
}

void raft_cut_configurations(struct raft *raft, uint64_t index) {
    if (raft_in_force(raft)->index <= index) return;
    if (raft_is_planted(raft, RAFT_PLANTED_KEEP_CUT_CONFIG)) return;
    while (raft_in_force(raft)->index > index)
        raft->configuration_count--;
    CHECK(raft->configuration_count > 0);
    configure(raft);
}

void raft_restart_configurations(struct raft *raft, uint64_t index, const struct members *members) {
    raft->configuration_count = 0;
    push(raft, index, members);
}

void raft_prune_configurations(struct raft *raft) {
    uint32_t old = 0;
    while (old + 1 < raft->configuration_count &&
           raft->configurations[old + 1].index <= raft->applied_index)
        old++;
    if (old == 0) return;
    raft->configuration_count -= old;
    memmove(raft->configurations, raft->configurations + old,
            raft->configuration_count * sizeof(struct raft_configuration));
}

/* --- changing it ---------------------------------------------------------------------------- */

static void append_configuration(struct raft *raft, const struct members *members) {
    struct buffer body = {0};
    members_encode(members, &body);
    raft_append_own(raft, raft_create_entry(ENTRY_CONFIG, buffer_bytes(&body)));
    buffer_clear(&body);
}

static void begin_change(struct raft *raft, const struct members *target) {
    struct members first;
    members_begin_change((struct members_change){&raft_in_force(raft)->members, target}, &first);
    append_configuration(raft, &first);
}

static bool change_is_open(const struct raft *raft) {
    const struct raft_configuration *newest = raft_in_force(raft);
    return newest->members.joint || newest->index > raft->commit_index;
}

/* How many members there are while both configurations count. */
static uint32_t count_both(const struct members *from, const struct members *to) {
    uint32_t count = to->count;
    for (uint32_t i = 0; i < from->count; i++)
        if (members_find(to, from->at[i].id) == NULL) count++;
    return count;
}

static enum raft_refusal judge_target(const struct raft *raft, const struct members *target) {
    const struct members *present = &raft_in_force(raft)->members;
    if (members_voters(target) == 0) return RAFT_REFUSED_NO_VOTERS;
    if (target->joint || members_validate(target) != ERROR_NONE) return RAFT_REFUSED_INVALID;
    if (count_both(present, target) > RAFT_NODES_MAX) return RAFT_REFUSED_INVALID;
    for (uint32_t i = 0; i < target->count; i++) {
        const struct member *before = members_find(present, target->at[i].id);
        if (before == NULL) continue;
        if (memcmp(before->uuid, target->at[i].uuid, MEMBER_UUID_SIZE) != 0)
            return RAFT_REFUSED_OTHER_UUID;
    }
    struct buffer old = {0}, new = {0};
    members_encode(present, &old);
    members_encode(target, &new);
    bool equal = bytes_equal(buffer_bytes(&old), buffer_bytes(&new));
    buffer_clear(&old);
    buffer_clear(&new);
    return equal ? RAFT_REFUSED_NO_CHANGE : RAFT_REFUSED_NONE;
}

void raft_on_reconfigure(struct raft *raft, const struct members *target) {
    bool is_early =
        !raft_own_term_is_committed(raft) && !raft_is_planted(raft, RAFT_PLANTED_CHANGE_TOO_EARLY);
    if (raft->role != RAFT_LEADER)
        raft->refusal = RAFT_REFUSED_NOT_LEADER;
    else if (is_early)
        raft->refusal = RAFT_REFUSED_TOO_EARLY;
    else if (change_is_open(raft))
        raft->refusal = RAFT_REFUSED_CHANGE_OPEN;
    else if (raft->transfer_to != 0)
        raft->refusal = RAFT_REFUSED_HANDING_OVER;
    else
        raft->refusal = judge_target(raft, target);
    if (raft->refusal == RAFT_REFUSED_NONE) begin_change(raft, target);
}

/* --- learners ------------------------------------------------------------------------------- */

void raft_note_round(const struct raft *raft, struct raft_peer *peer) {
    if (peer->match_index < peer->round_goal) return;
    uint64_t last = raft_log_last_index(&raft->log);
    bool was_quick = raft->now_us - peer->round_since_us <= raft->config.election_us;
    peer->caught_up = was_quick || peer->match_index == last;
    peer->round_goal = last;
    peer->round_since_us = raft->now_us;
}

static bool may_be_promoted(const struct raft *raft, const struct member *member,
                            const struct raft_peer *peer) {
    return (member->flags & MEMBER_PROMOTE) != 0 && peer != NULL && peer->caught_up &&
           raft->now_us - peer->last_contact_us < raft->config.election_us;
}

static void promote_learners(struct raft *raft) {
    if (raft->may_be_promoted == 0) return;
    const struct members *present = &raft_in_force(raft)->members;
    uint32_t promoted = 0, replaced = 0;
    for (uint32_t i = 0; i < present->count; i++) {
        const struct member *member = &present->at[i];
        if (!may_be_promoted(raft, member, raft_peer_find(raft, member->id))) continue;
        promoted |= 1u << member->id;
        replaced |= member->replaces == 0 ? 0 : 1u << member->replaces;
    }
    if (promoted == 0) return;

    struct members target = *present;
    for (uint32_t i = 0; i < target.count; i++) {
        struct member *member = &target.at[i];
        if ((promoted & 1u << member->id) == 0) continue;
        member->flags = MEMBER_VOTER;
        member->replaces = 0;
    }
    for (uint32_t id = 1; id <= RAFT_NODES_MAX; id++)
        if ((replaced & ~promoted & 1u << id) != 0) members_drop(&target, id);
    begin_change(raft, &target);
}

/* --- at the end of a step ------------------------------------------------------------------- */

/* Who left is forgotten once it knows, or does not answer for long. It may be the leader, which has
 * to hear that its last configuration is durable: then by its followers once they follow it no
 * more. */
static bool is_done_with(const struct raft *raft, const struct raft_peer *peer) {
    if (raft->now_us >= peer->leave_deadline_us) return true;
    if (raft->role != RAFT_LEADER) return raft->leader != peer->id;
    uint64_t index = raft_in_force(raft)->index;
    return raft->commit_index >= index && peer->commit_sent >= index;
}

static void forget_who_left(struct raft *raft) {
    for (uint32_t i = 0; i < raft->peer_count;) {
        if (raft->peers[i].leaving && is_done_with(raft, &raft->peers[i]))
            drop_peer(raft, i);
        else
            i++;
    }
}

void raft_tend_members(struct raft *raft) {
    forget_who_left(raft);
    if (raft->role != RAFT_LEADER || raft_in_force(raft)->index > raft->commit_index) return;
    if (raft_in_force(raft)->members.joint) {
        struct members last;
        members_end_change(&raft_in_force(raft)->members, &last);
        append_configuration(raft, &last);
    } else if (raft_own_term_is_committed(raft) && raft->transfer_to == 0) {
        promote_learners(raft);
    }
}
