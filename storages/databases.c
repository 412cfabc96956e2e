/* databases.c: the keyspace: finding, adding, replacing and deleting items; what stands where, and
 * the digest of every structural change.
 *
 * Deleting leaves a hole until the atomic unit ends (storages_unit_end), so that a key that is
 * deleted and added again within one unit keeps its position (SAFETY 25). An overwrite replaces
 * the item in its position. An item that grows may move in memory: item_moved() then tells the
 * table and the heap of deadlines. */
#include "base/hash.h"
#include "storages/state.h"
#include "storages/storages.h"

/* What a structural change was, in the rolling digest. */
enum change {
    CHANGE_ADD = 1,
    CHANGE_REPLACE,
    CHANGE_DELETE,
    CHANGE_EXPIRE,
    CHANGE_DEADLINE,
    CHANGE_FLUSH,
    CHANGE_SWAP
};

static void mix_change(struct storages *storages, enum change change, uint8_t db, uint64_t value) {
    uint64_t what = (uint64_t)change << 8 | db;
    storages_mix_digest(storages, hash_chain(what, value));
}

/* --- looking up ----------------------------------------------------------------------------- */

static struct database *call_database(const struct command_call *call) {
    return &call->storages->databases[call->db];
}

struct item *keyspace_physical(const struct storages *storages, uint8_t db, struct bytes key) {
    return table_get(storages->databases[db].table, key);
}

static bool item_has_expired(const struct storages *storages, const struct item *item) {
    return item->flags & ITEM_DEADLINE && item_expiry(item)->deadline_ms <= storages->now_ms;
}

bool keyspace_item_is_live(struct command_call *call, const struct item *item) {
    if (LIKELY(!(item->flags & ITEM_DEADLINE))) return true;
    int64_t deadline_ms = item_expiry(item)->deadline_ms;
    if (deadline_ms <= call->storages->now_ms) return false;
    if (call->deadline_met_ms == 0 || deadline_ms < call->deadline_met_ms)
        call->deadline_met_ms = deadline_ms;
    return true;
}

struct item *keyspace_find(struct command_call *call, struct bytes key) {
    struct storages_statistics *statistics = &call->storages->statistics;
    struct item *item = table_get(call_database(call)->table, key);
    if (item != NULL && !keyspace_item_is_live(call, item)) item = NULL;
    if (call->command->place == COMMAND_READ) {
        statistics->keyspace_hits += item != NULL;
        statistics->keyspace_misses += item == NULL;
    }
    return item;
}

struct item *keyspace_find_typed(struct command_call *call, struct bytes key, enum item_type type,
                                 bool *wrong_type) {
    struct item *item = keyspace_find(call, key);
    *wrong_type = item != NULL && item->type != type;
    if (!*wrong_type) return item;
    reply_error(call->reply, REPLY_WRONG_TYPE);
    return NULL;
}

void *keyspace_open(struct command_call *call, struct bytes key, enum item_type type,
                    bool *wrong_type) {
    struct item *item = keyspace_find_typed(call, key, type, wrong_type);
    return item == NULL ? NULL : item_value(item);
}

/* --- items ---------------------------------------------------------------------------------- */

enum item_type item_type(const struct item *item) {
    return item->type;
}

struct bytes item_key(const struct item *item) {
    return item_key_span(item);
}

int64_t item_deadline_ms(const struct item *item) {
    return item->flags & ITEM_DEADLINE ? item_expiry(item)->deadline_ms : -1;
}

void *item_value(const struct item *item) {
    CHECK(item->type != ITEM_RECORD);
    return (void *)(uintptr_t)item_word(item);
}

static uint64_t record_digest(const struct item *item) {
    if (item->flags & ITEM_INTEGER) return hash_chain(1, item_word(item));
    return hash_bytes(item_text(item), item->flags & ITEM_RAW ? 3 : 2);
}

uint64_t keyspace_item_digest(const struct item *item) {
    uint64_t digest = hash_bytes(item_key_span(item), item->type);
    digest = hash_chain(digest, (uint64_t)item_deadline_ms(item));
    uint64_t content = item->type == ITEM_RECORD
                           ? record_digest(item)
                           : storages_class(item->type)->digest(item_value(item));
    return hash_chain(digest, content);
}

