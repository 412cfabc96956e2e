/* segment.h: the header of a log file, its name, and the vote file.
 *
 * A segment is made whole before it is used (disk.h, CREATE): header, then zeros. So its header
 * is never torn: one that fails is damage, or from a newer version, or another's. The log record
 * that a segment continues stands in its first MARK (record.h). Fields of the 512 bytes:
 *
 *   offset  size  field                          offset  size  field
 *        0     8  "HAMOKLOG"                         32    16  node
 *        8     4  format (1)                         48     8  sequence, from 1
 *       12     4  header size (512)                  56     8  salt
 *       16    16  cluster                            64     8  size of the file
 *                                                   504     8  checksum of the 504 bytes before
 *
 * The vote file (80 bytes) begins like it, with "HAMOKVOT" and its own size, then has term (8),
 * voted for (4), zeros, checksum (8). It stands there twice, under two names. Format 2 is written
 * only while the vote is lost: behind voted for it has flags (4; 1: lost), and its term is a lower
 * bound; who knows format 1 only must not take it for a vote. In every later format magic, format,
 * header size and a checksum in the header's last 8 bytes stay where they are. */
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "raft/disk.h"

enum { SEGMENT_HEADER_SIZE = 512, VOTE_SIZE = 80, SEGMENT_ID_SIZE = 16, SEGMENT_FORMAT = 1 };
enum { VOTE_FORMAT = 2 };

/* Whose files these are. */
struct segment_owner {
    char cluster[SEGMENT_ID_SIZE], node[SEGMENT_ID_SIZE];
};

struct segment_header {
    uint64_t sequence, salt, size;
};

void segment_header_write(char *header, const struct segment_owner *owner,
                          const struct segment_header *fields);
/* TRUNCATED, MALFORMED, CHECKSUM (all damage), VERSION or FOREIGN. */
enum error segment_header_read(struct bytes bytes, const struct segment_owner *owner,
                               struct segment_header *fields) MUST_USE;

/* "log-0000000001" of sequence 1, and back. */
void segment_name(char name[DISK_NAME_SIZE], uint64_t sequence);
bool segment_name_read(const char *name, uint64_t *sequence);

#define VOTE_NAME "vote"
#define VOTE_COPY_NAME "vote.copy"

struct vote {
    uint64_t term;
    uint32_t voted_for;
    bool is_lost; /* what stood here before could not be read: it may have been of a later term */
};
void vote_write(char *file, const struct segment_owner *owner, struct vote vote);
enum error vote_read(struct bytes file, const struct segment_owner *owner,
                     struct vote *vote) MUST_USE;
