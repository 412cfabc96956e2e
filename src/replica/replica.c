/* replica.c: the life of a node: events in, Raft's output carried on, timers, effects out.
 *
 * Each call that brings an event ends in replica_drain(), which goes round until nothing moves any
 * more: what became durable is told to the core, what became committed is applied, reads whose
 * index is applied run. Only two things wait for the end of the turn: sealing, so that a turn's
 * commands share one entry, and, on a follower, applying what a packet committed. */
#include "src/replica/replica.h"

#include <stdio.h>

#include "base/memory.h"
#include "base/table.h"
#include "src/replica/mend.h"
#include "src/replica/replica_internal.h"

enum {
    APPLY_BYTES_PER_DRAIN = 8 << 20, /* then the loop looks at its sockets again */
    READ_RETRY_US = 100 * 1000,
    READ_AGAIN_US = 1000,
    TICK_RETRY_US = 50 * 1000,
    RESEND_AFTER_US = 1000 * 1000,
    GIVE_UP_FULL_US = 1000 * 1000, /* what was sealed, where no disk has room */
    RESEND_BYTES_PER_US = 10,      /* more time for a large window: a slow way is not a lost one */
    CLOCK_LEAD_MS = 500,           /* SAFETY 4 */
    RECOVERED_PER_CALL = 4096,
    FREED_BY_TURN = 4096,      /* elements of what UNLINK and FLUSHALL left, also without entries */
    QUERY_BYTES_MAX = 1 << 30, /* whatever the directive says: one entry has to hold it */
    HELD_MAX = 16384,          /* packets that wait for the disk */
};

/* --- small things ----------------------------------------------------------------------------- */

void replica_fail(struct replica *replica, const char *format, ...) {
    if (replica->state == REPLICA_DAMAGED) return;
    replica->state = REPLICA_DAMAGED;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(replica->trouble, sizeof(replica->trouble), format, arguments);
    va_end(arguments);
}

struct bytes *replica_args(struct replica *replica, uint32_t count) {
    if (count + 1 > replica->args_capacity) {
        replica->args_capacity = (count + 1) * 2;
        replica->args = memory_resize(replica->args, replica->args_capacity * sizeof(struct bytes));
    }
    return replica->args;
}

/* The wall clock, but never running away from the log's time and the monotonic clock: a jump ahead
 * is followed at a tenth above their pace, so that one bad clock does not poison the log's stamps
 * (SAFETY 4). */
uint64_t replica_present_ms(struct replica *replica) {
    uint64_t elapsed_ms = (replica->now.now_us - replica->clock_us) / 1000;
    uint64_t expected = replica->clock_ms + elapsed_ms;
    uint64_t present = replica->now.wall_ms;
    bool is_ahead = present > expected + CLOCK_LEAD_MS;
    replica->clock_ahead_ms = is_ahead ? present - expected : 0;
    if (is_ahead) present = expected + elapsed_ms / 10;
    if (elapsed_ms >= 100) {
        replica->clock_ms = present;
        replica->clock_us = replica->now.now_us;
    }
    /* The core knows the last stamp of its log; what a snapshot has only the state knows. */
    uint64_t logged = (uint64_t)storages_now_ms(replica->storages);
    return present > logged ? present : logged;
}

/* A follower takes the log's time for its reference, lest it lead with a clock that was wrong from
 * its start on. An entry may be old, for a node that was cut off, so its stamp counts only where it
 * is later than expected; but `is_present`: it was made at this node's request. */
void replica_follow_stamp(struct replica *replica, uint64_t stamp_ms, bool is_present) {
    if (replica->leading) return;
    uint64_t expected = replica->clock_ms + (replica->now.now_us - replica->clock_us) / 1000;
    if (!is_present && stamp_ms <= expected) return;
    replica->clock_ms = stamp_ms;
    replica->clock_us = replica->now.now_us;
}

static void begin_event(struct replica *replica, struct replica_moment moment) {
    if (moment.now_us > replica->now.now_us) replica->now.now_us = moment.now_us;
    replica->now.wall_ms = moment.wall_ms;
    if (!replica->turn_begun) {
        replica->turn_begun = true;
        replica->first = replica->now;
    }
}

/* --- packets -----------------------------------------------------------------------------------
 */

static void packet_queue(struct replica *replica, struct replica_packet *packet) {
    packet->size = packet->head.size;
    for (uint32_t i = 0; i < packet->span_count; i++)
        packet->size += packet->spans[i].size;
    packet->next = NULL;
    if (replica->packet_last == NULL) {
        replica->packet_first = packet;
    } else {
        replica->packet_last->next = packet;
    }
    replica->packet_last = packet;
    replica->statistics.packets_out++;
}

void replica_send(struct replica *replica, struct replica_packet *packet, uint64_t wait_for) {
    if (wait_for <= journal_persisted(replica->journal)) {
        packet_queue(replica, packet);
        return;
    }
    /* A disk that has been full for hours, say. As if it were lost on the way. */
    if (replica->held_count == HELD_MAX) {
        replica_packet_destroy(packet);
        return;
    }
    if (replica->held_count == replica->held_capacity) {
        replica->held_capacity = replica->held_capacity == 0 ? 16 : replica->held_capacity * 2;
        replica->held =
            memory_resize(replica->held, replica->held_capacity * sizeof(struct waiting_packet));
    }
    replica->held[replica->held_count++] = (struct waiting_packet){packet, wait_for};
}

static void release_held(struct replica *replica) {
    uint64_t persisted = journal_persisted(replica->journal);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < replica->held_count; i++) {
        if (replica->held[i].wait_for <= persisted) {
            packet_queue(replica, replica->held[i].packet);
        } else {
            replica->held[kept++] = replica->held[i];
        }
    }
    replica->held_count = kept;
}

static void send_message(struct replica *replica, const struct raft_message *message) {
    struct replica_packet *packet = packet_create(message->to, message->bulk, PACKET_RAFT);
    raft_message_encode(message, &packet->head);
    if (message->entry_count > 0) {
        packet->spans = memory_allocate(message->entry_count * sizeof(struct bytes));
        packet->chunks = memory_allocate(message->entry_count * sizeof(struct chunk *));
        packet->span_count = message->entry_count;
    }
    for (uint32_t i = 0; i < message->entry_count; i++) {
        const struct entry *entry = &message->entries[i];
        packet->spans[i] = bytes_of(entry->image, entry_size(entry->image));
        packet->chunks[i] = chunk_hold(entry->chunk);
    }
    replica_send(replica, packet, message->wait_for);
}

/* --- comparing states --------------------------------------------------------------------------
 */

/* Whoever leads with a state that may be wrong steps down before anybody reads from it. */
static void resign(struct replica *replica) {
    if (!replica->leading) return;
    struct raft_event event = {.type = RAFT_EVENT_RESIGN};
    replica_raft_step(replica, &event);
}

