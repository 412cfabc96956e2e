/* config.c: see config.h. One value per row: numbers for everything that is one, a canonical text
 * for the rest. What a directive takes is checked here only, so a file, an argument and CONFIG SET
 * can never disagree about it. */
#include "src/server/config.h"

#include <syslog.h>

#include "base/memory.h"
#include "base/number.h"
#include "src/server/config_text.h"
#include "src/server/log.h"

/* --- choices --------------------------------------------------------------------------------- */

#define CONFIG_CHOICES(list) static const struct config_choice config_choices_##list[]

CONFIG_CHOICES(supervised) = {{"upstart", 0}, {"systemd", 1}, {"auto", 2}, {"no", 3}, {NULL, 0}};
CONFIG_CHOICES(log_level) = {{"debug", LOG_LEVEL_DEBUG},
                             {"verbose", LOG_LEVEL_VERBOSE},
                             {"notice", LOG_LEVEL_NOTICE},
                             {"warning", LOG_LEVEL_WARNING},
                             {NULL, 0}};
CONFIG_CHOICES(syslog_facility) = {{"user", LOG_USER},     {"local0", LOG_LOCAL0},
                                   {"local1", LOG_LOCAL1}, {"local2", LOG_LOCAL2},
                                   {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4},
                                   {"local5", LOG_LOCAL5}, {"local6", LOG_LOCAL6},
                                   {"local7", LOG_LOCAL7}, {NULL, 0}};
CONFIG_CHOICES(oom_score) = {{"no", 0}, {"yes", 1}, {"relative", 1}, {"absolute", 2}, {NULL, 0}};
CONFIG_CHOICES(acl_pubsub) = {{"allchannels", 0}, {"resetchannels", 1}, {NULL, 0}};
CONFIG_CHOICES(protection) = {{"no", 0}, {"yes", 1}, {"local", 2}, {NULL, 0}};
CONFIG_CHOICES(eviction) = {{"volatile-lru", 0},   {"volatile-lfu", 1}, {"volatile-random", 2},
                            {"volatile-ttl", 3},   {"allkeys-lru", 4},  {"allkeys-lfu", 5},
                            {"allkeys-random", 6}, {"noeviction", 7},   {NULL, 0}};
CONFIG_CHOICES(propagation) = {{"ignore", 0}, {"panic", 1}, {"panic-on-replicas", 2}, {NULL, 0}};
CONFIG_CHOICES(append_sync) = {{"everysec", CONFIG_SYNC_EACH_SECOND},
                               {"always", CONFIG_SYNC_ALWAYS},
                               {"no", CONFIG_SYNC_NEVER},
                               {NULL, 0}};
CONFIG_CHOICES(sanitize) = {{"no", 0}, {"yes", 1}, {"clients", 2}, {NULL, 0}};
CONFIG_CHOICES(diskless_load) = {{"disabled", 0}, {"on-empty-db", 1}, {"swapdb", 2}, {NULL, 0}};
CONFIG_CHOICES(endpoint) = {{"ip", 0}, {"hostname", 1}, {"unknown-endpoint", 2}, {NULL, 0}};
CONFIG_CHOICES(tls_clients) = {{"no", 0}, {"yes", 1}, {"optional", 2}, {NULL, 0}};
CONFIG_CHOICES(read_mode) = {{"lease", CONFIG_READ_LEASE},
                             {"index", CONFIG_READ_INDEX},
                             {"local", CONFIG_READ_LOCAL},
                             {NULL, 0}};

/* --- lists: each checks its arguments and writes the canonical text -------------------------- */

static void append_word(struct buffer *text, struct bytes word) {
    if (text->size > 0) buffer_append_byte(text, ' ');
    buffer_append_bytes(text, word);
}

static void append_words(struct buffer *text, const struct bytes *words, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        append_word(text, words[i]);
}

static bool is_nothing(const struct bytes *arguments, uint32_t count) {
    return count == 0 || (count == 1 && arguments[0].size == 0);
}

