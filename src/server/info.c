/* info.c: see info.h. A row is a field; a field whose value is a constant says in its row why that
 * is the truth. Names are Redis's (and RedisRaft's in "Raft"), so that tools find what they look
 * for; what cannot be true is left out (docs/compatibility.md). */
#include "src/server/info.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "src/server/client.h"
#include "src/server/cluster.h"
#include "src/server/commands.h"
#include "src/server/config_text.h"
#include "src/server/daemon.h"
#include "src/server/import.h"
#include "src/server/membership.h"
#include "src/server/memory_usage.h"
#include "src/server/node_figures.h"
#include "src/server/observer.h"
#include "src/server/peers.h"
#include "src/server/saver.h"
#include "src/server/version.h"
#include "src/server/watchdog.h"
#include "storages/emitter.h"

/* What is looked up once for all fields of one INFO. */
struct facts {
    struct server *server;
    const struct config *config;
    struct raft *raft; /* NULL while the log is read */
    const struct replica_statistics *replica;
    const struct storages_statistics *storages;
    const struct member *leader;   /* NULL: none known, or this node */
    const struct members *members; /* in force; before the log is read, those last seen */
    struct members seen;
    struct memory_usage memory;
    struct rusage usage, thread_usage, children_usage;
    struct utsname system;
    uint64_t now_us;
    uint64_t pubsub_clients, blocked_writers;
    bool leads;
};

typedef uint64_t number_function(const struct facts *facts);
typedef void text_function(const struct facts *facts, struct buffer *out);

struct field {
    const char *name;
    const char *constant;    /* the value itself, or */
    number_function *number; /* a number, or */
    text_function *text;     /* anything; with name NULL it writes whole lines */
    const char *why;         /* why the value never changes, or no test sees it change */
};

/* tests/purity/test_shown.py looks for a test that names each NUMBER and TEXT. */
#define CONSTANT(spelling, value, reason)                                                          \
    { .name = (spelling), .constant = (value), .why = (reason) }
#define SLOW_NUMBER(spelling, function, reason)                                                    \
    { .name = (spelling), .number = (function), .why = (reason) }
#define NUMBER(spelling, function)                                                                 \
    { .name = (spelling), .number = (function) }
#define TEXT(spelling, function)                                                                   \
    { .name = (spelling), .text = (function) }
#define LINES(function)                                                                            \
    { .text = (function) }

static void print_fields(const struct field *fields, size_t count, const struct facts *facts,
                         struct buffer *out) {
    for (size_t i = 0; i < count; i++) {
        const struct field *field = &fields[i];
        if (field->name != NULL) buffer_append_format(out, "%s:", field->name);
        if (field->constant != NULL) buffer_append_format(out, "%s", field->constant);
        if (field->number != NULL)
            buffer_append_format(out, "%llu", (unsigned long long)field->number(facts));
        if (field->text != NULL) field->text(facts, out);
        if (field->name != NULL) buffer_append_format(out, "\r\n");
    }
}

/* A number function in one line. */
#define DEFINE_NUMBER(function, expression)                                                        \
    static uint64_t function(const struct facts *facts __attribute__((unused))) {                  \
        return (uint64_t)(expression);                                                             \
    }

static void append_human(struct buffer *out, uint64_t bytes) {
    static const char *const units[] = {"B", "K", "M", "G", "T"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < COUNT_OF(units)) {
        value /= 1024;
        unit++;
    }
    if (unit == 0)
        buffer_append_format(out, "%lluB", (unsigned long long)bytes);
    else
        buffer_append_format(out, "%.2f%s", value, units[unit]);
}

static void append_ratio(struct buffer *out, uint64_t part, uint64_t whole) {
    buffer_append_format(out, "%.2f", whole == 0 ? 0.0 : (double)part / (double)whole);
}

/* --- Server ---------------------------------------------------------------------------------- */

static void print_system(const struct facts *facts, struct buffer *out) {
    buffer_append_format(out, "%s %s %s", facts->system.sysname, facts->system.release,
                         facts->system.machine);
}
static void print_run_id(const struct facts *facts, struct buffer *out) {
    buffer_append_format(out, "%s", facts->server->run_id);
}
static void print_executable(const struct facts *facts, struct buffer *out) {
    (void)facts;
    char path[4096];
    ssize_t size = readlink("/proc/self/exe", path, sizeof(path));
    buffer_append(out, path, size > 0 ? (size_t)size : 0);
}
static void print_config_file(const struct facts *facts, struct buffer *out) {
    buffer_append_bytes(out, buffer_bytes(&facts->server->config_path));
}
static void print_supervised(const struct facts *facts, struct buffer *out) {
    const char *text = daemon_is_supervised(facts->config) ? "systemd" : "no";
    buffer_append_format(out, "%s", text);
}
DEFINE_NUMBER(process_id, getpid())
DEFINE_NUMBER(tcp_port, CONFIG_NUMBER(facts->config, PORT))
DEFINE_NUMBER(uptime_seconds, (facts->now_us - facts->server->started_us) / 1000000)
DEFINE_NUMBER(uptime_days, (facts->now_us - facts->server->started_us) / 1000000 / 86400)
DEFINE_NUMBER(hz, CONFIG_NUMBER(facts->config, HZ))
DEFINE_NUMBER(server_time_us, wall_clock_ms() * 1000)

