/* journal_parts.h: the insides of a journal, shared by its own files only:
 *
 *   journal_requests.c  life, requests and completions, vote file, creation of segments
 *   journal_writer.c    persist requests to records, records to APPENDs, marks
 *   journal_reader.c    records out of segments, through a window that READs fill
 *   journal_recovery.c  the start: replay, torn tail or damage
 *   journal_fetch.c     old entries for slow peers
 *   journal_clearing.c  compaction; segments that are void leave the directory */
#pragma once

#include "base/random.h"
#include "raft/journal.h"
#include "raft/log_shape.h"
#include "raft/record.h"
#include "raft/segment.h"

enum {
    JOURNAL_READ_SIZE = CHUNK_SIZE,
    JOURNAL_SPARES = 3,                        /* the next segment and two in reserve (SAFETY 15) */
    JOURNAL_PIECE_MIN = 2 * ENTRY_HEADER_SIZE, /* of a large entry: the first holds its header */
    JOURNAL_MARK_US = 10 * 1000,
    JOURNAL_SYNC_US = 1000 * 1000,
    JOURNAL_RETRY_US = 1000 * 1000,
};

/* The low bits of a request's number say whose completion it is. */
enum journal_request_kind {
    JOURNAL_REQUEST_RECOVERY,
    JOURNAL_REQUEST_VOTE,
    JOURNAL_REQUEST_CREATE,
    JOURNAL_REQUEST_WRITE,
    JOURNAL_REQUEST_FETCH,
    JOURNAL_REQUEST_CLEAR,
    JOURNAL_REQUEST_KINDS = 8,
};

struct journal_request {
    struct disk_request call;
    bool is_wanted, is_open;
};

struct journal_segment {
    uint64_t sequence, salt, size;
    uint64_t first_number; /* of its first record; 0: unused */
    bool exists;           /* false: planned or being made */
    /* In use: the log it continues, as far as no cut behind it goes deeper; and whether the log may
     * begin here: not in the middle of an entry. */
    struct raft_position before;
    bool can_start;
    bool is_void, is_set_aside; /* no part of the log any more: on its way out, or gone */
    bool is_gone;               /* and it will not be made again */
    /* Found in its header by the recovery. */
    uint8_t flags; /* of its first mark */
    enum error head_error;
    uint64_t told_size;
};

/* --- reader --------------------------------------------------------------------------------- */

struct journal_reader {
    uint32_t segment;
    uint64_t number; /* of the record that comes next */
    uint64_t offset; /* in the file, of window.data[0] */
    size_t at;       /* in the window: where that record begins */
    struct buffer window;
    struct journal_request request;
};

enum journal_reader_status {
    JOURNAL_READER_RECORD, /* lent until the next call; the reader stands behind it */
    JOURNAL_READER_WAIT,   /* a READ is wanted or open */
    JOURNAL_READER_END,    /* no valid record with this number here */
};

/* How the last record failed, and whether it may have been torn. */
struct journal_reader_end {
    enum record_status status;
    bool has_blank_sector;
};

void reader_start(struct journal_reader *reader, struct log_place place);
void reader_clear(struct journal_reader *reader);
/* Where the next record begins. */
static inline uint64_t reader_offset(const struct journal_reader *reader) {
    return reader->offset + reader->at;
}
enum journal_reader_status reader_next(struct journal *journal, struct journal_reader *reader,
                                       struct record *record, struct journal_reader_end *end);
/* Steps back over the record just given: its payload proved bad. */
void reader_step_back(struct journal_reader *reader, const struct record *record);
/* Wants a READ of at least `size` bytes from the reader's place on; false at the file's end. */
bool reader_want(struct journal *journal, struct journal_reader *reader, size_t size);
/* Takes what the READ brought; an error if it failed or came short. */
enum error reader_completed(struct journal_reader *reader,
                            const struct disk_completion *completion);

/* --- writer --------------------------------------------------------------------------------- */

/* One APPEND: MARK, records. Queued, then in flight, then recycled. */
struct journal_write {
    struct journal_write *next;
    uint64_t ordinal; /* 1, 2, 3, … */
    struct log_place place;
    uint64_t size, last_number; /* last_number: of it or of what was before, if it is empty */
    uint64_t vote_version;      /* has to be durable before it starts */
    struct record_mark mark;
    char mark_record[RECORD_HEADER_SIZE + RECORD_MARK_SIZE];
    bool begins_segment, sync, is_empty, is_mark_only;
    struct buffer heads; /* headers and cuts, in order; spans without data point here in the end */
    struct bytes *spans;
    uint32_t span_count, span_capacity;
    struct chunk **chunks;
    uint32_t chunk_count, chunk_capacity;
    struct journal_request request;
};

