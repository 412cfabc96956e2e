/* publishing.c: some clients listen to two channels, by name or by pattern, others publish there;
 * tests/torture/news.h judges who heard what. */
#include <stdio.h>

#include "base/memory.h"
#include "tests/simulator/dialogue.h"
#include "tests/simulator/world.h"
#include "tests/torture/news.h"

enum { CHANNELS = 2 };
#define NONE UINT32_MAX

enum standing { LISTENS_NOT, LISTENS_SOON, LISTENS, LEAVES };

struct listener {
    bool by_pattern;
    struct {
        enum standing standing;
        uint32_t subscription;
    } channels[CHANNELS];
};

struct publishing {
    uint32_t per_mille;
    struct news *news[CHANNELS];
    struct listener listeners[CLIENTS_MAX];
};

void publishing_create(struct world *world) {
    struct publishing *publishing = memory_allocate_zeroed(sizeof(*publishing));
    world->publishing = publishing;
    if (world_chance(world, 400)) publishing->per_mille = (uint32_t)world_between(world, 20, 150);
    for (uint32_t i = 0; i < CHANNELS; i++)
        publishing->news[i] = news_create();
}

void publishing_destroy(struct world *world) {
    for (uint32_t i = 0; i < CHANNELS; i++)
        news_destroy(world->publishing->news[i]);
    memory_release(world->publishing);
}

bool publishing_is_wanted(struct world *world) {
    return world_chance(world, world->publishing->per_mille);
}

bool publishing_has_listeners(const struct world *world) {
    return world->publishing->per_mille > 0;
}

/* --- publishers ----------------------------------------------------------------------------- */

/* In the upper half of a number stands the channel. */
uint64_t publishing_ask(struct world *world, const struct connection *connection,
                        struct buffer *out) {
    uint32_t channel = (uint32_t)world_below(world, CHANNELS);
    struct news *news = world->publishing->news[channel];
    uint32_t message = news_publish(news, clients_moment(world));
    news_set_publisher(news, message, connection->id);
    char text[HISTORY_TOKEN_SIZE], words[64];
    struct bytes token = history_token(message, text);
    snprintf(words, sizeof(words), "PUBLISH e%u %.*s", channel, (int)token.size, token.data);
    dialogue_write(out, words);
    world->result->figures.operations++;
    return (uint64_t)channel << 32 | message;
}

bool publishing_take(struct world *world, uint64_t number, const struct reply_value *value) {
    struct news *news = world->publishing->news[number >> 32];
    uint32_t message = (uint32_t)number;
    if (dialogue_certainly_not(value)) {
        news_not_published(news, message);
        return true;
    }
    if (value->type != REPLY_INTEGER) return false;
    news_counted(news, message, clients_moment(world), (uint64_t)value->integer);
    world->result->figures.messages_published++;
    return true;
}

/* --- listeners ------------------------------------------------------------------------------ */

static void subscribe(struct world *world, struct listener *listener, struct buffer *out) {
    listener->by_pattern = world_chance(world, 300);
    bool both = listener->by_pattern || world_chance(world, 500);
    uint32_t only = (uint32_t)world_below(world, CHANNELS);
    for (uint32_t i = 0; i < CHANNELS; i++) {
        if (!both && i != only) continue;
        listener->channels[i].standing = LISTENS_SOON;
        listener->channels[i].subscription =
            news_subscribing(world->publishing->news[i], clients_moment(world));
    }
    char words[32];
    snprintf(words, sizeof(words), "SUBSCRIBE e%u", only);
    dialogue_write(out, listener->by_pattern ? "PSUBSCRIBE e*" : both ? "SUBSCRIBE e0 e1" : words);
}

static void unsubscribe(struct world *world, struct listener *listener, struct buffer *out) {
    for (uint32_t i = 0; i < CHANNELS; i++) {
        if (listener->channels[i].standing != LISTENS) continue;
        listener->channels[i].standing = LEAVES;
        news_unsubscribing(world->publishing->news[i], listener->channels[i].subscription,
                           clients_moment(world));
    }
    dialogue_write(out, listener->by_pattern ? "PUNSUBSCRIBE e*" : "UNSUBSCRIBE e0 e1");
}

static uint32_t count_standing(const struct listener *listener, enum standing standing) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < CHANNELS; i++)
        count += listener->channels[i].standing == standing;
    return count;
}

