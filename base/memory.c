/* memory.c: malloc with one answer to exhaustion. The program links jemalloc; the sanitizers
 * bring their own malloc, so only the standard names are used here. */
#include "base/memory.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((noreturn, cold)) static void memory_exhausted(size_t size) {
    fprintf(stderr, "hamok: out of memory while allocating %zu bytes\n", size);
    abort();
}

void *memory_allocate(size_t size) {
    void *memory = malloc(size == 0 ? 1 : size);
    if (UNLIKELY(memory == NULL)) memory_exhausted(size);
    return memory;
}

void *memory_allocate_zeroed(size_t size) {
    void *memory = calloc(1, size == 0 ? 1 : size);
    if (UNLIKELY(memory == NULL)) memory_exhausted(size);
    return memory;
}

void *memory_resize(void *memory, size_t size) {
    void *resized = realloc(memory, size == 0 ? 1 : size);
    if (UNLIKELY(resized == NULL)) memory_exhausted(size);
    return resized;
}

void memory_release(void *memory) {
    free(memory);
}

size_t memory_usable_size(const void *memory) {
    return malloc_usable_size((void *)memory);
}

size_t memory_round_up(size_t size) {
    if (size <= 128) return (size + 15) & ~(size_t)15;
    size_t quarter = (size_t)1 << (61 - __builtin_clzll((unsigned long long)(size - 1)));
    return (size + quarter - 1) & ~(quarter - 1);
}
