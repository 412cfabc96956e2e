/* The Raft core: a few cores in one process (raft_box.h), case studies, and chance. */
#include <criterion/criterion.h>

#include "raft_box.h"

static const struct raft_config test_config = {
    .heartbeat_us = 50000,
    .election_us = 400000,
    .lease_margin_us = 40000,
    .seed = 1,
    .base_hash = 77,
    .tail_bytes_max = 1 << 20,
    .append_bytes_max = 1 << 16,
    .inflight_max = 16,
};

static void box_start_all(struct box *box) {
    for (uint32_t id = 1; id <= box->count; id++)
        box_start(box, id);
}

/* Runs the clock until this node campaigns. */
static void campaign(struct box *box, uint32_t id) {
    uint64_t deadline_us = raft_deadline_us(box->nodes[id].raft);
    if (box->now_us < deadline_us) box->now_us = deadline_us;
    box_tick(box, id);
}

Test(raft, one_node_elects_itself_once_its_vote_is_durable) {
    struct box box;
    box_init(&box, 1, &test_config);
    box_start(&box, 1);
    struct raft *raft = box.nodes[1].raft;
    box_tick(&box, 1);
    cr_expect_eq(raft_role(raft), RAFT_CANDIDATE);
    box_persist(&box, 1);
    cr_expect_eq(raft_role(raft), RAFT_LEADER);
    box_read(&box, 1, 1, false);
    cr_expect_eq(box.reads[1].state, BOX_READ_WAITING);
    box_propose(&box, 1, BYTES("a"), false);
    cr_expect_eq(raft_commit_index(raft), 0);
    box_persist(&box, 1);
    cr_expect_eq(raft_commit_index(raft), 1, "the no-op");
    cr_expect_eq(box.reads[1].state, BOX_READ_GRANTED);
    box_settle(&box);
    cr_expect_eq(raft_commit_index(raft), 2);
    cr_expect(raft_has_lease(raft, box.now_us));
    cr_expect_eq(box.violation.size, 0, "%s", box.violation.data);
    box_clear(&box);
}

Test(raft, three_nodes_elect_replicate_and_read) {
    struct box box;
    box_init(&box, 3, &test_config);
    box_start_all(&box);
    campaign(&box, 2);
    box_settle(&box);
    struct raft *leader = box.nodes[2].raft;
    cr_assert_eq(raft_role(leader), RAFT_LEADER);
    cr_expect_eq(raft_leader(box.nodes[1].raft), 2);
    cr_expect_eq(raft_commit_index(leader), 1);

    box_propose(&box, 2, BYTES("a"), true);
    box_propose(&box, 2, BYTES("b"), false);
    cr_expect_eq(box.letters.count, 2, "both entries leave in one message for each peer");
    box_settle(&box);
    cr_expect_eq(raft_commit_index(leader), 3);
    box_notify(&box, 2, 1);
    box_settle(&box);
    cr_expect_eq(raft_commit_index(box.nodes[1].raft), 3);
    box_read(&box, 1, 1, false);
    box_read(&box, 3, 2, true);
    box_settle(&box);
    cr_expect_eq(box.reads[1].state, BOX_READ_GRANTED);
    cr_expect_eq(box.reads[2].state, BOX_READ_GRANTED);
    cr_expect_eq(box.reads[2].index, 3);
    cr_expect(bytes_equal(box_body(&box, 3, 3), BYTES("b")));
    cr_expect_eq(box.violation.size, 0, "%s", box.violation.data);
    box_clear(&box);
}
