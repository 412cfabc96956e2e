/* Snapshots: what their head says, made and loaded by whole replicas, and what is refused. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/memory.h"
#include "src/replica/replica_internal.h"
#include "tests/unit/replica_box.h"

/* --- the head -----------------------------------------------------------------------------------
 */

static struct snapshot_head a_head(void) {
    struct snapshot_head head = {.position = {.index = 77, .term = 5, .hash = 0x0123456789abcdef},
                                 .digest = 0xfedcba9876543210,
                                 .cluster = "cluster",
                                 .node_uuid = {11, 12}};
    members_of_voters(&head.members, (struct member_ids){(const uint32_t[]){1, 2, 3}, 3});
    for (uint32_t node = 1; node <= 3; node++) {
        struct origin origin = {
            .id = 10 * node, .uuid = {node, 9}, .nonce = 100 + node, .last = node, .node = node};
        cr_assert(origins_restore(&head.origins, &origin));
    }
    return head;
}

static struct buffer written(const struct snapshot_head *head) {
    struct storages *storages = storages_create(1);
    struct snapshot_options options = {.redis_version = BYTES("7.0.15")};
    struct snapshot_writer *writer = snapshot_writer_create(storages, head, &options);
    struct buffer file = {0};
    while (!snapshot_writer_next(writer, &file, 1)) {
    }
    snapshot_writer_destroy(writer);
    storages_destroy(storages);
    return file;
}

Test(snapshot, the_head_comes_back_as_it_was) {
    struct snapshot_head head = a_head(), back;
    struct buffer file = written(&head);
    cr_assert_eq(snapshot_head_peek(buffer_bytes(&file), &back), ERROR_NONE);
    cr_expect_eq(back.position.index, 77);
    cr_expect_eq(back.position.term, 5);
    cr_expect_eq(back.position.hash, head.position.hash);
    cr_expect_eq(back.digest, head.digest);
    cr_expect_arr_eq(back.cluster, head.cluster, sizeof(head.cluster));
    cr_expect_eq(back.node_uuid[0], 11);
    cr_expect_eq(back.node_uuid[1], 12);
    cr_expect_eq(back.members.count, 3);
    cr_expect_eq(origins_digest(&back.origins, 0), origins_digest(&head.origins, 0));
    snapshot_head_clear(&back);
    snapshot_head_clear(&head);
    buffer_clear(&file);
}

Test(snapshot, the_head_is_known_from_the_first_bytes_or_more_are_asked_for) {
    struct snapshot_head head = a_head(), back;
    struct buffer file = written(&head);
    bool known = false;
    for (size_t size = 9; size < file.size; size++) {
        enum error error = snapshot_head_peek(bytes_of(file.data, size), &back);
        cr_assert(error == ERROR_NONE || (error == ERROR_TRUNCATED && !known), "%zu: %s", size,
                  error_text(error));
        if (error == ERROR_NONE) snapshot_head_clear(&back);
        known |= error == ERROR_NONE;
    }
    cr_expect(known);
    snapshot_head_clear(&head);
    buffer_clear(&file);
}

/* What stands in the file in the place of what was written there. */
static const struct {
    const char *name, *from, *to;
    enum error error;
} spoilt[] = {
    {"no index", "raft-index", "raft-indey", ERROR_FOREIGN},
    {"an index that is no number", "raft-index\xc0\x4d", "raft-index\x01x", ERROR_MALFORMED},
    {"an index before an origin", "raft-index\xc0\x4d", "raft-index\xc0\x1d", ERROR_MALFORMED},
    {"a hash in capitals", "0123456789abcdef", "0123456789ABCDEF", ERROR_MALFORMED},
    {"a digest that is short", "fedcba9876543210", "fedcba987654321 ", ERROR_MALFORMED},
};

