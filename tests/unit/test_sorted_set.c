/* The sorted set, packed and large, against a sorted array that is searched the plain way. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "base/random.h"
#include "storages/sorted_set.h"

enum { MODEL_MAX = 1200, TEXT_MAX = 80 };

struct model_entry {
    double score;
    size_t size;
    char text[TEXT_MAX];
};

struct model {
    struct model_entry entries[MODEL_MAX];
    uint32_t size;
};

static struct bytes text_of(const struct model_entry *entry) {
    return bytes_of(entry->text, entry->size);
}

static struct model_entry *model_find(struct model *model, struct bytes member) {
    for (uint32_t i = 0; i < model->size; i++) {
        if (bytes_equal(text_of(&model->entries[i]), member)) return &model->entries[i];
    }
    return NULL;
}

static uint32_t model_count_before(const struct model *model, const struct score_bound *bound) {
    uint32_t count = 0;
    while (count < model->size && score_bound_is_behind(bound, model->entries[count].score,
                                                        text_of(&model->entries[count])))
        count++;
    return count;
}

static void model_remove(struct model *model, uint32_t at, uint32_t count) {
    memmove(&model->entries[at], &model->entries[at + count],
            (model->size - at - count) * sizeof(model->entries[0]));
    model->size -= count;
}

static void model_add(struct model *model, struct bytes member, double score) {
    struct score_bound bound = {.by = SCORE_BOUND_ENTRY, .score = score, .member = member};
    uint32_t at = model_count_before(model, &bound);
    memmove(&model->entries[at + 1], &model->entries[at],
            (model->size - at) * sizeof(model->entries[0]));
    model->size += 1;
    struct model_entry *entry = &model->entries[at];
    entry->score = score;
    entry->size = member.size;
    memcpy(entry->text, member.data, member.size);
}

/* What the documentation of ZADD says of each rule, one after the other. */
static enum sorted_set_outcome model_put(struct model *model, struct bytes member, double *score,
                                         uint32_t rules) {
    struct model_entry *present = model_find(model, member);
    if (present == NULL && (rules & SORTED_SET_ONLY_OLD)) return SORTED_SET_REFUSED;
    if (present == NULL) {
        model_add(model, member, *score);
        return SORTED_SET_ADDED;
    }
    if (rules & SORTED_SET_ONLY_NEW) return SORTED_SET_REFUSED;
    double wanted = rules & SORTED_SET_INCREMENT ? present->score + *score : *score;
    if (isnan(wanted)) return SORTED_SET_NOT_A_NUMBER;
    *score = wanted;
    if ((rules & SORTED_SET_ONLY_GREATER) && !(wanted > present->score)) return SORTED_SET_REFUSED;
    if ((rules & SORTED_SET_ONLY_LESS) && !(wanted < present->score)) return SORTED_SET_REFUSED;
    if (wanted == present->score) return SORTED_SET_SAME;
    model_remove(model, (uint32_t)(present - model->entries), 1);
    model_add(model, member, wanted);
    return SORTED_SET_UPDATED;
}

static void expect_equal(const struct sorted_set *set, const struct model *model) {
    sorted_set_check(set);
    cr_assert_eq(sorted_set_size(set), model->size);
    struct sorted_set_walk up = sorted_set_walk(set, 0, false);
    struct sorted_set_entry entry;
    for (uint32_t i = 0; i < model->size; i++) {
        cr_assert(sorted_set_walk_next(&up, &entry));
        cr_assert(bytes_equal(entry.member, text_of(&model->entries[i])), "rank %u", i);
        cr_assert_eq(entry.score, model->entries[i].score, "rank %u", i);
    }
    cr_assert_not(sorted_set_walk_next(&up, &entry));
    if (model->size == 0) return;
    struct sorted_set_walk down = sorted_set_walk(set, model->size - 1, true);
    for (uint32_t i = model->size; i-- > 0;) {
        cr_assert(sorted_set_walk_next(&down, &entry));
        cr_assert(bytes_equal(entry.member, text_of(&model->entries[i])), "rank %u down", i);
    }
    cr_assert_not(sorted_set_walk_next(&down, &entry));
    uint32_t found = 0;
    for (uint32_t i = 0; i < sorted_set_span(set); i++)
        found += sorted_set_at(set, i, &entry);
    cr_assert_eq(found, model->size);
}

