/* intake.c: from a client's bytes to the open batch, to a read, or to a reply.
 *
 * A command goes one of four ways (storages/command.h): into the log, to the keyspace at a read
 * index, or to the session, at once or in its turn. Parsing does not stop at a read; it stops at
 * the bounds of what this node keeps in flight, and goes on when they are met again. */
#include "base/memory.h"
#include "base/table.h"
#include "src/replica/arrival.h"
#include "src/replica/replica_internal.h"

/* Ids of the commands that the intake itself carries out (their rows stand below). */
enum { ID_MULTI = 690, ID_EXEC, ID_DISCARD, ID_WATCH, ID_UNWATCH };

/* Literals stand in the log: a group's long ones end where its body has this size. */
enum { LITERALS_UNTIL_BYTES = 256 << 20 };

/* At the node's bound a client is read from while what it has begun is no larger. */
enum { PARTIAL_AT_BOUND = 64 << 10 };

/* A client that has this many bytes of waiting reads and replies is not read from any further. */
static const size_t session_waiting_max = 1 << 20;

/* --- planned subscriptions -------------------------------------------------------------------- */

/* Whether a RESP2 client may still send ordinary commands is decided when they are parsed, before
 * the subscriptions in front of them are applied: so the session plans ahead which ones it has. */

static struct bytes planned_key(const void *entry) {
    uint32_t size = load_u32(entry);
    return bytes_of((const char *)entry + 4, size);
}

static void plans_clear(struct table **plans) {
    if (*plans == NULL) return;
    uint64_t all = UINT64_MAX;
    (void)table_release_some(*plans, &all);
    table_destroy(*plans);
    *plans = NULL;
}

void session_forget_plans(struct session *session) {
    plans_clear(&session->channels_planned);
    plans_clear(&session->patterns_planned);
    session->subscriptions = session->patterns = 0;
}

static void plan_add(struct replica *replica, struct table **plans, struct bytes name) {
    if (*plans == NULL) *plans = table_create(planned_key, replica->config.hash_seed);
    if (table_find(*plans, name) != TABLE_NONE) return;
    char *entry = memory_allocate(4 + name.size);
    store_u32(entry, (uint32_t)name.size);
    if (name.size > 0) memcpy(entry + 4, name.data, name.size);
    (void)table_add(*plans, entry);
}

static void plan_remove(struct table *plans, struct bytes name) {
    uint32_t position = plans == NULL ? TABLE_NONE : table_find(plans, name);
    if (position != TABLE_NONE) memory_release(table_remove(plans, position));
}

/* Ids of the emitter's commands are pinned: storages/emitter.h. */
static void session_plan(struct replica *replica, struct session *session,
                         const struct command *command, const struct bytes *args, uint32_t count) {
    if (!(command->flags & COMMAND_PUBSUB)) return;
    const char *name = command->name;
    bool pattern = name[0] == 'p';
    if (pattern) name++;
    struct table **plans = pattern ? &session->patterns_planned : &session->channels_planned;
    if (strcmp(name, "subscribe") == 0) {
        for (uint32_t i = 1; i < count; i++)
            plan_add(replica, plans, args[i]);
        session->subscribed_ever = true;
    } else if (strcmp(name, "unsubscribe") == 0) {
        if (count == 1) plans_clear(plans);
        for (uint32_t i = 1; i < count; i++)
            plan_remove(*plans, args[i]);
    } else {
        return;
    }
    session->subscriptions =
        session->channels_planned == NULL ? 0 : table_size(session->channels_planned);
    session->patterns =
        session->patterns_planned == NULL ? 0 : table_size(session->patterns_planned);
}

static bool allowed_while_subscribed(const struct command *command) {
    static const char *const allowed[] = {"subscribe",    "unsubscribe", "psubscribe",
                                          "punsubscribe", "ssubscribe",  "sunsubscribe",
                                          "ping",         "quit",        "reset"};
    for (size_t i = 0; i < COUNT_OF(allowed); i++) {
        if (strcmp(command->name, allowed[i]) == 0) return true;
    }
    return false;
}

/* --- replies that are known at once ------------------------------------------------------------
 */

/* A reply written now, to the output or behind what is pending. */
struct immediate {
    struct reply reply;
    struct buffer *out;
    size_t before;
};

