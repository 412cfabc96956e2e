/* rdb_read.c: a machine of small states, each of which takes one thing from the bytes at hand, or
 * nothing if it is not all there yet; the next piece then continues in the same state. What is left
 * over of a piece is a few bytes of a number at most: strings that end in a later piece are
 * gathered as they come. So pieces of any size give the same result, and nothing is read twice. */
#include "storages/rdb_read.h"

#include "base/crc64.h"
#include "base/hash.h"
#include "base/lzf.h"
#include "base/memory.h"
#include "base/number.h"
#include "storages/emitter_internal.h"
#include "storages/rdb_build.h"
#include "storages/rdb_format.h"
#include "storages/settings_commands.h"
#include "storages/state.h"
#include "storages/storages.h"

enum progress { GO_ON, NEED_MORE, FAILED };

enum {
    ERROR_TEXT_SIZE = 320,
    KEPT_PAIRS_MAX = 64 << 20, /* bytes */
    KEPT_BUFFER = 1 << 20,     /* larger ones are given back when their string is done */
    CARRY_MORE = 64,           /* bytes of a piece that join the rest of the one before at a time */
};

/* How the next string stands in the file. */
struct string_head {
    uint64_t size;     /* bytes in the file */
    uint64_t unpacked; /* bytes it stands for, if compressed */
    bool is_compressed, is_integer;
    int64_t integer;
};

typedef enum progress state_function(struct rdb_reader *);

/* Items on their way into the keyspace: meanwhile their places in its index are fetched. */
enum { WAITING_MAX = 16 };
struct waiting {
    struct item *item;
    uint64_t hash;
    uint64_t offset; /* in the file, behind the key */
};

struct rdb_reader {
    struct rdb_read_options options;
    struct storages *storages;
    struct rdb_builder builder;
    state_function *state;
    struct rdb_read_statistics statistics;

    /* The bytes at hand: those before `at` have been taken, before `summed` are in crc. */
    const char *window, *at, *end, *summed;
    uint64_t window_offset; /* of the window in the file */
    struct buffer carry;    /* what was left over of the piece before */

    /* A string that is not all there yet; and where strings are put together. */
    bool in_string;
    struct string_head string;
    struct buffer gathered, unpacked;
    struct buffer *owner; /* of the string read last: `gathered`, `unpacked` or NULL */
    char number[NUMBER_TEXT_MAX];

    unsigned version;
    bool is_ours, head_is_read, data_has_begun, complete;
    uint8_t db;
    unsigned databases_digested; /* RDB_LITERAL: below this */
    bool has_size;               /* of the database, from RDB_RESIZE */
    uint64_t database_size;
    uint64_t digest, digest_in_file;
    bool has_digest;
    char forms[RDB_FORMS_KEYS]; /* 0, 'R' or 'T' */
    uint32_t forms_at;          /* of the next key; RDB_FORMS_KEYS: none have been announced */

    /* The key being read. */
    bool has_key;
    uint8_t type;
    struct buffer key;
    int64_t deadline_ms;                 /* -1: none */
    void *value;                         /* an aggregate in the making */
    uint64_t left;                       /* elements to come */
    struct waiting waiting[WAITING_MAX]; /* a ring, the oldest at waiting_first */
    unsigned waiting_first, waiting_count;
    struct buffer field; /* or member, or an AUX field's name */

    struct buffer pairs, pair_offsets; /* struct stored_pair with bytes; uint64_t */
    enum error error;
    uint64_t fault_offset; /* where the error is, if not at the present byte */
    char text[ERROR_TEXT_SIZE];
    struct crc64 crc;
};

struct stored_pair {
    uint64_t name_size, value_size;
};

/* --- errors ------------------------------------------------------------------------------------
 */

static uint64_t offset(const struct rdb_reader *reader) {
    return reader->window_offset + (uint64_t)(reader->at - reader->window);
}

/* A key as a person can read it, shortened. */
static void append_key(struct buffer *text, struct bytes key) {
    enum { SHOWN_MAX = 48 };
    for (size_t i = 0; i < key.size && i < SHOWN_MAX; i++) {
        unsigned char c = (unsigned char)key.data[i];
        if (c < ' ' || c > '~' || c == '"' || c == '\\')
            buffer_append_format(text, "\\x%02x", c);
        else
            buffer_append_byte(text, (char)c);
    }
    if (key.size > SHOWN_MAX) buffer_append_format(text, "…");
}

__attribute__((format(printf, 3, 4))) static enum progress
fail(struct rdb_reader *reader, enum error error, const char *format, ...) {
    struct buffer text = {0};
    uint64_t at = reader->fault_offset != 0 ? reader->fault_offset : offset(reader);
    buffer_append_format(&text, "byte %llu", (unsigned long long)at);
    if (reader->has_key) {
        buffer_append_format(&text, ", key \"");
        append_key(&text, buffer_bytes(&reader->key));
        buffer_append_byte(&text, '"');
    }
    buffer_append_format(&text, ": ");
    va_list arguments;
    va_start(arguments, format);
    buffer_append_format_list(&text, format, arguments);
    va_end(arguments);
    size_t size = text.size < ERROR_TEXT_SIZE - 1 ? text.size : ERROR_TEXT_SIZE - 1;
    memcpy(reader->text, text.data, size);
    reader->text[size] = 0;
    buffer_clear(&text);
    reader->error = error;
    return FAILED;
}

static enum progress malformed(struct rdb_reader *reader, const char *what) {
    return fail(reader, ERROR_MALFORMED, "%s", what);
}

/* --- taking what is there ------------------------------------------------------------------------
 */

/* A look ahead: moves its own place and leaves the reader's until all that belongs together has
 * been seen. */
struct look {
    const uint8_t *at, *end;
    bool short_of; /* something was not there */
};

static struct look look_ahead(const struct rdb_reader *reader) {
    return (struct look){(const uint8_t *)reader->at, (const uint8_t *)reader->end, false};
}

static void take(struct rdb_reader *reader, const struct look *look) {
    reader->at = (const char *)look->at;
}

static uint64_t look_little_endian(struct look *look, unsigned bytes) {
    uint64_t value = 0;
    if (look->short_of || look->end - look->at < (ptrdiff_t)bytes) {
        look->short_of = true;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)look->at[i] << 8 * i;
    look->at += bytes;
    return value;
}

