/* rdb_write.c: a walk over everything, in the order of the file, that can stop between any two
 * pieces.
 *
 * What stands for where it is: the section, in it the database and the position of its next key;
 * inside a value, `at`, whose meaning is the value's writer's; and `rest`, the part of a long
 * string that has still to be copied before anything else. The full digest is computed on the way,
 * while each item is at hand anyway. */
#include "storages/rdb_write.h"

#include <stdio.h>

#include "base/crc64.h"
#include "base/hash.h"
#include "base/integers.h"
#include "base/lzf.h"
#include "base/memory.h"
#include "base/packed.h"
#include "storages/emitter_internal.h"
#include "storages/listpack.h"
#include "storages/map.h"
#include "storages/queue.h"
#include "storages/rdb_format.h"
#include "storages/record.h"
#include "storages/set.h"
#include "storages/settings_commands.h"
#include "storages/sorted_set.h"
#include "storages/state.h"
#include "storages/storages.h"

/* Bytes. */
enum {
    COMPRESS_MAX = 16 << 20,  /* larger strings are written as they are: no buffer of their size */
    STRING_PIECE = 64 << 10,  /* longer strings are copied piece by piece */
    INTEGERS_PIECE = 8 << 10, /* integers */
    EMITTER_PIECE = 16 << 10,
    PLAIN_NODE_MIN = 64 << 10, /* list items from here on: nodes of their own, without listpack */
};

/* Trying in vain costs half of a snapshot's processor time. A string that did not become smaller
 * takes a credit, one that did brings some; without any only a sample is tried. */
enum {
    COMPRESS_CREDITS_MAX = 64,
    COMPRESS_CREDITS_OF_SUCCESS = 8,
    COMPRESS_SAMPLE = 16,        /* one string of so many */
    COMPRESS_ALWAYS_FROM = 4096, /* bytes: what may be saved is worth it */
};

struct rdb_writer {
    const struct storages *storages;
    struct rdb_write_options options;
    uint32_t section, step; /* the present section, and how many of its steps are done */
    uint8_t db;
    uint32_t position;       /* of the next item in the database */
    const struct item *item; /* whose value is being written; NULL between keys */
    uint64_t at;             /* where in the value; 0 at its beginning */
    struct queue_cursor cursor;
    struct emitter_walk emitter;
    struct bytes rest;
    struct buffer
        *out; /* the caller's, in the present call; what is behind `summed` is not in crc */
    size_t summed;
    uint64_t digest, keys, bytes;
    struct buffer scratch, compressed; /* `rest` may point into them */
    struct crc64 crc;
    struct lzf lzf;
    uint32_t compress_credits;
    uint32_t not_tried; /* strings, since the last one that was, without credits */
};

/* --- lengths, strings, numbers ---------------------------------------------------------------- */

static void put_byte(struct rdb_writer *writer, unsigned byte) {
    buffer_append_byte(writer->out, (char)byte);
}

static void put_big_endian(struct rdb_writer *writer, uint64_t value, unsigned bytes) {
    for (unsigned i = bytes; i-- > 0;)
        put_byte(writer, (uint8_t)(value >> 8 * i));
}

static void put_length(struct rdb_writer *writer, uint64_t length) {
    if (length < 64) {
        put_byte(writer, RDB_LENGTH_6 << 6 | (unsigned)length);
    } else if (length < 16384) {
        put_big_endian(writer, RDB_LENGTH_14 << 14 | length, 2);
    } else if (length <= UINT32_MAX) {
        put_byte(writer, RDB_LENGTH_32_BYTE);
        put_big_endian(writer, length, 4);
    } else {
        put_byte(writer, RDB_LENGTH_64_BYTE);
        put_big_endian(writer, length, 8);
    }
}

