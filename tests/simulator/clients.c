/* clients.c: clients send pipelines of commands to all nodes, as bytes, and keep a history of what
 * they asked and what they were told. An object is given up for a fresh one after a while, or when
 * too much about it is unknown: so the check of its history stays small. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"
#include "resp/parse_reply.h"
#include "tests/simulator/dialogue.h"
#include "tests/simulator/flavours.h"
#include "tests/simulator/world.h"

enum {
    OBJECTS_AT_ONCE = 8,
    OPERATIONS_PER_OBJECT = 150,
    PUSHES_PER_OBJECT = 100,
    UNKNOWN_PER_OBJECT = 6,
    PIPELINES_OPEN_MAX = 2,
    WATCHER_OPEN_MAX = 200,
    CONFIGURATIONS_MAX = 500000,
};

/* What the next reply on a connection belongs to. */
enum waiting_for {
    WAITING_SINGLE,
    WAITING_MULTI,
    WAITING_QUEUED,
    WAITING_EXEC,
    WAITING_TRANSACTION, /* the EXEC of one of appending.c's */
    WAITING_PUBLISH,
    WAITING_NOISE,
};

struct waiting {
    enum waiting_for what;
    size_t operation; /* its number, wherever such ones are kept */
    bool last_of_pipeline;
};

enum outcome { OUTCOME_OPEN, OUTCOME_DONE, OUTCOME_UNKNOWN, OUTCOME_NEVER };

struct record {
    struct history_operation operation;
    enum outcome outcome;
    uint32_t node, healings; /* healings: the world's when it was asked */
};

struct client {
    uint32_t node;                 /* where it is, or goes next */
    struct connection *connection; /* NULL: none */
    struct buffer replies;
    struct waiting *waiting; /* a ring */
    uint32_t waiting_first, waiting_count, waiting_capacity;
    uint32_t pipelines_open;
    uint64_t think_us;    /* between two requests: busy ones and rare ones */
    bool watches;         /* only reads, and does not wait for the answers */
    bool listens;         /* only subscribes */
    uint64_t patience_us; /* then it goes to another node; 0: it never does */
    uint64_t asked_us;    /* when it last heard something, or began to wait */
    bool act_planned;
    uint32_t ask_from; /* when asking for all: the next object, or generation of lists */
};

struct object_use {
    uint32_t operations, pushes, unknown, flavours;
};

struct clients {
    uint32_t count;
    struct client at[CLIENTS_MAX];
    struct connection **connections;
    size_t connection_count, connection_capacity;
    struct connection **open; /* those that are open at a node */
    size_t open_count, open_capacity;

    struct record *records;
    size_t record_count, record_capacity;
    struct object_use *objects;
    uint32_t object_count, object_capacity;
    uint32_t current[OBJECTS_AT_ONCE], current_count;

    uint64_t moment; /* the history's time: grows with each call and return */
    int64_t next_token;
    uint32_t flavours; /* of the seed's objects */
    uint32_t read_per_mille, group_per_mille, noise_per_mille, pipeline_max;
    uint32_t large_per_mille; /* of what is noise: values so large that batches do not wait */
    bool stopped, asking_all;
};

/* --- life ----------------------------------------------------------------------------------- */

uint64_t clients_moment(struct world *world) {
    return ++world->clients->moment;
}

static uint32_t open_object(struct world *world) {
    struct clients *clients = world->clients;
    if (clients->object_count == clients->object_capacity) {
        clients->object_capacity = clients->object_capacity * 2 + 16;
        clients->objects =
            memory_resize(clients->objects, clients->object_capacity * sizeof(struct object_use));
    }
    clients->objects[clients->object_count] =
        (struct object_use){.flavours = flavours_choose(&world->random, clients->flavours)};
    return clients->object_count++;
}

static void plan(struct world *world, uint32_t index, uint64_t in_us) {
    struct client *client = &world->clients->at[index];
    if (client->act_planned) return;
    client->act_planned = true;
    world_at(world, world->now_us + in_us, (struct event){.kind = EVENT_CLIENT, .to = index});
}

/* Each takes some of the log's files, but not dozens: a file is begun when all before it is
 * durable, and on a slow disk that would be slower than anybody's patience. */
