/* The dense table beside a model: a plain array searched from its start. */
#include <criterion/criterion.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/table.h"

struct entry {
    uint64_t key;
};

static struct bytes entry_key(const void *entry) {
    return bytes_of(&((const struct entry *)entry)->key, sizeof(uint64_t));
}

static struct entry *entry_create(uint64_t key) {
    struct entry *entry = memory_allocate(sizeof(*entry));
    entry->key = key;
    return entry;
}

static struct bytes key_bytes(const uint64_t *key) {
    return bytes_of(key, sizeof(*key));
}

enum { MODEL_MAX = 1 << 16 };

struct model {
    struct table *table;
    uint64_t keys[MODEL_MAX];
    uint32_t count;
    struct random random;
};

static struct model *model_create(uint64_t seed) {
    struct model *model = memory_allocate(sizeof(*model));
    model->table = table_create(entry_key, random_mix(seed));
    model->count = 0;
    random_init(&model->random, seed);
    return model;
}

static void model_destroy(struct model *model) {
    for (uint32_t i = 0; i < table_span(model->table); i++)
        memory_release(table_at(model->table, i));
    table_destroy(model->table);
    memory_release(model);
}

static void model_add(struct model *model, uint64_t key) {
    CHECK(model->count < MODEL_MAX);
    uint32_t position = table_add(model->table, entry_create(key));
    cr_assert_eq(position, model->count);
    model->keys[model->count++] = key;
}

static void model_remove(struct model *model, uint32_t position) {
    memory_release(table_remove(model->table, position));
    model->keys[position] = model->keys[--model->count];
}

static void model_compare(const struct model *model) {
    table_check(model->table);
    cr_assert_eq(table_size(model->table), model->count);
    for (uint32_t i = 0; i < model->count; i++) {
        const struct entry *entry = table_at(model->table, i);
        cr_assert_eq(entry->key, model->keys[i]);
        cr_assert_eq(table_find(model->table, key_bytes(&model->keys[i])), i);
        cr_assert_eq(table_get(model->table, key_bytes(&model->keys[i])), entry);
    }
}

/* One random step, which adds with `adds` chances in 100. */
static void model_step(struct model *model, unsigned adds) {
    if (model->count == 0 || random_below(&model->random, 100) < adds)
        model_add(model, random_next(&model->random));
    else
        model_remove(model, (uint32_t)random_below(&model->random, model->count));
}

Test(table, holds_what_its_model_holds_while_it_grows_and_shrinks) {
    static const struct {
        uint64_t seed;
        unsigned steps, adds;
    } phases[] = {{1, 300, 80}, {2, 3000, 60}, {3, 30000, 90}, {4, 5000, 50}};
    for (size_t p = 0; p < COUNT_OF(phases); p++) {
        struct model *model = model_create(phases[p].seed);
        for (unsigned i = 0; i < phases[p].steps; i++)
            model_step(model, phases[p].adds);
        model_compare(model);
        while (model->count > 5)
            model_step(model, 10);
        model_compare(model);
        uint64_t absent = 12345;
        cr_expect_eq(table_find(model->table, key_bytes(&absent)), TABLE_NONE);
        cr_expect_null(table_get(model->table, key_bytes(&absent)));
        model_destroy(model);
    }
}

Test(table, an_index_set_up_in_advance_is_like_any_other) {
    static const uint32_t sizes[] = {0, 1, 6, 7, 8, 100, 5000};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        for (size_t k = 0; k < COUNT_OF(sizes); k++) {
            struct model *model = model_create(i * 10 + k);
            table_reserve(model->table, sizes[i]);
            table_check(model->table);
            for (uint32_t n = 0; n < sizes[k]; n++)
                model_add(model, n);
            table_check(model->table);
            for (uint64_t n = 0; n < sizes[k]; n++)
                cr_assert_eq(table_find(model->table, key_bytes(&n)), n);
            while (model->count > 0) {
                model_remove(model, model->count / 2);
                if (model->count % 50 == 0) table_check(model->table);
            }
            model_destroy(model);
        }
    }
}