static const char *config_list_bind(const struct bytes *arguments, uint32_t count,
                                    struct bytes before, struct buffer *text) {
    (void)before;
    enum { ADDRESSES_MAX = 16 };
    if (count > ADDRESSES_MAX) return "Too many bind addresses specified.";
    if (!is_nothing(arguments, count)) append_words(text, arguments, count);
    return NULL;
}

static const char *config_list_save(const struct bytes *arguments, uint32_t count,
                                    struct bytes before, struct buffer *text) {
    if (is_nothing(arguments, count)) return NULL;
    if (count % 2 != 0) return "Invalid save parameters";
    buffer_append_bytes(text, before);
    for (uint32_t i = 0; i < count; i++) {
        int64_t number;
        int64_t least = i % 2 == 0 ? 1 : 0;
        if (!number_parse_i64(arguments[i], &number) || number < least || number > INT32_MAX)
            return "Invalid save parameters";
        append_word(text, arguments[i]);
    }
    return NULL;
}

static const char *config_list_oom_score(const struct bytes *arguments, uint32_t count,
                                         struct bytes before, struct buffer *text) {
    (void)before;
    if (count != 3) return "wrong number of arguments";
    int64_t previous = -2000;
    for (uint32_t i = 0; i < count; i++) {
        int64_t number;
        if (!number_parse_i64(arguments[i], &number) || number < -2000 || number > 2000)
            return "Invalid oom-score-adj-values, elements must be between -2000 and 2000.";
        if (number < previous)
            return "Invalid oom-score-adj-values, elements must be in ascending order";
        previous = number;
        append_word(text, arguments[i]);
    }
    return NULL;
}

static const char *config_list_percentiles(const struct bytes *arguments, uint32_t count,
                                           struct bytes before, struct buffer *text) {
    (void)before;
    if (is_nothing(arguments, count)) return NULL;
    for (uint32_t i = 0; i < count; i++) {
        double number;
        if (!number_parse_double(arguments[i], &number))
            return "Invalid latency-tracking-info-percentiles parameters";
        if (number < 0 || number > 100)
            return "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
        append_word(text, arguments[i]);
    }
    return NULL;
}

/* Shown in the order of this table, in whichever order they were given. */
static const char *config_list_shutdown(const struct bytes *arguments, uint32_t count,
                                        struct bytes before, struct buffer *text) {
    (void)before;
    static const char *const words[] = {"default", "save", "nosave", "now", "force"};
    uint32_t known = 0;
    for (size_t w = 0; w < COUNT_OF(words); w++) {
        bool given = false;
        for (uint32_t i = 0; i < count; i++) {
            if (!bytes_equal_ignoring_case(arguments[i], bytes_of_text(words[w]))) continue;
            given = true;
            known++;
        }
        if (given) append_word(text, bytes_of_text(words[w]));
    }
    if (known == count) return NULL;
    return "argument(s) must be one of the following: default, save, nosave, now, force";
}

static const char *config_list_replicaof(const struct bytes *arguments, uint32_t count,
                                         struct bytes before, struct buffer *text) {
    (void)before;
    if (count == 2 && bytes_equal_ignoring_case(arguments[0], BYTES("no")) &&
        bytes_equal_ignoring_case(arguments[1], BYTES("one")))
        return NULL;
    append_words(text, arguments, count);
    return NULL;
}

/* host:port,host:port,… in one argument or several; kept with commas. */
static const char *config_list_cluster(const struct bytes *arguments, uint32_t count,
                                       struct bytes before, struct buffer *text) {
    (void)before;
    for (uint32_t i = 0; i < count; i++) {
        if (arguments[i].size == 0) continue;
        if (text->size > 0 && text->data[text->size - 1] != ',') buffer_append_byte(text, ',');
        buffer_append_bytes(text, arguments[i]);
    }
    struct config_address address;
    struct bytes rest = buffer_bytes(text);
    while (rest.size > 0)
        if (!config_next_address(&rest, &address))
            return "give the same list on every node, as in --cluster "
                   "10.0.0.1:6379,10.0.0.2:6379,10.0.0.3:6379";
    return NULL;
}

