/* emitter.c: topics (channels and patterns) and subscribers, each knowing the other by a dense
 * table, so that subscribing, leaving and publishing cost what they touch. Orders are those of the
 * dense tables: equal on every node. */
#include "storages/emitter.h"

#include "base/glob.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/table.h"
#include "storages/emitter_internal.h"
#include "storages/storages.h"

struct subscriber_id {
    uint64_t origin, client;
};

struct topic {
    struct table *subscribers; /* by id */
    size_t size;
    char name[];
};

struct subscriber {
    struct subscriber_id id;
    struct table *topics[2]; /* by name: channels, patterns */
};

enum { CHANNELS, PATTERNS };

struct emitter {
    struct storages *storages;
    uint64_t hash_seed;
    struct table *topics[2]; /* by name */
    struct table *subscribers;
    /* What the last PUBLISH delivers. */
    struct emitter_delivery *deliveries;
    uint32_t delivery_count, delivery_next, delivery_capacity;
};

static struct bytes topic_key(const void *entry) {
    const struct topic *topic = entry;
    return bytes_of(topic->name, topic->size);
}

static struct bytes subscriber_key(const void *entry) {
    const struct subscriber *subscriber = entry;
    return bytes_of(&subscriber->id, sizeof(subscriber->id));
}

struct emitter *emitter_create(struct storages *storages, uint64_t hash_seed) {
    struct emitter *emitter = memory_allocate_zeroed(sizeof(*emitter));
    emitter->storages = storages;
    emitter->hash_seed = hash_seed;
    emitter->topics[CHANNELS] = table_create(topic_key, hash_seed);
    emitter->topics[PATTERNS] = table_create(topic_key, hash_seed);
    emitter->subscribers = table_create(subscriber_key, hash_seed);
    return emitter;
}

/* --- one subscription ------------------------------------------------------------------------ */

static struct topic *topic_open(struct emitter *emitter, int kind, struct bytes name) {
    struct topic *topic = table_get(emitter->topics[kind], name);
    if (topic != NULL) return topic;
    topic = memory_allocate(sizeof(*topic) + name.size);
    topic->subscribers = table_create(subscriber_key, emitter->hash_seed);
    topic->size = name.size;
    if (name.size > 0) memcpy(topic->name, name.data, name.size);
    (void)table_add(emitter->topics[kind], topic);
    return topic;
}

static struct subscriber *subscriber_open(struct emitter *emitter, struct subscriber_id id) {
    struct subscriber *subscriber = table_get(emitter->subscribers, bytes_of(&id, sizeof(id)));
    if (subscriber != NULL) return subscriber;
    subscriber = memory_allocate(sizeof(*subscriber));
    subscriber->id = id;
    subscriber->topics[CHANNELS] = table_create(topic_key, emitter->hash_seed);
    subscriber->topics[PATTERNS] = table_create(topic_key, emitter->hash_seed);
    (void)table_add(emitter->subscribers, subscriber);
    return subscriber;
}

static void topic_release(struct topic *topic) {
    table_destroy(topic->subscribers);
    memory_release(topic);
}

static void subscriber_release(struct subscriber *subscriber) {
    table_destroy(subscriber->topics[CHANNELS]);
    table_destroy(subscriber->topics[PATTERNS]);
    memory_release(subscriber);
}

static void take_out(struct table *table, struct bytes key) {
    uint32_t position = table_find(table, key);
    CHECK(position != TABLE_NONE);
    (void)table_remove(table, position);
}

static uint32_t subscriber_count(const struct subscriber *subscriber) {
    if (subscriber == NULL) return 0;
    return table_size(subscriber->topics[CHANNELS]) + table_size(subscriber->topics[PATTERNS]);
}

static void note_change(struct emitter *emitter, struct subscriber_id id, int kind,
                        struct bytes name, bool added) {
    uint64_t value = hash_chain(id.origin, id.client);
    value = hash_chain(value, (uint64_t)kind * 2 + added);
    storages_mix_digest(emitter->storages, hash_chain(value, hash_bytes(name, 0)));
}

static void subscribe(struct emitter *emitter, struct subscriber_id id, int kind,
                      struct bytes name) {
    struct subscriber *subscriber = subscriber_open(emitter, id);
    if (table_get(subscriber->topics[kind], name) != NULL) return;
    struct topic *topic = topic_open(emitter, kind, name);
    (void)table_add(subscriber->topics[kind], topic);
    (void)table_add(topic->subscribers, subscriber);
    note_change(emitter, id, kind, name, true);
}

