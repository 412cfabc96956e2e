/* The judge of histories is judged: made-up histories, good ones and bad ones. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/simulator/history.h"

enum { ROWS_MAX = 12, UNKNOWN = -1 };

/* One single command: when it was asked and answered (UNKNOWN: never), and the answer. A record's
 * text is given by the tokens it consists of, last one first: 21 is 1 and then 2. So is a list by
 * its tokens, the first one last, and what a map or a sorted set holds by its members, each behind
 * its number: 5142 is member 2 with 4 and member 1 with 5. Two records are two digits, 0 for none,
 * the second one first. */
struct row {
    uint32_t connection;
    int invoked, returned;
    enum history_call call;
    int64_t argument;
    int64_t result; /* NOTHING: null */
    uint32_t member, span_ms;
    uint64_t low, high; /* log time; high 0: no bound */
};
#define NOTHING INT64_MIN

static const struct {
    const char *name;
    bool good;
    struct row rows[ROWS_MAX];
} cases[] = {
    {"nothing happened", true, {{0}}},
    {"read what was written", true, {{1, 1, 2, HISTORY_SET, 1, 1}, {2, 3, 4, HISTORY_GET, 0, 1}}},
    {"a read during a write may see either, old",
     true,
     {{1, 1, 4, HISTORY_SET, 1, 1}, {2, 2, 3, HISTORY_GET, 0, NOTHING}}},
    {"a read during a write may see either, new",
     true,
     {{1, 1, 4, HISTORY_SET, 1, 1}, {2, 2, 3, HISTORY_GET, 0, 1}}},
    {"new, and then old again",
     false,
     {{1, 1, 9, HISTORY_SET, 1, 1},
      {2, 2, 3, HISTORY_GET, 0, 1},
      {3, 4, 5, HISTORY_GET, 0, NOTHING}}},
    {"a stale read",
     false,
     {{1, 1, 2, HISTORY_SET, 1, 1}, {1, 3, 4, HISTORY_SET, 2, 1}, {2, 5, 6, HISTORY_GET, 0, 1}}},
    {"an acknowledged write is lost",
     false,
     {{1, 1, 2, HISTORY_SET, 1, 1}, {2, 3, 4, HISTORY_GET, 0, NOTHING}}},
    {"a value that nobody has written", false, {{1, 1, 2, HISTORY_GET, 0, 7}}},
    {"an unknown write took effect, late",
     true,
     {{1, 1, UNKNOWN, HISTORY_SET, 1, 0},
      {2, 2, 3, HISTORY_GET, 0, NOTHING},
      {2, 4, 5, HISTORY_GET, 0, 1}}},
    {"an unknown write never took effect",
     true,
     {{1, 1, UNKNOWN, HISTORY_SET, 1, 0}, {2, 2, 3, HISTORY_GET, 0, NOTHING}}},
    {"an unknown write comes and goes",
     false,
     {{1, 1, UNKNOWN, HISTORY_SET, 1, 0},
      {2, 2, 3, HISTORY_GET, 0, 1},
      {2, 4, 5, HISTORY_GET, 0, NOTHING}}},
    {"an effect before the question",
     false,
     {{2, 1, 2, HISTORY_GET, 0, 1}, {1, 3, UNKNOWN, HISTORY_SET, 1, 0}}},
    {"two increments at once",
     true,
     {{1, 1, 4, HISTORY_INCRBY, 1, 1}, {2, 2, 3, HISTORY_INCRBY, 1, 2}}},
    {"an increment done twice",
     false,
     {{1, 1, 2, HISTORY_INCRBY, 1, 1}, {2, 3, 4, HISTORY_COUNT, 0, 2}}},
    {"an unknown increment done twice",
     false,
     {{1, 1, UNKNOWN, HISTORY_INCRBY, 1, 0}, {2, 3, 4, HISTORY_COUNT, 0, 2}}},
    {"two increments with one answer",
     false,
     {{1, 1, 4, HISTORY_INCRBY, 1, 1}, {2, 2, 3, HISTORY_INCRBY, 1, 1}}},
    {"a pipeline in order",
     true,
     {{1, 1, 7, HISTORY_SET, 1, 1}, {1, 2, 8, HISTORY_GET, 0, 1}, {1, 3, 9, HISTORY_SET, 2, 1}}},
    {"a read of a pipeline sees the write behind it",
     false,
     {{1, 1, 7, HISTORY_SET, 1, 1}, {1, 2, 8, HISTORY_GET, 0, 2}, {1, 3, 9, HISTORY_SET, 2, 1}}},
    {"a read of a pipeline misses the write before it",
     false,
     {{1, 1, 8, HISTORY_SET, 1, 1}, {1, 2, 9, HISTORY_GET, 0, NOTHING}}},
    {"the same from two connections is fine",
     true,
     {{1, 1, 8, HISTORY_SET, 1, 1}, {2, 2, 9, HISTORY_GET, 0, NOTHING}}},
    {"an unknown pipeline, its second write without its first, which was refused",
     true,
     {{1, 1, UNKNOWN, HISTORY_INCRBY, 1, 0},
      {1, 2, UNKNOWN, HISTORY_INCRBY, 2, 0},
      {2, 3, 4, HISTORY_COUNT, 0, 2}}},
    {"an unknown pipeline, its first write after its second",
     false,
     {{1, 1, UNKNOWN, HISTORY_INCRBY, 1, 0},
      {1, 2, UNKNOWN, HISTORY_INCRBY, 2, 0},
      {2, 3, 4, HISTORY_COUNT, 0, 2},
      {2, 5, 6, HISTORY_COUNT, 0, 3}}},
    {"order across keys: the list is pushed before the counter",
     false,
     {{1, 1, 8, HISTORY_LPUSH, 5, 1},
      {1, 2, 9, HISTORY_INCRBY, 1, 1},
      {2, 3, 4, HISTORY_COUNT, 0, 1},
      {2, 5, 6, HISTORY_LLEN, 0, 0}}},
    {"an element popped twice",
     false,
     {{1, 1, 2, HISTORY_LPUSH, 5, 1},
      {2, 3, 6, HISTORY_LPOP, 0, 5},
      {3, 4, 5, HISTORY_RPOP, 0, 5}}},
    {"an element pushed once and popped once",
     true,
     {{1, 1, 2, HISTORY_LPUSH, 5, 1},
      {2, 3, 6, HISTORY_LPOP, 0, 5},
      {3, 4, 5, HISTORY_RPOP, 0, NOTHING}}},
    {"both ends",
     true,
     {{1, 1, 2, HISTORY_LPUSH, 5, 1},
      {1, 3, 4, HISTORY_RPUSH, 6, 2},
      {2, 5, 6, HISTORY_RPOP, 0, 6},
      {2, 7, 8, HISTORY_LPOP, 0, 5}}},
    {"set if absent: one of two wins",
     true,
     {{1, 1, 4, HISTORY_SETNX, 1, NOTHING}, {2, 2, 3, HISTORY_SETNX, 2, 1}}},
    {"set if absent: both win",
     false,
     {{1, 1, 4, HISTORY_SETNX, 1, 1}, {2, 2, 3, HISTORY_SETNX, 2, 1}}},
    {"the old value of GETSET",
     true,
     {{1, 1, 2, HISTORY_SET, 1, 1}, {2, 3, 4, HISTORY_GETSET, 2, 1}, {1, 5, 6, HISTORY_GET, 0, 2}}},
    {"appended in order",
     true,
     {{1, 1, 2, HISTORY_SET, 1, 1},
      {1, 3, 4, HISTORY_APPEND, 2, 6},
      {2, 5, 6, HISTORY_GET, 0, 21}}},
    {"deleted, and back again",
     false,
     {{1, 1, 2, HISTORY_SET, 1, 1}, {1, 3, 4, HISTORY_DEL, 0, 1}, {2, 5, 6, HISTORY_GET, 0, 1}}},
    /* Records, two at once */
    {"set where there is one",
     true,
     {{1, 1, 2, HISTORY_SETXX, 1, NOTHING},
      {1, 3, 4, HISTORY_SET, 2, 1},
      {1, 5, 6, HISTORY_SETXX, 3, 1},
      {2, 7, 8, HISTORY_GET, 0, 3}}},
    {"set where there is none", false, {{1, 1, 2, HISTORY_SETXX, 1, 1}}},
    {"the old value of a SET that did nothing",
     true,
     {{1, 1, 2, HISTORY_SET, 1, 1},
      {2, 3, 4, HISTORY_SETNX_GET, 2, 1},
      {2, 5, 6, HISTORY_GET, 0, 1}}},
    {"two take what only one can have",
     false,
     {{1, 1, 2, HISTORY_SET, 1, 1},
      {2, 3, 6, HISTORY_GETDEL, 0, 1},
      {3, 4, 5, HISTORY_GETDEL, 0, 1}}},
    {"both or none",
     true,
     {{1, 1, 4, HISTORY_MSETNX, 1, 1},
      {2, 2, 3, HISTORY_MGET, 0, 0},
      {2, 5, 6, HISTORY_MGET, 0, 11}}},
    {"one of both", false, {{1, 1, 4, HISTORY_MSETNX, 1, 1}, {2, 2, 3, HISTORY_MGET, 0, 1}}},
    {"one of both stands in the way",
     true,
     {{1, 1, 2, HISTORY_SET, 1, 1},
      {2, 3, 4, HISTORY_MSETNX, 2, 0},
      {2, 5, 6, HISTORY_MGET, 0, 1}}},
    {"an unknown pair, half of it",
     false,
     {{1, 1, UNKNOWN, HISTORY_MSETNX, 1, 0}, {2, 2, 3, HISTORY_MGET, 0, 10}}},
    {"down again", true, {{1, 1, 2, HISTORY_INCRBY, 3, 3}, {1, 3, 4, HISTORY_DECRBY, 2, 1}}},
    /* Lists */
    {"from one queue to another",
     true,
     {{1, 1, 2, HISTORY_LPUSH, 5, 1},
      {2, 3, 4, HISTORY_TAKE, 0, 5},
      {2, 5, 6, HISTORY_LRANGE, 0, 0},
      {3, 7, 8, HISTORY_LRANGE_TAKEN, 0, 5},
      {3, 9, 10, HISTORY_DONE, 0, 5}}},
    {"moved, and still there",
     false,
     {{1, 1, 2, HISTORY_LPUSH, 5, 1},
      {2, 3, 4, HISTORY_TAKE, 0, 5},
      {3, 5, 6, HISTORY_LLEN, 0, 1}}},
    {"lost on its way from one queue to the other",
     false,
     {{1, 1, 2, HISTORY_LPUSH, 5, 1},
      {2, 3, 6, HISTORY_TAKE, 0, 5},
      {3, 4, 5, HISTORY_LRANGE, 0, 0},
      {3, 7, 8, HISTORY_LRANGE_TAKEN, 0, 0}}},
    {"round and round",
     true,
     {{1, 1, 2, HISTORY_RPUSH, 5, 1},
      {1, 3, 4, HISTORY_RPUSH, 6, 2},
      {1, 5, 6, HISTORY_ROTATE, 0, 5},
      {2, 7, 8, HISTORY_LRANGE, 0, 56}}},
    {"back again",
     true,
     {{1, 1, 2, HISTORY_LPUSH, 5, 1},
      {1, 3, 4, HISTORY_TAKE, 0, 5},
      {1, 5, 6, HISTORY_RETURN, 0, 5},
      {1, 7, 8, HISTORY_DONE, 0, NOTHING}}},
    /* Sets */
    {"added once",
     false,
     {{1, 1, 4, HISTORY_SADD, 0, 1, .member = 2}, {2, 2, 3, HISTORY_SADD, 0, 1, .member = 2}}},
    {"a member popped is gone",
     true,
     {{1, 1, 2, HISTORY_SADD, 0, 1, .member = 2},
      {1, 3, 4, HISTORY_SADD, 0, 1, .member = 3},
      {2, 5, 6, HISTORY_SPOP, 0, 3},
      {2, 7, 8, HISTORY_SMEMBERS, 0, 4},
      {2, 9, 10, HISTORY_SCARD, 0, 1}}},
    {"a member popped twice",
     false,
     {{1, 1, 2, HISTORY_SADD, 0, 1, .member = 2},
      {2, 3, 6, HISTORY_SPOP, 0, 2},
      {3, 4, 5, HISTORY_SPOP, 0, 2}}},
    {"a member that was never there is popped",
     false,
     {{1, 1, 2, HISTORY_SADD, 0, 1, .member = 2}, {2, 3, 4, HISTORY_SPOP, 0, 1}}},
    {"an unknown pop took either",
     true,
     {{1, 1, 2, HISTORY_SADD, 0, 1, .member = 1},
      {1, 3, 4, HISTORY_SADD, 0, 1, .member = 4},
      {2, 5, UNKNOWN, HISTORY_SPOP, 0, 0},
      {3, 7, 8, HISTORY_SMEMBERS, 0, 2}}},
    {"an unknown pop took both",
     false,
     {{1, 1, 2, HISTORY_SADD, 0, 1, .member = 1},
      {1, 3, 4, HISTORY_SADD, 0, 1, .member = 4},
      {2, 5, UNKNOWN, HISTORY_SPOP, 0, 0},
      {3, 7, 8, HISTORY_SMEMBERS, 0, 0}}},
    {"two unknown pops took both",
     true,
     {{1, 1, 2, HISTORY_SADD, 0, 1, .member = 1},
      {1, 3, 4, HISTORY_SADD, 0, 1, .member = 4},
      {2, 5, UNKNOWN, HISTORY_SPOP, 0, 0},
      {3, 6, UNKNOWN, HISTORY_SPOP, 0, 0},
      {4, 7, 8, HISTORY_SMEMBERS, 0, 0}}},
    {"in one set or the other",
     false,
     {{1, 1, 2, HISTORY_SADD, 0, 1, .member = 1},
      {1, 3, 4, HISTORY_SMOVE, 0, 1, .member = 1},
      {2, 5, 6, HISTORY_SISMEMBER, 0, 1, .member = 1}}},
    {"moved there and back",
     true,
     {{1, 1, 2, HISTORY_SADD, 0, 1, .member = 1},
      {1, 3, 4, HISTORY_SMOVE, 0, 1, .member = 1},
      {1, 5, 6, HISTORY_SMEMBERS_MOVED, 0, 2},
      {1, 7, 8, HISTORY_SMOVE_BACK, 0, 1, .member = 1},
      {1, 9, 10, HISTORY_SMOVE_BACK, 0, 0, .member = 1}}},
    /* Maps and sorted sets */
    {"fields",
     true,
     {{1, 1, 2, HISTORY_HSET, 4, 1, .member = 1},
      {1, 3, 4, HISTORY_HSETNX, 9, 0, .member = 1},
      {1, 5, 6, HISTORY_HINCRBY, 3, 7, .member = 1},
      {1, 7, 8, HISTORY_HSET, 2, 1, .member = 3},
      {1, 9, 10, HISTORY_HGETALL, 0, 2371},
      {1, 11, 12, HISTORY_HDEL, 0, 1, .member = 1},
      {1, 13, 14, HISTORY_HGET, 0, NOTHING, .member = 1},
      {1, 15, 16, HISTORY_HLEN, 0, 1}}},
    {"a field added up twice",
     false,
     {{1, 1, UNKNOWN, HISTORY_HINCRBY, 2, 0, .member = 1},
      {2, 2, 3, HISTORY_HGET, 0, 4, .member = 1}}},
    {"in the order of scores",
     true,
     {{1, 1, 2, HISTORY_ZADD, 3, 1, .member = 1},
      {1, 3, 4, HISTORY_ZADD, 2, 1, .member = 2},
      {1, 5, 6, HISTORY_ZRANGE, 0, 3122},
      {1, 7, 8, HISTORY_ZRANK, 0, 1, .member = 1},
      {1, 9, 10, HISTORY_ZINCRBY, 2, 4, .member = 2},
      {1, 11, 12, HISTORY_ZPOPMIN, 0, 31},
      {1, 13, 14, HISTORY_ZPOPMAX, 0, 42},
      {1, 15, 16, HISTORY_ZPOPMAX, 0, NOTHING}}},
    {"equal scores in the order of names",
     false,
     {{1, 1, 2, HISTORY_ZADD, 2, 1, .member = 2},
      {1, 3, 4, HISTORY_ZADD, 2, 1, .member = 1},
      {1, 5, 6, HISTORY_ZPOPMIN, 0, 22}}},
    {"only upwards",
     true,
     {{1, 1, 2, HISTORY_ZADD_GT, 3, 1, .member = 1},
      {1, 3, 4, HISTORY_ZADD_GT, 2, 0, .member = 1},
      {1, 5, 6, HISTORY_ZSCORE, 0, 3, .member = 1},
      {1, 7, 8, HISTORY_ZREM, 0, 1, .member = 1}}},
    {"taken by two",
     false,
     {{1, 1, 2, HISTORY_ZADD, 3, 1, .member = 1},
      {2, 3, 6, HISTORY_ZPOPMIN, 0, 31},
      {3, 4, 5, HISTORY_ZPOPMAX, 0, 31}}},
    /* Keys that expire: at log time 100 to 110 it is set for 50 ms */
    {"read before its deadline",
     true,
     {{1, 1, 2, HISTORY_PSET, 1, 1, .span_ms = 50, .low = 100, .high = 110},
      {2, 3, 4, HISTORY_PGET, 0, 1, .low = 140, .high = 155}}},
    {"read when its deadline may have come",
     true,
     {{1, 1, 2, HISTORY_PSET, 1, 1, .span_ms = 50, .low = 100, .high = 110},
      {2, 3, 4, HISTORY_PGET, 0, NOTHING, .low = 140, .high = 150}}},
    {"gone early",
     false,
     {{1, 1, 2, HISTORY_PSET, 1, 1, .span_ms = 50, .low = 100, .high = 110},
      {2, 3, 4, HISTORY_PGET, 0, NOTHING, .low = 140, .high = 149}}},
    {"read behind its deadline",
     false,
     {{1, 1, 2, HISTORY_PSET, 1, 1, .span_ms = 50, .low = 100, .high = 110},
      {2, 3, 4, HISTORY_PGET, 0, 1, .low = 160, .high = 170}}},
    {"gone, and back again",
     false,
     {{1, 1, 2, HISTORY_PSET, 1, 1, .span_ms = 50, .low = 100, .high = 110},
      {2, 3, 4, HISTORY_PGET, 0, NOTHING, .low = 150, .high = 155},
      {2, 5, 6, HISTORY_PGET, 0, 1, .low = 155, .high = 157}}},
    {"told of its deadline",
     true,
     {{1, 1, 2, HISTORY_PSET, 1, 1, .span_ms = 50, .low = 100, .high = 110},
      {2, 3, 4, HISTORY_DEADLINE, 0, 153, .low = 120, .high = 130},
      {2, 5, 6, HISTORY_PGET, 0, NOTHING, .low = 150, .high = 153}}},
    {"told of it, and gone before",
     false,
     {{1, 1, 2, HISTORY_PSET, 1, 1, .span_ms = 50, .low = 100, .high = 110},
      {2, 3, 4, HISTORY_DEADLINE, 0, 153, .low = 120, .high = 130},
      {2, 5, 6, HISTORY_PGET, 0, NOTHING, .low = 150, .high = 152}}},
    {"a deadline that it cannot have",
     false,
     {{1, 1, 2, HISTORY_PSET, 1, 1, .span_ms = 50, .low = 100, .high = 110},
      {2, 3, 4, HISTORY_DEADLINE, 0, 161, .low = 120, .high = 130}}},
    {"two deadlines",
     false,
     {{1, 1, 2, HISTORY_PSET, 1, 1, .span_ms = 50, .low = 100, .high = 110},
      {2, 3, 4, HISTORY_DEADLINE, 0, 153, .low = 120, .high = 130},
      {2, 5, 6, HISTORY_DEADLINE, 0, 154, .low = 120, .high = 130}}},
    {"made to stay",
     true,
     {{1, 1, 2, HISTORY_PSET, 1, 1, .span_ms = 50, .low = 100, .high = 110},
      {1, 3, 4, HISTORY_PERSIST, 0, 1, .low = 120, .high = 130},
      {1, 5, 6, HISTORY_DEADLINE, 0, -1, .low = 120, .high = 130},
      {2, 7, 8, HISTORY_PGET, 0, 1, .low = 900, .high = 999}}},
    {"made to stay when it was gone",
     false,
     {{1, 1, 2, HISTORY_PSET, 1, 1, .span_ms = 50, .low = 100, .high = 110},
      {1, 3, 4, HISTORY_PERSIST, 0, 1, .low = 160, .high = 170}}},
    {"an unknown one makes it stay",
     true,
     {{1, 1, 2, HISTORY_PSET, 1, 1, .span_ms = 50, .low = 100, .high = 110},
      {1, 3, UNKNOWN, HISTORY_PERSIST, 0, 0, .low = 120},
      {2, 5, 6, HISTORY_PGET, 0, 1, .low = 900, .high = 999}}},
    {"set anew where it has expired",
     true,
     {{1, 1, 2, HISTORY_PSET, 1, 1, .span_ms = 50, .low = 100, .high = 110},
      {1, 3, 4, HISTORY_PSETNX, 2, 1, .span_ms = 50, .low = 140, .high = 155},
      {1, 5, 6, HISTORY_DEADLINE, 0, 201, .low = 155, .high = 160}}},
    {"set anew where it cannot have expired",
     false,
     {{1, 1, 2, HISTORY_PSET, 1, 1, .span_ms = 50, .low = 100, .high = 110},
      {1, 3, 4, HISTORY_PSETNX, 2, 1, .span_ms = 50, .low = 140, .high = 149}}},
    {"an unknown one sets it anew, when it has expired",
     true,
     {{1, 1, 2, HISTORY_PSET, 1, 1, .span_ms = 50, .low = 100, .high = 110},
      {1, 3, UNKNOWN, HISTORY_PSETNX, 2, 0, .span_ms = 50, .low = 140},
      {2, 5, 6, HISTORY_PGET, 0, 2, .low = 160, .high = 165}}},
    {"an unknown one came too late, or was refused, and something behind it was done",
     true,
     {{1, 1, 2, HISTORY_PSET, 1, 1, .span_ms = 50, .low = 100, .high = 100},
      {1, 3, UNKNOWN, HISTORY_PERSIST, 0, 0, .low = 100},
      {1, 4, UNKNOWN, HISTORY_INCRBY, 2, 0},
      {2, 5, 6, HISTORY_COUNT, 0, 2},
      {2, 7, 8, HISTORY_PGET, 0, NOTHING, .low = 150, .high = 150}}},
    {"an unknown one did nothing, and something behind it was done",
     true,
     {{1, 1, 2, HISTORY_PSET, 1, 1, .span_ms = 50, .low = 100, .high = 100},
      {1, 3, UNKNOWN, HISTORY_PSETNX, 2, 0, .span_ms = 50, .low = 100},
      {1, 4, UNKNOWN, HISTORY_INCRBY, 2, 0},
      {2, 5, 6, HISTORY_COUNT, 0, 2},
      {2, 7, 8, HISTORY_PGET, 0, 1, .low = 149, .high = 149}}},
    {"given longer to live",
     true,
     {{1, 1, 2, HISTORY_PSET, 1, 1, .span_ms = 50, .low = 100, .high = 110},
      {1, 3, 4, HISTORY_PEXPIRE, 0, 1, .span_ms = 90, .low = 120, .high = 121},
      {2, 5, 6, HISTORY_PGET, 0, 1, .low = 209, .high = 211},
      {2, 7, 8, HISTORY_PGET, 0, NOTHING, .low = 209, .high = 211},
      {2, 9, 10, HISTORY_PDEL, 0, 0, .low = 209, .high = 211}}},
    {"an order that only the log's time forbids",
     false,
     {{1, 1, 8, HISTORY_PSET, 1, 1, .span_ms = 50, .low = 100, .high = 110},
      {2, 2, 7, HISTORY_PSET, 2, 1, .span_ms = 50, .low = 100, .high = 110},
      {3, 3, 4, HISTORY_DEADLINE, 0, 158, .low = 109, .high = 110},
      {3, 5, 6, HISTORY_DEADLINE, 0, 151, .low = 109, .high = 110}}},
};

