/* raft_replication.c: the leader's log on its way to the others (Raft 5.3, thesis 10.2).
 *
 * A peer is probed, one APPEND at a time, until it is known where the logs agree; from then on
 * APPENDs are pipelined within a window. Entries that memory has dropped are fetched from the
 * segments, one fetch at a time, and sent the same way. What was lost on the way is found out by a
 * refusal, by the durable match in each heartbeat's answer, or by asking again. */
#include "base/hash.h"
#include "raft/raft_internal.h"

/* --- leading -------------------------------------------------------------------------------- */

void raft_append_own(struct raft *raft, struct entry entry) {
    uint64_t stamp_ms = raft_log_last_stamp_ms(&raft->log);
    if (stamp_ms < raft->stamp_ms) stamp_ms = raft->stamp_ms;
    entry_seal(entry.image, raft->term, raft_log_last_index(&raft->log) + 1, stamp_ms,
               raft_log_last_hash(&raft->log));
    raft_append(raft, entry);
}

struct entry raft_create_entry(enum entry_type type, struct bytes body) {
    struct chunk *chunk = chunk_create(ENTRY_HEADER_SIZE + body.size);
    chunk->used = ENTRY_HEADER_SIZE + body.size;
    entry_header_write(chunk->data, &(struct entry_header){.format = ENTRY_FORMAT,
                                                           .type = (uint8_t)type,
                                                           .body_size = (uint32_t)body.size,
                                                           .body_hash = hash_bytes(body, 0)});
    if (body.size > 0) memcpy(chunk->data + ENTRY_HEADER_SIZE, body.data, body.size);
    return (struct entry){.chunk = chunk, .image = chunk->data};
}

void raft_probe_from(struct raft_peer *peer, uint64_t next) {
    peer->state = RAFT_PEER_PROBE;
    peer->next_index = next;
    peer->inflight_head = peer->inflight_count = 0;
    peer->probe_open = peer->probe_again = false;
}

void raft_reset_peer(struct raft *raft, struct raft_peer *peer) {
    raft_probe_from(peer, raft_log_last_index(&raft->log) + 1);
    peer->match_index = peer->acknowledged_index = 0;
    peer->match_round = raft->heartbeat_number;
    peer->recount_nonce = peer->void_round = 0;
    peer->unfit = 0;
    peer->caught_up = false;
    peer->round_goal = raft_log_last_index(&raft->log);
    peer->round_since_us = raft->now_us;
    peer->last_contact_us = peer->progress_us = raft->now_us;
    peer->round_trip_us = 0;
    peer->heartbeat_acknowledged = peer->lease_until_us = 0;
    peer->excuse = (struct raft_excuse){0};
    peer->commit_sent = peer->notify_index = 0;
    peer->fetch_after_us = 0; /* An open fetch stays open: its answer will come. */
}

/* The regular round. Those that reads ask for come on top and do not put it off: what hangs on it,
 * asking again and stepping down, must not wait until reads become rare. */
static void beat(struct raft *raft) {
    bool is_brisk = raft->now_us < raft->brisk_until_us;
    raft->heartbeat_due_us = raft->now_us + (is_brisk && raft->brisk_us < raft->config.heartbeat_us
                                                 ? raft->brisk_us
                                                 : raft->config.heartbeat_us);
    raft_send_heartbeats(raft);
}

void raft_lead(struct raft *raft) {
    raft->role = RAFT_LEADER;
    raft->leader = raft->config.id;
    raft->term_first_index = raft_log_last_index(&raft->log) + 1;
    raft->verified_index = 0;
    raft->lease_given_up = false;
    raft->is_needed = false;
    raft->transfer_to = 0;
    raft->transfer_sent_us = raft->give_way_us = 0;
    for (uint32_t i = 0; i < raft->peer_count; i++)
        raft_reset_peer(raft, &raft->peers[i]);
    raft_count_answers(raft);
    /* Only an entry of its own term tells a leader what is committed (Raft 5.4.2, 8). */
    raft_append_own(raft, raft_create_entry(ENTRY_NOOP, (struct bytes){0}));
    beat(raft);
}

