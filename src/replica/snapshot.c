/* snapshot.c: the fields are few and small, so they are put into one buffer each, once. */
#include "src/replica/snapshot.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "base/number.h"
#include "storages/rdb_write.h"
#include "storages/storages.h"

enum { ORIGIN_SIZE = 44, ORIGINS_MAX = 4096 };

enum field {
    FIELD_INDEX,
    FIELD_TERM,
    FIELD_HASH,
    FIELD_DIGEST,
    FIELD_CLUSTER,
    FIELD_NODE,
    FIELD_MEMBERS,
    FIELD_ORIGINS,
    FIELD_COUNT
};

static const char *const field_names[FIELD_COUNT] = {
    [FIELD_INDEX] = "raft-index",     [FIELD_TERM] = "raft-term",       [FIELD_HASH] = "raft-hash",
    [FIELD_DIGEST] = "raft-digest",   [FIELD_CLUSTER] = "raft-cluster", [FIELD_NODE] = "raft-node",
    [FIELD_MEMBERS] = "raft-members", [FIELD_ORIGINS] = "raft-origins",
};

struct snapshot_writer {
    struct buffer fields[FIELD_COUNT];
    struct rdb_pair pairs[FIELD_COUNT];
    struct rdb_writer *rdb;
};

void snapshot_head_clear(struct snapshot_head *head) {
    origins_clear(&head->origins);
}

/* --- writing ------------------------------------------------------------------------------------
 */

static void put_hex(struct buffer *out, struct bytes bytes) {
    for (size_t i = 0; i < bytes.size; i++)
        buffer_append_format(out, "%02x", (uint8_t)bytes.data[i]);
}

static void put_origins(struct buffer *out, const struct origins *origins) {
    for (uint32_t i = 0; i < origins->count; i++) {
        const struct origin *origin = &origins->at[i];
        buffer_append_u64(out, origin->id);
        buffer_append_u64(out, origin->uuid[0]);
        buffer_append_u64(out, origin->uuid[1]);
        buffer_append_u64(out, origin->nonce);
        buffer_append_u64(out, origin->last);
        buffer_append_u32(out, origin->node);
    }
}

static void put_fields(struct buffer *fields, const struct snapshot_head *head) {
    buffer_append_format(&fields[FIELD_INDEX], "%" PRIu64, head->position.index);
    buffer_append_format(&fields[FIELD_TERM], "%" PRIu64, head->position.term);
    buffer_append_format(&fields[FIELD_HASH], "%016" PRIx64, head->position.hash);
    buffer_append_format(&fields[FIELD_DIGEST], "%016" PRIx64, head->digest);
    put_hex(&fields[FIELD_CLUSTER], bytes_of(head->cluster, sizeof(head->cluster)));
    put_hex(&fields[FIELD_NODE], bytes_of(head->node_uuid, sizeof(head->node_uuid)));
    members_encode(&head->members, &fields[FIELD_MEMBERS]);
    put_origins(&fields[FIELD_ORIGINS], &head->origins);
}

struct snapshot_writer *snapshot_writer_create(const struct storages *storages,
                                               const struct snapshot_head *head,
                                               const struct snapshot_options *options) {
    struct snapshot_writer *writer = memory_allocate_zeroed(sizeof(*writer));
    put_fields(writer->fields, head);
    for (int i = 0; i < FIELD_COUNT; i++)
        writer->pairs[i] =
            (struct rdb_pair){bytes_of_text(field_names[i]), buffer_bytes(&writer->fields[i])};
    struct rdb_write_options rdb = {
        .redis_version = options->redis_version,
        .created_s = options->created_s,
        .used_memory = options->used_memory,
        .compress = options->compress,
        .pairs = writer->pairs,
        .pair_count = FIELD_COUNT,
    };
    writer->rdb = rdb_writer_create(storages, &rdb);
    return writer;
}

void snapshot_writer_destroy(struct snapshot_writer *writer) {
    if (writer == NULL) return;
    rdb_writer_destroy(writer->rdb);
    for (int i = 0; i < FIELD_COUNT; i++)
        buffer_clear(&writer->fields[i]);
    memory_release(writer);
}

bool snapshot_writer_next(struct snapshot_writer *writer, struct buffer *out, size_t bytes_max) {
    return rdb_writer_next(writer->rdb, out, bytes_max);
}

uint64_t snapshot_writer_keys(const struct snapshot_writer *writer) {
    return rdb_writer_keys(writer->rdb);
}

/* --- reading ------------------------------------------------------------------------------------
 */

static int hex_digit(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool take_hex(struct bytes text, char *into, size_t size) {
    if (text.size != 2 * size) return false;
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(text.data[2 * i]), low = hex_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        into[i] = (char)(high << 4 | low);
    }
    return true;
}

static bool take_hash(struct bytes text, uint64_t *value) {
    char bytes[sizeof(*value)];
    if (!take_hex(text, bytes, sizeof(bytes))) return false;
    *value = 0;
    for (size_t i = 0; i < sizeof(bytes); i++)
        *value = *value << 8 | (uint8_t)bytes[i];
    return true;
}

