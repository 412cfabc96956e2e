/* arrival.h: a large argument on its way in (SAFETY 29: one copy, into the log's buffer).
 *
 * While a command waits for a large argument, its session's query buffer lies in a chunk with room
 * in front, so that the socket's bytes land where the entry will have them. When the command is to
 * go into the log, its record is built around the argument where it lies, and the chunk becomes the
 * open batch's. A command of any other kind, or one with several large arguments, is copied as
 * ever.
 *
 * Ownership: session->arrival is the session's reference; session->input then lends the chunk's
 * memory, and must not be grown or cleared but by these functions. */
#pragma once

#include "src/replica/batch.h"
#include "src/replica/session.h"

/* Moves the query buffer into a chunk if what is wanted is worth it. */
void arrival_consider(struct session *session);
/* What is not yet consumed becomes an ordinary query buffer. */
void arrival_end(struct session *session);
/* The write, with its arguments (count from fields) in the query buffer, becomes the batch's next
 * record, and the chunk the batch's own; or false: nothing was done. The query buffer is an
 * ordinary one afterwards. */
bool arrival_append(struct session *session, struct batch *batch,
                    const struct command_record *fields, const struct bytes *args) MUST_USE;
