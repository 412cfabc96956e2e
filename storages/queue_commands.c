/* queue_commands.c: the commands on queues (Redis's lists) that do not block.
 *
 * Each note of a change carries the queue's new size and the item that came or went last, so that
 * nodes whose queues differ soon differ in their rolling digests too. */
#include "base/hash.h"
#include "base/number.h"
#include "storages/queue.h"
#include "storages/storages.h"

/* --- shared steps -------------------------------------------------------------------------- */

/* An existing queue and its key; item is NULL when the key is absent. */
struct opened {
    struct bytes key;
    struct item *item;
    struct queue *queue;
};

/* False after WRONGTYPE was answered. */
static bool open_queue(struct command_call *call, struct bytes key, struct opened *opened) {
    bool wrong_type = false;
    struct item *item = keyspace_find_typed(call, key, ITEM_QUEUE, &wrong_type);
    *opened = (struct opened){.key = key, .item = item};
    if (item != NULL) opened->queue = item_value(item);
    return !wrong_type;
}

static int64_t block_limit(const struct command_call *call) {
    return storages_settings(call->storages)->list_max_listpack_size;
}

static void create_queue(struct command_call *call, struct opened *opened) {
    opened->queue = queue_create();
    opened->item = keyspace_add(call, opened->key, ITEM_QUEUE, opened->queue);
}

static void note_change(struct command_call *call, const struct opened *opened, const char *event,
                        struct bytes item) {
    keyspace_changed(call, opened->key, event,
                     hash_chain(queue_size(opened->queue), hash_bytes(item, 0)));
}

/* Ends a change that took something away: an empty queue does not exist. */
static void delete_if_empty(struct command_call *call, const struct opened *opened) {
    if (queue_size(opened->queue) > 0) return;
    keyspace_changed(call, opened->key, "del", 0);
    keyspace_delete_item(call, opened->item);
}

/* LEFT or RIGHT; false after an error reply. */
static bool parse_end(struct command_call *call, uint32_t at, enum queue_end *end) {
    if (command_option(call, at, "left")) {
        *end = QUEUE_HEAD;
    } else if (command_option(call, at, "right")) {
        *end = QUEUE_TAIL;
    } else {
        reply_error(call->reply, REPLY_SYNTAX_ERROR);
        return false;
    }
    return true;
}

/* An integer from `min` up; otherwise answers with `text`, as also for what is no integer. */
static bool parse_at_least(struct command_call *call, uint32_t at, int64_t min, const char *text,
                           int64_t *value) {
    int64_t parsed;
    if (!number_parse_i64(call->args[at], &parsed) || parsed < min) {
        reply_error(call->reply, text);
        return false;
    }
    *value = parsed;
    return true;
}

static const char *push_event(enum queue_end end) {
    return end == QUEUE_HEAD ? "lpush" : "rpush";
}

static const char *pop_event(enum queue_end end) {
    return end == QUEUE_HEAD ? "lpop" : "rpop";
}

/* --- pushing ------------------------------------------------------------------------------- */

static void push(struct command_call *call, enum queue_end end, bool only_existing) {
    struct opened opened;
    if (!open_queue(call, call->args[1], &opened)) return;
    if (opened.item == NULL) {
        if (only_existing) {
            reply_integer(call->reply, 0);
            return;
        }
        create_queue(call, &opened);
    }
    int64_t limit = block_limit(call);
    for (uint32_t i = 2; i < call->count; i++)
        queue_push(opened.queue, end, call->args[i], limit);
    note_change(call, &opened, push_event(end), call->args[call->count - 1]);
    reply_integer(call->reply, (int64_t)queue_size(opened.queue));
}

static void run_lpush(struct command_call *call) {
    push(call, QUEUE_HEAD, false);
}

static void run_rpush(struct command_call *call) {
    push(call, QUEUE_TAIL, false);
}

static void run_lpushx(struct command_call *call) {
    push(call, QUEUE_HEAD, true);
}

