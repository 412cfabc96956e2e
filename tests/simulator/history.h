/* history.h: what clients asked and were told, and whether that can be the doing of one machine
 * that executes one operation after the other (Herlihy and Wing, "Linearizability", 1990).
 *
 * An object is three keys: a record, a counter and a list; an operation is one command on one of
 * them, or a group (MULTI) on several, done at one moment. Objects are independent, so each is
 * checked for itself; within one, the order of each connection's operations has to be kept too.
 *
 * An operation has returned with results, or its outcome is unknown: then it took effect at some
 * later moment, or never. Those that certainly were not executed do not stand in a history at all:
 * their effects would be what nobody explains.
 *
 * Moments are any numbers that grow with time, all different. */
#pragma once

#include "base/bytes.h"

/* Each call: its name in reports. */
#define HISTORY_CALLS(X)                                                                           \
    X(SET)                                                                                         \
    X(SETNX)                                                                                       \
    X(GETSET)                                                                                      \
    X(APPEND)                                                                                      \
    X(GET)                                                                                         \
    X(DEL)                                                                                         \
    X(INCRBY)                                                                                      \
    X(COUNT) /* GET of the counter */                                                              \
    X(LPUSH)                                                                                       \
    X(RPUSH)                                                                                       \
    X(LPOP)                                                                                        \
    X(RPOP)                                                                                        \
    X(LLEN)                                                                                        \
    X(LRANGE)
#define HISTORY_ENUMERATOR(name) HISTORY_##name,
enum history_call { HISTORY_CALLS(HISTORY_ENUMERATOR) HISTORY_CALL_COUNT };
#undef HISTORY_ENUMERATOR
const char *history_call_name(enum history_call call);
bool history_call_writes(enum history_call call);

struct history_result {
    bool null;
    uint64_t value; /* an integer; a record's text as history_text(); a token; a list's chain */
};

struct history_command {
    enum history_call call;
    int64_t argument; /* the token that is set or pushed; the amount of INCRBY */
    struct history_result result;
};

enum { HISTORY_GROUP_MAX = 4, HISTORY_OPERATIONS_MAX = 256, HISTORY_LIST_MAX = 192 };
#define HISTORY_UNKNOWN UINT64_MAX

struct history_operation {
    uint32_t connection; /* its operations are in program order: that of `invoked` */
    uint32_t object;
    uint64_t invoked, returned; /* returned: HISTORY_UNKNOWN if the outcome is */
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
/* A list as a number: goes on element by element from HISTORY_EMPTY. */
uint64_t history_chain(uint64_t chain, int64_t token);

enum history_verdict { HISTORY_LINEARIZABLE, HISTORY_VIOLATED, HISTORY_UNDECIDED };

/* The operations of one object, in order of invocation, at most HISTORY_OPERATIONS_MAX. UNDECIDED:
 * more than configurations_max had to be looked at; *configurations is how many were. */
enum history_verdict history_check(const struct history_operation *operations, uint32_t count,
                                   uint64_t configurations_max, uint64_t *configurations);
