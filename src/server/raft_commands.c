/* raft_commands.c: RAFT STATUS, TRANSFER, BARRIER, SNAPSHOT, VERIFY, HELP; and FAILOVER, Redis's
 * word for a transfer. (The container's own row and RAFT SET stand in
 * storages/settings_commands.c.)
 *
 * All of them work on every node: what only the leader can do is brought to it
 * (src/replica/operations.c), and the client waits here. */
#include <stdio.h>

#include "base/number.h"
#include "src/server/commands.h"
#include "src/server/node_figures.h"
#include "src/server/saver.h"

/* What a command waits for at most, where its client does not say. */
enum { TRANSFER_ELECTIONS = 3, VERIFY_TIMEOUT_MS = 60 * 1000 };

static uint64_t patience_us(const struct server *server) {
    return (uint64_t)CONFIG_NUMBER(&server->config, RAFT_UNSEALED_TIMEOUT) * 1000;
}

/* --- STATUS ---------------------------------------------------------------------------------- */

/* What is looked up once for the whole page. */
struct page {
    const struct server *server;
    struct raft_status raft; /* zeros while the log is read */
    struct replica_snapshot_status snapshot;
    struct node_figures nodes[RAFT_NODES_MAX];
    uint32_t node_count;
    bool is_up;
};

static void open_page(const struct server *server, struct page *page) {
    memset(page, 0, sizeof(*page));
    page->server = server;
    page->is_up = replica_raft(server->replica) != NULL;
    if (page->is_up) raft_get_status(replica_raft(server->replica), &page->raft);
    page->snapshot = replica_snapshot_status(server->replica);
    page->node_count = node_figures_list(server, page->nodes);
}

typedef uint64_t status_number(const struct page *page);
typedef void status_text(const struct page *page, struct buffer *out);

#define DEFINE_STATUS(function, expression)                                                        \
    static uint64_t function(const struct page *page) {                                            \
        return (uint64_t)(expression);                                                             \
    }
DEFINE_STATUS(node_id, page->server->identity.id)
DEFINE_STATUS(term, page->raft.term)
DEFINE_STATUS(leader_id, page->raft.leader)
DEFINE_STATUS(voted_for, page->raft.voted_for)
DEFINE_STATUS(serves, replica_serves(page->server->replica))
DEFINE_STATUS(first_index, page->is_up ? page->raft.base_index + 1 : 0)
DEFINE_STATUS(last_index, page->raft.last_index)
DEFINE_STATUS(durable_index, page->raft.persisted_index)
DEFINE_STATUS(commit_index, page->raft.commit_index)
DEFINE_STATUS(applied_index, replica_applied_index(page->server->replica))
DEFINE_STATUS(snapshot_index, page->snapshot.position.index)
DEFINE_STATUS(snapshot_term, page->snapshot.position.term)
DEFINE_STATUS(snapshot_bytes, page->snapshot.size)
DEFINE_STATUS(lease_us, page->raft.lease_us == UINT64_MAX ? 0 : page->raft.lease_us)
DEFINE_STATUS(transfer_to, page->raft.transfer_target)
DEFINE_STATUS(heartbeat_ms, replica_timing(page->server->replica).heartbeat_us / 1000)
DEFINE_STATUS(election_ms, replica_timing(page->server->replica).election_us / 1000)
DEFINE_STATUS(inflight_bytes, replica_inflight_bytes(page->server->replica))

