/* set_algebra_commands.c: the commands that combine sets. Each has a step that hands the members
 * of the result, one by one, to an outcome: a reply, a new set or a count. */
#include "base/memory.h"
#include "storages/set.h"
#include "storages/settings.h"

/* --- operands and outcomes ----------------------------------------------------------------- */

/* The sets that are combined; an absent key is NULL, the same as an empty set. */
struct operands {
    const struct set **sets;
    uint32_t count;
};

/* Opens `count` keys from argument `at` on; false, with nothing to release, after WRONGTYPE. */
static bool open_operands(struct command_call *call, uint32_t at, uint32_t count,
                          struct operands *operands) {
    *operands = (struct operands){memory_allocate(count * sizeof(*operands->sets)), count};
    for (uint32_t i = 0; i < count; i++) {
        bool wrong_type;
        operands->sets[i] = keyspace_open(call, call->args[at + i], ITEM_SET, &wrong_type);
        if (!wrong_type) continue;
        memory_release(operands->sets);
        return false;
    }
    return true;
}

static void close_operands(struct operands *operands) {
    memory_release(operands->sets);
}

/* Where the members of a result go. At most one of `reply` and `set`. */
struct outcome {
    struct reply *reply; /* or NULL */
    struct set *set;     /* or NULL */
    int64_t integers_max;
    uint64_t count, limit; /* limit 0: none */
};

/* False when no more members are wanted. */
static bool outcome_take(struct outcome *outcome, struct bytes member) {
    if (outcome->reply != NULL) reply_bulk(outcome->reply, member);
    if (outcome->set != NULL && !set_add(outcome->set, member, outcome->integers_max)) return true;
    outcome->count++;
    return outcome->count != outcome->limit;
}

static struct outcome outcome_set(struct command_call *call) {
    return (struct outcome){.set = set_create(storages_hash_seed(call->storages)),
                            .integers_max =
                                storages_settings(call->storages)->set_max_intset_entries};
}

static bool has(const struct set *set, struct bytes member) {
    return set != NULL && set_has(set, member);
}

/* --- the three operations ------------------------------------------------------------------ */

static bool in_all(const struct operands *operands, struct bytes member) {
    for (uint32_t i = 0; i < operands->count; i++) {
        if (!has(operands->sets[i], member)) return false;
    }
    return true;
}

/* Asks the members of the smallest set for their presence in all others. */
static void intersect(const struct operands *operands, struct outcome *outcome) {
    const struct set *smallest = operands->sets[0];
    for (uint32_t i = 0; i < operands->count; i++) {
        if (operands->sets[i] == NULL) return;
        if (set_size(operands->sets[i]) < set_size(smallest)) smallest = operands->sets[i];
    }
    for (uint32_t i = 0; i < set_span(smallest); i++) {
        struct bytes member;
        char scratch[NUMBER_TEXT_MAX];
        if (!set_at(smallest, i, &member, scratch) || !in_all(operands, member)) continue;
        if (!outcome_take(outcome, member)) return;
    }
}

/* Requires an outcome with a set, which knows what it has taken already. */
static void unite(const struct operands *operands, struct outcome *outcome) {
    for (uint32_t i = 0; i < operands->count; i++) {
        const struct set *set = operands->sets[i];
        for (uint32_t position = 0; set != NULL && position < set_span(set); position++) {
            struct bytes member;
            char scratch[NUMBER_TEXT_MAX];
            if (set_at(set, position, &member, scratch)) outcome_take(outcome, member);
        }
    }
}

static bool in_any_but_first(const struct operands *operands, struct bytes member) {
    for (uint32_t i = 1; i < operands->count; i++) {
        if (has(operands->sets[i], member)) return true;
    }
    return false;
}

static void subtract(const struct operands *operands, struct outcome *outcome) {
    const struct set *first = operands->sets[0];
    for (uint32_t i = 0; first != NULL && i < set_span(first); i++) {
        struct bytes member;
        char scratch[NUMBER_TEXT_MAX];
        if (!set_at(first, i, &member, scratch) || in_any_but_first(operands, member)) continue;
        outcome_take(outcome, member);
    }
}

typedef void set_operation(const struct operands *operands, struct outcome *outcome);

/* --- replies ------------------------------------------------------------------------------- */

static void reply_operation(struct command_call *call, set_operation *operation) {
    struct operands operands;
    if (!open_operands(call, 1, call->count - 1, &operands)) return;
    struct outcome outcome = {.reply = call->reply};
    size_t mark = reply_deferred_open(call->reply);
    operation(&operands, &outcome);
    reply_deferred_set(call->reply, mark, outcome.count);
    close_operands(&operands);
}

static void run_sinter(struct command_call *call) {
    reply_operation(call, intersect);
}

static void run_sdiff(struct command_call *call) {
    reply_operation(call, subtract);
}

static void run_sunion(struct command_call *call) {
    struct operands operands;
    if (!open_operands(call, 1, call->count - 1, &operands)) return;
    struct outcome outcome = outcome_set(call);
    unite(&operands, &outcome);
    reply_set(call->reply, set_size(outcome.set));
    for (uint32_t i = 0; i < set_span(outcome.set); i++) {
        struct bytes member;
        char scratch[NUMBER_TEXT_MAX];
        if (set_at(outcome.set, i, &member, scratch)) reply_bulk(call->reply, member);
    }
    set_destroy(outcome.set);
    close_operands(&operands);
}

/* --- storing ------------------------------------------------------------------------------- */

