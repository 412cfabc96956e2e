/* test_damage.c: a log that is torn, cut short or flipped while its node is down. The node cuts off
 * what a crash may leave; else it names file, offset and index, neither votes nor leads, and is
 * supplied by the others, which go on either way. Nothing acknowledged is lost. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cluster/harness.h"

enum { SECTOR = 512, HEADER_SIZE = 512, WRITES = 300 };

static void write_some(struct cluster *cluster, int node) {
    redisContext *client = node_connect(cluster, node);
    for (int i = 0; i < WRITES; i++)
        redisAppendCommand(client, "INCR counter");
    for (int i = 0; i < WRITES; i++) {
        redisReply *reply = NULL;
        cr_assert_eq(redisGetReply(client, (void **)&reply), REDIS_OK);
        cr_expect_eq(reply->type, REDIS_REPLY_INTEGER, "%s", reply->str);
        freeReplyObject(reply);
    }
    redisFree(client);
}

static void expect_counter(struct cluster *cluster, int node, long long count) {
    redisContext *client = node_connect(cluster, node);
    cr_expect_eq(ask_integer(client, "GET counter"), count);
    redisFree(client);
}

static int open_file(struct cluster *cluster, int node, const char *name) {
    char path[2 * CLUSTER_PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", cluster->nodes[node].directory, name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    cr_assert(fd >= 0, "%s", path);
    return fd;
}

static void flip_bit(struct cluster *cluster, int node, const char *name, off_t offset) {
    int fd = open_file(cluster, node, name);
    char byte;
    cr_assert_eq(pread(fd, &byte, 1, offset), 1);
    byte = (char)(byte ^ 0x10);
    cr_assert_eq(pwrite(fd, &byte, 1, offset), 1);
    close(fd);
}

/* Where the last byte that is not zero stands. */
static off_t end_of_log(int fd) {
    struct stat status;
    cr_assert_eq(fstat(fd, &status), 0);
    char sector[SECTOR];
    for (off_t at = status.st_size - SECTOR; at >= 0; at -= SECTOR) {
        cr_assert_eq(pread(fd, sector, SECTOR, at), SECTOR);
        for (off_t i = SECTOR - 1; i >= 0; i--)
            if (sector[i] != 0) return at + i;
    }
    return 0;
}

enum damage {
    TRUNCATED,
    FLIPPED_HEADER,
    FLIPPED_RECORD,
    REMOVED,
    FLIPPED_VOTE,
    CUT_VOTE,
    LOST_VOTE,
    REMOVED_ALL,
    REMOVED_LAST
};

/* Its segments with these numbers, as far as there are. */
static void remove_segments(struct cluster *cluster, int node, int from, int to) {
    for (int sequence = from; sequence <= to; sequence++) {
        char path[2 * CLUSTER_PATH_MAX];
        snprintf(path, sizeof(path), "%s/log-%010d", cluster->nodes[node].directory, sequence);
        if (unlink(path) != 0) return;
    }
}

static int count_segments(struct cluster *cluster, int node) {
    for (int sequence = 1;; sequence++) {
        char path[2 * CLUSTER_PATH_MAX];
        snprintf(path, sizeof(path), "%s/log-%010d", cluster->nodes[node].directory, sequence);
        if (access(path, F_OK) != 0) return sequence - 1;
    }
}

