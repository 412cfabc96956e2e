/* Whole replicas: order of replies, exactly once, reads on every node, pub/sub, MULTI. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"
#include "src/replica/replica_internal.h"
#include "tests/unit/replica_box.h"

Test(replica, one_node_answers_in_the_order_of_the_requests) {
    struct replica_box box;
    replica_box_begin(&box, 1);
    struct box_client *client = replica_box_client(&box, 1);
    box_client_send(&box, client,
                    "SET x 1\r\nGET x\r\nINCR x\r\nGET x\r\nNOSUCH\r\nINCR x\r\nGET y\r\n");
    cr_expect(box_client_expect(&box, client,
                                "+OK\r\n$1\r\n1\r\n:2\r\n$1\r\n2\r\n-ERR unknown command 'NOSUCH', "
                                "with args beginning with: \r\n:3\r\n$-1\r\n"));
    box_client_close(&box, client);
    replica_box_clear(&box);
}

Test(replica, one_node_keeps_what_it_acknowledged_through_a_loss_of_power) {
    struct replica_box box;
    replica_box_begin(&box, 1);
    struct box_client *client = replica_box_client(&box, 1);
    for (int i = 0; i < 50; i++)
        box_client_send(&box, client, "INCR x\r\n");
    box_client_send(&box, client, "SET y z\r\n");
    replica_box_run(&box, 1000 * 1000);
    replica_box_kill(&box, 1);
    box_client_close(&box, client);
    replica_box_boot(&box, 1);
    cr_assert(replica_box_settle(&box));
    client = replica_box_client(&box, 1);
    box_client_send(&box, client, "GET x\r\nGET y\r\n");
    cr_expect(box_client_expect(&box, client, "$2\r\n50\r\n$1\r\nz\r\n"));
    box_client_close(&box, client);
    replica_box_clear(&box);
}

static uint32_t count_lines(const struct box_client *client) {
    uint32_t lines = 0;
    for (size_t i = 0; i < client->replies.size; i++)
        lines += client->replies.data[i] == '\n';
    return lines;
}

/* What comes in meanwhile waits, on every node, and is done once. */
Test(replica, leadership_changes_hands_under_load) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3);
    struct box_client *clients[4];
    for (uint32_t node = 1; node <= 3; node++) {
        clients[node] = replica_box_client(&box, node);
        box_client_send(&box, clients[node], "INCR total\r\nSET own 1\r\n");
    }
    uint64_t start_us = box.now_us;
    replica_raft_step(box.replicas[leader], &(struct raft_event){.type = RAFT_EVENT_TRANSFER});
    for (uint32_t node = 1; node <= 3; node++)
        box_client_send(&box, clients[node], "INCRBY total 10\r\nAPPEND own 2\r\n");
    while (replica_box_leader(&box) == leader && box.now_us < start_us + 1000 * 1000)
        replica_box_run(&box, 1000);
    struct box_client *reader = replica_box_client(&box, leader);
    for (uint32_t node = 1; node <= 3; node++) {
        while (count_lines(clients[node]) < 4 && box.now_us < start_us + 1000 * 1000)
            replica_box_run(&box, 1000);
    }
    uint64_t pause_us = box.now_us - start_us;
    cr_expect_lt(pause_us, 50 * 1000, "%llu us", (unsigned long long)pause_us);
    box_client_send(&box, reader, "GET total\r\n");
    cr_expect(box_client_expect(&box, reader, "$2\r\n33\r\n"));
    cr_expect_neq(replica_box_leader(&box), leader);
    for (uint32_t node = 1; node <= 3; node++)
        box_client_close(&box, clients[node]);
    box_client_close(&box, reader);
    replica_box_clear(&box);
}

/* Nothing new is proposed while the next leader has not got everything; if it never gets there, the
 * present one goes on. */
Test(replica, what_comes_in_waits_for_a_transfer_that_is_given_up) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), away = leader % 3 + 1, other = away % 3 + 1;
    const struct raft *raft = box.replicas[leader]->raft;
    struct box_client *near = replica_box_client(&box, leader);
    struct box_client *far = replica_box_client(&box, other);
    box.cut[away] = true;
    box_client_send(&box, near, "INCR x\r\n");
    replica_box_run(&box, 20 * 1000);
    replica_raft_step(box.replicas[leader],
                      &(struct raft_event){.type = RAFT_EVENT_TRANSFER, .node = away});
    cr_assert_eq(raft_transfer_target(raft), away);
    uint64_t last = raft_last_index(raft);
    box_client_send(&box, near, "INCR x\r\n");
    box_client_send(&box, far, "INCR x\r\n");
    replica_box_run(&box, 200 * 1000);
    cr_expect_eq(raft_last_index(raft), last);
    for (int i = 0; i < 300 && raft_transfer_target(raft) != 0; i++)
        replica_box_run(&box, 10 * 1000);
    cr_expect_eq(raft_transfer_target(raft), 0);
    replica_box_run(&box, 100 * 1000);
    cr_expect_eq(count_lines(far), 1, "its node is told at once to send it again");
    box_client_send(&box, near, "GET x\r\n");
    replica_box_run(&box, 100 * 1000);
    cr_expect_eq(count_lines(near), 4);
    cr_expect_eq(count_lines(far), 1);
    cr_expect_eq(near->replies.data[near->replies.size - 3], '3');
    cr_expect_eq(replica_box_leader(&box), leader);
    box_client_close(&box, near);
    box_client_close(&box, far);
    replica_box_clear(&box);
}

Test(replica, three_nodes_take_writes_and_reads_on_any_of_them) {
    struct replica_box box;
    replica_box_begin(&box, 3);
    for (uint32_t node = 1; node <= 3; node++) {
        struct box_client *writer = replica_box_client(&box, node);
        struct box_client *reader = replica_box_client(&box, node % 3 + 1);
        box_client_send(&box, writer, "SET x 1\r\nINCR x\r\nGET x\r\n");
        cr_expect(box_client_expect(&box, writer, "+OK\r\n:2\r\n$1\r\n2\r\n"));
        box_client_send(&box, reader, "GET x\r\nDEL x\r\nGET x\r\n");
        cr_expect(box_client_expect(&box, reader, "$1\r\n2\r\n:1\r\n$-1\r\n"));
        box_client_close(&box, writer);
        box_client_close(&box, reader);
    }
    replica_box_run(&box, 1000 * 1000);
    cr_expect_eq(replica_digest(box.replicas[1]), replica_digest(box.replicas[2]));
    cr_expect_eq(replica_digest(box.replicas[1]), replica_digest(box.replicas[3]));
    replica_box_clear(&box);
}

Test(replica, clients_of_survivors_see_a_pause_and_no_error_when_the_leader_dies) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3);
    struct box_client *client = replica_box_client(&box, leader % 3 + 1);
    box_client_send(&box, client, "INCR x\r\n");
    cr_expect(box_client_expect(&box, client, ":1\r\n"));
    box_client_send(&box, client, "INCR x\r\nGET x\r\n");
    replica_box_kill(&box, leader);
    box_client_send(&box, client, "INCR x\r\n");
    cr_expect(box_client_expect(&box, client, ":2\r\n$1\r\n2\r\n:3\r\n"));
    replica_box_boot(&box, leader);
    cr_assert(replica_box_settle(&box));
    replica_box_run(&box, 1000 * 1000);
    cr_expect_eq(replica_digest(box.replicas[1]), replica_digest(box.replicas[2]));
    cr_expect_eq(replica_digest(box.replicas[1]), replica_digest(box.replicas[3]));
    box_client_close(&box, client);
    replica_box_clear(&box);
}

/* Found by the simulator: heartbeats came more often than the tick that sends again was due. */
Test(replica, a_batch_that_was_lost_is_sent_again_though_heartbeats_come) {
    struct replica_box box;
    uint32_t follower = replica_box_begin(&box, 3) % 3 + 1;
    struct box_client *client = replica_box_client(&box, follower);
    box.cut[follower] = true;
    box_client_send(&box, client, "INCR x\r\n");
    replica_box_run(&box, 1000);
    box.cut[follower] = false;
    cr_expect(box_client_expect(&box, client, ":1\r\n"));
    cr_expect_geq(replica_statistics(box.replicas[follower])->batches_resent, 1);
    box_client_close(&box, client);
    replica_box_clear(&box);
}

Test(replica, a_node_that_is_cut_off_says_clusterdown_for_what_it_never_sent) {
    struct replica_box box;
    uint32_t lonely = replica_box_begin(&box, 3) % 3 + 1;
    struct box_client *client = replica_box_client(&box, lonely);
    box.cut[lonely] = true;
    replica_box_run(&box, 3 * 1000 * 1000);
    box_client_send(&box, client, "INCR x\r\nGET x\r\n");
    replica_box_run(&box, 6 * 1000 * 1000);
    cr_expect(box_client_expect(&box, client,
                                "-CLUSTERDOWN no leader is known to this node: not executed\r\n"
                                "-CLUSTERDOWN no leader is known to this node: not executed\r\n"));
    cr_expect_eq(replica_statistics(box.replicas[lonely])->clusterdown_replies, 2);
    box.cut[lonely] = false;
    cr_assert(replica_box_settle(&box));
    box_client_send(&box, client, "INCR x\r\nGET x\r\n");
    cr_expect(box_client_expect(&box, client, ":1\r\n$1\r\n1\r\n"));
    box_client_close(&box, client);
    replica_box_clear(&box);
}

