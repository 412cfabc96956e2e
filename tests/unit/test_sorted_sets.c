/* Sorted sets: each command's answers, in both protocols, as Redis 7.0.15 gives them; and what a
 * cluster needs beyond that. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/unit/storages_fixture.h"

Test(sorted_sets, adds_members_and_changes_scores) {
    static const struct fixture_case cases[] = {
        {"ZADD z 1 a", ":1"},
        {"ZADD z 2 b 3 c", ":2"},
        {"ZADD z 5 a 6 d", ":1"},
        {"ZRANGE z 0 -1 WITHSCORES", "[\"b\", \"2\", \"c\", \"3\", \"a\", \"5\", \"d\", \"6\"]"},
        {"ZADD z CH 1 a 6 d 7 e", ":2"},
        {"ZADD z NX 9 a 9 f", ":1"},
        {"ZADD z XX 10 a 10 g", ":0"},
        {"ZADD z XX CH 11 a 10 g", ":1"},
        {"ZADD z GT 5 a 6 b 1 h", ":1"},
        {"ZADD z LT CH 5 a 7 b 2 h", ":1"},
        {"ZADD z GT XX CH 100 a 100 nobody", ":1"},
        {"ZADD z NX XX 1 a", "-ERR XX and NX options at the same time are not compatible"},
        {"ZADD z GT LT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible"},
        {"ZADD z NX GT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible"},
        {"ZADD z NX LT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible"},
        {"ZRANGE z 0 -1 WITHSCORES", "[\"h\", \"1\", \"c\", \"3\", \"b\", \"6\", \"d\", \"6\", "
                                     "\"e\", \"7\", \"f\", \"9\", \"a\", \"100\"]"},
        {"ZADD z INCR 1 a", "\"101\""},
        {"ZADD z INCR 1.5 new", "\"1.5\""},
        {"ZADD z NX INCR 1 a", "nil"},
        {"ZADD z XX INCR 1 nobody", "nil"},
        {"ZADD z GT INCR -1 a", "nil"},
        {"ZADD z LT INCR 1 a", "nil"},
        {"ZADD z GT INCR 1 a", "\"102\""},
        {"ZADD z INCR 1 a 2 b", "-ERR INCR option supports a single increment-element pair"},
        {"ZADD none XX 1 a", ":0"},
        {"ZADD none XX INCR 1 a", "nil"},
        {"EXISTS none", ":0"},
        {"ZADD z CH 1 twice 1 twice 2 twice", ":2"},
        {"ZADD z 1", "-ERR wrong number of arguments for 'zadd' command"},
        {"ZADD z 1 a 2", "-ERR syntax error"},
        {"ZADD z NX 1", "-ERR syntax error"},
        {"ZADD z x a", "-ERR value is not a valid float"},
        {"ZADD z 1 a x b", "-ERR value is not a valid float"},
        {"ZADD z nan a", "-ERR value is not a valid float"},
        {"ZADD z \"\" a", "-ERR value is not a valid float"},
        {"ZADD z \" 1\" a", "-ERR value is not a valid float"},
        {"ZADD z 1e400 a", "-ERR value is not a valid float"},
        {"ZADD z 0x10 hex 1e3 exponent .5 half -.5e-1 minus inf most -inf least +5 plus", ":7"},
        {"ZADD z Infinity most2 -INF least2", ":2"},
        {"ZSCORE z a", "\"102\""},
        {"ZRANGE z 0 -1 WITHSCORES",
         "[\"least\", \"-inf\", \"least2\", \"-inf\", \"minus\", \"-0.050000000000000003\", "
         "\"half\", \"0.5\", \"h\", \"1\", \"new\", \"1.5\", \"twice\", \"2\", \"c\", \"3\", "
         "\"plus\", \"5\", \"b\", \"6\", \"d\", \"6\", \"e\", \"7\", \"f\", \"9\", \"hex\", "
         "\"16\", \"a\", \"102\", \"exponent\", \"1000\", \"most\", \"inf\", \"most2\", \"inf\"]"},
        {"ZCARD z", ":18"},
        {"ZCARD none", ":0"},
        {"TYPE z", "+zset"},
        {"ZADD z NX CH 1", "-ERR syntax error"},
        {"ZADD z GT NX", "-ERR syntax error"},
        {"OBJECT ENCODING z", "\"listpack\""},
    };
    RUN_CASES(cases);
}

Test(sorted_sets, changes_encodings) {
    static const struct fixture_case cases[] = {
        {"ZADD z 1 0123456789012345678901234567890123456789012345678901234567890123", ":1"},
        {"OBJECT ENCODING z", "\"listpack\""},
        {"ZADD z 1 01234567890123456789012345678901234567890123456789012345678901234", ":1"},
        {"OBJECT ENCODING z", "\"skiplist\""},
        {"ZREM z 01234567890123456789012345678901234567890123456789012345678901234", ":1"},
        {"OBJECT ENCODING z", "\"skiplist\""},
        {"ZADD z -0 zero", ":1"},
        {"ZSCORE z zero", "\"-0\""},
        {"ZUNIONSTORE d 1 z", ":2"},
        {"OBJECT ENCODING d", "\"listpack\""},
        {"ZSCORE d zero", "\"0\""},
        {"ZRANGESTORE d z 0 0", ":1"},
        {"OBJECT ENCODING d", "\"listpack\""},
        {"DEL z", ":1"},
        {"EXISTS z", ":0"},
    };
    RUN_CASES(cases);
}

Test(sorted_sets, adds_to_scores) {
    static const struct fixture_case cases[] = {
        {"ZINCRBY z 1 a", "\"1\""},
        {"ZINCRBY z 1.5 a", "\"2.5\""},
        {"ZINCRBY z -0.1 b", "\"-0.10000000000000001\""},
        {"ZINCRBY z inf a", "\"inf\""},
        {"ZINCRBY z -inf a", "-ERR resulting score is not a number (NaN)"},
        {"ZADD z INCR -inf a", "-ERR resulting score is not a number (NaN)"},
        {"ZINCRBY z x a", "-ERR value is not a valid float"},
        {"ZINCRBY z nan a", "-ERR value is not a valid float"},
        {"ZINCRBY z nx a", "-ERR syntax error"},
        {"ZINCRBY z 1", "-ERR wrong number of arguments for 'zincrby' command"},
        {"ZINCRBY z 1e308 big", "\"1e+308\""},
        {"ZINCRBY z 1e308 big", "\"inf\""},
        {"ZINCRBY z 0.1 c", "\"0.10000000000000001\""},
        {"ZINCRBY z 0.2 c", "\"0.30000000000000004\""},
        {"ZRANGE z 0 -1 WITHSCORES", "[\"b\", \"-0.10000000000000001\", \"c\", "
                                     "\"0.30000000000000004\", \"a\", \"inf\", \"big\", \"inf\"]"},
        {"ZINCRBY z -0 zero", "\"-0\""},
        {"ZSCORE z zero", "\"0\""},
        {"ZINCRBY z 0 zero", "\"0\""},
        {"%protocol 3", NULL},
        {"ZINCRBY z 1 a", ",inf"},
        {"ZADD z INCR 2.5 d", ",2.5"},
        {"ZADD z NX INCR 2.5 d", "nil"},
        {"ZADD z INCR -inf a", "-ERR resulting score is not a number (NaN)"},
        {"ZSCORE z d", ",2.5"},
        {"ZSCORE z nobody", "nil"},
        {"ZSCORE none a", "nil"},
        {"ZMSCORE z a d nobody", "[,inf, ,2.5, nil]"},
    };
    RUN_CASES(cases);
}

Test(sorted_sets, prints_scores_like_redis) {
    static const struct fixture_case cases[] = {
        {"ZADD z 1e17 a 123456789012345678 b 0.1 c 3.14159265358979 d 1e-7 e 1e21 f -0 g "
         "9007199254740993 h 1e18 i -1e16 j 4611686018427387904 k 9223372036854775807 l "
         "1.7976931348623157e308 m 5e-324 n",
         ":14"},
        {"ZRANGE z 0 -1 WITHSCORES",
         "[\"j\", \"-10000000000000000\", \"g\", \"0\", \"n\", \"4.9406564584124654e-324\", \"e\", "
         "\"9.9999999999999995e-08\", \"c\", \"0.10000000000000001\", \"d\", \"3.14159265358979\", "
         "\"h\", \"9007199254740992\", \"a\", \"1e+17\", \"b\", \"1.2345678901234568e+17\", \"i\", "
         "\"1e+18\", \"k\", \"4.6116860184273879e+18\", \"l\", \"9.2233720368547758e+18\", \"f\", "
         "\"1e+21\", \"m\", \"1.7976931348623157e+308\"]"},
        {"ZSCAN z 0",
         "[\"0\", [\"j\", \"-10000000000000000\", \"g\", \"0\", \"n\", "
         "\"4.9406564584124654e-324\", \"e\", \"9.9999999999999995e-08\", \"c\", "
         "\"0.10000000000000001\", \"d\", \"3.14159265358979\", \"h\", \"9007199254740992\", "
         "\"a\", \"100000000000000000\", \"b\", \"123456789012345680\", \"i\", "
         "\"1000000000000000000\", \"k\", \"4611686018427387904\", \"l\", "
         "\"9.2233720368547758e+18\", \"f\", \"1e+21\", \"m\", \"1.7976931348623157e+308\"]]"},
        {"ZMSCORE z a b c d e f g h i j k l m n",
         "[\"1e+17\", \"1.2345678901234568e+17\", \"0.10000000000000001\", \"3.14159265358979\", "
         "\"9.9999999999999995e-08\", \"1e+21\", \"0\", \"9007199254740992\", \"1e+18\", "
         "\"-10000000000000000\", \"4.6116860184273879e+18\", \"9.2233720368547758e+18\", "
         "\"1.7976931348623157e+308\", \"4.9406564584124654e-324\"]"},
        {"%protocol 3", NULL},
        {"ZRANGE z 0 -1 WITHSCORES",
         "[[\"j\", ,-10000000000000000], [\"g\", ,0], [\"n\", ,4.9406564584124654e-324], [\"e\", "
         ",9.9999999999999995e-08], [\"c\", ,0.10000000000000001], [\"d\", ,3.14159265358979], "
         "[\"h\", ,9007199254740992], [\"a\", ,1e+17], [\"b\", ,1.2345678901234568e+17], [\"i\", "
         ",1e+18], [\"k\", ,4.6116860184273879e+18], [\"l\", ,9.2233720368547758e+18], [\"f\", "
         ",1e+21], [\"m\", ,1.7976931348623157e+308]]"},
        {"ZSCAN z 0",
         "[\"0\", [\"j\", \"-10000000000000000\", \"g\", \"0\", \"n\", "
         "\"4.9406564584124654e-324\", \"e\", \"9.9999999999999995e-08\", \"c\", "
         "\"0.10000000000000001\", \"d\", \"3.14159265358979\", \"h\", \"9007199254740992\", "
         "\"a\", \"100000000000000000\", \"b\", \"123456789012345680\", \"i\", "
         "\"1000000000000000000\", \"k\", \"4611686018427387904\", \"l\", "
         "\"9.2233720368547758e+18\", \"f\", \"1e+21\", \"m\", \"1.7976931348623157e+308\"]]"},
        {"ZMSCORE z a b c d e f g h i j k l m n",
         "[,1e+17, ,1.2345678901234568e+17, ,0.10000000000000001, ,3.14159265358979, "
         ",9.9999999999999995e-08, ,1e+21, ,0, ,9007199254740992, ,1e+18, ,-10000000000000000, "
         ",4.6116860184273879e+18, ,9.2233720368547758e+18, ,1.7976931348623157e+308, "
         ",4.9406564584124654e-324]"},
    };
    RUN_CASES(cases);
}

Test(sorted_sets, refuses_other_types) {
    static const struct fixture_case cases[] = {
        {"SET s 1", "+OK"},
        {"ZADD s 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZADD s x a", "-ERR value is not a valid float"},
        {"ZADD s XX 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZINCRBY s 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZREM s a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZSCORE s a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZMSCORE s a b", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZCARD s", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZCOUNT s 0 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZCOUNT s x 1", "-ERR min or max is not a float"},
        {"ZLEXCOUNT s - +", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZRANK s a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZREVRANK s a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZRANGE s 0 -1", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZRANGE s a b", "-ERR value is not an integer or out of range"},
        {"ZRANGEBYSCORE s 0 1",
         "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZREVRANGEBYSCORE s 0 1",
         "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZREVRANGE s 0 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZRANGEBYLEX s - +", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZREVRANGEBYLEX s + -",
         "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZPOPMIN s", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZPOPMAX s 0", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZRANDMEMBER s", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZRANDMEMBER s 0", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZRANDMEMBER s x", "-ERR value is not an integer or out of range"},
        {"ZSCAN s 0", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZSCAN s x", "-ERR invalid cursor"},
        {"ZSCAN s 0 FOO", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZREMRANGEBYRANK s 0 1",
         "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZREMRANGEBYSCORE s 0 1",
         "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZREMRANGEBYLEX s - +",
         "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZRANGESTORE d s 0 -1",
         "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZUNION 1 s", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZINTER 2 none s", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZDIFF 1 s", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZUNIONSTORE d 1 s", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZINTERSTORE d 1 s", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZDIFFSTORE d 1 s", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZINTERCARD 1 s", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZMPOP 2 none s MIN",
         "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZADD z 1 a", ":1"},
        {"GET z", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"LPUSH z a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"ZRANGESTORE s z 0 -1", ":1"},
        {"TYPE s", "+zset"},
    };
    RUN_CASES(cases);
}

Test(sorted_sets, removes_members) {
    static const struct fixture_case cases[] = {
        {"ZADD z 1 a 2 b 3 c 4 d", ":4"},
        {"ZREM z a nobody b", ":2"},
        {"ZREM none a", ":0"},
        {"ZREM z nobody", ":0"},
        {"ZREM z c d e", ":2"},
        {"EXISTS z", ":0"},
        {"ZREM z", "-ERR wrong number of arguments for 'zrem' command"},
        {"ZADD z 1 a 2 b 3 c 4 d 5 e", ":5"},
        {"ZREMRANGEBYRANK z 0 0", ":1"},
        {"ZREMRANGEBYRANK z -1 -1", ":1"},
        {"ZREMRANGEBYRANK z 5 9", ":0"},
        {"ZREMRANGEBYRANK z 2 1", ":0"},
        {"ZREMRANGEBYRANK z x 1", "-ERR value is not an integer or out of range"},
        {"ZREMRANGEBYRANK none 0 1", ":0"},
        {"ZREMRANGEBYRANK none x 1", "-ERR value is not an integer or out of range"},
        {"ZRANGE z 0 -1", "[\"b\", \"c\", \"d\"]"},
        {"ZREMRANGEBYRANK z 0 -1", ":3"},
        {"EXISTS z", ":0"},
        {"ZADD z 1 a 2 b 3 c 4 d 5 e", ":5"},
        {"ZREMRANGEBYSCORE z (1 2", ":1"},
        {"ZREMRANGEBYSCORE z (4 +inf", ":1"},
        {"ZREMRANGEBYSCORE z 5 1", ":0"},
        {"ZREMRANGEBYSCORE z x 1", "-ERR min or max is not a float"},
        {"ZREMRANGEBYSCORE none 0 1", ":0"},
        {"ZRANGE z 0 -1", "[\"a\", \"c\", \"d\"]"},
        {"ZREMRANGEBYSCORE z -inf +inf", ":3"},
        {"EXISTS z", ":0"},
        {"ZADD z 0 a 0 b 0 c 0 d 0 e", ":5"},
        {"ZREMRANGEBYLEX z [b (d", ":2"},
        {"ZREMRANGEBYLEX z - (b", ":1"},
        {"ZREMRANGEBYLEX z x y", "-ERR min or max not valid string range item"},
        {"ZREMRANGEBYLEX z + -", ":0"},
        {"ZREMRANGEBYLEX none - +", ":0"},
        {"ZRANGE z 0 -1", "[\"d\", \"e\"]"},
        {"ZREMRANGEBYLEX z - +", ":2"},
        {"EXISTS z", ":0"},
    };
    RUN_CASES(cases);
}

Test(sorted_sets, ranks_members) {
    static const struct fixture_case cases[] = {
        {"ZADD z 1 a 2 b 2 c 3 d", ":4"},
        {"ZRANK z a", ":0"},
        {"ZRANK z c", ":2"},
        {"ZRANK z nobody", "nil"},
        {"ZRANK none a", "nil"},
        {"ZREVRANK z a", ":3"},
        {"ZREVRANK z d", ":0"},
        {"ZREVRANK z nobody", "nil"},
        {"ZREVRANK none a", "nil"},
        {"ZRANK z a WITHSCORE", "-ERR wrong number of arguments for 'zrank' command"},
        {"ZRANK z", "-ERR wrong number of arguments for 'zrank' command"},
        {"ZMSCORE z a nobody b", "[\"1\", nil, \"2\"]"},
        {"ZMSCORE none a b", "[nil, nil]"},
        {"ZMSCORE z", "-ERR wrong number of arguments for 'zmscore' command"},
        {"ZSCORE z b", "\"2\""},
        {"ZSCORE z nobody", "nil"},
        {"ZSCORE none b", "nil"},
        {"%protocol 3", NULL},
        {"ZRANK z b", ":1"},
        {"ZRANK z nobody", "nil"},
        {"ZREVRANK none a", "nil"},
        {"ZMSCORE none a", "[nil]"},
    };
    RUN_CASES(cases);
}

Test(sorted_sets, ranges_by_rank) {
    static const struct fixture_case cases[] = {
        {"ZADD z 1 a 2 b 3 c 4 d 5 e", ":5"},
        {"ZRANGE z 0 -1", "[\"a\", \"b\", \"c\", \"d\", \"e\"]"},
        {"ZRANGE z 1 2", "[\"b\", \"c\"]"},
        {"ZRANGE z -2 -1", "[\"d\", \"e\"]"},
        {"ZRANGE z -100 100", "[\"a\", \"b\", \"c\", \"d\", \"e\"]"},
        {"ZRANGE z 3 1", "[]"},
        {"ZRANGE z 5 6", "[]"},
        {"ZRANGE z 0 -1 REV", "[\"e\", \"d\", \"c\", \"b\", \"a\"]"},
        {"ZRANGE z 1 2 REV WITHSCORES", "[\"d\", \"4\", \"c\", \"3\"]"},
        {"ZRANGE z -2 -1 rev", "[\"b\", \"a\"]"},
        {"ZRANGE z 0 1 WITHSCORES WITHSCORES", "[\"a\", \"1\", \"b\", \"2\"]"},
        {"ZREVRANGE z 0 -1", "[\"e\", \"d\", \"c\", \"b\", \"a\"]"},
        {"ZREVRANGE z 1 2 withscores", "[\"d\", \"4\", \"c\", \"3\"]"},
        {"ZREVRANGE z -1 -1", "[\"a\"]"},
        {"ZREVRANGE z 0 -1 REV", "-ERR syntax error"},
        {"ZREVRANGE z 0 -1 BYSCORE", "-ERR syntax error"},
        {"ZRANGE z 0 x", "-ERR value is not an integer or out of range"},
        {"ZRANGE z x 0 FOO", "-ERR syntax error"},
        {"ZRANGE z 0 -1 FOO", "-ERR syntax error"},
        {"ZRANGE z 0 -1 LIMIT 0 1",
         "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"},
        {"ZRANGE z 0 -1 LIMIT 0 -1", "[\"a\", \"b\", \"c\", \"d\", \"e\"]"},
        {"ZRANGE z 0 -1 LIMIT 1", "-ERR syntax error"},
        {"ZRANGE z 0 -1 LIMIT x y", "-ERR value is not an integer or out of range"},
        {"ZRANGE z 0 -1 REV REV", "-ERR syntax error"},
        {"ZRANGE none 0 -1", "[]"},
        {"ZRANGE z -9223372036854775808 9223372036854775807",
         "[\"a\", \"b\", \"c\", \"d\", \"e\"]"},
        {"ZREVRANGE none 0 -1 WITHSCORES", "[]"},
        {"%protocol 3", NULL},
        {"ZRANGE z 0 1 WITHSCORES", "[[\"a\", ,1], [\"b\", ,2]]"},
        {"ZREVRANGE z 0 1 WITHSCORES", "[[\"e\", ,5], [\"d\", ,4]]"},
        {"ZRANGE z 0 1", "[\"a\", \"b\"]"},
        {"ZRANGE z 5 6 WITHSCORES", "[]"},
        {"ZRANGE none 0 -1 WITHSCORES", "[]"},
    };
    RUN_CASES(cases);
}

Test(sorted_sets, ranges_by_score) {
    static const struct fixture_case cases[] = {
        {"ZADD z 1 a 2 b 2 c 3 d 4.5 e inf f -inf g", ":7"},
        {"ZRANGEBYSCORE z 1 3", "[\"a\", \"b\", \"c\", \"d\"]"},
        {"ZRANGEBYSCORE z (1 3", "[\"b\", \"c\", \"d\"]"},
        {"ZRANGEBYSCORE z 1 (3", "[\"a\", \"b\", \"c\"]"},
        {"ZRANGEBYSCORE z (1 (3", "[\"b\", \"c\"]"},
        {"ZRANGEBYSCORE z (2 (2", "[]"},
        {"ZRANGEBYSCORE z 2 2", "[\"b\", \"c\"]"},
        {"ZRANGEBYSCORE z 3 1", "[]"},
        {"ZRANGEBYSCORE z -inf +inf", "[\"g\", \"a\", \"b\", \"c\", \"d\", \"e\", \"f\"]"},
        {"ZRANGEBYSCORE z (-inf (inf", "[\"a\", \"b\", \"c\", \"d\", \"e\"]"},
        {"ZRANGEBYSCORE z -inf +inf LIMIT 1 2", "[\"a\", \"b\"]"},
        {"ZRANGEBYSCORE z -inf +inf LIMIT 5 10", "[\"e\", \"f\"]"},
        {"ZRANGEBYSCORE z -inf +inf LIMIT 10 10", "[]"},
        {"ZRANGEBYSCORE z -inf +inf LIMIT -1 2", "[]"},
        {"ZRANGEBYSCORE z -inf +inf LIMIT 1 -1", "[\"a\", \"b\", \"c\", \"d\", \"e\", \"f\"]"},
        {"ZRANGEBYSCORE z -inf +inf LIMIT 1 -5", "[\"a\", \"b\", \"c\", \"d\", \"e\", \"f\"]"},
        {"ZRANGEBYSCORE z -inf +inf LIMIT 0 0", "[]"},
        {"ZRANGEBYSCORE z 1 3 WITHSCORES LIMIT 1 2", "[\"b\", \"2\", \"c\", \"2\"]"},
        {"ZRANGEBYSCORE z 1 3 LIMIT 1 2 WITHSCORES", "[\"b\", \"2\", \"c\", \"2\"]"},
        {"ZRANGEBYSCORE z 1 3 LIMIT 1", "-ERR syntax error"},
        {"ZRANGEBYSCORE z 1 3 LIMIT a b", "-ERR value is not an integer or out of range"},
        {"ZRANGEBYSCORE z 1 3 FOO", "-ERR syntax error"},
        {"ZRANGEBYSCORE z 1 3 REV", "-ERR syntax error"},
        {"ZRANGEBYSCORE z 1 x", "-ERR min or max is not a float"},
        {"ZRANGEBYSCORE z nan 1", "-ERR min or max is not a float"},
        {"ZRANGEBYSCORE z (x 1", "-ERR min or max is not a float"},
        {"ZRANGEBYSCORE z \"\" \"\"", "[]"},
        {"ZRANGEBYSCORE z \"(\" \" 2\"", "[\"a\", \"b\", \"c\"]"},
        {"ZRANGEBYSCORE z \"2 \" 3", "-ERR min or max is not a float"},
        {"ZRANGEBYSCORE z 1e-400 1e400", "[\"a\", \"b\", \"c\", \"d\", \"e\", \"f\"]"},
        {"ZRANGEBYSCORE z 0x1 0x2", "[\"a\", \"b\", \"c\"]"},
        {"ZREVRANGEBYSCORE z 3 1", "[\"d\", \"c\", \"b\", \"a\"]"},
        {"ZREVRANGEBYSCORE z (3 1", "[\"c\", \"b\", \"a\"]"},
        {"ZREVRANGEBYSCORE z 3 (1", "[\"d\", \"c\", \"b\"]"},
        {"ZREVRANGEBYSCORE z 1 3", "[]"},
        {"ZREVRANGEBYSCORE z +inf -inf LIMIT 1 2 WITHSCORES", "[\"e\", \"4.5\", \"d\", \"3\"]"},
        {"ZREVRANGEBYSCORE z +inf -inf LIMIT 2 -1", "[\"d\", \"c\", \"b\", \"a\", \"g\"]"},
        {"ZREVRANGEBYSCORE z x 1", "-ERR min or max is not a float"},
        {"ZRANGE z 1 3 BYSCORE", "[\"a\", \"b\", \"c\", \"d\"]"},
        {"ZRANGE z 3 1 BYSCORE REV", "[\"d\", \"c\", \"b\", \"a\"]"},
        {"ZRANGE z 1 3 BYSCORE REV", "[]"},
        {"ZRANGE z (1 (3 BYSCORE WITHSCORES", "[\"b\", \"2\", \"c\", \"2\"]"},
        {"ZRANGE z 3 1 BYSCORE REV LIMIT 1 2 WITHSCORES", "[\"c\", \"2\", \"b\", \"2\"]"},
        {"ZRANGE z 1 3 BYSCORE BYLEX", "-ERR syntax error"},
        {"ZRANGE z 1 3 BYSCORE BYSCORE", "-ERR syntax error"},
        {"ZRANGE z a b BYSCORE", "-ERR min or max is not a float"},
        {"ZRANGE none 1 3 BYSCORE", "[]"},
        {"ZCOUNT z 1 3", ":4"},
        {"ZCOUNT z (1 3", ":3"},
        {"ZCOUNT z -inf +inf", ":7"},
        {"ZCOUNT z 3 1", ":0"},
        {"ZCOUNT z x 1", "-ERR min or max is not a float"},
        {"ZCOUNT none 1 3", ":0"},
        {"ZCOUNT none x 3", "-ERR min or max is not a float"},
        {"%protocol 3", NULL},
        {"ZRANGEBYSCORE z 1 3 WITHSCORES", "[[\"a\", ,1], [\"b\", ,2], [\"c\", ,2], [\"d\", ,3]]"},
        {"ZREVRANGEBYSCORE z 3 1 WITHSCORES LIMIT 0 1", "[[\"d\", ,3]]"},
        {"ZRANGE z 1 2 BYSCORE WITHSCORES", "[[\"a\", ,1], [\"b\", ,2], [\"c\", ,2]]"},
    };
    RUN_CASES(cases);
}

Test(sorted_sets, ranges_by_member) {
    static const struct fixture_case cases[] = {
        {"ZADD z 0 a 0 b 0 c 0 d 0 e 0 \"\" 0 aa", ":7"},
        {"ZRANGEBYLEX z - +", "[\"\", \"a\", \"aa\", \"b\", \"c\", \"d\", \"e\"]"},
        {"ZRANGEBYLEX z [b [d", "[\"b\", \"c\", \"d\"]"},
        {"ZRANGEBYLEX z (b (d", "[\"c\"]"},
        {"ZRANGEBYLEX z (b [d", "[\"c\", \"d\"]"},
        {"ZRANGEBYLEX z [a (b", "[\"a\", \"aa\"]"},
        {"ZRANGEBYLEX z - (aa", "[\"\", \"a\"]"},
        {"ZRANGEBYLEX z [bb +", "[\"c\", \"d\", \"e\"]"},
        {"ZRANGEBYLEX z [d [b", "[]"},
        {"ZRANGEBYLEX z + -", "[]"},
        {"ZRANGEBYLEX z - -", "[]"},
        {"ZRANGEBYLEX z + +", "[]"},
        {"ZRANGEBYLEX z [ (a", "[\"\"]"},
        {"ZRANGEBYLEX z ( (a", "[]"},
        {"ZRANGEBYLEX z a b", "-ERR min or max not valid string range item"},
        {"ZRANGEBYLEX z -x +", "-ERR min or max not valid string range item"},
        {"ZRANGEBYLEX z - +x", "-ERR min or max not valid string range item"},
        {"ZRANGEBYLEX z \"\" +", "-ERR min or max not valid string range item"},
        {"ZRANGEBYLEX z - + LIMIT 1 2", "[\"a\", \"aa\"]"},
        {"ZRANGEBYLEX z - + LIMIT 5 10", "[\"d\", \"e\"]"},
        {"ZRANGEBYLEX z - + WITHSCORES",
         "-ERR syntax error, WITHSCORES not supported in combination with BYLEX"},
        {"ZRANGEBYLEX z - + LIMIT 1", "-ERR syntax error"},
        {"ZREVRANGEBYLEX z + -", "[\"e\", \"d\", \"c\", \"b\", \"aa\", \"a\", \"\"]"},
        {"ZREVRANGEBYLEX z [d (b", "[\"d\", \"c\"]"},
        {"ZREVRANGEBYLEX z - +", "[]"},
        {"ZREVRANGEBYLEX z + - LIMIT 1 2", "[\"d\", \"c\"]"},
        {"ZRANGE z [b [d BYLEX", "[\"b\", \"c\", \"d\"]"},
        {"ZRANGE z [d [b BYLEX REV", "[\"d\", \"c\", \"b\"]"},
        {"ZRANGE z + - BYLEX REV LIMIT 2 2", "[\"c\", \"b\"]"},
        {"ZRANGE z - + BYLEX WITHSCORES",
         "-ERR syntax error, WITHSCORES not supported in combination with BYLEX"},
        {"ZRANGE z - + BYLEX LIMIT 1 -1", "[\"a\", \"aa\", \"b\", \"c\", \"d\", \"e\"]"},
        {"ZRANGE none - + BYLEX", "[]"},
        {"ZLEXCOUNT z - +", ":7"},
        {"ZLEXCOUNT z [b (d", ":2"},
        {"ZLEXCOUNT z + -", ":0"},
        {"ZLEXCOUNT z a b", "-ERR min or max not valid string range item"},
        {"ZLEXCOUNT none - +", ":0"},
    };
    RUN_CASES(cases);
}

Test(sorted_sets, pops_members) {
    static const struct fixture_case cases[] = {
        {"ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g", ":7"},
        {"ZPOPMIN z", "[\"a\", \"1\"]"},
        {"ZPOPMAX z", "[\"g\", \"7\"]"},
        {"ZPOPMIN z 2", "[\"b\", \"2\", \"c\", \"3\"]"},
        {"ZPOPMAX z 2", "[\"f\", \"6\", \"e\", \"5\"]"},
        {"ZPOPMIN z 0", "[]"},
        {"ZPOPMIN none", "[]"},
        {"ZPOPMAX none 5", "[]"},
        {"ZPOPMIN none 0", "[]"},
        {"ZPOPMIN z -1", "-ERR value is out of range, must be positive"},
        {"ZPOPMIN z x", "-ERR value is out of range, must be positive"},
        {"ZPOPMIN z 1 2", "-ERR syntax error"},
        {"ZPOPMIN z 100", "[\"d\", \"4\"]"},
        {"EXISTS z", ":0"},
        {"ZADD z 1 a 2 b 3 c", ":3"},
        {"ZMPOP 2 none z MIN", "[\"z\", [[\"a\", \"1\"]]]"},
        {"ZMPOP 1 z MAX COUNT 10", "[\"z\", [[\"c\", \"3\"], [\"b\", \"2\"]]]"},
        {"EXISTS z", ":0"},
        {"ZMPOP 1 z MIN", "nil*"},
        {"ZMPOP 0 z MIN", "-ERR numkeys should be greater than 0"},
        {"ZMPOP x z MIN", "-ERR numkeys should be greater than 0"},
        {"ZMPOP 1 z FOO", "-ERR syntax error"},
        {"ZMPOP 2 z MIN", "-ERR syntax error"},
        {"ZMPOP 1 z MIN COUNT", "-ERR syntax error"},
        {"ZMPOP 1 z MIN COUNT 0", "-ERR count should be greater than 0"},
        {"ZMPOP 1 z MIN COUNT x", "-ERR count should be greater than 0"},
        {"ZMPOP 1 z MIN COUNT 1 COUNT 1", "-ERR syntax error"},
        {"ZMPOP 1 z MIN FOO 1", "-ERR syntax error"},
        {"ZMPOP 1 z", "-ERR wrong number of arguments for 'zmpop' command"},
        {"ZMPOP 9223372036854775807 a MIN", "-ERR syntax error"},
        {"%protocol 3", NULL},
        {"ZADD z 1 a 2 b 3 c 4.5 d 5 e", ":5"},
        {"ZPOPMIN z", "[\"a\", ,1]"},
        {"ZPOPMAX z", "[\"e\", ,5]"},
        {"ZPOPMIN z 1", "[[\"b\", ,2]]"},
        {"ZPOPMAX z 0", "[]"},
        {"ZMPOP 1 z MIN COUNT 2", "[\"z\", [[\"c\", ,3], [\"d\", ,4.5]]]"},
        {"ZMPOP 1 z MIN", "nil"},
        {"ZPOPMIN z", "[]"},
        {"ZPOPMIN z 1", "[]"},
    };
    RUN_CASES(cases);
}

Test(sorted_sets, picks_random_members) {
    static const struct fixture_case cases[] = {
        {"ZADD z 1 a", ":1"},
        {"ZRANDMEMBER z", "\"a\""},
        {"ZRANDMEMBER z 1", "[\"a\"]"},
        {"ZRANDMEMBER z -3", "[\"a\", \"a\", \"a\"]"},
        {"ZRANDMEMBER z 5 WITHSCORES", "[\"a\", \"1\"]"},
        {"ZRANDMEMBER z -2 withscores", "[\"a\", \"1\", \"a\", \"1\"]"},
        {"ZADD z 2 b 3 c", ":2"},
        {"ZRANDMEMBER z 3", "[\"c\", \"b\", \"a\"]"},
        {"ZRANDMEMBER z 100 WITHSCORES", "[\"c\", \"3\", \"b\", \"2\", \"a\", \"1\"]"},
        {"ZRANDMEMBER z 0", "[]"},
        {"ZRANDMEMBER z 0 WITHSCORES", "[]"},
        {"ZRANDMEMBER none", "nil"},
        {"ZRANDMEMBER none 1", "[]"},
        {"ZRANDMEMBER none -1 WITHSCORES", "[]"},
        {"ZRANDMEMBER z x", "-ERR value is not an integer or out of range"},
        {"ZRANDMEMBER z 1 FOO", "-ERR syntax error"},
        {"ZRANDMEMBER z 1 WITHSCORES FOO", "-ERR syntax error"},
        {"ZRANDMEMBER z -9223372036854775808", "-ERR value is out of range, value must between "
                                               "-9223372036854775807 and 9223372036854775807"},
        {"ZRANDMEMBER z -9223372036854775807 WITHSCORES", "-ERR value is out of range"},
        {"ZRANDMEMBER z 9223372036854775807 WITHSCORES", "-ERR value is out of range"},
        {"ZRANDMEMBER z 9223372036854775807", "[\"c\", \"b\", \"a\"]"},
        {"%protocol 3", NULL},
        {"ZRANDMEMBER none", "nil"},
        {"ZRANDMEMBER z 3 WITHSCORES", "[[\"c\", ,3], [\"b\", ,2], [\"a\", ,1]]"},
        {"ZRANDMEMBER none 1", "[]"},
    };
    RUN_CASES(cases);
}

Test(sorted_sets, scans) {
    static const struct fixture_case cases[] = {
        {"ZADD z 1 a 2.5 b 3 c", ":3"},
        {"ZSCAN z 0", "[\"0\", [\"a\", \"1\", \"b\", \"2.5\", \"c\", \"3\"]]"},
        {"ZSCAN z 17", "[\"0\", [\"a\", \"1\", \"b\", \"2.5\", \"c\", \"3\"]]"},
        {"ZSCAN z 0 COUNT 1", "[\"0\", [\"a\", \"1\", \"b\", \"2.5\", \"c\", \"3\"]]"},
        {"ZSCAN z 0 MATCH b", "[\"0\", [\"b\", \"2.5\"]]"},
        {"ZSCAN z 0 MATCH [ab] COUNT 100", "[\"0\", [\"a\", \"1\", \"b\", \"2.5\"]]"},
        {"ZSCAN z 0 COUNT 0", "-ERR syntax error"},
        {"ZSCAN z 0 COUNT x", "-ERR value is not an integer or out of range"},
        {"ZSCAN z 0 MATCH", "-ERR syntax error"},
        {"ZSCAN z 0 FOO 1", "-ERR syntax error"},
        {"ZSCAN z x", "-ERR invalid cursor"},
        {"ZSCAN none 0", "[\"0\", []]"},
        {"ZSCAN none 0 FOO", "[\"0\", []]"},
        {"ZSCAN z 0 TYPE zset", "-ERR syntax error"},
        {"ZSCAN z", "-ERR wrong number of arguments for 'zscan' command"},
    };
    RUN_CASES(cases);
}

Test(sorted_sets, stores_ranges) {
    static const struct fixture_case cases[] = {
        {"ZADD z 1 a 2 b 3 c 4 d", ":4"},
        {"ZRANGESTORE d z 0 1", ":2"},
        {"ZRANGE d 0 -1 WITHSCORES", "[\"a\", \"1\", \"b\", \"2\"]"},
        {"ZRANGESTORE d z 0 1 REV", ":2"},
        {"ZRANGE d 0 -1 WITHSCORES", "[\"c\", \"3\", \"d\", \"4\"]"},
        {"ZRANGESTORE d z 2 3 BYSCORE", ":2"},
        {"ZRANGE d 0 -1 WITHSCORES", "[\"b\", \"2\", \"c\", \"3\"]"},
        {"ZRANGESTORE d z (1 +inf BYSCORE LIMIT 1 1", ":1"},
        {"ZRANGE d 0 -1 WITHSCORES", "[\"c\", \"3\"]"},
        {"ZRANGESTORE d z [b + BYLEX", ":3"},
        {"ZRANGE d 0 -1", "[\"b\", \"c\", \"d\"]"},
        {"ZRANGESTORE d z 0 -1 WITHSCORES", "-ERR syntax error"},
        {"ZRANGESTORE d z 0 -1 LIMIT 0 1",
         "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"},
        {"ZRANGESTORE d z a b", "-ERR value is not an integer or out of range"},
        {"ZRANGESTORE d z a b BYSCORE", "-ERR min or max is not a float"},
        {"ZRANGESTORE d z 5 6", ":0"},
        {"EXISTS d", ":0"},
        {"SET d x", "+OK"},
        {"ZRANGESTORE d none 0 -1", ":0"},
        {"EXISTS d", ":0"},
        {"ZRANGESTORE d z 0 -1", ":4"},
        {"SET d x", "+OK"},
        {"ZRANGESTORE d z 0 -1", ":4"},
        {"TYPE d", "+zset"},
        {"ZRANGESTORE z z 1 2", ":2"},
        {"ZRANGE z 0 -1 WITHSCORES", "[\"b\", \"2\", \"c\", \"3\"]"},
        {"ZRANGESTORE d z 0", "-ERR wrong number of arguments for 'zrangestore' command"},
    };
    RUN_CASES(cases);
}

Test(sorted_sets, unites_intersects_and_subtracts) {
    static const struct fixture_case cases[] = {
        {"ZADD a 1 x 2 y 3 z", ":3"},
        {"ZADD b 10 y 20 z 30 w", ":3"},
        {"ZADD c 100 z", ":1"},
        {"ZUNION 2 a b", "[\"x\", \"y\", \"z\", \"w\"]"},
        {"ZUNION 2 a b WITHSCORES", "[\"x\", \"1\", \"y\", \"12\", \"z\", \"23\", \"w\", \"30\"]"},
        {"ZUNION 2 a b WEIGHTS 2 3 WITHSCORES",
         "[\"x\", \"2\", \"y\", \"34\", \"z\", \"66\", \"w\", \"90\"]"},
        {"ZUNION 2 a b AGGREGATE MIN WITHSCORES",
         "[\"x\", \"1\", \"y\", \"2\", \"z\", \"3\", \"w\", \"30\"]"},
        {"ZUNION 2 a b WEIGHTS 1 -1 AGGREGATE max WITHSCORES",
         "[\"w\", \"-30\", \"x\", \"1\", \"y\", \"2\", \"z\", \"3\"]"},
        {"ZUNION 3 a b none WITHSCORES",
         "[\"x\", \"1\", \"y\", \"12\", \"z\", \"23\", \"w\", \"30\"]"},
        {"ZUNION 2 a a WITHSCORES", "[\"x\", \"2\", \"y\", \"4\", \"z\", \"6\"]"},
        {"ZUNION 1 none", "[]"},
        {"ZINTER 2 a b WITHSCORES", "[\"y\", \"12\", \"z\", \"23\"]"},
        {"ZINTER 3 a b c", "[\"z\"]"},
        {"ZINTER 3 a b c WITHSCORES AGGREGATE SUM WEIGHTS 1 2 3", "[\"z\", \"343\"]"},
        {"ZINTER 2 a b AGGREGATE MIN WITHSCORES", "[\"y\", \"2\", \"z\", \"3\"]"},
        {"ZINTER 2 a b AGGREGATE MAX WITHSCORES", "[\"y\", \"10\", \"z\", \"20\"]"},
        {"ZINTER 2 a none", "[]"},
        {"ZINTER 2 a a WITHSCORES", "[\"x\", \"2\", \"y\", \"4\", \"z\", \"6\"]"},
        {"ZDIFF 2 a b WITHSCORES", "[\"x\", \"1\"]"},
        {"ZDIFF 1 a", "[\"x\", \"y\", \"z\"]"},
        {"ZDIFF 3 a b c", "[\"x\"]"},
        {"ZDIFF 2 a a", "[]"},
        {"ZDIFF 2 none a", "[]"},
        {"ZDIFF 2 a none WITHSCORES", "[\"x\", \"1\", \"y\", \"2\", \"z\", \"3\"]"},
        {"ZUNIONSTORE d 2 a b", ":4"},
        {"ZRANGE d 0 -1 WITHSCORES", "[\"x\", \"1\", \"y\", \"12\", \"z\", \"23\", \"w\", \"30\"]"},
        {"ZINTERSTORE d 2 a b WEIGHTS 1 0.5", ":2"},
        {"ZRANGE d 0 -1 WITHSCORES", "[\"y\", \"7\", \"z\", \"13\"]"},
        {"ZDIFFSTORE d 2 a c", ":2"},
        {"ZRANGE d 0 -1 WITHSCORES", "[\"x\", \"1\", \"y\", \"2\"]"},
        {"ZINTERSTORE d 2 a none", ":0"},
        {"EXISTS d", ":0"},
        {"ZUNIONSTORE a 2 a b", ":4"},
        {"ZRANGE a 0 -1 WITHSCORES", "[\"x\", \"1\", \"y\", \"12\", \"z\", \"23\", \"w\", \"30\"]"},
        {"ZINTERCARD 2 a b", ":3"},
        {"ZINTERCARD 2 a b LIMIT 1", ":1"},
        {"ZINTERCARD 2 a b LIMIT 0", ":3"},
        {"ZINTERCARD 2 a b LIMIT 100", ":3"},
        {"ZINTERCARD 1 none", ":0"},
        {"ZINTERCARD 0 a", "-ERR at least 1 input key is needed for 'zintercard' command"},
        {"ZINTERCARD 2 a b LIMIT -1", "-ERR LIMIT can't be negative"},
        {"ZINTERCARD 2 a b LIMIT x", "-ERR LIMIT can't be negative"},
        {"ZINTERCARD 2 a b LIMIT", "-ERR syntax error"},
        {"ZINTERCARD 2 a b WEIGHTS 1 2", "-ERR syntax error"},
        {"ZINTERCARD 2 a b WITHSCORES", "-ERR syntax error"},
        {"ZUNION 0 a", "-ERR at least 1 input key is needed for 'zunion' command"},
        {"ZUNION x a", "-ERR value is not an integer or out of range"},
        {"ZUNION 3 a b", "-ERR syntax error"},
        {"ZUNION 2 a b WEIGHTS 1", "-ERR syntax error"},
        {"ZUNION 2 a b WEIGHTS 1 x", "-ERR weight value is not a float"},
        {"ZUNION 2 a b WEIGHTS 1 nan", "-ERR weight value is not a float"},
        {"ZUNION 2 a b AGGREGATE", "-ERR syntax error"},
        {"ZUNION 2 a b AGGREGATE AVG", "-ERR syntax error"},
        {"ZUNION 2 a b FOO", "-ERR syntax error"},
        {"ZDIFF 2 a b WEIGHTS 1 2", "-ERR syntax error"},
        {"ZDIFF 2 a b AGGREGATE SUM", "-ERR syntax error"},
        {"ZDIFF 0 a", "-ERR at least 1 input key is needed for 'zdiff' command"},
        {"ZUNIONSTORE d 2 a b WITHSCORES", "-ERR syntax error"},
        {"ZUNIONSTORE d 0 a", "-ERR at least 1 input key is needed for 'zunionstore' command"},
        {"ZINTERSTORE d -1 a", "-ERR at least 1 input key is needed for 'zinterstore' command"},
        {"ZDIFFSTORE d 0 a", "-ERR at least 1 input key is needed for 'zdiffstore' command"},
        {"ZUNIONSTORE d 1", "-ERR wrong number of arguments for 'zunionstore' command"},
        {"%protocol 3", NULL},
        {"ZUNION 2 b c WITHSCORES", "[[\"y\", ,10], [\"w\", ,30], [\"z\", ,120]]"},
        {"ZUNION 2 b c", "[\"y\", \"w\", \"z\"]"},
        {"ZINTER 2 b c WITHSCORES", "[[\"z\", ,120]]"},
        {"ZDIFF 2 b c WITHSCORES", "[[\"y\", ,10], [\"w\", ,30]]"},
        {"ZDIFF 1 none WITHSCORES", "[]"},
    };
    RUN_CASES(cases);
}

Test(sorted_sets, adds_infinities_and_zeros) {
    static const struct fixture_case cases[] = {
        {"ZADD a inf x -inf y 5 z", ":3"},
        {"ZADD b -inf x inf y 5 z", ":3"},
        {"ZUNION 2 a b WITHSCORES", "[\"x\", \"0\", \"y\", \"0\", \"z\", \"10\"]"},
        {"ZINTER 2 a b WITHSCORES", "[\"x\", \"0\", \"y\", \"0\", \"z\", \"10\"]"},
        {"ZUNION 2 a b WEIGHTS 0 1 WITHSCORES", "[\"x\", \"-inf\", \"z\", \"5\", \"y\", \"inf\"]"},
        {"ZINTER 2 a b WEIGHTS 0 1 WITHSCORES", "[\"x\", \"-inf\", \"z\", \"5\", \"y\", \"inf\"]"},
        {"ZINTER 2 a b WEIGHTS 1 0 AGGREGATE MIN WITHSCORES",
         "[\"y\", \"-inf\", \"z\", \"0\", \"x\", \"inf\"]"},
        {"ZINTER 2 a b WEIGHTS inf -inf AGGREGATE MAX WITHSCORES",
         "[\"y\", \"-inf\", \"x\", \"inf\", \"z\", \"inf\"]"},
        {"ZADD c 0 n", ":1"},
        {"ZUNION 1 c WEIGHTS -1 WITHSCORES", "[\"n\", \"-0\"]"},
        {"ZADD e 0 n 0 o", ":2"},
        {"ZUNION 2 c e WEIGHTS -1 1 WITHSCORES", "[\"n\", \"0\", \"o\", \"0\"]"},
        {"ZUNION 2 c e WEIGHTS 1 -1 WITHSCORES", "[\"n\", \"0\", \"o\", \"-0\"]"},
        {"ZUNIONSTORE d 1 c WEIGHTS -1", ":1"},
        {"ZSCORE d n", "\"0\""},
    };
    RUN_CASES(cases);
}

Test(sorted_sets, takes_sets_as_sources) {
    static const struct fixture_case cases[] = {
        {"SADD s a b c", ":3"},
        {"ZADD z 5 a 7 d", ":2"},
        {"ZUNION 2 s z WITHSCORES", "[\"b\", \"1\", \"c\", \"1\", \"a\", \"6\", \"d\", \"7\"]"},
        {"ZINTER 2 s z WITHSCORES", "[\"a\", \"6\"]"},
        {"ZDIFF 2 s z WITHSCORES", "[\"b\", \"1\", \"c\", \"1\"]"},
        {"ZDIFF 2 z s WITHSCORES", "[\"d\", \"7\"]"},
        {"ZUNION 1 s WEIGHTS 3 WITHSCORES", "[\"a\", \"3\", \"b\", \"3\", \"c\", \"3\"]"},
        {"SADD i 1 2 3", ":3"},
        {"ZADD n 10 2 20 3", ":2"},
        {"ZINTER 2 i n WITHSCORES", "[\"2\", \"11\", \"3\", \"21\"]"},
        {"ZUNIONSTORE d 2 i n WEIGHTS 2 1", ":3"},
        {"ZRANGE d 0 -1 WITHSCORES", "[\"1\", \"2\", \"2\", \"12\", \"3\", \"22\"]"},
        {"ZINTERCARD 2 i n", ":2"},
        {"RPUSH l a", ":1"},
        {"ZUNION 2 s l", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
    };
    RUN_CASES(cases);
}

Test(sorted_sets, copies_are_independent) {
    static const struct fixture_case cases[] = {
        {"ZADD z 1 a 2 b 3 c", ":3"},
        {"COPY z y", ":1"},
        {"ZADD z 5 a 4 d", ":1"},
        {"ZREM y b", ":1"},
        {"ZRANGE z 0 -1 WITHSCORES", "[\"b\", \"2\", \"c\", \"3\", \"d\", \"4\", \"a\", \"5\"]"},
        {"ZRANGE y 0 -1 WITHSCORES", "[\"a\", \"1\", \"c\", \"3\"]"},
        {"ZADD z 1 01234567890123456789012345678901234567890123456789012345678901234", ":1"},
        {"COPY z y REPLACE", ":1"},
        {"OBJECT ENCODING y", "\"skiplist\""},
        {"ZINCRBY z 10 b", "\"12\""},
        {"ZPOPMIN y",
         "[\"01234567890123456789012345678901234567890123456789012345678901234\", \"1\"]"},
        {"ZRANGE z 0 -1 WITHSCORES",
         "[\"01234567890123456789012345678901234567890123456789012345678901234\", \"1\", \"c\", "
         "\"3\", \"d\", \"4\", \"a\", \"5\", \"b\", \"12\"]"},
        {"ZRANGE y 0 -1 WITHSCORES", "[\"b\", \"2\", \"c\", \"3\", \"d\", \"4\", \"a\", \"5\"]"},
    };
    RUN_CASES(cases);
}

/* --- large sorted sets ----------------------------------------------------------------------- */

