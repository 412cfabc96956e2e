/* Sets: the two forms beside a plain model, and the commands' answers, taken from Redis 7.0.15. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "storages/set.h"
#include "tests/unit/storages_fixture.h"

/* --- the module ------------------------------------------------------------------------------ */

enum { MEMBERS_MAX = 200 };

struct model {
    int64_t members[MEMBERS_MAX];
    uint32_t count;
    bool sorted; /* while the set is a list of integers */
};

static uint32_t model_find(const struct model *model, int64_t member) {
    uint32_t at = 0;
    while (at < model->count && model->members[at] != member)
        at++;
    return at;
}

static void model_add(struct model *model, int64_t member) {
    uint32_t at = model->count++;
    for (; model->sorted && at > 0 && model->members[at - 1] > member; at--)
        model->members[at] = model->members[at - 1];
    model->members[at] = member;
}

static void model_remove(struct model *model, uint32_t at) {
    model->count--;
    if (model->sorted) {
        memmove(&model->members[at], &model->members[at + 1],
                (model->count - at) * sizeof(model->members[0]));
    } else {
        model->members[at] = model->members[model->count];
    }
}

static struct bytes text_of(int64_t number, char text[NUMBER_TEXT_MAX]) {
    return bytes_of(text, number_print_i64(text, number));
}

static void expect_same(const struct set *set, const struct model *model) {
    set_check(set);
    cr_assert_eq(set_size(set), model->count);
    cr_assert_eq(set_is_integers(set), model->sorted);
    for (uint32_t i = 0; i < model->count; i++) {
        char expected[NUMBER_TEXT_MAX], scratch[NUMBER_TEXT_MAX];
        struct bytes member;
        cr_assert(set_at(set, i, &member, scratch));
        cr_assert(bytes_equal(member, text_of(model->members[i], expected)));
    }
}

/* 200 numbers, of all widths. */
static int64_t random_member(struct random *random) {
    int64_t number = (int64_t)random_below(random, MEMBERS_MAX) - MEMBERS_MAX / 2;
    return number * (int64_t)((uint64_t)1 << (number & 3) * 15);
}

static void random_step(struct set *set, struct model *model, struct random *random,
                        int64_t integers_max) {
    char text[NUMBER_TEXT_MAX];
    int64_t number = random_member(random);
    struct bytes member = text_of(number, text);
    uint32_t at = model_find(model, number);
    bool present = at < model->count;
    cr_assert_eq(set_has(set, member), present);
    if (random_below(random, 3) > 0) {
        cr_assert_eq(set_add(set, member, integers_max), !present);
        if (!present) model_add(model, number);
        if (model->count > integers_max) model->sorted = false;
    } else {
        cr_assert_eq(set_remove(set, member, false), present);
        if (present) model_remove(model, at);
    }
}

Test(set, agrees_with_a_model_in_both_forms) {
    static const int64_t limits[] = {512, 60, 0};
    for (uint64_t seed = 0; seed < 9; seed++) {
        struct random random;
        random_init(&random, seed);
        struct set *set = set_create(seed * 77);
        struct model *model = memory_allocate_zeroed(sizeof(*model));
        model->sorted = true;
        for (int step = 0; step < 600; step++) {
            random_step(set, model, &random, limits[seed % COUNT_OF(limits)]);
            if (step % 16 == 0) expect_same(set, model);
        }
        expect_same(set, model);
        struct set *copy = set_copy(set);
        expect_same(copy, model);
        cr_expect_eq(set_class.digest(copy), set_class.digest(set));
        cr_expect_gt(set_class.memory(set), 0);
        uint64_t budget = 7, pieces = 1;
        for (; !set_class.destroy_some(copy, &budget); pieces++)
            budget = 7;
        cr_expect_eq(pieces > 1, !model->sorted && model->count > 7);
        set_destroy(set);
        memory_release(model);
    }
}

