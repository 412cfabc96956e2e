/* config_commands.c: CONFIG GET, SET, RESETSTAT, REWRITE, HELP. */
#include "base/glob.h"
#include "src/server/cluster_settings.h"
#include "src/server/commands.h"
#include "src/server/config_file.h"
#include "src/server/control.h"
#include "storages/settings_commands.h"

static void run_config(struct command_call *call) {
    CHECK(call == NULL && "the registry answers for the container itself");
}

static bool is_pattern(struct bytes text) {
    for (size_t i = 0; i < text.size; i++) {
        if (memchr("[*?", text.data[i], 3) != NULL) return true;
    }
    return false;
}

/* Whether an argument asks for this name; *shown is the name as Redis answers it: as it was typed,
 * unless a pattern was. */
static bool matches_any(const struct command_call *call, const char *name, struct bytes *shown) {
    for (uint32_t i = 2; i < call->count; i++) {
        if (!glob_match(call->args[i], bytes_of_text(name), true)) continue;
        *shown = is_pattern(call->args[i]) ? bytes_of_text(name) : call->args[i];
        return true;
    }
    return false;
}

static void reply_pair(struct command_call *call, enum config_id id, struct bytes name) {
    struct buffer value = {0};
    config_print(&call_server(call)->config, id, &value);
    reply_bulk(call->reply, name);
    reply_bulk(call->reply, buffer_bytes(&value));
    buffer_clear(&value);
}

static void run_get(struct command_call *call) {
    cluster_settings_refresh(call_server(call));
    uint64_t count = 0;
    size_t mark = reply_deferred_open(call->reply);
    for (enum config_id id = 0; id < CONFIG_ROW_COUNT; id++) {
        const char *const names[] = {config_rows[id].name, config_rows[id].alias};
        for (size_t i = 0; i < COUNT_OF(names); i++) {
            struct bytes shown;
            if (names[i] == NULL || !matches_any(call, names[i], &shown)) continue;
            reply_pair(call, id, shown);
            count++;
        }
    }
    reply_deferred_map(call->reply, mark, count);
}

/* --- SET ------------------------------------------------------------------------------------- */

/* Why a client may not change this row at all; NULL if it may. */
static const char *why_locked(const struct command_call *call, enum config_id id) {
    const struct config_row *row = &config_rows[id];
    const struct client *client = call->session != NULL ? call_client(call) : NULL;
    int64_t protection = CONFIG_NUMBER(&client->server->config, ENABLE_PROTECTED_CONFIGS);
    bool is_open = protection == 1 || (protection == 2 && client->is_local);
    if ((row->flags & CONFIG_PROTECTED) != 0 && !is_open) return "can't set protected config";
    bool may_try = (row->flags & (CONFIG_MUTABLE | CONFIG_FIXED | CONFIG_PROTECTED)) != 0;
    return may_try ? NULL : "can't set immutable config";
}

static void refuse_set(struct command_call *call, struct bytes name, struct bytes reason) {
    reply_error_format(call->reply,
                       "ERR CONFIG SET failed (possibly related to argument '%.*s') - %.*s",
                       (int)name.size, name.data, (int)reason.size, reason.data);
}

/* Puts all pairs into `wanted`; false after an error reply. */
static bool take_pairs(struct command_call *call, struct config *wanted) {
    bool seen[CONFIG_ROW_COUNT] = {false};
    if (call->count % 2 != 0) {
        reply_error(call->reply, REPLY_SYNTAX_ERROR);
        return false;
    }
    /* Unknown names are told before any value is looked at. */
    for (uint32_t i = 2; i < call->count; i += 2) {
        if (config_find(call->args[i]) != CONFIG_ROW_COUNT) continue;
        reply_error_format(call->reply,
                           "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'",
                           (int)call->args[i].size, call->args[i].data);
        return false;
    }
    struct buffer error = {0};
    for (uint32_t i = 2; i < call->count && error.size == 0; i += 2) {
        enum config_id id = config_find(call->args[i]);
        const char *locked = why_locked(call, id);
        if (seen[id]) locked = "duplicate parameter";
        seen[id] = true;
        if (locked != NULL)
            buffer_append_bytes(&error, bytes_of_text(locked));
        else if (!config_assign(wanted, id, CONFIG_FROM_CLIENT, &call->args[i + 1], 1, &error))
            CHECK(error.size > 0);
        if (error.size > 0) refuse_set(call, call->args[i], buffer_bytes(&error));
    }
    bool done = error.size == 0;
    buffer_clear(&error);
    return done;
}

static const char *why_without_effect(const struct config *config, const struct config *wanted,
                                      enum config_id id) {
    if ((config_rows[id].flags & CONFIG_AT_START) == 0) return config_rows[id].note;
    if (config_is_equal(config, wanted, id)) return NULL;
    return "it is chosen at start: appendonly yes and appendfsync in the file of a node that is "
           "alone; else the log is synced before each reply";
}

/* What is accepted although it changes nothing is said in the log, and not shown as if it counted.
 */
static void note_without_effect(struct command_call *call, struct config *wanted) {
    struct server *server = call_server(call);
    for (uint32_t i = 2; i + 1 < call->count; i += 2) {
        enum config_id id = config_find(call->args[i]);
        const char *why = why_without_effect(&server->config, wanted, id);
        if (why == NULL) continue;
        struct bytes value = config_rows[id].flags & CONFIG_SECRET
                                 ? BYTES("...")
                                 : bytes_slice(call->args[i + 1], 0, 128);
        log_line(&server->log, LOG_LEVEL_NOTICE, "Without effect: CONFIG SET %s %.*s (%s)",
                 config_rows[id].name, (int)value.size, value.data, why);
        if (config_rows[id].flags & CONFIG_AT_START)
            wanted->values[id].number = server->config.values[id].number;
    }
}

