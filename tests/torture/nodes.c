/* nodes.c: see nodes.h. */
#include "tests/torture/nodes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

enum { ARGUMENTS_MAX = 40, ANSWER_MS = 2000, END_MS = 20000, LOG_LINES_SHOWN = 12 };

/* --- life ------------------------------------------------------------------------------------ */

static void map_board(struct node *node) {
    int fd = open(node->board_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(struct shim_board)) != 0)
        give_up("%s: %s", node->board_path, strerror(errno));
    void *mapped = mmap(NULL, sizeof(struct shim_board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) give_up("mmap: %s", strerror(errno));
    close(fd);
    node->board = mapped;
}

struct nodes *nodes_create(struct lab *lab, const struct nodes_settings *settings) {
    CHECK(settings->count <= lab->count);
    struct nodes *nodes = memory_allocate_zeroed(sizeof(*nodes));
    nodes->lab = lab;
    nodes->count = settings->count;
    for (int i = 0; settings->options != NULL && settings->options[i] != NULL; i++) {
        CHECK(i + 1 < NODES_OPTIONS_MAX);
        nodes->options[i] = settings->options[i];
    }
    size_t used = 0;
    for (int i = 0; i < nodes->count; i++) {
        struct node *node = &nodes->at[i];
        node->place = &lab->places[i];
        node->cache_is_volatile = settings->caches_are_volatile[i];
        snprintf(node->log, sizeof(node->log), "%.200s/node%d.log", lab->root, i + 1);
        snprintf(node->board_path, sizeof(node->board_path), "%.200s/node%d.board", lab->root,
                 i + 1);
        (void)unlink(node->log);
        map_board(node);
        place_format(node->place, settings->disk_mebibytes);
        used += (size_t)snprintf(nodes->list + used, sizeof(nodes->list) - used, "%s%s:%d",
                                 i == 0 ? "" : ",", node->place->host, NODES_PORT);
    }
    return nodes;
}

void nodes_destroy(struct nodes *nodes) {
    if (nodes == NULL) return;
    for (int i = 0; i < nodes->count; i++) {
        struct node *node = &nodes->at[i];
        if (node->pid != 0) node_kill(nodes, i);
        munmap(node->board, sizeof(*node->board));
        if (node->place->mounted && !nodes->lab->keep) place_unmount(node->place);
    }
    memory_release(nodes);
}

/* --- processes ------------------------------------------------------------------------------- */

static const char *server_path(void) {
    const char *path = getenv("HAMOK_SERVER");
    return path != NULL && path[0] != '\0' ? path : HAMOK_SERVER_BUILT;
}

/* Runs in the child. */
_Noreturn static void become_server(const struct node *node, pid_t parent, char **arguments) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || !place_enter(node->place)) _exit(126);
    int fd = open(node->log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    int nothing = open("/dev/null", O_RDONLY);
    if (fd < 0 || nothing < 0) _exit(126);
    (void)dup2(nothing, STDIN_FILENO);
    (void)dup2(fd, STDOUT_FILENO);
    (void)dup2(fd, STDERR_FILENO);
    setenv(SHIM_VARIABLE, node->board_path, 1);
    setenv("LD_PRELOAD", HAMOK_SHIM, 1);
    execv(arguments[0], arguments);
    _exit(127);
}

void node_start(struct nodes *nodes, int number) {
    struct node *node = &nodes->at[number];
    CHECK(node->pid == 0 && node->place->mounted);
    memset(node->board, 0, sizeof(*node->board));
    atomic_store(&node->board->cache_is_volatile, node->cache_is_volatile);
    const char *all[ARGUMENTS_MAX] = {server_path(),
                                      "--port",
                                      "6379",
                                      "--bind",
                                      node->place->host,
                                      "--dir",
                                      node->place->data,
                                      "--cluster",
                                      nodes->list,
                                      "--raft-secret",
                                      "torture",
                                      "--protected-mode",
                                      "no",
                                      "--enable-debug-command",
                                      "yes"};
    _Static_assert(NODES_PORT == 6379, "the argument above");
    int count = 0;
    while (all[count] != NULL)
        count++;
    for (int i = 0; nodes->options[i] != NULL; i++)
        all[count++] = nodes->options[i];
    CHECK(count < ARGUMENTS_MAX);
    pid_t parent = getpid();
    node->pid = fork();
    if (node->pid == 0) become_server(node, parent, (char **)(uintptr_t)all);
    if (node->pid < 0) give_up("fork: %s", strerror(errno));
    node->paused = false;
}

