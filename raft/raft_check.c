/* raft_check.c: what holds before and after every step. One fact per line. */
#include "raft/raft_internal.h"

static void check_disk(const struct raft *raft) {
    uint64_t last = raft_log_last_index(&raft->log);
    CHECK(raft->completed_number <= raft->persist_number);
    CHECK(raft->hard_state_number <= raft->persist_number);
    CHECK(raft->restart_number <= raft->persist_number + 1);
    CHECK(!raft->restart || raft->restart_number == raft->persist_number + 1);
    CHECK(raft->persisted_index <= raft->submitted_index);
    CHECK(raft->submitted_index <= last);
    CHECK(raft->outstanding_count <= raft->outstanding_capacity);
    CHECK(raft->persist_number - raft->completed_number == raft->outstanding_count);
    /* Nothing that is not durable and applied has left memory. */
    CHECK(raft->log.first_index <= raft->persisted_index + 1);
    CHECK(raft->log.first_index <= raft->applied_index + 1);
}

static void check_votes(const struct raft *raft) {
    uint32_t self = 1u << raft->config.id;
    CHECK((raft->votes_granted & raft->votes_refused & self) == 0);
    CHECK(raft->voted_for <= RAFT_NODES_MAX);
    if (raft->role == RAFT_CANDIDATE) CHECK(raft->voted_for == raft->config.id);
    if (raft->role != RAFT_FOLLOWER)
        CHECK(raft_has_joined_by(raft, raft_log_last_index(&raft->log)));
    if (raft->role == RAFT_CANDIDATE || raft->role == RAFT_PRE_CANDIDATE) {
        CHECK(raft->leader == 0);
        CHECK(raft_is_eligible(raft));
        CHECK(!raft_is_quorum(raft, raft->votes_granted));
    }
}

static void check_excuse(const struct raft *raft, const struct raft_excuse *excuse) {
    CHECK(excuse->since_us <= raft->now_us);
    CHECK(excuse->until_us <= excuse->since_us + raft->config.busy_max_us);
}

static void check_peer(const struct raft *raft, const struct raft_peer *peer) {
    CHECK(peer->id != raft->config.id);
    CHECK(peer->leaving != raft_is_member(raft, peer->id));
    CHECK(peer->match_index <= raft_log_last_index(&raft->log));
    CHECK(peer->next_index > peer->match_index);
    CHECK(peer->match_index <= peer->acknowledged_index);
    CHECK(peer->next_index <= raft_log_last_index(&raft->log) + 1);
    CHECK(peer->heartbeat_acknowledged <= raft->heartbeat_number);
    CHECK(peer->commit_sent <= raft->commit_index);
    CHECK(peer->notify_index <= raft->commit_index);
    CHECK(peer->inflight_count <= raft->config.inflight_max);
    check_excuse(raft, &peer->excuse);
    if (peer->state != RAFT_PEER_REPLICATE) CHECK(peer->inflight_count == 0);
    if (peer->state == RAFT_PEER_SNAPSHOT) CHECK(raft->snapshot.index > peer->match_index);
    if (peer->state != RAFT_PEER_SNAPSHOT) CHECK(peer->next_index > raft->log.base_index);
    if (peer->state == RAFT_PEER_REPLICATE) CHECK(!peer->probe_open);
    if (peer->inflight_count > 0) {
        uint32_t newest =
            (peer->inflight_head + peer->inflight_count - 1) % raft->config.inflight_max;
        CHECK(peer->inflight[peer->inflight_head] > peer->match_index);
        CHECK(peer->inflight[newest] == peer->next_index - 1);
    }
}

static void check_leader(const struct raft *raft) {
    /* Who is no voter any more leads until that is committed, and until it has handed over. */
    CHECK(raft->voters.present != 0);
    CHECK(raft->leader == raft->config.id);
    CHECK(raft->voted_for == raft->config.id);
    CHECK(raft_log_last_term(&raft->log) == raft->term);
    if (raft->term_first_index > raft->log.base_index) {
        CHECK(raft_log_term(&raft->log, raft->term_first_index) == raft->term);
        CHECK(raft_log_term(&raft->log, raft->term_first_index - 1) < raft->term);
    }
    bool needs_nobody = raft->confirmed_number == UINT64_MAX;
    CHECK(needs_nobody || raft->confirmed_number <= raft->heartbeat_number);
    CHECK(!raft->truncated); /* A leader never overwrites its log (Raft 5.3). */
    CHECK(!raft->is_needed);
    for (uint32_t i = 0; i < raft->peer_count; i++)
        check_peer(raft, &raft->peers[i]);
    for (uint32_t i = 1; i < raft->pending_count; i++)
        CHECK(raft->pending[i - 1].number <= raft->pending[i].number);
}

static void check_members(const struct raft *raft) {
    const struct members *members = raft_members(raft);
    CHECK(raft->configuration_count > 0);
    CHECK(raft->configurations[0].index <= raft->commit_index);
    for (uint32_t i = 1; i < raft->configuration_count; i++)
        CHECK(raft->configurations[i - 1].index < raft->configurations[i].index);
    CHECK(raft->voters.present == members_voters(members));
    CHECK(raft->voters.next == members_next_voters(members));
    CHECK((raft->voters.next != 0) == members->joint);
    if (raft->is_voter) CHECK(raft_has_joined_by(raft, raft_members_index(raft)));
    /* Every other member is a peer. */
    uint32_t others = members_all(members) & ~(1u << raft->config.id), peers = 0;
    for (uint32_t i = 0; i < raft->peer_count; i++)
        peers |= raft->peers[i].leaving ? 0 : 1u << raft->peers[i].id;
    CHECK(peers == others);
}

static void check_repair(const struct raft *raft) {
    if (raft_is_planted(raft, RAFT_PLANTED_DAMAGED_VOTES)) return;
    if (raft->damaged || raft->vote_lost) CHECK(raft->role == RAFT_FOLLOWER);
    if (raft->vote_lost) CHECK(raft->leader == 0);
    /* Its term is a lower bound until then: what is written counts as known. */
    bool writes_vote = raft->has_persist && raft->persist.has_hard_state;
    if (raft->vote_lost) CHECK(!writes_vote);
}

static void check_other(const struct raft *raft) {
    CHECK(raft->leader != raft->config.id);
    CHECK(raft->verified_index <= raft_log_last_index(&raft->log));
    CHECK(raft->lease_until_us == 0);
    CHECK(raft->transfer_to == 0);
    check_excuse(raft, &raft->leader_excuse);
    if (raft->leader == 0) CHECK(raft->pending_count == 0);
}

void raft_check(const struct raft *raft) {
    CHECK(raft->applied_index <= raft->commit_index);
    CHECK(raft->commit_index <= raft_log_last_index(&raft->log));
    CHECK(raft_log_last_term(&raft->log) <= raft->term);
    CHECK(raft->log.base_index <= raft->applied_index);
    CHECK(raft->log.base_index <= raft->snapshot.index);
    CHECK(raft->snapshot.index <= raft->applied_index);
    CHECK(raft->pending_count <= RAFT_READS_MAX);
    raft_log_check(&raft->log);
    check_disk(raft);
    check_members(raft);
    check_votes(raft);
    check_repair(raft);
    if (raft->role == RAFT_LEADER)
        check_leader(raft);
    else
        check_other(raft);
}