static void topic_leave(struct emitter *emitter, int kind, struct topic *topic,
                        struct subscriber *subscriber) {
    note_change(emitter, subscriber->id, kind, topic_key(topic), false);
    take_out(topic->subscribers, subscriber_key(subscriber));
    take_out(subscriber->topics[kind], topic_key(topic));
    if (table_size(topic->subscribers) > 0) return;
    take_out(emitter->topics[kind], topic_key(topic));
    topic_release(topic);
}

static void subscriber_release_if_idle(struct emitter *emitter, struct subscriber *subscriber) {
    if (subscriber == NULL || subscriber_count(subscriber) > 0) return;
    take_out(emitter->subscribers, subscriber_key(subscriber));
    subscriber_release(subscriber);
}

static void subscriber_leave_all(struct emitter *emitter, struct subscriber *subscriber) {
    for (int kind = CHANNELS; kind <= PATTERNS; kind++) {
        struct table *topics = subscriber->topics[kind];
        while (table_size(topics) > 0) {
            topic_leave(emitter, kind, table_at(topics, table_size(topics) - 1), subscriber);
        }
    }
    subscriber_release_if_idle(emitter, subscriber);
}

void emitter_remove_client(struct emitter *emitter, uint64_t origin, uint64_t client) {
    struct subscriber_id id = {origin, client};
    struct subscriber *subscriber = table_get(emitter->subscribers, bytes_of(&id, sizeof(id)));
    if (subscriber != NULL) subscriber_leave_all(emitter, subscriber);
}

void emitter_remove_origin(struct emitter *emitter, uint64_t origin) {
    for (uint32_t at = table_size(emitter->subscribers); at-- > 0;) {
        struct subscriber *subscriber = table_at(emitter->subscribers, at);
        if (subscriber->id.origin == origin) subscriber_leave_all(emitter, subscriber);
    }
}

void emitter_destroy(struct emitter *emitter) {
    if (emitter == NULL) return;
    for (uint32_t i = 0; i < table_size(emitter->subscribers); i++)
        subscriber_release(table_at(emitter->subscribers, i));
    table_destroy(emitter->subscribers);
    for (int kind = CHANNELS; kind <= PATTERNS; kind++) {
        for (uint32_t i = 0; i < table_size(emitter->topics[kind]); i++)
            topic_release(table_at(emitter->topics[kind], i));
        table_destroy(emitter->topics[kind]);
    }
    memory_release(emitter->deliveries);
    memory_release(emitter);
}

/* All orders count: they decide in which order messages are delivered. */
static uint64_t topics_digest(const struct table *topics, uint64_t chain) {
    chain = hash_chain(chain, table_size(topics));
    for (uint32_t i = 0; i < table_size(topics); i++) {
        const struct topic *topic = table_at(topics, i);
        chain = hash_chain(chain, hash_bytes(topic_key(topic), 0));
        for (uint32_t k = 0; k < table_size(topic->subscribers); k++)
            chain =
                hash_chain(chain, hash_bytes(subscriber_key(table_at(topic->subscribers, k)), 0));
    }
    return chain;
}

uint64_t emitter_digest(const struct emitter *emitter) {
    uint64_t chain = table_size(emitter->subscribers);
    for (uint32_t i = 0; i < table_size(emitter->subscribers); i++) {
        const struct subscriber *subscriber = table_at(emitter->subscribers, i);
        chain = hash_chain(chain, hash_bytes(subscriber_key(subscriber), 0));
        for (int kind = CHANNELS; kind <= PATTERNS; kind++) {
            const struct table *topics = subscriber->topics[kind];
            for (uint32_t k = 0; k < table_size(topics); k++)
                chain = hash_chain(chain, hash_bytes(topic_key(table_at(topics, k)), 0));
        }
    }
    chain = topics_digest(emitter->topics[CHANNELS], chain);
    return topics_digest(emitter->topics[PATTERNS], chain);
}

