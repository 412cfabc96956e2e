/* rdb_build.c: a list is walked twice: first to see that all of it is right, how long it is and
 * what its elements need, then to build. That no field comes twice is told by a hash index of the
 * entries' offsets, so the effort stays linear. */
#include "storages/rdb_build.h"

#include "base/hash.h"
#include "base/integers.h"

static const char *const comes_twice = "a field or member comes twice";

void rdb_builder_clear(struct rdb_builder *builder) {
    buffer_clear(&builder->slots);
}

struct map_limits rdb_map_limits(const struct rdb_builder *builder) {
    const struct storages_settings *settings = storages_settings(builder->storages);
    return (struct map_limits){settings->hash_max_listpack_entries,
                               settings->hash_max_listpack_value};
}

struct sorted_set_limits rdb_sorted_set_limits(const struct rdb_builder *builder) {
    const struct storages_settings *settings = storages_settings(builder->storages);
    return (struct sorted_set_limits){settings->zset_max_listpack_entries,
                                      settings->zset_max_listpack_value};
}

/* --- a first look --------------------------------------------------------------------------- */

struct survey {
    struct rdb_packed list; /* at its beginning */
    uint32_t count;         /* of entries */
    uint64_t packed_size;   /* bytes as a packed list */
    size_t longest[2];      /* texts at even and at odd places, bytes */
};

static size_t text_size(const struct packed_value *value) {
    char scratch[NUMBER_TEXT_MAX];
    return packed_value_bytes(value, scratch).size;
}

static const char *survey_list(struct survey *survey, enum rdb_packed_kind kind,
                               struct bytes bytes) {
    *survey = (struct survey){0};
    const char *complaint = rdb_packed_open(&survey->list, kind, bytes);
    if (complaint != NULL) return complaint;
    struct rdb_packed walk = survey->list;
    struct packed_value value;
    for (; rdb_packed_next(&walk, &value, &complaint); survey->count++) {
        size_t size = text_size(&value), *longest = &survey->longest[survey->count % 2];
        if (size > RDB_ELEMENT_MAX) return "an element of more than 1 GiB";
        if (size > *longest) *longest = size;
        survey->packed_size += packed_value_size(&value);
    }
    return complaint;
}

static bool fits_packed(const struct survey *survey) {
    enum { HEADER = 64 }; /* more than a packed list's own */
    return survey->packed_size <= PACKED_SIZE_MAX - HEADER;
}

/* --- what comes twice ----------------------------------------------------------------------- */

/* An open hash index, its slots empty (0) or offsets of entries; at most half of it is used. */
struct seen {
    uint32_t *slots;
    uint32_t mask;
    uint64_t hash_seed;
};

static struct seen seen_begin(struct rdb_builder *builder, uint32_t entries) {
    uint32_t capacity = 16;
    while (capacity / 2 < entries)
        capacity *= 2;
    builder->slots.size = 0;
    size_t size = capacity * sizeof(uint32_t);
    uint32_t *slots = (uint32_t *)(void *)buffer_reserve(&builder->slots, size);
    memset(slots, 0, size);
    return (struct seen){slots, capacity - 1, storages_hash_seed(builder->storages)};
}

/* Notes the entry that was given last; false if an equal one was noted before. */
static bool seen_add(struct seen *seen, const struct rdb_packed *list,
                     const struct packed_value *value) {
    char scratch[NUMBER_TEXT_MAX];
    uint64_t hash = hash_bytes(packed_value_bytes(value, scratch), seen->hash_seed);
    uint32_t slot = (uint32_t)hash & seen->mask;
    for (; seen->slots[slot] != 0; slot = (slot + 1) & seen->mask) {
        struct packed_value other = rdb_packed_at(list, seen->slots[slot]);
        if (packed_value_equal(&other, value)) return false;
    }
    seen->slots[slot] = list->entry;
    return true;
}

/* --- maps ----------------------------------------------------------------------------------- */

