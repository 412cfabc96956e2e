/* apply.c: committed entries become state, and on the node they came from, replies.
 *
 * One path on every node: a command that nobody waits for writes its reply to nowhere. */
#include "base/hash.h"
#include "base/memory.h"
#include "base/table.h"
#include "src/replica/replica_internal.h"
#include "storages/emitter.h"

/* Keys that one entry may expire: the rest waits for the next entry. */
enum { EXPIRED_BY_BATCH = 64, EXPIRED_BY_TICK = 4096, FREED_BY_ENTRY = 4096 };

/* The keys of the records ahead: while one command runs, the memory that the next ones will touch
 * is on its way, in stages of AHEAD_STEP records each: three for the key and, if the command names
 * an element of its value, three more for that. */
enum { AHEAD_STEP = 3, AHEAD_STAGES = 6, AHEAD_SIZE = 32 };
_Static_assert(AHEAD_SIZE > AHEAD_STEP * AHEAD_STAGES, "the ring holds all stages");

struct ahead_key {
    uint64_t hash, element_hash;
    uint8_t db;
    bool present, has_element;
};

struct ahead {
    struct ahead_key keys[AHEAD_SIZE]; /* of record n at n % AHEAD_SIZE */
    struct bytes rest;                 /* records not yet looked at */
    uint32_t next;                     /* the number of the first of them */
};

/* What one batch's apply carries from command to command. */
struct apply {
    struct replica *replica;
    struct entry_header header;
    struct batch *own; /* the window's first, when it is this one; else NULL */
    uint32_t ordinal;  /* of the record */
    uint64_t began_ns; /* the observer's clock, if nothing was done since the last command */
    /* Inside a group: */
    uint32_t group_left;
    struct session *group_session;
    struct reply group_reply;
    uint64_t group_began_ns;
    struct buffer group_pushes; /* messages for the group's own client: behind its reply */
};

/* --- deliveries --------------------------------------------------------------------------------
 */

static struct session *session_by_id(const struct replica *replica, uint64_t id) {
    return table_get(replica->sessions, bytes_of(&id, sizeof(id)));
}

/* Messages for the clients of this node leave in the order of the log, and never inside of a
 * group's reply. */
static void deliver(struct apply *apply) {
    struct replica *replica = apply->replica;
    struct emitter *emitter = storages_emitter(replica->storages);
    struct emitter_delivery delivery;
    while (emitter_next_delivery(emitter, &delivery)) {
        if (delivery.origin != replica->origin) continue;
        struct session *session = session_by_id(replica, delivery.client);
        if (session == NULL || session->closed) continue;
        bool is_slow = session->output.size > 0;
        if (is_slow && (replica->config.planted & REPLICA_PLANTED_DROP_NEWS)) continue;
        struct buffer *out =
            session == apply->group_session ? &apply->group_pushes : &session->output;
        struct reply reply = {.out = out, .protocol = session->protocol};
        emitter_reply_delivery(&reply, &delivery);
        session_mark_dirty(replica, session);
    }
}

/* --- one command -------------------------------------------------------------------------------
 */

/* The same on every node. */
static uint64_t seed_of(struct apply *apply) {
    struct replica *replica = apply->replica;
    if (UNLIKELY(replica->config.planted & REPLICA_PLANTED_LOCAL_SEED))
        return random_next(&replica->random);
    return hash_chain(apply->header.seed, apply->ordinal);
}

/* `session`: of the client that waits for the reply, or NULL. */
static void run_record(struct apply *apply, const struct command_record *record,
                       const struct command *command, struct session *session, struct reply *reply,
                       bool in_group) {
    struct replica *replica = apply->replica;
    struct bytes *args = replica_args(replica, record->count);
    args[0] = bytes_of_text(command->name);
    command_record_arguments(record, args + 1);
    struct command_call call = {
        .command = command,
        .storages = replica->storages,
        .args = args,
        .count = record->count + 1,
        .db = record->db,
        .reply = reply,
        .now_ms = storages_now_ms(replica->storages),
        .seed = seed_of(apply),
        .origin = apply->header.origin,
        .client = record->client,
        .in_group = in_group,
        .registry = replica->config.registry,
    };
    uint32_t errors_before = reply->errors;
    if (session != NULL && apply->began_ns == 0) apply->began_ns = observe_begin(replica);
    storages_run(&call);
    replica->statistics.commands_applied++;
    if (command->flags & COMMAND_PUBSUB) deliver(apply);
    if (session == NULL) {
        apply->began_ns = 0;
        return;
    }
    struct replica_observed observed = {.command = command,
                                        .args = args,
                                        .count = call.count,
                                        .db = call.db,
                                        .errors = reply->errors - errors_before};
    replica_observe(replica, session, &observed, &apply->began_ns);
}

