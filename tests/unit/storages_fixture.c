/* storages_fixture.c: see storages_fixture.h. */
#include "tests/unit/storages_fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/number.h"
#include "storages/emitter.h"

enum { ARGS_MAX = 4096, STORAGES_COUNT = 2 };

struct fixture {
    struct command_registry *registry;
    struct storages *storages[STORAGES_COUNT];
    struct buffer out, answer, words;
    uint64_t seed;
    int64_t deadline_met_ms;
    uint64_t origin, client;
    uint8_t protocol, db;
    bool in_group, checks;
};

struct fixture *fixture_create(void) {
    struct fixture *fixture = memory_allocate_zeroed(sizeof(*fixture));
    fixture->registry = command_registry_create();
    storages_register(fixture->registry);
    for (unsigned i = 0; i < STORAGES_COUNT; i++) {
        fixture->storages[i] = storages_create(0x1234567 + i * 0x9e3779b97f4a7c15u);
        storages_set_now(fixture->storages[i], 1000);
    }
    fixture->protocol = 2;
    fixture->origin = fixture->client = 1;
    fixture->checks = true;
    return fixture;
}

void fixture_destroy(struct fixture *fixture) {
    for (unsigned i = 0; i < STORAGES_COUNT; i++)
        storages_destroy(fixture->storages[i]);
    command_registry_destroy(fixture->registry);
    buffer_clear(&fixture->out);
    buffer_clear(&fixture->answer);
    buffer_clear(&fixture->words);
    memory_release(fixture);
}

struct storages *fixture_storages(struct fixture *fixture) {
    return fixture->storages[0];
}

const struct command_registry *fixture_registry(const struct fixture *fixture) {
    return fixture->registry;
}

int64_t fixture_deadline_met_ms(const struct fixture *fixture) {
    return fixture->deadline_met_ms;
}

void fixture_set_checks(struct fixture *fixture, bool checks) {
    fixture->checks = checks;
}

/* --- a line into words ---------------------------------------------------------------------- */

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Reads the character behind a backslash; returns what stands behind it. */
static const char *read_escape(const char *at, struct buffer *word) {
    static const char names[] = "nrtba", values[] = "\n\r\t\b\a";
    if (at[0] == 'x' && hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0) {
        buffer_append_byte(word, (char)(hex_digit(at[1]) * 16 + hex_digit(at[2])));
        return at + 3;
    }
    const char *name = strchr(names, at[0]);
    buffer_append_byte(word, name != NULL && at[0] != 0 ? values[name - names] : at[0]);
    return at + 1;
}

static const char *read_word(const char *at, struct buffer *word) {
    char quote = 0;
    for (; *at != 0 && (quote != 0 || *at != ' ');) {
        if (quote == '"' && *at == '\\') {
            at = read_escape(at + 1, word);
        } else if (quote != 0 && *at == quote) {
            quote = 0;
            at++;
        } else if (quote == 0 && (*at == '"' || *at == '\'')) {
            quote = *at++;
        } else {
            buffer_append_byte(word, *at++);
        }
    }
    cr_assert_eq(quote, 0, "unbalanced quotes");
    return at;
}

/* Splits the line into fixture->words; the spans are set when all have been read. */
static uint32_t split_line(struct fixture *fixture, const char *line, struct bytes *args) {
    size_t ends[ARGS_MAX];
    uint32_t count = 0;
    fixture->words.size = 0;
    for (const char *at = line;;) {
        at += strspn(at, " ");
        if (*at == 0) break;
        cr_assert_lt(count, ARGS_MAX);
        at = read_word(at, &fixture->words);
        ends[count++] = fixture->words.size;
    }
    for (uint32_t i = 0; i < count; i++) {
        size_t start = i == 0 ? 0 : ends[i - 1];
        args[i] = bytes_of(fixture->words.data + start, ends[i] - start);
    }
    return count;
}

/* --- a reply into text ---------------------------------------------------------------------- */

