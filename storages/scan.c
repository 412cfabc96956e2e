/* scan.c: the parsing that SCAN and its relatives have in common, in Redis's order of errors. */
#include "storages/scan.h"

#include "base/glob.h"
#include "base/number.h"

static const int64_t default_count = 10;

/* As strtoul() reads it: a sign is allowed, and nothing at all is 0. */
static bool parse_cursor(struct bytes text, uint64_t *cursor) {
    if (text.size == 0) {
        *cursor = 0;
        return true;
    }
    bool has_sign = text.data[0] == '-' || text.data[0] == '+';
    struct bytes digits = bytes_slice(text, has_sign ? 1 : 0, text.size);
    while (digits.size > 1 && digits.data[0] == '0')
        digits = bytes_slice(digits, 1, digits.size);
    if (!number_parse_u64(digits, cursor)) return false;
    if (text.data[0] == '-') *cursor = -*cursor;
    return true;
}

bool scan_parse_cursor(struct command_call *call, uint32_t at, struct scan_request *request) {
    *request = (struct scan_request){.count = default_count};
    if (parse_cursor(call->args[at], &request->cursor)) return true;
    reply_error(call->reply, "ERR invalid cursor");
    return false;
}

bool scan_parse_options(struct command_call *call, uint32_t at, bool type_allowed,
                        struct scan_request *request) {
    for (; at < call->count; at += 2) {
        bool has_value = at + 1 < call->count;
        if (has_value && command_option(call, at, "count")) {
            if (!command_integer(call, at + 1, &request->count)) return false;
            if (request->count < 1) {
                reply_error(call->reply, REPLY_SYNTAX_ERROR);
                return false;
            }
        } else if (has_value && command_option(call, at, "match")) {
            request->pattern = call->args[at + 1];
            request->has_pattern = !bytes_equal(request->pattern, BYTES("*"));
        } else if (has_value && type_allowed && command_option(call, at, "type")) {
            request->type = call->args[at + 1];
            request->has_type = true;
        } else {
            reply_error(call->reply, REPLY_SYNTAX_ERROR);
            return false;
        }
    }
    return true;
}

bool scan_matches(const struct scan_request *request, struct bytes text) {
    return !request->has_pattern || glob_match(request->pattern, text, false);
}

struct scan_range scan_range(const struct scan_request *request, uint32_t span) {
    bool from_end = request->cursor == 0 || request->cursor > span;
    uint32_t start = from_end ? span : (uint32_t)request->cursor;
    uint32_t end = request->count < start ? start - (uint32_t)request->count : 0;
    return (struct scan_range){start, end};
}

void scan_reply_empty(struct command_call *call) {
    reply_array(call->reply, 2);
    reply_bulk(call->reply, BYTES("0"));
    reply_array(call->reply, 0);
}
