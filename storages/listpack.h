/* listpack.h: writes listpacks, the packed lists of Redis 7.0's RDB files; rdb_packed.h reads them.
 *
 * A listpack is its size in bytes (u32), its number of entries (u16, LISTPACK_COUNT_UNKNOWN when
 * there are as many or more), the entries, a byte 0xff. An entry is a head with the value, then the
 * size of that in 1 to 5 bytes that are read from their end. Integers have their own heads. */
#pragma once

#include "base/buffer.h"
#include "base/packed.h"

enum {
    LISTPACK_HEADER_SIZE = 6,
    LISTPACK_END = 0xff,
    LISTPACK_COUNT_UNKNOWN = 0xffff,
    /* Bits of an entry's first byte. */
    LISTPACK_UINT7_MAX = 0x7f,
    LISTPACK_BYTES_6 = 0x80,  /* 10: a string below 64 bytes */
    LISTPACK_INT13 = 0xc0,    /* 110 */
    LISTPACK_BYTES_12 = 0xe0, /* 1110: a string below 4096 bytes */
    LISTPACK_BYTES_32 = 0xf0,
    LISTPACK_INT16 = 0xf1,
    LISTPACK_INT24 = 0xf2,
    LISTPACK_INT32 = 0xf3,
    LISTPACK_INT64 = 0xf4,
};

/* Bytes of the entry's size as it stands behind an entry of so many bytes. */
unsigned listpack_back_size(size_t entry_size);

/* How many bytes an entry with this value takes. A PACKED_DOUBLE is its text. */
size_t listpack_value_size(const struct packed_value *value);
void listpack_append(struct buffer *out, const struct packed_value *value);

/* The head of a listpack whose entries take `entries_size` bytes: 6 bytes; requires
 * listpack_fits(). Its end is one byte LISTPACK_END. */
void listpack_write_header(char at[static LISTPACK_HEADER_SIZE], uint64_t entries_size,
                           uint64_t count);
static inline bool listpack_fits(uint64_t entries_size) {
    return entries_size <= UINT32_MAX - LISTPACK_HEADER_SIZE - 1;
}