static uint64_t promise_us(const struct raft *raft) {
    return raft->config.election_us < raft->config.promise_max_us ? raft->config.election_us
                                                                  : raft->config.promise_max_us;
}

/* SAFETY 9: over two connections a heartbeat can overtake the entries it speaks of. What the peer
 * has ever acknowledged it has to have: else the heartbeat tells it that it has forgotten. */
static uint64_t commit_for(const struct raft *raft, const struct raft_peer *peer) {
    if (raft_is_planted(raft, RAFT_PLANTED_COMMIT_UNVERIFIED)) return raft->commit_index;
    return raft->commit_index < peer->acknowledged_index ? raft->commit_index
                                                         : peer->acknowledged_index;
}

static void send_heartbeat(struct raft *raft, struct raft_peer *peer, uint64_t number) {
    uint64_t commit = commit_for(raft, peer);
    raft_send(raft, (struct raft_message){
                        .type = RAFT_HEARTBEAT,
                        .to = peer->id,
                        .as.heartbeat = {.commit = commit,
                                         .heartbeat = number,
                                         .promise_us = number == 0 ? 0 : promise_us(raft)},
                    });
    if (commit > peer->commit_sent) peer->commit_sent = commit;
}

void raft_send_heartbeats(struct raft *raft) {
    uint64_t number = ++raft->heartbeat_number;
    raft->sent_us[number % RAFT_SENT_RING] = raft->now_us;
    for (uint32_t i = 0; i < raft->peer_count; i++)
        send_heartbeat(raft, &raft->peers[i], number);
}

/* The config still has what was in force. */
void raft_on_timing(struct raft *raft, const struct raft_event *event) {
    uint64_t election_us = event->election_us > raft->config.election_us ? event->election_us
                                                                         : raft->config.election_us;
    raft->brisk_us = raft->config.heartbeat_us;
    raft->brisk_until_us = raft->now_us + 2 * election_us;
    if (raft->role != RAFT_LEADER) return;
    for (uint32_t i = 0; i < raft->peer_count; i++)
        raft->peers[i].last_contact_us = raft->now_us;
    raft->heartbeat_due_us = raft->now_us; /* It brings the news that this is committed. */
}

/* --- committing ----------------------------------------------------------------------------- */

/* Memory holds what the own disk does not have yet. While that is more than the tail may be,
 * commits wait for it: so do the origins then, and what they send. */
static bool is_ahead_of_its_disk(const struct raft *raft) {
    return raft->log.bytes > raft->config.tail_bytes_max &&
           raft->log.first_index > raft->persisted_index;
}

void raft_advance_commit(struct raft *raft) {
    struct raft_tally tally = {0};
    tally.at[raft->config.id] = raft->persisted_index; /* Its own disk counts as any other. */
    if (raft_is_planted(raft, RAFT_PLANTED_COUNT_SELF_EARLY))
        tally.at[raft->config.id] = raft_log_last_index(&raft->log);
    for (uint32_t i = 0; i < raft->peer_count; i++)
        tally.at[raft->peers[i].id] = raft->peers[i].match_index;
    uint64_t index = raft_quorum_value(raft, &tally);
    if (raft_is_planted(raft, RAFT_PLANTED_COUNT_LEARNERS)) {
        uint32_t everybody = members_all(&raft_in_force(raft)->members);
        index = raft_value_of((struct raft_voters){.present = everybody}, &tally);
    }
    if (is_ahead_of_its_disk(raft) && index > raft->persisted_index) index = raft->persisted_index;
    if (index <= raft->commit_index) return;
    /* Raft 5.4.2, Figure 8: an older term's entry can still be overwritten although a majority has
     * it; it is committed with the first entry of this term. */
    bool is_own_term = raft_log_term(&raft->log, index) == raft->term;
    if (!is_own_term && !raft_is_planted(raft, RAFT_PLANTED_COMMIT_OLD_TERM)) return;
    raft->commit_index = index;
    raft_resume_reads(raft);
}