static void print_address(const struct page *page, struct buffer *out) {
    for (uint32_t i = 0; i < page->node_count; i++) {
        const struct node_figures *node = &page->nodes[i];
        if (node->is_self) buffer_append_format(out, "%s:%u", node->member.host, node->member.port);
    }
}
static void print_cluster(const struct page *page, struct buffer *out) {
    char text[2 * IDENTITY_ID_SIZE + 1];
    identity_print_id(page->server->identity.cluster, IDENTITY_ID_SIZE, text);
    buffer_append_format(out, "%s", text);
}
static void print_state(const struct page *page, struct buffer *out) {
    buffer_append_format(out, "%s", commands_state_name(page->server));
}
static void print_role(const struct page *page, struct buffer *out) {
    buffer_append_format(out, "%s", commands_role_name(page->server));
}
static const char *standing_name(enum raft_standing standing) {
    static const char *const names[] = {
        [RAFT_OUTSIDE] = "outside", [RAFT_LEARNER] = "learner", [RAFT_VOTER] = "voter"};
    return names[standing];
}
static void print_standing(const struct page *page, struct buffer *out) {
    buffer_append_format(out, "%s", page->is_up ? standing_name(page->raft.standing) : "");
}
static void print_snapshot_state(const struct page *page, struct buffer *out) {
    buffer_append_format(out, "%s", commands_snapshot_phase(page->snapshot.phase));
}
static void print_digest(const struct page *page, struct buffer *out) {
    buffer_append_format(out, "%016llx", (unsigned long long)replica_digest(page->server->replica));
}
static void print_trouble(const struct page *page, struct buffer *out) {
    const char *trouble = replica_trouble(page->server->replica);
    buffer_append_format(out, "%s", trouble == NULL ? "" : trouble);
}

static const struct status_row {
    const char *name;
    status_number *number; /* or */
    status_text *text;
} status_rows[] = {
    {"node", node_id, NULL},
    {"address", NULL, print_address},
    {"cluster", NULL, print_cluster},
    {"state", NULL, print_state},
    {"trouble", NULL, print_trouble},
    {"role", NULL, print_role},
    {"standing", NULL, print_standing},
    {"serves", serves, NULL},
    {"leader", leader_id, NULL},
    {"term", term, NULL},
    {"voted-for", voted_for, NULL},
    {"transfer-to", transfer_to, NULL},
    {"lease-us", lease_us, NULL},
    {"heartbeat-ms", heartbeat_ms, NULL},
    {"election-ms", election_ms, NULL},
    {"first-index", first_index, NULL},
    {"last-index", last_index, NULL},
    {"durable-index", durable_index, NULL},
    {"commit-index", commit_index, NULL},
    {"applied-index", applied_index, NULL},
    {"digest", NULL, print_digest},
    {"snapshot-index", snapshot_index, NULL},
    {"snapshot-term", snapshot_term, NULL},
    {"snapshot-bytes", snapshot_bytes, NULL},
    {"snapshot-state", NULL, print_snapshot_state},
    {"inflight-bytes", inflight_bytes, NULL},
};

/* Of a member; what only its leader knows is left out elsewhere. */
static const struct node_row {
    const char *name;
    size_t offset; /* of a uint64_t in struct node_figures */
} node_rows[] = {
    {"match-index", offsetof(struct node_figures, match_index)},
    {"lag-entries", offsetof(struct node_figures, lag_entries)},
    {"lag-bytes", offsetof(struct node_figures, lag_bytes)},
    {"lag-ms", offsetof(struct node_figures, lag_ms)},
    {"rtt-us", offsetof(struct node_figures, round_trip_us)},
    {"silent-us", offsetof(struct node_figures, silent_us)},
};

static uint64_t node_value(const struct node_figures *node, const struct node_row *row) {
    uint64_t value;
    memcpy(&value, (const char *)node + row->offset, sizeof(value));
    return value;
}

static const char *node_role(const struct node_figures *node) {
    return node->is_leader ? "leader" : standing_name(node->standing);
}

static void print_headline(const struct page *page, struct buffer *out) {
    const struct identity *identity = &page->server->identity;
    buffer_append_format(out, "Node %u of %u: %s", identity->id, page->node_count,
                         commands_state_name(page->server));
    if (page->is_up && replica_state(page->server->replica) == REPLICA_RUNNING) {
        buffer_append_format(out, ", %s", commands_role_name(page->server));
        if (page->raft.leader == 0)
            buffer_append_format(out, ", knows no leader");
        else if (page->raft.leader != identity->id)
            buffer_append_format(out, " of node %u", page->raft.leader);
        buffer_append_format(out, " in term %llu", (unsigned long long)page->raft.term);
    }
    buffer_append_format(out, "\r\n\r\n");
}