static void run_rpushx(struct command_call *call) {
    push(call, QUEUE_TAIL, true);
}

/* --- popping ------------------------------------------------------------------------------- */

static void pop_one(struct command_call *call, const struct opened *opened, enum queue_end end) {
    struct bytes item;
    bool found = queue_peek(opened->queue, end, &item);
    CHECK(found);
    reply_bulk(call->reply, item);
    uint64_t hash = hash_bytes(item, 0);
    queue_drop(opened->queue, end, 1);
    keyspace_changed(call, opened->key, pop_event(end),
                     hash_chain(queue_size(opened->queue), hash));
    delete_if_empty(call, opened);
}

/* Replies with an array of up to `count` items and takes them away. Requires count > 0. */
static void pop_many(struct command_call *call, const struct opened *opened, enum queue_end end,
                     int64_t count) {
    uint64_t size = queue_size(opened->queue);
    uint64_t popped = (uint64_t)count < size ? (uint64_t)count : size;
    reply_array(call->reply, popped);
    struct queue_cursor cursor = queue_seek(opened->queue, end == QUEUE_HEAD ? 0 : size - 1);
    enum queue_end inwards = end == QUEUE_HEAD ? QUEUE_TAIL : QUEUE_HEAD;
    uint64_t hash = 0;
    for (uint64_t i = 0; i < popped; i++) {
        struct bytes item = queue_cursor_item(&cursor);
        reply_bulk(call->reply, item);
        if (i + 1 == popped) hash = hash_bytes(item, 0);
        queue_cursor_step(&cursor, inwards);
    }
    queue_drop(opened->queue, end, popped);
    keyspace_changed(call, opened->key, pop_event(end),
                     hash_chain(queue_size(opened->queue), hash));
    delete_if_empty(call, opened);
}

static void pop(struct command_call *call, enum queue_end end) {
    if (call->count > 3) {
        reply_error_format(call->reply, "ERR wrong number of arguments for '%s' command",
                           call->command->name);
        return;
    }
    bool has_count = call->count == 3;
    int64_t count = 1;
    if (has_count &&
        !parse_at_least(call, 2, 0, "ERR value is out of range, must be positive", &count))
        return;

    struct opened opened;
    if (!open_queue(call, call->args[1], &opened)) return;
    if (opened.item == NULL) {
        if (has_count)
            reply_null_array(call->reply);
        else
            reply_null(call->reply);
    } else if (!has_count) {
        pop_one(call, &opened, end);
    } else if (count == 0) {
        reply_array(call->reply, 0);
    } else {
        pop_many(call, &opened, end, count);
    }
}

static void run_lpop(struct command_call *call) {
    pop(call, QUEUE_HEAD);
}

static void run_rpop(struct command_call *call) {
    pop(call, QUEUE_TAIL);
}

/* The first key of those from args[2] on that is not absent is popped from. */
static void run_lmpop(struct command_call *call) {
    int64_t keys, count = 1;
    enum queue_end end;
    if (!parse_at_least(call, 1, 1, "ERR numkeys should be greater than 0", &keys)) return;
    if (keys > (int64_t)call->count - 3) { /* no room for LEFT or RIGHT */
        reply_error(call->reply, REPLY_SYNTAX_ERROR);
        return;
    }
    uint32_t at = 2 + (uint32_t)keys;
    if (!parse_end(call, at, &end)) return;
    at += 1;
    if (at < call->count) {
        bool has_count = at + 1 < call->count && command_option(call, at, "count");
        if (has_count &&
            !parse_at_least(call, at + 1, 1, "ERR count should be greater than 0", &count))
            return;
        if (!has_count || call->count > at + 2) {
            reply_error(call->reply, REPLY_SYNTAX_ERROR);
            return;
        }
    }
    for (uint32_t i = 2; i < 2 + (uint32_t)keys; i++) {
        struct opened opened;
        if (!open_queue(call, call->args[i], &opened)) return;
        if (opened.item == NULL) continue;
        reply_array(call->reply, 2);
        reply_bulk(call->reply, call->args[i]);
        pop_many(call, &opened, end, count);
        return;
    }
    reply_null_array(call->reply);
}

