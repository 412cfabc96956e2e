/* journal_recovery.c: from a directory to a log that may be trusted, its good prefix, or a refusal.
 *
 *   LIST         which files are there
 *   VOTE         the vote file's two copies
 *   HEADS        each segment's header and first MARK: which are in use, and which are void since
 *                the log began anew behind them
 *   REPLAY       all records; entries are given out once no later CUT can touch them
 *   TAIL         behind the record that failed, to the segment's end and through the first spare:
 *                is there a durable mark that covers it? is everything blank? (SAFETY 11)
 *   RENEW        the spare that a torn write has touched is made anew
 *   SYNC         the segments written last: what was read may not have been on the disk yet
 *   VOTE_AGAIN   likewise the vote file, which syncs the directory too
 *   DAMAGED      anywhere from HEADS to TAIL: the entries up to there, then the driver decides;
 *                SYNC and VOTE_AGAIN follow, and the log goes on in a new segment
 *
 * In an empty directory: FOUND_VOTE, FOUND_SEGMENT. The vote file is first, so that without one
 * nothing was ever promised. */
#include <inttypes.h>

#include "base/memory.h"
#include "raft/journal_parts.h"

enum {
    MARK_RECORD_SIZE = RECORD_HEADER_SIZE + RECORD_MARK_SIZE,
    SURE_BYTES_MAX = 4 * CHUNK_SIZE, /* entries read ahead of who pulls them */
    SEGMENT_GAP_MAX = 1 << 20,
};

static void want(struct journal *journal, enum journal_phase phase, struct disk_request call,
                 const char *name) {
    struct journal_recovery *recovery = &journal->recovery;
    recovery->phase = phase;
    recovery->request.call = call;
    journal_want(journal, &recovery->request, JOURNAL_REQUEST_RECOVERY, name);
}

/* "log-0000000003": for texts. */
struct segment_text {
    char name[DISK_NAME_SIZE];
};
static struct segment_text name_of(const struct journal *journal, uint32_t segment) {
    struct segment_text text;
    segment_name(text.name, journal->segments[segment].sequence);
    return text;
}

static void refuse_file(struct journal *journal, const char *name, enum error error) {
    switch (error) {
    case ERROR_VERSION:
        journal_stop(journal, JOURNAL_REFUSED, error, "%s was written by a newer version", name);
        return;
    case ERROR_FOREIGN:
        journal_stop(journal, JOURNAL_REFUSED, error, "%s belongs to another cluster or node",
                     name);
        return;
    case ERROR_IO:
        journal_stop(journal, JOURNAL_REFUSED, error, "%s can't be read: %s", name,
                     error_text(error));
        return;
    case ERROR_NOT_FOUND:
    case ERROR_DISK_FULL:
        journal_stop(journal, JOURNAL_REFUSED, error, "%s: %s", name, error_text(error));
        return;
    default:
        journal_stop(journal, JOURNAL_REFUSED, ERROR_DAMAGED, "%s is damaged: %s", name,
                     error_text(error));
    }
}

static void release_up_to(struct journal_recovery *recovery, uint64_t index);

/* The log is damaged at or behind recovery->failed; journal_stop() has told how. What was read goes
 * to the driver first. */
static void end_in_damage(struct journal *journal) {
    struct journal_recovery *recovery = &journal->recovery;
    release_up_to(recovery, UINT64_MAX);
    reader_clear(&recovery->reader);
    buffer_clear(&recovery->partial);
    recovery->phase = JOURNAL_PHASE_DAMAGED;
    recovery->is_closed = false;
    recovery->torn_bytes = 0;
    if (recovery->held_count > 0) journal->state = JOURNAL_RECOVERING;
}

/* At a record: with offset and index. */
static void damage_at(struct journal *journal, uint32_t segment, uint64_t offset,
                      const char *reason) {
    journal_stop(journal, JOURNAL_DAMAGED, ERROR_DAMAGED,
                 "%s is damaged at offset %" PRIu64 ", after index %" PRIu64 ": %s",
                 name_of(journal, segment).name, offset, journal->shape.last_index, reason);
    end_in_damage(journal);
}

static void damage_file(struct journal *journal, const char *name, const char *reason) {
    journal_stop(journal, JOURNAL_DAMAGED, ERROR_DAMAGED, "%s %s", name, reason);
    end_in_damage(journal);
}

/* The file before the first one that is there. */
static struct segment_text missing_name(const struct journal *journal) {
    uint64_t lowest = journal->segments[0].sequence;
    struct segment_text text;
    segment_name(text.name,
                 lowest > 1 ? lowest - 1 : journal->segments[journal->first].sequence - 1);
    return text;
}

/* No entries were given out, or those behind a snapshot that does not reach them would be. */
static bool lacks_beginning(struct journal *journal) {
    struct journal_recovery *recovery = &journal->recovery;
    if (journal->start.index <= journal->config.snapshot_index) return false;
    journal_stop(journal, JOURNAL_DAMAGED, ERROR_DAMAGED,
                 "%s is missing: the log begins behind index %" PRIu64
                 ", and the snapshot ends at index %" PRIu64,
                 missing_name(journal).name, journal->start.index, journal->config.snapshot_index);
    while (recovery->held_count > 0)
        chunk_release(recovery
                          ->held[(recovery->held_head + --recovery->held_count) &
                                 (recovery->held_capacity - 1)]
                          .chunk);
    recovery->sure_count = 0;
    recovery->sure_bytes = 0;
    end_in_damage(journal);
    recovery->has_prefix = false;
    return true;
}

/* --- LIST ----------------------------------------------------------------------------------- */

static bool is_segment(const struct disk_file *file, uint64_t *sequence) {
    return segment_name_read(file->name, sequence) && *sequence > 0;
}

