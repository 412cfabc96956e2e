/* sorted_set_algebra.c: unions, intersections and differences of sorted sets and sets.
 *
 * Where scores are added, the order of the additions can show in the last bit of a sum: sources are
 * taken from the smallest to the largest, as Redis takes them, and equal ones in the order they
 * were named. */
#include "storages/sorted_set_commands.h"

#include "base/memory.h"
#include <stdlib.h>

#include "storages/set.h"

enum operation { UNION, INTERSECTION, DIFFERENCE };
enum aggregate { AGGREGATE_SUM, AGGREGATE_MIN, AGGREGATE_MAX };

/* A key that takes part: one of the two, or none when it is absent. */
struct source {
    struct sorted_set *sorted;
    struct set *set; /* its members have the score 1 */
    double weight;
    uint32_t named; /* its place among the arguments */
};

struct algebra {
    enum operation operation;
    enum aggregate aggregate;
    bool only_counts; /* ZINTERCARD */
    bool stores;
    bool with_scores;
    int64_t limit; /* of ZINTERCARD; 0: none */
    struct source *sources;
    uint32_t count;
};

/* --- sources ------------------------------------------------------------------------------- */

static uint32_t source_size(const struct source *source) {
    if (source->sorted != NULL) return sorted_set_size(source->sorted);
    return source->set == NULL ? 0 : set_size(source->set);
}

static bool source_find(const struct source *source, struct bytes member, double *score) {
    if (source->sorted != NULL) return sorted_set_find(source->sorted, member, score);
    *score = 1;
    return source->set != NULL && set_has(source->set, member);
}

/* Walks all members of a source, a set in the order of its positions. */
struct source_walk {
    const struct source *source;
    struct sorted_set_walk walk;
    uint32_t position;
};

static struct source_walk source_walk(const struct source *source) {
    struct source_walk walk = {.source = source};
    if (source->sorted != NULL) walk.walk = sorted_set_walk(source->sorted, 0, false);
    return walk;
}

static bool source_walk_next(struct source_walk *walk, struct sorted_set_entry *entry) {
    const struct source *source = walk->source;
    if (source->sorted != NULL) return sorted_set_walk_next(&walk->walk, entry);
    entry->score = 1;
    while (source->set != NULL && walk->position < set_span(source->set)) {
        if (set_at(source->set, walk->position++, &entry->member, entry->scratch)) return true;
    }
    return false;
}

static bool open_source(struct command_call *call, uint32_t at, struct source *source) {
    *source = (struct source){.weight = 1, .named = at};
    struct item *item = keyspace_find(call, call->args[at]);
    if (item == NULL) return true;
    if (item_type(item) == ITEM_SORTED_SET) {
        source->sorted = item_value(item);
    } else if (item_type(item) == ITEM_SET) {
        source->set = item_value(item);
    } else {
        reply_error(call->reply, REPLY_WRONG_TYPE);
        return false;
    }
    return true;
}

static int compare_sources(const void *left, const void *right) {
    const struct source *a = left, *b = right;
    uint32_t a_size = source_size(a), b_size = source_size(b);
    if (a_size != b_size) return a_size < b_size ? -1 : 1;
    return a->named < b->named ? -1 : 1;
}

/* --- reading the request ------------------------------------------------------------------- */

static bool refuse(struct command_call *call, const char *text) {
    reply_error(call->reply, text);
    return false;
}

static bool parse_weights(struct command_call *call, uint32_t at, struct algebra *algebra) {
    for (uint32_t i = 0; i < algebra->count; i++) {
        if (!number_parse_double(call->args[at + i], &algebra->sources[i].weight))
            return refuse(call, "ERR weight value is not a float");
    }
    return true;
}

static bool parse_aggregate(struct command_call *call, uint32_t at, enum aggregate *aggregate) {
    static const char *const names[] = {
        [AGGREGATE_SUM] = "sum", [AGGREGATE_MIN] = "min", [AGGREGATE_MAX] = "max"};
    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        if (!command_option(call, at, names[i])) continue;
        *aggregate = (enum aggregate)i;
        return true;
    }
    return refuse(call, REPLY_SYNTAX_ERROR);
}