static const char *config_list_events(const struct bytes *arguments, uint32_t count,
                                      struct bytes before, struct buffer *text) {
    (void)before;
    if (count != 1) return "wrong number of arguments";
    for (size_t i = 0; i < arguments[0].size; i++)
        if (memchr("Ag$lshzxeKEtmdn", arguments[0].data[i], 15) == NULL)
            return "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
    buffer_append_bytes(text, arguments[0]);
    return NULL;
}

static const char *const output_class_names[] = {"normal", "slave", "pubsub"};

static bool find_output_class(struct bytes name, enum config_client_class *client_class) {
    for (size_t i = 0; i < COUNT_OF(output_class_names); i++) {
        if (bytes_equal_ignoring_case(name, bytes_of_text(output_class_names[i]))) {
            *client_class = (enum config_client_class)i;
            return true;
        }
    }
    *client_class = CONFIG_CLASS_REPLICA;
    return bytes_equal_ignoring_case(name, BYTES("replica"));
}

/* Reads the canonical text back: "normal 0 0 0 slave … pubsub …". */
static void read_output_limits(struct bytes text, struct config_output_limit limits[3]) {
    memset(limits, 0, 3 * sizeof(limits[0]));
    struct config_words words = {0};
    CHECK(config_split(text, &words));
    for (uint32_t i = 0; i + 3 < words.count; i += 4) {
        enum config_client_class client_class;
        CHECK(find_output_class(words.at[i], &client_class));
        struct config_output_limit *limit = &limits[client_class];
        CHECK(number_parse_u64(words.at[i + 1], &limit->hard_bytes));
        CHECK(number_parse_u64(words.at[i + 2], &limit->soft_bytes));
        CHECK(number_parse_u64(words.at[i + 3], &limit->soft_seconds));
    }
    config_words_clear(&words);
}

static const char *config_list_output_limit(const struct bytes *arguments, uint32_t count,
                                            struct bytes before, struct buffer *text) {
    struct config_output_limit limits[3];
    read_output_limits(before, limits);
    if (count == 0 || count % 4 != 0)
        return "Wrong number of arguments in buffer limit configuration.";
    for (uint32_t i = 0; i < count; i += 4) {
        enum config_client_class client_class;
        int64_t hard, soft, seconds;
        if (!find_output_class(arguments[i], &client_class))
            return "Invalid client class specified in buffer limit configuration.";
        if (!config_parse_memory(arguments[i + 1], &hard) ||
            !config_parse_memory(arguments[i + 2], &soft) ||
            !number_parse_i64(arguments[i + 3], &seconds) || seconds < 0)
            return "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
        limits[client_class] =
            (struct config_output_limit){(uint64_t)hard, (uint64_t)soft, (uint64_t)seconds};
    }
    for (size_t i = 0; i < COUNT_OF(limits); i++)
        buffer_append_format(text, "%s%s %llu %llu %llu", i > 0 ? " " : "", output_class_names[i],
                             (unsigned long long)limits[i].hard_bytes,
                             (unsigned long long)limits[i].soft_bytes,
                             (unsigned long long)limits[i].soft_seconds);
    return NULL;
}

/* --- the table ---------------------------------------------------------------------------------
 */

#define CONFIG_ROW_ENTRY(symbol, spelling, other, preset, row_flags, reason, ...)                  \
    [CONFIG_##symbol##_ROW] = {.name = spelling,                                                   \
                               .alias = other,                                                     \
                               .standard = preset,                                                 \
                               .flags = row_flags,                                                 \
                               .note = reason,                                                     \
                               __VA_ARGS__},

const struct config_row config_rows[CONFIG_ROW_COUNT] = {CONFIG_ROWS(CONFIG_ROW_ENTRY)};

