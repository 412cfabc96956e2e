/* sorted_set_commands.c: the commands that name members of a sorted set, pop them or walk over all
 * of them.
 *
 * Each note of a change carries the new size and what came or went last, so that nodes whose sorted
 * sets differ soon differ in their rolling digests too. */
#include "storages/sorted_set_commands.h"

#include "base/hash.h"
#include "base/memory.h"
#include "storages/sample.h"
#include "storages/scan.h"
#include "storages/storages.h"

/* --- shared with the other files ----------------------------------------------------------- */

bool sorted_set_open(struct command_call *call, struct bytes key,
                     struct opened_sorted_set *opened) {
    bool wrong_type = false;
    struct item *item = keyspace_find_typed(call, key, ITEM_SORTED_SET, &wrong_type);
    *opened = (struct opened_sorted_set){.key = key, .item = item};
    if (item != NULL) opened->set = item_value(item);
    return !wrong_type;
}

struct sorted_set *sorted_set_create_for(struct command_call *call) {
    return sorted_set_create(storages_hash_seed(call->storages));
}

struct sorted_set_limits sorted_set_limits_for(const struct command_call *call) {
    const struct storages_settings *settings = storages_settings(call->storages);
    return (struct sorted_set_limits){.packed_members_max = settings->zset_max_listpack_entries,
                                      .packed_size_max = settings->zset_max_listpack_value};
}

void sorted_set_end_removal(struct command_call *call, const struct opened_sorted_set *opened,
                            const char *event, uint64_t detail) {
    uint32_t size = sorted_set_size(opened->set);
    keyspace_changed(call, opened->key, event, hash_chain(size, detail));
    if (size == 0) {
        keyspace_changed(call, opened->key, "del", 0);
        keyspace_delete_item(call, opened->item);
    } else if (sorted_set_has_holes(opened->set)) {
        keyspace_note_holes(call, opened->item);
    }
}

void sorted_set_store(struct command_call *call, struct bytes key, struct sorted_set *result,
                      const char *event) {
    uint32_t size = sorted_set_size(result);
    if (size > 0) {
        keyspace_put(call, key, ITEM_SORTED_SET, result);
        keyspace_changed(call, key, event, sorted_set_class.digest(result));
    } else {
        sorted_set_destroy(result);
        if (keyspace_delete(call, key)) keyspace_changed(call, key, "del", 0);
    }
    reply_integer(call->reply, size);
}

void sorted_set_reply_header(struct command_call *call, uint64_t count, bool with_scores) {
    reply_array(call->reply, with_scores && call->reply->protocol == 2 ? 2 * count : count);
}

void sorted_set_reply_entry(struct command_call *call, const struct sorted_set_entry *entry,
                            bool with_scores) {
    if (with_scores && call->reply->protocol > 2) reply_array(call->reply, 2);
    reply_bulk(call->reply, entry->member);
    if (with_scores) reply_double(call->reply, entry->score);
}

/* --- adding -------------------------------------------------------------------------------- */

enum { SCORES_ON_STACK = 32 };

struct zadd_request {
    uint32_t rules;       /* enum sorted_set_rule */
    bool counts_changed;  /* CH */
    uint32_t first_score; /* argument */
    uint32_t pairs;
};

static bool refuse(struct command_call *call, const char *text) {
    reply_error(call->reply, text);
    return false;
}