static void append_quoted(struct buffer *text, struct bytes bytes) {
    buffer_append_byte(text, '"');
    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char c = (unsigned char)bytes.data[i];
        if (c == '"' || c == '\\')
            buffer_append_format(text, "\\%c", c);
        else if (c == '\n')
            buffer_append_format(text, "\\n");
        else if (c == '\r')
            buffer_append_format(text, "\\r");
        else if (c >= ' ' && c < 127)
            buffer_append_byte(text, (char)c);
        else
            buffer_append_format(text, "\\x%02x", c);
    }
    buffer_append_byte(text, '"');
}

struct cursor {
    const char *at, *end;
};

static struct bytes take_line(struct cursor *cursor) {
    const char *end = memmem(cursor->at, (size_t)(cursor->end - cursor->at), "\r\n", 2);
    cr_assert_not_null(end, "a reply ends too early");
    struct bytes line = bytes_of(cursor->at, (size_t)(end - cursor->at));
    cursor->at = end + 2;
    return line;
}

static struct bytes take_body(struct cursor *cursor, int64_t size) {
    cr_assert(size >= 0 && size + 2 <= cursor->end - cursor->at, "a bulk ends too early");
    struct bytes body = bytes_of(cursor->at, (size_t)size);
    cursor->at += size;
    cr_assert_eq(memcmp(cursor->at, "\r\n", 2), 0);
    cursor->at += 2;
    return body;
}

static int64_t line_number(struct bytes line) {
    int64_t number = 0;
    bool valid = number_parse_i64(bytes_slice(line, 1, line.size), &number);
    cr_assert(valid, "not a number: %.*s", (int)line.size, line.data);
    return number;
}

static void print_value(struct cursor *cursor, struct buffer *text);

static void print_elements(struct cursor *cursor, struct buffer *text, int64_t count,
                           const char *brackets, bool pairs) {
    for (const char *c = brackets; *c != 0 && c[1] != 0; c++)
        buffer_append_byte(text, *c);
    for (int64_t i = 0; i < count; i++) {
        if (i > 0) buffer_append_format(text, pairs && i % 2 == 1 ? ": " : ", ");
        print_value(cursor, text);
    }
    buffer_append_byte(text, brackets[strlen(brackets) - 1]);
}

static void print_value(struct cursor *cursor, struct buffer *text) {
    struct bytes line = take_line(cursor);
    cr_assert_gt(line.size, 0);
    char kind = line.data[0];
    if (strchr("+-:,(#", kind) != NULL) {
        buffer_append_bytes(text, line);
    } else if (kind == '_') {
        buffer_append_format(text, "nil");
    } else if (kind == '$' || kind == '=') {
        int64_t size = line_number(line);
        if (size == -1) {
            buffer_append_format(text, "nil");
            return;
        }
        struct bytes body = take_body(cursor, size);
        if (kind == '=') {
            buffer_append_bytes(text, bytes_slice(body, 0, 3));
            body = bytes_slice(body, 4, body.size);
        }
        append_quoted(text, body);
    } else if (kind == '*') {
        int64_t count = line_number(line);
        if (count == -1)
            buffer_append_format(text, "nil*");
        else
            print_elements(cursor, text, count, "[]", false);
    } else if (kind == '~') {
        print_elements(cursor, text, line_number(line), "~[]", false);
    } else if (kind == '>') {
        print_elements(cursor, text, line_number(line), ">[]", false);
    } else {
        cr_assert(kind == '%' || kind == '|', "unknown kind of reply: %c", kind);
        print_elements(cursor, text, 2 * line_number(line), kind == '%' ? "{}" : "|{}", true);
    }
}

static void print_replies(struct fixture *fixture) {
    struct cursor cursor = {fixture->out.data, fixture->out.data + fixture->out.size};
    fixture->answer.size = 0;
    while (cursor.at < cursor.end) {
        if (fixture->answer.size > 0) buffer_append_byte(&fixture->answer, ' ');
        print_value(&cursor, &fixture->answer);
    }
}

static void print_delivery(struct fixture *fixture, const struct emitter_delivery *delivery) {
    fixture->out.size = 0;
    struct reply reply = {.out = &fixture->out, .protocol = fixture->protocol};
    emitter_reply_delivery(&reply, delivery);
    struct cursor cursor = {fixture->out.data, fixture->out.data + fixture->out.size};
    buffer_append_format(&fixture->answer, " %d%d<", (int)delivery->origin, (int)delivery->client);
    print_value(&cursor, &fixture->answer);
}

