/* sorted_set_ranges.c: the commands on ranges of a sorted set: by rank, by score, by member.
 *
 * Each range, however it is written, is first turned into two ranks by counting what is before its
 * bounds; what follows is the same for all of them. */
#include "storages/sorted_set_commands.h"

#include "base/hash.h"

enum range_by { BY_RANK, BY_SCORE, BY_MEMBER };

/* A range as the client wrote it, its parts read. */
struct range {
    enum range_by by;
    bool reverse;
    int64_t first, last;           /* BY_RANK: negative ones count from the end */
    struct score_bound start, end; /* else: the cuts before its first and behind its last member */
    bool from_top, to_bottom;      /* BY_MEMBER: it begins at "+", it ends at "-": it is empty */
    bool to_top;                   /* BY_MEMBER: it ends at "+" */
};

/* Members [start, start + count) in rising order. */
struct span {
    uint32_t start, count;
};

/* --- reading ranges ------------------------------------------------------------------------ */

static bool refuse(struct command_call *call, const char *text) {
    reply_error(call->reply, text);
    return false;
}

static bool parse_ranks(struct command_call *call, uint32_t at, struct range *range) {
    return command_integer(call, at, &range->first) && command_integer(call, at + 1, &range->last);
}

/* "1.5", "(1.5", "-inf": the value, and whether the bound itself is left out. */
static bool parse_score(struct bytes text, double *score, bool *is_open) {
    *is_open = text.size > 0 && text.data[0] == '(';
    return number_parse_bound(*is_open ? bytes_slice(text, 1, text.size) : text, score);
}

static bool parse_scores(struct command_call *call, uint32_t min_at, uint32_t max_at,
                         struct range *range) {
    bool min_is_open, max_is_open;
    range->start = range->end = (struct score_bound){.by = SCORE_BOUND_SCORE};
    if (!parse_score(call->args[min_at], &range->start.score, &min_is_open) ||
        !parse_score(call->args[max_at], &range->end.score, &max_is_open))
        return refuse(call, "ERR min or max is not a float");
    range->start.after = min_is_open;
    range->end.after = !max_is_open;
    return true;
}

enum lex_kind { LEX_INVALID, LEX_BOTTOM, LEX_TOP, LEX_CLOSED, LEX_OPEN };

static enum lex_kind parse_lex(struct bytes text, struct bytes *member) {
    if (text.size == 0) return LEX_INVALID;
    *member = bytes_slice(text, 1, text.size);
    switch (text.data[0]) {
    case '-':
        return text.size == 1 ? LEX_BOTTOM : LEX_INVALID;
    case '+':
        return text.size == 1 ? LEX_TOP : LEX_INVALID;
    case '[':
        return LEX_CLOSED;
    case '(':
        return LEX_OPEN;
    default:
        return LEX_INVALID;
    }
}

static bool parse_members(struct command_call *call, uint32_t min_at, uint32_t max_at,
                          struct range *range) {
    range->start = range->end = (struct score_bound){.by = SCORE_BOUND_MEMBER};
    enum lex_kind min = parse_lex(call->args[min_at], &range->start.member);
    enum lex_kind max = parse_lex(call->args[max_at], &range->end.member);
    if (min == LEX_INVALID || max == LEX_INVALID)
        return refuse(call, "ERR min or max not valid string range item");
    range->start.after = min == LEX_OPEN;
    range->end.after = max == LEX_CLOSED;
    range->from_top = min == LEX_TOP;
    range->to_bottom = max == LEX_BOTTOM;
    range->to_top = max == LEX_TOP;
    return true;
}

/* Reads the two arguments from `at` on; by score or member a reverse range begins with its max. */
static bool parse_range(struct command_call *call, uint32_t at, struct range *range) {
    uint32_t min_at = range->reverse ? at + 1 : at, max_at = range->reverse ? at : at + 1;
    if (range->by == BY_RANK) return parse_ranks(call, at, range);
    if (range->by == BY_SCORE) return parse_scores(call, min_at, max_at, range);
    return parse_members(call, min_at, max_at, range);
}

/* --- finding them -------------------------------------------------------------------------- */

static struct span span_of_ranks(const struct sorted_set *set, const struct range *range) {
    int64_t size = sorted_set_size(set), first = range->first, last = range->last;
    if (first < 0) first += size;
    if (last < 0) last += size;
    if (first < 0) first = 0;
    if (last >= size) last = size - 1;
    if (first > last) return (struct span){0, 0};
    uint32_t count = (uint32_t)(last - first) + 1;
    return (struct span){(uint32_t)(range->reverse ? size - 1 - last : first), count};
}

