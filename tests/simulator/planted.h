/* planted.h: the one list of mistakes that can be switched on in product code, each at the one
 * place where a builder would make it. Neither the schedule nor the checks look at it. */
#pragma once

#include "raft/planted.h"
#include "src/replica/replica.h"

struct planted_bug {
    const char *name;
    const char *rule;       /* that it breaks: of the papers, of SAFETY, or what others shipped */
    uint32_t raft, replica; /* bits of enum raft_planted, of enum replica_planted */
    /* How many seeds may pass until one fails, from any start: about four times the median of
     * docs/testing.md. Those below PLANTED_CHEAP are looked for in every build. */
    uint32_t seeds_max;
};
enum { PLANTED_CHEAP = 100 };

extern const struct planted_bug planted_bugs[];
extern const size_t planted_bug_count;
