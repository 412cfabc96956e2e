/* command_docs.c: COMMAND, COMMAND INFO, DOCS, LIST, GETKEYS: replies built from the rows, in the
 * shapes of Redis 7.0.
 *
 * A row's `arguments` is the argument tree of COMMAND DOCS in a compact form, an argument after
 * the other, separated by spaces:
 *
 *     type:name[#key spec][=TOKEN][@since][!deprecated since][?][*][+][(arguments within)]
 *
 * type: s string, i integer, d double, k key, p pattern, u unix-time, t pure-token, o oneof,
 * b block. "?" is optional, "*" multiple, "+" multiple_token; "_" in a token is a space, and '""'
 * the empty token. So SET's value is "s:value" and its condition
 * "o:condition@2.6.12?(t:nx=NX t:xx=XX)". */
#include "storages/command_docs.h"

#include "base/glob.h"
#include "base/number.h"

/* --- names ------------------------------------------------------------------------------------ */

/* In the order in which Redis lists them. */
static const struct {
    uint32_t flag;
    const char *name;
} flag_names[] = {
    {COMMAND_WRITE, "write"},
    {COMMAND_READONLY, "readonly"},
    {COMMAND_DENYOOM, "denyoom"},
    {COMMAND_ADMIN, "admin"},
    {COMMAND_PUBSUB, "pubsub"},
    {COMMAND_NOSCRIPT, "noscript"},
    {COMMAND_BLOCKING, "blocking"},
    {COMMAND_LOADING, "loading"},
    {COMMAND_STALE, "stale"},
    {COMMAND_SKIP_MONITOR, "skip_monitor"},
    {COMMAND_SKIP_SLOWLOG, "skip_slowlog"},
    {COMMAND_FAST, "fast"},
    {COMMAND_NO_AUTH, "no_auth"},
    {COMMAND_MAY_REPLICATE, "may_replicate"},
    {COMMAND_NO_MANDATORY_KEYS, "no_mandatory_keys"},
    {COMMAND_NO_ASYNC_LOADING, "no_async_loading"},
    {COMMAND_NO_MULTI, "no_multi"},
    {COMMAND_MOVABLEKEYS, "movablekeys"},
    {COMMAND_ALLOW_BUSY, "allow_busy"},
};

/* In the order in which Redis lists them, with the flag that implies each. */
static const struct {
    uint32_t implied_by;
    const char *name;
} category_names[] = {
    {0, "keyspace"},
    {COMMAND_READONLY, "read"},
    {COMMAND_WRITE, "write"},
    {0, "set"},
    {0, "sortedset"},
    {0, "list"},
    {0, "hash"},
    {0, "string"},
    {0, "bitmap"},
    {0, "hyperloglog"},
    {0, "geo"},
    {0, "stream"},
    {COMMAND_PUBSUB, "pubsub"},
    {COMMAND_ADMIN, "admin"},
    {COMMAND_FAST, "fast"},
    {0, "slow"}, /* all that are not fast */
    {COMMAND_BLOCKING, "blocking"},
    {COMMAND_ADMIN, "dangerous"},
    {0, "connection"},
    {0, "transaction"},
    {0, "scripting"},
};
_Static_assert(COUNT_OF(category_names) <= COMMAND_CATEGORIES_MAX, "they fit");

/* Takes the next word, up to `separator`, off the text; false at its end. */
static bool take_word(const char **text, char separator, struct bytes *word) {
    const char *at = *text;
    if (at == NULL) return false;
    while (*at == ' ')
        at++;
    if (*at == 0) return false;
    const char *end = at;
    while (*end != 0 && *end != separator)
        end++;
    *word = bytes_of(at, (size_t)(end - at));
    *text = *end == 0 ? end : end + 1;
    return true;
}

static uint32_t count_words(const char *text, char separator) {
    uint32_t count = 0;
    for (struct bytes word; take_word(&text, separator, &word); count++)
        continue;
    return count;
}

