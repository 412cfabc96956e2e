/* The reply parser: against what Debian's redis-server sent (tests/data/replies.txt, made by
 * scripts/record-captures), against our own reply writer, and against malformed bytes. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "resp/parse_reply.h"
#include "resp/reply.h"

/* Parses a span copied to a block of exactly its size, so that reading too far is caught; the dump
 * of the value, if there is one, goes to `dump`. */
static enum reply_status parse_exactly(struct bytes data, struct buffer *dump, size_t *consumed) {
    char *block = malloc(data.size);
    if (data.size > 0) memcpy(block, data.data, data.size);
    struct reply_value *value;
    enum reply_status status = parse_reply(bytes_of(block, data.size), &value, consumed);
    if (status == REPLY_DONE) {
        reply_value_dump(value, dump);
        reply_value_destroy(value);
    }
    free(block);
    return status;
}

/* Every true prefix of a value wants more; the whole gives this dump, whatever follows it. */
static void expect_dump(const char *name, struct bytes wire, struct bytes expected) {
    struct buffer dump = {0};
    size_t consumed;
    for (size_t size = 0; size < wire.size; size++) {
        cr_expect_eq(parse_exactly(bytes_slice(wire, 0, size), &dump, &consumed), REPLY_NEED_MORE,
                     "%s, cut at %zu", name, size);
    }
    struct buffer longer = {0};
    buffer_append_bytes(&longer, wire);
    buffer_append(&longer, "\r\nx", 3);
    for (size_t more = 0; more <= 3; more++) {
        dump.size = 0;
        struct bytes data = bytes_slice(buffer_bytes(&longer), 0, wire.size + more);
        cr_expect_eq(parse_exactly(data, &dump, &consumed), REPLY_DONE, "%s", name);
        cr_expect_eq(consumed, wire.size, "%s", name);
        cr_expect(bytes_equal(buffer_bytes(&dump), expected), "%s: %.*s", name, (int)dump.size,
                  dump.data);
    }
    buffer_clear(&longer);
    buffer_clear(&dump);
}

/* --- captures ------------------------------------------------------------------------------- */

static int unhex(char c) {
    return c <= '9' ? c - '0' : byte_lower(c) - 'a' + 10;
}

/* The bytes of an escaped string with its quotes. */
static void unescape(struct bytes text, struct buffer *out) {
    cr_assert(text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"');
    for (size_t i = 1; i < text.size - 1; i++) {
        char c = text.data[i];
        if (c == '\\') {
            c = text.data[++i];
            if (c == 'x') {
                c = (char)(unhex(text.data[i + 1]) * 16 + unhex(text.data[i + 2]));
                i += 2;
            } else {
                c = c == 'r' ? '\r' : c == 'n' ? '\n' : c == 't' ? '\t' : c;
            }
        }
        buffer_append_byte(out, c);
    }
}

static struct bytes next_line(FILE *file, char **line, size_t *room) {
    ssize_t size = getline(line, room, file);
    if (size <= 0) return BYTES("");
    return bytes_of(*line, (size_t)size - ((*line)[size - 1] == '\n'));
}

/* A capture may hold several values (a push before the reply). */
static void expect_capture(const char *command, struct bytes wire, struct bytes expected) {
    struct buffer dump = {0};
    size_t at = 0;
    while (at < wire.size) {
        struct buffer one = {0};
        size_t consumed;
        struct bytes rest = bytes_slice(wire, at, wire.size);
        cr_assert_eq(parse_exactly(rest, &one, &consumed), REPLY_DONE, "%s", command);
        expect_dump(command, bytes_slice(rest, 0, consumed), buffer_bytes(&one));
        if (at > 0) buffer_append_byte(&dump, ' ');
        buffer_append_bytes(&dump, buffer_bytes(&one));
        buffer_clear(&one);
        at += consumed;
    }
    cr_expect(bytes_equal(buffer_bytes(&dump), expected), "%s: %.*s", command, (int)dump.size,
              dump.data);

    /* The dump's own escapes undo: a text dumped and read back is the text. */
    struct buffer escaped = {0}, again = {0};
    reply_dump_text(wire, &escaped);
    unescape(buffer_bytes(&escaped), &again);
    cr_expect(bytes_equal(buffer_bytes(&again), wire), "%s", command);
    buffer_clear(&escaped);
    buffer_clear(&again);
    buffer_clear(&dump);
}

Test(parse_reply, reads_what_redis_sends) {
    char path[4096];
    const char *directory = getenv("TEST_DATA");
    snprintf(path, sizeof(path), "%s/replies.txt", directory == NULL ? "tests/data" : directory);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);

    char *lines[4] = {0};
    size_t rooms[4] = {0};
    unsigned captures = 0;
    while (next_line(file, &lines[0], &rooms[0]).size > 0) {
        struct buffer wire = {0};
        unescape(next_line(file, &lines[1], &rooms[1]), &wire);
        expect_capture(lines[0], buffer_bytes(&wire), next_line(file, &lines[2], &rooms[2]));
        cr_assert_eq(next_line(file, &lines[3], &rooms[3]).size, 0);
        buffer_clear(&wire);
        captures++;
    }
    cr_expect_geq(captures, 60);
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        free(lines[i]);
    fclose(file);
}