/* SET y to so many bytes, up to 70000. */
static const char *set_of(int size) {
    static char text[70100];
    int head = snprintf(text, sizeof(text), "*3\r\n$3\r\nSET\r\n$1\r\ny\r\n$%d\r\n", size);
    memset(text + head, 'y', (size_t)size);
    strcpy(text + head + size, "\r\n");
    return text;
}

/* A batch with that is sealed at once, also behind another one. */
static const char *large_set(void) {
    return set_of(70000);
}

/* Fills the log step by step: far less than a segment. */
static const char *filling_set(void) {
    return set_of(JOURNAL_SEGMENT_SIZE_MIN / 16);
}

Test(replica, whoever_waits_too_long_for_a_sealed_write_is_told_that_nobody_knows) {
    static const char unknown[] = "-UNKNOWN the cluster did not answer in time: this write may or "
                                  "may not have been executed\r\n";
    const char *large = large_set();

    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3);
    struct box_client *first = replica_box_client(&box, leader),
                      *second = replica_box_client(&box, leader);
    box.cut[leader] = true;
    box_client_send(&box, first, "INCR x\r\n");
    replica_box_run(&box, 2000);
    box_client_send(&box, second, large);
    box_client_send(&box, first, large);
    replica_box_run(&box, 62 * 1000 * 1000);
    cr_expect(box_client_expect(&box, first, unknown));
    cr_expect(box_client_expect(&box, second, unknown));
    box.cut[leader] = false;
    cr_assert(replica_box_settle(&box));
    replica_box_run(&box, 3 * 1000 * 1000);
    struct box_client *third = replica_box_client(&box, leader);
    box_client_send(&box, third, "GET x\r\nSTRLEN y\r\n");
    cr_expect(box_client_expect(&box, third, "$-1\r\n:0\r\n"), "nobody is surprised later");
    cr_expect_eq(first->replies.size, 0, "and nothing else");
    box_client_close(&box, first);
    box_client_close(&box, second);
    box_client_close(&box, third);
    replica_box_clear(&box);
}

/* Sends large writes until the node reads no further; they wait, for it is cut off. */
static uint32_t fill_to_the_bound(struct replica_box *box, struct box_client *client) {
    const struct replica *replica = box->replicas[client->node];
    uint32_t count = 0;
    while (replica_client_may_read(replica, client->session)) {
        box_client_send(box, client, large_set());
        cr_assert_lt(++count, 100);
    }
    return count;
}

Test(replica, at_its_bound_a_node_answers_what_needs_no_room) {
    struct replica_box box;
    replica_box_init(&box, 3);
    box.inflight_bytes_max = 256 * 1024;
    uint32_t leader = replica_box_start(&box);
    const struct replica *replica = box.replicas[leader];
    struct box_client *filler = replica_box_client(&box, leader),
                      *client = replica_box_client(&box, leader),
                      *half = replica_box_client(&box, leader);
    replica_box_run(&box, 200 * 1000);
    box.cut[leader] = true;
    uint32_t writes = fill_to_the_bound(&box, filler);
    size_t inflight = replica_inflight_bytes(replica);
    cr_expect_lt(inflight, box.inflight_bytes_max + 71 * 1000);

    box_client_send(&box, client,
                    "GET x\r\nNOSUCH\r\nCOMMAND GETKEYS GET y\r\nINCR x\r\nGET x\r\n");
    cr_expect(bytes_equal(buffer_bytes(&client->session->output),
                          BYTES("$-1\r\n"
                                "-ERR unknown command 'NOSUCH', with args beginning with: \r\n"
                                "*1\r\n$1\r\ny\r\n")),
              "%.*s", (int)client->session->output.size, client->session->output.data);
    cr_expect_not(replica_client_may_read(replica, client->session), "up to the first write");
    /* A command in parts is completed, but no large one is gathered. */
    box_client_send(&box, half, "COMMAND GETKE");
    cr_expect(replica_client_may_read(replica, half->session));
    box_client_send(
        &box, half,
        "YS GET z\r\nCOMMAND GETKEYS GET y\r\n*3\r\n$3\r\nSET\r\n$1\r\nz\r\n$70000\r\nz");
    cr_expect_not(replica_client_may_read(replica, half->session));
    cr_expect_eq(half->session->output.size, 2 * strlen("*1\r\n$1\r\nz\r\n"));
    uint64_t parsed = client->session->commands_processed;
    for (int i = 0; i < 10; i++)
        replica_turn_end(box.replicas[leader], replica_box_moment(&box, leader));
    cr_expect_eq(client->session->commands_processed, parsed);
    cr_expect_eq(replica_inflight_bytes(replica), inflight, "the bound is kept");

    box.cut[leader] = false;
    replica_box_run(&box, 2 * 1000 * 1000);
    cr_expect_eq(filler->replies.size, writes * strlen("+OK\r\n"));
    cr_expect(
        bytes_equal(bytes_slice(buffer_bytes(&client->replies), client->replies.size - 11, 11),
                    BYTES(":1\r\n$1\r\n1\r\n")),
        "in order: %.*s", (int)client->replies.size, client->replies.data);
    cr_expect(replica_client_may_read(replica, half->session), "the rest may come");
    box_client_close(&box, filler);
    box_client_close(&box, client);
    box_client_close(&box, half);
    replica_box_clear(&box);
}

#define NOT_IN_TIME "-CLUSTERDOWN the cluster did not take this write in time: not executed\r\n"

/* Seals what its clients sent on a node that leads, alone from now on: no outcome for 40 s. */
static void be_alone_with(struct replica_box *box, uint32_t leader, struct box_client *client,
                          const char *text) {
    box->cut[leader] = true;
    box_client_send(box, client, text);
    replica_box_run(box, 40 * 1000 * 1000);
    cr_expect_eq(client->replies.size, 0, "not known is not told");
    box->cut[leader] = false;
}

Test(replica, a_write_in_whose_place_an_empty_batch_was_applied_is_certainly_not_executed) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3);
    struct box_client *client = replica_box_client(&box, leader);
    be_alone_with(&box, leader, client,
                  "INCR x\r\nGET x\r\nMULTI\r\nINCR x\r\nINCR x\r\nEXEC\r\nINCR x\r\n");
    cr_expect(box_client_expect(
        &box, client, NOT_IN_TIME "$-1\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n" NOT_IN_TIME NOT_IN_TIME));
    box_client_send(&box, client, "INCR x\r\nGET x\r\n");
    cr_expect(box_client_expect(&box, client, ":1\r\n$1\r\n1\r\n"), "it stays and goes on");
    cr_expect_eq(replica_statistics(box.replicas[leader])->batches_given_up, 1);
    cr_expect_eq(replica_statistics(box.replicas[leader])->batches_revoked, 1);
    replica_box_run(&box, 1000 * 1000);
    cr_expect_eq(replica_digest(box.replicas[1]), replica_digest(box.replicas[2]));
    cr_expect_eq(replica_digest(box.replicas[1]), replica_digest(box.replicas[3]));
    box_client_close(&box, client);
    replica_box_clear(&box);
}

Test(replica, a_write_that_was_given_up_but_had_reached_the_log_is_answered_as_usual) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), origin = leader % 3 + 1, third = origin % 3 + 1;
    struct box_client *client = replica_box_client(&box, origin),
                      *other = replica_box_client(&box, third);
    uint64_t last = raft_last_index(replica_raft(box.replicas[leader]));
    box_client_send(&box, client, "INCR x\r\n");
    while (raft_last_index(replica_raft(box.replicas[leader])) == last)
        replica_box_run(&box, 10);
    box.cut[origin] = true; /* It alone hears nothing of it. */
    replica_box_run(&box, 40 * 1000 * 1000);
    cr_expect_eq(client->replies.size, 0);
    cr_expect_eq(replica_statistics(box.replicas[origin])->batches_given_up, 1);
    box.cut[origin] = false;
    cr_expect(box_client_expect(&box, client, ":1\r\n"));
    cr_expect_eq(replica_statistics(box.replicas[origin])->batches_revoked, 0);
    box_client_send(&box, other, "INCR x\r\n");
    cr_expect(box_client_expect(&box, other, ":2\r\n"));
    box_client_close(&box, client);
    box_client_close(&box, other);
    replica_box_clear(&box);
}

Test(replica, what_was_sealed_behind_a_batch_that_is_given_up_is_given_up_with_it) {
    const char *large = large_set();
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3);
    struct box_client *client = replica_box_client(&box, leader),
                      *gone = replica_box_client(&box, leader);
    box.cut[leader] = true;
    box_client_send(&box, client, "INCR x\r\n");
    box_client_send(&box, gone, "INCR z\r\n");
    replica_box_run(&box, 2000);
    box_client_close(&box, gone);
    be_alone_with(&box, leader, client, large);
    cr_expect(box_client_expect(&box, client, NOT_IN_TIME NOT_IN_TIME));
    box_client_send(&box, client, "EXISTS x y z\r\n");
    cr_expect(box_client_expect(&box, client, ":0\r\n"));
    cr_expect_eq(replica_statistics(box.replicas[leader])->batches_revoked, 2);
    box_client_close(&box, client);
    replica_box_clear(&box);
}