static void print_node_line(const struct node_figures *node, struct buffer *out) {
    char address[IDENTITY_HOST_SIZE + 8];
    snprintf(address, sizeof(address), "%s:%u", node->member.host, node->member.port);
    buffer_append_format(out, "%-5u %-24s %-8s %-13s", node->member.id, address, node_role(node),
                         node->is_self        ? "self"
                         : node->is_connected ? "connected"
                                              : "disconnected");
    for (size_t i = 0; i < COUNT_OF(node_rows) && node->is_followed; i++)
        buffer_append_format(out, " %12llu", (unsigned long long)node_value(node, &node_rows[i]));
    buffer_append_format(out, "\r\n");
}

static void print_page(const struct page *page, struct buffer *out) {
    print_headline(page, out);
    for (size_t i = 0; i < COUNT_OF(status_rows); i++) {
        const struct status_row *row = &status_rows[i];
        struct buffer value = {0};
        if (row->number != NULL)
            buffer_append_format(&value, "%llu", (unsigned long long)row->number(page));
        else
            row->text(page, &value);
        if (value.size > 0)
            buffer_append_format(out, "%-16s %.*s\r\n", row->name, (int)value.size, value.data);
        buffer_clear(&value);
    }
    buffer_append_format(out, "\r\n%-5s %-24s %-8s %-13s", "node", "address", "role", "link");
    for (size_t i = 0; i < COUNT_OF(node_rows) && page->raft.role == RAFT_LEADER; i++)
        buffer_append_format(out, " %12s", node_rows[i].name);
    buffer_append_format(out, "\r\n");
    for (uint32_t i = 0; i < page->node_count; i++)
        print_node_line(&page->nodes[i], out);
}

static void reply_node(struct reply *reply, const struct node_figures *node) {
    reply_map(reply, 5 + (node->is_followed ? COUNT_OF(node_rows) : 0));
    reply_bulk_text(reply, "node");
    reply_integer(reply, node->member.id);
    reply_bulk_text(reply, "host");
    reply_bulk_text(reply, node->member.host);
    reply_bulk_text(reply, "port");
    reply_integer(reply, node->member.port);
    reply_bulk_text(reply, "role");
    reply_bulk_text(reply, node_role(node));
    reply_bulk_text(reply, "connected");
    reply_boolean(reply, node->is_connected);
    for (size_t i = 0; i < COUNT_OF(node_rows) && node->is_followed; i++) {
        reply_bulk_text(reply, node_rows[i].name);
        reply_integer(reply, (int64_t)node_value(node, &node_rows[i]));
    }
}

static void reply_page(struct reply *reply, const struct page *page) {
    reply_map(reply, COUNT_OF(status_rows) + 1);
    for (size_t i = 0; i < COUNT_OF(status_rows); i++) {
        const struct status_row *row = &status_rows[i];
        reply_bulk_text(reply, row->name);
        if (row->number != NULL) {
            reply_integer(reply, (int64_t)row->number(page));
            continue;
        }
        struct buffer value = {0};
        row->text(page, &value);
        reply_bulk(reply, buffer_bytes(&value));
        buffer_clear(&value);
    }
    reply_bulk_text(reply, "nodes");
    reply_array(reply, page->node_count);
    for (uint32_t i = 0; i < page->node_count; i++)
        reply_node(reply, &page->nodes[i]);
}

static void run_status(struct command_call *call) {
    struct page page;
    open_page(call_server(call), &page);
    if (call->reply->protocol >= 3) {
        reply_page(call->reply, &page);
        return;
    }
    struct buffer text = {0};
    print_page(&page, &text);
    reply_verbatim(call->reply, "txt", buffer_bytes(&text));
    buffer_clear(&text);
}

