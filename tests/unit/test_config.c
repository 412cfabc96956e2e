/* The directives: their table, redis.conf's text, CONFIG SET's errors, CONFIG REWRITE. */
#include <criterion/criterion.h>

#include "src/server/config_lines.h"

static struct config config;

static void begin(void) {
    config_init(&config);
}
static void end(void) {
    config_clear(&config);
}

static const char *text_of(struct buffer *buffer) {
    buffer_append_byte(buffer, '\0');
    buffer->size--;
    return buffer->data;
}

/* Reads a whole text; the error of the first wrong line, or "". */
static const char *read_text(const char *text, struct buffer *error) {
    struct bytes rest = bytes_of_text(text), line;
    struct config_words words = {0};
    error->size = 0;
    while (config_next_line(&rest, &line))
        if (config_read_line(&config, line, &words, error) == CONFIG_LINE_WRONG) break;
    config_words_clear(&words);
    return text_of(error);
}

static const char *value_of(const char *name, struct buffer *out) {
    out->size = 0;
    config_print(&config, config_find(bytes_of_text(name)), out);
    return text_of(out);
}

Test(config, has_rows_that_can_be_found_by_name_and_alias) {
    for (enum config_id id = 0; id < CONFIG_ROW_COUNT; id++) {
        const struct config_row *row = &config_rows[id];
        cr_expect_eq(config_find(bytes_of_text(row->name)), id, "%s", row->name);
        if (row->alias != NULL) cr_expect_eq(config_find(bytes_of_text(row->alias)), id);
        bool silent = (row->flags & (CONFIG_FIXED | CONFIG_REFUSED)) != 0;
        cr_expect(!silent || row->note != NULL, "%s says why", row->name);
    }
    cr_expect_eq(config_find(BYTES("no-such-directive")), CONFIG_ROW_COUNT);
}

Test(config, starts_at_its_defaults, .init = begin, .fini = end) {
    for (enum config_id id = 0; id < CONFIG_ROW_COUNT; id++) {
        cr_expect(config_is_standard(&config, id), "%s", config_rows[id].name);
        cr_expect_not(config.values[id].given);
    }
    cr_expect_eq(CONFIG_NUMBER(&config, PORT), 6379);
    cr_expect_str_eq(CONFIG_STRING(&config, BIND), "* -::*");
}

Test(config_text, splits_lines_as_redis_does) {
    static const struct {
        const char *line;
        int count; /* -1: unbalanced */
        const char *last;
    } cases[] = {
        {"", 0, NULL},
        {"  a  b ", 2, "b"},
        {"a \"b c\"", 2, "b c"},
        {"a \"\\x41\\n\\\"\\q\"", 2, "A\n\"q"},
        {"a 'b \\' \\n'", 2, "b ' \\n"},
        {"a \"\"", 2, ""},
        {"a ''", 2, ""},
        {"a \"b", -1, NULL},
        {"a 'b", -1, NULL},
        {"a \"b\"c", -1, NULL},
        {"a 'b'c", -1, NULL},
        {"a b\"c\"", 2, "bc"},
        {"a \"\\x4\"", 2, "x4"},
    };
    struct config_words words = {0};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool split = config_split(bytes_of_text(cases[i].line), &words);
        cr_expect_eq(split, cases[i].count >= 0, "%s", cases[i].line);
        if (!split) continue;
        cr_expect_eq(words.count, (uint32_t)cases[i].count, "%s", cases[i].line);
        if (cases[i].last != NULL)
            cr_expect(bytes_equal(words.at[words.count - 1], bytes_of_text(cases[i].last)), "%s",
                      cases[i].line);
    }
    config_words_clear(&words);
}

Test(config_text, reads_back_what_it_quotes) {
    static const struct bytes cases[] = {
        {"plain", 5}, {"", 0},   {"two words", 9}, {"a\0b", 3},
        {"\"\\'", 3}, {"#x", 2}, {"\xff\n", 2},
    };
    struct config_words words = {0};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buffer line = {0};
        config_quote(&line, cases[i]);
        cr_expect(config_split(buffer_bytes(&line), &words), "case %zu", i);
        cr_expect_eq(words.count, 1, "case %zu", i);
        cr_expect(bytes_equal(words.at[0], cases[i]), "case %zu", i);
        buffer_clear(&line);
    }
    config_words_clear(&words);
}