static void choose_large_values(struct world *world) {
    /* Of the smallest parts a snapshot would have thousands. */
    enum { SEGMENT_SIZE = 64 << 10, PART_SIZE = 1024 };
    struct replica_config *config = &world->replica_config;
    if (!world_chance(world, 150)) return;
    world->clients->large_per_mille = (uint32_t)world_between(world, 5, 60);
    if (config->journal_segment_size < SEGMENT_SIZE) config->journal_segment_size = SEGMENT_SIZE;
    if (config->journal_segment_size_max < SEGMENT_SIZE)
        config->journal_segment_size_max = SEGMENT_SIZE;
    if (config->snapshot_part_size < PART_SIZE) config->snapshot_part_size = PART_SIZE;
}

struct clients *clients_create(struct world *world) {
    struct clients *clients = memory_allocate_zeroed(sizeof(*clients));
    world->clients = clients;
    clients->count = (uint32_t)world_between(world, 6, CLIENTS_MAX);
    clients->next_token = 1;
    clients->read_per_mille = (uint32_t)world_between(world, 200, 700);
    clients->group_per_mille = (uint32_t)world_between(world, 0, 150);
    clients->noise_per_mille = world_chance(world, 500) ? 100 : 0;
    choose_large_values(world);
    clients->pipeline_max = (uint32_t)world_between(world, 1, 8);
    clients->current_count = (uint32_t)world_between(world, 2, OBJECTS_AT_ONCE);
    clients->flavours = flavours_choose(&world->random, (1u << FLAVOUR_COUNT) - 1);
    for (uint32_t i = 0; i < clients->current_count; i++)
        clients->current[i] = open_object(world);
    appending_create(world);
    publishing_create(world);
    uint64_t busiest = world_below(world, world_chance(world, 300) ? 10 : 4); /* some are quiet */
    for (uint32_t i = 0; i < clients->count; i++) {
        struct client *client = &clients->at[i];
        client->node = i % world->node_count + 1;
        client->think_us = 1000u << world_between(world, busiest, 9);
        /* Each node has somebody who writes in the end, those that join too. */
        uint32_t writers = world->fault_on[FAULT_members] ? MEMBERS_MAX : world->node_count;
        client->watches = i >= writers && world_chance(world, 500);
        if (client->watches) client->think_us = 8000u << world_below(world, 4);
        client->listens = publishing_has_listeners(world) && !client->watches && i >= writers &&
                          world_chance(world, 500);
        /* Some wait for ever, others try another node after a while. */
        if (!client->watches && world_chance(world, 500)) {
            client->patience_us = world_between(world, 500 * 1000, 3000 * 1000);
        }
        plan(world, i, world_between(world, 0, 1000 * 1000));
    }
    return clients;
}

void clients_destroy(struct clients *clients) {
    for (size_t i = 0; i < clients->connection_count; i++) {
        buffer_clear(&clients->connections[i]->arrived);
        memory_release(clients->connections[i]);
    }
    for (uint32_t i = 0; i < CLIENTS_MAX; i++) {
        buffer_clear(&clients->at[i].replies);
        memory_release(clients->at[i].waiting);
    }
    memory_release(clients->connections);
    memory_release(clients->open);
    memory_release(clients->records);
    memory_release(clients->objects);
    memory_release(clients);
}

/* --- connections ---------------------------------------------------------------------------- */

static void append_pointer(struct connection ***list, size_t *count, size_t *capacity,
                           struct connection *connection) {
    if (*count == *capacity) {
        *capacity = *capacity * 2 + 16;
        *list = memory_resize(*list, *capacity * sizeof(struct connection *));
    }
    (*list)[(*count)++] = connection;
}

static void connect_client(struct world *world, uint32_t index) {
    struct clients *clients = world->clients;
    struct connection *connection = memory_allocate_zeroed(sizeof(*connection));
    connection->id = (uint32_t)clients->connection_count + 1;
    connection->client = index;
    connection->node = clients->at[index].node;
    connection->open = true;
    clients->at[index].connection = connection;
    append_pointer(&clients->connections, &clients->connection_count, &clients->connection_capacity,
                   connection);
    append_pointer(&clients->open, &clients->open_count, &clients->open_capacity, connection);
    world_trace(world, connection->id, "c%u connects to n%u", index, connection->node);
}