/* --- moving -------------------------------------------------------------------------------- */

static void push_moved(struct command_call *call, struct opened *target, enum queue_end to,
                       struct bytes item) {
    if (target->item == NULL) create_queue(call, target);
    queue_push(target->queue, to, item, block_limit(call));
    note_change(call, target, push_event(to), item);
}

static void move(struct command_call *call, enum queue_end from, enum queue_end to) {
    struct opened source, target;
    if (!open_queue(call, call->args[1], &source)) return;
    if (source.item == NULL) {
        reply_null(call->reply);
        return;
    }
    if (!open_queue(call, call->args[2], &target)) return;

    struct bytes item;
    bool found = queue_peek(source.queue, from, &item);
    CHECK(found);
    reply_bulk(call->reply, item);
    uint64_t hash = hash_bytes(item, 0);
    if (source.queue == target.queue) {
        /* The queue moves its items when it is pushed to: the one on its way needs a copy. */
        struct buffer copy = {0};
        buffer_append_bytes(&copy, item);
        queue_drop(source.queue, from, 1);
        push_moved(call, &target, to, buffer_bytes(&copy));
        buffer_clear(&copy);
    } else {
        push_moved(call, &target, to, item);
        queue_drop(source.queue, from, 1);
    }
    keyspace_changed(call, source.key, pop_event(from), hash_chain(queue_size(source.queue), hash));
    delete_if_empty(call, &source);
}

static void run_lmove(struct command_call *call) {
    enum queue_end from, to;
    if (!parse_end(call, 3, &from) || !parse_end(call, 4, &to)) return;
    move(call, from, to);
}

static void run_rpoplpush(struct command_call *call) {
    move(call, QUEUE_TAIL, QUEUE_HEAD);
}

/* --- looking ------------------------------------------------------------------------------- */

static void run_llen(struct command_call *call) {
    struct opened opened;
    if (!open_queue(call, call->args[1], &opened)) return;
    reply_integer(call->reply, opened.item == NULL ? 0 : (int64_t)queue_size(opened.queue));
}

/* The index as the client wrote it, negative ones from the tail; false beyond the ends. */
static bool seek_index(const struct queue *queue, int64_t index, struct queue_cursor *cursor) {
    int64_t size = (int64_t)queue_size(queue);
    if (index < 0) index += size;
    if (index < 0 || index >= size) return false;
    *cursor = queue_seek(queue, (uint64_t)index);
    return true;
}

static void run_lindex(struct command_call *call) {
    struct opened opened;
    if (!open_queue(call, call->args[1], &opened)) return;
    if (opened.item == NULL) {
        reply_null(call->reply);
        return;
    }
    int64_t index;
    struct queue_cursor cursor;
    if (!command_integer(call, 2, &index)) return;
    if (seek_index(opened.queue, index, &cursor))
        reply_bulk(call->reply, queue_cursor_item(&cursor));
    else
        reply_null(call->reply);
}

/* A client's range of indexes, cut to the queue: `count` items from `start` on. */
struct range {
    uint64_t start, count;
};

static struct range range_of(const struct queue *queue, int64_t first, int64_t last) {
    int64_t size = (int64_t)queue_size(queue);
    if (first < 0) first += size;
    if (last < 0) last += size;
    if (first < 0) first = 0;
    if (last >= size) last = size - 1;
    if (first > last) return (struct range){0, 0};
    return (struct range){(uint64_t)first, (uint64_t)(last - first) + 1};
}

