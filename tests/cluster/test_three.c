/* test_three.c: three processes as one Redis: any node takes and shows everything, restarts lose
 * nothing, subscribers hear each other's nodes. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "tests/cluster/harness.h"

Test(three, writes_on_any_node_are_read_on_any_node) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    redisContext *clients[3];
    for (int i = 0; i < 3; i++)
        clients[i] = node_connect(cluster, i);
    for (int round = 0; round < 30; round++) {
        int writer = round % 3;
        cr_expect(ask_is(clients[writer], "OK", "SET key%d value%d", round % 7, round));
        char value[32];
        snprintf(value, sizeof(value), "value%d", round);
        for (int reader = 0; reader < 3; reader++)
            cr_expect(ask_is(clients[reader], value, "GET key%d", round % 7));
    }
    for (int i = 0; i < 3; i++)
        cr_expect_eq(ask_integer(clients[i], "DBSIZE"), 7);
    cluster_expect_equal(cluster);
    for (int i = 0; i < 3; i++)
        redisFree(clients[i]);
    cluster_destroy(cluster);
}

Test(three, tell_who_leads) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    int leader = cluster_leader(cluster);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(node_info(cluster, i, "raft_leader_id"),
                     node_info(cluster, leader, "raft_node_id"));
        cr_expect_eq(node_info(cluster, i, "raft_num_nodes"), 3);
        redisContext *client = node_connect(cluster, i);
        redisReply *role = ask(client, "ROLE");
        cr_assert_eq(role->type, REDIS_REPLY_ARRAY);
        cr_expect_str_eq(role->element[0]->str, i == leader ? "master" : "slave");
        if (i != leader) cr_expect_eq(role->element[2]->integer, cluster->nodes[leader].port);
        freeReplyObject(role);
        char text[32];
        node_info_text(cluster, i, "replication", "role", text, sizeof(text));
        cr_expect_str_eq(text, i == leader ? "master" : "slave");
        redisFree(client);
    }
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

Test(three, wait_until_other_nodes_have_what_was_written) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    int leader = cluster_leader(cluster);
    redisContext *client = node_connect(cluster, leader);
    cr_expect(ask_is(client, "OK", "SET x 1"));
    cr_expect_eq(ask_integer(client, "WAIT 2 20000"), 2);
    (void)node_signal(cluster, (leader + 1) % 3, SIGKILL);
    cr_expect(ask_is(client, "OK", "SET x 2"));
    cr_expect_eq(ask_integer(client, "WAIT 1 20000"), 1);
    int64_t start = clock_ms();
    cr_expect_eq(ask_integer(client, "WAIT 2 300"), 1);
    cr_expect_geq(clock_ms() - start, 290, "the time-out was waited for");
    redisFree(client);
    cluster_destroy(cluster);
}

static void fill(struct cluster *cluster) {
    for (int i = 0; i < 3; i++) {
        redisContext *client = node_connect(cluster, i);
        for (int k = 0; k < 200; k++)
            redisAppendCommand(client, "SET node%d:%d %d", i, k, k * 7);
        for (int k = 0; k < 100; k++)
            redisAppendCommand(client, "INCR counter");
        for (int k = 0; k < 300; k++) {
            redisReply *reply = NULL;
            cr_assert_eq(redisGetReply(client, (void **)&reply), REDIS_OK);
            cr_expect_neq(reply->type, REDIS_REPLY_ERROR, "%s", reply->str);
            freeReplyObject(reply);
        }
        redisFree(client);
    }
}

static void expect_filled(struct cluster *cluster, int times) {
    for (int i = 0; i < 3; i++) {
        redisContext *client = node_connect(cluster, i);
        cr_expect_eq(ask_integer(client, "GET counter"), 300 * times);
        cr_expect_eq(ask_integer(client, "DBSIZE"), 601);
        for (int other = 0; other < 3; other++)
            cr_expect_eq(ask_integer(client, "GET node%d:%d", other, 199), 199 * 7);
        redisFree(client);
    }
}

Test(three, come_back_when_all_are_killed_or_stopped_at_once) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    fill(cluster);
    for (int i = 0; i < 3; i++)
        (void)kill(cluster->nodes[i].pid, SIGKILL);
    for (int i = 0; i < 3; i++)
        node_await_exit(cluster, i);
    cluster_start(cluster);
    cluster_await_serving(cluster);
    expect_filled(cluster, 1);
    fill(cluster);
    for (int i = 0; i < 3; i++)
        (void)kill(cluster->nodes[i].pid, SIGTERM);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(node_await_exit(cluster, i), 0, "node %d stops cleanly", i + 1);
    cluster_start(cluster);
    cluster_await_serving(cluster);
    expect_filled(cluster, 2);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

Test(three, a_node_alone_says_so_in_time_and_recovers) {
    const char *const options[] = {"--raft-unsealed-timeout", "500", NULL};
    struct cluster *cluster = cluster_create_running(3, options);
    redisContext *client = node_connect(cluster, 0);
    cr_expect(ask_is(client, "OK", "SET key before"));
    (void)node_signal(cluster, 1, SIGKILL);
    (void)node_signal(cluster, 2, SIGKILL);
    AWAIT(node_info(cluster, 0, "raft_leader_id") == 0);
    int64_t before = clock_ms();
    redisReply *reply = ask(client, "SET key alone");
    int64_t took = clock_ms() - before;
    cr_assert_eq(reply->type, REDIS_REPLY_ERROR);
    cr_expect(strncmp(reply->str, "CLUSTERDOWN", 11) == 0, "%s", reply->str);
    cr_expect(took >= 400 && took < 10000, "after %lld ms", (long long)took);
    freeReplyObject(reply);
    reply = ask(client, "GET key");
    cr_expect(reply->type == REDIS_REPLY_ERROR, "a read without a majority may be stale");
    freeReplyObject(reply);
    cluster_start(cluster);
    cluster_await_serving(cluster);
    cr_expect(ask_is(client, "before", "GET key"), "what was refused was not executed");
    cr_expect(ask_is(client, "OK", "SET key after"));
    cluster_expect_equal(cluster);
    redisFree(client);
    cluster_destroy(cluster);
}

/* The batch lies in the socket of a leader that never reads it. */
Test(three, a_write_that_never_arrived_is_given_up_and_the_connection_stays) {
    const char *const options[] = {"--raft-give-up-timeout", "300", "--raft-election-timeout",
                                   "2000", NULL};
    struct cluster *cluster = cluster_create_running(3, options);
    int leader = cluster_leader(cluster), origin = (leader + 1) % 3, third = (leader + 2) % 3;
    redisContext *client = node_connect(cluster, origin);
    cr_expect(ask_is(client, "OK", "SET key before"));
    (void)node_signal(cluster, leader, SIGSTOP);
    (void)node_signal(cluster, third, SIGSTOP);
    redisAppendCommand(client, "SET key lost");
    int written = 0;
    while (!written)
        (void)redisBufferWrite(client, &written);
    AWAIT(node_info(cluster, origin, "raft_batches_given_up") == 1);
    (void)node_signal(cluster, leader, SIGKILL);
    (void)node_signal(cluster, third, SIGCONT);
    redisReply *reply = NULL;
    cr_assert_eq(redisGetReply(client, (void **)&reply), REDIS_OK);
    cr_expect_str_eq(reply->str, "CLUSTERDOWN the cluster did not take this write in time: not "
                                 "executed");
    freeReplyObject(reply);
    cr_expect(ask_is(client, "before", "GET key"));
    cr_expect(ask_is(client, "OK", "SET key after"));
    cr_expect_eq(node_info(cluster, origin, "raft_batches_revoked"), 1);
    node_start(cluster, leader);
    cluster_await_serving(cluster);
    cluster_expect_equal(cluster);
    redisFree(client);
    cluster_destroy(cluster);
}

