/* Recovery from a directory that the input describes: headers and records with right checksums and
 * chosen content, in any order and place, then bytes changed anywhere. Whatever the journal accepts
 * it has to keep: it is read back, written to, compacted, and found again after a restart. From
 * damage it has to find its way: behind the good prefix, or from an empty log. */
#include "base/hash.h"
#include "raft/journal.h"
#include "raft/record.h"
#include "raft/segment.h"
#include "tests/simulator/disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEGMENT_SIZE = 4096, STEPS_MAX = 20000 };

static const struct segment_owner owner = {.cluster = "c", .node = "n"};

/* --- the input as a source of choices ------------------------------------------------------- */

struct input {
    struct bytes rest;
};

static uint8_t take(struct input *input) {
    if (input->rest.size == 0) return 0;
    uint8_t byte = (uint8_t)input->rest.data[0];
    input->rest = bytes_slice(input->rest, 1, SIZE_MAX);
    return byte;
}

static struct bytes take_bytes(struct input *input, size_t size) {
    struct bytes taken = bytes_slice(input->rest, 0, size);
    input->rest = bytes_slice(input->rest, taken.size, SIZE_MAX);
    return taken;
}

/* `right` as often as not, so that the way goes on. */
static uint64_t take_near(struct input *input, uint64_t right) {
    uint8_t choice = take(input);
    return choice < 224 ? right : right + choice - 240;
}

/* --- the directory -------------------------------------------------------------------------- */

struct writer {
    struct simulated_disk *disk;
    uint64_t sequence, salt, offset, number;
    uint64_t index, term, hash; /* of the last entry */
    char file[SEGMENT_SIZE];
};

static void segment_finish(struct writer *writer) {
    char name[DISK_NAME_SIZE];
    if (writer->sequence == 0) return;
    segment_name(name, writer->sequence);
    simulated_disk_put(writer->disk, name, 0, bytes_of(writer->file, SEGMENT_SIZE));
}

static void segment_begin(struct writer *writer, struct input *input) {
    segment_finish(writer);
    memset(writer->file, 0, sizeof(writer->file));
    writer->sequence++;
    writer->salt = take(input);
    writer->offset = SEGMENT_HEADER_SIZE;
    segment_header_write(writer->file, &owner,
                         &(struct segment_header){.sequence = take_near(input, writer->sequence),
                                                  .salt = writer->salt,
                                                  .size = take_near(input, SEGMENT_SIZE)});
}

static void put_record(struct writer *writer, enum record_type type, struct bytes payload) {
    if (writer->offset + RECORD_HEADER_SIZE + payload.size > SEGMENT_SIZE) return;
    char *at = writer->file + writer->offset;
    record_header_write(at, (struct record_place){.salt = writer->salt, .offset = writer->offset},
                        type, writer->number++, payload);
    memcpy(at + RECORD_HEADER_SIZE, payload.data, payload.size);
    writer->offset += RECORD_HEADER_SIZE + payload.size;
}

/* Mostly none: they change what stands around. */
static uint8_t take_flags(struct input *input) {
    uint8_t choice = take(input);
    return choice < 128 ? choice & RECORD_MARK_CLOSED : choice & 31;
}

static void put_mark(struct writer *writer, struct input *input) {
    char payload[RECORD_MARK_SIZE];
    record_mark_write(payload,
                      &(struct record_mark){.durable_number = take_near(input, writer->number - 1),
                                            .commit_index = take(input),
                                            .last_index = take_near(input, writer->index),
                                            .last_term = take_near(input, writer->term),
                                            .last_hash = writer->hash,
                                            .flags = take_flags(input)});
    put_record(writer, RECORD_MARK, bytes_of(payload, sizeof(payload)));
}

static void put_cut(struct writer *writer, struct input *input) {
    char payload[RECORD_CUT_SIZE];
    record_cut_write(payload, &(struct record_cut){.after = take(input), .hash = 1});
    put_record(writer, RECORD_CUT, bytes_of(payload, sizeof(payload)));
}

