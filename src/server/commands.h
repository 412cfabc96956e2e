/* commands.h: the server's own command families, and what their functions share.
 *
 * Their rows are SESSION (they touch the client's session, as soon as they are parsed) or LOCAL
 * (in their turn among the client's replies). Ids: connection 700-719, CLIENT 720-749, CONFIG
 * 750-769, server 770-799, SLOWLOG, LATENCY and MONITOR 800-819, ACL 820-839, BGSAVE and kin
 * 840-849; RAFT 672-679, about members 680-689. */
#pragma once

#include "src/server/client.h"
#include "storages/command.h"

const struct command_family *connection_family(void);
const struct command_family *client_family(void);
const struct command_family *config_family(void);
const struct command_family *server_family(void);
const struct command_family *debug_family(void);
const struct command_family *observer_family(void);
const struct command_family *acl_family(void);
const struct command_family *shard_family(void);
const struct command_family *save_family(void);
const struct command_family *raft_family(void);
const struct command_family *raft_member_family(void);

enum { COMMANDS_ID_DEBUG = 776 }; /* locked by enable-debug-command */

static inline struct session *call_session(const struct command_call *call) {
    return call->session;
}
static inline struct client *call_client(const struct command_call *call) {
    return call_session(call)->owner;
}
static inline struct server *call_server(const struct command_call *call) {
    return call_session(call)->server;
}

/* Replica's question between two commands (replica_config.turn_is_long). */
bool commands_turn_is_long(const struct session *session);
/* Replica's admission (replica_config.admit): NOAUTH, OOM, DEBUG's lock. NULL: go on. */
const char *commands_admit(struct session *session, const struct command *command);

/* What a container answers to HELP: the lines between Redis's head and foot. */
void commands_reply_help(struct command_call *call, const char *const *lines, uint32_t count);

/* Redis's words where a subcommand's row allows more arguments than it takes. */
void commands_refuse_arguments(struct command_call *call);

/* A name for a connection or library: printable ASCII without spaces. */
bool commands_is_plain_name(struct bytes name);

/* By its own word. */
bool commands_is_leader(const struct server *server);
/* Words for INFO raft and RAFT STATUS. */
const char *commands_state_name(const struct server *server);
const char *commands_role_name(const struct server *server);
const char *commands_snapshot_phase(enum replica_snapshot_phase phase);

/* What the rows of RAFT's subcommands share, but for those that the log runs. */
#define COMMANDS_RAFT_ROW .place = COMMAND_LOCAL, .group = "server", .since = "7.0.0"

#define COMMANDS_NAME_ERROR                                                                        \
    "ERR Client names cannot contain spaces, newlines or special characters."