/* EXEC has done all of its commands. */
static void observe_exec(struct apply *apply) {
    struct replica *replica = apply->replica;
    const struct bytes args[] = {BYTES("exec")};
    struct replica_observed observed = {.command = command_find(replica->config.registry, args[0]),
                                        .args = args,
                                        .count = COUNT_OF(args),
                                        .db = apply->group_session->db};
    replica_observe(replica, apply->group_session, &observed, &apply->group_began_ns);
    apply->began_ns = 0;
}

static void apply_in_group(struct apply *apply, const struct command_record *record) {
    struct replica *replica = apply->replica;
    apply->group_left--;
    struct reply *reply = &apply->group_reply;
    if (record->id == RECORD_CANCELLED) {
        /* The whole group is: its client is gone. */
    } else if (record->id == RECORD_LITERAL) {
        if (reply->out != NULL) {
            struct bytes literal;
            command_record_arguments(record, &literal);
            buffer_append_bytes(reply->out, literal);
        }
    } else {
        const struct command *command = command_by_id(replica->config.registry, record->id);
        /* A read of the group concerns its own client only. */
        if (command->place == COMMAND_LOG || reply->out != NULL) {
            reply->protocol = record->flags & RECORD_PROTOCOL; /* a HELLO of the group changes it */
            run_record(apply, record, command, apply->group_session, reply, true);
        }
    }
    if (apply->group_left > 0) return;
    storages_unit_end(replica->storages);
    if (apply->group_session != NULL) {
        replica->statistics.error_replies += reply->errors;
        buffer_append_bytes(&apply->group_session->output, buffer_bytes(&apply->group_pushes));
        buffer_clear(&apply->group_pushes);
        observe_exec(apply);
        session_pump(replica, apply->group_session);
        session_let_go(apply->group_session);
        apply->group_session = NULL;
    }
}

/* The session whose client waits for this record, with its FIFO brought up to it. */
static struct session *slot_session(struct apply *apply) {
    if (apply->own == NULL) return NULL;
    CHECK(apply->ordinal < apply->own->count);
    struct session *session = apply->own->slots[apply->ordinal].session;
    if (session == NULL) return NULL;
    apply->own->slots[apply->ordinal].session = NULL;
    /* With nothing pending it was told -UNKNOWN about an earlier write, and ends. */
    if (session->closed || session->pending_count == 0) {
        session_let_go(session);
        return NULL;
    }
    session_pump_to_write(apply->replica, session);
    session_pop_write(apply->replica, session);
    return session;
}

static void fail_malformed(struct replica *replica, const struct entry_header *header) {
    replica_fail(replica, "entry %llu of the log holds a malformed command",
                 (unsigned long long)header->index);
}

static void apply_record(struct apply *apply, const struct command_record *record) {
    struct replica *replica = apply->replica;
    enum error error = command_record_validate(record, replica->config.registry, apply->group_left);
    if (UNLIKELY(error == ERROR_MALFORMED)) { /* No leader takes that from an origin. */
        fail_malformed(replica, &apply->header);
        return;
    }
    if (UNLIKELY(error != ERROR_NONE)) {
        replica_fail(replica,
                     "the log holds command %u, which this version does not know: install the "
                     "version that the other nodes run",
                     record->id);
        return;
    }
    if (apply->group_left > 0) {
        apply_in_group(apply, record);
        return;
    }
    struct session *session = slot_session(apply);
    struct reply reply = {.protocol = record->flags & RECORD_PROTOCOL};
    if (session != NULL) reply.error_counts = &replica->error_counts;
    if (session != NULL && !(record->flags & RECORD_SILENT)) reply.out = &session->output;

    if (record->flags & RECORD_GROUP) {
        if (record->id == RECORD_CANCELLED) return;
        reply_array(&reply, record->count);
        apply->group_left = record->count;
        apply->group_session = session;
        apply->group_reply = reply;
        apply->group_began_ns = session == NULL ? 0 : observe_begin(replica);
        if (session != NULL) session_mark_dirty(replica, session);
        return; /* The session is let go with the group's end. */
    }
    if (record->id == RECORD_CLIENT_GONE) {
        emitter_remove_client(storages_emitter(replica->storages), apply->header.origin,
                              record->client);
    } else if (record->id != RECORD_CANCELLED) {
        run_record(apply, record, command_by_id(replica->config.registry, record->id), session,
                   &reply, false);
    }
    if (session != NULL) {
        replica->statistics.error_replies += reply.errors;
        session_mark_dirty(replica, session);
        if (session->pending_count > 0) apply->began_ns = 0; /* what waits may run now */
        session_pump(replica, session);
        session_let_go(session);
    }
}

