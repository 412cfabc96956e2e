/* journal_reader.c: one record after the other, from segment to segment.
 *
 * A segment ends where its successor's first record goes on by number: what stands behind that
 * was cut off as torn by an earlier recovery. */
#include <stdio.h>

#include "raft/journal_parts.h"

void reader_start(struct journal_reader *reader, struct log_place place) {
    CHECK(!reader->request.is_open && !reader->request.is_wanted);
    reader->segment = place.segment;
    reader->number = place.number;
    reader->offset = place.offset;
    reader->at = 0;
    reader->window.size = 0;
}

void reader_clear(struct journal_reader *reader) {
    buffer_clear(&reader->window);
}

bool reader_want(struct journal *journal, struct journal_reader *reader, size_t size) {
    buffer_consume(&reader->window, reader->at);
    reader->offset += reader->at;
    reader->at = 0;
    const struct journal_segment *segment = &journal->segments[reader->segment];
    uint64_t from = reader->offset + reader->window.size;
    if (reader->offset + size > segment->size || from >= segment->size) return false;

    uint64_t missing = size > reader->window.size ? size - reader->window.size : 1;
    uint64_t wanted = missing > JOURNAL_READ_SIZE ? missing : JOURNAL_READ_SIZE;
    if (wanted > segment->size - from) wanted = segment->size - from;
    reader->request.call = (struct disk_request){.call = DISK_READ,
                                                 .offset = from,
                                                 .size = wanted,
                                                 .into = buffer_reserve(&reader->window, wanted)};
    char name[DISK_NAME_SIZE];
    segment_name(name, segment->sequence);
    bool recovering = journal->state == JOURNAL_RECOVERING;
    journal_want(journal, &reader->request,
                 recovering ? JOURNAL_REQUEST_RECOVERY : JOURNAL_REQUEST_FETCH, name);
    return true;
}

enum error reader_completed(struct journal_reader *reader,
                            const struct disk_completion *completion) {
    CHECK(reader->request.is_open && reader->request.call.number == completion->number);
    reader->request.is_open = false;
    if (completion->error != ERROR_NONE) return completion->error;
    if (completion->size < reader->request.call.size) return ERROR_TRUNCATED;
    reader->window.size += completion->size;
    return ERROR_NONE;
}

static bool ends_here(const struct journal *journal, const struct journal_reader *reader) {
    uint32_t next = journal_next_segment(journal, reader->segment);
    return next < journal->segment_count && journal->segments[next].first_number == reader->number;
}

enum journal_reader_status reader_next(struct journal *journal, struct journal_reader *reader,
                                       struct record *record, struct journal_reader_end *end) {
    if (reader->request.is_open || reader->request.is_wanted) return JOURNAL_READER_WAIT;
    if (ends_here(journal, reader)) {
        reader_start(reader,
                     (struct log_place){.segment = journal_next_segment(journal, reader->segment),
                                        .offset = SEGMENT_HEADER_SIZE,
                                        .number = reader->number});
    }
    const struct journal_segment *segment = &journal->segments[reader->segment];
    *end = (struct journal_reader_end){.status = RECORD_BLANK, .has_blank_sector = true};
    if (segment->size - reader_offset(reader) < RECORD_HEADER_SIZE) return JOURNAL_READER_END;

    struct bytes window = bytes_slice(buffer_bytes(&reader->window), reader->at, SIZE_MAX);
    struct record_place place = {.salt = segment->salt, .offset = reader_offset(reader)};
    end->status = record_read(window, place, reader->number, record);
    if (end->status == RECORD_NEED_MORE) {
        if (reader_want(journal, reader, record->size)) return JOURNAL_READER_WAIT;
        end->status = RECORD_BAD_HEADER; /* It claims more than the file has. */
        window = buffer_bytes(&reader->window);
        record->size = RECORD_HEADER_SIZE;
    }
    if (end->status == RECORD_OK) {
        reader->number++;
        reader->at += record->size;
        return JOURNAL_READER_RECORD;
    }
    end->has_blank_sector =
        record_has_blank_sector(bytes_slice(window, 0, record->size), place.offset);
    return JOURNAL_READER_END;
}

void reader_step_back(struct journal_reader *reader, const struct record *record) {
    CHECK(reader->at >= record->size);
    reader->number--;
    reader->at -= record->size;
}