static bool parse_algebra_options(struct command_call *call, uint32_t at, struct algebra *algebra) {
    bool weighs = algebra->operation != DIFFERENCE && !algebra->only_counts;
    while (at < call->count) {
        uint32_t rest = call->count - at;
        if (weighs && rest > algebra->count && command_option(call, at, "weights")) {
            if (!parse_weights(call, at + 1, algebra)) return false;
            at += 1 + algebra->count;
        } else if (weighs && rest >= 2 && command_option(call, at, "aggregate")) {
            if (!parse_aggregate(call, at + 1, &algebra->aggregate)) return false;
            at += 2;
        } else if (!algebra->stores && !algebra->only_counts &&
                   command_option(call, at, "withscores")) {
            algebra->with_scores = true;
            at += 1;
        } else if (algebra->only_counts && rest >= 2 && command_option(call, at, "limit")) {
            if (!number_parse_i64(call->args[at + 1], &algebra->limit) || algebra->limit < 0)
                return refuse(call, "ERR LIMIT can't be negative");
            at += 2;
        } else {
            return refuse(call, REPLY_SYNTAX_ERROR);
        }
    }
    return true;
}

/* The number of keys stands at `at`, the keys behind it, then the options. The sources are the
 * caller's to release, whatever the answer. */
static bool parse_algebra(struct command_call *call, uint32_t at, struct algebra *algebra) {
    int64_t keys;
    if (!command_integer(call, at, &keys)) return false;
    if (keys < 1) {
        reply_error_format(call->reply, "ERR at least 1 input key is needed for '%s' command",
                           call->command->name);
        return false;
    }
    if (keys > (int64_t)call->count - at - 1) return refuse(call, REPLY_SYNTAX_ERROR);

    algebra->count = (uint32_t)keys;
    algebra->sources = memory_allocate(algebra->count * sizeof(*algebra->sources));
    for (uint32_t i = 0; i < algebra->count; i++) {
        if (!open_source(call, at + 1 + i, &algebra->sources[i])) return false;
    }
    return parse_algebra_options(call, at + 1 + algebra->count, algebra);
}

/* --- computing ----------------------------------------------------------------------------- */

/* Infinities of opposite sign add up to 0 here, and so does 0 times an infinity. */
static double zero_if_not_a_number(double score) {
    return score != score ? 0 : score;
}

static double aggregate_scores(enum aggregate aggregate, double a, double b) {
    if (aggregate == AGGREGATE_SUM) return zero_if_not_a_number(a + b);
    if (aggregate == AGGREGATE_MIN) return b < a ? b : a;
    return b > a ? b : a;
}

static void put(struct sorted_set *result, const struct sorted_set_limits *limits,
                struct bytes member, double score) {
    sorted_set_put(result, member, &score, 0, limits);
}

static void unite(const struct algebra *algebra, struct sorted_set *result,
                  const struct sorted_set_limits *limits) {
    for (uint32_t i = 0; i < algebra->count; i++) {
        const struct source *source = &algebra->sources[i];
        struct source_walk walk = source_walk(source);
        struct sorted_set_entry entry;
        while (source_walk_next(&walk, &entry)) {
            double score = zero_if_not_a_number(source->weight * entry.score), present;
            if (sorted_set_find(result, entry.member, &present)) {
                score = aggregate_scores(algebra->aggregate, present, score);
                /* Putting a 0 where a -0 is changes nothing, but here the sum counts. */
                if (present == 0 && score == 0) sorted_set_remove(result, entry.member, false);
            }
            put(result, limits, entry.member, score);
        }
    }
}

/* Whether the member of the first source is in all others; *score becomes the aggregate. */
static bool is_in_all(const struct algebra *algebra, struct bytes member, double *score) {
    for (uint32_t i = 1; i < algebra->count; i++) {
        const struct source *source = &algebra->sources[i];
        double value;
        if (!source_find(source, member, &value)) return false;
        *score = aggregate_scores(algebra->aggregate, *score, value * source->weight);
    }
    return true;
}

