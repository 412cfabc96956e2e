/* test_disk.c: a disk that is full, or that breaks, under a server that runs. Full: writes are
 * refused with a reason, reads go on, and without a restart so do writes when there is room.
 * Broken: the process ends with a line that says why; what it acknowledged is there. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/cluster/harness.h"

enum { PART_BYTES = 64 * 1024, PARTS_MAX = 4096 };

/* The file that switches a node's fault on. */
struct fault {
    char path[2 * CLUSTER_PATH_MAX];
};
static struct fault fault_of(const struct cluster *cluster, int node, const char *fault) {
    struct fault file;
    snprintf(file.path, sizeof(file.path), "%s/disk%d.%s", cluster->root, node + 1, fault);
    return file;
}

static void switch_on(const struct cluster *cluster, int node, const char *fault) {
    int fd = open(fault_of(cluster, node, fault).path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert(fd >= 0);
    close(fd);
}

static void switch_off(const struct cluster *cluster, int node, const char *fault) {
    cr_assert_eq(unlink(fault_of(cluster, node, fault).path), 0);
}

static void start_on_faulty_disk(struct cluster *cluster, int node) {
    char name[2 * CLUSTER_PATH_MAX];
    snprintf(name, sizeof(name), "%s/disk%d", cluster->root, node + 1);
    setenv("HAMOK_FAULTY_DISK", name, 1);
    setenv("LD_PRELOAD", HAMOK_FAULTY_DISK, 1);
    node_start(cluster, node);
    unsetenv("LD_PRELOAD");
}

static struct cluster *create_running_with(int count, const char *const *options) {
    /* The plain build also where the other tests use a sanitizer's, which must be loaded first. */
    unsetenv("HAMOK_SERVER");
    struct cluster *cluster = cluster_create(count, options);
    for (int i = 0; i < count; i++)
        start_on_faulty_disk(cluster, i);
    cluster_await_serving(cluster);
    return cluster;
}

static struct cluster *create_running(int count) {
    return create_running_with(count, NULL);
}

/* What a client was told of its counting, with something large beside each count. */
struct tally {
    long long counted, refused;
    char error[128];
};

static void count_once(redisContext *client, struct tally *tally) {
    static char part[PART_BYTES];
    memset(part, 'x', sizeof(part));
    redisReply *reply = ask(client, "INCR counter");
    if (reply->type == REDIS_REPLY_INTEGER) {
        cr_expect_eq(reply->integer, tally->counted + 1, "each is counted once");
        tally->counted = reply->integer;
    } else {
        cr_assert_eq(reply->type, REDIS_REPLY_ERROR);
        tally->refused++;
        snprintf(tally->error, sizeof(tally->error), "%s", reply->str);
    }
    freeReplyObject(reply);
    freeReplyObject(ask(client, "SET part:%lld %b", tally->counted % 8, part, sizeof(part)));
}

static bool is_counted(redisContext *client, struct tally *tally) {
    long long before = tally->counted;
    count_once(client, tally);
    return tally->counted > before;
}

static void fill_until_refused(redisContext *client, struct tally *tally) {
    for (int i = 0; i < PARTS_MAX && tally->refused == 0; i++)
        count_once(client, tally);
    cr_assert_gt(tally->refused, 0, "a full disk takes no more");
    /* What was waiting when the room ran out is told so after raft-unsealed-timeout. */
    cr_expect(strncmp(tally->error, "MISCONF", 7) == 0 || strstr(tally->error, "disk is full") != 0,
              "%s", tally->error);
    cr_expect(strstr(tally->error, "not executed") != NULL, "%s", tally->error);
}

Test(disk, a_full_one_refuses_writes_and_recovers_without_a_restart) {
    struct cluster *cluster = create_running(1);
    redisContext *client = node_connect(cluster, 0);
    struct tally tally = {0};
    count_once(client, &tally); /* A spare may be missing still: then all are refused at once. */
    for (int round = 0; round < 2; round++) {
        switch_on(cluster, 0, "full");
        tally.refused = 0;
        fill_until_refused(client, &tally);
        node_await_log(cluster, 0, "No space left");
        cr_expect_eq(ask_integer(client, "GET counter"), tally.counted, "reads go on");
        switch_off(cluster, 0, "full");
        AWAIT(is_counted(client, &tally));
        node_await_log(cluster, 0, "There is space for the log again");
    }
    switch_on(cluster, 0, "full");
    tally.refused = 0;
    fill_until_refused(client, &tally);
    redisFree(client);
    /* It stops and starts on the full disk as well. */
    cr_expect_eq(node_signal(cluster, 0, SIGTERM), 0);
    node_start(cluster, 0);
    node_await_serving(cluster, 0);
    client = node_connect(cluster, 0);
    cr_expect_eq(ask_integer(client, "GET counter"), tally.counted);
    redisFree(client);
    cluster_destroy(cluster);
}

/* What the leader itself needs of the log is kept in reserve. */
Test(disk, keys_expire_while_it_is_full) {
    struct cluster *cluster = create_running(1);
    redisContext *client = node_connect(cluster, 0);
    struct tally tally = {0};
    cr_expect(ask_is(client, "OK", "SET key value PX 1500"));
    switch_on(cluster, 0, "full");
    fill_until_refused(client, &tally);
    AWAIT(ask_integer(client, "EXISTS key") == 0);
    AWAIT(ask_integer(client, "DBSIZE") <= 9); /* the counter and its parts */
    redisFree(client);
    cluster_destroy(cluster);
}

static bool is_refused(struct cluster *cluster, int node) {
    redisContext *client = node_connect(cluster, node);
    redisReply *reply = ask(client, "INCR other");
    bool refused = reply->type == REDIS_REPLY_ERROR;
    if (refused) cr_expect(strncmp(reply->str, "MISCONF", 7) == 0, "%s", reply->str);
    freeReplyObject(reply);
    redisFree(client);
    return refused;
}

/* Nobody is told of a leader's full disk while there is a node with room. When the full node's
 * reserve is used up it falls behind, and says so to its own clients. */
Test(disk, a_full_leader_hands_over) {
    struct cluster *cluster = create_running(3);
    int full = cluster_leader(cluster), other = cluster_follower(cluster);
    redisContext *at_full = node_connect(cluster, full);
    redisContext *at_other = node_connect(cluster, other);
    struct tally tally = {0};
    switch_on(cluster, full, "full");
    for (int i = 0; i < PARTS_MAX && cluster_leader(cluster) == full; i++)
        count_once(i % 2 == 0 ? at_full : at_other, &tally);
    cr_expect_neq(cluster_leader(cluster), full);
    node_await_log(cluster, full, "No space left");
    count_once(at_full, &tally);
    for (int i = 0; i < 300; i++)
        count_once(at_other, &tally);
    cr_expect_eq(tally.refused, 0, "%s", tally.error);
    AWAIT(is_refused(cluster, full));
    switch_off(cluster, full, "full");
    AWAIT(!is_refused(cluster, full));
    cr_expect_eq(ask_integer(at_full, "GET counter"), tally.counted);
    cluster_expect_equal(cluster);
    redisFree(at_full);
    redisFree(at_other);
    cluster_destroy(cluster);
}

/* Nobody has room: clients of every node are told so, and of nothing that was executed. */
Test(disk, where_all_are_full_clients_of_all_nodes_are_told) {
    struct cluster *cluster = create_running(3);
    redisContext *client = node_connect(cluster, cluster_follower(cluster));
    struct tally tally = {0};
    for (int node = 0; node < 3; node++)
        switch_on(cluster, node, "full");
    fill_until_refused(client, &tally);
    for (int node = 0; node < 3; node++)
        cr_expect(is_refused(cluster, node));
    cr_expect_eq(ask_integer(client, "GET counter"), tally.counted, "reads go on");
    /* Room on one node: it leads, and all go on. */
    int mended = cluster_follower(cluster);
    switch_off(cluster, mended, "full");
    AWAIT(is_counted(client, &tally));
    AWAIT(cluster_leader(cluster) == mended);
    for (int node = 0; node < 3; node++)
        if (node != mended) switch_off(cluster, node, "full");
    cluster_expect_equal(cluster);
    redisFree(client);
    cluster_destroy(cluster);
}

/* A full follower falls behind when its reserve is used up; the others go on, and it catches up. */
Test(disk, a_full_follower_holds_nobody_up) {
    struct cluster *cluster = create_running(3);
    int leader = cluster_leader(cluster), follower = cluster_follower(cluster);
    redisContext *client = node_connect(cluster, leader);
    struct tally tally = {0};
    switch_on(cluster, follower, "full");
    for (int i = 0; i < 400; i++)
        count_once(client, &tally);
    cr_expect_eq(tally.refused, 0, "%s", tally.error);
    node_await_log(cluster, follower, "No space left");
    switch_off(cluster, follower, "full");
    cluster_expect_equal(cluster);
    redisFree(client);
    cluster_destroy(cluster);
}

/* What is under way need not be proposed once more, however long its sync takes. */
Test(disk, a_late_one_has_the_first_settings_once) {
    unsetenv("HAMOK_SERVER");
    struct cluster *cluster = cluster_create(1, NULL);
    switch_on(cluster, 0, "late");
    start_on_faulty_disk(cluster, 0);
    node_await_serving(cluster, 0);
    AWAIT(node_info(cluster, 0, "raft_batches_applied") >= 1 &&
          node_info(cluster, 0, "raft_inflight_bytes") == 0);
    cr_expect_eq(node_info(cluster, 0, "raft_batches_sealed"), 1);
    cluster_destroy(cluster);
}

static const struct {
    const char *name;
    int nodes;
    bool leader;
} broken_disks[] = {{"alone", 1, true}, {"leader", 3, true}, {"follower", 3, false}};

Test(disk, a_broken_one_ends_the_process_and_nothing_acknowledged_is_lost) {
    for (size_t i = 0; i < COUNT_OF(broken_disks); i++) {
        struct cluster *cluster = create_running(broken_disks[i].nodes);
        int broken = broken_disks[i].leader ? cluster_leader(cluster) : cluster_follower(cluster);
        int other = (broken + 1) % broken_disks[i].nodes;
        redisContext *client = node_connect(cluster, other);
        struct tally tally = {0};
        for (int k = 0; k < 20; k++)
            count_once(client, &tally);
        switch_on(cluster, broken, "broken");
        bool alone = broken == other;
        if (alone) {
            redisReply *reply = redisCommand(client, "INCR counter");
            cr_expect(reply == NULL, "nothing is acknowledged that could not be synced");
        } else {
            for (int k = 0; k < 20; k++)
                count_once(client, &tally);
            cr_expect_eq(tally.refused, 0, "%s: %s", broken_disks[i].name, tally.error);
        }
        int status = node_await_exit(cluster, broken);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 1, "%s: %x", broken_disks[i].name,
                  status);
        node_await_log(cluster, broken, "mend the disk and start it again");
        redisFree(client);
        switch_off(cluster, broken, "broken");
        node_start(cluster, broken);
        cluster_await_serving(cluster);
        client = node_connect(cluster, broken);
        long long counted = ask_integer(client, "GET counter");
        /* What was not acknowledged may be there all the same. */
        cr_expect(counted >= tally.counted && counted <= tally.counted + alone, "%s: %lld",
                  broken_disks[i].name, counted);
        cluster_expect_equal(cluster);
        redisFree(client);
        cluster_destroy(cluster);
    }
}

