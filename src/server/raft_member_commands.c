/* raft_member_commands.c: RAFT ADD, REMOVE, LEAVE, PROMOTE and NODES: who belongs to the cluster.
 *
 * On any node: it asks the leader, and answers when the change is committed, or refused with the
 * reason. A client waits in its turn; the loop does not. */
#include <stdio.h>

#include "base/number.h"
#include "src/server/address.h"
#include "src/server/cluster.h"
#include "src/server/commands.h"
#include "src/server/membership.h"
#include "src/server/peers.h"

/* The time in which somebody starts the new node. */
enum { ADD_TIMEOUT_MS = 60 * 1000 };

/* --- changes -----------------------------------------------------------------------------------
 */

static void reply_refusal(struct command_call *call, const char *reason) {
    reply_error_format(call->reply, "ERR %s", reason);
}

/* Begun at the first call; asked about at each. False: an error reply was given. */
static bool ask_for_change(struct command_call *call, const struct replica_change *change,
                           struct replica_change_status *status) {
    struct server *server = call_server(call);
    struct session *session = call->session;
    if (session->wait_change == 0)
        session->wait_change =
            replica_change_members(server->replica, change, server_moment(server));
    if (session->wait_change == 0) {
        reply_refusal(call, "too many changes of the members are open");
        return false;
    }
    *status = replica_change_status(server->replica, session->wait_change);
    if (status->state != REPLICA_CHANGE_OPEN) session->wait_change = 0;
    return true;
}

static void run_change(struct command_call *call, enum replica_change_kind kind, uint32_t id) {
    struct replica_change change = {.kind = kind, .id = id};
    struct replica_change_status status;
    if (!ask_for_change(call, &change, &status)) return;
    call->later = status.state == REPLICA_CHANGE_OPEN;
    if (call->later) return;
    if (status.state == REPLICA_CHANGE_DONE)
        reply_ok(call->reply);
    else if (status.state == REPLICA_CHANGE_REFUSED)
        reply_refusal(call, status.reason);
    else
        reply_error_format(call->reply, "ERR the outcome is not known yet: %s: look at RAFT NODES",
                           status.reason);
}

static bool take_id(struct command_call *call, uint32_t at, uint32_t *id) {
    int64_t number;
    if (!command_integer(call, at, &number)) return false;
    *id = number < 1 || number > RAFT_NODES_MAX ? 0 : (uint32_t)number;
    if (*id == 0) reply_error_format(call->reply, "ERR there is no node %lld", (long long)number);
    return *id != 0;
}

static void run_remove(struct command_call *call) {
    uint32_t id;
    if (take_id(call, 2, &id)) run_change(call, REPLICA_REMOVE, id);
}

static void run_promote(struct command_call *call) {
    uint32_t id;
    if (take_id(call, 2, &id)) run_change(call, REPLICA_PROMOTE, id);
}

static void run_leave(struct command_call *call) {
    run_change(call, REPLICA_REMOVE, call_server(call)->identity.id);
}

/* --- ADD ---------------------------------------------------------------------------------------
 */

/* A node at `address` is to come in, in the place of another one perhaps. */
struct addition {
    struct founding_address address;
    uint32_t replaces; /* 0: nobody */
    int64_t timeout_ms;
};

static bool take_address(struct command_call *call, struct founding_address *address) {
    struct founding_address list[RAFT_NODES_MAX];
    uint32_t count = 0;
    bool sound = founding_parse_list(call->args[2], list, &count) == ERROR_NONE && count == 1;
    if (sound)
        *address = list[0];
    else
        reply_error(call->reply, "ERR that is not one host:port, or the port is above 55535");
    return sound;
}

static bool take_timeout(struct command_call *call, uint32_t at, int64_t *timeout_ms) {
    if (!command_integer(call, at, timeout_ms)) return false;
    bool is_sound = *timeout_ms > 0 && *timeout_ms <= INT64_MAX / 1000;
    if (!is_sound) reply_error(call->reply, "ERR timeout must be greater than 0");
    return is_sound;
}

