/* What operators ask of a cluster, from any node: transfers, barriers, comparing states, timing. */
#include <criterion/criterion.h>

#include "src/replica/replica_internal.h"
#include "tests/unit/replica_box.h"

static struct replica_box box;

static void begin_with(uint32_t count) {
    replica_box_begin(&box, count);
}

static void end(void) {
    replica_box_clear(&box);
}

static uint32_t follower(void) {
    return replica_box_leader(&box) % box.count + 1;
}

/* As a driver's turn does it. */
static uint64_t operate(uint32_t node, struct replica_operation operation) {
    uint64_t number = replica_operate(box.replicas[node], &operation);
    replica_turn_end(box.replicas[node], replica_box_moment(&box, node));
    return number;
}

static bool await_answer(uint32_t node, uint64_t number, struct replica_answer *answer) {
    for (int i = 0; i < 200; i++) {
        if (replica_operation_answered(box.replicas[node], number, answer)) return true;
        replica_box_run(&box, 10 * 1000);
        replica_turn_end(box.replicas[node], replica_box_moment(&box, node));
    }
    return false;
}

Test(operations, a_transfer_is_asked_for_on_any_node, .fini = end) {
    begin_with(3);
    uint32_t leader = replica_box_leader(&box), asked = follower();
    struct replica_answer answer;
    uint64_t number = operate(asked, (struct replica_operation){REPLICA_TRANSFER, asked, 0});
    cr_assert(await_answer(asked, number, &answer));
    cr_expect_eq(answer.refusal, RAFT_REFUSED_NONE);
    cr_expect_eq(answer.leader, leader);
    replica_box_run(&box, 100 * 1000);
    cr_expect_eq(replica_box_leader(&box), asked);
    /* Each tells why. */
    struct raft_change change = {0}, last = {0};
    while (replica_next_change(box.replicas[leader], &change))
        last = change;
    cr_expect_eq(last.after.leader, asked);
    bool found = false;
    while (replica_next_change(box.replicas[asked], &change))
        found |= change.after.role == RAFT_LEADER && change.cause == RAFT_CAUSE_ELECTED;
    cr_expect(found);
}

Test(operations, one_that_can_not_be_done_is_refused, .fini = end) {
    begin_with(3);
    uint32_t asked = follower();
    struct replica_answer answer;
    uint64_t number = operate(asked, (struct replica_operation){REPLICA_TRANSFER, 9, 0});
    cr_assert(await_answer(asked, number, &answer));
    cr_expect_eq(answer.refusal, RAFT_REFUSED_NOT_A_VOTER);
    replica_operation_forget(box.replicas[asked], number);
    cr_expect_not(replica_operation_answered(box.replicas[asked], number, &answer));
    replica_set_unfit(box.replicas[asked], RAFT_UNFIT_PRIORITY, replica_box_moment(&box, asked));
    replica_turn_end(box.replicas[asked], replica_box_moment(&box, asked));
    replica_box_run(&box, 100 * 1000);
    number = operate(asked, (struct replica_operation){REPLICA_TRANSFER, asked, 0});
    cr_assert(await_answer(asked, number, &answer));
    cr_expect_eq(answer.refusal, RAFT_REFUSED_UNFIT);
}

Test(operations, one_is_asked_again_until_a_leader_answers, .fini = end) {
    begin_with(3);
    uint32_t leader = replica_box_leader(&box), asked = follower();
    box.cut[asked] = true;
    uint64_t number = operate(asked, (struct replica_operation){REPLICA_KEEP, 0, 0});
    struct replica_answer answer;
    replica_box_run(&box, 100 * 1000);
    cr_expect_not(replica_operation_answered(box.replicas[asked], number, &answer));
    box.cut[asked] = false;
    cr_assert(replica_box_settle(&box));
    cr_assert(await_answer(asked, number, &answer));
    cr_expect_eq(answer.refusal, RAFT_REFUSED_NONE);
    cr_expect_eq(answer.leader, replica_box_leader(&box));
    (void)leader;
}

