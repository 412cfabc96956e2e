/* settings_commands.c: see settings_commands.h. A node's CONFIG SET of such a directive travels as
 * RAFT SET; so do the values of the founding node's file. */
#include "storages/settings_commands.h"

#include <stddef.h>

#include "base/hash.h"
#include "base/number.h"
#include "storages/storages.h"

static const struct setting {
    const char *name;
    size_t offset;
    int64_t minimum, maximum;
    bool may_be_unset; /* 0: the log does not say */
} settings[] = {
#define SETTING(text, field, low, high)                                                            \
    { text, offsetof(struct storages_settings, field), low, high, false }
#define UNSET_SETTING(text, field, low, high)                                                      \
    { text, offsetof(struct storages_settings, field), low, high, true }
    SETTING("hash-max-listpack-entries", hash_max_listpack_entries, 0, INT64_MAX),
    SETTING("hash-max-listpack-value", hash_max_listpack_value, 0, INT64_MAX),
    SETTING("set-max-intset-entries", set_max_intset_entries, 0, INT64_MAX),
    SETTING("zset-max-listpack-entries", zset_max_listpack_entries, 0, INT64_MAX),
    SETTING("zset-max-listpack-value", zset_max_listpack_value, 0, INT64_MAX),
    SETTING("list-max-listpack-size", list_max_listpack_size, INT32_MIN, INT32_MAX),
    SETTING("databases", databases, 1, STORAGES_DATABASES_MAX),
    SETTING("proto-max-bulk-len", proto_max_bulk_len, 1024 * 1024, INT64_MAX),
    UNSET_SETTING("raft-heartbeat-interval", raft_heartbeat_interval, 1, 60000),
    UNSET_SETTING("raft-election-timeout", raft_election_timeout, 10, 600000),
#undef SETTING
#undef UNSET_SETTING
};
_Static_assert(COUNT_OF(settings) * sizeof(int64_t) == sizeof(struct storages_settings),
               "each setting has its row");

static const struct setting *find_setting(struct bytes name) {
    for (size_t i = 0; i < COUNT_OF(settings); i++)
        if (bytes_equal_ignoring_case(name, bytes_of_text(settings[i].name))) return &settings[i];
    return NULL;
}

static int64_t *field_of(struct storages_settings *all, const struct setting *setting) {
    return (int64_t *)(void *)((char *)all + setting->offset);
}

int64_t *settings_field(struct storages_settings *all, struct bytes name) {
    const struct setting *setting = find_setting(name);
    return setting == NULL ? NULL : field_of(all, setting);
}

const char *settings_name(uint32_t index) {
    return index < COUNT_OF(settings) ? settings[index].name : NULL;
}

int64_t settings_value(const struct storages_settings *all, uint32_t index) {
    CHECK(index < COUNT_OF(settings));
    return *(const int64_t *)(const void *)((const char *)all + settings[index].offset);
}

bool settings_is_told(const struct storages_settings *all, struct bytes name) {
    const struct setting *setting = find_setting(name);
    if (setting == NULL) return false;
    int64_t value = *(const int64_t *)(const void *)((const char *)all + setting->offset);
    return value != 0 || !setting->may_be_unset;
}

bool settings_is_recent(struct bytes name) {
    const struct setting *setting = find_setting(name);
    return setting != NULL && setting->may_be_unset;
}

bool settings_put(struct storages_settings *all, uint32_t index, int64_t value) {
    CHECK(index < COUNT_OF(settings));
    bool is_unset = value == 0 && settings[index].may_be_unset;
    bool is_within = value >= settings[index].minimum && value <= settings[index].maximum;
    if (!is_within && !is_unset) return false;
    *field_of(all, &settings[index]) = value;
    return true;
}

/* Databases that hold keys can't be taken away. */
static bool hides_keys(const struct storages *storages, const struct setting *setting,
                       int64_t value) {
    if (setting->offset != offsetof(struct storages_settings, databases)) return false;
    for (int64_t db = value; db < STORAGES_DATABASES_MAX; db++)
        if (storages_db_size(storages, (uint8_t)db) > 0) return true;
    return false;
}

