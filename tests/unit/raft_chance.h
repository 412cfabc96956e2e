/* raft_chance.h: a box of cores under chance: messages delayed, reordered, lost, doubled; links
 * cut; nodes paused, crashed and restarted; slow disks. One seed is one run. */
#pragma once

#include "raft_box.h"

struct chance_result {
    uint64_t elections, committed, granted_reads, lease_moments, crashes, faults;
    char violation[200]; /* empty: none */
    bool healed;         /* after the faults ended, a write was committed on every node */
};

struct chance_options {
    uint64_t seed;
    uint32_t steps;
    uint32_t planted;
    bool trace;
};

void chance_run(const struct chance_options *options, struct chance_result *result);
