/* pending.c: replies leave in the order of the requests.
 *
 * Each session has a FIFO of what its client still waits for. Only writes wait for the log; behind
 * them stand reads (with their encoded arguments in `waiting`), replies that are already written,
 * and local commands. With nothing pending, a reply goes to the output at once and none of this is
 * touched. */
#include "base/memory.h"
#include "base/table.h"
#include "src/replica/arrival.h"
#include "src/replica/replica_internal.h"

/* --- life ------------------------------------------------------------------------------------ */

void session_hold(struct session *session) {
    session->references++;
}

void session_let_go(struct session *session) {
    CHECK(session->references > 0);
    if (--session->references > 0) return;
    CHECK(session->closed);
    request_clear(&session->parser);
    buffer_clear(&session->name);
    buffer_clear(&session->library_name);
    buffer_clear(&session->library_version);
    if (session->arrival != NULL) arrival_end(session);
    buffer_clear(&session->input);
    buffer_clear(&session->output);
    buffer_clear(&session->multi);
    buffer_clear(&session->waiting);
    session_forget_plans(session);
    memory_release(session->pending);
    memory_release(session);
}

void session_mark_dirty(struct replica *replica, struct session *session) {
    if (session->dirty || session->closed) return;
    session->dirty = true;
    session_hold(session);
    session->dirty_next = NULL;
    if (replica->dirty_last == NULL) {
        replica->dirty_first = session;
    } else {
        replica->dirty_last->dirty_next = session;
    }
    replica->dirty_last = session;
}

/* --- the ring -------------------------------------------------------------------------------- */

static struct pending *session_pending_at(struct session *session, uint32_t at) {
    return &session->pending[(session->pending_first + at) & (session->pending_capacity - 1)];
}

static void session_pending_grow(struct session *session) {
    uint32_t capacity = session->pending_capacity == 0 ? 16 : session->pending_capacity * 2;
    struct pending *grown = memory_allocate(capacity * sizeof(struct pending));
    for (uint32_t i = 0; i < session->pending_count; i++) {
        grown[i] = *session_pending_at(session, i);
    }
    memory_release(session->pending);
    session->pending = grown;
    session->pending_capacity = capacity;
    session->pending_first = 0;
}

struct pending *session_push(struct replica *replica, struct session *session,
                             enum pending_kind kind, bool silent) {
    if (session->pending_count == session->pending_capacity) session_pending_grow(session);
    struct pending *pending = session_pending_at(session, session->pending_count++);
    *pending =
        (struct pending){.kind = (uint8_t)kind, .silent = silent, .since_us = replica->now.now_us};
    return pending;
}

void session_wait_with(struct replica *replica, struct session *session, struct pending *pending,
                       const struct command *command, const struct bytes *args, uint32_t count) {
    size_t size = command_record_size(args, count);
    struct command_record fields = {
        .id = command->id,
        .db = session->db,
        .flags = session->protocol,
        .client = session->id,
        .count = count,
    };
    command_record_write(buffer_reserve(&session->waiting, size), &fields, args);
    session->waiting.size += size;
    pending->size = (uint32_t)size;
    replica->waiting_bytes += size;
}

static void session_pop(struct replica *replica, struct session *session) {
    struct pending *pending = session_pending_at(session, 0);
    session->waiting_consumed += pending->size;
    replica->waiting_bytes -= pending->size;
    if (pending->kind == PENDING_READ && !pending->attached) session->indexed_reads--;
    if (pending->waits) session->waiting_locals--;
    session->pending_first = (session->pending_first + 1) & (session->pending_capacity - 1);
    session->pending_count--;
    if (session->waiting_consumed == session->waiting.size) {
        session->waiting.size = 0;
        session->waiting_consumed = 0;
        buffer_trim(&session->waiting);
    } else if (session->waiting_consumed > 65536 &&
               session->waiting_consumed > session->waiting.size / 2) {
        buffer_consume(&session->waiting, session->waiting_consumed);
        session->waiting_consumed = 0;
    }
}