static uint64_t look_big_endian(struct look *look, unsigned bytes) {
    return __builtin_bswap64(look_little_endian(look, bytes)) >> (64 - 8 * bytes);
}

/* A length; or a special form of string, whose number it gives and *special says so. False if it is
 * neither. */
static bool look_length(struct look *look, uint64_t *length, bool *special) {
    uint64_t first = look_little_endian(look, 1);
    *special = first >> 6 == RDB_LENGTH_SPECIAL;
    *length = first & 0x3f;
    switch (first >> 6) {
    case RDB_LENGTH_14:
        *length = *length << 8 | look_little_endian(look, 1);
        return true;
    case RDB_LENGTH_LONG:
        if (first == RDB_LENGTH_32_BYTE)
            *length = look_big_endian(look, 4);
        else
            *length = look_big_endian(look, 8);
        return first <= RDB_LENGTH_64_BYTE;
    default:
        return true;
    }
}

static bool look_plain_length(struct look *look, uint64_t *length) {
    bool special;
    return look_length(look, length, &special) && !special;
}

/* --- strings ---------------------------------------------------------------------------------- */

static bool look_string_head(struct look *look, struct string_head *head) {
    static const unsigned widths[] = {
        [RDB_STRING_INT8] = 1, [RDB_STRING_INT16] = 2, [RDB_STRING_INT32] = 4};
    bool special;
    *head = (struct string_head){0};
    if (!look_length(look, &head->size, &special)) return false;
    if (!special || look->short_of) return true;
    uint64_t form = head->size;
    head->size = 0;
    if (form == RDB_STRING_LZF) {
        head->is_compressed = true;
        return look_plain_length(look, &head->size) && look_plain_length(look, &head->unpacked);
    }
    if (form > RDB_STRING_LZF) return false;
    head->is_integer = true;
    unsigned unused = 64 - 8 * widths[form];
    head->integer = (int64_t)(look_little_endian(look, widths[form]) << unused) >> unused;
    return true;
}

/* The string whose bytes in the file these are. */
static enum progress give_string(struct rdb_reader *reader, struct bytes bytes,
                                 struct buffer *owner, struct bytes *string) {
    reader->owner = owner;
    *string = bytes;
    if (!reader->string.is_compressed) return GO_ON;
    uint64_t size = reader->string.unpacked;
    reader->unpacked.size = 0;
    if (size == 0 || size / LZF_RATIO_MAX > bytes.size ||
        !lzf_decompress(bytes, buffer_reserve(&reader->unpacked, size), size))
        return malformed(reader, "a compressed string is damaged");
    reader->unpacked.size = size;
    reader->owner = &reader->unpacked;
    *string = buffer_bytes(&reader->unpacked);
    return GO_ON;
}

static enum progress gather(struct rdb_reader *reader, struct bytes *string) {
    uint64_t missing = reader->string.size - reader->gathered.size;
    uint64_t there = (uint64_t)(reader->end - reader->at);
    uint64_t size = there < missing ? there : missing;
    buffer_append(&reader->gathered, reader->at, size);
    reader->at += size;
    if (size < missing) return NEED_MORE;
    reader->in_string = false;
    return give_string(reader, buffer_bytes(&reader->gathered), &reader->gathered, string);
}

/* The next string, lent until the next one is read. */
static enum progress read_string(struct rdb_reader *reader, struct bytes *string) {
    if (reader->in_string) return gather(reader, string);
    struct look look = look_ahead(reader);
    struct string_head *head = &reader->string;
    bool good = look_string_head(&look, head);
    if (!good && !look.short_of) return malformed(reader, "a string's length has no known form");
    if (look.short_of) return NEED_MORE;
    if (head->size > (uint64_t)1 << 40) return malformed(reader, "a string of more than 1 TiB");
    take(reader, &look);
    if (head->is_integer) {
        reader->owner = NULL;
        *string = bytes_of(reader->number, number_print_i64(reader->number, head->integer));
        return GO_ON;
    }
    if ((uint64_t)(reader->end - reader->at) >= head->size) {
        struct bytes bytes = bytes_of(reader->at, head->size);
        reader->at += head->size;
        return give_string(reader, bytes, NULL, string);
    }
    reader->in_string = true;
    reader->gathered.size = 0;
    return gather(reader, string);
}

/* What a type in the file becomes; 0: nothing we have. */
static const enum item_type item_types[RDB_TYPE_COUNT] = {
    [RDB_RECORD] = ITEM_RECORD,
    [RDB_LIST] = ITEM_QUEUE,
    [RDB_SET] = ITEM_SET,
    [RDB_ZSET_TEXT] = ITEM_SORTED_SET,
    [RDB_HASH] = ITEM_MAP,
    [RDB_ZSET] = ITEM_SORTED_SET,
    [RDB_HASH_ZIPMAP] = ITEM_MAP,
    [RDB_LIST_ZIPLIST] = ITEM_QUEUE,
    [RDB_SET_INTSET] = ITEM_SET,
    [RDB_ZSET_ZIPLIST] = ITEM_SORTED_SET,
    [RDB_HASH_ZIPLIST] = ITEM_MAP,
    [RDB_LIST_QUICKLIST] = ITEM_QUEUE,
    [RDB_HASH_LISTPACK] = ITEM_MAP,
    [RDB_ZSET_LISTPACK] = ITEM_SORTED_SET,
    [RDB_LIST_QUICKLIST_2] = ITEM_QUEUE,
};

/* As read_string, for elements of collections: no larger than the types can hold. Packed forms,
 * which RDB_IMPORT may begin with, take less than tables. */
static enum progress read_element(struct rdb_reader *reader, struct bytes *string) {
    bool table = reader->options.mode == RDB_LITERAL && item_types[reader->type] != ITEM_QUEUE;
    enum progress progress = read_string(reader, string);
    if (progress == GO_ON && string->size > (table ? INT32_MAX : RDB_ELEMENT_MAX))
        return malformed(reader, "an element of more than 1 GiB");
    return progress;
}

static enum progress read_length(struct rdb_reader *reader, uint64_t *length) {
    struct look look = look_ahead(reader);
    bool good = look_plain_length(&look, length);
    if (look.short_of) return NEED_MORE;
    if (!good) return malformed(reader, "a length has no known form");
    take(reader, &look);
    return GO_ON;
}

