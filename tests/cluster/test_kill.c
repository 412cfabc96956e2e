/* test_kill.c: kill -9 under load. In each round clients on all nodes count, push and pop; then the
 * leader or a follower dies and comes back. What each client was told is held against what is
 * there afterwards.
 *
 *   clients of the nodes that live     no error, no broken connection; counts are exact
 *   clients of the one that dies       acknowledged <= count <= acknowledged + unanswered
 *   queues                             no element twice; none lost but what an unanswered RPOP took
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tests/cluster/harness.h"

enum { NODES = 3, KINDS = 4, WORKERS = NODES * KINDS, PIPELINE = 16 };
enum kind { COUNTS, COUNTS_IN_PIPELINES, PUSHES, POPS };

struct worker {
    pthread_t thread;
    struct cluster *cluster;
    const atomic_bool *stop;
    enum kind kind;
    int node, round;
    atomic_llong acknowledged;
    long long unanswered, sent, broken, errors;
    char error[160];
    long long *items;    /* pushed and acknowledged, or popped */
    long long *doubtful; /* pushed without an answer */
    size_t item_count, doubtful_count;
};

static void keep_item(long long **items, size_t *count, long long item) {
    if ((*count & (*count + 1)) == 0) {
        *items = memory_resize(*items, (2 * *count + 2) * sizeof(long long));
    }
    (*items)[(*count)++] = item;
}

static void send_one(struct worker *worker, redisContext *client) {
    switch (worker->kind) {
    case COUNTS:
    case COUNTS_IN_PIPELINES:
        redisAppendCommand(client, "INCR count:%d:%d:%d", worker->round, worker->node,
                           (int)worker->kind);
        break;
    case PUSHES:
        redisAppendCommand(client, "LPUSH queue:%d %lld", worker->round,
                           worker->node * 100000000ll + worker->sent);
        break;
    case POPS:
        redisAppendCommand(client, "RPOP queue:%d", worker->round);
        break;
    }
    worker->sent++;
}

static bool said_not_executed(const char *text) {
    return strncmp(text, "CLUSTERDOWN", 11) == 0 || strncmp(text, "LOADING", 7) == 0;
}

static void take_answer(struct worker *worker, const redisReply *reply, long long item) {
    if (reply->type == REDIS_REPLY_ERROR) {
        worker->errors++;
        snprintf(worker->error, sizeof(worker->error), "%s", reply->str);
        if (said_not_executed(reply->str)) return;
        worker->unanswered++;
        if (worker->kind == PUSHES) {
            keep_item(&worker->doubtful, &worker->doubtful_count, item);
        }
        return;
    }
    worker->acknowledged++;
    if (worker->kind == PUSHES) keep_item(&worker->items, &worker->item_count, item);
    if (worker->kind == POPS && reply->type == REDIS_REPLY_STRING) {
        keep_item(&worker->items, &worker->item_count, atoll(reply->str));
    }
}

/* One request, or a pipeline of them; false when the connection broke. */
static bool exchange(struct worker *worker, redisContext *client) {
    int count = worker->kind == COUNTS_IN_PIPELINES ? PIPELINE : 1;
    for (int i = 0; i < count; i++)
        send_one(worker, client);
    for (int i = 0; i < count; i++) {
        long long item = worker->node * 100000000ll + worker->sent - count + i;
        redisReply *reply = NULL;
        if (redisGetReply(client, (void **)&reply) != REDIS_OK) {
            worker->unanswered += count - i;
            worker->broken++;
            snprintf(worker->error, sizeof(worker->error), "%s", client->errstr);
            if (worker->kind == PUSHES) {
                keep_item(&worker->doubtful, &worker->doubtful_count, item);
            }
            return false;
        }
        take_answer(worker, reply, item);
        freeReplyObject(reply);
    }
    return true;
}

