/* news.h: what was published on one channel and what each subscription heard of it.
 *
 * All subscribers hear one order, without gaps: between two messages that a subscription heard one
 * after the other there is none that another one heard in between, and none that began after it was
 * confirmed comes before the first that it heard. A message that began after the subscription was
 * confirmed, and was acknowledged, is heard if the subscription lasts to the end. The order is that
 * of each publisher, and agrees with real time: what was acknowledged comes before what began
 * later. The number of receivers that a publisher is told counts every subscription that was there
 * all the while, and none that cannot have been there.
 *
 * Pure. Messages and subscriptions are numbered from 0. Ownership: news_create() to
 * news_destroy(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct news;

struct news *news_create(void);
void news_destroy(struct news *news);

/* Moments are any numbers that grow with time. The outcome is unknown until more is said. */
uint32_t news_publish(struct news *news, uint64_t moment);
void news_published(struct news *news, uint32_t message);
void news_not_published(struct news *news, uint32_t message);
/* Whose it is: the messages of one publisher are begun in its order. */
void news_set_publisher(struct news *news, uint32_t message, uint32_t publisher);
/* As news_published(), with the answer. */
void news_counted(struct news *news, uint32_t message, uint64_t moment, uint64_t receivers);

uint32_t news_subscribed(struct news *news, uint64_t moment); /* and confirmed */
/* The same in two steps: until it is confirmed it may be there or not. */
uint32_t news_subscribing(struct news *news, uint64_t moment);
void news_confirmed(struct news *news, uint32_t subscription, uint64_t moment);
void news_heard(struct news *news, uint32_t subscription, uint64_t message);
void news_unsubscribed(struct news *news, uint32_t subscription);
/* The same in two steps: it ends from the first moment on, and is gone at the second one. That of a
 * broken connection may never be seen to be gone. */
void news_unsubscribing(struct news *news, uint32_t subscription, uint64_t moment);
void news_gone(struct news *news, uint32_t subscription, uint64_t moment);

/* True: every subscription that lasts has heard this message. */
bool news_reached_all(const struct news *news, uint32_t message);

bool news_is_consistent(const struct news *news, char *problem, size_t size);
/* Of all subscriptions together. */
size_t news_heard_count(const struct news *news);