static struct immediate immediate_begin(struct replica *replica, struct session *session,
                                        bool silent) {
    struct immediate immediate = {.out = session->pending_count == 0 ? &session->output
                                                                     : &session->waiting};
    immediate.before = immediate.out->size;
    immediate.reply = (struct reply){.out = silent ? NULL : immediate.out,
                                     .protocol = session->protocol,
                                     .error_counts = &replica->error_counts};
    return immediate;
}

static void immediate_end(struct replica *replica, struct session *session,
                          struct immediate *immediate) {
    replica->statistics.error_replies += immediate->reply.errors;
    size_t size = immediate->out->size - immediate->before;
    if (immediate->out == &session->output) {
        session_mark_dirty(replica, session);
    } else if (size > 0) {
        struct pending *pending = session_push(replica, session, PENDING_REPLY, false);
        pending->size = (uint32_t)size;
        replica->waiting_bytes += size;
    }
}

static void answer_error(struct replica *replica, struct session *session, bool silent,
                         const char *text) {
    struct immediate immediate = immediate_begin(replica, session, silent);
    reply_error(&immediate.reply, text);
    immediate_end(replica, session, &immediate);
}

/* --- writes ------------------------------------------------------------------------------------
 */

static void push_write(struct replica *replica, struct session *session, bool silent) {
    struct pending *pending = session_push(replica, session, PENDING_WRITE, silent);
    pending->unsealed = true;
    session->unsealed_writes++;
    session_hold(session);
}

static void take_write(struct replica *replica, struct session *session,
                       const struct command *command, const struct bytes *args, uint32_t count,
                       bool silent) {
    struct command_record fields = {
        .id = command->id,
        .db = session->db,
        .flags = (uint8_t)(session->protocol | (silent ? RECORD_SILENT : 0)),
        .client = session->id,
        .user = session->user,
        .count = count - 1,
    };
    push_write(replica, session, silent);
    struct batch *batch = replica_open_batch(replica);
    if (session->arrival != NULL && arrival_append(session, batch, &fields, args + 1)) return;
    batch_append(batch, &fields, args + 1, session);
}

/* Runs a SESSION command now. */
static void run_at_once(struct replica *replica, struct session *session,
                        const struct command *command, const struct bytes *args, uint32_t count,
                        bool silent) {
    struct immediate immediate = immediate_begin(replica, session, silent);
    struct command_call call = {
        .command = command,
        .storages = replica->storages,
        .args = args,
        .count = count,
        .db = session->db,
        .reply = &immediate.reply,
        .now_ms = storages_now_ms(replica->storages),
        .client = session->id,
        .session = session,
        .registry = replica->config.registry,
    };
    struct replica_observed observed = {
        .command = command, .args = args, .count = count, .db = session->db};
    uint64_t began_ns = observe_begin(replica);
    command->run(&call);
    observed.errors = immediate.reply.errors;
    immediate_end(replica, session, &immediate);
    replica_observe(replica, session, &observed, &began_ns);
    if (call.instead != NULL) {
        take_write(replica, session, call.instead, call.instead_args, call.instead_count, silent);
    }
}

void session_cancel_unsealed(struct replica *replica, struct session *session) {
    struct batch *batch = replica->open;
    if (batch == NULL || session->unsealed_writes == 0) return;
    char *at = batch->image + ENTRY_HEADER_SIZE;
    bool cancelling_group = false;
    for (uint32_t i = 0; i < batch->count; i++) {
        bool in_group = at[7] & RECORD_IN_GROUP;
        bool own = batch->slots[i].session == session;
        if (!in_group) cancelling_group = own && (at[7] & RECORD_GROUP);
        if (own || (in_group && cancelling_group)) store_u16(at + 4, RECORD_CANCELLED);
        if (own) {
            batch->slots[i].session = NULL;
            session_let_go(session);
        }
        at += load_u32(at);
    }
    session->unsealed_writes = 0;
}

/* A node without a leader must not gather the farewells of all that came and went meanwhile: those
 * whose subscriptions no sealed batch holds were never heard of. */
