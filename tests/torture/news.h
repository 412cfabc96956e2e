/* news.h: what was published on one channel and what each subscription heard of it.
 *
 * All subscribers hear one order, without gaps: between two messages that a subscription heard one
 * after the other there is none that another one heard in between. A message that began after the
 * subscription was confirmed, and was acknowledged, is heard if the subscription lasts to the end.
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

uint32_t news_subscribed(struct news *news, uint64_t moment); /* and confirmed */
void news_heard(struct news *news, uint32_t subscription, uint64_t message);
void news_unsubscribed(struct news *news, uint32_t subscription);

/* True: every subscription that lasts has heard this message. */
bool news_reached_all(const struct news *news, uint32_t message);

bool news_is_consistent(const struct news *news, char *problem, size_t size);
/* Of all subscriptions together. */
size_t news_heard_count(const struct news *news);
