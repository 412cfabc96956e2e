/* model.c: see model.h. */
#include "tests/simulator/model.h"

#include "base/hash.h"

/* An operation on its way through the model. */
struct run {
    struct model *model;
    bool known;        /* its results are */
    uint64_t at_ms;    /* the log's time that it is done at */
    uint64_t later_ms; /* if that is more: the time that it would have to be done at */
    uint64_t high_ms;  /* the latest time it may be done at */
    uint32_t choice;   /* of those that are left */
    bool is_settled;   /* it has found or set the deadline: that is not over within it */
};

static struct history_result integer(int64_t value) {
    return (struct history_result){.value = (uint64_t)value};
}

static struct history_result nothing(void) {
    return (struct history_result){.null = true};
}

/* What no result says. */
static struct history_result impossible(void) {
    return integer(INT64_MIN);
}

/* --- records -------------------------------------------------------------------------------- */

static struct history_result text_of(const struct model_record *record) {
    if (!record->present) return nothing();
    return (struct history_result){.value = record->text};
}

static void append(struct model_record *record, int64_t token) {
    char text[HISTORY_TOKEN_SIZE];
    struct bytes bytes = history_token(token, text);
    if (!record->present) *record = (struct model_record){.present = true, .text = HISTORY_EMPTY};
    record->text = history_text(record->text, bytes);
    record->size += bytes.size;
}

static void set(struct model_record *record, int64_t token) {
    record->present = false;
    append(record, token);
}

static struct history_result remove_record(struct model_record *record) {
    bool was_there = record->present;
    *record = (struct model_record){0};
    return integer(was_there);
}

static struct history_result run_record(struct model *model,
                                        const struct history_command *command) {
    struct model_record *r = &model->r, *q = &model->q;
    struct history_result before = text_of(r);
    switch (command->call) {
    case HISTORY_SET:
        set(r, command->argument);
        return integer(1);
    case HISTORY_SETNX:
        if (r->present) return nothing();
        set(r, command->argument);
        return integer(1);
    case HISTORY_SETXX:
        if (!r->present) return nothing();
        set(r, command->argument);
        return integer(1);
    case HISTORY_SET_GET:
    case HISTORY_GETSET:
        set(r, command->argument);
        return before;
    case HISTORY_SETNX_GET:
        if (!r->present) set(r, command->argument);
        return before;
    case HISTORY_GETDEL:
        (void)remove_record(r);
        return before;
    case HISTORY_APPEND:
        append(r, command->argument);
        return integer((int64_t)r->size);
    case HISTORY_DEL:
        return remove_record(r);
    case HISTORY_MSETNX:
        if (r->present || q->present) return integer(0);
        set(r, command->argument);
        set(q, command->argument);
        return integer(1);
    case HISTORY_DEL_BOTH: {
        int64_t count = r->present + q->present;
        (void)remove_record(r);
        (void)remove_record(q);
        return integer(count);
    }
    case HISTORY_MGET: {
        uint64_t chain = history_chain(HISTORY_EMPTY, (int64_t)(r->present ? r->text : 0));
        return integer((int64_t)history_chain(chain, (int64_t)(q->present ? q->text : 0)));
    }
    default:
        return before; /* GET */
    }
}

static struct history_result run_counter(struct model *model,
                                         const struct history_command *command) {
    if (command->call == HISTORY_COUNT)
        return model->has_counter ? integer(model->counter) : nothing();
    model->has_counter = true;
    model->counter += command->call == HISTORY_INCRBY ? command->argument : -command->argument;
    return integer(model->counter);
}

/* --- lists ---------------------------------------------------------------------------------- */

static struct history_result push(struct model_list *list, bool left, int64_t token) {
    CHECK(list->count < HISTORY_LIST_MAX);
    uint32_t at = left ? 0 : list->count;
    memmove(list->at + at + 1, list->at + at, (list->count - at) * sizeof(list->at[0]));
    list->at[at] = (int32_t)token;
    return integer(++list->count);
}

static struct history_result pop(struct model_list *list, bool left) {
    if (list->count == 0) return nothing();
    uint32_t at = left ? 0 : list->count - 1;
    int64_t token = list->at[at];
    list->count--;
    memmove(list->at + at, list->at + at + 1, (list->count - at) * sizeof(list->at[0]));
    return integer(token);
}

