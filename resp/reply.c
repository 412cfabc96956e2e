/* reply.c: each reply reserves its room once and is written in place; the common ones are a few
 * moves. Where the protocols differ, one function holds both forms. */
#include "resp/reply.h"

#include "base/number.h"

/* A type byte, a decimal number, CR LF. */
enum { HEADER_MAX = 1 + NUMBER_TEXT_MAX + 2 };

static char *print_line_end(char *at) {
    memcpy(at, "\r\n", 2);
    return at + 2;
}

static char *print_header(char *at, char type, uint64_t count) {
    *at++ = type;
    if (count < 10) { /* most arrays and bulks are short */
        *at++ = (char)('0' + count);
    } else {
        at += number_print_u64(at, count);
    }
    return print_line_end(at);
}

static void append_header(struct reply *reply, char type, uint64_t count) {
    if (reply->out == NULL) return;
    char *start = buffer_reserve(reply->out, HEADER_MAX);
    reply->out->size += (size_t)(print_header(start, type, count) - start);
}

/* "<type><text>\r\n" */
static void append_line(struct reply *reply, char type, struct bytes text) {
    if (reply->out == NULL) return;
    char *start = buffer_reserve(reply->out, text.size + 3);
    start[0] = type;
    memcpy(start + 1, text.data, text.size);
    print_line_end(start + 1 + text.size);
    reply->out->size += text.size + 3;
}

void reply_simple(struct reply *reply, const char *text) {
    append_line(reply, '+', bytes_of_text(text));
}

static bool is_line_end(char c) {
    return c == '\r' || c == '\n';
}

/* The place of the code that `text` begins with; made if it is new. */
static struct reply_error_count *find_error_count(struct reply_error_counts *counts,
                                                  struct bytes text) {
    char code[REPLY_ERROR_CODE_SIZE] = "";
    bool is_last = counts->used == REPLY_ERROR_CODES_MAX - 1;
    for (size_t i = 0; i < text.size && i < sizeof(code) - 1 && text.data[i] != ' '; i++)
        code[i] = text.data[i];
    uint32_t at = 0;
    while (at < counts->used && strcmp(counts->counts[at].code, code) < 0)
        at++;
    if (at < counts->used && strcmp(counts->counts[at].code, code) == 0) return &counts->counts[at];
    if (counts->used == REPLY_ERROR_CODES_MAX || is_last) {
        counts->used = REPLY_ERROR_CODES_MAX;
        struct reply_error_count *others = &counts->counts[REPLY_ERROR_CODES_MAX - 1];
        memcpy(others->code, "~others", sizeof("~others")); /* sorts behind every code */
        return others;
    }
    memmove(&counts->counts[at + 1], &counts->counts[at],
            (counts->used - at) * sizeof(counts->counts[0]));
    counts->used++;
    counts->counts[at].count = 0;
    memcpy(counts->counts[at].code, code, sizeof(code));
    return &counts->counts[at];
}

static void count_error(struct reply *reply, struct bytes text) {
    reply->errors++;
    if (reply->error_counts != NULL) find_error_count(reply->error_counts, text)->count++;
}

static void append_error(struct reply *reply, struct bytes text) {
    count_error(reply, text);
    if (reply->out == NULL) return;
    while (text.size > 0 && is_line_end(text.data[0]))
        text = bytes_slice(text, 1, text.size);
    while (text.size > 0 && is_line_end(text.data[text.size - 1]))
        text.size--;

    append_line(reply, '-', text);
    char *written = reply->out->data + reply->out->size - text.size - 2;
    for (size_t i = 0; i < text.size; i++) {
        if (is_line_end(written[i])) written[i] = ' ';
    }
}

void reply_error(struct reply *reply, const char *text) {
    append_error(reply, bytes_of_text(text));
}

void reply_error_format(struct reply *reply, const char *format, ...) {
    if (reply->out == NULL) {
        count_error(reply, bytes_of_text(format));
        return;
    }
    struct buffer text = {0};
    va_list arguments;
    va_start(arguments, format);
    buffer_append_format_list(&text, format, arguments);
    va_end(arguments);
    append_error(reply, buffer_bytes(&text));
    buffer_clear(&text);
}

void reply_integer(struct reply *reply, int64_t value) {
    if (reply->out == NULL) return;
    char *start = buffer_reserve(reply->out, HEADER_MAX);
    if (value >= 0) {
        reply->out->size += (size_t)(print_header(start, ':', (uint64_t)value) - start);
        return;
    }
    *start = ':';
    char *end = start + 1 + number_print_i64(start + 1, value);
    reply->out->size += (size_t)(print_line_end(end) - start);
}

