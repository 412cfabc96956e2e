/* raft_repair.c: a node whose disk has lost what it answered for (SAFETY 11).
 *
 * Entries. It neither votes nor campaigns until a leader has supplied all that is committed. In a
 * term in which it may have acknowledged what it lost, that is not enough: its acknowledgements may
 * still count there, or be on their way, towards entries that are not committed yet. So the leader
 * is asked to forget them (RECOUNT), and from then on believes only answers to what it has sent
 * since. A leader of a later term never had them: it was elected without this node's vote.
 *
 * The vote. Whoever got this node's vote in a term, or an acknowledgement, has that term on its
 * disk. So once all other members have told their terms, asked after the loss, none of them can
 * have anything of this node's from a later one; until then the node says nothing else. (A term in
 * which it campaigned unheard gives nobody else anything.) It asks by a PRE_VOTE for a term that
 * nobody will ever have: that settles nothing, and its number shows that an answer is no older one.
 * In the term that it has learnt its vote counts as given.
 *
 * Another one that has lost its vote too can't tell its term: the two may have elected each other,
 * or been asked by each other, in terms that nobody else has heard of. But such terms are few: each
 * took an election, which waits for its time-out and for two files on the disk, and whatever came
 * of it and is known stands in a vote or in a log that is sound. From the highest term that anybody
 * knows 2^40 elections are out of reach (at a thousand a second they take 34 years). So a node
 * whose every other member has told its term or, asked after the loss, that it has lost it too,
 * goes on beyond all that: by 2^40 terms and as much again by chance, lest a term be met again in
 * which this was done before and lost again. */
#include "raft/raft_internal.h"

static const uint64_t NONCE_MARK = (uint64_t)1 << 63;   /* above every term */
static const uint64_t OUT_OF_REACH = (uint64_t)1 << 40; /* terms */

static void begin_asking(struct raft *raft) {
    raft->nonce = random_next(&raft->random) | NONCE_MARK;
    raft->asked_us = 0;
}

/* Not more often than an answer may take. */
static bool may_ask(struct raft *raft) {
    bool was_asked = raft->asked_us != 0;
    if (was_asked && raft->now_us - raft->asked_us < raft->config.election_us / 2) return false;
    raft->asked_us = raft->now_us;
    return true;
}

/* --- the vote ------------------------------------------------------------------------------- */

static uint32_t others(const struct raft *raft) {
    return members_all(&raft_in_force(raft)->members) & ~(1u << raft->config.id);
}

static void judge_terms(struct raft *raft) {
    bool knows_whom_to_ask = raft_in_force(raft)->members.count > 0;
    if (!knows_whom_to_ask || raft_untold(raft) != 0) return;
    uint64_t term = raft->told_term > raft->term ? raft->told_term : raft->term;
    bool has_company = (others(raft) & ~raft->told) != 0;
    if (has_company && !raft_is_planted(raft, RAFT_PLANTED_BELIEVE_LOST_TERMS)) {
        if (term > RAFT_TERM_MAX - 2 * OUT_OF_REACH) return; /* Only foreign bytes lead here. */
        term += OUT_OF_REACH + random_below(&raft->random, OUT_OF_REACH);
    }
    raft->vote_lost = false;
    raft->term = term;
    raft->voted_for = raft->config.id; /* nobody else can have it in this term */
    raft->hard_state_dirty = true;
    raft->damaged_term = raft->term;
    raft_reset_election_timer(raft);
}

void raft_ask_terms(struct raft *raft) {
    if (!may_ask(raft)) return;
    uint32_t missing =
        others(raft) & ~raft->told; /* also who has lost it too: it may know by now */
    for (uint32_t id = 1; id <= RAFT_NODES_MAX; id++) {
        if ((missing & 1u << id) == 0) continue;
        raft_send(raft, (struct raft_message){.type = RAFT_PRE_VOTE,
                                              .to = id,
                                              .as.pre_vote = {.campaign_term = raft->nonce}});
    }
}

void raft_hear_term(struct raft *raft, const struct raft_message *message) {
    uint64_t question = message->as.pre_vote.campaign_term;
    if (message->type == RAFT_PRE_VOTE && question >= NONCE_MARK) {
        raft_send(raft, (struct raft_message){.type = RAFT_VOTE_LOST,
                                              .to = message->from,
                                              .as.vote_lost = {.nonce = question}});
        return;
    }
    bool is_told = message->type == RAFT_PRE_VOTE_REPLY &&
                   message->as.pre_vote_reply.campaign_term == raft->nonce;
    bool is_lost = message->type == RAFT_VOTE_LOST && message->as.vote_lost.nonce == raft->nonce;
    if (!is_told && !is_lost) return;
    if (message->term > raft->told_term) raft->told_term = message->term;
    if (is_told) raft->told |= 1u << message->from;
    if (is_lost) raft->told_lost |= 1u << message->from;
    judge_terms(raft);
}

