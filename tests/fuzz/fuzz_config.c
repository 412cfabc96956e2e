/* fuzz_config: redis.conf from foreign hands. Whatever is taken over can be written back by
 * CONFIG REWRITE, and what was written back reads as the same directives. */
#include <stdlib.h>

#include "src/server/config_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* False at the first wrong line: a server would not start. */
static bool read_lines(struct config *config, struct bytes text) {
    struct config_words words = {0};
    struct buffer error = {0};
    struct bytes line;
    bool right = true;
    while (right && config_next_line(&text, &line)) {
        enum config_line kind = config_read_line(config, line, &words, &error);
        CHECK((kind == CONFIG_LINE_WRONG) == (error.size > 0));
        right = kind != CONFIG_LINE_WRONG;
    }
    config_words_clear(&words);
    buffer_clear(&error);
    return right;
}

/* The words of any line survive being quoted. */
static void check_quoting(struct bytes text) {
    struct config_words words = {0}, again = {0};
    struct buffer line = {0};
    if (config_split(text, &words)) {
        for (uint32_t i = 0; i < words.count; i++) {
            if (i > 0) buffer_append_byte(&line, ' ');
            config_quote(&line, words.at[i]);
        }
        CHECK(config_split(buffer_bytes(&line), &again));
        CHECK(again.count == words.count);
        for (uint32_t i = 0; i < words.count; i++)
            CHECK(bytes_equal(words.at[i], again.at[i]));
    }
    buffer_clear(&line);
    config_words_clear(&words);
    config_words_clear(&again);
}

/* As CONFIG SET takes it: the printed value of each row is taken back as it is. */
static void check_values(const struct config *config) {
    struct config copy;
    struct buffer value = {0}, error = {0};
    config_init(&copy);
    config_copy(&copy, config);
    for (enum config_id id = 0; id < CONFIG_ROW_COUNT; id++) {
        value.size = 0;
        config_print(config, id, &value);
        struct bytes argument = buffer_bytes(&value);
        CHECK(config_assign(&copy, id, CONFIG_FROM_CLIENT, &argument, 1, &error));
        CHECK(config_is_equal(&copy, config, id));
    }
    config_clear(&copy);
    buffer_clear(&value);
    buffer_clear(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes text = bytes_of(data, size);
    struct config config, again;
    struct buffer written = {0};
    if (size > 1 << 16) return 0;
    check_quoting(text);
    config_init(&config);
    if (read_lines(&config, text)) {
        check_values(&config);
        config_rewrite(&config, text, &written);
        config_init(&again);
        CHECK(read_lines(&again, buffer_bytes(&written)));
        for (enum config_id id = 0; id < CONFIG_ROW_COUNT; id++)
            CHECK(config_is_equal(&config, &again, id));
        config_clear(&again);
    }
    config_clear(&config);
    buffer_clear(&written);
    return 0;
}
