/* workload.c: one loop over all sockets. A client asks a pipeline, takes all its replies, thinks,
 * and asks again. */
#include "tests/torture/workload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/random.h"
#include "tests/simulator/dialogue.h"
#include "tests/torture/ledger.h"
#include "tests/torture/news.h"
#include "tests/torture/nodes.h"

enum {
    CLIENTS_MAX = 40,
    WAITING_MAX = 64,
    PIPELINE_MAX = 6,
    OBJECTS_AT_ONCE = 10,
    OPERATIONS_PER_OBJECT = 150,
    PUSHES_PER_OBJECT = 100,
    UNKNOWN_PER_OBJECT = 5,
    OBJECTS_ASKED_AT_ONCE = 16,
    CONFIGURATIONS_MAX = 1000000,
    DRAIN_US = 10 * 1000 * 1000,
    ASK_ALL_US = 60 * 1000 * 1000,
    TELL_AGAIN_US = 5 * 1000 * 1000,
    PING_US = 1000 * 1000,
    SUBSCRIBER_PATIENCE_US = 6 * 1000 * 1000,
    AMOUNT_MAX = 9,
    LARGE_PER_MILLE = 30,
    LARGE_BYTES_MAX = 100 * 1000,
};

/* What a client is there for; each node has this many of them. */
#define ROLES(X)                                                                                   \
    X(ASKER, 2)                                                                                    \
    X(ROAMER, 1) /* an asker that goes to any node when it has lost one */                         \
    X(BOOKKEEPER, 1)                                                                               \
    X(PUBLISHER, 1)                                                                                \
    X(SUBSCRIBER, 1)
#define ROLE_ENUMERATOR(role, count) ROLE_##role,
enum role { ROLES(ROLE_ENUMERATOR) ROLE_COUNT };
#undef ROLE_ENUMERATOR
#define ROLE_NUMBER(role, count) [ROLE_##role] = (count),
static const int clients_per_node[ROLE_COUNT] = {ROLES(ROLE_NUMBER)};
#undef ROLE_NUMBER

/* What the next reply belongs to, and what its `number` is. */
enum waiting_for {
    WAITING_SINGLE,    /* an operation */
    WAITING_MULTI,     /* likewise */
    WAITING_QUEUED,    /* likewise */
    WAITING_EXEC,      /* likewise */
    WAITING_ADDED,     /* an amount */
    WAITING_PUSHED,    /* a token */
    WAITING_POPPED,    /* nothing */
    WAITING_PUBLISHED, /* a message */
    WAITING_STORED,    /* nothing: large values are for the links and the log */
    WAITING_SUBSCRIBED,
    WAITING_PONG,
};

struct waiting {
    enum waiting_for what;
    uint64_t number;
};

struct client {
    enum role role;
    int home, node;
    int fd; /* -1: none */
    bool connected;
    uint32_t connection;
    struct buffer out, in;
    struct waiting waiting[WAITING_MAX];
    uint32_t waiting_first, waiting_count;
    uint64_t act_us;      /* when it asks, or connects, next */
    uint64_t asked_us;    /* when it last heard something, or began to wait */
    uint64_t patience_us; /* then it leaves */
    uint64_t think_us;
    bool is_subscribed;
    uint32_t subscription;
    uint32_t ask_from; /* when asking for all: the next object */
};

enum outcome { OUTCOME_OPEN, OUTCOME_DONE, OUTCOME_UNKNOWN, OUTCOME_NEVER };

struct record {
    struct history_operation operation;
    enum outcome outcome;
};

struct object_use {
    uint32_t operations, pushes, unknown;
};

enum phase { PHASE_LOAD, PHASE_DRAIN, PHASE_ASK_ALL };

struct workload {
    const struct lab *lab;
    int node_count;
    struct random random;
    struct client clients[CLIENTS_MAX];
    int client_count;
    enum phase phase;
    pthread_t thread;
    _Atomic bool ends;
    _Atomic uint64_t acknowledged_writes;

    struct record *records;
    size_t record_count, record_capacity;
    struct object_use *objects;
    uint32_t object_count, object_capacity;
    uint32_t current[OBJECTS_AT_ONCE];
    uint64_t moment;
    int64_t next_token;

    struct ledger *ledger;
    struct news *news;
    uint64_t last_message; /* that all are to hear at the end */
    uint64_t tell_us;      /* when they are told another one */
    struct workload_figures figures;
    uint64_t written_us; /* the last acknowledged write */
    char problem[WORKLOAD_PROBLEM_SIZE];
};

