/* journal_writer.c: persist requests become records, records gather in writes, a write becomes one
 * APPEND and one sync.
 *
 * Records get their place, number and checksum as they come; what waits behind the writes in flight
 * grows into one write (group commit). A write is headed by a MARK, filled in when it starts: what
 * was durable by then. Writes start and complete in order. The first of a segment waits until all
 * before it is durable: so a segment that is in use vouches for the ones before it, and a crash
 * leaves at most one spare segment touched. */
#include "base/memory.h"
#include "raft/journal_parts.h"

enum { MARK_RECORD_SIZE = RECORD_HEADER_SIZE + RECORD_MARK_SIZE };

/* --- a write -------------------------------------------------------------------------------- */

static struct journal_write *write_create(struct journal_writer *writer) {
    struct journal_write *write = writer->recycled;
    if (write == NULL) {
        write = memory_allocate_zeroed(sizeof(*write));
    } else {
        writer->recycled = write->next;
    }
    write->next = NULL;
    write->heads.size = 0;
    write->span_count = write->chunk_count = 0;
    write->request = (struct journal_request){0};
    return write;
}

static void write_recycle(struct journal_writer *writer, struct journal_write *write) {
    for (uint32_t i = 0; i < write->chunk_count; i++)
        chunk_release(write->chunks[i]);
    write->chunk_count = 0;
    write->next = writer->recycled;
    writer->recycled = write;
}

static void writes_destroy(struct journal_write *write) {
    while (write != NULL) {
        struct journal_write *next = write->next;
        for (uint32_t i = 0; i < write->chunk_count; i++)
            chunk_release(write->chunks[i]);
        buffer_clear(&write->heads);
        memory_release(write->spans);
        memory_release(write->chunks);
        memory_release(write);
        write = next;
    }
}

static void write_span(struct journal_write *write, struct bytes span) {
    if (write->span_count == write->span_capacity) {
        write->span_capacity = write->span_capacity * 2 + 32;
        write->spans = memory_resize(write->spans, write->span_capacity * sizeof(*write->spans));
    }
    write->spans[write->span_count++] = span;
}

static void write_hold(struct journal_write *write, struct chunk *chunk) {
    if (write->chunk_count > 0 && write->chunks[write->chunk_count - 1] == chunk) return;
    if (write->chunk_count == write->chunk_capacity) {
        write->chunk_capacity = write->chunk_capacity * 2 + 8;
        write->chunks =
            memory_resize(write->chunks, write->chunk_capacity * sizeof(struct chunk *));
    }
    write->chunks[write->chunk_count++] = chunk_hold(chunk);
}

/* --- the row of writes ---------------------------------------------------------------------- */

static uint64_t room(const struct journal *journal) {
    return journal->segments[journal->writer.segment].size - journal->writer.offset;
}

/* Adds an empty write at the end of the row. */
static struct journal_write *write_begin(struct journal *journal) {
    struct journal_writer *writer = &journal->writer;
    struct journal_write *write = write_create(writer);
    write->ordinal = ++writer->ordinal;
    write->place = (struct log_place){
        .segment = writer->segment, .offset = writer->offset, .number = writer->number};
    write->size = 0;
    write->last_number = writer->number - 1;
    write->vote_version = 0;
    write->begins_segment = writer->offset == SEGMENT_HEADER_SIZE;
    write->sync = false;
    write->is_empty = true;
    write->is_mark_only = true;
    if (writer->last == NULL) {
        writer->first = write;
    } else {
        writer->last->next = write;
    }
    writer->last = write;
    if (writer->waiting == NULL) writer->waiting = write;
    return write;
}

/* A write of nothing, for its sync. */
static void write_sync_only(struct journal *journal) {
    struct journal_write *write = write_begin(journal);
    write->begins_segment = false;
    write->sync = true;
}

