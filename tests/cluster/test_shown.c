/* What INFO, CLIENT LIST, SLOWLOG, LATENCY and MONITOR show: each field beside what moves it.
 * tests/purity/test_shown.py sees to it that none is left out. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/cluster/harness.h"

static struct cluster *cluster;
static redisContext *client;

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void begin_with(const char *const *options) {
    cluster = cluster_create_running(1, options);
    client = node_connect(cluster, 0);
}

static void begin(void) {
    begin_with(NULL);
}

static void end(void) {
    if (client != NULL) redisFree(client);
    if (cluster != NULL) cluster_destroy(cluster);
    client = NULL;
}

static const char *text_of(int node, const char *field) {
    static char text[512];
    node_info_text(cluster, node, "everything", field, text, sizeof(text));
    return text;
}

static double number(const char *field) {
    const char *text = text_of(0, field);
    cr_assert_neq(text[0], '\0', "%s is shown", field);
    return atof(text);
}

static bool shows(const char *field, const char *expected) {
    return strcmp(text_of(0, field), expected) == 0;
}

/* As `client` is told, who has authenticated. */
static bool client_shows(const char *section, const char *line) {
    redisReply *reply = ask(client, "INFO %s", section);
    bool found = strstr(reply->str, line) != NULL;
    freeReplyObject(reply);
    return found;
}

#define EXPECT_SHOWN(field, expected)                                                              \
    cr_expect(shows(field, expected), "%s:%s is not %s", field, text_of(0, field), expected)

static void fill(int keys, size_t value_size) {
    char *value = malloc(value_size);
    CHECK(value != NULL);
    memset(value, 'x', value_size);
    for (int i = 0; i < keys; i++)
        cr_assert(ask_is(client, "OK", "SET fill:%d %b", i, value, value_size));
    free(value);
}

/* --- INFO: the process ----------------------------------------------------------------------- */

Test(shown, tells_of_the_process, .fini = end) {
    char expected[512], path[CLUSTER_PATH_MAX + 16], run_id[64];
    struct utsname system;
    cluster = cluster_create(1, NULL);
    snprintf(path, sizeof(path), "%s/redis.conf", cluster->root);
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    fputs("hz 37\nmaxclients 77\nmaxmemory 100mb\n", file);
    fclose(file);
    node_start_with(cluster, 0, NULL, OPTIONS(path));
    node_await_serving(cluster, 0);
    client = node_connect(cluster, 0);

    uname(&system);
    snprintf(expected, sizeof(expected), "%s %s %s", system.sysname, system.release,
             system.machine);
    EXPECT_SHOWN("os", expected);
    snprintf(expected, sizeof(expected), "%d", (int)cluster->nodes[0].pid);
    EXPECT_SHOWN("process_id", expected);
    snprintf(expected, sizeof(expected), "%d", cluster->nodes[0].port);
    EXPECT_SHOWN("tcp_port", expected);
    EXPECT_SHOWN("process_supervised", "no");
    EXPECT_SHOWN("hz", "37");
    EXPECT_SHOWN("configured_hz", "37");
    EXPECT_SHOWN("maxclients", "77");
    EXPECT_SHOWN("maxmemory", "104857600");
    EXPECT_SHOWN("maxmemory_human", "100.00M");
    char *resolved = realpath(path, NULL);
    EXPECT_SHOWN("config_file", resolved);
    free(resolved);
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)cluster->nodes[0].pid);
    ssize_t size = readlink(path, expected, sizeof(expected) - 1);
    cr_assert_gt(size, 0);
    expected[size] = '\0';
    EXPECT_SHOWN("executable", expected);
    double time_us = number("server_time_usec");
    AWAIT(number("uptime_in_seconds") >= 1);
    cr_expect_gt(number("server_time_usec"), time_us);

    snprintf(run_id, sizeof(run_id), "%s", text_of(0, "run_id"));
    cr_expect_eq(strlen(run_id), 40);
    redisFree(client);
    node_signal(cluster, 0, SIGTERM);
    node_start(cluster, 0);
    node_await_serving(cluster, 0);
    client = node_connect(cluster, 0);
    cr_expect_not(shows("run_id", run_id), "another run has another id");
}

