/* LZF: what was compressed comes back; what no compressor wrote is refused. The loads of Redis's
 * own files in tests/cluster/test-rdb show that the format is the same. */
#include "base/lzf.h"

#include <criterion/criterion.h>

#include "base/memory.h"
#include "base/random.h"

static struct lzf lzf;

static void check_round_trip(struct bytes in, bool must_shrink) {
    char *packed = memory_allocate(in.size), *back = memory_allocate(in.size);
    size_t size = lzf_compress(&lzf, in, packed, in.size);
    cr_assert(!must_shrink || size > 0);
    if (size > 0) {
        cr_assert(in.size <= size * LZF_RATIO_MAX);
        cr_assert(lzf_decompress(bytes_of(packed, size), back, in.size));
        cr_assert(bytes_equal(in, bytes_of(back, in.size)));
        /* Another size, or an end cut off, is noticed. */
        cr_assert(!lzf_decompress(bytes_of(packed, size), back, in.size - 1));
        cr_assert(!lzf_decompress(bytes_of(packed, size - 1), back, in.size));
        /* And with less room it says so. */
        cr_assert_eq(lzf_compress(&lzf, in, packed, size - 1), 0);
        cr_assert_eq(lzf_compress(&lzf, in, packed, size), size);
    }
    memory_release(packed);
    memory_release(back);
}

Test(lzf, round_trips) {
    enum { SIZE_MAX_TRIED = 40000 };
    char *data = memory_allocate(SIZE_MAX_TRIED);
    struct random random;
    random_init(&random, 7);
    for (unsigned alphabet = 1; alphabet <= 256; alphabet *= 2) {
        for (unsigned round = 0; round < 60; round++) {
            size_t size = 1 + random_below(&random, round < 40 ? 400 : SIZE_MAX_TRIED);
            for (size_t i = 0; i < size; i++)
                data[i] = (char)random_below(&random, alphabet);
            check_round_trip(bytes_of(data, size), alphabet <= 4 && size > 100);
        }
    }
    memory_release(data);
}

Test(lzf, output_depends_on_the_input_alone) {
    static const char text[] = "abcabcabcabcabc, and once more: abcabcabcabc";
    char first[sizeof(text)], second[sizeof(text)];
    struct lzf fresh = {0};
    size_t size = lzf_compress(&fresh, BYTES("abcabcabcabcabc, and once more: abcabcabcabc"), first,
                               sizeof(first));
    cr_assert_gt(size, 0);
    fresh.base = UINT32_MAX - 60; /* the numbers run out with the second call below */
    for (unsigned i = 0; i < 3; i++) {
        size_t again = lzf_compress(&fresh, BYTES("abcabcabcabcabc, and once more: abcabcabcabc"),
                                    second, sizeof(second));
        cr_assert_eq(again, size);
        cr_assert_eq(memcmp(first, second, size), 0);
    }
}

static const struct {
    const char *name;
    struct bytes in;
    size_t size;
    const char *out; /* NULL: refused */
} cases[] = {
    {"nothing", {"", 0}, 0, ""},
    {"one literal",
     {"\x00"
      "a",
      2},
     1,
     "a"},
    {"literals beyond the input",
     {"\x01"
      "a",
      2},
     2,
     NULL},
    {"literals beyond the output",
     {"\x01"
      "ab",
      3},
     1,
     NULL},
    {"a copy that overlaps itself",
     {"\x00"
      "a\x20\x00",
      4},
     4,
     "aaaa"},
    {"a long copy",
     {"\x00"
      "a\xe0\x02\x00",
      5},
     12,
     "aaaaaaaaaaaa"},
    {"a copy from before the beginning",
     {"\x00"
      "a\x20\x01",
      4},
     4,
     NULL},
    {"a copy beyond the output",
     {"\x00"
      "a\x20\x00",
      4},
     3,
     NULL},
    {"a head alone", {"\x20", 1}, 3, NULL},
    {"a long head alone", {"\xe0\x02", 2}, 3, NULL},
    {"too few",
     {"\x00"
      "a",
      2},
     2,
     NULL},
};

Test(lzf, foreign_bytes) {
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char out[32];
        bool good = lzf_decompress(cases[i].in, out, cases[i].size);
        cr_expect_eq(good, cases[i].out != NULL, "%s", cases[i].name);
        if (good) cr_expect_eq(memcmp(out, cases[i].out, cases[i].size), 0, "%s", cases[i].name);
    }
}
