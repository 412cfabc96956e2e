/* appends.c: see appends.h.
 *
 * The nodes of the graph are transactions and moments at which one returned: an edge into such a
 * moment and on from it to whatever began later stands for "before, in real time" in linear space.
 * Edges between transactions, on one key: the append of each element to that of the next one; the
 * append of the last element that was read to the read; the read to the append behind it. */
#include "tests/simulator/appends.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#define NOBODY UINT32_MAX

enum outcome { UNKNOWN, DONE, REFUSED };

struct command {
    uint32_t key;
    bool appends;
    uint32_t token;     /* that it appends */
    uint64_t length;    /* of the list after it; of what it read */
    uint32_t *elements; /* that it read */
    size_t element_capacity;
};

struct transaction {
    uint32_t connection;
    uint64_t invoked, returned;
    enum outcome outcome;
    uint32_t count;
    struct command commands[APPENDS_COMMANDS_MAX];
};

struct appends {
    struct transaction *transactions;
    uint32_t count, capacity;
    uint32_t *writers, *keys; /* by token: the transaction, the list */
    uint32_t token_count, token_capacity;
};

struct appends *appends_create(void) {
    return memory_allocate_zeroed(sizeof(struct appends));
}

void appends_destroy(struct appends *appends) {
    if (appends == NULL) return;
    for (uint32_t i = 0; i < appends->count; i++)
        for (uint32_t k = 0; k < appends->transactions[i].count; k++)
            memory_release(appends->transactions[i].commands[k].elements);
    memory_release(appends->transactions);
    memory_release(appends->writers);
    memory_release(appends->keys);
    memory_release(appends);
}

/* --- what happened -------------------------------------------------------------------------- */

uint32_t appends_begin(struct appends *appends, uint32_t connection, uint64_t moment) {
    if (appends->count == appends->capacity) {
        appends->capacity = appends->capacity * 2 + 64;
        appends->transactions =
            memory_resize(appends->transactions, appends->capacity * sizeof(struct transaction));
    }
    appends->transactions[appends->count] =
        (struct transaction){.connection = connection, .invoked = moment, .returned = UINT64_MAX};
    return appends->count++;
}

static struct command *add_command(struct appends *appends, uint32_t number, uint32_t key) {
    struct transaction *transaction = &appends->transactions[number];
    CHECK(transaction->count < APPENDS_COMMANDS_MAX && key < APPENDS_KEYS);
    transaction->commands[transaction->count] = (struct command){.key = key};
    return &transaction->commands[transaction->count++];
}

uint32_t appends_append(struct appends *appends, uint32_t transaction, uint32_t key) {
    if (appends->token_count == appends->token_capacity) {
        appends->token_capacity = appends->token_capacity * 2 + 64;
        size_t bytes = appends->token_capacity * sizeof(uint32_t);
        appends->writers = memory_resize(appends->writers, bytes);
        appends->keys = memory_resize(appends->keys, bytes);
    }
    struct command *command = add_command(appends, transaction, key);
    command->appends = true;
    command->token = appends->token_count++;
    appends->writers[command->token] = transaction;
    appends->keys[command->token] = key;
    return command->token;
}

void appends_read(struct appends *appends, uint32_t transaction, uint32_t key) {
    (void)add_command(appends, transaction, key);
}

void appends_refused(struct appends *appends, uint32_t transaction) {
    appends->transactions[transaction].outcome = REFUSED;
}

void appends_done(struct appends *appends, uint32_t transaction, uint64_t moment) {
    appends->transactions[transaction].outcome = DONE;
    appends->transactions[transaction].returned = moment;
}

void appends_length(struct appends *appends, uint32_t transaction, uint32_t command,
                    uint64_t length) {
    appends->transactions[transaction].commands[command].length = length;
}

void appends_element(struct appends *appends, uint32_t transaction, uint32_t number,
                     uint32_t token) {
    struct command *command = &appends->transactions[transaction].commands[number];
    if (command->length == command->element_capacity) {
        command->element_capacity = command->element_capacity * 2 + 16;
        command->elements =
            memory_resize(command->elements, command->element_capacity * sizeof(uint32_t));
    }
    command->elements[command->length++] = token;
}

