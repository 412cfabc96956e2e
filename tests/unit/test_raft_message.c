/* Messages between cores on the wire, and what a core keeps of its log. */
#include <criterion/criterion.h>

#include "base/hash.h"
#include "raft/message.h"
#include "raft/raft_log.h"

/* A message of this kind, every byte of its fields different from zero. */
static struct raft_message message_of(enum raft_message_type type) {
    struct raft_message message = {.type = type, .from = 3, .to = 2, .term = 9};
    memset(&message.as, 0x11 + (int)type, sizeof(message.as));
    return message;
}

/* Appends the image of an entry that follows `previous_hash`; returns its hash. */
static uint64_t append_image(struct buffer *wire, uint64_t term, uint64_t index,
                             uint64_t previous_hash, struct bytes body) {
    char *image = buffer_reserve(wire, ENTRY_HEADER_SIZE + body.size);
    entry_header_write(image, &(struct entry_header){.format = ENTRY_FORMAT,
                                                     .type = ENTRY_DATA,
                                                     .body_size = (uint32_t)body.size,
                                                     .body_hash = hash_bytes(body, 0)});
    if (body.size > 0) memcpy(image + ENTRY_HEADER_SIZE, body.data, body.size);
    entry_seal(image, term, index, 0, previous_hash);
    wire->size += ENTRY_HEADER_SIZE + body.size;
    return entry_hash(image);
}

/* An APPEND with two entries behind previous index 6. */
static void encode_append(struct buffer *wire) {
    struct raft_message message = {.type = RAFT_APPEND, .from = 1, .to = 2, .term = 5};
    message.as.append.previous_index = 6;
    message.as.append.previous_term = 3;
    message.as.append.previous_hash = 1234;
    message.entry_count = 2;
    raft_message_encode(&message, wire);
    uint64_t hash = append_image(wire, 3, 7, 1234, BYTES("one"));
    append_image(wire, 5, 8, hash, BYTES(""));
}

static enum error decode(struct bytes wire, struct raft_message *message, struct entry *entries,
                         struct chunk **chunk) {
    *chunk = chunk_create(wire.size);
    if (wire.size > 0) memcpy((*chunk)->data, wire.data, wire.size);
    (*chunk)->used = wire.size;
    return raft_message_decode(bytes_of((*chunk)->data, wire.size), *chunk, message, entries, 4);
}

Test(raft_message, every_kind_survives_the_wire) {
    for (uint32_t type = RAFT_MESSAGE_NONE + 1; type < RAFT_MESSAGE_TYPES; type++) {
        struct raft_message message = message_of((enum raft_message_type)type), read;
        struct buffer wire = {0}, again = {0};
        struct chunk *chunk;
        raft_message_encode(&message, &wire);
        cr_assert_leq(wire.size, RAFT_MESSAGE_SIZE_MAX);
        cr_assert_eq(decode(buffer_bytes(&wire), &read, NULL, &chunk), ERROR_NONE, "%s",
                     raft_message_name(message.type));
        cr_expect_eq(read.term, 9);
        cr_expect_eq(read.from, 3);
        cr_expect_eq(read.to, 2);
        raft_message_encode(&read, &again);
        cr_expect(bytes_equal(buffer_bytes(&wire), buffer_bytes(&again)));
        for (size_t cut = 0; cut < wire.size; cut++) {
            struct raft_message untouched = {.term = 77};
            cr_expect_eq(raft_message_decode(bytes_of(wire.data, cut), NULL, &untouched, NULL, 0),
                         ERROR_TRUNCATED);
            cr_expect_eq(untouched.term, 77);
        }
        chunk_release(chunk);
        buffer_clear(&wire);
        buffer_clear(&again);
    }
}

