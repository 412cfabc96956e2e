/* storages.h: the whole replicated state of a node: databases, emitter, digests.
 *
 * Pure and deterministic: equal calls in equal order give equal storages on every node, byte for
 * byte in storages_digest(). Owned by the replica; commands reach it through their call. */
#pragma once

#include "storages/keyspace.h"

enum { STORAGES_DATABASES_MAX = 16 };

/* Encoding thresholds and the like: cluster-wide, changed by log entries only. Sizes in bytes. */
struct storages_settings {
    int64_t hash_max_listpack_entries, hash_max_listpack_value;
    int64_t set_max_intset_entries;
    int64_t zset_max_listpack_entries, zset_max_listpack_value;
    int64_t list_max_listpack_size; /* as in Redis: negative -1..-5 are sizes, positive counts */
    int64_t databases;
    int64_t proto_max_bulk_len; /* bytes: the largest string APPEND and SETRANGE may make */
};

struct storages_statistics { /* node-local, outside digest: INFO */
    uint64_t keyspace_hits, keyspace_misses, expired_keys;
};

struct storages *storages_create(uint64_t hash_seed); /* settings: Redis 7.0's defaults */
void storages_destroy(struct storages *storages);

struct storages_settings *storages_settings(struct storages *storages);
struct storages_statistics *storages_statistics(struct storages *storages);

/* --- log time ------------------------------------------------------------------------------ */

int64_t storages_now_ms(const struct storages *storages);
/* Moves log time forward (an entry's stamp); never back. */
void storages_set_now(struct storages *storages, int64_t now_ms);
/* Deletes up to `max` keys whose deadline is not after log time, in an order that is equal on every
 * node: part of the apply of a tick or batch entry. Returns how many. */
uint64_t storages_expire(struct storages *storages, uint64_t max);
/* The earliest deadline of all keys, INT64_MAX if none: the leader's tick timer. */
int64_t storages_next_deadline_ms(const struct storages *storages);

/* --- running ------------------------------------------------------------------------------- */

/* Runs the command of the call; afterwards ends the atomic unit (holes are filled) unless the
 * call is inside a group (MULTI), which ends with storages_unit_end(). */
void storages_run(struct command_call *call);
void storages_unit_end(struct storages *storages);
/* Frees values that were detached because of their size, up to `budget` elements; true if more. */
bool storages_free_some(struct storages *storages, uint64_t budget);

/* --- digests (SAFETY 23) ------------------------------------------------------------------- */

/* The rolling digest: a hash chain over every mutation. */
uint64_t storages_rolling_digest(const struct storages *storages);
void storages_mix_digest(struct storages *storages, uint64_t value);
/* The full digest, over everything in array order; costs a walk. */
uint64_t storages_digest(struct storages *storages);

uint64_t storages_db_size(const struct storages *storages, uint8_t db);
uint64_t storages_db_expires(const struct storages *storages, uint8_t db);

/* All families of storages/: records, keys, maps, queues, sets, sorted sets, emitter. */
const struct command_family *storages_families(uint32_t *count);
