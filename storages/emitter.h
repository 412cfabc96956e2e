/* emitter.h: who listens to which channel, in the whole cluster; what was published to whom.
 *
 * Part of the replicated state: SUBSCRIBE, PUBLISH and their kin are log entries, so every node
 * knows all subscribers, and a PUBLISH that begins after a SUBSCRIBE was confirmed reaches it,
 * wherever both are connected (docs/design.md, "Sessions"). A subscriber is (origin, client).
 *
 * A command's deliveries stand in a list until the replica has drained it, right after the command:
 * their spans are lent by the command's arguments and by the emitter until then. */
#pragma once

#include "storages/command.h"

struct emitter;

struct emitter_delivery {
    uint64_t origin, client;
    struct bytes channel, message;
    bool by_pattern;
    struct bytes pattern; /* by_pattern */
};

/* The emitter of these storages. */
struct emitter *storages_emitter(struct storages *storages);

/* The next delivery of the command that just ran, in Redis's order; false when there is none left.
 */
bool emitter_next_delivery(struct emitter *emitter, struct emitter_delivery *delivery);
/* "message" or "pmessage", as a push in RESP3 and an array in RESP2. */
void emitter_reply_delivery(struct reply *reply, const struct emitter_delivery *delivery);

/* A client went away; an origin was closed. Applied like commands, on every node alike. */
void emitter_remove_client(struct emitter *emitter, uint64_t origin, uint64_t client);
void emitter_remove_origin(struct emitter *emitter, uint64_t origin);

/* How many channels, and how many patterns, somebody in the cluster listens to. */
uint32_t emitter_channels(const struct emitter *emitter);
uint32_t emitter_patterns(const struct emitter *emitter);
