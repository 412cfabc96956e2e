/* raft_step.c: the way in and the way out of the core.
 *
 * A step takes one event, changes the state, and then gathers what follows from the new state: one
 * persist request for everything that is new, and whatever the peers' windows allow. What each
 * message has to wait for is decided in one place, at the end, when the persist numbers are known
 * (SAFETY 8). Arrays of the output are reused, so a step in the steady state allocates nothing. */
#include "raft/raft_internal.h"

#include "base/memory.h"

enum { STALL_ELECTIONS = 10 };

/* --- life ----------------------------------------------------------------------------------- */

/* A term can be in the log, or in a snapshot, that the hard state does not name; never less. */
static void note_term(struct raft *raft, uint64_t term) {
    if (term <= raft->term) return;
    raft->term = term;
    raft->voted_for = 0;
}

struct raft *raft_create(const struct raft_config *config, const struct raft_hard_state *hard_state,
                         uint64_t now_us) {
    CHECK(config->id > 0 && config->id <= RAFT_NODES_MAX);
    CHECK(config->voter_count <= RAFT_NODES_MAX);
    CHECK(config->heartbeat_us > 0 && config->election_us > config->heartbeat_us);
    CHECK(config->inflight_max > 0);
    struct raft *raft = memory_allocate_zeroed(sizeof(*raft));
    raft->config = *config;
    raft->config.members = NULL; /* lent for this call only */
    if (raft->config.promise_max_us == 0) raft->config.promise_max_us = config->election_us;
    raft->stall_follows = config->disk_stall_us == 0;
    if (raft->stall_follows) raft->config.disk_stall_us = STALL_ELECTIONS * config->election_us;
    if (raft->config.busy_max_us == 0) raft->config.busy_max_us = RAFT_BUSY_MAX_US;
    random_init(&raft->random, config->seed);
    raft->now_us = now_us;
    raft->term = hard_state->term;
    raft->voted_for = hard_state->voted_for;
    raft->damaged = config->damaged;
    raft->vote_lost = config->vote_lost;
    raft->cut_after = RAFT_NO_CUT;
    raft->unfit = config->unfit;
    raft->snapshot = config->snapshot;
    if (raft->snapshot.index < config->base_index) {
        raft->snapshot =
            (struct raft_position){config->base_index, config->base_term, config->base_hash};
    }
    note_term(raft, raft->snapshot.term);
    raft->hard_state_dirty = config->joined_term > raft->term; /* nothing else tells it yet */
    note_term(raft, config->joined_term);
    raft_log_init(&raft->log, &(struct raft_log_base){.index = config->base_index,
                                                      .term = config->base_term,
                                                      .hash = config->base_hash});
    raft->commit_index = raft->applied_index = config->base_index;
    raft->submitted_index = raft->persisted_index = config->base_index;
    raft->restart_number = config->is_restarted ? 1 : 0;
    raft_init_members(raft, config);
    return raft;
}

void raft_destroy(struct raft *raft) {
    if (raft == NULL) return;
    raft_clear_members(raft);
    raft_log_clear(&raft->log);
    memory_release(raft->outstanding);
    memory_release(raft->pending);
    memory_release(raft->messages);
    memory_release(raft->reads);
    memory_release(raft->fetches);
    memory_release(raft);
}

void raft_drop_old_entries(struct raft *raft) {
    uint64_t limit =
        raft->applied_index < raft->persisted_index ? raft->applied_index : raft->persisted_index;
    /* The tail is there for the peers: who has none would keep it in vain. */
    raft_log_drop(&raft->log, limit, raft->peer_count == 0 ? 0 : raft->config.tail_bytes_max);
}

void raft_restore(struct raft *raft, struct entry entry, bool committed) {
    chunk_hold(entry.chunk);
    raft_append(raft, entry);
    uint64_t index = raft_log_last_index(&raft->log);
    raft->submitted_index = raft->persisted_index = index;
    note_term(raft, entry_term(entry.image));
    if (!committed) return;
    CHECK(raft->commit_index == index - 1);
    raft->commit_index = raft->applied_index = index;
    raft_prune_configurations(raft);
    raft_drop_old_entries(raft);
}

