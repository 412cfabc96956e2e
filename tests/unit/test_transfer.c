/* test_transfer.c: the log is cut behind a snapshot, and whoever needs what was cut gets the
 * snapshot: asked for part by part, proved, and only then put in the place of what there was. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "raft/raft_internal.h"
#include "src/replica/replica_internal.h"
#include "src/replica/snapshot_packets.h"
#include "tests/unit/replica_box.h"

enum { SEGMENT_SIZE = 4096 };

static struct replica_box box;

static void begin_with(uint32_t segment_size) {
    replica_box_init(&box, 3);
    box.segment_size = segment_size;
    box.part_size = 100;
    replica_box_start(&box);
}

static void begin(void) {
    begin_with(SEGMENT_SIZE);
}

static void end(void) {
    replica_box_clear(&box);
}

static uint32_t other_than(uint32_t a, uint32_t b) {
    for (uint32_t node = 1; node <= 3; node++)
        if (node != a && node != b) return node;
    return 0;
}

static void write_much(struct box_client *client, int from, int count) {
    for (int i = from; i < from + count; i++) {
        char text[200];
        snprintf(text, sizeof(text), "SET key:%d %0100d\r\nSADD set %d\r\nINCR n\r\n", i, i, i);
        box_client_send(&box, client, text);
        replica_box_run(&box, 5000);
    }
    replica_box_run(&box, 100 * 1000);
    client->replies.size = 0;
}

/* The leader's log is cut: what a node without these entries needs is gone. */
static void snapshot_and_cut(uint32_t node) {
    uint64_t base = raft_base_index(replica_raft(box.replicas[node]));
    cr_assert(replica_box_snapshot(&box, node));
    replica_box_run(&box, 50 * 1000);
    cr_expect_gt(raft_base_index(replica_raft(box.replicas[node])), base);
}

static bool await_equal(void) {
    for (int i = 0; i < 500; i++) {
        bool equal = true;
        for (uint32_t node = 2; node <= 3; node++)
            equal &= replica_applied_index(box.replicas[node]) ==
                         replica_applied_index(box.replicas[1]) &&
                     replica_serves(box.replicas[node]);
        if (equal) break;
        replica_box_run(&box, 10 * 1000);
    }
    for (uint32_t node = 2; node <= 3; node++) {
        if (replica_digest(box.replicas[node]) != replica_digest(box.replicas[1])) return false;
        if (storages_digest(replica_storages(box.replicas[node])) !=
            storages_digest(replica_storages(box.replicas[1])))
            return false;
    }
    return true;
}

static uint64_t installed(uint32_t node) {
    return replica_statistics(box.replicas[node])->snapshots_installed;
}

Test(transfer, a_node_behind_a_cut_log_is_given_a_snapshot, .init = begin, .fini = end) {
    uint32_t leader = replica_box_leader(&box), behind = other_than(leader, 0);
    struct box_client *client = replica_box_client(&box, leader);
    write_much(client, 0, 3);
    replica_box_kill(&box, behind);
    write_much(client, 3, 60);
    snapshot_and_cut(leader);
    write_much(client, 63, 10);
    replica_box_boot(&box, behind);
    cr_assert(replica_box_settle(&box));
    cr_expect(await_equal());
    cr_expect_eq(installed(behind), 1);
    cr_expect_gt(replica_statistics(box.replicas[behind])->snapshot_parts_received, 10);
    cr_expect_eq(replica_snapshot_status(box.replicas[behind]).position.index,
                 replica_snapshot_status(box.replicas[leader]).position.index);
    /* What it has now is its own: it starts from it, and it can lead. */
    replica_box_kill(&box, behind);
    replica_box_boot(&box, behind);
    cr_assert(replica_box_settle(&box));
    cr_expect(await_equal());
    box_client_close(&box, client);
    replica_box_kill(&box, leader);
    cr_assert(replica_box_settle(&box));
    client = replica_box_client(&box, behind);
    box_client_send(&box, client, "INCR n\r\n");
    cr_expect(box_client_expect(&box, client, ":74\r\n"));
    replica_box_boot(&box, leader);
    cr_assert(replica_box_settle(&box));
    cr_expect(await_equal());
    box_client_close(&box, client);
}

/* As an operator does whose disk is full: nothing is written meanwhile. */
Test(transfer, less_log_is_kept_as_soon_as_that_is_told, .init = begin, .fini = end) {
    uint32_t leader = replica_box_leader(&box);
    struct replica *replica = box.replicas[leader];
    struct replica_snapshot_limits limits = replica->config.snapshot;
    limits.log_retain = 1 << 30;
    replica_set_snapshot_limits(replica, limits);
    struct box_client *client = replica_box_client(&box, leader);
    write_much(client, 0, 60);
    box_client_close(&box, client);
    cr_assert(replica_box_snapshot(&box, leader));
    replica_box_run(&box, 500 * 1000);
    cr_expect_eq(raft_base_index(replica_raft(replica)), 0);
    limits.log_retain = 0;
    replica_set_snapshot_limits(replica, limits);
    replica_box_run(&box, 500 * 1000);
    cr_expect_gt(raft_base_index(replica_raft(replica)), 0);
}