Test(operations, malformed_packets_are_refused, .fini = end) {
    begin_with(3);
    static const struct {
        uint8_t kind;
        size_t size;
        uint8_t last;
    } packets[] = {
        {PACKET_OPERATION, 20, 1}, {PACKET_OPERATION, 22, 1},  {PACKET_OPERATION, 21, 0},
        {PACKET_OPERATION, 21, 9}, {PACKET_OPERATION, 21, 99}, {PACKET_ANSWER, 16, 0},
        {PACKET_ANSWER, 18, 0},    {PACKET_VERIFIED, 15, 1},   {PACKET_VERIFIED, 16, 1},
    };
    struct chunk *chunk = chunk_create(64);
    for (size_t i = 0; i < COUNT_OF(packets); i++) {
        memset(chunk->data, 0, 64);
        chunk->data[0] = (char)packets[i].kind;
        chunk->data[packets[i].size] = (char)packets[i].last;
        chunk->used = packets[i].size + 1;
        cr_expect_eq(replica_peer_packet(box.replicas[1], 2, bytes_of(chunk->data, chunk->used),
                                         chunk, replica_box_moment(&box, 1)),
                     ERROR_MALFORMED, "%zu", i);
    }
    chunk_release(chunk);
}

/* --- barriers -----------------------------------------------------------------------------------
 */

/* A client that waits, as RAFT BARRIER's does: without one nothing is asked. */
static struct box_client *waiting_reader(uint32_t node) {
    struct box_client *client = replica_box_client(&box, node);
    box_client_send(&box, client, "GET x\r\n");
    return client;
}

Test(operations, a_barrier_is_passed_once_all_before_it_is_applied, .fini = end) {
    begin_with(3);
    uint32_t leader = replica_box_leader(&box), node = follower();
    struct box_client *writer = replica_box_client(&box, leader);
    box_client_send(&box, writer, "INCR x\r\n");
    cr_assert(box_client_expect(&box, writer, ":1\r\n"));
    uint64_t committed = raft_commit_index(replica_raft(box.replicas[leader]));
    uint64_t barrier = replica_barrier_begin(box.replicas[node]);
    cr_expect_not(replica_barrier_is_passed(box.replicas[node], barrier));
    struct box_client *reader = waiting_reader(node);
    cr_assert(box_client_expect(&box, reader, "$1\r\n1\r\n"));
    cr_expect(replica_barrier_is_passed(box.replicas[node], barrier));
    cr_expect_geq(replica_applied_index(box.replicas[node]), committed);
    /* Cut off, nobody passes one. */
    box.cut[node] = true;
    barrier = replica_barrier_begin(box.replicas[node]);
    struct box_client *other = waiting_reader(node);
    replica_box_run(&box, 1000 * 1000);
    cr_expect_not(replica_barrier_is_passed(box.replicas[node], barrier));
    box.cut[node] = false;
    box_client_close(&box, writer);
    box_client_close(&box, reader);
    box_client_close(&box, other);
}

/* --- comparing states ----------------------------------------------------------------------------
 */

static uint64_t verify(uint32_t node) {
    struct replica_answer answer;
    uint64_t number = operate(node, (struct replica_operation){.kind = REPLICA_VERIFY});
    cr_assert(await_answer(node, number, &answer));
    cr_assert_eq(answer.refusal, RAFT_REFUSED_NONE);
    replica_box_run(&box, 300 * 1000);
    return answer.index;
}

/* Whoever has to apply it later has to know it, too. */
Test(operations, what_an_older_member_would_stop_at_does_not_come_into_the_log, .fini = end) {
    begin_with(3);
    uint32_t leader = replica_box_leader(&box), other = follower();
    cr_expect_eq(replica_older_members(box.replicas[leader], 3), 0);
    cr_expect_eq(replica_older_members(box.replicas[leader], 4), 14 - (1 << leader));
    static const uint32_t spoken[] = {2, 0}; /* and one that was not heard of yet */
    for (size_t i = 0; i < COUNT_OF(spoken); i++) {
        replica_peer_speaks(box.replicas[leader], other, spoken[i]);
        cr_expect_eq(replica_older_members(box.replicas[leader], 3), 1 << other);
        uint64_t last = raft_last_index(replica_raft(box.replicas[leader]));
        struct replica_answer answer;
        uint64_t number = operate(other, (struct replica_operation){.kind = REPLICA_VERIFY});
        cr_assert(await_answer(other, number, &answer));
        cr_expect_eq(answer.refusal, RAFT_REFUSED_OLDER_MEMBERS);
        cr_expect_eq(raft_last_index(replica_raft(box.replicas[leader])), last);
    }
    replica_peer_speaks(box.replicas[leader], other, 3);
    cr_expect_gt(verify(other), 0);
}