static struct span span_of(const struct sorted_set *set, const struct range *range) {
    if (range->by == BY_RANK) return span_of_ranks(set, range);
    if (range->from_top || range->to_bottom) return (struct span){0, 0};

    /* "-" needs no case of its own: it is the empty member, which is before all others. */
    uint32_t start = sorted_set_count_before(set, &range->start);
    uint32_t end = range->to_top ? sorted_set_size(set) : sorted_set_count_before(set, &range->end);
    return (struct span){start, end > start ? end - start : 0};
}

/* LIMIT: skips members in the direction of the walk; a negative count means all the rest, a
 * negative offset skips everything. */
static struct span span_limit(struct span span, bool reverse, int64_t offset, int64_t count) {
    if (offset < 0 || offset >= span.count) return (struct span){0, 0};
    uint32_t rest = span.count - (uint32_t)offset;
    uint32_t kept = count >= 0 && count < rest ? (uint32_t)count : rest;
    return (struct span){reverse ? span.start + rest - kept : span.start + (uint32_t)offset, kept};
}

/* --- ZRANGE and its kin -------------------------------------------------------------------- */

struct range_request {
    struct range range;
    bool is_fixed; /* the name says by what and in which direction */
    bool has_limit;
    int64_t offset, count; /* LIMIT */
    bool with_scores, stores;
};

static bool parse_options(struct command_call *call, uint32_t at, struct range_request *request) {
    struct range *range = &request->range;
    bool direction_is_free = !request->is_fixed, by_is_free = !request->is_fixed;
    request->count = -1;
    for (; at < call->count; at++) {
        if (!request->stores && command_option(call, at, "withscores")) {
            request->with_scores = true;
        } else if (command_option(call, at, "limit") && at + 2 < call->count) {
            if (!command_integer(call, at + 1, &request->offset) ||
                !command_integer(call, at + 2, &request->count))
                return false;
            at += 2;
        } else if (direction_is_free && command_option(call, at, "rev")) {
            range->reverse = true;
            direction_is_free = false;
        } else if (by_is_free && command_option(call, at, "bylex")) {
            range->by = BY_MEMBER;
            by_is_free = false;
        } else if (by_is_free && command_option(call, at, "byscore")) {
            range->by = BY_SCORE;
            by_is_free = false;
        } else {
            return refuse(call, REPLY_SYNTAX_ERROR);
        }
    }
    if (request->count != -1 && range->by == BY_RANK)
        return refuse(call, "ERR syntax error, LIMIT is only supported in combination with "
                            "either BYSCORE or BYLEX");
    if (request->with_scores && range->by == BY_MEMBER)
        return refuse(call, "ERR syntax error, WITHSCORES not supported in combination with "
                            "BYLEX");
    return true;
}

static struct span requested_span(const struct sorted_set *set,
                                  const struct range_request *request) {
    struct span span = span_of(set, &request->range);
    if (request->range.by == BY_RANK) return span;
    return span_limit(span, request->range.reverse, request->offset, request->count);
}

static struct sorted_set_walk walk_span(const struct sorted_set *set, struct span span,
                                        bool reverse) {
    uint32_t first = reverse ? span.start + span.count - 1 : span.start;
    return sorted_set_walk(set, span.count == 0 ? UINT32_MAX : first, reverse);
}

static void reply_span(struct command_call *call, const struct sorted_set *set,
                       const struct range_request *request) {
    struct span span = requested_span(set, request);
    struct sorted_set_walk walk = walk_span(set, span, request->range.reverse);
    struct sorted_set_entry entry;
    sorted_set_reply_header(call, span.count, request->with_scores);
    for (; span.count > 0 && sorted_set_walk_next(&walk, &entry); span.count--)
        sorted_set_reply_entry(call, &entry, request->with_scores);
}

static void store_span(struct command_call *call, const struct opened_sorted_set *source,
                       const struct range_request *request) {
    struct sorted_set *result = sorted_set_create_for(call);
    struct sorted_set_limits limits = sorted_set_limits_for(call);
    if (source->item != NULL) {
        struct span span = requested_span(source->set, request);
        struct sorted_set_walk walk = walk_span(source->set, span, request->range.reverse);
        struct sorted_set_entry entry;
        for (; span.count > 0 && sorted_set_walk_next(&walk, &entry); span.count--)
            sorted_set_put(result, entry.member, &entry.score, 0, &limits);
    }
    sorted_set_store(call, call->args[1], result, "zrangestore");
}