static void send_signal(const struct node *node, int number) {
    CHECK(node->pid > 0);
    if (kill(node->pid, number) != 0) give_up("kill: %s", strerror(errno));
}

void node_kill(struct nodes *nodes, int number) {
    struct node *node = &nodes->at[number];
    int status;
    send_signal(node, SIGKILL);
    if (waitpid(node->pid, &status, 0) != node->pid) give_up("waitpid: %s", strerror(errno));
    node->pid = 0;
}

bool node_has_ended(struct nodes *nodes, int number, int *status) {
    struct node *node = &nodes->at[number];
    if (node->pid == 0 || waitpid(node->pid, status, WNOHANG) != node->pid) return false;
    node->pid = 0;
    return true;
}

void node_pause(struct nodes *nodes, int number) {
    send_signal(&nodes->at[number], SIGSTOP);
    nodes->at[number].paused = true;
}

void node_continue(struct nodes *nodes, int number) {
    send_signal(&nodes->at[number], SIGCONT);
    nodes->at[number].paused = false;
}

bool node_terminate(struct nodes *nodes, int number) {
    int status;
    send_signal(&nodes->at[number], SIGTERM);
    if (AWAIT_WITHIN(END_MS, node_has_ended(nodes, number, &status)))
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    node_kill(nodes, number);
    return false;
}

void nodes_lose_power(struct nodes *nodes, const bool *which) {
    for (int i = 0; i < nodes->count; i++)
        if (which[i]) send_signal(&nodes->at[i], SIGSTOP);
    for (int i = 0; i < nodes->count; i++)
        if (which[i]) place_lose_power(nodes->at[i].place);
    for (int i = 0; i < nodes->count; i++) {
        if (!which[i]) continue;
        node_kill(nodes, i);
        place_unmount(nodes->at[i].place);
    }
}

void nodes_regain_power(struct nodes *nodes, const bool *which) {
    for (int i = 0; i < nodes->count; i++) {
        if (!which[i]) continue;
        place_mount(nodes->at[i].place);
        node_start(nodes, i);
    }
}

/* --- questions ------------------------------------------------------------------------------- */

redisContext *node_connect(const struct nodes *nodes, int number) {
    const struct node *node = &nodes->at[number];
    if (node->pid == 0 || node->paused) return NULL;
    int fd = place_socket(nodes->lab, node->place);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(NODES_PORT),
                                  .sin_addr.s_addr = htonl(node->place->address)};
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return NULL;
    }
    redisContext *client = redisConnectFd(fd);
    struct timeval patience = {.tv_sec = ANSWER_MS / 1000};
    if (client != NULL && redisSetTimeout(client, patience) == REDIS_OK) return client;
    if (client != NULL) redisFree(client);
    return NULL;
}

bool node_hold_up(const struct nodes *nodes, int number, uint32_t milliseconds) {
    redisContext *client = node_connect(nodes, number);
    if (client == NULL) return false;
    int done = 0;
    bool sent = redisAppendCommand(client, "DEBUG SLEEP %u.%03u", milliseconds / 1000,
                                   milliseconds % 1000) == REDIS_OK &&
                redisBufferWrite(client, &done) == REDIS_OK && done;
    redisFree(client); /* What was sent arrives before the end of the connection. */
    return sent;
}

/* The value behind "field:"; false if there is none. */
static bool find_field(const char *info, const char *field, char *text, size_t size) {
    size_t field_size = strlen(field);
    for (const char *at = strstr(info, field); at != NULL; at = strstr(at + 1, field)) {
        if (at == info || at[-1] != '\n' || at[field_size] != ':') continue;
        at += field_size + 1;
        snprintf(text, size, "%.*s", (int)strcspn(at, "\r\n"), at);
        return true;
    }
    return false;
}