/* --- chance and time ------------------------------------------------------------------------- */

static uint64_t between(struct workload *workload, uint64_t least, uint64_t most) {
    return least + random_below(&workload->random, most - least + 1);
}

static bool chance(struct workload *workload, uint32_t per_mille) {
    return random_below(&workload->random, 1000) < per_mille;
}

/* Nanoseconds, made all different. */
static uint64_t next_moment(struct workload *workload) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t moment = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    if (moment <= workload->moment) moment = workload->moment + 1;
    workload->moment = moment;
    return moment;
}

PRINTF_LIKE(2, 3)
static void find_problem(struct workload *workload, const char *format, ...) {
    if (workload->problem[0] != '\0') return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(workload->problem, sizeof(workload->problem), format, arguments);
    va_end(arguments);
}

/* --- life ------------------------------------------------------------------------------------ */

static uint32_t open_object(struct workload *workload) {
    if (workload->object_count == workload->object_capacity) {
        workload->object_capacity = workload->object_capacity * 2 + 64;
        workload->objects =
            memory_resize(workload->objects, workload->object_capacity * sizeof(struct object_use));
    }
    workload->objects[workload->object_count] = (struct object_use){0};
    return workload->object_count++;
}

static void add_client(struct workload *workload, enum role role, int node) {
    CHECK(workload->client_count < CLIENTS_MAX);
    struct client *client = &workload->clients[workload->client_count++];
    client->role = role;
    client->home = client->node = node;
    client->fd = -1;
    client->think_us = 2000u << random_below(&workload->random, 5);
    client->patience_us =
        role == ROLE_SUBSCRIBER ? SUBSCRIBER_PATIENCE_US : between(workload, 1500, 6000) * 1000;
}

struct workload *workload_create(const struct lab *lab, int node_count, uint64_t seed) {
    struct workload *workload = memory_allocate_zeroed(sizeof(*workload));
    workload->lab = lab;
    workload->node_count = node_count;
    random_init(&workload->random, seed);
    workload->ledger = ledger_create();
    workload->news = news_create();
    workload->next_token = 1;
    workload->last_message = UINT64_MAX;
    for (int i = 0; i < OBJECTS_AT_ONCE; i++)
        workload->current[i] = open_object(workload);
    for (int node = 0; node < node_count; node++)
        for (enum role role = 0; role < ROLE_COUNT; role++)
            for (int i = 0; i < clients_per_node[role]; i++)
                add_client(workload, role, node);
    return workload;
}

void workload_destroy(struct workload *workload) {
    if (workload == NULL) return;
    for (int i = 0; i < workload->client_count; i++) {
        struct client *client = &workload->clients[i];
        if (client->fd >= 0) close(client->fd);
        buffer_clear(&client->out);
        buffer_clear(&client->in);
    }
    ledger_destroy(workload->ledger);
    news_destroy(workload->news);
    memory_release(workload->records);
    memory_release(workload->objects);
    memory_release(workload);
}

/* --- outcomes -------------------------------------------------------------------------------- */

static void note_gap(struct workload *workload, uint64_t begin_us, uint64_t end_us) {
    struct workload_gap gap = {.begin_us = begin_us, .end_us = end_us};
    for (int i = 0; i < WORKLOAD_GAPS; i++) {
        struct workload_gap *other = &workload->figures.gaps[i];
        if (other->end_us - other->begin_us >= gap.end_us - gap.begin_us) continue;
        struct workload_gap shorter = *other;
        *other = gap;
        gap = shorter;
    }
}

static void note_write(struct workload *workload) {
    uint64_t now_us = clock_us();
    if (workload->phase == PHASE_LOAD && workload->written_us != 0)
        note_gap(workload, workload->written_us, now_us);
    workload->written_us = now_us;
    atomic_fetch_add(&workload->acknowledged_writes, 1);
}

static void count_outcome(struct workload *workload, enum outcome outcome) {
    struct workload_figures *figures = &workload->figures;
    figures->acknowledged += outcome == OUTCOME_DONE;
    figures->unknown += outcome == OUTCOME_UNKNOWN;
    figures->refused += outcome == OUTCOME_NEVER;
}

