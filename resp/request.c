/* request.c: a small state machine over the bytes of one command.
 *
 *     START --'*'--> COUNT --count > 0--> BULKS --last argument--> START, done
 *           --else-> INLINE --line feed--> START, done
 *     any --> BROKEN: the same error for ever
 *
 * While a command is incomplete its spans hold offsets instead of addresses; completing it adds the
 * address of the data, which by then may be another than at the beginning. A number line is read by
 * a loop that takes only well-formed complete lines; whatever it refuses (incomplete, negative,
 * malformed, too long) goes to the careful reader, which also remembers how far it has searched.
 *
 * Known difference: Redis searches lines with C string functions, so a zero byte in a line makes
 * it wait for ever; here a zero byte is a byte like others. */
#include "resp/request.h"

#include <stdio.h>

#include "base/memory.h"
#include "base/number.h"

enum state { STATE_START, STATE_COUNT, STATE_BULKS, STATE_INLINE, STATE_BROKEN };

enum {
    ARGS_FIRST_CAPACITY = 8,
    ARGS_KEPT_MAX = 1024,     /* a larger array is released before the next command */
    SCRATCH_KEPT_MAX = 4096,  /* bytes, likewise */
    SHORT_NUMBER_DIGITS = 18, /* always within int64 */
};

/* What the steps below tell the loop in request_parse(). */
enum step { STEP_NEED_MORE, STEP_DONE, STEP_EMPTY, STEP_ERROR, STEP_CONTINUE };

enum protocol_error {
    PROTOCOL_BAD_COUNT = 1,
    PROTOCOL_BAD_BULK,
    PROTOCOL_LONG_INLINE,
    PROTOCOL_LONG_COUNT,
    PROTOCOL_LONG_BULK,
    PROTOCOL_QUOTES,
    PROTOCOL_UNAUTHENTICATED_COUNT,
    PROTOCOL_UNAUTHENTICATED_BULK,
    PROTOCOL_NO_DOLLAR,
};

static const char *const protocol_error_texts[] = {
    [PROTOCOL_BAD_COUNT] = "invalid multibulk length",
    [PROTOCOL_BAD_BULK] = "invalid bulk length",
    [PROTOCOL_LONG_INLINE] = "too big inline request",
    [PROTOCOL_LONG_COUNT] = "too big mbulk count string",
    [PROTOCOL_LONG_BULK] = "too big bulk count string",
    [PROTOCOL_QUOTES] = "unbalanced quotes in request",
    [PROTOCOL_UNAUTHENTICATED_COUNT] = "unauthenticated multibulk length",
    [PROTOCOL_UNAUTHENTICATED_BULK] = "unauthenticated bulk length",
};

static enum step fail(struct request_parser *parser, enum protocol_error error) {
    parser->state = STATE_BROKEN;
    parser->error = (uint8_t)error;
    return STEP_ERROR;
}

static enum step need_more(struct request_parser *parser, size_t wanted) {
    parser->wanted = wanted;
    return STEP_NEED_MORE;
}

/* --- arguments ------------------------------------------------------------------------------ */

static struct bytes *add_arg(struct request_parser *parser) {
    if (UNLIKELY(parser->count == parser->capacity)) {
        parser->capacity = parser->capacity == 0 ? ARGS_FIRST_CAPACITY : parser->capacity * 2;
        parser->args = memory_resize(parser->args, parser->capacity * sizeof(struct bytes));
    }
    return &parser->args[parser->count++];
}

/* Offsets become addresses. */
static void complete_args(struct request_parser *parser, const char *data) {
    for (uint32_t i = 0; i < parser->count; i++) {
        parser->args[i].data = data + (uintptr_t)parser->args[i].data;
    }
}

/* --- lines ---------------------------------------------------------------------------------- */

/* Finds `terminator` behind parser->position; *at is its offset from there. At most
 * REQUEST_LINE_MAX bytes may precede it, however many have arrived. */
