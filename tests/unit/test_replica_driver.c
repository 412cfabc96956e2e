/* What a server asks of a replica besides bytes and packets: commands of its own, leave to carry
 * one out, somebody who looks on, founding, figures. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "src/replica/replica_internal.h"
#include "tests/unit/replica_box.h"

/* --- commands of a server's --------------------------------------------------------------------
 */

static bool is_ready; /* what LATER waits for */

static void run_here(struct command_call *call) {
    struct session *session = call->session;
    reply_integer(call->reply, session->db);
}

static void run_wrong(struct command_call *call) {
    reply_error(call->reply, "ERR as always");
}

static void run_later(struct command_call *call) {
    call->later = !is_ready;
    if (is_ready) reply_ok(call->reply);
}

static void run_through(struct command_call *call) {
    static const struct bytes args[] = {BYTES("set"), BYTES("by-way"), BYTES("1")};
    call->instead = command_find(call->registry, args[0]);
    call->instead_args = args;
    call->instead_count = COUNT_OF(args);
}

static void run_reply_mode(struct command_call *call) {
    struct session *session = call->session;
    bool on = command_option(call, 2, "on"), off = command_option(call, 2, "off");
    session->reply_mode = on ? SESSION_REPLY_ON : off ? SESSION_REPLY_OFF : SESSION_REPLY_SKIP;
    if (on)
        reply_ok(call->reply);
    else
        call->reply->out = NULL;
}

static const struct command rows[] = {
    {.id = 980, .name = "here", .run = run_here, .arity = 1, .place = COMMAND_SESSION},
    {.id = 981, .name = "wrong", .run = run_wrong, .arity = 1, .place = COMMAND_LOCAL},
    {.id = 982,
     .name = "later",
     .run = run_later,
     .arity = 1,
     .place = COMMAND_LOCAL,
     .waits = true},
    {.id = 983, .name = "through", .run = run_through, .arity = 1, .place = COMMAND_SESSION},
    {.id = 984,
     .name = "alone",
     .run = run_here,
     .arity = 1,
     .place = COMMAND_SESSION,
     .flags = COMMAND_NO_MULTI},
    {.id = 985, .name = "client", .arity = -2, .place = COMMAND_SESSION},
    {.id = 986,
     .name = "client|reply",
     .run = run_reply_mode,
     .arity = 3,
     .place = COMMAND_SESSION},
};
static const struct command_family family = {rows, COUNT_OF(rows)};

/* --- the box ------------------------------------------------------------------------------------
 */

static struct replica_box box;
static struct box_client *client;

static const char *refused, *refusal; /* a command's name, and what it is told */
static uint32_t ran, errors, turned_away;

static const char *admit(struct session *session, const struct command *command) {
    (void)session;
    return refused != NULL && strcmp(command->name, refused) == 0 ? refusal : NULL;
}

static uint64_t no_clock(void) {
    return 0;
}
static void note_ran(struct session *session, const struct replica_observed *observed) {
    (void)session;
    ran++;
    errors += observed->errors;
}
static void note_refused(struct session *session, const struct command *command) {
    (void)session, (void)command;
    turned_away++;
}
static const struct replica_observer observer = {no_clock, note_ran, note_refused};

static struct replica_config last_config;

static void look_on(struct replica_config *config) {
    config->admit = admit;
    config->observer = &observer;
    last_config = *config;
}

static void read_locally(struct replica_config *config) {
    config->read_mode = REPLICA_READ_LOCAL;
}

static void begin_with(uint32_t count, void (*configure)(struct replica_config *config)) {
    replica_box_init(&box, count);
    command_registry_add(box.registry, &family);
    box.configure = configure;
    replica_box_start(&box);
    client = replica_box_client(&box, 1);
    refused = NULL;
    ran = errors = turned_away = 0;
    is_ready = false;
}

static void begin(void) {
    begin_with(1, look_on);
}

static void end(void) {
    box_client_close(&box, client);
    replica_box_clear(&box);
}

static void ask(const char *text, const char *expected) {
    box_client_send(&box, client, text);
    cr_expect(box_client_expect(&box, client, expected), "%s", text);
}

/* --- its commands -------------------------------------------------------------------------------
 */

