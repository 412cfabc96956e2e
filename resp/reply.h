/* reply.h: writes replies in RESP2 or RESP3.
 *
 * A struct reply is a caller's cursor on a buffer: replies are appended to reply->out. With
 * out == NULL every call returns at once: on nodes where nobody listens a command writes to
 * nowhere. The protocol decides the shape: maps become flat arrays in RESP2, sets arrays, doubles
 * bulk strings, booleans integers, the null "$-1" or "*-1", big numbers and verbatim strings bulk
 * strings, attributes nothing, pushes arrays.
 *
 * Texts and spans are copied. Counts are in elements (pairs for maps and attributes). */
#pragma once

#include "base/buffer.h"

/* How often each error code ("ERR", "WRONGTYPE") was replied: INFO's Errorstats. Sorted by code;
 * codes beyond the last place but one count together. */
enum { REPLY_ERROR_CODES_MAX = 64, REPLY_ERROR_CODE_SIZE = 24 };
struct reply_error_counts {
    uint32_t used;
    struct reply_error_count {
        char code[REPLY_ERROR_CODE_SIZE];
        uint64_t count;
    } counts[REPLY_ERROR_CODES_MAX];
};

struct reply {
    struct buffer *out; /* NULL: discard */
    uint8_t protocol;   /* 2 or 3 */
    uint32_t errors;    /* how many error replies were written, also when discarding */
    struct reply_error_counts *error_counts; /* where they are counted by code; may be NULL */
};

/* Bytes that are a whole reply, or part of one, already encoded. */
static inline void reply_raw(struct reply *reply, struct bytes encoded) {
    if (reply->out != NULL) buffer_append_bytes(reply->out, encoded);
}

/* REPLY_RAW("+PONG\r\n"): a literal, copied in one or two moves. */
#define REPLY_RAW(reply, literal) reply_raw((reply), BYTES(literal))

static inline void reply_ok(struct reply *reply) {
    REPLY_RAW(reply, "+OK\r\n");
}

/* The null: "$-1" where a string was asked for, "*-1" where an array was; "_" in RESP3. */
static inline void reply_null(struct reply *reply) {
    if (reply->protocol == 2) {
        REPLY_RAW(reply, "$-1\r\n");
    } else {
        REPLY_RAW(reply, "_\r\n");
    }
}
static inline void reply_null_array(struct reply *reply) {
    if (reply->protocol == 2) {
        REPLY_RAW(reply, "*-1\r\n");
    } else {
        REPLY_RAW(reply, "_\r\n");
    }
}

void reply_simple(struct reply *reply, const char *text); /* "+text" */
/* "-text": the text begins with its code ("ERR …"). CR and LF at its ends are dropped, others
 * become spaces, as in Redis. */
void reply_error(struct reply *reply, const char *text);
PRINTF_LIKE(2, 3) void reply_error_format(struct reply *reply, const char *format, ...);
void reply_integer(struct reply *reply, int64_t value);
void reply_bulk(struct reply *reply, struct bytes bytes);
void reply_bulk_text(struct reply *reply, const char *text);
void reply_bulk_integer(struct reply *reply, int64_t value); /* a bulk string of the decimal form */
void reply_double(struct reply *reply, double value);
/* INCRBYFLOAT's reply: a bulk string with number_print_long_double's form, both protocols. */
void reply_bulk_long_double(struct reply *reply, long double value);
void reply_boolean(struct reply *reply, bool value);
/* `format` is three letters, "txt" or "mkd". */
void reply_verbatim(struct reply *reply, const char *format, struct bytes text);
void reply_big_number(struct reply *reply, struct bytes digits);

/* The header of an aggregate; its elements are the replies that follow. */
void reply_array(struct reply *reply, uint64_t count);
void reply_map(struct reply *reply, uint64_t pairs);
void reply_set(struct reply *reply, uint64_t count);
void reply_push(struct reply *reply, uint64_t count);
/* Requires protocol 3: in RESP2 the caller leaves out the attribute with its elements. */
void reply_attribute(struct reply *reply, uint64_t pairs);

/* An aggregate whose count is known only afterwards: _open returns a mark, the second call inserts
 * the header there. Nothing may be consumed from the buffer between the two; they nest. */
size_t reply_deferred_open(const struct reply *reply);
void reply_deferred_array(struct reply *reply, size_t mark, uint64_t count);
void reply_deferred_map(struct reply *reply, size_t mark, uint64_t pairs);
void reply_deferred_set(struct reply *reply, size_t mark, uint64_t count);
