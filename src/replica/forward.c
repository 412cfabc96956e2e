/* forward.c: batches on their way into the log, exactly once (SAFETY 17, 18).
 *
 * The origin seals a batch only when it knows a leader it can reach, numbers it, and keeps it in
 * its window until it has applied it: nothing else tells it what became of it. Whenever that is in
 * doubt (another leader, a new link, silence) it sends the window again, byte for byte. The leader
 * appends a batch only if its number follows the last one of that origin in its log, uncommitted
 * tail included; the state machine applies it only if it follows the last applied one.
 *
 * A batch without an outcome for long is given up: from then on an empty one is sent under its
 * number. Two contents then exist for one number, but every log holds a number of an origin once,
 * so whichever is applied decides for good. All batches behind it are given up with it: a client's
 * later writes shall not take effect without its earlier ones. */
#include "base/hash.h"
#include "base/memory.h"
#include "base/table.h"
#include "src/replica/replica_internal.h"

enum {
    ORIGIN_RETRY_US = 200 * 1000,
    EXPECT_RETRY_US = 200 * 1000, /* for one gap the window is not sent more often */
    SEAL_LARGE_BYTES = 64 * 1024, /* a batch of this size goes at once */
    SEAL_SMALL_WINDOW = 1,        /* smaller ones only while fewer than these are on their way */
    /* With what one client may hold beside it, an entry still fits a frame between peers. */
    OPEN_BATCH_FULL_BYTES = 256 << 20,
    SEAL_GATHER_US = 200, /* and so long after their first command at the latest */
    FULL_BODY_SIZE = 9,
    /* What is left of a larger chunk is not filled: the small batches in it would keep all of it.
     */
    CHUNK_REUSED_MAX = 4 * CHUNK_SIZE,
};

/* --- packets -----------------------------------------------------------------------------------
 */

struct replica_packet *packet_create(uint32_t to, bool bulk, enum packet_kind kind) {
    struct replica_packet *packet = memory_allocate_zeroed(sizeof(struct replica_packet));
    packet->to = to;
    packet->bulk = bulk;
    buffer_append_byte(&packet->head, (char)kind);
    return packet;
}

void packet_add_span(struct replica_packet *packet, struct bytes span, struct chunk *chunk) {
    uint32_t count = packet->span_count + 1;
    packet->spans = memory_resize(packet->spans, count * sizeof(struct bytes));
    packet->chunks = memory_resize(packet->chunks, count * sizeof(struct chunk *));
    packet->spans[packet->span_count] = span;
    packet->chunks[packet->span_count] = chunk_hold(chunk);
    packet->span_count = count;
}

void replica_packet_destroy(struct replica_packet *packet) {
    if (packet == NULL) return;
    for (uint32_t i = 0; i < packet->span_count; i++)
        chunk_release(packet->chunks[i]);
    memory_release(packet->spans);
    memory_release(packet->chunks);
    buffer_clear(&packet->head);
    memory_release(packet);
}

/* --- the origin's side -------------------------------------------------------------------------
 */

struct batch *replica_open_batch(struct replica *replica) {
    if (replica->open == NULL) {
        replica->open = batch_create(replica->chunk, replica->now.now_us);
    }
    return replica->open;
}

/* Leadership is about to change hands: what were proposed now would put off the moment at which the
 * next leader has everything. */
static bool is_handing_over(const struct replica *replica) {
    return raft_transfer_target(replica->raft) != 0;
}

enum replica_obstacle replica_obstacle(const struct replica *replica) {
    if (replica->origin == 0 || replica->known_leader == 0) return OBSTACLE_NO_LEADER;
    if (replica->leading)
        return journal_is_full(replica->journal) ? OBSTACLE_NO_ROOM : OBSTACLE_NONE;
    if (!replica->link_up[replica->known_leader]) return OBSTACLE_NO_LEADER;
    if (journal_is_exhausted(replica->journal)) return OBSTACLE_NO_ROOM; /* It falls behind. */
    return replica->now.now_us < replica->leader_full_until_us ? OBSTACLE_NO_ROOM : OBSTACLE_NONE;
}

bool replica_can_seal(const struct replica *replica) {
    return !replica->stopping && replica->window_count < replica->config.inflight_batches_max &&
           replica_obstacle(replica) == OBSTACLE_NONE &&
           !(replica->leading && is_handing_over(replica));
}