/* Segments are numbered without a gap, so each has its place. False: refused. */
static bool place_segments(struct journal *journal, const struct disk_completion *completion) {
    uint64_t sequence, lowest = UINT64_MAX, highest = 0;
    for (uint32_t i = 0; i < completion->file_count; i++) {
        if (!is_segment(&completion->files[i], &sequence)) continue;
        if (sequence < lowest) lowest = sequence;
        if (sequence > highest) highest = sequence;
    }
    if (highest == 0) return true;
    if (highest - lowest > SEGMENT_GAP_MAX) {
        char name[DISK_NAME_SIZE];
        segment_name(name, highest);
        journal_stop(journal, JOURNAL_REFUSED, ERROR_DAMAGED,
                     "%s is there, but too many before it are missing", name);
        return false;
    }
    journal->origin = lowest;
    while (journal->segment_count <= highest - lowest)
        journal_add_segment(journal);
    for (uint32_t i = 0; i < completion->file_count; i++) {
        const struct disk_file *file = &completion->files[i];
        if (!is_segment(file, &sequence)) continue;
        journal->recovery.progress.total_bytes += file->size;
        journal->segments[sequence - lowest].size = file->size;
        journal->segments[sequence - lowest].exists = true;
    }
    return true;
}

/* --- VOTE and HEADS ------------------------------------------------------------------------- */

static bool is_planted(const struct journal *journal, enum journal_planted bit) {
    return UNLIKELY((journal->config.planted & (uint32_t)bit) != 0);
}

static void want_head(struct journal *journal) {
    struct journal_recovery *recovery = &journal->recovery;
    want(journal, JOURNAL_PHASE_HEADS,
         (struct disk_request){
             .call = DISK_READ, .size = sizeof(recovery->head), .into = recovery->head},
         name_of(journal, recovery->segment).name);
}

/* The vote is settled, known or lost. */
static void go_on_behind_vote(struct journal *journal) {
    struct journal_recovery *recovery = &journal->recovery;
    bool knows_term = journal->vote.state.term > 0;
    if (journal->segment_count > 0) {
        want_head(journal);
    } else if (knows_term || journal->vote.is_lost || journal->config.has_log) {
        char name[DISK_NAME_SIZE];
        segment_name(name, 1);
        recovery->failed.number = 1;
        recovery->has_prefix = journal->config.snapshot_index == 0;
        damage_file(journal, name,
                    knows_term ? "is missing, but the file " VOTE_NAME " knows of a term"
                               : "is missing, but this node has had a vote and a log");
    } else {
        recovery->is_closed = true;
        recovery->phase = JOURNAL_PHASE_FOUND_SEGMENT;
    }
}

/* "is damaged: the checksum is wrong", in two parts. */
static const char *vote_state(const struct journal_vote_read *read) {
    return read->exists ? "is damaged: " : "is missing";
}
static const char *vote_reason(const struct journal_vote_read *read) {
    return read->exists ? error_text(read->error) : "";
}

/* This node may have voted in any term. */
static void lose_vote(struct journal *journal) {
    const struct journal_vote_read *votes = journal->recovery.votes;
    journal->vote.is_lost = !is_planted(journal, JOURNAL_PLANTED_VOTE_IS_EMPTY);
    journal_note(journal, "%s %s%s, and %s %s%s", VOTE_NAME, vote_state(&votes[0]),
                 vote_reason(&votes[0]), VOTE_COPY_NAME, vote_state(&votes[1]),
                 vote_reason(&votes[1]));
}

/* The term never falls, and a vote is given once in it: so two sound copies differ only while the
 * newer one is being written, or when the disk has lost the later of two REPLACEs. */
static bool is_newer(const struct vote *a, const struct vote *b) {
    if (a->term != b->term) return a->term > b->term;
    return a->voted_for != 0 && b->voted_for == 0;
}

static void judge_votes(struct journal *journal) {
    struct journal_vote_read *votes = journal->recovery.votes;
    const struct journal_vote_read *best = NULL;
    for (uint32_t i = 0; i < JOURNAL_VOTES; i++) {
        enum error error = votes[i].error;
        if (error == ERROR_VERSION || error == ERROR_FOREIGN) {
            refuse_file(journal, journal_vote_name(i), error);
            return;
        }
        if (error != ERROR_NONE) continue;
        if (best == NULL || is_newer(&votes[i].vote, &best->vote)) best = &votes[i];
    }
    for (uint32_t i = 0; i < JOURNAL_VOTES; i++) {
        if (best == NULL && votes[i].error == ERROR_IO) {
            refuse_file(journal, journal_vote_name(i), ERROR_IO);
            return;
        }
        /* Directories from before there was a copy have none. */
        bool is_told = votes[i].error != ERROR_NONE && (votes[i].exists || i == 0);
        if (best == NULL || !is_told) continue;
        journal_note(journal, "%s %s%s; %s was read in its place", journal_vote_name(i),
                     vote_state(&votes[i]), vote_reason(&votes[i]), journal_vote_name(1 - i));
    }
    if (best == NULL) {
        lose_vote(journal);
    } else {
        const struct vote *vote = &best->vote;
        journal->vote.state =
            (struct raft_hard_state){.term = vote->term, .voted_for = vote->voted_for};
        journal->vote.is_lost = vote->is_lost;
        if (vote->is_lost) journal_note(journal, "the vote was lost before an earlier start");
    }
    go_on_behind_vote(journal);
}

static void want_vote(struct journal *journal) {
    struct journal_recovery *recovery = &journal->recovery;
    while (recovery->vote < JOURNAL_VOTES && !recovery->votes[recovery->vote].exists)
        recovery->vote++;
    if (recovery->vote == JOURNAL_VOTES) {
        judge_votes(journal);
        return;
    }
    want(journal, JOURNAL_PHASE_VOTE,
         (struct disk_request){
             .call = DISK_READ, .size = sizeof(recovery->head), .into = recovery->head},
         journal_vote_name(recovery->vote));
}

static void on_vote(struct journal *journal, const struct disk_completion *completion) {
    struct journal_recovery *recovery = &journal->recovery;
    struct journal_vote_read *read = &recovery->votes[recovery->vote++];
    read->error = completion->error;
    if (read->error == ERROR_NONE)
        read->error =
            vote_read(bytes_of(recovery->head, completion->size), &journal->owner, &read->vote);
    want_vote(journal);
}

