/* raft_snapshot.c: a log that does not begin at its first entry (Raft 7, thesis 5).
 *
 * Every node makes its own snapshots and cuts its log behind them. A peer that needs what the
 * leader's log no longer has is told of the leader's snapshot until its match shows that it has
 * caught up with the log; how the bytes get there is the driver's business. */
#include "raft/raft_internal.h"

static void note_snapshot(struct raft *raft, const struct raft_position *position) {
    CHECK(position->index <= raft->applied_index);
    if (position->index > raft->snapshot.index) raft->snapshot = *position;
}

void raft_on_snapshot_durable(struct raft *raft, const struct raft_position *position) {
    CHECK(position->index <= raft->persisted_index); /* SAFETY 8 */
    note_snapshot(raft, position);
}

void raft_on_compacted(struct raft *raft, uint64_t index) {
    if (index <= raft->log.base_index) return;
    CHECK(index <= raft->snapshot.index);
    raft_log_compact(&raft->log, index);
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        bool is_served = raft->role != RAFT_LEADER || peer->next_index > index;
        if (is_served || peer->state == RAFT_PEER_SNAPSHOT) continue;
        /* Whether a peer that is being probed has the base was not asked yet. But where what it
         * was to be asked with had to be fetched, and is gone before it came, that could happen
         * again and again: it is offered the snapshot, and says so if it has what is in it. */
        bool is_in_time = !peer->fetch_open || raft_log_holds(&raft->log, index + 1);
        if (peer->state == RAFT_PEER_PROBE && is_in_time)
            raft_probe_from(peer, index + 1);
        else
            raft_offer_snapshot(raft, peer);
    }
}

/* --- the leader ----------------------------------------------------------------------------- */

void raft_offer_snapshot(struct raft *raft, struct raft_peer *peer) {
    CHECK(raft->snapshot.index >= raft->log.base_index);
    raft_probe_from(peer, peer->match_index + 1);
    peer->state = RAFT_PEER_SNAPSHOT;
    peer->snapshot_told_us = 0;
}

void raft_tell_of_snapshot(struct raft *raft, struct raft_peer *peer) {
    bool was_told = peer->snapshot_told_us != 0 &&
                    raft->now_us - peer->snapshot_told_us < raft->config.heartbeat_us;
    if (peer->state != RAFT_PEER_SNAPSHOT || was_told) return;
    peer->snapshot_told_us = raft->now_us;
    raft_send(raft, (struct raft_message){
                        .type = RAFT_SNAPSHOT,
                        .to = peer->id,
                        .as.snapshot = {.index = raft->snapshot.index,
                                        .last_term = raft->snapshot.term,
                                        .hash = raft->snapshot.hash},
                    });
}

/* --- the receiver --------------------------------------------------------------------------- */

static bool holds(const struct raft *raft, const struct raft_position *position) {
    uint64_t hash;
    return position->index >= raft->log.base_index &&
           position->index <= raft_log_last_index(&raft->log) &&
           raft_log_term(&raft->log, position->index) == position->term &&
           (!raft_log_hash(&raft->log, position->index, &hash) || hash == position->hash);
}

void raft_tell_match(struct raft *raft) {
    if (raft->role != RAFT_FOLLOWER || raft->leader == 0 || raft_is_restarting(raft)) return;
    raft_send(raft, (struct raft_message){
                        .type = RAFT_HEARTBEAT_REPLY,
                        .to = raft->leader,
                        .as.heartbeat_reply = {.match = raft_durable_match(raft),
                                               .unfit = raft_unfit(raft)},
                    });
}

void raft_on_snapshot(struct raft *raft, const struct raft_message *message) {
    if (!raft_hear_leader(raft, message->from)) return;
    struct raft_position position = {.index = message->as.snapshot.index,
                                     .term = message->as.snapshot.last_term,
                                     .hash = message->as.snapshot.hash};
    /* A leader has everything that is committed anywhere: what is committed here is the same there
     * (Raft 5.4.3). */
    bool has_it = position.index <= raft->commit_index || holds(raft, &position);
    if (!has_it) {
        raft->wanted = (struct raft_wanted){.node = message->from, .position = position};
        return;
    }
    if (position.index > raft->verified_index) raft->verified_index = position.index;
    raft_tell_match(raft);
}

/* What a snapshot holds is committed, but it takes back nothing that is: this node goes on behind
 * it. Entries beyond it stay if it is the beginning of this very log: they may have been
 * acknowledged (Raft 7). */
static void install(struct raft *raft, const struct raft_position *position,
                    const struct members *members) {
    bool goes_back = position->index <= raft->applied_index; /* only if that mistake is planted */
    bool keeps_log = holds(raft, position) && !goes_back &&
                     !raft_is_planted(raft, RAFT_PLANTED_INSTALL_DROPS_SUFFIX);
    raft->installed = true;
    raft->snapshot = *position;
    if (!keeps_log) {
        raft_restart_log(raft, position);
        raft_restart_configurations(raft, position->index, members);
        raft->verified_index = 0;
    }
    raft->applied_index = position->index;
    if (raft->commit_index < position->index || goes_back) raft->commit_index = position->index;
    if (raft->verified_index < position->index) raft->verified_index = position->index;
    raft_prune_configurations(raft);
    raft_drop_old_entries(raft);
}

void raft_on_installed(struct raft *raft, const struct raft_event *event) {
    const struct raft_position *position = &event->position;
    bool goes_back = position->index <= raft->applied_index;
    if (goes_back) note_snapshot(raft, position);
    if (goes_back && !raft_is_planted(raft, RAFT_PLANTED_INSTALL_GOES_BACK)) return;
    if (raft->role == RAFT_LEADER || raft->diverged) return;
    bool contradicts =
        position->index <= raft->commit_index && !holds(raft, position) && !goes_back;
    if (contradicts) { /* what is committed here (SAFETY 10) */
        raft->diverged = true;
        return;
    }
    /* Its sender may have been of a newer term than this node has heard of: then a leader of the
     * present one may contradict what is committed. */
    uint64_t term = event->term > position->term ? event->term : position->term;
    if (term > raft->term)
        raft_become_follower(raft, term, 0);
    else if (raft->role != RAFT_FOLLOWER)
        raft_become_follower(raft, raft->term, 0);
    install(raft, position, event->members);
    raft_tell_match(raft);
}
