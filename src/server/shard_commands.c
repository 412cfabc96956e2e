/* shard_commands.c: what clients of a Redis Cluster ask. A node of ours is a Redis without cluster
 * support to them, and says so in Redis's words: tools that try which kind a server is rely on it.
 */
#include "src/server/commands.h"

static void run_refused(struct command_call *call) {
    reply_error(call->reply, "ERR This instance has cluster support disabled");
}

static const struct command shard_commands[] = {
    {.id = 790,
     .name = "cluster",
     .run = run_refused,
     .arity = -2,
     .place = COMMAND_LOCAL,
     .group = "cluster",
     .since = "3.0.0",
     .complexity = "Depends on subcommand.",
     .summary = "A container for cluster commands"},
    {.id = 791,
     .name = "readonly",
     .run = run_refused,
     .arity = 1,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST,
     .categories = "connection",
     .group = "cluster",
     .since = "3.0.0",
     .complexity = "O(1)",
     .summary = "Enables read queries for a connection to a cluster replica node"},
    {.id = 792,
     .name = "readwrite",
     .run = run_refused,
     .arity = 1,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST,
     .categories = "connection",
     .group = "cluster",
     .since = "3.0.0",
     .complexity = "O(1)",
     .summary = "Disables read queries for a connection to a cluster replica node"},
    {.id = 793,
     .name = "asking",
     .run = run_refused,
     .arity = 1,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_FAST,
     .categories = "connection",
     .group = "cluster",
     .since = "3.0.0",
     .complexity = "O(1)",
     .summary = "Sent by cluster clients after an -ASK redirect"},
};

const struct command_family *shard_family(void) {
    static const struct command_family family = {shard_commands, COUNT_OF(shard_commands)};
    return &family;
}
