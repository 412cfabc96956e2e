/* test_operations.c: what an operator does with a cluster that serves: RAFT …, FAILOVER, stopping
 * nodes, changing their timing and priority; and what the log says of it. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/cluster/harness.h"

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct cluster *cluster;

static void begin(void) {
    cluster = cluster_create_running(3, NULL);
}

static void end(void) {
    if (cluster != NULL) cluster_destroy(cluster);
    cluster = NULL;
}

static int other_follower(int leader, int follower) {
    return 3 - leader - follower;
}

static bool leads(int node) {
    char role[32];
    node_info_text(cluster, node, "raft", "raft_role", role, sizeof(role));
    return strcmp(role, "leader") == 0;
}

static bool shows(int node, const char *section, const char *field, const char *expected) {
    char text[512];
    node_info_text(cluster, node, section, field, text, sizeof(text));
    return strcmp(text, expected) == 0;
}

/* --- RAFT
 * ----------------------------------------------------------------------------------------- */

Test(operations, transfers_leadership_from_any_node, .init = begin, .fini = end) {
    int leader = cluster_leader(cluster), follower = cluster_follower(cluster);
    redisContext *client = node_connect(cluster, follower);
    int id = (int)node_info(cluster, follower, "raft_node_id");
    /* Given up where the machine stands still for an election time-out. */
    AWAIT(answers(client, "OK", "RAFT TRANSFER %d", id));
    cr_expect(leads(follower));
    AWAIT(!leads(leader));
    cr_expect(ask_is(client, "OK", "RAFT TRANSFER %d", id), "it leads already");
    AWAIT(answers(client, "OK", "RAFT TRANSFER"));
    AWAIT(!leads(follower));
    cr_expect(ask_is(client, "ERR there is no node 9", "RAFT TRANSFER 9"));
    cr_expect(ask_is(client, "ERR value is not an integer or out of range", "RAFT TRANSFER x"));
    node_await_log(cluster, leader, "Hands leadership over to node");
    node_await_log(cluster, leader, "an operator asked for it");
    node_await_log(cluster, follower, "Became leader of term");
    node_await_log(cluster, follower, "a majority voted for it: node");
    redisFree(client);
    cluster_expect_equal(cluster);
}

Test(operations, a_barrier_sees_what_was_acknowledged, .fini = end) {
    cluster = cluster_create_running(3, OPTIONS("--raft-read-mode", "local"));
    int leader = cluster_leader(cluster), follower = cluster_follower(cluster);
    redisContext *writer = node_connect(cluster, leader), *reader = node_connect(cluster, follower);
    for (long long i = 1; i <= 50; i++) {
        cr_assert_eq(ask_integer(writer, "INCR x"), i);
        cr_assert_gt(ask_integer(reader, "RAFT BARRIER"), 0);
        cr_assert_eq(ask_integer(reader, "GET x"), i);
    }
    cr_expect(ask_is(reader, "ERR timeout is negative", "RAFT BARRIER -1"));
    node_signal(cluster, leader, SIGKILL);
    node_signal(cluster, other_follower(leader, follower), SIGKILL);
    redisReply *reply = ask(reader, "RAFT BARRIER 100");
    cr_expect_eq(reply->type, REDIS_REPLY_ERROR);
    cr_expect_eq(strncmp(reply->str, "CLUSTERDOWN the barrier", 23), 0, "%s", reply->str);
    freeReplyObject(reply);
    redisFree(writer);
    redisFree(reader);
}

Test(operations, makes_a_snapshot_and_says_when, .init = begin, .fini = end) {
    int node = cluster_follower(cluster);
    redisContext *client = node_connect(cluster, node);
    cr_assert(ask_is(client, "OK", "SET a 1"));
    long long before = node_info(cluster, node, "raft_snapshots_created");
    long long index = ask_integer(client, "RAFT SNAPSHOT");
    cr_expect_geq(index, 3);
    cr_expect_eq(node_info(cluster, node, "raft_snapshot_last_idx"), index);
    cr_expect_eq(node_info(cluster, node, "raft_snapshots_created"), before + 1);
    cr_expect_geq(node_info(cluster, node, "raft_snapshot_last_term"), 1);
    cr_expect_eq(node_info(cluster, node, "raft_snapshot_in_progress"), 0);
    cr_expect(shows(node, "raft", "raft_snapshot_state", "idle"));
    redisFree(client);
}