Test(snapshot, a_head_that_says_what_cannot_be_is_refused) {
    for (size_t i = 0; i < COUNT_OF(spoilt); i++) {
        struct snapshot_head head = a_head(), back;
        struct buffer file = written(&head);
        size_t size = strlen(spoilt[i].from);
        char *at = memmem(file.data, file.size, spoilt[i].from, size);
        cr_assert_not_null(at, "%s", spoilt[i].name);
        memcpy(at, spoilt[i].to, size);
        struct bytes before_the_end = bytes_of(file.data, file.size - 8);
        cr_expect_eq(snapshot_head_peek(before_the_end, &back), spoilt[i].error, "%s",
                     spoilt[i].name);
        snapshot_head_clear(&head);
        buffer_clear(&file);
    }
}

Test(snapshot, temporary_names_are_known_again) {
    const uint64_t uuid[2] = {UINT64_MAX, UINT64_MAX};
    char name[DISK_NAME_SIZE];
    snapshot_temporary_name(name, uuid, UINT64_MAX);
    cr_expect_str_eq(name, "snapshot-ffffffff-ffffffffffffffff.tmp");
    cr_expect(snapshot_is_temporary_name(name));
    cr_expect_not(snapshot_is_temporary_name(SNAPSHOT_NAME));
    cr_expect_not(snapshot_is_temporary_name("snapshot-.tmp.rdb"));
    cr_expect_not(snapshot_is_temporary_name("temp-1.rdb"));
}

Test(snapshot, receipts_are_known_by_their_names) {
    char name[DISK_NAME_SIZE], file[DISK_NAME_SIZE], found[DISK_NAME_SIZE];
    uint64_t index;
    static const uint64_t indexes[] = {1, 0xabc, UINT64_MAX};
    for (size_t i = 0; i < COUNT_OF(indexes); i++) {
        snapshot_receipts_name(name, indexes[i], 0x12345678);
        snapshot_received_name(file, indexes[i], 0x12345678);
        cr_expect(snapshot_is_temporary_name(name), "older versions remove it");
        cr_expect(snapshot_receipts_are_of(name, found, &index));
        cr_expect_str_eq(found, file);
        cr_expect_eq(index, indexes[i]);
    }
    static const char *const others[] = {
        "snapshot-r12345678-1.tmp",    "snapshot-p1234567-1.tmp",
        "snapshot-p12345678-.tmp",     "snapshot-p12345678-1",
        "snapshot-p123456789-1.tmp",   "snapshot-p12345678-00000000000000001.tmp",
        "snapshot-p12345678-01.tmp",   "snapshot-pABCDEF00-1.tmp",
        "snapshot-p12345678-1.tmp.rdb"};
    for (size_t i = 0; i < COUNT_OF(others); i++)
        cr_expect_not(snapshot_receipts_are_of(others[i], found, &index), "%s", others[i]);
}

/* --- made and loaded ----------------------------------------------------------------------------
 */

static void ask(struct replica_box *box, struct box_client *client, const char *text,
                const char *expected) {
    box_client_send(box, client, text);
    cr_expect(box_client_expect(box, client, expected), "%s", text);
}

static void boot_again(struct replica_box *box, uint32_t node) {
    replica_box_kill(box, node);
    replica_box_boot(box, node);
    cr_assert(replica_box_settle(box));
}