const char *replica_no_room_text(const struct replica *replica) {
    bool is_own = replica->leading || journal_is_exhausted(replica->journal);
    return is_own ? "MISCONF Errors writing to the log: no space left on the disk: not executed"
                  : "MISCONF Errors writing to the log: no space left on the leader's disk: not "
                    "executed";
}

const char *replica_write_refusal(const struct replica *replica) {
    if (replica->state != REPLICA_RUNNING || replica_obstacle(replica) != OBSTACLE_NO_ROOM)
        return NULL;
    bool refuses = replica->leading
                       ? replica->nobody_has_room
                       : replica->leader_refuses || journal_is_exhausted(replica->journal);
    return refuses ? replica_no_room_text(replica) : NULL;
}

/* Large groups win (gather.h). So a small batch waits until the batch before it is applied, then
 * until those who are expected have come; or, if nobody knows, until the sockets have nothing more
 * to give (one more turn, which does not block). */
static bool open_batch_may_go(const struct replica *replica) {
    if (replica->open == NULL || replica->open->count == 0 || !replica_can_seal(replica)) {
        return false;
    }
    return replica->window_count < SEAL_SMALL_WINDOW ||
           replica->open->body_size >= SEAL_LARGE_BYTES;
}

bool replica_wants_to_seal(const struct replica *replica) {
    if (!open_batch_may_go(replica)) return false;
    const struct batch *open = replica->open;
    if (open->body_size >= SEAL_LARGE_BYTES) return true;
    switch (gather_judge(&replica->gather, open->count, replica->now.now_us)) {
    case GATHER_COMPLETE:
        return true;
    case GATHER_WAITS:
        return false;
    case GATHER_UNSURE:
        break;
    }
    return !replica->turn_had_input || replica->now.now_us - open->opened_us >= SEAL_GATHER_US;
}

uint64_t replica_seal_deadline_us(const struct replica *replica) {
    if (!open_batch_may_go(replica)) return UINT64_MAX;
    bool waits =
        gather_judge(&replica->gather, replica->open->count, replica->now.now_us) == GATHER_WAITS &&
        replica->open->body_size < SEAL_LARGE_BYTES;
    return waits ? replica->gather.until_us : 0;
}

bool replica_is_full(const struct replica *replica) {
    size_t bytes = replica->window_bytes + replica->waiting_bytes;
    if (replica->open != NULL) bytes += replica->open->body_size;
    return bytes >= replica->config.inflight_bytes_max ||
           (replica->open != NULL && replica->open->body_size >= OPEN_BATCH_FULL_BYTES) ||
           (replica->window_count >= replica->config.inflight_batches_max &&
            replica->open != NULL && replica->open->body_size >= CHUNK_SIZE / 4);
}

/* Appends an image to the own log; the chunk reference passes on. */
static void propose(struct replica *replica, struct chunk *chunk, char *image) {
    store_u64(image + 40, random_next(&replica->random)); /* the entry's seed */
    struct raft_event event = {
        .type = RAFT_EVENT_PROPOSE,
        .stamp_ms = replica_present_ms(replica),
        .entry = {.chunk = chunk, .image = image},
    };
    replica_raft_step(replica, &event);
}

/* What is sent under the batch's number now. */
static struct bytes batch_image(const struct batch *batch) {
    if (batch->instead != NULL) return bytes_of(batch->instead->data, ENTRY_HEADER_SIZE);
    return bytes_of(batch->image, ENTRY_HEADER_SIZE + batch->body_size);
}

/* The image may stand in the log (and be on its way to the disk) from an earlier term: then a copy
 * of it is proposed. */
static void propose_own(struct replica *replica, struct batch *batch) {
    if (journal_is_full(replica->journal) && batch->instead == NULL) {
        replica->waits_for_room = true; /* The reserve is for what must be in the log. */
        return;
    }
    struct origin *origin = origins_find(&replica->tail_origins, replica->origin);
    if (origin == NULL || batch->number != origin->last + 1) {
        replica->statistics.batches_duplicate++;
        return;
    }
    origin->last = batch->number;
    if (!batch->header_used && batch->instead == NULL) {
        batch->header_used = true;
        propose(replica, chunk_hold(batch->chunk), batch->image);
        return;
    }
    struct bytes image = batch_image(batch);
    struct chunk *copy = chunk_create(image.size);
    memcpy(copy->data, image.data, image.size);
    copy->used = image.size;
    propose(replica, copy, copy->data);
}

