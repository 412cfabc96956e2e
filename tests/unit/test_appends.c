/* The judge of transactions over lists is judged: made-up ones, good and bad. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/simulator/appends.h"

/* A line is a transaction: its connection, when it began and when it was answered (?: never, !:
 * refused), then its commands: "a0" appends to list 0, "a0=2" and the list was 2 long, "r0=1,2"
 * read it. The tokens are numbered 0, 1, 2, … in the order of the lines. */
enum { LINES_MAX = 6 };

static const struct {
    const char *name;
    bool good;
    const char *lines[LINES_MAX];
} cases[] = {
    {"nothing happened", true, {NULL}},
    {"one after the other", true, {"1 1 2 a0=1", "1 3 4 a0=2", "2 5 6 r0=0,1"}},
    {"an append is lost", false, {"1 1 2 a0=1", "2 3 4 r0="}},
    {"an append that is told its place and is elsewhere",
     false,
     {"1 1 2 a0=2", "1 3 4 a0=1", "2 5 6 r0=0,1"}},
    {"two orders", false, {"1 1 9 a0=1", "2 1 9 a0=2", "3 2 3 r0=0,1", "4 2 3 r0=1,0"}},
    {"one reads less", true, {"1 1 9 a0=1", "2 1 9 a0=2", "3 2 3 r0=0,1", "4 2 3 r0=0"}},
    {"first more, then less", false, {"1 1 9 a0=1", "3 2 3 r0=0", "4 4 5 r0="}},
    {"an element twice", false, {"1 1 2 a0=1", "2 3 4 r0=0,0"}},
    {"an element of another list", false, {"1 1 2 a0=1", "2 3 4 r1=0"}},
    {"an element of nobody", false, {"1 1 2 a0=1", "2 3 4 r0=0,7"}},
    {"all of a transaction", true, {"1 1 4 a0=1 a1=1", "2 2 3 r0=0 r1=1"}},
    {"none of it", true, {"1 1 4 a0=1 a1=1", "2 2 3 r0= r1="}},
    {"half of it", false, {"1 1 4 a0=1 a1=1", "2 2 3 r0=0 r1=", "2 5 6 r1=1"}},
    {"half of it, and nobody looks again", false, {"1 1 4 a0=1 a1=1", "2 2 3 r0=0 r1="}},
    {"the other half", false, {"1 1 4 a0=1 a1=1", "2 2 3 r0= r1=1", "2 5 6 r0=0"}},
    {"half, in two reads", true, {"1 1 8 a0=1 a1=1", "2 2 3 r1=", "2 4 5 r0=0", "2 6 7 r1=1"}},
    {"an unknown one happened", true, {"1 1 ? a0 a1", "2 2 3 r0=0 r1=1"}},
    {"an unknown one never happened", true, {"1 1 ? a0 a1", "2 2 3 r0= r1="}},
    {"half of an unknown one", false, {"1 1 ? a0 a1", "2 2 3 r0=0 r1="}},
    {"an unknown one, late", true, {"1 1 ? a0 a1", "2 2 3 r0= r1=", "2 4 5 r0=0 r1=1"}},
    {"an unknown one before it began", false, {"2 1 2 r0=0", "1 3 ? a0"}},
    {"a refused one happened", false, {"1 1 ! a0", "2 2 3 r0=0"}},
    {"a refused one did not", true, {"1 1 ! a0", "2 2 3 r0="}},
    {"two lists, two orders of the same two",
     false,
     {"1 1 9 a0=1 a1=2", "2 1 9 a0=2 a1=1", "3 10 11 r0=0,2 r1=3,1"}},
    {"each reads what the other has not yet appended",
     false,
     {"1 1 9 r0= a1=1", "2 1 9 r1= a0=1", "3 10 11 r0=1 r1=0"}},
    {"one of them reads it", true, {"1 1 9 r0= a1=1", "2 1 9 r1=0 a0=1", "3 10 11 r0=1 r1=0"}},
    {"against real time", false, {"1 1 2 a0=2", "2 3 4 a0=1", "3 5 6 r0=1,0"}},
    {"a circle of three and real time",
     false,
     {"1 1 9 r0= a1=1", "2 2 3 a0=1", "3 4 5 r0=1 r1=", "4 10 11 r0=1 r1=0"}},
    {"against the connection's order", false, {"1 1 9 a0=2", "1 2 9 a0=1", "3 10 11 r0=1,0"}},
    {"the same of two connections", true, {"1 1 9 a0=2", "2 2 9 a0=1", "3 10 11 r0=1,0"}},
    {"an unknown one against its connection's order",
     false,
     {"1 1 ? a0", "1 2 ? a0", "3 3 4 r0=1,0"}},
    {"it sees its own", true, {"1 1 2 r0= a0=1 r0=0 a0=2 r0=0,1"}},
    {"it does not see its own", false, {"1 1 2 a0=1 r0=", "1 3 4 r0=0"}},
    {"it sees its own before", false, {"1 1 2 r0=0 a0=1"}},
    {"somebody comes between", false, {"1 1 9 a0=1 a0=3", "2 2 8 a0=2", "3 10 11 r0=0,2,1"}},
    {"a read in two halves", false, {"1 1 9 r0= r0=0", "2 2 8 a0=1"}},
};