static void keep(struct buffer *buffer, struct bytes bytes) {
    buffer->size = 0;
    buffer_append_bytes(buffer, bytes);
}

static void trim(struct buffer *buffer) {
    if (buffer->capacity > KEPT_BUFFER) buffer_clear(buffer);
}

/* --- a key is complete ---------------------------------------------------------------------------
 */

static state_function state_opcode;

/* What OBJECT ENCODING and types can't say of a record: 0, 'R' or 'T' (rdb_format.h). */
static char form_of_key(struct rdb_reader *reader) {
    return reader->forms_at < RDB_FORMS_KEYS ? reader->forms[reader->forms_at++] : 0;
}

static enum progress next_key(struct rdb_reader *reader) {
    reader->has_key = false;
    reader->value = NULL;
    reader->deadline_ms = -1;
    trim(&reader->gathered);
    trim(&reader->unpacked);
    trim(&reader->key);
    trim(&reader->field);
    reader->state = state_opcode;
    return GO_ON;
}

static unsigned deadline_flag(const struct rdb_reader *reader) {
    return reader->deadline_ms == -1 ? 0 : ITEM_DEADLINE;
}

/* RDB_IMPORT leaves out what has expired; the value is gone then. */
static bool is_left_out(struct rdb_reader *reader) {
    if (reader->options.mode == RDB_LITERAL || reader->deadline_ms == -1 ||
        reader->deadline_ms > reader->options.now_ms)
        return false;
    reader->statistics.keys_expired++;
    return true;
}

/* The oldest of those that wait enters the keyspace. */
static enum progress put_oldest(struct rdb_reader *reader) {
    struct waiting oldest = reader->waiting[reader->waiting_first];
    reader->waiting_first = (reader->waiting_first + 1) % WAITING_MAX;
    reader->waiting_count--;
    if (keyspace_load(reader->storages, reader->db, oldest.item, oldest.hash)) {
        reader->statistics.keys++;
        return GO_ON;
    }
    keep(&reader->key, item_key_span(oldest.item));
    reader->has_key = true;
    reader->fault_offset = oldest.offset;
    keyspace_release(reader->storages, oldest.item);
    return malformed(reader, "the key comes twice");
}

static enum progress put_all(struct rdb_reader *reader) {
    enum progress progress = GO_ON;
    while (reader->waiting_count > 0 && progress == GO_ON)
        progress = put_oldest(reader);
    return progress;
}

static enum progress put_item(struct rdb_reader *reader, struct item *item) {
    if (item->flags & ITEM_DEADLINE) item_expiry(item)->deadline_ms = reader->deadline_ms;
    if (reader->options.mode == RDB_LITERAL)
        reader->digest = hash_chain(reader->digest, keyspace_item_digest(item));
    if (reader->waiting_count == WAITING_MAX && put_oldest(reader) != GO_ON) {
        keyspace_release(reader->storages, item);
        return FAILED;
    }
    uint64_t hash = storages_key_hash(reader->storages, item_key_span(item));
    storages_prefetch(reader->storages, reader->db, hash, 0);
    unsigned last = (reader->waiting_first + reader->waiting_count++) % WAITING_MAX;
    reader->waiting[last] = (struct waiting){item, hash, offset(reader)};
    return next_key(reader);
}

static struct item *make_record(struct rdb_reader *reader, struct bytes value, char form) {
    struct bytes key = buffer_bytes(&reader->key);
    unsigned flags = deadline_flag(reader) | (form == 'R' ? ITEM_RAW : 0);
    if (form == 0 && value.size < ITEM_INLINE_MAX) return item_create_record(key, value, flags);
    if (value.size <= ITEM_INLINE_MAX || reader->owner == NULL)
        return item_create_text(key, value, flags);
    /* A large one that was put together here becomes the record's own block. */
    struct buffer *owner = reader->owner;
    char *block = memory_resize(owner->data, value.size);
    *owner = (struct buffer){0};
    return item_create_external(key, block, value.size, flags);
}

static enum progress state_record(struct rdb_reader *reader) {
    struct bytes value;
    enum progress progress = read_string(reader, &value);
    if (progress != GO_ON) return progress;
    if (value.size > ITEM_VALUE_MAX) return malformed(reader, "a string of 4 GiB or more");
    char form = form_of_key(reader);
    if (is_left_out(reader)) return next_key(reader);
    return put_item(reader, make_record(reader, value, form));
}

static bool value_is_empty(const struct rdb_reader *reader) {
    switch (item_types[reader->type]) {
    case ITEM_QUEUE:
        return queue_size(reader->value) == 0;
    case ITEM_SET:
        return set_size(reader->value) == 0;
    case ITEM_MAP:
        return map_size(reader->value) == 0;
    default:
        return sorted_set_size(reader->value) == 0;
    }
}

static void drop_value(struct rdb_reader *reader) {
    if (reader->value != NULL) storages_class(item_types[reader->type])->destroy(reader->value);
    reader->value = NULL;
}

/* The aggregate in the making is complete. */
static enum progress put_value(struct rdb_reader *reader) {
    char form = form_of_key(reader);
    bool is_empty = value_is_empty(reader);
    if (reader->options.mode == RDB_LITERAL && (is_empty || form != 0))
        return malformed(reader, "no file of ours has such a value");
    reader->statistics.keys_empty += is_empty;
    if (is_empty || is_left_out(reader)) {
        drop_value(reader);
        return next_key(reader);
    }
    struct item *item =
        item_create(buffer_bytes(&reader->key), item_types[reader->type],
                    deadline_flag(reader) | ITEM_WORD, (uintptr_t)reader->value, (struct bytes){0});
    reader->value = NULL;
    return put_item(reader, item);
}

/* --- aggregates element by element --------------------------------------------------------------
 */

static enum progress state_list_item(struct rdb_reader *reader) {
    struct bytes item;
    if (reader->left == 0) return put_value(reader);
    enum progress progress = read_element(reader, &item);
    if (progress != GO_ON) return progress;
    queue_push(reader->value, QUEUE_TAIL, item, reader->storages->settings.list_max_listpack_size);
    reader->left--;
    return GO_ON;
}

