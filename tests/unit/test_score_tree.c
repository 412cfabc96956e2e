/* The counted B+tree against a sorted array that is searched the plain way. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/memory.h"
#include "base/random.h"
#include "storages/score_tree.h"

enum { MODEL_MAX = 6000 };

/* The model: the same members, sorted, in one array. */
struct model {
    struct score_member *members[MODEL_MAX];
    uint32_t size;
};

static struct score_member *member_create(double score, const char *text) {
    size_t size = strlen(text);
    struct score_member *member = memory_allocate(sizeof(*member) + size);
    member->score = score;
    member->size = (uint32_t)size;
    memcpy(member->data, text, size);
    return member;
}

static uint32_t model_count_before(const struct model *model, const struct score_bound *bound) {
    uint32_t low = 0, high = model->size;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const struct score_member *member = model->members[middle];
        if (score_bound_is_behind(bound, member->score, score_member_bytes(member)))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t model_rank(const struct model *model, const struct score_member *member) {
    struct score_bound bound = {
        .by = SCORE_BOUND_ENTRY, .score = member->score, .member = score_member_bytes(member)};
    return model_count_before(model, &bound);
}

static void model_add(struct model *model, struct score_member *member) {
    uint32_t at = model_rank(model, member);
    memmove(&model->members[at + 1], &model->members[at],
            (model->size - at) * sizeof(model->members[0]));
    model->members[at] = member;
    model->size += 1;
}

static struct score_member *model_take(struct model *model, uint32_t at) {
    struct score_member *member = model->members[at];
    memmove(&model->members[at], &model->members[at + 1],
            (model->size - at - 1) * sizeof(model->members[0]));
    model->size -= 1;
    return member;
}

static void expect_equal(const struct score_tree *tree, const struct model *model) {
    score_tree_check(tree);
    cr_assert_eq(score_tree_size(tree), model->size);
    struct score_cursor up = score_tree_seek(tree, 0);
    for (uint32_t i = 0; i < model->size; i++, score_cursor_next(&up))
        cr_assert_eq(score_cursor_member(up), model->members[i], "rank %u", i);
    cr_assert_null(score_cursor_member(up));
    if (model->size == 0) return;
    struct score_cursor down = score_tree_seek(tree, model->size - 1);
    for (uint32_t i = model->size; i-- > 0; score_cursor_previous(&down))
        cr_assert_eq(score_cursor_member(down), model->members[i], "rank %u downwards", i);
    cr_assert_null(score_cursor_member(down));
}

static void expect_equal_counts(const struct score_tree *tree, const struct model *model,
                                struct random *random, uint32_t scores) {
    char text[16];
    int size = snprintf(text, sizeof(text), "m%u", (unsigned)random_below(random, 9000));
    struct score_bound bound = {.by = random_below(random, 2) == 0 ? SCORE_BOUND_SCORE
                                                                   : SCORE_BOUND_ENTRY,
                                .after = random_below(random, 2) == 0,
                                .score = (double)random_below(random, scores + 2) - 1,
                                .member = bytes_of(text, (size_t)size)};
    cr_assert_eq(score_tree_count_before(tree, &bound), model_count_before(model, &bound));
    if (model->size == 0) return;
    uint32_t rank = (uint32_t)random_below(random, model->size);
    cr_assert_eq(score_cursor_member(score_tree_seek(tree, rank)), model->members[rank]);
}

/* Grows and shrinks in waves: `scores` distinct scores, so that ties are many or few. */
static void run_random(uint64_t seed, uint32_t scores) {
    static struct model model; /* large: not on the stack */
    model.size = 0;
    struct random random;
    random_init(&random, seed);
    struct score_tree *tree = score_tree_create();
    uint32_t serial = 0;
    for (uint32_t step = 0; step < 60000; step++) {
        bool growing = (step / 7500) % 2 == 0;
        bool add = random_below(&random, 10) < (growing ? 8u : 2u);
        if (add && model.size < MODEL_MAX - 1) {
            char text[16];
            snprintf(text, sizeof(text), "m%u", serial++ * 7919 % 1000003);
            struct score_member *member =
                member_create((double)random_below(&random, scores), text);
            score_tree_add(tree, member);
            model_add(&model, member);
        } else if (model.size > 0) {
            uint32_t at = (uint32_t)random_below(&random, model.size);
            if (random_below(&random, 3) == 0) at = 0;
            struct score_member *member = model_take(&model, at);
            if (random_below(&random, 4) == 0) {
                score_tree_move(tree, member, (double)random_below(&random, scores));
                model_add(&model, member);
            } else {
                score_tree_remove(tree, member);
                memory_release(member);
            }
        }
        expect_equal_counts(tree, &model, &random, scores);
        if (step % 2500 == 0) expect_equal(tree, &model);
    }
    while (model.size > 0) {
        struct score_member *member = model_take(&model, model.size / 2);
        score_tree_remove(tree, member);
        memory_release(member);
        if (model.size % 512 == 0) expect_equal(tree, &model);
    }
    expect_equal(tree, &model);
    score_tree_destroy(tree);
}

Test(score_tree, equals_a_sorted_array_with_many_ties) {
    run_random(1, 3);
}

Test(score_tree, equals_a_sorted_array_with_few_ties) {
    run_random(2, 1000000);
}

Test(score_tree, takes_rising_and_falling_scores_and_fills_its_nodes) {
    enum { COUNT = 5000 };
    for (int sign = -1; sign <= 1; sign += 2) {
        struct score_tree *tree = score_tree_create();
        for (int i = 0; i < COUNT; i++)
            score_tree_add(tree, member_create(sign * i, "same"));
        score_tree_check(tree);
        cr_expect_lt(score_tree_memory(tree), COUNT * 24, "%zu bytes", score_tree_memory(tree));
        for (int i = 0; i < COUNT; i++) {
            struct score_member *first = score_cursor_member(score_tree_seek(tree, 0));
            cr_assert_eq(first->score, sign > 0 ? i : i - COUNT + 1);
            score_tree_remove(tree, first);
            memory_release(first);
        }
        cr_expect_eq(score_tree_size(tree), 0);
        score_tree_check(tree);
        score_tree_destroy(tree);
    }
}

Test(score_tree, cuts_by_member_where_all_scores_are_equal) {
    struct score_tree *tree = score_tree_create();
    static const char *const texts[] = {"a", "b", "c", "d"};
    struct score_member *members[COUNT_OF(texts)];
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        score_tree_add(tree, members[i] = member_create(0, texts[i]));
    static const struct {
        const char *member;
        bool after;
        uint32_t before;
    } cases[] = {{"", false, 0},  {"a", false, 0}, {"a", true, 1}, {"bb", false, 2},
                 {"bb", true, 2}, {"d", false, 3}, {"d", true, 4}, {"e", false, 4}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct score_bound bound = {.by = SCORE_BOUND_MEMBER,
                                    .after = cases[i].after,
                                    .member = bytes_of_text(cases[i].member)};
        cr_expect_eq(score_tree_count_before(tree, &bound), cases[i].before, "case %zu", i);
    }
    score_tree_destroy(tree);
    for (size_t i = 0; i < COUNT_OF(members); i++)
        memory_release(members[i]);
}

Test(score_tree, is_destroyed_in_pieces) {
    enum { COUNT = 20000 };
    struct score_tree *tree = score_tree_create();
    static struct score_member *members[COUNT];
    for (int i = 0; i < COUNT; i++)
        score_tree_add(tree, members[i] = member_create(i * 7919 % COUNT, "same"));
    uint32_t pieces = 1;
    for (uint64_t budget = 1000; !score_tree_destroy_some(tree, &budget); budget = 1000)
        pieces++;
    cr_expect(pieces >= 18 && pieces <= 21, "%u pieces", pieces);
    for (int i = 0; i < COUNT; i++)
        memory_release(members[i]);
}
