/* test_transfer.c: a node that needs what the others' logs do not have any more, in real processes:
 * it is given a snapshot, nobody else notices, and what is killed meanwhile comes back. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/cluster/harness.h"

enum { KEYS = 60000, PIECE = 2000 };

static struct cluster *cluster;

static void begin(void) {
    cluster = cluster_create_running(3, small_log_options);
}

static void end(void) {
    cluster_destroy(cluster);
    cluster = NULL;
}

static void take_replies(redisContext *client, int count) {
    for (int i = 0; i < count; i++) {
        redisReply *reply = NULL;
        cr_assert_eq(redisGetReply(client, (void **)&reply), REDIS_OK, "%s", client->errstr);
        cr_assert_neq(reply->type, REDIS_REPLY_ERROR, "%s", reply->str);
        freeReplyObject(reply);
    }
}

/* About 500 bytes a key. */
static void fill(redisContext *client, int from, int to) {
    for (int i = from; i < to;) {
        int count = 0;
        for (; i < to && count < PIECE; i++, count++)
            redisAppendCommand(client, "SET key:%d %0450d", i, i);
        redisAppendCommand(client, "SADD members %d %d %d", i, i + 1, i + 2);
        redisAppendCommand(client, "ZADD order %d m%d", i % 77, i);
        take_replies(client, count + 2);
    }
}

static long long raft_field(int node, const char *field) {
    return node_info(cluster, node, field);
}

/* A follower goes, and the others cut their logs behind what it has. Returns which. */
static int leave_one_behind(void) {
    int leader = cluster_leader(cluster), away = (leader + 1) % 3;
    redisContext *client = node_connect(cluster, leader);
    fill(client, 0, PIECE);
    long long seen = raft_field(away, "raft_last_applied_index");
    node_signal(cluster, away, SIGKILL);
    fill(client, PIECE, KEYS);
    for (int node = 0; node < 3; node++) {
        if (node == away) continue;
        AWAIT(raft_field(node, "raft_current_index") - raft_field(node, "raft_log_entries") >
              seen + 1);
    }
    redisFree(client);
    return away;
}

static bool is_installed(int node) {
    return raft_field(node, "raft_snapshots_installed") > 0;
}

static bool has_first_segment(int node) {
    char path[512];
    snprintf(path, sizeof(path), "%s/log-0000000001", cluster->nodes[node].directory);
    return access(path, F_OK) == 0;
}

Test(transfer, a_node_far_behind_is_given_a_snapshot_and_nobody_notices, .init = begin,
     .fini = end) {
    int away = leave_one_behind();
    int leader = cluster_leader(cluster), other = 3 - away - leader;
    long long changes = raft_field(other, "raft_leader_changes");
    redisContext *clients[2] = {node_connect(cluster, leader), node_connect(cluster, other)};
    node_start(cluster, away);
    long long expected = 0;
    int64_t until = clock_ms() + PATIENCE_MS;
    while (!is_installed(away)) {
        cr_assert_lt(clock_ms(), until, "the snapshot is installed");
        for (int i = 0; i < 2; i++)
            cr_expect_eq(ask_integer(clients[i], "INCR served"), ++expected);
    }
    node_await_log(cluster, away, "This node has fallen behind the log: node ");
    node_await_log(cluster, away, "Verifying the received snapshot: ");
    node_await_log(cluster, away, "has taken the place of this node's state");
    node_await_serving(cluster, away);
    cr_expect_eq(raft_field(other, "raft_leader_changes"), changes, "the leader went on leading");
    cr_expect_gt(raft_field(leader, "raft_snapshot_parts_sent") +
                     raft_field(other, "raft_snapshot_parts_sent"),
                 10);
    cr_expect_gt(raft_field(away, "raft_snapshot_parts_received"), 10);
    cr_expect_geq(raft_field(away, "raft_snapshots_received"), 1);
    cr_expect_gt(raft_field(leader, "raft_log_cuts"), 0);
    cluster_expect_equal(cluster);

    /* What it has is the same to the last position, and stays so. */
    redisContext *restored = node_connect(cluster, away);
    redisReply *keys[2];
    for (int i = 0; i < 10000; i++) {
        redisAppendCommand(restored, "SADD members %d", i);
        redisAppendCommand(restored, i % 3 == 0 ? "SPOP members 2" : "SPOP members");
        redisAppendCommand(restored, "RANDOMKEY");
        redisAppendCommand(restored, "SCAN %d COUNT 20", i * 5);
        if (i % 500 == 499) take_replies(restored, 2000);
    }
    redisContext *reader = node_connect(cluster, other);
    redisContext *const both[2] = {restored, reader};
    for (int i = 0; i < 2; i++)
        keys[i] = ask(both[i], "SCAN 0 COUNT 100000");
    cr_assert_eq(keys[0]->element[1]->elements, keys[1]->element[1]->elements);
    for (size_t i = 0; i < keys[0]->element[1]->elements; i++)
        cr_assert_str_eq(keys[0]->element[1]->element[i]->str,
                         keys[1]->element[1]->element[i]->str);
    for (int i = 0; i < 2; i++)
        freeReplyObject(keys[i]);
    cluster_expect_equal(cluster);
    /* And it can start from it. */
    redisFree(restored);
    node_signal(cluster, away, SIGKILL);
    node_start(cluster, away);
    node_await_serving(cluster, away);
    cluster_expect_equal(cluster);
    redisFree(reader);
    for (int i = 0; i < 2; i++)
        redisFree(clients[i]);
}