static enum progress state_set_member(struct rdb_reader *reader) {
    struct bytes member;
    if (reader->left == 0) return put_value(reader);
    enum progress progress = read_element(reader, &member);
    if (progress != GO_ON) return progress;
    if (!set_add(reader->value, member, reader->storages->settings.set_max_intset_entries))
        return malformed(reader, "a member comes twice");
    reader->left--;
    return GO_ON;
}

static state_function state_map_value, state_score, state_score_text;

static enum progress state_map_field(struct rdb_reader *reader) {
    struct bytes field;
    if (reader->left == 0) return put_value(reader);
    enum progress progress = read_element(reader, &field);
    if (progress != GO_ON) return progress;
    keep(&reader->field, field);
    reader->state = state_map_value;
    return GO_ON;
}

static enum progress state_map_value(struct rdb_reader *reader) {
    struct bytes value;
    enum progress progress = read_element(reader, &value);
    if (progress != GO_ON) return progress;
    struct map_limits limits = rdb_map_limits(&reader->builder);
    if (!map_set(reader->value, buffer_bytes(&reader->field), value, &limits))
        return malformed(reader, "a field comes twice");
    reader->left--;
    reader->state = state_map_field;
    return GO_ON;
}

static enum progress state_member(struct rdb_reader *reader) {
    struct bytes member;
    if (reader->left == 0) return put_value(reader);
    enum progress progress = read_element(reader, &member);
    if (progress != GO_ON) return progress;
    keep(&reader->field, member);
    reader->state = reader->type == RDB_ZSET ? state_score : state_score_text;
    return GO_ON;
}

static enum progress put_member(struct rdb_reader *reader, double score) {
    if (score != score) return malformed(reader, "a score is not a number");
    struct sorted_set_limits limits = rdb_sorted_set_limits(&reader->builder);
    enum sorted_set_outcome outcome = sorted_set_put(reader->value, buffer_bytes(&reader->field),
                                                     &score, SORTED_SET_ONLY_NEW, &limits);
    if (outcome != SORTED_SET_ADDED) return malformed(reader, "a member comes twice");
    reader->left--;
    reader->state = state_member;
    return GO_ON;
}

static enum progress state_score(struct rdb_reader *reader) {
    struct look look = look_ahead(reader);
    uint64_t bits = look_little_endian(&look, 8);
    if (look.short_of) return NEED_MORE;
    take(reader, &look);
    double score;
    memcpy(&score, &bits, sizeof(score));
    return put_member(reader, score);
}

/* A byte with the text's size, then the text; or a byte for what has no text. */
static enum progress state_score_text(struct rdb_reader *reader) {
    enum { NOT_A_NUMBER = 253, INFINITE = 254, MINUS_INFINITE = 255 };
    struct look look = look_ahead(reader);
    uint64_t size = look_little_endian(&look, 1);
    if (look.short_of) return NEED_MORE;
    double score = __builtin_nan("");
    if (size == INFINITE || size == MINUS_INFINITE)
        score = size == INFINITE ? __builtin_inf() : -__builtin_inf();
    if (size < NOT_A_NUMBER) {
        if ((uint64_t)(look.end - look.at) < size) return NEED_MORE;
        if (!number_parse_double(bytes_of(look.at, size), &score))
            return malformed(reader, "a score is not a number");
        look.at += size;
    }
    take(reader, &look);
    return put_member(reader, score);
}

/* --- aggregates from packed lists ----------------------------------------------------------------
 */

static enum progress put_built(struct rdb_reader *reader, void *value, const char *complaint) {
    if (complaint != NULL) return malformed(reader, complaint);
    reader->value = value;
    return put_value(reader);
}

static enum progress state_packed(struct rdb_reader *reader) {
    struct bytes bytes;
    enum progress progress = read_string(reader, &bytes);
    if (progress != GO_ON) return progress;
    const char *complaint;
    struct rdb_builder *builder = &reader->builder;
    void *value;
    switch (reader->type) {
    case RDB_HASH_ZIPMAP:
        value = rdb_build_map(builder, RDB_KIND_ZIPMAP, bytes, &complaint);
        break;
    case RDB_HASH_ZIPLIST:
        value = rdb_build_map(builder, RDB_KIND_ZIPLIST, bytes, &complaint);
        break;
    case RDB_HASH_LISTPACK:
        value = rdb_build_map(builder, RDB_KIND_LISTPACK, bytes, &complaint);
        break;
    case RDB_ZSET_ZIPLIST:
        value = rdb_build_sorted_set(builder, RDB_KIND_ZIPLIST, bytes, &complaint);
        break;
    case RDB_ZSET_LISTPACK:
        value = rdb_build_sorted_set(builder, RDB_KIND_LISTPACK, bytes, &complaint);
        break;
    case RDB_SET_INTSET:
        value = rdb_build_set(builder, bytes, &complaint);
        break;
    default: /* RDB_LIST_ZIPLIST */
        reader->value = value = queue_create();
        complaint = rdb_build_queue(builder, value, RDB_KIND_ZIPLIST, bytes);
        break;
    }
    return put_built(reader, value, complaint);
}

static enum progress state_ziplist_node(struct rdb_reader *reader) {
    struct bytes bytes;
    if (reader->left == 0) return put_value(reader);
    enum progress progress = read_string(reader, &bytes);
    if (progress != GO_ON) return progress;
    const char *complaint =
        rdb_build_queue(&reader->builder, reader->value, RDB_KIND_ZIPLIST, bytes);
    if (complaint != NULL) return malformed(reader, complaint);
    reader->left--;
    return GO_ON;
}

static state_function state_plain_node, state_listpack_node;

static enum progress state_node(struct rdb_reader *reader) {
    uint64_t kind;
    if (reader->left == 0) return put_value(reader);
    enum progress progress = read_length(reader, &kind);
    if (progress != GO_ON) return progress;
    if (kind != RDB_NODE_PLAIN && kind != RDB_NODE_PACKED)
        return malformed(reader, "a list's node is of no known kind");
    reader->state = kind == RDB_NODE_PLAIN ? state_plain_node : state_listpack_node;
    return GO_ON;
}

static enum progress state_plain_node(struct rdb_reader *reader) {
    reader->state = state_list_item;
    enum progress progress = state_list_item(reader);
    reader->state = progress == GO_ON ? state_node : state_plain_node;
    return progress;
}

