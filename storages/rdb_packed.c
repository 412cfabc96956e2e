/* rdb_packed.c: one decoder for each kind, which says where the entry's value is and how many bytes
 * it takes in all; everything is compared with the room before it is read.
 *
 * ziplist: size in bytes (u32), offset of the last entry (u32), number of entries (u16, 65535:
 * many), entries, 0xff. An entry: the size of the one before in 1 byte, or 0xfe and 4; a head:
 *     00pppppp         a string of so many bytes
 *     01pppppp p       likewise, 14 bits
 *     10000000 pppp    likewise, 32 bits; both with the high byte first
 *     1100 1101 1110 0000   integers of 2, 4 and 8 bytes; 11110000 of 3; 11111110 of 1
 *     1111xxxx         0001 to 1101: the integer xxxx - 1
 * zipmap: number of pairs (254: many), then for each a field's size, the field, a value's size, how
 * many bytes behind the value are unused, the value, those bytes; then 0xff. A size is a byte below
 * 254, or 254 and 4 bytes. */
#include "storages/rdb_packed.h"

#include "storages/listpack.h"

enum {
    ZIPLIST_HEADER_SIZE = 10,
    ZIPLIST_COUNT_UNKNOWN = 0xffff,
    ZIPLIST_LONG_PREVIOUS = 0xfe,
    ZIPMAP_HEADER_SIZE = 1,
    ZIPMAP_COUNT_UNKNOWN = 254,
    ZIPMAP_LONG_SIZE = 254,
    END_MARK = 0xff,
};

/* One entry as it stands in the bytes. */
struct entry {
    struct packed_value value;
    uint32_t size; /* all bytes of it */
};

static const uint8_t *byte_at(const struct rdb_packed *list, uint32_t at) {
    return (const uint8_t *)list->bytes.data + at;
}

static int64_t little_endian(const uint8_t *at, unsigned bytes) {
    uint64_t bits = 0;
    for (unsigned i = 0; i < bytes; i++)
        bits |= (uint64_t)at[i] << 8 * i;
    unsigned unused = 64 - 8 * bytes;
    return (int64_t)(bits << unused) >> unused;
}

static struct packed_value text_value(const uint8_t *at, uint32_t size) {
    return packed_value_of(bytes_of(at, size));
}

/* --- listpack ------------------------------------------------------------------------------- */

static const char *open_listpack(struct rdb_packed *list) {
    if (list->bytes.size < LISTPACK_HEADER_SIZE + 1) return "a listpack is too short";
    if (load_u32(list->bytes.data) != list->bytes.size) return "a listpack has another size";
    uint16_t count = load_u16(list->bytes.data + 4);
    list->announced = count == LISTPACK_COUNT_UNKNOWN ? UINT32_MAX : count;
    list->at = LISTPACK_HEADER_SIZE;
    return NULL;
}

/* Bytes of head and value, by the head, of which `room` bytes may be read; 0: no such head, or it
 * is cut off. *skip is how much of them comes before a string's bytes. */
static uint64_t listpack_sizes(const uint8_t *at, uint64_t room, uint32_t *skip) {
    uint8_t head = at[0];
    *skip = 1;
    if (head <= LISTPACK_UINT7_MAX) return 1;
    if (head < LISTPACK_INT13) return 1u + (head & 0x3f);
    if (head < LISTPACK_BYTES_12) return 2;
    switch (head) {
    case LISTPACK_BYTES_32:
        *skip = 5;
        return room < 5 ? 0 : 5ull + load_u32(at + 1);
    case LISTPACK_INT16:
        return 3;
    case LISTPACK_INT24:
        return 4;
    case LISTPACK_INT32:
        return 5;
    case LISTPACK_INT64:
        return 9;
    default:
        break;
    }
    *skip = 2;
    if (head >= LISTPACK_BYTES_32 || room < 2) return 0;
    return 2u + ((head & 0xfu) << 8 | at[1]);
}

