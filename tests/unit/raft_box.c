/* raft_box.c: the driver of a core, played by arrays. */
#include "raft_box.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/memory.h"

static void violate(struct box *box, const char *format, ...) {
    if (box->violation.size > 0) return;
    va_list arguments;
    va_start(arguments, format);
    buffer_append_format_list(&box->violation, format, arguments);
    va_end(arguments);
    buffer_append_byte(&box->violation, '\0');
}

/* Makes room for one more row. */
#define GROW(array, count, capacity)                                                               \
    do {                                                                                           \
        if ((count) == (capacity)) {                                                               \
            (capacity) = (capacity) == 0 ? 16 : (capacity)*2;                                      \
            (array) = memory_resize((array), (capacity) * sizeof(*(array)));                       \
        }                                                                                          \
    } while (0)

/* --- letters -------------------------------------------------------------------------------- */

static void post(struct box_letters *letters, struct box_letter letter) {
    GROW(letters->at, letters->count, letters->capacity);
    letters->at[letters->count++] = letter;
}

static struct box_letter take(struct box_letters *letters, uint32_t i) {
    struct box_letter letter = letters->at[i];
    letters->count--;
    memmove(letters->at + i, letters->at + i + 1, (letters->count - i) * sizeof(*letters->at));
    return letter;
}

static void trace(const struct box *box, const char *what, const struct raft_message *message) {
    if (!box->trace) return;
    struct buffer line = {0};
    raft_message_print(message, &line);
    printf("%8llu %s %.*s wait=%llu\n", (unsigned long long)box->now_us, what, (int)line.size,
           line.data, (unsigned long long)message->wait_for);
    buffer_clear(&line);
}

static struct box_letter seal(const struct raft_message *message) {
    struct buffer wire = {0};
    raft_message_encode(message, &wire);
    for (uint32_t i = 0; i < message->entry_count; i++)
        buffer_append(&wire, message->entries[i].image, entry_size(message->entries[i].image));
    struct chunk *chunk = chunk_create(wire.size);
    memcpy(chunk->data, wire.data, wire.size);
    chunk->used = wire.size;
    buffer_clear(&wire);
    return (struct box_letter){.from = message->from,
                               .to = message->to,
                               .type = message->type,
                               .wait_for = message->wait_for,
                               .chunk = chunk};
}

static void send_letter(struct box *box, struct box_letter letter) {
    if (box->cut[letter.from][letter.to])
        chunk_release(letter.chunk);
    else
        post(&box->letters, letter);
}

/* --- watching ------------------------------------------------------------------------------- */

static bool hash_at(const struct raft *raft, uint64_t index, uint64_t *hash) {
    struct entry entry;
    if (!raft_entry_at(raft, index, &entry)) return false;
    *hash = entry_hash(entry.image);
    return true;
}

/* Whoever has to agree: majorities of one set of nodes, or of two. */
struct deciders {
    uint32_t present, next;
};

static struct deciders deciders_of(const struct raft *raft) {
    const struct members *members = raft_members(raft);
    return (struct deciders){members_voters(members), members_next_voters(members)};
}

static bool is_majority(uint32_t nodes, uint32_t set) {
    return set == 0 || __builtin_popcount(nodes & set) > __builtin_popcount(set) / 2;
}
static bool have_decided(struct deciders deciders, uint32_t nodes) {
    return is_majority(nodes, deciders.present) && is_majority(nodes, deciders.next);
}

/* An election rests on a majority's disks: each has this vote, or has gone on to a later term. */
static void watch_votes(struct box *box, uint32_t id, uint64_t term, struct deciders deciders) {
    uint32_t voters = 0;
    for (uint32_t voter = 1; voter <= box->count; voter++) {
        const struct raft_hard_state *durable = &box->nodes[voter].hard_state;
        const struct raft_hard_state *lost = &box->nodes[voter].lost;
        if (durable->term > term || (durable->term == term && durable->voted_for == id))
            voters |= 1u << voter;
        if (lost->term > term || (lost->term == term && lost->voted_for == id))
            voters |= 1u << voter;
    }
    if (have_decided(deciders, voters)) return;
    violate(box, "n%u leads term %llu by votes that are not durable, or too few", id,
            (unsigned long long)term);
}

