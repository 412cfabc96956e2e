/* queue.c: a doubly linked chain of blocks, each a gap, packed items, a gap.
 *
 * An item is its size, its bytes and its size again, so that it can be walked over in both
 * directions; a size takes one byte below 255, else five. Because a block has room in front as well
 * as behind, pushing at the head writes a few bytes where a packed list would move all others. A
 * block grows by doubling up to the limit; then a fresh one begins beside it. A block whose items
 * fill less than half of it moves them instead of growing: that is what a FIFO does once per half a
 * block of items. */
#include "storages/queue.h"

#include "base/hash.h"
#include "base/memory.h"

enum {
    LONG_SIZE = 0xff,    /* the byte that announces a size of four bytes */
    ALLOCATION_MIN = 64, /* bytes of a block with its header; then powers of two */
    SECOND_ALLOCATION = 1024,
    FULL_ALLOCATION_FROM = 4, /* blocks: a queue with this many gets new ones at full size */
    LIMIT_KINDS = 5,          /* list-max-listpack-size -1 to -5 */
    LIMIT_BYTES_MIN = 4096,
    LIMIT_BYTES_WITH_COUNT = 8192,
};

struct queue_block {
    struct queue_block *previous, *next;
    uint32_t count;      /* items, at least one outside of queue.c */
    uint32_t start, end; /* where in data the items are */
    uint32_t capacity;   /* bytes of data */
    char data[];
};

struct queue {
    struct queue_block *head, *tail;
    uint64_t size;
    uint64_t blocks;
};

struct limits {
    uint32_t bytes; /* of a block's data */
    uint32_t count; /* items in a block */
};

static struct limits limits_of(int64_t limit) {
    if (limit < 0) {
        int64_t kind = limit < -LIMIT_KINDS ? LIMIT_KINDS : -limit;
        uint32_t allocation = (uint32_t)LIMIT_BYTES_MIN << (kind - 1);
        return (struct limits){.bytes = allocation - (uint32_t)sizeof(struct queue_block),
                               .count = UINT32_MAX};
    }
    uint32_t count = limit == 0 ? 1 : limit > UINT32_MAX ? UINT32_MAX : (uint32_t)limit;
    return (struct limits){.bytes = LIMIT_BYTES_WITH_COUNT - (uint32_t)sizeof(struct queue_block),
                           .count = count};
}

/* --- items in a block ---------------------------------------------------------------------- */

static uint32_t packed_item_size(size_t size) {
    return (uint32_t)size + (size < LONG_SIZE ? 2 : 10);
}

static void item_write(char *at, struct bytes item) {
    uint32_t size = (uint32_t)item.size;
    if (size < LONG_SIZE) {
        *at++ = (char)size;
    } else {
        *at++ = (char)LONG_SIZE;
        store_u32(at, size);
        at += 4;
    }
    if (size > 0) memcpy(at, item.data, size);
    at += size;
    if (size < LONG_SIZE) {
        *at = (char)size;
    } else {
        store_u32(at, size);
        at[4] = (char)LONG_SIZE;
    }
}

static struct bytes item_at(const struct queue_block *block, uint32_t offset) {
    const char *at = block->data + offset;
    uint32_t size = (uint8_t)at[0];
    if (size < LONG_SIZE) return bytes_of(at + 1, size);
    return bytes_of(at + 5, load_u32(at + 1));
}

static uint32_t offset_behind(const struct queue_block *block, uint32_t offset) {
    return offset + packed_item_size(item_at(block, offset).size);
}

/* The item that ends here begins there. */
static uint32_t offset_before(const struct queue_block *block, uint32_t end) {
    const char *at = block->data + end;
    uint32_t size = (uint8_t)at[-1];
    if (size == LONG_SIZE) size = load_u32(at - 5);
    return end - packed_item_size(size);
}

/* --- the chain ----------------------------------------------------------------------------- */

static uint32_t block_used(const struct queue_block *block) {
    return block->end - block->start;
}

static struct queue_block *block_create(uint32_t allocation) {
    struct queue_block *block = memory_allocate(allocation);
    *block = (struct queue_block){.capacity = allocation - (uint32_t)sizeof(*block)};
    return block;
}

/* The bytes to allocate for a block with this much data: a power of two, but exact for an item
 * that is alone in its block because of its size. */
