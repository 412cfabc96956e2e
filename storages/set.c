/* set.c: two forms behind one face. A text is looked up among integers only if it is the canonical
 * form of one, so "07" is no member of {7}. */
#include "storages/set.h"

#include "base/hash.h"
#include "base/integers.h"
#include "base/memory.h"
#include "base/table.h"

struct set {
    struct integers *integers; /* NULL once it is a table */
    struct table *table;       /* of struct set_entry; NULL while integers */
    uint64_t hash_seed;
};

struct set_entry {
    uint32_t size;
    char bytes[];
};

/* Redis's bound on intset entries, whatever the configuration says. */
static const uint32_t integers_hard_max = 1u << 30;

static struct bytes entry_bytes(const void *entry) {
    const struct set_entry *set_entry = entry;
    return bytes_of(set_entry->bytes, set_entry->size);
}

static struct set_entry *entry_create(struct bytes member) {
    CHECK(member.size <= UINT32_MAX / 2);
    struct set_entry *entry = memory_allocate(sizeof(*entry) + member.size);
    entry->size = (uint32_t)member.size;
    if (member.size > 0) memcpy(entry->bytes, member.data, member.size);
    return entry;
}

struct set *set_create(uint64_t hash_seed) {
    struct set *set = memory_allocate(sizeof(*set));
    *set = (struct set){.integers = integers_create(), .hash_seed = hash_seed};
    return set;
}

struct set *set_of_integers(struct integers *integers, uint64_t hash_seed) {
    struct set *set = memory_allocate(sizeof(*set));
    *set = (struct set){.integers = integers, .hash_seed = hash_seed};
    return set;
}

struct set *set_create_table(uint64_t hash_seed) {
    struct set *set = memory_allocate(sizeof(*set));
    *set = (struct set){.table = table_create(entry_bytes, hash_seed), .hash_seed = hash_seed};
    return set;
}

void set_destroy(struct set *set) {
    if (set == NULL) return;
    if (set->table != NULL) {
        for (uint32_t i = 0; i < table_span(set->table); i++)
            memory_release(table_at(set->table, i));
        table_destroy(set->table);
    }
    integers_destroy(set->integers);
    memory_release(set);
}

/* All members, in their order, in a new table. */
static struct table *copy_to_table(const struct set *set) {
    struct table *table = table_create(entry_bytes, set->hash_seed);
    for (uint32_t i = 0; i < set_span(set); i++) {
        struct bytes member;
        char scratch[NUMBER_TEXT_MAX];
        if (set_at(set, i, &member, scratch)) table_add(table, entry_create(member));
    }
    return table;
}

struct set *set_copy(const struct set *set) {
    struct set *copy = memory_allocate(sizeof(*copy));
    *copy = (struct set){.hash_seed = set->hash_seed};
    if (set->integers != NULL) {
        copy->integers = integers_copy(set->integers);
    } else {
        copy->table = copy_to_table(set);
    }
    return copy;
}

uint32_t set_size(const struct set *set) {
    return set->integers != NULL ? integers_count(set->integers) : table_size(set->table);
}

bool set_is_integers(const struct set *set) {
    return set->integers != NULL;
}

const struct integers *set_integers(const struct set *set) {
    return set->integers;
}

bool set_has(const struct set *set, struct bytes member) {
    if (set->table != NULL) return table_find(set->table, member) != TABLE_NONE;
    int64_t integer;
    uint32_t index;
    return number_parse_i64(member, &integer) && integers_find(set->integers, integer, &index);
}

static void convert_to_table(struct set *set) {
    set->table = copy_to_table(set);
    integers_destroy(set->integers);
    set->integers = NULL;
}

static bool add_integer(struct set *set, int64_t integer, int64_t integers_max) {
    if (!integers_add(&set->integers, integer)) return false;
    uint32_t count = integers_count(set->integers);
    if (count > integers_max || count > integers_hard_max) convert_to_table(set);
    return true;
}

