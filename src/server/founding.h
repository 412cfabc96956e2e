/* founding.h: how nodes that know only a list of addresses become a cluster (SAFETY 12).
 *
 * Pure decisions; peers.c carries the questions and answers. Each node has drawn its uuid and made
 * it durable before it answers. Two steps, each durable before the node tells of it:
 *
 *   PREPARE  when *all* listed nodes have answered with their uuids and the same list, a node
 *            computes the cluster (from equal answers all compute the same id and members) and
 *            promises to be a member of this one or of none
 *   FOUND    when all have promised the same cluster, or one has founded it. Then it may vote
 *
 * So whoever votes knows that all listed directories have promised this cluster: another one over
 * the same list would need the promise of every one of them again. An answer may be old (a node
 * behind a broken network was wiped since): without the promise it could help to found a second
 * cluster, whose majority knows nothing of the first one's writes.
 *
 *   crash before the uuid is durable     the node comes back with another one: nobody has heard
 *                                        of the first
 *   crash before or after its promise    it comes back under the same uuid and goes on from there
 *   crash before its own founding        it hears of the founding and takes it over
 *   wiped after its answer               it comes back under another uuid: refused by whoever has
 *                                        promised or founded, so it never votes. Nothing can be
 *                                        founded with the others' promise: all begin again empty */
#pragma once

#include "src/server/identity.h"

struct founding_address {
    char host[IDENTITY_HOST_SIZE];
    uint16_t port;
};

/* What one node says of itself. */
struct founding_answer {
    enum identity_phase phase;
    char node[IDENTITY_ID_SIZE];
    uint64_t list_hash; /* of the sorted address list: all must have been given the same */
    uint64_t initial;   /* EMPTY: of the data that it brings; else of what the cluster began with */
    /* not empty: */
    char cluster[IDENTITY_ID_SIZE];
    struct identity_member members[RAFT_NODES_MAX];
    uint32_t member_count;
};

struct founding {
    struct founding_address list[RAFT_NODES_MAX]; /* sorted: position + 1 is the node's id */
    uint32_t count;
    uint32_t self; /* position in the list */
    char node[IDENTITY_ID_SIZE];
    bool prepared;
    char promised[IDENTITY_ID_SIZE]; /* prepared: the cluster */
    uint64_t initial;                /* see founding_answer */
    bool answered[RAFT_NODES_MAX];
    struct founding_answer answers[RAFT_NODES_MAX];
};

enum founding_decision {
    FOUNDING_WAITS,
    FOUNDING_PREPARE, /* *identity is to be made durable, then founding_note_prepared() */
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
/* The promise is durable. Also at a start with a prepared identity. */
void founding_note_prepared(struct founding *founding, const struct identity *identity);
/* Its connection broke: it may come back wiped, so its answer counts no longer. */
void founding_forget_answer(struct founding *founding, uint32_t position);
enum { FOUNDING_TEXT_SIZE = 512 };
enum founding_decision founding_decide(const struct founding *founding, struct identity *identity,
                                       char text[static FOUNDING_TEXT_SIZE]);

/* While it waits: for whom, why, and what to do; false if for nobody. `problems` by position: what
 * keeps that node from answering, "" if nothing is known. */
bool founding_describe(const struct founding *founding, const char *const *problems,
                       char text[static FOUNDING_TEXT_SIZE]);

/* What the node with this identity answers. */
void founding_own_answer(const struct identity *identity, uint64_t list_hash,
                         struct founding_answer *answer);
void founding_answer_encode(const struct founding_answer *answer, struct buffer *out);
enum error founding_answer_decode(struct bytes bytes, struct founding_answer *answer) MUST_USE;