void raft_restore_losses(struct raft *raft, bool damaged, bool vote_lost) {
    raft->damaged |= damaged;
    raft->vote_lost |= vote_lost;
}

void raft_start(struct raft *raft, uint64_t now_us) {
    raft->now_us = now_us;
    raft_begin_repair(raft);
    CHECK(raft->commit_index >= raft->snapshot.index);
    if (raft_was_always_alone(raft)) {
        raft->election_deadline_us = now_us; /* Nobody else to wait for. */
        return;
    }
    /* What was promised before a crash is forgotten; the longest of it is kept (SAFETY 5). */
    if (!raft_is_planted(raft, RAFT_PLANTED_NO_SILENCE))
        raft->silence_until_us = now_us + raft->config.promise_max_us;
    raft_reset_election_timer(raft);
}

/* --- the output ----------------------------------------------------------------------------- */

/* Makes room for one more row in one of the output's arrays. */
#define RESERVE_ROW(array, count, capacity)                                                        \
    do {                                                                                           \
        if ((count) == (capacity)) {                                                               \
            (capacity) = (capacity) == 0 ? 16 : (capacity)*2;                                      \
            (array) = memory_resize((array), (size_t)(capacity) * sizeof(*(array)));               \
        }                                                                                          \
    } while (0)

void raft_send(struct raft *raft, struct raft_message message) {
    message.from = raft->config.id;
    message.term = raft->term;
    RESERVE_ROW(raft->messages, raft->message_count, raft->message_capacity);
    raft->messages[raft->message_count++] = message;
}

void raft_answer_read(struct raft *raft, const struct raft_read *read) {
    RESERVE_ROW(raft->reads, raft->read_count, raft->read_capacity);
    raft->reads[raft->read_count++] = *read;
}

void raft_ask_fetch(struct raft *raft, struct raft_fetch fetch) {
    RESERVE_ROW(raft->fetches, raft->fetch_count, raft->fetch_capacity);
    raft->fetches[raft->fetch_count++] = fetch;
}

void raft_tell_lapse(struct raft *raft, struct raft_lapse lapse) {
    raft->lapse = lapse;
    raft->has_lapse = true;
}

/* --- persist requests ----------------------------------------------------------------------- */

static struct raft_outstanding *outstanding_at(const struct raft *raft, uint32_t i) {
    uint32_t mask = raft->outstanding_capacity - 1;
    return &raft->outstanding[(raft->outstanding_head + i) & mask];
}

static void outstanding_push(struct raft *raft, struct raft_outstanding request) {
    if (raft->outstanding_count == raft->outstanding_capacity) {
        uint32_t capacity = raft->outstanding_capacity == 0 ? 16 : raft->outstanding_capacity * 2;
        struct raft_outstanding *grown = memory_allocate(capacity * sizeof(*grown));
        for (uint32_t i = 0; i < raft->outstanding_count; i++)
            grown[i] = *outstanding_at(raft, i);
        memory_release(raft->outstanding);
        raft->outstanding = grown;
        raft->outstanding_capacity = capacity;
        raft->outstanding_head = 0;
    }
    *outstanding_at(raft, raft->outstanding_count++) = request;
}

void raft_append(struct raft *raft, struct entry entry) {
    raft_log_append(&raft->log, entry);
    raft_note_configuration(raft, entry);
}

/* What was or is being written of entries above `index` proves nothing about what will stand in
 * their place (SAFETY 7). */
static void void_above(struct raft *raft, uint64_t index) {
    if (raft->persisted_index > index) raft->persisted_index = index;
    for (uint32_t i = 0; i < raft->outstanding_count; i++) {
        struct raft_outstanding *request = outstanding_at(raft, i);
        if (request->last_index > index) request->last_index = index;
    }
}

