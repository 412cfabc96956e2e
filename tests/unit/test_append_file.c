/* Whatever is appended, in whatever pieces, the file then holds it and zeros behind it: around
 * blocks and the buffer's end, synced or not, opened again in between, on files that take direct
 * writes and on files that do not. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/random.h"
#include "raft/disk.h"
#include "src/server/append_file.h"

enum { BLOCK = DISK_APPEND_BLOCK, BUFFER = 1 << 20 };

static const char *name_of_file(void) {
    static char name[64];
    snprintf(name, sizeof(name), "test_append_file.%d", (int)getpid());
    return name;
}

/* A file of zeros. */
static void make_file(size_t size) {
    int fd = open(name_of_file(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert_geq(fd, 0);
    char *zeros = memory_allocate_zeroed(size);
    cr_assert_eq(write(fd, zeros, size), (ssize_t)size);
    memory_release(zeros);
    close(fd);
}

static void expect_file(const char *expected, size_t size, const char *what) {
    char *found = memory_allocate(size + 1);
    int fd = open(name_of_file(), O_RDONLY);
    cr_assert_eq(read(fd, found, size + 1), (ssize_t)size, "%s: no byte more or less", what);
    for (size_t i = 0; i < size; i++)
        cr_assert_eq(found[i], expected[i], "%s: byte %zu is %d, not %d", what, i, found[i],
                     expected[i]);
    close(fd);
    memory_release(found);
}

static const struct {
    const char *name;
    size_t file, offset, sizes[5];
} append_cases[] = {
    {"within a block", 4 * BLOCK, 512, {10, 1, 0, 300}},
    {"up to a block's end and on", 4 * BLOCK, 0, {BLOCK - 1, 1, BLOCK, BLOCK + 1, 7}},
    {"to the file's last byte", 2 * BLOCK, BLOCK - 1, {BLOCK, 1}},
    {"a file that does not end with a block", 2 * BLOCK + 100, 2 * BLOCK - 10, {50, 60}},
    {"more than the buffer", 4 * BUFFER, BLOCK + 1, {BUFFER, BUFFER - BLOCK, 3, BUFFER + 1, 1}},
    {"the buffer's very end", 3 * BUFFER, 0, {BUFFER - 1, 1, 1, BUFFER, BUFFER - 1}},
};

Test(append_file, holds_what_was_put_and_zeros_behind) {
    struct append_file *file = append_file_create();
    for (size_t i = 0; i < COUNT_OF(append_cases); i++) {
        size_t at = append_cases[i].offset, size = append_cases[i].file;
        char *expected = memory_allocate_zeroed(size);
        make_file(size);
        cr_assert(append_file_open(file, AT_FDCWD, name_of_file()));
        for (size_t k = 0; k < COUNT_OF(append_cases[i].sizes); k++) {
            struct bytes bytes = bytes_of(expected + at, append_cases[i].sizes[k]);
            memset(expected + at, 'a' + (int)k, bytes.size);
            cr_assert(append_file_put(file, at, bytes), "%s", append_cases[i].name);
            cr_assert(append_file_finish(file, k % 2 == 0), "%s", append_cases[i].name);
            at += bytes.size;
            expect_file(expected, size, append_cases[i].name);
        }
        memory_release(expected);
    }
    append_file_destroy(file);
    unlink(name_of_file());
}

Test(append_file, holds_random_appends_through_reopening) {
    enum { SIZE = 2 * BUFFER, ROUNDS = 400 };
    struct append_file *file = append_file_create();
    char *expected = memory_allocate_zeroed(SIZE);
    struct random random;
    random_init(&random, 7);
    make_file(SIZE);
    cr_assert(append_file_open(file, AT_FDCWD, name_of_file()));
    for (size_t at = 512, round = 0; round < ROUNDS; round++) {
        uint64_t chance = random_next(&random);
        size_t size = 1 + chance % (round % 50 == 0 ? 100000 : 3 * BLOCK / 2);
        if (size > SIZE - at) break;
        for (size_t i = 0; i < size; i++)
            expected[at + i] = (char)(1 + (chance + i) % 100);
        for (size_t done = 0, part; done < size; done += part) {
            part = 1 + random_next(&random) % size;
            if (part > size - done) part = size - done;
            cr_assert(append_file_put(file, at + done, bytes_of(expected + at + done, part)));
        }
        cr_assert(append_file_finish(file, chance >> 32 & 1));
        at += size;
        if ((chance >> 40) % 16 == 0) cr_assert(append_file_open(file, AT_FDCWD, name_of_file()));
        if (round % 40 == 0) expect_file(expected, SIZE, "on the way");
    }
    expect_file(expected, SIZE, "at the end");
    append_file_destroy(file);
    memory_release(expected);
    unlink(name_of_file());
}

Test(append_file, never_makes_the_file_longer) {
    struct append_file *file = append_file_create();
    make_file(BLOCK);
    cr_assert(append_file_open(file, AT_FDCWD, name_of_file()));
    cr_expect_not(append_file_put(file, BLOCK - 1, BYTES("ab")));
    cr_expect_eq(errno, EFBIG);
    cr_expect_not(append_file_put(file, UINT64_MAX, BYTES("ab")));
    cr_expect(append_file_put(file, BLOCK - 1, BYTES("a")));
    cr_expect(append_file_finish(file, true));
    append_file_destroy(file);
    unlink(name_of_file());
}

Test(append_file, names_what_is_missing) {
    struct append_file *file = append_file_create();
    cr_expect_not(append_file_open(file, AT_FDCWD, "no-such-file"));
    cr_expect_eq(errno, ENOENT);
    append_file_destroy(file);
}