/* False if the value needs more than 32 bits. */
static bool put_integer(struct rdb_writer *writer, int64_t value) {
    static const unsigned widths[] = {1, 2, 4}; /* of RDB_STRING_INT8, _INT16, _INT32 */
    for (unsigned i = 0; i < COUNT_OF(widths); i++) {
        int64_t limit = (int64_t)1 << (8 * widths[i] - 1);
        if (value < -limit || value >= limit) continue;
        put_byte(writer, RDB_LENGTH_SPECIAL << 6 | i);
        buffer_append(writer->out, &value, widths[i]);
        return true;
    }
    return false;
}

/* The bytes themselves, at once or, of a long string, from the next steps on. They stay where they
 * are until then. */
static void put_bytes(struct rdb_writer *writer, struct bytes bytes) {
    CHECK(writer->rest.size == 0);
    if (bytes.size > STRING_PIECE) {
        writer->rest = bytes;
    } else {
        buffer_append_bytes(writer->out, bytes);
    }
}

static bool may_compress(struct rdb_writer *writer, struct bytes bytes) {
    if (!writer->options.compress || bytes.size < RDB_COMPRESS_MIN || bytes.size > COMPRESS_MAX)
        return false;
    if (writer->compress_credits > 0 || bytes.size >= COMPRESS_ALWAYS_FROM) return true;
    return ++writer->not_tried % COMPRESS_SAMPLE == 0;
}

static void note_compression(struct rdb_writer *writer, bool succeeded) {
    if (succeeded) {
        writer->compress_credits += COMPRESS_CREDITS_OF_SUCCESS;
        if (writer->compress_credits > COMPRESS_CREDITS_MAX)
            writer->compress_credits = COMPRESS_CREDITS_MAX;
    } else if (writer->compress_credits > 0) {
        writer->compress_credits--;
    }
}

/* False if that saves nothing, or is not expected to. */
static bool put_compressed(struct rdb_writer *writer, struct bytes bytes) {
    if (!may_compress(writer, bytes)) return false;
    size_t max = bytes.size - 4; /* less is not worth it, says Redis */
    writer->compressed.size = 0;
    char *at = buffer_reserve(&writer->compressed, max);
    size_t size = lzf_compress(&writer->lzf, bytes, at, max);
    note_compression(writer, size > 0);
    if (size == 0) return false;
    put_byte(writer, RDB_LENGTH_SPECIAL << 6 | RDB_STRING_LZF);
    put_length(writer, size);
    put_length(writer, bytes.size);
    put_bytes(writer, bytes_of(at, size));
    return true;
}

/* A string that is no number to anyone. */
static void put_blob(struct rdb_writer *writer, struct bytes bytes) {
    if (put_compressed(writer, bytes)) return;
    put_length(writer, bytes.size);
    put_bytes(writer, bytes);
}

static void put_string(struct rdb_writer *writer, struct bytes bytes) {
    int64_t integer;
    if (bytes.size <= RDB_INTEGER_TEXT_MAX && number_parse_i64(bytes, &integer) &&
        put_integer(writer, integer))
        return;
    put_blob(writer, bytes);
}

static void put_number(struct rdb_writer *writer, int64_t value) {
    char text[NUMBER_TEXT_MAX];
    if (!put_integer(writer, value))
        put_blob(writer, bytes_of(text, number_print_i64(text, value)));
}

static void put_aux(struct rdb_writer *writer, struct bytes name, struct bytes value) {
    put_byte(writer, RDB_AUX);
    put_string(writer, name);
    put_string(writer, value);
}

static void put_aux_number(struct rdb_writer *writer, const char *name, int64_t value) {
    put_byte(writer, RDB_AUX);
    put_string(writer, bytes_of_text(name));
    put_number(writer, value);
}

static void put_aux_digest(struct rdb_writer *writer, const char *name, uint64_t digest) {
    char text[17];
    int size = snprintf(text, sizeof(text), "%016llx", (unsigned long long)digest);
    CHECK(size == 16);
    put_aux(writer, bytes_of_text(name), bytes_of(text, 16));
}

/* --- values: each call writes a piece and tells whether it was the last --------------------------
 */

