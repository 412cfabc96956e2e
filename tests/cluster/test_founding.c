/* test_founding.c: three processes become one cluster, whatever dies meanwhile; who does not belong
 * to it is told so. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/cluster/harness.h"

static void wait_ms(int duration_ms) {
    struct timespec duration = {.tv_nsec = duration_ms * 1000000l};
    nanosleep(&duration, NULL);
}

static void expect_takes_writes(struct cluster *cluster, int node) {
    redisContext *client = node_connect(cluster, node);
    cr_expect(ask_is(client, "OK", "SET key value"));
    cr_expect(ask_is(client, "value", "GET key"));
    redisFree(client);
}

/* The kill comes later in each round: before the first answer, between answer, promise and
 * founding, and after. */
Test(founding, survives_a_kill_at_any_moment) {
    const char *const with_secret[] = {"--raft-secret", "of these three", NULL};
    for (int round = 0; round < 12; round++) {
        struct cluster *cluster = cluster_create(3, round % 2 == 0 ? NULL : with_secret);
        int killed = round % 3;
        cluster_start(cluster);
        wait_ms(4 * round);
        (void)node_signal(cluster, killed, SIGKILL);
        if (round % 4 == 3) (void)node_signal(cluster, (killed + 1) % 3, SIGKILL);
        cluster_start(cluster);
        cluster_await_serving(cluster);
        expect_takes_writes(cluster, killed);
        cluster_expect_equal(cluster);
        cluster_destroy(cluster);
    }
}

static const char *const answered_while_founding[] = {
    "CLIENT LIST",
    "CLIENT SETNAME early",
    "CONFIG GET maxmemory",
    "COMMAND COUNT",
    "HELLO 2",
    "ROLE",
    "TIME",
    "SLOWLOG LEN",
    "CONFIG SET appendfsync always",
    "LATENCY RESET",
    "ACL WHOAMI",
};

static void expect_info_while_founding(struct cluster *cluster, int node) {
    char state[16], loading[8], role[16];
    node_info_text(cluster, node, "raft", "raft_state", state, sizeof(state));
    node_info_text(cluster, node, "persistence", "loading", loading, sizeof(loading));
    node_info_text(cluster, node, "replication", "role", role, sizeof(role));
    cr_expect_str_eq(state, "founding");
    cr_expect_str_eq(loading, "1");
    cr_expect_str_eq(role, "slave");
}

Test(founding, waits_for_all_and_says_so) {
    struct cluster *cluster = cluster_create(3, NULL);
    node_start(cluster, 0);
    node_start(cluster, 1);
    redisContext *client = node_connect(cluster, 0);
    static const char founding[] =
        "LOADING the cluster is being founded: it waits for all nodes of --cluster";
    cr_expect(ask_is(client, founding, "PING"));
    cr_expect(ask_is(client, founding, "SET key value"));
    expect_info_while_founding(cluster, 0);
    for (size_t i = 0; i < COUNT_OF(answered_while_founding); i++) {
        redisReply *reply = ask(client, answered_while_founding[i]);
        cr_expect_neq(reply->type, REDIS_REPLY_ERROR, "%s", answered_while_founding[i]);
        freeReplyObject(reply);
    }
    char line[CLUSTER_PATH_MAX];
    snprintf(line, sizeof(line), "founding waits for 127.0.0.1:%d (can't connect: %s); all nodes",
             cluster->nodes[2].port, strerror(ECONNREFUSED));
    node_await_log(cluster, 0, line);
    node_await_log(cluster, 1, line);
    node_start(cluster, 2);
    cluster_await_serving(cluster);
    cr_expect(ask_is(client, "PONG", "PING"), "the connection stays");
    redisFree(client);
    expect_takes_writes(cluster, 0);
    cluster_destroy(cluster);
}

