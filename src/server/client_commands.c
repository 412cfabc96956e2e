/* client_commands.c: CLIENT …: looking at connections, naming and ending them. */
#include "base/number.h"
#include "src/server/commands.h"

static void run_client(struct command_call *call) {
    CHECK(call == NULL && "the registry answers for the container itself");
}

static void run_id(struct command_call *call) {
    reply_integer(call->reply, (int64_t)call_session(call)->id);
}

static void run_info(struct command_call *call) {
    struct buffer text = {0};
    client_describe(call_client(call), &text);
    buffer_append_byte(&text, '\n');
    reply_verbatim(call->reply, "txt", buffer_bytes(&text));
    buffer_clear(&text);
}

static void run_setname(struct command_call *call) {
    struct session *session = call_session(call);
    if (!commands_is_plain_name(call->args[2])) {
        reply_error(call->reply, COMMANDS_NAME_ERROR);
        return;
    }
    session->name.size = 0;
    buffer_append_bytes(&session->name, call->args[2]);
    reply_ok(call->reply);
}

static void run_getname(struct command_call *call) {
    const struct session *session = call_session(call);
    if (session->name.size == 0)
        reply_null(call->reply);
    else
        reply_bulk(call->reply, buffer_bytes(&session->name));
}

/* Redis 7.2's, because every newer client library sends it. */
static void run_setinfo(struct command_call *call) {
    struct session *session = call_session(call);
    static const char *const names[] = {"lib-name", "lib-ver"};
    struct buffer *const values[] = {&session->library_name, &session->library_version};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (!command_option(call, 2, names[i])) continue;
        if (!commands_is_plain_name(call->args[3])) {
            reply_error_format(call->reply,
                               "ERR %s cannot contain spaces, newlines or special characters.",
                               names[i]);
            return;
        }
        values[i]->size = 0;
        buffer_append_bytes(values[i], call->args[3]);
        reply_ok(call->reply);
        return;
    }
    reply_error_format(call->reply, "ERR Unrecognized option '%.*s'", (int)call->args[2].size,
                       call->args[2].data);
}

static void run_reply(struct command_call *call) {
    struct session *session = call_session(call);
    if (command_option(call, 2, "ON")) {
        session->reply_mode = SESSION_REPLY_ON;
        reply_ok(call->reply);
    } else if (command_option(call, 2, "OFF")) {
        session->reply_mode = SESSION_REPLY_OFF;
        call->reply->out = NULL;
    } else if (command_option(call, 2, "SKIP")) {
        if (session->reply_mode != SESSION_REPLY_OFF) session->reply_mode = SESSION_REPLY_SKIP;
        call->reply->out = NULL;
    } else {
        reply_error(call->reply, REPLY_SYNTAX_ERROR);
    }
}

/* There is no eviction of clients: the mark is shown in CLIENT LIST and protects from nothing. */
static void run_no_evict(struct command_call *call) {
    bool on = command_option(call, 2, "ON");
    if (!on && !command_option(call, 2, "OFF")) {
        reply_error(call->reply, REPLY_SYNTAX_ERROR);
        return;
    }
    call_client(call)->no_evict = on;
    reply_ok(call->reply);
}

/* --- what there is no state for yet: its answers are constants, and true ---------------------- */

/* There is no CLIENT TRACKING to turn it on. */
static void run_trackinginfo(struct command_call *call) {
    reply_map(call->reply, 3);
    reply_bulk_text(call->reply, "flags");
    reply_set(call->reply, 1);
    reply_bulk_text(call->reply, "off");
    reply_bulk_text(call->reply, "redirect");
    reply_integer(call->reply, -1);
    reply_bulk_text(call->reply, "prefixes");
    reply_array(call->reply, 0);
}

static void run_getredir(struct command_call *call) {
    reply_integer(call->reply, -1);
}

/* --- LIST and KILL: the same filters --------------------------------------------------------- */

enum client_type { TYPE_ANY, TYPE_NORMAL, TYPE_MASTER, TYPE_REPLICA, TYPE_PUBSUB };

