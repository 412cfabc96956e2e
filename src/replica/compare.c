/* compare.c: counting equal digests. */
#include "src/replica/compare.h"

static uint64_t slot_of(uint64_t index) {
    return index / COMPARE_INTERVAL % COMPARE_KEPT;
}

void compare_note(struct compare *compare, uint32_t node, uint64_t index, uint64_t digest) {
    CHECK(node >= 1 && node <= RAFT_NODES_MAX);
    struct compared_digest *slot = &compare->told[node][slot_of(index)];
    if (index >= slot->index) *slot = (struct compared_digest){index, digest};
}

enum compare_verdict compare_judge(const struct compare *compare, uint32_t self, uint64_t index,
                                   const uint32_t *voters, uint32_t voter_count) {
    uint64_t slot = slot_of(index);
    const struct compared_digest *own = &compare->told[self][slot];
    if (own->index != index) return COMPARE_AGREES;
    uint32_t majority = voter_count / 2 + 1, known = 0, largest = 0, agreeing = 0;
    for (uint32_t i = 0; i < voter_count; i++) {
        const struct compared_digest *one = &compare->told[voters[i]][slot];
        if (one->index != index) continue;
        known++;
        uint32_t equal = 0;
        for (uint32_t k = 0; k < voter_count; k++) {
            const struct compared_digest *other = &compare->told[voters[k]][slot];
            equal += other->index == index && other->digest == one->digest;
        }
        if (equal > largest) largest = equal;
        if (one->digest == own->digest) agreeing = equal;
    }
    if (agreeing == known) return COMPARE_AGREES;
    if (largest >= majority) return agreeing >= majority ? COMPARE_AGREES : COMPARE_MINORITY;
    /* Those that have not spoken yet may still make a majority. */
    return largest + (voter_count - known) >= majority ? COMPARE_AGREES : COMPARE_NO_MAJORITY;
}