/* --- looking ahead -----------------------------------------------------------------------------
 */

/* A guess: most commands have their key first. A wrong one costs nothing but time. */
static void ahead_look(struct replica *replica, struct ahead_key *key, struct bytes bytes) {
    struct command_record record;
    if (command_record_read(bytes, &record) != ERROR_NONE) return; /* The apply will say so. */
    if ((record.flags & RECORD_GROUP) || record.count == 0) return;
    if (record.db >= STORAGES_DATABASES_MAX) return;
    size_t key_size = load_u32(record.sizes);
    key->hash = storages_key_hash(replica->storages, bytes_of(record.bytes, key_size));
    key->db = record.db;
    key->present = true;
    const struct command *command = command_by_id(replica->config.registry, record.id);
    uint32_t element = command == NULL ? 0 : command->element;
    if (element < 2 || element > record.count) return;
    const char *at = record.bytes;
    for (uint32_t i = 0; i + 1 < element; i++)
        at += load_u32(record.sizes + 4 * i);
    struct bytes name = bytes_of(at, load_u32(record.sizes + 4 * (element - 1)));
    key->element_hash = storages_key_hash(replica->storages, name);
    key->has_element = true;
}

static void ahead_take_next(struct replica *replica, struct ahead *ahead) {
    struct ahead_key *key = &ahead->keys[ahead->next++ % AHEAD_SIZE];
    key->present = key->has_element = false;
    if (ahead->rest.size < COMMAND_RECORD_SIZE) return;
    size_t size = load_u32(ahead->rest.data);
    if (size < COMMAND_RECORD_SIZE || size > ahead->rest.size) {
        ahead->rest.size = 0;
        return;
    }
    ahead_look(replica, key, ahead->rest);
    ahead->rest = bytes_slice(ahead->rest, size, SIZE_MAX);
}

/* A key without an element has its three stages last, so that its lines come just in time. */
static void ahead_prefetch(const struct replica *replica, const struct ahead_key *key,
                           unsigned stage) {
    if (!key->present) return;
    if (key->has_element && stage >= 3) {
        storages_prefetch_element(replica->storages, key->db, key->hash, key->element_hash,
                                  stage - 3);
    } else if (key->has_element || stage >= 3) {
        storages_prefetch(replica->storages, key->db, key->hash, stage % 3);
    }
}

/* Called before record `ordinal` runs. */
static void ahead_step(struct replica *replica, struct ahead *ahead, uint32_t ordinal) {
    uint32_t until = ordinal == 0 ? AHEAD_STEP * AHEAD_STAGES : ahead->next;
    do {
        uint32_t number = ahead->next;
        ahead_take_next(replica, ahead);
        for (unsigned stage = 0; stage < AHEAD_STAGES && number >= AHEAD_STEP * stage; stage++)
            ahead_prefetch(replica, &ahead->keys[(number - AHEAD_STEP * stage) % AHEAD_SIZE],
                           stage);
    } while (ahead->next < until);
}

/* --- one entry ---------------------------------------------------------------------------------
 */

/* A round to peers is worth waiting for company; the own disk alone is quicker than that. */
static void note_answered(struct replica *replica, const struct batch *batch) {
    if (raft_members(replica->raft)->count == 1) return;
    struct gather_group answered = {batch->count, batch->body_size}, waiting = {0};
    if (replica->open != NULL)
        waiting = (struct gather_group){replica->open->count, replica->open->body_size};
    gather_note_applied(&replica->gather, answered, waiting, replica->now.now_us);
}

static void window_pop(struct replica *replica) {
    struct batch *batch = replica->window_first;
    note_answered(replica, batch);
    replica->window_first = batch->next;
    if (batch->next == NULL) replica->window_last = NULL;
    replica->window_count--;
    replica->window_bytes -= batch->body_size;
    batch_destroy(batch);
}