/* A write that begins with a MARK; the caller knows that there is room. */
static struct journal_write *write_begin_marked(struct journal *journal) {
    struct journal_writer *writer = &journal->writer;
    struct journal_write *write = write_begin(journal);
    write->is_empty = false;
    write->mark = (struct record_mark){.last_index = journal->shape.last_index,
                                       .last_term = journal->shape.last.term,
                                       .last_hash = journal->shape.last.hash};
    if (write->begins_segment) {
        struct journal_segment *segment = &journal->segments[writer->segment];
        segment->first_number = writer->number;
        segment->before = (struct raft_position){.index = write->mark.last_index,
                                                 .term = write->mark.last_term,
                                                 .hash = write->mark.last_hash};
        segment->can_start = !writer->is_within_entry;
        if (writer->is_within_entry) write->mark.flags = RECORD_MARK_WITHIN;
    }
    write_span(write, bytes_of(write->mark_record, MARK_RECORD_SIZE));
    write->size = MARK_RECORD_SIZE;
    write->last_number = writer->number++;
    writer->offset += MARK_RECORD_SIZE;
    writer->queued_bytes += MARK_RECORD_SIZE;
    return write;
}

static void next_segment(struct journal *journal) {
    struct journal_writer *writer = &journal->writer;
    /* What a write to the next one syncs is that one only. */
    if (!journal_is_synced(journal)) write_sync_only(journal);
    writer->segment++;
    writer->offset = SEGMENT_HEADER_SIZE;
    if (writer->segment == journal->segment_count) journal_plan_segment(journal);
}

static bool can_grow(const struct journal *journal, const struct journal_write *write) {
    return write != NULL && write == journal->writer.last && journal->writer.waiting != NULL &&
           !write->is_empty && write->place.segment == journal->writer.segment &&
           write->size < journal->config.write_size;
}

/* The write to which a record of this size is to be added; it fits into the segment. */
static struct journal_write *write_with_room(struct journal *journal, size_t record_size) {
    struct journal_writer *writer = &journal->writer;
    struct journal_write *write = writer->last;
    bool grows = can_grow(journal, write);
    if (room(journal) < record_size + (grows ? 0 : MARK_RECORD_SIZE)) {
        next_segment(journal);
        grows = false;
    }
    CHECK(room(journal) >= record_size + (grows ? 0 : MARK_RECORD_SIZE));
    return grows ? write : write_begin_marked(journal);
}

/* Adds a record; the payload's bytes are held by the chunk, or stand in heads (chunk NULL). */
static void put_record(struct journal *journal, struct journal_write *write, enum record_type type,
                       struct bytes payload, struct chunk *chunk) {
    struct journal_writer *writer = &journal->writer;
    struct record_place place = {.salt = journal->segments[writer->segment].salt,
                                 .offset = writer->offset};
    char header[RECORD_HEADER_SIZE];
    record_header_write(header, place, type, writer->number, payload);
    buffer_append(&write->heads, header, RECORD_HEADER_SIZE);
    if (chunk == NULL) {
        buffer_append_bytes(&write->heads, payload);
        write_span(write, bytes_of(NULL, RECORD_HEADER_SIZE + payload.size));
    } else {
        write_span(write, bytes_of(NULL, RECORD_HEADER_SIZE));
        write_span(write, payload);
        write_hold(write, chunk);
    }
    size_t size = RECORD_HEADER_SIZE + payload.size;
    write->size += size;
    write->is_mark_only = false;
    write->last_number = writer->content_number = writer->number++;
    writer->offset += size;
    writer->queued_bytes += size;
}

/* --- persist requests ----------------------------------------------------------------------- */

