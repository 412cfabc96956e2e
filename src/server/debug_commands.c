/* debug_commands.c: the subcommands of DEBUG that people and client libraries' tests use. None
 * touches the keyspace: what one node does alone must not. */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "src/server/commands.h"

/* --- SLEEP, LOG, ERROR, SEGFAULT, DIGEST
 * ------------------------------------------------------------------ */

/* Holds the whole loop, as Redis's does: that is what it is for. */
static void run_sleep(struct command_call *call) {
    double seconds;
    if (!command_double(call, 2, &seconds)) return;
    if (seconds < 0 || seconds > 3600) seconds = 0;
    struct timespec pause = {.tv_sec = (time_t)seconds,
                             .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&pause, NULL);
    reply_ok(call->reply);
}

static void run_log(struct command_call *call) {
    log_line(&call_server(call)->log, LOG_LEVEL_WARNING, "DEBUG LOG: %.*s", (int)call->args[2].size,
             call->args[2].data);
    reply_ok(call->reply);
}

static void run_error(struct command_call *call) {
    reply_error_format(call->reply, "%.*s", (int)call->args[2].size, call->args[2].data);
}

/* A crash: nothing is flushed, no client is told. */
static void run_crash(struct command_call *call) {
    log_line(&call_server(call)->log, LOG_LEVEL_WARNING, "DEBUG SEGFAULT: this process ends now");
    volatile uintptr_t nowhere = 1;
    *(volatile char *)nowhere = 1;
}

/* The full digest of this node's state at what it has applied, in Redis's 40 digits. */
static void run_digest(struct command_call *call) {
    char text[41];
    snprintf(text, sizeof(text), "%040llx", (unsigned long long)storages_digest(call->storages));
    reply_simple(call->reply, text);
}

/* --- PROTOCOL: one reply of each kind ------------------------------------------------------------
 */

static void protocol_string(struct reply *reply) {
    reply_bulk_text(reply, "Hello World");
}
static void protocol_integer(struct reply *reply) {
    reply_integer(reply, 12345);
}
static void protocol_double(struct reply *reply) {
    reply_double(reply, 3.141);
}
static void protocol_null(struct reply *reply) {
    reply_null(reply);
}
static void protocol_array(struct reply *reply) {
    reply_array(reply, 3);
    for (int64_t i = 0; i < 3; i++)
        reply_integer(reply, i);
}
static void protocol_set(struct reply *reply) {
    reply_set(reply, 3);
    for (int64_t i = 0; i < 3; i++)
        reply_integer(reply, i);
}
static void protocol_map(struct reply *reply) {
    reply_map(reply, 3);
    for (int64_t i = 0; i < 3; i++) {
        reply_integer(reply, i);
        reply_boolean(reply, i == 1);
    }
}
static void protocol_attribute(struct reply *reply) {
    if (reply->protocol > 2) {
        reply_attribute(reply, 1);
        reply_bulk_text(reply, "key-popularity");
        reply_array(reply, 2);
        reply_bulk_text(reply, "key:123");
        reply_integer(reply, 90);
    }
    reply_bulk_text(reply, "Some real reply following the attribute");
}
static void protocol_push(struct reply *reply) {
    if (reply->protocol < 3) {
        reply_error(reply, "ERR RESP2 is not supported by this command");
        return;
    }
    reply_push(reply, 2);
    reply_bulk_text(reply, "server-cpu-usage");
    reply_integer(reply, 42);
    reply_bulk_text(reply, "Some real reply following the push reply");
}
static void protocol_big_number(struct reply *reply) {
    reply_big_number(reply, BYTES("1234567999999999999999999999999999999"));
}
static void protocol_true(struct reply *reply) {
    reply_boolean(reply, true);
}
static void protocol_false(struct reply *reply) {
    reply_boolean(reply, false);
}
static void protocol_verbatim(struct reply *reply) {
    reply_verbatim(reply, "txt", BYTES("This is a verbatim\nstring"));
}

static const struct {
    const char *word;
    void (*write)(struct reply *reply);
} protocol_kinds[] = {
    {"string", protocol_string},     {"integer", protocol_integer},  {"double", protocol_double},
    {"null", protocol_null},         {"array", protocol_array},      {"set", protocol_set},
    {"map", protocol_map},           {"attrib", protocol_attribute}, {"push", protocol_push},
    {"bignum", protocol_big_number}, {"true", protocol_true},        {"false", protocol_false},
    {"verbatim", protocol_verbatim},
};

static void run_protocol(struct command_call *call) {
    for (size_t i = 0; i < COUNT_OF(protocol_kinds); i++) {
        if (!command_option(call, 2, protocol_kinds[i].word)) continue;
        protocol_kinds[i].write(call->reply);
        return;
    }
    reply_error(call->reply, "ERR Wrong protocol type name. Please use one of the following: "
                             "string|integer|double|bignum|null|array|set|map|attrib|push|"
                             "verbatim|true|false");
}

/* --- the subcommands ---------------------------------------------------------------------------
 */

static void run_help(struct command_call *call) {
    static const char *const lines[] = {
        "DIGEST",
        "    Return the digest of this node's whole state, as far as it has applied the log.",
        "ERROR <string>",
        "    Return an error reply with <string> as its text.",
        "LOG <message>",
        "    Write <message> to the server's log.",
        "PROTOCOL <type>",
        "    Reply with a test value of the specified type. <type> can be: string,",
        "    integer, double, null, array, set, map, attrib, push, verbatim, true,",
        "    false, bignum.",
        "SEGFAULT",
        "    End this process as a crash would.",
        "SLEEP <seconds>",
        "    Stop this node for <seconds>. Decimals allowed.",
    };
    commands_reply_help(call, lines, COUNT_OF(lines));
}

static const struct {
    const char *word;
    uint32_t count; /* of arguments, DEBUG and the word included */
    command_function *run;
} subcommands[] = {
    {"HELP", 2, run_help},   {"DIGEST", 2, run_digest},     {"ERROR", 3, run_error},
    {"LOG", 3, run_log},     {"PROTOCOL", 3, run_protocol}, {"SEGFAULT", 2, run_crash},
    {"SLEEP", 3, run_sleep},
};

static void run_debug(struct command_call *call) {
    for (size_t i = 0; i < COUNT_OF(subcommands); i++) {
        if (call->count != subcommands[i].count || !command_option(call, 1, subcommands[i].word))
            continue;
        subcommands[i].run(call);
        return;
    }
    reply_error_format(call->reply,
                       "ERR unknown subcommand or wrong number of arguments for '%.*s'. "
                       "Try DEBUG HELP.",
                       (int)(call->args[1].size < 128 ? call->args[1].size : 128),
                       call->args[1].data);
}

static const struct command debug_commands[] = {
    {.id = COMMANDS_ID_DEBUG,
     .name = "debug",
     .run = run_debug,
     .arity = -2,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE,
     .group = "server",
     .since = "1.0.0",
     .complexity = "Depends on subcommand.",
     .summary = "A container for debugging commands"},
};

const struct command_family *debug_family(void) {
    static const struct command_family family = {debug_commands, COUNT_OF(debug_commands)};
    return &family;
}
