/* raft_election.c: who leads (Raft 5.2, 5.4.1; pre-vote: thesis 9.6; promises: SAFETY 5).
 *
 * A campaign has two rounds. In the pre-vote a node asks whether it could win, at no cost to
 * anybody; only with a majority of such answers it raises the term. So a node that was cut off
 * comes back without deposing a leader that others can hear. */
#include "raft/raft_internal.h"

void raft_reset_election_timer(struct raft *raft) {
    uint64_t spread_us = random_below(&raft->random, raft->config.election_us);
    raft->election_deadline_us = raft->now_us + raft->config.election_us + spread_us;
}

void raft_become_follower(struct raft *raft, uint64_t term, uint32_t leader) {
    CHECK(term >= raft->term);
    if (term > raft->term) {
        raft->term = term;
        raft->voted_for = 0;
        raft->hard_state_dirty = true;
        raft->verified_index = 0;
        raft->leader_excuse = (struct raft_excuse){0};
        raft->forgotten_index = 0; /* Whatever was committed is below this term's first commit. */
    }
    if (raft->role != RAFT_FOLLOWER) raft_reset_election_timer(raft);
    raft->role = RAFT_FOLLOWER;
    raft->leader = leader;
    raft->votes_granted = raft->votes_refused = 0;
    raft->lease_until_us = raft->confirmed_number = 0;
    raft->transfer_to = 0;
}

/* --- campaigning ---------------------------------------------------------------------------- */

/* A node whose log may lack what it once acknowledged must not speak for it (SAFETY 10, 11).
 * Whether it is a voter is not asked: a candidate may know of a newer configuration in which it is,
 * and counts only the votes of its own voters (thesis 4.1). */
static bool may_vote(const struct raft *raft) {
    bool is_damaged = raft->damaged && !raft_is_planted(raft, RAFT_PLANTED_DAMAGED_VOTES);
    /* For what another node under its id acknowledged it can't speak until it has all that was
     * committed up to its own joining. */
    bool has_arrived = raft_has_joined_by(raft, raft_log_last_index(&raft->log));
    return !raft->diverged && !is_damaged && !raft->vote_lost && has_arrived;
}

/* One that should never lead does where nobody else can: alone, or for as long as it takes to bring
 * to another voter what only this one has. */
static bool may_campaign(const struct raft *raft) {
    bool may_lead =
        (raft->unfit & RAFT_UNFIT_PRIORITY) == 0 || raft_is_only_voter(raft) || raft->is_needed;
    return may_vote(raft) && raft_is_eligible(raft) && may_lead;
}

static bool has_promised(const struct raft *raft) {
    if (raft_is_planted(raft, RAFT_PLANTED_BREAK_PROMISE)) return false;
    return raft->now_us < raft->promise_until_us || raft->now_us < raft->silence_until_us;
}

/* The leader it hears of is only busy: as good as heard, within bounds (SAFETY 16). */
static bool bears_with_leader(const struct raft *raft) {
    return raft->leader != 0 && raft_is_excused(raft, &raft->leader_excuse);
}

static void ask_voters(struct raft *raft, struct raft_message question) {
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        question.to = raft->peers[i].id;
        if ((raft_all_voters(raft) & 1u << question.to) == 0) continue;
        raft_send(raft, question);
    }
}

static void campaign(struct raft *raft, enum raft_cause cause) {
    raft_because(raft, cause, raft->leader, 0);
    raft->role = RAFT_CANDIDATE;
    raft->leader = 0;
    raft->term++;
    raft->voted_for = raft->config.id;
    raft->hard_state_dirty = true;
    raft->verified_index = 0;
    raft->leader_excuse = (struct raft_excuse){0};
    /* Its own vote counts once it is durable: raft_count_own_vote(). */
    raft->votes_granted = raft->votes_refused = 0;
    raft_reset_election_timer(raft);
    ask_voters(raft, (struct raft_message){
                         .type = RAFT_VOTE,
                         .as.vote = {.last_index = raft_log_last_index(&raft->log),
                                     .last_term = raft_log_last_term(&raft->log),
                                     .transfer = cause == RAFT_CAUSE_ASKED},
                     });
}

