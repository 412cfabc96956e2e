/* dialogue.c: see dialogue.h. */
#include "tests/simulator/dialogue.h"

#include <stdio.h>
#include <stdlib.h>

/* --- asking --------------------------------------------------------------------------------- */

static void write_argument(struct buffer *out, struct bytes argument) {
    buffer_append_format(out, "$%zu\r\n", argument.size);
    buffer_append_bytes(out, argument);
    buffer_append(out, "\r\n", 2);
}

void dialogue_write(struct buffer *out, const char *words) {
    uint32_t count = 1;
    for (const char *at = words; *at != 0; at++)
        count += *at == ' ';
    buffer_append_format(out, "*%u\r\n", count);
    for (const char *at = words; *at != 0;) {
        size_t size = strcspn(at, " ");
        write_argument(out, bytes_of(at, size));
        at += size + (at[size] == ' ');
    }
}

/* One word of a call's request (history.h). */
static void write_word(struct buffer *out, struct bytes word, uint32_t object,
                       const struct history_command *command) {
    char text[64];
    size_t size = 0;
    for (size_t i = 0; i < word.size; i++) {
        char *at = text + size;
        size_t room = sizeof(text) - size;
        switch (word.data[i]) {
        case '#':
            size += (size_t)snprintf(at, room, "%u", object);
            break;
        case '@':
            size += history_token(command->argument, at).size;
            break;
        case '+':
            size += (size_t)snprintf(at, room, "%lld", (long long)command->argument);
            break;
        case '?':
            size += (size_t)snprintf(at, room, "m%u", command->member);
            break;
        case '~':
            size += (size_t)snprintf(at, room, "%u", command->span_ms);
            break;
        default:
            *at = word.data[i];
            size++;
        }
    }
    write_argument(out, bytes_of(text, size));
}

void dialogue_write_command(struct buffer *out, uint32_t object,
                            const struct history_command *command) {
    const char *request = history_call_request(command->call);
    uint32_t count = 1;
    for (const char *at = request; *at != 0; at++)
        count += *at == ' ';
    buffer_append_format(out, "*%u\r\n", count);
    for (const char *at = request; *at != 0;) {
        size_t size = strcspn(at, " ");
        write_word(out, bytes_of(at, size), object, command);
        at += size + (at[size] == ' ');
    }
}

/* --- being told ----------------------------------------------------------------------------- */

static bool begins_with(struct bytes text, const char *start) {
    size_t size = strlen(start);
    return text.size >= size && memcmp(text.data, start, size) == 0;
}

bool dialogue_is_error(const struct reply_value *value, const char *start) {
    return value->type == REPLY_ERROR && begins_with(value->text, start);
}

bool dialogue_is_status(const struct reply_value *value, const char *text) {
    return value->type == REPLY_SIMPLE && bytes_equal(value->text, bytes_of_text(text));
}

bool dialogue_certainly_not(const struct reply_value *value) {
    return dialogue_is_error(value, "CLUSTERDOWN") || dialogue_is_error(value, "LOADING") ||
           dialogue_is_error(value, "MISCONF") || dialogue_is_error(value, "EXECABORT");
}

bool dialogue_is_null(const struct reply_value *value) {
    return value->type == REPLY_NULL || value->type == REPLY_NULL_BULK ||
           value->type == REPLY_NULL_ARRAY;
}

static bool read_number(struct bytes text, int64_t *number) {
    char digits[24] = {0}, *end;
    if (text.size == 0 || text.size >= sizeof(digits)) return false;
    memcpy(digits, text.data, text.size);
    *number = strtoll(digits, &end, 10);
    return *end == 0;
}

static bool read_member(const struct reply_value *value, uint32_t *member) {
    if (value->type != REPLY_BULK || value->text.size != 2 || value->text.data[0] != 'm')
        return false;
    *member = (uint32_t)(unsigned char)value->text.data[1] - '0';
    return *member < HISTORY_MEMBER_COUNT;
}

