/* The queue of packed blocks against a plain array of strings. */
#include <criterion/criterion.h>

#include "base/memory.h"
#include "base/random.h"
#include "storages/queue.h"

enum { MODEL_MAX = 4000, ITEM_MAX = 20000 };

struct model {
    struct bytes items[MODEL_MAX]; /* each one allocation */
    uint32_t size;
};

static struct bytes copy_of(struct bytes item) {
    char *data = memory_allocate(item.size);
    if (item.size > 0) memcpy(data, item.data, item.size);
    return bytes_of(data, item.size);
}

static void model_insert(struct model *model, uint32_t at, struct bytes item) {
    memmove(&model->items[at + 1], &model->items[at], (model->size - at) * sizeof(item));
    model->items[at] = copy_of(item);
    model->size += 1;
}

static void model_remove(struct model *model, uint32_t at, uint32_t count) {
    for (uint32_t i = at; i < at + count; i++)
        memory_release((void *)model->items[i].data);
    memmove(&model->items[at], &model->items[at + count],
            (model->size - at - count) * sizeof(model->items[0]));
    model->size -= count;
}

static void expect_equal(const struct queue *queue, const struct model *model) {
    queue_check(queue);
    cr_assert_eq(queue_size(queue), model->size);
    struct queue_cursor cursor = queue_seek(queue, 0);
    for (uint32_t i = 0; i < model->size; i++, queue_cursor_step(&cursor, QUEUE_TAIL))
        cr_assert(bytes_equal(queue_cursor_item(&cursor), model->items[i]), "index %u", i);
    cr_assert_null(cursor.block);
    if (model->size == 0) return;
    cursor = queue_seek(queue, model->size - 1);
    for (uint32_t i = model->size; i-- > 0; queue_cursor_step(&cursor, QUEUE_HEAD))
        cr_assert(bytes_equal(queue_cursor_item(&cursor), model->items[i]), "back to %u", i);
    cr_assert_null(cursor.block);
}

/* Mostly short; around the steps of the size encoding; now and then larger than a block. */
static struct bytes random_item(struct random *random, char scratch[ITEM_MAX]) {
    static const uint32_t bounds[] = {4, 20, 20, 20, 60, 253, 257, 300, 3000, ITEM_MAX};
    uint64_t kind = random_below(random, 200);
    uint32_t bound = bounds[kind < COUNT_OF(bounds) ? kind : kind % 5];
    size_t size = random_below(random, bound);
    if (kind == 150) size = 253 + random_below(random, 4);
    memset(scratch, 'a' + (int)random_below(random, 26), size);
    return bytes_of(scratch, size);
}

static void step_at_ends(struct queue *queue, struct model *model, struct random *random,
                         bool growing, int64_t limit) {
    static char scratch[ITEM_MAX];
    enum queue_end end = random_below(random, 2) == 0 ? QUEUE_HEAD : QUEUE_TAIL;
    struct bytes item;
    if (random_below(random, 10) < (growing ? 7u : 3u)) {
        if (model->size + 1 >= MODEL_MAX) return;
        item = random_item(random, scratch);
        queue_push(queue, end, item, limit);
        model_insert(model, end == QUEUE_HEAD ? 0 : model->size, item);
        return;
    }
    cr_assert_eq(queue_peek(queue, end, &item), model->size > 0);
    if (model->size == 0) return;
    cr_assert(bytes_equal(item, model->items[end == QUEUE_HEAD ? 0 : model->size - 1]));
    uint32_t count = random_below(random, 50) == 0 ? (uint32_t)random_below(random, 60) : 1;
    if (count > model->size) count = model->size;
    queue_drop(queue, end, count);
    model_remove(model, end == QUEUE_HEAD ? 0 : model->size - count, count);
}

static void step_in_the_middle(struct queue *queue, struct model *model, struct random *random,
                               int64_t limit) {
    static char scratch[ITEM_MAX];
    if (model->size == 0 || model->size + 1 >= MODEL_MAX) return;
    uint32_t at = (uint32_t)random_below(random, model->size);
    struct queue_cursor cursor = queue_seek(queue, at);
    cr_assert(bytes_equal(queue_cursor_item(&cursor), model->items[at]));
    struct bytes item = random_item(random, scratch);
    switch (random_below(random, 5)) {
    case 0:
        queue_insert(queue, cursor, QUEUE_HEAD, item, limit);
        model_insert(model, at, item);
        break;
    case 1:
        queue_insert(queue, cursor, QUEUE_TAIL, item, limit);
        model_insert(model, at + 1, item);
        break;
    case 2:
        queue_replace(queue, cursor, item, limit);
        model_insert(model, at, item);
        model_remove(model, at + 1, 1);
        break;
    case 3:
        queue_remove(queue, &cursor, QUEUE_TAIL);
        model_remove(model, at, 1);
        cr_assert_eq(cursor.block == NULL, at == model->size);
        if (at < model->size) cr_assert(bytes_equal(queue_cursor_item(&cursor), model->items[at]));
        break;
    default:
        queue_remove(queue, &cursor, QUEUE_HEAD);
        model_remove(model, at, 1);
        cr_assert_eq(cursor.block == NULL, at == 0);
        if (at > 0) cr_assert(bytes_equal(queue_cursor_item(&cursor), model->items[at - 1]));
        break;
    }
}

