/* map_commands.c: the commands on maps (Redis's hashes). */
#include <math.h>

#include "base/hash.h"
#include "storages/map.h"
#include "storages/sample.h"
#include "storages/scan.h"
#include "storages/settings.h"

/* --- opening and closing ------------------------------------------------------------------- */

/* The map under the key, for a read; NULL when absent or after WRONGTYPE (*wrong_type). */
static struct map *open_map(struct command_call *call, bool *wrong_type) {
    return keyspace_open(call, call->args[1], ITEM_MAP, wrong_type);
}

/* The map under the key, made if absent; NULL after WRONGTYPE. The caller adds to it. */
static struct map *open_or_create(struct command_call *call) {
    bool wrong_type;
    struct map *map = open_map(call, &wrong_type);
    if (map != NULL || wrong_type) return map;
    map = map_create(storages_hash_seed(call->storages));
    keyspace_add(call, call->args[1], ITEM_MAP, map);
    return map;
}

static bool set_field(struct command_call *call, struct map *map, struct bytes field,
                      struct bytes value) {
    const struct storages_settings *settings = storages_settings(call->storages);
    struct map_limits limits = {.packed_pairs_max = settings->hash_max_listpack_entries,
                                .packed_size_max = settings->hash_max_listpack_value};
    return map_set(map, field, value, &limits);
}

static void changed(struct command_call *call, const struct map *map, const char *event,
                    uint64_t detail) {
    keyspace_changed(call, call->args[1], event, hash_chain(map_size(map), detail));
}

/* --- writing ------------------------------------------------------------------------------- */

/* Sets all pairs of HSET and HMSET; false after an error reply. */
static bool set_pairs(struct command_call *call, int64_t *added) {
    if (call->count % 2 != 0) {
        reply_error_format(call->reply, "ERR wrong number of arguments for '%s' command",
                           call->command->name);
        return false;
    }
    struct map *map = open_or_create(call);
    if (map == NULL) return false;
    *added = 0;
    for (uint32_t i = 2; i < call->count; i += 2)
        *added += set_field(call, map, call->args[i], call->args[i + 1]);
    changed(call, map, "hset", (uint64_t)*added);
    return true;
}

static void run_hset(struct command_call *call) {
    int64_t added;
    if (set_pairs(call, &added)) reply_integer(call->reply, added);
}

static void run_hmset(struct command_call *call) {
    int64_t added;
    if (set_pairs(call, &added)) reply_ok(call->reply);
}

static void run_hsetnx(struct command_call *call) {
    struct map *map = open_or_create(call);
    if (map == NULL) return;
    if (map_has(map, call->args[2])) {
        reply_integer(call->reply, 0);
        return;
    }
    set_field(call, map, call->args[2], call->args[3]);
    changed(call, map, "hset", 1);
    reply_integer(call->reply, 1);
}

static void run_hdel(struct command_call *call) {
    bool wrong_type;
    struct item *item = keyspace_find_typed(call, call->args[1], ITEM_MAP, &wrong_type);
    if (wrong_type) return;
    if (item == NULL) {
        reply_integer(call->reply, 0);
        return;
    }
    struct map *map = item_value(item);
    int64_t deleted = 0;
    for (uint32_t i = 2; i < call->count && map_size(map) > 0; i++)
        deleted += map_delete(map, call->args[i], call->in_group);
    reply_integer(call->reply, deleted);
    if (deleted == 0) return;

    changed(call, map, "hdel", (uint64_t)deleted);
    if (map_size(map) == 0) {
        keyspace_delete_item(call, item);
        keyspace_changed(call, call->args[1], "del", 0);
    } else if (map_has_holes(map)) {
        keyspace_note_holes(call, item);
    }
}