/* Every subscription is known to both sides, and none is kept that is empty. */
void emitter_check(const struct emitter *emitter) {
    table_check(emitter->subscribers);
    uint64_t subscriptions[2] = {0};
    for (uint32_t i = 0; i < table_size(emitter->subscribers); i++) {
        const struct subscriber *subscriber = table_at(emitter->subscribers, i);
        CHECK(subscriber_count(subscriber) > 0);
        for (int kind = CHANNELS; kind <= PATTERNS; kind++) {
            const struct table *topics = subscriber->topics[kind];
            subscriptions[kind] += table_size(topics);
            for (uint32_t k = 0; k < table_size(topics); k++) {
                const struct topic *topic = table_at(topics, k);
                CHECK(table_get(emitter->topics[kind], topic_key(topic)) == topic);
                CHECK(table_get(topic->subscribers, subscriber_key(subscriber)) == subscriber);
            }
        }
    }
    for (int kind = CHANNELS; kind <= PATTERNS; kind++) {
        table_check(emitter->topics[kind]);
        for (uint32_t i = 0; i < table_size(emitter->topics[kind]); i++) {
            const struct topic *topic = table_at(emitter->topics[kind], i);
            CHECK(table_size(topic->subscribers) > 0);
            CHECK(table_size(topic->subscribers) <= subscriptions[kind]);
            subscriptions[kind] -= table_size(topic->subscribers);
        }
        CHECK(subscriptions[kind] == 0);
    }
}

/* --- as bytes ---------------------------------------------------------------------------------
 *
 * Records of a tag and fields without gaps, in the order of the phases:
 *   T kind, size of the name (u32), the name    a topic, in the order of its table
 *   S origin, client (u64)                      a subscriber, likewise
 *   L kind, topic's position (u32)              what the last subscriber listens to, in its order
 *   M kind, topic's, subscriber's position      who listens to a topic, in the topic's order
 */

enum { SAVE_CHANNELS, SAVE_PATTERNS, SAVE_SUBSCRIBERS, SAVE_CHANNEL_MEMBERS, SAVE_PATTERN_MEMBERS };

static void save_topic(const struct topic *topic, int kind, struct buffer *out) {
    buffer_append_byte(out, 'T');
    buffer_append_byte(out, (char)kind);
    buffer_append_u32(out, (uint32_t)topic->size);
    buffer_append_bytes(out, topic_key(topic));
}

static void save_link(const struct emitter *emitter, char tag, int kind, const struct topic *topic,
                      struct buffer *out) {
    buffer_append_byte(out, tag);
    buffer_append_byte(out, (char)kind);
    buffer_append_u32(out, table_find(emitter->topics[kind], topic_key(topic)));
}

/* The subscriber, or with `next` the next thing it listens to; false when that was all. */
static bool save_subscriber(const struct emitter *emitter, const struct subscriber *subscriber,
                            uint32_t next, struct buffer *out) {
    if (next == 0) {
        buffer_append_byte(out, 'S');
        buffer_append_bytes(out, subscriber_key(subscriber));
        return true;
    }
    uint32_t index = next - 1;
    for (int kind = CHANNELS; kind <= PATTERNS; kind++) {
        if (index < table_size(subscriber->topics[kind])) {
            save_link(emitter, 'L', kind, table_at(subscriber->topics[kind], index), out);
            return true;
        }
        index -= table_size(subscriber->topics[kind]);
    }
    return false;
}

static bool save_member(const struct emitter *emitter, int kind, const struct topic *topic,
                        uint32_t next, struct buffer *out) {
    if (next == table_size(topic->subscribers)) return false;
    struct bytes subscriber = subscriber_key(table_at(topic->subscribers, next));
    save_link(emitter, 'M', kind, topic, out);
    buffer_append_u32(out, table_find(emitter->subscribers, subscriber));
    return true;
}

/* The entry `at` of the phase's table, or part `next` of it; false when it has no such part. */
static bool save_part(const struct emitter *emitter, unsigned phase, const void *entry,
                      uint32_t next, struct buffer *out) {
    if (phase <= SAVE_PATTERNS) {
        if (next == 0) save_topic(entry, phase == SAVE_CHANNELS ? CHANNELS : PATTERNS, out);
        return next == 0;
    }
    if (phase == SAVE_SUBSCRIBERS) return save_subscriber(emitter, entry, next, out);
    return save_member(emitter, phase == SAVE_CHANNEL_MEMBERS ? CHANNELS : PATTERNS, entry, next,
                       out);
}

