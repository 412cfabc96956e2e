/* parse_reply.c: recursive descent over the bytes, bounded in depth.
 *
 * Strict: a number has no leading zero or plus, a line ends with CR LF, a verbatim string has its
 * four-byte prefix. So what the parser takes, a strict client takes too. Streamed strings and
 * aggregates ("$?", "*?") are refused: no Redis sends them. */
#include "resp/parse_reply.h"

#include <math.h>

#include "base/memory.h"
#include "base/number.h"

#define REPLY_TYPE_NAME(type, name, byte) [type] = (name),
static const char *const type_names[] = {REPLY_TYPE_LIST(REPLY_TYPE_NAME)};
#undef REPLY_TYPE_NAME

#define REPLY_TYPE_BYTE(type, name, byte) [type] = (byte),
static const char type_bytes[] = {REPLY_TYPE_LIST(REPLY_TYPE_BYTE)};
#undef REPLY_TYPE_BYTE

struct cursor {
    struct bytes data;
    size_t at;
    unsigned depth;
};

const char *reply_type_name(enum reply_type type) {
    CHECK(type < REPLY_TYPE_COUNT);
    return type_names[type];
}

/* --- reading -------------------------------------------------------------------------------- */

static enum reply_status read_value(struct cursor *cursor, struct reply_value *value);

static bool find_type(char byte, enum reply_type *type) {
    for (unsigned i = 0; i < REPLY_TYPE_COUNT; i++) {
        if (type_bytes[i] == byte && byte != 0) {
            *type = (enum reply_type)i;
            return true;
        }
    }
    return false;
}

/* The bytes up to CR LF. A CR or LF alone is malformed. */
static enum reply_status read_line(struct cursor *cursor, struct bytes *line) {
    for (size_t i = cursor->at; i < cursor->data.size; i++) {
        char c = cursor->data.data[i];
        if (c == '\n') return REPLY_MALFORMED;
        if (c != '\r') continue;
        if (i + 1 == cursor->data.size) return REPLY_NEED_MORE;
        if (cursor->data.data[i + 1] != '\n') return REPLY_MALFORMED;
        *line = bytes_slice(cursor->data, cursor->at, i - cursor->at);
        cursor->at = i + 2;
        return REPLY_DONE;
    }
    return REPLY_NEED_MORE;
}

/* As many bytes as `size_text` says, and CR LF. */
static enum reply_status read_sized(struct cursor *cursor, struct bytes size_text,
                                    struct bytes *text) {
    uint64_t size;
    if (!number_parse_u64(size_text, &size) || size > SIZE_MAX / 2) return REPLY_MALFORMED;
    size_t rest = cursor->data.size - cursor->at;
    if (rest > size && cursor->data.data[cursor->at + size] != '\r') return REPLY_MALFORMED;
    if (rest < size + 2) return REPLY_NEED_MORE;
    if (cursor->data.data[cursor->at + size + 1] != '\n') return REPLY_MALFORMED;
    *text = bytes_slice(cursor->data, cursor->at, size);
    cursor->at += size + 2;
    return REPLY_DONE;
}

static bool is_format_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static enum reply_status read_bulk(struct cursor *cursor, struct bytes line,
                                   struct reply_value *value) {
    if (value->type == REPLY_BULK && bytes_equal(line, BYTES("-1"))) {
        value->type = REPLY_NULL_BULK;
        return REPLY_DONE;
    }
    enum reply_status status = read_sized(cursor, line, &value->text);
    if (status != REPLY_DONE || value->type != REPLY_VERBATIM) return status;

    if (value->text.size < 4 || value->text.data[3] != ':') return REPLY_MALFORMED;
    for (size_t i = 0; i < sizeof(value->format); i++) {
        if (!is_format_byte(value->text.data[i])) return REPLY_MALFORMED;
    }
    memcpy(value->format, value->text.data, 3);
    value->text = bytes_slice(value->text, 4, value->text.size);
    return REPLY_DONE;
}

/* Releases what hangs at the value, not the value itself. */
static void release_contents(struct reply_value *value) {
    for (size_t i = 0; i < value->count; i++)
        release_contents(&value->elements[i]);
    memory_release(value->elements);
    reply_value_destroy(value->attribute);
}

/* Memory grows with the elements that are there, not with the count that was announced. On failure
 * what has been read so far hangs at the value, for the caller to release. */