Test(transfer, a_start_reads_a_log_that_begins_late, .init = begin, .fini = end) {
    uint32_t leader = replica_box_leader(&box);
    struct box_client *client = replica_box_client(&box, leader);
    write_much(client, 0, 60);
    for (uint32_t node = 1; node <= 3; node++)
        snapshot_and_cut(node);
    write_much(client, 60, 5);
    box_client_close(&box, client);
    for (uint32_t node = 1; node <= 3; node++)
        replica_box_kill(&box, node);
    for (uint32_t node = 1; node <= 3; node++)
        replica_box_boot(&box, node);
    cr_assert(replica_box_settle(&box));
    cr_expect(await_equal());
    for (uint32_t node = 1; node <= 3; node++) {
        cr_expect_gt(raft_base_index(replica_raft(box.replicas[node])), 0);
        cr_expect_eq(installed(node), 0);
    }
    /* Without the snapshot it has lost something: the others supply it. */
    replica_box_kill(&box, 1);
    simulated_disk_remove(box.disks[1], SNAPSHOT_NAME);
    replica_box_boot(&box, 1);
    cr_assert(replica_box_settle(&box));
    cr_expect(await_equal());
    cr_expect_eq(installed(1), 1);
    struct replica_repair repair;
    replica_get_repair(box.replicas[1], &repair);
    cr_expect_not_null(strstr(repair.damage, "is missing"), "%s", repair.damage);
}

/* SAFETY 19. */
Test(transfer, what_the_snapshot_may_contain_is_unknown_to_its_client, .init = begin, .fini = end) {
    uint32_t leader = replica_box_leader(&box), behind = other_than(leader, 0);
    struct box_client *client = replica_box_client(&box, leader);
    struct box_client *writer = replica_box_client(&box, behind);
    struct box_client *listener = replica_box_client(&box, behind);
    struct box_client *idle = replica_box_client(&box, behind);
    box_client_send(&box, listener, "SUBSCRIBE news\r\n");
    box_client_send(&box, idle, "PING\r\n");
    replica_box_run(&box, 100 * 1000);
    uint64_t origin = replica_origin(box.replicas[behind]);
    box.cut[behind] = true;
    box_client_send(&box, writer, "INCR once\r\n");
    write_much(client, 0, 60);
    snapshot_and_cut(leader);
    box.cut[behind] = false;
    replica_box_run(&box, 1000 * 1000);
    cr_assert(replica_box_settle(&box));
    cr_expect(await_equal());
    cr_expect_eq(installed(behind), 1);
    cr_expect_neq(replica_origin(box.replicas[behind]), origin);
    struct bytes replies = buffer_bytes(&writer->replies);
    cr_expect(replies.size > 8 && memcmp(replies.data, "-UNKNOWN", 8) == 0, "%.*s",
              (int)replies.size, replies.data);
    cr_expect_eq(writer->session->ending, SESSION_ENDS_AFTER_OUTPUT);
    cr_expect_eq(listener->session->ending, SESSION_ENDS_AFTER_OUTPUT);
    cr_expect_eq(idle->session->ending, SESSION_STAYS);
    idle->replies.size = 0;
    box_client_send(&box, idle, "INCR other\r\n");
    cr_expect(box_client_expect(&box, idle, ":1\r\n"));
    client->replies.size = 0;
    box_client_send(&box, client, "PUBLISH news x\r\n");
    cr_expect(box_client_expect(&box, client, ":0\r\n"), "the old origin's subscribers are gone");
    struct box_client *const all[] = {client, writer, listener, idle};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        box_client_close(&box, all[i]);
}

/* Its driver has not come to it yet when the state that was meant is gone. */
Test(transfer, a_verification_that_was_due_is_sat_out, .init = begin, .fini = end) {
    uint32_t leader = replica_box_leader(&box), behind = other_than(leader, 0);
    struct box_client *client = replica_box_client(&box, leader);
    box.cut[behind] = true;
    write_much(client, 0, 60);
    snapshot_and_cut(leader);
    snapshot_and_cut(other_than(leader, behind));
    replica_note_verify(box.replicas[behind]);
    cr_expect(replica_verify_is_due(box.replicas[behind]));
    box.cut[behind] = false;
    cr_expect(await_equal());
    cr_expect_eq(installed(behind), 1);
    cr_expect_not(replica_verify_is_due(box.replicas[behind]));
    box_client_close(&box, client);
}

/* A loss of power at each step of a transfer: the node comes back to what it had or to what it was
 * given, and is given it in the end. */
Test(transfer, power_may_fail_at_every_step, .init = begin, .fini = end) {
    uint32_t leader = replica_box_leader(&box), behind = other_than(leader, 0);
    struct box_client *client = replica_box_client(&box, leader);
    replica_box_kill(&box, behind);
    write_much(client, 0, 60);
    snapshot_and_cut(leader);
    uint64_t wait_us = 0;
    bool begun = false, done = false;
    for (int step = 0; step < 1000 && !done; step++) {
        replica_box_boot(&box, behind);
        replica_box_run(&box, wait_us);
        struct replica_snapshot_status status = replica_snapshot_status(box.replicas[behind]);
        if (status.receive_phase != REPLICA_RECEIVE_NOTHING) begun = true;
        done = installed(behind) > 0;
        replica_box_kill(&box, behind);
        cr_expect_neq(replica_box_leader(&box), 0);
        wait_us += begun ? 300 : 1000;
    }
    cr_expect(begun && done);
    for (int step = 0; step < 20; step++) { /* around the restart of its log */
        replica_box_boot(&box, behind);
        replica_box_run(&box, (uint64_t)step * 300);
        cr_expect_neq(replica_state(box.replicas[behind]), REPLICA_DAMAGED, "%s",
                      replica_trouble(box.replicas[behind]));
        replica_box_kill(&box, behind);
    }
    replica_box_boot(&box, behind);
    cr_assert(replica_box_settle(&box));
    cr_expect(await_equal());
    box_client_close(&box, client);
}