static void damage(struct cluster *cluster, int node, enum damage kind) {
    char path[2 * CLUSTER_PATH_MAX];
    int fd, count = count_segments(cluster, node);
    switch (kind) {
    case TRUNCATED:
        fd = open_file(cluster, node, "log-0000000001");
        cr_assert_eq(ftruncate(fd, end_of_log(fd) / 2), 0);
        close(fd);
        break;
    case FLIPPED_HEADER:
        flip_bit(cluster, node, "log-0000000001", 50);
        break;
    case FLIPPED_RECORD:
        fd = open_file(cluster, node, "log-0000000001");
        flip_bit(cluster, node, "log-0000000001", end_of_log(fd) / 2);
        close(fd);
        break;
    case REMOVED:
        remove_segments(cluster, node, 1, 1);
        break;
    case REMOVED_ALL:
        remove_segments(cluster, node, 1, count);
        for (int copy = 0; copy < 2; copy++) {
            snprintf(path, sizeof(path), "%s/%s", cluster->nodes[node].directory,
                     copy == 0 ? "vote" : "vote.copy");
            cr_assert_eq(unlink(path), 0);
        }
        break;
    case REMOVED_LAST:
        remove_segments(cluster, node, count - 1, count);
        break;
    case FLIPPED_VOTE:
        flip_bit(cluster, node, "vote", 66);
        break;
    case LOST_VOTE:
        flip_bit(cluster, node, "vote", 66);
        flip_bit(cluster, node, "vote.copy", 50);
        break;
    case CUT_VOTE:
        fd = open_file(cluster, node, "vote");
        cr_assert_eq(ftruncate(fd, 40), 0);
        close(fd);
        break;
    }
}

static const struct {
    const char *name;
    enum damage kind;
    const char *said[3]; /* all of it in the log, NULL at the end */
} damage_cases[] = {
    {"cut short", TRUNCATED, {"log-0000000001 is damaged: it has ", "bytes instead of "}},
    {"header flipped", FLIPPED_HEADER, {"log-0000000001 is damaged"}},
    {"segment gone", REMOVED, {"log-0000000001 is missing"}},
    {"vote flipped", FLIPPED_VOTE, {"vote is damaged", "vote.copy was read in its place"}},
    {"vote cut short", CUT_VOTE, {"vote is damaged", "vote.copy was read in its place"}},
    {"vote lost", LOST_VOTE, {"vote.copy is damaged", "All other members have told their terms"}},
    {"last segments gone", REMOVED_LAST, {"is missing, but the log knows of it, after index "}},
    {"record flipped", FLIPPED_RECORD, {"log-0000000001 is damaged at offset ", ", after index "}},
};

static bool hurts_the_log(enum damage kind) {
    return kind != FLIPPED_VOTE && kind != CUT_VOTE && kind != LOST_VOTE;
}

/* To a follower, or to the leader, which is followed by another one. */
static void damage_and_await_repair(size_t i) {
    enum damage kind = damage_cases[i].kind;
    struct cluster *cluster = cluster_create_running(3, NULL);
    int damaged = (cluster_leader(cluster) + (int)i % 3) % 3, other = (damaged + 1) % 3;
    write_some(cluster, damaged);
    (void)node_signal(cluster, damaged, i % 2 == 0 ? SIGTERM : SIGKILL);
    damage(cluster, damaged, kind);
    write_some(cluster, other);
    (void)unlink(cluster->nodes[damaged].log);
    node_start(cluster, damaged);
    for (int k = 0; k < 3 && damage_cases[i].said[k] != NULL; k++)
        node_await_log(cluster, damaged, damage_cases[i].said[k]);
    if (hurts_the_log(kind))
        node_await_log(cluster, damaged, "has been supplied again, up to index");
    node_await_serving(cluster, damaged);
    expect_counter(cluster, damaged, 2 * WRITES);
    cluster_expect_equal(cluster);
    char state[16];
    node_info_text(cluster, damaged, "raft", "raft_state", state, sizeof(state));
    cr_expect_str_eq(state, "up", "%s", damage_cases[i].name);
    cr_expect_eq(node_info(cluster, damaged, "raft_repairs"), hurts_the_log(kind));
    cluster_destroy(cluster);
}

Test(damage, is_named_and_repaired_by_the_others) {
    for (size_t i = 0; i < COUNT_OF(damage_cases); i++)
        damage_and_await_repair(i);
}

static void expect_refusal(struct cluster *cluster, int node) {
    redisContext *client = node_connect(cluster, node);
    redisReply *reply = ask(client, "GET counter");
    cr_expect(reply->type == REDIS_REPLY_ERROR, "it does not guess");
    cr_expect(reply->str != NULL && strncmp(reply->str, "CLUSTERDOWN", 11) == 0, "%s", reply->str);
    freeReplyObject(reply);
    redisFree(client);
}

