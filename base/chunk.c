/* chunk.c: the life of a chunk. */
#include "base/chunk.h"

#include "base/memory.h"

struct chunk *chunk_create(size_t capacity) {
    struct chunk *chunk = memory_allocate(sizeof(struct chunk) + capacity);
    chunk->references = 1;
    chunk->capacity = capacity;
    chunk->used = 0;
    return chunk;
}

void chunk_release(struct chunk *chunk) {
    if (chunk == NULL) return;
    CHECK(chunk->references > 0);
    if (--chunk->references == 0) memory_release(chunk);
}
