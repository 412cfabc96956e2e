/* flavours.h: what objects of a history are asked: each has some flavours, which say which commands
 * it gets. Pure. */
#pragma once

#include "base/random.h"
#include "tests/simulator/history.h"

#define FLAVOURS(X) X(record) X(pair) X(counter) X(list) X(queue) X(set) X(map) X(scores) X(timed)
#define FLAVOUR_ENUMERATOR(name) FLAVOUR_##name,
enum flavour { FLAVOURS(FLAVOUR_ENUMERATOR) FLAVOUR_COUNT };
#undef FLAVOUR_ENUMERATOR

/* Few of those in the mask `from`, now and then all, as bits. */
uint32_t flavours_choose(struct random *random, uint32_t from);
/* The next command for an object of these flavours; uses up tokens. */
struct history_command flavours_command(struct random *random, uint32_t flavours, bool reads,
                                        int64_t *next_token);
bool flavours_call_pushes(enum history_call call);
/* The calls that show all of such an object; returns how many. */
enum { FLAVOURS_SHOWING_MAX = 2 * FLAVOUR_COUNT };
uint32_t flavours_showing(uint32_t flavours, enum history_call calls[FLAVOURS_SHOWING_MAX]);