void clients_forget(struct world *world, struct connection *connection) {
    struct clients *clients = world->clients;
    const struct client *client = &clients->at[connection->client];
    if (client->listens && client->connection == connection)
        publishing_connection_ends(world, connection->client);
    connection->session = NULL;
    connection->open = false;
    for (size_t i = 0; i < clients->open_count; i++) {
        if (clients->open[i] != connection) continue;
        clients->open[i] = clients->open[--clients->open_count];
        return;
    }
}

struct connection *clients_readable(struct world *world, uint32_t node) {
    struct clients *clients = world->clients;
    size_t count = clients->open_count, at = count == 0 ? 0 : world->now_us % count;
    for (size_t i = 0; i < count; i++) {
        struct connection *connection = clients->open[at];
        if (++at == count) at = 0;
        if (connection->node != node) continue;
        if (connection->closed_by_client && connection->arrived.size == 0) return connection;
        if (connection->arrived.size == 0) continue;
        const struct session *session = connection->session;
        if (session == NULL) return connection;
        if (replica_client_may_read(world->nodes[node].replica, session)) return connection;
    }
    return NULL;
}

uint32_t clients_node_of(const struct world *world, uint32_t client) {
    return world->clients->at[client].node;
}

void clients_node_stopped(struct world *world, uint32_t node) {
    struct clients *clients = world->clients;
    for (size_t i = 0; i < clients->open_count;) {
        struct connection *connection = clients->open[i];
        if (connection->node != node) {
            i++;
            continue;
        }
        clients_forget(world, connection);
        uint64_t at_us = world->now_us + world_between(world, 50, 3000);
        if (at_us < connection->to_client_us) at_us = connection->to_client_us;
        world_at(world, at_us, (struct event){.kind = EVENT_TO_CLIENT, .connection = connection});
    }
}

/* --- the FIFO of what was asked --------------------------------------------------------------- */

static struct waiting *waiting_at(struct client *client, uint32_t at) {
    return &client->waiting[(client->waiting_first + at) % client->waiting_capacity];
}

static void expect(struct client *client, enum waiting_for what, size_t operation) {
    if (client->waiting_count == client->waiting_capacity) {
        uint32_t capacity = client->waiting_capacity * 2 + 32;
        struct waiting *grown = memory_allocate(capacity * sizeof(*grown));
        for (uint32_t i = 0; i < client->waiting_count; i++)
            grown[i] = *waiting_at(client, i);
        memory_release(client->waiting);
        client->waiting = grown;
        client->waiting_capacity = capacity;
        client->waiting_first = 0;
    }
    *waiting_at(client, client->waiting_count++) =
        (struct waiting){.what = what, .operation = operation};
}

static void settle(struct world *world, size_t index, enum outcome outcome) {
    struct clients *clients = world->clients;
    struct record *record = &clients->records[index];
    if (record->outcome != OUTCOME_OPEN) return;
    struct figures *figures = &world->result->figures;
    record->outcome = outcome;
    record->operation.returned = outcome == OUTCOME_DONE ? ++clients->moment : HISTORY_UNKNOWN;
    record->operation.log_ms_high = world->log_ms;
    figures->acknowledged += outcome == OUTCOME_DONE;
    figures->unknown += outcome == OUTCOME_UNKNOWN;
    figures->not_executed += outcome == OUTCOME_NEVER;
    bool writes = false;
    for (uint32_t i = 0; i < record->operation.count; i++)
        writes |= history_call_writes(record->operation.commands[i].call);
    if (outcome == OUTCOME_UNKNOWN && writes) {
        clients->objects[record->operation.object].unknown++;
    }
    if (outcome != OUTCOME_DONE) return;
    figures->groups += record->operation.count > 1;
    figures->acknowledged_writes += writes;
    bool is_present = world->healed && record->healings == world->healings;
    if (writes && is_present) world->nodes[record->node].serves_again = true;
}

