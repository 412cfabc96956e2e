/* The journal on a simulated disk: what is acknowledged survives every crash, what was torn is cut
 * off, what is damaged is named and refused. */
#include <criterion/criterion.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"
#include "raft/journal.h"
#include "raft/record.h"
#include "raft/segment.h"
#include "tests/simulator/disk.h"

enum {
    BASE_HASH = 77,
    SEGMENT_MIN = 2048,
    SEGMENT_MAX = 8192,
    FRAGMENT = 1500,
    ENTRIES_MAX = 4096
};

/* --- the node ------------------------------------------------------------------------------- */

/* What a log has to be: one entry an index. */
struct expected {
    uint64_t term, hash, body_seed;
    uint32_t body_size;
};

/* The log after one more record, and the persist request that is complete with it (0: none). */
struct state {
    uint64_t persist_number, last_index, last_hash, term;
};

/* One node: disk, journal, and the log it should have. */
struct node {
    struct simulated_disk *disk;
    struct journal *journal;
    struct journal_config config;
    uint64_t now_us;
    uint64_t persist_number;

    struct expected log[ENTRIES_MAX]; /* by index - 1: as queued */
    uint64_t last_index, commit_index;
    uint64_t compactions, restarts, fetches;

    struct state *history; /* since the last start */
    uint32_t history_count, history_capacity;

    /* Found by the last recovery. */
    uint64_t recovered, recovered_committed;
};

static struct expected *expected_at(struct node *node, uint64_t index) {
    CHECK(index >= 1 && index <= ENTRIES_MAX);
    return &node->log[index - 1];
}

static void body_fill(char *body, uint32_t size, uint64_t seed) {
    struct random random;
    random_init(&random, seed);
    for (uint32_t i = 0; i < size; i++)
        body[i] = (char)(1 + random_below(&random, 255)); /* never zero: no blank sector inside */
}

/* A sealed entry in a chunk of its own. */
static struct entry entry_make(const struct expected *expected, uint64_t index,
                               uint64_t previous_hash) {
    size_t size = ENTRY_HEADER_SIZE + expected->body_size;
    struct chunk *chunk = chunk_create(size);
    char *body = chunk->data + ENTRY_HEADER_SIZE;
    body_fill(body, expected->body_size, expected->body_seed);
    entry_header_write(chunk->data,
                       &(struct entry_header){
                           .format = ENTRY_FORMAT,
                           .type = ENTRY_DATA,
                           .body_size = expected->body_size,
                           .body_hash = hash_bytes(bytes_of(body, expected->body_size), 0),
                       });
    entry_seal(chunk->data, expected->term, index, 1000 + index, previous_hash);
    return (struct entry){.chunk = chunk, .image = chunk->data};
}

static uint64_t hash_before(struct node *node, uint64_t index) {
    return index == 1 ? BASE_HASH : expected_at(node, index - 1)->hash;
}

static void history_add(struct node *node, uint64_t persist_number, uint64_t term) {
    if (node->history_count == node->history_capacity) {
        node->history_capacity = node->history_capacity * 2 + 64;
        node->history =
            memory_resize(node->history, node->history_capacity * sizeof(*node->history));
    }
    node->history[node->history_count++] =
        (struct state){.persist_number = persist_number,
                       .last_index = node->last_index,
                       .last_hash = hash_before(node, node->last_index + 1),
                       .term = term};
}

static struct node *node_create(uint64_t seed) {
    struct node *node = memory_allocate_zeroed(sizeof(*node));
    node->disk = simulated_disk_create(&(struct simulated_disk_config){.seed = seed});
    node->config = (struct journal_config){.cluster = "cluster",
                                           .node = "node",
                                           .seed = seed,
                                           .base_hash = BASE_HASH,
                                           .segment_size_min = SEGMENT_MIN,
                                           .segment_size_max = SEGMENT_MAX,
                                           .fragment_size = FRAGMENT,
                                           .write_size = 4000};
    return node;
}

static void node_destroy(struct node *node) {
    journal_destroy(node->journal);
    simulated_disk_destroy(node->disk);
    memory_release(node->history);
    memory_release(node);
}

/* --- driving it ----------------------------------------------------------------------------- */

static void node_submit(struct node *node) {
    const struct disk_request *request;
    while ((request = journal_next_request(node->journal)) != NULL)
        simulated_disk_submit(node->disk, request, node->now_us);
}

/* Carries out one disk call; false if there is none. */
static bool node_step(struct node *node) {
    struct disk_completion completion;
    node_submit(node);
    uint64_t due_us = simulated_disk_deadline_us(node->disk);
    if (due_us == UINT64_MAX) return false;
    if (due_us > node->now_us) node->now_us = due_us;
    CHECK(simulated_disk_poll(node->disk, node->now_us, &completion));
    journal_completed(node->journal, &completion);
    journal_check(node->journal);
    return true;
}

static void node_run(struct node *node) {
    while (node_step(node)) {
    }
}

/* Ticks until nothing is left to do: marks written. */
static void node_rest(struct node *node) {
    node_run(node);
    for (int i = 0; i < 10; i++) {
        node->now_us += 5000;
        journal_tick(node->journal, node->now_us);
        node_run(node);
    }
}

/* As long as it takes until what the disk refused is tried again. */
static void node_wait(struct node *node) {
    for (int i = 0; i < 30; i++) {
        node->now_us += 100 * 1000;
        journal_tick(node->journal, node->now_us);
        node_run(node);
    }
}

static void node_verify(struct node *node, const struct entry *entry, uint64_t index) {
    struct expected *expected = expected_at(node, index);
    struct entry again = entry_make(expected, index, hash_before(node, index));
    bool same = entry_index(entry->image) == index &&
                entry_size(entry->image) == entry_size(again.image) &&
                memcmp(entry->image, again.image, entry_size(again.image)) == 0;
    cr_assert(same, "entry %llu differs", (unsigned long long)index);
    chunk_release(again.chunk);
}

/* Starts the journal and replays; verifies what comes against the log. */
static enum journal_state node_recover(struct node *node) {
    node->config.seed = random_mix(node->config.seed);
    node->journal = journal_create(&node->config);
    node->recovered = node->recovered_committed = 0;
    node->persist_number = 0;
    while (journal_state(node->journal) == JOURNAL_RECOVERING) {
        struct entry entry;
        bool committed;
        while (journal_recovered(node->journal, &entry, &committed)) {
            if (node->recovered == 0) node->recovered = journal_start(node->journal).index;
            node->recovered++;
            if (committed) node->recovered_committed = node->recovered;
            cr_assert_leq(node->recovered, node->last_index, "more entries than were written");
            node_verify(node, &entry, node->recovered);
        }
        if (!node_step(node)) cr_assert_neq(journal_state(node->journal), JOURNAL_RECOVERING);
    }
    if (node->recovered == 0) node->recovered = journal_start(node->journal).index;
    journal_check(node->journal);
    return journal_state(node->journal);
}

static void node_drop(struct node *node) {
    journal_destroy(node->journal);
    node->journal = NULL;
}

/* Stops without a word and starts again: the log is then what was recovered. */
static enum journal_state node_restart(struct node *node) {
    simulated_disk_kill(node->disk);
    node_drop(node);
    enum journal_state state = node_recover(node);
    if (state == JOURNAL_READY) node->last_index = node->recovered;
    return state;
}

/* --- writing -------------------------------------------------------------------------------- */

struct change {
    uint64_t term;            /* 0: no hard state */
    uint64_t restart_at_term; /* 0: no restart; else behind cut_after, of this term */
    uint64_t cut_after;
    uint32_t entries, body_size;
};

static uint64_t log_term(struct node *node) {
    return node->last_index == 0 ? 0 : expected_at(node, node->last_index)->term;
}

/* The log begins behind this index, as a snapshot made it. */
static struct raft_position node_note_restart(struct node *node, uint64_t index, uint64_t term) {
    uint64_t hash = index == 0 ? BASE_HASH : random_mix(index ^ term << 32);
    if (index > 0) *expected_at(node, index) = (struct expected){.term = term, .hash = hash};
    node->last_index = node->commit_index = index;
    if (node->config.snapshot_index < index) node->config.snapshot_index = index;
    node->restarts++;
    return (struct raft_position){.index = index, .term = index == 0 ? 0 : term, .hash = hash};
}

/* Queues a persist request; returns its number. */
static uint64_t node_persist(struct node *node, const struct change *change) {
    struct entry entries[64];
    CHECK(change->entries <= COUNT_OF(entries));
    struct raft_persist persist = {.number = ++node->persist_number,
                                   .has_hard_state = change->term > 0,
                                   .hard_state = {.term = change->term, .voted_for = 1},
                                   .cut_after = change->cut_after,
                                   .entries = entries,
                                   .entry_count = change->entries};
    uint64_t term = change->term > 0 ? change->term : journal_hard_state(node->journal).term;
    if (change->restart_at_term > 0) {
        persist.restart = true;
        persist.base = node_note_restart(node, change->cut_after, change->restart_at_term);
        persist.cut_after = UINT64_MAX;
        history_add(node, 0, term);
    } else if (change->cut_after < node->last_index) {
        node->last_index = change->cut_after;
        history_add(node, 0, term);
    }
    if (term < log_term(node)) term = log_term(node);
    for (uint32_t i = 0; i < change->entries; i++) {
        uint64_t index = ++node->last_index;
        struct expected *expected = expected_at(node, index);
        *expected = (struct expected){.term = term,
                                      .body_size = change->body_size,
                                      .body_seed = random_mix(index ^ term << 32)};
        entries[i] = entry_make(expected, index, hash_before(node, index));
        expected->hash = entry_hash(entries[i].image);
        history_add(node, 0, term);
    }
    history_add(node, persist.number, term);
    journal_persist(node->journal, &persist);
    for (uint32_t i = 0; i < change->entries; i++)
        chunk_release(entries[i].chunk);
    return persist.number;
}

static void node_append(struct node *node, uint32_t entries, uint32_t body_size) {
    bool first = journal_hard_state(node->journal).term == 0;
    node_persist(node, &(struct change){.term = first ? 1 : 0,
                                        .cut_after = UINT64_MAX,
                                        .entries = entries,
                                        .body_size = body_size});
}

static void node_cut(struct node *node, uint64_t term, uint64_t after, uint32_t entries) {
    node_persist(node, &(struct change){
                           .term = term, .cut_after = after, .entries = entries, .body_size = 33});
}

/* --- tests: the plain way ------------------------------------------------------------------- */

Test(journal, founds_itself_in_an_empty_directory_and_starts_again_from_there) {
    struct node *node = node_create(1);
    cr_expect_eq(node_recover(node), JOURNAL_READY);
    cr_expect(journal_was_closed(node->journal));
    cr_expect_eq(journal_hard_state(node->journal).term, 0);
    cr_expect_eq(node_restart(node), JOURNAL_READY);
    cr_expect_eq(node->recovered, 0);
    node_run(node);
    cr_expect_eq(journal_figures(node->journal).spare_segments, 3);
    node_destroy(node);
}

