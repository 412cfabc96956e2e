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
    uint64_t last_index;

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
            node->recovered++;
            if (committed) node->recovered_committed = node->recovered;
            cr_assert_leq(node->recovered, node->last_index, "more entries than were written");
            node_verify(node, &entry, node->recovered);
        }
        if (!node_step(node)) cr_assert_neq(journal_state(node->journal), JOURNAL_RECOVERING);
    }
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
    uint64_t term; /* 0: no hard state */
    uint64_t cut_after;
    uint32_t entries, body_size;
};

static uint64_t log_term(struct node *node) {
    return node->last_index == 0 ? 0 : expected_at(node, node->last_index)->term;
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
    if (change->cut_after < node->last_index) {
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

/* As node_recover(), but takes what comes instead of comparing it: the hash chain is checked. */
static enum journal_state node_recover_any(struct node *node) {
    node->config.seed = random_mix(node->config.seed);
    node->journal = journal_create(&node->config);
    node->recovered = node->persist_number = 0;
    while (journal_state(node->journal) == JOURNAL_RECOVERING) {
        struct entry entry;
        bool committed;
        while (journal_recovered(node->journal, &entry, &committed)) {
            const char *image = entry.image;
            uint64_t index = ++node->recovered;
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
    if (change.term > 0 && node->last_index > 0 && random_below(random, 2) == 0) {
        uint64_t commit = journal_recovered_commit(node->journal);
        change.cut_after =
            commit +
            random_below(random, node->last_index + 1 -
                                     (commit < node->last_index ? commit : node->last_index));
    }
    node_persist(node, &change);
}

struct crash_totals {
    uint64_t lives, acknowledged, torn, recovered_more, lost;
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
    totals->torn += journal_torn_bytes(node->journal) > 0;

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
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct random random;
        random_init(&random, seed);
        struct node *node = node_create(seed);
        node->config.sync = JOURNAL_SYNC_ALWAYS;
        cr_assert_eq(node_recover_any(node), JOURNAL_READY);
        for (int life = 0; life < 12; life++)
            crash_life(node, &random, &totals);
        node_destroy(node);
    }
    cr_expect_gt(totals.acknowledged, 1000);
    cr_expect_gt(totals.torn, 20, "the disk tore %llu", (unsigned long long)totals.torn);
    cr_expect_gt(totals.recovered_more, 100);
    cr_expect_gt(totals.lost, 100);
}