/* --- TRANSFER ----------------------------------------------------------------------------------
 */

/* The id at `at`; false after an error reply. */
static bool read_node(struct command_call *call, uint32_t at, uint32_t *node) {
    int64_t id;
    if (!command_integer(call, at, &id)) return false;
    const struct members *members = replica_members(call_server(call)->replica);
    bool is_id = id >= 1 && id <= RAFT_NODES_MAX;
    if (is_id && members != NULL && members_find(members, (uint32_t)id) != NULL) {
        *node = (uint32_t)id;
        return true;
    }
    reply_error_format(call->reply, "ERR there is no node %lld", (long long)id);
    return false;
}

static uint32_t present_leader(const struct server *server) {
    const struct raft *raft = replica_raft(server->replica);
    return raft == NULL ? 0 : raft_leader(raft);
}

static uint64_t transfer_patience_us(const struct server *server) {
    uint64_t elections_us = replica_timing(server->replica).election_us * TRANSFER_ELECTIONS;
    return elections_us > patience_us(server) ? elections_us : patience_us(server);
}

/* This node led, was to hand over, and does neither any more. */
static bool is_given_up(const struct server *server, const struct replica_answer *answer) {
    return answer->leader == server->identity.id && present_leader(server) == answer->leader &&
           raft_transfer_target(replica_raft(server->replica)) == 0;
}

static void end_transfer(struct command_call *call, uint32_t wanted) {
    struct server *server = call_server(call);
    struct session *session = call->session;
    uint32_t leader = present_leader(server);
    struct replica_answer answer;
    bool answered = replica_operation_answered(server->replica, session->wait_number, &answer);
    bool is_over = call->waited_us >= transfer_patience_us(server);
    bool refused = answered && answer.refusal != RAFT_REFUSED_NONE;
    bool begun = answered && !refused;
    bool handed_over = begun && leader != 0 && leader != answer.leader;
    call->later = !handed_over && !refused && !is_over && !(begun && is_given_up(server, &answer));
    if (call->later) return;
    replica_operation_forget(server->replica, session->wait_number);
    session->wait_number = 0;
    if (refused)
        reply_error_format(call->reply, "ERR %s", raft_refusal_text(answer.refusal));
    else if (handed_over && (wanted == 0 || leader == wanted))
        reply_ok(call->reply);
    else if (leader == 0)
        reply_error(call->reply, "CLUSTERDOWN no leader is known to this node");
    else
        reply_error_format(call->reply, "ERR leadership was not handed over in time: node %u leads",
                           leader);
}

static void run_transfer(struct command_call *call) {
    struct server *server = call_server(call);
    struct session *session = call->session;
    uint32_t node = 0;
    if (call->count > 3) {
        commands_refuse_arguments(call);
        return;
    }
    if (call->count == 3 && !read_node(call, 2, &node)) return;
    if (session->wait_number == 0) {
        if (node != 0 && node == present_leader(server)) { /* Nothing is left to be done. */
            reply_ok(call->reply);
            return;
        }
        session->wait_number = replica_operate(
            server->replica, &(struct replica_operation){.kind = REPLICA_TRANSFER, .node = node});
    }
    end_transfer(call, node);
}

/* --- BARRIER -----------------------------------------------------------------------------------
 */

/* The argument behind the subcommand, in Redis's words of WAIT; false after an error reply. */
static bool read_timeout(struct command_call *call, int64_t *timeout_ms) {
    bool is_number = number_parse_i64(call->args[2], timeout_ms) && *timeout_ms <= INT64_MAX / 1000;
    if (!is_number)
        reply_error(call->reply, "ERR timeout is not an integer or out of range");
    else if (*timeout_ms < 0)
        reply_error(call->reply, "ERR timeout is negative");
    return is_number && *timeout_ms >= 0;
}

