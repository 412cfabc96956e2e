/* Keys: the commands that do not care for a key's type, expiry, and what stays equal on every node.
 * The answers were compared with redis-server 7.0.15's, where they do not depend on time or order.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "tests/unit/storages_fixture.h"

/* A connection may have selected it before. */
Test(keys, a_database_that_was_taken_away_stays_empty) {
    static const struct fixture_case cases[] = {
        {"%db 9", NULL},
        {"SET a 1", "+OK"},
        {"RAFT SET databases 9", "-ERR a database above that number holds keys"},
        {"DEL a", ":1"},
        {"RAFT SET databases 9", "+OK"},
        {"SET a 1", "-ERR DB index is out of range"},
        {"GET a", "-ERR DB index is out of range"},
        {"LPUSH a 1", "-ERR DB index is out of range"},
        {"ZUNIONSTORE a 1 b", "-ERR DB index is out of range"},
        {"DBSIZE", ":0"},
        {"%group", NULL},
        {"SADD a 1", "-ERR DB index is out of range"},
        {"%end", NULL},
        {"%db 8", NULL},
        {"SET a 1", "+OK"},
        {"%db 9", NULL},
        {"RAFT SET databases 16", "+OK"},
        {"SET a 1", "+OK"},
    };
    RUN_CASES(cases);
}

Test(keys, deleting_and_counting) {
    static const struct fixture_case cases[] = {
        {"SET a 1", "+OK"},
        {"SET b 2", "+OK"},
        {"EXISTS a b c a", ":3"},
        {"EXISTS", "-ERR wrong number of arguments for 'exists' command"},
        {"DEL a c a", ":1"},
        {"EXISTS a", ":0"},
        {"UNLINK b b", ":1"},
        {"DEL", "-ERR wrong number of arguments for 'del' command"},
        {"DBSIZE", ":0"},
        {"SET a 1", "+OK"},
        {"RPUSH l x y", ":2"},
        {"DBSIZE", ":2"},
        {"TYPE a", "+string"},
        {"TYPE l", "+list"},
        {"TYPE nokey", "+none"},
        {"TOUCH a l nokey a", ":3"},
        {"RANDOMKEY", NULL},
        {"FLUSHDB foo", "-ERR syntax error"},
        {"FLUSHDB SYNC ASYNC", "-ERR syntax error"},
        {"FLUSHDB async", "+OK"},
        {"DBSIZE", ":0"},
        {"RANDOMKEY", "nil"},
        {"SET a 1", "+OK"},
        {"%db 1", NULL},
        {"SET b 1", "+OK"},
        {"DBSIZE", ":1"},
        {"FLUSHDB", "+OK"},
        {"DBSIZE", ":0"},
        {"%db 0", NULL},
        {"DBSIZE", ":1"},
        {"FLUSHALL SYNC", "+OK"},
        {"DBSIZE", ":0"},
        {"FLUSHALL x", "-ERR syntax error"},
    };
    RUN_CASES(cases);
}

Test(keys, renaming) {
    static const struct fixture_case cases[] = {
        {"RENAME a b", "-ERR no such key"},
        {"SET a 1", "+OK"},
        {"RENAME a a", "+OK"},
        {"RENAMENX a a", ":0"},
        {"RENAME a b", "+OK"},
        {"GET a", "nil"},
        {"GET b", "\"1\""},
        {"SET c 3", "+OK"},
        {"RENAMENX b c", ":0"},
        {"RENAMENX b d", ":1"},
        {"GET d", "\"1\""},
        {"RENAMENX nokey d", "-ERR no such key"},
        {"RENAME d c", "+OK"},
        {"GET c", "\"1\""},
        {"EXPIRE c 100", ":1"},
        {"RENAME c e", "+OK"},
        {"TTL e", ":100"},
        {"SET f 1", "+OK"},
        {"RENAME f e", "+OK"},
        {"TTL e", ":-1"},
        {"RPUSH l a b", ":2"},
        {"SET s 1", "+OK"},
        {"RENAME l s", "+OK"},
        {"TYPE s", "+list"},
        {"LRANGE s 0 -1", "[\"a\", \"b\"]"},
        {"RENAME s l", "+OK"},
        {"RENAME e l", "+OK"},
        {"GET l", "\"1\""},
        {"SET long 123456789012345678901234567890123456789012345678901234567890", "+OK"},
        {"APPEND long x", ":61"},
        {"RENAME long longer", "+OK"},
        {"OBJECT ENCODING longer", "\"raw\""},
        {"STRLEN longer", ":61"},
    };
    RUN_CASES(cases);
}

