/* sorted_set.c: two forms behind one face. A packed sorted set is searched in order, which for the
 * hundred or so members that the limits allow costs less than the cache misses of table and tree.
 * In the large form one allocation per member is shared by both. */
#include "storages/sorted_set.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/packed.h"
#include "base/table.h"

struct sorted_set {
    struct packed *packed;   /* NULL once it is large */
    struct table *table;     /* of struct score_member; NULL while packed */
    struct score_tree *tree; /* of the same; NULL while packed, and while it is being freed */
    uint64_t hash_seed;
};

static struct bytes entry_key(const void *entry) {
    return score_member_bytes(entry);
}

static struct score_member *member_create(struct bytes bytes, double score) {
    CHECK(bytes.size <= UINT32_MAX / 2);
    struct score_member *member = memory_allocate(sizeof(*member) + bytes.size);
    member->score = score;
    member->size = (uint32_t)bytes.size;
    if (bytes.size > 0) memcpy(member->data, bytes.data, bytes.size);
    return member;
}

/* --- life ---------------------------------------------------------------------------------- */

struct sorted_set *sorted_set_create(uint64_t hash_seed) {
    struct sorted_set *set = memory_allocate(sizeof(*set));
    *set = (struct sorted_set){.packed = packed_create(), .hash_seed = hash_seed};
    return set;
}

struct sorted_set *sorted_set_of_packed(struct packed *packed, uint64_t hash_seed) {
    CHECK(packed_count(packed) % 2 == 0);
    struct sorted_set *set = memory_allocate(sizeof(*set));
    *set = (struct sorted_set){.packed = packed, .hash_seed = hash_seed};
    return set;
}

struct sorted_set *sorted_set_create_large(uint64_t hash_seed) {
    struct sorted_set *set = memory_allocate(sizeof(*set));
    *set = (struct sorted_set){.table = table_create(entry_key, hash_seed),
                               .tree = score_tree_create(),
                               .hash_seed = hash_seed};
    return set;
}

struct sorted_set *sorted_set_copy(const struct sorted_set *set) {
    struct sorted_set *copy = memory_allocate(sizeof(*copy));
    *copy = (struct sorted_set){.hash_seed = set->hash_seed};
    if (set->packed != NULL) {
        copy->packed = packed_copy(set->packed);
        return copy;
    }
    copy->table = table_create(entry_key, copy->hash_seed);
    copy->tree = score_tree_create();
    for (uint32_t i = 0; i < table_span(set->table); i++) {
        const struct score_member *member = table_at(set->table, i);
        if (member == NULL) continue;
        struct score_member *other = member_create(score_member_bytes(member), member->score);
        table_add(copy->table, other);
        score_tree_add(copy->tree, other);
    }
    return copy;
}

void sorted_set_destroy(struct sorted_set *set) {
    if (set == NULL) return;
    score_tree_destroy(set->tree);
    if (set->table != NULL) {
        for (uint32_t i = 0; i < table_span(set->table); i++)
            memory_release(table_at(set->table, i));
        table_destroy(set->table);
    }
    packed_destroy(set->packed);
    memory_release(set);
}

uint32_t sorted_set_size(const struct sorted_set *set) {
    return set->packed != NULL ? packed_count(set->packed) / 2 : table_size(set->table);
}

bool sorted_set_is_packed(const struct sorted_set *set) {
    return set->packed != NULL;
}

const struct packed *sorted_set_packed(const struct sorted_set *set) {
    return set->packed;
}

/* --- the packed form ----------------------------------------------------------------------- */

static uint32_t find_packed(const struct sorted_set *set, struct bytes member) {
    struct packed_value wanted = packed_value_of(member);
    return packed_find(set->packed, packed_first(set->packed), &wanted, 2);
}

static double packed_score(const struct packed *packed, uint32_t at) {
    struct packed_value score = packed_get(packed, packed_next(packed, at));
    return packed_value_double(&score);
}

/* Lends the member that stands at `at`. */
static void lend_packed(const struct packed *packed, uint32_t at, struct sorted_set_entry *entry) {
    struct packed_value member = packed_get(packed, at);
    entry->member = packed_value_bytes(&member, entry->scratch);
    entry->score = packed_score(packed, at);
}

