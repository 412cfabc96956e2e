/* test_import.c: a dump.rdb of Debian's redis-server becomes the first state of a new node, or of
 * every node of a new cluster; what can't be taken over is told in one line and changes nothing. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/cluster/harness.h"

static struct cluster *cluster;

static void end(void) {
    if (cluster != NULL) cluster_destroy(cluster);
    cluster = NULL;
}

/* --- a Redis with some data ----------------------------------------------------------------------
 */

/* All encodings of the types that there are, in two databases. */
static void fill(redisContext *redis, int seed) {
    for (int i = 0; i < 1000; i++) {
        redisAppendCommand(redis, "SET text:%d %d-%0100d", i, seed, i);
        redisAppendCommand(redis, "SET number:%d %d", i, seed + i);
        redisAppendCommand(redis, "HSET small:%d a %d b x", i % 50, i);
        redisAppendCommand(redis, "HSET large f%d %d", i, i);
        redisAppendCommand(redis, "RPUSH list:%d %d %0200d", i % 20, i, i);
        redisAppendCommand(redis, "SADD ints:%d %d", i % 20, i);
        redisAppendCommand(redis, "SADD words m%d", i);
        redisAppendCommand(redis, "ZADD order:%d %d.5 m%d", i % 30, i, i);
        redisAppendCommand(redis, "ZADD orders %d m%d", i, i);
        redisAppendCommand(redis, "SET soon:%d x EX 100000", i % 30);
    }
    for (int i = 0; i < 10000; i++) {
        redisReply *reply = NULL;
        cr_assert_eq(redisGetReply(redis, (void **)&reply), REDIS_OK);
        cr_assert_neq(reply->type, REDIS_REPLY_ERROR, "%s", reply->str);
        freeReplyObject(reply);
    }
    cr_expect(ask_is(redis, "OK", "SELECT 3"));
    cr_expect(ask_is(redis, "OK", "SET elsewhere %d", seed));
    cr_expect(ask_is(redis, "OK", "SELECT 0"));
    cr_expect(ask_is(redis, "OK", "SET past x"));
    cr_expect_eq(ask_integer(redis, "PEXPIRE past 1"), 1);
}

enum { KEYS = 1000 + 1000 + 50 + 1 + 20 + 20 + 1 + 30 + 1 + 30 };

/* Leaves a file dump.rdb, or `name`, in the directory. */
static void make_dump(const char *directory, const char *name, int seed, const char *more) {
    mkdir(directory, 0755);
    struct redis redis;
    redis_start(&redis, directory, name);
    fill(redis.client, seed);
    if (more != NULL) freeReplyObject(ask(redis.client, more));
    cr_expect(ask_is(redis.client, "OK", "SAVE"));
    redis_end(&redis);
}

static void expect_data(int node, int seed) {
    redisContext *client = node_connect(cluster, node);
    char expected[128];
    AWAIT(ask_integer(client, "DBSIZE") == KEYS);
    snprintf(expected, sizeof(expected), "%d-%0100d", seed, 77);
    cr_expect(ask_is(client, expected, "GET text:77"));
    snprintf(expected, sizeof(expected), "%d", seed + 77);
    cr_expect(ask_is(client, expected, "GET number:77"));
    cr_expect(ask_is(client, "977", "HGET small:27 a"));
    cr_expect_eq(ask_integer(client, "HLEN large"), 1000);
    cr_expect_eq(ask_integer(client, "LLEN list:7"), 100);
    cr_expect_eq(ask_integer(client, "SCARD ints:7"), 50);
    cr_expect_eq(ask_integer(client, "SCARD words"), 1000);
    cr_expect(ask_is(client, "37.5", "ZSCORE order:7 m37"));
    cr_expect_eq(ask_integer(client, "ZRANK orders m500"), 500);
    cr_expect_gt(ask_integer(client, "TTL soon:3"), 90000);
    cr_expect_eq(ask_integer(client, "EXISTS past"), 0);
    cr_expect(ask_is(client, "OK", "SELECT 3"));
    snprintf(expected, sizeof(expected), "%d", seed);
    cr_expect(ask_is(client, expected, "GET elsewhere"));
    redisFree(client);
}