static struct map *build_packed_map(const struct survey *survey, struct seen *seen,
                                    uint64_t hash_seed) {
    struct packed *packed = packed_create();
    struct rdb_packed walk = survey->list;
    struct packed_value value;
    const char *complaint;
    while (rdb_packed_next(&walk, &value, &complaint)) {
        if (walk.count % 2 == 1 && !seen_add(seen, &walk, &value)) {
            packed_destroy(packed);
            return NULL;
        }
        packed_append(&packed, &value);
    }
    return map_of_packed(packed, hash_seed);
}

static struct map *build_table_map(const struct survey *survey, uint64_t hash_seed) {
    struct map *map = map_create_table(hash_seed);
    struct rdb_packed walk = survey->list;
    struct packed_value field, value;
    const char *complaint;
    while (rdb_packed_next(&walk, &field, &complaint)) {
        bool has_value = rdb_packed_next(&walk, &value, &complaint);
        CHECK(has_value);
        char field_scratch[NUMBER_TEXT_MAX], value_scratch[NUMBER_TEXT_MAX];
        if (map_set(map, packed_value_bytes(&field, field_scratch),
                    packed_value_bytes(&value, value_scratch), NULL))
            continue;
        map_destroy(map);
        return NULL;
    }
    return map;
}

struct map *rdb_build_map(struct rdb_builder *builder, enum rdb_packed_kind kind,
                          struct bytes bytes, const char **complaint) {
    struct survey survey;
    *complaint = survey_list(&survey, kind, bytes);
    if (*complaint == NULL && survey.count % 2 != 0) *complaint = "a field has no value";
    if (*complaint != NULL) return NULL;

    struct map_limits limits = rdb_map_limits(builder);
    bool packed = builder->literal || (survey.count / 2 <= limits.packed_pairs_max &&
                                       (int64_t)survey.longest[0] <= limits.packed_size_max &&
                                       (int64_t)survey.longest[1] <= limits.packed_size_max);
    uint64_t hash_seed = storages_hash_seed(builder->storages);
    struct map *map;
    if (packed && fits_packed(&survey)) {
        struct seen seen = seen_begin(builder, survey.count / 2);
        map = build_packed_map(&survey, &seen, hash_seed);
    } else {
        map = build_table_map(&survey, hash_seed);
    }
    if (map == NULL) *complaint = comes_twice;
    return map;
}

/* --- sorted sets ---------------------------------------------------------------------------- */

static bool read_score(const struct packed_value *value, double *score) {
    if (value->kind != PACKED_INTEGER) return number_parse_double(value->bytes, score);
    *score = (double)value->integer;
    return true;
}

/* Takes member and score; they must stand behind the last ones. */
struct ordered {
    struct bytes last;
    char last_scratch[NUMBER_TEXT_MAX], scratch[NUMBER_TEXT_MAX];
    double last_score;
    bool any;
};

static bool comes_behind(struct ordered *ordered, const struct packed_value *member, double score) {
    struct bytes text = packed_value_bytes(member, ordered->scratch);
    bool behind = !ordered->any || score > ordered->last_score ||
                  (score == ordered->last_score && bytes_compare(text, ordered->last) > 0);
    ordered->any = true;
    ordered->last_score = score;
    ordered->last = text;
    if (text.data == ordered->scratch) {
        memcpy(ordered->last_scratch, ordered->scratch, text.size);
        ordered->last.data = ordered->last_scratch;
    }
    return behind;
}

/* Into exactly one of `packed` and `large`. */
static const char *fill_sorted_set(const struct survey *survey, struct seen *seen,
                                   struct packed **packed, struct sorted_set *large) {
    struct rdb_packed walk = survey->list;
    struct packed_value member, text;
    struct ordered ordered = {0};
    const char *complaint;
    while (rdb_packed_next(&walk, &member, &complaint)) {
        if (!seen_add(seen, &walk, &member)) return comes_twice;
        bool has_score = rdb_packed_next(&walk, &text, &complaint);
        double score;
        CHECK(has_score);
        if (!read_score(&text, &score)) return "a score is no number";
        if (!comes_behind(&ordered, &member, score))
            return "members are not in the order of scores";
        if (packed != NULL) {
            struct packed_value number = packed_value_of_double(score + 0.0); /* -0 becomes 0 */
            packed_append(packed, &member);
            packed_append(packed, &number);
        } else {
            (void)sorted_set_put(large, ordered.last, &score, SORTED_SET_ONLY_NEW, NULL);
        }
    }
    return NULL;
}