void raft_on_notify(struct raft *raft, uint32_t node) {
    struct raft_peer *peer = raft_peer_find(raft, node);
    if (peer != NULL && raft->role == RAFT_LEADER) peer->notify_index = raft->commit_index;
}

static void tell_commit(struct raft *raft, struct raft_peer *peer) {
    if (peer->notify_index <= peer->commit_sent) return;
    if (peer->match_index >= peer->notify_index) send_heartbeat(raft, peer, 0);
}

/* --- feeding -------------------------------------------------------------------------------- */

/* A run of entries, and what stands before it. */
struct run {
    uint64_t previous_index, previous_term, previous_hash;
    const struct entry *entries;
    uint32_t count;
};

static void send_append(struct raft *raft, struct raft_peer *peer, const struct run *run) {
    uint64_t last = run->previous_index + run->count;
    raft_send(raft, (struct raft_message){
                        .type = RAFT_APPEND,
                        .to = peer->id,
                        .as.append = {.previous_index = run->previous_index,
                                      .previous_term = run->previous_term,
                                      .previous_hash = run->previous_hash,
                                      .commit = raft->commit_index,
                                      .heartbeat = raft->heartbeat_number,
                                      .promise_us = promise_us(raft)},
                        .entries = run->count == 0 ? NULL : run->entries,
                        .entry_count = run->count,
                        .bulk = true,
                    });
    uint64_t told = last < raft->commit_index ? last : raft->commit_index;
    if (told > peer->commit_sent) peer->commit_sent = told;
}

/* Sends a run that begins at next_index, and keeps account of it. */
static void send_run(struct raft *raft, struct raft_peer *peer, struct run run) {
    if (peer->state == RAFT_PEER_PROBE) {
        if (peer->probe_again) run.count = 0;
        peer->probe_open = true;
        peer->probe_previous = run.previous_index;
        peer->probe_sent_us = raft->now_us;
    } else {
        if (peer->inflight_count == 0) peer->progress_us = raft->now_us;
        uint32_t at = (peer->inflight_head + peer->inflight_count) % raft->config.inflight_max;
        peer->inflight[at] = run.previous_index + run.count;
        peer->inflight_count++;
        peer->next_index = run.previous_index + run.count + 1;
    }
    send_append(raft, peer, &run);
}

/* The last entry that may be sent. The only voter sends nothing that its own disk does not have:
 * after a crash nobody could tell it of that (SAFETY 14). */
static uint64_t last_to_send(const struct raft *raft) {
    return raft_is_only_voter(raft) ? raft->persisted_index : raft_log_last_index(&raft->log);
}

/* From memory, up to the bounds of one APPEND, but one entry at least if there is one. */
static struct run run_in_memory(const struct raft *raft, uint64_t from) {
    struct run run = {.previous_index = from - 1,
                      .previous_term = raft_log_term(&raft->log, from - 1),
                      .entries = raft_log_at(&raft->log, from)};
    bool known = raft_log_hash(&raft->log, from - 1, &run.previous_hash);
    CHECK(known);
    uint64_t last = last_to_send(raft);
    uint64_t available = last < from ? 0 : last - run.previous_index;
    if (available > RAFT_APPEND_ENTRIES_MAX) available = RAFT_APPEND_ENTRIES_MAX;
    size_t bytes = 0;
    while (run.count < available) {
        bytes += entry_size(run.entries[run.count].image);
        if (run.count > 0 && bytes > raft->config.append_bytes_max) break;
        run.count++;
    }
    return run;
}

static bool may_send(const struct raft *raft, const struct raft_peer *peer) {
    if (peer->state == RAFT_PEER_SNAPSHOT) return false;
    if (peer->state == RAFT_PEER_PROBE) return !peer->probe_open;
    return peer->inflight_count < raft->config.inflight_max &&
           peer->next_index <= last_to_send(raft);
}

