/* history.c: Wing and Gong's search with Lowe's memory of configurations ("Testing for
 * linearizability", 2017): calls and returns stand in one list in order of time; an operation whose
 * call comes before the first return may be the next to take effect. A configuration is the set of
 * those that have, and the object's state; the same one twice need not be searched twice. An
 * operation that may take effect in several ways is tried in each of them. */
#include "tests/simulator/history.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"
#include "tests/simulator/model.h"

static const struct {
    const char *name, *request;
    bool writes;
    enum history_result_kind result;
} calls[] = {
#define HISTORY_ROW(name, writes, request, result) {#name, request, writes, HISTORY_##result},
    HISTORY_CALLS(HISTORY_ROW)
#undef HISTORY_ROW
};

const char *history_call_name(enum history_call call) {
    return calls[call].name;
}

bool history_call_writes(enum history_call call) {
    return calls[call].writes;
}

const char *history_call_request(enum history_call call) {
    return calls[call].request;
}

enum history_result_kind history_call_result(enum history_call call) {
    return calls[call].result;
}

/* --- texts ---------------------------------------------------------------------------------- */

struct bytes history_token(int64_t token, char text[HISTORY_TOKEN_SIZE]) {
    int size = snprintf(text, HISTORY_TOKEN_SIZE, "v%lld.", (long long)token);
    return bytes_of(text, (size_t)size);
}

int64_t history_token_of(struct bytes text) {
    if (text.size < 3 || text.data[0] != 'v' || text.data[text.size - 1] != '.') return -1;
    int64_t token = 0;
    for (size_t i = 1; i < text.size - 1; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return -1;
        token = token * 10 + (text.data[i] - '0');
    }
    return token;
}

uint64_t history_text(uint64_t start, struct bytes text) {
    for (size_t i = 0; i < text.size; i++)
        start = (start ^ (unsigned char)text.data[i]) * 0x100000001b3u;
    return start;
}

uint64_t history_chain(uint64_t chain, int64_t value) {
    return hash_chain(chain, (uint64_t)value);
}

/* --- the search ----------------------------------------------------------------------------- */

enum { NONE = -1, SET_WORDS = HISTORY_OPERATIONS_MAX / 64 };

/* A call or a return in the list; the first one is the list's head. */
struct moment {
    uint64_t at;
    int32_t operation;
    bool is_return;
    int32_t before, after;
};

struct search {
    const struct history_operation *operations;
    uint32_t count;
    struct moment moments[2 * HISTORY_OPERATIONS_MAX + 1];
    int32_t call_of[HISTORY_OPERATIONS_MAX], return_of[HISTORY_OPERATIONS_MAX];
    int32_t previous[HISTORY_OPERATIONS_MAX]; /* of the same connection, and known */
    bool reads_only[HISTORY_OPERATIONS_MAX], is_timed[HISTORY_OPERATIONS_MAX];
    uint64_t done[SET_WORDS];
    uint32_t returns_left; /* operations that have to take effect and have not */

    uint64_t *seen; /* hashes of configurations; 0: a free place */
    size_t seen_count, seen_capacity;

    struct model states[HISTORY_OPERATIONS_MAX + 1];
    struct {
        int32_t operation;
        uint32_t choice;
        bool is_absorbed;
    } order[HISTORY_OPERATIONS_MAX];
    uint32_t depth;
};

static bool reads_only(const struct history_operation *operation) {
    for (uint32_t i = 0; i < operation->count; i++)
        if (history_call_writes(operation->commands[i].call)) return false;
    return true;
}

static int moment_order(const void *left, const void *right) {
    const struct moment *a = left, *b = right;
    return (a->at > b->at) - (a->at < b->at);
}

static int32_t previous_of(const struct search *search, int32_t operation) {
    for (int32_t i = operation - 1; i >= 0; i--) {
        bool same = search->operations[i].connection == search->operations[operation].connection;
        if (same && search->return_of[i] != NONE) return i;
    }
    return NONE;
}

