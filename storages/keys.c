/* keys.c: what can be done to a key whatever its value is.
 *
 * Walks (KEYS, SCAN) show keys in the order of the database's array, SCAN from its end, so every
 * node answers alike. */
#include "storages/keys.h"

#include "base/glob.h"
#include "base/number.h"
#include "storages/expiry.h"
#include "storages/record.h"
#include "storages/scan.h"
#include "storages/state.h"

static const char same_object[] = "ERR source and destination objects are the same";
static const char bad_database[] = "ERR DB index is out of range";

static struct table *call_table(const struct command_call *call) {
    return call->storages->databases[call->db].table;
}

/* The same call, as if it had come in another database. */
static struct command_call call_in(const struct command_call *call, uint8_t db) {
    struct command_call there = *call;
    there.db = db;
    return there;
}

/* --- deleting and looking -------------------------------------------------------------------- */

static void run_del(struct command_call *call) {
    int64_t deleted = 0;
    for (uint32_t i = 1; i < call->count; i++) {
        if (!keyspace_delete(call, call->args[i])) continue;
        keyspace_changed(call, call->args[i], "del", 0);
        deleted++;
    }
    reply_integer(call->reply, deleted);
}

/* EXISTS and TOUCH: no access time is kept. */
static void run_exists(struct command_call *call) {
    int64_t found = 0;
    for (uint32_t i = 1; i < call->count; i++)
        found += keyspace_find(call, call->args[i]) != NULL;
    reply_integer(call->reply, found);
}

static const char *type_name(const struct item *item) {
    return item_type(item) == ITEM_RECORD ? "string" : storages_class(item_type(item))->name;
}

static void run_type(struct command_call *call) {
    struct item *item = keyspace_find(call, call->args[1]);
    reply_simple(call->reply, item == NULL ? "none" : type_name(item));
}

static void run_dbsize(struct command_call *call) {
    reply_integer(call->reply, table_size(call_table(call)));
}

static void run_keys(struct command_call *call) {
    const struct table *table = call_table(call);
    bool all = bytes_equal(call->args[1], BYTES("*"));
    uint64_t count = 0;
    size_t mark = reply_deferred_open(call->reply);
    for (uint32_t i = 0; i < table_span(table); i++) {
        const struct item *item = table_at(table, i);
        if (item == NULL || !(all || glob_match(call->args[1], item_key(item), false))) continue;
        if (!keyspace_item_is_live(call, item)) continue;
        reply_bulk(call->reply, item_key(item));
        count++;
    }
    reply_deferred_array(call->reply, mark, count);
}

static void run_scan(struct command_call *call) {
    struct scan_request request;
    if (!scan_parse_cursor(call, 1, &request)) return;
    if (!scan_parse_options(call, 2, true, &request)) return;
    const struct table *table = call_table(call);
    struct scan_range range = scan_range(&request, table_span(table));
    reply_array(call->reply, 2);
    reply_bulk_integer(call->reply, range.end);
    uint64_t count = 0;
    size_t mark = reply_deferred_open(call->reply);
    for (uint32_t i = range.start; i > range.end; i--) {
        const struct item *item = table_at(table, i - 1);
        if (item == NULL || !scan_matches(&request, item_key(item))) continue;
        if (request.has_type &&
            !bytes_equal_ignoring_case(request.type, bytes_of_text(type_name(item))))
            continue;
        if (!keyspace_item_is_live(call, item)) continue;
        reply_bulk(call->reply, item_key(item));
        count++;
    }
    reply_deferred_array(call->reply, mark, count);
}

static void run_randomkey(struct command_call *call) {
    enum { TRIES = 100 };
    const struct table *table = call_table(call);
    struct random random = command_random(call);
    for (unsigned i = 0; i < TRIES && table_span(table) > 0; i++) {
        const struct item *item =
            table_at(table, (uint32_t)random_below(&random, table_span(table)));
        if (item == NULL || !keyspace_item_is_live(call, item)) continue;
        reply_bulk(call->reply, item_key(item));
        return;
    }
    reply_null(call->reply);
}

/* --- moving ------------------------------------------------------------------------------------
 */

/* False after an error reply. */
static bool parse_database(struct command_call *call, uint32_t at, uint8_t *db) {
    int64_t number;
    if (!command_int(call, at, &number)) return false;
    if (number < 0 || number >= storages_settings(call->storages)->databases) {
        reply_error(call->reply, bad_database);
        return false;
    }
    *db = (uint8_t)number;
    return true;
}