static void on_list(struct journal *journal, const struct disk_completion *completion) {
    struct journal_recovery *recovery = &journal->recovery;
    bool has_vote = false;
    for (uint32_t copy = 0; copy < JOURNAL_VOTES; copy++) {
        struct journal_vote_read *read = &recovery->votes[copy];
        read->error = ERROR_NOT_FOUND;
        for (uint32_t i = 0; i < completion->file_count; i++)
            read->exists |= strcmp(completion->files[i].name, journal_vote_name(copy)) == 0;
        has_vote |= read->exists;
    }
    if (!place_segments(journal, completion)) return;
    if (has_vote || journal->config.has_log || journal->segment_count > 0) {
        want_vote(journal);
    } else {
        recovery->phase = JOURNAL_PHASE_FOUND_VOTE;
        recovery->is_closed = true;
        journal->vote.version++;
        journal_write_vote(journal);
    }
}

/* Of an entry, or of the log's beginning: the vote was durable before it. So a vote file of an
 * earlier term is not the one that there was last. */
static void note_term(struct journal *journal, uint64_t term) {
    struct raft_hard_state *state = &journal->vote.state;
    if (term <= state->term) return;
    if (!journal->vote.is_lost) {
        journal_note(journal,
                     "%s is older than the log: it knows term %" PRIu64
                     ", and the log has an entry of term %" PRIu64,
                     VOTE_NAME, state->term, term);
        journal->vote.is_lost = !is_planted(journal, JOURNAL_PLANTED_VOTE_IS_EMPTY);
    }
    *state = (struct raft_hard_state){.term = term};
}

/* A MARK that stands where a segment's first record does: the segment is in use. */
static void read_first_mark(struct bytes head, struct journal_segment *segment) {
    struct bytes window = bytes_slice(head, SEGMENT_HEADER_SIZE, SIZE_MAX);
    struct record_place place = {.salt = segment->salt, .offset = SEGMENT_HEADER_SIZE};
    struct record record;
    uint64_t number = load_u64(window.data + 16);
    enum record_status status = record_read(window, place, number, &record);
    if (status != RECORD_OK || record.type != RECORD_MARK || number == 0) return;
    struct record_mark mark;
    record_mark_read(record.payload.data, &mark);
    segment->first_number = number;
    segment->flags = mark.flags;
    segment->before = (struct raft_position){
        .index = mark.last_index, .term = mark.last_term, .hash = mark.last_hash};
}

static void judge_heads(struct journal *journal);

static void next_head(struct journal *journal) {
    struct journal_recovery *recovery = &journal->recovery;
    do
        recovery->segment++;
    while (recovery->segment < journal->segment_count &&
           !journal->segments[recovery->segment].exists);
    if (recovery->segment < journal->segment_count) {
        want_head(journal);
    } else {
        judge_heads(journal);
    }
}

static void on_head(struct journal *journal, const struct disk_completion *completion) {
    struct journal_recovery *recovery = &journal->recovery;
    struct journal_segment *segment = &journal->segments[recovery->segment];
    struct bytes head = bytes_of(recovery->head, completion->size);
    struct segment_header header = {0};
    enum error error = segment_header_read(head, &journal->owner, &header);
    if (error == ERROR_NONE && header.sequence != segment->sequence) error = ERROR_MALFORMED;
    if (error == ERROR_VERSION || error == ERROR_FOREIGN) {
        refuse_file(journal, recovery->request.call.name, error);
        return;
    }
    segment->head_error = error;
    segment->told_size = error == ERROR_NONE ? header.size : segment->size;
    segment->salt = header.salt;
    bool is_whole = error == ERROR_NONE && header.size == segment->size;
    if (is_whole && head.size < sizeof(recovery->head)) {
        segment->head_error = ERROR_TRUNCATED; /* Too small to be one of ours. */
    } else if (is_whole) {
        read_first_mark(head, segment);
    }
    next_head(journal);
}

static bool has_good_head(const struct journal_segment *segment) {
    return segment->exists && segment->head_error == ERROR_NONE &&
           segment->told_size == segment->size;
}

/* None before it is ever needed. */
static bool begins_a_log(const struct journal_segment *segment) {
    return segment->sequence == 1 || (segment->flags & RECORD_MARK_RESTART) != 0;
}

static bool is_in_use(const struct journal_segment *segment) {
    return !segment->is_void && segment->first_number != 0;
}

/* Behind a restart or a salvage some segments are void; they may be gone already. */
static void void_what_was_given_up(struct journal *journal) {
    for (uint32_t i = journal->segment_count; i-- > 0;) {
        if (!(journal->segments[i].flags & RECORD_MARK_RESTART)) continue;
        bool is_damaged = (journal->segments[i].flags & RECORD_MARK_DAMAGED) != 0;
        for (uint32_t before = 0; before < i; before++)
            journal_void_segment(journal, before, is_damaged);
        break;
    }
    for (uint32_t i = journal->first; i < journal->segment_count; i++) {
        const struct journal_segment *salvage = &journal->segments[i];
        if (!is_in_use(salvage) || !(salvage->flags & RECORD_MARK_SALVAGE)) continue;
        for (uint32_t before = i; before-- > journal->first;) {
            const struct journal_segment *segment = &journal->segments[before];
            if (segment->is_void) continue;
            if (segment->first_number != 0 && segment->first_number < salvage->first_number) break;
            journal_void_segment(journal, before, true);
        }
    }
}

static uint32_t last_in_use(const struct journal *journal) {
    uint32_t last = journal->segment_count - 1;
    while (last > journal->first && !is_in_use(&journal->segments[last]))
        last--;
    return last;
}

static uint32_t first_bad(const struct journal *journal) {
    uint32_t last = last_in_use(journal);
    for (uint32_t i = journal->first; i < journal->segment_count; i++) {
        const struct journal_segment *segment = &journal->segments[i];
        if (segment->is_void) continue;
        if (!has_good_head(segment) || (segment->first_number == 0 && i < last)) return i;
    }
    return UINT32_MAX;
}