/* False after an error reply. */
static bool take_addition(struct command_call *call, struct addition *addition) {
    *addition = (struct addition){.timeout_ms = ADD_TIMEOUT_MS};
    if (!take_address(call, &addition->address)) return false;
    for (uint32_t i = 3; i < call->count; i += 2) {
        bool more = i + 1 < call->count;
        if (command_option(call, i, "REPLACE") && more && addition->replaces == 0) {
            if (!take_id(call, i + 1, &addition->replaces)) return false;
        } else if (command_option(call, i, "TIMEOUT") && more) {
            if (!take_timeout(call, i + 1, &addition->timeout_ms)) return false;
        } else {
            reply_error(call->reply, REPLY_SYNTAX_ERROR);
            return false;
        }
    }
    return true;
}

/* Others have to be able to reach this node: the peer port of a lone one is closed. */
static bool is_open_for(struct command_call *call, const struct addition *addition) {
    struct server *server = call_server(call);
    bool has_secret = CONFIG_STRING(&server->config, RAFT_SECRET)[0] != '\0';
    if (!has_secret && !address_is_loopback(addition->address.host)) {
        reply_refusal(call, "a cluster beyond this machine needs a raft-secret: start this node "
                            "with one, and the new one with the same");
        return false;
    }
    struct buffer problem = {0};
    bool is_open = cluster_open_port(server, &problem);
    if (!is_open) reply_error_format(call->reply, "ERR %.*s", (int)problem.size, problem.data);
    buffer_clear(&problem);
    return is_open;
}

static bool is_over(const struct command_call *call, const struct addition *addition) {
    return call->waited_us >= (uint64_t)addition->timeout_ms * 1000;
}

/* What is to be done where nobody has come from. */
static void reply_awaited(struct command_call *call, const struct addition *addition,
                          const char *what) {
    struct founding_address own;
    address_of_self(call_server(call), NULL, &own);
    char rest[64] = "";
    if (addition->replaces != 0)
        snprintf(rest, sizeof(rest), ". Node %u is still a member", addition->replaces);
    reply_error_format(call->reply,
                       "ERR %s, after %lld ms: start it at %s:%u with an empty directory and "
                       "--join %s:%u, and ask again%s",
                       what, (long long)addition->timeout_ms, addition->address.host,
                       addition->address.port, own.host, own.port, rest);
}

/* The new node, which asks again and again, comes in by itself: this waits until it has. */
static void await_new(struct command_call *call, const struct addition *addition) {
    const struct raft *raft = replica_raft(call_server(call)->replica);
    const struct members *members = raft_members(raft);
    for (uint32_t i = 0; i < members->count; i++) {
        const struct member *member = &members->at[i];
        bool is_the_one = member->port == addition->address.port &&
                          strcmp(member->host, addition->address.host) == 0;
        if (!is_the_one) continue;
        call->later = !raft_members_are_committed(raft) && !is_over(call, addition);
        if (!call->later) reply_integer(call->reply, member->id);
        return;
    }
    call->later = !is_over(call, addition);
    if (!call->later) reply_awaited(call, addition, "the new node has not come yet");
}

/* Whichever member lets the new node in, the leader knows whose place it is to take. */
static void await_replacement(struct command_call *call, const struct addition *addition) {
    struct server *server = call_server(call);
    struct session *session = call->session;
    struct replica_change change = {.kind = REPLICA_REPLACE,
                                    .id = addition->replaces,
                                    .member = {.port = addition->address.port}};
    memcpy(change.member.host, addition->address.host, sizeof(change.member.host));
    struct replica_change_status status;
    if (!ask_for_change(call, &change, &status)) return;
    if (status.state == REPLICA_CHANGE_DONE) {
        reply_integer(call->reply, status.id);
    } else if (status.state == REPLICA_CHANGE_REFUSED) {
        reply_refusal(call, status.reason);
    } else {
        call->later = !is_over(call, addition);
        if (call->later) return;
        replica_change_forget(server->replica, session->wait_change);
        session->wait_change = 0;
        const char *reason = status.reason;
        reply_awaited(call, addition, reason[0] == '\0' ? "the leader has not answered" : reason);
    }
}

static void run_add(struct command_call *call) {
    struct addition addition;
    if (!take_addition(call, &addition) || !is_open_for(call, &addition)) return;
    if (addition.replaces == 0)
        await_new(call, &addition);
    else
        await_replacement(call, &addition);
}