enum { LARGE = 500 };

/* m0 … m499 with the scores 0 … 499, more than a packed sorted set takes. */
static struct fixture *create_large(void) {
    struct fixture *fixture = fixture_create();
    fixture_set_checks(fixture, false);
    for (int i = 0; i < LARGE; i++)
        cr_assert_str_eq(fixture_format(fixture, "ZADD z %d m%d", i * 7 % LARGE, i * 7 % LARGE),
                         ":1");
    fixture_set_checks(fixture, true);
    return fixture;
}

static void run_lines(struct fixture *fixture, const struct fixture_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *answer = fixture_run(fixture, cases[i].line);
        if (cases[i].answer != NULL)
            cr_expect_str_eq(answer, cases[i].answer, "%s answers %s", cases[i].line, answer);
    }
}

Test(sorted_sets, large_ones_answer_like_small_ones) {
    static const struct fixture_case cases[] = {
        {"ZCARD z", ":500"},
        {"ZRANGE z 0 2", "[\"m0\", \"m1\", \"m2\"]"},
        {"ZRANGE z -2 -1 WITHSCORES", "[\"m498\", \"498\", \"m499\", \"499\"]"},
        {"ZREVRANGE z 100 101", "[\"m399\", \"m398\"]"},
        {"ZRANK z m250", ":250"},
        {"ZREVRANK z m250", ":249"},
        {"ZCOUNT z (99.5 250", ":151"},
        {"ZRANGEBYSCORE z (100 +inf LIMIT 3 2", "[\"m104\", \"m105\"]"},
        {"ZREVRANGEBYSCORE z 100 -inf LIMIT 3 2", "[\"m97\", \"m96\"]"},
        {"ZADD z -0 m100", ":0"},
        {"ZRANGE z 0 1 WITHSCORES", "[\"m0\", \"0\", \"m100\", \"-0\"]"},
        {"ZRANGEBYSCORE z 0 0 WITHSCORES", "[\"m0\", \"0\", \"m100\", \"-0\"]"},
        {"ZADD z INCR 100 m100", "\"100\""},
        {"ZREMRANGEBYSCORE z 10 489", ":480"},
        {"ZPOPMIN z 2", "[\"m0\", \"0\", \"m1\", \"1\"]"},
        {"ZPOPMAX z 2", "[\"m499\", \"499\", \"m498\", \"498\"]"},
        {"ZREMRANGEBYRANK z 1 -2", ":14"},
        {"ZRANGE z 0 -1", "[\"m2\", \"m497\"]"},
        {"ZREM z m2 m497", ":2"},
        {"ZCARD z", ":0"},
    };
    struct fixture *fixture = create_large();
    run_lines(fixture, cases, COUNT_OF(cases));
    fixture_destroy(fixture);
}

