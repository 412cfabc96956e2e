/* config_text.c: see config_text.h. The grammar is redis.conf's own: one directive a line, words
 * between spaces, C-like escapes in double quotes. */
#include "src/server/config_text.h"

#include "base/number.h"

void config_words_clear(struct config_words *words) {
    buffer_clear(&words->text);
    words->count = 0;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f' || c == '\0';
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static char escaped(char c) {
    static const char from[] = "nrtba", to[] = "\n\r\t\b\a";
    const char *at = memchr(from, c, sizeof(from) - 1);
    return at == NULL ? c : to[at - from];
}

/* Reads behind an opening quote up to and with the closing one; false if there is none. */
static bool read_double_quoted(struct bytes line, size_t *at, struct buffer *out) {
    while (*at < line.size) {
        const char *text = line.data + *at;
        size_t left = line.size - *at;
        if (text[0] == '"') {
            *at += 1;
            return true;
        }
        if (text[0] == '\\' && left >= 4 && text[1] == 'x' && hex_digit(text[2]) >= 0 &&
            hex_digit(text[3]) >= 0) {
            buffer_append_byte(out, (char)(hex_digit(text[2]) * 16 + hex_digit(text[3])));
            *at += 4;
        } else if (text[0] == '\\' && left >= 2) {
            buffer_append_byte(out, escaped(text[1]));
            *at += 2;
        } else {
            buffer_append_byte(out, text[0]);
            *at += 1;
        }
    }
    return false;
}

static bool read_single_quoted(struct bytes line, size_t *at, struct buffer *out) {
    while (*at < line.size) {
        const char *text = line.data + *at;
        if (text[0] == '\'') {
            *at += 1;
            return true;
        }
        bool is_escape = text[0] == '\\' && line.size - *at >= 2 && text[1] == '\'';
        buffer_append_byte(out, is_escape ? '\'' : text[0]);
        *at += is_escape ? 2 : 1;
    }
    return false;
}

/* One word; a quoted part has to be its last. */
static bool read_word(struct bytes line, size_t *at, struct buffer *out) {
    while (*at < line.size && !is_space(line.data[*at])) {
        char c = line.data[*at];
        if (c == '"' || c == '\'') {
            *at += 1;
            bool closed =
                c == '"' ? read_double_quoted(line, at, out) : read_single_quoted(line, at, out);
            return closed && (*at == line.size || is_space(line.data[*at]));
        }
        buffer_append_byte(out, c);
        *at += 1;
    }
    return true;
}

bool config_split(struct bytes line, struct config_words *words) {
    words->text.size = 0;
    words->count = 0;
    /* A word is never longer than what it was written as: the text below does not move. */
    buffer_reserve(&words->text, line.size + 1);
    for (size_t at = 0; at < line.size;) {
        if (is_space(line.data[at])) {
            at++;
            continue;
        }
        if (words->count == CONFIG_WORDS_MAX) return false;
        size_t start = words->text.size;
        if (!read_word(line, &at, &words->text)) return false;
        words->at[words->count++] = bytes_of(words->text.data + start, words->text.size - start);
    }
    return true;
}

void config_print_quoted(struct buffer *out, struct bytes word) {
    static const char escaped[] = "\n\r\t\a\b\"\\", letters[] = "nrtab\"\\";
    buffer_append_byte(out, '"');
    for (size_t i = 0; i < word.size; i++) {
        char c = word.data[i];
        const char *found = c == '\0' ? NULL : strchr(escaped, c);
        if (found != NULL)
            buffer_append_format(out, "\\%c", letters[found - escaped]);
        else if (c >= ' ' && c < 127)
            buffer_append_byte(out, c);
        else
            buffer_append_format(out, "\\x%02x", (unsigned char)c);
    }
    buffer_append_byte(out, '"');
}

void config_quote(struct buffer *out, struct bytes word) {
    bool plain = word.size > 0 && word.data[0] != '#';
    for (size_t i = 0; i < word.size; i++) {
        char c = word.data[i];
        plain = plain && c > ' ' && c < 127 && c != '"' && c != '\'' && c != '\\';
    }
    if (plain) {
        buffer_append_bytes(out, word);
        return;
    }
    config_print_quoted(out, word);
}

struct bytes config_trimmed(struct bytes line) {
    while (line.size > 0 && is_space(line.data[0]))
        line = bytes_slice(line, 1, line.size);
    while (line.size > 0 && is_space(line.data[line.size - 1]))
        line.size--;
    return line;
}

bool config_next_line(struct bytes *rest, struct bytes *line) {
    if (rest->size == 0) return false;
    const char *end = memchr(rest->data, '\n', rest->size);
    size_t size = end == NULL ? rest->size : (size_t)(end - rest->data);
    *line = config_trimmed(bytes_of(rest->data, size));
    *rest = bytes_slice(*rest, end == NULL ? size : size + 1, rest->size);
    return true;
}

/* --- addresses ------------------------------------------------------------------------------- */

bool config_parse_address(struct bytes text, struct config_address *address) {
    if (text.size == 0 || text.size > 300) return false;
    const char *colon = memrchr(text.data, ':', text.size);
    if (colon == NULL) return false;
    size_t host_size = (size_t)(colon - text.data);
    int64_t port;
    if (!number_parse_i64(bytes_slice(text, host_size + 1, text.size), &port) || port < 1 ||
        port > UINT16_MAX)
        return false;
    struct bytes host = bytes_slice(text, 0, host_size);
    if (host.size >= 2 && host.data[0] == '[' && host.data[host.size - 1] == ']')
        host = bytes_slice(host, 1, host.size - 2);
    if (host.size == 0) return false;
    for (size_t i = 0; i < host.size; i++)
        if (is_space(host.data[i])) return false;
    *address = (struct config_address){.host = host, .port = (uint16_t)port};
    return true;
}

bool config_next_address(struct bytes *rest, struct config_address *address) {
    const char *comma = memchr(rest->data, ',', rest->size);
    size_t size = comma == NULL ? rest->size : (size_t)(comma - rest->data);
    struct bytes first = config_trimmed(bytes_slice(*rest, 0, size));
    *rest = bytes_slice(*rest, comma == NULL ? size : size + 1, rest->size);
    return config_parse_address(first, address);
}