/* The replay has come to that segment. */
static void damage_at_head(struct journal *journal, uint32_t at) {
    const struct journal_segment *segment = &journal->segments[at];
    struct segment_text text = name_of(journal, at);
    if (!segment->exists) {
        damage_file(journal, text.name, "is missing, but there are later ones");
    } else if (segment->head_error != ERROR_NONE) {
        journal_stop(journal, JOURNAL_DAMAGED, ERROR_DAMAGED, "%s is damaged: %s", text.name,
                     error_text(segment->head_error));
        end_in_damage(journal);
    } else if (segment->told_size != segment->size) {
        journal_stop(journal, JOURNAL_DAMAGED, ERROR_DAMAGED,
                     "%s is damaged: it has %" PRIu64 " bytes instead of %" PRIu64, text.name,
                     segment->size, segment->told_size);
        end_in_damage(journal);
    } else {
        damage_at(journal, at, SEGMENT_HEADER_SIZE,
                  "no record here, but a later segment is in use");
    }
}

static void replay_start(struct journal *journal);

/* It goes on with an entry that began in the segment before. */
static bool cannot_start(const struct journal_segment *segment) {
    return (segment->flags & RECORD_MARK_WITHIN) != 0 && !begins_a_log(segment);
}

/* A compaction that was interrupted: the segment it leads to is a later one. */
static void void_what_cannot_start(struct journal *journal) {
    for (;;) {
        uint32_t next = journal_next_segment(journal, journal->first);
        const struct journal_segment *first = &journal->segments[journal->first];
        if (!cannot_start(first)) return;
        if (next == journal->segment_count || !is_in_use(&journal->segments[next])) return;
        journal_void_segment(journal, journal->first, false);
    }
}

static void judge_heads(struct journal *journal) {
    struct journal_recovery *recovery = &journal->recovery;
    void_what_was_given_up(journal);
    void_what_cannot_start(journal);
    struct journal_segment *first = &journal->segments[journal->first];
    uint32_t second = journal_next_segment(journal, journal->first);
    /* Record 1 in the second segment: the log's very first write was torn (finish() below). */
    if (first->sequence == 1 && has_good_head(first) && first->first_number == 0 &&
        second < journal->segment_count && journal->segments[second].first_number == 1)
        first->first_number = 1;
    recovery->bad_segment = first_bad(journal);
    recovery->failed = (struct log_place){
        .segment = journal->first, .offset = SEGMENT_HEADER_SIZE, .number = first->first_number};
    if (recovery->failed.number == 0) recovery->failed.number = 1;

    bool is_from_the_beginning = first->sequence == 1 && !(first->flags & RECORD_MARK_RESTART);
    recovery->has_prefix = is_from_the_beginning && journal->config.snapshot_index == 0;
    if (recovery->bad_segment == journal->first) {
        damage_at_head(journal, journal->first);
    } else if (!is_from_the_beginning && (first->first_number == 0 || cannot_start(first))) {
        damage_file(journal, missing_name(journal).name, "is missing, but there are later ones");
    } else {
        if (!is_from_the_beginning) journal->start = first->before;
        note_term(journal, journal->start.term);
        replay_start(journal);
    }
}

/* --- REPLAY --------------------------------------------------------------------------------- */

static struct entry *held_at(struct journal_recovery *recovery, uint32_t at) {
    return &recovery->held[(recovery->held_head + at) & (recovery->held_capacity - 1)];
}

static void held_push(struct journal_recovery *recovery, struct entry entry) {
    if (recovery->held_count == recovery->held_capacity) {
        uint32_t capacity = recovery->held_capacity == 0 ? 64 : recovery->held_capacity * 2;
        struct entry *held = memory_allocate(capacity * sizeof(*held));
        for (uint32_t i = 0; i < recovery->held_count; i++)
            held[i] = *held_at(recovery, i);
        memory_release(recovery->held);
        recovery->held = held;
        recovery->held_capacity = capacity;
        recovery->held_head = 0;
    }
    *held_at(recovery, recovery->held_count++) = entry;
}

/* Entries up to this index are given out. */
static void release_up_to(struct journal_recovery *recovery, uint64_t index) {
    while (recovery->sure_count < recovery->held_count) {
        const struct entry *entry = held_at(recovery, recovery->sure_count);
        if (entry_index(entry->image) > index) return;
        recovery->sure_bytes += entry_size(entry->image);
        recovery->sure_count++;
    }
}

static void replay(struct journal *journal);

static void replay_start(struct journal *journal) {
    struct journal_recovery *recovery = &journal->recovery;
    const struct raft_position *start = &journal->start;
    log_shape_restart(&journal->shape, start->index,
                      (struct log_position){.term = start->term, .hash = start->hash}, 0);
    recovery->has_prefix = true;
    recovery->phase = JOURNAL_PHASE_REPLAY;
    reader_start(&recovery->reader, recovery->failed);
    replay(journal);
}

static const char *replay_mark(struct journal *journal, const struct record *record,
                               struct log_place place) {
    struct journal_recovery *recovery = &journal->recovery;
    const struct log_shape *shape = &journal->shape;
    struct record_mark mark;
    record_mark_read(record->payload.data, &mark);
    if (mark.durable_number >= record->number ||
        mark.durable_number < recovery->mark.durable_number)
        return "the durable mark contradicts itself";
    if (mark.last_index != shape->last_index || mark.last_term != shape->last.term ||
        mark.last_hash != shape->last.hash)
        return "the log before this mark is not the one it continues";
    if (mark.commit_index < recovery->mark.commit_index) return "the commit index falls";
    if (place.offset == SEGMENT_HEADER_SIZE) {
        struct journal_segment *segment = &journal->segments[place.segment];
        if (mark.flags & RECORD_MARK_SALVAGE) recovery->has_partial = false;
        segment->before = (struct raft_position){
            .index = mark.last_index, .term = mark.last_term, .hash = mark.last_hash};
        segment->can_start = !(mark.flags & RECORD_MARK_WITHIN);
    }
    recovery->mark = mark;
    recovery->is_closed = (mark.flags & RECORD_MARK_CLOSED) != 0;
    return NULL;
}