/* 0: nobody has. */
static uint32_t *leader_of(struct box *box, uint64_t term) {
    for (uint32_t i = 0; i < box->term_count; i++)
        if (box->terms[i].term == term) return &box->terms[i].leader;
    CHECK(box->term_count < BOX_TERMS_MAX);
    box->terms[box->term_count] = (struct box_term){.term = term};
    return &box->terms[box->term_count++].leader;
}

static void watch_election(struct box *box, uint32_t id, struct deciders deciders) {
    struct box_node *node = &box->nodes[id];
    enum raft_role role = raft_role(node->raft);
    bool elected = role == RAFT_LEADER && node->role != RAFT_LEADER;
    node->role = role;
    if (!elected) return;
    box->elections++;
    uint64_t term = raft_term(node->raft);
    uint32_t *leader = leader_of(box, term);
    if (*leader != 0 && *leader != id) {
        violate(box, "election safety: n%u and n%u both lead term %llu", *leader, id,
                (unsigned long long)term);
    }
    *leader = id;
    watch_votes(box, id, term, deciders);
    for (uint64_t index = 1; index <= box->committed_count; index++) {
        uint64_t hash;
        /* A leader elected so late that a newer term has committed already does no harm. */
        bool is_bound = term > box->committed[index - 1].term;
        bool dropped = index < raft_tail_first_index(node->raft);
        if (!is_bound || dropped) continue; /* Dropped: it was compared when it was applied. */
        if (!hash_at(node->raft, index, &hash) || hash != box->committed[index - 1].hash) {
            violate(box, "leader completeness: n%u leads term %llu without committed entry %llu",
                    id, (unsigned long long)term, (unsigned long long)index);
        }
    }
}

static void watch_leases(struct box *box, uint32_t id) {
    const struct raft *raft = box->nodes[id].raft;
    if (!raft_has_lease(raft, box_now_us(box, id))) return;
    box->lease_moments++;
    for (uint32_t other = 1; other <= box->count; other++) {
        const struct raft *rival = box->nodes[other].raft;
        if (other == id || rival == NULL || raft_role(rival) != RAFT_LEADER) continue;
        if (raft_term(rival) > raft_term(raft)) {
            violate(box, "lease: n%u has a lease in term %llu while n%u leads term %llu", id,
                    (unsigned long long)raft_term(raft), other,
                    (unsigned long long)raft_term(rival));
        }
    }
}

/* So does a commit: no answer precedes a majority's sync. What a disk had then and lost since may
 * still count, as long as its node knows that it has lost something. */
static void watch_durability(struct box *box, uint64_t index, uint64_t hash,
                             struct deciders deciders) {
    uint32_t holders = 0;
    for (uint32_t id = 1; id <= box->count; id++) {
        const struct box_node *node = &box->nodes[id];
        uint64_t found;
        bool holds = box_disk_hash(node, index, &found) && found == hash;
        if (holds || node->damaged || index <= node->snapshot.position.index) holders |= 1u << id;
    }
    if (have_decided(deciders, holders)) return;
    violate(box, "entry %llu is committed but not durable on a majority",
            (unsigned long long)index);
}

/* What is committed stays on each disk that has it, in its log or in its snapshot; but where nobody
 * has heard yet of the term in which it was, an earlier leader may still take it back: it was
 * committed without that one. */
static void watch_cut(struct box *box, uint32_t id, uint64_t after) {
    const struct box_node *node = &box->nodes[id];
    uint64_t term = node->hard_state.term; /* in which it was told to */
    if (after < node->snapshot.position.index) after = node->snapshot.position.index;
    for (uint64_t index = after + 1; index <= box->committed_count; index++) {
        uint64_t hash;
        if (!box_disk_hash(node, index, &hash)) return;
        if (hash == box->committed[index - 1].hash && box->committed[index - 1].term <= term)
            violate(box, "n%u cuts the committed entry %llu from its disk", id,
                    (unsigned long long)index);
    }
}

static void watch_commit(struct box *box, uint32_t id, uint64_t index, uint64_t hash,
                         struct deciders deciders) {
    if (index > box->committed_count) {
        CHECK(index == box->committed_count + 1);
        GROW(box->committed, box->committed_count, box->committed_capacity);
        uint64_t term = raft_term(box->nodes[id].raft);
        watch_durability(box, index, hash, deciders);
        box->committed[box->committed_count++] = (struct box_committed){.hash = hash, .term = term};
    } else if (box->committed[index - 1].hash != hash) {
        violate(box, "state machine safety: n%u commits another entry at %llu", id,
                (unsigned long long)index);
    }
}