/* `result` may be NULL: then members are only counted, up to the limit. */
static int64_t intersect(const struct algebra *algebra, struct sorted_set *result,
                         const struct sorted_set_limits *limits) {
    const struct source *first = &algebra->sources[0];
    struct source_walk walk = source_walk(first);
    struct sorted_set_entry entry;
    int64_t count = 0;
    while (source_walk_next(&walk, &entry)) {
        double score = zero_if_not_a_number(first->weight * entry.score);
        if (!is_in_all(algebra, entry.member, &score)) continue;
        count += 1;
        if (result != NULL) put(result, limits, entry.member, score);
        if (count == algebra->limit) break;
    }
    return count;
}

static void subtract(const struct algebra *algebra, struct sorted_set *result,
                     const struct sorted_set_limits *limits) {
    struct source_walk walk = source_walk(&algebra->sources[0]);
    struct sorted_set_entry entry;
    while (source_walk_next(&walk, &entry)) {
        bool is_in_another = false;
        double score;
        for (uint32_t i = 1; i < algebra->count && !is_in_another; i++)
            is_in_another = source_find(&algebra->sources[i], entry.member, &score);
        if (!is_in_another) put(result, limits, entry.member, entry.score);
    }
}

static struct sorted_set *compute(struct command_call *call, const struct algebra *algebra) {
    /* What is not stored is never packed: that would lose the sign of a -0, which Redis shows. */
    struct sorted_set_limits limits = {0, 0};
    if (algebra->stores) limits = sorted_set_limits_for(call);
    struct sorted_set *result = sorted_set_create_for(call);
    if (algebra->operation == UNION)
        unite(algebra, result, &limits);
    else if (algebra->operation == INTERSECTION)
        intersect(algebra, result, &limits);
    else
        subtract(algebra, result, &limits);
    return result;
}

/* --- the commands -------------------------------------------------------------------------- */

static void reply_result(struct command_call *call, const struct sorted_set *result,
                         bool with_scores) {
    struct sorted_set_walk walk = sorted_set_walk(result, 0, false);
    struct sorted_set_entry entry;
    sorted_set_reply_header(call, sorted_set_size(result), with_scores);
    while (sorted_set_walk_next(&walk, &entry))
        sorted_set_reply_entry(call, &entry, with_scores);
}

static void run_algebra(struct command_call *call, struct algebra algebra) {
    if (parse_algebra(call, algebra.stores ? 2 : 1, &algebra)) {
        if (algebra.operation != DIFFERENCE)
            qsort(algebra.sources, algebra.count, sizeof(*algebra.sources), compare_sources);
        if (algebra.only_counts) {
            reply_integer(call->reply, intersect(&algebra, NULL, NULL));
        } else if (algebra.stores) {
            sorted_set_store(call, call->args[1], compute(call, &algebra), call->command->name);
        } else {
            struct sorted_set *result = compute(call, &algebra);
            reply_result(call, result, algebra.with_scores);
            sorted_set_destroy(result);
        }
    }
    memory_release(algebra.sources);
}

static void run_zunion(struct command_call *call) {
    run_algebra(call, (struct algebra){.operation = UNION});
}

static void run_zinter(struct command_call *call) {
    run_algebra(call, (struct algebra){.operation = INTERSECTION});
}

static void run_zdiff(struct command_call *call) {
    run_algebra(call, (struct algebra){.operation = DIFFERENCE});
}

static void run_zunionstore(struct command_call *call) {
    run_algebra(call, (struct algebra){.operation = UNION, .stores = true});
}

static void run_zinterstore(struct command_call *call) {
    run_algebra(call, (struct algebra){.operation = INTERSECTION, .stores = true});
}

static void run_zdiffstore(struct command_call *call) {
    run_algebra(call, (struct algebra){.operation = DIFFERENCE, .stores = true});
}

static void run_zintercard(struct command_call *call) {
    run_algebra(call, (struct algebra){.operation = INTERSECTION, .only_counts = true});
}

/* --- tables -------------------------------------------------------------------------------- */