static bool put_record(struct rdb_writer *writer) {
    const struct item *item = writer->item;
    if (item->flags & ITEM_INTEGER)
        put_number(writer, (int64_t)item_word(item));
    else
        put_string(writer, item_text(item));
    return true;
}

/* A packed list as a listpack: a small one in one piece, which may be compressed, else entry by
 * entry: then `at` is the next one's offset. */
static bool put_packed(struct rdb_writer *writer, const struct packed *packed) {
    if (writer->at != 0) {
        uint32_t at = (uint32_t)writer->at;
        struct packed_value value = packed_get(packed, at);
        listpack_append(writer->out, &value);
        writer->at = packed_next(packed, at);
        if (writer->at == PACKED_END) put_byte(writer, LISTPACK_END);
        return writer->at == PACKED_END;
    }
    struct buffer *scratch = &writer->scratch;
    buffer_reserve(scratch, LISTPACK_HEADER_SIZE);
    scratch->size = LISTPACK_HEADER_SIZE;
    uint64_t size = 0;
    for (uint32_t at = packed_first(packed); at != PACKED_END; at = packed_next(packed, at)) {
        struct packed_value value = packed_get(packed, at);
        size += listpack_value_size(&value);
        if (size <= STRING_PIECE) listpack_append(scratch, &value);
    }
    listpack_write_header(scratch->data, size, packed_count(packed));
    if (size <= STRING_PIECE) {
        buffer_append_byte(scratch, (char)LISTPACK_END);
        put_blob(writer, buffer_bytes(scratch));
        return true;
    }
    put_length(writer, LISTPACK_HEADER_SIZE + size + 1);
    buffer_append(writer->out, scratch->data, LISTPACK_HEADER_SIZE);
    writer->at = packed_first(packed);
    return false;
}

static bool put_packed_map(struct rdb_writer *writer) {
    return put_packed(writer, map_packed(item_value(writer->item)));
}

static bool put_packed_sorted_set(struct rdb_writer *writer) {
    return put_packed(writer, sorted_set_packed(item_value(writer->item)));
}

/* The elements of a table: `at` is 1 + what has been written; at its beginning their number. True
 * when nothing is left; else *position is that of the next element. */
static bool next_of_table(struct rdb_writer *writer, uint32_t span, unsigned strings_each,
                          uint32_t *position) {
    if (writer->at == 0) {
        put_length(writer, span);
        writer->at = 1;
    }
    *position = (uint32_t)((writer->at - 1) / strings_each);
    return *position == span;
}

static bool put_map(struct rdb_writer *writer) {
    const struct map *map = item_value(writer->item);
    uint32_t position;
    if (next_of_table(writer, map_span(map), 2, &position)) return true;
    struct map_pair pair;
    bool there = map_at(map, position, &pair);
    CHECK(there);
    put_string(writer, writer->at % 2 == 1 ? pair.field : pair.value);
    return writer->at++ == 2ull * map_span(map);
}

static bool put_set(struct rdb_writer *writer) {
    const struct set *set = item_value(writer->item);
    uint32_t position;
    if (next_of_table(writer, set_span(set), 1, &position)) return true;
    struct bytes member;
    char scratch[NUMBER_TEXT_MAX];
    bool there = set_at(set, position, &member, scratch);
    CHECK(there);
    put_string(writer, member);
    return writer->at++ == set_span(set);
}

/* Each member is followed by its score, which has to wait when the member is long. */
static bool put_sorted_set(struct rdb_writer *writer) {
    const struct sorted_set *set = item_value(writer->item);
    uint32_t position;
    if (next_of_table(writer, sorted_set_span(set), 2, &position)) return true;
    struct sorted_set_entry entry;
    bool there = sorted_set_at(set, position, &entry);
    CHECK(there);
    if (writer->at++ % 2 == 1) {
        put_string(writer, entry.member);
        return false;
    }
    buffer_append(writer->out, &entry.score, sizeof(entry.score));
    return writer->at - 1 == 2ull * sorted_set_span(set);
}

