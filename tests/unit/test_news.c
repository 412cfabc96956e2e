/* What the torture makes of messages that were published and heard: made-up ones. */
#include <criterion/criterion.h>

#include "base/check.h"
#include "tests/torture/news.h"

enum { SUBSCRIPTIONS = 2, MESSAGES = 4, HEARD_MAX = 5, END = -1 };

/* Message n begins at moment 10 * (n + 1); p: published, ?: unknown, n: refused. */
static const struct {
    const char *name;
    bool consistent;
    const char *outcomes;
    struct {
        uint64_t confirmed;
        bool ended;
        int heard[HEARD_MAX];
    } subscriptions[SUBSCRIPTIONS];
} cases[] = {
    {"all hear all", true, "pppp", {{1, false, {0, 1, 2, 3, END}}, {1, false, {0, 1, 2, 3, END}}}},
    {"the order is theirs",
     true,
     "pppp",
     {{1, false, {1, 0, 3, 2, END}}, {1, false, {1, 0, 3, 2, END}}}},
    {"two orders", false, "pppp", {{1, false, {0, 1, 2, 3, END}}, {1, false, {0, 2, 1, 3, END}}}},
    {"a gap", false, "pppp", {{1, true, {0, 1, 2, 3, END}}, {1, true, {0, 2, 3, END}}}},
    {"a late one", true, "pppp", {{1, false, {0, 1, 2, 3, END}}, {25, false, {2, 3, END}}}},
    {"a late one that heard more",
     true,
     "pppp",
     {{1, false, {0, 1, 2, 3, END}}, {25, false, {1, 2, 3, END}}}},
    {"confirmed, and not told",
     false,
     "pppp",
     {{1, false, {0, 1, 2, 3, END}}, {15, false, {2, 3, END}}}},
    {"one that left", true, "pppp", {{1, false, {0, 1, 2, 3, END}}, {1, true, {0, 1, END}}}},
    {"twice", false, "pppp", {{1, true, {0, 0, END}}, {1, true, {END}}}},
    {"an unknown one is heard",
     true,
     "p?pp",
     {{1, false, {0, 1, 2, 3, END}}, {1, false, {0, 1, 2, 3, END}}}},
    {"an unknown one is not heard",
     true,
     "p?pp",
     {{1, false, {0, 2, 3, END}}, {1, false, {0, 2, 3, END}}}},
    {"an unknown one is heard by one",
     false,
     "p?pp",
     {{1, false, {0, 1, 2, 3, END}}, {1, false, {0, 2, 3, END}}}},
    {"a refused one is heard", false, "pnpp", {{1, false, {0, 1, 2, 3, END}}, {1, true, {END}}}},
    {"one that nobody published", false, "pppp", {{1, true, {0, 9, END}}, {1, true, {END}}}},
};

Test(news, tells_one_order_from_others) {
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct news *news = news_create();
        for (uint32_t message = 0; message < MESSAGES; message++) {
            cr_assert_eq(news_publish(news, 10 * (message + 1)), message);
            if (cases[i].outcomes[message] == 'p') news_published(news, message);
            if (cases[i].outcomes[message] == 'n') news_not_published(news, message);
        }
        for (uint32_t k = 0; k < SUBSCRIPTIONS; k++) {
            uint32_t number = news_subscribed(news, cases[i].subscriptions[k].confirmed);
            for (int at = 0; cases[i].subscriptions[k].heard[at] != END; at++)
                news_heard(news, number, (uint64_t)cases[i].subscriptions[k].heard[at]);
            if (cases[i].subscriptions[k].ended) news_unsubscribed(news, number);
        }
        char problem[256] = "";
        cr_expect_eq(news_is_consistent(news, problem, sizeof(problem)), cases[i].consistent,
                     "%s: %s", cases[i].name, problem);
        news_destroy(news);
    }
}

Test(news, knows_when_all_have_heard) {
    struct news *news = news_create();
    uint32_t message = news_publish(news, 1);
    uint32_t first = news_subscribed(news, 2), second = news_subscribed(news, 3);
    cr_expect_not(news_reached_all(news, message));
    news_heard(news, first, message);
    cr_expect_not(news_reached_all(news, message));
    news_unsubscribed(news, second);
    cr_expect(news_reached_all(news, message));
    cr_expect_eq(news_heard_count(news), 1);
    news_destroy(news);
}