Test(snapshot, a_node_starts_from_its_snapshot_and_the_log_behind_it) {
    struct replica_box box;
    replica_box_begin(&box, 1);
    struct box_client *client = replica_box_client(&box, 1);
    ask(&box, client, "SET a 1\r\nRPUSH q x y\r\nSADD s 1 2 3\r\n", "+OK\r\n:2\r\n:3\r\n");
    cr_expect(replica_box_snapshot(&box, 1));
    uint64_t at = replica_snapshot_status(box.replicas[1]).position.index;
    cr_expect_eq(at, replica_applied_index(box.replicas[1]));
    ask(&box, client, "INCR a\r\nLPOP q\r\nSPOP s 2\r\n", "");
    replica_box_run(&box, 100 * 1000);
    uint64_t digest = storages_rolling_digest(replica_storages(box.replicas[1]));
    uint64_t entries = replica_statistics(box.replicas[1])->entries_applied;
    replica_box_kill(&box, 1);
    box_client_close(&box, client);
    replica_box_boot(&box, 1);
    while (replica_state(box.replicas[1]) == REPLICA_RECOVERING)
        replica_box_run(&box, 100);
    struct replica_snapshot_status status = replica_snapshot_status(box.replicas[1]);
    cr_expect_eq(status.position.index, at);
    cr_expect_eq(status.loaded, status.load_total);
    cr_assert(replica_box_settle(&box));
    cr_expect_eq(storages_rolling_digest(replica_storages(box.replicas[1])), digest);
    cr_expect_lt(replica_statistics(box.replicas[1])->entries_applied, entries,
                 "what the snapshot covers is not applied again");
    client = replica_box_client(&box, 1);
    ask(&box, client, "GET a\r\nLLEN q\r\nSCARD s\r\n", "$1\r\n2\r\n:1\r\n:1\r\n");
    box_client_close(&box, client);
    replica_box_clear(&box);
}

/* Two pieces of the file are asked for at a time. Once they are answered out of step, in one turn,
 * the next two are still asked for, and taken in, in the file's order. */
Test(snapshot, the_pieces_of_a_large_one_are_taken_in_order) {
    enum { KEYS = 20000, RANDOM_WORDS = 40 };
    struct replica_box box;
    struct random random;
    random_init(&random, 7);
    replica_box_begin(&box, 1);
    struct box_client *client = replica_box_client(&box, 1);
    struct buffer text = {0};
    for (int i = 0; i < KEYS; i++) {
        buffer_append_format(&text, "SET %d ", i);
        for (int k = 0; k < RANDOM_WORDS; k++)
            buffer_append_format(&text, "%08x", (unsigned)random_next(&random));
        buffer_append_format(&text, "\r\n");
        if (text.size < 1 << 20 && i + 1 < KEYS) continue;
        buffer_append_byte(&text, '\0');
        box_client_send(&box, client, text.data);
        replica_box_run(&box, 50 * 1000);
        text.size = 0;
    }
    buffer_clear(&text);
    cr_assert(replica_box_snapshot(&box, 1));
    replica_box_kill(&box, 1);
    box_client_close(&box, client);
    replica_box_boot(&box, 1);
    struct replica_snapshot_status status = {0};
    while (status.loaded == 0) { /* the first piece alone */
        replica_box_run(&box, 10);
        status = replica_snapshot_status(box.replicas[1]);
    }
    cr_assert_gt(status.load_total, 4 << 20);
    while (replica_state(box.replicas[1]) == REPLICA_RECOVERING) {
        box.now_us += 10 * 1000;
        replica_box_run(&box, 0);
    }
    cr_expect(replica_box_settle(&box), "%s", replica_trouble(box.replicas[1]));
    client = replica_box_client(&box, 1);
    ask(&box, client, "DBSIZE\r\n", ":20000\r\n");
    box_client_close(&box, client);
    replica_box_clear(&box);
}

Test(snapshot, nodes_with_and_without_a_snapshot_stay_equal) {
    struct replica_box box;
    replica_box_begin(&box, 3);
    struct box_client *clients[4];
    for (uint32_t node = 1; node <= 3; node++)
        clients[node] = replica_box_client(&box, node);
    for (int round = 0; round < 20; round++) {
        for (uint32_t node = 1; node <= 3; node++) {
            char text[100];
            snprintf(text, sizeof(text), "INCRBY n %u\r\nSADD s %d%u\r\nPUBLISH c x\r\n", node,
                     round, node);
            box_client_send(&box, clients[node], text);
        }
        replica_box_run(&box, 20 * 1000);
        if (round == 10) cr_expect(replica_box_snapshot(&box, 2));
    }
    box_client_close(&box, clients[2]);
    boot_again(&box, 2);
    clients[2] = replica_box_client(&box, 2);
    for (int i = 0; i < 20; i++)
        box_client_send(&box, clients[2], "SPOP s\r\n");
    replica_box_run(&box, 500 * 1000);
    uint64_t digest = replica_digest(box.replicas[1]);
    for (uint32_t node = 2; node <= 3; node++) {
        cr_expect_eq(replica_applied_index(box.replicas[node]),
                     replica_applied_index(box.replicas[1]));
        cr_expect_eq(replica_digest(box.replicas[node]), digest);
        cr_expect_eq(storages_digest(replica_storages(box.replicas[node])),
                     storages_digest(replica_storages(box.replicas[1])));
    }
    for (uint32_t node = 1; node <= 3; node++)
        box_client_close(&box, clients[node]);
    replica_box_clear(&box);
}