void session_note_gone(struct replica *replica, struct session *session) {
    bool is_owed = session->subscribed_sealed;
    if (!session->subscribed_ever || (!is_owed && session->unsealed_writes == 0)) return;
    struct command_record fields = {
        .id = RECORD_CLIENT_GONE, .flags = is_owed ? RECORD_OWED : 0, .client = session->id};
    batch_append(replica_open_batch(replica), &fields, NULL, NULL);
    session->subscribed_sealed = false;
}

/* --- reads -------------------------------------------------------------------------------------
 */

/* A read with nothing pending may run at once: by the leader's lease, checked now, after the
 * request's bytes were read (SAFETY 2, 6), or where the operator asked for local reads. */
static bool may_read_at_once(struct replica *replica) {
    switch (replica->config.read_mode) {
    case REPLICA_READ_LOCAL:
        return true;
    case REPLICA_READ_INDEX:
        return false;
    case REPLICA_READ_LEASE:
        break;
    }
    uint64_t now_us = replica->config.planted & REPLICA_PLANTED_STALE_LEASE ? replica->first.now_us
                                                                            : replica->now.now_us;
    return replica->leading && raft_has_lease(replica->raft, now_us) &&
           replica->applied_index == raft_commit_index(replica->raft);
}

static void take_read(struct replica *replica, struct session *session,
                      const struct command *command, const struct bytes *args, uint32_t count,
                      bool silent) {
    bool planted_early = replica->config.planted & REPLICA_PLANTED_READ_EARLY;
    if ((session->pending_count == 0 || planted_early) && may_read_at_once(replica)) {
        replica->statistics.reads_immediate++;
        if (session_run(replica, session, command, args, count, session->db, session->protocol,
                        silent, true, 0)) {
            replica->statistics.reads_lease++;
            return;
        }
    }
    struct pending *pending = session_push(replica, session, PENDING_READ, silent);
    session_wait_with(replica, session, pending, command, args + 1, count - 1);
    if (session->unsealed_writes > 0) {
        pending->attached = true;
        return;
    }
    pending->context = replica->next_context;
    replica->context_wanted = true;
    session->indexed_reads++;
    replica_add_reader(replica, session);
}

static void take_local(struct replica *replica, struct session *session,
                       const struct command *command, const struct bytes *args, uint32_t count,
                       bool silent) {
    if (session->pending_count == 0 &&
        session_run(replica, session, command, args, count, session->db, session->protocol, silent,
                    false, 0)) {
        return;
    }
    struct pending *pending = session_push(replica, session, PENDING_LOCAL, silent);
    pending->waits = command->waits;
    session->waiting_locals += command->waits;
    session_wait_with(replica, session, pending, command, args + 1, count - 1);
    session_pump(replica, session);
}

/* --- MULTI -------------------------------------------------------------------------------------
 */

static void multi_end(struct session *session) {
    session->in_multi = session->multi_failed = false;
    session->multi_count = 0;
    buffer_clear(&session->multi);
}

static void multi_queue(struct replica *replica, struct session *session,
                        const struct command *command, const struct bytes *args, uint32_t count,
                        bool silent) {
    if (command->flags & COMMAND_NO_MULTI) {
        session->multi_failed = true;
        answer_error(replica, session, silent, "ERR Command not allowed inside a transaction");
        return;
    }
    struct command_record fields = {.id = command->id, .count = count - 1};
    size_t size = command_record_size(args + 1, count - 1);
    command_record_write(buffer_reserve(&session->multi, size), &fields, args + 1);
    session->multi.size += size;
    session->multi_count++;
    struct immediate immediate = immediate_begin(replica, session, silent);
    reply_simple(&immediate.reply, "QUEUED");
    immediate_end(replica, session, &immediate);
}

static void multi_append_record(struct replica *replica, struct session *session,
                                const struct command *command, const struct bytes *args,
                                uint32_t count) {
    struct command_record fields = {
        .id = command->id,
        .db = session->db,
        .flags = (uint8_t)(session->protocol | RECORD_IN_GROUP),
        .client = session->id,
        .user = session->user,
        .count = count - 1,
    };
    batch_append(replica->open, &fields, args + 1, NULL);
}