size_t appends_done_count(const struct appends *appends) {
    size_t count = 0;
    for (uint32_t i = 0; i < appends->count; i++)
        count += appends->transactions[i].outcome == DONE;
    return count;
}

/* --- the graph ------------------------------------------------------------------------------ */

struct edge {
    uint32_t to, next; /* the next edge from the same node */
};

struct judgement {
    const struct appends *appends;
    const struct command *longest[APPENDS_KEYS]; /* reads: each shows a list's order; NULL: none */
    bool *took_effect;                           /* by transaction */
    uint32_t *places;                            /* by token: its place in its list; or NOBODY */

    uint32_t node_count;
    uint32_t *first, *arrows; /* by node: its first edge; how many lead to it */
    struct edge *edges;
    uint32_t edge_count, edge_capacity;

    char *problem;
    size_t size;
};

PRINTF_LIKE(2, 3) static bool complain(struct judgement *judgement, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(judgement->problem, judgement->size, format, arguments);
    va_end(arguments);
    return false;
}

static void point(struct judgement *judgement, uint32_t from, uint32_t to) {
    if (from == to) return;
    if (judgement->edge_count == judgement->edge_capacity) {
        judgement->edge_capacity = judgement->edge_capacity * 2 + 256;
        judgement->edges =
            memory_resize(judgement->edges, judgement->edge_capacity * sizeof(struct edge));
    }
    judgement->edges[judgement->edge_count] =
        (struct edge){.to = to, .next = judgement->first[from]};
    judgement->first[from] = judgement->edge_count++;
    judgement->arrows[to]++;
}

/* --- orders --------------------------------------------------------------------------------- */

static bool is_known_read(const struct transaction *transaction, const struct command *command) {
    return transaction->outcome == DONE && !command->appends;
}

static void find_longest(struct judgement *judgement) {
    const struct appends *appends = judgement->appends;
    for (uint32_t i = 0; i < appends->count; i++) {
        for (uint32_t k = 0; k < appends->transactions[i].count; k++) {
            const struct command *command = &appends->transactions[i].commands[k];
            const struct command **longest = &judgement->longest[command->key];
            if (!is_known_read(&appends->transactions[i], command)) continue;
            if (*longest == NULL || command->length > (*longest)->length) *longest = command;
        }
    }
}

/* The longest read of a key gives each token its place. */
static bool settle_places(struct judgement *judgement, uint32_t key) {
    const struct appends *appends = judgement->appends;
    const struct command *longest = judgement->longest[key];
    for (uint32_t i = 0; longest != NULL && i < longest->length; i++) {
        uint32_t token = longest->elements[i];
        if (token >= appends->token_count || appends->keys[token] != key)
            return complain(judgement, "list %u holds something that nobody appended to it", key);
        if (judgement->places[token] != NOBODY)
            return complain(judgement, "list %u holds token %u twice", key, token);
        judgement->places[token] = i;
        uint32_t writer = appends->writers[token];
        if (appends->transactions[writer].outcome == REFUSED)
            return complain(judgement, "list %u holds token %u, which was refused", key, token);
        judgement->took_effect[writer] = true;
    }
    return true;
}

/* Each read is the beginning of the longest; what an append was told is its place. */
static bool orders_agree(struct judgement *judgement, uint32_t number) {
    const struct transaction *transaction = &judgement->appends->transactions[number];
    for (uint32_t k = 0; transaction->outcome == DONE && k < transaction->count; k++) {
        const struct command *command = &transaction->commands[k];
        const struct command *longest = judgement->longest[command->key];
        if (!command->appends) {
            size_t bytes = command->length * sizeof(uint32_t);
            if (bytes == 0 || memcmp(command->elements, longest->elements, bytes) == 0) continue;
            return complain(judgement, "two reads of list %u show different orders", command->key);
        }
        uint32_t place = judgement->places[command->token];
        bool is_seen = longest != NULL && command->length <= longest->length;
        if (place == NOBODY ? !is_seen : place + 1 == command->length) continue;
        return complain(judgement, "token %u was told to be at place %llu of list %u and is not",
                        command->token, (unsigned long long)command->length, command->key);
    }
    return true;
}

