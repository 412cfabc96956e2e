/* test_snapshots.c: snapshot.rdb as a user meets it: BGSAVE, SAVE and their figures, a restart from
 * it, Redis's own tools reading it, and the end of either process at any moment. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "tests/cluster/harness.h"

static struct cluster *cluster;
static redisContext *client;

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void begin(const char *const *options) {
    cluster = cluster_create_running(1, options);
    client = node_connect(cluster, 0);
}

static void end(void) {
    if (client != NULL) redisFree(client);
    if (cluster != NULL) cluster_destroy(cluster);
    client = NULL;
    cluster = NULL;
}

static void start_again(void) {
    redisFree(client);
    node_start(cluster, 0);
    node_await_serving(cluster, 0);
    client = node_connect(cluster, 0);
}

static double shown(const char *field) {
    char text[128];
    node_info_text(cluster, 0, "everything", field, text, sizeof(text));
    cr_assert_neq(text[0], '\0', "%s is shown", field);
    return atof(text);
}

static bool shows(const char *field, const char *expected) {
    char text[128];
    node_info_text(cluster, 0, "everything", field, text, sizeof(text));
    return strcmp(text, expected) == 0;
}

static uint64_t add_reply(uint64_t sum, const redisReply *reply) {
    if (reply->type == REDIS_REPLY_INTEGER) return hash_chain(sum, (uint64_t)reply->integer);
    if (reply->type != REDIS_REPLY_ARRAY)
        return hash_chain(sum, hash_bytes(bytes_of(reply->str, reply->len), 0));
    for (size_t i = 0; i < reply->elements; i++)
        sum = add_reply(sum, reply->element[i]);
    return sum;
}

/* All keys and values in the order in which the node has them: DEBUG DIGEST also has log time,
 * which a start moves. */
static uint64_t contents(void) {
    static const struct {
        const char *prefix, *command;
    } ways[] = {{"map:", "HGETALL %s"},      {"queue:", "LRANGE %s 0 -1"},
                {"set:", "SMEMBERS %s"},     {"order:", "ZRANGE %s 0 -1 WITHSCORES"},
                {"soon:", "PEXPIRETIME %s"}, {"", "GET %s"}};
    redisReply *reply = ask(client, "SCAN 0 COUNT 1000000");
    const redisReply *keys = reply->element[1];
    uint64_t sum = add_reply(0, keys);
    for (size_t i = 0; i < keys->elements; i++) {
        const char *key = keys->element[i]->str;
        size_t way = 0;
        while (strncmp(key, ways[way].prefix, strlen(ways[way].prefix)) != 0)
            way++;
        redisReply *value = ask(client, ways[way].command, key);
        sum = add_reply(sum, value);
        freeReplyObject(value);
    }
    freeReplyObject(reply);
    return sum;
}

/* Some of each type, large and small, with and without deadlines. */
static void fill(int keys) {
    for (int i = 0; i < keys; i++) {
        redisAppendCommand(client, "SET text:%d %d-%0100d", i, i, i);
        redisAppendCommand(client, "HSET map:%d a %d b %d", i % 100, i, i);
        redisAppendCommand(client, "RPUSH queue:%d %d", i % 50, i);
        redisAppendCommand(client, "SADD set:%d %d", i % 20, i);
        redisAppendCommand(client, "ZADD order:%d %d m%d", i % 20, i, i);
        redisAppendCommand(client, "SET soon:%d x EX 1000", i % 30);
    }
    for (int i = 0; i < 6 * keys; i++) {
        redisReply *reply = NULL;
        cr_assert_eq(redisGetReply(client, (void **)&reply), REDIS_OK);
        cr_assert_neq(reply->type, REDIS_REPLY_ERROR, "%s", reply->str);
        freeReplyObject(reply);
    }
}