/* NULL after an error reply. */
static struct item *find_source(struct command_call *call) {
    struct item *item = keyspace_find(call, call->args[1]);
    if (item == NULL) reply_error(call->reply, REPLY_NO_SUCH_KEY);
    return item;
}

static void rename_key(struct command_call *call, struct item *item) {
    keyspace_move(call, item, call->db, call->args[2]);
    keyspace_changed(call, call->args[1], "rename_from", 0);
    keyspace_changed(call, call->args[2], "rename_to", 0);
}

static void run_rename(struct command_call *call) {
    struct item *item = find_source(call);
    if (item == NULL) return;
    if (!bytes_equal(call->args[1], call->args[2])) rename_key(call, item);
    reply_ok(call->reply);
}

static void run_renamenx(struct command_call *call) {
    struct item *item = find_source(call);
    if (item == NULL) return;
    bool is_free = keyspace_find(call, call->args[2]) == NULL;
    if (is_free) rename_key(call, item);
    reply_integer(call->reply, is_free);
}

static void run_move(struct command_call *call) {
    uint8_t db;
    if (!parse_database(call, 2, &db)) return;
    if (db == call->db) {
        reply_error(call->reply, same_object);
        return;
    }
    struct bytes key = call->args[1];
    struct command_call there = call_in(call, db);
    struct item *item = keyspace_find(call, key);
    bool moves = item != NULL && keyspace_find(&there, key) == NULL;
    if (moves) {
        keyspace_move(call, item, db, key);
        keyspace_changed(call, key, "move_from", 0);
        keyspace_changed(&there, key, "move_to", 0);
    }
    reply_integer(call->reply, moves);
}

static bool parse_copy_options(struct command_call *call, uint8_t *db, bool *replace) {
    *db = call->db;
    *replace = false;
    for (uint32_t at = 3; at < call->count; at++) {
        if (command_option(call, at, "replace")) {
            *replace = true;
        } else if (command_option(call, at, "db") && at + 1 < call->count) {
            if (!parse_database(call, ++at, db)) return false;
        } else {
            reply_error(call->reply, REPLY_SYNTAX_ERROR);
            return false;
        }
    }
    return true;
}

static void run_copy(struct command_call *call) {
    uint8_t db;
    bool replace;
    if (!parse_copy_options(call, &db, &replace)) return;
    if (db == call->db && bytes_equal(call->args[1], call->args[2])) {
        reply_error(call->reply, same_object);
        return;
    }
    struct command_call there = call_in(call, db);
    struct item *item = keyspace_find(call, call->args[1]);
    bool copies = item != NULL && (replace || keyspace_find(&there, call->args[2]) == NULL);
    if (copies) {
        keyspace_copy(call, item, db, call->args[2]);
        keyspace_changed(&there, call->args[2], "copy_to", 0);
    }
    reply_integer(call->reply, copies);
}

static bool parse_swapped(struct command_call *call, uint32_t at, const char *error, uint8_t *db) {
    int64_t number;
    if (!number_parse_i64(call->args[at], &number) || number < INT32_MIN || number > INT32_MAX) {
        reply_error(call->reply, error);
        return false;
    }
    /* 255 stands for all that are out of range: an error that both numbers have to reach. */
    bool in_range = number >= 0 && number < storages_settings(call->storages)->databases;
    *db = in_range ? (uint8_t)number : UINT8_MAX;
    return true;
}

static void run_swapdb(struct command_call *call) {
    uint8_t a, b;
    if (!parse_swapped(call, 1, "ERR invalid first DB index", &a)) return;
    if (!parse_swapped(call, 2, "ERR invalid second DB index", &b)) return;
    if (a == UINT8_MAX || b == UINT8_MAX) {
        reply_error(call->reply, bad_database);
        return;
    }
    if (a != b) keyspace_swap(call, a, b);
    reply_ok(call->reply);
}

/* SYNC or ASYNC: nothing is freed in one go either way. */
static bool flush_options_fit(struct command_call *call) {
    if (call->count == 1) return true;
    if (call->count == 2 && (command_option(call, 1, "sync") || command_option(call, 1, "async")))
        return true;
    reply_error(call->reply, REPLY_SYNTAX_ERROR);
    return false;
}

static void run_flushdb(struct command_call *call) {
    if (!flush_options_fit(call)) return;
    keyspace_flush(call, call->db);
    reply_ok(call->reply);
}

