/* deadlines.c: a 4-ary heap: half as deep as a binary one, the four children of a node side by
 * side. Entries repeat the deadline, so that an item is only touched when two are equal or an
 * entry moves. */
#include "storages/deadlines.h"

struct entry {
    int64_t deadline_ms;
    struct item *item;
};

enum { CHILDREN = 4 };

static const struct segments_layout heap_layout = {sizeof(struct entry), 12, 4};

static struct entry *entry_at(const struct deadlines *deadlines, uint32_t index) {
    return segments_at(&deadlines->heap, heap_layout, index);
}

static bool entry_before(const struct entry *a, const struct entry *b) {
    if (a->deadline_ms != b->deadline_ms) return a->deadline_ms < b->deadline_ms;
    return bytes_compare(item_key_span(a->item), item_key_span(b->item)) < 0;
}

static void entry_put(struct deadlines *deadlines, uint32_t index, struct entry entry) {
    *entry_at(deadlines, index) = entry;
    item_expiry(entry.item)->heap_index = index;
}

/* Both find the place for `entry` from the free place `index` on, and put it there. */
static void sift_up(struct deadlines *deadlines, uint32_t index, struct entry entry) {
    while (index > 0) {
        uint32_t parent = (index - 1) / CHILDREN;
        if (!entry_before(&entry, entry_at(deadlines, parent))) break;
        entry_put(deadlines, index, *entry_at(deadlines, parent));
        index = parent;
    }
    entry_put(deadlines, index, entry);
}

static void sift_down(struct deadlines *deadlines, uint32_t index, struct entry entry) {
    for (;;) {
        uint64_t first = (uint64_t)index * CHILDREN + 1, best = first;
        if (first >= deadlines->count) break;
        for (uint64_t child = first + 1; child < first + CHILDREN; child++) {
            if (child >= deadlines->count) break;
            if (entry_before(entry_at(deadlines, (uint32_t)child),
                             entry_at(deadlines, (uint32_t)best)))
                best = child;
        }
        if (!entry_before(entry_at(deadlines, (uint32_t)best), &entry)) break;
        entry_put(deadlines, index, *entry_at(deadlines, (uint32_t)best));
        index = (uint32_t)best;
    }
    entry_put(deadlines, index, entry);
}

static void place(struct deadlines *deadlines, uint32_t index, struct entry entry) {
    if (index > 0 && entry_before(&entry, entry_at(deadlines, (index - 1) / CHILDREN)))
        sift_up(deadlines, index, entry);
    else
        sift_down(deadlines, index, entry);
}

void deadlines_clear(struct deadlines *deadlines) {
    segments_clear(&deadlines->heap);
    *deadlines = (struct deadlines){0};
}

bool deadlines_clear_some(struct deadlines *deadlines, uint64_t *budget) {
    deadlines->count = 0;
    return segments_clear_some(&deadlines->heap, budget);
}

void deadlines_add(struct deadlines *deadlines, struct item *item) {
    segments_reserve(&deadlines->heap, heap_layout, deadlines->count + 1ull);
    int64_t deadline_ms = item_expiry(item)->deadline_ms;
    deadlines->sum_ms += (uint64_t)deadline_ms;
    sift_up(deadlines, deadlines->count++, (struct entry){deadline_ms, item});
}

void deadlines_remove(struct deadlines *deadlines, struct item *item) {
    uint32_t index = item_expiry(item)->heap_index;
    CHECK(index < deadlines->count && entry_at(deadlines, index)->item == item);
    deadlines->sum_ms -= (uint64_t)item_expiry(item)->deadline_ms;
    struct entry last = *entry_at(deadlines, --deadlines->count);
    if (index != deadlines->count) place(deadlines, index, last);
    segments_shrink(&deadlines->heap, heap_layout, deadlines->count);
}

void deadlines_change(struct deadlines *deadlines, struct item *item, int64_t deadline_ms) {
    struct item_expiry *expiry = item_expiry(item);
    deadlines->sum_ms += (uint64_t)deadline_ms - (uint64_t)expiry->deadline_ms;
    expiry->deadline_ms = deadline_ms;
    place(deadlines, expiry->heap_index, (struct entry){deadline_ms, item});
}

void deadlines_moved(struct deadlines *deadlines, struct item *item) {
    entry_at(deadlines, item_expiry(item)->heap_index)->item = item;
}

struct item *deadlines_first(const struct deadlines *deadlines) {
    return deadlines->count == 0 ? NULL : entry_at(deadlines, 0)->item;
}

size_t deadlines_memory(const struct deadlines *deadlines) {
    return segments_memory(&deadlines->heap, heap_layout);
}

void deadlines_check(const struct deadlines *deadlines) {
    uint64_t sum_ms = 0;
    for (uint32_t i = 0; i < deadlines->count; i++) {
        const struct entry *entry = entry_at(deadlines, i);
        CHECK(item_expiry(entry->item)->heap_index == i);
        CHECK(item_expiry(entry->item)->deadline_ms == entry->deadline_ms);
        if (i > 0) CHECK(entry_before(entry_at(deadlines, (i - 1) / CHILDREN), entry));
        sum_ms += (uint64_t)entry->deadline_ms;
    }
    CHECK(sum_ms == deadlines->sum_ms);
}