Test(keys, deadlines) {
    static const struct fixture_case cases[] = {
        {"EXPIRE a 100", ":0"},
        {"SET a 1", "+OK"},
        {"TTL a", ":-1"},
        {"PTTL a", ":-1"},
        {"EXPIRE a 100", ":1"},
        {"TTL a", ":100"},
        {"EXPIRE a x", "-ERR value is not an integer or out of range"},
        {"EXPIRE a 9223372036854775807", "-ERR invalid expire time in 'expire' command"},
        {"EXPIRE a 9223372036854775", "-ERR invalid expire time in 'expire' command"},
        {"EXPIRE a -9223372036854775808", "-ERR invalid expire time in 'expire' command"},
        {"PEXPIRE a 9223372036854775807", "-ERR invalid expire time in 'pexpire' command"},
        {"EXPIREAT a 9223372036854775807", "-ERR invalid expire time in 'expireat' command"},
        {"PEXPIREAT a 9223372036854775807", ":1"},
        {"PEXPIRETIME a", ":9223372036854775807"},
        {"EXPIRETIME a", ":9223372036854776"},
        {"TTL a", ":9223372036854775"},
        {"PERSIST a", ":1"},
        {"PERSIST a", ":0"},
        {"PERSIST nokey", ":0"},
        {"TTL a", ":-1"},
        {"TTL nokey", ":-2"},
        {"PTTL nokey", ":-2"},
        {"EXPIRETIME nokey", ":-2"},
        {"PEXPIRETIME nokey", ":-2"},
        {"EXPIRETIME a", ":-1"},
        {"EXPIRE a 100 NX", ":1"},
        {"EXPIRE a 200 NX", ":0"},
        {"EXPIRE a 50 GT", ":0"},
        {"EXPIRE a 150 GT", ":1"},
        {"TTL a", ":150"},
        {"EXPIRE a 200 LT", ":0"},
        {"EXPIRE a 120 lt", ":1"},
        {"TTL a", ":120"},
        {"PERSIST a", ":1"},
        {"EXPIRE a 100 XX", ":0"},
        {"EXPIRE a 100 GT", ":0"},
        {"EXPIRE a 100 LT", ":1"},
        {"EXPIRE a 100 XX GT", ":0"},
        {"EXPIRE a 130 XX GT", ":1"},
        {"TTL a", ":130"},
        {"EXPIRE a 100 NX XX",
         "-ERR NX and XX, GT or LT options at the same time are not compatible"},
        {"EXPIRE a 100 NX GT",
         "-ERR NX and XX, GT or LT options at the same time are not compatible"},
        {"EXPIRE a 100 NX LT",
         "-ERR NX and XX, GT or LT options at the same time are not compatible"},
        {"EXPIRE a 100 GT LT", "-ERR GT and LT options at the same time are not compatible"},
        {"EXPIRE a 100 NX NX", ":0"},
        {"EXPIRE a 100 FOO", "-ERR Unsupported option FOO"},
        {"EXPIRE a x FOO", "-ERR Unsupported option FOO"},
        {"EXPIRE a x NX", "-ERR value is not an integer or out of range"},
        {"EXPIRE a", "-ERR wrong number of arguments for 'expire' command"},
        {"EXPIREAT a 99999999999", ":1"},
        {"EXPIRETIME a", ":99999999999"},
        {"PEXPIRETIME a", ":99999999999000"},
        {"PEXPIREAT a 99999999999499", ":1"},
        {"EXPIRETIME a", ":99999999999"},
        {"PEXPIREAT a 99999999999500", ":1"},
        {"EXPIRETIME a", ":100000000000"},
        {"EXPIRE a 0", ":1"},
        {"EXISTS a", ":0"},
        {"SET a 1", "+OK"},
        {"EXPIRE a -1", ":1"},
        {"EXISTS a", ":0"},
        {"SET a 1", "+OK"},
        {"PEXPIREAT a 1", ":1"},
        {"GET a", "nil"},
        {"SET a 1", "+OK"},
        {"EXPIREAT a 1 GT", ":0"},
        {"GET a", "\"1\""},
        {"EXPIREAT a 1 LT", ":1"},
        {"GET a", "nil"},
    };
    RUN_CASES(cases);
}

