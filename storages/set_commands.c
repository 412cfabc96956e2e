/* set_commands.c: the commands on one set; those that combine sets are in set_algebra_commands.c.
 */
#include "base/hash.h"
#include "storages/sample.h"
#include "storages/scan.h"
#include "storages/set.h"
#include "storages/settings.h"

/* --- opening and closing ------------------------------------------------------------------- */

/* The set under the key, for a read; NULL when absent or after WRONGTYPE (*wrong_type). */
static struct set *open_set(struct command_call *call, bool *wrong_type) {
    return keyspace_open(call, call->args[1], ITEM_SET, wrong_type);
}

static bool add_member(struct command_call *call, struct set *set, struct bytes member) {
    return set_add(set, member, storages_settings(call->storages)->set_max_intset_entries);
}

static void changed(struct command_call *call, struct bytes key, const struct set *set,
                    const char *event, uint64_t detail) {
    keyspace_changed(call, key, event, hash_chain(set_size(set), detail));
}

/* After members were removed: an empty set's key goes, other sets have their holes filled when the
 * atomic unit ends. */
static void settle(struct command_call *call, struct bytes key, struct item *item) {
    const struct set *set = item_value(item);
    if (set_size(set) == 0) {
        keyspace_delete_item(call, item);
        keyspace_changed(call, key, "del", 0);
    } else if (set_has_holes(set)) {
        keyspace_note_holes(call, item);
    }
}

/* --- writing ------------------------------------------------------------------------------- */

static void run_sadd(struct command_call *call) {
    bool wrong_type;
    struct set *set = open_set(call, &wrong_type);
    if (wrong_type) return;
    if (set == NULL) {
        set = set_create(storages_hash_seed(call->storages));
        keyspace_add(call, call->args[1], ITEM_SET, set);
    }
    int64_t added = 0;
    for (uint32_t i = 2; i < call->count; i++)
        added += add_member(call, set, call->args[i]);
    if (added > 0) changed(call, call->args[1], set, "sadd", (uint64_t)added);
    reply_integer(call->reply, added);
}

static void run_srem(struct command_call *call) {
    bool wrong_type;
    struct item *item = keyspace_find_typed(call, call->args[1], ITEM_SET, &wrong_type);
    if (wrong_type) return;
    int64_t removed = 0;
    if (item != NULL) {
        struct set *set = item_value(item);
        for (uint32_t i = 2; i < call->count && set_size(set) > 0; i++)
            removed += set_remove(set, call->args[i], call->in_group);
        if (removed > 0) {
            changed(call, call->args[1], set, "srem", (uint64_t)removed);
            settle(call, call->args[1], item);
        }
    }
    reply_integer(call->reply, removed);
}

/* The destination gets the member: made if absent. */
static void move_into(struct command_call *call, struct set *destination) {
    if (destination == NULL) {
        destination = set_create(storages_hash_seed(call->storages));
        keyspace_add(call, call->args[2], ITEM_SET, destination);
    }
    if (add_member(call, destination, call->args[3]))
        changed(call, call->args[2], destination, "sadd", 1);
}

static void run_smove(struct command_call *call) {
    bool wrong_type;
    struct item *item = keyspace_find_typed(call, call->args[1], ITEM_SET, &wrong_type);
    if (wrong_type) return;
    if (item == NULL) {
        reply_integer(call->reply, 0);
        return;
    }
    struct set *destination = keyspace_open(call, call->args[2], ITEM_SET, &wrong_type);
    if (wrong_type) return;

    struct set *source = item_value(item);
    if (source == destination) {
        reply_integer(call->reply, set_has(source, call->args[3]));
        return;
    }
    if (!set_remove(source, call->args[3], call->in_group)) {
        reply_integer(call->reply, 0);
        return;
    }
    changed(call, call->args[1], source, "srem", 1);
    settle(call, call->args[1], item);
    move_into(call, destination);
    reply_integer(call->reply, 1);
}

/* --- reading ------------------------------------------------------------------------------- */

static void reply_members(struct reply *reply, const struct set *set) {
    for (uint32_t i = 0; i < set_span(set); i++) {
        struct bytes member;
        char scratch[NUMBER_TEXT_MAX];
        if (set_at(set, i, &member, scratch)) reply_bulk(reply, member);
    }
}

static void run_smembers(struct command_call *call) {
    bool wrong_type;
    const struct set *set = open_set(call, &wrong_type);
    if (wrong_type) return;
    reply_set(call->reply, set == NULL ? 0 : set_size(set));
    if (set != NULL) reply_members(call->reply, set);
}

static void run_scard(struct command_call *call) {
    bool wrong_type;
    const struct set *set = open_set(call, &wrong_type);
    if (!wrong_type) reply_integer(call->reply, set == NULL ? 0 : set_size(set));
}

static void run_sismember(struct command_call *call) {
    bool wrong_type;
    const struct set *set = open_set(call, &wrong_type);
    if (!wrong_type) reply_integer(call->reply, set != NULL && set_has(set, call->args[2]));
}