static void settle_operation(struct workload *workload, uint64_t index, enum outcome outcome) {
    struct record *record = &workload->records[index];
    if (record->outcome != OUTCOME_OPEN) return;
    record->outcome = outcome;
    record->operation.returned = outcome == OUTCOME_DONE ? next_moment(workload) : HISTORY_UNKNOWN;
    bool writes = false;
    for (uint32_t i = 0; i < record->operation.count; i++)
        writes |= history_call_writes(record->operation.commands[i].call);
    if (outcome == OUTCOME_UNKNOWN && writes) workload->objects[record->operation.object].unknown++;
    if (outcome == OUTCOME_DONE && record->operation.count > 1) workload->figures.groups++;
    if (outcome == OUTCOME_DONE && writes) note_write(workload);
    count_outcome(workload, outcome);
}

/* Without a reply, or with one that says so. */
static void settle_without_result(struct workload *workload, const struct waiting *waiting,
                                  enum outcome outcome) {
    bool is_unknown = outcome == OUTCOME_UNKNOWN;
    switch (waiting->what) {
    case WAITING_SINGLE:
    case WAITING_EXEC:
        settle_operation(workload, waiting->number, outcome);
        return;
    case WAITING_ADDED:
        if (is_unknown) ledger_maybe_added(workload->ledger, (int64_t)waiting->number);
        break;
    case WAITING_PUSHED:
        if (!is_unknown) ledger_not_pushed(workload->ledger, (int64_t)waiting->number);
        break;
    case WAITING_POPPED:
        if (is_unknown) ledger_maybe_popped(workload->ledger);
        break;
    case WAITING_PUBLISHED:
        if (!is_unknown) news_not_published(workload->news, (uint32_t)waiting->number);
        break;
    case WAITING_MULTI:
    case WAITING_QUEUED:
    case WAITING_SUBSCRIBED:
    case WAITING_PONG:
        return;
    case WAITING_STORED:
        break;
    }
    count_outcome(workload, outcome);
}

/* --- connections ----------------------------------------------------------------------------- */

static struct waiting *waiting_at(struct client *client, uint32_t at) {
    return &client->waiting[(client->waiting_first + at) % WAITING_MAX];
}

static void expect(struct client *client, enum waiting_for what, uint64_t number) {
    CHECK(client->waiting_count < WAITING_MAX);
    *waiting_at(client, client->waiting_count++) = (struct waiting){.what = what, .number = number};
}

static void disconnect(struct workload *workload, struct client *client) {
    if (client->fd < 0) return;
    close(client->fd);
    client->fd = -1;
    for (uint32_t i = 0; i < client->waiting_count; i++)
        settle_without_result(workload, waiting_at(client, i), OUTCOME_UNKNOWN);
    client->waiting_count = 0;
    client->out.size = client->in.size = 0;
    if (client->is_subscribed) news_unsubscribed(workload->news, client->subscription);
    client->connected = client->is_subscribed = false;
    if (client->role == ROLE_ROAMER)
        client->node = (int)between(workload, 0, (uint64_t)workload->node_count - 1);
    client->act_us = clock_us() + between(workload, 1, 100) * 1000;
}

static void begin_connecting(struct workload *workload, struct client *client) {
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (client->fd < 0) give_up("socket: %s", strerror(errno));
    int on = 1;
    (void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(NODES_PORT),
                                  .sin_addr.s_addr =
                                      htonl(workload->lab->places[client->node].address)};
    client->connection = (uint32_t)++workload->figures.connections;
    client->asked_us = clock_us();
    if (connect(client->fd, (struct sockaddr *)&address, sizeof(address)) != 0 &&
        errno != EINPROGRESS)
        disconnect(workload, client);
}

static void finish_connecting(struct workload *workload, struct client *client) {
    int reason = 0;
    socklen_t size = sizeof(reason);
    if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &reason, &size) != 0 || reason != 0) {
        disconnect(workload, client);
        return;
    }
    client->connected = true;
    client->act_us = 0;
}

static void send_out(struct workload *workload, struct client *client) {
    if (client->out.size == 0) return;
    ssize_t sent = send(client->fd, client->out.data, client->out.size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        disconnect(workload, client);
        return;
    }
    if (sent > 0) buffer_consume(&client->out, (size_t)sent);
}

/* --- asking for objects ---------------------------------------------------------------------- */