/* SAFETY 12: a cluster that began with data, which one of its founders has. */
static void put_first_snapshot(uint32_t node, uint64_t now_ms) {
    struct storages *storages = storages_create(1);
    storages_set_now(storages, (int64_t)now_ms);
    storages_mix_digest(storages, 5);
    struct snapshot_head head = {.position = {.index = 1, .term = 1, .hash = 77}};
    head.digest = origins_digest(&head.origins, storages_rolling_digest(storages));
    head.members = box.founders;
    struct snapshot_options options = {.redis_version = BYTES("7.0.15")};
    struct snapshot_writer *writer = snapshot_writer_create(storages, &head, &options);
    struct buffer file = {0};
    while (!snapshot_writer_next(writer, &file, 1000)) {
    }
    simulated_disk_put(box.disks[node], SNAPSHOT_NAME, 0, buffer_bytes(&file));
    buffer_clear(&file);
    snapshot_writer_destroy(writer);
    storages_destroy(storages);
}

Test(transfer, founders_fetch_the_first_state_before_they_begin) {
    replica_box_init(&box, 3);
    box.part_size = 100;
    box.awaits_snapshot = true;
    uint64_t later_ms = box.wall_ms + 3600 * 1000; /* by the clock of whoever made it */
    put_first_snapshot(2, later_ms);
    replica_box_boot_all(&box);
    box.cut[2] = true;
    replica_box_run(&box, 3 * 1000 * 1000);
    cr_expect_eq(replica_box_leader(&box), 0, "nobody begins without it");
    cr_expect_eq(replica_state(box.replicas[1]), REPLICA_RECOVERING);
    box.cut[2] = false;
    cr_assert(replica_box_settle(&box));
    cr_expect(await_equal());
    for (uint32_t node = 1; node <= 3; node++)
        cr_expect_eq(raft_base_index(replica_raft(box.replicas[node])), 1);
    cr_expect_geq(raft_last_stamp_ms(replica_raft(box.replicas[1])), later_ms, "SAFETY 4");
    struct box_client *client = replica_box_client(&box, 1);
    write_much(client, 0, 10);
    box_client_close(&box, client);
    for (uint32_t node = 1; node <= 3; node++) {
        replica_box_kill(&box, node);
        replica_box_boot(&box, node);
    }
    cr_assert(replica_box_settle(&box));
    cr_expect(await_equal());
    replica_box_clear(&box);
}

/* Who has nothing says so, and nobody is asked who can't be reached: no time-out is waited for. */
Test(transfer, founders_find_at_once_who_has_the_first_state) {
    for (uint32_t brings = 1; brings <= 3; brings++) {
        replica_box_init(&box, 3);
        box.awaits_snapshot = true;
        put_first_snapshot(brings, box.wall_ms);
        replica_box_boot_all(&box);
        replica_box_run(&box, 500 * 1000);
        for (uint32_t node = 1; node <= 3; node++)
            cr_expect_eq(replica_state(box.replicas[node]), REPLICA_RUNNING, "node %u of %u", node,
                         brings);
        cr_assert(replica_box_settle(&box));
        replica_box_clear(&box);
    }
}

/* A process has turns without a tick, more often than one is due. */
Test(transfer, waiting_for_the_first_state_is_put_off_by_nothing) {
    replica_box_init(&box, 3);
    box.awaits_snapshot = true;
    replica_box_boot(&box, 1);
    replica_box_run(&box, 1000 * 1000);
    struct replica *replica = box.replicas[1];
    struct replica_moment moment = replica_box_moment(&box, 1);
    replica_tick(replica, moment);
    replica_turn_end(replica, moment);
    uint64_t deadline_us = replica_deadline_us(replica);
    cr_expect_gt(deadline_us, moment.now_us);
    for (int turn = 0; turn < 10; turn++) {
        moment.now_us += 10 * 1000;
        replica_turn_end(replica, moment);
        cr_expect_leq(replica_deadline_us(replica), deadline_us);
    }
    replica_box_clear(&box);
}

/* --- the two ends, by hand ----------------------------------------------------------------------
 */

/* A node that needs the leader's snapshot and hears nothing but what the test says. */
static struct replica *a_receiver(uint32_t *leader, uint32_t *behind) {
    *leader = replica_box_leader(&box);
    *behind = other_than(*leader, 0);
    struct box_client *client = replica_box_client(&box, *leader);
    box.cut[*behind] = true;
    write_much(client, 0, 60);
    snapshot_and_cut(*leader);
    snapshot_and_cut(other_than(*leader, *behind));
    box_client_close(&box, client);
    return box.replicas[*behind];
}

static struct raft_wanted wanted_of(uint32_t node) {
    return (struct raft_wanted){.node = node,
                                .position = replica_snapshot_status(box.replicas[node]).position};
}

/* Takes the packets that the node has for others; how many ask for a part, the last one's offset.
 */
static int count_asks(struct replica *replica, uint64_t *offset) {
    int count = 0;
    struct replica_packet *packet;
    while ((packet = replica_next_packet(replica)) != NULL) {
        if (packet->head.data[0] == PACKET_SNAPSHOT_ASK) {
            count++;
            *offset = load_u64(packet->head.data + 1 + SNAPSHOT_FILE_SIZE);
        }
        replica_packet_destroy(packet);
    }
    return count;
}

