/* news.c: see news.h. */
#include "tests/torture/news.h"

#include <stdio.h>

#include "base/memory.h"

enum message_state { MESSAGE_UNKNOWN, MESSAGE_PUBLISHED, MESSAGE_NEVER };
#define NOBODY UINT32_MAX
#define NEVER UINT64_MAX

struct message {
    uint64_t begun, returned; /* returned: NEVER if that is not known */
    enum message_state state;
    uint32_t publisher;
    bool is_counted;
    uint64_t receivers;
};

struct subscription {
    uint64_t asked, confirmed, leaves, gone; /* NEVER: not so far */
    uint32_t *heard;
    size_t count, capacity;
    bool ended;
};

struct news {
    struct message *messages;
    size_t message_count, message_capacity;
    struct subscription *subscriptions;
    size_t subscription_count, subscription_capacity;
    uint32_t publisher_count;
    bool has_stranger; /* a message came that nobody published */
};

struct news *news_create(void) {
    return memory_allocate_zeroed(sizeof(struct news));
}

void news_destroy(struct news *news) {
    if (news == NULL) return;
    for (size_t i = 0; i < news->subscription_count; i++)
        memory_release(news->subscriptions[i].heard);
    memory_release(news->subscriptions);
    memory_release(news->messages);
    memory_release(news);
}

uint32_t news_publish(struct news *news, uint64_t moment) {
    if (news->message_count == news->message_capacity) {
        news->message_capacity = news->message_capacity * 2 + 256;
        news->messages =
            memory_resize(news->messages, news->message_capacity * sizeof(struct message));
    }
    news->messages[news->message_count] =
        (struct message){.begun = moment, .returned = NEVER, .publisher = NOBODY};
    return (uint32_t)news->message_count++;
}

void news_published(struct news *news, uint32_t message) {
    news->messages[message].state = MESSAGE_PUBLISHED;
}

void news_not_published(struct news *news, uint32_t message) {
    news->messages[message].state = MESSAGE_NEVER;
}

void news_set_publisher(struct news *news, uint32_t message, uint32_t publisher) {
    news->messages[message].publisher = publisher;
    if (publisher >= news->publisher_count) news->publisher_count = publisher + 1;
}

void news_counted(struct news *news, uint32_t number, uint64_t moment, uint64_t receivers) {
    struct message *message = &news->messages[number];
    message->state = MESSAGE_PUBLISHED;
    message->returned = moment;
    message->is_counted = true;
    message->receivers = receivers;
}

uint32_t news_subscribing(struct news *news, uint64_t moment) {
    if (news->subscription_count == news->subscription_capacity) {
        news->subscription_capacity = news->subscription_capacity * 2 + 16;
        news->subscriptions = memory_resize(news->subscriptions, news->subscription_capacity *
                                                                     sizeof(struct subscription));
    }
    news->subscriptions[news->subscription_count] =
        (struct subscription){.asked = moment, .confirmed = NEVER, .leaves = NEVER, .gone = NEVER};
    return (uint32_t)news->subscription_count++;
}

void news_confirmed(struct news *news, uint32_t subscription, uint64_t moment) {
    news->subscriptions[subscription].confirmed = moment;
}

uint32_t news_subscribed(struct news *news, uint64_t moment) {
    uint32_t subscription = news_subscribing(news, moment);
    news_confirmed(news, subscription, moment);
    return subscription;
}

void news_heard(struct news *news, uint32_t number, uint64_t message) {
    struct subscription *subscription = &news->subscriptions[number];
    if (message >= news->message_count) {
        news->has_stranger = true;
        return;
    }
    if (subscription->count == subscription->capacity) {
        subscription->capacity = subscription->capacity * 2 + 256;
        subscription->heard =
            memory_resize(subscription->heard, subscription->capacity * sizeof(uint32_t));
    }
    subscription->heard[subscription->count++] = (uint32_t)message;
}

void news_unsubscribed(struct news *news, uint32_t subscription) {
    news_unsubscribing(news, subscription, 0);
}

void news_unsubscribing(struct news *news, uint32_t number, uint64_t moment) {
    struct subscription *subscription = &news->subscriptions[number];
    if (subscription->leaves == NEVER) subscription->leaves = moment;
    subscription->ended = true;
}

void news_gone(struct news *news, uint32_t subscription, uint64_t moment) {
    news->subscriptions[subscription].gone = moment;
}

size_t news_heard_count(const struct news *news) {
    size_t count = 0;
    for (size_t i = 0; i < news->subscription_count; i++)
        count += news->subscriptions[i].count;
    return count;
}

bool news_reached_all(const struct news *news, uint32_t message) {
    for (size_t i = 0; i < news->subscription_count; i++) {
        const struct subscription *subscription = &news->subscriptions[i];
        if (subscription->ended) continue;
        bool heard = false;
        for (size_t k = subscription->count; k > 0 && !heard; k--)
            heard = subscription->heard[k - 1] == message;
        if (!heard) return false;
    }
    return true;
}

/* --- the judgement --------------------------------------------------------------------------- */

/* What came behind and before each message, by those who heard two in a row. */
struct order {
    uint32_t *next, *previous;
    uint32_t *heard_by; /* the last subscription that did, plus 1: finds doubled ones */
};

static bool follows(uint32_t *neighbour, uint32_t message) {
    if (*neighbour == NOBODY) *neighbour = message;
    return *neighbour == message;
}