/* The connection is no more: whatever was not answered may or may not have been done. */
static void lose_connection(struct world *world, uint32_t index) {
    struct client *client = &world->clients->at[index];
    for (uint32_t i = 0; i < client->waiting_count; i++) {
        const struct waiting *waiting = waiting_at(client, i);
        if (waiting->what == WAITING_SINGLE || waiting->what == WAITING_EXEC) {
            settle(world, waiting->operation, OUTCOME_UNKNOWN);
        }
    }
    client->waiting_count = client->pipelines_open = 0;
    client->replies.size = 0;
    client->connection = NULL;
    if (client->listens) publishing_client_lost(world, index);
}

/* The client's own doing: it closes, and goes to another node. */
static void disconnect(struct world *world, uint32_t index) {
    struct client *client = &world->clients->at[index];
    struct connection *connection = client->connection;
    if (connection == NULL) return;
    world_trace(world, connection->id, "c%u leaves n%u", index, connection->node);
    uint64_t at_us = world->now_us + world_between(world, 30, 300);
    if (at_us < connection->to_node_us) at_us = connection->to_node_us;
    world_at(world, at_us, (struct event){.kind = EVENT_TO_NODE, .connection = connection});
    lose_connection(world, index);
    client->node = world_any_node(world);
    plan(world, index, world_between(world, 500, 50000));
}

void clients_disconnect_one(struct world *world) {
    disconnect(world, (uint32_t)world_below(world, world->clients->count));
}

/* --- asking --------------------------------------------------------------------------------- */

static struct history_command choose_command(struct world *world, uint32_t object, bool reads) {
    struct clients *clients = world->clients;
    struct object_use *use = &clients->objects[object];
    reads |= use->pushes >= PUSHES_PER_OBJECT;
    struct history_command command =
        flavours_command(&world->random, use->flavours, reads, &clients->next_token);
    use->pushes += flavours_call_pushes(command.call);
    return command;
}

static size_t begin_operation(struct world *world, struct client *client, uint32_t object) {
    struct clients *clients = world->clients;
    if (clients->record_count == clients->record_capacity) {
        clients->record_capacity = clients->record_capacity * 2 + 256;
        clients->records =
            memory_resize(clients->records, clients->record_capacity * sizeof(struct record));
    }
    clients->records[clients->record_count] =
        (struct record){.operation = {.connection = client->connection->id,
                                      .object = object,
                                      .invoked = ++clients->moment,
                                      .returned = HISTORY_UNKNOWN,
                                      .log_ms_low = world->log_ms},
                        .node = client->node,
                        .healings = world->healings};
    clients->objects[object].operations++;
    world->result->figures.operations++;
    return clients->record_count++;
}

static void ask(struct world *world, struct client *client, struct buffer *out, uint32_t object,
                const struct history_command *commands, uint32_t count) {
    size_t index = begin_operation(world, client, object);
    struct history_operation *operation = &world->clients->records[index].operation;
    memcpy(operation->commands, commands, count * sizeof(*commands));
    operation->count = count;
    if (count == 1) {
        dialogue_write_command(out, object, commands);
        expect(client, WAITING_SINGLE, index);
        return;
    }
    dialogue_write(out, "MULTI");
    expect(client, WAITING_MULTI, index);
    for (uint32_t i = 0; i < count; i++) {
        dialogue_write_command(out, object, &commands[i]);
        expect(client, WAITING_QUEUED, index);
    }
    dialogue_write(out, "EXEC");
    expect(client, WAITING_EXEC, index);
}

static uint32_t choose_object(struct world *world) {
    struct clients *clients = world->clients;
    uint32_t *place = &clients->current[world_below(world, clients->current_count)];
    const struct object_use *use = &clients->objects[*place];
    if (use->operations >= OPERATIONS_PER_OBJECT || use->unknown >= UNKNOWN_PER_OBJECT) {
        *place = open_object(world);
    }
    return *place;
}

/* Batches of this size are sent at once, one behind the other; so one may come without the one
 * before it, and an entry takes several of the log's files. */
static void write_large(struct world *world, struct buffer *out, uint32_t key) {
    uint32_t size = (uint32_t)world_between(world, 60000, 70000);
    buffer_append_format(out, "*5\r\n$3\r\nSET\r\n$2\r\nn%u\r\n$%u\r\n", key, size);
    memset(buffer_reserve(out, size), 'x', size);
    out->size += size;
    buffer_append_format(out, "\r\n$2\r\nPX\r\n$3\r\n300\r\n");
}