static void run_lrange(struct command_call *call) {
    int64_t first, last;
    if (!command_integer(call, 2, &first) || !command_integer(call, 3, &last)) return;
    struct opened opened;
    if (!open_queue(call, call->args[1], &opened)) return;
    if (opened.item == NULL) {
        reply_array(call->reply, 0);
        return;
    }
    struct range range = range_of(opened.queue, first, last);
    reply_array(call->reply, range.count);
    struct queue_cursor cursor = queue_seek(opened.queue, range.start);
    for (; range.count > 0; range.count--) {
        reply_bulk(call->reply, queue_cursor_item(&cursor));
        queue_cursor_step(&cursor, QUEUE_TAIL);
    }
}

struct lpos_options {
    int64_t rank;     /* which match to begin with, never negative */
    int64_t count;    /* matches wanted, 0 all, -1 one that is not put into an array */
    int64_t compared; /* items to look at at most, 0 all (MAXLEN) */
    bool backwards;
};

static bool parse_lpos_options(struct command_call *call, struct lpos_options *options) {
    *options = (struct lpos_options){.rank = 1, .count = -1};
    for (uint32_t at = 3; at < call->count; at += 2) {
        bool has_value = at + 1 < call->count;
        if (has_value && command_option(call, at, "rank")) {
            if (!command_integer(call, at + 1, &options->rank)) return false;
            if (options->rank == 0) {
                reply_error(call->reply,
                            "ERR RANK can't be zero: use 1 to start from the first match, 2 from "
                            "the second ... or use negative to start from the end of the list");
                return false;
            }
        } else if (has_value && command_option(call, at, "count")) {
            if (!parse_at_least(call, at + 1, 0, "ERR COUNT can't be negative", &options->count))
                return false;
        } else if (has_value && command_option(call, at, "maxlen")) {
            if (!parse_at_least(call, at + 1, 0, "ERR MAXLEN can't be negative",
                                &options->compared))
                return false;
        } else {
            reply_error(call->reply, REPLY_SYNTAX_ERROR);
            return false;
        }
    }
    options->backwards = options->rank < 0;
    /* The least integer has no negation; Redis takes it for the first match from the tail. */
    if (options->backwards) options->rank = options->rank == INT64_MIN ? 1 : -options->rank;
    return true;
}

static void find_positions(struct command_call *call, const struct queue *queue,
                           const struct lpos_options *options) {
    bool many = options->count >= 0;
    int64_t size = (int64_t)queue_size(queue), matches = 0, replied = 0;
    int64_t compared =
        options->compared == 0 || options->compared > size ? size : options->compared;
    size_t mark = many ? reply_deferred_open(call->reply) : 0;
    struct queue_cursor cursor = queue_seek(queue, options->backwards ? (uint64_t)size - 1 : 0);
    for (int64_t i = 0; i < compared; i++) {
        if (bytes_equal(queue_cursor_item(&cursor), call->args[2]) && ++matches >= options->rank) {
            reply_integer(call->reply, options->backwards ? size - 1 - i : i);
            replied += 1;
            if (!many || replied == options->count) break;
        }
        queue_cursor_step(&cursor, options->backwards ? QUEUE_HEAD : QUEUE_TAIL);
    }
    if (many)
        reply_deferred_array(call->reply, mark, (uint64_t)replied);
    else if (replied == 0)
        reply_null(call->reply);
}

static void run_lpos(struct command_call *call) {
    struct lpos_options options;
    if (!parse_lpos_options(call, &options)) return;
    struct opened opened;
    if (!open_queue(call, call->args[1], &opened)) return;
    if (opened.item != NULL)
        find_positions(call, opened.queue, &options);
    else if (options.count >= 0)
        reply_array(call->reply, 0);
    else
        reply_null(call->reply);
}

/* --- changing the middle ------------------------------------------------------------------- */