/* How many files of the node's directory have this end. */
static int count_files(const char *tail) {
    DIR *directory = opendir(cluster->nodes[0].directory);
    cr_assert_not_null(directory);
    int count = 0;
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        size_t size = strlen(entry->d_name);
        count += size > strlen(tail) && strcmp(entry->d_name + size - strlen(tail), tail) == 0;
    }
    closedir(directory);
    return count;
}

Test(snapshots, save_and_bgsave_answer_as_redis_does_and_count, .fini = end) {
    begin(NULL);
    cr_expect(shows("rdb_last_bgsave_status", "ok"));
    cr_expect(shows("rdb_last_bgsave_time_sec", "-1"));
    cr_expect(shows("rdb_current_bgsave_time_sec", "-1"));
    cr_expect_eq(shown("rdb_saves"), 0);
    cr_expect_eq(shown("total_forks"), 0);
    cr_expect_eq(shown("snapshot_index"), 0);
    long long started = ask_integer(client, "LASTSAVE");
    cr_expect_leq(llabs((long long)time(NULL) - started), 60);
    fill(200);
    cr_expect_gt(shown("rdb_changes_since_last_save"), 1000);
    cr_expect_gt(shown("snapshot_log_bytes"), 10000);
    cr_expect(ask_is(client, "OK", "SAVE"));
    cr_expect_eq(shown("rdb_saves"), 1);
    cr_expect_eq(shown("total_forks"), 1);
    cr_expect_gt(shown("latest_fork_usec"), 0);
    cr_expect_gt(shown("rdb_last_cow_size"), 0);
    cr_expect_gt(shown("snapshot_index"), 0);
    cr_expect_gt(shown("snapshot_bytes"), 10000);
    cr_expect_lt(shown("snapshot_log_bytes"), 1000);
    cr_expect_lt(shown("rdb_changes_since_last_save"), 10);
    cr_expect_geq(shown("rdb_last_bgsave_time_sec"), 0);
    cr_expect_geq(shown("used_cpu_user_children") + shown("used_cpu_sys_children"), 0);
    cr_expect_eq(ask_integer(client, "LASTSAVE"), (long long)shown("rdb_last_save_time"));

    cr_expect(ask_is(client, "ERR syntax error", "BGSAVE NOW"));
    cr_expect(ask_is(client, "ERR syntax error", "BGSAVE SCHEDULE SCHEDULE"));
    cr_expect(ask_is(client, "Background saving started", "BGSAVE SCHEDULE"));
    AWAIT(shown("rdb_saves") == 2);
    AWAIT(shown("rdb_bgsave_in_progress") == 0);
    cr_expect(ask_is(client, "OK", "MULTI"));
    cr_expect(ask_is(client, "QUEUED", "BGSAVE"));
    cr_expect(ask_is(client, "ERR Command not allowed inside a transaction", "SAVE"));
    cr_expect(ask_is(client, "OK", "DISCARD"));
    cr_expect(ask_is(client, "OK", "MULTI"));
    cr_expect(ask_is(client, "QUEUED", "BGSAVE"));
    redisReply *reply = ask(client, "EXEC");
    cr_assert_eq(reply->elements, 1);
    cr_expect_str_eq(reply->element[0]->str, "Background saving scheduled");
    freeReplyObject(reply);
    AWAIT(shown("rdb_saves") == 3);
}

/* The loop goes on meanwhile, one at a time is made, and what it shows is what is done. */
Test(snapshots, others_are_served_while_one_is_made, .fini = end) {
    begin(OPTIONS("--rdbcompression", "no"));
    fill(2000);
    redisContext *other = node_connect(cluster, 0);
    redisAppendCommand(client, "BGSAVE");
    redisAppendCommand(client, "BGSAVE");
    redisAppendCommand(client, "SAVE");
    static const char *const expected[] = {"Background saving started",
                                           "ERR Background save already in progress",
                                           "ERR Background save already in progress"};
    for (int i = 0; i < 3; i++) {
        redisReply *reply;
        cr_assert_eq(redisGetReply(client, (void **)&reply), REDIS_OK);
        cr_expect_str_eq(reply->str, expected[i]);
        freeReplyObject(reply);
    }
    int served = 0;
    while (shown("rdb_bgsave_in_progress") == 1)
        served += ask_integer(other, "INCR during") > 0;
    redisAppendCommand(client, "SAVE"); /* not waited for */
    int flushed = 0;
    while (flushed == 0)
        cr_assert_eq(redisBufferWrite(client, &flushed), REDIS_OK);
    cr_expect_eq(ask_integer(other, "INCR during"), served + 1);
    redisReply *reply;
    cr_assert_eq(redisGetReply(client, (void **)&reply), REDIS_OK);
    cr_expect_str_eq(reply->str, "OK");
    freeReplyObject(reply);
    redisFree(other);
}

