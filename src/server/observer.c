/* observer.c: see observer.h. The hot path is observer_ran(): a few additions to memory of the
 * command's own, and two comparisons. */
#include "src/server/observer.h"

#include <time.h>

#include "base/memory.h"
#include "src/server/client.h"
#include "src/server/commands.h"
#include "src/server/config_text.h"

/* As in Redis: so much of a slow command's arguments is kept. */
enum { SLOW_ARGS_MAX = 32, SLOW_ARG_BYTES = 128 };

struct observer {
    struct command_figures figures[COMMAND_IDS];
    struct slow_command *slow; /* newest first */
    uint64_t slow_count, next_slow_id;
    struct latency_samples latencies[LATENCY_EVENTS];
};

/* --- life ------------------------------------------------------------------------------------ */

struct observer *observer_create(void) {
    struct observer *observer = memory_allocate_zeroed(sizeof(*observer));
    observer->latencies[LATENCY_COMMAND].name = "command";
    observer->latencies[LATENCY_FAST_COMMAND].name = "fast-command";
    return observer;
}

void observer_destroy(struct observer *observer) {
    if (observer == NULL) return;
    observer_reset(observer);
    observer_forget_slow(observer);
    memory_release(observer);
}

const struct command_figures *observer_figures(const struct observer *observer,
                                               const struct command *command) {
    return &observer->figures[command->id];
}

void observer_reset(struct observer *observer) {
    for (size_t id = 0; id < COMMAND_IDS; id++)
        memory_release(observer->figures[id].latencies);
    memset(observer->figures, 0, sizeof(observer->figures));
}

/* --- arguments that are shown ----------------------------------------------------------------- */

/* From which argument on a command's are secret, and how many; count: none are. */
struct secret {
    uint32_t from, until;
};

static struct secret secret_of(const struct replica_observed *observed) {
    const char *name = observed->command->name;
    uint32_t count = observed->count;
    if (strcmp(name, "auth") == 0) return (struct secret){1, count};
    for (uint32_t i = 2; strcmp(name, "hello") == 0 && i + 2 < count; i++)
        if (bytes_equal_ignoring_case(observed->args[i], BYTES("auth")))
            return (struct secret){i + 1, i + 3};
    return (struct secret){count, count};
}

/* The argument as people may see it. A row's name stands for a subcommand and its container. */
static struct bytes shown_argument(const struct replica_observed *observed, uint32_t at) {
    struct bytes arg = observed->args[at];
    struct secret secret = secret_of(observed);
    bool is_value = strcmp(observed->command->name, "config|set") == 0 && at >= 3 && at % 2 == 1;
    enum config_id id = is_value ? config_find(observed->args[at - 1]) : CONFIG_ROW_COUNT;
    bool is_secret = id != CONFIG_ROW_COUNT && (config_rows[id].flags & CONFIG_SECRET) != 0;
    if (is_secret || (at >= secret.from && at < secret.until)) return BYTES("(redacted)");
    const char *bar = at == 0 ? memchr(arg.data, '|', arg.size) : NULL;
    return bar == NULL ? arg : bytes_of(arg.data, (size_t)(bar - arg.data));
}

/* --- the slow log ------------------------------------------------------------------------------
 */

static void slow_command_destroy(struct slow_command *slow) {
    for (uint32_t i = 0; i < slow->count; i++)
        buffer_clear(&slow->args[i]);
    memory_release(slow->args);
    buffer_clear(&slow->address);
    buffer_clear(&slow->name);
    memory_release(slow);
}

static void keep_slow(struct observer *observer, uint64_t count) {
    struct slow_command **at = &observer->slow;
    for (uint64_t i = 0; i < count && *at != NULL; i++)
        at = &(*at)->older;
    while (*at != NULL) {
        struct slow_command *slow = *at;
        *at = slow->older;
        slow_command_destroy(slow);
        observer->slow_count--;
    }
}

static void copy_arguments(struct slow_command *slow, const struct replica_observed *observed) {
    bool cut = observed->count > SLOW_ARGS_MAX;
    slow->count = cut ? SLOW_ARGS_MAX : observed->count;
    slow->args = memory_allocate_zeroed(slow->count * sizeof(*slow->args));
    for (uint32_t i = 0; i < slow->count; i++) {
        struct buffer *out = &slow->args[i];
        if (cut && i == SLOW_ARGS_MAX - 1) {
            buffer_append_format(out, "... (%u more arguments)",
                                 observed->count - SLOW_ARGS_MAX + 1);
            continue;
        }
        struct bytes arg = shown_argument(observed, i);
        buffer_append_bytes(out, bytes_slice(arg, 0, SLOW_ARG_BYTES));
        if (arg.size > SLOW_ARG_BYTES)
            buffer_append_format(out, "... (%zu more bytes)", arg.size - SLOW_ARG_BYTES);
    }
}

static void note_slow(struct server *server, const struct session *session,
                      const struct replica_observed *observed) {
    struct observer *observer = server->observer;
    struct slow_command *slow = memory_allocate_zeroed(sizeof(*slow));
    char address[CLIENT_ADDRESS_SIZE];
    slow->id = observer->next_slow_id++;
    slow->took_us = observed->took_ns / 1000;
    slow->time_s = wall_clock_ms() / 1000;
    copy_arguments(slow, observed);
    client_peer_address(session->owner, address);
    buffer_append_bytes(&slow->address, bytes_of_text(address));
    buffer_append_bytes(&slow->name, buffer_bytes(&session->name));
    slow->older = observer->slow;
    observer->slow = slow;
    observer->slow_count++;
    keep_slow(observer, (uint64_t)CONFIG_NUMBER(&server->config, SLOWLOG_MAX_LEN));
}