static enum progress state_listpack_node(struct rdb_reader *reader) {
    struct bytes bytes;
    enum progress progress = read_string(reader, &bytes);
    if (progress != GO_ON) return progress;
    const char *complaint =
        rdb_build_queue(&reader->builder, reader->value, RDB_KIND_LISTPACK, bytes);
    if (complaint != NULL) return malformed(reader, complaint);
    reader->left--;
    reader->state = state_node;
    return GO_ON;
}

/* --- keys --------------------------------------------------------------------------------------
 */

/* The state that reads an element, for types that begin with their number. */
static state_function *const element_states[RDB_TYPE_COUNT] = {
    [RDB_LIST] = state_list_item,        [RDB_SET] = state_set_member,
    [RDB_ZSET_TEXT] = state_member,      [RDB_HASH] = state_map_field,
    [RDB_ZSET] = state_member,           [RDB_LIST_QUICKLIST] = state_ziplist_node,
    [RDB_LIST_QUICKLIST_2] = state_node,
};

/* An empty value for so many elements: in the form they will need, if the mode leaves a choice. */
static void *begin_value(const struct rdb_reader *reader, uint64_t count) {
    const struct storages_settings *settings = &reader->storages->settings;
    uint64_t hash_seed = storages_hash_seed(reader->storages);
    bool literal = reader->options.mode == RDB_LITERAL;
    switch (item_types[reader->type]) {
    case ITEM_QUEUE:
        return queue_create();
    case ITEM_SET:
        return literal || (int64_t)count > settings->set_max_intset_entries
                   ? set_create_table(hash_seed)
                   : set_create(hash_seed);
    case ITEM_MAP:
        return literal || (int64_t)count > settings->hash_max_listpack_entries
                   ? map_create_table(hash_seed)
                   : map_create(hash_seed);
    default:
        return literal || (int64_t)count > settings->zset_max_listpack_entries
                   ? sorted_set_create_large(hash_seed)
                   : sorted_set_create(hash_seed);
    }
}

static enum progress state_count(struct rdb_reader *reader) {
    uint64_t count;
    enum progress progress = read_length(reader, &count);
    if (progress != GO_ON) return progress;
    if (count >= UINT32_MAX - 1)
        return malformed(reader, "more elements than a collection can have");
    reader->left = count;
    reader->value = begin_value(reader, count);
    reader->state = element_states[reader->type];
    return GO_ON;
}

static const char *const foreign_types[RDB_TYPE_COUNT] = {
    [RDB_MODULE] = "a module's type",
    [RDB_MODULE_2] = "a module's type",
    [RDB_STREAM] = "a stream",
    [RDB_STREAM_2] = "a stream",
};

/* Those that rdb_write.c writes. */
static const bool our_types[RDB_TYPE_COUNT] = {
    [RDB_RECORD] = true,        [RDB_SET] = true,
    [RDB_HASH] = true,          [RDB_ZSET] = true,
    [RDB_SET_INTSET] = true,    [RDB_HASH_LISTPACK] = true,
    [RDB_ZSET_LISTPACK] = true, [RDB_LIST_QUICKLIST_2] = true,
};

static enum progress state_key(struct rdb_reader *reader) {
    struct bytes key;
    enum progress progress = read_string(reader, &key);
    if (progress != GO_ON) return progress;
    keep(&reader->key, key);
    reader->has_key = true;
    if (foreign_types[reader->type] != NULL)
        return fail(reader, ERROR_VERSION, "it is %s: not supported by this version",
                    foreign_types[reader->type]);
    if (reader->type == RDB_RECORD)
        reader->state = state_record;
    else
        reader->state = element_states[reader->type] != NULL ? state_count : state_packed;
    return GO_ON;
}

static enum progress begin_key(struct rdb_reader *reader, uint8_t type) {
    bool literal = reader->options.mode == RDB_LITERAL;
    bool known = type < RDB_TYPE_COUNT &&
                 (type == RDB_RECORD || item_types[type] != 0 || foreign_types[type] != NULL);
    if (!known) return fail(reader, ERROR_MALFORMED, "a key of unknown type %u", type);
    if (literal && (!our_types[type] || !reader->has_size))
        return malformed(reader, "no file of ours has such a key");
    if (literal && reader->deadline_ms < -1) return malformed(reader, "a deadline before 1970");
    reader->type = type;
    reader->state = state_key;
    return GO_ON;
}

/* --- AUX fields ----------------------------------------------------------------------------------
 */

static bool parse_digest(struct bytes text, uint64_t *digest) {
    *digest = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool is_digit = c >= '0' && c <= '9', is_letter = c >= 'a' && c <= 'f';
        if (!is_digit && !is_letter) return false;
        *digest = *digest << 4 | (uint64_t)(is_digit ? c - '0' : c - 'a' + 10);
    }
    return text.size == 16;
}

/* "R5 T17 ", in ascending order. */
static bool parse_forms(struct rdb_reader *reader, struct bytes text) {
    memset(reader->forms, 0, sizeof(reader->forms));
    reader->forms_at = 0;
    int64_t last = -1;
    while (text.size > 0) {
        const char *space = memchr(text.data, ' ', text.size);
        if (space == NULL || (text.data[0] != 'R' && text.data[0] != 'T')) return false;
        size_t size = (size_t)(space - text.data);
        uint64_t at;
        if (!number_parse_u64(bytes_slice(text, 1, size - 1), &at)) return false;
        if (at >= RDB_FORMS_KEYS || (int64_t)at <= last) return false;
        reader->forms[at] = text.data[0];
        last = (int64_t)at;
        text = bytes_slice(text, size + 1, text.size);
    }
    return true;
}

static bool take_setting(struct rdb_reader *reader, struct bytes name, struct bytes value) {
    int64_t number;
    if (!number_parse_i64(value, &number)) return false;
    for (uint32_t i = 0; settings_name(i) != NULL; i++)
        if (bytes_equal(name, bytes_of_text(settings_name(i))))
            return settings_put(&reader->storages->settings, i, number);
    return false;
}

static bool begins_with(struct bytes text, struct bytes prefix) {
    return text.size >= prefix.size && bytes_equal(bytes_slice(text, 0, prefix.size), prefix);
}