Test(config, reads_the_values_of_a_file, .init = begin, .fini = end) {
    static const struct {
        const char *text, *name, *value;
    } cases[] = {
        {"# nothing\n\n  port   7001 \n", "port", "7001"},
        {"PORT 7002", "port", "7002"},
        {"bind 127.0.0.1 -::1", "bind", "127.0.0.1 -::1"},
        {"bind \"\"", "bind", ""},
        {"maxmemory 1gb", "maxmemory", "1073741824"},
        {"maxmemory 1G", "maxmemory", "1000000000"},
        {"maxmemory-clients 20%", "maxmemory-clients", "0"},
        {"save 900 1\nsave 60 5", "save", "900 1 60 5"},
        {"save \"\"", "save", ""},
        {"save 900 1\nsave", "save", ""},
        {"shutdown-on-sigint nosave force now", "shutdown-on-sigint", "nosave now force"},
        {"unixsocketperm 700", "unixsocketperm", "700"},
        {"client-output-buffer-limit pubsub 1mb 2kb 3", "client-output-buffer-limit",
         "normal 0 0 0 slave 268435456 67108864 60 pubsub 1048576 2048 3"},
        {"client-output-buffer-limit normal 1 2 3\nclient-output-buffer-limit replica 4 5 6",
         "client-output-buffer-limit", "normal 1 2 3 slave 4 5 6 pubsub 1048576 2048 3"},
        {"slave-read-only yes", "replica-read-only", "no"},
        {"hash-max-ziplist-entries 7", "hash-max-listpack-entries", "7"},
        {"maxmemory-policy allkeys-lru", "maxmemory-policy", "noeviction"},
        {"requirepass \"a b\"", "requirepass", "a b"},
        {"hz 9999", "hz", "500"},
        {"loglevel WARNING", "loglevel", "warning"},
        {"cluster h1:1,h2:2", "cluster", "h1:1,h2:2"},
        {"cluster h1:1 [::1]:2", "cluster", "h1:1,[::1]:2"},
        {"replicaof no one", "replicaof", ""},
    };
    struct buffer error = {0}, out = {0};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cr_expect_str_eq(read_text(cases[i].text, &error), "", "%s", cases[i].text);
        cr_expect_str_eq(value_of(cases[i].name, &out), cases[i].value, "%s", cases[i].text);
    }
    buffer_clear(&error);
    buffer_clear(&out);
}

static const char not_a_list_word[] =
    "arguments of a list must not be empty nor hold spaces, quotes or zero bytes";

Test(config, refuses_wrong_lines_and_says_how_to_mend_them, .init = begin, .fini = end) {
    static const struct {
        const char *line, *error;
    } cases[] = {
        {"prot 1", "Bad directive or wrong number of arguments: did you mean 'port'?"},
        {"qqqqqqqqqq 1",
         "Bad directive or wrong number of arguments: no such directive, remove it"},
        {"port", "wrong number of arguments"},
        {"port 1 2", "wrong number of arguments"},
        {"port abc", "argument couldn't be parsed into an integer"},
        {"port 70000", "argument must be between 0 and 65535 inclusive"},
        {"port \"1", "Unbalanced quotes in configuration line"},
        {"appendonly maybe", "argument must be 'yes' or 'no'"},
        {"maxmemory 1xb", "argument must be a memory value"},
        {"maxmemory-clients 200%", "percentage argument must be less or equal to 100"},
        {"loglevel foo",
         "argument(s) must be one of the following: debug, verbose, notice, warning"},
        {"save 1", "Invalid save parameters"},
        {"client-output-buffer-limit normal 0 0",
         "Wrong number of arguments in buffer limit configuration."},
        {"client-output-buffer-limit foo 0 0 0",
         "Invalid client class specified in buffer limit configuration."},
        {"notify-keyspace-events XYZ", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."},
        {"rename-command GET \"\"", "commands keep their names here: remove it"},
        {"databases 17", "argument must be between 1 and 16 inclusive"},
        {"tls-port 6380", CONFIG_NOTE_TLS},
        {"cluster h1", "give the same list on every node, as in --cluster "
                       "10.0.0.1:6379,10.0.0.2:6379,10.0.0.3:6379"},
        {"include", "wrong number of arguments"},
        {"bind 127.0.0.1 \"::1 \"", not_a_list_word},
        {"bind 127.0.0.1 ''", not_a_list_word},
        {"bind 127.0.0.1 'a\"b'", not_a_list_word},
        {"bind \"'a b'\"", not_a_list_word},
        {"bind 127.0.0.1 \"a\\x00\"", not_a_list_word},
        {"cluster \"h1:1, h2:2\" h3:3", not_a_list_word},
    };
    struct buffer error = {0};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cr_expect_str_eq(read_text(cases[i].line, &error), cases[i].error, "%s", cases[i].line);
    buffer_clear(&error);
}

Test(config, refuses_by_client_what_a_file_may_say_without_effect, .init = begin, .fini = end) {
    struct buffer error = {0};
    struct bytes value = BYTES("allkeys-lru");
    cr_expect_not(
        config_assign(&config, CONFIG_MAXMEMORY_POLICY_ROW, CONFIG_FROM_CLIENT, &value, 1, &error));
    cr_expect(bytes_equal(buffer_bytes(&error), BYTES(CONFIG_NOTE_EVICTION)));
    error.size = 0;
    value = BYTES("noeviction");
    cr_expect(
        config_assign(&config, CONFIG_MAXMEMORY_POLICY_ROW, CONFIG_FROM_CLIENT, &value, 1, &error));
    value = BYTES("10 1 20 2");
    cr_expect(config_assign(&config, CONFIG_SAVE_ROW, CONFIG_FROM_CLIENT, &value, 1, &error));
    cr_expect_str_eq(CONFIG_STRING(&config, SAVE), "10 1 20 2");
    value = BYTES("5 1");
    cr_expect(config_assign(&config, CONFIG_SAVE_ROW, CONFIG_FROM_CLIENT, &value, 1, &error));
    cr_expect_str_eq(CONFIG_STRING(&config, SAVE), "5 1", "a client's list replaces the old one");
    buffer_clear(&error);
}

Test(config, syncs_always_unless_the_append_only_file_was_chosen) {
    static const struct {
        const char *text;
        bool alone;
        enum config_sync sync;
    } cases[] = {
        {"", true, CONFIG_SYNC_ALWAYS},
        {"appendonly no\nappendfsync everysec", true, CONFIG_SYNC_ALWAYS}, /* Debian's file */
        {"appendfsync no", true, CONFIG_SYNC_ALWAYS},
        {"appendonly yes\nappendfsync everysec", true, CONFIG_SYNC_EACH_SECOND},
        {"appendonly yes\nappendfsync no", true, CONFIG_SYNC_NEVER},
        {"appendonly yes\nappendfsync no", false, CONFIG_SYNC_ALWAYS},
        {"appendonly yes", true, CONFIG_SYNC_ALWAYS},
        {"raft-fsync no", false, CONFIG_SYNC_NEVER},
    };
    struct buffer error = {0};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        begin();
        cr_expect_str_eq(read_text(cases[i].text, &error), "");
        config_settle(&config, cases[i].alone);
        cr_expect_eq(CONFIG_NUMBER(&config, APPENDFSYNC), cases[i].sync, "%s", cases[i].text);
        cr_expect(CONFIG_IS_ON(&config, APPENDONLY));
        end();
    }
    buffer_clear(&error);
}