/* The range of the key at args[key_at]; its bounds follow, then the options. */
static void run_range(struct command_call *call, uint32_t key_at, struct range_request *request) {
    struct opened_sorted_set opened;
    if (!parse_options(call, key_at + 3, request)) return;
    if (!parse_range(call, key_at + 1, &request->range)) return;
    if (!sorted_set_open(call, call->args[key_at], &opened)) return;
    if (request->stores)
        store_span(call, &opened, request);
    else if (opened.item == NULL)
        reply_array(call->reply, 0);
    else
        reply_span(call, opened.set, request);
}

static void run_fixed_range(struct command_call *call, enum range_by by, bool reverse) {
    struct range_request request = {.range = {.by = by, .reverse = reverse}, .is_fixed = true};
    run_range(call, 1, &request);
}

static void run_zrange(struct command_call *call) {
    struct range_request request = {.range = {.by = BY_RANK}};
    run_range(call, 1, &request);
}

static void run_zrangestore(struct command_call *call) {
    struct range_request request = {.range = {.by = BY_RANK}, .stores = true};
    run_range(call, 2, &request);
}

static void run_zrevrange(struct command_call *call) {
    run_fixed_range(call, BY_RANK, true);
}

static void run_zrangebyscore(struct command_call *call) {
    run_fixed_range(call, BY_SCORE, false);
}

static void run_zrevrangebyscore(struct command_call *call) {
    run_fixed_range(call, BY_SCORE, true);
}

static void run_zrangebylex(struct command_call *call) {
    run_fixed_range(call, BY_MEMBER, false);
}

static void run_zrevrangebylex(struct command_call *call) {
    run_fixed_range(call, BY_MEMBER, true);
}

/* --- counting and removing ----------------------------------------------------------------- */

static void count_range(struct command_call *call, enum range_by by) {
    struct range range = {.by = by};
    struct opened_sorted_set opened;
    if (!parse_range(call, 2, &range)) return;
    if (!sorted_set_open(call, call->args[1], &opened)) return;
    reply_integer(call->reply, opened.item == NULL ? 0 : span_of(opened.set, &range).count);
}

static void run_zcount(struct command_call *call) {
    count_range(call, BY_SCORE);
}

static void run_zlexcount(struct command_call *call) {
    count_range(call, BY_MEMBER);
}

static void remove_range(struct command_call *call, enum range_by by) {
    struct range range = {.by = by};
    struct opened_sorted_set opened;
    if (!parse_range(call, 2, &range)) return;
    if (!sorted_set_open(call, call->args[1], &opened)) return;
    struct span span = {0, 0};
    if (opened.item != NULL) span = span_of(opened.set, &range);
    if (span.count > 0) {
        sorted_set_remove_ranks(opened.set, span.start, span.count, call->in_group);
        sorted_set_end_removal(call, &opened, call->command->name,
                               hash_chain(span.start, span.count));
    }
    reply_integer(call->reply, span.count);
}

static void run_zremrangebyrank(struct command_call *call) {
    remove_range(call, BY_RANK);
}

static void run_zremrangebyscore(struct command_call *call) {
    remove_range(call, BY_SCORE);
}

static void run_zremrangebylex(struct command_call *call) {
    remove_range(call, BY_MEMBER);
}

/* --- tables -------------------------------------------------------------------------------- */

