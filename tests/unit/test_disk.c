/* The real disk: its calls, its lock, and a journal that runs on it. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "raft/journal.h"
#include "raft/record.h"
#include "src/server/disk.h"

static const struct log quiet = {.least = LOG_LEVEL_WARNING};

/* A directory of the test's own, and the disk on it. */
struct place {
    char path[64];
    struct disk *disk;
};

static void place_open(struct place *place) {
    struct buffer problem = {0};
    cr_assert_eq(disk_open(place->path, &quiet, &place->disk, &problem), ERROR_NONE, "%.*s",
                 (int)problem.size, problem.data);
    buffer_clear(&problem);
}

static void place_init(struct place *place) {
    snprintf(place->path, sizeof(place->path), "test_disk.XXXXXX");
    cr_assert_neq(mkdtemp(place->path), NULL);
    place_open(place);
}

static void place_clear(struct place *place) {
    disk_close(place->disk);
    DIR *directory = opendir(place->path);
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL)
        unlinkat(dirfd(directory), entry->d_name, 0);
    closedir(directory);
    rmdir(place->path);
}

static struct disk_completion carry_out(struct place *place, const struct disk_request *request) {
    struct disk_completion completion;
    disk_submit(place->disk, request);
    while (!disk_poll(place->disk, &completion))
        disk_wait(place->disk, 10000);
    return completion;
}

Test(disk, creates_appends_replaces_reads_lists_and_removes) {
    struct place place;
    place_init(&place);
    struct bytes parts[] = {BYTES("abc"), BYTES(""), BYTES("defg")};
    char into[100];

    struct disk_request create = {.number = 1,
                                  .call = DISK_CREATE,
                                  .name = "log-1",
                                  .size = 3000000,
                                  .spans = parts,
                                  .span_count = 3};
    cr_expect_eq(carry_out(&place, &create).error, ERROR_NONE);
    struct disk_request append = {.number = 2,
                                  .call = DISK_APPEND,
                                  .sync = true,
                                  .name = "log-1",
                                  .offset = 2999990,
                                  .spans = parts,
                                  .span_count = 3};
    struct disk_completion completion = carry_out(&place, &append);
    cr_expect_eq(completion.number, 2);
    struct disk_request read = {.number = 3,
                                .call = DISK_READ,
                                .name = "log-1",
                                .offset = 2999988,
                                .size = sizeof(into),
                                .into = into};
    completion = carry_out(&place, &read);
    cr_expect_eq(completion.error, ERROR_NONE);
    cr_expect_eq(completion.size, 12, "up to the end of the file");
    cr_expect_arr_eq(into, "\0\0abcdefg\0\0\0", 12);

    struct disk_request replace = {
        .number = 4, .call = DISK_REPLACE, .name = "vote", .spans = parts, .span_count = 1};
    cr_expect_eq(carry_out(&place, &replace).error, ERROR_NONE);
    replace.span_count = 3;
    cr_expect_eq(carry_out(&place, &replace).error, ERROR_NONE);
    struct disk_request remove = {.number = 5, .call = DISK_REMOVE, .name = "log-1"};
    cr_expect_eq(carry_out(&place, &remove).error, ERROR_NONE);
    cr_expect_eq(carry_out(&place, &remove).error, ERROR_NOT_FOUND);
    cr_expect_eq(carry_out(&place, &read).error, ERROR_NOT_FOUND);

    completion = carry_out(&place, &(struct disk_request){.number = 6, .call = DISK_LIST});
    cr_assert_eq(completion.file_count, 3, "the vote, room for the next one, and the lock");
    for (uint32_t i = 0; i < completion.file_count; i++)
        if (strcmp(completion.files[i].name, "vote") == 0)
            cr_expect_eq(completion.files[i].size, 7);
    cr_expect_eq(disk_open_requests(place.disk), 0);
    place_clear(&place);
}

