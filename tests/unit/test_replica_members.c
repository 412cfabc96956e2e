/* Whole replicas whose cluster grows, shrinks and replaces its nodes while they serve. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/hash.h"
#include "src/replica/replica_internal.h"
#include "tests/unit/replica_box.h"

static struct replica_change add(const struct replica_box *box, uint32_t node) {
    return (struct replica_change){.kind = REPLICA_ADD, .member = replica_box_member(box, node)};
}
static struct replica_change of_node(enum replica_change_kind kind, uint32_t id) {
    return (struct replica_change){.kind = kind, .id = id};
}

static const struct members *members_of(const struct replica_box *box, uint32_t node) {
    return replica_members(box->replicas[node]);
}

static bool is_voter(const struct replica_box *box, uint32_t seen_by, uint32_t node) {
    const struct members *members = members_of(box, seen_by);
    return members != NULL && !members->joint && (members_voters(members) >> node & 1) == 1 &&
           raft_members_are_committed(box->replicas[seen_by]->raft);
}

static void await_voter(struct replica_box *box, uint32_t node) {
    for (int i = 0; i < 500 && !is_voter(box, node, node); i++)
        replica_box_run(box, 10 * 1000);
    cr_assert(is_voter(box, node, node), "node %u votes", node);
}

/* From the leader's answer on, as `--join` does. */
static void grow(struct replica_box *box, uint32_t asked, uint32_t node) {
    struct replica_change change = add(box, node);
    struct replica_change_status status = replica_box_change(box, asked, &change);
    cr_assert_eq(status.state, REPLICA_CHANGE_DONE, "%s", status.reason);
    cr_assert_eq(status.id, node);
    replica_box_join(box, node, asked);
}

static void expect_removed(struct replica_box *box, uint32_t asked, uint32_t node) {
    struct replica_change change = of_node(REPLICA_REMOVE, node);
    struct replica_change_status status = replica_box_change(box, asked, &change);
    cr_assert_eq(status.state, REPLICA_CHANGE_DONE, "%s", status.reason);
}

static void expect_refused(struct replica_box *box, uint32_t asked,
                           const struct replica_change *change, const char *reason) {
    struct replica_change_status status = replica_box_change(box, asked, change);
    cr_expect_eq(status.state, REPLICA_CHANGE_REFUSED);
    cr_expect(strstr(status.reason, reason) != NULL, "'%s' has '%s'", status.reason, reason);
}

static void expect_equal(struct replica_box *box, uint32_t a, uint32_t b) {
    replica_box_run(box, 1000 * 1000);
    cr_expect_eq(replica_applied_index(box->replicas[a]), replica_applied_index(box->replicas[b]));
    cr_expect_eq(replica_digest(box->replicas[a]), replica_digest(box->replicas[b]));
}

static void write_some(struct replica_box *box, uint32_t node, int count) {
    struct box_client *client = replica_box_client(box, node);
    for (int i = 0; i < count; i++) {
        box_client_send(box, client, "INCR total\r\n");
        replica_box_run(box, 2000);
    }
    replica_box_run(box, 500 * 1000);
    for (size_t i = 0; i < client->replies.size; i++)
        cr_assert_neq(client->replies.data[i], '-', "%.*s", (int)client->replies.size,
                      client->replies.data);
    box_client_close(box, client);
}

static void expect_total(struct replica_box *box, uint32_t node, const char *expected) {
    struct box_client *client = replica_box_client(box, node);
    box_client_send(box, client, "GET total\r\n");
    cr_expect(box_client_expect(box, client, expected));
    box_client_close(box, client);
}

/* --- growing ------------------------------------------------------------------------------------
 */

/* The learner gets all there is, becomes a voter by itself, and takes commands as any node. */
Test(replica_members, one_grows_to_three_while_it_serves) {
    struct replica_box box;
    replica_box_begin(&box, 1);
    write_some(&box, 1, 50);
    grow(&box, 1, 2);
    write_some(&box, 1, 20);
    await_voter(&box, 2);
    grow(&box, 2, 3);
    await_voter(&box, 3);
    cr_assert(replica_box_settle(&box));
    write_some(&box, 3, 10);
    expect_total(&box, 2, "$2\r\n80\r\n");
    expect_equal(&box, 1, 2);
    expect_equal(&box, 1, 3);
    replica_box_kill(&box, replica_box_leader(&box));
    cr_assert(replica_box_settle(&box), "two of three go on");
    replica_box_clear(&box);
}

