/* network.c: packets travel as flat bytes, each arrival with memory of its own; links go down and
 * up, and who holds one end learns it late. */
#include "base/hash.h"
#include "base/memory.h"
#include "raft/message.h"
#include "src/replica/replica_internal.h"
#include "tests/simulator/world.h"

static void calm(struct link *link) {
    *link = (struct link){
        .delay_min_us = 50, .delay_max_us = 400, .last_us = {link->last_us[0], link->last_us[1]}};
}

void network_calm(struct world *world) {
    for (uint32_t from = 1; from <= world->node_count; from++) {
        for (uint32_t to = 1; to <= world->node_count; to++)
            calm(&world->links[from][to]);
    }
}

void network_calm_node(struct world *world, uint32_t id) {
    for (uint32_t peer = 1; peer <= NODES_MAX; peer++) {
        calm(&world->links[id][peer]);
        calm(&world->links[peer][id]);
    }
}

static struct chunk *flatten(const struct replica_packet *packet) {
    struct chunk *chunk = chunk_create(packet->size);
    memcpy(chunk->data, packet->head.data, packet->head.size);
    chunk->used = packet->head.size;
    for (uint32_t i = 0; i < packet->span_count; i++) {
        memcpy(chunk->data + chunk->used, packet->spans[i].data, packet->spans[i].size);
        chunk->used += packet->spans[i].size;
    }
    CHECK(chunk->used == packet->size);
    return chunk;
}

/* False: it is none of Raft's, or has more entries than there is room for. */
static bool decode(struct chunk *chunk, struct raft_message *message, struct entry *entries,
                   uint32_t entries_max) {
    if (chunk->data[0] != 1) return false;
    struct bytes body = bytes_of(chunk->data + 1, chunk->used - 1);
    return raft_message_decode(body, chunk, message, entries, entries_max) == ERROR_NONE;
}

static void describe(struct world *world, uint32_t from, const struct replica_packet *packet,
                     struct chunk *chunk, const char *fate) {
    uint64_t hash = hash_bytes(bytes_of(chunk->data, chunk->used), from);
    struct buffer text = {0};
    struct entry entries[1024];
    struct raft_message message;
    if (world->options->trace && decode(chunk, &message, entries, COUNT_OF(entries))) {
        raft_message_print(&message, &text);
    }
    if (world->options->trace && text.size == 0) {
        static const char *const kinds[] = {"?", "RAFT", "FORWARD", "EXPECT", "ORIGIN", "TICK"};
        uint8_t kind = (uint8_t)chunk->data[0];
        buffer_append_format(&text, "%s of %zu bytes", kinds[kind < COUNT_OF(kinds) ? kind : 0],
                             chunk->used);
    }
    world_trace(world, hash, "n%u -> n%u %s%.*s", from, packet->to, fate, (int)text.size,
                text.data);
    buffer_clear(&text);
}

static void launch(struct world *world, uint32_t from, const struct replica_packet *packet,
                   struct chunk *chunk) {
    struct link *link = &world->links[from][packet->to];
    uint64_t at_us = world->now_us + world_between(world, link->delay_min_us, link->delay_max_us);
    uint64_t *last_us = &link->last_us[packet->bulk];
    if (!link->reorders && at_us < *last_us) at_us = *last_us;
    if (at_us > *last_us) *last_us = at_us;
    world_at(world, at_us,
             (struct event){.kind = EVENT_PACKET,
                            .to = packet->to,
                            .from = from,
                            .value = world->nodes[from].uuid,
                            .chunk = chunk});
}

/* --- what nobody sent so -------------------------------------------------------------------- */

enum { PAST_MAX = 96, KINDS_REPLAYED = PACKET_FULL, KIND_OF_THE_FUTURE = 64 };

struct past {
    uint32_t from, to;
    size_t head; /* behind it come entries, which their hashes protect */
    struct chunk *chunk;
};

static struct chunk *copy_of(const struct chunk *chunk, size_t room) {
    struct chunk *copy = chunk_create(chunk->used + room);
    memcpy(copy->data, chunk->data, chunk->used);
    copy->used = chunk->used;
    return copy;
}

/* Keeps some of all packets: the newest of them, but also some of earlier terms and boots. */
static void keep(struct world *world, uint32_t from, const struct replica_packet *packet,
                 const struct chunk *chunk) {
    bool is_hostile_seed = world->fault_on[FAULT_replays] || world->fault_on[FAULT_misdirections] ||
                           world->fault_on[FAULT_mangled_packets];
    if (!is_hostile_seed || !world_chance(world, 50)) return;
    if (world->past == NULL) world->past = memory_allocate_zeroed(PAST_MAX * sizeof(struct past));
    struct past *past = &world->past[world_below(world, PAST_MAX)];
    chunk_release(past->chunk);
    *past = (struct past){from, packet->to, packet->head.size, copy_of(chunk, 0)};
}

void network_clear(struct world *world) {
    for (uint32_t i = 0; world->past != NULL && i < PAST_MAX; i++)
        chunk_release(world->past[i].chunk);
    memory_release(world->past);
}

/* As a sender of another version, or one whose memory fails, might make it: behind a valid frame.
 * No bit flips where nothing could notice. */