/* Marks the members that an answer names and returns how many it names; `*cursor` is the next. */
static uint32_t mark_scanned(const char *answer, unsigned *cursor, uint8_t seen[LARGE]) {
    uint32_t count = 0;
    cr_assert_eq(sscanf(answer, "[\"%u\"", cursor), 1, "%s", answer);
    for (const char *at = answer; (at = strstr(at, "\"m")) != NULL; at += 2) {
        unsigned number;
        cr_assert_eq(sscanf(at, "\"m%u\"", &number), 1);
        cr_assert_lt(number, LARGE);
        seen[number] += 1;
        count += 1;
    }
    return count;
}

Test(sorted_sets, a_scan_meets_each_member_once_in_steps_of_count) {
    struct fixture *fixture = create_large();
    uint8_t seen[LARGE] = {0};
    unsigned cursor = 0, steps = 0;
    do {
        uint32_t count =
            mark_scanned(fixture_format(fixture, "ZSCAN z %u COUNT 70", cursor), &cursor, seen);
        cr_expect_leq(count, 70);
        steps += 1;
    } while (cursor != 0);
    cr_expect_eq(steps, 8);
    for (unsigned i = 0; i < LARGE; i++)
        cr_expect_eq(seen[i], 1, "m%u was met %u times", i, seen[i]);
    fixture_destroy(fixture);
}