Test(founding, ends_well_when_it_is_stopped) {
    struct cluster *cluster = cluster_create(3, NULL);
    for (int i = 0; i < 2; i++) {
        node_start(cluster, i);
        node_await_log(cluster, i, "Founding the cluster: waiting for all of");
    }
    int status = node_signal(cluster, 0, SIGTERM);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", status);
    redisContext *client = node_connect(cluster, 1);
    redisReply *none = redisCommand(client, "SHUTDOWN");
    cr_expect_null(none);
    status = node_await_exit(cluster, 1);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", status);
    redisFree(client);
    cluster_start(cluster);
    cluster_await_serving(cluster);
    expect_takes_writes(cluster, 0);
    cluster_destroy(cluster);
}

Test(founding, a_wiped_node_is_refused_and_never_votes) {
    const char *const options[] = {"--raft-unsealed-timeout", "300", NULL};
    struct cluster *cluster = cluster_create_running(3, options);
    int wiped = cluster_follower(cluster), leader = cluster_leader(cluster);
    (void)node_signal(cluster, wiped, SIGKILL);
    node_lose_directory(cluster, wiped);
    node_start(cluster, wiped);
    node_expect_refused(cluster, wiped, "Bring the old directory back");
    AWAIT(node_logged(cluster, leader, "its data directory is not that of a member of ours") ||
          node_logged(cluster, 3 - leader - wiped, "its data directory is not that of a member"));
    expect_takes_writes(cluster, leader);
    /* Its vote would make a majority with the one node that is left. */
    int left = cluster_follower(cluster);
    (void)node_signal(cluster, leader, SIGKILL);
    node_start(cluster, wiped);
    node_expect_refused(cluster, wiped, "Bring the old directory back");
    AWAIT(node_info(cluster, left, "raft_leader_id") == 0);
    redisContext *client = node_connect(cluster, left);
    redisReply *reply = ask(client, "SET key forgotten");
    cr_expect(reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "CLUSTERDOWN", 11) == 0);
    freeReplyObject(reply);
    node_start(cluster, leader);
    node_await_serving(cluster, left);
    cr_expect(ask_is(client, "value", "GET key"));
    redisFree(client);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

/* It ends with a line that names whom it heard it from. */
static bool heard_another_list(struct cluster *cluster, int node) {
    bool heard = false;
    for (int i = 0; i < cluster->count; i++) {
        char line[CLUSTER_PATH_MAX];
        snprintf(line, sizeof(line), "127.0.0.1:%d was given another --cluster list",
                 cluster->nodes[i].port);
        heard |= node_logged(cluster, node, line);
    }
    return heard;
}