static void send_batch(struct replica *replica, struct batch *batch) {
    batch->sent_us = replica->now.now_us;
    if (replica->leading) {
        propose_own(replica, batch);
        return;
    }
    struct replica_packet *packet = packet_create(replica->known_leader, true, PACKET_FORWARD);
    static const char zeros[PACKET_FORWARD_HEAD - 1];
    buffer_append(&packet->head, zeros, sizeof(zeros));
    struct bytes image = batch_image(batch);
    buffer_append(&packet->head, image.data, ENTRY_HEADER_SIZE);
    if (image.size > ENTRY_HEADER_SIZE) {
        packet_add_span(packet, bytes_slice(image, ENTRY_HEADER_SIZE, SIZE_MAX), batch->chunk);
    }
    replica_send(replica, packet, 0);
}

/* Its writes are no longer the open batch's: reads that come now need an index of their own, and
 * subscribers may be known to the cluster. */
static void release_attachments(struct batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++) {
        struct session *session = batch->slots[i].session;
        if (session == NULL) continue;
        session->subscribed_sealed |= session->subscribed_ever;
        if (session->unsealed_writes == 0) continue;
        session->unsealed_writes = 0;
        for (uint32_t k = session->pending_count; k-- > 0;) {
            struct pending *pending =
                &session->pending[(session->pending_first + k) & (session->pending_capacity - 1)];
            if (pending->kind != PENDING_WRITE) continue;
            if (!pending->unsealed) break;
            pending->unsealed = false;
        }
    }
}

void replica_seal(struct replica *replica) {
    struct batch *batch = replica->open;
    if (batch == NULL) return;
    if (batch->count == 0) return;
    replica->open = NULL;
    gather_note_sealed(&replica->gather, batch->count, batch->opened_us);
    release_attachments(batch);
    batch_seal(batch, replica->origin, replica->next_number++, replica->now.now_us);
    if (batch->chunk != replica->chunk && batch->chunk->capacity <= CHUNK_REUSED_MAX) {
        chunk_release(replica->chunk);
        replica->chunk = chunk_hold(batch->chunk);
    }
    batch->next = NULL;
    if (replica->window_last == NULL) {
        replica->window_first = batch;
    } else {
        replica->window_last->next = batch;
    }
    replica->window_last = batch;
    replica->window_count++;
    replica->window_bytes += batch->body_size;
    replica->statistics.batches_sealed++;
    send_batch(replica, batch);
}

void replica_resend(struct replica *replica, uint64_t from_number) {
    if (replica->known_leader == 0 || replica->origin == 0) return;
    if (!replica->leading && !replica->link_up[replica->known_leader]) return;
    struct batch *next;
    for (struct batch *batch = replica->window_first; batch != NULL; batch = next) {
        next = batch->next;
        if (batch->number < from_number) continue;
        uint64_t number = batch->number;
        replica->statistics.batches_resent++;
        send_batch(replica, batch);
        /* A cluster of one may have committed and applied it within that call; and a leader that
         * has left may have stepped down. */
        if (replica->window_first == NULL || replica->known_leader == 0) break;
        if (replica->window_first->number > number) next = replica->window_first;
    }
}

void replica_expect(struct replica *replica, uint64_t number) {
    bool again = number == replica->expected_number &&
                 replica->now.now_us - replica->expected_us < EXPECT_RETRY_US;
    if (again) return; /* Every batch behind a gap is answered so. */
    replica->expected_number = number;
    replica->expected_us = replica->now.now_us;
    replica_resend(replica, number);
}

void replica_ask_for_origin(struct replica *replica) {
    bool is_wanted = replica->origin == 0 && !replica->is_removed && !replica->stopping;
    if (!is_wanted || replica->known_leader == 0) return;
    if (replica->origin_asked_us != 0 &&
        replica->now.now_us - replica->origin_asked_us < ORIGIN_RETRY_US) {
        return;
    }
    replica->origin_asked_us = replica->now.now_us;
    struct origin origin = {
        .uuid = {replica->config.node_uuid[0], replica->config.node_uuid[1]},
        .nonce = replica->nonce,
        .node = replica->config.raft.id,
    };
    char body[ORIGIN_BODY_SIZE];
    origin_body_write(body, &origin);
    if (replica->leading) {
        enum error error =
            replica_accept_origin(replica, origin.node, bytes_of(body, sizeof(body)));
        CHECK(error == ERROR_NONE);
        return;
    }
    struct replica_packet *packet = packet_create(replica->known_leader, true, PACKET_ORIGIN);
    buffer_append(&packet->head, body, sizeof(body));
    replica_send(replica, packet, 0);
}