static const struct field server_fields[] = {
    CONSTANT("redis_version", REDIS_VERSION,
             "the version whose commands these are; first: tools take the first \"version:\""),
    CONSTANT("server_name", "hamok", "what this is"),
    CONSTANT("hamok_version", HAMOK_VERSION, "the build's"),
    CONSTANT("redis_git_sha1", "00000000", "not built from Redis's repository"),
    CONSTANT("redis_git_dirty", "0", "not built from Redis's repository"),
    CONSTANT("redis_mode", "standalone", "neither Sentinel nor Redis Cluster is spoken here"),
    TEXT("os", print_system),
    CONSTANT("arch_bits", "64", "the build refuses other machines"),
    CONSTANT("monotonic_clock", "POSIX clock_gettime", "the only one it reads"),
    CONSTANT("multiplexing_api", "epoll", "asked of libev at start"),
    NUMBER("process_id", process_id),
    TEXT("process_supervised", print_supervised),
    TEXT("run_id", print_run_id),
    NUMBER("tcp_port", tcp_port),
    NUMBER("server_time_usec", server_time_us),
    NUMBER("uptime_in_seconds", uptime_seconds),
    SLOW_NUMBER("uptime_in_days", uptime_days, "a test does not last for days"),
    NUMBER("hz", hz),
    NUMBER("configured_hz", hz),
    TEXT("executable", print_executable),
    TEXT("config_file", print_config_file),
    CONSTANT("io_threads_active", "0", "one thread reads and writes all sockets"),
};

/* --- Clients --------------------------------------------------------------------------------- */

DEFINE_NUMBER(connected_clients, facts->server->client_count)
DEFINE_NUMBER(maxclients, facts->server->maxclients)
DEFINE_NUMBER(max_input, facts->server->max_input_bytes)
DEFINE_NUMBER(max_output, facts->server->max_output_bytes)
DEFINE_NUMBER(pubsub_clients, facts->pubsub_clients)
DEFINE_NUMBER(unauthenticated_clients, facts->server->unauthenticated_count)

static const struct field client_fields[] = {
    NUMBER("connected_clients", connected_clients),
    CONSTANT("cluster_connections", "0", "peers are no Redis Cluster bus"),
    NUMBER("maxclients", maxclients),
    NUMBER("client_recent_max_input_buffer", max_input),
    NUMBER("client_recent_max_output_buffer", max_output),
    CONSTANT("blocked_clients", "0", "no command blocks yet"),
    CONSTANT("tracking_clients", "0", "CLIENT TRACKING is not there"),
    CONSTANT("clients_in_timeout_table", "0", "no command blocks yet"),
    NUMBER("pubsub_clients", pubsub_clients),
    NUMBER("unauthenticated_clients", unauthenticated_clients),
};

/* --- Memory ---------------------------------------------------------------------------------- */

DEFINE_NUMBER(used_memory, facts->memory.allocated)
DEFINE_NUMBER(used_memory_rss, facts->memory.resident_set)
DEFINE_NUMBER(used_memory_peak, facts->server->peak_memory)
DEFINE_NUMBER(used_memory_startup, facts->server->startup_memory)
DEFINE_NUMBER(allocator_active, facts->memory.active)
DEFINE_NUMBER(allocator_resident, facts->memory.resident)
DEFINE_NUMBER(total_system_memory, memory_of_system())
DEFINE_NUMBER(maxmemory, CONFIG_NUMBER(facts->config, MAXMEMORY))
DEFINE_NUMBER(inflight_bytes, replica_inflight_bytes(facts->server->replica))
DEFINE_NUMBER(inflight_batches, replica_inflight_batches(facts->server->replica))
DEFINE_NUMBER(log_memory, facts->raft == NULL ? 0 : raft_tail_bytes(facts->raft))

static uint64_t used_memory_dataset(const struct facts *facts) {
    uint64_t overhead = facts->server->startup_memory;
    return facts->memory.allocated > overhead ? facts->memory.allocated - overhead : 0;
}
static void print_dataset_percent(const struct facts *facts, struct buffer *out) {
    buffer_append_format(
        out, "%.2f%%", (double)used_memory_dataset(facts) * 100 / (double)facts->memory.allocated);
}
static void append_difference(struct buffer *out, uint64_t whole, uint64_t part) {
    buffer_append_format(out, "%lld", (long long)whole - (long long)part);
}
static void print_used_human(const struct facts *facts, struct buffer *out) {
    append_human(out, facts->memory.allocated);
}
static void print_rss_human(const struct facts *facts, struct buffer *out) {
    append_human(out, facts->memory.resident_set);
}
static void print_peak_human(const struct facts *facts, struct buffer *out) {
    append_human(out, facts->server->peak_memory);
}
static void print_peak_percent(const struct facts *facts, struct buffer *out) {
    uint64_t peak = facts->server->peak_memory;
    buffer_append_format(out, "%.2f%%",
                         peak == 0 ? 0.0 : (double)facts->memory.allocated * 100 / (double)peak);
}
static void print_system_human(const struct facts *facts, struct buffer *out) {
    (void)facts;
    append_human(out, memory_of_system());
}
static void print_maxmemory_human(const struct facts *facts, struct buffer *out) {
    append_human(out, (uint64_t)CONFIG_NUMBER(facts->config, MAXMEMORY));
}
static void print_fragmentation(const struct facts *facts, struct buffer *out) {
    append_ratio(out, facts->memory.resident_set, facts->memory.allocated);
}
static void print_fragmentation_bytes(const struct facts *facts, struct buffer *out) {
    buffer_append_format(
        out, "%lld", (long long)facts->memory.resident_set - (long long)facts->memory.allocated);
}
static void print_allocator_fragmentation(const struct facts *facts, struct buffer *out) {
    append_ratio(out, facts->memory.active, facts->memory.allocated);
}
static void print_allocator_rss(const struct facts *facts, struct buffer *out) {
    append_ratio(out, facts->memory.resident, facts->memory.active);
}
static void print_allocator_fragmentation_bytes(const struct facts *facts, struct buffer *out) {
    append_difference(out, facts->memory.active, facts->memory.allocated);
}
static void print_allocator_rss_bytes(const struct facts *facts, struct buffer *out) {
    append_difference(out, facts->memory.resident, facts->memory.active);
}
static void print_rss_overhead(const struct facts *facts, struct buffer *out) {
    append_ratio(out, facts->memory.resident_set, facts->memory.resident);
}
static void print_rss_overhead_bytes(const struct facts *facts, struct buffer *out) {
    append_difference(out, facts->memory.resident_set, facts->memory.resident);
}
static void print_allocator(const struct facts *facts, struct buffer *out) {
    (void)facts;
    buffer_append_format(out, "%s", memory_allocator());
}
static uint64_t clients_memory(const struct facts *facts) {
    uint64_t bytes = 0;
    for (const struct client *client = facts->server->clients; client != NULL;
         client = client->next)
        bytes += sizeof(*client) + sizeof(*client->session) + client->session->input.capacity +
                 client->session->output.capacity + client->session->waiting.capacity;
    return bytes;
}