static enum error give(struct replica *replica, uint32_t from, struct buffer *packet) {
    struct chunk *chunk = chunk_create(packet->size);
    memcpy(chunk->data, packet->data, packet->size);
    chunk->used = packet->size;
    enum error error = replica_peer_packet(replica, from, bytes_of(chunk->data, chunk->used), chunk,
                                           replica_box_moment(&box, replica->config.raft.id));
    chunk_release(chunk);
    buffer_clear(packet);
    return error;
}

static enum error give_part(struct replica *replica, uint32_t from, struct snapshot_file file,
                            uint64_t offset, struct bytes part, bool spoil) {
    struct buffer packet = {0};
    buffer_append_byte(&packet, PACKET_SNAPSHOT_PART);
    snapshot_file_put(&packet, &file);
    buffer_append_u64(&packet, offset);
    buffer_append_u64(&packet, snapshot_part_check(&file, offset, part) ^ spoil);
    buffer_append_bytes(&packet, part);
    return give(replica, from, &packet);
}

static enum error say_gone(struct replica *replica, uint32_t from, struct snapshot_file file) {
    struct buffer packet = {0};
    buffer_append_byte(&packet, PACKET_SNAPSHOT_GONE);
    snapshot_file_put(&packet, &file);
    return give(replica, from, &packet);
}

Test(transfer, parts_are_believed_only_as_they_were_asked_for, .init = begin, .fini = end) {
    uint32_t leader, behind;
    struct replica *replica = a_receiver(&leader, &behind);
    struct raft_wanted wanted = wanted_of(leader);
    uint64_t offset = 1;
    count_asks(replica, &offset);
    replica_receiver_want(replica, &wanted);
    cr_expect_eq(count_asks(replica, &offset), 1);
    cr_expect_eq(offset, 0);

    struct bytes bytes;
    cr_assert(simulated_disk_file(box.disks[leader], SNAPSHOT_NAME, &bytes));
    struct snapshot_file file = replica_snapshots_file(box.replicas[leader]);
    cr_assert_eq(file.size, bytes.size);
    struct bytes first = bytes_slice(bytes, 0, 100);
    const struct replica_snapshot_status *status;
    struct replica_snapshot_status now;
    status = &now;
    cr_expect_eq(give_part(replica, leader, file, 0, first, true), ERROR_CHECKSUM);
    cr_expect_eq(give_part(replica, other_than(leader, behind), file, 0, first, false), ERROR_NONE);
    struct snapshot_file older = file;
    older.position.index--;
    cr_expect_eq(give_part(replica, leader, older, 0, first, false), ERROR_NONE);
    now = replica_snapshot_status(replica);
    cr_expect_eq(status->receive_total, 0, "none of these was taken");
    cr_expect_eq(give_part(replica, leader, file, 0, bytes_slice(first, 0, 99), false),
                 ERROR_MALFORMED);
    cr_expect_eq(give_part(replica, leader, file, 0, first, false), ERROR_NONE);
    now = replica_snapshot_status(replica);
    cr_expect_eq(status->receive_total, file.size);
    cr_expect_eq(count_asks(replica, &offset), RECEIVE_WINDOW - 1, "a bounded window");
    struct snapshot_file another = file;
    another.check ^= 1;
    cr_expect_eq(give_part(replica, leader, another, 100, bytes_slice(bytes, 100, 100), false),
                 ERROR_NONE);
    cr_expect_eq(give_part(replica, leader, file, file.size, first, false), ERROR_MALFORMED);
    cr_expect_eq(replica_statistics(replica)->snapshot_parts_received, 1, "never two files in one");
    cr_expect_eq(say_gone(replica, leader, another), ERROR_NONE);
    now = replica_snapshot_status(replica);
    cr_expect_eq(status->receive_total, file.size, "another one may be gone");
    /* What does not come is asked for again, ever more seldom. */
    box.now_us += 2 * 1000 * 1000;
    replica_tick(replica, replica_box_moment(&box, behind));
    cr_expect_eq(count_asks(replica, &offset), RECEIVE_WINDOW - 1);
    box.now_us += 2 * 1000 * 1000;
    replica_tick(replica, replica_box_moment(&box, behind));
    cr_expect_eq(count_asks(replica, &offset), 0);
    box.cut[behind] = false;
    cr_expect(await_equal());
    cr_expect_eq(installed(behind), 1);
}

