/* history.h: what clients asked and were told, and whether that can be the doing of one machine
 * that executes one operation after the other (Herlihy and Wing, "Linearizability", 1990).
 *
 * An object is some keys of all types (model.h says what each command does to them); an operation
 * is one command on it, or a group (MULTI) of several, done at one moment. Objects are independent,
 * so each is checked for itself; within one, the order of each connection's operations has to be
 * kept too.
 *
 * An operation has returned with results, or its outcome is unknown: then it took effect at some
 * later moment, or never (also where one behind it did: its refusal may be what nobody heard).
 * Those that certainly were not executed do not stand in a history at all: their effects would be
 * what nobody explains.
 *
 * Moments are any numbers that grow with time, all different. */
#pragma once

#include "base/bytes.h"

/* What a reply's value is made of. */
enum history_result_kind {
    HISTORY_STATUS,  /* 1: OK; or null */
    HISTORY_INTEGER, /* an integer */
    HISTORY_NUMBER,  /* a bulk string that is an integer; or null */
    HISTORY_TEXT,    /* a bulk string, as history_text(); or null */
    HISTORY_TEXTS,   /* an array of them, chained; null is 0 */
    HISTORY_TOKEN,   /* a bulk string that is one token; or null */
    HISTORY_TOKENS,  /* an array of tokens, chained in their order */
    HISTORY_MEMBER,  /* a bulk string that is one member; or null */
    HISTORY_MEMBERS, /* an array of members in any order, as bits */
    HISTORY_PAIRS,  /* an array of member and integer in any order, chained in the members' order */
    HISTORY_SCORES, /* the same in the order of the array */
    HISTORY_POPPED, /* the same with one pair at most; none is null */
};

/* Each call: its name in reports, whether it writes, the request, what answers it. In a request #
 * is the object's number, @ the argument as a token, + the argument as an integer, ? the member, ~
 * the span. The types of keys stand in this order in the model, too.
 *
 * The keys of an object: r and q records, c a counter, l and m lists, s and t sets, h a map, z a
 * sorted set, x a record that expires. */
#define HISTORY_CALLS(X)                                                                           \
    X(SET, true, "SET r# @", STATUS)                                                               \
    X(SETNX, true, "SET r# @ NX", STATUS)                                                          \
    X(SETXX, true, "SET r# @ XX", STATUS)                                                          \
    X(SET_GET, true, "SET r# @ GET", TEXT)                                                         \
    X(SETNX_GET, true, "SET r# @ NX GET", TEXT)                                                    \
    X(GETSET, true, "GETSET r# @", TEXT)                                                           \
    X(GETDEL, true, "GETDEL r#", TEXT)                                                             \
    X(APPEND, true, "APPEND r# @", INTEGER)                                                        \
    X(GET, false, "GET r#", TEXT)                                                                  \
    X(DEL, true, "DEL r#", INTEGER)                                                                \
    X(MSETNX, true, "MSETNX r# @ q# @", INTEGER)                                                   \
    X(MGET, false, "MGET r# q#", TEXTS)                                                            \
    X(DEL_BOTH, true, "DEL r# q#", INTEGER)                                                        \
    X(INCRBY, true, "INCRBY c# +", INTEGER)                                                        \
    X(DECRBY, true, "DECRBY c# +", INTEGER)                                                        \
    X(COUNT, false, "GET c#", NUMBER)                                                              \
    X(LPUSH, true, "LPUSH l# @", INTEGER)                                                          \
    X(RPUSH, true, "RPUSH l# @", INTEGER)                                                          \
    X(LPOP, true, "LPOP l#", TOKEN)                                                                \
    X(RPOP, true, "RPOP l#", TOKEN)                                                                \
    X(LLEN, false, "LLEN l#", INTEGER)                                                             \
    X(LRANGE, false, "LRANGE l# 0 -1", TOKENS)                                                     \
    X(TAKE, true, "LMOVE l# m# RIGHT LEFT", TOKEN)                                                 \
    X(RETURN, true, "RPOPLPUSH m# l#", TOKEN)                                                      \
    X(ROTATE, true, "LMOVE l# l# LEFT RIGHT", TOKEN)                                               \
    X(DONE, true, "RPOP m#", TOKEN)                                                                \
    X(LRANGE_TAKEN, false, "LRANGE m# 0 -1", TOKENS)                                               \
    X(SADD, true, "SADD s# ?", INTEGER)                                                            \
    X(SREM, true, "SREM s# ?", INTEGER)                                                            \
    X(SPOP, true, "SPOP s#", MEMBER)                                                               \
    X(SMOVE, true, "SMOVE s# t# ?", INTEGER)                                                       \
    X(SMOVE_BACK, true, "SMOVE t# s# ?", INTEGER)                                                  \
    X(SCARD, false, "SCARD s#", INTEGER)                                                           \
    X(SISMEMBER, false, "SISMEMBER s# ?", INTEGER)                                                 \
    X(SMEMBERS, false, "SMEMBERS s#", MEMBERS)                                                     \
    X(SMEMBERS_MOVED, false, "SMEMBERS t#", MEMBERS)                                               \
    X(HSET, true, "HSET h# ? +", INTEGER)                                                          \
    X(HSETNX, true, "HSETNX h# ? +", INTEGER)                                                      \
    X(HINCRBY, true, "HINCRBY h# ? +", INTEGER)                                                    \
    X(HDEL, true, "HDEL h# ?", INTEGER)                                                            \
    X(HGET, false, "HGET h# ?", NUMBER)                                                            \
    X(HLEN, false, "HLEN h#", INTEGER)                                                             \
    X(HGETALL, false, "HGETALL h#", PAIRS)                                                         \
    X(ZADD, true, "ZADD z# + ?", INTEGER)                                                          \
    X(ZADD_GT, true, "ZADD z# GT CH + ?", INTEGER)                                                 \
    X(ZINCRBY, true, "ZINCRBY z# + ?", NUMBER)                                                     \
    X(ZREM, true, "ZREM z# ?", INTEGER)                                                            \
    X(ZPOPMIN, true, "ZPOPMIN z#", POPPED)                                                         \
    X(ZPOPMAX, true, "ZPOPMAX z#", POPPED)                                                         \
    X(ZSCORE, false, "ZSCORE z# ?", NUMBER)                                                        \
    X(ZRANK, false, "ZRANK z# ?", INTEGER)                                                         \
    X(ZRANGE, false, "ZRANGE z# 0 -1 WITHSCORES", SCORES)                                          \
    X(PSET, true, "SET x# @ PX ~", STATUS)                                                         \
    X(PSETNX, true, "SET x# @ PX ~ NX", STATUS)                                                    \
    X(PEXPIRE, true, "PEXPIRE x# ~", INTEGER)                                                      \
    X(PERSIST, true, "PERSIST x#", INTEGER)                                                        \
    X(PDEL, true, "DEL x#", INTEGER)                                                               \
    X(PGET, false, "GET x#", TEXT)                                                                 \
    X(DEADLINE, false, "PEXPIRETIME x#", INTEGER)