static const struct field memory_fields[] = {
    NUMBER("used_memory", used_memory),
    TEXT("used_memory_human", print_used_human),
    NUMBER("used_memory_rss", used_memory_rss),
    TEXT("used_memory_rss_human", print_rss_human),
    NUMBER("used_memory_peak", used_memory_peak),
    TEXT("used_memory_peak_human", print_peak_human),
    TEXT("used_memory_peak_perc", print_peak_percent),
    NUMBER("used_memory_overhead", used_memory_startup),
    NUMBER("used_memory_startup", used_memory_startup),
    NUMBER("used_memory_dataset", used_memory_dataset),
    TEXT("used_memory_dataset_perc", print_dataset_percent),
    NUMBER("allocator_allocated", used_memory),
    NUMBER("allocator_active", allocator_active),
    NUMBER("allocator_resident", allocator_resident),
    NUMBER("total_system_memory", total_system_memory),
    TEXT("total_system_memory_human", print_system_human),
    NUMBER("maxmemory", maxmemory),
    TEXT("maxmemory_human", print_maxmemory_human),
    CONSTANT("maxmemory_policy", "noeviction", "the only one there is"),
    TEXT("allocator_frag_ratio", print_allocator_fragmentation),
    TEXT("allocator_frag_bytes", print_allocator_fragmentation_bytes),
    TEXT("allocator_rss_ratio", print_allocator_rss),
    TEXT("allocator_rss_bytes", print_allocator_rss_bytes),
    TEXT("rss_overhead_ratio", print_rss_overhead),
    TEXT("rss_overhead_bytes", print_rss_overhead_bytes),
    TEXT("mem_fragmentation_ratio", print_fragmentation),
    TEXT("mem_fragmentation_bytes", print_fragmentation_bytes),
    NUMBER("mem_clients_normal", clients_memory),
    CONSTANT("mem_clients_slaves", "0", "peers are no clients"),
    CONSTANT("mem_cluster_links", "0", "peers are no Redis Cluster bus"),
    NUMBER("mem_raft_inflight", inflight_bytes),
    TEXT("mem_allocator", print_allocator),
    CONSTANT("active_defrag_running", "0", "there is none"),
};

/* --- Persistence ----------------------------------------------------------------------------- */

static uint64_t is_loading(const struct facts *facts) {
    enum replica_state state = replica_state(facts->server->replica);
    return state == REPLICA_RECOVERING || state == REPLICA_FOUNDING;
}

static void print_loading(const struct facts *facts, struct buffer *out) {
    if (!is_loading(facts)) return;
    const struct server *server = facts->server;
    struct journal_progress progress = journal_progress(replica_journal(server->replica));
    struct replica_snapshot_status snapshot = replica_snapshot_status(server->replica);
    struct import_progress dump = import_progress(server->import);
    uint64_t done = snapshot.loaded + progress.done_bytes + dump.done_bytes;
    uint64_t total = snapshot.load_total + progress.total_bytes + dump.total_bytes;
    uint64_t took_us = facts->now_us - server->started_us, left = total > done ? total - done : 0;
    buffer_append_format(out, "loading_start_time:%llu\r\nloading_total_bytes:%llu\r\n",
                         (unsigned long long)server->started_wall_ms / 1000,
                         (unsigned long long)total);
    buffer_append_format(out, "loading_loaded_bytes:%llu\r\nloading_loaded_perc:%.2f\r\n",
                         (unsigned long long)done,
                         total == 0 ? 0.0 : 100.0 * (double)done / (double)total);
    double pace = (double)done / (double)(took_us + 1); /* bytes in a microsecond */
    buffer_append_format(out, "loading_eta_seconds:%llu\r\n",
                         done == 0 ? 1ull : (unsigned long long)((double)left / pace / 1e6));
}

static const struct saver_figures *save_figures(const struct facts *facts) {
    return saver_figures(facts->server->saver);
}

static uint64_t changes_since_save(const struct facts *facts) {
    return facts->replica->commands_applied - save_figures(facts)->commands_at_save;
}

static uint64_t save_in_progress(const struct facts *facts) {
    return replica_snapshot_status(facts->server->replica).phase > REPLICA_SNAPSHOT_IDLE;
}

static uint64_t last_save_time(const struct facts *facts) {
    return save_figures(facts)->last_save_s;
}

static void print_save_status(const struct facts *facts, struct buffer *out) {
    bool good = save_figures(facts)->last_error == ERROR_NONE;
    buffer_append_format(out, "%s", good ? "ok" : "err");
}

/* -1: none has been made, or none is under way; as in Redis. */
static void print_save_seconds(const struct facts *facts, struct buffer *out) {
    const struct saver_figures *figures = save_figures(facts);
    int64_t seconds = figures->finished == 0 ? -1 : (int64_t)(figures->last_took_ms / 1000);
    buffer_append_format(out, "%lld", (long long)seconds);
}

static void print_current_save_seconds(const struct facts *facts, struct buffer *out) {
    uint64_t began_ms = save_figures(facts)->began_ms, now_ms = wall_clock_ms();
    int64_t seconds = began_ms == 0 ? -1 : (int64_t)(now_ms - began_ms) / 1000;
    buffer_append_format(out, "%lld", (long long)seconds);
}

static uint64_t saves(const struct facts *facts) {
    return replica_snapshot_status(facts->server->replica).made;
}

static uint64_t last_copied_bytes(const struct facts *facts) {
    return save_figures(facts)->last_cow_bytes;
}

