/* test_members.c: real nodes join, leave, are removed and replaced, while clients count. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/cluster/harness.h"

/* --- load: one client a node, each with a counter of its own -------------------------------- */

struct counter {
    pthread_t thread;
    struct cluster *cluster;
    int node;
    atomic_bool stop, failed;
    atomic_llong acknowledged;
    char error[256]; /* once it has failed */
};

static void note_failure(struct counter *counter, const char *text) {
    snprintf(counter->error, sizeof(counter->error), "%s", text);
    atomic_store(&counter->failed, true);
}

static void *count(void *argument) {
    struct counter *counter = argument;
    redisContext *client = node_try_connect(counter->cluster, counter->node);
    if (client == NULL) note_failure(counter, "no connection");
    while (!atomic_load(&counter->failed) && !atomic_load(&counter->stop)) {
        redisReply *reply = redisCommand(client, "INCR counter:%d", counter->node);
        if (reply == NULL)
            note_failure(counter, client->errstr);
        else if (reply->type == REDIS_REPLY_INTEGER)
            atomic_fetch_add(&counter->acknowledged, 1);
        else
            note_failure(counter, reply->str);
        if (reply != NULL) freeReplyObject(reply);
    }
    if (client != NULL) redisFree(client);
    return NULL;
}

static bool has_gone_on(struct counter *counter, long long from) {
    return atomic_load(&counter->acknowledged) > from || atomic_load(&counter->failed);
}

static void counter_start(struct counter *counter, struct cluster *cluster, int node) {
    *counter = (struct counter){.cluster = cluster, .node = node};
    cr_assert_eq(pthread_create(&counter->thread, NULL, count, counter), 0);
    AWAIT(has_gone_on(counter, 0));
}

/* No call has failed, and each was carried out once. */
static void counter_end(struct counter *counter, int asked) {
    long long before = atomic_load(&counter->acknowledged);
    AWAIT(has_gone_on(counter, before));
    atomic_store(&counter->stop, true);
    pthread_join(counter->thread, NULL);
    bool failed = atomic_load(&counter->failed);
    cr_expect_not(failed, "node %d: %s", counter->node + 1, counter->error);
    if (failed) counter->cluster->keep = true;
    redisContext *client = node_connect(counter->cluster, asked);
    cr_expect_eq(ask_integer(client, "GET counter:%d", counter->node),
                 atomic_load(&counter->acknowledged));
    redisFree(client);
}

/* --- nodes ----------------------------------------------------------------------------------- */

static void start_alone(struct cluster *cluster, int node) {
    node_start_with(cluster, node, NULL, NULL);
    node_await_serving(cluster, node);
}

static int voters_seen_by(struct cluster *cluster, int node) {
    return (int)node_info(cluster, node, "raft_num_voting_nodes");
}

static bool is_settled(struct cluster *cluster, int voters) {
    for (int i = 0; i < cluster->count; i++) {
        if (!node_runs(cluster, i)) continue;
        bool is_so = voters_seen_by(cluster, i) == voters &&
                     node_info(cluster, i, "raft_num_nodes") == voters &&
                     node_info(cluster, i, "raft_serves") == 1;
        if (!is_so) return false;
    }
    return true;
}

static void expect_ok(struct cluster *cluster, int node, const char *command) {
    redisContext *client = node_connect(cluster, node);
    redisReply *reply = ask(client, command);
    cr_expect(reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "OK") == 0, "%s: %s", command,
              reply->str == NULL ? "?" : reply->str);
    freeReplyObject(reply);
    redisFree(client);
}

static void expect_error(struct cluster *cluster, int node, const char *command, const char *text) {
    redisContext *client = node_connect(cluster, node);
    redisReply *reply = ask(client, command);
    cr_expect_eq(reply->type, REDIS_REPLY_ERROR, "%s", command);
    cr_expect(reply->str != NULL && strstr(reply->str, text) != NULL, "%s: %s", command,
              reply->str == NULL ? "?" : reply->str);
    freeReplyObject(reply);
    redisFree(client);
}

static void expect_id_removed(struct cluster *cluster, int asked, long long id) {
    char command[64];
    snprintf(command, sizeof(command), "RAFT REMOVE %lld", id);
    expect_ok(cluster, asked, command);
}

static void expect_removed(struct cluster *cluster, int asked, int node) {
    expect_id_removed(cluster, asked, node_info(cluster, node, "raft_node_id"));
}