static uint32_t allocation_for(uint32_t data, struct limits limits) {
    uint32_t needed = data + (uint32_t)sizeof(struct queue_block);
    if (data > limits.bytes) return needed;
    uint32_t allocation = ALLOCATION_MIN;
    while (allocation < needed)
        allocation *= 2;
    return allocation;
}

/* Makes the neighbours, or the queue's ends, point to the block. */
static void block_attach(struct queue *queue, struct queue_block *block) {
    *(block->previous == NULL ? &queue->head : &block->previous->next) = block;
    *(block->next == NULL ? &queue->tail : &block->next->previous) = block;
}

static void block_link(struct queue *queue, struct queue_block *block, struct queue_block *previous,
                       struct queue_block *next) {
    block->previous = previous;
    block->next = next;
    block_attach(queue, block);
    queue->blocks += 1;
}

static void block_release(struct queue *queue, struct queue_block *block) {
    *(block->previous == NULL ? &queue->head : &block->previous->next) = block->next;
    *(block->next == NULL ? &queue->tail : &block->next->previous) = block->previous;
    queue->blocks -= 1;
    memory_release(block);
}

/* Another allocation for the same items, which begin at `start` in it. */
static struct queue_block *block_reallocate(struct queue *queue, struct queue_block *block,
                                            uint32_t allocation, uint32_t start) {
    struct queue_block *other = block_create(allocation);
    uint32_t used = block_used(block);
    memcpy(other->data + start, block->data + block->start, used);
    other->count = block->count;
    other->start = start;
    other->end = start + used;
    other->previous = block->previous;
    other->next = block->next;
    block_attach(queue, other);
    memory_release(block);
    return other;
}

static void block_shift(struct queue_block *block, uint32_t start) {
    uint32_t used = block_used(block);
    memmove(block->data + start, block->data + block->start, used);
    block->start = start;
    block->end = start + used;
}

/* Gives back memory when items fill less than an eighth of it. */
static struct queue_block *block_trim(struct queue *queue, struct queue_block *block) {
    uint32_t allocation = block->capacity + (uint32_t)sizeof(*block);
    uint32_t needed = block_used(block) + (uint32_t)sizeof(*block);
    if (allocation <= 4 * ALLOCATION_MIN || needed > allocation / 8) return block;
    uint32_t wanted = ALLOCATION_MIN;
    while (wanted < 2 * needed)
        wanted *= 2;
    uint32_t room = wanted - needed;
    return block_reallocate(queue, block, wanted, room / 2);
}

/* --- adding -------------------------------------------------------------------------------- */

static bool block_accepts(const struct queue_block *block, uint32_t size, struct limits limits) {
    return block->count < limits.count && (uint64_t)block_used(block) + size <= limits.bytes;
}

static uint32_t block_room(const struct queue_block *block, enum queue_end end) {
    return end == QUEUE_HEAD ? block->start : block->capacity - block->end;
}

/* Another allocation of at least twice the size, as far as the limit allows; what is won becomes
 * room at this end. */
static struct queue_block *block_grow(struct queue *queue, struct queue_block *block,
                                      enum queue_end end, uint32_t size, struct limits limits) {
    uint32_t used = block_used(block);
    uint32_t wanted = block->capacity * 2 > used + size ? block->capacity * 2 : used + size;
    uint32_t allocation = allocation_for(wanted < limits.bytes ? wanted : limits.bytes, limits);
    uint32_t free = allocation - (uint32_t)sizeof(*block) - used;
    uint32_t other = block_room(block, end == QUEUE_HEAD ? QUEUE_TAIL : QUEUE_HEAD);
    if (other > free - size) other = free - size;
    return block_reallocate(queue, block, allocation, end == QUEUE_HEAD ? free - other : other);
}

/* The block, perhaps at another address, with room for `size` bytes at this end; NULL if a fresh
 * block is better. */
static struct queue_block *block_make_room(struct queue *queue, struct queue_block *block,
                                           enum queue_end end, uint32_t size,
                                           struct limits limits) {
    if (block == NULL || !block_accepts(block, size, limits)) return NULL;
    if (block_room(block, end) >= size) return block;

    uint32_t used = block_used(block);
    if (used + size <= block->capacity / 2) {
        /* Most of the free room goes to this end, some to the other: a queue that is pushed at both
         * ends in turn must not move its items each time. */
        uint32_t free = block->capacity - used - size;
        block_shift(block, end == QUEUE_HEAD ? size + free - free / 4 : free / 4);
        return block;
    }
    if (block->capacity < limits.bytes) return block_grow(queue, block, end, size, limits);
    return NULL;
}

