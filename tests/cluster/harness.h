/* harness.h: real hamok-server processes for the cluster tests, and clients to ask them.
 *
 * A cluster lives in a private directory and on free ports; its servers die with the test. Every
 * wait is a bounded loop that asks the server; what does not come in time fails the test with its
 * place. The directory with the logs is kept, and named, when the test failed.
 *
 * Ownership: cluster_create() to cluster_destroy(). Nodes are counted from 0, ids in the cluster
 * from 1. Replies of ask() belong to the caller; the ask_…() variants free them. */
#pragma once

#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/check.h"

enum { CLUSTER_NODES_MAX = 5, CLUSTER_PATH_MAX = 256, CLUSTER_OPTIONS_MAX = 16 };

struct cluster_node {
    pid_t pid; /* 0: does not run */
    int port;
    char directory[CLUSTER_PATH_MAX], log[CLUSTER_PATH_MAX];
};

/* Options under which a few MB of writes have logs cut behind snapshots. */
extern const char *const small_log_options[];

struct cluster {
    int count;
    struct cluster_node nodes[CLUSTER_NODES_MAX];
    char root[CLUSTER_PATH_MAX];
    char list[CLUSTER_PATH_MAX];              /* as --cluster takes it */
    const char *options[CLUSTER_OPTIONS_MAX]; /* for every node, NULL at the end */
    bool keep;                                /* the test failed: leave the directory */
};

/* Ports and directories only; `options` (NULL at the end, or NULL) goes to each node. */
struct cluster *cluster_create(int count, const char *const *options);
/* cluster_create(), cluster_start(), cluster_await_serving(). */
struct cluster *cluster_create_running(int count, const char *const *options);
/* Ends what runs. With no failure behind it removes the directory. */
void cluster_destroy(struct cluster *cluster);

void cluster_start(struct cluster *cluster);
/* Only the first `count` nodes found it, and are awaited; the others are there to join later. */
void cluster_start_founders(struct cluster *cluster, int count);
/* All running nodes answer, know one leader and have their origins. */
void cluster_await_serving(struct cluster *cluster);
/* The node that is leader by its own word, awaited. */
int cluster_leader(struct cluster *cluster);
int cluster_follower(struct cluster *cluster);
/* The end of every test: all running nodes come to one applied index and have one digest there. */
void cluster_expect_equal(struct cluster *cluster);

void node_start(struct cluster *cluster, int node);
/* With own arguments behind the common ones (NULL at the end), a redis.conf in front of them if the
 * first is a path; `list` in place of the cluster's. */
void node_start_with(struct cluster *cluster, int node, const char *list,
                     const char *const *arguments);
/* With --join and this member's address. */
void node_start_joining(struct cluster *cluster, int node, int member);
/* The signal; for SIGKILL and SIGTERM also the end of the process, whose wait status it returns. */
int node_signal(struct cluster *cluster, int node, int signal);
/* The process ends by itself within a bound: its wait status. */
int node_await_exit(struct cluster *cluster, int node);
bool node_runs(struct cluster *cluster, int node);
void node_await_serving(struct cluster *cluster, int node);
/* A line with this text stands in the log now. What is to come is awaited: node_await_log(). */
bool node_logged(const struct cluster *cluster, int node, const char *text);
/* In how many of its lines it stands now. */
int node_count_logged(const struct cluster *cluster, int node, const char *text);
void node_await_log(const struct cluster *cluster, int node, const char *text);
/* The process ends by itself with status 1, and says this. */
void node_expect_refused(struct cluster *cluster, int node, const char *text);
/* Puts its directory aside, so that it starts with an empty one. */
void node_lose_directory(struct cluster *cluster, int node);
/* The number behind "field:" in INFO raft; -1 while the node does not answer. */
long long node_info(struct cluster *cluster, int node, const char *field);
/* The same as text, "" if there is none. */
void node_info_text(struct cluster *cluster, int node, const char *section, const char *field,
                    char *text, size_t size);

/* A connected client; fails the test if there is none to be had. */
redisContext *node_connect(struct cluster *cluster, int node);
/* NULL if the node does not accept. */
redisContext *node_try_connect(struct cluster *cluster, int node);
/* A bare TCP connection; `port` of 127.0.0.1. -1 if refused. */
int connect_port(int port);
/* An address of this machine that is not the loopback; false if it has none. */
bool outer_address(struct sockaddr_in *address);

redisReply *ask(redisContext *client, const char *format, ...);
long long ask_integer(redisContext *client, const char *format, ...);
/* True if the reply is this status, string or error; else says what it was. */
bool ask_is(redisContext *client, const char *expected, const char *format, ...);
/* The same without a word: for what is asked until the answer comes. */
bool answers(redisContext *client, const char *expected, const char *format, ...);

/* Debian's redis-server on a socket in this directory, with this dump of it; it ends with the
 * test's process at the latest. */
struct redis {
    pid_t pid;
    redisContext *client;
    char socket[CLUSTER_PATH_MAX];
};
void redis_start(struct redis *redis, const char *directory, const char *dump);
void redis_end(struct redis *redis);

/* Milliseconds of a clock that only runs forward. */
int64_t clock_ms(void);
/* Between two questions of a bounded loop. */
void take_breath(void);
/* A bound in which anything local happens, also under a sanitizer on a busy machine. */
enum { PATIENCE_MS = 30000 };
#define AWAIT(condition)                                                                           \
    do {                                                                                           \
        int64_t await_until = clock_ms() + PATIENCE_MS;                                            \
        while (!(condition)) {                                                                     \
            if (clock_ms() > await_until) await_failed(__FILE__, __LINE__, #condition);            \
            take_breath();                                                                         \
        }                                                                                          \
    } while (false)
_Noreturn void await_failed(const char *file, int line, const char *condition);
