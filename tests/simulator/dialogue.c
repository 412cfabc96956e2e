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

void dialogue_write_command(struct buffer *out, uint32_t object,
                            const struct history_command *command) {
    static const char *const forms[] = {
        [HISTORY_SET] = "SET r%u %s",       [HISTORY_SETNX] = "SET r%u %s NX",
        [HISTORY_GETSET] = "GETSET r%u %s", [HISTORY_APPEND] = "APPEND r%u %s",
        [HISTORY_GET] = "GET r%u",          [HISTORY_DEL] = "DEL r%u",
        [HISTORY_INCRBY] = "INCRBY c%u %s", [HISTORY_COUNT] = "GET c%u",
        [HISTORY_LPUSH] = "LPUSH l%u %s",   [HISTORY_RPUSH] = "RPUSH l%u %s",
        [HISTORY_LPOP] = "LPOP l%u",        [HISTORY_RPOP] = "RPOP l%u",
        [HISTORY_LLEN] = "LLEN l%u",        [HISTORY_LRANGE] = "LRANGE l%u 0 -1",
    };
    char argument[HISTORY_TOKEN_SIZE], words[96];
    if (command->call == HISTORY_INCRBY) {
        snprintf(argument, sizeof(argument), "%lld", (long long)command->argument);
    } else {
        (void)history_token(command->argument, argument);
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(words, sizeof(words), forms[command->call], object, argument);
#pragma GCC diagnostic pop
    dialogue_write(out, words);
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

bool dialogue_read_result(const struct reply_value *value, struct history_command *command) {
    struct history_result *result = &command->result;
    *result = (struct history_result){.null = dialogue_is_null(value)};
    switch (command->call) {
    case HISTORY_SET:
    case HISTORY_SETNX:
        result->value = 1;
        return result->null || dialogue_is_status(value, "OK");
    case HISTORY_GET:
    case HISTORY_GETSET:
        result->value = history_text(HISTORY_EMPTY, value->text);
        return result->null || value->type == REPLY_BULK;
    case HISTORY_COUNT: {
        char text[24] = {0};
        if (value->text.size >= sizeof(text)) return false;
        if (value->text.size > 0) memcpy(text, value->text.data, value->text.size);
        result->value = (uint64_t)strtoll(text, NULL, 10);
        return result->null || value->type == REPLY_BULK;
    }
    case HISTORY_LPOP:
    case HISTORY_RPOP:
        result->value = (uint64_t)history_token_of(value->text);
        return result->null || value->type == REPLY_BULK;
    case HISTORY_LRANGE:
        result->value = HISTORY_EMPTY;
        for (size_t i = 0; value->type == REPLY_ARRAY && i < value->count; i++) {
            int64_t token = history_token_of(value->elements[i].text);
            result->value = history_chain(result->value, token);
        }
        return value->type == REPLY_ARRAY;
    case HISTORY_APPEND:
    case HISTORY_DEL:
    case HISTORY_INCRBY:
    case HISTORY_LPUSH:
    case HISTORY_RPUSH:
    case HISTORY_LLEN:
        result->value = (uint64_t)value->integer;
        return value->type == REPLY_INTEGER;
    case HISTORY_CALL_COUNT:
        break;
    }
    return false;
}
