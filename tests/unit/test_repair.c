/* What a disk has lost, seen by whole replicas: supplied by the others, or said to be beyond that.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/crc64.h"
#include "raft/segment.h"
#include "src/replica/replica_internal.h"
#include "tests/unit/replica_box.h"

enum { SEGMENT_SIZE = 4096 };

static struct replica_box box;
static const char first_segment[] = "log-0000000001";

static void keep_little_in_memory(struct replica_config *config) {
    config->raft.tail_bytes_max = 1000;
}

static void begin_with(uint32_t count) {
    replica_box_init(&box, count);
    box.segment_size = SEGMENT_SIZE;
    box.configure = keep_little_in_memory;
    replica_box_start(&box);
}

static void end(void) {
    replica_box_clear(&box);
}

static void write_much(uint32_t node, int count) {
    struct box_client *client = replica_box_client(&box, node);
    for (int i = 0; i < count; i++) {
        char text[200];
        snprintf(text, sizeof(text), "SET key:%d %0100d\r\nINCR n\r\n", i, i);
        box_client_send(&box, client, text);
        replica_box_run(&box, 5000);
    }
    replica_box_run(&box, 300 * 1000);
    for (size_t i = 0; i < client->replies.size; i++)
        cr_assert_neq(client->replies.data[i], '-');
    box_client_close(&box, client);
}

/* Within the first entry behind the founding's. */
static void damage_log(uint32_t node) {
    simulated_disk_flip(box.disks[node], first_segment, 700, 4);
}

static void lose_vote(uint32_t node) {
    simulated_disk_flip(box.disks[node], VOTE_NAME, 30, 4);
    simulated_disk_flip(box.disks[node], VOTE_COPY_NAME, 30, 4);
}

static void expect_trouble(uint32_t node, const char *text) {
    replica_box_run(&box, 500 * 1000);
    const char *trouble = replica_trouble(box.replicas[node]);
    cr_expect_eq(replica_state(box.replicas[node]), REPLICA_DAMAGED);
    cr_expect(trouble != NULL && strstr(trouble, text) != NULL, "%s",
              trouble == NULL ? "nothing" : trouble);
}

static struct replica_repair repair_of(uint32_t node) {
    struct replica_repair repair;
    replica_get_repair(box.replicas[node], &repair);
    return repair;
}

static void expect_repaired(uint32_t node) {
    for (int i = 0; i < 500 && (repair_of(node).is_damaged || !replica_serves(box.replicas[node]));
         i++)
        replica_box_run(&box, 10 * 1000);
    cr_expect_not(repair_of(node).is_damaged);
    replica_box_run(&box, 300 * 1000);
    uint32_t other = node % 3 + 1;
    cr_expect_eq(replica_digest(box.replicas[node]), replica_digest(box.replicas[other]));
}

Test(repair, a_node_that_is_alone_has_nobody_to_supply_it, .fini = end) {
    begin_with(1);
    write_much(1, 20);
    replica_box_kill(&box, 1);
    damage_log(1);
    replica_box_boot(&box, 1);
    struct replica_repair repair = repair_of(1); /* It has not even begun to read. */
    cr_expect(!repair.is_damaged && !repair.vote_is_lost && repair.index == 0);
    expect_trouble(1, "no other node can supply what is lost");
    /* What is asked of a node that takes no part has an answer. */
    struct replica *replica = box.replicas[1];
    struct replica_moment moment = replica_box_moment(&box, 1);
    replica_tick(replica, moment);
    replica_turn_end(replica, moment);
    cr_expect_not(replica_disk_is_full(replica));
    cr_expect_null(replica_write_refusal(replica));
    cr_expect_eq(replica_change_members(
                     replica, &(struct replica_change){.kind = REPLICA_REMOVE, .id = 2}, moment),
                 0);
    cr_expect_eq(replica_presence(replica).term, 0);
}

Test(repair, with_log_and_vote_lost_at_once_nobody_can_tell, .fini = end) {
    begin_with(3);
    write_much(1, 20);
    replica_box_kill(&box, 2);
    damage_log(2);
    lose_vote(2);
    replica_box_boot(&box, 2);
    expect_trouble(2, "with both lost nobody can tell what this node has promised: RAFT ADD");
}

Test(repair, nor_one_after_the_other, .fini = end) {
    begin_with(3);
    write_much(1, 20);
    replica_box_kill(&box, 2);
    damage_log(2);
    box.cut[2] = true;
    replica_box_boot(&box, 2);
    replica_box_run(&box, 1000 * 1000);
    cr_expect(repair_of(2).is_damaged, "nobody has supplied it yet");
    replica_box_kill(&box, 2);
    lose_vote(2);
    replica_box_boot(&box, 2);
    expect_trouble(2, "with both lost nobody can tell what this node has promised: RAFT ADD");
}

Test(repair, a_log_that_ends_before_its_snapshot_is_supplied, .fini = end) {
    begin_with(3);
    struct simulated_disk *before = simulated_disk_copy(box.disks[2]);
    write_much(1, 20);
    cr_assert(replica_box_snapshot(&box, 2));
    struct bytes snapshot;
    cr_assert(simulated_disk_file(box.disks[2], SNAPSHOT_NAME, &snapshot));
    simulated_disk_put(before, SNAPSHOT_NAME, 0, snapshot);
    replica_box_kill(&box, 2);
    simulated_disk_destroy(box.disks[2]);
    box.disks[2] = before;
    replica_box_boot(&box, 2);
    replica_box_run(&box, 50 * 1000);
    cr_expect(strstr(repair_of(2).damage, "the log ends at index") != NULL, "%s",
              repair_of(2).damage);
    expect_repaired(2);
}

