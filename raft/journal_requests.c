/* journal_requests.c: life of a journal, the way of its requests, the vote file and new segments.
 *
 * Every disk call of the journal stands in a journal_request of its part; journal_next_request()
 * asks the parts in a fixed order, journal_completed() leads back by the number's low bits. */
#include "raft/journal.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/memory.h"
#include "raft/journal_parts.h"

/* --- life ----------------------------------------------------------------------------------- */

struct journal *journal_create(const struct journal_config *config) {
    struct journal *journal = memory_allocate_zeroed(sizeof(*journal));
    journal->config = *config;
    struct journal_config *own = &journal->config;
    if (own->segment_size_min == 0) own->segment_size_min = JOURNAL_SEGMENT_SIZE_MIN;
    if (own->segment_size_max == 0) own->segment_size_max = JOURNAL_SEGMENT_SIZE_MAX;
    if (own->fragment_size == 0) own->fragment_size = CHUNK_SIZE;
    if (own->write_size == 0) own->write_size = 4 * CHUNK_SIZE;
    if (own->writes_max == 0) own->writes_max = 2;
    CHECK(own->segment_size_min >= sizeof(journal->recovery.head));
    CHECK(own->segment_size_max >= own->segment_size_min);
    CHECK(own->fragment_size >= JOURNAL_PIECE_MIN);
    memcpy(journal->owner.cluster, config->cluster, SEGMENT_ID_SIZE);
    memcpy(journal->owner.node, config->node, SEGMENT_ID_SIZE);
    random_init(&journal->salts, config->seed);
    log_shape_init(&journal->shape, config->base_hash);
    journal->start.hash = config->base_hash;
    journal->origin = 1;
    recovery_start(journal);
    return journal;
}

void journal_destroy(struct journal *journal) {
    if (journal == NULL) return;
    fetches_clear(journal);
    recovery_clear(&journal->recovery);
    writer_clear(&journal->writer);
    log_shape_clear(&journal->shape);
    memory_release(journal->segments);
    memory_release(journal);
}

void journal_stop(struct journal *journal, enum journal_state state, enum error error,
                  const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(journal->problem, sizeof(journal->problem), format, arguments);
    va_end(arguments);
    journal->state = state;
    journal->error = error;
}

void journal_note(struct journal *journal, const char *format, ...) {
    if (journal->notice[0] != '\0') return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(journal->notice, sizeof(journal->notice), format, arguments);
    va_end(arguments);
}

struct entry journal_store(struct chunk **chunk, struct bytes image) {
    if (*chunk == NULL || (*chunk)->capacity - (*chunk)->used < image.size) {
        chunk_release(*chunk);
        *chunk = chunk_create(image.size > CHUNK_SIZE ? image.size : CHUNK_SIZE);
    }
    char *at = (*chunk)->data + (*chunk)->used;
    memcpy(at, image.data, image.size);
    (*chunk)->used += image.size;
    return (struct entry){.chunk = chunk_hold(*chunk), .image = at};
}

/* --- requests ------------------------------------------------------------------------------- */

void journal_want(struct journal *journal, struct journal_request *request,
                  enum journal_request_kind kind, const char *name) {
    CHECK(!request->is_wanted && !request->is_open);
    request->call.number = ++journal->request_count * JOURNAL_REQUEST_KINDS + kind;
    snprintf(request->call.name, sizeof(request->call.name), "%s", name);
    request->is_wanted = true;
}

const struct disk_request *journal_take(struct journal_request *request) {
    if (!request->is_wanted) return NULL;
    request->is_wanted = false;
    request->is_open = true;
    return &request->call;
}

static const struct disk_request *creation_next_request(struct journal *journal);

const struct disk_request *journal_next_request(struct journal *journal) {
    if (journal->state != JOURNAL_RECOVERING && journal->state != JOURNAL_READY) return NULL;
    const struct disk_request *request = journal_take(&journal->vote.request);
    if (request == NULL) request = writer_next_request(journal);
    if (request == NULL) request = recovery_next_request(journal);
    if (request == NULL) request = fetches_next_request(journal);
    if (request == NULL) request = creation_next_request(journal);
    if (request == NULL) request = clearing_next_request(journal);
    return request;
}

static void vote_completed(struct journal *journal, const struct disk_completion *completion);
static void creation_completed(struct journal *journal, const struct disk_completion *completion);