Test(snapshots, a_node_starts_from_one_and_the_log_behind_it, .fini = end) {
    begin(NULL);
    fill(300);
    cr_expect(ask_is(client, "OK", "SAVE"));
    freeReplyObject(ask(client, "SPOP set:1 5"));
    freeReplyObject(ask(client, "LPOP queue:1"));
    cr_expect(ask_is(client, "OK", "SET behind 1"));
    uint64_t before = contents();
    node_signal(cluster, 0, SIGKILL);
    start_again();
    node_await_log(cluster, 0, "snapshot.rdb was loaded");
    cr_expect_eq(contents(), before);
    cr_expect(ask_is(client, "1", "GET behind"));
    cr_expect_gt(shown("snapshot_index"), 0);
    /* And from one that nothing stands behind. */
    cr_expect(ask_is(client, "OK", "SAVE"));
    node_signal(cluster, 0, SIGTERM);
    start_again();
    cr_expect_eq(contents(), before);
}

static void expect_output(const char *command, const char *expected) {
    FILE *pipe = popen(command, "r");
    cr_assert_not_null(pipe);
    char text[16384] = "";
    size_t size = fread(text, 1, sizeof(text) - 1, pipe);
    text[size] = '\0';
    pclose(pipe);
    cr_expect(strstr(text, expected) != NULL, "%s says: %s", command, text);
}

Test(snapshots, redis_reads_it, .fini = end) {
    if (access("/usr/bin/redis-server", X_OK) != 0) cr_skip_test("redis-server is not installed");
    begin(NULL);
    fill(300);
    cr_expect(ask_is(client, "OK", "SAVE"));
    long long keys = ask_integer(client, "DBSIZE");
    char command[1024], expected[64];
    const char *directory = cluster->nodes[0].directory;
    snprintf(command, sizeof(command), "redis-check-rdb %s/snapshot.rdb", directory);
    expect_output(command, "RDB looks OK!");
    snprintf(expected, sizeof(expected), "%lld keys read", keys);
    expect_output(command, expected);
    struct redis redis;
    redis_start(&redis, directory, "snapshot.rdb");
    AWAIT(ask_integer(redis.client, "DBSIZE") == keys);
    cr_expect(ask_is(redis.client, "207", "HGET map:7 a"));
    cr_expect_eq(ask_integer(redis.client, "LLEN queue:3"), 6);
    cr_expect_eq(ask_integer(redis.client, "SCARD set:3"), 15);
    cr_expect_gt(ask_integer(redis.client, "TTL soon:3"), 900);
    redis_end(&redis);
}

/* The child's process, or 0 while there is none. */
static pid_t child_of_node(void) {
    char path[128], text[256] = "";
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)cluster->nodes[0].pid,
             (int)cluster->nodes[0].pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    text[size] = '\0';
    fclose(file);
    return (pid_t)atoi(text);
}