/* --- NODES -------------------------------------------------------------------------------------
 */

static void reply_node(struct command_call *call, const struct member *member) {
    struct server *server = call_server(call);
    const struct raft *raft = replica_raft(server->replica);
    bool is_self = member->id == server->identity.id;
    bool votes = (member->flags & (MEMBER_VOTER | MEMBER_NEXT_VOTER)) != 0;
    bool leaves = (member->flags & MEMBER_LEAVES) != 0;
    struct peer_status link = {.connected = is_self};
    if (!is_self && server->peers != NULL && !peers_status(server->peers, member->id, &link))
        link.connected = false;
    char uuid[2 * IDENTITY_ID_SIZE + 1];
    identity_print_id(member->uuid, IDENTITY_ID_SIZE, uuid);
    reply_map(call->reply, 7);
    reply_bulk_text(call->reply, "id");
    reply_integer(call->reply, member->id);
    reply_bulk_text(call->reply, "address");
    char address[IDENTITY_HOST_SIZE + 8];
    snprintf(address, sizeof(address), "%s:%u", member->host, member->port);
    reply_bulk_text(call->reply, address);
    reply_bulk_text(call->reply, "uuid");
    reply_bulk_text(call->reply, uuid);
    reply_bulk_text(call->reply, "standing");
    reply_bulk_text(call->reply, leaves ? "leaving" : votes ? "voter" : "learner");
    reply_bulk_text(call->reply, "role");
    reply_bulk_text(call->reply, raft_leader(raft) == member->id ? "leader" : "follower");
    reply_bulk_text(call->reply, "link");
    reply_bulk_text(call->reply, is_self ? "self" : link.connected ? "up" : "down");
    reply_bulk_text(call->reply, "replaces"); /* goes when this one begins to vote; 0: nobody */
    reply_integer(call->reply, member->replaces);
}

static void run_nodes(struct command_call *call) {
    const struct members *members = replica_members(call_server(call)->replica);
    uint32_t count = members == NULL ? 0 : members->count;
    reply_array(call->reply, count);
    for (uint32_t i = 0; i < count; i++)
        reply_node(call, &members->at[i]);
}

/* --- rows --------------------------------------------------------------------------------------
 */

#define MEMBER_FLAGS (COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_STALE | COMMAND_NO_MULTI)

static const struct command raft_member_commands[] = {
    {.id = 680,
     .name = "raft|add",
     .run = run_add,
     .arity = -3,
     COMMANDS_RAFT_ROW,
     .waits = true,
     .flags = MEMBER_FLAGS,
     .complexity = "O(1), and the time until the node has come",
     .summary = "Let in the node at this address, which was started with --join",
     .arguments = "s:address i:id=REPLACE? i:milliseconds=TIMEOUT?"},
    {.id = 681,
     .name = "raft|remove",
     .run = run_remove,
     .arity = 3,
     COMMANDS_RAFT_ROW,
     .waits = true,
     .flags = MEMBER_FLAGS,
     .complexity = "O(1), and the time until a majority has it",
     .summary = "Remove a node from the cluster",
     .arguments = "i:id"},
    {.id = 682,
     .name = "raft|leave",
     .run = run_leave,
     .arity = 2,
     COMMANDS_RAFT_ROW,
     .waits = true,
     .flags = MEMBER_FLAGS,
     .complexity = "O(1), and the time until a majority has it",
     .summary = "Remove this node from its cluster"},
    {.id = 683,
     .name = "raft|promote",
     .run = run_promote,
     .arity = 3,
     COMMANDS_RAFT_ROW,
     .waits = true,
     .flags = MEMBER_FLAGS,
     .complexity = "O(1), and the time until a majority has it",
     .summary = "Make a learner that has caught up a voter now",
     .arguments = "i:id"},
    {.id = 684,
     .name = "raft|nodes",
     .run = run_nodes,
     .arity = 2,
     COMMANDS_RAFT_ROW,
     .flags = COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_STALE | COMMAND_LOADING,
     .complexity = "O(N) where N is the number of members",
     .summary = "List the members of the cluster"},
};

const struct command_family *raft_member_family(void) {
    static const struct command_family family = {raft_member_commands,
                                                 COUNT_OF(raft_member_commands)};
    return &family;
}