/* Keys that expire: for the digests, the ticks and the reads that meet a deadline. */
static void make_noise(struct world *world, struct client *client, struct buffer *out) {
    const struct clients *clients = world->clients;
    char words[64];
    uint32_t key = (uint32_t)world_below(world, 8);
    if (!world->healed && world_chance(world, clients->large_per_mille)) {
        write_large(world, out, key);
        expect(client, WAITING_NOISE, 0);
        return;
    }
    if (world_chance(world, 500)) {
        snprintf(words, sizeof(words), "SET n%u x PX %u", key,
                 (unsigned)world_between(world, 1, 300));
    } else {
        snprintf(words, sizeof(words), "GET n%u", key);
    }
    dialogue_write(out, words);
    expect(client, WAITING_NOISE, 0);
}

static void expect_transaction(struct client *client, uint64_t number, uint32_t count) {
    expect(client, WAITING_MULTI, 0);
    for (uint32_t i = 0; i < count; i++)
        expect(client, WAITING_QUEUED, 0);
    expect(client, WAITING_TRANSACTION, number);
}

/* A command of the object's, or several at one moment. A deadline is told beside what has it. */
static void ask_object(struct world *world, struct client *client, struct buffer *out) {
    struct clients *clients = world->clients;
    uint32_t object = choose_object(world), count = 1;
    bool group = !client->watches && world_chance(world, clients->group_per_mille);
    if (group) count = (uint32_t)world_between(world, 2, HISTORY_GROUP_MAX);
    struct history_command commands[HISTORY_GROUP_MAX];
    for (uint32_t i = 0; i < count; i++) {
        bool reads = client->watches || world_chance(world, clients->read_per_mille);
        commands[i] = choose_command(world, object, reads);
    }
    bool is_timed = commands[0].call == HISTORY_PSET || commands[0].call == HISTORY_PGET;
    if (is_timed && count == 1 && world_chance(world, 500))
        commands[count++] = (struct history_command){.call = HISTORY_DEADLINE};
    ask(world, client, out, object, commands, count);
}

static void ask_something(struct world *world, struct client *client, struct buffer *out) {
    if (!client->watches && world_chance(world, world->clients->noise_per_mille)) {
        make_noise(world, client, out);
    } else if (!client->watches && appending_is_wanted(world)) {
        uint32_t count;
        uint64_t number = appending_ask(world, client->connection, out, &count);
        expect_transaction(client, number, count);
    } else if (!client->watches && publishing_is_wanted(world)) {
        expect(client, WAITING_PUBLISH, publishing_ask(world, client->connection, out));
    } else {
        ask_object(world, client, out);
    }
}

static uint32_t count_of_all(const struct world *world) {
    return world->clients->object_count + appending_generations(world);
}

/* Every object and every list, a few at a time. */
static void ask_for_all(struct world *world, struct client *client, struct buffer *out) {
    const struct clients *clients = world->clients;
    uint32_t end = client->ask_from + 16;
    for (; client->ask_from < end && client->ask_from < count_of_all(world); client->ask_from++) {
        if (client->ask_from >= clients->object_count) {
            uint32_t count;
            uint64_t number = appending_ask_all(world, client->connection, out,
                                                client->ask_from - clients->object_count, &count);
            expect_transaction(client, number, count);
            continue;
        }
        enum history_call calls[FLAVOURS_SHOWING_MAX];
        uint32_t count = flavours_showing(clients->objects[client->ask_from].flavours, calls);
        for (uint32_t i = 0; i < count; i++) {
            struct history_command command = {.call = calls[i]};
            ask(world, client, out, client->ask_from, &command, 1);
        }
    }
}

static void send_to_node(struct world *world, struct client *client, struct buffer *out) {
    struct connection *connection = client->connection;
    struct chunk *chunk = chunk_create(out->size);
    memcpy(chunk->data, out->data, out->size);
    chunk->used = out->size;
    buffer_clear(out);
    uint64_t at_us = world->now_us + world_between(world, 30, 300);
    if (at_us < connection->to_node_us) at_us = connection->to_node_us;
    connection->to_node_us = at_us;
    world_at(world, at_us,
             (struct event){.kind = EVENT_TO_NODE, .connection = connection, .chunk = chunk});
}

