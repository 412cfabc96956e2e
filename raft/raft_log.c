/* raft_log.c: an array that slides: entries enter at its end and leave at its front; when the end
 * is reached, what is left moves back, or the array doubles if it is more than half full. So an
 * append costs O(1) on average and spans stay contiguous. */
#include "raft/raft_log.h"

#include "base/memory.h"

enum { FIRST_CAPACITY = 64, FIRST_TERM_CAPACITY = 8 };

void raft_log_init(struct raft_log *log, const struct raft_log_base *base) {
    *log = (struct raft_log){
        .first_index = base->index + 1,
        .before_hash = base->hash,
        .base_index = base->index,
        .base_term = base->term,
    };
}

void raft_log_clear(struct raft_log *log) {
    for (size_t i = 0; i < log->count; i++)
        chunk_release(log->entries[log->start + i].chunk);
    memory_release(log->entries);
    memory_release(log->terms);
    *log = (struct raft_log){0};
}

static const struct entry *last_entry(const struct raft_log *log) {
    return log->count == 0 ? NULL : &log->entries[log->start + log->count - 1];
}

uint64_t raft_log_last_term(const struct raft_log *log) {
    return log->term_count == 0 ? log->base_term : log->terms[log->term_count - 1].term;
}

uint64_t raft_log_last_hash(const struct raft_log *log) {
    const struct entry *last = last_entry(log);
    return last == NULL ? log->before_hash : entry_hash(last->image);
}

uint64_t raft_log_last_stamp_ms(const struct raft_log *log) {
    const struct entry *last = last_entry(log);
    return last == NULL ? log->before_stamp_ms : entry_stamp_ms(last->image);
}

/* How many rows begin at or before `index`. */
static size_t terms_until(const struct raft_log *log, uint64_t index) {
    /* Nearly all questions are about the newest terms. */
    size_t low = 0, high = log->term_count;
    if (high > 0 && log->terms[high - 1].index <= index) return high;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (log->terms[middle].index <= index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t raft_log_term(const struct raft_log *log, uint64_t index) {
    if (index == log->base_index) return log->base_term;
    if (index < log->base_index || index > raft_log_last_index(log)) return 0;
    size_t rows = terms_until(log, index);
    CHECK(rows > 0);
    return log->terms[rows - 1].term;
}

bool raft_log_hash(const struct raft_log *log, uint64_t index, uint64_t *hash) {
    if (index + 1 < log->first_index || index > raft_log_last_index(log)) return false;
    *hash = index + 1 == log->first_index ? log->before_hash
                                          : entry_hash(raft_log_at(log, index)->image);
    return true;
}

static void make_room(struct raft_log *log) {
    if (log->start + log->count < log->capacity) return;
    if (log->start > log->capacity / 2) {
        memmove(log->entries, log->entries + log->start, log->count * sizeof(*log->entries));
        log->start = 0;
        return;
    }
    log->capacity = log->capacity == 0 ? FIRST_CAPACITY : log->capacity * 2;
    log->entries = memory_resize(log->entries, log->capacity * sizeof(*log->entries));
}

static void note_term(struct raft_log *log, uint64_t index, uint64_t term) {
    uint64_t last = raft_log_last_term(log);
    CHECK(term >= last);
    if (term == last && log->term_count > 0) return;
    if (log->term_count == log->term_capacity) {
        log->term_capacity = log->term_capacity == 0 ? FIRST_TERM_CAPACITY : log->term_capacity * 2;
        log->terms = memory_resize(log->terms, log->term_capacity * sizeof(*log->terms));
    }
    log->terms[log->term_count++] = (struct raft_term_start){.index = index, .term = term};
}

static size_t held_bytes(struct entry entry) {
    return entry_size(entry.image) + sizeof(struct entry);
}

void raft_log_append(struct raft_log *log, struct entry entry) {
    CHECK(entry_index(entry.image) == raft_log_last_index(log) + 1);
    note_term(log, entry_index(entry.image), entry_term(entry.image));
    make_room(log);
    log->entries[log->start + log->count++] = entry;
    log->bytes += held_bytes(entry);
}

void raft_log_cut_after(struct raft_log *log, uint64_t index) {
    CHECK(index + 1 >= log->first_index);
    while (raft_log_last_index(log) > index) {
        struct entry entry = log->entries[log->start + --log->count];
        log->bytes -= held_bytes(entry);
        chunk_release(entry.chunk);
    }
    while (log->term_count > 0 && log->terms[log->term_count - 1].index > index)
        log->term_count--;
}

static void drop_first(struct raft_log *log) {
    struct entry entry = log->entries[log->start];
    log->before_hash = entry_hash(entry.image);
    log->before_stamp_ms = entry_stamp_ms(entry.image);
    log->bytes -= held_bytes(entry);
    log->start++;
    log->count--;
    log->first_index++;
    chunk_release(entry.chunk);
}

void raft_log_drop(struct raft_log *log, uint64_t index, size_t bytes_max) {
    while (log->bytes > bytes_max && log->count > 0 && log->first_index <= index)
        drop_first(log);
}

void raft_log_compact(struct raft_log *log, uint64_t index) {
    if (index == log->base_index) return;
    CHECK(index > log->base_index && index <= raft_log_last_index(log));
    log->base_term = raft_log_term(log, index);
    log->base_index = index;
    while (log->count > 0 && log->first_index <= index)
        drop_first(log);
    size_t gone = terms_until(log, index);
    bool row_goes_on = index < raft_log_last_index(log) &&
                       (gone == log->term_count || log->terms[gone].index > index + 1);
    if (row_goes_on) log->terms[--gone].index = index + 1;
    log->term_count -= gone;
    memmove(log->terms, log->terms + gone, log->term_count * sizeof(*log->terms));
}

void raft_log_restart(struct raft_log *log, const struct raft_log_base *base) {
    raft_log_clear(log);
    raft_log_init(log, base);
}

uint64_t raft_log_agreement(const struct raft_log *log, uint64_t index, uint64_t term) {
    if (index > raft_log_last_index(log)) index = raft_log_last_index(log);
    if (index <= log->base_index) return log->base_index;
    size_t rows = terms_until(log, index);
    while (rows > 0 && log->terms[rows - 1].term > term) {
        index = log->terms[rows - 1].index - 1;
        rows--;
    }
    return index;
}

void raft_log_check(const struct raft_log *log) {
    CHECK(log->start + log->count <= log->capacity);
    CHECK(log->first_index > log->base_index);
    CHECK(log->bytes >= log->count * (sizeof(struct entry) + ENTRY_HEADER_SIZE));
    CHECK(log->count > 0 || log->bytes == 0);
    CHECK(log->term_count <= log->term_capacity);
    CHECK((log->term_count == 0) == (raft_log_last_index(log) == log->base_index));
    if (log->term_count > 0) {
        CHECK(log->terms[0].index == log->base_index + 1);
        CHECK(log->terms[log->term_count - 1].index <= raft_log_last_index(log));
    }
    if (log->count > 0) {
        const struct entry *last = last_entry(log);
        CHECK(entry_index(log->entries[log->start].image) == log->first_index);
        CHECK(entry_index(last->image) == raft_log_last_index(log));
        CHECK(entry_term(last->image) == raft_log_last_term(log));
    }
}