static void block_push(struct queue_block *block, enum queue_end end, struct bytes item,
                       uint32_t size) {
    if (end == QUEUE_HEAD) {
        block->start -= size;
        item_write(block->data + block->start, item);
    } else {
        item_write(block->data + block->end, item);
        block->end += size;
    }
    block->count += 1;
}

/* An empty block for an item of this size, between two blocks; its room is at one end. */
static struct queue_block *block_begin(struct queue *queue, struct queue_block *left,
                                       struct queue_block *right, enum queue_end end, uint32_t size,
                                       struct limits limits) {
    uint32_t wanted = size;
    if (limits.count == UINT32_MAX && queue->blocks > 0) {
        wanted = queue->blocks < FULL_ALLOCATION_FROM
                     ? SECOND_ALLOCATION - (uint32_t)sizeof(struct queue_block)
                     : limits.bytes;
    }
    struct queue_block *block = block_create(allocation_for(wanted > size ? wanted : size, limits));
    block->start = block->end = end == QUEUE_HEAD ? block->capacity : 0;
    block_link(queue, block, left, right);
    return block;
}

/* Puts the item between two neighbouring blocks, or beside one that is at an end. */
static void add_between(struct queue *queue, struct queue_block *left, struct queue_block *right,
                        struct bytes item, struct limits limits) {
    uint32_t size = packed_item_size(item.size);
    struct queue_block *block = block_make_room(queue, left, QUEUE_TAIL, size, limits);
    enum queue_end end = QUEUE_TAIL;
    if (block == NULL) {
        end = QUEUE_HEAD;
        block = block_make_room(queue, right, QUEUE_HEAD, size, limits);
    }
    if (block == NULL) {
        end = left == NULL && right != NULL ? QUEUE_HEAD : QUEUE_TAIL;
        block = block_begin(queue, left, right, end, size, limits);
    }
    block_push(block, end, item, size);
    queue->size += 1;
}

/* Puts the item into a block that accepts it, at an offset between two of its items. */
static void add_inside(struct queue *queue, struct queue_block *block, uint32_t offset,
                       struct bytes item, struct limits limits) {
    uint32_t size = packed_item_size(item.size), before = offset - block->start;
    if (block_room(block, QUEUE_TAIL) < size) {
        if (block->capacity - block_used(block) >= size)
            block_shift(block, 0);
        else
            block = block_grow(queue, block, QUEUE_TAIL, size, limits);
    }
    char *at = block->data + block->start + before;
    memmove(at + size, at, block_used(block) - before);
    item_write(at, item);
    block->end += size;
    block->count += 1;
    queue->size += 1;
}

/* Moves what begins at this offset, `count` items, into a fresh block behind this one. */
static void block_split(struct queue *queue, struct queue_block *block, uint32_t offset,
                        uint32_t count, struct limits limits) {
    uint32_t moved = block->end - offset;
    struct queue_block *right = block_create(allocation_for(moved, limits));
    memcpy(right->data, block->data + offset, moved);
    right->end = moved;
    right->count = count;
    block->end = offset;
    block->count -= count;
    block_link(queue, right, block, block->next);
}

static uint32_t items_from(const struct queue_block *block, uint32_t offset) {
    uint32_t count = 0;
    for (; offset < block->end; offset = offset_behind(block, offset))
        count += 1;
    return count;
}

/* Puts the item at this offset of a block that is not empty. */
static void add_at(struct queue *queue, struct queue_block *block, uint32_t offset,
                   struct bytes item, struct limits limits) {
    if (offset == block->start) {
        add_between(queue, block->previous, block, item, limits);
    } else if (offset == block->end) {
        add_between(queue, block, block->next, item, limits);
    } else if (block_accepts(block, packed_item_size(item.size), limits)) {
        add_inside(queue, block, offset, item, limits);
    } else {
        block_split(queue, block, offset, items_from(block, offset), limits);
        add_between(queue, block, block->next, item, limits);
    }
}

/* --- life ---------------------------------------------------------------------------------- */

