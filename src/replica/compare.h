/* compare.h: the nodes compare their state while they run (SAFETY 23).
 *
 * At every COMPARE_INTERVALth index each node tells the others the rolling digest of all replicated
 * state there. A node whose digest differs from that of a majority has diverged; if no digest has a
 * majority, nobody knows who is right. Kept are the last few such indexes, so that a node that is
 * behind is still compared when it gets there. Pure; no memory of its own. */
#pragma once

#include "raft/raft.h"

#ifdef HAMOK_TINY_LIMITS
enum { COMPARE_INTERVAL = 8 };
#else
enum { COMPARE_INTERVAL = 512 };
#endif
enum { COMPARE_KEPT = 32 };

struct compared_digest {
    uint64_t index; /* 0: none */
    uint64_t digest;
};

struct compare {
    /* By node, then by (index / interval) modulo the number kept. */
    struct compared_digest told[RAFT_NODES_MAX + 1][COMPARE_KEPT];
};

enum compare_verdict {
    COMPARE_AGREES, /* or not enough is known */
    COMPARE_MINORITY,
    COMPARE_NO_MAJORITY,
};

static inline bool compare_is_due(uint64_t index) {
    return index % COMPARE_INTERVAL == 0;
}

/* What `node` (1 .. RAFT_NODES_MAX, this one or another) says of its state at this index. */
void compare_note(struct compare *compare, uint32_t node, uint64_t index, uint64_t digest);
/* The id may be another node's from now on. */
void compare_forget(struct compare *compare, uint32_t node);
/* What it has said of this index; false: nothing, or it is forgotten. */
bool compare_told(const struct compare *compare, uint32_t node, uint64_t index, uint64_t *digest);
/* What follows for `self`, a voter or a learner, from what is known of this index, in a cluster of
 * these voters: bits 1 << id. */
enum compare_verdict compare_judge(const struct compare *compare, uint32_t self, uint64_t index,
                                   uint32_t voters);
