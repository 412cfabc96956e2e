/* node_figures.c: see node_figures.h. */
#include "src/server/node_figures.h"

#include "src/server/membership.h"
#include "src/server/peers.h"

/* What this leader has told its followers and what it has heard of them. */
static void add_progress(const struct server *server, const struct raft_peer_status *peer,
                         struct node_figures *figures) {
    const struct raft *raft = replica_raft(server->replica);
    struct raft_rest rest;
    raft_rest_behind(raft, peer->match_index, &rest);
    figures->is_followed = true;
    figures->state = peer->state;
    figures->match_index = peer->match_index;
    figures->lag_entries = rest.entries;
    figures->lag_bytes = rest.bytes;
    if (rest.entries > 0 && server->wall_ms > rest.stamp_ms)
        figures->lag_ms = server->wall_ms - rest.stamp_ms;
    figures->round_trip_us = peer->round_trip_us;
    uint64_t now_us = clock_us();
    figures->silent_us = now_us > peer->last_contact_us ? now_us - peer->last_contact_us : 0;
}

static void add_links(const struct server *server, struct node_figures *figures) {
    struct peer_status status;
    if (server->peers == NULL || figures->is_self ||
        !peers_status(server->peers, figures->member.id, &status))
        return;
    figures->is_connected = status.connected;
    figures->connects = status.connects;
    figures->connect_errors = status.connect_errors;
    figures->protocol = status.protocol;
}

static enum raft_standing standing_of(const struct member *member) {
    bool votes = (member->flags & (MEMBER_VOTER | MEMBER_NEXT_VOTER)) != 0;
    return votes ? RAFT_VOTER : RAFT_LEARNER;
}

uint32_t node_figures_list(const struct server *server,
                           struct node_figures figures[RAFT_NODES_MAX]) {
    const struct raft *raft = replica_raft(server->replica);
    struct raft_peer_status peers[RAFT_NODES_MAX];
    bool leads = raft != NULL && raft_role(raft) == RAFT_LEADER;
    uint32_t peer_count = leads ? raft_peers(raft, peers, RAFT_NODES_MAX) : 0;
    struct members members;
    if (raft != NULL)
        members = *raft_members(raft);
    else
        membership_last_seen(server, &members);
    for (uint32_t i = 0; i < members.count; i++) {
        const struct member *member = &members.at[i];
        bool is_self = member->id == server->identity.id;
        figures[i] = (struct node_figures){
            .member = *member,
            .standing = standing_of(member),
            .is_self = is_self,
            .is_leader = raft != NULL && raft_leader(raft) == member->id,
            .is_connected = is_self,
        };
        add_links(server, &figures[i]);
        for (uint32_t k = 0; k < peer_count; k++)
            if (peers[k].id == member->id) add_progress(server, &peers[k], &figures[i]);
    }
    return members.count;
}