static void watch_read(struct box *box, uint32_t id, const struct raft_read *answer) {
    CHECK(answer->context < BOX_READS_MAX);
    struct box_read *read = &box->reads[answer->context];
    if (read->state != BOX_READ_WAITING) {
        violate(box, "n%u answers read %llu a second time", id,
                (unsigned long long)answer->context);
    }
    read->state = answer->granted ? BOX_READ_GRANTED : BOX_READ_REFUSED;
    read->index = answer->index;
    if (!answer->granted) return;
    box->granted_reads++;
    if (answer->index < read->floor) {
        violate(box, "stale read: n%u reads at %llu, but %llu was committed before it was asked",
                id, (unsigned long long)answer->index, (unsigned long long)read->floor);
    }
}

void box_check_logs(struct box *box) {
    if (box->may_diverge) return;
    for (uint32_t a = 1; a <= box->count; a++) {
        for (uint32_t b = a + 1; b <= box->count; b++) {
            const struct raft *left = box->nodes[a].raft, *right = box->nodes[b].raft;
            if (left == NULL || right == NULL) continue;
            for (uint64_t index = 1; index <= raft_last_index(left); index++) {
                uint64_t left_hash, right_hash;
                if (!hash_at(left, index, &left_hash) || !hash_at(right, index, &right_hash))
                    continue;
                if (raft_term_at(left, index) != raft_term_at(right, index)) continue;
                if (left_hash != right_hash) {
                    violate(box, "log matching: n%u and n%u differ at %llu", a, b,
                            (unsigned long long)index);
                }
            }
        }
    }
}

/* --- a step --------------------------------------------------------------------------------- */

static void copy_write(struct box_node *node, const struct raft_persist *request) {
    GROW(node->writes, node->write_count, node->write_capacity);
    struct box_write *write = &node->writes[node->write_count++];
    write->request = *request;
    write->entries = memory_allocate(request->entry_count * sizeof(struct entry));
    for (uint32_t i = 0; i < request->entry_count; i++) {
        write->entries[i] = request->entries[i];
        chunk_hold(write->entries[i].chunk);
    }
}

static void carry_out(struct box *box, uint32_t id, const struct raft_output *output) {
    struct box_node *node = &box->nodes[id];
    for (uint32_t i = 0; i < output->persist_count; i++)
        copy_write(node, &output->persists[i]);
    for (uint32_t i = 0; i < output->message_count; i++) {
        const struct raft_message *message = &output->messages[i];
        trace(box, "send", message);
        struct box_letter letter = seal(message);
        if (letter.wait_for > node->completed)
            post(&node->held, letter);
        else
            send_letter(box, letter);
    }
    for (uint32_t i = 0; i < output->read_count; i++)
        watch_read(box, id, &output->reads[i]);
    if (output->want_snapshot.node != 0) node->wanted = output->want_snapshot;
    for (uint32_t i = 0; i < output->fetch_count; i++) {
        CHECK(node->fetch_count < COUNT_OF(node->fetches));
        node->fetches[node->fetch_count++] = output->fetches[i];
    }
}

/* Thesis 4.1: the newest configuration in the log is in force, and no other. */
static void watch_members(struct box *box, uint32_t id) {
    const struct box_node *node = &box->nodes[id];
    uint64_t index = raft_members_index(node->raft);
    if (index <= node->snapshot.position.index) return;
    struct entry entry;
    bool is_there = index <= raft_last_index(node->raft);
    if (is_there && raft_entry_at(node->raft, index, &entry))
        is_there = entry_type(entry.image) == ENTRY_CONFIG;
    if (!is_there) violate(box, "n%u follows a configuration that is not in its log", id);
}

/* Raft 5.4.2: a leader raises the commit index to entries of its own term only. */
static void watch_commit_rule(struct box *box, uint32_t id, uint64_t commit_before) {
    const struct raft *raft = box->nodes[id].raft;
    uint64_t commit = raft_commit_index(raft);
    if (commit < commit_before)
        violate(box, "n%u takes its commit index back to %llu", id, (unsigned long long)commit);
    if (commit == commit_before || raft_role(raft) != RAFT_LEADER) return;
    if (raft_term_at(raft, commit) != raft_term(raft)) {
        violate(box, "n%u commits entry %llu of an older term by counting", id,
                (unsigned long long)commit);
    }
}

