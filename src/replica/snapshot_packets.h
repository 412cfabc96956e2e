/* snapshot_packets.h: what the two ends of a snapshot's transfer tell each other about a file. */
#pragma once

#include "base/hash.h"
#include "src/replica/replica_internal.h"

enum {
    SNAPSHOT_FILE_SIZE = 40,
    SNAPSHOT_ASK_SIZE = SNAPSHOT_FILE_SIZE + 8 + 4,
    SNAPSHOT_PART_HEAD_SIZE = SNAPSHOT_FILE_SIZE + 8 + 8,
};

static inline void snapshot_file_put(struct buffer *out, const struct snapshot_file *file) {
    buffer_append_u64(out, file->position.index);
    buffer_append_u64(out, file->position.term);
    buffer_append_u64(out, file->position.hash);
    buffer_append_u64(out, file->size);
    buffer_append_u64(out, file->check);
}

static inline void snapshot_file_take(const char *from, struct snapshot_file *file) {
    *file = (struct snapshot_file){
        .position = {load_u64(from), load_u64(from + 8), load_u64(from + 16)},
        .size = load_u64(from + 24),
        .check = load_u64(from + 32)};
}

static inline bool snapshot_file_equal(const struct snapshot_file *a,
                                       const struct snapshot_file *b) {
    return a->position.index == b->position.index && a->position.term == b->position.term &&
           a->position.hash == b->position.hash && a->size == b->size && a->check == b->check;
}

/* Of the part, or piece, that begins there, of at most so many bytes. */
static inline uint64_t snapshot_part_size(const struct snapshot_file *file, uint64_t offset,
                                          uint64_t size_max) {
    uint64_t left = offset < file->size ? file->size - offset : 0;
    return left < size_max ? left : size_max;
}

/* Of a part in its place. */
static inline uint64_t snapshot_part_check(const struct snapshot_file *file, uint64_t offset,
                                           struct bytes part) {
    return hash_bytes(part, hash_chain(file->check, offset));
}