/* An earlier state of the whole directory says nothing of what it has lost; a leader does. */
Test(repair, a_directory_of_an_earlier_day_is_noticed_and_supplied, .fini = end) {
    begin_with(3);
    uint32_t leader = replica_box_leader(&box), node = leader % 3 + 1;
    struct simulated_disk *before = simulated_disk_copy(box.disks[node]);
    write_much(leader, 20);
    replica_box_kill(&box, node);
    simulated_disk_destroy(box.disks[node]);
    box.disks[node] = before;
    replica_box_boot(&box, node);
    expect_repaired(node);
    cr_expect_gt(replica_statistics(box.replicas[leader])->lapses +
                     replica_statistics(box.replicas[node])->lapses,
                 0);
}

/* Its state is whole: a snapshot takes the place of what others can't be fed from any more. */
Test(repair, what_a_leader_cannot_read_of_its_log_a_snapshot_replaces, .fini = end) {
    begin_with(3);
    uint32_t leader = replica_box_leader(&box), behind = leader % 3 + 1;
    replica_box_kill(&box, behind);
    write_much(leader, 60);
    struct replica *replica = box.replicas[leader];
    simulated_disk_flip(box.disks[leader], "log-0000000002", 1500, 4);
    replica_box_boot(&box, behind);
    for (int i = 0; i < 300 && repair_of(leader).unreadable_index == 0; i++)
        replica_box_run(&box, 10 * 1000);
    cr_assert_gt(repair_of(leader).unreadable_index, 0);
    cr_expect(replica_snapshot_is_due(replica));
    cr_assert(replica_box_snapshot(&box, leader));
    for (int i = 0; i < 300 && repair_of(leader).unreadable_index != 0; i++)
        replica_box_run(&box, 10 * 1000);
    cr_expect_eq(repair_of(leader).unreadable_index, 0, "it is cut out");
    expect_repaired(behind);
}

/* What it holds was told to the leader as durable, and is in no log of this node's yet. */
Test(repair, a_received_snapshot_that_is_lost_at_once_is_missed, .fini = end) {
    begin_with(3);
    uint32_t leader = replica_box_leader(&box), behind = leader % 3 + 1;
    replica_box_kill(&box, behind);
    write_much(leader, 60);
    cr_assert(replica_box_snapshot(&box, leader));
    replica_box_run(&box, 100 * 1000);
    replica_box_boot(&box, behind);
    const struct replica_statistics *statistics = replica_statistics(box.replicas[behind]);
    for (int i = 0; i < 200000 && statistics->snapshots_installed == 0; i++)
        replica_box_run(&box, 20);
    cr_assert_eq(statistics->snapshots_installed, 1);
    replica_box_kill(&box, behind);
    struct bytes snapshot;
    cr_assert(simulated_disk_file(box.disks[behind], SNAPSHOT_NAME, &snapshot));
    simulated_disk_truncate(box.disks[behind], SNAPSHOT_NAME, snapshot.size / 2);
    box.cut[behind] = true;
    for (int i = 0; i < 2; i++) {
        replica_box_boot(&box, behind);
        replica_box_run(&box, 500 * 1000);
        cr_expect(repair_of(behind).is_damaged, "also at the next start");
        replica_box_kill(&box, behind);
    }
    box.cut[behind] = false;
    replica_box_boot(&box, behind);
    expect_repaired(behind);
}

/* --- the data that the cluster began with -------------------------------------------------------
 */

static void await_snapshot(struct replica_config *config) {
    config->awaits_snapshot = true;
    config->has_log = true; /* Its identity says that there has been one. */
}

/* Its log has all, but not from the beginning on. */
Test(repair, a_lost_first_snapshot_is_supplied_or_missed, .fini = end) {
    begin_with(1);
    write_much(1, 3);
    replica_box_kill(&box, 1);
    box.configure = await_snapshot;
    replica_box_boot(&box, 1);
    expect_trouble(1, "is missing, with which the cluster began: no other node can supply it");
    replica_box_clear(&box);
    begin_with(3);
    write_much(1, 3);
    replica_box_kill(&box, 2);
    box.configure = await_snapshot;
    replica_box_boot(&box, 2);
    replica_box_run(&box, 20 * 1000);
    cr_expect(strstr(repair_of(2).damage, "is missing, with which the cluster began") != NULL, "%s",
              repair_of(2).damage);
    expect_repaired(2);
}

/* --- snapshots that are none ---------------------------------------------------------------------
 */

/* With a checksum that fits. */
static void change_snapshot(uint32_t node, const char *from, const char *to) {
    struct bytes file;
    cr_assert(simulated_disk_file(box.disks[node], SNAPSHOT_NAME, &file));
    char *copy = malloc(file.size);
    memcpy(copy, file.data, file.size);
    char *at = memmem(copy, file.size, from, strlen(from));
    cr_assert_not_null(at);
    memcpy(at, to, strlen(to));
    static struct crc64 crc;
    crc64_init(&crc);
    crc64_add(&crc, bytes_of(copy, file.size - 8));
    store_u64(copy + file.size - 8, crc.sum);
    simulated_disk_put(box.disks[node], SNAPSHOT_NAME, 0, bytes_of(copy, file.size));
    free(copy);
}

Test(repair, a_snapshot_that_is_none_is_named, .fini = end) {
    begin_with(1);
    write_much(1, 3);
    cr_assert(replica_box_snapshot(&box, 1));
    replica_box_kill(&box, 1);
    change_snapshot(1, "raft-index", "raft-indey");
    replica_box_boot(&box, 1);
    expect_trouble(1, "it is no snapshot of a node");
}