/* Both storages must deliver the same to the same. */
static void print_deliveries(struct fixture *fixture) {
    struct emitter_delivery delivery, other;
    struct emitter *others = storages_emitter(fixture->storages[1]);
    while (emitter_next_delivery(storages_emitter(fixture->storages[0]), &delivery)) {
        bool delivers = emitter_next_delivery(others, &other);
        cr_assert(delivers && delivery.origin == other.origin && delivery.client == other.client);
        cr_assert(bytes_equal(delivery.message, other.message));
        print_delivery(fixture, &delivery);
    }
    cr_assert_not(emitter_next_delivery(others, &other));
}

/* --- running -------------------------------------------------------------------------------- */

static void check_unchanged(struct fixture *fixture, const struct command *command,
                            const uint64_t before[2]) {
    struct storages *storages = fixture->storages[0];
    if (command->place == COMMAND_LOG) return;
    cr_assert_eq(storages_rolling_digest(storages), before[0], "%s is no read", command->name);
    if (fixture->in_group) return;
    cr_assert_eq(storages_digest(storages), before[1], "%s is no read", command->name);
}

static void check_after(struct fixture *fixture) {
    for (unsigned i = 0; i < STORAGES_COUNT && !fixture->in_group; i++)
        storages_check(fixture->storages[i]);
    cr_assert_eq(storages_rolling_digest(fixture->storages[0]),
                 storages_rolling_digest(fixture->storages[1]), "the rolling digests differ");
    if (fixture->in_group) return;
    cr_assert_eq(storages_digest(fixture->storages[0]), storages_digest(fixture->storages[1]),
                 "the digests differ");
}

static void run_on(struct fixture *fixture, struct storages *storages,
                   const struct command *command, const struct bytes *args, uint32_t count,
                   struct reply *reply) {
    struct command_call call = {
        .command = command,
        .storages = storages,
        .args = args,
        .count = count,
        .db = fixture->db,
        .reply = reply,
        .now_ms = storages_now_ms(storages),
        .seed = fixture->seed,
        .origin = fixture->origin,
        .client = fixture->client,
        .in_group = fixture->in_group,
        .registry = fixture->registry,
    };
    storages_run(&call);
    fixture->deadline_met_ms = call.deadline_met_ms;
}

/* As the apply of a batch does; whatever the words are, no result may change. */
static void prefetch(const struct fixture *fixture, const struct storages *storages,
                     const struct bytes *args, uint32_t count) {
    if (count < 2) return;
    uint64_t key = storages_key_hash(storages, args[1]);
    for (unsigned stage = 0; stage < 3; stage++)
        storages_prefetch(storages, fixture->db, key, stage);
    for (uint32_t i = 2; i < count && i < 4; i++)
        for (unsigned stage = 0; stage < 3; stage++)
            storages_prefetch_element(storages, fixture->db, key,
                                      storages_key_hash(storages, args[i]), stage);
}

const char *fixture_run_args(struct fixture *fixture, const struct bytes *args, uint32_t count) {
    fixture->out.size = 0;
    struct reply reply = {.out = &fixture->out, .protocol = fixture->protocol};
    struct reply nowhere = {.protocol = fixture->protocol};
    const struct command *command = command_resolve(fixture->registry, args, count, &reply);
    if (command != NULL) {
        uint64_t before[2] = {0};
        if (fixture->checks && command->place != COMMAND_LOG) {
            before[0] = storages_rolling_digest(fixture->storages[0]);
            if (!fixture->in_group) before[1] = storages_digest(fixture->storages[0]);
        }
        prefetch(fixture, fixture->storages[1], args, count);
        run_on(fixture, fixture->storages[1], command, args, count, &nowhere);
        run_on(fixture, fixture->storages[0], command, args, count, &reply);
        cr_assert_eq(reply.errors, nowhere.errors, "errors are counted wherever they go");
        if (fixture->checks) {
            check_unchanged(fixture, command, before);
            check_after(fixture);
        }
    }
    struct bytes written = buffer_bytes(&fixture->out);
    cr_assert_gt(written.size, 0, "no reply");
    print_replies(fixture);
    print_deliveries(fixture);
    buffer_append_byte(&fixture->answer, 0);
    return fixture->answer.data;
}