/* No new file finds room on this node's disk, or any does again. */
static void set_full(struct replica_box *box, uint32_t node, bool full) {
    struct simulated_disk_config disk = {
        .capacity_bytes = full ? 1 : 0, .delay_min_us = 100, .delay_max_us = 400};
    simulated_disk_configure(box->disks[node], &disk);
}

static void fill_disk(struct replica_box *box, struct box_client *filler, uint32_t node) {
    while (!replica_disk_is_full(box->replicas[node])) {
        box_client_send(box, filler, filling_set());
        cr_assert(box_client_expect(box, filler, "+OK\r\n"));
    }
}

Test(replica, a_leader_with_a_full_disk_hands_over_to_a_node_with_room) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), full = leader % 3 + 1, fit = full % 3 + 1;
    struct box_client *clients[4] = {NULL};
    for (uint32_t node = 1; node <= 3; node++)
        clients[node] = replica_box_client(&box, node);
    set_full(&box, leader, true);
    set_full(&box, full, true);
    fill_disk(&box, clients[full], full);
    fill_disk(&box, clients[full], leader);
    for (uint32_t node = 1; node <= 3; node++)
        box_client_send(&box, clients[node], "SET x y\r\n");
    for (uint32_t node = 1; node <= 3; node++)
        cr_expect(box_client_expect(&box, clients[node], "+OK\r\n"), "no client is told of it");
    replica_box_run(&box, 1000 * 1000);
    cr_expect_eq(replica_box_leader(&box), fit);
    for (uint32_t node = 1; node <= 3; node++) {
        cr_expect_null(replica_write_refusal(box.replicas[node]));
        box_client_close(&box, clients[node]);
    }
    replica_box_clear(&box);
}

#define LEADERS_DISK                                                                               \
    "-MISCONF Errors writing to the log: no space left on the leader's disk: not executed\r\n"
#define OWN_DISK "-MISCONF Errors writing to the log: no space left on the disk: not executed\r\n"

static bool is_refused_for_room(const struct box_client *client) {
    return bytes_equal(bytes_slice(buffer_bytes(&client->replies), 0, 9), BYTES("-MISCONF "));
}

/* Writes until one is refused, by whatever node leads then. */
static void fill_all(struct replica_box *box, struct box_client *filler) {
    for (int i = 0; i < 1000; i++) {
        box_client_send(box, filler, filling_set());
        while (filler->replies.size == 0)
            replica_box_run(box, 10 * 1000);
        if (filler->replies.data[0] == '-') break;
        filler->replies.size = 0;
    }
    cr_expect(is_refused_for_room(filler), "%.*s", (int)filler->replies.size, filler->replies.data);
    filler->replies.size = 0;
}

/* Nobody is told that leadership is being handed over where it is not. */
static void expect_no_room_to_verify(struct replica_box *box, uint32_t node) {
    struct replica_answer answer = {0};
    uint64_t number =
        replica_operate(box->replicas[node], &(struct replica_operation){.kind = REPLICA_VERIFY});
    replica_box_run(box, 300 * 1000);
    cr_expect(replica_operation_answered(box->replicas[node], number, &answer));
    cr_expect_eq(answer.refusal, RAFT_REFUSED_NO_ROOM, "%s", raft_refusal_text(answer.refusal));
}

Test(replica, where_no_disk_has_room_clients_of_all_nodes_are_told) {
    struct replica_box box;
    replica_box_begin(&box, 3);
    struct box_client *clients[4] = {NULL};
    for (uint32_t node = 1; node <= 3; node++) {
        clients[node] = replica_box_client(&box, node);
        set_full(&box, node, true);
    }
    fill_all(&box, clients[1]);
    replica_box_run(&box, 2 * 1000 * 1000);
    uint32_t leader = replica_box_leader(&box);
    uint64_t last = raft_last_index(replica_raft(box.replicas[leader]));
    for (uint32_t node = 1; node <= 3; node++) {
        cr_expect_not_null(replica_write_refusal(box.replicas[node]));
        box_client_send(&box, clients[node], "INCR x\r\n");
        cr_expect(box_client_expect(&box, clients[node], node == leader ? OWN_DISK : LEADERS_DISK));
        box_client_send(&box, clients[node], "GET x\r\n");
        cr_expect(box_client_expect(&box, clients[node], "$-1\r\n"), "reads go on");
        expect_no_room_to_verify(&box, node);
    }
    cr_expect_eq(raft_last_index(replica_raft(box.replicas[leader])), last, "the reserve is kept");
    /* Room on another node: leadership goes there. */
    uint32_t mended = leader % 3 + 1;
    set_full(&box, mended, false);
    replica_box_run(&box, 5 * 1000 * 1000);
    cr_expect_eq(replica_box_leader(&box), mended);
    box_client_send(&box, clients[leader], "INCR x\r\n");
    cr_expect(box_client_expect(&box, clients[leader], ":1\r\n"));
    for (uint32_t node = 1; node <= 3; node++)
        box_client_close(&box, clients[node]);
    replica_box_clear(&box);
}

/* Sealed for a leader that died; the next one has no room for it, and then it has. */
Test(replica, what_is_sealed_when_a_full_node_comes_to_lead_waits_for_room) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3);
    uint32_t others[] = {leader % 3 + 1, (leader + 1) % 3 + 1};
    struct box_client *clients[2];
    for (int i = 0; i < 2; i++) {
        clients[i] = replica_box_client(&box, others[i]);
        set_full(&box, others[i], true);
        fill_disk(&box, clients[i], others[i]);
    }
    box.cut[leader] = true;
    for (int i = 0; i < 2; i++)
        box_client_send(&box, clients[i], "INCR x\r\n");
    uint32_t next = leader;
    for (int i = 0; i < 1000 && next != others[0] && next != others[1]; i++) {
        replica_box_run(&box, 10 * 1000);
        next = raft_leader(replica_raft(box.replicas[others[0]]));
    }
    replica_box_run(&box, 100 * 1000);
    for (int i = 0; i < 2; i++)
        set_full(&box, others[i], false);
    bool is_first = next == others[0];
    cr_expect(box_client_expect(&box, clients[is_first ? 0 : 1], ":1\r\n"), "the leader's own");
    cr_expect(box_client_expect(&box, clients[is_first ? 1 : 0], ":2\r\n"));
    for (int i = 0; i < 2; i++)
        box_client_close(&box, clients[i]);
    replica_box_clear(&box);
}

/* It was sealed for a leader with room, which died: nobody else has any, whoever leads. */
Test(replica, a_new_leader_with_a_full_disk_keeps_its_reserve) {
    for (uint32_t which = 1; which <= 2; which++) {
        struct replica_box box;
        uint32_t leader = replica_box_begin(&box, 3), origin = (leader + which - 1) % 3 + 1;
        struct box_client *client = replica_box_client(&box, origin);
        for (uint32_t node = 1; node <= 3; node++)
            if (node != leader) set_full(&box, node, true);
        for (uint32_t node = 1; node <= 3; node++)
            if (node != leader) fill_disk(&box, client, node);
        cr_expect_eq(replica_box_leader(&box), leader);
        box.cut[leader] = true;
        uint64_t last = raft_last_index(replica_raft(box.replicas[origin]));
        box_client_send(&box, client, "INCR x\r\n");
        replica_box_run(&box, 8 * 1000 * 1000);
        cr_expect(is_refused_for_room(client), "%.*s", (int)client->replies.size,
                  client->replies.data);
        client->replies.size = 0;
        cr_expect_eq(replica_statistics(box.replicas[origin])->batches_revoked, 1);
        cr_expect_lt(raft_last_index(replica_raft(box.replicas[origin])), last + 4);
        box.cut[leader] = false;
        replica_box_run(&box, 5 * 1000 * 1000);
        cr_expect_eq(replica_box_leader(&box), leader, "the one with room");
        box_client_send(&box, client, "INCR x\r\n");
        cr_expect(box_client_expect(&box, client, ":1\r\n"));
        box_client_close(&box, client);
        replica_box_clear(&box);
    }
}

/* In the midst of writes: what is on its way to the disk is finished, what comes later is not
 * begun.
 */
Test(replica, a_node_that_stops_among_writes_ends_well_and_comes_back) {
    for (uint32_t which = 0; which < 3; which++) {
        struct replica_box box;
        replica_box_begin(&box, 3);
        uint32_t stopping = (replica_box_leader(&box) + which - 1) % 3 + 1,
                 other = stopping % 3 + 1;
        struct box_client *clients[2] = {replica_box_client(&box, stopping),
                                         replica_box_client(&box, other)};
        for (int i = 0; i < 20; i++) {
            box_client_send(&box, clients[i % 2], "INCR x\r\n");
            if (i == 10) replica_stop(box.replicas[stopping], replica_box_moment(&box, stopping));
            if (!replica_is_stopped(box.replicas[stopping])) replica_box_run(&box, 20);
        }
        for (int i = 0; i < 1000 && !replica_is_stopped(box.replicas[stopping]); i++)
            replica_box_run(&box, 20);
        cr_expect(replica_is_stopped(box.replicas[stopping]));
        replica_box_kill(&box, stopping);
        box_client_close(&box, clients[0]);
        box_client_close(&box, clients[1]);
        replica_box_boot(&box, stopping);
        cr_expect(replica_box_settle(&box));
        replica_box_clear(&box);
    }
}