static bool read_type(struct command_call *call, struct bytes name, enum client_type *type) {
    static const struct {
        const char *name;
        enum client_type type;
    } types[] = {{"normal", TYPE_NORMAL},
                 {"slave", TYPE_REPLICA},
                 {"replica", TYPE_REPLICA},
                 {"pubsub", TYPE_PUBSUB},
                 {"master", TYPE_MASTER}};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (!bytes_equal_ignoring_case(name, bytes_of_text(types[i].name))) continue;
        *type = types[i].type;
        return true;
    }
    reply_error_format(call->reply, "ERR Unknown client type '%.*s'", (int)name.size, name.data);
    return false;
}

static bool has_type(const struct client *client, enum client_type type) {
    /* Peers are no clients, so there is none of type master or replica. */
    bool is_pubsub = client_class(client) == CONFIG_CLASS_PUBSUB;
    return type == TYPE_ANY || type == (is_pubsub ? TYPE_PUBSUB : TYPE_NORMAL);
}

static struct client *find_client(const struct server *server, uint64_t id) {
    struct client *client = server->clients;
    while (client != NULL && client->session->id != id)
        client = client->next;
    return client;
}

static void append_line(const struct client *client, struct buffer *text) {
    client_describe(client, text);
    buffer_append_byte(text, '\n');
}

static bool list_ids(struct command_call *call, struct buffer *text) {
    for (uint32_t i = 3; i < call->count; i++) {
        int64_t id;
        if (!number_parse_i64(call->args[i], &id)) {
            reply_error(call->reply, "ERR Invalid client ID");
            return false;
        }
        const struct client *client = find_client(call_server(call), (uint64_t)id);
        if (client != NULL) append_line(client, text);
    }
    return true;
}

static bool list_type(struct command_call *call, struct buffer *text) {
    enum client_type type = TYPE_ANY;
    if (call->count == 4 && !read_type(call, call->args[3], &type)) return false;
    for (const struct client *client = call_server(call)->clients; client != NULL;
         client = client->next)
        if (has_type(client, type)) append_line(client, text);
    return true;
}

static void run_list(struct command_call *call) {
    struct buffer text = {0};
    bool by_type = call->count == 4 && command_option(call, 2, "TYPE");
    bool by_id = call->count > 3 && command_option(call, 2, "ID");
    bool done = false;
    if (call->count == 2 || by_type)
        done = list_type(call, &text);
    else if (by_id)
        done = list_ids(call, &text);
    else
        reply_error(call->reply, REPLY_SYNTAX_ERROR);
    if (done) reply_verbatim(call->reply, "txt", buffer_bytes(&text));
    buffer_clear(&text);
}

struct kill_filter {
    uint64_t id; /* 0: any */
    enum client_type type;
    struct bytes address, own_address; /* size 0: any */
    bool skip_me;
};

static bool read_kill_option(struct command_call *call, uint32_t at, struct kill_filter *filter) {
    struct bytes value = call->args[at + 1];
    if (command_option(call, at, "ID")) {
        int64_t id;
        if (!number_parse_i64(value, &id) || id < 1) {
            reply_error(call->reply, "ERR client-id should be greater than 0");
            return false;
        }
        filter->id = (uint64_t)id;
        return true;
    }
    if (command_option(call, at, "TYPE")) return read_type(call, value, &filter->type);
    if (command_option(call, at, "ADDR")) {
        filter->address = value;
        return true;
    }
    if (command_option(call, at, "LADDR")) {
        filter->own_address = value;
        return true;
    }
    if (command_option(call, at, "USER")) {
        if (bytes_equal(value, BYTES("default"))) return true;
        reply_error_format(call->reply, "ERR No such user '%.*s'", (int)value.size, value.data);
        return false;
    }
    bool is_skip = command_option(call, at, "SKIPME");
    if (is_skip && bytes_equal_ignoring_case(value, BYTES("yes"))) {
        filter->skip_me = true;
    } else if (is_skip && bytes_equal_ignoring_case(value, BYTES("no"))) {
        filter->skip_me = false;
    } else {
        reply_error(call->reply, REPLY_SYNTAX_ERROR);
        return false;
    }
    return true;
}

static bool address_matches(struct bytes wanted, const struct client *client, bool own) {
    char text[CLIENT_ADDRESS_SIZE];
    if (wanted.size == 0) return true;
    if (own)
        client_own_address(client, text);
    else
        client_peer_address(client, text);
    return bytes_equal(wanted, bytes_of_text(text));
}

