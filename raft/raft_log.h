/* raft_log.h: what the core knows of its log: the newest entries, and the term of every entry.
 *
 * Entries stand in one array, so that any run of them can be handed out as a span. Dropping old
 * ones from the front forgets their bytes but not their terms: those are kept as one row per change
 * of term. Ownership: one chunk reference per entry held; spans lent by raft_log_at() are valid
 * until the log next changes. Sizes are in bytes and count the entry and its row. */
#pragma once

#include "raft/entry.h"

/* The entries from `index` on, up to the next row, have this term. */
struct raft_term_start {
    uint64_t index, term;
};

struct raft_log {
    struct entry *entries; /* entries[start] .. entries[start + count - 1] */
    size_t start, count, capacity;
    uint64_t first_index;                  /* of entries[start] */
    uint64_t before_hash, before_stamp_ms; /* of the entry before it */
    size_t bytes;
    uint64_t base_index, base_term; /* of the entry before the whole log */
    struct raft_term_start *terms;
    size_t term_count, term_capacity;
};

/* Of the entry before the log's first. */
struct raft_log_base {
    uint64_t index, term, hash;
};

void raft_log_init(struct raft_log *log, const struct raft_log_base *base);
void raft_log_clear(struct raft_log *log);

static inline uint64_t raft_log_last_index(const struct raft_log *log) {
    return log->first_index + log->count - 1;
}
uint64_t raft_log_last_term(const struct raft_log *log);
uint64_t raft_log_last_hash(const struct raft_log *log);
uint64_t raft_log_last_stamp_ms(const struct raft_log *log);

/* The term of any entry from the base to the end; 0 outside. */
uint64_t raft_log_term(const struct raft_log *log, uint64_t index);
/* False where memory no longer knows it. */
bool raft_log_hash(const struct raft_log *log, uint64_t index, uint64_t *hash);

/* Whether entries from `index` on can be sent from memory: they and the hash before them. */
static inline bool raft_log_holds(const struct raft_log *log, uint64_t index) {
    return index >= log->first_index;
}
/* Requires first_index <= index <= last + 1; the span runs to the last entry. */
static inline const struct entry *raft_log_at(const struct raft_log *log, uint64_t index) {
    CHECK(index >= log->first_index && index <= raft_log_last_index(log) + 1);
    return log->entries + log->start + (index - log->first_index);
}

/* The reference on the chunk passes to the log. The entry's index has to be the next one. */
void raft_log_append(struct raft_log *log, struct entry entry);
/* Forgets all entries above `index`, which memory has to hold. */
void raft_log_cut_after(struct raft_log *log, uint64_t index);
/* Drops entries from the front while more than bytes_max are held, none above `index`. */
void raft_log_drop(struct raft_log *log, uint64_t index, size_t bytes_max);

/* The log begins behind `index` from now on: forgets the entries up to it, and their terms. */
void raft_log_compact(struct raft_log *log, uint64_t index);
/* Forgets everything: the log begins anew behind `base`. */
void raft_log_restart(struct raft_log *log, const struct raft_log_base *base);

/* The last index up to `index` whose term is at most `term`; the base index if there is none. */
uint64_t raft_log_agreement(const struct raft_log *log, uint64_t index, uint64_t term);

void raft_log_check(const struct raft_log *log);