static uint64_t text_of(int64_t tokens) {
    uint64_t text = HISTORY_EMPTY;
    char token[HISTORY_TOKEN_SIZE];
    for (; tokens > 0; tokens /= 10)
        text = history_text(text, history_token(tokens % 10, token));
    return text;
}

static uint64_t list_of(int64_t tokens) {
    uint64_t chain = HISTORY_EMPTY;
    for (; tokens > 0; tokens /= 10)
        chain = history_chain(chain, tokens % 10);
    return chain;
}

static uint64_t pair_of(int64_t tokens) {
    uint64_t chain = HISTORY_EMPTY;
    for (int i = 0; i < 2; i++, tokens /= 10)
        chain = history_chain(chain, tokens % 10 == 0 ? 0 : (int64_t)text_of(tokens % 10));
    return chain;
}

static uint64_t value_of(enum history_call call, int64_t result) {
    switch (history_call_result(call)) {
    case HISTORY_TEXT:
        return text_of(result);
    case HISTORY_TEXTS:
        return pair_of(result);
    case HISTORY_TOKENS:
    case HISTORY_PAIRS: /* member, number, member, number */
    case HISTORY_SCORES:
    case HISTORY_POPPED:
        return list_of(result);
    default:
        return (uint64_t)result;
    }
}