static uint64_t chain_pair(uint64_t chain, uint32_t member, int64_t number) {
    return history_chain(history_chain(chain, member), number);
}

/* Members and their numbers, in the array's order; or in the members' order. */
static bool read_pairs(const struct reply_value *value, bool sorts, uint64_t *chain) {
    int64_t numbers[HISTORY_MEMBER_COUNT];
    bool present[HISTORY_MEMBER_COUNT] = {false};
    *chain = HISTORY_EMPTY;
    if (value->type != REPLY_ARRAY || value->count % 2 != 0) return false;
    for (size_t i = 0; i < value->count; i += 2) {
        uint32_t member;
        bool fits = read_member(&value->elements[i], &member) &&
                    read_number(value->elements[i + 1].text, &numbers[member]);
        if (!fits || present[member]) return false;
        present[member] = true;
        if (!sorts) *chain = chain_pair(*chain, member, numbers[member]);
    }
    for (uint32_t i = 0; sorts && i < HISTORY_MEMBER_COUNT; i++)
        if (present[i]) *chain = chain_pair(*chain, i, numbers[i]);
    return true;
}

static bool read_members(const struct reply_value *value, uint64_t *bits) {
    *bits = 0;
    if (value->type != REPLY_ARRAY) return false;
    for (size_t i = 0; i < value->count; i++) {
        uint32_t member;
        if (!read_member(&value->elements[i], &member) || (*bits >> member & 1)) return false;
        *bits |= (uint64_t)1 << member;
    }
    return true;
}

static bool read_texts(const struct reply_value *value, uint64_t *chain) {
    *chain = HISTORY_EMPTY;
    if (value->type != REPLY_ARRAY) return false;
    for (size_t i = 0; i < value->count; i++) {
        const struct reply_value *element = &value->elements[i];
        uint64_t text = dialogue_is_null(element) ? 0 : history_text(HISTORY_EMPTY, element->text);
        *chain = history_chain(*chain, (int64_t)text);
    }
    return true;
}

static bool read_tokens(const struct reply_value *value, uint64_t *chain) {
    *chain = HISTORY_EMPTY;
    if (value->type != REPLY_ARRAY) return false;
    for (size_t i = 0; i < value->count; i++)
        *chain = history_chain(*chain, history_token_of(value->elements[i].text));
    return true;
}

bool dialogue_read_result(const struct reply_value *value, struct history_command *command) {
    struct history_result *result = &command->result;
    *result = (struct history_result){.null = dialogue_is_null(value)};
    if (result->null) return true;
    int64_t number = 0;
    uint32_t member = 0;
    bool fits = false;
    switch (history_call_result(command->call)) {
    case HISTORY_STATUS:
        result->value = 1;
        return dialogue_is_status(value, "OK");
    case HISTORY_INTEGER:
        result->value = (uint64_t)value->integer;
        return value->type == REPLY_INTEGER;
    case HISTORY_NUMBER:
        fits = value->type == REPLY_BULK && read_number(value->text, &number);
        result->value = (uint64_t)number;
        return fits;
    case HISTORY_TEXT:
        result->value = history_text(HISTORY_EMPTY, value->text);
        return value->type == REPLY_BULK;
    case HISTORY_TOKEN:
        result->value = (uint64_t)history_token_of(value->text);
        return value->type == REPLY_BULK;
    case HISTORY_MEMBER:
        fits = read_member(value, &member);
        result->value = member;
        return fits;
    case HISTORY_TEXTS:
        return read_texts(value, &result->value);
    case HISTORY_TOKENS:
        return read_tokens(value, &result->value);
    case HISTORY_MEMBERS:
        return read_members(value, &result->value);
    case HISTORY_PAIRS:
        return read_pairs(value, true, &result->value);
    case HISTORY_SCORES:
        return read_pairs(value, false, &result->value);
    case HISTORY_POPPED:
        result->null = value->count == 0;
        return value->count <= 2 && read_pairs(value, false, &result->value);
    }
    return false;
}
