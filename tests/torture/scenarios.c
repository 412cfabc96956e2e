/* scenarios.c: see scenarios.h. */
#include "tests/torture/scenarios.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simulator/history.h"
#include "tests/torture/faults.h"
#include "tests/torture/nodes.h"
#include "tests/torture/wire.h"

enum {
    DISK_MEBIBYTES = 96,
    SERVING_MS = 20000,
    WRITES = 300,
    BULK_BYTES = 128 * 1024,
    BULK_WRITES_MAX = 600, /* more than the disk holds */
    MEND_MS = 15000,
    FULL_MS = 3000,
    END_MS = 15000,
    TRIES_MS = 10000,
    TROUBLE_MS = 1500, /* longer than the patient election time-out below */
    FLAPS = 8,
};

struct stage {
    struct nodes *nodes;
    struct wire *wire;
    char *problem;
};

PRINTF_LIKE(2, 3) static bool fail(const struct stage *stage, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(stage->problem, SCENARIO_PROBLEM_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

static int leader_of(const struct stage *stage) {
    int leader = -1;
    (void)AWAIT_WITHIN(SERVING_MS, (leader = nodes_leader(stage->nodes)) >= 0);
    return leader < 0 ? 0 : leader;
}

static int follower_of(const struct stage *stage) {
    return (leader_of(stage) + 1) % SCENARIO_NODES;
}

/* The reply's integer, or a string's; -1: none, or an error. */
static long long ask_number(const struct stage *stage, int node, const char *words) {
    redisContext *client = node_connect(stage->nodes, node);
    if (client == NULL) return -1;
    redisReply *reply = redisCommand(client, words);
    long long number = -1;
    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER) number = reply->integer;
    if (reply != NULL && reply->type == REDIS_REPLY_STRING) number = atoll(reply->str);
    if (reply != NULL && reply->type == REDIS_REPLY_NIL) number = 0;
    if (reply != NULL) freeReplyObject(reply);
    redisFree(client);
    return number;
}

/* Acknowledged increments of "counter", one after the other; the last answer. */
static long long count_up(const struct stage *stage, int node) {
    redisContext *client = node_connect(stage->nodes, node);
    if (client == NULL) return -1;
    long long last = -1;
    for (int i = 0; i < WRITES; i++) {
        redisReply *reply = redisCommand(client, "INCR counter");
        bool counted = reply != NULL && reply->type == REDIS_REPLY_INTEGER;
        if (counted) last = reply->integer;
        if (reply != NULL) freeReplyObject(reply);
        if (!counted) break;
    }
    redisFree(client);
    return last;
}

static bool all_serve_and_equal(const struct stage *stage) {
    char problem[SCENARIO_PROBLEM_SIZE / 2];
    if (!nodes_await_serving(stage->nodes, SERVING_MS))
        return fail(stage, "not all nodes serve again within %d s", SERVING_MS / 1000);
    return nodes_are_equal(stage->nodes, SERVING_MS, problem, sizeof(problem)) ||
           fail(stage, "%s", problem);
}

/* --- power ----------------------------------------------------------------------------------- */

/* What the counter holds after all nodes lost their power at once; -1: it can't be asked. */
static long long count_after_power_loss(const struct stage *stage, long long *acknowledged) {
    const bool all[TORTURE_NODES_MAX] = {true, true, true};
    *acknowledged = count_up(stage, leader_of(stage));
    nodes_lose_power(stage->nodes, all);
    nodes_regain_power(stage->nodes, all);
    if (!nodes_await_serving(stage->nodes, SERVING_MS)) return -1;
    return ask_number(stage, follower_of(stage), "GET counter");
}

static bool power_loss_of_all(const struct stage *stage) {
    for (int round = 1; round <= 2; round++) {
        long long acknowledged, count = count_after_power_loss(stage, &acknowledged);
        if (acknowledged != round * WRITES || count != acknowledged)
            return fail(stage, "%lld increments were acknowledged, %lld are there", acknowledged,
                        count);
    }
    return all_serve_and_equal(stage);
}

static bool power_loss_is_noticed(const struct stage *stage) {
    long long acknowledged, count = count_after_power_loss(stage, &acknowledged);
    if (acknowledged == WRITES && count >= 0 && count < acknowledged) return true;
    return fail(stage, "without syncs, %lld of %lld increments survive: no power was lost", count,
                acknowledged);
}

/* At whatever moment of the founding: the nodes are founded when power is back. */
static bool power_loss_while_founding(const struct stage *stage) {
    const bool all[TORTURE_NODES_MAX] = {true, true, true};
    static const uint32_t moments_ms[] = {0, 20, 60, 150};
    for (size_t i = 0; i < COUNT_OF(moments_ms); i++) {
        for (int node = 0; node < SCENARIO_NODES; node++) {
            node_kill(stage->nodes, node);
            place_format(stage->nodes->at[node].place, DISK_MEBIBYTES);
            node_start(stage->nodes, node);
        }
        sleep_ms(moments_ms[i]);
        nodes_lose_power(stage->nodes, all);
        nodes_regain_power(stage->nodes, all);
        if (!nodes_await_serving(stage->nodes, SERVING_MS))
            return fail(stage, "power lost %u ms after the start: not founded within %d s",
                        moments_ms[i], SERVING_MS / 1000);
    }
    return count_up(stage, leader_of(stage)) == WRITES && all_serve_and_equal(stage);
}

/* --- the network ----------------------------------------------------------------------------- */

static void cut_off(const struct stage *stage, int node, bool cut) {
    const struct wire_rule rule = {.cut = cut};
    for (int other = 0; other < SCENARIO_NODES; other++) {
        wire_set(stage->wire, node, other, &rule);
        wire_set(stage->wire, other, node, &rule);
    }
}

/* One write through the leader, then one read of a node that is cut off: as a history. */
static enum history_verdict verdict_of_stale_read(const struct stage *stage, bool *was_answered) {
    int leader = leader_of(stage), other = (leader + 1) % SCENARIO_NODES;
    (void)count_up(stage, leader);
    (void)AWAIT_WITHIN(TRIES_MS, ask_number(stage, other, "GET counter") == WRITES);
    cut_off(stage, other, true);
    struct history_operation operations[2] = {
        {.connection = 1, .count = 1, .commands = {{.call = HISTORY_INCRBY, .argument = WRITES}}},
        {.connection = 2, .count = 1, .commands = {{.call = HISTORY_COUNT}}}};
    struct history_operation earlier = operations[0], *write = &operations[0],
                             *read = &operations[1];
    uint64_t configurations;
    write->invoked = clock_us();
    write->commands[0].argument = 1;
    write->commands[0].result.value = (uint64_t)ask_number(stage, leader, "INCR counter");
    write->returned = clock_us() + 1;
    read->invoked = write->returned + 1;
    long long seen = ask_number(stage, other, "GET counter");
    read->commands[0].result.value = (uint64_t)seen;
    read->returned = read->invoked + clock_us();
    cut_off(stage, other, false);
    *was_answered = seen >= 0;
    earlier.invoked = 1; /* the increments before, as one */
    earlier.returned = 2;
    earlier.commands[0].result.value = WRITES;
    struct history_operation all[3] = {earlier, operations[0], operations[1]};
    return history_check(all, seen >= 0 ? 3 : 2, 1000, &configurations);
}

static bool stale_read_is_noticed(const struct stage *stage) {
    bool was_answered;
    if (verdict_of_stale_read(stage, &was_answered) == HISTORY_VIOLATED) return true;
    return fail(stage, "a node that is cut off reads locally, and that fits the history");
}

static bool cut_off_node_reads_nothing_old(const struct stage *stage) {
    bool was_answered;
    if (verdict_of_stale_read(stage, &was_answered) != HISTORY_LINEARIZABLE)
        return fail(stage, "a node that is cut off answers an old value");
    return all_serve_and_equal(stage);
}

/* --- elections ------------------------------------------------------------------------------- */

struct standing {
    int leader;
    char term[32];
};

static bool is_standing(const struct stage *stage, const struct standing *standing) {
    char term[32];
    return nodes_leader(stage->nodes) == standing->leader &&
           node_info(stage->nodes, standing->leader, "raft_current_term", term, sizeof(term)) &&
           strcmp(term, standing->term) == 0;
}

static void set_one_way(const struct stage *stage, int from, bool cut) {
    const struct wire_rule rule = {.cut = cut};
    for (int to = 0; to < SCENARIO_NODES; to++)
        if (to != from) wire_set(stage->wire, from, to, &rule);
}

static void set_towards(const struct stage *stage, int to, bool cut) {
    const struct wire_rule rule = {.cut = cut};
    for (int from = 0; from < SCENARIO_NODES; from++)
        if (to != from) wire_set(stage->wire, from, to, &rule);
}

static void cut_off_for_a_while(const struct stage *stage, int leader, int other) {
    (void)leader;
    cut_off(stage, other, true);
    sleep_ms(TROUBLE_MS);
    cut_off(stage, other, false);
}
static void mute_for_a_while(const struct stage *stage, int leader, int other) {
    (void)leader;
    set_one_way(stage, other, true);
    sleep_ms(TROUBLE_MS);
    set_one_way(stage, other, false);
}
static void deafen_for_a_while(const struct stage *stage, int leader, int other) {
    (void)leader;
    set_towards(stage, other, true);
    sleep_ms(TROUBLE_MS);
    set_towards(stage, other, false);
}
static void flap(const struct stage *stage, int leader, int other) {
    for (int i = 0; i < FLAPS; i++) {
        const struct wire_rule rule = {.cut = i % 2 == 0};
        wire_set(stage->wire, leader, other, &rule);
        wire_set(stage->wire, other, leader, &rule);
        sleep_ms(TROUBLE_MS / FLAPS);
    }
}
static void pause_for_a_while(const struct stage *stage, int leader, int other) {
    (void)leader;
    node_pause(stage->nodes, other);
    sleep_ms(TROUBLE_MS);
    node_continue(stage->nodes, other);
}
static void hold_leader_up(const struct stage *stage, int leader, int other) {
    (void)other;
    (void)node_hold_up(stage->nodes, leader, TROUBLE_MS);
    sleep_ms(TROUBLE_MS);
}
static void hold_all_up(const struct stage *stage, int leader, int other) {
    (void)leader;
    (void)other;
    for (int i = 0; i < SCENARIO_NODES; i++)
        (void)node_hold_up(stage->nodes, i, TROUBLE_MS + 100 * (uint32_t)i);
    sleep_ms(TROUBLE_MS);
}

/* What is no reason for an election: another node that is cut off, mute, deaf, paused or comes and
 * goes, and slow commands. */
static bool no_reason_no_election(const struct stage *stage) {
    static const struct {
        const char *name;
        void (*happens)(const struct stage *stage, int leader, int other);
    } troubles[] = {
        {"a node that was cut off and comes back", cut_off_for_a_while},
        {"a node that nobody heard", mute_for_a_while},
        {"a node that heard nobody", deafen_for_a_while},
        {"a flapping link", flap},
        {"a node that stood still", pause_for_a_while},
        {"a slow command on the leader", hold_leader_up},
        {"a slow command on all nodes", hold_all_up},
    };
    struct standing standing = {.leader = leader_of(stage)};
    int other = (standing.leader + 1) % SCENARIO_NODES;
    if (!node_info(stage->nodes, standing.leader, "raft_current_term", standing.term,
                   sizeof(standing.term)))
        return fail(stage, "the leader does not say its term");
    for (size_t i = 0; i < COUNT_OF(troubles); i++) {
        troubles[i].happens(stage, standing.leader, other);
        if (!nodes_await_serving(stage->nodes, SERVING_MS))
            return fail(stage, "not all nodes serve after %s", troubles[i].name);
        if (!is_standing(stage, &standing))
            return fail(stage, "%s unseats the leader", troubles[i].name);
        if (count_up(stage, other) < 0)
            return fail(stage, "nothing is written after %s", troubles[i].name);
    }
    return all_serve_and_equal(stage);
}

/* --- disks ----------------------------------------------------------------------------------- */

/* SETs large values until one is refused; false: none was. */
static bool is_refused_as_full(const struct stage *stage, int node, char *said, size_t size) {
    static char bulk[BULK_BYTES];
    redisContext *client = node_connect(stage->nodes, node);
    bool refused = false;
    snprintf(said, size, "nothing");
    for (int i = 0; client != NULL && !refused && i < BULK_WRITES_MAX; i++) {
        redisReply *reply = redisCommand(client, "SET bulk %b", bulk, sizeof(bulk));
        if (reply == NULL) break;
        refused = reply->type == REDIS_REPLY_ERROR;
        if (refused) snprintf(said, size, "%s", reply->str);
        freeReplyObject(reply);
    }
    if (client != NULL) redisFree(client);
    return refused;
}

static bool full_disk_refuses_writes(const struct stage *stage) {
    int leader = leader_of(stage);
    pid_t before = stage->nodes->at[leader].pid;
    long long count = count_up(stage, leader);
    for (int i = 0; i < SCENARIO_NODES; i++)
        place_fill(stage->nodes->at[i].place);
    char said[128];
    if (!is_refused_as_full(stage, leader, said, sizeof(said)) || strncmp(said, "MISCONF", 7) != 0)
        return fail(stage, "with full disks the leader answers %s", said);
    for (int i = 0; i < SCENARIO_NODES; i++)
        if (ask_number(stage, i, "GET counter") != count)
            return fail(stage, "with full disks node %d does not read %lld", i + 1, count);
    for (int i = 0; i < SCENARIO_NODES; i++)
        place_free(stage->nodes->at[i].place);
    if (!AWAIT_WITHIN(MEND_MS, ask_number(stage, leader, "INCR counter") == count + 1))
        return fail(stage, "with room again, no write is taken within %d s", MEND_MS / 1000);
    if (stage->nodes->at[leader].pid != before || nodes_leader(stage->nodes) < 0)
        return fail(stage, "a full disk ended a node");
    return all_serve_and_equal(stage);
}

/* The room that a node needs at its start it has taken before. */
static bool full_disk_lets_nodes_restart(const struct stage *stage) {
    char said[128];
    long long count = count_up(stage, leader_of(stage));
    for (int i = 0; i < SCENARIO_NODES; i++)
        place_fill(stage->nodes->at[i].place);
    (void)is_refused_as_full(stage, leader_of(stage), said, sizeof(said));
    for (int i = 0; i < SCENARIO_NODES; i++)
        node_kill(stage->nodes, i);
    for (int i = 0; i < SCENARIO_NODES; i++)
        node_start(stage->nodes, i);
    int status;
    for (int i = 0; i < SCENARIO_NODES; i++)
        if (AWAIT_WITHIN(FULL_MS / SCENARIO_NODES, node_has_ended(stage->nodes, i, &status)))
            return fail(stage, "node %d ends when it starts on a full disk", i + 1);
    for (int i = 0; i < SCENARIO_NODES; i++)
        place_free(stage->nodes->at[i].place);
    if (!all_serve_and_equal(stage)) return false;
    long long now = ask_number(stage, follower_of(stage), "GET counter");
    return now == count || fail(stage, "of %lld increments %lld are left", count, now);
}

static bool failed_log_write_ends_the_node(const struct stage *stage) {
    int other = follower_of(stage), status = 0;
    long from = node_log_end(stage->nodes, other);
    struct shim_switch *sync = &stage->nodes->at[other].board->calls[SHIM_pwritev2];
    atomic_store(&sync->error, EIO);
    atomic_store(&sync->countdown, 3);
    long long count = count_up(stage, leader_of(stage));
    if (count != WRITES) return fail(stage, "the others do not go on: %lld", count);
    if (!AWAIT_WITHIN(END_MS, node_has_ended(stage->nodes, other, &status)))
        return fail(stage, "a failed write of the log does not end the node");
    if (!disk_failure_is_told(stage->nodes, other, status, from) ||
        !node_logged(stage->nodes, other, from, "writing and syncing of log-"))
        return fail(stage, "the node does not say what failed (wait status %x)", status);
    node_start(stage->nodes, other);
    return all_serve_and_equal(stage) &&
           (ask_number(stage, other, "GET counter") == count || fail(stage, "increments are lost"));
}

static bool flipped_bit_is_repaired(const struct stage *stage) {
    for (uint64_t seed = 1; seed <= 3; seed++) {
        int other = follower_of(stage);
        struct damage damage;
        (void)count_up(stage, other);
        node_kill(stage->nodes, other);
        long from = node_log_end(stage->nodes, other);
        if (!damage_flip(&stage->nodes->at[other], seed, &damage))
            return fail(stage, "there is no place to flip a bit at");
        node_start(stage->nodes, other);
        if (!damage_is_named(stage->nodes, other, from))
            return fail(stage, "the node does not say that byte %ld of %s is flipped",
                        damage.offset, damage.file);
        if (!damage_is_repaired(stage->nodes, other, &damage, from))
            return fail(stage, "what stood around byte %ld of %s is not supplied again",
                        damage.offset, damage.file);
        if (!all_serve_and_equal(stage)) return false;
    }
    return true;
}

/* --- the table ------------------------------------------------------------------------------- */

static const char *const no_syncs[] = {"--raft-fsync", "no", NULL};
/* So that a busy machine does not decide. */
static const char *const patient[] = {"--raft-election-timeout", "800", NULL};
static const char *const local_reads[] = {"--raft-read-mode", "local", NULL};

static const struct scenario {
    const char *name;
    bool (*run)(const struct stage *stage);
    const char *const *options;
} scenarios[] = {
    {"all nodes lose power: nothing acknowledged is lost", power_loss_of_all, NULL},
    {"the same without syncs: the loss is noticed", power_loss_is_noticed, no_syncs},
    {"all nodes lose power while the cluster is founded", power_loss_while_founding, NULL},
    {"a node that is cut off reads nothing old", cut_off_node_reads_nothing_old, NULL},
    {"the same with local reads: the old value is noticed", stale_read_is_noticed, local_reads},
    {"what is no reason for an election brings about none", no_reason_no_election, patient},
    {"full disks refuse writes, read, and recover without a restart", full_disk_refuses_writes,
     NULL},
    {"with full disks all nodes are killed and come back", full_disk_lets_nodes_restart, NULL},
    {"a failed write of the log ends the node, a restart mends it", failed_log_write_ends_the_node,
     NULL},
    {"a flipped bit is named, and the others supply what is lost", flipped_bit_is_repaired, NULL},
};

const char *scenario_name(size_t number) {
    return number < COUNT_OF(scenarios) ? scenarios[number].name : NULL;
}

bool scenario_run(size_t number, struct lab *lab, char problem[static SCENARIO_PROBLEM_SIZE]) {
    const struct scenario *scenario = &scenarios[number];
    struct wire_host hosts[SCENARIO_NODES];
    struct nodes_settings settings = {.count = SCENARIO_NODES,
                                      .disk_mebibytes =
                                          DISK_MEBIBYTES, /* What is not synced is to be lost. */
                                      .caches_are_volatile = {true, true, true},
                                      .options = scenario->options};
    struct stage stage = {.nodes = nodes_create(lab, &settings), .problem = problem};
    for (int i = 0; i < SCENARIO_NODES; i++)
        hosts[i] =
            (struct wire_host){.device = lab->places[i].device, .address = lab->places[i].address};
    stage.wire = wire_create(hosts, SCENARIO_NODES, number);
    for (int i = 0; i < SCENARIO_NODES; i++)
        node_start(stage.nodes, i);
    bool passed = nodes_await_serving(stage.nodes, SERVING_MS)
                      ? scenario->run(&stage)
                      : fail(&stage, "the cluster is not founded within %d s", SERVING_MS / 1000);
    for (int i = 0; !passed && i < SCENARIO_NODES; i++)
        node_show_log(stage.nodes, i);
    wire_destroy(stage.wire);
    nodes_destroy(stage.nodes);
    return passed;
}