static void run_hincrby(struct command_call *call) {
    int64_t increment, value = 0;
    if (!command_integer(call, 3, &increment)) return;
    struct map *map = open_or_create(call);
    if (map == NULL) return;

    struct bytes text;
    char scratch[NUMBER_TEXT_MAX];
    if (map_get(map, call->args[2], &text, scratch) && !number_parse_i64(text, &value)) {
        reply_error(call->reply, "ERR hash value is not an integer");
        return;
    }
    if (__builtin_add_overflow(value, increment, &value)) {
        reply_error(call->reply, "ERR increment or decrement would overflow");
        return;
    }
    set_field(call, map, call->args[2], bytes_of(scratch, number_print_i64(scratch, value)));
    changed(call, map, "hincrby", (uint64_t)value);
    reply_integer(call->reply, value);
}

static void run_hincrbyfloat(struct command_call *call) {
    long double increment, value = 0;
    if (!number_parse_long_double(call->args[3], &increment)) {
        reply_error(call->reply, REPLY_NOT_FLOAT);
        return;
    }
    if (!isfinite(increment)) {
        reply_error(call->reply, "ERR value is NaN or Infinity");
        return;
    }
    struct map *map = open_or_create(call);
    if (map == NULL) return;

    struct bytes text;
    char scratch[NUMBER_TEXT_MAX];
    if (map_get(map, call->args[2], &text, scratch) && !number_parse_long_double(text, &value)) {
        reply_error(call->reply, "ERR hash value is not a float");
        return;
    }
    value += increment;
    if (!isfinite(value)) {
        reply_error(call->reply, "ERR increment would produce NaN or Infinity");
        return;
    }
    char printed[NUMBER_LONG_DOUBLE_TEXT_MAX];
    text = bytes_of(printed, number_print_long_double(printed, value));
    set_field(call, map, call->args[2], text);
    changed(call, map, "hincrbyfloat", hash_bytes(text, 0));
    reply_bulk(call->reply, text);
}

/* --- reading ------------------------------------------------------------------------------- */

static void reply_field(struct reply *reply, const struct map *map, struct bytes field) {
    struct bytes value;
    char scratch[NUMBER_TEXT_MAX];
    if (map != NULL && map_get(map, field, &value, scratch)) {
        reply_bulk(reply, value);
    } else {
        reply_null(reply);
    }
}

static void run_hget(struct command_call *call) {
    bool wrong_type;
    const struct map *map = open_map(call, &wrong_type);
    if (!wrong_type) reply_field(call->reply, map, call->args[2]);
}

static void run_hmget(struct command_call *call) {
    bool wrong_type;
    const struct map *map = open_map(call, &wrong_type);
    if (wrong_type) return;
    reply_array(call->reply, call->count - 2);
    for (uint32_t i = 2; i < call->count; i++)
        reply_field(call->reply, map, call->args[i]);
}

static void run_hlen(struct command_call *call) {
    bool wrong_type;
    const struct map *map = open_map(call, &wrong_type);
    if (!wrong_type) reply_integer(call->reply, map == NULL ? 0 : map_size(map));
}

static void run_hexists(struct command_call *call) {
    bool wrong_type;
    const struct map *map = open_map(call, &wrong_type);
    if (!wrong_type) reply_integer(call->reply, map != NULL && map_has(map, call->args[2]));
}

static void run_hstrlen(struct command_call *call) {
    bool wrong_type;
    const struct map *map = open_map(call, &wrong_type);
    if (wrong_type) return;
    struct bytes value = {NULL, 0};
    char scratch[NUMBER_TEXT_MAX];
    if (map != NULL) (void)map_get(map, call->args[2], &value, scratch);
    reply_integer(call->reply, (int64_t)value.size);
}

static void run_hgetall(struct command_call *call) {
    bool wrong_type;
    const struct map *map = open_map(call, &wrong_type);
    if (wrong_type) return;
    reply_map(call->reply, map == NULL ? 0 : map_size(map));
    if (map == NULL) return;
    struct map_walk walk = map_walk(map);
    struct map_pair pair;
    while (map_walk_next(&walk, &pair)) {
        reply_bulk(call->reply, pair.field);
        reply_bulk(call->reply, pair.value);
    }
}