/* --- a stopped leader ------------------------------------------------------------------------ */

static int leader_besides(struct cluster *cluster, int old) {
    for (int i = 0; i < cluster->count; i++) {
        char role[32];
        if (i == old) continue;
        node_info_text(cluster, i, "raft", "raft_role", role, sizeof(role));
        if (strcmp(role, "leader") == 0) return i;
    }
    return -1;
}

Test(three, a_leader_that_slept_reads_nothing_stale) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    for (int round = 0; round < 5; round++) {
        int old = cluster_leader(cluster), next = -1;
        redisContext *at_old = node_connect(cluster, old);
        cr_expect(ask_is(at_old, "OK", "SET key old%d", round));
        (void)node_signal(cluster, old, SIGSTOP);
        /* Lies in the sleeper's socket buffer: read by it right after it wakes up. */
        redisAppendCommand(at_old, "GET key");
        int written = 0;
        while (!written)
            (void)redisBufferWrite(at_old, &written);
        AWAIT((next = leader_besides(cluster, old)) >= 0);
        redisContext *at_next = node_connect(cluster, next);
        cr_expect(ask_is(at_next, "OK", "SET key new%d", round));
        (void)node_signal(cluster, old, SIGCONT);
        char expected[32];
        snprintf(expected, sizeof(expected), "new%d", round);
        redisReply *reply = NULL;
        cr_assert_eq(redisGetReply(at_old, (void **)&reply), REDIS_OK);
        cr_expect_str_eq(reply->str, expected, "round %d", round);
        freeReplyObject(reply);
        cr_expect(ask_is(at_old, expected, "GET key"));
        redisFree(at_old);
        redisFree(at_next);
        cluster_await_serving(cluster);
    }
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

