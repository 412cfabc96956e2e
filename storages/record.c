/* record.c: the strings: SET, GET and their kin.
 *
 * Every change of a value notes something of its new bytes, so that the rolling digest (SAFETY 23)
 * covers contents without anything being kept per key. */
#include "storages/record.h"

#include <math.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/number.h"
#include "storages/expiry.h"
#include "storages/state.h"

static const char too_large[] = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";

struct bytes record_bytes(const struct item *item, char scratch[RECORD_SCRATCH_SIZE]) {
    if (!(item->flags & ITEM_INTEGER)) return item_text(item);
    return bytes_of(scratch, number_print_i64(scratch, (int64_t)item_word(item)));
}

static void reply_record(struct reply *reply, const struct item *item) {
    char scratch[RECORD_SCRATCH_SIZE];
    reply_bulk(reply, record_bytes(item, scratch));
}

static size_t record_size(const struct item *item) {
    char scratch[RECORD_SCRATCH_SIZE];
    return record_bytes(item, scratch).size;
}

/* The record under argument 1, or NULL; *wrong_type after WRONGTYPE. */
static struct item *find_record(struct command_call *call, bool *wrong_type) {
    return keyspace_find_typed(call, call->args[1], ITEM_RECORD, wrong_type);
}

/* What the rolling digest notes of new bytes that came with the command: the hash of the whole
 * entry's body is in the chain already, so size and both ends are enough (SAFETY 23). */
static uint64_t value_detail(struct bytes value) {
    if (value.size < 8) return hash_bytes(value, 0);
    return hash_chain(load_u64(value.data) ^ value.size, load_u64(value.data + value.size - 8));
}

static void put_record(struct command_call *call, struct bytes key, struct bytes value,
                       bool keep_deadline) {
    keyspace_put_record(call, key, value, keep_deadline);
    keyspace_changed(call, key, "set", value_detail(value));
}

/* False after an error reply. */
static bool size_is_allowed(struct command_call *call, uint64_t size) {
    uint64_t max = (uint64_t)storages_settings(call->storages)->proto_max_bulk_len;
    if (size <= max && size <= ITEM_VALUE_MAX) return true;
    reply_error(call->reply, too_large);
    return false;
}

/* --- options of SET and GETEX --------------------------------------------------------------- */

enum set_option {
    SET_NX = 1 << 0,
    SET_XX = 1 << 1,
    SET_GET = 1 << 2,
    SET_KEEPTTL = 1 << 3,
    SET_EX = 1 << 4,
    SET_PX = 1 << 5,
    SET_EXAT = 1 << 6,
    SET_PXAT = 1 << 7,
    GETEX_PERSIST = 1 << 8,
};
enum {
    SET_DEADLINE = SET_EX | SET_PX | SET_EXAT | SET_PXAT,
    SET_LIFETIME = SET_DEADLINE | SET_KEEPTTL | GETEX_PERSIST,
};

/* Which options a command takes, what excludes each, and whether a value follows. An option may be
 * repeated; the last value counts. */
static const struct option_row {
    const char *word;
    unsigned option, excluded_by;
    bool has_value;
} set_options[] = {
    {"nx", SET_NX, SET_XX, false},
    {"xx", SET_XX, SET_NX, false},
    {"get", SET_GET, 0, false},
    {"keepttl", SET_KEEPTTL, SET_LIFETIME & ~SET_KEEPTTL, false},
    {"persist", GETEX_PERSIST, SET_LIFETIME & ~GETEX_PERSIST, false},
    {"ex", SET_EX, SET_LIFETIME & ~SET_EX, true},
    {"px", SET_PX, SET_LIFETIME & ~SET_PX, true},
    {"exat", SET_EXAT, SET_LIFETIME & ~SET_EXAT, true},
    {"pxat", SET_PXAT, SET_LIFETIME & ~SET_PXAT, true},
};

struct set_request {
    unsigned options;
    uint32_t deadline_at; /* argument with the deadline or time to live; 0: none */
};

