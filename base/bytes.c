/* bytes.c: the few span operations that are not worth inlining. */
#include "base/bytes.h"

bool bytes_equal_ignoring_case(struct bytes a, struct bytes b) {
    if (a.size != b.size) return false;
    for (size_t i = 0; i < a.size; i++) {
        if (byte_lower(a.data[i]) != byte_lower(b.data[i])) return false;
    }
    return true;
}