static struct packed_value listpack_value(const uint8_t *at, uint32_t size, uint32_t skip) {
    uint8_t head = at[0];
    if (head <= LISTPACK_UINT7_MAX) return packed_value_of_integer(head);
    if (head >= LISTPACK_INT13 && head < LISTPACK_BYTES_12) {
        uint64_t bits = (head & 0x1fu) << 8 | at[1];
        return packed_value_of_integer((int64_t)(bits << 51) >> 51);
    }
    if (head > LISTPACK_BYTES_32) return packed_value_of_integer(little_endian(at + 1, size - 1));
    return text_value(at + skip, size - skip);
}

static const char *listpack_entry(const struct rdb_packed *list, struct entry *entry) {
    const uint8_t *at = byte_at(list, list->at);
    uint64_t room = list->end - list->at;
    uint32_t skip;
    uint64_t size = listpack_sizes(at, room, &skip);
    if (size == 0) return "a listpack's entry has no known form";
    unsigned back_size = listpack_back_size(size);
    if (size + back_size > room) return "a listpack's entry goes beyond the end";
    for (unsigned i = 0; i < back_size; i++) {
        unsigned last = back_size - 1;
        uint8_t wanted = (uint8_t)((size >> 7 * (last - i) & 0x7f) | (i > 0 ? 0x80 : 0));
        if (at[size + i] != wanted) return "a listpack's entry has another size at its end";
    }
    entry->value = listpack_value(at, (uint32_t)size, skip);
    entry->size = (uint32_t)size + back_size;
    return NULL;
}

/* --- ziplist -------------------------------------------------------------------------------- */

static const char *open_ziplist(struct rdb_packed *list) {
    if (list->bytes.size < ZIPLIST_HEADER_SIZE + 1) return "a ziplist is too short";
    if (load_u32(list->bytes.data) != list->bytes.size) return "a ziplist has another size";
    uint16_t count = load_u16(list->bytes.data + 8);
    list->announced = count == ZIPLIST_COUNT_UNKNOWN ? UINT32_MAX : count;
    list->last = load_u32(list->bytes.data + 4);
    list->at = ZIPLIST_HEADER_SIZE;
    return NULL;
}

static const struct {
    uint8_t head, bytes;
} ziplist_integers[] = {{0xc0, 2}, {0xd0, 4}, {0xe0, 8}, {0xf0, 3}, {0xfe, 1}};

/* Head and value, of which `room` bytes may be read; false if they are not there. */
static bool ziplist_value(const uint8_t *at, uint64_t room, struct entry *entry) {
    uint8_t head = at[0];
    uint64_t skip = 1, size = head & 0x3f;
    if (head >= 0xc0) {
        if (head >= 0xf1 && head <= 0xfd) {
            entry->value = packed_value_of_integer((head & 0xf) - 1);
            entry->size = 1;
            return true;
        }
        for (size_t i = 0; i < COUNT_OF(ziplist_integers); i++) {
            unsigned bytes = ziplist_integers[i].bytes;
            if (head != ziplist_integers[i].head) continue;
            if (bytes >= room) return false;
            entry->value = packed_value_of_integer(little_endian(at + 1, bytes));
            entry->size = 1 + bytes;
            return true;
        }
        return false;
    }
    if (head >= 0x80) {
        skip = 5;
        if (head != 0x80 || room < skip) return false;
        size = __builtin_bswap32(load_u32(at + 1));
    } else if (head >= 0x40) {
        skip = 2;
        if (room < skip) return false;
        size = size << 8 | at[1];
    }
    if (skip + size > room) return false;
    entry->value = text_value(at + skip, (uint32_t)size);
    entry->size = (uint32_t)(skip + size);
    return true;
}

static const char *ziplist_entry(const struct rdb_packed *list, struct entry *entry) {
    const uint8_t *at = byte_at(list, list->at);
    uint64_t room = list->end - list->at;
    uint32_t skip = at[0] == ZIPLIST_LONG_PREVIOUS ? 5 : 1;
    if (skip >= room || at[0] == END_MARK) return "a ziplist's entry goes beyond the end";
    uint32_t previous = skip == 1 ? at[0] : load_u32(at + 1);
    if (previous != list->previous) return "a ziplist's entry disagrees about the one before";
    if (!ziplist_value(at + skip, room - skip, entry))
        return "a ziplist's entry has no known form or goes beyond the end";
    entry->size += skip;
    return NULL;
}