Test(keys, copying_and_moving) {
    static const struct fixture_case cases[] = {
        {"SET a 1", "+OK"},
        {"COPY a b", ":1"},
        {"GET b", "\"1\""},
        {"COPY a b", ":0"},
        {"SET a 2", "+OK"},
        {"COPY a b REPLACE", ":1"},
        {"GET b", "\"2\""},
        {"COPY a a", "-ERR source and destination objects are the same"},
        {"COPY nokey x", ":0"},
        {"COPY a b FOO", "-ERR syntax error"},
        {"COPY a b DB", "-ERR syntax error"},
        {"COPY a b DB x", "-ERR value is not an integer or out of range"},
        {"COPY a b DB 16", "-ERR DB index is out of range"},
        {"COPY a b DB -1", "-ERR DB index is out of range"},
        {"COPY a b DB 99999999999",
         "-ERR value is out of range, value must between -2147483648 and 2147483647"},
        {"COPY a a DB 1", ":1"},
        {"COPY a a DB 1", ":0"},
        {"COPY a a DB 1 REPLACE", ":1"},
        {"COPY a a DB 0", "-ERR source and destination objects are the same"},
        {"EXPIRE a 100", ":1"},
        {"COPY a c", ":1"},
        {"TTL c", ":100"},
        {"RPUSH l a b c", ":3"},
        {"COPY l m", ":1"},
        {"RPUSH m d", ":4"},
        {"LRANGE l 0 -1", "[\"a\", \"b\", \"c\"]"},
        {"LRANGE m 0 -1", "[\"a\", \"b\", \"c\", \"d\"]"},
        {"COPY l b REPLACE", ":1"},
        {"LRANGE b 0 -1", "[\"a\", \"b\", \"c\"]"},
        {"SET long 123456789012345678901234567890123456789012345678901234567890", "+OK"},
        {"APPEND long x", ":61"},
        {"COPY long l2", ":1"},
        {"OBJECT ENCODING l2", "\"raw\""},
        {"STRLEN l2", ":61"},
        {"MOVE a 0", "-ERR source and destination objects are the same"},
        {"MOVE a 1", ":0"},
        {"MOVE a 2", ":1"},
        {"EXISTS a", ":0"},
        {"MOVE nokey 1", ":0"},
        {"MOVE a x", "-ERR value is not an integer or out of range"},
        {"MOVE a 16", "-ERR DB index is out of range"},
        {"MOVE a -1", "-ERR DB index is out of range"},
        {"MOVE l 1", ":1"},
        {"%db 2", NULL},
        {"TTL a", ":100"},
        {"GET a", "\"2\""},
        {"%db 1", NULL},
        {"LRANGE l 0 -1", "[\"a\", \"b\", \"c\"]"},
        {"GET a", "\"2\""},
        {"SWAPDB 0 1", "+OK"},
        {"GET c", "\"2\""},
        {"GET a", "nil"},
        {"SWAPDB 0 0", "+OK"},
        {"SWAPDB x 1", "-ERR invalid first DB index"},
        {"SWAPDB 0 x", "-ERR invalid second DB index"},
        {"SWAPDB 0 16", "-ERR DB index is out of range"},
        {"SWAPDB -1 0", "-ERR DB index is out of range"},
        {"SWAPDB 1 99999999999", "-ERR invalid second DB index"},
        {"%db 0", NULL},
        {"GET a", "\"2\""},
    };
    RUN_CASES(cases);
}