Test(operations, compares_the_nodes_whole_states, .init = begin, .fini = end) {
    int node = cluster_follower(cluster);
    redisContext *client = node_connect(cluster, node);
    for (int i = 0; i < 1000; i++)
        cr_assert(ask_is(client, "OK", "SET key:%d %d", i, i));
    redisReply *reply = ask(client, "RAFT VERIFY");
    cr_assert_eq(reply->type, REDIS_REPLY_ARRAY, "%s", reply->str);
    cr_assert_eq(reply->elements, 8);
    cr_expect_str_eq(reply->element[0]->str, "index");
    cr_expect_gt(reply->element[1]->integer, 1000);
    cr_expect_eq(strlen(reply->element[3]->str), 16);
    cr_expect_str_eq(reply->element[4]->str, "agree");
    cr_expect_eq(reply->element[5]->elements, 3);
    cr_expect_eq(reply->element[7]->elements, 0);
    freeReplyObject(reply);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(node_info(cluster, i, "raft_verifications"), 1);
    cr_expect(ask_is(client, "OK", "SET after 1"));
    /* A node that is gone is named. */
    int gone = cluster_leader(cluster);
    int id = (int)node_info(cluster, gone, "raft_node_id");
    node_signal(cluster, gone, SIGKILL);
    AWAIT(node_info(cluster, node, "raft_leader_id") != id);
    node_await_serving(cluster, node);
    reply = ask(client, "RAFT VERIFY 3000");
    cr_assert_eq(reply->type, REDIS_REPLY_ARRAY, "%s", reply->str);
    cr_expect_eq(reply->element[5]->elements, 2);
    cr_assert_eq(reply->element[7]->elements, 1);
    cr_expect_eq(reply->element[7]->element[0]->integer, id);
    freeReplyObject(reply);
    redisFree(client);
}

Test(operations, tells_of_itself_and_the_others, .init = begin, .fini = end) {
    int leader = cluster_leader(cluster), follower = cluster_follower(cluster);
    redisContext *client = node_connect(cluster, leader);
    cr_assert(ask_is(client, "OK", "SET a 1"));
    redisReply *reply = ask(client, "RAFT STATUS");
    cr_assert_eq(reply->type, REDIS_REPLY_STRING);
    static const char *const parts[] = {": up, leader in term ",
                                        "role             leader\r\n",
                                        "state            up\r\n",
                                        "commit-index     ",
                                        "match-index",
                                        "rtt-us"};
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        cr_expect_not_null(strstr(reply->str, parts[i]), "%s in %s", parts[i], reply->str);
    freeReplyObject(reply);
    redisFree(client);
    client = node_connect(cluster, follower);
    reply = ask(client, "RAFT STATUS");
    cr_expect_not_null(strstr(reply->str, ": up, follower of node "), "%s", reply->str);
    cr_expect_null(strstr(reply->str, "match-index"));
    freeReplyObject(reply);
    reply = ask(client, "RAFT HELP");
    cr_expect_gt(reply->elements, 10);
    freeReplyObject(reply);
    redisFree(client);
    /* RESP3: a map. */
    int fd = connect_port(cluster->nodes[leader].port);
    static const char question[] = "HELLO 3\r\nRAFT STATUS\r\n";
    cr_assert_eq(write(fd, question, strlen(question)), (ssize_t)strlen(question));
    char answer[8192];
    size_t size = 0;
    while (size + 1 < sizeof(answer) &&
           (size == 0 || strstr(answer, "$5\r\nnodes\r\n*3\r\n") == NULL)) {
        ssize_t count = read(fd, answer + size, sizeof(answer) - 1 - size);
        cr_assert_gt(count, 0, "%s", answer);
        size += (size_t)count;
        answer[size] = '\0';
    }
    cr_expect_not_null(strstr(answer, "$4\r\nrole\r\n$6\r\nleader\r\n"));
    close(fd);
}

/* --- FAILOVER
 * ------------------------------------------------------------------------------------- */

