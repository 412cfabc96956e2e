/* nodes.h: the servers of one cluster, each in its place of the lab, and what they say of
 * themselves when asked within their own namespace, where no fault of the network is felt.
 *
 * Ownership: nodes_create() to nodes_destroy(), which kills what runs. Only the thread that created
 * them may use them: the servers die with it. */
#pragma once

#include <hiredis/hiredis.h>
#include <stdbool.h>

#include "tests/torture/lab.h"
#include "tests/torture/shim.h"

enum { NODES_PORT = 6379, NODES_OPTIONS_MAX = 16 };

struct node {
    struct place *place;
    pid_t pid; /* 0: does not run */
    bool paused, cache_is_volatile;
    char log[TORTURE_PATH_MAX], board_path[TORTURE_PATH_MAX];
    struct shim_board *board;
};

struct nodes {
    struct lab *lab;
    int count;
    struct node at[TORTURE_NODES_MAX];
    char list[TORTURE_PATH_MAX];            /* as --cluster takes it */
    const char *options[NODES_OPTIONS_MAX]; /* for every node, NULL at the end */
};

struct nodes_settings {
    int count;
    uint32_t disk_mebibytes;
    const char *const *options;                  /* NULL at the end */
    bool caches_are_volatile[TORTURE_NODES_MAX]; /* shim.h */
};

/* New file systems, and nothing that runs yet. */
struct nodes *nodes_create(struct lab *lab, const struct nodes_settings *settings);
void nodes_destroy(struct nodes *nodes);

void node_start(struct nodes *nodes, int node);
/* SIGKILL, and reaped; likewise for one that ended by itself (false: by another end than status 1,
 * the server's way to say that it can't go on). */
void node_kill(struct nodes *nodes, int node);
bool node_has_ended(struct nodes *nodes, int node, int *status);
void node_pause(struct nodes *nodes, int node);
void node_continue(struct nodes *nodes, int node);
/* SIGTERM; false: it has not ended within a bound (and is killed). */
bool node_terminate(struct nodes *nodes, int node);
/* Paused, its disk cut off, killed; its mount is gone then. Several lose it at one moment. */
void nodes_lose_power(struct nodes *nodes, const bool *which);
void nodes_regain_power(struct nodes *nodes, const bool *which);

/* NULL if it does not accept or answer in time. */
redisContext *node_connect(const struct nodes *nodes, int node);
/* Its loop goes into one command that takes so long; false: it can't be asked. */
bool node_hold_up(const struct nodes *nodes, int node, uint32_t milliseconds);
/* A field of INFO raft; false: no answer, no such field. */
bool node_info(const struct nodes *nodes, int node, const char *field, char *text, size_t size);
bool node_serves(const struct nodes *nodes, int node);
/* All run and serve within the time. */
bool nodes_await_serving(const struct nodes *nodes, uint32_t milliseconds);
/* The running node that says it leads and serves; -1: none does now. */
int nodes_leader(const struct nodes *nodes);
/* All have come to one applied index, with one digest there. False: `problem` says what differs. */
bool nodes_are_equal(const struct nodes *nodes, uint32_t milliseconds, char *problem, size_t size);

/* Where the log ends now, and whether a text stands in it behind such a place. */
long node_log_end(const struct nodes *nodes, int node);
bool node_logged(const struct nodes *nodes, int node, long from, const char *text);
/* The last lines of its log, for people. */
void node_show_log(const struct nodes *nodes, int node);