/* Returns who had to agree to what this step decided. */
static struct deciders step_once(struct box *box, uint32_t id, struct raft_event *event) {
    struct box_node *node = &box->nodes[id];
    event->now_us = box_now_us(box, id);
    event->stamp_ms = 1000 + box->now_us / 1000;
    struct raft_output output;
    uint64_t commit = raft_commit_index(node->raft);
    struct deciders deciders = deciders_of(node->raft);
    raft_step(node->raft, event, &output);
    raft_check(node->raft);
    if (output.lapse != NULL) node->lapse = *output.lapse;
    if (output.change != NULL) node->change = *output.change;
    if (!raft_damaged(node->raft)) node->damaged = false;
    carry_out(box, id, &output);
    if (event->type == RAFT_EVENT_RECONFIGURE || event->type == RAFT_EVENT_TRANSFER)
        node->refusal = output.refusal;
    if (event->type == RAFT_EVENT_RECONFIGURE && output.refusal == RAFT_REFUSED_NONE)
        box->changes++;
    if (output.installed) {
        box->installs++;
        node->applied = event->position.index;
    }
    watch_election(box, id, deciders);
    watch_commit_rule(box, id, commit);
    watch_leases(box, id);
    watch_members(box, id);
    return deciders;
}

static void apply(struct box *box, uint32_t id, struct deciders deciders) {
    struct box_node *node = &box->nodes[id];
    uint64_t commit = raft_commit_index(node->raft);
    if (node->applied == commit) return;
    while (node->applied < commit) {
        uint64_t hash;
        bool known = hash_at(node->raft, ++node->applied, &hash);
        CHECK(known);
        watch_commit(box, id, node->applied, hash, deciders);
    }
    step_once(box, id, &(struct raft_event){.type = RAFT_EVENT_APPLIED, .index = commit});
}

static void step(struct box *box, uint32_t id, struct raft_event event) {
    if (box->nodes[id].raft == NULL) return;
    struct deciders deciders = step_once(box, id, &event);
    apply(box, id, deciders);
    if (!box->may_diverge && raft_diverged(box->nodes[id].raft))
        violate(box, "n%u has diverged", id);
}

/* --- what a disk has ------------------------------------------------------------------------- */

static uint64_t disk_last_index(const struct box_node *node) {
    return node->base.index + node->log_count;
}

bool box_disk_hash(const struct box_node *node, uint64_t index, uint64_t *hash) {
    if (index <= node->base.index || index > disk_last_index(node)) return false;
    *hash = entry_hash(node->log[index - node->base.index - 1].image);
    return true;
}

static void disk_cut(struct box_node *node, uint64_t index) {
    while (disk_last_index(node) > index && node->log_count > 0)
        chunk_release(node->log[--node->log_count].chunk);
    if (node->known_commit > index) node->known_commit = index;
}

static void disk_restart(struct box_node *node, const struct raft_position *position) {
    disk_cut(node, 0);
    node->base = *position;
    node->known_commit = position->index;
}

static void disk_append(struct box_node *node, struct entry entry) {
    CHECK(entry_index(entry.image) == disk_last_index(node) + 1);
    GROW(node->log, node->log_count, node->log_capacity);
    node->log[node->log_count++] = entry;
    chunk_hold(entry.chunk);
}

/* --- life ----------------------------------------------------------------------------------- */

void box_init(struct box *box, uint32_t count, const struct raft_config *config) {
    CHECK(count <= BOX_NODES_MAX);
    *box = (struct box){.now_us = 1000000};
    while (box->count < count) {
        struct box_node *node = &box->nodes[box_add(box, config)];
        node->config.voter_count = count;
        for (uint32_t i = 0; i < count; i++)
            node->config.voters[i] = i + 1;
    }
}

uint32_t box_add(struct box *box, const struct raft_config *config) {
    CHECK(box->count < BOX_NODES_MAX);
    uint32_t id = ++box->count;
    struct box_node *node = &box->nodes[id];
    node->config = *config;
    node->config.id = id;
    node->config.seed = random_mix(config->seed + id);
    node->base.hash = config->base_hash;
    return id;
}

uint64_t box_now_us(const struct box *box, uint32_t id) {
    return box->now_us + box->nodes[id].ahead_us;
}

static void clear_letters(struct box_letters *letters) {
    for (uint32_t i = 0; i < letters->count; i++)
        chunk_release(letters->at[i].chunk);
    letters->count = 0;
}

