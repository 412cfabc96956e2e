/* raft_transfer.c: leadership that changes hands on purpose (thesis 3.10; SAFETY 5, 15).
 *
 * Somebody asks for it, or the leader itself finds that it should not lead: by its priority, with a
 * full disk, because it is to stop, or because it is no voter any more. The target is told to
 * campaign as soon as it durably has the whole log; from then on this leader's lease is void for
 * the rest of the term. */
#include "raft/raft_internal.h"

static bool is_reachable(const struct raft *raft, const struct raft_peer *peer) {
    return raft->now_us - peer->last_contact_us < raft->config.election_us;
}

/* Who counts afterwards: in a joint configuration only the set to come is sure to. */
static bool may_lead(const struct raft *raft, const struct raft_peer *peer) {
    uint32_t voters = raft->voters.next != 0 ? raft->voters.next : raft->voters.present;
    return (voters & 1u << peer->id) != 0 && peer->unfit == 0;
}

/* NULL: nobody. */
static struct raft_peer *best_target(struct raft *raft) {
    struct raft_peer *best = NULL;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        if (!may_lead(raft, peer) || !is_reachable(raft, peer)) continue;
        if (best == NULL || peer->match_index > best->match_index) best = peer;
    }
    return best;
}

static void begin_transfer(struct raft *raft, const struct raft_peer *peer, uint64_t timeout_us) {
    if (timeout_us == 0) timeout_us = raft->config.election_us;
    raft->transfer_to = peer->id;
    raft->transfer_sent_us = 0;
    raft->transfer_deadline_us =
        timeout_us < UINT64_MAX - raft->now_us ? raft->now_us + timeout_us : UINT64_MAX;
}

void raft_on_transfer(struct raft *raft, const struct raft_event *event) {
    if (raft->role != RAFT_LEADER) {
        raft->refusal = RAFT_REFUSED_NOT_LEADER;
        return;
    }
    if (raft->transfer_to != 0 && raft->transfer_sent_us != 0) {
        raft->refusal = RAFT_REFUSED_HANDING_OVER;
        return;
    }
    struct raft_peer *peer =
        event->node == 0 ? best_target(raft) : raft_peer_find(raft, event->node);
    if (event->node == raft->config.id || (event->node == 0 && peer == NULL))
        raft->refusal = RAFT_REFUSED_NO_TARGET;
    else if (peer == NULL || (raft_all_voters(raft) & 1u << peer->id) == 0)
        raft->refusal = RAFT_REFUSED_NOT_A_VOTER;
    else if (peer->unfit != 0)
        raft->refusal = RAFT_REFUSED_UNFIT;
    else
        begin_transfer(raft, peer, event->timeout_us);
    raft_because(raft, RAFT_CAUSE_TRANSFER_ASKED, 0, 0);
}

void raft_on_keep(struct raft *raft) {
    if (raft->transfer_sent_us != 0) return;
    raft_because(raft, RAFT_CAUSE_KEPT, 0, 0);
    raft->transfer_to = 0;
}

void raft_on_unfit(struct raft *raft, uint32_t unfit) {
    raft->unfit = unfit;
    raft->give_way_us = 0;
}

static void send_timeout_now(struct raft *raft, uint32_t node) {
    if (!raft_is_planted(raft, RAFT_PLANTED_KEEP_LEASE)) raft->lease_given_up = true;
    raft_send(raft, (struct raft_message){.type = RAFT_TIMEOUT_NOW, .to = node});
}

void raft_step_aside(struct raft *raft) {
    const struct raft_peer *target = best_target(raft);
    bool is_ready = target != NULL && target->match_index == raft_log_last_index(&raft->log);
    bool was_tried = raft->now_us < raft->give_way_us;
    if (!is_ready && raft->transfer_to != 0) return; /* Until its end. */
    if (!is_ready && target != NULL && !was_tried) {
        raft->give_way_us = raft->now_us + 4 * raft->config.election_us;
        begin_transfer(raft, target, 0);
        return;
    }
    if (is_ready) send_timeout_now(raft, target->id);
    raft_become_follower(raft, raft->term, 0);
}