static void fetch(struct raft *raft, struct raft_peer *peer) {
    if (peer->fetch_open || raft->now_us < peer->fetch_after_us) return;
    peer->fetch_open = true;
    peer->fetch_from = peer->next_index;
    raft_ask_fetch(raft, (struct raft_fetch){.node = peer->id,
                                             .from = peer->next_index,
                                             .bytes_max = raft->config.append_bytes_max});
}

static void feed(struct raft *raft, struct raft_peer *peer) {
    while (may_send(raft, peer)) {
        if (!raft_log_holds(&raft->log, peer->next_index)) {
            fetch(raft, peer);
            return;
        }
        send_run(raft, peer, run_in_memory(raft, peer->next_index));
    }
}

void raft_feed_peers(struct raft *raft) {
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        feed(raft, peer);
        tell_commit(raft, peer);
        raft_tell_of_snapshot(raft, peer);
    }
}

/* An answer may be old: from another term, or for a peer that has moved on. It is used only if it
 * is what would be sent next and is the log's content. */
static bool fetched_is_current(const struct raft *raft, const struct raft_peer *peer,
                               const struct raft_event *event) {
    if (event->entry_count == 0 || peer->next_index != event->index) return false;
    const char *first = event->entries[0].image;
    const char *last = event->entries[event->entry_count - 1].image;
    return entry_index(first) == event->index &&
           entry_index(last) == event->index + event->entry_count - 1 &&
           raft_log_term(&raft->log, entry_index(first)) == entry_term(first) &&
           raft_log_term(&raft->log, entry_index(last)) == entry_term(last) &&
           raft_log_term(&raft->log, event->index - 1) == event->previous_term;
}

/* It is tried again later. What can't be read ever again the snapshot may have. */
static void fetch_failed(struct raft *raft, struct raft_peer *peer,
                         const struct raft_event *event) {
    peer->fetch_after_us = raft->now_us + raft->config.election_us;
    bool is_needed = peer->state != RAFT_PEER_SNAPSHOT && peer->next_index == event->index &&
                     event->index <= event->unreadable;
    if (is_needed && raft->snapshot.index >= event->unreadable) raft_offer_snapshot(raft, peer);
}

void raft_on_fetched(struct raft *raft, const struct raft_event *event) {
    struct raft_peer *peer = raft_peer_find(raft, event->node);
    if (peer == NULL || !peer->fetch_open || peer->fetch_from != event->index) return;
    peer->fetch_open = false;
    if (raft->role != RAFT_LEADER) return;
    if (event->error != ERROR_NONE) {
        fetch_failed(raft, peer, event);
        return;
    }
    if (!may_send(raft, peer) || !fetched_is_current(raft, peer, event)) return;
    send_run(raft, peer,
             (struct run){.previous_index = event->index - 1,
                          .previous_term = event->previous_term,
                          .previous_hash = event->previous_hash,
                          .entries = event->entries,
                          .count = event->entry_count < RAFT_APPEND_ENTRIES_MAX
                                       ? event->entry_count
                                       : RAFT_APPEND_ENTRIES_MAX});
}

/* --- the leader's time ---------------------------------------------------------------------- */

/* What is on the way may be lost. Entries that the log no longer has it may have got all the same.
 */
static void probe_again(const struct raft *raft, struct raft_peer *peer) {
    uint64_t known =
        peer->match_index < raft->log.base_index ? raft->log.base_index : peer->match_index;
    raft_probe_from(peer, known + 1);
}

