/* journal_fetch.c: entries that memory no longer has, for a peer that is far behind.
 *
 * Each fetch has its own reader: it starts at the nearest point before the entry that precedes the
 * first one asked for, walks the records up to what is written, skips what was cut, and ends when
 * enough is gathered. */
#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "raft/journal_parts.h"

struct journal_fetch {
    struct journal_fetch *next;
    struct raft_fetch asked;
    bool is_dropped; /* its READ is still open; the result is wanted no more */
    bool is_done, begins_again;
    uint64_t last_number; /* written when it began: later records may be missing in its READs */
    struct journal_reader reader;

    struct log_position previous;
    uint64_t next_index; /* of the entry that comes next: from - 1 at first */
    struct buffer partial;
    struct log_place partial_place;
    bool has_partial;

    struct chunk *store;
    struct entry *entries;
    uint32_t entry_count, entry_capacity;
    size_t entry_bytes;
    enum error error;
};

static void fetch_clear_entries(struct journal_fetch *fetch) {
    for (uint32_t i = 0; i < fetch->entry_count; i++)
        chunk_release(fetch->entries[i].chunk);
    fetch->entry_count = 0;
    fetch->entry_bytes = 0;
}

static void fetch_destroy(struct journal_fetch *fetch) {
    if (fetch == NULL) return;
    fetch_clear_entries(fetch);
    chunk_release(fetch->store);
    memory_release(fetch->entries);
    buffer_clear(&fetch->partial);
    reader_clear(&fetch->reader);
    memory_release(fetch);
}

static void fetch_finish(struct journal_fetch *fetch, enum error error) {
    fetch->is_done = true;
    fetch->error = error;
    if (error != ERROR_NONE) fetch_clear_entries(fetch);
}

static void fetch_add(struct journal_fetch *fetch, struct bytes image) {
    if (fetch->entry_count == fetch->entry_capacity) {
        fetch->entry_capacity = fetch->entry_capacity * 2 + 16;
        fetch->entries =
            memory_resize(fetch->entries, fetch->entry_capacity * sizeof(*fetch->entries));
    }
    fetch->entries[fetch->entry_count++] = journal_store(&fetch->store, image);
    fetch->entry_bytes += image.size;
}

/* False: the fetch is finished. */
static bool fetch_image(struct journal *journal, struct journal_fetch *fetch, struct bytes image,
                        uint64_t number) {
    uint64_t index = entry_index(image.data);
    if (index < fetch->next_index || log_shape_is_void(&journal->shape, number, index)) return true;
    if (entry_validate(image) != ERROR_NONE || index != fetch->next_index) {
        fetch_finish(fetch, ERROR_DAMAGED);
        return false;
    }
    fetch->next_index++;
    if (index < fetch->asked.from) {
        fetch->previous =
            (struct log_position){.term = entry_term(image.data), .hash = entry_hash(image.data)};
        return true;
    }
    if (fetch->entry_count > 0 && fetch->entry_bytes + image.size > fetch->asked.bytes_max) {
        fetch_finish(fetch, ERROR_NONE);
        return false;
    }
    fetch_add(fetch, image);
    if (fetch->entry_bytes < fetch->asked.bytes_max) return true;
    fetch_finish(fetch, ERROR_NONE);
    return false;
}

static bool fetch_record(struct journal *journal, struct journal_fetch *fetch,
                         const struct record *record) {
    switch (record->type) {
    case RECORD_MARK:
        return true;
    case RECORD_CUT:
        fetch->has_partial = false;
        return true;
    case RECORD_ENTRY:
        fetch->has_partial = false;
        return fetch_image(journal, fetch, record->payload, record->number);
    case RECORD_FIRST:
        fetch->partial.size = 0;
        fetch->partial_place.number = record->number;
        fetch->has_partial = true;
        break;
    default:
        break;
    }
    if (!fetch->has_partial) return true; /* The walk began in the middle of an entry. */
    buffer_append_bytes(&fetch->partial, record->payload);
    if (record->type != RECORD_LAST) return true;
    fetch->has_partial = false;
    struct bytes image = buffer_bytes(&fetch->partial);
    bool goes_on = fetch_image(journal, fetch, image, fetch->partial_place.number);
    buffer_clear(&fetch->partial);
    return goes_on;
}

static void fetch_damaged(struct journal *journal, struct journal_fetch *fetch) {
    const struct journal_reader *reader = &fetch->reader;
    char name[DISK_NAME_SIZE];
    segment_name(name, journal->segments[reader->segment].sequence);
    snprintf(journal->problem, sizeof(journal->problem),
             "%s is damaged at offset %" PRIu64 ", before index %" PRIu64
             ": a record that was durable is no longer valid",
             name, reader_offset(reader), fetch->next_index);
    fetch_finish(fetch, ERROR_DAMAGED);
}

/* Goes on until it has to wait or is finished. */
static void fetch_walk(struct journal *journal, struct journal_fetch *fetch) {
    struct journal_reader *reader = &fetch->reader;
    for (;;) {
        if (reader->number > fetch->last_number) {
            fetch_finish(fetch, fetch->entry_count > 0 ? ERROR_NONE : ERROR_NOT_FOUND);
            return;
        }
        struct record record;
        struct journal_reader_end end;
        switch (reader_next(journal, reader, &record, &end)) {
        case JOURNAL_READER_WAIT:
            return;
        case JOURNAL_READER_END:
            fetch_damaged(journal, fetch);
            return;
        case JOURNAL_READER_RECORD:
            break;
        }
        if (fetch_record(journal, fetch, &record)) continue;
        if (fetch->error == ERROR_DAMAGED) {
            reader_step_back(reader, &record);
            fetch_damaged(journal, fetch);
        }
        return;
    }
}

