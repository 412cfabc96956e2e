/* check.c: the one place where a broken invariant ends the process. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *file, int line, const char *fact) {
    fprintf(stderr, "hamok: internal error: %s:%d: the check '%s' failed\n", file, line, fact);
    abort();
}
