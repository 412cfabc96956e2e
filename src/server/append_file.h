/* append_file.h: the log file that is being appended to, written past the page cache.
 *
 * A sync of what the page cache holds costs more than the write itself: dirty pages are looked for,
 * written, waited for. So bytes are gathered in a buffer of whole blocks and leave in one direct
 * write that is durable when it returns. The last block is written again with what is added to it,
 * as the page cache would have done. A file system that knows no direct writes gets the same calls
 * without them.
 *
 * Appends to a file follow each other, and behind them the file holds zeros: the rest of the last
 * block is written as such. All calls are of one thread; after a false one errno tells why. */
#pragma once

#include "base/bytes.h"

struct append_file;

struct append_file *append_file_create(void);
void append_file_destroy(struct append_file *file); /* NULL is allowed. */

/* Opens an existing file of the directory in the place of the one before. */
bool append_file_open(struct append_file *file, int directory, const char *name);

/* Adds bytes at an offset; they may stay in the buffer until append_file_finish(). */
bool append_file_put(struct append_file *file, uint64_t offset, struct bytes bytes);

/* Writes what is gathered; with `sync` all that was ever written to this file is durable then. */
bool append_file_finish(struct append_file *file, bool sync);
