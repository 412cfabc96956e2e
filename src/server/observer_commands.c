/* observer_commands.c: SLOWLOG, LATENCY and MONITOR: what this node's commands cost, and which ones
 * there are. Each node tells of its own clients. */
#include "base/number.h"
#include "src/server/commands.h"
#include "src/server/observer.h"

static struct observer *call_observer(const struct command_call *call) {
    return call_server(call)->observer;
}

/* --- SLOWLOG ---------------------------------------------------------------------------------- */

static void reply_slow(struct reply *reply, const struct slow_command *slow) {
    reply_array(reply, 6);
    reply_integer(reply, (int64_t)slow->id);
    reply_integer(reply, (int64_t)slow->time_s);
    reply_integer(reply, (int64_t)slow->took_us);
    reply_array(reply, slow->count);
    for (uint32_t i = 0; i < slow->count; i++)
        reply_bulk(reply, buffer_bytes(&slow->args[i]));
    reply_bulk(reply, buffer_bytes(&slow->address));
    reply_bulk(reply, buffer_bytes(&slow->name));
}

static void run_slowlog_get(struct command_call *call) {
    int64_t wanted = 10;
    if (call->count > 3) {
        commands_refuse_arguments(call);
        return;
    }
    if (call->count == 3 && (!number_parse_i64(call->args[2], &wanted) || wanted < -1)) {
        reply_error(call->reply, "ERR count should be greater than or equal to -1");
        return;
    }
    size_t mark = reply_deferred_open(call->reply);
    int64_t count = 0;
    const struct slow_command *slow = observer_slow_commands(call_observer(call));
    for (; slow != NULL && (wanted == -1 || count < wanted); slow = slow->older, count++)
        reply_slow(call->reply, slow);
    reply_deferred_array(call->reply, mark, (uint64_t)count);
}

static void run_slowlog_len(struct command_call *call) {
    reply_integer(call->reply, (int64_t)observer_slow_count(call_observer(call)));
}

static void run_slowlog_reset(struct command_call *call) {
    observer_forget_slow(call_observer(call));
    reply_ok(call->reply);
}

static void run_slowlog_help(struct command_call *call) {
    static const char *const lines[] = {
        "GET [<count>]",
        "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
        "    Entries are made of:",
        "    id, timestamp, time in microseconds, arguments array, client IP and port,",
        "    client name",
        "LEN",
        "    Return the length of the slowlog.",
        "RESET",
        "    Reset the slowlog.",
    };
    commands_reply_help(call, lines, COUNT_OF(lines));
}

/* --- LATENCY ---------------------------------------------------------------------------------- */

static const struct latency_sample *newest_sample(const struct latency_samples *samples) {
    return &samples->samples[(samples->at + LATENCY_SAMPLES - 1) % LATENCY_SAMPLES];
}

static void run_latency_latest(struct command_call *call) {
    size_t mark = reply_deferred_open(call->reply);
    uint64_t count = 0;
    for (enum latency_event event = 0; event < LATENCY_EVENTS; event++) {
        const struct latency_samples *samples = observer_latencies(call_observer(call), event);
        if (samples->count == 0) continue;
        reply_array(call->reply, 4);
        reply_bulk_text(call->reply, samples->name);
        reply_integer(call->reply, (int64_t)newest_sample(samples)->time_s);
        reply_integer(call->reply, (int64_t)newest_sample(samples)->took_ms);
        reply_integer(call->reply, (int64_t)samples->max_ms);
        count++;
    }
    reply_deferred_array(call->reply, mark, count);
}

/* NULL if there is no such event. */
static struct latency_samples *find_samples(const struct command_call *call, struct bytes name) {
    for (enum latency_event event = 0; event < LATENCY_EVENTS; event++) {
        struct latency_samples *samples = observer_latencies(call_observer(call), event);
        if (bytes_equal(name, bytes_of_text(samples->name))) return samples;
    }
    return NULL;
}

static void run_latency_history(struct command_call *call) {
    const struct latency_samples *samples = find_samples(call, call->args[2]);
    uint32_t count = samples == NULL ? 0 : samples->count;
    reply_array(call->reply, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = (samples->at + LATENCY_SAMPLES - count + i) % LATENCY_SAMPLES;
        reply_array(call->reply, 2);
        reply_integer(call->reply, (int64_t)samples->samples[at].time_s);
        reply_integer(call->reply, (int64_t)samples->samples[at].took_ms);
    }
}

