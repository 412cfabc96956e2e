/* harness.c: see harness.h. */
#include "tests/cluster/harness.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

/* Below the ports that the system hands out for outgoing connections, also with 10000 added; and no
 * port is another node's peer port, nor one of nodes.py's. */
enum { FIRST_PORT = 10000, PORTS = 6000, PEER_PORT_OFFSET = 10000, ARGUMENTS_MAX = 32 };

/* --- time ------------------------------------------------------------------------------------ */

int64_t clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void take_breath(void) {
    struct timespec breath = {.tv_nsec = 5 * 1000 * 1000};
    nanosleep(&breath, NULL);
}

static struct cluster *current; /* of this test's process: named when an await fails */

_Noreturn void await_failed(const char *file, int line, const char *condition) {
    const char *root = current == NULL ? "" : current->root;
    if (current != NULL) current->keep = true;
    cr_assert_fail("%s:%d: did not come true in %d ms: %s (logs: %s)", file, line, PATIENCE_MS,
                   condition, root);
    abort(); /* cr_assert_fail() does not return; the compiler doesn't know. */
}

/* --- ports ----------------------------------------------------------------------------------- */

static bool port_is_free(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    bool is_free = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    if (fd >= 0) close(fd);
    return is_free;
}

/* Other tests look for ports at the same time: a name in the abstract namespace, held until this
 * process ends, says whose a port is. */
static bool reserve_port(int port) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int size =
        snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "hamok-test-port-%d", port);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, length) == 0 && port_is_free(port) &&
        port_is_free(port + PEER_PORT_OFFSET)) {
        return true;
    }
    close(fd);
    return false;
}

static int find_port(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    unsigned at = (unsigned)getpid() * 2654435761u + (unsigned)now.tv_nsec;
    for (int tries = 0; tries < PORTS; tries++) {
        int port = FIRST_PORT + (int)((at + (unsigned)tries) % PORTS);
        if (reserve_port(port)) return port;
    }
    cr_assert_fail("no free port");
    return 0;
}

/* --- clusters -------------------------------------------------------------------------------- */

const char *const small_log_options[] = {"--raft-snapshot-log-min",
                                         "3mb",
                                         "--raft-snapshot-log-ratio",
                                         "0",
                                         "--raft-log-retain",
                                         "1mb",
                                         "--rdbcompression",
                                         "no",
                                         NULL};

static void list_first(struct cluster *cluster, int count) {
    size_t used = 0;
    for (int i = 0; i < count; i++)
        used += (size_t)snprintf(cluster->list + used, sizeof(cluster->list) - used,
                                 "%s127.0.0.1:%d", i == 0 ? "" : ",", cluster->nodes[i].port);
}

struct cluster *cluster_create(int count, const char *const *options) {
    struct cluster *cluster = memory_allocate_zeroed(sizeof(*cluster));
    current = cluster;
    cluster->count = count;
    const char *temporary = getenv("TMPDIR");
    snprintf(cluster->root, sizeof(cluster->root), "%s/hamok-cluster-XXXXXX",
             temporary == NULL ? "/tmp" : temporary);
    cr_assert(mkdtemp(cluster->root) != NULL, "%s: %s", cluster->root, strerror(errno));
    for (int i = 0; options != NULL && options[i] != NULL; i++)
        cluster->options[i] = options[i];
    for (int i = 0; i < count; i++) {
        struct cluster_node *node = &cluster->nodes[i];
        node->port = find_port();
        snprintf(node->directory, sizeof(node->directory), "%.200s/node%d", cluster->root, i + 1);
        snprintf(node->log, sizeof(node->log), "%.200s/node%d.log", cluster->root, i + 1);
    }
    list_first(cluster, count);
    return cluster;
}

struct cluster *cluster_create_running(int count, const char *const *options) {
    struct cluster *cluster = cluster_create(count, options);
    cluster_start(cluster);
    cluster_await_serving(cluster);
    return cluster;
}

static void remove_tree(const char *path) {
    DIR *directory = opendir(path);
    if (directory != NULL) {
        const struct dirent *entry;
        while ((entry = readdir(directory)) != NULL) {
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
            char inner[2 * CLUSTER_PATH_MAX];
            snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
            if (unlink(inner) != 0) remove_tree(inner);
        }
        closedir(directory);
    }
    (void)rmdir(path);
}

void cluster_destroy(struct cluster *cluster) {
    if (cluster == NULL) return;
    for (int i = 0; i < cluster->count; i++)
        if (cluster->nodes[i].pid != 0) node_signal(cluster, i, SIGKILL);
    if (!cluster->keep) remove_tree(cluster->root);
    if (current == cluster) current = NULL;
    memory_release(cluster);
}