Test(shown, tells_of_time_spent, .init = begin, .fini = end) {
    static const char *const fields[] = {"used_cpu_sys", "used_cpu_user",
                                         "used_cpu_sys_main_thread", "used_cpu_user_main_thread"};
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        double before = number(fields[i]);
        AWAIT((ask_is(client, "OK", "MSET a 1 b 2"), number(fields[i]) > before));
    }
}

Test(shown, tells_of_memory, .init = begin, .fini = end) {
    static const char *const grows[] = {
        "used_memory",         "used_memory_rss",  "used_memory_peak",  "used_memory_dataset",
        "allocator_allocated", "allocator_active", "allocator_resident"};
    double before[COUNT_OF(grows)];
    for (size_t i = 0; i < COUNT_OF(grows); i++)
        before[i] = number(grows[i]);
    double startup = number("used_memory_startup");
    fill(64, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(grows); i++)
        cr_expect_gt(number(grows[i]), before[i] + (32 << 20), "%s", grows[i]);
    cr_expect_eq(number("used_memory_startup"), startup);
    cr_expect_lt(startup, number("used_memory"));

    static const char *const people[][2] = {{"used_memory_human", "used_memory"},
                                            {"used_memory_rss_human", "used_memory_rss"},
                                            {"used_memory_peak_human", "used_memory_peak"},
                                            {"total_system_memory_human", "total_system_memory"}};
    for (size_t i = 0; i < COUNT_OF(people); i++) {
        const char *text = text_of(0, people[i][0]);
        double unit = strchr(text, 'G') != NULL ? 1 << 30 : strchr(text, 'M') != NULL ? 1 << 20 : 1;
        double shown = atof(text) * unit, exact = number(people[i][1]);
        cr_expect(shown > exact * 0.9 && shown < exact * 1.1, "%s", people[i][0]);
    }
    double pages = (double)sysconf(_SC_PHYS_PAGES), page = (double)sysconf(_SC_PAGESIZE);
    cr_expect_eq(number("total_system_memory"), pages * page);

    /* Parts of each other. */
    cr_expect_eq(number("used_memory_overhead"), startup);
    cr_expect_gt(number("used_memory_dataset_perc"), 50);
    static const struct {
        const char *ratio, *bytes;
    } parts[] = {{"allocator_frag_ratio", "allocator_frag_bytes"},
                 {"allocator_rss_ratio", "allocator_rss_bytes"},
                 {"rss_overhead_ratio", "rss_overhead_bytes"}};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        double ratio = number(parts[i].ratio), bytes = number(parts[i].bytes);
        cr_expect(ratio > 0.5 && ratio < 3, "%s %g", parts[i].ratio, ratio);
        cr_expect_lt(bytes < 0 ? -bytes : bytes, number("used_memory_rss"), "%s", parts[i].bytes);
    }

    double peak = number("used_memory_peak_perc");
    bool exact = strncmp(text_of(0, "mem_allocator"), "jemalloc", 8) == 0;
    cr_assert(ask_is(client, "OK", "FLUSHALL"));
    if (!exact) return; /* a sanitizer gives nothing back */
    AWAIT(number("used_memory_peak_perc") < peak / 2);
    cr_expect_gt(number("mem_fragmentation_ratio"), 1);
    cr_expect_gt(number("mem_fragmentation_bytes"), 0);
    cr_expect_gt(number("allocator_frag_ratio"), 1);
    cr_expect_geq(number("allocator_rss_ratio"), 1);
}

/* --- INFO: clients and what they do ------------------------------------------------------------
 */