static void judge(struct replica *replica, const struct compare *compare, uint64_t index) {
    const struct members *members = raft_members(replica->raft);
    uint32_t voters = members_voters(members) | members_next_voters(members);
    if (replica->state == REPLICA_DAMAGED) return;
    switch (compare_judge(compare, replica->config.raft.id, index, voters)) {
    case COMPARE_AGREES:
        return;
    case COMPARE_MINORITY:
        resign(replica);
        replica_fail(replica,
                     "this node's state differs from that of a majority at index %llu: it takes no "
                     "part any more; keep its directory for inspection: " MEND_REPLACE("%u"),
                     (unsigned long long)index, replica->config.raft.id);
        return;
    case COMPARE_NO_MAJORITY:
        resign(replica);
        replica_fail(replica,
                     "the nodes' states differ at index %llu and no majority agrees: writes stop; "
                     "keep all directories for inspection",
                     (unsigned long long)index);
        return;
    }
}

static void tell_digest(struct replica *replica, enum packet_kind kind, uint64_t index,
                        uint64_t digest) {
    const struct members *members = raft_members(replica->raft);
    for (uint32_t i = 0; i < members->count; i++) {
        if (members->at[i].id == replica->config.raft.id) continue;
        struct replica_packet *packet = packet_create(members->at[i].id, true, kind);
        buffer_append_u64(&packet->head, index);
        buffer_append_u64(&packet->head, digest);
        replica_send(replica, packet, 0);
    }
}

void replica_compare(struct replica *replica) {
    const struct members *members = raft_members(replica->raft);
    uint32_t self = replica->config.raft.id;
    if (members->count == 1 && members->at[0].id == self) return;
    uint64_t index = replica->applied_index, digest = replica_digest(replica);
    compare_note(&replica->compare, self, index, digest);
    if (replica->state != REPLICA_RUNNING) return; /* still reading its log: nobody listens yet */
    tell_digest(replica, PACKET_DIGEST, index, digest);
    judge(replica, &replica->compare, index);
}

static enum error receive_digest(struct replica *replica, uint32_t from, struct bytes body) {
    if (body.size != 16 || !compare_is_due(load_u64(body.data))) return ERROR_MALFORMED;
    compare_note(&replica->compare, from, load_u64(body.data), load_u64(body.data + 8));
    judge(replica, &replica->compare, load_u64(body.data));
    return ERROR_NONE;
}

/* --- the full digest -----------------------------------------------------------------------------
 */

uint64_t replica_full_digest(const struct replica *replica) {
    return origins_digest(&replica->origins, storages_digest(replica->storages));
}

/* While the log is read nobody listens; and one at a time: a node that is slow sits one out. */
void replica_note_verify(struct replica *replica) {
    if (replica->state != REPLICA_RUNNING || replica->verify_phase != VERIFY_NONE) return;
    replica->verify_phase = VERIFY_DUE;
    replica->verify_index = replica->applied_index;
}

bool replica_verify_is_due(const struct replica *replica) {
    return replica->verify_phase == VERIFY_DUE && replica->state == REPLICA_RUNNING;
}

void replica_verify_begin(struct replica *replica) {
    CHECK(replica_verify_is_due(replica) && replica->applied_index == replica->verify_index);
    replica->verify_phase = VERIFY_RUNS;
}

void replica_verify_done(struct replica *replica, enum error error, uint64_t digest,
                         struct replica_moment moment) {
    CHECK(replica->verify_phase == VERIFY_RUNS);
    begin_event(replica, moment);
    replica->verify_phase = VERIFY_NONE;
    if (error != ERROR_NONE || replica->state != REPLICA_RUNNING) return;
    replica->statistics.verifications++;
    compare_note(&replica->verified, replica->config.raft.id, replica->verify_index, digest);
    tell_digest(replica, PACKET_VERIFIED, replica->verify_index, digest);
    judge(replica, &replica->verified, replica->verify_index);
}

static enum error receive_verified(struct replica *replica, uint32_t from, struct bytes body) {
    if (body.size != 16 || load_u64(body.data) == 0) return ERROR_MALFORMED;
    compare_note(&replica->verified, from, load_u64(body.data), load_u64(body.data + 8));
    judge(replica, &replica->verified, load_u64(body.data));
    return ERROR_NONE;
}

bool replica_verified(const struct replica *replica, uint32_t node, uint64_t index,
                      uint64_t *digest) {
    return compare_told(&replica->verified, node, index, digest);
}

/* --- Raft's output -----------------------------------------------------------------------------
 */

static void note_leadership(struct replica *replica) {
    uint32_t leader = raft_leader(replica->raft);
    uint64_t term = raft_term(replica->raft);
    bool leading = raft_role(replica->raft) == RAFT_LEADER;
    if (leading && (!replica->leading || replica->leading_term != term)) {
        replica->leading_term = term;
        replica->statistics.elections++;
        replica->leading = true;
        replica_begin_leading(replica);
    }
    replica->leading = leading;
    if (leader == replica->known_leader && term == replica->known_term) return;
    if (leader != 0 && leader != replica->known_leader) replica->statistics.leader_changes++;
    replica->known_leader = leader;
    replica->known_term = term;
    replica->origin_asked_us = 0;
    replica->asked_us = 0;
    replica->tick_asked_us = 0;
    replica->leader_full_until_us = 0;
    if (leader != 0) replica_resend(replica, 0);
}

static void note_change(struct replica *replica, const struct raft_change *change) {
    replica->role_changes[replica->role_changes_next++ % ROLE_CHANGES_MAX] = *change;
    if (replica->role_changes_next - replica->role_changes_first > ROLE_CHANGES_MAX)
        replica->role_changes_first++;
}

static void note_granted(struct replica *replica, const struct raft_read *read) {
    if (!read->granted) {
        replica->asked_us = 0; /* ask again soon */
        return;
    }
    if (replica->granted_count == replica->granted_capacity) {
        replica->granted_capacity =
            replica->granted_capacity == 0 ? 16 : replica->granted_capacity * 2;
        replica->granted = memory_resize(replica->granted,
                                         replica->granted_capacity * sizeof(struct granted_read));
    }
    replica->granted[replica->granted_count++] =
        (struct granted_read){read->context, read->index, read->stamp_ms};
}

enum raft_refusal replica_raft_step(struct replica *replica, struct raft_event *event) {
    event->now_us = replica->now.now_us;
    event->stamp_ms = replica_present_ms(replica);
    struct raft_output output;
    raft_step(replica->raft, event, &output);
    enum raft_refusal refusal = output.refusal;
    /* A node that stops is to the others as one whose disk answers no more: what is asked of it now
     * never becomes durable, and nothing that waits for that leaves. */
    for (uint32_t i = 0; i < output.persist_count && !replica->stopping; i++) {
        journal_persist(replica->journal, &output.persists[i]);
    }
    if (output.installed) replica_snapshots_install(replica);
    for (uint32_t i = 0; i < output.message_count; i++) {
        send_message(replica, &output.messages[i]);
    }
    for (uint32_t i = 0; i < output.read_count; i++)
        note_granted(replica, &output.reads[i]);
    for (uint32_t i = 0; i < output.fetch_count && !replica->stopping; i++) {
        journal_fetch(replica->journal, &output.fetches[i]);
    }
    if (output.lapse != NULL) {
        replica->lapses[output.lapse->node] = *output.lapse;
        replica->statistics.lapses++;
    }
    if (output.change != NULL) note_change(replica, output.change);
    if (output.want_snapshot.node != 0) replica_receiver_want(replica, &output.want_snapshot);
    if (output.state_changed) note_leadership(replica);
    if (output.members_changed) replica_note_members(replica);
    if (raft_diverged(replica->raft)) {
        replica_fail(replica, "this node's log contradicts that of a leader below what is "
                              "committed: it takes no part any more; keep its directory for "
                              "inspection");
    }
    return refusal;
}

