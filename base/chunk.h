/* chunk.h: reference-counted blocks of memory that never move: the log buffer's bricks.
 *
 * A command's bytes are copied once, into a chunk; the origin's resend window, the log's tail, the
 * disk thread, the peers' links and the apply hold references to it (SAFETY 29). Counts are changed
 * by the loop's thread only; other threads may read the data of a chunk on which the loop holds a
 * reference for them. */
#pragma once

#include "base/bytes.h"

#ifdef HAMOK_TINY_LIMITS
enum { CHUNK_SIZE = 4096 };
#else
enum { CHUNK_SIZE = 1 << 20 };
#endif

struct chunk {
    uint32_t references;
    size_t capacity; /* bytes of data */
    size_t used;     /* bytes handed out so far, from the front */
    char data[];
};

/* One reference, the caller's. capacity: usually CHUNK_SIZE, more for one large entry. */
struct chunk *chunk_create(size_t capacity);
static inline struct chunk *chunk_hold(struct chunk *chunk) {
    chunk->references++;
    return chunk;
}
void chunk_release(struct chunk *chunk); /* NULL is allowed; the last one frees. */