static void list_moments(struct search *search, uint32_t count) {
    uint32_t used = 1;
    for (uint32_t i = 0; i < count; i++) {
        const struct history_operation *operation = &search->operations[i];
        bool unknown = operation->returned == HISTORY_UNKNOWN;
        search->call_of[i] = search->return_of[i] = search->previous[i] = NONE;
        search->reads_only[i] = reads_only(operation);
        search->is_timed[i] = model_is_timed(operation);
        if (unknown && search->reads_only[i]) continue; /* Tells nothing, does nothing. */
        search->call_of[i] = 0;                         /* until it is known */
        search->moments[used++] =
            (struct moment){.at = operation->invoked, .operation = (int32_t)i};
        if (unknown) continue;
        CHECK(operation->returned > operation->invoked);
        search->returns_left++;
        search->moments[used++] =
            (struct moment){.at = operation->returned, .operation = (int32_t)i, .is_return = true};
    }
    qsort(search->moments + 1, used - 1, sizeof(struct moment), moment_order);
    for (uint32_t i = 0; i < used; i++) {
        struct moment *moment = &search->moments[i];
        moment->before = (int32_t)i - 1;
        moment->after = i + 1 < used ? (int32_t)i + 1 : NONE;
        if (i == 0) continue;
        int32_t *place = moment->is_return ? search->return_of : search->call_of;
        place[moment->operation] = (int32_t)i;
    }
    for (uint32_t i = 0; i < count; i++)
        if (search->call_of[i] != NONE) search->previous[i] = previous_of(search, (int32_t)i);
}

static void unlink_moment(struct search *search, int32_t at) {
    if (at == NONE) return;
    struct moment *moment = &search->moments[at];
    search->moments[moment->before].after = moment->after;
    if (moment->after != NONE) search->moments[moment->after].before = moment->before;
}

static void relink_moment(struct search *search, int32_t at) {
    if (at == NONE) return;
    struct moment *moment = &search->moments[at];
    search->moments[moment->before].after = at;
    if (moment->after != NONE) search->moments[moment->after].before = at;
}

static bool is_done(const struct search *search, int32_t operation) {
    return operation == NONE || (search->done[operation / 64] >> (operation % 64) & 1);
}

/* It keeps its connection's order. One that nobody was told about may have been refused, so those
 * behind it do not wait for it; but it is not done after them. */
static bool is_its_turn(const struct search *search, int32_t operation) {
    if (!is_done(search, search->previous[operation])) return false;
    const struct history_operation *own = &search->operations[operation];
    if (own->returned != HISTORY_UNKNOWN) return true;
    for (int32_t i = operation + 1; i < (int32_t)search->count; i++)
        if (search->operations[i].connection == own->connection && is_done(search, i)) return false;
    return true;
}

static void seen_insert(uint64_t *seen, size_t capacity, uint64_t hash) {
    size_t at = hash & (capacity - 1);
    while (seen[at] != 0)
        at = (at + 1) & (capacity - 1);
    seen[at] = hash;
}

/* False: this configuration was met before. */
static bool remember(struct search *search, const struct model *model) {
    uint64_t hash = hash_chain(model_hash(model), model->now_ms);
    for (uint32_t i = 0; i < SET_WORDS; i++)
        hash = hash_chain(hash, search->done[i]);
    hash |= 1;
    size_t mask = search->seen_capacity - 1;
    for (size_t at = hash & mask; search->seen[at] != 0; at = (at + 1) & mask)
        if (search->seen[at] == hash) return false;
    if (search->seen_count * 2 >= search->seen_capacity) {
        size_t capacity = search->seen_capacity * 2;
        uint64_t *grown = memory_allocate_zeroed(capacity * sizeof(uint64_t));
        for (size_t i = 0; i < search->seen_capacity; i++)
            if (search->seen[i] != 0) seen_insert(grown, capacity, search->seen[i]);
        memory_release(search->seen);
        search->seen = grown;
        search->seen_capacity = capacity;
    }
    seen_insert(search->seen, search->seen_capacity, hash);
    search->seen_count++;
    return true;
}

static void set_done(struct search *search, int32_t operation, bool done) {
    uint64_t bit = (uint64_t)1 << (operation % 64), *word = &search->done[operation / 64];
    *word = done ? *word | bit : *word & ~bit;
}

/* It has taken effect: the next state is there. */
static void take(struct search *search, int32_t operation, uint32_t choice, bool is_absorbed) {
    unlink_moment(search, search->call_of[operation]);
    unlink_moment(search, search->return_of[operation]);
    search->returns_left -= search->return_of[operation] != NONE;
    search->order[search->depth].operation = operation;
    search->order[search->depth].choice = choice;
    search->order[search->depth++].is_absorbed = is_absorbed;
}

