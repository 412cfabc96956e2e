/* session.h: one client as the replica sees it: its requests on the way in, its replies on the way
 * out, and what it selected in between.
 *
 * The driver (server or simulator) moves bytes: it reads into session_input_room(), reports them
 * with replica_client_received(), writes what stands in `output` to the socket and consumes it.
 * Replies stand there in request order and only when they may leave: a write's reply after its
 * batch was committed and applied, a read's after its read index.
 *
 * Ownership: sessions belong to the replica from replica_client_open() to replica_client_close().
 * The fields below are open to the commands of src/server (CLIENT, HELLO, AUTH, …); those marked
 * (replica) are changed by the replica only. */
#pragma once

#include "base/buffer.h"
#include "resp/request.h"
#include "storages/command.h"

struct replica;
struct batch;
struct chunk;

/* Why a session is to be closed by the driver once its output has been written. */
enum session_ending {
    SESSION_STAYS,
    SESSION_ENDS_AFTER_OUTPUT, /* QUIT, protocol error, -UNKNOWN: write what stands, then close */
    SESSION_ENDS_NOW,          /* output or query buffer over its limit: drop what stands */
};

enum session_reply_mode { SESSION_REPLY_ON, SESSION_REPLY_OFF, SESSION_REPLY_SKIP };

/* What waits for its turn among a client's replies. */
enum pending_kind {
    PENDING_WRITE,       /* its reply comes when its batch is applied */
    PENDING_READ,        /* an encoded command; runs at its read index, or behind its write */
    PENDING_LOCAL,       /* an encoded command; runs when it is first in line */
    PENDING_REPLY,       /* a reply already written */
    PENDING_CLUSTERDOWN, /* was a write or read that was certainly not executed */
    PENDING_GIVEN_UP,    /* was a write in whose place an empty batch was applied */
    PENDING_NO_ROOM,     /* was one of these, and the leader's disk had no room for it */
};

struct pending {
    uint8_t kind;
    bool silent;      /* CLIENT REPLY OFF or SKIP */
    bool attached;    /* READ: belongs right behind the write before it (SAFETY 1) */
    bool unsealed;    /* WRITE: its batch is still open */
    bool waits;       /* LOCAL: of a command that may wait: nothing behind it is parsed */
    uint32_t size;    /* bytes in `waiting` */
    uint64_t context; /* READ: the read-index request it may run at, or a later one */
    uint64_t since_us;
};

struct session {
    uint64_t id;  /* CLIENT ID: unique on this node while the process lives */
    void *owner;  /* the driver's object */
    void *server; /* the driver's shared object: for the commands of src/server */

    uint8_t protocol; /* 2 or 3 */
    uint8_t db;
    uint32_t user;
    bool authenticated;
    uint8_t reply_mode;                                /* enum session_reply_mode */
    uint8_t ending;                                    /* enum session_ending */
    struct buffer name, library_name, library_version; /* CLIENT SETNAME, SETINFO */

    struct request_parser parser; /* (replica) */
    struct buffer input;          /* (replica) the query buffer */
    size_t input_consumed;        /* (replica) bytes of it that are parsed */
    struct chunk *arrival;        /* (replica) what the query buffer lies in: arrival.h; or NULL */
    struct buffer output;         /* replies that may leave */

    /* MULTI: (replica) */
    bool in_multi, multi_failed;
    uint32_t multi_count;
    struct buffer multi; /* encoded commands, see batch.h */

    uint32_t subscriptions, patterns; /* planned when parsed: decide RESP2's subscribed context */

    /* The pending FIFO (replica): a ring. */
    struct pending *pending;
    uint32_t pending_first, pending_count, pending_capacity;
    struct buffer waiting; /* encoded reads and ready replies that wait in the FIFO */
    size_t waiting_consumed;
    uint32_t unsealed_writes; /* writes in the batch that is still open */

    /* Facts for CLIENT LIST and INFO. */
    const struct command *last_command;
    uint64_t commands_processed, opened_us, last_active_us;
    uint64_t input_bytes, output_bytes;

    /* Life and lists (replica). A closed session lives on while batches refer to it. */
    uint32_t references;
    bool closed;
    bool dirty;              /* in the list of sessions with new output */
    bool paused;             /* in the list of those that stopped parsing at a bound */
    bool wants_room;         /* paused: its next command waits for room in what is in flight */
    bool reader;             /* in the list of those with reads that wait for an index */
    bool waits_locally;      /* a LOCAL command is first in line and has no answer yet */
    uint32_t waiting_locals; /* in the FIFO, of commands that may wait: parsing stops behind one */
    uint64_t wait_index;     /* WAIT: the index it waits for on other nodes; 0: none */
    uint64_t wait_save;      /* SAVE: the attempt that it waits for, counted from 1; 0: none */
    uint64_t wait_change;    /* RAFT REMOVE and kin: the ticket of the change; 0: none */
    uint64_t wait_number;    /* RAFT …: what its command waits for; 0: it has not begun */
    uint32_t indexed_reads;  /* PENDING_READs that are not attached */
    bool subscribed_ever;
    bool subscribed_sealed; /* and the cluster may know it: its end has to be told */
    struct table *channels_planned, *patterns_planned; /* see subscriptions above; NULL: none */
    struct session *dirty_next;
};

/* All that was asked has been answered, and the driver may close once the output is written. */
static inline bool session_may_end(const struct session *session) {
    return session->ending == SESSION_ENDS_NOW ||
           (session->ending == SESSION_ENDS_AFTER_OUTPUT && session->pending_count == 0);
}

/* Room for at least `*size` bytes (a hint from the parser when 0); fills *size with what there is.
 */
char *session_input_room(struct session *session, size_t *size);