Test(operations, every_node_tells_the_digest_of_its_whole_state_at_one_entry, .fini = end) {
    begin_with(3);
    uint32_t node = follower();
    struct box_client *client = replica_box_client(&box, node);
    box_client_send(&box, client, "SET a 1\r\nHSET b f v\r\nRPUSH c 1 2 3\r\n");
    cr_assert(box_client_expect(&box, client, "+OK\r\n:1\r\n:3\r\n"));
    uint64_t index = verify(node), digests[4] = {0};
    cr_expect_gt(index, 0);
    for (uint32_t from = 1; from <= 3; from++)
        cr_expect(replica_verified(box.replicas[node], from, index, &digests[from]), "%u", from);
    cr_expect_neq(digests[1], 0);
    cr_expect_eq(digests[1], digests[2]);
    cr_expect_eq(digests[1], digests[3]);
    cr_expect_not(replica_verified(box.replicas[node], 1, index + 1, &digests[1]));
    cr_expect_eq(replica_statistics(box.replicas[node])->verifications, 1);
    /* Writes go on. */
    box_client_send(&box, client, "GET a\r\n");
    cr_expect(box_client_expect(&box, client, "$1\r\n1\r\n"));
    box_client_close(&box, client);
}

/* As a stray bit would, in what no rolling digest sees. */
static void spoil(uint32_t node) {
    storages_settings(replica_storages(box.replicas[node]))->hash_max_listpack_value++;
}

Test(operations, who_differs_takes_no_part_any_more, .fini = end) {
    begin_with(3);
    uint32_t node = follower(), leader = replica_box_leader(&box);
    spoil(node);
    (void)verify(leader);
    cr_expect_eq(replica_state(box.replicas[node]), REPLICA_DAMAGED);
    cr_expect_not_null(strstr(replica_trouble(box.replicas[node]), "differs from that of a major"));
    cr_expect_eq(replica_state(box.replicas[leader]), REPLICA_RUNNING);
    cr_expect_eq(replica_box_leader(&box), leader);
}

Test(operations, a_leader_that_differs_steps_down_first, .fini = end) {
    begin_with(3);
    uint32_t leader = replica_box_leader(&box), node = follower();
    spoil(leader);
    uint64_t start_us = box.now_us;
    (void)verify(node);
    cr_expect_eq(replica_state(box.replicas[leader]), REPLICA_DAMAGED);
    cr_expect_neq(raft_role(replica_raft(box.replicas[leader])), RAFT_LEADER);
    struct raft_change change, last = {0};
    while (replica_next_change(box.replicas[leader], &change))
        last = change;
    cr_expect_eq(last.cause, RAFT_CAUSE_RESIGNED);
    /* Another leads before anybody's time is out. */
    cr_expect_neq(replica_box_leader(&box), 0);
    cr_expect_neq(replica_box_leader(&box), leader);
    cr_expect_lt(box.now_us - start_us, 500 * 1000);
}

Test(operations, where_no_majority_agrees_all_stop, .fini = end) {
    begin_with(3);
    spoil(1);
    spoil(2);
    spoil(2);
    (void)verify(3);
    for (uint32_t node = 1; node <= 3; node++) {
        cr_expect_eq(replica_state(box.replicas[node]), REPLICA_DAMAGED, "%u", node);
        cr_expect_not_null(strstr(replica_trouble(box.replicas[node]), "no majority agrees"));
    }
}

/* --- timing -------------------------------------------------------------------------------------
 */