Test(keys, walking) {
    static const struct fixture_case cases[] = {
        {"KEYS *", "[]"},
        {"SET one 1", "+OK"},
        {"SET two 2", "+OK"},
        {"SET three 3", "+OK"},
        {"RPUSH l x", ":1"},
        {"KEYS t*", "[\"two\", \"three\"]"},
        {"KEYS nothing", "[]"},
        {"KEYS \"[\" ", "[]"},
        {"KEYS *", "[\"one\", \"two\", \"three\", \"l\"]"},
        {"SCAN 0", "[\"0\", [\"l\", \"three\", \"two\", \"one\"]]"},
        {"SCAN 0 MATCH t*", "[\"0\", [\"three\", \"two\"]]"},
        {"SCAN 0 TYPE list", "[\"0\", [\"l\"]]"},
        {"SCAN 0 TYPE STRING MATCH o*", "[\"0\", [\"one\"]]"},
        {"SCAN 0 TYPE foo", "[\"0\", []]"},
        {"SCAN 0 COUNT 2", "[\"2\", [\"l\", \"three\"]]"},
        {"SCAN 2 COUNT 2", "[\"0\", [\"two\", \"one\"]]"},
        {"SCAN 18446744073709551615 COUNT 100", "[\"0\", [\"l\", \"three\", \"two\", \"one\"]]"},
        {"SCAN x", "-ERR invalid cursor"},
        {"SCAN -1 COUNT 100", "[\"0\", [\"l\", \"three\", \"two\", \"one\"]]"},
        {"SCAN 0 COUNT 0", "-ERR syntax error"},
        {"SCAN 0 COUNT -1", "-ERR syntax error"},
        {"SCAN 0 COUNT x", "-ERR value is not an integer or out of range"},
        {"SCAN 0 COUNT", "-ERR syntax error"},
        {"SCAN 0 FOO 1", "-ERR syntax error"},
        {"SCAN 18446744073709551616", "-ERR invalid cursor"},
        {"SCAN \" 0\"", "-ERR invalid cursor"},
        {"SCAN 0x", "-ERR invalid cursor"},
        {"SCAN 0 COUNT 9223372036854775807 MATCH one", "[\"0\", [\"one\"]]"},
    };
    RUN_CASES(cases);
}

Test(keys, object_and_memory) {
    static const struct fixture_case cases[] = {
        {"OBJECT ENCODING nokey", "nil"},
        {"OBJECT REFCOUNT nokey", "nil"},
        {"OBJECT IDLETIME nokey", "nil"},
        {"OBJECT FREQ nokey", "nil"},
        {"SET a 1", "+OK"},
        {"OBJECT ENCODING a", "\"int\""},
        {"OBJECT REFCOUNT a", ":2147483647"},
        {"SET a 9999", "+OK"},
        {"OBJECT REFCOUNT a", ":2147483647"},
        {"SET a 10000", "+OK"},
        {"OBJECT REFCOUNT a", ":1"},
        {"SET a -1", "+OK"},
        {"OBJECT REFCOUNT a", ":1"},
        {"SET a abc", "+OK"},
        {"OBJECT REFCOUNT a", ":1"},
        {"OBJECT IDLETIME a", ":0"},
        {"OBJECT FREQ a", "-ERR An LFU maxmemory policy is not selected, access frequency not "
                          "tracked. Please note that when switching between policies at runtime "
                          "LRU and LFU data will take some time to adjust."},
        {"OBJECT", "-ERR wrong number of arguments for 'object' command"},
        {"OBJECT foo", "-ERR unknown subcommand 'foo'. Try OBJECT HELP."},
        {"OBJECT foo a", "-ERR unknown subcommand 'foo'. Try OBJECT HELP."},
        {"OBJECT ENCODING", "-ERR wrong number of arguments for 'object|encoding' command"},
        {"OBJECT ENCODING a b", "-ERR wrong number of arguments for 'object|encoding' command"},
        {"OBJECT HELP",
         "[+OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:, +ENCODING <key>, +    "
         "Return the kind of internal representation used in order to store the value, +    "
         "associated with a <key>., +FREQ <key>, +    Return the access frequency index of the "
         "<key>. The returned integer is, +    proportional to the logarithm of the recent access "
         "frequency of the key., +IDLETIME <key>, +    Return the idle time of the <key>, that is "
         "the approximated number of, +    seconds elapsed since the last access to the key., "
         "+REFCOUNT <key>, +    Return the number of references of the value associated with the "
         "specified, +    <key>., +HELP, +    Prints this help.]"},
        {"OBJECT HELP a", "-ERR wrong number of arguments for 'object|help' command"},
        {"%protocol 3", NULL},
        {"OBJECT ENCODING nokey", "nil"},
        {"OBJECT HELP",
         "[+OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:, +ENCODING <key>, +    "
         "Return the kind of internal representation used in order to store the value, +    "
         "associated with a <key>., +FREQ <key>, +    Return the access frequency index of the "
         "<key>. The returned integer is, +    proportional to the logarithm of the recent access "
         "frequency of the key., +IDLETIME <key>, +    Return the idle time of the <key>, that is "
         "the approximated number of, +    seconds elapsed since the last access to the key., "
         "+REFCOUNT <key>, +    Return the number of references of the value associated with the "
         "specified, +    <key>., +HELP, +    Prints this help.]"},
        {"%protocol 2", NULL},
        {"MEMORY USAGE nokey", "nil"},
        {"MEMORY USAGE a SAMPLES", "-ERR syntax error"},
        {"MEMORY USAGE a SAMPLES -1", "-ERR syntax error"},
        {"MEMORY USAGE a SAMPLES x", "-ERR value is not an integer or out of range"},
        {"MEMORY USAGE a FOO 1", "-ERR syntax error"},
        {"MEMORY USAGE a SAMPLES 0", NULL},
        {"MEMORY USAGE", "-ERR wrong number of arguments for 'memory|usage' command"},
        {"MEMORY foo", "-ERR unknown subcommand 'foo'. Try MEMORY HELP."},
        {"MEMORY", "-ERR wrong number of arguments for 'memory' command"},
    };
    RUN_CASES(cases);
}