Test(transfer, another_node_with_the_same_file_goes_on, .init = begin, .fini = end) {
    uint32_t leader, behind;
    struct replica *replica = a_receiver(&leader, &behind);
    struct raft_wanted wanted = wanted_of(leader);
    uint64_t offset = 0;
    struct bytes bytes;
    cr_assert(simulated_disk_file(box.disks[leader], SNAPSHOT_NAME, &bytes));
    struct snapshot_file file = replica_snapshots_file(box.replicas[leader]);
    replica_receiver_want(replica, &wanted);
    cr_expect_eq(give_part(replica, leader, file, 0, bytes_slice(bytes, 0, 100), false),
                 ERROR_NONE);
    count_asks(replica, &offset);
    uint32_t other = other_than(leader, behind);
    struct raft_wanted elsewhere = {.node = other, .position = wanted.position};
    replica_receiver_want(replica, &elsewhere);
    cr_expect_eq(count_asks(replica, &offset), 0, "the one that was asked may still answer");
    box.now_us += 2 * 1000 * 1000;
    replica_tick(replica, replica_box_moment(&box, behind));
    count_asks(replica, &offset);
    replica_receiver_want(replica, &elsewhere);
    cr_expect_eq(count_asks(replica, &offset), RECEIVE_WINDOW - 1, "it goes on where it was");
    for (offset = 100; offset < file.size; offset += 100) {
        cr_expect_eq(
            give_part(replica, other, file, offset, bytes_slice(bytes, offset, 100), false),
            ERROR_NONE);
        replica_box_run(&box, 10 * 1000);
    }
    replica_box_run(&box, 100 * 1000);
    cr_expect_eq(installed(behind), 1);
    cr_expect_eq(replica_statistics(replica)->snapshot_parts_received, (file.size + 99) / 100);
    box.cut[behind] = false;
    cr_expect(await_equal());
}

/* What is damaged on its way or at its sender changes nothing. */
Test(transfer, a_damaged_one_is_never_installed, .init = begin, .fini = end) {
    uint32_t leader, behind;
    struct replica *replica = a_receiver(&leader, &behind);
    struct bytes bytes;
    cr_assert(simulated_disk_file(box.disks[leader], SNAPSHOT_NAME, &bytes));
    simulated_disk_flip(box.disks[leader], SNAPSHOT_NAME, bytes.size / 2, 4);
    uint64_t digest = replica_digest(replica);
    box.cut[behind] = false;
    replica_box_run(&box, 1500 * 1000);
    struct replica_snapshot_status status = replica_snapshot_status(replica);
    cr_expect_geq(status.receives_failed, 1);
    cr_expect_neq(status.receive_problem[0], '\0');
    cr_expect_eq(installed(behind), 0);
    cr_expect_eq(replica_digest(replica), digest);
    cr_expect_eq(status.position.index, 0);
    simulated_disk_flip(box.disks[leader], SNAPSHOT_NAME, bytes.size / 2, 4);
    cr_expect(await_equal());
    cr_expect_eq(installed(behind), 1);
}

/* What its disk has made of a file its sender learns by its being asked for again, or when it reads
 * it: then another one is made. */
static void expect_to_replace_file(void (*spoil)(struct simulated_disk *disk, uint64_t size)) {
    uint32_t leader, behind;
    (void)a_receiver(&leader, &behind);
    struct bytes bytes;
    cr_assert(simulated_disk_file(box.disks[leader], SNAPSHOT_NAME, &bytes));
    spoil(box.disks[leader], bytes.size);
    cr_expect_not(replica_snapshot_is_due(box.replicas[leader]));
    box.cut[behind] = false;
    for (int i = 0; i < 1000 && !replica_snapshot_is_due(box.replicas[leader]); i++)
        replica_box_run(&box, 10 * 1000);
    cr_assert(replica_snapshot_is_due(box.replicas[leader]));
    cr_expect_eq(installed(behind), 0);
    cr_assert(replica_box_snapshot(&box, leader));
    cr_expect(await_equal());
    cr_expect_eq(installed(behind), 1);
}

static void flip_in_file(struct simulated_disk *disk, uint64_t size) {
    simulated_disk_flip(disk, SNAPSHOT_NAME, size / 2, 4);
}
static void cut_file(struct simulated_disk *disk, uint64_t size) {
    simulated_disk_truncate(disk, SNAPSHOT_NAME, size / 2);
}

Test(transfer, a_damaged_file_is_replaced_by_its_sender, .init = begin, .fini = end) {
    expect_to_replace_file(flip_in_file);
}

Test(transfer, a_file_that_cannot_be_read_is_replaced_by_its_sender, .init = begin, .fini = end) {
    expect_to_replace_file(cut_file);
}

/* A disk that spoils each, or a receiver that finds fault with all: the pauses double, until
 * nothing was doubted for a minute. */
Test(transfer, a_file_that_is_damaged_again_is_replaced_after_ever_longer_pauses, .init = begin,
     .fini = end) {
    static const uint32_t pauses[] = {0, 1, 2, 4, 0, 1}; /* four election time-outs each */
    uint32_t leader, behind;
    (void)a_receiver(&leader, &behind);
    for (uint32_t i = 0; i < COUNT_OF(pauses); i++) {
        struct bytes bytes;
        if (pauses[i] == 0) replica_box_run(&box, 60ull * 1000 * 1000);
        uint64_t begun_us = box.now_us;
        cr_assert(simulated_disk_file(box.disks[leader], SNAPSHOT_NAME, &bytes));
        flip_in_file(box.disks[leader], bytes.size);
        box.cut[behind] = false;
        for (int k = 0; k < 3000 && !replica_snapshot_is_due(box.replicas[leader]); k++)
            replica_box_run(&box, 10 * 1000);
        cr_assert(replica_snapshot_is_due(box.replicas[leader]), "replacement %u", i + 1);
        uint64_t unit_us = 4 * box.replicas[leader]->config.raft.election_us;
        uint64_t pause_us = box.now_us - begun_us, least_us = pauses[i] * unit_us;
        cr_expect_geq(pause_us, least_us);
        /* Whoever was turned away asks for all of it once more, and is believed after the pause. */
        cr_expect_leq(pause_us, 2 * least_us + 4 * unit_us);
        box.cut[behind] = true;
        cr_assert(replica_box_snapshot(&box, leader));
    }
    cr_expect_eq(installed(behind), 0);
    box.cut[behind] = false;
    cr_expect(await_equal());
    cr_expect_eq(installed(behind), 1);
}