/* --- life ---------------------------------------------------------------------------------------
 */

static void assign_standard(struct config *config, enum config_id id) {
    struct config_words words = {0};
    struct buffer error = {0};
    struct bytes standard = bytes_of_text(config_rows[id].standard);
    bool is_list = config_rows[id].kind == CONFIG_LIST && standard.size > 0;
    CHECK(!is_list || config_split(standard, &words));
    CHECK(config_assign(config, id, CONFIG_FROM_FILE, is_list ? words.at : &standard,
                        is_list ? words.count : 1, &error));
    config->values[id].given = false;
    config_words_clear(&words);
    buffer_clear(&error);
}

void config_init(struct config *config) {
    memset(config, 0, sizeof(*config));
    for (enum config_id id = 0; id < CONFIG_ROW_COUNT; id++) {
        config->values[id].text = memory_allocate_zeroed(1);
        assign_standard(config, id);
    }
}

void config_clear(struct config *config) {
    for (enum config_id id = 0; id < CONFIG_ROW_COUNT; id++)
        memory_release(config->values[id].text);
    memset(config, 0, sizeof(*config));
}

static void set_text(struct config_value *value, struct bytes text) {
    char *copy = memory_allocate(text.size + 1);
    if (text.size > 0) memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    memory_release(value->text);
    value->text = copy;
}

void config_copy(struct config *to, const struct config *from) {
    for (enum config_id id = 0; id < CONFIG_ROW_COUNT; id++) {
        to->values[id].number = from->values[id].number;
        to->values[id].given = from->values[id].given;
        /* Texts that do not change stay where they are: the log's file name is lent out. */
        if (strcmp(to->values[id].text, from->values[id].text) != 0)
            set_text(&to->values[id], bytes_of_text(from->values[id].text));
    }
}

/* --- finding ------------------------------------------------------------------------------------
 */

enum config_id config_find(struct bytes name) {
    enum config_id id = 0;
    for (; id < CONFIG_ROW_COUNT; id++) {
        const struct config_row *row = &config_rows[id];
        if (bytes_equal_ignoring_case(name, bytes_of_text(row->name))) break;
        if (row->alias != NULL && bytes_equal_ignoring_case(name, bytes_of_text(row->alias))) break;
    }
    return id;
}

/* Levenshtein's distance, of names only. */
static size_t distance(struct bytes a, struct bytes b) {
    enum { LONGEST = 48 };
    size_t row[LONGEST + 1];
    if (a.size > LONGEST || b.size > LONGEST) return LONGEST;
    for (size_t j = 0; j <= b.size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t change = diagonal + (byte_lower(a.data[i - 1]) != byte_lower(b.data[j - 1]));
            diagonal = row[j];
            size_t either = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < either ? change : either;
        }
    }
    return row[b.size];
}

const char *config_nearest(struct bytes name) {
    const char *nearest = NULL;
    size_t best = 1 + name.size / 3; /* further away is no misspelling */
    for (enum config_id id = 0; id < CONFIG_ROW_COUNT; id++) {
        size_t far = distance(name, bytes_of_text(config_rows[id].name));
        if (far > best || (far == best && nearest != NULL)) continue;
        best = far;
        nearest = config_rows[id].name;
    }
    return nearest;
}

/* --- values from text ------------------------------------------------------------------------ */

bool config_parse_memory(struct bytes text, int64_t *value) {
    static const struct {
        const char *name;
        int64_t factor;
    } units[] = {{"", 1},
                 {"b", 1},
                 {"k", 1000},
                 {"kb", 1024},
                 {"m", 1000 * 1000},
                 {"mb", 1024 * 1024},
                 {"g", 1000L * 1000 * 1000},
                 {"gb", 1024L * 1024 * 1024}};
    size_t digits = 0;
    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    int64_t number;
    /* Leading zeros are fine here: Redis reads them with strtoull. */
    size_t zeros = 0;
    while (zeros + 1 < digits && text.data[zeros] == '0')
        zeros++;
    if (!number_parse_i64(bytes_slice(text, zeros, digits - zeros), &number)) return false;
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (!bytes_equal_ignoring_case(bytes_slice(text, digits, text.size),
                                       bytes_of_text(units[i].name)))
            continue;
        return !__builtin_mul_overflow(number, units[i].factor, value);
    }
    return false;
}