Test(founding, refuses_another_list) {
    struct cluster *cluster = cluster_create(3, NULL);
    char other[CLUSTER_PATH_MAX];
    snprintf(other, sizeof(other), "127.0.0.1:%d,127.0.0.1:%d", cluster->nodes[0].port,
             cluster->nodes[1].port);
    node_start_with(cluster, 0, other, NULL);
    node_start(cluster, 1);
    node_start(cluster, 2);
    /* Who hears the other list first is refused, and gone before it has told its own. */
    static const char text[] = "was given another --cluster list: give all nodes the same one";
    static const char asked[] = "a node at 127.0.0.1 was given another --cluster list";
    AWAIT(heard_another_list(cluster, 0) || heard_another_list(cluster, 1));
    int refused = heard_another_list(cluster, 0) ? 0 : 1;
    node_expect_refused(cluster, refused, text);
    AWAIT(node_logged(cluster, 1 - refused, asked) || node_logged(cluster, 2, asked));
    for (int i = 0; i < 3; i++)
        if (i != refused) (void)node_signal(cluster, i, SIGKILL);
    cluster_start(cluster);
    cluster_await_serving(cluster);
    /* From now on the list counts no more; the difference is told. */
    (void)node_signal(cluster, 0, SIGTERM);
    node_start_with(cluster, 0, other, NULL);
    node_await_serving(cluster, 0);
    node_await_log(cluster, 0, "--cluster differs from the members");
    expect_takes_writes(cluster, 0);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

Test(founding, needs_the_same_secret) {
    const char *const right[] = {"--raft-secret", "right", NULL};
    const char *const wrong[] = {"--raft-secret", "wrong", NULL};
    struct cluster *cluster = cluster_create(3, NULL);
    node_start_with(cluster, 0, cluster->list, right);
    node_start_with(cluster, 1, cluster->list, right);
    node_start_with(cluster, 2, cluster->list, wrong);
    node_await_log(cluster, 2, "does not know our raft-secret: set the same one on all nodes");
    node_await_log(cluster, 0, "does not know our raft-secret: set the same one on all nodes");
    char waits[CLUSTER_PATH_MAX];
    snprintf(waits, sizeof(waits), "founding waits for 127.0.0.1:%d (does not know our raft-secret",
             cluster->nodes[2].port);
    node_await_log(cluster, 0, waits);
    node_await_log(cluster, 1, waits);
    (void)node_signal(cluster, 2, SIGKILL);
    node_start(cluster, 2); /* with none at all */
    char line[CLUSTER_PATH_MAX];
    snprintf(line, sizeof(line), "127.0.0.1:%d does not know our raft-secret",
             cluster->nodes[0].port);
    node_await_log(cluster, 2, line);
    cr_expect_not(node_logged(cluster, 0, "Founded"));
    (void)node_signal(cluster, 2, SIGKILL);
    node_start_with(cluster, 2, cluster->list, right);
    cluster_await_serving(cluster);
    /* A member with the wrong one is no member until it is mended. */
    int follower = cluster_follower(cluster), leader = cluster_leader(cluster);
    (void)node_signal(cluster, follower, SIGKILL);
    node_start_with(cluster, follower, cluster->list, wrong);
    node_await_log(cluster, follower, "does not know our raft-secret");
    AWAIT(node_info(cluster, follower, "raft_serves") == 0);
    expect_takes_writes(cluster, leader);
    (void)node_signal(cluster, follower, SIGKILL);
    node_start_with(cluster, follower, cluster->list, right);
    node_await_serving(cluster, follower);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

static pid_t daemons[3];

static pid_t read_pid(const char *path) {
    int pid = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL) return 0;
    if (fscanf(file, "%d", &pid) != 1) pid = 0;
    fclose(file);
    return pid;
}

static void end_daemons(void) {
    for (size_t i = 0; i < 3; i++)
        if (daemons[i] > 0) (void)kill(daemons[i], SIGKILL);
}

/* Started one after the other, as in a script: none of them keeps its terminal waiting. */
Test(founding, daemons_need_not_be_started_at_once, .fini = end_daemons) {
    struct cluster *cluster = cluster_create(3, NULL);
    char pid_path[CLUSTER_PATH_MAX + 16];
    for (int i = 0; i < 3; i++) {
        char log_path[CLUSTER_PATH_MAX + 16];
        snprintf(pid_path, sizeof(pid_path), "%s.pid", cluster->nodes[i].directory);
        snprintf(log_path, sizeof(log_path), "%s-own.log", cluster->nodes[i].directory);
        const char *const options[] = {"--daemonize", "yes",    "--pidfile", pid_path,
                                       "--logfile",   log_path, NULL};
        node_start_with(cluster, i, cluster->list, options);
        cr_expect_eq(node_await_exit(cluster, i), 0, "the terminal is free again");
        AWAIT((daemons[i] = read_pid(pid_path)) > 0);
    }
    for (int i = 0; i < 3; i++) {
        AWAIT(node_info(cluster, i, "raft_serves") == 1);
        expect_takes_writes(cluster, i);
    }
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(kill(daemons[i], SIGTERM), 0);
        snprintf(pid_path, sizeof(pid_path), "%s.pid", cluster->nodes[i].directory);
        AWAIT(access(pid_path, F_OK) != 0); /* the last thing that it does with files */
        daemons[i] = 0;                     /* Its number may be another process's soon. */
    }
    cluster_destroy(cluster);
}

