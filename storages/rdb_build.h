/* rdb_build.h: values from the packed lists in RDB files, for rdb_read.c.
 *
 * Each function returns the value, which is the caller's, or NULL and what is wrong. Literally: in
 * the form that the file has; else in the one that the settings ask for. An empty list gives an
 * empty value. */
#pragma once

#include "base/buffer.h"
#include "storages/map.h"
#include "storages/queue.h"
#include "storages/rdb_packed.h"
#include "storages/set.h"
#include "storages/settings.h"
#include "storages/sorted_set.h"

/* Elements of collections are at most this large, bytes: every type can hold them. */
enum { RDB_ELEMENT_MAX = 1 << 30 };

struct rdb_builder {
    struct storages *storages; /* settings and hash seed */
    bool literal;
    struct buffer slots; /* reused: a hash index of one list's entries */
};

void rdb_builder_clear(struct rdb_builder *builder);

struct map *rdb_build_map(struct rdb_builder *builder, enum rdb_packed_kind kind,
                          struct bytes bytes, const char **complaint);
struct sorted_set *rdb_build_sorted_set(struct rdb_builder *builder, enum rdb_packed_kind kind,
                                        struct bytes bytes, const char **complaint);
/* From an intset. */
struct set *rdb_build_set(struct rdb_builder *builder, struct bytes bytes, const char **complaint);
/* Appends a list's entries to a queue; NULL or what is wrong. */
const char *rdb_build_queue(struct rdb_builder *builder, struct queue *queue,
                            enum rdb_packed_kind kind, struct bytes bytes) MUST_USE;

struct map_limits rdb_map_limits(const struct rdb_builder *builder);
struct sorted_set_limits rdb_sorted_set_limits(const struct rdb_builder *builder);
