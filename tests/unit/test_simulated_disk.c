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

static void submit(struct simulated_disk *disk, enum disk_call call, const char *name) {
    static struct bytes span; /* lent until the completion */
    span = bytes_of(body, sizeof(body));
    struct disk_request request = {
        .call = call, .sync = true, .size = sizeof(body), .spans = &span, .span_count = 1};
    memcpy(request.name, name, strlen(name) + 1);
    memset(body, 'x', sizeof(body));
    simulated_disk_submit(disk, &request, 0);
}

/* What was interrupted is done, begun, or neither; and a loss of power takes back what the kernel
 * has done to one name, to another one, to both or to none. Nothing is ever seen half made. */
Test(simulated_disk, settles_each_name_for_itself) {
    int made = 0, replaced = 0, removed = 0, taken_back[3] = {0}, mixed = 0;
    for (uint64_t seed = 0; seed < 5 * SEEDS; seed++) {
        struct simulated_disk *disk = disk_of(seed);
        simulated_disk_put(disk, "vote", 0, BYTES("the one before"));
        simulated_disk_put(disk, "old", 0, BYTES("not needed any more"));
        submit(disk, DISK_CREATE, "log");
        submit(disk, DISK_REMOVE, "old");
        submit(disk, DISK_REPLACE, "vote");
        simulated_disk_kill(disk);
        bool was_made = is_whole(disk, "log"), was_replaced = is_whole(disk, "vote");
        bool was_removed = !is_there(disk, "old");
        cr_expect_eq(was_made, is_there(disk, "log"), "never half made");
        made += was_made;
        replaced += was_replaced;
        removed += was_removed;
        simulated_disk_power_loss(disk);
        struct bytes vote;
        cr_assert(simulated_disk_file(disk, "vote", &vote));
        cr_expect(is_whole(disk, "vote") || bytes_equal(vote, BYTES("the one before")));
        cr_expect_eq(is_whole(disk, "log"), is_there(disk, "log"));
        bool back[] = {was_made && !is_there(disk, "log"), was_replaced && !is_whole(disk, "vote"),
                       was_removed && is_there(disk, "old")};
        for (int i = 0; i < 3; i++)
            taken_back[i] += back[i];
        mixed += was_made && was_replaced && back[0] != back[1];
        simulated_disk_destroy(disk);
    }
    cr_expect(made > SEEDS / 4 && replaced > SEEDS / 4 && removed > SEEDS / 4);
    for (int i = 0; i < 3; i++)
        cr_expect_gt(taken_back[i], SEEDS / 20, "%d", i);
    cr_expect_gt(mixed, SEEDS / 20);
}

/* A call that fails has left the name as it was; but for a REPLACE, of which nobody can say. */
Test(simulated_disk, fails_and_changes_no_name) {
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct simulated_disk *disk = simulated_disk_create(
            &(struct simulated_disk_config){.seed = seed, .file_errors_per_mille = 1000});
        simulated_disk_put(disk, "a.tmp", 0, BYTES("new"));
        simulated_disk_put(disk, "vote", 0, BYTES("the one before"));
        static const enum disk_call calls[] = {DISK_CREATE, DISK_REMOVE, DISK_REPLACE, DISK_LIST};
        static const char *const names[] = {"log", "a.tmp", "vote", ""};
        struct disk_completion completion;
        for (size_t i = 0; i < COUNT_OF(calls); i++) {
            submit(disk, calls[i], names[i]);
            cr_assert(simulated_disk_poll(disk, 0, &completion));
            cr_expect_eq(completion.error, ERROR_IO);
        }
        cr_expect_eq(carry_out(disk, &rename_request), ERROR_IO);
        struct bytes vote;
        cr_assert(simulated_disk_file(disk, "vote", &vote));
        cr_expect(is_whole(disk, "vote") || bytes_equal(vote, BYTES("the one before")));
        cr_expect(!is_there(disk, "log") && !is_there(disk, "a") && is_there(disk, "a.tmp"));
        simulated_disk_destroy(disk);
    }
}

Test(simulated_disk, has_no_room_in_the_directory) {
    struct simulated_disk *disk =
        simulated_disk_create(&(struct simulated_disk_config){.seed = 1, .rename_is_full = true});
    write_body(disk, "a.tmp", true);
    cr_expect_eq(carry_out(disk, &rename_request), ERROR_DISK_FULL);
    cr_expect(is_whole(disk, "a.tmp") && !is_there(disk, "a"));
    simulated_disk_destroy(disk);
}

Test(simulated_disk, knows_one_file_from_another_of_the_same_name) {
    struct simulated_disk *disk = disk_of(1);
    cr_expect_eq(simulated_disk_file_id(disk, "vote"), 0);
    submit(disk, DISK_REPLACE, "vote");
    struct disk_completion completion;
    cr_assert(simulated_disk_poll(disk, 0, &completion));
    uint64_t id = simulated_disk_file_id(disk, "vote");
    simulated_disk_flip(disk, "vote", 7, 1);
    cr_expect(!is_whole(disk, "vote") && simulated_disk_file_id(disk, "vote") == id);
    submit(disk, DISK_REPLACE, "vote");
    cr_assert(simulated_disk_poll(disk, 0, &completion));
    cr_expect(is_whole(disk, "vote") && simulated_disk_file_id(disk, "vote") != id && id != 0);
    simulated_disk_destroy(disk);
}