void raft_restart_log(struct raft *raft, const struct raft_position *position) {
    raft_log_restart(&raft->log,
                     &(struct raft_log_base){position->index, position->term, position->hash});
    raft->truncated = true;
    raft->restart = true;
    raft->restart_number = raft->persist_number + 1;
    raft->cut_after = RAFT_NO_CUT;
    void_above(raft, position->index);
    /* The snapshot itself is durable, and a log that does not fit it is not used any more. But it
     * is the restarted log that misses the snapshot if its file is lost: acknowledged is what it
     * holds once that is durable, too (raft_is_restarting()). */
    raft->submitted_index = raft->persisted_index = position->index;
}

void raft_cut_after(struct raft *raft, uint64_t index) {
    CHECK(index >= raft->commit_index);
    raft_log_cut_after(&raft->log, index);
    raft_cut_configurations(raft, index);
    raft->truncated = true;
    if (raft->submitted_index > index) {
        if (index < raft->cut_after) raft->cut_after = index;
        raft->submitted_index = index;
    }
    if (raft_is_planted(raft, RAFT_PLANTED_COUNT_TRUNCATED)) return;
    void_above(raft, index);
}

static void persist_what_is_new(struct raft *raft) {
    uint64_t last = raft_log_last_index(&raft->log);
    bool has_cut = raft->cut_after != RAFT_NO_CUT;
    /* While the vote is lost the term is a lower bound, and what is written counts as known. */
    bool has_hard_state = raft->hard_state_dirty && !raft->vote_lost;
    bool has_restarted = raft->restart_number > raft->persist_number;
    bool has_news = has_hard_state || has_cut || has_restarted;
    if (!has_news && raft->submitted_index == last) return;

    if (raft->persisted_index > last) raft->persisted_index = last;
    uint32_t count = (uint32_t)(last - raft->submitted_index);
    raft->persist = (struct raft_persist){
        .number = ++raft->persist_number,
        .has_hard_state = has_hard_state,
        .hard_state = {.term = raft->term, .voted_for = raft->voted_for},
        .restart = raft->restart,
        .base = raft->snapshot, /* which a restart begins behind */
        .cut_after = raft->cut_after,
        .entries = count == 0 ? NULL : raft_log_at(&raft->log, raft->submitted_index + 1),
        .entry_count = count,
    };
    raft->has_persist = true;
    if (has_hard_state) {
        raft->hard_state_number = raft->persist_number;
        raft->hard_state_dirty = false;
    }
    raft->cut_after = RAFT_NO_CUT;
    raft->restart = false;
    raft->submitted_index = last;
    outstanding_push(raft, (struct raft_outstanding){.number = raft->persist_number,
                                                     .last_index = last,
                                                     .since_us = raft->now_us});
}

static void on_persisted(struct raft *raft, uint64_t number) {
    CHECK(number <= raft->persist_number);
    if (number <= raft->completed_number) return;
    bool restarted = raft_is_restarting(raft);
    raft->completed_number = number;
    restarted &= !raft_is_restarting(raft);
    uint64_t durable = 0;
    while (raft->outstanding_count > 0 && outstanding_at(raft, 0)->number <= number) {
        durable = outstanding_at(raft, 0)->last_index;
        raft->outstanding_head = (raft->outstanding_head + 1) & (raft->outstanding_capacity - 1);
        raft->outstanding_count--;
    }
    uint64_t last = raft_log_last_index(&raft->log);
    if (durable > last) durable = last;
    if (durable > raft->persisted_index) raft->persisted_index = durable;

    if (restarted) raft_tell_match(raft);
    raft_drop_old_entries(raft); /* What is committed then may have waited for that room. */
    raft_count_own_vote(raft);
    if (raft->role == RAFT_LEADER) raft_advance_commit(raft);
    raft_judge_repair(raft);
}

bool raft_is_restarting(const struct raft *raft) {
    return raft->restart_number > raft->completed_number;
}

bool raft_hard_state_is_durable(const struct raft *raft) {
    return !raft->hard_state_dirty && raft->hard_state_number <= raft->completed_number;
}

