/* sample.h: random positions, each at most once: what HRANDFIELD, SRANDMEMBER and their kin draw
 * from a collection. */
#pragma once

#include "base/random.h"
#include "storages/command.h"

struct sample {
    struct random *random;
    uint32_t span, drawn;
    uint32_t *order; /* a shuffle, done as far as drawn; or NULL */
    uint8_t *taken;  /* or a bit for each position */
};

/* Positions are below span; of them the caller wants about `wanted`: this chooses the method, not
 * the result's fairness. Costs O(wanted) time and at most span/8 or 12 * wanted bytes. */
struct sample sample_begin(struct random *random, uint32_t span, uint64_t wanted);
/* The next one, uniform among those not drawn yet: at most `span` times. */
uint32_t sample_next(struct sample *sample);
void sample_end(struct sample *sample);

/* The count argument of those commands: negative asks for that many draws with repetition. False
 * after an error reply. */
bool sample_parse_count(struct command_call *call, uint32_t at, int64_t *count);

/* How many elements a negative count may ask for. Redis has no such bound: a count of -2^62 ends
 * it, out of memory; here it is an error reply. */
enum { SAMPLE_REPEATS_MAX = 1 << 24 };
/* False after an error reply when the negative count asks for more. */
bool sample_repeats_allowed(struct command_call *call, int64_t count);