Test(replica_driver, runs_what_concerns_the_session_at_once, .init = begin, .fini = end) {
    ask("HERE\r\n", ":0\r\n");
    ask("SET a 1\r\nHERE\r\nWRONG\r\nGET a\r\n", "+OK\r\n:0\r\n-ERR as always\r\n$1\r\n1\r\n");
    ask("THROUGH\r\nGET by-way\r\n", "+OK\r\n$1\r\n1\r\n");
    cr_expect_eq(ran, 8, "%u: THROUGH counts, and so does what ran in its place", ran);
    cr_expect_eq(errors, 1);
}

Test(replica_driver, carries_such_commands_of_a_group_as_literals, .init = begin, .fini = end) {
    ask("MULTI\r\nHERE\r\nSET a 1\r\nTHROUGH\r\nWRONG\r\nEXEC\r\n",
        "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n"
        "*4\r\n:0\r\n+OK\r\n+OK\r\n-ERR as always\r\n");
    ask("GET by-way\r\n", "$1\r\n1\r\n");
    ask("MULTI\r\nALONE\r\nEXEC\r\n",
        "+OK\r\n-ERR Command not allowed inside a transaction\r\n"
        "-EXECABORT Transaction discarded because of previous errors.\r\n");
}

Test(replica_driver, knows_what_a_group_may_not_be, .init = begin, .fini = end) {
    ask("EXEC\r\n", "-ERR EXEC without MULTI\r\n");
    ask("DISCARD\r\n", "-ERR DISCARD without MULTI\r\n");
    ask("UNWATCH\r\n", "+OK\r\n");
    ask("WATCH a\r\n", "-ERR WATCH is not available in this version of Hamok\r\n");
    ask("MULTI\r\nMULTI\r\nDISCARD\r\n", "+OK\r\n-ERR MULTI calls can not be nested\r\n+OK\r\n");
    ask("MULTI\r\nWATCH a\r\nDISCARD\r\n",
        "+OK\r\n-ERR WATCH inside MULTI is not allowed\r\n+OK\r\n");
    ask("MULTI\r\nEXEC\r\n", "+OK\r\n*0\r\n");
    ask("MULTI\r\nEXEC 1\r\nEXEC\r\n",
        "+OK\r\n-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' "
        "command\r\n-ERR EXEC without MULTI\r\n");
}

Test(replica_driver, answers_what_waits_when_it_is_ready, .init = begin, .fini = end) {
    ask("LATER\r\nHERE\r\n", "");
    replica_box_run(&box, 100 * 1000);
    cr_expect_eq(client->replies.size, 0, "nothing behind it is parsed");
    is_ready = true;
    replica_box_run(&box, 1000 * 1000);
    cr_expect(box_client_expect(&box, client, "+OK\r\n:0\r\n"));
}

/* --- leave --------------------------------------------------------------------------------------
 */

Test(replica_driver, refuses_what_its_driver_does_not_admit, .init = begin, .fini = end) {
    refused = "set";
    refusal = "OOM command not allowed when used memory > 'maxmemory'.";
    ask("SET a 1\r\nGET a\r\n",
        "-OOM command not allowed when used memory > 'maxmemory'.\r\n$-1\r\n");
    cr_expect_eq(turned_away, 1);
    ask("MULTI\r\nSET a 1\r\nEXEC\r\n",
        "+OK\r\n-OOM command not allowed when used memory > 'maxmemory'.\r\n"
        "-EXECABORT Transaction discarded because of previous errors.\r\n");
    refused = NULL;
    box_client_send(&box, client, "MULTI\r\nSET a 1\r\n");
    refused = "set"; /* Meanwhile memory has run full. */
    ask("EXEC\r\n",
        "+OK\r\n+QUEUED\r\n-EXECABORT Transaction discarded because of: OOM command not "
        "allowed when used memory > 'maxmemory'.\r\n");
    refused = "exec";
    refusal = "ERR not now";
    ask("MULTI\r\nEXEC\r\n", "+OK\r\n-EXECABORT Transaction discarded because of: not now\r\n");
    ask("NONE\r\nGET\r\n", "-ERR unknown command 'NONE', with args beginning with: \r\n"
                           "-ERR wrong number of arguments for 'get' command\r\n");
}