static void pre_campaign(struct raft *raft) {
    if (raft_is_only_voter(raft)) {
        campaign(raft, RAFT_CAUSE_ALONE);
        return;
    }
    bool was_heard = raft->heard_us != 0;
    raft_because(raft, was_heard ? RAFT_CAUSE_SILENCE : RAFT_CAUSE_STARTED, raft->leader,
                 was_heard ? raft->now_us - raft->heard_us : 0);
    raft->role = RAFT_PRE_CANDIDATE;
    raft->leader = 0;
    raft->votes_granted = 1u << raft->config.id;
    raft->votes_refused = 0;
    raft_reset_election_timer(raft);
    ask_voters(raft, (struct raft_message){
                         .type = RAFT_PRE_VOTE,
                         .as.pre_vote = {.campaign_term = raft->term + 1,
                                         .last_index = raft_log_last_index(&raft->log),
                                         .last_term = raft_log_last_term(&raft->log)},
                     });
}

uint64_t raft_election_deadline_us(const struct raft *raft) {
    if (!may_campaign(raft)) return UINT64_MAX;
    uint64_t deadline = raft->election_deadline_us;
    /* Those who can stay and have sound disks with room come first, but somebody has to lead. */
    bool comes_last = raft->unfit != 0 && !raft_is_only_voter(raft);
    if (comes_last) deadline += 2 * raft->config.election_us;
    if (deadline < raft->promise_until_us) deadline = raft->promise_until_us;
    if (deadline < raft->silence_until_us) deadline = raft->silence_until_us;
    return deadline;
}

void raft_election_tick(struct raft *raft) {
    if (raft->now_us < raft_election_deadline_us(raft)) return;
    if (raft_disk_is_stalled(raft)) {
        raft_reset_election_timer(raft); /* It could not even make its vote durable. */
        return;
    }
    if (!raft_is_only_voter(raft) && raft_was_absent(raft)) {
        raft_reset_election_timer(raft);
        return;
    }
    pre_campaign(raft);
}

void raft_on_timeout_now(struct raft *raft, const struct raft_message *message) {
    if (raft->role != RAFT_FOLLOWER || message->from != raft->leader) return;
    if (may_campaign(raft)) campaign(raft, RAFT_CAUSE_ASKED);
}

/* --- voting --------------------------------------------------------------------------------- */

/* Raft 5.4.1: the later last term, or the longer log of the same. */
static bool is_up_to_date(const struct raft *raft, uint64_t last_index, uint64_t last_term) {
    if (raft_is_planted(raft, RAFT_PLANTED_VOTE_FOR_ANYONE)) return true;
    uint64_t own_term = raft_log_last_term(&raft->log);
    if (last_term != own_term) return last_term > own_term;
    return last_index >= raft_log_last_index(&raft->log);
}

/* Whoever hears its leader needs no other one (thesis 9.6), also where its promises are shorter
 * than the election timeout. */
static bool hears_its_leader(const struct raft *raft) {
    if (raft_is_planted(raft, RAFT_PLANTED_BREAK_PROMISE)) return false;
    return raft->leader != 0 && raft->now_us - raft->heard_us < raft->config.election_us;
}

/* By somebody who can't be elected, for lack of what this log has. */
static void note_need(struct raft *raft) {
    bool had_no_timer = !may_campaign(raft);
    raft->is_needed = true;
    if (had_no_timer) raft_reset_election_timer(raft);
}

void raft_on_pre_vote(struct raft *raft, const struct raft_message *message) {
    uint64_t campaign_term = message->as.pre_vote.campaign_term;
    bool is_free = may_vote(raft) && campaign_term > raft->term && raft->role != RAFT_LEADER &&
                   !has_promised(raft) && !hears_its_leader(raft) && !bears_with_leader(raft);
    bool granted = is_free && is_up_to_date(raft, message->as.pre_vote.last_index,
                                            message->as.pre_vote.last_term);
    bool would_lead = (raft_all_voters(raft) & 1u << message->from) != 0 &&
                      campaign_term <= RAFT_TERM_MAX; /* else it asks for terms: raft_repair.c */
    if (is_free && !granted && would_lead) note_need(raft);
    raft_send(raft, (struct raft_message){
                        .type = RAFT_PRE_VOTE_REPLY,
                        .to = message->from,
                        .as.pre_vote_reply = {.campaign_term = campaign_term, .granted = granted},
                    });
}