/* From one end of the first to one end of the second. */
static struct history_result move(struct model_list *from, bool from_left, struct model_list *to,
                                  bool to_left) {
    struct history_result popped = pop(from, from_left);
    if (!popped.null) (void)push(to, to_left, (int64_t)popped.value);
    return popped;
}

static struct history_result range(const struct model_list *list) {
    uint64_t chain = HISTORY_EMPTY;
    for (uint32_t i = 0; i < list->count; i++)
        chain = history_chain(chain, list->at[i]);
    return integer((int64_t)chain);
}

static struct history_result run_list(struct model *model, const struct history_command *command) {
    struct model_list *l = &model->l, *m = &model->m;
    switch (command->call) {
    case HISTORY_LPUSH:
    case HISTORY_RPUSH:
        return push(l, command->call == HISTORY_LPUSH, command->argument);
    case HISTORY_LPOP:
    case HISTORY_RPOP:
        return pop(l, command->call == HISTORY_LPOP);
    case HISTORY_LLEN:
        return integer(l->count);
    case HISTORY_LRANGE:
        return range(l);
    case HISTORY_TAKE:
        return move(l, false, m, true);
    case HISTORY_RETURN:
        return move(m, false, l, true);
    case HISTORY_ROTATE:
        return move(l, true, l, false);
    case HISTORY_DONE:
        return pop(m, false);
    default:
        return range(m); /* LRANGE_TAKEN */
    }
}

/* --- sets ----------------------------------------------------------------------------------- */

static struct history_result move_member(uint32_t *from, uint32_t *to, uint32_t bit) {
    if (!(*from & bit)) return integer(0);
    *from &= ~bit;
    *to |= bit;
    return integer(1);
}

/* The member that nobody was told of: the choice's. */
static uint32_t choose_member(struct run *run) {
    uint32_t s = run->model->s, count = (uint32_t)__builtin_popcount(s);
    uint32_t left = run->choice % count, member = 0;
    run->choice /= count;
    for (; !(s >> member & 1) || left > 0; member++)
        left -= s >> member & 1;
    return member;
}

static struct history_result pop_member(struct run *run, const struct history_command *command) {
    uint32_t *s = &run->model->s;
    if (*s == 0) return nothing();
    uint64_t member = run->known ? command->result.value : choose_member(run);
    if (member >= HISTORY_MEMBER_COUNT || !(*s >> member & 1)) return impossible();
    *s &= ~(1u << member);
    return integer((int64_t)member);
}

static struct history_result run_set(struct run *run, const struct history_command *command) {
    struct model *model = run->model;
    uint32_t bit = 1u << command->member;
    bool is_in = (model->s & bit) != 0;
    switch (command->call) {
    case HISTORY_SADD:
        model->s |= bit;
        return integer(!is_in);
    case HISTORY_SREM:
        model->s &= ~bit;
        return integer(is_in);
    case HISTORY_SPOP:
        return pop_member(run, command);
    case HISTORY_SMOVE:
        return move_member(&model->s, &model->t, bit);
    case HISTORY_SMOVE_BACK:
        return move_member(&model->t, &model->s, bit);
    case HISTORY_SCARD:
        return integer(__builtin_popcount(model->s));
    case HISTORY_SISMEMBER:
        return integer(is_in);
    case HISTORY_SMEMBERS:
        return integer(model->s);
    default:
        return integer(model->t); /* SMEMBERS_MOVED */
    }
}

/* --- maps and sorted sets ------------------------------------------------------------------- */

/* Gives the member this number; 1 if it was not there. */
static struct history_result put(struct model_scores *scores, uint32_t member, int64_t value) {
    bool was_there = scores->present >> member & 1;
    scores->present |= 1u << member;
    scores->at[member] = value;
    return integer(!was_there);
}

static struct history_result drop(struct model_scores *scores, uint32_t member) {
    bool was_there = scores->present >> member & 1;
    scores->present &= ~(1u << member);
    scores->at[member] = 0;
    return integer(was_there);
}

static struct history_result value_of(const struct model_scores *scores, uint32_t member) {
    return scores->present >> member & 1 ? integer(scores->at[member]) : nothing();
}