/* The pair at `at`; false after an error reply. */
static bool read_pair(struct command_call *call, uint32_t at, const struct setting **setting,
                      int64_t *value) {
    struct bytes name = call->args[at];
    *setting = find_setting(name);
    if (*setting == NULL) {
        reply_error_format(call->reply, "ERR no setting of the cluster is called '%.*s'",
                           (int)(name.size < 128 ? name.size : 128), name.data);
        return false;
    }
    if (!command_integer(call, at + 1, value)) return false;
    if (*value < (*setting)->minimum || *value > (*setting)->maximum) {
        reply_error_format(call->reply, "ERR %s must be between %lld and %lld inclusive",
                           (*setting)->name, (long long)(*setting)->minimum,
                           (long long)(*setting)->maximum);
        return false;
    }
    if (hides_keys(call->storages, *setting, *value)) {
        reply_error(call->reply, "ERR a database above that number holds keys");
        return false;
    }
    return true;
}

/* A follower has to miss more than one heartbeat before it stands for election. */
static bool fit_together(const struct storages_settings *all) {
    return all->raft_election_timeout == 0 ||
           all->raft_election_timeout >= 2 * all->raft_heartbeat_interval;
}

/* NX: only what the log has not told yet. */
static bool only_if_untold(const struct command_call *call) {
    return call->count % 2 != 0 && command_option(call, 2, "NX");
}

static uint32_t first_pair(const struct command_call *call) {
    return only_if_untold(call) ? 3 : 2;
}

static bool is_passed_over(const struct command_call *call, const struct setting *setting) {
    return only_if_untold(call) &&
           settings_is_told(storages_settings(call->storages), bytes_of_text(setting->name));
}

/* All pairs are sound, and what they lead to is; false after an error reply. */
static bool check_pairs(struct command_call *call) {
    struct storages_settings wanted = *storages_settings(call->storages);
    const struct setting *setting;
    int64_t value;
    for (uint32_t at = first_pair(call); at < call->count; at += 2) {
        if (!read_pair(call, at, &setting, &value)) return false;
        if (!is_passed_over(call, setting)) *field_of(&wanted, setting) = value;
    }
    if (fit_together(&wanted)) return true;
    reply_error(call->reply, "ERR raft-election-timeout has to be twice raft-heartbeat-interval at "
                             "least, eight times as by default is better");
    return false;
}

bool settings_accept(const struct command_call *call, const struct bytes *args, uint32_t count) {
    struct command_call asked = *call;
    asked.args = args;
    asked.count = count;
    return check_pairs(&asked);
}

static void run_set(struct command_call *call) {
    const struct setting *setting;
    int64_t value;
    if ((call->count - first_pair(call)) % 2 != 0) {
        reply_error(call->reply, "ERR wrong number of arguments for 'raft|set' command");
        return;
    }
    if (!check_pairs(call)) return;
    for (uint32_t at = first_pair(call); at < call->count; at += 2) {
        bool read = read_pair(call, at, &setting, &value);
        CHECK(read);
        if (is_passed_over(call, setting)) continue;
        *field_of(storages_settings(call->storages), setting) = value;
        storages_mix_digest(call->storages, hash_bytes(bytes_of_text(setting->name), 0));
        storages_mix_digest(call->storages, (uint64_t)value);
    }
    reply_ok(call->reply);
}

static const struct command settings_commands[] = {
    {.id = 670,
     .name = "raft",
     .run = command_run_container,
     .arity = -2,
     .place = COMMAND_LOCAL,
     .group = "server",
     .since = "7.0.0",
     .complexity = "Depends on subcommand.",
     .summary = "A container for the commands of the Raft cluster"},
    {.id = COMMAND_ID_RAFT_SET,
     .name = "raft|set",
     .run = run_set,
     .arity = -4,
     .place = COMMAND_LOG,
     .flags = COMMAND_ADMIN | COMMAND_NOSCRIPT,
     .group = "server",
     .since = "7.0.0",
     .complexity = "O(N) when N is the number of settings provided",
     .summary = "Change settings that are the same on every node"},
};

const struct command_family settings_family = {settings_commands, COUNT_OF(settings_commands)};