static void run_flushall(struct command_call *call) {
    if (!flush_options_fit(call)) return;
    for (uint8_t db = 0; db < STORAGES_DATABASES_MAX; db++)
        keyspace_flush(call, db);
    reply_ok(call->reply);
}

/* --- deadlines ----------------------------------------------------------------------------------
 */

enum expire_option {
    EXPIRE_NX = 1 << 0,
    EXPIRE_XX = 1 << 1,
    EXPIRE_GT = 1 << 2,
    EXPIRE_LT = 1 << 3,
};

static const char *const expire_words[] = {"nx", "xx", "gt", "lt"};

static bool parse_expire_options(struct command_call *call, unsigned *options) {
    *options = 0;
    for (uint32_t at = 3; at < call->count; at++) {
        unsigned found = 0;
        for (unsigned i = 0; i < COUNT_OF(expire_words); i++)
            found |= (unsigned)command_option(call, at, expire_words[i]) << i;
        if (found == 0) {
            struct bytes option = call->args[at];
            reply_error_format(call->reply, "ERR Unsupported option %.*s", (int)option.size,
                               option.data);
            return false;
        }
        *options |= found;
    }
    const char *error = NULL;
    if (*options & EXPIRE_NX && *options & ~(unsigned)EXPIRE_NX)
        error = "ERR NX and XX, GT or LT options at the same time are not compatible";
    else if (*options & EXPIRE_GT && *options & EXPIRE_LT)
        error = "ERR GT and LT options at the same time are not compatible";
    if (error != NULL) reply_error(call->reply, error);
    return error == NULL;
}

/* A key without a deadline counts as one that expires never: later than any. */
static bool options_permit(unsigned options, int64_t old_ms, int64_t new_ms) {
    bool has_deadline = old_ms >= 0;
    if (options & EXPIRE_NX && has_deadline) return false;
    if (options & EXPIRE_XX && !has_deadline) return false;
    if (options & EXPIRE_GT && (!has_deadline || new_ms <= old_ms)) return false;
    if (options & EXPIRE_LT && has_deadline && new_ms >= old_ms) return false;
    return true;
}

static void expire(struct command_call *call, int64_t base_ms, bool is_seconds) {
    unsigned options;
    int64_t value, deadline_ms;
    if (!parse_expire_options(call, &options) || !command_integer(call, 2, &value)) return;
    if (!expiry_deadline(value, is_seconds, base_ms, &deadline_ms)) {
        expiry_reply_invalid(call);
        return;
    }
    struct bytes key = call->args[1];
    struct item *item = keyspace_find(call, key);
    bool permitted = item != NULL && options_permit(options, item_deadline_ms(item), deadline_ms);
    reply_integer(call->reply, permitted);
    if (!permitted) return;
    if (deadline_ms <= call->now_ms) {
        keyspace_delete_item(call, item);
        keyspace_changed(call, key, "del", 0);
    } else {
        keyspace_set_deadline(call, item, deadline_ms);
        keyspace_changed(call, key, "expire", (uint64_t)deadline_ms);
    }
}

static void run_expire(struct command_call *call) {
    expire(call, call->now_ms, true);
}

static void run_pexpire(struct command_call *call) {
    expire(call, call->now_ms, false);
}

static void run_expireat(struct command_call *call) {
    expire(call, 0, true);
}

static void run_pexpireat(struct command_call *call) {
    expire(call, 0, false);
}

/* The deadline counted from base_ms; -2 without key, -1 without deadline. Seconds are rounded. */
static void reply_deadline(struct command_call *call, int64_t base_ms, bool is_seconds) {
    struct item *item = keyspace_find(call, call->args[1]);
    int64_t value = -2;
    if (item != NULL) {
        value = item_deadline_ms(item);
        if (value >= 0) value -= base_ms;
        if (value >= 0 && is_seconds) value = value / 1000 + (value % 1000 >= 500);
    }
    reply_integer(call->reply, value);
}

static void run_ttl(struct command_call *call) {
    reply_deadline(call, call->now_ms, true);
}

static void run_pttl(struct command_call *call) {
    reply_deadline(call, call->now_ms, false);
}

static void run_expiretime(struct command_call *call) {
    reply_deadline(call, 0, true);
}

static void run_pexpiretime(struct command_call *call) {
    reply_deadline(call, 0, false);
}