Test(disk, makes_a_large_file_by_writes_and_a_rename) {
    struct place place;
    place_init(&place);
    struct bytes parts[] = {BYTES("abc"), BYTES("defg")};
    char into[100];
    struct disk_request write = {
        .number = 1, .call = DISK_WRITE, .name = "made.tmp", .spans = parts, .span_count = 2};
    cr_expect_eq(carry_out(&place, &write).error, ERROR_NONE);
    write.offset = 5;
    write.sync = true;
    cr_expect_eq(carry_out(&place, &write).error, ERROR_NONE);
    struct disk_request rename = {
        .number = 2, .call = DISK_RENAME, .name = "made.tmp", .target = "made"};
    for (int life = 0; life < 2; life++) { /* the second comes in the first one's place */
        cr_expect_eq(carry_out(&place, &rename).error, ERROR_NONE);
        cr_expect_eq(carry_out(&place, &rename).error, ERROR_NOT_FOUND);
        write.offset = 0;
        write.span_count = 1;
        struct disk_request read = {
            .number = 3, .call = DISK_READ, .name = "made", .size = sizeof(into), .into = into};
        cr_expect_eq(carry_out(&place, &read).size, life == 0 ? 12 : 3);
        cr_expect_arr_eq(into, "abcdeabcdefg", life == 0 ? 12 : 3);
        cr_expect_eq(carry_out(&place, &write).error, ERROR_NONE);
    }
    place_clear(&place);
}

Test(disk, says_that_there_is_no_room_before_it_writes) {
    struct place place;
    place_init(&place);
    struct disk_request create = {
        .number = 1, .call = DISK_CREATE, .name = "log-1", .size = 1ull << 50};
    enum error error = carry_out(&place, &create).error;
    cr_expect(error == ERROR_DISK_FULL || error == ERROR_IO, "%s", error_text(error));
    cr_expect_eq(
        carry_out(&place, &(struct disk_request){.number = 2, .call = DISK_LIST}).file_count, 1,
        "nothing but the lock stays");
    place_clear(&place);
}

Test(disk, carries_out_requests_of_a_queue_in_order_whatever_their_number) {
    struct place place;
    place_init(&place);
    struct disk_request create = {.number = 1, .call = DISK_CREATE, .name = "log-1", .size = 32768};
    cr_assert_eq(carry_out(&place, &create).error, ERROR_NONE);
    uint64_t expected = 1;
    for (uint64_t number = 1; expected <= 20000;) {
        static const struct bytes part = {"x", 1};
        while (number < expected + DISK_OPEN_MAX && number <= 20000) {
            struct disk_request append = {.number = number,
                                          .call = DISK_APPEND,
                                          .name = "log-1",
                                          .offset = number,
                                          .spans = &part,
                                          .span_count = 1};
            disk_submit(place.disk, &append);
            number++;
        }
        struct disk_completion completion;
        while (disk_poll(place.disk, &completion))
            cr_assert_eq(completion.number, expected++);
        if (expected < number) disk_wait(place.disk, 10000);
    }
    cr_expect_eq(disk_figures(place.disk).appends, 20000);
    place_clear(&place);
}

Test(disk, is_locked_against_another_process_and_names_it) {
    struct place place;
    place_init(&place);
    int pipes[2];
    cr_assert_eq(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        struct buffer problem = {0};
        struct disk *disk;
        enum error error = disk_open(place.path, &quiet, &disk, &problem);
        buffer_append_byte(&problem, 0);
        dprintf(pipes[1], "%d %s", error, problem.data);
        _exit(0);
    }
    char said[500] = {0}, expected[100];
    close(pipes[1]);
    cr_expect_gt(read(pipes[0], said, sizeof(said) - 1), 0);
    close(pipes[0]);
    waitpid(child, NULL, 0);
    snprintf(expected, sizeof(expected), "is in use by process %d;", (int)getpid());
    cr_expect_neq(strstr(said, expected), NULL, "%s", said);
    cr_expect_eq(atoi(said), ERROR_REFUSED);
    place_clear(&place);
}

Test(disk, names_a_directory_that_is_not_there) {
    struct buffer problem = {0};
    struct disk *disk;
    cr_expect_eq(disk_open("no/such/place", &quiet, &disk, &problem), ERROR_NOT_FOUND);
    buffer_append_byte(&problem, 0);
    cr_expect_str_eq(problem.data,
                     "the data directory no/such/place can't be opened: No such file or directory");
    buffer_clear(&problem);
}

