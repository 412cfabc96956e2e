/* flavours.c: see flavours.h. */
#include "tests/simulator/flavours.h"

enum { CALLS_MAX = 12 };

/* Ends of lists are HISTORY_CALL_COUNT; a call that stands twice is twice as frequent. */
#define END HISTORY_CALL_COUNT
static const struct {
    enum history_call writing[CALLS_MAX], reading[CALLS_MAX], showing[3];
} flavours[] = {
    [FLAVOUR_record] = {{HISTORY_SET, HISTORY_SET, HISTORY_SETNX, HISTORY_SETXX, HISTORY_SET_GET,
                         HISTORY_SETNX_GET, HISTORY_GETSET, HISTORY_GETDEL, HISTORY_APPEND,
                         HISTORY_DEL, END},
                        {HISTORY_GET, END},
                        {HISTORY_GET, END}},
    [FLAVOUR_pair] = {{HISTORY_MSETNX, HISTORY_MSETNX, HISTORY_DEL_BOTH, HISTORY_SET, END},
                      {HISTORY_MGET, END},
                      {HISTORY_MGET, END}},
    [FLAVOUR_counter] = {{HISTORY_INCRBY, HISTORY_INCRBY, HISTORY_DECRBY, END},
                         {HISTORY_COUNT, END},
                         {HISTORY_COUNT, END}},
    [FLAVOUR_list] = {{HISTORY_LPUSH, HISTORY_RPUSH, HISTORY_LPOP, HISTORY_RPOP, HISTORY_ROTATE,
                       END},
                      {HISTORY_LLEN, HISTORY_LRANGE, END},
                      {HISTORY_LRANGE, END}},
    [FLAVOUR_queue] = {{HISTORY_LPUSH, HISTORY_LPUSH, HISTORY_TAKE, HISTORY_TAKE, HISTORY_DONE,
                        HISTORY_RETURN, END},
                       {HISTORY_LRANGE, HISTORY_LRANGE_TAKEN, END},
                       {HISTORY_LRANGE, HISTORY_LRANGE_TAKEN, END}},
    [FLAVOUR_set] = {{HISTORY_SADD, HISTORY_SADD, HISTORY_SADD, HISTORY_SREM, HISTORY_SPOP,
                      HISTORY_SMOVE, HISTORY_SMOVE_BACK, END},
                     {HISTORY_SCARD, HISTORY_SISMEMBER, HISTORY_SMEMBERS, HISTORY_SMEMBERS_MOVED,
                      END},
                     {HISTORY_SMEMBERS, HISTORY_SMEMBERS_MOVED, END}},
    [FLAVOUR_map] = {{HISTORY_HSET, HISTORY_HSETNX, HISTORY_HINCRBY, HISTORY_HINCRBY, HISTORY_HDEL,
                      END},
                     {HISTORY_HGET, HISTORY_HLEN, HISTORY_HGETALL, END},
                     {HISTORY_HGETALL, END}},
    [FLAVOUR_scores] = {{HISTORY_ZADD, HISTORY_ZADD_GT, HISTORY_ZINCRBY, HISTORY_ZINCRBY,
                         HISTORY_ZREM, HISTORY_ZPOPMIN, HISTORY_ZPOPMAX, END},
                        {HISTORY_ZSCORE, HISTORY_ZRANK, HISTORY_ZRANGE, END},
                        {HISTORY_ZRANGE, END}},
    [FLAVOUR_timed] = {{HISTORY_PSET, HISTORY_PSET, HISTORY_PSETNX, HISTORY_PEXPIRE,
                        HISTORY_PERSIST, HISTORY_PDEL, END},
                       {HISTORY_PGET, HISTORY_PGET, HISTORY_DEADLINE, END},
                       {HISTORY_PGET, HISTORY_DEADLINE, END}},
};
_Static_assert(COUNT_OF(flavours) == FLAVOUR_COUNT, "a row for each");

static enum flavour draw_flavour(struct random *random, uint32_t from) {
    uint32_t left = (uint32_t)random_below(random, (uint32_t)__builtin_popcount(from));
    uint32_t flavour = 0;
    for (; !(from >> flavour & 1) || left > 0; flavour++)
        left -= from >> flavour & 1;
    return (enum flavour)flavour;
}

uint32_t flavours_choose(struct random *random, uint32_t from) {
    if (random_below(random, 10) == 0) return from;
    uint32_t chosen = 1u << draw_flavour(random, from);
    while (random_below(random, 3) == 0)
        chosen |= 1u << draw_flavour(random, from);
    return chosen;
}

static enum history_call draw(struct random *random, const enum history_call *calls) {
    uint32_t count = 0;
    while (calls[count] != END)
        count++;
    return calls[random_below(random, count)];
}

struct history_command flavours_command(struct random *random, uint32_t mask, bool reads,
                                        int64_t *next_token) {
    enum flavour flavour = draw_flavour(random, mask);
    struct history_command command = {
        .call = draw(random, reads ? flavours[flavour].reading : flavours[flavour].writing)};
    const char *request = history_call_request(command.call);
    if (strchr(request, '@') != NULL) command.argument = (*next_token)++;
    if (strchr(request, '+') != NULL) command.argument = (int64_t)random_below(random, 3) + 1;
    if (strchr(request, '?') != NULL)
        command.member = (uint32_t)random_below(random, HISTORY_MEMBER_COUNT);
    if (strchr(request, '~') != NULL)
        command.span_ms = 1 + (uint32_t)random_below(random, 4u << random_below(random, 9));
    return command;
}

bool flavours_call_pushes(enum history_call call) {
    return call == HISTORY_LPUSH || call == HISTORY_RPUSH;
}

uint32_t flavours_showing(uint32_t mask, enum history_call calls[FLAVOURS_SHOWING_MAX]) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < FLAVOUR_COUNT; i++) {
        for (uint32_t k = 0; (mask >> i & 1) && flavours[i].showing[k] != END; k++) {
            bool known = false;
            for (uint32_t j = 0; j < count; j++)
                known |= calls[j] == flavours[i].showing[k];
            if (!known) calls[count++] = flavours[i].showing[k];
        }
    }
    return count;
}