static void finish_write(struct box_node *node) {
    struct box_write *write = &node->writes[0];
    for (uint32_t i = 0; i < write->request.entry_count; i++)
        chunk_release(write->entries[i].chunk);
    memory_release(write->entries);
    node->write_count--;
    memmove(node->writes, node->writes + 1, node->write_count * sizeof(*node->writes));
}

void box_crash(struct box *box, uint32_t id) {
    struct box_node *node = &box->nodes[id];
    if (node->raft == NULL) return;
    raft_destroy(node->raft);
    node->raft = NULL;
    node->busy = false;
    clear_letters(&node->held);
    while (node->write_count > 0)
        finish_write(node);
    node->fetch_count = 0;
    node->wanted = (struct raft_wanted){0};
    for (uint32_t i = 0; i < BOX_READS_MAX; i++)
        if (box->reads[i].state == BOX_READ_WAITING && box->reads[i].node == id)
            box->reads[i].state = BOX_READ_REFUSED;
}

void box_forget(struct box *box, uint32_t id, uint64_t kept) {
    struct box_node *node = &box->nodes[id];
    CHECK(node->raft == NULL && kept <= node->log_count);
    while (node->log_count > kept)
        chunk_release(node->log[--node->log_count].chunk);
    if (node->known_commit > disk_last_index(node)) node->known_commit = disk_last_index(node);
}

void box_damage(struct box *box, uint32_t id, uint64_t kept) {
    box_forget(box, id, kept);
    box->nodes[id].damaged = true;
}

void box_lose_vote(struct box *box, uint32_t id) {
    struct box_node *node = &box->nodes[id];
    CHECK(node->raft == NULL);
    if (node->hard_state.term > node->lost.term) node->lost = node->hard_state;
    node->hard_state = (struct raft_hard_state){0};
    node->vote_lost = true;
}

void box_clear(struct box *box) {
    for (uint32_t id = 1; id <= box->count; id++) {
        struct box_node *node = &box->nodes[id];
        box_crash(box, id);
        for (uint64_t i = 0; i < node->log_count; i++)
            chunk_release(node->log[i].chunk);
        memory_release(node->log);
        memory_release(node->writes);
        memory_release(node->held.at);
    }
    clear_letters(&box->letters);
    memory_release(box->letters.at);
    memory_release(box->committed);
    buffer_clear(&box->violation);
}

void box_start(struct box *box, uint32_t id) {
    struct box_node *node = &box->nodes[id];
    CHECK(node->raft == NULL);
    const struct box_snapshot *snapshot = &node->snapshot;
    uint64_t hash;
    bool fits =
        snapshot->position.index == 0 || snapshot->position.index == node->base.index ||
        (box_disk_hash(node, snapshot->position.index, &hash) && hash == snapshot->position.hash);
    if (!fits) disk_restart(node, &snapshot->position);

    struct raft_config config = node->config;
    /* Its questions are told from those of an earlier life. */
    if (node->damaged || node->vote_lost) config.seed = random_mix(config.seed + box->now_us);
    config.base_index = node->base.index;
    config.base_term = node->base.term;
    config.base_hash = node->base.hash;
    config.snapshot = snapshot->position;
    config.members = snapshot->position.index == 0 ? NULL : &snapshot->members;
    node->raft = raft_create(&config, &node->hard_state, box_now_us(box, id));
    node->completed = 0;
    node->applied = node->base.index;
    node->role = RAFT_FOLLOWER;
    for (uint64_t i = 0; i < node->log_count; i++) {
        uint64_t index = node->base.index + 1 + i;
        bool committed = index <= node->known_commit || index <= snapshot->position.index;
        raft_restore(node->raft, node->log[i], committed);
        if (!committed) continue;
        node->applied = index;
        watch_commit(box, id, index, entry_hash(node->log[i].image), deciders_of(node->raft));
    }
    raft_restore_losses(node->raft, node->damaged, node->vote_lost);
    raft_start(node->raft, box_now_us(box, id));
    raft_check(node->raft);
}

/* --- the disk ------------------------------------------------------------------------------- */

static void release_held(struct box *box, struct box_node *node) {
    uint32_t i = 0;
    while (i < node->held.count) {
        if (node->held.at[i].wait_for <= node->completed)
            send_letter(box, take(&node->held, i));
        else
            i++;
    }
}