bool emitter_save(const struct emitter *emitter, struct emitter_walk *walk, struct buffer *out,
                  size_t bytes_max) {
    const struct table *tables[] = {emitter->topics[CHANNELS], emitter->topics[PATTERNS],
                                    emitter->subscribers, emitter->topics[CHANNELS],
                                    emitter->topics[PATTERNS]};
    size_t start = out->size;
    while (walk->phase < COUNT_OF(tables) && out->size - start < bytes_max) {
        const struct table *table = tables[walk->phase];
        if (walk->at == table_size(table)) {
            walk->phase++;
            walk->at = 0;
        } else if (save_part(emitter, walk->phase, table_at(table, walk->at), walk->next, out)) {
            walk->next++;
        } else {
            walk->at++;
            walk->next = 0;
        }
    }
    return out->size > start;
}

/* Takes `size` bytes off the front; false if there are fewer. */
static bool take_bytes(struct bytes *rest, size_t size, struct bytes *taken) {
    if (rest->size < size) return false;
    *taken = bytes_of(rest->data, size);
    *rest = bytes_slice(*rest, size, rest->size);
    return true;
}

static bool load_topic(struct emitter *emitter, int kind, struct bytes *rest) {
    struct bytes size, name;
    if (!take_bytes(rest, 4, &size) || !take_bytes(rest, load_u32(size.data), &name)) return false;
    if (table_get(emitter->topics[kind], name) != NULL) return false;
    topic_open(emitter, kind, name);
    return true;
}

static bool load_subscriber(struct emitter *emitter, struct bytes *rest) {
    struct bytes fields;
    if (!take_bytes(rest, 16, &fields)) return false;
    struct subscriber_id id = {load_u64(fields.data), load_u64(fields.data + 8)};
    if (table_get(emitter->subscribers, bytes_of(&id, sizeof(id))) != NULL) return false;
    subscriber_open(emitter, id);
    return true;
}

static void *load_entry(const struct table *table, struct bytes *rest) {
    struct bytes position;
    if (!take_bytes(rest, 4, &position)) return NULL;
    uint32_t at = load_u32(position.data);
    return at < table_size(table) ? table_at(table, at) : NULL;
}

/* Adds unless it is there already. */
static bool load_into(struct table *table, struct bytes key, void *entry) {
    if (table_get(table, key) != NULL) return false;
    (void)table_add(table, entry);
    return true;
}

static bool load_listening(struct emitter *emitter, int kind, struct bytes *rest) {
    struct topic *topic = load_entry(emitter->topics[kind], rest);
    uint32_t subscribers = table_size(emitter->subscribers);
    if (topic == NULL || subscribers == 0) return false;
    struct subscriber *last = table_at(emitter->subscribers, subscribers - 1);
    return load_into(last->topics[kind], topic_key(topic), topic);
}

static bool load_member(struct emitter *emitter, int kind, struct bytes *rest) {
    struct topic *topic = load_entry(emitter->topics[kind], rest);
    struct subscriber *subscriber = load_entry(emitter->subscribers, rest);
    if (topic == NULL || subscriber == NULL) return false;
    if (table_get(subscriber->topics[kind], topic_key(topic)) != topic) return false;
    return load_into(topic->subscribers, subscriber_key(subscriber), subscriber);
}

bool emitter_load(struct emitter *emitter, struct bytes piece) {
    while (piece.size > 0) {
        struct bytes tag, kind;
        bool good = take_bytes(&piece, 1, &tag);
        if (good && tag.data[0] == 'S') {
            if (!load_subscriber(emitter, &piece)) return false;
            continue;
        }
        if (!take_bytes(&piece, 1, &kind) || (uint8_t)kind.data[0] > PATTERNS) return false;
        switch (tag.data[0]) {
        case 'T':
            good = load_topic(emitter, kind.data[0], &piece);
            break;
        case 'L':
            good = load_listening(emitter, kind.data[0], &piece);
            break;
        case 'M':
            good = load_member(emitter, kind.data[0], &piece);
            break;
        default:
            good = false;
        }
        if (!good) return false;
    }
    return true;
}

/* Each link from topic to subscriber was found on the other side when it was read: so equal numbers
 * mean equal links. */