static uint32_t integers_width(const struct integers *integers) {
    int64_t first = integers_at(integers, 0);
    int64_t last = integers_at(integers, integers_count(integers) - 1);
    if (first == (int16_t)first && last == (int16_t)last) return 2;
    return first == (int32_t)first && last == (int32_t)last ? 4 : 8;
}

/* Redis's intset: the width of its values and their number (u32), then the values, ascending. `at`
 * is 1 + how many of a long one have been written. */
static bool put_integers(struct rdb_writer *writer) {
    const struct integers *integers = set_integers(item_value(writer->item));
    uint32_t count = integers_count(integers), width = integers_width(integers);
    bool is_short = count <= INTEGERS_PIECE;
    struct buffer *out = is_short ? &writer->scratch : writer->out;
    if (writer->at == 0) {
        writer->scratch.size = 0;
        if (!is_short) put_length(writer, 8 + (uint64_t)count * width);
        buffer_append_u32(out, width);
        buffer_append_u32(out, count);
        writer->at = 1;
    }
    uint32_t from = (uint32_t)writer->at - 1;
    uint32_t end = count - from <= INTEGERS_PIECE ? count : from + INTEGERS_PIECE;
    for (uint32_t i = from; i < end; i++) {
        int64_t value = integers_at(integers, i);
        buffer_append(out, &value, width);
    }
    writer->at = end + 1ull;
    if (is_short) put_blob(writer, buffer_bytes(out));
    return end == count;
}

/* A quicklist with a node for each block of the queue. */
static bool put_queue(struct rdb_writer *writer) {
    const struct queue *queue = item_value(writer->item);
    struct queue_cursor *cursor = &writer->cursor;
    if (writer->at == 0) {
        put_length(writer, queue_blocks(queue));
        *cursor = queue_seek(queue, 0);
        writer->at = 1;
    }
    struct bytes item = queue_cursor_item(cursor);
    const struct queue_block *block = cursor->block;
    if (item.size >= PLAIN_NODE_MIN) { /* beyond every limit of a block: it is alone in its own */
        put_length(writer, RDB_NODE_PLAIN);
        put_blob(writer, item);
        queue_cursor_step(cursor, QUEUE_TAIL);
        CHECK(cursor->block != block);
        return cursor->block == NULL;
    }
    struct buffer *scratch = &writer->scratch;
    buffer_reserve(scratch, LISTPACK_HEADER_SIZE);
    scratch->size = LISTPACK_HEADER_SIZE;
    uint64_t count = 0;
    for (; cursor->block == block; queue_cursor_step(cursor, QUEUE_TAIL), count++) {
        struct packed_value value = packed_value_of(queue_cursor_item(cursor));
        listpack_append(scratch, &value);
    }
    listpack_write_header(scratch->data, scratch->size - LISTPACK_HEADER_SIZE, count);
    buffer_append_byte(scratch, (char)LISTPACK_END);
    put_length(writer, RDB_NODE_PACKED);
    put_blob(writer, buffer_bytes(scratch));
    return cursor->block == NULL;
}

/* --- keys ------------------------------------------------------------------------------------- */

static const struct form {
    enum rdb_type type;
    bool (*put)(struct rdb_writer *);
} record_form = {RDB_RECORD, put_record}, queue_form = {RDB_LIST_QUICKLIST_2, put_queue},
  set_form = {RDB_SET, put_set}, integers_form = {RDB_SET_INTSET, put_integers},
  map_form = {RDB_HASH, put_map}, packed_map_form = {RDB_HASH_LISTPACK, put_packed_map},
  sorted_set_form = {RDB_ZSET, put_sorted_set},
  packed_sorted_set_form = {RDB_ZSET_LISTPACK, put_packed_sorted_set};

