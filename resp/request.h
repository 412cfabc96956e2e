/* request.h: reads commands from a client's bytes: RESP arrays of bulk strings, and inline lines.
 *
 * Pure, incremental and zero-copy: the bytes stay in the caller's query buffer and the arguments
 * are spans into it. Progress is kept as offsets, so the buffer may move or grow between calls and
 * nothing is read twice; wherever the input is cut, the result is the same.
 *
 * Ownership: the parser owns its array of spans and the memory of unescaped inline arguments; both
 * are reused by every command. The spans at `args` stay valid until the next call and as long as
 * the caller keeps the bytes where they are. Sizes are in bytes. */
#pragma once

#include "base/buffer.h"

enum {
    REQUEST_LINE_MAX = 64 * 1024,          /* inline commands, and lines that hold a number */
    REQUEST_ARGS_MAX = 1024 * 1024,        /* our default for request_limits.args_max */
    REQUEST_ARGS_MAX_UNAUTHENTICATED = 10, /* while request_limits.unauthenticated */
    REQUEST_BULK_MAX_UNAUTHENTICATED = 16384,
    REQUEST_ERROR_SIZE = 80,
};

/* What this client may send; read anew in each call, so it may change between commands. */
struct request_limits {
    int64_t bulk_max;  /* bytes of one argument: proto-max-bulk-len */
    uint32_t args_max; /* arguments of one command */
    bool unauthenticated;
};

enum request_status {
    REQUEST_NEED_MORE, /* `wanted` says how much */
    REQUEST_DONE,      /* one command: args, count (at least 1) */
    REQUEST_ERROR,     /* of the protocol: request_error() says which; the client must go */
};

/* A zeroed struct is a parser at the beginning of a connection. */
struct request_parser {
    struct bytes *args;
    uint32_t count;  /* of args */
    size_t consumed; /* by the last call: the caller's next call starts behind these bytes */
    size_t wanted;   /* after NEED_MORE: so many further bytes, at least, complete a command */

    /* Private. Offsets count from the first unconsumed byte. */
    uint32_t capacity;  /* of args */
    uint32_t args_left; /* not yet complete, of a multibulk request */
    uint8_t state, error, unexpected;
    size_t position;       /* all before it has been taken in */
    size_t searched;       /* bytes behind position known to hold no line end */
    int64_t bulk_size;     /* of the argument at position; -1: its header comes first */
    struct buffer scratch; /* inline arguments with quotes, unescaped */
};

/* Reads at most one command from `data`, the `size` bytes that follow those consumed so far. Bytes
 * may only be added between calls. Empty requests ("*0", "*-1", an empty line) are skipped; what
 * was skipped is in `consumed`, also after NEED_MORE. */
enum request_status request_parse(struct request_parser *parser,
                                  const struct request_limits *limits, const char *data,
                                  size_t size) MUST_USE;

/* After REQUEST_ERROR: the reply Redis gives, "ERR Protocol error: …". */
void request_error(const struct request_parser *parser, char text[static REQUEST_ERROR_SIZE]);

/* Whether a command has been begun but not completed. */
bool request_is_partial(const struct request_parser *parser);

/* Bytes of memory the parser owns, for CLIENT LIST and limits. */
size_t request_memory(const struct request_parser *parser);

void request_clear(struct request_parser *parser); /* Releases the memory; zeroed afterwards. */