static bool has_word(const char *text, const char *wanted) {
    for (struct bytes word; take_word(&text, ' ', &word);) {
        if (bytes_equal_ignoring_case(word, bytes_of_text(wanted))) return true;
    }
    return false;
}

static bool in_category(const struct command *command, size_t category) {
    const char *name = category_names[category].name;
    if (command->flags & category_names[category].implied_by) return true;
    if (strcmp(name, "slow") == 0 && !(command->flags & COMMAND_FAST)) return true;
    return has_word(command->categories, name);
}

uint32_t command_categories(const struct command *command,
                            const char *categories[COMMAND_CATEGORIES_MAX]) {
    uint32_t count = 0;
    for (size_t i = 0; i < COUNT_OF(category_names); i++) {
        if (in_category(command, i)) categories[count++] = category_names[i].name;
    }
    return count;
}

bool command_has_category(const struct command *command, const char *category) {
    for (size_t i = 0; i < COUNT_OF(category_names); i++)
        if (strcmp(category_names[i].name, category) == 0) return in_category(command, i);
    return false;
}

uint32_t command_category_names(const char *names[COMMAND_CATEGORIES_MAX]) {
    _Static_assert(COUNT_OF(category_names) <= COMMAND_CATEGORIES_MAX, "they fit");
    for (size_t i = 0; i < COUNT_OF(category_names); i++)
        names[i] = category_names[i].name;
    return COUNT_OF(category_names);
}

static bool is_subcommand(const struct command *command) {
    return strchr(command->name, '|') != NULL;
}

/* --- COMMAND INFO ------------------------------------------------------------------------------
 */

static void reply_flags(struct reply *reply, const struct command *command) {
    uint32_t count = 0;
    for (size_t i = 0; i < COUNT_OF(flag_names); i++)
        count += (command->flags & flag_names[i].flag) != 0;
    reply_set(reply, count);
    for (size_t i = 0; i < COUNT_OF(flag_names); i++) {
        if (command->flags & flag_names[i].flag) reply_simple(reply, flag_names[i].name);
    }
}

static void reply_categories(struct reply *reply, const struct command *command) {
    const char *categories[COMMAND_CATEGORIES_MAX];
    uint32_t count = command_categories(command, categories);
    reply_set(reply, count);
    for (uint32_t i = 0; i < count; i++) {
        char name[32];
        size_t size = strlen(categories[i]);
        CHECK(size + 2 <= sizeof(name));
        name[0] = '@';
        memcpy(name + 1, categories[i], size + 1);
        reply_simple(reply, name);
    }
}

static void reply_tips(struct reply *reply, const struct command *command) {
    reply_set(reply, count_words(command->tips, ' '));
    const char *tips = command->tips;
    for (struct bytes tip; take_word(&tips, ' ', &tip);)
        reply_bulk(reply, tip);
}

/* One key spec: which arguments are keys, and what is done to them. */
struct key_spec {
    struct bytes flags;
    int begin;      /* the index where the search begins */
    bool counted;   /* a count stands there, the keys follow it */
    int last, step; /* of those not counted: relative, or negative from the end */
};

/* Takes the next of a row's specs; `number` counts them. */
static bool take_key_spec(const struct command *command, const char **flags, uint32_t number,
                          struct key_spec *spec) {
    struct command_keys keys = command->keys;
    *spec = (struct key_spec){.step = 1};
    if (!take_word(flags, ';', &spec->flags)) return false;
    bool is_last = **flags == 0;
    spec->begin = keys.first + (int)number;
    if (keys.numkeys_at != 0 && is_last) {
        spec->counted = true;
        spec->begin = keys.numkeys_at;
    } else if (is_last) {
        spec->last = keys.last < 0 ? keys.last : keys.last - spec->begin;
        spec->step = keys.step;
    }
    return true;
}