static uint64_t snapshot_index(const struct facts *facts) {
    return replica_snapshot_status(facts->server->replica).position.index;
}

static uint64_t snapshot_bytes(const struct facts *facts) {
    return replica_snapshot_status(facts->server->replica).size;
}

static uint64_t snapshot_log_bytes(const struct facts *facts) {
    return replica_snapshot_status(facts->server->replica).log_bytes;
}

static const struct field persistence_fields[] = {
    NUMBER("loading", is_loading),
    LINES(print_loading),
    CONSTANT("async_loading", "0", "only Redis's diskless replicas do that"),
    NUMBER("rdb_changes_since_last_save", changes_since_save),
    NUMBER("rdb_bgsave_in_progress", save_in_progress),
    NUMBER("rdb_last_save_time", last_save_time),
    TEXT("rdb_last_bgsave_status", print_save_status),
    TEXT("rdb_last_bgsave_time_sec", print_save_seconds),
    TEXT("rdb_current_bgsave_time_sec", print_current_save_seconds),
    NUMBER("rdb_saves", saves),
    NUMBER("rdb_last_cow_size", last_copied_bytes),
    NUMBER("snapshot_index", snapshot_index),
    NUMBER("snapshot_bytes", snapshot_bytes),
    NUMBER("snapshot_log_bytes", snapshot_log_bytes),
    CONSTANT("aof_enabled", "1", "the Raft log is always on"),
    CONSTANT("aof_rewrite_in_progress", "0", "the log is not rewritten"),
    CONSTANT("aof_rewrite_scheduled", "0", "the log is not rewritten"),
    CONSTANT("aof_last_bgrewrite_status", "ok", "none has failed"),
    CONSTANT("aof_last_write_status", "ok", "a failed write ends the process"),
};

/* --- Stats ----------------------------------------------------------------------------------- */

#define STATISTIC(name) facts->server->statistics.name

DEFINE_NUMBER(connections_received, STATISTIC(connections_received))
DEFINE_NUMBER(connections_rejected, STATISTIC(connections_rejected))
DEFINE_NUMBER(input_bytes, STATISTIC(input_bytes))
DEFINE_NUMBER(output_bytes, STATISTIC(output_bytes))
DEFINE_NUMBER(reads_processed, STATISTIC(reads))
DEFINE_NUMBER(writes_processed, STATISTIC(writes))
DEFINE_NUMBER(output_closes, STATISTIC(output_limit_closes))
DEFINE_NUMBER(query_closes, STATISTIC(query_limit_closes))
DEFINE_NUMBER(commands_processed, clients_commands_processed(facts->server))
DEFINE_NUMBER(operations_per_second, rate_of(&facts->server->command_rate))
DEFINE_NUMBER(error_replies, facts->replica->error_replies - facts->server->errors_before)
DEFINE_NUMBER(expired_keys, facts->storages->expired_keys)
DEFINE_NUMBER(keyspace_hits, facts->storages->keyspace_hits)
DEFINE_NUMBER(keyspace_misses, facts->storages->keyspace_misses)

static void print_input_rate(const struct facts *facts, struct buffer *out) {
    buffer_append_format(out, "%.2f", (double)rate_of(&facts->server->input_rate) / 1024);
}
static void print_output_rate(const struct facts *facts, struct buffer *out) {
    buffer_append_format(out, "%.2f", (double)rate_of(&facts->server->output_rate) / 1024);
}

DEFINE_NUMBER(channels,
              emitter_channels(storages_emitter(replica_storages(facts->server->replica))))
DEFINE_NUMBER(patterns,
              emitter_patterns(storages_emitter(replica_storages(facts->server->replica))))

static uint64_t latest_fork_us(const struct facts *facts) {
    return save_figures(facts)->fork_us;
}

static uint64_t total_forks(const struct facts *facts) {
    return save_figures(facts)->started;
}

static const struct field stats_fields[] = {
    NUMBER("total_connections_received", connections_received),
    NUMBER("total_commands_processed", commands_processed),
    NUMBER("instantaneous_ops_per_sec", operations_per_second),
    NUMBER("total_net_input_bytes", input_bytes),
    NUMBER("total_net_output_bytes", output_bytes),
    TEXT("instantaneous_input_kbps", print_input_rate),
    TEXT("instantaneous_output_kbps", print_output_rate),
    NUMBER("rejected_connections", connections_rejected),
    CONSTANT("sync_full", "0", "no replica of Redis's kind is served"),
    CONSTANT("sync_partial_ok", "0", "no replica of Redis's kind is served"),
    CONSTANT("sync_partial_err", "0", "no replica of Redis's kind is served"),
    NUMBER("expired_keys", expired_keys),
    CONSTANT("evicted_keys", "0", "keys are never evicted"),
    CONSTANT("evicted_clients", "0", "clients are never evicted"),
    CONSTANT("total_eviction_exceeded_time", "0", "keys are never evicted"),
    CONSTANT("current_eviction_exceeded_time", "0", "keys are never evicted"),
    NUMBER("keyspace_hits", keyspace_hits),
    NUMBER("keyspace_misses", keyspace_misses),
    NUMBER("pubsub_channels", channels), /* of the whole cluster */
    NUMBER("pubsub_patterns", patterns),
    CONSTANT("pubsubshard_channels", "0", "there are no shard channels"),
    NUMBER("latest_fork_usec", latest_fork_us),
    NUMBER("total_forks", total_forks),
    CONSTANT("unexpected_error_replies", "0", "errors to a master: there is no such link"),
    CONSTANT("tracking_total_keys", "0", "CLIENT TRACKING is not there"),
    CONSTANT("tracking_total_items", "0", "CLIENT TRACKING is not there"),
    CONSTANT("tracking_total_prefixes", "0", "CLIENT TRACKING is not there"),
    CONSTANT("io_threaded_reads_processed", "0", "one thread reads and writes all sockets"),
    CONSTANT("io_threaded_writes_processed", "0", "one thread reads and writes all sockets"),
    NUMBER("total_error_replies", error_replies),
    NUMBER("total_reads_processed", reads_processed),
    NUMBER("total_writes_processed", writes_processed),
    NUMBER("client_query_buffer_limit_disconnections", query_closes),
    NUMBER("client_output_buffer_limit_disconnections", output_closes),
};