Test(set, a_word_turns_integers_into_a_table_in_their_order) {
    struct set *set = set_create(5);
    static const char *const members[] = {"30", "-1", "7", "word", "5"};
    for (size_t i = 0; i < COUNT_OF(members); i++)
        cr_expect(set_add(set, bytes_of_text(members[i]), 512));
    static const char *const expected[] = {"-1", "7", "30", "word", "5"};
    for (uint32_t i = 0; i < COUNT_OF(expected); i++) {
        struct bytes member;
        char scratch[NUMBER_TEXT_MAX];
        cr_assert(set_at(set, i, &member, scratch));
        cr_expect(bytes_equal(member, bytes_of_text(expected[i])), "position %u", i);
    }
    cr_expect_not(set_is_integers(set));
    set_check(set);
    set_destroy(set);
}

/* --- the commands ---------------------------------------------------------------------------- */

static const struct fixture_case command_cases[] = {
    /* adding, reading */
    {"sadd s 3 1 2", ":3"},
    {"sadd s 3 4 4", ":1"},
    {"smembers s", "[\"1\", \"2\", \"3\", \"4\"]"},
    {"scard s", ":4"},
    {"scard nokey", ":0"},
    {"sismember s 1", ":1"},
    {"sismember s 01", ":0"},
    {"sismember s 9", ":0"},
    {"sismember nokey 1", ":0"},
    {"smismember s 1 9 2", "[:1, :0, :1]"},
    {"smismember nokey 1 2", "[:0, :0]"},
    {"smembers nokey", "[]"},
    {"object encoding s", "\"intset\""},
    {"sadd s word", ":1"},
    {"object encoding s", "\"hashtable\""},
    {"sadd single x", ":1"},
    {"smembers single", "[\"x\"]"},
    {"type s", "+set"},

    /* integers of all widths keep their order */
    {"sadd i 70000 -70000 5 9223372036854775807 -9223372036854775808 -1 32767 32768 2147483648",
     ":9"},
    {"smembers i", "[\"-9223372036854775808\", \"-70000\", \"-1\", \"5\", \"32767\", \"32768\", "
                   "\"70000\", \"2147483648\", \"9223372036854775807\"]"},
    {"srem i 5 70000", ":2"},
    {"smembers i", "[\"-9223372036854775808\", \"-70000\", \"-1\", \"32767\", \"32768\", "
                   "\"2147483648\", \"9223372036854775807\"]"},
    {"sismember i 9223372036854775807", ":1"},
    {"sadd text 07 +1", ":2"},
    {"sismember text 7", ":0"},

    /* arity and types */
    {"sadd s", "-ERR wrong number of arguments for 'sadd' command"},
    {"smismember s", "-ERR wrong number of arguments for 'smismember' command"},
    {"set str x", "+OK"},
    {"sadd str a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"srem str a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"smembers str", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"scard str", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"sismember str a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"smismember str a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"spop str", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"spop str 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"srandmember str", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"srandmember str 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"sscan str 0", "-WRONGTYPE Operation against a key holding the wrong kind of value"},

    /* removing */
    {"srem s nope", ":0"},
    {"srem s 1 nope 2", ":2"},
    {"srem s 3 4 word 5", ":3"},
    {"exists s", ":0"},
    {"srem nokey a", ":0"},

    /* moving */
    {"sadd from a b", ":2"},
    {"sadd to c", ":1"},
    {"smove from to a", ":1"},
    {"sismember to a", ":1"},
    {"sismember from a", ":0"},
    {"smove from to nope", ":0"},
    {"smove nokey to a", ":0"},
    {"smove nokey str a", ":0"},
    {"smove from str b", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"smove str to b", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"smove from from b", ":1"},
    {"smove from from nope", ":0"},
    {"smove from new b", ":1"},
    {"exists from", ":0"},
    {"smembers new", "[\"b\"]"},

    /* popping: what does not depend on chance */
    {"sadd p 1", ":1"},
    {"spop p", "\"1\""},
    {"exists p", ":0"},
    {"sadd p 1 2 3", ":3"},
    {"spop p 3", "[\"1\", \"2\", \"3\"]"},
    {"exists p", ":0"},
    {"sadd p 1 2", ":2"},
    {"spop p 99", "[\"1\", \"2\"]"},
    {"sadd p 1 2", ":2"},
    {"spop p 0", "[]"},
    {"spop p -1", "-ERR value is out of range, must be positive"},
    {"spop p x", "-ERR value is out of range, must be positive"},
    {"spop p 1 2", "-ERR syntax error"},
    {"spop nokey", "nil"},
    {"spop nokey 2", "[]"},
    {"spop nokey -1", "-ERR value is out of range, must be positive"},
    {"spop nokey 0", "[]"},
    {"spop nokey 1 2", "-ERR syntax error"},
    {"sadd p 3", ":1"},

    /* choosing at random */
    {"srandmember single", "\"x\""},
    {"srandmember single 5", "[\"x\"]"},
    {"srandmember single -3", "[\"x\", \"x\", \"x\"]"},
    {"srandmember single 0", "[]"},
    {"srandmember nokey", "nil"},
    {"srandmember nokey 2", "[]"},
    {"srandmember single x", "-ERR value is not an integer or out of range"},
    {"srandmember single -9223372036854775808",
     "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"},
    {"srandmember single 9223372036854775807", "[\"x\"]"},
    {"srandmember single 1 2", "-ERR syntax error"},
    {"srandmember p 3", "[\"1\", \"2\", \"3\"]"},

    /* scanning */
    {"sscan p 0", "[\"0\", [\"1\", \"2\", \"3\"]]"},
    {"sscan p 0 match 2", "[\"0\", [\"2\"]]"},
    {"sscan p 0 count 1", "[\"0\", [\"1\", \"2\", \"3\"]]"},
    {"sscan p 0 count 0", "-ERR syntax error"},
    {"sscan p 0 count x", "-ERR value is not an integer or out of range"},
    {"sscan p 0 match", "-ERR syntax error"},
    {"sscan p 0 type set", "-ERR syntax error"},
    {"sscan p x", "-ERR invalid cursor"},
    {"sscan nokey x", "-ERR invalid cursor"},
    {"sscan nokey 0 foo", "[\"0\", []]"},

    {"%protocol 3", NULL},
    {"smembers p", "~[\"1\", \"2\", \"3\"]"},
    {"smembers nokey", "~[]"},
    {"spop nokey", "nil"},
    {"spop nokey 2", "~[]"},
    {"srandmember nokey", "nil"},
    {"srandmember nokey 2", "[]"},
    {"srandmember p 3", "[\"1\", \"2\", \"3\"]"},
    {"smismember p 1 9", "[:1, :0]"},
    {"sismember p 1", ":1"},
    {"sscan p 0", "[\"0\", [\"1\", \"2\", \"3\"]]"},
    {"spop p 3", "~[\"1\", \"2\", \"3\"]"},
    {"sadd p 1 2", ":2"},
    {"spop p 0", "~[]"},
};

