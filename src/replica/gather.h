/* gather.h: how long a small batch waits for company.
 *
 * A sync and a round to the peers cost nearly the same for one command as for a hundred. Clients
 * that wait for replies come in waves: those who were just answered will ask again, about together
 * with those who asked meanwhile. So when a batch has been applied, the next one waits until most
 * of both are there. Where that proves wrong (clients that think, or read in between), the wait was
 * in vain; then some batches do without it, the more the oftener it happens.
 *
 * Pure; counts are in commands, times in microseconds. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
    GATHER_MAX_US = 1000,        /* no batch waits longer for company */
    GATHER_MAX_BYTES = 32 << 10, /* groups of this size pay as they are */
    GATHER_PAUSES_MAX = 64,      /* batches without waiting, after many waits in vain */
};

struct gather {        /* All zero at first. */
    uint32_t wanted;   /* commands to wait for; 0: for none */
    uint64_t until_us; /* then it goes as it is */
    uint32_t pauses, pauses_next;
};

struct gather_group {
    uint32_t count;
    size_t size_bytes;
};

/* A batch was applied, and its clients are answered; others stood in the open batch meanwhile. */
void gather_note_applied(struct gather *gather, struct gather_group answered,
                         struct gather_group waiting, uint64_t now_us);

enum gather_verdict {
    GATHER_COMPLETE, /* all that were expected are there */
    GATHER_WAITS,    /* until until_us */
    GATHER_UNSURE,   /* nothing is known about who will come */
};
enum gather_verdict gather_judge(const struct gather *gather, uint32_t count, uint64_t now_us);

/* The batch goes, with `count` commands, the first of which came at opened_us. */
void gather_note_sealed(struct gather *gather, uint32_t count, uint64_t opened_us);