static const char *answer(struct fixture *fixture, const char *format, int64_t number) {
    fixture->answer.size = 0;
    buffer_append_format(&fixture->answer, format, (long long)number);
    buffer_append_byte(&fixture->answer, 0);
    return fixture->answer.data;
}

static const char *run_instruction(struct fixture *fixture, const char *line) {
    size_t word = strcspn(line, " ");
    long long number = line[word] == 0 ? 0 : atoll(line + word);
    uint64_t expired = 0;
    if (strncmp(line, "%now", word) == 0) {
        for (unsigned i = 0; i < STORAGES_COUNT; i++)
            storages_set_now(fixture->storages[i], number);
    } else if (strncmp(line, "%protocol", word) == 0) {
        fixture->protocol = (uint8_t)number;
    } else if (strncmp(line, "%db", word) == 0) {
        fixture->db = (uint8_t)number;
    } else if (strncmp(line, "%client", word) == 0) {
        fixture->origin = (uint64_t)number / 10;
        fixture->client = (uint64_t)number % 10;
    } else if (strncmp(line, "%gone", word) == 0) {
        for (unsigned i = 0; i < STORAGES_COUNT; i++)
            emitter_remove_client(storages_emitter(fixture->storages[i]), fixture->origin,
                                  fixture->client);
        check_after(fixture);
    } else if (strncmp(line, "%closed", word) == 0) {
        for (unsigned i = 0; i < STORAGES_COUNT; i++)
            emitter_remove_origin(storages_emitter(fixture->storages[i]), (uint64_t)number);
        check_after(fixture);
    } else if (strncmp(line, "%seed", word) == 0) {
        fixture->seed = (uint64_t)number;
    } else if (strncmp(line, "%group", word) == 0) {
        fixture->in_group = true;
    } else if (strncmp(line, "%end", word) == 0) {
        for (unsigned i = 0; i < STORAGES_COUNT; i++)
            storages_unit_end(fixture->storages[i]);
        fixture->in_group = false;
        check_after(fixture);
    } else if (strncmp(line, "%expire", word) == 0) {
        for (unsigned i = 0; i < STORAGES_COUNT; i++)
            expired = storages_expire(fixture->storages[i], (uint64_t)number);
        check_after(fixture);
        return answer(fixture, ":%lld", (int64_t)expired);
    } else {
        cr_assert_eq(strncmp(line, "%next", word), 0, "unknown instruction: %s", line);
        return answer(fixture, ":%lld", storages_next_deadline_ms(fixture->storages[0]));
    }
    return answer(fixture, "+", 0);
}

const char *fixture_run(struct fixture *fixture, const char *line) {
    if (line[0] == '%') return run_instruction(fixture, line);
    static const size_t args_bytes = ARGS_MAX * sizeof(struct bytes);
    struct bytes *args = memory_allocate(args_bytes);
    uint32_t count = split_line(fixture, line, args);
    cr_assert_gt(count, 0);
    const char *text = fixture_run_args(fixture, args, count);
    memory_release(args);
    return text;
}

const char *fixture_format(struct fixture *fixture, const char *format, ...) {
    struct buffer line = {0};
    va_list arguments;
    va_start(arguments, format);
    buffer_append_format_list(&line, format, arguments);
    va_end(arguments);
    buffer_append_byte(&line, 0);
    const char *text = fixture_run(fixture, line.data);
    buffer_clear(&line);
    return text;
}

void fixture_run_cases(const struct fixture_case *cases, size_t count, const char *file, int at) {
    struct fixture *fixture = fixture_create();
    for (size_t i = 0; i < count; i++) {
        const char *text = fixture_run(fixture, cases[i].line);
        if (cases[i].answer == NULL) continue;
        cr_expect_str_eq(text, cases[i].answer, "%s:%d, case %zu: %s\n  answers  %s\n  expected %s",
                         file, at, i, cases[i].line, text, cases[i].answer);
    }
    fixture_destroy(fixture);
}