static bool parse_zadd(struct command_call *call, struct zadd_request *request) {
    uint32_t at = 2;
    for (; at < call->count; at++) {
        if (command_option(call, at, "nx"))
            request->rules |= SORTED_SET_ONLY_NEW;
        else if (command_option(call, at, "xx"))
            request->rules |= SORTED_SET_ONLY_OLD;
        else if (command_option(call, at, "ch"))
            request->counts_changed = true;
        else if (command_option(call, at, "incr"))
            request->rules |= SORTED_SET_INCREMENT;
        else if (command_option(call, at, "gt"))
            request->rules |= SORTED_SET_ONLY_GREATER;
        else if (command_option(call, at, "lt"))
            request->rules |= SORTED_SET_ONLY_LESS;
        else
            break;
    }
    uint32_t rest = call->count - at;
    if (rest == 0 || rest % 2 != 0) return refuse(call, REPLY_SYNTAX_ERROR);
    request->first_score = at;
    request->pairs = rest / 2;

    bool new = request->rules &SORTED_SET_ONLY_NEW, old = request->rules &SORTED_SET_ONLY_OLD;
    bool greater = request->rules & SORTED_SET_ONLY_GREATER;
    bool less = request->rules & SORTED_SET_ONLY_LESS;
    if (new &&old) return refuse(call, "ERR XX and NX options at the same time are not compatible");
    if ((greater && new) || (less && new) || (greater && less))
        return refuse(call, "ERR GT, LT, and/or NX options at the same time are not compatible");
    if ((request->rules & SORTED_SET_INCREMENT) && request->pairs > 1)
        return refuse(call, "ERR INCR option supports a single increment-element pair");
    return true;
}

struct zadd_result {
    uint32_t added, updated;
    enum sorted_set_outcome last;
    double last_score;
};

static struct zadd_result put_pairs(struct command_call *call, struct sorted_set *set,
                                    const struct zadd_request *request, const double *scores) {
    struct sorted_set_limits limits = sorted_set_limits_for(call);
    struct zadd_result result = {0};
    for (uint32_t i = 0; i < request->pairs; i++) {
        struct bytes member = call->args[request->first_score + 2 * i + 1];
        result.last_score = scores[i];
        result.last = sorted_set_put(set, member, &result.last_score, request->rules, &limits);
        result.added += result.last == SORTED_SET_ADDED;
        result.updated += result.last == SORTED_SET_UPDATED;
    }
    return result;
}

static void add_pairs(struct command_call *call, const struct zadd_request *request,
                      const double *scores) {
    bool increment = request->rules & SORTED_SET_INCREMENT;
    struct opened_sorted_set opened;
    if (!sorted_set_open(call, call->args[1], &opened)) return;
    struct zadd_result result = {.last = SORTED_SET_REFUSED};
    if (opened.item == NULL && !(request->rules & SORTED_SET_ONLY_OLD)) {
        opened.set = sorted_set_create_for(call);
        opened.item = keyspace_add(call, opened.key, ITEM_SORTED_SET, opened.set);
    }
    if (opened.item != NULL) result = put_pairs(call, opened.set, request, scores);

    if (increment && result.last == SORTED_SET_NOT_A_NUMBER)
        reply_error(call->reply, "ERR resulting score is not a number (NaN)");
    else if (increment && result.last == SORTED_SET_REFUSED)
        reply_null(call->reply);
    else if (increment)
        reply_double(call->reply, result.last_score);
    else
        reply_integer(call->reply, result.added + (request->counts_changed ? result.updated : 0));

    if (result.added + result.updated == 0) return;
    uint64_t score_bits;
    memcpy(&score_bits, &result.last_score, sizeof(score_bits));
    keyspace_changed(call, opened.key, increment ? "zincr" : "zadd",
                     hash_chain(sorted_set_size(opened.set), score_bits));
}

static void add(struct command_call *call, uint32_t rules) {
    struct zadd_request request = {.rules = rules};
    if (!parse_zadd(call, &request)) return;

    double on_stack[SCORES_ON_STACK], *scores = on_stack;
    if (request.pairs > SCORES_ON_STACK) scores = memory_allocate(request.pairs * sizeof(*scores));
    bool valid = true;
    for (uint32_t i = 0; i < request.pairs && valid; i++)
        valid = command_double(call, request.first_score + 2 * i, &scores[i]);
    if (valid) add_pairs(call, &request, scores);
    if (scores != on_stack) memory_release(scores);
}

static void run_zadd(struct command_call *call) {
    add(call, 0);
}

static void run_zincrby(struct command_call *call) {
    add(call, SORTED_SET_INCREMENT);
}

/* --- removing ------------------------------------------------------------------------------ */