/* --- zipmap ----------------------------------------------------------------------------------- */

static const char *open_zipmap(struct rdb_packed *list) {
    if (list->bytes.size < ZIPMAP_HEADER_SIZE + 1) return "a zipmap is too short";
    uint8_t pairs = *byte_at(list, 0);
    list->announced = pairs >= ZIPMAP_COUNT_UNKNOWN ? UINT32_MAX : 2u * pairs;
    list->at = ZIPMAP_HEADER_SIZE;
    return NULL;
}

/* Values, every second entry, may have unused bytes behind them. */
static const char *zipmap_entry(const struct rdb_packed *list, struct entry *entry) {
    static const char *const beyond = "a zipmap's entry goes beyond the end";
    const uint8_t *at = byte_at(list, list->at);
    uint64_t room = list->end - list->at, skip = 1, size = at[0];
    if (size > ZIPMAP_LONG_SIZE) return "a zipmap ends too early";
    if (size == ZIPMAP_LONG_SIZE) {
        skip = 5;
        if (room < skip) return beyond;
        size = load_u32(at + 1);
    }
    uint64_t unused = 0;
    if (list->count % 2 == 1) {
        if (room <= skip) return beyond;
        unused = at[skip++];
    }
    if (skip + size + unused > room) return beyond;
    entry->value = text_value(at + skip, (uint32_t)size);
    entry->size = (uint32_t)(skip + size + unused);
    return NULL;
}

/* --- all of them ------------------------------------------------------------------------------ */

static const char *(*const openers[])(struct rdb_packed *) = {open_listpack, open_ziplist,
                                                              open_zipmap};
static const char *(*const decoders[])(const struct rdb_packed *, struct entry *) = {
    listpack_entry, ziplist_entry, zipmap_entry};

const char *rdb_packed_open(struct rdb_packed *list, enum rdb_packed_kind kind,
                            struct bytes bytes) {
    if (bytes.size > UINT32_MAX) return "a packed list of more than 4 GiB";
    *list = (struct rdb_packed){.kind = kind, .bytes = bytes};
    const char *complaint = openers[kind](list);
    if (complaint != NULL) return complaint;
    list->end = (uint32_t)bytes.size - 1;
    return *byte_at(list, list->end) == END_MARK ? NULL : "a packed list has no end mark";
}

/* At the end mark: does what the frame says about the entries hold? */
static const char *check_end(const struct rdb_packed *list) {
    if (list->announced != UINT32_MAX && list->announced != list->count)
        return "a packed list has another number of entries";
    if (list->kind == RDB_KIND_ZIPMAP && list->count % 2 != 0) return "a zipmap lacks a value";
    uint32_t last = list->count == 0 ? ZIPLIST_HEADER_SIZE : list->entry;
    if (list->kind == RDB_KIND_ZIPLIST && list->last != last)
        return "a ziplist's last entry is elsewhere";
    return NULL;
}

bool rdb_packed_next(struct rdb_packed *list, struct packed_value *value, const char **complaint) {
    *complaint = NULL;
    if (list->at == list->end) {
        *complaint = check_end(list);
        return false;
    }
    struct entry entry;
    *complaint = decoders[list->kind](list, &entry);
    if (*complaint != NULL) return false;
    *value = entry.value;
    list->entry = list->at;
    list->at += entry.size;
    list->previous = entry.size;
    list->count++;
    return true;
}

struct packed_value rdb_packed_at(const struct rdb_packed *list, uint32_t at) {
    struct entry entry;
    struct rdb_packed there = *list;
    there.at = at;
    switch (list->kind) {
    case RDB_KIND_LISTPACK:
        (void)listpack_entry(&there, &entry);
        break;
    case RDB_KIND_ZIPLIST: {
        uint32_t skip = *byte_at(list, at) == ZIPLIST_LONG_PREVIOUS ? 5 : 1;
        bool there_before = ziplist_value(byte_at(list, at + skip), list->end - at - skip, &entry);
        CHECK(there_before);
        break;
    }
    case RDB_KIND_ZIPMAP:
        there.count = 0; /* a field: only those are looked for again */
        (void)zipmap_entry(&there, &entry);
        break;
    }
    return entry.value;
}