static void run_barrier(struct command_call *call) {
    struct server *server = call_server(call);
    struct session *session = call->session;
    int64_t timeout_ms = 0;
    if (call->count > 3) {
        commands_refuse_arguments(call);
        return;
    }
    if (call->count == 3 && !read_timeout(call, &timeout_ms)) return;
    if (session->wait_number == 0) session->wait_number = replica_barrier_begin(server->replica);
    bool is_passed = replica_barrier_is_passed(server->replica, session->wait_number);
    uint64_t timeout_us = timeout_ms == 0 ? patience_us(server) : (uint64_t)timeout_ms * 1000;
    call->later = !is_passed && call->waited_us < timeout_us;
    if (call->later) return;
    session->wait_number = 0;
    if (is_passed)
        reply_integer(call->reply, (int64_t)replica_applied_index(server->replica));
    else
        reply_error(call->reply,
                    "CLUSTERDOWN the barrier was not passed in time: what is committed "
                    "may not be applied on this node yet");
}

/* --- SNAPSHOT ----------------------------------------------------------------------------------
 */

static void run_snapshot(struct command_call *call) {
    struct server *server = call_server(call);
    struct session *session = call->session;
    const struct saver_figures *figures = saver_figures(server->saver);
    if (session->wait_number == 0) {
        if (replica_applied_index(server->replica) == 0) {
            reply_error(call->reply, "ERR there is nothing yet that a snapshot could hold");
            return;
        }
        /* One under way may have begun before this client's last write: it gets one of its own. */
        bool is_busy = replica_snapshot_status(server->replica).phase > REPLICA_SNAPSHOT_IDLE;
        session->wait_number = figures->finished + (is_busy ? 2 : 1);
        replica_snapshot_ask(server->replica);
    }
    const char *trouble = replica_trouble(server->replica);
    bool is_made = figures->finished >= session->wait_number;
    call->later = !is_made && trouble == NULL;
    if (call->later) return;
    session->wait_number = 0;
    if (!is_made) {
        reply_error_format(call->reply, "ERR no snapshot was made: %s", trouble);
        return;
    }
    struct replica_snapshot_status status = replica_snapshot_status(server->replica);
    if (figures->last_error == ERROR_NONE)
        reply_integer(call->reply, (int64_t)status.position.index);
    else
        reply_error_format(call->reply, "ERR no snapshot was made: %s",
                           error_text(figures->last_error));
}

/* --- VERIFY ------------------------------------------------------------------------------------
 */

/* The voters by what they have told of one entry; bits 1 << id. */
struct verdict {
    uint32_t voters, agree, differ, silent;
    uint64_t digest; /* that of the most */
};

/* By the digest that most of them have. */
static void judge(const struct page *page, uint64_t index, struct verdict *verdict) {
    const struct replica *replica = page->server->replica;
    uint32_t most = 0;
    for (uint32_t i = 0; i < page->node_count; i++) {
        struct verdict one = {0};
        bool told = replica_verified(replica, page->nodes[i].member.id, index, &one.digest);
        uint32_t agreeing = 0;
        for (uint32_t k = 0; k < page->node_count; k++) {
            uint64_t other;
            uint32_t bit = 1u << page->nodes[k].member.id;
            if (page->nodes[k].standing != RAFT_VOTER) continue;
            one.voters |= bit;
            if (!replica_verified(replica, page->nodes[k].member.id, index, &other)) {
                one.silent |= bit;
            } else if (told && other == one.digest) {
                one.agree |= bit;
                agreeing++;
            } else {
                one.differ |= bit;
            }
        }
        if (i > 0 && agreeing <= most) continue;
        most = agreeing;
        *verdict = one;
    }
}