/* SAFETY 14: what a lone node acknowledged without a sync is synced before anybody joins. */
Test(replica_members, a_node_that_was_alone_syncs_from_the_first_learner_on) {
    static const enum journal_sync lax[] = {JOURNAL_SYNC_EVERYSEC, JOURNAL_SYNC_NEVER};
    for (size_t i = 0; i < COUNT_OF(lax); i++) {
        struct replica_box box;
        replica_box_init(&box, 1);
        box.sync = lax[i];
        replica_box_start(&box);
        write_some(&box, 1, 20);
        struct journal *journal = replica_journal(box.replicas[1]);
        cr_expect_not(journal_is_synced(journal));
        struct replica_change change = add(&box, 2);
        uint64_t index = raft_members_index(box.replicas[1]->raft);
        uint64_t ticket =
            replica_change_members(box.replicas[1], &change, replica_box_moment(&box, 1));
        while (raft_members_index(box.replicas[1]->raft) == index)
            replica_box_run(&box, 100);
        cr_expect(journal_is_synced(journal), "before the learner stands in the log");
        while (replica_change_status(box.replicas[1], ticket).state == REPLICA_CHANGE_OPEN)
            replica_box_run(&box, 10 * 1000);
        replica_box_join(&box, 2, 1);
        await_voter(&box, 2);
        replica_box_kill(&box, 1);
        replica_box_boot(&box, 1);
        cr_assert(replica_box_settle(&box));
        expect_total(&box, 2, "$2\r\n20\r\n");
        replica_box_clear(&box);
    }
}

Test(replica_members, a_learner_that_does_not_answer_is_not_promoted) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3);
    struct replica_change change = add(&box, 4), promote = of_node(REPLICA_PROMOTE, 4);
    cr_assert_eq(replica_box_change(&box, leader, &change).state, REPLICA_CHANGE_DONE);
    replica_box_run(&box, 3 * 1000 * 1000);
    cr_expect_not(is_voter(&box, leader, 4));
    expect_refused(&box, leader % 3 + 1, &promote, "has not caught up yet");
    /* It hinders nobody, and goes as it came. */
    write_some(&box, leader, 10);
    expect_removed(&box, leader, 4);
    cr_expect_null(members_find(members_of(&box, leader), 4));
    replica_box_clear(&box);
}

static void send_little_at_a_time(struct replica_config *config) {
    config->raft.append_bytes_max = 200;
    config->raft.inflight_max = 1;
}

/* An operator need not wait until it has all there is: it answers, and it is being fed. */
Test(replica_members, a_learner_that_is_being_fed_is_promoted_when_asked) {
    struct replica_box box;
    replica_box_init(&box, 1);
    box.configure = send_little_at_a_time;
    replica_box_start(&box);
    write_some(&box, 1, 400);
    grow(&box, 1, 2);
    struct replica_change promote = of_node(REPLICA_PROMOTE, 2);
    struct replica_change_status status = {.state = REPLICA_CHANGE_REFUSED};
    for (int i = 0; i < 4000 && status.state == REPLICA_CHANGE_REFUSED; i++) {
        replica_box_run(&box, 1000);
        cr_assert_not(is_voter(&box, 1, 2), "not by itself");
        uint64_t ticket =
            replica_change_members(box.replicas[1], &promote, replica_box_moment(&box, 1));
        replica_turn_end(box.replicas[1], replica_box_moment(&box, 1));
        replica_tick(box.replicas[1], replica_box_moment(&box, 1));
        status = replica_change_status(box.replicas[1], ticket);
    }
    cr_expect_neq(status.state, REPLICA_CHANGE_REFUSED, "%s", status.reason);
    await_voter(&box, 2);
    cr_expect_eq(replica_box_change(&box, 1, &promote).state, REPLICA_CHANGE_DONE, "it is one");
    write_some(&box, 1, 10);
    expect_equal(&box, 1, 2);
    replica_box_clear(&box);
}

Test(replica_members, there_is_room_for_so_many_and_no_more) {
    struct replica_box box;
    replica_box_begin(&box, 1);
    for (uint64_t i = 1; i < RAFT_NODES_MAX; i++) {
        struct replica_change change = {.kind = REPLICA_ADD,
                                        .member = {.port = 100 + (uint32_t)i, .host = "far"}};
        uint64_t uuid = 5000 + i;
        memcpy(change.member.uuid, &uuid, sizeof(uuid));
        cr_assert_eq(replica_box_change(&box, 1, &change).state, REPLICA_CHANGE_DONE, "%d", (int)i);
    }
    struct replica_change one_more = {.kind = REPLICA_ADD,
                                      .member = {.port = 99, .host = "far", .uuid = "x"}};
    expect_refused(&box, 1, &one_more, "a cluster has 16 members at most");
    struct replica_change move = {
        .kind = REPLICA_MOVE, .id = 2, .member = {.port = 102, .host = "far"}};
    uint32_t there = 0;
    const struct members *members = members_of(&box, 1);
    for (uint32_t i = 0; i < members->count; i++)
        if (members->at[i].port == 102) there = members->at[i].id;
    move.id = there == 2 ? 3 : 2;
    expect_refused(&box, 1, &move, "is the address of node");
    replica_box_clear(&box);
}

