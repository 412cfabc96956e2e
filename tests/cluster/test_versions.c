/* test_versions.c: nodes one version of the peer protocol apart work together: they found,
 * replicate, fail over, and are brought to the newer version one after the other.
 * `--raft-peer-protocol` makes a node speak as the release before did. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/cluster/harness.h"

enum { NODES = 3 };
static const char *const older[] = {"--raft-peer-protocol", "2", NULL};
static const char *const newer[] = {NULL};

static void start_as(struct cluster *cluster, int node, const char *const *arguments) {
    node_start_with(cluster, node, cluster->list, arguments);
}

/* The first node is the older one. */
static struct cluster *create_mixed(const char *const *options) {
    struct cluster *cluster = cluster_create(NODES, options);
    for (int i = 0; i < NODES; i++)
        start_as(cluster, i, i == 0 ? older : newer);
    cluster_await_serving(cluster);
    return cluster;
}

/* What `node` speaks with `other`. */
static int spoken(struct cluster *cluster, int node, int other) {
    char field[32], text[256];
    snprintf(field, sizeof(field), "raft_node%lld", node_info(cluster, other, "raft_node_id"));
    node_info_text(cluster, node, "raft", field, text, sizeof(text));
    const char *at = strstr(text, "protocol=");
    return at == NULL ? -1 : atoi(at + strlen("protocol="));
}

static void write_and_read_everywhere(struct cluster *cluster, int round) {
    for (int i = 0; i < NODES; i++) {
        if (!node_runs(cluster, i)) continue;
        redisContext *client = node_connect(cluster, i);
        cr_expect(ask_is(client, "OK", "SET key:%d value:%d", i, round));
        redisFree(client);
        for (int reader = 0; reader < NODES; reader++) {
            if (!node_runs(cluster, reader)) continue;
            char expected[32];
            snprintf(expected, sizeof(expected), "value:%d", round);
            client = node_connect(cluster, reader);
            cr_expect(ask_is(client, expected, "GET key:%d", i));
            redisFree(client);
        }
    }
}

/* A node that speaks the older version leads, dies and comes back among newer ones, and the other
 * way round. */
Test(versions, one_apart_found_replicate_and_fail_over) {
    struct cluster *cluster = create_mixed(NULL);
    AWAIT(spoken(cluster, 0, 1) == 2);
    AWAIT(spoken(cluster, 1, 0) == 2);
    AWAIT(spoken(cluster, 1, 2) == 3);
    write_and_read_everywhere(cluster, 0);
    for (int round = 1; round <= 4; round++) {
        int leader = cluster_leader(cluster);
        long long id = node_info(cluster, leader, "raft_node_id");
        (void)node_signal(cluster, leader, SIGKILL);
        AWAIT(node_info(cluster, (leader + 1) % NODES, "raft_leader_id") != id);
        cluster_await_serving(cluster);
        write_and_read_everywhere(cluster, round);
        start_as(cluster, leader, leader == 0 ? older : newer);
        cluster_await_serving(cluster);
        cluster_expect_equal(cluster);
    }
    for (int i = 0; i < NODES; i++)
        cr_expect_not(node_logged(cluster, i, "was refused"), "node %d takes every packet", i + 1);
    cluster_destroy(cluster);
}

Test(versions, are_raised_one_node_after_the_other) {
    struct cluster *cluster = cluster_create(NODES, NULL);
    for (int i = 0; i < NODES; i++)
        start_as(cluster, i, older);
    cluster_await_serving(cluster);
    AWAIT(spoken(cluster, 0, 1) == 2);
    for (int i = 0; i < NODES; i++) {
        write_and_read_everywhere(cluster, i);
        cr_expect_eq(node_signal(cluster, i, SIGTERM), 0);
        start_as(cluster, i, newer);
        cluster_await_serving(cluster);
    }
    write_and_read_everywhere(cluster, NODES);
    for (int i = 0; i < NODES; i++)
        for (int other = 0; other < NODES; other++)
            if (other != i) AWAIT(spoken(cluster, i, other) == 3);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

/* A busy node tells those that know the word; nobody else is harmed. */
Test(versions, who_does_not_know_busy_is_not_told) {
    static const char *const options[] = {"--enable-debug-command", "yes",
                                          "--raft-election-timeout", "1000", NULL};
    struct cluster *cluster = create_mixed(options);
    for (int i = 0; i < NODES; i++) {
        redisContext *client = node_connect(cluster, i);
        cr_expect(ask_is(client, "OK", "DEBUG SLEEP 1"));
        redisFree(client);
        cluster_await_serving(cluster);
    }
    cr_expect_eq(node_info(cluster, 0, "raft_busy_heard"), 0);
    cr_expect_eq(node_info(cluster, 0, "raft_busy_said"), 0);
    cr_expect_gt(node_info(cluster, 1, "raft_busy_heard"), 0);
    cr_expect_gt(node_info(cluster, 1, "raft_busy_said"), 0);
    cr_expect_not(node_logged(cluster, 0, "was refused"));
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

static void expect_refused(redisContext *client, const char *command) {
    redisReply *reply = ask(client, command);
    cr_expect(reply->type == REDIS_REPLY_ERROR && strstr(reply->str, "an older version") != NULL,
              "%s: %s", command, reply->str == NULL ? "?" : reply->str);
    freeReplyObject(reply);
}

/* What an older version does not know must not come into its log: it would stop there, or go on
 * with another state. */
Test(versions, what_the_older_does_not_know_is_refused_until_all_are_new) {
    struct cluster *cluster = create_mixed(NULL);
    if (cluster_leader(cluster) == 0) {
        (void)node_signal(cluster, 0, SIGTERM);
        cluster_await_serving(cluster);
        start_as(cluster, 0, older);
        cluster_await_serving(cluster);
    }
    int leader = cluster_leader(cluster);
    AWAIT(spoken(cluster, leader, 0) == 2);
    redisContext *client = node_connect(cluster, leader);
    expect_refused(client, "RAFT VERIFY 5000");
    expect_refused(client, "CONFIG SET raft-election-timeout 700");
    expect_refused(client, "RAFT SET raft-election-timeout 700");
    cr_expect(ask_is(client, "OK", "CONFIG SET hash-max-listpack-entries 100"), "it is older");
    (void)node_signal(cluster, 0, SIGTERM);
    start_as(cluster, 0, newer);
    cluster_await_serving(cluster);
    for (int i = 1; i < NODES; i++)
        AWAIT(spoken(cluster, i, 0) == 3);
    cr_expect(ask_is(client, "OK", "CONFIG SET raft-election-timeout 700"));
    redisReply *reply = ask(client, "RAFT VERIFY");
    cr_expect_neq(reply->type, REDIS_REPLY_ERROR, "%s", reply->str);
    freeReplyObject(reply);
    redisFree(client);
    for (int i = 0; i < NODES; i++)
        AWAIT(node_info(cluster, i, "raft_election_timeout_ms") == 700);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}