/* A command of the group that touches only this node runs now; its reply travels as a literal. */
static void multi_append_literal(struct replica *replica, struct session *session,
                                 const struct command *command, const struct bytes *args,
                                 uint32_t count) {
    struct buffer text = {0};
    struct reply reply = {
        .out = &text, .protocol = session->protocol, .error_counts = &replica->error_counts};
    struct command_call call = {
        .command = command,
        .storages = replica->storages,
        .args = args,
        .count = count,
        .db = session->db,
        .reply = &reply,
        .now_ms = storages_now_ms(replica->storages),
        .client = session->id,
        .session = session,
        .in_group = true,
        .registry = replica->config.registry,
    };
    struct replica_observed observed = {
        .command = command, .args = args, .count = count, .db = session->db};
    uint64_t began_ns = observe_begin(replica);
    command->run(&call);
    observed.errors = reply.errors;
    replica_observe(replica, session, &observed, &began_ns);
    if (call.instead != NULL) {
        multi_append_record(replica, session, call.instead, call.instead_args, call.instead_count);
        buffer_clear(&text);
        return;
    }
    struct command_record fields = {
        .id = RECORD_LITERAL, .flags = RECORD_IN_GROUP, .client = session->id, .count = 1};
    static const struct bytes too_large =
        BYTES("-ERR the replies of this transaction are too large\r\n");
    bool fits = text.size <= too_large.size || replica->open->body_size < LITERALS_UNTIL_BYTES;
    struct bytes literal = fits ? buffer_bytes(&text) : too_large;
    batch_append(replica->open, &fields, &literal, NULL);
    buffer_clear(&text);
}

/* The queued commands become one group of the open batch: applied together, answered as one. */
static void multi_append_group(struct replica *replica, struct session *session, bool silent) {
    struct command_record group = {
        .id = RECORD_EXEC,
        .flags = (uint8_t)(session->protocol | RECORD_GROUP | (silent ? RECORD_SILENT : 0)),
        .client = session->id,
        .user = session->user,
        .count = session->multi_count,
    };
    push_write(replica, session, silent);
    batch_append(replica_open_batch(replica), &group, NULL, session);

    struct bytes rest = buffer_bytes(&session->multi);
    while (rest.size > 0) {
        struct command_record record;
        enum error error = command_record_read(rest, &record);
        CHECK(error == ERROR_NONE);
        const struct command *command = command_by_id(replica->config.registry, record.id);
        struct bytes *args = memory_allocate((record.count + 1) * sizeof(struct bytes));
        args[0] = bytes_of_text(command->name);
        command_record_arguments(&record, args + 1);
        if (command->place == COMMAND_SESSION || command->place == COMMAND_LOCAL) {
            multi_append_literal(replica, session, command, args, record.count + 1);
        } else {
            session_plan(replica, session, command, args, record.count + 1);
            multi_append_record(replica, session, command, args, record.count + 1);
        }
        memory_release(args);
        rest = bytes_slice(rest, record.size, SIZE_MAX);
    }
}

/* NULL if the command may go on, else the error that refuses it. */
static const char *refusal(struct replica *replica, struct session *session,
                           const struct command *command) {
    if (replica->config.admit != NULL) {
        const char *text = replica->config.admit(session, command);
        if (text != NULL) return text;
    }
    bool serves = replica->state == REPLICA_RUNNING && !replica->is_removed;
    if (LIKELY(serves) || (command->flags & COMMAND_LOADING)) return NULL;
    if (replica->is_removed) return replica_removed_text;
    static const char *const texts[] = {
        [REPLICA_FOUNDING] =
            "LOADING the cluster is being founded: it waits for all nodes of --cluster",
        [REPLICA_RECOVERING] = "LOADING Hamok is loading its log from the disk",
        [REPLICA_DAMAGED] = "CLUSTERDOWN this node takes no part: its log file says why",
    };
    if (replica->state == REPLICA_FOUNDING && replica->config.is_joining)
        return "LOADING this node waits to be let into its cluster (--join)";
    return texts[replica->state];
}

static void observe_refusal(const struct replica *replica, struct session *session,
                            const struct command *command) {
    const struct replica_observer *observer = replica->config.observer;
    if (observer != NULL) observer->refused(session, command);
}

/* Answers a command that is not carried out: its group, if it stands in one, will fail. A refused
 * EXEC ends the group at once, and says why in its own words. */