static const struct option_row *find_option(const struct command_call *call, uint32_t at,
                                            unsigned allowed) {
    for (size_t i = 0; i < COUNT_OF(set_options); i++) {
        const struct option_row *row = &set_options[i];
        if (row->option & allowed && command_option(call, at, row->word)) return row;
    }
    return NULL;
}

static bool parse_options(struct command_call *call, uint32_t at, unsigned allowed,
                          struct set_request *request) {
    *request = (struct set_request){0};
    for (; at < call->count; at++) {
        const struct option_row *row = find_option(call, at, allowed);
        bool fits = row != NULL && !(row->excluded_by & request->options) &&
                    (!row->has_value || at + 1 < call->count);
        if (!fits) {
            reply_error(call->reply, REPLY_SYNTAX_ERROR);
            return false;
        }
        request->options |= row->option;
        if (row->has_value) request->deadline_at = ++at;
    }
    return true;
}

/* The deadline that argument `at` and these options mean; false after an error reply. */
static bool parse_deadline(struct command_call *call, uint32_t at, unsigned options,
                           int64_t *deadline_ms) {
    bool is_seconds = (options & (SET_EX | SET_EXAT)) != 0;
    bool is_relative = (options & (SET_EX | SET_PX)) != 0;
    int64_t value;
    if (!command_integer(call, at, &value)) return false;
    if (value > 0 &&
        expiry_deadline(value, is_seconds, is_relative ? call->now_ms : 0, deadline_ms))
        return true;
    expiry_reply_invalid(call);
    return false;
}

/* --- SET and its short forms ---------------------------------------------------------------- */

static void set_deadline(struct command_call *call, int64_t deadline_ms) {
    struct item *item = keyspace_physical(call->storages, call->db, call->args[1]);
    keyspace_set_deadline(call, item, deadline_ms);
    keyspace_changed(call, call->args[1], "expire", (uint64_t)deadline_ms);
}

static void run_get(struct command_call *call) {
    bool wrong_type;
    struct item *item = find_record(call, &wrong_type);
    if (wrong_type) return;
    if (item == NULL)
        reply_null(call->reply);
    else
        reply_record(call->reply, item);
}

static void run_set_with_options(struct command_call *call) {
    struct set_request request;
    enum { ALLOWED = SET_NX | SET_XX | SET_GET | SET_KEEPTTL | SET_DEADLINE };
    if (!parse_options(call, 3, ALLOWED, &request)) return;
    int64_t deadline_ms = -1;
    if (request.deadline_at != 0 &&
        !parse_deadline(call, request.deadline_at, request.options, &deadline_ms))
        return;

    struct bytes key = call->args[1];
    bool get = (request.options & SET_GET) != 0;
    struct item *item = keyspace_find(call, key);
    if (get && item != NULL && item_type(item) != ITEM_RECORD) {
        reply_error(call->reply, REPLY_WRONG_TYPE);
        return;
    }
    bool refused = request.options & (item != NULL ? SET_NX : SET_XX);
    if (get && item != NULL)
        reply_record(call->reply, item);
    else if (get || refused)
        reply_null(call->reply);
    if (refused) return;

    bool keep_deadline = request.options & SET_KEEPTTL || deadline_ms >= 0; /* changed below */
    put_record(call, key, call->args[2], keep_deadline);
    if (deadline_ms >= 0) set_deadline(call, deadline_ms);
    if (!get) reply_ok(call->reply);
}

static void run_set(struct command_call *call) {
    if (call->count > 3) {
        run_set_with_options(call);
        return;
    }
    put_record(call, call->args[1], call->args[2], false);
    reply_ok(call->reply);
}

static void run_setnx(struct command_call *call) {
    bool absent = keyspace_find(call, call->args[1]) == NULL;
    if (absent) put_record(call, call->args[1], call->args[2], false);
    reply_integer(call->reply, absent);
}

static void set_with_time_to_live(struct command_call *call, unsigned unit) {
    int64_t deadline_ms;
    if (!parse_deadline(call, 2, unit, &deadline_ms)) return;
    put_record(call, call->args[1], call->args[3], true);
    set_deadline(call, deadline_ms);
    reply_ok(call->reply);
}

