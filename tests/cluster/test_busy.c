/* test_busy.c: a slow command is not a dead node (SAFETY 16): nobody is elected while a loop is
 * held for less than 5 s, on one node or on all; a process that stands still, or never comes back,
 * is replaced. Time-outs are longer than usual, so that a busy machine does not decide. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "tests/cluster/harness.h"

enum { NODES = 3, ELECTION_MS = 1000 };
static const char *const options[] = {"--enable-debug-command",
                                      "yes",
                                      "--raft-election-timeout",
                                      "1000",
                                      "--raft-heartbeat-interval",
                                      "50",
                                      "--raft-unsealed-timeout",
                                      "20000",
                                      NULL};

static struct cluster *cluster;
static long long term;

static void begin(void) {
    cluster = cluster_create_running(NODES, options);
    term = node_info(cluster, cluster_leader(cluster), "raft_current_term");
}

static void end(void) {
    cluster_destroy(cluster);
}

static void expect_no_election(int leader) {
    long long id = node_info(cluster, leader, "raft_node_id");
    for (int i = 0; i < NODES; i++) {
        bool stayed = node_info(cluster, i, "raft_current_term") == term &&
                      node_info(cluster, i, "raft_leader_id") == id &&
                      node_info(cluster, i, "raft_leader_changes") <= 1;
        cr_expect(stayed, "node %d, see %s", i + 1, cluster->nodes[i].log);
        if (!stayed) cluster->keep = true;
    }
}

/* --- clients that write meanwhile --------------------------------------------------------------
 */

struct writer {
    pthread_t thread;
    int node;
    atomic_bool stop;
    atomic_llong acknowledged;
    long long errors;
};

static void *write_on(void *argument) {
    struct writer *writer = argument;
    redisContext *client = node_connect(cluster, writer->node);
    while (!atomic_load(&writer->stop)) {
        redisReply *reply = redisCommand(client, "INCR writes:%d", writer->node);
        if (reply == NULL || reply->type != REDIS_REPLY_INTEGER) writer->errors++;
        if (reply == NULL) break;
        freeReplyObject(reply);
        atomic_fetch_add(&writer->acknowledged, 1);
    }
    redisFree(client);
    return NULL;
}

static void writers_start(struct writer *writers) {
    for (int i = 0; i < NODES; i++) {
        writers[i] = (struct writer){.node = i};
        cr_assert_eq(pthread_create(&writers[i].thread, NULL, write_on, &writers[i]), 0);
    }
}

static void await_writes(struct writer *writers, int but, long long count) {
    for (int i = 0; i < NODES; i++) {
        if (i == but) continue;
        long long goal = atomic_load(&writers[i].acknowledged) + count;
        AWAIT(atomic_load(&writers[i].acknowledged) >= goal);
    }
}

static void writers_end(struct writer *writers) {
    redisContext *client = node_connect(cluster, 0);
    for (int i = 0; i < NODES; i++) {
        atomic_store(&writers[i].stop, true);
        pthread_join(writers[i].thread, NULL);
        cr_expect_eq(writers[i].errors, 0, "node %d", i + 1);
        cr_expect_eq(ask_integer(client, "GET writes:%d", i), atomic_load(&writers[i].acknowledged),
                     "nothing lost, nothing twice (node %d)", i + 1);
    }
    redisFree(client);
}

/* --- what holds a loop -------------------------------------------------------------------------
 */

static redisContext *ask_for_sleep(int node, const char *seconds) {
    redisContext *client = node_connect(cluster, node);
    redisAppendCommand(client, "DEBUG SLEEP %s", seconds);
    int done = 0;
    while (!done)
        cr_assert_eq(redisBufferWrite(client, &done), REDIS_OK);
    return client;
}

static void await_ok(redisContext *client) {
    redisReply *reply = NULL;
    cr_assert_eq(redisGetReply(client, (void **)&reply), REDIS_OK, "%s", client->errstr);
    cr_expect_str_eq(reply->str, "OK");
    freeReplyObject(reply);
    redisFree(client);
}

Test(busy, a_leader_is_no_dead_one, .init = begin, .fini = end) {
    int leader = cluster_leader(cluster), other = (leader + 1) % NODES;
    long long heard = node_info(cluster, other, "raft_busy_heard");
    struct writer writers[NODES];
    writers_start(writers);
    await_writes(writers, -1, 20);
    await_ok(ask_for_sleep(leader, "3"));
    await_writes(writers, -1, 20);
    writers_end(writers);
    expect_no_election(leader);
    cr_expect_gt(node_info(cluster, leader, "raft_busy_said"), 0);
    cr_expect_gt(node_info(cluster, other, "raft_busy_heard"), heard);
    node_await_log(cluster, leader, "the other nodes were told that this one is busy");
    cluster_expect_equal(cluster);
}

/* Each of them holds the loop, and the bound is one command's: between two, the loop looks after
 * the others. Together they last longer than any single command may. */
