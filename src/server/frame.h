/* frame.h: the frames of the peer protocol: a header, a head, and spans that follow it.
 *
 *   offset  size  field
 *        0     4  size of all behind the header
 *        4     4  kind << 24 | size of the head
 *        8     8  XXH3 of the head, keyed with the first eight bytes
 *       16        the head, then the spans, which verify themselves (entry.h)
 *
 * Ownership: the caller's buffer. */
#pragma once

#include "base/buffer.h"

/* Versions of the peer protocol, which the handshake agrees upon; docs/design.md, 7, tells what
 * each one brought. Neighbours work together: what a release speaks, the next one speaks, too. */
enum { PEER_PROTOCOL_OLDEST = 2, PEER_PROTOCOL_NEWEST = 3 };

enum { FRAME_HEADER_SIZE = 16 };

enum frame_kind {
    FRAME_PACKET = 1,
    FRAME_HELLO,
    FRAME_PROOF,
    FRAME_WELCOME,
    FRAME_REFUSAL,
    FRAME_ANSWER,
    FRAME_ADDRESS, /* port 2, host */
    FRAME_JOIN,    /* joining.h: the question */
    FRAME_JOINED,  /* the answer */
};

/* Room for the header in an empty buffer; the head is appended next. */
void frame_begin(struct buffer *head);
/* Fills the header in, for spans of `spans_size` bytes behind the head. */
void frame_end(struct buffer *head, enum frame_kind kind, size_t spans_size);

enum frame_status {
    FRAME_WHOLE,
    FRAME_PARTIAL,   /* more has to come: `size` bytes in all, as far as is known */
    FRAME_MALFORMED, /* or larger than it may be */
};
struct frame {
    uint32_t kind;           /* of enum frame_kind, or one this version does not know */
    struct bytes head, body; /* lent by what was read; the body begins with the head */
    size_t size;             /* of the whole frame */
};
/* The frame that `bytes`, from anybody, begin with; at most `body_max` bytes behind its header. */
enum frame_status frame_read(struct bytes bytes, uint64_t body_max, struct frame *frame);
