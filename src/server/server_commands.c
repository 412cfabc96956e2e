/* server_commands.c: INFO, ROLE, TIME, WAIT, SHUTDOWN, LOLWUT, and what all families share.
 */
#include <time.h>

#include "base/number.h"
#include "src/server/cluster.h"
#include "src/server/cluster_settings.h"
#include "src/server/commands.h"
#include "src/server/control.h"
#include "src/server/info.h"
#include "src/server/stop.h"
#include "src/server/version.h"
#include "src/server/watchdog.h"
#include "storages/settings_commands.h"

/* --- shared ---------------------------------------------------------------------------------- */

bool commands_is_plain_name(struct bytes name) {
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] < '!' || name.data[i] > '~') return false;
    return true;
}

void commands_reply_help(struct command_call *call, const char *const *lines, uint32_t count) {
    char head[128];
    const char *name = call->command->name;
    size_t size = strcspn(name, "|");
    for (size_t i = 0; i < size; i++)
        head[i] = (char)(name[i] - 32);
    strcpy(head + size, " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    reply_array(call->reply, count + 3);
    reply_simple(call->reply, head);
    for (uint32_t i = 0; i < count; i++)
        reply_simple(call->reply, lines[i]);
    reply_simple(call->reply, "HELP");
    reply_simple(call->reply, "    Prints this help.");
}

void commands_refuse_arguments(struct command_call *call) {
    const char *name = call->command->name;
    const char *bar = strchr(name, '|');
    char container[32] = "";
    CHECK(bar != NULL && (size_t)(bar - name) < sizeof(container));
    for (size_t i = 0; name + i < bar; i++)
        container[i] = (char)(name[i] - 32);
    struct bytes typed = bytes_slice(call->args[1], 0, 128);
    reply_error_format(call->reply,
                       "ERR unknown subcommand or wrong number of arguments for '%.*s'. "
                       "Try %s HELP.",
                       (int)typed.size, typed.data, container);
}

bool commands_is_leader(const struct server *server) {
    const struct raft *raft = replica_raft(server->replica);
    return raft != NULL && raft_role(raft) == RAFT_LEADER;
}

const char *commands_state_name(const struct server *server) {
    static const char *const names[] = {[REPLICA_FOUNDING] = "founding",
                                        [REPLICA_RECOVERING] = "loading",
                                        [REPLICA_RUNNING] = "up",
                                        [REPLICA_DAMAGED] = "damaged"};
    if (cluster_is_joining(server)) return "joining";
    if (replica_is_removed(server->replica)) return "removed";
    struct replica_repair repair;
    replica_get_repair(server->replica, &repair);
    if (repair.is_damaged || repair.vote_is_lost) return "repairing";
    return names[replica_state(server->replica)];
}

const char *commands_role_name(const struct server *server) {
    static const char *const names[] = {"follower", "pre-candidate", "candidate", "leader"};
    const struct raft *raft = replica_raft(server->replica);
    return raft == NULL ? "starting" : names[raft_role(raft)];
}

const char *commands_snapshot_phase(enum replica_snapshot_phase phase) {
    static const char *const names[] = {
        [REPLICA_SNAPSHOT_LISTING] = "looking",   [REPLICA_SNAPSHOT_LOADING] = "loading",
        [REPLICA_SNAPSHOT_IDLE] = "idle",         [REPLICA_SNAPSHOT_WRITING] = "writing",
        [REPLICA_SNAPSHOT_CHECKING] = "checking", [REPLICA_SNAPSHOT_WAITING] = "waiting",
        [REPLICA_SNAPSHOT_RENAMING] = "renaming", [REPLICA_SNAPSHOT_CONFIRMING] = "confirming",
    };
    return (size_t)phase < COUNT_OF(names) && names[phase] != NULL ? names[phase] : "busy";
}

static bool is_debug_allowed(const struct session *session) {
    const struct client *client = session->owner;
    int64_t protection = CONFIG_NUMBER(&client->server->config, ENABLE_DEBUG_COMMAND);
    return protection == 1 || (protection == 2 && client->is_local);
}

bool commands_turn_is_long(const struct session *session) {
    const struct server *server = session->server;
    return watchdog_turn_is_long(server->watchdog);
}

const char *commands_admit(struct session *session, const struct command *command) {
    const struct server *server = session->server;
    if (UNLIKELY(!session->authenticated) && (command->flags & COMMAND_NO_AUTH) == 0)
        return "NOAUTH Authentication required.";
    if (UNLIKELY(command->id == COMMANDS_ID_DEBUG) && !is_debug_allowed(session))
        return "ERR DEBUG command not allowed. If the enable-debug-command option is set to "
               "\"local\", you can run it from a local connection, otherwise you need to set this "
               "option in the configuration file, and then restart the server.";
    const struct client *client = session->owner;
    bool on_keys = command->place == COMMAND_LOG || command->place == COMMAND_READ;
    if (UNLIKELY(server->monitor_count > 0) && on_keys && client != NULL && client->monitors)
        return "ERR Replica can't interact with the keyspace"; /* Redis's words for a monitor */
    if (UNLIKELY(server->over_memory) && (command->flags & COMMAND_DENYOOM) != 0)
        return "OOM command not allowed when used memory > 'maxmemory'.";
    if (UNLIKELY(server->write_refusal != NULL) && command->place == COMMAND_LOG)
        return server->write_refusal;
    bool sets = command->id == COMMAND_ID_RAFT_SET && client != NULL;
    if (UNLIKELY(sets) && cluster_settings_are_held_back(server)) return cluster_settings_older;
    if (UNLIKELY(server->stopping) && command->place == COMMAND_LOG)
        return "CLUSTERDOWN this node is shutting down: not executed";
    return NULL;
}

/* --- INFO ------------------------------------------------------------------------------------ */

static void run_info(struct command_call *call) {
    struct buffer text = {0};
    info_print(call_server(call), call->args + 1, call->count - 1, &text);
    reply_verbatim(call->reply, "txt", buffer_bytes(&text));
    buffer_clear(&text);
}

/* --- ROLE and WAIT --------------------------------------------------------------------------- */

static void reply_leader_role(struct command_call *call, const struct server *server) {
    struct raft_peer_status peers[RAFT_NODES_MAX];
    uint32_t count = raft_peers(replica_raft(server->replica), peers, RAFT_NODES_MAX);
    reply_array(call->reply, 3);
    reply_bulk_text(call->reply, "master");
    reply_integer(call->reply, (int64_t)replica_applied_index(server->replica));
    size_t mark = reply_deferred_open(call->reply);
    uint64_t shown = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct member *member = members_find(replica_members(server->replica), peers[i].id);
        if (member == NULL) continue;
        reply_array(call->reply, 3);
        reply_bulk_text(call->reply, member->host);
        reply_bulk_integer(call->reply, member->port);
        reply_bulk_integer(call->reply, (int64_t)peers[i].match_index);
        shown++;
    }
    reply_deferred_array(call->reply, mark, shown);
}