/* Redis writes the first kind of flag in capitals and the others small. */
static void reply_spec_flags(struct reply *reply, struct bytes flags) {
    static const char *const capitals[] = {"RW", "RO", "OW", "RM"};
    char text[128], word[32];
    CHECK(flags.size < sizeof(text));
    memcpy(text, flags.data, flags.size);
    text[flags.size] = 0;
    reply_set(reply, count_words(text, ' '));
    const char *at = text;
    for (struct bytes flag; take_word(&at, ' ', &flag);) {
        CHECK(flag.size < sizeof(word));
        bool is_capital = false;
        for (size_t i = 0; i < COUNT_OF(capitals); i++)
            is_capital = is_capital || bytes_equal(flag, bytes_of_text(capitals[i]));
        for (size_t i = 0; i < flag.size; i++)
            word[i] = is_capital ? flag.data[i] : byte_lower(flag.data[i]);
        word[flag.size] = 0;
        reply_simple(reply, word);
    }
}

static void reply_named_integer(struct reply *reply, const char *name, int64_t value) {
    reply_bulk_text(reply, name);
    reply_integer(reply, value);
}

static void reply_named_text(struct reply *reply, const char *name, const char *text) {
    reply_bulk_text(reply, name);
    reply_bulk_text(reply, text);
}

/* "type" and "spec": the caller writes the `fields` pairs of the spec. */
static void reply_typed_spec(struct reply *reply, const char *name, const char *type,
                             uint32_t fields) {
    reply_bulk_text(reply, name);
    reply_map(reply, 2);
    reply_named_text(reply, "type", type);
    reply_bulk_text(reply, "spec");
    reply_map(reply, fields);
}

static void reply_key_spec(struct reply *reply, const struct command *command,
                           const struct key_spec *spec) {
    reply_map(reply, command->key_notes != NULL ? 4 : 3);
    if (command->key_notes != NULL) reply_named_text(reply, "notes", command->key_notes);
    reply_bulk_text(reply, "flags");
    reply_spec_flags(reply, spec->flags);
    reply_typed_spec(reply, "begin_search", "index", 1);
    reply_named_integer(reply, "index", spec->begin);
    if (spec->counted) {
        reply_typed_spec(reply, "find_keys", "keynum", 3);
        reply_named_integer(reply, "keynumidx", 0);
        reply_named_integer(reply, "firstkey", 1);
        reply_named_integer(reply, "keystep", 1);
    } else {
        reply_typed_spec(reply, "find_keys", "range", 3);
        reply_named_integer(reply, "lastkey", spec->last);
        reply_named_integer(reply, "keystep", spec->step);
        reply_named_integer(reply, "limit", 0);
    }
}

static void reply_key_specs(struct reply *reply, const struct command *command) {
    reply_set(reply, count_words(command->key_flags, ';'));
    const char *flags = command->key_flags;
    struct key_spec spec;
    for (uint32_t number = 0; take_key_spec(command, &flags, number, &spec); number++)
        reply_key_spec(reply, command, &spec);
}

typedef void reply_row_function(struct reply *reply, const struct command_registry *registry,
                                const struct command *command);

static bool is_part_of(const struct command *command, const struct command *container) {
    size_t size = strlen(container->name);
    return strncmp(command->name, container->name, size) == 0 && command->name[size] == '|';
}

static uint32_t count_subcommands(const struct command_registry *registry,
                                  const struct command *container) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < command_registry_count(registry); i++)
        count += is_part_of(command_registry_at(registry, i), container);
    return count;
}

static void reply_subcommands(struct reply *reply, const struct command_registry *registry,
                              const struct command *container, reply_row_function *reply_row) {
    for (uint32_t i = 0; i < command_registry_count(registry); i++) {
        const struct command *command = command_registry_at(registry, i);
        if (is_part_of(command, container)) reply_row(reply, registry, command);
    }
}