static enum reply_status read_elements(struct cursor *cursor, struct reply_value *value,
                                       uint64_t count) {
    size_t capacity = 0;
    while (value->count < count) {
        if (value->count == capacity) {
            capacity = capacity == 0 ? 4 : capacity * 2;
            if (capacity > count) capacity = (size_t)count;
            value->elements = memory_resize(value->elements, capacity * sizeof(*value->elements));
        }
        struct reply_value *element = &value->elements[value->count++];
        *element = (struct reply_value){0};
        enum reply_status status = read_value(cursor, element);
        if (status != REPLY_DONE) return status;
    }
    return REPLY_DONE;
}

static enum reply_status read_aggregate(struct cursor *cursor, struct bytes line,
                                        struct reply_value *value) {
    if (value->type == REPLY_ARRAY && bytes_equal(line, BYTES("-1"))) {
        value->type = REPLY_NULL_ARRAY;
        return REPLY_DONE;
    }
    uint64_t count;
    if (!number_parse_u64(line, &count) || count > UINT32_MAX) return REPLY_MALFORMED;
    if (value->type == REPLY_MAP || value->type == REPLY_ATTRIBUTE) count *= 2;
    if (value->type == REPLY_PUSH && count == 0) return REPLY_MALFORMED; /* it has no kind */

    if (cursor->depth == REPLY_DEPTH_MAX) return REPLY_MALFORMED;
    cursor->depth++;
    enum reply_status status = read_elements(cursor, value, count);
    cursor->depth--;
    return status;
}

static enum reply_status read_scalar(struct bytes line, struct reply_value *value) {
    value->text = line;
    bool valid = true;
    struct bytes digits = line;
    switch (value->type) {
    case REPLY_INTEGER:
        valid = number_parse_i64(line, &value->integer);
        break;
    case REPLY_DOUBLE:
        value->number = NAN;
        valid = bytes_equal(line, BYTES("nan")) || number_parse_double(line, &value->number);
        break;
    case REPLY_BOOLEAN:
        value->integer = bytes_equal(line, BYTES("t"));
        valid = value->integer == 1 || bytes_equal(line, BYTES("f"));
        break;
    case REPLY_BIG_NUMBER:
        if (digits.size > 0 && digits.data[0] == '-') digits = bytes_slice(line, 1, line.size);
        valid = digits.size > 0;
        for (size_t i = 0; i < digits.size; i++)
            valid = valid && digits.data[i] >= '0' && digits.data[i] <= '9';
        break;
    case REPLY_NULL:
        valid = line.size == 0;
        break;
    default: /* simple strings and errors: any line */
        break;
    }
    return valid ? REPLY_DONE : REPLY_MALFORMED;
}

static enum reply_status read_typed(struct cursor *cursor, struct reply_value *value) {
    if (cursor->at == cursor->data.size) return REPLY_NEED_MORE;
    if (!find_type(cursor->data.data[cursor->at], &value->type)) return REPLY_MALFORMED;
    cursor->at++;

    struct bytes line;
    enum reply_status status = read_line(cursor, &line);
    if (status != REPLY_DONE) return status;
    switch (value->type) {
    case REPLY_BULK:
    case REPLY_BULK_ERROR:
    case REPLY_VERBATIM:
        return read_bulk(cursor, line, value);
    case REPLY_ARRAY:
    case REPLY_MAP:
    case REPLY_SET:
    case REPLY_ATTRIBUTE:
    case REPLY_PUSH:
        return read_aggregate(cursor, line, value);
    default:
        return read_scalar(line, value);
    }
}

/* A value with the attribute that may precede it; an attribute has none of its own. */
static enum reply_status read_value(struct cursor *cursor, struct reply_value *value) {
    enum reply_status status = read_typed(cursor, value);
    if (status != REPLY_DONE || value->type != REPLY_ATTRIBUTE) return status;

    struct reply_value *attribute = memory_allocate(sizeof(*attribute));
    *attribute = *value;
    *value = (struct reply_value){.attribute = attribute};
    status = read_typed(cursor, value);
    if (status == REPLY_DONE && value->type == REPLY_ATTRIBUTE) return REPLY_MALFORMED;
    return status;
}

enum reply_status parse_reply(struct bytes data, struct reply_value **value, size_t *consumed) {
    struct cursor cursor = {.data = data};
    struct reply_value *root = memory_allocate_zeroed(sizeof(*root));
    enum reply_status status = read_value(&cursor, root);
    if (status != REPLY_DONE) {
        reply_value_destroy(root);
        return status;
    }
    *value = root;
    *consumed = cursor.at;
    return REPLY_DONE;
}