bool raft_disk_is_stalled(const struct raft *raft) {
    if (raft->outstanding_count == 0) return false;
    uint64_t since_us = outstanding_at(raft, 0)->since_us;
    if (since_us < raft->written_us) since_us = raft->written_us;
    return raft->now_us - since_us > raft->config.disk_stall_us;
}

/* The first open request whose completion makes entries up to `index` durable; 0: they are. */
static uint64_t request_that_covers(const struct raft *raft, uint64_t index) {
    if (index <= raft->persisted_index) return 0;
    uint32_t low = 0, high = raft->outstanding_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (outstanding_at(raft, middle)->last_index < index)
            low = middle + 1;
        else
            high = middle;
    }
    CHECK(low < raft->outstanding_count);
    return outstanding_at(raft, low)->number;
}

/* Every message speaks for its term, an acknowledgement also for its entries (SAFETY 8). */
static uint64_t number_to_wait_for(const struct raft *raft, const struct raft_message *message) {
    bool is_vote = message->type == RAFT_VOTE || message->type == RAFT_VOTE_REPLY;
    if (is_vote && raft_is_planted(raft, RAFT_PLANTED_VOTE_NOT_PERSISTED)) return 0;

    uint64_t number =
        raft->hard_state_number > raft->completed_number ? raft->hard_state_number : 0;
    bool beats = message->type == RAFT_HEARTBEAT || message->type == RAFT_HEARTBEAT_REPLY;
    if (beats && raft_is_planted(raft, RAFT_PLANTED_HEARTBEAT_WAITS))
        return raft->outstanding_count == 0 ? 0 : raft->persist_number;
    bool acknowledges = message->type == RAFT_APPEND_REPLY && message->as.append_reply.success;
    if (acknowledges && !raft_is_planted(raft, RAFT_PLANTED_ACKNOWLEDGE_BEFORE_SYNC)) {
        uint64_t covering = request_that_covers(raft, message->as.append_reply.match);
        if (raft_is_restarting(raft) && covering < raft->restart_number)
            covering = raft->restart_number;
        if (covering > number) number = covering;
    }
    return number;
}

/* --- messages ------------------------------------------------------------------------------- */

/* Tells the sender of an outdated question the present term (SAFETY 9); answers are dropped. */
static void answer_lower_term(struct raft *raft, const struct raft_message *message) {
    struct raft_message reply = {.to = message->from};
    switch (message->type) {
    case RAFT_VOTE:
        reply.type = RAFT_VOTE_REPLY;
        break;
    case RAFT_APPEND:
        reply.type = RAFT_APPEND_REPLY;
        reply.as.append_reply.previous_index = message->as.append.previous_index;
        break;
    case RAFT_HEARTBEAT:
        reply.type = RAFT_HEARTBEAT_REPLY;
        break;
    case RAFT_READ:
        reply.type = RAFT_READ_REPLY;
        reply.as.read_reply.context = message->as.read.context;
        break;
    default:
        return;
    }
    raft_send(raft, reply);
}

static void dispatch(struct raft *raft, const struct raft_message *message) {
    switch (message->type) {
    case RAFT_VOTE:
        raft_on_vote(raft, message);
        break;
    case RAFT_VOTE_REPLY:
        raft_on_vote_reply(raft, message);
        break;
    case RAFT_APPEND:
        raft_on_append(raft, message);
        break;
    case RAFT_APPEND_REPLY:
        raft_on_append_reply(raft, message);
        break;
    case RAFT_HEARTBEAT:
        raft_on_heartbeat(raft, message);
        break;
    case RAFT_HEARTBEAT_REPLY:
        raft_on_heartbeat_reply(raft, message);
        break;
    case RAFT_READ:
        raft_read(raft, message->as.read.context, message->from, message->as.read.confirm != 0);
        break;
    case RAFT_READ_REPLY:
        raft_on_read_reply(raft, message);
        break;
    case RAFT_TIMEOUT_NOW:
        raft_on_timeout_now(raft, message);
        break;
    case RAFT_SNAPSHOT:
        raft_on_snapshot(raft, message);
        break;
    case RAFT_RECOUNT:
        raft_on_recount(raft, message);
        break;
    case RAFT_RECOUNT_REPLY:
        raft_on_recount_reply(raft, message);
        break;
    case RAFT_VOTE_LOST: /* Only who has lost its own asks. */
        break;
    case RAFT_PRE_VOTE:
    case RAFT_PRE_VOTE_REPLY:
    case RAFT_BUSY:
    case RAFT_MESSAGE_NONE:
    case RAFT_MESSAGE_TYPES:
        CHECK(false);
    }
}