static void run_hkeys(struct command_call *call) {
    bool wrong_type;
    const struct map *map = open_map(call, &wrong_type);
    if (wrong_type) return;
    reply_array(call->reply, map == NULL ? 0 : map_size(map));
    if (map == NULL) return;
    struct map_walk walk = map_walk(map);
    struct map_pair pair;
    while (map_walk_next(&walk, &pair))
        reply_bulk(call->reply, pair.field);
}

static void run_hvals(struct command_call *call) {
    bool wrong_type;
    const struct map *map = open_map(call, &wrong_type);
    if (wrong_type) return;
    reply_array(call->reply, map == NULL ? 0 : map_size(map));
    if (map == NULL) return;
    struct map_walk walk = map_walk(map);
    struct map_pair pair;
    while (map_walk_next(&walk, &pair))
        reply_bulk(call->reply, pair.value);
}

/* --- picking at random --------------------------------------------------------------------- */

/* How HRANDFIELD shows what it picked. */
struct picks {
    struct reply *reply;
    bool with_values;
};

static void reply_picks_header(const struct picks *picks, uint64_t count) {
    bool flat_pairs = picks->with_values && picks->reply->protocol == 2;
    reply_array(picks->reply, flat_pairs ? count * 2 : count);
}

static void reply_pick(const struct picks *picks, const struct map_pair *pair) {
    if (picks->with_values && picks->reply->protocol == 3) reply_array(picks->reply, 2);
    reply_bulk(picks->reply, pair->field);
    if (picks->with_values) reply_bulk(picks->reply, pair->value);
}

static void reply_all(const struct picks *picks, const struct map *map) {
    reply_picks_header(picks, map_size(map));
    struct map_walk walk = map_walk(map);
    struct map_pair pair;
    while (map_walk_next(&walk, &pair))
        reply_pick(picks, &pair);
}

static void pick_one(const struct map *map, struct random *random, struct map_pair *pair) {
    while (!map_at(map, (uint32_t)random_below(random, map_span(map)), pair))
        continue; /* a hole */
}

static void reply_repeated_picks(const struct picks *picks, const struct map *map,
                                 struct random *random, uint64_t count) {
    reply_picks_header(picks, count);
    for (uint64_t i = 0; i < count; i++) {
        struct map_pair pair;
        pick_one(map, random, &pair);
        reply_pick(picks, &pair);
    }
}

static void reply_distinct_picks(const struct picks *picks, const struct map *map,
                                 struct random *random, uint64_t count) {
    reply_picks_header(picks, count);
    struct sample sample = sample_begin(random, map_span(map), count);
    while (count > 0) {
        struct map_pair pair;
        if (!map_at(map, sample_next(&sample), &pair)) continue; /* a hole */
        reply_pick(picks, &pair);
        count--;
    }
    sample_end(&sample);
}

static void run_hrandfield_single(struct command_call *call) {
    bool wrong_type;
    const struct map *map = open_map(call, &wrong_type);
    if (wrong_type) return;
    if (map == NULL) {
        reply_null(call->reply);
        return;
    }
    struct random random = command_random(call);
    struct map_pair pair;
    pick_one(map, &random, &pair);
    reply_bulk(call->reply, pair.field);
}

static void run_hrandfield(struct command_call *call) {
    if (call->count == 2) {
        run_hrandfield_single(call);
        return;
    }
    int64_t count;
    if (!sample_parse_count(call, 2, &count)) return;
    struct picks picks = {call->reply, .with_values = call->count == 4};
    if (call->count > 4 || (picks.with_values && !command_option(call, 3, "withvalues"))) {
        reply_error(call->reply, REPLY_SYNTAX_ERROR);
        return;
    }
    if (picks.with_values && (count < -(INT64_MAX / 2) || count > INT64_MAX / 2)) {
        reply_error(call->reply, "ERR value is out of range");
        return;
    }
    bool wrong_type;
    const struct map *map = open_map(call, &wrong_type);
    if (wrong_type || !sample_repeats_allowed(call, count)) return;
    if (map == NULL || count == 0) {
        reply_array(call->reply, 0);
        return;
    }
    struct random random = command_random(call);
    if (count < 0) {
        reply_repeated_picks(&picks, map, &random, (uint64_t)-count);
    } else if (count >= map_size(map)) {
        reply_all(&picks, map);
    } else {
        reply_distinct_picks(&picks, map, &random, (uint64_t)count);
    }
}