static double random_score(struct random *random) {
    static const double special[] = {INFINITY, -INFINITY, 0, -0.0, 1e300, -1e-300, 0.1};
    uint64_t kind = random_below(random, 40);
    if (kind < COUNT_OF(special)) return special[kind];
    return (double)random_below(random, 30) - 15;
}

static struct bytes random_member(struct random *random, char text[TEXT_MAX]) {
    unsigned number = (unsigned)random_below(random, MODEL_MAX - 1);
    int size = number % 3 == 0   ? snprintf(text, TEXT_MAX, "%u", number)
               : number % 3 == 1 ? snprintf(text, TEXT_MAX, "member-%u", number)
                                 : snprintf(text, TEXT_MAX, "%040u", number);
    return bytes_of(text, (size_t)size);
}

static void step_put(struct sorted_set *set, struct model *model, struct random *random,
                     const struct sorted_set_limits *limits) {
    static const uint32_t rule_sets[] = {0,
                                         0,
                                         0,
                                         SORTED_SET_ONLY_NEW,
                                         SORTED_SET_ONLY_OLD,
                                         SORTED_SET_ONLY_GREATER,
                                         SORTED_SET_ONLY_LESS,
                                         SORTED_SET_INCREMENT,
                                         SORTED_SET_INCREMENT | SORTED_SET_ONLY_OLD,
                                         SORTED_SET_INCREMENT | SORTED_SET_ONLY_GREATER,
                                         SORTED_SET_ONLY_OLD | SORTED_SET_ONLY_LESS};
    char text[TEXT_MAX];
    struct bytes member = random_member(random, text);
    uint32_t rules = rule_sets[random_below(random, COUNT_OF(rule_sets))];
    double score = random_score(random), model_score = score;
    enum sorted_set_outcome outcome = sorted_set_put(set, member, &score, rules, limits);
    enum sorted_set_outcome wanted = model_put(model, member, &model_score, rules);
    cr_assert_eq(outcome, wanted, "rules %u", rules);
    if (wanted < SORTED_SET_REFUSED) cr_assert_eq(score, model_score);
}

static void step_remove(struct sorted_set *set, struct model *model, struct random *random,
                        bool leave_hole) {
    char text[TEXT_MAX];
    if (random_below(random, 8) == 0) {
        uint32_t rank = (uint32_t)random_below(random, model->size + 2);
        uint32_t count = (uint32_t)random_below(random, 30);
        sorted_set_remove_ranks(set, rank, count, leave_hole);
        if (rank >= model->size) return;
        model_remove(model, rank, count < model->size - rank ? count : model->size - rank);
        return;
    }
    struct bytes member = random_member(random, text);
    struct model_entry *present = model_find(model, member);
    cr_assert_eq(sorted_set_remove(set, member, leave_hole), present != NULL);
    if (present != NULL) model_remove(model, (uint32_t)(present - model->entries), 1);
}

static void step_look(const struct sorted_set *set, struct model *model, struct random *random) {
    char text[TEXT_MAX];
    struct bytes member = random_member(random, text);
    struct score_bound bound = {.by = random_below(random, 2) == 0 ? SCORE_BOUND_SCORE
                                                                   : SCORE_BOUND_ENTRY,
                                .after = random_below(random, 2) == 0,
                                .score = random_score(random),
                                .member = member};
    cr_assert_eq(sorted_set_count_before(set, &bound), model_count_before(model, &bound));

    const struct model_entry *present = model_find(model, member);
    double score;
    uint32_t rank;
    cr_assert_eq(sorted_set_find(set, member, &score), present != NULL);
    cr_assert_eq(sorted_set_rank(set, member, &rank), present != NULL);
    if (present == NULL) return;
    cr_assert_eq(score, present->score);
    cr_assert_eq(rank, (uint32_t)(present - model->entries));
}

static void run_random(uint64_t seed, int64_t packed_members_max) {
    static struct model model; /* large: not on the stack */
    model.size = 0;
    struct random random;
    random_init(&random, seed);
    struct sorted_set_limits limits = {packed_members_max, 64};
    struct sorted_set *set = sorted_set_create(seed);
    for (uint32_t step = 0; step < 12000; step++) {
        bool growing = (step / 2000) % 2 == 0, leave_hole = (step / 100) % 3 == 0;
        if (random_below(&random, 10) < (growing ? 8u : 3u))
            step_put(set, &model, &random, &limits);
        else
            step_remove(set, &model, &random, leave_hole);
        step_look(set, &model, &random);
        if (step % 100 == 99) sorted_set_class.fill_holes(set);
        if (step % 300 == 0) expect_equal(set, &model);
    }
    sorted_set_class.fill_holes(set);
    cr_expect_not(sorted_set_has_holes(set));
    struct sorted_set *copy = sorted_set_copy(set);
    cr_expect_eq(sorted_set_class.digest(copy), sorted_set_class.digest(set));
    sorted_set_destroy(set);
    expect_equal(copy, &model);
    sorted_set_destroy(copy);
}