static void run_setex(struct command_call *call) {
    set_with_time_to_live(call, SET_EX);
}

static void run_psetex(struct command_call *call) {
    set_with_time_to_live(call, SET_PX);
}

static void run_getset(struct command_call *call) {
    bool wrong_type;
    struct item *item = find_record(call, &wrong_type);
    if (wrong_type) return;
    if (item == NULL)
        reply_null(call->reply);
    else
        reply_record(call->reply, item);
    put_record(call, call->args[1], call->args[2], false);
}

static void run_getdel(struct command_call *call) {
    bool wrong_type;
    struct item *item = find_record(call, &wrong_type);
    if (wrong_type) return;
    if (item == NULL) {
        reply_null(call->reply);
        return;
    }
    reply_record(call->reply, item);
    keyspace_delete_item(call, item);
    keyspace_changed(call, call->args[1], "del", 0);
}

static void run_getex(struct command_call *call) {
    struct set_request request;
    if (!parse_options(call, 2, SET_DEADLINE | GETEX_PERSIST, &request)) return;
    bool wrong_type;
    struct item *item = find_record(call, &wrong_type);
    if (wrong_type) return;
    if (item == NULL) {
        reply_null(call->reply);
        return;
    }
    int64_t deadline_ms = -1;
    if (request.deadline_at != 0 &&
        !parse_deadline(call, request.deadline_at, request.options, &deadline_ms))
        return;
    reply_record(call->reply, item);
    if (request.options & (SET_EXAT | SET_PXAT) && deadline_ms <= call->now_ms) {
        keyspace_delete_item(call, item);
        keyspace_changed(call, call->args[1], "del", 0);
    } else if (deadline_ms >= 0) {
        set_deadline(call, deadline_ms);
    } else if (request.options & GETEX_PERSIST && item_deadline_ms(item) >= 0) {
        keyspace_set_deadline(call, item, -1);
        keyspace_changed(call, call->args[1], "persist", 0);
    }
}

/* --- several keys --------------------------------------------------------------------------- */

static void run_mget(struct command_call *call) {
    reply_array(call->reply, call->count - 1);
    for (uint32_t i = 1; i < call->count; i++) {
        struct item *item = keyspace_find(call, call->args[i]);
        if (item == NULL || item_type(item) != ITEM_RECORD)
            reply_null(call->reply);
        else
            reply_record(call->reply, item);
    }
}

static bool pairs_are_complete(struct command_call *call) {
    if (call->count % 2 == 1) return true;
    reply_error_format(call->reply, "ERR wrong number of arguments for '%s' command",
                       call->command->name);
    return false;
}

static void put_pairs(struct command_call *call) {
    for (uint32_t i = 1; i < call->count; i += 2)
        put_record(call, call->args[i], call->args[i + 1], false);
}

static void run_mset(struct command_call *call) {
    if (!pairs_are_complete(call)) return;
    put_pairs(call);
    reply_ok(call->reply);
}

static void run_msetnx(struct command_call *call) {
    if (!pairs_are_complete(call)) return;
    for (uint32_t i = 1; i < call->count; i += 2) {
        if (keyspace_find(call, call->args[i]) == NULL) continue;
        reply_integer(call->reply, 0);
        return;
    }
    put_pairs(call);
    reply_integer(call->reply, 1);
}

/* --- counters ------------------------------------------------------------------------------- */

/* The record as an integer, 0 if absent; false after an error reply. */
static bool record_integer(struct command_call *call, const struct item *item, int64_t *value) {
    *value = 0;
    if (item == NULL) return true;
    if (item->flags & ITEM_INTEGER) {
        *value = (int64_t)item_word(item);
        return true;
    }
    if (number_parse_i64(item_text(item), value)) return true;
    reply_error(call->reply, REPLY_NOT_INTEGER);
    return false;
}

