/* hash.h: XXH3 (xxHash, Yann Collet): checksums of our formats and seeded table hashes. */
#pragma once

#include "base/bytes.h"

/* 64 bits of XXH3 over `bytes`, keyed with `seed`. The value is part of on-disk and peer formats.
 */
uint64_t hash_bytes(struct bytes bytes, uint64_t seed);

/* Mixes one more number into a running chain: order matters, cheap, equal on every machine. */
static inline uint64_t hash_chain(uint64_t chain, uint64_t value) {
    unsigned __int128 product = (unsigned __int128)(chain ^ 0x2d358dccaa6c78a5u ^ value) *
                                (0x8bb84b93962eacc9u + (value << 1));
    return (uint64_t)product ^ (uint64_t)(product >> 64) ^ (chain << 1 | chain >> 63);
}
