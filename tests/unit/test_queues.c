/* Queues: each command's answers, in both protocols, as Redis 7.0.15 gives them; and what a cluster
 * needs beyond that: values that survive settings, groups and deletion in pieces. */
#include <criterion/criterion.h>

#include "tests/unit/storages_fixture.h"

Test(queues, pushes_and_pops_at_both_ends) {
    static const struct fixture_case cases[] = {
        {"LPUSH l a", ":1"},
        {"RPUSH l b c", ":3"},
        {"LPUSH l d e", ":5"},
        {"LRANGE l 0 -1", "[\"e\", \"d\", \"a\", \"b\", \"c\"]"},
        {"LLEN l", ":5"},
        {"LLEN none", ":0"},
        {"LPUSHX none a", ":0"},
        {"RPUSHX none a b", ":0"},
        {"EXISTS none", ":0"},
        {"LPUSHX l f g", ":7"},
        {"RPUSHX l h", ":8"},
        {"LRANGE l 0 -1", "[\"g\", \"f\", \"e\", \"d\", \"a\", \"b\", \"c\", \"h\"]"},
        {"LPOP l", "\"g\""},
        {"RPOP l", "\"h\""},
        {"LPOP none", "nil"},
        {"RPOP none", "nil"},
        {"LPOP l 2", "[\"f\", \"e\"]"},
        {"RPOP l 2", "[\"c\", \"b\"]"},
        {"LPOP l 0", "[]"},
        {"RPOP l 100", "[\"a\", \"d\"]"},
        {"LPOP l 100", "nil*"},
        {"EXISTS l", ":0"},
        {"LPOP l 1", "nil*"},
        {"RPOP none 0", "nil*"},
        {"LPOP l -1", "-ERR value is out of range, must be positive"},
        {"LPOP l x", "-ERR value is out of range, must be positive"},
        {"LPOP l 1 2", "-ERR wrong number of arguments for 'lpop' command"},
        {"RPOP l 1 2", "-ERR wrong number of arguments for 'rpop' command"},
        {"LPOP l 9223372036854775808", "-ERR value is out of range, must be positive"},
        {"LPUSH l", "-ERR wrong number of arguments for 'lpush' command"},
        {"RPUSH l \"\"", ":1"},
        {"LPUSH l \"with \\r\\n and \\x00\"", ":2"},
        {"LRANGE l 0 -1", "[\"with \\r\\n and \\x00\", \"\"]"},
        {"RPOP l 9223372036854775807", "[\"\", \"with \\r\\n and \\x00\"]"},
        {"TYPE l", "+none"},
        {"OBJECT ENCODING l", "nil"},
        {"%protocol 3", NULL},
        {"LPOP l", "nil"},
        {"LPOP l 1", "nil"},
        {"RPUSH l a", ":1"},
        {"LPOP l 1", "[\"a\"]"},
        {"TYPE l", "+none"},
    };
    RUN_CASES(cases);
}