static bool matches(const struct kill_filter *filter, const struct client *client,
                    const struct client *me) {
    if (client->closing || (filter->skip_me && client == me)) return false;
    if (filter->id != 0 && client->session->id != filter->id) return false;
    return has_type(client, filter->type) && address_matches(filter->address, client, false) &&
           address_matches(filter->own_address, client, true);
}

static uint64_t kill_matching(struct command_call *call, const struct kill_filter *filter) {
    struct client *me = call_client(call);
    uint64_t count = 0;
    for (struct client *client = call_server(call)->clients; client != NULL;
         client = client->next) {
        if (!matches(filter, client, me)) continue;
        count++;
        if (client == me) /* the reply leaves first */
            client->session->ending = SESSION_ENDS_AFTER_OUTPUT;
        else
            client_close_later(client);
    }
    return count;
}

static void run_kill(struct command_call *call) {
    struct kill_filter filter = {.skip_me = true};
    if (call->count == 3) { /* the old form: one address, oneself included */
        filter.address = call->args[2];
        filter.skip_me = false;
        if (filter.address.size > 0 && kill_matching(call, &filter) > 0)
            reply_ok(call->reply);
        else
            reply_error(call->reply, "ERR No such client");
        return;
    }
    uint32_t at = 2;
    for (; at + 1 < call->count; at += 2)
        if (!read_kill_option(call, at, &filter)) return;
    if (at < call->count) {
        reply_error(call->reply, REPLY_SYNTAX_ERROR);
        return;
    }
    reply_integer(call->reply, (int64_t)kill_matching(call, &filter));
}

static void run_help(struct command_call *call) {
    static const char *const lines[] = {
        "GETREDIR",
        "    Return the client ID we are redirecting to when tracking is enabled.",
        "GETNAME",
        "    Return the name of the current connection.",
        "ID",
        "    Return the ID of the current connection.",
        "INFO",
        "    Return information about the current client connection.",
        "KILL <ip:port>",
        "    Kill connection made from <ip:port>.",
        "KILL <option> <value> [<option> <value> [...]]",
        "    Kill connections. Options are:",
        "    * ADDR (<ip:port>|<unixsocket>:0)",
        "      Kill connections made from the specified address",
        "    * LADDR (<ip:port>|<unixsocket>:0)",
        "      Kill connections made to specified local address",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
        "      Kill connections by type.",
        "    * USER <username>",
        "      Kill connections authenticated by <username>.",
        "    * SKIPME (YES|NO)",
        "      Skip killing current connection (default: yes).",
        "LIST [options ...]",
        "    Return information about client connections. Options:",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
        "      Return clients of specified type.",
        "    * ID <id> [<id> ...]",
        "      Return the clients with these IDs.",
        "REPLY (ON|OFF|SKIP)",
        "    Control the replies sent to the current connection.",
        "TRACKINGINFO",
        "    Report tracking status for the current connection.",
        "SETNAME <name>",
        "    Assign the name <name> to the current connection.",
        "SETINFO (LIB-NAME|LIB-VER) <value>",
        "    Say which client library this connection comes from.",
        "NO-EVICT (ON|OFF)",
        "    Protect current client connection from eviction.",
    };
    commands_reply_help(call, lines, COUNT_OF(lines));
}

/* --- rows ---------------------------------------------------------------------------------------
 */

#define CLIENT_FLAGS (COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE)