static void run_zrem(struct command_call *call) {
    struct opened_sorted_set opened;
    if (!sorted_set_open(call, call->args[1], &opened)) return;
    uint32_t removed = 0;
    uint64_t detail = 0;
    for (uint32_t i = 2; opened.item != NULL && i < call->count; i++) {
        if (!sorted_set_remove(opened.set, call->args[i], call->in_group)) continue;
        removed += 1;
        detail = hash_bytes(call->args[i], 0);
        if (sorted_set_size(opened.set) == 0) break;
    }
    if (removed > 0) sorted_set_end_removal(call, &opened, "zrem", detail);
    reply_integer(call->reply, removed);
}

/* Replies with `count` members from one end and takes them away: `nested` each as a pair, in both
 * protocols. Requires 0 < count <= size. */
static void pop_members(struct command_call *call, const struct opened_sorted_set *opened,
                        bool from_max, uint32_t count, bool nested) {
    uint32_t size = sorted_set_size(opened->set);
    struct sorted_set_walk walk = sorted_set_walk(opened->set, from_max ? size - 1 : 0, from_max);
    struct sorted_set_entry entry;
    uint64_t detail = 0;
    reply_array(call->reply, nested ? count : 2 * (uint64_t)count);
    for (uint32_t i = 0; i < count && sorted_set_walk_next(&walk, &entry); i++) {
        if (nested) reply_array(call->reply, 2);
        reply_bulk(call->reply, entry.member);
        reply_double(call->reply, entry.score);
        if (i + 1 == count) detail = hash_bytes(entry.member, 0);
    }
    sorted_set_remove_ranks(opened->set, from_max ? size - count : 0, count, call->in_group);
    sorted_set_end_removal(call, opened, from_max ? "zpopmax" : "zpopmin", detail);
}

static uint32_t count_within(int64_t count, const struct sorted_set *set) {
    uint32_t size = sorted_set_size(set);
    return count < size ? (uint32_t)count : size;
}

/* An integer from `min` up; otherwise answers with `text`, as also for what is no integer. */
static bool parse_at_least(struct command_call *call, uint32_t at, int64_t min, const char *text,
                           int64_t *value) {
    int64_t parsed;
    if (!number_parse_i64(call->args[at], &parsed) || parsed < min) return refuse(call, text);
    *value = parsed;
    return true;
}

static void pop(struct command_call *call, bool from_max) {
    int64_t count = 1;
    bool has_count = call->count == 3;
    if (call->count > 3) {
        reply_error(call->reply, REPLY_SYNTAX_ERROR);
        return;
    }
    if (has_count &&
        !parse_at_least(call, 2, 0, "ERR value is out of range, must be positive", &count))
        return;

    struct opened_sorted_set opened;
    if (!sorted_set_open(call, call->args[1], &opened)) return;
    if (opened.item == NULL || count == 0) {
        reply_array(call->reply, 0);
        return;
    }
    bool nested = has_count && call->reply->protocol > 2;
    pop_members(call, &opened, from_max, count_within(count, opened.set), nested);
}

static void run_zpopmin(struct command_call *call) {
    pop(call, false);
}

static void run_zpopmax(struct command_call *call) {
    pop(call, true);
}

struct zmpop_request {
    uint32_t keys; /* from args[2] on */
    bool from_max;
    int64_t count;
};

static bool parse_zmpop(struct command_call *call, struct zmpop_request *request) {
    int64_t keys;
    request->count = 1;
    if (!parse_at_least(call, 1, 1, "ERR numkeys should be greater than 0", &keys)) return false;
    if (keys > (int64_t)call->count - 3) /* no room for MIN or MAX */
        return refuse(call, REPLY_SYNTAX_ERROR);
    request->keys = (uint32_t)keys;

    uint32_t at = 2 + request->keys;
    request->from_max = command_option(call, at, "max");
    if (!request->from_max && !command_option(call, at, "min"))
        return refuse(call, REPLY_SYNTAX_ERROR);
    at += 1;
    if (at == call->count) return true;
    if (at + 1 == call->count || !command_option(call, at, "count"))
        return refuse(call, REPLY_SYNTAX_ERROR);
    if (!parse_at_least(call, at + 1, 1, "ERR count should be greater than 0", &request->count))
        return false;
    return call->count == at + 2 || refuse(call, REPLY_SYNTAX_ERROR);
}