static void fail_pending_unsealed(struct replica *replica, struct session *session,
                                  enum pending_kind kind) {
    bool behind_unsealed = false;
    for (uint32_t i = 0; i < session->pending_count; i++) {
        struct pending *pending =
            &session->pending[(session->pending_first + i) & (session->pending_capacity - 1)];
        if (pending->kind == PENDING_WRITE && pending->unsealed) {
            pending->kind = (uint8_t)kind;
            behind_unsealed = true;
        } else if (pending->kind == PENDING_READ && pending->attached && behind_unsealed) {
            pending->kind = (uint8_t)kind;
        }
    }
    session->unsealed_writes = 0;
    session_pump(replica, session);
}

/* What tells the cluster that clients went away must not be lost with its batch. */
static void keep_farewells(struct replica *replica, const struct batch *batch) {
    struct bytes body = bytes_of(batch->image + ENTRY_HEADER_SIZE, batch->body_size);
    while (body.size > 0) {
        struct command_record record;
        enum error error = command_record_read(body, &record);
        CHECK(error == ERROR_NONE);
        if (record.id == RECORD_CLIENT_GONE && (record.flags & RECORD_OWED)) {
            batch_append(replica_open_batch(replica), &record, NULL, NULL);
        }
        body = bytes_slice(body, record.size, SIZE_MAX);
    }
}

void replica_fail_unsealed(struct replica *replica) {
    struct batch *batch = replica->open;
    if (batch == NULL) return;
    replica->open = NULL;
    bool no_room = replica_obstacle(replica) == OBSTACLE_NO_ROOM;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct session *session = batch->slots[i].session;
        if (session == NULL) continue;
        if (!session->closed) {
            fail_pending_unsealed(replica, session,
                                  no_room ? PENDING_NO_ROOM : PENDING_CLUSTERDOWN);
            session_end_subscriber(replica, session);
        }
        session_let_go(session);
    }
    keep_farewells(replica, batch);
    batch_destroy(batch);
}

static void refuse_slots(struct replica *replica, struct batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++) {
        struct session *session = batch->slots[i].session;
        if (session == NULL) continue;
        batch->slots[i].session = NULL;
        /* With nothing pending it was told -UNKNOWN about an earlier write, and ends. */
        if (!session->closed && session->pending_count > 0)
            session_refuse_write(replica, session,
                                 batch->found_no_room ? PENDING_NO_ROOM : PENDING_GIVEN_UP);
        session_let_go(session);
    }
}

void replica_revoked(struct replica *replica, struct batch *batch) {
    CHECK(batch->instead != NULL);
    replica->statistics.batches_revoked++;
    refuse_slots(replica, batch);
    keep_farewells(replica, batch);
}

static void give_up(struct replica *replica, struct batch *batch) {
    batch_give_up(batch);
    batch->found_no_room = replica_obstacle(replica) == OBSTACLE_NO_ROOM;
    replica->statistics.batches_given_up++;
    if (replica->config.planted & REPLICA_PLANTED_REFUSE_EARLY) refuse_slots(replica, batch);
}

void replica_give_up_sealed(struct replica *replica, uint64_t wait_us) {
    struct batch *batch = replica->window_first;
    while (batch != NULL && batch->instead != NULL)
        batch = batch->next;
    if (batch == NULL || replica->now.now_us - batch->sealed_us < wait_us) return;
    for (; batch != NULL; batch = batch->next)
        give_up(replica, batch);
    replica_resend(replica, 0);
}

/* The entry that closes the origin may be old, and with it the state: no read runs here that was to
 * run beside one of these writes. */
static void refuse_waiting(struct replica *replica, struct session *session) {
    for (uint32_t i = 0; i < session->pending_count; i++) {
        struct pending *pending =
            &session->pending[(session->pending_first + i) & (session->pending_capacity - 1)];
        if (pending->unsealed) break;
        if (pending->kind == PENDING_READ && !pending->attached) session->indexed_reads--;
        bool waits = pending->kind == PENDING_READ || pending->kind == PENDING_WRITE;
        if (waits) pending->kind = PENDING_CLUSTERDOWN;
    }
    session_end_subscriber(replica, session);
    session_pump(replica, session);
}