/* Nobody knows the outcome: that is said after a while, and forgotten after another one. */
Test(replica_members, a_change_that_no_leader_hears_of_is_late) {
    struct replica_box box;
    replica_box_begin(&box, 3);
    box.cut[1] = true;
    replica_box_run(&box, 2 * 1000 * 1000);
    struct replica_change change = of_node(REPLICA_REMOVE, 2);
    struct replica_change_status status = replica_box_change(&box, 1, &change);
    cr_expect_eq(status.state, REPLICA_CHANGE_LATE);
    cr_expect_str_eq(status.reason, "no leader is known to this node");
    uint64_t ticket = replica_change_members(box.replicas[1], &change, replica_box_moment(&box, 1));
    replica_box_run(&box, 61 * 1000 * 1000);
    status = replica_change_status(box.replicas[1], ticket);
    cr_expect_eq(status.state, REPLICA_CHANGE_LATE);
    cr_expect_str_eq(status.reason, "it was asked too long ago");
    /* So many may be open at once. */
    for (int i = 0; i < CHANGES_MAX; i++)
        cr_expect_neq(replica_change_members(box.replicas[1], &change, replica_box_moment(&box, 1)),
                      0);
    cr_expect_eq(replica_change_members(box.replicas[1], &change, replica_box_moment(&box, 1)), 0);
    replica_box_clear(&box);
}

Test(replica_members, a_learner_neither_votes_nor_leads) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3);
    /* Node 4 hears the leader only now and then, so it stays a learner. */
    struct replica_change change = add(&box, 4);
    cr_assert_eq(replica_box_change(&box, leader, &change).state, REPLICA_CHANGE_DONE);
    replica_box_join(&box, 4, leader);
    box.cut[leader] = true;
    box.cut[leader % 3 + 1] = true;
    replica_box_run(&box, 10 * 1000 * 1000);
    cr_expect_eq(replica_box_leader(&box), 0, "one voter and a learner are no majority");
    box.cut[leader] = box.cut[leader % 3 + 1] = false;
    cr_assert(replica_box_settle(&box));
    await_voter(&box, 4);
    replica_box_clear(&box);
}

/* --- removing -----------------------------------------------------------------------------------
 */

Test(replica_members, a_removed_node_says_so_and_the_others_go_on) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), gone = leader % 3 + 1, other = gone % 3 + 1;
    struct box_client *subscriber = replica_box_client(&box, gone);
    struct box_client *client = replica_box_client(&box, gone);
    box_client_send(&box, client, "SET x 1\r\n");
    cr_expect(box_client_expect(&box, client, "+OK\r\n"));
    box_client_send(&box, subscriber, "SUBSCRIBE c\r\n");
    cr_expect(box_client_expect(&box, subscriber, "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"));
    expect_removed(&box, other, gone);
    replica_box_run(&box, 500 * 1000);
    cr_expect(replica_is_removed(box.replicas[gone]));
    cr_expect_not(replica_serves(box.replicas[gone]));
    cr_expect_eq(subscriber->session->ending, SESSION_ENDS_AFTER_OUTPUT);
    box_client_send(&box, client, "SET x 2\r\nGET x\r\n");
    static const char refused[] =
        "-CLUSTERDOWN this node was removed from its cluster: not executed; ask another one\r\n"
        "-CLUSTERDOWN this node was removed from its cluster: not executed; ask another one\r\n";
    cr_expect(box_client_expect(&box, client, refused));
    /* Its origin is closed, and its subscriber is no receiver any more (SAFETY 17). */
    cr_expect_eq(box.replicas[leader]->origins.count, 2);
    struct box_client *publisher = replica_box_client(&box, other);
    box_client_send(&box, publisher, "PUBLISH c m\r\nGET x\r\n");
    cr_expect(box_client_expect(&box, publisher, ":0\r\n$1\r\n1\r\n"));
    expect_equal(&box, leader, other);
    uint64_t term = raft_term(box.replicas[leader]->raft);
    replica_box_run(&box, 5 * 1000 * 1000);
    cr_expect_eq(raft_term(box.replicas[leader]->raft), term, "it disturbs nobody");
    box_client_close(&box, subscriber);
    box_client_close(&box, client);
    box_client_close(&box, publisher);
    replica_box_clear(&box);
}

