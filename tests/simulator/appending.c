/* appending.c: transactions that append to several lists at once and read them; appends.h judges
 * their order. Lists that have grown long are left alone for fresh ones: a generation. */
#include <stdio.h>

#include "base/memory.h"
#include "tests/simulator/appends.h"
#include "tests/simulator/dialogue.h"
#include "tests/simulator/world.h"

enum { GENERATIONS_MAX = 64, TRANSACTIONS_PER_GENERATION = 250 };

/* By number: in the upper half its generation, in the lower its number there. */
struct appending {
    uint32_t per_mille, keys;
    uint32_t count; /* of generations */
    uint32_t transactions[GENERATIONS_MAX];
    struct appends *generations[GENERATIONS_MAX];
};

static void open_generation(struct appending *appending) {
    CHECK(appending->count < GENERATIONS_MAX);
    appending->generations[appending->count++] = appends_create();
}

void appending_create(struct world *world) {
    struct appending *appending = memory_allocate_zeroed(sizeof(*appending));
    world->appending = appending;
    if (world_chance(world, 600)) appending->per_mille = (uint32_t)world_between(world, 20, 200);
    appending->keys = (uint32_t)world_between(world, 2, APPENDS_KEYS);
    open_generation(appending);
}

void appending_destroy(struct world *world) {
    for (uint32_t i = 0; i < world->appending->count; i++)
        appends_destroy(world->appending->generations[i]);
    memory_release(world->appending);
}

bool appending_is_wanted(struct world *world) {
    return world_chance(world, world->appending->per_mille);
}

uint32_t appending_generations(const struct world *world) {
    return world->appending->per_mille == 0 ? 0 : world->appending->count;
}

static void write_append(struct buffer *out, uint32_t generation, uint32_t key, uint32_t token) {
    char text[HISTORY_TOKEN_SIZE], words[64];
    struct bytes value = history_token(token, text);
    snprintf(words, sizeof(words), "RPUSH a%u.%u %.*s", generation, key, (int)value.size,
             value.data);
    dialogue_write(out, words);
}

static void write_read(struct buffer *out, uint32_t generation, uint32_t key) {
    char words[64];
    snprintf(words, sizeof(words), "LRANGE a%u.%u 0 -1", generation, key);
    dialogue_write(out, words);
}

static uint64_t begin(struct world *world, uint32_t generation,
                      const struct connection *connection) {
    struct appending *appending = world->appending;
    appending->transactions[generation]++;
    world->result->figures.operations++;
    return (uint64_t)generation << 32 |
           appends_begin(appending->generations[generation], connection->id, clients_moment(world));
}

uint64_t appending_ask(struct world *world, const struct connection *connection, struct buffer *out,
                       uint32_t *count) {
    struct appending *appending = world->appending;
    uint32_t generation = appending->count - 1;
    if (appending->transactions[generation] >= TRANSACTIONS_PER_GENERATION) {
        open_generation(appending);
        generation++;
    }
    struct appends *appends = appending->generations[generation];
    uint64_t number = begin(world, generation, connection);
    *count = (uint32_t)world_between(world, 1, APPENDS_COMMANDS_MAX);
    dialogue_write(out, "MULTI");
    for (uint32_t i = 0; i < *count; i++) {
        uint32_t key = (uint32_t)world_below(world, appending->keys);
        if (world_chance(world, 500)) {
            write_append(out, generation, key, appends_append(appends, (uint32_t)number, key));
        } else {
            appends_read(appends, (uint32_t)number, key);
            write_read(out, generation, key);
        }
    }
    dialogue_write(out, "EXEC");
    return number;
}

uint64_t appending_ask_all(struct world *world, const struct connection *connection,
                           struct buffer *out, uint32_t generation, uint32_t *count) {
    struct appending *appending = world->appending;
    uint64_t number = begin(world, generation, connection);
    *count = appending->keys;
    dialogue_write(out, "MULTI");
    for (uint32_t key = 0; key < appending->keys; key++) {
        appends_read(appending->generations[generation], (uint32_t)number, key);
        write_read(out, generation, key);
    }
    dialogue_write(out, "EXEC");
    return number;
}

bool appending_take(struct world *world, uint64_t number, const struct reply_value *value) {
    struct appends *appends = world->appending->generations[number >> 32];
    uint32_t transaction = (uint32_t)number;
    if (dialogue_certainly_not(value)) {
        appends_refused(appends, transaction);
        return true;
    }
    if (value->type != REPLY_ARRAY) return false;
    appends_done(appends, transaction, clients_moment(world));
    for (uint32_t i = 0; i < value->count; i++) {
        const struct reply_value *result = &value->elements[i];
        if (result->type == REPLY_INTEGER) {
            appends_length(appends, transaction, i, (uint64_t)result->integer);
            continue;
        }
        if (result->type != REPLY_ARRAY) return false;
        for (size_t k = 0; k < result->count; k++) {
            int64_t token = history_token_of(result->elements[k].text);
            appends_element(appends, transaction, i, token < 0 ? UINT32_MAX : (uint32_t)token);
        }
    }
    return true;
}

void appending_judge(struct world *world) {
    char problem[256];
    for (uint32_t i = 0; i < world->appending->count; i++) {
        const struct appends *appends = world->appending->generations[i];
        world->result->figures.transactions += appends_done_count(appends);
        if (appends_are_serializable(appends, problem, sizeof(problem))) continue;
        world_violation(world, "transactions over the lists a%u.*: %s", i, problem);
        return;
    }
}