/* --- a node that was away --------------------------------------------------------------------- */

enum { AWAY_PART_BYTES = 256 * 1024, AWAY_PARTS = 400, AWAY_KEYS = 8 };

/* The same few keys again and again: the log grows, the keyspace does not. */
static void write_parts(redisContext *client) {
    static char part[AWAY_PART_BYTES];
    memset(part, 'x', sizeof(part));
    for (int i = 0; i < AWAY_PARTS; i++) {
        redisReply *reply = ask(client, "SET part:%d %b", i % AWAY_KEYS, part, sizeof(part));
        cr_assert(reply->type == REDIS_REPLY_STATUS, "%s", reply->str);
        freeReplyObject(reply);
    }
}

/* The most memory that the process has held so far. */
static long long peak_bytes(const struct cluster *cluster, int node) {
    char path[64], line[256];
    snprintf(path, sizeof(path), "/proc/%d/status", (int)cluster->nodes[node].pid);
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL);
    long long kilobytes = -1;
    while (kilobytes < 0 && fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "VmHWM: %lld", &kilobytes) != 1) kilobytes = -1;
    fclose(file);
    cr_assert_gt(kilobytes, 0);
    return kilobytes * 1024;
}

/* A sanitizer's server keeps what was freed; the test itself need not be built with one. */
static bool memory_counts(void) {
#ifdef __SANITIZE_ADDRESS__
    return false;
#else
    const char *other = getenv("HAMOK_SERVER");
    return other == NULL || other[0] == '\0';
#endif
}

/* Most of what it missed is in the segments only. Memory stays bounded on both sides, and the
 * leader's heartbeats are not late: nobody stands for election. */
Test(three, a_node_that_missed_much_catches_up_from_the_disk) {
    /* An election time-out that no busy machine reaches for another reason. */
    const char *const options[] = {"--raft-log-memory", "2mb", "--raft-election-timeout", "2000",
                                   NULL};
    struct cluster *cluster = cluster_create_running(3, options);
    int leader = cluster_leader(cluster), away = cluster_follower(cluster);
    redisContext *client = node_connect(cluster, leader);
    (void)node_signal(cluster, away, SIGKILL);
    write_parts(client);
    long long term = node_info(cluster, leader, "raft_current_term");
    long long before = peak_bytes(cluster, leader);
    node_start(cluster, away);
    /* The others go on meanwhile. */
    AWAIT(ask_integer(client, "INCR counter") > 0 &&
          node_info(cluster, away, "raft_last_applied_index") >= AWAY_PARTS);
    cluster_expect_equal(cluster);
    const long long missed = (long long)AWAY_PARTS * AWAY_PART_BYTES;
    if (memory_counts()) {
        cr_expect_lt(peak_bytes(cluster, leader) - before, missed / 2);
        cr_expect_lt(peak_bytes(cluster, away), missed);
    }
    cr_expect_eq(node_info(cluster, leader, "raft_current_term"), term);
    redisFree(client);
    cluster_destroy(cluster);
}

/* --- bounds ---------------------------------------------------------------------------------- */

enum { BOUND_PART_BYTES = 128 * 1024, BOUND_PARTS = 400, QUIET_MS = 300 };

