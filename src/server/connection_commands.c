/* connection_commands.c: PING, ECHO, SELECT, QUIT, RESET, HELLO, AUTH: what concerns one
 * connection only. */
#include "base/number.h"
#include "src/server/commands.h"
#include "src/server/version.h"
#include "storages/storages.h"

static void run_ping(struct command_call *call) {
    const struct session *session = call_session(call);
    if (call->count > 2) {
        reply_error(call->reply, "ERR wrong number of arguments for 'ping' command");
    } else if (session->protocol == 2 && session->subscriptions + session->patterns > 0) {
        /* A subscriber of RESP2 reads arrays only. */
        reply_array(call->reply, 2);
        reply_bulk_text(call->reply, "pong");
        reply_bulk(call->reply, call->count == 2 ? call->args[1] : BYTES(""));
    } else if (call->count == 2) {
        reply_bulk(call->reply, call->args[1]);
    } else {
        reply_simple(call->reply, "PONG");
    }
}

static void run_echo(struct command_call *call) {
    reply_bulk(call->reply, call->args[1]);
}

static void run_select(struct command_call *call) {
    int64_t db;
    if (!command_int(call, 1, &db)) return;
    if (db < 0 || db >= storages_settings(call->storages)->databases) {
        reply_error(call->reply, "ERR DB index is out of range");
        return;
    }
    call_session(call)->db = (uint8_t)db;
    reply_ok(call->reply);
}

static void run_quit(struct command_call *call) {
    reply_ok(call->reply);
    call_session(call)->ending = SESSION_ENDS_AFTER_OUTPUT;
}

static void run_reset(struct command_call *call) {
    struct server *server = call_server(call);
    struct session *session = call_session(call);
    replica_session_reset(server->replica, session);
    client_set_monitor(call_client(call), false);
    session->authenticated = !server_has_password(server);
    client_note_authentication(call_client(call));
    call->reply->protocol = 2;
    reply_simple(call->reply, "RESET");
}

/* --- authentication -------------------------------------------------------------------------- */

static const char wrong_password[] =
    "WRONGPASS invalid username-password pair or user is disabled.";

/* Takes as long whatever the first wrong byte is. */
static bool passwords_equal(struct bytes given, struct bytes wanted) {
    unsigned different = given.size != wanted.size;
    for (size_t i = 0; i < given.size; i++) {
        char other = wanted.size > 0 ? wanted.data[i % wanted.size] : '\0';
        different |= (unsigned)(given.data[i] ^ other);
    }
    return different == 0;
}

static bool authenticate(struct command_call *call, struct bytes user, struct bytes password) {
    struct server *server = call_server(call);
    struct bytes wanted = bytes_of_text(CONFIG_STRING(&server->config, REQUIREPASS));
    bool known = bytes_equal(user, BYTES("default")) &&
                 (wanted.size == 0 || passwords_equal(password, wanted));
    if (!known) {
        reply_error(call->reply, wrong_password);
        return false;
    }
    call_session(call)->authenticated = true;
    client_note_authentication(call_client(call));
    return true;
}

static void run_auth(struct command_call *call) {
    if (call->count > 3) {
        reply_error(call->reply, REPLY_SYNTAX_ERROR);
        return;
    }
    if (call->count == 2 && !server_has_password(call_server(call))) {
        reply_error(call->reply,
                    "ERR AUTH <password> called without any password configured for the default "
                    "user. Are you sure your configuration is correct?");
        return;
    }
    struct bytes user = call->count == 3 ? call->args[1] : BYTES("default");
    if (authenticate(call, user, call->args[call->count - 1])) reply_ok(call->reply);
}

/* --- HELLO ----------------------------------------------------------------------------------- */

struct hello {
    int64_t protocol;
    bool has_auth;
    struct bytes user, password;
    bool has_name;
    struct bytes name;
};

/* False after an error reply. */
static bool read_hello(struct command_call *call, struct hello *hello) {
    *hello = (struct hello){.protocol = call_session(call)->protocol};
    if (call->count < 2) return true;
    if (!number_parse_i64(call->args[1], &hello->protocol)) {
        reply_error(call->reply, "ERR Protocol version is not an integer or out of range");
        return false;
    }
    if (hello->protocol < 2 || hello->protocol > 3) {
        reply_error(call->reply, "NOPROTO unsupported protocol version");
        return false;
    }
    for (uint32_t i = 2; i < call->count; i++) {
        uint32_t more = call->count - 1 - i;
        if (command_option(call, i, "AUTH") && more >= 2) {
            hello->has_auth = true;
            hello->user = call->args[i + 1];
            hello->password = call->args[i + 2];
            i += 2;
        } else if (command_option(call, i, "SETNAME") && more >= 1) {
            hello->has_name = true;
            hello->name = call->args[i + 1];
            i += 1;
            if (!commands_is_plain_name(hello->name)) {
                reply_error(call->reply, COMMANDS_NAME_ERROR);
                return false;
            }
        } else {
            reply_error_format(call->reply, "ERR Syntax error in HELLO option '%.*s'",
                               (int)call->args[i].size, call->args[i].data);
            return false;
        }
    }
    return true;
}