bool emitter_load_end(const struct emitter *emitter) {
    uint64_t links[2] = {0};
    for (uint32_t i = 0; i < table_size(emitter->subscribers); i++) {
        const struct subscriber *subscriber = table_at(emitter->subscribers, i);
        if (subscriber_count(subscriber) == 0) return false;
        for (int kind = CHANNELS; kind <= PATTERNS; kind++)
            links[kind] += table_size(subscriber->topics[kind]);
    }
    for (int kind = CHANNELS; kind <= PATTERNS; kind++) {
        for (uint32_t i = 0; i < table_size(emitter->topics[kind]); i++) {
            const struct topic *topic = table_at(emitter->topics[kind], i);
            if (table_size(topic->subscribers) == 0) return false;
            links[kind] -= table_size(topic->subscribers);
        }
    }
    return links[CHANNELS] == 0 && links[PATTERNS] == 0;
}

/* --- deliveries ------------------------------------------------------------------------------ */

static void delivery_add(struct emitter *emitter, struct emitter_delivery delivery) {
    if (emitter->delivery_count == emitter->delivery_capacity) {
        emitter->delivery_capacity =
            emitter->delivery_capacity == 0 ? 16 : emitter->delivery_capacity * 2;
        emitter->deliveries = memory_resize(
            emitter->deliveries, emitter->delivery_capacity * sizeof(struct emitter_delivery));
    }
    emitter->deliveries[emitter->delivery_count++] = delivery;
}

static void deliver_to_topic(struct emitter *emitter, const struct topic *topic, bool by_pattern,
                             struct bytes channel, struct bytes message) {
    for (uint32_t i = 0; i < table_size(topic->subscribers); i++) {
        const struct subscriber *subscriber = table_at(topic->subscribers, i);
        delivery_add(emitter, (struct emitter_delivery){
                                  .origin = subscriber->id.origin,
                                  .client = subscriber->id.client,
                                  .channel = channel,
                                  .message = message,
                                  .by_pattern = by_pattern,
                                  .pattern = topic_key(topic),
                              });
    }
}

bool emitter_next_delivery(struct emitter *emitter, struct emitter_delivery *delivery) {
    if (emitter->delivery_next == emitter->delivery_count) {
        emitter->delivery_next = emitter->delivery_count = 0;
        return false;
    }
    *delivery = emitter->deliveries[emitter->delivery_next++];
    return true;
}

void emitter_reply_delivery(struct reply *reply, const struct emitter_delivery *delivery) {
    reply_push(reply, delivery->by_pattern ? 4 : 3);
    reply_bulk_text(reply, delivery->by_pattern ? "pmessage" : "message");
    if (delivery->by_pattern) reply_bulk(reply, delivery->pattern);
    reply_bulk(reply, delivery->channel);
    reply_bulk(reply, delivery->message);
}

/* --- commands -------------------------------------------------------------------------------- */

static struct subscriber_id caller(const struct command_call *call) {
    return (struct subscriber_id){call->origin, call->client};
}

static struct subscriber *caller_subscriber(struct command_call *call) {
    struct subscriber_id id = caller(call);
    struct emitter *emitter = storages_emitter(call->storages);
    return table_get(emitter->subscribers, bytes_of(&id, sizeof(id)));
}

static void confirm(struct command_call *call, const char *what, const struct bytes *name) {
    reply_push(call->reply, 3);
    reply_bulk_text(call->reply, what);
    if (name == NULL) {
        reply_null(call->reply);
    } else {
        reply_bulk(call->reply, *name);
    }
    reply_integer(call->reply, subscriber_count(caller_subscriber(call)));
}

static void run_subscribing(struct command_call *call, int kind, const char *what) {
    struct emitter *emitter = storages_emitter(call->storages);
    for (uint32_t i = 1; i < call->count; i++) {
        subscribe(emitter, caller(call), kind, call->args[i]);
        confirm(call, what, &call->args[i]);
    }
}

static void run_subscribe(struct command_call *call) {
    run_subscribing(call, CHANNELS, "subscribe");
}

static void run_psubscribe(struct command_call *call) {
    run_subscribing(call, PATTERNS, "psubscribe");
}