static bool takes_its_place(const struct news *news, struct order *order, uint32_t number,
                            char *problem, size_t size) {
    const struct subscription *subscription = &news->subscriptions[number];
    for (size_t i = 0; i < subscription->count; i++) {
        uint32_t message = subscription->heard[i];
        bool doubled = order->heard_by[message] == number + 1;
        order->heard_by[message] = number + 1;
        if (doubled || news->messages[message].state == MESSAGE_NEVER) {
            snprintf(problem, size, "subscription %u hears message %u %s", number, message,
                     doubled ? "twice" : "that was refused");
            return false;
        }
        if (i == 0) continue;
        uint32_t before = subscription->heard[i - 1];
        if (follows(&order->next[before], message) && follows(&order->previous[message], before))
            continue;
        snprintf(problem, size,
                 "subscription %u hears message %u right behind %u, others hear it otherwise",
                 number, message, before);
        return false;
    }
    return true;
}

/* After takes_its_place() of the same subscription. */
static bool misses_nothing(const struct news *news, const struct order *order, uint32_t number,
                           char *problem, size_t size) {
    const struct subscription *subscription = &news->subscriptions[number];
    for (uint32_t i = 0; !subscription->ended && i < news->message_count; i++) {
        const struct message *message = &news->messages[i];
        bool is_due =
            message->state == MESSAGE_PUBLISHED && message->begun > subscription->confirmed;
        if (!is_due || order->heard_by[i] == number + 1) continue;
        snprintf(problem, size, "subscription %u, confirmed before, has not heard message %u",
                 number, i);
        return false;
    }
    return true;
}

/* After takes_its_place() of all: what stands before the first one heard began before. */
static bool begins_in_time(const struct news *news, const struct order *order, uint32_t number,
                           char *problem, size_t size) {
    const struct subscription *subscription = &news->subscriptions[number];
    if (subscription->count == 0) return true;
    uint32_t first = subscription->heard[0];
    for (uint32_t at = order->previous[first]; at != NOBODY; at = order->previous[at]) {
        if (at == first) {
            snprintf(problem, size, "messages are heard in a circle around %u", first);
            return false;
        }
        if (news->messages[at].begun <= subscription->confirmed) continue;
        snprintf(problem, size, "subscription %u, confirmed before, begins behind message %u",
                 number, at);
        return false;
    }
    return true;
}

/* What is heard later was not acknowledged before what is heard earlier began; and one publisher's
 * messages are heard in its order. */
static bool agrees_with_time(const struct news *news, uint32_t number, char *problem, size_t size) {
    const struct subscription *subscription = &news->subscriptions[number];
    uint64_t earliest_return = NEVER;
    for (size_t i = subscription->count; i-- > 0;) {
        const struct message *message = &news->messages[subscription->heard[i]];
        if (earliest_return < message->begun) {
            snprintf(problem, size, "subscription %u hears message %u before older ones", number,
                     subscription->heard[i]);
            return false;
        }
        if (message->returned < earliest_return) earliest_return = message->returned;
    }
    return true;
}

static bool keeps_programs(const struct news *news, uint32_t number, char *problem, size_t size) {
    const struct subscription *subscription = &news->subscriptions[number];
    size_t bytes = (news->publisher_count + 1) * sizeof(uint32_t);
    uint32_t *last = memory_allocate_zeroed(bytes); /* message plus 1, by publisher */
    bool fits = true;
    for (size_t i = 0; fits && i < subscription->count; i++) {
        uint32_t message = subscription->heard[i], publisher = news->messages[message].publisher;
        if (publisher == NOBODY) continue;
        fits = last[publisher] < message + 1;
        last[publisher] = message + 1;
        if (!fits)
            snprintf(problem, size,
                     "subscription %u hears message %u behind a later one of its "
                     "publisher",
                     number, message);
    }
    memory_release(last);
    return fits;
}

static bool is_counted_rightly(const struct news *news, uint32_t number, char *problem,
                               size_t size) {
    const struct message *message = &news->messages[number];
    uint64_t least = 0, most = 0;
    for (size_t i = 0; message->is_counted && i < news->subscription_count; i++) {
        const struct subscription *subscription = &news->subscriptions[i];
        least +=
            subscription->confirmed < message->begun && subscription->leaves > message->returned;
        most += subscription->asked < message->returned && subscription->gone > message->begun;
    }
    if (!message->is_counted || (message->receivers >= least && message->receivers <= most))
        return true;
    snprintf(problem, size, "message %u was told of %llu receivers, where there were %llu to %llu",
             number, (unsigned long long)message->receivers, (unsigned long long)least,
             (unsigned long long)most);
    return false;
}

bool news_is_consistent(const struct news *news, char *problem, size_t size) {
    if (news->has_stranger) {
        snprintf(problem, size, "a message was heard that nobody published");
        return false;
    }
    size_t bytes = (news->message_count + 1) * sizeof(uint32_t);
    struct order order = {.next = memory_allocate(bytes),
                          .previous = memory_allocate(bytes),
                          .heard_by = memory_allocate_zeroed(bytes)};
    for (size_t i = 0; i < news->message_count; i++)
        order.next[i] = order.previous[i] = NOBODY;
    bool consistent = true;
    for (uint32_t i = 0; consistent && i < news->subscription_count; i++)
        consistent = takes_its_place(news, &order, i, problem, size) &&
                     misses_nothing(news, &order, i, problem, size) &&
                     agrees_with_time(news, i, problem, size) &&
                     keeps_programs(news, i, problem, size);
    for (uint32_t i = 0; consistent && i < news->subscription_count; i++)
        consistent = begins_in_time(news, &order, i, problem, size);
    for (uint32_t i = 0; consistent && i < news->message_count; i++)
        consistent = is_counted_rightly(news, i, problem, size);
    memory_release(order.next);
    memory_release(order.previous);
    memory_release(order.heard_by);
    return consistent;
}