/* Enters the commands of one line, then their results. */
static void enter(struct appends *appends, const char *line) {
    unsigned connection, invoked;
    char returned[8];
    int at;
    cr_assert_eq(sscanf(line, "%u %u %7s%n", &connection, &invoked, returned, &at), 3);
    uint32_t transaction = appends_begin(appends, connection, invoked * 10 + connection);
    for (const char *word = strchr(line + at, ' '); word != NULL; word = strchr(word + 1, ' ')) {
        uint32_t key = (uint32_t)(word[2] - '0');
        if (word[1] == 'a') {
            (void)appends_append(appends, transaction, key);
        } else {
            appends_read(appends, transaction, key);
        }
    }
    if (returned[0] == '!') appends_refused(appends, transaction);
    if (returned[0] == '!' || returned[0] == '?') return;
    appends_done(appends, transaction, (uint64_t)strtoul(returned, NULL, 10) * 10 + connection);
    uint32_t command = 0;
    for (const char *word = strchr(line + at, ' '); word != NULL; word = strchr(word + 1, ' ')) {
        char *end = strchr(word, '=') + 1;
        if (word[1] == 'a') appends_length(appends, transaction, command, strtoul(end, &end, 10));
        while (word[1] == 'r' && *end >= '0' && *end <= '9') {
            appends_element(appends, transaction, command, (uint32_t)strtoul(end, &end, 10));
            end += *end == ',';
        }
        command++;
    }
}

Test(appends, tells_good_ones_from_bad_ones) {
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct appends *appends = appends_create();
        for (size_t k = 0; k < LINES_MAX && cases[i].lines[k] != NULL; k++)
            enter(appends, cases[i].lines[k]);
        char problem[256] = "";
        cr_expect_eq(appends_are_serializable(appends, problem, sizeof(problem)), cases[i].good,
                     "%s: %s", cases[i].name, problem);
        cr_expect_eq(problem[0] == 0, cases[i].good, "%s: it says why", cases[i].name);
        appends_destroy(appends);
    }
}

/* Thousands in a row, where a search would never end. */
Test(appends, many_are_judged) {
    enum { COUNT = 4000 };
    struct appends *appends = appends_create();
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t transaction = appends_begin(appends, i % 7, 10 * i + 1);
        (void)appends_append(appends, transaction, i % APPENDS_KEYS);
        appends_done(appends, transaction, 10 * i + 90);
        appends_length(appends, transaction, 0, i / APPENDS_KEYS + 1);
    }
    char problem[256] = "";
    cr_expect(appends_are_serializable(appends, problem, sizeof(problem)), "%s", problem);
    cr_expect_eq(appends_done_count(appends), COUNT);
    uint32_t late = appends_begin(appends, 9, 10 * COUNT + 100);
    appends_read(appends, late, 0);
    appends_done(appends, late, 10 * COUNT + 101);
    cr_expect_not(appends_are_serializable(appends, problem, sizeof(problem)));
    appends_destroy(appends);
}
