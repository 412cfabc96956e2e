/* members.h: who belongs to a cluster: one configuration, and the body of an ENTRY_CONFIG.
 *
 * A voter counts in every decision. A learner gets everything and counts nowhere; one with
 * MEMBER_PROMOTE becomes a voter by itself once it has caught up, and then takes the place of the
 * member named in `replaces`. A *joint* configuration (thesis 4.3) has two sets of voters: the old
 * one (MEMBER_VOTER) and the one to come (MEMBER_NEXT_VOTER); decisions need a majority of both.
 *
 * An id is bound to its uuid for as long as it stands in the configuration. Ids are given out in
 * turn, so that a freed one is not used again soon: what its old node has sent may still be on its
 * way.
 *
 * The body, little-endian (format 1):
 *
 *   offset  size  field
 *        0     1  format (1)
 *        1     1  joint: 0 or 1
 *        2     1  number of members
 *        3     1  the id last given out
 *   then each member, by ascending id:
 *        0     1  id
 *        1     1  flags (enum member_flag)
 *        2     1  replaces
 *        3     1  size of the host's name
 *        4     2  port
 *        6    16  uuid
 *       22        host
 *
 * Pure values: nothing here owns memory. */
#pragma once

#include "base/buffer.h"
#include "base/error.h"

enum { RAFT_NODES_MAX = 16, MEMBERS_FORMAT = 1, MEMBER_UUID_SIZE = 16, MEMBER_HOST_MAX = 255 };

enum member_flag {
    MEMBER_VOTER = 1,
    MEMBER_NEXT_VOTER = 2, /* joint: votes in the set to come */
    MEMBER_LEAVES = 4,     /* joint: is no member afterwards (without it: becomes a learner) */
    MEMBER_PROMOTE = 8,    /* learner: becomes a voter when it has caught up */
};

struct member {
    uint32_t id;
    uint32_t flags;
    uint32_t replaces; /* with MEMBER_PROMOTE: removed in the same change; 0: none */
    uint32_t port;
    char uuid[MEMBER_UUID_SIZE];    /* zeros: unknown */
    char host[MEMBER_HOST_MAX + 1]; /* with its terminating zero */
};

struct members {
    bool joint;
    uint32_t last_id; /* given out last */
    uint32_t count;
    struct member at[RAFT_NODES_MAX]; /* ascending by id */
};

/* Voters of these ids, of which nothing else is known. */
struct member_ids {
    const uint32_t *at;
    uint32_t count;
};
void members_of_voters(struct members *members, struct member_ids ids);

/* NULL: not a member. */
const struct member *members_find(const struct members *members, uint32_t id);
/* Adds the member (its id is the one last given out then), or changes the one with this id. False:
 * there are RAFT_NODES_MAX others. */
bool members_put(struct members *members, const struct member *member);
/* Nobody takes its place any more: its id may become another node's. One that is no member: no
 * effect. */
void members_drop(struct members *members, uint32_t id);
/* The first free one behind the one last given out, in turn, that is not `taken` otherwise (bits
 * 1 << id); 0: none. */
uint32_t members_free_id(const struct members *members, uint32_t taken);

/* Sets of ids: bit 1 << id. */
uint32_t members_all(const struct members *members);
uint32_t members_voters(const struct members *members);
uint32_t members_next_voters(const struct members *members); /* 0 unless joint */
uint32_t members_to_promote(const struct members *members);

/* Ids, flags, order, text, and at least one voter in each set. ERROR_RANGE or ERROR_MALFORMED. */
enum error members_validate(const struct members *members) MUST_USE;

/* What the log has to hold first on the way from one configuration to the next, neither of them
 * joint: the target itself where the voters stay the same, else the joint one. */
struct members_change {
    const struct members *from, *to;
};
void members_begin_change(struct members_change change, struct members *first);
/* What a joint configuration leads to. */
void members_end_change(const struct members *joint, struct members *last);

/* Requires a valid configuration. */
void members_encode(const struct members *members, struct buffer *out);
/* ERROR_VERSION: a newer format; ERROR_TRUNCATED, MALFORMED, RANGE. *members is undefined then. */
enum error members_decode(struct bytes body, struct members *members) MUST_USE;

/* One readable line: "n1 n2 n3 (learner) -> n1 n3 n4". */
void members_print(const struct members *members, struct buffer *out);