/* --- draining ----------------------------------------------------------------------------------
 */

static bool drain_persisted(struct replica *replica) {
    uint64_t persisted = journal_persisted(replica->journal);
    if (persisted <= replica->persisted_told) return false;
    replica->persisted_told = persisted;
    release_held(replica);
    struct raft_event event = {.type = RAFT_EVENT_PERSISTED, .number = persisted};
    replica_raft_step(replica, &event);
    return true;
}

static bool drain_fetched(struct replica *replica) {
    struct journal_fetched fetched;
    if (!journal_fetched(replica->journal, &fetched)) return false;
    struct raft_event event = {
        .type = RAFT_EVENT_FETCHED,
        .node = fetched.node,
        .index = fetched.from,
        .error = fetched.error,
        .entries = fetched.entries,
        .entry_count = fetched.entry_count,
        .previous_term = fetched.previous_term,
        .previous_hash = fetched.previous_hash,
    };
    /* What was cut meanwhile is no damage: the peer needs a snapshot. */
    replica->statistics.fetches_failed +=
        fetched.error != ERROR_NONE && fetched.error != ERROR_NOT_FOUND;
    replica_note_fetch(replica, fetched.error, fetched.reached);
    if (fetched.error != ERROR_NONE) event.unreadable = replica->unreadable_index;
    replica_raft_step(replica, &event);
    return true;
}

/* The cluster's timing is a setting in the log; one alone is told from the other, if need be. */
void replica_note_timing(struct replica *replica) {
    const struct storages_settings *settings = storages_settings(replica->storages);
    struct raft_config *raft = &replica->config.raft;
    uint64_t election_us = (uint64_t)settings->raft_election_timeout * 1000;
    uint64_t heartbeat_us = (uint64_t)settings->raft_heartbeat_interval * 1000;
    if (election_us == 0) election_us = replica->own_timing.election_us;
    if (heartbeat_us == 0) heartbeat_us = replica->own_timing.heartbeat_us;
    if (heartbeat_us > election_us / 2) heartbeat_us = election_us / 2;
    if (election_us == raft->election_us && heartbeat_us == raft->heartbeat_us) return;
    raft->election_us = election_us;
    raft->heartbeat_us = heartbeat_us;
    struct raft_event event = {
        .type = RAFT_EVENT_TIMING, .heartbeat_us = heartbeat_us, .election_us = election_us};
    replica_raft_step(replica, &event);
}

static bool drain_committed(struct replica *replica, size_t *budget) {
    uint64_t commit = raft_commit_index(replica->raft);
    bool has_to_wait = *budget == 0 || replica->verify_phase == VERIFY_DUE;
    if (replica->applied_index >= commit || has_to_wait) return false;
    while (replica->applied_index<commit && * budget> 0 && replica->state == REPLICA_RUNNING &&
           replica->verify_phase != VERIFY_DUE) {
        struct entry entry;
        bool present = raft_entry_at(replica->raft, replica->applied_index + 1, &entry);
        CHECK(present); /* What is not applied stays in memory. */
        size_t size = entry_size(entry.image);
        replica_apply_entry(replica, entry.image);
        *budget = size < *budget ? *budget - size : 0;
    }
    /* A node that stops persists nothing any more: its log may hold others at these indexes. */
    if (!replica->stopping) journal_commit(replica->journal, commit);
    struct raft_event event = {.type = RAFT_EVENT_APPLIED, .index = replica->applied_index};
    replica_raft_step(replica, &event);
    replica_note_timing(replica);
    return true;
}

static void drain_notices(struct replica *replica) {
    uint32_t nodes = replica->notify_nodes;
    replica->notify_nodes = 0;
    if (!replica->leading) return;
    for (uint32_t node = 1; node <= RAFT_NODES_MAX; node++) {
        if (!(nodes & 1u << node)) continue;
        struct raft_event event = {.type = RAFT_EVENT_NOTIFY, .node = node};
        replica_raft_step(replica, &event);
    }
}

static bool drain_reads(struct replica *replica) {
    uint64_t ready = replica->ready_context;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < replica->granted_count; i++) {
        struct granted_read *granted = &replica->granted[i];
        bool too_early = granted->index > replica->applied_index &&
                         !(replica->config.planted & REPLICA_PLANTED_READ_BEFORE_APPLIED);
        if (too_early) {
            replica->granted[kept++] = *granted;
            continue;
        }
        if (granted->context <= ready) continue;
        ready = granted->context;
        /* The newest, not the highest: an earlier leader's clock may have been far ahead, and this
         * one's ticks would not get there for as long. */
        replica->leader_stamp_ms = granted->stamp_ms;
    }
    replica->granted_count = kept;
    if (ready == replica->ready_context) return false;
    replica->ready_context = ready;
    replica_pump_readers(replica);
    return true;
}

/* SAFETY 15: the core learns whether this node should lead; what waited for room goes on. */
static void note_room(struct replica *replica) {
    bool is_full = journal_is_full(replica->journal);
    uint32_t unfit = replica->config.raft.unfit | (is_full ? RAFT_UNFIT_FULL : 0) |
                     (replica->unreadable_index > 0 ? RAFT_UNFIT_DAMAGED : 0);
    if (unfit != replica->unfit_told) {
        replica->unfit_told = unfit;
        struct raft_event event = {.type = RAFT_EVENT_UNFIT, .unfit = unfit};
        replica_raft_step(replica, &event);
        replica_tend_full(replica);
    }
    if (is_full || !replica->waits_for_room) return;
    replica->waits_for_room = false;
    if (replica->leading) replica_resend(replica, 0);
}

/* Applies `budget` bytes of entries at most. */
static void drain(struct replica *replica, size_t budget) {
    if (replica->raft == NULL || replica->state != REPLICA_RUNNING) return;
    note_room(replica);
    bool moved = true;
    while (moved && replica->state == REPLICA_RUNNING) {
        moved = drain_persisted(replica);
        moved |= drain_fetched(replica);
        moved |= drain_committed(replica, &budget);
        moved |= drain_reads(replica);
    }
    replica_tend_repair(replica);
    replica_snapshots_tend(replica);
    if (replica->notify_nodes != 0) drain_notices(replica);
    if (replica->turned_away != 0) replica_call_back(replica);
    replica_ask_for_origin(replica);
}

static void replica_drain(struct replica *replica) {
    drain(replica, APPLY_BYTES_PER_DRAIN);
}

/* --- life --------------------------------------------------------------------------------------
 */

void replica_config_defaults(struct replica_config *config) {
    *config = (struct replica_config){
        .raft =
            {
                .heartbeat_us = 50 * 1000,
                .election_us = 400 * 1000,
                .lease_margin_us = 40 * 1000,
                .tail_bytes_max = 64 << 20,
                .append_bytes_max = 1 << 20,
                .inflight_max = 64,
            },
        .read_mode = REPLICA_READ_LEASE,
        .inflight_batches_max = 64,
        .inflight_bytes_max = 64 << 20,
        .unsealed_wait_us = 5 * 1000 * 1000,
        .give_up_wait_us = 30 * 1000 * 1000,
        .sealed_wait_us = 60 * 1000 * 1000,
        .output_bytes_soft = 1 << 20,
        .query_buffer_limit = 1 << 30,
        .snapshot = {.log_min = 64 << 20, .log_ratio = 100, .log_retain = 256 << 20},
        .snapshot_part_size = 256 << 10,
    };
}