Test(transfer, the_log_is_cut_and_stays_small, .init = begin, .fini = end) {
    redisContext *client = node_connect(cluster, 0);
    const long long written = 8ll * KEYS / 2 * 500;
    for (int round = 0; round < 8; round++)
        fill(client, 0, KEYS / 2); /* the same keys: the data does not grow */
    for (int node = 0; node < 3; node++) {
        /* What the next snapshot will cover, and the segment in use. */
        AWAIT(raft_field(node, "raft_log_bytes") < written / 2);
        AWAIT(raft_field(node, "raft_log_entries") < raft_field(node, "raft_current_index") / 2);
        AWAIT(!has_first_segment(node));
        node_signal(cluster, node, SIGTERM);
    }
    redisFree(client);
    cluster_start(cluster);
    cluster_await_serving(cluster);
    cluster_expect_equal(cluster);
}

/* The receiver, then the sender, end in the middle of it. */
Test(transfer, either_end_may_be_killed, .init = begin, .fini = end) {
    int away = leave_one_behind();
    for (int round = 0; round < 8; round++) {
        node_start(cluster, away);
        AWAIT(node_runs(cluster, away) && raft_field(away, "raft_current_term") >= 0);
        usleep((useconds_t)(round * round * 2000)); /* any moment will do */
        node_signal(cluster, away, SIGKILL);
    }
    node_start(cluster, away);
    char state[32] = "";
    /* All parts may have come before: a start with the whole file is a start like any other. */
    AWAIT((node_info_text(cluster, away, "raft", "raft_snapshot_transfer", state, sizeof(state)),
           strcmp(state, "receiving") == 0 || is_installed(away) ||
               raft_field(away, "raft_serves") == 1));
    int leader = cluster_leader(cluster);
    node_signal(cluster, leader, SIGKILL);
    cluster_await_serving(cluster);
    redisContext *client = node_connect(cluster, away);
    cr_expect_eq(ask_integer(client, "INCR after"), 1);
    node_start(cluster, leader);
    cluster_await_serving(cluster);
    cluster_expect_equal(cluster);
    redisFree(client);
}

/* --- a new node ------------------------------------------------------------------------------ */

/* Three founders, and a fourth node that does not run. */
static void begin_with_a_spare(void) {
    cluster = cluster_create(4, small_log_options);
    cluster_start_founders(cluster, 3);
}

static bool log_is_cut(int node) {
    return raft_field(node, "raft_current_index") > raft_field(node, "raft_log_entries");
}

/* No log goes back to where it would have to begin. */
Test(transfer, a_new_node_joins_under_load_when_the_log_is_cut, .init = begin_with_a_spare,
     .fini = end) {
    enum { NEWCOMER = 3 };
    int leader = cluster_leader(cluster), other = (leader + 1) % 3;
    redisContext *clients[2] = {node_connect(cluster, leader), node_connect(cluster, other)};
    fill(clients[0], 0, KEYS / 3);
    for (int node = 0; node < 3; node++)
        AWAIT(log_is_cut(node));
    long long changes = raft_field(other, "raft_leader_changes");
    node_start_joining(cluster, NEWCOMER, other);
    long long expected = 0;
    int64_t until = clock_ms() + PATIENCE_MS;
    while (raft_field(leader, "raft_num_voting_nodes") != 4) {
        cr_assert_lt(clock_ms(), until, "it votes");
        for (int i = 0; i < 2; i++)
            cr_expect_eq(ask_integer(clients[i], "INCR served"), ++expected);
    }
    for (int i = 0; i < 2; i++)
        redisFree(clients[i]);
    cr_expect(is_installed(NEWCOMER));
    cr_expect_gt(raft_field(NEWCOMER, "raft_snapshot_parts_received"), 10);
    cr_expect_eq(raft_field(other, "raft_leader_changes"), changes);
    node_await_serving(cluster, NEWCOMER);
    redisContext *client = node_connect(cluster, NEWCOMER);
    cr_expect_eq(ask_integer(client, "INCR served"), expected + 1);
    cr_expect_eq(ask_integer(client, "SCARD members"), 3 * ask_integer(client, "ZCARD order"));
    redisFree(client);
    cluster_expect_equal(cluster);
}