/* "two.example" has two addresses for this process and its children, where they may have a view of
 * their own of the file system. */
static bool make_name_with_two_addresses(const char *root) {
    char path[2 * CLUSTER_PATH_MAX];
    snprintf(path, sizeof(path), "%s/hosts", root);
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    fprintf(file, "127.0.0.1 localhost two.example\n::1 localhost two.example\n");
    cr_assert_eq(fclose(file), 0);
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount(path, "/etc/hosts", NULL, MS_BIND, NULL) == 0;
}

/* The first one is nobody's: none listens there. */
Test(founding, tries_all_addresses_of_a_name) {
    const char *const four_only[] = {"--bind", "127.0.0.1", NULL};
    struct cluster *cluster = cluster_create(3, four_only);
    if (!make_name_with_two_addresses(cluster->root)) {
        cluster_destroy(cluster);
        cr_skip_test("this user can't give a name two addresses");
    }
    snprintf(cluster->list, sizeof(cluster->list), "two.example:%d,two.example:%d,two.example:%d",
             cluster->nodes[0].port, cluster->nodes[1].port, cluster->nodes[2].port);
    cluster_start(cluster);
    cluster_await_serving(cluster);
    expect_takes_writes(cluster, 2);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

Test(founding, beyond_this_machine_needs_a_secret) {
    struct cluster *cluster = cluster_create(3, NULL);
    char list[CLUSTER_PATH_MAX];
    snprintf(list, sizeof(list), "127.0.0.1:%d,192.0.2.1:7001,192.0.2.2:7001",
             cluster->nodes[0].port);
    node_start_with(cluster, 0, list, NULL);
    node_expect_refused(cluster, 0, "needs a raft-secret: set the same one on all nodes");
    snprintf(list, sizeof(list), "127.0.0.1:1,127.0.0.1:2");
    node_start_with(cluster, 0, list, NULL);
    node_expect_refused(cluster, 0, "no address in --cluster is this node's");
    /* Nothing is left of all that. */
    node_start_with(cluster, 0, NULL, NULL);
    node_await_serving(cluster, 0);
    cluster_destroy(cluster);
}

Test(founding, refuses_the_directory_of_another_cluster_or_node) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    for (int i = 0; i < 3; i++)
        (void)node_signal(cluster, i, SIGTERM);
    char foreign[2 * CLUSTER_PATH_MAX];
    snprintf(foreign, sizeof(foreign), "%s/foreign", cluster->root);
    cr_assert_eq(rename(cluster->nodes[2].directory, foreign), 0);
    node_lose_directory(cluster, 0);
    node_lose_directory(cluster, 1);
    cluster_start(cluster);
    cluster_await_serving(cluster);
    expect_takes_writes(cluster, 2);
    (void)node_signal(cluster, 2, SIGKILL);
    node_lose_directory(cluster, 2);
    cr_assert_eq(rename(foreign, cluster->nodes[2].directory), 0);
    node_start(cluster, 2);
    node_await_log(cluster, 2, "belongs to another cluster: check addresses and data directories");
    AWAIT(node_info(cluster, 2, "raft_serves") == 0);
    expect_takes_writes(cluster, 0);
    /* Another node's directory: two processes under one identity. */
    (void)node_signal(cluster, 2, SIGKILL);
    node_lose_directory(cluster, 2);
    (void)node_signal(cluster, 1, SIGKILL);
    cr_assert_eq(rename(cluster->nodes[1].directory, cluster->nodes[2].directory), 0);
    node_start(cluster, 2);
    node_expect_refused(cluster, 2, "start that one with it, or choose another --dir");
    cluster_destroy(cluster);
}