static struct history_command choose_command(struct workload *workload, uint32_t object) {
    static const enum history_call reading[] = {HISTORY_GET, HISTORY_GET, HISTORY_COUNT,
                                                HISTORY_LLEN, HISTORY_LRANGE};
    static const enum history_call writing[] = {HISTORY_SET,    HISTORY_SET,    HISTORY_SETNX,
                                                HISTORY_GETSET, HISTORY_APPEND, HISTORY_DEL,
                                                HISTORY_INCRBY, HISTORY_INCRBY, HISTORY_LPUSH,
                                                HISTORY_RPUSH,  HISTORY_LPOP,   HISTORY_RPOP};
    struct history_command command = {0};
    command.call = chance(workload, 450)
                       ? reading[random_below(&workload->random, COUNT_OF(reading))]
                       : writing[random_below(&workload->random, COUNT_OF(writing))];
    bool pushes = command.call == HISTORY_LPUSH || command.call == HISTORY_RPUSH;
    if (pushes && workload->objects[object].pushes++ >= PUSHES_PER_OBJECT)
        command.call = HISTORY_INCRBY;
    command.argument =
        command.call == HISTORY_INCRBY ? (int64_t)between(workload, 1, 3) : workload->next_token++;
    return command;
}

static size_t add_record(struct workload *workload, const struct client *client, uint32_t object) {
    if (workload->record_count == workload->record_capacity) {
        workload->record_capacity = workload->record_capacity * 2 + 1024;
        workload->records =
            memory_resize(workload->records, workload->record_capacity * sizeof(struct record));
    }
    workload->records[workload->record_count] =
        (struct record){.operation = {.connection = client->connection,
                                      .object = object,
                                      .invoked = next_moment(workload),
                                      .returned = HISTORY_UNKNOWN}};
    workload->objects[object].operations++;
    workload->figures.operations++;
    return workload->record_count++;
}

static void ask(struct workload *workload, struct client *client, uint32_t object,
                const struct history_command *commands, uint32_t count) {
    size_t index = add_record(workload, client, object);
    struct history_operation *operation = &workload->records[index].operation;
    memcpy(operation->commands, commands, count * sizeof(*commands));
    operation->count = count;
    if (count == 1) {
        dialogue_write_command(&client->out, object, commands);
        expect(client, WAITING_SINGLE, index);
        return;
    }
    dialogue_write(&client->out, "MULTI");
    expect(client, WAITING_MULTI, index);
    for (uint32_t i = 0; i < count; i++) {
        dialogue_write_command(&client->out, object, &commands[i]);
        expect(client, WAITING_QUEUED, index);
    }
    dialogue_write(&client->out, "EXEC");
    expect(client, WAITING_EXEC, index);
}

static uint32_t choose_object(struct workload *workload) {
    uint32_t *place = &workload->current[random_below(&workload->random, OBJECTS_AT_ONCE)];
    const struct object_use *use = &workload->objects[*place];
    if (use->operations >= OPERATIONS_PER_OBJECT || use->unknown >= UNKNOWN_PER_OBJECT)
        *place = open_object(workload);
    return *place;
}

static void ask_for_objects(struct workload *workload, struct client *client) {
    uint32_t asks = (uint32_t)between(workload, 1, PIPELINE_MAX);
    while (asks-- > 0) {
        uint32_t object = choose_object(workload);
        bool group = chance(workload, 80);
        uint32_t count = group ? (uint32_t)between(workload, 2, HISTORY_GROUP_MAX) : 1;
        struct history_command commands[HISTORY_GROUP_MAX];
        for (uint32_t i = 0; i < count; i++)
            commands[i] = choose_command(workload, object);
        ask(workload, client, object, commands, count);
    }
}

/* Every object, a few at a time. */
static void ask_for_all(struct workload *workload, struct client *client) {
    static const enum history_call calls[] = {HISTORY_GET, HISTORY_COUNT, HISTORY_LRANGE};
    _Static_assert(OBJECTS_ASKED_AT_ONCE * COUNT_OF(calls) <= WAITING_MAX, "all are waited for");
    uint32_t end = client->ask_from + OBJECTS_ASKED_AT_ONCE;
    for (; client->ask_from < end && client->ask_from < workload->object_count; client->ask_from++)
        for (uint32_t i = 0; i < COUNT_OF(calls); i++)
            ask(workload, client, client->ask_from, &(struct history_command){.call = calls[i]}, 1);
}

/* --- asking for the rest --------------------------------------------------------------------- */

PRINTF_LIKE(3, 4)
static void ask_line(struct workload *workload, struct client *client, const char *format, ...) {
    char words[96];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    dialogue_write(&client->out, words);
    workload->figures.operations++;
}

static void store_large(struct workload *workload, struct client *client) {
    size_t size = between(workload, 1000, LARGE_BYTES_MAX);
    char key[32];
    int key_size = snprintf(key, sizeof(key), "large%u", (unsigned)between(workload, 0, 9));
    buffer_append_format(&client->out, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%zu\r\n", key_size, key,
                         size);
    memset(buffer_reserve(&client->out, size), 'a' + (int)between(workload, 0, 25), size);
    client->out.size += size;
    buffer_append(&client->out, "\r\n", 2);
    workload->figures.operations++;
    expect(client, WAITING_STORED, 0);
}

