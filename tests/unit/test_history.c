/* The judge of histories is judged: made-up histories, good ones and bad ones. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/simulator/history.h"

enum { ROWS_MAX = 12, UNKNOWN = -1 };

/* One single command: when it was asked and answered (UNKNOWN: never), and the answer. A record's
 * text is given by the tokens it consists of, last one first: 21 is 1 and then 2. */
struct row {
    uint32_t connection;
    int invoked, returned;
    enum history_call call;
    int64_t argument;
    int64_t result; /* NOTHING: null */
};
#define NOTHING INT64_MIN

static const struct {
    const char *name;
    bool good;
    struct row rows[ROWS_MAX];
} cases[] = {
    {"nothing happened", true, {{0}}},
    {"read what was written", true, {{1, 1, 2, HISTORY_SET, 1, 1}, {2, 3, 4, HISTORY_GET, 0, 1}}},
    {"a read during a write may see either, old",
     true,
     {{1, 1, 4, HISTORY_SET, 1, 1}, {2, 2, 3, HISTORY_GET, 0, NOTHING}}},
    {"a read during a write may see either, new",
     true,
     {{1, 1, 4, HISTORY_SET, 1, 1}, {2, 2, 3, HISTORY_GET, 0, 1}}},
    {"new, and then old again",
     false,
     {{1, 1, 9, HISTORY_SET, 1, 1},
      {2, 2, 3, HISTORY_GET, 0, 1},
      {3, 4, 5, HISTORY_GET, 0, NOTHING}}},
    {"a stale read",
     false,
     {{1, 1, 2, HISTORY_SET, 1, 1}, {1, 3, 4, HISTORY_SET, 2, 1}, {2, 5, 6, HISTORY_GET, 0, 1}}},
    {"an acknowledged write is lost",
     false,
     {{1, 1, 2, HISTORY_SET, 1, 1}, {2, 3, 4, HISTORY_GET, 0, NOTHING}}},
    {"a value that nobody has written", false, {{1, 1, 2, HISTORY_GET, 0, 7}}},
    {"an unknown write took effect, late",
     true,
     {{1, 1, UNKNOWN, HISTORY_SET, 1, 0},
      {2, 2, 3, HISTORY_GET, 0, NOTHING},
      {2, 4, 5, HISTORY_GET, 0, 1}}},
    {"an unknown write never took effect",
     true,
     {{1, 1, UNKNOWN, HISTORY_SET, 1, 0}, {2, 2, 3, HISTORY_GET, 0, NOTHING}}},
    {"an unknown write comes and goes",
     false,
     {{1, 1, UNKNOWN, HISTORY_SET, 1, 0},
      {2, 2, 3, HISTORY_GET, 0, 1},
      {2, 4, 5, HISTORY_GET, 0, NOTHING}}},
    {"an effect before the question",
     false,
     {{2, 1, 2, HISTORY_GET, 0, 1}, {1, 3, UNKNOWN, HISTORY_SET, 1, 0}}},
    {"two increments at once",
     true,
     {{1, 1, 4, HISTORY_INCRBY, 1, 1}, {2, 2, 3, HISTORY_INCRBY, 1, 2}}},
    {"an increment done twice",
     false,
     {{1, 1, 2, HISTORY_INCRBY, 1, 1}, {2, 3, 4, HISTORY_COUNT, 0, 2}}},
    {"an unknown increment done twice",
     false,
     {{1, 1, UNKNOWN, HISTORY_INCRBY, 1, 0}, {2, 3, 4, HISTORY_COUNT, 0, 2}}},
    {"two increments with one answer",
     false,
     {{1, 1, 4, HISTORY_INCRBY, 1, 1}, {2, 2, 3, HISTORY_INCRBY, 1, 1}}},
    {"a pipeline in order",
     true,
     {{1, 1, 7, HISTORY_SET, 1, 1}, {1, 2, 8, HISTORY_GET, 0, 1}, {1, 3, 9, HISTORY_SET, 2, 1}}},
    {"a read of a pipeline sees the write behind it",
     false,
     {{1, 1, 7, HISTORY_SET, 1, 1}, {1, 2, 8, HISTORY_GET, 0, 2}, {1, 3, 9, HISTORY_SET, 2, 1}}},
    {"a read of a pipeline misses the write before it",
     false,
     {{1, 1, 8, HISTORY_SET, 1, 1}, {1, 2, 9, HISTORY_GET, 0, NOTHING}}},
    {"the same from two connections is fine",
     true,
     {{1, 1, 8, HISTORY_SET, 1, 1}, {2, 2, 9, HISTORY_GET, 0, NOTHING}}},
    {"an unknown pipeline, its second write without its first",
     false,
     {{1, 1, UNKNOWN, HISTORY_INCRBY, 1, 0},
      {1, 2, UNKNOWN, HISTORY_INCRBY, 2, 0},
      {2, 3, 4, HISTORY_COUNT, 0, 2}}},
    {"order across keys: the list is pushed before the counter",
     false,
     {{1, 1, 8, HISTORY_LPUSH, 5, 1},
      {1, 2, 9, HISTORY_INCRBY, 1, 1},
      {2, 3, 4, HISTORY_COUNT, 0, 1},
      {2, 5, 6, HISTORY_LLEN, 0, 0}}},
    {"an element popped twice",
     false,
     {{1, 1, 2, HISTORY_LPUSH, 5, 1},
      {2, 3, 6, HISTORY_LPOP, 0, 5},
      {3, 4, 5, HISTORY_RPOP, 0, 5}}},
    {"an element pushed once and popped once",
     true,
     {{1, 1, 2, HISTORY_LPUSH, 5, 1},
      {2, 3, 6, HISTORY_LPOP, 0, 5},
      {3, 4, 5, HISTORY_RPOP, 0, NOTHING}}},
    {"both ends",
     true,
     {{1, 1, 2, HISTORY_LPUSH, 5, 1},
      {1, 3, 4, HISTORY_RPUSH, 6, 2},
      {2, 5, 6, HISTORY_RPOP, 0, 6},
      {2, 7, 8, HISTORY_LPOP, 0, 5}}},
    {"set if absent: one of two wins",
     true,
     {{1, 1, 4, HISTORY_SETNX, 1, NOTHING}, {2, 2, 3, HISTORY_SETNX, 2, 1}}},
    {"set if absent: both win",
     false,
     {{1, 1, 4, HISTORY_SETNX, 1, 1}, {2, 2, 3, HISTORY_SETNX, 2, 1}}},
    {"the old value of GETSET",
     true,
     {{1, 1, 2, HISTORY_SET, 1, 1}, {2, 3, 4, HISTORY_GETSET, 2, 1}, {1, 5, 6, HISTORY_GET, 0, 2}}},
    {"appended in order",
     true,
     {{1, 1, 2, HISTORY_SET, 1, 1},
      {1, 3, 4, HISTORY_APPEND, 2, 6},
      {2, 5, 6, HISTORY_GET, 0, 21}}},
    {"deleted, and back again",
     false,
     {{1, 1, 2, HISTORY_SET, 1, 1}, {1, 3, 4, HISTORY_DEL, 0, 1}, {2, 5, 6, HISTORY_GET, 0, 1}}},
};