static enum step find_line_end(struct request_parser *parser, const char *data, size_t size,
                               char terminator, enum protocol_error too_long, size_t *at) {
    size_t available = size - parser->position;
    size_t bound = available > REQUEST_LINE_MAX ? REQUEST_LINE_MAX + 1 : available;
    const char *line = data + parser->position;
    const char *found = memchr(line + parser->searched, terminator, bound - parser->searched);
    if (found != NULL) {
        *at = (size_t)(found - line);
        return STEP_CONTINUE;
    }
    if (bound > REQUEST_LINE_MAX) return fail(parser, too_long);
    parser->searched = bound;
    return need_more(parser, 1);
}

/* A type byte, decimal digits without a leading zero, CR and one more byte, all there: the offset
 * behind them, else 0. */
static inline size_t read_short_number(const char *line, size_t available, int64_t *value) {
    size_t end = available < SHORT_NUMBER_DIGITS + 1 ? available : SHORT_NUMBER_DIGITS + 1;
    int64_t sum = 0;
    size_t i = 1;
    for (; i < end; i++) {
        unsigned digit = (unsigned)(unsigned char)line[i] - '0';
        if (digit > 9) break;
        sum = sum * 10 + digit;
    }
    if (i == 1 || i + 2 > available || line[i] != '\r' || (line[1] == '0' && i > 2)) return 0;
    *value = sum;
    return i + 2;
}

/* The kinds of number lines, and what is wrong with each. */
struct number_line {
    char type;
    enum protocol_error too_long, malformed;
};
static const struct number_line count_line = {'*', PROTOCOL_LONG_COUNT, PROTOCOL_BAD_COUNT};
static const struct number_line bulk_line = {'$', PROTOCOL_LONG_BULK, PROTOCOL_BAD_BULK};

/* The careful reader of a number line; on success the position is behind it. Like Redis it does
 * not look at the byte behind the CR. */
static enum step read_number_slowly(struct request_parser *parser, const char *data, size_t size,
                                    const struct number_line *kind, int64_t *value) {
    size_t line_size;
    enum step step = find_line_end(parser, data, size, '\r', kind->too_long, &line_size);
    if (step != STEP_CONTINUE) return step;
    if (size - parser->position < line_size + 2) return need_more(parser, 1);

    const char *line = data + parser->position;
    if (line[0] != kind->type) {
        parser->unexpected = (uint8_t)line[0];
        return fail(parser, PROTOCOL_NO_DOLLAR);
    }
    if (!number_parse_i64(bytes_of(line + 1, line_size - 1), value)) {
        return fail(parser, kind->malformed);
    }
    parser->position += line_size + 2;
    parser->searched = 0;
    return STEP_CONTINUE;
}

static inline enum step read_number(struct request_parser *parser, const char *data, size_t size,
                                    const struct number_line *kind, int64_t *value) {
    const char *line = data + parser->position;
    size_t available = size - parser->position;
    if (LIKELY(available > 0 && line[0] == kind->type)) {
        size_t line_size = read_short_number(line, available, value);
        if (LIKELY(line_size > 0)) {
            parser->position += line_size;
            parser->searched = 0;
            return STEP_CONTINUE;
        }
    }
    return read_number_slowly(parser, data, size, kind, value);
}

/* --- arrays of bulk strings ----------------------------------------------------------------- */

static enum step step_count(struct request_parser *parser, const struct request_limits *limits,
                            const char *data, size_t size) {
    int64_t count;
    enum step step = read_number(parser, data, size, &count_line, &count);
    if (step != STEP_CONTINUE) return step;
    if (count > limits->args_max) return fail(parser, PROTOCOL_BAD_COUNT);
    if (limits->unauthenticated && count > REQUEST_ARGS_MAX_UNAUTHENTICATED) {
        return fail(parser, PROTOCOL_UNAUTHENTICATED_COUNT);
    }
    if (count <= 0) return STEP_EMPTY;
    parser->args_left = (uint32_t)count;
    parser->bulk_size = -1;
    parser->state = STATE_BULKS;
    return STEP_CONTINUE;
}