Test(shown, tells_of_clients, .init = begin, .fini = end) {
    double before = number("connected_clients");
    redisContext *other = node_connect(cluster, 0);
    cr_expect_eq(number("connected_clients"), before + 1);
    before = number("mem_clients_normal");
    fill(1, 300000);
    for (int i = 0; i < 20; i++)
        freeReplyObject(ask(other, "GET fill:0"));
    cr_expect_gt(number("client_recent_max_input_buffer"), 100000);
    cr_expect_gt(number("client_recent_max_output_buffer"), 100000);
    cr_assert(ask_is(other, "OK", "MULTI"));
    cr_expect_neq(number("mem_clients_normal"), before);
    cr_assert(ask_is(client, "OK", "CONFIG SET requirepass secret"));
    redisContext *stranger = node_connect(cluster, 0);
    AWAIT(client_shows("clients", "unauthenticated_clients:1\r\n"));
    cr_assert(ask_is(stranger, "OK", "AUTH secret"));
    AWAIT(client_shows("clients", "unauthenticated_clients:0\r\n"));
    cr_assert(ask_is(client, "OK", "CONFIG SET requirepass \"\""));
    redisFree(stranger);
    redisFree(other);
}

Test(shown, tells_of_work, .init = begin, .fini = end) {
    static const char *const grows[] = {
        "total_reads_processed", "total_writes_processed", "raft_log_appends",
        "raft_log_entries",      "raft_current_index",     "raft_loop_turns",
        "raft_durable_index",    "raft_batches_applied",   "raft_entries_applied",
        "raft_input_bytes",      "raft_reads_immediate"};
    double before[COUNT_OF(grows)];
    for (size_t i = 0; i < COUNT_OF(grows); i++)
        before[i] = number(grows[i]);
    cr_assert(ask_is(client, "OK", "SET short 1 PX 1"));
    freeReplyObject(ask(client, "GET long"));
    cr_expect_eq(number("raft_origins_opened"), 1);
    for (size_t i = 0; i < COUNT_OF(grows); i++)
        cr_expect_gt(number(grows[i]), before[i], "%s", grows[i]);
    cr_expect_gt(number("raft_fsync_usec_last"), 0);
    double half = number("raft_fsync_usec_p50"), most = number("raft_fsync_usec_p99");
    cr_expect(0 < half && half <= most && most <= number("raft_fsync_usec_max") * 1.01);
    cr_expect_eq(number("raft_first_index"), 1);
    EXPECT_SHOWN("raft_voted_for", "1");
    AWAIT(number("expired_keys") >= 1);
    cr_assert(ask_is(client, "OK", "CONFIG RESETSTAT"));
    AWAIT(number("raft_fsync_usec_p99") == 0 || (ask_is(client, "OK", "CONFIG RESETSTAT"), false));
    static const char *const rates[] = {"instantaneous_ops_per_sec", "instantaneous_input_kbps",
                                        "instantaneous_output_kbps"};
    for (size_t i = 0; i < COUNT_OF(rates); i++)
        AWAIT((fill(20, 1000), number(rates[i]) > 0));
}

/* A log that takes a while to be read; looked at often enough, one start shows it. */
Test(shown, tells_that_it_loads, .init = begin, .fini = end) {
    fill(64, 1 << 20);
    EXPECT_SHOWN("loading", "0");
    EXPECT_SHOWN("raft_state", "up");
    bool seen = false, seen_state = false, seen_start = false, seen_rest = false;
    for (int start = 0; start < 50 && !(seen && seen_state && seen_start && seen_rest); start++) {
        node_signal(cluster, 0, SIGKILL);
        node_start(cluster, 0);
        while (!shows("loading", "0")) {
            seen |= shows("loading", "1");
            seen_state |= shows("raft_state", "loading");
            seen_start |= atof(text_of(0, "loading_start_time")) > 1e9;
            seen_rest |= text_of(0, "loading_eta_seconds")[0] != '\0';
        }
    }
    cr_expect(seen && seen_state && seen_start && seen_rest);
    redisFree(client);
    client = NULL;
}

/* --- INFO: three nodes ------------------------------------------------------------------------ */