static void put_entry(struct writer *writer, struct input *input, bool in_pieces) {
    char image[ENTRY_HEADER_SIZE + 255];
    struct bytes body = take_bytes(input, take(input));
    memcpy(image + ENTRY_HEADER_SIZE, body.data, body.size);
    entry_header_write(image, &(struct entry_header){.format = (uint8_t)take_near(input, 1),
                                                     .type = ENTRY_DATA,
                                                     .body_size = (uint32_t)body.size,
                                                     .body_hash = hash_bytes(body, 0)});
    entry_seal(image, take_near(input, writer->term), take_near(input, writer->index + 1), 1,
               writer->hash);
    struct bytes whole = bytes_of(image, ENTRY_HEADER_SIZE + body.size);
    if (in_pieces) {
        size_t first = ENTRY_HEADER_SIZE + take(input) % 100;
        size_t second = take(input);
        put_record(writer, RECORD_FIRST, bytes_slice(whole, 0, first));
        if (first < whole.size) {
            struct bytes rest = bytes_slice(whole, first, SIZE_MAX);
            if (second > 0 && second < rest.size) {
                put_record(writer, RECORD_MIDDLE, bytes_slice(rest, 0, second));
                rest = bytes_slice(rest, second, SIZE_MAX);
            }
            put_record(writer, RECORD_LAST, rest);
        }
    } else {
        put_record(writer, RECORD_ENTRY, whole);
    }
    writer->index = entry_index(image);
    writer->term = entry_term(image);
    writer->hash = entry_hash(image);
}

static void put_raw(struct writer *writer, struct input *input) {
    static const enum record_type types[] = {RECORD_MARK,  RECORD_CUT,    RECORD_ENTRY,
                                             RECORD_FIRST, RECORD_MIDDLE, RECORD_LAST};
    enum record_type type = types[take(input) % COUNT_OF(types)];
    put_record(writer, type, take_bytes(input, take(input)));
}

static void put_vote(struct writer *writer, struct input *input, const char *name) {
    char file[VOTE_SIZE];
    vote_write(file, &owner, (struct vote){.term = take(input), .voted_for = 1});
    simulated_disk_put(writer->disk, name, 0,
                       bytes_of(file, take_near(input, VOTE_SIZE) % (VOTE_SIZE + 1)));
}

static void spoil(struct writer *writer, struct input *input) {
    char name[DISK_NAME_SIZE];
    segment_name(name, take(input) % 4);
    uint64_t offset = (uint64_t)take(input) << 4 | take(input) % 16;
    struct bytes bytes;
    if (!simulated_disk_file(writer->disk, name, &bytes) || offset >= bytes.size) return;
    simulated_disk_flip(writer->disk, name, offset, take(input));
}

static void make_directory(struct writer *writer, struct input *input) {
    for (int steps = 0; input->rest.size > 0 && steps < 200; steps++) {
        uint8_t choice = take(input) % 16;
        if (writer->sequence == 0 || choice == 0) {
            segment_begin(writer, input);
            put_mark(writer, input);
        } else if (choice < 4) {
            put_mark(writer, input);
        } else if (choice == 4) {
            put_cut(writer, input);
        } else if (choice < 10) {
            put_entry(writer, input, false);
        } else if (choice < 13) {
            put_entry(writer, input, true);
        } else if (choice == 13) {
            put_raw(writer, input);
        } else if (choice == 14) {
            writer->offset += take(input); /* a hole */
            if (writer->offset > SEGMENT_SIZE) writer->offset = SEGMENT_SIZE;
        } else {
            writer->number += take(input) % 4 - 1u;
        }
    }
    segment_finish(writer);
}

/* --- the journal ---------------------------------------------------------------------------- */

struct found {
    uint64_t entries, term, hash; /* of the last one */
    bool is_damaged;
};

static void run(struct simulated_disk *disk, struct journal *journal) {
    for (int steps = 0; steps < STEPS_MAX; steps++) {
        const struct disk_request *request;
        struct disk_completion completion;
        while ((request = journal_next_request(journal)) != NULL)
            simulated_disk_submit(disk, request, 0);
        if (!simulated_disk_poll(disk, UINT64_MAX, &completion)) return;
        journal_completed(journal, &completion);
    }
    CHECK(false); /* It has to end. */
}

static void note_start(struct journal *journal, struct found *found) {
    struct raft_position start = journal_start(journal);
    *found = (struct found){.entries = start.index, .term = start.term, .hash = start.hash};
}

/* The way out of damage. */
static void mend(struct simulated_disk *disk, struct journal *journal, struct found *found) {
    static const struct raft_position nowhere;
    CHECK(journal_problem(journal)[0] != 0);
    if (!journal_salvage(journal)) {
        journal_restart(journal, &nowhere);
        *found = (struct found){0};
    }
    run(disk, journal);
    CHECK(journal_state(journal) == JOURNAL_READY && journal_is_damaged(journal));
}