/* Many large SETs, then one INCR. */
static struct buffer many_writes(void) {
    struct buffer out = {0};
    for (int i = 0; i < BOUND_PARTS; i++) {
        buffer_append_format(&out, "*3\r\n$3\r\nSET\r\n$1\r\n%d\r\n$%d\r\n", i % 4,
                             BOUND_PART_BYTES);
        memset(buffer_reserve(&out, BOUND_PART_BYTES), 'x', BOUND_PART_BYTES);
        out.size += BOUND_PART_BYTES;
        buffer_append_format(&out, "\r\n");
    }
    buffer_append_format(&out, "INCR counter\r\n");
    return out;
}

/* Sends on until the socket has taken nothing for a while; how much is sent then. */
static size_t send_until_quiet(int fd, const struct buffer *text, size_t sent) {
    int64_t quiet_since = clock_ms();
    while (sent < text->size && clock_ms() - quiet_since < QUIET_MS) {
        ssize_t size = send(fd, text->data + sent, text->size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size > 0) {
            sent += (size_t)size;
            quiet_since = clock_ms();
        } else {
            take_breath();
        }
    }
    return sent;
}

static void expect_answers(int fd) {
    struct buffer expected = {0}, got = {0};
    for (int i = 0; i < BOUND_PARTS; i++)
        buffer_append_format(&expected, "+OK\r\n");
    buffer_append_format(&expected, ":1\r\n");
    while (got.size < expected.size) {
        ssize_t size = recv(fd, buffer_reserve(&got, 4096), 4096, 0);
        cr_assert_gt(size, 0, "after %zu bytes", got.size);
        got.size += (size_t)size;
    }
    cr_expect(bytes_equal(buffer_bytes(&got), buffer_bytes(&expected)), "%.*s", (int)got.size,
              got.data);
    buffer_clear(&expected);
    buffer_clear(&got);
}

static const struct {
    const char *batches, *bytes;
    const char *field; /* which shows that the bound is met, at this value */
    long long met;
} inflight_bounds[] = {{"2", "64mb", "raft_inflight_batches", 2},
                       {"1024", "1mb", "raft_inflight_bytes", 1 << 20}};

/* What an operator asks of a node that is at its bound. */
static void look_at_it(struct cluster *cluster, int node) {
    redisContext *client = node_connect(cluster, node);
    cr_expect(ask_is(client, "PONG", "PING"));
    redisReply *list = ask(client, "CLIENT LIST");
    cr_expect(list->type == REDIS_REPLY_STRING && strstr(list->str, "cmd=set") != NULL);
    freeReplyObject(list);
    redisReply *setting = ask(client, "CONFIG GET raft-inflight-bytes");
    cr_expect_eq(setting->elements, 2);
    freeReplyObject(setting);
    redisFree(client);
}

/* No majority answers, and a leader is known: at the bound a node takes no more and refuses
 * nothing: in the end every write is answered. */
Test(three, a_node_at_its_bound_stops_reading_and_refuses_nothing) {
    struct buffer text = many_writes();
    for (size_t i = 0; i < COUNT_OF(inflight_bounds); i++) {
        const char *const options[] = {"--raft-inflight-batches",
                                       inflight_bounds[i].batches,
                                       "--raft-inflight-bytes",
                                       inflight_bounds[i].bytes,
                                       "--raft-election-timeout",
                                       "3000",
                                       "--raft-unsealed-timeout",
                                       "60000",
                                       NULL};
        struct cluster *cluster = cluster_create_running(3, options);
        int leader = cluster_leader(cluster), node = cluster_follower(cluster);
        int other = 3 - leader - node;
        int fd = connect_port(cluster->nodes[node].port);
        cr_assert(fd >= 0);
        (void)node_signal(cluster, other, SIGSTOP);
        (void)node_signal(cluster, leader, SIGSTOP);
        /* It shows what is on its way, below the bound and at it. */
        size_t sent = text.size / BOUND_PARTS;
        cr_assert_eq(send(fd, text.data, sent, MSG_NOSIGNAL), (ssize_t)sent);
        AWAIT(node_info(cluster, node, "raft_inflight_batches") == 1);
        cr_expect_gt(node_info(cluster, node, "raft_inflight_bytes"), BOUND_PART_BYTES);
        sent = send_until_quiet(fd, &text, sent);
        cr_expect_lt(sent, text.size / 2, "%zu of %zu bytes were read", sent, text.size);
        AWAIT(node_info(cluster, node, inflight_bounds[i].field) >= inflight_bounds[i].met);
        look_at_it(cluster, node);
        (void)node_signal(cluster, leader, SIGCONT);
        (void)node_signal(cluster, other, SIGCONT);
        while (sent < text.size) {
            ssize_t size = send(fd, text.data + sent, text.size - sent, MSG_NOSIGNAL);
            cr_assert_gt(size, 0);
            sent += (size_t)size;
        }
        expect_answers(fd);
        close(fd);
        cluster_expect_equal(cluster);
        cr_expect_gt(node_info(cluster, node, "raft_log_memory_bytes"), 0);
        cluster_destroy(cluster);
    }
    buffer_clear(&text);
}