void cluster_start(struct cluster *cluster) {
    for (int i = 0; i < cluster->count; i++)
        if (cluster->nodes[i].pid == 0) node_start(cluster, i);
}

static bool is_serving(struct cluster *cluster, int node) {
    return node_info(cluster, node, "raft_serves") == 1;
}

void node_await_serving(struct cluster *cluster, int node) {
    AWAIT(is_serving(cluster, node));
}

void cluster_await_serving(struct cluster *cluster) {
    for (int i = 0; i < cluster->count; i++)
        if (node_runs(cluster, i)) node_await_serving(cluster, i);
}

static int leader_now(struct cluster *cluster) {
    for (int i = 0; i < cluster->count; i++) {
        if (!node_runs(cluster, i)) continue;
        char role[32];
        node_info_text(cluster, i, "raft", "raft_role", role, sizeof(role));
        if (strcmp(role, "leader") == 0) return i;
    }
    return -1;
}

int cluster_leader(struct cluster *cluster) {
    int leader = -1;
    AWAIT((leader = leader_now(cluster)) >= 0);
    return leader;
}

int cluster_follower(struct cluster *cluster) {
    int leader = cluster_leader(cluster);
    for (int i = 0; i < cluster->count; i++)
        if (i != leader && node_runs(cluster, i)) return i;
    cr_assert_fail("no follower runs");
    return -1;
}

struct state {
    long long applied;
    char digest[64];
};

/* Index and digest of one INFO: of one moment. */
static bool state_of(struct cluster *cluster, int node, struct state *state) {
    redisContext *client = node_try_connect(cluster, node);
    if (client == NULL) return false;
    redisReply *reply = redisCommand(client, "INFO raft");
    const char *applied = NULL, *digest = NULL;
    if (reply != NULL && reply->type == REDIS_REPLY_STRING) {
        applied = strstr(reply->str, "raft_last_applied_index:");
        digest = strstr(reply->str, "raft_state_digest:");
    }
    bool found = applied != NULL && digest != NULL;
    if (found) {
        state->applied = atoll(strchr(applied, ':') + 1);
        digest = strchr(digest, ':') + 1;
        snprintf(state->digest, sizeof(state->digest), "%.*s", (int)strcspn(digest, "\r\n"),
                 digest);
    }
    if (reply != NULL) freeReplyObject(reply);
    redisFree(client);
    return found;
}

static bool states_meet(struct cluster *cluster, struct state *states) {
    long long applied = -1;
    for (int i = 0; i < cluster->count; i++) {
        if (!node_runs(cluster, i)) continue;
        if (!state_of(cluster, i, &states[i])) return false;
        if (applied >= 0 && states[i].applied != applied) return false;
        applied = states[i].applied;
    }
    return true;
}

void cluster_expect_equal(struct cluster *cluster) {
    struct state states[CLUSTER_NODES_MAX];
    AWAIT(states_meet(cluster, states));
    const struct state *first = NULL;
    for (int i = 0; i < cluster->count; i++) {
        if (!node_runs(cluster, i)) continue;
        if (first == NULL) first = &states[i];
        bool equal = strcmp(first->digest, states[i].digest) == 0;
        if (!equal) cluster->keep = true;
        cr_expect(equal, "at index %lld node %d has digest %s, not %s (logs: %s)",
                  states[i].applied, i + 1, states[i].digest, first->digest, cluster->root);
        cr_expect_str_neq(states[i].digest, "", "node %d shows a digest", i + 1);
    }
}

/* --- nodes ----------------------------------------------------------------------------------- */

static const char *server_path(void) {
    const char *path = getenv("HAMOK_SERVER");
    return path != NULL && path[0] != '\0' ? path : HAMOK_SERVER_BUILT;
}

/* Runs in the child. */
_Noreturn static void become_server(const char *log, pid_t parent, char **arguments) {
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    int nothing = open("/dev/null", O_RDONLY);
    if (fd < 0 || nothing < 0) _exit(126);
    (void)dup2(nothing, STDIN_FILENO);
    (void)dup2(fd, STDOUT_FILENO);
    (void)dup2(fd, STDERR_FILENO);
    for (int other = 3; other < 256; other++)
        close(other);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(126); /* The test died before the line above. */
    for (int number = 1; number < 32; number++)
        (void)signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(arguments[0], arguments);
    _exit(127);
}