/* A follower that has nothing else to write than its vote. */
Test(disk, a_vote_that_cannot_be_written_ends_the_process) {
    struct cluster *cluster = create_running(3);
    int leader = cluster_leader(cluster), broken = cluster_follower(cluster);
    switch_on(cluster, broken, "closed");
    (void)node_signal(cluster, leader, SIGKILL);
    int status = node_await_exit(cluster, broken);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 1, "%x", status);
    node_await_log(cluster, broken, "vote: writing it failed: input or output failed");
    switch_off(cluster, broken, "closed");
    node_start(cluster, broken);
    node_start(cluster, leader);
    cluster_await_serving(cluster);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

static bool shows_progress(struct cluster *cluster) {
    char loading[8], total[32], done[32], percent[32];
    node_info_text(cluster, 0, "persistence", "loading", loading, sizeof(loading));
    node_info_text(cluster, 0, "persistence", "loading_total_bytes", total, sizeof(total));
    node_info_text(cluster, 0, "persistence", "loading_loaded_bytes", done, sizeof(done));
    node_info_text(cluster, 0, "persistence", "loading_loaded_perc", percent, sizeof(percent));
    return strcmp(loading, "1") == 0 && atoll(done) > 0 && atoll(done) < atoll(total) &&
           atof(percent) > 0 && atof(percent) < 100;
}