/* What was sent, or its answer, may be lost: ask again, at little cost. */
static void ask_again(struct raft *raft, struct raft_peer *peer) {
    uint64_t patience_us = raft->config.election_us / 2;
    if (peer->state == RAFT_PEER_SNAPSHOT) return; /* It is told in time as it is. */
    if (peer->state == RAFT_PEER_PROBE) {
        if (!peer->probe_open || raft->now_us - peer->probe_sent_us < patience_us) return;
        peer->probe_open = false;
        peer->probe_again = true;
        return;
    }
    if (peer->inflight_count == 0 || raft->now_us - peer->progress_us < patience_us) return;
    peer->progress_us = raft->now_us;
    if (!raft_log_holds(&raft->log, peer->next_index)) {
        probe_again(raft, peer);
        return;
    }
    struct run run = run_in_memory(raft, peer->next_index);
    run.count = 0;
    send_append(raft, peer, &run);
}

/* Thesis 6.2: a leader that does not hear from a majority makes room for one that does. */
static bool hears_a_quorum(const struct raft *raft) {
    uint32_t heard = 1u << raft->config.id;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        bool is_there = raft->now_us - peer->last_contact_us < raft->config.election_us;
        if (is_there || raft_is_excused(raft, &peer->excuse)) heard |= 1u << peer->id;
    }
    return raft_is_quorum(raft, heard);
}

/* Its own disk does not answer, and another voter's does. If none does, nobody could do better. */
static bool others_disks_are_better(const struct raft *raft) {
    if (!raft_disk_is_stalled(raft)) return false;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        bool votes = (raft_all_voters(raft) & 1u << peer->id) != 0;
        if (votes && peer->match_index > raft->persisted_index) return true;
    }
    return false;
}

/* Since when no majority was heard. */
static uint64_t quorum_silent_us(const struct raft *raft) {
    struct raft_tally tally = {0};
    tally.at[raft->config.id] = raft->now_us;
    for (uint32_t i = 0; i < raft->peer_count; i++)
        tally.at[raft->peers[i].id] = raft->peers[i].last_contact_us;
    return raft->now_us - raft_quorum_value(raft, &tally);
}

void raft_leader_tick(struct raft *raft) {
    bool was_absent = raft_forgive_own_absence(raft);
    if (!hears_a_quorum(raft)) {
        raft_because(raft, RAFT_CAUSE_NO_QUORUM, 0, quorum_silent_us(raft));
        raft_become_follower(raft, raft->term, 0);
        return;
    }
    if (!was_absent) raft->absent_us = 0;
    if (others_disks_are_better(raft)) {
        raft_because(raft, RAFT_CAUSE_DISK_STALLS, 0, 0);
        raft_step_aside(raft);
    }
    bool is_due = raft->now_us >= raft->heartbeat_due_us;
    if (raft->role != RAFT_LEADER || !is_due) return;
    beat(raft);
    for (uint32_t i = 0; i < raft->peer_count; i++)
        ask_again(raft, &raft->peers[i]);
}

void raft_on_connected(struct raft *raft, uint32_t node) {
    struct raft_peer *peer = raft_peer_find(raft, node);
    if (raft->role != RAFT_LEADER || peer == NULL) return;
    if (peer->state == RAFT_PEER_PROBE)
        peer->probe_open = peer->probe_again = false;
    else if (peer->state == RAFT_PEER_SNAPSHOT)
        peer->snapshot_told_us = 0;
    else if (peer->inflight_count > 0)
        probe_again(raft, peer);
}

/* --- the leader hears ----------------------------------------------------------------------- */

/* Before a refusal, a window of APPENDs was sent, and answers to those say nothing of the log
 * behind the gap: were the next window sent for each of them, a network that reorders would carry
 * the same entries many times over. */
static bool is_outdated(const struct raft_peer *peer, const struct raft_message *reply) {
    return peer->state == RAFT_PEER_PROBE && peer->probe_open &&
           peer->probe_previous != reply->as.append_reply.previous_index;
}

/* The peer durably has this log up to `match`; what is behind that is unknown as long as it is
 * probed. */