static void refuse_closed(struct replica *replica, struct batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++) {
        struct session *session = batch->slots[i].session;
        if (session == NULL) continue;
        batch->slots[i].session = NULL;
        if (!session->closed) refuse_waiting(replica, session);
        session_let_go(session);
    }
}

/* All batches that are left are behind the last one that was applied. */
void replica_origin_closed(struct replica *replica, uint64_t last) {
    replica->origin = 0;
    replica->origin_asked_us = 0;
    while (replica->window_first != NULL) {
        struct batch *batch = replica->window_first;
        CHECK(batch->number > last);
        refuse_closed(replica, batch);
        replica->window_first = batch->next;
        replica->window_count--;
        replica->window_bytes -= batch->body_size;
        replica->statistics.batches_revoked++;
        batch_destroy(batch);
    }
    replica->window_last = NULL;
}

#define UNKNOWN_IN_TIME                                                                            \
    "UNKNOWN the cluster did not answer in time: this write may or may not have been executed"
#define UNKNOWN_SKIPPED                                                                            \
    "UNKNOWN this node has skipped a part of the log by a snapshot: this write may or may not "    \
    "have "                                                                                        \
    "been executed"

static void tell_unknown(struct replica *replica, struct session *session, const char *text) {
    /* With nothing pending it was told already. One that ends after its output is told as well:
     * its later writes would be answered in the place of this one. */
    if (session->closed || session->pending_count == 0) return;
    session_cancel_unsealed(replica, session);
    session_clear_pending(replica, session);
    struct reply reply = {.out = &session->output,
                          .protocol = session->protocol,
                          .error_counts = &replica->error_counts};
    reply_error(&reply, text);
    session->ending = SESSION_ENDS_AFTER_OUTPUT;
    replica->statistics.unknown_replies++;
    session_mark_dirty(replica, session);
}

/* The outcome cannot be learnt within the bound: "unknown" carries no code that a client retries by
 * itself, and the connection ends. The batches stay in the window. */
void replica_fail_sealed(struct replica *replica, uint64_t wait_us) {
    for (struct batch *batch = replica->window_first; batch != NULL; batch = batch->next) {
        if (replica->now.now_us - batch->sealed_us < wait_us) return;
        if (batch->unknown) continue;
        batch->unknown = true;
        for (uint32_t i = 0; i < batch->count; i++) {
            struct session *session = batch->slots[i].session;
            if (session == NULL) continue;
            batch->slots[i].session = NULL;
            tell_unknown(replica, session, UNKNOWN_IN_TIME);
            session_let_go(session);
        }
    }
}

static void drop_first(struct replica *replica) {
    struct batch *batch = replica->window_first;
    if (replica->config.planted & REPLICA_PLANTED_DENY_INSTALLED) refuse_slots(replica, batch);
    for (uint32_t i = 0; i < batch->count; i++) {
        struct session *session = batch->slots[i].session;
        if (session == NULL) continue;
        tell_unknown(replica, session, UNKNOWN_SKIPPED);
        session_let_go(session);
    }
    replica->window_first = batch->next;
    replica->window_count--;
    replica->window_bytes -= batch->body_size;
    batch_destroy(batch);
}

/* The cluster knows the subscribers of the origin that ends; they begin anew under the next one. */
void replica_renew_origin(struct replica *replica) {
    while (replica->window_first != NULL)
        drop_first(replica);
    replica->window_last = NULL;
    for (uint32_t i = 0; i < table_size(replica->sessions); i++)
        session_end_subscriber(replica, table_at(replica->sessions, i));
    replica->origin = 0;
    replica->nonce = random_next(&replica->random);
    replica->next_number = 1;
    replica->expected_number = 0;
    replica->origin_asked_us = 0;
}

/* --- the leader's side -------------------------------------------------------------------------
 */

static void note_tail_members(struct replica *replica, const char *image) {
    struct members members;
    enum error error = members_decode(entry_body(image), &members);
    CHECK(error == ERROR_NONE); /* entry_validate() has been there. */
    if (!members.joint) origins_close_former(&replica->tail_origins, &members, NULL, NULL);
}