Test(raft_message, carries_entries_in_place) {
    struct buffer wire = {0};
    struct raft_message message;
    struct entry entries[4];
    struct chunk *chunk;
    encode_append(&wire);
    cr_assert_eq(decode(buffer_bytes(&wire), &message, entries, &chunk), ERROR_NONE);
    cr_assert_eq(message.entry_count, 2);
    cr_expect_eq(message.entries, entries);
    cr_expect_eq(entry_index(message.entries[1].image), 8);
    cr_expect(bytes_equal(entry_body(message.entries[0].image), BYTES("one")));
    cr_expect_eq(message.entries[0].chunk, chunk);
    cr_expect(message.entries[0].image > chunk->data);
    chunk_release(chunk);
    buffer_clear(&wire);
}

Test(raft_message, refuses_what_is_malformed) {
    enum { FIRST = 24 + 48, SECOND = FIRST + ENTRY_HEADER_SIZE + 3 };
    static const struct {
        const char *name;
        size_t at;
        uint8_t value;
        enum error error;
    } cases[] = {
        {"no kind", 0, 0, ERROR_MALFORMED},
        {"unknown kind", 0, RAFT_MESSAGE_TYPES, ERROR_MALFORMED},
        {"entries behind another kind", 0, RAFT_HEARTBEAT, ERROR_MALFORMED},
        {"from nobody", 4, 0, ERROR_RANGE},
        {"from beyond the last node", 4, RAFT_NODES_MAX + 1, ERROR_RANGE},
        {"to nobody", 8, 0, ERROR_RANGE},
        {"to itself", 8, 1, ERROR_MALFORMED},
        {"more entries than there is room for", 12, 5, ERROR_FULL},
        {"more entries than there are", 12, 3, ERROR_TRUNCATED},
        {"fewer entries than there are", 12, 1, ERROR_MALFORMED},
        {"a term beyond reach", 23, 0xff, ERROR_RANGE},
        {"indexes that overflow", 31, 0xff, ERROR_MALFORMED},
        {"another previous index", 24, 5, ERROR_MALFORMED},
        {"an entry older than the previous one", 32, 4, ERROR_MALFORMED},
        {"another previous hash", 40, 1, ERROR_CHECKSUM},
        {"a newer format of entries", FIRST, ENTRY_FORMAT + 1, ERROR_VERSION},
        {"an unknown type of entry", FIRST + 1, 99, ERROR_MALFORMED},
        {"an entry of a newer term than the message", FIRST + 8, 6, ERROR_MALFORMED},
        {"an entry at another index", SECOND + 16, 9, ERROR_MALFORMED},
        {"a hash that does not follow", SECOND + 24, 0xab, ERROR_CHECKSUM},
        {"a body larger than what is left", FIRST + 66, 1, ERROR_TRUNCATED},
        {"a changed body", FIRST + ENTRY_HEADER_SIZE, 'O', ERROR_CHECKSUM},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buffer wire = {0};
        struct raft_message message = {.term = 77};
        struct entry entries[4];
        struct chunk *chunk;
        encode_append(&wire);
        wire.data[cases[i].at] = (char)cases[i].value;
        enum error error = decode(buffer_bytes(&wire), &message, entries, &chunk);
        cr_expect_eq(error, cases[i].error, "%s: %s", cases[i].name, error_text(error));
        cr_expect_eq(message.term, 77, "%s changes the message", cases[i].name);
        chunk_release(chunk);
        buffer_clear(&wire);
    }
}

Test(raft_message, entries_have_to_lie_in_the_chunk) {
    struct buffer wire = {0};
    struct raft_message message;
    struct entry entries[4];
    encode_append(&wire);
    struct chunk *other = chunk_create(wire.size);
    cr_expect_eq(raft_message_decode(buffer_bytes(&wire), other, &message, entries, 4),
                 ERROR_MALFORMED);
    cr_expect_eq(raft_message_decode(buffer_bytes(&wire), NULL, &message, entries, 4),
                 ERROR_MALFORMED);
    chunk_release(other);
    buffer_clear(&wire);
}

Test(raft_message, prints_one_line) {
    struct raft_message message = {.type = RAFT_VOTE_REPLY, .from = 1, .to = 3, .term = 4};
    message.as.vote_reply.granted = 1;
    struct buffer line = {0};
    raft_message_print(&message, &line);
    cr_expect(bytes_equal(buffer_bytes(&line), BYTES("n1 -> n3 VOTE_REPLY term=4 granted=1")),
              "%.*s", (int)line.size, line.data);
    buffer_clear(&line);
    cr_expect_str_eq(raft_message_name(RAFT_MESSAGE_NONE), "NONE");
}