static uint64_t text_of(int64_t tokens) {
    uint64_t text = HISTORY_EMPTY;
    char token[HISTORY_TOKEN_SIZE];
    for (; tokens > 0; tokens /= 10)
        text = history_text(text, history_token(tokens % 10, token));
    return text;
}

static struct history_operation operation_of(const struct row *row) {
    struct history_operation operation = {
        .connection = row->connection,
        .invoked = (uint64_t)row->invoked,
        .returned = row->returned == UNKNOWN ? HISTORY_UNKNOWN : (uint64_t)row->returned,
        .count = 1,
        .commands[0] = {.call = row->call, .argument = row->argument}};
    bool is_text = row->call == HISTORY_GET || row->call == HISTORY_GETSET;
    operation.commands[0].result.null = row->result == NOTHING;
    operation.commands[0].result.value = is_text ? text_of(row->result) : (uint64_t)row->result;
    return operation;
}

Test(history, tells_good_ones_from_bad_ones) {
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct history_operation operations[ROWS_MAX];
        uint32_t count = 0;
        while (count < ROWS_MAX && cases[i].rows[count].invoked != 0) {
            operations[count] = operation_of(&cases[i].rows[count]);
            count++;
        }
        uint64_t configurations;
        enum history_verdict verdict = history_check(operations, count, 1000, &configurations);
        cr_expect_eq(verdict, cases[i].good ? HISTORY_LINEARIZABLE : HISTORY_VIOLATED, "%s",
                     cases[i].name);
    }
}