/* --- a journal on it ------------------------------------------------------------------------ */

static void drive_once(struct place *place, struct journal *journal) {
    const struct disk_request *request;
    struct disk_completion completion;
    while ((request = journal_next_request(journal)) != NULL)
        disk_submit(place->disk, request);
    while (disk_poll(place->disk, &completion))
        journal_completed(journal, &completion);
}

static struct journal *start(struct place *place, uint64_t *recovered) {
    struct journal *journal = journal_create(&(struct journal_config){.cluster = "c",
                                                                      .node = "n",
                                                                      .seed = 1,
                                                                      .segment_size_min = 65536,
                                                                      .segment_size_max = 1 << 20});
    *recovered = 0;
    while (journal_state(journal) == JOURNAL_RECOVERING) {
        struct entry entry;
        bool committed;
        drive_once(place, journal);
        while (journal_recovered(journal, &entry, &committed))
            cr_assert_eq(entry_index(entry.image), ++*recovered);
        if (disk_open_requests(place->disk) > 0) disk_wait(place->disk, 1000);
    }
    cr_assert_eq(journal_state(journal), JOURNAL_READY, "%s", journal_problem(journal));
    return journal;
}

static void stop(struct place *place, struct journal *journal) {
    journal_close(journal);
    while (journal_state(journal) == JOURNAL_READY || disk_open_requests(place->disk) > 0) {
        drive_once(place, journal);
        if (disk_open_requests(place->disk) > 0) disk_wait(place->disk, 1000);
    }
    cr_expect_eq(journal_state(journal), JOURNAL_CLOSED);
    journal_destroy(journal);
}

Test(disk, carries_a_journal_through_a_restart) {
    enum { ENTRIES = 3000, BODY = 200 };
    struct place place;
    place_init(&place);
    uint64_t recovered, hash = 0;
    struct journal *journal = start(&place, &recovered);
    cr_expect_eq(recovered, 0);
    char body[BODY];
    memset(body, 'b', sizeof(body));
    for (uint64_t index = 1; index <= ENTRIES; index++) {
        struct chunk *chunk = chunk_create(ENTRY_HEADER_SIZE + BODY);
        entry_header_write(
            chunk->data, &(struct entry_header){.format = ENTRY_FORMAT,
                                                .type = ENTRY_DATA,
                                                .body_size = BODY,
                                                .body_hash = hash_bytes(bytes_of(body, BODY), 0)});
        memcpy(chunk->data + ENTRY_HEADER_SIZE, body, BODY);
        entry_seal(chunk->data, 1, index, index, hash);
        hash = entry_hash(chunk->data);
        struct entry entry = {.chunk = chunk, .image = chunk->data};
        journal_persist(journal, &(struct raft_persist){.number = index,
                                                        .has_hard_state = index == 1,
                                                        .hard_state = {.term = 1, .voted_for = 2},
                                                        .cut_after = UINT64_MAX,
                                                        .entries = &entry,
                                                        .entry_count = 1});
        chunk_release(chunk);
        drive_once(&place, journal);
    }
    journal_fetch(journal, &(struct raft_fetch){.node = 2, .from = 1, .bytes_max = 1000});
    stop(&place, journal);
    disk_close(place.disk);

    place_open(&place);
    journal = start(&place, &recovered);
    cr_expect_eq(recovered, ENTRIES);
    cr_expect(journal_was_closed(journal));
    cr_expect_eq(journal_hard_state(journal).voted_for, 2);
    journal_fetch(journal, &(struct raft_fetch){.node = 2, .from = 1000, .bytes_max = 1000});
    struct journal_fetched fetched;
    while (!journal_fetched(journal, &fetched)) {
        drive_once(&place, journal);
        disk_wait(place.disk, 10);
    }
    cr_expect_eq(fetched.error, ERROR_NONE);
    cr_expect_eq(fetched.entry_count, 3);
    cr_expect_eq(entry_index(fetched.entries[0].image), 1000);
    stop(&place, journal);
    place_clear(&place);
}