/* --- destroying ----------------------------------------------------------------------------- */

void keyspace_release(struct storages *storages, struct item *item) {
    if (item->type != ITEM_RECORD) {
        const struct item_class *class = storages_class(item->type);
        void *value = item_value(item);
        if (class->destroy_some != NULL && class->effort(value) > KEYSPACE_FREE_AT_ONCE) {
            struct garbage garbage = {.class = class, .value = value};
            buffer_append(&storages->garbage, &garbage, sizeof(garbage));
        } else {
            class->destroy(value);
        }
    }
    item_destroy(item);
}

static void drop_from_deadlines(struct database *database, struct item *item) {
    if (item->flags & ITEM_DEADLINE) deadlines_remove(&database->deadlines, item);
}

/* Takes the item out of its database: the caller owns it now. */
static void unlink_item(struct storages *storages, uint8_t db, struct item *item,
                        enum change change) {
    struct database *database = &storages->databases[db];
    uint64_t hash = table_hash(database->table, item_key_span(item));
    uint32_t position = table_position(database->table, item, hash);
    CHECK(position != TABLE_NONE);
    drop_from_deadlines(database, item);
    table_remove_leaving_hole(database->table, position);
    storages->unit_databases |= 1u << db;
    mix_change(storages, change, db, position);
}

static void delete_item(struct storages *storages, uint8_t db, struct item *item,
                        enum change change) {
    unlink_item(storages, db, item, change);
    keyspace_release(storages, item);
}

void keyspace_expire_item(struct storages *storages, uint8_t db, struct item *item) {
    CHECK(item_has_expired(storages, item));
    storages->statistics.expired_keys++;
    delete_item(storages, db, item, CHANGE_EXPIRE);
}

void keyspace_delete_item(struct command_call *call, struct item *item) {
    delete_item(call->storages, call->db, item, CHANGE_DELETE);
}

bool keyspace_delete(struct command_call *call, struct bytes key) {
    struct item *item = keyspace_physical(call->storages, call->db, key);
    if (item == NULL) return false;
    if (item_has_expired(call->storages, item)) {
        keyspace_expire_item(call->storages, call->db, item);
        return false;
    }
    keyspace_delete_item(call, item);
    return true;
}

/* --- adding and replacing ------------------------------------------------------------------- */

/* Puts an item without deadline where its key stands, or appends it. */
static void put_item(struct storages *storages, uint8_t db, struct item *item) {
    struct database *database = &storages->databases[db];
    struct bytes key = item_key_span(item);
    uint64_t hash = table_hash(database->table, key);
    uint32_t position = table_find_hashed(database->table, key, hash);
    if (position == TABLE_NONE) {
        position = table_add_hashed(database->table, item, hash);
        mix_change(storages, CHANGE_ADD, db, position);
        return;
    }
    struct item *old = table_at(database->table, position);
    if (item_has_expired(storages, old)) storages->statistics.expired_keys++;
    drop_from_deadlines(database, old);
    table_replace(database->table, position, item);
    keyspace_release(storages, old);
    mix_change(storages, CHANGE_REPLACE, db, position);
}

bool keyspace_load(struct storages *storages, uint8_t db, struct item *item, uint64_t hash) {
    struct database *database = &storages->databases[db];
    if (table_find_hashed(database->table, item_key_span(item), hash) != TABLE_NONE) return false;
    table_add_hashed(database->table, item, hash);
    if (item->flags & ITEM_DEADLINE) deadlines_add(&database->deadlines, item);
    return true;
}

struct item *keyspace_put(struct command_call *call, struct bytes key, enum item_type type,
                          void *value) {
    struct item *item = item_create(key, type, ITEM_WORD, (uintptr_t)value, (struct bytes){0});
    put_item(call->storages, call->db, item);
    return item;
}