/* Exactly once: a batch that the snapshot contains is a duplicate also behind it. */
Test(snapshot, origins_and_subscribers_are_part_of_it) {
    struct replica_box box;
    replica_box_begin(&box, 3);
    struct box_client *subscriber = replica_box_client(&box, 1);
    box_client_send(&box, subscriber, "SUBSCRIBE news\r\n");
    struct box_client *other = replica_box_client(&box, 3);
    ask(&box, other, "INCR x\r\n", ":1\r\n");
    replica_box_run(&box, 200 * 1000);
    cr_expect(replica_box_snapshot(&box, 2));
    boot_again(&box, 2);
    cr_expect_eq(replica_snapshot_status(box.replicas[2]).load_total > 0, true);
    struct box_client *here = replica_box_client(&box, 2);
    ask(&box, here, "PUBLISH news hello\r\n", ":1\r\n");
    ask(&box, other, "INCR x\r\n", ":2\r\n");
    replica_box_run(&box, 200 * 1000);
    cr_expect_eq(replica_digest(box.replicas[2]), replica_digest(box.replicas[3]));
    box_client_close(&box, subscriber);
    box_client_close(&box, other);
    box_client_close(&box, here);
    replica_box_clear(&box);
}

/* On a follower, where the entries of what was confirmed may not have come yet. */
Test(snapshot, one_that_is_asked_for_holds_what_was_confirmed_before) {
    struct replica_box box;
    replica_box_begin(&box, 3);
    uint32_t leader = replica_box_leader(&box), follower = leader % 3 + 1;
    struct replica *replica = box.replicas[follower];
    struct box_client *client = replica_box_client(&box, leader);
    box.cut[follower] = true;
    ask(&box, client, "SET x 1\r\n", "+OK\r\n");
    uint64_t confirmed = replica_applied_index(box.replicas[leader]);
    cr_expect_lt(replica_applied_index(replica), confirmed);
    replica_snapshot_ask(replica);
    replica_turn_end(replica, replica_box_moment(&box, follower));
    cr_expect_not(replica_snapshot_is_due(replica));
    /* No leader answers: what there is, then. */
    uint64_t deadline_us = replica_deadline_us(replica);
    struct replica_moment moment = replica_box_moment(&box, follower);
    cr_expect_leq(deadline_us, moment.now_us + replica->config.raft.election_us);
    replica_box_run(&box, replica->config.raft.election_us);
    cr_expect(replica_snapshot_is_due(replica));
    cr_expect(replica_box_snapshot(&box, follower));
    cr_expect_lt(replica_snapshot_status(replica).position.index, confirmed);
    /* One does. */
    box.cut[follower] = false;
    replica_snapshot_ask(replica);
    for (int i = 0; i < 1000 && !replica_snapshot_is_due(replica); i++)
        replica_box_run(&box, 1000);
    cr_expect(replica_box_snapshot(&box, follower));
    cr_expect_geq(replica_snapshot_status(replica).position.index, confirmed);
    box_client_close(&box, client);
    replica_box_clear(&box);
}