static void run_zmpop(struct command_call *call) {
    struct zmpop_request request;
    if (!parse_zmpop(call, &request)) return;
    for (uint32_t i = 2; i < 2 + request.keys; i++) {
        struct opened_sorted_set opened;
        if (!sorted_set_open(call, call->args[i], &opened)) return;
        if (opened.item == NULL) continue;
        reply_array(call->reply, 2);
        reply_bulk(call->reply, opened.key);
        pop_members(call, &opened, request.from_max, count_within(request.count, opened.set), true);
        return;
    }
    reply_null_array(call->reply);
}

/* --- looking ------------------------------------------------------------------------------- */

static void run_zcard(struct command_call *call) {
    struct opened_sorted_set opened;
    if (!sorted_set_open(call, call->args[1], &opened)) return;
    reply_integer(call->reply, opened.item == NULL ? 0 : sorted_set_size(opened.set));
}

static void reply_score(struct command_call *call, const struct opened_sorted_set *opened,
                        struct bytes member) {
    double score;
    if (opened->item != NULL && sorted_set_find(opened->set, member, &score))
        reply_double(call->reply, score);
    else
        reply_null(call->reply);
}

static void run_zscore(struct command_call *call) {
    struct opened_sorted_set opened;
    if (!sorted_set_open(call, call->args[1], &opened)) return;
    reply_score(call, &opened, call->args[2]);
}

static void run_zmscore(struct command_call *call) {
    struct opened_sorted_set opened;
    if (!sorted_set_open(call, call->args[1], &opened)) return;
    reply_array(call->reply, call->count - 2);
    for (uint32_t i = 2; i < call->count; i++)
        reply_score(call, &opened, call->args[i]);
}

static void reply_rank(struct command_call *call, bool reverse) {
    struct opened_sorted_set opened;
    if (!sorted_set_open(call, call->args[1], &opened)) return;
    uint32_t rank;
    if (opened.item == NULL || !sorted_set_rank(opened.set, call->args[2], &rank)) {
        reply_null(call->reply);
        return;
    }
    reply_integer(call->reply, reverse ? sorted_set_size(opened.set) - 1 - rank : rank);
}

static void run_zrank(struct command_call *call) {
    reply_rank(call, false);
}

static void run_zrevrank(struct command_call *call) {
    reply_rank(call, true);
}

/* --- random members ------------------------------------------------------------------------ */

static void reply_member_at(struct command_call *call, const struct sorted_set *set, uint32_t rank,
                            bool with_scores) {
    struct sorted_set_walk walk = sorted_set_walk(set, rank, false);
    struct sorted_set_entry entry;
    bool found = sorted_set_walk_next(&walk, &entry);
    CHECK(found);
    sorted_set_reply_entry(call, &entry, with_scores);
}

/* A whole sorted set is answered from its greatest member down, as Redis does. */
static void reply_all(struct command_call *call, const struct sorted_set *set, bool with_scores) {
    uint32_t size = sorted_set_size(set);
    struct sorted_set_walk walk = sorted_set_walk(set, size - 1, true);
    struct sorted_set_entry entry;
    sorted_set_reply_header(call, size, with_scores);
    while (sorted_set_walk_next(&walk, &entry))
        sorted_set_reply_entry(call, &entry, with_scores);
}

/* A positive count asks for different members, a negative one for so many draws. */
static void reply_random(struct command_call *call, const struct sorted_set *set, int64_t count,
                         bool with_scores) {
    uint32_t size = sorted_set_size(set);
    if (count >= size) {
        reply_all(call, set, with_scores);
        return;
    }
    uint64_t wanted = count < 0 ? 0 - (uint64_t)count : (uint64_t)count;
    struct random random = command_random(call);
    sorted_set_reply_header(call, wanted, with_scores);
    if (count < 0) {
        for (; wanted > 0; wanted--)
            reply_member_at(call, set, (uint32_t)random_below(&random, size), with_scores);
        return;
    }
    struct sample sample = sample_begin(&random, size, wanted);
    for (; wanted > 0; wanted--)
        reply_member_at(call, set, sample_next(&sample), with_scores);
    sample_end(&sample);
}