void session_pop_write(struct replica *replica, struct session *session) {
    CHECK(session->pending_count > 0);
    CHECK(session_pending_at(session, 0)->kind == PENDING_WRITE);
    session_pop(replica, session);
}

void session_refuse_write(struct replica *replica, struct session *session,
                          enum pending_kind kind) {
    session_pump_to_write(replica, session);
    session_pending_at(session, 0)->kind = (uint8_t)kind;
    session_end_subscriber(replica, session);
    session_pump(replica, session);
}

void session_end_subscriber(struct replica *replica, struct session *session) {
    if (!session->subscribed_ever || session->ending != SESSION_STAYS) return;
    session->ending = SESSION_ENDS_AFTER_OUTPUT;
    session_mark_dirty(replica, session);
}

void session_clear_pending(struct replica *replica, struct session *session) {
    while (session->pending_count > 0)
        session_pop(replica, session);
    session->unsealed_writes = 0;
}

/* --- running --------------------------------------------------------------------------------- */

bool session_run(struct replica *replica, struct session *session, const struct command *command,
                 const struct bytes *args, uint32_t count, uint8_t db, uint8_t protocol,
                 bool silent, bool may_need_tick, uint64_t waited_us) {
    size_t before = session->output.size;
    struct reply reply = {.out = silent ? NULL : &session->output,
                          .protocol = protocol,
                          .error_counts = &replica->error_counts};
    struct command_call call = {
        .command = command,
        .storages = replica->storages,
        .args = args,
        .count = count,
        .db = db,
        .reply = &reply,
        .now_ms = storages_now_ms(replica->storages),
        .seed = random_next(&replica->random),
        .origin = replica->origin,
        .client = session->id,
        .session = session,
        .waited_us = waited_us,
        .registry = replica->config.registry,
    };
    uint64_t began_ns = observe_begin(replica);
    storages_run(&call);
    CHECK(!call.later || command->waits);
    if (call.later) return false;
    if (may_need_tick && call.deadline_met_ms != 0) {
        uint64_t present =
            replica->leading ? replica_present_ms(replica) : replica->leader_stamp_ms;
        if (call.deadline_met_ms <= (int64_t)present) {
            session->output.size = before;
            replica->tick_wanted = true;
            replica->read_met_deadline = true;
            return false;
        }
    }
    replica->statistics.error_replies += reply.errors;
    session_mark_dirty(replica, session);
    struct replica_observed observed = {
        .command = command, .args = args, .count = count, .db = db, .errors = reply.errors};
    replica_observe(replica, session, &observed, &began_ns);
    return true;
}

/* Runs the encoded command that is first in line. */
static bool session_run_first(struct replica *replica, struct session *session,
                              const struct pending *pending, bool may_need_tick) {
    struct command_record record;
    struct bytes bytes = bytes_of(session->waiting.data + session->waiting_consumed, pending->size);
    enum error error = command_record_read(bytes, &record);
    CHECK(error == ERROR_NONE);
    const struct command *command = command_by_id(replica->config.registry, record.id);
    CHECK(command != NULL);
    /* The scratch for arguments belongs to the apply that we may be inside of. */
    struct bytes on_stack[ARGS_ON_ROW];
    struct bytes *args = on_stack;
    if (record.count + 1 > ARGS_ON_ROW) {
        args = memory_allocate((record.count + 1) * sizeof(struct bytes));
    }
    args[0] = bytes_of_text(command->name);
    command_record_arguments(&record, args + 1);
    bool done = session_run(replica, session, command, args, record.count + 1, record.db,
                            record.flags & RECORD_PROTOCOL, pending->silent, may_need_tick,
                            replica->now.now_us - pending->since_us);
    if (args != on_stack) memory_release(args);
    return done;
}