static uint64_t chain_pair(uint64_t chain, uint32_t member, int64_t value) {
    return history_chain(history_chain(chain, member), value);
}

static struct history_result run_map(struct model *model, const struct history_command *command) {
    struct model_scores *h = &model->h;
    struct history_result before = value_of(h, command->member);
    switch (command->call) {
    case HISTORY_HSET:
        return put(h, command->member, command->argument);
    case HISTORY_HSETNX:
        return before.null ? put(h, command->member, command->argument) : integer(0);
    case HISTORY_HINCRBY:
        (void)put(h, command->member, h->at[command->member] + command->argument);
        return value_of(h, command->member);
    case HISTORY_HDEL:
        return drop(h, command->member);
    case HISTORY_HLEN:
        return integer(__builtin_popcount(h->present));
    case HISTORY_HGETALL: {
        uint64_t chain = HISTORY_EMPTY;
        for (uint32_t member = 0; member < HISTORY_MEMBER_COUNT; member++)
            if (h->present >> member & 1) chain = chain_pair(chain, member, h->at[member]);
        return integer((int64_t)chain);
    }
    default:
        return before; /* HGET */
    }
}

/* How many come before it: by score, then by name. */
static uint32_t rank_of(const struct model_scores *z, uint32_t member) {
    uint32_t rank = 0;
    for (uint32_t i = 0; i < HISTORY_MEMBER_COUNT; i++) {
        if (i == member || !(z->present >> i & 1)) continue;
        rank += z->at[i] < z->at[member] || (z->at[i] == z->at[member] && i < member);
    }
    return rank;
}

/* The member of this rank; HISTORY_MEMBER_COUNT: there is none. */
static uint32_t at_rank(const struct model_scores *z, uint32_t rank) {
    for (uint32_t i = 0; i < HISTORY_MEMBER_COUNT; i++)
        if ((z->present >> i & 1) && rank_of(z, i) == rank) return i;
    return HISTORY_MEMBER_COUNT;
}

static struct history_result pop_rank(struct model_scores *z, uint32_t rank) {
    uint32_t member = at_rank(z, rank);
    if (member == HISTORY_MEMBER_COUNT) return nothing();
    uint64_t chain = chain_pair(HISTORY_EMPTY, member, z->at[member]);
    (void)drop(z, member);
    return integer((int64_t)chain);
}

static struct history_result run_sorted_set(struct model *model,
                                            const struct history_command *command) {
    struct model_scores *z = &model->z;
    uint32_t count = (uint32_t)__builtin_popcount(z->present), member = command->member;
    struct history_result before = value_of(z, member);
    switch (command->call) {
    case HISTORY_ZADD:
        return put(z, member, command->argument);
    case HISTORY_ZADD_GT:
        if (!before.null && command->argument <= z->at[member]) return integer(0);
        (void)put(z, member, command->argument);
        return integer(1);
    case HISTORY_ZINCRBY:
        (void)put(z, member, z->at[member] + command->argument);
        return value_of(z, member);
    case HISTORY_ZREM:
        return drop(z, member);
    case HISTORY_ZPOPMIN:
        return pop_rank(z, 0);
    case HISTORY_ZPOPMAX:
        return count == 0 ? nothing() : pop_rank(z, count - 1);
    case HISTORY_ZRANK:
        return before.null ? nothing() : integer(rank_of(z, member));
    case HISTORY_ZRANGE: {
        uint64_t chain = HISTORY_EMPTY;
        for (uint32_t rank = 0; rank < count; rank++)
            chain = chain_pair(chain, at_rank(z, rank), z->at[at_rank(z, rank)]);
        return integer((int64_t)chain);
    }
    default:
        return before; /* ZSCORE */
    }
}

/* --- what expires --------------------------------------------------------------------------- */

static uint64_t sum(uint64_t ms, uint64_t span_ms) {
    return ms > UINT64_MAX - span_ms ? UINT64_MAX : ms + span_ms;
}

/* It is there at this time, whatever the deadline that is not known exactly may be. */
static bool may_live(const struct run *run) {
    const struct model_timed *x = &run->model->x;
    return x->present && (!x->expires || run->at_ms < x->high_ms);
}