/* What it had sealed and the log never got is certainly not executed. */
Test(replica_members, writes_under_way_on_a_removed_node_end_with_the_truth) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), gone = leader % 3 + 1;
    struct box_client *client = replica_box_client(&box, gone);
    box_client_send(&box, client, "INCR total\r\n");
    cr_expect(box_client_expect(&box, client, ":1\r\n"));
    /* The leader takes nothing from it any more once the configuration stands in its log. */
    struct replica_change change = of_node(REPLICA_REMOVE, gone);
    uint64_t ticket =
        replica_change_members(box.replicas[leader], &change, replica_box_moment(&box, leader));
    replica_tick(box.replicas[leader], replica_box_moment(&box, leader));
    replica_turn_end(box.replicas[leader], replica_box_moment(&box, leader));
    for (int i = 0; i < 40; i++) {
        box_client_send(&box, client, "INCR total\r\n");
        replica_box_run(&box, 500);
    }
    replica_box_run(&box, 3 * 1000 * 1000);
    cr_expect_eq(replica_change_status(box.replicas[leader], ticket).state, REPLICA_CHANGE_DONE);
    uint32_t done = 1, refused = 0;
    for (size_t i = 0; i < client->replies.size; i++) {
        if (i > 0 && client->replies.data[i - 1] != '\n') continue;
        done += client->replies.data[i] == ':';
        refused += client->replies.data[i] == '-' && client->replies.data[i + 1] == 'C';
    }
    cr_expect_eq(done - 1 + refused, 40, "%u done, %u refused: %.*s", done, refused,
                 (int)client->replies.size, client->replies.data);
    cr_expect_gt(refused, 0);
    char expected[32], total[16];
    snprintf(total, sizeof(total), "%u", done);
    snprintf(expected, sizeof(expected), "$%zu\r\n%s\r\n", strlen(total), total);
    expect_total(&box, leader, expected);
    box_client_close(&box, client);
    replica_box_clear(&box);
}

Test(replica_members, a_leader_that_is_removed_hands_over_first) {
    for (int by_itself = 0; by_itself < 2; by_itself++) {
        struct replica_box box;
        uint32_t leader = replica_box_begin(&box, 3), other = leader % 3 + 1;
        write_some(&box, other, 5);
        expect_removed(&box, by_itself ? leader : other, leader);
        replica_box_run(&box, 500 * 1000);
        cr_expect(replica_is_removed(box.replicas[leader]));
        cr_expect_neq(replica_box_leader(&box), leader);
        write_some(&box, other, 5);
        expect_total(&box, other, "$2\r\n10\r\n");
        replica_box_clear(&box);
    }
}

Test(replica_members, what_would_leave_nobody_to_decide_is_refused) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), dead = leader % 3 + 1, other = dead % 3 + 1;
    replica_box_kill(&box, dead);
    replica_box_run(&box, 2 * 1000 * 1000);
    struct replica_change change = of_node(REPLICA_REMOVE, other);
    expect_refused(&box, leader, &change, "no majority can be reached");
    change = of_node(REPLICA_REMOVE, 9);
    expect_refused(&box, other, &change, "there is no node 9");
    expect_removed(&box, leader, dead);
    expect_removed(&box, leader, other);
    change = of_node(REPLICA_REMOVE, leader);
    expect_refused(&box, leader, &change, "nobody would be left to vote");
    write_some(&box, leader, 3);
    replica_box_clear(&box);
}

/* --- replacing ----------------------------------------------------------------------------------
 */

Test(replica_members, an_empty_directory_under_an_old_address_is_refused_until_the_old_id_is_gone) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), lost = leader % 3 + 1, other = lost % 3 + 1;
    replica_box_kill(&box, lost);
    struct replica_change change = add(&box, lost);
    memset(change.member.uuid, 7, sizeof(change.member.uuid));
    char mend[64];
    snprintf(mend, sizeof(mend), "RAFT ADD with REPLACE %u", lost);
    expect_refused(&box, other, &change, mend);
    expect_removed(&box, other, lost);
    struct replica_change_status status = replica_box_change(&box, other, &change);
    cr_assert_eq(status.state, REPLICA_CHANGE_DONE, "%s", status.reason);
    cr_assert_eq(status.id, 4, "ids are not used again");
    memcpy(&box.uuids[4], change.member.uuid, sizeof(box.uuids[4]));
    replica_box_clear(&box);
}

/* The new node votes from the moment at which the old one does not. */
Test(replica_members, a_dead_node_is_replaced_in_one_step) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), lost = leader % 3 + 1;
    replica_box_kill(&box, lost);
    struct replica_change change = add(&box, 4);
    change.member.replaces = lost;
    cr_assert_eq(replica_box_change(&box, leader, &change).state, REPLICA_CHANGE_DONE);
    cr_expect_not_null(members_find(members_of(&box, leader), lost), "it stays until then");
    replica_box_join(&box, 4, leader);
    await_voter(&box, 4);
    cr_expect_null(members_find(members_of(&box, leader), lost));
    cr_expect_eq(members_of(&box, leader)->count, 3);
    cr_assert(replica_box_settle(&box));
    write_some(&box, 4, 5);
    replica_box_clear(&box);
}

