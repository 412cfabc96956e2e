/* integers.h: a short ascending list of distinct integers in one allocation.
 *
 * Each takes 2, 4 or 8 bytes, as the widest needs. Finding is a binary search, adding and removing
 * move what stands behind: callers bound the count.
 *
 * Pure. Functions that change take the address of the owner's pointer: the list may move. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct integers; /* Opaque: its layout stands in integers.c. */

struct integers *integers_create(void);
void integers_destroy(struct integers *integers); /* NULL is allowed. */

struct integers *integers_copy(const struct integers *integers);

uint32_t integers_count(const struct integers *integers);
/* Requires index < count. Ascending. */
int64_t integers_at(const struct integers *integers, uint32_t index);

/* Where the value stands or would stand (at most count); true if it is there. */
bool integers_find(const struct integers *integers, int64_t value, uint32_t *index);

/* False if it was there already. */
bool integers_add(struct integers **integers, int64_t value);
/* False if it was not there. */
bool integers_remove(struct integers **integers, int64_t value);

uint64_t integers_digest(const struct integers *integers); /* of the values, not of their width */
size_t integers_memory(const struct integers *integers);   /* allocated bytes: node-local */
void integers_check(const struct integers *integers);