static bool parse_percent(struct bytes text, int64_t *value) {
    if (text.size < 2 || text.data[text.size - 1] != '%') return false;
    return number_parse_i64(bytes_slice(text, 0, text.size - 1), value) && *value >= 0;
}

static bool parse_octal(struct bytes text, int64_t *value) {
    int64_t sum = 0;
    if (text.size == 0 || text.size > 6) return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '7') return false;
        sum = sum * 8 + (text.data[i] - '0');
    }
    *value = sum;
    return true;
}

static bool refuse(struct buffer *error, const char *text) {
    buffer_append_bytes(error, bytes_of_text(text));
    return false;
}

static bool parse_choice(const struct config_row *row, struct bytes text, int64_t *value,
                         struct buffer *error) {
    for (const struct config_choice *choice = row->choices; choice->name != NULL; choice++) {
        if (!bytes_equal_ignoring_case(text, bytes_of_text(choice->name))) continue;
        *value = choice->value;
        return true;
    }
    buffer_append_format(error, "argument(s) must be one of the following: ");
    for (const struct config_choice *choice = row->choices; choice->name != NULL; choice++)
        buffer_append_format(error, "%s%s", choice == row->choices ? "" : ", ", choice->name);
    return false;
}

static bool within_bounds(const struct config_row *row, int64_t value, struct buffer *error) {
    if (value >= row->minimum && value <= row->maximum) return true;
    if (row->kind == CONFIG_OCTAL)
        buffer_append_format(error, "argument must be between %o and %o inclusive",
                             (unsigned)row->minimum, (unsigned)row->maximum);
    else
        buffer_append_format(error, "argument must be between %lld and %lld inclusive",
                             (long long)row->minimum, (long long)row->maximum);
    return false;
}

static bool parse_number(const struct config_row *row, struct bytes text, int64_t *value,
                         struct buffer *error) {
    switch (row->kind) {
    case CONFIG_INTEGER:
        if (!number_parse_i64(text, value))
            return refuse(error, "argument couldn't be parsed into an integer");
        return within_bounds(row, *value, error);
    case CONFIG_MEMORY_OR_PERCENT:
        if (parse_percent(text, value)) {
            if (*value > 100)
                return refuse(error, "percentage argument must be less or equal to 100");
            *value = -*value;
            return true;
        }
        if (!config_parse_memory(text, value))
            return refuse(error, "argument must be a memory or percent value");
        return true;
    case CONFIG_MEMORY:
        if (!config_parse_memory(text, value))
            return refuse(error, "argument must be a memory value");
        return within_bounds(row, *value, error);
    case CONFIG_OCTAL:
        if (!parse_octal(text, value))
            return refuse(error, "argument couldn't be parsed as an octal number");
        return within_bounds(row, *value, error);
    case CONFIG_BOOLEAN:
        *value = bytes_equal_ignoring_case(text, BYTES("yes"));
        if (*value == 0 && !bytes_equal_ignoring_case(text, BYTES("no")))
            return refuse(error, "argument must be 'yes' or 'no'");
        return true;
    case CONFIG_CHOICE:
        return parse_choice(row, text, value, error);
    case CONFIG_TEXT:
    case CONFIG_LIST:
        break;
    }
    CHECK(!"a row has a number or a text");
    return false;
}