static bool state_is(struct cluster *cluster, int node, const char *expected) {
    char state[32];
    node_info_text(cluster, node, "raft", "raft_state", state, sizeof(state));
    return strcmp(state, expected) == 0;
}

static void await_state(struct cluster *cluster, int node, const char *expected) {
    AWAIT(state_is(cluster, node, expected));
}

/* It knows that it is no member any more, and stops as ever. */
static void end_removed(struct cluster *cluster, int node) {
    await_state(cluster, node, "removed");
    int status = node_signal(cluster, node, SIGTERM);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status %x", status);
}

/* --- growing --------------------------------------------------------------------------------- */

/* The peer port of a lone node is closed until RAFT ADD opens it. */
Test(members, one_grows_to_three_under_load) {
    struct cluster *cluster = cluster_create(3, NULL);
    start_alone(cluster, 0);
    cr_expect_eq(connect_port(cluster->nodes[0].port + 10000), -1, "no peer port yet");
    struct counter counters[3];
    counter_start(&counters[0], cluster, 0);
    node_start_joining(cluster, 1, 0);
    await_state(cluster, 1, "joining");
    expect_error(cluster, 1, "SET x y", "LOADING this node waits to be let into its cluster");
    node_await_log(cluster, 1, "waits to be let in by 127.0.0.1:");
    redisContext *client = node_connect(cluster, 0);
    cr_expect_eq(ask_integer(client, "RAFT ADD 127.0.0.1:%d", cluster->nodes[1].port), 2);
    cr_expect_eq(ask_integer(client, "RAFT ADD 127.0.0.1:%d", cluster->nodes[1].port), 2,
                 "it is one already");
    redisFree(client);
    node_await_serving(cluster, 1);
    counter_start(&counters[1], cluster, 1);
    node_start_joining(cluster, 2, 1);
    AWAIT(is_settled(cluster, 3));
    counter_start(&counters[2], cluster, 2);
    for (int i = 0; i < 3; i++)
        counter_end(&counters[i], i);
    node_await_log(cluster, 0, "has caught up and votes");
    cluster_expect_equal(cluster);
    /* Two of three are a majority now, whichever dies. */
    (void)node_signal(cluster, cluster_leader(cluster), SIGKILL);
    AWAIT(is_settled(cluster, 3));
    cluster_destroy(cluster);
}