static enum step step_bulks(struct request_parser *parser, const struct request_limits *limits,
                            const char *data, size_t size) {
    while (parser->args_left > 0) {
        if (parser->bulk_size < 0) {
            int64_t bulk_size;
            enum step step = read_number(parser, data, size, &bulk_line, &bulk_size);
            if (step != STEP_CONTINUE) return step;
            if (bulk_size < 0 || bulk_size > limits->bulk_max) {
                return fail(parser, PROTOCOL_BAD_BULK);
            }
            if (limits->unauthenticated && bulk_size > REQUEST_BULK_MAX_UNAUTHENTICATED) {
                return fail(parser, PROTOCOL_UNAUTHENTICATED_BULK);
            }
            parser->bulk_size = bulk_size;
        }
        size_t needed = (size_t)parser->bulk_size + 2; /* with the line end, which is not read */
        size_t available = size - parser->position;
        if (available < needed) return need_more(parser, needed - available);
        *add_arg(parser) =
            bytes_of((const void *)(uintptr_t)parser->position, (size_t)parser->bulk_size);
        parser->position += needed;
        parser->bulk_size = -1;
        parser->args_left--;
    }
    complete_args(parser, data);
    return STEP_DONE;
}

/* --- inline commands ------------------------------------------------------------------------ */

/* Of the blanks that may precede an argument, those that also end one. */
static bool ends_word(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    char lower = byte_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The byte that a backslash escape stands for; *at is behind the backslash and moves on. */
static char read_escape(const char **at, const char *end) {
    const char *from = *at;
    if (*from == 'x' && end - from >= 3 && hex_digit(from[1]) >= 0 && hex_digit(from[2]) >= 0) {
        *at += 3;
        return (char)(hex_digit(from[1]) * 16 + hex_digit(from[2]));
    }
    *at += 1;
    switch (*from) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'b':
        return '\b';
    case 'a':
        return '\a';
    default:
        return *from;
    }
}

/* Appends the quoted part that begins at *at; the position moves behind the closing quote. False
 * without one, or if anything but a blank follows it. */
static bool unquote(const char **at, const char *end, struct buffer *out) {
    char quote = *(*at)++;
    while (*at < end && **at != quote) {
        char c = *(*at)++;
        if (c == '\\' && *at < end) {
            if (quote == '"') {
                c = read_escape(at, end);
            } else if (**at == '\'') { /* the only escape between single quotes */
                c = *(*at)++;
            }
        }
        buffer_append_byte(out, c);
    }
    if (*at == end) return false;
    *at += 1;
    return *at == end || byte_is_space(**at);
}

/* Reads one argument, which begins at *at: a span of the line itself, or of the scratch memory once
 * there are quotes. */
static bool read_inline_arg(struct request_parser *parser, const char **at, const char *end) {
    const char *start = *at;
    while (*at < end && !ends_word(**at) && **at != '"' && **at != '\'')
        *at += 1;
    if (*at == end || ends_word(**at)) {
        *add_arg(parser) = bytes_of(start, (size_t)(*at - start));
        return true;
    }
    size_t mark = parser->scratch.size;
    buffer_append(&parser->scratch, start, (size_t)(*at - start));
    while (*at < end && !ends_word(**at)) {
        if (**at == '"' || **at == '\'') {
            if (!unquote(at, end, &parser->scratch)) return false;
            break; /* a closing quote ends the argument */
        }
        buffer_append_byte(&parser->scratch, *(*at)++);
    }
    *add_arg(parser) = bytes_of(parser->scratch.data + mark, parser->scratch.size - mark);
    return true;
}