Test(snapshot, one_is_due_when_the_log_has_grown_or_somebody_asks) {
    struct replica_box box;
    replica_box_begin(&box, 1);
    struct replica *replica = box.replicas[1];
    cr_expect_not(replica_snapshot_is_due(replica));
    replica_snapshot_ask(replica);
    replica_turn_end(replica, replica_box_moment(&box, 1));
    cr_expect(replica_snapshot_is_due(replica));
    cr_expect(replica_box_snapshot(&box, 1));
    cr_expect_not(replica_snapshot_is_due(replica));
    replica->config.snapshot.log_min = 1000;
    struct box_client *client = replica_box_client(&box, 1);
    int writes = 0;
    for (; !replica_snapshot_is_due(replica) && writes < 100; writes++)
        ask(&box, client, "SET x 0123456789\r\n", "+OK\r\n");
    cr_expect_lt(writes, 30);
    cr_expect_gt(writes, 3);
    cr_expect(replica_box_snapshot(&box, 1));
    cr_expect_not(replica_snapshot_is_due(replica));
    box_client_close(&box, client);
    replica_box_clear(&box);
}

static bool has_file(const struct replica_box *box, uint32_t node, const char *name) {
    struct bytes bytes;
    return simulated_disk_file(box->disks[node], name, &bytes);
}

Test(snapshot, a_failed_one_leaves_the_present_one_and_is_removed) {
    struct replica_box box;
    replica_box_begin(&box, 1);
    cr_expect(replica_box_snapshot(&box, 1));
    struct replica_snapshot_status before = replica_snapshot_status(box.replicas[1]);
    struct box_client *client = replica_box_client(&box, 1);
    ask(&box, client, "SET x 1\r\n", "+OK\r\n");
    char name[DISK_NAME_SIZE];
    replica_box_write_snapshot(&box, 1, name, ERROR_DISK_FULL);
    replica_box_run(&box, 100 * 1000);
    struct replica_snapshot_status status = replica_snapshot_status(box.replicas[1]);
    cr_expect_eq(status.last_error, ERROR_DISK_FULL);
    cr_expect_eq(status.failed, 1);
    cr_expect_eq(status.position.index, before.position.index);
    cr_expect_not(has_file(&box, 1, name));

    /* Written, but not as it was said: seen before it gets its name. */
    replica_box_write_snapshot(&box, 1, name, ERROR_NONE);
    simulated_disk_put(box.disks[1], name, 0, BYTES("RUBBISH"));
    replica_box_run(&box, 100 * 1000);
    status = replica_snapshot_status(box.replicas[1]);
    cr_expect_eq(status.failed, 2);
    cr_expect_eq(status.position.index, before.position.index);
    cr_expect_not(has_file(&box, 1, name));
    cr_expect(replica_box_snapshot(&box, 1));
    box_client_close(&box, client);
    replica_box_clear(&box);
}

static void run_to_phase(struct replica_box *box, enum replica_snapshot_phase phase) {
    for (int i = 0; i < 1000; i++) {
        if (replica_snapshot_status(box->replicas[1]).phase == phase) return;
        replica_box_run(box, 20);
    }
    cr_assert_fail("phase %d never came", phase);
}

