/* record.c: records to bytes and back, and what the bytes behind a failing record tell. */
#include "raft/record.h"

#include "base/hash.h"
#include "raft/entry.h"

enum { CHECKED_FROM = 8, AT_CHECK = 8, AT_NUMBER = 16, AT_SIZE = 24, AT_TYPE = 28 };

static uint64_t header_checksum(const char *header, struct record_place place) {
    return hash_bytes(bytes_of(header + CHECKED_FROM, RECORD_HEADER_SIZE - CHECKED_FROM),
                      hash_chain(place.salt, place.offset));
}

static uint64_t payload_check(enum record_type type, struct bytes payload) {
    bool by_header = type == RECORD_ENTRY && payload.size > ENTRY_HEADER_SIZE;
    return hash_bytes(by_header ? bytes_slice(payload, 0, ENTRY_HEADER_SIZE) : payload, 0);
}

void record_header_write(char *header, struct record_place place, enum record_type type,
                         uint64_t number, struct bytes payload) {
    CHECK(payload.size <= UINT32_MAX);
    store_u64(header + AT_CHECK, payload_check(type, payload));
    store_u64(header + AT_NUMBER, number);
    store_u32(header + AT_SIZE, (uint32_t)payload.size);
    store_u32(header + AT_TYPE, type);
    store_u64(header, header_checksum(header, place));
}

static bool size_fits_type(enum record_type type, size_t size) {
    switch (type) {
    case RECORD_MARK:
        return size == RECORD_MARK_SIZE;
    case RECORD_CUT:
        return size == RECORD_CUT_SIZE;
    case RECORD_ENTRY:
    case RECORD_FIRST:
        return size >= ENTRY_HEADER_SIZE;
    case RECORD_MIDDLE:
    case RECORD_LAST:
        return size > 0;
    }
    return false;
}

enum record_status record_read(struct bytes window, struct record_place place, uint64_t number,
                               struct record *record) {
    record->size = RECORD_HEADER_SIZE;
    if (window.size < RECORD_HEADER_SIZE) return RECORD_NEED_MORE;
    const char *header = window.data;
    if (record_nonzero_size(bytes_of(header, RECORD_HEADER_SIZE)) == 0) return RECORD_BLANK;

    uint32_t type = load_u32(header + AT_TYPE);
    size_t size = load_u32(header + AT_SIZE);
    if (load_u64(header) != header_checksum(header, place)) return RECORD_BAD_HEADER;
    if (load_u64(header + AT_NUMBER) != number) return RECORD_BAD_HEADER;
    if (!size_fits_type((enum record_type)type, size)) return RECORD_BAD_HEADER;

    record->type = (enum record_type)type;
    record->number = number;
    record->size = RECORD_HEADER_SIZE + size;
    if (window.size < record->size) return RECORD_NEED_MORE;
    record->payload = bytes_of(header + RECORD_HEADER_SIZE, size);
    if (load_u64(header + AT_CHECK) != payload_check(record->type, record->payload))
        return RECORD_BAD_PAYLOAD;
    return RECORD_OK;
}

void record_mark_write(char *payload, const struct record_mark *mark) {
    store_u64(payload, mark->durable_number);
    store_u64(payload + 8, mark->commit_index);
    store_u64(payload + 16, mark->last_index);
    store_u64(payload + 24, mark->last_term);
    store_u64(payload + 32, mark->last_hash);
    store_u32(payload + 40, mark->flags | mark->segments << 8); /* its low 24 bits */
    store_u32(payload + 44, RECORD_MARK);
}

void record_mark_read(const char *payload, struct record_mark *mark) {
    *mark = (struct record_mark){.durable_number = load_u64(payload),
                                 .commit_index = load_u64(payload + 8),
                                 .last_index = load_u64(payload + 16),
                                 .last_term = load_u64(payload + 24),
                                 .last_hash = load_u64(payload + 32),
                                 .flags = (uint8_t)payload[40],
                                 .segments = load_u32(payload + 40) >> 8};
}

void record_cut_write(char *payload, const struct record_cut *cut) {
    store_u64(payload, cut->after);
    store_u64(payload + 8, cut->term);
    store_u64(payload + 16, cut->hash);
}

void record_cut_read(const char *payload, struct record_cut *cut) {
    *cut = (struct record_cut){
        .after = load_u64(payload), .term = load_u64(payload + 8), .hash = load_u64(payload + 16)};
}

static bool is_mark(const char *at, struct record_place place) {
    if (load_u32(at + AT_TYPE) != RECORD_MARK || load_u32(at + AT_SIZE) != RECORD_MARK_SIZE)
        return false;
    struct record record;
    return record_read(bytes_of(at, RECORD_HEADER_SIZE + RECORD_MARK_SIZE), place,
                       load_u64(at + AT_NUMBER), &record) == RECORD_OK;
}

size_t record_find_mark(struct bytes window, struct record_place place, struct record_mark *mark) {
    enum { WHOLE = RECORD_HEADER_SIZE + RECORD_MARK_SIZE };
    if (window.size < WHOLE) return window.size;
    size_t end = window.size - WHOLE;
    for (size_t at = 0; at <= end; at++) {
        const char *bytes = window.data + at;
        /* A type is never zero: eight zeros there rule out eight positions at once. */
        if (load_u64(bytes + AT_TYPE) == 0) {
            at += 7;
            continue;
        }
        struct record_place here = {.salt = place.salt, .offset = place.offset + at};
        if (!is_mark(bytes, here)) continue;
        record_mark_read(bytes + RECORD_HEADER_SIZE, mark);
        return at;
    }
    return window.size;
}

bool record_has_blank_sector(struct bytes bytes, uint64_t offset) {
    for (size_t at = 0; at < bytes.size;) {
        size_t size = RECORD_SECTOR_SIZE - (size_t)((offset + at) % RECORD_SECTOR_SIZE);
        struct bytes part = bytes_slice(bytes, at, size);
        if (record_nonzero_size(part) == 0) return true;
        at += part.size;
    }
    return false;
}

size_t record_nonzero_size(struct bytes bytes) {
    size_t size = bytes.size;
    while (size >= 8 && load_u64(bytes.data + size - 8) == 0)
        size -= 8;
    while (size > 0 && bytes.data[size - 1] == 0)
        size--;
    return size;
}