/* The offset of the first member behind the bound, or PACKED_END; *rank is how many are before. */
static uint32_t seek_packed(const struct packed *packed, const struct score_bound *bound,
                            uint32_t *rank) {
    uint32_t at = packed_first(packed), before = 0;
    struct sorted_set_entry entry;
    for (; at != PACKED_END; before++) {
        lend_packed(packed, at, &entry);
        if (!score_bound_is_behind(bound, entry.score, entry.member)) break;
        at = packed_next(packed, packed_next(packed, at));
    }
    *rank = before;
    return at;
}

static void insert_packed(struct sorted_set *set, struct bytes member, double score) {
    struct score_bound place = {.by = SCORE_BOUND_ENTRY, .score = score, .member = member};
    uint32_t rank;
    uint32_t at = seek_packed(set->packed, &place, &rank);
    struct packed_value packed_member = packed_value_of(member);
    struct packed_value packed_score = packed_value_of_double(score + 0.0); /* -0 becomes 0 */
    at = packed_insert(&set->packed, at, &packed_score);
    packed_insert(&set->packed, at, &packed_member);
}

static void convert_to_table(struct sorted_set *set) {
    struct table *table = table_create(entry_key, set->hash_seed);
    struct score_tree *tree = score_tree_create();
    struct sorted_set_walk walk = sorted_set_walk(set, 0, false);
    struct sorted_set_entry entry;
    while (sorted_set_walk_next(&walk, &entry)) {
        struct score_member *member = member_create(entry.member, entry.score);
        table_add(table, member);
        score_tree_add(tree, member);
    }
    packed_destroy(set->packed);
    set->packed = NULL;
    set->table = table;
    set->tree = tree;
}

static bool fits_packed(const struct sorted_set *set, struct bytes member,
                        const struct sorted_set_limits *limits) {
    return sorted_set_size(set) < limits->packed_members_max &&
           (int64_t)member.size <= limits->packed_size_max &&
           packed_fits(set->packed, member.size + 64);
}

/* --- putting ------------------------------------------------------------------------------- */

bool sorted_set_find(const struct sorted_set *set, struct bytes member, double *score) {
    if (set->packed == NULL) {
        const struct score_member *found = table_get(set->table, member);
        if (found == NULL) return false;
        *score = found->score;
        return true;
    }
    uint32_t at = find_packed(set, member);
    if (at == PACKED_END) return false;
    *score = packed_score(set->packed, at);
    return true;
}

/* What the rules make of a present member: SORTED_SET_UPDATED when *score is to be its new one. */
static enum sorted_set_outcome judge_present(double present, double *score, uint32_t rules) {
    if (rules & SORTED_SET_ONLY_NEW) return SORTED_SET_REFUSED;
    if (rules & SORTED_SET_INCREMENT) {
        double sum = present + *score;
        if (sum != sum) return SORTED_SET_NOT_A_NUMBER;
        *score = sum;
    }
    if ((rules & SORTED_SET_ONLY_GREATER) && *score <= present) return SORTED_SET_REFUSED;
    if ((rules & SORTED_SET_ONLY_LESS) && *score >= present) return SORTED_SET_REFUSED;
    return *score == present ? SORTED_SET_SAME : SORTED_SET_UPDATED;
}

static enum sorted_set_outcome put_large(struct sorted_set *set, struct bytes member, double *score,
                                         uint32_t rules) {
    uint64_t hash = table_hash(set->table, member);
    uint32_t position = table_find_hashed(set->table, member, hash);
    if (position == TABLE_NONE) {
        if (rules & SORTED_SET_ONLY_OLD) return SORTED_SET_REFUSED;
        struct score_member *added = member_create(member, *score);
        table_add_hashed(set->table, added, hash);
        score_tree_add(set->tree, added);
        return SORTED_SET_ADDED;
    }
    struct score_member *present = table_at(set->table, position);
    enum sorted_set_outcome outcome = judge_present(present->score, score, rules);
    if (outcome == SORTED_SET_UPDATED) score_tree_move(set->tree, present, *score);
    return outcome;
}