struct sorted_set *rdb_build_sorted_set(struct rdb_builder *builder, enum rdb_packed_kind kind,
                                        struct bytes bytes, const char **complaint) {
    struct survey survey;
    *complaint = survey_list(&survey, kind, bytes);
    if (*complaint == NULL && survey.count % 2 != 0) *complaint = "a member has no score";
    if (*complaint != NULL) return NULL;

    struct sorted_set_limits limits = rdb_sorted_set_limits(builder);
    bool packed = builder->literal || (survey.count / 2 <= limits.packed_members_max &&
                                       (int64_t)survey.longest[0] <= limits.packed_size_max);
    uint64_t hash_seed = storages_hash_seed(builder->storages);
    struct seen seen = seen_begin(builder, survey.count / 2);
    if (packed && fits_packed(&survey)) {
        struct packed *list = packed_create();
        *complaint = fill_sorted_set(&survey, &seen, &list, NULL);
        if (*complaint == NULL) return sorted_set_of_packed(list, hash_seed);
        packed_destroy(list);
    } else {
        struct sorted_set *large = sorted_set_create_large(hash_seed);
        *complaint = fill_sorted_set(&survey, &seen, NULL, large);
        if (*complaint == NULL) return large;
        sorted_set_destroy(large);
    }
    return NULL;
}

/* --- sets of integers ----------------------------------------------------------------------- */

static int64_t integer_at(struct bytes values, uint32_t width, uint64_t index) {
    const char *at = values.data + index * width;
    if (width == 2) return (int16_t)load_u16(at);
    return width == 4 ? (int32_t)load_u32(at) : (int64_t)load_u64(at);
}

struct set *rdb_build_set(struct rdb_builder *builder, struct bytes bytes, const char **complaint) {
    enum { HEADER_SIZE = 8, COUNT_MAX = UINT32_MAX / 8 };
    *complaint = "an intset has no known form";
    if (bytes.size < HEADER_SIZE) return NULL;
    uint32_t width = load_u32(bytes.data), count = load_u32(bytes.data + 4);
    struct bytes values = bytes_slice(bytes, HEADER_SIZE, bytes.size);
    if (width != 2 && width != 4 && width != 8) return NULL;
    if (values.size != (uint64_t)count * width || count > COUNT_MAX) return NULL;
    *complaint = "an intset's integers do not ascend";
    for (uint32_t i = 1; i < count; i++)
        if (integer_at(values, width, i - 1) >= integer_at(values, width, i)) return NULL;

    *complaint = NULL;
    uint64_t hash_seed = storages_hash_seed(builder->storages);
    int64_t integers_max = storages_settings(builder->storages)->set_max_intset_entries;
    if (!builder->literal && count > integers_max) {
        struct set *set = set_create_table(hash_seed);
        for (uint32_t i = 0; i < count; i++) {
            char text[NUMBER_TEXT_MAX];
            size_t size = number_print_i64(text, integer_at(values, width, i));
            set_add(set, bytes_of(text, size), integers_max);
        }
        return set;
    }
    struct integers *integers = integers_create();
    for (uint32_t i = 0; i < count; i++)
        integers_add(&integers, integer_at(values, width, i));
    return set_of_integers(integers, hash_seed);
}

/* --- queues ----------------------------------------------------------------------------------- */

const char *rdb_build_queue(struct rdb_builder *builder, struct queue *queue,
                            enum rdb_packed_kind kind, struct bytes bytes) {
    int64_t limit = storages_settings(builder->storages)->list_max_listpack_size;
    struct rdb_packed list;
    const char *complaint = rdb_packed_open(&list, kind, bytes);
    if (complaint != NULL) return complaint;
    struct packed_value value;
    while (rdb_packed_next(&list, &value, &complaint)) {
        char scratch[NUMBER_TEXT_MAX];
        struct bytes item = packed_value_bytes(&value, scratch);
        if (item.size > QUEUE_ITEM_MAX) return "an element of more than 1 GiB";
        queue_push(queue, QUEUE_TAIL, item, limit);
    }
    return complaint;
}