/* --- scanning ------------------------------------------------------------------------------ */

/* Replies with the pair if it matches; returns how many elements that were. */
static uint64_t scan_pair(const struct scan_request *request, struct reply *reply,
                          const struct map_pair *pair) {
    if (!scan_matches(request, pair->field)) return 0;
    reply_bulk(reply, pair->field);
    reply_bulk(reply, pair->value);
    return 2;
}

static uint64_t scan_packed(const struct scan_request *request, struct reply *reply,
                            const struct map *map) {
    uint64_t elements = 0;
    struct map_walk walk = map_walk(map);
    struct map_pair pair;
    while (map_walk_next(&walk, &pair))
        elements += scan_pair(request, reply, &pair);
    return elements;
}

static void run_hscan(struct command_call *call) {
    struct scan_request request;
    if (!scan_parse_cursor(call, 2, &request)) return;
    bool wrong_type;
    const struct map *map = open_map(call, &wrong_type);
    if (wrong_type) return;
    if (map == NULL) {
        scan_reply_empty(call);
        return;
    }
    if (!scan_parse_options(call, 3, false, &request)) return;

    struct scan_range range = {0, 0};
    if (!map_is_packed(map)) range = scan_range(&request, map_span(map));
    reply_array(call->reply, 2);
    reply_bulk_integer(call->reply, range.end);
    size_t mark = reply_deferred_open(call->reply);
    uint64_t elements = map_is_packed(map) ? scan_packed(&request, call->reply, map) : 0;
    for (uint32_t position = range.start; position > range.end; position--) {
        struct map_pair pair;
        if (map_at(map, position - 1, &pair)) elements += scan_pair(&request, call->reply, &pair);
    }
    reply_deferred_array(call->reply, mark, elements);
}

/* --- rows ---------------------------------------------------------------------------------- */

