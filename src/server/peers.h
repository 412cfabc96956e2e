/* peers.h: the connections between the nodes of a cluster, its founding over them, and how a node
 * joins one.
 *
 * Each node dials each other node twice, for control and for bulk, and sends on what it dialled;
 * what it accepts it only reads. So a heartbeat never waits behind an entry. Frames carry a size
 * and a checksum (XXH3) of their head; entries behind the head verify themselves (entry.h). A
 * handshake proves version, cluster, node and, with a secret, its knowledge by HMAC-SHA256 over
 * both nonces. Names are resolved anew at each connect, off the loop; reconnects back off up to a
 * second.
 *
 * Whom this node dials follows the members (peers_set_members()). A node that is none, by what this
 * one knows, may be one of a newer configuration: it is heard as long as this node is in touch with
 * no leader, and told that it is no member any more else.
 *
 * An accepted connection that has not yet proved who it is, or only asks for founding or to join,
 * is bounded in bytes, time and number.
 * Only the loop's thread calls in; the callbacks run on it. */
#pragma once

#include <ev.h>

#include "src/replica/replica.h"
#include "src/server/founding.h"
#include "src/server/joining.h"

struct peers;
struct watchdog;

struct peers_handlers {
    void *context;
    /* A packet from a member; the chunk may be kept by taking a reference. */
    void (*packet)(void *context, uint32_t from, struct bytes packet, struct chunk *chunk);
    /* What this node sends to `peer` on the bulk connection now arrives (or no longer). */
    void (*link)(void *context, uint32_t peer, bool up);
    /* Make *identity durable and this node's: the promise to a cluster (phase PREPARED), or the
     * founding; after that one peers_founded() outside of this call. */
    void (*founded)(void *context, const struct identity *identity);
    /* A node with an empty directory asks to join: fills the answer. It will ask again. */
    void (*join_asked)(void *context, const struct joining_question *question,
                       struct joining_answer *answer);
    /* Whether this node hears a leader, other than the node with this id. */
    bool (*is_in_touch)(void *context, uint32_t id);
    /* A member that has proved itself says that the configuration committed at this index does not
     * have this node. */
    void (*outside)(void *context, uint64_t members_index);
    /* This node cannot be part of the cluster; `text` says why and the mend. */
    void (*refused)(void *context, const char *text);
    /* One line for the log. */
    void (*log)(void *context, bool warning, const char *text);
};

struct peers_config {
    struct ev_loop *loop;
    const struct identity *identity; /* outlives peers; members change in founded() only */
    struct founding_address list[RAFT_NODES_MAX]; /* sorted; while the identity is empty */
    uint32_t list_count, list_self;
    /* A node that is to join: the member to ask, and what it is asked; else NULL. Copied. */
    const struct joining_question *question;
    struct bytes secret;  /* empty: none. Copied. */
    const int *listeners; /* listening sockets of the peer port; owned by peers from now on */
    uint32_t listener_count;
    bool secret_required;      /* some address is not loopback: without a secret nobody is heard */
    struct watchdog *watchdog; /* outlives peers; is told of control connections. NULL: none */
    uint32_t protocol;         /* the newest version of the peer protocol to speak */
    uint32_t patience_ms;      /* a connection without any sign of the other side is given up */
};

struct peers *peers_create(const struct peers_config *config,
                           const struct peers_handlers *handlers);
void peers_destroy(struct peers *peers); /* NULL is allowed. */

/* The identity is durable: from now on packets flow. */
void peers_founded(struct peers *peers);
/* Dials those who are members now (and those of `leaving`, bits 1 << id, who are told that they are
 * none any more), forgets the others. `index`: of the committed configuration. */
void peers_set_members(struct peers *peers, const struct members *members, uint32_t leaving,
                       uint64_t index);
/* Takes the packet over; it is dropped if there is no connection (Raft sends again). */
void peers_send(struct peers *peers, struct replica_packet *packet);
/* Writes what peers_send() gathered: once a turn. */
void peers_flush(struct peers *peers);

/* Of connections made from now on. */
void peers_set_patience(struct peers *peers, uint32_t patience_ms);

struct peer_status {
    uint32_t protocol; /* version spoken on what this node dialled; 0: never yet */
    bool connected;    /* both outgoing connections are up */
    uint64_t connects, connect_errors, refusals, bytes_in, bytes_out;
    char host[IDENTITY_HOST_SIZE];
    uint16_t port;
};
bool peers_status(const struct peers *peers, uint32_t peer, struct peer_status *status);