static void pipeline(struct world *world, uint32_t index) {
    struct clients *clients = world->clients;
    struct client *client = &clients->at[index];
    struct buffer out = {0};
    if (client->listens && !clients->asking_all) {
        publishing_listen(world, index, &out);
        if (out.size > 0) send_to_node(world, client, &out);
        buffer_clear(&out);
        return;
    }
    if (clients->asking_all) {
        ask_for_all(world, client, &out);
    } else {
        uint32_t most = client->watches ? 2 : clients->pipeline_max;
        uint32_t count = (uint32_t)world_between(world, 1, most);
        while (count-- > 0)
            ask_something(world, client, &out);
    }
    if (out.size == 0) return;
    if (client->waiting_count > 0) {
        waiting_at(client, client->waiting_count - 1)->last_of_pipeline = true;
    }
    if (client->pipelines_open++ == 0) client->asked_us = world->now_us;
    world_trace(world, hash_bytes(buffer_bytes(&out), index), "c%u asks n%u %u things", index,
                client->node, client->waiting_count);
    send_to_node(world, client, &out);
}

static bool wants_to_ask(const struct world *world, const struct client *client) {
    const struct clients *clients = world->clients;
    if (clients->asking_all) {
        return client->pipelines_open == 0 && client->ask_from < count_of_all(world);
    }
    uint32_t open_max = client->watches ? WATCHER_OPEN_MAX : PIPELINES_OPEN_MAX;
    return !clients->stopped && client->pipelines_open < open_max;
}

static bool has_work(const struct world *world, const struct client *client) {
    const struct clients *clients = world->clients;
    if (clients->asking_all) {
        return client->pipelines_open > 0 || client->ask_from < count_of_all(world);
    }
    return !clients->stopped || client->waiting_count > 0;
}

void clients_act(struct world *world, uint32_t index) {
    struct clients *clients = world->clients;
    struct client *client = &clients->at[index];
    client->act_planned = false;
    if (!has_work(world, client)) return;
    if (client->waiting_count > 0 && client->patience_us > 0 &&
        world->now_us - client->asked_us > client->patience_us && !clients->asking_all) {
        disconnect(world, index);
        return;
    }
    if (client->connection == NULL && !(clients->stopped && !clients->asking_all)) {
        if (world->nodes[client->node].replica != NULL) {
            connect_client(world, index);
        } else if (!world->healed || !world->nodes[client->node].exists) {
            client->node = world_any_node(world);
        }
    }
    bool is_lull = world->now_us < world->lull_until_us && !world->healed;
    if (client->connection != NULL && !is_lull && wants_to_ask(world, client))
        pipeline(world, index);
    uint64_t think_us = world->healed && client->think_us > 20000 ? 20000 : client->think_us;
    plan(world, index, world_between(world, think_us / 2, think_us * 3 / 2));
}

/* --- bytes ---------------------------------------------------------------------------------- */

void clients_bytes_at_node(struct world *world, struct event *event) {
    (void)world;
    struct connection *connection = event->connection;
    if (event->chunk == NULL) {
        connection->closed_by_client = true;
    } else if (connection->open) {
        buffer_append(&connection->arrived, event->chunk->data, event->chunk->used);
    }
    chunk_release(event->chunk);
}

void clients_output(struct world *world, struct session *session) {
    struct connection *connection = session->owner;
    if (session->output.size == 0) return;
    struct chunk *chunk = chunk_create(session->output.size);
    memcpy(chunk->data, session->output.data, session->output.size);
    chunk->used = session->output.size;
    session->output.size = 0;
    uint64_t at_us = world->now_us + world_between(world, 30, 300);
    if (at_us < connection->to_client_us) at_us = connection->to_client_us;
    connection->to_client_us = at_us;
    world_at(world, at_us,
             (struct event){.kind = EVENT_TO_CLIENT, .connection = connection, .chunk = chunk});
}