static void reply_ids(struct reply *reply, const char *name, uint32_t ids) {
    reply_bulk_text(reply, name);
    reply_array(reply, (uint64_t)__builtin_popcount(ids));
    for (uint32_t id = 1; id <= RAFT_NODES_MAX; id++)
        if ((ids & 1u << id) != 0) reply_integer(reply, id);
}

static void reply_verdict(struct reply *reply, uint64_t index, const struct verdict *verdict) {
    char digest[17];
    snprintf(digest, sizeof(digest), "%016llx", (unsigned long long)verdict->digest);
    reply_map(reply, 4);
    reply_bulk_text(reply, "index");
    reply_integer(reply, (int64_t)index);
    reply_bulk_text(reply, "digest");
    reply_bulk_text(reply, digest);
    reply_ids(reply, "agree", verdict->agree);
    reply_ids(reply, "silent", verdict->silent);
}

static void reply_difference(struct reply *reply, uint64_t index, const struct verdict *verdict) {
    struct buffer ids = {0};
    for (uint32_t id = 1; id <= RAFT_NODES_MAX; id++)
        if ((verdict->differ & 1u << id) != 0) buffer_append_format(&ids, " %u", id);
    reply_error_format(reply, "ERR the state differs at index %llu: node%.*s from the others",
                       (unsigned long long)index, (int)ids.size, ids.data);
    buffer_clear(&ids);
}

static bool read_verify_timeout(struct command_call *call, uint64_t *timeout_us) {
    int64_t timeout_ms = VERIFY_TIMEOUT_MS;
    if (call->count > 3) {
        commands_refuse_arguments(call);
        return false;
    }
    if (call->count == 3 && !read_timeout(call, &timeout_ms)) return false;
    if (timeout_ms == 0) timeout_ms = VERIFY_TIMEOUT_MS;
    *timeout_us = (uint64_t)timeout_ms * 1000;
    return true;
}

static void run_verify(struct command_call *call) {
    struct server *server = call_server(call);
    struct session *session = call->session;
    uint64_t timeout_us;
    if (!read_verify_timeout(call, &timeout_us)) return;
    if (session->wait_number == 0) {
        session->wait_number =
            replica_operate(server->replica, &(struct replica_operation){.kind = REPLICA_VERIFY});
    }
    struct replica_answer answer;
    bool answered = replica_operation_answered(server->replica, session->wait_number, &answer);
    bool refused = answered && answer.refusal != RAFT_REFUSED_NONE;
    struct verdict verdict = {0};
    if (answered && !refused) {
        struct page page;
        open_page(server, &page);
        judge(&page, answer.index, &verdict);
    }
    bool is_whole = answered && !refused && verdict.silent == 0;
    const char *trouble = replica_trouble(server->replica);
    bool is_over = call->waited_us >= timeout_us;
    call->later = !is_whole && !refused && verdict.differ == 0 && trouble == NULL && !is_over;
    if (call->later) return;
    replica_operation_forget(server->replica, session->wait_number);
    session->wait_number = 0;
    if (refused)
        reply_error_format(call->reply, "ERR %s", raft_refusal_text(answer.refusal));
    else if (verdict.differ != 0)
        reply_difference(call->reply, answer.index, &verdict);
    else if (trouble != NULL)
        reply_error_format(call->reply, "ERR %s", trouble);
    else if (!answered)
        reply_error(call->reply, "CLUSTERDOWN no leader answered in time");
    else if (2 * __builtin_popcount(verdict.agree) <= __builtin_popcount(verdict.voters))
        reply_error(call->reply, "CLUSTERDOWN too few nodes told their state in time");
    else
        reply_verdict(call->reply, answer.index, &verdict);
}

/* --- FAILOVER ----------------------------------------------------------------------------------
 */

struct failover {
    bool abort, force, has_timeout, has_target;
    int64_t timeout_ms, port;
    struct bytes host;
};