static const struct command client_commands[] = {
    {.id = 720,
     .name = "client",
     .run = run_client,
     .arity = -2,
     .place = COMMAND_LOCAL,
     .group = "connection",
     .since = "2.4.0",
     .complexity = "Depends on subcommand.",
     .summary = "A container for client connection commands"},
    {.id = 721,
     .name = "client|id",
     .run = run_id,
     .arity = 2,
     .place = COMMAND_SESSION,
     .flags = CLIENT_FLAGS,
     .categories = "connection",
     .group = "connection",
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Returns the client ID for the current connection"},
    {.id = 722,
     .name = "client|info",
     .run = run_info,
     .arity = 2,
     .place = COMMAND_LOCAL,
     .flags = CLIENT_FLAGS,
     .categories = "connection",
     .tips = "nondeterministic_output",
     .group = "connection",
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Returns information about the current client connection."},
    {.id = 723,
     .name = "client|list",
     .run = run_list,
     .arity = -2,
     .place = COMMAND_LOCAL,
     .flags = CLIENT_FLAGS | COMMAND_ADMIN,
     .categories = "connection",
     .tips = "nondeterministic_output",
     .group = "connection",
     .since = "2.4.0",
     .complexity = "O(N) where N is the number of client connections",
     .summary = "Get the list of client connections",
     .arguments = "o:normal_master_replica_pubsub=TYPE@5.0.0?(t:normal=NORMAL t:master=MASTER "
                  "t:replica=REPLICA t:pubsub=PUBSUB) b:id=ID@6.2.0?(i:client-id*)"},
    {.id = 724,
     .name = "client|setname",
     .run = run_setname,
     .arity = 3,
     .place = COMMAND_SESSION,
     .flags = CLIENT_FLAGS,
     .categories = "connection",
     .group = "connection",
     .since = "2.6.9",
     .complexity = "O(1)",
     .summary = "Set the current connection name",
     .arguments = "s:connection-name"},
    {.id = 725,
     .name = "client|getname",
     .run = run_getname,
     .arity = 2,
     .place = COMMAND_SESSION,
     .flags = CLIENT_FLAGS,
     .categories = "connection",
     .group = "connection",
     .since = "2.6.9",
     .complexity = "O(1)",
     .summary = "Get the current connection name"},
    {.id = 726,
     .name = "client|setinfo",
     .run = run_setinfo,
     .arity = 4,
     .place = COMMAND_SESSION,
     .flags = CLIENT_FLAGS,
     .categories = "connection",
     .group = "connection",
     .since = "7.2.0",
     .complexity = "O(1)",
     .summary = "Set information specific to the client or connection"},
    {.id = 727,
     .name = "client|kill",
     .run = run_kill,
     .arity = -3,
     .place = COMMAND_LOCAL,
     .flags = CLIENT_FLAGS | COMMAND_ADMIN,
     .categories = "connection",
     .group = "connection",
     .since = "2.4.0",
     .complexity = "O(N) where N is the number of client connections",
     .summary = "Kill the connection of a client",
     .arguments = "o:filter(s:ip:port!2.8.12 o:new-format*(i:client-id=ID@2.8.12? "
                  "o:normal_master_slave_pubsub=TYPE@2.8.12?(t:normal=NORMAL t:master=MASTER@3.2.0 "
                  "t:slave=SLAVE t:replica=REPLICA@5.0.0 t:pubsub=PUBSUB) s:username=USER? "
                  "s:ip:port=ADDR? s:ip:port=LADDR@6.2.0? s:yes/no=SKIPME?))"},
    {.id = 728,
     .name = "client|reply",
     .run = run_reply,
     .arity = 3,
     .place = COMMAND_SESSION,
     .flags = CLIENT_FLAGS,
     .categories = "connection",
     .group = "connection",
     .since = "3.2.0",
     .complexity = "O(1)",
     .summary = "Instruct the server whether to reply to commands",
     .arguments = "o:on_off_skip(t:on=ON t:off=OFF t:skip=SKIP)"},
    {.id = 729,
     .name = "client|no-evict",
     .run = run_no_evict,
     .arity = 3,
     .place = COMMAND_SESSION,
     .flags = CLIENT_FLAGS | COMMAND_ADMIN,
     .categories = "connection",
     .group = "connection",
     .since = "7.0.0",
     .complexity = "O(1)",
     .summary = "Set client eviction mode for the current connection",
     .arguments = "o:enabled(t:on=ON t:off=OFF)"},
    {.id = 730,
     .name = "client|help",
     .run = run_help,
     .arity = 2,
     .place = COMMAND_SESSION,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .categories = "connection",
     .group = "connection",
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Show helpful text about the different subcommands"},
    {.id = 731,
     .name = "client|trackinginfo",
     .run = run_trackinginfo,
     .arity = 2,
     .place = COMMAND_LOCAL,
     .flags = CLIENT_FLAGS,
     .categories = "connection",
     .group = "connection",
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Return information about server assisted client side caching for the current "
                "connection"},
    {.id = 732,
     .name = "client|getredir",
     .run = run_getredir,
     .arity = 2,
     .place = COMMAND_LOCAL,
     .flags = CLIENT_FLAGS,
     .categories = "connection",
     .group = "connection",
     .since = "6.0.0",
     .complexity = "O(1)",
     .summary = "Get tracking notifications redirection client ID if any"},
};

const struct command_family *client_family(void) {
    static const struct command_family family = {client_commands, COUNT_OF(client_commands)};
    return &family;
}