static enum step step_inline(struct request_parser *parser, const char *data, size_t size) {
    size_t line_size;
    enum step step = find_line_end(parser, data, size, '\n', PROTOCOL_LONG_INLINE, &line_size);
    if (step != STEP_CONTINUE) return step;
    parser->position = line_size + 1;

    /* Unescaping never lengthens, so the spans into the scratch memory do not move. */
    parser->scratch.size = 0;
    buffer_reserve(&parser->scratch, line_size + 1);
    const char *at = data, *end = data + line_size;
    for (;;) {
        while (at < end && byte_is_space(*at))
            at++;
        if (at == end) return parser->count == 0 ? STEP_EMPTY : STEP_DONE;
        if (!read_inline_arg(parser, &at, end)) return fail(parser, PROTOCOL_QUOTES);
    }
}

/* --- the loop ------------------------------------------------------------------------------- */

static void begin(struct request_parser *parser) {
    parser->count = 0;
    parser->position = 0;
    parser->searched = 0;
    if (UNLIKELY(parser->capacity > ARGS_KEPT_MAX)) {
        memory_release(parser->args);
        parser->args = NULL;
        parser->capacity = 0;
    }
    if (UNLIKELY(parser->scratch.capacity > SCRATCH_KEPT_MAX)) buffer_clear(&parser->scratch);
}

static enum step run_step(struct request_parser *parser, const struct request_limits *limits,
                          const char *data, size_t size) {
    switch ((enum state)parser->state) {
    case STATE_START:
        begin(parser);
        if (size == 0) return need_more(parser, 1);
        parser->state = data[0] == '*' ? STATE_COUNT : STATE_INLINE;
        return STEP_CONTINUE;
    case STATE_COUNT:
        return step_count(parser, limits, data, size);
    case STATE_BULKS:
        return step_bulks(parser, limits, data, size);
    case STATE_INLINE:
        return step_inline(parser, data, size);
    case STATE_BROKEN:
        break;
    }
    return STEP_ERROR;
}

enum request_status request_parse(struct request_parser *parser,
                                  const struct request_limits *limits, const char *data,
                                  size_t size) {
    CHECK(parser->state == STATE_START || parser->position <= size);
    parser->consumed = 0;
    parser->wanted = 0;
    if (size == 0) data = ""; /* an empty query buffer may be NULL */
    for (;;) {
        enum step step = run_step(parser, limits, data + parser->consumed, size - parser->consumed);
        switch (step) {
        case STEP_CONTINUE:
            break;
        case STEP_EMPTY:
            parser->consumed += parser->position;
            parser->state = STATE_START;
            break;
        case STEP_DONE:
            parser->consumed += parser->position;
            parser->state = STATE_START;
            return REQUEST_DONE;
        case STEP_NEED_MORE:
            return REQUEST_NEED_MORE;
        case STEP_ERROR:
            return REQUEST_ERROR;
        }
    }
}

void request_error(const struct request_parser *parser, char text[static REQUEST_ERROR_SIZE]) {
    CHECK(parser->state == STATE_BROKEN);
    if (parser->error == PROTOCOL_NO_DOLLAR) {
        char got = parser->unexpected == '\0' ? ' ' : (char)parser->unexpected;
        snprintf(text, REQUEST_ERROR_SIZE, "ERR Protocol error: expected '$', got '%c'", got);
        return;
    }
    snprintf(text, REQUEST_ERROR_SIZE, "ERR Protocol error: %s",
             protocol_error_texts[parser->error]);
}

bool request_is_partial(const struct request_parser *parser) {
    return parser->state != STATE_START;
}

size_t request_memory(const struct request_parser *parser) {
    return parser->capacity * sizeof(struct bytes) + parser->scratch.capacity;
}

void request_clear(struct request_parser *parser) {
    memory_release(parser->args);
    buffer_clear(&parser->scratch);
    *parser = (struct request_parser){0};
}