bool box_persist(struct box *box, uint32_t id) {
    struct box_node *node = &box->nodes[id];
    if (node->raft == NULL || node->write_count == 0) return false;
    const struct box_write *write = &node->writes[0];
    const struct raft_persist *request = &write->request;
    if (request->has_hard_state) {
        node->hard_state = request->hard_state;
        node->vote_lost = false;
    }
    if (request->restart) {
        watch_cut(box, id, request->base.index);
        disk_restart(node, &request->base);
    }
    if (request->cut_after != UINT64_MAX) {
        watch_cut(box, id, request->cut_after);
        disk_cut(node, request->cut_after);
    }
    for (uint32_t i = 0; i < request->entry_count; i++)
        disk_append(node, write->entries[i]);
    uint64_t number = request->number;
    finish_write(node);

    step(box, id, (struct raft_event){.type = RAFT_EVENT_PERSISTED, .number = number});
    node->completed = number;
    release_held(box, node);
    /* A mark of what is committed reaches the disk now and then. */
    uint64_t commit = raft_commit_index(node->raft);
    uint64_t durable = raft_persisted_index(node->raft);
    bool is_settled = node->write_count == 0 && durable == disk_last_index(node);
    if (is_settled && number % 3 == 0) node->known_commit = commit < durable ? commit : durable;
    return true;
}

/* The oldest fetch as an answer that failed; false: none. */
static bool take_fetch(struct box_node *node, struct raft_event *event, size_t *bytes_max) {
    if (node->raft == NULL || node->fetch_count == 0) return false;
    struct raft_fetch request = node->fetches[0];
    node->fetch_count--;
    memmove(node->fetches, node->fetches + 1, node->fetch_count * sizeof(*node->fetches));
    *event = (struct raft_event){.type = RAFT_EVENT_FETCHED,
                                 .node = request.node,
                                 .index = request.from,
                                 .error = ERROR_NOT_FOUND,
                                 .previous_term = node->base.term,
                                 .previous_hash = node->base.hash};
    *bytes_max = request.bytes_max;
    return true;
}

bool box_fail_fetch(struct box *box, uint32_t id, uint64_t unreadable) {
    struct raft_event event;
    size_t bytes_max;
    if (!take_fetch(&box->nodes[id], &event, &bytes_max)) return false;
    event.unreadable = unreadable;
    if (unreadable > 0) event.error = ERROR_DAMAGED;
    step(box, id, event);
    return true;
}

bool box_fetch(struct box *box, uint32_t id) {
    struct box_node *node = &box->nodes[id];
    struct raft_event event;
    size_t bytes_max, bytes = 0;
    if (!take_fetch(node, &event, &bytes_max)) return false;
    uint64_t at = event.index - node->base.index - 1;
    if (event.index > node->base.index && at < node->log_count) {
        event.error = ERROR_NONE;
        event.entries = node->log + at;
        while (at + event.entry_count < node->log_count &&
               (event.entry_count == 0 || bytes < bytes_max)) {
            bytes += entry_size(event.entries[event.entry_count++].image);
        }
        if (at > 0) {
            event.previous_term = entry_term(node->log[at - 1].image);
            event.previous_hash = entry_hash(node->log[at - 1].image);
        }
    }
    step(box, id, event);
    return true;
}

static struct entry create_entry(struct bytes body) {
    struct chunk *chunk = chunk_create(ENTRY_HEADER_SIZE + body.size);
    chunk->used = ENTRY_HEADER_SIZE + body.size;
    entry_header_write(chunk->data, &(struct entry_header){.format = ENTRY_FORMAT,
                                                           .type = ENTRY_DATA,
                                                           .body_size = (uint32_t)body.size,
                                                           .body_hash = hash_bytes(body, 0)});
    if (body.size > 0) memcpy(chunk->data + ENTRY_HEADER_SIZE, body.data, body.size);
    return (struct entry){.chunk = chunk, .image = chunk->data};
}

void box_write_entry(struct box *box, uint32_t id, uint64_t term, struct bytes body) {
    struct box_node *node = &box->nodes[id];
    CHECK(node->raft == NULL);
    uint64_t previous = node->log_count == 0 ? node->config.base_hash
                                             : entry_hash(node->log[node->log_count - 1].image);
    struct entry entry = create_entry(body);
    entry_seal(entry.image, term, disk_last_index(node) + 1, 0, previous);
    disk_append(node, entry);
    chunk_release(entry.chunk);
    if (node->hard_state.term < term) node->hard_state = (struct raft_hard_state){.term = term};
}

/* --- long turns ----------------------------------------------------------------------------- */

