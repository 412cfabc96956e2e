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

struct reply {
    struct buffer *out; /* NULL: discard */
    uint8_t protocol;   /* 2 or 3 */
    uint32_t errors;    /* how many error replies were written, also when discarding */
};

void reply_simple(struct reply *reply, const char *text); /* +text */
void reply_ok(struct reply *reply);
/* "-text": the text begins with its code ("ERR …"); CR and LF in it become spaces, as in Redis. */
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
void reply_null(struct reply *reply);       /* "$-1" or "_" */
void reply_null_array(struct reply *reply); /* "*-1" or "_" */
void reply_verbatim(struct reply *reply, const char format[3], struct bytes text);
void reply_big_number(struct reply *reply, struct bytes digits);

void reply_array(struct reply *reply, uint64_t count);
void reply_map(struct reply *reply, uint64_t pairs);
void reply_set(struct reply *reply, uint64_t count);
void reply_push(struct reply *reply, uint64_t count);
void reply_attribute(struct reply *reply,
                     uint64_t pairs); /* RESP3 only: callers skip it in RESP2 */

/* An aggregate whose count is known only afterwards: _open returns a mark, _close inserts the
 * header there. Nothing may be consumed from the buffer between the two; they nest. */
size_t reply_deferred_open(const struct reply *reply);
void reply_deferred_array(struct reply *reply, size_t mark, uint64_t count);
void reply_deferred_map(struct reply *reply, size_t mark, uint64_t pairs);
void reply_deferred_set(struct reply *reply, size_t mark, uint64_t count);