/* Somebody found it there: then its deadline is later. */
static bool lives(struct run *run) {
    struct model_timed *x = &run->model->x;
    if (!may_live(run)) return false;
    run->is_settled = true;
    if (x->expires && x->low_ms <= run->at_ms) x->low_ms = run->at_ms + 1;
    return true;
}

/* Somebody found nothing: if it was there it has expired, at the earliest time that can be. */
static bool is_gone(struct run *run) {
    struct model_timed *x = &run->model->x;
    if (!x->present) return true;
    if (!x->expires || run->is_settled) return false;
    if (run->at_ms < x->low_ms && run->later_ms < x->low_ms) run->later_ms = x->low_ms;
    *x = (struct model_timed){0};
    return true;
}

static void set_deadline(struct run *run, uint64_t span_ms) {
    struct model_timed *x = &run->model->x;
    run->is_settled = true;
    x->expires = true;
    x->span_ms = span_ms;
    x->low_ms = sum(run->at_ms, span_ms);
    x->high_ms = sum(run->high_ms, span_ms);
}

static void set_timed(struct run *run, const struct history_command *command) {
    char text[HISTORY_TOKEN_SIZE];
    run->model->x = (struct model_timed){
        .present = true,
        .text = history_text(HISTORY_EMPTY, history_token(command->argument, text))};
    set_deadline(run, command->span_ms);
}

/* The deadline is this one: it was set when the log's time was the span before it, so that time has
 * come. */
static bool learn_deadline(struct run *run, uint64_t deadline_ms) {
    struct model_timed *x = &run->model->x;
    if (!x->expires || deadline_ms < x->low_ms || deadline_ms > x->high_ms) return false;
    if (deadline_ms <= run->at_ms) return false;
    x->low_ms = x->high_ms = deadline_ms;
    uint64_t set_ms = deadline_ms - x->span_ms;
    if (set_ms > run->later_ms) run->later_ms = set_ms;
    return true;
}

static struct history_result run_deadline(struct run *run, struct history_result told) {
    int64_t value = (int64_t)told.value;
    bool fits = value == -2   ? is_gone(run)
                : value == -1 ? run->model->x.present && !run->model->x.expires
                              : value > 0 && learn_deadline(run, told.value);
    return fits ? told : impossible();
}

/* Whether the key was there: the result tells, or if nobody knows it, where both can be, the
 * choice. */
static bool was_found(struct run *run, bool told) {
    if (run->known) return told;
    const struct model_timed *x = &run->model->x;
    if (!x->present || !x->expires || run->is_settled) return x->present;
    bool was_late = run->choice % 2 == 1;
    run->choice /= 2;
    return !was_late && may_live(run);
}

static struct history_result set_if_absent(struct run *run, const struct history_command *command) {
    if (was_found(run, command->result.null)) return lives(run) ? nothing() : impossible();
    if (!is_gone(run)) return impossible();
    set_timed(run, command);
    return integer(1);
}

/* The same the other way round: what changes only a key that is there. */
static struct history_result change_timed(struct run *run, const struct history_command *command) {
    struct model_timed *x = &run->model->x;
    if (command->call == HISTORY_PERSIST && x->present && !x->expires) return integer(0);
    if (!was_found(run, command->result.value == 1))
        return is_gone(run) ? integer(0) : impossible();
    if (!lives(run)) return impossible();
    if (command->call == HISTORY_PEXPIRE) {
        set_deadline(run, command->span_ms);
    } else if (command->call == HISTORY_PERSIST) {
        x->expires = false;
        x->low_ms = x->high_ms = x->span_ms = 0;
    } else {
        *x = (struct model_timed){0};
    }
    return integer(1);
}

static struct history_result run_timed(struct run *run, const struct history_command *command) {
    struct history_result told = command->result;
    switch (command->call) {
    case HISTORY_PSET:
        set_timed(run, command);
        return integer(1);
    case HISTORY_PSETNX:
        return set_if_absent(run, command);
    case HISTORY_PEXPIRE:
    case HISTORY_PERSIST:
    case HISTORY_PDEL:
        return change_timed(run, command);
    case HISTORY_DEADLINE:
        return run->known ? run_deadline(run, told) : told;
    default: /* PGET */
        if (!run->known) return told;
        if (told.null) return is_gone(run) ? told : impossible();
        return lives(run) ? integer((int64_t)run->model->x.text) : impossible();
    }
}