static void *work(void *argument) {
    struct worker *worker = argument;
    redisContext *client = NULL;
    while (!atomic_load(worker->stop)) {
        if (client == NULL) client = node_try_connect(worker->cluster, worker->node);
        if (client == NULL) {
            take_breath();
        } else if (!exchange(worker, client)) {
            redisFree(client);
            client = NULL;
        }
    }
    if (client != NULL) redisFree(client);
    return NULL;
}

static void start_workers(struct worker *workers, struct cluster *cluster, int round,
                          const atomic_bool *stop) {
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.cluster = cluster,
                                     .stop = stop,
                                     .kind = (enum kind)(i % KINDS),
                                     .node = i / KINDS,
                                     .round = round};
        cr_assert_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
}

/* Every worker but those of `but` gets `count` more answers. */
static void await_progress(struct worker *workers, int but, long long count) {
    long long target[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        target[i] = atomic_load(&workers[i].acknowledged) + count;
    for (int i = 0; i < WORKERS; i++)
        if (workers[i].node != but) AWAIT(atomic_load(&workers[i].acknowledged) >= target[i]);
}

static void check_counts(redisContext *client, const struct worker *worker, int killed) {
    long long count =
        ask_integer(client, "GET count:%d:%d:%d", worker->round, worker->node, (int)worker->kind);
    long long acknowledged = atomic_load(&worker->acknowledged);
    if (worker->node == killed) {
        cr_expect(acknowledged <= count && count <= acknowledged + worker->unanswered,
                  "round %d: %lld <= %lld <= %lld + %lld", worker->round, acknowledged, count,
                  acknowledged, worker->unanswered);
    } else {
        cr_expect_eq(count, acknowledged, "round %d, node %d: counted %lld, acknowledged %lld",
                     worker->round, worker->node + 1, count, acknowledged);
    }
}

static int by_value(const void *a, const void *b) {
    long long left = *(const long long *)a, right = *(const long long *)b;
    return left < right ? -1 : left > right;
}

static bool is_among(const long long *items, size_t count, long long item) {
    return count > 0 && bsearch(&item, items, count, sizeof(item), by_value) != NULL;
}

/* What was popped, and what is left in the queue: sorted. */
static size_t gather_seen(redisContext *client, const struct worker *workers, long long **seen) {
    size_t count = 0;
    for (int i = 0; i < WORKERS; i++) {
        if (workers[i].kind != POPS) continue;
        for (size_t k = 0; k < workers[i].item_count; k++)
            keep_item(seen, &count, workers[i].items[k]);
    }
    redisReply *rest = ask(client, "LRANGE queue:%d 0 -1", workers[0].round);
    cr_assert_eq(rest->type, REDIS_REPLY_ARRAY);
    for (size_t i = 0; i < rest->elements; i++)
        keep_item(seen, &count, atoll(rest->element[i]->str));
    freeReplyObject(rest);
    if (count > 0) qsort(*seen, count, sizeof(long long), by_value);
    return count;
}

static void check_queue(redisContext *client, struct worker *workers) {
    long long *seen = NULL, *pushed = NULL, *doubtful = NULL;
    size_t seen_count = gather_seen(client, workers, &seen), pushed_count = 0, doubtful_count = 0;
    long long unanswered_pops = 0, lost = 0;
    for (int i = 0; i < WORKERS; i++) {
        const struct worker *worker = &workers[i];
        if (worker->kind == POPS) unanswered_pops += worker->unanswered;
        if (worker->kind != PUSHES) continue;
        for (size_t k = 0; k < worker->item_count; k++)
            keep_item(&pushed, &pushed_count, worker->items[k]);
        for (size_t k = 0; k < worker->doubtful_count; k++)
            keep_item(&doubtful, &doubtful_count, worker->doubtful[k]);
    }
    if (pushed_count > 0) qsort(pushed, pushed_count, sizeof(long long), by_value);
    if (doubtful_count > 0) qsort(doubtful, doubtful_count, sizeof(long long), by_value);
    for (size_t i = 0; i < seen_count; i++) {
        cr_expect(i == 0 || seen[i] != seen[i - 1], "%lld came twice", seen[i]);
        cr_expect(is_among(pushed, pushed_count, seen[i]) ||
                      is_among(doubtful, doubtful_count, seen[i]),
                  "%lld was never pushed, or with the answer that it was not", seen[i]);
    }
    for (size_t i = 0; i < pushed_count; i++)
        lost += !is_among(seen, seen_count, pushed[i]);
    cr_expect_leq(lost, unanswered_pops, "%lld of %zu lost, %lld RPOPs unanswered", lost,
                  pushed_count, unanswered_pops);
    cr_expect_gt(pushed_count, 0);
    memory_release(seen);
    memory_release(pushed);
    memory_release(doubtful);
}

static void check_round(struct cluster *cluster, struct worker *workers, int killed) {
    redisContext *client = node_connect(cluster, (killed + 1) % NODES);
    for (int i = 0; i < WORKERS; i++) {
        const struct worker *worker = &workers[i];
        if (worker->kind == COUNTS || worker->kind == COUNTS_IN_PIPELINES) {
            check_counts(client, worker, killed);
        }
        if (worker->node == killed) continue;
        cr_expect_eq(worker->errors, 0, "round %d, node %d: %s", worker->round, worker->node + 1,
                     worker->error);
        cr_expect_eq(worker->broken, 0, "round %d, node %d: %s", worker->round, worker->node + 1,
                     worker->error);
    }
    check_queue(client, workers);
    redisFree(client);
}

static void run_round(struct cluster *cluster, int round, bool kill_leader) {
    struct worker workers[WORKERS];
    atomic_bool stop = false;
    start_workers(workers, cluster, round, &stop);
    await_progress(workers, -1, 20);
    int killed = kill_leader ? cluster_leader(cluster) : cluster_follower(cluster);
    (void)node_signal(cluster, killed, SIGKILL);
    await_progress(workers, killed, 20);
    node_start(cluster, killed);
    node_await_serving(cluster, killed);
    await_progress(workers, -1, 20);
    atomic_store(&stop, true);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(workers[i].thread, NULL);
    check_round(cluster, workers, killed);
    cluster_expect_equal(cluster);
    for (int i = 0; i < WORKERS; i++) {
        memory_release(workers[i].items);
        memory_release(workers[i].doubtful);
    }
}

Test(kill, of_the_leader_under_load) {
    struct cluster *cluster = cluster_create_running(NODES, NULL);
    for (int round = 0; round < 4; round++)
        run_round(cluster, round, true);
    cluster_destroy(cluster);
}

Test(kill, of_followers_under_load) {
    struct cluster *cluster = cluster_create_running(NODES, NULL);
    for (int round = 0; round < 4; round++)
        run_round(cluster, round, false);
    cluster_destroy(cluster);
}

/* A stopped process is the worse death: its connections stay. The same promises hold, and its own
 * clients are told the truth when it goes on. */
Test(kill, or_a_stop_of_the_leader_under_load) {
    struct cluster *cluster = cluster_create_running(NODES, NULL);
    for (int round = 0; round < 3; round++) {
        struct worker workers[WORKERS];
        atomic_bool stop = false;
        start_workers(workers, cluster, round, &stop);
        await_progress(workers, -1, 20);
        int stopped = cluster_leader(cluster);
        (void)node_signal(cluster, stopped, SIGSTOP);
        await_progress(workers, stopped, 20);
        (void)node_signal(cluster, stopped, SIGCONT);
        await_progress(workers, -1, 20);
        atomic_store(&stop, true);
        for (int i = 0; i < WORKERS; i++)
            pthread_join(workers[i].thread, NULL);
        check_round(cluster, workers, -1);
        cluster_expect_equal(cluster);
        for (int i = 0; i < WORKERS; i++) {
            memory_release(workers[i].items);
            memory_release(workers[i].doubtful);
        }
    }
    cluster_destroy(cluster);
}