/* The result is complete before it replaces what stood under the destination, which may be one of
 * the operands. */
static void store_operation(struct command_call *call, set_operation *operation,
                            const char *event) {
    struct operands operands;
    if (!open_operands(call, 2, call->count - 2, &operands)) return;
    struct outcome outcome = outcome_set(call);
    operation(&operands, &outcome);
    close_operands(&operands);

    uint32_t size = set_size(outcome.set);
    if (size > 0) {
        keyspace_put(call, call->args[1], ITEM_SET, outcome.set);
        keyspace_changed(call, call->args[1], event, size);
    } else {
        set_destroy(outcome.set);
        if (keyspace_delete(call, call->args[1])) keyspace_changed(call, call->args[1], "del", 0);
    }
    reply_integer(call->reply, size);
}

static void run_sinterstore(struct command_call *call) {
    store_operation(call, intersect, "sinterstore");
}

static void run_sunionstore(struct command_call *call) {
    store_operation(call, unite, "sunionstore");
}

static void run_sdiffstore(struct command_call *call) {
    store_operation(call, subtract, "sdiffstore");
}

/* --- counting ------------------------------------------------------------------------------ */

/* SINTERCARD's arguments; false after an error reply. */
static bool parse_intercard(struct command_call *call, int64_t *key_count, int64_t *limit) {
    const char *error = NULL;
    *limit = 0;
    if (!number_parse_i64(call->args[1], key_count) || *key_count < 1) {
        error = "ERR numkeys should be greater than 0";
    } else if (*key_count > (int64_t)call->count - 2) {
        error = "ERR Number of keys can't be greater than number of args";
    }
    for (uint32_t at = error == NULL ? 2 + (uint32_t)*key_count : call->count;
         at < call->count && error == NULL; at += 2) {
        if (at + 1 == call->count || !command_option(call, at, "limit")) {
            error = REPLY_SYNTAX_ERROR;
        } else if (!number_parse_i64(call->args[at + 1], limit) || *limit < 0) {
            error = "ERR LIMIT can't be negative";
        }
    }
    if (error != NULL) reply_error(call->reply, error);
    return error == NULL;
}

static void run_sintercard(struct command_call *call) {
    int64_t key_count, limit;
    if (!parse_intercard(call, &key_count, &limit)) return;
    struct operands operands;
    if (!open_operands(call, 2, (uint32_t)key_count, &operands)) return;
    struct outcome outcome = {.limit = (uint64_t)limit};
    intersect(&operands, &outcome);
    reply_integer(call->reply, (int64_t)outcome.count);
    close_operands(&operands);
}

/* --- rows ---------------------------------------------------------------------------------- */

static const struct command commands[] = {
    {.id = 410,
     .name = "sinter",
     .run = run_sinter,
     .arity = -2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = -1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "set",
     .tips = "nondeterministic_output_order",
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(N*M) worst case where N is the cardinality of the smallest set and M is the "
                   "number of sets.",
     .summary = "Intersect multiple sets",
     .arguments = "k:key#0*"},
    {.id = 411,
     .name = "sinterstore",
     .run = run_sinterstore,
     .arity = -3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {.first = 1, .last = -1, .step = 1},
     .key_flags = "RW UPDATE;RO ACCESS",
     .categories = "set",
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(N*M) worst case where N is the cardinality of the smallest set and M is the "
                   "number of sets.",
     .summary = "Intersect multiple sets and store the resulting set in a key",
     .arguments = "k:destination#0 k:key#1*"},
    {.id = 412,
     .name = "sunion",
     .run = run_sunion,
     .arity = -2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = -1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "set",
     .tips = "nondeterministic_output_order",
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(N) where N is the total number of elements in all given sets.",
     .summary = "Add multiple sets",
     .arguments = "k:key#0*"},
    {.id = 413,
     .name = "sunionstore",
     .run = run_sunionstore,
     .arity = -3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {.first = 1, .last = -1, .step = 1},
     .key_flags = "OW UPDATE;RO ACCESS",
     .categories = "set",
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(N) where N is the total number of elements in all given sets.",
     .summary = "Add multiple sets and store the resulting set in a key",
     .arguments = "k:destination#0 k:key#1*"},
    {.id = 414,
     .name = "sdiff",
     .run = run_sdiff,
     .arity = -2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = -1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "set",
     .tips = "nondeterministic_output_order",
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(N) where N is the total number of elements in all given sets.",
     .summary = "Subtract multiple sets",
     .arguments = "k:key#0*"},
    {.id = 415,
     .name = "sdiffstore",
     .run = run_sdiffstore,
     .arity = -3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {.first = 1, .last = -1, .step = 1},
     .key_flags = "OW UPDATE;RO ACCESS",
     .categories = "set",
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(N) where N is the total number of elements in all given sets.",
     .summary = "Subtract multiple sets and store the resulting set in a key",
     .arguments = "k:destination#0 k:key#1*"},
    {.id = 416,
     .name = "sintercard",
     .run = run_sintercard,
     .arity = -3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_MOVABLEKEYS,
     .keys = {.numkeys_at = 1},
     .key_flags = "RO ACCESS",
     .categories = "set",
     .group = "set",
     .since = "7.0.0",
     .complexity = "O(N*M) worst case where N is the cardinality of the smallest set and M is the "
                   "number of sets.",
     .summary = "Intersect multiple sets and return the cardinality of the result",
     .arguments = "i:numkeys k:key#0* i:limit=LIMIT?"},
};

const struct command_family set_algebra_family = {commands, COUNT_OF(commands)};