/* False after an error reply. */
static bool read_failover(struct command_call *call, struct failover *failover) {
    for (uint32_t i = 1; i < call->count; i++) {
        bool more = i + 1 < call->count;
        if (command_option(call, i, "TIMEOUT") && more && !failover->has_timeout) {
            if (!command_integer(call, ++i, &failover->timeout_ms)) return false;
            if (failover->timeout_ms <= 0) {
                reply_error(call->reply, "ERR FAILOVER timeout must be greater than 0");
                return false;
            }
            failover->has_timeout = true;
        } else if (command_option(call, i, "TO") && i + 2 < call->count && !failover->has_target) {
            failover->has_target = true;
            failover->host = call->args[i + 1];
            if (!command_integer(call, i + 2, &failover->port)) return false;
            i += 2;
        } else if (command_option(call, i, "ABORT") && call->count == 2) {
            failover->abort = true;
        } else if (command_option(call, i, "FORCE") && !failover->force) {
            failover->force = true;
        } else {
            reply_error(call->reply, REPLY_SYNTAX_ERROR);
            return false;
        }
    }
    return true;
}

/* Redis's words for what can't be done; NULL: *node is to lead, 0: whoever can best. */
static const char *failover_problem(const struct server *server, const struct failover *failover,
                                    uint32_t *node) {
    struct node_figures nodes[RAFT_NODES_MAX];
    uint32_t count = node_figures_list(server, nodes), connected = 0;
    const struct node_figures *target = NULL;
    for (uint32_t i = 0; i < count; i++) {
        const struct node_figures *one = &nodes[i];
        if (one->is_self || one->standing != RAFT_VOTER) continue;
        connected += one->is_connected;
        bool is_named = failover->has_target && one->member.port == failover->port &&
                        bytes_equal(failover->host, bytes_of_text(one->member.host));
        if (is_named) target = one;
    }
    if (connected == 0) return "ERR FAILOVER requires connected replicas.";
    if (failover->force && !(failover->has_timeout && failover->has_target))
        return "ERR FAILOVER with force option requires both a timeout and target HOST and IP.";
    if (!failover->has_target) return NULL;
    if (target == NULL) return "ERR FAILOVER target HOST and PORT is not a replica.";
    if (!target->is_connected) return "ERR FAILOVER target replica is not online.";
    *node = target->member.id;
    return NULL;
}

/* Not waited for: INFO's master_failover_state and the log tell what becomes of it. FORCE loses
 * nothing here and so does no more than the rest. */
static void operate(struct command_call *call, struct replica_operation operation) {
    (void)replica_operate(call_server(call)->replica, &operation);
    reply_ok(call->reply);
}

static void run_failover(struct command_call *call) {
    struct server *server = call_server(call);
    struct failover failover = {0};
    if (!read_failover(call, &failover)) return;
    bool leads = commands_is_leader(server);
    bool is_under_way = leads && raft_transfer_target(replica_raft(server->replica)) != 0;
    if (failover.abort && is_under_way) {
        operate(call, (struct replica_operation){.kind = REPLICA_KEEP});
        return;
    }
    uint32_t node = 0;
    const char *problem = failover.abort ? "ERR No failover in progress."
                          : is_under_way ? "ERR FAILOVER already in progress."
                          : leads        ? failover_problem(server, &failover, &node)
                                         : "ERR FAILOVER is not valid when server is a replica.";
    if (problem != NULL) {
        reply_error(call->reply, problem);
        return;
    }
    uint64_t timeout_us = failover.has_timeout ? (uint64_t)failover.timeout_ms * 1000 : UINT64_MAX;
    operate(call, (struct replica_operation){
                      .kind = REPLICA_TRANSFER, .node = node, .timeout_us = timeout_us});
}

/* --- HELP and the rows ---------------------------------------------------------------------------
 */

