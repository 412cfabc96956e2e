/* memory_usage.h: what the allocator and the kernel say about this process's memory. Bytes. */
#pragma once

#include <stdint.h>

struct memory_usage {
    uint64_t allocated, active, resident; /* by the allocator */
    uint64_t resident_set;                /* by the kernel */
};

uint64_t memory_used(void); /* allocated, as cheaply as it can be had */
void memory_usage_read(struct memory_usage *usage);
uint64_t memory_of_system(void);
const char *memory_allocator(void); /* "jemalloc-5.3.0", "libc" */