static void run_random(uint64_t seed, int64_t limit, uint32_t middle_percent) {
    static struct model model; /* large: not on the stack */
    model.size = 0;
    struct random random;
    random_init(&random, seed);
    struct queue *queue = queue_create();
    for (uint32_t step = 0; step < 12000; step++) {
        if (random_below(&random, 100) < middle_percent)
            step_in_the_middle(queue, &model, &random, limit);
        else
            step_at_ends(queue, &model, &random, (step / 3000) % 2 == 0, limit);
        queue_check(queue);
        if (step % 200 == 0) expect_equal(queue, &model);
    }
    struct queue *copy = queue_copy(queue);
    expect_equal(queue, &model);
    queue_destroy(queue);
    expect_equal(copy, &model);
    model_remove(&model, 0, model.size);
    queue_destroy(copy);
}

Test(queue, equals_an_array_at_every_limit) {
    static const int64_t limits[] = {-2, -1, -5, -9, 0, 1, 3, 128, 100000};
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        run_random(i + 1, limits[i], 0);
        run_random(i + 101, limits[i], 40);
    }
}

Test(queue, has_one_digest_however_it_was_built) {
    struct queue *forwards = queue_create(), *backwards = queue_create();
    for (int i = 0; i < 3000; i++) {
        char text[] = {(char)('a' + i % 26), (char)('a' + i / 26 % 26), (char)('a' + i / 676)};
        queue_push(forwards, QUEUE_TAIL, bytes_of(text, 3), -2);
    }
    for (int i = 2999; i >= 0; i--) {
        char text[] = {(char)('a' + i % 26), (char)('a' + i / 26 % 26), (char)('a' + i / 676)};
        queue_push(backwards, QUEUE_HEAD, bytes_of(text, 3), 7);
    }
    cr_expect_eq(queue_digest(forwards), queue_digest(backwards));
    queue_drop(forwards, QUEUE_HEAD, 1);
    cr_expect_neq(queue_digest(forwards), queue_digest(backwards));
    queue_destroy(forwards);
    queue_destroy(backwards);
}

Test(queue, is_destroyed_in_pieces) {
    struct queue *queue = queue_create();
    for (int i = 0; i < 20000; i++)
        queue_push(queue, QUEUE_TAIL, BYTES("an item of some length"), -2);
    uint64_t blocks = queue_blocks(queue), budget = blocks - 1;
    cr_expect_gt(blocks, 20);
    cr_expect_not(queue_destroy_some(queue, &budget));
    cr_expect_eq(budget, 0);
    cr_expect_eq(queue_blocks(queue), 1);
    queue_check(queue);
    budget = 10;
    cr_expect(queue_destroy_some(queue, &budget));
    cr_expect_eq(budget, 9);
}

Test(queue, gives_memory_back_and_keeps_little_for_short_lists) {
    struct queue *queue = queue_create();
    queue_push(queue, QUEUE_HEAD, BYTES("12345678"), -2);
    cr_expect_leq(queue_memory(queue), 128);
    for (int i = 0; i < 100000; i++) {
        queue_push(queue, QUEUE_HEAD, BYTES("12345678"), -2);
        queue_drop(queue, QUEUE_TAIL, 1);
    }
    cr_expect_leq(queue_memory(queue), 256, "after a FIFO's life: %zu", queue_memory(queue));
    for (int i = 0; i < 100000; i++)
        queue_push(queue, QUEUE_HEAD, BYTES("12345678"), -2);
    cr_expect_leq(queue_memory(queue), 100000 * 10 * 105 / 100, "%zu", queue_memory(queue));
    queue_drop(queue, QUEUE_HEAD, 99999);
    cr_expect_leq(queue_memory(queue), 1024, "%zu", queue_memory(queue));
    queue_check(queue);
    queue_destroy(queue);
}