static bool read_results(struct history_operation *operation, enum waiting_for what,
                         const struct reply_value *value) {
    if (what == WAITING_SINGLE) return dialogue_read_result(value, &operation->commands[0]);
    if (value->type != REPLY_ARRAY || value->count != operation->count) return false;
    for (uint32_t i = 0; i < operation->count; i++)
        if (!dialogue_read_result(&value->elements[i], &operation->commands[i])) return false;
    return true;
}

/* A listener that is told an error is put out behind it, or tries again on a new connection. */
static void take_news(struct world *world, uint32_t index, const struct reply_value *value) {
    if (value->type == REPLY_ERROR) {
        disconnect(world, index);
    } else if (!publishing_hear(world, index, value)) {
        world_violation(world, "c%u hears something that it does not listen to", index);
    }
}

static void take_reply(struct world *world, uint32_t index, const struct reply_value *value) {
    struct clients *clients = world->clients;
    struct client *client = &clients->at[index];
    if (client->listens && client->waiting_count == 0) {
        take_news(world, index, value);
        return;
    }
    if (client->waiting_count == 0) {
        world_violation(world, "c%u gets a reply that it has not asked for", index);
        return;
    }
    if (dialogue_is_error(value, "UNKNOWN")) return; /* The connection ends now. */
    struct waiting waiting = *waiting_at(client, 0);
    client->waiting_first = (client->waiting_first + 1) % client->waiting_capacity;
    client->waiting_count--;
    client->asked_us = world->now_us;
    if (waiting.last_of_pipeline) client->pipelines_open--;
    bool fine = true;
    switch (waiting.what) {
    case WAITING_MULTI:
        fine = dialogue_is_status(value, "OK");
        break;
    case WAITING_QUEUED:
        fine = dialogue_is_status(value, "QUEUED") || dialogue_certainly_not(value);
        break;
    case WAITING_TRANSACTION:
        fine = appending_take(world, waiting.operation, value);
        break;
    case WAITING_PUBLISH:
        fine = publishing_take(world, waiting.operation, value);
        break;
    case WAITING_NOISE:
        fine = dialogue_is_null(value) || dialogue_is_status(value, "OK") ||
               dialogue_certainly_not(value) || value->type == REPLY_BULK;
        break;
    case WAITING_SINGLE:
    case WAITING_EXEC:
        if (dialogue_certainly_not(value)) {
            settle(world, waiting.operation, OUTCOME_NEVER);
        } else {
            fine =
                read_results(&clients->records[waiting.operation].operation, waiting.what, value);
            settle(world, waiting.operation, OUTCOME_DONE);
        }
        break;
    }
    if (fine) return;
    struct buffer text = {0};
    reply_value_dump(value, &text);
    world_violation(world, "c%u gets a reply that does not fit its request: %.*s", index,
                    (int)text.size, text.data);
    buffer_clear(&text);
}

static void take_replies(struct world *world, uint32_t index) {
    struct client *client = &world->clients->at[index];
    size_t at = 0;
    const struct connection *connection = client->connection;
    while (at < client->replies.size && !world->result->violated &&
           client->connection == connection) {
        struct reply_value *value;
        size_t consumed;
        enum reply_status status = parse_reply(
            bytes_slice(buffer_bytes(&client->replies), at, SIZE_MAX), &value, &consumed);
        if (status == REPLY_NEED_MORE) break;
        if (status == REPLY_MALFORMED) {
            world_violation(world, "c%u gets bytes that are no reply", index);
            break;
        }
        take_reply(world, index, value);
        reply_value_destroy(value);
        at += consumed;
    }
    if (client->connection == connection) buffer_consume(&client->replies, at);
}

void clients_bytes_at_client(struct world *world, struct event *event) {
    struct connection *connection = event->connection;
    struct client *client = &world->clients->at[connection->client];
    if (client->connection == connection) {
        if (event->chunk == NULL) {
            world_trace(world, connection->id, "c%u: n%u has closed", connection->client,
                        connection->node);
            lose_connection(world, connection->client);
        } else {
            world_trace(world, hash_bytes(bytes_of(event->chunk->data, event->chunk->used), 0),
                        "c%u hears %zu bytes of n%u", connection->client, event->chunk->used,
                        connection->node);
            buffer_append(&client->replies, event->chunk->data, event->chunk->used);
            take_replies(world, connection->client);
        }
    }
    chunk_release(event->chunk);
}