static void refuse(struct replica *replica, struct session *session, const struct command *command,
                   bool silent, const char *text) {
    observe_refusal(replica, session, command);
    if (command->id != ID_EXEC) {
        session->multi_failed = session->in_multi;
        answer_error(replica, session, silent, text);
        return;
    }
    multi_end(session);
    struct immediate immediate = immediate_begin(replica, session, silent);
    reply_error_format(&immediate.reply, "EXECABORT Transaction discarded because of: %s",
                       strncmp(text, "ERR ", 4) == 0 ? text + 4 : text);
    immediate_end(replica, session, &immediate);
}

/* What was free to go on when it was queued may not be any more: memory or disk are full. */
static const char *multi_refusal(struct replica *replica, struct session *session) {
    const char *text = NULL;
    struct bytes rest = buffer_bytes(&session->multi);
    while (rest.size > 0 && text == NULL) {
        struct command_record record;
        enum error error = command_record_read(rest, &record);
        CHECK(error == ERROR_NONE);
        text = refusal(replica, session, command_by_id(replica->config.registry, record.id));
        rest = bytes_slice(rest, record.size, SIZE_MAX);
    }
    return text;
}

/* True if the group goes through the log, which will answer. */
static bool take_exec(struct replica *replica, struct session *session,
                      const struct command *command, bool silent) {
    const char *text =
        session->in_multi && !session->multi_failed ? multi_refusal(replica, session) : NULL;
    if (text != NULL) {
        refuse(replica, session, command, silent, text);
        return true;
    }
    bool runs = session->in_multi && !session->multi_failed && session->multi_count > 0;
    if (runs) {
        multi_append_group(replica, session, silent);
        multi_end(session);
        return true;
    }
    return false;
}

static void answer_exec(struct session *session, struct reply *reply) {
    if (!session->in_multi)
        reply_error(reply, "ERR EXEC without MULTI");
    else if (session->multi_failed)
        reply_error(reply, "EXECABORT Transaction discarded because of previous errors.");
    else
        reply_array(reply, 0);
    multi_end(session);
}

static void take_multi(struct replica *replica, struct session *session,
                       const struct command *command, const struct bytes *args, uint32_t count,
                       bool silent) {
    uint16_t id = command->id;
    if (id == ID_EXEC && take_exec(replica, session, command, silent)) return;
    uint64_t began_ns = observe_begin(replica);
    struct immediate immediate = immediate_begin(replica, session, silent);
    if (id == ID_EXEC) {
        answer_exec(session, &immediate.reply);
    } else if (id == ID_MULTI) {
        if (session->in_multi) {
            reply_error(&immediate.reply, "ERR MULTI calls can not be nested");
        } else {
            session->in_multi = true;
            reply_ok(&immediate.reply);
        }
    } else if (id == ID_DISCARD) {
        if (session->in_multi) {
            multi_end(session);
            reply_ok(&immediate.reply);
        } else {
            reply_error(&immediate.reply, "ERR DISCARD without MULTI");
        }
    } else if (id == ID_UNWATCH) {
        reply_ok(&immediate.reply); /* Nothing can be watched: true as it stands. */
    } else if (session->in_multi) {
        reply_error(&immediate.reply, "ERR WATCH inside MULTI is not allowed");
    } else {
        reply_error(&immediate.reply, "ERR WATCH is not available in this version of Hamok");
    }
    immediate_end(replica, session, &immediate);
    struct replica_observed observed = {.command = command,
                                        .args = args,
                                        .count = count,
                                        .db = session->db,
                                        .errors = immediate.reply.errors};
    replica_observe(replica, session, &observed, &began_ns);
}

static bool is_multi_command(uint16_t id) {
    return id >= ID_MULTI && id <= ID_UNWATCH;
}

/* --- routing -----------------------------------------------------------------------------------
 */

static void refuse_subscribed(struct replica *replica, struct session *session,
                              const struct command *command, bool silent) {
    struct buffer text = {0};
    buffer_append_format(&text,
                         "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / "
                         "QUIT / RESET are allowed in this context",
                         command->name);
    buffer_append_byte(&text, '\0');
    refuse(replica, session, command, silent, text.data);
    buffer_clear(&text);
}

