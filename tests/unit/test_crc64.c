/* The checksum of RDB files, by its published check value and against one bit at a time. */
#include "base/crc64.h"

#include <criterion/criterion.h>

#include "base/random.h"

static uint64_t sum_of(struct crc64 *crc, const char *data, size_t size, size_t cut) {
    crc->sum = 0;
    crc64_add(crc, bytes_of(data, cut));
    crc64_add(crc, bytes_of(data + cut, size - cut));
    return crc->sum;
}

Test(crc64, check_value) {
    struct crc64 crc;
    crc64_init(&crc);
    cr_expect_eq(crc.sum, 0);
    crc64_add(&crc, BYTES("123456789"));
    cr_expect_eq(crc.sum, 0xe9c6d914c4b8d9ca);
}

static uint64_t bit_by_bit(const char *data, size_t size) {
    uint64_t sum = 0;
    for (size_t i = 0; i < size * 8; i++) {
        uint64_t bit = (uint8_t)data[i / 8] >> i % 8 & 1;
        sum = (sum ^ bit) & 1 ? sum >> 1 ^ 0x95ac9329ac4bc9b5 : sum >> 1;
    }
    return sum;
}

Test(crc64, any_size_cut_anywhere) {
    char data[67];
    struct random random;
    random_init(&random, 1);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)random_next(&random);
    struct crc64 crc;
    crc64_init(&crc);
    for (size_t size = 0; size <= sizeof(data); size++)
        for (size_t cut = 0; cut <= size; cut++)
            cr_assert_eq(sum_of(&crc, data, size, cut), bit_by_bit(data, size), "%zu %zu", size,
                         cut);
}