/* --- who came before whom ------------------------------------------------------------------- */

static void point_appends(struct judgement *judgement, uint32_t key) {
    const struct command *longest = judgement->longest[key];
    const uint32_t *writers = judgement->appends->writers;
    for (uint32_t i = 1; longest != NULL && i < longest->length; i++)
        point(judgement, writers[longest->elements[i - 1]], writers[longest->elements[i]]);
}

/* Those that took effect and are seen by no read come behind all reads of the list. */
static void point_to_unseen(struct judgement *judgement, uint32_t reader, uint32_t key) {
    const struct appends *appends = judgement->appends;
    for (uint32_t token = 0; token < appends->token_count; token++) {
        bool is_unseen = appends->keys[token] == key && judgement->places[token] == NOBODY;
        if (is_unseen && judgement->took_effect[appends->writers[token]])
            point(judgement, reader, appends->writers[token]);
    }
}

static void point_reads(struct judgement *judgement, uint32_t number) {
    const struct transaction *transaction = &judgement->appends->transactions[number];
    const uint32_t *writers = judgement->appends->writers;
    for (uint32_t k = 0; k < transaction->count; k++) {
        const struct command *command = &transaction->commands[k];
        if (!is_known_read(transaction, command)) continue;
        const struct command *longest = judgement->longest[command->key];
        if (command->length > 0)
            point(judgement, writers[command->elements[command->length - 1]], number);
        if (command->length < longest->length) {
            point(judgement, number, writers[longest->elements[command->length]]);
        } else {
            point_to_unseen(judgement, number, command->key);
        }
    }
}

/* A token of the transaction's own that it reads must be one that it appended before; what it
 * appended before it must read. */
static bool sees_itself(struct judgement *judgement, uint32_t number) {
    const struct transaction *transaction = &judgement->appends->transactions[number];
    for (uint32_t k = 0; transaction->outcome == DONE && k < transaction->count; k++) {
        const struct command *append = &transaction->commands[k];
        if (!append->appends) continue;
        for (uint32_t i = 0; i < transaction->count; i++) {
            const struct command *read = &transaction->commands[i];
            if (read->appends || read->key != append->key) continue;
            bool is_seen = read->length >= append->length;
            if (is_seen == (i > k)) continue;
            return complain(judgement, "a transaction reads list %u %s its own append", append->key,
                            is_seen ? "with a later one of" : "without");
        }
    }
    return true;
}

struct point_in_time {
    uint64_t moment;
    uint32_t transaction;
    bool is_return;
};

static int by_moment(const void *left, const void *right) {
    const struct point_in_time *a = left, *b = right;
    return (a->moment > b->moment) - (a->moment < b->moment);
}

static void point_in_real_time(struct judgement *judgement) {
    const struct appends *appends = judgement->appends;
    struct point_in_time *points =
        memory_allocate((2 * (size_t)appends->count + 1) * sizeof(*points));
    size_t count = 0;
    for (uint32_t i = 0; i < appends->count; i++) {
        const struct transaction *transaction = &appends->transactions[i];
        if (!judgement->took_effect[i]) continue;
        points[count++] = (struct point_in_time){transaction->invoked, i, false};
        if (transaction->outcome == DONE)
            points[count++] = (struct point_in_time){transaction->returned, i, true};
    }
    qsort(points, count, sizeof(*points), by_moment);
    uint32_t latest = NOBODY; /* node of the last return so far */
    for (size_t i = 0; i < count; i++) {
        if (!points[i].is_return) {
            if (latest != NOBODY) point(judgement, latest, points[i].transaction);
            continue;
        }
        uint32_t node = appends->count + points[i].transaction;
        point(judgement, points[i].transaction, node);
        if (latest != NOBODY) point(judgement, latest, node);
        latest = node;
    }
    memory_release(points);
}