static void reply_info(struct reply *reply, const struct command_registry *registry,
                       const struct command *command) {
    struct command_keys keys = command->keys;
    bool has_range = keys.first > 0;
    reply_array(reply, 10);
    reply_bulk_text(reply, command->name);
    reply_integer(reply, command->arity);
    reply_flags(reply, command);
    reply_integer(reply, keys.first);
    reply_integer(reply, has_range ? keys.last : 0);
    reply_integer(reply, has_range ? keys.step : 0);
    reply_categories(reply, command);
    reply_tips(reply, command);
    reply_key_specs(reply, command);
    uint32_t subcommands = count_subcommands(registry, command);
    if (subcommands == 0)
        reply_set(reply, 0);
    else
        reply_array(reply, subcommands);
    reply_subcommands(reply, registry, command, reply_info);
}

static uint32_t count_top_level(const struct command_registry *registry) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < command_registry_count(registry); i++)
        count += !is_subcommand(command_registry_at(registry, i));
    return count;
}

static void reply_all(struct command_call *call, reply_row_function *reply_row) {
    for (uint32_t i = 0; i < command_registry_count(call->registry); i++) {
        const struct command *command = command_registry_at(call->registry, i);
        if (!is_subcommand(command)) reply_row(call->reply, call->registry, command);
    }
}

static void run_command(struct command_call *call) {
    reply_array(call->reply, count_top_level(call->registry));
    reply_all(call, reply_info);
}

static void run_info(struct command_call *call) {
    if (call->count == 2) {
        run_command(call);
        return;
    }
    reply_array(call->reply, call->count - 2);
    for (uint32_t i = 2; i < call->count; i++) {
        const struct command *command = command_find(call->registry, call->args[i]);
        if (command == NULL)
            reply_null(call->reply);
        else
            reply_info(call->reply, call->registry, command);
    }
}

static void run_count(struct command_call *call) {
    reply_integer(call->reply, count_top_level(call->registry));
}

/* --- COMMAND DOCS ------------------------------------------------------------------------------
 */

static const struct {
    char letter;
    const char *name;
} argument_types[] = {
    {'s', "string"},    {'i', "integer"},    {'d', "double"}, {'k', "key"},   {'p', "pattern"},
    {'u', "unix-time"}, {'t', "pure-token"}, {'o', "oneof"},  {'b', "block"},
};

static const struct {
    char mark;
    const char *name;
} argument_flags[] = {{'?', "optional"}, {'*', "multiple"}, {'+', "multiple_token"}};

static const char *argument_type(char letter) {
    for (size_t i = 0; i < COUNT_OF(argument_types); i++) {
        if (argument_types[i].letter == letter) return argument_types[i].name;
    }
    CHECK(!"a known type of argument");
    return NULL;
}

/* Takes what stands between `mark` and the next mark; false if this is not the next mark. */
static bool take_part(const char **text, char mark, struct bytes *part) {
    if (**text != mark) return false;
    const char *start = *text + 1;
    /* A token may be a mark itself, as its first byte. */
    size_t size = *start == 0 ? 0 : 1 + strcspn(start + 1, "#=@!?*+() ");
    *part = bytes_of(start, size);
    *text = start + size;
    return true;
}

static void reply_token(struct reply *reply, struct bytes token) {
    char text[64];
    if (bytes_equal(token, BYTES("\"\""))) token.size = 0;
    CHECK(token.size < sizeof(text));
    for (size_t i = 0; i < token.size; i++)
        text[i] = token.data[i] == '_' ? ' ' : token.data[i];
    reply_bulk(reply, bytes_of(text, token.size));
}

static void reply_argument_flags(struct reply *reply, struct bytes marks) {
    reply_bulk_text(reply, "flags");
    reply_set(reply, marks.size);
    for (size_t m = 0; m < marks.size; m++) {
        for (size_t i = 0; i < COUNT_OF(argument_flags); i++) {
            if (argument_flags[i].mark == marks.data[m])
                reply_simple(reply, argument_flags[i].name);
        }
    }
}

static void reply_arguments(struct reply *reply, const char **text);

