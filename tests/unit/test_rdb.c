/* RDB files: Redis's encodings by hand-made bytes, what is refused, our own files to the last
 * position. What Redis itself makes of them: tests/cluster/test-rdb. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/crc64.h"
#include "base/hash.h"
#include "base/memory.h"
#include "storages/emitter.h"
#include "storages/rdb_packed.h"
#include "storages/rdb_read.h"
#include "storages/rdb_write.h"
#include "storages/storages.h"
#include "tests/unit/rdb_text.h"
#include "tests/unit/storages_fixture.h"

static const int64_t now_ms = 1000; /* a fixture's log time */

/* --- loading -------------------------------------------------------------------------------- */

struct loaded {
    struct storages *storages;
    struct rdb_reader *reader;
    enum error error;
};

static struct loaded load_begin(enum rdb_mode mode) {
    struct loaded loaded = {.storages = storages_create(7)};
    if (mode == RDB_IMPORT) storages_set_now(loaded.storages, now_ms);
    loaded.reader = rdb_reader_create(&(struct rdb_read_options){
        .storages = loaded.storages, .mode = mode, .now_ms = now_ms, .bytes_total = 100000});
    return loaded;
}

static void load_clear(struct loaded *loaded) {
    rdb_reader_destroy(loaded->reader);
    storages_destroy(loaded->storages);
}

/* In pieces of this size; the first one of `first` bytes. */
static struct loaded load(struct bytes file, enum rdb_mode mode, size_t first, size_t piece) {
    struct loaded loaded = load_begin(mode);
    for (size_t at = 0; at < file.size && loaded.error == ERROR_NONE;) {
        struct bytes more = bytes_slice(file, at, at == 0 && first > 0 ? first : piece);
        /* A copy of just this size, so that a sanitizer sees any reading beyond it. */
        char *copy = memory_allocate(more.size);
        memcpy(copy, more.data, more.size);
        loaded.error = rdb_reader_feed(loaded.reader, bytes_of(copy, more.size));
        memory_release(copy);
        at += more.size;
    }
    if (loaded.error == ERROR_NONE) loaded.error = rdb_reader_end(loaded.reader);
    if (loaded.error == ERROR_NONE) {
        cr_assert(rdb_reader_is_complete(loaded.reader));
        cr_assert_str_eq(rdb_reader_error(loaded.reader), "");
        cr_assert_eq(rdb_reader_statistics(loaded.reader).bytes, file.size);
        storages_check(loaded.storages);
    } else {
        cr_assert(!rdb_reader_is_complete(loaded.reader));
        cr_assert_str_neq(rdb_reader_error(loaded.reader), "");
    }
    return loaded;
}

/* --- what Redis writes -------------------------------------------------------------------------
 */