struct queue *queue_create(void) {
    return memory_allocate_zeroed(sizeof(struct queue));
}

struct queue *queue_copy(const struct queue *queue) {
    struct queue *copy = queue_create();
    copy->size = queue->size;
    for (const struct queue_block *block = queue->head; block != NULL; block = block->next) {
        uint32_t used = block_used(block);
        struct queue_block *other = block_create(used + (uint32_t)sizeof(*other));
        memcpy(other->data, block->data + block->start, used);
        other->end = used;
        other->count = block->count;
        block_link(copy, other, copy->tail, NULL);
    }
    return copy;
}

void queue_destroy(struct queue *queue) {
    uint64_t budget = UINT64_MAX;
    if (queue != NULL) queue_destroy_some(queue, &budget);
}

bool queue_destroy_some(struct queue *queue, uint64_t *budget) {
    for (; queue->head != NULL; *budget -= 1) {
        if (*budget == 0) return false;
        queue->size -= queue->head->count;
        block_release(queue, queue->head);
    }
    memory_release(queue);
    return true;
}

uint64_t queue_size(const struct queue *queue) {
    return queue->size;
}

uint64_t queue_blocks(const struct queue *queue) {
    return queue->blocks;
}

/* --- both ends ----------------------------------------------------------------------------- */

void queue_push(struct queue *queue, enum queue_end end, struct bytes item, int64_t limit) {
    CHECK(item.size <= QUEUE_ITEM_MAX);
    struct limits limits = limits_of(limit);
    if (end == QUEUE_HEAD)
        add_between(queue, NULL, queue->head, item, limits);
    else
        add_between(queue, queue->tail, NULL, item, limits);
}

bool queue_peek(const struct queue *queue, enum queue_end end, struct bytes *item) {
    if (queue->size == 0) return false;
    const struct queue_block *block = end == QUEUE_HEAD ? queue->head : queue->tail;
    *item = item_at(block, end == QUEUE_HEAD ? block->start : offset_before(block, block->end));
    return true;
}

void queue_drop(struct queue *queue, enum queue_end end, uint64_t count) {
    if (count > queue->size) count = queue->size;
    queue->size -= count;
    while (count > 0) {
        struct queue_block *block = end == QUEUE_HEAD ? queue->head : queue->tail;
        if (block->count <= count) {
            count -= block->count;
            block_release(queue, block);
            continue;
        }
        block->count -= (uint32_t)count;
        for (; count > 0; count--) {
            if (end == QUEUE_HEAD)
                block->start = offset_behind(block, block->start);
            else
                block->end = offset_before(block, block->end);
        }
        if (queue->blocks == 1) block_trim(queue, block);
    }
}

/* --- the middle ---------------------------------------------------------------------------- */

static struct queue_cursor cursor_at_end(struct queue_block *block, enum queue_end end) {
    if (block == NULL) return (struct queue_cursor){NULL, 0};
    return (struct queue_cursor){block, end == QUEUE_HEAD ? block->start
                                                          : offset_before(block, block->end)};
}

struct queue_cursor queue_seek(const struct queue *queue, uint64_t index) {
    if (index >= queue->size) return (struct queue_cursor){NULL, 0};

    struct queue_block *block;
    if (index < queue->size / 2) {
        for (block = queue->head; index >= block->count; block = block->next)
            index -= block->count;
    } else {
        uint64_t behind = queue->size - index; /* items from this one to the tail */
        for (block = queue->tail; behind > block->count; block = block->previous)
            behind -= block->count;
        index = block->count - behind;
    }
    uint32_t offset;
    if (index < block->count / 2) {
        offset = block->start;
        for (; index > 0; index--)
            offset = offset_behind(block, offset);
    } else {
        offset = block->end;
        for (; index < block->count; index++)
            offset = offset_before(block, offset);
    }
    return (struct queue_cursor){block, offset};
}

struct bytes queue_cursor_item(const struct queue_cursor *cursor) {
    CHECK(cursor->block != NULL);
    return item_at(cursor->block, cursor->offset);
}

void queue_cursor_step(struct queue_cursor *cursor, enum queue_end towards) {
    struct queue_block *block = cursor->block;
    CHECK(block != NULL);
    if (towards == QUEUE_TAIL) {
        cursor->offset = offset_behind(block, cursor->offset);
        if (cursor->offset == block->end) *cursor = cursor_at_end(block->next, QUEUE_HEAD);
    } else if (cursor->offset == block->start) {
        *cursor = cursor_at_end(block->previous, QUEUE_TAIL);
    } else {
        cursor->offset = offset_before(block, cursor->offset);
    }
}