Test(shown, tells_of_the_cluster, .fini = end) {
    char expected[128], cluster_id[64];
    cluster = cluster_create_running(3, NULL);
    EXPECT_SHOWN("raft_num_voting_nodes", "3");
    EXPECT_SHOWN("raft_is_voting", "yes");
    int leader = cluster_leader(cluster), follower = cluster_follower(cluster);
    AWAIT(strcmp(text_of(leader, "connected_slaves"), "2") == 0);
    cr_expect_str_eq(text_of(follower, "connected_slaves"), "0");
    cr_expect_str_eq(text_of(follower, "master_host"), "127.0.0.1");
    snprintf(expected, sizeof(expected), "%d", cluster->nodes[leader].port);
    cr_expect_str_eq(text_of(follower, "master_port"), expected);
    cr_expect_str_eq(text_of(follower, "master_link_status"), "up");
    snprintf(cluster_id, sizeof(cluster_id), "%s", text_of(leader, "master_replid"));
    cr_expect_eq(strlen(cluster_id), 40);
    cr_expect_str_eq(text_of(follower, "master_replid"), cluster_id);
    cr_expect_gt(atoll(text_of(follower, "raft_origin")), 0);
    AWAIT(strcmp(text_of(follower, "raft_dedup_sessions"), "3") == 0); /* once it has all three */
    int id = (int)node_info(cluster, leader, "raft_node_id");
    char field[32];
    snprintf(field, sizeof(field), "raft_node%d", id);
    snprintf(expected, sizeof(expected), "id=%d,state=connected,voting=yes,addr=127.0.0.1,port=%d,",
             id, cluster->nodes[leader].port);
    AWAIT(strncmp(text_of(follower, field), expected, strlen(expected)) == 0);

    /* What its leader knows of a follower. */
    static const char *const known[] = {",progress=replicate,match_index=", ",lag_entries=0,",
                                        ",lag_bytes=0,lag_ms=0,rtt_usec="};
    snprintf(field, sizeof(field), "raft_node%d",
             (int)node_info(cluster, follower, "raft_node_id"));
    for (size_t i = 0; i < COUNT_OF(known); i++)
        AWAIT(strstr(text_of(leader, field), known[i]) != NULL);
    AWAIT(atoll(strstr(text_of(leader, field), "rtt_usec=") + 9) > 0);
    AWAIT(atoll(text_of(leader, "raft_lease_usec")) > 0);
    cr_expect_str_eq(text_of(follower, "raft_lease_usec"), "0");

    long long offset = atoll(text_of(follower, "slave_repl_offset"));
    client = node_connect(cluster, follower);
    cr_assert(ask_is(client, "OK", "SET a 1"));
    cr_expect_gt(atoll(text_of(follower, "slave_repl_offset")), offset);
    cr_expect_gt(atoll(text_of(follower, "slave_read_repl_offset")), offset);
    cr_expect_gt(atoll(text_of(follower, "raft_packets_in")), 0);
    cr_expect_gt(atoll(text_of(follower, "raft_packets_out")), 0);
    /* None comes from nodes of one version: tests/unit/test_replica.c makes some. */
    cr_expect_str_eq(text_of(follower, "raft_packets_refused"), "0");

    /* Cut off: what it was sent waits, and no leader is known. */
    long long term = atoll(text_of(follower, "raft_current_term"));
    long long changes = atoll(text_of(follower, "raft_leader_changes"));
    for (int node = 0; node < 3; node++)
        if (node != follower) node_signal(cluster, node, SIGKILL);
    AWAIT(strcmp(text_of(follower, "master_link_status"), "down") == 0);
    int fd = connect_port(cluster->nodes[follower].port);
    cr_assert_eq(send(fd, "SET b 1\r\n", 9, MSG_NOSIGNAL), 9);
    AWAIT(atoll(text_of(follower, "raft_inflight_bytes")) > 0);
    cr_expect_gt(atoll(text_of(follower, "mem_raft_inflight")), 0);
    close(fd);
    for (int node = 0; node < 3; node++)
        if (node != follower) node_start(cluster, node);
    cluster_await_serving(cluster);
    cr_expect_gt(atoll(text_of(follower, "raft_current_term")), term);
    cr_expect_gt(atoll(text_of(follower, "raft_leader_changes")), changes);
}