Test(table, gives_its_memory_back) {
    struct model *model = model_create(5);
    size_t empty_bytes = table_memory(model->table);
    cr_expect_leq(empty_bytes, 512, "a small table is small: %zu bytes", empty_bytes);
    for (unsigned i = 0; i < 60000; i++)
        model_add(model, i);
    size_t full_bytes = table_memory(model->table);
    cr_expect_leq(full_bytes / 60000, 20, "%zu bytes an entry", full_bytes / 60000);
    while (model->count > 0)
        model_remove(model, (uint32_t)random_below(&model->random, model->count));
    table_check(model->table);
    cr_expect_leq(table_memory(model->table), 256 * 1024);
    model_destroy(model);
}

Test(table, replaces_an_entry_in_its_place_and_finds_a_moved_one) {
    struct model *model = model_create(6);
    for (uint64_t i = 0; i < 100; i++)
        model_add(model, i);
    uint64_t key = 42;
    uint64_t hash = table_hash(model->table, key_bytes(&key));
    uint32_t position = table_find_hashed(model->table, key_bytes(&key), hash);
    struct entry *fresh = entry_create(42);
    struct entry *old = table_replace(model->table, position, fresh);
    cr_expect_eq(table_position(model->table, fresh, hash), position);
    cr_expect_eq(table_position(model->table, old, hash), TABLE_NONE);
    memory_release(old);
    model_compare(model);
    model_destroy(model);
}

Test(table, a_prefetch_is_allowed_for_any_key) {
    struct model *model = model_create(7);
    for (uint64_t key = 0; key < 100; key++) {
        uint64_t hash = table_hash(model->table, key_bytes(&key));
        table_prefetch(model->table, hash);
        table_prefetch_slot(model->table, hash);
        table_prefetch_entry(model->table, hash);
        if (key % 2 == 0) model_add(model, key);
    }
    model_compare(model);
    model_destroy(model);
}

/* --- holes ---------------------------------------------------------------------------------- */

static void remove_leaving_hole(struct model *model, uint64_t key) {
    uint32_t position = table_find(model->table, key_bytes(&key));
    cr_assert_neq(position, TABLE_NONE);
    memory_release(table_remove_leaving_hole(model->table, position));
    cr_assert_null(table_at(model->table, position));
}