/* One argument; *text is moved behind it. */
static void reply_argument(struct reply *reply, const char **text) {
    const char *type = argument_type(**text);
    struct bytes part;
    size_t mark = reply_deferred_open(reply);
    uint64_t pairs = 2;
    *text += 1;
    bool named = take_part(text, ':', &part);
    CHECK(named);
    reply_bulk_text(reply, "name");
    reply_bulk(reply, part);
    reply_named_text(reply, "type", type);
    if (take_part(text, '#', &part)) {
        int64_t number = 0;
        bool valid = number_parse_i64(part, &number);
        CHECK(valid);
        reply_named_integer(reply, "key_spec_index", number);
        pairs++;
    }
    if (take_part(text, '=', &part)) {
        reply_bulk_text(reply, "token");
        reply_token(reply, part);
        pairs++;
    }
    if (take_part(text, '@', &part)) {
        reply_bulk_text(reply, "since");
        reply_bulk(reply, part);
        pairs++;
    }
    if (take_part(text, '!', &part)) {
        reply_bulk_text(reply, "deprecated_since");
        reply_bulk(reply, part);
        pairs++;
    }
    struct bytes marks = bytes_of(*text, strspn(*text, "?*+"));
    *text += marks.size;
    if (marks.size > 0) {
        reply_argument_flags(reply, marks);
        pairs++;
    }
    if (**text == '(') {
        *text += 1;
        reply_bulk_text(reply, "arguments");
        reply_arguments(reply, text);
        CHECK(**text == ')');
        *text += 1;
        pairs++;
    }
    reply_deferred_map(reply, mark, pairs);
}

static void reply_arguments(struct reply *reply, const char **text) {
    size_t mark = reply_deferred_open(reply);
    uint64_t count = 0;
    for (; **text != 0 && **text != ')'; count++) {
        reply_argument(reply, text);
        if (**text == ' ') *text += 1;
    }
    reply_deferred_array(reply, mark, count);
}

static uint64_t reply_text_if_any(struct reply *reply, const char *name, const char *text) {
    if (text == NULL) return 0;
    reply_named_text(reply, name, text);
    return 1;
}

static void reply_docs(struct reply *reply, const struct command_registry *registry,
                       const struct command *command) {
    reply_bulk_text(reply, command->name);
    size_t mark = reply_deferred_open(reply);
    uint64_t pairs = reply_text_if_any(reply, "summary", command->summary);
    pairs += reply_text_if_any(reply, "since", command->since);
    pairs += reply_text_if_any(reply, "group", command->group);
    pairs += reply_text_if_any(reply, "complexity", command->complexity);
    if (command->deprecated_since != NULL) {
        reply_bulk_text(reply, "doc_flags");
        reply_set(reply, 1);
        reply_simple(reply, "deprecated");
        pairs++;
    }
    pairs += reply_text_if_any(reply, "deprecated_since", command->deprecated_since);
    pairs += reply_text_if_any(reply, "replaced_by", command->replaced_by);
    if (command->arguments != NULL) {
        const char *text = command->arguments;
        reply_bulk_text(reply, "arguments");
        reply_arguments(reply, &text);
        CHECK(*text == 0);
        pairs++;
    }
    uint32_t subcommands = count_subcommands(registry, command);
    if (subcommands > 0) {
        reply_bulk_text(reply, "subcommands");
        reply_map(reply, subcommands);
        reply_subcommands(reply, registry, command, reply_docs);
        pairs++;
    }
    reply_deferred_map(reply, mark, pairs);
}

static void run_docs(struct command_call *call) {
    if (call->count == 2) {
        reply_map(call->reply, count_top_level(call->registry));
        reply_all(call, reply_docs);
        return;
    }
    size_t mark = reply_deferred_open(call->reply);
    uint64_t found = 0;
    for (uint32_t i = 2; i < call->count; i++) {
        const struct command *command = command_find(call->registry, call->args[i]);
        if (command == NULL) continue;
        reply_docs(call->reply, call->registry, command);
        found++;
    }
    reply_deferred_map(call->reply, mark, found);
}

/* --- COMMAND LIST ------------------------------------------------------------------------------
 */