/* A node that this one does not know may be a member of a newer configuration: it may lead and ask
 * for votes (thesis 4.1). One that was removed may answer; its term is of no interest. */
static bool is_believed(const struct raft *raft, const struct raft_message *message) {
    switch (message->type) {
    case RAFT_PRE_VOTE:
    case RAFT_VOTE:
    case RAFT_APPEND:
    case RAFT_HEARTBEAT:
    case RAFT_SNAPSHOT:
        return true;
    default:
        return message->term <= raft->term || raft_is_member(raft, message->from);
    }
}

static void take_newer_term(struct raft *raft, const struct raft_message *message) {
    bool was_asked = message->type == RAFT_VOTE && message->as.vote.transfer &&
                     raft->role == RAFT_LEADER && raft->transfer_to == message->from;
    raft_because(raft, was_asked ? RAFT_CAUSE_HANDED_OVER : RAFT_CAUSE_HIGHER_TERM, message->from,
                 0);
    raft_become_follower(raft, message->term, 0);
}

static void on_message(struct raft *raft, const struct raft_message *message) {
    bool is_for_us = message->to == raft->config.id && message->from != raft->config.id;
    if (!is_for_us || !is_believed(raft, message)) return;
    if (raft->vote_lost) {
        raft_hear_term(raft, message);
        return;
    }
    /* A pre-vote asks about a term that nobody has yet; it settles nothing. */
    if (message->type == RAFT_PRE_VOTE) {
        raft_on_pre_vote(raft, message);
        return;
    }
    /* What a watchdog says waited for no disk: it settles no term either. */
    if (message->type == RAFT_BUSY) {
        if (message->term == raft->term) raft_on_busy(raft, message);
        return;
    }
    if (message->type == RAFT_VOTE && raft_vote_is_barred(raft, message)) return;
    if (message->term > raft->term) take_newer_term(raft, message);
    if (message->type == RAFT_PRE_VOTE_REPLY) {
        raft_on_pre_vote_reply(raft, message);
        return;
    }
    if (message->term < raft->term) {
        answer_lower_term(raft, message);
        return;
    }
    struct raft_peer *peer = raft_peer_find(raft, message->from);
    if (peer != NULL) {
        peer->last_contact_us = raft->now_us;
        peer->excuse = (struct raft_excuse){0};
    }
    dispatch(raft, message);
}

/* --- the step ------------------------------------------------------------------------------- */

static void on_tick(struct raft *raft) {
    raft_expire_reads(raft);
    if (raft->vote_lost)
        raft_ask_terms(raft);
    else if (raft->role == RAFT_LEADER)
        raft_leader_tick(raft);
    else
        raft_election_tick(raft);
}

/* Whoever waits for a heartbeat gets its whole time anew; whoever leads gives the others theirs. */
static void on_timing(struct raft *raft, const struct raft_event *event) {
    CHECK(event->heartbeat_us > 0 && event->election_us > event->heartbeat_us);
    bool same = event->heartbeat_us == raft->config.heartbeat_us &&
                event->election_us == raft->config.election_us;
    if (same) return;
    raft_on_timing(raft, event);
    raft->config.heartbeat_us = event->heartbeat_us;
    raft->config.election_us = event->election_us;
    if (raft->stall_follows) raft->config.disk_stall_us = STALL_ELECTIONS * event->election_us;
    raft_reset_election_timer(raft);
}

static void on_applied(struct raft *raft, uint64_t index) {
    CHECK(index >= raft->applied_index && index <= raft->commit_index);
    raft->applied_index = index;
    raft_prune_configurations(raft);
    raft_drop_old_entries(raft);
}