static void reply_hello(struct command_call *call) {
    const struct session *session = call_session(call);
    struct reply *reply = call->reply;
    reply_map(reply, 7);
    reply_bulk_text(reply, "server");
    reply_bulk_text(reply, "redis"); /* some clients compare it */
    reply_bulk_text(reply, "version");
    reply_bulk_text(reply, REDIS_VERSION);
    reply_bulk_text(reply, "proto");
    reply_integer(reply, session->protocol);
    reply_bulk_text(reply, "id");
    reply_integer(reply, (int64_t)session->id);
    reply_bulk_text(reply, "mode");
    reply_bulk_text(reply, "standalone");
    reply_bulk_text(reply, "role");
    reply_bulk_text(reply, commands_is_leader(call_server(call)) ? "master" : "replica");
    reply_bulk_text(reply, "modules");
    reply_array(reply, 0);
}

static void run_hello(struct command_call *call) {
    struct session *session = call_session(call);
    struct hello hello;
    if (!read_hello(call, &hello)) return;
    if (hello.has_auth && !authenticate(call, hello.user, hello.password)) return;
    if (!session->authenticated) {
        reply_error(call->reply,
                    "NOAUTH HELLO must be called with the client already authenticated, otherwise "
                    "the HELLO AUTH <user> <pass> option can be used to authenticate the client "
                    "and select the RESP protocol version at the same time");
        return;
    }
    if (hello.has_name) {
        session->name.size = 0;
        buffer_append_bytes(&session->name, hello.name);
    }
    session->protocol = call->reply->protocol = (uint8_t)hello.protocol;
    reply_hello(call);
}

/* --- rows ---------------------------------------------------------------------------------------
 */

#define OPEN_FLAGS                                                                                 \
    (COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST | COMMAND_NO_AUTH |         \
     COMMAND_ALLOW_BUSY)

static const struct command connection_commands[] = {
    {.id = 700,
     .name = "ping",
     .run = run_ping,
     .arity = -1,
     .place = COMMAND_SESSION,
     .flags = COMMAND_FAST,
     .categories = "connection",
     .tips = "request_policy:all_shards response_policy:all_succeeded",
     .group = "connection",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Ping the server",
     .arguments = "s:message?"},
    {.id = 701,
     .name = "echo",
     .run = run_echo,
     .arity = 2,
     .place = COMMAND_SESSION,
     .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST,
     .categories = "connection",
     .group = "connection",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Echo the given string",
     .arguments = "s:message"},
    {.id = 702,
     .name = "select",
     .run = run_select,
     .arity = 2,
     .place = COMMAND_SESSION,
     .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST,
     .categories = "connection",
     .group = "connection",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Change the selected database for the current connection",
     .arguments = "i:index"},
    {.id = 703,
     .name = "quit",
     .run = run_quit,
     .arity = -1,
     .place = COMMAND_SESSION,
     .flags = OPEN_FLAGS,
     .categories = "connection",
     .group = "connection",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Close the connection"},
    {.id = 704,
     .name = "reset",
     .run = run_reset,
     .arity = 1,
     .place = COMMAND_SESSION,
     .flags = OPEN_FLAGS,
     .categories = "connection",
     .group = "connection",
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Reset the connection"},
    {.id = 705,
     .name = "hello",
     .run = run_hello,
     .arity = -1,
     .place = COMMAND_SESSION,
     .flags = OPEN_FLAGS,
     .categories = "connection",
     .group = "connection",
     .since = "6.0.0",
     .complexity = "O(1)",
     .summary = "Handshake with Redis",
     .arguments = "b:arguments?(i:protover b:username_password=AUTH?(s:username s:password) "
                  "s:clientname=SETNAME?)"},
    {.id = 706,
     .name = "auth",
     .run = run_auth,
     .arity = -2,
     .place = COMMAND_SESSION,
     .flags = OPEN_FLAGS,
     .categories = "connection",
     .group = "connection",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of passwords defined for the user",
     .summary = "Authenticate to the server",
     .arguments = "s:username@6.0.0? s:password"},
};

const struct command_family *connection_family(void) {
    static const struct command_family family = {connection_commands,
                                                 COUNT_OF(connection_commands)};
    return &family;
}
