/* lzf.h: the LZF compression of strings in Redis's RDB files (format: Marc Lehmann's LibLZF).
 *
 * A head byte below 32 announces 1 to 32 literal bytes. Any other is a copy of what was put out
 * before: its upper three bits are the length less 2 (7: another byte adds to it), its lower five
 * and a last byte how far back, less 1. So a copy is 3 to 264 bytes from at most 8192 bytes back.
 *
 * Pure: the output depends on the input alone (LibLZF's own also on what its stack held). */
#pragma once

#include "base/bytes.h"

enum { LZF_HASH_BITS = 13 };
#define LZF_INPUT_MAX ((size_t)1 << 30)
/* No compressed byte stands for more than this many: a bound on what a given size can claim. */
enum { LZF_RATIO_MAX = 88 };

/* What the compressor reuses from call to call; 32 KiB. A zeroed one is ready. */
struct lzf {
    uint32_t base; /* places up to this are of earlier inputs */
    uint32_t places[1 << LZF_HASH_BITS];
};

/* Compresses into at most out_max bytes; returns how many, or 0 if it would take more. Requires
 * in.size <= LZF_INPUT_MAX. */
size_t lzf_compress(struct lzf *lzf, struct bytes in, char *out, size_t out_max);

/* Exactly out_size bytes; false if the input is no compressed form of that many. */
bool lzf_decompress(struct bytes in, char *out, size_t out_size) MUST_USE;
