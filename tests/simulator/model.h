/* model.h: an object of a history (history.h): what each command does to it, in a few lines each,
 * written from Redis's documentation and not from our code.
 *
 * Two things are not settled by the operations before: which member SPOP takes (the result says it;
 * if that is unknown, any), and the log's time, by which keys expire. The model gives an operation
 * the earliest time that explains its results, never before the operation in front of it; a
 * deadline is an interval until somebody was told it. One of unknown outcome may have met a key
 * that expires or come too late for it. */
#pragma once

#include "tests/simulator/history.h"

struct model_record {
    bool present;
    uint64_t text, size;
};

struct model_list {
    uint32_t count;
    int32_t at[HISTORY_LIST_MAX];
};

struct model_scores {
    uint32_t present; /* a bit a member */
    int64_t at[HISTORY_MEMBER_COUNT];
};

/* A record whose deadline lies from low_ms to high_ms: span_ms behind the log's time at which it
 * was set. */
struct model_timed {
    bool present, expires;
    uint64_t text, low_ms, high_ms, span_ms;
};

struct model {
    struct model_record r, q;
    bool has_counter;
    int64_t counter;
    uint32_t s, t; /* sets: a bit a member */
    struct model_scores h, z;
    struct model_timed x;
    uint64_t now_ms; /* the log's time of the last operation that depends on it */
    struct model_list l, m;
};

enum model_fit {
    MODEL_FITS,
    MODEL_DIFFERS,   /* its results are not what they would be in this state */
    MODEL_EXHAUSTED, /* there are no more than `choice` ways in which it could take effect */
};
/* The operation takes effect, in its way number `choice`: there are several only if its outcome is
 * unknown. The state is spoilt unless it FITS. */
enum model_fit model_apply(struct model *model, const struct history_operation *operation,
                           uint32_t choice);
/* Its effect depends on the log's time. */
bool model_is_timed(const struct history_operation *operation);
/* Equal for equal states; without the time. */
uint64_t model_hash(const struct model *model);
