/* fuzz_commands: any sequence of commands, on two storages with different hash seeds. Nothing may
 * crash, all invariants must hold, and both must have the same digests: what a command does depends
 * on the log alone.
 *
 * An input is a list of commands: a byte that chooses a row (so the rows are the dictionary), a
 * byte with the number of further arguments if the row has no fixed number, a byte for each
 * argument that chooses where it comes from. Or it is the byte 255 and requests as a client sends
 * them: run-fuzz makes such seeds of tests/corpus. */
#include "base/memory.h"
#include "base/number.h"
#include "resp/request.h"
#include "storages/emitter.h"
#include "storages/storages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STORAGES_COUNT = 2, ARGS_MAX = 16, MORE_ARGS = 5, COMMANDS_MAX = 400, CHECKED_EVERY = 50 };

struct input {
    const uint8_t *at, *end;
};

static uint8_t take(struct input *input) {
    return input->at < input->end ? *input->at++ : 0;
}

struct box {
    struct command_registry *registry;
    struct storages *storages[STORAGES_COUNT];
    struct buffer text; /* the bytes of the arguments */
    struct buffer out;
    uint64_t seed;
    uint8_t db;
    bool in_group;
};

static void box_init(struct box *box) {
    *box = (struct box){.registry = command_registry_create()};
    storages_register(box->registry);
    for (unsigned i = 0; i < STORAGES_COUNT; i++) {
        box->storages[i] = storages_create(random_mix(i));
        storages_set_now(box->storages[i], 1000);
        /* Small, so that conversions and bounds are met. */
        struct storages_settings *settings = storages_settings(box->storages[i]);
        settings->proto_max_bulk_len = 100000;
        settings->hash_max_listpack_entries = 4;
        settings->hash_max_listpack_value = 16;
        settings->set_max_intset_entries = 4;
        settings->zset_max_listpack_entries = 4;
        settings->zset_max_listpack_value = 16;
        settings->list_max_listpack_size = 3;
    }
}

static void box_clear(struct box *box) {
    for (unsigned i = 0; i < STORAGES_COUNT; i++)
        storages_destroy(box->storages[i]);
    command_registry_destroy(box->registry);
    buffer_clear(&box->text);
    buffer_clear(&box->out);
}

static void box_check(struct box *box) {
    if (box->in_group) return;
    for (unsigned i = 0; i < STORAGES_COUNT; i++)
        storages_check(box->storages[i]);
    CHECK(storages_digest(box->storages[0]) == storages_digest(box->storages[1]));
}

/* --- arguments ----------------------------------------------------------------------------------
 */

static const char *const words[] = {
    "",
    "0",
    "-1",
    "1.5",
    "inf",
    "-inf",
    "nan",
    "(1",
    "[k1",
    "(k2",
    "+",
    "-",
    "*",
    "k*",
    "[a-k",
    "?1",
    "1e300",
    "3.0e2",
    "\\",
    "9223372036854775807",
    "-9223372036854775808",
    "2147483648",
    " 1",
    "01",
    "-0",
    "1e",
    "0x10",
    "18446744073709551615",
};

/* The n-th option word of a row's argument tree, or NULL. */
static struct bytes option_word(const struct command *command, unsigned n) {
    const char *text = command->arguments;
    struct bytes found = {0};
    for (unsigned i = 0; text != NULL && (text = strchr(text, '=')) != NULL; i++) {
        text++;
        found = bytes_of(text, strcspn(text, "@!?*+() "));
        if (i == n % 16) break;
    }
    return found;
}

/* Appends an argument's bytes. */
static void make_argument(struct box *box, const struct command *command, struct input *input) {
    uint8_t kind = take(input);
    struct buffer *text = &box->text;
    if (kind < 80) {
        buffer_append_format(text, "k%d", kind % 8);
    } else if (kind < 120) {
        buffer_append_format(text, "%d", (kind - 80) / 2 - 5);
    } else if (kind < 160) {
        buffer_append_bytes(text, option_word(command, kind - 120));
    } else if (kind < 190) {
        for (unsigned i = 0; i < kind - 160u; i++)
            buffer_append_byte(text, (char)take(input));
    } else if (kind < 190 + COUNT_OF(words)) {
        buffer_append_bytes(text, bytes_of_text(words[kind - 190]));
    } else {
        for (unsigned i = 0; i < kind * 7u; i++)
            buffer_append_byte(text, (char)kind);
    }
}

/* --- running ------------------------------------------------------------------------------------
 */

