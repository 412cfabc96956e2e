/* log_shape.c: three growing arrays. */
#include "raft/log_shape.h"

#include "base/memory.h"

/* Makes room for one more element of an array of ours. */
static void *grown(void *array, size_t count, size_t *capacity, size_t element_size) {
    if (count < *capacity) return array;
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    return memory_resize(array, *capacity * element_size);
}

static void tail_push(struct log_shape *shape, struct log_position position) {
    size_t used = shape->tail_end - shape->tail_head;
    if (shape->tail_end == shape->tail_capacity && shape->tail_head > used) {
        memcpy(shape->tail, shape->tail + shape->tail_head, used * sizeof(*shape->tail));
        shape->tail_head = 0;
        shape->tail_end = used;
    }
    shape->tail = grown(shape->tail, shape->tail_end, &shape->tail_capacity, sizeof(*shape->tail));
    shape->tail[shape->tail_end++] = position;
}

void log_shape_init(struct log_shape *shape, uint64_t base_hash) {
    *shape = (struct log_shape){.last = {.hash = base_hash}};
    tail_push(shape, shape->last);
}

void log_shape_clear(struct log_shape *shape) {
    memory_release(shape->tail);
    memory_release(shape->points);
    memory_release(shape->cuts);
    *shape = (struct log_shape){0};
}

static bool wants_point(const struct log_shape *shape, struct log_place place) {
    if (shape->point_count == 0) return true;
    const struct log_place *last = &shape->points[shape->point_count - 1].place;
    return place.segment != last->segment || place.offset - last->offset >= LOG_SHAPE_POINT_BYTES;
}

void log_shape_add(struct log_shape *shape, uint64_t index, struct log_position position,
                   struct log_place place) {
    CHECK(index == shape->last_index + 1);
    shape->last_index = index;
    shape->last = position;
    tail_push(shape, position);
    if (!wants_point(shape, place)) return;
    shape->points =
        grown(shape->points, shape->point_count, &shape->point_capacity, sizeof(*shape->points));
    shape->points[shape->point_count++] = (struct log_point){.index = index, .place = place};
}

void log_shape_commit(struct log_shape *shape, uint64_t commit_index) {
    if (commit_index > shape->last_index) commit_index = shape->last_index;
    if (commit_index <= shape->tail_index) return;
    shape->tail_head += commit_index - shape->tail_index;
    shape->tail_index = commit_index;
}

bool log_shape_at(const struct log_shape *shape, uint64_t index, struct log_position *position) {
    if (index < shape->tail_index || index > shape->last_index) return false;
    *position = shape->tail[shape->tail_head + (index - shape->tail_index)];
    return true;
}

static void cut_push(struct log_shape *shape, struct log_cut cut) {
    /* What an earlier cut to a higher index made void, this one does too. */
    while (shape->cut_count > 0 && shape->cuts[shape->cut_count - 1].after >= cut.after)
        shape->cut_count--;
    shape->cuts = grown(shape->cuts, shape->cut_count, &shape->cut_capacity, sizeof(*shape->cuts));
    shape->cuts[shape->cut_count++] = cut;
}

void log_shape_cut(struct log_shape *shape, uint64_t after, uint64_t number) {
    CHECK(after < shape->last_index);
    CHECK(log_shape_at(shape, after, &shape->last));
    shape->tail_end -= shape->last_index - after;
    shape->last_index = after;
    while (shape->point_count > 0 && shape->points[shape->point_count - 1].index > after)
        shape->point_count--;
    cut_push(shape, (struct log_cut){.number = number, .after = after});
}

void log_shape_restart(struct log_shape *shape, uint64_t index, struct log_position position,
                       uint64_t number) {
    /* Whoever still writes what stands before must not tell more than what is common to both. */
    cut_push(shape, (struct log_cut){.number = number, .after = shape->tail_index});
    shape->point_count = 0;
    shape->tail_head = shape->tail_end = 0;
    shape->tail_index = shape->last_index = index;
    shape->last = position;
    tail_push(shape, position);
}

static void drop_front(void *array, size_t count, size_t *left, size_t element_size) {
    char *elements = array;
    if (count == 0) return;
    *left -= count;
    memmove(elements, elements + count * element_size, *left * element_size);
}

void log_shape_forget(struct log_shape *shape, struct log_place first) {
    size_t points = 0, cuts = 0;
    while (points < shape->point_count && shape->points[points].place.segment < first.segment)
        points++;
    while (cuts < shape->cut_count && shape->cuts[cuts].number < first.number)
        cuts++;
    drop_front(shape->points, points, &shape->point_count, sizeof(*shape->points));
    drop_front(shape->cuts, cuts, &shape->cut_count, sizeof(*shape->cuts));
}

bool log_shape_point(const struct log_shape *shape, uint64_t index, struct log_point *point) {
    if (shape->point_count == 0) return false;
    size_t low = 0, high = shape->point_count; /* points before low are at or before index */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (shape->points[middle].index <= index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *point = shape->points[low == 0 ? 0 : low - 1];
    return true;
}

uint64_t log_shape_cut_behind(const struct log_shape *shape, uint64_t number) {
    size_t low = 0, high = shape->cut_count; /* cuts before low are before the record */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (shape->cuts[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    /* Of the cuts behind the record the first goes deepest. */
    return low < shape->cut_count ? shape->cuts[low].after : UINT64_MAX;
}

bool log_shape_is_void(const struct log_shape *shape, uint64_t number, uint64_t index) {
    return log_shape_cut_behind(shape, number) < index;
}
