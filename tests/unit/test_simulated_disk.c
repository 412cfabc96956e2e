/* The simulated disk loses what a real one may lose, and nothing else. */
#include <criterion/criterion.h>

#include "base/memory.h"
#include "tests/simulator/disk.h"

enum { SEEDS = 200 };

static struct simulated_disk *disk_of(uint64_t seed) {
    return simulated_disk_create(&(struct simulated_disk_config){.seed = seed});
}

static enum error carry_out(struct simulated_disk *disk, const struct disk_request *request) {
    struct disk_completion completion;
    simulated_disk_submit(disk, request, 0);
    CHECK(simulated_disk_poll(disk, 0, &completion));
    return completion.error;
}

static char body[3000];

static void write_body(struct simulated_disk *disk, const char *name, bool sync) {
    memset(body, 'x', sizeof(body));
    struct bytes span = bytes_of(body, sizeof(body));
    struct disk_request write = {.call = DISK_WRITE, .sync = sync, .spans = &span, .span_count = 1};
    memcpy(write.name, name, strlen(name) + 1);
    CHECK(carry_out(disk, &write) == ERROR_NONE);
}

static const struct disk_request rename_request = {
    .call = DISK_RENAME, .name = "a.tmp", .target = "a"};

static bool is_whole(struct simulated_disk *disk, const char *name) {
    struct bytes bytes;
    return simulated_disk_file(disk, name, &bytes) && bytes.size == sizeof(body) &&
           memcmp(bytes.data, body, sizeof(body)) == 0;
}

static bool is_there(struct simulated_disk *disk, const char *name) {
    struct bytes bytes;
    return simulated_disk_file(disk, name, &bytes);
}

Test(simulated_disk, keeps_what_was_synced_and_renamed) {
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct simulated_disk *disk = disk_of(seed);
        simulated_disk_put(disk, "a", 0, BYTES("the one before"));
        write_body(disk, "a.tmp", true);
        cr_expect_eq(carry_out(disk, &rename_request), ERROR_NONE);
        simulated_disk_power_loss(disk);
        cr_expect(is_whole(disk, "a") && !is_there(disk, "a.tmp"));
        cr_expect_eq(carry_out(disk, &rename_request), ERROR_NOT_FOUND);
        simulated_disk_destroy(disk);
    }
}

Test(simulated_disk, loses_or_tears_what_was_renamed_and_not_synced) {
    int whole = 0, gone = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct simulated_disk *disk = disk_of(seed);
        write_body(disk, "a.tmp", false);
        cr_expect_eq(carry_out(disk, &rename_request), ERROR_NONE);
        simulated_disk_kill(disk);
        cr_expect(is_whole(disk, "a"), "the kernel has it");
        simulated_disk_power_loss(disk);
        whole += is_whole(disk, "a");
        gone += !is_there(disk, "a");
        simulated_disk_destroy(disk);
    }
    cr_expect_lt(whole, SEEDS / 2);
    cr_expect_eq(gone, 0, "the name was synced");
}

Test(simulated_disk, may_forget_a_file_whose_name_was_not_synced) {
    int gone = 0, whole = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct simulated_disk *disk = disk_of(seed);
        write_body(disk, "a.tmp", true);
        simulated_disk_power_loss(disk);
        gone += !is_there(disk, "a.tmp");
        whole += is_whole(disk, "a.tmp");
        simulated_disk_destroy(disk);
    }
    cr_expect(gone > SEEDS / 4 && whole > SEEDS / 4 && gone + whole == SEEDS);
}

/* Interrupted by a kill: done or not; by a later loss of power the kernel's word is taken back. */
Test(simulated_disk, may_take_back_a_rename_that_was_not_completed) {
    int renamed = 0, taken_back = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct simulated_disk *disk = disk_of(seed);
        simulated_disk_put(disk, "a", 0, BYTES("the one before"));
        write_body(disk, "a.tmp", true);
        simulated_disk_submit(disk, &rename_request, 0);
        simulated_disk_kill(disk);
        bool done = is_whole(disk, "a");
        struct bytes before;
        cr_assert(simulated_disk_file(disk, "a", &before), "one of both is always there");
        cr_expect_eq(done, !is_there(disk, "a.tmp"));
        renamed += done;
        simulated_disk_power_loss(disk);
        cr_assert(simulated_disk_file(disk, "a", &before));
        bool old = bytes_equal(before, BYTES("the one before"));
        cr_expect_neq(old, is_whole(disk, "a"));
        taken_back += done && old;
        simulated_disk_destroy(disk);
    }
    cr_expect(renamed > SEEDS / 8 && renamed < SEEDS && taken_back > SEEDS / 20);
}