Test(replica, a_subscriber_is_not_kept_by_a_batch_that_was_given_up) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3);
    struct box_client *gone = replica_box_client(&box, leader),
                      *speaker = replica_box_client(&box, leader % 3 + 1);
    box_client_send(&box, gone, "SUBSCRIBE c\r\n");
    cr_expect(box_client_expect(&box, gone, "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"));
    box.cut[leader] = true;
    box_client_close(&box, gone); /* The batch that says so is given up, and revoked. */
    replica_box_run(&box, 40 * 1000 * 1000);
    box.cut[leader] = false;
    replica_box_run(&box, 2000 * 1000);
    cr_expect_eq(replica_statistics(box.replicas[leader])->batches_revoked, 1);
    box_client_send(&box, speaker, "PUBLISH c m\r\n");
    cr_expect(box_client_expect(&box, speaker, ":0\r\n"));

    leader = replica_box_leader(&box);
    struct box_client *listener = replica_box_client(&box, leader);
    be_alone_with(&box, leader, listener, "SUBSCRIBE c\r\n");
    cr_expect(box_client_expect(&box, listener, NOT_IN_TIME));
    cr_expect(session_may_end(listener->session), "it subscribes anew on a new connection");
    box_client_close(&box, listener);
    box_client_close(&box, speaker);
    replica_box_clear(&box);
}

Test(replica, a_published_message_reaches_a_subscriber_on_another_node) {
    struct replica_box box;
    replica_box_begin(&box, 3);
    struct box_client *listener = replica_box_client(&box, 1),
                      *speaker = replica_box_client(&box, 2);
    box_client_send(&box, listener, "SUBSCRIBE news\r\n");
    cr_expect(box_client_expect(&box, listener, "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n"));
    box_client_send(&box, speaker, "PUBLISH news hello\r\n");
    cr_expect(box_client_expect(&box, speaker, ":1\r\n"));
    cr_expect(
        box_client_expect(&box, listener, "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n"));
    box_client_send(&box, listener, "GET x\r\n");
    cr_expect(box_client_expect(&box, listener,
                                "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / "
                                "(P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
                                "context\r\n"));
    box_client_close(&box, listener);
    replica_box_run(&box, 1000 * 1000);
    box_client_send(&box, speaker, "PUBLISH news hello\r\n");
    cr_expect(box_client_expect(&box, speaker, ":0\r\n"));
    box_client_close(&box, speaker);
    replica_box_clear(&box);
}

Test(replica, a_transaction_is_applied_whole_and_answered_as_one) {
    struct replica_box box;
    replica_box_begin(&box, 1);
    struct box_client *client = replica_box_client(&box, 1);
    box_client_send(&box, client, "MULTI\r\nSET x 1\r\nINCR x\r\nGET x\r\nEXEC\r\nGET x\r\n");
    cr_expect(
        box_client_expect(&box, client,
                          "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n:2\r\n$1\r\n2\r\n"
                          "$1\r\n2\r\n"));
    box_client_send(&box, client,
                    "MULTI\r\nSET x\r\nEXEC\r\nMULTI\r\nINCR x\r\nDISCARD\r\nEXEC\r\n");
    cr_expect(box_client_expect(
        &box, client,
        "+OK\r\n-ERR wrong number of arguments for 'set' command\r\n-EXECABORT Transaction "
        "discarded because of previous errors.\r\n+OK\r\n+QUEUED\r\n+OK\r\n-ERR EXEC without "
        "MULTI\r\n"));
    box_client_close(&box, client);
    replica_box_clear(&box);
}

Test(replica, a_node_whose_state_differs_from_the_majority_fences_itself) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), other = leader % 3 + 1;
    storages_mix_digest(replica_storages(box.replicas[other]), 1); /* as a stray bit would */
    struct box_client *client = replica_box_client(&box, leader);
    for (int i = 0; i < COMPARE_INTERVAL + 8; i++) {
        box_client_send(&box, client, "INCR x\r\n");
        replica_box_run(&box, 2000);
    }
    replica_box_run(&box, 1000 * 1000);
    cr_expect_eq(replica_state(box.replicas[other]), REPLICA_DAMAGED);
    cr_expect(strstr(replica_trouble(box.replicas[other]), "differs from that of a majority") !=
              NULL);
    cr_expect_eq(replica_state(box.replicas[leader]), REPLICA_RUNNING);
    box_client_close(&box, client);
    replica_box_clear(&box);
}

Test(compare, judges_only_when_enough_is_known) {
    static const struct {
        uint64_t digests[3]; /* 0: not told yet */
        enum compare_verdict verdict;
    } cases[] = {
        {{7, 0, 0}, COMPARE_AGREES},      {{7, 8, 0}, COMPARE_AGREES},
        {{7, 8, 8}, COMPARE_MINORITY},    {{7, 7, 8}, COMPARE_AGREES},
        {{7, 8, 9}, COMPARE_NO_MAJORITY}, {{7, 7, 7}, COMPARE_AGREES},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct compare compare = {0};
        for (uint32_t node = 1; node <= 3; node++) {
            uint64_t digest = cases[i].digests[node - 1];
            if (digest != 0) compare_note(&compare, node, COMPARE_INTERVAL, digest);
        }
        cr_expect_eq(compare_judge(&compare, 1, COMPARE_INTERVAL, 2 | 4 | 8), cases[i].verdict,
                     "case %zu", i);
    }
}

Test(replica, subscriptions_are_confirmed_to_a_client_that_wants_no_replies) {
    struct replica_box box;
    replica_box_begin(&box, 1);
    struct box_client *client = replica_box_client(&box, 1);
    client->session->reply_mode = SESSION_REPLY_OFF;
    box_client_send(&box, client,
                    "SET x 1\r\nSUBSCRIBE a\r\nPING\r\nPSUBSCRIBE b\r\nUNSUBSCRIBE a\r\n");
    cr_expect(box_client_expect(&box, client,
                                "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
                                "*3\r\n$10\r\npsubscribe\r\n$1\r\nb\r\n:2\r\n"
                                "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n"));
    box_client_close(&box, client);
    replica_box_clear(&box);
}

Test(replica, errors_are_counted_by_code_where_they_were_answered) {
    struct replica_box box;
    replica_box_begin(&box, 3);
    struct box_client *client = replica_box_client(&box, 2);
    box_client_send(&box, client,
                    "SET x a\r\nINCR x\r\nLPUSH x 1\r\nLLEN x\r\nNOSUCH\r\nMULTI\r\nLPOP x\r\n"
                    "GET x\r\nINCR x\r\nEXEC\r\n");
    replica_box_run(&box, 1000 * 1000);
    const struct reply_error_counts *counts = replica_error_counts(box.replicas[2]);
    static const struct {
        const char *name;
        uint64_t count;
    } expected[] = {{"ERR", 3}, {"WRONGTYPE", 3}};
    cr_assert_eq(counts->used, COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        cr_expect_str_eq(counts->counts[i].code, expected[i].name);
        cr_expect_eq(counts->counts[i].count, expected[i].count, "%s", expected[i].name);
    }
    cr_expect_eq(replica_statistics(box.replicas[2])->error_replies, 6);
    cr_expect_eq(replica_error_counts(box.replicas[1])->used, 0);
    cr_expect_eq(replica_error_counts(box.replicas[3])->used, 0);
    box_client_close(&box, client);
    replica_box_clear(&box);
}

/* --- what peers send that no origin would ------------------------------------------------------
 */

static void append_record(struct buffer *body, struct command_record fields,
                          const struct bytes *args) {
    size_t size =
        fields.flags & RECORD_GROUP ? COMMAND_RECORD_SIZE : command_record_size(args, fields.count);
    command_record_write(buffer_reserve(body, size), &fields, args);
    body->size += size;
}

enum { SET_ID = 2, RECORDS_MAX = 3 };