/* A list stands as its words with single spaces: none may hold what would end or open a word. */
static bool are_list_words(const struct bytes *arguments, uint32_t count) {
    if (is_nothing(arguments, count)) return true;
    for (uint32_t i = 0; i < count; i++) {
        if (arguments[i].size == 0) return false;
        for (size_t j = 0; j < arguments[i].size; j++)
            if (memchr("\"' \t\n\r\v\f", arguments[i].data[j], 9) != NULL) return false;
    }
    return true;
}

static bool parse_text(const struct config *config, enum config_id id, enum config_source source,
                       const struct bytes *arguments, uint32_t count, struct buffer *text,
                       struct buffer *error) {
    const struct config_row *row = &config_rows[id];
    const struct config_value *value = &config->values[id];
    if (row->list == NULL) {
        if (memchr(arguments[0].data, '\0', arguments[0].size) != NULL)
            return refuse(error, "argument must not hold a zero byte");
        buffer_append_bytes(text, arguments[0]);
        return true;
    }
    /* Several lines of a file add up; each class of the output limits stands for itself. */
    bool adds =
        id == CONFIG_CLIENT_OUTPUT_BUFFER_LIMIT_ROW || (source == CONFIG_FROM_FILE && value->given);
    const char *wrong =
        row->list(arguments, count, adds ? bytes_of_text(value->text) : BYTES(""), text);
    if (wrong == NULL && row->kind == CONFIG_LIST && !are_list_words(arguments, count))
        wrong = "arguments of a list must not be empty nor hold spaces, quotes or zero bytes";
    return wrong == NULL || refuse(error, wrong);
}

/* The last word on rows whose value is not for the taking. True: keep the default. */
static bool stays_standard(enum config_id id, enum config_source source, bool differs,
                           struct buffer *error) {
    const struct config_row *row = &config_rows[id];
    if (!differs) return false;
    bool refused = (row->flags & CONFIG_REFUSED) != 0 ||
                   ((row->flags & CONFIG_PROMISE) != 0 && source == CONFIG_FROM_CLIENT);
    if (refused)
        buffer_append_bytes(error, bytes_of_text(row->note != NULL ? row->note : CONFIG_NOTE_LOG));
    return refused || (row->flags & CONFIG_FIXED) != 0;
}

static bool assign_number(struct config *config, enum config_id id, enum config_source source,
                          struct bytes argument, struct buffer *error) {
    int64_t number, standard = 0;
    if (!parse_number(&config_rows[id], argument, &number, error)) return false;
    CHECK(
        parse_number(&config_rows[id], bytes_of_text(config_rows[id].standard), &standard, error));
    bool stays = stays_standard(id, source, number != standard, error);
    if (error->size > 0) return false;
    config->values[id].number = stays ? standard : number;
    return true;
}

static bool assign_text(struct config *config, enum config_id id, enum config_source source,
                        const struct bytes *arguments, uint32_t count, struct buffer *error) {
    struct buffer text = {0};
    bool taken = parse_text(config, id, source, arguments, count, &text, error);
    if (taken) {
        struct bytes standard = bytes_of_text(config_rows[id].standard);
        bool differs = !bytes_equal(buffer_bytes(&text), standard);
        bool stays = stays_standard(id, source, differs, error);
        taken = error->size == 0;
        if (taken) set_text(&config->values[id], stays ? standard : buffer_bytes(&text));
    }
    buffer_clear(&text);
    return taken;
}

/* CONFIG SET gives a list as one argument with spaces; a file may do so too. */
static bool assign_list_text(struct config *config, enum config_id id, enum config_source source,
                             struct bytes argument, struct buffer *error) {
    struct config_words words = {0};
    bool taken = config_split(argument, &words);
    if (!taken)
        buffer_append_format(error, "Unbalanced quotes in configuration value");
    else
        taken = assign_text(config, id, source, words.at, words.count, error);
    config_words_clear(&words);
    return taken;
}

