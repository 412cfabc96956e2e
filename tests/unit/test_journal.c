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

/* One node: disk, journal, and the log it should have. */
struct node {
    struct simulated_disk *disk;
    struct journal *journal;
    struct journal_config config;
    uint64_t now_us;
    uint64_t persist_number;

    struct expected log[ENTRIES_MAX]; /* by index - 1: as queued */
    uint64_t last_index;

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
    if (change->cut_after < node->last_index) node->last_index = change->cut_after;
    uint64_t term = change->term > 0 ? change->term : journal_hard_state(node->journal).term;
    if (term < log_term(node)) term = log_term(node);
    for (uint32_t i = 0; i < change->entries; i++) {
        uint64_t index = ++node->last_index;
        struct expected *expected = expected_at(node, index);
        *expected = (struct expected){.term = term,
                                      .body_size = change->body_size,
                                      .body_seed = random_mix(index ^ term << 32)};
        entries[i] = entry_make(expected, index, hash_before(node, index));
        expected->hash = entry_hash(entries[i].image);
    }
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