static void note_tail_entry(struct replica *replica, const char *image) {
    if (entry_type(image) == ENTRY_CONFIG) note_tail_members(replica, image);
    if (entry_type(image) != ENTRY_DATA) return;
    struct entry_header header;
    entry_header_read(image, &header);
    uint8_t kind = header.flags & 0xff;
    if (kind == REPLICA_ENTRY_BATCH) {
        struct origin *origin = origins_find(&replica->tail_origins, header.origin);
        if (origin != NULL && header.number == origin->last + 1) origin->last = header.number;
    } else if (kind == REPLICA_ENTRY_ORIGIN) {
        struct origin origin;
        if (!origin_body_read(entry_body(image), &origin)) return;
        origin.id = header.index;
        (void)origins_open(&replica->tail_origins, origin, NULL, NULL);
    } else if (kind == REPLICA_ENTRY_TICK) {
        replica->tick_index = header.index;
    }
}

void replica_begin_leading(struct replica *replica) {
    origins_copy(&replica->tail_origins, &replica->origins);
    replica->tick_index = replica->verify_proposed = 0;
    uint64_t last = raft_last_index(replica->raft);
    for (uint64_t index = replica->applied_index + 1; index <= last; index++) {
        struct entry entry;
        bool present = raft_entry_at(replica->raft, index, &entry);
        CHECK(present); /* What is not applied stays in memory. */
        note_tail_entry(replica, entry.image);
    }
}

static void send_expect(struct replica *replica, uint32_t to, uint64_t origin, uint64_t number) {
    struct replica_packet *packet = packet_create(to, true, PACKET_EXPECT);
    buffer_append_u64(&packet->head, origin);
    buffer_append_u64(&packet->head, number);
    replica_send(replica, packet, 0);
}

enum error replica_accept_forward(struct replica *replica, uint32_t from, struct bytes packet,
                                  struct chunk *chunk) {
    if (packet.size < PACKET_FORWARD_HEAD + ENTRY_HEADER_SIZE) return ERROR_TRUNCATED;
    char *image = chunk->data + (packet.data - chunk->data) + PACKET_FORWARD_HEAD;
    enum error error = entry_validate(bytes_of(image, packet.size - PACKET_FORWARD_HEAD));
    if (error != ERROR_NONE) return error;
    struct entry_header header;
    entry_header_read(image, &header);
    if (header.type != ENTRY_DATA || header.flags != REPLICA_ENTRY_BATCH) return ERROR_MALFORMED;
    if (header.semantics != 1) return ERROR_VERSION;
    if (!replica->leading) return ERROR_NONE; /* The origin sends it again when it knows better. */
    /* For the empty batch of one that waited for room in vain, the reserve is there. */
    bool has_no_room = journal_is_full(replica->journal) && header.count > 0;
    if (is_handing_over(replica) || has_no_room) {
        replica->turned_away |= 1u << from;
        return ERROR_NONE;
    }

    struct origin *origin = origins_find(&replica->tail_origins, header.origin);
    if (origin == NULL || origin->node != from) return ERROR_NONE; /* closed */
    bool twice = replica->config.planted & REPLICA_PLANTED_APPLY_TWICE;
    if (header.number <= origin->last && !twice) {
        replica->statistics.batches_duplicate++;
        return ERROR_NONE;
    }
    if (header.number > origin->last + 1) {
        send_expect(replica, from, origin->id, origin->last + 1);
        return ERROR_NONE;
    }
    /* What stands in the log is applied by every node: a bad batch stops here. */
    error = batch_validate(entry_body(image), header.count, replica->config.registry);
    if (error != ERROR_NONE) return error;
    origin->last = header.number;
    propose(replica, chunk_hold(chunk), image);
    return ERROR_NONE;
}

void replica_call_back(struct replica *replica) {
    if (is_handing_over(replica) || journal_is_full(replica->journal)) return;
    for (uint32_t i = 0; i < replica->tail_origins.count && replica->leading; i++) {
        const struct origin *origin = &replica->tail_origins.at[i];
        if ((replica->turned_away & 1u << origin->node) != 0)
            send_expect(replica, origin->node, origin->id, origin->last + 1);
    }
    replica->turned_away = 0;
}