/* The log begins in the middle of what was cut: behind the cut it is known where. */
static const char *replay_cut_before_start(struct journal *journal, const struct record_cut *cut,
                                           uint64_t number) {
    const struct journal_segment *first = &journal->segments[journal->first];
    if (begins_a_log(first)) return "a cut to an entry that is not in the log";
    note_term(journal, cut->term);
    CHECK(journal->recovery.sure_count == 0); /* Those are not above the marked commit index. */
    log_shape_restart(&journal->shape, cut->after,
                      (struct log_position){.term = cut->term, .hash = cut->hash}, number);
    journal->start =
        (struct raft_position){.index = cut->after, .term = cut->term, .hash = cut->hash};
    return NULL;
}

static const char *replay_cut(struct journal *journal, const struct record *record) {
    struct journal_recovery *recovery = &journal->recovery;
    struct record_cut cut;
    struct log_position position;
    record_cut_read(record->payload.data, &cut);
    if (cut.after >= journal->shape.last_index) return "a cut behind the log's end";
    if (cut.after < recovery->mark.commit_index) return "a cut of committed entries";
    bool is_before_start = cut.after < journal->start.index;
    if (!is_before_start && !log_shape_at(&journal->shape, cut.after, &position))
        return "a cut of committed entries";
    if (!is_before_start && (position.term != cut.term || position.hash != cut.hash))
        return "a cut to an entry that is not in the log";
    while (recovery->held_count > 0) {
        struct entry *entry = held_at(recovery, recovery->held_count - 1);
        if (entry_index(entry->image) <= cut.after) break;
        chunk_release(entry->chunk);
        recovery->held_count--;
    }
    CHECK(recovery->sure_count <= recovery->held_count);
    const char *problem = NULL;
    if (is_before_start) {
        problem = replay_cut_before_start(journal, &cut, record->number);
    } else {
        log_shape_cut(&journal->shape, cut.after, record->number);
    }
    journal_note_cut(
        journal, &(struct raft_position){.index = cut.after, .term = cut.term, .hash = cut.hash});
    return problem;
}

/* A whole image, from one record or from all its pieces. */
static const char *replay_image(struct journal *journal, struct bytes image,
                                struct log_place place) {
    struct journal_recovery *recovery = &journal->recovery;
    struct log_shape *shape = &journal->shape;
    struct log_position position = {.term = entry_term(image.data), .hash = entry_hash(image.data)};
    if (entry_index(image.data) != shape->last_index + 1) return "the index is out of order";
    if (position.term < shape->last.term) return "the term falls";
    if (position.hash != entry_hash_after(image.data, shape->last.hash))
        return "the entry does not follow the one before it";
    note_term(journal, position.term);
    log_shape_add(shape, shape->last_index + 1, position, place);
    held_push(recovery, journal_store(&recovery->store, image));
    return NULL;
}

/* What is wrong with an image that its record's checksum covers. */
static enum error image_error(struct bytes image) {
    return image.size < ENTRY_HEADER_SIZE ? ERROR_TRUNCATED : entry_validate(image);
}

static const char *replay_piece(struct journal *journal, const struct record *record,
                                struct log_place place) {
    struct journal_recovery *recovery = &journal->recovery;
    if (record->type == RECORD_FIRST) {
        recovery->partial.size = 0;
        recovery->partial_place = place;
        recovery->has_partial = true;
    }
    if (!recovery->has_partial) return "a piece of an entry without its beginning";
    buffer_append_bytes(&recovery->partial, record->payload);
    if (recovery->partial.size > entry_size(recovery->partial.data))
        return "the pieces of an entry are too long";
    if (record->type != RECORD_LAST) return NULL;
    recovery->has_partial = false;
    struct bytes image = buffer_bytes(&recovery->partial);
    enum error error = image_error(image);
    if (error != ERROR_NONE) return error_text(error);
    const char *problem = replay_image(journal, image, recovery->partial_place);
    buffer_clear(&recovery->partial);
    return problem;
}

/* NULL, or what is wrong with a record whose checksum is right. */
static const char *replay_record(struct journal *journal, const struct record *record,
                                 struct log_place place) {
    struct journal_recovery *recovery = &journal->recovery;
    if (record->type == RECORD_MARK) return replay_mark(journal, record, place);
    recovery->content_number = record->number;
    recovery->is_closed = false;
    switch (record->type) {
    case RECORD_CUT:
        recovery->has_partial = false;
        return replay_cut(journal, record);
    case RECORD_ENTRY:
        recovery->has_partial = false;
        return replay_image(journal, record->payload, place);
    default:
        return replay_piece(journal, record, place);
    }
}

static void tail_start(struct journal *journal, struct journal_reader_end end);

/* The reader met no valid record: that is the log's end, unless a later segment goes on; that one
 * was begun when all before it was durable. */
static void replay_ended(struct journal *journal, struct journal_reader_end end) {
    struct journal_recovery *recovery = &journal->recovery;
    const struct journal_reader *reader = &recovery->reader;
    recovery->failed = (struct log_place){
        .segment = reader->segment, .offset = reader_offset(reader), .number = reader->number};
    uint32_t next = journal_next_segment(journal, reader->segment);
    uint64_t last = journal->segments[journal->segment_count - 1].sequence;
    uint32_t missing = (uint32_t)(recovery->mark.segments - last) & 0xffffff;
    if (next < journal->segment_count && journal->segments[next].first_number != 0) {
        damage_at(journal, reader->segment, reader_offset(reader),
                  "no valid record here, but a later segment goes on");
        return;
    }
    if (recovery->bad_segment != UINT32_MAX) {
        damage_at_head(journal, recovery->bad_segment);
        return;
    }
    if (recovery->mark.segments != 0 && missing != 0 && missing < 1u << 23) {
        char name[DISK_NAME_SIZE];
        segment_name(name, last + 1);
        journal_stop(journal, JOURNAL_DAMAGED, ERROR_DAMAGED,
                     "%s is missing, but the log knows of it, after index %" PRIu64, name,
                     journal->shape.last_index);
        end_in_damage(journal);
        return;
    }
    tail_start(journal, end);
}

