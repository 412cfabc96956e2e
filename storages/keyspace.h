/* keyspace.h: the 16 databases of keys and values: what commands open, create, change and delete.
 *
 * Each database is a dense table (base/table.h) of items. An item is one allocation: an 8-byte
 * header, an optional deadline, the key, then a small value itself or a pointer to a larger one.
 *
 * Expiry: a key whose deadline is not after the log time (the last applied stamp) is absent, for
 * writes and reads alike; only the log expires. A write deletes such a key when it meets it, a
 * read leaves it and answers as if it were absent.
 *
 * Ownership: the keyspace owns items and values. Spans passed in are copied; spans handed out are
 * valid until the item next changes. Every change goes through keyspace_changed(), which feeds the
 * rolling digest (SAFETY 23). */
#pragma once

#include "storages/command.h"

/* Values of up to this many elements are freed at once, larger ones in pieces. */
enum { KEYSPACE_FREE_AT_ONCE = 64 };

struct table;
struct item; /* one key with its value; see databases.c for the layout */

enum item_type {
    ITEM_RECORD = 1, /* "string" */
    ITEM_QUEUE,      /* "list" */
    ITEM_SET,        /* "set" */
    ITEM_SORTED_SET, /* "zset" */
    ITEM_MAP,        /* "hash" */
    ITEM_STREAM,     /* "stream": no commands yet */
};

/* What an aggregate type tells the keyspace about its values: one row per type, in the type's own
 * file, collected in life.c (classes, families). The value of an aggregate is one pointer. */
struct item_class {
    enum item_type type;
    const char *name; /* TYPE's answer */
    void (*destroy)(void *value);
    /* Frees at most *budget elements and takes their number off *budget; true when the value is
     * gone altogether. Values of more than KEYSPACE_FREE_AT_ONCE elements are freed by this, a
     * piece after each command, when no command can reach them any more. NULL: destroy does it. */
    bool (*destroy_some)(void *value, uint64_t *budget);
    /* Fills the holes a table in the value may have (table_fill_holes): called at the end of an
     * atomic unit for items that were named to keyspace_note_holes(). NULL: never has holes. */
    void (*fill_holes)(void *value);
    void *(*copy)(const void *value); /* an equal value in the same encoding and order: COPY */
    /* Digest of all contents in array order, with the encoding. Pure and seed-free. */
    uint64_t (*digest)(const void *value);
    const char *(*encoding)(const void *value); /* OBJECT ENCODING */
    size_t (*memory)(const void *value);        /* MEMORY USAGE, bytes */
    uint64_t (*effort)(const void *value);      /* elements: large ones are freed in pieces */
    /* The table that finds an element by its hash, if there is one: for prefetches. NULL: never. */
    const struct table *(*elements)(const void *value);
    void (*check)(const void *value); /* invariants; tests */
};

/* --- looking up ---------------------------------------------------------------------------- */

/* The live item or NULL. For reads and writes alike: never changes the keyspace. */
struct item *keyspace_find(struct command_call *call, struct bytes key);
/* As keyspace_find, but an item of another type answers WRONGTYPE and sets *wrong_type. */
struct item *keyspace_find_typed(struct command_call *call, struct bytes key, enum item_type type,
                                 bool *wrong_type);

/* The aggregate value at this key, or NULL when absent or after WRONGTYPE (then *wrong_type). */
void *keyspace_open(struct command_call *call, struct bytes key, enum item_type type,
                    bool *wrong_type);

/* --- items --------------------------------------------------------------------------------- */

enum item_type item_type(const struct item *item);
struct bytes item_key(const struct item *item);
int64_t item_deadline_ms(const struct item *item); /* -1: none */
/* The aggregate's value; requires a type other than ITEM_RECORD. */
void *item_value(const struct item *item);

/* --- changing (LOG commands only) ------------------------------------------------------------ */

/* Creates the key, which must be absent, with this aggregate value; the keyspace owns it now. An
 * expired item under this key is deleted first (as after keyspace_find gave NULL). */
struct item *keyspace_add(struct command_call *call, struct bytes key, enum item_type type,
                          void *value);
/* Puts a value under the key, absent or present, in its array position (SAFETY 25); an old value
 * of any type is destroyed; the deadline is removed. */
struct item *keyspace_put(struct command_call *call, struct bytes key, enum item_type type,
                          void *value);
/* Deletes; false if absent. */
bool keyspace_delete(struct command_call *call, struct bytes key);
/* Deletes an item found before: an aggregate that became empty. */
void keyspace_delete_item(struct command_call *call, struct item *item);
/* Sets or (-1) removes the deadline; the item may move: the new address is returned. */
struct item *keyspace_set_deadline(struct command_call *call, struct item *item,
                                   int64_t deadline_ms);

/* Says that the item's value has holes (table_remove_leaving_hole): its class's fill_holes is
 * called at the end of the atomic unit, a command or a MULTI group (SAFETY 25). */
void keyspace_note_holes(struct command_call *call, struct item *item);

/* Notes a change: `event` is the keyspace event's name ("hset"), a static string; `detail` a number
 * that the command computed (new size, new sum, hash of new bytes that are not its arguments: those
 * are covered by the hash of the batch). Command, event and detail enter the rolling digest. Called
 * once per changed key and event by the command. */
void keyspace_changed(struct command_call *call, struct bytes key, const char *event,
                      uint64_t detail);
