/* config_lines.h: lines of redis.conf into a config, and a config back into its file.
 *
 * Pure; fuzzed by tests/fuzz. */
#pragma once

#include "src/server/config.h"
#include "src/server/config_text.h"

/* Reads directives line by line into a config. Lines that another file's reading has to handle
 * (include) are reported, not followed. */
enum config_line {
    CONFIG_LINE_NOTHING, /* blank or a comment */
    CONFIG_LINE_TAKEN,
    CONFIG_LINE_INCLUDE, /* words->at[1] is a pattern */
    CONFIG_LINE_WRONG,   /* the text is in `error` */
};
enum config_line config_read_line(struct config *config, struct bytes line,
                                  struct config_words *words, struct buffer *error);

/* CONFIG REWRITE: `old` with the lines of changed directives replaced, comments and unknown lines
 * kept, and what is neither in it nor at its default added at the end. */
void config_rewrite(const struct config *config, struct bytes old, struct buffer *out);