static const struct {
    const char *name;
    struct command_record records[RECORDS_MAX];
    uint32_t count, counted;
    enum error error;
} foreign_batches[] = {
    {"a write", {{.id = SET_ID, .flags = 2, .count = 2}}, 1, 1, ERROR_NONE},
    {"no record", {{0}}, 0, 0, ERROR_NONE},
    {"a lie about their number", {{.id = SET_ID, .flags = 2, .count = 2}}, 1, 2, ERROR_MALFORMED},
    {"more than told", {{.id = SET_ID, .flags = 2, .count = 2}}, 1, 0, ERROR_MALFORMED},
    {"too few arguments", {{.id = SET_ID, .flags = 2, .count = 1}}, 1, 1, ERROR_MALFORMED},
    {"a database too far",
     {{.id = SET_ID, .flags = 2, .count = 2, .db = 16}},
     1,
     1,
     ERROR_MALFORMED},
    {"no protocol", {{.id = SET_ID, .count = 2}}, 1, 1, ERROR_MALFORMED},
    {"an unknown command", {{.id = 65000, .flags = 2}}, 1, 1, ERROR_VERSION},
    {"MULTI itself", {{.id = 690, .flags = 2}}, 1, 1, ERROR_MALFORMED},
    {"a literal outside", {{.id = RECORD_LITERAL, .flags = 2, .count = 1}}, 1, 1, ERROR_MALFORMED},
    {"a client gone", {{.id = RECORD_CLIENT_GONE}}, 1, 1, ERROR_NONE},
    {"gone with a group",
     {{.id = RECORD_CLIENT_GONE, .flags = RECORD_GROUP}},
     1,
     1,
     ERROR_MALFORMED},
    {"EXEC without a group", {{.id = RECORD_EXEC, .flags = 2}}, 1, 1, ERROR_MALFORMED},
    {"a group of none", {{.id = RECORD_EXEC, .flags = 2 | RECORD_GROUP}}, 1, 1, ERROR_MALFORMED},
    {"a group of one",
     {{.id = RECORD_EXEC, .flags = 2 | RECORD_GROUP, .count = 1},
      {.id = SET_ID, .flags = 2 | RECORD_IN_GROUP, .count = 2}},
     2,
     2,
     ERROR_NONE},
    {"a cancelled group",
     {{.id = RECORD_CANCELLED, .flags = 2 | RECORD_GROUP, .count = 1},
      {.id = RECORD_CANCELLED, .flags = 2 | RECORD_IN_GROUP, .count = 2}},
     2,
     2,
     ERROR_NONE},
    {"a group cut short",
     {{.id = RECORD_EXEC, .flags = 2 | RECORD_GROUP, .count = UINT32_MAX},
      {.id = SET_ID, .flags = 2 | RECORD_IN_GROUP, .count = 2}},
     2,
     2,
     ERROR_MALFORMED},
    {"a group in a group",
     {{.id = RECORD_EXEC, .flags = 2 | RECORD_GROUP, .count = 2},
      {.id = RECORD_EXEC, .flags = 2 | RECORD_GROUP | RECORD_IN_GROUP, .count = 1},
      {.id = SET_ID, .flags = 2 | RECORD_IN_GROUP, .count = 2}},
     3,
     3,
     ERROR_MALFORMED},
    {"a literal without its reply",
     {{.id = RECORD_EXEC, .flags = 2 | RECORD_GROUP, .count = 1},
      {.id = RECORD_LITERAL, .flags = RECORD_IN_GROUP, .count = 2}},
     2,
     2,
     ERROR_MALFORMED},
};

Test(replica, a_leader_refuses_a_batch_that_could_not_be_applied) {
    static const struct bytes args[] = {BYTES("x"), BYTES("1")};
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), follower = leader % 3 + 1;
    uint64_t number = 1;
    for (size_t i = 0; i < COUNT_OF(foreign_batches); i++) {
        struct buffer body = {0};
        for (uint32_t k = 0; k < foreign_batches[i].count; k++)
            append_record(&body, foreign_batches[i].records[k], args);
        struct entry_header header = {
            .format = ENTRY_FORMAT,
            .type = ENTRY_DATA,
            .semantics = 1,
            .flags = REPLICA_ENTRY_BATCH,
            .origin = replica_origin(box.replicas[follower]),
            .number = 1000000, /* never the next one: nothing is proposed */
            .body_size = (uint32_t)body.size,
            .count = foreign_batches[i].counted,
            .body_hash = hash_bytes(buffer_bytes(&body), 0),
        };
        enum error error = batch_validate(buffer_bytes(&body), header.count, box.registry);
        cr_expect_eq(error, foreign_batches[i].error, "%s: %s", foreign_batches[i].name,
                     error_text(error));
        if (error != ERROR_NONE) {
            header.number = number;
            struct chunk *chunk = chunk_create(PACKET_FORWARD_HEAD + ENTRY_HEADER_SIZE + body.size);
            memset(chunk->data, 0, PACKET_FORWARD_HEAD);
            chunk->data[0] = PACKET_FORWARD;
            entry_header_write(chunk->data + PACKET_FORWARD_HEAD, &header);
            memcpy(chunk->data + PACKET_FORWARD_HEAD + ENTRY_HEADER_SIZE, body.data, body.size);
            uint64_t last = raft_last_index(replica_raft(box.replicas[leader]));
            struct replica_moment moment = {box.now_us, box.wall_ms};
            cr_expect_eq(replica_peer_packet(box.replicas[leader], follower,
                                             bytes_of(chunk->data, chunk->capacity), chunk, moment),
                         error, "%s", foreign_batches[i].name);
            cr_expect_eq(raft_last_index(replica_raft(box.replicas[leader])), last, "%s",
                         foreign_batches[i].name);
            chunk_release(chunk);
        }
        buffer_clear(&body);
    }
    struct box_client *client = replica_box_client(&box, follower);
    box_client_send(&box, client, "SET x 1\r\n");
    cr_expect(box_client_expect(&box, client, "+OK\r\n"), "and its own come through");
    box_client_close(&box, client);
    replica_box_clear(&box);
}

Test(replica, an_origin_is_opened_for_the_node_that_asks_only) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), follower = leader % 3 + 1;
    static const uint32_t nodes[] = {0, 77, UINT32_MAX};
    for (size_t i = 0; i <= COUNT_OF(nodes); i++) {
        uint32_t node = i < COUNT_OF(nodes) ? nodes[i] : leader;
        struct origin origin = {.uuid = {9, 9}, .nonce = 99, .node = node};
        struct chunk *chunk = chunk_create(1 + ORIGIN_BODY_SIZE);
        chunk->data[0] = PACKET_ORIGIN;
        origin_body_write(chunk->data + 1, &origin);
        struct replica_moment moment = {box.now_us, box.wall_ms};
        cr_expect_neq(replica_peer_packet(box.replicas[leader], follower,
                                          bytes_of(chunk->data, chunk->capacity), chunk, moment),
                      ERROR_NONE, "node %u", node);
        chunk_release(chunk);
    }
    replica_box_clear(&box);
}

/* --- ends ---------------------------------------------------------------------------------------
 */

Test(replica, nobody_waits_for_a_node_that_has_fenced_itself) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3);
    struct box_client *writer = replica_box_client(&box, leader),
                      *late = replica_box_client(&box, leader);
    box.cut[leader] = true;
    box_client_send(&box, writer, "INCR x\r\n");
    replica_box_run(&box, 2000);
    box_client_send(&box, late, "INCR x\r\nGET x\r\n");
    replica_fail(box.replicas[leader], "for this test");
    replica_turn_end(box.replicas[leader], (struct replica_moment){box.now_us, box.wall_ms});
    cr_expect(box_client_expect(&box, writer,
                                "-UNKNOWN the cluster did not answer in time: this write may or "
                                "may not have been executed\r\n"));
    cr_expect(box_client_expect(&box, late,
                                "-CLUSTERDOWN no leader is known to this node: not executed\r\n"
                                "-CLUSTERDOWN no leader is known to this node: not executed\r\n"));
    box_client_close(&box, writer);
    box_client_close(&box, late);
    replica_box_clear(&box);
}

Test(replica, a_message_for_the_publisher_stands_behind_the_reply_of_its_transaction) {
    struct replica_box box;
    replica_box_begin(&box, 1);
    struct box_client *client = replica_box_client(&box, 1);
    client->session->protocol = 3;
    box_client_send(&box, client, "SUBSCRIBE c\r\n");
    cr_expect(box_client_expect(&box, client, ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"));
    box_client_send(&box, client, "MULTI\r\nPUBLISH c m\r\nINCR x\r\nEXEC\r\n");
    cr_expect(box_client_expect(&box, client,
                                "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:1\r\n"
                                ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n"));
    box_client_close(&box, client);
    replica_box_clear(&box);
}

Test(replica, a_client_that_has_said_quit_is_told_that_nobody_knows_as_well) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3);
    struct box_client *client = replica_box_client(&box, leader);
    box.cut[leader] = true;
    box_client_send(&box, client, "INCR x\r\n");
    client->session->ending = SESSION_ENDS_AFTER_OUTPUT;
    replica_box_run(&box, 62 * 1000 * 1000);
    cr_expect_eq(replica_statistics(box.replicas[leader])->unknown_replies, 1);
    cr_expect(session_may_end(client->session));
    cr_expect(box_client_expect(&box, client,
                                "-UNKNOWN the cluster did not answer in time: this write may or "
                                "may not have been executed\r\n"));
    box_client_close(&box, client);
    replica_box_clear(&box);
}

Test(replica, clients_that_come_and_go_on_a_node_without_a_leader_leave_nothing_behind) {
    static const char subscribed[] = "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
    struct replica_box box;
    uint32_t lonely = replica_box_begin(&box, 3) % 3 + 1;
    struct box_client *known = replica_box_client(&box, lonely);
    box_client_send(&box, known, "SUBSCRIBE c\r\n");
    cr_expect(box_client_expect(&box, known, subscribed));
    box.cut[lonely] = true;
    replica_box_run(&box, 3 * 1000 * 1000);
    box_client_close(&box, known);
    size_t farewell = replica_inflight_bytes(box.replicas[lonely]);
    cr_expect_gt(farewell, 0, "the cluster knows this one");
    for (int round = 0; round < 50; round++) {
        struct box_client *client = replica_box_client(&box, lonely);
        client->session->protocol = 3;
        box_client_send(&box, client, "SUBSCRIBE c\r\n");
        if (round % 3 == 1) replica_box_run(&box, 6 * 1000 * 1000);
        if (round % 3 == 2) replica_session_reset(box.replicas[lonely], client->session);
        replica_box_run(&box, 1000);
        box_client_close(&box, client);
    }
    replica_box_run(&box, 6 * 1000 * 1000);
    cr_expect_eq(replica_inflight_bytes(box.replicas[lonely]), farewell);
    box.cut[lonely] = false;
    cr_assert(replica_box_settle(&box));
    struct box_client *speaker = replica_box_client(&box, lonely % 3 + 1),
                      *again = replica_box_client(&box, lonely);
    box_client_send(&box, again, "SUBSCRIBE c\r\n");
    cr_expect(box_client_expect(&box, again, subscribed));
    replica_session_reset(box.replicas[lonely], again->session);
    replica_box_run(&box, 1000 * 1000);
    box_client_send(&box, speaker, "PUBLISH c m\r\n");
    cr_expect(box_client_expect(&box, speaker, ":0\r\n"), "the one before and the one after");
    box_client_close(&box, again);
    box_client_close(&box, speaker);
    replica_box_clear(&box);
}

Test(replica, nothing_is_executed_that_was_sent_behind_an_unknown_write) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3);
    struct box_client *client = replica_box_client(&box, leader);
    box.cut[leader] = true;
    box_client_send(&box, client, "INCR x\r\n");
    replica_box_run(&box, 56 * 1000 * 1000);
    box_client_send(&box, client, "SUBSCRIBE c\r\nINCR y\r\n"); /* not yet refused then */
    replica_box_run(&box, 4500 * 1000);
    cr_expect(box_client_expect(&box, client,
                                "-UNKNOWN the cluster did not answer in time: this write may or "
                                "may not have been executed\r\n"));
    box_client_close(&box, client);
    box.cut[leader] = false;
    cr_assert(replica_box_settle(&box));
    replica_box_run(&box, 1000 * 1000);
    struct box_client *speaker = replica_box_client(&box, leader);
    box_client_send(&box, speaker, "GET y\r\nPUBLISH c m\r\n");
    cr_expect(box_client_expect(&box, speaker, "$-1\r\n:0\r\n"));
    box_client_close(&box, speaker);
    replica_box_clear(&box);
}

