/* raft_read.c: read indexes and the lease (thesis 6.4; SAFETY 2, 5).
 *
 * A read index is the leader's commit index at a moment, after the question came, at which it
 * certainly still led: by its lease, or because a majority answered a heartbeat round sent after
 * the question. A node that does not lead passes the question on and waits; every question gets
 * exactly one answer. */
#include "raft/raft_internal.h"

#include "base/memory.h"

static void answer(struct raft *raft, const struct raft_pending_read *read, bool granted) {
    uint64_t index = granted ? read->index : 0;
    if (read->from == 0) {
        raft_answer_read(raft, &(struct raft_read){.context = read->context,
                                                   .index = index,
                                                   .granted = granted,
                                                   .stamp_ms = granted ? raft->stamp_ms : 0});
        return;
    }
    raft_send(raft, (struct raft_message){
                        .type = RAFT_READ_REPLY,
                        .to = read->from,
                        .as.read_reply = {.context = read->context,
                                          .granted = granted,
                                          .index = index,
                                          .stamp_ms = granted ? raft->stamp_ms : 0},
                    });
}

static void remember(struct raft *raft, const struct raft_pending_read *read) {
    if (raft->pending_count == raft->pending_capacity) {
        raft->pending_capacity = raft->pending_capacity == 0 ? 16 : raft->pending_capacity * 2;
        raft->pending =
            memory_resize(raft->pending, raft->pending_capacity * sizeof(*raft->pending));
    }
    raft->pending[raft->pending_count++] = *read;
}

/* Forgets the pending reads from `at` on, `count` of them. */
static void forget(struct raft *raft, uint32_t at, uint32_t count) {
    raft->pending_count -= count;
    memmove(raft->pending + at, raft->pending + at + count,
            (raft->pending_count - at) * sizeof(*raft->pending));
}

/* Until then it does not know what earlier leaders have committed (SAFETY 2). */
static bool knows_what_is_committed(const struct raft *raft) {
    if (raft_is_planted(raft, RAFT_PLANTED_READ_BEFORE_NOOP)) return true;
    return raft_own_term_is_committed(raft);
}

static void read_as_leader(struct raft *raft, struct raft_pending_read read, bool confirm) {
    bool may_answer = knows_what_is_committed(raft);
    if (may_answer) read.index = raft->commit_index;
    bool is_certain = !confirm && raft_has_lease(raft, raft->now_us);
    if (raft_is_planted(raft, RAFT_PLANTED_READ_UNCONFIRMED)) is_certain = true;
    if (may_answer && is_certain) {
        answer(raft, &read, true);
        return;
    }
    /* It must not join a round already sent: that one may have been answered before a newer
     * leader's commit. */
    read.number = raft->heartbeat_number + 1;
    remember(raft, &read);
    raft_send_heartbeats(raft);
    raft_resume_reads(raft); /* A cluster of one asks nobody. */
}

static void read_as_follower(struct raft *raft, struct raft_pending_read read, bool confirm) {
    read.expiry_us = raft->now_us + raft->config.election_us;
    remember(raft, &read);
    raft_send(raft,
              (struct raft_message){.type = RAFT_READ,
                                    .to = raft->leader,
                                    .as.read = {.context = read.context, .confirm = confirm}});
}

void raft_read(struct raft *raft, uint64_t context, uint32_t from, bool confirm) {
    struct raft_pending_read read = {.context = context, .from = from};
    bool leads = raft->role == RAFT_LEADER;
    bool can_ask = leads || (from == 0 && raft->leader != 0);
    if (!can_ask || raft->pending_count >= RAFT_READS_MAX) {
        answer(raft, &read, false);
        return;
    }
    if (leads)
        read_as_leader(raft, read, confirm);
    else
        read_as_follower(raft, read, confirm);
}

void raft_on_read_reply(struct raft *raft, const struct raft_message *message) {
    if (raft->role == RAFT_LEADER) return;
    for (uint32_t i = 0; i < raft->pending_count; i++) {
        if (raft->pending[i].context != message->as.read_reply.context) continue;
        raft_answer_read(raft, &(struct raft_read){.context = message->as.read_reply.context,
                                                   .index = message->as.read_reply.index,
                                                   .granted = message->as.read_reply.granted != 0,
                                                   .stamp_ms = message->as.read_reply.stamp_ms});
        forget(raft, i, 1);
        return;
    }
}

void raft_heartbeat_answered(struct raft *raft, struct raft_peer *peer, uint64_t number,
                             uint64_t promise_us) {
    if (number == 0 || number > raft->heartbeat_number) return;
    if (number > peer->heartbeat_acknowledged) peer->heartbeat_acknowledged = number;
    if (raft->heartbeat_number - number < RAFT_SENT_RING) {
        /* From the sending on: the peer counts from the receipt, which is later (SAFETY 5). */
        uint64_t since_us = raft->sent_us[number % RAFT_SENT_RING];
        if (raft_is_planted(raft, RAFT_PLANTED_LEASE_FROM_REPLY)) since_us = raft->now_us;
        uint64_t margin_us = raft->config.lease_margin_us;
        uint64_t until_us = since_us + (promise_us > margin_us ? promise_us - margin_us : 0);
        if (until_us > peer->lease_until_us) peer->lease_until_us = until_us;
    }

    raft_count_answers(raft);
    raft_resume_reads(raft);
}

/* Both majorities count while a configuration is joint, and none but the present voters (SAFETY 5).
 */
void raft_count_answers(struct raft *raft) {
    struct raft_tally numbers = {0}, leases = {0};
    numbers.at[raft->config.id] = leases.at[raft->config.id] = UINT64_MAX;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        numbers.at[peer->id] = peer->heartbeat_acknowledged;
        leases.at[peer->id] = peer->lease_until_us;
    }
    raft->confirmed_number = raft_quorum_value(raft, &numbers);
    raft->lease_until_us = raft_quorum_value(raft, &leases);
    if (raft_is_planted(raft, RAFT_PLANTED_LEASE_NEW_QUORUM) && raft->voters.next != 0)
        raft->lease_until_us = raft_value_of((struct raft_voters){raft->voters.next, 0}, &leases);
}

void raft_resume_reads(struct raft *raft) {
    if (raft->pending_count == 0 || !knows_what_is_committed(raft)) return;
    uint32_t done = 0;
    for (; done < raft->pending_count && raft->pending[done].number <= raft->confirmed_number;
         done++) {
        struct raft_pending_read *read = &raft->pending[done];
        if (read->index == 0) read->index = raft->commit_index;
        answer(raft, read, true);
    }
    if (done > 0) forget(raft, 0, done);
}

void raft_refuse_reads(struct raft *raft) {
    for (uint32_t i = 0; i < raft->pending_count; i++)
        answer(raft, &raft->pending[i], false);
    raft->pending_count = 0;
}

/* A follower's question, or its answer, may be lost. */
void raft_expire_reads(struct raft *raft) {
    if (raft->role == RAFT_LEADER) return;
    uint32_t done = 0;
    for (; done < raft->pending_count && raft->pending[done].expiry_us <= raft->now_us; done++)
        answer(raft, &raft->pending[done], false);
    if (done > 0) forget(raft, 0, done);
}

uint64_t raft_reads_deadline_us(const struct raft *raft) {
    return raft->pending_count == 0 ? UINT64_MAX : raft->pending[0].expiry_us;
}