static void run_role(struct command_call *call) {
    const struct server *server = call_server(call);
    if (commands_is_leader(server)) {
        reply_leader_role(call, server);
        return;
    }
    const struct raft *raft = replica_raft(server->replica);
    const struct member *leader =
        raft == NULL ? NULL : members_find(raft_members(raft), raft_leader(raft));
    reply_array(call->reply, 5);
    reply_bulk_text(call->reply, "slave");
    reply_bulk_text(call->reply, leader == NULL ? "" : leader->host);
    reply_integer(call->reply, leader == NULL ? 0 : leader->port);
    reply_bulk_text(call->reply, leader == NULL ? "connect" : "connected");
    reply_integer(call->reply, (int64_t)replica_applied_index(server->replica));
}

/* How many other nodes hold the log up to this index on their disks. A write that was answered is
 * on a majority; that is all that a follower knows. */
static int64_t count_holders(const struct server *server, uint64_t index) {
    const struct raft *raft = replica_raft(server->replica);
    if (raft == NULL) return 0;
    int voters = __builtin_popcount(members_voters(raft_members(raft)));
    if (raft_role(raft) != RAFT_LEADER) return voters / 2;
    struct raft_peer_status peers[RAFT_NODES_MAX];
    uint32_t count = raft_peers(raft, peers, RAFT_NODES_MAX);
    int64_t holders = 0;
    for (uint32_t i = 0; i < count; i++)
        holders += peers[i].id != server->identity.id && peers[i].match_index >= index;
    return holders;
}

static void run_wait(struct command_call *call) {
    int64_t wanted, timeout_ms;
    if (!command_integer(call, 1, &wanted)) return;
    if (!number_parse_i64(call->args[2], &timeout_ms)) {
        reply_error(call->reply, "ERR timeout is not an integer or out of range");
        return;
    }
    if (timeout_ms < 0) {
        reply_error(call->reply, "ERR timeout is negative");
        return;
    }
    /* The client's writes before this one are applied here: up to where it waits is fixed now. */
    struct server *server = call_server(call);
    struct session *session = call->session;
    if (session->wait_index == 0) session->wait_index = replica_applied_index(server->replica);
    int64_t holders = count_holders(server, session->wait_index);
    bool in_time = timeout_ms == 0 || call->waited_us < (uint64_t)timeout_ms * 1000;
    call->later = holders < wanted && in_time && !call->in_group;
    if (call->later) return;
    session->wait_index = 0;
    reply_integer(call->reply, holders);
}

/* --- the others ------------------------------------------------------------------------------ */

static void run_time(struct command_call *call) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    reply_array(call->reply, 2);
    reply_bulk_integer(call->reply, now.tv_sec);
    reply_bulk_integer(call->reply, now.tv_nsec / 1000);
}