void publishing_listen(struct world *world, uint32_t client, struct buffer *out) {
    struct listener *listener = &world->publishing->listeners[client];
    bool is_idle = count_standing(listener, LISTENS_NOT) == CHANNELS;
    bool is_settled =
        count_standing(listener, LISTENS_NOT) + count_standing(listener, LISTENS) == CHANNELS;
    bool may_leave = members_may_leave(world, clients_node_of(world, client));
    if (is_idle) {
        if (!may_leave) subscribe(world, listener, out);
    } else if (is_settled && !world->healed && world_chance(world, 30)) {
        unsubscribe(world, listener, out);
    }
}

/* Confirmations speak of one channel, or of the pattern, which are both. */
static bool settle(struct world *world, struct listener *listener, struct bytes name,
                   enum standing from, enum standing to) {
    for (uint32_t i = 0; i < CHANNELS; i++) {
        char channel[8];
        snprintf(channel, sizeof(channel), "e%u", i);
        bool is_meant = listener->by_pattern ? bytes_equal(name, BYTES("e*"))
                                             : bytes_equal(name, bytes_of_text(channel));
        if (!is_meant) continue;
        if (listener->channels[i].standing == LISTENS_NOT && to == LISTENS_NOT) continue;
        if (listener->channels[i].standing != from) return false;
        listener->channels[i].standing = to;
        struct news *news = world->publishing->news[i];
        uint32_t subscription = listener->channels[i].subscription;
        if (to == LISTENS) {
            news_confirmed(news, subscription, clients_moment(world));
        } else {
            news_gone(news, subscription, clients_moment(world));
        }
    }
    return true;
}

static bool hear_message(struct world *world, struct listener *listener, struct bytes channel,
                         struct bytes text) {
    int64_t token = history_token_of(text);
    if (channel.size != 2 || token < 0) return false;
    uint32_t i = (uint32_t)(unsigned char)channel.data[1] - '0';
    bool listens = i < CHANNELS && (listener->channels[i].standing == LISTENS ||
                                    listener->channels[i].standing == LEAVES);
    if (!listens) return false;
    news_heard(world->publishing->news[i], listener->channels[i].subscription, (uint64_t)token);
    world->result->figures.messages_heard++;
    return true;
}

bool publishing_hear(struct world *world, uint32_t client, const struct reply_value *value) {
    struct listener *listener = &world->publishing->listeners[client];
    if (value->type != REPLY_ARRAY || value->count < 3) return false;
    struct bytes what = value->elements[0].text, name = value->elements[1].text;
    if (bytes_equal(what, BYTES("message")))
        return hear_message(world, listener, name, value->elements[2].text);
    if (bytes_equal(what, BYTES("pmessage")))
        return value->count == 4 &&
               hear_message(world, listener, value->elements[2].text, value->elements[3].text);
    if (bytes_equal(what, BYTES("subscribe")) || bytes_equal(what, BYTES("psubscribe")))
        return settle(world, listener, name, LISTENS_SOON, LISTENS);
    if (bytes_equal(what, BYTES("unsubscribe")) || bytes_equal(what, BYTES("punsubscribe")))
        return settle(world, listener, name, LEAVES, LISTENS_NOT);
    return false;
}

void publishing_connection_ends(struct world *world, uint32_t client) {
    struct listener *listener = &world->publishing->listeners[client];
    for (uint32_t i = 0; i < CHANNELS; i++) {
        if (listener->channels[i].standing == LISTENS_NOT) continue;
        news_unsubscribing(world->publishing->news[i], listener->channels[i].subscription,
                           clients_moment(world));
    }
}

/* A node's removal closes its origin, and with it what its clients listen to, before they can know
 * of it (SAFETY 28, later). */
void publishing_node_leaves(struct world *world, uint32_t node) {
    for (uint32_t client = 0; client < CLIENTS_MAX; client++)
        if (clients_node_of(world, client) == node) publishing_connection_ends(world, client);
}

void publishing_client_lost(struct world *world, uint32_t client) {
    publishing_connection_ends(world, client);
    for (uint32_t i = 0; i < CHANNELS; i++)
        world->publishing->listeners[client].channels[i].standing = LISTENS_NOT;
}

void publishing_judge(struct world *world) {
    char problem[256];
    for (uint32_t i = 0; i < CHANNELS; i++) {
        if (news_is_consistent(world->publishing->news[i], problem, sizeof(problem))) continue;
        world_violation(world, "on channel e%u %s", i, problem);
        return;
    }
}