/* What stands at the head of our files; false if it is wrong. */
static bool take_head_field(struct rdb_reader *reader, struct bytes name, struct bytes value,
                            bool *known) {
    struct bytes setting = BYTES(RDB_AUX_SETTING);
    *known = true;
    if (bytes_equal(name, BYTES(RDB_AUX_TIME))) {
        int64_t now_ms;
        if (!number_parse_i64(value, &now_ms) || now_ms < 0) return false;
        storages_set_now(reader->storages, now_ms);
        return true;
    }
    if (bytes_equal(name, BYTES(RDB_AUX_ROLLING_DIGEST)))
        return parse_digest(value, &reader->storages->rolling_digest);
    if (begins_with(name, setting))
        return take_setting(reader, bytes_slice(name, setting.size, name.size), value);
    if (bytes_equal(name, BYTES(RDB_AUX_EMITTER))) {
        reader->head_is_read = true;
        return emitter_load(reader->storages->emitter, value);
    }
    *known = false;
    return true;
}

/* RDB_LITERAL: a field whose name is for us alone. */
static enum progress take_our_field(struct rdb_reader *reader, struct bytes name,
                                    struct bytes value) {
    static const char *const wrong = "an AUX field of ours is damaged";
    if (bytes_equal(name, BYTES(RDB_AUX_FORMAT))) {
        if (!bytes_equal(value, BYTES(RDB_OUR_FORMAT)))
            return fail(reader, ERROR_VERSION, "written by a newer version");
        reader->is_ours = true;
        return GO_ON;
    }
    if (bytes_equal(name, BYTES(RDB_AUX_FORMS)))
        return parse_forms(reader, value) ? GO_ON : malformed(reader, wrong);
    if (bytes_equal(name, BYTES(RDB_AUX_DIGEST))) {
        reader->has_digest = true;
        return parse_digest(value, &reader->digest_in_file) ? GO_ON : malformed(reader, wrong);
    }
    bool known;
    bool good = take_head_field(reader, name, value, &known);
    if (!known)
        return fail(reader, ERROR_VERSION, "AUX field %.*s is of a newer version",
                    (int)(name.size < 64 ? name.size : 64), name.data);
    return good && !reader->data_has_begun ? GO_ON : malformed(reader, wrong);
}

static enum progress store_pair(struct rdb_reader *reader, struct bytes name, struct bytes value) {
    struct buffer *pairs = &reader->pairs;
    struct stored_pair pair = {name.size, value.size};
    if (name.size + value.size > KEPT_PAIRS_MAX - pairs->size)
        return malformed(reader, "the AUX fields exceed 64 MiB");
    buffer_append_u64(&reader->pair_offsets, pairs->size);
    buffer_append(pairs, &pair, sizeof(pair));
    buffer_append_bytes(pairs, name);
    buffer_append_bytes(pairs, value);
    return GO_ON;
}

static enum progress state_aux_value(struct rdb_reader *reader) {
    struct bytes value;
    enum progress progress = read_string(reader, &value);
    if (progress != GO_ON) return progress;
    reader->state = state_opcode;
    struct bytes name = buffer_bytes(&reader->field);
    if (!begins_with(name, BYTES(RDB_OUR_PREFIX))) return store_pair(reader, name, value);
    return reader->options.mode == RDB_LITERAL ? take_our_field(reader, name, value) : GO_ON;
}

static enum progress state_aux_name(struct rdb_reader *reader) {
    struct bytes name;
    enum progress progress = read_string(reader, &name);
    if (progress != GO_ON) return progress;
    keep(&reader->field, name);
    reader->state = state_aux_value;
    return GO_ON;
}

/* --- modules' auxiliary data: skipped ------------------------------------------------------------
 */

enum module_part {
    MODULE_END,
    MODULE_SIGNED,
    MODULE_UNSIGNED,
    MODULE_FLOAT,
    MODULE_DOUBLE,
    MODULE_STRING
};

static state_function state_module_part;

static enum progress state_module_string(struct rdb_reader *reader) {
    struct bytes skipped;
    enum progress progress = read_string(reader, &skipped);
    if (progress == GO_ON) reader->state = state_module_part;
    return progress;
}

static enum progress state_module_part(struct rdb_reader *reader) {
    struct look look = look_ahead(reader);
    uint64_t part = 0, skipped;
    bool good = look_plain_length(&look, &part);
    if (part == MODULE_SIGNED || part == MODULE_UNSIGNED)
        good = good && look_plain_length(&look, &skipped);
    if (part == MODULE_FLOAT || part == MODULE_DOUBLE)
        look_little_endian(&look, part == MODULE_FLOAT ? 4 : 8);
    if (look.short_of) return NEED_MORE;
    if (!good || part > MODULE_STRING)
        return malformed(reader, "a module's data has no known form");
    take(reader, &look);
    if (part == MODULE_STRING) reader->state = state_module_string;
    if (part == MODULE_END) reader->state = state_opcode;
    return GO_ON;
}

static enum progress state_module(struct rdb_reader *reader) {
    uint64_t module;
    enum progress progress = read_length(reader, &module);
    if (progress != GO_ON) return progress;
    reader->statistics.module_data++;
    reader->state = state_module_part;
    return GO_ON;
}

/* --- databases and the end
 * ------------------------------------------------------------------------ */

/* RDB_LITERAL: the databases below `db` are complete, those without keys among them. */
static enum progress finish_databases(struct rdb_reader *reader, unsigned db) {
    if (reader->has_size) {
        if (storages_db_size(reader->storages, reader->db) != reader->database_size)
            return fail(reader, ERROR_DAMAGED, "database %u has another number of keys",
                        reader->db);
        reader->databases_digested = reader->db + 1u;
        reader->has_size = false;
    }
    for (; reader->databases_digested < db; reader->databases_digested++)
        reader->digest = hash_chain(reader->digest, 0);
    return GO_ON;
}

static enum progress select_database(struct rdb_reader *reader, uint64_t db) {
    uint64_t databases = (uint64_t)reader->storages->settings.databases;
    if (put_all(reader) != GO_ON) return FAILED;
    if (db >= databases)
        return fail(reader, ERROR_MALFORMED, "database %llu, and there are only %llu here",
                    (unsigned long long)db, (unsigned long long)databases);
    if (reader->options.mode == RDB_LITERAL) {
        enum progress progress = finish_databases(reader, (unsigned)db);
        if (progress != GO_ON) return progress;
        if (db < reader->databases_digested) return malformed(reader, "a database comes twice");
    }
    reader->db = (uint8_t)db;
    reader->forms_at = RDB_FORMS_KEYS;
    return GO_ON;
}

