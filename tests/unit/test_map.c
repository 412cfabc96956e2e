/* Maps: the two forms beside a plain model, and the commands' answers, taken from Redis 7.0.15. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "storages/map.h"
#include "tests/unit/storages_fixture.h"

/* --- the module ------------------------------------------------------------------------------ */

enum { FIELDS_MAX = 300 };

/* Fields and values are numbers, written as text; pairs stand in the expected order. */
struct model {
    struct {
        uint32_t field, value;
    } pairs[FIELDS_MAX];
    uint32_t count;
};

static uint32_t model_find(const struct model *model, uint32_t field) {
    uint32_t at = 0;
    while (at < model->count && model->pairs[at].field != field)
        at++;
    return at;
}

/* A packed map closes the gap, a table moves its last pair there. */
static void model_delete(struct model *model, uint32_t at, bool packed) {
    model->count--;
    if (packed) {
        memmove(&model->pairs[at], &model->pairs[at + 1],
                (model->count - at) * sizeof(model->pairs[0]));
    } else {
        model->pairs[at] = model->pairs[model->count];
    }
}

/* Some texts are integers, some are long. */
static struct bytes text_of(uint32_t number, char text[100]) {
    static const char *const formats[] = {"%u", "field-%u", "%060u"};
    return bytes_of(text, (size_t)snprintf(text, 100, formats[number % 3], number));
}

static void expect_same(const struct map *map, const struct model *model) {
    map_check(map);
    cr_assert_eq(map_size(map), model->count);
    struct map_walk walk = map_walk(map);
    struct map_pair pair;
    for (uint32_t i = 0; i < model->count; i++) {
        char field[100], value[100];
        cr_assert(map_walk_next(&walk, &pair));
        cr_assert(bytes_equal(pair.field, text_of(model->pairs[i].field, field)));
        cr_assert(bytes_equal(pair.value, text_of(model->pairs[i].value, value)));
        cr_assert(map_at(map, i, &pair));
        cr_assert(bytes_equal(pair.field, text_of(model->pairs[i].field, field)));
    }
    cr_assert_not(map_walk_next(&walk, &pair));
}

static void random_step(struct map *map, struct model *model, struct random *random,
                        const struct map_limits *limits) {
    char field[100], value[100], scratch[NUMBER_TEXT_MAX];
    uint32_t number = (uint32_t)random_below(random, FIELDS_MAX);
    uint32_t at = model_find(model, number);
    struct bytes field_text = text_of(number, field), found;
    cr_assert_eq(map_get(map, field_text, &found, scratch), at < model->count);
    if (random_below(random, 3) == 0) {
        bool packed = map_is_packed(map);
        cr_assert_eq(map_delete(map, field_text, false), at < model->count);
        if (at < model->count) model_delete(model, at, packed);
        return;
    }
    uint32_t value_number = (uint32_t)random_below(random, 1000);
    bool added = map_set(map, field_text, text_of(value_number, value), limits);
    cr_assert_eq(added, at == model->count);
    if (added) model->pairs[model->count++].field = number;
    model->pairs[at].value = value_number;
}

Test(map, agrees_with_a_model_in_both_forms) {
    static const struct map_limits limits[] = {{50, 64}, {1000, 64}, {1000, 59}, {0, 64}};
    for (uint64_t seed = 0; seed < 12; seed++) {
        struct random random;
        random_init(&random, seed);
        struct map *map = map_create(seed * 77);
        struct model *model = memory_allocate_zeroed(sizeof(*model));
        for (int step = 0; step < 600; step++) {
            random_step(map, model, &random, &limits[seed % COUNT_OF(limits)]);
            if (step % 16 == 0) expect_same(map, model);
        }
        expect_same(map, model);
        struct map *copy = map_copy(map);
        expect_same(copy, model);
        cr_expect_eq(map_class.digest(copy), map_class.digest(map));
        cr_expect_str_eq(map_class.encoding(copy), map_class.encoding(map));
        cr_expect_gt(map_class.memory(map), 0);
        uint64_t budget = 7, pieces = 1;
        for (; !map_class.destroy_some(copy, &budget); pieces++)
            budget = 7;
        cr_expect_eq(pieces > 1, !map_is_packed(map) && model->count > 7);
        map_destroy(map);
        memory_release(model);
    }
}

