/* batch.h: many clients' commands as the body of one log entry.
 *
 * A batch is written once, straight into a chunk, behind the room for its entry header, so that a
 * command's bytes are copied from the query buffer to the place from which disk, peers and apply
 * read them. The body is a row of command records (little-endian, no padding):
 *
 *   offset  size  field
 *        0     4  size of the record
 *        4     2  command id; 0: cancelled (its client went away before the batch was sealed)
 *        6     1  db
 *        7     1  flags: protocol (2 or 3) | enum command_record_flag
 *        8     8  client
 *       16     4  user
 *       20     4  arguments behind the name; GROUP: how many records the group has
 *       24   4*n  their sizes
 *              …  their bytes, one after the other
 *
 * The name is not stored: args[0] of a decoded record is the row's name.
 *
 * A batch that its origin gave up has a body of no records (SAFETY 18).
 *
 * Ownership: a batch owns references on its chunks and its slots; slots lend sessions. */
#pragma once

#include "raft/entry.h"
#include "storages/command.h"

enum { COMMAND_RECORD_SIZE = 24 };

enum command_record_flag {
    RECORD_PROTOCOL = 3,      /* mask */
    RECORD_GROUP = 1 << 2,    /* EXEC: an atomic group of records follows */
    RECORD_IN_GROUP = 1 << 3, /* part of the group before it */
    RECORD_SILENT = 1 << 4,   /* CLIENT REPLY OFF or SKIP */
    RECORD_OWED = 1 << 5,     /* CLIENT_GONE: earlier batches know the client as a subscriber */
};

/* What a data entry is to the replica: the low byte of the header's flags. */
enum replica_entry_kind {
    REPLICA_ENTRY_BATCH = 1,
    REPLICA_ENTRY_ORIGIN,     /* opens an origin; body: origins.h */
    REPLICA_ENTRY_TICK,       /* moves log time; empty body */
    REPLICA_ENTRY_VERIFY = 8, /* every node tells its full digest here; empty body */
};

/* Ids of records that are not rows of a command table. */
enum command_record_id {
    RECORD_CANCELLED = 0,
    RECORD_LITERAL = 0xfff0, /* in a group: its one argument is the reply, already written */
    RECORD_CLIENT_GONE = 0xfff1,
    RECORD_EXEC = 0xfff2,
};

struct command_record {
    uint16_t id;
    uint8_t db, flags;
    uint64_t client;
    uint32_t user, count; /* count: arguments without the name */
    uint32_t size;        /* of the whole record */
    const char *sizes;    /* count times u32 */
    const char *bytes;
};

/* The size a record will have. */
size_t command_record_size(const struct bytes *args, uint32_t count);
/* Writes a record of command_record_size() bytes. */
void command_record_write(char *at, const struct command_record *fields, const struct bytes *args);
/* The same but for the arguments' bytes, which belong where it returns, one after the other. */
char *command_record_write_head(char *at, const struct command_record *fields,
                                const struct bytes *args);
/* Reads the record at the front of `body`; validates sizes. */
enum error command_record_read(struct bytes body, struct command_record *record) MUST_USE;
/* Its arguments into args[0 .. count - 1]. */
void command_record_arguments(const struct command_record *record, struct bytes *args);
/* Whether the record may be applied where it stands: a command of the log with arguments and a
 * database that it can have, or one of the special ids in its form. `group_left`: how many records
 * the group before it still has. An unknown command gives ERROR_VERSION. */
enum error command_record_validate(const struct command_record *record,
                                   const struct command_registry *registry,
                                   uint32_t group_left) MUST_USE;
/* A whole foreign body of `count` records: what passes can be applied. */
enum error batch_validate(struct bytes body, uint32_t count,
                          const struct command_registry *registry) MUST_USE;

struct session;

struct batch_slot {
    struct session *session; /* NULL: nobody waits for this record's reply */
};

struct batch {
    struct batch *next;
    uint64_t number; /* set when sealed; 0 while open */
    struct chunk *chunk;
    char *image; /* the entry: header room and body */
    size_t body_size;
    size_t body_capacity; /* the room there is in the chunk */
    uint32_t count;       /* records */
    struct batch_slot *slots;
    uint32_t slot_capacity;
    uint64_t opened_us, sealed_us, sent_us;
    bool header_used;      /* proposed in place: the image stands in the log */
    bool unknown;          /* its clients were told -UNKNOWN */
    bool found_no_room;    /* given up because the leader's disk was full */
    struct chunk *instead; /* given up: the empty batch of the same number; NULL while it is not */
};

/* Opens a batch in what is left of `chunk` (NULL: in a chunk of its own), of which it takes its own
 * reference. Only one open batch may use a chunk's rest at a time. */
struct batch *batch_create(struct chunk *chunk, uint64_t now_us);
void batch_destroy(struct batch *batch);

/* Appends a record (count from fields) for `session`. */
void batch_append(struct batch *batch, const struct command_record *fields,
                  const struct bytes *args, struct session *session);
/* For a record that is written in its place (arrival.h). Moves an open batch to this chunk, whose
 * reference passes to it, so that its image begins at `image`; then the record stands behind the
 * body so far, and has this size. */
void batch_move(struct batch *batch, struct chunk *chunk, char *image);
void batch_note_record(struct batch *batch, size_t size, struct session *session);
/* The opaque fields of the header; the batch takes no more records. */
void batch_seal(struct batch *batch, uint64_t origin, uint64_t number, uint64_t now_us);
/* Makes `instead` of a sealed batch: what its origin sends under its number from now on. */
void batch_give_up(struct batch *batch);
