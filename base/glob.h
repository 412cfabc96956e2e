/* glob.h: the patterns of KEYS, SCAN, PSUBSCRIBE and CONFIG GET, as Redis 7.0 matches them.
 *
 * A star for any bytes, ? for one, [a-z] and [^a-z] for one of a class, \ before a byte that stands
 * for itself. Takes pattern size times text size at worst, and no stack. */
#pragma once

#include "base/bytes.h"

/* ignore_case: of ASCII letters. */
bool glob_match(struct bytes pattern, struct bytes text, bool ignore_case);