/* The reply to INFO raft, or NULL. */
static redisReply *ask_info(const struct nodes *nodes, int node) {
    redisContext *client = node_connect(nodes, node);
    if (client == NULL) return NULL;
    redisReply *reply = redisCommand(client, "INFO raft");
    redisFree(client);
    if (reply == NULL || reply->type == REDIS_REPLY_STRING) return reply;
    freeReplyObject(reply);
    return NULL;
}

bool node_info(const struct nodes *nodes, int node, const char *field, char *text, size_t size) {
    redisReply *reply = ask_info(nodes, node);
    if (reply == NULL) return false;
    bool found = find_field(reply->str, field, text, size);
    freeReplyObject(reply);
    return found;
}

bool node_serves(const struct nodes *nodes, int node) {
    char text[16];
    return node_info(nodes, node, "raft_serves", text, sizeof(text)) && strcmp(text, "1") == 0;
}

static bool all_serve(const struct nodes *nodes) {
    for (int i = 0; i < nodes->count; i++)
        if (!node_serves(nodes, i)) return false;
    return true;
}

bool nodes_await_serving(const struct nodes *nodes, uint32_t milliseconds) {
    return AWAIT_WITHIN(milliseconds, all_serve(nodes));
}

int nodes_leader(const struct nodes *nodes) {
    for (int i = 0; i < nodes->count; i++) {
        char role[32], serves[16];
        redisReply *reply = ask_info(nodes, i);
        if (reply == NULL) continue;
        bool leads = find_field(reply->str, "raft_role", role, sizeof(role)) &&
                     find_field(reply->str, "raft_serves", serves, sizeof(serves)) &&
                     strcmp(role, "leader") == 0 && strcmp(serves, "1") == 0;
        freeReplyObject(reply);
        if (leads) return i;
    }
    return -1;
}

struct state {
    char applied[32], digest[64];
};

static bool read_states(const struct nodes *nodes, struct state *states) {
    for (int i = 0; i < nodes->count; i++) {
        redisReply *reply = ask_info(nodes, i);
        if (reply == NULL) return false;
        struct state *state = &states[i];
        bool found =
            find_field(reply->str, "raft_last_applied_index", state->applied,
                       sizeof(state->applied)) &&
            find_field(reply->str, "raft_state_digest", state->digest, sizeof(state->digest));
        freeReplyObject(reply);
        if (!found || strcmp(state->applied, states[0].applied) != 0) return false;
    }
    return true;
}

bool nodes_are_equal(const struct nodes *nodes, uint32_t milliseconds, char *problem, size_t size) {
    struct state states[TORTURE_NODES_MAX];
    if (!AWAIT_WITHIN(milliseconds, read_states(nodes, states))) {
        snprintf(problem, size, "the nodes do not come to one applied index");
        return false;
    }
    for (int i = 1; i < nodes->count; i++) {
        if (strcmp(states[i].digest, states[0].digest) == 0) continue;
        snprintf(problem, size, "at index %s node %d has digest %s, node 1 %s", states[0].applied,
                 i + 1, states[i].digest, states[0].digest);
        return false;
    }
    return true;
}

/* --- logs ------------------------------------------------------------------------------------ */

long node_log_end(const struct nodes *nodes, int node) {
    struct stat status;
    return stat(nodes->at[node].log, &status) == 0 ? (long)status.st_size : 0;
}

bool node_logged(const struct nodes *nodes, int node, long from, const char *text) {
    FILE *file = fopen(nodes->at[node].log, "re");
    if (file == NULL) return false;
    char line[2048];
    bool found = false;
    if (fseek(file, from, SEEK_SET) == 0) {
        while (!found && fgets(line, sizeof(line), file) != NULL)
            found = strstr(line, text) != NULL;
    }
    fclose(file);
    return found;
}

void node_show_log(const struct nodes *nodes, int node) {
    FILE *file = fopen(nodes->at[node].log, "re");
    if (file == NULL) return;
    char lines[LOG_LINES_SHOWN][1024];
    int count = 0;
    while (fgets(lines[count % LOG_LINES_SHOWN], sizeof(lines[0]), file) != NULL)
        count++;
    fclose(file);
    for (int i = count < LOG_LINES_SHOWN ? 0 : count - LOG_LINES_SHOWN; i < count; i++)
        printf("    node %d: %s", node + 1, lines[i % LOG_LINES_SHOWN]);
}
