/* observer.h: what this node's commands cost: counts, times and errors of each row for INFO's
 * Commandstats and Latencystats and for LATENCY; the slow log; MONITOR's feed. Told by the replica
 * of every command that it carries out for a client of this node (replica.h, replica_observer).
 *
 * Times are those of running a command, on this node: a write's wait for the disk and the other
 * nodes is no part of them, as Redis's do not contain what it does after the command.
 *
 * Ownership: the server's; one a server. Times in nanoseconds unless the name says otherwise. */
#pragma once

#include "base/histogram.h"
#include "src/replica/replica.h"

struct server;
struct observer;

struct observer *observer_create(void);
void observer_destroy(struct observer *observer); /* NULL is allowed. */

/* What the replica calls; the session's server says whose observer it is. */
const struct replica_observer *observer_hooks(void);

/* Since the start or the last CONFIG RESETSTAT. */
struct command_figures {
    uint64_t calls, time_ns;
    uint64_t refused;            /* not carried out */
    uint64_t failed;             /* carried out, and answered an error */
    struct histogram *latencies; /* NULL: none, or latency-tracking was off */
};
const struct command_figures *observer_figures(const struct observer *observer,
                                               const struct command *command);
void observer_reset(struct observer *observer);

/* Slow commands, newest first. */
struct slow_command {
    uint64_t id, took_us;
    uint64_t time_s; /* wall clock, when it ended */
    struct buffer *args;
    uint32_t count;
    struct buffer address, name; /* the client's */
    struct slow_command *older;
};
const struct slow_command *observer_slow_commands(const struct observer *observer);
uint64_t observer_slow_count(const struct observer *observer);
void observer_forget_slow(struct observer *observer);

/* Latency events (latency-monitor-threshold): at most one sample a second, the worst of it. */
enum latency_event { LATENCY_COMMAND, LATENCY_FAST_COMMAND, LATENCY_EVENTS };
enum { LATENCY_SAMPLES = 160 };
struct latency_samples {
    const char *name;
    uint64_t max_ms;
    uint32_t at, count; /* the next place, and how many there are */
    struct latency_sample {
        uint64_t time_s, took_ms;
    } samples[LATENCY_SAMPLES];
};
struct latency_samples *observer_latencies(struct observer *observer, enum latency_event event);
void observer_forget_latencies(struct latency_samples *samples);