void raft_on_resign(struct raft *raft) {
    if (raft->role != RAFT_LEADER) return;
    const struct raft_peer *target = best_target(raft);
    if (target != NULL) send_timeout_now(raft, target->id);
    raft_because(raft, RAFT_CAUSE_RESIGNED, 0, 0);
    raft_become_follower(raft, raft->term, 0);
}

/* Who is no voter any more leads until that is committed (thesis 4.2.2). */
static bool has_left(const struct raft *raft) {
    return !raft->is_voter && raft_in_force(raft)->index <= raft->commit_index;
}

static enum raft_cause why_unfit(const struct raft *raft) {
    return has_left(raft)                             ? RAFT_CAUSE_LEFT
           : (raft->unfit & RAFT_UNFIT_STOPS) != 0    ? RAFT_CAUSE_STOPS
           : (raft->unfit & RAFT_UNFIT_PRIORITY) != 0 ? RAFT_CAUSE_PRIORITY
           : (raft->unfit & RAFT_UNFIT_DAMAGED) != 0  ? RAFT_CAUSE_DAMAGED
                                                      : RAFT_CAUSE_FULL;
}

/* It may be expected to have everything within an election timeout: for one that has not, proposals
 * would wait in vain. */
static bool is_near(const struct raft *raft, const struct raft_peer *peer) {
    uint64_t missing = raft_log_last_index(&raft->log) - peer->match_index;
    bool lags = peer->match_index < peer->round_goal &&
                raft->now_us - peer->round_since_us > raft->config.election_us;
    return missing <= raft->config.inflight_max || (peer->state == RAFT_PEER_REPLICATE && !lags);
}

/* Begins a transfer for a reason of the leader's own. */
static void give_way(struct raft *raft) {
    bool has_reason = has_left(raft) || (raft->unfit != 0 && raft_own_term_is_committed(raft));
    if (!has_reason || raft->now_us < raft->give_way_us) return;
    struct raft_peer *target = best_target(raft);
    bool may_begin = has_left(raft) || (target != NULL && is_near(raft, target));
    if (!may_begin) return;
    raft_because(raft, why_unfit(raft), 0, 0);
    raft->give_way_us = raft->now_us + 4 * raft->config.election_us;
    if (target != NULL)
        begin_transfer(raft, target, 0);
    else
        raft_become_follower(raft, raft->term, 0);
}

void raft_tend_transfer(struct raft *raft) {
    if (raft->transfer_to != 0 && raft->now_us >= raft->transfer_deadline_us) {
        raft_because(raft, RAFT_CAUSE_TIMED_OUT, raft->transfer_to, 0);
        raft->transfer_to = 0;
        if (has_left(raft)) {
            raft_because(raft, RAFT_CAUSE_LEFT, 0, 0);
            raft_step_aside(raft);
            return;
        }
    }
    if (raft->transfer_to == 0) give_way(raft);
    if (raft->role != RAFT_LEADER || raft->transfer_to == 0) return;
    const struct raft_peer *peer = raft_peer_find(raft, raft->transfer_to);
    bool is_gone = peer == NULL || peer->leaving || !is_reachable(raft, peer);
    if (is_gone || peer->unfit != 0) {
        enum raft_cause cause = is_gone ? RAFT_CAUSE_UNREACHABLE : RAFT_CAUSE_TARGET_UNFIT;
        raft_because(raft, cause, raft->transfer_to, 0);
        raft->transfer_to = 0;
        return;
    }
    bool was_told = raft->transfer_sent_us != 0 &&
                    raft->now_us - raft->transfer_sent_us < raft->config.heartbeat_us;
    if (was_told || peer->match_index < raft_log_last_index(&raft->log)) return;
    raft->transfer_sent_us = raft->now_us;
    send_timeout_now(raft, peer->id);
    if (!has_left(raft)) return;
    raft_because(raft, RAFT_CAUSE_LEFT, 0, 0);
    raft_become_follower(raft, raft->term, 0);
}
