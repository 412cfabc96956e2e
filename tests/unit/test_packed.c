/* The packed list: its encodings at their borders, and a random walk beside a plain model. */
#include <criterion/criterion.h>
#include <math.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/packed.h"
#include "base/random.h"

static const struct {
    const char *name, *text;
    enum packed_kind kind;
    size_t size; /* of the entry */
} value_cases[] = {
    {"empty", "", PACKED_BYTES, 2},
    {"a word", "field", PACKED_BYTES, 7},
    {"zero", "0", PACKED_INTEGER, 2},
    {"minus zero is text", "-0", PACKED_BYTES, 4},
    {"leading zero is text", "07", PACKED_BYTES, 4},
    {"plus is text", "+7", PACKED_BYTES, 4},
    {"space is text", " 7", PACKED_BYTES, 4},
    {"minus alone", "-", PACKED_BYTES, 3},
    {"largest without a body", "127", PACKED_INTEGER, 2},
    {"two bytes", "128", PACKED_INTEGER, 4},
    {"minus one", "-1", PACKED_INTEGER, 3},
    {"smallest in one byte", "-128", PACKED_INTEGER, 3},
    {"two bytes below", "-129", PACKED_INTEGER, 4},
    {"largest in two bytes", "32767", PACKED_INTEGER, 4},
    {"three bytes", "32768", PACKED_INTEGER, 5},
    {"largest int64", "9223372036854775807", PACKED_INTEGER, 10},
    {"smallest int64", "-9223372036854775808", PACKED_INTEGER, 10},
    {"beyond int64", "9223372036854775808", PACKED_BYTES, 21},
    {"a fraction", "1.5", PACKED_BYTES, 5},
};

Test(packed, stores_each_value_shortest_and_reads_it_back) {
    for (size_t i = 0; i < COUNT_OF(value_cases); i++) {
        struct bytes text = bytes_of_text(value_cases[i].text);
        struct packed_value value = packed_value_of(text);
        struct packed *packed = packed_create();
        uint32_t at = packed_append(&packed, &value);
        struct packed_value read = packed_get(packed, at);
        char scratch[NUMBER_TEXT_MAX];
        cr_expect_eq(read.kind, value_cases[i].kind, "%s", value_cases[i].name);
        cr_expect(bytes_equal(packed_value_bytes(&read, scratch), text), "%s", value_cases[i].name);
        cr_expect_eq(packed_value_size(&value), value_cases[i].size, "%s: %zu", value_cases[i].name,
                     packed_value_size(&value));
        packed_check(packed);
        packed_destroy(packed);
    }
}

Test(packed, holds_strings_of_every_length_class) {
    static const size_t sizes[] = {0,   1,   62,  63,  64,    65,    250,   251,   252,
                                   253, 254, 255, 256, 65529, 65532, 65535, 65536, 300000};
    char *text = memory_allocate(300000);
    memset(text, 'x', 300000);
    struct packed *packed = packed_create();
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct packed_value value = packed_value_of(bytes_of(text, sizes[i]));
        size_t before = packed_size(packed);
        packed_append(&packed, &value);
        cr_expect_eq(packed_size(packed) - before, packed_value_size(&value));
        packed_check(packed);
    }
    uint32_t at = packed_last(packed);
    for (size_t i = COUNT_OF(sizes); i-- > 0; at = packed_previous(packed, at))
        cr_expect_eq(packed_get(packed, at).bytes.size, sizes[i]);
    cr_expect_eq(at, PACKED_END);
    packed_destroy(packed);
    memory_release(text);
}

