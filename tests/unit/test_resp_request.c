/* The request parser: what it makes of input, wherever the input is cut.
 *
 * The expected outcomes are those of a real Redis 7.0.15, asked byte for byte, unless the case says
 * otherwise. Each piece of input is handed over in a fresh block of exactly its size, so a parser
 * that read too far or kept an address would be caught by the sanitizers. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "resp/request.h"

static const struct request_limits ordinary = {.bulk_max = 512 * 1024 * 1024,
                                               .args_max = REQUEST_ARGS_MAX};
static const struct request_limits unauthenticated = {
    .bulk_max = 512 * 1024 * 1024, .args_max = REQUEST_ARGS_MAX, .unauthenticated = true};
static const struct request_limits small = {.bulk_max = 5, .args_max = 3};

/* A connection that notes what came out: arguments as <…>, a command's end as ';', an error as
 * "!text", at the end '…' if a command is incomplete. */
struct connection {
    struct request_parser parser;
    const struct request_limits *limits;
    struct buffer pending; /* received, not consumed */
    struct buffer outcome;
    bool broken;
    size_t moves; /* how often a command was continued in another block */
};

static void note_command(struct connection *connection) {
    cr_assert_gt(connection->parser.count, 0);
    for (uint32_t i = 0; i < connection->parser.count; i++) {
        buffer_append_byte(&connection->outcome, '<');
        buffer_append_bytes(&connection->outcome, connection->parser.args[i]);
        buffer_append_byte(&connection->outcome, '>');
    }
    buffer_append_byte(&connection->outcome, ';');
}

static void receive(struct connection *connection, struct bytes piece) {
    buffer_append_bytes(&connection->pending, piece);
    for (;;) {
        size_t size = connection->pending.size;
        char *block = malloc(size);
        if (size > 0) memcpy(block, connection->pending.data, size);
        enum request_status status =
            request_parse(&connection->parser, connection->limits, block, size);
        if (status == REQUEST_DONE) note_command(connection);
        if (status == REQUEST_ERROR && !connection->broken) {
            char text[REQUEST_ERROR_SIZE];
            request_error(&connection->parser, text);
            buffer_append_byte(&connection->outcome, '!');
            buffer_append(&connection->outcome, text, strlen(text));
            connection->broken = true;
        }
        if (status == REQUEST_NEED_MORE) {
            cr_expect_gt(connection->parser.wanted, 0);
            if (request_is_partial(&connection->parser)) connection->moves++;
        }
        buffer_consume(&connection->pending, connection->parser.consumed);
        free(block);
        if (status != REQUEST_DONE) return;
    }
}

static void finish(struct connection *connection) {
    if (!connection->broken && request_is_partial(&connection->parser)) {
        buffer_append(&connection->outcome, "…", strlen("…"));
    }
    if (!request_is_partial(&connection->parser)) cr_expect_eq(connection->pending.size, 0);
    request_clear(&connection->parser);
    buffer_clear(&connection->pending);
}

/* Hands over `input` in three pieces, cut at these two places, or byte by byte if first_cut is
 * beyond the end; expects `outcome`. */
static void expect_outcome(const char *name, const struct request_limits *limits,
                           struct bytes input, size_t first_cut, size_t second_cut,
                           struct bytes outcome) {
    struct connection connection = {.limits = limits};
    if (first_cut > input.size) {
        for (size_t i = 0; i < input.size; i++)
            receive(&connection, bytes_slice(input, i, 1));
    } else {
        receive(&connection, bytes_slice(input, 0, first_cut));
        receive(&connection, bytes_slice(input, first_cut, second_cut - first_cut));
        receive(&connection, bytes_slice(input, second_cut, input.size));
    }
    finish(&connection);
    cr_assert(bytes_equal(buffer_bytes(&connection.outcome), outcome),
              "%s, cut at %zu and %zu: %.*s", name, first_cut, second_cut,
              (int)connection.outcome.size, connection.outcome.data);
    buffer_clear(&connection.outcome);
}

#define PING "*1\r\n$4\r\nPING\r\n"
#define ERROR "!ERR Protocol error: "