/* --- publish and subscribe ------------------------------------------------------------------- */

static void expect_message(redisContext *subscriber, const char *channel, const char *text) {
    redisReply *reply = NULL;
    cr_assert_eq(redisGetReply(subscriber, (void **)&reply), REDIS_OK, "%s", subscriber->errstr);
    cr_assert_eq(reply->type, REDIS_REPLY_ARRAY);
    cr_expect_str_eq(reply->element[0]->str, "message");
    cr_expect_str_eq(reply->element[1]->str, channel);
    cr_expect_str_eq(reply->element[2]->str, text);
    freeReplyObject(reply);
}

Test(three, subscribers_on_all_nodes_hear_all_in_one_order) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    enum { MESSAGES = 60 };
    redisContext *subscribers[3], *publishers[3];
    for (int i = 0; i < 3; i++) {
        subscribers[i] = node_connect(cluster, i);
        publishers[i] = node_connect(cluster, i);
        freeReplyObject(ask(subscribers[i], "SUBSCRIBE news"));
        /* Confirmed: whoever publishes from now on, wherever, is heard and counts it. */
        for (int k = 0; k < 3 && k <= i; k++) {
            cr_expect_eq(ask_integer(publishers[k], "PUBLISH news hello%d", i), i + 1);
            char text[32];
            snprintf(text, sizeof(text), "hello%d", i);
            for (int s = 0; s <= i; s++)
                expect_message(subscribers[s], "news", text);
        }
    }
    for (int i = 0; i < MESSAGES; i++)
        redisAppendCommand(publishers[i % 3], "PUBLISH news %d", i);
    for (int i = 0; i < MESSAGES; i++) {
        redisReply *reply = NULL;
        cr_assert_eq(redisGetReply(publishers[i % 3], (void **)&reply), REDIS_OK);
        cr_expect_eq(reply->integer, 3);
        freeReplyObject(reply);
    }
    int last_of_node[3] = {-1, -1, -1};
    for (int i = 0; i < MESSAGES; i++) {
        redisReply *first = NULL;
        cr_assert_eq(redisGetReply(subscribers[0], (void **)&first), REDIS_OK);
        int number = atoi(first->element[2]->str);
        cr_expect_gt(number, last_of_node[number % 3], "a publisher's order");
        last_of_node[number % 3] = number;
        for (int s = 1; s < 3; s++)
            expect_message(subscribers[s], "news", first->element[2]->str);
        freeReplyObject(first);
    }
    cluster_expect_equal(cluster);
    for (int i = 0; i < 3; i++) {
        redisFree(subscribers[i]);
        redisFree(publishers[i]);
    }
    cluster_destroy(cluster);
}

Test(three, a_killed_nodes_subscribers_count_no_longer) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    int follower = cluster_follower(cluster), leader = cluster_leader(cluster);
    redisContext *subscriber = node_connect(cluster, follower);
    redisContext *other = node_connect(cluster, leader), *publisher = node_connect(cluster, leader);
    freeReplyObject(ask(subscriber, "SUBSCRIBE news"));
    freeReplyObject(ask(other, "SUBSCRIBE news"));
    cr_expect_eq(ask_integer(publisher, "PUBLISH news a"), 2);
    expect_message(other, "news", "a");
    (void)node_signal(cluster, follower, SIGKILL);
    node_start(cluster, follower);
    node_await_serving(cluster, follower);
    /* Its new origin has closed the old one. */
    cr_expect_eq(ask_integer(publisher, "PUBLISH news b"), 1);
    expect_message(other, "news", "b");
    cluster_expect_equal(cluster);
    redisFree(subscriber);
    redisFree(other);
    redisFree(publisher);
    cluster_destroy(cluster);
}