/* --- Replication ----------------------------------------------------------------------------- */

static void print_replication_id(const struct facts *facts, struct buffer *out) {
    char text[41];
    identity_print_id(facts->server->identity.cluster, IDENTITY_ID_SIZE, text);
    memcpy(text + 2 * IDENTITY_ID_SIZE, "00000000", 9);
    buffer_append_format(out, "%s", text);
}

static void print_master_host(const struct facts *facts, struct buffer *out) {
    if (facts->leader != NULL) buffer_append_format(out, "%s", facts->leader->host);
}
static void print_link_status(const struct facts *facts, struct buffer *out) {
    buffer_append_format(out, "%s", facts->leader == NULL ? "down" : "up");
}
DEFINE_NUMBER(master_port, facts->leader == NULL ? 0 : facts->leader->port)
DEFINE_NUMBER(applied_index, replica_applied_index(facts->server->replica))

/* Redis's word for it: 0 is never promoted. */
DEFINE_NUMBER(slave_priority, CONFIG_NUMBER(facts->config, RAFT_PRIORITY) == 0 ? 0 : 100)

static const struct field follower_fields[] = {
    CONSTANT("role", "slave", "of a node that does not lead"),
    TEXT("master_host", print_master_host),
    NUMBER("master_port", master_port),
    TEXT("master_link_status", print_link_status),
    CONSTANT("master_sync_in_progress", "0", "what is missing comes with the log"),
    NUMBER("slave_read_repl_offset", applied_index),
    NUMBER("slave_repl_offset", applied_index),
    NUMBER("slave_priority", slave_priority),
    CONSTANT("slave_read_only", "0", "every node takes writes"),
    CONSTANT("replica_announced", "1", "every node knows every other"),
    CONSTANT("connected_slaves", "0", "followers have none of their own"),
};

static void print_leader(const struct facts *facts, struct buffer *out) {
    struct raft_peer_status peers[RAFT_NODES_MAX];
    uint32_t count = raft_peers(facts->raft, peers, RAFT_NODES_MAX), shown = 0;
    struct buffer lines = {0};
    for (uint32_t i = 0; i < count; i++) {
        const struct member *member = members_find(facts->members, peers[i].id);
        if (member == NULL || member->id == facts->server->identity.id) continue;
        uint64_t lag_s = peers[i].last_contact_us == 0
                             ? 0
                             : (facts->now_us - peers[i].last_contact_us) / 1000000;
        buffer_append_format(&lines, "slave%u:ip=%s,port=%u,state=online,offset=%llu,lag=%llu\r\n",
                             shown++, member->host, member->port,
                             (unsigned long long)peers[i].match_index, (unsigned long long)lag_s);
    }
    buffer_append_format(out, "role:master\r\nconnected_slaves:%u\r\n", shown);
    buffer_append_bytes(out, buffer_bytes(&lines));
    buffer_clear(&lines);
}

static void print_role(const struct facts *facts, struct buffer *out) {
    if (facts->leads)
        print_leader(facts, out);
    else
        print_fields(follower_fields, COUNT_OF(follower_fields), facts, out);
}

static void print_failover_state(const struct facts *facts, struct buffer *out) {
    struct raft_status status = {0};
    if (facts->raft != NULL) raft_get_status(facts->raft, &status);
    buffer_append_format(out, "%s",
                         status.transfer_target == 0 ? "no-failover"
                         : status.transfer_told      ? "failover-in-progress"
                                                     : "waiting-for-sync");
}

static const struct field replication_fields[] = {
    LINES(print_role),
    TEXT("master_failover_state", print_failover_state),
    TEXT("master_replid", print_replication_id),
    CONSTANT("master_replid2", "0000000000000000000000000000000000000000",
             "the cluster keeps its id"),
    NUMBER("master_repl_offset", applied_index),
    CONSTANT("second_repl_offset", "-1", "the cluster keeps its id"),
};

/* --- CPU ------------------------------------------------------------------------------------- */

static void append_seconds(struct buffer *out, struct timeval time) {
    buffer_append_format(out, "%ld.%06ld", (long)time.tv_sec, (long)time.tv_usec);
}
static void print_cpu_system(const struct facts *facts, struct buffer *out) {
    append_seconds(out, facts->usage.ru_stime);
}
static void print_cpu_user(const struct facts *facts, struct buffer *out) {
    append_seconds(out, facts->usage.ru_utime);
}
static void print_cpu_children_system(const struct facts *facts, struct buffer *out) {
    append_seconds(out, facts->children_usage.ru_stime);
}
static void print_cpu_children_user(const struct facts *facts, struct buffer *out) {
    append_seconds(out, facts->children_usage.ru_utime);
}
static void print_cpu_thread_system(const struct facts *facts, struct buffer *out) {
    append_seconds(out, facts->thread_usage.ru_stime);
}
static void print_cpu_thread_user(const struct facts *facts, struct buffer *out) {
    append_seconds(out, facts->thread_usage.ru_utime);
}

static const struct field cpu_fields[] = {
    TEXT("used_cpu_sys", print_cpu_system),
    TEXT("used_cpu_user", print_cpu_user),
    TEXT("used_cpu_sys_children", print_cpu_children_system),
    TEXT("used_cpu_user_children", print_cpu_children_user),
    TEXT("used_cpu_sys_main_thread", print_cpu_thread_system),
    TEXT("used_cpu_user_main_thread", print_cpu_thread_user),
};

/* --- Raft ------------------------------------------------------------------------------------ */