static void run_persist(struct command_call *call) {
    struct item *item = keyspace_find(call, call->args[1]);
    bool had_deadline = item != NULL && item_deadline_ms(item) >= 0;
    if (had_deadline) {
        keyspace_set_deadline(call, item, -1);
        keyspace_changed(call, call->args[1], "persist", 0);
    }
    reply_integer(call->reply, had_deadline);
}

/* --- OBJECT and MEMORY --------------------------------------------------------------------------
 */

/* The item under argument 2; NULL after a null reply. */
static struct item *find_object(struct command_call *call) {
    struct item *item = keyspace_find(call, call->args[2]);
    if (item == NULL) reply_null(call->reply);
    return item;
}

static const char *record_encoding(const struct item *item) {
    if (item->flags & ITEM_INTEGER) return "int";
    bool is_short = item->value_size <= ITEM_EMBSTR_MAX;
    return is_short && !(item->flags & ITEM_RAW) ? "embstr" : "raw";
}

static void run_object_encoding(struct command_call *call) {
    struct item *item = find_object(call);
    if (item == NULL) return;
    if (item_type(item) == ITEM_RECORD)
        reply_bulk_text(call->reply, record_encoding(item));
    else
        reply_bulk_text(call->reply, storages_class(item_type(item))->encoding(item_value(item)));
}

/* Redis shares the objects of the integers below 10000 and says so by this number. Here no value
 * is shared; clients that compare get the same answers. */
static void run_object_refcount(struct command_call *call) {
    enum { SHARED_INTEGERS = 10000 };
    struct item *item = find_object(call);
    if (item == NULL) return;
    bool shared = item->flags & ITEM_INTEGER && item_word(item) < SHARED_INTEGERS;
    reply_integer(call->reply, shared ? INT32_MAX : 1);
}

/* No access time is kept: every key was accessed just now. */
static void run_object_idletime(struct command_call *call) {
    if (find_object(call) != NULL) reply_integer(call->reply, 0);
}

static void run_object_freq(struct command_call *call) {
    if (find_object(call) == NULL) return;
    reply_error(call->reply,
                "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please "
                "note that when switching between policies at runtime LRU and LFU data will take "
                "some time to adjust.");
}

static void run_object_help(struct command_call *call) {
    static const char *const lines[] = {
        "ENCODING <key>",
        "    Return the kind of internal representation used in order to store the value",
        "    associated with a <key>.",
        "FREQ <key>",
        "    Return the access frequency index of the <key>. The returned integer is",
        "    proportional to the logarithm of the recent access frequency of the key.",
        "IDLETIME <key>",
        "    Return the idle time of the <key>, that is the approximated number of",
        "    seconds elapsed since the last access to the key.",
        "REFCOUNT <key>",
        "    Return the number of references of the value associated with the specified",
        "    <key>.",
        NULL,
    };
    command_reply_help(call, lines);
}

/* SAMPLES is checked and has no effect: the classes know their values' size without sampling. */
static bool memory_options_fit(struct command_call *call) {
    int64_t samples = 0;
    for (uint32_t at = 3; at < call->count; at += 2) {
        bool is_samples = command_option(call, at, "samples") && at + 1 < call->count;
        if (is_samples && !command_integer(call, at + 1, &samples)) return false;
        if (is_samples && samples >= 0) continue;
        reply_error(call->reply, REPLY_SYNTAX_ERROR);
        return false;
    }
    return true;
}

static void run_memory_usage(struct command_call *call) {
    /* One slot of the array and, on the average, the index's share. */
    enum { TABLE_BYTES_PER_KEY = 8 + 10 };
    if (!memory_options_fit(call)) return;
    struct item *item = find_object(call);
    if (item == NULL) return;
    size_t size = item_memory(item) + TABLE_BYTES_PER_KEY;
    if (item_type(item) != ITEM_RECORD)
        size += storages_class(item_type(item))->memory(item_value(item));
    reply_integer(call->reply, (int64_t)size);
}

static void run_memory_help(struct command_call *call) {
    static const char *const lines[] = {
        "USAGE <key> [SAMPLES <count>]",
        "    Return memory in bytes used by <key> and its value. Nested values are",
        "    sampled up to <count> times (default: 5, 0 means sample all).",
        NULL,
    };
    command_reply_help(call, lines);
}

/* --- rows ----------------------------------------------------------------------------------------
 */