/* No entry becomes three times as long: a double grows most, from 10 bytes to its text's 27. */
_Static_assert(3ull * PACKED_SIZE_MAX < UINT32_MAX, "every packed list fits a listpack");

static const struct form *form_of(const struct item *item) {
    switch ((enum item_type)item->type) {
    case ITEM_RECORD:
        return &record_form;
    case ITEM_QUEUE:
        return &queue_form;
    case ITEM_SET:
        return set_is_integers(item_value(item)) ? &integers_form : &set_form;
    case ITEM_MAP:
        return map_is_packed(item_value(item)) ? &packed_map_form : &map_form;
    case ITEM_SORTED_SET:
        return sorted_set_is_packed(item_value(item)) ? &packed_sorted_set_form : &sorted_set_form;
    case ITEM_STREAM:
        break;
    }
    CHECK(false); /* no other type exists */
}

/* Which records of the next keys are not what their bytes say: see rdb_format.h. */
static void put_forms(struct rdb_writer *writer, const struct table *table) {
    uint32_t left = table_size(table) - writer->position;
    uint32_t count = left < RDB_FORMS_KEYS ? left : RDB_FORMS_KEYS;
    struct buffer *forms = &writer->scratch;
    forms->size = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct item *item = table_at(table, writer->position + i);
        if (item->type != ITEM_RECORD || item->flags & ITEM_INTEGER) continue;
        int64_t integer;
        if (item->flags & ITEM_RAW)
            buffer_append_format(forms, "R%u ", i);
        else if (item->value_size < NUMBER_TEXT_MAX && number_parse_i64(item_text(item), &integer))
            buffer_append_format(forms, "T%u ", i);
    }
    if (forms->size > 0) put_aux(writer, BYTES(RDB_AUX_FORMS), buffer_bytes(forms));
}

static void put_key(struct rdb_writer *writer, const struct item *item) {
    writer->item = item;
    writer->at = 0;
    writer->position++;
    writer->keys++;
    writer->digest = hash_chain(writer->digest, keyspace_item_digest(item));
    if (item->flags & ITEM_DEADLINE) {
        put_byte(writer, RDB_DEADLINE_MS);
        buffer_append_u64(writer->out, (uint64_t)item_deadline_ms(item));
    }
    put_byte(writer, form_of(item)->type);
    put_string(writer, item_key_span(item));
}

/* --- sections: each call is a step and tells whether it was the last ----------------------------
 */

static bool put_head(struct rdb_writer *writer) {
    const struct rdb_write_options *options = &writer->options;
    if (writer->step > 0) {
        uint32_t pair = writer->step - 1;
        if (pair == options->pair_count) return true;
        put_aux(writer, options->pairs[pair].name, options->pairs[pair].value);
        return false;
    }
    const struct storages *storages = writer->storages;
    buffer_append_format(writer->out, "REDIS%04d", RDB_VERSION);
    put_aux(writer, BYTES("redis-ver"), options->redis_version);
    put_aux_number(writer, "redis-bits", 64);
    put_aux_number(writer, "ctime", options->created_s);
    put_aux_number(writer, "used-mem", (int64_t)options->used_memory);
    put_aux(writer, BYTES(RDB_AUX_FORMAT), BYTES(RDB_OUR_FORMAT));
    put_aux_number(writer, RDB_AUX_TIME, storages->now_ms);
    put_aux_digest(writer, RDB_AUX_ROLLING_DIGEST, storages->rolling_digest);
    for (uint32_t i = 0; settings_name(i) != NULL; i++) {
        char name[128];
        int size = snprintf(name, sizeof(name), "%s%s", RDB_AUX_SETTING, settings_name(i));
        CHECK(size > 0 && size < (int)sizeof(name));
        put_aux_number(writer, name, settings_value(&storages->settings, i));
    }
    writer->digest = storages_digest_begin(storages);
    return false;
}

