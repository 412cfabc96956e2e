/* state.h: the inside of struct storages, shared by the files that make it up: life.c (life,
 * running, digests), databases.c (items), keys.c and record.c (their commands). */
#pragma once

#include "base/table.h"
#include "storages/deadlines.h"
#include "storages/settings.h"

struct database {
    struct table *table; /* of struct item */
    struct deadlines deadlines;
};

/* What no command can reach any more and is freed piece by piece: a value, or a whole database,
 * whose items are worked off from the end of its table. */
struct garbage {
    const struct item_class *class;
    void *value;
    struct database database;
    uint32_t remaining; /* positions of its table below this are still to be freed */
};

/* A key whose value was said to have holes. Followed by the key's bytes. */
struct noted_key {
    uint64_t key_size;
    uint64_t db;
};

struct storages {
    struct database databases[STORAGES_DATABASES_MAX];
    int64_t now_ms;
    uint64_t rolling_digest;
    uint32_t unit_databases;  /* a bit for each whose table may have holes */
    struct buffer unit_noted; /* struct noted_key with bytes, one behind the other */
    struct buffer garbage;    /* of struct garbage, a stack */
    uint64_t hash_seed;       /* node-local */
    struct emitter *emitter;  /* subscribers; owned */
    struct storages_settings settings;
    struct storages_statistics statistics; /* node-local */
};

/* An empty table for a database. */
struct table *storages_create_table(const struct storages *storages);
/* The row of a type that is not ITEM_RECORD. */
const struct item_class *storages_class(enum item_type type);

/* --- for the commands on keys and records; LOG only, where they change something ----------------
 */

/* The item under the key, expired or not. */
struct item *keyspace_physical(const struct storages *storages, uint8_t db, struct bytes key);
/* Whether a command may see it; a READ notes the deadline (command_call.deadline_met_ms). */
bool keyspace_item_is_live(struct command_call *call, const struct item *item);

/* Puts a record under the key, absent or present, in its array position. The deadline is removed
 * unless `keep_deadline`. `value` must not lie in the keyspace. */
struct item *keyspace_put_record(struct command_call *call, struct bytes key, struct bytes value,
                                 bool keep_deadline);
/* Change a record found before: item.h's functions, with table and deadlines told. */
struct item *keyspace_set_text(struct command_call *call, struct item *item, struct bytes value,
                               enum item_text kind);
struct item *keyspace_set_integer(struct command_call *call, struct item *item, int64_t value);
struct item *keyspace_resize_text(struct command_call *call, struct item *item, size_t size,
                                  char **text);

/* Moves an item's value and deadline under another key, perhaps in another database; what stood
 * there is destroyed and its array position kept. The old key is gone afterwards. */
void keyspace_move(struct command_call *call, struct item *item, uint8_t db, struct bytes key);
/* Puts a copy of the item's value and deadline there; what stood there is destroyed. */
void keyspace_copy(struct command_call *call, const struct item *item, uint8_t db,
                   struct bytes key);
void keyspace_flush(struct command_call *call, uint8_t db);
void keyspace_swap(struct command_call *call, uint8_t a, uint8_t b);

/* Puts a new item behind all others; a deadline, if it has room for one, is set in it already. The
 * hash is storages_key_hash() of its key. False if its key is there. Notes nothing in the rolling
 * digest: for files. */
bool keyspace_load(struct storages *storages, uint8_t db, struct item *item, uint64_t hash);

/* The full digest in parts, for whoever walks everything anyway: begin, then each database in turn
 * with its size and its items in array order, mixed by hash_chain(), then end. */
uint64_t storages_digest_begin(const struct storages *storages);
uint64_t storages_digest_end(const struct storages *storages, uint64_t digest);
/* Of all contents of the item, in order. */
uint64_t keyspace_item_digest(const struct item *item);
/* Detaches what could be freed in one go too slowly, frees the rest. */
void keyspace_release(struct storages *storages, struct item *item);
/* Deletes an item that has expired. */
void keyspace_expire_item(struct storages *storages, uint8_t db, struct item *item);
