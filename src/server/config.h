/* config.h: the directives of redis.conf, told once, and their values.
 *
 * Pure: no file, no environment; config_file.c reads files, server.c applies changes. Each row of
 * CONFIG_ROWS (config_rows.h) names a directive, its bounds, its default, where it lives and, when
 * it is accepted without effect, why. CONFIG GET, SET and REWRITE, the file parser, start-up's
 * notes and the tests all follow the table.
 *
 * Ownership: a config owns its texts; config_text() lends until the row is next assigned. */
#pragma once

#include "base/buffer.h"

enum config_kind {
    CONFIG_INTEGER,
    CONFIG_MEMORY,            /* bytes, with Redis's units */
    CONFIG_MEMORY_OR_PERCENT, /* a percentage stands as a negative number */
    CONFIG_OCTAL,
    CONFIG_BOOLEAN,
    CONFIG_CHOICE,
    CONFIG_TEXT,
    CONFIG_LIST, /* several arguments; stands as one text with single spaces */
};

enum config_flag {
    CONFIG_MUTABLE = 1 << 0,   /* CONFIG SET may change it */
    CONFIG_CLUSTER = 1 << 1,   /* one value for the cluster: a file's counts at founding only */
    CONFIG_FIXED = 1 << 2,     /* any valid value is accepted in a file, the default is in force */
    CONFIG_REFUSED = 1 << 3,   /* any other value than the default ends the start: see note */
    CONFIG_PROTECTED = 1 << 4, /* CONFIG SET only with enable-protected-configs */
    CONFIG_SECRET = 1 << 5,    /* never logged */
    CONFIG_PROMISE = 1 << 6,   /* FIXED, and who sets another value relies on it: CONFIG SET refuses
                                  where it otherwise accepts, logs and keeps what is in force */
    CONFIG_AT_START = 1 << 7,  /* CONFIG SET accepts, logs and keeps what was chosen at start */
};

enum config_sync { CONFIG_SYNC_EACH_SECOND, CONFIG_SYNC_ALWAYS, CONFIG_SYNC_NEVER };
enum config_read_mode { CONFIG_READ_LEASE, CONFIG_READ_INDEX, CONFIG_READ_LOCAL };

struct config_choice {
    const char *name;
    int64_t value;
};

/* Checks a LIST's arguments and writes its canonical text. NULL, or what is wrong. `before` is the
 * text so far when a file gives the directive more than once; else empty. */
typedef const char *config_list_function(const struct bytes *arguments, uint32_t count,
                                         struct bytes before, struct buffer *text);

struct config_row {
    const char *name, *alias; /* alias: NULL if none */
    const char *standard;     /* the default, as in a file */
    const char *note;         /* why it has no effect, or why it is refused; NULL if it works */
    enum config_kind kind;
    uint32_t flags;
    int64_t minimum, maximum;            /* INTEGER, MEMORY, OCTAL */
    const struct config_choice *choices; /* CHOICE: ends with a NULL name */
    config_list_function *list;          /* LIST; TEXT with a check of its own */
};

#include "src/server/config_rows.h"

#define CONFIG_ENUMERATOR(symbol, ...) CONFIG_##symbol##_ROW,
enum config_id { CONFIG_ROWS(CONFIG_ENUMERATOR) CONFIG_ROW_COUNT };
#undef CONFIG_ENUMERATOR

extern const struct config_row config_rows[CONFIG_ROW_COUNT];

struct config_value {
    int64_t number;
    char *text; /* TEXT and LIST; owned */
    bool given; /* by a file or an argument, not only by default */
};

struct config {
    struct config_value values[CONFIG_ROW_COUNT];
};

/* The value of directive PORT is CONFIG_NUMBER(config, PORT). */
#define CONFIG_NUMBER(config, symbol) ((config)->values[CONFIG_##symbol##_ROW].number)
#define CONFIG_IS_ON(config, symbol) (CONFIG_NUMBER(config, symbol) != 0)
#define CONFIG_STRING(config, symbol) ((const char *)(config)->values[CONFIG_##symbol##_ROW].text)
#define CONFIG_IS_GIVEN(config, symbol) ((config)->values[CONFIG_##symbol##_ROW].given)

void config_init(struct config *config); /* every row at its default */
void config_clear(struct config *config);
void config_copy(struct config *to, const struct config *from); /* `to`: initialised */

/* By name or alias, in any case; CONFIG_ROW_COUNT if there is none. */
enum config_id config_find(struct bytes name);
/* Row names that look like this one, for a hint: NULL if none is near. */
const char *config_nearest(struct bytes name);

enum config_source { CONFIG_FROM_FILE, CONFIG_FROM_CLIENT };
/* Validates and takes over a value. False with a text in `error` (Redis's where it has one); then
 * nothing has changed. */
bool config_assign(struct config *config, enum config_id id, enum config_source source,
                   const struct bytes *arguments, uint32_t count, struct buffer *error) MUST_USE;
/* The value in the form of CONFIG GET. */
void config_print(const struct config *config, enum config_id id, struct buffer *out);
bool config_is_standard(const struct config *config, enum config_id id);
bool config_is_equal(const struct config *a, const struct config *b, enum config_id id);

/* After all files and arguments: what they say together. The log is always on; appendfsync counts
 * on a node that is alone, and only beside an explicit "appendonly yes": who never chose the
 * append-only file must not lose acknowledged writes by its default. */
void config_settle(struct config *config, bool alone);

/* client-output-buffer-limit, by class. Bytes and seconds; 0: no limit. */
enum config_client_class { CONFIG_CLASS_NORMAL, CONFIG_CLASS_REPLICA, CONFIG_CLASS_PUBSUB };
struct config_output_limit {
    uint64_t hard_bytes, soft_bytes, soft_seconds;
};
struct config_output_limit config_output_limit(const struct config *config,
                                               enum config_client_class client_class);

/* Memory sizes as Redis reads them: "64mb" is 64 * 1024 * 1024, "64m" 64 * 1000 * 1000. */
bool config_parse_memory(struct bytes text, int64_t *value);
