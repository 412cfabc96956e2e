/* rdb_write.h: the storages as a Redis RDB file, version 10: what Redis 7.0 loads, and what
 * rdb_read.h gives back as it was, to the last position (SAFETY 24).
 *
 * Pure: bytes go into the caller's buffer, a piece a call. The storages must not change from
 * rdb_writer_create() to the last call, and the writer changes nothing in them: made for a forked
 * child, whose reading copies no page, and as well for a caller that holds everything still.
 * Memory: a piece, and some megabytes for what is being compressed; large strings and collections
 * are written in pieces.
 *
 * What RDB can't say stands in AUX fields, which Redis skips:
 *   hamok-format        "1"; an unknown one is refused
 *   hamok-time-ms       log time
 *   hamok-rolling-digest
 *   hamok-setting-NAME  the settings that are the same on every node
 *   hamok-emitter       subscriptions, in as many fields as it takes
 *   hamok-forms         before up to 1024 keys: which of their records are text that looks like an
 *                       integer, or "raw" (see rdb_format.h)
 *   hamok-digest        the full digest, as storages_digest() gives it: at the end
 * Names that begin with "hamok-" are for these alone. Everything else that a node's state has (log
 * index, term, members, origins) is its owner's and comes as further pairs. */
#pragma once

#include "base/buffer.h"

struct storages;

/* An AUX field of the caller's. Redis prints those whose name begins with % into its log. */
struct rdb_pair {
    struct bytes name, value;
};

struct rdb_write_options {
    struct bytes redis_version; /* redis-ver: "7.0.15" */
    int64_t created_s;          /* ctime: seconds since 1970 */
    uint64_t used_memory;       /* used-mem: bytes */
    bool compress;              /* rdbcompression: strings of more than 20 bytes, where it helps */
    const struct rdb_pair *pairs; /* at the head of the file, in this order */
    uint32_t pair_count;
};

struct rdb_writer; /* Opaque: about 64 KiB. */

/* Lent until rdb_writer_destroy(): the storages, and what the options point to. Not inside an
 * atomic unit. */
struct rdb_writer *rdb_writer_create(const struct storages *storages,
                                     const struct rdb_write_options *options);
void rdb_writer_destroy(struct rdb_writer *writer); /* NULL is allowed. */

/* Appends the next bytes of the file to `out`, about bytes_max (at least one; up to some hundred
 * KiB more). True when they were the last. */
bool rdb_writer_next(struct rdb_writer *writer, struct buffer *out, size_t bytes_max);

/* Progress. */
uint64_t rdb_writer_keys(const struct rdb_writer *writer);  /* written so far */
uint64_t rdb_writer_bytes(const struct rdb_writer *writer); /* of the file so far */