Test(sorted_set, equals_a_sorted_array_when_it_is_large_at_once) {
    run_random(1, 0);
}

Test(sorted_set, equals_a_sorted_array_across_the_conversion) {
    run_random(2, 128);
    run_random(3, 7);
}

Test(sorted_set, equals_a_sorted_array_when_it_stays_packed) {
    run_random(4, 1 << 20);
}

static void put(struct sorted_set *set, const char *member, double score,
                const struct sorted_set_limits *limits) {
    enum sorted_set_outcome outcome = sorted_set_put(set, bytes_of_text(member), &score, 0, limits);
    cr_assert_eq(outcome, SORTED_SET_ADDED);
}

Test(sorted_set, becomes_large_beyond_either_limit_and_never_packed_again) {
    struct sorted_set_limits limits = {2, 5};
    struct sorted_set *set = sorted_set_create(1);
    put(set, "a", 1, &limits);
    put(set, "12345", 2, &limits);
    cr_expect(sorted_set_is_packed(set));
    cr_expect_str_eq(sorted_set_class.encoding(set), "listpack");
    put(set, "c", 3, &limits);
    cr_expect_not(sorted_set_is_packed(set));
    cr_expect_str_eq(sorted_set_class.encoding(set), "skiplist");
    cr_expect(sorted_set_remove(set, BYTES("c"), false));
    cr_expect(sorted_set_remove(set, BYTES("a"), false));
    cr_expect_not(sorted_set_is_packed(set));
    sorted_set_destroy(set);

    set = sorted_set_create(1);
    put(set, "123456", 1, &limits);
    cr_expect_not(sorted_set_is_packed(set));
    sorted_set_check(set);
    sorted_set_destroy(set);
}

Test(sorted_set, keeps_the_sign_of_zero_only_when_large) {
    for (int64_t members = 0; members < 2; members++) {
        struct sorted_set_limits limits = {members, 64};
        struct sorted_set *set = sorted_set_create(1);
        double score = 1;
        put(set, "a", -0.0, &limits);
        cr_expect(sorted_set_find(set, BYTES("a"), &score));
        cr_expect_eq(score, 0);
        cr_expect_eq(signbit(score) != 0, members == 0);
        sorted_set_destroy(set);
    }
}

Test(sorted_set, has_a_digest_of_scores_members_and_positions) {
    struct sorted_set_limits limits = {0, 64};
    static const struct {
        const char *name, *first, *second;
        double score;
        bool equal;
    } cases[] = {{"the same", "a", "b", 1, true},
                 {"another score", "a", "b", 2, false},
                 {"another member", "a", "c", 1, false},
                 {"another order of adding", "b", "a", 1, false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct sorted_set *one = sorted_set_create(1), *other = sorted_set_create(2);
        put(one, "a", 1, &limits);
        put(one, "b", 1, &limits);
        put(other, cases[i].first, 1, &limits);
        put(other, cases[i].second, cases[i].score, &limits);
        cr_expect_eq(sorted_set_class.digest(one) == sorted_set_class.digest(other), cases[i].equal,
                     "%s", cases[i].name);
        sorted_set_destroy(one);
        sorted_set_destroy(other);
    }
}

Test(sorted_set, is_destroyed_in_pieces) {
    struct sorted_set_limits limits = {128, 64};
    struct sorted_set *set = sorted_set_create(1);
    for (int i = 0; i < 3000; i++) {
        char text[16];
        snprintf(text, sizeof(text), "m%d", i);
        put(set, text, i % 7, &limits);
    }
    uint32_t pieces = 1;
    for (uint64_t budget = 500; !sorted_set_class.destroy_some(set, &budget); budget = 500)
        pieces++;
    cr_expect(pieces >= 10 && pieces <= 14, "%u pieces", pieces);
}