Test(busy, slow_commands_in_a_pipeline_are_no_long_one, .init = begin, .fini = end) {
    enum { COMMANDS = 9 };
    int leader = cluster_leader(cluster);
    redisContext *client = node_connect(cluster, leader);
    for (int i = 0; i < COMMANDS; i++)
        redisAppendCommand(client, "DEBUG SLEEP 0.8");
    for (int i = 0; i < COMMANDS; i++) {
        redisReply *reply = NULL;
        cr_assert_eq(redisGetReply(client, (void **)&reply), REDIS_OK, "%s", client->errstr);
        cr_expect_str_eq(reply->str, "OK");
        freeReplyObject(reply);
    }
    redisFree(client);
    expect_no_election(leader);
    cluster_expect_equal(cluster);
}

/* Writes go on: the others are a majority. */
Test(busy, a_follower_holds_nobody_up, .init = begin, .fini = end) {
    int leader = cluster_leader(cluster), follower = cluster_follower(cluster);
    struct writer writers[NODES];
    writers_start(writers);
    await_writes(writers, -1, 20);
    redisContext *sleeper = ask_for_sleep(follower, "3");
    await_writes(writers, follower, 50);
    await_ok(sleeper);
    await_writes(writers, -1, 20);
    writers_end(writers);
    expect_no_election(leader);
    cluster_expect_equal(cluster);
}

Test(busy, all_at_once_elect_nobody, .init = begin, .fini = end) {
    int leader = cluster_leader(cluster);
    struct writer writers[NODES];
    writers_start(writers);
    await_writes(writers, -1, 20);
    static const char *const seconds[] = {"2.4", "2.8", "2"};
    redisContext *sleepers[NODES];
    for (int i = 0; i < NODES; i++)
        sleepers[i] = ask_for_sleep(i, seconds[i]);
    for (int i = 0; i < NODES; i++)
        await_ok(sleepers[i]);
    await_writes(writers, -1, 20);
    writers_end(writers);
    expect_no_election(leader);
    cluster_expect_equal(cluster);
}

static bool somebody_was_busy(void) {
    bool was_busy = false;
    for (int i = 0; i < NODES; i++)
        was_busy |= node_logged(cluster, i, "the other nodes were told that this one is busy");
    return was_busy;
}

/* A replicated command runs on the leader, then on the others. It is made larger until it takes one
 * of them longer than an election time-out, and no larger: on a busy machine two followers that
 * have it at the same time need several times what the leader needed, and 5 s are the bound. */
Test(busy, a_long_replicated_command_elects_nobody, .init = begin, .fini = end) {
    int leader = cluster_leader(cluster);
    redisContext *client = node_connect(cluster, leader);
    for (int members = 0, more = 20000; !somebody_was_busy(); more = members / 3) {
        for (int i = 0; i < more; i++, members++)
            redisAppendCommand(client, "SADD many %d:%d", members, members);
        for (int i = 0; i < more; i++) {
            redisReply *reply = NULL;
            cr_assert_eq(redisGetReply(client, (void **)&reply), REDIS_OK);
            freeReplyObject(reply);
        }
        cr_assert_eq(ask_integer(client, "SUNIONSTORE all many many many many many many many many"),
                     members);
        for (int i = 0; i < NODES; i++)
            AWAIT(node_info(cluster, i, "raft_last_applied_index") >=
                  node_info(cluster, leader, "raft_last_applied_index"));
    }
    redisFree(client);
    expect_no_election(leader);
    cluster_expect_equal(cluster);
}

/* A process that stands still says nothing. */
Test(busy, a_stopped_leader_is_replaced, .init = begin, .fini = end) {
    int leader = cluster_leader(cluster), other = (leader + 1) % NODES;
    long long heard = node_info(cluster, other, "raft_busy_heard");
    struct writer writers[NODES];
    writers_start(writers);
    await_writes(writers, -1, 20);
    (void)node_signal(cluster, leader, SIGSTOP);
    await_writes(writers, leader, 20);
    cr_expect_gt(node_info(cluster, other, "raft_current_term"), term);
    cr_expect_eq(node_info(cluster, other, "raft_busy_heard"), heard);
    (void)node_signal(cluster, leader, SIGCONT);
    await_writes(writers, -1, 20);
    writers_end(writers);
    cluster_expect_equal(cluster);
}

/* A loop that never comes back is replaced after 5 s, although its watchdog lives. */
Test(busy, does_not_last_for_ever, .init = begin, .fini = end) {
    int leader = cluster_leader(cluster), other = (leader + 1) % NODES;
    long long id = node_info(cluster, leader, "raft_node_id");
    redisContext *sleeper = ask_for_sleep(leader, "60");
    int64_t began = clock_ms();
    AWAIT(node_info(cluster, other, "raft_leader_id") != id &&
          node_info(cluster, other, "raft_serves") == 1);
    cr_expect_geq(clock_ms() - began, 4000, "not before the bound");
    redisContext *client = node_connect(cluster, other);
    cr_expect(ask_is(client, "OK", "SET key value"));
    redisFree(client);
    (void)node_signal(cluster, leader, SIGKILL);
    redisFree(sleeper);
    node_start(cluster, leader);
    node_await_serving(cluster, leader);
    cluster_expect_equal(cluster);
}