/* A log that takes its time to be read: the slow disk makes it some seconds. */
Test(disk, a_long_log_shows_how_far_it_is_read) {
    struct cluster *cluster = create_running(1);
    redisContext *client = node_connect(cluster, 0);
    struct tally tally = {0};
    for (int i = 0; i < 400; i++)
        count_once(client, &tally);
    redisFree(client);
    (void)node_signal(cluster, 0, SIGTERM);
    switch_on(cluster, 0, "slow");
    start_on_faulty_disk(cluster, 0);
    AWAIT(shows_progress(cluster));
    client = node_connect(cluster, 0);
    cr_expect(ask_is(client, "LOADING Hamok is loading its log from the disk", "GET counter"));
    node_await_log(cluster, 0, "Reading the log: ");
    switch_off(cluster, 0, "slow");
    node_await_serving(cluster, 0);
    node_await_log(cluster, 0, "The log was read: ");
    cr_expect_eq(ask_integer(client, "GET counter"), tally.counted);
    char total[32];
    node_info_text(cluster, 0, "persistence", "loading_total_bytes", total, sizeof(total));
    cr_expect_str_eq(total, "", "only while it loads");
    redisFree(client);
    cluster_destroy(cluster);
}

/* --- at start -------------------------------------------------------------------------------- */