/* --- expiry -------------------------------------------------------------------------------------
 */

/* Log time begins at 1000 ms. */
Test(keys, a_deadline_that_is_not_after_log_time_makes_a_key_absent) {
    static const struct fixture_case cases[] = {
        {"SET a 1 PX 500", "+OK"},
        {"PEXPIRETIME a", ":1500"},
        {"PTTL a", ":500"},
        {"TTL a", ":1"},
        {"%next", ":1500"},
        {"%now 1499", NULL},
        {"GET a", "\"1\""},
        {"%expire 10", ":0"},
        {"%now 1500", NULL},
        {"GET a", "nil"},
        {"EXISTS a", ":0"},
        {"TYPE a", "+none"},
        {"TTL a", ":-2"},
        {"KEYS *", "[]"},
        {"SCAN 0", "[\"0\", []]"},
        {"RANDOMKEY", "nil"},
        {"RENAME a b", "-ERR no such key"},
        {"COPY a b", ":0"},
        {"MOVE a 1", ":0"},
        {"EXPIRE a 100", ":0"},
        {"PERSIST a", ":0"},
        {"STRLEN a", ":0"},
        {"DBSIZE", ":1"}, /* it is still there until a tick or a write meets it */
        {"%expire 10", ":1"},
        {"DBSIZE", ":0"},
        {"%next", ":9223372036854775807"},
    };
    RUN_CASES(cases);
}

Test(keys, a_write_takes_the_place_of_an_expired_key) {
    static const struct fixture_case cases[] = {
        {"SET a 1 PX 10", "+OK"}, {"SET b 1 PX 10", "+OK"},
        {"SET c 1 PX 10", "+OK"}, {"RPUSH l x", ":1"},
        {"PEXPIRE l 10", ":1"},   {"SET d 1 PX 10", "+OK"},
        {"SET e 1 PX 10", "+OK"}, {"SET s 1", "+OK"},
        {"%now 2000", NULL},      {"SET a 2 KEEPTTL", "+OK"},
        {"TTL a", ":-1"},         {"GET a", "\"2\""},
        {"INCR b", ":1"},         {"TTL b", ":-1"},
        {"APPEND c xyz", ":3"},   {"TTL c", ":-1"},
        {"RPUSH l y", ":1"},      {"TTL l", ":-1"},
        {"DEL d", ":0"},          {"SET s v NX", "nil"},
        {"RENAME s e", "+OK"},    {"TTL e", ":-1"},
        {"SETNX d 5", ":1"},      {"DBSIZE", ":6"},
        {"%expire 10", ":0"},     {"KEYS *", NULL},
    };
    RUN_CASES(cases);
}