static const struct {
    const char *name, *text;
    const char *lines[3]; /* commands that give the same keyspace */
} encodings[] = {
    {"nothing", "", {NULL}},
    {"bytes", "00 \"k\" \"hello\"", {"set k hello"}},
    {"no bytes", "00 \"\" \"\"", {"set \"\" \"\""}},
    {"8 bits", "00 \"k\" c0 80", {"set k -128"}},
    {"16 bits", "00 \"k\" c1 00 80", {"set k -32768"}},
    {"32 bits", "00 \"k\" c2 ff ff ff 7f", {"set k 2147483647"}},
    {"digits", "00 \"k\" \"12345678901\"", {"set k 12345678901"}},
    {"an integer as key", "00 c0 07 \"v\"", {"set 7 v"}},
    {"a length of 14 bits", "00 \"k\" 40 05 'hello'", {"set k hello"}},
    {"a length of 32 bits", "00 \"k\" 80 00 00 00 05 'hello'", {"set k hello"}},
    {"a length of 64 bits", "00 81 00 00 00 00 00 00 00 01 'k' \"v\"", {"set k v"}},
    {"compressed", "00 \"k\" c3 05 0c 00 'a' e0 02 00", {"set k aaaaaaaaaaaa"}},
    {"a compressed key", "00 c3 05 0c 00 'a' e0 02 00 \"v\"", {"set aaaaaaaaaaaa v"}},
    {"list", "01 \"k\" 03 \"a\" c0 05 \"\"", {"rpush k a 5 \"\""}},
    {"set of integers", "02 \"k\" 02 c0 02 c0 01", {"sadd k 2 1"}},
    {"set", "02 \"k\" 02 c0 02 \"a\"", {"sadd k 2 a"}},
    {"sorted set with text scores",
     "03 \"k\" 04 \"a\" 03 '1.5' \"b\" fe \"c\" ff \"d\" 01 '7'",
     {"zadd k 1.5 a inf b -inf c 7 d"}},
    {"hash", "04 \"k\" 02 \"a\" c0 01 \"b\" \"2\"", {"hset k a 1 b 2"}},
    {"a value too long for a listpack",
     "04 \"k\" 01 \"a\" 40 41 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'",
     {"hset k a aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}},
    {"sorted set",
     "05 \"k\" 02 \"a\" 00 00 00 00 00 00 f8 3f \"b\" 00 00 00 00 00 00 f0 ff",
     {"zadd k 1.5 a -inf b"}},
    {"zipmap", "09 \"k\" M\"a|1|b|x*300\"", {NULL}},
    {"short zipmap", "09 \"k\" M\"a|1|b|xx\"", {"hset k a 1 b xx"}},
    {"ziplist",
     "0a \"k\" Z\"a|0|12|13|-1|127|128|-32768|32768|8388607|-8388609|2147483648|x*70\"",
     {"rpush k a 0 12 13 -1 127 128 -32768 32768 8388607 -8388609 2147483648 "
      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}},
    {"long elements in a ziplist", "0a \"k\" Z\"x*253|y*254|z*17000|a\"", {NULL}},
    {"intset", "0b \"k\" I\"-5|1|7\"", {"sadd k 7 1 -5"}},
    {"ziplist of a sorted set", "0c \"k\" Z\"a|1|b|1.5|c|inf\"", {"zadd k 1 a 1.5 b inf c"}},
    {"ziplist of a hash", "0d \"k\" Z\"a|1|b|x\"", {"hset k a 1 b x"}},
    {"quicklist of ziplists", "0e \"k\" 02 Z\"a|1\" Z\"b\"", {"rpush k a 1 b"}},
    {"listpack of a hash", "10 \"k\" L\"a|1|b|x\"", {"hset k a 1 b x"}},
    {"listpack of a sorted set", "11 \"k\" L\"a|-0|b|1e300\"", {"zadd k 0 a 1e300 b"}},
    {"integers in a listpack",
     "12 \"k\" 01 02 L\"0|127|128|-1|4095|4096|-4096|-4097|32767|32768|-8388608|8388608|2147483647|"
     "2147483648|-9223372036854775808|x*63|x*64\"",
     {"rpush k 0 127 128 -1 4095 4096 -4096 -4097 32767 32768 -8388608 8388608 2147483647 "
      "2147483648 -9223372036854775808 "
      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx "
      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}},
    {"long elements in a listpack",
     "12 \"k\" 01 02 L\"x*127|y*128|z*4095|z*4096|z*17000\"",
     {NULL}},
    {"plain nodes", "12 \"k\" 03 01 \"a\" 02 L\"b|c\" 01 c0 05", {"rpush k a b c 5"}},
    {"deadline in ms", "fc d0 07 00 00 00 00 00 00 00 \"k\" \"v\"", {"set k v pxat 2000"}},
    {"deadline in s", "fd 02 00 00 00 00 \"k\" \"v\"", {"set k v pxat 2000"}},
    {"a deadline is for one key",
     "fd 02 00 00 00 00 \"k\" \"v\" 00 \"l\" \"v\"",
     {"set k v pxat 2000", "set l v"}},
    {"deadline of a hash",
     "fd 02 00 00 00 04 \"k\" 01 \"a\" \"b\"",
     {"hset k a b", "pexpireat k 2000"}},
    {"expired keys are left out",
     "fc e8 03 00 00 00 00 00 00 00 \"k\" \"v\" fd 01 00 00 00 04 \"h\" 01 \"a\" \"b\" 00 \"l\" "
     "\"v\"",
     {"set l v"}},
    {"empty collections are left out",
     "04 \"k\" 00 12 \"q\" 00 0a \"l\" Z\"\" 10 \"h\" L\"\"",
     {NULL}},
    {"how recently used", "f9 05 00 \"k\" \"v\" f8 40 ff 00 \"l\" \"v\"", {"set k v", "set l v"}},
    {"databases",
     "fe 00 fb 01 00 00 \"k\" \"v\" fe 03 fb 01 00 00 \"k\" \"w\"",
     {"set k v", "%db 3", "set k w"}},
    {"AUX fields",
     "fa \"redis-ver\" \"7.0.15\" fa \"ctime\" c2 01 02 03 04 00 \"k\" \"v\"",
     {"set k v"}},
    {"a module's data is skipped",
     "f7 81 01 02 03 04 05 06 07 08 02 01 01 05 03 00 00 00 00 04 00 00 00 00 00 00 00 00 "
     "05 \"text\" 00 00 \"k\" \"v\"",
     {"set k v"}},
};

/* The digest of the keyspace that the lines make. */
static uint64_t digest_of_lines(const char *const *lines, size_t count) {
    struct fixture *fixture = fixture_create();
    for (size_t i = 0; i < count && lines[i] != NULL; i++)
        cr_assert_neq(fixture_run(fixture, lines[i])[0], '-', "%s", lines[i]);
    uint64_t digest = storages_digest(fixture_storages(fixture));
    fixture_destroy(fixture);
    return digest;
}

Test(rdb, reads_every_encoding_cut_anywhere) {
    struct buffer file = {0};
    for (size_t i = 0; i < COUNT_OF(encodings); i++) {
        rdb_text_file(&file, 10, encodings[i].text);
        struct bytes bytes = buffer_bytes(&file);
        struct loaded whole = load(bytes, RDB_IMPORT, 0, bytes.size);
        cr_assert_eq(whole.error, ERROR_NONE, "%s: %s", encodings[i].name,
                     rdb_reader_error(whole.reader));
        uint64_t digest = storages_digest(whole.storages);
        bool has_lines = encodings[i].lines[0] != NULL;
        if (has_lines)
            cr_expect_eq(digest, digest_of_lines(encodings[i].lines, 3), "%s", encodings[i].name);
        size_t step = bytes.size > 1000 ? 97 : 1;
        for (size_t first = 1; first < bytes.size; first += step) {
            struct loaded cut = load(bytes, RDB_IMPORT, first, bytes.size);
            cr_assert_eq(cut.error, ERROR_NONE, "%s, cut at %zu: %s", encodings[i].name, first,
                         rdb_reader_error(cut.reader));
            cr_assert_eq(storages_digest(cut.storages), digest, "%s %zu", encodings[i].name, first);
            load_clear(&cut);
        }
        for (size_t piece = 1; piece < 12; piece++) {
            struct loaded cut = load(bytes, RDB_IMPORT, 0, piece);
            cr_assert_eq(cut.error, ERROR_NONE);
            cr_assert_eq(storages_digest(cut.storages), digest);
            load_clear(&cut);
        }
        load_clear(&whole);
    }
    buffer_clear(&file);
}

Test(rdb, a_file_that_ends_anywhere_is_truncated) {
    struct buffer file = {0};
    for (size_t i = 0; i < COUNT_OF(encodings); i++) {
        rdb_text_file(&file, 10, encodings[i].text);
        size_t step = file.size > 1000 ? 97 : 1;
        for (size_t size = 0; size < file.size; size += step) {
            struct loaded cut = load(bytes_of(file.data, size), RDB_IMPORT, 0, 1000000);
            cr_assert_eq(cut.error, ERROR_TRUNCATED, "%s %zu", encodings[i].name, size);
            load_clear(&cut);
        }
    }
    buffer_clear(&file);
}

Test(rdb, what_was_left_out_is_counted) {
    struct buffer file = {0};
    rdb_text_file(&file, 10, "fd 01 00 00 00 00 \"k\" \"v\" 04 \"h\" 00 f7 01 00 00 \"l\" \"v\"");
    struct loaded loaded = load(buffer_bytes(&file), RDB_IMPORT, 0, 3);
    struct rdb_read_statistics statistics = rdb_reader_statistics(loaded.reader);
    cr_expect_eq(statistics.keys, 1);
    cr_expect_eq(statistics.keys_expired, 1);
    cr_expect_eq(statistics.keys_empty, 1);
    cr_expect_eq(statistics.module_data, 1);
    load_clear(&loaded);
    buffer_clear(&file);
}

Test(rdb, old_versions_have_no_checksum) {
    struct buffer file = {0};
    for (unsigned version = 1; version <= 10; version++) {
        rdb_text_file(&file, version, "fe 00 00 \"k\" \"v\"");
        struct loaded loaded = load(buffer_bytes(&file), RDB_IMPORT, 0, 1);
        cr_expect_eq(loaded.error, ERROR_NONE, "%u", version);
        load_clear(&loaded);
        if (version < 5) continue;
        file.data[file.size - 1] ^= 1;
        loaded = load(buffer_bytes(&file), RDB_IMPORT, 0, 1);
        cr_expect_eq(loaded.error, ERROR_CHECKSUM);
        load_clear(&loaded);
        memset(file.data + file.size - 8, 0, 8); /* Redis was told not to compute it */
        loaded = load(buffer_bytes(&file), RDB_IMPORT, 0, 1);
        cr_expect_eq(loaded.error, ERROR_NONE);
        load_clear(&loaded);
    }
    buffer_clear(&file);
}

/* More entries than the head of a listpack or ziplist can count. */
Test(rdb, packed_lists_that_do_not_say_how_many) {
    enum { COUNT = 70000 };
    struct buffer list = {0}, file = {0};
    buffer_append_format(&list, "0a \"k\" Z\"");
    for (unsigned i = 0; i < COUNT; i++)
        buffer_append_format(&list, "%s%u", i > 0 ? "|" : "", i);
    buffer_append_format(&list, "\" 10 \"h\" L\"");
    for (unsigned i = 0; i < COUNT; i++)
        buffer_append_format(&list, "%s%u", i > 0 ? "|" : "", i);
    buffer_append_format(&list, "\"%c", 0);
    rdb_text_file(&file, 10, list.data);
    char *count = memmem(file.data, file.size, "\x01k\x80", 3);
    store_u16(count + 3 + 4 + 8, UINT16_MAX);
    rdb_text_sum(&file);
    struct loaded loaded = load(buffer_bytes(&file), RDB_IMPORT, 0, 5000);
    cr_assert_eq(loaded.error, ERROR_NONE, "%s", rdb_reader_error(loaded.reader));
    cr_expect_eq(storages_db_size(loaded.storages, 0), 2);
    load_clear(&loaded);
    buffer_clear(&file);
    buffer_clear(&list);
}

/* --- what is refused ----------------------------------------------------------------------------
 */

static const struct {
    const char *text; /* a body */
    enum error error;
    const char *says;
} refused[] = {
    {"00 \"k\" \"v\" 00 \"k\" \"w\"", ERROR_MALFORMED, "key \"k\": the key comes twice"},
    {"00 \"k\" \"v\" 04 \"k\" 01 \"a\" \"b\"", ERROR_MALFORMED, "the key comes twice"},
    {"00 \"k\" c4", ERROR_MALFORMED, "a string's length"},
    {"00 \"k\" 82", ERROR_MALFORMED, "a string's length"},
    {"00 \"k\" c3 c0 01 05", ERROR_MALFORMED, "a string's length"},
    {"00 \"k\" 81 ff ff ff ff ff ff ff ff", ERROR_MALFORMED, "more than 1 TiB"},
    {"00 \"k\" c3 05 0d 00 'a' e0 02 00", ERROR_MALFORMED, "compressed string"},
    {"00 \"k\" c3 00 00", ERROR_MALFORMED, "compressed string"},
    {"00 \"k\" c3 05 80 ff ff ff ff 00 'a' e0 02 00", ERROR_MALFORMED, "compressed string"},
    {"08 \"k\" \"v\"", ERROR_MALFORMED, "unknown type 8"},
    {"14 \"k\" \"v\"", ERROR_MALFORMED, "unknown type 20"},
    {"f4", ERROR_MALFORMED, "unknown type 244"},
    {"0f \"a\\b\" 00", ERROR_VERSION, "key \"a\\x5cb\": it is a stream"},
    {"13 \"k\"", ERROR_VERSION, "key \"k\": it is a stream"},
    {"07 \"k\"", ERROR_VERSION, "a module's type"},
    {"f5 \"code\"", ERROR_VERSION, "a library of functions"},
    {"f6 \"code\"", ERROR_VERSION, "a library of functions"},
    {"f7 c0", ERROR_MALFORMED, "a length"},
    {"f7 00 06", ERROR_MALFORMED, "a module's data"},
    {"fe 10", ERROR_MALFORMED, "database 16, and there are only 16 here"},
    {"fe c0", ERROR_MALFORMED, "a length"},
    {"fb 01 c0", ERROR_MALFORMED, "a length"},
    {"01 \"k\" c0", ERROR_MALFORMED, "a length"},
    {"04 \"k\" 80 ff ff ff ff", ERROR_MALFORMED, "more elements"},
    {"02 \"k\" 02 \"a\" \"a\"", ERROR_MALFORMED, "a member comes twice"},
    {"02 \"k\" 02 c0 01 \"1\"", ERROR_MALFORMED, "a member comes twice"},
    {"04 \"k\" 02 \"a\" \"1\" \"a\" \"2\"", ERROR_MALFORMED, "a field comes twice"},
    {"03 \"k\" 02 \"a\" 01 '1' \"a\" 01 '2'", ERROR_MALFORMED, "a member comes twice"},
    {"03 \"k\" 01 \"a\" fd", ERROR_MALFORMED, "not a number"},
    {"03 \"k\" 01 \"a\" 01 'x'", ERROR_MALFORMED, "not a number"},
    {"05 \"k\" 01 \"a\" 00 00 00 00 00 00 f8 7f", ERROR_MALFORMED, "not a number"},
    {"10 \"k\" L\"a|1|a|2\"", ERROR_MALFORMED, "comes twice"},
    {"10 \"k\" L\"a|1|b\"", ERROR_MALFORMED, "a field has no value"},
    {"10 \"k\" L\"5|1|5|1\"", ERROR_MALFORMED, "comes twice"},
    {"09 \"k\" M\"a|1|a|2\"", ERROR_MALFORMED, "comes twice"},
    {"0d \"k\" Z\"a|1|b|1|x|5|b|7\"", ERROR_MALFORMED, "comes twice"},
    {"0d \"k\" Z\"a|x*70|a|7\"", ERROR_MALFORMED, "comes twice"},
    {"11 \"k\" L\"a|1|b\"", ERROR_MALFORMED, "a member has no score"},
    {"11 \"k\" L\"a|1|b|x\"", ERROR_MALFORMED, "a score is no number"},
    {"11 \"k\" L\"a|2|b|1\"", ERROR_MALFORMED, "order of scores"},
    {"11 \"k\" L\"b|1|a|1\"", ERROR_MALFORMED, "order of scores"},
    {"11 \"k\" L\"2|1|10|1\"", ERROR_MALFORMED, "order of scores"},
    {"11 \"k\" L\"a|1|a|2\"", ERROR_MALFORMED, "comes twice"},
    {"0b \"k\" I\"1|1\"", ERROR_MALFORMED, "do not ascend"},
    {"0b \"k\" \"1234\"", ERROR_MALFORMED, "an intset"},
    {"0b \"k\" 09 02 00 00 00 01 00 00 00 01", ERROR_MALFORMED, "an intset"},
    {"0b \"k\" 0a 03 00 00 00 01 00 00 00 01 00", ERROR_MALFORMED, "an intset"},
    {"12 \"k\" 01 03", ERROR_MALFORMED, "a list's node"},
    {"12 \"k\" 01 02 \"x\"", ERROR_MALFORMED, "a listpack is too short"},
    {"0e \"k\" 01 \"x\"", ERROR_MALFORMED, "a ziplist is too short"},
    {"0a \"k\" \"x\"", ERROR_MALFORMED, "a ziplist is too short"},
};

Test(rdb, refuses_and_says_what) {
    struct buffer file = {0};
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        rdb_text_file(&file, 10, refused[i].text);
        for (size_t piece = 1; piece <= file.size; piece += file.size - 1) {
            struct loaded loaded = load(buffer_bytes(&file), RDB_IMPORT, 0, piece);
            cr_expect_eq(loaded.error, refused[i].error, "%s", refused[i].text);
            cr_expect(strstr(rdb_reader_error(loaded.reader), refused[i].says) != NULL, "%s: %s",
                      refused[i].text, rdb_reader_error(loaded.reader));
            cr_expect(strncmp(rdb_reader_error(loaded.reader), "byte ", 5) == 0);
            cr_expect_eq(rdb_reader_feed(loaded.reader, BYTES("more")), refused[i].error);
            load_clear(&loaded);
        }
    }
    buffer_clear(&file);
}

static const struct {
    const char *text; /* a whole file */
    enum error error;
} whole_files[] = {
    {"'RADIS0010' ff 00 00 00 00 00 00 00 00", ERROR_MALFORMED},
    {"'REDIS001x' ff 00 00 00 00 00 00 00 00", ERROR_MALFORMED},
    {"'REDIS0011' ff 00 00 00 00 00 00 00 00", ERROR_VERSION},
    {"'REDIS0000' ff 00 00 00 00 00 00 00 00", ERROR_VERSION},
    {"'REDIS0010' ff 00 00 00 00 00 00 00 00 00", ERROR_MALFORMED},
    {"'REDIS0010' ff 00 00 00 00 00 00 00 01", ERROR_CHECKSUM},
    {"'REDIS0010' ff 00 00 00 00 00 00 00 00", ERROR_NONE},
    {"", ERROR_TRUNCATED},
};

Test(rdb, files_that_are_none) {
    struct buffer file = {0};
    for (size_t i = 0; i < COUNT_OF(whole_files); i++) {
        file.size = 0;
        rdb_text_append(&file, whole_files[i].text);
        struct loaded loaded = load(buffer_bytes(&file), RDB_IMPORT, 0, 4);
        cr_expect_eq(loaded.error, whole_files[i].error, "%s", whole_files[i].text);
        load_clear(&loaded);
    }
    buffer_clear(&file);
}

/* --- packed lists --------------------------------------------------------------------------------
 */

static const struct {
    enum rdb_packed_kind kind;
    const char *text;
    const char *complaint; /* NULL: none */
} packed_cases[] = {
    {RDB_KIND_LISTPACK, "07 00 00 00 00 00 ff", NULL},
    {RDB_KIND_LISTPACK, "06 00 00 00 00 00", "too short"},
    {RDB_KIND_LISTPACK, "08 00 00 00 00 00 ff", "another size"},
    {RDB_KIND_LISTPACK, "07 00 00 00 00 00 fe", "end mark"},
    {RDB_KIND_LISTPACK, "07 00 00 00 01 00 ff", "number of entries"},
    {RDB_KIND_LISTPACK, "09 00 00 00 01 00 05 01 ff", NULL},
    {RDB_KIND_LISTPACK, "09 00 00 00 ff ff 05 01 ff", NULL},
    {RDB_KIND_LISTPACK, "09 00 00 00 01 00 05 02 ff", "another size at its end"},
    {RDB_KIND_LISTPACK, "08 00 00 00 01 00 05 ff", "beyond the end"},
    {RDB_KIND_LISTPACK, "08 00 00 00 01 00 82 ff", "beyond the end"},
    {RDB_KIND_LISTPACK, "08 00 00 00 01 00 e0 ff", "no known form"},
    {RDB_KIND_LISTPACK, "08 00 00 00 01 00 f0 ff", "no known form"},
    {RDB_KIND_LISTPACK, "08 00 00 00 01 00 f5 ff", "no known form"},
    {RDB_KIND_LISTPACK, "0d 00 00 00 01 00 f0 ff ff ff ff 01 ff", "beyond the end"},
    {RDB_KIND_LISTPACK, "0a 00 00 00 01 00 f4 00 00 ff", "beyond the end"},
    {RDB_KIND_ZIPLIST, "0b 00 00 00 0a 00 00 00 00 00 ff", NULL},
    {RDB_KIND_ZIPLIST, "0b 00 00 00 0b 00 00 00 00 00 ff", "last entry"},
    {RDB_KIND_ZIPLIST, "0a 00 00 00 0a 00 00 00 00 00", "too short"},
    {RDB_KIND_ZIPLIST, "0c 00 00 00 0a 00 00 00 00 00 ff", "another size"},
    {RDB_KIND_ZIPLIST, "0d 00 00 00 0a 00 00 00 01 00 00 f5 ff", NULL},
    {RDB_KIND_ZIPLIST, "0d 00 00 00 0a 00 00 00 02 00 00 f5 ff", "number of entries"},
    {RDB_KIND_ZIPLIST, "0d 00 00 00 0a 00 00 00 01 00 01 f5 ff", "the one before"},
    {RDB_KIND_ZIPLIST, "11 00 00 00 0a 00 00 00 01 00 fe 00 00 00 00 f5 ff", NULL},
    {RDB_KIND_ZIPLIST, "0d 00 00 00 0a 00 00 00 01 00 fe 00 ff", "beyond the end"},
    {RDB_KIND_ZIPLIST, "0d 00 00 00 0a 00 00 00 01 00 ff 00 ff", "beyond the end"},
    {RDB_KIND_ZIPLIST, "0d 00 00 00 0a 00 00 00 01 00 00 01 ff", "no known form"},
    {RDB_KIND_ZIPLIST, "0d 00 00 00 0a 00 00 00 01 00 00 40 ff", "no known form"},
    {RDB_KIND_ZIPLIST, "0d 00 00 00 0a 00 00 00 01 00 00 80 ff", "no known form"},
    {RDB_KIND_ZIPLIST, "0d 00 00 00 0a 00 00 00 01 00 00 81 ff", "no known form"},
    {RDB_KIND_ZIPLIST, "0d 00 00 00 0a 00 00 00 01 00 00 c0 ff", "no known form"},
    {RDB_KIND_ZIPLIST, "0d 00 00 00 0a 00 00 00 01 00 00 c1 ff", "no known form"},
    {RDB_KIND_ZIPMAP, "00 ff", NULL},
    {RDB_KIND_ZIPMAP, "fe ff", NULL},
    {RDB_KIND_ZIPMAP, "ff", "too short"},
    {RDB_KIND_ZIPMAP, "01 ff", "number of entries"},
    {RDB_KIND_ZIPMAP, "01 01 'a' 01 00 'b' ff", NULL},
    {RDB_KIND_ZIPMAP, "fe 01 'a' ff", "lacks a value"},
    {RDB_KIND_ZIPMAP, "01 02 'a' ff", "beyond the end"},
    {RDB_KIND_ZIPMAP, "01 fe 01 00 ff", "beyond the end"},
    {RDB_KIND_ZIPMAP, "01 01 'a' 01 ff", "beyond the end"},
    {RDB_KIND_ZIPMAP, "01 01 'a' 01 02 'b' 'c' ff", "beyond the end"},
    {RDB_KIND_ZIPMAP, "01 ff 'a' ff", "too early"},
};

Test(rdb, packed_lists_are_validated) {
    struct buffer text = {0};
    for (size_t i = 0; i < COUNT_OF(packed_cases); i++) {
        text.size = 0;
        rdb_text_append(&text, packed_cases[i].text);
        char *copy = memory_allocate(text.size);
        memcpy(copy, text.data, text.size);
        struct rdb_packed list;
        struct packed_value value;
        const char *complaint =
            rdb_packed_open(&list, packed_cases[i].kind, bytes_of(copy, text.size));
        while (complaint == NULL && rdb_packed_next(&list, &value, &complaint))
            continue;
        if (packed_cases[i].complaint == NULL)
            cr_expect_eq(complaint, NULL, "%s: %s", packed_cases[i].text, complaint);
        else
            cr_expect(complaint != NULL && strstr(complaint, packed_cases[i].complaint) != NULL,
                      "%s: %s", packed_cases[i].text, complaint == NULL ? "good" : complaint);
        memory_release(copy);
    }
    buffer_clear(&text);
}

/* --- our own files -------------------------------------------------------------------------------
 */

/* Storages, and what commands need besides. */
struct box {
    struct storages *storages;
    struct command_registry *registry;
    struct buffer reply;
};

static struct box box_create(uint64_t hash_seed) {
    struct box box = {storages_create(hash_seed), command_registry_create(), {0}};
    storages_register(box.registry);
    return box;
}

static void box_clear(struct box *box) {
    storages_destroy(box->storages);
    command_registry_destroy(box->registry);
    buffer_clear(&box->reply);
}

/* Runs words between single blanks; "~N" stands for N letters. The reply, with what subscribers
 * get, is in box->reply. */
static void box_run(struct box *box, uint8_t db, uint64_t client, uint64_t seed, const char *line) {
    enum { WORDS_MAX = 700 };
    static struct buffer texts[WORDS_MAX];
    static struct bytes args[WORDS_MAX];
    uint32_t count = 0;
    for (const char *at = line; *at != 0; count++) {
        cr_assert_lt(count, WORDS_MAX);
        size_t size = strcspn(at, " ");
        texts[count].size = 0;
        if (*at == '~') {
            size_t letters = (size_t)atoi(at + 1);
            memset(buffer_reserve(&texts[count], letters), 'a' + (int)(letters % 26), letters);
            texts[count].size = letters;
        } else {
            buffer_append(&texts[count], at, size);
        }
        args[count] = buffer_bytes(&texts[count]);
        at += size + (at[size] == ' ');
    }
    box->reply.size = 0;
    struct reply reply = {.out = &box->reply, .protocol = 3};
    const struct command *command = command_resolve(box->registry, args, count, &reply);
    cr_assert_neq(command, NULL, "%s", line);
    struct command_call call = {
        .command = command,
        .storages = box->storages,
        .args = args,
        .count = count,
        .db = db,
        .reply = &reply,
        .now_ms = storages_now_ms(box->storages),
        .seed = seed,
        .origin = 1 + client / 10,
        .client = client % 10,
        .registry = box->registry,
    };
    storages_run(&call);
    struct emitter_delivery delivery;
    while (emitter_next_delivery(storages_emitter(box->storages), &delivery)) {
        buffer_append_format(&box->reply, "%llu.%llu ", (unsigned long long)delivery.origin,
                             (unsigned long long)delivery.client);
        emitter_reply_delivery(&reply, &delivery);
    }
}

/* What a random line is made of: k a key, n a number, s a short text, t a text of any size, f a
 * score, e a deadline in the next seconds. */
static const char *const line_shapes[] = {
    "set k t",        "set k n",       "append k n",       "setrange k n s", "incrbyfloat k 1.5",
    "getset k t",     "rpush k s n t", "lpush k n n s",    "lpop k",         "linsert k before n t",
    "lset k 0 t",     "sadd k n n n",  "sadd k n s t",     "srem k n s",     "spop k",
    "hset k s n n t", "hset k n n",    "hdel k n s",       "zadd k f s f n", "zadd k f t",
    "zrem k s",       "zpopmin k",     "pexpire k e",      "set k s px e",   "persist k",
    "del k",          "rename k k",    "copy k k replace", "move k n",       "subscribe s n",
    "psubscribe s n", "unsubscribe s", "punsubscribe",
};

static void random_word(struct random *random, char shape, struct buffer *line) {
    static const char *const scores[] = {"inf", "-inf", "-0", "0.1", "1e300", "5e-324", "7"};
    uint64_t number = random_below(random, 200);
    switch (shape) {
    case 'k':
        buffer_append_format(line, "k%llu", (unsigned long long)number);
        break;
    case 'n':
        buffer_append_format(line, "%lld", (long long)number - 5);
        break;
    case 's':
        buffer_append_format(line, "s%llu", (unsigned long long)number);
        break;
    case 't':
        buffer_append_format(
            line, "~%llu", (unsigned long long)(1 + random_below(random, number < 8 ? 90000 : 90)));
        break;
    case 'f':
        if (number < COUNT_OF(scores))
            buffer_append_format(line, "%s", scores[number]);
        else
            buffer_append_format(line, "%g", (double)number / 3);
        break;
    default:
        buffer_append_format(line, "%llu", (unsigned long long)(1 + number * 50));
        break;
    }
}

/* A line of this shape, its one-letter words replaced. */
static const char *random_line(struct random *random, const char *shape, struct buffer *line) {
    line->size = 0;
    for (const char *at = shape; *at != 0;) {
        size_t size = strcspn(at, " ");
        if (size == 1 && strchr("knstfe", *at) != NULL)
            random_word(random, *at, line);
        else
            buffer_append(line, at, size);
        at += size + (at[size] == ' ');
        buffer_append_byte(line, *at == 0 ? 0 : ' ');
    }
    return line->data;
}

static void fill_randomly(struct box *box, struct random *random, unsigned lines) {
    struct buffer line = {0};
    box_run(box, 0, 0, 0,
            "raft set hash-max-listpack-entries 6 zset-max-listpack-entries 6 "
            "set-max-intset-entries 6 list-max-listpack-size -1");
    for (unsigned i = 0; i < lines; i++) {
        const char *shape = line_shapes[random_below(random, COUNT_OF(line_shapes))];
        uint8_t db = (uint8_t)(random_below(random, 4) * 5);
        box_run(box, db, random_below(random, 30), random_next(random),
                random_line(random, shape, &line));
        if (random_below(random, 20) > 0) continue;
        storages_set_now(box->storages, storages_now_ms(box->storages) + 100);
        if (random_below(random, 2) == 0) storages_expire(box->storages, 5);
    }
    buffer_clear(&line);
}

/* In pieces of about this size. */
static void save(const struct storages *storages, bool compress, size_t piece,
                 struct buffer *file) {
    struct rdb_pair pairs[] = {{BYTES("raft-index"), BYTES("18446744073709551615")},
                               {BYTES("raft-members"), {file->data, 0}}};
    char *members = memory_allocate(200000); /* longer than what is copied at once */
    memset(members, 'm', 200000);
    pairs[1].value = bytes_of(members, 200000);
    struct rdb_writer *writer =
        rdb_writer_create(storages, &(struct rdb_write_options){.redis_version = BYTES("7.0.15"),
                                                                .created_s = 1700000000,
                                                                .used_memory = 1 << 20,
                                                                .compress = compress,
                                                                .pairs = pairs,
                                                                .pair_count = COUNT_OF(pairs)});
    file->size = 0;
    for (bool last = false; !last;) {
        size_t before = file->size;
        last = rdb_writer_next(writer, file, piece);
        cr_assert_gt(file->size, before);
        cr_assert_leq(file->size - before, piece + 200 * 1024);
        cr_assert_eq(rdb_writer_bytes(writer), file->size);
    }
    rdb_writer_destroy(writer);
    memory_release(members);
}

static void check_pairs(const struct rdb_reader *reader) {
    struct bytes value;
    cr_assert(rdb_reader_head_is_read(reader));
    cr_assert(rdb_reader_find_pair(reader, BYTES("raft-index"), &value));
    cr_assert(bytes_equal(value, BYTES("18446744073709551615")));
    cr_assert(rdb_reader_find_pair(reader, BYTES("raft-members"), &value));
    cr_assert_eq(value.size, 200000);
    cr_assert(rdb_reader_find_pair(reader, BYTES("redis-ver"), &value));
    cr_assert(bytes_equal(value, BYTES("7.0.15")));
    cr_assert(!rdb_reader_find_pair(reader, BYTES("hamok-format"), &value));
}

/* A reader of pieces whose size is drawn anew each time. */
static struct box load_our_file(struct bytes file, struct random *random) {
    struct box box = box_create(random_next(random));
    struct rdb_reader *reader = rdb_reader_create(
        &(struct rdb_read_options){.storages = box.storages, .mode = RDB_LITERAL});
    for (size_t at = 0; at < file.size;) {
        struct bytes piece = bytes_slice(file, at, 1 + random_below(random, 20000));
        enum error error = rdb_reader_feed(reader, piece);
        cr_assert_eq(error, ERROR_NONE, "%s", rdb_reader_error(reader));
        at += piece.size;
    }
    cr_assert_eq(rdb_reader_end(reader), ERROR_NONE);
    check_pairs(reader);
    rdb_reader_destroy(reader);
    storages_check(box.storages);
    return box;
}

static void expect_equal(const struct box *a, const struct box *b) {
    cr_assert_eq(storages_digest(a->storages), storages_digest(b->storages));
    cr_assert_eq(storages_rolling_digest(a->storages), storages_rolling_digest(b->storages));
    cr_assert_eq(storages_now_ms(a->storages), storages_now_ms(b->storages));
}

Test(rdb, our_own_file_gives_back_everything) {
    struct random random;
    struct buffer file = {0}, again = {0};
    for (unsigned seed = 1; seed <= 12; seed++) {
        random_init(&random, seed);
        struct box box = box_create(seed);
        fill_randomly(&box, &random, seed * 200);
        save(box.storages, seed % 2 == 0, 1 + random_below(&random, 100000), &file);
        struct box copy = load_our_file(buffer_bytes(&file), &random);
        expect_equal(&box, &copy);
        save(copy.storages, seed % 2 == 0, 1000, &again);
        cr_assert(bytes_equal(buffer_bytes(&file), buffer_bytes(&again)));
        box_clear(&box);
        box_clear(&copy);
    }
    buffer_clear(&file);
    buffer_clear(&again);
}

/* SAFETY 24: what depends on positions, seeds and deadlines goes on alike. */
Test(rdb, a_copy_goes_on_like_the_original) {
    static const char *const shapes[] = {
        "spop k",     "randomkey", "scan n count 5", "sscan k 0", "hscan k n", "srandmember k",
        "sadd k n s", "del k",     "publish s t",    "zscan k n", "zpopmax k", "lpop k"};
    enum { ROUNDS = 10000 };
    struct random random;
    struct buffer file = {0}, line = {0};
    random_init(&random, 99);
    struct box box = box_create(1);
    fill_randomly(&box, &random, 4000);
    save(box.storages, true, 5000, &file);
    struct box copy = load_our_file(buffer_bytes(&file), &random);
    for (unsigned i = 0; i < ROUNDS; i++) {
        const char *shape = shapes[random_below(&random, i % 4 == 0 ? COUNT_OF(shapes) : 3)];
        uint8_t db = (uint8_t)(random_below(&random, 4) * 5);
        uint64_t seed = random_next(&random), client = random_below(&random, 30);
        random_line(&random, shape, &line);
        box_run(&box, db, client, seed, line.data);
        box_run(&copy, db, client, seed, line.data);
        cr_assert(bytes_equal(buffer_bytes(&box.reply), buffer_bytes(&copy.reply)), "%s",
                  line.data);
        if (i % 10 > 0) continue;
        struct storages *both[] = {box.storages, copy.storages};
        for (unsigned k = 0; k < 2; k++) {
            storages_set_now(both[k], storages_now_ms(both[k]) + 20);
            storages_expire(both[k], 1);
        }
        cr_assert_eq(storages_rolling_digest(both[0]), storages_rolling_digest(both[1]));
    }
    expect_equal(&box, &copy);
    box_clear(&box);
    box_clear(&copy);
    buffer_clear(&file);
    buffer_clear(&line);
}

/* Values beyond every piece: packed lists, integers and strings that are written bit by bit. */
Test(rdb, large_values) {
    struct random random;
    struct buffer file = {0}, line = {0};
    random_init(&random, 5);
    struct box box = box_create(1);
    box_run(&box, 0, 0, 0,
            "raft set hash-max-listpack-entries 100000 hash-max-listpack-value 100000 "
            "zset-max-listpack-entries 100000 zset-max-listpack-value 100000 "
            "set-max-intset-entries 100000 list-max-listpack-size -5");
    for (unsigned i = 0; i < 400; i++) {
        line.size = 0;
        buffer_append_format(&line, "hset h f%u ~%u%c", i, 1 + i * 7 % 900, 0);
        box_run(&box, 0, 0, 0, line.data);
        line.size = 0;
        buffer_append_format(&line, "zadd z %g ~%u%c", (double)(i % 7) / 3, 300 + i, 0);
        box_run(&box, 0, 0, 0, line.data);
        line.size = 0;
        buffer_append_format(&line, "rpush l ~%u %u%c", 1 + i * i, i, 0);
        box_run(&box, 0, 0, 0, line.data);
    }
    for (unsigned i = 0; i < 40000; i += 500) {
        line.size = 0;
        buffer_append_format(&line, "sadd s");
        for (unsigned k = i; k < i + 500; k++)
            buffer_append_format(&line, " %u", k * 3);
        buffer_append_byte(&line, 0);
        box_run(&box, 0, 0, 0, line.data);
    }
    box_run(&box, 0, 0, 0, "set v ~9000000");
    box_run(&box, 0, 0, 0, "hset table ~200000 ~300000");
    box_run(&box, 0, 0, 0, "zadd large 1 ~200000");
    box_run(&box, 0, 0, 0, "set ~200000 1");
    for (unsigned compress = 0; compress < 2; compress++) {
        save(box.storages, compress == 1, 10000, &file);
        struct box copy = load_our_file(buffer_bytes(&file), &random);
        expect_equal(&box, &copy);
        box_clear(&copy);
    }
    box_clear(&box);
    buffer_clear(&file);
    buffer_clear(&line);
}

/* Of 2000 records, 200 bytes each: those whose number leaves less than `noise` on division by 10
 * can't be compressed, the others to a few bytes. */
static size_t size_with_noise(unsigned noise, bool ordered) {
    struct box box = box_create(5);
    struct random random;
    random_init(&random, 17);
    struct buffer line = {0}, file = {0};
    for (unsigned i = 0; i < 2000; i++) {
        bool is_noise = ordered ? i < noise * 200 : i % 10 < noise;
        line.size = 0;
        buffer_append_format(&line, "set k%u ", i);
        for (unsigned k = 0; k < 200; k++)
            buffer_append_byte(&line, is_noise ? (char)('!' + random_below(&random, 90)) : 'x');
        buffer_append_byte(&line, 0);
        box_run(&box, 0, 0, 0, line.data);
    }
    save(box.storages, true, 10000, &file);
    size_t size = file.size;
    buffer_clear(&line);
    buffer_clear(&file);
    box_clear(&box);
    return size;
}

/* Trying less where it was in vain costs little of what compression saves elsewhere. */
Test(rdb, compresses_what_is_worth_it) {
    static const struct {
        unsigned noise;
        bool ordered;
    } cases[] = {{0, false}, {1, false}, {5, false}, {8, false}, {5, true}, {9, true}, {10, true}};
    size_t least = size_with_noise(0, false);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t noise_bytes = (size_t)cases[i].noise * 200 * 200;
        size_t size = size_with_noise(cases[i].noise, cases[i].ordered);
        cr_expect_leq(size, least + noise_bytes + 20000, "%u of 10, %d: %zu, least %zu",
                      cases[i].noise, cases[i].ordered, size, least);
    }
}