struct journal_persist_mark {
    uint64_t number, vote_version, write_ordinal;
};

struct journal_writer {
    uint32_t segment; /* where the next record goes */
    uint64_t offset, number;
    uint64_t content_number; /* of the last record that is no mark */
    bool is_within_entry;    /* between its pieces */

    struct journal_write *first, *last; /* in flight, then queued */
    struct journal_write *waiting;      /* the first that is not in flight */
    struct journal_write *recycled;
    uint32_t in_flight;
    uint64_t ordinal, ordinal_done;
    uint64_t written_number, synced_number;
    uint64_t lax_number; /* those before it may have been written without a sync */
    uint64_t synced_us;
    uint64_t queued_bytes;

    uint64_t marked_number, marked_commit; /* what the last durable mark says */
    bool marked_damaged;
    uint64_t sealed_commit; /* in the mark written last */
    uint64_t rest_us;       /* since when nothing happened; UINT64_MAX: not yet */
    bool is_closing;

    /* Persist requests not yet durable: a ring as long as there are. */
    struct journal_persist_mark *persists;
    uint32_t persist_head, persist_count, persist_capacity;
    uint64_t persist_last, persisted;
};

/* The recovery found the log's end there. */
void writer_start(struct journal *journal, struct log_place place, uint64_t content_number,
                  const struct record_mark *mark);
void writer_clear(struct journal_writer *writer);
/* The log goes on in a new segment, whose mark has these flags: RESTART (behind the position) or
 * SALVAGE (behind its end). */
void writer_restart(struct journal *journal, const struct raft_position *position, uint8_t flags);
const struct disk_request *writer_next_request(struct journal *journal);
void writer_completed(struct journal *journal, const struct disk_completion *completion);
void writer_tick(struct journal *journal);
uint64_t writer_deadline_us(const struct journal *journal);
/* After a write or a vote: which persist requests are durable now? */
void writer_settle(struct journal *journal);

/* A call that the full disk refused, to be tried again. */
struct journal_retry {
    bool was_refused; /* until it succeeds, also while it is being tried again */
    bool is_due_later;
    uint64_t at_us; /* set by the first tick after the failure; 0: not yet */
};

/* --- recovery ------------------------------------------------------------------------------- */

enum journal_phase {
    JOURNAL_PHASE_LIST,
    JOURNAL_PHASE_VOTE,
    JOURNAL_PHASE_HEADS,
    JOURNAL_PHASE_REPLAY,
    JOURNAL_PHASE_TAIL,
    JOURNAL_PHASE_RENEW,
    JOURNAL_PHASE_SYNC,
    JOURNAL_PHASE_VOTE_AGAIN,
    JOURNAL_PHASE_FOUND_VOTE,
    JOURNAL_PHASE_FOUND_SEGMENT,
    JOURNAL_PHASE_DONE,
    JOURNAL_PHASE_DAMAGED, /* until what is held has been pulled; then it is the state */
};

enum { JOURNAL_VOTES = 2 }; /* equal copies of the vote file, of which one may be damaged */

struct journal_vote_read {
    bool exists;
    enum error error;
    struct vote vote;
};

/* How to go on from DAMAGED. */
struct journal_way {
    uint8_t flags; /* of the mark: RESTART, SALVAGE; 0: not damaged */
    struct raft_position position;
};

struct journal_recovery {
    enum journal_phase phase;
    struct journal_request request;
    char head[1024];
    struct bytes span;          /* RENEW: of the head */
    struct journal_retry retry; /* RENEW: there was no room */
    uint32_t segment;           /* HEADS, SYNC: which one */
    uint32_t bad_segment;       /* the first whose head is; UINT32_MAX: none */
    uint32_t vote;              /* VOTE: which copy */
    struct journal_vote_read votes[JOURNAL_VOTES];
    bool has_prefix; /* DAMAGED: the entries given out continue the snapshot, or are the first */
    struct journal_way way;

    struct journal_reader reader;
    struct buffer partial; /* pieces of a large entry */
    struct log_place partial_place;
    bool has_partial;
    struct chunk *store;

    /* Entries read and not yet pulled: a ring; the first `sure` of them are never cut. */
    struct entry *held;
    uint32_t held_head, held_count, held_capacity, sure_count;
    uint64_t sure_bytes;
    struct entry lent;

    struct record_mark mark; /* the last one met */
    uint64_t commit_index;
    uint64_t content_number;
    bool is_closed;

    struct log_place failed;
    struct journal_reader_end end;
    uint64_t nonzero_offset; /* behind the last byte in that segment that is not zero */
    bool spare_is_dirty;
    uint64_t torn_bytes;
    struct journal_progress progress;
};