Test(queues, refuses_other_types) {
    static const struct fixture_case cases[] = {
        {"SET s 1", "+OK"},
        {"LPUSH s a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"RPUSH s a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"LPUSHX s a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"RPUSHX s a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"LPOP s", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"RPOP s 0", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"LLEN s", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"LINDEX s x", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"LSET s x a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"LRANGE s 0 -1", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"LRANGE s a 1", "-ERR value is not an integer or out of range"},
        {"LTRIM s 0 -1", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"LTRIM s a 1", "-ERR value is not an integer or out of range"},
        {"LREM s 0 a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"LREM s x a", "-ERR value is not an integer or out of range"},
        {"LINSERT s before a b",
         "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"LINSERT s beside a b", "-ERR syntax error"},
        {"LPOS s a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"LPOS s a rank 0", "-ERR RANK can't be zero: use 1 to start from the first match, 2 from "
                            "the second ... or use negative to start from the end of the list"},
        {"LMOVE s l left left",
         "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"LMOVE s l left up", "-ERR syntax error"},
        {"LMOVE none s left left", "nil"},
        {"RPUSH l a", ":1"},
        {"LMOVE l s left right",
         "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"RPOPLPUSH l s", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"RPOPLPUSH s l", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"LMPOP 2 none s left",
         "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"LMPOP 1 s up", "-ERR syntax error"},
        {"GET l", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"GET s", "\"1\""},
        {"LRANGE l 0 -1", "[\"a\"]"},
    };
    RUN_CASES(cases);
}

Test(queues, reads_ranges_and_indexes) {
    static const struct fixture_case cases[] = {
        {"RPUSH l a b c d e", ":5"},
        {"LRANGE l 0 -1", "[\"a\", \"b\", \"c\", \"d\", \"e\"]"},
        {"LRANGE l 1 2", "[\"b\", \"c\"]"},
        {"LRANGE l -2 -1", "[\"d\", \"e\"]"},
        {"LRANGE l -100 100", "[\"a\", \"b\", \"c\", \"d\", \"e\"]"},
        {"LRANGE l 3 1", "[]"},
        {"LRANGE l 5 6", "[]"},
        {"LRANGE l -1 -2", "[]"},
        {"LRANGE l 0 x", "-ERR value is not an integer or out of range"},
        {"LRANGE none 0 -1", "[]"},
        {"LRANGE l -9223372036854775808 9223372036854775807",
         "[\"a\", \"b\", \"c\", \"d\", \"e\"]"},
        {"LRANGE l 9223372036854775808 1", "-ERR value is not an integer or out of range"},
        {"LINDEX l 0", "\"a\""},
        {"LINDEX l 4", "\"e\""},
        {"LINDEX l 5", "nil"},
        {"LINDEX l -1", "\"e\""},
        {"LINDEX l -5", "\"a\""},
        {"LINDEX l -6", "nil"},
        {"LINDEX l x", "-ERR value is not an integer or out of range"},
        {"LINDEX none 0", "nil"},
        {"LINDEX none x", "nil"},
        {"LSET l 0 A", "+OK"},
        {"LSET l -1 E", "+OK"},
        {"LSET l 5 x", "-ERR index out of range"},
        {"LSET l -6 x", "-ERR index out of range"},
        {"LSET l x x", "-ERR value is not an integer or out of range"},
        {"LSET none 0 x", "-ERR no such key"},
        {"LSET none x x", "-ERR no such key"},
        {"LSET l 2 \"a longer value than was there before\"", "+OK"},
        {"LRANGE l 0 -1", "[\"A\", \"b\", \"a longer value than was there before\", \"d\", \"E\"]"},
    };
    RUN_CASES(cases);
}

Test(queues, trims_inserts_and_removes) {
    static const struct fixture_case cases[] = {
        {"RPUSH l a b c d e f", ":6"},
        {"LTRIM l 1 -2", "+OK"},
        {"LRANGE l 0 -1", "[\"b\", \"c\", \"d\", \"e\"]"},
        {"LTRIM l 0 x", "-ERR value is not an integer or out of range"},
        {"LTRIM none 0 1", "+OK"},
        {"LTRIM l -3 100", "+OK"},
        {"LRANGE l 0 -1", "[\"c\", \"d\", \"e\"]"},
        {"LTRIM l 0 -1", "+OK"},
        {"LTRIM l 5 1", "+OK"},
        {"EXISTS l", ":0"},
        {"RPUSH l a b a c a d a", ":7"},
        {"LREM l 2 a", ":2"},
        {"LRANGE l 0 -1", "[\"b\", \"c\", \"a\", \"d\", \"a\"]"},
        {"LREM l -1 a", ":1"},
        {"LRANGE l 0 -1", "[\"b\", \"c\", \"a\", \"d\"]"},
        {"LREM l 0 z", ":0"},
        {"LREM l 0 a", ":1"},
        {"LREM none 0 a", ":0"},
        {"LREM l x a", "-ERR value is not an integer or out of range"},
        {"LRANGE l 0 -1", "[\"b\", \"c\", \"d\"]"},
        {"LREM l 1 b", ":1"},
        {"LREM l -100 c", ":1"},
        {"LREM l -9223372036854775808 d", ":1"},
        {"EXISTS l", ":0"},
        {"RPUSH l a b a", ":3"},
        {"LINSERT l before a x", ":4"},
        {"LINSERT l AFTER a y", ":5"},
        {"LINSERT l after b z", ":6"},
        {"LINSERT l before none x", ":-1"},
        {"LINSERT none before a x", ":0"},
        {"LINSERT l beside a x", "-ERR syntax error"},
        {"LINSERT l before a", "-ERR wrong number of arguments for 'linsert' command"},
        {"LRANGE l 0 -1", "[\"x\", \"a\", \"y\", \"b\", \"z\", \"a\"]"},
        {"LINSERT l after z \"\"", ":7"},
        {"LINSERT l before \"\" e", ":8"},
        {"LRANGE l 0 -1", "[\"x\", \"a\", \"y\", \"b\", \"z\", \"e\", \"\", \"a\"]"},
    };
    RUN_CASES(cases);
}

Test(queues, finds_positions) {
    static const struct fixture_case cases[] = {
        {"RPUSH l a b c 1 2 3 c c", ":8"},
        {"LPOS l c", ":2"},
        {"LPOS l c RANK 2", ":6"},
        {"LPOS l c RANK -1", ":7"},
        {"LPOS l c RANK -2", ":6"},
        {"LPOS l c RANK 4", "nil"},
        {"LPOS l c RANK -4", "nil"},
        {"LPOS l c COUNT 2", "[:2, :6]"},
        {"LPOS l c COUNT 0", "[:2, :6, :7]"},
        {"LPOS l c COUNT 0 RANK 2", "[:6, :7]"},
        {"LPOS l c RANK -1 COUNT 2", "[:7, :6]"},
        {"LPOS l c RANK -2 COUNT 0", "[:6, :2]"},
        {"LPOS l c MAXLEN 2", "nil"},
        {"LPOS l c MAXLEN 3", ":2"},
        {"LPOS l c RANK -1 MAXLEN 1", ":7"},
        {"LPOS l b RANK -1 MAXLEN 3", "nil"},
        {"LPOS l c COUNT 0 MAXLEN 7", "[:2, :6]"},
        {"LPOS l z", "nil"},
        {"LPOS l z COUNT 0", "[]"},
        {"LPOS l 1", ":3"},
        {"LPOS none a", "nil"},
        {"LPOS none a COUNT 1", "[]"},
        {"LPOS l c RANK 0", "-ERR RANK can't be zero: use 1 to start from the first match, 2 from "
                            "the second ... or use negative to start from the end of the list"},
        {"LPOS l c RANK x", "-ERR value is not an integer or out of range"},
        {"LPOS l c COUNT -1", "-ERR COUNT can't be negative"},
        {"LPOS l c COUNT x", "-ERR COUNT can't be negative"},
        {"LPOS l c MAXLEN -1", "-ERR MAXLEN can't be negative"},
        {"LPOS l c COUNT", "-ERR syntax error"},
        {"LPOS l c FOO 1", "-ERR syntax error"},
        {"LPOS l c RANK -9223372036854775808", ":7"},
        {"LPOS l c RANK 2 RANK 1", ":2"},
        {"LPOS l c COUNT 1 COUNT 2", "[:2, :6]"},
        {"%protocol 3", NULL},
        {"LPOS l z", "nil"},
        {"LPOS l z COUNT 1", "[]"},
        {"LPOS none z COUNT 1", "[]"},
        {"LPOS none z", "nil"},
    };
    RUN_CASES(cases);
}

Test(queues, moves_between_queues) {
    static const struct fixture_case cases[] = {
        {"RPUSH a 1 2 3", ":3"},
        {"LMOVE a b left left", "\"1\""},
        {"LMOVE a b LEFT right", "\"2\""},
        {"LRANGE b 0 -1", "[\"1\", \"2\"]"},
        {"LMOVE a b right left", "\"3\""},
        {"EXISTS a", ":0"},
        {"LRANGE b 0 -1", "[\"3\", \"1\", \"2\"]"},
        {"LMOVE a b left left", "nil"},
        {"RPOPLPUSH b b", "\"2\""},
        {"LRANGE b 0 -1", "[\"2\", \"3\", \"1\"]"},
        {"LMOVE b b left right", "\"2\""},
        {"LRANGE b 0 -1", "[\"3\", \"1\", \"2\"]"},
        {"LMOVE b b left left", "\"3\""},
        {"LMOVE b b right right", "\"2\""},
        {"LRANGE b 0 -1", "[\"3\", \"1\", \"2\"]"},
        {"RPOPLPUSH b c", "\"2\""},
        {"RPOPLPUSH none c", "nil"},
        {"LMOVE a b up left", "-ERR syntax error"},
        {"LMOVE a b left up", "-ERR syntax error"},
        {"LMOVE a b left", "-ERR wrong number of arguments for 'lmove' command"},
        {"LTRIM c 1 0", "+OK"},
        {"RPUSH c only", ":1"},
        {"LMOVE c c left right", "\"only\""},
        {"LRANGE c 0 -1", "[\"only\"]"},
        {"RPOPLPUSH c b", "\"only\""},
        {"EXISTS c", ":0"},
        {"LRANGE b 0 -1", "[\"only\", \"3\", \"1\"]"},
        {"%protocol 3", NULL},
        {"LMOVE none b left left", "nil"},
        {"LMOVE b c left left", "\"only\""},
    };
    RUN_CASES(cases);
}

Test(queues, pops_from_the_first_queue_that_exists) {
    static const struct fixture_case cases[] = {
        {"RPUSH b 1 2 3 4 5", ":5"},
        {"LMPOP 2 a b LEFT", "[\"b\", [\"1\"]]"},
        {"LMPOP 2 a b right count 2", "[\"b\", [\"5\", \"4\"]]"},
        {"LMPOP 1 a left", "nil*"},
        {"LMPOP 2 a b left count 100", "[\"b\", [\"2\", \"3\"]]"},
        {"EXISTS b", ":0"},
        {"LMPOP 2 a b left", "nil*"},
        {"LMPOP 0 a left", "-ERR numkeys should be greater than 0"},
        {"LMPOP -1 a left", "-ERR numkeys should be greater than 0"},
        {"LMPOP x a left", "-ERR numkeys should be greater than 0"},
        {"LMPOP 1 a up", "-ERR syntax error"},
        {"LMPOP 2 a left", "-ERR syntax error"},
        {"LMPOP 3 a b left", "-ERR syntax error"},
        {"LMPOP 9223372036854775807 a left", "-ERR syntax error"},
        {"LMPOP 1 a left count", "-ERR syntax error"},
        {"LMPOP 1 a left count 0", "-ERR count should be greater than 0"},
        {"LMPOP 1 a left count -1", "-ERR count should be greater than 0"},
        {"LMPOP 1 a left count x", "-ERR count should be greater than 0"},
        {"LMPOP 1 a left count 1 count 1", "-ERR syntax error"},
        {"LMPOP 1 a left amount 1", "-ERR syntax error"},
        {"LMPOP 1 a", "-ERR wrong number of arguments for 'lmpop' command"},
        {"%protocol 3", NULL},
        {"LMPOP 1 a left", "nil"},
        {"RPUSH a 1 2 3", ":3"},
        {"LMPOP 1 a left count 2", "[\"a\", [\"1\", \"2\"]]"},
    };
    RUN_CASES(cases);
}

Test(queues, counts_arguments) {
    static const struct fixture_case cases[] = {
        {"LPUSH", "-ERR wrong number of arguments for 'lpush' command"},
        {"LPUSH l", "-ERR wrong number of arguments for 'lpush' command"},
        {"LPOP", "-ERR wrong number of arguments for 'lpop' command"},
        {"LLEN", "-ERR wrong number of arguments for 'llen' command"},
        {"LLEN a b", "-ERR wrong number of arguments for 'llen' command"},
        {"LINDEX a", "-ERR wrong number of arguments for 'lindex' command"},
        {"LSET a 1", "-ERR wrong number of arguments for 'lset' command"},
        {"LRANGE a 1", "-ERR wrong number of arguments for 'lrange' command"},
        {"LTRIM a 1", "-ERR wrong number of arguments for 'ltrim' command"},
        {"LREM a 1", "-ERR wrong number of arguments for 'lrem' command"},
        {"LINSERT a before b", "-ERR wrong number of arguments for 'linsert' command"},
        {"LPOS a", "-ERR wrong number of arguments for 'lpos' command"},
        {"LMOVE a b left", "-ERR wrong number of arguments for 'lmove' command"},
        {"RPOPLPUSH a", "-ERR wrong number of arguments for 'rpoplpush' command"},
        {"LMPOP 1 a", "-ERR wrong number of arguments for 'lmpop' command"},
    };
    RUN_CASES(cases);
}

Test(queues, copies_are_independent) {
    static const struct fixture_case cases[] = {
        {"RPUSH l a b c", ":3"},
        {"COPY l m", ":1"},
        {"RPUSH l d", ":4"},
        {"LPOP m", "\"a\""},
        {"LRANGE l 0 -1", "[\"a\", \"b\", \"c\", \"d\"]"},
        {"LRANGE m 0 -1", "[\"b\", \"c\"]"},
        {"COPY l m", ":0"},
        {"COPY l m REPLACE", ":1"},
        {"LPUSH m z", ":5"},
        {"LRANGE m 0 -1", "[\"z\", \"a\", \"b\", \"c\", \"d\"]"},
    };
    RUN_CASES(cases);
}

/* --- many and large items -------------------------------------------------------------------- */

Test(queues, many_items_are_reached_trimmed_and_removed) {
    struct fixture *fixture = fixture_create();
    fixture_set_checks(fixture, false);
    for (int i = 0; i < 5000; i++)
        fixture_format(fixture, "RPUSH l %d", i);
    fixture_set_checks(fixture, true);
    static const struct fixture_case cases[] = {
        {"LLEN l", ":5000"},
        {"LINDEX l 2500", "\"2500\""},
        {"LINDEX l -1000", "\"4000\""},
        {"LRANGE l 2499 2501", "[\"2499\", \"2500\", \"2501\"]"},
        {"LPOS l 4321", ":4321"},
        {"LPOS l 4321 RANK -1 MAXLEN 100", "nil"},
        {"LSET l 2500 x", "+OK"},
        {"LINSERT l before x y", ":5001"},
        {"LRANGE l 2499 2501", "[\"2499\", \"y\", \"x\"]"},
        {"LREM l -1 x", ":1"},
        {"LREM l 0 y", ":1"},
        {"LTRIM l 2490 2501", "+OK"},
        {"LRANGE l 8 -1", "[\"2498\", \"2499\", \"2501\", \"2502\"]"},
        {"RPOPLPUSH l l", "\"2502\""},
        {"LPOP l 2", "[\"2502\", \"2490\"]"},
        {"LLEN l", ":10"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *answer = fixture_run(fixture, cases[i].line);
        cr_expect_str_eq(answer, cases[i].answer, "%s answers %s", cases[i].line, answer);
    }
    fixture_destroy(fixture);
}

/* Items of more than a block stand alone; they move between queues and within one. */
Test(queues, large_items_keep_their_bytes_on_every_way) {
    enum { SIZE = 100000 };
    static char item[SIZE];
    for (int i = 0; i < SIZE; i++)
        item[i] = (char)('a' + i % 23);
    struct fixture *fixture = fixture_create();
    struct bytes push[] = {BYTES("LPUSH"), BYTES("l"), bytes_of(item, SIZE)};
    struct bytes insert[] = {BYTES("LINSERT"), BYTES("l"), BYTES("before"), BYTES("b"),
                             bytes_of(item, SIZE)};
    struct bytes find[] = {BYTES("LPOS"), BYTES("l"), bytes_of(item, SIZE), BYTES("RANK"),
                           BYTES("-1")};
    fixture_run(fixture, "RPUSH l a b c");
    cr_expect_str_eq(fixture_run_args(fixture, push, COUNT_OF(push)), ":4");
    cr_expect_str_eq(fixture_run_args(fixture, insert, COUNT_OF(insert)), ":5");
    cr_expect_str_eq(fixture_run_args(fixture, find, COUNT_OF(find)), ":2");
    cr_expect_eq(strlen(fixture_run(fixture, "LMOVE l l left right")), SIZE + 2);
    cr_expect_eq(strlen(fixture_run(fixture, "LMOVE l other right left")), SIZE + 2);
    cr_expect_eq(strlen(fixture_run(fixture, "LINDEX other 0")), SIZE + 2);
    cr_expect_str_eq(fixture_run(fixture, "LSET l 1 small"), "+OK");
    cr_expect_str_eq(fixture_run(fixture, "LRANGE l 0 -1"), "[\"a\", \"small\", \"b\", \"c\"]");
    cr_expect_eq(strlen(fixture_run(fixture, "RPOPLPUSH other l")), SIZE + 2);
    cr_expect_str_eq(fixture_run(fixture, "LLEN other"), ":0");
    cr_expect_str_eq(fixture_run_args(fixture, find, COUNT_OF(find)), ":0");
    fixture_destroy(fixture);
}