Test(keys, expire_in_the_order_of_deadline_then_database_then_key) {
    struct fixture *fixture = fixture_create();
    static const char *const lines[] = {
        "SET z 1 PX 50",     "SET b 1 PX 50", "SET a 1 PX 60", "SET k 1 PX 40",
        "SET p 1 PX 999999", "SET m 1",       "%db 1",         "SET c 1 PX 50",
        "SET a 1 PX 70",     "%db 0",         "%now 1070",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        fixture_run(fixture, lines[i]);
    static const struct {
        uint64_t size_0, size_1;
    } steps[] = {{5, 2}, {4, 2}, {3, 2}, {3, 1}, {2, 1}, {2, 0}};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        cr_expect_str_eq(fixture_run(fixture, "%expire 1"), ":1");
        cr_expect_eq(storages_db_size(fixture_storages(fixture), 0), steps[i].size_0, "%zu", i);
        cr_expect_eq(storages_db_size(fixture_storages(fixture), 1), steps[i].size_1, "%zu", i);
    }
    /* Each deletion moved the last key into the hole: k, then b, then z. */
    cr_expect_str_eq(fixture_run(fixture, "KEYS *"), "[\"m\", \"p\"]");
    cr_expect_str_eq(fixture_run(fixture, "%expire 1"), ":0");
    cr_expect_eq(storages_statistics(fixture_storages(fixture))->expired_keys, COUNT_OF(steps));
    fixture_destroy(fixture);
}

Test(keys, a_read_tells_the_earliest_deadline_that_it_met) {
    static const struct {
        const char *line;
        int64_t met_ms;
    } reads[] = {
        {"GET a", 1500},    {"GET b", 0},     {"GET nokey", 0}, {"EXISTS a c", 1200},
        {"MGET a b", 1500}, {"KEYS *", 1200}, {"SCAN 0", 1200}, {"KEYS a", 1500},
        {"TTL c", 1200},    {"TYPE a", 1500}, {"LLEN l", 1300}, {"SCAN 0 TYPE list", 1300},
    };
    struct fixture *fixture = fixture_create();
    fixture_run(fixture, "SET a 1 PX 500");
    fixture_run(fixture, "SET b 1");
    fixture_run(fixture, "SET c 1 PX 200");
    fixture_run(fixture, "RPUSH l 1");
    fixture_run(fixture, "PEXPIRE l 300");
    for (size_t i = 0; i < COUNT_OF(reads); i++) {
        fixture_run(fixture, reads[i].line);
        cr_expect_eq(fixture_deadline_met_ms(fixture), reads[i].met_ms, "%s: %lld", reads[i].line,
                     (long long)fixture_deadline_met_ms(fixture));
    }
    /* Absent already: nothing can change by waiting. */
    fixture_run(fixture, "%now 1400");
    fixture_run(fixture, "GET c");
    cr_expect_eq(fixture_deadline_met_ms(fixture), 0);
    fixture_destroy(fixture);
}

/* Random deadlines set, changed and removed; the fixture compares the two storages and checks the
 * heap after each. */
Test(keys, deadlines_survive_a_random_life) {
    struct fixture *fixture = fixture_create();
    struct random random;
    random_init(&random, 3);
    static const char *const formats[] = {
        "SET k%d %d PX 300",  "SET k%d %d",      "PEXPIRE k%d %d",
        "PERSIST k%d",        "DEL k%d",         "APPEND k%d %d",
        "INCRBY n%d %d",      "PEXPIRE n%d %d",  "RPUSH l%d %d",
        "PEXPIRE l%d %d",     "RENAME k%d k%d",  "COPY k%d n%d REPLACE",
        "SET n%d %d KEEPTTL", "GETEX k%d PX %d",
    };
    for (int i = 0; i < 3000; i++) {
        const char *format = formats[random_below(&random, COUNT_OF(formats))];
        int key = (int)random_below(&random, 40), value = 1 + (int)random_below(&random, 400);
        fixture_set_checks(fixture, i % 16 == 0);
        if (strncmp(format, "RENAME", 6) == 0 || strncmp(format, "COPY", 4) == 0) value = key % 13;
        char line[64];
        int size = snprintf(line, sizeof(line), format, key, value);
        cr_assert(size > 0 && (size_t)size < sizeof(line));
        fixture_run(fixture, line);
        if (i % 7 == 0) {
            fixture_format(fixture, "%%now %d", 1000 + i);
            fixture_run(fixture, "%expire 3");
        }
    }
    cr_expect_gt(storages_statistics(fixture_storages(fixture))->expired_keys, 100);
    fixture_destroy(fixture);
}

/* --- atomic units and walks
 * ----------------------------------------------------------------------- */