Test(operations, fails_over_in_redis_words, .init = begin, .fini = end) {
    int leader = cluster_leader(cluster), follower = cluster_follower(cluster);
    redisContext *client = node_connect(cluster, leader), *other = node_connect(cluster, follower);
    static const struct {
        const char *command, *reply;
    } errors[] = {
        {"FAILOVER ABORT", "ERR No failover in progress."},
        {"FAILOVER TO a", "ERR syntax error"},
        {"FAILOVER TO 127.0.0.1 1", "ERR FAILOVER target HOST and PORT is not a replica."},
        {"FAILOVER TO 127.0.0.1 x", "ERR value is not an integer or out of range"},
        {"FAILOVER TIMEOUT 0", "ERR FAILOVER timeout must be greater than 0"},
        {"FAILOVER TIMEOUT 10 ABORT", "ERR syntax error"},
        {"FAILOVER FORCE",
         "ERR FAILOVER with force option requires both a timeout and target HOST and IP."},
    };
    for (size_t i = 0; i < COUNT_OF(errors); i++)
        cr_expect(ask_is(client, errors[i].reply, errors[i].command));
    cr_expect(ask_is(other, "ERR FAILOVER is not valid when server is a replica.", "FAILOVER"));
    cr_expect(shows(leader, "replication", "master_failover_state", "no-failover"));
    cr_expect(ask_is(client, "OK", "FAILOVER TO 127.0.0.1 %d TIMEOUT 5000",
                     cluster->nodes[follower].port));
    AWAIT(leads(follower));
    AWAIT(!leads(leader));
    cr_expect(ask_is(other, "OK", "FAILOVER"));
    AWAIT(!leads(follower));
    redisFree(client);
    redisFree(other);
    cluster_expect_equal(cluster);
}

/* To a node that stands still and misses something: it waits, and is taken back. */
Test(operations, a_failover_that_waits_is_aborted, .fini = end) {
    cluster = cluster_create_running(3, OPTIONS("--raft-election-timeout", "5000"));
    int leader = cluster_leader(cluster), follower = cluster_follower(cluster);
    redisContext *client = node_connect(cluster, leader);
    node_signal(cluster, follower, SIGSTOP);
    cr_assert(ask_is(client, "OK", "SET a 1"));
    cr_assert(ask_is(client, "OK", "FAILOVER TO 127.0.0.1 %d", cluster->nodes[follower].port));
    AWAIT(shows(leader, "replication", "master_failover_state", "waiting-for-sync"));
    cr_expect(node_info(cluster, leader, "raft_transfer_to") > 0);
    cr_expect(ask_is(client, "ERR FAILOVER already in progress.", "FAILOVER"));
    cr_expect(ask_is(client, "OK", "FAILOVER ABORT"));
    AWAIT(shows(leader, "replication", "master_failover_state", "no-failover"));
    cr_expect(ask_is(client, "OK", "SET a 2"));
    node_await_log(cluster, leader, "an operator took it back");
    node_signal(cluster, follower, SIGCONT);
    redisFree(client);
}

/* --- timing and priority
 * -------------------------------------------------------------------------- */

static void expect_timing(const char *heartbeat, const char *election) {
    for (int node = 0; node < 3; node++) {
        AWAIT(shows(node, "raft", "raft_heartbeat_interval_ms", heartbeat));
        AWAIT(shows(node, "raft", "raft_election_timeout_ms", election));
        redisContext *client = node_connect(cluster, node);
        redisReply *reply = ask(client, "CONFIG GET raft-election-timeout");
        cr_assert_eq(reply->elements, 2);
        cr_expect_str_eq(reply->element[1]->str, election);
        freeReplyObject(reply);
        redisFree(client);
    }
}