/* Neither its vote nor its log tells what it has promised. */
Test(damage, with_vote_and_log_both_lost_a_node_stays_out) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    int damaged = cluster_follower(cluster), leader = cluster_leader(cluster);
    write_some(cluster, damaged);
    (void)node_signal(cluster, damaged, SIGTERM);
    damage(cluster, damaged, REMOVED_ALL);
    node_start(cluster, damaged);
    node_await_log(cluster, damaged, "log-0000000001 is missing, but this node has had a vote");
    node_await_log(cluster, damaged, "with both lost nobody can tell what this node has promised");
    expect_refusal(cluster, damaged);
    write_some(cluster, leader);
    expect_counter(cluster, leader, 2 * WRITES);
    cluster_destroy(cluster);
}

/* Alone, with its vote lost nobody else can have it; what its log has lost nobody else has. */
Test(damage, a_node_that_is_alone_has_nobody_to_supply_it) {
    struct cluster *cluster = cluster_create_running(1, NULL);
    write_some(cluster, 0);
    (void)node_signal(cluster, 0, SIGTERM);
    damage(cluster, 0, LOST_VOTE);
    node_start(cluster, 0);
    node_await_serving(cluster, 0);
    node_await_log(cluster, 0, "vote.copy is damaged");
    expect_counter(cluster, 0, WRITES);
    (void)node_signal(cluster, 0, SIGTERM);
    damage(cluster, 0, FLIPPED_RECORD);
    node_start(cluster, 0);
    node_await_log(cluster, 0, "is damaged at offset ");
    node_await_log(cluster, 0, "no other node can supply what is lost");
    expect_refusal(cluster, 0);
    cluster_destroy(cluster);
}

static void copy_directory(struct cluster *cluster, int node, const char *from, const char *to) {
    char command[8 * CLUSTER_PATH_MAX];
    const char *directory = cluster->nodes[node].directory;
    snprintf(command, sizeof(command), "rm -rf '%s%s' && cp -a '%s%s' '%s%s'", directory, to,
             directory, from, directory, to);
    cr_assert_eq(system(command), 0);
}

/* As a disk that forgets what was synced: nothing in the directory itself tells it. */
Test(damage, a_directory_put_back_to_an_earlier_state_is_told_and_supplied_again) {
    const char *const options[] = {"--raft-election-timeout", "2000", NULL};
    struct cluster *cluster = cluster_create_running(3, options);
    int leader = cluster_leader(cluster), rewound = (leader + 1) % 3;
    (void)node_signal(cluster, rewound, SIGTERM);
    copy_directory(cluster, rewound, "", ".earlier");
    node_start(cluster, rewound);
    node_await_serving(cluster, rewound);
    write_some(cluster, rewound);
    (void)node_signal(cluster, rewound, SIGKILL);
    copy_directory(cluster, rewound, ".earlier", "");
    node_start(cluster, rewound);
    node_await_log(cluster, rewound, "This node has lost entries that it had acknowledged");
    char line[80];
    snprintf(line, sizeof(line), "Node %lld has lost entries that it had acknowledged",
             node_info(cluster, rewound, "raft_node_id"));
    node_await_log(cluster, leader, line);
    node_await_serving(cluster, rewound);
    expect_counter(cluster, rewound, WRITES);
    cr_expect_geq(node_info(cluster, leader, "raft_lapses"), 1);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

/* With its vote it could elect a leader that knows nothing of the last writes. */
Test(damage, a_damaged_node_makes_no_majority) {
    const char *const options[] = {"--raft-unsealed-timeout", "3000", NULL};
    struct cluster *cluster = cluster_create_running(3, options);
    int leader = cluster_leader(cluster), damaged = (leader + 1) % 3, left = (leader + 2) % 3;
    write_some(cluster, left);
    (void)node_signal(cluster, damaged, SIGTERM);
    damage(cluster, damaged, FLIPPED_RECORD);
    (void)node_signal(cluster, leader, SIGKILL); /* before it can mend that */
    node_start(cluster, damaged);
    node_await_log(cluster, damaged, "is damaged at offset");
    AWAIT(node_info(cluster, left, "raft_leader_id") == 0);
    redisContext *client = node_connect(cluster, left);
    redisReply *reply = ask(client, "INCR counter");
    cr_expect(reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "CLUSTERDOWN", 11) == 0);
    freeReplyObject(reply);
    redisFree(client);
    char state[16];
    node_info_text(cluster, damaged, "raft", "raft_state", state, sizeof(state));
    cr_expect_str_eq(state, "repairing");
    node_start(cluster, leader);
    node_await_serving(cluster, leader);
    node_await_serving(cluster, left);
    node_await_log(cluster, damaged, "has been supplied again, up to index");
    expect_counter(cluster, left, WRITES);
    expect_counter(cluster, damaged, WRITES);
    cluster_destroy(cluster);
}