struct item *keyspace_add(struct command_call *call, struct bytes key, enum item_type type,
                          void *value) {
    struct item *old = keyspace_physical(call->storages, call->db, key);
    CHECK(old == NULL || item_has_expired(call->storages, old));
    return keyspace_put(call, key, type, value);
}

/* The item was at `old`, an address that may be dead, and is the same entry at `item` now. */
static struct item *item_moved(struct database *database, const struct item *old,
                               struct item *item) {
    if (old == item) return item;
    uint64_t hash = table_hash(database->table, item_key_span(item));
    uint32_t position = table_position(database->table, old, hash);
    CHECK(position != TABLE_NONE);
    table_replace(database->table, position, item);
    if (item->flags & ITEM_DEADLINE) deadlines_moved(&database->deadlines, item);
    return item;
}

struct item *keyspace_set_text(struct command_call *call, struct item *item, struct bytes value,
                               enum item_text kind) {
    struct item *old = item;
    return item_moved(call_database(call), old, item_set_text(item, value, kind));
}

struct item *keyspace_set_integer(struct command_call *call, struct item *item, int64_t value) {
    struct item *old = item;
    return item_moved(call_database(call), old, item_set_integer(item, value));
}

struct item *keyspace_resize_text(struct command_call *call, struct item *item, size_t size,
                                  char **text) {
    struct item *old = item;
    return item_moved(call_database(call), old, item_resize_text(item, size, text));
}

struct item *keyspace_put_record(struct command_call *call, struct bytes key, struct bytes value,
                                 bool keep_deadline) {
    struct storages *storages = call->storages;
    struct database *database = call_database(call);
    uint64_t hash = table_hash(database->table, key);
    uint32_t position = table_find_hashed(database->table, key, hash);
    if (position == TABLE_NONE) {
        struct item *item = item_create_record(key, value, 0);
        position = table_add_hashed(database->table, item, hash);
        mix_change(storages, CHANGE_ADD, call->db, position);
        return item;
    }
    struct item *item = table_at(database->table, position), *old = item;
    bool expired = item_has_expired(storages, item);
    storages->statistics.expired_keys += expired;
    mix_change(storages, CHANGE_REPLACE, call->db, position);
    if (item->type == ITEM_RECORD) {
        if (item->flags & ITEM_DEADLINE && (expired || !keep_deadline)) {
            deadlines_remove(&database->deadlines, item);
            item = item_drop_deadline(item);
        }
        item = item_set_text(item, value, ITEM_TEXT_ENCODED);
        if (item != old) {
            table_replace(database->table, position, item);
            if (item->flags & ITEM_DEADLINE) deadlines_moved(&database->deadlines, item);
        }
        return item;
    }
    int64_t deadline_ms = expired || !keep_deadline ? -1 : item_deadline_ms(item);
    drop_from_deadlines(database, old);
    item = item_create_record(key, value, 0);
    table_replace(database->table, position, item);
    keyspace_release(storages, old);
    return deadline_ms < 0 ? item : keyspace_set_deadline(call, item, deadline_ms);
}

/* --- deadlines ------------------------------------------------------------------------------ */

static struct item *set_deadline(struct storages *storages, uint8_t db, struct item *item,
                                 int64_t deadline_ms) {
    struct database *database = &storages->databases[db];
    struct item *old = item;
    mix_change(storages, CHANGE_DEADLINE, db, (uint64_t)deadline_ms);
    if (deadline_ms < 0) {
        if (!(item->flags & ITEM_DEADLINE)) return item;
        deadlines_remove(&database->deadlines, item);
        return item_moved(database, old, item_drop_deadline(item));
    }
    if (item->flags & ITEM_DEADLINE) {
        deadlines_change(&database->deadlines, item, deadline_ms);
        return item;
    }
    item = item_make_deadline(item);
    item_expiry(item)->deadline_ms = deadline_ms;
    deadlines_add(&database->deadlines, item);
    return item_moved(database, old, item);
}

struct item *keyspace_set_deadline(struct command_call *call, struct item *item,
                                   int64_t deadline_ms) {
    return set_deadline(call->storages, call->db, item, deadline_ms);
}

/* --- holes inside values -------------------------------------------------------------------- */