Test(set, commands_answer_as_redis_does) {
    RUN_CASES(command_cases);
}

static const struct fixture_case algebra_cases[] = {
    {"sadd a 1 2 3 4 5", ":5"},
    {"sadd b 2 4 6", ":3"},
    {"sadd c 4 5 6 x", ":4"},
    {"sadd d 7", ":1"},
    {"set str v", "+OK"},
    {"sinter a b", "[\"2\", \"4\"]"},
    {"sinter a b c", "[\"4\"]"},
    {"sinter a", "[\"1\", \"2\", \"3\", \"4\", \"5\"]"},
    {"sinter a d", "[]"},
    {"sinter a nokey", "[]"},
    {"sinter nokey nokey", "[]"},
    {"sinter a str", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"sinter nokey str", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"sinter str a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"sunion a b", "[\"1\", \"2\", \"3\", \"4\", \"5\", \"6\"]"},
    {"sunion b d nokey", "[\"2\", \"4\", \"6\", \"7\"]"},
    {"sunion nokey", "[]"},
    {"sunion nokey other", "[]"},
    {"sunion a str", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"sdiff a b", "[\"1\", \"3\", \"5\"]"},
    {"sdiff a b c", "[\"1\", \"3\"]"},
    {"sdiff a", "[\"1\", \"2\", \"3\", \"4\", \"5\"]"},
    {"sdiff a a", "[]"},
    {"sdiff nokey a", "[]"},
    {"sdiff nokey str", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"sdiff c a", "[\"6\", \"x\"]"},
    {"sinter", "-ERR wrong number of arguments for 'sinter' command"},
    {"sinterstore", "-ERR wrong number of arguments for 'sinterstore' command"},

    /* storing */
    {"sinterstore to a b", ":2"},
    {"smembers to", "[\"2\", \"4\"]"},
    {"sinterstore to a d", ":0"},
    {"exists to", ":0"},
    {"sinterstore to a nokey", ":0"},
    {"sinterstore a a b", ":2"},
    {"smembers a", "[\"2\", \"4\"]"},
    {"sadd a 1 3 5", ":3"},
    {"sunionstore to a d", ":6"},
    {"smembers to", "[\"1\", \"2\", \"3\", \"4\", \"5\", \"7\"]"},
    {"sunionstore to nokey", ":0"},
    {"exists to", ":0"},
    {"sdiffstore to a b", ":3"},
    {"smembers to", "[\"1\", \"3\", \"5\"]"},
    {"sdiffstore str a b", ":3"},
    {"type str", "+set"},
    {"set str v", "+OK"},
    {"sunionstore to a str", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"exists to", ":1"},
    {"sdiffstore to a nokey", ":5"},
    {"scard to", ":5"},
    {"sinterstore str nokey a", ":0"},
    {"exists str", ":0"},
    {"object encoding to", "\"intset\""},
    {"sunionstore to c d", ":5"},
    {"scard to", ":5"},
    {"sismember to 7", ":1"},
    {"sismember to x", ":1"},
    {"object encoding to", "\"hashtable\""},

    /* counting */
    {"sintercard 2 a b", ":2"},
    {"sintercard 1 a", ":5"},
    {"sintercard 2 a b limit 1", ":1"},
    {"sintercard 2 a b limit 0", ":2"},
    {"sintercard 2 a b LIMIT 9", ":2"},
    {"sintercard 2 a nokey", ":0"},
    {"sintercard 0 a", "-ERR numkeys should be greater than 0"},
    {"sintercard -1 a", "-ERR numkeys should be greater than 0"},
    {"sintercard x a", "-ERR numkeys should be greater than 0"},
    {"sintercard 3 a b", "-ERR Number of keys can't be greater than number of args"},
    {"sintercard 1 a b", "-ERR syntax error"},
    {"sintercard 2 a b limit", "-ERR syntax error"},
    {"sintercard 2 a b limit -1", "-ERR LIMIT can't be negative"},
    {"sintercard 2 a b limit x", "-ERR LIMIT can't be negative"},
    {"sintercard 2 a b foo 1", "-ERR syntax error"},
    {"sintercard 2 a b limit 1 limit 2", ":2"},
    {"set str v", "+OK"},
    {"sintercard 2 nokey str",
     "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"sintercard 1", "-ERR wrong number of arguments for 'sintercard' command"},

    {"%protocol 3", NULL},
    {"sinter a b", "~[\"2\", \"4\"]"},
    {"sinter a nokey", "~[]"},
    {"sunion a b", "~[\"1\", \"2\", \"3\", \"4\", \"5\", \"6\"]"},
    {"sunion nokey", "~[]"},
    {"sdiff a b", "~[\"1\", \"3\", \"5\"]"},
    {"sdiff nokey", "~[]"},
};

Test(set, algebra_answers_as_redis_does) {
    RUN_CASES(algebra_cases);
}

Test(set, algebra_of_words_keeps_the_order_of_adding) {
    static const struct fixture_case cases[] = {
        {"sadd a x c b a", ":4"},
        {"sadd b a b x z", ":4"},
        {"sinter a b", "[\"x\", \"b\", \"a\"]"},
        {"sunion b a", "[\"a\", \"b\", \"x\", \"z\", \"c\"]"},
        {"sdiff a b", "[\"c\"]"},
        {"sunionstore a a b", ":5"},
        {"smembers a", "[\"x\", \"c\", \"b\", \"a\", \"z\"]"},
    };
    RUN_CASES(cases);
}

static void add_members(struct fixture *fixture, const char *key, int from, int to) {
    fixture_set_checks(fixture, false);
    for (int i = from; i < to; i++)
        fixture_format(fixture, "sadd %s m%d", key, i);
    fixture_set_checks(fixture, true);
}

Test(set, tables_scan_from_their_end_and_integers_answer_whole) {
    struct fixture *fixture = fixture_create();
    add_members(fixture, "s", 0, 30);
    static const struct fixture_case cases[] = {
        {"sscan s 0 count 3", "[\"27\", [\"m29\", \"m28\", \"m27\"]]"},
        {"sscan s 2 count 3", "[\"0\", [\"m1\", \"m0\"]]"},
        {"sscan s 27 match m1? count 10", "[\"17\", [\"m19\", \"m18\", \"m17\"]]"},
        {"srem s m0", ":1"}, /* m29 takes its place */
        {"sscan s 1 count 3", "[\"0\", [\"m29\"]]"},
        {"sadd i 1 2 3", ":3"},
        {"sscan i 2 count 1", "[\"0\", [\"1\", \"2\", \"3\"]]"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cr_expect_str_eq(fixture_run(fixture, cases[i].line), cases[i].answer);
    fixture_destroy(fixture);
}

/* SAFETY 25: what one atomic unit removes and adds again was there all the time. */
Test(set, a_member_removed_and_added_in_one_group_keeps_its_position) {
    struct fixture *fixture = fixture_create();
    add_members(fixture, "s", 0, 10);
    static const struct fixture_case cases[] = {
        {"%group", NULL},
        {"srem s m1 m3", ":2"},
        {"smove s other m0", ":1"},
        {"sadd s m3", ":1"},
        {"smove other s m0", ":1"},
        {"sadd s m1", ":1"},
        {"srem s m2", ":1"},
        {"%end", NULL},
        {"sscan s 4 count 4", "[\"0\", [\"m3\", \"m9\", \"m1\", \"m0\"]]"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *answer = fixture_run(fixture, cases[i].line);
        if (cases[i].answer != NULL) cr_expect_str_eq(answer, cases[i].answer, "%s", answer);
    }
    fixture_destroy(fixture);
}

/* Counts the members in an answer; each must be one of m0 … m<size-1>, none twice if `distinct`. */
static uint32_t count_picks(const char *answer, uint32_t size, bool distinct) {
    bool *seen = memory_allocate_zeroed(size);
    uint32_t picks = 0;
    for (const char *at = strstr(answer, "\"m"); at != NULL; at = strstr(at + 1, "\"m")) {
        uint32_t number = (uint32_t)atoi(at + 2);
        cr_assert_lt(number, size);
        cr_assert_not(distinct && seen[number], "m%u twice", number);
        seen[number] = true;
        picks++;
    }
    memory_release(seen);
    return picks;
}

Test(set, random_members_are_distinct_or_as_many_as_asked) {
    static const int counts[] = {1, 5, 33, 60, 99, 100, 150, -1, -150};
    struct fixture *fixture = fixture_create();
    add_members(fixture, "s", 0, 100);
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        int count = counts[i];
        fixture_format(fixture, "%%seed %zu", i + 1);
        uint32_t expected = (uint32_t)(count < 0 ? -count : count > 100 ? 100 : count);
        const char *answer = fixture_format(fixture, "srandmember s %d", count);
        cr_expect_eq(count_picks(answer, 100, count > 0), expected, "count %d", count);
    }
    fixture_destroy(fixture);
}

Test(set, popping_takes_distinct_members_alone_and_in_groups) {
    static const char *const groups[][2] = {{"%seed 3", "%seed 4"}, {"%group", "%end"}};
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        struct fixture *fixture = fixture_create();
        add_members(fixture, "s", 0, 100);
        fixture_run(fixture, groups[i][0]);
        bool gone[100] = {false};
        for (int left = 100; left > 0;) {
            fixture_format(fixture, "%%seed %d", left);
            const char *answer = fixture_run(fixture, left % 7 == 0 ? "spop s" : "spop s 3");
            left -= (int)count_picks(answer, 100, true);
            for (const char *at = strstr(answer, "\"m"); at != NULL; at = strstr(at + 1, "\"m")) {
                int number = atoi(at + 2);
                cr_assert_not(gone[number], "m%d popped twice", number);
                gone[number] = true;
            }
            char expected[32];
            snprintf(expected, sizeof(expected), ":%d", left);
            cr_assert_str_eq(fixture_run(fixture, "scard s"), expected);
        }
        fixture_run(fixture, groups[i][1]);
        cr_expect_str_eq(fixture_run(fixture, "spop s"), "nil");
        fixture_destroy(fixture);
    }
}

Test(set, every_member_is_popped_about_equally_often) {
    uint32_t popped[10] = {0};
    struct fixture *fixture = fixture_create();
    for (int round = 0; round < 2000; round++) {
        add_members(fixture, "s", 0, 10);
        fixture_set_checks(fixture, false);
        fixture_format(fixture, "%%seed %d", round);
        popped[atoi(fixture_run(fixture, "spop s") + 2)]++;
        fixture_run(fixture, "spop s 99");
    }
    for (size_t i = 0; i < COUNT_OF(popped); i++) /* 200 expected, deviation 13 */
        cr_expect(popped[i] > 130 && popped[i] < 270, "m%zu: %u", i, popped[i]);
    fixture_destroy(fixture);
}

Test(set, absurdly_many_repetitions_are_refused) {
    static const struct fixture_case cases[] = {
        {"sadd s a", ":1"},
        {"srandmember s -16777217", "-ERR value is out of range"},
    };
    RUN_CASES(cases);
}

/* --- SAFETY 25 as a property ------------------------------------------------------------------ */

enum { SCANNED_MAX = 300 };

struct scanned {
    struct fixture *fixture;
    struct random random;
    bool present[SCANNED_MAX]; /* now, perhaps within a group */
    bool stays[SCANNED_MAX];   /* since the scan began, at each end of a unit */
    bool seen[SCANNED_MAX];
};

static void toggle_member(struct scanned *scanned, int member) {
    bool *present = &scanned->present[member];
    const char *command = *present ? "srem" : "sadd";
    const char *answer = fixture_format(scanned->fixture, "%s s m%d", command, member);
    cr_assert_str_eq(answer, ":1");
    *present = !*present;
}

static void end_unit(struct scanned *scanned) {
    for (int i = 0; i < SCANNED_MAX; i++)
        scanned->stays[i] &= scanned->present[i];
}

static int any_member(struct scanned *scanned) {
    return (int)random_below(&scanned->random, SCANNED_MAX);
}

/* A few changes, alone or as a group; a group likes to take out and put back. */
static void change_members(struct scanned *scanned) {
    bool group = random_below(&scanned->random, 2) == 0;
    if (group) fixture_run(scanned->fixture, "%group");
    int members[6];
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        members[i] = any_member(scanned);
        toggle_member(scanned, members[i]);
        if (!group) end_unit(scanned);
    }
    for (size_t i = COUNT_OF(members); group && i-- > 0;) {
        if (random_below(&scanned->random, 4) > 0) toggle_member(scanned, members[i]);
    }
    if (group) fixture_run(scanned->fixture, "%end");
    end_unit(scanned);
}

/* One step of the scan; returns the next cursor. */
static long scan_members(struct scanned *scanned, long cursor) {
    const char *answer = fixture_format(scanned->fixture, "sscan s %ld count 7", cursor);
    for (const char *at = strstr(answer, "\"m"); at != NULL; at = strstr(at + 1, "\"m"))
        scanned->seen[atoi(at + 2)] = true;
    return atol(answer + 2);
}

Test(set, a_scan_meets_every_member_that_stays) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct scanned scanned = {.fixture = fixture_create()};
        random_init(&scanned.random, seed);
        fixture_set_checks(scanned.fixture, false);
        for (int i = 0; i < SCANNED_MAX; i += 1 + (int)(seed % 2))
            toggle_member(&scanned, i);
        memcpy(scanned.stays, scanned.present, sizeof(scanned.stays));
        long cursor = 0;
        do {
            cursor = scan_members(&scanned, cursor);
            change_members(&scanned);
        } while (cursor != 0);
        fixture_set_checks(scanned.fixture, true);
        fixture_run(scanned.fixture, "scard s");
        uint32_t stayed = 0;
        for (int i = 0; i < SCANNED_MAX; i++) {
            cr_expect(scanned.seen[i] || !scanned.stays[i], "seed %lu: m%d is missed", seed, i);
            stayed += scanned.stays[i];
        }
        cr_expect_gt(stayed, 20, "seed %lu: the scan had little to meet", seed);
        fixture_destroy(scanned.fixture);
    }
}