/* All of the log stands in one segment, so it can't be cut; and of the three only the leader and
 * the one that needs what can't be read are there: so nobody else leads, and nothing is written. */
Test(transfer, what_the_log_cannot_give_the_snapshot_gives, .fini = end) {
    begin_with(1 << 16);
    uint32_t leader = replica_box_leader(&box), behind = other_than(leader, 0);
    struct box_client *client = replica_box_client(&box, leader);
    replica_raft(box.replicas[leader])->config.tail_bytes_max = 1000;
    write_much(client, 0, 2);
    box.cut[behind] = true;
    uint64_t has = raft_last_index(replica_raft(box.replicas[behind]));
    write_much(client, 2, 40);
    cr_assert_gt(raft_tail_first_index(replica_raft(box.replicas[leader])), has + 5);
    box_client_close(&box, client);
    struct bytes log;
    cr_assert(simulated_disk_file(box.disks[leader], "log-0000000001", &log));
    simulated_disk_flip(box.disks[leader], "log-0000000001", log.size / 16, 1);
    replica_box_kill(&box, other_than(leader, behind));
    box.cut[behind] = false;
    for (int i = 0; i < 500 && !replica_snapshot_is_due(box.replicas[leader]); i++)
        replica_box_run(&box, 10 * 1000);
    cr_assert(replica_snapshot_is_due(box.replicas[leader]));
    char name[DISK_NAME_SIZE];
    replica_box_write_snapshot(&box, leader, name, ERROR_DISK_FULL);
    replica_box_run(&box, 900 * 1000);
    cr_expect_not(replica_snapshot_is_due(box.replicas[leader]), "not at once again");
    replica_box_run(&box, 200 * 1000);
    cr_expect(replica_snapshot_is_due(box.replicas[leader]), "but soon: another node waits for it");
    cr_assert(replica_box_snapshot(&box, leader));
    cr_expect_eq(raft_base_index(replica_raft(box.replicas[leader])), 0, "the log is not cut");
    cr_assert(replica_box_settle(&box));
    replica_box_run(&box, 3000 * 1000);
    cr_expect_eq(replica_box_leader(&box), behind, "it has everything, and its log is sound");
    cr_expect_eq(installed(behind), 1);
    cr_expect_eq(replica_digest(box.replicas[behind]), replica_digest(box.replicas[leader]));
    replica_box_boot(&box, other_than(leader, behind));
    cr_assert(replica_box_settle(&box));
    cr_expect(await_equal());
}

Test(transfer, a_newer_snapshot_of_the_sender_starts_it_over, .init = begin, .fini = end) {
    uint32_t leader, behind;
    struct replica *replica = a_receiver(&leader, &behind);
    box.cut[behind] = false;
    for (int i = 0; i < 1000 && replica_snapshot_status(replica).receive_total == 0; i++)
        replica_box_run(&box, 200);
    uint64_t index = replica_snapshot_status(replica).receive_position.index;
    cr_expect_gt(index, 0);
    struct box_client *client = replica_box_client(&box, leader);
    box_client_send(&box, client, "INCR n\r\n");
    char name[DISK_NAME_SIZE];
    replica_box_write_snapshot(&box, leader, name, ERROR_NONE); /* as BGSAVE asks for it */
    cr_expect(await_equal());
    cr_expect_eq(installed(behind), 1);
    cr_expect_geq(replica_snapshot_status(replica).position.index, index);
    box_client_close(&box, client);
}

/* --- going on where it was ----------------------------------------------------------------------
 */

/* The process ends, the machine goes on. */
static void end_process(uint32_t node) {
    simulated_disk_kill(box.disks[node]);
    replica_destroy(box.replicas[node]);
    box.replicas[node] = NULL;
}

static uint64_t resumed(uint32_t node) {
    return replica_statistics(box.replicas[node])->snapshot_parts_resumed;
}

static uint64_t received(uint32_t node) {
    return replica_statistics(box.replicas[node])->snapshot_parts_received;
}

/* Lets it come until half of it is there. Returns how many parts. */
static uint64_t receive_half(uint32_t behind) {
    box.cut[behind] = false;
    for (int i = 0; i < 10000; i++) {
        struct replica_snapshot_status status = replica_snapshot_status(box.replicas[behind]);
        if (status.receive_total > 0 && status.received * 2 > status.receive_total) break;
        replica_box_run(&box, 100);
    }
    box.cut[behind] = true;
    while (simulated_disk_deadline_us(box.disks[behind]) != UINT64_MAX)
        replica_box_run(&box, 100); /* What is on its way to the disk gets there. */
    cr_assert_gt(received(behind), 10);
    cr_assert_eq(replica_snapshot_status(box.replicas[behind]).receive_phase,
                 REPLICA_RECEIVE_FETCHING);
    return received(behind);
}

static uint32_t temporary_files(uint32_t node) {
    const struct disk_file *files;
    uint32_t count = simulated_disk_list(box.disks[node], &files), temporary = 0;
    for (uint32_t i = 0; i < count; i++)
        temporary += snapshot_is_temporary_name(files[i].name);
    return temporary;
}

