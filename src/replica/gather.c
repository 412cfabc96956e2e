/* gather.c: see gather.h. */
#include "src/replica/gather.h"

void gather_note_applied(struct gather *gather, struct gather_group answered,
                         struct gather_group waiting, uint64_t now_us) {
    gather->wanted = 0;
    if (answered.size_bytes + waiting.size_bytes >= GATHER_MAX_BYTES) return;
    if (gather->pauses > 0) {
        gather->pauses--;
        return;
    }
    uint64_t all = (uint64_t)answered.count + waiting.count;
    all -= all / 8; /* Somebody is always late: the others need not wait for that. */
    gather->wanted = all < UINT32_MAX ? (uint32_t)all : UINT32_MAX;
    gather->until_us = now_us + GATHER_MAX_US;
}

enum gather_verdict gather_judge(const struct gather *gather, uint32_t count, uint64_t now_us) {
    if (gather->wanted == 0) return GATHER_UNSURE;
    if (count >= gather->wanted) return GATHER_COMPLETE;
    return now_us < gather->until_us ? GATHER_WAITS : GATHER_UNSURE;
}

void gather_note_sealed(struct gather *gather, uint32_t count, uint64_t opened_us) {
    if (gather->wanted == 0) return;
    if (count >= gather->wanted) {
        gather->pauses_next = 0;
    } else if (opened_us < gather->until_us) { /* It waited, and in vain. */
        uint32_t next = gather->pauses_next == 0 ? 1 : gather->pauses_next * 2;
        gather->pauses_next = next < GATHER_PAUSES_MAX ? next : GATHER_PAUSES_MAX;
        gather->pauses = gather->pauses_next;
    }
    gather->wanted = 0;
}