static void leave_one(struct command_call *call, int kind, const char *what, struct bytes name) {
    struct emitter *emitter = storages_emitter(call->storages);
    struct subscriber *subscriber = caller_subscriber(call);
    struct topic *topic = subscriber == NULL ? NULL : table_get(subscriber->topics[kind], name);
    /* The name may stand in the topic itself, which leaves now: it is confirmed first, with the
     * count that will be. */
    reply_push(call->reply, 3);
    reply_bulk_text(call->reply, what);
    reply_bulk(call->reply, name);
    reply_integer(call->reply, subscriber_count(subscriber) - (topic != NULL));
    if (topic == NULL) return;
    topic_leave(emitter, kind, topic, subscriber);
    subscriber_release_if_idle(emitter, subscriber);
}

static void run_unsubscribing(struct command_call *call, int kind, const char *what) {
    for (uint32_t i = 1; i < call->count; i++)
        leave_one(call, kind, what, call->args[i]);
    if (call->count > 1) return;
    struct subscriber *subscriber = caller_subscriber(call);
    uint32_t left = subscriber == NULL ? 0 : table_size(subscriber->topics[kind]);
    if (left == 0) confirm(call, what, NULL);
    for (; left > 0; left--) {
        leave_one(call, kind, what, topic_key(table_at(subscriber->topics[kind], 0)));
    }
}

static void run_unsubscribe(struct command_call *call) {
    run_unsubscribing(call, CHANNELS, "unsubscribe");
}

static void run_punsubscribe(struct command_call *call) {
    run_unsubscribing(call, PATTERNS, "punsubscribe");
}

uint32_t emitter_channels(const struct emitter *emitter) {
    return table_size(emitter->topics[CHANNELS]);
}

uint32_t emitter_patterns(const struct emitter *emitter) {
    return table_size(emitter->topics[PATTERNS]);
}

static void run_publish(struct command_call *call) {
    struct emitter *emitter = storages_emitter(call->storages);
    struct bytes channel = call->args[1], message = call->args[2];
    uint32_t before = emitter->delivery_count;
    const struct topic *topic = table_get(emitter->topics[CHANNELS], channel);
    if (topic != NULL) deliver_to_topic(emitter, topic, false, channel, message);
    const struct table *patterns = emitter->topics[PATTERNS];
    for (uint32_t i = 0; i < table_size(patterns); i++) {
        const struct topic *pattern = table_at(patterns, i);
        if (!glob_match(topic_key(pattern), channel, false)) continue;
        deliver_to_topic(emitter, pattern, true, channel, message);
    }
    reply_integer(call->reply, emitter->delivery_count - before);
}

static void run_pubsub_channels(struct command_call *call) {
    if (call->count > 3) {
        reply_error_format(call->reply,
                           "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try "
                           "PUBSUB HELP.",
                           (int)call->args[1].size, call->args[1].data);
        return;
    }
    const struct table *channels = storages_emitter(call->storages)->topics[CHANNELS];
    size_t mark = reply_deferred_open(call->reply);
    uint64_t count = 0;
    for (uint32_t i = 0; i < table_size(channels); i++) {
        struct bytes name = topic_key(table_at(channels, i));
        if (call->count > 2 && !glob_match(call->args[2], name, false)) continue;
        reply_bulk(call->reply, name);
        count++;
    }
    reply_deferred_array(call->reply, mark, count);
}

static void run_pubsub_numsub(struct command_call *call) {
    const struct table *channels = storages_emitter(call->storages)->topics[CHANNELS];
    reply_array(call->reply, (uint64_t)(call->count - 2) * 2);
    for (uint32_t i = 2; i < call->count; i++) {
        const struct topic *topic = table_get(channels, call->args[i]);
        reply_bulk(call->reply, call->args[i]);
        reply_integer(call->reply, topic == NULL ? 0 : table_size(topic->subscribers));
    }
}

static void run_pubsub_numpat(struct command_call *call) {
    reply_integer(call->reply, table_size(storages_emitter(call->storages)->topics[PATTERNS]));
}

static void run_pubsub_help(struct command_call *call) {
    static const char *const lines[] = {
        "CHANNELS [<pattern>]",
        "    Return the currently active channels matching a <pattern> (default: '*').",
        "NUMPAT",
        "    Return number of subscriptions to patterns.",
        "NUMSUB [<channel> ...]",
        "    Return the number of subscribers for the specified channels, excluding",
        "    pattern subscriptions(default: no channels).",
        NULL,
    };
    command_reply_help(call, lines);
}