const struct disk_request *recovery_next_request(struct journal *journal);
void recovery_start(struct journal *journal);
void recovery_clear(struct journal_recovery *recovery);
void recovery_completed(struct journal *journal, const struct disk_completion *completion);
void recovery_vote_completed(struct journal *journal);
void recovery_segment_completed(struct journal *journal, enum error error);
void recovery_tick(struct journal *journal);

/* --- fetch ---------------------------------------------------------------------------------- */

struct journal_fetch;

struct journal_fetches {
    struct journal_fetch *open;
    struct journal_fetch *lent;
};

void fetches_clear(struct journal *journal);
const struct disk_request *fetches_next_request(struct journal *journal);
void fetches_completed(struct journal *journal, const struct disk_completion *completion);
/* Entries above `after` are void from now on: begin again. */
void fetches_cut(struct journal *journal);
/* Segments were given up: who reads there begins again. What is finished stays. */
void fetches_compacted(struct journal *journal);

/* --- clearing ------------------------------------------------------------------------------- */

/* Void segments leave the directory, oldest first, once all records up to `number` are synced. */
struct journal_clearing {
    uint64_t number;
    uint32_t segment, pending; /* the one being cleared; how many are void and still there */
    struct journal_retry retry;
    struct journal_request request;
};

/* This segment is void. */
void journal_void_segment(struct journal *journal, uint32_t segment, bool is_set_aside);
/* The first segment behind this one that is not void, or their count. */
uint32_t journal_next_segment(const struct journal *journal, uint32_t segment);
/* The log was cut: where later segments begin to be of use. */
void journal_note_cut(struct journal *journal, const struct raft_position *after);
const struct disk_request *clearing_next_request(struct journal *journal);
void clearing_completed(struct journal *journal, const struct disk_completion *completion);

/* --- the whole ------------------------------------------------------------------------------ */

struct journal_vote {
    struct raft_hard_state state;
    bool is_lost;     /* the state is a lower bound */
    uint32_t writing; /* which copy: the second one once the first is durable */
    uint64_t version, version_open, version_durable; /* versions count up */
    char file[VOTE_SIZE];
    struct bytes span;
    struct journal_retry retry;
    struct journal_request request;
};

struct journal_creation {
    char header[SEGMENT_HEADER_SIZE];
    struct bytes span;
    uint32_t segment;
    struct journal_retry retry;
    struct journal_request request;
};

struct journal {
    struct journal_config config;
    struct segment_owner owner;
    struct random salts;
    enum journal_state state;
    enum error error;
    char problem[320], notice[200];
    uint64_t request_count;
    uint64_t now_us;
    uint64_t commit_index;

    struct journal_segment *segments; /* ascending by sequence, without a gap; void ones stay */
    uint64_t origin;                  /* the sequence of segments[0] */
    uint32_t segment_count, segment_capacity;
    uint32_t first; /* that is not void */
    struct raft_position start;
    bool is_damaged;
    struct log_shape shape;

    struct journal_vote vote;
    struct journal_creation creation;
    struct journal_writer writer;
    struct journal_recovery recovery;
    struct journal_fetches fetches;
    struct journal_clearing clearing;
    struct journal_figures figures;
    uint64_t finished; /* writes, vote files and segments */
};

/* Fills number and name and marks the request as wanted. */
void journal_want(struct journal *journal, struct journal_request *request,
                  enum journal_request_kind kind, const char *name);
/* The request if it is wanted: it is open from then on. */
const struct disk_request *journal_take(struct journal_request *request);

/* Ends in REFUSED or FAILED, with a line that says why. */
PRINTF_LIKE(4, 5)
void journal_stop(struct journal *journal, enum journal_state state, enum error error,
                  const char *format, ...);

/* "vote", "vote.copy". */
const char *journal_vote_name(uint32_t copy);
/* The recovery has met something that it could mend: only the first of it is told. */
PRINTF_LIKE(2, 3)
void journal_note(struct journal *journal, const char *format, ...);

/* True once: it is time to try again. */
bool journal_retry_tick(const struct journal *journal, struct journal_retry *retry);
/* A call was refused and waits a second: the text says why. */
void journal_note_refusal(struct journal *journal, struct journal_retry *retry, const char *name,
                          enum error error);
/* The place behind the last segment that is made. */
uint32_t journal_segments_made(const struct journal *journal);
/* Writes the vote file anew with the present state. */
void journal_write_vote(struct journal *journal);
/* Adds a segment behind the others; it is made when its turn comes. */
struct journal_segment *journal_plan_segment(struct journal *journal);
/* Adds one that is there. */
struct journal_segment *journal_add_segment(struct journal *journal);

/* Copies an image to where entries live, in *chunk or a new one put there. */
struct entry journal_store(struct chunk **chunk, struct bytes image);