Test(operations, timing_is_the_same_on_all_nodes, .fini = end) {
    cluster = cluster_create_running(3, OPTIONS("--raft-election-timeout", "2000"));
    expect_timing("50", "2000");
    long long term = node_info(cluster, 0, "raft_current_term");
    redisContext *client = node_connect(cluster, cluster_follower(cluster));
    cr_expect(ask_is(client, "OK",
                     "CONFIG SET raft-election-timeout 4000 raft-heartbeat-interval "
                     "500"));
    expect_timing("500", "4000");
    /* All or none, also where one is this node's and the other the cluster's. */
    redisReply *reply = ask(client, "CONFIG SET hz 20 raft-heartbeat-interval 3000");
    cr_expect_eq(reply->type, REDIS_REPLY_ERROR);
    freeReplyObject(reply);
    reply = ask(client, "CONFIG GET hz");
    cr_expect_str_eq(reply->element[1]->str, "10");
    freeReplyObject(reply);
    cr_expect(ask_is(client, "OK",
                     "CONFIG SET raft-election-timeout 1900 raft-heartbeat-interval "
                     "50"));
    expect_timing("50", "1900");
    cr_expect_eq(node_info(cluster, 0, "raft_current_term"), term, "nobody was unseated");
    redisFree(client);
    node_await_log(cluster, 0,
                   "The cluster's timing: raft-heartbeat-interval 500, "
                   "raft-election-timeout 4000");
    /* A file's value counts no longer. */
    int node = cluster_follower(cluster);
    node_signal(cluster, node, SIGTERM);
    node_start(cluster, node);
    node_await_serving(cluster, node);
    expect_timing("50", "1900");
    node_await_log(cluster, node, "Without effect: raft-election-timeout 2000");
}

Test(operations, the_port_that_the_others_know_stays, .init = begin, .fini = end) {
    redisContext *client = node_connect(cluster, 1);
    cr_expect(ask_is(client,
                     "ERR CONFIG SET failed (possibly related to argument 'port') - the other "
                     "nodes know this one by its port: it can't change while the node runs",
                     "CONFIG SET port 1"));
    redisFree(client);
    client = node_connect(cluster, 1);
    cr_expect(ask_is(client, "PONG", "PING"), "it listens where it did");
    redisFree(client);
}

static bool takes_over(redisContext *client, int id) {
    redisReply *reply = ask(client, "RAFT TRANSFER %d", id);
    bool done = reply->type == REDIS_REPLY_STATUS;
    freeReplyObject(reply);
    return done;
}

Test(operations, a_node_without_priority_never_leads, .init = begin, .fini = end) {
    int leader = cluster_leader(cluster);
    redisContext *client = node_connect(cluster, leader);
    int id = (int)node_info(cluster, leader, "raft_node_id");
    cr_expect(ask_is(client, "OK", "CONFIG SET raft-priority 0"));
    AWAIT(!leads(leader));
    cr_expect_eq(node_info(cluster, leader, "raft_priority"), 0);
    AWAIT(shows(leader, "replication", "slave_priority", "0"));
    node_await_log(cluster, leader, "its raft-priority is 0");
    cr_expect_neq(cluster_leader(cluster), leader);
    /* Once the leader has heard of it: a transfer begun before that ends in vain. */
    AWAIT(answers(client, "ERR that node must not lead, or its disk is full", "RAFT TRANSFER %d",
                  id));
    cr_expect(ask_is(client, "OK", "SET a 1"));
    cr_expect(ask_is(client, "OK", "CONFIG SET raft-priority 1"));
    AWAIT(shows(leader, "replication", "slave_priority", "100"));
    AWAIT(takes_over(client, id)); /* once the leader has heard of it */
    cr_expect(leads(leader));
    redisFree(client);
}

/* --- stopping
 * ------------------------------------------------------------------------------------- */

Test(operations, the_log_says_why_nobody_leads, .init = begin, .fini = end) {
    int leader = cluster_leader(cluster), follower = cluster_follower(cluster);
    int other = other_follower(leader, follower);
    node_await_log(cluster, leader, "a majority voted for it: node");
    node_await_log(cluster, follower, "it hears the leader, node");
    node_signal(cluster, follower, SIGKILL);
    node_signal(cluster, other, SIGKILL);
    node_await_log(cluster, leader, "Stepped down, follower in term");
    node_await_log(cluster, leader, "no majority was heard for");
    /* Asking in vain is told once, however often it happens. */
    node_start(cluster, follower);
    AWAIT(leads(leader) || leads(follower));
    int next = leads(leader) ? leader : follower, last = leader + follower - next;
    node_await_serving(cluster, last);
    node_signal(cluster, next, SIGKILL);
    node_await_log(cluster, last, "no heartbeat came from node");
    AWAIT(shows(last, "raft", "raft_leader_id", "0"));
    redisContext *client = node_connect(cluster, last);
    for (int i = 0; i < 3; i++) {
        redisReply *reply = ask(client, "RAFT BARRIER 900");
        cr_expect_eq(reply->type, REDIS_REPLY_ERROR);
        freeReplyObject(reply);
    }
    cr_expect_leq(node_count_logged(cluster, last, "Became pre-candidate"), 4);
    redisFree(client);
}