static void propose_small(struct replica *replica, enum replica_entry_kind kind,
                          struct bytes body) {
    struct chunk *chunk = chunk_create(ENTRY_HEADER_SIZE + body.size);
    chunk->used = ENTRY_HEADER_SIZE + body.size;
    struct entry_header header = {
        .format = ENTRY_FORMAT,
        .type = ENTRY_DATA,
        .semantics = 1,
        .flags = kind,
        .body_size = (uint32_t)body.size,
        .body_hash = hash_bytes(body, 0),
    };
    entry_header_write(chunk->data, &header);
    if (body.size > 0) memcpy(chunk->data + ENTRY_HEADER_SIZE, body.data, body.size);
    propose(replica, chunk, chunk->data);
}

enum error replica_accept_origin(struct replica *replica, uint32_t from, struct bytes body) {
    struct origin origin;
    if (!origin_body_read(body, &origin)) return ERROR_MALFORMED;
    if (origin.node != from) return ERROR_FOREIGN;
    /* A node that was removed, or has lost its directory, opens none. */
    bool is_member = origin_is_of_a_member(&origin, raft_members(replica->raft));
    if (!replica->leading || !is_member) return ERROR_NONE;
    if (origins_find_boot(&replica->tail_origins, origin.uuid, origin.nonce) != NULL) {
        return ERROR_NONE; /* on its way */
    }
    origin.id = raft_last_index(replica->raft) + 1;
    (void)origins_open(&replica->tail_origins, origin, NULL, NULL);
    propose_small(replica, REPLICA_ENTRY_ORIGIN, body);
    return ERROR_NONE;
}

void replica_propose_tick(struct replica *replica) {
    if (!replica->leading || replica->tick_index > replica->applied_index) return;
    replica->tick_index = raft_last_index(replica->raft) + 1;
    replica->statistics.ticks_proposed++;
    propose_small(replica, REPLICA_ENTRY_TICK, (struct bytes){0});
}

uint64_t replica_propose_verify(struct replica *replica) {
    CHECK(replica->leading);
    bool is_open =
        replica->verify_phase != VERIFY_NONE || replica->verify_proposed > replica->applied_index;
    if (is_open) {
        return replica->verify_proposed > replica->applied_index ? replica->verify_proposed
                                                                 : replica->verify_index;
    }
    if (journal_is_full(replica->journal)) return 0;
    replica->verify_proposed = raft_last_index(replica->raft) + 1;
    uint64_t index = replica->verify_proposed;
    propose_small(replica, REPLICA_ENTRY_VERIFY, (struct bytes){0});
    return index;
}

/* --- a full disk -------------------------------------------------------------------------------
 *
 * A leader whose disk is full hands over to a voter with room (the core does that); meanwhile
 * nothing new is sealed. Only where nobody has room are clients refused. */

static bool has_successor(const struct replica *replica) {
    struct raft_peer_status peers[RAFT_NODES_MAX];
    uint32_t count = raft_peers(replica->raft, peers, RAFT_NODES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        const struct raft_peer_status *peer = &peers[i];
        bool is_reachable =
            replica->now.now_us - peer->last_contact_us < replica->config.raft.election_us;
        if (peer->standing == RAFT_VOTER && peer->unfit == 0 && is_reachable) return true;
    }
    return false;
}

void replica_tend_full(struct replica *replica) {
    const struct members *members = raft_members(replica->raft);
    bool is_full = replica->leading && journal_is_full(replica->journal);
    replica->nobody_has_room = is_full && !has_successor(replica);
    uint64_t since_us = replica->now.now_us - replica->full_told_us;
    if (!is_full || since_us < replica->config.raft.heartbeat_us) return;
    replica->full_told_us = replica->now.now_us;
    for (uint32_t i = 0; i < members->count; i++) {
        if (members->at[i].id == replica->config.raft.id) continue;
        struct replica_packet *packet = packet_create(members->at[i].id, true, PACKET_FULL);
        buffer_append_u64(&packet->head, replica->leading_term);
        buffer_append_byte(&packet->head, replica->nobody_has_room);
        replica_send(replica, packet, 0);
    }
}

/* It is told again and again while it is so: what is not, is over. */
enum error replica_receive_full(struct replica *replica, uint32_t from, struct bytes body) {
    if (body.size != FULL_BODY_SIZE || (uint8_t)body.data[8] > 1) return ERROR_MALFORMED;
    if (from != replica->known_leader || load_u64(body.data) != replica->known_term)
        return ERROR_NONE;
    replica->leader_full_until_us = replica->now.now_us + replica->config.raft.election_us;
    replica->leader_refuses = body.data[8] == 1;
    return ERROR_NONE;
}