static void run_smismember(struct command_call *call) {
    bool wrong_type;
    const struct set *set = open_set(call, &wrong_type);
    if (wrong_type) return;
    reply_array(call->reply, call->count - 2);
    for (uint32_t i = 2; i < call->count; i++)
        reply_integer(call->reply, set != NULL && set_has(set, call->args[i]));
}

/* --- picking at random --------------------------------------------------------------------- */

/* The position of a random member, which is lent in *member. */
static uint32_t pick_one(const struct set *set, struct random *random, struct bytes *member,
                         char scratch[NUMBER_TEXT_MAX]) {
    for (;;) {
        uint32_t position = (uint32_t)random_below(random, set_span(set));
        if (set_at(set, position, member, scratch)) return position; /* else a hole */
    }
}

static void pop_one(struct command_call *call, struct set *set, struct random *random) {
    struct bytes member;
    char scratch[NUMBER_TEXT_MAX];
    uint32_t position = pick_one(set, random, &member, scratch);
    reply_bulk(call->reply, member);
    set_remove_at(set, position, call->in_group);
}

/* Pops `count` members of an existing set, or all if it has fewer. */
static void pop_some(struct command_call *call, struct item *item, int64_t count) {
    struct set *set = item_value(item);
    uint32_t size = set_size(set);
    if (count >= size) {
        reply_set(call->reply, size);
        reply_members(call->reply, set);
        keyspace_changed(call, call->args[1], "spop", size);
        keyspace_delete_item(call, item);
        keyspace_changed(call, call->args[1], "del", 0);
        return;
    }
    reply_set(call->reply, (uint64_t)count);
    struct random random = command_random(call);
    for (int64_t i = 0; i < count; i++)
        pop_one(call, set, &random);
    changed(call, call->args[1], set, "spop", random_next(&random));
    settle(call, call->args[1], item);
}

static void run_spop_count(struct command_call *call) {
    int64_t count;
    if (!number_parse_i64(call->args[2], &count) || count < 0) {
        reply_error(call->reply, "ERR value is out of range, must be positive");
        return;
    }
    bool wrong_type;
    struct item *item = keyspace_find_typed(call, call->args[1], ITEM_SET, &wrong_type);
    if (wrong_type) return;
    if (item == NULL || count == 0) {
        reply_set(call->reply, 0);
        return;
    }
    pop_some(call, item, count);
}

static void run_spop(struct command_call *call) {
    if (call->count > 3) {
        reply_error(call->reply, REPLY_SYNTAX_ERROR);
        return;
    }
    if (call->count == 3) {
        run_spop_count(call);
        return;
    }
    bool wrong_type;
    struct item *item = keyspace_find_typed(call, call->args[1], ITEM_SET, &wrong_type);
    if (wrong_type) return;
    if (item == NULL) {
        reply_null(call->reply);
        return;
    }
    struct set *set = item_value(item);
    struct random random = command_random(call);
    pop_one(call, set, &random);
    changed(call, call->args[1], set, "spop", random_next(&random));
    settle(call, call->args[1], item);
}

static void reply_repeated_picks(struct reply *reply, const struct set *set, struct random *random,
                                 uint64_t count) {
    reply_array(reply, count);
    for (uint64_t i = 0; i < count; i++) {
        struct bytes member;
        char scratch[NUMBER_TEXT_MAX];
        pick_one(set, random, &member, scratch);
        reply_bulk(reply, member);
    }
}

static void reply_distinct_picks(struct reply *reply, const struct set *set, struct random *random,
                                 uint64_t count) {
    reply_array(reply, count);
    struct sample sample = sample_begin(random, set_span(set), count);
    while (count > 0) {
        struct bytes member;
        char scratch[NUMBER_TEXT_MAX];
        if (!set_at(set, sample_next(&sample), &member, scratch)) continue; /* a hole */
        reply_bulk(reply, member);
        count--;
    }
    sample_end(&sample);
}

static void run_srandmember_count(struct command_call *call) {
    int64_t count;
    if (!sample_parse_count(call, 2, &count)) return;
    bool wrong_type;
    const struct set *set = open_set(call, &wrong_type);
    if (wrong_type || !sample_repeats_allowed(call, count)) return;
    if (set == NULL || count == 0) {
        reply_array(call->reply, 0);
        return;
    }
    struct random random = command_random(call);
    if (count < 0) {
        reply_repeated_picks(call->reply, set, &random, (uint64_t)-count);
    } else if (count >= set_size(set)) {
        reply_array(call->reply, set_size(set));
        reply_members(call->reply, set);
    } else {
        reply_distinct_picks(call->reply, set, &random, (uint64_t)count);
    }
}

static void run_srandmember(struct command_call *call) {
    if (call->count > 3) {
        reply_error(call->reply, REPLY_SYNTAX_ERROR);
        return;
    }
    if (call->count == 3) {
        run_srandmember_count(call);
        return;
    }
    bool wrong_type;
    const struct set *set = open_set(call, &wrong_type);
    if (wrong_type) return;
    if (set == NULL) {
        reply_null(call->reply);
        return;
    }
    struct random random = command_random(call);
    struct bytes member;
    char scratch[NUMBER_TEXT_MAX];
    pick_one(set, &random, &member, scratch);
    reply_bulk(call->reply, member);
}