/* It has taken the name of the one before: which of the two stands there can't be told. */
Test(snapshot, one_that_can_not_be_looked_at_again_is_offered_to_nobody) {
    struct simulated_disk_config fine = {.delay_min_us = 100, .delay_max_us = 400}, broken = fine;
    broken.read_errors_per_mille = 1000;
    struct replica_box box;
    replica_box_begin(&box, 1);
    cr_expect(replica_box_snapshot(&box, 1));
    cr_expect_gt(replica_snapshots_file(box.replicas[1]).size, 0);
    struct box_client *client = replica_box_client(&box, 1);
    ask(&box, client, "SET x 1\r\n", "+OK\r\n");
    char name[DISK_NAME_SIZE];
    replica_box_write_snapshot(&box, 1, name, ERROR_NONE);
    run_to_phase(&box, REPLICA_SNAPSHOT_RENAMING);
    simulated_disk_configure(box.disks[1], &broken);
    replica_box_run(&box, 100 * 1000);
    simulated_disk_configure(box.disks[1], &fine);
    cr_expect_eq(replica_snapshot_status(box.replicas[1]).failed, 1);
    cr_expect_eq(replica_snapshots_file(box.replicas[1]).size, 0);
    cr_expect_not(replica_snapshot_is_due(box.replicas[1]));
    replica_box_run(&box, 1000 * 1000);
    cr_expect(replica_snapshot_is_due(box.replicas[1]), "another one in its place");
    cr_expect(replica_box_snapshot(&box, 1));
    struct bytes file;
    cr_assert(simulated_disk_file(box.disks[1], SNAPSHOT_NAME, &file));
    cr_expect_eq(replica_snapshots_file(box.replicas[1]).size, file.size);
    cr_expect_not(replica_snapshot_is_due(box.replicas[1]));
    box_client_close(&box, client);
    replica_box_clear(&box);
}

/* No room for it in the directory: what stands there is what stood there. */
Test(snapshot, one_that_gets_no_name_changes_nothing) {
    struct simulated_disk_config fine = {.delay_min_us = 100, .delay_max_us = 400}, full = fine;
    full.rename_is_full = true;
    struct replica_box box;
    replica_box_begin(&box, 1);
    cr_expect(replica_box_snapshot(&box, 1));
    struct snapshot_file before = replica_snapshots_file(box.replicas[1]);
    struct box_client *client = replica_box_client(&box, 1);
    ask(&box, client, "SET x 1\r\n", "+OK\r\n");
    simulated_disk_configure(box.disks[1], &full);
    char name[DISK_NAME_SIZE];
    replica_box_write_snapshot(&box, 1, name, ERROR_NONE);
    replica_box_run(&box, 100 * 1000);
    struct replica_snapshot_status status = replica_snapshot_status(box.replicas[1]);
    cr_expect_eq(status.last_error, ERROR_DISK_FULL);
    cr_expect_eq(replica_snapshots_file(box.replicas[1]).position.index, before.position.index);
    cr_expect_eq(replica_snapshots_file(box.replicas[1]).size, before.size);
    simulated_disk_configure(box.disks[1], &fine);
    cr_expect(replica_box_snapshot(&box, 1));
    cr_expect_not(has_file(&box, 1, name));
    box_client_close(&box, client);
    replica_box_clear(&box);
}

Test(snapshot, what_a_crash_left_half_written_is_removed) {
    struct replica_box box;
    replica_box_begin(&box, 1);
    char name[DISK_NAME_SIZE];
    snapshot_temporary_name(name, (const uint64_t[]){1, 2}, 3);
    simulated_disk_put(box.disks[1], name, 0, BYTES("REDIS0010"));
    boot_again(&box, 1);
    replica_box_run(&box, 100 * 1000);
    cr_expect_not(has_file(&box, 1, name));
    replica_box_clear(&box);
}

/* The steps from the written file to the snapshot are cut off one after the other: what was
 * acknowledged is there each time, whichever file the node starts from. */
Test(snapshot, power_may_fail_at_every_step) {
    struct replica_box box;
    replica_box_init(&box, 1);
    replica_box_boot_all(&box);
    uint32_t loaded = 0, taken_over = 0;
    for (int step = 0; step < 200; step++) {
        cr_assert(replica_box_settle(&box));
        struct box_client *client = replica_box_client(&box, 1);
        char expected[32];
        snprintf(expected, sizeof(expected), ":%d\r\n", step + 1);
        ask(&box, client, "INCR x\r\n", expected);
        uint64_t before = replica_snapshot_status(box.replicas[1]).position.index;
        char name[DISK_NAME_SIZE];
        replica_box_write_snapshot(&box, 1, name, ERROR_NONE);
        replica_box_run(&box, (uint64_t)step * 8);
        taken_over += replica_snapshot_status(box.replicas[1]).position.index > before;
        replica_box_kill(&box, 1);
        box_client_close(&box, client);
        replica_box_boot(&box, 1);
        cr_assert(replica_box_settle(&box));
        loaded += replica_snapshot_status(box.replicas[1]).position.index > before;
        replica_box_run(&box, 10 * 1000);
        cr_expect_not(has_file(&box, 1, name));
    }
    cr_expect_gt(taken_over, 20);
    cr_expect_lt(taken_over, 180);
    cr_expect_gt(loaded, taken_over, "it counts from the renaming on, told or not");
    replica_box_clear(&box);
}