/* The index for so many keys at once, if the file can hold as many: each takes three bytes. */
static void reserve_database(struct rdb_reader *reader, uint64_t size) {
    struct table *table = reader->storages->databases[reader->db].table;
    uint64_t total = reader->options.bytes_total, done = offset(reader);
    uint64_t size_max = total <= done ? 0 : (total - done) / 3;
    if (size > size_max) size = size_max;
    if (size > 0 && size < UINT32_MAX && table_size(table) == 0)
        table_reserve(table, (uint32_t)size);
}

static enum progress resize_database(struct rdb_reader *reader, uint64_t size) {
    if (put_all(reader) != GO_ON) return FAILED;
    reserve_database(reader, size);
    if (reader->options.mode != RDB_LITERAL) return GO_ON;
    if (reader->has_size || reader->db < reader->databases_digested)
        return malformed(reader, "a database's size comes twice");
    reader->has_size = true;
    reader->database_size = size;
    reader->digest = hash_chain(reader->digest, size);
    return GO_ON;
}

/* The file's own opinion of the whole: RDB_LITERAL. */
static enum progress check_digest(struct rdb_reader *reader) {
    if (!reader->is_ours || !reader->has_digest)
        return fail(reader, ERROR_FOREIGN, "not written by Hamok");
    enum progress progress = finish_databases(reader, STORAGES_DATABASES_MAX);
    if (progress != GO_ON) return progress;
    if (!emitter_load_end(reader->storages->emitter))
        return fail(reader, ERROR_DAMAGED, "the subscriptions contradict each other");
    uint64_t digest = storages_digest_end(reader->storages, reader->digest);
    if (digest != reader->digest_in_file)
        return fail(reader, ERROR_DAMAGED, "the data's digest is %016llx, the file's %016llx",
                    (unsigned long long)digest, (unsigned long long)reader->digest_in_file);
    return GO_ON;
}

static void add_to_sum(struct rdb_reader *reader) {
    crc64_add(&reader->crc, bytes_of(reader->summed, (size_t)(reader->at - reader->summed)));
    reader->summed = reader->at;
}

static enum progress state_behind(struct rdb_reader *reader) {
    if (reader->at == reader->end) return NEED_MORE;
    reader->complete = false;
    return malformed(reader, "there is more behind the end");
}

static enum progress state_sum(struct rdb_reader *reader) {
    struct look look = look_ahead(reader);
    uint64_t sum = reader->version < RDB_VERSION_WITH_CRC ? 0 : look_little_endian(&look, 8);
    if (look.short_of) return NEED_MORE;
    add_to_sum(reader);
    take(reader, &look);
    /* Redis writes 0 when it was told not to compute the sum. */
    bool is_checked = sum != 0 || reader->options.mode == RDB_LITERAL;
    if (is_checked && sum != reader->crc.sum)
        return fail(reader, ERROR_CHECKSUM, "the checksum is %016llx, the file's %016llx",
                    (unsigned long long)reader->crc.sum, (unsigned long long)sum);
    if (reader->options.mode == RDB_LITERAL) {
        enum progress progress = check_digest(reader);
        if (progress != GO_ON) return progress;
    }
    reader->complete = true;
    reader->state = state_behind;
    return GO_ON;
}

/* --- opcodes ------------------------------------------------------------------------------------
 */

/* Before the first thing that is no AUX field. */
static enum progress begin_data(struct rdb_reader *reader) {
    reader->head_is_read = reader->data_has_begun = true;
    if (reader->options.mode != RDB_LITERAL) return GO_ON;
    if (!reader->is_ours) return fail(reader, ERROR_FOREIGN, "not written by Hamok");
    reader->digest = storages_digest_begin(reader->storages);
    return GO_ON;
}

/* Opcodes with their numbers, which have all been seen. */
static enum progress run_opcode(struct rdb_reader *reader, unsigned opcode,
                                const uint64_t numbers[2]) {
    switch (opcode) {
    case RDB_DEADLINE_S:
        reader->deadline_ms = (int64_t)(int32_t)numbers[0] * 1000;
        return GO_ON;
    case RDB_DEADLINE_MS:
        reader->deadline_ms = (int64_t)numbers[0];
        return GO_ON;
    case RDB_SELECT:
        return select_database(reader, numbers[0]);
    case RDB_RESIZE:
        return resize_database(reader, numbers[0]);
    case RDB_AUX:
        reader->state = state_aux_name;
        return GO_ON;
    case RDB_EOF:
        reader->state = state_sum;
        return put_all(reader);
    case RDB_MODULE_AUX:
        reader->state = state_module;
        return GO_ON;
    case RDB_FUNCTION_LIBRARY:
    case RDB_FUNCTION_OLD:
        return fail(reader, ERROR_VERSION, "a library of functions: not supported by this version");
    case RDB_IDLE:
    case RDB_FREQUENCY:
        return GO_ON; /* how recently a key was used is each node's own affair */
    default:
        return begin_key(reader, (uint8_t)opcode);
    }
}

/* The numbers behind an opcode: fixed bytes or lengths. */
static const struct {
    uint8_t opcode, fixed_bytes, lengths;
} opcode_numbers[] = {{RDB_DEADLINE_S, 4, 0}, {RDB_DEADLINE_MS, 8, 0}, {RDB_FREQUENCY, 1, 0},
                      {RDB_IDLE, 0, 1},       {RDB_SELECT, 0, 1},      {RDB_RESIZE, 0, 2}};

static enum progress state_opcode(struct rdb_reader *reader) {
    struct look look = look_ahead(reader);
    unsigned opcode = (unsigned)look_little_endian(&look, 1);
    uint64_t numbers[2] = {0};
    bool good = true;
    for (size_t i = 0; i < COUNT_OF(opcode_numbers) && opcode >= RDB_IDLE; i++) {
        if (opcode_numbers[i].opcode != opcode) continue;
        if (opcode_numbers[i].fixed_bytes > 0)
            numbers[0] = look_little_endian(&look, opcode_numbers[i].fixed_bytes);
        for (unsigned k = 0; k < opcode_numbers[i].lengths; k++)
            good = good && look_plain_length(&look, &numbers[k]);
    }
    if (look.short_of) return NEED_MORE;
    if (!good) return malformed(reader, "a length has no known form");
    take(reader, &look);
    if (opcode != RDB_AUX && !reader->data_has_begun) {
        enum progress progress = begin_data(reader);
        if (progress != GO_ON) return progress;
    }
    return run_opcode(reader, opcode, numbers);
}