/* How large a file the node and its children may make. */
static void limit_files(rlim_t bytes) {
    struct rlimit limit;
    cr_assert_eq(prlimit(cluster->nodes[0].pid, RLIMIT_FSIZE, NULL, &limit), 0);
    limit.rlim_cur = bytes;
    cr_assert_eq(prlimit(cluster->nodes[0].pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

/* A snapshot beyond the limit ends its child by a signal; the log is far below. */
Test(snapshots, a_child_that_dies_is_told_of_and_leaves_nothing, .fini = end) {
    begin(OPTIONS("--rdbcompression", "no"));
    fill(200);
    cr_expect(ask_is(client, "OK", "SAVE"));
    double index = shown("snapshot_index");
    cr_expect_eq(ask_integer(client, "SETRANGE large 40000000 x"), 40000001);
    limit_files(32 << 20);
    cr_expect(ask_is(client, "Background saving started", "BGSAVE"));
    AWAIT(shown("raft_snapshots_failed") == 1);
    cr_expect(shows("rdb_bgsave_in_progress", "0"));
    AWAIT(shows("rdb_last_bgsave_status", "err"));
    char line[64];
    snprintf(line, sizeof(line), "Background saving terminated by signal %d", SIGXFSZ);
    node_await_log(cluster, 0, line);
    cr_expect_eq(shown("snapshot_index"), index);
    AWAIT(count_files(".tmp") == 0);
    limit_files(RLIM_INFINITY);
    cr_expect(ask_is(client, "OK", "SAVE"));
    cr_expect(shows("rdb_last_bgsave_status", "ok"));
    cr_expect_gt(shown("snapshot_index"), index);
}

/* Whatever the parent was doing when it was killed: the child goes with it, the next start has all
 * that was acknowledged, and removes what was half made. */
Test(snapshots, a_node_may_be_killed_at_any_moment_of_one, .fini = end) {
    begin(OPTIONS("--rdbcompression", "no"));
    fill(500);
    for (int round = 0; round < 16; round++) {
        cr_expect_eq(ask_integer(client, "INCR round"), round + 1);
        uint64_t before = contents();
        cr_expect(ask_is(client, "Background saving started", "BGSAVE"));
        pid_t child = child_of_node();
        usleep((useconds_t)(round * round * 150)); /* any moment will do */
        node_signal(cluster, 0, SIGKILL);
        if (child != 0) AWAIT(kill(child, 0) != 0);
        start_again();
        cr_expect_eq(contents(), before, "round %d", round);
        AWAIT(count_files(".tmp") == 0);
    }
}

Test(snapshots, the_logs_growth_and_the_save_directive_ask_for_one, .fini = end) {
    begin(OPTIONS("--raft-snapshot-log-min", "100kb", "--raft-snapshot-log-ratio", "50"));
    fill(1000);
    AWAIT(shown("rdb_saves") >= 1);
    cr_expect(ask_is(client, "OK", "CONFIG SET raft-snapshot-log-min 1gb"));
    AWAIT(shown("rdb_bgsave_in_progress") == 0);
    double saves = shown("rdb_saves");
    fill(200);
    cr_expect_eq(shown("rdb_saves"), saves);
    cr_expect(ask_is(client, "OK", "CONFIG SET save %s", "1 100"));
    AWAIT(shown("rdb_saves") == saves + 1);
    node_await_log(cluster, 0, "100 changes in 1 seconds. Saving...");
}

/* What was changed in the file is found before any of it counts; the log has all of it still. */
Test(snapshots, a_damaged_one_is_named_and_the_log_read_instead, .fini = end) {
    begin(NULL);
    fill(100);
    cr_expect(ask_is(client, "OK", "SAVE"));
    node_signal(cluster, 0, SIGTERM);
    char path[512];
    snprintf(path, sizeof(path), "%s/snapshot.rdb", cluster->nodes[0].directory);
    FILE *file = fopen(path, "r+");
    cr_assert_not_null(file);
    fseek(file, 3000, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, 3000, SEEK_SET);
    fputc(byte ^ 4, file);
    fclose(file);
    start_again();
    node_await_log(cluster, 0, "snapshot.rdb is damaged: ");
    node_await_log(cluster, 0, "The log has all of it");
    cr_expect_eq(ask_integer(client, "STRLEN text:7"), 102);
}
