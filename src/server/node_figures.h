/* node_figures.h: what this node knows of each member, for INFO raft, RAFT STATUS and kin. */
#pragma once

#include "src/server/server_state.h"

struct node_figures {
    struct member member;
    enum raft_standing standing;
    bool is_self, is_leader;
    bool is_connected; /* what this node sends to it arrives */
    uint64_t connects, connect_errors;
    uint32_t protocol; /* that is spoken with it; 0: none yet */
    /* While this node leads; of another member. */
    bool is_followed;
    enum raft_peer_state state;
    uint64_t match_index; /* durable there up to this entry */
    uint64_t lag_entries, lag_bytes, lag_ms;
    uint64_t round_trip_us; /* of heartbeats, smoothed; 0: none was answered yet */
    uint64_t silent_us;     /* since it was heard of last */
};

/* Of the members in force (before the log is read, of those last seen), in the order of their ids;
 * returns how many. */
uint32_t node_figures_list(const struct server *server,
                           struct node_figures figures[RAFT_NODES_MAX]);