/* Behind them stand spares. */
static int segments_in_use(struct cluster *cluster, int node) {
    int count = 0;
    bool in_use = true;
    while (in_use) {
        char path[2 * CLUSTER_PATH_MAX];
        snprintf(path, sizeof(path), "%s/log-%010d", cluster->nodes[node].directory, count + 1);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        in_use = fd >= 0 && end_of_log(fd) >= HEADER_SIZE;
        if (fd >= 0) close(fd);
        count += in_use;
    }
    return count;
}

static int open_last_segment(struct cluster *cluster, int node) {
    char name[32];
    int count = segments_in_use(cluster, node);
    cr_assert_gt(count, 0, "node %d has written nothing", node + 1);
    snprintf(name, sizeof(name), "log-%010d", count);
    return open_file(cluster, node, name);
}

/* What a power cut leaves behind the last durable record: sectors of a write that nobody was told
 * of, in any order. One of them never reached the disk. */
static void tear(struct cluster *cluster, int node, bool with_blank_sector) {
    int fd = open_last_segment(cluster, node);
    char noise[3 * SECTOR];
    memset(noise, 0xa5, sizeof(noise));
    off_t end = end_of_log(fd) + 1, next = (end + SECTOR - 1) / SECTOR * SECTOR;
    off_t from = with_blank_sector ? next + SECTOR : end;
    cr_assert_eq(pwrite(fd, noise, sizeof(noise), from), (ssize_t)sizeof(noise));
    close(fd);
}

/* A tear has to fit behind the log's end: with tiny segments the end may be near the file's. Writes
 * until each node's last segment has room; how many they were. */
static long long make_room(struct cluster *cluster) {
    long long count = 0;
    for (int node = 0; node < 3;) {
        /* Applied is what a majority has: this node may be about to write it. */
        AWAIT(node_info(cluster, node, "raft_durable_index") ==
              node_info(cluster, node, "raft_current_index"));
        int fd = open_last_segment(cluster, node);
        struct stat status;
        cr_assert_eq(fstat(fd, &status), 0);
        bool has_room = end_of_log(fd) + 8 * SECTOR <= status.st_size;
        close(fd);
        if (has_room) {
            node++;
            continue;
        }
        write_some(cluster, node);
        count += WRITES;
        node = 0;
    }
    return count;
}

Test(damage, a_torn_tail_is_cut_off) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    long long count = 0;
    for (int round = 0; round < 4; round++) {
        int torn = round % 2 == 0 ? cluster_follower(cluster) : cluster_leader(cluster);
        write_some(cluster, torn);
        count += make_room(cluster);
        (void)node_signal(cluster, torn, round < 2 ? SIGKILL : SIGTERM);
        tear(cluster, torn, true);
        (void)unlink(cluster->nodes[torn].log);
        write_some(cluster, (torn + 1) % 3);
        count += 2 * WRITES;
        node_start(cluster, torn);
        node_await_serving(cluster, torn);
        node_await_log(cluster, torn, "a write that never became durable");
        expect_counter(cluster, torn, count);
        cluster_expect_equal(cluster);
    }
    count += make_room(cluster);
    for (int i = 0; i < 3; i++)
        (void)node_signal(cluster, i, SIGKILL);
    for (int i = 0; i < 3; i++)
        tear(cluster, i, true);
    cluster_start(cluster);
    cluster_await_serving(cluster);
    expect_counter(cluster, 0, count);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