/* Of the one that comes: its name in the directory, that of its receipts. */
static void name_files(char file[DISK_NAME_SIZE], char receipts[DISK_NAME_SIZE], uint32_t leader) {
    struct snapshot_file is = replica_snapshots_file(box.replicas[leader]);
    snapshot_received_name(file, is.position.index, is.check);
    snapshot_receipts_name(receipts, is.position.index, is.check);
}

/* Its next start is given all, and asks for what is not there only. */
static void come_back(uint32_t leader, uint32_t behind, uint64_t resumed_min,
                      uint64_t resumed_max) {
    uint64_t parts = (replica_snapshots_file(box.replicas[leader]).size + 99) / 100;
    replica_box_boot(&box, behind);
    box.cut[behind] = false;
    cr_expect(await_equal());
    cr_expect_eq(installed(behind), 1);
    cr_expect(resumed(behind) >= resumed_min && resumed(behind) <= resumed_max, "%llu parts",
              (unsigned long long)resumed(behind));
    /* The part that says which file there is may be asked for twice. */
    cr_expect_leq(resumed(behind) + received(behind), parts + 1);
    replica_box_run(&box, 1000 * 1000);
    cr_expect_eq(temporary_files(behind), 0);
}

Test(transfer, what_has_come_outlives_the_process, .init = begin, .fini = end) {
    uint32_t leader, behind;
    (void)a_receiver(&leader, &behind);
    uint64_t parts = receive_half(behind);
    end_process(behind);
    come_back(leader, behind, parts, parts);
}

/* Nothing of it was synced: what a loss of power leaves of a part, the receipt tells. */
Test(transfer, what_power_leaves_of_it_is_looked_at, .init = begin, .fini = end) {
    uint32_t leader, behind;
    (void)a_receiver(&leader, &behind);
    uint64_t parts = receive_half(behind);
    replica_box_kill(&box, behind);
    come_back(leader, behind, 0, parts);
}

Test(transfer, a_part_that_is_not_what_its_receipt_says_is_asked_for_again, .init = begin,
     .fini = end) {
    uint32_t leader, behind;
    char file[DISK_NAME_SIZE], receipts[DISK_NAME_SIZE];
    (void)a_receiver(&leader, &behind);
    uint64_t parts = receive_half(behind);
    name_files(file, receipts, leader);
    end_process(behind);
    simulated_disk_flip(box.disks[behind], file, 250, 1);
    come_back(leader, behind, parts - 1, parts - 1);
}

/* The head names another file, or the rows end early: a hint less, never a wrong byte. */
Test(transfer, receipts_that_are_damaged_count_as_far_as_they_go, .init = begin, .fini = end) {
    static const struct {
        uint64_t offset, resumed_max;
    } cases[] = {{3, 0}, {20, 0}, {64, 0}, {72 + 24 * 4, 4}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint32_t leader, behind;
        char file[DISK_NAME_SIZE], receipts[DISK_NAME_SIZE];
        if (i > 0) {
            end();
            begin();
        }
        (void)a_receiver(&leader, &behind);
        (void)receive_half(behind);
        name_files(file, receipts, leader);
        end_process(behind);
        simulated_disk_flip(box.disks[behind], receipts, cases[i].offset, 1);
        come_back(leader, behind, cases[i].resumed_max, cases[i].resumed_max);
    }
}

/* The sender has made another snapshot meanwhile: of the old one nothing stays. */
Test(transfer, what_has_come_of_another_file_is_removed, .init = begin, .fini = end) {
    uint32_t leader, behind;
    (void)a_receiver(&leader, &behind);
    (void)receive_half(behind);
    end_process(behind);
    struct box_client *client = replica_box_client(&box, leader);
    write_much(client, 60, 3);
    box_client_close(&box, client);
    snapshot_and_cut(leader);
    come_back(leader, behind, 0, 0);
}

/* The log has come all the same. */
Test(transfer, what_is_not_needed_any_more_is_removed, .init = begin, .fini = end) {
    uint32_t leader, behind;
    char file[DISK_NAME_SIZE], receipts[DISK_NAME_SIZE];
    (void)a_receiver(&leader, &behind);
    name_files(file, receipts, leader);
    box.cut[behind] = false;
    cr_expect(await_equal());
    end_process(behind);
    simulated_disk_put(box.disks[behind], file, 0, BYTES("something"));
    simulated_disk_put(box.disks[behind], receipts, 0, BYTES("something"));
    replica_box_boot(&box, behind);
    replica_box_run(&box, 2000 * 1000);
    cr_expect_eq(temporary_files(behind), 0);
}

/* Nobody answered for a minute: the next attempt goes on, too. */
Test(transfer, what_has_come_outlives_a_long_silence, .init = begin, .fini = end) {
    uint32_t leader, behind;
    struct replica *replica = a_receiver(&leader, &behind);
    uint64_t parts = receive_half(behind);
    replica_box_run(&box, 61ull * 1000 * 1000);
    cr_expect_eq(replica_snapshot_status(replica).receive_phase, REPLICA_RECEIVE_NOTHING);
    cr_expect_eq(temporary_files(behind), 2);
    box.cut[behind] = false;
    cr_expect(await_equal());
    cr_expect_eq(installed(behind), 1);
    cr_expect_eq(resumed(behind), parts);
}