/* --- CLIENT LIST ------------------------------------------------------------------------------ */

/* The line of the client with this name. */
static const char *line_of(const char *name) {
    static char line[1024];
    char wanted[64];
    redisReply *reply = ask(client, "CLIENT LIST");
    snprintf(wanted, sizeof(wanted), " name=%s ", name);
    char *rest = reply->str;
    line[0] = '\0';
    for (char *each; (each = strsep(&rest, "\n")) != NULL;)
        if (strstr(each, wanted) != NULL) snprintf(line, sizeof(line), "%s ", each);
    freeReplyObject(reply);
    return line;
}

static long long client_number(const char *name, const char *field) {
    const char *found = strstr(line_of(name), field);
    cr_assert_not_null(found, "%s", field);
    return atoll(found + strlen(field));
}

static bool line_has(const char *name, const char *part) {
    return strstr(line_of(name), part) != NULL;
}

Test(shown, describes_a_client_at_work, .init = begin, .fini = end) {
    int fd = connect_port(cluster->nodes[0].port);
    int small = 4096;
    char command[128];
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    static const char begins[] = "CLIENT SETNAME it\r\n";
    cr_assert_eq(send(fd, begins, strlen(begins), MSG_NOSIGNAL), (ssize_t)strlen(begins));
    AWAIT(line_has("it", " cmd=client|setname "));
    cr_expect(line_has("it", " user=default redir=-1 resp=2 "));
    cr_expect(line_has("it", " events=r "));
    cr_expect(line_has("it", " ssub=0 "));
    cr_expect(line_has("it", " argv-mem=0 "));
    cr_expect(line_has("it", " rbp=0 "));
    cr_expect(line_has("it", " oll=0 "));
    cr_expect_gt(client_number("it", " fd="), 0);
    AWAIT(client_number("it", " age=") >= 1);
    AWAIT(client_number("it", " idle=") >= 1);

    long long memory = client_number("it", " tot-mem=");
    int size = snprintf(command, sizeof(command),
                        "MULTI\r\nSET a %64d\r\n*2\r\n$4\r\nECHO\r\n$9\r\nab", 1);
    cr_assert_eq(send(fd, command, (size_t)size, MSG_NOSIGNAL), size);
    AWAIT(client_number("it", " multi-mem=") > 0);
    cr_expect_gt(client_number("it", " qbuf="), 0, "what is not parsed yet");
    cr_expect_gt(client_number("it", " qbuf-free="), 0);
    cr_expect_gt(client_number("it", " tot-mem="), memory);

    /* A slow reader: its output waits. */
    fill(1, 1 << 20);
    static const char rest[] = "1234567\r\nDISCARD\r\n", get[] = "GET fill:0\r\n";
    cr_assert_eq(send(fd, rest, strlen(rest), MSG_NOSIGNAL), (ssize_t)strlen(rest));
    for (int i = 0; i < 30; i++)
        cr_assert_eq(send(fd, get, strlen(get), MSG_NOSIGNAL), (ssize_t)strlen(get));
    AWAIT(client_number("it", " obl=") > 0);
    AWAIT(line_has("it", " events=rw ") || line_has("it", " events=w "));
    cr_expect_gt(client_number("it", " omem="), 1 << 19);
    cr_expect_gt(client_number("it", " rbs="), 1 << 19);
    close(fd);
}