Test(damage, a_tail_that_is_not_torn_is_named_and_repaired) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    int damaged = cluster_follower(cluster), leader = cluster_leader(cluster);
    write_some(cluster, damaged);
    long long count = WRITES + make_room(cluster);
    (void)node_signal(cluster, damaged, SIGTERM);
    tear(cluster, damaged, false);
    node_start(cluster, damaged);
    node_await_log(cluster, damaged, "no sector of it is blank");
    write_some(cluster, leader);
    node_await_log(cluster, damaged, "has been supplied again, up to index");
    node_await_serving(cluster, damaged);
    expect_counter(cluster, damaged, count + WRITES);
    cluster_destroy(cluster);
}

/* The leader finds damage in what only a node that comes back needs: it lets another one lead, and
 * a snapshot takes the place of that part of its log. */
Test(damage, is_named_and_cut_out_when_another_node_needs_what_was_damaged) {
    const char *const options[] = {"--raft-log-memory", "1mb", NULL};
    struct cluster *cluster = cluster_create_running(3, options);
    int leader = cluster_leader(cluster), away = cluster_follower(cluster);
    write_some(cluster, leader);
    long long count = WRITES;
    cluster_expect_equal(cluster);
    (void)node_signal(cluster, away, SIGKILL);
    redisContext *client = node_connect(cluster, leader);
    static char part[64 * 1024];
    memset(part, 'x', sizeof(part));
    for (int i = 0; i < 100; i++)
        freeReplyObject(ask(client, "SET part %b", part, sizeof(part)));
    /* In the midst of the log: of what was written meanwhile, and in no memory any more. */
    char name[32], text[64];
    snprintf(name, sizeof(name), "log-%010d", segments_in_use(cluster, leader) / 2 + 1);
    snprintf(text, sizeof(text), "%s is damaged at offset ", name);
    int fd = open_file(cluster, leader, name);
    off_t damaged = end_of_log(fd) / 2;
    close(fd);
    flip_bit(cluster, leader, name, damaged);
    node_start(cluster, away);
    node_await_log(cluster, leader, text);
    write_some(cluster, leader);
    count += WRITES;
    AWAIT(cluster_leader(cluster) != leader);
    cr_expect_geq(node_info(cluster, leader, "raft_fetches_failed"), 1);
    /* Where a segment begins within an entry the log can't: entries that are large beside the
     * segments (as in builds with tiny limits) need smaller ones and another snapshot behind them.
     */
    redisContext *damaged_client = node_connect(cluster, leader);
    for (int i = 0; i < 50; i++) {
        if (node_logged(cluster, leader, "What could not be read has left the log")) break;
        for (int small = 0; small < 20; small++)
            freeReplyObject(ask(damaged_client, "INCR counter"));
        count += 20;
        freeReplyObject(ask(damaged_client, "SAVE"));
    }
    redisFree(damaged_client);
    node_await_log(cluster, leader, "What could not be read has left the log");
    cluster_expect_equal(cluster);
    expect_counter(cluster, away, count);
    redisFree(client);
    cluster_destroy(cluster);
}

/* Each of them would have to hear the other's term, which nobody knows any more. */
Test(damage, nodes_that_have_lost_their_votes_together_go_on) {
    for (int lost = 2; lost <= 3; lost++) {
        struct cluster *cluster = cluster_create_running(3, NULL);
        write_some(cluster, 0);
        for (int node = 0; node < lost; node++)
            (void)node_signal(cluster, node, SIGKILL);
        for (int node = 0; node < lost; node++) {
            damage(cluster, node, LOST_VOTE);
            node_start(cluster, node);
        }
        cluster_await_serving(cluster);
        cr_expect(node_logged(cluster, 0, "that they have lost their votes as well (node") ||
                  node_logged(cluster, 1, "that they have lost their votes as well (node"));
        cr_expect_gt(node_info(cluster, 0, "raft_current_term"), 1ll << 40);
        write_some(cluster, 1);
        expect_counter(cluster, 2, 2 * WRITES);
        cluster_expect_equal(cluster);
        cluster_destroy(cluster);
    }
}
