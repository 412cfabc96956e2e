/* entry.c: the fixed header: written and read field by field, so that its layout is told in one
 * list and no compiler padding enters a file. */
#include "raft/entry.h"

#include "base/hash.h"
#include "raft/members.h"

void entry_header_write(char *image, const struct entry_header *header) {
    image[0] = (char)header->format;
    image[1] = (char)header->type;
    store_u16(image + 2, header->semantics);
    store_u32(image + 4, header->flags);
    store_u64(image + 8, header->term);
    store_u64(image + 16, header->index);
    store_u64(image + 24, header->hash);
    store_u64(image + 32, header->stamp_ms);
    store_u64(image + 40, header->seed);
    store_u64(image + 48, header->origin);
    store_u64(image + 56, header->number);
    store_u32(image + 64, header->body_size);
    store_u32(image + 68, header->count);
    store_u64(image + 72, header->body_hash);
}

void entry_header_read(const char *image, struct entry_header *header) {
    *header = (struct entry_header){
        .format = (uint8_t)image[0],
        .type = (uint8_t)image[1],
        .semantics = load_u16(image + 2),
        .flags = load_u32(image + 4),
        .term = load_u64(image + 8),
        .index = load_u64(image + 16),
        .hash = load_u64(image + 24),
        .stamp_ms = load_u64(image + 32),
        .seed = load_u64(image + 40),
        .origin = load_u64(image + 48),
        .number = load_u64(image + 56),
        .body_size = load_u32(image + 64),
        .count = load_u32(image + 68),
        .body_hash = load_u64(image + 72),
    };
}

enum error entry_validate(struct bytes image) {
    if (image.size < ENTRY_HEADER_SIZE) return ERROR_TRUNCATED;
    if ((uint8_t)image.data[0] > ENTRY_FORMAT) return ERROR_VERSION;
    if ((uint8_t)image.data[0] != ENTRY_FORMAT) return ERROR_MALFORMED;
    uint8_t type = entry_type(image.data);
    if (type < ENTRY_NOOP || type > ENTRY_CONFIG) return ERROR_MALFORMED;
    if (entry_size(image.data) != image.size) return ERROR_MALFORMED;
    if (hash_bytes(entry_body(image.data), 0) != load_u64(image.data + 72)) return ERROR_CHECKSUM;
    if (type != ENTRY_CONFIG) return ERROR_NONE;
    struct members members;
    return members_decode(entry_body(image.data), &members);
}

uint64_t entry_hash_after(const char *image, uint64_t previous_hash) {
    uint64_t hash = hash_chain(previous_hash, entry_term(image));
    hash = hash_chain(hash, entry_index(image));
    hash = hash_chain(hash, entry_type(image));
    hash = hash_chain(hash, entry_stamp_ms(image));
    /* The fields that are opaque to Raft count too: an image that fits its predecessor's hash is
     * whole, wherever it came from. */
    hash = hash_chain(hash, load_u64(image)); /* format, type, semantics, flags */
    hash = hash_chain(hash, load_u64(image + 40));
    hash = hash_chain(hash, load_u64(image + 48));
    hash = hash_chain(hash, load_u64(image + 56));
    hash = hash_chain(hash, load_u64(image + 64)); /* body size, count */
    return hash_chain(hash, load_u64(image + 72));
}

void entry_seal(char *image, uint64_t term, uint64_t index, uint64_t stamp_ms,
                uint64_t previous_hash) {
    store_u64(image + 8, term);
    store_u64(image + 16, index);
    store_u64(image + 32, stamp_ms);
    store_u64(image + 24, entry_hash_after(image, previous_hash));
}
