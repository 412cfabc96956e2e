/* workload.h: clients of all nodes at once, and what they were told.
 *
 * They ask for the objects of tests/simulator/history.h (records with compare, counters, lists,
 * groups), for one counter and one queue with exact accounts (ledger.h), and publish and listen
 * (news.h). Connections come through the clients' place of the lab, so the network's faults are
 * felt. A client that waits too long for a reply leaves: what it had asked is of unknown outcome
 * then.
 *
 * One thread at a time: workload_begin() starts one that asks, workload_end() joins it; whatever
 * follows happens in the caller's thread. Ownership: workload_create() to workload_destroy(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/torture/lab.h"

enum { WORKLOAD_GAPS = 8, WORKLOAD_PROBLEM_SIZE = 512 };

/* Without an acknowledged write, on any node. */
struct workload_gap {
    uint64_t begin_us, end_us;
};

struct workload_figures {
    uint64_t operations, acknowledged, acknowledged_writes, refused, unknown;
    uint64_t connections, groups, messages_heard, subscriptions;
    uint64_t objects_checked, undecided, configurations;
    struct workload_gap gaps[WORKLOAD_GAPS]; /* the longest first */
};

struct workload *workload_create(const struct lab *lab, int node_count, uint64_t seed);
void workload_destroy(struct workload *workload);

void workload_begin(struct workload *workload);
/* No new questions; what is open is awaited, for a bounded time. */
void workload_end(struct workload *workload);
/* Acknowledged writes until now: may be asked while the thread runs. */
uint64_t workload_acknowledged(const struct workload *workload);

/* After healing: every node is asked for every object, every subscription hears a last message.
 * False: it did not come to that, `problem` says why. */
bool workload_ask_all(struct workload *workload, char problem[static WORKLOAD_PROBLEM_SIZE]);
/* The verdict over all of it, with what counter and queue hold in the end. */
bool workload_judge(struct workload *workload, int64_t total, const int64_t *left,
                    size_t left_count, char problem[static WORKLOAD_PROBLEM_SIZE]);
struct workload_figures workload_figures(const struct workload *workload);
