/* memory.h: allocation that cannot fail.
 *
 * Out of memory ends the process (inputs are bounded instead: docs/design.md, "Memory"); so no
 * caller checks. Every block is released with memory_release. A size of 0 is allowed and gives a
 * pointer that may be released. */
#pragma once

#include <stddef.h>

#include "base/check.h"

__attribute__((malloc, alloc_size(1), returns_nonnull)) void *memory_allocate(size_t size);
__attribute__((malloc, alloc_size(1), returns_nonnull)) void *memory_allocate_zeroed(size_t size);
/* Like realloc: the old pointer is dead afterwards; NULL allocates. */
__attribute__((alloc_size(2), returns_nonnull)) void *memory_resize(void *memory, size_t size);
void memory_release(void *memory); /* NULL is allowed. */

/* How many bytes the block really occupies in the allocator: for MEMORY USAGE and bounds. Differs
 * between nodes, so it must never enter replicated state. */
size_t memory_usable_size(const void *memory);

/* A good size for a block of at least `size` bytes that grows and shrinks: multiples of 16, then
 * quarters of a doubling, which is also how the allocator rounds. A function of the size alone, so
 * that small growing structures need no field for their capacity. */
size_t memory_round_up(size_t size);