/* --- the log -------------------------------------------------------------------------------- */

static void append(struct raft_log *log, uint64_t term) {
    struct buffer image = {0};
    append_image(&image, term, raft_log_last_index(log) + 1, raft_log_last_hash(log), BYTES("x"));
    struct chunk *chunk = chunk_create(image.size);
    memcpy(chunk->data, image.data, image.size);
    buffer_clear(&image);
    raft_log_append(log, (struct entry){.chunk = chunk, .image = chunk->data});
    raft_log_check(log);
}

Test(raft_log, knows_the_terms_of_entries_it_has_dropped) {
    static const uint64_t terms[] = {1, 1, 4, 4, 4, 9, 9, 9, 9};
    struct raft_log log;
    raft_log_init(&log, &(struct raft_log_base){.hash = 5});
    cr_expect_eq(raft_log_last_hash(&log), 5);
    for (size_t i = 0; i < COUNT_OF(terms); i++)
        append(&log, terms[i]);
    size_t held = log.bytes;
    uint64_t hash_of_6 = 0;
    cr_expect(raft_log_hash(&log, 6, &hash_of_6));
    raft_log_drop(&log, 6, 0);
    raft_log_check(&log);
    cr_expect_eq(log.first_index, 7, "none above the index that may go");
    cr_expect_eq(log.bytes * 3, held);

    cr_expect_eq(raft_log_term(&log, 0), 0);
    for (size_t i = 0; i < COUNT_OF(terms); i++)
        cr_expect_eq(raft_log_term(&log, i + 1), terms[i], "entry %zu", i + 1);
    cr_expect_eq(raft_log_term(&log, 10), 0);
    uint64_t hash = 0;
    cr_expect_not(raft_log_hash(&log, 5, &hash));
    cr_expect(raft_log_hash(&log, 6, &hash));
    cr_expect_eq(hash, hash_of_6);
    cr_expect_not(raft_log_hash(&log, 10, &hash));

    raft_log_cut_after(&log, 7);
    append(&log, 10);
    raft_log_cut_after(&log, 6);
    raft_log_check(&log);
    cr_expect_eq(raft_log_last_term(&log), 9);
    cr_expect_eq(raft_log_last_hash(&log), hash_of_6);
    raft_log_clear(&log);
}

Test(raft_log, finds_where_logs_may_agree) {
    static const struct {
        uint64_t index, term, agreement;
    } cases[] = {
        {9, 9, 9}, {20, 9, 9}, {9, 8, 5}, {9, 4, 5}, {4, 4, 4}, {9, 3, 2}, {9, 0, 0}, {0, 9, 0},
    };
    static const uint64_t terms[] = {1, 1, 4, 4, 4, 9, 9, 9, 9};
    struct raft_log log;
    raft_log_init(&log, &(struct raft_log_base){.hash = 5});
    for (size_t i = 0; i < COUNT_OF(terms); i++)
        append(&log, terms[i]);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cr_expect_eq(raft_log_agreement(&log, cases[i].index, cases[i].term), cases[i].agreement,
                     "case %zu", i);
    raft_log_clear(&log);
}