void queue_insert(struct queue *queue, struct queue_cursor at, enum queue_end side,
                  struct bytes item, int64_t limit) {
    CHECK(at.block != NULL && item.size <= QUEUE_ITEM_MAX);
    uint32_t offset = side == QUEUE_HEAD ? at.offset : offset_behind(at.block, at.offset);
    add_at(queue, at.block, offset, item, limits_of(limit));
}

/* Cuts the item out of its block, which may become empty. */
static void block_cut(struct queue *queue, struct queue_block *block, uint32_t offset) {
    uint32_t behind = offset_behind(block, offset);
    if (offset == block->start) {
        block->start = behind;
    } else {
        memmove(block->data + offset, block->data + behind, block->end - behind);
        block->end -= behind - offset;
    }
    block->count -= 1;
    queue->size -= 1;
}

void queue_replace(struct queue *queue, struct queue_cursor at, struct bytes item, int64_t limit) {
    CHECK(at.block != NULL && item.size <= QUEUE_ITEM_MAX);
    struct queue_block *block = at.block;
    if (item_at(block, at.offset).size == item.size) {
        item_write(block->data + at.offset, item);
        return;
    }
    uint32_t before = at.offset - block->start;
    block_cut(queue, block, at.offset);
    if (block->count > 0) {
        add_at(queue, block, block->start + before, item, limits_of(limit));
        return;
    }
    struct queue_block *previous = block->previous, *next = block->next;
    block_release(queue, block);
    add_between(queue, previous, next, item, limits_of(limit));
}

void queue_remove(struct queue *queue, struct queue_cursor *cursor, enum queue_end towards) {
    struct queue_block *block = cursor->block;
    CHECK(block != NULL);
    struct queue_block *neighbour = towards == QUEUE_HEAD ? block->previous : block->next;
    enum queue_end far_end = towards == QUEUE_HEAD ? QUEUE_TAIL : QUEUE_HEAD;
    bool was_first = cursor->offset == block->start;
    bool was_last = offset_behind(block, cursor->offset) == block->end;
    uint32_t before = cursor->offset - block->start;

    block_cut(queue, block, cursor->offset);
    if (block->count == 0) {
        block_release(queue, block);
        *cursor = cursor_at_end(neighbour, far_end);
        return;
    }
    block = block_trim(queue, block);
    if (towards == QUEUE_HEAD ? was_first : was_last) {
        *cursor = cursor_at_end(neighbour, far_end);
        return;
    }
    cursor->block = block;
    cursor->offset = block->start + before;
    if (towards == QUEUE_HEAD) cursor->offset = offset_before(block, cursor->offset);
}

/* --- digests and the like ------------------------------------------------------------------ */

uint64_t queue_digest(const struct queue *queue) {
    uint64_t digest = hash_chain(0, queue->size);
    for (const struct queue_block *block = queue->head; block != NULL; block = block->next) {
        uint32_t offset = block->start;
        for (; offset < block->end; offset = offset_behind(block, offset))
            digest = hash_chain(digest, hash_bytes(item_at(block, offset), 0));
    }
    return digest;
}

size_t queue_memory(const struct queue *queue) {
    size_t size = memory_usable_size(queue);
    for (const struct queue_block *block = queue->head; block != NULL; block = block->next)
        size += memory_usable_size(block);
    return size;
}

void queue_check(const struct queue *queue) {
    const struct queue_block *previous = NULL;
    uint64_t size = 0, blocks = 0;
    for (const struct queue_block *block = queue->head; block != NULL; block = block->next) {
        CHECK(block->previous == previous);
        CHECK(block->count > 0);
        CHECK(block->start <= block->end && block->end <= block->capacity);
        CHECK(items_from(block, block->start) == block->count);
        uint32_t offset = block->end, count = 0;
        for (; offset > block->start; offset = offset_before(block, offset))
            count += 1;
        CHECK(offset == block->start && count == block->count);
        size += block->count;
        blocks += 1;
        previous = block;
    }
    CHECK(queue->tail == previous);
    CHECK(queue->size == size && queue->blocks == blocks);
}
