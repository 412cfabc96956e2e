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

static const uint64_t add_patience_us = 10 * 1000 * 1000;

/* --- changes -----------------------------------------------------------------------------------
 */

static void reply_refusal(struct command_call *call, const char *reason) {
    reply_error_format(call->reply, "ERR %s", reason);
}

/* Begun at the first call; asked about at each. */
static void run_change(struct command_call *call, enum replica_change_kind kind, uint32_t id) {
    struct server *server = call_server(call);
    struct session *session = call->session;
    if (session->wait_change == 0) {
        struct replica_change change = {.kind = kind, .id = id};
        session->wait_change =
            replica_change_members(server->replica, &change, server_moment(server));
        if (session->wait_change == 0) {
            reply_refusal(call, "too many changes of the members are open");
            return;
        }
    }
    struct replica_change_status status =
        replica_change_status(server->replica, session->wait_change);
    call->later = status.state == REPLICA_CHANGE_OPEN;
    if (call->later) return;
    session->wait_change = 0;
    if (status.state == REPLICA_CHANGE_DONE)
        reply_ok(call->reply);
    else if (status.state == REPLICA_CHANGE_REFUSED)
        reply_refusal(call, status.reason);
    else
        reply_error_format(call->reply, "ERR the outcome is not known yet: %s: look at RAFT NODES",
                           status.reason);
}

static bool take_id(struct command_call *call, uint32_t *id) {
    int64_t number;
    if (!command_integer(call, 2, &number)) return false;
    *id = number < 1 || number > RAFT_NODES_MAX ? 0 : (uint32_t)number;
    if (*id == 0) reply_error_format(call->reply, "ERR there is no node %lld", (long long)number);
    return *id != 0;
}

static void run_remove(struct command_call *call) {
    uint32_t id;
    if (take_id(call, &id)) run_change(call, REPLICA_REMOVE, id);
}

static void run_promote(struct command_call *call) {
    uint32_t id;
    if (take_id(call, &id)) run_change(call, REPLICA_PROMOTE, id);
}

static void run_leave(struct command_call *call) {
    run_change(call, REPLICA_REMOVE, call_server(call)->identity.id);
}

/* --- ADD ---------------------------------------------------------------------------------------
 */

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

/* A lone node opens the peer port; then the new node, which was started with --join and asks again
 * and again, comes in by itself. */
static void run_add(struct command_call *call) {
    struct server *server = call_server(call);
    struct founding_address address;
    if (!take_address(call, &address)) return;
    bool has_secret = CONFIG_STRING(&server->config, RAFT_SECRET)[0] != '\0';
    if (!has_secret && !address_is_loopback(address.host)) {
        reply_refusal(call, "a cluster beyond this machine needs a raft-secret: start this node "
                            "with one, and the new one with the same");
        return;
    }
    struct buffer problem = {0};
    bool is_open = cluster_open_port(server, &problem);
    if (!is_open) reply_error_format(call->reply, "ERR %.*s", (int)problem.size, problem.data);
    buffer_clear(&problem);
    if (!is_open) return;
    const struct raft *raft = replica_raft(server->replica);
    const struct members *members = raft_members(raft);
    for (uint32_t i = 0; i < members->count; i++) {
        const struct member *member = &members->at[i];
        if (member->port != address.port || strcmp(member->host, address.host) != 0) continue;
        call->later = !raft_members_are_committed(raft) && call->waited_us < add_patience_us;
        if (!call->later) reply_integer(call->reply, member->id);
        return;
    }
    call->later = call->waited_us < add_patience_us;
    if (call->later) return;
    struct founding_address own;
    address_of_self(server, NULL, &own);
    reply_error_format(call->reply,
                       "ERR no node has come from %s:%u: start it there with an empty directory "
                       "and --join %s:%u",
                       address.host, address.port, own.host, own.port);
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
    reply_map(call->reply, 6);
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
     .arity = 3,
     COMMANDS_RAFT_ROW,
     .waits = true,
     .flags = MEMBER_FLAGS,
     .complexity = "O(1), and the time until the node has come",
     .summary = "Let in the node at this address, which was started with --join",
     .arguments = "s:address"},
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