enum list_filter { LIST_ALL, LIST_MODULE, LIST_CATEGORY, LIST_PATTERN };

static bool parse_list_filter(struct command_call *call, enum list_filter *filter) {
    *filter = LIST_ALL;
    if (call->count == 2) return true;
    if (call->count == 5 && command_option(call, 2, "filterby")) {
        if (command_option(call, 3, "module")) *filter = LIST_MODULE;
        if (command_option(call, 3, "aclcat")) *filter = LIST_CATEGORY;
        if (command_option(call, 3, "pattern")) *filter = LIST_PATTERN;
        if (*filter != LIST_ALL) return true;
    }
    reply_error(call->reply, REPLY_SYNTAX_ERROR);
    return false;
}

static bool list_filter_passes(const struct command *command, enum list_filter filter,
                               struct bytes wanted) {
    if (filter == LIST_MODULE) return false; /* there are no modules */
    if (filter == LIST_PATTERN) return glob_match(wanted, bytes_of_text(command->name), true);
    const char *categories[COMMAND_CATEGORIES_MAX];
    uint32_t count = command_categories(command, categories);
    for (uint32_t i = 0; i < count; i++) {
        if (bytes_equal_ignoring_case(wanted, bytes_of_text(categories[i]))) return true;
    }
    return false;
}

static void run_list(struct command_call *call) {
    enum list_filter filter;
    if (!parse_list_filter(call, &filter)) return;
    size_t mark = reply_deferred_open(call->reply);
    uint64_t count = 0;
    for (uint32_t i = 0; i < command_registry_count(call->registry); i++) {
        const struct command *command = command_registry_at(call->registry, i);
        if (filter != LIST_ALL && !list_filter_passes(command, filter, call->args[4])) continue;
        reply_bulk_text(call->reply, command->name);
        count++;
    }
    reply_deferred_array(call->reply, mark, count);
}

/* --- COMMAND GETKEYS ---------------------------------------------------------------------------
 */

/* SET alone has variable flags: what it does to the key depends on its GET option. */
static struct bytes variable_flags(const struct bytes *args, uint32_t count) {
    for (uint32_t i = 3; i < count; i++) {
        if (bytes_equal_ignoring_case(args[i], BYTES("get"))) return BYTES("RW ACCESS UPDATE");
    }
    return BYTES("OW UPDATE");
}

/* The flags of the key at this position. */
static struct bytes flags_of_key(const struct command *command, uint32_t position,
                                 const struct bytes *args, uint32_t count) {
    if (has_word(command->key_flags, "VARIABLE_FLAGS")) return variable_flags(args, count);
    const char *flags = command->key_flags;
    struct key_spec spec, found = {0};
    for (uint32_t number = 0; take_key_spec(command, &flags, number, &spec); number++) {
        if (number == 0 || (int)position >= spec.begin) found = spec;
    }
    return found.flags;
}

static void reply_keys(struct command_call *call, bool with_flags) {
    const struct bytes *args = call->args + 2;
    uint32_t count = call->count - 2;
    const struct command *command = command_lookup(call->registry, args, count);
    const char *error = NULL;
    struct buffer positions = {0};
    if (command == NULL)
        error = "ERR Invalid command specified";
    else if (command->keys.first == 0 && command->keys.numkeys_at == 0)
        error = "ERR The command has no key arguments";
    else if (!command_arity_fits(command, count))
        error = "ERR Invalid number of arguments specified for command";
    else if (!command_key_positions(command, args, count, &positions) &&
             !(command->flags & COMMAND_NO_MANDATORY_KEYS))
        error = "ERR Invalid arguments specified for command";
    if (error != NULL) {
        reply_error(call->reply, error);
        buffer_clear(&positions);
        return;
    }
    uint64_t keys = positions.size / sizeof(uint32_t);
    reply_array(call->reply, keys);
    for (uint64_t i = 0; i < keys; i++) {
        uint32_t position = load_u32(positions.data + i * sizeof(uint32_t));
        if (with_flags) reply_array(call->reply, 2);
        reply_bulk(call->reply, args[position]);
        if (with_flags) reply_spec_flags(call->reply, flags_of_key(command, position, args, count));
    }
    buffer_clear(&positions);
}

