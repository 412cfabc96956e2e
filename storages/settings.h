/* settings.h: what the commands of every family may ask of the storages as a whole: settings, which
 * are the same on every node, and counters, which are each node's own. */
#pragma once

#include "base/bytes.h"

struct storages;

enum { STORAGES_DATABASES_MAX = 16 };

/* Encoding thresholds and the like: cluster-wide, changed by log entries only. Sizes in bytes. */
struct storages_settings {
    int64_t hash_max_listpack_entries, hash_max_listpack_value;
    int64_t set_max_intset_entries;
    int64_t zset_max_listpack_entries, zset_max_listpack_value;
    int64_t list_max_listpack_size; /* as in Redis: negative -1..-5 are sizes, positive counts */
    int64_t databases;
    int64_t proto_max_bulk_len; /* bytes: the largest argument, and the largest string that
                                   APPEND and SETRANGE may make */
    /* Of no effect on commands: whoever drives the log looks at them. Ms; 0: the log does not say.
     */
    int64_t raft_heartbeat_interval, raft_election_timeout;
};

struct storages_statistics { /* node-local, outside digest: INFO */
    uint64_t keyspace_hits, keyspace_misses, expired_keys;
    uint64_t changes; /* keyspace_changed() calls: rdb_changes_since_last_save and the like */
};

/* Lent; changed by log entries only. */
struct storages_settings *storages_settings(struct storages *storages);
struct storages_statistics *storages_statistics(struct storages *storages);

/* The seed for the tables of values: node-local, so nothing a command shows may depend on it. */
uint64_t storages_hash_seed(const struct storages *storages);