enum { COUNTERS = 6 };

/* Counts on a node; when its connection ends it goes on at the next one, and asks once more for
 * what had no answer. */
struct counter {
    pthread_t thread;
    const atomic_bool *stop;
    int number;
    atomic_llong acknowledged;
    atomic_int node;
    long long errors, moves, longest_us;
    char error[160];
};

static int64_t clock_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000ll + now.tv_nsec / 1000;
}

static bool count_once(struct counter *counter, redisContext *client) {
    int64_t since_us = clock_us();
    redisReply *reply = redisCommand(client, "INCR count:%d", counter->number);
    if (reply == NULL) return false;
    if (reply->type == REDIS_REPLY_ERROR) {
        counter->errors++;
        snprintf(counter->error, sizeof(counter->error), "%s", reply->str);
    } else {
        counter->acknowledged++;
    }
    freeReplyObject(reply);
    if (clock_us() - since_us > counter->longest_us) counter->longest_us = clock_us() - since_us;
    return true;
}

static void *count(void *argument) {
    struct counter *counter = argument;
    redisContext *client = NULL;
    while (!atomic_load(counter->stop)) {
        if (client == NULL) client = node_try_connect(cluster, counter->node);
        if (client != NULL && count_once(counter, client)) continue;
        if (client != NULL) redisFree(client);
        client = NULL;
        counter->node = (counter->node + 1) % 3;
        counter->moves++;
    }
    if (client != NULL) redisFree(client);
    return NULL;
}

static void start_counters(struct counter counters[COUNTERS], const atomic_bool *stop) {
    for (int i = 0; i < COUNTERS; i++) {
        counters[i] = (struct counter){.stop = stop, .number = i, .node = i % 3};
        cr_assert_eq(pthread_create(&counters[i].thread, NULL, count, &counters[i]), 0);
    }
}

static void await_counts(struct counter counters[COUNTERS], long long more) {
    long long wanted[COUNTERS];
    for (int i = 0; i < COUNTERS; i++)
        wanted[i] = counters[i].acknowledged + more;
    for (int i = 0; i < COUNTERS; i++)
        AWAIT(counters[i].acknowledged >= wanted[i]);
}

/* No error, and every count is exactly what was acknowledged. */
static void check_counters(struct counter counters[COUNTERS]) {
    redisContext *client = node_connect(cluster, 0);
    for (int i = 0; i < COUNTERS; i++) {
        cr_expect_eq(counters[i].errors, 0, "counter %d: %s", i, counters[i].error);
        cr_expect_eq(ask_integer(client, "GET count:%d", i), counters[i].acknowledged, "counter %d",
                     i);
    }
    redisFree(client);
}

Test(operations, a_rolling_restart_fails_no_call, .init = begin, .fini = end) {
    struct counter counters[COUNTERS];
    atomic_bool stop = false;
    start_counters(counters, &stop);
    await_counts(counters, 20);
    for (int round = 0; round < 6; round++) {
        int node = round % 2 == 0 ? cluster_leader(cluster) : (round / 2) % 3;
        cr_expect_eq(node_signal(cluster, node, SIGTERM), 0, "it ends well");
        await_counts(counters, 20);
        node_start(cluster, node);
        node_await_serving(cluster, node);
        await_counts(counters, 20);
    }
    atomic_store(&stop, true);
    long long moves = 0;
    for (int i = 0; i < COUNTERS; i++) {
        pthread_join(counters[i].thread, NULL);
        moves += counters[i].moves;
    }
    cr_expect_geq(moves, 6);
    check_counters(counters);
    cluster_expect_equal(cluster);
}

Test(operations, a_leader_hands_over_before_it_stops, .init = begin, .fini = end) {
    int leader = cluster_leader(cluster), follower = cluster_follower(cluster);
    long long changes = node_info(cluster, follower, "raft_leader_changes");
    redisContext *client = node_connect(cluster, follower);
    cr_assert_eq(ask_integer(client, "INCR x"), 1);
    cr_expect_eq(node_signal(cluster, leader, SIGTERM), 0);
    cr_expect_eq(ask_integer(client, "INCR x"), 2);
    cr_expect_eq(node_info(cluster, follower, "raft_leader_changes"), changes + 1);
    node_await_log(cluster, leader, "Hands leadership over to node");
    node_await_log(cluster, leader, "it was asked to stop");
    redisFree(client);
}

