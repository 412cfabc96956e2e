/* config_text.h: the text of redis.conf: words, quotes, lines and addresses.
 *
 * Pure; fuzzed by tests/fuzz. Words are owned by the struct that holds them: quotes and escapes
 * are already resolved, so they may hold any byte. */
#pragma once

#include "base/buffer.h"

enum { CONFIG_WORDS_MAX = 1024 };

/* A zeroed struct is empty. */
struct config_words {
    struct buffer text; /* the bytes of all words, one behind the other */
    struct bytes at[CONFIG_WORDS_MAX];
    uint32_t count;
};
void config_words_clear(struct config_words *words);

/* Splits a line as Redis does: spaces, "double quotes" with \n \r \t \b \a \xff, 'single quotes'
 * with \'. False if quotes are unbalanced, text follows a closing quote, or there are too many
 * words. */
bool config_split(struct bytes line, struct config_words *words) MUST_USE;

/* In double quotes, always: as MONITOR shows it. */
void config_print_quoted(struct buffer *out, struct bytes word);
/* One word as it has to stand in a file to be read back: in double quotes when it needs them. */
void config_quote(struct buffer *out, struct bytes word);

/* Without the spaces around it. */
struct bytes config_trimmed(struct bytes line);

/* The next line of a text, without its end and the spaces around it; false at the end. */
bool config_next_line(struct bytes *rest, struct bytes *line);

/* host:port or [ipv6]:port, the host lent from the text. */
struct config_address {
    struct bytes host;
    uint16_t port;
};
bool config_parse_address(struct bytes text, struct config_address *address);
/* Takes the first address off a list with commas; false if it is malformed. */
bool config_next_address(struct bytes *rest, struct config_address *address);