Test(journal, gives_back_entries_of_all_sizes_through_many_segments) {
    static const uint32_t sizes[] = {0, 1, 100, 511, 512, 1400, 1500, 5000, 20000};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct node *node = node_create(2);
        cr_assert_eq(node_recover(node), JOURNAL_READY);
        for (int round = 0; round < 20; round++) {
            node_append(node, 1 + (uint32_t)round % 5, sizes[i]);
            if (round % 3 == 0) node_run(node);
        }
        node_run(node);
        cr_expect_eq(journal_persisted(node->journal), 20);
        cr_expect_eq(journal_queued_bytes(node->journal), 0);
        cr_expect(sizes[i] < FRAGMENT || journal_figures(node->journal).fragments > 0);
        cr_assert_eq(node_restart(node), JOURNAL_READY, "size %u: %s", sizes[i],
                     journal_problem(node->journal));
        cr_expect_eq(node->recovered, 60, "size %u", sizes[i]);
        cr_expect_eq(journal_hard_state(node->journal).term, 1);
        node_append(node, 3, sizes[i]);
        node_run(node);
        cr_assert_eq(node_restart(node), JOURNAL_READY);
        cr_expect_eq(node->recovered, 63, "size %u", sizes[i]);
        node_destroy(node);
    }
}

Test(journal, honours_cuts_also_of_a_cut) {
    struct node *node = node_create(3);
    cr_assert_eq(node_recover(node), JOURNAL_READY);
    node_append(node, 10, 50);
    node_cut(node, 2, 6, 3); /* 7-9 anew */
    node_run(node);
    node_cut(node, 3, 8, 2); /* 9, 10 */
    node_cut(node, 4, 7, 0); /* only cut */
    node_run(node);
    cr_expect_eq(journal_last_index(node->journal), 7);
    cr_assert_eq(node_restart(node), JOURNAL_READY, "%s", journal_problem(node->journal));
    cr_expect_eq(node->recovered, 7);
    cr_expect_eq(journal_hard_state(node->journal).term, 4);
    node_append(node, 4, 50);
    node_cut(node, 5, 0, 2); /* everything anew */
    node_run(node);
    cr_assert_eq(node_restart(node), JOURNAL_READY, "%s", journal_problem(node->journal));
    cr_expect_eq(node->recovered, 2);
    node_destroy(node);
}

Test(journal, marks_what_is_durable_soon_and_remembers_the_commit_index) {
    struct node *node = node_create(4);
    cr_assert_eq(node_recover(node), JOURNAL_READY);
    node_append(node, 10, 50);
    node_run(node);
    journal_commit(node->journal, 8);
    uint64_t marks = journal_figures(node->journal).marks;
    journal_tick(node->journal, node->now_us);
    node_run(node);
    cr_expect_eq(journal_figures(node->journal).marks, marks, "not at once");
    node->now_us = journal_deadline_us(node->journal);
    cr_expect_leq(node->now_us, 10000);
    journal_tick(node->journal, node->now_us);
    node_run(node);
    cr_expect_eq(journal_figures(node->journal).marks, marks + 1);
    cr_expect_eq(journal_deadline_us(node->journal), UINT64_MAX);
    node_rest(node);
    cr_expect_eq(journal_figures(node->journal).marks, marks + 1, "once is enough");

    cr_assert_eq(node_restart(node), JOURNAL_READY);
    cr_expect_eq(node->recovered_committed, 8);
    cr_expect_eq(journal_recovered_commit(node->journal), 8);
    cr_expect_not(journal_was_closed(node->journal));
    node_destroy(node);
}

Test(journal, closes_with_a_mark) {
    struct node *node = node_create(5);
    cr_assert_eq(node_recover(node), JOURNAL_READY);
    node_append(node, 10, 50);
    journal_close(node->journal);
    cr_expect_eq(journal_state(node->journal), JOURNAL_READY);
    node_run(node);
    cr_expect_eq(journal_state(node->journal), JOURNAL_CLOSED);
    cr_assert_eq(node_restart(node), JOURNAL_READY);
    cr_expect(journal_was_closed(node->journal));
    cr_expect_eq(node->recovered, 10);
    node_append(node, 1, 50);
    node_run(node);
    cr_assert_eq(node_restart(node), JOURNAL_READY);
    cr_expect_not(journal_was_closed(node->journal));
    node_destroy(node);
}

Test(journal, gathers_what_comes_while_the_disk_is_busy) {
    struct node *node = node_create(6);
    node->config.segment_size_min = node->config.segment_size_max = 65536;
    cr_assert_eq(node_recover(node), JOURNAL_READY);
    node_run(node);
    node_append(node, 1, 50);
    node_run(node);
    uint64_t appends = journal_figures(node->journal).appends;
    for (int i = 0; i < 20; i++) {
        node_append(node, 1, 50);
        node_submit(node);
    }
    node_run(node);
    cr_expect_eq(journal_figures(node->journal).appends, appends + 3, "two at once, and the rest");
    cr_expect_eq(journal_persisted(node->journal), 21);
    node_destroy(node);
}

/* --- tests: crashes ------------------------------------------------------------------------- */

/* What the recovered log begins behind, and what the snapshot has to hold. */
static void node_note_start(struct node *node) {
    struct raft_position start = journal_start(node->journal);
    CHECK(start.index <= node->config.snapshot_index);
    if (start.index > 0)
        *expected_at(node, start.index) = (struct expected){.term = start.term, .hash = start.hash};
    node->recovered = start.index;
}

/* As node_recover(), but takes what comes instead of comparing it: the hash chain is checked. */
static enum journal_state node_recover_any(struct node *node) {
    node->config.seed = random_mix(node->config.seed);
    node->journal = journal_create(&node->config);
    node->recovered = node->recovered_committed = node->persist_number = 0;
    while (journal_state(node->journal) == JOURNAL_RECOVERING) {
        struct entry entry;
        bool committed;
        while (journal_recovered(node->journal, &entry, &committed)) {
            const char *image = entry.image;
            if (node->recovered == 0) node_note_start(node);
            uint64_t index = ++node->recovered;
            if (committed) node->recovered_committed = index;
            CHECK(entry_index(image) == index);
            CHECK(entry_validate(bytes_of(image, entry_size(image))) == ERROR_NONE);
            CHECK(entry_hash(image) == entry_hash_after(image, hash_before(node, index)));
            *expected_at(node, index) =
                (struct expected){.term = entry_term(image),
                                  .hash = entry_hash(image),
                                  .body_size = entry_body_size(image),
                                  .body_seed = random_mix(index ^ entry_term(image) << 32)};
        }
        if (!node_step(node)) break;
    }
    if (node->recovered == 0) node_note_start(node);
    node->last_index = node->recovered;
    return journal_state(node->journal);
}

/* One random persist request. */
static void crash_persist(struct node *node, struct random *random) {
    uint64_t term = journal_hard_state(node->journal).term;
    struct change change = {.cut_after = UINT64_MAX,
                            .entries = (uint32_t)random_below(random, 4),
                            .body_size = (uint32_t)random_below(random, 700)};
    if (random_below(random, 30) == 0) change.body_size = 3000;
    if (term == 0 || random_below(random, 5) == 0) change.term = term + 1;
    if (change.term > 0 && node->last_index > node->commit_index && random_below(random, 2) == 0) {
        uint64_t range = node->last_index - node->commit_index;
        change.cut_after = node->commit_index + random_below(random, range + 1);
    }
    node_persist(node, &change);
}

static void crash_commit(struct node *node, struct random *random) {
    /* Known to be committed, lost here by a crash: the same will come again. */
    if (node->last_index < node->commit_index) return;
    node->commit_index += random_below(random, node->last_index - node->commit_index + 1);
    journal_commit(node->journal, node->commit_index);
}

/* A snapshot that ends somewhere below what is committed; then the log may be cut. */
static void crash_compact(struct node *node, struct random *random) {
    uint64_t start = journal_start(node->journal).index;
    uint64_t commit = node->commit_index;
    if (commit <= start || commit > node->last_index) return;
    uint64_t index = start + random_below(random, commit - start + 1);
    if (index < node->config.snapshot_index) index = node->config.snapshot_index;
    if (index > commit) return;
    node->config.snapshot_index = index;
    journal_compact(node->journal, index);
    cr_assert_leq(journal_start(node->journal).index, index);
    node->compactions += journal_start(node->journal).index > start;
}

/* A snapshot of a leader's, beyond all that is committed here. */
static void crash_restart(struct node *node, struct random *random) {
    uint64_t term = journal_hard_state(node->journal).term;
    uint64_t least = node->commit_index > node->last_index ? node->commit_index : node->last_index;
    if (random_below(random, 2) == 0) least = node->commit_index; /* against the log */
    if (least < node->config.snapshot_index) least = node->config.snapshot_index;
    node_persist(node, &(struct change){.term = term + random_below(random, 2) + (term == 0),
                                        .restart_at_term = term == 0 ? 1 : term,
                                        .cut_after = least + 1 + random_below(random, 5),
                                        .entries = (uint32_t)random_below(random, 3),
                                        .body_size = 100});
    journal_commit(node->journal, node->commit_index);
}

/* Reads a little of what there is. */
static void crash_fetch(struct node *node, struct random *random) {
    uint64_t start = journal_start(node->journal).index;
    struct raft_fetch fetch = {.node = 2 + (uint32_t)random_below(random, 2),
                               .from = 1 + random_below(random, node->last_index + 1),
                               .bytes_max = 2000};
    struct journal_fetched fetched;
    bool is_done = journal_fetched(node->journal, &fetched);
    if (!is_done) journal_fetch(node->journal, &fetch);
    if (!is_done) return;
    if (fetched.from <= start) {
        cr_assert(fetched.error == ERROR_NOT_FOUND || fetched.error == ERROR_NONE);
    } else {
        cr_assert(fetched.error == ERROR_NONE || fetched.error == ERROR_NOT_FOUND, "%s",
                  journal_problem(node->journal));
    }
    for (uint32_t i = 0; i < fetched.entry_count; i++) {
        const char *image = fetched.entries[i].image;
        cr_assert_eq(entry_index(image), fetched.from + i);
        if (i > 0)
            cr_assert_eq(entry_hash(image),
                         entry_hash_after(image, entry_hash(fetched.entries[i - 1].image)));
    }
    node->fetches += fetched.entry_count;
}

struct crash_totals {
    uint64_t lives, acknowledged, committed, torn, recovered_more, lost, begun_later;
};

/* The state that was acknowledged last. */
static uint32_t acknowledged_state(const struct node *node) {
    uint64_t persisted = journal_persisted(node->journal);
    uint32_t found = 0;
    for (uint32_t i = 0; i < node->history_count; i++) {
        uint64_t number = node->history[i].persist_number;
        if (number > 0 && number <= persisted) found = i;
    }
    return found;
}