/* A text that was broken in its middle carries the blanks of its second line. */
Test(config, says_each_reason_in_one_line_without_gaps) {
    for (enum config_id id = 0; id < CONFIG_ROW_COUNT; id++) {
        const char *note = config_rows[id].note;
        if (note == NULL) continue;
        cr_expect(strstr(note, "  ") == NULL && strpbrk(note, "\n\t") == NULL, "%s: '%s'",
                  config_rows[id].name, note);
    }
}

Test(config, rewrites_its_file_and_keeps_what_people_wrote, .init = begin, .fini = end) {
    static const char old[] = "# mine\nport 7001\ninclude other.conf\ntimeout 5\nport 7002\n"
                              "maxmemory 64mb\nTCP-Keepalive \"300\"\npidfile \"a.pid\"\n"
                              "maxmemory-policy allkeys-lru\nsave 1 1\nsave 2 2\n";
    static const char new[] = "# mine\nport 7005\ninclude other.conf\ntimeout 5\n"
                              "maxmemory 64mb\nTCP-Keepalive \"300\"\npidfile \"a.pid\"\n"
                              "maxmemory-policy allkeys-lru\nsave 1 1\nsave 2 2\n"
                              "# Generated by CONFIG REWRITE\nrequirepass \"a b\"\n";
    struct buffer error = {0}, out = {0}, again = {0};
    struct config_words words = {0};
    struct bytes rest = bytes_of_text(old), line;
    while (config_next_line(&rest, &line))
        cr_expect_neq(config_read_line(&config, line, &words, &error), CONFIG_LINE_WRONG);
    struct bytes port = BYTES("7005"), password = BYTES("a b");
    cr_expect(config_assign(&config, CONFIG_PORT_ROW, CONFIG_FROM_CLIENT, &port, 1, &error));
    cr_expect(
        config_assign(&config, CONFIG_REQUIREPASS_ROW, CONFIG_FROM_CLIENT, &password, 1, &error));
    config_rewrite(&config, bytes_of_text(old), &out);
    cr_expect_str_eq(text_of(&out), new);
    config_rewrite(&config, buffer_bytes(&out), &again);
    cr_expect_str_eq(text_of(&again), new, "a second rewrite changes nothing");
    config_words_clear(&words);
    buffer_clear(&error);
    buffer_clear(&out);
    buffer_clear(&again);
}
