/* integers.c: a header and an array of int16, int32 or int64. The width only grows: a value that
 * does not fit widens all, one pass from the end. */
#include "base/integers.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "base/memory.h"

struct integers {
    uint32_t count;
    uint32_t width; /* bytes of each value */
    char values[];
};

static const uint64_t digest_start = 0x696e7465676572; /* so that an empty list is not 0 */

static uint32_t width_of(int64_t value) {
    if (value == (int16_t)value) return 2;
    return value == (int32_t)value ? 4 : 8;
}

static int64_t load(const struct integers *integers, uint32_t width, uint32_t index) {
    const char *at = integers->values + (size_t)index * width;
    if (width == 2) return (int16_t)load_u16(at);
    return width == 4 ? (int32_t)load_u32(at) : (int64_t)load_u64(at);
}

static void store(struct integers *integers, uint32_t index, int64_t value) {
    char *at = integers->values + (size_t)index * integers->width;
    if (integers->width == 2) {
        store_u16(at, (uint16_t)value);
    } else if (integers->width == 4) {
        store_u32(at, (uint32_t)value);
    } else {
        store_u64(at, (uint64_t)value);
    }
}

static size_t block_size(uint32_t count, uint32_t width) {
    return memory_round_up(sizeof(struct integers) + (size_t)count * width);
}

static void resize(struct integers **integers, uint32_t count, uint32_t width) {
    size_t size = block_size(count, width);
    if (size != block_size((*integers)->count, (*integers)->width))
        *integers = memory_resize(*integers, size);
}

struct integers *integers_create(void) {
    struct integers *integers = memory_allocate(block_size(0, 2));
    *integers = (struct integers){.count = 0, .width = 2};
    return integers;
}

void integers_destroy(struct integers *integers) {
    memory_release(integers);
}

struct integers *integers_copy(const struct integers *integers) {
    size_t size = block_size(integers->count, integers->width);
    struct integers *copy = memory_allocate(size);
    memcpy(copy, integers, sizeof(*copy) + (size_t)integers->count * integers->width);
    return copy;
}

uint32_t integers_count(const struct integers *integers) {
    return integers->count;
}

int64_t integers_at(const struct integers *integers, uint32_t index) {
    CHECK(index < integers->count);
    return load(integers, integers->width, index);
}

bool integers_find(const struct integers *integers, int64_t value, uint32_t *index) {
    uint32_t low = 0, high = integers->count;
    /* Ascending adds are common: look at the last one first. */
    if (high > 0 && load(integers, integers->width, high - 1) < value) low = high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (load(integers, integers->width, middle) < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *index = low;
    return low < integers->count && load(integers, integers->width, low) == value;
}

static void widen(struct integers **integers, uint32_t width) {
    uint32_t narrow = (*integers)->width;
    resize(integers, (*integers)->count, width);
    (*integers)->width = width;
    for (uint32_t i = (*integers)->count; i-- > 0;)
        store(*integers, i, load(*integers, narrow, i));
}

bool integers_add(struct integers **integers, int64_t value) {
    uint32_t index;
    if (integers_find(*integers, value, &index)) return false;

    CHECK((*integers)->count < UINT32_MAX / 8);
    uint32_t width = width_of(value);
    if (width > (*integers)->width) widen(integers, width);
    width = (*integers)->width;
    resize(integers, (*integers)->count + 1, width);
    char *at = (*integers)->values + (size_t)index * width;
    memmove(at + width, at, (size_t)((*integers)->count - index) * width);
    (*integers)->count++;
    store(*integers, index, value);
    return true;
}

bool integers_remove(struct integers **integers, int64_t value) {
    uint32_t index;
    if (!integers_find(*integers, value, &index)) return false;

    uint32_t width = (*integers)->width;
    char *at = (*integers)->values + (size_t)index * width;
    memmove(at, at + width, (size_t)((*integers)->count - index - 1) * width);
    resize(integers, (*integers)->count - 1, width);
    (*integers)->count--;
    return true;
}

uint64_t integers_digest(const struct integers *integers) {
    uint64_t digest = digest_start;
    for (uint32_t i = 0; i < integers->count; i++)
        digest = hash_chain(digest, (uint64_t)integers_at(integers, i));
    return digest;
}

size_t integers_memory(const struct integers *integers) {
    return memory_usable_size(integers);
}

void integers_check(const struct integers *integers) {
    CHECK(integers->width == 2 || integers->width == 4 || integers->width == 8);
    for (uint32_t i = 1; i < integers->count; i++)
        CHECK(integers_at(integers, i - 1) < integers_at(integers, i));
}