static void keep_books(struct workload *workload, struct client *client) {
    uint32_t asks = (uint32_t)between(workload, 1, PIPELINE_MAX);
    if (chance(workload, LARGE_PER_MILLE)) store_large(workload, client);
    while (asks-- > 0) {
        uint64_t kind = random_below(&workload->random, 3);
        if (kind == 0) {
            uint64_t amount = between(workload, 1, AMOUNT_MAX);
            ask_line(workload, client, "INCRBY total %u", (unsigned)amount);
            expect(client, WAITING_ADDED, amount);
        } else if (kind == 1) {
            int64_t token = ledger_push(workload->ledger);
            ask_line(workload, client, "RPUSH queue %lld", (long long)token);
            expect(client, WAITING_PUSHED, (uint64_t)token);
        } else {
            ask_line(workload, client, "LPOP queue");
            expect(client, WAITING_POPPED, 0);
        }
    }
}

static uint32_t publish(struct workload *workload, struct client *client) {
    uint32_t message = news_publish(workload->news, next_moment(workload));
    ask_line(workload, client, "PUBLISH news %u", message);
    expect(client, WAITING_PUBLISHED, message);
    return message;
}

static void listen_on(struct workload *workload, struct client *client) {
    ask_line(workload, client, client->is_subscribed ? "PING" : "SUBSCRIBE news");
    expect(client, client->is_subscribed ? WAITING_PONG : WAITING_SUBSCRIBED, 0);
}

/* --- replies --------------------------------------------------------------------------------- */

static bool read_operation(struct workload *workload, const struct waiting *waiting,
                           const struct reply_value *value) {
    struct history_operation *operation = &workload->records[waiting->number].operation;
    bool fits = true;
    if (waiting->what == WAITING_SINGLE) {
        fits = dialogue_read_result(value, &operation->commands[0]);
    } else {
        fits = value->type == REPLY_ARRAY && value->count == operation->count;
        for (uint32_t i = 0; fits && i < operation->count; i++)
            fits = dialogue_read_result(&value->elements[i], &operation->commands[i]);
    }
    settle_operation(workload, waiting->number, OUTCOME_DONE);
    return fits;
}

static int64_t number_of(struct bytes text) {
    char copy[24] = {0};
    if (text.size == 0 || text.size >= sizeof(copy)) return -1;
    memcpy(copy, text.data, text.size);
    return strtoll(copy, NULL, 10);
}

/* False: no such command answers like that. */
static bool read_stored(struct workload *workload, const struct reply_value *value) {
    if (!dialogue_is_status(value, "OK")) return false;
    note_write(workload);
    count_outcome(workload, OUTCOME_DONE);
    return true;
}

static bool read_books(struct workload *workload, const struct waiting *waiting,
                       const struct reply_value *value) {
    bool popped = waiting->what == WAITING_POPPED;
    if (popped ? value->type != REPLY_BULK && !dialogue_is_null(value)
               : value->type != REPLY_INTEGER)
        return false;
    if (waiting->what == WAITING_ADDED) {
        ledger_added(workload->ledger, (int64_t)waiting->number, value->integer);
    } else if (waiting->what == WAITING_PUSHED) {
        ledger_pushed(workload->ledger, (int64_t)waiting->number);
    } else if (waiting->what == WAITING_PUBLISHED) {
        news_published(workload->news, (uint32_t)waiting->number);
    } else if (!dialogue_is_null(value)) {
        ledger_popped(workload->ledger, number_of(value->text));
    }
    note_write(workload);
    count_outcome(workload, OUTCOME_DONE);
    return true;
}

static bool is_push(const struct reply_value *value, const char *kind) {
    return value->type == REPLY_ARRAY && value->count >= 2 &&
           bytes_equal(value->elements[0].text, bytes_of_text(kind));
}

static bool read_subscribed(struct workload *workload, struct client *client,
                            const struct reply_value *value) {
    if (!is_push(value, "subscribe")) return false;
    client->is_subscribed = true;
    client->subscription = news_subscribed(workload->news, next_moment(workload));
    workload->figures.subscriptions++;
    return true;
}

