/* score_tree.c: a B+tree with counts (Knuth 6.2.3 and 6.2.4).
 *
 * Scores stand in arrays of their own, apart from the addresses: a search touches few cache lines
 * and looks at a member's bytes only where scores are equal. Each inner node repeats the exact
 * first entry of each child, so it never points to a member that has left.
 *
 * A full node splits in half, but at the far ends of the tree it stays full and a fresh one begins:
 * scores that only rise (or only fall), as time stamps do, fill the nodes to the brim. A node that
 * falls below a quarter joins a neighbour under the same parent when both fit into one; a node
 * without entries is always taken away. */
#include "storages/score_tree.h"

#include "base/memory.h"

enum {
    LEAF_MAX = 62, /* entries; a leaf and an inner node fill an allocation of 1 KiB */
    INNER_MAX = 36,
    CACHE_LINE = 64, /* bytes */
    DEPTH_MAX = 16,  /* far beyond what 2^32 members need */
};

struct score_node {
    uint16_t count; /* of entries or children */
    bool is_leaf;
};

struct score_leaf {
    struct score_node node;
    struct score_leaf *previous, *next;
    double scores[LEAF_MAX];
    struct score_member *members[LEAF_MAX];
};

struct inner {
    struct score_node node;
    uint32_t sizes[INNER_MAX]; /* members below each child */
    double scores[INNER_MAX];  /* with members[]: the first entry below each child */
    struct score_member *members[INNER_MAX];
    struct score_node *children[INNER_MAX];
};

_Static_assert(sizeof(struct score_leaf) <= 1024, "a leaf outgrows its size class");
_Static_assert(sizeof(struct inner) <= 1024, "an inner node outgrows its size class");

struct score_tree {
    struct score_node *root;
    uint32_t size;
    uint32_t nodes;
};

/* --- nodes --------------------------------------------------------------------------------- */

static struct score_leaf *leaf_of(struct score_node *node) {
    return (struct score_leaf *)node;
}

static struct inner *inner_of(struct score_node *node) {
    return (struct inner *)node;
}

static struct score_leaf *leaf_create(struct score_tree *tree) {
    struct score_leaf *leaf = memory_allocate(sizeof(*leaf));
    leaf->node = (struct score_node){.is_leaf = true};
    leaf->previous = leaf->next = NULL;
    tree->nodes += 1;
    return leaf;
}

static struct inner *inner_create(struct score_tree *tree) {
    struct inner *inner = memory_allocate(sizeof(*inner));
    inner->node = (struct score_node){.is_leaf = false};
    tree->nodes += 1;
    return inner;
}

static void node_release(struct score_tree *tree, struct score_node *node) {
    if (node->is_leaf) {
        struct score_leaf *leaf = leaf_of(node);
        if (leaf->previous != NULL) leaf->previous->next = leaf->next;
        if (leaf->next != NULL) leaf->next->previous = leaf->previous;
    }
    tree->nodes -= 1;
    memory_release(node);
}

/* Members below the node. */
static uint32_t node_size(struct score_node *node) {
    if (node->is_leaf) return node->count;
    const struct inner *inner = inner_of(node);
    uint32_t size = 0;
    for (uint32_t i = 0; i < node->count; i++)
        size += inner->sizes[i];
    return size;
}

/* A search in a cold node touches several of its cache lines one after the other, and a change
 * moves half of them: asked for at once they arrive together. */
static void node_prefetch(const struct score_node *node) {
    for (size_t at = 0; at < sizeof(struct score_leaf); at += CACHE_LINE)
        __builtin_prefetch((const char *)node + at);
}