void journal_completed(struct journal *journal, const struct disk_completion *completion) {
    switch ((enum journal_request_kind)(completion->number % JOURNAL_REQUEST_KINDS)) {
    case JOURNAL_REQUEST_RECOVERY:
        recovery_completed(journal, completion);
        return;
    case JOURNAL_REQUEST_VOTE:
        vote_completed(journal, completion);
        return;
    case JOURNAL_REQUEST_CREATE:
        creation_completed(journal, completion);
        return;
    case JOURNAL_REQUEST_WRITE:
        writer_completed(journal, completion);
        return;
    case JOURNAL_REQUEST_FETCH:
        fetches_completed(journal, completion);
        return;
    case JOURNAL_REQUEST_CLEAR:
        clearing_completed(journal, completion);
        return;
    case JOURNAL_REQUEST_KINDS:
        break;
    }
    CHECK(false);
}

/* --- vote file ------------------------------------------------------------------------------ */

const char *journal_vote_name(uint32_t copy) {
    static const char *const names[JOURNAL_VOTES] = {VOTE_NAME, VOTE_COPY_NAME};
    return names[copy];
}

/* The first copy is always written first: so it is never the older one of two that are sound. */
static void write_copy(struct journal *journal, uint32_t copy) {
    struct journal_vote *vote = &journal->vote;
    vote->writing = copy;
    vote->request.call = (struct disk_request){
        .call = DISK_REPLACE, .sync = true, .spans = &vote->span, .span_count = 1};
    journal_want(journal, &vote->request, JOURNAL_REQUEST_VOTE, journal_vote_name(copy));
}

void journal_write_vote(struct journal *journal) {
    struct journal_vote *vote = &journal->vote;
    vote_write(vote->file, &journal->owner,
               (struct vote){.term = vote->state.term,
                             .voted_for = vote->state.voted_for,
                             .is_lost = vote->is_lost});
    vote->version_open = vote->version;
    vote->span = bytes_of(vote->file, VOTE_SIZE);
    write_copy(journal, 0);
}

void journal_note_refusal(struct journal *journal, struct journal_retry *retry, const char *name,
                          enum error error) {
    *retry = (struct journal_retry){.was_refused = true, .is_due_later = true};
    snprintf(journal->problem, sizeof(journal->problem), "%s cannot be %s: %s", name,
             retry == &journal->clearing.retry ? "removed" : "written", error_text(error));
}

static void vote_completed(struct journal *journal, const struct disk_completion *completion) {
    struct journal_vote *vote = &journal->vote;
    vote->request.is_open = false;
    bool is_founding =
        journal->state == JOURNAL_RECOVERING && journal->recovery.phase == JOURNAL_PHASE_FOUND_VOTE;
    if (completion->error == ERROR_DISK_FULL && !is_founding) { /* It waits for room. */
        journal_note_refusal(journal, &vote->retry, vote->request.call.name, completion->error);
        return;
    }
    if (completion->error != ERROR_NONE) {
        journal_stop(journal, JOURNAL_FAILED, completion->error, "%s: writing it failed: %s",
                     vote->request.call.name, error_text(completion->error));
        return;
    }
    journal->finished++;
    if (vote->writing + 1 < JOURNAL_VOTES) {
        write_copy(journal, vote->writing + 1);
        return;
    }
    vote->version_durable = vote->version_open;
    vote->retry.was_refused = false;
    if (journal->state == JOURNAL_RECOVERING) {
        recovery_vote_completed(journal);
        return;
    }
    if (vote->version != vote->version_durable) journal_write_vote(journal);
    writer_settle(journal);
}

/* --- new segments --------------------------------------------------------------------------- */

struct journal_segment *journal_add_segment(struct journal *journal) {
    if (journal->segment_count == journal->segment_capacity) {
        journal->segment_capacity = journal->segment_capacity * 2 + 8;
        journal->segments = memory_resize(journal->segments,
                                          journal->segment_capacity * sizeof(*journal->segments));
    }
    struct journal_segment *segment = &journal->segments[journal->segment_count];
    *segment = (struct journal_segment){.sequence = journal->origin + journal->segment_count++};
    return segment;
}