static bool put_emitter(struct rdb_writer *writer) {
    writer->scratch.size = 0;
    if (!emitter_save(writer->storages->emitter, &writer->emitter, &writer->scratch, EMITTER_PIECE))
        return true;
    put_aux(writer, BYTES(RDB_AUX_EMITTER), buffer_bytes(&writer->scratch));
    return false;
}

static void put_database_head(struct rdb_writer *writer, const struct database *database) {
    writer->digest = hash_chain(writer->digest, table_size(database->table));
    if (table_size(database->table) == 0) return;
    put_byte(writer, RDB_SELECT);
    put_length(writer, writer->db);
    put_byte(writer, RDB_RESIZE);
    put_length(writer, table_size(database->table));
    put_length(writer, database->deadlines.count);
}

static bool put_databases(struct rdb_writer *writer) {
    if (writer->item != NULL) {
        if (form_of(writer->item)->put(writer)) writer->item = NULL;
        return false;
    }
    if (writer->db == STORAGES_DATABASES_MAX) return true;
    const struct database *database = &writer->storages->databases[writer->db];
    CHECK(table_span(database->table) == table_size(database->table));
    if (writer->position == 0) put_database_head(writer, database);
    if (writer->position == table_size(database->table)) {
        writer->db++;
        writer->position = 0;
        return false;
    }
    if (writer->position % RDB_FORMS_KEYS == 0) put_forms(writer, database->table);
    put_key(writer, table_at(database->table, writer->position));
    return false;
}

/* What has been put out since the last time enters the checksum. */
static void add_to_sum(struct rdb_writer *writer) {
    struct bytes more =
        bytes_slice(buffer_bytes(writer->out), writer->summed, writer->out->size - writer->summed);
    crc64_add(&writer->crc, more);
    writer->bytes += more.size;
    writer->summed = writer->out->size;
}

static bool put_end(struct rdb_writer *writer) {
    put_aux_digest(writer, RDB_AUX_DIGEST, storages_digest_end(writer->storages, writer->digest));
    put_byte(writer, RDB_EOF);
    add_to_sum(writer);
    buffer_append_u64(writer->out, writer->crc.sum);
    return true;
}

static bool (*const sections[])(struct rdb_writer *) = {put_head, put_emitter, put_databases,
                                                        put_end};

/* --- the writer ------------------------------------------------------------------------------- */

struct rdb_writer *rdb_writer_create(const struct storages *storages,
                                     const struct rdb_write_options *options) {
    struct rdb_writer *writer = memory_allocate_zeroed(sizeof(*writer));
    writer->storages = storages;
    writer->options = *options;
    writer->compress_credits = COMPRESS_CREDITS_MAX;
    crc64_init(&writer->crc);
    return writer;
}

void rdb_writer_destroy(struct rdb_writer *writer) {
    if (writer == NULL) return;
    buffer_clear(&writer->scratch);
    buffer_clear(&writer->compressed);
    memory_release(writer);
}

static void put_rest(struct rdb_writer *writer) {
    struct bytes piece = bytes_slice(writer->rest, 0, STRING_PIECE);
    writer->rest = bytes_slice(writer->rest, piece.size, writer->rest.size);
    buffer_append_bytes(writer->out, piece);
}

bool rdb_writer_next(struct rdb_writer *writer, struct buffer *out, size_t bytes_max) {
    size_t start = out->size;
    writer->out = out;
    writer->summed = start;
    do {
        if (writer->rest.size > 0) {
            put_rest(writer);
        } else if (writer->section == COUNT_OF(sections)) {
            break;
        } else if (sections[writer->section](writer)) {
            writer->section++;
            writer->step = 0;
        } else {
            writer->step++;
        }
    } while (out->size - start < bytes_max);
    add_to_sum(writer);
    writer->out = NULL;
    return writer->section == COUNT_OF(sections) && writer->rest.size == 0;
}

uint64_t rdb_writer_keys(const struct rdb_writer *writer) {
    return writer->keys;
}

uint64_t rdb_writer_bytes(const struct rdb_writer *writer) {
    return writer->bytes;
}