static void take_event(struct raft *raft, const struct raft_event *event) {
    switch (event->type) {
    case RAFT_EVENT_TICK:
        on_tick(raft);
        break;
    case RAFT_EVENT_MESSAGE:
        on_message(raft, event->message);
        break;
    case RAFT_EVENT_PROPOSE:
        CHECK(raft->role == RAFT_LEADER);
        raft_append_own(raft, event->entry);
        break;
    case RAFT_EVENT_PERSISTED:
        raft->written_us = raft->now_us;
        on_persisted(raft, event->number);
        break;
    case RAFT_EVENT_WRITTEN:
        raft->written_us = raft->now_us;
        break;
    case RAFT_EVENT_APPLIED:
        on_applied(raft, event->index);
        break;
    case RAFT_EVENT_READ:
        raft_read(raft, event->context, 0, event->confirm);
        break;
    case RAFT_EVENT_FETCHED:
        raft_on_fetched(raft, event);
        break;
    case RAFT_EVENT_NOTIFY:
        raft_on_notify(raft, event->node);
        break;
    case RAFT_EVENT_CONNECTED:
        raft_on_connected(raft, event->node);
        break;
    case RAFT_EVENT_TRANSFER:
        raft_on_transfer(raft, event);
        break;
    case RAFT_EVENT_KEEP:
        raft_on_keep(raft);
        break;
    case RAFT_EVENT_UNFIT:
        raft_on_unfit(raft, event->unfit);
        break;
    case RAFT_EVENT_RESIGN:
        raft_on_resign(raft);
        break;
    case RAFT_EVENT_TIMING:
        on_timing(raft, event);
        break;
    case RAFT_EVENT_RECONFIGURE:
        raft_on_reconfigure(raft, event->members);
        break;
    case RAFT_EVENT_SNAPSHOT_DURABLE:
        raft_on_snapshot_durable(raft, &event->position);
        break;
    case RAFT_EVENT_COMPACTED:
        raft_on_compacted(raft, event->index);
        break;
    case RAFT_EVENT_INSTALLED:
        raft_on_installed(raft, event);
        break;
    }
}

static struct raft_standpoint standpoint(const struct raft *raft) {
    return (struct raft_standpoint){.role = raft->role,
                                    .term = raft->term,
                                    .leader = raft->leader,
                                    .transfer_to = raft->transfer_to};
}

static void begin_output(struct raft *raft) {
    raft->has_persist = false;
    raft->truncated = raft->installed = raft->has_lapse = raft->members_changed = false;
    raft->wanted = (struct raft_wanted){0};
    raft->refusal = RAFT_REFUSED_NONE;
    raft->change = (struct raft_change){.before = standpoint(raft)};
    raft->message_count = raft->read_count = raft->fetch_count = 0;
}

static void finish_output(struct raft *raft, struct raft_output *output) {
    for (uint32_t i = 0; i < raft->message_count; i++)
        raft->messages[i].wait_for = number_to_wait_for(raft, &raft->messages[i]);
    *output = (struct raft_output){
        .persists = &raft->persist,
        .persist_count = raft->has_persist ? 1 : 0,
        .messages = raft->messages,
        .message_count = raft->message_count,
        .reads = raft->reads,
        .read_count = raft->read_count,
        .fetches = raft->fetches,
        .fetch_count = raft->fetch_count,
        .lapse = raft->has_lapse ? &raft->lapse : NULL,
        .members_changed = raft->members_changed,
        .want_snapshot = raft->wanted,
        .installed = raft->installed,
        .refusal = raft->refusal,
    };
}

/* What follows from the new state, whatever the event was. */
static void follow_up(struct raft *raft) {
    raft_tend_members(raft);
    persist_what_is_new(raft);
    if (raft->role == RAFT_LEADER) raft_feed_peers(raft);
    if (raft->role == RAFT_LEADER) raft_tend_transfer(raft);
}