Test(operations, the_clusters_timing_comes_with_the_log, .fini = end) {
    begin_with(3);
    uint32_t node = follower();
    struct box_client *client = replica_box_client(&box, node);
    box_client_send(&box, client, "RAFT SET raft-election-timeout 90\r\n");
    cr_expect(box_client_expect(&box, client,
                                "+OK\r\n")); /* alone: half of it is the heartbeat's bound */
    replica_box_run(&box, 200 * 1000);
    for (uint32_t one = 1; one <= 3; one++)
        cr_expect_eq(replica_timing(box.replicas[one]).heartbeat_us, 45 * 1000, "%u", one);
    box_client_send(&box, client, "RAFT SET raft-election-timeout 400\r\n");
    cr_expect(box_client_expect(&box, client, "+OK\r\n"));
    replica_box_run(&box, 200 * 1000);
    for (uint32_t one = 1; one <= 3; one++)
        cr_expect_eq(replica_timing(box.replicas[one]).heartbeat_us, 50 * 1000, "%u", one);
    box_client_send(&box, client,
                    "RAFT SET raft-election-timeout 2000 raft-heartbeat-interval 1500\r\n");
    cr_expect(box_client_expect(&box, client,
                                "-ERR raft-election-timeout has to be twice "
                                "raft-heartbeat-interval at least, eight times as by default is "
                                "better\r\n"));
    box_client_send(&box, client,
                    "RAFT SET raft-election-timeout 2000 raft-heartbeat-interval 200\r\n");
    cr_expect(box_client_expect(&box, client, "+OK\r\n"));
    replica_box_run(&box, 300 * 1000);
    uint64_t elections = 0;
    for (uint32_t one = 1; one <= 3; one++) {
        struct replica_timing timing = replica_timing(box.replicas[one]);
        cr_expect_eq(timing.election_us, 2000 * 1000, "%u", one);
        cr_expect_eq(timing.heartbeat_us, 200 * 1000, "%u", one);
        elections += replica_statistics(box.replicas[one])->elections;
    }
    replica_box_run(&box, 20 * 1000 * 1000);
    for (uint32_t one = 1; one <= 3; one++)
        elections -= replica_statistics(box.replicas[one])->elections;
    cr_expect_eq(elections, 0, "nobody is unseated by it");
    /* It is there again after a restart. */
    box_client_close(&box, client);
    replica_box_kill(&box, node);
    replica_box_boot(&box, node);
    cr_assert(replica_box_settle(&box));
    replica_box_run(&box, 300 * 1000);
    cr_expect_eq(replica_timing(box.replicas[node]).election_us, 2000 * 1000);
}

/* What the founding tells late must not take back what somebody has set meanwhile. */
Test(operations, only_what_was_never_set_is_set_by_nx, .fini = end) {
    begin_with(1);
    struct box_client *client = replica_box_client(&box, 1);
    static const struct {
        const char *command, *reply;
        uint64_t election_ms, heartbeat_ms;
    } steps[] = {
        {"RAFT SET raft-election-timeout 700\r\n", "+OK\r\n", 700, 50},
        {"RAFT SET NX raft-election-timeout 400 raft-heartbeat-interval 70\r\n", "+OK\r\n", 700,
         70},
        {"RAFT SET nx raft-heartbeat-interval 20 databases 5\r\n", "+OK\r\n", 700,
         70}, /* a default counts as set */
        {"RAFT SET NX raft-heartbeat-interval\r\n",
         "-ERR no setting of the cluster is called 'NX'\r\n", 700, 70},
    };
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        box_client_send(&box, client, steps[i].command);
        cr_expect(box_client_expect(&box, client, steps[i].reply), "%s", steps[i].command);
        replica_box_run(&box, 100 * 1000);
        struct replica_timing timing = replica_timing(box.replicas[1]);
        cr_expect_eq(timing.election_us, steps[i].election_ms * 1000, "%s", steps[i].command);
        cr_expect_eq(timing.heartbeat_us, steps[i].heartbeat_ms * 1000, "%s", steps[i].command);
    }
    box_client_close(&box, client);
}

Test(operations, a_node_that_stops_hands_over_and_is_not_handed_to, .fini = end) {
    begin_with(3);
    uint32_t leader = replica_box_leader(&box), other = follower();
    replica_set_unfit(box.replicas[other], RAFT_UNFIT_STOPS, replica_box_moment(&box, other));
    replica_turn_end(box.replicas[other], replica_box_moment(&box, other));
    replica_box_run(&box, 100 * 1000);
    replica_set_unfit(box.replicas[leader], RAFT_UNFIT_STOPS, replica_box_moment(&box, leader));
    replica_turn_end(box.replicas[leader], replica_box_moment(&box, leader));
    replica_box_run(&box, 50 * 1000);
    cr_expect_neq(replica_box_leader(&box), leader);
    cr_expect_neq(replica_box_leader(&box), other);
    cr_expect_neq(replica_box_leader(&box), 0);
}
