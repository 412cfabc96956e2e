/* fuzz_reply: the reply parser on foreign bytes. A value that it takes has one size and one tree,
 * whatever follows; its prefixes are never values; and its text forms can be printed. */
#include <stdlib.h>

#include "resp/parse_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In a block that ends where the span ends, for the sanitizer. */
static enum reply_status parse_exactly(struct bytes data, struct reply_value **value,
                                       size_t *consumed, char **block) {
    *block = malloc(data.size);
    CHECK(data.size == 0 || *block != NULL);
    if (data.size > 0) memcpy(*block, data.data, data.size);
    return parse_reply(bytes_of(*block, data.size), value, consumed);
}

/* The whole input gave `value` of `value_size` bytes: so do these bytes alone, and one less does
 * not. */
static void check_extent(struct bytes input, const struct reply_value *value, size_t value_size) {
    struct reply_value *again;
    char *block;
    size_t consumed;
    CHECK(parse_exactly(bytes_slice(input, 0, value_size), &again, &consumed, &block) ==
          REPLY_DONE);
    CHECK(consumed == value_size);
    CHECK(reply_value_equal(value, again));
    reply_value_destroy(again);
    free(block);

    CHECK(parse_exactly(bytes_slice(input, 0, value_size - 1), &again, &consumed, &block) ==
          REPLY_NEED_MORE);
    free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = bytes_of(data, size);
    struct reply_value *value;
    char *block;
    size_t value_size;
    if (parse_exactly(input, &value, &value_size, &block) == REPLY_DONE) {
        CHECK(value_size <= size);
        check_extent(input, value, value_size);
        CHECK(reply_type_name(value->type) != NULL);
        struct buffer dump = {0};
        reply_value_dump(value, &dump);
        for (size_t i = 0; i < dump.size; i++)
            CHECK(dump.data[i] >= ' ' && dump.data[i] <= '~');
        buffer_clear(&dump);
        reply_value_destroy(value);
    }
    free(block);
    return 0;
}