static void run_lset(struct command_call *call) {
    struct opened opened;
    if (!open_queue(call, call->args[1], &opened)) return;
    if (opened.item == NULL) {
        reply_error(call->reply, REPLY_NO_SUCH_KEY);
        return;
    }
    int64_t index;
    struct queue_cursor cursor;
    if (!command_integer(call, 2, &index)) return;
    if (!seek_index(opened.queue, index, &cursor)) {
        reply_error(call->reply, REPLY_OUT_OF_RANGE);
        return;
    }
    queue_replace(opened.queue, cursor, call->args[3], block_limit(call));
    note_change(call, &opened, "lset", call->args[3]);
    reply_ok(call->reply);
}

static void run_ltrim(struct command_call *call) {
    int64_t first, last;
    if (!command_integer(call, 2, &first) || !command_integer(call, 3, &last)) return;
    struct opened opened;
    if (!open_queue(call, call->args[1], &opened)) return;
    if (opened.item != NULL) {
        struct range kept = range_of(opened.queue, first, last);
        queue_drop(opened.queue, QUEUE_HEAD, kept.start);
        queue_drop(opened.queue, QUEUE_TAIL, queue_size(opened.queue) - kept.count);
        note_change(call, &opened, "ltrim", BYTES(""));
        delete_if_empty(call, &opened);
    }
    reply_ok(call->reply);
}

static void run_lrem(struct command_call *call) {
    int64_t wanted;
    if (!command_integer(call, 2, &wanted)) return;
    struct opened opened;
    if (!open_queue(call, call->args[1], &opened)) return;
    if (opened.item == NULL) {
        reply_integer(call->reply, 0);
        return;
    }
    enum queue_end towards = wanted < 0 ? QUEUE_HEAD : QUEUE_TAIL;
    uint64_t bound = wanted == 0  ? UINT64_MAX
                     : wanted < 0 ? 0 - (uint64_t)wanted
                                  : (uint64_t)wanted;
    uint64_t removed = 0;
    struct queue_cursor cursor =
        queue_seek(opened.queue, wanted < 0 ? queue_size(opened.queue) - 1 : 0);
    while (cursor.block != NULL && removed < bound) {
        if (bytes_equal(queue_cursor_item(&cursor), call->args[3])) {
            queue_remove(opened.queue, &cursor, towards);
            removed += 1;
        } else {
            queue_cursor_step(&cursor, towards);
        }
    }
    if (removed > 0) {
        note_change(call, &opened, "lrem", call->args[3]);
        delete_if_empty(call, &opened);
    }
    reply_integer(call->reply, (int64_t)removed);
}

static void run_linsert(struct command_call *call) {
    enum queue_end side;
    if (command_option(call, 2, "before")) {
        side = QUEUE_HEAD;
    } else if (command_option(call, 2, "after")) {
        side = QUEUE_TAIL;
    } else {
        reply_error(call->reply, REPLY_SYNTAX_ERROR);
        return;
    }
    struct opened opened;
    if (!open_queue(call, call->args[1], &opened)) return;
    if (opened.item == NULL) {
        reply_integer(call->reply, 0);
        return;
    }
    struct queue_cursor cursor = queue_seek(opened.queue, 0);
    while (cursor.block != NULL && !bytes_equal(queue_cursor_item(&cursor), call->args[3]))
        queue_cursor_step(&cursor, QUEUE_TAIL);
    if (cursor.block == NULL) {
        reply_integer(call->reply, -1);
        return;
    }
    queue_insert(opened.queue, cursor, side, call->args[4], block_limit(call));
    note_change(call, &opened, "linsert", call->args[4]);
    reply_integer(call->reply, (int64_t)queue_size(opened.queue));
}

/* --- tables -------------------------------------------------------------------------------- */

static void class_destroy(void *value) {
    queue_destroy(value);
}

static bool class_destroy_some(void *value, uint64_t *budget) {
    return queue_destroy_some(value, budget);
}

static void *class_copy(const void *value) {
    return queue_copy(value);
}

static uint64_t class_digest(const void *value) {
    return queue_digest(value);
}

static const char *class_encoding(const void *value) {
    (void)value;
    return "quicklist";
}

static size_t class_memory(const void *value) {
    return queue_memory(value);
}

