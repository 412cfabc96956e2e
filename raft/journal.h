/* journal.h: the log and the vote of one node on its disk (SAFETY 7, 8, 10, 11, 15, 29).
 *
 * Pure: the journal asks for disk calls (disk.h) and learns of their completion; it knows no file
 * and no clock. The driver's loop, at start and for ever after:
 *
 *     while ((request = journal_next_request(journal)) != NULL) hand it to the disk
 *     for each completion of the disk: journal_completed(journal, &completion)
 *     journal_tick(journal, now)          once a turn of the loop, and at journal_deadline_us()
 *
 * Starting: journal_create() begins the recovery. While JOURNAL_RECOVERING the driver also pulls
 * journal_recovered() until it gives nothing; memory stays bounded, whatever the size of the log.
 * Then the state is JOURNAL_READY; or JOURNAL_DAMAGED: what was given out is the good prefix of a
 * log that has lost something; or JOURNAL_REFUSED: foreign or newer data, or none that can be read.
 * The text names file, offset and index, nothing was changed, and the node must not take part. Out
 * of DAMAGED there is a way: journal_salvage() or journal_restart(), and a leader that supplies
 * anew. A lost vote is no obstacle here: journal_vote_is_lost().
 * In an empty directory the journal founds itself: vote file first, then the first segment.
 *
 * Files: `vote` and `vote.copy` (term and vote, replaced as a whole, one after the other) and the
 * segments `log-0000000001`, … (segment.h, record.h), of which the oldest go when a snapshot covers
 * them (journal_compact()); `damaged-log-…`: set aside for whoever wants to look. Segments grow
 * from segment_size_min to segment_size_max, each twice the one before, so that a small node stays
 * small and a new one is ready at once.
 *
 * Ownership: the journal holds the chunks of what it was given until it is durable. Entries that it
 * gives out are lent until the next call of the same function; hold the chunk to keep one. */
#pragma once

#include "base/buffer.h"
#include "raft/disk.h"
#include "raft/entry.h"
#include "raft/raft.h"

#ifdef HAMOK_TINY_LIMITS
enum { JOURNAL_SEGMENT_SIZE_MIN = 4096, JOURNAL_SEGMENT_SIZE_MAX = 16384 };
#else
enum { JOURNAL_SEGMENT_SIZE_MIN = 1 << 20, JOURNAL_SEGMENT_SIZE_MAX = 64 << 20 };
#endif

enum journal_sync {
    JOURNAL_SYNC_ALWAYS,   /* persisted means: survives a loss of power */
    JOURNAL_SYNC_EVERYSEC, /* persisted means: handed to the kernel; synced once a second */
    JOURNAL_SYNC_NEVER,    /* … synced when a segment ends, at idleness and at a clean stop */
};

enum { JOURNAL_ID_SIZE = 16 };

struct journal_config {
    char cluster[JOURNAL_ID_SIZE], node[JOURNAL_ID_SIZE]; /* another's files are refused */
    uint64_t seed;                                        /* of the salts; fresh at each start */
    uint64_t base_hash;                                   /* the entry hash before index 1 */
    uint32_t segment_size_min, segment_size_max;          /* 0: the limits above */
    uint32_t fragment_size; /* larger entries are stored in pieces; 0: CHUNK_SIZE */
    uint32_t write_size;    /* of one APPEND, about; 0: four times CHUNK_SIZE */
    uint32_t writes_max;    /* APPENDs in flight; 0: two */
    enum journal_sync sync;
    bool has_log;     /* it was READY once: a directory without vote or log is damage */
    uint32_t planted; /* bits of enum journal_planted; tests only */
    /* The newest durable snapshot ends here: a log that begins behind it is damage. 0: none. */
    uint64_t snapshot_index;
};

enum journal_state {
    JOURNAL_RECOVERING,
    JOURNAL_READY,
    JOURNAL_CLOSED,  /* after journal_close(), once all is durable */
    JOURNAL_DAMAGED, /* the recovery met damage in the log; the entries before it were given out */
    JOURNAL_REFUSED, /* the recovery found what it must not use */
    JOURNAL_FAILED,  /* a write or sync failed: what is on the disk is unknown; end the process */
};

