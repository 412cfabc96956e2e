/* history.c: Wing and Gong's search with Lowe's memory of configurations ("Testing for
 * linearizability", 2017): calls and returns stand in one list in order of time; an operation whose
 * call comes before the first return may be the next to take effect. A configuration is the set of
 * those that have, and the object's state; the same one twice need not be searched twice. */
#include "tests/simulator/history.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"

#define HISTORY_NAME(name) #name,
static const char *const call_names[] = {HISTORY_CALLS(HISTORY_NAME)};
#undef HISTORY_NAME

const char *history_call_name(enum history_call call) {
    return call_names[call];
}

bool history_call_writes(enum history_call call) {
    return call != HISTORY_GET && call != HISTORY_COUNT && call != HISTORY_LLEN &&
           call != HISTORY_LRANGE;
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

uint64_t history_chain(uint64_t chain, int64_t token) {
    return hash_chain(chain, (uint64_t)token);
}

/* --- the object ----------------------------------------------------------------------------- */

struct object {
    bool has_record, has_counter;
    uint32_t list_count;
    uint64_t text, text_size; /* of the record */
    int64_t counter;
    int64_t list[HISTORY_LIST_MAX];
};

static struct history_result integer(uint64_t value) {
    return (struct history_result){.value = value};
}

static struct history_result record_text(const struct object *object) {
    if (!object->has_record) return (struct history_result){.null = true};
    return integer(object->text);
}

static void record_append(struct object *object, bool fresh, int64_t token) {
    char text[HISTORY_TOKEN_SIZE];
    struct bytes bytes = history_token(token, text);
    if (fresh || !object->has_record) {
        object->text = HISTORY_EMPTY;
        object->text_size = 0;
    }
    object->has_record = true;
    object->text = history_text(object->text, bytes);
    object->text_size += bytes.size;
}

static struct history_result push(struct object *object, bool left, int64_t token) {
    CHECK(object->list_count < HISTORY_LIST_MAX);
    uint32_t at = left ? 0 : object->list_count;
    memmove(object->list + at + 1, object->list + at,
            (object->list_count - at) * sizeof(object->list[0]));
    object->list[at] = token;
    return integer(++object->list_count);
}

static struct history_result pop(struct object *object, bool left) {
    if (object->list_count == 0) return (struct history_result){.null = true};
    uint32_t at = left ? 0 : object->list_count - 1;
    int64_t token = object->list[at];
    object->list_count--;
    memmove(object->list + at, object->list + at + 1,
            (object->list_count - at) * sizeof(object->list[0]));
    return integer((uint64_t)token);
}

static struct history_result range(const struct object *object) {
    uint64_t chain = HISTORY_EMPTY;
    for (uint32_t i = 0; i < object->list_count; i++)
        chain = history_chain(chain, object->list[i]);
    return integer(chain);
}

static struct history_result run(struct object *object, const struct history_command *command) {
    struct history_result before = record_text(object);
    switch (command->call) {
    case HISTORY_SET:
        record_append(object, true, command->argument);
        return integer(1);
    case HISTORY_SETNX:
        if (object->has_record) return (struct history_result){.null = true};
        record_append(object, true, command->argument);
        return integer(1);
    case HISTORY_GETSET:
        record_append(object, true, command->argument);
        return before;
    case HISTORY_APPEND:
        record_append(object, false, command->argument);
        return integer(object->text_size);
    case HISTORY_GET:
        return before;
    case HISTORY_DEL:
        object->has_record = false;
        return integer(before.null ? 0 : 1);
    case HISTORY_INCRBY:
        object->has_counter = true;
        object->counter += command->argument;
        return integer((uint64_t)object->counter);
    case HISTORY_COUNT:
        if (!object->has_counter) return (struct history_result){.null = true};
        return integer((uint64_t)object->counter);
    case HISTORY_LPUSH:
    case HISTORY_RPUSH:
        return push(object, command->call == HISTORY_LPUSH, command->argument);
    case HISTORY_LPOP:
    case HISTORY_RPOP:
        return pop(object, command->call == HISTORY_LPOP);
    case HISTORY_LLEN:
        return integer(object->list_count);
    case HISTORY_LRANGE:
        return range(object);
    case HISTORY_CALL_COUNT:
        break;
    }
    CHECK(false);
    return (struct history_result){0};
}

static bool results_equal(struct history_result a, struct history_result b) {
    return a.null == b.null && (a.null || a.value == b.value);
}

/* False: its results are not what they would be in this state. */
static bool apply(struct object *object, const struct history_operation *operation) {
    bool known = operation->returned != HISTORY_UNKNOWN;
    for (uint32_t i = 0; i < operation->count; i++) {
        struct history_result result = run(object, &operation->commands[i]);
        if (known && !results_equal(result, operation->commands[i].result)) return false;
    }
    return true;
}

static uint64_t object_hash(const struct object *object) {
    uint64_t hash = object->has_record ? hash_chain(1, object->text) : 2;
    hash = hash_chain(hash, object->has_counter ? (uint64_t)object->counter : UINT64_MAX);
    for (uint32_t i = 0; i < object->list_count; i++)
        hash = hash_chain(hash, (uint64_t)object->list[i]);
    return hash_chain(hash, object->list_count);
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
    struct moment moments[2 * HISTORY_OPERATIONS_MAX + 1];
    int32_t call_of[HISTORY_OPERATIONS_MAX], return_of[HISTORY_OPERATIONS_MAX];
    int32_t previous[HISTORY_OPERATIONS_MAX]; /* of the same connection */
    bool reads_only[HISTORY_OPERATIONS_MAX];
    uint64_t done[SET_WORDS];
    uint32_t returns_left; /* operations that have to take effect and have not */

    uint64_t *seen; /* hashes of configurations; 0: a free place */
    size_t seen_count, seen_capacity;

    struct object states[HISTORY_OPERATIONS_MAX + 1];
    int32_t order[HISTORY_OPERATIONS_MAX];
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
        if (same && search->call_of[i] != NONE) return i;
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

static void seen_insert(uint64_t *seen, size_t capacity, uint64_t hash) {
    size_t at = hash & (capacity - 1);
    while (seen[at] != 0)
        at = (at + 1) & (capacity - 1);
    seen[at] = hash;
}

/* False: this configuration was met before. */
static bool remember(struct search *search, const struct object *object) {
    uint64_t hash = object_hash(object);
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

/* Lets this operation take effect next, if it can; a write only where that leads to something new.
 */
static bool advance(struct search *search, int32_t operation) {
    if (!is_done(search, search->previous[operation])) return false;
    struct object *next = &search->states[search->depth + 1];
    *next = search->states[search->depth];
    if (!apply(next, &search->operations[operation])) return false;
    search->done[operation / 64] |= (uint64_t)1 << (operation % 64);
    if (!search->reads_only[operation] && !remember(search, next)) {
        search->done[operation / 64] &= ~((uint64_t)1 << (operation % 64));
        return false;
    }
    unlink_moment(search, search->call_of[operation]);
    unlink_moment(search, search->return_of[operation]);
    search->returns_left -= search->return_of[operation] != NONE;
    search->order[search->depth++] = operation;
    return true;
}

/* A read that fits the state may as well happen now: it changes nothing, and whatever follows could
 * follow all the same. So there is never a choice about reads. */
static void absorb_reads(struct search *search) {
    int32_t at = search->moments[0].after;
    while (at != NONE && !search->moments[at].is_return) {
        int32_t operation = search->moments[at].operation;
        bool absorbed = search->reads_only[operation] && advance(search, operation);
        at = absorbed ? search->moments[0].after : search->moments[at].after;
    }
}

/* Takes the last one back; returns it. */
static int32_t retreat(struct search *search) {
    int32_t operation = search->order[--search->depth];
    search->done[operation / 64] &= ~((uint64_t)1 << (operation % 64));
    search->returns_left += search->return_of[operation] != NONE;
    relink_moment(search, search->return_of[operation]);
    relink_moment(search, search->call_of[operation]);
    return operation;
}

static enum history_verdict seek(struct search *search, uint64_t configurations_max) {
    absorb_reads(search);
    int32_t at = search->moments[0].after;
    while (search->returns_left > 0) {
        if (search->seen_count > configurations_max) return HISTORY_UNDECIDED;
        if (at != NONE && !search->moments[at].is_return) {
            int32_t operation = search->moments[at].operation;
            if (!search->reads_only[operation] && advance(search, operation)) {
                absorb_reads(search);
                at = search->moments[0].after;
            } else {
                at = search->moments[at].after;
            }
            continue;
        }
        /* Somebody got an answer, and nothing that could take effect before explains it. */
        int32_t operation;
        do {
            if (search->depth == 0) return HISTORY_VIOLATED;
            operation = retreat(search);
        } while (search->reads_only[operation]);
        at = search->moments[search->call_of[operation]].after;
    }
    return HISTORY_LINEARIZABLE;
}

enum history_verdict history_check(const struct history_operation *operations, uint32_t count,
                                   uint64_t configurations_max, uint64_t *configurations) {
    CHECK(count <= HISTORY_OPERATIONS_MAX);
    struct search *search = memory_allocate_zeroed(sizeof(*search));
    search->operations = operations;
    search->seen_capacity = 1024;
    search->seen = memory_allocate_zeroed(search->seen_capacity * sizeof(uint64_t));
    list_moments(search, count);
    enum history_verdict verdict = seek(search, configurations_max);
    *configurations = search->seen_count;
    memory_release(search->seen);
    memory_release(search);
    return verdict;
}