static void run_zrandmember(struct command_call *call) {
    bool has_count = call->count > 2, with_scores = call->count == 4;
    int64_t count = 0;
    if (has_count && !sample_parse_count(call, 2, &count)) return;
    if (call->count > 4 || (with_scores && !command_option(call, 3, "withscores"))) {
        reply_error(call->reply, REPLY_SYNTAX_ERROR);
        return;
    }
    if (with_scores && (count < -(INT64_MAX / 2) || count > INT64_MAX / 2)) {
        reply_error(call->reply, "ERR value is out of range");
        return;
    }
    struct opened_sorted_set opened;
    if (!sorted_set_open(call, call->args[1], &opened)) return;
    if (has_count && (opened.item == NULL || count == 0)) {
        reply_array(call->reply, 0);
    } else if (has_count) {
        if (sample_repeats_allowed(call, count)) reply_random(call, opened.set, count, with_scores);
    } else if (opened.item == NULL) {
        reply_null(call->reply);
    } else {
        struct random random = command_random(call);
        uint32_t size = sorted_set_size(opened.set);
        reply_member_at(call, opened.set, (uint32_t)random_below(&random, size), false);
    }
}

/* --- scanning ------------------------------------------------------------------------------ */

/* Redis keeps whole scores of packed sorted sets as integers, up to half of the range, and shows
 * them here as such: 1000000000000000000 where ZSCORE says 1e+18. */
static const double packed_integer_bound = 4611686018427387904.0; /* 2^62 */

static void reply_scanned(struct command_call *call, const struct sorted_set_entry *entry,
                          bool is_packed) {
    char text[NUMBER_DOUBLE_TEXT_MAX];
    double score = entry->score;
    bool whole = is_packed && score >= -packed_integer_bound && score <= packed_integer_bound &&
                 (double)(int64_t)score == score;
    size_t size = whole ? number_print_i64(text, (int64_t)score) : number_print_double(text, score);
    reply_bulk(call->reply, entry->member);
    reply_bulk(call->reply, bytes_of(text, size));
}

static void run_zscan(struct command_call *call) {
    struct scan_request request;
    struct opened_sorted_set opened;
    if (!scan_parse_cursor(call, 2, &request)) return;
    if (!sorted_set_open(call, call->args[1], &opened)) return;
    if (opened.item == NULL) {
        scan_reply_empty(call);
        return;
    }
    if (!scan_parse_options(call, 3, false, &request)) return;

    bool is_packed = sorted_set_is_packed(opened.set);
    struct scan_range range = scan_range(&request, sorted_set_span(opened.set));
    if (is_packed) range = (struct scan_range){sorted_set_size(opened.set), 0};
    reply_array(call->reply, 2);
    reply_bulk_integer(call->reply, range.end);
    size_t mark = reply_deferred_open(call->reply);
    uint64_t replied = 0;
    for (uint32_t i = 0; i < range.start - range.end; i++) {
        struct sorted_set_entry entry;
        uint32_t position = is_packed ? i : range.start - 1 - i;
        if (!sorted_set_at(opened.set, position, &entry)) continue;
        if (!scan_matches(&request, entry.member)) continue;
        reply_scanned(call, &entry, is_packed);
        replied += 2;
    }
    reply_deferred_array(call->reply, mark, replied);
}

/* --- tables -------------------------------------------------------------------------------- */

