/* map.c: two forms behind one face. A packed map searches its fields in order, which for the
 * hundred or so pairs that the limits allow costs less than the cache misses of a table. */
#include "storages/map.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/packed.h"
#include "base/table.h"

struct map {
    struct packed *packed; /* NULL once it is a table */
    struct table *table;   /* of struct map_entry; NULL while packed */
    uint64_t hash_seed;
};

struct map_entry {
    uint32_t field_size, value_size;
    char bytes[]; /* the field, then the value */
};

static struct bytes entry_field(const struct map_entry *entry) {
    return bytes_of(entry->bytes, entry->field_size);
}

static struct bytes entry_value(const struct map_entry *entry) {
    return bytes_of(entry->bytes + entry->field_size, entry->value_size);
}

static struct bytes entry_key(const void *entry) {
    return entry_field(entry);
}

static size_t entry_block_size(size_t field_size, size_t value_size) {
    return memory_round_up(sizeof(struct map_entry) + field_size + value_size);
}

static void entry_set_value(struct map_entry *entry, struct bytes value) {
    entry->value_size = (uint32_t)value.size;
    if (value.size > 0) memcpy(entry->bytes + entry->field_size, value.data, value.size);
}

static struct map_entry *entry_create(struct bytes field, struct bytes value) {
    CHECK(field.size <= UINT32_MAX / 2 && value.size <= UINT32_MAX / 2);
    struct map_entry *entry = memory_allocate(entry_block_size(field.size, value.size));
    entry->field_size = (uint32_t)field.size;
    if (field.size > 0) memcpy(entry->bytes, field.data, field.size);
    entry_set_value(entry, value);
    return entry;
}

struct map *map_create(uint64_t hash_seed) {
    struct map *map = memory_allocate(sizeof(*map));
    *map = (struct map){.packed = packed_create(), .hash_seed = hash_seed};
    return map;
}

struct map *map_of_packed(struct packed *packed, uint64_t hash_seed) {
    CHECK(packed_count(packed) % 2 == 0);
    struct map *map = memory_allocate(sizeof(*map));
    *map = (struct map){.packed = packed, .hash_seed = hash_seed};
    return map;
}

struct map *map_create_table(uint64_t hash_seed) {
    struct map *map = memory_allocate(sizeof(*map));
    *map = (struct map){.table = table_create(entry_key, hash_seed), .hash_seed = hash_seed};
    return map;
}

void map_destroy(struct map *map) {
    if (map == NULL) return;
    if (map->table != NULL) {
        for (uint32_t i = 0; i < table_span(map->table); i++)
            memory_release(table_at(map->table, i));
        table_destroy(map->table);
    }
    packed_destroy(map->packed);
    memory_release(map);
}

/* All pairs, in their order, in a new table. */
static struct table *copy_to_table(const struct map *map) {
    struct table *table = table_create(entry_key, map->hash_seed);
    struct map_walk walk = map_walk(map);
    struct map_pair pair;
    while (map_walk_next(&walk, &pair))
        table_add(table, entry_create(pair.field, pair.value));
    return table;
}

struct map *map_copy(const struct map *map) {
    struct map *copy = memory_allocate(sizeof(*copy));
    *copy = (struct map){.hash_seed = map->hash_seed};
    if (map->packed != NULL) {
        copy->packed = packed_copy(map->packed);
    } else {
        copy->table = copy_to_table(map);
    }
    return copy;
}

uint32_t map_size(const struct map *map) {
    return map->packed != NULL ? packed_count(map->packed) / 2 : table_size(map->table);
}

bool map_is_packed(const struct map *map) {
    return map->packed != NULL;
}

const struct packed *map_packed(const struct map *map) {
    return map->packed;
}

/* The offset of the field in a packed map, or PACKED_END. */
static uint32_t find_packed(const struct map *map, struct bytes field) {
    struct packed_value wanted = packed_value_of(field);
    return packed_find(map->packed, packed_first(map->packed), &wanted, 2);
}