/* A file of ours with every kind of value, subscriptions and forms, in few bytes. */
static void save_small(struct buffer *file) {
    static const char *const lines[] = {
        "set k 1",
        "append r 7",
        "setrange x 0 y",
        "set l ~30",
        "rpush q 1 a",
        "sadd i 1 2",
        "sadd s a",
        "hset h a 1",
        "zadd z 1.5 a",
        "subscribe c d",
        "psubscribe p",
        "set e 1 px 500",
        "raft set zset-max-listpack-entries 0 hash-max-listpack-entries 0",
        "hset H a 1",
        "zadd Z 1 a",
    };
    struct box box = box_create(3);
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        box_run(&box, i % 2 == 0 ? 0 : 4, 11, i, lines[i]);
    struct rdb_writer *writer = rdb_writer_create(
        box.storages,
        &(struct rdb_write_options){.redis_version = BYTES("7.0.15"), .compress = true});
    file->size = 0;
    while (!rdb_writer_next(writer, file, 1))
        continue;
    cr_assert_eq(rdb_writer_keys(writer), 12);
    rdb_writer_destroy(writer);
    box_clear(&box);
}

/* Every bit of the file counts: with a checksum that fits, the digest or the form tells. */
Test(rdb, no_changed_bit_goes_unnoticed) {
    struct buffer file = {0};
    save_small(&file);
    struct loaded good = load(buffer_bytes(&file), RDB_LITERAL, 0, file.size);
    cr_assert_eq(good.error, ERROR_NONE, "%s", rdb_reader_error(good.reader));
    uint64_t digest = storages_digest(good.storages);
    load_clear(&good);
    for (size_t bit = 0; bit < (file.size - 8) * 8; bit++) {
        file.data[bit / 8] ^= (char)(1 << bit % 8);
        struct loaded loaded = load(buffer_bytes(&file), RDB_LITERAL, 0, file.size);
        cr_assert_neq(loaded.error, ERROR_NONE, "bit %zu", bit);
        load_clear(&loaded);
        rdb_text_sum(&file);
        loaded = load(buffer_bytes(&file), RDB_LITERAL, 0, file.size);
        /* Redis's AUX fields and the rolling digest stand outside of the full digest. */
        if (loaded.error == ERROR_NONE)
            cr_assert_eq(storages_digest(loaded.storages), digest, "bit %zu", bit);
        load_clear(&loaded);
        loaded = load(buffer_bytes(&file), RDB_IMPORT, 0, file.size);
        load_clear(&loaded);
        file.data[bit / 8] ^= (char)(1 << bit % 8);
        rdb_text_sum(&file);
    }
    buffer_clear(&file);
}