static struct bytes session_key(const void *entry) {
    const struct session *session = entry;
    return bytes_of(&session->id, sizeof(session->id));
}

/* The configuration before the log's own outlives the driver's; its timing counts again where the
 * log says none. */
static void take_raft_config(struct replica *replica) {
    struct raft_config *raft = &replica->config.raft;
    replica->unfit_told = raft->unfit; /* as the core is created */
    replica->own_timing = replica_timing(replica);
    if (raft->members == NULL) return;
    replica->founders = *raft->members;
    raft->members = &replica->founders;
}

static bool is_founded_alone(const struct replica *replica) {
    const struct raft_config *raft = &replica->config.raft;
    return (raft->members == NULL ? raft->voter_count : raft->members->count) <= 1 &&
           raft->joined_index == 0;
}

static void create_journal(struct replica *replica) {
    const struct replica_config *config = &replica->config;
    struct journal_config journal = {
        .seed = config->seed,
        .base_hash = config->raft.base_hash,
        .sync = is_founded_alone(replica) ? config->sync : config->sync_shared,
        .segment_size_min = config->journal_segment_size,
        .segment_size_max = config->journal_segment_size_max,
        .has_log = config->has_log,
        .snapshot_index = replica->snapshots.position.index,
        .planted = config->planted,
    };
    memcpy(journal.cluster, config->cluster, sizeof(journal.cluster));
    memcpy(journal.node, config->node_uuid, sizeof(journal.node));
    replica->journal = journal_create(&journal);
}

void replica_snapshot_is_loaded(struct replica *replica) {
    journal_destroy(replica->journal); /* It was asked for nothing. */
    create_journal(replica);
}

static void begin_recovery(struct replica *replica) {
    replica->state = REPLICA_RECOVERING;
    replica->applied_hash = replica->config.raft.base_hash;
    replica_snapshots_open(replica);
}

struct replica *replica_create(const struct replica_config *config, struct replica_moment moment) {
    struct replica *replica = memory_allocate_zeroed(sizeof(*replica));
    replica->config = *config;
    take_raft_config(replica);
    replica->now = replica->first = moment;
    replica->clock_ms = moment.wall_ms;
    replica->clock_us = moment.now_us;
    replica->storages = storages_create(config->hash_seed);
    replica->sessions = table_create(session_key, config->hash_seed);
    replica->next_number = 1;
    replica->nonce = config->nonce;
    random_init(&replica->random, config->seed);
    /* An answer to what an earlier boot asked, late on its way, must not fit any question of this
     * one. */
    replica->next_context = 1 + (random_next(&replica->random) >> 2);
    replica->next_ticket = random_next(&replica->random) >> 2;
    create_journal(replica);
    if (config->is_unfounded)
        replica->state = REPLICA_FOUNDING;
    else
        begin_recovery(replica);
    return replica;
}

void replica_found(struct replica *replica, const struct replica_config *config) {
    CHECK(replica->state == REPLICA_FOUNDING);
    replica->config.raft = config->raft;
    take_raft_config(replica);
    memcpy(replica->config.node_uuid, config->node_uuid, sizeof(config->node_uuid));
    memcpy(replica->config.cluster, config->cluster, sizeof(config->cluster));
    replica->config.sync = config->sync;
    replica->config.awaits_snapshot = config->awaits_snapshot;
    replica->config.sync_shared = config->sync_shared;
    journal_destroy(replica->journal); /* It was asked for nothing. */
    create_journal(replica);
    begin_recovery(replica);
}

void replica_destroy(struct replica *replica) {
    if (replica == NULL) return;
    if (replica->open != NULL) {
        for (uint32_t i = 0; i < replica->open->count; i++) {
            struct session *session = replica->open->slots[i].session;
            if (session != NULL) session_let_go(session);
        }
        batch_destroy(replica->open);
    }
    struct batch *next;
    for (struct batch *batch = replica->window_first; batch != NULL; batch = next) {
        next = batch->next;
        for (uint32_t i = 0; i < batch->count; i++) {
            if (batch->slots[i].session != NULL) session_let_go(batch->slots[i].session);
        }
        batch_destroy(batch);
    }
    while (replica_next_dirty(replica) != NULL) {
    }
    for (uint32_t i = 0; i < replica->reader_count; i++)
        session_let_go(replica->readers[i]);
    for (uint32_t i = 0; i < replica->paused_count; i++)
        session_let_go(replica->paused[i]);
    while (table_size(replica->sessions) > 0) {
        struct session *session =
            table_remove(replica->sessions, table_size(replica->sessions) - 1);
        session->closed = true;
        session_let_go(session);
    }
    table_destroy(replica->sessions);
    for (uint32_t i = 0; i < replica->held_count; i++) {
        replica_packet_destroy(replica->held[i].packet);
    }
    struct replica_packet *packet;
    while ((packet = replica_next_packet(replica)) != NULL)
        replica_packet_destroy(packet);
    raft_destroy(replica->raft);
    journal_destroy(replica->journal);
    replica_snapshots_clear(replica);
    replica_sender_clear(replica);
    replica_receiver_clear(replica);
    storages_destroy(replica->storages);
    origins_clear(&replica->origins);
    origins_clear(&replica->tail_origins);
    chunk_release(replica->chunk);
    memory_release(replica->held);
    memory_release(replica->granted);
    memory_release(replica->readers);
    memory_release(replica->paused);
    memory_release(replica->args);
    memory_release(replica);
}

/* --- recovery ----------------------------------------------------------------------------------
 */

static void create_raft(struct replica *replica, bool is_restarted) {
    struct raft_hard_state hard_state = journal_hard_state(replica->journal);
    struct raft_config config = replica->config.raft;
    struct raft_position start = journal_start(replica->journal);
    config.base_index = start.index;
    config.base_term = start.term;
    config.base_hash = start.hash;
    config.is_restarted = is_restarted;
    config.snapshot = replica->snapshots.position;
    if (config.snapshot.index > 0) config.members = &replica->snapshots.members;
    replica->raft = raft_create(&config, &hard_state, replica->now.now_us);
}

void replica_create_raft(struct replica *replica) {
    create_raft(replica, false);
}

static void fail_apart(struct replica *replica) {
    replica_fail(replica,
                 "the log and " SNAPSHOT_NAME " differ at index %llu: they do not belong together",
                 (unsigned long long)replica->snapshots.position.index);
}

/* The end of what the snapshot covers shows that the two belong together. A received one is
 * committed, and may be the successor of entries that this node had and that never were. */
static void compare_end(struct replica *replica, struct raft_position end, bool committed) {
    struct snapshots *snapshots = &replica->snapshots;
    const struct raft_position *position = &snapshots->position;
    if (end.index != position->index) return;
    if (end.hash == position->hash && end.term == position->term) return;
    snapshots->log_differs = true;
    if (committed || !snapshots->is_foreign) fail_apart(replica);
}