/* An ENTRY's body is hashed here; one that fails may have been torn like a header. */
static enum error check_body(const struct record *record) {
    return record->type == RECORD_ENTRY ? image_error(record->payload) : ERROR_NONE;
}

static void replay(struct journal *journal) {
    struct journal_recovery *recovery = &journal->recovery;
    struct journal_reader *reader = &recovery->reader;
    while (recovery->sure_bytes < SURE_BYTES_MAX) {
        struct record record;
        struct journal_reader_end end;
        enum journal_reader_status status = reader_next(journal, reader, &record, &end);
        if (status == JOURNAL_READER_WAIT) return;
        if (status == JOURNAL_READER_END) {
            replay_ended(journal, end);
            return;
        }
        struct log_place place = {.segment = reader->segment,
                                  .offset = reader_offset(reader) - record.size,
                                  .number = record.number};
        enum error error = check_body(&record);
        if (error == ERROR_CHECKSUM) {
            end.status = RECORD_BAD_PAYLOAD;
            end.has_blank_sector = record_has_blank_sector(
                bytes_of(record.payload.data - RECORD_HEADER_SIZE, record.size), place.offset);
            reader_step_back(reader, &record);
            replay_ended(journal, end);
            return;
        }
        if (error == ERROR_VERSION) {
            refuse_file(journal, name_of(journal, place.segment).name, error);
            return;
        }
        recovery->failed = place;
        const char *problem =
            error != ERROR_NONE ? error_text(error) : replay_record(journal, &record, place);
        if (problem != NULL) {
            damage_at(journal, place.segment, place.offset, problem);
            return;
        }
        /* From the first entry on that is never cut, it is certain where the log begins. */
        if (recovery->mark.commit_index > journal->start.index && lacks_beginning(journal)) return;
        release_up_to(recovery, recovery->mark.commit_index);
        log_shape_commit(&journal->shape, recovery->mark.commit_index);
    }
}

/* --- TAIL ----------------------------------------------------------------------------------- */

static void tail(struct journal *journal);

static void tail_start(struct journal *journal, struct journal_reader_end end) {
    struct journal_recovery *recovery = &journal->recovery;
    recovery->phase = JOURNAL_PHASE_TAIL;
    recovery->end = end;
    recovery->nonzero_offset = recovery->failed.offset;
    tail(journal);
}

/* Looks through what the window holds from its place on. False: refused. */
static bool tail_scan(struct journal *journal) {
    struct journal_recovery *recovery = &journal->recovery;
    struct journal_reader *reader = &recovery->reader;
    struct bytes rest = bytes_slice(buffer_bytes(&reader->window), reader->at, SIZE_MAX);
    struct record_place place = {.salt = journal->segments[reader->segment].salt,
                                 .offset = reader_offset(reader)};
    size_t nonzero = record_nonzero_size(rest);
    if (nonzero == 0) return true;
    if (reader->segment == recovery->failed.segment) {
        recovery->nonzero_offset = place.offset + nonzero;
    } else {
        recovery->spare_is_dirty = true;
    }
    while (nonzero > 0) {
        struct record_mark mark;
        size_t at = record_find_mark(rest, place, &mark);
        if (at == rest.size) return true;
        if (mark.durable_number >= recovery->failed.number &&
            !is_planted(journal, JOURNAL_PLANTED_DAMAGE_IS_TORN)) {
            damage_at(journal, recovery->failed.segment, recovery->failed.offset,
                      "a record that was durable is no longer valid");
            return false;
        }
        rest = bytes_slice(rest, at + 1, SIZE_MAX);
        place.offset += at + 1;
    }
    return true;
}

/* The first MARK of a segment lies in one sector: it is there, or the sector is blank. */
static bool spare_begins_badly(const struct journal *journal) {
    const struct journal_reader *reader = &journal->recovery.reader;
    if (reader->segment == journal->recovery.failed.segment) return false;
    if (reader_offset(reader) != SEGMENT_HEADER_SIZE) return false;
    struct bytes first = bytes_slice(buffer_bytes(&reader->window), reader->at, MARK_RECORD_SIZE);
    return record_nonzero_size(first) > 0;
}

static void tail_finish(struct journal *journal);

static void tail(struct journal *journal) {
    struct journal_recovery *recovery = &journal->recovery;
    struct journal_reader *reader = &recovery->reader;
    for (;;) {
        if (spare_begins_badly(journal)) {
            damage_at(journal, reader->segment, SEGMENT_HEADER_SIZE,
                      "the first mark is not valid, and not torn");
            return;
        }
        if (!tail_scan(journal)) return;

        /* What may be the beginning of a mark is looked at again with what follows. */
        size_t rest = reader->window.size - reader->at;
        if (rest >= MARK_RECORD_SIZE) reader->at += rest - (MARK_RECORD_SIZE - 1);
        if (reader_want(journal, reader, reader->window.size - reader->at + 1)) return;
        if (reader->segment != recovery->failed.segment ||
            reader->segment + 1 == journal->segment_count) {
            tail_finish(journal);
            return;
        }
        reader_start(reader, (struct log_place){.segment = reader->segment + 1,
                                                .offset = SEGMENT_HEADER_SIZE,
                                                .number = recovery->failed.number});
        if (reader_want(journal, reader, 1)) return;
    }
}

static void want_sync(struct journal *journal);
static void want_renewal(struct journal *journal);

/* The verdict. */
static void tail_finish(struct journal *journal) {
    struct journal_recovery *recovery = &journal->recovery;
    const struct log_place *failed = &recovery->failed;
    if (!recovery->end.has_blank_sector && !is_planted(journal, JOURNAL_PLANTED_DAMAGE_IS_TORN)) {
        damage_at(journal, failed->segment, failed->offset,
                  "a record is not valid, and it is not torn: no sector of it is blank");
        return;
    }
    if (lacks_beginning(journal)) return;
    recovery->torn_bytes = recovery->nonzero_offset - failed->offset;
    if (recovery->spare_is_dirty) {
        want_renewal(journal);
    } else {
        want_sync(journal);
    }
}

