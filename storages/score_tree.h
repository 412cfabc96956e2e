/* score_tree.h: scored members in the order of (score, member), with ranks: the ordered half of a
 * large sorted set.
 *
 * A counted B+tree: members stand in leaves of about 1 KiB, linked in both directions; inner nodes
 * hold for each child its size and its first member's score and address. So adding, removing,
 * seeking a rank and counting what is before a bound cost O(log n) with few cache lines each.
 *
 * Ownership: the tree stores pointers and never frees or copies what they point to. Score and bytes
 * of a member must not change while it is in the tree. Ranks count from 0, at most 2^32 - 2
 * members. Scores are never NaN; -0 and 0 are equal. */
#pragma once

#include "base/bytes.h"

/* One member of a sorted set: one allocation of its owner's. */
struct score_member {
    double score;
    uint32_t size; /* bytes of data */
    char data[];
};

static inline struct bytes score_member_bytes(const struct score_member *member) {
    return (struct bytes){member->data, member->size};
}

/* A cut through the order: some entries are before it, the others behind. By score or member bytes
 * alone (ZRANGEBYSCORE, ZRANGEBYLEX: then all scores should be equal), or by both. Entries that
 * equal the bound are behind it, unless `after`. */
struct score_bound {
    enum { SCORE_BOUND_SCORE, SCORE_BOUND_MEMBER, SCORE_BOUND_ENTRY } by;
    bool after;
    double score;
    struct bytes member;
};

static inline bool score_bound_is_behind(const struct score_bound *bound, double score,
                                         struct bytes member) {
    if (bound->by != SCORE_BOUND_MEMBER) {
        if (score != bound->score) return score < bound->score;
        if (bound->by == SCORE_BOUND_SCORE) return bound->after;
    }
    int order = bytes_compare(member, bound->member);
    return order < 0 || (order == 0 && bound->after);
}

struct score_tree; /* Opaque: its nodes live in score_tree.c. */

struct score_tree *score_tree_create(void);
void score_tree_destroy(struct score_tree *tree); /* NULL is allowed; the members stay. */
/* Releases nodes until about *budget members are out and takes their number off it; true when the
 * tree itself is destroyed. Until then nothing else may be done with it; members are not read. */
bool score_tree_destroy_some(struct score_tree *tree, uint64_t *budget);

uint32_t score_tree_size(const struct score_tree *tree);

/* Adds a member of which no equal one is in the tree. */
void score_tree_add(struct score_tree *tree, struct score_member *member);
/* Takes out a member that is in the tree: this very one, not a copy. */
void score_tree_remove(struct score_tree *tree, struct score_member *member);
/* Gives a member that is in the tree another score, hence another place. */
void score_tree_move(struct score_tree *tree, struct score_member *member, double score);

/* How many members are before the bound: the rank of the first one behind it. */
uint32_t score_tree_count_before(const struct score_tree *tree, const struct score_bound *bound);

/* A place among the members; valid until the tree next changes. */
struct score_cursor {
    const struct score_leaf *leaf; /* NULL: beyond either end */
    uint32_t index;
};

/* The member of this rank; beyond the end for rank >= size. */
struct score_cursor score_tree_seek(const struct score_tree *tree, uint32_t rank);
struct score_member *score_cursor_member(struct score_cursor cursor); /* NULL beyond the ends */
void score_cursor_next(struct score_cursor *cursor);                  /* stays beyond the ends */
void score_cursor_previous(struct score_cursor *cursor);

size_t score_tree_memory(const struct score_tree *tree); /* bytes of the nodes */

/* Costly walk of all invariants: in tests. */
void score_tree_check(const struct score_tree *tree);