Test(packed, keeps_doubles_exactly_and_whole_ones_as_integers) {
    static const struct {
        double number;
        enum packed_kind kind;
    } cases[] = {{0.0, PACKED_INTEGER},      {-0.0, PACKED_DOUBLE},
                 {1.5, PACKED_DOUBLE},       {-3, PACKED_INTEGER},
                 {1e300, PACKED_DOUBLE},     {INFINITY, PACKED_DOUBLE},
                 {-INFINITY, PACKED_DOUBLE}, {9007199254740993.0, PACKED_INTEGER},
                 {-0x1p63, PACKED_INTEGER},  {0x1p63, PACKED_DOUBLE},
                 {0x1p62, PACKED_INTEGER},   {5e-324, PACKED_DOUBLE}};
    struct packed *packed = packed_create();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct packed_value value = packed_value_of_double(cases[i].number);
        cr_expect_eq(value.kind, cases[i].kind, "case %zu", i);
        struct packed_value read = packed_get(packed, packed_append(&packed, &value));
        cr_expect(packed_value_equal(&read, &value), "case %zu", i);
        double number = packed_value_double(&read);
        cr_expect_eq(memcmp(&number, &cases[i].number, sizeof(number)), 0, "case %zu", i);
        cr_expect_neq(packed_find(packed, packed_first(packed), &value, 1), PACKED_END);
    }
    packed_check(packed);
    packed_destroy(packed);
}

Test(packed, finds_only_at_the_stride) {
    struct packed *packed = packed_create();
    static const char *const texts[] = {"a", "b", "b", "7", "7", "c"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct packed_value value = packed_value_of(bytes_of_text(texts[i]));
        packed_append(&packed, &value);
    }
    struct packed_value b = packed_value_of(BYTES("b")), seven = packed_value_of(BYTES("7")),
                        c = packed_value_of(BYTES("c"));
    uint32_t first = packed_first(packed);
    cr_expect_eq(packed_find(packed, first, &b, 1), packed_seek(packed, 1));
    cr_expect_eq(packed_find(packed, first, &b, 2), packed_seek(packed, 2));
    cr_expect_eq(packed_find(packed, first, &seven, 2), packed_seek(packed, 4));
    cr_expect_eq(packed_find(packed, first, &c, 2), PACKED_END);
    cr_expect_eq(packed_find(packed, PACKED_END, &c, 1), PACKED_END);
    packed_destroy(packed);
}

Test(packed, takes_values_that_lie_in_itself) {
    struct packed *packed = packed_create();
    struct packed_value value = packed_value_of(BYTES("a longer text than one"));
    packed_append(&packed, &value);
    for (int i = 0; i < 200; i++) {
        value = packed_get(packed, packed_last(packed));
        packed_prepend(&packed, &value);
    }
    value = packed_get(packed, packed_last(packed));
    packed_replace(&packed, packed_last(packed), &value);
    packed_check(packed);
    for (uint32_t at = packed_first(packed); at != PACKED_END; at = packed_next(packed, at))
        cr_assert(bytes_equal(packed_get(packed, at).bytes, BYTES("a longer text than one")));
    cr_expect_eq(packed_count(packed), 201);
    packed_destroy(packed);
}

/* --- the model: an array of owned texts ------------------------------------------------------ */

enum { MODEL_MAX = 400 };
struct model {
    struct buffer texts[MODEL_MAX];
    uint32_t count;
};

static void model_insert(struct model *model, uint32_t index, struct bytes text) {
    cr_assert_lt(model->count, MODEL_MAX);
    memmove(&model->texts[index + 1], &model->texts[index],
            (model->count - index) * sizeof(model->texts[0]));
    model->texts[index] = (struct buffer){0};
    buffer_append_bytes(&model->texts[index], text);
    model->count++;
}

static void model_delete(struct model *model, uint32_t index, uint32_t count) {
    for (uint32_t i = index; i < index + count; i++)
        buffer_clear(&model->texts[i]);
    memmove(&model->texts[index], &model->texts[index + count],
            (model->count - index - count) * sizeof(model->texts[0]));
    model->count -= count;
}

