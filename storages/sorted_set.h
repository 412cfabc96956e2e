/* sorted_set.h: members with scores in the order of (score, member), one of the replicated
 * storages.
 *
 * Small sorted sets are a packed list of member, score, member, score … in that order; beyond the
 * limits, and for ever after, a dense table of the members (in the order of adding; deleting moves
 * the last one into the hole) beside a counted B+tree.
 *
 * Ranks count from 0 in the order of (score, member). Scores are never NaN; a packed -0 becomes 0,
 * as in Redis.
 *
 * Pure: equal calls give equal sorted sets on every node; the hash seed is node-local and shows
 * nowhere. Ownership: members passed in are copied and must not lie in the sorted set itself. Spans
 * handed out are valid until it next changes, or point into the caller's scratch. */
#pragma once

#include "base/bytes.h"
#include "base/number.h"
#include "storages/keyspace.h"
#include "storages/score_tree.h"

struct sorted_set; /* Opaque: its fields live in sorted_set.c. */

/* How large a packed sorted set may become. */
struct sorted_set_limits {
    int64_t packed_members_max;
    int64_t packed_size_max; /* bytes of one member */
};

struct sorted_set *sorted_set_create(uint64_t hash_seed);
/* In the same form; members of a large one in the order of their positions, without its holes. */
struct sorted_set *sorted_set_copy(const struct sorted_set *set);
void sorted_set_destroy(struct sorted_set *set); /* NULL is allowed. */

uint32_t sorted_set_size(const struct sorted_set *set);
bool sorted_set_is_packed(const struct sorted_set *set);

/* False when it is no member; then *score is untouched. */
bool sorted_set_find(const struct sorted_set *set, struct bytes member, double *score);

/* What ZADD's options say about a member and its new score. */
enum sorted_set_rule {
    SORTED_SET_ONLY_NEW = 1u << 0,     /* NX */
    SORTED_SET_ONLY_OLD = 1u << 1,     /* XX */
    SORTED_SET_ONLY_GREATER = 1u << 2, /* GT: a new member is added all the same */
    SORTED_SET_ONLY_LESS = 1u << 3,    /* LT: likewise */
    SORTED_SET_INCREMENT = 1u << 4,    /* INCR: the score is added to the present one */
};

enum sorted_set_outcome {
    SORTED_SET_ADDED,
    SORTED_SET_UPDATED,
    SORTED_SET_SAME,         /* it has this score already */
    SORTED_SET_REFUSED,      /* by the rules */
    SORTED_SET_NOT_A_NUMBER, /* infinities of opposite sign were to be added */
};

/* Adds the member or changes its score; *score is the score or increment, and afterwards, unless
 * refused, the score it has. `rules`: enum sorted_set_rule. */
enum sorted_set_outcome sorted_set_put(struct sorted_set *set, struct bytes member, double *score,
                                       uint32_t rules, const struct sorted_set_limits *limits);

/* False if it was no member. leave_hole: the atomic unit goes on after this command, so its
 * position stays open until the unit's end (SAFETY 25). */
bool sorted_set_remove(struct sorted_set *set, struct bytes member, bool leave_hole);
/* Removes `count` members from this rank on, as far as there are. */
void sorted_set_remove_ranks(struct sorted_set *set, uint32_t rank, uint32_t count,
                             bool leave_hole);
bool sorted_set_has_holes(const struct sorted_set *set);

/* How many members are before the bound (score_tree.h). */
uint32_t sorted_set_count_before(const struct sorted_set *set, const struct score_bound *bound);
/* False when it is no member; then *rank is untouched. */
bool sorted_set_rank(const struct sorted_set *set, struct bytes member, uint32_t *rank);

/* One member, lent: the span points into the sorted set or into the scratch here, so this must not
 * be copied. */
struct sorted_set_entry {
    struct bytes member;
    double score;
    char scratch[NUMBER_TEXT_MAX];
};

/* Walks from a rank upwards or downwards; the sorted set must not change meanwhile. A rank beyond
 * the last one gives no entry. */
struct sorted_set_walk {
    const struct sorted_set *set;
    bool downwards;
    uint32_t at; /* offset in a packed one */
    struct score_cursor cursor;
};
struct sorted_set_walk sorted_set_walk(const struct sorted_set *set, uint32_t rank, bool downwards);
bool sorted_set_walk_next(struct sorted_set_walk *walk, struct sorted_set_entry *entry);

/* Positions of the table run from 0 to sorted_set_span(); false at a hole. In a packed one the
 * position is the rank. For scans, and for copies that keep positions. */
uint32_t sorted_set_span(const struct sorted_set *set);
bool sorted_set_at(const struct sorted_set *set, uint32_t position, struct sorted_set_entry *entry);

void sorted_set_check(const struct sorted_set *set);

/* --- the forms themselves: for files ------------------------------------------------------- */

/* The packed list of a small sorted set: member, score, member, score …; NULL for a large one. */
const struct packed *sorted_set_packed(const struct sorted_set *set);
/* A small sorted set that owns this list from now on: in order, no member twice, no score -0. */
struct sorted_set *sorted_set_of_packed(struct packed *packed, uint64_t hash_seed);
/* An empty sorted set in the large form: sorted_set_put() then looks at no limits. */
struct sorted_set *sorted_set_create_large(uint64_t hash_seed);

extern const struct item_class sorted_set_class;

extern const struct command_family sorted_set_family;