/* --- RENEW and SYNC ------------------------------------------------------------------------- */

/* The first spare, with another salt. It is not removed: marks tell how many segments there are.
 * No other one is dirty, since a write to it waits until all before it is durable. */
static void want_renewal(struct journal *journal) {
    struct journal_recovery *recovery = &journal->recovery;
    struct journal_segment *spare = &journal->segments[recovery->failed.segment + 1];
    spare->salt = random_next(&journal->salts);
    segment_header_write(recovery->head, &journal->owner,
                         &(struct segment_header){.sequence = spare->sequence,
                                                  .salt = spare->salt,
                                                  .size = spare->size});
    recovery->span = bytes_of(recovery->head, SEGMENT_HEADER_SIZE);
    want(journal, JOURNAL_PHASE_RENEW,
         (struct disk_request){.call = DISK_CREATE,
                               .sync = true,
                               .size = spare->size,
                               .spans = &recovery->span,
                               .span_count = 1},
         name_of(journal, recovery->failed.segment + 1).name);
}

static void on_renewal(struct journal *journal, enum error error) {
    struct journal_recovery *recovery = &journal->recovery;
    if (error == ERROR_DISK_FULL) { /* It waits for room. */
        recovery->retry = (struct journal_retry){.was_refused = true, .is_due_later = true};
        return;
    }
    recovery->retry = (struct journal_retry){0};
    if (error != ERROR_NONE) {
        refuse_file(journal, recovery->request.call.name, error);
    } else {
        want_sync(journal);
    }
}

void recovery_tick(struct journal *journal) {
    if (journal_retry_tick(journal, &journal->recovery.retry)) want_renewal(journal);
}

/* The last two segments in use: earlier ones were synced before the last was begun. */
static void want_sync(struct journal *journal) {
    struct journal_recovery *recovery = &journal->recovery;
    uint32_t last = recovery->failed.segment;
    if (recovery->phase != JOURNAL_PHASE_SYNC) {
        recovery->segment = last;
        for (uint32_t i = journal->first; i < last; i = journal_next_segment(journal, i))
            recovery->segment = i;
    }
    want(journal, JOURNAL_PHASE_SYNC, (struct disk_request){.call = DISK_APPEND, .sync = true},
         name_of(journal, recovery->segment).name);
}

static void write_vote_again(struct journal *journal) {
    journal->recovery.phase = JOURNAL_PHASE_VOTE_AGAIN;
    journal->vote.version++;
    journal_write_vote(journal);
}

static void finish(struct journal *journal);
static void finish_damaged(struct journal *journal);

static void on_sync(struct journal *journal) {
    struct journal_recovery *recovery = &journal->recovery;
    if (recovery->segment < recovery->failed.segment) {
        recovery->segment = journal_next_segment(journal, recovery->segment);
        want_sync(journal);
        return;
    }
    write_vote_again(journal);
}

void recovery_vote_completed(struct journal *journal) {
    if (journal->recovery.phase == JOURNAL_PHASE_FOUND_VOTE) {
        journal->recovery.phase = JOURNAL_PHASE_FOUND_SEGMENT; /* journal_requests.c creates it. */
    } else if (journal->recovery.way.flags != 0) {
        finish_damaged(journal);
    } else {
        finish(journal);
    }
}

void recovery_segment_completed(struct journal *journal, enum error error) {
    if (error != ERROR_NONE) {
        refuse_file(journal, name_of(journal, 0).name, error);
        return;
    }
    journal->recovery.failed = (struct log_place){.offset = SEGMENT_HEADER_SIZE, .number = 1};
    finish(journal);
}

/* What marks say never falls. The log's beginning is committed, whatever they say. */
static void settle_commit(struct journal *journal) {
    struct journal_recovery *recovery = &journal->recovery;
    uint64_t commit = recovery->mark.commit_index;
    if (commit < journal->start.index) commit = journal->start.index;
    journal->commit_index = commit;
    uint64_t last = journal->shape.last_index;
    recovery->commit_index = commit < last ? commit : last;
    journal->is_damaged = (recovery->mark.flags & RECORD_MARK_DAMAGED) != 0;
}

/* Where the log goes on: behind its last record, or, if something torn stands there, in a new
 * segment, whose salt and number make that void for ever. */
static void finish(struct journal *journal) {
    struct journal_recovery *recovery = &journal->recovery;
    struct log_place place = recovery->failed;
    if (recovery->torn_bytes > 0) {
        struct journal_segment *torn = &journal->segments[place.segment];
        if (torn->first_number == 0) torn->first_number = place.number;
        place.segment++;
        place.offset = SEGMENT_HEADER_SIZE;
    }
    settle_commit(journal);
    recovery->is_closed &= recovery->torn_bytes == 0;
    writer_start(journal, place, recovery->content_number, &recovery->mark);
    release_up_to(recovery, UINT64_MAX);
    recovery->phase = JOURNAL_PHASE_DONE;
    reader_clear(&recovery->reader);
    buffer_clear(&recovery->partial);
    if (recovery->held_count == 0) journal->state = JOURNAL_READY;
}

/* --- DAMAGED -------------------------------------------------------------------------------- */

/* A new segment behind all others; the damage, and what stands behind it, is void. */
static void finish_damaged(struct journal *journal) {
    struct journal_recovery *recovery = &journal->recovery;
    const struct log_place *failed = &recovery->failed;
    bool is_restart = (recovery->way.flags & RECORD_MARK_RESTART) != 0;
    uint32_t from = failed->offset == SEGMENT_HEADER_SIZE ? failed->segment : failed->segment + 1;
    for (uint32_t i = is_restart ? journal->first : from; i < journal->segment_count; i++)
        if (!journal->segments[i].is_void) journal_void_segment(journal, i, true);
    settle_commit(journal);
    journal->is_damaged = true;
    recovery->phase = JOURNAL_PHASE_DONE;
    struct log_place place = {
        .segment = journal->segment_count, .offset = SEGMENT_HEADER_SIZE, .number = failed->number};
    writer_start(journal, place, recovery->content_number, &recovery->mark);
    journal->state = JOURNAL_READY;
    writer_restart(journal, &recovery->way.position, recovery->way.flags);
}