const struct slow_command *observer_slow_commands(const struct observer *observer) {
    return observer->slow;
}

uint64_t observer_slow_count(const struct observer *observer) {
    return observer->slow_count;
}

void observer_forget_slow(struct observer *observer) {
    keep_slow(observer, 0);
}

/* --- latency events ----------------------------------------------------------------------------
 */

struct latency_samples *observer_latencies(struct observer *observer, enum latency_event event) {
    return &observer->latencies[event];
}

void observer_forget_latencies(struct latency_samples *samples) {
    samples->max_ms = samples->at = samples->count = 0;
}

static void note_latency(struct latency_samples *samples, uint64_t took_ms) {
    uint64_t time_s = wall_clock_ms() / 1000;
    struct latency_sample *last =
        &samples->samples[(samples->at + LATENCY_SAMPLES - 1) % LATENCY_SAMPLES];
    if (took_ms > samples->max_ms) samples->max_ms = took_ms;
    if (samples->count > 0 && last->time_s == time_s) {
        if (took_ms > last->took_ms) last->took_ms = took_ms;
        return;
    }
    samples->samples[samples->at] = (struct latency_sample){time_s, took_ms};
    samples->at = (samples->at + 1) % LATENCY_SAMPLES;
    if (samples->count < LATENCY_SAMPLES) samples->count++;
}

/* --- MONITOR -----------------------------------------------------------------------------------
 */

/* +1339518083.107412 [0 127.0.0.1:60866] "set" "a" "b" */
static void print_monitored(const struct session *session, const struct replica_observed *observed,
                            struct buffer *line) {
    const struct client *client = session->owner;
    char address[CLIENT_ADDRESS_SIZE];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    client_peer_address(client, address);
    size_t path_size = strlen(address) - strlen(":0");
    buffer_append_format(line, "+%lld.%06ld [%u ", (long long)now.tv_sec, now.tv_nsec / 1000,
                         observed->db);
    if (client->is_unix)
        buffer_append_format(line, "unix:%.*s]", (int)path_size, address);
    else
        buffer_append_format(line, "%s]", address);
    for (uint32_t i = 0; i < observed->count; i++) {
        buffer_append_byte(line, ' ');
        config_print_quoted(line, shown_argument(observed, i));
    }
    buffer_append(line, "\r\n", 2);
}

static void feed_monitors(struct server *server, const struct session *session,
                          const struct replica_observed *observed) {
    struct buffer line = {0};
    print_monitored(session, observed, &line);
    for (struct client *client = server->clients; client != NULL; client = client->next)
        if (client->monitors && !client->closing)
            replica_client_push(server->replica, client->session, buffer_bytes(&line));
    buffer_clear(&line);
}

/* --- what the replica calls --------------------------------------------------------------------
 */

static uint64_t clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void note_seldom(struct server *server, struct session *session,
                        const struct replica_observed *observed) {
    const struct config *config = &server->config;
    uint32_t flags = observed->command->flags;
    uint64_t slower_us = (uint64_t)CONFIG_NUMBER(config, SLOWLOG_LOG_SLOWER_THAN);
    int64_t threshold_ms = CONFIG_NUMBER(config, LATENCY_MONITOR_THRESHOLD);
    uint64_t took_us = observed->took_ns / 1000, took_ms = took_us / 1000;
    bool is_slow = took_us >= slower_us;
    if (is_slow && (flags & COMMAND_SKIP_SLOWLOG) == 0) note_slow(server, session, observed);
    if (threshold_ms > 0 && took_ms >= (uint64_t)threshold_ms)
        note_latency(observer_latencies(server->observer, flags & COMMAND_FAST
                                                              ? LATENCY_FAST_COMMAND
                                                              : LATENCY_COMMAND),
                     took_ms);
    if (server->monitor_count > 0 && (flags & (COMMAND_SKIP_MONITOR | COMMAND_ADMIN)) == 0)
        feed_monitors(server, session, observed);
}

static void observer_ran(struct session *session, const struct replica_observed *observed) {
    struct server *server = session->server;
    if (session->owner == NULL) return; /* the server asks itself (cluster_settings.c) */
    struct command_figures *figures = &server->observer->figures[observed->command->id];
    figures->calls++;
    figures->time_ns += observed->took_ns;
    figures->failed += observed->errors > 0;
    if (CONFIG_IS_ON(&server->config, LATENCY_TRACKING)) {
        if (UNLIKELY(figures->latencies == NULL))
            figures->latencies = memory_allocate_zeroed(sizeof(*figures->latencies));
        histogram_add(figures->latencies, observed->took_ns);
    }
    uint64_t slower_us = (uint64_t)CONFIG_NUMBER(&server->config, SLOWLOG_LOG_SLOWER_THAN);
    bool is_slow = observed->took_ns / 1000 >= slower_us; /* a negative one is beyond all */
    if (UNLIKELY(is_slow || server->monitor_count > 0 ||
                 CONFIG_NUMBER(&server->config, LATENCY_MONITOR_THRESHOLD) > 0))
        note_seldom(server, session, observed);
}

static void observer_refused(struct session *session, const struct command *command) {
    const struct server *server = session->server;
    server->observer->figures[command->id].refused++;
}

const struct replica_observer *observer_hooks(void) {
    static const struct replica_observer hooks = {
        .clock_ns = clock_ns, .ran = observer_ran, .refused = observer_refused};
    return &hooks;
}
