/* random.h: a seeded generator, xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom
 * number generators", 2021), its state filled from the seed by splitmix64.
 *
 * Equal seeds give equal sequences on every machine; nothing here asks the system. Not for
 * secrets. */
#pragma once

#include <stdint.h>

struct random {
    uint64_t state[4];
};

void random_init(struct random *random, uint64_t seed);
uint64_t random_next(struct random *random);
/* Uniform in 0 .. bound - 1, without bias (Lemire 2019). Requires bound > 0. */
uint64_t random_below(struct random *random, uint64_t bound);
/* One step of splitmix64 of a single number: to derive a seed from another. */
uint64_t random_mix(uint64_t value);