bool map_has(const struct map *map, struct bytes field) {
    if (map->packed != NULL) return find_packed(map, field) != PACKED_END;
    return table_find(map->table, field) != TABLE_NONE;
}

bool map_get(const struct map *map, struct bytes field, struct bytes *value,
             char scratch[NUMBER_TEXT_MAX]) {
    if (map->packed == NULL) {
        const struct map_entry *entry = table_get(map->table, field);
        if (entry == NULL) return false;
        *value = entry_value(entry);
        return true;
    }
    uint32_t at = find_packed(map, field);
    if (at == PACKED_END) return false;
    struct packed_value found = packed_get(map->packed, packed_next(map->packed, at));
    *value = packed_value_bytes(&found, scratch);
    return true;
}

static void convert_to_table(struct map *map) {
    map->table = copy_to_table(map);
    packed_destroy(map->packed);
    map->packed = NULL;
}

static bool fits_packed(const struct map *map, struct bytes field, struct bytes value,
                        const struct map_limits *limits) {
    size_t size_max = limits->packed_size_max < 0 ? 0 : (size_t)limits->packed_size_max;
    return field.size <= size_max && value.size <= size_max &&
           packed_fits(map->packed, field.size + value.size + 64);
}

static bool set_packed(struct map *map, struct bytes field, struct bytes value) {
    struct packed_value packed_value = packed_value_of(value);
    uint32_t at = find_packed(map, field);
    if (at != PACKED_END) {
        packed_replace(&map->packed, packed_next(map->packed, at), &packed_value);
        return false;
    }
    struct packed_value packed_field = packed_value_of(field);
    packed_append(&map->packed, &packed_field);
    packed_append(&map->packed, &packed_value);
    return true;
}

static bool set_table(struct map *map, struct bytes field, struct bytes value) {
    uint64_t hash = table_hash(map->table, field);
    uint32_t position = table_find_hashed(map->table, field, hash);
    if (position == TABLE_NONE) {
        table_add_hashed(map->table, entry_create(field, value), hash);
        return true;
    }
    struct map_entry *entry = table_at(map->table, position);
    if (entry_block_size(field.size, entry->value_size) ==
        entry_block_size(field.size, value.size)) {
        entry_set_value(entry, value);
    } else {
        memory_release(table_replace(map->table, position, entry_create(field, value)));
    }
    return false;
}

bool map_set(struct map *map, struct bytes field, struct bytes value,
             const struct map_limits *limits) {
    if (map->packed != NULL && !fits_packed(map, field, value, limits)) convert_to_table(map);
    if (map->packed == NULL) return set_table(map, field, value);

    bool added = set_packed(map, field, value);
    if (added && map_size(map) > limits->packed_pairs_max) convert_to_table(map);
    return added;
}

bool map_delete(struct map *map, struct bytes field, bool leave_hole) {
    if (map->packed != NULL) {
        uint32_t at = find_packed(map, field);
        if (at == PACKED_END) return false;
        packed_delete(&map->packed, at, 2);
        return true;
    }
    uint32_t position = table_find(map->table, field);
    if (position == TABLE_NONE) return false;
    memory_release(leave_hole ? table_remove_leaving_hole(map->table, position)
                              : table_remove(map->table, position));
    return true;
}

bool map_has_holes(const struct map *map) {
    return map->table != NULL && table_span(map->table) != table_size(map->table);
}

static void lend_entry(const struct map_entry *entry, struct map_pair *pair) {
    pair->field = entry_field(entry);
    pair->value = entry_value(entry);
}

/* Lends the pair whose field stands at `at`; returns where the next field stands. */
static uint32_t lend_packed(const struct packed *packed, uint32_t at, struct map_pair *pair) {
    struct packed_value field = packed_get(packed, at);
    at = packed_next(packed, at);
    struct packed_value value = packed_get(packed, at);
    pair->field = packed_value_bytes(&field, pair->field_scratch);
    pair->value = packed_value_bytes(&value, pair->value_scratch);
    return packed_next(packed, at);
}