bool config_assign(struct config *config, enum config_id id, enum config_source source,
                   const struct bytes *arguments, uint32_t count, struct buffer *error) {
    const struct config_row *row = &config_rows[id];
    CHECK(error->size == 0);
    static const struct bytes nothing = {.data = "", .size = 0};
    if (count == 0 && id == CONFIG_SAVE_ROW) { /* a bare "save" says: never, as in Redis */
        arguments = &nothing;
        count = 1;
    }
    if (count == 0 || (row->kind != CONFIG_LIST && count != 1))
        return refuse(error, "wrong number of arguments");
    bool taken;
    if (row->kind == CONFIG_LIST && count == 1)
        taken = assign_list_text(config, id, source, arguments[0], error);
    else if (row->kind == CONFIG_LIST || row->kind == CONFIG_TEXT)
        taken = assign_text(config, id, source, arguments, count, error);
    else
        taken = assign_number(config, id, source, arguments[0], error);
    if (taken) config->values[id].given = true;
    if (taken && id == CONFIG_HZ_ROW) { /* out of its range it is clamped, as Redis does */
        int64_t hz = CONFIG_NUMBER(config, HZ);
        CONFIG_NUMBER(config, HZ) = hz < 1 ? 1 : hz > 500 ? 500 : hz;
    }
    return taken;
}

/* --- values to text -------------------------------------------------------------------------- */

static const char *choice_name(const struct config_row *row, int64_t value) {
    const struct config_choice *choice = row->choices;
    while (choice->name != NULL && choice->value != value)
        choice++;
    CHECK(choice->name != NULL);
    return choice->name;
}

void config_print(const struct config *config, enum config_id id, struct buffer *out) {
    const struct config_row *row = &config_rows[id];
    const struct config_value *value = &config->values[id];
    switch (row->kind) {
    case CONFIG_BOOLEAN:
        buffer_append_format(out, "%s", value->number != 0 ? "yes" : "no");
        break;
    case CONFIG_CHOICE:
        buffer_append_format(out, "%s", choice_name(row, value->number));
        break;
    case CONFIG_OCTAL:
        buffer_append_format(out, "%o", (unsigned)value->number);
        break;
    case CONFIG_TEXT:
    case CONFIG_LIST:
        buffer_append_format(out, "%s", value->text);
        break;
    case CONFIG_MEMORY_OR_PERCENT:
        if (value->number < 0) {
            buffer_append_format(out, "%lld%%", -(long long)value->number);
            break;
        }
        __attribute__((fallthrough));
    case CONFIG_INTEGER:
    case CONFIG_MEMORY:
        buffer_append_format(out, "%lld", (long long)value->number);
        break;
    }
}

bool config_is_equal(const struct config *a, const struct config *b, enum config_id id) {
    return a->values[id].number == b->values[id].number &&
           strcmp(a->values[id].text, b->values[id].text) == 0;
}

bool config_is_standard(const struct config *config, enum config_id id) {
    struct config fresh = {0};
    fresh.values[id].text = memory_allocate_zeroed(1);
    assign_standard(&fresh, id);
    bool equal = config_is_equal(config, &fresh, id);
    memory_release(fresh.values[id].text);
    return equal;
}

void config_settle(struct config *config, bool alone) {
    bool chosen = CONFIG_IS_GIVEN(config, APPENDONLY) && CONFIG_IS_ON(config, APPENDONLY);
    CONFIG_NUMBER(config, APPENDONLY) = 1;
    if (!alone || !chosen) CONFIG_NUMBER(config, APPENDFSYNC) = CONFIG_SYNC_ALWAYS;
    if (!CONFIG_IS_ON(config, RAFT_FSYNC)) CONFIG_NUMBER(config, APPENDFSYNC) = CONFIG_SYNC_NEVER;
}

struct config_output_limit config_output_limit(const struct config *config,
                                               enum config_client_class client_class) {
    struct config_output_limit limits[3];
    read_output_limits(bytes_of_text(CONFIG_STRING(config, CLIENT_OUTPUT_BUFFER_LIMIT)), limits);
    return limits[client_class];
}
