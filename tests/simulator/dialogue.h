/* dialogue.h: the commands of a history as a client sends them, and what their replies say.
 *
 * Pure. */
#pragma once

#include "base/buffer.h"
#include "resp/parse_reply.h"
#include "tests/simulator/history.h"

/* Appends a request: the words of a line, parted by single spaces. */
void dialogue_write(struct buffer *out, const char *words);
void dialogue_write_command(struct buffer *out, uint32_t object,
                            const struct history_command *command);

/* Fills in command->result. False: no such command answers like that. */
bool dialogue_read_result(const struct reply_value *value, struct history_command *command);

bool dialogue_is_error(const struct reply_value *value, const char *start);
bool dialogue_is_status(const struct reply_value *value, const char *text);
bool dialogue_is_null(const struct reply_value *value);
/* An error that says: what was asked was certainly not executed. */
bool dialogue_certainly_not(const struct reply_value *value);