/* --- operations ----------------------------------------------------------------------------- */

static struct history_result run_command(struct run *run, const struct history_command *command) {
    if (command->call >= HISTORY_PSET) return run_timed(run, command);
    if (command->call >= HISTORY_ZADD) return run_sorted_set(run->model, command);
    if (command->call >= HISTORY_HSET) return run_map(run->model, command);
    if (command->call >= HISTORY_SADD) return run_set(run, command);
    if (command->call >= HISTORY_LPUSH) return run_list(run->model, command);
    if (command->call >= HISTORY_INCRBY) return run_counter(run->model, command);
    return run_record(run->model, command);
}

static bool results_equal(struct history_result a, struct history_result b) {
    return a.null == b.null && (a.null || a.value == b.value);
}

static enum model_fit run_all(struct run *run, const struct history_operation *operation) {
    for (uint32_t i = 0; i < operation->count; i++) {
        const struct history_command *command = &operation->commands[i];
        struct history_result result = run_command(run, command);
        if (run->known && !results_equal(result, command->result)) return MODEL_DIFFERS;
    }
    return run->choice == 0 ? MODEL_FITS : MODEL_EXHAUSTED;
}

/* At the earliest time that explains the results: each attempt that needs a later one says which.
 */
static enum model_fit apply_in_time(struct run *run, const struct history_operation *operation) {
    struct model before = *run->model;
    uint32_t choice = run->choice;
    for (;;) {
        run->later_ms = run->at_ms;
        run->choice = choice;
        run->is_settled = false;
        enum model_fit fit = run_all(run, operation);
        if (run->later_ms > run->high_ms) return MODEL_DIFFERS;
        if (run->later_ms == run->at_ms) {
            run->model->now_ms = run->at_ms;
            return fit;
        }
        run->at_ms = run->later_ms;
        *run->model = before;
    }
}

enum model_fit model_apply(struct model *model, const struct history_operation *operation,
                           uint32_t choice) {
    struct run run = {
        .model = model, .known = operation->returned != HISTORY_UNKNOWN, .choice = choice};
    if (run.known && choice > 0) return MODEL_EXHAUSTED;
    if (!model_is_timed(operation)) return run_all(&run, operation);
    run.at_ms = operation->log_ms_low > model->now_ms ? operation->log_ms_low : model->now_ms;
    run.high_ms = run.known ? operation->log_ms_high : UINT64_MAX;
    return run.at_ms <= run.high_ms ? apply_in_time(&run, operation) : MODEL_DIFFERS;
}

bool model_is_timed(const struct history_operation *operation) {
    for (uint32_t i = 0; i < operation->count; i++)
        if (operation->commands[i].call >= HISTORY_PSET) return true;
    return false;
}

static uint64_t hash_scores(uint64_t hash, const struct model_scores *scores) {
    hash = hash_chain(hash, scores->present);
    for (uint32_t i = 0; i < HISTORY_MEMBER_COUNT && scores->present != 0; i++)
        hash = hash_chain(hash, (uint64_t)scores->at[i]);
    return hash;
}

static uint64_t hash_list(uint64_t hash, const struct model_list *list) {
    for (uint32_t i = 0; i < list->count; i++)
        hash = hash_chain(hash, (uint64_t)list->at[i]);
    return hash_chain(hash, list->count);
}

uint64_t model_hash(const struct model *model) {
    uint64_t hash = model->r.present ? hash_chain(1, model->r.text) : 2;
    hash = hash_chain(hash, model->q.present ? model->q.text : 0);
    hash = hash_chain(hash, model->has_counter ? (uint64_t)model->counter : UINT64_MAX);
    hash = hash_chain(hash, (uint64_t)model->s << 32 | model->t);
    hash = hash_scores(hash_scores(hash, &model->h), &model->z);
    hash = hash_list(hash_list(hash, &model->l), &model->m);
    const struct model_timed *x = &model->x;
    if (!x->present) return hash;
    hash = hash_chain(hash_chain(hash, x->text), x->expires);
    return hash_chain(hash_chain(hash_chain(hash, x->low_ms), x->high_ms), x->span_ms);
}
