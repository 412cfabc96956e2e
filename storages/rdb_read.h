/* rdb_read.h: storages from a Redis RDB file, fed in pieces of any size.
 *
 * Two modes:
 *   RDB_LITERAL  a file of rdb_write.h: everything as it was, array order, encodings, expired keys
 *                and log time included. A file that does not reproduce its full digest is damaged;
 *                one without a digest is refused.
 *   RDB_IMPORT   any dump.rdb of Redis up to 7.0 (RDB 1 to 10), ours too: keys in the order of the
 *                file, encodings by the storages' own settings, hamok's AUX fields ignored. As a
 *                Redis master does, keys that have expired and empty collections are left out.
 *                Equal files and options give equal storages on every node.
 *
 * Nothing in the file is trusted: each length, count, back-link and order is checked, a key or
 * member that comes twice is an error, and so is what this version has no type for (streams,
 * modules' types, function libraries). Memory is bounded by what has been fed, whatever a length in
 * the file claims: a reader holds one string or packed list at a time beside the storages.
 *
 * Pure. The reader fills storages that the caller created and that are empty; while it does, and
 * after an error, they are good for storages_destroy() only. */
#pragma once

#include "base/bytes.h"
#include "base/error.h"

struct storages;

enum rdb_mode { RDB_LITERAL, RDB_IMPORT };

struct rdb_read_options {
    struct storages *storages; /* lent until rdb_reader_destroy() */
    enum rdb_mode mode;
    int64_t now_ms;       /* RDB_IMPORT: keys whose deadline is not after this are left out */
    uint64_t bytes_total; /* size of the file if known, else 0: bounds what is set up in advance */
};

struct rdb_reader; /* Opaque. */

struct rdb_reader *rdb_reader_create(const struct rdb_read_options *options);
void rdb_reader_destroy(struct rdb_reader *reader); /* NULL is allowed. */

/* Takes the next bytes of the file. Errors are final, with a text in rdb_reader_error():
 *   ERROR_VERSION    a newer format, or a type that this version does not have
 *   ERROR_FOREIGN    RDB_LITERAL: no file of ours
 *   ERROR_CHECKSUM   the CRC at the end differs
 *   ERROR_DAMAGED    RDB_LITERAL: the full digest differs
 *   ERROR_MALFORMED  anything else, bytes behind the end included */
enum error rdb_reader_feed(struct rdb_reader *reader, struct bytes bytes) MUST_USE;
/* To be called when there are no more bytes: ERROR_TRUNCATED unless the file is complete. */
enum error rdb_reader_end(struct rdb_reader *reader) MUST_USE;
/* Whether the file has been read to its end and everything in it was found right. */
bool rdb_reader_is_complete(const struct rdb_reader *reader);
/* What was wrong and at which byte, e.g. "byte 1234, key "x": …"; "" without error. Lent. */
const char *rdb_reader_error(const struct rdb_reader *reader);

/* The AUX fields that are not hamok's own, in the order of the file, Redis's included. Those at the
 * head are all known once rdb_reader_head_is_read(): to look at a file's head, feed its beginning.
 * Lent until the next call of feed or destroy. At most 64 MiB of them are kept: more is an error.
 */
bool rdb_reader_head_is_read(const struct rdb_reader *reader);
uint32_t rdb_reader_pair_count(const struct rdb_reader *reader);
void rdb_reader_pair(const struct rdb_reader *reader, uint32_t index, struct bytes *name,
                     struct bytes *value);
/* The first with this name; false if there is none. */
bool rdb_reader_find_pair(const struct rdb_reader *reader, struct bytes name, struct bytes *value);

/* Progress and what was left out. */
struct rdb_read_statistics {
    uint64_t bytes;        /* of the file */
    uint64_t keys;         /* loaded */
    uint64_t keys_expired; /* left out by RDB_IMPORT */
    uint64_t keys_empty;   /* likewise */
    uint64_t module_data;  /* pieces of modules' auxiliary data, skipped by RDB_IMPORT */
};
struct rdb_read_statistics rdb_reader_statistics(const struct rdb_reader *reader);