/* Twice the one before, up to the limit; a log that begins anew after damage begins small. */
static uint64_t next_segment_size(const struct journal *journal) {
    uint64_t least = journal->config.segment_size_min, most = journal->config.segment_size_max;
    if (journal->segment_count == 0) return least;
    const struct journal_segment *before = &journal->segments[journal->segment_count - 1];
    uint64_t size = before->is_void ? least : 2 * before->size;
    return size < least ? least : size > most ? most : size;
}

struct journal_segment *journal_plan_segment(struct journal *journal) {
    uint64_t size = next_segment_size(journal);
    struct journal_segment *segment = journal_add_segment(journal);
    segment->salt = random_next(&journal->salts);
    segment->size = size;
    return segment;
}

static void want_creation(struct journal *journal, uint32_t at) {
    struct journal_creation *creation = &journal->creation;
    const struct journal_segment *segment = &journal->segments[at];
    segment_header_write(creation->header, &journal->owner,
                         &(struct segment_header){.sequence = segment->sequence,
                                                  .salt = segment->salt,
                                                  .size = segment->size});
    creation->segment = at;
    creation->span = bytes_of(creation->header, SEGMENT_HEADER_SIZE);
    creation->request.call = (struct disk_request){.call = DISK_CREATE,
                                                   .sync = true,
                                                   .size = segment->size,
                                                   .spans = &creation->span,
                                                   .span_count = 1};
    char name[DISK_NAME_SIZE];
    segment_name(name, segment->sequence);
    journal_want(journal, &creation->request, JOURNAL_REQUEST_CREATE, name);
}

/* They are made in order, one at a time, so that a crash never leaves a gap. */
uint32_t journal_segments_made(const struct journal *journal) {
    uint32_t at = journal->segment_count;
    while (at > 0 && !journal->segments[at - 1].exists)
        at--;
    return at;
}

static const struct disk_request *creation_next_request(struct journal *journal) {
    struct journal_creation *creation = &journal->creation;
    bool founding = journal->state == JOURNAL_RECOVERING &&
                    journal->recovery.phase == JOURNAL_PHASE_FOUND_SEGMENT;
    if (journal->state != JOURNAL_READY && !founding) return NULL;
    if (creation->request.is_open || creation->retry.is_due_later) return NULL;

    uint32_t wanted = founding ? 1 : journal->writer.segment + 1 + JOURNAL_SPARES;
    while (journal->segment_count < wanted)
        journal_plan_segment(journal);
    uint32_t at = journal_segments_made(journal); /* the first that is planned and not made */
    while (at < journal->segment_count && journal->segments[at].is_gone)
        at++;
    if (at == journal->segment_count) return NULL;
    want_creation(journal, at);
    return journal_take(&creation->request);
}

static void creation_completed(struct journal *journal, const struct disk_completion *completion) {
    struct journal_creation *creation = &journal->creation;
    creation->request.is_open = false;
    if (completion->error == ERROR_NONE) {
        journal->finished++;
        journal->segments[creation->segment].exists = true;
        journal->clearing.pending += journal->segments[creation->segment].is_void;
        creation->retry.was_refused = false;
    }
    if (journal->state == JOURNAL_RECOVERING) {
        recovery_segment_completed(journal, completion->error);
        return;
    }
    if (completion->error != ERROR_NONE)
        journal_note_refusal(journal, &creation->retry, creation->request.call.name,
                             completion->error);
}

static uint32_t count_spares(const struct journal *journal) {
    uint32_t made = journal_segments_made(journal);
    return made > journal->writer.segment ? made - journal->writer.segment - 1 : 0;
}

bool journal_is_exhausted(const struct journal *journal) {
    if (journal->vote.retry.was_refused) return true;
    return journal->creation.retry.was_refused && count_spares(journal) == 0;
}

bool journal_is_full(const struct journal *journal) {
    if (journal->vote.retry.was_refused || journal->recovery.retry.was_refused) return true;
    if (!journal->creation.retry.was_refused) return false;
    const struct journal_writer *writer = &journal->writer;
    uint32_t spares = count_spares(journal);
    if (spares >= JOURNAL_SPARES) return false;
    bool has_next = spares == JOURNAL_SPARES - 1 &&
                    writer->offset <= journal->segments[writer->segment].size / 2;
    return !has_next;
}

/* --- time ----------------------------------------------------------------------------------- */

