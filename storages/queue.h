/* queue.h: a list of byte strings, open at both ends: the value behind LPUSH, RPOP and the like.
 *
 * A chain of packed blocks with room at either end: pushing and popping cost O(1), reaching the
 * middle a walk over the blocks' counts. How large blocks become is `limit`, in the terms of
 * list-max-listpack-size: -1 to -5 are 4 to 64 KiB, a positive number is items in at most 8 KiB. An
 * item beyond that gets a block of its own.
 *
 * Pure: equal contents give equal digests, however they came about and were cut into blocks.
 * Ownership: spans passed in are copied and must not point into the same queue; spans handed out
 * are valid until the queue next changes. Counts and indexes are in items, sizes in bytes; an item
 * has at most QUEUE_ITEM_MAX bytes. */
#pragma once

#include "base/bytes.h"
#include "storages/keyspace.h"

enum { QUEUE_ITEM_MAX = 1 << 30 };

enum queue_end { QUEUE_HEAD, QUEUE_TAIL };

struct queue; /* Opaque: its fields live in queue.c. */

struct queue *queue_create(void);
struct queue *queue_copy(const struct queue *queue);
void queue_destroy(struct queue *queue); /* NULL is allowed. */
/* Releases at most *budget blocks and takes their number off it; true when the queue itself is
 * destroyed. */
bool queue_destroy_some(struct queue *queue, uint64_t *budget);

uint64_t queue_size(const struct queue *queue);
uint64_t queue_blocks(const struct queue *queue); /* what destroying it costs */

void queue_push(struct queue *queue, enum queue_end end, struct bytes item, int64_t limit);
/* The item at this end; false when empty. */
bool queue_peek(const struct queue *queue, enum queue_end end, struct bytes *item);
/* Takes away up to `count` items from this end. */
void queue_drop(struct queue *queue, enum queue_end end, uint64_t count);

/* --- places in the middle ------------------------------------------------------------------ */

/* One item; valid until the queue next changes, unless said otherwise. */
struct queue_cursor {
    struct queue_block *block; /* NULL: beyond either end */
    uint32_t offset;
};

/* The item at this index from the head; beyond the end for index >= size. Walks from the nearer
 * end. */
struct queue_cursor queue_seek(const struct queue *queue, uint64_t index);
/* Requires an item under the cursor. */
struct bytes queue_cursor_item(const struct queue_cursor *cursor);
/* One item further towards this end. */
void queue_cursor_step(struct queue_cursor *cursor, enum queue_end towards);

/* Puts an item beside the one under the cursor, on the side of this end. */
void queue_insert(struct queue *queue, struct queue_cursor at, enum queue_end side,
                  struct bytes item, int64_t limit);
/* Puts another item in the place of the one under the cursor. */
void queue_replace(struct queue *queue, struct queue_cursor at, struct bytes item, int64_t limit);
/* Takes the item away; the cursor stays valid and is one step further towards this end. */
void queue_remove(struct queue *queue, struct queue_cursor *cursor, enum queue_end towards);

/* --- digests and the like ------------------------------------------------------------------ */

uint64_t queue_digest(const struct queue *queue);
size_t queue_memory(const struct queue *queue); /* allocated bytes: differs between nodes */
void queue_check(const struct queue *queue);    /* Walks everything: in tests. */

extern const struct item_class queue_class;

extern const struct command_family queue_family;