static void put_cut(struct journal *journal, uint64_t after) {
    CHECK(after >= journal->commit_index);
    struct log_position position;
    CHECK(log_shape_at(&journal->shape, after, &position));
    char payload[RECORD_CUT_SIZE];
    record_cut_write(payload, &(struct record_cut){
                                  .after = after, .term = position.term, .hash = position.hash});
    struct journal_write *write = write_with_room(journal, RECORD_HEADER_SIZE + sizeof(payload));
    log_shape_cut(&journal->shape, after, journal->writer.number);
    journal_note_cut(journal, &(struct raft_position){
                                  .index = after, .term = position.term, .hash = position.hash});
    put_record(journal, write, RECORD_CUT, bytes_of(payload, sizeof(payload)), NULL);
    fetches_cut(journal);
    journal->figures.cuts++;
}

static struct log_place writer_place(const struct journal_writer *writer) {
    return (struct log_place){
        .segment = writer->segment, .offset = writer->offset, .number = writer->number};
}

/* A log of nothing but large entries can be cut as well: a segment that begins within one does not
 * end within another, so at least every second one that an entry reaches into can be the first. */
static void leave_unfit_start(struct journal *journal, size_t size) {
    const struct journal_writer *writer = &journal->writer;
    const struct journal_segment *segment = &journal->segments[writer->segment];
    size_t pieces = size / journal->config.fragment_size + 1;
    bool is_begun = writer->offset > SEGMENT_HEADER_SIZE;
    if (is_begun && !segment->can_start &&
        room(journal) < MARK_RECORD_SIZE + pieces * RECORD_HEADER_SIZE + size)
        next_segment(journal);
}

/* In as many pieces as the rests of the segments demand. */
static struct log_place put_fragments(struct journal *journal, const struct entry *entry) {
    struct journal_writer *writer = &journal->writer;
    struct log_place place = {0};
    size_t size = entry_size(entry->image);
    leave_unfit_start(journal, size);
    for (size_t at = 0; at < size;) {
        size_t rest = size - at;
        size_t least = rest < JOURNAL_PIECE_MIN ? rest : JOURNAL_PIECE_MIN;
        writer->is_within_entry = at > 0;
        struct journal_write *write = write_with_room(journal, RECORD_HEADER_SIZE + least);
        if (at == 0) place = writer_place(writer);
        size_t piece = room(journal) - RECORD_HEADER_SIZE;
        if (piece > rest) piece = rest;
        if (piece > journal->config.fragment_size) piece = journal->config.fragment_size;
        enum record_type type = at == 0 ? RECORD_FIRST : RECORD_MIDDLE;
        if (at + piece == size) type = at == 0 ? RECORD_ENTRY : RECORD_LAST;
        put_record(journal, write, type, bytes_of(entry->image + at, piece), entry->chunk);
        at += piece;
        journal->figures.fragments++;
    }
    writer->is_within_entry = false;
    return place;
}

static bool fits_whole(const struct journal *journal, size_t size) {
    if (size > journal->config.fragment_size) return false;
    uint64_t needed = RECORD_HEADER_SIZE + MARK_RECORD_SIZE + size;
    if (needed <= room(journal)) return true;
    uint64_t next = journal->writer.segment + 1 < journal->segment_count
                        ? journal->segments[journal->writer.segment + 1].size
                        : journal->config.segment_size_min;
    return needed + SEGMENT_HEADER_SIZE <= next;
}

static void put_entry(struct journal *journal, const struct entry *entry) {
    struct log_shape *shape = &journal->shape;
    uint64_t index = entry_index(entry->image);
    struct log_position position = {.term = entry_term(entry->image),
                                    .hash = entry_hash(entry->image)};
    CHECK(index == shape->last_index + 1);
    CHECK(position.term >= shape->last.term);
    CHECK(position.hash == entry_hash_after(entry->image, shape->last.hash));

    struct bytes image = bytes_of(entry->image, entry_size(entry->image));
    struct log_place place;
    if (fits_whole(journal, image.size)) {
        struct journal_write *write = write_with_room(journal, RECORD_HEADER_SIZE + image.size);
        place = writer_place(&journal->writer);
        put_record(journal, write, RECORD_ENTRY, image, entry->chunk);
    } else {
        place = put_fragments(journal, entry);
    }
    log_shape_add(shape, index, position, place);
}