static const struct {
    const char *name;
    const struct request_limits *limits;
    struct bytes input, outcome;
} cases[] = {
    {"nothing", &ordinary, BYTES(""), BYTES("")},
    {"a command", &ordinary, BYTES(PING), BYTES("<PING>;")},
    {"a pipeline", &ordinary, BYTES("*2\r\n$3\r\nGET\r\n$1\r\na\r\n" PING "PING\r\n" PING),
     BYTES("<GET><a>;<PING>;<PING>;<PING>;")},
    {"an empty argument", &ordinary, BYTES("*2\r\n$4\r\nECHO\r\n$0\r\n\r\n"), BYTES("<ECHO><>;")},
    {"line ends within an argument", &ordinary, BYTES("*1\r\n$6\r\n\r\n\0\r\n*\r\n"),
     BYTES("<\r\n\0\r\n*>;")},
    {"two digits", &ordinary,
     BYTES("*12\r\n$10\r\n0123456789\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n"
           "$1\r\nf\r\n$1\r\ng\r\n$1\r\nh\r\n$1\r\ni\r\n$1\r\nj\r\n$1\r\nk\r\n"),
     BYTES("<0123456789><a><b><c><d><e><f><g><h><i><j><k>;")},
    {"empty requests are skipped", &ordinary,
     BYTES("*0\r\n*-1\r\n\r\n\n*-9\r\n  \r\n*-9223372036854775808\r\n" PING), BYTES("<PING>;")},
    {"only empty requests", &ordinary, BYTES("\r\n*0\r\n\n"), BYTES("")},
    {"incomplete count", &ordinary, BYTES("*1\r"), BYTES("…")},
    {"incomplete header", &ordinary, BYTES("*1\r\n$4"), BYTES("…")},
    {"incomplete argument", &ordinary, BYTES("*1\r\n$4\r\nPIN"), BYTES("…")},
    {"incomplete line end", &ordinary, BYTES("*1\r\n$4\r\nPING\r"), BYTES("…")},
    {"incomplete inline", &ordinary, BYTES(PING "PING"), BYTES("<PING>;…")},
    {"the byte behind a CR is not looked at", &ordinary, BYTES("*1\rX$4\rYPINGzz" PING),
     BYTES("<PING>;<PING>;")},
    {"LF alone does not end a count", &ordinary, BYTES("*1\n$4\nPING\n"), BYTES("…")},
    {"count: letters", &ordinary, BYTES("*x\r\n"), BYTES(ERROR "invalid multibulk length")},
    {"count: nothing", &ordinary, BYTES("*\r\n"), BYTES(ERROR "invalid multibulk length")},
    {"count: plus", &ordinary, BYTES("*+1\r\n"), BYTES(ERROR "invalid multibulk length")},
    {"count: leading zero", &ordinary, BYTES("*01\r\n"), BYTES(ERROR "invalid multibulk length")},
    {"count: space", &ordinary, BYTES("* 1\r\n"), BYTES(ERROR "invalid multibulk length")},
    {"count: minus zero", &ordinary, BYTES("*-0\r\n"), BYTES(ERROR "invalid multibulk length")},
    {"count: beyond 64 bits", &ordinary, BYTES("*-9223372036854775809\r\n"),
     BYTES(ERROR "invalid multibulk length")},
    {"count: our bound", &ordinary, BYTES("*1048576\r\n$1\r\na\r\n"), BYTES("…")},
    {"count: beyond our bound (Redis: 2147483647)", &ordinary, BYTES("*1048577\r\n"),
     BYTES(ERROR "invalid multibulk length")},
    {"count: a small bound", &small, BYTES("*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n*4\r\n"),
     BYTES("<a><b><c>;" ERROR "invalid multibulk length")},
    {"bulk: letters", &ordinary, BYTES(PING "*1\r\n$x\r\n" PING),
     BYTES("<PING>;" ERROR "invalid bulk length")},
    {"bulk: nothing", &ordinary, BYTES("*1\r\n$\r\n"), BYTES(ERROR "invalid bulk length")},
    {"bulk: negative", &ordinary, BYTES("*1\r\n$-1\r\n"), BYTES(ERROR "invalid bulk length")},
    {"bulk: minus zero", &ordinary, BYTES("*1\r\n$-0\r\n"), BYTES(ERROR "invalid bulk length")},
    {"bulk: leading zero", &ordinary, BYTES("*1\r\n$04\r\n"), BYTES(ERROR "invalid bulk length")},
    {"bulk: the bound", &ordinary, BYTES("*1\r\n$536870912\r\n"), BYTES("…")},
    {"bulk: beyond the bound", &ordinary, BYTES("*1\r\n$536870913\r\n"),
     BYTES(ERROR "invalid bulk length")},
    {"bulk: a small bound", &small, BYTES("*1\r\n$5\r\nabcde\r\n*1\r\n$6\r\n"),
     BYTES("<abcde>;" ERROR "invalid bulk length")},
    {"bulk: beyond 64 bits", &ordinary, BYTES("*1\r\n$9999999999999999999999\r\n"),
     BYTES(ERROR "invalid bulk length")},
    {"bulk: wrong type", &ordinary, BYTES("*1\r\n+4\r\nPING\r\n"),
     BYTES(ERROR "expected '$', got '+'")},
    {"bulk: wrong type, not ASCII", &ordinary, BYTES("*1\r\n\xffPING\r\n"),
     BYTES(ERROR "expected '$', got '\xff'")},
    {"bulk: wrong type, zero byte (Redis waits for ever)", &ordinary, BYTES("*1\r\n\0PING\r\n"),
     BYTES(ERROR "expected '$', got ' '")},
    {"bulk: an empty line", &ordinary, BYTES("*1\r\n\r\n"), BYTES(ERROR "expected '$', got '\r'")},
    {"bulk: wrong type is told at the line's end", &ordinary, BYTES("*1\r\nx"), BYTES("…")},
    {"unauthenticated: bounds", &unauthenticated, BYTES("*10\r\n$16384\r\n"), BYTES("…")},
    {"unauthenticated: count", &unauthenticated, BYTES("*11\r\n"),
     BYTES(ERROR "unauthenticated multibulk length")},
    {"unauthenticated: bulk", &unauthenticated, BYTES("*1\r\n$16385\r\n"),
     BYTES(ERROR "unauthenticated bulk length")},
    {"unauthenticated: general errors come first", &unauthenticated, BYTES("*1048577\r\n"),
     BYTES(ERROR "invalid multibulk length")},
    {"inline", &ordinary, BYTES("SET a  b\r\nPING\n"), BYTES("<SET><a><b>;<PING>;")},
    {"inline: blanks", &ordinary, BYTES(" \t\v\fPING\t \r\r\n"), BYTES("<PING>;")},
    {"inline: CR separates", &ordinary, BYTES("PI\rNG\r\n"), BYTES("<PI><NG>;")},
    {"inline: vertical tab and form feed do not", &ordinary, BYTES("ECHO\va\f\r\n"),
     BYTES("<ECHO\va\f>;")},
    {"inline: zero byte (Redis waits for ever)", &ordinary, BYTES("ECHO a\0b\r\n"),
     BYTES("<ECHO><a\0b>;")},
    {"inline: double quotes", &ordinary, BYTES("ECHO \"\\x41\\n\\r\\t\\b\\a\\q\\\"\\\\ \" b\r\n"),
     BYTES("<ECHO><A\n\r\t\b\aq\"\\ ><b>;")},
    {"inline: hexadecimal digits", &ordinary, BYTES("ECHO \"\\xfF\\x0a\\xzz\\x4\"\r\n"),
     BYTES("<ECHO><\xff\nxzzx4>;")},
    {"inline: single quotes", &ordinary, BYTES("ECHO 'a\\'b\\n\"'\r\n"),
     BYTES("<ECHO><a'b\\n\">;")},
    {"inline: no escapes outside quotes", &ordinary, BYTES("ECHO a\\x41\r\n"),
     BYTES("<ECHO><a\\x41>;")},
    {"inline: quotes inside a word", &ordinary, BYTES("ECHO a\"b c\" a'b c'\r\n"),
     BYTES("<ECHO><ab c><ab c>;")},
    {"inline: empty quotes", &ordinary, BYTES("ECHO \"\" ''\r\n"), BYTES("<ECHO><><>;")},
    {"inline: only empty quotes", &ordinary, BYTES("\"\"\r\n"), BYTES("<>;")},
    {"inline: quote not closed", &ordinary, BYTES("SET a \"b\r\n"),
     BYTES(ERROR "unbalanced quotes in request")},
    {"inline: single quote not closed", &ordinary, BYTES("SET a 'b\r\n"),
     BYTES(ERROR "unbalanced quotes in request")},
    {"inline: text behind a closing quote", &ordinary, BYTES("ECHO \"a\"b\r\n"),
     BYTES(ERROR "unbalanced quotes in request")},
    {"inline: text behind a closing single quote", &ordinary, BYTES("ECHO 'a'b\r\n"),
     BYTES(ERROR "unbalanced quotes in request")},
    {"inline: backslash at the end", &ordinary, BYTES("ECHO \"a\\\n"),
     BYTES(ERROR "unbalanced quotes in request")},
    {"inline: escape cut off", &ordinary, BYTES("ECHO \"a\\x4\n"),
     BYTES(ERROR "unbalanced quotes in request")},
};