Test(shown, flags_a_client_that_goes, .init = begin, .fini = end) {
    redisContext *victim = node_connect(cluster, 0);
    cr_assert(ask_is(victim, "OK", "CLIENT SETNAME victim"));
    long long id = ask_integer(victim, "CLIENT ID");
    /* In one turn: it is marked, and closed when the turn ends. */
    redisAppendCommand(client, "CLIENT KILL ID %lld", id);
    redisAppendCommand(client, "CLIENT LIST");
    redisReply *reply;
    cr_assert_eq(redisGetReply(client, (void **)&reply), REDIS_OK);
    cr_expect_eq(reply->integer, 1);
    freeReplyObject(reply);
    cr_assert_eq(redisGetReply(client, (void **)&reply), REDIS_OK);
    cr_expect_not_null(strstr(reply->str, " flags=A "), "%s", reply->str);
    freeReplyObject(reply);
    redisFree(victim);

    cr_assert(ask_is(client, "OK", "MULTI"));
    cr_assert(ask_is(client, "QUEUED", "CLIENT KILL TYPE normal SKIPME no"));
    cr_assert(ask_is(client, "QUEUED", "CLIENT INFO"));
    reply = ask(client, "EXEC");
    cr_assert_eq(reply->elements, 2);
    cr_expect_not_null(strstr(reply->element[1]->str, " flags=xc "), "%s", reply->element[1]->str);
    freeReplyObject(reply);
}

/* --- Commandstats, Latencystats, SLOWLOG, LATENCY ----------------------------------------------
 */

Test(shown, counts_each_command, .init = begin, .fini = end) {
    cr_assert(ask_is(client, "OK", "CONFIG RESETSTAT"));
    cr_assert(ask_is(client, "OK", "CONFIG SET requirepass p"));
    redisContext *stranger = node_connect(cluster, 0);
    cr_assert(ask_is(stranger, "NOAUTH Authentication required.", "GET a"));
    redisFree(stranger);
    cr_assert(ask_is(client, "OK", "CONFIG SET requirepass \"\""));
    cr_assert(ask_is(client, "OK", "SET a 1"));
    freeReplyObject(ask(client, "GET a"));
    freeReplyObject(ask(client, "GET b"));
    freeReplyObject(ask(client, "GET"));
    freeReplyObject(ask(client, "LPUSH a x"));
    freeReplyObject(ask(client, "MULTI"));
    freeReplyObject(ask(client, "LPUSH a y"));
    freeReplyObject(ask(client, "INCR a"));
    freeReplyObject(ask(client, "EXEC"));
    freeReplyObject(ask(client, "EXEC"));
    static const struct {
        const char *name;
        unsigned calls, refused, failed;
    } cases[] = {{"set", 1, 0, 0},  {"get", 2, 2, 0},   {"lpush", 2, 0, 2},
                 {"incr", 1, 0, 0}, {"multi", 1, 0, 0}, {"exec", 2, 0, 1}};
    redisReply *reply = ask(client, "INFO commandstats latencystats");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char head[64], tail[64];
        snprintf(head, sizeof(head), "cmdstat_%s:calls=%u,usec=", cases[i].name, cases[i].calls);
        snprintf(tail, sizeof(tail), ",rejected_calls=%u,failed_calls=%u", cases[i].refused,
                 cases[i].failed);
        const char *line = strstr(reply->str, head);
        cr_assert_not_null(line, "%s in %s", head, reply->str);
        const char *found = strstr(line, tail);
        cr_expect(found != NULL && found < strchr(line, '\r'), "%s: %.100s", tail, line);
        snprintf(head, sizeof(head), "latency_percentiles_usec_%s:p50=", cases[i].name);
        cr_expect_not_null(strstr(reply->str, head), "%s in %s", head, reply->str);
    }
    freeReplyObject(reply);
    reply = ask(client, "LATENCY HISTOGRAM get nosuch");
    cr_assert_eq(reply->elements, 2);
    cr_expect_str_eq(reply->element[0]->str, "get");
    cr_assert_eq(reply->element[1]->elements, 4);
    cr_expect_eq(reply->element[1]->element[1]->integer, 2);
    redisReply *counts = reply->element[1]->element[3];
    cr_assert_geq(counts->elements, 2);
    cr_expect_eq(counts->element[counts->elements - 1]->integer, 2);
    freeReplyObject(reply);
    cr_assert(ask_is(client, "OK", "CONFIG RESETSTAT"));
    cr_assert(ask_is(client, "OK", "CONFIG SET latency-tracking no"));
    freeReplyObject(ask(client, "GET a"));
    reply = ask(client, "INFO commandstats latencystats");
    cr_expect_not_null(strstr(reply->str, "cmdstat_get:calls=1,"));
    cr_expect_null(strstr(reply->str, "usec_get:"));
    cr_expect_null(strstr(reply->str, "cmdstat_set:"));
    freeReplyObject(reply);
}