static void put_restart(struct journal *journal, const struct raft_position *position,
                        uint8_t flags) {
    struct journal_writer *writer = &journal->writer;
    if (writer->offset > SEGMENT_HEADER_SIZE) next_segment(journal);
    uint64_t number = writer->number;
    if (flags & RECORD_MARK_RESTART) {
        log_shape_restart(&journal->shape, position->index,
                          (struct log_position){.term = position->term, .hash = position->hash},
                          number);
        journal->start = *position;
        journal->commit_index = position->index;
        for (uint32_t i = journal->first; i < writer->segment; i++)
            if (!journal->segments[i].is_void) journal_void_segment(journal, i, false);
    }
    struct journal_write *write = write_begin_marked(journal);
    write->mark.flags |= flags;
    write->sync = true;
    write->is_mark_only = false;
    writer->content_number = number;
    journal->clearing.number = number;
    fetches_cut(journal);
}

static void put_persist_mark(struct journal_writer *writer, struct journal_persist_mark mark) {
    if (writer->persist_count > 0) {
        uint32_t last =
            (writer->persist_head + writer->persist_count - 1) & (writer->persist_capacity - 1);
        struct journal_persist_mark *newest = &writer->persists[last];
        if (newest->vote_version == mark.vote_version &&
            newest->write_ordinal == mark.write_ordinal) {
            newest->number = mark.number; /* They complete together. */
            return;
        }
    }
    if (writer->persist_count == writer->persist_capacity) {
        uint32_t capacity = writer->persist_capacity == 0 ? 16 : writer->persist_capacity * 2;
        struct journal_persist_mark *persists = memory_allocate(capacity * sizeof(*persists));
        for (uint32_t i = 0; i < writer->persist_count; i++)
            persists[i] =
                writer->persists[(writer->persist_head + i) & (writer->persist_capacity - 1)];
        memory_release(writer->persists);
        writer->persists = persists;
        writer->persist_capacity = capacity;
        writer->persist_head = 0;
    }
    writer->persists[(writer->persist_head + writer->persist_count++) &
                     (writer->persist_capacity - 1)] = mark;
}

static void set_vote(struct journal *journal, const struct raft_hard_state *state, bool is_lost) {
    struct journal_vote *vote = &journal->vote;
    CHECK(state->term >= vote->state.term);
    vote->state = *state;
    vote->is_lost = is_lost;
    vote->version++;
    bool under_way = vote->request.is_wanted || vote->request.is_open || vote->retry.is_due_later;
    if (!under_way) journal_write_vote(journal);
}

/* Of what the log begins anew behind; a lost vote stays lost. */
static void reach_term(struct journal *journal, uint64_t term) {
    if (term <= journal->vote.state.term) return;
    set_vote(journal, &(struct raft_hard_state){.term = term}, journal->vote.is_lost);
}

/* The vote file comes before the records, of all the writes that hold some of them. */
static void put_behind_vote(struct journal *journal, uint64_t ordinal) {
    for (struct journal_write *write = journal->writer.waiting; write != NULL; write = write->next)
        if (write->ordinal >= ordinal) write->vote_version = journal->vote.version;
}

void writer_restart(struct journal *journal, const struct raft_position *position, uint8_t flags) {
    uint64_t ordinal_before = journal->writer.ordinal;
    CHECK(!journal->writer.is_closing);
    if (flags & RECORD_MARK_RESTART) reach_term(journal, position->term);
    put_restart(journal, position, flags);
    put_behind_vote(journal, ordinal_before);
}

/* A mark tells of what its own write adds, too: after a loss of power that may be gone, and a
 * snapshot that ends before it is received in its place. */
static uint64_t committed_here(const struct journal *journal) {
    uint64_t last = journal->shape.last_index;
    return journal->commit_index < last ? journal->commit_index : last;
}

