/* glob.c: every element but the star takes exactly one byte; so after a mismatch only the last
 * star needs to take one byte more, and no earlier one.
 *
 * Two habits of Redis are kept: an empty text matches the empty pattern only (not "*": callers
 * treat that one as "everything"), and bytes of a range compare as signed characters. */
#include "base/glob.h"

static char fold(char byte, bool ignore_case) {
    return ignore_case ? byte_lower(byte) : byte;
}

/* Whether `byte` is of the class that begins at pattern[*at], behind the '['. Sets *at behind the
 * class, which ends at a ']' or with the pattern. */
static bool match_class(struct bytes pattern, size_t *at, char byte, bool ignore_case) {
    size_t i = *at;
    bool negated = i < pattern.size && pattern.data[i] == '^';
    if (negated) i++;

    bool found = false;
    byte = fold(byte, ignore_case);
    while (i < pattern.size && pattern.data[i] != ']') {
        size_t left = pattern.size - i;
        if (pattern.data[i] == '\\' && left >= 2) {
            found |= pattern.data[i + 1] == byte;
            i += 2;
        } else if (left >= 3 && pattern.data[i + 1] == '-') {
            signed char low = (signed char)fold(pattern.data[i], ignore_case);
            signed char high = (signed char)fold(pattern.data[i + 2], ignore_case);
            signed char wanted = (signed char)byte;
            found |=
                low <= high ? low <= wanted && wanted <= high : high <= wanted && wanted <= low;
            i += 3;
        } else {
            found |= fold(pattern.data[i], ignore_case) == byte;
            i++;
        }
    }
    *at = i < pattern.size ? i + 1 : i;
    return found != negated;
}

/* Whether the element at pattern[*at], no star, takes this byte. Sets *at behind it if so. */
static bool match_one(struct bytes pattern, size_t *at, char byte, bool ignore_case) {
    size_t next = *at + 1;
    bool matched;
    switch (pattern.data[*at]) {
    case '?':
        matched = true;
        break;
    case '[':
        matched = match_class(pattern, &next, byte, ignore_case);
        break;
    case '\\':
        if (next < pattern.size) {
            matched = fold(pattern.data[next], ignore_case) == fold(byte, ignore_case);
            next++;
            break;
        }
        matched = byte == '\\';
        break;
    default:
        matched = fold(pattern.data[*at], ignore_case) == fold(byte, ignore_case);
        break;
    }
    if (matched) *at = next;
    return matched;
}

bool glob_match(struct bytes pattern, struct bytes text, bool ignore_case) {
    if (text.size == 0) return pattern.size == 0;

    bool starred = false;
    size_t at = 0, i = 0;
    size_t behind_star = 0, star_end = 0; /* where the last star ends in pattern and text */
    while (i < text.size) {
        if (at < pattern.size && pattern.data[at] == '*') {
            starred = true;
            behind_star = ++at;
            star_end = i;
            if (at == pattern.size) return true;
        } else if (at < pattern.size && match_one(pattern, &at, text.data[i], ignore_case)) {
            i++;
        } else if (starred) {
            at = behind_star;
            i = ++star_end;
        } else {
            return false;
        }
    }
    while (at < pattern.size && pattern.data[at] == '*')
        at++;
    return at == pattern.size;
}