/* Its clients are answered what they have asked for, and only then lose their connection. */
Test(operations, what_was_asked_is_answered_before_the_end, .init = begin, .fini = end) {
    int leader = cluster_leader(cluster);
    redisContext *client = node_connect(cluster, leader);
    enum { ASKED = 2000 };
    for (int i = 0; i < ASKED; i++)
        redisAppendCommand(client, "INCR x");
    int done = 0;
    while (!done)
        cr_assert_eq(redisBufferWrite(client, &done), REDIS_OK);
    redisReply *first = NULL;
    cr_assert_eq(redisGetReply(client, (void **)&first), REDIS_OK);
    freeReplyObject(first);
    (void)kill(cluster->nodes[leader].pid, SIGTERM);
    long long answered = 1;
    redisReply *reply = NULL;
    while (redisGetReply(client, (void **)&reply) == REDIS_OK) {
        cr_expect_eq(reply->type, REDIS_REPLY_INTEGER, "%s", reply->str);
        answered++;
        freeReplyObject(reply);
    }
    redisFree(client);
    cr_expect_eq(node_await_exit(cluster, leader), 0);
    client = node_connect(cluster, cluster_leader(cluster));
    cr_expect_eq(ask_integer(client, "GET x"), answered);
    redisFree(client);
}

Test(operations, a_shutdown_is_aborted_while_it_hands_over, .fini = end) {
    cluster = cluster_create_running(3, OPTIONS("--raft-election-timeout", "5000"));
    int leader = cluster_leader(cluster), follower = cluster_follower(cluster);
    int other = other_follower(leader, follower);
    redisContext *client = node_connect(cluster, leader), *asks = node_connect(cluster, leader);
    cr_expect(ask_is(client, "ERR No shutdown in progress.", "SHUTDOWN ABORT"));
    /* Nobody has what it would take over: both others stand still. */
    node_signal(cluster, follower, SIGSTOP);
    node_signal(cluster, other, SIGSTOP);
    int fd = connect_port(cluster->nodes[leader].port);
    cr_assert_eq(write(fd, "SET a 1\r\n", 9), 9);
    AWAIT(node_info(cluster, leader, "raft_inflight_bytes") > 0);
    redisAppendCommand(asks, "SHUTDOWN");
    int done = 0;
    cr_assert_eq(redisBufferWrite(asks, &done), REDIS_OK);
    node_await_log(cluster, leader, "User requested shutdown");
    cr_expect(ask_is(client, "OK", "SHUTDOWN ABORT"));
    redisReply *reply = NULL;
    cr_assert_eq(redisGetReply(asks, (void **)&reply), REDIS_OK);
    cr_expect_str_eq(reply->str, "ERR Errors trying to SHUTDOWN. Check logs.");
    freeReplyObject(reply);
    node_signal(cluster, follower, SIGCONT);
    node_signal(cluster, other, SIGCONT);
    cr_expect(ask_is(client, "OK", "SET b 1"));
    close(fd);
    redisFree(client);
    redisFree(asks);
}

/* With nobody to answer it, it waits no longer than it may. */
Test(operations, a_stop_without_a_majority_is_bounded, .fini = end) {
    cluster = cluster_create_running(3, OPTIONS("--shutdown-timeout", "1"));
    int node = cluster_follower(cluster);
    int fd = connect_port(cluster->nodes[node].port);
    for (int i = 0; i < 3; i++)
        if (i != node) node_signal(cluster, i, SIGKILL);
    cr_assert_eq(write(fd, "SET a 1\r\n", 9), 9);
    AWAIT(node_info(cluster, node, "raft_inflight_bytes") > 0);
    int64_t since_ms = clock_ms();
    cr_expect_eq(node_signal(cluster, node, SIGTERM), 0);
    cr_expect_geq(clock_ms() - since_ms, 900);
    node_await_log(cluster, node, "1 clients are not answered within shutdown-timeout");
    close(fd);
}