static void print_raft_role(const struct facts *facts, struct buffer *out) {
    buffer_append_format(out, "%s", commands_role_name(facts->server));
}
static void print_raft_state(const struct facts *facts, struct buffer *out) {
    buffer_append_format(out, "%s", commands_state_name(facts->server));
}
DEFINE_NUMBER(raft_node_id, facts->server->identity.id)
DEFINE_NUMBER(raft_leader_id, facts->raft == NULL ? 0 : raft_leader(facts->raft))
DEFINE_NUMBER(raft_current_term, facts->raft == NULL ? 0 : raft_term(facts->raft))
DEFINE_NUMBER(raft_node_count, facts->members->count)
DEFINE_NUMBER(raft_voter_count, __builtin_popcount(members_voters(facts->members) |
                                                   members_next_voters(facts->members)))
DEFINE_NUMBER(raft_current_index, facts->raft == NULL ? 0 : raft_last_index(facts->raft))
DEFINE_NUMBER(raft_commit, facts->raft == NULL ? 0 : raft_commit_index(facts->raft))
DEFINE_NUMBER(raft_serves, replica_serves(facts->server->replica))
DEFINE_NUMBER(raft_origin, replica_origin(facts->server->replica))
DEFINE_NUMBER(raft_origins, replica_origin_count(facts->server->replica))
DEFINE_NUMBER(raft_turns, facts->server->turns)
DEFINE_NUMBER(busy_said, watchdog_said(facts->server->watchdog))

/* What only the leader knows of a member stands in its own INFO. */
static void print_progress(const struct node_figures *node, struct buffer *out) {
    static const char *const states[] = {[RAFT_PEER_PROBE] = "probe",
                                         [RAFT_PEER_REPLICATE] = "replicate",
                                         [RAFT_PEER_SNAPSHOT] = "snapshot"};
    buffer_append_format(
        out,
        ",progress=%s,match_index=%llu,lag_entries=%llu,lag_bytes=%llu,lag_ms=%llu,"
        "rtt_usec=%llu",
        states[node->state], (unsigned long long)node->match_index,
        (unsigned long long)node->lag_entries, (unsigned long long)node->lag_bytes,
        (unsigned long long)node->lag_ms, (unsigned long long)node->round_trip_us);
}

static void print_members(const struct facts *facts, struct buffer *out) {
    struct node_figures nodes[RAFT_NODES_MAX];
    uint32_t count = node_figures_list(facts->server, nodes);
    for (uint32_t i = 0; i < count; i++) {
        const struct node_figures *node = &nodes[i];
        buffer_append_format(out,
                             "raft_node%u:id=%u,state=%s,voting=%s,addr=%s,port=%u,"
                             "last_conn_secs=%llu,conn_errors=%llu,conn_oks=%llu,protocol=%u",
                             node->member.id, node->member.id,
                             node->is_connected ? "connected" : "disconnected",
                             node->standing == RAFT_VOTER ? "yes" : "no", node->member.host,
                             node->member.port, (unsigned long long)(node->silent_us / 1000000),
                             (unsigned long long)node->connect_errors,
                             (unsigned long long)node->connects, node->protocol);
        if (node->is_followed) print_progress(node, out);
        buffer_append_format(out, "\r\n");
    }
}

static void print_is_voting(const struct facts *facts, struct buffer *out) {
    bool votes = facts->raft == NULL || raft_standing(facts->raft) == RAFT_VOTER;
    buffer_append_format(out, "%s", votes ? "yes" : "no");
}

static uint64_t raft_priority(const struct facts *facts) {
    return (uint64_t)CONFIG_NUMBER(facts->config, RAFT_PRIORITY);
}

/* The cluster's, as the log says; until it has said so, this node's own. */
static uint64_t heartbeat_ms(const struct facts *facts) {
    return replica_timing(facts->server->replica).heartbeat_us / 1000;
}
static uint64_t election_ms(const struct facts *facts) {
    return replica_timing(facts->server->replica).election_us / 1000;
}

static struct raft_status raft_status_of(const struct facts *facts) {
    struct raft_status status = {0};
    if (facts->raft != NULL) raft_get_status(facts->raft, &status);
    return status;
}
DEFINE_NUMBER(raft_voted_for_id, raft_status_of(facts).voted_for)
DEFINE_NUMBER(raft_persisted, raft_status_of(facts).persisted_index)
DEFINE_NUMBER(raft_first_index, facts->raft == NULL ? 0 : raft_base_index(facts->raft) + 1)
DEFINE_NUMBER(raft_transfer_to, raft_status_of(facts).transfer_target)

/* The only voter needs no lease. */
static uint64_t lease_us(const struct facts *facts) {
    uint64_t left_us = raft_status_of(facts).lease_us;
    return left_us == UINT64_MAX ? 0 : left_us;
}

static struct replica_snapshot_status snapshot_of(const struct facts *facts) {
    return replica_snapshot_status(facts->server->replica);
}
DEFINE_NUMBER(snapshot_term, snapshot_of(facts).position.term)
DEFINE_NUMBER(snapshots_failed, snapshot_of(facts).failed)

static void print_snapshot_state(const struct facts *facts, struct buffer *out) {
    buffer_append_format(out, "%s", commands_snapshot_phase(snapshot_of(facts).phase));
}

DEFINE_NUMBER(log_appends, disk_figures(facts->server->disk).appends)
DEFINE_NUMBER(log_append_bytes, disk_figures(facts->server->disk).append_bytes)
DEFINE_NUMBER(log_syncs, disk_figures(facts->server->disk).syncs)
DEFINE_NUMBER(sync_us_last, disk_figures(facts->server->disk).sync_us_last)
DEFINE_NUMBER(sync_us_max, disk_figures(facts->server->disk).sync_us_max)
DEFINE_NUMBER(sync_us_p50, disk_sync_us(facts->server->disk, 50))
DEFINE_NUMBER(sync_us_p99, disk_sync_us(facts->server->disk, 99))