Test(replica_driver, is_silent_where_a_client_wants_it, .init = begin, .fini = end) {
    ask("CLIENT REPLY SKIP\r\nSET a 1\r\nGET a\r\n", "$1\r\n1\r\n");
    ask("CLIENT REPLY OFF\r\nSET a 2\r\nHERE\r\nGET a\r\nNONE\r\nCLIENT REPLY ON\r\nGET a\r\n",
        "+OK\r\n$1\r\n2\r\n");
}

Test(replica_driver, ends_a_client_that_breaks_the_protocol, .init = begin, .fini = end) {
    ask("SET a 1\r\n*1\r\n$x\r\n", "+OK\r\n-ERR Protocol error: invalid bulk length\r\n");
    cr_expect_eq(client->session->ending, SESSION_ENDS_AFTER_OUTPUT);
    struct box_client *browser = replica_box_client(&box, 1);
    box_client_send(&box, browser, "POST / HTTP/1.1\r\nSET a 2\r\n");
    cr_expect_eq(browser->session->ending, SESSION_ENDS_AFTER_OUTPUT);
    cr_expect(box_client_expect(&box, browser, ""));
    box_client_close(&box, browser);
    struct box_client *greedy = replica_box_client(&box, 1);
    replica_set_query_limit(box.replicas[1], 100);
    box_client_send(&box, greedy, "*2\r\n$3\r\nGET\r\n$500\r\n");
    for (int i = 0; i < 10; i++)
        box_client_send(&box, greedy, "xxxxxxxxxxxxxxxxxxxx");
    cr_expect_eq(greedy->session->ending, SESSION_ENDS_NOW);
    box_client_close(&box, greedy);
}

/* --- large and many -----------------------------------------------------------------------------
 */

static void ask_much(const char *verb, uint32_t count, uint32_t size) {
    struct buffer text = {0};
    for (uint32_t i = 0; i < count; i++) {
        buffer_append_format(&text, "*2\r\n$%zu\r\n%s\r\n$%u\r\n", strlen(verb), verb, size);
        memset(buffer_reserve(&text, size), 'k', size);
        text.size += size;
        buffer_append_format(&text, "\r\n");
    }
    buffer_append_byte(&text, '\0');
    box_client_send(&box, client, text.data);
    buffer_clear(&text);
}

/* Reads with long keys wait for their index; what they leave behind is given back on the way. */
Test(replica_driver, keeps_long_reads_until_their_index_comes, .fini = end) {
    begin_with(3, look_on);
    uint32_t other = replica_box_leader(&box) % 3 + 1;
    box_client_close(&box, client);
    client = replica_box_client(&box, other);
    ask_much("GET", 4, 40000);
    cr_expect(box_client_expect(&box, client, "$-1\r\n$-1\r\n$-1\r\n$-1\r\n"));
    struct buffer text = {0};
    buffer_append_format(&text, "MGET");
    for (int i = 0; i < 200; i++)
        buffer_append_format(&text, " k%d", i);
    buffer_append_format(&text, "\r\n");
    buffer_append_byte(&text, '\0');
    box_client_send(&box, client, text.data);
    buffer_clear(&text);
    replica_box_run(&box, 500 * 1000);
    cr_expect_eq(client->replies.size, 6 + 200 * 5);
    client->replies.size = 0;
}

/* Large batches do not wait for each other: one that comes without the one before it is answered
 * with what is expected, and the window is sent again from there. */
Test(replica_driver, sends_again_what_a_leader_expects, .fini = end) {
    begin_with(3, look_on);
    uint32_t leader = replica_box_leader(&box), other = leader % 3 + 1;
    box_client_close(&box, client);
    client = replica_box_client(&box, other);
    ask("SET a 0\r\n", "+OK\r\n");
    uint64_t resent = replica_statistics(box.replicas[other])->batches_resent;
    box.cut[other] = true;
    ask_much("INCR", 1, 70000);
    replica_box_run(&box, 1000);
    box.cut[other] = false;
    ask_much("INCR", 1, 70000);
    cr_expect(box_client_expect(&box, client, ":1\r\n:2\r\n"));
    cr_expect_gt(replica_statistics(box.replicas[other])->batches_resent, resent);
}

static void deliver_all(uint32_t from, uint32_t to) {
    struct replica_packet *packet;
    while ((packet = replica_next_packet(box.replicas[from])) != NULL)
        if (packet->to == to)
            replica_box_deliver(&box, from, packet);
        else
            replica_packet_destroy(packet);
}

/* What brings it entries says too that they are committed: the disk has them before they are
 * applied. */