void node_start_with(struct cluster *cluster, int node, const char *list,
                     const char *const *arguments) {
    struct cluster_node *own = &cluster->nodes[node];
    cr_assert_eq(own->pid, 0, "node %d runs already", node + 1);
    char port[16];
    snprintf(port, sizeof(port), "%d", own->port);
    const char *all[ARGUMENTS_MAX] = {server_path()};
    int count = 1;
    /* A redis.conf has to stand first. */
    bool has_file = arguments != NULL && arguments[0] != NULL && arguments[0][0] == '/';
    if (has_file) all[count++] = *arguments++;
    const char *const usual[] = {"--port", port, "--dir", own->directory, "--cluster", list};
    for (int i = 0; i < (list == NULL ? 4 : 6); i++)
        all[count++] = usual[i];
    for (int i = 0; cluster->options[i] != NULL; i++)
        all[count++] = cluster->options[i];
    for (int i = 0; arguments != NULL && arguments[i] != NULL; i++)
        all[count++] = arguments[i];
    CHECK(count < ARGUMENTS_MAX);
    if (mkdir(own->directory, 0755) != 0 && errno != EEXIST) {
        cr_assert_fail("%s: %s", own->directory, strerror(errno));
    }
    pid_t parent = getpid();
    own->pid = fork();
    if (own->pid == 0) become_server(own->log, parent, (char **)(uintptr_t)all);
    cr_assert(own->pid > 0, "fork: %s", strerror(errno));
}

void node_start(struct cluster *cluster, int node) {
    node_start_with(cluster, node, cluster->count > 1 ? cluster->list : NULL, NULL);
}

void cluster_start_founders(struct cluster *cluster, int count) {
    list_first(cluster, count);
    for (int i = 0; i < count; i++)
        node_start_with(cluster, i, cluster->list, NULL);
    cluster_await_serving(cluster);
}

void node_start_joining(struct cluster *cluster, int node, int member) {
    char address[64];
    snprintf(address, sizeof(address), "127.0.0.1:%d", cluster->nodes[member].port);
    node_start_with(cluster, node, NULL, (const char *const[]){"--join", address, NULL});
}

/* Reaps it if it has ended. */
static bool has_exited(struct cluster_node *node, int *status) {
    pid_t ended = waitpid(node->pid, status, WNOHANG);
    if (ended != node->pid) return false;
    node->pid = 0;
    return true;
}

int node_await_exit(struct cluster *cluster, int node) {
    int status = 0;
    AWAIT(has_exited(&cluster->nodes[node], &status));
    return status;
}

int node_signal(struct cluster *cluster, int node, int number) {
    struct cluster_node *own = &cluster->nodes[node];
    cr_assert(own->pid > 0, "node %d does not run", node + 1);
    (void)kill(own->pid, number);
    if (number != SIGKILL && number != SIGTERM) return 0;
    return node_await_exit(cluster, node);
}

bool node_runs(struct cluster *cluster, int node) {
    struct cluster_node *own = &cluster->nodes[node];
    if (own->pid == 0) return false;
    int status;
    if (!has_exited(own, &status)) return true;
    cluster->keep = true;
    cr_assert_fail("node %d ended by itself: wait status %x (logs: %s)", node + 1, status,
                   cluster->root);
    return false;
}

int node_count_logged(const struct cluster *cluster, int node, const char *text) {
    FILE *file = fopen(cluster->nodes[node].log, "r");
    if (file == NULL) return 0;
    char line[2048];
    int count = 0;
    while (fgets(line, sizeof(line), file) != NULL)
        count += strstr(line, text) != NULL;
    fclose(file);
    return count;
}

bool node_logged(const struct cluster *cluster, int node, const char *text) {
    return node_count_logged(cluster, node, text) > 0;
}

void node_await_log(const struct cluster *cluster, int node, const char *text) {
    int64_t until = clock_ms() + PATIENCE_MS;
    while (!node_logged(cluster, node, text)) {
        if (clock_ms() > until) await_failed(__FILE__, __LINE__, text);
        take_breath();
    }
}

void node_expect_refused(struct cluster *cluster, int node, const char *text) {
    int status = node_await_exit(cluster, node);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 1, "wait status %x", status);
    bool said = node_logged(cluster, node, text);
    cr_expect(said, "node %d says '%s' (log: %s)", node + 1, text, cluster->nodes[node].log);
    if (!said) cluster->keep = true;
}

void node_lose_directory(struct cluster *cluster, int node) {
    static int count;
    char aside[2 * CLUSTER_PATH_MAX];
    const char *directory = cluster->nodes[node].directory;
    snprintf(aside, sizeof(aside), "%s-lost-%d", directory, ++count);
    cr_assert_eq(rename(directory, aside), 0, "%s: %s", directory, strerror(errno));
}

void node_info_text(struct cluster *cluster, int node, const char *section, const char *field,
                    char *text, size_t size) {
    text[0] = '\0';
    redisContext *client = node_try_connect(cluster, node);
    if (client == NULL) return;
    redisReply *reply = redisCommand(client, "INFO %s", section);
    if (reply != NULL && reply->type == REDIS_REPLY_STRING) {
        size_t field_size = strlen(field);
        for (const char *at = strstr(reply->str, field); at != NULL; at = strstr(at + 1, field)) {
            if (at[-1] != '\n' || at[field_size] != ':') continue;
            at += field_size + 1;
            snprintf(text, size, "%.*s", (int)strcspn(at, "\r\n"), at);
            break;
        }
    }
    if (reply != NULL) freeReplyObject(reply);
    redisFree(client);
}