bool journal_retry_tick(const struct journal *journal, struct journal_retry *retry) {
    if (!retry->is_due_later) return false;
    if (retry->at_us == 0) retry->at_us = journal->now_us + JOURNAL_RETRY_US;
    if (journal->now_us < retry->at_us) return false;
    retry->is_due_later = false;
    return true;
}

void journal_tick(struct journal *journal, uint64_t now_us) {
    CHECK(now_us >= journal->now_us);
    journal->now_us = now_us;
    if (journal->state != JOURNAL_READY && journal->state != JOURNAL_RECOVERING) return;
    if (journal_retry_tick(journal, &journal->vote.retry)) journal_write_vote(journal);
    if (journal->state == JOURNAL_RECOVERING) {
        recovery_tick(journal);
        return;
    }
    journal_retry_tick(journal, &journal->creation.retry); /* The next request tries again. */
    journal_retry_tick(journal, &journal->clearing.retry);
    writer_tick(journal);
}

static uint64_t retry_deadline_us(const struct journal_retry *retry) {
    return retry->is_due_later ? retry->at_us : UINT64_MAX;
}

uint64_t journal_deadline_us(const struct journal *journal) {
    bool is_recovering = journal->state == JOURNAL_RECOVERING;
    if (journal->state != JOURNAL_READY && !is_recovering) return UINT64_MAX;
    uint64_t deadlines[] = {
        is_recovering ? UINT64_MAX : writer_deadline_us(journal),
        retry_deadline_us(&journal->vote.retry),
        is_recovering ? UINT64_MAX : retry_deadline_us(&journal->clearing.retry),
        retry_deadline_us(is_recovering ? &journal->recovery.retry : &journal->creation.retry)};
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < COUNT_OF(deadlines); i++)
        if (deadlines[i] < first) first = deadlines[i];
    return first;
}

/* --- looking at it -------------------------------------------------------------------------- */

enum journal_state journal_state(const struct journal *journal) {
    return journal->state;
}

enum error journal_error(const struct journal *journal) {
    return journal->error;
}

const char *journal_problem(const struct journal *journal) {
    return journal->problem;
}

const char *journal_notice(const struct journal *journal) {
    return journal->notice;
}

bool journal_vote_is_lost(const struct journal *journal) {
    return journal->vote.is_lost;
}

struct raft_hard_state journal_hard_state(const struct journal *journal) {
    return journal->vote.state;
}

uint64_t journal_last_index(const struct journal *journal) {
    return journal->shape.last_index;
}

struct journal_figures journal_figures(const struct journal *journal) {
    struct journal_figures figures = journal->figures;
    uint32_t made = journal_segments_made(journal);
    for (uint32_t i = journal->first; i < made; i++)
        figures.segments += !journal->segments[i].is_void;
    figures.spare_segments =
        made > journal->writer.segment ? made - journal->writer.segment - 1 : 0;
    return figures;
}

void journal_check(const struct journal *journal) {
    const struct journal_writer *writer = &journal->writer;
    CHECK(writer->in_flight <= journal->config.writes_max);
    CHECK(writer->synced_number <= writer->written_number);
    CHECK(writer->persisted <= writer->persist_last);
    CHECK(journal->vote.version_durable <= journal->vote.version_open);
    CHECK(journal->vote.version_open <= journal->vote.version);
    if (journal->state != JOURNAL_READY) return;
    CHECK(writer->written_number < writer->number);
    CHECK(writer->segment < journal->segment_count);
    CHECK(writer->offset <= journal->segments[writer->segment].size);
    for (uint32_t i = 0; i < journal->segment_count; i++) {
        const struct journal_segment *segment = &journal->segments[i];
        CHECK(segment->sequence == journal->origin + i);
        if (segment->is_void) CHECK(i < writer->segment);
        if (i < journal->first) CHECK(segment->is_void);
        if (segment->is_void) continue;
        CHECK(i >= journal->first);
        if (i < writer->segment) CHECK(segment->first_number != 0);
        if (i > writer->segment) CHECK(segment->first_number == 0);
        if (i > journal->first && segment->exists) CHECK(segment[-1].exists || segment[-1].is_void);
    }
    CHECK(journal->start.index <= journal->shape.last_index);
    uint32_t in_flight = 0;
    for (const struct journal_write *write = writer->first; write != writer->waiting;
         write = write->next)
        in_flight++;
    CHECK(in_flight == writer->in_flight);
}