static const struct command sorted_set_algebra_commands[] = {
    {.id = 524,
     .name = "zunion",
     .run = run_zunion,
     .arity = -3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_MOVABLEKEYS,
     .keys = {.first = 0, .last = 0, .step = 0, .numkeys_at = 1},
     .key_flags = "RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "6.2.0",
     .complexity = "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, "
                   "and M being the number of elements in the resulting sorted set.",
     .summary = "Add multiple sorted sets",
     .arguments = "i:numkeys k:key#0* i:weight=WEIGHTS?* o:aggregate=AGGREGATE?(t:sum=SUM "
                  "t:min=MIN t:max=MAX) t:withscores=WITHSCORES?"},
    {.id = 525,
     .name = "zinter",
     .run = run_zinter,
     .arity = -3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_MOVABLEKEYS,
     .keys = {.first = 0, .last = 0, .step = 0, .numkeys_at = 1},
     .key_flags = "RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "6.2.0",
     .complexity = "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K "
                   "being the number of input sorted sets and M being the number of elements in "
                   "the resulting sorted set.",
     .summary = "Intersect multiple sorted sets",
     .arguments = "i:numkeys k:key#0* i:weight=WEIGHTS?* o:aggregate=AGGREGATE?(t:sum=SUM "
                  "t:min=MIN t:max=MAX) t:withscores=WITHSCORES?"},
    {.id = 526,
     .name = "zdiff",
     .run = run_zdiff,
     .arity = -3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_MOVABLEKEYS,
     .keys = {.first = 0, .last = 0, .step = 0, .numkeys_at = 1},
     .key_flags = "RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "6.2.0",
     .complexity = "O(L + (N-K)log(N)) worst case where L is the total number of elements in all "
                   "the sets, N is the size of the first set, and K is the size of the result set.",
     .summary = "Subtract multiple sorted sets",
     .arguments = "i:numkeys k:key#0* t:withscores=WITHSCORES?"},
    {.id = 527,
     .name = "zunionstore",
     .run = run_zunionstore,
     .arity = -4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_MOVABLEKEYS,
     .keys = {.first = 1, .last = 1, .step = 1, .numkeys_at = 2},
     .key_flags = "OW UPDATE; RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "2.0.0",
     .complexity = "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, "
                   "and M being the number of elements in the resulting sorted set.",
     .summary = "Add multiple sorted sets and store the resulting sorted set in a new key",
     .arguments = "k:destination#0 i:numkeys k:key#1* i:weight=WEIGHTS?* "
                  "o:aggregate=AGGREGATE?(t:sum=SUM t:min=MIN t:max=MAX)"},
    {.id = 528,
     .name = "zinterstore",
     .run = run_zinterstore,
     .arity = -4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_MOVABLEKEYS,
     .keys = {.first = 1, .last = 1, .step = 1, .numkeys_at = 2},
     .key_flags = "OW UPDATE; RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "2.0.0",
     .complexity = "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K "
                   "being the number of input sorted sets and M being the number of elements in "
                   "the resulting sorted set.",
     .summary = "Intersect multiple sorted sets and store the resulting sorted set in a new key",
     .arguments = "k:destination#0 i:numkeys k:key#1* i:weight=WEIGHTS?* "
                  "o:aggregate=AGGREGATE?(t:sum=SUM t:min=MIN t:max=MAX)"},
    {.id = 529,
     .name = "zdiffstore",
     .run = run_zdiffstore,
     .arity = -4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_MOVABLEKEYS,
     .keys = {.first = 1, .last = 1, .step = 1, .numkeys_at = 2},
     .key_flags = "OW UPDATE; RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "6.2.0",
     .complexity = "O(L + (N-K)log(N)) worst case where L is the total number of elements in all "
                   "the sets, N is the size of the first set, and K is the size of the result set.",
     .summary = "Subtract multiple sorted sets and store the resulting sorted set in a new key",
     .arguments = "k:destination#0 i:numkeys k:key#1*"},
    {.id = 530,
     .name = "zintercard",
     .run = run_zintercard,
     .arity = -3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_MOVABLEKEYS,
     .keys = {.first = 0, .last = 0, .step = 0, .numkeys_at = 1},
     .key_flags = "RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "7.0.0",
     .complexity = "O(N*K) worst case with N being the smallest input sorted set, K being the "
                   "number of input sorted sets.",
     .summary = "Intersect multiple sorted sets and return the cardinality of the result",
     .arguments = "i:numkeys k:key#0* i:limit=LIMIT?"},
};
const struct command_family sorted_set_algebra_family = {sorted_set_algebra_commands,
                                                         COUNT_OF(sorted_set_algebra_commands)};