long long node_info(struct cluster *cluster, int node, const char *field) {
    char text[64];
    node_info_text(cluster, node, "raft", field, text, sizeof(text));
    return text[0] == '\0' ? -1 : atoll(text);
}

/* --- clients --------------------------------------------------------------------------------- */

redisContext *node_try_connect(struct cluster *cluster, int node) {
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    redisContext *client =
        redisConnectWithTimeout("127.0.0.1", cluster->nodes[node].port, patience);
    if (client == NULL) return NULL;
    if (client->err == 0 && redisSetTimeout(client, patience) == REDIS_OK) return client;
    redisFree(client);
    return NULL;
}

redisContext *node_connect(struct cluster *cluster, int node) {
    redisContext *client = NULL;
    AWAIT((client = node_try_connect(cluster, node)) != NULL);
    return client;
}

int connect_port(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) return fd;
    close(fd);
    return -1;
}

bool outer_address(struct sockaddr_in *address) {
    struct ifaddrs *all = NULL;
    bool found = false;
    if (getifaddrs(&all) != 0) return false;
    for (struct ifaddrs *each = all; each != NULL && !found; each = each->ifa_next) {
        if (each->ifa_addr == NULL || each->ifa_addr->sa_family != AF_INET) continue;
        memcpy(address, each->ifa_addr, sizeof(*address));
        found = ntohl(address->sin_addr.s_addr) >> 24 != 127;
    }
    freeifaddrs(all);
    return found;
}

static redisReply *ask_list(redisContext *client, const char *format, va_list arguments) {
    redisReply *reply = redisvCommand(client, format, arguments);
    if (reply == NULL && current != NULL) current->keep = true;
    cr_assert(reply != NULL, "no reply to %s: %s", format, client->errstr);
    return reply;
}

redisReply *ask(redisContext *client, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = ask_list(client, format, arguments);
    va_end(arguments);
    return reply;
}

long long ask_integer(redisContext *client, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = ask_list(client, format, arguments);
    va_end(arguments);
    long long value = -1;
    if (reply->type == REDIS_REPLY_INTEGER) value = reply->integer;
    if (reply->type == REDIS_REPLY_STRING) value = atoll(reply->str);
    cr_expect(reply->type == REDIS_REPLY_INTEGER || reply->type == REDIS_REPLY_STRING,
              "%s answered type %d: %s", format, reply->type, reply->str == NULL ? "" : reply->str);
    freeReplyObject(reply);
    return value;
}

static bool is_text(const redisReply *reply, const char *expected) {
    return reply->str != NULL && strcmp(reply->str, expected) == 0;
}

bool ask_is(redisContext *client, const char *expected, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = ask_list(client, format, arguments);
    va_end(arguments);
    bool same = is_text(reply, expected);
    /* Not by Criterion's log: a run in which it warns ends with 1, whatever its tests say. */
    if (!same) {
        fprintf(stderr, "%s answered %s, not %s\n", format, reply->str == NULL ? "-" : reply->str,
                expected);
    }
    freeReplyObject(reply);
    return same;
}

bool answers(redisContext *client, const char *expected, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = ask_list(client, format, arguments);
    va_end(arguments);
    bool same = is_text(reply, expected);
    freeReplyObject(reply);
    return same;
}

/* --- a Redis --------------------------------------------------------------------------------- */

static bool redis_connects(struct redis *redis) {
    redis->client = redisConnectUnix(redis->socket);
    if (redis->client != NULL && redis->client->err == 0) return true;
    if (redis->client != NULL) redisFree(redis->client);
    return false;
}

void redis_start(struct redis *redis, const char *directory, const char *dump) {
    snprintf(redis->socket, sizeof(redis->socket), "%.200s/redis.sock", directory);
    pid_t parent = getpid();
    redis->pid = fork();
    cr_assert_geq(redis->pid, 0, "fork: %s", strerror(errno));
    if (redis->pid > 0) {
        AWAIT(redis_connects(redis));
        AWAIT(answers(redis->client, "PONG", "PING")); /* LOADING until it has read the dump */
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1); /* It died before the line above. */
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", redis->socket, "--dir",
           directory, "--dbfilename", dump, "--save", "", "--logfile", "/dev/null", NULL);
    _exit(1);
}

void redis_end(struct redis *redis) {
    redisFree(redis->client);
    (void)kill(redis->pid, SIGKILL);
    cr_expect_eq(waitpid(redis->pid, NULL, 0), redis->pid);
    (void)unlink(redis->socket);
}
