/* config_rows.h: every directive: X(symbol, name, alias, default, flags, note, kind and bounds).
 * Included by config.h only. The order is that of CONFIG GET *. */
#pragma once

#define CONFIG_NOTE_REPLICATION                                                                    \
    "nodes replicate through the Raft log; there is no link of Redis's kind to tune"
#define CONFIG_NOTE_LOG "the Raft log is always on and takes the place of the append-only file"
#define CONFIG_NOTE_SNAPSHOT                                                                       \
    "a snapshot is always checked, and a failed one loses nothing: the Raft log holds everything"
#define CONFIG_NOTE_CLUSTER "nodes form one Raft cluster (--cluster), not a Redis Cluster"
#define CONFIG_NOTE_EVICTION                                                                       \
    "keys are never evicted: at maxmemory writes are refused, as with noeviction"
#define CONFIG_NOTE_MEMORY "values are freed in small pieces on the loop; there is no other way"
#define CONFIG_NOTE_DEFRAGMENTATION "memory is left where it lies"
#define CONFIG_NOTE_THREADS "one thread runs commands and one writes the log"
#define CONFIG_NOTE_SCRIPTS "there are no scripts and no modules yet"
#define CONFIG_NOTE_TYPES "there is no such type or encoding"
#define CONFIG_NOTE_ACL "there is one user, the default one: use requirepass"
#define CONFIG_NOTE_TLS "TLS is not there yet: put a TLS proxy in front, and set tls-port 0"
#define CONFIG_NOTE_TITLE "the process keeps the title it was started with"
#define CONFIG_NOTE_EVENTS "keyspace events are not published yet"
#define CONFIG_NOTE_EXPIRY "the leader expires keys through the log as they fall due"
#define CONFIG_NOTE_SYSTEM "the system's own setting is left alone"
#define CONFIG_NOTE_TRACKING "there is no client-side caching yet"

#define CONFIG_INTEGER_OF(low, high) .kind = CONFIG_INTEGER, .minimum = (low), .maximum = (high)
#define CONFIG_MEMORY_OF(low, high) .kind = CONFIG_MEMORY, .minimum = (low), .maximum = (high)
#define CONFIG_CHOICE_OF(list) .kind = CONFIG_CHOICE, .choices = config_choices_##list
#define CONFIG_LIST_OF(function) .kind = CONFIG_LIST, .list = config_list_##function
#define CONFIG_TEXT_OF(function) .kind = CONFIG_TEXT, .list = config_list_##function
#define CONFIG_YES_NO .kind = CONFIG_BOOLEAN
#define CONFIG_ANY_TEXT .kind = CONFIG_TEXT
#define CONFIG_PERCENT .kind = CONFIG_MEMORY_OR_PERCENT, .minimum = 0, .maximum = INT64_MAX
#define CONFIG_MODE .kind = CONFIG_OCTAL, .minimum = 0, .maximum = 0777