static void print_digest(const struct facts *facts, struct buffer *out) {
    buffer_append_format(out, "%016llx",
                         (unsigned long long)replica_digest(facts->server->replica));
}

/* What the log still has; the rest is in the snapshot. */
DEFINE_NUMBER(raft_log_entries,
              facts->raft == NULL ? 0 : raft_last_index(facts->raft) - raft_base_index(facts->raft))
DEFINE_NUMBER(raft_log_bytes, journal_log_bytes(replica_journal(facts->server->replica)))

static void print_transfer(const struct facts *facts, struct buffer *out) {
    static const char *const names[] = {
        [REPLICA_RECEIVE_NOTHING] = "none",       [REPLICA_RECEIVE_RESUMING] = "resuming",
        [REPLICA_RECEIVE_FETCHING] = "receiving", [REPLICA_RECEIVE_SYNCING] = "syncing",
        [REPLICA_RECEIVE_LOADING] = "verifying",  [REPLICA_RECEIVE_READY] = "installing"};
    struct replica_snapshot_status status = replica_snapshot_status(facts->server->replica);
    buffer_append_format(out, "raft_snapshot_transfer:%s\r\nraft_snapshot_sending:%u\r\n",
                         names[status.receive_phase], status.is_sending);
    if (status.receive_phase == REPLICA_RECEIVE_NOTHING) return;
    buffer_append_format(out,
                         "raft_snapshot_transfer_from:%u\r\nraft_snapshot_transfer_index:%llu\r\n"
                         "raft_snapshot_transfer_bytes:%llu\r\n"
                         "raft_snapshot_transfer_total_bytes:%llu\r\n"
                         "raft_snapshot_transfer_verified_bytes:%llu\r\n",
                         status.receive_node, (unsigned long long)status.receive_position.index,
                         (unsigned long long)status.received,
                         (unsigned long long)status.receive_total,
                         (unsigned long long)status.verified);
}