void raft_step(struct raft *raft, const struct raft_event *event, struct raft_output *output) {
    begin_output(raft);
    if (event->now_us > raft->now_us) raft->now_us = event->now_us;
    raft->stamp_ms = event->stamp_ms;
    bool members_are_committed = raft_members_are_committed(raft);

    take_event(raft, event);

    if (raft_members_are_committed(raft) != members_are_committed) raft->members_changed = true;
    follow_up(raft);
    struct raft_change *change = &raft->change;
    change->after = standpoint(raft);
    bool changed = change->after.role != change->before.role ||
                   change->after.term != change->before.term ||
                   change->after.leader != change->before.leader;
    if (changed) raft_refuse_reads(raft);
    finish_output(raft, output);
    output->state_changed = changed;
    if (changed || change->after.transfer_to != change->before.transfer_to) output->change = change;
}

/* --- looking at it -------------------------------------------------------------------------- */

enum raft_role raft_role(const struct raft *raft) {
    return raft->role;
}
uint64_t raft_term(const struct raft *raft) {
    return raft->term;
}
uint32_t raft_voted_for(const struct raft *raft) {
    return raft->voted_for;
}
uint32_t raft_leader(const struct raft *raft) {
    return raft->leader;
}
uint64_t raft_commit_index(const struct raft *raft) {
    return raft->commit_index;
}
uint64_t raft_last_index(const struct raft *raft) {
    return raft_log_last_index(&raft->log);
}
uint64_t raft_persisted_index(const struct raft *raft) {
    return raft->persisted_index;
}
uint64_t raft_last_hash(const struct raft *raft) {
    return raft_log_last_hash(&raft->log);
}
uint64_t raft_last_stamp_ms(const struct raft *raft) {
    return raft_log_last_stamp_ms(&raft->log);
}

bool raft_entry_at(const struct raft *raft, uint64_t index, struct entry *entry) {
    if (!raft_log_holds(&raft->log, index) || index > raft_last_index(raft)) return false;
    *entry = *raft_log_at(&raft->log, index);
    return true;
}

uint64_t raft_term_at(const struct raft *raft, uint64_t index) {
    return raft_log_term(&raft->log, index);
}
uint64_t raft_base_index(const struct raft *raft) {
    return raft->log.base_index;
}
uint64_t raft_tail_first_index(const struct raft *raft) {
    return raft->log.first_index;
}
size_t raft_tail_bytes(const struct raft *raft) {
    return raft->log.bytes;
}

bool raft_has_lease(const struct raft *raft, uint64_t now_us) {
    return raft_own_term_is_committed(raft) && !raft->lease_given_up &&
           now_us < raft->lease_until_us;
}

bool raft_diverged(const struct raft *raft) {
    return raft->diverged;
}
bool raft_damaged(const struct raft *raft) {
    return raft->damaged;
}
bool raft_vote_is_lost(const struct raft *raft) {
    return raft->vote_lost;
}
uint32_t raft_transfer_target(const struct raft *raft) {
    return raft->transfer_to;
}

uint64_t raft_deadline_us(const struct raft *raft) {
    if (raft->vote_lost) return raft->asked_us + raft->config.election_us / 2;
    if (raft->role == RAFT_LEADER) return raft->heartbeat_due_us;
    uint64_t election = raft_election_deadline_us(raft);
    uint64_t reads = raft_reads_deadline_us(raft);
    return election < reads ? election : reads;
}

/* --- members -------------------------------------------------------------------------------- */

const struct members *raft_members(const struct raft *raft) {
    return &raft_in_force(raft)->members;
}
uint64_t raft_members_index(const struct raft *raft) {
    return raft_in_force(raft)->index;
}
bool raft_members_are_committed(const struct raft *raft) {
    return raft_in_force(raft)->index <= raft->commit_index;
}

const struct members *raft_members_at(const struct raft *raft, uint64_t index) {
    uint32_t i = raft->configuration_count - 1;
    while (i > 0 && raft->configurations[i].index > index)
        i--;
    CHECK(raft->configurations[i].index <= index);
    return &raft->configurations[i].members;
}