/* What the snapshot covers is the log's tail for slow followers. */
static void restore_covered(struct replica *replica, struct entry entry, bool committed) {
    raft_restore(replica->raft, entry, true);
    replica_snapshots_note_entry(replica, entry.image);
    struct raft_position end = {entry_index(entry.image), entry_term(entry.image),
                                entry_hash(entry.image)};
    compare_end(replica, end, committed);
}

static void restore_entry(struct replica *replica, struct entry entry, bool committed) {
    if (entry_index(entry.image) <= replica->snapshots.position.index) {
        restore_covered(replica, entry, committed);
        return;
    }
    if (replica->snapshots.log_differs) return;
    raft_restore(replica->raft, entry, committed);
    if (committed) replica_apply_entry(replica, entry.image);
}

/* A node that ended between the renaming of a received snapshot and the restart of its log: what
 * the log has is covered, or it is not what was committed. */
static void restart_log(struct replica *replica) {
    raft_destroy(replica->raft);
    replica->raft = NULL;
    journal_restart(replica->journal, &replica->snapshots.position);
    create_raft(replica, true);
}

static void fail_short(struct replica *replica) {
    replica_fail(replica,
                 "the log ends at index %llu, before " SNAPSHOT_NAME ", which ends at %llu: "
                 "they do not belong together",
                 (unsigned long long)raft_last_index(replica->raft),
                 (unsigned long long)replica->snapshots.position.index);
}

static void finish_recovery(struct replica *replica) {
    const struct snapshots *snapshots = &replica->snapshots;
    if (replica->raft == NULL) replica_create_raft(replica);
    if (snapshots->position.index > 0) compare_end(replica, journal_start(replica->journal), true);
    bool is_short = raft_last_index(replica->raft) < snapshots->position.index;
    if (is_short && !snapshots->is_foreign && !replica_mend_short_log(replica)) fail_short(replica);
    if (replica->state != REPLICA_RECOVERING) return;
    if (is_short || snapshots->log_differs) restart_log(replica);
    if (!replica_begin_repair(replica)) return;
    replica->state = REPLICA_RUNNING;
    raft_start(replica->raft, replica->now.now_us);
    replica_note_members(replica);
    struct raft_event event = {.type = RAFT_EVENT_APPLIED, .index = replica->applied_index};
    replica_raft_step(replica, &event);
    replica_note_timing(replica);
    event = (struct raft_event){.type = RAFT_EVENT_TICK};
    replica_raft_step(replica, &event);
    replica_drain(replica);
    replica_resume_paused(replica);
}

/* Takes in what the journal has recovered so far, a bounded piece at a time; entries that were
 * known to be committed when the node stopped are applied at once. */
static void go_on_recovering(struct replica *replica) {
    if (replica_snapshots_load(replica)) return;
    struct entry entry;
    bool committed;
    uint32_t count = 0;
    while (count < RECOVERED_PER_CALL && replica->state == REPLICA_RECOVERING &&
           journal_recovered(replica->journal, &entry, &committed)) {
        if (replica->raft == NULL) replica_create_raft(replica);
        restore_entry(replica, entry, committed);
        count++;
    }
    replica->more_recovered = count == RECOVERED_PER_CALL;
    if (replica->more_recovered || replica->state != REPLICA_RECOVERING) return;
    switch (journal_state(replica->journal)) {
    case JOURNAL_READY:
        finish_recovery(replica);
        break;
    case JOURNAL_DAMAGED:
        replica_mend_log(replica);
        break;
    case JOURNAL_REFUSED:
    case JOURNAL_FAILED:
        replica_fail(replica, "%s", journal_problem(replica->journal));
        break;
    case JOURNAL_RECOVERING:
    case JOURNAL_CLOSED:
        break;
    }
}

/* --- events in ---------------------------------------------------------------------------------
 */

struct session *replica_client_open(struct replica *replica, void *owner,
                                    struct replica_moment moment) {
    begin_event(replica, moment);
    struct session *session = memory_allocate_zeroed(sizeof(*session));
    session->id = ++replica->next_session;
    session->owner = owner;
    session->protocol = 2;
    session->authenticated = true;
    session->references = 1;
    session->opened_us = session->last_active_us = replica->now.now_us;
    (void)table_add(replica->sessions, session);
    return session;
}

void replica_client_received(struct replica *replica, struct session *session, size_t size,
                             struct replica_moment moment) {
    begin_event(replica, moment);
    CHECK(size <= session->input.capacity - session->input.size);
    session->input.size += size;
    session->input_bytes += size;
    session->last_active_us = replica->now.now_us;
    replica->statistics.input_bytes += size;
    replica->turn_had_input = true;
    session_take_in(replica, session);
    size_t kept = session->input.size - session->input_consumed + session->multi.size;
    size_t limit = replica->config.query_buffer_limit;
    if (kept > (limit < QUERY_BYTES_MAX ? limit : QUERY_BYTES_MAX)) {
        session->ending = SESSION_ENDS_NOW;
        session_mark_dirty(replica, session);
    }
}

void replica_client_close(struct replica *replica, struct session *session) {
    CHECK(!session->closed);
    session_cancel_unsealed(replica, session);
    session_note_gone(replica, session);
    session_clear_pending(replica, session);
    replica_change_forget(replica, session->wait_change);
    session->closed = true;
    uint32_t position = table_find(replica->sessions, bytes_of(&session->id, sizeof(session->id)));
    CHECK(position != TABLE_NONE);
    (void)table_remove(replica->sessions, position);
    session_let_go(session);
}

void replica_client_push(struct replica *replica, struct session *session, struct bytes message) {
    buffer_append_bytes(&session->output, message);
    session_mark_dirty(replica, session);
}

void replica_observe(const struct replica *replica, struct session *session,
                     struct replica_observed *observed, uint64_t *began_ns) {
    const struct replica_observer *observer = replica->config.observer;
    if (observer == NULL) return;
    uint64_t now_ns = observer->clock_ns();
    observed->took_ns = now_ns - *began_ns;
    *began_ns = now_ns;
    observer->ran(session, observed);
}

void replica_set_query_limit(struct replica *replica, size_t query_buffer_limit) {
    replica->config.query_buffer_limit = query_buffer_limit;
}

void replica_set_unfit(struct replica *replica, uint32_t unfit, struct replica_moment moment) {
    begin_event(replica, moment);
    CHECK((unfit & RAFT_UNFIT_FULL) == 0);
    replica->config.raft.unfit = unfit; /* The core hears of it with the next drain. */
}

bool replica_client_may_read(const struct replica *replica, const struct session *session) {
    (void)replica;
    return !session->paused && session->ending == SESSION_STAYS;
}

bool replica_has_interrupted(const struct replica *replica) {
    return replica->turn_was_long;
}

void replica_go_on(struct replica *replica, struct replica_moment moment) {
    begin_event(replica, moment);
    replica_resume_paused(replica);
}

void replica_client_sent(struct replica *replica, struct session *session,
                         struct replica_moment moment) {
    begin_event(replica, moment);
    if (session->paused) replica_resume_paused(replica);
}