/* Each was opened by an entry that the snapshot covers. */
static bool take_origins(struct bytes body, uint64_t index, struct origins *origins) {
    if (body.size % ORIGIN_SIZE != 0 || body.size / ORIGIN_SIZE > ORIGINS_MAX) return false;
    for (size_t at = 0; at < body.size; at += ORIGIN_SIZE) {
        const char *from = body.data + at;
        struct origin origin = {.id = load_u64(from),
                                .uuid = {load_u64(from + 8), load_u64(from + 16)},
                                .nonce = load_u64(from + 24),
                                .last = load_u64(from + 32),
                                .node = load_u32(from + 40)};
        bool fits = origin.id >= 1 && origin.id <= index && origin.node >= 1 &&
                    origin.node <= RAFT_NODES_MAX;
        if (!fits || !origins_restore(origins, &origin)) return false;
    }
    return true;
}

enum error snapshot_head_read(const struct rdb_reader *reader, struct snapshot_head *head) {
    struct bytes fields[FIELD_COUNT];
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (!rdb_reader_find_pair(reader, bytes_of_text(field_names[i]), &fields[i]))
            return ERROR_FOREIGN;
    }
    *head = (struct snapshot_head){0};
    enum error error = members_decode(fields[FIELD_MEMBERS], &head->members);
    if (error != ERROR_NONE) return error;
    bool sound = number_parse_u64(fields[FIELD_INDEX], &head->position.index) &&
                 number_parse_u64(fields[FIELD_TERM], &head->position.term) &&
                 take_hash(fields[FIELD_HASH], &head->position.hash) &&
                 take_hash(fields[FIELD_DIGEST], &head->digest) &&
                 take_hex(fields[FIELD_CLUSTER], head->cluster, sizeof(head->cluster)) &&
                 take_hex(fields[FIELD_NODE], (char *)head->node_uuid, sizeof(head->node_uuid)) &&
                 head->position.index > 0 &&
                 take_origins(fields[FIELD_ORIGINS], head->position.index, &head->origins);
    if (!sound) snapshot_head_clear(head);
    return sound ? ERROR_NONE : ERROR_MALFORMED;
}

/* The fields stand in front of everything whose size has no bound, so the reader gets to them with
 * no more than the file's first bytes, whatever follows. */
enum error snapshot_head_peek(struct bytes bytes, struct snapshot_head *head) {
    struct storages *scratch = storages_create(0);
    struct rdb_reader *reader =
        rdb_reader_create(&(struct rdb_read_options){.storages = scratch, .mode = RDB_LITERAL});
    enum error error = rdb_reader_feed(reader, bytes);
    if (error == ERROR_NONE) {
        error = snapshot_head_read(reader, head);
        if (error == ERROR_FOREIGN && !rdb_reader_head_is_read(reader)) error = ERROR_TRUNCATED;
    }
    rdb_reader_destroy(reader);
    storages_destroy(scratch);
    return error;
}

/* --- names --------------------------------------------------------------------------------------
 */

#define TEMPORARY_HEAD "snapshot-"
#define TEMPORARY_TAIL ".tmp"
_Static_assert(sizeof(TEMPORARY_HEAD TEMPORARY_TAIL) + 1 + 8 + 1 + 16 <= DISK_NAME_SIZE,
               "a temporary name fits");

void snapshot_temporary_name(char name[DISK_NAME_SIZE], const uint64_t node_uuid[2],
                             uint64_t index) {
    snprintf(name, DISK_NAME_SIZE, TEMPORARY_HEAD "%08x-%" PRIx64 TEMPORARY_TAIL,
             (uint32_t)node_uuid[0], index);
}

void snapshot_received_name(char name[DISK_NAME_SIZE], uint64_t index, uint64_t check) {
    snprintf(name, DISK_NAME_SIZE, TEMPORARY_HEAD "r%08x-%" PRIx64 TEMPORARY_TAIL, (uint32_t)check,
             index);
}

void snapshot_receipts_name(char name[DISK_NAME_SIZE], uint64_t index, uint64_t check) {
    snprintf(name, DISK_NAME_SIZE, TEMPORARY_HEAD "p%08x-%" PRIx64 TEMPORARY_TAIL, (uint32_t)check,
             index);
}

/* Of at most `digits`; false: there are none. */
static bool take_hex_number(const char **at, uint32_t digits, uint64_t *number) {
    const char *start = *at;
    *number = 0;
    for (; *at < start + digits && hex_digit(**at) >= 0; (*at)++)
        *number = *number << 4 | (uint64_t)hex_digit(**at);
    return *at > start;
}

bool snapshot_receipts_are_of(const char *name, char file[DISK_NAME_SIZE], uint64_t *index) {
    size_t head = strlen(TEMPORARY_HEAD "p");
    if (strncmp(name, TEMPORARY_HEAD "p", head) != 0) return false;
    const char *at = name + head;
    uint64_t check;
    if (!take_hex_number(&at, 8, &check) || *at++ != '-' || !take_hex_number(&at, 16, index))
        return false;
    char again[DISK_NAME_SIZE];
    snapshot_receipts_name(again, *index, check);
    snapshot_received_name(file, *index, check);
    return strcmp(name, again) == 0;
}

bool snapshot_is_temporary_name(const char *name) {
    size_t size = strlen(name), head = strlen(TEMPORARY_HEAD), tail = strlen(TEMPORARY_TAIL);
    return size > head + tail && memcmp(name, TEMPORARY_HEAD, head) == 0 &&
           memcmp(name + size - tail, TEMPORARY_TAIL, tail) == 0;
}