static void matched(struct raft *raft, struct raft_peer *peer, uint64_t match, bool is_probed) {
    if (match > peer->match_index) {
        peer->match_index = match;
        peer->match_round = raft->heartbeat_number;
        peer->progress_us = raft->now_us;
        if (match > peer->acknowledged_index) peer->acknowledged_index = match;
    }
    if (peer->next_index <= peer->match_index) peer->next_index = peer->match_index + 1;
    if (peer->state != RAFT_PEER_REPLICATE && !is_probed) {
        if (peer->match_index < raft->log.base_index) return; /* The log does not follow on it. */
        raft_probe_from(peer, peer->match_index + 1);
        peer->state = RAFT_PEER_REPLICATE;
    }
    while (peer->inflight_count > 0 && peer->inflight[peer->inflight_head] <= peer->match_index) {
        peer->inflight_head = (peer->inflight_head + 1) % raft->config.inflight_max;
        peer->inflight_count--;
    }
    raft_note_round(raft, peer);
    raft_advance_commit(raft);
}

/* The peer refuses what it had acknowledged, in answer to an APPEND that was sent after the
 * acknowledgement had come: no old news, it has forgotten. It counts no longer, and is supplied
 * again from where it can agree. */
static void forgotten(struct raft *raft, struct raft_peer *peer, const struct raft_message *reply) {
    uint64_t kept = reply->as.append_reply.hint_index;
    raft_tell_lapse(raft, (struct raft_lapse){
                              .node = peer->id, .acknowledged = peer->match_index, .kept = kept});
    peer->match_index = 0;
    if (kept < raft->log.base_index) {
        raft_offer_snapshot(raft, peer);
        return;
    }
    uint64_t agreed = raft_log_agreement(&raft->log, kept, reply->as.append_reply.hint_term);
    raft_probe_from(peer, agreed + 1);
}

/* The peer's log differs at previous_index, or ends before it: go back to where its hint says that
 * both can agree, skipping whole terms. */
static void refused(struct raft *raft, struct raft_peer *peer, const struct raft_message *reply) {
    uint64_t previous_index = reply->as.append_reply.previous_index;
    if (previous_index <= peer->match_index) {
        bool lacks = reply->as.append_reply.hint_index < peer->match_index;
        bool is_news = reply->as.append_reply.heartbeat > peer->match_round;
        if (lacks && is_news) forgotten(raft, peer, reply);
        return;
    }
    if (peer->state == RAFT_PEER_SNAPSHOT) return;
    bool is_probe = peer->state == RAFT_PEER_PROBE;
    if (is_probe && (!peer->probe_open || is_outdated(peer, reply))) return;
    uint64_t base_index = raft->log.base_index;
    bool ends_below =
        reply->as.append_reply.hint_index < base_index || previous_index <= base_index;
    if (ends_below && peer->match_index < base_index) {
        raft_offer_snapshot(raft, peer);
        return;
    }
    uint64_t agreed = raft_log_agreement(&raft->log, reply->as.append_reply.hint_index,
                                         reply->as.append_reply.hint_term);
    if (agreed >= previous_index) return; /* No progress: only time can help. */
    raft_probe_from(peer, agreed < peer->match_index ? peer->match_index + 1 : agreed + 1);
}

void raft_on_append_reply(struct raft *raft, const struct raft_message *message) {
    struct raft_peer *peer = raft_peer_find(raft, message->from);
    if (raft->role != RAFT_LEADER || peer == NULL) return;
    raft_heartbeat_answered(raft, peer, message->as.append_reply.heartbeat,
                            message->as.append_reply.promise_us);
    if (raft_is_void(peer, message->as.append_reply.heartbeat)) return;
    if (!message->as.append_reply.success) {
        refused(raft, peer, message);
        return;
    }
    if (message->as.append_reply.match > raft_log_last_index(&raft->log)) return;
    matched(raft, peer, message->as.append_reply.match, is_outdated(peer, message));
}

/* As TCP smooths its own (RFC 6298): an eighth of each new one. */
static void note_round_trip(const struct raft *raft, struct raft_peer *peer, uint64_t number) {
    bool is_known = number != 0 && number <= raft->heartbeat_number &&
                    raft->heartbeat_number - number < RAFT_SENT_RING;
    if (!is_known) return;
    uint64_t took_us = raft->now_us - raft->sent_us[number % RAFT_SENT_RING];
    if (took_us == 0) took_us = 1;
    peer->round_trip_us =
        peer->round_trip_us == 0 ? took_us : (7 * peer->round_trip_us + took_us + 7) / 8;
}