static void fetch_start(struct journal *journal, struct journal_fetch *fetch) {
    uint64_t before = fetch->asked.from - 1;
    struct log_point point;
    fetch_clear_entries(fetch);
    fetch->is_done = fetch->begins_again = fetch->has_partial = false;
    fetch->last_number = journal->writer.written_number;
    fetch->previous =
        (struct log_position){.term = journal->start.term, .hash = journal->start.hash};
    fetch->next_index = before > journal->start.index ? before : fetch->asked.from;
    if (fetch->asked.from > journal->shape.last_index || before < journal->start.index ||
        !log_shape_point(&journal->shape, fetch->next_index, &point)) {
        fetch_finish(fetch, ERROR_NOT_FOUND);
        return;
    }
    reader_start(&fetch->reader, point.place);
    fetch_walk(journal, fetch);
}

void journal_fetch(struct journal *journal, const struct raft_fetch *asked) {
    CHECK(journal->state == JOURNAL_READY || journal->state == JOURNAL_FAILED);
    CHECK(asked->from > 0);
    struct journal_fetch **last = &journal->fetches.open;
    for (; *last != NULL; last = &(*last)->next)
        if ((*last)->asked.node == asked->node) (*last)->is_dropped = true;

    struct journal_fetch *fetch = memory_allocate_zeroed(sizeof(*fetch));
    fetch->asked = *asked;
    *last = fetch;
    fetch_start(journal, fetch);
}

void fetches_cut(struct journal *journal) {
    for (struct journal_fetch *fetch = journal->fetches.open; fetch != NULL; fetch = fetch->next) {
        if (fetch->is_dropped) continue;
        if (!fetch->is_done) {
            fetch->begins_again = true; /* when its READ comes */
        } else if (fetch->error == ERROR_NONE) {
            fetch_start(journal, fetch);
        }
    }
}

void fetches_compacted(struct journal *journal) {
    for (struct journal_fetch *fetch = journal->fetches.open; fetch != NULL; fetch = fetch->next)
        if (!fetch->is_done && fetch->reader.segment < journal->first) fetch->begins_again = true;
}

const struct disk_request *fetches_next_request(struct journal *journal) {
    for (struct journal_fetch *fetch = journal->fetches.open; fetch != NULL; fetch = fetch->next) {
        if (fetch->is_dropped) continue;
        const struct disk_request *request = journal_take(&fetch->reader.request);
        if (request != NULL) return request;
    }
    return NULL;
}

void fetches_completed(struct journal *journal, const struct disk_completion *completion) {
    struct journal_fetch *fetch = journal->fetches.open;
    while (fetch != NULL && !(fetch->reader.request.is_open &&
                              fetch->reader.request.call.number == completion->number))
        fetch = fetch->next;
    CHECK(fetch != NULL);
    enum error error = reader_completed(&fetch->reader, completion);
    if (fetch->is_dropped) return;
    if (fetch->begins_again) { /* The file may be gone. */
        fetch_start(journal, fetch);
    } else if (error != ERROR_NONE) {
        snprintf(journal->problem, sizeof(journal->problem), "%s cannot be read: %s",
                 fetch->reader.request.call.name, error_text(error));
        /* A file that is gone, or too short, is as lost as what stood in it. */
        fetch_finish(fetch, error == ERROR_IO ? ERROR_IO : ERROR_DAMAGED);
    } else {
        fetch_walk(journal, fetch);
    }
}

static bool can_go(const struct journal_fetch *fetch) {
    if (fetch->reader.request.is_open) return false;
    return fetch->is_done || fetch->is_dropped;
}

bool journal_fetched(struct journal *journal, struct journal_fetched *fetched) {
    struct journal_fetches *fetches = &journal->fetches;
    fetch_destroy(fetches->lent);
    fetches->lent = NULL;
    for (struct journal_fetch **at = &fetches->open; *at != NULL;) {
        struct journal_fetch *fetch = *at;
        if (!can_go(fetch)) {
            at = &fetch->next;
            continue;
        }
        *at = fetch->next;
        if (fetch->is_dropped) {
            fetch_destroy(fetch);
            continue;
        }
        fetches->lent = fetch;
        *fetched = (struct journal_fetched){.node = fetch->asked.node,
                                            .from = fetch->asked.from,
                                            .error = fetch->error,
                                            .previous_term = fetch->previous.term,
                                            .previous_hash = fetch->previous.hash,
                                            .entries = fetch->entries,
                                            .entry_count = fetch->entry_count,
                                            .reached = fetch->next_index};
        return true;
    }
    return false;
}

void fetches_clear(struct journal *journal) {
    struct journal_fetches *fetches = &journal->fetches;
    fetch_destroy(fetches->lent);
    while (fetches->open != NULL) {
        struct journal_fetch *next = fetches->open->next;
        fetch_destroy(fetches->open);
        fetches->open = next;
    }
    *fetches = (struct journal_fetches){0};
}
