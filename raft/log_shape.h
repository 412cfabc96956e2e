/* log_shape.h: what the journal remembers of the entries on the disk, without their bytes.
 *
 * The last entry; term and hash of every entry that may still be cut (those above the commit
 * index); a point every few hundred KiB from where a reader can start; and the cuts. Memory: 32
 * bytes a point, 16 an uncommitted entry, 16 a cut that no later one covers. */
#pragma once

#include "base/bytes.h"

enum { LOG_SHAPE_POINT_BYTES = 256 * 1024 }; /* of log between two points */

/* Where a record stands. */
struct log_place {
    uint32_t segment; /* the journal's count, from 0 */
    uint64_t offset, number;
};

struct log_point {
    uint64_t index;
    struct log_place place;
};

struct log_position {
    uint64_t term, hash;
};

struct log_cut {
    uint64_t number, after;
};

struct log_shape {
    uint64_t last_index;
    struct log_position last;

    uint64_t tail_index;       /* of tail[tail_head]: the highest index that is never cut */
    struct log_position *tail; /* up to the last index */
    size_t tail_head, tail_end, tail_capacity;

    struct log_point *points; /* ascending */
    size_t point_count, point_capacity;

    struct log_cut *cuts; /* ascending by number and by index */
    size_t cut_count, cut_capacity;
};

void log_shape_init(struct log_shape *shape, uint64_t base_hash);
void log_shape_clear(struct log_shape *shape);

/* Requires index == last_index + 1. */
void log_shape_add(struct log_shape *shape, uint64_t index, struct log_position position,
                   struct log_place place);
/* Entries up to here are never cut. Lower than before, or above the end: the nearest possible. */
void log_shape_commit(struct log_shape *shape, uint64_t commit_index);
/* False if the entry at this index is not known: committed long ago or beyond the end. */
bool log_shape_at(const struct log_shape *shape, uint64_t index, struct log_position *position);
/* Requires log_shape_at(after); `number` is the CUT record's. */
void log_shape_cut(struct log_shape *shape, uint64_t after, uint64_t number);

/* All entries are void: the log goes on behind this position, in record `number` and later. */
void log_shape_restart(struct log_shape *shape, uint64_t index, struct log_position position,
                       uint64_t number);
/* The log begins in this segment now, whose first record this is. */
void log_shape_forget(struct log_shape *shape, struct log_place first);

/* The last point at or before this index; the first one if there is none. False: empty. */
bool log_shape_point(const struct log_shape *shape, uint64_t index, struct log_point *point);
/* How deep the cuts behind this record go: entries above the result that stand before them are
 * void. UINT64_MAX: there are none. */
uint64_t log_shape_cut_behind(const struct log_shape *shape, uint64_t number);
/* Whether the entry with this index in this record was cut later. */
bool log_shape_is_void(const struct log_shape *shape, uint64_t number, uint64_t index);