void raft_on_heartbeat_reply(struct raft *raft, const struct raft_message *message) {
    struct raft_peer *peer = raft_peer_find(raft, message->from);
    if (raft->role != RAFT_LEADER || peer == NULL) return;
    peer->unfit = (uint32_t)message->as.heartbeat_reply.unfit;
    note_round_trip(raft, peer, message->as.heartbeat_reply.heartbeat);
    raft_heartbeat_answered(raft, peer, message->as.heartbeat_reply.heartbeat,
                            message->as.heartbeat_reply.promise_us);
    if (raft_is_void(peer, message->as.heartbeat_reply.heartbeat)) return;
    uint64_t match = message->as.heartbeat_reply.match;
    bool is_news = match > peer->match_index && match <= raft_log_last_index(&raft->log);
    if (is_news) matched(raft, peer, match, false);
    /* It has started again since it acknowledged: does it still have what it had? */
    bool is_anew =
        match < peer->match_index && message->as.heartbeat_reply.heartbeat > peer->match_round;
    if (is_anew && peer->state == RAFT_PEER_REPLICATE) probe_again(raft, peer);
}

/* --- the follower --------------------------------------------------------------------------- */

/* This term's leader speaks: no election, and no vote for as long as it asks (SAFETY 5). Returns
 * what was promised; false in *heard: there is another leader of this term, which cannot be. */
static uint64_t hear_leader(struct raft *raft, uint32_t from, uint64_t asked_us, bool *heard) {
    *heard = raft->role != RAFT_LEADER && (raft->leader == 0 || raft->leader == from);
    if (!*heard) {
        raft->diverged = true;
        return 0;
    }
    if (raft->leader != from) raft_because(raft, RAFT_CAUSE_HEARD, from, 0);
    raft_become_follower(raft, raft->term, from);
    raft_reset_election_timer(raft);
    raft->leader_excuse = (struct raft_excuse){0};
    raft->absent_us = 0;
    raft->is_needed = false;
    raft->heard_us = raft->now_us;
    uint64_t promised_us =
        asked_us < raft->config.promise_max_us ? asked_us : raft->config.promise_max_us;
    uint64_t until_us = raft->now_us + promised_us;
    if (until_us > raft->promise_until_us) raft->promise_until_us = until_us;
    return promised_us;
}

bool raft_hear_leader(struct raft *raft, uint32_t from) {
    bool heard;
    hear_leader(raft, from, 0, &heard);
    return heard;
}

static void learn_commit(struct raft *raft, uint64_t commit) {
    uint64_t bound = raft->verified_index;
    if (raft_is_planted(raft, RAFT_PLANTED_COMMIT_UNVERIFIED)) {
        bound = raft_log_last_index(&raft->log);
    }
    if (commit > bound) commit = bound;
    if (commit > raft->commit_index) raft->commit_index = commit;
    raft_judge_repair(raft); /* Also without news: what was verified may have risen. */
}

uint64_t raft_durable_match(const struct raft *raft) {
    if (raft_is_restarting(raft)) return 0;
    return raft->verified_index < raft->persisted_index ? raft->verified_index
                                                        : raft->persisted_index;
}

void raft_on_heartbeat(struct raft *raft, const struct raft_message *message) {
    bool heard;
    uint64_t promised_us =
        hear_leader(raft, message->from, message->as.heartbeat.promise_us, &heard);
    if (!heard) return;
    raft_look_for_a_lapse(raft, message->as.heartbeat.commit);
    learn_commit(raft, message->as.heartbeat.commit);
    raft_ask_recount(raft);
    if (message->as.heartbeat.heartbeat == 0) return;
    raft_send(raft, (struct raft_message){
                        .type = RAFT_HEARTBEAT_REPLY,
                        .to = message->from,
                        .as.heartbeat_reply = {.heartbeat = message->as.heartbeat.heartbeat,
                                               .match = raft_durable_match(raft),
                                               .promise_us = promised_us,
                                               .unfit = raft_unfit(raft)},
                    });
}