static void note_holes(struct storages *storages, uint8_t db, struct bytes key) {
    struct noted_key noted = {.key_size = key.size, .db = db};
    buffer_append(&storages->unit_noted, &noted, sizeof(noted));
    buffer_append_bytes(&storages->unit_noted, key);
}

void keyspace_note_holes(struct command_call *call, struct item *item) {
    note_holes(call->storages, call->db, item_key_span(item));
}

/* Two databases changed places. */
static void swap_noted(struct storages *storages, uint8_t a, uint8_t b) {
    struct noted_key noted;
    for (size_t at = 0; at < storages->unit_noted.size; at += sizeof(noted) + noted.key_size) {
        memcpy(&noted, storages->unit_noted.data + at, sizeof(noted));
        if (noted.db == a || noted.db == b) noted.db ^= (uint64_t)(a ^ b);
        memcpy(storages->unit_noted.data + at, &noted, sizeof(noted));
    }
}

/* --- whole keys ----------------------------------------------------------------------------- */

static void put_with_deadline(struct storages *storages, uint8_t db, struct item *item,
                              int64_t deadline_ms) {
    put_item(storages, db, item);
    if (deadline_ms >= 0) set_deadline(storages, db, item, deadline_ms);
}

void keyspace_move(struct command_call *call, struct item *item, uint8_t db, struct bytes key) {
    int64_t deadline_ms = item_deadline_ms(item);
    unlink_item(call->storages, call->db, item, CHANGE_DELETE);
    struct item *moved = item_take_value(item, key);
    item_destroy(item);
    /* Holes that the value got earlier in this unit have come along. */
    if (call->in_group && moved->type != ITEM_RECORD) note_holes(call->storages, db, key);
    put_with_deadline(call->storages, db, moved, deadline_ms);
}

void keyspace_copy(struct command_call *call, const struct item *item, uint8_t db,
                   struct bytes key) {
    struct item *copy;
    unsigned kept_flags = item->flags & (ITEM_INTEGER | ITEM_WORD | ITEM_RAW);
    if (item->type != ITEM_RECORD) {
        void *value = storages_class(item->type)->copy(item_value(item));
        copy = item_create(key, item->type, ITEM_WORD, (uintptr_t)value, (struct bytes){0});
    } else if (item->flags & ITEM_INTEGER) {
        copy = item_create(key, ITEM_RECORD, kept_flags, item_word(item), (struct bytes){0});
    } else {
        copy = item_create_text(key, item_text(item), item->flags & ITEM_RAW);
    }
    put_with_deadline(call->storages, db, copy, item_deadline_ms(item));
}

void keyspace_flush(struct command_call *call, uint8_t db) {
    struct storages *storages = call->storages;
    struct database *database = &storages->databases[db];
    mix_change(storages, CHANGE_FLUSH, db, table_size(database->table));
    struct garbage garbage = {.database = *database, .remaining = table_span(database->table)};
    buffer_append(&storages->garbage, &garbage, sizeof(garbage));
    *database = (struct database){0};
    database->table = storages_create_table(storages);
}

void keyspace_swap(struct command_call *call, uint8_t a, uint8_t b) {
    struct storages *storages = call->storages;
    struct database swapped = storages->databases[a];
    storages->databases[a] = storages->databases[b];
    storages->databases[b] = swapped;
    uint32_t bit_a = storages->unit_databases >> a & 1, bit_b = storages->unit_databases >> b & 1;
    if (bit_a != bit_b) storages->unit_databases ^= 1u << a | 1u << b;
    swap_noted(storages, a, b);
    mix_change(storages, CHANGE_SWAP, a, b);
}

/* --- noting changes ------------------------------------------------------------------------- */

void keyspace_changed(struct command_call *call, struct bytes key, const char *event,
                      uint64_t detail) {
    struct storages *storages = call->storages;
    storages->statistics.changes++;
    uint64_t what = (uint64_t)call->command->id << 16 | (uint64_t)call->db << 8 | (uint8_t)event[0];
    storages_mix_digest(storages, hash_chain(hash_bytes(key, what), detail));
}
