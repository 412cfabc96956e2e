/* life.c: the life of a node's replicated state, the end of an atomic unit, expiry, freeing in
 * pieces, digests; and the two tables in which a new type or family is listed. */
#include "storages/storages.h"

#include <stddef.h>

#include "base/hash.h"
#include "base/memory.h"
#include "storages/command_docs.h"
#include "storages/emitter_internal.h"
#include "storages/keys.h"
#include "storages/map.h"
#include "storages/queue.h"
#include "storages/record.h"
#include "storages/set.h"
#include "storages/settings_commands.h"
#include "storages/sorted_set_commands.h"
#include "storages/state.h"

/* --- what there is -------------------------------------------------------------------------- */

/* The types whose values are pointers. A new type adds its row here, its family below. */
static const struct item_class *const item_classes[ITEM_STREAM + 1] = {
    [ITEM_RECORD] = NULL, /* its bytes stand in the item */
    [ITEM_QUEUE] = &queue_class, [ITEM_SET] = &set_class, [ITEM_SORTED_SET] = &sorted_set_class,
    [ITEM_MAP] = &map_class,
};

static const struct command_family *const families[] = {
    &command_family,     &emitter_family,
    &key_family,         &map_family,
    &queue_family,       &record_family,
    &set_algebra_family, &set_family,
    &settings_family,    &sorted_set_algebra_family,
    &sorted_set_family,  &sorted_set_range_family,
};

void storages_register(struct command_registry *registry) {
    for (size_t i = 0; i < COUNT_OF(families); i++)
        command_registry_add(registry, families[i]);
}

const struct item_class *storages_class(enum item_type type) {
    CHECK(type < COUNT_OF(item_classes) && item_classes[type] != NULL);
    return item_classes[type];
}

/* --- life ----------------------------------------------------------------------------------- */

static const struct storages_settings default_settings = {
    .hash_max_listpack_entries = 512,
    .hash_max_listpack_value = 64,
    .set_max_intset_entries = 512,
    .zset_max_listpack_entries = 128,
    .zset_max_listpack_value = 64,
    .list_max_listpack_size = -2,
    .databases = STORAGES_DATABASES_MAX,
    .proto_max_bulk_len = 512ll * 1024 * 1024,
};

static struct bytes table_key(const void *item) {
    return item_key_span(item);
}

struct table *storages_create_table(const struct storages *storages) {
    return table_create(table_key, storages->hash_seed);
}

struct storages *storages_create(uint64_t hash_seed) {
    struct storages *storages = memory_allocate_zeroed(sizeof(*storages));
    storages->hash_seed = hash_seed;
    storages->settings = default_settings;
    for (unsigned db = 0; db < STORAGES_DATABASES_MAX; db++)
        storages->databases[db].table = storages_create_table(storages);
    storages->emitter = emitter_create(storages, hash_seed);
    return storages;
}

void storages_destroy(struct storages *storages) {
    if (storages == NULL) return;
    for (unsigned db = 0; db < STORAGES_DATABASES_MAX; db++) {
        struct database *database = &storages->databases[db];
        for (uint32_t i = 0; i < table_span(database->table); i++) {
            struct item *item = table_at(database->table, i);
            if (item != NULL) keyspace_release(storages, item);
        }
        table_destroy(database->table);
        deadlines_clear(&database->deadlines);
    }
    storages_free_some(storages, UINT64_MAX);
    emitter_destroy(storages->emitter);
    buffer_clear(&storages->unit_noted);
    buffer_clear(&storages->garbage);
    memory_release(storages);
}

struct emitter *storages_emitter(struct storages *storages) {
    return storages->emitter;
}

uint64_t storages_hash_seed(const struct storages *storages) {
    return storages->hash_seed;
}

struct storages_settings *storages_settings(struct storages *storages) {
    return &storages->settings;
}

struct storages_statistics *storages_statistics(struct storages *storages) {
    return &storages->statistics;
}

/* --- log time and expiry -------------------------------------------------------------------- */

int64_t storages_now_ms(const struct storages *storages) {
    return storages->now_ms;
}

void storages_set_now(struct storages *storages, int64_t now_ms) {
    if (now_ms > storages->now_ms) storages->now_ms = now_ms;
}

/* The database whose first deadline is the earliest; the lowest of several. */
static unsigned earliest_database(const struct storages *storages, int64_t *deadline_ms) {
    unsigned earliest = 0;
    *deadline_ms = INT64_MAX;
    for (unsigned db = 0; db < STORAGES_DATABASES_MAX; db++) {
        const struct item *item = deadlines_first(&storages->databases[db].deadlines);
        if (item == NULL || item_expiry(item)->deadline_ms >= *deadline_ms) continue;
        *deadline_ms = item_expiry(item)->deadline_ms;
        earliest = db;
    }
    return earliest;
}