uint32_t map_span(const struct map *map) {
    return map->packed != NULL ? map_size(map) : table_span(map->table);
}

bool map_at(const struct map *map, uint32_t position, struct map_pair *pair) {
    if (map->packed != NULL) {
        uint32_t at = packed_seek(map->packed, position * 2);
        CHECK(at != PACKED_END);
        lend_packed(map->packed, at, pair);
        return true;
    }
    const struct map_entry *entry = table_at(map->table, position);
    if (entry == NULL) return false;
    lend_entry(entry, pair);
    return true;
}

struct map_walk map_walk(const struct map *map) {
    return (struct map_walk){.map = map,
                             .next = map->packed != NULL ? packed_first(map->packed) : 0};
}

bool map_walk_next(struct map_walk *walk, struct map_pair *pair) {
    const struct map *map = walk->map;
    if (map->packed != NULL) {
        if (walk->next == PACKED_END) return false;
        walk->next = lend_packed(map->packed, walk->next, pair);
        return true;
    }
    while (walk->next < table_span(map->table)) {
        if (map_at(map, walk->next++, pair)) return true;
    }
    return false;
}

/* --- what the keyspace asks ---------------------------------------------------------------- */

static void class_destroy(void *value) {
    map_destroy(value);
}

static bool class_destroy_some(void *value, uint64_t *budget) {
    struct map *map = value;
    if (map->table != NULL && !table_release_some(map->table, budget)) return false;
    map_destroy(map);
    return true;
}

static void class_fill_holes(void *value) {
    struct map *map = value;
    if (map->table != NULL) table_fill_holes(map->table);
}

static void *class_copy(const void *value) {
    return map_copy(value);
}

static uint64_t class_digest(const void *value) {
    const struct map *map = value;
    if (map->packed != NULL) return packed_digest(map->packed);
    uint64_t digest = hash_chain(0, table_size(map->table));
    struct map_walk walk = map_walk(map);
    struct map_pair pair;
    while (map_walk_next(&walk, &pair)) {
        digest = hash_chain(digest, hash_bytes(pair.field, 0));
        digest = hash_chain(digest, hash_bytes(pair.value, 0));
    }
    return digest;
}

static const char *class_encoding(const void *value) {
    return map_is_packed(value) ? "listpack" : "hashtable";
}

static size_t class_memory(const void *value) {
    const struct map *map = value;
    size_t own = memory_usable_size(map);
    if (map->packed != NULL) return own + packed_memory(map->packed);
    return own + table_memory(map->table) + table_entries_memory(map->table);
}

static const struct table *class_elements(const void *value) {
    const struct map *map = value;
    return map->table;
}

static uint64_t class_effort(const void *value) {
    const struct map *map = value;
    return map->packed != NULL ? 1 : table_size(map->table);
}

void map_check(const struct map *map) {
    CHECK((map->packed == NULL) != (map->table == NULL));
    if (map->packed != NULL) {
        packed_check(map->packed);
        CHECK(packed_count(map->packed) % 2 == 0);
    } else {
        table_check(map->table);
    }
    uint32_t pairs = 0;
    struct map_walk walk = map_walk(map);
    struct map_pair pair;
    char scratch[NUMBER_TEXT_MAX];
    for (; map_walk_next(&walk, &pair); pairs++) {
        struct bytes value;
        CHECK(map_get(map, pair.field, &value, scratch));
        CHECK(bytes_equal(value, pair.value)); /* each field once */
    }
    CHECK(pairs == map_size(map));
}

static void class_check(const void *value) {
    map_check(value);
}

const struct item_class map_class = {
    .type = ITEM_MAP,
    .name = "hash",
    .destroy = class_destroy,
    .destroy_some = class_destroy_some,
    .fill_holes = class_fill_holes,
    .copy = class_copy,
    .digest = class_digest,
    .encoding = class_encoding,
    .memory = class_memory,
    .effort = class_effort,
    .elements = class_elements,
    .check = class_check,
};