static const char *why_not_executed(const struct replica *replica, enum pending_kind kind) {
    if (kind == PENDING_NO_ROOM) return replica_no_room_text(replica);
    if (replica->is_removed) return replica_removed_text;
    return kind == PENDING_GIVEN_UP
               ? "CLUSTERDOWN the cluster did not take this write in time: not executed"
               : "CLUSTERDOWN no leader is known to this node: not executed";
}

static void session_emit_first(struct replica *replica, struct session *session,
                               const struct pending *pending) {
    if (pending->silent) return;
    if (pending->kind == PENDING_REPLY) {
        buffer_append(&session->output, session->waiting.data + session->waiting_consumed,
                      pending->size);
    } else {
        struct reply reply = {.out = &session->output,
                              .protocol = session->protocol,
                              .error_counts = &replica->error_counts};
        reply_error(&reply, why_not_executed(replica, (enum pending_kind)pending->kind));
        replica->statistics.clusterdown_replies += pending->kind != PENDING_NO_ROOM;
    }
    session_mark_dirty(replica, session);
}

static bool read_may_run(const struct replica *replica, const struct pending *pending) {
    if (pending->attached || replica->config.read_mode == REPLICA_READ_LOCAL) return true;
    return pending->context <= replica->ready_context;
}

/* One step; false if what is first in line has to wait (or the FIFO is empty). */
static bool session_pump_one(struct replica *replica, struct session *session, bool force) {
    if (session->pending_count == 0) return false;
    struct pending pending = *session_pending_at(session, 0);
    switch ((enum pending_kind)pending.kind) {
    case PENDING_WRITE:
        return false;
    case PENDING_READ:
        if (!force && !read_may_run(replica, &pending)) return false;
        if (!session_run_first(replica, session, &pending, !force && !pending.attached)) {
            return false;
        }
        if (pending.attached || force) {
            replica->statistics.reads_in_batch++;
        } else {
            replica->statistics.reads_index++;
        }
        break;
    case PENDING_LOCAL:
        session->waits_locally = !session_run_first(replica, session, &pending, false);
        if (session->waits_locally) {
            replica_add_reader(replica, session);
            return false;
        }
        break;
    case PENDING_REPLY:
    case PENDING_CLUSTERDOWN:
    case PENDING_GIVEN_UP:
    case PENDING_NO_ROOM:
        session_emit_first(replica, session, &pending);
        break;
    }
    if (session->pending_count > 0) session_pop(replica, session);
    return true;
}

void session_pump(struct replica *replica, struct session *session) {
    while (!session->closed && session_pump_one(replica, session, false)) {
    }
}

void session_pump_to_write(struct replica *replica, struct session *session) {
    while (session_pump_one(replica, session, true)) {
    }
    CHECK(session->pending_count > 0);
    CHECK(session_pending_at(session, 0)->kind == PENDING_WRITE);
}

/* --- sessions whose reads wait for an index --------------------------------------------------- */

void replica_add_reader(struct replica *replica, struct session *session) {
    if (session->reader) return;
    session->reader = true;
    session_hold(session);
    if (replica->reader_count == replica->reader_capacity) {
        replica->reader_capacity =
            replica->reader_capacity == 0 ? 64 : replica->reader_capacity * 2;
        replica->readers =
            memory_resize(replica->readers, replica->reader_capacity * sizeof(struct session *));
    }
    replica->readers[replica->reader_count++] = session;
}

void replica_pump_readers(struct replica *replica) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < replica->reader_count; i++) {
        struct session *session = replica->readers[i];
        session_pump(replica, session);
        if (session->closed || (session->indexed_reads == 0 && !session->waits_locally)) {
            session->reader = false;
            session_let_go(session);
        } else {
            replica->readers[kept++] = session;
        }
    }
    replica->reader_count = kept;
}

void replica_pump_waiting(struct replica *replica) {
    for (uint32_t i = 0; i < replica->reader_count; i++) {
        if (!replica->readers[i]->waits_locally) continue;
        replica_pump_readers(replica);
        return;
    }
}