/* One life: writes, takes a random number of steps, ends by loss of power or a kill. The log found
 * then must be one that was, record by record, between what was acknowledged and what was asked
 * for. */
static void crash_life(struct node *node, struct random *random, struct crash_totals *totals) {
    node->history_count = 0;
    history_add(node, 0, journal_hard_state(node->journal).term);
    uint64_t steps = random_below(random, 60);
    for (uint64_t i = 0; i < steps; i++) {
        if (random_below(random, 3) == 0) crash_persist(node, random);
        if (random_below(random, 8) == 0) crash_commit(node, random);
        if (random_below(random, 12) == 0) crash_compact(node, random);
        if (random_below(random, 4) == 0) crash_fetch(node, random);
        if (random_below(random, 60) == 0) crash_restart(node, random);
        if (random_below(random, 3) != 0) node_step(node);
        if (random_below(random, 10) == 0) {
            node->now_us += random_below(random, 12000);
            journal_tick(node->journal, node->now_us);
        }
    }
    node_submit(node);
    uint32_t first = acknowledged_state(node);
    totals->acknowledged += journal_persisted(node->journal);

    if (random_below(random, 4) == 0) {
        simulated_disk_kill(node->disk);
    } else {
        simulated_disk_power_loss(node->disk);
    }
    node_drop(node);
    enum journal_state state = node_recover_any(node);
    cr_assert_eq(state, JOURNAL_READY, "%s", journal_problem(node->journal));
    totals->lives++;
    totals->begun_later += journal_start(node->journal).index > 0;
    totals->torn += journal_torn_bytes(node->journal) > 0;

    uint64_t start = journal_start(node->journal).index;
    cr_assert_leq(journal_recovered_commit(node->journal), node->commit_index);
    if (journal_recovered_commit(node->journal) > start)
        cr_assert_eq(node->recovered_committed, journal_recovered_commit(node->journal));
    totals->committed += node->recovered_committed;

    uint64_t term = journal_hard_state(node->journal).term;
    uint64_t hash = hash_before(node, node->recovered + 1);
    cr_assert_geq(term, node->history[first].term, "an acknowledged vote is lost");
    uint32_t found = first;
    while (found < node->history_count && node->history[found].last_hash != hash)
        found++;
    cr_assert_lt(found, node->history_count, "a log of %llu entries never was",
                 (unsigned long long)node->recovered);
    cr_assert_geq(term, node->history[found].term, "the log is ahead of the vote");
    totals->recovered_more += found > first;
    totals->lost += found + 1 < node->history_count;
}

Test(journal, loses_nothing_that_was_acknowledged_in_any_crash, .timeout = 120) {
    struct crash_totals totals = {0};
    uint64_t compactions = 0, restarts = 0, fetches = 0;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct random random;
        random_init(&random, seed);
        struct node *node = node_create(seed);
        node->config.sync = JOURNAL_SYNC_ALWAYS;
        cr_assert_eq(node_recover_any(node), JOURNAL_READY);
        for (int life = 0; life < 12; life++)
            crash_life(node, &random, &totals);
        compactions += node->compactions;
        restarts += node->restarts;
        fetches += node->fetches;
        node_destroy(node);
    }
    cr_expect_gt(compactions, 100);
    cr_expect_gt(restarts, 500);
    cr_expect_gt(fetches, 500);
    cr_expect_gt(totals.begun_later, 500);
    cr_expect_gt(totals.acknowledged, 1000);
    cr_expect_gt(totals.committed, 1000);
    cr_expect_gt(totals.torn, 20, "the disk tore %llu", (unsigned long long)totals.torn);
    cr_expect_gt(totals.recovered_more, 100);
    cr_expect_gt(totals.lost, 100);
}

/* --- tests: torn or damaged ----------------------------------------------------------------- */

static struct bytes file_of(struct node *node, const char *name) {
    struct bytes bytes = {0};
    CHECK(simulated_disk_file(node->disk, name, &bytes));
    return bytes;
}

static char *file_copy(struct node *node, const char *name) {
    struct bytes bytes = file_of(node, name);
    char *copy = memory_allocate(bytes.size);
    memcpy(copy, bytes.data, bytes.size);
    return copy;
}

/* A node whose first segment has 64 KiB and holds five entries, marked as durable. */
static struct node *node_with_marked_log(uint64_t seed) {
    struct node *node = node_create(seed);
    node->config.segment_size_min = node->config.segment_size_max = 65536;
    CHECK(node_recover(node) == JOURNAL_READY);
    node_append(node, 5, 100);
    journal_commit(node->journal, 3);
    node_rest(node);
    return node;
}

#define FIRST_LOG "log-0000000001"

/* Every subset of the sectors that the last write touched, with records that end at every place
 * within a sector: the log has the last entry or has it not. */
Test(journal, cuts_off_whatever_sectors_of_the_last_write_are_lost) {
    enum { SIZE = 65536, SECTOR = RECORD_SECTOR_SIZE };
    uint64_t whole = 0, torn = 0, clean = 0;
    for (uint32_t body_size = 0; body_size < 1100; body_size += 7) {
        struct node *node = node_with_marked_log(7);
        char *before = file_copy(node, FIRST_LOG);
        node_append(node, 2, body_size);
        node_run(node);
        char *after = file_copy(node, FIRST_LOG);
        uint32_t changed[16], count = 0;
        for (uint32_t at = 0; at < SIZE; at += SECTOR)
            if (memcmp(before + at, after + at, SECTOR) != 0) changed[count++] = at;
        cr_assert_leq(count, 8);
        for (uint32_t mask = 0; mask < 1u << count; mask++) {
            for (uint32_t i = 0; i < count; i++) {
                const char *from = mask & 1u << i ? after : before;
                simulated_disk_put(node->disk, FIRST_LOG, changed[i],
                                   bytes_of(from + changed[i], SECTOR));
            }
            node_drop(node);
            node->last_index = 7;
            cr_assert_eq(node_recover(node), JOURNAL_READY, "body %u, sectors %x: %s", body_size,
                         mask, journal_problem(node->journal));
            cr_assert_geq(node->recovered, 5);
            cr_assert(node->recovered == 7 || mask + 1 != 1u << count);
            whole += node->recovered == 7;
            torn += journal_torn_bytes(node->journal) > 0;
            clean += node->recovered == 5 && journal_torn_bytes(node->journal) == 0;
        }
        memory_release(before);
        memory_release(after);
        node_destroy(node);
    }
    cr_expect(whole > 100 && torn > 100 && clean > 100, "%d %d %d", (int)whole, (int)torn,
              (int)clean);
}

/* Found by the simulator: the log then goes on in the second segment, behind none in the first. */
Test(journal, goes_on_after_its_very_first_write_was_torn) {
    static const char blank[RECORD_SECTOR_SIZE];
    struct node *node = node_create(7);
    cr_assert_eq(node_recover(node), JOURNAL_READY);
    node_append(node, 1, 600);
    node_run(node);
    simulated_disk_put(node->disk, FIRST_LOG, SEGMENT_HEADER_SIZE, bytes_of(blank, sizeof(blank)));
    cr_assert_eq(node_restart(node), JOURNAL_READY, "%s", journal_problem(node->journal));
    cr_assert_eq(node->recovered, 0);
    for (uint64_t life = 1; life < 4; life++) {
        node_append(node, 5, 600);
        node_run(node);
        cr_assert_eq(node_restart(node), JOURNAL_READY, "%s", journal_problem(node->journal));
        cr_expect_eq(node->recovered, 5 * life);
    }
    node_destroy(node);
}

/* Entries of names vanish together: the last segment in use, and what was made behind it. */
Test(journal, misses_the_last_segments_whichever_they_are) {
    struct node *node = node_create(8);
    cr_assert_eq(node_recover(node), JOURNAL_READY);
    for (int i = 0; i < 12; i++) {
        node_append(node, 3, 400);
        node_run(node);
    }
    node_rest(node);
    uint64_t segments = journal_figures(node->journal).segments;
    cr_assert_geq(segments - journal_figures(node->journal).spare_segments, 3);
    node_drop(node);
    /* The first one was full before there was another. */
    for (uint64_t left = segments - 1; left > 1; left--) {
        char name[DISK_NAME_SIZE];
        segment_name(name, left + 1);
        simulated_disk_remove(node->disk, name);
        cr_assert_eq(node_recover(node), JOURNAL_DAMAGED, "%d left", (int)left);
        cr_expect_eq(journal_error(node->journal), ERROR_DAMAGED);
        cr_expect_neq(strstr(journal_problem(node->journal), name), NULL, "%s",
                      journal_problem(node->journal));
        node_drop(node);
    }
    node_destroy(node);
}

/* A write to the second segment, torn: its first mark is not there. */
static void soil_spare(struct node *node) {
    char noise[700];
    memset(noise, 0xa5, sizeof(noise));
    simulated_disk_put(node->disk, "log-0000000002", 1500, bytes_of(noise, sizeof(noise)));
}

Test(journal, makes_a_spare_anew_that_a_torn_write_has_touched) {
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct node *node = node_with_marked_log(seed);
        uint64_t segments = journal_figures(node->journal).segments;
        soil_spare(node);
        simulated_disk_kill(node->disk);
        node_drop(node);
        /* Another crash, at any step of the recovery: still no segment is missing. */
        node->config.seed++;
        node->journal = journal_create(&node->config);
        for (uint64_t steps = 0; steps < seed && node_step(node); steps++) {
            struct entry entry;
            bool committed;
            while (journal_recovered(node->journal, &entry, &committed)) {
            }
        }
        cr_assert_eq(node_restart(node), JOURNAL_READY, "%s", journal_problem(node->journal));
        cr_expect_eq(node->recovered, 5);
        struct bytes spare = file_of(node, "log-0000000002");
        cr_expect_eq(record_nonzero_size(spare), SEGMENT_HEADER_SIZE);
        node_append(node, 60, 3000);
        node_run(node);
        cr_expect_geq(journal_figures(node->journal).segments, segments);
        cr_assert_eq(node_restart(node), JOURNAL_READY, "%s", journal_problem(node->journal));
        cr_expect_eq(node->recovered, 65);
        node_destroy(node);
    }
}

/* Until nothing happens any more. */
static void node_recover_as_far_as_it_goes(struct node *node) {
    struct entry entry;
    bool committed;
    while (node_step(node) || journal_recovered(node->journal, &entry, &committed)) {
    }
}