static bool read_reply(struct workload *workload, struct client *client,
                       const struct waiting *waiting, const struct reply_value *value) {
    switch (waiting->what) {
    case WAITING_MULTI:
        return dialogue_is_status(value, "OK");
    case WAITING_QUEUED:
        return dialogue_is_status(value, "QUEUED") || dialogue_certainly_not(value);
    case WAITING_PONG:
        return is_push(value, "pong");
    case WAITING_SUBSCRIBED:
        return read_subscribed(workload, client, value);
    case WAITING_STORED:
        return read_stored(workload, value);
    case WAITING_SINGLE:
    case WAITING_EXEC:
        return read_operation(workload, waiting, value);
    case WAITING_ADDED:
    case WAITING_PUSHED:
    case WAITING_POPPED:
    case WAITING_PUBLISHED:
        return read_books(workload, waiting, value);
    }
    return false;
}

static void report_misfit(struct workload *workload, const struct client *client,
                          const struct reply_value *value) {
    struct buffer text = {0};
    reply_value_dump(value, &text);
    find_problem(workload, "a client of node %d gets a reply that does not fit: %.*s",
                 client->node + 1, text.size < 300 ? (int)text.size : 300, text.data);
    buffer_clear(&text);
}

static void take_reply(struct workload *workload, struct client *client,
                       const struct reply_value *value) {
    client->asked_us = clock_us();
    if (client->is_subscribed && is_push(value, "message") && value->count == 3) {
        news_heard(workload->news, client->subscription,
                   (uint64_t)number_of(value->elements[2].text));
        return;
    }
    if (client->waiting_count == 0) {
        report_misfit(workload, client, value);
        return;
    }
    if (dialogue_is_error(value, "UNKNOWN")) return; /* The connection ends now. */
    struct waiting waiting = *waiting_at(client, 0);
    client->waiting_first = (client->waiting_first + 1) % WAITING_MAX;
    client->waiting_count--;
    bool is_queued = waiting.what == WAITING_QUEUED || waiting.what == WAITING_MULTI;
    if (dialogue_certainly_not(value) && !is_queued) {
        settle_without_result(workload, &waiting, OUTCOME_NEVER);
    } else if (!read_reply(workload, client, &waiting, value)) {
        report_misfit(workload, client, value);
    }
}

static void take_replies(struct workload *workload, struct client *client) {
    size_t at = 0;
    for (;;) {
        struct reply_value *value;
        size_t consumed;
        enum reply_status status =
            parse_reply(bytes_slice(buffer_bytes(&client->in), at, SIZE_MAX), &value, &consumed);
        if (status == REPLY_MALFORMED)
            find_problem(workload, "a client of node %d gets bytes that are no reply",
                         client->node + 1);
        if (status != REPLY_DONE) break;
        take_reply(workload, client, value);
        reply_value_destroy(value);
        at += consumed;
    }
    buffer_consume(&client->in, at);
    if (client->waiting_count == 0) {
        uint64_t think_us = between(workload, client->think_us / 2, client->think_us * 3 / 2);
        client->act_us = clock_us() + (client->role == ROLE_SUBSCRIBER ? PING_US : think_us);
    }
}

static void receive(struct workload *workload, struct client *client) {
    enum { SLICE = 64 * 1024 };
    char *into = buffer_reserve(&client->in, SLICE);
    ssize_t size = recv(client->fd, into, SLICE, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) {
        disconnect(workload, client);
        return;
    }
    client->in.size += (size_t)size;
    take_replies(workload, client);
}

/* --- the loop -------------------------------------------------------------------------------- */

static void ask_by_role(struct workload *workload, struct client *client) {
    switch (client->role) {
    case ROLE_ASKER:
    case ROLE_ROAMER:
        ask_for_objects(workload, client);
        break;
    case ROLE_BOOKKEEPER:
        keep_books(workload, client);
        break;
    case ROLE_PUBLISHER:
        (void)publish(workload, client);
        break;
    case ROLE_SUBSCRIBER:
        listen_on(workload, client);
        break;
    case ROLE_COUNT:
        break;
    }
}

/* The client of each node that asks for everything at the end. */
static bool asks_for_all(const struct workload *workload, const struct client *client) {
    return client->role == ROLE_ASKER && client->ask_from < workload->object_count &&
           client->node == client->home;
}

