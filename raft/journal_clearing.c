/* journal_clearing.c: the log's old end.
 *
 * A segment may be the log's first if it begins between two entries: its first mark then names what
 * it continues, and a cut behind it names it again if it goes deeper. What stands before the first
 * segment is void at once, and leaves the directory when nothing can bring back the need for it. */
#include <stdio.h>

#include "raft/journal_parts.h"

#define SET_ASIDE_PREFIX "damaged-"

uint32_t journal_next_segment(const struct journal *journal, uint32_t segment) {
    do
        segment++;
    while (segment < journal->segment_count && journal->segments[segment].is_void);
    return segment;
}

void journal_void_segment(struct journal *journal, uint32_t segment, bool is_set_aside) {
    struct journal_segment *given_up = &journal->segments[segment];
    CHECK(!given_up->is_void);
    given_up->is_void = true;
    journal->clearing.pending += given_up->exists;
    given_up->is_set_aside = is_set_aside;
    /* One that is being made is not: it comes, and goes, so that there never is a gap. */
    given_up->is_gone = !given_up->exists && journal->state == JOURNAL_RECOVERING;
    if (segment == journal->first) journal->first = journal_next_segment(journal, segment);
}

void journal_note_cut(struct journal *journal, const struct raft_position *after) {
    for (uint32_t i = journal->segment_count; i-- > journal->first;) {
        struct journal_segment *segment = &journal->segments[i];
        if (segment->is_void || segment->first_number == 0) continue;
        if (segment->before.index <= after->index) return;
        segment->before = *after;
    }
}

/* --- compaction ----------------------------------------------------------------------------- */

struct raft_position journal_start(const struct journal *journal) {
    return journal->start;
}

uint64_t journal_index_before(const struct journal *journal, uint64_t bytes) {
    uint64_t kept = journal->writer.offset;
    for (uint32_t i = journal->writer.segment; i > journal->first; i--) {
        const struct journal_segment *segment = &journal->segments[i];
        if (segment->is_void) continue;
        if (i < journal->writer.segment) kept += segment->size;
        if (kept >= bytes) return segment->before.index;
    }
    return journal->start.index;
}

uint64_t journal_log_bytes(const struct journal *journal) {
    uint64_t bytes = journal->writer.offset;
    for (uint32_t i = journal->first; i < journal->writer.segment; i++)
        if (!journal->segments[i].is_void) bytes += journal->segments[i].size;
    return bytes;
}

/* The last segment that the log may begin with, so that no entry above the index is lost. */
static uint32_t last_start(const struct journal *journal, uint64_t index) {
    uint32_t start = journal->first;
    for (uint32_t i = start + 1; i <= journal->writer.segment; i++) {
        const struct journal_segment *segment = &journal->segments[i];
        if (segment->is_void) continue;
        bool is_durable =
            segment->first_number != 0 && segment->first_number <= journal->writer.synced_number;
        if (!is_durable || segment->before.index > index) break;
        if (segment->can_start) start = i;
    }
    return start;
}

void journal_compact(struct journal *journal, uint64_t index) {
    if (journal->state != JOURNAL_READY) return;
    uint32_t start =
        last_start(journal, index < journal->commit_index ? index : journal->commit_index);
    if (start == journal->first) return;
    for (uint32_t i = journal->first; i < start; i++)
        if (!journal->segments[i].is_void) journal_void_segment(journal, i, false);
    CHECK(journal->first == start);
    journal->start = journal->segments[start].before;
    log_shape_forget(
        &journal->shape,
        (struct log_place){.segment = start, .number = journal->segments[start].first_number});
    /* A cut that is not synced yet may name the new start. */
    journal->clearing.number = journal->writer.number - 1;
    fetches_compacted(journal);
}

/* --- the directory -------------------------------------------------------------------------- */

/* A blank one is nothing to look at. */
static bool is_worth_keeping(const struct journal_segment *segment) {
    return segment->is_set_aside &&
           (segment->first_number != 0 || segment->head_error != ERROR_NONE ||
            segment->told_size != segment->size);
}

static bool is_waiting(const struct journal_segment *segment) {
    return segment->is_void && segment->exists;
}

/* Nothing was ever written to it: where the disk is full it may go before the log has begun anew
 * behind it. That it is missing then is damage, as there was. */
static bool may_go_early(const struct journal *journal, const struct journal_segment *segment) {
    return journal->creation.retry.was_refused && segment->first_number == 0 &&
           !is_worth_keeping(segment);
}

/* The oldest that may go; false: none. */
static bool choose_segment(struct journal *journal) {
    struct journal_clearing *clearing = &journal->clearing;
    bool may_all = journal->writer.synced_number >= clearing->number;
    for (uint32_t i = 0; i < journal->segment_count; i++) {
        const struct journal_segment *segment = &journal->segments[i];
        if (!is_waiting(segment) || !(may_all || may_go_early(journal, segment))) continue;
        clearing->segment = i;
        return true;
    }
    return false;
}

const struct disk_request *clearing_next_request(struct journal *journal) {
    struct journal_clearing *clearing = &journal->clearing;
    if (journal->state != JOURNAL_READY || clearing->pending == 0) return NULL;
    if (clearing->request.is_open || clearing->retry.is_due_later) return NULL;
    if (!choose_segment(journal)) return NULL;

    const struct journal_segment *segment = &journal->segments[clearing->segment];
    struct disk_request *call = &clearing->request.call;
    *call = (struct disk_request){.call = is_worth_keeping(segment) ? DISK_RENAME : DISK_REMOVE};
    char name[DISK_NAME_SIZE];
    segment_name(name, segment->sequence);
    if (call->call == DISK_RENAME)
        snprintf(call->target, sizeof(call->target), SET_ASIDE_PREFIX "log-%010llu",
                 (unsigned long long)segment->sequence);
    journal_want(journal, &clearing->request, JOURNAL_REQUEST_CLEAR, name);
    return journal_take(&clearing->request);
}

void clearing_completed(struct journal *journal, const struct disk_completion *completion) {
    struct journal_clearing *clearing = &journal->clearing;
    clearing->request.is_open = false;
    if (completion->error != ERROR_NONE && completion->error != ERROR_NOT_FOUND) {
        journal_note_refusal(journal, &clearing->retry, clearing->request.call.name,
                             completion->error);
        return;
    }
    clearing->retry = (struct journal_retry){0};
    journal->segments[clearing->segment].exists = false;
    journal->segments[clearing->segment].is_gone = true;
    clearing->pending--;
    if (clearing->request.call.call == DISK_RENAME) {
        journal->figures.set_aside++;
    } else {
        journal->figures.removed++;
    }
}

/* --- after damage --------------------------------------------------------------------------- */

bool journal_is_damaged(const struct journal *journal) {
    return journal->is_damaged;
}

bool journal_is_marked_damaged(const struct journal *journal) {
    const struct journal_writer *writer = &journal->writer;
    bool is_left = journal->clearing.number > writer->synced_number; /* still in the way */
    return writer->marked_damaged || is_left ||
           journal->vote.version_durable < journal->vote.version;
}

bool journal_tells_of_damage(const struct journal *journal) {
    return journal->writer.marked_damaged;
}

void journal_damaged(struct journal *journal) {
    journal->is_damaged = true;
}

void journal_repaired(struct journal *journal) {
    journal->is_damaged = false;
}
