/* The reply writer: each reply in both protocols. */
#include <criterion/criterion.h>

#include <math.h>

#include "resp/reply.h"

static void write_simple(struct reply *reply) {
    reply_simple(reply, "PONG");
}
static void write_ok(struct reply *reply) {
    reply_ok(reply);
}
static void write_error(struct reply *reply) {
    reply_error(reply, "\r\nERR a\r\nb\n");
}
static void write_error_format(struct reply *reply) {
    reply_error_format(reply, "ERR unknown '%s' %d", "x\ny", 7);
}
static void write_integers(struct reply *reply) {
    reply_integer(reply, 0);
    reply_integer(reply, 10);
    reply_integer(reply, -1);
    reply_integer(reply, INT64_MAX);
    reply_integer(reply, INT64_MIN);
}
static void write_bulks(struct reply *reply) {
    reply_bulk(reply, BYTES("a\r\nb"));
    reply_bulk(reply, (struct bytes){NULL, 0});
    reply_bulk_text(reply, "0123456789");
    reply_bulk_integer(reply, -42);
}
static void write_doubles(struct reply *reply) {
    reply_double(reply, 1.5);
    reply_double(reply, 3);
    reply_double(reply, INFINITY);
    reply_double(reply, -INFINITY);
}
static void write_long_double(struct reply *reply) {
    reply_bulk_long_double(reply, 0.5L);
}
static void write_booleans(struct reply *reply) {
    reply_boolean(reply, true);
    reply_boolean(reply, false);
}
static void write_nulls(struct reply *reply) {
    reply_null(reply);
    reply_null_array(reply);
}
static void write_verbatim(struct reply *reply) {
    reply_verbatim(reply, "txt", BYTES("hi\r\n"));
}
static void write_big_number(struct reply *reply) {
    reply_big_number(reply, BYTES("12345678901234567890"));
}
static void write_headers(struct reply *reply) {
    reply_array(reply, 12);
    reply_map(reply, 6);
    reply_set(reply, 2);
    reply_push(reply, 3);
}
static void write_deferred(struct reply *reply) {
    size_t outer = reply_deferred_open(reply);
    reply_integer(reply, 1);
    size_t inner = reply_deferred_open(reply);
    reply_bulk_text(reply, "x");
    reply_deferred_set(reply, inner, 1);
    size_t empty = reply_deferred_open(reply);
    reply_deferred_map(reply, empty, 1);
    reply_integer(reply, 2);
    reply_integer(reply, 3);
    reply_deferred_array(reply, outer, 3);
}

static const struct {
    const char *name;
    void (*write)(struct reply *reply);
    const char *resp2, *resp3;
    uint32_t errors;
} cases[] = {
    {"simple", write_simple, "+PONG\r\n", "+PONG\r\n", 0},
    {"ok", write_ok, "+OK\r\n", "+OK\r\n", 0},
    {"error", write_error, "-ERR a  b\r\n", "-ERR a  b\r\n", 1},
    {"error format", write_error_format, "-ERR unknown 'x y' 7\r\n", "-ERR unknown 'x y' 7\r\n", 1},
    {"integers", write_integers,
     ":0\r\n:10\r\n:-1\r\n:9223372036854775807\r\n:-9223372036854775808\r\n",
     ":0\r\n:10\r\n:-1\r\n:9223372036854775807\r\n:-9223372036854775808\r\n", 0},
    {"bulks", write_bulks, "$4\r\na\r\nb\r\n$0\r\n\r\n$10\r\n0123456789\r\n$3\r\n-42\r\n",
     "$4\r\na\r\nb\r\n$0\r\n\r\n$10\r\n0123456789\r\n$3\r\n-42\r\n", 0},
    {"doubles", write_doubles, "$3\r\n1.5\r\n$1\r\n3\r\n$3\r\ninf\r\n$4\r\n-inf\r\n",
     ",1.5\r\n,3\r\n,inf\r\n,-inf\r\n", 0},
    {"long double", write_long_double, "$3\r\n0.5\r\n", "$3\r\n0.5\r\n", 0},
    {"booleans", write_booleans, ":1\r\n:0\r\n", "#t\r\n#f\r\n", 0},
    {"nulls", write_nulls, "$-1\r\n*-1\r\n", "_\r\n_\r\n", 0},
    {"verbatim", write_verbatim, "$4\r\nhi\r\n\r\n", "=8\r\ntxt:hi\r\n\r\n", 0},
    {"big number", write_big_number, "$20\r\n12345678901234567890\r\n", "(12345678901234567890\r\n",
     0},
    {"headers", write_headers, "*12\r\n*12\r\n*2\r\n*3\r\n", "*12\r\n%6\r\n~2\r\n>3\r\n", 0},
    {"deferred", write_deferred, "*3\r\n:1\r\n*1\r\n$1\r\nx\r\n*2\r\n:2\r\n:3\r\n",
     "*3\r\n:1\r\n~1\r\n$1\r\nx\r\n%1\r\n:2\r\n:3\r\n", 0},
};

Test(reply, writes_each_protocol) {
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (uint8_t protocol = 2; protocol <= 3; protocol++) {
            struct buffer out = {0};
            struct reply reply = {.out = &out, .protocol = protocol};
            cases[i].write(&reply);
            const char *expected = protocol == 2 ? cases[i].resp2 : cases[i].resp3;
            cr_expect(bytes_equal(buffer_bytes(&out), bytes_of_text(expected)),
                      "%s, protocol %d: %.*s", cases[i].name, protocol, (int)out.size, out.data);
            cr_expect_eq(reply.errors, cases[i].errors, "%s", cases[i].name);
            buffer_clear(&out);
        }
    }
}

Test(reply, writes_to_nowhere_but_counts_errors) {
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct reply reply = {.out = NULL, .protocol = (uint8_t)(2 + i % 2)};
        cases[i].write(&reply);
        cr_expect_eq(reply.errors, cases[i].errors, "%s", cases[i].name);
    }
}

Test(reply, writes_attributes_in_resp3) {
    struct buffer out = {0};
    struct reply reply = {.out = &out, .protocol = 3};
    reply_attribute(&reply, 1);
    cr_expect(bytes_equal(buffer_bytes(&out), BYTES("|1\r\n")));
    buffer_clear(&out);
}