enum sorted_set_outcome sorted_set_put(struct sorted_set *set, struct bytes member, double *score,
                                       uint32_t rules, const struct sorted_set_limits *limits) {
    CHECK(*score == *score);
    if (set->packed == NULL) return put_large(set, member, score, rules);

    uint32_t at = find_packed(set, member);
    if (at != PACKED_END) {
        enum sorted_set_outcome outcome =
            judge_present(packed_score(set->packed, at), score, rules);
        if (outcome == SORTED_SET_UPDATED) {
            packed_delete(&set->packed, at, 2);
            insert_packed(set, member, *score);
        }
        return outcome;
    }
    if (rules & SORTED_SET_ONLY_OLD) return SORTED_SET_REFUSED;
    if (!fits_packed(set, member, limits)) {
        convert_to_table(set);
        return put_large(set, member, score, rules);
    }
    insert_packed(set, member, *score);
    return SORTED_SET_ADDED;
}

/* --- removing ------------------------------------------------------------------------------ */

static void remove_at(struct sorted_set *set, uint32_t position, bool leave_hole) {
    struct score_member *member = table_at(set->table, position);
    score_tree_remove(set->tree, member);
    if (leave_hole)
        table_remove_leaving_hole(set->table, position);
    else
        table_remove(set->table, position);
    memory_release(member);
}

bool sorted_set_remove(struct sorted_set *set, struct bytes member, bool leave_hole) {
    if (set->packed != NULL) {
        uint32_t at = find_packed(set, member);
        if (at == PACKED_END) return false;
        packed_delete(&set->packed, at, 2);
        return true;
    }
    uint32_t position = table_find(set->table, member);
    if (position == TABLE_NONE) return false;
    remove_at(set, position, leave_hole);
    return true;
}

void sorted_set_remove_ranks(struct sorted_set *set, uint32_t rank, uint32_t count,
                             bool leave_hole) {
    uint32_t size = sorted_set_size(set);
    if (rank >= size) return;
    if (count > size - rank) count = size - rank;
    if (set->packed != NULL) {
        packed_delete(&set->packed, packed_seek(set->packed, rank * 2), count * 2);
        return;
    }
    for (; count > 0; count--) {
        struct score_cursor cursor = score_tree_seek(set->tree, rank);
        struct bytes member = score_member_bytes(score_cursor_member(cursor));
        remove_at(set, table_find(set->table, member), leave_hole);
    }
}

bool sorted_set_has_holes(const struct sorted_set *set) {
    return set->table != NULL && table_span(set->table) != table_size(set->table);
}

/* --- looking ------------------------------------------------------------------------------- */

uint32_t sorted_set_count_before(const struct sorted_set *set, const struct score_bound *bound) {
    if (set->packed == NULL) return score_tree_count_before(set->tree, bound);
    uint32_t rank;
    seek_packed(set->packed, bound, &rank);
    return rank;
}

bool sorted_set_rank(const struct sorted_set *set, struct bytes member, uint32_t *rank) {
    struct score_bound bound = {.by = SCORE_BOUND_ENTRY, .member = member};
    if (!sorted_set_find(set, member, &bound.score)) return false;
    *rank = sorted_set_count_before(set, &bound);
    return true;
}

struct sorted_set_walk sorted_set_walk(const struct sorted_set *set, uint32_t rank,
                                       bool downwards) {
    struct sorted_set_walk walk = {.set = set, .downwards = downwards};
    if (set->packed == NULL)
        walk.cursor = score_tree_seek(set->tree, rank);
    else if (rank < sorted_set_size(set))
        walk.at = packed_seek(set->packed, rank * 2);
    return walk;
}

static bool walk_packed(struct sorted_set_walk *walk, struct sorted_set_entry *entry) {
    const struct packed *packed = walk->set->packed;
    if (walk->at == PACKED_END) return false;
    lend_packed(packed, walk->at, entry);
    if (walk->downwards) {
        uint32_t score = packed_previous(packed, walk->at); /* of the member before */
        walk->at = score == PACKED_END ? PACKED_END : packed_previous(packed, score);
    } else {
        walk->at = packed_next(packed, packed_next(packed, walk->at));
    }
    return true;
}

bool sorted_set_walk_next(struct sorted_set_walk *walk, struct sorted_set_entry *entry) {
    if (walk->set->packed != NULL) return walk_packed(walk, entry);

    const struct score_member *member = score_cursor_member(walk->cursor);
    if (member == NULL) return false;
    entry->member = score_member_bytes(member);
    entry->score = member->score;
    if (walk->downwards)
        score_cursor_previous(&walk->cursor);
    else
        score_cursor_next(&walk->cursor);
    return true;
}

