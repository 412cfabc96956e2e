/* table.h: the dense table, the one collection behind keyspace, map, set and sorted set.
 *
 * Entries stand in an array in insertion order, so positions 0 .. size-1 are all filled; a hash
 * index of 32-bit positions stands beside it. Deleting moves the last entry into the hole. So
 *  - a random pick is one array access, uniform and the same on every node;
 *  - nothing a command can show depends on the hash seed, which is node-local;
 *  - SCAN walks from the end to the start: positions of surviving entries never rise
 *    (SAFETY 25, table_scan below).
 * The index is linear hashing (Litwin 1980) over 64-byte buckets of 12 tagged positions with
 * overflow chains; it and the array are segmented, so growth and shrinking are incremental:
 * no operation copies or rehashes more than one bucket or one segment, at any size.
 *
 * Ownership: the table stores pointers and never copies what they point to, nor frees it but in
 * table_release_some(). The key is
 * read through the type's function and must not change while the entry is in the table.
 * At most 2^32 - 2 entries, at even addresses. Pointers from table_at() and friends stay valid as
 * long as the caller keeps the entry itself; positions only until the next change. */
#pragma once

#include "base/bytes.h"

struct table; /* Opaque; about 64 bytes plus segments that grow with the number of entries. */

typedef struct bytes table_key_function(const void *entry);

enum { TABLE_NONE = UINT32_MAX };

struct table *table_create(table_key_function *key, uint64_t hash_seed);
void table_destroy(struct table *table); /* NULL is allowed; the entries stay the caller's. */

/* Releases the table's memory in pieces: up to *budget of them, whose number is taken off it; true
 * when the table is gone. Nothing else may be done with it from the first call on. */
bool table_destroy_some(struct table *table, uint64_t *budget);

/* Sets the index of an empty table up for so many entries, so that adding them splits no bucket:
 * for loading. Takes time and about 10 bytes for each at once. Without effect on any result. */
void table_reserve(struct table *table, uint32_t entries);

uint32_t table_size(const struct table *table);

/* The hash to hand to the _hashed calls: computed once per key. */
uint64_t table_hash(const struct table *table, struct bytes key);
/* Bring the cache lines of a coming look-up closer, without effect on any result. In this order
 * and some work apart: the bucket, then the array slot, then the entry. */
void table_prefetch(const struct table *table, uint64_t hash);
void table_prefetch_slot(const struct table *table, uint64_t hash);
void table_prefetch_entry(const struct table *table, uint64_t hash);
/* The entry whose key has this hash, as far as a look without comparing keys can tell: it may be
 * another one, or NULL. For guesses about what to prefetch. */
const void *table_guess(const struct table *table, uint64_t hash);

/* The entry's position, or TABLE_NONE. */
uint32_t table_find_hashed(const struct table *table, struct bytes key, uint64_t hash);
static inline uint32_t table_find(const struct table *table, struct bytes key) {
    return table_find_hashed(table, key, table_hash(table, key));
}
/* The position of this very entry, TABLE_NONE if it is not there. Compares addresses only, so the
 * entry may be gone: for an owner whose entry has moved in memory. */
uint32_t table_position(const struct table *table, const void *entry, uint64_t hash);
/* The entry with this key, or NULL. */
void *table_get(const struct table *table, struct bytes key);

/* Requires position < table_size(). */
void *table_at(const struct table *table, uint32_t position);

/* Appends an entry whose key is not in the table; returns its position. */
uint32_t table_add_hashed(struct table *table, void *entry, uint64_t hash);
uint32_t table_add(struct table *table, void *entry);

/* Puts another entry with an equal key at this position; returns the old one. */
void *table_replace(struct table *table, uint32_t position, void *entry);

/* Takes the entry out and moves the last one into its place; returns it. While the table has
 * holes it leaves one more instead. */
void *table_remove(struct table *table, uint32_t position);
/* Takes the entry out but leaves a hole (table_at gives NULL) until table_fill_holes(): for
 * commands that delete and add within one atomic unit (SAFETY 25): a key that is added again
 * before the holes are filled comes back to its own place. Holes do not count in table_size();
 * positions go up to table_span(). */
void *table_remove_leaving_hole(struct table *table, uint32_t position);
/* Moves the last entries into the holes, in the order the holes came to be. Cheap without holes. */
void table_fill_holes(struct table *table);
uint32_t table_span(const struct table *table);

/* Bytes of the table itself, for MEMORY USAGE. */
size_t table_memory(const struct table *table);

/* For tables whose entries are allocations of their own (memory.h): */
/* Takes out and releases up to *budget entries, from the last one on; their number is taken off it.
 * True when none is left. */
bool table_release_some(struct table *table, uint64_t *budget);
/* Bytes of the entries, reckoned from a few of them. */
size_t table_entries_memory(const struct table *table);

/* Costly walk of all invariants: in tests. */
void table_check(const struct table *table);