static void increase(struct command_call *call, int64_t by) {
    struct bytes key = call->args[1];
    bool wrong_type;
    int64_t value;
    struct item *item = find_record(call, &wrong_type);
    if (wrong_type || !record_integer(call, item, &value)) return;
    if (__builtin_add_overflow(value, by, &value)) {
        reply_error(call->reply, "ERR increment or decrement would overflow");
        return;
    }
    if (item != NULL) {
        keyspace_set_integer(call, item, value);
    } else {
        char text[NUMBER_TEXT_MAX];
        keyspace_put_record(call, key, bytes_of(text, number_print_i64(text, value)), false);
    }
    keyspace_changed(call, key, "incrby", (uint64_t)value);
    reply_integer(call->reply, value);
}

static void run_incr(struct command_call *call) {
    increase(call, 1);
}

static void run_decr(struct command_call *call) {
    increase(call, -1);
}

static void run_incrby(struct command_call *call) {
    int64_t by;
    if (command_integer(call, 2, &by)) increase(call, by);
}

static void run_decrby(struct command_call *call) {
    int64_t by;
    if (!command_integer(call, 2, &by)) return;
    if (by == INT64_MIN)
        reply_error(call->reply, "ERR decrement would overflow");
    else
        increase(call, -by);
}

static void run_incrbyfloat(struct command_call *call) {
    struct bytes key = call->args[1];
    bool wrong_type;
    long double value = 0, by;
    struct item *item = find_record(call, &wrong_type);
    if (wrong_type) return;
    char scratch[RECORD_SCRATCH_SIZE];
    if ((item != NULL && !number_parse_long_double(record_bytes(item, scratch), &value)) ||
        !number_parse_long_double(call->args[2], &by)) {
        reply_error(call->reply, REPLY_NOT_FLOAT);
        return;
    }
    value += by;
    if (isnan(value) || isinf(value)) {
        reply_error(call->reply, "ERR increment would produce NaN or Infinity");
        return;
    }
    char text[NUMBER_LONG_DOUBLE_TEXT_MAX];
    struct bytes printed = bytes_of(text, number_print_long_double(text, value));
    if (item == NULL) item = keyspace_put_record(call, key, printed, false);
    keyspace_set_text(call, item, printed, ITEM_TEXT_PLAIN);
    keyspace_changed(call, key, "incrbyfloat", hash_bytes(printed, 0));
    reply_bulk(call->reply, printed);
}

/* --- parts of a string ---------------------------------------------------------------------- */

static void run_append(struct command_call *call) {
    struct bytes key = call->args[1], tail = call->args[2];
    bool wrong_type;
    struct item *item = find_record(call, &wrong_type);
    if (wrong_type) return;
    size_t old_size = item == NULL ? 0 : record_size(item), size = old_size + tail.size;
    if (item == NULL) {
        keyspace_put_record(call, key, tail, false);
    } else {
        if (!size_is_allowed(call, size)) return;
        char *text;
        keyspace_resize_text(call, item, size, &text);
        if (tail.size > 0) memcpy(text + old_size, tail.data, tail.size);
    }
    keyspace_changed(call, key, "append", hash_chain(size, value_detail(tail)));
    reply_integer(call->reply, (int64_t)size);
}

static void run_strlen(struct command_call *call) {
    bool wrong_type;
    struct item *item = find_record(call, &wrong_type);
    if (!wrong_type) reply_integer(call->reply, item == NULL ? 0 : (int64_t)record_size(item));
}

/* The part from start to end, both included, negative ones counted from the back. */
static struct bytes text_range(struct bytes text, int64_t start, int64_t end) {
    int64_t size = (int64_t)text.size;
    if (start < 0 && end < 0 && start > end) return BYTES("");
    if (start < 0) start = start + size < 0 ? 0 : start + size;
    if (end < 0) end = end + size < 0 ? 0 : end + size;
    if (end >= size) end = size - 1;
    if (start > end) return BYTES("");
    return bytes_slice(text, (size_t)start, (size_t)(end - start + 1));
}

static void run_getrange(struct command_call *call) {
    int64_t start, end;
    if (!command_integer(call, 2, &start) || !command_integer(call, 3, &end)) return;
    bool wrong_type;
    struct item *item = find_record(call, &wrong_type);
    if (wrong_type) return;
    char scratch[RECORD_SCRATCH_SIZE];
    struct bytes text = item == NULL ? BYTES("") : record_bytes(item, scratch);
    reply_bulk(call->reply, text_range(text, start, end));
}