/* RAFT ADD … REPLACE: an operator's word on any node, before or after the new node has come. */
static struct replica_change replace(const struct replica_box *box, uint32_t node, uint32_t old) {
    struct member member = replica_box_member(box, node);
    memset(member.uuid, 0, sizeof(member.uuid)); /* nobody knows it yet */
    return (struct replica_change){.kind = REPLICA_REPLACE, .id = old, .member = member};
}

Test(replica_members, whoever_lets_the_new_node_in_knows_whose_place_it_takes) {
    for (int leader_changes = 0; leader_changes < 2; leader_changes++) {
        struct replica_box box;
        uint32_t leader = replica_box_begin(&box, 3), lost = leader % 3 + 1, asked = lost % 3 + 1;
        write_some(&box, asked, 5);
        if (!leader_changes) replica_box_kill(&box, lost);
        struct replica_change order = replace(&box, 4, lost), join = add(&box, 4);
        uint64_t ticket =
            replica_change_members(box.replicas[asked], &order, replica_box_moment(&box, asked));
        replica_box_run(&box, 500 * 1000);
        cr_assert_eq(replica_change_status(box.replicas[asked], ticket).state, REPLICA_CHANGE_OPEN);
        if (leader_changes) { /* The next leader has never heard of it, and soon does. */
            replica_box_kill(&box, leader);
            cr_assert(replica_box_settle(&box));
            replica_box_boot(&box, leader);
            replica_box_run(&box, 1000 * 1000);
        }
        cr_assert_eq(replica_box_change(&box, leader, &join).state, REPLICA_CHANGE_DONE);
        struct replica_change_status status = replica_box_await_change(&box, asked, ticket);
        cr_expect_eq(status.state, REPLICA_CHANGE_DONE, "%s", status.reason);
        cr_expect_eq(status.id, 4);
        cr_expect_not_null(members_find(members_of(&box, asked), lost), "it stays until then");
        replica_box_join(&box, 4, asked);
        await_voter(&box, 4);
        cr_expect_eq(members_voters(members_of(&box, 4)), 2 + 4 + 8 + 16 - (1 << lost));
        if (leader_changes) replica_box_kill(&box, lost); /* It lived, and was replaced. */
        cr_assert(replica_box_settle(&box));
        write_some(&box, 4, 5);
        expect_total(&box, asked, "$2\r\n10\r\n");
        replica_box_clear(&box);
    }
}

Test(replica_members, a_learner_that_is_there_already_is_given_the_place) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), lost = leader % 3 + 1, other = lost % 3 + 1;
    replica_box_kill(&box, lost);
    struct replica_change join = add(&box, 4), order = replace(&box, 4, lost);
    cr_assert_eq(replica_box_change(&box, other, &join).state, REPLICA_CHANGE_DONE);
    struct replica_change_status status = replica_box_change(&box, other, &order);
    cr_assert_eq(status.state, REPLICA_CHANGE_DONE, "%s", status.reason);
    cr_expect_eq(status.id, 4);
    cr_expect_eq(members_find(members_of(&box, leader), 4)->replaces, lost);
    struct replica_change second = replace(&box, 5, lost);
    expect_refused(&box, leader, &second, "node 4 is to take the place of node");
    second = replace(&box, 4, other);
    expect_refused(&box, leader, &second, "node 4 is to take the place of node");
    second = replace(&box, leader, lost);
    expect_refused(&box, leader, &second, "node 4 is to take the place of node");
    replica_box_join(&box, 4, leader);
    await_voter(&box, 4);
    cr_expect_null(members_find(members_of(&box, leader), lost));
    /* It votes: nothing is left of the task, and nobody else's word is taken for another one. */
    second = replace(&box, 4, other);
    expect_refused(&box, leader, &second, "votes already: if it is the new one, RAFT REMOVE");
    cr_expect_eq(members_of(&box, leader)->count, 3);
    replica_box_clear(&box);
}

/* The same machine, its disk replaced. */
Test(replica_members, an_empty_directory_takes_the_place_under_its_old_address) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), lost = leader % 3 + 1;
    replica_box_kill(&box, lost);
    struct replica_change order = replace(&box, lost, lost), join = add(&box, lost);
    memset(join.member.uuid, 7, sizeof(join.member.uuid));
    uint64_t ticket =
        replica_change_members(box.replicas[leader], &order, replica_box_moment(&box, leader));
    replica_box_run(&box, 100 * 1000);
    struct replica_change_status status = replica_box_change(&box, leader, &join);
    cr_assert_eq(status.state, REPLICA_CHANGE_DONE, "%s", status.reason);
    cr_expect_eq(status.id, 4);
    status = replica_box_await_change(&box, leader, ticket);
    cr_expect_eq(status.state, REPLICA_CHANGE_DONE, "%s", status.reason);
    cr_expect_eq(status.id, 4);
    memcpy(&box.uuids[4], join.member.uuid, sizeof(box.uuids[4]));
    replica_box_clear(&box);
}