/* clang-format off */
#define CONFIG_ROWS(X)                                                                             \
    /* network */                                                                                  \
    X(BIND, "bind", NULL, "* -::*", CONFIG_MUTABLE, NULL, CONFIG_LIST_OF(bind))                    \
    X(PORT, "port", NULL, "6379", CONFIG_MUTABLE, NULL, CONFIG_INTEGER_OF(0, 65535))               \
    X(UNIXSOCKET, "unixsocket", NULL, "", 0, NULL, CONFIG_ANY_TEXT)                                \
    X(UNIXSOCKETPERM, "unixsocketperm", NULL, "0", 0, NULL, CONFIG_MODE)                           \
    X(PROTECTED_MODE, "protected-mode", NULL, "yes", CONFIG_MUTABLE, NULL, CONFIG_YES_NO)          \
    X(TCP_BACKLOG, "tcp-backlog", NULL, "511", 0, NULL, CONFIG_INTEGER_OF(0, INT32_MAX))           \
    X(TCP_KEEPALIVE, "tcp-keepalive", NULL, "300",                                                 \
      CONFIG_MUTABLE, NULL, CONFIG_INTEGER_OF(0, INT32_MAX))                                       \
    X(TIMEOUT, "timeout", NULL, "0", CONFIG_MUTABLE, NULL, CONFIG_INTEGER_OF(0, INT32_MAX))        \
    X(MAXCLIENTS, "maxclients", NULL, "10000",                                                     \
      CONFIG_MUTABLE, NULL, CONFIG_INTEGER_OF(1, UINT32_MAX))                                      \
    X(CLIENT_OUTPUT_BUFFER_LIMIT, "client-output-buffer-limit", NULL,                              \
      "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",                       \
      CONFIG_MUTABLE, NULL, CONFIG_LIST_OF(output_limit))                                          \
    X(CLIENT_QUERY_BUFFER_LIMIT, "client-query-buffer-limit", NULL, "1gb",                         \
      CONFIG_MUTABLE, NULL, CONFIG_MEMORY_OF(1024 * 1024, INT64_MAX))                              \
    X(PROTO_MAX_BULK_LEN, "proto-max-bulk-len", NULL, "512mb",                                     \
      CONFIG_CLUSTER | CONFIG_MUTABLE, NULL, CONFIG_MEMORY_OF(1024 * 1024, INT64_MAX))             \
    X(UNAUTHENTICATED_TIMEOUT, "unauthenticated-timeout", NULL, "60",                              \
      CONFIG_MUTABLE, NULL, CONFIG_INTEGER_OF(0, INT32_MAX))                                       \
    X(UNAUTHENTICATED_MAXCLIENTS, "unauthenticated-maxclients", NULL, "1000",                      \
      CONFIG_MUTABLE, NULL, CONFIG_INTEGER_OF(1, UINT32_MAX))                                      \
    X(BIND_SOURCE_ADDR, "bind-source-addr", NULL, "",                                              \
      CONFIG_MUTABLE, CONFIG_NOTE_REPLICATION, CONFIG_ANY_TEXT)                                    \
    X(SOCKET_MARK_ID, "socket-mark-id", NULL, "0",                                                 \
      0, CONFIG_NOTE_SYSTEM, CONFIG_INTEGER_OF(0, UINT32_MAX))                                     \
    X(MAXMEMORY_CLIENTS, "maxmemory-clients", NULL, "0",                                           \
      CONFIG_FIXED, "each client's buffers have bounds of their own", CONFIG_PERCENT)              \
    /* process */                                                                                  \
    X(DAEMONIZE, "daemonize", NULL, "no", 0, NULL, CONFIG_YES_NO)                                  \
    X(SUPERVISED, "supervised", NULL, "no", 0, NULL, CONFIG_CHOICE_OF(supervised))                 \
    X(PIDFILE, "pidfile", NULL, "", 0, NULL, CONFIG_ANY_TEXT)                                      \
    X(LOGLEVEL, "loglevel", NULL, "notice", CONFIG_MUTABLE, NULL, CONFIG_CHOICE_OF(log_level))     \
    X(LOGFILE, "logfile", NULL, "", 0, NULL, CONFIG_ANY_TEXT)                                      \
    X(SYSLOG_ENABLED, "syslog-enabled", NULL, "no", 0, NULL, CONFIG_YES_NO)                        \
    X(SYSLOG_IDENT, "syslog-ident", NULL, "redis", 0, NULL, CONFIG_ANY_TEXT)                       \
    X(SYSLOG_FACILITY, "syslog-facility", NULL, "local0",                                          \
      0, NULL, CONFIG_CHOICE_OF(syslog_facility))                                                  \
    X(DIR, "dir", NULL, ".", CONFIG_PROTECTED, NULL, CONFIG_ANY_TEXT)                              \
    X(HZ, "hz", NULL, "10", CONFIG_MUTABLE, NULL, CONFIG_INTEGER_OF(INT32_MIN, INT32_MAX))         \
    X(DYNAMIC_HZ, "dynamic-hz", NULL, "yes",                                                       \
      CONFIG_MUTABLE, "the periodic work per call is bounded instead", CONFIG_YES_NO)              \
    X(DISABLE_THP, "disable-thp", NULL, "yes", 0, NULL, CONFIG_YES_NO)                             \
    X(OOM_SCORE_ADJ, "oom-score-adj", NULL, "no",                                                  \
      CONFIG_MUTABLE, CONFIG_NOTE_SYSTEM, CONFIG_CHOICE_OF(oom_score))                             \
    X(OOM_SCORE_ADJ_VALUES, "oom-score-adj-values", NULL, "0 200 800",                             \
      CONFIG_MUTABLE, CONFIG_NOTE_SYSTEM, CONFIG_LIST_OF(oom_score))                               \
    X(ALWAYS_SHOW_LOGO, "always-show-logo", NULL, "no",                                            \
      0, "the banner is short and always shown", CONFIG_YES_NO)                                    \
    X(SET_PROC_TITLE, "set-proc-title", NULL, "yes", 0, CONFIG_NOTE_TITLE, CONFIG_YES_NO)          \
    X(PROC_TITLE_TEMPLATE, "proc-title-template", NULL, "{title} {listen-addr} {server-mode}",     \
      CONFIG_MUTABLE, CONFIG_NOTE_TITLE, CONFIG_ANY_TEXT)                                          \
    X(CRASH_LOG_ENABLED, "crash-log-enabled", NULL, "yes",                                         \
      CONFIG_MUTABLE, NULL, CONFIG_YES_NO)                                                         \
    X(CRASH_MEMCHECK_ENABLED, "crash-memcheck-enabled", NULL, "yes",                               \
      CONFIG_MUTABLE, "memory is not tested after a crash: use memtest86+", CONFIG_YES_NO)         \
    X(SHUTDOWN_TIMEOUT, "shutdown-timeout", NULL, "10",                                            \
      CONFIG_MUTABLE, NULL, CONFIG_INTEGER_OF(0, INT32_MAX))                                       \
    X(SHUTDOWN_ON_SIGTERM, "shutdown-on-sigterm", NULL, "default",                                 \
      CONFIG_MUTABLE, NULL, CONFIG_LIST_OF(shutdown))                                              \
    X(SHUTDOWN_ON_SIGINT, "shutdown-on-sigint", NULL, "default",                                   \
      CONFIG_MUTABLE, NULL, CONFIG_LIST_OF(shutdown))                                              \
    X(SERVER_CPULIST, "server_cpulist", NULL, "", 0, CONFIG_NOTE_SYSTEM, CONFIG_ANY_TEXT)          \
    X(BIO_CPULIST, "bio_cpulist", NULL, "", 0, CONFIG_NOTE_SYSTEM, CONFIG_ANY_TEXT)                \
    X(AOF_REWRITE_CPULIST, "aof_rewrite_cpulist", NULL, "",                                        \
      0, CONFIG_NOTE_SYSTEM, CONFIG_ANY_TEXT)                                                      \
    X(BGSAVE_CPULIST, "bgsave_cpulist", NULL, "", 0, CONFIG_NOTE_SYSTEM, CONFIG_ANY_TEXT)          \
    X(IGNORE_WARNINGS, "ignore-warnings", NULL, "",                                                \
      CONFIG_MUTABLE, CONFIG_NOTE_SYSTEM, CONFIG_ANY_TEXT)                                         \
    X(IO_THREADS, "io-threads", NULL, "1",                                                         \
      CONFIG_FIXED, CONFIG_NOTE_THREADS, CONFIG_INTEGER_OF(1, 128))                                \
    X(IO_THREADS_DO_READS, "io-threads-do-reads", NULL, "no",                                      \
      CONFIG_FIXED, CONFIG_NOTE_THREADS, CONFIG_YES_NO)                                            \
    /* access */                                                                                   \
    X(REQUIREPASS, "requirepass", NULL, "", CONFIG_MUTABLE | CONFIG_SECRET, NULL, CONFIG_ANY_TEXT) \
    X(ACLFILE, "aclfile", NULL, "", CONFIG_REFUSED, CONFIG_NOTE_ACL, CONFIG_ANY_TEXT)              \
    X(ACLLOG_MAX_LEN, "acllog-max-len", NULL, "128",                                               \
      CONFIG_MUTABLE, CONFIG_NOTE_ACL, CONFIG_INTEGER_OF(0, INT64_MAX))                            \
    X(ACL_PUBSUB_DEFAULT, "acl-pubsub-default", NULL, "resetchannels",                             \
      CONFIG_MUTABLE, CONFIG_NOTE_ACL, CONFIG_CHOICE_OF(acl_pubsub))                               \
    X(ENABLE_PROTECTED_CONFIGS, "enable-protected-configs", NULL, "no",                            \
      0, NULL, CONFIG_CHOICE_OF(protection))                                                       \
    X(ENABLE_DEBUG_COMMAND, "enable-debug-command", NULL, "no",                                    \
      0, NULL, CONFIG_CHOICE_OF(protection))                                                       \
    X(ENABLE_MODULE_COMMAND, "enable-module-command", NULL, "no",                                  \
      0, CONFIG_NOTE_SCRIPTS, CONFIG_CHOICE_OF(protection))                                        \
    /* keyspace */                                                                                 \
    X(DATABASES, "databases", NULL, "16", CONFIG_CLUSTER, NULL, CONFIG_INTEGER_OF(1, 16))          \
    X(MAXMEMORY, "maxmemory", NULL, "0", CONFIG_MUTABLE, NULL, CONFIG_MEMORY_OF(0, INT64_MAX))     \
    X(MAXMEMORY_POLICY, "maxmemory-policy", NULL, "noeviction",                                    \
      CONFIG_FIXED | CONFIG_PROMISE, CONFIG_NOTE_EVICTION, CONFIG_CHOICE_OF(eviction))             \
    X(MAXMEMORY_SAMPLES, "maxmemory-samples", NULL, "5",                                           \
      CONFIG_MUTABLE, CONFIG_NOTE_EVICTION, CONFIG_INTEGER_OF(1, INT32_MAX))                       \
    X(MAXMEMORY_EVICTION_TENACITY, "maxmemory-eviction-tenacity", NULL, "10",                      \
      CONFIG_MUTABLE, CONFIG_NOTE_EVICTION, CONFIG_INTEGER_OF(0, 100))                             \
    X(LFU_LOG_FACTOR, "lfu-log-factor", NULL, "10",                                                \
      CONFIG_MUTABLE, CONFIG_NOTE_EVICTION, CONFIG_INTEGER_OF(0, INT32_MAX))                       \
    X(LFU_DECAY_TIME, "lfu-decay-time", NULL, "1",                                                 \
      CONFIG_MUTABLE, CONFIG_NOTE_EVICTION, CONFIG_INTEGER_OF(0, INT32_MAX))                       \
    X(HASH_MAX_LISTPACK_ENTRIES, "hash-max-listpack-entries", "hash-max-ziplist-entries", "512",   \
      CONFIG_CLUSTER | CONFIG_MUTABLE, NULL, CONFIG_INTEGER_OF(0, INT64_MAX))                      \
    X(HASH_MAX_LISTPACK_VALUE, "hash-max-listpack-value", "hash-max-ziplist-value", "64",          \
      CONFIG_CLUSTER | CONFIG_MUTABLE, NULL, CONFIG_MEMORY_OF(0, INT64_MAX))                       \
    X(LIST_MAX_LISTPACK_SIZE, "list-max-listpack-size", "list-max-ziplist-size", "-2",             \
      CONFIG_CLUSTER | CONFIG_MUTABLE, NULL, CONFIG_INTEGER_OF(INT32_MIN, INT32_MAX))              \
    X(SET_MAX_INTSET_ENTRIES, "set-max-intset-entries", NULL, "512",                               \
      CONFIG_CLUSTER | CONFIG_MUTABLE, NULL, CONFIG_INTEGER_OF(0, INT64_MAX))                      \
    X(ZSET_MAX_LISTPACK_ENTRIES, "zset-max-listpack-entries", "zset-max-ziplist-entries", "128",   \
      CONFIG_CLUSTER | CONFIG_MUTABLE, NULL, CONFIG_INTEGER_OF(0, INT64_MAX))                      \
    X(ZSET_MAX_LISTPACK_VALUE, "zset-max-listpack-value", "zset-max-ziplist-value", "64",          \
      CONFIG_CLUSTER | CONFIG_MUTABLE, NULL, CONFIG_MEMORY_OF(0, INT64_MAX))                       \
    X(LIST_COMPRESS_DEPTH, "list-compress-depth", NULL, "0",                                       \
      CONFIG_FIXED, CONFIG_NOTE_TYPES, CONFIG_INTEGER_OF(0, INT32_MAX))                            \
    X(HLL_SPARSE_MAX_BYTES, "hll-sparse-max-bytes", NULL, "3000",                                  \
      CONFIG_MUTABLE, CONFIG_NOTE_TYPES, CONFIG_MEMORY_OF(0, INT64_MAX))                           \
    X(STREAM_NODE_MAX_BYTES, "stream-node-max-bytes", NULL, "4096",                                \
      CONFIG_MUTABLE, CONFIG_NOTE_TYPES, CONFIG_MEMORY_OF(0, INT64_MAX))                           \
    X(STREAM_NODE_MAX_ENTRIES, "stream-node-max-entries", NULL, "100",                             \
      CONFIG_MUTABLE, CONFIG_NOTE_TYPES, CONFIG_INTEGER_OF(0, INT64_MAX))                          \
    X(ACTIVEREHASHING, "activerehashing", NULL, "yes",                                             \
      CONFIG_MUTABLE, "tables grow by one bucket at a time, always", CONFIG_YES_NO)                \
    X(ACTIVE_EXPIRE_EFFORT, "active-expire-effort", NULL, "1",                                     \
      CONFIG_MUTABLE, CONFIG_NOTE_EXPIRY, CONFIG_INTEGER_OF(1, 10))                                \
    X(NOTIFY_KEYSPACE_EVENTS, "notify-keyspace-events", NULL, "",                                  \
      CONFIG_FIXED | CONFIG_PROMISE, CONFIG_NOTE_EVENTS, CONFIG_TEXT_OF(events))                   \
    X(TRACKING_TABLE_MAX_KEYS, "tracking-table-max-keys", NULL, "1000000",                         \
      CONFIG_MUTABLE, CONFIG_NOTE_TRACKING, CONFIG_INTEGER_OF(0, INT64_MAX))                       \
    X(LAZYFREE_LAZY_EVICTION, "lazyfree-lazy-eviction", NULL, "no",                                \
      CONFIG_MUTABLE, CONFIG_NOTE_MEMORY, CONFIG_YES_NO)                                           \
    X(LAZYFREE_LAZY_EXPIRE, "lazyfree-lazy-expire", NULL, "no",                                    \
      CONFIG_MUTABLE, CONFIG_NOTE_MEMORY, CONFIG_YES_NO)                                           \
    X(LAZYFREE_LAZY_SERVER_DEL, "lazyfree-lazy-server-del", NULL, "no",                            \
      CONFIG_MUTABLE, CONFIG_NOTE_MEMORY, CONFIG_YES_NO)                                           \
    X(LAZYFREE_LAZY_USER_DEL, "lazyfree-lazy-user-del", NULL, "no",                                \
      CONFIG_MUTABLE, CONFIG_NOTE_MEMORY, CONFIG_YES_NO)                                           \
    X(LAZYFREE_LAZY_USER_FLUSH, "lazyfree-lazy-user-flush", NULL, "no",                            \
      CONFIG_MUTABLE, CONFIG_NOTE_MEMORY, CONFIG_YES_NO)                                           \
    X(ACTIVEDEFRAG, "activedefrag", NULL, "no",                                                    \
      CONFIG_FIXED | CONFIG_PROMISE, CONFIG_NOTE_DEFRAGMENTATION, CONFIG_YES_NO)                   \
    X(ACTIVE_DEFRAG_CYCLE_MIN, "active-defrag-cycle-min", NULL, "1",                               \
      CONFIG_MUTABLE, CONFIG_NOTE_DEFRAGMENTATION, CONFIG_INTEGER_OF(1, 99))                       \
    X(ACTIVE_DEFRAG_CYCLE_MAX, "active-defrag-cycle-max", NULL, "25",                              \
      CONFIG_MUTABLE, CONFIG_NOTE_DEFRAGMENTATION, CONFIG_INTEGER_OF(1, 99))                       \
    X(ACTIVE_DEFRAG_THRESHOLD_LOWER, "active-defrag-threshold-lower", NULL, "10",                  \
      CONFIG_MUTABLE, CONFIG_NOTE_DEFRAGMENTATION, CONFIG_INTEGER_OF(0, 1000))                     \
    X(ACTIVE_DEFRAG_THRESHOLD_UPPER, "active-defrag-threshold-upper", NULL, "100",                 \
      CONFIG_MUTABLE, CONFIG_NOTE_DEFRAGMENTATION, CONFIG_INTEGER_OF(0, 1000))                     \
    X(ACTIVE_DEFRAG_IGNORE_BYTES, "active-defrag-ignore-bytes", NULL, "100mb",                     \
      CONFIG_MUTABLE, CONFIG_NOTE_DEFRAGMENTATION, CONFIG_MEMORY_OF(1, INT64_MAX))                 \
    X(ACTIVE_DEFRAG_MAX_SCAN_FIELDS, "active-defrag-max-scan-fields", NULL, "1000",                \
      CONFIG_MUTABLE, CONFIG_NOTE_DEFRAGMENTATION, CONFIG_INTEGER_OF(1, INT64_MAX))                \
    X(JEMALLOC_BG_THREAD, "jemalloc-bg-thread", NULL, "yes",                                       \
      CONFIG_MUTABLE, CONFIG_NOTE_DEFRAGMENTATION, CONFIG_YES_NO)                                  \
    /* scripts, latency */                                                                         \
    X(BUSY_REPLY_THRESHOLD, "busy-reply-threshold", "lua-time-limit", "5000",                      \
      CONFIG_MUTABLE, CONFIG_NOTE_SCRIPTS, CONFIG_INTEGER_OF(0, INT64_MAX))                        \
    X(SLOWLOG_LOG_SLOWER_THAN, "slowlog-log-slower-than", NULL, "10000",                           \
      CONFIG_MUTABLE, NULL, CONFIG_INTEGER_OF(-1, INT64_MAX))                                      \
    X(SLOWLOG_MAX_LEN, "slowlog-max-len", NULL, "128",                                             \
      CONFIG_MUTABLE, NULL, CONFIG_INTEGER_OF(0, INT64_MAX))                                       \
    X(LATENCY_MONITOR_THRESHOLD, "latency-monitor-threshold", NULL, "0",                           \
      CONFIG_MUTABLE, NULL, CONFIG_INTEGER_OF(0, INT64_MAX))                                       \
    X(LATENCY_TRACKING, "latency-tracking", NULL, "yes",                                           \
      CONFIG_MUTABLE, NULL, CONFIG_YES_NO)                                                         \
    X(LATENCY_TRACKING_INFO_PERCENTILES, "latency-tracking-info-percentiles", NULL, "50 99 99.9",  \
      CONFIG_MUTABLE, NULL, CONFIG_LIST_OF(percentiles))                                           \
    X(PROPAGATION_ERROR_BEHAVIOR, "propagation-error-behavior", NULL, "ignore",                    \
      CONFIG_MUTABLE, CONFIG_NOTE_REPLICATION, CONFIG_CHOICE_OF(propagation))                      \
    /* the log and snapshots */                                                                    \
    X(APPENDONLY, "appendonly", NULL, "yes",                                                       \
      CONFIG_MUTABLE | CONFIG_AT_START, NULL, CONFIG_YES_NO)                                       \
    X(APPENDFSYNC, "appendfsync", NULL, "always",                                                  \
      CONFIG_MUTABLE | CONFIG_AT_START, NULL, CONFIG_CHOICE_OF(append_sync))                       \
    X(APPENDFILENAME, "appendfilename", NULL, "appendonly.aof",                                    \
      0, CONFIG_NOTE_LOG, CONFIG_ANY_TEXT)                                                         \
    X(APPENDDIRNAME, "appenddirname", NULL, "appendonlydir", 0, CONFIG_NOTE_LOG, CONFIG_ANY_TEXT)  \
    X(NO_APPENDFSYNC_ON_REWRITE, "no-appendfsync-on-rewrite", NULL, "no",                          \
      CONFIG_MUTABLE, CONFIG_NOTE_LOG, CONFIG_YES_NO)                                              \
    X(AUTO_AOF_REWRITE_PERCENTAGE, "auto-aof-rewrite-percentage", NULL, "100",                     \
      CONFIG_MUTABLE, CONFIG_NOTE_LOG, CONFIG_INTEGER_OF(0, INT32_MAX))                            \
    X(AUTO_AOF_REWRITE_MIN_SIZE, "auto-aof-rewrite-min-size", NULL, "64mb",                        \
      CONFIG_MUTABLE, CONFIG_NOTE_LOG, CONFIG_MEMORY_OF(0, INT64_MAX))                             \
    X(AOF_LOAD_TRUNCATED, "aof-load-truncated", NULL, "yes",                                       \
      CONFIG_MUTABLE, CONFIG_NOTE_LOG, CONFIG_YES_NO)                                              \
    X(AOF_USE_RDB_PREAMBLE, "aof-use-rdb-preamble", NULL, "yes",                                   \
      CONFIG_MUTABLE, CONFIG_NOTE_LOG, CONFIG_YES_NO)                                              \
    X(AOF_TIMESTAMP_ENABLED, "aof-timestamp-enabled", NULL, "no",                                  \
      CONFIG_MUTABLE, CONFIG_NOTE_LOG, CONFIG_YES_NO)                                              \
    X(AOF_REWRITE_INCREMENTAL_FSYNC, "aof-rewrite-incremental-fsync", NULL, "yes",                 \
      CONFIG_MUTABLE, CONFIG_NOTE_LOG, CONFIG_YES_NO)                                              \
    X(AOF_DISABLE_AUTO_GC, "aof-disable-auto-gc", NULL, "no",                                      \
      CONFIG_MUTABLE, CONFIG_NOTE_LOG, CONFIG_YES_NO)                                              \
    X(SAVE, "save", NULL, "", CONFIG_MUTABLE, NULL, CONFIG_LIST_OF(save))                          \
    X(DBFILENAME, "dbfilename", NULL, "dump.rdb",                                                  \
      CONFIG_PROTECTED, NULL, CONFIG_ANY_TEXT)                                                     \
    X(STOP_WRITES_ON_BGSAVE_ERROR, "stop-writes-on-bgsave-error", NULL, "yes",                     \
      CONFIG_MUTABLE, CONFIG_NOTE_SNAPSHOT, CONFIG_YES_NO)                                         \
    X(RDBCOMPRESSION, "rdbcompression", NULL, "yes", CONFIG_MUTABLE, NULL, CONFIG_YES_NO)          \
    X(RDBCHECKSUM, "rdbchecksum", NULL, "yes", 0, CONFIG_NOTE_SNAPSHOT, CONFIG_YES_NO)             \
    X(RDB_DEL_SYNC_FILES, "rdb-del-sync-files", NULL, "no",                                        \
      CONFIG_MUTABLE, CONFIG_NOTE_SNAPSHOT, CONFIG_YES_NO)                                         \
    X(RDB_SAVE_INCREMENTAL_FSYNC, "rdb-save-incremental-fsync", NULL, "yes",                       \
      CONFIG_MUTABLE, CONFIG_NOTE_SNAPSHOT, CONFIG_YES_NO)                                         \
    X(SANITIZE_DUMP_PAYLOAD, "sanitize-dump-payload", NULL, "no",                                  \
      CONFIG_MUTABLE, CONFIG_NOTE_SNAPSHOT, CONFIG_CHOICE_OF(sanitize))                            \
    /* replication of Redis's kind */                                                              \
    X(REPLICAOF, "replicaof", "slaveof", "",                                                       \
      CONFIG_REFUSED, "nodes replicate through Raft: remove it, "                                  \
      "and give every node the same --cluster list", CONFIG_LIST_OF(replicaof))                    \
    X(MASTERUSER, "masteruser", NULL, "",                                                          \
      CONFIG_MUTABLE, CONFIG_NOTE_REPLICATION, CONFIG_ANY_TEXT)                                    \
    X(MASTERAUTH, "masterauth", NULL, "",                                                          \
      CONFIG_MUTABLE | CONFIG_SECRET, CONFIG_NOTE_REPLICATION, CONFIG_ANY_TEXT)                    \
    X(REPLICA_READ_ONLY, "replica-read-only", "slave-read-only", "no",                             \
      CONFIG_FIXED, "every node takes writes", CONFIG_YES_NO)                                      \
    X(REPLICA_SERVE_STALE_DATA, "replica-serve-stale-data", "slave-serve-stale-data", "no",        \
      CONFIG_FIXED, "reads are linearizable on every node; see raft-read-mode", CONFIG_YES_NO)     \
    X(REPLICA_PRIORITY, "replica-priority", "slave-priority", "100",                               \
      CONFIG_MUTABLE, CONFIG_NOTE_REPLICATION, CONFIG_INTEGER_OF(0, INT32_MAX))                    \
    X(REPLICA_ANNOUNCED, "replica-announced", NULL, "yes",                                         \
      CONFIG_MUTABLE, CONFIG_NOTE_REPLICATION, CONFIG_YES_NO)                                      \
    X(REPLICA_ANNOUNCE_IP, "replica-announce-ip", "slave-announce-ip", "",                         \
      CONFIG_MUTABLE, "use announce", CONFIG_ANY_TEXT)                                             \
    X(REPLICA_ANNOUNCE_PORT, "replica-announce-port", "slave-announce-port", "0",                  \
      CONFIG_MUTABLE, "use announce", CONFIG_INTEGER_OF(0, 65535))                                 \
    X(REPLICA_IGNORE_MAXMEMORY, "replica-ignore-maxmemory", "slave-ignore-maxmemory", "yes",       \
      CONFIG_MUTABLE, CONFIG_NOTE_REPLICATION, CONFIG_YES_NO)                                      \
    X(REPLICA_IGNORE_DISK_WRITE_ERRORS, "replica-ignore-disk-write-errors", NULL, "no",            \
      CONFIG_FIXED, "a failed write of the log is never ignored", CONFIG_YES_NO)                   \
    X(REPLICA_LAZY_FLUSH, "replica-lazy-flush", "slave-lazy-flush", "no",                          \
      CONFIG_MUTABLE, CONFIG_NOTE_REPLICATION, CONFIG_YES_NO)                                      \
    X(REPL_TIMEOUT, "repl-timeout", NULL, "60",                                                    \
      CONFIG_MUTABLE, CONFIG_NOTE_REPLICATION, CONFIG_INTEGER_OF(1, INT32_MAX))                    \
    X(REPL_PING_REPLICA_PERIOD, "repl-ping-replica-period", "repl-ping-slave-period", "10",        \
      CONFIG_MUTABLE, CONFIG_NOTE_REPLICATION, CONFIG_INTEGER_OF(1, INT32_MAX))                    \
    X(REPL_BACKLOG_SIZE, "repl-backlog-size", NULL, "1mb",                                         \
      CONFIG_MUTABLE, CONFIG_NOTE_REPLICATION, CONFIG_MEMORY_OF(1, INT64_MAX))                     \
    X(REPL_BACKLOG_TTL, "repl-backlog-ttl", NULL, "3600",                                          \
      CONFIG_MUTABLE, CONFIG_NOTE_REPLICATION, CONFIG_INTEGER_OF(0, INT64_MAX))                    \
    X(REPL_DISKLESS_SYNC, "repl-diskless-sync", NULL, "yes",                                       \
      CONFIG_MUTABLE, CONFIG_NOTE_REPLICATION, CONFIG_YES_NO)                                      \
    X(REPL_DISKLESS_SYNC_DELAY, "repl-diskless-sync-delay", NULL, "5",                             \
      CONFIG_MUTABLE, CONFIG_NOTE_REPLICATION, CONFIG_INTEGER_OF(0, INT32_MAX))                    \
    X(REPL_DISKLESS_SYNC_MAX_REPLICAS, "repl-diskless-sync-max-replicas", NULL, "0",               \
      CONFIG_MUTABLE, CONFIG_NOTE_REPLICATION, CONFIG_INTEGER_OF(0, INT32_MAX))                    \
    X(REPL_DISKLESS_LOAD, "repl-diskless-load", NULL, "disabled",                                  \
      CONFIG_MUTABLE, CONFIG_NOTE_REPLICATION, CONFIG_CHOICE_OF(diskless_load))                    \
    X(REPL_DISABLE_TCP_NODELAY, "repl-disable-tcp-nodelay", NULL, "no",                            \
      CONFIG_MUTABLE, CONFIG_NOTE_REPLICATION, CONFIG_YES_NO)                                      \
    X(MIN_REPLICAS_TO_WRITE, "min-replicas-to-write", "min-slaves-to-write", "0",                  \
      CONFIG_MUTABLE, "a write always waits for a majority", CONFIG_INTEGER_OF(0, INT32_MAX))      \
    X(MIN_REPLICAS_MAX_LAG, "min-replicas-max-lag", "min-slaves-max-lag", "10",                    \
      CONFIG_MUTABLE, "a write always waits for a majority", CONFIG_INTEGER_OF(0, INT32_MAX))      \
    /* Redis Cluster */                                                                            \
    X(CLUSTER_ENABLED, "cluster-enabled", NULL, "no",                                              \
      CONFIG_REFUSED, "nodes form one Raft cluster: remove it, and use --cluster", CONFIG_YES_NO)  \
    X(CLUSTER_CONFIG_FILE, "cluster-config-file", NULL, "nodes.conf",                              \
      0, CONFIG_NOTE_CLUSTER, CONFIG_ANY_TEXT)                                                     \
    X(CLUSTER_NODE_TIMEOUT, "cluster-node-timeout", NULL, "15000",                                 \
      CONFIG_MUTABLE, CONFIG_NOTE_CLUSTER, CONFIG_INTEGER_OF(0, INT64_MAX))                        \
    X(CLUSTER_PORT, "cluster-port", NULL, "0",                                                     \
      CONFIG_FIXED, CONFIG_NOTE_CLUSTER, CONFIG_INTEGER_OF(0, 65535))                              \
    X(CLUSTER_ANNOUNCE_IP, "cluster-announce-ip", NULL, "",                                        \
      CONFIG_MUTABLE, CONFIG_NOTE_CLUSTER, CONFIG_ANY_TEXT)                                        \
    X(CLUSTER_ANNOUNCE_HOSTNAME, "cluster-announce-hostname", NULL, "",                            \
      CONFIG_MUTABLE, CONFIG_NOTE_CLUSTER, CONFIG_ANY_TEXT)                                        \
    X(CLUSTER_ANNOUNCE_PORT, "cluster-announce-port", NULL, "0",                                   \
      CONFIG_MUTABLE, CONFIG_NOTE_CLUSTER, CONFIG_INTEGER_OF(0, 65535))                            \
    X(CLUSTER_ANNOUNCE_TLS_PORT, "cluster-announce-tls-port", NULL, "0",                           \
      CONFIG_MUTABLE, CONFIG_NOTE_CLUSTER, CONFIG_INTEGER_OF(0, 65535))                            \
    X(CLUSTER_ANNOUNCE_BUS_PORT, "cluster-announce-bus-port", NULL, "0",                           \
      CONFIG_MUTABLE, CONFIG_NOTE_CLUSTER, CONFIG_INTEGER_OF(0, 65535))                            \
    X(CLUSTER_PREFERRED_ENDPOINT_TYPE, "cluster-preferred-endpoint-type", NULL, "ip",              \
      CONFIG_MUTABLE, CONFIG_NOTE_CLUSTER, CONFIG_CHOICE_OF(endpoint))                             \
    X(CLUSTER_REQUIRE_FULL_COVERAGE, "cluster-require-full-coverage", NULL, "yes",                 \
      CONFIG_MUTABLE, CONFIG_NOTE_CLUSTER, CONFIG_YES_NO)                                          \
    X(CLUSTER_ALLOW_READS_WHEN_DOWN, "cluster-allow-reads-when-down", NULL, "no",                  \
      CONFIG_MUTABLE, CONFIG_NOTE_CLUSTER, CONFIG_YES_NO)                                          \
    X(CLUSTER_ALLOW_PUBSUBSHARD_WHEN_DOWN, "cluster-allow-pubsubshard-when-down", NULL, "yes",     \
      CONFIG_MUTABLE, CONFIG_NOTE_CLUSTER, CONFIG_YES_NO)                                          \
    X(CLUSTER_ALLOW_REPLICA_MIGRATION, "cluster-allow-replica-migration", NULL, "yes",             \
      CONFIG_MUTABLE, CONFIG_NOTE_CLUSTER, CONFIG_YES_NO)                                          \
    X(CLUSTER_MIGRATION_BARRIER, "cluster-migration-barrier", NULL, "1",                           \
      CONFIG_MUTABLE, CONFIG_NOTE_CLUSTER, CONFIG_INTEGER_OF(0, INT32_MAX))                        \
    X(CLUSTER_REPLICA_NO_FAILOVER, "cluster-replica-no-failover", "cluster-slave-no-failover",     \
      "no",                                                                                        \
      CONFIG_MUTABLE, CONFIG_NOTE_CLUSTER, CONFIG_YES_NO)                                          \
    X(CLUSTER_REPLICA_VALIDITY_FACTOR, "cluster-replica-validity-factor",                          \
      "cluster-slave-validity-factor", "10",                                                       \
      CONFIG_MUTABLE, CONFIG_NOTE_CLUSTER, CONFIG_INTEGER_OF(0, INT32_MAX))                        \
    X(CLUSTER_LINK_SENDBUF_LIMIT, "cluster-link-sendbuf-limit", NULL, "0",                         \
      CONFIG_MUTABLE, CONFIG_NOTE_CLUSTER, CONFIG_MEMORY_OF(0, INT64_MAX))                         \
    /* TLS */                                                                                      \
    X(TLS_PORT, "tls-port", NULL, "0",                                                             \
      CONFIG_REFUSED, CONFIG_NOTE_TLS, CONFIG_INTEGER_OF(0, 65535))                                \
    X(TLS_CLUSTER, "tls-cluster", NULL, "no",                                                      \
      CONFIG_REFUSED, "TLS is not there yet: set it to no, "                                       \
      "and use raft-secret on a private network", CONFIG_YES_NO)                                   \
    X(TLS_REPLICATION, "tls-replication", NULL, "no",                                              \
      CONFIG_REFUSED, "TLS is not there yet: set it to no, "                                       \
      "and use raft-secret on a private network", CONFIG_YES_NO)                                   \
    X(TLS_CERT_FILE, "tls-cert-file", NULL, "", CONFIG_MUTABLE, CONFIG_NOTE_TLS, CONFIG_ANY_TEXT)  \
    X(TLS_KEY_FILE, "tls-key-file", NULL, "", CONFIG_MUTABLE, CONFIG_NOTE_TLS, CONFIG_ANY_TEXT)    \
    X(TLS_KEY_FILE_PASS, "tls-key-file-pass", NULL, "",                                            \
      CONFIG_MUTABLE | CONFIG_SECRET, CONFIG_NOTE_TLS, CONFIG_ANY_TEXT)                            \
    X(TLS_CLIENT_CERT_FILE, "tls-client-cert-file", NULL, "",                                      \
      CONFIG_MUTABLE, CONFIG_NOTE_TLS, CONFIG_ANY_TEXT)                                            \
    X(TLS_CLIENT_KEY_FILE, "tls-client-key-file", NULL, "",                                        \
      CONFIG_MUTABLE, CONFIG_NOTE_TLS, CONFIG_ANY_TEXT)                                            \
    X(TLS_CLIENT_KEY_FILE_PASS, "tls-client-key-file-pass", NULL, "",                              \
      CONFIG_MUTABLE | CONFIG_SECRET, CONFIG_NOTE_TLS, CONFIG_ANY_TEXT)                            \
    X(TLS_DH_PARAMS_FILE, "tls-dh-params-file", NULL, "",                                          \
      CONFIG_MUTABLE, CONFIG_NOTE_TLS, CONFIG_ANY_TEXT)                                            \
    X(TLS_CA_CERT_FILE, "tls-ca-cert-file", NULL, "",                                              \
      CONFIG_MUTABLE, CONFIG_NOTE_TLS, CONFIG_ANY_TEXT)                                            \
    X(TLS_CA_CERT_DIR, "tls-ca-cert-dir", NULL, "",                                                \
      CONFIG_MUTABLE, CONFIG_NOTE_TLS, CONFIG_ANY_TEXT)                                            \
    X(TLS_AUTH_CLIENTS, "tls-auth-clients", NULL, "yes",                                           \
      CONFIG_MUTABLE, CONFIG_NOTE_TLS, CONFIG_CHOICE_OF(tls_clients))                              \
    X(TLS_PROTOCOLS, "tls-protocols", NULL, "", CONFIG_MUTABLE, CONFIG_NOTE_TLS, CONFIG_ANY_TEXT)  \
    X(TLS_CIPHERS, "tls-ciphers", NULL, "", CONFIG_MUTABLE, CONFIG_NOTE_TLS, CONFIG_ANY_TEXT)      \
    X(TLS_CIPHERSUITES, "tls-ciphersuites", NULL, "",                                              \
      CONFIG_MUTABLE, CONFIG_NOTE_TLS, CONFIG_ANY_TEXT)                                            \
    X(TLS_PREFER_SERVER_CIPHERS, "tls-prefer-server-ciphers", NULL, "no",                          \
      CONFIG_MUTABLE, CONFIG_NOTE_TLS, CONFIG_YES_NO)                                              \
    X(TLS_SESSION_CACHING, "tls-session-caching", NULL, "yes",                                     \
      CONFIG_MUTABLE, CONFIG_NOTE_TLS, CONFIG_YES_NO)                                              \
    X(TLS_SESSION_CACHE_SIZE, "tls-session-cache-size", NULL, "20480",                             \
      CONFIG_MUTABLE, CONFIG_NOTE_TLS, CONFIG_INTEGER_OF(0, INT32_MAX))                            \
    X(TLS_SESSION_CACHE_TIMEOUT, "tls-session-cache-timeout", NULL, "300",                         \
      CONFIG_MUTABLE, CONFIG_NOTE_TLS, CONFIG_INTEGER_OF(0, INT32_MAX))                            \
    /* Hamok's own */                                                                              \
    X(CLUSTER, "cluster", NULL, "", 0, NULL, CONFIG_LIST_OF(cluster))                              \
    X(JOIN, "join", NULL, "", 0, NULL, CONFIG_ANY_TEXT)                                            \
    X(ANNOUNCE, "announce", NULL, "", 0, NULL, CONFIG_ANY_TEXT)                                    \
    X(RAFT_SECRET, "raft-secret", NULL, "", CONFIG_SECRET, NULL, CONFIG_ANY_TEXT)                  \
    X(RAFT_HEARTBEAT_INTERVAL, "raft-heartbeat-interval", NULL, "50",                              \
      CONFIG_CLUSTER | CONFIG_MUTABLE, NULL, CONFIG_INTEGER_OF(1, 60000))                          \
    X(RAFT_ELECTION_TIMEOUT, "raft-election-timeout", NULL, "400",                                 \
      CONFIG_CLUSTER | CONFIG_MUTABLE, NULL, CONFIG_INTEGER_OF(10, 600000))                        \
    X(RAFT_PRIORITY, "raft-priority", NULL, "1", CONFIG_MUTABLE, NULL, CONFIG_INTEGER_OF(0, 1))    \
    X(RAFT_PEER_PROTOCOL, "raft-peer-protocol", NULL, "3", 0, NULL, CONFIG_INTEGER_OF(2, 3))       \
    X(RAFT_READ_MODE, "raft-read-mode", NULL, "lease", 0, NULL, CONFIG_CHOICE_OF(read_mode))       \
    X(RAFT_FSYNC, "raft-fsync", NULL, "yes", 0, NULL, CONFIG_YES_NO)                               \
    X(RAFT_INFLIGHT_BATCHES, "raft-inflight-batches", NULL, "1024",                                \
      0, NULL, CONFIG_INTEGER_OF(1, 1000000))                                                      \
    X(RAFT_INFLIGHT_BYTES, "raft-inflight-bytes", NULL, "64mb",                                    \
      0, NULL, CONFIG_MEMORY_OF(1024 * 1024, INT64_MAX))                                           \
    X(RAFT_UNSEALED_TIMEOUT, "raft-unsealed-timeout", NULL, "5000",                                \
      0, NULL, CONFIG_INTEGER_OF(1, 3600000))                                                      \
    X(RAFT_GIVE_UP_TIMEOUT, "raft-give-up-timeout", NULL, "30000",                                 \
      0, NULL, CONFIG_INTEGER_OF(1, 3600000))                                                      \
    X(RAFT_SEALED_TIMEOUT, "raft-sealed-timeout", NULL, "60000",                                   \
      0, NULL, CONFIG_INTEGER_OF(1, 3600000))                                                      \
    X(RAFT_OUTPUT_PAUSE, "raft-output-pause", NULL, "1mb",                                         \
      0, NULL, CONFIG_MEMORY_OF(1024, INT64_MAX))                                                  \
    X(RAFT_LOG_MEMORY, "raft-log-memory", NULL, "64mb",                                            \
      0, NULL, CONFIG_MEMORY_OF(1024 * 1024, INT64_MAX))                                           \
    X(RAFT_SNAPSHOT_LOG_MIN, "raft-snapshot-log-min", NULL, "512mb",                               \
      CONFIG_MUTABLE, NULL, CONFIG_MEMORY_OF(1024, INT64_MAX))                                     \
    X(RAFT_SNAPSHOT_LOG_RATIO, "raft-snapshot-log-ratio", NULL, "100",                             \
      CONFIG_MUTABLE, NULL, CONFIG_INTEGER_OF(0, 1000000))                                         \
    X(RAFT_LOG_RETAIN, "raft-log-retain", NULL, "256mb",                                           \
      CONFIG_MUTABLE, NULL, CONFIG_MEMORY_OF(0, INT64_MAX))
/* clang-format on */