/* Whoever leads, or has promised a leader not to vote, does not even learn the newer term: it would
 * depose a leader that works. An election that the leader itself asked for is another matter: it
 * has given up its lease before. */
bool raft_vote_is_barred(const struct raft *raft, const struct raft_message *message) {
    if (message->term <= raft->term || message->as.vote.transfer) return false;
    return raft->role == RAFT_LEADER || has_promised(raft) || bears_with_leader(raft);
}

void raft_on_vote(struct raft *raft, const struct raft_message *message) {
    bool vote_is_free = raft->voted_for == 0 || raft->voted_for == message->from;
    bool is_bound = raft->leader != 0 || (!message->as.vote.transfer && has_promised(raft));
    bool granted = vote_is_free && !is_bound && may_vote(raft) &&
                   is_up_to_date(raft, message->as.vote.last_index, message->as.vote.last_term);
    if (granted) {
        /* The vote reaches the disk before the reply leaves: forgetting it in a crash could grant a
         * second one in this term, hence elect two leaders (Raft 5.2). */
        if (raft->voted_for == 0) raft->hard_state_dirty = true;
        if (raft->change.cause != RAFT_CAUSE_HANDED_OVER)
            raft_because(raft, RAFT_CAUSE_VOTED, message->from, 0);
        raft_become_follower(raft, raft->term, 0);
        raft->voted_for = message->from;
        raft_reset_election_timer(raft);
    }
    raft_send(raft, (struct raft_message){.type = RAFT_VOTE_REPLY,
                                          .to = message->from,
                                          .as.vote_reply = {.granted = granted}});
}

/* --- counting ------------------------------------------------------------------------------- */

/* All others together could not elect it any more. */
static bool is_lost(const struct raft *raft) {
    return !raft_is_quorum(raft, ~raft->votes_refused);
}

static void note_vote(struct raft *raft, uint32_t from, bool granted) {
    if (granted)
        raft->votes_granted |= 1u << from;
    else
        raft->votes_refused |= 1u << from;
}

static void win(struct raft *raft) {
    raft_because(raft, RAFT_CAUSE_ELECTED, 0, 0);
    raft->change.votes = raft->votes_granted;
    raft_lead(raft);
}

static void lose(struct raft *raft) {
    raft_because(raft, RAFT_CAUSE_LOST, 0, 0);
    raft_become_follower(raft, raft->term, 0);
}

void raft_count_own_vote(struct raft *raft) {
    if (raft->role != RAFT_CANDIDATE || !raft_hard_state_is_durable(raft)) return;
    note_vote(raft, raft->config.id, true);
    if (raft_is_quorum(raft, raft->votes_granted)) win(raft);
}

void raft_on_pre_vote_reply(struct raft *raft, const struct raft_message *message) {
    bool is_current = raft->role == RAFT_PRE_CANDIDATE &&
                      message->as.pre_vote_reply.campaign_term == raft->term + 1;
    if (!is_current) return;
    note_vote(raft, message->from, message->as.pre_vote_reply.granted != 0);
    if (raft_is_quorum(raft, raft->votes_granted))
        campaign(raft, RAFT_CAUSE_PRE_VOTED);
    else if (is_lost(raft))
        lose(raft);
}

void raft_on_vote_reply(struct raft *raft, const struct raft_message *message) {
    if (raft->role != RAFT_CANDIDATE) return;
    note_vote(raft, message->from, message->as.vote_reply.granted != 0);
    if (raft_is_quorum(raft, raft->votes_granted))
        win(raft);
    else if (is_lost(raft))
        lose(raft);
}
