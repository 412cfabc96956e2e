/* map.h: a map of fields to values (Redis's hash), one of the replicated storages.
 *
 * Small maps are a packed list of field, value, field, value …; beyond the limits, and for ever
 * after, a dense table with one allocation per pair. Pairs stand in the order in which their
 * fields were added; a new value keeps its field's position; deleting moves the last pair of a
 * table into the hole.
 *
 * Pure: equal calls give equal maps on every node; the hash seed is node-local and shows nowhere.
 * Ownership: map_set() copies field and value. Spans handed out are valid until the map next
 * changes; numbers of packed maps are printed into the caller's scratch. Sizes in bytes. */
#pragma once

#include "base/bytes.h"
#include "base/number.h"
#include "storages/keyspace.h"

struct map; /* Opaque: its fields live in map.c. */

/* How large a packed map may become. */
struct map_limits {
    int64_t packed_pairs_max;
    int64_t packed_size_max; /* of one field or value */
};

struct map *map_create(uint64_t hash_seed);
void map_destroy(struct map *map);           /* NULL is allowed. */
struct map *map_copy(const struct map *map); /* in the same form and order; without holes */

uint32_t map_size(const struct map *map); /* pairs */
bool map_is_packed(const struct map *map);

bool map_has(const struct map *map, struct bytes field);
/* False when absent; then *value is untouched. */
bool map_get(const struct map *map, struct bytes field, struct bytes *value,
             char scratch[NUMBER_TEXT_MAX]);

/* True if the field is new. Field and value must not lie in the map itself. */
bool map_set(struct map *map, struct bytes field, struct bytes value,
             const struct map_limits *limits);

/* False if the field was absent. leave_hole: the atomic unit goes on after this command, so its
 * position stays open until map_fill_holes() (SAFETY 25). */
bool map_delete(struct map *map, struct bytes field, bool leave_hole);
bool map_has_holes(const struct map *map);

/* One pair, lent: spans point into the map or into the scratch here, so it must not be copied. */
struct map_pair {
    struct bytes field, value;
    char field_scratch[NUMBER_TEXT_MAX], value_scratch[NUMBER_TEXT_MAX];
};

/* Positions run from 0 to map_span(); false at a hole. Cheap for tables, a walk in packed maps. */
uint32_t map_span(const struct map *map);
bool map_at(const struct map *map, uint32_t position, struct map_pair *pair);

/* Walks all pairs in the order of their positions; the map must not change meanwhile. */
struct map_walk {
    const struct map *map;
    uint32_t next; /* offset in a packed map, position in a table */
};
struct map_walk map_walk(const struct map *map);
bool map_walk_next(struct map_walk *walk, struct map_pair *pair);

void map_check(const struct map *map);

/* --- the forms themselves: for files ------------------------------------------------------- */

/* The packed list of a packed map: field, value, field, value …; NULL for a table. */
const struct packed *map_packed(const struct map *map);
/* A packed map that owns this list from now on: no field twice, an even number of entries. */
struct map *map_of_packed(struct packed *packed, uint64_t hash_seed);
/* An empty map that is a table already: map_set() then looks at no limits. */
struct map *map_create_table(uint64_t hash_seed);

extern const struct item_class map_class;

extern const struct command_family map_family;