Test(shown, remembers_slow_commands, .fini = end) {
    begin_with(OPTIONS("--enable-debug-command", "yes", "--slowlog-max-len", "3",
                       "--latency-monitor-threshold", "10"));
    cr_expect_eq(ask_integer(client, "SLOWLOG LEN"), 0);
    cr_assert(ask_is(client, "OK", "CLIENT SETNAME me"));
    cr_assert(ask_is(client, "OK", "DEBUG SLEEP 0.02"));
    redisReply *reply = ask(client, "SLOWLOG GET");
    cr_assert_eq(reply->elements, 1);
    redisReply *entry = reply->element[0];
    cr_assert_eq(entry->elements, 6);
    cr_expect_geq(entry->element[2]->integer, 20000);
    cr_assert_eq(entry->element[3]->elements, 3);
    cr_expect_str_eq(entry->element[3]->element[1]->str, "SLEEP");
    cr_expect_eq(strncmp(entry->element[4]->str, "127.0.0.1:", 10), 0);
    cr_expect_str_eq(entry->element[5]->str, "me");
    freeReplyObject(reply);

    reply = ask(client, "LATENCY LATEST");
    cr_assert_eq(reply->elements, 1);
    cr_expect_str_eq(reply->element[0]->element[0]->str, "command");
    cr_expect_geq(reply->element[0]->element[3]->integer, 20);
    freeReplyObject(reply);
    reply = ask(client, "LATENCY HISTORY command");
    cr_assert_eq(reply->elements, 1);
    cr_expect_geq(reply->element[0]->element[1]->integer, 20);
    freeReplyObject(reply);
    cr_expect_eq(ask_integer(client, "LATENCY RESET fast-command"), 0);
    cr_expect_eq(ask_integer(client, "LATENCY RESET"), 1);

    /* Writes too; no secrets; so many, so long, and no more than wanted. */
    cr_assert(ask_is(client, "OK", "CONFIG SET slowlog-log-slower-than 0"));
    cr_assert(ask_is(client, "OK", "CONFIG SET requirepass secret"));
    cr_assert(ask_is(client, "OK", "AUTH default secret"));
    cr_assert(ask_is(client, "OK", "SET a %0200d", 1));
    reply = ask(client, "SLOWLOG GET -1");
    cr_assert_eq(reply->elements, 3);
    cr_expect_str_eq(reply->element[0]->element[3]->element[0]->str, "set");
    const char *value = reply->element[0]->element[3]->element[2]->str;
    cr_expect_str_eq(value + 128, "... (72 more bytes)");
    cr_expect_str_eq(reply->element[1]->element[3]->element[2]->str, "(redacted)");
    cr_expect_str_eq(reply->element[2]->element[3]->element[3]->str, "(redacted)");
    freeReplyObject(reply);
    cr_assert(ask_is(client, "OK", "CONFIG SET slowlog-log-slower-than -1"));
    cr_assert(ask_is(client, "OK", "SLOWLOG RESET"));
    cr_expect_eq(ask_integer(client, "SLOWLOG LEN"), 0);
    cr_assert(ask_is(client, "OK", "CONFIG SET requirepass \"\""));
}

/* --- MONITOR ---------------------------------------------------------------------------------- */