/* A connection's transactions take effect in its order. */
static void point_in_programs(struct judgement *judgement) {
    const struct appends *appends = judgement->appends;
    uint32_t connections = 0;
    for (uint32_t i = 0; i < appends->count; i++)
        if (appends->transactions[i].connection >= connections)
            connections = appends->transactions[i].connection + 1;
    uint32_t *previous = memory_allocate((connections + 1) * sizeof(uint32_t));
    for (uint32_t i = 0; i < connections; i++)
        previous[i] = NOBODY;
    for (uint32_t i = 0; i < appends->count; i++) { /* in order of invocation */
        uint32_t *before = &previous[appends->transactions[i].connection];
        if (!judgement->took_effect[i]) continue;
        if (*before != NOBODY) point(judgement, *before, i);
        *before = i;
    }
    memory_release(previous);
}

/* Takes away what nothing comes before, again and again: what is left runs in a circle. */
static bool has_order(struct judgement *judgement) {
    uint32_t *free_ones = memory_allocate((judgement->node_count + 1) * sizeof(uint32_t));
    uint32_t count = 0, taken = 0;
    for (uint32_t i = 0; i < judgement->node_count; i++)
        if (judgement->arrows[i] == 0) free_ones[count++] = i;
    while (taken < count) {
        uint32_t node = free_ones[taken++];
        for (uint32_t at = judgement->first[node]; at != NOBODY; at = judgement->edges[at].next)
            if (--judgement->arrows[judgement->edges[at].to] == 0)
                free_ones[count++] = judgement->edges[at].to;
    }
    memory_release(free_ones);
    if (count == judgement->node_count) return true;
    uint32_t some = 0;
    while (judgement->arrows[some] == 0)
        some++;
    return complain(
        judgement,
        "%u of %u transactions come before one another in a circle, one of them the "
        "one that began at %llu",
        judgement->node_count - count, judgement->appends->count,
        (unsigned long long)judgement->appends->transactions[some % judgement->appends->count]
            .invoked);
}

/* --- the judgement -------------------------------------------------------------------------- */

static bool judge(struct judgement *judgement) {
    const struct appends *appends = judgement->appends;
    find_longest(judgement);
    for (uint32_t key = 0; key < APPENDS_KEYS; key++)
        if (!settle_places(judgement, key)) return false;
    for (uint32_t i = 0; i < appends->count; i++)
        if (!orders_agree(judgement, i) || !sees_itself(judgement, i)) return false;
    for (uint32_t key = 0; key < APPENDS_KEYS; key++)
        point_appends(judgement, key);
    for (uint32_t i = 0; i < appends->count; i++)
        point_reads(judgement, i);
    point_in_programs(judgement);
    point_in_real_time(judgement);
    return has_order(judgement);
}

bool appends_are_serializable(const struct appends *appends, char *problem, size_t size) {
    struct judgement judgement = {
        .appends = appends,
        .node_count = 2 * appends->count, /* each, and its return */
        .problem = problem,
        .size = size,
    };
    size_t nodes = (judgement.node_count + 1) * sizeof(uint32_t);
    judgement.took_effect = memory_allocate_zeroed(appends->count + 1);
    judgement.places = memory_allocate((appends->token_count + 1) * sizeof(uint32_t));
    judgement.first = memory_allocate(nodes);
    judgement.arrows = memory_allocate_zeroed(nodes);
    for (uint32_t i = 0; i < appends->token_count; i++)
        judgement.places[i] = NOBODY;
    for (uint32_t i = 0; i < judgement.node_count; i++)
        judgement.first[i] = NOBODY;
    for (uint32_t i = 0; i < appends->count; i++)
        judgement.took_effect[i] = appends->transactions[i].outcome == DONE;
    bool serializable = judge(&judgement);
    memory_release(judgement.took_effect);
    memory_release(judgement.places);
    memory_release(judgement.first);
    memory_release(judgement.arrows);
    memory_release(judgement.edges);
    return serializable;
}