/* NULL: refused, with a reason. */
static struct journal *start(struct simulated_disk *disk, uint64_t snapshot_index,
                             struct found *found) {
    struct journal *journal =
        journal_create(&(struct journal_config){.cluster = "c",
                                                .node = "n",
                                                .seed = 7,
                                                .snapshot_index = snapshot_index,
                                                .segment_size_min = SEGMENT_SIZE,
                                                .segment_size_max = SEGMENT_SIZE});
    *found = (struct found){0};
    while (journal_state(journal) == JOURNAL_RECOVERING) {
        struct entry entry;
        bool committed;
        run(disk, journal);
        while (journal_recovered(journal, &entry, &committed)) {
            if (found->entries == 0) note_start(journal, found);
            CHECK(entry_index(entry.image) == ++found->entries);
            CHECK(entry_hash(entry.image) == entry_hash_after(entry.image, found->hash));
            found->hash = entry_hash(entry.image);
            found->term = entry_term(entry.image);
        }
    }
    if (found->entries == 0) note_start(journal, found);
    if (journal_state(journal) == JOURNAL_DAMAGED) mend(disk, journal, found);
    if (journal_state(journal) == JOURNAL_READY) {
        found->is_damaged = journal_is_damaged(journal);
        run(disk, journal);
        journal_check(journal);
        return journal;
    }
    CHECK(journal_state(journal) == JOURNAL_REFUSED && journal_problem(journal)[0] != 0);
    journal_destroy(journal);
    return NULL;
}

static void append(struct journal *journal, struct found *found) {
    struct chunk *chunk = chunk_create(ENTRY_HEADER_SIZE);
    entry_header_write(chunk->data, &(struct entry_header){.format = ENTRY_FORMAT,
                                                           .type = ENTRY_NOOP,
                                                           .body_hash = hash_bytes(BYTES(""), 0)});
    uint64_t term = journal_hard_state(journal).term;
    if (found->term < term) found->term = term;
    entry_seal(chunk->data, found->term, ++found->entries, 1, found->hash);
    found->hash = entry_hash(chunk->data);
    struct entry entry = {.chunk = chunk, .image = chunk->data};
    journal_persist(journal,
                    &(struct raft_persist){
                        .number = 1, .cut_after = UINT64_MAX, .entries = &entry, .entry_count = 1});
    chunk_release(chunk);
}

static void fetch_all(struct simulated_disk *disk, struct journal *journal,
                      const struct found *found) {
    struct journal_fetched fetched;
    struct raft_position start = journal_start(journal);
    journal_fetch(journal,
                  &(struct raft_fetch){.node = 1, .from = start.index + 1, .bytes_max = SIZE_MAX});
    run(disk, journal);
    CHECK(journal_fetched(journal, &fetched));
    CHECK(fetched.error == ERROR_NONE && fetched.previous_hash == start.hash);
    CHECK(fetched.entry_count == found->entries - start.index);
    CHECK(entry_hash(fetched.entries[fetched.entry_count - 1].image) == found->hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct simulated_disk *disk = simulated_disk_create(&(struct simulated_disk_config){.seed = 1});
    struct input input = {.rest = bytes_of(data, size)};
    struct writer writer = {.disk = disk, .number = 1};
    uint8_t first = take(&input);
    uint8_t spoils = first % 4;
    uint64_t snapshot_index = first >= 64 ? first / 8 : 0;
    if (take(&input) < 250) put_vote(&writer, &input, VOTE_NAME);
    if (first & 16) put_vote(&writer, &input, VOTE_COPY_NAME);
    struct input spoiling = {.rest = take_bytes(&input, 4u * spoils)};
    make_directory(&writer, &input);
    if (first & 32) simulated_disk_remove(disk, "log-0000000001"); /* compacted, or lost */
    while (spoiling.rest.size > 0)
        spoil(&writer, &spoiling);

    struct found before, after;
    struct journal *journal = start(disk, snapshot_index, &before);
    if (journal != NULL) {
        append(journal, &before);
        run(disk, journal);
        CHECK(journal_persisted(journal) == 1);
        fetch_all(disk, journal, &before);
        journal_commit(journal, before.entries);
        journal_compact(journal, snapshot_index);
        run(disk, journal);
        fetch_all(disk, journal, &before);
        uint64_t begin = journal_start(journal).index;
        journal_destroy(journal);
        journal = start(disk, snapshot_index, &after);
        CHECK(journal != NULL && journal_start(journal).index == begin);
        CHECK(after.entries == before.entries && after.hash == before.hash);
        CHECK(after.is_damaged == before.is_damaged);
        journal_destroy(journal);
    }
    simulated_disk_destroy(disk);
    return 0;
}
