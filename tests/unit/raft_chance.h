/* raft_chance.h: a box of cores under chance: messages delayed, reordered, lost, doubled; links
 * cut; nodes paused, crashed and restarted; slow disks; and, in some runs, members that come, go
 * and change their parts, logs cut behind snapshots, and nodes whose timing differs. One seed is
 * one run. */
#pragma once

#include "raft_box.h"

struct chance_result {
    uint64_t elections, committed, granted_reads, lease_moments, crashes, faults;
    uint64_t changes, snapshots, installs, timings, unreadable;
    uint64_t lost;       /* what disks have lost: entries or votes */
    char violation[200]; /* empty: none */
    bool healed;         /* after the faults ended, a write was committed on every member */
    bool hopeless;       /* too many disks had lost something then for that to be sure */
};

struct chance_options {
    uint64_t seed;
    uint32_t steps;
    uint32_t planted;
    bool is_fixed; /* the members, the logs' beginnings and the timing stay as they are */
    bool loses;    /* disks lose entries and votes */
    bool trace;
};

void chance_run(const struct chance_options *options, struct chance_result *result);