Test(replica_driver, a_follower_writes_before_it_applies, .fini = end) {
    begin_with(3, look_on);
    uint32_t leader = replica_box_leader(&box), behind = leader % 3 + 1;
    struct replica *follower = box.replicas[behind];
    box_client_close(&box, client);
    client = replica_box_client(&box, leader);
    box.cut[behind] = true;
    ask("SET a 1\r\n", "+OK\r\n");
    box.cut[behind] = false;
    uint64_t applied = replica_applied_index(follower);
    for (int i = 0; i < 100 && raft_commit_index(replica_raft(follower)) == applied; i++) {
        box.now_us += 10 * 1000;
        replica_tick(box.replicas[leader], replica_box_moment(&box, leader));
        deliver_all(leader, behind);
        deliver_all(behind, leader);
    }
    uint64_t committed = raft_commit_index(replica_raft(follower));
    cr_expect_gt(committed, applied);
    cr_expect_eq(replica_applied_index(follower), applied);
    const struct disk_request *request = replica_next_disk(follower);
    cr_assert_not_null(request, "which the disk has before");
    cr_expect_eq(request->call, DISK_APPEND);
    simulated_disk_submit(box.disks[behind], request, box.now_us);
    replica_turn_end(follower, replica_box_moment(&box, behind));
    cr_expect_eq(replica_applied_index(follower), committed);
}

/* A client that has gone takes with it what was not sealed: nobody would get the element. */
Test(replica_driver, pops_nothing_for_a_client_that_has_gone, .init = begin, .fini = end) {
    box_client_send(&box, client, "LPUSH q a\r\n"); /* under way: what comes now waits */
    struct box_client *hasty = replica_box_client(&box, 1);
    box_client_send(&box, hasty, "MULTI\r\nRPOP q\r\nEXEC\r\nRPOP q\r\n");
    box_client_close(&box, hasty);
    cr_expect(box_client_expect(&box, client, ":1\r\n"));
    ask("LLEN q\r\n", ":1\r\n");
}

/* --- reading as the operator likes ---------------------------------------------------------------
 */

Test(replica_driver, reads_locally_where_it_may_and_passes_barriers, .fini = end) {
    begin_with(3, read_locally);
    uint32_t leader = replica_box_leader(&box), other = leader % 3 + 1;
    box_client_close(&box, client);
    client = replica_box_client(&box, other);
    ask("SET a 1\r\nGET a\r\n", "+OK\r\n$1\r\n1\r\n");
    ask("GET a\r\n", "$1\r\n1\r\n");
    box_client_send(&box, client, "LATER\r\nGET a\r\n");
    uint64_t barrier = replica_barrier_begin(box.replicas[other]);
    replica_turn_end(box.replicas[other], replica_box_moment(&box, other));
    for (int i = 0; i < 100 && !replica_barrier_is_passed(box.replicas[other], barrier); i++)
        replica_box_run(&box, 10 * 1000);
    cr_expect(replica_barrier_is_passed(box.replicas[other], barrier));
    is_ready = true;
    replica_box_run(&box, 500 * 1000);
    cr_expect(box_client_expect(&box, client, "+OK\r\n$1\r\n1\r\n"));
}

/* --- founding ------------------------------------------------------------------------------------
 */

static void wait_to_be_founded(struct replica_config *config) {
    look_on(config);
    config->is_unfounded = true;
}

static void wait_to_be_let_in(struct replica_config *config) {
    wait_to_be_founded(config);
    config->is_joining = true;
}

static void expect_loading(void (*configure)(struct replica_config *config), const char *text) {
    replica_box_kill(&box, 1);
    box.configure = configure;
    replica_box_boot(&box, 1);
    struct box_client *early = replica_box_client(&box, 1);
    box_client_send(&box, early, "GET a\r\n");
    replica_tick(box.replicas[1], replica_box_moment(&box, 1));
    cr_expect(box_client_expect(&box, early, text));
    box_client_close(&box, early);
}

Test(replica_driver, says_that_it_waits_for_its_cluster, .init = begin, .fini = end) {
    box_client_close(&box, client);
    expect_loading(wait_to_be_let_in, "-LOADING this node waits to be let into its cluster "
                                      "(--join)\r\n");
    expect_loading(wait_to_be_founded, "-LOADING the cluster is being founded: it waits for all "
                                       "nodes of --cluster\r\n");
    client = replica_box_client(&box, 1);
    replica_found(box.replicas[1], &last_config);
    cr_assert(replica_box_settle(&box));
    ask("SET a 1\r\n", "+OK\r\n");
}