static void run_getkeys(struct command_call *call) {
    reply_keys(call, false);
}

static void run_getkeysandflags(struct command_call *call) {
    reply_keys(call, true);
}

static void run_help(struct command_call *call) {
    static const char *const lines[] = {
        "(no subcommand)",
        "    Return details about all Redis commands.",
        "COUNT",
        "    Return the total number of commands in this Redis server.",
        "LIST",
        "    Return a list of all commands in this Redis server.",
        "INFO [<command-name> ...]",
        "    Return details about multiple Redis commands.",
        "    If no command names are given, documentation details for all",
        "    commands are returned.",
        "DOCS [<command-name> ...]",
        "    Return documentation details about multiple Redis commands.",
        "    If no command names are given, documentation details for all",
        "    commands are returned.",
        "GETKEYS <full-command>",
        "    Return the keys from a full Redis command.",
        "GETKEYSANDFLAGS <full-command>",
        "    Return the keys and the access flags from a full Redis command.",
        NULL,
    };
    command_reply_help(call, lines);
}

/* --- rows --------------------------------------------------------------------------------------
 */

static const struct command commands[] = {
    {.id = 650,
     .name = "command",
     .run = run_command,
     .arity = -1,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .categories = "connection",
     .tips = "nondeterministic_output_order",
     .group = "server",
     .since = "2.8.13",
     .complexity = "O(N) where N is the total number of Redis commands",
     .summary = "Get array of Redis command details"},
    {.id = 651,
     .name = "command|count",
     .run = run_count,
     .arity = 2,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .categories = "connection",
     .group = "server",
     .since = "2.8.13",
     .complexity = "O(1)",
     .summary = "Get total number of Redis commands"},
    {.id = 652,
     .name = "command|list",
     .run = run_list,
     .arity = -2,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .categories = "connection",
     .tips = "nondeterministic_output_order",
     .group = "server",
     .since = "7.0.0",
     .complexity = "O(N) where N is the total number of Redis commands",
     .summary = "Get an array of Redis command names",
     .arguments = "o:filterby=FILTERBY?(s:module-name=MODULE s:category=ACLCAT p:pattern=PATTERN)"},
    {.id = 653,
     .name = "command|info",
     .run = run_info,
     .arity = -2,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .categories = "connection",
     .tips = "nondeterministic_output_order",
     .group = "server",
     .since = "2.8.13",
     .complexity = "O(N) where N is the number of commands to look up",
     .summary = "Get array of specific Redis command details, or all when no argument is given.",
     .arguments = "s:command-name?*"},
    {.id = 654,
     .name = "command|docs",
     .run = run_docs,
     .arity = -2,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .categories = "connection",
     .tips = "nondeterministic_output_order",
     .group = "server",
     .since = "7.0.0",
     .complexity = "O(N) where N is the number of commands to look up",
     .summary = "Get array of specific Redis command documentation",
     .arguments = "s:command-name?*"},
    {.id = 655,
     .name = "command|getkeys",
     .run = run_getkeys,
     .arity = -4,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .categories = "connection",
     .group = "server",
     .since = "2.8.13",
     .complexity = "O(N) where N is the number of arguments to the command",
     .summary = "Extract keys given a full Redis command"},
    {.id = 656,
     .name = "command|getkeysandflags",
     .run = run_getkeysandflags,
     .arity = -4,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .categories = "connection",
     .group = "server",
     .since = "7.0.0",
     .complexity = "O(N) where N is the number of arguments to the command",
     .summary = "Extract keys and access flags given a full Redis command"},
    {.id = 657,
     .name = "command|help",
     .run = run_help,
     .arity = 2,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .categories = "connection",
     .group = "server",
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Show helpful text about the different subcommands"},
};

const struct command_family command_family = {commands, COUNT_OF(commands)};