static struct chunk *mangle(struct world *world, const struct past *past) {
    struct chunk *chunk = copy_of(past->chunk, 64);
    uint64_t way = world_below(world, 4);
    if (way == 0 && chunk->used > past->head) {
        size_t at = past->head + world_below(world, chunk->used - past->head);
        chunk->data[at] = (char)(chunk->data[at] ^ 1 << world_below(world, 8));
    } else if (way == 1) {
        chunk->data[0] = (char)world_between(world, KIND_OF_THE_FUTURE, 255);
    } else if (way == 2) {
        for (size_t i = 0; i < 64; i++)
            chunk->data[chunk->used++] = (char)world_below(world, 256);
    } else {
        chunk->used = world_below(world, chunk->used);
    }
    return chunk;
}

void network_strike(struct world *world, enum fault fault) {
    if (world->past == NULL) return;
    const struct past *past = &world->past[world_below(world, PAST_MAX)];
    if (past->chunk == NULL || (uint8_t)past->chunk->data[0] > KINDS_REPLAYED) return;
    struct event event = {.kind = EVENT_PACKET, .to = past->to, .from = past->from};
    if (fault == FAULT_misdirections && world_chance(world, 500)) {
        event.to = (uint32_t)world_between(world, 1, world->node_count);
    } else if (fault == FAULT_misdirections) {
        event.from = (uint32_t)world_below(world, RAFT_NODES_MAX + 2);
    }
    event.is_hostile = true;
    event.chunk = fault == FAULT_mangled_packets ? mangle(world, past) : copy_of(past->chunk, 0);
    world_at(world, world->now_us + world_paced_us(world, 2, 6), event);
}

/* --- sending -------------------------------------------------------------------------------- */

void network_send(struct world *world, uint32_t from, struct replica_packet *packet) {
    struct link *link = &world->links[from][packet->to];
    struct chunk *chunk = flatten(packet);
    bool lost = !world->nodes[from].link_up[packet->to] || link->cut ||
                (packet->bulk && world->now_us < link->bulk_lost_until_us) ||
                world_chance(world, link->drop_per_mille);
    describe(world, from, packet, chunk, lost ? "lost: " : "");
    world->result->figures.packets++;
    struct raft_message message;
    if (!packet->bulk && decode(chunk, &message, NULL, 0)) {
        checks_vote(world, &message);
        if (message.type == RAFT_TIMEOUT_NOW) world->nodes[from].handing_over_term = message.term;
    }
    keep(world, from, packet, chunk);
    if (lost) {
        chunk_release(chunk);
    } else {
        launch(world, from, packet, chunk);
        if (world_chance(world, link->duplicate_per_mille)) {
            launch(world, from, packet, flatten(packet));
        }
    }
    replica_packet_destroy(packet);
}

void network_packet_arrives(struct world *world, struct event *event) {
    struct node *node = &world->nodes[event->to];
    bool is_cut = event->from <= NODES_MAX && world->links[event->from][event->to].cut;
    if (node->replica == NULL || is_cut) {
        chunk_release(event->chunk);
        return;
    }
    node_put(node, (struct inbox_item){.from = event->from,
                                       .link = -1,
                                       .uuid = event->value,
                                       .chunk = event->chunk,
                                       .is_hostile = event->is_hostile});
}

/* --- links ---------------------------------------------------------------------------------- */

static void tell(struct world *world, uint32_t to, uint32_t from, bool up, uint64_t in_us) {
    world_at(world, world->now_us + in_us,
             (struct event){.kind = EVENT_LINK, .to = to, .from = from, .value = up});
}

void network_link_changes(struct world *world, const struct event *event) {
    struct node *node = &world->nodes[event->to];
    if (node->replica == NULL) return;
    bool reachable = world->nodes[event->from].replica != NULL &&
                     !world->links[event->to][event->from].cut &&
                     !world->links[event->from][event->to].cut;
    if (event->value == 1 && !reachable) {
        tell(world, event->to, event->from, true, world_paced_us(world, 50, 3));
        return;
    }
    /* Whoever loses a connection dials again. */
    if (event->value == 0) {
        tell(world, event->to, event->from, true, world_paced_us(world, 5, 7));
    }
    if (node->link_up[event->from] == (event->value == 1)) return;
    node->link_up[event->from] = event->value == 1;
    world_trace(world, event->value, "n%u: link to n%u is %s", event->to, event->from,
                event->value == 1 ? "up" : "down");
    node_put(node, (struct inbox_item){.from = event->from, .link = (int)event->value});
}

void network_node_started(struct world *world, uint32_t id) {
    for (uint32_t peer = 1; peer <= world->node_count; peer++) {
        world->nodes[id].link_up[peer] = false;
        if (peer == id) continue;
        tell(world, id, peer, true, world_between(world, 500, 30000));
        tell(world, peer, id, false, world_between(world, 0, 400));
        tell(world, peer, id, true, world_between(world, 500, 60000));
    }
}

void network_node_stopped(struct world *world, uint32_t id) {
    for (uint32_t peer = 1; peer <= world->node_count; peer++) {
        if (peer != id) tell(world, peer, id, false, world_between(world, 0, 5000));
    }
}