uint64_t storages_expire(struct storages *storages, uint64_t max) {
    uint64_t expired = 0;
    for (; expired < max; expired++) {
        int64_t deadline_ms;
        unsigned db = earliest_database(storages, &deadline_ms);
        if (deadline_ms > storages->now_ms) break;
        keyspace_expire_item(storages, (uint8_t)db,
                             deadlines_first(&storages->databases[db].deadlines));
    }
    storages_unit_end(storages);
    return expired;
}

int64_t storages_next_deadline_ms(const struct storages *storages) {
    int64_t deadline_ms;
    earliest_database(storages, &deadline_ms);
    return deadline_ms;
}

/* --- running -------------------------------------------------------------------------------- */

uint64_t storages_key_hash(const struct storages *storages, struct bytes key) {
    return hash_bytes(key, storages->hash_seed);
}

static void prefetch_stage(const struct table *table, uint64_t hash, unsigned stage) {
    if (stage == 0) table_prefetch(table, hash);
    if (stage == 1) table_prefetch_slot(table, hash);
    if (stage == 2) table_prefetch_entry(table, hash);
}

void storages_prefetch(const struct storages *storages, uint8_t db, uint64_t hash, unsigned stage) {
    prefetch_stage(storages->databases[db].table, hash, stage);
}

/* All tables of a storages have one seed, so one hash does whichever value it turns out to be. */
void storages_prefetch_element(const struct storages *storages, uint8_t db, uint64_t key_hash,
                               uint64_t element_hash, unsigned stage) {
    const struct item *item = table_guess(storages->databases[db].table, key_hash);
    if (item == NULL || item->type == ITEM_RECORD) return;
    const struct item_class *class = item_classes[item->type];
    const struct table *table = class->elements == NULL ? NULL : class->elements(item_value(item));
    if (table != NULL) prefetch_stage(table, element_hash, stage);
}

/* Elements that are freed after each command while there is garbage: a few dozen microseconds. */
static const uint64_t free_elements_per_command = 256;

void storages_run(struct command_call *call) {
    struct storages *storages = call->storages;
    /* RAFT SET may have taken away the database that the client had selected: empty as it is, it
     * has to stay so. */
    if (UNLIKELY(call->db >= storages->settings.databases) && call->command->key_flags != NULL) {
        reply_error(call->reply, "ERR DB index is out of range");
        return;
    }
    call->command->run(call);
    if (call->command->place != COMMAND_LOG) return;
    if (!call->in_group) storages_unit_end(storages);
    if (UNLIKELY(storages->garbage.size > 0))
        storages_free_some(storages, free_elements_per_command);
}

static void fill_noted_holes(struct storages *storages) {
    struct noted_key noted;
    struct buffer *list = &storages->unit_noted;
    for (size_t at = 0; at < list->size; at += sizeof(noted) + noted.key_size) {
        memcpy(&noted, list->data + at, sizeof(noted));
        struct bytes key = {list->data + at + sizeof(noted), noted.key_size};
        struct item *item = keyspace_physical(storages, (uint8_t)noted.db, key);
        if (item == NULL || item->type == ITEM_RECORD) continue;
        const struct item_class *class = storages_class(item->type);
        if (class->fill_holes != NULL) class->fill_holes(item_value(item));
    }
    list->size = 0;
    buffer_trim(list);
}

void storages_unit_end(struct storages *storages) {
    if (UNLIKELY(storages->unit_noted.size > 0)) fill_noted_holes(storages);
    for (; storages->unit_databases != 0; storages->unit_databases &= storages->unit_databases - 1)
        table_fill_holes(storages->databases[__builtin_ctz(storages->unit_databases)].table);
}

/* --- freeing in pieces ---------------------------------------------------------------------- */

/* True when nothing is left of it. */
static bool free_database(struct storages *storages, struct garbage *garbage, uint64_t *budget) {
    struct database *database = &garbage->database;
    for (; garbage->remaining > 0 && *budget > 0; (*budget)--) {
        struct item *item = table_at(database->table, --garbage->remaining);
        if (item != NULL) keyspace_release(storages, item);
    }
    return garbage->remaining == 0 && deadlines_clear_some(&database->deadlines, budget) &&
           table_destroy_some(database->table, budget);
}

/* Works on the newest garbage, taking it off the list when done. */
static void free_newest(struct storages *storages, uint64_t *budget) {
    struct garbage garbage;
    size_t at = storages->garbage.size - sizeof(garbage);
    memcpy(&garbage, storages->garbage.data + at, sizeof(garbage));
    if (garbage.class != NULL) {
        if (garbage.class->destroy_some(garbage.value, budget)) storages->garbage.size = at;
        return;
    }
    /* Items may put their own values on the list: so the database leaves it for the time being. */
    storages->garbage.size = at;
    if (free_database(storages, &garbage, budget)) return;
    buffer_append(&storages->garbage, &garbage, sizeof(garbage));
}