/* SAFETY 25: a member that a group removes and adds again keeps its place in a scan under way. */
Test(sorted_sets, a_scan_meets_members_that_a_group_replaced) {
    struct fixture *fixture = create_large();
    uint8_t seen[LARGE] = {0};
    unsigned cursor = 0;
    mark_scanned(fixture_run(fixture, "ZSCAN z 0 COUNT 200"), &cursor, seen);
    fixture_run(fixture, "%group");
    for (int i = 0; i < LARGE; i += 3)
        cr_expect_str_eq(fixture_format(fixture, "ZREM z m%d", i), ":1");
    cr_expect_str_neq(fixture_run(fixture, "ZRANDMEMBER z"), "nil");
    cr_expect_str_eq(fixture_run(fixture, "ZCARD z"), ":333");
    for (int i = 0; i < LARGE; i += 3)
        cr_expect_str_eq(fixture_format(fixture, "ZADD z %d m%d", -i, i), ":1");
    fixture_run(fixture, "%end");
    while (cursor != 0)
        mark_scanned(fixture_format(fixture, "ZSCAN z %u COUNT 30", cursor), &cursor, seen);
    for (unsigned i = 0; i < LARGE; i++)
        cr_expect_eq(seen[i], 1, "m%u was met %u times", i, seen[i]);
    fixture_destroy(fixture);
}