/* --- damage -------------------------------------------------------------------------------------
 */

/* Starts a node anew with what it has on its disk now, and gives its trouble. */
static void start_with(struct replica_box *box, const char *trouble) {
    replica_box_kill(box, 1);
    replica_box_boot(box, 1);
    for (int i = 0; i < 1000 && replica_state(box->replicas[1]) == REPLICA_RECOVERING; i++)
        replica_box_run(box, 1000);
    cr_expect_eq(replica_state(box->replicas[1]), REPLICA_DAMAGED);
    const char *told = replica_trouble(box->replicas[1]);
    cr_expect(told != NULL && strstr(told, trouble) != NULL, "%s", told);
}

static void flip_key(struct replica_box *box) {
    struct bytes file;
    size_t at = 0;
    cr_assert(simulated_disk_file(box->disks[1], SNAPSHOT_NAME, &file));
    while (memcmp(file.data + at, "key-of-interest", 15) != 0)
        at++;
    simulated_disk_flip(box->disks[1], SNAPSHOT_NAME, at, 1);
}
static void cut_end(struct replica_box *box) {
    struct bytes file;
    cr_assert(simulated_disk_file(box->disks[1], SNAPSHOT_NAME, &file));
    simulated_disk_truncate(box->disks[1], SNAPSHOT_NAME, file.size - 20);
}
static void cut_all(struct replica_box *box) {
    simulated_disk_truncate(box->disks[1], SNAPSHOT_NAME, 0);
}
static void flip_head(struct replica_box *box) {
    struct bytes file;
    size_t at = 0;
    cr_assert(simulated_disk_file(box->disks[1], SNAPSHOT_NAME, &file));
    while (memcmp(file.data + at, "raft-origins", 12) != 0)
        at++;
    simulated_disk_flip(box->disks[1], SNAPSHOT_NAME, at, 4);
}

static const struct {
    void (*spoil)(struct replica_box *box);
    const char *told;
} damages[] = {
    {flip_key, "snapshot.rdb is damaged"},
    {cut_end, "snapshot.rdb is damaged"},
    {cut_all, "snapshot.rdb is damaged: it is empty"},
    {flip_head, "snapshot.rdb is damaged"},
};

/* The log is whole: it needs none. */
Test(snapshot, in_the_place_of_a_damaged_one_the_whole_log_is_read) {
    for (size_t i = 0; i < COUNT_OF(damages); i++) {
        struct replica_box box;
        replica_box_begin(&box, 1);
        struct box_client *client = replica_box_client(&box, 1);
        ask(&box, client, "SET key-of-interest 1\r\n", "+OK\r\n");
        cr_expect(replica_box_snapshot(&box, 1));
        box_client_close(&box, client);
        replica_box_kill(&box, 1);
        damages[i].spoil(&box);
        replica_box_boot(&box, 1);
        cr_assert(replica_box_settle(&box), "%s", replica_trouble(box.replicas[1]));
        struct replica_repair repair;
        replica_get_repair(box.replicas[1], &repair);
        cr_expect(strstr(repair.damage, damages[i].told) != NULL, "%s", repair.damage);
        cr_expect_not(repair.is_damaged);
        client = replica_box_client(&box, 1);
        ask(&box, client, "GET key-of-interest\r\n", "$1\r\n1\r\n");
        replica_box_run(&box, 100 * 1000);
        cr_expect(has_file(&box, 1, SNAPSHOT_SET_ASIDE));
        cr_expect(replica_box_snapshot(&box, 1));
        box_client_close(&box, client);
        replica_box_clear(&box);
    }
}