/* With what a full disk refuses; it is told within a second when there is room. */
static void expect_to_wait_for_room(struct node *node, struct simulated_disk_config full) {
    simulated_disk_kill(node->disk);
    node_drop(node);
    simulated_disk_configure(node->disk, &full);
    node->journal = journal_create(&node->config);
    node_recover_as_far_as_it_goes(node);
    cr_expect_eq(journal_state(node->journal), JOURNAL_RECOVERING);
    for (int i = 0; i < 2; i++) { /* once more in vain, and then there is room */
        cr_expect(journal_is_full(node->journal));
        journal_tick(node->journal, node->now_us);
        node->now_us = journal_deadline_us(node->journal);
        journal_tick(node->journal, node->now_us);
        if (i == 1) simulated_disk_configure(node->disk, &(struct simulated_disk_config){0});
        node_recover_as_far_as_it_goes(node);
    }
    cr_expect_eq(journal_state(node->journal), JOURNAL_READY);
    cr_expect_not(journal_is_full(node->journal));
    node_destroy(node);
}

Test(journal, waits_for_the_room_to_make_a_spare_anew) {
    struct node *node = node_with_marked_log(7);
    soil_spare(node);
    expect_to_wait_for_room(node, (struct simulated_disk_config){.capacity_bytes = 1});
}

Test(journal, waits_for_the_room_to_write_its_vote_again) {
    struct node *node = node_with_marked_log(7);
    expect_to_wait_for_room(node, (struct simulated_disk_config){.replace_is_full = true});
}

/* Where the log ends in its first segment. */
static uint64_t log_end(struct node *node) {
    struct bytes file = file_of(node, FIRST_LOG);
    return record_nonzero_size(file);
}

Test(journal, refuses_every_flipped_bit_below_the_mark_by_file_offset_and_index) {
    struct node *node = node_with_marked_log(8);
    uint64_t end = log_end(node);
    cr_expect_gt(end, 1000);
    for (uint64_t at = 0; at < end; at++) {
        uint8_t mask = (uint8_t)(1u << at % 8);
        simulated_disk_flip(node->disk, FIRST_LOG, at, mask);
        node_drop(node);
        cr_assert_eq(node_recover(node), JOURNAL_DAMAGED, "byte %llu", (unsigned long long)at);
        cr_assert_eq(journal_error(node->journal), ERROR_DAMAGED);
        const char *problem = journal_problem(node->journal);
        cr_assert_neq(strstr(problem, FIRST_LOG), NULL, "%s", problem);
        if (at >= SEGMENT_HEADER_SIZE) {
            cr_assert_neq(strstr(problem, "offset"), NULL, "%s", problem);
            cr_assert_neq(strstr(problem, "index"), NULL, "%s", problem);
        }
        simulated_disk_flip(node->disk, FIRST_LOG, at, mask);
    }
    node_drop(node);
    cr_expect_eq(node_recover(node), JOURNAL_READY);
    cr_expect_eq(node->recovered, 5);
    node_destroy(node);
}

/* Each kind of byte that a log file has, and what comes of it when it changes. The first segment:
 * its header, then MARK, five ENTRYs of 100 bytes, MARK; then zeros. */