static void run_setrange(struct command_call *call) {
    struct bytes key = call->args[1], part = call->args[3];
    int64_t offset;
    if (!command_integer(call, 2, &offset)) return;
    if (offset < 0) {
        reply_error(call->reply, "ERR offset is out of range");
        return;
    }
    bool wrong_type;
    struct item *item = find_record(call, &wrong_type);
    if (wrong_type) return;
    size_t old_size = item == NULL ? 0 : record_size(item);
    if (part.size == 0) {
        reply_integer(call->reply, (int64_t)old_size);
        return;
    }
    if (!size_is_allowed(call, (uint64_t)offset + part.size)) return;
    size_t end = (size_t)offset + part.size, size = end > old_size ? end : old_size;
    if (item == NULL) item = keyspace_put_record(call, key, BYTES(""), false);
    char *text;
    keyspace_resize_text(call, item, size, &text);
    memcpy(text + offset, part.data, part.size);
    keyspace_changed(call, key, "setrange", hash_chain((uint64_t)offset, value_detail(part)));
    reply_integer(call->reply, (int64_t)size);
}

/* --- LCS ------------------------------------------------------------------------------------ */

struct lcs_request {
    bool length_only, indexes, with_match_length;
    int64_t match_length_min;
};

static bool parse_lcs_options(struct command_call *call, struct lcs_request *request) {
    *request = (struct lcs_request){0};
    for (uint32_t at = 3; at < call->count; at++) {
        if (command_option(call, at, "idx")) {
            request->indexes = true;
        } else if (command_option(call, at, "len")) {
            request->length_only = true;
        } else if (command_option(call, at, "withmatchlen")) {
            request->with_match_length = true;
        } else if (command_option(call, at, "minmatchlen") && at + 1 < call->count) {
            if (!command_integer(call, ++at, &request->match_length_min)) return false;
        } else {
            reply_error(call->reply, REPLY_SYNTAX_ERROR);
            return false;
        }
    }
    if (!request->indexes || !request->length_only) return true;
    reply_error(call->reply, "ERR If you want both the length and indexes, please just use IDX.");
    return false;
}

/* The table of the lengths of common subsequences of all pairs of prefixes. */
struct lcs {
    struct bytes a, b;
    uint32_t *lengths; /* (a.size + 1) rows of (b.size + 1) */
};

static uint32_t *lcs_length(const struct lcs *lcs, size_t i, size_t j) {
    return &lcs->lengths[i * (lcs->b.size + 1) + j];
}

static void lcs_fill(struct lcs *lcs) {
    for (size_t j = 0; j <= lcs->b.size; j++)
        *lcs_length(lcs, 0, j) = 0;
    for (size_t i = 1; i <= lcs->a.size; i++) {
        *lcs_length(lcs, i, 0) = 0;
        for (size_t j = 1; j <= lcs->b.size; j++) {
            uint32_t up = *lcs_length(lcs, i - 1, j), left = *lcs_length(lcs, i, j - 1);
            *lcs_length(lcs, i, j) = lcs->a.data[i - 1] == lcs->b.data[j - 1]
                                         ? *lcs_length(lcs, i - 1, j - 1) + 1
                                         : (up > left ? up : left);
        }
    }
}

/* A run of equal bytes that the walk back has found: a[a_start .. a_start + size - 1] and so on. */
struct lcs_run {
    size_t a_start, b_start, size;
};

static void reply_lcs_run(struct reply *reply, const struct lcs_run *run,
                          const struct lcs_request *request) {
    reply_array(reply, request->with_match_length ? 3 : 2);
    size_t starts[] = {run->a_start, run->b_start};
    for (unsigned i = 0; i < 2; i++) {
        reply_array(reply, 2);
        reply_integer(reply, (int64_t)starts[i]);
        reply_integer(reply, (int64_t)(starts[i] + run->size - 1));
    }
    if (request->with_match_length) reply_integer(reply, (int64_t)run->size);
}