static enum raft_standing standing_of(const struct raft *raft, uint32_t id) {
    if (id == raft->config.id && !raft_has_joined_by(raft, raft_in_force(raft)->index))
        return RAFT_OUTSIDE;
    if ((raft_all_voters(raft) & 1u << id) != 0) return RAFT_VOTER;
    return raft_is_member(raft, id) ? RAFT_LEARNER : RAFT_OUTSIDE;
}
enum raft_standing raft_standing(const struct raft *raft) {
    return standing_of(raft, raft->config.id);
}
bool raft_is_removed(const struct raft *raft) {
    return raft_members(raft)->count > 0 && raft_members_are_committed(raft) &&
           raft_has_joined_by(raft, raft_members_index(raft)) &&
           raft_standing(raft) == RAFT_OUTSIDE;
}

uint32_t raft_peers(const struct raft *raft, struct raft_peer_status *peers, uint32_t max) {
    uint32_t count = raft->peer_count < max ? raft->peer_count : max;
    for (uint32_t i = 0; i < count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        peers[i] = (struct raft_peer_status){
            .id = peer->id,
            .standing = standing_of(raft, peer->id),
            .leaving = peer->leaving,
            .state = peer->state,
            .match_index = peer->match_index,
            .next_index = peer->next_index,
            .last_contact_us = peer->last_contact_us,
            .round_trip_us = peer->round_trip_us,
            .inflight = peer->inflight_count,
            .unfit = peer->unfit,
        };
    }
    return count;
}

void raft_rest_behind(const struct raft *raft, uint64_t index, struct raft_rest *rest) {
    uint64_t last = raft_last_index(raft);
    *rest = (struct raft_rest){.entries = index < last ? last - index : 0};
    if (rest->entries == 0) return;
    uint64_t first = raft->log.first_index > index ? raft->log.first_index : index + 1;
    for (uint64_t at = first; at <= last; at++)
        rest->bytes += entry_size(raft_log_at(&raft->log, at)->image);
    if (first <= last) rest->stamp_ms = entry_stamp_ms(raft_log_at(&raft->log, first)->image);
}

static uint64_t lease_left_us(const struct raft *raft) {
    if (!raft_has_lease(raft, raft->now_us)) return 0;
    return raft->lease_until_us == UINT64_MAX ? UINT64_MAX : raft->lease_until_us - raft->now_us;
}

void raft_get_status(const struct raft *raft, struct raft_status *status) {
    *status = (struct raft_status){
        .id = raft->config.id,
        .leader = raft->leader,
        .voted_for = raft->voted_for,
        .transfer_target = raft->transfer_to,
        .transfer_told = raft->transfer_to != 0 && raft->transfer_sent_us != 0,
        .unfit = raft->unfit,
        .role = raft->role,
        .standing = raft_standing(raft),
        .term = raft->term,
        .commit_index = raft->commit_index,
        .applied_index = raft->applied_index,
        .persisted_index = raft->persisted_index,
        .last_index = raft_log_last_index(&raft->log),
        .base_index = raft->log.base_index,
        .members_index = raft_members_index(raft),
        .diverged = raft->diverged,
        .damaged = raft->damaged,
        .snapshot = raft->snapshot,
        .lease_us = lease_left_us(raft),
        .deadline_us = raft_deadline_us(raft),
    };
}

const char *raft_cause_text(enum raft_cause cause) {
    static const char *const texts[] = {
#define CAUSE_ROW(NAME, text) [RAFT_CAUSE_##NAME] = text,
        RAFT_CAUSES(CAUSE_ROW)
#undef CAUSE_ROW
    };
    return cause < COUNT_OF(texts) ? texts[cause] : "?";
}

const char *raft_refusal_text(enum raft_refusal refusal) {
    static const char *const texts[] = {
#define REFUSAL_ROW(NAME, text) [RAFT_REFUSED_##NAME] = text,
        RAFT_REFUSALS(REFUSAL_ROW)
#undef REFUSAL_ROW
    };
    return refusal < COUNT_OF(texts) ? texts[refusal] : "?";
}