uint32_t raft_untold(const struct raft *raft) {
    return raft->vote_lost ? others(raft) & ~raft->told & ~raft->told_lost : 0;
}

uint32_t raft_told_lost(const struct raft *raft) {
    return raft->told_lost & ~raft->told;
}

/* --- entries: the node itself --------------------------------------------------------------- */

void raft_begin_repair(struct raft *raft) {
    if (!raft->damaged && !raft->vote_lost) return;
    raft->damaged_term = raft->term;
    begin_asking(raft);
    if (raft->vote_lost) judge_terms(raft);
}

void raft_look_for_a_lapse(struct raft *raft, uint64_t commit) {
    uint64_t last = raft_log_last_index(&raft->log);
    if (commit <= last || raft_is_planted(raft, RAFT_PLANTED_COMMIT_UNVERIFIED)) return;
    if (commit > raft->forgotten_index) raft->forgotten_index = commit;
    if (raft->damaged) return;
    raft->damaged = true;
    raft->damaged_term = raft->term;
    begin_asking(raft);
    raft_tell_lapse(
        raft, (struct raft_lapse){.node = raft->config.id, .acknowledged = commit, .kept = last});
}

static bool is_counted_anew(const struct raft *raft) {
    return raft->term > raft->damaged_term || raft->recounted_term == raft->term;
}

void raft_ask_recount(struct raft *raft) {
    if (!raft->damaged || is_counted_anew(raft) || !may_ask(raft)) return;
    raft_send(raft, (struct raft_message){.type = RAFT_RECOUNT,
                                          .to = raft->leader,
                                          .as.recount = {.nonce = raft->nonce,
                                                         .kept = raft_log_last_index(&raft->log)}});
}

void raft_on_recount_reply(struct raft *raft, const struct raft_message *message) {
    bool is_answer = raft->damaged && message->from == raft->leader &&
                     message->as.recount_reply.nonce == raft->nonce;
    if (!is_answer) return;
    raft->recounted_term = raft->term;
    uint64_t commit = message->as.recount_reply.commit;
    if (commit > raft->forgotten_index) raft->forgotten_index = commit;
    raft_judge_repair(raft);
}

void raft_judge_repair(struct raft *raft) {
    if (!raft->damaged || raft->role != RAFT_FOLLOWER || raft->leader == 0) return;
    uint64_t commit = raft->commit_index;
    /* All that was ever committed before this leader is below the first commit of its term. */
    uint64_t needed = commit > raft->forgotten_index ? commit : raft->forgotten_index;
    bool is_supplied = raft_log_term(&raft->log, commit) == raft->term &&
                       raft->persisted_index >= needed && raft->verified_index >= needed;
    if (is_supplied && is_counted_anew(raft)) raft->damaged = false;
}

/* --- entries: its leader -------------------------------------------------------------------- */

static void count_anew(struct raft *raft, struct raft_peer *peer, uint64_t kept) {
    if (kept < peer->match_index)
        raft_tell_lapse(
            raft,
            (struct raft_lapse){.node = peer->id, .acknowledged = peer->match_index, .kept = kept});
    peer->void_round = peer->match_round = raft->heartbeat_number;
    peer->match_index = peer->acknowledged_index = 0;
    raft_probe_from(peer, raft_log_last_index(&raft->log) + 1);
    raft_send_heartbeats(raft); /* What is sent from now on is of a later round. */
}

void raft_on_recount(struct raft *raft, const struct raft_message *message) {
    struct raft_peer *peer = raft_peer_find(raft, message->from);
    uint64_t nonce = message->as.recount.nonce;
    if (raft->role != RAFT_LEADER || peer == NULL) return;
    if (peer->recount_nonce != nonce) count_anew(raft, peer, message->as.recount.kept);
    peer->recount_nonce = nonce;
    raft_send(raft, (struct raft_message){
                        .type = RAFT_RECOUNT_REPLY,
                        .to = peer->id,
                        .as.recount_reply = {.nonce = nonce, .commit = raft->commit_index}});
}

bool raft_is_void(const struct raft_peer *peer, uint64_t heartbeat) {
    return peer->void_round != 0 && heartbeat <= peer->void_round;
}