static const struct {
    const char *text; /* a body */
    enum error error;
    const char *says;
} not_ours[] = {
    {"", ERROR_FOREIGN, "not written by Hamok"},
    {"fe 00", ERROR_FOREIGN, "not written by Hamok"},
    {"fa \"hamok-format\" \"2\"", ERROR_VERSION, "newer version"},
    {"fa \"hamok-format\" \"1\"", ERROR_FOREIGN, "not written by Hamok"},
    {"fa \"hamok-format\" \"1\" fa \"hamok-future\" \"1\"", ERROR_VERSION, "hamok-future"},
    {"fa \"hamok-format\" \"1\" fa \"hamok-setting-future\" \"1\"", ERROR_MALFORMED, "AUX"},
    {"fa \"hamok-format\" \"1\" fa \"hamok-setting-databases\" \"17\"", ERROR_MALFORMED, "AUX"},
    {"fa \"hamok-format\" \"1\" fa \"hamok-setting-databases\" \"x\"", ERROR_MALFORMED, "AUX"},
    {"fa \"hamok-format\" \"1\" fa \"hamok-time-ms\" \"-1\"", ERROR_MALFORMED, "AUX"},
    {"fa \"hamok-format\" \"1\" fa \"hamok-digest\" \"0123\"", ERROR_MALFORMED, "AUX"},
    {"fa \"hamok-format\" \"1\" fa \"hamok-rolling-digest\" \"g123456789abcdef\"", ERROR_MALFORMED,
     "AUX"},
    {"fa \"hamok-format\" \"1\" fa \"hamok-forms\" \"R1\"", ERROR_MALFORMED, "AUX"},
    {"fa \"hamok-format\" \"1\" fa \"hamok-forms\" \"X1 \"", ERROR_MALFORMED, "AUX"},
    {"fa \"hamok-format\" \"1\" fa \"hamok-forms\" 08 'R1 R1024 '", ERROR_MALFORMED, "AUX"},
    {"fa \"hamok-format\" \"1\" fa \"hamok-forms\" 06 'R1 R1 '", ERROR_MALFORMED, "AUX"},
    {"fa \"hamok-format\" \"1\" fa \"hamok-emitter\" \"X\"", ERROR_MALFORMED, "AUX"},
    {"fa \"hamok-format\" \"1\" fe 00 fa \"hamok-time-ms\" \"1\"", ERROR_MALFORMED, "AUX"},
    {"fa \"hamok-format\" \"1\" fe 00 00 \"k\" \"v\"", ERROR_MALFORMED, "no file of ours"},
    {"fa \"hamok-format\" \"1\" fe 00 fb 01 00 01 \"k\" 01 \"v\"", ERROR_MALFORMED,
     "no file of ours"},
    {"fa \"hamok-format\" \"1\" fe 00 fb 01 00 04 \"k\" 00", ERROR_MALFORMED, "no file of ours"},
    {"fa \"hamok-format\" \"1\" fe 00 fb 01 00 fe 00", ERROR_DAMAGED, "another number of keys"},
    {"fa \"hamok-format\" \"1\" fe 01 fb 00 00 fe 00", ERROR_MALFORMED, "comes twice"},
    {"fa \"hamok-format\" \"1\" fe 00 fb 00 00 fb 00 00", ERROR_MALFORMED, "comes twice"},
    {"fa \"hamok-format\" \"1\" fa \"hamok-digest\" \"0123456789abcdef\"", ERROR_DAMAGED,
     "the data's digest"},
    {"fa \"hamok-format\" \"1\" fa \"hamok-emitter\" 07 'T' 00 01 00 00 00 'c' fa \"hamok-digest\" "
     "\"0123456789abcdef\"",
     ERROR_DAMAGED, "subscriptions"},
};