#define SUBSCRIBE_FLAGS (COMMAND_PUBSUB | COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE)

static const struct command emitter_commands[] = {
    {.id = 600,
     .name = "subscribe",
     .run = run_subscribe,
     .arity = -2,
     .place = COMMAND_LOG,
     .flags = SUBSCRIBE_FLAGS,
     .group = "pubsub",
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of channels to subscribe to.",
     .summary = "Listen for messages published to the given channels",
     .arguments = "s:channel*"},
    {.id = 601,
     .name = "unsubscribe",
     .run = run_unsubscribe,
     .arity = -1,
     .place = COMMAND_LOG,
     .flags = SUBSCRIBE_FLAGS,
     .group = "pubsub",
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of clients already subscribed to a channel.",
     .summary = "Stop listening for messages posted to the given channels",
     .arguments = "s:channel?*"},
    {.id = 602,
     .name = "psubscribe",
     .run = run_psubscribe,
     .arity = -2,
     .place = COMMAND_LOG,
     .flags = SUBSCRIBE_FLAGS,
     .group = "pubsub",
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of patterns the client is already subscribed to.",
     .summary = "Listen for messages published to channels matching the given patterns",
     .arguments = "b:pattern*(p:pattern)"},
    {.id = 603,
     .name = "punsubscribe",
     .run = run_punsubscribe,
     .arity = -1,
     .place = COMMAND_LOG,
     .flags = SUBSCRIBE_FLAGS,
     .group = "pubsub",
     .since = "2.0.0",
     .complexity = "O(N+M) where N is the number of patterns the client is already subscribed and "
                   "M is the number of total patterns subscribed in the system (by any client).",
     .summary = "Stop listening for messages posted to channels matching the given patterns",
     .arguments = "p:pattern?*"},
    {.id = 604,
     .name = "publish",
     .run = run_publish,
     .arity = 3,
     .place = COMMAND_LOG,
     .flags = COMMAND_PUBSUB | COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST,
     .group = "pubsub",
     .since = "2.0.0",
     .complexity = "O(N+M) where N is the number of clients subscribed to the receiving channel "
                   "and M is the total number of subscribed patterns (by any client).",
     .summary = "Post a message to a channel",
     .arguments = "s:channel s:message"},
    {.id = 605,
     .name = "pubsub",
     .run = command_run_container,
     .arity = -2,
     .place = COMMAND_READ,
     .group = "pubsub",
     .since = "2.8.0",
     .complexity = "Depends on subcommand.",
     .summary = "A container for Pub/Sub commands"},
    {.id = 606,
     .name = "pubsub|channels",
     .run = run_pubsub_channels,
     .arity = -2,
     .place = COMMAND_READ,
     .flags = COMMAND_PUBSUB | COMMAND_LOADING | COMMAND_STALE,
     .group = "pubsub",
     .since = "2.8.0",
     .complexity = "O(N) where N is the number of active channels, and assuming constant time "
                   "pattern matching (relatively short channels and patterns)",
     .summary = "List active channels",
     .arguments = "p:pattern?"},
    {.id = 607,
     .name = "pubsub|numsub",
     .run = run_pubsub_numsub,
     .arity = -2,
     .place = COMMAND_READ,
     .flags = COMMAND_PUBSUB | COMMAND_LOADING | COMMAND_STALE,
     .group = "pubsub",
     .since = "2.8.0",
     .complexity = "O(N) for the NUMSUB subcommand, where N is the number of requested channels",
     .summary = "Get the count of subscribers for channels",
     .arguments = "s:channel?*"},
    {.id = 608,
     .name = "pubsub|numpat",
     .run = run_pubsub_numpat,
     .arity = 2,
     .place = COMMAND_READ,
     .flags = COMMAND_PUBSUB | COMMAND_LOADING | COMMAND_STALE,
     .group = "pubsub",
     .since = "2.8.0",
     .complexity = "O(1)",
     .summary = "Get the count of unique patterns pattern subscriptions"},
    {.id = 609,
     .name = "pubsub|help",
     .run = run_pubsub_help,
     .arity = 2,
     .place = COMMAND_READ,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .group = "pubsub",
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Show helpful text about the different subcommands"},
};

const struct command_family emitter_family = {emitter_commands, COUNT_OF(emitter_commands)};
