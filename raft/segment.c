/* segment.c: both file headers share one shape: magic, format, size, owner, …, checksum. */
#include "raft/segment.h"

#include <stdio.h>

#include "base/hash.h"

enum { AT_FORMAT = 8, AT_SIZE = 12, AT_CLUSTER = 16, AT_NODE = 32, AT_FIELDS = 48 };
enum { MAGIC_SIZE = 8, CHECKSUM_SIZE = 8, NAME_DIGITS = 10 };

static const char segment_magic[] = "HAMOKLOG", vote_magic[] = "HAMOKVOT";
static const char name_prefix[] = "log-";

struct kind {
    const char *magic;
    uint32_t size, format;
};

/* Everything but the fields from AT_FIELDS on, which the caller has written. */
static void seal(char *header, struct kind kind, const struct segment_owner *owner) {
    uint32_t size = kind.size;
    memcpy(header, kind.magic, MAGIC_SIZE);
    store_u32(header + AT_FORMAT, kind.format);
    store_u32(header + AT_SIZE, size);
    memcpy(header + AT_CLUSTER, owner->cluster, SEGMENT_ID_SIZE);
    memcpy(header + AT_NODE, owner->node, SEGMENT_ID_SIZE);
    store_u64(header + size - CHECKSUM_SIZE, hash_bytes(bytes_of(header, size - CHECKSUM_SIZE), 0));
}

/* The checksum comes before format and owner: a flipped bit is not a newer version. Formats up to
 * the kind's are known. */
static enum error unseal(struct bytes bytes, struct kind kind, const struct segment_owner *owner) {
    if (bytes.size < AT_FIELDS + CHECKSUM_SIZE) return ERROR_TRUNCATED;
    if (memcmp(bytes.data, kind.magic, MAGIC_SIZE) != 0) return ERROR_MALFORMED;
    uint32_t told = load_u32(bytes.data + AT_SIZE);
    if (told < AT_FIELDS + CHECKSUM_SIZE) return ERROR_MALFORMED;
    if (bytes.size < told) return ERROR_TRUNCATED;
    if (load_u64(bytes.data + told - CHECKSUM_SIZE) !=
        hash_bytes(bytes_of(bytes.data, told - CHECKSUM_SIZE), 0))
        return ERROR_CHECKSUM;
    if (load_u32(bytes.data + AT_FORMAT) > kind.format) return ERROR_VERSION;
    if (load_u32(bytes.data + AT_FORMAT) == 0 || told != kind.size) return ERROR_MALFORMED;
    if (memcmp(bytes.data + AT_CLUSTER, owner->cluster, SEGMENT_ID_SIZE) != 0 ||
        memcmp(bytes.data + AT_NODE, owner->node, SEGMENT_ID_SIZE) != 0)
        return ERROR_FOREIGN;
    return ERROR_NONE;
}

void segment_header_write(char *header, const struct segment_owner *owner,
                          const struct segment_header *fields) {
    memset(header, 0, SEGMENT_HEADER_SIZE);
    store_u64(header + AT_FIELDS, fields->sequence);
    store_u64(header + AT_FIELDS + 8, fields->salt);
    store_u64(header + AT_FIELDS + 16, fields->size);
    seal(header, (struct kind){segment_magic, SEGMENT_HEADER_SIZE, SEGMENT_FORMAT}, owner);
}

enum error segment_header_read(struct bytes bytes, const struct segment_owner *owner,
                               struct segment_header *fields) {
    enum error error =
        unseal(bytes, (struct kind){segment_magic, SEGMENT_HEADER_SIZE, SEGMENT_FORMAT}, owner);
    if (error != ERROR_NONE) return error;
    *fields = (struct segment_header){.sequence = load_u64(bytes.data + AT_FIELDS),
                                      .salt = load_u64(bytes.data + AT_FIELDS + 8),
                                      .size = load_u64(bytes.data + AT_FIELDS + 16)};
    return ERROR_NONE;
}

void segment_name(char name[DISK_NAME_SIZE], uint64_t sequence) {
    int length = snprintf(name, DISK_NAME_SIZE, "%s%0*llu", name_prefix, NAME_DIGITS,
                          (unsigned long long)sequence);
    CHECK(length > 0 && length < DISK_NAME_SIZE);
}

bool segment_name_read(const char *name, uint64_t *sequence) {
    size_t prefix = sizeof(name_prefix) - 1;
    if (strncmp(name, name_prefix, prefix) != 0) return false;
    uint64_t value = 0;
    size_t digits = 0;
    for (const char *at = name + prefix; *at != 0; at++, digits++) {
        if (*at < '0' || *at > '9' || digits == NAME_DIGITS) return false;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (digits != NAME_DIGITS) return false;
    *sequence = value;
    return true;
}

void vote_write(char *file, const struct segment_owner *owner, struct vote vote) {
    memset(file, 0, VOTE_SIZE);
    store_u64(file + AT_FIELDS, vote.term);
    store_u32(file + AT_FIELDS + 8, vote.voted_for);
    store_u32(file + AT_FIELDS + 12, vote.is_lost);
    seal(file, (struct kind){vote_magic, VOTE_SIZE, vote.is_lost ? VOTE_FORMAT : SEGMENT_FORMAT},
         owner);
}

enum error vote_read(struct bytes file, const struct segment_owner *owner, struct vote *vote) {
    enum error error = unseal(file, (struct kind){vote_magic, VOTE_SIZE, VOTE_FORMAT}, owner);
    if (error != ERROR_NONE) return error;
    if (file.size != VOTE_SIZE) return ERROR_MALFORMED;
    bool is_lost =
        load_u32(file.data + AT_FORMAT) == VOTE_FORMAT && load_u32(file.data + AT_FIELDS + 12) != 0;
    *vote = (struct vote){.term = load_u64(file.data + AT_FIELDS),
                          .voted_for = load_u32(file.data + AT_FIELDS + 8),
                          .is_lost = is_lost};
    return ERROR_NONE;
}