/* A command that does not exist or has the wrong number of arguments. */
static void refuse_unresolved(struct replica *replica, struct session *session,
                              const struct bytes *args, uint32_t count, bool silent) {
    const struct command *known = command_lookup(replica->config.registry, args, count);
    if (known != NULL && known->id == ID_EXEC) {
        refuse(replica, session, known, silent, "ERR wrong number of arguments for 'exec' command");
        return;
    }
    if (known != NULL) observe_refusal(replica, session, known);
    struct immediate immediate = immediate_begin(replica, session, silent);
    if (bytes_equal_ignoring_case(args[0], BYTES("post")) ||
        bytes_equal_ignoring_case(args[0], BYTES("host:"))) {
        /* A browser that was led here must not get commands through by way of its HTTP body. */
        session->ending = SESSION_ENDS_AFTER_OUTPUT;
    } else {
        const struct command *command =
            command_resolve(replica->config.registry, args, count, &immediate.reply);
        CHECK(command == NULL);
    }
    immediate_end(replica, session, &immediate);
    session->multi_failed = session->in_multi;
}

/* Answered also after CLIENT REPLY OFF and SKIP: what turns replies on, and what confirms
 * subscriptions. */
static bool is_never_silent(const struct command *command, const struct bytes *args) {
    if (strcmp(command->name, "client|reply") == 0)
        return bytes_equal_ignoring_case(args[2], BYTES("on"));
    return (command->flags & COMMAND_PUBSUB) != 0 && strstr(command->name, "subscribe") != NULL;
}

static bool take_silence(struct session *session) {
    if (session->reply_mode == SESSION_REPLY_SKIP) {
        session->reply_mode = SESSION_REPLY_ON;
        return true;
    }
    return session->reply_mode == SESSION_REPLY_OFF;
}

static void route(struct replica *replica, struct session *session, const struct bytes *args,
                  uint32_t count) {
    bool silent = take_silence(session);
    session->commands_processed++;
    struct reply nowhere = {.protocol = session->protocol};
    const struct command *command =
        command_resolve(replica->config.registry, args, count, &nowhere);
    if (command == NULL) {
        refuse_unresolved(replica, session, args, count, silent);
        return;
    }
    if (silent && is_never_silent(command, args)) silent = false;
    session->last_command = command;
    const char *text = refusal(replica, session, command);
    if (text != NULL) {
        refuse(replica, session, command, silent, text);
        return;
    }
    if (session->protocol == 2 && session->subscriptions + session->patterns > 0 &&
        !allowed_while_subscribed(command)) {
        refuse_subscribed(replica, session, command, silent);
        return;
    }
    if (is_multi_command(command->id)) {
        take_multi(replica, session, command, args, count, silent);
        return;
    }
    if (session->in_multi && strcmp(command->name, "quit") != 0 &&
        strcmp(command->name, "reset") != 0) {
        multi_queue(replica, session, command, args, count, silent);
        return;
    }
    session_plan(replica, session, command, args, count);
    switch (command->place) {
    case COMMAND_LOG:
        take_write(replica, session, command, args, count, silent);
        break;
    case COMMAND_READ:
        take_read(replica, session, command, args, count, silent);
        break;
    case COMMAND_SESSION:
        run_at_once(replica, session, command, args, count, silent);
        break;
    case COMMAND_LOCAL:
        take_local(replica, session, command, args, count, silent);
        break;
    }
}

/* --- parsing -----------------------------------------------------------------------------------
 */

/* At a bound nothing more is parsed: the bytes stay in the query buffer (design.md, "Bounds"). The
 * node's own bound, `full`, stops a client that waits for something, or that is known to want what
 * there is no room for. */
static bool at_a_bound(const struct replica *replica, const struct session *session, bool full) {
    if (full && (session->pending_count > 0 || session->wants_room)) return true;
    if (session->waiting_locals > 0) return true; /* As in Redis: its client is blocked. */
    if (session->output.size > replica->config.output_bytes_soft) return true;
    return session->waiting.size - session->waiting_consumed > session_waiting_max;
}

/* A read runs at once where it can meet no deadline that only a tick makes good (SAFETY 3). */
static bool read_needs_no_room(struct replica *replica) {
    int64_t next = storages_next_deadline_ms(replica->storages);
    return may_read_at_once(replica) && (replica->config.read_mode == REPLICA_READ_LOCAL ||
                                         next > (int64_t)replica_present_ms(replica));
}