static void print_replica_statistics(const struct facts *facts, struct buffer *out) {
#define PRINT_STATISTIC(name)                                                                      \
    buffer_append_format(out, "raft_" #name ":%llu\r\n", (unsigned long long)facts->replica->name);
    REPLICA_STATISTICS(PRINT_STATISTIC)
#undef PRINT_STATISTIC
}

static const struct field raft_fields[] = {
    NUMBER("raft_node_id", raft_node_id),
    TEXT("raft_state", print_raft_state),
    TEXT("raft_role", print_raft_role),
    TEXT("raft_is_voting", print_is_voting),
    NUMBER("raft_priority", raft_priority),
    NUMBER("raft_leader_id", raft_leader_id),
    NUMBER("raft_current_term", raft_current_term),
    NUMBER("raft_voted_for", raft_voted_for_id),
    NUMBER("raft_lease_usec", lease_us),
    NUMBER("raft_transfer_to", raft_transfer_to),
    NUMBER("raft_heartbeat_interval_ms", heartbeat_ms),
    NUMBER("raft_election_timeout_ms", election_ms),
    NUMBER("raft_num_nodes", raft_node_count),
    NUMBER("raft_num_voting_nodes", raft_voter_count),
    LINES(print_members),
    NUMBER("raft_log_entries", raft_log_entries),
    NUMBER("raft_first_index", raft_first_index),
    NUMBER("raft_log_bytes", raft_log_bytes),
    LINES(print_transfer),
    NUMBER("raft_current_index", raft_current_index),
    NUMBER("raft_durable_index", raft_persisted),
    NUMBER("raft_commit_index", raft_commit),
    NUMBER("raft_last_applied_index", applied_index),
    TEXT("raft_state_digest", print_digest),
    TEXT("raft_snapshot_state", print_snapshot_state),
    NUMBER("raft_snapshot_in_progress", save_in_progress),
    NUMBER("raft_snapshot_last_idx", snapshot_index),
    NUMBER("raft_snapshot_last_term", snapshot_term),
    NUMBER("raft_snapshots_created", saves),
    NUMBER("raft_snapshots_failed", snapshots_failed),
    NUMBER("raft_serves", raft_serves),
    NUMBER("raft_origin", raft_origin),
    NUMBER("raft_dedup_sessions", raft_origins),
    NUMBER("raft_inflight_batches", inflight_batches),
    NUMBER("raft_inflight_bytes", inflight_bytes),
    NUMBER("raft_log_memory_bytes", log_memory),
    NUMBER("raft_log_appends", log_appends),
    NUMBER("raft_log_append_bytes", log_append_bytes),
    NUMBER("raft_log_syncs", log_syncs),
    NUMBER("raft_fsync_usec_last", sync_us_last),
    NUMBER("raft_fsync_usec_p50", sync_us_p50),
    NUMBER("raft_fsync_usec_p99", sync_us_p99),
    NUMBER("raft_fsync_usec_max", sync_us_max),
    NUMBER("raft_loop_turns", raft_turns),
    NUMBER("raft_busy_said", busy_said),
    LINES(print_replica_statistics),
};

/* --- Keyspace, Cluster, Modules -------------------------------------------------------------- */

static void print_keyspace(const struct facts *facts, struct buffer *out) {
    const struct storages *storages = replica_storages(facts->server->replica);
    for (uint8_t db = 0; db < STORAGES_DATABASES_MAX; db++) {
        uint64_t keys = storages_db_size(storages, db);
        if (keys == 0) continue;
        buffer_append_format(out, "db%u:keys=%llu,expires=%llu,avg_ttl=%lld\r\n", db,
                             (unsigned long long)keys,
                             (unsigned long long)storages_db_expires(storages, db),
                             (long long)storages_db_average_ttl_ms(storages, db));
    }
}

static const struct field keyspace_fields[] = {LINES(print_keyspace)};
static const struct field cluster_fields[] = {
    CONSTANT("cluster_enabled", "0", "Redis Cluster's protocol is not spoken"),
};

static void print_error_counts(const struct facts *facts, struct buffer *out) {
    const struct reply_error_counts *counts = replica_error_counts(facts->server->replica);
    for (uint32_t i = 0; i < counts->used; i++)
        buffer_append_format(out, "errorstat_%s:count=%llu\r\n", counts->counts[i].code,
                             (unsigned long long)counts->counts[i].count);
}

/* Each command that was asked for, with its figures. */
static void print_commands(const struct facts *facts, struct buffer *out) {
    const struct server *server = facts->server;
    for (uint32_t i = 0; i < command_registry_count(server->registry); i++) {
        const struct command *command = command_registry_at(server->registry, i);
        const struct command_figures *figures = observer_figures(server->observer, command);
        if (figures->calls == 0 && figures->refused == 0) continue;
        double per_call =
            figures->calls == 0 ? 0 : (double)figures->time_ns / 1000 / (double)figures->calls;
        buffer_append_format(out,
                             "cmdstat_%s:calls=%llu,usec=%llu,usec_per_call=%.2f,"
                             "rejected_calls=%llu,failed_calls=%llu\r\n",
                             command->name, (unsigned long long)figures->calls,
                             (unsigned long long)figures->time_ns / 1000, per_call,
                             (unsigned long long)figures->refused,
                             (unsigned long long)figures->failed);
    }
}

static void print_percentiles(const struct facts *facts, const struct histogram *latencies,
                              struct buffer *out) {
    struct config_words words = {0};
    const char *text = CONFIG_STRING(facts->config, LATENCY_TRACKING_INFO_PERCENTILES);
    CHECK(config_split(bytes_of_text(text), &words));
    for (uint32_t i = 0; i < words.count; i++) {
        double percent = 0;
        CHECK(number_parse_double(words.at[i], &percent));
        buffer_append_format(out, "%sp%.*s=%.3f", i == 0 ? "" : ",", (int)words.at[i].size,
                             words.at[i].data,
                             (double)histogram_percentile(latencies, percent) / 1000);
    }
    config_words_clear(&words);
}

static void print_latencies(const struct facts *facts, struct buffer *out) {
    const struct server *server = facts->server;
    for (uint32_t i = 0; i < command_registry_count(server->registry); i++) {
        const struct command *command = command_registry_at(server->registry, i);
        const struct histogram *latencies = observer_figures(server->observer, command)->latencies;
        if (latencies == NULL || latencies->total == 0) continue;
        buffer_append_format(out, "latency_percentiles_usec_%s:", command->name);
        print_percentiles(facts, latencies, out);
        buffer_append(out, "\r\n", 2);
    }
}

static const struct field command_fields[] = {LINES(print_commands)};
static const struct field latency_fields[] = {LINES(print_latencies)};
static const struct field error_fields[] = {LINES(print_error_counts)};

/* --- sections -------------------------------------------------------------------------------- */

#define SECTION(spelling, list, standard)                                                          \
    { spelling, list, COUNT_OF(list), standard }

static const struct section {
    const char *name;
    const struct field *fields;
    size_t count;
    bool is_default;
} sections[] = {
    SECTION("Server", server_fields, true),
    SECTION("Clients", client_fields, true),
    SECTION("Memory", memory_fields, true),
    SECTION("Persistence", persistence_fields, true),
    SECTION("Stats", stats_fields, true),
    SECTION("Replication", replication_fields, true),
    SECTION("CPU", cpu_fields, true),
    {"Modules", NULL, 0, true},
    SECTION("Commandstats", command_fields, false),
    SECTION("Errorstats", error_fields, true),
    SECTION("Latencystats", latency_fields, false),
    SECTION("Cluster", cluster_fields, true),
    SECTION("Keyspace", keyspace_fields, true),
    SECTION("Raft", raft_fields, false),
};

static void print_section(const struct section *section, const struct facts *facts,
                          struct buffer *out) {
    if (out->size > 0) buffer_append_format(out, "\r\n");
    buffer_append_format(out, "# %s\r\n", section->name);
    print_fields(section->fields, section->count, facts, out);
}

static void gather(struct server *server, struct facts *facts) {
    memset(facts, 0, sizeof(*facts));
    facts->server = server;
    facts->config = &server->config;
    facts->raft = replica_raft(server->replica);
    facts->replica = replica_statistics(server->replica);
    facts->storages = storages_statistics(replica_storages(server->replica));
    facts->leads = commands_is_leader(server);
    facts->members = replica_members(server->replica);
    if (facts->members == NULL) {
        membership_last_seen(server, &facts->seen);
        facts->members = &facts->seen;
    }
    if (!facts->leads && facts->raft != NULL)
        facts->leader = members_find(facts->members, raft_leader(facts->raft));
    facts->now_us = clock_us();
    memory_usage_read(&facts->memory);
    getrusage(RUSAGE_SELF, &facts->usage);
    getrusage(RUSAGE_THREAD, &facts->thread_usage);
    getrusage(RUSAGE_CHILDREN, &facts->children_usage);
    uname(&facts->system);
    for (const struct client *client = server->clients; client != NULL; client = client->next)
        facts->pubsub_clients += client_class(client) == CONFIG_CLASS_PUBSUB;
}

static bool is_wanted(const struct section *section, const struct bytes *names, uint32_t count) {
    if (count == 0) return section->is_default;
    for (uint32_t i = 0; i < count; i++) {
        if (bytes_equal_ignoring_case(names[i], bytes_of_text(section->name))) return true;
        if (bytes_equal_ignoring_case(names[i], BYTES("all")) ||
            bytes_equal_ignoring_case(names[i], BYTES("everything")))
            return true;
        if (section->is_default && bytes_equal_ignoring_case(names[i], BYTES("default")))
            return true;
    }
    return false;
}

void info_print(struct server *server, const struct bytes *names, uint32_t count,
                struct buffer *out) {
    struct facts facts;
    gather(server, &facts);
    for (size_t i = 0; i < COUNT_OF(sections); i++)
        if (is_wanted(&sections[i], names, count)) print_section(&sections[i], &facts, out);
}