/* --- figures -------------------------------------------------------------------------------------
 */

Test(replica_driver, tells_its_figures, .fini = end) {
    begin_with(3, look_on);
    ask("SET a 1\r\n", "+OK\r\n");
    replica_box_run(&box, 200 * 1000);
    struct replica *replica = box.replicas[replica_box_leader(&box)];
    const struct raft *raft = replica_raft(replica);
    uint64_t last = raft_last_index(raft);
    cr_expect_eq(replica_origin_count(replica), 3);
    cr_expect_eq(replica_inflight_batches(replica), 0);
    cr_expect_gt(journal_log_bytes(replica_journal(replica)), last * ENTRY_HEADER_SIZE);
    cr_expect_eq(journal_progress(replica_journal(replica)).done_bytes, 0, "its log was empty");
    cr_expect_gt(raft_tail_bytes(raft), 0);
    struct raft_rest rest;
    raft_rest_behind(raft, last - 2, &rest);
    cr_expect_eq(rest.entries, 2);
    cr_expect_geq(rest.bytes, 2 * ENTRY_HEADER_SIZE);
    cr_expect_gt(rest.stamp_ms, 0);
    raft_rest_behind(raft, last, &rest);
    cr_expect(rest.entries == 0 && rest.bytes == 0);
    cr_expect_str_eq(raft_cause_text(RAFT_CAUSE_ELECTED), "a majority voted for it");
    cr_expect_str_eq(raft_refusal_text(RAFT_REFUSED_TOO_EARLY),
                     "the leader has not committed an entry of its own term yet");
    cr_expect_not(replica_has_interrupted(replica));
    char name[DISK_NAME_SIZE];
    struct snapshot_options options = {.redis_version = BYTES("7.0.15")};
    struct snapshot_writer *writer = replica_snapshot_begin(replica, &options, name);
    struct buffer file = {0};
    while (!snapshot_writer_next(writer, &file, 1000)) {
    }
    cr_expect_eq(snapshot_writer_keys(writer), 1);
    snapshot_writer_destroy(writer);
    buffer_clear(&file);
    replica_snapshot_written(replica, ERROR_IO, 0, replica_box_moment(&box, 1));
}

Test(replica_driver, learns_from_outside_that_it_was_removed, .fini = end) {
    begin_with(3, look_on);
    struct replica *replica = box.replicas[1];
    uint64_t known = raft_members_index(replica_raft(replica));
    (void)replica_members_changed(replica);
    replica_note_removed(replica, known);
    cr_expect(!replica_is_removed(replica) && !replica_members_changed(replica), "no news");
    replica_note_removed(replica, known + 1);
    cr_expect(replica_is_removed(replica) && replica_members_changed(replica));
    replica_note_removed(replica, known + 1);
    cr_expect_not(replica_members_changed(replica));
}

Test(replica_driver, pushes_what_nobody_asked_for, .init = begin, .fini = end) {
    replica_client_push(box.replicas[1], client->session, BYTES("+news\r\n"));
    cr_expect(box_client_expect(&box, client, "+news\r\n"));
}

/* From which version of the peers' protocol on a packet may be sent. */
Test(replica_driver, tells_which_packets_old_peers_do_not_know, .init = begin, .fini = end) {
    static const struct {
        enum packet_kind kind;
        uint32_t protocol;
    } packets[] = {{PACKET_FORWARD, 2}, {PACKET_DIGEST, 2}, {PACKET_FULL, 3}, {PACKET_CHANGE, 3}};
    for (size_t i = 0; i < COUNT_OF(packets); i++) {
        struct replica_packet *packet = packet_create(1, true, packets[i].kind);
        cr_expect_eq(replica_packet_protocol(packet), packets[i].protocol, "%zu", i);
        replica_packet_destroy(packet);
    }
    struct replica_packet packet = {0};
    struct replica_presence presence = replica_presence(box.replicas[1]);
    replica_write_busy(&packet.head, &presence, 2, 1);
    cr_expect_eq(replica_packet_protocol(&packet), 3);
    buffer_clear(&packet.head);
}