/* Whether the command just parsed, with nothing pending before it, leaves nothing to be kept: so
 * that an operator sees how a node does that is at its bound. (CONFIG SET may put a setting into
 * the log, and WAIT may wait: one of these a client, and small.) */
static bool needs_no_room(struct replica *replica, struct session *session) {
    struct reply nowhere = {.protocol = session->protocol};
    const struct command *command = command_resolve(replica->config.registry, session->parser.args,
                                                    session->parser.count, &nowhere);
    if (command == NULL || refusal(replica, session, command) != NULL) return true;
    if (session->in_multi || is_multi_command(command->id)) return false;
    switch (command->place) {
    case COMMAND_LOG:
        break;
    case COMMAND_READ:
        return read_needs_no_room(replica);
    case COMMAND_SESSION:
    case COMMAND_LOCAL:
        return true;
    }
    return false;
}

/* What a client has sent behind a slow command waits for the next turn. */
static bool is_to_wait(struct replica *replica, const struct session *session) {
    bool (*turn_is_long)(const struct session *) = replica->config.turn_is_long;
    if (turn_is_long == NULL || !turn_is_long(session)) return false;
    replica->turn_was_long = true;
    return true;
}

static void pause_session(struct replica *replica, struct session *session) {
    if (session->paused) return;
    session->paused = true;
    session_hold(session);
    if (replica->paused_count == replica->paused_capacity) {
        replica->paused_capacity =
            replica->paused_capacity == 0 ? 64 : replica->paused_capacity * 2;
        replica->paused =
            memory_resize(replica->paused, replica->paused_capacity * sizeof(struct session *));
    }
    replica->paused[replica->paused_count++] = session;
}

static void refuse_protocol(struct replica *replica, struct session *session) {
    char text[REQUEST_ERROR_SIZE];
    request_error(&session->parser, text);
    answer_error(replica, session, take_silence(session), text);
    /* What is pending is answered first; then the connection ends. */
    session->ending = SESSION_ENDS_AFTER_OUTPUT;
    session->input.size = session->input_consumed = 0;
}

/* At the node's bound: whether what was parsed has to wait for room. */
static bool is_held_up(struct replica *replica, struct session *session,
                       enum request_status status) {
    const struct request_parser *parser = &session->parser;
    switch (status) {
    case REQUEST_NEED_MORE:
        return session->input.size - session->input_consumed + parser->wanted > PARTIAL_AT_BOUND;
    case REQUEST_DONE:
        return !needs_no_room(replica, session);
    case REQUEST_ERROR:
        break;
    }
    return false;
}

void session_take_in(struct replica *replica, struct session *session) {
    struct request_limits limits = {
        .bulk_max = storages_settings(replica->storages)->proto_max_bulk_len,
        .args_max = REQUEST_ARGS_MAX,
        .unauthenticated = !session->authenticated,
    };
    while (!session->closed && session->ending == SESSION_STAYS) {
        if (session->input_consumed == session->input.size) break;
        bool full = replica_is_full(replica);
        if (at_a_bound(replica, session, full) || is_to_wait(replica, session)) {
            pause_session(replica, session);
            break;
        }
        enum request_status status =
            request_parse(&session->parser, &limits, session->input.data + session->input_consumed,
                          session->input.size - session->input_consumed);
        if (full && is_held_up(replica, session, status)) {
            session->wants_room = true;
            pause_session(replica, session);
            if (status == REQUEST_DONE) break; /* It is parsed again when there is room. */
        }
        session->input_consumed += session->parser.consumed;
        if (status == REQUEST_NEED_MORE) break;
        session->wants_room = false;
        if (status == REQUEST_ERROR) {
            refuse_protocol(replica, session);
            break;
        }
        route(replica, session, session->parser.args, session->parser.count);
        limits.unauthenticated = !session->authenticated;
    }
    bool is_empty = session->input_consumed == session->input.size;
    if (is_empty) session->input.size = session->input_consumed = 0;
    if (session->arrival != NULL && (is_empty || session->input_consumed > 0)) {
        arrival_end(session);
    } else if (is_empty && session->input.capacity > 65536) {
        buffer_clear(&session->input);
    }
}