static enum error receive_raft(struct replica *replica, uint32_t from, struct bytes body,
                               struct chunk *chunk) {
    struct entry entries[RAFT_APPEND_ENTRIES_MAX];
    struct raft_message message;
    enum error error = raft_message_decode(body, chunk, &message, entries, RAFT_APPEND_ENTRIES_MAX);
    if (error != ERROR_NONE) return error;
    if (message.from != from || message.to != replica->config.raft.id) return ERROR_FOREIGN;
    replica->statistics.busy_heard += message.type == RAFT_BUSY;
    struct raft_event event = {.type = RAFT_EVENT_MESSAGE, .message = &message};
    replica_raft_step(replica, &event);
    return ERROR_NONE;
}

static enum error receive_expect(struct replica *replica, struct bytes body) {
    if (body.size != 16) return ERROR_MALFORMED;
    if (load_u64(body.data) == replica->origin && replica->origin != 0) {
        replica_expect(replica, load_u64(body.data + 8));
    }
    return ERROR_NONE;
}

static enum error receive_packet(struct replica *replica, uint32_t from, struct bytes packet,
                                 struct chunk *chunk) {
    if (packet.size == 0) return ERROR_TRUNCATED;
    struct bytes body = bytes_slice(packet, 1, SIZE_MAX);
    switch ((uint8_t)packet.data[0]) {
    case PACKET_RAFT:
        return receive_raft(replica, from, body, chunk);
    case PACKET_FORWARD:
        return replica_accept_forward(replica, from, packet, chunk);
    case PACKET_EXPECT:
        return receive_expect(replica, body);
    case PACKET_ORIGIN:
        return replica_accept_origin(replica, from, body);
    case PACKET_TICK:
        replica_propose_tick(replica);
        return ERROR_NONE;
    case PACKET_DIGEST:
        return receive_digest(replica, from, body);
    case PACKET_FULL:
        return replica_receive_full(replica, from, body);
    case PACKET_CHANGE:
        return replica_accept_change(replica, from, body);
    case PACKET_CHANGED:
        return replica_receive_changed(replica, from, body);
    case PACKET_OPERATION:
        return replica_accept_operation(replica, from, body);
    case PACKET_ANSWER:
        return replica_receive_answer(replica, from, body);
    case PACKET_VERIFIED:
        return receive_verified(replica, from, body);
    case PACKET_SNAPSHOT_ASK:
        return replica_snapshot_asked(replica, from, body);
    case PACKET_SNAPSHOT_PART:
        return replica_receive_part(replica, from, body, chunk);
    case PACKET_SNAPSHOT_GONE:
        return replica_receive_gone(replica, from, body);
    default:
        return ERROR_MALFORMED;
    }
}

/* A node of a cluster that begins with data hears of nothing else until it has them. Who asks it
 * for them is answered once it knows whether it has. */
static enum error receive_before_the_first_data(struct replica *replica, uint32_t from,
                                                struct bytes packet, struct chunk *chunk) {
    uint8_t kind = packet.size == 0 ? 0 : (uint8_t)packet.data[0];
    bool is_awaited = replica->snapshots.is_awaited &&
                      (kind == PACKET_SNAPSHOT_PART || kind == PACKET_SNAPSHOT_GONE);
    if (from == 0 || from > RAFT_NODES_MAX) return ERROR_FOREIGN;
    if (kind != PACKET_SNAPSHOT_ASK && !is_awaited) return ERROR_NONE;
    enum error error = receive_packet(replica, from, packet, chunk);
    if (replica->snapshots.is_awaited) replica_receiver_await(replica);
    return error;
}

enum error replica_peer_packet(struct replica *replica, uint32_t from, struct bytes packet,
                               struct chunk *chunk, struct replica_moment moment) {
    begin_event(replica, moment);
    if (replica->state == REPLICA_RECOVERING && replica->config.awaits_snapshot)
        return receive_before_the_first_data(replica, from, packet, chunk);
    if (replica->state != REPLICA_RUNNING) return ERROR_NONE; /* as if lost on the way */
    replica->statistics.packets_in++;
    enum error error = from == 0 || from > RAFT_NODES_MAX
                           ? ERROR_FOREIGN
                           : receive_packet(replica, from, packet, chunk);
    replica->statistics.packets_refused += error != ERROR_NONE;
    /* What the leader waits for is that its entries are durable here, not that those before them
     * are applied: a follower applies at the turn's end, when what came is on its way to the disk.
     */
    drain(replica, replica->leading ? APPLY_BYTES_PER_DRAIN : 0);
    return error;
}

void replica_peer_link(struct replica *replica, uint32_t peer, bool up,
                       struct replica_moment moment) {
    begin_event(replica, moment);
    CHECK(peer >= 1 && peer <= RAFT_NODES_MAX);
    bool was_up = replica->link_up[peer];
    replica->link_up[peer] = up;
    if (!up) replica_sender_forget(replica, peer);
    if (up && replica->snapshots.is_awaited) replica_receiver_await(replica);
    if (!up || was_up || replica->state != REPLICA_RUNNING) return;
    replica_receiver_linked(replica, peer);
    /* What was on its way over an older connection may be lost. */
    struct raft_event event = {.type = RAFT_EVENT_CONNECTED, .node = peer};
    replica_raft_step(replica, &event);
    if (peer == replica->known_leader) {
        replica->origin_asked_us = 0;
        replica->asked_us = 0;
        replica_resend(replica, 0);
    }
    replica_drain(replica);
}

void replica_disk_completed(struct replica *replica, const struct disk_completion *completion,
                            struct replica_moment moment) {
    begin_event(replica, moment);
    if (replica_snapshots_completed(replica, completion)) {
        if (replica->snapshots.is_awaited) replica_receiver_await(replica);
        replica_drain(replica);
        return;
    }
    uint64_t finished = journal_finished(replica->journal);
    journal_completed(replica->journal, completion);
    if (replica->state == REPLICA_RECOVERING) {
        go_on_recovering(replica);
        return;
    }
    if (journal_state(replica->journal) == JOURNAL_FAILED) {
        replica_fail(replica, "%s", journal_problem(replica->journal));
        return;
    }
    bool has_written = journal_finished(replica->journal) > finished;
    if (has_written && journal_persisted(replica->journal) == replica->persisted_told) {
        struct raft_event event = {.type = RAFT_EVENT_WRITTEN};
        replica_raft_step(replica, &event);
    }
    replica_drain(replica);
}

/* The oldest read in line waits since: UINT64_MAX if none does. */
static uint64_t oldest_read_us(const struct replica *replica) {
    uint64_t oldest = UINT64_MAX;
    for (uint32_t i = 0; i < replica->reader_count; i++) {
        const struct session *session = replica->readers[i];
        if (session->closed || session->pending_count == 0) continue;
        const struct pending *first = &session->pending[session->pending_first];
        if (first->kind == PENDING_READ && first->since_us < oldest) oldest = first->since_us;
    }
    return oldest;
}