Test(keys, a_key_deleted_and_set_again_within_a_unit_keeps_its_place) {
    static const struct fixture_case cases[] = {
        {"MSET a 1 b 2 c 3 d 4 e 5", "+OK"},
        {"%group", NULL},
        {"DEL b c", ":2"},
        {"SET new 1", "+OK"},
        {"SET c 33", "+OK"},
        {"KEYS *", "[\"a\", \"c\", \"d\", \"e\", \"new\"]"},
        {"%end", NULL},
        {"KEYS *", "[\"a\", \"new\", \"c\", \"d\", \"e\"]"},
        {"%group", NULL},
        {"RENAME a x", "+OK"},
        {"RENAME x a", "+OK"},
        {"%end", NULL},
        {"KEYS *", "[\"a\", \"new\", \"c\", \"d\", \"e\"]"},
        {"SET c v XX", "+OK"},
        {"RENAME e c", "+OK"},
        {"KEYS *", "[\"a\", \"new\", \"c\", \"d\"]"},
        {"DEL a", ":1"},
        {"KEYS *", "[\"d\", \"new\", \"c\"]"},
        {"%group", NULL},
        {"FLUSHALL", "+OK"},
        {"SET c 1", "+OK"},
        {"SWAPDB 0 1", "+OK"},
        {"%end", NULL},
        {"DBSIZE", ":0"},
        {"%db 1", NULL},
        {"KEYS *", "[\"c\"]"},
    };
    RUN_CASES(cases);
}