/* Lets this operation take effect next, in its way number `choice`, if it can, and if that leads to
 * something new. */
static enum model_fit advance(struct search *search, int32_t operation, uint32_t choice) {
    bool is_plain_read = search->reads_only[operation] && !search->is_timed[operation];
    if (is_plain_read || !is_its_turn(search, operation)) return MODEL_EXHAUSTED;
    struct model *next = &search->states[search->depth + 1];
    *next = search->states[search->depth];
    enum model_fit fit = model_apply(next, &search->operations[operation], choice);
    if (fit != MODEL_FITS) return fit;
    set_done(search, operation, true);
    if (!remember(search, next)) {
        set_done(search, operation, false);
        return MODEL_DIFFERS;
    }
    take(search, operation, choice, false);
    return MODEL_FITS;
}

/* A read that fits the state and tells nothing new about it may as well happen now: whatever
 * follows could follow all the same. So there is no choice about it. */
static bool absorb(struct search *search, int32_t operation) {
    if (!search->reads_only[operation] || !is_its_turn(search, operation)) return false;
    const struct model *state = &search->states[search->depth];
    struct model *next = &search->states[search->depth + 1];
    *next = *state;
    if (model_apply(next, &search->operations[operation], 0) != MODEL_FITS) return false;
    if (search->is_timed[operation]) {
        if (model_hash(next) != model_hash(state)) return false;
        next->now_ms = state->now_ms; /* It would do at any later time, too. */
    }
    set_done(search, operation, true);
    take(search, operation, 0, true);
    return true;
}

static void absorb_reads(struct search *search) {
    int32_t at = search->moments[0].after;
    while (at != NONE && !search->moments[at].is_return) {
        bool absorbed = absorb(search, search->moments[at].operation);
        at = absorbed ? search->moments[0].after : search->moments[at].after;
    }
}

/* Takes the last one back, and those that were absorbed behind it; false: there is none. */
static bool retreat(struct search *search, int32_t *operation, uint32_t *choice) {
    bool was_absorbed;
    do {
        if (search->depth == 0) return false;
        *operation = search->order[--search->depth].operation;
        *choice = search->order[search->depth].choice;
        was_absorbed = search->order[search->depth].is_absorbed;
        set_done(search, *operation, false);
        search->returns_left += search->return_of[*operation] != NONE;
        relink_moment(search, search->return_of[*operation]);
        relink_moment(search, search->call_of[*operation]);
    } while (was_absorbed);
    return true;
}

static enum history_verdict seek(struct search *search, uint64_t configurations_max) {
    absorb_reads(search);
    int32_t at = search->moments[0].after;
    uint32_t choice = 0;
    while (search->returns_left > 0) {
        if (search->seen_count > configurations_max) return HISTORY_UNDECIDED;
        if (at != NONE && !search->moments[at].is_return) {
            switch (advance(search, search->moments[at].operation, choice)) {
            case MODEL_FITS:
                absorb_reads(search);
                at = search->moments[0].after;
                choice = 0;
                break;
            case MODEL_DIFFERS:
                choice++;
                break;
            case MODEL_EXHAUSTED:
                at = search->moments[at].after;
                choice = 0;
                break;
            }
            continue;
        }
        /* Somebody got an answer, and nothing that could take effect before explains it. */
        int32_t operation;
        if (!retreat(search, &operation, &choice)) return HISTORY_VIOLATED;
        at = search->call_of[operation];
        choice++;
    }
    return HISTORY_LINEARIZABLE;
}

enum history_verdict history_check(const struct history_operation *operations, uint32_t count,
                                   uint64_t configurations_max, uint64_t *configurations) {
    CHECK(count <= HISTORY_OPERATIONS_MAX);
    struct search *search = memory_allocate_zeroed(sizeof(*search));
    search->operations = operations;
    search->count = count;
    search->seen_capacity = 1024;
    search->seen = memory_allocate_zeroed(search->seen_capacity * sizeof(uint64_t));
    list_moments(search, count);
    enum history_verdict verdict = seek(search, configurations_max);
    *configurations = search->seen_count;
    memory_release(search->seen);
    memory_release(search);
    return verdict;
}
