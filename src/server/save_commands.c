/* save_commands.c: BGSAVE, SAVE, LASTSAVE: Redis's words for a snapshot of this node.
 *
 * A command may run inside the apply of an entry, between two writes, where the keyspace is at no
 * index: so it only asks, and the turn's end begins (saver.h). SAVE's client waits; the loop does
 * not. */
#include "src/server/commands.h"
#include "src/server/saver.h"

static bool refuse_if_busy(struct command_call *call) {
    bool is_busy = saver_is_busy(call_server(call)->saver);
    if (is_busy) reply_error(call->reply, "ERR Background save already in progress");
    return is_busy;
}

static void run_bgsave(struct command_call *call) {
    if (call->count > 2 || (call->count == 2 && !command_option(call, 1, "SCHEDULE"))) {
        reply_error(call->reply, REPLY_SYNTAX_ERROR);
        return;
    }
    if (refuse_if_busy(call)) return;
    replica_snapshot_ask(call_server(call)->replica);
    reply_simple(call->reply,
                 call->in_group ? "Background saving scheduled" : "Background saving started");
}

static void run_save(struct command_call *call) {
    struct server *server = call_server(call);
    struct session *session = call->session;
    const struct saver_figures *figures = saver_figures(server->saver);
    if (session->wait_save == 0) {
        if (refuse_if_busy(call)) return;
        replica_snapshot_ask(server->replica);
        session->wait_save = figures->finished + 1;
    }
    call->later = figures->finished < session->wait_save;
    if (call->later) return;
    session->wait_save = 0;
    if (figures->last_error == ERROR_NONE)
        reply_ok(call->reply);
    else
        reply_error_format(call->reply, "ERR no snapshot was made: %s",
                           error_text(figures->last_error));
}

static void run_lastsave(struct command_call *call) {
    reply_integer(call->reply, (int64_t)saver_figures(call_server(call)->saver)->last_save_s);
}

static const struct command save_commands[] = {
    {.id = 840,
     .name = "bgsave",
     .run = run_bgsave,
     .arity = -1,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_NO_ASYNC_LOADING,
     .group = "server",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Asynchronously save the dataset to disk",
     .arguments = "t:schedule=SCHEDULE@3.2.2?"},
    {.id = 841,
     .name = "save",
     .run = run_save,
     .arity = 1,
     .place = COMMAND_LOCAL,
     .waits = true,
     .flags = COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_NO_ASYNC_LOADING | COMMAND_NO_MULTI,
     .group = "server",
     .since = "1.0.0",
     .complexity = "O(N) where N is the total number of keys in all databases",
     .summary = "Synchronously save the dataset to disk"},
    {.id = 842,
     .name = "lastsave",
     .run = run_lastsave,
     .arity = 1,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST,
     .categories = "admin dangerous",
     .tips = "nondeterministic_output",
     .group = "server",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Get the UNIX time stamp of the last successful save to disk"},
};

const struct command_family *save_family(void) {
    static const struct command_family family = {save_commands, COUNT_OF(save_commands)};
    return &family;
}
