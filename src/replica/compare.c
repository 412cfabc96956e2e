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

void compare_forget(struct compare *compare, uint32_t node) {
    memset(compare->told[node], 0, sizeof(compare->told[node]));
}

bool compare_told(const struct compare *compare, uint32_t node, uint64_t index, uint64_t *digest) {
    CHECK(node >= 1 && node <= RAFT_NODES_MAX);
    const struct compared_digest *slot = &compare->told[node][slot_of(index)];
    if (index == 0 || slot->index != index) return false;
    *digest = slot->digest;
    return true;
}

enum compare_verdict compare_judge(const struct compare *compare, uint32_t self, uint64_t index,
                                   uint32_t voters) {
    uint64_t slot = slot_of(index);
    const struct compared_digest *own = &compare->told[self][slot];
    if (own->index != index) return COMPARE_AGREES;
    uint32_t count = (uint32_t)__builtin_popcount(voters), known = 0, largest = 0, agreeing = 0;
    uint32_t majority = count / 2 + 1;
    for (uint32_t id = 1; id <= RAFT_NODES_MAX; id++) {
        const struct compared_digest *one = &compare->told[id][slot];
        if ((voters >> id & 1) == 0 || one->index != index) continue;
        known++;
        uint32_t equal = 0;
        for (uint32_t k = 1; k <= RAFT_NODES_MAX; k++) {
            const struct compared_digest *other = &compare->told[k][slot];
            equal +=
                (voters >> k & 1) == 1 && other->index == index && other->digest == one->digest;
        }
        if (equal > largest) largest = equal;
        if (one->digest == own->digest) agreeing = equal;
    }
    if (agreeing == known) return COMPARE_AGREES;
    if (largest >= majority) return agreeing >= majority ? COMPARE_AGREES : COMPARE_MINORITY;
    /* Those that have not spoken yet may still make a majority. */
    return largest + (count - known) >= majority ? COMPARE_AGREES : COMPARE_NO_MAJORITY;
}
