/* rdb_text.h: RDB files written by hand, for tests.
 *
 * A text is words between blanks:
 *     fa            a byte in hexadecimal
 *     'text'        these bytes
 *     "text"        an RDB string of fewer than 64 bytes: its length and these bytes
 *     L"a|5|-1"     an RDB string that is a listpack of these elements
 *     Z"a|5|-1"     likewise a ziplist, M"a|1" a zipmap with an unused byte behind each value
 *     I"1|2|3"      an intset of 16-bit integers
 *     l"a|5" z"…"   the packed list alone, without an RDB string's length
 * An element of x*70 is 70 times that letter. */
#pragma once

#include "base/buffer.h"

void rdb_text_append(struct buffer *out, const char *text);
/* A whole file of this version: its head, the text's bytes, end and checksum. */
void rdb_text_file(struct buffer *out, unsigned version, const char *text);
/* Puts the right checksum behind a file that ends with room for it. */
void rdb_text_sum(struct buffer *file);