void journal_persist(struct journal *journal, const struct raft_persist *persist) {
    struct journal_writer *writer = &journal->writer;
    if (journal->state == JOURNAL_FAILED) return;
    CHECK(journal->state == JOURNAL_READY && !writer->is_closing);
    CHECK(persist->number > writer->persist_last);
    writer->persist_last = persist->number;
    writer->rest_us = UINT64_MAX;

    if (persist->has_hard_state) set_vote(journal, &persist->hard_state, false);
    uint64_t ordinal_before = writer->ordinal;
    bool has_records = false;
    if (persist->restart) {
        CHECK(persist->base.index >= committed_here(journal));
        if (journal->vote.is_lost) reach_term(journal, persist->base.term);
        CHECK(persist->base.term <= journal->vote.state.term);
        put_restart(journal, &persist->base, RECORD_MARK_RESTART);
        has_records = true;
    } else if (persist->cut_after < journal->shape.last_index) {
        put_cut(journal, persist->cut_after);
        has_records = true;
    }
    for (uint32_t i = 0; i < persist->entry_count; i++)
        put_entry(journal, &persist->entries[i]);
    has_records |= persist->entry_count > 0;

    if (has_records) put_behind_vote(journal, ordinal_before);
    put_persist_mark(writer, (struct journal_persist_mark){.number = persist->number,
                                                           .vote_version = journal->vote.version,
                                                           .write_ordinal = writer->ordinal});
    writer_settle(journal);
}

static void writer_rest(struct journal *journal);

void writer_settle(struct journal *journal) {
    struct journal_writer *writer = &journal->writer;
    while (writer->persist_count > 0) {
        const struct journal_persist_mark *mark = &writer->persists[writer->persist_head];
        if (mark->vote_version > journal->vote.version_durable) break;
        if (mark->write_ordinal > writer->ordinal_done) break;
        writer->persisted = mark->number;
        writer->persist_head = (writer->persist_head + 1) & (writer->persist_capacity - 1);
        writer->persist_count--;
    }
    if (writer->is_closing) writer_rest(journal);
}

uint64_t journal_persisted(const struct journal *journal) {
    return journal->writer.persisted;
}

uint64_t journal_finished(const struct journal *journal) {
    return journal->finished;
}

void journal_commit(struct journal *journal, uint64_t commit_index) {
    if (commit_index <= journal->commit_index) return;
    CHECK(commit_index <= journal_last_index(journal));
    journal->commit_index = commit_index;
    log_shape_commit(&journal->shape, commit_index);
}

uint64_t journal_queued_bytes(const struct journal *journal) {
    return journal->writer.queued_bytes;
}

void journal_set_sync(struct journal *journal, enum journal_sync sync) {
    if (journal->config.sync != JOURNAL_SYNC_ALWAYS)
        journal->writer.lax_number = journal->writer.number;
    journal->config.sync = sync;
}

bool journal_is_synced(const struct journal *journal) {
    const struct journal_writer *writer = &journal->writer;
    if (journal->config.sync != JOURNAL_SYNC_ALWAYS) return false;
    return writer->lax_number == 0 || writer->synced_number + 1 >= writer->lax_number;
}

/* --- starting and completing ---------------------------------------------------------------- */

static bool may_start(const struct journal *journal, const struct journal_write *write) {
    const struct journal_writer *writer = &journal->writer;
    if (writer->in_flight == journal->config.writes_max) return false;
    if (write->vote_version > journal->vote.version_durable) return false;
    if (write->begins_segment && writer->in_flight > 0) return false;
    return journal->segments[write->place.segment].exists;
}

static bool wants_sync(struct journal *journal, const struct journal_write *write) {
    struct journal_writer *writer = &journal->writer;
    if (write->sync || journal->config.sync == JOURNAL_SYNC_ALWAYS) return true;
    if (journal->config.sync == JOURNAL_SYNC_NEVER) return false;
    if (journal->now_us - writer->synced_us < JOURNAL_SYNC_US) return false;
    writer->synced_us = journal->now_us;
    return true;
}