void reply_bulk(struct reply *reply, struct bytes bytes) {
    if (reply->out == NULL) return;
    char *start = buffer_reserve(reply->out, HEADER_MAX + bytes.size + 2);
    char *at = print_header(start, '$', bytes.size);
    if (bytes.size > 0) memcpy(at, bytes.data, bytes.size);
    at = print_line_end(at + bytes.size);
    reply->out->size += (size_t)(at - start);
}

void reply_bulk_text(struct reply *reply, const char *text) {
    reply_bulk(reply, bytes_of_text(text));
}

void reply_bulk_integer(struct reply *reply, int64_t value) {
    char text[NUMBER_TEXT_MAX];
    reply_bulk(reply, bytes_of(text, number_print_i64(text, value)));
}

void reply_double(struct reply *reply, double value) {
    if (reply->out == NULL) return;
    char text[NUMBER_DOUBLE_TEXT_MAX];
    struct bytes printed = {text, number_print_double(text, value)};
    if (reply->protocol == 2) {
        reply_bulk(reply, printed);
    } else {
        append_line(reply, ',', printed);
    }
}

void reply_bulk_long_double(struct reply *reply, long double value) {
    if (reply->out == NULL) return;
    char text[NUMBER_LONG_DOUBLE_TEXT_MAX];
    reply_bulk(reply, bytes_of(text, number_print_long_double(text, value)));
}

void reply_boolean(struct reply *reply, bool value) {
    if (reply->protocol == 2) {
        reply_integer(reply, value);
    } else {
        append_line(reply, '#', value ? BYTES("t") : BYTES("f"));
    }
}

void reply_verbatim(struct reply *reply, const char *format, struct bytes text) {
    if (reply->protocol == 2) {
        reply_bulk(reply, text);
        return;
    }
    CHECK(strlen(format) == 3);
    append_header(reply, '=', text.size + 4);
    reply_raw(reply, bytes_of(format, 3));
    REPLY_RAW(reply, ":");
    reply_raw(reply, text);
    REPLY_RAW(reply, "\r\n");
}

void reply_big_number(struct reply *reply, struct bytes digits) {
    if (reply->protocol == 2) {
        reply_bulk(reply, digits);
    } else {
        append_line(reply, '(', digits);
    }
}

/* An aggregate's type byte and how many elements or pairs its header names. */
struct aggregate {
    char type;
    uint64_t count;
};

static struct aggregate array_header(uint64_t count) {
    return (struct aggregate){'*', count};
}

static struct aggregate map_header(const struct reply *reply, uint64_t pairs) {
    return reply->protocol == 2 ? array_header(pairs * 2) : (struct aggregate){'%', pairs};
}

static struct aggregate set_header(const struct reply *reply, uint64_t count) {
    return reply->protocol == 2 ? array_header(count) : (struct aggregate){'~', count};
}

static void append_aggregate(struct reply *reply, struct aggregate header) {
    append_header(reply, header.type, header.count);
}

void reply_array(struct reply *reply, uint64_t count) {
    append_aggregate(reply, array_header(count));
}

void reply_map(struct reply *reply, uint64_t pairs) {
    append_aggregate(reply, map_header(reply, pairs));
}

void reply_set(struct reply *reply, uint64_t count) {
    append_aggregate(reply, set_header(reply, count));
}

void reply_push(struct reply *reply, uint64_t count) {
    append_header(reply, reply->protocol == 2 ? '*' : '>', count);
}

void reply_attribute(struct reply *reply, uint64_t pairs) {
    CHECK(reply->protocol == 3);
    append_header(reply, '|', pairs);
}

size_t reply_deferred_open(const struct reply *reply) {
    return reply->out == NULL ? 0 : reply->out->size;
}

static void insert_aggregate(struct reply *reply, size_t mark, struct aggregate header) {
    struct buffer *out = reply->out;
    if (out == NULL) return;
    CHECK(mark <= out->size);
    char text[HEADER_MAX];
    size_t size = (size_t)(print_header(text, header.type, header.count) - text);
    buffer_reserve(out, size);
    memmove(out->data + mark + size, out->data + mark, out->size - mark);
    memcpy(out->data + mark, text, size);
    out->size += size;
}

void reply_deferred_array(struct reply *reply, size_t mark, uint64_t count) {
    insert_aggregate(reply, mark, array_header(count));
}

void reply_deferred_map(struct reply *reply, size_t mark, uint64_t pairs) {
    insert_aggregate(reply, mark, map_header(reply, pairs));
}

void reply_deferred_set(struct reply *reply, size_t mark, uint64_t count) {
    insert_aggregate(reply, mark, set_header(reply, count));
}