Test(replica, a_subscription_that_was_not_executed_ends_its_connection) {
    struct replica_box box;
    uint32_t lonely = replica_box_begin(&box, 3) % 3 + 1;
    struct box_client *listener = replica_box_client(&box, lonely),
                      *other = replica_box_client(&box, lonely);
    box.cut[lonely] = true;
    replica_box_run(&box, 3 * 1000 * 1000);
    box_client_send(&box, listener, "SUBSCRIBE c\r\n");
    box_client_send(&box, other, "INCR x\r\n");
    replica_box_run(&box, 6 * 1000 * 1000);
    static const char *const down =
        "-CLUSTERDOWN no leader is known to this node: not executed\r\n";
    cr_expect(box_client_expect(&box, listener, down));
    cr_expect(box_client_expect(&box, other, down));
    cr_expect(session_may_end(listener->session), "else it would take nothing but SUBSCRIBE");
    cr_expect_not(session_may_end(other->session));
    box_client_close(&box, listener);
    box_client_close(&box, other);
    replica_box_clear(&box);
}

/* The reply to PTTL, of a new client on this node. */
static long long time_to_live_ms(struct replica_box *box, uint32_t node) {
    struct box_client *client = replica_box_client(box, node);
    box_client_send(box, client, "PTTL key\r\n");
    for (int i = 0; i < 200 && client->replies.size == 0; i++)
        replica_box_run(box, 10 * 1000);
    cr_assert_gt(client->replies.size, 1);
    buffer_append_byte(&client->replies, '\0');
    long long left_ms = atoll(client->replies.data + 1);
    box_client_close(box, client);
    return left_ms;
}

static void set_key(struct replica_box *box, uint32_t node, const char *command) {
    struct box_client *client = replica_box_client(box, node);
    box_client_send(box, client, command);
    cr_expect(box_client_expect(box, client, "+OK\r\n"));
    box_client_close(box, client);
}

enum { HOUR_MS = 3600 * 1000 };

/* SAFETY 4. Both followers begin with clocks an hour ahead; then one of them leads. */
Test(replica, a_leader_whose_clock_was_wrong_from_its_start_lets_no_key_expire_early) {
    struct replica_box box;
    uint32_t old = replica_box_begin(&box, 3);
    for (uint32_t node = 1; node <= 3; node++) {
        if (node == old) continue;
        replica_box_kill(&box, node);
        box.ahead_ms[node] = HOUR_MS;
        replica_box_boot(&box, node);
        cr_assert(replica_box_settle(&box));
    }
    set_key(&box, old, "SET key value EX 600\r\n");
    replica_box_kill(&box, old);
    cr_assert(replica_box_settle(&box));
    uint32_t leader = replica_box_leader(&box);
    set_key(&box, leader, "SET other value\r\n");
    long long left_ms = time_to_live_ms(&box, leader);
    cr_expect(left_ms > 590 * 1000 && left_ms <= 600 * 1000, "%lld ms are left", left_ms);
    cr_expect_gt(replica_clock_ahead_ms(box.replicas[leader]), HOUR_MS - 10 * 1000);
    /* It follows, at a tenth above the pace. */
    replica_box_run(&box, 100ull * 1000 * 1000);
    set_key(&box, leader, "SET other value\r\n");
    left_ms -= time_to_live_ms(&box, leader);
    cr_expect(left_ms > 105 * 1000 && left_ms < 115 * 1000, "%lld ms passed", left_ms);
    replica_box_clear(&box);
}

static const struct {
    const char *name;
    int64_t ahead_ms;
    long long least_ms, most_ms; /* left of a minute right after the jump */
    bool is_told;
} clock_jumps[] = {
    {"an hour ahead", HOUR_MS, 59 * 1000, 60 * 1000, true},
    {"within the bound", 400, 59 * 1000, 60 * 1000 - 300, false},
    {"an hour back", -HOUR_MS, 59 * 1000, 60 * 1000, false},
};

Test(replica, a_leaders_clock_that_jumps_lets_no_key_expire_early) {
    for (size_t i = 0; i < COUNT_OF(clock_jumps); i++) {
        struct replica_box box;
        uint32_t leader = replica_box_begin(&box, 3);
        set_key(&box, leader, "SET key value EX 60\r\n");
        box.ahead_ms[leader] = clock_jumps[i].ahead_ms;
        set_key(&box, leader, "SET other value\r\n");
        long long left_ms = time_to_live_ms(&box, leader);
        cr_expect(left_ms >= clock_jumps[i].least_ms && left_ms <= clock_jumps[i].most_ms,
                  "%s: %lld ms are left", clock_jumps[i].name, left_ms);
        cr_expect_eq(replica_clock_ahead_ms(box.replicas[leader]) > 0, clock_jumps[i].is_told, "%s",
                     clock_jumps[i].name);
        replica_box_clear(&box);
    }
}

/* Behind a frame that is whole: other versions, other nodes, broken memories. Nothing comes of it,
 * and it is counted. */
Test(replica, packets_that_make_no_sense_are_refused) {
    static const struct {
        const char *name;
        uint32_t from;
        struct bytes packet;
    } packets[] = {
        {"nothing", 2, BYTES("")},
        {"a kind of the future", 2, BYTES("\x7f")},
        {"no kind", 2, BYTES("\x00")},
        {"a message of nothing", 2, BYTES("\x01")},
        {"a message of noise", 2, BYTES("\x01noise noise noise noise noise noise noise")},
        {"a batch without an entry", 2, BYTES("\x02")},
        {"a wish of noise", 2, BYTES("\x03noise")},
        {"an origin of noise", 2, BYTES("\x04noise")},
        {"a digest of noise", 2, BYTES("\x06noise")},
        {"a full disk of noise", 2, BYTES("\x07noise")},
        {"a change of noise", 2, BYTES("\x08noise")},
        {"what became of one, of noise", 2, BYTES("\x09noise")},
        {"an ask of noise", 2, BYTES("\x0anoise")},
        {"a part of noise", 2, BYTES("\x0bnoise")},
        {"a file of noise that is gone", 2, BYTES("\x0cnoise")},
        {"nobody's", 0, BYTES("\x05")},
        {"a stranger's", RAFT_NODES_MAX + 1, BYTES("\x05")},
    };
    struct replica_box box;
    replica_box_begin(&box, 3);
    uint64_t before = replica_statistics(box.replicas[1])->packets_refused;
    cr_expect_eq(before, 0);
    for (size_t i = 0; i < COUNT_OF(packets); i++) {
        struct chunk *chunk = chunk_create(packets[i].packet.size + 1);
        memcpy(chunk->data, packets[i].packet.data, packets[i].packet.size);
        struct bytes packet = bytes_of(chunk->data, packets[i].packet.size);
        cr_expect_neq(replica_peer_packet(box.replicas[1], packets[i].from, packet, chunk,
                                          replica_box_moment(&box, 1)),
                      ERROR_NONE, "%s", packets[i].name);
        chunk_release(chunk);
        cr_expect_eq(replica_statistics(box.replicas[1])->packets_refused, i + 1, "%s",
                     packets[i].name);
    }
    set_key(&box, 1, "SET key value\r\n");
    replica_box_clear(&box);
}

static void give_heartbeat(struct replica_box *box, uint32_t from, uint32_t to, uint64_t term,
                           uint64_t number) {
    struct raft_message message = {.type = RAFT_HEARTBEAT,
                                   .from = from,
                                   .to = to,
                                   .term = term,
                                   .as.heartbeat = {.heartbeat = number}};
    struct buffer wire = {0};
    buffer_append_byte(&wire, (char)PACKET_RAFT);
    raft_message_encode(&message, &wire);
    cr_assert_eq(replica_peer_packet(box->replicas[to], from, buffer_bytes(&wire), NULL,
                                     replica_box_moment(box, to)),
                 ERROR_NONE);
    buffer_clear(&wire);
}

