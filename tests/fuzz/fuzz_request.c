/* fuzz_request: the request parser on foreign bytes. Whatever they are, it never reads beyond them,
 * its spans lie within them, and it finds the same commands and the same error however the bytes
 * are cut.
 *
 * The first input byte chooses the limits, the second where the rest is cut. */
#include <stdlib.h>

#include "base/random.h"
#include "resp/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct request_limits limits_choices[] = {
    {.bulk_max = 512 * 1024 * 1024, .args_max = REQUEST_ARGS_MAX},
    {.bulk_max = 512 * 1024 * 1024, .args_max = REQUEST_ARGS_MAX, .unauthenticated = true},
    {.bulk_max = 16, .args_max = 4},
};

/* What came out of one connection, as bytes to compare. */
static void note_command(const struct request_parser *parser, struct buffer *outcome) {
    CHECK(parser->count > 0);
    buffer_append_u32(outcome, parser->count);
    for (uint32_t i = 0; i < parser->count; i++) {
        buffer_append_u64(outcome, parser->args[i].size);
        buffer_append_bytes(outcome, parser->args[i]);
    }
}

/* Parses what is there from *at on, in a block that ends where the bytes end, for the sanitizer;
 * false after an error. */
static bool parse_all(struct request_parser *parser, const struct request_limits *limits,
                      struct bytes received, size_t *at, struct buffer *outcome) {
    size_t rest = received.size - *at;
    char *block = malloc(rest + 1);
    CHECK(block != NULL);
    char *next = block + 1, *end = next + rest;
    if (rest > 0) memcpy(next, received.data + *at, rest);
    enum request_status status;
    do {
        status = request_parse(parser, limits, next, (size_t)(end - next));
        CHECK(parser->consumed <= (size_t)(end - next));
        next += parser->consumed;
        *at += parser->consumed;
        if (status == REQUEST_DONE) {
            CHECK(parser->consumed > 0);
            note_command(parser, outcome);
        }
    } while (status == REQUEST_DONE);
    if (status == REQUEST_ERROR) {
        char text[REQUEST_ERROR_SIZE];
        request_error(parser, text);
        buffer_append(outcome, text, strlen(text));
    } else {
        CHECK(parser->wanted > 0);
    }
    free(block);
    return status == REQUEST_NEED_MORE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    const struct request_limits *limits = &limits_choices[data[0] % COUNT_OF(limits_choices)];
    struct random random;
    random_init(&random, data[1]);
    struct bytes input = bytes_of(data + 2, size - 2);

    struct request_parser whole = {0}, cut = {0};
    struct buffer whole_outcome = {0}, cut_outcome = {0};
    size_t whole_at = 0, cut_at = 0;
    parse_all(&whole, limits, input, &whole_at, &whole_outcome);

    size_t received = 0;
    bool alive = true;
    while (alive && received < input.size) {
        size_t piece = 1 + random_below(&random, 1 + random_below(&random, 64 + input.size / 8));
        received = input.size - received < piece ? input.size : received + piece;
        alive = parse_all(&cut, limits, bytes_slice(input, 0, received), &cut_at, &cut_outcome);
    }
    CHECK(bytes_equal(buffer_bytes(&whole_outcome), buffer_bytes(&cut_outcome)));
    CHECK(input.size == 0 || request_is_partial(&whole) == request_is_partial(&cut));

    request_clear(&whole);
    request_clear(&cut);
    buffer_clear(&whole_outcome);
    buffer_clear(&cut_outcome);
    return 0;
}
