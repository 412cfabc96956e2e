/* config_file.h: where directives come from: the file, what it includes, and the command line. */
#pragma once

#include "src/server/config.h"

/* What stands behind the program's name, as redis-server takes it: a file or "-" for standard
 * input first, then "--directive value …" any number of times; later words win. On an error one
 * line stands in `error`. `path` becomes the file's absolute name, or stays empty. */
bool config_load(struct config *config, int count, char *const *arguments, struct buffer *path,
                 struct buffer *error) MUST_USE;

/* CONFIG REWRITE: replaces the file as a whole. False with one line in `error`. */
bool config_store(const struct config *config, const char *path, struct buffer *error) MUST_USE;