/* Its answers wait for the term to be durable: a leader that asks on and on fills no memory. */
Test(replica, what_waits_for_a_disk_that_takes_nothing_is_bounded) {
    enum { QUESTIONS = 40000, BOUND = 20000 };
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), follower = leader % 3 + 1;
    box.cut[follower] = true;
    uint64_t term = raft_term(replica_raft(box.replicas[follower])) + 1;
    for (uint64_t number = 1; number <= QUESTIONS; number++)
        give_heartbeat(&box, leader, follower, term, number);
    cr_expect_gt(box.replicas[follower]->held_count, 0);
    cr_expect_lt(box.replicas[follower]->held_count, BOUND);
    replica_box_run(&box, 1000 * 1000);
    cr_expect_eq(box.replicas[follower]->held_count, 0);
    box.cut[follower] = false;
    cr_assert(replica_box_settle(&box));
    set_key(&box, follower, "SET key value\r\n");
    replica_box_clear(&box);
}

/* A leader whose clock is ahead tells the present with its read indexes. Under the next one, whose
 * clock is right, the log's time stands still until that has caught up: a follower does not wait
 * for it before it reads a key whose deadline lies between the two. */
Test(replica, a_read_waits_for_no_time_that_only_an_earlier_leader_knew) {
    struct replica_box box;
    replica_box_init(&box, 3);
    for (uint32_t node = 1; node <= 3; node++)
        box.ahead_ms[node] = HOUR_MS;
    uint32_t old = replica_box_start(&box);
    set_key(&box, old, "SET key value\r\n");
    replica_box_run(&box, 500 * 1000);
    for (uint32_t node = 1; node <= 3; node++) {
        if (node == old) continue;
        box.ahead_ms[node] = 0;
        struct box_client *client = replica_box_client(&box, node);
        box_client_send(&box, client, "GET key\r\n");
        cr_assert(box_client_expect(&box, client, "$5\r\nvalue\r\n"));
        box_client_close(&box, client);
    }
    replica_box_kill(&box, old);
    cr_assert(replica_box_settle(&box));
    uint32_t follower = 6 - old - replica_box_leader(&box);
    struct box_client *client = replica_box_client(&box, follower);
    box_client_send(&box, client, "SET short value PX 100\r\n");
    cr_assert(box_client_expect(&box, client, "+OK\r\n"));
    box_client_send(&box, client, "GET short\r\n");
    cr_expect(box_client_expect(&box, client, "$5\r\nvalue\r\n"));
    box_client_close(&box, client);
    replica_box_clear(&box);
}

/* A node that was cut off catches up by entries that are an hour old: they say nothing about the
 * present. */
Test(replica, old_entries_do_not_set_a_clock_back) {
    struct replica_box box;
    uint32_t late = replica_box_begin(&box, 3) % 3 + 1;
    box.cut[late] = true;
    set_key(&box, replica_box_leader(&box), "SET key value EX 7200\r\n");
    replica_box_run(&box, HOUR_MS * 1000ull);
    box.cut[late] = false;
    replica_box_kill(&box, replica_box_leader(&box));
    cr_assert(replica_box_settle(&box));
    set_key(&box, replica_box_leader(&box), "SET other value\r\n");
    long long left_ms = time_to_live_ms(&box, replica_box_leader(&box));
    cr_expect(left_ms > 3590 * 1000 && left_ms <= 3600 * 1000, "%lld ms are left", left_ms);
    cr_expect_eq(replica_clock_ahead_ms(box.replicas[late]), 0);
    replica_box_clear(&box);
}

/* --- versions -----------------------------------------------------------------------------------
 */

/* What no leader of this version would send: an entry behind the log's end, committed. */
static struct chunk *append_of(struct replica_box *box, uint32_t leader, uint32_t follower,
                               struct entry_header header, struct bytes body) {
    const struct raft *raft = replica_raft(box->replicas[leader]);
    uint64_t last = raft_last_index(raft);
    header.format = ENTRY_FORMAT;
    header.type = ENTRY_DATA;
    header.body_size = (uint32_t)body.size;
    header.body_hash = hash_bytes(body, 0);
    char image[ENTRY_HEADER_SIZE + 100];
    cr_assert(body.size <= 100);
    entry_header_write(image, &header);
    if (body.size > 0) memcpy(image + ENTRY_HEADER_SIZE, body.data, body.size);
    entry_seal(image, raft_term(raft), last + 1, raft_last_stamp_ms(raft), raft_last_hash(raft));
    struct raft_message message = {
        .type = RAFT_APPEND,
        .from = leader,
        .to = follower,
        .term = raft_term(raft),
        .as.append = {.previous_index = last,
                      .previous_term = raft_term_at(raft, last),
                      .previous_hash = raft_last_hash(raft),
                      .commit = last + 1},
        .entry_count = 1,
    };
    struct buffer wire = {0};
    buffer_append_byte(&wire, (char)PACKET_RAFT);
    raft_message_encode(&message, &wire);
    buffer_append(&wire, image, ENTRY_HEADER_SIZE + body.size);
    struct chunk *chunk = chunk_create(wire.size);
    memcpy(chunk->data, wire.data, wire.size);
    chunk->used = wire.size;
    buffer_clear(&wire);
    return chunk;
}

static bool is_stopped_by_version(struct replica *replica) {
    const char *trouble = replica_trouble(replica);
    return replica_state(replica) == REPLICA_DAMAGED && trouble != NULL &&
           strstr(trouble, "needs a newer version of Hamok") != NULL;
}

/* SAFETY 20: a node that meets a newer semantics version stops applying and says so. */
Test(replica, stops_at_an_entry_of_a_newer_version) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), follower = leader % 3 + 1;
    struct box_client *client = replica_box_client(&box, follower);
    box_client_send(&box, client, "SET x 1\r\n");
    cr_assert(box_client_expect(&box, client, "+OK\r\n"));
    replica_box_run(&box, 200 * 1000);
    uint64_t applied = replica_applied_index(box.replicas[follower]);
    cr_assert_eq(applied, raft_last_index(replica_raft(box.replicas[leader])));
    uint64_t digest = storages_digest(replica_storages(box.replicas[follower]));

    struct chunk *chunk = append_of(
        &box, leader, follower, (struct entry_header){.semantics = 2, .flags = REPLICA_ENTRY_TICK},
        (struct bytes){0});
    cr_expect_eq(replica_peer_packet(box.replicas[follower], leader,
                                     bytes_of(chunk->data, chunk->used), chunk,
                                     replica_box_moment(&box, follower)),
                 ERROR_NONE);
    chunk_release(chunk);
    replica_box_run(&box, 200 * 1000);
    cr_expect(is_stopped_by_version(box.replicas[follower]), "%s",
              replica_trouble(box.replicas[follower]));
    cr_expect_eq(storages_digest(replica_storages(box.replicas[follower])), digest);
    box_client_send(&box, client, "SET x 2\r\n");
    cr_expect(box_client_expect(&box, client,
                                "-CLUSTERDOWN this node takes no part: its log file says why\r\n"));
    box_client_close(&box, client);

    /* The others go on. */
    client = replica_box_client(&box, leader);
    box_client_send(&box, client, "SET x 3\r\n");
    cr_expect(box_client_expect(&box, client, "+OK\r\n"));
    box_client_close(&box, client);
    replica_box_clear(&box);
}

/* A record of a batch (batch.h): its size and id, the rest of its head, no arguments. */
#define RECORD(id, flags, count) id "\0" flags "\0\0\0\0\0\0\0\0\0\0\0\0" count "\0\0\0"

static const struct {
    const char *name, *trouble;
    uint32_t flags;
    struct bytes body;
} unheard_of[] = {
    {"a kind of entry", "is of a kind that this version does not know", 0x7f, BYTES("")},
    {"half a record", "holds a malformed command", REPLICA_ENTRY_BATCH, BYTES("\x18\0\0\0")},
    {"a record longer than the batch", "holds a malformed command", REPLICA_ENTRY_BATCH,
     BYTES("\x19\0\0\0" RECORD("\x01\0", "\x02", "\0"))},
    {"a command", "which this version does not know", REPLICA_ENTRY_BATCH,
     BYTES("\x18\0\0\0" RECORD("\xe7\x03", "\x02", "\0"))},
    {"a command with too few arguments", "holds a malformed command", REPLICA_ENTRY_BATCH,
     BYTES("\x18\0\0\0" RECORD("\x01\0", "\x02", "\0"))},
    {"a group without an end", "holds a malformed command", REPLICA_ENTRY_BATCH,
     BYTES("\x18\0\0\0" RECORD("\xf2\xff", "\x06", "\x01"))},
};