void box_hold(struct box *box, uint32_t id, bool silent) {
    struct box_node *node = &box->nodes[id];
    node->busy = true;
    node->silent = silent;
    node->busy_since_us = node->busy_said_us = box->now_us;
}

void box_release(struct box *box, uint32_t id) {
    box->nodes[id].busy = false;
}

void box_say_busy(struct box *box, uint32_t id) {
    struct box_node *node = &box->nodes[id];
    uint64_t busy_us = box->now_us - node->busy_since_us;
    if (node->raft == NULL || !node->busy || node->silent || busy_us > RAFT_BUSY_MAX_US) return;
    if (box->now_us - node->busy_said_us < node->config.heartbeat_us) return;
    node->busy_said_us = box->now_us;
    for (uint32_t to = 1; to <= box->count; to++) {
        if (to == id) continue;
        struct raft_message message = {
            .type = RAFT_BUSY,
            .from = id,
            .to = to,
            .term = raft_term(node->raft),
            .as.busy = {.busy_us = busy_us, .leads = raft_role(node->raft) == RAFT_LEADER},
        };
        trace(box, "send", &message);
        send_letter(box, seal(&message));
    }
}

/* --- events --------------------------------------------------------------------------------- */

void box_tick(struct box *box, uint32_t id) {
    step(box, id, (struct raft_event){.type = RAFT_EVENT_TICK});
}

void box_propose(struct box *box, uint32_t id, struct bytes body) {
    struct raft *raft = box->nodes[id].raft;
    if (raft == NULL || raft_role(raft) != RAFT_LEADER) return;
    step(box, id, (struct raft_event){.type = RAFT_EVENT_PROPOSE, .entry = create_entry(body)});
}

void box_read(struct box *box, uint32_t id, uint64_t context, bool confirm) {
    CHECK(context < BOX_READS_MAX && box->reads[context].state == BOX_READ_NONE);
    if (box->nodes[id].raft == NULL) return;
    box->reads[context] =
        (struct box_read){.state = BOX_READ_WAITING, .node = id, .floor = box->committed_count};
    step(box, id,
         (struct raft_event){.type = RAFT_EVENT_READ, .context = context, .confirm = confirm});
}

void box_notify(struct box *box, uint32_t id, uint32_t peer) {
    step(box, id, (struct raft_event){.type = RAFT_EVENT_NOTIFY, .node = peer});
}

void box_written(struct box *box, uint32_t id) {
    step(box, id, (struct raft_event){.type = RAFT_EVENT_WRITTEN});
}

void box_connected(struct box *box, uint32_t id, uint32_t peer) {
    step(box, id, (struct raft_event){.type = RAFT_EVENT_CONNECTED, .node = peer});
}

void box_transfer(struct box *box, uint32_t id, uint32_t peer, uint64_t timeout_us) {
    step(box, id,
         (struct raft_event){.type = RAFT_EVENT_TRANSFER, .node = peer, .timeout_us = timeout_us});
}

void box_keep(struct box *box, uint32_t id) {
    step(box, id, (struct raft_event){.type = RAFT_EVENT_KEEP});
}

void box_resign(struct box *box, uint32_t id) {
    step(box, id, (struct raft_event){.type = RAFT_EVENT_RESIGN});
}

void box_timing(struct box *box, uint32_t id, struct box_timing timing) {
    step(box, id,
         (struct raft_event){.type = RAFT_EVENT_TIMING,
                             .heartbeat_us = timing.heartbeat_us,
                             .election_us = timing.election_us});
}

void box_unfit(struct box *box, uint32_t id, uint32_t unfit) {
    step(box, id, (struct raft_event){.type = RAFT_EVENT_UNFIT, .unfit = unfit});
}

void box_change(struct box *box, uint32_t id, const struct members *members) {
    step(box, id, (struct raft_event){.type = RAFT_EVENT_RECONFIGURE, .members = members});
}

/* --- snapshots ------------------------------------------------------------------------------ */

bool box_snapshot(struct box *box, uint32_t id) {
    struct box_node *node = &box->nodes[id];
    uint64_t index = node->applied;
    bool is_due = node->raft != NULL && index > node->snapshot.position.index &&
                  index <= raft_persisted_index(node->raft);
    if (!is_due) return false;
    node->snapshot.position = (struct raft_position){
        .index = index,
        .term = raft_term_at(node->raft, index),
        .hash = box->committed[index - 1].hash,
    };
    node->snapshot.members = *raft_members_at(node->raft, index);
    step(box, id,
         (struct raft_event){.type = RAFT_EVENT_SNAPSHOT_DURABLE,
                             .position = node->snapshot.position});
    return true;
}

