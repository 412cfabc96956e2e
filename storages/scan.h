/* scan.h: what SCAN, HSCAN, SSCAN and ZSCAN share: cursor and options.
 *
 * A cursor is a position: the walk goes from the end of a dense table to its start, so the
 * positions below the cursor are still to come; 0 asks for the end and says "done" (SAFETY 25).
 * Packed values answer whole, with cursor 0, whatever cursor came in. */
#pragma once

#include "storages/command.h"

struct scan_request {
    uint64_t cursor;
    int64_t count; /* at least 1 */
    bool has_pattern, has_type;
    struct bytes pattern, type; /* lent by the call's arguments */
};

/* Reads argument `at` as the cursor and sets the other fields to their defaults; false after an
 * error reply. Redis looks the key up between this and the options. */
bool scan_parse_cursor(struct command_call *call, uint32_t at, struct scan_request *request);
/* Reads MATCH, COUNT and (SCAN only) TYPE from argument `at` on; false after an error reply. */
bool scan_parse_options(struct command_call *call, uint32_t at, bool type_allowed,
                        struct scan_request *request);

/* Whether MATCH lets this text pass. */
bool scan_matches(const struct scan_request *request, struct bytes text);

/* The part of a table that one call visits: the positions below start, downward, that are not
 * below end. `end` is the next cursor. */
struct scan_range {
    uint32_t start, end;
};
struct scan_range scan_range(const struct scan_request *request, uint32_t span);

/* "[cursor, []]": what a missing key answers. */
void scan_reply_empty(struct command_call *call);