/* The commit index that a mark may tell. What is committed by now may be the successor of entries
 * in this write, cut behind it: a reader that comes by those first must not take them for it. Nor
 * does it fall, unless all before the mark is void. */
static uint64_t marked_commit(const struct journal *journal, const struct journal_write *write) {
    uint64_t after = log_shape_cut_behind(&journal->shape, write->place.number);
    uint64_t commit = journal->commit_index < after ? journal->commit_index : after;
    if (write->mark.flags & RECORD_MARK_RESTART) return commit;
    uint64_t sealed = journal->writer.sealed_commit;
    return commit < sealed ? sealed : commit;
}

/* Fills in what was left open: the mark, and where the heads stand now that they move no more. */
static void write_seal(struct journal *journal, struct journal_write *write) {
    write->sync = wants_sync(journal, write);
    uint64_t salt = journal->segments[write->place.segment].salt;
    if (!write->is_empty) {
        write->mark.durable_number = journal->writer.synced_number;
        write->mark.commit_index = marked_commit(journal, write);
        journal->writer.sealed_commit = write->mark.commit_index;
        if (journal->is_damaged) write->mark.flags |= RECORD_MARK_DAMAGED;
        write->mark.segments =
            (uint32_t)journal->segments[journal_segments_made(journal) - 1].sequence;
        char *payload = write->mark_record + RECORD_HEADER_SIZE;
        record_mark_write(payload, &write->mark);
        record_header_write(write->mark_record,
                            (struct record_place){.salt = salt, .offset = write->place.offset},
                            RECORD_MARK, write->place.number, bytes_of(payload, RECORD_MARK_SIZE));
    }
    size_t at = 0;
    for (uint32_t i = 0; i < write->span_count; i++) {
        if (write->spans[i].data != NULL) continue;
        write->spans[i].data = write->heads.data + at;
        at += write->spans[i].size;
    }
    CHECK(at == write->heads.size);
}

const struct disk_request *writer_next_request(struct journal *journal) {
    struct journal_writer *writer = &journal->writer;
    struct journal_write *write = writer->waiting;
    if (journal->state != JOURNAL_READY || write == NULL || !may_start(journal, write)) return NULL;

    write_seal(journal, write);
    writer->waiting = write->next;
    writer->in_flight++;
    write->request.call = (struct disk_request){.call = DISK_APPEND,
                                                .sync = write->sync,
                                                .offset = write->place.offset,
                                                .spans = write->spans,
                                                .span_count = write->span_count};
    char name[DISK_NAME_SIZE];
    segment_name(name, journal->segments[write->place.segment].sequence);
    journal_want(journal, &write->request, JOURNAL_REQUEST_WRITE, name);
    return journal_take(&write->request);
}

static void note_mark(struct journal *journal, const struct journal_write *write) {
    struct journal_writer *writer = &journal->writer;
    if (write->is_empty) return;
    writer->marked_number = write->mark.durable_number;
    writer->marked_commit = write->mark.commit_index;
    writer->marked_damaged = (write->mark.flags & RECORD_MARK_DAMAGED) != 0;
    journal->figures.marks += write->is_mark_only;
    if (write->mark.flags & RECORD_MARK_CLOSED) journal->state = JOURNAL_CLOSED;
}