Test(replica_members, a_place_that_nobody_asks_for_any_more_is_not_given) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), old = leader % 3 + 1, asked = old % 3 + 1;
    struct replica_change order = replace(&box, 4, old), join = add(&box, 4);
    uint64_t ticket =
        replica_change_members(box.replicas[asked], &order, replica_box_moment(&box, asked));
    replica_box_run(&box, 500 * 1000);
    replica_change_forget(box.replicas[asked], ticket);
    replica_box_run(&box, 2 * 1000 * 1000);
    cr_assert_eq(replica_box_change(&box, leader, &join).state, REPLICA_CHANGE_DONE);
    cr_expect_eq(members_find(members_of(&box, leader), 4)->replaces, 0);
    /* One who goes is nobody's to be replaced any more: its id may be given to another one. */
    order = replace(&box, 4, old);
    cr_assert_eq(replica_box_change(&box, asked, &order).state, REPLICA_CHANGE_DONE);
    expect_removed(&box, asked, old);
    cr_expect_eq(members_find(members_of(&box, leader), 4)->replaces, 0);
    replica_box_clear(&box);
}

Test(replica_members, so_many_new_nodes_are_awaited_and_no_more) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), other = leader % 3 + 1;
    struct replica_change change = replace(&box, 4, leader % 3 + 1);
    uint64_t tickets[CHANGES_MAX];
    for (uint32_t i = 0; i < CHANGES_MAX; i++) {
        change.member.port = 1000 + i;
        tickets[i] =
            replica_change_members(box.replicas[other], &change, replica_box_moment(&box, other));
        cr_assert_neq(tickets[i], 0);
    }
    replica_box_run(&box, 200 * 1000);
    change.member.port = 1000 + CHANGES_MAX;
    expect_refused(&box, leader, &change, "too many new nodes are awaited");
    for (uint32_t i = 0; i < CHANGES_MAX; i++)
        cr_expect_eq(replica_change_status(box.replicas[other], tickets[i]).state,
                     REPLICA_CHANGE_OPEN);
    replica_change_forget(box.replicas[other], tickets[3]);
    replica_box_run(&box, 2000 * 1000); /* That one is not awaited any more. */
    uint64_t ticket =
        replica_change_members(box.replicas[leader], &change, replica_box_moment(&box, leader));
    replica_box_run(&box, 200 * 1000);
    cr_expect_eq(replica_change_status(box.replicas[leader], ticket).state, REPLICA_CHANGE_OPEN);
    replica_box_clear(&box);
}

Test(replica_members, a_member_moves_to_another_address) {
    struct replica_box box;
    replica_box_begin(&box, 1);
    struct replica_change change = {
        .kind = REPLICA_MOVE, .id = 1, .member = {.host = "elsewhere", .port = 1}};
    cr_expect_eq(replica_box_change(&box, 1, &change).state, REPLICA_CHANGE_DONE);
    cr_expect_str_eq(members_find(members_of(&box, 1), 1)->host, "elsewhere");
    replica_box_clear(&box);
}

/* --- ids that are given out again ---------------------------------------------------------------
 */

/* Nodes come, are never started, and go, until the next one in turn is `id`. */
static void use_up_ids(struct replica_box *box, uint32_t asked, uint32_t id) {
    static uint64_t uuid = 5000;
    for (int i = 0; i < 2 * RAFT_NODES_MAX; i++) {
        const struct members *members = members_of(box, asked);
        uint32_t next = members->last_id;
        do
            next = next % RAFT_NODES_MAX + 1;
        while (members_find(members, next) != NULL);
        if (next == id) return;
        struct replica_change change = {.kind = REPLICA_ADD,
                                        .member = {.port = 9000 + (uint32_t)i, .host = "box"}};
        store_u64(change.member.uuid, ++uuid);
        struct replica_change_status status = replica_box_change(box, asked, &change);
        cr_assert_eq(status.state, REPLICA_CHANGE_DONE, "%s", status.reason);
        expect_removed(box, asked, status.id);
    }
    cr_assert_fail("no turn for %u", id);
}

static bool was_told_of(const struct replica_box *box, uint32_t node, uint32_t id) {
    for (uint32_t i = 0; i < COMPARE_KEPT; i++)
        if (box->replicas[node]->compare.told[id][i].index != 0) return true;
    return false;
}