static const struct command sorted_set_commands[] = {
    {.id = 500,
     .name = "zadd",
     .run = run_zadd,
     .arity = -4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .element = 3,
     .key_flags = "RW UPDATE",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "1.2.0",
     .complexity =
         "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
     .summary = "Add one or more members to a sorted set, or update its score if it already exists",
     .arguments =
         "k:key#0 o:condition@3.0.2?(t:nx=NX t:xx=XX) o:comparison@6.2.0?(t:gt=GT t:lt=LT) "
         "t:change=CH@3.0.2? t:increment=INCR@3.0.2? b:score_member*(d:score s:member)"},
    {.id = 501,
     .name = "zrem",
     .run = run_zrem,
     .arity = -3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .element = 2,
     .key_flags = "RW DELETE",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "1.2.0",
     .complexity = "O(M*log(N)) with N being the number of elements in the sorted set and M the "
                   "number of elements to be removed.",
     .summary = "Remove one or more members from a sorted set",
     .arguments = "k:key#0 s:member*"},
    {.id = 502,
     .name = "zincrby",
     .run = run_zincrby,
     .arity = 4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .element = 3,
     .key_flags = "RW ACCESS UPDATE",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "1.2.0",
     .complexity = "O(log(N)) where N is the number of elements in the sorted set.",
     .summary = "Increment the score of a member in a sorted set",
     .arguments = "k:key#0 i:increment s:member"},
    {.id = 503,
     .name = "zscore",
     .run = run_zscore,
     .arity = 3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "1.2.0",
     .complexity = "O(1)",
     .summary = "Get the score associated with the given member in a sorted set",
     .arguments = "k:key#0 s:member"},
    {.id = 504,
     .name = "zmscore",
     .run = run_zmscore,
     .arity = -3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "6.2.0",
     .complexity = "O(N) where N is the number of members being requested.",
     .summary = "Get the score associated with the given members in a sorted set",
     .arguments = "k:key#0 s:member*"},
    {.id = 505,
     .name = "zcard",
     .run = run_zcard,
     .arity = 2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "1.2.0",
     .complexity = "O(1)",
     .summary = "Get the number of members in a sorted set",
     .arguments = "k:key#0"},
    {.id = 508,
     .name = "zrank",
     .run = run_zrank,
     .arity = 3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "2.0.0",
     .complexity = "O(log(N))",
     .summary = "Determine the index of a member in a sorted set",
     .arguments = "k:key#0 s:member"},
    {.id = 509,
     .name = "zrevrank",
     .run = run_zrevrank,
     .arity = 3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "2.0.0",
     .complexity = "O(log(N))",
     .summary =
         "Determine the index of a member in a sorted set, with scores ordered from high to low",
     .arguments = "k:key#0 s:member"},
    {.id = 516,
     .name = "zpopmin",
     .run = run_zpopmin,
     .arity = -2,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW ACCESS DELETE",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "5.0.0",
     .complexity = "O(log(N)*M) with N being the number of elements in the sorted set, and M being "
                   "the number of elements popped.",
     .summary = "Remove and return members with the lowest scores in a sorted set",
     .arguments = "k:key#0 i:count?"},
    {.id = 517,
     .name = "zpopmax",
     .run = run_zpopmax,
     .arity = -2,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW ACCESS DELETE",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "5.0.0",
     .complexity = "O(log(N)*M) with N being the number of elements in the sorted set, and M being "
                   "the number of elements popped.",
     .summary = "Remove and return members with the highest scores in a sorted set",
     .arguments = "k:key#0 i:count?"},
    {.id = 518,
     .name = "zrandmember",
     .run = run_zrandmember,
     .arity = -2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "6.2.0",
     .complexity = "O(N) where N is the number of elements returned",
     .summary = "Get one or multiple random elements from a sorted set",
     .tips = "nondeterministic_output",
     .arguments = "k:key#0 b:options?(i:count t:withscores=WITHSCORES?)"},
    {.id = 519,
     .name = "zscan",
     .run = run_zscan,
     .arity = -3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "2.8.0",
     .complexity =
         "O(1) for every call. O(N) for a complete iteration, including enough command calls for "
         "the cursor to return back to 0. N is the number of elements inside the collection..",
     .summary = "Incrementally iterate sorted sets elements and associated scores",
     .tips = "nondeterministic_output",
     .arguments = "k:key#0 i:cursor p:pattern=MATCH? i:count=COUNT?"},
    {.id = 531,
     .name = "zmpop",
     .run = run_zmpop,
     .arity = -4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_MOVABLEKEYS,
     .keys = {.first = 0, .last = 0, .step = 0, .numkeys_at = 1},
     .key_flags = "RW ACCESS DELETE",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "7.0.0",
     .complexity = "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number "
                   "of elements in the sorted set, and M being the number of elements popped.",
     .summary = "Remove and return members with scores in a sorted set",
     .arguments = "i:numkeys k:key#0* o:where(t:min=MIN t:max=MAX) i:count=COUNT?"},
};
const struct command_family sorted_set_family = {sorted_set_commands,
                                                 COUNT_OF(sorted_set_commands)};