static void run_help(struct command_call *call) {
    static const char *const lines[] = {
        "ADD <host:port> [REPLACE <id>] [TIMEOUT <milliseconds>]",
        "    Wait until the node that was started there with an empty directory and --join is in,",
        "    a minute by default. Return its id. REPLACE: in the place of the node <id>, which",
        "    leaves in the step in which the new one begins to vote.",
        "BARRIER [<timeout>]",
        "    Wait until everything committed so far is applied on this node, <timeout> ms at most.",
        "    Return the index up to which it is.",
        "LEAVE",
        "    Remove this node from the cluster.",
        "NODES",
        "    Return the members.",
        "PROMOTE <id>",
        "    Make a learner a voter.",
        "REMOVE <id>",
        "    Remove the node with this id from the cluster.",
        "SET [NX] <setting> <value> [<setting> <value> ...]",
        "    Change settings that are the same on every node, as CONFIG SET does. NX: only those",
        "    that have never been set.",
        "SNAPSHOT",
        "    Make a snapshot on this node. Return the index with which it ends.",
        "STATUS",
        "    Return what this node knows of itself and of the others.",
        "TRANSFER [<id>]",
        "    Hand leadership over to the node with this id, or to the one that can best lead.",
        "VERIFY [<timeout>]",
        "    Have every node compute the digest of its whole state at one entry, and compare them.",
    };
    commands_reply_help(call, lines, COUNT_OF(lines));
}

#define RAFT_FLAGS (COMMAND_ADMIN | COMMAND_NOSCRIPT)
#define RAFT_WAITS (RAFT_FLAGS | COMMAND_NO_MULTI)

static const struct command raft_commands[] = {
    {.id = 672,
     .name = "raft|status",
     .run = run_status,
     .arity = 2,
     COMMANDS_RAFT_ROW,
     .flags = RAFT_FLAGS | COMMAND_LOADING | COMMAND_STALE,
     .tips = "nondeterministic_output",
     .complexity = "O(N) where N is the number of entries that the slowest node lacks",
     .summary = "Return what this node knows of itself and of the other nodes"},
    {.id = 673,
     .name = "raft|transfer",
     .run = run_transfer,
     .arity = -2,
     COMMANDS_RAFT_ROW,
     .waits = true,
     .flags = RAFT_WAITS,
     .complexity = "O(1)",
     .summary = "Hand leadership over to another node",
     .arguments = "i:id?"},
    {.id = 674,
     .name = "raft|barrier",
     .run = run_barrier,
     .arity = -2,
     COMMANDS_RAFT_ROW,
     .waits = true,
     .flags = RAFT_WAITS,
     .complexity = "O(1)",
     .summary = "Wait until everything committed so far is applied on this node",
     .arguments = "i:timeout?"},
    {.id = 675,
     .name = "raft|snapshot",
     .run = run_snapshot,
     .arity = 2,
     COMMANDS_RAFT_ROW,
     .waits = true,
     .flags = RAFT_WAITS,
     .complexity = "O(N) where N is the total number of keys in all databases",
     .summary = "Make a snapshot on this node"},
    {.id = 676,
     .name = "raft|verify",
     .run = run_verify,
     .arity = -2,
     COMMANDS_RAFT_ROW,
     .waits = true,
     .flags = RAFT_WAITS,
     .complexity = "O(N) where N is the size of all data",
     .summary = "Compare the state of all nodes at one index",
     .arguments = "i:timeout?"},
    {.id = 677,
     .name = "raft|help",
     .run = run_help,
     .arity = 2,
     COMMANDS_RAFT_ROW,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .complexity = "O(1)",
     .summary = "Show helpful text about the different subcommands"},
    {.id = 794,
     .name = "failover",
     .run = run_failover,
     .arity = -1,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_STALE,
     .group = "server",
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Start a coordinated failover between this server and one of its replicas.",
     .arguments = "b:target=TO?(s:host i:port t:force=FORCE?) t:abort=ABORT? "
                  "i:milliseconds=TIMEOUT?"},
};

const struct command_family *raft_family(void) {
    static const struct command_family family = {raft_commands, COUNT_OF(raft_commands)};
    return &family;
}