/* --- the end -------------------------------------------------------------------------------- */

void clients_spread(struct world *world) {
    struct clients *clients = world->clients;
    for (uint32_t i = 0; i < clients->count; i++) {
        uint32_t node = world_nth_node(world, i);
        if (world->nodes[node].is_dead) node = world_nth_node(world, i + 1);
        if (clients->at[i].connection != NULL && clients->at[i].node != node) {
            disconnect(world, i);
        }
        clients->at[i].node = node;
        clients->at[i].patience_us = 0;
        plan(world, i, world_between(world, 100, 10000));
    }
}

void clients_stop(struct world *world) {
    world->clients->stopped = true;
}

bool clients_are_done(const struct world *world) {
    const struct clients *clients = world->clients;
    for (uint32_t i = 0; i < clients->count; i++)
        if (has_work(world, &clients->at[i])) return false;
    /* Nobody waits for news as for an answer: they may be on their way still. */
    for (size_t i = 0; i < world->event_count; i++)
        if (world->events[i].kind == EVENT_TO_CLIENT) return false;
    return true;
}

void clients_ask_all(struct world *world) {
    struct clients *clients = world->clients;
    clients->asking_all = true;
    for (uint32_t i = 0; i < clients->count; i++) {
        clients->at[i].ask_from = i < world_count_nodes(world) ? 0 : UINT32_MAX;
        plan(world, i, world_between(world, 100, 10000));
    }
}

static int by_invocation(const void *left, const void *right) {
    const struct history_operation *a = left, *b = right;
    return (a->invoked > b->invoked) - (a->invoked < b->invoked);
}

static void print_operation(const struct history_operation *operation) {
    printf("  connection %u, %llu .. ", operation->connection,
           (unsigned long long)operation->invoked);
    bool is_known = operation->returned != HISTORY_UNKNOWN;
    if (is_known) printf("%llu", (unsigned long long)operation->returned);
    printf("%s, log time %llu .. %llu:", is_known ? "" : "?",
           (unsigned long long)operation->log_ms_low, (unsigned long long)operation->log_ms_high);
    for (uint32_t i = 0; i < operation->count; i++) {
        const struct history_command *command = &operation->commands[i];
        printf(" %s(%lld m%u ~%u)", history_call_name(command->call), (long long)command->argument,
               command->member, command->span_ms);
        if (!is_known) continue;
        if (command->result.null) {
            printf("=null");
        } else {
            printf("=%lld", (long long)command->result.value);
        }
    }
    printf("\n");
}

static void report_object(struct world *world, uint32_t object,
                          const struct history_operation *operations, uint32_t count) {
    world_violation(world, "the history of object %u is not linearizable", object);
    for (uint32_t i = 0; world->options->trace && i < count; i++)
        print_operation(&operations[i]);
}

void clients_judge(struct world *world) {
    struct clients *clients = world->clients;
    struct figures *figures = &world->result->figures;
    struct history_operation operations[HISTORY_OPERATIONS_MAX];
    for (size_t i = 0; i < clients->record_count; i++)
        settle(world, i, OUTCOME_UNKNOWN);
    for (uint32_t object = 0; object < clients->object_count; object++) {
        uint32_t count = 0;
        for (size_t i = 0; i < clients->record_count; i++) {
            const struct record *record = &clients->records[i];
            if (record->operation.object != object || record->outcome == OUTCOME_NEVER) continue;
            CHECK(count < HISTORY_OPERATIONS_MAX);
            operations[count++] = record->operation;
        }
        qsort(operations, count, sizeof(operations[0]), by_invocation);
        uint64_t configurations;
        enum history_verdict verdict =
            history_check(operations, count, CONFIGURATIONS_MAX, &configurations);
        figures->objects_checked++;
        figures->configurations += configurations;
        figures->undecided += verdict == HISTORY_UNDECIDED;
        if (verdict == HISTORY_VIOLATED) {
            report_object(world, object, operations, count);
            return;
        }
    }
}
