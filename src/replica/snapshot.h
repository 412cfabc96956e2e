/* snapshot.h: what a snapshot says beside the keyspace, and the bytes of its file.
 *
 * A snapshot is a Redis RDB file (storages/rdb_write.h). Where it stands in the log, whose it is,
 * who belongs to the cluster and which batches it contains stand in AUX fields of its own, at the
 * head of the file; Redis skips them:
 *
 *   raft-index, raft-term, raft-hash   of the last entry applied: decimal; the hash in hex
 *   raft-digest                        the rolling digest of all replicated state there, in hex
 *   raft-cluster, raft-node            the cluster's id and the writer's uuid, in hex
 *   raft-members                       the configuration in force there (raft/members.h)
 *   raft-origins                       the open origins: 44 bytes each, little-endian: id, uuid,
 *                                      nonce, last number, node
 *
 * Pure: bytes go into the caller's buffer; see rdb_write.h for what must not change meanwhile. */
#pragma once

#include "raft/journal.h"
#include "raft/members.h"
#include "src/replica/origins.h"
#include "storages/rdb_read.h"

struct storages;

#define SNAPSHOT_NAME "snapshot.rdb"
#define SNAPSHOT_SET_ASIDE "damaged-snapshot.rdb"

struct snapshot_head {
    struct raft_position position; /* of the last applied entry */
    uint64_t digest;               /* replica_digest() there */
    char cluster[JOURNAL_ID_SIZE];
    uint64_t node_uuid[2]; /* whose snapshot it is */
    struct members members;
    struct origins origins; /* owned */
};
void snapshot_head_clear(struct snapshot_head *head);

/* Takes the fields out of a file whose head has been read. ERROR_FOREIGN: no snapshot of ours (a
 * dump.rdb); MALFORMED, RANGE, VERSION. On an error there is nothing to clear. */
enum error snapshot_head_read(const struct rdb_reader *reader, struct snapshot_head *head) MUST_USE;
/* The same from the first bytes of a file. ERROR_TRUNCATED: more of them are needed. */
enum error snapshot_head_peek(struct bytes bytes, struct snapshot_head *head) MUST_USE;

/* What the pure half does not know. */
struct snapshot_options {
    struct bytes redis_version;
    int64_t created_s;    /* seconds since 1970 */
    uint64_t used_memory; /* bytes */
    bool compress;
};

struct snapshot_writer; /* Opaque. */

/* Lent until snapshot_writer_destroy(): the storages. The head is copied into the file's form. */
struct snapshot_writer *snapshot_writer_create(const struct storages *storages,
                                               const struct snapshot_head *head,
                                               const struct snapshot_options *options);
void snapshot_writer_destroy(struct snapshot_writer *writer); /* NULL is allowed. */
/* Appends the next bytes, about bytes_max; true when they were the last. */
bool snapshot_writer_next(struct snapshot_writer *writer, struct buffer *out, size_t bytes_max);
uint64_t snapshot_writer_keys(const struct snapshot_writer *writer);

/* The name under which a snapshot is written until it is whole and checked; and whether a name is
 * such a one (what a crash left behind). */
void snapshot_temporary_name(char name[DISK_NAME_SIZE], const uint64_t node_uuid[2],
                             uint64_t index);
bool snapshot_is_temporary_name(const char *name);
/* The same for another node's file, while it comes. */
void snapshot_received_name(char name[DISK_NAME_SIZE], uint64_t index, uint64_t check);
/* Of its receipts (snapshot_resume.c); whether a name is such a one, and then the file's that they
 * are of, and where that snapshot ends. */
void snapshot_receipts_name(char name[DISK_NAME_SIZE], uint64_t index, uint64_t check);
bool snapshot_receipts_are_of(const char *name, char file[DISK_NAME_SIZE], uint64_t *index);