static bool is_named(const struct command_call *call, const char *name) {
    for (uint32_t i = 2; i < call->count; i++)
        if (bytes_equal(call->args[i], bytes_of_text(name))) return true;
    return call->count == 2;
}

static void run_latency_reset(struct command_call *call) {
    int64_t count = 0;
    for (enum latency_event event = 0; event < LATENCY_EVENTS; event++) {
        struct latency_samples *samples = observer_latencies(call_observer(call), event);
        if (samples->count == 0 || !is_named(call, samples->name)) continue;
        observer_forget_latencies(samples);
        count++;
    }
    reply_integer(call->reply, count);
}

/* How many calls took up to 1, 2, 4, … microseconds, as far as their number grows. */
static void reply_histogram(struct reply *reply, const struct command *command,
                            const struct histogram *histogram) {
    reply_bulk_text(reply, command->name);
    reply_map(reply, 2);
    reply_bulk_text(reply, "calls");
    reply_integer(reply, (int64_t)histogram->total);
    reply_bulk_text(reply, "histogram_usec");
    size_t mark = reply_deferred_open(reply);
    uint64_t pairs = 0, before = 0;
    for (uint64_t limit = 1024; before < histogram->total; limit *= 2) {
        uint64_t count = histogram_count_until(histogram, limit);
        if (count > before) {
            reply_integer(reply, (int64_t)(histogram_highest(limit) / 1000));
            reply_integer(reply, (int64_t)count);
            pairs++;
        }
        before = count;
    }
    reply_deferred_map(reply, mark, pairs);
}

/* A container stands for its subcommands. */
static bool is_asked_for(const struct command_call *call, const struct command *command) {
    const struct command *parent = command_parent(call->registry, command);
    for (uint32_t i = 2; i < call->count; i++) {
        if (bytes_equal_ignoring_case(call->args[i], bytes_of_text(command->name))) return true;
        if (parent != NULL && bytes_equal_ignoring_case(call->args[i], bytes_of_text(parent->name)))
            return true;
    }
    return call->count == 2;
}

static void run_latency_histogram(struct command_call *call) {
    size_t mark = reply_deferred_open(call->reply);
    uint64_t count = 0;
    for (uint32_t i = 0; i < command_registry_count(call->registry); i++) {
        const struct command *command = command_registry_at(call->registry, i);
        const struct histogram *histogram =
            observer_figures(call_observer(call), command)->latencies;
        if (histogram == NULL || histogram->total == 0 || !is_asked_for(call, command)) continue;
        reply_histogram(call->reply, command, histogram);
        count++;
    }
    reply_deferred_map(call->reply, mark, count);
}

static void run_latency_help(struct command_call *call) {
    static const char *const lines[] = {
        "HISTORY <event>",
        "    Return time-latency samples for the <event> class.",
        "LATEST",
        "    Return the latest latency samples for all events.",
        "RESET [<event> ...]",
        "    Reset latency data of one or more <event> classes.",
        "    (default: reset all data for all event classes)",
        "HISTOGRAM [COMMAND ...]",
        "    Return a cumulative distribution of latencies in the format of a histogram for the "
        "specified command names.",
        "    If no commands are specified then all histograms are replied.",
    };
    commands_reply_help(call, lines, COUNT_OF(lines));
}

/* --- MONITOR ---------------------------------------------------------------------------------- */

static void run_monitor(struct command_call *call) {
    if (call->in_group) {
        reply_error(call->reply, "ERR MONITOR isn't allowed for DENY BLOCKING client");
        return;
    }
    client_set_monitor(call_client(call), true);
    reply_ok(call->reply);
}

/* --- rows ---------------------------------------------------------------------------------------
 */

#define LOG_FLAGS (COMMAND_ADMIN | COMMAND_LOADING | COMMAND_STALE)
#define LATENCY_FLAGS (LOG_FLAGS | COMMAND_NOSCRIPT)
#define LATENCY_TIPS "nondeterministic_output request_policy:all_nodes response_policy:special"