static void expect_same(const struct packed *packed, const struct model *model) {
    packed_check(packed);
    cr_assert_eq(packed_count(packed), model->count);
    char scratch[NUMBER_TEXT_MAX];
    uint32_t at = packed_first(packed);
    for (uint32_t i = 0; i < model->count; i++, at = packed_next(packed, at)) {
        struct packed_value value = packed_get(packed, at);
        cr_assert(bytes_equal(packed_value_bytes(&value, scratch), buffer_bytes(&model->texts[i])));
    }
    cr_assert_eq(at, PACKED_END);
    at = packed_last(packed);
    for (uint32_t i = model->count; i-- > 0; at = packed_previous(packed, at))
        cr_assert_eq(at, packed_seek(packed, i));
    cr_assert_eq(at, PACKED_END);
}

/* Texts of all kinds, some long. */
static struct bytes random_text(struct random *random, char *scratch, size_t scratch_size) {
    switch (random_below(random, 4)) {
    case 0:
        return bytes_of(scratch, number_print_i64(scratch, (int64_t)random_below(random, 300)));
    case 1: {
        int64_t any = (int64_t)(random_next(random) >> random_below(random, 64));
        return bytes_of(scratch, number_print_i64(scratch, any));
    }
    default: {
        size_t size = random_below(random, random_below(random, 40) == 0 ? scratch_size : 40);
        memset(scratch, 'a' + (int)random_below(random, 26), size);
        return bytes_of(scratch, size);
    }
    }
}

static void random_step(struct packed **packed, struct model *model, struct random *random) {
    char scratch[1000];
    struct bytes text = random_text(random, scratch, sizeof(scratch));
    struct packed_value value = packed_value_of(text);
    uint32_t index = model->count == 0 ? 0 : (uint32_t)random_below(random, model->count);
    uint32_t at = packed_seek(*packed, index);
    uint64_t action = random_below(random, 10);
    if (model->count == 0 || (action < 5 && model->count < MODEL_MAX)) {
        if (action == 0) at = PACKED_END;
        model_insert(model, at == PACKED_END ? model->count : index, text);
        at = packed_insert(packed, at, &value);
        struct packed_value read = packed_get(*packed, at);
        cr_assert(packed_value_equal(&read, &value));
        cr_assert_neq(packed_find(*packed, packed_first(*packed), &value, 1), PACKED_END);
    } else if (action < 8) {
        buffer_clear(&model->texts[index]);
        buffer_append_bytes(&model->texts[index], text);
        packed_replace(packed, at, &value);
    } else {
        uint32_t count = 1 + (uint32_t)random_below(random, random_below(random, 20) == 0 ? 50 : 3);
        uint32_t next = packed_delete(packed, at, count);
        model_delete(model, index, count > model->count - index ? model->count - index : count);
        cr_assert_eq(next, packed_seek(*packed, index));
    }
}

Test(packed, agrees_with_a_model_over_random_changes) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct random random;
        random_init(&random, seed);
        struct model *model = memory_allocate_zeroed(sizeof(*model));
        struct packed *packed = packed_create();
        for (int step = 0; step < 400; step++) {
            random_step(&packed, model, &random);
            if (step % 8 == 0) expect_same(packed, model);
        }
        expect_same(packed, model);

        struct packed *copy = packed_copy(packed);
        cr_expect_eq(packed_digest(copy), packed_digest(packed));
        if (model->count > 0) {
            uint32_t index = (uint32_t)random_below(&random, model->count);
            struct packed *rest = packed_split(&packed, packed_seek(packed, index));
            packed_check(packed);
            packed_check(rest);
            cr_expect_eq(packed_count(packed), index);
            packed_append_all(&packed, rest);
            packed_destroy(rest);
        }
        expect_same(packed, model);
        cr_expect_eq(packed_digest(copy), packed_digest(packed), "seed %lu", seed);
        packed_destroy(copy);
        packed_destroy(packed);
        model_delete(model, 0, model->count);
        memory_release(model);
    }
}