Test(keys, holes_inside_a_value_follow_its_key) {
    struct fixture *fixture = fixture_create();
    for (int i = 0; i < 600; i++)
        fixture_format(fixture, "HSET h field:%d 1", i);
    static const char *const lines[] = {
        "%group",     "HDEL h field:3 field:5",
        "RENAME h g", "HSET g field:5 2",
        "MOVE g 1",   "SWAPDB 0 1",
        "%end",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        fixture_run(fixture, lines[i]);
    cr_expect_str_eq(fixture_run(fixture, "HLEN g"), ":599");
    cr_expect_str_eq(fixture_run(fixture, "HGET g field:5"), "\"2\"");
    fixture_destroy(fixture);
}

/* SCAN to its end while keys come and go: all that stay are met. */
Test(keys, a_scan_meets_every_key_that_stays) {
    enum { STAY = 50, OTHERS = 60 };
    struct fixture *fixture = fixture_create();
    struct random random;
    random_init(&random, 5);
    for (int i = 0; i < STAY; i++) {
        fixture_format(fixture, "SET other:%d 1", i);
        fixture_format(fixture, "SET stay:%d 1", i);
    }
    bool met[STAY] = {false};
    unsigned long long cursor = 0;
    fixture_set_checks(fixture, false);
    do {
        const char *text = fixture_format(fixture, "SCAN %llu COUNT 7", cursor);
        cr_assert_eq(sscanf(text, "[\"%llu\"", &cursor), 1);
        for (const char *at = text; (at = strstr(at, "stay:")) != NULL; at++)
            met[atoi(at + 5)] = true;
        for (int i = 0; i < 10; i++) {
            int other = (int)random_below(&random, OTHERS), stay = (int)random_below(&random, STAY);
            fixture_format(fixture, i % 2 == 0 ? "DEL other:%d" : "SET other:%d 1", other);
            fixture_run(fixture, "%group");
            fixture_format(fixture, "DEL stay:%d", stay);
            fixture_format(fixture, "SET stay:%d 2", stay);
            fixture_run(fixture, "%end");
        }
    } while (cursor != 0);
    for (int i = 0; i < STAY; i++)
        cr_expect(met[i], "stay:%d", i);
    fixture_destroy(fixture);
}

/* --- size
 * ------------------------------------------------------------------------------------------ */

Test(keys, long_keys_and_long_values) {
    static const size_t sizes[] = {0, 1, 255, 4096, 4097, 65535, 65536, 100000};
    struct fixture *fixture = fixture_create();
    char *text = memory_allocate(200000);
    memset(text, 'x', 200000);
    for (size_t k = 0; k < COUNT_OF(sizes); k++) {
        for (size_t v = 0; v < COUNT_OF(sizes); v++) {
            struct bytes key = bytes_of(text, sizes[k]), value = bytes_of(text, sizes[v]);
            struct bytes set[] = {BYTES("SET"), key, value, BYTES("EX"), BYTES("100")};
            cr_expect_str_eq(fixture_run_args(fixture, set, 5), "+OK");
            struct bytes persist[] = {BYTES("PERSIST"), key};
            cr_expect_str_eq(fixture_run_args(fixture, persist, 2), ":1");
            struct bytes append[] = {BYTES("APPEND"), key, bytes_of(text, 5000)};
            fixture_run_args(fixture, append, 3);
            struct bytes length[] = {BYTES("STRLEN"), key};
            char expected[32];
            snprintf(expected, sizeof(expected), ":%zu", sizes[v] + 5000);
            cr_expect_str_eq(fixture_run_args(fixture, length, 2), expected);
            struct bytes rename[] = {BYTES("RENAME"), key, BYTES("other")};
            cr_expect_str_eq(fixture_run_args(fixture, rename, 3), "+OK");
            struct bytes back[] = {BYTES("RENAME"), BYTES("other"), key};
            cr_expect_str_eq(fixture_run_args(fixture, back, 3), "+OK");
            cr_expect_str_eq(fixture_run_args(fixture, length, 2), expected);
            struct bytes small[] = {BYTES("SET"), key, BYTES("7")};
            cr_expect_str_eq(fixture_run_args(fixture, small, 3), "+OK");
            struct bytes incr[] = {BYTES("INCR"), key};
            cr_expect_str_eq(fixture_run_args(fixture, incr, 2), ":8");
        }
    }
    char expected[32];
    snprintf(expected, sizeof(expected), ":%zu", COUNT_OF(sizes));
    cr_expect_str_eq(fixture_run(fixture, "DBSIZE"), expected);
    memory_release(text);
    fixture_destroy(fixture);
}

Test(keys, large_values_are_freed_in_pieces) {
    struct fixture *fixture = fixture_create();
    struct storages *storages = fixture_storages(fixture);
    fixture_set_checks(fixture, false);
    for (int i = 0; i < 3000; i++) {
        fixture_format(fixture, "HSET h f%d %d", i, i);
        fixture_format(fixture, "SET k%d %d", i, i);
    }
    fixture_run(fixture, "DEL h");
    cr_expect(storages_free_some(storages, 1), "a part is left after the command");
    cr_expect_not(storages_free_some(storages, UINT64_MAX));
    fixture_run(fixture, "FLUSHALL");
    cr_expect_str_eq(fixture_run(fixture, "DBSIZE"), ":0");
    unsigned pieces = 0;
    while (storages_free_some(storages, 100))
        pieces++;
    cr_expect_geq(pieces, 20);
    fixture_set_checks(fixture, true);
    cr_expect_str_eq(fixture_run(fixture, "SET k1 v"), "+OK");
    fixture_destroy(fixture);
}

Test(keys, a_small_record_is_one_block_of_64_bytes) {
    struct fixture *fixture = fixture_create();
    fixture_run(fixture, "SET 1234567890123456 12345678901234567890123456789012");
    const char *text = fixture_run(fixture, "MEMORY USAGE 1234567890123456");
    cr_expect_leq(atoi(text + 1), 64 + 18, "%s", text);
    fixture_run(fixture, "SET 6543210987654321 1234567890");
    text = fixture_run(fixture, "MEMORY USAGE 6543210987654321");
    cr_expect_leq(atoi(text + 1), 40 + 18, "an integer: %s", text);
    fixture_destroy(fixture);
}

/* --- randomness
 * -------------------------------------------------------------------------------------- */

Test(keys, random_keys_come_from_the_seed) {
    struct fixture *fixture = fixture_create();
    fixture_run(fixture, "MSET a 1 b 2 c 3 d 4 e 5 f 6 g 7 h 8");
    unsigned different = 0;
    char first[32];
    snprintf(first, sizeof(first), "%s", fixture_run(fixture, "RANDOMKEY"));
    for (int seed = 0; seed < 50; seed++) {
        fixture_format(fixture, "%%seed %d", seed);
        char once[32];
        snprintf(once, sizeof(once), "%s", fixture_run(fixture, "RANDOMKEY"));
        cr_expect_str_eq(fixture_run(fixture, "RANDOMKEY"), once);
        different += strcmp(once, first) != 0;
    }
    cr_expect_gt(different, 25);
    fixture_destroy(fixture);
}