void replica_resume_paused(struct replica *replica) {
    uint32_t count = replica->paused_count, kept = 0;
    replica->turn_was_long = false;
    for (uint32_t i = 0; i < count; i++) {
        struct session *session = replica->paused[i];
        bool stays = !session->closed && (at_a_bound(replica, session, replica_is_full(replica)) ||
                                          is_to_wait(replica, session));
        if (stays) {
            replica->paused[kept++] = session;
            continue;
        }
        session->paused = false;
        if (!session->closed) {
            session_take_in(replica, session);
            session_mark_dirty(replica, session); /* The driver may read from it again. */
        }
        if (session->paused) { /* It met the bound again and stands at the end of the list. */
            replica->paused_count--;
            replica->paused[kept++] = session;
        }
        session_let_go(session);
    }
    replica->paused_count = kept;
}

char *session_input_room(struct session *session, size_t *size) {
    if (session->input_consumed > 0) {
        buffer_consume(&session->input, session->input_consumed);
        session->input_consumed = 0;
    }
    size_t room = *size == 0 ? 16384 : *size;
    arrival_consider(session);
    size_t left = session->input.capacity - session->input.size;
    bool suffices = left > 0 && *size <= left && session->parser.wanted <= left;
    if (session->arrival != NULL && !suffices) arrival_end(session); /* a second large one */
    if (session->arrival != NULL) {
        *size = left;
        return session->input.data + session->input.size;
    }
    if (session->parser.wanted > room && session->parser.wanted > 32768)
        room = session->parser.wanted;
    char *at = buffer_reserve(&session->input, room);
    *size = session->input.capacity - session->input.size;
    return at;
}

/* --- rows --------------------------------------------------------------------------------------
 */

/* The intake carries these out itself: what they do concerns routing. */
static void run_nothing(struct command_call *call) {
    (void)call;
    CHECK(false && "carried out by the intake");
}

#define MULTI_FLAGS                                                                                \
    (COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST | COMMAND_ALLOW_BUSY)

static const struct command multi_commands[] = {
    {.id = ID_MULTI,
     .name = "multi",
     .run = run_nothing,
     .arity = 1,
     .place = COMMAND_SESSION,
     .flags = MULTI_FLAGS,
     .categories = "transaction",
     .group = "transactions",
     .since = "1.2.0",
     .complexity = "O(1)",
     .summary = "Mark the start of a transaction block"},
    {.id = ID_EXEC,
     .name = "exec",
     .run = run_nothing,
     .arity = 1,
     .place = COMMAND_SESSION,
     .flags = COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE | COMMAND_SKIP_SLOWLOG,
     .categories = "slow transaction",
     .group = "transactions",
     .since = "1.2.0",
     .complexity = "Depends on commands in the transaction",
     .summary = "Execute all commands issued after MULTI"},
    {.id = ID_DISCARD,
     .name = "discard",
     .run = run_nothing,
     .arity = 1,
     .place = COMMAND_SESSION,
     .flags = MULTI_FLAGS,
     .categories = "transaction",
     .group = "transactions",
     .since = "2.0.0",
     .complexity = "O(N), when N is the number of queued commands",
     .summary = "Discard all commands issued after MULTI"},
    {.id = ID_WATCH,
     .name = "watch",
     .run = run_nothing,
     .arity = -2,
     .place = COMMAND_SESSION,
     .flags = MULTI_FLAGS | COMMAND_NO_MULTI,
     .keys = {.first = 1, .last = -1, .step = 1},
     .key_flags = "RO",
     .categories = "transaction",
     .group = "transactions",
     .since = "2.2.0",
     .complexity = "O(1) for every key.",
     .summary = "Watch the given keys to determine execution of the MULTI/EXEC block"},
    {.id = ID_UNWATCH,
     .name = "unwatch",
     .run = run_nothing,
     .arity = 1,
     .place = COMMAND_SESSION,
     .flags = MULTI_FLAGS,
     .categories = "transaction",
     .group = "transactions",
     .since = "2.2.0",
     .complexity = "O(1)",
     .summary = "Forget about all watched keys"},
};

const struct command_family *replica_family(void) {
    static const struct command_family family = {multi_commands, COUNT_OF(multi_commands)};
    return &family;
}