/* --- scanning ------------------------------------------------------------------------------ */

/* Replies with the member at a position if it matches; returns how many that were, 0 or 1. */
static uint64_t scan_position(const struct scan_request *request, struct reply *reply,
                              const struct set *set, uint32_t position) {
    struct bytes member;
    char scratch[NUMBER_TEXT_MAX];
    if (!set_at(set, position, &member, scratch) || !scan_matches(request, member)) return 0;
    reply_bulk(reply, member);
    return 1;
}

static void run_sscan(struct command_call *call) {
    struct scan_request request;
    if (!scan_parse_cursor(call, 2, &request)) return;
    bool wrong_type;
    const struct set *set = open_set(call, &wrong_type);
    if (wrong_type) return;
    if (set == NULL) {
        scan_reply_empty(call);
        return;
    }
    if (!scan_parse_options(call, 3, false, &request)) return;

    struct scan_range range = {0, 0};
    if (!set_is_integers(set)) range = scan_range(&request, set_span(set));
    reply_array(call->reply, 2);
    reply_bulk_integer(call->reply, range.end);
    size_t mark = reply_deferred_open(call->reply);
    uint64_t elements = 0;
    for (uint32_t i = 0; set_is_integers(set) && i < set_span(set); i++)
        elements += scan_position(&request, call->reply, set, i);
    for (uint32_t i = range.start; i > range.end; i--)
        elements += scan_position(&request, call->reply, set, i - 1);
    reply_deferred_array(call->reply, mark, elements);
}

/* --- rows ---------------------------------------------------------------------------------- */

static const struct command commands[] = {
    {.id = 400,
     .name = "sadd",
     .run = run_sadd,
     .arity = -3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .element = 2,
     .key_flags = "RW INSERT",
     .categories = "set",
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(1) for each element added, so O(N) to add N elements when the command is "
                   "called with multiple arguments.",
     .summary = "Add one or more members to a set",
     .arguments = "k:key#0 s:member*"},
    {.id = 401,
     .name = "srem",
     .run = run_srem,
     .arity = -3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .element = 2,
     .key_flags = "RW DELETE",
     .categories = "set",
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of members to be removed.",
     .summary = "Remove one or more members from a set",
     .arguments = "k:key#0 s:member*"},
    {.id = 402,
     .name = "smembers",
     .run = run_smembers,
     .arity = 2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "set",
     .tips = "nondeterministic_output_order",
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(N) where N is the set cardinality.",
     .summary = "Get all the members in a set",
     .arguments = "k:key#0"},
    {.id = 403,
     .name = "sismember",
     .run = run_sismember,
     .arity = 3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO",
     .categories = "set",
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Determine if a given value is a member of a set",
     .arguments = "k:key#0 s:member"},
    {.id = 404,
     .name = "smismember",
     .run = run_smismember,
     .arity = -3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "set",
     .group = "set",
     .since = "6.2.0",
     .complexity = "O(N) where N is the number of elements being checked for membership",
     .summary = "Returns the membership associated with the given elements for a set",
     .arguments = "k:key#0 s:member*"},
    {.id = 405,
     .name = "scard",
     .run = run_scard,
     .arity = 2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO",
     .categories = "set",
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Get the number of members in a set",
     .arguments = "k:key#0"},
    {.id = 406,
     .name = "spop",
     .run = run_spop,
     .arity = -2,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW ACCESS DELETE",
     .categories = "set",
     .tips = "nondeterministic_output",
     .group = "set",
     .since = "1.0.0",
     .complexity = "Without the count argument O(1), otherwise O(N) where N is the value of the "
                   "passed count.",
     .summary = "Remove and return one or multiple random members from a set",
     .arguments = "k:key#0 i:count@3.2.0?"},
    {.id = 407,
     .name = "srandmember",
     .run = run_srandmember,
     .arity = -2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "set",
     .tips = "nondeterministic_output",
     .group = "set",
     .since = "1.0.0",
     .complexity = "Without the count argument O(1), otherwise O(N) where N is the absolute value "
                   "of the passed count.",
     .summary = "Get one or multiple random members from a set",
     .arguments = "k:key#0 i:count@2.6.0?"},
    {.id = 408,
     .name = "smove",
     .run = run_smove,
     .arity = 4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = {.first = 1, .last = 2, .step = 1},
     .key_flags = "RW ACCESS DELETE;RW INSERT",
     .categories = "set",
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Move a member from one set to another",
     .arguments = "k:source#0 k:destination#1 s:member"},
    {.id = 409,
     .name = "sscan",
     .run = run_sscan,
     .arity = -3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "set",
     .tips = "nondeterministic_output",
     .group = "set",
     .since = "2.8.0",
     .complexity =
         "O(1) for every call. O(N) for a complete iteration, including enough command calls for "
         "the cursor to return back to 0. N is the number of elements inside the collection..",
     .summary = "Incrementally iterate Set elements",
     .arguments = "k:key#0 i:cursor p:pattern=MATCH? i:count=COUNT?"},
};

const struct command_family set_family = {commands, COUNT_OF(commands)};