static void expect_monitored(redisContext *monitor, const char *expected) {
    redisReply *reply;
    cr_assert_eq(redisGetReply(monitor, (void **)&reply), REDIS_OK, "%s", monitor->errstr);
    const char *command = strchr(reply->str, ']');
    cr_expect(isdigit(reply->str[0]) && command != NULL, "%s", reply->str);
    cr_expect_str_eq(command == NULL ? "" : command + 2, expected);
    freeReplyObject(reply);
}

Test(shown, shows_commands_to_monitors, .init = begin, .fini = end) {
    redisContext *monitor = node_connect(cluster, 0);
    cr_assert(ask_is(monitor, "OK", "CLIENT SETNAME monitor"));
    cr_assert(ask_is(monitor, "OK", "MONITOR"));
    cr_expect(line_has("monitor", " flags=O "));
    cr_expect(line_has("monitor", " cmd=monitor "));
    cr_assert(ask_is(client, "OK", "SET %s %b", "a b", "x\n\"\\\x01", (size_t)5));
    cr_assert(ask_is(client, "OK", "AUTH default secret"));
    freeReplyObject(ask(client, "CONFIG GET port"));
    freeReplyObject(ask(client, "MULTI"));
    freeReplyObject(ask(client, "INCR n"));
    freeReplyObject(ask(client, "EXEC"));
    expect_monitored(monitor, "\"set\" \"a b\" \"x\\n\\\"\\\\\\x01\"");
    expect_monitored(monitor, "\"AUTH\" \"(redacted)\" \"(redacted)\"");
    expect_monitored(monitor, "\"MULTI\"");
    expect_monitored(monitor, "\"incr\" \"n\"");
    expect_monitored(monitor, "\"exec\"");
    cr_expect(ask_is(monitor, "ERR Replica can't interact with the keyspace", "GET a"));
    cr_expect(ask_is(monitor, "RESET", "RESET"));
    cr_expect(ask_is(monitor, "PONG", "PING"));
    cr_assert(ask_is(client, "OK", "SET c d"));
    cr_expect(ask_is(monitor, "d", "GET c"));
    redisFree(monitor);
}

/* Who is fed without asking must not fill the memory. */
Test(shown, lets_a_slow_monitor_go, .fini = end) {
    begin_with(OPTIONS("--client-output-buffer-limit", "pubsub", "4mb", "0", "0"));
    int fd = connect_port(cluster->nodes[0].port);
    cr_assert_eq(send(fd, "MONITOR\r\n", 9, MSG_NOSIGNAL), 9);
    AWAIT(number("client_output_buffer_limit_disconnections") == 1 || (fill(4, 1 << 20), false));
    close(fd);
}

/* --- ACL -------------------------------------------------------------------------------------- */

Test(shown, tells_of_its_one_user, .fini = end) {
    begin();
    cr_expect(ask_is(client, "default", "ACL WHOAMI"));
    redisReply *reply = ask(client, "ACL LIST");
    cr_expect_str_eq(reply->element[0]->str, "user default on nopass ~* &* +@all");
    freeReplyObject(reply);
    reply = ask(client, "ACL CAT string");
    bool found = false;
    for (size_t i = 0; i < reply->elements; i++)
        found |= strcmp(reply->element[i]->str, "getdel") == 0;
    cr_expect(found);
    freeReplyObject(reply);
    cr_expect(ask_is(client, "ERR Unknown category 'nosuch'", "ACL CAT nosuch"));
    reply = ask(client, "ACL GENPASS 5");
    cr_expect_eq(reply->len, 2);
    freeReplyObject(reply);
    reply = ask(client, "ACL GETUSER nobody");
    cr_expect_eq(reply->type, REDIS_REPLY_NIL);
    freeReplyObject(reply);
    cr_assert(ask_is(client, "OK", "CONFIG SET requirepass abc"));
    reply = ask(client, "ACL LIST"); /* the password's SHA-256 */
    cr_expect_str_eq(reply->element[0]->str,
                     "user default on "
                     "#ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad ~* &* "
                     "+@all");
    freeReplyObject(reply);
    cr_assert(ask_is(client, "OK", "CONFIG SET requirepass \"\""));
}