bool storages_free_some(struct storages *storages, uint64_t budget) {
    while (storages->garbage.size > 0 && budget > 0)
        free_newest(storages, &budget);
    return storages->garbage.size > 0;
}

void storages_take_garbage(struct storages *storages, struct storages *old) {
    buffer_append_bytes(&storages->garbage, buffer_bytes(&old->garbage));
    old->garbage.size = 0;
    for (unsigned db = 0; db < STORAGES_DATABASES_MAX; db++) {
        struct database *database = &old->databases[db];
        struct garbage garbage = {.database = *database, .remaining = table_span(database->table)};
        buffer_append(&storages->garbage, &garbage, sizeof(garbage));
        *database = (struct database){.table = storages_create_table(old)};
    }
    storages_destroy(old);
}

/* --- digests -------------------------------------------------------------------------------- */

uint64_t storages_rolling_digest(const struct storages *storages) {
    return storages->rolling_digest;
}

void storages_mix_digest(struct storages *storages, uint64_t value) {
    storages->rolling_digest = hash_chain(storages->rolling_digest, value);
}

uint64_t storages_digest_begin(const struct storages *storages) {
    CHECK(storages->unit_databases == 0); /* no holes: not inside an atomic unit */
    const struct storages_settings *settings = &storages->settings;
    /* Settings that came later count where they were ever set: older files keep their digest. */
    size_t size = offsetof(struct storages_settings, raft_heartbeat_interval);
    uint64_t digest = hash_bytes(bytes_of(settings, size), 1);
    if (settings->raft_heartbeat_interval != 0 || settings->raft_election_timeout != 0) {
        digest = hash_chain(digest, (uint64_t)settings->raft_heartbeat_interval);
        digest = hash_chain(digest, (uint64_t)settings->raft_election_timeout);
    }
    return hash_chain(digest, (uint64_t)storages->now_ms);
}

uint64_t storages_digest_end(const struct storages *storages, uint64_t digest) {
    return hash_chain(digest, emitter_digest(storages->emitter));
}

uint64_t storages_digest(const struct storages *storages) {
    uint64_t digest = storages_digest_begin(storages);
    for (unsigned db = 0; db < STORAGES_DATABASES_MAX; db++) {
        const struct table *table = storages->databases[db].table;
        digest = hash_chain(digest, table_size(table));
        for (uint32_t i = 0; i < table_size(table); i++)
            digest = hash_chain(digest, keyspace_item_digest(table_at(table, i)));
    }
    return storages_digest_end(storages, digest);
}

/* --- looking at it -------------------------------------------------------------------------- */

uint64_t storages_db_size(const struct storages *storages, uint8_t db) {
    return table_size(storages->databases[db].table);
}

uint64_t storages_db_expires(const struct storages *storages, uint8_t db) {
    return storages->databases[db].deadlines.count;
}

int64_t storages_db_average_ttl_ms(const struct storages *storages, uint8_t db) {
    const struct deadlines *deadlines = &storages->databases[db].deadlines;
    if (deadlines->count == 0) return 0;
    /* The differences fit 64 bits although the deadlines' sum may not. */
    uint64_t now_ms = (uint64_t)storages->now_ms;
    int64_t left_ms = (int64_t)(deadlines->sum_ms - now_ms * deadlines->count);
    return left_ms < 0 ? 0 : left_ms / deadlines->count;
}

size_t storages_memory(const struct storages *storages) {
    size_t size = sizeof(*storages);
    for (unsigned db = 0; db < STORAGES_DATABASES_MAX; db++) {
        size += table_memory(storages->databases[db].table);
        size += deadlines_memory(&storages->databases[db].deadlines);
    }
    return size;
}

static void check_item(const struct item *item) {
    if (item->type == ITEM_RECORD) {
        CHECK(!(item->flags & ITEM_INTEGER) || item->flags & ITEM_WORD);
        return;
    }
    CHECK(item->flags & ITEM_WORD);
    const struct item_class *class = storages_class(item->type);
    CHECK(class->effort(item_value(item)) > 0); /* an empty collection is no key */
    class->check(item_value(item));
}

void storages_check(struct storages *storages) {
    CHECK(storages->unit_databases == 0);
    emitter_check(storages->emitter);
    for (unsigned db = 0; db < STORAGES_DATABASES_MAX; db++) {
        const struct database *database = &storages->databases[db];
        table_check(database->table);
        deadlines_check(&database->deadlines);
        CHECK(table_size(database->table) == table_span(database->table));
        uint32_t with_deadline = 0;
        for (uint32_t i = 0; i < table_size(database->table); i++) {
            const struct item *item = table_at(database->table, i);
            with_deadline += item->flags & ITEM_DEADLINE;
            check_item(item);
        }
        CHECK(with_deadline == database->deadlines.count);
    }
}