static const struct command sorted_set_range_commands[] = {
    {.id = 506,
     .name = "zcount",
     .run = run_zcount,
     .arity = 4,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "2.0.0",
     .complexity = "O(log(N)) with N being the number of elements in the sorted set.",
     .summary = "Count the members in a sorted set with scores within the given values",
     .arguments = "k:key#0 d:min d:max"},
    {.id = 507,
     .name = "zlexcount",
     .run = run_zlexcount,
     .arity = 4,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "2.8.9",
     .complexity = "O(log(N)) with N being the number of elements in the sorted set.",
     .summary = "Count the number of members in a sorted set between a given lexicographical range",
     .arguments = "k:key#0 s:min s:max"},
    {.id = 510,
     .name = "zrange",
     .run = run_zrange,
     .arity = -4,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "1.2.0",
     .complexity = "O(log(N)+M) with N being the number of elements in the sorted set and M the "
                   "number of elements returned.",
     .summary = "Return a range of members in a sorted set",
     .arguments =
         "k:key#0 s:start s:stop o:sortby@6.2.0?(t:byscore=BYSCORE t:bylex=BYLEX) t:rev=REV@6.2.0? "
         "b:offset_count=LIMIT@6.2.0?(i:offset i:count) t:withscores=WITHSCORES?"},
    {.id = 511,
     .name = "zrangebyscore",
     .run = run_zrangebyscore,
     .arity = -4,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "1.0.5",
     .complexity = "O(log(N)+M) with N being the number of elements in the sorted set and M the "
                   "number of elements being returned. If M is constant (e.g. always asking for "
                   "the first 10 elements with LIMIT), you can consider it O(log(N)).",
     .summary = "Return a range of members in a sorted set, by score",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `BYSCORE` argument",
     .arguments = "k:key#0 d:min d:max t:withscores=WITHSCORES@2.0.0? "
                  "b:offset_count=LIMIT?(i:offset i:count)"},
    {.id = 512,
     .name = "zrevrangebyscore",
     .run = run_zrevrangebyscore,
     .arity = -4,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "2.2.0",
     .complexity = "O(log(N)+M) with N being the number of elements in the sorted set and M the "
                   "number of elements being returned. If M is constant (e.g. always asking for "
                   "the first 10 elements with LIMIT), you can consider it O(log(N)).",
     .summary = "Return a range of members in a sorted set, by score, with scores ordered from "
                "high to low",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` and `BYSCORE` arguments",
     .arguments =
         "k:key#0 d:max d:min t:withscores=WITHSCORES? b:offset_count=LIMIT?(i:offset i:count)"},
    {.id = 513,
     .name = "zrevrange",
     .run = run_zrevrange,
     .arity = -4,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "1.2.0",
     .complexity = "O(log(N)+M) with N being the number of elements in the sorted set and M the "
                   "number of elements returned.",
     .summary = "Return a range of members in a sorted set, by index, with scores ordered from "
                "high to low",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` argument",
     .arguments = "k:key#0 i:start i:stop t:withscores=WITHSCORES?"},
    {.id = 514,
     .name = "zrangebylex",
     .run = run_zrangebylex,
     .arity = -4,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "2.8.9",
     .complexity = "O(log(N)+M) with N being the number of elements in the sorted set and M the "
                   "number of elements being returned. If M is constant (e.g. always asking for "
                   "the first 10 elements with LIMIT), you can consider it O(log(N)).",
     .summary = "Return a range of members in a sorted set, by lexicographical range",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `BYLEX` argument",
     .arguments = "k:key#0 s:min s:max b:offset_count=LIMIT?(i:offset i:count)"},
    {.id = 515,
     .name = "zrevrangebylex",
     .run = run_zrevrangebylex,
     .arity = -4,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "2.8.9",
     .complexity = "O(log(N)+M) with N being the number of elements in the sorted set and M the "
                   "number of elements being returned. If M is constant (e.g. always asking for "
                   "the first 10 elements with LIMIT), you can consider it O(log(N)).",
     .summary = "Return a range of members in a sorted set, by lexicographical range, ordered from "
                "higher to lower strings.",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` and `BYLEX` arguments",
     .arguments = "k:key#0 s:max s:min b:offset_count=LIMIT?(i:offset i:count)"},
    {.id = 520,
     .name = "zremrangebyrank",
     .run = run_zremrangebyrank,
     .arity = 4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW DELETE",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "2.0.0",
     .complexity = "O(log(N)+M) with N being the number of elements in the sorted set and M the "
                   "number of elements removed by the operation.",
     .summary = "Remove all members in a sorted set within the given indexes",
     .arguments = "k:key#0 i:start i:stop"},
    {.id = 521,
     .name = "zremrangebyscore",
     .run = run_zremrangebyscore,
     .arity = 4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW DELETE",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "1.2.0",
     .complexity = "O(log(N)+M) with N being the number of elements in the sorted set and M the "
                   "number of elements removed by the operation.",
     .summary = "Remove all members in a sorted set within the given scores",
     .arguments = "k:key#0 d:min d:max"},
    {.id = 522,
     .name = "zremrangebylex",
     .run = run_zremrangebylex,
     .arity = 4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW DELETE",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "2.8.9",
     .complexity = "O(log(N)+M) with N being the number of elements in the sorted set and M the "
                   "number of elements removed by the operation.",
     .summary = "Remove all members in a sorted set between the given lexicographical range",
     .arguments = "k:key#0 s:min s:max"},
    {.id = 523,
     .name = "zrangestore",
     .run = run_zrangestore,
     .arity = -5,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {.first = 1, .last = 2, .step = 1},
     .key_flags = "OW UPDATE; RO ACCESS",
     .categories = "sortedset",
     .group = "sorted-set",
     .since = "6.2.0",
     .complexity = "O(log(N)+M) with N being the number of elements in the sorted set and M the "
                   "number of elements stored into the destination key.",
     .summary = "Store a range of members from sorted set into another key",
     .arguments = "k:dst#0 k:src#1 s:min s:max o:sortby?(t:byscore=BYSCORE t:bylex=BYLEX) "
                  "t:rev=REV? b:offset_count=LIMIT?(i:offset i:count)"},
};
const struct command_family sorted_set_range_family = {sorted_set_range_commands,
                                                       COUNT_OF(sorted_set_range_commands)};