/* MULTI: x = GET, INCR in one; nobody comes between. */
Test(history, a_group_happens_at_one_moment) {
    struct history_operation operations[] = {
        {.connection = 1,
         .invoked = 1,
         .returned = 8,
         .count = 2,
         .commands = {{HISTORY_INCRBY, 1, {.value = 1}}, {HISTORY_INCRBY, 1, {.value = 2}}}},
        {.connection = 2,
         .invoked = 2,
         .returned = 7,
         .count = 1,
         .commands = {{HISTORY_COUNT, 0, {.value = 2}}}},
    };
    uint64_t configurations;
    cr_expect_eq(history_check(operations, 2, 1000, &configurations), HISTORY_LINEARIZABLE);
    operations[1].commands[0].result.value = 1;
    cr_expect_eq(history_check(operations, 2, 1000, &configurations), HISTORY_VIOLATED);
    operations[0].returned = HISTORY_UNKNOWN;
    cr_expect_eq(history_check(operations, 2, 1000, &configurations), HISTORY_VIOLATED);
}

/* A queue that each of many takes from at once: any order of the answers will do, but each element
 * is taken by one. */
Test(history, a_large_one_is_decided) {
    enum { COUNT = 60 };
    struct history_operation operations[2 * COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        operations[i] =
            (struct history_operation){.connection = 1,
                                       .invoked = 2 * i + 1,
                                       .returned = 2 * i + 2,
                                       .count = 1,
                                       .commands = {{HISTORY_RPUSH, i, {.value = i + 1}}}};
        operations[COUNT + i] =
            (struct history_operation){.connection = 2 + i % 4,
                                       .invoked = 1000 + 8 * (i / 4) + i % 4,
                                       .returned = 1004 + 8 * (i / 4) + i % 4,
                                       .count = 1,
                                       .commands = {{HISTORY_LPOP, 0, {.value = i ^ 3}}}};
    }
    uint64_t configurations;
    cr_expect_eq(history_check(operations, 2 * COUNT, 100000, &configurations),
                 HISTORY_LINEARIZABLE);
    operations[2 * COUNT - 1].commands[0].result.value = 7;
    cr_expect_eq(history_check(operations, 2 * COUNT, 100000, &configurations), HISTORY_VIOLATED);
    cr_expect_eq(history_check(operations, 2 * COUNT, 10, &configurations), HISTORY_UNDECIDED);
}

Test(history, tokens_and_their_texts) {
    char text[HISTORY_TOKEN_SIZE];
    cr_expect_eq(history_token_of(history_token(0, text)), 0);
    cr_expect_eq(history_token_of(history_token(1234567, text)), 1234567);
    cr_expect_eq(history_token_of(BYTES("v12")), -1);
    cr_expect_eq(history_token_of(BYTES("12.")), -1);
    cr_expect_eq(history_token_of(BYTES("v1.v2.")), -1);
}
