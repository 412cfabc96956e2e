/* raft_busy.c: a slow command is not a dead node (SAFETY 16).
 *
 * A loop that is inside one long command neither sends nor answers heartbeats. Its watchdog says
 * "busy" instead, and that the others bear with: followers put their election off and answer
 * candidates as if they heard the leader, and a leader does not count such a peer as silent. More
 * it is not worth. The watchdog knows nothing but that its process lives, so no lease is longer for
 * it, nothing is acknowledged by it, and it does not last: busy_max_us after the loop was last at
 * work it is silence again, however often it is said. A loop that is stuck for ever is replaced.
 *
 * A node whose own loop was held up has not listened meanwhile, which it finds out when it ticks
 * late: it judges the others by what it hears from then on. That has the same bound. */
#include "raft/raft_internal.h"

/* `since_us` only ever falls until the node's loop is heard again: so neither a delay on the way
 * nor a watchdog that counts anew makes the bound any longer. */
static void excuse(const struct raft *raft, struct raft_excuse *excuse, uint64_t busy_us) {
    uint64_t since_us = busy_us < raft->now_us ? raft->now_us - busy_us : 1;
    if (excuse->since_us == 0 || since_us < excuse->since_us) excuse->since_us = since_us;
    uint64_t end_us = excuse->since_us + raft->config.busy_max_us;
    uint64_t until_us = raft->now_us + raft->config.election_us;
    excuse->until_us = until_us < end_us ? until_us : end_us;
}

/* As if it had answered: what it must not count for. */
static void count_as_answer(struct raft *raft, struct raft_peer *peer) {
    raft_heartbeat_answered(raft, peer, raft->heartbeat_number, raft->config.election_us);
}

void raft_on_busy(struct raft *raft, const struct raft_message *message) {
    if (raft->role == RAFT_LEADER) {
        struct raft_peer *peer = raft_peer_find(raft, message->from);
        if (peer == NULL) return;
        excuse(raft, &peer->excuse, message->as.busy.busy_us);
        if (raft_is_planted(raft, RAFT_PLANTED_BUSY_ANSWERS)) count_as_answer(raft, peer);
        return;
    }
    bool is_leader =
        message->as.busy.leads != 0 && (raft->leader == 0 || raft->leader == message->from);
    if (!is_leader) return;
    excuse(raft, &raft->leader_excuse, message->as.busy.busy_us);
    if (!raft_is_excused(raft, &raft->leader_excuse)) return;
    if (raft->leader != message->from) raft_because(raft, RAFT_CAUSE_HEARD, message->from, 0);
    raft_become_follower(raft, raft->term, message->from);
    raft_reset_election_timer(raft);
}

/* Whether a timer that was due then runs so late that this node's own loop must have been held up.
 * It is forgiven for as long as anybody else would be. */
static bool was_held_up(struct raft *raft, uint64_t due_us) {
    if (raft->now_us <= due_us + raft->config.heartbeat_us) return false;
    if (raft->absent_us == 0) raft->absent_us = raft->now_us;
    return raft->now_us - raft->absent_us < raft->config.busy_max_us;
}

bool raft_was_absent(struct raft *raft) {
    return was_held_up(raft, raft_election_deadline_us(raft));
}

bool raft_forgive_own_absence(struct raft *raft) {
    if (!was_held_up(raft, raft->heartbeat_due_us)) return false;
    uint64_t late_us = raft->now_us - raft->heartbeat_due_us;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        peer->last_contact_us += late_us;
        if (peer->last_contact_us > raft->now_us) peer->last_contact_us = raft->now_us;
    }
    return true;
}