static enum progress state_header(struct rdb_reader *reader) {
    if (reader->end - reader->at < RDB_HEADER_SIZE) return NEED_MORE;
    if (memcmp(reader->at, "REDIS", 5) != 0)
        return fail(reader, ERROR_MALFORMED, "no RDB file: it does not begin with REDIS");
    for (unsigned i = 5; i < RDB_HEADER_SIZE; i++) {
        char c = reader->at[i];
        if (c < '0' || c > '9') return malformed(reader, "no RDB file: its version is no number");
        reader->version = reader->version * 10 + (unsigned)(c - '0');
    }
    if (reader->version < 1 || reader->version > RDB_VERSION)
        return fail(reader, ERROR_VERSION, "RDB version %u: versions 1 to %u are supported",
                    reader->version, RDB_VERSION);
    reader->at += RDB_HEADER_SIZE;
    reader->state = state_opcode;
    return GO_ON;
}

/* --- the reader ---------------------------------------------------------------------------------
 */

struct rdb_reader *rdb_reader_create(const struct rdb_read_options *options) {
    struct rdb_reader *reader = memory_allocate_zeroed(sizeof(*reader));
    reader->options = *options;
    reader->storages = options->storages;
    reader->builder = (struct rdb_builder){.storages = options->storages,
                                           .literal = options->mode == RDB_LITERAL};
    reader->state = state_header;
    reader->deadline_ms = -1;
    reader->forms_at = RDB_FORMS_KEYS;
    crc64_init(&reader->crc);
    return reader;
}

void rdb_reader_destroy(struct rdb_reader *reader) {
    if (reader == NULL) return;
    drop_value(reader);
    for (; reader->waiting_count > 0; reader->waiting_count--) {
        keyspace_release(reader->storages, reader->waiting[reader->waiting_first].item);
        reader->waiting_first = (reader->waiting_first + 1) % WAITING_MAX;
    }
    rdb_builder_clear(&reader->builder);
    struct buffer *buffers[] = {&reader->carry,       &reader->gathered, &reader->unpacked,
                                &reader->key,         &reader->field,    &reader->pairs,
                                &reader->pair_offsets};
    for (size_t i = 0; i < COUNT_OF(buffers); i++)
        buffer_clear(buffers[i]);
    memory_release(reader);
}

/* Runs the machine over these bytes; returns how many of them were taken. */
static size_t run_window(struct rdb_reader *reader, struct bytes bytes) {
    reader->window = reader->at = reader->summed = bytes.data;
    reader->end = bytes.data + bytes.size;
    while (reader->state(reader) == GO_ON)
        continue;
    add_to_sum(reader);
    size_t taken = (size_t)(reader->at - reader->window);
    reader->window_offset += taken;
    reader->statistics.bytes = reader->window_offset;
    reader->window = reader->at = reader->summed = reader->end = NULL;
    return taken;
}

/* The rest of the piece before, with the beginning of this one; returns how much of this one was
 * taken. Nothing is carried on when that is less than all of it. */
static size_t run_carry(struct rdb_reader *reader, struct bytes bytes) {
    size_t used = 0;
    while (reader->carry.size > 0 && used < bytes.size && reader->error == ERROR_NONE) {
        struct bytes more = bytes_slice(bytes, used, CARRY_MORE);
        size_t carried = reader->carry.size;
        buffer_append_bytes(&reader->carry, more);
        size_t taken = run_window(reader, buffer_bytes(&reader->carry));
        if (taken >= carried) {
            used += taken - carried;
            reader->carry.size = 0;
        } else {
            buffer_consume(&reader->carry, taken);
            used += more.size;
        }
    }
    return used;
}

enum error rdb_reader_feed(struct rdb_reader *reader, struct bytes bytes) {
    if (reader->error != ERROR_NONE || bytes.size == 0) return reader->error;
    size_t used = run_carry(reader, bytes);
    if (reader->error != ERROR_NONE || used == bytes.size) return reader->error;
    bytes = bytes_slice(bytes, used, bytes.size);
    used = run_window(reader, bytes);
    if (reader->error == ERROR_NONE)
        buffer_append_bytes(&reader->carry, bytes_slice(bytes, used, bytes.size));
    return reader->error;
}

enum error rdb_reader_end(struct rdb_reader *reader) {
    if (reader->error == ERROR_NONE && !reader->complete)
        fail(reader, ERROR_TRUNCATED, "the file ends too early");
    return reader->error;
}

bool rdb_reader_is_complete(const struct rdb_reader *reader) {
    return reader->complete;
}

const char *rdb_reader_error(const struct rdb_reader *reader) {
    return reader->text;
}

bool rdb_reader_head_is_read(const struct rdb_reader *reader) {
    return reader->head_is_read;
}

uint32_t rdb_reader_pair_count(const struct rdb_reader *reader) {
    return (uint32_t)(reader->pair_offsets.size / sizeof(uint64_t));
}

void rdb_reader_pair(const struct rdb_reader *reader, uint32_t index, struct bytes *name,
                     struct bytes *value) {
    CHECK(index < rdb_reader_pair_count(reader));
    const char *at =
        reader->pairs.data + load_u64(reader->pair_offsets.data + index * sizeof(uint64_t));
    struct stored_pair pair;
    memcpy(&pair, at, sizeof(pair));
    *name = bytes_of(at + sizeof(pair), pair.name_size);
    *value = bytes_of(at + sizeof(pair) + pair.name_size, pair.value_size);
}

bool rdb_reader_find_pair(const struct rdb_reader *reader, struct bytes name, struct bytes *value) {
    for (uint32_t i = 0; i < rdb_reader_pair_count(reader); i++) {
        struct bytes other, its_value;
        rdb_reader_pair(reader, i, &other, &its_value);
        if (!bytes_equal(other, name)) continue;
        *value = its_value;
        return true;
    }
    return false;
}

struct rdb_read_statistics rdb_reader_statistics(const struct rdb_reader *reader) {
    return reader->statistics;
}