/* Another uuid: nothing of the old one's is the new one's, and the other way round. */
Test(replica_members, an_id_that_is_given_out_again_is_another_nodes) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), id = leader % 3 + 1, other = id % 3 + 1;
    write_some(&box, id, 20);
    compare_note(&box.replicas[leader]->compare, id, COMPARE_INTERVAL, 7);
    uint64_t origin = replica_origin(box.replicas[id]);
    cr_expect_not_null(origins_find(&box.replicas[leader]->origins, origin));
    expect_removed(&box, other, id);
    replica_box_run(&box, 1000 * 1000);
    cr_expect(replica_is_removed(box.replicas[id]));
    cr_expect_not(was_told_of(&box, leader, id), "what it said of its state went with it");
    cr_expect_null(origins_find(&box.replicas[leader]->origins, origin));
    replica_box_kill(&box, id);
    use_up_ids(&box, other, id);
    box.uuids[id] = 77777;
    struct replica_change change = add(&box, id);
    struct replica_change_status status = replica_box_change(&box, other, &change);
    cr_assert_eq(status.state, REPLICA_CHANGE_DONE, "%s", status.reason);
    cr_assert_eq(status.id, id);
    uint64_t joined = raft_members_index(box.replicas[other]->raft);
    replica_box_join(&box, id, other);
    await_voter(&box, id);
    cr_assert(replica_box_settle(&box));
    cr_expect_gt(replica_origin(box.replicas[id]), joined, "its batches count from anew");
    write_some(&box, id, 5);
    expect_total(&box, other, "$2\r\n25\r\n");
    expect_equal(&box, leader, id);
    /* It votes, and can lead. */
    replica_box_kill(&box, leader);
    cr_assert(replica_box_settle(&box));
    write_some(&box, other, 1);
    replica_box_clear(&box);
}

/* --- trouble in the midst -----------------------------------------------------------------------
 */

/* From then on it has no lease for the rest of its term (SAFETY 5), and changes go on by read
 * indexes. */
static void fail_to_hand_over(struct replica_box *box, uint32_t target) {
    uint32_t leader = replica_box_leader(box);
    struct replica *replica = box->replicas[leader];
    box->cut[target] = true;
    struct raft_event event = {.type = RAFT_EVENT_TRANSFER, .node = target};
    cr_assert_eq(replica_raft_step(replica, &event), RAFT_REFUSED_NONE);
    for (int i = 0; i < 500 && raft_transfer_target(replica->raft) != 0; i++)
        replica_box_run(box, 10 * 1000);
    cr_assert_eq(replica_box_leader(box), leader);
    cr_assert_not(raft_has_lease(replica->raft, box->now_us));
}

Test(replica_members, a_leader_whose_handing_over_failed_still_changes_members) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), target = leader % 3 + 1, third = target % 3 + 1;
    uint64_t term = raft_term(box.replicas[leader]->raft);
    fail_to_hand_over(&box, target);
    expect_removed(&box, third, target);
    expect_removed(&box, leader, third);
    cr_expect_eq(raft_term(box.replicas[leader]->raft), term,
                 "in the term in which the lease was given up");
    replica_box_clear(&box);
}

Test(replica_members, a_leader_without_a_lease_answers_as_many_as_can_ask) {
    enum { NODES = 5 };
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, NODES), target = leader % NODES + 1;
    fail_to_hand_over(&box, target);
    struct replica_change change = of_node(REPLICA_MOVE, leader);
    change.member = *members_find(members_of(&box, leader), target);
    uint64_t tickets[NODES + 1][CHANGES_MAX];
    for (uint32_t node = 1; node <= NODES; node++)
        for (uint32_t i = 0; i < CHANGES_MAX && node != target; i++) {
            tickets[node][i] =
                replica_change_members(box.replicas[node], &change, replica_box_moment(&box, node));
            cr_assert_neq(tickets[node][i], 0);
        }
    replica_box_run(&box, 200 * 1000); /* Each is asked twice at least. */
    for (uint32_t node = 1; node <= NODES; node++)
        for (uint32_t i = 0; i < CHANGES_MAX && node != target; i++)
            cr_expect_eq(replica_change_status(box.replicas[node], tickets[node][i]).state,
                         REPLICA_CHANGE_REFUSED, "asked by node %u as number %u", node, i);
    cr_assert_not(raft_has_lease(box.replicas[leader]->raft, box.now_us));
    replica_box_clear(&box);
}

/* Whatever became of the change, it is whole on all nodes, and the asker's answer is true. */
Test(replica_members, a_leader_that_dies_in_the_middle_of_a_change_leaves_one_outcome) {
    for (uint64_t after_us = 0; after_us < 3000; after_us += 150) {
        struct replica_box box;
        uint32_t leader = replica_box_begin(&box, 3), asked = leader % 3 + 1, third = asked % 3 + 1;
        grow(&box, asked, 4);
        await_voter(&box, 4);
        struct replica_change change = of_node(REPLICA_REMOVE, third);
        uint64_t ticket =
            replica_change_members(box.replicas[asked], &change, replica_box_moment(&box, asked));
        replica_box_run(&box, after_us);
        replica_box_kill(&box, leader);
        replica_box_run(&box, 2 * 1000 * 1000);
        replica_box_boot(&box, leader);
        struct replica_change_status status;
        for (int i = 0; i < 1000; i++) {
            status = replica_change_status(box.replicas[asked], ticket);
            if (status.state != REPLICA_CHANGE_OPEN) break;
            replica_box_run(&box, 10 * 1000);
        }
        cr_assert_eq(status.state, REPLICA_CHANGE_DONE, "%s", status.reason);
        cr_expect_null(members_find(members_of(&box, asked), third));
        replica_box_kill(&box, third);
        cr_assert(replica_box_settle(&box));
        write_some(&box, asked, 3);
        expect_equal(&box, leader, asked);
        expect_equal(&box, leader, 4);
        replica_box_clear(&box);
    }
}