static struct history_operation operation_of(const struct row *row) {
    struct history_operation operation = {
        .connection = row->connection,
        .invoked = (uint64_t)row->invoked,
        .returned = row->returned == UNKNOWN ? HISTORY_UNKNOWN : (uint64_t)row->returned,
        .log_ms_low = row->low,
        .log_ms_high = row->high == 0 ? UINT64_MAX : row->high,
        .count = 1,
        .commands[0] = {.call = row->call,
                        .argument = row->argument,
                        .member = row->member,
                        .span_ms = row->span_ms}};
    operation.commands[0].result.null = row->result == NOTHING;
    operation.commands[0].result.value = value_of(row->call, row->result);
    return operation;
}

Test(history, tells_good_ones_from_bad_ones) {
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct history_operation operations[ROWS_MAX];
        uint32_t count = 0;
        while (count < ROWS_MAX && cases[i].rows[count].invoked != 0) {
            operations[count] = operation_of(&cases[i].rows[count]);
            count++;
        }
        uint64_t configurations;
        enum history_verdict verdict = history_check(operations, count, 1000, &configurations);
        cr_expect_eq(verdict, cases[i].good ? HISTORY_LINEARIZABLE : HISTORY_VIOLATED, "%s",
                     cases[i].name);
    }
}

