/* test_trace.c: no reply precedes a majority's sync. Three real servers under tracer.c, which notes
 * the moments of the system calls; all of one machine, so of one clock. A client on each node
 * pushes numbered marks, alone and in pipelines; for each reply two logs have to be durable before
 * it left. The same without syncs (raft-fsync no) shows that the trace would see it. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tests/cluster/harness.h"

enum { NODES = 3, ALONE = 60, PIPELINES = 10, PIPELINE = 40, MARKS = ALONE + PIPELINES * PIPELINE };
enum { NODE_MARKS = 100000 }; /* client i's marks are i * NODE_MARKS + 1, 2, … */
static const long long never = INT64_MAX;

struct trace {
    long long durable[NODES][MARKS + 1]; /* of each node's marks, at this node: when */
    long long replied[MARKS + 1];        /* of this node's own marks */
};

/* What one process wrote, and has not synced yet. */
struct unsynced {
    int mark, file;
};

static void note_sync(struct trace *trace, struct unsynced *unsynced, size_t *count, int file,
                      long long end) {
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (unsynced[i].file != file) {
            unsynced[kept++] = unsynced[i];
            continue;
        }
        int node = unsynced[i].mark / NODE_MARKS, mark = unsynced[i].mark % NODE_MARKS;
        cr_assert(node < NODES && mark >= 1 && mark <= MARKS);
        if (end < trace->durable[node][mark]) trace->durable[node][mark] = end;
    }
    *count = kept;
}

/* The last block of a file is written again with what follows: the same mark, not yet synced. */
static bool is_noted(const struct unsynced *unsynced, size_t count, int mark, int file) {
    for (size_t i = 0; i < count; i++)
        if (unsynced[i].mark == mark && unsynced[i].file == file) return true;
    return false;
}

/* One thread writes and syncs the log, so its lines stand in the order of its calls. */
static void read_trace(const char *path, struct trace *trace) {
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL, "%s", path);
    struct unsynced *unsynced = memory_allocate(NODES * MARKS * 4 * sizeof(*unsynced));
    size_t unsynced_count = 0;
    char line[128];
    while (fgets(line, sizeof(line), file) != NULL) {
        long long first, second;
        int number, fd;
        if (sscanf(line, "W %lld %d %d", &first, &fd, &number) == 3) {
            if (is_noted(unsynced, unsynced_count, number, fd)) continue;
            cr_assert(unsynced_count < NODES * MARKS * 4);
            unsynced[unsynced_count++] = (struct unsynced){.mark = number, .file = fd};
        } else if (sscanf(line, "S %lld %lld %d", &first, &second, &fd) == 3) {
            note_sync(trace, unsynced, &unsynced_count, fd, second);
        } else if (sscanf(line, "R %lld %d", &first, &number) == 2) {
            if (number >= 1 && number <= MARKS) trace->replied[number] = first;
        }
    }
    memory_release(unsynced);
    fclose(file);
}

static void push_marks(struct cluster *cluster) {
    redisContext *clients[NODES];
    for (int i = 0; i < NODES; i++)
        clients[i] = node_connect(cluster, i);
    int mark = 0;
    for (int round = 0; round < ALONE + PIPELINES; round++) {
        int count = round < ALONE ? 1 : PIPELINE;
        for (int i = 0; i < NODES; i++) {
            for (int k = 1; k <= count; k++)
                redisAppendCommand(clients[i], "RPUSH list%d mark-%06d", i,
                                   i * NODE_MARKS + mark + k);
            int done = 0;
            while (!done)
                cr_assert_eq(redisBufferWrite(clients[i], &done), REDIS_OK);
        }
        for (int i = 0; i < NODES; i++) {
            for (int k = 1; k <= count; k++) {
                redisReply *reply = NULL;
                cr_assert_eq(redisGetReply(clients[i], (void **)&reply), REDIS_OK);
                cr_assert_eq(reply->integer, mark + k, "the reply names its mark");
                freeReplyObject(reply);
            }
        }
        mark += count;
    }
    for (int i = 0; i < NODES; i++)
        redisFree(clients[i]);
}

/* When the second of three logs was durable. */
static long long majority(const struct trace *traces, int node, int mark) {
    long long earliest = never, second = never;
    for (int i = 0; i < NODES; i++) {
        long long at = traces[i].durable[node][mark];
        if (at < earliest) {
            second = earliest;
            earliest = at;
        } else if (at < second) {
            second = at;
        }
    }
    return second;
}

/* How many replies came before a majority's sync. */
static int run_traced(const char *const *options) {
    /* The plain build also where the other tests use a sanitizer's, which must be loaded first. */
    unsetenv("HAMOK_SERVER");
    struct cluster *cluster = cluster_create(NODES, options);
    char paths[NODES][2 * CLUSTER_PATH_MAX];
    setenv("LD_PRELOAD", HAMOK_TRACER, 1);
    for (int i = 0; i < NODES; i++) {
        snprintf(paths[i], sizeof(paths[i]), "%s/trace%d", cluster->root, i + 1);
        setenv("HAMOK_TRACE_FILE", paths[i], 1);
        node_start(cluster, i);
    }
    unsetenv("LD_PRELOAD");
    cluster_await_serving(cluster);
    push_marks(cluster);
    cluster_expect_equal(cluster);
    for (int i = 0; i < NODES; i++)
        (void)node_signal(cluster, i, SIGKILL);
    struct trace *traces = memory_allocate_zeroed(NODES * sizeof(*traces));
    for (int i = 0; i < NODES; i++) {
        for (int k = 0; k < NODES; k++)
            for (int mark = 0; mark <= MARKS; mark++)
                traces[i].durable[k][mark] = never;
        read_trace(paths[i], &traces[i]);
    }
    int early = 0, replies = 0;
    for (int node = 0; node < NODES; node++) {
        for (int mark = 1; mark <= MARKS; mark++) {
            long long replied = traces[node].replied[mark];
            replies += replied > 0;
            early += replied < majority(traces, node, mark);
        }
    }
    cr_expect_eq(replies, NODES * MARKS, "the trace saw %d of %d replies", replies, NODES * MARKS);
    memory_release(traces);
    cluster_destroy(cluster);
    return early;
}

Test(trace, no_reply_precedes_a_majoritys_sync) {
    cr_expect_eq(run_traced(NULL), 0);
}

Test(trace, would_see_replies_without_syncs) {
    const char *const options[] = {"--raft-fsync", "no", NULL};
    cr_expect_gt(run_traced(options), NODES * MARKS / 2);
}