static uint64_t reply_if_long(struct reply *reply, const struct lcs_run *run,
                              const struct lcs_request *request) {
    if (run->size == 0 || (int64_t)run->size < request->match_length_min) return 0;
    reply_lcs_run(reply, run, request);
    return 1;
}

/* Walks from the ends to the starts; fills `common` if it is not NULL, else replies each run, from
 * the last to the first, and returns how many. */
static uint64_t lcs_walk(const struct lcs *lcs, char *common, struct reply *reply,
                         const struct lcs_request *request) {
    size_t i = lcs->a.size, j = lcs->b.size, left = *lcs_length(lcs, i, j);
    uint64_t replied = 0;
    struct lcs_run run = {0};
    while (i > 0 && j > 0) {
        if (lcs->a.data[i - 1] == lcs->b.data[j - 1]) {
            i--, j--;
            if (common != NULL) common[--left] = lcs->a.data[i];
            bool extends = run.size > 0 && run.a_start == i + 1 && run.b_start == j + 1;
            if (!extends && common == NULL) replied += reply_if_long(reply, &run, request);
            run = (struct lcs_run){i, j, extends ? run.size + 1 : 1};
        } else if (*lcs_length(lcs, i - 1, j) > *lcs_length(lcs, i, j - 1)) {
            i--;
        } else {
            j--;
        }
    }
    if (common == NULL) replied += reply_if_long(reply, &run, request);
    return replied;
}

static void reply_lcs(struct reply *reply, const struct lcs *lcs,
                      const struct lcs_request *request) {
    uint32_t length = *lcs_length(lcs, lcs->a.size, lcs->b.size);
    if (request->indexes) {
        reply_map(reply, 2);
        reply_bulk_text(reply, "matches");
        size_t mark = reply_deferred_open(reply);
        reply_deferred_array(reply, mark, lcs_walk(lcs, NULL, reply, request));
        reply_bulk_text(reply, "len");
        reply_integer(reply, length);
    } else if (request->length_only) {
        reply_integer(reply, length);
    } else {
        char *common = memory_allocate(length);
        lcs_walk(lcs, common, reply, request);
        reply_bulk(reply, bytes_of(common, length));
        memory_release(common);
    }
}