static void fail_reads(uint32_t node, bool fails) {
    struct simulated_disk_config faults = {
        .delay_min_us = 100, .delay_max_us = 400, .read_errors_per_mille = fails ? 1000 : 0};
    simulated_disk_configure(box.disks[node], &faults);
}
static void fail_files(uint32_t node, bool fails) {
    struct simulated_disk_config faults = {
        .delay_min_us = 100, .delay_max_us = 400, .file_errors_per_mille = fails ? 1000 : 0};
    simulated_disk_configure(box.disks[node], &faults);
}

/* The receipts, or the parts that they name. */
static void expect_to_do_without(bool are_receipts_read) {
    uint32_t leader, behind;
    (void)a_receiver(&leader, &behind);
    uint64_t parts = receive_half(behind);
    end_process(behind);
    replica_box_boot(&box, behind);
    const struct snapshot_receiver *receiver = &box.replicas[behind]->receiver;
    box.cut[behind] = false;
    for (int i = 0; i < 100000; i++) {
        bool is_time = receiver->phase == REPLICA_RECEIVE_RESUMING &&
                       receiver->receipts.is_found == are_receipts_read;
        if (is_time) break;
        replica_box_run(&box, 10);
    }
    cr_assert_eq(receiver->phase, REPLICA_RECEIVE_RESUMING);
    fail_reads(behind, true);
    for (int i = 0; i < 100000 && receiver->phase == REPLICA_RECEIVE_RESUMING; i++)
        replica_box_run(&box, 10);
    cr_assert_eq(receiver->phase, REPLICA_RECEIVE_FETCHING);
    fail_reads(behind, false);
    cr_expect(await_equal());
    cr_expect_eq(installed(behind), 1);
    if (are_receipts_read)
        cr_expect_lt(resumed(behind), parts);
    else
        cr_expect_eq(resumed(behind), 0);
}

Test(transfer, what_cannot_be_read_of_it_is_asked_for_again, .init = begin, .fini = end) {
    expect_to_do_without(true);
    end();
    begin();
    expect_to_do_without(false);
}

/* What has come since then nobody could tell: none of it is kept. */
Test(transfer, without_receipts_nothing_outlives_the_attempt, .init = begin, .fini = end) {
    uint32_t leader, behind;
    struct replica *replica = a_receiver(&leader, &behind);
    (void)receive_half(behind);
    replica_resume_written(replica, ERROR_DISK_FULL);
    replica_box_run(&box, 62ull * 1000 * 1000);
    cr_expect_eq(replica_snapshot_status(replica).receive_phase, REPLICA_RECEIVE_NOTHING);
    cr_expect_eq(temporary_files(behind), 0);
    box.cut[behind] = false;
    cr_expect(await_equal());
    cr_expect_eq(installed(behind), 1);
    cr_expect_eq(resumed(behind), 0);
}

/* --- when its own disk fails --------------------------------------------------------------------
 */

static void expect_to_fetch_once_more(enum replica_receive_phase phase) {
    uint32_t leader, behind;
    struct replica *replica = a_receiver(&leader, &behind);
    const struct snapshot_receiver *receiver = &replica->receiver;
    box.cut[behind] = false;
    for (int i = 0; i < 100000 && (receiver->phase != phase || receiver->written == 0); i++)
        replica_box_run(&box, 10);
    cr_assert_eq(receiver->phase, phase);
    fail_files(behind, true);
    for (int i = 0; i < 100000 && receiver->phase == phase; i++)
        replica_box_run(&box, 10);
    fail_files(behind, false);
    struct replica_snapshot_status status = replica_snapshot_status(replica);
    cr_expect_eq(status.receives_failed, 1);
    cr_expect_eq(status.receive_phase, REPLICA_RECEIVE_NOTHING);
    cr_expect_eq(installed(behind), 0);
    cr_expect(await_equal());
    cr_expect_eq(installed(behind), 1);
    replica_box_run(&box, 1000 * 1000);
    cr_expect_eq(temporary_files(behind), 0);
}

Test(transfer, a_file_that_cannot_be_written_is_fetched_once_more, .init = begin, .fini = end) {
    expect_to_fetch_once_more(REPLICA_RECEIVE_FETCHING);
}

Test(transfer, a_file_that_cannot_be_synced_is_fetched_once_more, .init = begin, .fini = end) {
    expect_to_fetch_once_more(REPLICA_RECEIVE_SYNCING);
}

/* It has the name, and nobody can tell: until another one has proved itself under it, this node
 * goes by what it had. */
Test(transfer, a_file_that_cannot_be_looked_at_again_is_fetched_once_more, .init = begin,
     .fini = end) {
    uint32_t leader, behind;
    struct replica *replica = a_receiver(&leader, &behind);
    box.cut[behind] = false;
    for (int i = 0; i < 100000 && replica->snapshots.phase != REPLICA_SNAPSHOT_CONFIRMING; i++)
        replica_box_run(&box, 10);
    cr_assert_eq(replica->snapshots.phase, REPLICA_SNAPSHOT_CONFIRMING);
    fail_reads(behind, true);
    for (int i = 0; i < 100000 && replica->snapshots.phase == REPLICA_SNAPSHOT_CONFIRMING; i++)
        replica_box_run(&box, 10);
    fail_reads(behind, false);
    cr_expect_eq(replica_snapshot_status(replica).receives_failed, 1);
    cr_expect_eq(installed(behind), 0);
    cr_expect_eq(replica_snapshots_file(replica).size, 0, "it is offered to nobody");
    cr_expect(await_equal());
    cr_expect_eq(installed(behind), 1);
    cr_expect_gt(replica_snapshots_file(replica).size, 0);
}
