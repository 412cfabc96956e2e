/* memory_usage.c: see memory_usage.h. jemalloc is linked by the build unless a sanitizer is. */
#include "src/server/memory_usage.h"

#include <stdio.h>
#include <unistd.h>

static uint64_t read_resident_set(void) {
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file != NULL) {
        if (fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
        fclose(file);
    }
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

#ifdef HAMOK_JEMALLOC
#include <jemalloc/jemalloc.h>

static uint64_t jemalloc_figure(const char *name) {
    size_t value = 0, size = sizeof(value);
    return mallctl(name, &value, &size, NULL, 0) == 0 ? value : 0;
}

static void jemalloc_refresh(void) {
    uint64_t epoch = 1;
    size_t size = sizeof(epoch);
    mallctl("epoch", &epoch, &size, &epoch, size);
}

uint64_t memory_used(void) {
    jemalloc_refresh();
    return jemalloc_figure("stats.allocated");
}

static void read_allocator(struct memory_usage *usage) {
    jemalloc_refresh();
    usage->allocated = jemalloc_figure("stats.allocated");
    usage->active = jemalloc_figure("stats.active");
    usage->resident = jemalloc_figure("stats.resident");
}

const char *memory_allocator(void) {
#define TEXT_OF(value) TEXT_OF_EXPANDED(value)
#define TEXT_OF_EXPANDED(value) #value
    return "jemalloc-" TEXT_OF(JEMALLOC_VERSION_MAJOR) "." TEXT_OF(
        JEMALLOC_VERSION_MINOR) "." TEXT_OF(JEMALLOC_VERSION_BUGFIX);
#undef TEXT_OF
#undef TEXT_OF_EXPANDED
}
#else
/* A sanitizer's allocator does not tell; the kernel does. */
uint64_t memory_used(void) {
    return read_resident_set();
}

static void read_allocator(struct memory_usage *usage) {
    usage->allocated = usage->active = usage->resident = read_resident_set();
}

const char *memory_allocator(void) {
    return "libc";
}
#endif

void memory_usage_read(struct memory_usage *usage) {
    read_allocator(usage);
    usage->resident_set = read_resident_set();
}

uint64_t memory_of_system(void) {
    return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}