static void run_lcs(struct command_call *call) {
    struct bytes texts[2];
    char scratches[2][RECORD_SCRATCH_SIZE];
    bool are_records = true;
    for (uint32_t i = 0; i < 2; i++) {
        struct item *item = keyspace_find(call, call->args[i + 1]);
        bool is_record = item == NULL || item_type(item) == ITEM_RECORD;
        are_records = are_records && is_record;
        texts[i] = item == NULL || !is_record ? BYTES("") : record_bytes(item, scratches[i]);
    }
    if (!are_records) {
        reply_error(call->reply, "ERR The specified keys must contain string values");
        return;
    }
    struct lcs_request request;
    if (!parse_lcs_options(call, &request)) return;
    unsigned __int128 size = (unsigned __int128)(texts[0].size + 1) * (texts[1].size + 1) * 4;
    if (size > (uint64_t)storages_settings(call->storages)->proto_max_bulk_len) {
        reply_error(call->reply,
                    "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
        return;
    }
    struct lcs lcs = {texts[0], texts[1], memory_allocate((size_t)size)};
    lcs_fill(&lcs);
    reply_lcs(call->reply, &lcs, &request);
    memory_release(lcs.lengths);
}

/* --- rows ----------------------------------------------------------------------------------- */

static const struct command commands[] = {
    {.id = 1,
     .name = "get",
     .run = run_get,
     .arity = 2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "string",
     .group = "string",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Get the value of a key",
     .arguments = "k:key#0"},
    {.id = 2,
     .name = "set",
     .run = run_set,
     .arity = -3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW ACCESS UPDATE VARIABLE_FLAGS",
     .key_notes = "RW and ACCESS due to the optional `GET` argument",
     .categories = "string",
     .group = "string",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Set the string value of a key",
     .arguments = "k:key#0 s:value o:condition@2.6.12?(t:nx=NX t:xx=XX) t:get=GET@6.2.0? "
                  "o:expiration?(i:seconds=EX@2.6.12 i:milliseconds=PX@2.6.12 "
                  "u:unix-time-seconds=EXAT@6.2.0 u:unix-time-milliseconds=PXAT@6.2.0 "
                  "t:keepttl=KEEPTTL@6.0.0)"},
    {.id = 3,
     .name = "setnx",
     .run = run_setnx,
     .arity = 3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "OW INSERT",
     .categories = "string",
     .group = "string",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Set the value of a key, only if the key does not exist",
     .arguments = "k:key#0 s:value"},
    {.id = 4,
     .name = "setex",
     .run = run_setex,
     .arity = 4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "OW UPDATE",
     .categories = "string",
     .group = "string",
     .since = "2.0.0",
     .complexity = "O(1)",
     .summary = "Set the value and expiration of a key",
     .arguments = "k:key#0 i:seconds s:value"},
    {.id = 5,
     .name = "psetex",
     .run = run_psetex,
     .arity = 4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "OW UPDATE",
     .categories = "string",
     .group = "string",
     .since = "2.6.0",
     .complexity = "O(1)",
     .summary = "Set the value and expiration in milliseconds of a key",
     .arguments = "k:key#0 i:milliseconds s:value"},
    {.id = 6,
     .name = "getset",
     .run = run_getset,
     .arity = 3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW ACCESS UPDATE",
     .categories = "string",
     .group = "string",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Set the string value of a key and return its old value",
     .deprecated_since = "6.2.0",
     .replaced_by = "`SET` with the `!GET` argument",
     .arguments = "k:key#0 s:value"},
    {.id = 7,
     .name = "getdel",
     .run = run_getdel,
     .arity = 2,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW ACCESS DELETE",
     .categories = "string",
     .group = "string",
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Get the value of a key and delete the key",
     .arguments = "k:key#0"},
    {.id = 8,
     .name = "getex",
     .run = run_getex,
     .arity = -2,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW ACCESS UPDATE",
     .key_notes = "RW and UPDATE because it changes the TTL",
     .categories = "string",
     .group = "string",
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Get the value of a key and optionally set its expiration",
     .arguments = "k:key#0 o:expiration?(i:seconds=EX i:milliseconds=PX u:unix-time-seconds=EXAT "
                  "u:unix-time-milliseconds=PXAT t:persist=PERSIST)"},
    {.id = 9,
     .name = "mget",
     .run = run_mget,
     .arity = -2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = -1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "string",
     .tips = "request_policy:multi_shard",
     .group = "string",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys to retrieve.",
     .summary = "Get the values of all the given keys",
     .arguments = "k:key#0*"},
    {.id = 10,
     .name = "mset",
     .run = run_mset,
     .arity = -3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {.first = 1, .last = -1, .step = 2},
     .key_flags = "OW UPDATE",
     .categories = "string",
     .tips = "request_policy:multi_shard response_policy:all_succeeded",
     .group = "string",
     .since = "1.0.1",
     .complexity = "O(N) where N is the number of keys to set.",
     .summary = "Set multiple keys to multiple values",
     .arguments = "b:key_value*(k:key#0 s:value)"},
    {.id = 11,
     .name = "msetnx",
     .run = run_msetnx,
     .arity = -3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {.first = 1, .last = -1, .step = 2},
     .key_flags = "OW INSERT",
     .categories = "string",
     .tips = "request_policy:multi_shard response_policy:agg_min",
     .group = "string",
     .since = "1.0.1",
     .complexity = "O(N) where N is the number of keys to set.",
     .summary = "Set multiple keys to multiple values, only if none of the keys exist",
     .arguments = "b:key_value*(k:key#0 s:value)"},
    {.id = 12,
     .name = "incr",
     .run = run_incr,
     .arity = 2,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW ACCESS UPDATE",
     .categories = "string",
     .group = "string",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Increment the integer value of a key by one",
     .arguments = "k:key#0"},
    {.id = 13,
     .name = "decr",
     .run = run_decr,
     .arity = 2,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW ACCESS UPDATE",
     .categories = "string",
     .group = "string",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Decrement the integer value of a key by one",
     .arguments = "k:key#0"},
    {.id = 14,
     .name = "incrby",
     .run = run_incrby,
     .arity = 3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW ACCESS UPDATE",
     .categories = "string",
     .group = "string",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Increment the integer value of a key by the given amount",
     .arguments = "k:key#0 i:increment"},
    {.id = 15,
     .name = "decrby",
     .run = run_decrby,
     .arity = 3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW ACCESS UPDATE",
     .categories = "string",
     .group = "string",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Decrement the integer value of a key by the given number",
     .arguments = "k:key#0 i:decrement"},
    {.id = 16,
     .name = "incrbyfloat",
     .run = run_incrbyfloat,
     .arity = 3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW ACCESS UPDATE",
     .categories = "string",
     .group = "string",
     .since = "2.6.0",
     .complexity = "O(1)",
     .summary = "Increment the float value of a key by the given amount",
     .arguments = "k:key#0 d:increment"},
    {.id = 17,
     .name = "append",
     .run = run_append,
     .arity = 3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW INSERT",
     .categories = "string",
     .group = "string",
     .since = "2.0.0",
     .complexity =
         "O(1). The amortized time complexity is O(1) assuming the appended value is small and the "
         "already present value is of any size, since the dynamic string library used by Redis "
         "will double the free space available on every reallocation.",
     .summary = "Append a value to a key",
     .arguments = "k:key#0 s:value"},
    {.id = 18,
     .name = "strlen",
     .run = run_strlen,
     .arity = 2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO",
     .categories = "string",
     .group = "string",
     .since = "2.2.0",
     .complexity = "O(1)",
     .summary = "Get the length of the value stored in a key",
     .arguments = "k:key#0"},
    {.id = 19,
     .name = "getrange",
     .run = run_getrange,
     .arity = 4,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "string",
     .group = "string",
     .since = "2.4.0",
     .complexity =
         "O(N) where N is the length of the returned string. The complexity is ultimately "
         "determined by the returned length, but because creating a substring from an existing "
         "string is very cheap, it can be considered O(1) for small strings.",
     .summary = "Get a substring of the string stored at a key",
     .arguments = "k:key#0 i:start i:end"},
    {.id = 20,
     .name = "substr",
     .run = run_getrange,
     .arity = 4,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "string",
     .group = "string",
     .since = "1.0.0",
     .complexity =
         "O(N) where N is the length of the returned string. The complexity is ultimately "
         "determined by the returned length, but because creating a substring from an existing "
         "string is very cheap, it can be considered O(1) for small strings.",
     .summary = "Get a substring of the string stored at a key",
     .deprecated_since = "2.0.0",
     .replaced_by = "`GETRANGE`",
     .arguments = "k:key#0 i:start i:end"},
    {.id = 21,
     .name = "setrange",
     .run = run_setrange,
     .arity = 4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW UPDATE",
     .categories = "string",
     .group = "string",
     .since = "2.2.0",
     .complexity = "O(1), not counting the time taken to copy the new string in place. Usually, "
                   "this string is very small so the amortized complexity is O(1). Otherwise, "
                   "complexity is O(M) with M being the length of the value argument.",
     .summary = "Overwrite part of a string at key starting at the specified offset",
     .arguments = "k:key#0 i:offset s:value"},
    {.id = 22,
     .name = "lcs",
     .run = run_lcs,
     .arity = -3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 2, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "string",
     .group = "string",
     .since = "7.0.0",
     .complexity = "O(N*M) where N and M are the lengths of s1 and s2, respectively",
     .summary = "Find longest common substring",
     .arguments =
         "k:key1#0 k:key2#0 t:len=LEN? t:idx=IDX? i:len=MINMATCHLEN? t:withmatchlen=WITHMATCHLEN?"},
};

const struct command_family record_family = {commands, COUNT_OF(commands)};