Test(sorted_sets, random_members_differ_and_come_from_the_seed) {
    struct fixture *fixture = create_large();
    static const unsigned wanted[] = {1, 10, 170, 499, 500};
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        uint8_t seen[LARGE] = {0};
        unsigned unused;
        char answer[16 * LARGE] = "[\"0\", ";
        strcat(answer, fixture_format(fixture, "ZRANDMEMBER z %u", wanted[i]));
        cr_expect_eq(mark_scanned(answer, &unused, seen), wanted[i]);
        for (unsigned member = 0; member < LARGE; member++)
            cr_expect_leq(seen[member], 1, "m%u twice", member);
    }
    char first[64];
    fixture_run(fixture, "%seed 5");
    strcpy(first, fixture_run(fixture, "ZRANDMEMBER z"));
    fixture_run(fixture, "%seed 5");
    cr_expect_str_eq(fixture_run(fixture, "ZRANDMEMBER z"), first);
    fixture_destroy(fixture);
}

Test(sorted_sets, results_of_many_members_are_stored) {
    static const struct fixture_case cases[] = {
        {"ZRANGESTORE low z 0 299", ":300"},
        {"ZRANGESTORE high z 200 -1", ":300"},
        {"ZUNIONSTORE d 2 low high WEIGHTS 1 2", ":500"},
        {"ZMSCORE d m199 m200 m299 m300", "[\"199\", \"600\", \"897\", \"600\"]"},
        {"ZINTERSTORE d 2 low high AGGREGATE MAX", ":100"},
        {"ZRANGE d 0 0 WITHSCORES", "[\"m200\", \"200\"]"},
        {"ZINTERCARD 2 low high LIMIT 30", ":30"},
        {"ZDIFFSTORE d 2 low high", ":200"},
        {"ZRANGE d -1 -1 WITHSCORES", "[\"m199\", \"199\"]"},
        {"ZUNIONSTORE z 1 z WEIGHTS -1", ":500"},
        {"ZRANGE z 0 0 WITHSCORES", "[\"m499\", \"-499\"]"},
        {"ZRANGESTORE z z 0 1", ":2"},
        {"ZRANGE z 0 -1", "[\"m499\", \"m498\"]"},
    };
    struct fixture *fixture = create_large();
    run_lines(fixture, cases, COUNT_OF(cases));
    fixture_destroy(fixture);
}
