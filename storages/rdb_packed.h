/* rdb_packed.h: walks over the packed lists inside of Redis's RDB files, trusting nothing in them.
 *
 * Three kinds: listpack (listpack.h), ziplist (Redis up to 6) and zipmap (up to 2.4). Opening looks
 * at the frame; each step validates one entry: its head, its size, what it says about its
 * neighbour. So a walk that came to the end has seen every byte, and each was right.
 *
 * Lends: the bytes stay where they are, values point into them. */
#pragma once

#include "base/packed.h"

enum rdb_packed_kind { RDB_KIND_LISTPACK, RDB_KIND_ZIPLIST, RDB_KIND_ZIPMAP };

struct rdb_packed {
    enum rdb_packed_kind kind;
    struct bytes bytes;
    uint32_t at, end;   /* offsets: of the next entry, and of the end mark */
    uint32_t count;     /* entries so far */
    uint32_t announced; /* entries there should be, UINT32_MAX if the list doesn't say */
    uint32_t previous;  /* size of the entry before, as a ziplist tells it */
    uint32_t last;      /* where a ziplist says that its last entry is */
    uint32_t entry;     /* offset of the entry last given */
};

/* NULL, or what is wrong. */
const char *rdb_packed_open(struct rdb_packed *list, enum rdb_packed_kind kind,
                            struct bytes bytes) MUST_USE;

/* The next entry in its canonical form (packed_value_of). False at the end, and if something is
 * wrong: then *complaint says what, else it is NULL. */
bool rdb_packed_next(struct rdb_packed *list, struct packed_value *value, const char **complaint);

/* An entry that rdb_packed_next() has given before: list->entry was its offset. */
struct packed_value rdb_packed_at(const struct rdb_packed *list, uint32_t entry);