static void leave_damaged(struct journal *journal, struct journal_way way) {
    struct journal_recovery *recovery = &journal->recovery;
    CHECK(journal->state == JOURNAL_DAMAGED);
    recovery->way = way;
    journal->state = JOURNAL_RECOVERING;
    bool is_salvage = (way.flags & RECORD_MARK_SALVAGE) != 0;
    if (is_salvage && recovery->mark.durable_number + 1 < recovery->failed.number) {
        want_sync(journal);
    } else {
        write_vote_again(journal);
    }
}

bool journal_salvage(struct journal *journal) {
    uint64_t snapshot_index = journal->config.snapshot_index;
    if (!journal->recovery.has_prefix || journal->start.index > snapshot_index ||
        journal->shape.last_index < snapshot_index)
        return false;
    leave_damaged(journal, (struct journal_way){.flags = RECORD_MARK_SALVAGE});
    return true;
}

void journal_restart(struct journal *journal, const struct raft_position *position) {
    if (journal->state == JOURNAL_READY) {
        writer_restart(journal, position, RECORD_MARK_RESTART);
    } else {
        leave_damaged(journal,
                      (struct journal_way){.flags = RECORD_MARK_RESTART, .position = *position});
    }
}

/* --- the driver's side ---------------------------------------------------------------------- */

void recovery_start(struct journal *journal) {
    journal->recovery.bad_segment = UINT32_MAX;
    want(journal, JOURNAL_PHASE_LIST, (struct disk_request){.call = DISK_LIST}, "");
}

void recovery_clear(struct journal_recovery *recovery) {
    for (uint32_t i = 0; i < recovery->held_count; i++)
        chunk_release(held_at(recovery, i)->chunk);
    chunk_release(recovery->lent.chunk);
    chunk_release(recovery->store);
    memory_release(recovery->held);
    buffer_clear(&recovery->partial);
    reader_clear(&recovery->reader);
    *recovery = (struct journal_recovery){0};
}

const struct disk_request *recovery_next_request(struct journal *journal) {
    struct journal_recovery *recovery = &journal->recovery;
    const struct disk_request *request = journal_take(&recovery->request);
    return request != NULL ? request : journal_take(&recovery->reader.request);
}

static void on_read(struct journal *journal, const struct disk_completion *completion) {
    struct journal_recovery *recovery = &journal->recovery;
    enum error error = reader_completed(&recovery->reader, completion);
    if (error != ERROR_NONE) {
        refuse_file(journal, recovery->reader.request.call.name, error);
        return;
    }
    recovery->progress.done_bytes += completion->size;
    if (recovery->phase == JOURNAL_PHASE_REPLAY) {
        replay(journal);
    } else {
        tail(journal);
    }
}

static void on_completion(struct journal *journal, const struct disk_completion *completion) {
    switch (journal->recovery.phase) {
    case JOURNAL_PHASE_LIST:
        on_list(journal, completion);
        return;
    case JOURNAL_PHASE_HEADS:
        on_head(journal, completion);
        return;
    case JOURNAL_PHASE_SYNC:
        on_sync(journal);
        return;
    default:
        CHECK(false); /* The other phases have no request of their own. */
    }
}

void recovery_completed(struct journal *journal, const struct disk_completion *completion) {
    struct journal_recovery *recovery = &journal->recovery;
    if (recovery->reader.request.is_open &&
        recovery->reader.request.call.number == completion->number) {
        on_read(journal, completion);
    } else {
        CHECK(recovery->request.is_open && recovery->request.call.number == completion->number);
        recovery->request.is_open = false;
        if (recovery->phase == JOURNAL_PHASE_RENEW) {
            on_renewal(journal, completion->error);
        } else if (recovery->phase == JOURNAL_PHASE_VOTE) {
            on_vote(journal, completion);
        } else if (completion->error != ERROR_NONE) {
            const char *name = recovery->request.call.name;
            refuse_file(journal, name[0] != 0 ? name : "the directory", completion->error);
        } else {
            on_completion(journal, completion);
        }
    }
}

bool journal_recovered(struct journal *journal, struct entry *entry, bool *committed) {
    struct journal_recovery *recovery = &journal->recovery;
    chunk_release(recovery->lent.chunk);
    recovery->lent = (struct entry){0};
    if (journal->state != JOURNAL_RECOVERING || recovery->sure_count == 0) return false;

    recovery->lent = *held_at(recovery, 0);
    recovery->held_head = (recovery->held_head + 1) & (recovery->held_capacity - 1);
    recovery->held_count--;
    recovery->sure_count--;
    recovery->sure_bytes -= entry_size(recovery->lent.image);
    *entry = recovery->lent;
    *committed = entry_index(entry->image) <= recovery->mark.commit_index;

    if (recovery->phase == JOURNAL_PHASE_REPLAY) replay(journal);
    if (recovery->phase == JOURNAL_PHASE_DONE && recovery->held_count == 0)
        journal->state = JOURNAL_READY;
    if (recovery->phase == JOURNAL_PHASE_DAMAGED && recovery->held_count == 0)
        journal->state = JOURNAL_DAMAGED;
    return true;
}

struct journal_progress journal_progress(const struct journal *journal) {
    return journal->recovery.progress;
}

uint64_t journal_recovered_commit(const struct journal *journal) {
    return journal->recovery.commit_index;
}

bool journal_was_closed(const struct journal *journal) {
    return journal->recovery.is_closed;
}

uint64_t journal_torn_bytes(const struct journal *journal) {
    return journal->recovery.torn_bytes;
}