/* --- forms that Redis 7.0 does not send, or that no capture has ---------------------------------
 */

Test(parse_reply, reads_every_type) {
    static const struct {
        struct bytes wire, dump;
    } cases[] = {
        {BYTES("!8\r\nERR a\r\nb\r\n"), BYTES("!\"ERR a\\r\\nb\"")},
        {BYTES("+\r\n"), BYTES("+\"\"")},
        {BYTES("-\r\n"), BYTES("-\"\"")},
        {BYTES("(-12\r\n"), BYTES("(-12")},
        {BYTES(",nan\r\n"), BYTES(",nan")},
        {BYTES(",-inf\r\n"), BYTES(",-inf")},
        {BYTES("=4\r\nmkd:\r\n"), BYTES("mkd:\"\"")},
        {BYTES("|1\r\n+a\r\n:1\r\n*1\r\n|0\r\n_\r\n"), BYTES("|{+\"a\": 1} [|{} null]")},
        {BYTES("%1\r\n*0\r\n~2\r\n#t\r\n#f\r\n"), BYTES("{[]: ~[true, false]}")},
        {BYTES("$3\r\n\x00\xff\t\r\n"), BYTES("\"\\x00\\xff\\t\"")},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        expect_dump(cases[i].dump.data, cases[i].wire, cases[i].dump);
}

Test(parse_reply, refuses_malformed_bytes) {
    static const struct bytes cases[] = {
        BYTES("x"),
        BYTES("\r\n"),
        BYTES("+a\n"),
        BYTES("+a\rb\r\n"),
        BYTES(":\r\n"),
        BYTES(":01\r\n"),
        BYTES(":+1\r\n"),
        BYTES(":9223372036854775808\r\n"),
        BYTES("$-2\r\n"),
        BYTES("$?\r\n"),
        BYTES("$x\r\n"),
        BYTES("$18446744073709551615\r\n"),
        BYTES("$1\r\nab"),
        BYTES("$1\r\na\rx"),
        BYTES("*-2\r\n"),
        BYTES("*?\r\n"),
        BYTES("*4294967296\r\n"),
        BYTES("*1\r\nx"),
        BYTES("*2\r\n:1\r\n:x\r\n"),
        BYTES("%1\r\n:1\r\nx"),
        BYTES("~-1\r\n"),
        BYTES(">0\r\n"),
        BYTES("_x\r\n"),
        BYTES("#x\r\n"),
        BYTES("#tt\r\n"),
        BYTES(",\r\n"),
        BYTES(",1.5x\r\n"),
        BYTES("(\r\n"),
        BYTES("(-\r\n"),
        BYTES("(1a\r\n"),
        BYTES("=3\r\ntxt\r\n"),
        BYTES("=4\r\ntxt;\r\n"),
        BYTES("=4\r\nt\nt:\r\n"),
        BYTES("!-1\r\n"),
        BYTES("|1\r\n+a\r\n:1\r\n|0\r\n+b\r\n"),
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buffer dump = {0};
        size_t consumed;
        cr_expect_eq(parse_exactly(cases[i], &dump, &consumed), REPLY_MALFORMED, "%s",
                     cases[i].data);
        for (size_t size = 0; size < cases[i].size; size++) { /* and never takes a part of it */
            cr_expect_neq(parse_exactly(bytes_slice(cases[i], 0, size), &dump, &consumed),
                          REPLY_DONE, "%s, cut at %zu", cases[i].data, size);
        }
        buffer_clear(&dump);
    }
}

Test(parse_reply, bounds_depth) {
    for (unsigned depth = REPLY_DEPTH_MAX - 1; depth <= REPLY_DEPTH_MAX + 1; depth++) {
        struct buffer wire = {0}, dump = {0};
        for (unsigned i = 0; i < depth; i++)
            buffer_append(&wire, "*1\r\n", 4);
        buffer_append(&wire, "_\r\n", 3);
        size_t consumed;
        cr_expect_eq(parse_exactly(buffer_bytes(&wire), &dump, &consumed),
                     depth > REPLY_DEPTH_MAX ? REPLY_MALFORMED : REPLY_DONE, "depth %u", depth);
        buffer_clear(&wire);
        buffer_clear(&dump);
    }
}

Test(parse_reply, names_types_and_compares_trees) {
    cr_expect_str_eq(reply_type_name(REPLY_NULL_ARRAY), "null array");
    static const char *const different[] = {
        "*1\r\n:1\r\n",    "*1\r\n:2\r\n",       "*2\r\n:1\r\n:1\r\n",       "~1\r\n:1\r\n",
        "*1\r\n+1\r\n",    "|0\r\n*1\r\n:1\r\n", "|1\r\n:1\r\n:1\r\n:1\r\n", "=5\r\ntxt:a\r\n",
        "=5\r\nmkd:a\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(different); i++) {
        for (size_t j = 0; j < COUNT_OF(different); j++) {
            struct reply_value *a, *b;
            size_t consumed;
            cr_assert_eq(parse_reply(bytes_of_text(different[i]), &a, &consumed), REPLY_DONE);
            cr_assert_eq(parse_reply(bytes_of_text(different[j]), &b, &consumed), REPLY_DONE);
            cr_expect_eq(reply_value_equal(a, b), i == j, "%zu and %zu", i, j);
            reply_value_destroy(a);
            reply_value_destroy(b);
        }
    }
}

/* --- the writer and the parser -------------------------------------------------------------------
 */

static void write_random_value(struct reply *reply, struct random *random, unsigned depth);

static void write_elements(struct reply *reply, struct random *random, unsigned depth,
                           uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        write_random_value(reply, random, depth + 1);
}

static void write_random_value(struct reply *reply, struct random *random, unsigned depth) {
    char noise[20];
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (char)random_next(random);
    struct bytes text = {noise, random_below(random, sizeof(noise))};
    uint64_t count = random_below(random, 4);
    size_t mark = reply_deferred_open(reply);

    switch (random_below(random, depth < 4 ? 17 : 10)) {
    case 0:
        reply_ok(reply);
        break;
    case 1:
        reply_error(reply, "ERR no");
        break;
    case 2:
        reply_integer(reply, (int64_t)random_next(random));
        break;
    case 3:
        reply_bulk(reply, text);
        break;
    case 4:
        reply_double(reply, ldexp((double)random_next(random), -(int)random_below(random, 128)));
        break;
    case 5:
        reply_boolean(reply, count % 2 == 0);
        break;
    case 6:
        reply_null(reply);
        break;
    case 7:
        reply_null_array(reply);
        break;
    case 8:
        reply_verbatim(reply, "txt", text);
        break;
    case 9:
        reply_big_number(reply, BYTES("-123456789012345678901234567890"));
        break;
    case 10:
        reply_array(reply, count);
        write_elements(reply, random, depth, count);
        break;
    case 11:
        reply_map(reply, count);
        write_elements(reply, random, depth, count * 2);
        break;
    case 12:
        reply_set(reply, count);
        write_elements(reply, random, depth, count);
        break;
    case 13:
        reply_push(reply, count + 1);
        write_elements(reply, random, depth, count + 1);
        break;
    case 14:
        write_elements(reply, random, depth, count);
        reply_deferred_array(reply, mark, count);
        break;
    case 15:
        write_elements(reply, random, depth, count * 2);
        reply_deferred_map(reply, mark, count);
        break;
    default:
        write_elements(reply, random, depth, count);
        reply_deferred_set(reply, mark, count);
        break;
    }
}

Test(parse_reply, reads_whatever_our_writer_writes) {
    struct random random;
    random_init(&random, 3);
    for (int i = 0; i < 4000; i++) {
        struct buffer wire = {0}, dump = {0};
        struct reply reply = {.out = &wire, .protocol = (uint8_t)(2 + i % 2)};
        write_random_value(&reply, &random, 0);
        size_t consumed;
        cr_assert_eq(parse_exactly(buffer_bytes(&wire), &dump, &consumed), REPLY_DONE, "value %d",
                     i);
        cr_assert_eq(consumed, wire.size, "value %d", i);
        buffer_clear(&wire);
        buffer_clear(&dump);
    }
}