bool box_compact(struct box *box, uint32_t id, uint64_t index) {
    struct box_node *node = &box->nodes[id];
    if (node->raft == NULL) return false;
    struct raft_status status;
    raft_get_status(node->raft, &status);
    if (index > status.snapshot.index) index = status.snapshot.index;
    uint64_t hash;
    /* A restart that is still on its way to the disk empties the log anyway. */
    for (uint32_t i = 0; i < node->write_count; i++)
        if (node->writes[i].request.restart) return false;
    if (!box_disk_hash(node, index, &hash)) return false;
    uint64_t count = index - node->base.index;
    node->base = (struct raft_position){index, entry_term(node->log[count - 1].image), hash};
    for (uint64_t i = 0; i < count; i++)
        chunk_release(node->log[i].chunk);
    node->log_count -= count;
    memmove(node->log, node->log + count, node->log_count * sizeof(*node->log));
    step(box, id, (struct raft_event){.type = RAFT_EVENT_COMPACTED, .index = index});
    return true;
}

bool box_receive(struct box *box, uint32_t id) {
    struct box_node *node = &box->nodes[id];
    uint32_t from = node->wanted.node;
    if (node->raft == NULL || from == 0) return false;
    const struct box_node *source = &box->nodes[from];
    bool is_newer = source->snapshot.position.index > node->snapshot.position.index;
    if (source->raft == NULL || !is_newer) return false;
    node->wanted.node = 0;
    node->snapshot = source->snapshot;
    return true;
}

bool box_install(struct box *box, uint32_t id) {
    struct box_node *node = &box->nodes[id];
    uint32_t from = node->wanted.node;
    if (!box_receive(box, id)) return false;
    step(box, id,
         (struct raft_event){.type = RAFT_EVENT_INSTALLED,
                             .term = raft_term(box->nodes[from].raft),
                             .position = node->snapshot.position,
                             .members = &node->snapshot.members});
    return true;
}

void box_deliver(struct box *box, uint32_t i) {
    struct box_letter letter = take(&box->letters, i);
    struct raft_message message;
    struct entry entries[RAFT_APPEND_ENTRIES_MAX];
    enum error error =
        raft_message_decode(bytes_of(letter.chunk->data, letter.chunk->used), letter.chunk,
                            &message, entries, RAFT_APPEND_ENTRIES_MAX);
    if (error != ERROR_NONE) {
        violate(box, "a message does not decode: %s", error_text(error));
    } else {
        message.wait_for = 0;
        trace(box, "take", &message);
        step(box, letter.to, (struct raft_event){.type = RAFT_EVENT_MESSAGE, .message = &message});
    }
    chunk_release(letter.chunk);
}

void box_drop(struct box *box, uint32_t i) {
    chunk_release(take(&box->letters, i).chunk);
}

void box_duplicate(struct box *box, uint32_t i) {
    struct box_letter letter = box->letters.at[i];
    chunk_hold(letter.chunk);
    post(&box->letters, letter);
}

/* The first letter for a node that is not busy; false: none. */
static bool find_deliverable(const struct box *box, uint32_t *at) {
    for (*at = 0; *at < box->letters.count; ++*at)
        if (!box->nodes[box->letters.at[*at].to].busy) return true;
    return false;
}

void box_settle(struct box *box) {
    for (bool moves = true; moves;) {
        uint32_t at;
        moves = find_deliverable(box, &at);
        if (moves) box_deliver(box, at);
        for (uint32_t id = 1; id <= box->count; id++) {
            if (box->nodes[id].busy) continue;
            if (!box->nodes[id].stalled && box_persist(box, id)) moves = true;
            if (box_fetch(box, id)) moves = true;
            if (box_install(box, id)) moves = true;
        }
    }
}

struct bytes box_body(const struct box *box, uint32_t id, uint64_t index) {
    const struct box_node *node = &box->nodes[id];
    struct entry entry;
    if (node->raft != NULL && raft_entry_at(node->raft, index, &entry)) {
        return entry_body(entry.image);
    }
    if (index > node->base.index && index <= disk_last_index(node))
        return entry_body(node->log[index - node->base.index - 1].image);
    return (struct bytes){0};
}