/* Where this log stands towards an APPEND's previous entry. */
enum agreement { AGREES, DIFFERS, DIVERGES };

static enum agreement compare_previous(const struct raft *raft, const struct raft_message *append) {
    uint64_t index = append->as.append.previous_index;
    if (index > raft_log_last_index(&raft->log)) return DIFFERS;
    /* What this log has forgotten is committed: any leader has the same. */
    if (index < raft->log.base_index) return AGREES;
    if (raft_log_term(&raft->log, index) != append->as.append.previous_term) {
        return index <= raft->commit_index ? DIVERGES : DIFFERS;
    }
    uint64_t hash;
    bool known = raft_log_hash(&raft->log, index, &hash);
    return known && hash != append->as.append.previous_hash ? DIVERGES : AGREES;
}

/* One entry of an APPEND at its place; false: it can't be there. */
static bool take_entry(struct raft *raft, struct entry entry, uint64_t index,
                       uint64_t previous_hash) {
    const char *image = entry.image;
    if (entry_index(image) != index || entry_term(image) > raft->term) return false;
    if (entry_hash(image) != entry_hash_after(image, previous_hash)) return false;
    if (index < raft->log.base_index) return true;
    if (index <= raft_log_last_index(&raft->log)) {
        uint64_t hash;
        if (raft_log_term(&raft->log, index) == entry_term(image)) {
            return !raft_log_hash(&raft->log, index, &hash) || hash == entry_hash(image);
        }
        if (index <= raft->commit_index || index <= raft->verified_index) return false;
        raft_cut_after(raft, index - 1);
    }
    struct members members;
    bool is_sound = entry_type(image) != ENTRY_CONFIG ||
                    members_decode(entry_body(image), &members) == ERROR_NONE;
    if (!is_sound || entry_term(image) < raft_log_last_term(&raft->log)) return false;
    chunk_hold(entry.chunk);
    raft_append(raft, entry);
    return true;
}

static bool take_entries(struct raft *raft, const struct raft_message *message) {
    uint64_t index = message->as.append.previous_index;
    uint64_t previous_hash = message->as.append.previous_hash;
    for (uint32_t i = 0; i < message->entry_count; i++) {
        if (!take_entry(raft, message->entries[i], ++index, previous_hash)) return false;
        previous_hash = entry_hash(message->entries[i].image);
    }
    if (index > raft->verified_index) raft->verified_index = index;
    return true;
}

void raft_on_append(struct raft *raft, const struct raft_message *message) {
    uint64_t previous_index = message->as.append.previous_index;
    bool heard;
    uint64_t promised_us = hear_leader(raft, message->from, message->as.append.promise_us, &heard);
    if (!heard) return;

    struct raft_message reply = {
        .type = RAFT_APPEND_REPLY,
        .to = message->from,
        .as.append_reply = {.previous_index = previous_index,
                            .heartbeat = message->as.append.heartbeat,
                            .promise_us = promised_us},
    };
    enum agreement agreement = compare_previous(raft, message);
    bool taken = agreement == AGREES && !raft->diverged && take_entries(raft, message);
    if (taken) {
        learn_commit(raft, message->as.append.commit);
        reply.as.append_reply.success = 1;
        reply.as.append_reply.match = previous_index + message->entry_count;
    } else {
        if (agreement != DIFFERS) raft->diverged = true;
        uint64_t hint =
            raft_log_agreement(&raft->log, previous_index, message->as.append.previous_term);
        reply.as.append_reply.hint_index = hint;
        reply.as.append_reply.hint_term = raft_log_term(&raft->log, hint);
    }
    raft_send(raft, reply);
}