static uint32_t run_on(struct box *box, unsigned number, const struct command *command,
                       const struct bytes *args, uint32_t count) {
    struct reply reply = {.out = number == 0 ? &box->out : NULL, .protocol = box->seed % 2 ? 3 : 2};
    struct command_call call = {
        .command = command,
        .storages = box->storages[number],
        .args = args,
        .count = count,
        .db = box->db,
        .reply = &reply,
        .now_ms = storages_now_ms(box->storages[number]),
        .seed = box->seed,
        .origin = 1,
        .client = 1 + box->seed % 3,
        .in_group = box->in_group,
        .registry = box->registry,
    };
    storages_run(&call);
    struct emitter_delivery delivery;
    while (emitter_next_delivery(storages_emitter(box->storages[number]), &delivery))
        continue;
    return reply.errors;
}

/* On both, whose replies and digests must not differ. */
static void run_on_both(struct box *box, const struct command *command, const struct bytes *args,
                        uint32_t count) {
    box->seed = random_mix(box->seed);
    box->out.size = 0;
    uint64_t before = storages_rolling_digest(box->storages[0]);
    uint32_t errors = run_on(box, 0, command, args, count);
    CHECK(errors == run_on(box, 1, command, args, count));
    CHECK(storages_rolling_digest(box->storages[0]) == storages_rolling_digest(box->storages[1]));
    bool changed = storages_rolling_digest(box->storages[0]) != before;
    CHECK(command->place == COMMAND_LOG || !changed);
}

static void run_command(struct box *box, const struct command *command, struct input *input) {
    size_t ends[ARGS_MAX + 1];
    struct bytes args[ARGS_MAX + 1];
    uint32_t count = command->arity > 0 ? (uint32_t)command->arity
                                        : (uint32_t)-command->arity + take(input) % MORE_ARGS;
    CHECK(count <= ARGS_MAX);
    box->text.size = 0;
    buffer_append_bytes(&box->text, bytes_of_text(command->name));
    ends[0] = box->text.size;
    for (uint32_t i = 1; i < count; i++) {
        make_argument(box, command, input);
        ends[i] = box->text.size;
    }
    for (uint32_t i = 0; i < count; i++) {
        size_t start = i == 0 ? 0 : ends[i - 1];
        args[i] = bytes_of(box->text.data + start, ends[i] - start);
    }
    run_on_both(box, command, args, count);
}

/* Bytes beyond the rows: what happens between commands. */
static void run_event(struct box *box, unsigned event, struct input *input) {
    uint8_t value = take(input);
    if (event % 4 == 0) box->db = value % 3;
    for (unsigned i = 0; i < STORAGES_COUNT; i++) {
        struct storages *storages = box->storages[i];
        if (event % 4 == 1) storages_set_now(storages, storages_now_ms(storages) + value * 20);
        if (event % 4 == 2 && !box->in_group) storages_expire(storages, value % 8);
        if (event % 4 == 3 && box->in_group) storages_unit_end(storages);
    }
    if (event % 4 == 3) box->in_group = !box->in_group;
}

static void group_end(struct box *box) {
    for (unsigned i = 0; i < STORAGES_COUNT && box->in_group; i++)
        storages_unit_end(box->storages[i]);
    box->in_group = false;
}

/* MULTI and EXEC are no rows of the storages: they begin and end the group. */
static void run_request(struct box *box, const struct bytes *args, uint32_t count) {
    struct reply reply = {.out = &box->out, .protocol = 2};
    box->out.size = 0;
    if (bytes_equal_ignoring_case(args[0], BYTES("multi"))) {
        box->in_group = true;
    } else if (bytes_equal_ignoring_case(args[0], BYTES("exec"))) {
        group_end(box);
    } else {
        const struct command *command = command_resolve(box->registry, args, count, &reply);
        if (command != NULL) run_on_both(box, command, args, count);
    }
}

static void run_requests(struct box *box, struct bytes rest) {
    static const struct request_limits limits = {.bulk_max = 1 << 20, .args_max = 1000};
    struct request_parser parser = {0};
    for (unsigned i = 0; i < COMMANDS_MAX; i++) {
        if (request_parse(&parser, &limits, rest.data, rest.size) != REQUEST_DONE) break;
        run_request(box, parser.args, parser.count);
        rest = bytes_slice(rest, parser.consumed, SIZE_MAX);
        if (i % CHECKED_EVERY == 0) box_check(box);
    }
    request_clear(&parser);
}

static void run_input(struct box *box, struct input input) {
    uint32_t rows = command_registry_count(box->registry);
    for (unsigned i = 0; i < COMMANDS_MAX && input.at < input.end; i++) {
        unsigned row = take(&input);
        if (row < rows)
            run_command(box, command_registry_at(box->registry, row), &input);
        else
            run_event(box, row - rows, &input);
        if (i % CHECKED_EVERY == 0) box_check(box);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct box box;
    box_init(&box);
    if (size > 0 && data[0] == 255)
        run_requests(&box, bytes_of((const char *)data + 1, size - 1));
    else
        run_input(&box, (struct input){data, data + size});
    group_end(&box);
    box_check(&box);
    box_clear(&box);
    return 0;
}