static const uint64_t one_to_nine[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static const struct {
    const char *name;
    uint64_t removed[4], added[4]; /* each ends with 0 */
    uint64_t left[10];
} hole_cases[] = {
    {"one hole takes the last", {3}, {0}, {1, 2, 9, 4, 5, 6, 7, 8}},
    {"the last itself", {9}, {0}, {1, 2, 3, 4, 5, 6, 7, 8}},
    {"in the order of removal", {5, 2}, {0}, {1, 8, 3, 4, 9, 6, 7}},
    {"holes at the end vanish", {9, 1, 8}, {0}, {7, 2, 3, 4, 5, 6}},
    {"a key comes back to its place", {3}, {3}, {1, 2, 3, 4, 5, 6, 7, 8, 9}},
    {"in any order", {3, 5, 7}, {7, 3}, {1, 2, 3, 4, 9, 6, 7, 8}},
    {"new keys are appended, then fill", {2, 4}, {20, 21}, {1, 21, 3, 20, 5, 6, 7, 8, 9}},
    {"old and new", {2, 4}, {20, 4}, {1, 20, 3, 4, 5, 6, 7, 8, 9}},
};

Test(table, fills_holes_at_the_end_of_a_unit) {
    for (size_t c = 0; c < COUNT_OF(hole_cases); c++) {
        struct model *model = model_create(c);
        for (size_t i = 0; i < COUNT_OF(one_to_nine); i++)
            model_add(model, one_to_nine[i]);
        for (const uint64_t *key = hole_cases[c].removed; *key != 0; key++)
            remove_leaving_hole(model, *key);
        for (const uint64_t *key = hole_cases[c].added; *key != 0; key++)
            table_add(model->table, entry_create(*key));
        table_check(model->table);
        table_fill_holes(model->table);
        model->count = 0;
        for (const uint64_t *key = hole_cases[c].left; *key != 0; key++)
            model->keys[model->count++] = *key;
        cr_assert_eq(table_size(model->table), model->count, "%s", hole_cases[c].name);
        for (uint32_t i = 0; i < model->count; i++)
            cr_expect_eq(((struct entry *)table_at(model->table, i))->key, model->keys[i],
                         "%s: position %u", hole_cases[c].name, i);
        model_compare(model);
        model_destroy(model);
    }
}

/* Random units of removals and additions: what two tables with different hash seeds look like
 * afterwards must be the same. */
Test(table, releases_its_entries_in_pieces_holes_or_not) {
    struct table *table = table_create(entry_key, 7);
    cr_expect_eq(table_entries_memory(table), 0);
    for (uint64_t key = 0; key < 100; key++)
        (void)table_add(table, entry_create(key));
    for (uint32_t position = 10; position < 20; position++)
        memory_release(table_remove_leaving_hole(table, position));
    size_t memory = table_entries_memory(table);
    cr_expect(memory >= 90 * sizeof(struct entry) && memory <= 90 * 10 * sizeof(struct entry));
    uint64_t budget = 60;
    cr_expect_not(table_release_some(table, &budget));
    cr_expect_eq(budget, 0);
    cr_expect_eq(table_size(table), 30);
    cr_expect_eq(table_span(table), 30);
    table_check(table);
    budget = 60;
    cr_expect(table_release_some(table, &budget));
    cr_expect_eq(budget, 30);
    table_destroy(table);
}

Test(table, does_not_depend_on_the_hash_seed) {
    struct model *a = model_create(1), *b = model_create(2);
    struct random random;
    random_init(&random, 99);
    for (unsigned unit = 0; unit < 500; unit++) {
        for (unsigned i = random_below(&random, 20) & 31; i > 0; i--) {
            uint64_t key = 1 + random_below(&random, 300);
            bool present = table_find(a->table, key_bytes(&key)) != TABLE_NONE;
            struct model *models[] = {a, b};
            for (unsigned m = 0; m < 2; m++) {
                if (present)
                    remove_leaving_hole(models[m], key);
                else
                    table_add(models[m]->table, entry_create(key));
            }
        }
        table_fill_holes(a->table);
        table_fill_holes(b->table);
        table_check(a->table);
        cr_assert_eq(table_size(a->table), table_size(b->table));
        for (uint32_t i = 0; i < table_size(a->table); i++)
            cr_assert_eq(((struct entry *)table_at(a->table, i))->key,
                         ((struct entry *)table_at(b->table, i))->key);
    }
    model_destroy(a);
    model_destroy(b);
}

/* --- SCAN ------------------------------------------------------------------------------------- */

/* A walk of the whole table, `count` positions at a time, while others are added and removed, also
 * removed and added again within one unit: returns a bit set of the keys it met. */
static uint64_t scan_while_changing(struct model *model, uint32_t stay, uint32_t count) {
    uint64_t met = 0;
    uint32_t cursor = table_size(model->table);
    while (cursor > 0) {
        uint32_t size = table_size(model->table);
        if (cursor > size) cursor = size; /* the table has shrunk */
        for (uint32_t i = 0; i < count && cursor > 0; i++) {
            uint64_t key = ((struct entry *)table_at(model->table, --cursor))->key;
            if (key < stay) met |= 1ull << key;
        }
        for (unsigned i = 0; i < 6; i++) {
            uint64_t key = random_below(&model->random, 200);
            uint32_t position = table_find(model->table, key_bytes(&key));
            if (position != TABLE_NONE) {
                remove_leaving_hole(model, key);
                if (key >= stay) continue;
            }
            table_add(model->table, entry_create(key));
        }
        table_fill_holes(model->table);
    }
    return met;
}

Test(table, a_walk_downward_meets_every_entry_that_stays) {
    enum { STAY = 60 };
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct model *model = model_create(seed);
        for (uint64_t key = 0; key < 150; key++)
            table_add(model->table, entry_create((key * 7) % 150));
        uint64_t met = scan_while_changing(model, STAY, 1 + (uint32_t)seed % 9);
        cr_assert_eq(met, (1ull << STAY) - 1, "seed %llu", (unsigned long long)seed);
        table_check(model->table);
        model_destroy(model);
    }
}
