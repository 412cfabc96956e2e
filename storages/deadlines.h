/* deadlines.h: the keys of one database that have a deadline, earliest first.
 *
 * A 4-ary heap ordered by deadline and then by key, a total order of state alone: so the sequence
 * in which keys expire is equal on every node, also on one whose heap was built from a snapshot.
 * Each item knows its place in the heap (struct item_expiry).
 *
 * Lends items: the keyspace owns them and tells the heap when one moves in memory or goes. */
#pragma once

#include "base/segments.h"
#include "storages/item.h"

struct deadlines { /* zeroed: empty */
    struct segments heap;
    uint32_t count;
    uint64_t sum_ms; /* of all deadlines, modulo 2^64: for the mean */
};

void deadlines_clear(struct deadlines *deadlines);
/* In pieces, as segments_clear_some(). */
bool deadlines_clear_some(struct deadlines *deadlines, uint64_t *budget);

/* The item has ITEM_DEADLINE and its deadline, and is not in the heap. */
void deadlines_add(struct deadlines *deadlines, struct item *item);
void deadlines_remove(struct deadlines *deadlines, struct item *item);
/* The item, already in the heap, gets another deadline. */
void deadlines_change(struct deadlines *deadlines, struct item *item, int64_t deadline_ms);
/* The item has a new address. */
void deadlines_moved(struct deadlines *deadlines, struct item *item);

/* The item that expires first, or NULL. */
struct item *deadlines_first(const struct deadlines *deadlines);
size_t deadlines_memory(const struct deadlines *deadlines);
void deadlines_check(const struct deadlines *deadlines);