Test(members, three_grow_to_five_and_shrink_under_load) {
    struct cluster *cluster = cluster_create(5, NULL);
    cluster_start_founders(cluster, 3);
    struct counter counters[3];
    for (int i = 0; i < 2; i++)
        counter_start(&counters[i], cluster, i);
    node_start_joining(cluster, 3, 1);
    node_start_joining(cluster, 4, 2);
    AWAIT(is_settled(cluster, 5));
    counter_start(&counters[2], cluster, 4);
    /* One that leads and one that does not; their own clients are elsewhere. */
    expect_removed(cluster, 4, 2);
    await_state(cluster, 2, "removed");
    expect_error(cluster, 2, "SET x y", "CLUSTERDOWN this node was removed from its cluster");
    node_await_log(cluster, 2, "was removed from its cluster: it takes no part any more");
    end_removed(cluster, 2);
    if (cluster_leader(cluster) != 3)
        expect_removed(cluster, 0, 3);
    else
        expect_ok(cluster, 3, "RAFT LEAVE");
    end_removed(cluster, 3);
    AWAIT(is_settled(cluster, 3));
    for (int i = 0; i < 3; i++)
        counter_end(&counters[i], 0);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

Test(members, a_leader_leaves_under_load) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    int leader = cluster_leader(cluster), first = (leader + 1) % 3, second = (leader + 2) % 3;
    struct counter counters[2];
    counter_start(&counters[0], cluster, first);
    counter_start(&counters[1], cluster, second);
    expect_ok(cluster, leader, "RAFT LEAVE");
    end_removed(cluster, leader);
    AWAIT(is_settled(cluster, 2));
    counter_end(&counters[0], second);
    counter_end(&counters[1], first);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

/* --- replacing ------------------------------------------------------------------------------- */

Test(members, a_lost_directory_is_replaced_by_way_of_remove_and_join) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    int lost = cluster_follower(cluster), other = cluster_leader(cluster);
    long long id = node_info(cluster, lost, "raft_node_id");
    struct counter counter;
    counter_start(&counter, cluster, other);
    (void)node_signal(cluster, lost, SIGKILL);
    node_lose_directory(cluster, lost);
    char mend[64];
    snprintf(mend, sizeof(mend), "RAFT ADD with REPLACE %lld, and start it again", id);
    node_start(cluster, lost); /* with --cluster, as it was */
    node_expect_refused(cluster, lost, "RAFT ADD host:port REPLACE id on another node");
    node_lose_directory(cluster, lost);
    node_start_joining(cluster, lost, other);
    node_expect_refused(cluster, lost, mend);
    expect_id_removed(cluster, other, id);
    node_start_joining(cluster, lost, other);
    AWAIT(is_settled(cluster, 3));
    cr_expect_eq(node_info(cluster, lost, "raft_node_id"), 4, "ids are not used again");
    counter_end(&counter, lost);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

/* --- in one step --- */

/* RAFT ADD on a connection of its own: it waits for the new node. */
struct addition {
    redisContext *client;
    pthread_t thread;
    char command[128];
    long long id;
    char error[256];
};

static void *await_addition(void *argument) {
    struct addition *addition = argument;
    redisReply *reply = redisCommand(addition->client, addition->command);
    if (reply == NULL)
        snprintf(addition->error, sizeof(addition->error), "%s", addition->client->errstr);
    else if (reply->type == REDIS_REPLY_INTEGER)
        addition->id = reply->integer;
    else
        snprintf(addition->error, sizeof(addition->error), "%s", reply->str);
    if (reply != NULL) freeReplyObject(reply);
    return NULL;
}

static bool waits_for_a_node(struct cluster *cluster, int node) {
    redisContext *client = node_connect(cluster, node);
    redisReply *list = ask(client, "CLIENT LIST");
    bool waits = list->type == REDIS_REPLY_STRING && strstr(list->str, "cmd=raft|add") != NULL;
    freeReplyObject(list);
    redisFree(client);
    return waits;
}

static void addition_start(struct addition *addition, struct cluster *cluster, int asked, int node,
                           long long replaced) {
    *addition = (struct addition){.client = node_connect(cluster, asked)};
    snprintf(addition->command, sizeof(addition->command), "RAFT ADD 127.0.0.1:%d REPLACE %lld",
             cluster->nodes[node].port, replaced);
    cr_assert_eq(pthread_create(&addition->thread, NULL, await_addition, addition), 0);
    AWAIT(waits_for_a_node(cluster, asked));
}

static void addition_end(struct addition *addition, long long expected) {
    pthread_join(addition->thread, NULL);
    cr_expect_eq(addition->id, expected, "%s: %s", addition->command, addition->error);
    redisFree(addition->client);
}

/* In one configuration the dead node is there and the new one does not vote, in the next it is the
 * other way round: there is never a fourth voter, so one more may always fail. */
static void replace_in_one_step(bool same_address) {
    struct cluster *cluster = cluster_create(4, NULL);
    cluster_start_founders(cluster, 3);
    int lost = cluster_follower(cluster), leader = cluster_leader(cluster);
    int other = 3 - lost - leader, newcomer = same_address ? lost : 3;
    long long id = node_info(cluster, lost, "raft_node_id");
    struct counter counters[2];
    counter_start(&counters[0], cluster, leader);
    counter_start(&counters[1], cluster, other);
    (void)node_signal(cluster, lost, SIGKILL);
    if (same_address) node_lose_directory(cluster, lost);
    struct addition addition;
    addition_start(&addition, cluster, leader, newcomer, id);
    /* Another member lets it in than the one that was told. */
    node_start_joining(cluster, newcomer, other);
    addition_end(&addition, 4);
    AWAIT(is_settled(cluster, 3));
    cr_expect_eq(node_info(cluster, newcomer, "raft_node_id"), 4);
    for (int i = 0; i < 2; i++)
        counter_end(&counters[i], newcomer);
    cr_expect_eq(node_count_logged(cluster, leader, "has caught up and votes"), 1);
    cr_expect_eq(node_count_logged(cluster, leader, "was removed"), 1);
    cluster_expect_equal(cluster);
    (void)node_signal(cluster, cluster_leader(cluster), SIGKILL);
    AWAIT(is_settled(cluster, 3));
    cluster_destroy(cluster);
}

Test(members, a_dead_node_is_replaced_in_one_step_under_load) {
    replace_in_one_step(false);
}

Test(members, a_lost_disk_is_replaced_in_one_step_under_the_old_address) {
    replace_in_one_step(true);
}

/* It lives, and leads: what it leads to last it has to hear of. */
Test(members, a_leader_is_replaced_in_one_step_under_load) {
    struct cluster *cluster = cluster_create(4, NULL);
    cluster_start_founders(cluster, 3);
    int leader = cluster_leader(cluster), asked = (leader + 1) % 3, other = (leader + 2) % 3;
    struct counter counters[2];
    counter_start(&counters[0], cluster, asked);
    counter_start(&counters[1], cluster, other);
    struct addition addition;
    addition_start(&addition, cluster, asked, 3, node_info(cluster, leader, "raft_node_id"));
    node_start_joining(cluster, 3, leader);
    addition_end(&addition, 4);
    end_removed(cluster, leader);
    AWAIT(is_settled(cluster, 3));
    counter_end(&counters[0], 3);
    counter_end(&counters[1], asked);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

/* What was a Redis on one machine goes on on another. */
Test(members, a_node_alone_is_replaced_in_one_step) {
    struct cluster *cluster = cluster_create(2, NULL);
    start_alone(cluster, 0);
    redisContext *client = node_connect(cluster, 0);
    cr_expect(ask_is(client, "OK", "SET x y"));
    redisFree(client);
    struct addition addition;
    addition_start(&addition, cluster, 0, 1, 1);
    node_start_joining(cluster, 1, 0);
    addition_end(&addition, 2);
    end_removed(cluster, 0);
    AWAIT(is_settled(cluster, 1));
    client = node_connect(cluster, 1);
    cr_expect(ask_is(client, "y", "GET x"));
    redisFree(client);
    cluster_destroy(cluster);
}

/* Its log says nothing of it, and those that it knew are gone or don't hear it. */
Test(members, a_node_that_was_removed_while_it_was_down_is_told) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    int gone = cluster_follower(cluster), leader = cluster_leader(cluster);
    long long id = node_info(cluster, gone, "raft_node_id");
    (void)node_signal(cluster, gone, SIGKILL);
    expect_id_removed(cluster, leader, id);
    node_start(cluster, gone);
    await_state(cluster, gone, "removed");
    node_await_log(cluster, gone, "was removed from its cluster");
    node_await_log(cluster, gone, "is no member of this cluster any more");
    expect_error(cluster, gone, "GET x", "removed from its cluster");
    cluster_destroy(cluster);
}

/* One directory after the other comes in as the fourth node and goes, until this id's turn is next.
 */
static void use_up_ids(struct cluster *cluster, int asked, long long last) {
    enum { SPARE = 3 };
    redisContext *client = node_connect(cluster, asked);
    for (long long id = 4; id <= last; id++) {
        node_start_joining(cluster, SPARE, asked);
        cr_assert_eq(ask_integer(client, "RAFT ADD 127.0.0.1:%d", cluster->nodes[SPARE].port), id);
        cr_expect(ask_is(client, "OK", "RAFT REMOVE %lld", id));
        (void)node_signal(cluster, SPARE, SIGKILL);
        node_lose_directory(cluster, SPARE);
    }
    redisFree(client);
}

/* There are 16 ids. The old directory under one that is another node's now is nobody. */
Test(members, a_removed_node_whose_id_is_anothers_now_is_refused) {
    enum { SPARE = 3, IDS = 16 };
    struct cluster *cluster = cluster_create(4, NULL);
    cluster_start_founders(cluster, 3);
    int gone = cluster_follower(cluster), leader = cluster_leader(cluster);
    int other = 3 - gone - leader;
    long long id = node_info(cluster, gone, "raft_node_id");
    (void)node_signal(cluster, gone, SIGKILL);
    expect_id_removed(cluster, other, id);
    use_up_ids(cluster, other, IDS);
    node_start_joining(cluster, SPARE, other);
    AWAIT(is_settled(cluster, 3));
    cr_expect_eq(node_info(cluster, SPARE, "raft_node_id"), id, "the first that is free again");
    long long changes = node_info(cluster, leader, "raft_leader_changes");
    node_start(cluster, gone);
    node_await_log(cluster, gone, "has another data directory than the member it claims to be");
    await_state(cluster, gone, "up");
    cr_expect_eq(node_info(cluster, gone, "raft_serves"), 0);
    expect_error(cluster, gone, "SET x y", "CLUSTERDOWN");
    redisContext *client = node_connect(cluster, SPARE);
    cr_expect(ask_is(client, "OK", "SET x y"));
    redisFree(client);
    cr_expect_eq(node_info(cluster, leader, "raft_leader_changes"), changes);
    (void)node_signal(cluster, gone, SIGKILL);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

/* All that it knew have left: it is fed by nodes that it has never heard of. */
Test(members, a_node_that_was_down_follows_leaders_that_it_does_not_know) {
    struct cluster *cluster = cluster_create(5, NULL);
    cluster_start_founders(cluster, 3);
    int late = cluster_follower(cluster), first = (late + 1) % 3, second = (late + 2) % 3;
    (void)node_signal(cluster, late, SIGKILL);
    node_start_joining(cluster, 3, first);
    node_start_joining(cluster, 4, first);
    cluster_await_serving(cluster);
    AWAIT(voters_seen_by(cluster, 3) == 5 && voters_seen_by(cluster, 4) == 5);
    expect_removed(cluster, 4, first);
    expect_removed(cluster, 4, second);
    AWAIT(state_is(cluster, first, "removed") && state_is(cluster, second, "removed"));
    (void)node_signal(cluster, first, SIGKILL);
    (void)node_signal(cluster, second, SIGKILL);
    redisContext *client = node_connect(cluster, 3);
    cr_expect(ask_is(client, "OK", "SET x later"));
    redisFree(client);
    node_start(cluster, late);
    AWAIT(is_settled(cluster, 3));
    client = node_connect(cluster, late);
    cr_expect(ask_is(client, "later", "GET x"));
    redisFree(client);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

/* --- starts ---------------------------------------------------------------------------------- */

/* Nothing but port and directory is needed once a node is a member; what else is said is ignored.
 */
Test(members, members_are_known_again_after_a_restart_of_all) {
    struct cluster *cluster = cluster_create(3, NULL);
    start_alone(cluster, 0);
    node_start_joining(cluster, 1, 0);
    redisContext *client = node_connect(cluster, 0);
    cr_expect_eq(ask_integer(client, "RAFT ADD 127.0.0.1:%d", cluster->nodes[1].port), 2);
    redisFree(client);
    node_start_joining(cluster, 2, 0);
    AWAIT(is_settled(cluster, 3));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3; i++)
            (void)node_signal(cluster, i, round == 0 ? SIGKILL : SIGTERM);
        node_start_with(cluster, 0, NULL, NULL);
        node_start_with(cluster, 1, NULL, NULL);
        node_start_joining(cluster, 2, 1);
        AWAIT(is_settled(cluster, 3));
        node_await_log(cluster, 2,
                       "Without effect: --join (this data directory belongs to "
                       "node 3 of a cluster)");
    }
    client = node_connect(cluster, 2);
    cr_expect(ask_is(client, "OK", "SET x y"));
    redisFree(client);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

/* With a raft-secret a lone node's peer port is open, to those who know it. */
Test(members, a_secret_opens_the_port_and_keeps_others_out) {
    struct cluster *cluster = cluster_create(3, NULL);
    const char *const right[] = {"--raft-secret", "ours", NULL};
    node_start_with(cluster, 0, NULL, right);
    node_await_serving(cluster, 0);
    char address[64];
    snprintf(address, sizeof(address), "127.0.0.1:%d", cluster->nodes[0].port);
    node_start_with(cluster, 1, NULL,
                    (const char *const[]){"--join", address, "--raft-secret", "theirs", NULL});
    node_await_log(cluster, 1, "does not know our raft-secret");
    cr_expect(state_is(cluster, 1, "joining"));
    node_start_with(cluster, 2, NULL,
                    (const char *const[]){"--join", address, "--raft-secret", "ours", NULL});
    AWAIT(voters_seen_by(cluster, 2) == 2);
    cr_expect(state_is(cluster, 1, "joining"));
    cr_expect_eq(node_info(cluster, 2, "raft_node_id"), 2);
    cluster_destroy(cluster);
}

/* Its machine went down, which the file of another start of a machine stands for (SAFETY 14). */
Test(members, an_unsynced_directory_counts_as_empty_once_its_machine_went_down) {
    const char *const options[] = {"--raft-fsync", "no", NULL};
    struct cluster *cluster = cluster_create_running(3, options);
    int node = cluster_follower(cluster);
    char path[2 * CLUSTER_PATH_MAX];
    snprintf(path, sizeof(path), "%s/unsynced", cluster->nodes[node].directory);
    (void)node_signal(cluster, node, SIGKILL);
    cr_assert_eq(access(path, F_OK), 0);
    node_start(cluster, node);
    node_await_serving(cluster, node); /* The kernel has kept what a killed process wrote. */
    (void)node_signal(cluster, node, SIGTERM);
    cr_expect_neq(access(path, F_OK), 0, "a clean stop syncs all");
    node_start(cluster, node);
    node_await_serving(cluster, node);
    (void)node_signal(cluster, node, SIGKILL);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fputs("00000000-0000-0000-0000-000000000000", file) < 0, 0);
    fclose(file);
    node_start(cluster, node);
    node_expect_refused(cluster, node, "it counts as an empty disk: RAFT ADD host:port REPLACE ");
    cluster_destroy(cluster);
}

static void expect_ends(struct cluster *cluster, const char *const *arguments, const char *text) {
    node_start_with(cluster, 0, NULL, arguments);
    node_expect_refused(cluster, 0, text);
}

/* A bare node would found a cluster of its own: it has to say itself that it wants to come in. */
static void expect_nobody_came(struct cluster *cluster, const char *command, const char *rest) {
    char expected[256];
    snprintf(expected, sizeof(expected),
             "ERR the new node has not come yet, after 100 ms: start it at 127.0.0.1:1 with an "
             "empty directory and --join 127.0.0.1:%d, and ask again%s",
             cluster->nodes[0].port, rest);
    redisContext *client = node_connect(cluster, 0);
    cr_expect(ask_is(client, expected, command), "%s", command);
    redisFree(client);
}

Test(members, what_can_not_be_is_said_at_once) {
    struct cluster *cluster = cluster_create(2, NULL);
    expect_ends(cluster, (const char *const[]){"--join", "nowhere", NULL},
                "is not one host:port of a member");
    expect_ends(cluster,
                (const char *const[]){"--join", "127.0.0.1:1", "--cluster",
                                      "127.0.0.1:1,127.0.0.1:2", NULL},
                "give one of them");
    node_lose_directory(cluster, 0);
    start_alone(cluster, 0);
    expect_error(cluster, 0, "RAFT REMOVE 9", "there is no node 9");
    expect_error(cluster, 0, "RAFT REMOVE 99", "there is no node 99");
    expect_error(cluster, 0, "RAFT REMOVE one", "not an integer");
    expect_error(cluster, 0, "RAFT LEAVE", "nobody would be left to vote");
    expect_error(cluster, 0, "RAFT PROMOTE 2", "there is no node 2");
    expect_error(cluster, 0, "RAFT ADD here", "not one host:port");
    expect_error(cluster, 0, "RAFT ADD 127.0.0.1:7001 INSTEAD 1", "syntax error");
    expect_error(cluster, 0, "RAFT ADD 127.0.0.1:7001 REPLACE", "syntax error");
    expect_error(cluster, 0, "RAFT ADD 127.0.0.1:7001 REPLACE 2", "there is no node 2");
    expect_error(cluster, 0, "RAFT ADD 127.0.0.1:7001 TIMEOUT 0", "greater than 0");
    expect_nobody_came(cluster, "RAFT ADD 127.0.0.1:1 TIMEOUT 100", "");
    expect_nobody_came(cluster, "RAFT ADD 127.0.0.1:1 REPLACE 1 TIMEOUT 100",
                       ". Node 1 is still a member");
    expect_error(cluster, 0, "RAFT ADD 10.0.0.1:7001", "needs a raft-secret");
    redisContext *client = node_connect(cluster, 0);
    redisReply *nodes = ask(client, "RAFT NODES");
    cr_assert_eq(nodes->type, REDIS_REPLY_ARRAY);
    cr_expect_eq(nodes->elements, 1);
    cr_expect_str_eq(nodes->element[0]->element[7]->str, "voter");
    freeReplyObject(nodes);
    redisFree(client);
    cluster_destroy(cluster);
}