/* No leader takes these from anybody: whoever finds them in its log stops, and changes nothing. */
Test(replica, stops_at_an_entry_that_it_can_not_apply) {
    for (size_t i = 0; i < COUNT_OF(unheard_of); i++) {
        struct replica_box box;
        replica_box_begin(&box, 3);
        replica_box_run(&box, 200 * 1000);
        uint32_t leader = replica_box_leader(&box), follower = leader % 3 + 1;
        struct replica *replica = box.replicas[follower];
        uint64_t digest = storages_digest(replica_storages(replica));
        struct entry_header header = {.semantics = 1,
                                      .flags = unheard_of[i].flags,
                                      .origin = replica_origin(box.replicas[leader]),
                                      .number = 1,
                                      .count = 1};
        struct chunk *chunk = append_of(&box, leader, follower, header, unheard_of[i].body);
        cr_expect_eq(replica_peer_packet(replica, leader, bytes_of(chunk->data, chunk->used), chunk,
                                         replica_box_moment(&box, follower)),
                     ERROR_NONE);
        chunk_release(chunk);
        replica_box_run(&box, 200 * 1000);
        const char *trouble = replica_trouble(replica);
        cr_expect(trouble != NULL && strstr(trouble, unheard_of[i].trouble) != NULL, "%s: %s",
                  unheard_of[i].name, trouble == NULL ? "nothing" : trouble);
        cr_expect_eq(storages_digest(replica_storages(replica)), digest);
        replica_box_clear(&box);
    }
}

/* --- large arguments ----------------------------------------------------------------------------
 */

enum { LARGE_SIZE = 3 * CHUNK_SIZE / 2 + 37, FIRST_PIECE = 100, PIECE = CHUNK_SIZE / 5 };

static char *make_large(char first) {
    char *text = memory_allocate(LARGE_SIZE + 1);
    for (size_t i = 0; i < LARGE_SIZE; i++)
        text[i] = (char)('a' + (i * 7 + i / 253 + (size_t)first) % 26);
    text[LARGE_SIZE] = '\0';
    return text;
}

/* As a socket gives it: a little first, then as much as there is. */
static void send_in_pieces(struct replica_box *box, struct box_client *client, const char *text) {
    size_t size = strlen(text), length = FIRST_PIECE;
    for (size_t at = 0; at < size; at += length, length = PIECE) {
        char piece[PIECE + 1];
        if (length > size - at) length = size - at;
        memcpy(piece, text + at, length);
        piece[length] = '\0';
        box_client_send(box, client, piece);
    }
}

PRINTF_LIKE(3, 4)
static void send_large(struct replica_box *box, struct box_client *client, const char *format,
                       ...) {
    struct buffer text = {0};
    va_list arguments;
    va_start(arguments, format);
    buffer_append_format_list(&text, format, arguments);
    va_end(arguments);
    buffer_append_byte(&text, '\0');
    send_in_pieces(box, client, text.data);
    buffer_clear(&text);
}

static void expect_large(struct replica_box *box, uint32_t node, const char *key,
                         const char *value) {
    struct box_client *client = replica_box_client(box, node);
    struct buffer text = {0}, reply = {0};
    buffer_append_format(&text, "GET %s\r\n", key);
    buffer_append_byte(&text, '\0');
    buffer_append_format(&reply, "$%zu\r\n%s\r\n", strlen(value), value);
    buffer_append_byte(&reply, '\0');
    box_client_send(box, client, text.data);
    cr_expect(box_client_expect(box, client, reply.data), "%s on n%u", key, node);
    buffer_clear(&text);
    buffer_clear(&reply);
    box_client_close(box, client);
}

/* A large argument is read straight to where its entry has it (arrival.h): wherever it stands in
 * its command, whatever stands before and behind that one, and whatever waits in the open batch. */
Test(replica, large_arguments_arrive_whole) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), follower = leader % 3 + 1;
    char *one = make_large('d'), *two = make_large('q');
    uint32_t nodes[] = {leader, follower};
    for (size_t i = 0; i < COUNT_OF(nodes); i++) {
        uint32_t node = nodes[i], other = leader + follower - node;
        struct box_client *client = replica_box_client(&box, node);
        send_large(&box, client, "*3\r\n$3\r\nSET\r\n$4\r\nlast\r\n$%d\r\n%s\r\n", LARGE_SIZE, one);
        cr_expect(box_client_expect(&box, client, "+OK\r\n"));
        send_large(&box, client,
                   "*5\r\n$3\r\nSET\r\n$6\r\nmiddle\r\n$%d\r\n%s\r\n$2\r\nPX\r\n$7\r\n5000000\r\n"
                   "GET nothing\r\nSET small 1\r\n*2\r\n$6\r\nSTRLEN\r\n$6\r\nmiddle\r\n",
                   LARGE_SIZE, two);
        char length[32], text[128];
        snprintf(length, sizeof(length), ":%d\r\n", LARGE_SIZE);
        snprintf(text, sizeof(text), "+OK\r\n$-1\r\n+OK\r\n%s", length);
        cr_expect(box_client_expect(&box, client, text));
        send_large(&box, client,
                   "*5\r\n$4\r\nMSET\r\n$1\r\na\r\n$%d\r\n%s\r\n$1\r\nb\r\n$%d\r\n%s\r\n",
                   LARGE_SIZE, one, LARGE_SIZE, two);
        cr_expect(box_client_expect(&box, client, "+OK\r\n"), "two large ones");
        box_client_send(&box, client, "MULTI\r\n");
        send_large(&box, client, "*3\r\n$3\r\nSET\r\n$5\r\ngroup\r\n$%d\r\n%s\r\n", LARGE_SIZE,
                   two);
        box_client_send(&box, client, "EXEC\r\n");
        cr_expect(box_client_expect(&box, client, "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n"));
        send_large(&box, client, "*2\r\n$6\r\nEXISTS\r\n$%d\r\n%s\r\n", LARGE_SIZE, one);
        cr_expect(box_client_expect(&box, client, ":0\r\n"), "a read");
        static const char *const keys[] = {"last", "middle", "a", "b", "group"};
        const char *const values[] = {one, two, one, two, two};
        for (size_t k = 0; k < COUNT_OF(keys); k++)
            expect_large(&box, other, keys[k], values[k]);
        box_client_close(&box, client);
    }
    memory_release(one);
    memory_release(two);
    replica_box_clear(&box);
}

/* Behind a batch that is on its way, others wait in the open one; the large one joins them. */
Test(replica, a_large_argument_joins_the_open_batch) {
    struct replica_box box;
    replica_box_begin(&box, 1);
    char *one = make_large('k');
    struct box_client *clients[4];
    for (size_t i = 0; i < COUNT_OF(clients); i++)
        clients[i] = replica_box_client(&box, 1);
    box_client_send(&box, clients[0], "SET first 1\r\n");
    box_client_send(&box, clients[1], "SET second 2\r\n");
    send_large(&box, clients[2], "*3\r\n$3\r\nSET\r\n$5\r\nthird\r\n$%d\r\n%s\r\n", LARGE_SIZE,
               one);
    box_client_send(&box, clients[3], "SET fourth 4\r\n");
    for (size_t i = 0; i < COUNT_OF(clients); i++)
        cr_expect(box_client_expect(&box, clients[i], "+OK\r\n"), "client %zu", i);
    expect_large(&box, 1, "second", "2");
    expect_large(&box, 1, "third", one);
    expect_large(&box, 1, "fourth", "4");
    /* One that leaves in the midst of its argument leaves nothing behind. */
    send_large(&box, clients[2], "*3\r\n$3\r\nSET\r\n$5\r\nfifth\r\n$%d\r\n%s", LARGE_SIZE + 100,
               one);
    box_client_close(&box, clients[2]);
    box_client_send(&box, clients[3], "EXISTS fifth\r\n");
    cr_expect(box_client_expect(&box, clients[3], ":0\r\n"));
    box_client_close(&box, clients[0]);
    box_client_close(&box, clients[1]);
    box_client_close(&box, clients[3]);
    memory_release(one);
    replica_box_clear(&box);
}

/* --- long turns ---------------------------------------------------------------------------------
 */

static uint64_t commands_until;
static bool turn_is_over(const struct session *session) {
    return session->commands_processed >= commands_until;
}

/* What stands behind a slow command in a pipeline waits for the next turn; others do not wait for
 * it (SAFETY 16). */
Test(replica, a_pipeline_goes_on_in_the_next_turn) {
    struct replica_box box;
    replica_box_init(&box, 1);
    box.turn_is_long = turn_is_over;
    replica_box_start(&box);
    struct replica *replica = box.replicas[1];
    struct box_client *client = replica_box_client(&box, 1), *other = replica_box_client(&box, 1);
    commands_until = 2;
    box_client_send(&box, client, "INCR n\r\nINCR n\r\nINCR n\r\nGET n\r\nINCR n\r\n");
    cr_expect(box_client_expect(&box, client, ":1\r\n:2\r\n"));
    cr_expect_not(replica_client_may_read(replica, client->session));
    cr_expect_eq(replica_deadline_us(replica), 0, "the next turn does not wait");
    box_client_send(&box, other, "INCR n\r\n");
    cr_expect(box_client_expect(&box, other, ":3\r\n"));
    commands_until = 4;
    replica_go_on(replica, replica_box_moment(&box, 1));
    cr_expect(box_client_expect(&box, client, ":4\r\n$1\r\n4\r\n"));
    commands_until = 1000;
    replica_go_on(replica, replica_box_moment(&box, 1));
    cr_expect(box_client_expect(&box, client, ":5\r\n"));
    cr_expect(replica_client_may_read(replica, client->session));
    cr_expect_gt(replica_deadline_us(replica), 0);
    box_client_close(&box, client);
    box_client_close(&box, other);
    replica_box_clear(&box);
}