static void ask_something(struct workload *workload, struct client *client) {
    if (workload->phase == PHASE_LOAD || client->role == ROLE_SUBSCRIBER) {
        ask_by_role(workload, client);
    } else if (workload->phase == PHASE_ASK_ALL && asks_for_all(workload, client)) {
        ask_for_all(workload, client);
    } else if (workload->phase == PHASE_ASK_ALL && client->role == ROLE_PUBLISHER &&
               clock_us() >= workload->tell_us) {
        /* One may be refused as long as a node has not noticed that there is space again, or come
         * before a connection that was lost is back. */
        workload->last_message = publish(workload, client);
        workload->tell_us = clock_us() + TELL_AGAIN_US;
    }
    if (client->out.size > 0) client->asked_us = clock_us();
}

static void act(struct workload *workload, struct client *client, uint64_t now_us) {
    bool waits = client->fd >= 0 && (!client->connected || client->waiting_count > 0);
    if (waits && now_us - client->asked_us > client->patience_us) {
        disconnect(workload, client);
        return;
    }
    if (waits || now_us < client->act_us) return;
    if (client->fd < 0) {
        begin_connecting(workload, client);
    } else {
        ask_something(workload, client);
        send_out(workload, client);
    }
}

static void turn(struct workload *workload) {
    enum { TURN_MS = 2 };
    struct pollfd polled[CLIENTS_MAX];
    uint64_t now_us = clock_us();
    for (int i = 0; i < workload->client_count; i++)
        act(workload, &workload->clients[i], now_us);
    for (int i = 0; i < workload->client_count; i++) {
        const struct client *client = &workload->clients[i];
        bool writes = client->fd >= 0 && (!client->connected || client->out.size > 0);
        polled[i] = (struct pollfd){.fd = client->fd,
                                    .events = (short)(writes ? POLLIN | POLLOUT : POLLIN)};
    }
    if (poll(polled, (nfds_t)workload->client_count, TURN_MS) <= 0) return;
    for (int i = 0; i < workload->client_count; i++) {
        struct client *client = &workload->clients[i];
        if (polled[i].fd < 0 || polled[i].revents == 0) continue;
        if (!client->connected) {
            finish_connecting(workload, client);
        } else {
            if ((polled[i].revents & POLLOUT) != 0) send_out(workload, client);
            if (client->fd >= 0 && (polled[i].revents & ~POLLOUT) != 0) receive(workload, client);
        }
    }
}

static void *run(void *argument) {
    struct workload *workload = argument;
    while (!atomic_load(&workload->ends))
        turn(workload);
    return NULL;
}

void workload_begin(struct workload *workload) {
    workload->phase = PHASE_LOAD;
    workload->written_us = clock_us();
    CHECK(pthread_create(&workload->thread, NULL, run, workload) == 0);
}

static bool nothing_is_open(const struct workload *workload) {
    for (int i = 0; i < workload->client_count; i++) {
        const struct client *client = &workload->clients[i];
        if (client->role != ROLE_SUBSCRIBER && client->waiting_count > 0) return false;
    }
    return true;
}

void workload_end(struct workload *workload) {
    atomic_store(&workload->ends, true);
    CHECK(pthread_join(workload->thread, NULL) == 0);
    note_gap(workload, workload->written_us, clock_us());
    workload->phase = PHASE_DRAIN;
    uint64_t until_us = clock_us() + DRAIN_US;
    while (!nothing_is_open(workload) && clock_us() < until_us)
        turn(workload);
    for (int i = 0; i < workload->client_count; i++)
        if (workload->clients[i].role != ROLE_SUBSCRIBER && workload->clients[i].waiting_count > 0)
            disconnect(workload, &workload->clients[i]);
}

uint64_t workload_acknowledged(const struct workload *workload) {
    return atomic_load(&workload->acknowledged_writes);
}

/* --- the end --------------------------------------------------------------------------------- */

static bool all_is_asked(const struct workload *workload) {
    if (!nothing_is_open(workload)) return false;
    for (int i = 0; i < workload->client_count; i++)
        if (asks_for_all(workload, &workload->clients[i])) return false;
    return true;
}

static bool all_listen(const struct workload *workload) {
    for (int i = 0; i < workload->client_count; i++) {
        const struct client *client = &workload->clients[i];
        if (client->role == ROLE_SUBSCRIBER && !client->is_subscribed) return false;
    }
    return true;
}

static bool all_have_heard(const struct workload *workload) {
    return workload->last_message != UINT64_MAX &&
           news_reached_all(workload->news, (uint32_t)workload->last_message);
}