Test(map, becomes_a_table_only_beyond_its_limits) {
    static const struct {
        const char *name;
        struct map_limits limits;
        uint32_t pairs, value_size;
        bool packed;
    } cases[] = {
        {"at both limits", {4, 8}, 4, 8, true},    {"a pair more", {4, 8}, 5, 8, false},
        {"a byte more", {4, 8}, 1, 9, false},      {"no packed maps at all", {0, 8}, 1, 1, false},
        {"no sizes allowed", {4, 0}, 1, 0, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct map *map = map_create(i);
        for (uint32_t pair = 0; pair < cases[i].pairs; pair++) {
            char field[100];
            map_set(map, text_of(pair * 3, field), bytes_of("xxxxxxxxxx", cases[i].value_size),
                    &cases[i].limits);
        }
        cr_expect_eq(map_is_packed(map), cases[i].packed, "%s", cases[i].name);
        map_check(map);
        map_destroy(map);
    }
}

/* --- the commands ---------------------------------------------------------------------------- */

static const struct fixture_case command_cases[] = {
    /* creating, reading */
    {"hset h a 1 b two", ":2"},
    {"hset h a 3 c 4", ":1"},
    {"hget h a", "\"3\""},
    {"hget h b", "\"two\""},
    {"hget h nope", "nil"},
    {"hget nokey a", "nil"},
    {"hgetall h", "[\"a\", \"3\", \"b\", \"two\", \"c\", \"4\"]"},
    {"hkeys h", "[\"a\", \"b\", \"c\"]"},
    {"hvals h", "[\"3\", \"two\", \"4\"]"},
    {"hlen h", ":3"},
    {"hlen nokey", ":0"},
    {"hexists h a", ":1"},
    {"hexists h nope", ":0"},
    {"hexists nokey a", ":0"},
    {"hstrlen h b", ":3"},
    {"hstrlen h nope", ":0"},
    {"hstrlen nokey a", ":0"},
    {"hmget h a nope b a", "[\"3\", nil, \"two\", \"3\"]"},
    {"hmget nokey a b", "[nil, nil]"},
    {"hgetall nokey", "[]"},
    {"hkeys nokey", "[]"},
    {"hvals nokey", "[]"},
    {"object encoding h", "\"listpack\""},
    {"type h", "+hash"},

    /* arity and types */
    {"hset h a", "-ERR wrong number of arguments for 'hset' command"},
    {"hset h a 1 b", "-ERR wrong number of arguments for 'hset' command"},
    {"hmset h a", "-ERR wrong number of arguments for 'hmset' command"},
    {"hmset h a 1 b", "-ERR wrong number of arguments for 'hmset' command"},
    {"hmset h a 1 d 5", "+OK"},
    {"hget h", "-ERR wrong number of arguments for 'hget' command"},
    {"hmget h", "-ERR wrong number of arguments for 'hmget' command"},
    {"set str x", "+OK"},
    {"hset str a 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"hsetnx str a 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"hget str a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"hmget str a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"hgetall str", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"hdel str a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"hincrby str a 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"hincrbyfloat str a 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"hrandfield str", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"hrandfield str 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"hscan str 0", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"hscan str x", "-ERR invalid cursor"},
    {"hlen str", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"hexists str a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"hstrlen str a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},

    /* once only */
    {"hsetnx h a 2", ":0"},
    {"hsetnx h e 2", ":1"},
    {"hsetnx fresh a 1", ":1"},
    {"hget fresh a", "\"1\""},

    /* deleting */
    {"hdel h nope", ":0"},
    {"hdel h a nope e", ":2"},
    {"hdel nokey a", ":0"},
    {"hdel fresh a b c", ":1"},
    {"exists fresh", ":0"},
    {"hgetall h", "[\"b\", \"two\", \"c\", \"4\", \"d\", \"5\"]"},

    /* integers */
    {"hincrby n a 5", ":5"},
    {"hincrby n a -7", ":-2"},
    {"hincrby n a x", "-ERR value is not an integer or out of range"},
    {"hincrby n a 1.5", "-ERR value is not an integer or out of range"},
    {"hset n s str", ":1"},
    {"hincrby n s 1", "-ERR hash value is not an integer"},
    {"hset n lead 07", ":1"},
    {"hincrby n lead 1", "-ERR hash value is not an integer"},
    {"hset n space \" 1\"", ":1"},
    {"hincrby n space 1", "-ERR hash value is not an integer"},
    {"hset n empty \"\"", ":1"},
    {"hincrby n empty 1", "-ERR hash value is not an integer"},
    {"hset n max 9223372036854775807 min -9223372036854775808", ":2"},
    {"hincrby n max 1", "-ERR increment or decrement would overflow"},
    {"hincrby n min -1", "-ERR increment or decrement would overflow"},
    {"hincrby n max -1", ":9223372036854775806"},
    {"hincrby n a 9223372036854775808", "-ERR value is not an integer or out of range"},

    /* floats */
    {"hincrbyfloat f a 10.5", "\"10.5\""},
    {"hincrbyfloat f a 0.1", "\"10.6\""},
    {"hincrbyfloat f a -5", "\"5.6\""},
    {"hincrbyfloat f a 5.0e3", "\"5005.60000000000000009\""},
    {"hincrbyfloat f a 1.4", "\"5007\""},
    {"hincrbyfloat f a x", "-ERR value is not a valid float"},
    {"hincrbyfloat f a inf", "-ERR value is NaN or Infinity"},
    {"hincrbyfloat f a nan", "-ERR value is not a valid float"},
    {"hincrbyfloat f a \"\"", "-ERR value is not a valid float"},
    {"hincrbyfloat f a \" 1\"", "-ERR value is not a valid float"},
    {"hset f s str", ":1"},
    {"hincrbyfloat f s 1", "-ERR hash value is not a float"},
    {"hset f inf inf", ":1"},
    {"hincrbyfloat f inf 1", "-ERR increment would produce NaN or Infinity"},
    {"hset f nan nan", ":1"},
    {"hincrbyfloat f nan 1", "-ERR hash value is not a float"},
    {"hset f big 1.18973149535723176502e+4932", ":1"},
    {"hincrbyfloat f big 1.18973149535723176502e+4932",
     "-ERR increment would produce NaN or Infinity"},
    {"hincrbyfloat f space 1", "\"1\""},
    {"hset f sp \" 1\"", ":1"},
    {"hincrbyfloat f sp 1", "-ERR hash value is not a float"},
    {"hincrbyfloat f third 0.333333333333333333333", "\"0.33333333333333333\""},
    {"hincrbyfloat f zero 0", "\"0\""},
    {"hincrbyfloat f minus -0.0", "\"0\""},

    /* choosing at random: what does not depend on chance */
    {"hset one a 1", ":1"},
    {"hrandfield one", "\"a\""},
    {"hrandfield one 5", "[\"a\"]"},
    {"hrandfield one -3", "[\"a\", \"a\", \"a\"]"},
    {"hrandfield one 5 withvalues", "[\"a\", \"1\"]"},
    {"hrandfield one -2 WITHVALUES", "[\"a\", \"1\", \"a\", \"1\"]"},
    {"hrandfield one 0", "[]"},
    {"hrandfield nokey", "nil"},
    {"hrandfield nokey 2", "[]"},
    {"hrandfield nokey x", "-ERR value is not an integer or out of range"},
    {"hrandfield one x", "-ERR value is not an integer or out of range"},
    {"hrandfield one x foo", "-ERR value is not an integer or out of range"},
    {"hrandfield one 1 foo", "-ERR syntax error"},
    {"hrandfield one 1 withvalues x", "-ERR syntax error"},
    {"hrandfield one -9223372036854775808",
     "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"},
    {"hrandfield one -9223372036854775807 withvalues", "-ERR value is out of range"},
    {"hrandfield one 9223372036854775807 withvalues", "-ERR value is out of range"},
    {"hrandfield one 9223372036854775807", "[\"a\"]"},
    {"hrandfield h 99 withvalues", "[\"b\", \"two\", \"c\", \"4\", \"d\", \"5\"]"},

    /* scanning */
    {"hscan h 0", "[\"0\", [\"b\", \"two\", \"c\", \"4\", \"d\", \"5\"]]"},
    {"hscan h 0 match b*", "[\"0\", [\"b\", \"two\"]]"},
    {"hscan h 0 match nothing*", "[\"0\", []]"},
    {"hscan h 0 count 1", "[\"0\", [\"b\", \"two\", \"c\", \"4\", \"d\", \"5\"]]"},
    {"hscan h 0 count 0", "-ERR syntax error"},
    {"hscan h 0 count x", "-ERR value is not an integer or out of range"},
    {"hscan h 0 match", "-ERR syntax error"},
    {"hscan h 0 type hash", "-ERR syntax error"},
    {"hscan h 0 foo bar", "-ERR syntax error"},
    {"hscan h x", "-ERR invalid cursor"},
    {"hscan h -1x", "-ERR invalid cursor"},
    {"hscan nokey x", "-ERR invalid cursor"},
    {"hscan nokey 0 foo", "[\"0\", []]"},
    {"hscan h 18446744073709551616", "-ERR invalid cursor"},

    {"%protocol 3", NULL},
    {"hgetall one", "{\"a\": \"1\"}"},
    {"hgetall nokey", "{}"},
    {"hmget one a b", "[\"1\", nil]"},
    {"hget one b", "nil"},
    {"hrandfield one", "\"a\""},
    {"hrandfield nokey", "nil"},
    {"hrandfield one 2 withvalues", "[[\"a\", \"1\"]]"},
    {"hrandfield one -2 withvalues", "[[\"a\", \"1\"], [\"a\", \"1\"]]"},
    {"hrandfield one 2", "[\"a\"]"},
    {"hkeys one", "[\"a\"]"},
    {"hvals one", "[\"1\"]"},
    {"hscan one 0", "[\"0\", [\"a\", \"1\"]]"},
    {"hincrbyfloat one a 1.5", "\"2.5\""},

    /* all kinds of bytes */
    {"hset bin \"\\x00\\r\\n\" \"\\xff\\x00\" \"\" \"\"", ":2"},
    {"hgetall bin", "{\"\\x00\\r\\n\": \"\\xff\\x00\", \"\": \"\"}"},
};

Test(map, commands_answer_as_redis_does) {
    RUN_CASES(command_cases);
}

static void add_fields(struct fixture *fixture, const char *key, int from, int to) {
    fixture_set_checks(fixture, false);
    for (int i = from; i < to; i++)
        fixture_format(fixture, "hset %s f%d %d", key, i, i);
    fixture_set_checks(fixture, true);
}

Test(map, large_maps_scan_from_their_end_by_positions) {
    struct fixture *fixture = fixture_create();
    add_fields(fixture, "h", 0, 600);
    cr_expect_str_eq(fixture_run(fixture, "hscan h 0 count 2"),
                     "[\"598\", [\"f599\", \"599\", \"f598\", \"598\"]]");
    cr_expect_str_eq(fixture_run(fixture, "hscan h 2 count 2"),
                     "[\"0\", [\"f1\", \"1\", \"f0\", \"0\"]]");
    cr_expect_str_eq(fixture_run(fixture, "hscan h 99999 count 1"),
                     "[\"599\", [\"f599\", \"599\"]]");
    cr_expect_str_eq(fixture_run(fixture, "hscan h 590 match f58* count 4"),
                     "[\"586\", [\"f589\", \"589\", \"f588\", \"588\", "
                     "\"f587\", \"587\", \"f586\", \"586\"]]");
    cr_expect_str_eq(fixture_run(fixture, "hdel h f0"), ":1"); /* f599 takes its place */
    cr_expect_str_eq(fixture_run(fixture, "hscan h 1"), "[\"0\", [\"f599\", \"599\"]]");
    fixture_destroy(fixture);
}

/* SAFETY 25: what one atomic unit deletes and adds again was there all the time. */
Test(map, a_field_deleted_and_added_in_one_group_keeps_its_position) {
    struct fixture *fixture = fixture_create();
    add_fields(fixture, "h", 0, 600);
    static const struct fixture_case cases[] = {
        {"%group", NULL},
        {"hdel h f1 f3", ":2"},
        {"hlen h", ":598"},
        {"hscan h 4 count 4", "[\"0\", [\"f2\", \"2\", \"f0\", \"0\"]]"},
        {"hset h f3 three", ":1"},
        {"hset h f1 one", ":1"},
        {"hdel h f0", ":1"},
        {"%end", NULL},
        {"hscan h 4 count 4",
         "[\"0\", [\"f3\", \"three\", \"f2\", \"2\", \"f1\", \"one\", \"f599\", \"599\"]]"},
        {"%group", NULL},
        {"hdel h f1", ":1"},
        {"set h x", "+OK"},
        {"%end", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *answer = fixture_run(fixture, cases[i].line);
        if (cases[i].answer != NULL) cr_expect_str_eq(answer, cases[i].answer, "%s", answer);
    }
    fixture_destroy(fixture);
}

/* How many of `count` picked words are among f0 … f<size-1>, counting each once if distinct. */
static uint32_t count_picks(const char *answer, uint32_t size, uint32_t *distinct) {
    bool *seen = memory_allocate_zeroed(size);
    uint32_t picks = 0;
    *distinct = 0;
    for (const char *at = strstr(answer, "\"f"); at != NULL; at = strstr(at + 1, "\"f")) {
        uint32_t number = (uint32_t)atoi(at + 2);
        cr_assert_lt(number, size);
        *distinct += !seen[number];
        seen[number] = true;
        picks++;
    }
    memory_release(seen);
    return picks;
}

Test(map, random_fields_are_distinct_or_as_many_as_asked) {
    static const struct {
        uint32_t size;
        int count;
        uint32_t picks;
    } cases[] = {{20, 5, 5},    {20, 19, 19},    {20, 20, 20},    {20, 30, 20},    {20, -30, 30},
                 {600, 10, 10}, {600, 500, 500}, {600, 600, 600}, {600, -700, 700}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture *fixture = fixture_create();
        fixture_format(fixture, "%%seed %zu", i + 1);
        add_fields(fixture, "h", 0, (int)cases[i].size);
        uint32_t distinct;
        const char *answer = fixture_format(fixture, "hrandfield h %d", cases[i].count);
        cr_expect_eq(count_picks(answer, cases[i].size, &distinct), cases[i].picks, "case %zu", i);
        if (cases[i].count > 0) cr_expect_eq(distinct, cases[i].picks, "case %zu", i);
        if (cases[i].count < 0) cr_expect_gt(distinct, cases[i].size / 3, "case %zu", i);
        fixture_destroy(fixture);
    }
}

Test(map, random_fields_stay_distinct_among_holes) {
    struct fixture *fixture = fixture_create();
    add_fields(fixture, "h", 0, 600);
    fixture_run(fixture, "%group");
    for (int i = 0; i < 580; i++)
        fixture_format(fixture, "hdel h f%d", i);
    uint32_t distinct;
    cr_expect_eq(count_picks(fixture_run(fixture, "hrandfield h 10"), 600, &distinct), 10);
    cr_expect_eq(distinct, 10);
    cr_expect_eq(count_picks(fixture_run(fixture, "hrandfield h 30"), 600, &distinct), 20);
    cr_expect_eq(count_picks(fixture_run(fixture, "hrandfield h -50"), 600, &distinct), 50);
    cr_expect_eq(count_picks(fixture_run(fixture, "hrandfield h"), 600, &distinct), 1);
    fixture_run(fixture, "%end");
    fixture_destroy(fixture);
}

Test(map, absurdly_many_repetitions_are_refused) {
    static const struct fixture_case cases[] = {
        {"hset h a 1", ":1"},
        {"hrandfield h -16777217", "-ERR value is out of range"},
        {"hrandfield h -9223372036854775807", "-ERR value is out of range"},
    };
    RUN_CASES(cases);
}
