/* record.c: the strings: SET, GET and their kin. */
#include "storages/record.h"

#include "base/hash.h"
#include "base/number.h"
#include "storages/state.h"

struct bytes record_bytes(const struct item *item, char scratch[RECORD_SCRATCH_SIZE]) {
    if (!(item->flags & ITEM_INTEGER)) return item_text(item);
    return bytes_of(scratch, number_print_i64(scratch, (int64_t)item_word(item)));
}

static void reply_record(struct reply *reply, const struct item *item) {
    char scratch[RECORD_SCRATCH_SIZE];
    reply_bulk(reply, record_bytes(item, scratch));
}

static void run_get(struct command_call *call) {
    bool wrong_type;
    struct item *item = keyspace_find_typed(call, call->args[1], ITEM_RECORD, &wrong_type);
    if (wrong_type) return;
    if (item == NULL) {
        reply_null(call->reply);
        return;
    }
    reply_record(call->reply, item);
}

static void run_set(struct command_call *call) {
    keyspace_put_record(call, call->args[1], call->args[2], false);
    keyspace_changed(call, call->args[1], "set", hash_bytes(call->args[2], 0));
    reply_ok(call->reply);
}

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
     .summary = "Get the value of a key."},
    {.id = 2,
     .name = "set",
     .run = run_set,
     .arity = -3,
     .place = COMMAND_LOG,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {.first = 1, .last = 1, .step = 1},
     .key_flags = "RW ACCESS UPDATE VARIABLE_FLAGS",
     .categories = "string",
     .group = "string",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Set the value of a key."},
};

const struct command_family record_family = {commands, COUNT_OF(commands)};