bool workload_ask_all(struct workload *workload, char problem[static WORKLOAD_PROBLEM_SIZE]) {
    uint64_t until_us = clock_us() + ASK_ALL_US;
    while (!all_listen(workload) && clock_us() < until_us)
        turn(workload);
    bool asked_once[TORTURE_NODES_MAX] = {false};
    for (int i = 0; i < workload->client_count; i++) {
        struct client *client = &workload->clients[i];
        client->think_us = 0;
        client->act_us = 0;
        if (client->role != ROLE_ASKER) continue;
        client->ask_from = asked_once[client->home] ? UINT32_MAX : 0;
        asked_once[client->home] = true;
    }
    workload->phase = PHASE_ASK_ALL;
    bool asked, listen, heard;
    do {
        turn(workload);
        asked = all_is_asked(workload);
        listen = all_listen(workload);
        heard = all_have_heard(workload);
    } while (!(asked && listen && heard) && clock_us() < until_us);
    if (asked && listen && heard) return true;
    snprintf(problem, WORKLOAD_PROBLEM_SIZE, "%d s after healing:%s%s%s", ASK_ALL_US / 1000000,
             asked ? "" : " not all clients could ask for everything;",
             listen ? "" : " not all subscribers are connected;",
             heard ? "" : " not all have heard the last message;");
    return false;
}

static int by_object(const void *left, const void *right) {
    const struct record *a = left, *b = right;
    if (a->operation.object != b->operation.object)
        return a->operation.object < b->operation.object ? -1 : 1;
    return (a->operation.invoked > b->operation.invoked) -
           (a->operation.invoked < b->operation.invoked);
}

static void print_operation(const struct history_operation *operation) {
    printf("    connection %u, %llu .. ", operation->connection,
           (unsigned long long)operation->invoked);
    if (operation->returned == HISTORY_UNKNOWN) {
        printf("?:");
    } else {
        printf("%llu:", (unsigned long long)operation->returned);
    }
    for (uint32_t i = 0; i < operation->count; i++) {
        const struct history_command *command = &operation->commands[i];
        printf(" %s(%lld)", history_call_name(command->call), (long long)command->argument);
        if (operation->returned == HISTORY_UNKNOWN) continue;
        if (command->result.null) {
            printf("=null");
        } else {
            printf("=%llu", (unsigned long long)command->result.value);
        }
    }
    printf("\n");
}

static void judge_object(struct workload *workload, const struct history_operation *operations,
                         uint32_t count) {
    uint64_t configurations;
    enum history_verdict verdict =
        history_check(operations, count, CONFIGURATIONS_MAX, &configurations);
    workload->figures.objects_checked++;
    workload->figures.configurations += configurations;
    workload->figures.undecided += verdict == HISTORY_UNDECIDED;
    if (verdict != HISTORY_VIOLATED || workload->problem[0] != '\0') return;
    find_problem(workload, "the history of object %u is not linearizable", operations[0].object);
    for (uint32_t i = 0; i < count; i++)
        print_operation(&operations[i]);
}

static void judge_objects(struct workload *workload) {
    for (size_t i = 0; i < workload->record_count; i++)
        settle_operation(workload, i, OUTCOME_UNKNOWN);
    qsort(workload->records, workload->record_count, sizeof(struct record), by_object);
    struct history_operation operations[HISTORY_OPERATIONS_MAX];
    for (size_t i = 0; i < workload->record_count;) {
        uint32_t object = workload->records[i].operation.object, count = 0;
        for (; i < workload->record_count && workload->records[i].operation.object == object; i++) {
            const struct record *record = &workload->records[i];
            if (record->outcome == OUTCOME_NEVER) continue;
            CHECK(count < HISTORY_OPERATIONS_MAX);
            operations[count++] = record->operation;
        }
        if (count > 0) judge_object(workload, operations, count);
    }
}

bool workload_judge(struct workload *workload, int64_t total, const int64_t *left,
                    size_t left_count, char problem[static WORKLOAD_PROBLEM_SIZE]) {
    if (workload->record_count > 0) judge_objects(workload);
    char own[WORKLOAD_PROBLEM_SIZE / 2];
    if (!ledger_is_exact(workload->ledger, total, left, left_count, own, sizeof(own)))
        find_problem(workload, "%s", own);
    if (!news_is_consistent(workload->news, own, sizeof(own))) find_problem(workload, "%s", own);
    memcpy(problem, workload->problem, sizeof(workload->problem));
    return problem[0] == '\0';
}

struct workload_figures workload_figures(const struct workload *workload) {
    struct workload_figures figures = workload->figures;
    figures.acknowledged_writes = atomic_load(&workload->acknowledged_writes);
    figures.messages_heard = news_heard_count(workload->news);
    return figures;
}