bool set_add(struct set *set, struct bytes member, int64_t integers_max) {
    if (set->integers != NULL) {
        int64_t integer;
        if (number_parse_i64(member, &integer)) return add_integer(set, integer, integers_max);
        convert_to_table(set);
    }
    uint64_t hash = table_hash(set->table, member);
    if (table_find_hashed(set->table, member, hash) != TABLE_NONE) return false;
    table_add_hashed(set->table, entry_create(member), hash);
    return true;
}

static void remove_from_table(struct set *set, uint32_t position, bool leave_hole) {
    memory_release(leave_hole ? table_remove_leaving_hole(set->table, position)
                              : table_remove(set->table, position));
}

bool set_remove(struct set *set, struct bytes member, bool leave_hole) {
    if (set->integers != NULL) {
        int64_t integer;
        return number_parse_i64(member, &integer) && integers_remove(&set->integers, integer);
    }
    uint32_t position = table_find(set->table, member);
    if (position == TABLE_NONE) return false;
    remove_from_table(set, position, leave_hole);
    return true;
}

bool set_has_holes(const struct set *set) {
    return set->table != NULL && table_span(set->table) != table_size(set->table);
}

uint32_t set_span(const struct set *set) {
    return set->integers != NULL ? integers_count(set->integers) : table_span(set->table);
}

bool set_at(const struct set *set, uint32_t position, struct bytes *member,
            char scratch[NUMBER_TEXT_MAX]) {
    if (set->integers != NULL) {
        size_t size = number_print_i64(scratch, integers_at(set->integers, position));
        *member = bytes_of(scratch, size);
        return true;
    }
    const struct set_entry *entry = table_at(set->table, position);
    if (entry == NULL) return false;
    *member = entry_bytes(entry);
    return true;
}

void set_remove_at(struct set *set, uint32_t position, bool leave_hole) {
    if (set->integers != NULL) {
        bool removed = integers_remove(&set->integers, integers_at(set->integers, position));
        CHECK(removed);
    } else {
        remove_from_table(set, position, leave_hole);
    }
}

/* --- what the keyspace asks ---------------------------------------------------------------- */

static void class_destroy(void *value) {
    set_destroy(value);
}

static bool class_destroy_some(void *value, uint64_t *budget) {
    struct set *set = value;
    if (set->table != NULL && !table_release_some(set->table, budget)) return false;
    set_destroy(set);
    return true;
}

static void class_fill_holes(void *value) {
    struct set *set = value;
    if (set->table != NULL) table_fill_holes(set->table);
}

static void *class_copy(const void *value) {
    return set_copy(value);
}

static uint64_t class_digest(const void *value) {
    const struct set *set = value;
    if (set->integers != NULL) return integers_digest(set->integers);
    uint64_t digest = hash_chain(0, table_size(set->table));
    for (uint32_t i = 0; i < table_span(set->table); i++) {
        const struct set_entry *entry = table_at(set->table, i);
        if (entry != NULL) digest = hash_chain(digest, hash_bytes(entry_bytes(entry), 0));
    }
    return digest;
}

static const char *class_encoding(const void *value) {
    return set_is_integers(value) ? "intset" : "hashtable";
}

static size_t class_memory(const void *value) {
    const struct set *set = value;
    size_t own = memory_usable_size(set);
    if (set->integers != NULL) return own + integers_memory(set->integers);
    return own + table_memory(set->table) + table_entries_memory(set->table);
}

static const struct table *class_elements(const void *value) {
    const struct set *set = value;
    return set->table;
}

static uint64_t class_effort(const void *value) {
    const struct set *set = value;
    return set->integers != NULL ? 1 : table_size(set->table);
}

void set_check(const struct set *set) {
    CHECK((set->integers == NULL) != (set->table == NULL));
    if (set->integers != NULL) {
        integers_check(set->integers);
    } else {
        table_check(set->table);
    }
    uint32_t members = 0;
    for (uint32_t i = 0; i < set_span(set); i++) {
        struct bytes member;
        char scratch[NUMBER_TEXT_MAX];
        if (!set_at(set, i, &member, scratch)) continue;
        CHECK(set_has(set, member));
        members++;
    }
    CHECK(members == set_size(set));
}

static void class_check(const void *value) {
    set_check(value);
}

const struct item_class set_class = {
    .type = ITEM_SET,
    .name = "set",
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