Test(replica_members, two_changes_at_once_come_one_after_the_other) {
    struct replica_box box;
    replica_box_begin(&box, 3);
    struct replica_change changes[] = {add(&box, 4), of_node(REPLICA_REMOVE, 3)};
    uint64_t tickets[COUNT_OF(changes)];
    for (uint32_t i = 0; i < COUNT_OF(changes); i++)
        tickets[i] = replica_change_members(box.replicas[i + 1], &changes[i],
                                            replica_box_moment(&box, i + 1));
    for (uint32_t i = 0; i < COUNT_OF(changes); i++) {
        struct replica_change_status status = {0};
        while (status.state == REPLICA_CHANGE_OPEN) {
            replica_box_run(&box, 10 * 1000);
            status = replica_change_status(box.replicas[i + 1], tickets[i]);
        }
        cr_expect_eq(status.state, REPLICA_CHANGE_DONE, "%s", status.reason);
    }
    cr_expect_eq(members_all(members_of(&box, 1)), 2 | 4 | 16);
    replica_box_clear(&box);
}

/* The configuration stands in the snapshot, and what joined later in the log behind it. */
Test(replica_members, members_come_from_snapshot_and_log_at_the_next_start) {
    struct replica_box box;
    replica_box_begin(&box, 1);
    grow(&box, 1, 2);
    await_voter(&box, 2);
    cr_assert(replica_box_snapshot(&box, 1));
    grow(&box, 1, 3);
    await_voter(&box, 3);
    for (uint32_t node = 1; node <= 3; node++) {
        replica_box_kill(&box, node);
        replica_box_boot(&box, node);
    }
    cr_assert(replica_box_settle(&box));
    for (uint32_t node = 1; node <= 3; node++)
        cr_expect_eq(members_voters(members_of(&box, node)), 2 | 4 | 8);
    replica_box_clear(&box);
}

/* It names a configuration that is not the newest any more. */
Test(replica_members, a_question_that_comes_late_or_twice_does_nothing) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3), asker = leader % 3 + 1;
    char late[38] = {0};
    struct buffer body = {0};
    members_encode(members_of(&box, asker), &body);
    store_u64(late + 8, hash_bytes(buffer_bytes(&body), 0));
    buffer_clear(&body);
    late[16] = REPLICA_REMOVE;
    late[17] = (char)asker;
    struct replica_change change = add(&box, 4);
    cr_assert_eq(replica_box_change(&box, asker, &change).state, REPLICA_CHANGE_DONE);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(
            replica_accept_change(box.replicas[leader], asker, bytes_of(late, sizeof(late))),
            ERROR_NONE);
        replica_box_run(&box, 500 * 1000);
    }
    cr_expect_eq(members_of(&box, leader)->count, 4);
    replica_box_clear(&box);
}

/* Bytes from a peer: every cut of a question, and one from the future. */
Test(replica_members, malformed_questions_are_refused) {
    struct replica_box box;
    uint32_t leader = replica_box_begin(&box, 3);
    char body[64] = {0};
    body[16] = REPLICA_REMOVE;
    body[17] = 2;
    for (size_t size = 0; size < 38; size++)
        cr_expect_neq(replica_accept_change(box.replicas[leader], 2, bytes_of(body, size)),
                      ERROR_NONE, "%zu", size);
    static const struct {
        int at;
        char value;
    } wrong[] = {{16, 0}, {16, REPLICA_CHANGE_KINDS}, {17, 17}, {18, 17},
                 {19, 1}, {16, REPLICA_ADD}};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char spoilt[38];
        memcpy(spoilt, body, sizeof(spoilt));
        spoilt[wrong[i].at] = wrong[i].value;
        cr_expect_neq(
            replica_accept_change(box.replicas[leader], 2, bytes_of(spoilt, sizeof(spoilt))),
            ERROR_NONE, "case %zu", i);
    }
    cr_expect_eq(members_of(&box, leader)->count, 3);
    cr_expect_neq(replica_receive_changed(box.replicas[leader], 2, bytes_of(body, 9)), ERROR_NONE);
    body[8] = REPLICA_CHANGE_LATE;
    cr_expect_neq(replica_receive_changed(box.replicas[leader], 2, bytes_of(body, 10)), ERROR_NONE);
    replica_box_clear(&box);
}