static const struct command commands[] = {
    {.id = 100,
     .name = "del",
     .run = run_del,
     .arity = -2,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE,
     .keys = {.first = 1, .last = -1, .step = 1},
     .key_flags = "RM DELETE",
     .categories = "keyspace",
     .tips = "request_policy:multi_shard response_policy:agg_sum",
     .group = "generic",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys that will be removed. When a key to remove "
                   "holds a value other than a string, the individual complexity for this key is "
                   "O(M) where M is the number of elements in the list, set, sorted set or hash. "
                   "Removing a single key that holds a string value is O(1).",
     .summary = "Delete a key",
     .arguments = "k:key#0*"},
    {.id = 101,
     .name = "unlink",
     .run = run_del,
     .arity = -2,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = {.first = 1, .last = -1, .step = 1},
     .key_flags = "RM DELETE",
     .categories = "keyspace",
     .tips = "request_policy:multi_shard response_policy:agg_sum",
     .group = "generic",
     .since = "4.0.0",
     .complexity = "O(1) for each key removed regardless of its size. Then the command does O(N) "
                   "work in a different thread in order to reclaim memory, where N is the number "
                   "of allocations the deleted objects where composed of.",
     .summary = "Delete a key asynchronously in another thread. Otherwise it is just as DEL, but "
                "non blocking.",
     .arguments = "k:key#0*"},
    {.id = 102,
     .name = "exists",
     .run = run_exists,
     .arity = -2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = -1, .step = 1},
     .key_flags = "RO",
     .categories = "keyspace",
     .tips = "request_policy:multi_shard response_policy:agg_sum",
     .group = "generic",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys to check.",
     .summary = "Determine if a key exists",
     .arguments = "k:key#0*"},
    {.id = 103,
     .name = "type",
     .run = run_type,
     .arity = 2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO",
     .categories = "keyspace",
     .group = "generic",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Determine the type stored at key",
     .arguments = "k:key#0"},
    {.id = 104,
     .name = "keys",
     .run = run_keys,
     .arity = 2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .categories = "keyspace dangerous",
     .tips = "request_policy:all_shards nondeterministic_output_order",
     .group = "generic",
     .since = "1.0.0",
     .complexity = "O(N) with N being the number of keys in the database, under the assumption "
                   "that the key names in the database and the given pattern have limited length.",
     .summary = "Find all keys matching the given pattern",
     .arguments = "p:pattern"},
    {.id = 105,
     .name = "scan",
     .run = run_scan,
     .arity = -2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .categories = "keyspace",
     .tips = "nondeterministic_output request_policy:special",
     .group = "generic",
     .since = "2.8.0",
     .complexity =
         "O(1) for every call. O(N) for a complete iteration, including enough command calls for "
         "the cursor to return back to 0. N is the number of elements inside the collection.",
     .summary = "Incrementally iterate the keys space",
     .arguments = "i:cursor p:pattern=MATCH? i:count=COUNT? s:type=TYPE@6.0.0?"},
    {.id = 106,
     .name = "rename",
     .run = run_rename,
     .arity = 3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE,
     .keys = {.first = 1, .last = 2, .step = 1},
     .key_flags = "RW ACCESS DELETE; OW UPDATE",
     .categories = "keyspace",
     .group = "generic",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Rename a key",
     .arguments = "k:key#0 k:newkey#1"},
    {.id = 107,
     .name = "renamenx",
     .run = run_renamenx,
     .arity = 3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = {.first = 1, .last = 2, .step = 1},
     .key_flags = "RW ACCESS DELETE; OW INSERT",
     .categories = "keyspace",
     .group = "generic",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Rename a key, only if the new key does not exist",
     .arguments = "k:key#0 k:newkey#1"},
    {.id = 108,
     .name = "randomkey",
     .run = run_randomkey,
     .arity = 1,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .categories = "keyspace",
     .tips = "request_policy:all_shards nondeterministic_output",
     .group = "generic",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Return a random key from the keyspace"},
    {.id = 109,
     .name = "touch",
     .run = run_exists,
     .arity = -2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = -1, .step = 1},
     .key_flags = "RO",
     .categories = "keyspace",
     .tips = "request_policy:multi_shard response_policy:agg_sum",
     .group = "generic",
     .since = "3.2.1",
     .complexity = "O(N) where N is the number of keys that will be touched.",
     .summary =
         "Alters the last access time of a key(s). Returns the number of existing keys specified.",
     .arguments = "k:key#0*"},
    {.id = 110,
     .name = "dbsize",
     .run = run_dbsize,
     .arity = 1,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .categories = "keyspace",
     .tips = "request_policy:all_shards response_policy:agg_sum",
     .group = "server",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Return the number of keys in the selected database"},
    {.id = 111,
     .name = "flushdb",
     .run = run_flushdb,
     .arity = -1,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE,
     .categories = "keyspace dangerous",
     .tips = "request_policy:all_shards response_policy:all_succeeded",
     .group = "server",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys in the selected database",
     .summary = "Remove all keys from the current database",
     .arguments = "o:async?(t:async=ASYNC@4.0.0 t:sync=SYNC@6.2.0)"},
    {.id = 112,
     .name = "flushall",
     .run = run_flushall,
     .arity = -1,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE,
     .categories = "keyspace dangerous",
     .tips = "request_policy:all_shards response_policy:all_succeeded",
     .group = "server",
     .since = "1.0.0",
     .complexity = "O(N) where N is the total number of keys in all databases",
     .summary = "Remove all keys from all databases",
     .arguments = "o:async?(t:async=ASYNC@4.0.0 t:sync=SYNC@6.2.0)"},
    {.id = 113,
     .name = "expire",
     .run = run_expire,
     .arity = -3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW UPDATE",
     .categories = "keyspace",
     .group = "generic",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Set a key's time to live in seconds",
     .arguments = "k:key#0 i:seconds o:condition@7.0.0?(t:nx=NX t:xx=XX t:gt=GT t:lt=LT)"},
    {.id = 114,
     .name = "pexpire",
     .run = run_pexpire,
     .arity = -3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW UPDATE",
     .categories = "keyspace",
     .group = "generic",
     .since = "2.6.0",
     .complexity = "O(1)",
     .summary = "Set a key's time to live in milliseconds",
     .arguments = "k:key#0 i:milliseconds o:condition@7.0.0?(t:nx=NX t:xx=XX t:gt=GT t:lt=LT)"},
    {.id = 115,
     .name = "expireat",
     .run = run_expireat,
     .arity = -3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW UPDATE",
     .categories = "keyspace",
     .group = "generic",
     .since = "1.2.0",
     .complexity = "O(1)",
     .summary = "Set the expiration for a key as a UNIX timestamp",
     .arguments =
         "k:key#0 u:unix-time-seconds o:condition@7.0.0?(t:nx=NX t:xx=XX t:gt=GT t:lt=LT)"},
    {.id = 116,
     .name = "pexpireat",
     .run = run_pexpireat,
     .arity = -3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW UPDATE",
     .categories = "keyspace",
     .group = "generic",
     .since = "2.6.0",
     .complexity = "O(1)",
     .summary = "Set the expiration for a key as a UNIX timestamp specified in milliseconds",
     .arguments =
         "k:key#0 u:unix-time-milliseconds o:condition@7.0.0?(t:nx=NX t:xx=XX t:gt=GT t:lt=LT)"},
    {.id = 117,
     .name = "ttl",
     .run = run_ttl,
     .arity = 2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "keyspace",
     .tips = "nondeterministic_output",
     .group = "generic",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Get the time to live for a key in seconds",
     .arguments = "k:key#0"},
    {.id = 118,
     .name = "pttl",
     .run = run_pttl,
     .arity = 2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "keyspace",
     .tips = "nondeterministic_output",
     .group = "generic",
     .since = "2.6.0",
     .complexity = "O(1)",
     .summary = "Get the time to live for a key in milliseconds",
     .arguments = "k:key#0"},
    {.id = 119,
     .name = "expiretime",
     .run = run_expiretime,
     .arity = 2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "keyspace",
     .group = "generic",
     .since = "7.0.0",
     .complexity = "O(1)",
     .summary = "Get the expiration Unix timestamp for a key",
     .arguments = "k:key#0"},
    {.id = 120,
     .name = "pexpiretime",
     .run = run_pexpiretime,
     .arity = 2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "keyspace",
     .group = "generic",
     .since = "7.0.0",
     .complexity = "O(1)",
     .summary = "Get the expiration Unix timestamp for a key in milliseconds",
     .arguments = "k:key#0"},
    {.id = 121,
     .name = "persist",
     .run = run_persist,
     .arity = 2,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW UPDATE",
     .categories = "keyspace",
     .group = "generic",
     .since = "2.2.0",
     .complexity = "O(1)",
     .summary = "Remove the expiration from a key",
     .arguments = "k:key#0"},
    {.id = 122,
     .name = "object",
     .run = command_run_container,
     .arity = -2,
     .place = COMMAND_READ,
     .group = "generic",
     .since = "2.2.3",
     .complexity = "Depends on subcommand.",
     .summary = "A container for object introspection commands"},
    {.id = 123,
     .name = "object|encoding",
     .run = run_object_encoding,
     .arity = 3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 2, .last = 2, .step = 1},
     .key_flags = "RO",
     .categories = "keyspace",
     .tips = "nondeterministic_output",
     .group = "generic",
     .since = "2.2.3",
     .complexity = "O(1)",
     .summary = "Inspect the internal encoding of a Redis object",
     .arguments = "k:key#0"},
    {.id = 124,
     .name = "object|refcount",
     .run = run_object_refcount,
     .arity = 3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 2, .last = 2, .step = 1},
     .key_flags = "RO",
     .categories = "keyspace",
     .tips = "nondeterministic_output",
     .group = "generic",
     .since = "2.2.3",
     .complexity = "O(1)",
     .summary = "Get the number of references to the value of the key",
     .arguments = "k:key#0"},
    {.id = 125,
     .name = "object|idletime",
     .run = run_object_idletime,
     .arity = 3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 2, .last = 2, .step = 1},
     .key_flags = "RO",
     .categories = "keyspace",
     .tips = "nondeterministic_output",
     .group = "generic",
     .since = "2.2.3",
     .complexity = "O(1)",
     .summary = "Get the time since a Redis object was last accessed",
     .arguments = "k:key#0"},
    {.id = 126,
     .name = "object|freq",
     .run = run_object_freq,
     .arity = 3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 2, .last = 2, .step = 1},
     .key_flags = "RO",
     .categories = "keyspace",
     .tips = "nondeterministic_output",
     .group = "generic",
     .since = "4.0.0",
     .complexity = "O(1)",
     .summary = "Get the logarithmic access frequency counter of a Redis object",
     .arguments = "k:key#0"},
    {.id = 127,
     .name = "object|help",
     .run = run_object_help,
     .arity = 2,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .categories = "keyspace",
     .group = "generic",
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Show helpful text about the different subcommands"},
    {.id = 128,
     .name = "memory",
     .run = command_run_container,
     .arity = -2,
     .place = COMMAND_READ,
     .group = "server",
     .since = "4.0.0",
     .complexity = "Depends on subcommand.",
     .summary = "A container for memory diagnostics commands"},
    {.id = 129,
     .name = "memory|usage",
     .run = run_memory_usage,
     .arity = -3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 2, .last = 2, .step = 1},
     .key_flags = "RO",
     .group = "server",
     .since = "4.0.0",
     .complexity = "O(N) where N is the number of samples.",
     .summary = "Estimate the memory usage of a key",
     .arguments = "k:key#0 i:count=SAMPLES?"},
    {.id = 130,
     .name = "memory|help",
     .run = run_memory_help,
     .arity = 2,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .group = "server",
     .since = "4.0.0",
     .complexity = "O(1)",
     .summary = "Show helpful text about the different subcommands"},
    {.id = 131,
     .name = "copy",
     .run = run_copy,
     .arity = -3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {.first = 1, .last = 2, .step = 1},
     .key_flags = "RO ACCESS; OW UPDATE",
     .categories = "keyspace",
     .group = "generic",
     .since = "6.2.0",
     .complexity = "O(N) worst case for collections, where N is the number of nested items. O(1) "
                   "for string values.",
     .summary = "Copy a key",
     .arguments = "k:source#0 k:destination#1 i:destination-db=DB? t:replace=REPLACE?"},
    {.id = 132,
     .name = "move",
     .run = run_move,
     .arity = 3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW ACCESS UPDATE",
     .categories = "keyspace",
     .group = "generic",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Move a key to another database",
     .arguments = "k:key#0 i:db"},
    {.id = 133,
     .name = "swapdb",
     .run = run_swapdb,
     .arity = 3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .categories = "keyspace dangerous",
     .group = "server",
     .since = "4.0.0",
     .complexity =
         "O(N) where N is the count of clients watching or blocking on keys from both databases.",
     .summary = "Swaps two Redis databases",
     .arguments = "i:index1 i:index2"},
};

const struct command_family key_family = {commands, COUNT_OF(commands)};