struct journal; /* Opaque: its fields live in journal_parts.h. */

struct journal *journal_create(const struct journal_config *config);
/* NULL is allowed. No disk request may be open any more (or its disk is gone for good). */
void journal_destroy(struct journal *journal);

/* --- the disk ------------------------------------------------------------------------------- */

/* The next disk call to carry out, or NULL. Lent until the next call of any function here; what it
 * points to stays until its completion. */
const struct disk_request *journal_next_request(struct journal *journal);
void journal_completed(struct journal *journal, const struct disk_completion *completion);

/* Tells the time: writes a durable mark 10 ms after the last write, tries again to make a segment
 * that the full disk refused. */
void journal_tick(struct journal *journal, uint64_t now_us);
/* When the next tick is due; UINT64_MAX: whenever something else happens. */
uint64_t journal_deadline_us(const struct journal *journal);

enum journal_state journal_state(const struct journal *journal);
/* Why it is DAMAGED, REFUSED (DAMAGED, FOREIGN, VERSION, IO, DISK_FULL) or FAILED (IO, DISK_FULL).
 */
enum error journal_error(const struct journal *journal);
/* One line about it, or about the last damage that a fetch met; empty if there is nothing to say.
 */
const char *journal_problem(const struct journal *journal);

/* One line about what the recovery has met and the node can go on with: a damaged copy of the vote,
 * or a vote that is lost. Empty: nothing. */
const char *journal_notice(const struct journal *journal);

/* --- recovery ------------------------------------------------------------------------------- */

/* The next entry of the log, in order, verified and never cut by a later record. *committed: known
 * to be so when the node stopped. False: nothing yet (go on driving), or no more (READY). */
bool journal_recovered(struct journal *journal, struct entry *entry, bool *committed);

/* Bytes of log read so far, and about how many there are. */
struct journal_progress {
    uint64_t done_bytes, total_bytes;
};
struct journal_progress journal_progress(const struct journal *journal);

/* From READY on: */
struct raft_hard_state journal_hard_state(const struct journal *journal); /* as last persisted */
/* Both copies of the vote file are damaged or missing, or it is older than the log: the hard state
 * is only a lower bound of what this node has said. Until another one is persisted; durable. */
bool journal_vote_is_lost(const struct journal *journal);
/* The highest index known to be committed at the last stop; never above the last entry. */
uint64_t journal_recovered_commit(const struct journal *journal);
/* False after a kill or a loss of power (SAFETY 14): then something may be missing at the log's end
 * if it was not synced always. True in an empty directory. */
bool journal_was_closed(const struct journal *journal);
/* Bytes of a torn tail that were cut off; 0: none. */
uint64_t journal_torn_bytes(const struct journal *journal);

/* --- beginning anew ------------------------------------------------------------------------- */

/* What the log begins behind: index 0, or what journal_compact() left, or a restart's position.
 * From the first recovered entry, or READY, on. */
struct raft_position journal_start(const struct journal *journal);

/* DAMAGED: the log goes on behind the good prefix; what stood behind it is set aside. RECOVERING
 * until the prefix is synced, then READY, and damaged. False, and nothing is done: no prefix
 * reaches from the snapshot (or index 0) on to where the snapshot ends, or beyond; restart. */
bool journal_salvage(struct journal *journal) MUST_USE;

/* All entries are void; the log goes on behind this position. From DAMAGED: RECOVERING, then READY
 * and damaged; what there was is set aside. READY: at once, before anything else is persisted (for
 * a snapshot beyond the log, or against it); what there was is removed, once no loss of power can
 * bring it back. A term that the vote file does not know yet is known from now on, without a vote.
 * Whatever is persisted later is durable only together with this. */
void journal_restart(struct journal *journal, const struct raft_position *position);

