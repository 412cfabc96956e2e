/* expiry.h: how commands turn their arguments into deadlines: SET EX, EXPIRE and the like. */
#pragma once

#include "storages/command.h"

/* value (seconds or milliseconds) after base_ms, in milliseconds since 1970; false if that is
 * beyond 64 bits. */
static inline bool expiry_deadline(int64_t value, bool is_seconds, int64_t base_ms,
                                   int64_t *deadline_ms) {
    if (is_seconds && __builtin_mul_overflow(value, (int64_t)1000, &value)) return false;
    return !__builtin_add_overflow(value, base_ms, deadline_ms);
}

static inline void expiry_reply_invalid(struct command_call *call) {
    reply_error_format(call->reply, "ERR invalid expire time in '%s' command", call->command->name);
}