static void apply_batch(struct replica *replica, const struct entry_header *header,
                        const char *image) {
    struct origin *origin = origins_find(&replica->origins, header->origin);
    if (origin == NULL) return; /* closed: skipped for ever */
    bool twice =
        (replica->config.planted & REPLICA_PLANTED_APPLY_TWICE) && header->number <= origin->last;
    if (header->number != origin->last + 1 && !twice) return;
    if (!twice) origin->last = header->number;

    struct apply apply = {.replica = replica, .header = *header};
    if (header->origin == replica->origin && replica->origin != 0 && !twice) {
        apply.own = replica->window_first;
        CHECK(apply.own != NULL && apply.own->number == header->number);
        CHECK(apply.own->count == header->count ||
              (header->count == 0 && apply.own->instead != NULL));
    }
    (void)storages_expire(replica->storages, EXPIRED_BY_BATCH);
    storages_mix_digest(replica->storages, header->body_hash);
    struct bytes body = entry_body(image);
    struct ahead ahead = {.rest = body};
    while (body.size > 0 && replica->state != REPLICA_DAMAGED) {
        ahead_step(replica, &ahead, apply.ordinal);
        struct command_record record;
        enum error error = command_record_read(body, &record);
        if (error != ERROR_NONE) {
            fail_malformed(replica, header);
            return;
        }
        apply_record(&apply, &record);
        apply.ordinal++;
        body = bytes_slice(body, record.size, SIZE_MAX);
    }
    if (apply.group_left > 0) fail_malformed(replica, header);
    replica->statistics.batches_applied++;
    if (replica->leading && origin->node != replica->config.raft.id) {
        replica->notify_nodes |= 1u << origin->node;
    }
    if (apply.own == NULL) return;
    if (header->count == 0) replica_revoked(replica, apply.own);
    window_pop(replica);
}

void replica_release_origin(void *context, uint64_t id) {
    struct replica *replica = context;
    emitter_remove_origin(storages_emitter(replica->storages), id);
}

static void apply_origin(struct replica *replica, const struct entry_header *header,
                         const char *image) {
    struct origin origin;
    if (!origin_body_read(entry_body(image), &origin)) return;
    origin.id = header->index;
    if (!origins_open(&replica->origins, origin, replica_release_origin, replica)) return;
    if (replica->leading && origin.node != replica->config.raft.id) {
        replica->notify_nodes |= 1u << origin.node;
    }
    bool is_own = origin.uuid[0] == replica->config.node_uuid[0] &&
                  origin.uuid[1] == replica->config.node_uuid[1];
    if (is_own && origin.nonce == replica->nonce) {
        replica->origin = origin.id;
        replica->next_number = 1;
        replica_follow_stamp(replica, header->stamp_ms, true);
        replica->statistics.origins_opened++;
    } else if (is_own && replica->origin != 0) {
        /* What this node asked for once, before it opened another one, has come late. */
        replica_renew_origin(replica);
    }
}

static void apply_config(struct replica *replica, const char *image) {
    struct members members;
    enum error error = members_decode(entry_body(image), &members);
    CHECK(error == ERROR_NONE); /* entry_validate() has been there. */
    replica_apply_members(replica, &members);
}

static void apply_entry(struct replica *replica, const char *image) {
    struct entry_header header;
    entry_header_read(image, &header);
    CHECK(header.index == replica->applied_index + 1);
    replica->applied_index = header.index;
    replica->applied_term = header.term;
    replica->applied_hash = header.hash;
    replica->statistics.entries_applied++;
    bool is_local = replica->config.planted & REPLICA_PLANTED_LOCAL_CLOCK;
    storages_set_now(replica->storages,
                     (int64_t)(is_local ? replica->now.wall_ms : header.stamp_ms));
    if (replica->origin != 0) replica_follow_stamp(replica, header.stamp_ms, false);
    if (header.type == ENTRY_CONFIG) apply_config(replica, image);
    if (header.type != ENTRY_DATA) return;
    if (header.semantics > 1) {
        replica_fail(replica,
                     "entry %llu needs a newer version of Hamok than this one: this node takes no "
                     "part until that version is started in its place",
                     (unsigned long long)header.index);
        return;
    }
    switch (header.flags & 0xff) {
    case REPLICA_ENTRY_BATCH:
        apply_batch(replica, &header, image);
        break;
    case REPLICA_ENTRY_ORIGIN:
        apply_origin(replica, &header, image);
        break;
    case REPLICA_ENTRY_TICK:
        (void)storages_expire(replica->storages, EXPIRED_BY_TICK);
        break;
    case REPLICA_ENTRY_VERIFY:
        replica_note_verify(replica);
        break;
    default:
        replica_fail(replica, "entry %llu is of a kind that this version does not know",
                     (unsigned long long)header.index);
        return;
    }
    (void)storages_free_some(replica->storages, FREED_BY_ENTRY);
}

void replica_apply_entry(struct replica *replica, const char *image) {
    apply_entry(replica, image);
    replica_snapshots_note_entry(replica, image);
    if (compare_is_due(replica->applied_index)) replica_compare(replica);
}
