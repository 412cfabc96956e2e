/* presence.c: see replica.h ("what a watchdog says"); which version of the protocol came with what.
 */
#include "src/replica/replica_internal.h"

struct replica_presence replica_presence(const struct replica *replica) {
    struct replica_presence presence = {.id = replica->config.raft.id};
    if (replica->state != REPLICA_RUNNING || replica->stopping) return presence;
    presence.term = raft_term(replica->raft);
    presence.leads = raft_role(replica->raft) == RAFT_LEADER;
    return presence;
}

void replica_write_busy(struct buffer *packet, const struct replica_presence *presence, uint32_t to,
                        uint64_t busy_us) {
    struct raft_message message = {
        .type = RAFT_BUSY,
        .from = presence->id,
        .to = to,
        .term = presence->term,
        .as.busy = {.busy_us = busy_us, .leads = presence->leads},
    };
    buffer_append_byte(packet, (char)PACKET_RAFT);
    raft_message_encode(&message, packet);
}

uint32_t replica_packet_protocol(const struct replica_packet *packet) {
    const char *head = packet->head.data;
    if (head[0] == PACKET_RAFT) return load_u32(head + 1) > RAFT_SNAPSHOT ? 3 : 2;
    return head[0] >= PACKET_FULL ? 3 : 2;
}

void replica_peer_speaks(struct replica *replica, uint32_t peer, uint32_t protocol) {
    CHECK(peer >= 1 && peer <= RAFT_NODES_MAX);
    replica->speaks[peer] = protocol;
}

uint32_t replica_older_members(const struct replica *replica, uint32_t protocol) {
    const struct members *members = replica_members(replica);
    uint32_t older = 0;
    for (uint32_t i = 0; members != NULL && i < members->count; i++) {
        uint32_t id = members->at[i].id;
        if (id != replica->config.raft.id && replica->speaks[id] < protocol) older |= 1u << id;
    }
    return older;
}
