/* founding.h: how nodes that know only a list of addresses become a cluster (SAFETY 12).
 *
 * Pure decisions; peers.c carries the questions and answers. Each node has drawn its uuid and made
 * it durable before it answers. An empty node founds only when *all* listed nodes have answered
 * "empty" with their uuids and the same list; from equal answers all compute the same cluster id
 * and members. A node whose answer says "founded" decides the matter: who stands among its members,
 * with this very uuid, takes that founding over; anyone else is refused. The founding is durable
 * before the node votes for the first time.
 *
 *   crash before the uuid is durable         the node comes back with another one: nobody has
 *                                            heard of the first
 *   crash between its answer and its own     it comes back empty under the same uuid, hears of the
 *   founding                                 founding and takes it over
 *   wiped after its answer                   it comes back under another uuid: refused by whoever
 *                                            has founded, so it never votes */
#pragma once

#include "src/server/identity.h"

struct founding_address {
    char host[IDENTITY_HOST_SIZE];
    uint16_t port;
};

/* What one node says of itself. */
struct founding_answer {
    bool founded;
    char node[IDENTITY_ID_SIZE];
    uint64_t list_hash; /* of the sorted address list: all must have been given the same */
    /* founded: */
    char cluster[IDENTITY_ID_SIZE];
    struct identity_member members[RAFT_NODES_MAX];
    uint32_t member_count;
};

struct founding {
    struct founding_address list[RAFT_NODES_MAX]; /* sorted: position + 1 is the node's id */
    uint32_t count;
    uint32_t self; /* position in the list */
    char node[IDENTITY_ID_SIZE];
    bool answered[RAFT_NODES_MAX];
    struct founding_answer answers[RAFT_NODES_MAX];
};

enum founding_decision {
    FOUNDING_WAITS,
    FOUNDING_DONE,    /* *identity is to be made durable, then the node takes part */
    FOUNDING_REFUSED, /* `text` says why, and the mend */
};

/* Reads "h1:p1,h2:p2,…" and sorts it. ERROR_MALFORMED, ERROR_RANGE (ports, number of nodes),
 * ERROR_EXISTS (one twice). */
enum error founding_parse_list(struct bytes text, struct founding_address *list,
                               uint32_t *count) MUST_USE;
uint64_t founding_list_hash(const struct founding_address *list, uint32_t count);

/* A newer answer of the node at this position takes the place of an older one. */
void founding_note_answer(struct founding *founding, uint32_t position,
                          const struct founding_answer *answer);
/* Its connection broke: it may come back wiped, so its answer counts no longer. */
void founding_forget_answer(struct founding *founding, uint32_t position);
enum { FOUNDING_TEXT_SIZE = 512 };
enum founding_decision founding_decide(const struct founding *founding, struct identity *identity,
                                       char text[static FOUNDING_TEXT_SIZE]);

/* What the node with this identity answers. */
void founding_own_answer(const struct identity *identity, uint64_t list_hash,
                         struct founding_answer *answer);
void founding_answer_encode(const struct founding_answer *answer, struct buffer *out);
enum error founding_answer_decode(struct bytes bytes, struct founding_answer *answer) MUST_USE;