static int count_files(const char *directory) {
    DIR *files = opendir(directory);
    cr_assert_not_null(files);
    int count = 0;
    const struct dirent *entry;
    while ((entry = readdir(files)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(files);
    return count;
}

static bool has_file(int node, const char *name) {
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", cluster->nodes[node].directory, name);
    return access(path, F_OK) == 0;
}

#define SKIP_WITHOUT_REDIS()                                                                       \
    if (access("/usr/bin/redis-server", X_OK) != 0) cr_skip_test("redis-server is not installed")

/* --- one node ------------------------------------------------------------------------------------
 */

Test(import, a_node_alone_begins_with_a_dump, .fini = end) {
    SKIP_WITHOUT_REDIS();
    cluster = cluster_create(1, NULL);
    make_dump(cluster->nodes[0].directory, "dump.rdb", 5, NULL);
    node_start(cluster, 0);
    node_await_serving(cluster, 0);
    expect_data(0, 5);
    redisContext *client = node_connect(cluster, 0);
    cr_expect_eq(ask_integer(client, "INCR number:1"), 7);
    redisFree(client);
    cr_expect(has_file(0, "dump.rdb"), "it stays where it was");
    for (int round = 0; round < 2; round++) { /* and is of no concern any more */
        node_signal(cluster, 0, round == 0 ? SIGKILL : SIGTERM);
        node_start(cluster, 0);
        node_await_serving(cluster, 0);
        client = node_connect(cluster, 0);
        cr_expect(ask_is(client, "7", "GET number:1"));
        redisFree(client);
    }
}

/* Whatever it was doing when it was killed: the next start has all of it. */
Test(import, it_may_be_killed_at_any_moment, .fini = end) {
    SKIP_WITHOUT_REDIS();
    static const char *const options[] = {"--dbfilename", "other.rdb", NULL};
    cluster = cluster_create(1, options);
    make_dump(cluster->nodes[0].directory, "other.rdb", 6, NULL);
    for (int round = 0; round < 12; round++) {
        node_start(cluster, 0);
        usleep((useconds_t)(round * 4000)); /* any moment will do */
        node_signal(cluster, 0, SIGKILL);
    }
    node_start(cluster, 0);
    node_await_serving(cluster, 0);
    expect_data(0, 6);
}

Test(import, what_can_not_be_taken_over_changes_nothing, .fini = end) {
    SKIP_WITHOUT_REDIS();
    cluster = cluster_create(1, NULL);
    const char *directory = cluster->nodes[0].directory;
    make_dump(directory, "dump.rdb", 5, "XADD events * a 1");
    node_start(cluster, 0);
    int status = node_await_exit(cluster, 0);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    node_await_log(cluster, 0, "dump.rdb can't be taken over");
    node_await_log(cluster, 0, "\"events\"");
    node_await_log(cluster, 0, "stream");
    cr_expect(has_file(0, "dump.rdb") && has_file(0, "lock"));
    cr_expect_eq(count_files(directory), 2, "nothing else was made");
    char path[512];
    snprintf(path, sizeof(path), "%s/dump.rdb", directory);
    cr_assert_eq(truncate(path, 1000), 0);
    node_start(cluster, 0);
    status = node_await_exit(cluster, 0);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    cr_expect_eq(count_files(directory), 2);
    cr_assert_eq(unlink(path), 0);
    node_start(cluster, 0); /* Moved away: it starts empty. */
    node_await_serving(cluster, 0);
}

static void hear_of(bool told[3], const char *text) {
    for (int node = 0; node < 3; node++)
        told[node] = node_logged(cluster, node, text);
}

/* --- several -------------------------------------------------------------------------------------
 */

Test(import, a_dump_on_one_node_is_the_first_state_of_all, .fini = end) {
    SKIP_WITHOUT_REDIS();
    cluster = cluster_create(3, NULL);
    make_dump(cluster->nodes[1].directory, "dump.rdb", 8, NULL);
    cluster_start(cluster);
    cluster_await_serving(cluster);
    for (int node = 0; node < 3; node++) {
        expect_data(node, 8);
        cr_expect_eq(has_file(node, "dump.rdb"), node == 1);
    }
    cluster_expect_equal(cluster);
    redisContext *client = node_connect(cluster, 0);
    cr_expect_eq(ask_integer(client, "INCR number:1"), 10);
    redisFree(client);
    for (int node = 0; node < 3; node++)
        node_signal(cluster, node, SIGKILL);
    cluster_start(cluster);
    cluster_await_serving(cluster);
    cluster_expect_equal(cluster);
    client = node_connect(cluster, 2);
    cr_expect(ask_is(client, "10", "GET number:1"));
    redisFree(client);
}

Test(import, equal_dumps_are_one_and_different_ones_are_refused, .fini = end) {
    SKIP_WITHOUT_REDIS();
    cluster = cluster_create(3, NULL);
    make_dump(cluster->nodes[0].directory, "dump.rdb", 8, NULL);
    make_dump(cluster->nodes[2].directory, "dump.rdb", 9, NULL);
    cluster_start(cluster);
    /* Who hears of both ends; if one did not, it goes on waiting for them. */
    bool told[3] = {false};
    AWAIT((hear_of(told, "bring different data"), told[0] || told[1] || told[2]));
    for (int node = 0; node < 3; node++) {
        if (!told[node]) node_signal(cluster, node, SIGTERM);
        if (told[node]) node_await_exit(cluster, node);
        cr_expect_not(has_file(node, "vote"), "nothing was founded");
    }
    char command[1200];
    snprintf(command, sizeof(command), "cp %s/dump.rdb %s/dump.rdb", cluster->nodes[0].directory,
             cluster->nodes[2].directory);
    cr_assert_eq(system(command), 0);
    cluster_start(cluster);
    cluster_await_serving(cluster);
    for (int node = 0; node < 3; node++)
        expect_data(node, 8);
    cluster_expect_equal(cluster);
}