static uint64_t class_effort(const void *value) {
    return queue_blocks(value);
}

static void class_check(const void *value) {
    queue_check(value);
    CHECK(queue_size(value) > 0);
}

const struct item_class queue_class = {
    .type = ITEM_QUEUE,
    .name = "list",
    .destroy = class_destroy,
    .destroy_some = class_destroy_some,
    .copy = class_copy,
    .digest = class_digest,
    .encoding = class_encoding,
    .memory = class_memory,
    .effort = class_effort,
    .check = class_check,
};

static const struct command queue_commands[] = {
    {.id = 300,
     .name = "lpush",
     .run = run_lpush,
     .arity = -3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW INSERT",
     .categories = "list",
     .group = "list",
     .since = "1.0.0",
     .complexity = "O(1) for each element added, so O(N) to add N elements when the command is "
                   "called with multiple arguments.",
     .summary = "Prepend one or multiple elements to a list",
     .arguments = "k:key#0 s:element*"},
    {.id = 301,
     .name = "rpush",
     .run = run_rpush,
     .arity = -3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW INSERT",
     .categories = "list",
     .group = "list",
     .since = "1.0.0",
     .complexity = "O(1) for each element added, so O(N) to add N elements when the command is "
                   "called with multiple arguments.",
     .summary = "Append one or multiple elements to a list",
     .arguments = "k:key#0 s:element*"},
    {.id = 302,
     .name = "lpushx",
     .run = run_lpushx,
     .arity = -3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW INSERT",
     .categories = "list",
     .group = "list",
     .since = "2.2.0",
     .complexity = "O(1) for each element added, so O(N) to add N elements when the command is "
                   "called with multiple arguments.",
     .summary = "Prepend an element to a list, only if the list exists",
     .arguments = "k:key#0 s:element*"},
    {.id = 303,
     .name = "rpushx",
     .run = run_rpushx,
     .arity = -3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW INSERT",
     .categories = "list",
     .group = "list",
     .since = "2.2.0",
     .complexity = "O(1) for each element added, so O(N) to add N elements when the command is "
                   "called with multiple arguments.",
     .summary = "Append an element to a list, only if the list exists",
     .arguments = "k:key#0 s:element*"},
    {.id = 304,
     .name = "lpop",
     .run = run_lpop,
     .arity = -2,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW ACCESS DELETE",
     .categories = "list",
     .group = "list",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of elements returned",
     .summary = "Remove and get the first elements in a list",
     .arguments = "k:key#0 i:count@6.2.0?"},
    {.id = 305,
     .name = "rpop",
     .run = run_rpop,
     .arity = -2,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW ACCESS DELETE",
     .categories = "list",
     .group = "list",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of elements returned",
     .summary = "Remove and get the last elements in a list",
     .arguments = "k:key#0 i:count@6.2.0?"},
    {.id = 306,
     .name = "llen",
     .run = run_llen,
     .arity = 2,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO",
     .categories = "list",
     .group = "list",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Get the length of a list",
     .arguments = "k:key#0"},
    {.id = 307,
     .name = "lindex",
     .run = run_lindex,
     .arity = 3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "list",
     .group = "list",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of elements to traverse to get to the element at "
                   "index. This makes asking for the first or the last element of the list O(1).",
     .summary = "Get an element from a list by its index",
     .arguments = "k:key#0 i:index"},
    {.id = 308,
     .name = "lset",
     .run = run_lset,
     .arity = 4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW UPDATE",
     .categories = "list",
     .group = "list",
     .since = "1.0.0",
     .complexity = "O(N) where N is the length of the list. Setting either the first or the last "
                   "element of the list is O(1).",
     .summary = "Set the value of an element in a list by its index",
     .arguments = "k:key#0 i:index s:element"},
    {.id = 309,
     .name = "lrange",
     .run = run_lrange,
     .arity = 4,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "list",
     .group = "list",
     .since = "1.0.0",
     .complexity = "O(S+N) where S is the distance of start offset from HEAD for small lists, from "
                   "nearest end (HEAD or TAIL) for large lists; and N is the number of elements in "
                   "the specified range.",
     .summary = "Get a range of elements from a list",
     .arguments = "k:key#0 i:start i:stop"},
    {.id = 310,
     .name = "ltrim",
     .run = run_ltrim,
     .arity = 4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW DELETE",
     .categories = "list",
     .group = "list",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of elements to be removed by the operation.",
     .summary = "Trim a list to the specified range",
     .arguments = "k:key#0 i:start i:stop"},
    {.id = 311,
     .name = "lrem",
     .run = run_lrem,
     .arity = 4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW DELETE",
     .categories = "list",
     .group = "list",
     .since = "1.0.0",
     .complexity =
         "O(N+M) where N is the length of the list and M is the number of elements removed.",
     .summary = "Remove elements from a list",
     .arguments = "k:key#0 i:count s:element"},
    {.id = 312,
     .name = "linsert",
     .run = run_linsert,
     .arity = 5,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW INSERT",
     .categories = "list",
     .group = "list",
     .since = "2.2.0",
     .complexity =
         "O(N) where N is the number of elements to traverse before seeing the value pivot. This "
         "means that inserting somewhere on the left end on the list (head) can be considered O(1) "
         "and inserting somewhere on the right end (tail) is O(N).",
     .summary = "Insert an element before or after another element in a list",
     .arguments = "k:key#0 o:where(t:before=BEFORE t:after=AFTER) s:pivot s:element"},
    {.id = 313,
     .name = "lpos",
     .run = run_lpos,
     .arity = -3,
     .place = COMMAND_READ,
     .flags = COMMAND_READONLY,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RO ACCESS",
     .categories = "list",
     .group = "list",
     .since = "6.0.6",
     .complexity = "O(N) where N is the number of elements in the list, for the average case. When "
                   "searching for elements near the head or the tail of the list, or when the "
                   "MAXLEN option is provided, the command may run in constant time.",
     .summary = "Return the index of matching elements on a list",
     .arguments = "k:key#0 s:element i:rank=RANK? i:num-matches=COUNT? i:len=MAXLEN?"},
    {.id = 314,
     .name = "lmove",
     .run = run_lmove,
     .arity = 5,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {.first = 1, .last = 2, .step = 1},
     .key_flags = "RW ACCESS DELETE; RW INSERT",
     .categories = "list",
     .group = "list",
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Pop an element from a list, push it to another list and return it",
     .arguments = "k:source#0 k:destination#1 o:wherefrom(t:left=LEFT t:right=RIGHT) "
                  "o:whereto(t:left=LEFT t:right=RIGHT)"},
    {.id = 315,
     .name = "rpoplpush",
     .run = run_rpoplpush,
     .arity = 3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {.first = 1, .last = 2, .step = 1},
     .key_flags = "RW ACCESS DELETE; RW INSERT",
     .categories = "list",
     .group = "list",
     .since = "1.2.0",
     .complexity = "O(1)",
     .summary = "Remove the last element in a list, prepend it to another list and return it",
     .deprecated_since = "6.2.0",
     .replaced_by = "`LMOVE` with the `RIGHT` and `LEFT` arguments",
     .arguments = "k:source#0 k:destination#1"},
    {.id = 316,
     .name = "lmpop",
     .run = run_lmpop,
     .arity = -4,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_MOVABLEKEYS,
     .keys = {.first = 0, .last = 0, .step = 0, .numkeys_at = 1},
     .key_flags = "RW ACCESS DELETE",
     .categories = "list",
     .group = "list",
     .since = "7.0.0",
     .complexity =
         "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
     .summary = "Pop elements from a list",
     .arguments = "i:numkeys k:key#0* o:where(t:left=LEFT t:right=RIGHT) i:count=COUNT?"},
};

const struct command_family queue_family = {queue_commands, COUNT_OF(queue_commands)};
