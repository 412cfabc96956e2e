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

/* Message n is begun at 10 * (n + 1) and answered 5 later. */
static uint32_t publish(struct news *news, uint32_t number, uint32_t publisher,
                        uint64_t receivers) {
    uint32_t message = news_publish(news, 10 * (number + 1));
    news_set_publisher(news, message, publisher);
    news_counted(news, message, 10 * (number + 1) + 5, receivers);
    return message;
}

static bool is_consistent(const struct news *news) {
    char problem[256];
    return news_is_consistent(news, problem, sizeof(problem));
}

Test(news, keeps_real_time) {
    struct news *news = news_create();
    uint32_t first = publish(news, 0, 1, 1), second = publish(news, 1, 2, 1);
    uint32_t subscription = news_subscribed(news, 1);
    news_heard(news, subscription, second);
    news_heard(news, subscription, first);
    cr_expect_not(is_consistent(news));
    news_destroy(news);
}

Test(news, keeps_the_order_of_a_publisher) {
    for (uint32_t publisher = 1; publisher <= 2; publisher++) {
        struct news *news = news_create();
        for (uint32_t i = 0; i < 2; i++)
            news_set_publisher(news, news_publish(news, 10 + i), i * (publisher - 1));
        uint32_t subscription = news_subscribed(news, 1);
        news_heard(news, subscription, 1);
        news_heard(news, subscription, 0);
        cr_expect_eq(is_consistent(news), publisher == 2, "of one, or of two");
        news_destroy(news);
    }
}

Test(news, a_subscription_begins_in_time) {
    for (uint64_t confirmed = 5; confirmed <= 15; confirmed += 10) {
        struct news *news = news_create();
        uint32_t first = publish(news, 0, 1, 2), second = publish(news, 1, 1, 2);
        uint32_t one = news_subscribed(news, 1), other = news_subscribing(news, 2);
        news_heard(news, one, first);
        news_heard(news, one, second);
        news_confirmed(news, other, confirmed);
        news_heard(news, other, second);
        news_unsubscribing(news, other, 100);
        cr_expect_eq(is_consistent(news), confirmed > 10, "confirmed at %d", (int)confirmed);
        news_destroy(news);
    }
}

/* One was there all the while, one came or went meanwhile, one was not there. */
Test(news, counts_receivers) {
    for (uint64_t receivers = 0; receivers <= 4; receivers++) {
        struct news *news = news_create();
        uint32_t message = publish(news, 0, 1, receivers);
        uint32_t there = news_subscribed(news, 1), comes = news_subscribing(news, 12);
        uint32_t goes = news_subscribed(news, 2), gone = news_subscribed(news, 3);
        news_confirmed(news, comes, 20);
        news_unsubscribing(news, goes, 12);
        news_gone(news, goes, 20);
        news_unsubscribing(news, gone, 5);
        news_gone(news, gone, 8);
        (void)news_subscribed(news, 30);
        news_heard(news, there, message);
        cr_expect_eq(is_consistent(news), receivers >= 1 && receivers <= 3, "%d receivers",
                     (int)receivers);
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
