/* record.h: one record of a segment.
 *
 * A segment is a row of records without gaps, then zeros. A record is a header of 32 bytes,
 * little-endian, and its payload:
 *
 *   offset  size  field
 *        0     8  checksum: XXH3 of the 24 bytes behind it, keyed with salt and place
 *        8     8  check: XXH3 of the payload; of an ENTRY only of its header, which names the
 *                 hash of the body (so that writing does not hash a body again)
 *       16     8  number: of this record, counted through all segments from 1
 *       24     4  payload size
 *       28     4  type
 *
 * Types are numbers with no zero byte, and a MARK ends in one: so no part of a header or a mark
 * that lies in a sector of its own looks as if it had never been written.
 *
 * The checksum is keyed with the segment's random salt and the record's offset: neither what an
 * earlier segment left behind nor a copy of a record elsewhere is ever taken for one (SAFETY 10).
 *
 *   MARK           heads every write: what was durable before it, and the log it continues
 *   CUT            entries above an index are void from here on
 *   ENTRY          an entry's image (entry.h)
 *   FIRST .. LAST  the pieces of the image of a large entry; the first holds its header whole.
 *                  Marks may stand between them. Pieces without a LAST are void. */
#pragma once

#include "base/bytes.h"

enum {
    RECORD_HEADER_SIZE = 32,
    RECORD_MARK_SIZE = 48, /* payload */
    RECORD_CUT_SIZE = 24,  /* payload */
    RECORD_SECTOR_SIZE = 512
};

enum record_type {
    RECORD_MARK = 0x4b52414d, /* "MARK" */
    RECORD_CUT = 0x21545543,  /* "CUT!" */
    RECORD_ENTRY = 0x59544e45,
    RECORD_FIRST = 0x54535246,
    RECORD_MIDDLE = 0x4c44444d,
    RECORD_LAST = 0x5453414c,
};

/* Where a record stands: what its checksum is keyed with. */
struct record_place {
    uint64_t salt, offset; /* offset in the file */
};

struct record {
    enum record_type type;
    uint64_t number;
    struct bytes payload;
    size_t size; /* header and payload */
};

/* Writes the header of a record whose payload stands elsewhere. */
void record_header_write(char *header, struct record_place place, enum record_type type,
                         uint64_t number, struct bytes payload);

enum record_status {
    RECORD_OK,
    RECORD_NEED_MORE, /* record->size: how many bytes are needed, header included */
    RECORD_BLANK,     /* 32 zeros: nothing was written here */
    RECORD_BAD_HEADER,
    RECORD_BAD_PAYLOAD, /* record->size is known */
};

/* Reads the record at the window's start; it has to have this number. The payload is lent from the
 * window. An ENTRY's body is not hashed: entry_validate() does that. */
enum record_status record_read(struct bytes window, struct record_place place, uint64_t number,
                               struct record *record);

/* --- payloads ------------------------------------------------------------------------------- */

/* Flags. The last three stand in the first mark of a segment only. */
enum {
    RECORD_MARK_CLOSED = 1,  /* a clean stop */
    RECORD_MARK_DAMAGED = 2, /* entries were lost that may have been acknowledged */
    RECORD_MARK_RESTART = 4, /* all segments before are void: the log begins behind last_index */
    RECORD_MARK_SALVAGE = 8, /* of those before only records with lower numbers are left */
    RECORD_MARK_WITHIN = 16, /* between the pieces of an entry: no log can begin here */
};

struct record_mark {
    uint64_t durable_number; /* all records up to it were synced when this one was written */
    uint64_t commit_index;
    uint64_t last_index, last_term, last_hash; /* of the log before this record */
    uint8_t flags;
    uint32_t segments; /* the last one on the disk, spares included; low 24 bits; 0: not told */
};
void record_mark_write(char *payload, const struct record_mark *mark);
void record_mark_read(const char *payload, struct record_mark *mark);

struct record_cut {
    uint64_t after; /* the last index that stays, with its term and hash */
    uint64_t term, hash;
};
void record_cut_write(char *payload, const struct record_cut *cut);
void record_cut_read(const char *payload, struct record_cut *cut);

/* --- behind a failing record ---------------------------------------------------------------- */

/* The first valid MARK in the window, whatever stands around it: its position, or window.size.
 * `place` is the window's start. */
size_t record_find_mark(struct bytes window, struct record_place place, struct record_mark *mark);

/* True if one of the sectors that these bytes at `offset` of the file touch got none of them: what
 * they cover of it is zero. */
bool record_has_blank_sector(struct bytes bytes, uint64_t offset);

/* The position of the last byte that is not zero, plus one; 0: all are zero. */
size_t record_nonzero_size(struct bytes bytes);