void reply_value_destroy(struct reply_value *value) {
    if (value == NULL) return;
    release_contents(value);
    memory_release(value);
}

/* --- the dump ------------------------------------------------------------------------------- */

void reply_dump_text(struct bytes text, struct buffer *out) {
    buffer_append_byte(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        switch (c) {
        case '\r':
            buffer_append(out, "\\r", 2);
            break;
        case '\n':
            buffer_append(out, "\\n", 2);
            break;
        case '\t':
            buffer_append(out, "\\t", 2);
            break;
        case '"':
        case '\\':
            buffer_append_byte(out, '\\');
            buffer_append_byte(out, c);
            break;
        default:
            if (c >= ' ' && c <= '~') {
                buffer_append_byte(out, c);
            } else {
                buffer_append_format(out, "\\x%02x", (unsigned)(unsigned char)c);
            }
        }
    }
    buffer_append_byte(out, '"');
}

static void dump_elements(const struct reply_value *value, const char *brackets,
                          struct buffer *out) {
    bool pairs = value->type == REPLY_MAP || value->type == REPLY_ATTRIBUTE;
    buffer_append_byte(out, brackets[0]);
    for (size_t i = 0; i < value->count; i++) {
        if (i > 0) buffer_append(out, pairs && i % 2 == 1 ? ": " : ", ", 2);
        reply_value_dump(&value->elements[i], out);
    }
    buffer_append_byte(out, brackets[1]);
}

static void append_text(struct buffer *out, const char *text) {
    buffer_append(out, text, strlen(text));
}

void reply_value_dump(const struct reply_value *value, struct buffer *out) {
    if (value->attribute != NULL) {
        reply_value_dump(value->attribute, out);
        buffer_append_byte(out, ' ');
    }
    /* Where two types look alike, the type byte tells them apart, as on the wire. */
    switch (value->type) {
    case REPLY_SIMPLE:
    case REPLY_ERROR:
    case REPLY_BULK_ERROR:
        buffer_append_byte(out, type_bytes[value->type]);
        reply_dump_text(value->text, out);
        break;
    case REPLY_BULK:
        reply_dump_text(value->text, out);
        break;
    case REPLY_VERBATIM:
        for (size_t i = 0; i < sizeof(value->format); i++)
            buffer_append_byte(out, value->format[i]);
        buffer_append_byte(out, ':');
        reply_dump_text(value->text, out);
        break;
    case REPLY_DOUBLE:
    case REPLY_BIG_NUMBER:
        buffer_append_byte(out, type_bytes[value->type]);
        buffer_append_bytes(out, value->text);
        break;
    case REPLY_INTEGER:
        buffer_append_bytes(out, value->text);
        break;
    case REPLY_BOOLEAN:
        append_text(out, value->integer ? "true" : "false");
        break;
    case REPLY_NULL:
        append_text(out, "null");
        break;
    case REPLY_NULL_BULK:
        append_text(out, "null-bulk");
        break;
    case REPLY_NULL_ARRAY:
        append_text(out, "null-array");
        break;
    case REPLY_ARRAY:
        dump_elements(value, "[]", out);
        break;
    case REPLY_MAP:
        dump_elements(value, "{}", out);
        break;
    case REPLY_SET:
    case REPLY_PUSH:
        buffer_append_byte(out, type_bytes[value->type]);
        dump_elements(value, "[]", out);
        break;
    case REPLY_ATTRIBUTE:
        buffer_append_byte(out, type_bytes[value->type]);
        dump_elements(value, "{}", out);
        break;
    case REPLY_TYPE_COUNT:
        CHECK(false);
    }
}

bool reply_value_equal(const struct reply_value *a, const struct reply_value *b) {
    if (a->type != b->type || a->count != b->count) return false;
    if (!bytes_equal(a->text, b->text)) return false;
    if (memcmp(a->format, b->format, sizeof(a->format)) != 0) return false;
    if ((a->attribute == NULL) != (b->attribute == NULL)) return false;
    if (a->attribute != NULL && !reply_value_equal(a->attribute, b->attribute)) return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!reply_value_equal(&a->elements[i], &b->elements[i])) return false;
    }
    return true;
}