/* Its client hears of it by the end of its connection, or when somebody aborts it. */
static void begin_shutdown(struct command_call *call, bool now) {
    struct server *server = call_server(call);
    struct session *session = call->session;
    if (session->wait_number == 0) {
        session->wait_number = 1;
        log_line(&server->log, LOG_LEVEL_WARNING, "User requested shutdown...");
        server_stop(server, now);
    }
    call->later = server->stop_phase != STOP_NONE;
    if (call->later) return;
    session->wait_number = 0;
    reply_error(call->reply, "ERR Errors trying to SHUTDOWN. Check logs.");
}

static void run_shutdown(struct command_call *call) {
    bool save = false, nosave = false, now = false, force = false, abort = false;
    const struct {
        const char *word;
        bool *seen;
    } words[] = {
        {"SAVE", &save}, {"NOSAVE", &nosave}, {"NOW", &now}, {"FORCE", &force}, {"ABORT", &abort}};
    uint32_t known = 0;
    for (uint32_t i = 1; i < call->count; i++)
        for (size_t w = 0; w < COUNT_OF(words); w++)
            if (command_option(call, i, words[w].word)) {
                *words[w].seen = true;
                known++;
            }
    bool mixed = (save && nosave) || (abort && (save || nosave || now || force));
    if (known != call->count - 1 || mixed) {
        reply_error(call->reply, REPLY_SYNTAX_ERROR);
    } else if (abort && call_server(call)->stop_phase == STOP_NONE) {
        reply_error(call->reply, "ERR No shutdown in progress.");
    } else if (abort && server_serve_on(call_server(call))) {
        log_line(&call_server(call)->log, LOG_LEVEL_NOTICE, "Shutdown aborted by the user");
        reply_ok(call->reply);
    } else if (abort) {
        reply_error(call->reply, "ERR This shutdown is too far on to be aborted.");
    } else {
        begin_shutdown(call, now);
    }
}

static void run_lolwut(struct command_call *call) {
    static const char text[] = "        __\n"
                               "   ____/  \\____      hamok: a hammock between nodes\n"
                               "  /\\_        _/\\\n"
                               "  |  \\______/  |\n"
                               "  |            |\n"
                               "Redis ver. " REDIS_VERSION "\n";
    int64_t version; /* Each version has this one picture. */
    bool has_version = call->count > 2 && command_option(call, 1, "VERSION");
    if (has_version && !command_integer(call, 2, &version)) return;
    reply_verbatim(call->reply, "txt", bytes_of_text(text));
}

/* --- rows ---------------------------------------------------------------------------------------
 */

static const struct command server_commands[] = {
    {.id = 770,
     .name = "info",
     .run = run_info,
     .arity = -1,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .categories = "dangerous",
     .tips = "nondeterministic_output request_policy:all_shards response_policy:special",
     .group = "server",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Get information and statistics about the server",
     .arguments = "s:section?*"},
    {.id = 771,
     .name = "role",
     .run = run_role,
     .arity = 1,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST,
     .categories = "admin dangerous",
     .group = "server",
     .since = "2.8.12",
     .complexity = "O(1)",
     .summary = "Return the role of the instance in the context of replication"},
    {.id = 772,
     .name = "time",
     .run = run_time,
     .arity = 1,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST,
     .tips = "nondeterministic_output",
     .group = "server",
     .since = "2.6.0",
     .complexity = "O(1)",
     .summary = "Return the current server time"},
    {.id = 773,
     .name = "shutdown",
     .run = run_shutdown,
     .arity = -1,
     .place = COMMAND_LOCAL,
     .waits = true,
     .flags = COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE |
              COMMAND_NO_MULTI | COMMAND_ALLOW_BUSY,
     .group = "server",
     .since = "1.0.0",
     .complexity = "O(N) when saving, where N is the total number of keys in all databases when "
                   "saving data, otherwise O(1)",
     .summary = "Synchronously save the dataset to disk and then shut down the server",
     .arguments = "o:nosave_save?(t:nosave=NOSAVE t:save=SAVE) t:now=NOW@7.0.0? "
                  "t:force=FORCE@7.0.0? t:abort=ABORT@7.0.0?"},
    {.id = 774,
     .name = "lolwut",
     .run = run_lolwut,
     .arity = -1,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .group = "server",
     .since = "5.0.0",
     .summary = "Display some computer art and the Redis version",
     .arguments = "i:version=VERSION?"},
    {.id = 775,
     .name = "wait",
     .run = run_wait,
     .arity = 3,
     .place = COMMAND_LOCAL,
     .waits = true,
     .flags = COMMAND_NOSCRIPT,
     .categories = "connection",
     .tips = "request_policy:all_shards response_policy:agg_min",
     .group = "generic",
     .since = "3.0.0",
     .complexity = "O(1)",
     .summary =
         "Wait for the synchronous replication of all the write commands sent in the context "
         "of the current connection",
     .arguments = "i:numreplicas i:timeout"},
};

const struct command_family *server_family(void) {
    static const struct command_family family = {server_commands, COUNT_OF(server_commands)};
    return &family;
}