Test(request, gives_the_same_wherever_the_input_is_cut) {
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct bytes input = cases[i].input;
        for (size_t first = 0; first <= input.size; first++) {
            for (size_t second = first; second <= input.size; second++) {
                expect_outcome(cases[i].name, cases[i].limits, input, first, second,
                               cases[i].outcome);
            }
        }
        expect_outcome(cases[i].name, cases[i].limits, input, SIZE_MAX, 0, cases[i].outcome);
    }
}

/* Lines may have 65536 bytes before their end, not more. */
Test(request, bounds_lines) {
    static const struct {
        const char *name, *prefix, *ending;
        const char *exact, *longer; /* the outcome's end, for 65536 bytes and for one more */
    } lines[] = {
        {"inline", "", "\n", ";", ERROR "too big inline request"},
        {"inline, no end", "", "", "…", ERROR "too big inline request"},
        {"count", "*", "\r\n", ERROR "invalid multibulk length",
         ERROR "too big mbulk count string"},
        {"count, no end", "*", "", "…", ERROR "too big mbulk count string"},
        {"bulk", "*1\r\n$", "\r\n", ERROR "invalid bulk length", ERROR "too big bulk count string"},
        {"bulk, no end", "*1\r\n$", "", "…", ERROR "too big bulk count string"},
    };
    static const size_t piece_sizes[] = {1000, 16384, 65536, SIZE_MAX};
    for (size_t i = 0; i < COUNT_OF(lines) * 2; i++) {
        size_t row = i / 2, longer = i % 2;
        struct buffer input = {0};
        buffer_append(&input, lines[row].prefix, strlen(lines[row].prefix));
        const char *line_start = strrchr(lines[row].prefix, '\n');
        size_t before = line_start == NULL ? 0 : (size_t)(line_start + 1 - lines[row].prefix);
        while (input.size < before + REQUEST_LINE_MAX + longer)
            buffer_append_byte(&input, '1');
        buffer_append(&input, lines[row].ending, strlen(lines[row].ending));

        for (size_t j = 0; j < COUNT_OF(piece_sizes); j++) {
            struct connection connection = {.limits = &ordinary};
            for (size_t at = 0; at < input.size;) {
                struct bytes piece = bytes_slice(buffer_bytes(&input), at, piece_sizes[j]);
                receive(&connection, piece);
                at += piece.size;
            }
            finish(&connection);
            struct bytes end = bytes_of_text(longer ? lines[row].longer : lines[row].exact);
            struct bytes outcome = buffer_bytes(&connection.outcome);
            cr_expect(outcome.size >= end.size &&
                          bytes_equal(bytes_slice(outcome, outcome.size - end.size, end.size), end),
                      "%s, longer %zu, pieces of %zu", lines[row].name, longer, piece_sizes[j]);
            buffer_clear(&connection.outcome);
        }
        buffer_clear(&input);
    }
}