/* Those that have waited for so long; 0: all. */
static void fail_old_reads(struct replica *replica, uint64_t bound) {
    for (uint32_t i = 0; i < replica->reader_count; i++) {
        struct session *session = replica->readers[i];
        for (uint32_t k = 0; k < session->pending_count; k++) {
            struct pending *pending =
                &session->pending[(session->pending_first + k) & (session->pending_capacity - 1)];
            if (pending->kind != PENDING_READ || pending->attached) continue;
            if (replica->now.now_us - pending->since_us < bound) break;
            pending->kind = PENDING_CLUSTERDOWN; /* a read may always be tried again */
            session->indexed_reads--;
        }
    }
    replica_pump_readers(replica);
}

uint64_t replica_ask_for_index(struct replica *replica) {
    uint64_t context = replica->next_context++;
    struct raft_event event = {
        .type = RAFT_EVENT_READ,
        .context = context,
        .confirm = replica->config.read_mode == REPLICA_READ_INDEX,
    };
    replica_raft_step(replica, &event);
    return context;
}

static void ask_for_reads(struct replica *replica) {
    replica->context_wanted = replica->read_met_deadline = false;
    replica->asked_us = replica->now.now_us;
    replica->asked_context = replica->next_context;
    (void)replica_ask_for_index(replica);
}

/* Waiting reads get a request of their own; if it seems lost, another one for all that wait. */
static void tend_reads(struct replica *replica) {
    if (replica->reader_count == 0) {
        replica->context_wanted = false;
        return;
    }
    if (replica->config.read_mode == REPLICA_READ_LOCAL) {
        replica_pump_readers(replica);
        if (replica->barrier_context <= replica->ready_context) return;
    }
    if (replica->known_leader == 0) return;
    uint64_t since_us = replica->now.now_us - replica->asked_us;
    bool lost = replica->asked_context > replica->ready_context && since_us >= READ_RETRY_US;
    bool again = replica->read_met_deadline && since_us >= READ_AGAIN_US;
    if (replica->context_wanted || lost || again) ask_for_reads(replica);
}

static void tend_ticks(struct replica *replica) {
    if (replica->leading) {
        int64_t present = (int64_t)replica_present_ms(replica);
        if (replica->tick_wanted || storages_next_deadline_ms(replica->storages) <= present) {
            replica_propose_tick(replica);
        }
        replica->tick_wanted = false;
    } else if (replica->tick_wanted && replica->known_leader != 0 &&
               replica->now.now_us - replica->tick_asked_us >= TICK_RETRY_US) {
        replica->tick_asked_us = replica->now.now_us;
        replica->tick_wanted = false;
        replica_send(replica, packet_create(replica->known_leader, true, PACKET_TICK), 0);
    }
}

/* This node takes no part any more and will learn nothing: nobody is left waiting for it. */
static void fail_all(struct replica *replica) {
    replica_fail_sealed(replica, 0);
    replica_fail_unsealed(replica);
    fail_old_reads(replica, 0);
    replica_pump_waiting(replica);
}

static void tend_window(struct replica *replica) {
    uint64_t now = replica->now.now_us;
    struct batch *first = replica->window_first;
    enum replica_obstacle obstacle = replica_obstacle(replica);
    bool is_refused = replica_write_refusal(replica) != NULL;
    if (first != NULL) {
        uint64_t give_up_us = replica->config.give_up_wait_us;
        if (is_refused && give_up_us > GIVE_UP_FULL_US) give_up_us = GIVE_UP_FULL_US;
        replica_fail_sealed(replica, replica->config.sealed_wait_us);
        replica_give_up_sealed(replica, give_up_us);
        first = replica->window_first;
    }
    uint64_t resend_us = RESEND_AFTER_US + replica->window_bytes / RESEND_BYTES_PER_US;
    bool is_wanted = first != NULL && (obstacle != OBSTACLE_NO_ROOM || first->instead != NULL);
    if (is_wanted && now - first->sent_us >= resend_us && !replica->leading) {
        replica_resend(replica, 0);
    }
    if (replica->open == NULL || replica->open->count == 0) return;
    bool waits_in_vain = obstacle != OBSTACLE_NONE &&
                         now - replica->open->opened_us >= replica->config.unsealed_wait_us;
    if (waits_in_vain || is_refused) replica_fail_unsealed(replica);
}

void replica_tick(struct replica *replica, struct replica_moment moment) {
    begin_event(replica, moment);
    replica->ticked_us = replica->now.now_us;
    if (replica->state == REPLICA_FOUNDING) return;
    journal_tick(replica->journal, replica->now.now_us);
    if (replica->snapshots.is_awaited) replica_receiver_await(replica);
    if (replica->state == REPLICA_RECOVERING) {
        go_on_recovering(replica);
        return;
    }
    if (replica->state != REPLICA_RUNNING) return;
    if (raft_deadline_us(replica->raft) <= replica->now.now_us) {
        struct raft_event event = {.type = RAFT_EVENT_TICK};
        replica_raft_step(replica, &event);
    }
    replica_drain(replica);
    replica_tend_full(replica);
    tend_window(replica);
    replica_tend_changes(replica);
    replica_pump_waiting(replica);
    if (oldest_read_us(replica) != UINT64_MAX &&
        replica->now.now_us - oldest_read_us(replica) >= replica->config.unsealed_wait_us) {
        fail_old_reads(replica, replica->config.unsealed_wait_us);
    }
}

void replica_turn_end(struct replica *replica, struct replica_moment moment) {
    begin_event(replica, moment);
    if (replica->state == REPLICA_RUNNING) {
        if (replica->paused_count > 0) replica_resume_paused(replica);
        if (replica_wants_to_seal(replica)) replica_seal(replica);
        replica->turn_had_input = false;
        replica->more_to_free = storages_free_some(replica->storages, FREED_BY_TURN);
        replica_tend_operations(replica);
        replica_snapshots_turn_end(replica);
        tend_reads(replica);
        tend_ticks(replica);
        replica_drain(replica);
        if (replica->is_removed) fail_all(replica);
        if (replica->stopping) journal_close(replica->journal);
    } else {
        if (replica->paused_count > 0) replica_resume_paused(replica);
        if (replica->state == REPLICA_DAMAGED) fail_all(replica);
    }
    replica->turn_begun = false;
}

/* What only a tick does is counted from the last one, not from now: whatever comes in between, a
 * leader's heartbeats or the process's own beat, must not put it off for ever. */
uint64_t replica_deadline_us(const struct replica *replica) {
    if (replica->snapshots.is_awaited) {
        uint64_t next_us = replica->receiver.retry_us;
        uint64_t late_us = replica_snapshots_deadline_us(replica);
        if (next_us <= replica->now.now_us) next_us = replica->ticked_us + READ_RETRY_US;
        return late_us < next_us ? late_us : next_us;
    }
    if (replica->state == REPLICA_RECOVERING) {
        return replica->more_recovered ? 0 : journal_deadline_us(replica->journal);
    }
    if (replica->state != REPLICA_RUNNING) return UINT64_MAX;
    if (replica->applied_index < raft_commit_index(replica->raft)) return 0;
    uint64_t seal = replica_seal_deadline_us(replica);
    if (seal == 0 || replica->more_to_free || replica->turn_was_long) return 0;
    uint64_t deadline = raft_deadline_us(replica->raft);
    if (seal < deadline) deadline = seal;
    uint64_t journal = journal_deadline_us(replica->journal);
    if (journal < deadline) deadline = journal;
    uint64_t changes = replica_changes_deadline_us(replica);
    if (changes < deadline) deadline = changes;
    uint64_t snapshots = replica_snapshots_deadline_us(replica);
    if (snapshots < deadline) deadline = snapshots;
    uint64_t soon = replica->ticked_us + (replica->reader_count > 0 ? 2000 : READ_RETRY_US);
    bool busy = replica->window_first != NULL || replica->open != NULL ||
                replica->reader_count > 0 || replica->origin == 0 || replica->paused_count > 0;
    if (busy && soon < deadline) deadline = soon;
    if (replica->leading) {
        int64_t next = storages_next_deadline_ms(replica->storages);
        int64_t wall = (int64_t)replica->now.wall_ms;
        if (next != INT64_MAX) {
            uint64_t wait_us = next <= wall ? 1000 : (uint64_t)(next - wall) * 1000;
            if (wait_us < 1000ull * 3600 * 1000 * 1000 &&
                replica->now.now_us + wait_us < deadline) {
                deadline = replica->now.now_us + wait_us;
            }
        }
    }
    return deadline;
}

