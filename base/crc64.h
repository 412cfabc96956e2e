/* crc64.h: the checksum of Redis's RDB files: CRC-64 with Jones's polynomial 0xad93d23594c935a9,
 * reflected, beginning at 0. The sum of "123456789" is e9c6d914c4b8d9ca.
 *
 * Eight bytes a step with eight tables (Kounavis and Berry, "A Systematic Approach to Building High
 * Performance Software-based CRC Generators", 2005). The tables stand in the struct, 16 KiB. */
#pragma once

#include "base/bytes.h"

struct crc64 {
    uint64_t sum; /* of the bytes so far */
    uint64_t tables[8][256];
};

void crc64_init(struct crc64 *crc);
void crc64_add(struct crc64 *crc, struct bytes bytes);