#define HISTORY_ENUMERATOR(name, writes, request, result) HISTORY_##name,
enum history_call { HISTORY_CALLS(HISTORY_ENUMERATOR) HISTORY_CALL_COUNT };
#undef HISTORY_ENUMERATOR
const char *history_call_name(enum history_call call);
bool history_call_writes(enum history_call call);
const char *history_call_request(enum history_call call);
enum history_result_kind history_call_result(enum history_call call);

struct history_result {
    bool null;
    uint64_t value; /* as the call's kind of result says; of an integer its two's complement */
};

struct history_command {
    enum history_call call;
    int64_t argument; /* a token, an amount, a score */
    struct history_result result;
    uint32_t member; /* below HISTORY_MEMBER_COUNT */
    uint32_t span_ms;
};

enum {
    HISTORY_GROUP_MAX = 4,
    HISTORY_OPERATIONS_MAX = 256,
    HISTORY_LIST_MAX = 192,
    HISTORY_MEMBER_COUNT = 5,
};
#define HISTORY_UNKNOWN UINT64_MAX

struct history_operation {
    uint32_t connection; /* its operations are in program order: that of `invoked` */
    uint32_t object;
    uint64_t invoked, returned; /* returned: HISTORY_UNKNOWN if the outcome is */
    /* The log's time that anybody had seen when it was asked, and when it returned: it was done at
     * none before the one, and none after the other. Only keys that expire look at it. */
    uint64_t log_ms_low, log_ms_high;
    uint32_t count;
    struct history_command commands[HISTORY_GROUP_MAX];
};

/* A token's text, all different and none the start of another. */
enum { HISTORY_TOKEN_SIZE = 24 };
struct bytes history_token(int64_t token, char text[HISTORY_TOKEN_SIZE]);
/* The token of a text; -1: it is none. */
int64_t history_token_of(struct bytes text);
/* A text as a number: goes on from `start`, that of the text before it (HISTORY_EMPTY: none). */
#define HISTORY_EMPTY 0xcbf29ce484222325u
uint64_t history_text(uint64_t start, struct bytes text);
/* Many numbers as one, goes on from HISTORY_EMPTY: the elements of a list, pair by pair of a map.
 */
uint64_t history_chain(uint64_t chain, int64_t value);

enum history_verdict { HISTORY_LINEARIZABLE, HISTORY_VIOLATED, HISTORY_UNDECIDED };

/* The operations of one object, in order of invocation, at most HISTORY_OPERATIONS_MAX. UNDECIDED:
 * more than configurations_max had to be looked at; *configurations is how many were. */
enum history_verdict history_check(const struct history_operation *operations, uint32_t count,
                                   uint64_t configurations_max, uint64_t *configurations);