void writer_completed(struct journal *journal, const struct disk_completion *completion) {
    struct journal_writer *writer = &journal->writer;
    struct journal_write *write = writer->first;
    if (journal->state == JOURNAL_FAILED) return;
    CHECK(write != NULL && write != writer->waiting && write->request.is_open);
    CHECK(write->request.call.number == completion->number); /* They complete in order. */
    if (completion->error != ERROR_NONE) {
        journal_stop(journal, JOURNAL_FAILED, completion->error,
                     "%s: writing %llu bytes at offset %llu failed: %s", write->request.call.name,
                     (unsigned long long)write->size, (unsigned long long)write->place.offset,
                     error_text(completion->error));
        return;
    }
    writer->first = write->next;
    if (writer->first == NULL) writer->last = NULL;
    writer->in_flight--;
    writer->ordinal_done = write->ordinal;
    writer->written_number = write->last_number;
    if (write->sync) writer->synced_number = write->last_number;
    writer->queued_bytes -= write->size;
    journal->finished++;
    journal->figures.appends++;
    journal->figures.append_bytes += write->size;
    note_mark(journal, write);
    write_recycle(writer, write);
    writer_settle(journal);
    writer->rest_us = UINT64_MAX;
}

/* --- rest ----------------------------------------------------------------------------------- */

static bool is_at_rest(const struct journal *journal) {
    return journal->writer.first == NULL && journal->vote.version == journal->vote.version_durable;
}

static bool needs_mark(const struct journal *journal) {
    const struct journal_writer *writer = &journal->writer;
    return writer->is_closing || writer->marked_number < writer->content_number ||
           writer->marked_commit < journal->commit_index ||
           writer->marked_damaged != journal->is_damaged;
}

/* With nothing under way: first a sync, if one is missing, then a mark that tells of it. */
static void writer_rest(struct journal *journal) {
    struct journal_writer *writer = &journal->writer;
    if (journal->state != JOURNAL_READY || !is_at_rest(journal)) return;
    if (writer->synced_number < writer->written_number) {
        write_sync_only(journal);
    } else if (needs_mark(journal)) {
        if (room(journal) < MARK_RECORD_SIZE) next_segment(journal);
        struct journal_write *write = write_begin_marked(journal);
        write->sync = true;
        if (writer->is_closing) write->mark.flags |= RECORD_MARK_CLOSED;
    }
}

static bool wants_rest(const struct journal *journal) {
    const struct journal_writer *writer = &journal->writer;
    return is_at_rest(journal) &&
           (writer->synced_number < writer->written_number || needs_mark(journal));
}

void writer_tick(struct journal *journal) {
    struct journal_writer *writer = &journal->writer;
    if (!wants_rest(journal)) return;
    if (writer->rest_us == UINT64_MAX) {
        writer->rest_us = journal->now_us;
    } else if (journal->now_us - writer->rest_us >= JOURNAL_MARK_US) {
        writer_rest(journal);
    }
}

uint64_t writer_deadline_us(const struct journal *journal) {
    const struct journal_writer *writer = &journal->writer;
    if (!wants_rest(journal)) return UINT64_MAX;
    if (writer->rest_us == UINT64_MAX) return journal->now_us;
    return writer->rest_us + JOURNAL_MARK_US;
}

void journal_close(struct journal *journal) {
    if (journal->state != JOURNAL_READY || journal->writer.is_closing) return;
    journal->writer.is_closing = true;
    writer_rest(journal);
}

/* --- life ----------------------------------------------------------------------------------- */

void writer_start(struct journal *journal, struct log_place place, uint64_t content_number,
                  const struct record_mark *mark) {
    struct journal_writer *writer = &journal->writer;
    writer->segment = place.segment;
    writer->offset = place.offset;
    writer->number = place.number;
    writer->content_number = content_number;
    writer->written_number = writer->synced_number = place.number - 1;
    writer->marked_number = mark->durable_number;
    writer->marked_commit = writer->sealed_commit = mark->commit_index;
    writer->marked_damaged = (mark->flags & RECORD_MARK_DAMAGED) != 0;
    writer->rest_us = UINT64_MAX;
    if (writer->segment == journal->segment_count) journal_plan_segment(journal);
}

void writer_clear(struct journal_writer *writer) {
    writes_destroy(writer->first);
    writes_destroy(writer->recycled);
    memory_release(writer->persists);
}