uint32_t sorted_set_span(const struct sorted_set *set) {
    return set->packed != NULL ? sorted_set_size(set) : table_span(set->table);
}

bool sorted_set_at(const struct sorted_set *set, uint32_t position,
                   struct sorted_set_entry *entry) {
    CHECK(position < sorted_set_span(set));
    if (set->packed != NULL) {
        lend_packed(set->packed, packed_seek(set->packed, position * 2), entry);
        return true;
    }
    const struct score_member *member = table_at(set->table, position);
    if (member == NULL) return false;
    entry->member = score_member_bytes(member);
    entry->score = member->score;
    return true;
}

/* --- what the keyspace asks ---------------------------------------------------------------- */

static void class_destroy(void *value) {
    sorted_set_destroy(value);
}

/* The tree goes first, then the members, from the last one on. */
static bool class_destroy_some(void *value, uint64_t *budget) {
    struct sorted_set *set = value;
    if (set->table != NULL) {
        if (set->tree != NULL && !score_tree_destroy_some(set->tree, budget)) return false;
        set->tree = NULL;
        if (!table_release_some(set->table, budget)) return false;
    }
    sorted_set_destroy(set);
    return true;
}

static void *class_copy(const void *value) {
    return sorted_set_copy(value);
}

static void class_fill_holes(void *value) {
    struct sorted_set *set = value;
    if (set->table != NULL) table_fill_holes(set->table);
}

static uint64_t class_digest(const void *value) {
    const struct sorted_set *set = value;
    if (set->packed != NULL) return packed_digest(set->packed);
    uint64_t digest = hash_chain(0, table_size(set->table));
    struct sorted_set_entry entry;
    for (uint32_t position = 0; position < table_span(set->table); position++) {
        if (!sorted_set_at(set, position, &entry)) continue;
        uint64_t score_bits;
        memcpy(&score_bits, &entry.score, sizeof(score_bits));
        digest = hash_chain(digest, hash_bytes(entry.member, 0));
        digest = hash_chain(digest, score_bits);
    }
    return digest;
}

static const char *class_encoding(const void *value) {
    return sorted_set_is_packed(value) ? "listpack" : "skiplist";
}

static size_t class_memory(const void *value) {
    const struct sorted_set *set = value;
    size_t own = memory_usable_size(set);
    if (set->packed != NULL) return own + packed_memory(set->packed);
    return own + table_memory(set->table) + score_tree_memory(set->tree) +
           table_entries_memory(set->table);
}

/* Nodes of the tree hold many members each: freeing them adds little. */
static const struct table *class_elements(const void *value) {
    const struct sorted_set *set = value;
    return set->table;
}

static uint64_t class_effort(const void *value) {
    const struct sorted_set *set = value;
    return set->packed != NULL ? 1 : table_size(set->table);
}

void sorted_set_check(const struct sorted_set *set) {
    CHECK((set->packed == NULL) != (set->table == NULL));
    CHECK((set->table == NULL) == (set->tree == NULL));
    if (set->packed != NULL) {
        packed_check(set->packed);
        CHECK(packed_count(set->packed) % 2 == 0);
    } else {
        table_check(set->table);
        score_tree_check(set->tree);
        CHECK(score_tree_size(set->tree) == table_size(set->table));
    }
    uint32_t size = 0, rank;
    double score;
    struct sorted_set_walk walk = sorted_set_walk(set, 0, false);
    struct sorted_set_entry entry;
    for (; sorted_set_walk_next(&walk, &entry); size++) {
        CHECK(sorted_set_find(set, entry.member, &score) && score == entry.score);
        CHECK(sorted_set_rank(set, entry.member, &rank) && rank == size); /* each member once */
    }
    CHECK(size == sorted_set_size(set));
}

static void class_check(const void *value) {
    sorted_set_check(value);
    CHECK(sorted_set_size(value) > 0);
}

const struct item_class sorted_set_class = {
    .type = ITEM_SORTED_SET,
    .name = "zset",
    .destroy = class_destroy,
    .destroy_some = class_destroy_some,
    .copy = class_copy,
    .fill_holes = class_fill_holes,
    .digest = class_digest,
    .encoding = class_encoding,
    .memory = class_memory,
    .effort = class_effort,
    .elements = class_elements,
    .check = class_check,
};