Test(request, tells_how_much_a_large_argument_still_wants) {
    struct request_parser parser = {0};
    const char *input = "*2\r\n$4\r\nECHO\r\n$1000000\r\nabc";
    cr_expect_eq(request_parse(&parser, &ordinary, input, strlen(input)), REQUEST_NEED_MORE);
    cr_expect_eq(parser.wanted, 1000002 - 3);
    cr_expect_eq(parser.consumed, 0);
    cr_expect(request_is_partial(&parser));
    request_clear(&parser);

    cr_expect_eq(request_parse(&parser, &ordinary, "*1\r\n$9\r\n", 8), REQUEST_NEED_MORE);
    cr_expect_eq(parser.wanted, 11);
    cr_expect_eq(request_parse(&parser, &ordinary, "*1\r\n$9\r\n123456789\r\n", 19), REQUEST_DONE);
    cr_expect_eq(parser.wanted, 0);
    request_clear(&parser);
}

Test(request, lets_skipped_bytes_go_while_it_waits) {
    struct request_parser parser = {0};
    cr_expect_eq(request_parse(&parser, &ordinary, "\r\n*0\r\n*1\r", 9), REQUEST_NEED_MORE);
    cr_expect_eq(parser.consumed, 6);
    cr_expect_eq(request_parse(&parser, &ordinary, "*1\r\n$1\r\na\r\n", 11), REQUEST_DONE);
    cr_expect_eq(parser.consumed, 11);
    cr_expect_eq(parser.count, 1);
    request_clear(&parser);
}