static const struct command observer_commands[] = {
    {.id = 800,
     .name = "slowlog",
     .run = command_run_container,
     .arity = -2,
     .place = COMMAND_LOCAL,
     .group = "server",
     .since = "2.2.12",
     .complexity = "Depends on subcommand.",
     .summary = "A container for slow log commands"},
    {.id = 801,
     .name = "slowlog|get",
     .run = run_slowlog_get,
     .arity = -2,
     .place = COMMAND_LOCAL,
     .flags = LOG_FLAGS,
     .tips = "request_policy:all_nodes nondeterministic_output",
     .group = "server",
     .since = "2.2.12",
     .complexity = "O(N) where N is the number of entries returned",
     .summary = "Get the slow log's entries",
     .arguments = "i:count?"},
    {.id = 802,
     .name = "slowlog|len",
     .run = run_slowlog_len,
     .arity = 2,
     .place = COMMAND_LOCAL,
     .flags = LOG_FLAGS,
     .tips = "request_policy:all_nodes response_policy:agg_sum nondeterministic_output",
     .group = "server",
     .since = "2.2.12",
     .complexity = "O(1)",
     .summary = "Get the slow log's length"},
    {.id = 803,
     .name = "slowlog|reset",
     .run = run_slowlog_reset,
     .arity = 2,
     .place = COMMAND_LOCAL,
     .flags = LOG_FLAGS,
     .tips = "request_policy:all_nodes response_policy:all_succeeded",
     .group = "server",
     .since = "2.2.12",
     .complexity = "O(N) where N is the number of entries in the slowlog",
     .summary = "Clear all entries from the slow log"},
    {.id = 804,
     .name = "slowlog|help",
     .run = run_slowlog_help,
     .arity = 2,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .group = "server",
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Show helpful text about the different subcommands"},
    {.id = 805,
     .name = "latency",
     .run = command_run_container,
     .arity = -2,
     .place = COMMAND_LOCAL,
     .group = "server",
     .since = "2.8.13",
     .complexity = "Depends on subcommand.",
     .summary = "A container for latency diagnostics commands"},
    {.id = 806,
     .name = "latency|latest",
     .run = run_latency_latest,
     .arity = 2,
     .place = COMMAND_LOCAL,
     .flags = LATENCY_FLAGS,
     .tips = LATENCY_TIPS,
     .group = "server",
     .since = "2.8.13",
     .complexity = "O(1)",
     .summary = "Return the latest latency samples for all events."},
    {.id = 807,
     .name = "latency|history",
     .run = run_latency_history,
     .arity = 3,
     .place = COMMAND_LOCAL,
     .flags = LATENCY_FLAGS,
     .tips = LATENCY_TIPS,
     .group = "server",
     .since = "2.8.13",
     .complexity = "O(1)",
     .summary = "Return timestamp-latency samples for the event.",
     .arguments = "s:event"},
    {.id = 808,
     .name = "latency|reset",
     .run = run_latency_reset,
     .arity = -2,
     .place = COMMAND_LOCAL,
     .flags = LATENCY_FLAGS,
     .tips = "request_policy:all_nodes response_policy:all_succeeded",
     .group = "server",
     .since = "2.8.13",
     .complexity = "O(1)",
     .summary = "Reset latency data for one or more events.",
     .arguments = "s:event?*"},
    {.id = 809,
     .name = "latency|histogram",
     .run = run_latency_histogram,
     .arity = -2,
     .place = COMMAND_LOCAL,
     .flags = LATENCY_FLAGS,
     .tips = LATENCY_TIPS,
     .group = "server",
     .since = "7.0.0",
     .complexity = "O(N) where N is the number of commands with latency information being "
                   "retrieved.",
     .summary = "Return the cumulative distribution of latencies of a subset of commands or all.",
     .arguments = "s:command?*"},
    {.id = 810,
     .name = "latency|help",
     .run = run_latency_help,
     .arity = 2,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .group = "server",
     .since = "2.8.13",
     .complexity = "O(1)",
     .summary = "Show helpful text about the different subcommands."},
    {.id = 811,
     .name = "monitor",
     .run = run_monitor,
     .arity = 1,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE,
     .group = "server",
     .since = "1.0.0",
     .summary = "Listen for all requests received by the server in real time"},
};

const struct command_family *observer_family(void) {
    static const struct command_family family = {observer_commands, COUNT_OF(observer_commands)};
    return &family;
}