void replica_stop(struct replica *replica, struct replica_moment moment) {
    begin_event(replica, moment);
    replica->stopping = true;
    if (replica->state == REPLICA_RUNNING) journal_close(replica->journal);
}

bool replica_is_stopped(const struct replica *replica) {
    return replica->stopping &&
           (replica->state != REPLICA_RUNNING || journal_state(replica->journal) == JOURNAL_CLOSED);
}

/* --- effects out -------------------------------------------------------------------------------
 */

const struct disk_request *replica_next_disk(struct replica *replica) {
    if (replica->state == REPLICA_FOUNDING) return NULL;
    const struct disk_request *own = replica_snapshots_request(replica);
    if (own != NULL) return own;
    return replica_snapshots_load(replica) ? NULL : journal_next_request(replica->journal);
}

struct replica_packet *replica_next_packet(struct replica *replica) {
    struct replica_packet *packet = replica->packet_first;
    if (packet == NULL) return NULL;
    replica->packet_first = packet->next;
    if (packet->next == NULL) replica->packet_last = NULL;
    packet->next = NULL;
    return packet;
}

struct session *replica_next_dirty(struct replica *replica) {
    for (;;) {
        struct session *session = replica->dirty_first;
        if (session == NULL) return NULL;
        replica->dirty_first = session->dirty_next;
        if (session->dirty_next == NULL) replica->dirty_last = NULL;
        session->dirty_next = NULL;
        session->dirty = false;
        bool closed = session->closed;
        session_let_go(session);
        if (!closed) return session;
    }
}

/* --- looking at it -----------------------------------------------------------------------------
 */

enum replica_state replica_state(const struct replica *replica) {
    return replica->state;
}

const char *replica_trouble(const struct replica *replica) {
    return replica->trouble[0] == 0 ? NULL : replica->trouble;
}

struct raft *replica_raft(struct replica *replica) {
    return replica->raft;
}

struct journal *replica_journal(struct replica *replica) {
    return replica->journal;
}

struct storages *replica_storages(struct replica *replica) {
    return replica->storages;
}

uint64_t replica_applied_index(const struct replica *replica) {
    return replica->applied_index;
}

uint64_t replica_origin(const struct replica *replica) {
    return replica->origin;
}

uint32_t replica_origin_count(const struct replica *replica) {
    return replica->origins.count;
}

bool replica_serves(const struct replica *replica) {
    return replica->state == REPLICA_RUNNING && replica->known_leader != 0 &&
           replica->origin != 0 && !replica->is_removed;
}

bool replica_disk_is_full(const struct replica *replica) {
    return replica->state != REPLICA_DAMAGED && journal_is_full(replica->journal);
}

uint64_t replica_clock_ahead_ms(const struct replica *replica) {
    return replica->clock_ahead_ms;
}

uint64_t replica_digest(const struct replica *replica) {
    return origins_digest(&replica->origins, storages_rolling_digest(replica->storages));
}

struct replica_statistics *replica_statistics(struct replica *replica) {
    return &replica->statistics;
}

struct reply_error_counts *replica_error_counts(struct replica *replica) {
    return &replica->error_counts;
}

struct replica_timing replica_timing(const struct replica *replica) {
    return (struct replica_timing){.heartbeat_us = replica->config.raft.heartbeat_us,
                                   .election_us = replica->config.raft.election_us};
}

bool replica_next_change(struct replica *replica, struct raft_change *change) {
    if (replica->role_changes_first == replica->role_changes_next) return false;
    *change = replica->role_changes[replica->role_changes_first++ % ROLE_CHANGES_MAX];
    return true;
}

bool replica_next_lapse(struct replica *replica, struct raft_lapse *lapse) {
    for (uint32_t node = 1; node <= RAFT_NODES_MAX; node++) {
        if (replica->lapses[node].node == 0) continue;
        *lapse = replica->lapses[node];
        replica->lapses[node].node = 0;
        return true;
    }
    return false;
}

size_t replica_inflight_bytes(const struct replica *replica) {
    return replica->window_bytes + replica->waiting_bytes +
           (replica->open == NULL ? 0 : replica->open->body_size);
}

uint32_t replica_inflight_batches(const struct replica *replica) {
    return replica->window_count;
}

void replica_session_reset(struct replica *replica, struct session *session) {
    session->in_multi = session->multi_failed = false;
    session->multi_count = 0;
    buffer_clear(&session->multi);
    if (session->subscriptions + session->patterns > 0) session_note_gone(replica, session);
    session_forget_plans(session);
    session->protocol = 2;
    session->db = 0;
    session->reply_mode = SESSION_REPLY_ON;
    buffer_clear(&session->name);
}

void replica_check(const struct replica *replica) {
    if (replica->state != REPLICA_RUNNING) return;
    raft_check(replica->raft);
    CHECK(replica->applied_index <= raft_commit_index(replica->raft));
    uint32_t count = 0;
    size_t bytes = 0;
    uint64_t number = 0;
    for (const struct batch *batch = replica->window_first; batch != NULL; batch = batch->next) {
        CHECK(number == 0 || batch->number == number + 1);
        number = batch->number;
        bytes += batch->body_size;
        count++;
    }
    CHECK(count == replica->window_count);
    CHECK(bytes == replica->window_bytes);
    CHECK(number == 0 || number + 1 == replica->next_number);
    for (uint32_t i = 0; i < table_size(replica->sessions); i++) {
        const struct session *session = table_at(replica->sessions, i);
        CHECK(!session->closed && session->references > 0);
        uint32_t indexed = 0, unsealed = 0, waiting_locals = 0;
        size_t waiting = 0;
        for (uint32_t k = 0; k < session->pending_count; k++) {
            const struct pending *pending =
                &session->pending[(session->pending_first + k) & (session->pending_capacity - 1)];
            indexed += pending->kind == PENDING_READ && !pending->attached;
            unsealed += pending->kind == PENDING_WRITE && pending->unsealed;
            waiting_locals += pending->waits;
            waiting += pending->size;
        }
        CHECK(indexed == session->indexed_reads);
        CHECK(unsealed == session->unsealed_writes);
        CHECK(waiting_locals == session->waiting_locals);
        CHECK(waiting == session->waiting.size - session->waiting_consumed);
    }
}
