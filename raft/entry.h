/* entry.h: one entry of the replicated log, as it stands in memory, on disk and on the wire.
 *
 * An entry's image is a fixed header of ENTRY_HEADER_SIZE bytes (format 1, little-endian) followed
 * by its body. The same bytes serve memory, disk and peers; node-local facts (durable marks, record
 * checksums, segment sequence) never stand in it. Raft reads type, term, index, hash and sizes; the
 * other fields are opaque to it and belong to the replica (SAFETY 20).
 *
 *   offset  size  field
 *        0     1  format (1)
 *        1     1  type (enum entry_type)
 *        2     2  semantics version
 *        4     4  flags
 *        8     8  term
 *       16     8  index
 *       24     8  hash: chains all entries (SAFETY 10), see entry_seal()
 *       32     8  stamp, milliseconds since 1970
 *       40     8  seed
 *       48     8  origin
 *       56     8  number
 *       64     4  body size
 *       68     4  count: commands in the body
 *       72     8  body hash: XXH3 of the body
 *
 * An entry view borrows its image; the holder keeps a reference on the chunk. */
#pragma once

#include "base/chunk.h"
#include "base/error.h"

enum { ENTRY_HEADER_SIZE = 80, ENTRY_FORMAT = 1 };

enum entry_type {
    ENTRY_NOOP = 1, /* a new leader's first entry; empty body */
    ENTRY_DATA,     /* the replica's own; body opaque to Raft */
    ENTRY_CONFIG,   /* membership: members.h */
};

/* The fields of a header, decoded. */
struct entry_header {
    uint8_t format, type;
    uint16_t semantics;
    uint32_t flags;
    uint64_t term, index, hash;
    uint64_t stamp_ms, seed, origin, number;
    uint32_t body_size, count;
    uint64_t body_hash;
};

/* A view of one entry: image points into chunk. */
struct entry {
    struct chunk *chunk;
    char *image;
};

void entry_header_write(char *image, const struct entry_header *header);
void entry_header_read(const char *image, struct entry_header *header);

/* Validates foreign bytes: known format and type, the exact size, the body's hash; a configuration
 * has to be one. */
enum error entry_validate(struct bytes image) MUST_USE;

/* The leader's last step: writes term, index, stamp and the chained hash into the image. The hash
 * is H(previous hash, term, index, type, stamp, all other header fields, body hash). */
void entry_seal(char *image, uint64_t term, uint64_t index, uint64_t stamp_ms,
                uint64_t previous_hash);
/* What the hash of this image has to be after `previous_hash`. */
uint64_t entry_hash_after(const char *image, uint64_t previous_hash);

static inline uint8_t entry_type(const char *image) {
    return (uint8_t)image[1];
}
static inline uint64_t entry_term(const char *image) {
    return load_u64(image + 8);
}
static inline uint64_t entry_index(const char *image) {
    return load_u64(image + 16);
}
static inline uint64_t entry_hash(const char *image) {
    return load_u64(image + 24);
}
static inline uint64_t entry_stamp_ms(const char *image) {
    return load_u64(image + 32);
}
static inline uint32_t entry_body_size(const char *image) {
    return load_u32(image + 64);
}
static inline size_t entry_size(const char *image) {
    return (size_t)ENTRY_HEADER_SIZE + entry_body_size(image);
}
static inline struct bytes entry_body(const char *image) {
    return bytes_of(image + ENTRY_HEADER_SIZE, entry_body_size(image));
}