static const struct command commands[] = {
    {.id = 200,
     .name = "hset",
     .run = run_hset,
     .arity = -4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .element = 2,
     .key_flags = "RW UPDATE",
     .categories = "hash",
     .group = "hash",
     .since = "2.0.0",
     .complexity = "O(1) for each field/value pair added, so O(N) to add N field/value pairs when "
                   "the command is called with multiple field/value pairs.",
     .summary = "Set the string value of a hash field",
     .arguments = "k:key#0 b:field_value*(s:field s:value)"},
    {.id = 201,
     .name = "hsetnx",
     .run = run_hsetnx,
     .arity = 4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .element = 2,
     .key_flags = "RW INSERT",
     .categories = "hash",
     .group = "hash",
     .since = "2.0.0",
     .complexity = "O(1)",
     .summary = "Set the value of a hash field, only if the field does not exist",
     .arguments = "k:key#0 s:field s:value"},
    {.id = 202,
     .name = "hget",
     .run = run_hget,
     .arity = 3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "hash",
     .group = "hash",
     .since = "2.0.0",
     .complexity = "O(1)",
     .summary = "Get the value of a hash field",
     .arguments = "k:key#0 s:field"},
    {.id = 203,
     .name = "hmget",
     .run = run_hmget,
     .arity = -3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "hash",
     .group = "hash",
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of fields being requested.",
     .summary = "Get the values of all the given hash fields",
     .arguments = "k:key#0 s:field*"},
    {.id = 204,
     .name = "hmset",
     .run = run_hmset,
     .arity = -4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .element = 2,
     .key_flags = "RW UPDATE",
     .categories = "hash",
     .group = "hash",
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of fields being set.",
     .summary = "Set multiple hash fields to multiple values",
     .deprecated_since = "4.0.0",
     .replaced_by = "`HSET` with multiple field-value pairs",
     .arguments = "k:key#0 b:field_value*(s:field s:value)"},
    {.id = 205,
     .name = "hgetall",
     .run = run_hgetall,
     .arity = 2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "hash",
     .tips = "nondeterministic_output_order",
     .group = "hash",
     .since = "2.0.0",
     .complexity = "O(N) where N is the size of the hash.",
     .summary = "Get all the fields and values in a hash",
     .arguments = "k:key#0"},
    {.id = 206,
     .name = "hkeys",
     .run = run_hkeys,
     .arity = 2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "hash",
     .tips = "nondeterministic_output_order",
     .group = "hash",
     .since = "2.0.0",
     .complexity = "O(N) where N is the size of the hash.",
     .summary = "Get all the fields in a hash",
     .arguments = "k:key#0"},
    {.id = 207,
     .name = "hvals",
     .run = run_hvals,
     .arity = 2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "hash",
     .tips = "nondeterministic_output_order",
     .group = "hash",
     .since = "2.0.0",
     .complexity = "O(N) where N is the size of the hash.",
     .summary = "Get all the values in a hash",
     .arguments = "k:key#0"},
    {.id = 208,
     .name = "hlen",
     .run = run_hlen,
     .arity = 2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO",
     .categories = "hash",
     .group = "hash",
     .since = "2.0.0",
     .complexity = "O(1)",
     .summary = "Get the number of fields in a hash",
     .arguments = "k:key#0"},
    {.id = 209,
     .name = "hexists",
     .run = run_hexists,
     .arity = 3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO",
     .categories = "hash",
     .group = "hash",
     .since = "2.0.0",
     .complexity = "O(1)",
     .summary = "Determine if a hash field exists",
     .arguments = "k:key#0 s:field"},
    {.id = 210,
     .name = "hdel",
     .run = run_hdel,
     .arity = -3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .element = 2,
     .key_flags = "RW DELETE",
     .categories = "hash",
     .group = "hash",
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of fields to be removed.",
     .summary = "Delete one or more hash fields",
     .arguments = "k:key#0 s:field*"},
    {.id = 211,
     .name = "hincrby",
     .run = run_hincrby,
     .arity = 4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .element = 2,
     .key_flags = "RW ACCESS UPDATE",
     .categories = "hash",
     .group = "hash",
     .since = "2.0.0",
     .complexity = "O(1)",
     .summary = "Increment the integer value of a hash field by the given number",
     .arguments = "k:key#0 s:field i:increment"},
    {.id = 212,
     .name = "hincrbyfloat",
     .run = run_hincrbyfloat,
     .arity = 4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .element = 2,
     .key_flags = "RW ACCESS UPDATE",
     .categories = "hash",
     .group = "hash",
     .since = "2.6.0",
     .complexity = "O(1)",
     .summary = "Increment the float value of a hash field by the given amount",
     .arguments = "k:key#0 s:field d:increment"},
    {.id = 213,
     .name = "hstrlen",
     .run = run_hstrlen,
     .arity = 3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO",
     .categories = "hash",
     .group = "hash",
     .since = "3.2.0",
     .complexity = "O(1)",
     .summary = "Get the length of the value of a hash field",
     .arguments = "k:key#0 s:field"},
    {.id = 214,
     .name = "hrandfield",
     .run = run_hrandfield,
     .arity = -2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "hash",
     .tips = "nondeterministic_output",
     .group = "hash",
     .since = "6.2.0",
     .complexity = "O(N) where N is the number of fields returned",
     .summary = "Get one or multiple random fields from a hash",
     .arguments = "k:key#0 b:options?(i:count t:withvalues=WITHVALUES?)"},
    {.id = 215,
     .name = "hscan",
     .run = run_hscan,
     .arity = -3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "hash",
     .tips = "nondeterministic_output",
     .group = "hash",
     .since = "2.8.0",
     .complexity =
         "O(1) for every call. O(N) for a complete iteration, including enough command calls for "
         "the cursor to return back to 0. N is the number of elements inside the collection..",
     .summary = "Incrementally iterate hash fields and associated values",
     .arguments = "k:key#0 i:cursor p:pattern=MATCH? i:count=COUNT?"},
};

const struct command_family map_family = {commands, COUNT_OF(commands)};