static void write_switch(const struct cluster *cluster, int node, const char *fault,
                         const char *text) {
    FILE *file = fopen(fault_of(cluster, node, fault).path, "we");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    fclose(file);
}

/* Once, perhaps: so nothing is done about it, and the next start goes on as ever. */
Test(disk, a_file_that_can_not_be_read_ends_the_start_and_is_named) {
    static const struct {
        const char *files, *said;
        int nodes;
    } cases[] = {
        {"log-0000000001\n",
         "/log-0000000001 can't be read: input or output failed: nothing was "
         "changed, and the next start may be luckier. If it stays so look at "
         "the disk, and restore the whole directory from a copy",
         1},
        {"vote\nvote.copy\n", "/vote can't be read: input or output failed: ", 3},
        {"snapshot.rdb\n",
         "/snapshot.rdb can't be read: input or output failed: nothing was "
         "changed, and the next start may be luckier. If it stays so look at "
         "the disk, and move that file away: the other nodes supply",
         3},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cluster *cluster = create_running(cases[i].nodes);
        redisContext *client = node_connect(cluster, 0);
        cr_expect(ask_is(client, "OK", "SET x y"));
        cr_expect_gt(ask_integer(client, "RAFT SNAPSHOT"), 0);
        redisFree(client);
        (void)node_signal(cluster, 0, SIGTERM);
        write_switch(cluster, 0, "unreadable", cases[i].files);
        start_on_faulty_disk(cluster, 0);
        node_expect_refused(cluster, 0, cases[i].said);
        switch_off(cluster, 0, "unreadable");
        node_start(cluster, 0);
        cluster_await_serving(cluster);
        client = node_connect(cluster, 0);
        cr_expect(ask_is(client, "y", "GET x"));
        redisFree(client);
        cluster_expect_equal(cluster);
        cluster_destroy(cluster);
    }
}

/* --- a transfer ------------------------------------------------------------------------------ */

static void fill_parts(redisContext *client, int count) {
    struct tally tally = {0};
    (void)ask_integer(client, "DEL counter");
    for (int i = 0; i < count; i++) {
        count_once(client, &tally);
        freeReplyObject(ask(client, "RENAME part:%lld kept:%d", tally.counted % 8, i));
    }
}

static bool log_is_cut_behind(struct cluster *cluster, int node, long long index) {
    return node_info(cluster, node, "raft_current_index") -
               node_info(cluster, node, "raft_log_entries") >
           index + 1;
}

static bool verifies_what_came(struct cluster *cluster, int node) {
    char state[32];
    node_info_text(cluster, node, "raft", "raft_snapshot_transfer", state, sizeof(state));
    return strcmp(state, "verifying") == 0;
}

static void expect_progress_shown(struct cluster *cluster, int node) {
    long long total = node_info(cluster, node, "raft_snapshot_transfer_total_bytes");
    long long come = node_info(cluster, node, "raft_snapshot_transfer_bytes");
    long long verified = node_info(cluster, node, "raft_snapshot_transfer_verified_bytes");
    cr_expect_gt(total, 0);
    cr_expect_eq(come, total, "all of it has come");
    cr_expect(0 <= verified && verified <= total);
    cr_expect_gt(node_info(cluster, node, "raft_snapshot_transfer_from"), 0);
    cr_expect_gt(node_info(cluster, node, "raft_snapshot_transfer_index"), 0);
}

/* The slow disk keeps a node busy with what came until its process ends: the next one goes on with
 * what is there, and asks for nothing twice. */
Test(disk, a_snapshot_that_has_come_in_part_is_gone_on_with_after_a_restart) {
    struct cluster *cluster = create_running_with(3, small_log_options);
    int leader = cluster_leader(cluster), away = (leader + 1) % 3;
    redisContext *client = node_connect(cluster, leader);
    long long seen = node_info(cluster, away, "raft_last_applied_index");
    (void)node_signal(cluster, away, SIGKILL);
    fill_parts(client, 200);
    for (int node = 0; node < 3; node++)
        if (node != away) AWAIT(log_is_cut_behind(cluster, node, seen));
    cr_expect_gt(ask_integer(client, "RAFT SNAPSHOT"), seen); /* No other one is due for a while. */
    switch_on(cluster, away, "slow");
    start_on_faulty_disk(cluster, away);
    AWAIT(verifies_what_came(cluster, away));
    expect_progress_shown(cluster, away);
    cr_expect_eq(node_info(cluster, leader, "raft_snapshot_sending"), 1);
    (void)node_signal(cluster, away, SIGKILL);
    switch_off(cluster, away, "slow");
    node_start(cluster, away);
    AWAIT(node_info(cluster, away, "raft_snapshots_installed") > 0);
    cr_expect_gt(node_info(cluster, away, "raft_snapshot_parts_resumed"), 10);
    cluster_await_serving(cluster);
    redisFree(client);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}