Test(rdb, files_that_are_not_ours) {
    struct buffer file = {0};
    for (size_t i = 0; i < COUNT_OF(not_ours); i++) {
        rdb_text_file(&file, 10, not_ours[i].text);
        struct loaded loaded = load(buffer_bytes(&file), RDB_LITERAL, 0, 5);
        cr_expect_eq(loaded.error, not_ours[i].error, "%s", not_ours[i].text);
        cr_expect(strstr(rdb_reader_error(loaded.reader), not_ours[i].says) != NULL, "%s: %s",
                  not_ours[i].text, rdb_reader_error(loaded.reader));
        load_clear(&loaded);
    }
    buffer_clear(&file);
}

/* Our file is Redis's too: imported, its expired keys are left out. */
Test(rdb, our_own_file_can_be_imported) {
    struct buffer file = {0};
    save_small(&file);
    struct loaded loaded = load_begin(RDB_IMPORT);
    cr_assert_eq(rdb_reader_feed(loaded.reader, buffer_bytes(&file)), ERROR_NONE);
    cr_assert_eq(rdb_reader_end(loaded.reader), ERROR_NONE);
    cr_expect_eq(rdb_reader_statistics(loaded.reader).keys, 11);
    cr_expect_eq(rdb_reader_statistics(loaded.reader).keys_expired, 1);
    cr_expect_eq(storages_now_ms(loaded.storages), now_ms);
    load_clear(&loaded);
    buffer_clear(&file);
}

/* More keys than one AUX field of forms speaks of, more subscriptions than one of the emitter's. */
Test(rdb, many_forms_and_subscriptions) {
    struct random random;
    struct buffer file = {0}, line = {0};
    random_init(&random, 6);
    struct box box = box_create(1);
    for (unsigned i = 0; i < 5000; i++) {
        line.size = 0;
        /* Raw text that looks like an integer, here and there; none among some thousand keys. */
        bool raw = i % 700 == 0 || i % 1024 == 1023 || (i > 3000 && i < 3100);
        buffer_append_format(&line, "%s k%u %u%c", raw && i / 1024 != 1 ? "append" : "set", i, i,
                             0);
        box_run(&box, 0, 0, 0, line.data);
        line.size = 0;
        buffer_append_format(&line, "%s channel%u%c", i % 3 == 0 ? "psubscribe" : "subscribe",
                             i * 7 % 900, 0);
        box_run(&box, 0, i % 50, 0, line.data);
    }
    save(box.storages, true, 3000, &file);
    struct box copy = load_our_file(buffer_bytes(&file), &random);
    expect_equal(&box, &copy);
    box_clear(&box);
    box_clear(&copy);
    buffer_clear(&file);
    buffer_clear(&line);
}