/* The next start would find it again, and miss with it what is not missing. */
Test(snapshot, a_damaged_one_is_set_aside_as_soon_as_that_can_be_done) {
    struct simulated_disk_config fine = {.delay_min_us = 100, .delay_max_us = 400}, full = fine;
    full.rename_is_full = true;
    struct replica_box box;
    replica_box_begin(&box, 1);
    cr_expect(replica_box_snapshot(&box, 1));
    replica_box_kill(&box, 1);
    flip_head(&box);
    simulated_disk_configure(box.disks[1], &full);
    replica_box_boot(&box, 1);
    cr_assert(replica_box_settle(&box), "%s", replica_trouble(box.replicas[1]));
    replica_box_run(&box, 100 * 1000);
    cr_expect(has_file(&box, 1, SNAPSHOT_NAME));
    cr_expect(replica_snapshots_has_damaged(box.replicas[1]));
    simulated_disk_configure(box.disks[1], &fine);
    for (int i = 0; i < 200 * 1000 && has_file(&box, 1, SNAPSHOT_NAME); i++) {
        cr_assert(replica_snapshots_has_damaged(box.replicas[1]), "until it is done");
        replica_box_run(&box, 20);
    }
    replica_box_run(&box, 1000);
    cr_expect(has_file(&box, 1, SNAPSHOT_SET_ASIDE));
    cr_expect_not(replica_snapshots_has_damaged(box.replicas[1]));
    replica_box_clear(&box);
}

Test(snapshot, one_of_another_log_is_not_started_from) {
    struct replica_box box;
    replica_box_begin(&box, 1);
    struct snapshot_head head = a_head();
    memset(head.cluster, 0, sizeof(head.cluster));
    head.members = (struct members){.count = 1, .at = {{.id = 1, .flags = MEMBER_VOTER}}};
    head.node_uuid[0] = box.uuids[1]; /* its own, so its log was durable as far */
    head.node_uuid[1] = 0;
    struct storages *storages = storages_create(1);
    head.digest = origins_digest(&head.origins, storages_rolling_digest(storages));
    storages_destroy(storages);
    const struct {
        uint64_t index;
        const char *trouble;
    } cases[] = {{100000, "before " SNAPSHOT_NAME}, {30, "before " SNAPSHOT_NAME}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        head.position.index = cases[i].index;
        struct buffer file = written(&head);
        simulated_disk_remove(box.disks[1], SNAPSHOT_NAME);
        simulated_disk_put(box.disks[1], SNAPSHOT_NAME, 0, buffer_bytes(&file));
        start_with(&box, cases[i].trouble);
        buffer_clear(&file);
    }
    head.origins.count = 0;
    head.digest = 1;
    head.position.index = 1;
    struct buffer file = written(&head);
    simulated_disk_remove(box.disks[1], SNAPSHOT_NAME);
    simulated_disk_put(box.disks[1], SNAPSHOT_NAME, 0, buffer_bytes(&file));
    replica_box_kill(&box, 1);
    replica_box_boot(&box, 1);
    cr_expect(replica_box_settle(&box));
    struct replica_repair repair;
    replica_get_repair(box.replicas[1], &repair);
    cr_expect(strstr(repair.damage, "digest differs") != NULL, "%s", repair.damage);
    buffer_clear(&file);
    head.cluster[0] = 'x';
    file = written(&head);
    simulated_disk_remove(box.disks[1], SNAPSHOT_NAME);
    simulated_disk_put(box.disks[1], SNAPSHOT_NAME, 0, buffer_bytes(&file));
    start_with(&box, "of another cluster");
    buffer_clear(&file);
    snapshot_head_clear(&head);
    replica_box_clear(&box);
}