/* MULTI: x = GET, INCR in one; nobody comes between. */
Test(history, a_group_happens_at_one_moment) {
    struct history_operation operations[] = {
        {.connection = 1,
         .invoked = 1,
         .returned = 8,
         .count = 2,
         .commands = {{HISTORY_INCRBY, 1, {.value = 1}}, {HISTORY_INCRBY, 1, {.value = 2}}}},
        {.connection = 2,
         .invoked = 2,
         .returned = 7,
         .count = 1,
         .commands = {{HISTORY_COUNT, 0, {.value = 2}}}},
    };
    uint64_t configurations;
    cr_expect_eq(history_check(operations, 2, 1000, &configurations), HISTORY_LINEARIZABLE);
    operations[1].commands[0].result.value = 1;
    cr_expect_eq(history_check(operations, 2, 1000, &configurations), HISTORY_VIOLATED);
    operations[0].returned = HISTORY_UNKNOWN;
    cr_expect_eq(history_check(operations, 2, 1000, &configurations), HISTORY_VIOLATED);
}

/* A queue that each of many takes from at once: any order of the answers will do, but each element
 * is taken by one. */
Test(history, a_large_one_is_decided) {
    enum { COUNT = 60 };
    struct history_operation operations[2 * COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        operations[i] =
            (struct history_operation){.connection = 1,
                                       .invoked = 2 * i + 1,
                                       .returned = 2 * i + 2,
                                       .count = 1,
                                       .commands = {{HISTORY_RPUSH, i, {.value = i + 1}}}};
        operations[COUNT + i] =
            (struct history_operation){.connection = 2 + i % 4,
                                       .invoked = 1000 + 8 * (i / 4) + i % 4,
                                       .returned = 1004 + 8 * (i / 4) + i % 4,
                                       .count = 1,
                                       .commands = {{HISTORY_LPOP, 0, {.value = i ^ 3}}}};
    }
    uint64_t configurations;
    cr_expect_eq(history_check(operations, 2 * COUNT, 100000, &configurations),
                 HISTORY_LINEARIZABLE);
    operations[2 * COUNT - 1].commands[0].result.value = 7;
    cr_expect_eq(history_check(operations, 2 * COUNT, 100000, &configurations), HISTORY_VIOLATED);
    cr_expect_eq(history_check(operations, 2 * COUNT, 10, &configurations), HISTORY_UNDECIDED);
}

Test(history, tokens_and_their_texts) {
    char text[HISTORY_TOKEN_SIZE];
    cr_expect_eq(history_token_of(history_token(0, text)), 0);
    cr_expect_eq(history_token_of(history_token(1234567, text)), 1234567);
    cr_expect_eq(history_token_of(BYTES("v12")), -1);
    cr_expect_eq(history_token_of(BYTES("12.")), -1);
    cr_expect_eq(history_token_of(BYTES("v1.v2.")), -1);
}