static void run_set(struct command_call *call) {
    struct server *server = call_server(call);
    struct config wanted;
    cluster_settings_refresh(server);
    config_init(&wanted);
    config_copy(&wanted, &server->config);
    struct buffer error = {0};
    enum config_id wrong = 0;
    bool is_taken = take_pairs(call, &wanted);
    const char *problem = is_taken ? cluster_settings_problem(server, &wanted) : NULL;
    if (problem != NULL) {
        reply_error(call->reply, problem);
    } else if (is_taken) {
        note_without_effect(call, &wanted);
        call->instead_count = cluster_settings_arguments(server, &wanted, &call->instead_args);
        /* All or none, although the log has the last word on a part of them. */
        bool is_mixed = call->instead_count > 0 && call->instead_count < call->count;
        bool is_sound = !is_mixed || settings_accept(call, call->instead_args, call->instead_count);
        if (!is_sound)
            call->instead_count = 0; /* has answered */
        else if (!server_reconfigure(server, &wanted, &wrong, &error))
            refuse_set(call, bytes_of_text(config_rows[wrong].name), buffer_bytes(&error));
        else if (call->instead_count > 0) /* the log's part answers */
            call->instead = command_by_id(call->registry, COMMAND_ID_RAFT_SET);
        else
            reply_ok(call->reply);
    }
    buffer_clear(&error);
    config_clear(&wanted);
}

/* --- the rest -------------------------------------------------------------------------------- */

static void run_resetstat(struct command_call *call) {
    server_reset_statistics(call_server(call));
    reply_ok(call->reply);
}

static void run_rewrite(struct command_call *call) {
    struct server *server = call_server(call);
    struct buffer error = {0};
    cluster_settings_refresh(server);
    if (server->config_path.size == 0) {
        reply_error(call->reply, "ERR The server is running without a config file");
    } else if (config_store(&server->config, server->config_path.data, &error)) {
        log_line(&server->log, LOG_LEVEL_NOTICE, "CONFIG REWRITE executed with success.");
        reply_ok(call->reply);
    } else {
        log_line(&server->log, LOG_LEVEL_WARNING, "CONFIG REWRITE failed: %.*s", (int)error.size,
                 error.data);
        reply_error_format(call->reply, "ERR %.*s", (int)error.size, error.data);
    }
    buffer_clear(&error);
}

static void run_help(struct command_call *call) {
    static const char *const lines[] = {
        "GET <pattern>",
        "    Return parameters matching the glob-like <pattern> and their values.",
        "SET <directive> <value>",
        "    Set the configuration <directive> to <value>.",
        "RESETSTAT",
        "    Reset statistics reported by the INFO command.",
        "REWRITE",
        "    Rewrite the configuration file.",
    };
    commands_reply_help(call, lines, COUNT_OF(lines));
}

#define CONFIG_FLAGS (COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE)

static const struct command config_commands[] = {
    {.id = 750,
     .name = "config",
     .run = run_config,
     .arity = -2,
     .place = COMMAND_LOCAL,
     .group = "server",
     .since = "2.0.0",
     .complexity = "Depends on subcommand.",
     .summary = "A container for server configuration commands"},
    {.id = 751,
     .name = "config|get",
     .run = run_get,
     .arity = -3,
     .place = COMMAND_LOCAL,
     .flags = CONFIG_FLAGS,
     .group = "server",
     .since = "2.0.0",
     .complexity = "O(N) when N is the number of configuration parameters provided",
     .summary = "Get the values of configuration parameters",
     .arguments = "b:parameter*(s:parameter)"},
    {.id = 752,
     .name = "config|set",
     .run = run_set,
     .arity = -4,
     .place = COMMAND_SESSION,
     .flags = CONFIG_FLAGS,
     .tips = "request_policy:all_nodes response_policy:all_succeeded",
     .group = "server",
     .since = "2.0.0",
     .complexity = "O(N) when N is the number of configuration parameters provided",
     .summary = "Set configuration parameters to the given values",
     .arguments = "b:parameter_value*(s:parameter s:value)"},
    {.id = 753,
     .name = "config|resetstat",
     .run = run_resetstat,
     .arity = 2,
     .place = COMMAND_LOCAL,
     .flags = CONFIG_FLAGS,
     .group = "server",
     .since = "2.0.0",
     .complexity = "O(1)",
     .summary = "Reset the stats returned by INFO"},
    {.id = 754,
     .name = "config|rewrite",
     .run = run_rewrite,
     .arity = 2,
     .place = COMMAND_LOCAL,
     .flags = CONFIG_FLAGS,
     .group = "server",
     .since = "2.8.0",
     .complexity = "O(1)",
     .summary = "Rewrite the configuration file with the in memory configuration"},
    {.id = 755,
     .name = "config|help",
     .run = run_help,
     .arity = 2,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .group = "server",
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Show helpful text about the different subcommands"},
};

const struct command_family *config_family(void) {
    static const struct command_family family = {config_commands, COUNT_OF(config_commands)};
    return &family;
}