Test(request, uses_the_bytes_in_place) {
    struct request_parser parser = {0};
    const char *input = "*2\r\n$4\r\nECHO\r\n$3\r\nabc\r\nECHO abc\r\n";
    cr_expect_eq(request_parse(&parser, &ordinary, input, strlen(input)), REQUEST_DONE);
    cr_expect_eq(parser.args[1].data, input + 18);
    size_t consumed = parser.consumed;
    cr_expect_eq(request_parse(&parser, &ordinary, input + consumed, strlen(input) - consumed),
                 REQUEST_DONE);
    cr_expect_eq(parser.args[1].data, input + consumed + 5);
    request_clear(&parser);
}

/* A million arguments announced cost nothing before they arrive; afterwards the memory is given
 * back with the next command. */
Test(request, keeps_little_memory) {
    struct request_parser parser = {0};
    cr_expect_eq(request_parse(&parser, &ordinary, "*1048576\r\n", 10), REQUEST_NEED_MORE);
    cr_expect_eq(request_memory(&parser), 0);

    struct buffer input = {0};
    buffer_append_format(&input, "*%d\r\n", 100000);
    for (int i = 0; i < 100000; i++)
        buffer_append(&input, "$1\r\na\r\n", 7);
    request_clear(&parser);
    cr_expect_eq(request_parse(&parser, &ordinary, input.data, input.size), REQUEST_DONE);
    cr_expect_eq(parser.count, 100000);
    cr_expect_eq(parser.consumed, input.size);
    cr_expect_gt(request_memory(&parser), 1000000);

    cr_expect_eq(request_parse(&parser, &ordinary, "*1\r\n$1\r\na\r\n", 11), REQUEST_DONE);
    cr_expect_lt(request_memory(&parser), 1024);

    input.size = 0;
    buffer_append_format(&input, "ECHO '%060000d'\r\n", 7);
    cr_expect_eq(request_parse(&parser, &ordinary, input.data, input.size), REQUEST_DONE);
    cr_expect_eq(parser.args[1].size, 60000);
    cr_expect_eq(request_parse(&parser, &ordinary, "", 0), REQUEST_NEED_MORE);
    cr_expect_lt(request_memory(&parser), 1024);
    buffer_clear(&input);
    request_clear(&parser);
}

/* The limits are read anew: AUTH in the same packet opens them. */
Test(request, follows_the_limits_as_they_change) {
    struct request_parser parser = {0};
    const char *input = PING "*11\r\n";
    cr_expect_eq(request_parse(&parser, &unauthenticated, input, strlen(input)), REQUEST_DONE);
    cr_expect_eq(request_parse(&parser, &ordinary, input + parser.consumed, 5), REQUEST_NEED_MORE);
    request_clear(&parser);
}

Test(request, stays_broken_after_an_error) {
    struct request_parser parser = {0};
    char text[REQUEST_ERROR_SIZE];
    cr_expect_eq(request_parse(&parser, &ordinary, "*x\r\n", 4), REQUEST_ERROR);
    cr_expect_eq(request_parse(&parser, &ordinary, "*x\r\n" PING, 18), REQUEST_ERROR);
    request_error(&parser, text);
    cr_expect_str_eq(text, "ERR Protocol error: invalid multibulk length");
    request_clear(&parser);
}
