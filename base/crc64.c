/* crc64.c: tables[k][b] is what byte b adds when k more bytes follow it within a step. */
#include "base/crc64.h"

static const uint64_t polynomial_reflected = 0x95ac9329ac4bc9b5;

static uint64_t shift_one_byte(uint64_t sum) {
    for (unsigned bit = 0; bit < 8; bit++)
        sum = sum & 1 ? sum >> 1 ^ polynomial_reflected : sum >> 1;
    return sum;
}

void crc64_init(struct crc64 *crc) {
    uint64_t(*tables)[256] = crc->tables;
    crc->sum = 0;
    for (unsigned byte = 0; byte < 256; byte++)
        tables[0][byte] = shift_one_byte(byte);
    for (unsigned table = 1; table < 8; table++)
        for (unsigned byte = 0; byte < 256; byte++) {
            uint64_t sum = tables[table - 1][byte];
            tables[table][byte] = tables[0][sum & 0xff] ^ sum >> 8;
        }
}

void crc64_add(struct crc64 *crc, struct bytes bytes) {
    const uint64_t(*tables)[256] = (const uint64_t(*)[256])crc->tables;
    uint64_t sum = crc->sum;
    const char *at = bytes.data;
    size_t left = bytes.size;
    for (; left >= 8; left -= 8, at += 8) {
        uint64_t word = sum ^ load_u64(at);
        sum = tables[7][word & 0xff] ^ tables[6][word >> 8 & 0xff] ^ tables[5][word >> 16 & 0xff] ^
              tables[4][word >> 24 & 0xff] ^ tables[3][word >> 32 & 0xff] ^
              tables[2][word >> 40 & 0xff] ^ tables[1][word >> 48 & 0xff] ^ tables[0][word >> 56];
    }
    for (; left > 0; left--, at++)
        sum = tables[0][(sum ^ (uint8_t)*at) & 0xff] ^ sum >> 8;
    crc->sum = sum;
}