Test(raft_log, begins_behind_what_was_cut_from_its_front) {
    static const uint64_t terms[] = {1, 1, 4, 4, 4, 9, 9, 9, 9};
    for (uint64_t dropped = 0; dropped <= COUNT_OF(terms); dropped++) {
        for (uint64_t base = 0; base <= COUNT_OF(terms); base++) {
            struct raft_log log;
            raft_log_init(&log, &(struct raft_log_base){.hash = 5});
            for (size_t i = 0; i < COUNT_OF(terms); i++)
                append(&log, terms[i]);
            uint64_t last_hash = raft_log_last_hash(&log);
            raft_log_drop(&log, dropped, 0);
            raft_log_compact(&log, base);
            raft_log_check(&log);
            cr_expect_eq(raft_log_last_index(&log), COUNT_OF(terms));
            cr_expect_eq(raft_log_last_term(&log), 9);
            cr_expect_eq(raft_log_last_hash(&log), last_hash);
            for (uint64_t index = 0; index <= COUNT_OF(terms); index++) {
                uint64_t term = index == 0 || index < base ? 0 : terms[index - 1];
                cr_expect_eq(raft_log_term(&log, index), term, "base %llu, index %llu",
                             (unsigned long long)base, (unsigned long long)index);
            }
            cr_expect_eq(raft_log_agreement(&log, 20, 0), base);
            append(&log, 11);
            cr_expect_eq(raft_log_last_term(&log), 11);
            raft_log_restart(&log, &(struct raft_log_base){.index = 30, .term = 12, .hash = 6});
            raft_log_check(&log);
            cr_expect_eq(raft_log_last_index(&log), 30);
            cr_expect_eq(raft_log_last_hash(&log), 6);
            raft_log_clear(&log);
        }
    }
}

Test(raft_log, slides_without_losing_entries) {
    struct raft_log log;
    raft_log_init(&log, &(struct raft_log_base){.index = 100, .term = 3, .hash = 5});
    cr_expect_eq(raft_log_term(&log, 100), 3);
    cr_expect_eq(raft_log_term(&log, 99), 0);
    for (int i = 0; i < 2000; i++) {
        append(&log, 3 + (uint64_t)i / 500);
        if (i >= 100) raft_log_drop(&log, raft_log_last_index(&log) - 90, 0);
        const struct entry *first = raft_log_at(&log, log.first_index);
        cr_assert_eq(entry_index(first->image), log.first_index);
    }
    cr_expect_eq(log.count, 90);
    cr_expect_lt(log.capacity, 1024, "room is used again");
    cr_expect_eq(raft_log_last_index(&log), 2100);
    raft_log_clear(&log);
}

/* --- the entry's bytes ---------------------------------------------------------------------- */

/* Format 1 stands in every log and on every wire: it never changes (SAFETY 20). */
Test(entry, format_1_is_fixed) {
    static const unsigned char bytes[ENTRY_HEADER_SIZE] = {
        1,    2, 4, 3,    8,    7, 6, 5,    0x11, 0, 0, 0,    0,    0, 0, 0x10, 0x22, 0, 0, 0,
        0,    0, 0, 0x20, 0x33, 0, 0, 0,    0,    0, 0, 0x30, 0x44, 0, 0, 0,    0,    0, 0, 0x40,
        0x55, 0, 0, 0,    0,    0, 0, 0x50, 0x66, 0, 0, 0,    0,    0, 0, 0x60, 0x77, 0, 0, 0,
        0,    0, 0, 0x70, 0x88, 0, 0, 0,    0x99, 0, 0, 0,    0xaa, 0, 0, 0,    0,    0, 0, 0xa0,
    };
    const struct entry_header header = {
        .format = 1,
        .type = 2,
        .semantics = 0x0304,
        .flags = 0x05060708,
        .term = 0x1000000000000011,
        .index = 0x2000000000000022,
        .hash = 0x3000000000000033,
        .stamp_ms = 0x4000000000000044,
        .seed = 0x5000000000000055,
        .origin = 0x6000000000000066,
        .number = 0x7000000000000077,
        .body_size = 0x88,
        .count = 0x99,
        .body_hash = 0xa0000000000000aa,
    };
    char image[ENTRY_HEADER_SIZE];
    entry_header_write(image, &header);
    cr_expect_arr_eq(image, bytes, sizeof(bytes));
    struct entry_header read;
    entry_header_read(image, &read);
    char again[ENTRY_HEADER_SIZE];
    entry_header_write(again, &read);
    cr_expect_arr_eq(again, bytes, sizeof(bytes));
    cr_expect_eq(entry_hash_after(image, 7), 0x4d63e4170164b019, "%llx",
                 (unsigned long long)entry_hash_after(image, 7));
}
