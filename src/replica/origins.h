/* origins.h: which boots of which nodes may put batches into the log, and how far each has come.
 *
 * Part of the replicated state: changed by applied entries only, equal on every node. An origin's
 * id is the index of the entry that opened it; opening closes the older origins of the same node
 * (SAFETY 17), and so does the entry that removes the node from the cluster. A batch is applied
 * only if its number is its origin's last + 1.
 *
 * The leader keeps a second table of the same shape for its log including the uncommitted tail. */
#pragma once

#include "base/bytes.h"
#include "raft/members.h"

struct origin {
    uint64_t id;
    uint64_t uuid[2]; /* of the node */
    uint64_t nonce;   /* of the boot */
    uint64_t last;    /* number of the last batch */
    uint32_t node;
};

struct origins {
    struct origin *at; /* in the order of their opening: ids ascend */
    uint32_t count, capacity;
};

void origins_clear(struct origins *origins);
void origins_copy(struct origins *to, const struct origins *from);
struct origin *origins_find(const struct origins *origins, uint64_t id); /* or NULL */
/* The open origin of this boot, or NULL. */
struct origin *origins_find_boot(const struct origins *origins, const uint64_t uuid[2],
                                 uint64_t nonce);
/* Opens `origin` (last is 0). Older origins of the node are closed: closed(context, id) is called
 * for each. A second opening of the same boot changes nothing and gives false. */
bool origins_open(struct origins *origins, struct origin origin,
                  void (*closed)(void *context, uint64_t id), void *context);
/* Its node is a member, under this id and uuid (if that is known). */
bool origin_is_of_a_member(const struct origin *origin, const struct members *members);
/* Closes those whose node is no member any more, or another one under its id. */
void origins_close_former(struct origins *origins, const struct members *members,
                          void (*closed)(void *context, uint64_t id), void *context);
/* Puts back the next one of a saved table; false if it fits none: ids ascend, a node has one. */
bool origins_restore(struct origins *origins, const struct origin *origin);
uint64_t origins_digest(const struct origins *origins, uint64_t chain);

/* The body of an entry that opens an origin. */
enum { ORIGIN_BODY_SIZE = 28 };
void origin_body_write(char *at, const struct origin *origin);
/* False for bytes that are none, or name no node. */
bool origin_body_read(struct bytes body, struct origin *origin);
