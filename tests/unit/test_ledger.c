/* The torture's accounts are audited: made-up books, good ones and bad ones. */
#include <criterion/criterion.h>

#include "base/check.h"
#include "tests/torture/ledger.h"

enum { NONE = -1, STEPS_MAX = 8 };

/* Tokens are pushed in order: step PUSH_… makes the next one. */
enum step_kind { END, ADDED, MAYBE_ADDED, PUSHED, MAYBE_PUSHED, NOT_PUSHED, POPPED, MAYBE_POPPED };

static const struct {
    const char *name;
    bool exact;
    struct {
        enum step_kind kind;
        int64_t number, sum;
    } steps[STEPS_MAX];
    int64_t total;
    int64_t left[4];
    size_t left_count;
} cases[] = {
    {"nothing happened", true, {{END, 0, 0}}, 0, {0}, 0},
    {"all is counted", true, {{ADDED, 2, 2}, {ADDED, 3, 5}}, 5, {0}, 0},
    {"an answer came out of order", true, {{ADDED, 3, 5}, {ADDED, 2, 2}}, 5, {0}, 0},
    {"an acknowledged amount is lost", false, {{ADDED, 2, 2}, {ADDED, 3, 5}}, 4, {0}, 0},
    {"lost, and made up for by an unknown one",
     false,
     {{ADDED, 2, 2}, {ADDED, 2, 2}, {MAYBE_ADDED, 2, 0}},
     4,
     {0},
     0},
    {"one is counted twice", false, {{ADDED, 2, 2}}, 4, {0}, 0},
    {"an unknown one was counted", true, {{ADDED, 2, 2}, {MAYBE_ADDED, 2, 0}}, 4, {0}, 0},
    {"an unknown one was not counted", true, {{ADDED, 2, 2}, {MAYBE_ADDED, 2, 0}}, 2, {0}, 0},
    {"an unknown one was counted twice", false, {{ADDED, 2, 2}, {MAYBE_ADDED, 2, 0}}, 6, {0}, 0},
    {"steps that overlap", false, {{ADDED, 2, 4}, {ADDED, 3, 5}, {MAYBE_ADDED, 9, 0}}, 9, {0}, 0},
    {"popped, and left", true, {{PUSHED, 0, 0}, {PUSHED, 0, 0}, {POPPED, 0, 0}}, 0, {1}, 1},
    {"popped twice", false, {{PUSHED, 0, 0}, {POPPED, 0, 0}, {POPPED, 0, 0}}, 0, {0}, 0},
    {"popped, and still left", false, {{PUSHED, 0, 0}, {POPPED, 0, 0}}, 0, {0}, 1},
    {"a token is gone", false, {{PUSHED, 0, 0}}, 0, {0}, 0},
    {"an unknown pop took it", true, {{PUSHED, 0, 0}, {MAYBE_POPPED, 0, 0}}, 0, {0}, 0},
    {"one unknown pop, two gone",
     false,
     {{PUSHED, 0, 0}, {PUSHED, 0, 0}, {MAYBE_POPPED, 0, 0}},
     0,
     {0},
     0},
    {"an unknown push is there", true, {{MAYBE_PUSHED, 0, 0}}, 0, {0}, 1},
    {"an unknown push is not there", true, {{MAYBE_PUSHED, 0, 0}}, 0, {0}, 0},
    {"a refused push is there", false, {{NOT_PUSHED, 0, 0}}, 0, {0}, 1},
    {"a token that nobody pushed", false, {{PUSHED, 0, 0}, {POPPED, 0, 0}}, 0, {7}, 1},
};

Test(ledger, tells_exact_books_from_others) {
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct ledger *ledger = ledger_create();
        for (size_t k = 0; k < STEPS_MAX; k++) {
            int64_t number = cases[i].steps[k].number;
            switch (cases[i].steps[k].kind) {
            case END:
                break;
            case ADDED:
                ledger_added(ledger, number, cases[i].steps[k].sum);
                break;
            case MAYBE_ADDED:
                ledger_maybe_added(ledger, number);
                break;
            case PUSHED:
                ledger_pushed(ledger, ledger_push(ledger));
                break;
            case MAYBE_PUSHED:
                (void)ledger_push(ledger);
                break;
            case NOT_PUSHED:
                ledger_not_pushed(ledger, ledger_push(ledger));
                break;
            case POPPED:
                ledger_popped(ledger, number);
                break;
            case MAYBE_POPPED:
                ledger_maybe_popped(ledger);
                break;
            }
        }
        char problem[256] = "";
        bool exact = ledger_is_exact(ledger, cases[i].total, cases[i].left, cases[i].left_count,
                                     problem, sizeof(problem));
        cr_expect_eq(exact, cases[i].exact, "%s: %s", cases[i].name, problem);
        ledger_destroy(ledger);
    }
}