Test(journal, has_an_answer_for_every_kind_of_byte) {
    enum {
        MARK = RECORD_HEADER_SIZE + RECORD_MARK_SIZE,
        FIRST_ENTRY = SEGMENT_HEADER_SIZE + MARK,
        ENTRY = RECORD_HEADER_SIZE + ENTRY_HEADER_SIZE + 100,
        LAST_MARK = FIRST_ENTRY + 5 * ENTRY,
        THIRD = FIRST_ENTRY + 2 * ENTRY,
    };
    static const struct {
        const char *name;
        uint64_t at;
        enum journal_state state;
        uint64_t kept; /* entries */
        const char *says;
    } cases[] = {
        {"header: magic", 3, JOURNAL_DAMAGED, 0, FIRST_LOG " is damaged: "},
        {"header: format", 8, JOURNAL_DAMAGED, 0, FIRST_LOG " is damaged: the checksum"},
        {"header: node", 40, JOURNAL_DAMAGED, 0, FIRST_LOG " is damaged: the checksum"},
        {"header: salt", 56, JOURNAL_DAMAGED, 0, FIRST_LOG " is damaged: the checksum"},
        {"header: zeros", 300, JOURNAL_DAMAGED, 0, FIRST_LOG " is damaged: the checksum"},
        {"header: checksum", 508, JOURNAL_DAMAGED, 0, FIRST_LOG " is damaged: the checksum"},
        {"first mark: checksum", 512, JOURNAL_DAMAGED, 0, "at offset 512, after index 0"},
        {"first mark: number", 512 + 16, JOURNAL_DAMAGED, 0, "at offset 512, after index 0"},
        {"first mark: payload", 512 + 40, JOURNAL_DAMAGED, 0, "at offset 512, after index 0"},
        {"record: checksum", THIRD, JOURNAL_DAMAGED, 2, ", after index 2"},
        {"record: check of the payload", THIRD + 8, JOURNAL_DAMAGED, 2, ", after index 2"},
        {"record: number", THIRD + 16, JOURNAL_DAMAGED, 2, ", after index 2"},
        {"record: length", THIRD + 24, JOURNAL_DAMAGED, 2, ", after index 2"},
        {"record: type", THIRD + 28, JOURNAL_DAMAGED, 2, ", after index 2"},
        {"entry: header", THIRD + 32 + 20, JOURNAL_DAMAGED, 2, ", after index 2"},
        {"entry: body", THIRD + 32 + ENTRY_HEADER_SIZE + 50, JOURNAL_DAMAGED, 2, ", after index 2"},
        {"last entry: body's end", LAST_MARK - 1, JOURNAL_DAMAGED, 4, ", after index 4"},
        {"last mark", LAST_MARK + 40, JOURNAL_DAMAGED, 5, ", after index 5"},
        {"zeros behind", LAST_MARK + MARK + 2000, JOURNAL_READY, 5, ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct node *node = node_with_marked_log(11);
        cr_assert_eq(log_end(node), LAST_MARK + MARK, "the layout is another one");
        node_drop(node);
        simulated_disk_flip(node->disk, FIRST_LOG, cases[i].at, 2);
        cr_expect_eq(node_recover(node), cases[i].state, "%s", cases[i].name);
        cr_expect_eq(node->recovered, cases[i].kept, "%s", cases[i].name);
        const char *problem = journal_problem(node->journal);
        cr_expect(strstr(problem, cases[i].says) != NULL, "%s: %s", cases[i].name, problem);
        node_destroy(node);
    }
}

/* A lost write below the mark looks like a tear, but a later mark knows better. What the last mark
 * covers in its own sector is the window that remains: that sector is left out. */
Test(journal, refuses_blank_sectors_below_the_mark) {
    static const char zeros[RECORD_SECTOR_SIZE];
    struct node *node = node_create(9);
    cr_assert_eq(node_recover(node), JOURNAL_READY);
    for (int i = 0; i < 10; i++) {
        node_append(node, 2, 300);
        node_rest(node);
    }
    node_drop(node);
    uint32_t refused = 0;
    for (uint64_t sequence = 1; sequence <= 3; sequence++) {
        char name[DISK_NAME_SIZE];
        segment_name(name, sequence);
        uint64_t end = record_nonzero_size(file_of(node, name));
        if (sequence == 3) end -= RECORD_HEADER_SIZE + RECORD_MARK_SIZE + RECORD_SECTOR_SIZE - 1;
        for (uint64_t at = 0; at < end; at += RECORD_SECTOR_SIZE) {
            struct node damaged = *node;
            damaged.disk = simulated_disk_copy(node->disk);
            simulated_disk_put(damaged.disk, name, at, bytes_of(zeros, sizeof(zeros)));
            cr_assert_eq(node_recover(&damaged), JOURNAL_DAMAGED, "%s %llu", name,
                         (unsigned long long)at);
            cr_assert_eq(journal_error(damaged.journal), ERROR_DAMAGED);
            node_drop(&damaged);
            simulated_disk_destroy(damaged.disk);
            refused++;
        }
    }
    cr_expect_gt(refused, 15);
    node_destroy(node);
}

/* What may be wrong with the directory, and what is said. */
static void lose_votes(struct node *node) {
    simulated_disk_remove(node->disk, VOTE_NAME);
    simulated_disk_remove(node->disk, VOTE_COPY_NAME);
}
static void cut_log(struct node *node) {
    simulated_disk_truncate(node->disk, FIRST_LOG, 3000);
}
static void cut_header(struct node *node) {
    simulated_disk_truncate(node->disk, FIRST_LOG, 100);
}
static void lose_first(struct node *node) {
    simulated_disk_remove(node->disk, FIRST_LOG);
}
static void lose_logs(struct node *node) {
    for (uint64_t sequence = 1; sequence < 9; sequence++) {
        char name[DISK_NAME_SIZE];
        segment_name(name, sequence);
        simulated_disk_remove(node->disk, name);
    }
}
static void put_vote(struct node *node, const char *name, struct vote vote) {
    char file[VOTE_SIZE];
    struct segment_owner owner = {.cluster = "cluster", .node = "node"};
    vote_write(file, &owner, vote);
    simulated_disk_put(node->disk, name, 0, bytes_of(file, sizeof(file)));
}

static void lose_all(struct node *node) {
    lose_logs(node);
    lose_votes(node);
    node->config.has_log = true;
}
/* As if it had been founded a moment ago. */
static void lose_logs_and_term(struct node *node) {
    lose_logs(node);
    put_vote(node, VOTE_NAME, (struct vote){0});
    put_vote(node, VOTE_COPY_NAME, (struct vote){0});
    node->config.has_log = true;
}
static void lose_last_spare(struct node *node) {
    simulated_disk_remove(node->disk, "log-0000000004");
}
static void take_other_cluster(struct node *node) {
    node->config.cluster[0] = 'X';
}
static void take_other_node(struct node *node) {
    node->config.node[0] = 'X';
}
static void take_other_base(struct node *node) {
    node->config.base_hash = 1;
}

static void make_newer(struct node *node, const char *name, size_t size) {
    char *file = file_copy(node, name);
    store_u32(file + 8, 9);
    store_u64(file + size - 8, hash_bytes(bytes_of(file, size - 8), 0));
    simulated_disk_put(node->disk, name, 0, bytes_of(file, size));
    memory_release(file);
}
static void make_log_newer(struct node *node) {
    make_newer(node, FIRST_LOG, SEGMENT_HEADER_SIZE);
}
static void make_vote_newer(struct node *node) {
    make_newer(node, "vote", VOTE_SIZE);
}

/* The same records in a segment with another salt: as if it had been used before. */
static void change_salt(struct node *node) {
    char *file = file_copy(node, FIRST_LOG);
    struct segment_owner owner = {.cluster = "cluster", .node = "node"};
    struct segment_header header;
    CHECK(segment_header_read(bytes_of(file, 65536), &owner, &header) == ERROR_NONE);
    header.salt++;
    segment_header_write(file, &owner, &header);
    simulated_disk_put(node->disk, FIRST_LOG, 0, bytes_of(file, SEGMENT_HEADER_SIZE));
    memory_release(file);
}

/* The first records again where the log ends. */
static void repeat_records(struct node *node) {
    char *file = file_copy(node, FIRST_LOG);
    simulated_disk_put(node->disk, FIRST_LOG, log_end(node),
                       bytes_of(file + SEGMENT_HEADER_SIZE, 600));
    memory_release(file);
}

Test(journal, refuses_what_it_must_not_use) {
    static const struct {
        const char *name;
        void (*spoil)(struct node *node);
        enum error error;
        const char *says;
        bool is_mendable; /* by a leader */
    } cases[] = {
        {"vote newer", make_vote_newer, ERROR_VERSION, "vote was written by a newer version"},
        {"log cut", cut_log, ERROR_DAMAGED, "it has 3000 bytes instead of 65536", true},
        {"log cut short", cut_header, ERROR_DAMAGED, FIRST_LOG " is damaged", true},
        {"no first log", lose_first, ERROR_DAMAGED, FIRST_LOG " is missing", true},
        {"no log", lose_logs, ERROR_DAMAGED, FIRST_LOG " is missing, but the file vote knows",
         true},
        {"nothing left", lose_all, ERROR_DAMAGED, FIRST_LOG " is missing, but this node has had",
         true},
        {"nothing but a blank vote", lose_logs_and_term, ERROR_DAMAGED, FIRST_LOG " is missing",
         true},
        {"no last spare", lose_last_spare, ERROR_DAMAGED, "log-0000000004 is missing, but the log",
         true},
        {"log newer", make_log_newer, ERROR_VERSION, FIRST_LOG " was written by a newer version"},
        {"other cluster", take_other_cluster, ERROR_FOREIGN, "belongs to another cluster or node"},
        {"other node", take_other_node, ERROR_FOREIGN, "belongs to another cluster or node"},
        {"other base", take_other_base, ERROR_DAMAGED, "offset 512, after index 0", true},
        {"other salt", change_salt, ERROR_DAMAGED, "offset 512, after index 0", true},
        {"records repeated", repeat_records, ERROR_DAMAGED, "after index 5", true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct node *node = node_with_marked_log(10);
        node_drop(node);
        cases[i].spoil(node);
        uint64_t appends = simulated_disk_figures(node->disk).appends;
        enum journal_state state = node_recover(node);
        cr_expect_eq(state, cases[i].is_mendable ? JOURNAL_DAMAGED : JOURNAL_REFUSED, "%s",
                     cases[i].name);
        cr_expect_eq(journal_error(node->journal), cases[i].error, "%s", cases[i].name);
        const char *problem = journal_problem(node->journal);
        cr_expect_neq(strstr(problem, cases[i].says), NULL, "%s: %s", cases[i].name, problem);
        cr_expect_eq(journal_next_request(node->journal), NULL);
        cr_expect_eq(simulated_disk_figures(node->disk).appends, appends, "nothing is changed");
        node_destroy(node);
    }
}

/* --- tests: the vote ------------------------------------------------------------------------ */

static void put_old_vote(struct node *node, const char *name) {
    put_vote(node, name, (struct vote){.term = 4, .voted_for = 2});
}
static void put_unvoted(struct node *node, const char *name) {
    put_vote(node, name, (struct vote){.term = 5});
}
static void leave_vote(struct node *node, const char *name) {
    (void)node, (void)name;
}
static void remove_vote(struct node *node, const char *name) {
    simulated_disk_remove(node->disk, name);
}
static void flip_vote(struct node *node, const char *name) {
    simulated_disk_flip(node->disk, name, 50, 1);
}
static void cut_vote(struct node *node, const char *name) {
    simulated_disk_truncate(node->disk, name, 40);
}
static void blank_vote(struct node *node, const char *name) {
    char zeros[VOTE_SIZE] = {0};
    simulated_disk_put(node->disk, name, 0, bytes_of(zeros, sizeof(zeros)));
}
/* The size at offset 12 says that the header ends within itself. */
static void shrink_vote(struct node *node, const char *name) {
    simulated_disk_put(node->disk, name, 12, bytes_of("\x1\0\0\0", 4));
}

static struct node *node_with_vote(void) {
    struct node *node = node_create(30);
    CHECK(node_recover(node) == JOURNAL_READY);
    node_persist(
        node, &(struct change){.term = 5, .cut_after = UINT64_MAX, .entries = 1, .body_size = 9});
    node_rest(node);
    node_drop(node);
    return node;
}

/* What has been done to the two copies of a vote for n1 in term 5; the log's last term is 5. */
Test(journal, reads_the_vote_from_either_copy_or_knows_that_it_is_lost) {
    static const struct {
        const char *name;
        void (*first)(struct node *node, const char *name), (*second)(struct node *, const char *);
        bool is_lost;
        const char *notice;
    } cases[] = {
        {"both sound", leave_vote, leave_vote, false, ""},
        {"from before there was a copy", leave_vote, remove_vote, false, ""},
        {"first lost", remove_vote, leave_vote, false, "vote is missing; vote.copy was read"},
        {"first flipped", flip_vote, leave_vote, false, "vote is damaged: the checksum"},
        {"first cut", cut_vote, leave_vote, false, "vote is damaged: the bytes end"},
        {"first blank", blank_vote, leave_vote, false, "vote is damaged: "},
        {"first shrunk", shrink_vote, leave_vote, false, "vote is damaged: "},
        {"second flipped", leave_vote, flip_vote, false, "vote.copy is damaged: the checksum"},
        {"second cut", leave_vote, cut_vote, false, "vote.copy is damaged: the bytes end"},
        {"second being written", leave_vote, put_old_vote, false, ""},
        {"first one's REPLACE was lost", put_old_vote, leave_vote, false, ""},
        {"so was that of the vote", put_unvoted, leave_vote, false, ""},
        {"both flipped", flip_vote, flip_vote, true,
         "vote is damaged: the checksum does not match, and "
         "vote.copy is damaged: the checksum"},
        {"one flipped, one cut", flip_vote, cut_vote, true, "vote.copy is damaged: the bytes end"},
        {"both lost", remove_vote, remove_vote, true, "vote is missing, and vote.copy is missing"},
        {"the only one flipped", flip_vote, remove_vote, true, "and vote.copy is missing"},
        {"both older than the log", put_old_vote, put_old_vote, true,
         "vote is older than the log: it knows term 4, and the log has an entry of term 5"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct node *node = node_with_vote();
        cases[i].first(node, VOTE_NAME);
        cases[i].second(node, VOTE_COPY_NAME);
        cr_expect_eq(node_recover(node), JOURNAL_READY, "%s", cases[i].name);
        cr_expect_eq(node->recovered, 1);
        const char *notice = journal_notice(node->journal);
        bool is_told = cases[i].notice[0] == '\0' ? notice[0] == '\0'
                                                  : strstr(notice, cases[i].notice) != NULL;
        cr_expect(is_told, "%s: %s", cases[i].name, notice);
        cr_expect_eq(journal_vote_is_lost(node->journal), cases[i].is_lost, "%s", cases[i].name);
        struct raft_hard_state state = journal_hard_state(node->journal);
        cr_expect_eq(state.term, 5, "%s", cases[i].name);
        cr_expect_eq(state.voted_for, cases[i].is_lost ? 0 : 1, "%s", cases[i].name);
        /* The files are mended at once, but a lost vote stays lost. */
        cr_assert_eq(node_restart(node), JOURNAL_READY);
        cr_expect_eq(journal_vote_is_lost(node->journal), cases[i].is_lost, "%s", cases[i].name);
        flip_vote(node, VOTE_NAME);
        cr_assert_eq(node_restart(node), JOURNAL_READY);
        cr_expect_eq(journal_vote_is_lost(node->journal), cases[i].is_lost, "%s", cases[i].name);
        /* Until the core knows its term again. */
        node_persist(node, &(struct change){.term = 7, .cut_after = UINT64_MAX});
        node_run(node);
        flip_vote(node, VOTE_COPY_NAME);
        cr_assert_eq(node_restart(node), JOURNAL_READY);
        cr_expect_not(journal_vote_is_lost(node->journal));
        cr_expect_eq(journal_hard_state(node->journal).term, 7);
        node_destroy(node);
    }
}

/* A snapshot that is ahead of the log has the log begin anew in its term: that finds no vote. */
Test(journal, does_not_find_a_lost_vote_in_the_term_that_its_log_begins_anew_with) {
    struct node *node = node_with_vote();
    const struct raft_position ahead = {.index = 40, .term = 7, .hash = 40};
    flip_vote(node, VOTE_NAME);
    flip_vote(node, VOTE_COPY_NAME);
    cr_assert_eq(node_recover(node), JOURNAL_READY);
    journal_restart(node->journal, &ahead);
    node_run(node);
    cr_expect(journal_vote_is_lost(node->journal));
    cr_expect_eq(journal_hard_state(node->journal).term, 7, "the bound is a better one");
    node->config.snapshot_index = ahead.index;
    cr_assert_eq(node_restart(node), JOURNAL_READY);
    cr_expect(journal_vote_is_lost(node->journal), "nor after the next start");
    node_destroy(node);
}

Test(journal, refuses_a_vote_that_is_newer_or_another_ones_in_either_copy) {
    for (uint32_t copy = 0; copy < 2; copy++) {
        struct node *node = node_with_vote();
        make_newer(node, copy == 0 ? VOTE_NAME : VOTE_COPY_NAME, VOTE_SIZE);
        cr_expect_eq(node_recover(node), JOURNAL_REFUSED);
        cr_expect_eq(journal_error(node->journal), ERROR_VERSION);
        node_destroy(node);
    }
}

/* One who knows format 1 only must not take the file of a lost vote for a vote. */
Test(journal, writes_a_lost_vote_in_a_format_of_its_own) {
    char file[VOTE_SIZE];
    struct segment_owner owner = {.cluster = "cluster", .node = "node"};
    vote_write(file, &owner, (struct vote){.term = 9, .is_lost = true});
    cr_expect_eq(load_u32(file + 8), 2);
    struct vote vote;
    cr_expect_eq(vote_read(bytes_of(file, sizeof(file)), &owner, &vote), ERROR_NONE);
    cr_expect(vote.is_lost && vote.term == 9);
    vote_write(file, &owner, (struct vote){.term = 9, .voted_for = 2});
    cr_expect_eq(load_u32(file + 8), 1);
}

/* Between the two copies, and before the first: what was persisted is there, the rest may be. */
Test(journal, keeps_the_vote_through_a_crash_between_its_copies) {
    for (uint64_t steps = 0; steps < 6; steps++) {
        struct node *node = node_with_vote();
        CHECK(node_recover(node) == JOURNAL_READY);
        uint64_t number = node_persist(node, &(struct change){.term = 6, .cut_after = UINT64_MAX});
        for (uint64_t i = 0; i < steps; i++)
            node_step(node);
        bool is_durable = journal_persisted(node->journal) >= number;
        cr_expect_eq(is_durable, steps >= 2, "%llu", (unsigned long long)steps);
        simulated_disk_power_loss(node->disk);
        node_drop(node);
        if (is_durable) flip_vote(node, steps % 2 == 0 ? VOTE_NAME : VOTE_COPY_NAME);
        cr_assert_eq(node_recover(node), JOURNAL_READY);
        cr_expect_not(journal_vote_is_lost(node->journal));
        uint64_t term = journal_hard_state(node->journal).term;
        cr_expect(term == 6 || (term == 5 && !is_durable));
        node_destroy(node);
    }
}

/* --- tests: old entries --------------------------------------------------------------------- */

/* Runs one fetch and compares it with the log; returns how many entries came. */
static uint32_t node_fetch(struct node *node, uint64_t from, size_t bytes_max) {
    journal_fetch(node->journal,
                  &(struct raft_fetch){.node = 2, .from = from, .bytes_max = bytes_max});
    struct journal_fetched fetched;
    while (!journal_fetched(node->journal, &fetched))
        CHECK(node_step(node));
    cr_assert_eq(fetched.error, ERROR_NONE, "from %llu: %s", (unsigned long long)from,
                 error_text(fetched.error));
    cr_assert_eq(fetched.from, from);
    cr_assert_eq(fetched.previous_hash, hash_before(node, from));
    cr_assert_eq(fetched.previous_term, from == 1 ? 0 : expected_at(node, from - 1)->term);
    size_t bytes = 0;
    for (uint32_t i = 0; i < fetched.entry_count; i++) {
        node_verify(node, &fetched.entries[i], from + i);
        bytes += entry_size(fetched.entries[i].image);
    }
    cr_assert(fetched.entry_count == 1 || bytes <= bytes_max);
    uint32_t count = fetched.entry_count;
    cr_assert_not(journal_fetched(node->journal, &fetched));
    return count;
}

Test(journal, fetches_any_entries_past_cuts_and_in_pieces) {
    struct random random;
    random_init(&random, 11);
    struct node *node = node_create(11);
    cr_assert_eq(node_recover(node), JOURNAL_READY);
    uint64_t term = 1;
    for (int round = 0; round < 60; round++) {
        uint32_t body_size = round % 7 == 0 ? 4000 : (uint32_t)random_below(&random, 500);
        node_append(node, 1 + (uint32_t)random_below(&random, 10), body_size);
        if (round % 5 == 4)
            node_cut(node, ++term, node->last_index - 1 - random_below(&random, 6), 2);
        if (round % 10 == 9) {
            journal_commit(node->journal, node->last_index);
            node_run(node);
        }
    }
    node_run(node);
    for (int life = 0; life < 2; life++) {
        for (uint64_t from = 1; from <= node->last_index; from++)
            cr_assert_geq(node_fetch(node, from, 1 + random_below(&random, 3000)), 1);
        cr_expect_eq(node_fetch(node, 1, SIZE_MAX), node->last_index);
        cr_assert_eq(node_restart(node), JOURNAL_READY, "%s", journal_problem(node->journal));
    }
    node_destroy(node);
}

Test(journal, fetches_only_what_is_there) {
    struct node *node = node_with_marked_log(12);
    struct journal_fetched fetched;
    journal_fetch(node->journal, &(struct raft_fetch){.node = 2, .from = 6, .bytes_max = 100});
    cr_assert(journal_fetched(node->journal, &fetched));
    cr_expect_eq(fetched.error, ERROR_NOT_FOUND);

    /* Queued, but not written. */
    node_append(node, 1, 10);
    journal_fetch(node->journal, &(struct raft_fetch){.node = 2, .from = 6, .bytes_max = 100});
    while (!journal_fetched(node->journal, &fetched)) {
        struct disk_completion completion;
        const struct disk_request *request;
        while ((request = journal_next_request(node->journal)) != NULL)
            if (request->call == DISK_READ) simulated_disk_submit(node->disk, request, 0);
        cr_assert(simulated_disk_poll(node->disk, 0, &completion));
        journal_completed(node->journal, &completion);
    }
    cr_expect_eq(fetched.error, ERROR_NOT_FOUND);
    node_destroy(node);
}

Test(journal, forgets_a_fetch_for_a_newer_one_and_begins_again_after_a_cut) {
    struct node *node = node_with_marked_log(13);
    node_append(node, 5, 100);
    node_run(node);
    struct journal_fetched fetched;
    journal_fetch(node->journal, &(struct raft_fetch){.node = 2, .from = 2, .bytes_max = 10000});
    node_submit(node);
    journal_fetch(node->journal, &(struct raft_fetch){.node = 2, .from = 4, .bytes_max = 10000});
    journal_fetch(node->journal, &(struct raft_fetch){.node = 3, .from = 5, .bytes_max = 10000});
    node_submit(node);
    node_cut(node, 2, 8, 0);
    node_run(node);
    cr_assert(journal_fetched(node->journal, &fetched));
    cr_expect_eq(fetched.from, 4);
    cr_expect_eq(fetched.entry_count, 5, "up to the cut");
    cr_assert(journal_fetched(node->journal, &fetched));
    cr_expect_eq(fetched.from, 5);
    cr_expect_eq(fetched.entry_count, 4);
    cr_expect_not(journal_fetched(node->journal, &fetched));

    /* Finished, not yet taken. */
    journal_fetch(node->journal, &(struct raft_fetch){.node = 3, .from = 5, .bytes_max = 10000});
    node_run(node);
    node_cut(node, 3, 7, 0);
    node_run(node);
    cr_assert(journal_fetched(node->journal, &fetched));
    cr_expect_eq(fetched.entry_count, 3);
    node_destroy(node);
}

Test(journal, names_the_damage_that_a_fetch_meets) {
    struct node *node = node_with_marked_log(14);
    simulated_disk_flip(node->disk, FIRST_LOG, 900, 4);
    journal_fetch(node->journal, &(struct raft_fetch){.node = 2, .from = 1, .bytes_max = 10000});
    node_run(node);
    struct journal_fetched fetched;
    cr_assert(journal_fetched(node->journal, &fetched));
    cr_expect_eq(fetched.error, ERROR_DAMAGED);
    cr_expect_eq(fetched.entry_count, 0);
    cr_expect_neq(strstr(journal_problem(node->journal), FIRST_LOG " is damaged at offset 8"), NULL,
                  "%s", journal_problem(node->journal));
    cr_expect_eq(journal_state(node->journal), JOURNAL_READY);
    node_destroy(node);
}

/* As if the disk had lost them: what stood there can't come back. */
Test(journal, calls_a_file_damaged_that_is_gone_or_too_short_for_a_fetch) {
    for (int shorter = 0; shorter <= 1; shorter++) {
        struct node *node = node_with_marked_log(14);
        if (shorter) {
            simulated_disk_truncate(node->disk, FIRST_LOG, 900);
        } else {
            simulated_disk_remove(node->disk, FIRST_LOG);
        }
        journal_fetch(node->journal,
                      &(struct raft_fetch){.node = 2, .from = 2, .bytes_max = 10000});
        node_run(node);
        struct journal_fetched fetched;
        cr_assert(journal_fetched(node->journal, &fetched));
        cr_expect_eq(fetched.error, ERROR_DAMAGED);
        cr_expect_eq(fetched.reached, 1, "nothing of it was read");
        cr_expect_neq(strstr(journal_problem(node->journal), FIRST_LOG " cannot be read"), NULL,
                      "%s", journal_problem(node->journal));
        node_destroy(node);
    }
}

/* --- tests: the log begins later ------------------------------------------------------------ */

static bool has_file(struct node *node, const char *name) {
    struct bytes bytes;
    return simulated_disk_file(node->disk, name, &bytes);
}

static bool has_segment(struct node *node, uint64_t sequence) {
    char name[DISK_NAME_SIZE];
    segment_name(name, sequence);
    return has_file(node, name);
}

/* A node with 90 entries in many segments, all committed. */
static struct node *node_with_long_log(uint64_t seed) {
    struct node *node = node_create(seed);
    CHECK(node_recover(node) == JOURNAL_READY);
    for (int i = 0; i < 30; i++) {
        node_append(node, 3, i % 7 == 0 ? 2000 : 300);
        node_run(node);
    }
    node->commit_index = node->last_index;
    journal_commit(node->journal, node->commit_index);
    node_rest(node);
    return node;
}

static enum error fetch_error(struct node *node, uint64_t from) {
    journal_fetch(node->journal, &(struct raft_fetch){.node = 2, .from = from, .bytes_max = 1000});
    struct journal_fetched fetched;
    while (!journal_fetched(node->journal, &fetched))
        CHECK(node_step(node));
    return fetched.error;
}

Test(journal, gives_up_the_segments_that_a_snapshot_covers_and_nothing_else) {
    for (uint64_t index = 0; index <= 90; index += 3) {
        struct node *node = node_with_long_log(20);
        uint64_t segments = journal_figures(node->journal).segments;
        journal_compact(node->journal, index);
        uint64_t start = journal_start(node->journal).index;
        cr_expect_leq(start, index);
        node_run(node);
        uint64_t removed = journal_figures(node->journal).removed;
        cr_expect_eq(journal_figures(node->journal).segments, segments - removed);
        cr_expect_eq(removed > 0, start > 0);
        for (uint64_t sequence = 1; sequence <= segments; sequence++)
            cr_expect_eq(has_segment(node, sequence), sequence > removed);
        cr_expect(index < 90 || removed > 4);
        for (int life = 0; life < 2; life++) {
            for (uint64_t from = 1; from <= start; from++)
                cr_expect_eq(fetch_error(node, from), ERROR_NOT_FOUND);
            if (start < 90) cr_expect_geq(node_fetch(node, start + 1, 1), 1);
            node_append(node, 2, 300);
            node_run(node);
            node->config.snapshot_index = index;
            cr_assert_eq(node_restart(node), JOURNAL_READY, "%s", journal_problem(node->journal));
            cr_expect_eq(node->recovered, 92 + 2 * (uint64_t)life);
            cr_expect_eq(journal_start(node->journal).index, start);
            cr_expect_eq(journal_start(node->journal).hash, hash_before(node, start + 1));
        }
        node_destroy(node);
    }
}

/* Those that fit into no rest of a segment, or into none at all. */
Test(journal, can_be_cut_when_all_its_entries_are_large) {
    for (uint32_t body_size = FRAGMENT; body_size < 3 * SEGMENT_MAX; body_size += 1237) {
        struct node *node = node_create(29);
        cr_assert_eq(node_recover(node), JOURNAL_READY);
        for (int i = 0; i < 40; i++) {
            node_append(node, 1, body_size);
            node_run(node);
        }
        node->commit_index = node->last_index;
        journal_commit(node->journal, node->commit_index);
        node_rest(node);
        journal_compact(node->journal, 40);
        uint64_t two = 2 * (uint64_t)(SEGMENT_MAX + body_size);
        cr_expect_leq(journal_log_bytes(node->journal), two, "entries of %u bytes", body_size);
        node_run(node);
        node->config.snapshot_index = 40;
        cr_assert_eq(node_restart(node), JOURNAL_READY, "%s", journal_problem(node->journal));
        cr_expect_eq(node->recovered, 40);
        node_destroy(node);
    }
}

Test(journal, does_not_compact_what_is_not_committed) {
    struct node *node = node_create(21);
    cr_assert_eq(node_recover(node), JOURNAL_READY);
    for (int i = 0; i < 10; i++)
        node_append(node, 3, 300);
    node_run(node);
    journal_compact(node->journal, 30);
    cr_expect_eq(journal_start(node->journal).index, 0);
    journal_commit(node->journal, 12);
    journal_compact(node->journal, 30);
    cr_expect_gt(journal_start(node->journal).index, 0);
    cr_expect_leq(journal_start(node->journal).index, 12);
    node_destroy(node);
}

Test(journal, says_so_when_the_log_begins_behind_the_snapshot) {
    struct node *node = node_with_long_log(22);
    journal_compact(node->journal, 80);
    uint64_t start = journal_start(node->journal).index;
    node_run(node);
    node->config.snapshot_index = start - 1;
    cr_assert_eq(node_restart(node), JOURNAL_DAMAGED);
    cr_expect_eq(node->recovered, start, "nothing was given out");
    cr_expect_neq(strstr(journal_problem(node->journal), "is missing: the log begins behind"), NULL,
                  "%s", journal_problem(node->journal));
    cr_expect_not(journal_salvage(node->journal));
    node_drop(node);
    node->config.snapshot_index = start;
    cr_expect_eq(node_recover(node), JOURNAL_READY);
    node_destroy(node);
}

Test(journal, begins_anew_behind_a_received_snapshot) {
    struct node *node = node_with_long_log(23);
    uint64_t used =
        journal_figures(node->journal).segments - journal_figures(node->journal).spare_segments;
    journal_fetch(node->journal, &(struct raft_fetch){.node = 3, .from = 2, .bytes_max = 9000});
    node_submit(node);
    node_persist(node, &(struct change){
                           .restart_at_term = 1, .cut_after = 200, .entries = 2, .body_size = 50});
    cr_expect_eq(journal_start(node->journal).index, 200);
    cr_expect(has_segment(node, 1), "not before the restart is durable");
    node_run(node);
    cr_expect_eq(journal_persisted(node->journal), node->persist_number);
    struct journal_fetched fetched;
    cr_assert(journal_fetched(node->journal, &fetched));
    cr_expect_eq(fetched.error, ERROR_NOT_FOUND);
    for (uint64_t sequence = 1; sequence <= used; sequence++)
        cr_expect_not(has_segment(node, sequence));
    cr_expect_eq(fetch_error(node, 200), ERROR_NOT_FOUND);
    cr_expect_eq(node_fetch(node, 201, 9000), 2);
    cr_assert_eq(node_restart(node), JOURNAL_READY, "%s", journal_problem(node->journal));
    cr_expect_eq(node->recovered, 202);
    cr_expect_not(journal_is_damaged(node->journal));
    cr_expect_eq(journal_recovered_commit(node->journal), 200);
    node_destroy(node);
}

/* --- tests: life after damage --------------------------------------------------------------- */

/* Takes the way out of the damage; ends early after so many steps. False: it ended early. */
static bool node_mend(struct node *node, bool salvages, uint64_t steps) {
    struct raft_position nowhere = {.hash = BASE_HASH};
    if (!salvages || !journal_salvage(node->journal)) {
        journal_restart(node->journal, &nowhere);
        node->recovered = 0;
    }
    for (; steps > 0; steps--)
        if (!node_step(node)) return true;
    return false;
}

/* The prefix, and then new entries, through crashes at any step. */
static void expect_to_mend(struct node *node, bool salvages, uint64_t seed) {
    struct random random;
    random_init(&random, seed);
    enum journal_state state;
    uint64_t last = node->last_index, prefix = UINT64_MAX, crashes = random_below(&random, 3);
    while ((state = node_recover(node)) == JOURNAL_DAMAGED) {
        bool is_done = node_mend(node, salvages, crashes == 0 ? 10000 : random_below(&random, 9));
        if (prefix == UINT64_MAX) prefix = node->recovered;
        cr_assert_eq(node->recovered, prefix);
        if (is_done) break;
        crashes--;
        if (random_below(&random, 2) == 0) {
            simulated_disk_kill(node->disk);
        } else {
            simulated_disk_power_loss(node->disk);
        }
        node_drop(node);
        node->last_index = last;
    }
    cr_assert_eq(journal_state(node->journal), JOURNAL_READY, "%s", journal_problem(node->journal));
    cr_assert(journal_is_damaged(node->journal));
    cr_assert_eq(node->recovered, prefix);
    node->last_index = prefix;
    for (int life = 0; life < 2; life++) {
        cr_assert_eq(journal_last_index(node->journal), node->last_index);
        node_append(node, 3, 400);
        node_run(node);
        if (life == 1) journal_repaired(node->journal);
        if (life == 1) node_rest(node);
        cr_assert_eq(node_restart(node), JOURNAL_READY, "%s", journal_problem(node->journal));
        cr_assert_eq(node->recovered, prefix + 3 * (uint64_t)(life + 1));
        cr_assert_eq(journal_is_damaged(node->journal), life == 0);
    }
    cr_expect_geq(node_fetch(node, 1, SIZE_MAX), prefix + 6);
}

/* Every tenth byte of every segment in use, a lost sector or a lost file. */
Test(journal, goes_on_behind_any_damage_when_it_is_told_to, .timeout = 120) {
    static const char zeros[RECORD_SECTOR_SIZE];
    struct node *node = node_create(24);
    cr_assert_eq(node_recover(node), JOURNAL_READY);
    for (int i = 0; i < 12; i++) {
        node_append(node, 2, i == 5 ? 3000 : 300);
        node_rest(node);
    }
    uint64_t used =
        journal_figures(node->journal).segments - journal_figures(node->journal).spare_segments;
    cr_assert_geq(used, 3);
    node_drop(node);
    uint64_t damages = 0, set_aside = 0;
    for (uint64_t sequence = 1; sequence <= used; sequence++) {
        char name[DISK_NAME_SIZE];
        segment_name(name, sequence);
        uint64_t end = record_nonzero_size(file_of(node, name));
        for (uint64_t at = 0; at < end; at += 10) {
            struct node damaged = *node;
            damaged.history = NULL;
            damaged.history_capacity = damaged.history_count = 0;
            damaged.disk = simulated_disk_copy(node->disk);
            if (at % 100 == 90) {
                simulated_disk_remove(damaged.disk, name);
            } else if (at % 100 == 60 && end - at > 1000) {
                simulated_disk_put(damaged.disk, name, at / 512 * 512,
                                   bytes_of(zeros, sizeof(zeros)));
            } else {
                simulated_disk_flip(damaged.disk, name, at, (uint8_t)(1u << at % 8));
            }
            expect_to_mend(&damaged, at % 4 != 0, at + sequence);
            set_aside += has_file(&damaged, "damaged-log-0000000002");
            damages++;
            journal_destroy(damaged.journal);
            simulated_disk_destroy(damaged.disk);
            memory_release(damaged.history);
        }
    }
    cr_expect_gt(damages, 300);
    cr_expect_gt(set_aside, 100);
    node_destroy(node);
}

Test(journal, salvages_only_what_reaches_the_end_of_the_snapshot) {
    for (uint64_t snapshot_index = 0; snapshot_index <= 5; snapshot_index++) {
        struct node *node = node_with_marked_log(25);
        simulated_disk_flip(node->disk, FIRST_LOG, 1100, 1);
        node->config.snapshot_index = snapshot_index;
        node_drop(node);
        cr_assert_eq(node_recover(node), JOURNAL_DAMAGED);
        cr_assert(node->recovered > 1 && node->recovered < 5);
        cr_expect_eq(journal_salvage(node->journal), snapshot_index <= node->recovered);
        node_destroy(node);
    }
}

/* Its start finds damage, and goes on with what is whole before it. */
static void node_salvage(struct node *node) {
    cr_assert_eq(node_recover(node), JOURNAL_DAMAGED);
    node->last_index = node->recovered;
    cr_assert(journal_salvage(node->journal));
}

/* A disk with no room for one more segment: the spares of the old log make it. */
Test(journal, begins_anew_on_a_full_disk_in_the_place_of_spares) {
    struct node *node = node_with_marked_log(26);
    simulated_disk_flip(node->disk, FIRST_LOG, 1100, 1);
    node_drop(node);
    simulated_disk_configure(
        node->disk, &(struct simulated_disk_config){.capacity_bytes = 4 * 65536 + 4 * VOTE_SIZE});
    node_salvage(node);
    node_run(node);
    cr_assert_eq(journal_state(node->journal), JOURNAL_READY);
    node_append(node, 2, 100);
    node_wait(node);
    cr_expect_eq(journal_persisted(node->journal), node->persist_number);
    cr_assert_eq(node_restart(node), JOURNAL_READY, "%s", journal_problem(node->journal));
    cr_expect(journal_is_damaged(node->journal));
    node_destroy(node);
}

/* Behind damage the segments begin small again. */
Test(journal, begins_anew_with_small_segments) {
    struct node *node = node_create(27);
    cr_assert_eq(node_recover(node), JOURNAL_READY);
    for (int i = 0; i < 12; i++)
        node_append(node, 2, 300);
    node_rest(node);
    uint64_t last = journal_figures(node->journal).segments;
    node_drop(node);
    simulated_disk_flip(node->disk, FIRST_LOG, 700, 1);
    node_salvage(node);
    node_rest(node);
    char name[DISK_NAME_SIZE];
    for (uint64_t i = 1; i <= 2; i++) {
        segment_name(name, last + i);
        cr_expect_eq(file_of(node, name).size, i * SEGMENT_MIN, "%s", name);
    }
    node_destroy(node);
}

/* --- tests: the disk says no ---------------------------------------------------------------- */

Test(journal, says_full_while_two_segments_are_left_and_goes_on_when_there_is_room) {
    struct node *node = node_create(15);
    node->config.segment_size_min = node->config.segment_size_max = 4096;
    cr_assert_eq(node_recover(node), JOURNAL_READY);
    node_run(node);
    cr_expect_not(journal_is_full(node->journal));
    struct simulated_disk_config full = {.capacity_bytes = 1}, empty = {0};
    simulated_disk_configure(node->disk, &full);
    uint32_t accepted = 0;
    while (!journal_is_full(node->journal) && accepted < 100) {
        node_append(node, 1, 500);
        node_run(node);
        accepted++;
    }
    cr_expect_gt(accepted, 5, "a refused segment is not yet a full disk");
    cr_expect_geq(journal_figures(node->journal).spare_segments, 2);
    cr_expect_neq(strstr(journal_problem(node->journal), "no space"), NULL);

    /* The reserve is there for the node's own entries; behind it they wait. */
    uint64_t last = node->persist_number;
    for (int i = 0; i < 10; i++)
        node_append(node, 1, 500);
    node_run(node);
    cr_expect_eq(journal_persisted(node->journal), last + 10);
    for (int i = 0; i < 30; i++)
        node_append(node, 1, 500);
    node_run(node);
    cr_expect_lt(journal_persisted(node->journal), last + 40);
    cr_expect_eq(journal_state(node->journal), JOURNAL_READY);

    /* Room again: within a second it is found. */
    simulated_disk_configure(node->disk, &empty);
    for (int i = 0; i < 12 && journal_persisted(node->journal) < last + 40; i++) {
        node->now_us += 100000;
        journal_tick(node->journal, node->now_us);
        node_run(node);
    }
    cr_expect_eq(journal_persisted(node->journal), last + 40);
    cr_expect_not(journal_is_full(node->journal));
    cr_assert_eq(node_restart(node), JOURNAL_READY);
    cr_expect_eq(node->recovered, accepted + 40);
    node_destroy(node);
}

Test(journal, refuses_to_found_on_a_full_disk) {
    struct node *node = node_create(16);
    simulated_disk_configure(node->disk, &(struct simulated_disk_config){.capacity_bytes = 1});
    cr_expect_eq(node_recover(node), JOURNAL_REFUSED);
    cr_expect_eq(journal_error(node->journal), ERROR_DISK_FULL);
    simulated_disk_configure(node->disk, &(struct simulated_disk_config){0});
    node_drop(node);
    cr_expect_eq(node_recover(node), JOURNAL_READY);
    node_destroy(node);
}

/* It costs room and nothing else. */
Test(journal, tries_again_to_remove_what_a_snapshot_covers) {
    struct node *node = node_with_long_log(28);
    const struct simulated_disk_config ill = {.file_errors_per_mille = 1000}, well = {0};
    simulated_disk_configure(node->disk, &ill);
    journal_compact(node->journal, 90);
    node_wait(node);
    cr_expect_eq(journal_state(node->journal), JOURNAL_READY);
    cr_expect_eq(journal_figures(node->journal).removed, 0);
    cr_expect(has_segment(node, 1));
    const char *problem = journal_problem(node->journal);
    cr_expect_neq(strstr(problem, FIRST_LOG " cannot be removed"), NULL, "%s", problem);
    simulated_disk_configure(node->disk, &well);
    node_wait(node);
    cr_expect_gt(journal_figures(node->journal).removed, 4);
    cr_expect_not(has_segment(node, 1));
    node_destroy(node);
}

Test(journal, fails_for_good_when_a_write_fails) {
    struct node *node = node_with_marked_log(17);
    simulated_disk_configure(node->disk,
                             &(struct simulated_disk_config){.append_errors_per_mille = 1000});
    node_append(node, 1, 10);
    node_run(node);
    cr_expect_eq(journal_state(node->journal), JOURNAL_FAILED);
    cr_expect_neq(strstr(journal_problem(node->journal), FIRST_LOG), NULL);
    cr_expect_neq(journal_persisted(node->journal), node->persist_number);
    node_append(node, 1, 10); /* changes nothing */
    cr_expect_eq(journal_next_request(node->journal), NULL);
    node_destroy(node);
}

Test(journal, refuses_when_the_log_cannot_be_read) {
    struct node *node = node_with_marked_log(18);
    simulated_disk_configure(node->disk,
                             &(struct simulated_disk_config){.read_errors_per_mille = 1000});
    node_drop(node);
    cr_expect_eq(node_recover(node), JOURNAL_REFUSED);
    cr_expect_eq(journal_error(node->journal), ERROR_IO);
    node_destroy(node);
}

/* --- tests: when to sync -------------------------------------------------------------------- */

Test(journal, syncs_as_it_is_told) {
    static const struct {
        enum journal_sync sync;
        uint64_t least, most; /* syncs of 40 writes in 4 seconds */
    } cases[] = {
        {JOURNAL_SYNC_ALWAYS, 40, 60}, {JOURNAL_SYNC_EVERYSEC, 3, 5}, {JOURNAL_SYNC_NEVER, 0, 0}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct node *node = node_create(19);
        node->config.segment_size_min = node->config.segment_size_max = 65536;
        node->config.sync = cases[i].sync;
        cr_assert_eq(node_recover(node), JOURNAL_READY);
        node_append(node, 1, 100);
        node_rest(node);
        uint64_t before = simulated_disk_figures(node->disk).syncs;
        for (int write = 0; write < 40; write++) {
            /* Busy: so no rest of 10 ms. */
            node_append(node, 1, 100);
            node_run(node);
            node->now_us += 100000;
            journal_tick(node->journal, node->now_us);
        }
        uint64_t syncs = simulated_disk_figures(node->disk).syncs - before;
        cr_expect(syncs >= cases[i].least && syncs <= cases[i].most, "%d: %d", (int)i, (int)syncs);
        node_rest(node);
        simulated_disk_power_loss(node->disk);
        node_drop(node);
        cr_assert_eq(node_recover(node), JOURNAL_READY);
        cr_expect_eq(node->recovered, 41, "at rest all is durable");
        node_destroy(node);
    }
}

Test(journal, without_syncs_loses_an_end_and_nothing_else) {
    uint64_t lost = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct node *node = node_create(seed);
        node->config.sync = JOURNAL_SYNC_NEVER;
        cr_assert_eq(node_recover(node), JOURNAL_READY);
        for (uint64_t i = 0; i < 10 + seed % 20; i++) {
            node_append(node, 1, 200);
            if (i % 3 == 0) node_run(node);
        }
        node_run(node);
        simulated_disk_power_loss(node->disk);
        node_drop(node);
        cr_assert_eq(node_recover(node), JOURNAL_READY, "seed %llu: %s", (unsigned long long)seed,
                     journal_problem(node->journal));
        cr_expect_not(journal_was_closed(node->journal));
        lost += node->last_index - node->recovered;
        node_destroy(node);
    }
    cr_expect_gt(lost, 0);
}

/* What was written before is synced with what comes behind it, also where a segment ends between
 * the two. */
Test(journal, syncs_what_it_had_left_to_the_kernel_once_it_has_to) {
    uint64_t changed_segment = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct node *node = node_create(seed);
        node->config.sync = JOURNAL_SYNC_NEVER;
        cr_assert_eq(node_recover(node), JOURNAL_READY);
        for (uint64_t i = 0; i < 1 + seed % 6; i++)
            node_append(node, 1, 300);
        node_run(node);
        cr_expect_not(journal_is_synced(node->journal));
        uint64_t segments = journal_figures(node->journal).segments;
        journal_set_sync(node->journal, JOURNAL_SYNC_ALWAYS);
        uint64_t number = node_persist(
            node, &(struct change){.cut_after = UINT64_MAX, .entries = 1, .body_size = 300});
        node_run(node);
        changed_segment += journal_figures(node->journal).segments > segments;
        cr_expect_eq(journal_persisted(node->journal), number);
        cr_expect(journal_is_synced(node->journal));
        simulated_disk_power_loss(node->disk);
        node_drop(node);
        cr_assert_eq(node_recover(node), JOURNAL_READY, "seed %llu: %s", (unsigned long long)seed,
                     journal_problem(node->journal));
        cr_expect_eq(node->recovered, node->last_index);
        node_destroy(node);
    }
    cr_expect_gt(changed_segment, 0);
}

/* --- tests: the bytes ----------------------------------------------------------------------- */

/* Format 1 is what directories are made of: these sums change only with the format's number. */
Test(journal, writes_format_1_byte_for_byte) {
    static const struct segment_owner owner = {.cluster = "cluster", .node = "node"};
    char segment[SEGMENT_HEADER_SIZE], vote[VOTE_SIZE], header[RECORD_HEADER_SIZE];
    char mark[RECORD_MARK_SIZE], cut[RECORD_CUT_SIZE];
    segment_header_write(segment, &owner,
                         &(struct segment_header){.sequence = 1, .salt = 2, .size = 3});
    vote_write(vote, &owner, (struct vote){.term = 4, .voted_for = 5});
    record_mark_write(mark, &(struct record_mark){.durable_number = 1,
                                                  .commit_index = 2,
                                                  .last_index = 3,
                                                  .last_term = 4,
                                                  .last_hash = 5,
                                                  .flags = RECORD_MARK_CLOSED});
    record_cut_write(cut, &(struct record_cut){.after = 1, .term = 2, .hash = 3});
    record_header_write(header, (struct record_place){.salt = 1, .offset = 512}, RECORD_MARK, 7,
                        bytes_of(mark, sizeof(mark)));
    const struct {
        const char *name;
        struct bytes bytes;
        uint64_t sum;
    } cases[] = {
        {"segment", bytes_of(segment, sizeof(segment)), 0x1bbe2f71d3813120},
        {"vote", bytes_of(vote, sizeof(vote)), 0xc284d43a65194b47},
        {"record", bytes_of(header, sizeof(header)), 0xaec4bc6dc00bf1de},
        {"mark", bytes_of(mark, sizeof(mark)), 0x338cba294bf34eb9},
        {"cut", bytes_of(cut, sizeof(cut)), 0x7c68b4906e7ea780},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cr_expect_eq(hash_bytes(cases[i].bytes, 0), cases[i].sum, "%s: 0x%016llx", cases[i].name,
                     (unsigned long long)hash_bytes(cases[i].bytes, 0));
    cr_expect_arr_eq(segment, "HAMOKLOG\1\0\0\0\0\2\0\0cluster\0", 24);
    cr_expect_arr_eq(vote, "HAMOKVOT\1\0\0\0\120\0\0\0cluster\0", 24);
    cr_expect_arr_eq(header + 16, "\7\0\0\0\0\0\0\0\60\0\0\0MARK", 16);
}

Test(journal, names_segments_so_that_they_sort) {
    char name[DISK_NAME_SIZE];
    uint64_t sequence = 0;
    segment_name(name, 42);
    cr_expect_str_eq(name, "log-0000000042");
    cr_expect(segment_name_read(name, &sequence));
    cr_expect_eq(sequence, 42);
    static const char *const others[] = {
        "log-", "log-42", "log-00000000042", "log-0000000042.new", "vote", "log-000000004x"};
    for (size_t i = 0; i < COUNT_OF(others); i++)
        cr_expect_not(segment_name_read(others[i], &sequence), "%s", others[i]);
}
