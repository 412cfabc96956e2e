/* storages.h: the whole replicated state of a node: databases, emitter, digests.
 *
 * Pure and deterministic: equal calls in equal order give equal storages on every node, byte for
 * byte in storages_digest(). Owned by the replica; commands reach it through their call. */
#pragma once

#include "storages/keyspace.h"
#include "storages/settings.h"

struct storages *storages_create(uint64_t hash_seed); /* settings: Redis 7.0's defaults */
void storages_destroy(struct storages *storages);

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

/* Bring the cache lines of a key, then of an element of its value, closer before its command runs:
 * call with stage 0, 1 and 2, some work apart, and hashes of storages_key_hash(). No effect on any
 * result. */
uint64_t storages_key_hash(const struct storages *storages, struct bytes key);
void storages_prefetch(const struct storages *storages, uint8_t db, uint64_t hash, unsigned stage);
void storages_prefetch_element(const struct storages *storages, uint8_t db, uint64_t key_hash,
                               uint64_t element_hash, unsigned stage);

/* Runs the command of the call; afterwards ends the atomic unit (holes are filled) unless the
 * call is inside a group (MULTI), which ends with storages_unit_end(). */
void storages_run(struct command_call *call);
void storages_unit_end(struct storages *storages);
/* Frees values that were detached because of their size, up to `budget` elements; true if more. */
bool storages_free_some(struct storages *storages, uint64_t budget);
/* `old` ends; all that it holds is detached, and freed in pieces by the calls above. Without effect
 * on any result. */
void storages_take_garbage(struct storages *storages, struct storages *old);

/* --- digests (SAFETY 23) ------------------------------------------------------------------- */

/* The rolling digest: a hash chain over every mutation. */
uint64_t storages_rolling_digest(const struct storages *storages);
void storages_mix_digest(struct storages *storages, uint64_t value);
/* The full digest, over everything in array order; costs a walk. Not inside an atomic unit. */
uint64_t storages_digest(const struct storages *storages);

/* --- looking at it ------------------------------------------------------------------------- */

uint64_t storages_db_size(const struct storages *storages, uint8_t db);
uint64_t storages_db_expires(const struct storages *storages, uint8_t db);
/* The mean time to live in ms of keys with a deadline, 0 if none: INFO keyspace's avg_ttl. */
int64_t storages_db_average_ttl_ms(const struct storages *storages, uint8_t db);
size_t storages_memory(const struct storages *storages); /* tables only; bytes */
/* Walks all invariants, values included: in tests. */
void storages_check(struct storages *storages);

/* All families of storages/: records, keys, maps, queues, sets, sorted sets, emitter, COMMAND. */
void storages_register(struct command_registry *registry);