/* How many of these entries, which are in order, are before the bound. */
static uint32_t entries_before(const double *scores, struct score_member *const *members,
                               uint32_t count, const struct score_bound *bound) {
    uint32_t low = 0;
    while (count > 0) {
        uint32_t half = count / 2, middle = low + half;
        bool behind =
            bound->by != SCORE_BOUND_MEMBER && scores[middle] != bound->score
                ? scores[middle] < bound->score
                : score_bound_is_behind(bound, scores[middle], score_member_bytes(members[middle]));
        if (behind) {
            low = middle + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

/* The child under which the bound's cut lies: the last one whose first entry is before it. */
static uint32_t inner_child_at(const struct inner *inner, const struct score_bound *bound) {
    uint32_t before = entries_before(inner->scores, inner->members, inner->node.count, bound);
    return before == 0 ? 0 : before - 1;
}

/* The cut just behind the member (or where it would be): leads to the leaf that holds it. */
static struct score_bound bound_behind(const struct score_member *member) {
    return (struct score_bound){.by = SCORE_BOUND_ENTRY,
                                .after = true,
                                .score = member->score,
                                .member = score_member_bytes(member)};
}

#define ARRAY_MOVE(array, to, from, count)                                                         \
    memmove(&(array)[to], &(array)[from], (count) * sizeof((array)[0]))
#define ARRAY_COPY(target, to, source, from, count)                                                \
    memcpy(&(target)[to], &(source)[from], (count) * sizeof((target)[0]))

static void leaf_shift(struct score_leaf *leaf, uint32_t to, uint32_t from) {
    uint32_t count = leaf->node.count - from;
    ARRAY_MOVE(leaf->scores, to, from, count);
    ARRAY_MOVE(leaf->members, to, from, count);
}

/* Appends the entries of `source` from `from` on to `target`; they stay in the source's arrays. */
static void leaf_append(struct score_leaf *target, const struct score_leaf *source, uint32_t from) {
    uint32_t count = source->node.count - from;
    ARRAY_COPY(target->scores, target->node.count, source->scores, from, count);
    ARRAY_COPY(target->members, target->node.count, source->members, from, count);
    target->node.count = (uint16_t)(target->node.count + count);
}

static void inner_shift(struct inner *inner, uint32_t to, uint32_t from) {
    uint32_t count = inner->node.count - from;
    ARRAY_MOVE(inner->sizes, to, from, count);
    ARRAY_MOVE(inner->scores, to, from, count);
    ARRAY_MOVE(inner->members, to, from, count);
    ARRAY_MOVE(inner->children, to, from, count);
}

static void inner_append(struct inner *target, const struct inner *source, uint32_t from) {
    uint32_t count = source->node.count - from;
    ARRAY_COPY(target->sizes, target->node.count, source->sizes, from, count);
    ARRAY_COPY(target->scores, target->node.count, source->scores, from, count);
    ARRAY_COPY(target->members, target->node.count, source->members, from, count);
    ARRAY_COPY(target->children, target->node.count, source->children, from, count);
    target->node.count = (uint16_t)(target->node.count + count);
}

/* Brings what the parent says about a child up to date. The child is not empty. */
static void inner_refresh(struct inner *inner, uint32_t at) {
    struct score_node *child = inner->children[at];
    inner->sizes[at] = node_size(child);
    inner->scores[at] = child->is_leaf ? leaf_of(child)->scores[0] : inner_of(child)->scores[0];
    inner->members[at] = child->is_leaf ? leaf_of(child)->members[0] : inner_of(child)->members[0];
}

/* --- life ---------------------------------------------------------------------------------- */

struct score_tree *score_tree_create(void) {
    struct score_tree *tree = memory_allocate_zeroed(sizeof(*tree));
    tree->root = &leaf_create(tree)->node;
    return tree;
}

static void release_below(struct score_node *node) {
    if (!node->is_leaf) {
        const struct inner *inner = inner_of(node);
        for (uint32_t i = 0; i < node->count; i++)
            release_below(inner->children[i]);
    }
    memory_release(node);
}

void score_tree_destroy(struct score_tree *tree) {
    if (tree == NULL) return;
    release_below(tree->root);
    memory_release(tree);
}

/* Releases the last leaf below the node; true if the node went with it, having nothing left. */
static bool release_last_leaf(struct score_node *node, uint32_t *entries) {
    if (node->is_leaf) {
        *entries = node->count;
    } else {
        if (!release_last_leaf(inner_of(node)->children[node->count - 1], entries)) return false;
        node->count -= 1;
        if (node->count > 0) return false;
    }
    memory_release(node);
    return true;
}

bool score_tree_destroy_some(struct score_tree *tree, uint64_t *budget) {
    bool gone = false;
    while (*budget > 0 && !gone) {
        uint32_t entries;
        gone = release_last_leaf(tree->root, &entries);
        *budget -= entries < *budget ? entries : *budget;
    }
    if (gone) memory_release(tree);
    return gone;
}

uint32_t score_tree_size(const struct score_tree *tree) {
    return tree->size;
}

/* --- adding -------------------------------------------------------------------------------- */

/* Where a full node is cut when something is added at `at`: what is from there on moves to the new
 * right neighbour. At the ends of the tree nothing, or all, moves. */
static uint32_t split_point(uint32_t count, uint32_t at, bool is_first, bool is_last) {
    if (is_last && at == count) return count;
    if (is_first && at == 0) return 0;
    return count / 2;
}

static struct score_leaf *leaf_split(struct score_tree *tree, struct score_leaf *leaf,
                                     uint32_t at) {
    uint32_t cut = split_point(leaf->node.count, at, leaf->previous == NULL, leaf->next == NULL);
    struct score_leaf *right = leaf_create(tree);
    leaf_append(right, leaf, cut);
    leaf->node.count = (uint16_t)cut;
    right->previous = leaf;
    right->next = leaf->next;
    if (leaf->next != NULL) leaf->next->previous = right;
    leaf->next = right;
    return right;
}

/* Adds the member; a full leaf is split first: then the new right neighbour is returned. */
static struct score_node *leaf_add(struct score_tree *tree, struct score_leaf *leaf,
                                   struct score_member *member, const struct score_bound *bound) {
    uint32_t at = entries_before(leaf->scores, leaf->members, leaf->node.count, bound);
    struct score_leaf *right = NULL;
    if (leaf->node.count == LEAF_MAX) {
        right = leaf_split(tree, leaf, at);
        if (at > leaf->node.count || leaf->node.count == LEAF_MAX) {
            at -= leaf->node.count;
            leaf = right;
        }
    }
    leaf_shift(leaf, at + 1, at);
    leaf->scores[at] = member->score;
    leaf->members[at] = member;
    leaf->node.count += 1;
    return right == NULL ? NULL : &right->node;
}

/* Adds a child, not yet described; a full node is split first, as above. */
static struct score_node *inner_add(struct score_tree *tree, struct inner *inner, uint32_t at,
                                    struct score_node *child) {
    struct inner *right = NULL;
    if (inner->node.count == INNER_MAX) {
        /* Which inner node is last is not known here: filling to the brim at any right edge costs
         * nothing, since its neighbour then has all the room. */
        uint32_t cut = split_point(INNER_MAX, at, false, true);
        right = inner_create(tree);
        inner_append(right, inner, cut);
        inner->node.count = (uint16_t)cut;
        if (at > cut || cut == INNER_MAX) {
            at -= cut;
            inner = right;
        }
    }
    inner_shift(inner, at + 1, at);
    inner->children[at] = child;
    inner->node.count += 1;
    inner_refresh(inner, at);
    return right == NULL ? NULL : &right->node;
}

static struct score_node *add_below(struct score_tree *tree, struct score_node *node,
                                    struct score_member *member, const struct score_bound *bound) {
    if (node->is_leaf) return leaf_add(tree, leaf_of(node), member, bound);

    struct inner *inner = inner_of(node);
    uint32_t at = inner_child_at(inner, bound);
    node_prefetch(inner->children[at]);
    struct score_node *right = add_below(tree, inner->children[at], member, bound);
    inner_refresh(inner, at);
    return right == NULL ? NULL : inner_add(tree, inner, at + 1, right);
}

void score_tree_add(struct score_tree *tree, struct score_member *member) {
    struct score_bound bound = bound_behind(member);
    struct score_node *right = add_below(tree, tree->root, member, &bound);
    if (right != NULL) {
        struct inner *root = inner_create(tree);
        root->children[0] = tree->root;
        root->children[1] = right;
        root->node.count = 2;
        inner_refresh(root, 0);
        inner_refresh(root, 1);
        tree->root = &root->node;
    }
    tree->size += 1;
    CHECK(tree->size < UINT32_MAX);
}

/* --- removing ------------------------------------------------------------------------------ */

static bool node_is_sparse(const struct score_node *node) {
    return node->count < (node->is_leaf ? LEAF_MAX : INNER_MAX) / 4;
}

static bool nodes_fit_into_one(const struct score_node *left, const struct score_node *right) {
    return left->count + right->count <= (left->is_leaf ? LEAF_MAX : INNER_MAX);
}

static void inner_drop(struct score_tree *tree, struct inner *inner, uint32_t at) {
    node_release(tree, inner->children[at]);
    inner_shift(inner, at, at + 1);
    inner->node.count -= 1;
}

/* Joins the child at `at` with its right neighbour if both fit into one node. */
static bool inner_join(struct score_tree *tree, struct inner *inner, uint32_t at) {
    if (at + 1 >= inner->node.count) return false;
    struct score_node *left = inner->children[at], *right = inner->children[at + 1];
    if (!nodes_fit_into_one(left, right)) return false;

    if (left->is_leaf)
        leaf_append(leaf_of(left), leaf_of(right), 0);
    else
        inner_append(inner_of(left), inner_of(right), 0);
    inner_drop(tree, inner, at + 1);
    inner_refresh(inner, at);
    return true;
}

static void remove_below(struct score_tree *tree, struct score_node *node,
                         const struct score_member *member, const struct score_bound *bound) {
    if (node->is_leaf) {
        struct score_leaf *leaf = leaf_of(node);
        uint32_t behind = entries_before(leaf->scores, leaf->members, leaf->node.count, bound);
        CHECK(behind > 0 && leaf->members[behind - 1] == member);
        leaf_shift(leaf, behind - 1, behind);
        leaf->node.count -= 1;
        return;
    }
    struct inner *inner = inner_of(node);
    uint32_t at = inner_child_at(inner, bound);
    struct score_node *child = inner->children[at];
    node_prefetch(child);
    remove_below(tree, child, member, bound);
    if (child->count == 0) {
        inner_drop(tree, inner, at);
        return;
    }
    inner_refresh(inner, at);
    if (node_is_sparse(child) && !inner_join(tree, inner, at) && at > 0)
        inner_join(tree, inner, at - 1);
}

void score_tree_remove(struct score_tree *tree, struct score_member *member) {
    struct score_bound bound = bound_behind(member);
    remove_below(tree, tree->root, member, &bound);
    tree->size -= 1;
    while (!tree->root->is_leaf && tree->root->count == 1) {
        struct score_node *root = tree->root;
        tree->root = inner_of(root)->children[0];
        node_release(tree, root);
    }
}

void score_tree_move(struct score_tree *tree, struct score_member *member, double score) {
    score_tree_remove(tree, member);
    member->score = score;
    score_tree_add(tree, member);
}

/* --- looking ------------------------------------------------------------------------------- */

uint32_t score_tree_count_before(const struct score_tree *tree, const struct score_bound *bound) {
    uint32_t count = 0;
    struct score_node *node = tree->root;
    while (!node->is_leaf) {
        const struct inner *inner = inner_of(node);
        uint32_t at = inner_child_at(inner, bound);
        node = inner->children[at];
        node_prefetch(node);
        for (uint32_t i = 0; i < at; i++)
            count += inner->sizes[i];
    }
    const struct score_leaf *leaf = leaf_of(node);
    return count + entries_before(leaf->scores, leaf->members, leaf->node.count, bound);
}

struct score_cursor score_tree_seek(const struct score_tree *tree, uint32_t rank) {
    if (rank >= tree->size) return (struct score_cursor){NULL, 0};
    struct score_node *node = tree->root;
    while (!node->is_leaf) {
        const struct inner *inner = inner_of(node);
        uint32_t at = 0;
        while (rank >= inner->sizes[at])
            rank -= inner->sizes[at++];
        node = inner->children[at];
    }
    return (struct score_cursor){leaf_of(node), rank};
}

struct score_member *score_cursor_member(struct score_cursor cursor) {
    return cursor.leaf == NULL ? NULL : cursor.leaf->members[cursor.index];
}

void score_cursor_next(struct score_cursor *cursor) {
    if (cursor->leaf == NULL || ++cursor->index < cursor->leaf->node.count) return;
    *cursor = (struct score_cursor){cursor->leaf->next, 0};
}

void score_cursor_previous(struct score_cursor *cursor) {
    if (cursor->leaf == NULL) return;
    if (cursor->index > 0) {
        cursor->index -= 1;
        return;
    }
    const struct score_leaf *leaf = cursor->leaf->previous;
    *cursor = (struct score_cursor){leaf, leaf == NULL ? 0 : leaf->node.count - 1u};
}

size_t score_tree_memory(const struct score_tree *tree) {
    return sizeof(*tree) + (size_t)tree->nodes * sizeof(struct score_leaf);
}

/* --- invariants ---------------------------------------------------------------------------- */

struct tree_walk {
    const struct score_member *last_member;
    const struct score_leaf *last_leaf;
    uint32_t nodes, leaf_depth;
};

static void check_leaf(struct tree_walk *walk, const struct score_leaf *leaf, uint32_t depth) {
    CHECK(leaf->node.count <= LEAF_MAX);
    CHECK(leaf->previous == walk->last_leaf);
    CHECK(walk->last_leaf == NULL || walk->last_leaf->next == leaf);
    CHECK(walk->leaf_depth == 0 || walk->leaf_depth == depth);
    walk->last_leaf = leaf;
    walk->leaf_depth = depth;
    for (uint32_t i = 0; i < leaf->node.count; i++) {
        const struct score_member *member = leaf->members[i], *last = walk->last_member;
        CHECK(leaf->scores[i] == member->score);
        CHECK(last == NULL || last->score < member->score ||
              (last->score == member->score &&
               bytes_compare(score_member_bytes(last), score_member_bytes(member)) < 0));
        walk->last_member = member;
    }
}

static void check_below(struct tree_walk *walk, struct score_node *node, uint32_t depth) {
    CHECK(depth <= DEPTH_MAX);
    walk->nodes += 1;
    if (node->is_leaf) {
        check_leaf(walk, leaf_of(node), depth);
        return;
    }
    struct inner *inner = inner_of(node);
    CHECK(node->count >= 1 && node->count <= INNER_MAX);
    for (uint32_t i = 0; i < node->count; i++) {
        struct score_node *child = inner->children[i];
        CHECK(child->count >= 1);
        CHECK(inner->sizes[i] == node_size(child));
        const struct score_member *first =
            child->is_leaf ? leaf_of(child)->members[0] : inner_of(child)->members[0];
        CHECK(inner->members[i] == first);
        CHECK(inner->scores[i] == first->score);
        check_below(walk, child, depth + 1);
    }
}

void score_tree_check(const struct score_tree *tree) {
    struct tree_walk walk = {0};
    check_below(&walk, tree->root, 1);
    CHECK(walk.last_leaf->next == NULL);
    CHECK(walk.nodes == tree->nodes);
    CHECK(node_size(tree->root) == tree->size);
    CHECK(tree->root->is_leaf || tree->root->count >= 2);
}