/* Entries were lost that may have been acknowledged (SAFETY 11): durable, as every mark says so. */
bool journal_is_damaged(const struct journal *journal);
/* READY: it has turned out only now. */
void journal_damaged(struct journal *journal);
/* Whether a start might find damage still: the newest mark on the disk says so, or what was given
 * up stands before the log's end there, or a vote is on its way. For the moment that a cut or a
 * vote takes it is true of a sound log, too: to be asked where there was damage. */
bool journal_is_marked_damaged(const struct journal *journal);
/* The log says so durably: whatever else becomes of the directory, the next start knows. */
bool journal_tells_of_damage(const struct journal *journal);
/* All that was lost has been persisted again: marks from now on say so. */
void journal_repaired(struct journal *journal);

/* --- READY: writing ------------------------------------------------------------------------- */

/* Takes a persist request (its number above all before): hard state, restart or cut, entries. After
 * a restart the commit index is its base at least, and the old segments go once it is durable. */
void journal_persist(struct journal *journal, const struct raft_persist *persist);
/* The highest persist number that is durable together with all before it. */
uint64_t journal_persisted(const struct journal *journal);
/* Counts what the disk has finished of writing, also parts of a large persist request and new
 * segments for it: while it rises the disk works. */
uint64_t journal_finished(const struct journal *journal);

/* The commit index, for the next mark: of entries that were persisted here, whose cut and content
 * have to be those that are committed. Never falls; entries up to it are never cut. */
void journal_commit(struct journal *journal, uint64_t commit_index);

/* A durable snapshot holds all up to this index: whole segments that end before it are removed,
 * oldest first, so that a crash leaves no gap. Not beyond the commit index. journal_start() tells
 * at once what is left; fetches before it give NOT_FOUND. */
void journal_compact(struct journal *journal, uint64_t index);

/* For journal_compact(): as far as the log may be cut if its newest segments, `bytes` of them at
 * least, are to stay. */
uint64_t journal_index_before(const struct journal *journal, uint64_t bytes);

uint64_t journal_last_index(const struct journal *journal); /* written or queued */
/* Bytes of the segments that hold the log: what compaction is to keep small. */
uint64_t journal_log_bytes(const struct journal *journal);
/* Bytes queued or in flight. The core sees to it that they do not become too many: what it commits
 * waits for them then. */
uint64_t journal_queued_bytes(const struct journal *journal);
/* True while the disk has no room for the next segment and only the two in reserve are left: refuse
 * client batches, keep proposing the node's own entries (SAFETY 15). */
bool journal_is_full(const struct journal *journal);
/* And of the reserve nothing is left but the rest of the segment in use. */
bool journal_is_exhausted(const struct journal *journal);

/* How persisting is to be understood from now on (appendfsync set at run time). */
void journal_set_sync(struct journal *journal, enum journal_sync sync);
/* All that was written while it was not synced always has been synced since. */
bool journal_is_synced(const struct journal *journal);

/* A clean stop: whatever is queued, then a last mark; CLOSED when done. Nothing may be persisted
 * afterwards. */
void journal_close(struct journal *journal);

/* --- READY: reading old entries ------------------------------------------------------------- */

/* Reads entries from index `from` on: as many as fit bytes_max, one at least. One open per node: a
 * newer one takes the place of the older. */
void journal_fetch(struct journal *journal, const struct raft_fetch *fetch);

struct journal_fetched {
    uint32_t node;
    uint64_t from;
    enum error error;                      /* NOT_FOUND: not in the log (any more); DAMAGED, IO */
    uint64_t previous_term, previous_hash; /* of entry from - 1 */
    const struct entry *entries;
    uint32_t entry_count;
    uint64_t reached; /* the index that would have come next: of what is damaged, on an error */
};
/* The next finished fetch; lent until the next call. */
bool journal_fetched(struct journal *journal, struct journal_fetched *fetched);

/* Figures for INFO and tests. */
struct journal_figures {
    uint64_t segments, spare_segments, appends, append_bytes, marks, cuts, fragments;
    uint64_t removed, set_aside; /* segments */
};
struct journal_figures journal_figures(const struct journal *journal);

/* Costly walk of the invariants: in tests. */
void journal_check(const struct journal *journal);
