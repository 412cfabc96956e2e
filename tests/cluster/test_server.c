/* One real server: limits, protection, bad input, start-up and stop. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/cluster/harness.h"

static struct cluster *cluster;

/* --- one server, in few words ------------------------------------------------------------------
 */

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void prepare(int count, const char *const *options) {
    cluster = cluster_create(count, options);
}

static void begin(const char *const *options) {
    prepare(1, options);
    cluster_start(cluster);
    node_await_serving(cluster, 0);
}

static void begin_with(const char *const *arguments) {
    node_start_with(cluster, 0, NULL, arguments);
    node_await_serving(cluster, 0);
}

/* Stops it as an administrator does; a sanitizer's finding is no status 0. */
static void stop(void) {
    int status = node_signal(cluster, 0, SIGTERM);
    if (status != 0) cluster->keep = true;
    cr_expect_eq(status, 0, "wait status %x (log: %s)", status, cluster->nodes[0].log);
}

static void end(void) {
    if (cluster == NULL) return;
    if (cluster->nodes[0].pid != 0 && node_runs(cluster, 0)) stop();
    cluster_destroy(cluster);
}

/* Runs to the end: the exit status, and what it wrote. */
static int run_to_end(int node, const char *const *arguments, char *text, size_t size) {
    (void)unlink(cluster->nodes[node].log);
    node_start_with(cluster, node, NULL, arguments);
    int status = node_await_exit(cluster, node);
    FILE *file = fopen(cluster->nodes[node].log, "re");
    size_t used = file == NULL ? 0 : fread(text, 1, size - 1, file);
    text[used] = '\0';
    if (file != NULL) fclose(file);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void info_text(const char *field, char *text, size_t size) {
    node_info_text(cluster, 0, "everything", field, text, size);
}

static long long info(const char *field) {
    char text[64];
    info_text(field, text, sizeof(text));
    return text[0] == '\0' ? -1 : atoll(text);
}

static redisContext *client(void) {
    return node_connect(cluster, 0);
}

static int bare_client(void) {
    int fd = connect_port(cluster->nodes[0].port);
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    cr_assert_geq(fd, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
}

static void send_bytes(int fd, const char *data, size_t size) {
    while (size > 0) {
        ssize_t count = send(fd, data, size, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return; /* closed by the server: what it said is read next */
        data += count;
        size -= (size_t)count;
    }
}

/* Up to `size` bytes or the end of the stream; how many there were. */
static size_t receive_bytes(int fd, char *data, size_t size) {
    size_t used = 0;
    while (used < size) {
        ssize_t count = recv(fd, data + used, size - used, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        used += (size_t)count;
    }
    return used;
}

static const char *receive_text(int fd, char *text, size_t size) {
    text[receive_bytes(fd, text, size - 1)] = '\0';
    return text;
}

static bool is_closed(int fd) {
    char block[4096];
    ssize_t count;
    do
        count = recv(fd, block, sizeof(block), 0);
    while (count > 0);
    return count == 0 || errno == ECONNRESET;
}

static void expect_reply(redisContext *context, const char *command, const char *expected) {
    redisReply *reply = redisCommand(context, command);
    cr_assert_not_null(reply, "%s: %s", command, context->errstr);
    char number[32];
    snprintf(number, sizeof(number), "%lld", reply->integer);
    const char *text = reply->type == REDIS_REPLY_INTEGER ? number
                       : reply->type == REDIS_REPLY_NIL   ? "(nil)"
                                                          : reply->str;
    cr_expect_str_eq(text, expected, "%s", command);
    freeReplyObject(reply);
}

/* On a connection of its own; any reply will do if `expected` is NULL. */
static void expect_once(const char *command, const char *expected) {
    redisContext *context = client();
    if (expected != NULL)
        expect_reply(context, command, expected);
    else
        freeReplyObject(redisCommand(context, command));
    redisFree(context);
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static void read_file(const char *path, char *text, size_t size) {
    FILE *file = fopen(path, "re");
    size_t used = file == NULL ? 0 : fread(text, 1, size - 1, file);
    text[used] = '\0';
    if (file != NULL) fclose(file);
}

/* --- life ----------------------------------------------------------------------------------------
 */

Test(server, keeps_what_it_acknowledged_through_a_kill, .fini = end) {
    begin(NULL);
    expect_once("SET fruit pear", "OK");
    for (int i = 0; i < 100; i++)
        expect_once("INCR count", NULL);
    node_signal(cluster, 0, SIGKILL);
    begin_with(NULL);
    expect_once("GET fruit", "pear");
    expect_once("GET count", "100");
}

Test(server, stops_by_command_and_by_signal, .fini = end) {
    begin(NULL);
    redisContext *context = client();
    expect_reply(context, "SET a 1", "OK");
    expect_reply(context, "SHUTDOWN ABORT", "ERR No shutdown in progress.");
    expect_reply(context, "SHUTDOWN SAVE NOSAVE", "ERR syntax error");
    cr_expect_null(redisCommand(context, "SHUTDOWN NOSAVE"));
    redisFree(context);
    cr_expect_eq(node_await_exit(cluster, 0), 0);
    begin_with(NULL);
    stop();
    begin_with(NULL);
    expect_once("GET a", "1");
}

Test(server, refuses_a_wrong_start_in_one_line_that_says_the_mend, .fini = end) {
    char text[4096], path[256], busy[16];
    prepare(2, NULL);
    begin_with(NULL);
    snprintf(busy, sizeof(busy), "%d", cluster->nodes[0].port);
    snprintf(path, sizeof(path), "%s/wrong.conf", cluster->root);
    write_file(path, "# fine\nport 7001\nprot 7002\n");
    const struct {
        const char *const *options;
        const char *expected;
    } cases[] = {
        {OPTIONS("--prot", "1"), "did you mean 'port'?"},
        {OPTIONS(path), "at line 3 >>> 'prot 7002' Bad directive"},
        {OPTIONS("/nowhere/redis.conf"), "can't open config file '/nowhere/redis.conf'"},
        {OPTIONS("--port", busy), "stop the server that uses it, or choose another --port"},
        {OPTIONS("--dir", "/dev/null/data"), "choose another --dir"},
        {OPTIONS("--dir", cluster->nodes[0].directory), "is in use by process"},
        {OPTIONS("--rename-command", "GET", ""), "commands keep their names here"},
        {OPTIONS("--tls-port", "7000"), "TLS is not there yet"},
        {OPTIONS("--replicaof", "127.0.0.1", "7000"), "--cluster"},
        {OPTIONS("--port", "60000", "--cluster", "127.0.0.1:60000,127.0.0.1:60001"), "55535"},
        {OPTIONS("--raft-election-timeout", "60"), "make it twice as long at least"},
        {OPTIONS("--sentinel"), "Sentinel"},
        {OPTIONS("--maxclients", "0"), "argument must be between 1 and 4294967295 inclusive"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int status = run_to_end(1, cases[i].options, text, sizeof(text));
        cr_expect_eq(status, 1, "case %zu ends with 1, not %d", i, status);
        cr_expect_not_null(strstr(text, cases[i].expected), "case %zu says '%s', got: %s", i,
                           cases[i].expected, text);
    }
    /* A start that failed has founded nothing: the directory is free for another one. */
    snprintf(path, sizeof(path), "%s/node", cluster->nodes[1].directory);
    cr_expect_eq(access(path, F_OK), -1, "%s was made", path);
}

Test(server, refuses_a_directory_of_redis, .fini = end) {
    char text[4096], path[256];
    prepare(1, NULL);
    mkdir(cluster->nodes[0].directory, 0755);
    snprintf(path, sizeof(path), "%s/appendonlydir", cluster->nodes[0].directory);
    mkdir(path, 0755);
    cr_expect_eq(run_to_end(0, NULL, text, sizeof(text)), 1);
    cr_expect_not_null(strstr(text, "appendonlydir, which can't be loaded: have that Redis save"),
                       "%s", text);
    rmdir(path);
    snprintf(path, sizeof(path), "%s/node", cluster->nodes[0].directory);
    write_file(path, "hamok-node 3\n");
    cr_expect_eq(run_to_end(0, NULL, text, sizeof(text)), 1);
    cr_expect_not_null(strstr(text, "newer"), "%s", text);
    write_file(path, "hamok-node 1\nphase founded\nchecksum 0123456789abcdef\n");
    cr_expect_eq(run_to_end(0, NULL, text, sizeof(text)), 1);
    cr_expect_not_null(strstr(text, "damaged"), "%s", text);
}

Test(server, refuses_a_directory_of_others, .fini = end) {
    char text[4096], own[256], other[256];
    prepare(2, NULL);
    begin_with(NULL);
    stop();
    const char *const *several =
        OPTIONS("--cluster", "127.0.0.1:7001,127.0.0.1:7002,127.0.0.1:7003");
    cr_expect_eq(run_to_end(0, several, text, sizeof(text)), 1);
    cr_expect_not_null(
        strstr(text, "a cluster of one: start it without --cluster and let others --join it"), "%s",
        text);

    snprintf(own, sizeof(own), "%s/node", cluster->nodes[0].directory);
    snprintf(other, sizeof(other), "%s/elsewhere", cluster->root);
    cr_assert_eq(rename(own, other), 0);
    cr_expect_eq(run_to_end(0, NULL, text, sizeof(text)), 1);
    cr_expect_not_null(strstr(text, "bring that back"), "%s", text);

    /* Another identity beside a log that was begun under the first. */
    node_start_with(cluster, 1, NULL, NULL);
    node_await_serving(cluster, 1);
    node_signal(cluster, 1, SIGTERM);
    snprintf(other, sizeof(other), "%s/node", cluster->nodes[1].directory);
    cr_assert_eq(rename(other, own), 0);
    cr_expect_eq(run_to_end(0, NULL, text, sizeof(text)), 1);
    cr_expect_not_null(strstr(text, "belongs to another cluster or node: bring back"), "%s", text);
}

static bool pid_file_is_written(const char *path) {
    char text[32];
    read_file(path, text, sizeof(text));
    return atoi(text) > 0;
}

static bool complains_to(pid_t process, const char *path) {
    char link[64], target[256] = "";
    snprintf(link, sizeof(link), "/proc/%d/fd/2", (int)process);
    return readlink(link, target, sizeof(target) - 1) > 0 && strcmp(target, path) == 0;
}

Test(server, becomes_a_daemon_and_reports_its_failure_to_the_terminal, .fini = end) {
    char pid_path[256], log_path[256], text[4096], busy[16];
    prepare(1, NULL);
    snprintf(pid_path, sizeof(pid_path), "%s/pid", cluster->root);
    snprintf(log_path, sizeof(log_path), "%s/daemon.log", cluster->root);
    const char *const *options =
        OPTIONS("--daemonize", "yes", "--pidfile", pid_path, "--logfile", log_path);
    cr_expect_eq(run_to_end(0, options, text, sizeof(text)), 0, "%s", text);
    AWAIT(pid_file_is_written(pid_path));
    read_file(pid_path, text, sizeof(text));
    pid_t daemon = atoi(text);
    cr_assert_gt(daemon, 1);
    AWAIT(complains_to(daemon, log_path)); /* its last words would get into the log */
    snprintf(busy, sizeof(busy), "%d", cluster->nodes[0].port);
    char other[160];
    snprintf(other, sizeof(other), "%s/other", cluster->root);
    options = OPTIONS("--daemonize", "yes", "--dir", other, "--logfile", "");
    cr_expect_eq(run_to_end(0, options, text, sizeof(text)), 1);
    cr_expect_not_null(strstr(text, "choose another --port"), "%s", text);
    redisContext *context = client();
    cr_expect_null(redisCommand(context, "SHUTDOWN"));
    redisFree(context);
    AWAIT(access(pid_path, F_OK) != 0); /* Before that it may still write. */
}

Test(server, tells_its_supervisor_when_it_serves, .fini = end) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    char text[256];
    prepare(1, NULL);
    snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/notify", cluster->root);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    begin_with(OPTIONS("--supervised", "systemd", "--daemonize", "yes"));
    ssize_t size = recv(fd, text, sizeof(text) - 1, 0);
    cr_assert_gt(size, 0);
    text[size] = '\0';
    cr_expect_eq(strncmp(text, "READY=1\n", 8), 0, "%s", text);
    stop(); /* it is still the process that was started: supervised wins over daemonize */
    size = recv(fd, text, sizeof(text) - 1, 0);
    cr_assert_gt(size, 0);
    cr_expect_eq(strncmp(text, "STOPPING=1\n", 11), 0);
    close(fd);
}

Test(server, takes_debians_redis_conf_as_it_is, .fini = end) {
    char log_path[256], pid_path[256], text[65536];
    if (access("/etc/redis/redis.conf", R_OK) != 0) cr_skip_test("no /etc/redis/redis.conf");
    prepare(1, NULL);
    snprintf(log_path, sizeof(log_path), "%s/debian.log", cluster->root);
    snprintf(pid_path, sizeof(pid_path), "%s/debian.pid", cluster->root);
    /* Its own places and port are the system's; the rest is as installed. */
    begin_with(OPTIONS("/etc/redis/redis.conf", "--logfile", log_path, "--pidfile", pid_path,
                       "--daemonize", "no"));
    expect_once("SET a b", "OK");
    read_file(log_path, text, sizeof(text));
    cr_expect_not_null(strstr(text, "Without effect: appendonly no"), "%s", text);
    cr_expect_not_null(strstr(text, "Without effect: appendfsync"), "%s", text);
    redisContext *context = client();
    redisReply *reply = redisCommand(context, "CONFIG GET append*");
    bool always = false;
    for (size_t i = 0; i + 1 < reply->elements; i += 2)
        always |= strcmp(reply->element[i]->str, "appendfsync") == 0 &&
                  strcmp(reply->element[i + 1]->str, "always") == 0;
    cr_expect(always, "what is in force is shown");
    freeReplyObject(reply);
    redisFree(context);
}

/* --- protection and limits
 * ------------------------------------------------------------------------ */

Test(server, serves_only_the_loopback_without_a_password, .fini = end) {
    struct sockaddr_in address;
    char text[2048] = "";
    if (!outer_address(&address)) cr_skip_test("this machine has only the loopback");
    begin(NULL);
    address.sin_port = htons((uint16_t)cluster->nodes[0].port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    receive_text(fd, text, sizeof(text));
    cr_expect_eq(strncmp(text, "-DENIED Redis is running in protected mode because", 50), 0, "%s",
                 text);
    cr_expect_not_null(strstr(text, "accepting connections from the outside.\r\n"));
    close(fd);
    cr_expect_eq(info("rejected_connections"), 1);
    expect_once("CONFIG SET protected-mode no", NULL);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    send_bytes(fd, "PING\r\n", 6);
    receive_bytes(fd, text, 7);
    cr_expect_eq(strncmp(text, "+PONG\r\n", 7), 0);
    close(fd);
}

Test(server, asks_for_its_password, .fini = end) {
    begin(OPTIONS("--maxclients", "100"));
    redisContext *old = client();
    expect_reply(old, "AUTH x",
                 "ERR AUTH <password> called without any password configured for the default user. "
                 "Are you sure your configuration is correct?");
    expect_reply(old, "AUTH default anything", "OK");
    expect_reply(old, "CONFIG SET requirepass secret", "OK");
    expect_reply(old, "PING", "PONG");
    redisContext *context = client();
    expect_reply(context, "GET a", "NOAUTH Authentication required.");
    expect_reply(context, "CLIENT LIST", "NOAUTH Authentication required.");
    expect_reply(context, "HELLO 3",
                 "NOAUTH HELLO must be called with the client already authenticated, otherwise the "
                 "HELLO AUTH <user> <pass> option can be used to authenticate the client "
                 "and select the RESP protocol version at the same time");
    expect_reply(context, "AUTH wrong",
                 "WRONGPASS invalid username-password pair or user is disabled.");
    expect_reply(context, "AUTH nobody secret",
                 "WRONGPASS invalid username-password pair or user is disabled.");
    expect_reply(old, "INFO nothing", "");
    expect_reply(context, "AUTH secret", "OK");
    expect_reply(context, "GET a", "(nil)");
    expect_reply(context, "RESET", "RESET");
    expect_reply(context, "GET a", "NOAUTH Authentication required.");
    expect_reply(old, "CONFIG SET requirepass \"\" unauthenticated-maxclients 1", "OK");
    redisFree(old);
    redisFree(context);
}

Test(server, bounds_clients_that_have_not_authenticated, .fini = end) {
    char text[256];
    begin(NULL);
    redisContext *inside = client();
    expect_reply(inside,
                 "CONFIG SET requirepass secret unauthenticated-maxclients 2 "
                 "unauthenticated-timeout 1",
                 "OK");
    int first = bare_client(), second = bare_client();
    /* In number: the third is told so. */
    int third = bare_client();
    receive_text(third, text, sizeof(text));
    cr_expect_str_eq(text, "-ERR max number of unauthenticated clients reached\r\n");
    /* In bytes. */
    static const char large[] = "*2\r\n$4\r\nAUTH\r\n$20000\r\n";
    send_bytes(first, large, sizeof(large) - 1);
    receive_text(first, text, sizeof(text));
    cr_expect_str_eq(text, "-ERR Protocol error: unauthenticated bulk length\r\n");
    /* In time. */
    cr_expect(is_closed(second));
    expect_reply(inside, "CONFIG SET requirepass \"\"", "OK");
    redisFree(inside);
    close(first);
    close(second);
    close(third);
}

Test(server, turns_clients_away_beyond_maxclients, .fini = end) {
    char text[128];
    begin(OPTIONS("--maxclients", "3"));
    redisContext *contexts[3];
    for (int i = 0; i < 3; i++) {
        contexts[i] = client();
        expect_reply(contexts[i], "PING", "PONG");
    }
    int fd = bare_client();
    receive_text(fd, text, sizeof(text));
    cr_expect_str_eq(text, "-ERR max number of clients reached\r\n");
    close(fd);
    expect_reply(contexts[0], "CONFIG SET maxclients 4", "OK");
    redisContext *fourth = client();
    expect_reply(fourth, "PING", "PONG");
    redisFree(fourth);
    for (int i = 0; i < 3; i++)
        redisFree(contexts[i]);
}

/* More than any system has descriptors for. */
Test(server, shows_the_maxclients_that_the_system_lets_it_have, .fini = end) {
    begin(OPTIONS("--maxclients", "4000000000"));
    redisContext *context = client();
    redisReply *reply = redisCommand(context, "CONFIG GET maxclients");
    cr_assert(reply != NULL && reply->elements == 2);
    cr_expect_lt(atoll(reply->element[1]->str), 4000000000);
    cr_expect_eq(atoll(reply->element[1]->str), info("maxclients"));
    freeReplyObject(reply);
    redisFree(context);
}

Test(server, closes_idle_clients_but_no_subscribers, .fini = end) {
    begin(OPTIONS("--timeout", "1", "--hz", "50"));
    redisContext *subscriber = client();
    redisReply *reply = redisCommand(subscriber, "SUBSCRIBE news");
    cr_assert_not_null(reply);
    freeReplyObject(reply);
    int idle = bare_client();
    cr_expect(is_closed(idle));
    close(idle);
    expect_once("PUBLISH news x", "1");
    redisFree(subscriber);
}

/* The kernel's timer of the server's end of a connection, as /proc/net/tcp tells it: 2 is that of
 * the keepalive probes, and *left_s the time until the next one. */
static unsigned keepalive_timer(int fd, uint16_t port, unsigned long *left_s) {
    struct sockaddr_in own = {0};
    socklen_t size = sizeof(own);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&own, &size), 0);
    FILE *file = fopen("/proc/net/tcp", "re");
    cr_assert_not_null(file);
    char line[256];
    unsigned local, remote, timer = 99;
    unsigned long ticks;
    while (fgets(line, sizeof(line), file) != NULL) {
        unsigned found;
        if (sscanf(line, "%*d: %*x:%x %*x:%x %*x %*x:%*x %x:%lx", &local, &remote, &found,
                   &ticks) != 4)
            continue;
        if (local != port || remote != ntohs(own.sin_port)) continue;
        timer = found;
        *left_s = ticks / (unsigned long)sysconf(_SC_CLK_TCK);
    }
    fclose(file);
    return timer;
}

Test(server, probes_silent_connections_as_tcp_keepalive_says, .fini = end) {
    begin(OPTIONS("--tcp-keepalive", "77"));
    uint16_t port = (uint16_t)cluster->nodes[0].port;
    unsigned long left_s = 0;
    redisContext *context = client();
    expect_reply(context, "PING", "PONG");
    AWAIT(keepalive_timer(context->fd, port, &left_s) ==
          2); /* a late acknowledgement has another */
    cr_expect(left_s > 0 && left_s <= 77, "%lu s", left_s);
    expect_reply(context, "CONFIG SET tcp-keepalive 0", "OK");
    redisContext *unprobed = client();
    expect_reply(unprobed, "PING", "PONG");
    AWAIT(keepalive_timer(unprobed->fd, port, &left_s) == 0);
    redisFree(unprobed);
    redisFree(context);
}

Test(server, lets_a_slow_reader_go_at_its_output_limit, .fini = end) {
    begin(OPTIONS("--client-output-buffer-limit", "normal", "4mb", "0", "0", "--raft-output-pause",
                  "64mb"));
    redisContext *context = client();
    static char value[512 * 1024];
    memset(value, 'x', sizeof(value));
    redisReply *reply = redisCommand(context, "SET large %b", value, sizeof(value));
    freeReplyObject(reply);
    int slow = bare_client();
    for (int i = 0; i < 200; i++)
        send_bytes(slow, "GET large\r\n", 11);
    expect_reply(context, "PING", "PONG");
    cr_expect(is_closed(slow));
    close(slow);
    cr_expect_eq(info("client_output_buffer_limit_disconnections"), 1);
    expect_once("PING", "PONG");
    redisFree(context);
}

static bool publishes_until_closed(redisContext *context, const char *value, size_t size) {
    redisReply *reply = redisCommand(context, "PUBLISH news %b", value, size);
    bool is_gone = reply != NULL && reply->integer == 0;
    if (reply != NULL) freeReplyObject(reply);
    return is_gone;
}

/* As redis-server reads them. */
Test(server, takes_values_with_dashes_and_a_bare_save_as_arguments, .fini = end) {
    begin(OPTIONS("--proc-title-template", "--my--title", "--save", "--timeout", "7", "--save"));
    redisContext *context = client();
    static const char *const expected[][2] = {
        {"proc-title-template", "--my--title"}, {"save", ""}, {"timeout", "7"}};
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        redisReply *reply = redisCommand(context, "CONFIG GET %s", expected[i][0]);
        cr_assert(reply != NULL && reply->elements == 2, "%s", expected[i][0]);
        cr_expect_str_eq(reply->element[1]->str, expected[i][1], "%s", expected[i][0]);
        freeReplyObject(reply);
    }
    expect_reply(context, "CLUSTER INFO", "ERR This instance has cluster support disabled");
    redisFree(context);
}

/* A large value is freed in pieces; they do not wait for further writes. */
Test(server, gives_the_memory_of_a_large_value_back_while_idle, .fini = end) {
    begin(NULL);
    redisContext *context = client();
    for (int i = 0; i < 100000; i++)
        redisAppendCommand(context, "SADD large member:%d", i);
    for (int i = 0; i < 100000; i++) {
        redisReply *reply = NULL;
        cr_assert_eq(redisGetReply(context, (void **)&reply), REDIS_OK);
        freeReplyObject(reply);
    }
    long long before = info("used_memory");
    expect_reply(context, "UNLINK large", "1");
    /* Without jemalloc (under a sanitizer) the figure is the kernel's, who is given nothing back.
     */
    redisReply *memory = redisCommand(context, "INFO memory");
    cr_assert_neq(memory, NULL);
    bool exact = strstr(memory->str, "mem_allocator:jemalloc") != NULL;
    freeReplyObject(memory);
    if (exact) AWAIT(info("used_memory") < before - 2000000);
    redisFree(context);
}

/* The log's time goes on while one command holds the loop: it must not seem, afterwards, that the
 * wall clock has jumped. */
Test(server, keeps_its_time_through_a_long_command, .fini = end) {
    char text[65536];
    begin(OPTIONS("--enable-debug-command", "yes"));
    redisContext *context = client();
    for (int i = 0; i < 3; i++) { /* in one turn: what is written is stamped at its end */
        redisAppendCommand(context, "DEBUG SLEEP 0.8");
        redisAppendCommand(context, "SET k v PX 1000000");
        redisReply *reply = NULL;
        for (int k = 0; k < 2; k++) {
            cr_assert_eq(redisGetReply(context, (void **)&reply), REDIS_OK);
            freeReplyObject(reply);
        }
        expect_reply(context, "SET k v", "OK");
    }
    read_file(cluster->nodes[0].log, text, sizeof(text));
    cr_expect_null(strstr(text, "ahead of the log's time"), "%s", text);
    redisFree(context);
}

/* --- the last words ----------------------------------------------------------------------------
 */

/* A sanitizer leaves these signals to the server, and tells nothing of them. */
static void prepare_to_crash(void) {
    static const char *const names[] = {"ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char text[1024];
        const char *before = getenv(names[i]);
        snprintf(text, sizeof(text),
                 "%s:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0",
                 before == NULL ? "" : before);
        setenv(names[i], text, 1);
    }
    prepare(1, NULL);
}

static void expect_ended_by(int number) {
    int status = node_await_exit(cluster, 0);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == number, "wait status %x", status);
}

/* The node's thread of this name; 0 if it has none. */
static pid_t thread_of_node(const char *name) {
    char tasks[64];
    snprintf(tasks, sizeof(tasks), "/proc/%d/task", (int)cluster->nodes[0].pid);
    DIR *directory = opendir(tasks);
    cr_assert_not_null(directory);
    pid_t found = 0;
    const struct dirent *entry;
    while (found == 0 && (entry = readdir(directory)) != NULL) {
        char path[512], text[32];
        snprintf(path, sizeof(path), "%s/%s/comm", tasks, entry->d_name);
        read_file(path, text, sizeof(text));
        text[strcspn(text, "\n")] = '\0';
        if (strcmp(text, name) == 0) found = (pid_t)atoi(entry->d_name);
    }
    closedir(directory);
    return found;
}

static const struct {
    int number;
    const char *line;
} crash_cases[] = {
    {SIGSEGV, " crashed by signal 11 (SIGSEGV): sent by process "},
    {SIGBUS, " crashed by signal 7 (SIGBUS): sent by process "},
    {SIGABRT, " crashed by signal 6 (SIGABRT): sent by process "},
};

Test(server, tells_of_its_crash, .fini = end) {
    prepare_to_crash();
    for (size_t i = 0; i < COUNT_OF(crash_cases); i++) {
        begin_with(NULL);
        char line[128];
        redisContext *context = client();
        freeReplyObject(redisCommand(context, "INCR starts"));
        snprintf(line, sizeof(line), "applied up to index %lld", info("raft_last_applied_index"));
        redisFree(context);
        node_signal(cluster, 0, crash_cases[i].number);
        expect_ended_by(crash_cases[i].number);
        node_await_log(cluster, 0, crash_cases[i].line);
        node_await_log(cluster, 0, line);
        node_await_log(cluster, 0, ":signal-handler (");
        node_await_log(cluster, 0, "hamok-server("); /* the way to there */
    }
    begin_with(NULL);
    expect_once("GET starts", "3");
}

Test(server, tells_where_it_crashed, .fini = end) {
    prepare_to_crash();
    begin_with(OPTIONS("--enable-debug-command", "yes", "--logfile", "own.log"));
    redisContext *context = client();
    cr_expect_null(redisCommand(context, "DEBUG SEGFAULT"));
    redisFree(context);
    expect_ended_by(SIGSEGV);
    char path[CLUSTER_PATH_MAX + 16], text[65536];
    snprintf(path, sizeof(path), "%s/own.log", cluster->nodes[0].directory);
    read_file(path, text, sizeof(text));
    cr_expect_not_null(strstr(text, " crashed by signal 11 (SIGSEGV): address 0x"), "%s", text);
    cr_expect_not_null(strstr(text, ", thread hamok-server, "), "%s", text);
}

/* Signals are the loop's, but for a thread's own faults. */
Test(server, tells_of_a_thread_that_crashed, .fini = end) {
    prepare_to_crash();
    begin_with(NULL);
    pid_t thread = thread_of_node("hamok-log");
    cr_assert_gt(thread, 0);
    cr_assert_eq(syscall(SYS_tgkill, cluster->nodes[0].pid, thread, SIGSEGV), 0);
    expect_ended_by(SIGSEGV);
    node_await_log(cluster, 0, ", thread hamok-log, applied up to index ");
}

Test(server, tells_nothing_of_a_crash_if_it_is_not_wanted, .fini = end) {
    prepare_to_crash();
    begin_with(NULL);
    expect_once("CONFIG SET crash-log-enabled no", "OK");
    node_signal(cluster, 0, SIGSEGV);
    expect_ended_by(SIGSEGV);
    cr_expect_not(node_logged(cluster, 0, "crashed by signal"));
}

/* It is once in the keyspace; what carried it there goes. With tiny limits a segment of the log is
 * made and synced for each 16 KiB of it. */
Test(server, keeps_a_large_value_once, .fini = end) {
#ifdef HAMOK_TINY_LIMITS
    enum { VALUE = 2 << 20 };
#else
    enum { VALUE = 48 << 20 };
#endif
    begin(NULL);
    redisContext *context = client();
    expect_reply(context, "SET small 1", "OK"); /* its batch leaves a chunk to go on in */
    long long before = info("used_memory");
    char *value = calloc(1, VALUE);
    for (int i = 0; i < 2; i++) {
        redisReply *reply = redisCommand(context, "SET large%d %b", i, value, (size_t)VALUE);
        cr_assert(reply != NULL && reply->type == REDIS_REPLY_STATUS);
        freeReplyObject(reply);
        expect_reply(context, "SET small 1", "OK");
    }
    free(value);
    redisReply *memory = redisCommand(context, "INFO memory");
    bool exact = strstr(memory->str, "mem_allocator:jemalloc") != NULL;
    freeReplyObject(memory);
    if (exact) AWAIT(info("used_memory") - before < 2LL * VALUE + (8 << 20));
    redisFree(context);
}

/* Were a batch to wait for the server's next timer, each such wait would take a second here. */
Test(server, answers_one_client_without_waiting_for_a_timer, .fini = end) {
    begin(OPTIONS("--hz", "1"));
    redisContext *context = client();
    int64_t start = clock_ms();
    for (int i = 0; i < 200; i++)
        freeReplyObject(redisCommand(context, "INCR counter"));
    cr_expect_lt(clock_ms() - start, 15 * 1000);
    expect_reply(context, "GET counter", "200");
    redisFree(context);
}

Test(server, counts_channels_and_patterns, .fini = end) {
    begin(NULL);
    int listener = bare_client();
    static const char subscribe[] = "SUBSCRIBE a b\r\nPSUBSCRIBE c*\r\n";
    send_bytes(listener, subscribe, strlen(subscribe));
    AWAIT(info("pubsub_patterns") == 1);
    cr_expect_eq(info("pubsub_channels"), 2);
    send_bytes(listener, "UNSUBSCRIBE a\r\n", 15);
    AWAIT(info("pubsub_channels") == 1);
    close(listener);
    AWAIT(info("pubsub_channels") == 0);
    cr_expect_eq(info("pubsub_patterns"), 0);
}

Test(server, lets_a_slow_subscriber_go_at_its_soft_limit_when_it_lasts, .fini = end) {
    begin(OPTIONS("--client-output-buffer-limit", "pubsub", "64mb", "1mb", "1", "--hz", "50"));
    static char value[256 * 1024];
    memset(value, 'x', sizeof(value));
    int slow = bare_client();
    int small = 4096;
    setsockopt(slow, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    send_bytes(slow, "SUBSCRIBE news\r\n", 16);
    redisContext *context = client();
    AWAIT(info("pubsub_clients") == 1);
    /* More than the sockets hold and the soft limit, less than the hard one. */
    int published = 0;
    while (published < 80 && !publishes_until_closed(context, value, sizeof(value)))
        published++;
    cr_expect_gt(published, 4, "not at once");
    AWAIT(info("client_output_buffer_limit_disconnections") == 1);
    AWAIT(publishes_until_closed(context, "x", 1));
    close(slow);
    redisFree(context);
}

Test(server, stops_reading_from_a_slow_reader_without_a_limit, .fini = end) {
    begin(OPTIONS("--raft-output-pause", "1mb"));
    redisContext *context = client();
    static char value[256 * 1024];
    memset(value, 'x', sizeof(value));
    redisReply *reply = redisCommand(context, "SET large %b", value, sizeof(value));
    freeReplyObject(reply);
    int slow = bare_client();
    enum { REQUESTS = 400 };
    for (int i = 0; i < REQUESTS; i++)
        send_bytes(slow, "GET large\r\n", 11);
    shutdown(slow, SHUT_WR);
    cr_expect_lt(info("mem_clients_normal"), 16 << 20, "replies are not made ahead of the reader");
    size_t expected = REQUESTS * (sizeof(value) + strlen("$262144\r\n\r\n")), received = 0;
    static char block[1 << 20];
    for (size_t count; (count = receive_bytes(slow, block, sizeof(block))) > 0;)
        received += count;
    cr_expect_eq(received, expected, "and every reply comes: %zu of %zu bytes", received, expected);
    close(slow);
    redisFree(context);
}

Test(server, answers_a_client_that_has_closed_its_half, .fini = end) {
    char text[256];
    begin(NULL);
    int fd = bare_client();
    static const char requests[] = "SET a 1\r\nINCR a\r\nGET a\r\n*1\r\n$4\r\nPING\r\n";
    send_bytes(fd, requests, sizeof(requests) - 1);
    shutdown(fd, SHUT_WR);
    receive_text(fd, text, sizeof(text));
    cr_expect_str_eq(text, "+OK\r\n:2\r\n$1\r\n2\r\n+PONG\r\n");
    close(fd);
    for (int i = 0; i < 3; i++) { /* cut in the middle of a command: nothing of it is done */
        fd = bare_client();
        send_bytes(fd, "*2\r\n$4\r\nINCR\r\n$1\r\na", 20);
        shutdown(fd, SHUT_WR);
        cr_expect(is_closed(fd));
        close(fd);
    }
    expect_once("GET a", "2");
}

Test(server, closes_after_a_protocol_error_and_changes_nothing, .fini = end) {
    static const struct {
        const char *wire, *error;
    } cases[] = {
        {"*x\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
        {"*2000000\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
        {"*1\r\n+PING\r\n", "-ERR Protocol error: expected '$', got '+'\r\n"},
        {"*1\r\n$x\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
        {"*1\r\n$-5\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
        {"*1\r\n$1000000000\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
        {"SET a \"b\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"},
    };
    char text[256];
    begin(NULL);
    AWAIT(info("raft_batches_applied") == 1); /* the founding's own: the cluster's timing */
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int fd = bare_client();
        send_bytes(fd, cases[i].wire, strlen(cases[i].wire));
        receive_text(fd, text, sizeof(text));
        cr_expect_str_eq(text, cases[i].error, "%s", cases[i].wire);
        close(fd);
    }
    int fd = bare_client();
    static char line[70000];
    memset(line, 'a', sizeof(line));
    send_bytes(fd, line, sizeof(line));
    receive_text(fd, text, sizeof(text));
    cr_expect_str_eq(text, "-ERR Protocol error: too big inline request\r\n");
    close(fd);
    cr_expect_eq(info("raft_batches_sealed"), 1);
}

/* What stands behind a command that waits is not carried out before its answer, as in Redis. */
Test(server, a_client_that_waits_goes_no_further, .fini = end) {
    begin(NULL);
    int fd = bare_client();
    static const char *const waiting[] = {"WAIT 3 300\r\n", "SET a 1\r\nWAIT 3 300\r\n"};
    static const char *const replies[] = {":0\r\n+OK\r\n$1\r\n2\r\n+PONG\r\n",
                                          "+OK\r\n:0\r\n+OK\r\n$1\r\n2\r\n+PONG\r\n"};
    redisContext *other = node_connect(cluster, 0);
    for (size_t i = 0; i < COUNT_OF(waiting); i++) {
        char text[256];
        cr_assert(ask_is(other, "OK", "SET b 1"));
        snprintf(text, sizeof(text), "%sSET b 2\r\nGET b\r\nPING\r\n", waiting[i]);
        int64_t since_ms = clock_ms();
        send_bytes(fd, text, strlen(text));
        bool seen_early = false;
        while (clock_ms() - since_ms < 200)
            seen_early |= !answers(other, "1", "GET b") && clock_ms() - since_ms < 200;
        cr_expect_not(seen_early);
        size_t size = 0;
        while (size < strlen(replies[i])) {
            ssize_t count = recv(fd, text + size, sizeof(text) - 1 - size, 0);
            cr_assert_gt(count, 0);
            size += (size_t)count;
        }
        text[size] = '\0';
        cr_expect_str_eq(text, replies[i]);
    }
    redisFree(other);
    close(fd);
}

Test(server, closes_a_client_beyond_its_query_buffer, .fini = end) {
    begin(OPTIONS("--client-query-buffer-limit", "1mb"));
    int fd = bare_client();
    static char block[1 << 20];
    memset(block, 'x', sizeof(block));
    send_bytes(fd, "*2\r\n$4\r\nECHO\r\n$8000000\r\n", 25);
    for (int i = 0; i < 8; i++)
        send_bytes(fd, block, sizeof(block));
    cr_expect(is_closed(fd));
    close(fd);
    cr_expect_eq(info("client_query_buffer_limit_disconnections"), 1);
}

/* --- many
 * ----------------------------------------------------------------------------------------- */

enum { IDLE_CLIENTS = 10000 };

/* In a process of its own: its descriptors do not count against the test's. */
__attribute__((noreturn)) static void open_idle_connections(uint16_t port, int report) {
    struct rlimit limit = {.rlim_cur = IDLE_CLIENTS + 64, .rlim_max = IDLE_CLIENTS + 64};
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_NOFILE, &limit);
    int opened = 0;
    for (; opened < IDLE_CLIENTS; opened++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) break;
        if (send(fd, "PING\r\n", 6, MSG_NOSIGNAL) != 6) break;
    }
    if (write(report, &opened, sizeof(opened)) != sizeof(opened)) _exit(1);
    for (;;)
        pause();
}

Test(server, bears_ten_thousand_idle_connections, .fini = end) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < IDLE_CLIENTS + 1000 && geteuid() != 0)
        cr_skip_test("the hard limit on open files is too low here");
    begin(OPTIONS("--maxclients", "11000"));
    int report[2], opened = 0;
    cr_assert_eq(pipe(report), 0);
    pid_t child = fork();
    if (child == 0) open_idle_connections((uint16_t)cluster->nodes[0].port, report[1]);
    cr_assert_eq(read(report[0], &opened, sizeof(opened)), (ssize_t)sizeof(opened));
    cr_assert_eq(opened, IDLE_CLIENTS);
    AWAIT(info("connected_clients") >= IDLE_CLIENTS);
    int64_t start = clock_ms();
    redisContext *context = client();
    for (int i = 0; i < 100; i++) {
        expect_reply(context, "INCR a", "1");
        expect_reply(context, "DEL a", "1");
    }
    cr_expect_lt(clock_ms() - start, PATIENCE_MS, "the others are served meanwhile");
    redisFree(context);
    kill(child, SIGKILL);
    close(report[0]);
    close(report[1]);
}

/* --- CLIENT, CONFIG
 * --------------------------------------------------------------------------------- */

Test(server, kills_clients_by_each_filter, .fini = end) {
    char command[128];
    begin(NULL);
    redisContext *context = client();
    const char *const filters[] = {"ID", "ADDR"};
    for (int i = 0; i < 2; i++) {
        redisContext *victim = client();
        redisReply *reply = redisCommand(victim, "CLIENT INFO");
        char *value = strstr(reply->str, i == 0 ? "id=" : "addr=") + (i == 0 ? 3 : 5);
        snprintf(command, sizeof(command), "CLIENT KILL %s %.*s", filters[i],
                 (int)strcspn(value, " "), value);
        freeReplyObject(reply);
        expect_reply(context, command, "1");
        cr_expect_null(redisCommand(victim, "PING"));
        redisFree(victim);
        expect_reply(context, command, "0");
    }
    redisContext *subscriber = client();
    freeReplyObject(redisCommand(subscriber, "SUBSCRIBE x"));
    expect_reply(context, "CLIENT KILL TYPE pubsub", "1");
    cr_expect_null(redisCommand(subscriber, "PING"));
    redisFree(subscriber);
    redisContext *third = client();
    expect_reply(third, "PING", "PONG");
    expect_reply(context, "CLIENT KILL TYPE normal", "1");
    expect_reply(context, "CLIENT KILL USER nobody", "ERR No such user 'nobody'");
    expect_reply(context, "CLIENT KILL TYPE normal SKIPME no", "1");
    cr_expect_null(redisCommand(context, "PING"));
    redisFree(third);
    redisFree(context);
    expect_once("PING", "PONG");
}

Test(server, describes_its_clients, .fini = end) {
    static const struct {
        const char *command, *expected;
    } cases[] = {
        {"CLIENT SETNAME me", " name=me "},
        {"CLIENT SETINFO lib-name redis-py", " lib-name=redis-py "},
        {"CLIENT SETINFO lib-ver 1.2", " lib-ver=1.2\n"},
        {"SELECT 3", " db=3 "},
        {"CLIENT NO-EVICT on", " flags=e "},
        {"CLIENT NO-EVICT off", " flags=N "},
        {"HELLO 3", " resp=3 "},
        {"SUBSCRIBE a", " flags=P db=3 sub=1 psub=0 "},
        {"PSUBSCRIBE b*", " sub=1 psub=1 "},
    };
    begin(NULL);
    int fd = bare_client();
    char block[8192], command[128];
    redisContext *other = client();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int size = snprintf(command, sizeof(command), "%s\r\n", cases[i].command);
        send_bytes(fd, command, (size_t)size);
        cr_expect_gt(recv(fd, block, sizeof(block), 0), 0);
        redisReply *reply = redisCommand(other, "CLIENT LIST");
        cr_expect_not_null(strstr(reply->str, cases[i].expected), "%s: %s", cases[i].command,
                           reply->str);
        freeReplyObject(reply);
    }
    close(fd);
    fd = bare_client();
    send_bytes(fd, "MULTI\r\nSET a b\r\n", 16);
    cr_expect_eq(receive_bytes(fd, block, 14), 14);
    redisReply *reply = redisCommand(other, "CLIENT LIST");
    cr_expect_not_null(strstr(reply->str, " flags=x "), "%s", reply->str);
    cr_expect_not_null(strstr(reply->str, " multi=1 "), "%s", reply->str);
    freeReplyObject(reply);
    expect_reply(other, "MULTI", "OK");
    expect_reply(other, "CLIENT INFO", "QUEUED");
    reply = redisCommand(other, "EXEC"); /* while its commands run, it stands in MULTI */
    cr_assert(reply != NULL && reply->elements == 1);
    cr_expect_not_null(strstr(reply->element[0]->str, " flags=x "), "%s", reply->element[0]->str);
    cr_expect_not_null(strstr(reply->element[0]->str, " multi=1 "), "%s", reply->element[0]->str);
    freeReplyObject(reply);
    close(fd);
    redisFree(other);
}

Test(server, keeps_silent_when_told_to, .fini = end) {
    char text[256];
    begin(NULL);
    int fd = bare_client();
    static const char requests[] =
        "CLIENT REPLY OFF\r\nSET a 1\r\nGET a\r\nnonsense\r\nCLIENT REPLY ON\r\n"
        "CLIENT REPLY SKIP\r\nINCR a\r\nINCR a\r\nPING\r\nCLIENT REPLY OFF\r\n*x\r\n";
    send_bytes(fd, requests, sizeof(requests) - 1);
    shutdown(fd, SHUT_WR);
    receive_text(fd, text, sizeof(text));
    cr_expect_str_eq(text, "+OK\r\n:3\r\n+PONG\r\n");
    close(fd);
}

Test(server, rewrites_its_configuration_file, .fini = end) {
    char path[256], text[8192];
    prepare(1, NULL);
    snprintf(path, sizeof(path), "%s/redis.conf", cluster->root);
    write_file(path, "# mine\ntimeout 100\n");
    begin_with(OPTIONS(path));
    redisContext *context = client();
    expect_reply(context, "CONFIG SET timeout 77 maxmemory 64mb", "OK");
    expect_reply(context, "CONFIG SET timeout 5 maxmemory wrong",
                 "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must "
                 "be a memory value");
    expect_reply(context, "CONFIG SET timeout 5 no-such-thing 6",
                 "ERR Unknown option or number of arguments for CONFIG SET - 'no-such-thing'");
    expect_reply(context, "CONFIG SET timeout 5 timeout 6",
                 "ERR CONFIG SET failed (possibly related to argument 'timeout') - duplicate "
                 "parameter");
    expect_reply(context, "CONFIG SET daemonize yes",
                 "ERR CONFIG SET failed (possibly related to argument 'daemonize') - can't set "
                 "immutable config");
    expect_reply(context, "CONFIG SET dir /tmp",
                 "ERR CONFIG SET failed (possibly related to argument 'dir') - can't set protected "
                 "config");
    expect_reply(context, "CONFIG SET bind 1.2.3.4",
                 "ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to "
                 "specified addresses.");
    expect_reply(context, "CONFIG REWRITE", "OK");
    redisFree(context);
    read_file(path, text, sizeof(text));
    cr_expect_eq(strncmp(text, "# mine\ntimeout 77\n# Generated by CONFIG REWRITE\n", 48), 0, "%s",
                 text);
    cr_expect_not_null(strstr(text, "maxmemory 67108864\n"), "%s", text);
    expect_once("PING", "PONG");
    stop();
    begin_with(OPTIONS(path));
    context = client();
    redisReply *reply = redisCommand(context, "CONFIG GET timeout");
    cr_expect_str_eq(reply->element[1]->str, "77");
    freeReplyObject(reply);
    redisFree(context);
}

static void expect_config(const char *name, const char *expected) {
    redisContext *context = client();
    redisReply *reply = redisCommand(context, "CONFIG GET %s", name);
    cr_assert_eq(reply->elements, 2, "%s", name);
    cr_expect_str_eq(reply->element[1]->str, expected, "%s", name);
    freeReplyObject(reply);
    redisFree(context);
}

Test(server, keeps_the_clusters_settings_in_the_log, .fini = end) {
    prepare(1, NULL);
    begin_with(OPTIONS("--zset-max-listpack-entries", "7", "--databases", "4"));
    AWAIT(info("raft_commands_applied") >= 1); /* the file's values, at the founding */
    expect_config("zset-max-ziplist-entries", "7");
    redisContext *context = client();
    expect_reply(context, "SELECT 4", "ERR DB index is out of range");
    expect_reply(context, "CONFIG SET databases 16",
                 "ERR CONFIG SET failed (possibly related to argument 'databases') - can't set "
                 "immutable config");
    expect_reply(context, "CONFIG SET hash-max-listpack-entries 1 timeout 9", "OK");
    expect_config("hash-max-listpack-entries", "1");
    expect_config("timeout", "9");
    expect_reply(context, "HSET h a 1 b 2", "2");
    expect_reply(context, "OBJECT ENCODING h", "hashtable");
    expect_reply(context, "MULTI", "OK");
    expect_reply(context, "CONFIG SET set-max-intset-entries 1", "QUEUED");
    expect_reply(context, "SADD s 1 2", "QUEUED");
    redisReply *reply = redisCommand(context, "EXEC");
    cr_assert_eq(reply->elements, 2);
    cr_expect_str_eq(reply->element[0]->str, "OK");
    cr_expect_eq(reply->element[1]->integer, 2);
    freeReplyObject(reply);
    expect_reply(context, "OBJECT ENCODING s", "hashtable");
    expect_reply(context, "SETRANGE k 2000000 x", "2000001");
    expect_reply(context, "CONFIG SET proto-max-bulk-len 1mb", "OK");
    expect_config("proto-max-bulk-len", "1048576");
    expect_reply(context, "SETRANGE k 2000001 x",
                 "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    expect_reply(context, "APPEND k x",
                 "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    int fd = bare_client();
    char text[128];
    static const char large[] = "*2\r\n$4\r\nECHO\r\n$1048577\r\n";
    send_bytes(fd, large, strlen(large));
    receive_text(fd, text, sizeof(text));
    cr_expect_str_eq(text, "-ERR Protocol error: invalid bulk length\r\n");
    close(fd);
    expect_reply(context, "RAFT SET databases 1", "OK");
    expect_reply(context, "RAFT SET nothing 1",
                 "ERR no setting of the cluster is called 'nothing'");
    redisFree(context);
    node_signal(cluster, 0, SIGKILL);
    begin_with(OPTIONS("--hash-max-listpack-entries", "5"));
    expect_config("hash-max-listpack-entries", "1");
    node_await_log(cluster, 0, "Without effect: hash-max-listpack-entries 5");
}

Test(server, says_which_directives_it_accepts_without_effect, .fini = end) {
    begin(NULL);
    static const struct {
        const char *name, *value, *shown;
    } cases[] = {
        {"appendonly", "no", "yes"},
        {"appendfsync", "everysec", "always"},
        {"replica-read-only", "yes", "no"},
        {"list-compress-depth", "2", "0"},
        {"repl-backlog-size", "2mb", "2097152"},
        {"stop-writes-on-bgsave-error", "no", "no"},
    };
    redisContext *context = client();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char line[128];
        redisReply *reply =
            redisCommand(context, "CONFIG SET %s %s", cases[i].name, cases[i].value);
        cr_expect_str_eq(reply->str, "OK", "%s", cases[i].name);
        freeReplyObject(reply);
        expect_config(cases[i].name, cases[i].shown);
        snprintf(line, sizeof(line), "Without effect: CONFIG SET %s %s (", cases[i].name,
                 cases[i].value);
        node_await_log(cluster, 0, line);
    }
    /* Who sets these relies on them. */
    expect_reply(context, "CONFIG SET maxmemory-policy allkeys-lru",
                 "ERR CONFIG SET failed (possibly related to argument 'maxmemory-policy') - keys "
                 "are never evicted: at maxmemory writes are refused, as with noeviction");
    expect_reply(context, "CONFIG SET notify-keyspace-events KEA",
                 "ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - "
                 "keyspace events are not published yet");
    redisFree(context);
}

Test(server, refuses_to_grow_beyond_maxmemory, .fini = end) {
    begin(NULL);
    redisContext *context = client();
    expect_reply(context, "SET a 1", "OK");
    expect_reply(context, "CONFIG SET maxmemory 1", "OK");
    expect_reply(context, "SET a 2", "OOM command not allowed when used memory > 'maxmemory'.");
    expect_reply(context, "GET a", "1");
    expect_reply(context, "DEL a", "1");
    expect_reply(context, "CONFIG SET maxmemory 0", "OK");
    expect_reply(context, "SET a 2", "OK");

    /* A group that was queued before is refused as a whole, unless it only reads. */
    redisContext *other = client();
    expect_reply(context, "MULTI", "OK");
    expect_reply(context, "GET a", "QUEUED");
    expect_reply(context, "SET a 3", "QUEUED");
    expect_reply(other, "CONFIG SET maxmemory 1", "OK");
    expect_reply(context, "EXEC",
                 "EXECABORT Transaction discarded because of: OOM command not allowed when used "
                 "memory > 'maxmemory'.");
    expect_reply(context, "MULTI", "OK");
    expect_reply(context, "GET a", "QUEUED");
    expect_reply(context, "DEL a", "QUEUED");
    redisReply *reply = redisCommand(context, "EXEC");
    cr_assert(reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2);
    cr_expect_str_eq(reply->element[0]->str, "2");
    cr_expect_eq(reply->element[1]->integer, 1);
    freeReplyObject(reply);
    redisFree(other);
    redisFree(context);
}

Test(server, listens_on_a_unix_socket, .fini = end) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char text[512];
    prepare(1, NULL);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", cluster->root);
    begin_with(OPTIONS("--unixsocket", address.sun_path, "--unixsocketperm", "700"));
    struct stat status;
    cr_assert_eq(stat(address.sun_path, &status), 0);
    cr_expect_eq(status.st_mode & 0777, 0700);
    redisContext *context = redisConnectUnix(address.sun_path);
    cr_assert_eq(context->err, 0);
    expect_reply(context, "SET a 1", "OK");
    redisReply *reply = redisCommand(context, "CLIENT INFO");
    snprintf(text, sizeof(text), " addr=%s:0 laddr=%s:0 ", address.sun_path, address.sun_path);
    cr_expect_not_null(strstr(reply->str, text), "%s", reply->str);
    cr_expect_not_null(strstr(reply->str, " flags=U "), "%s", reply->str);
    freeReplyObject(reply);
    redisFree(context);
    stop();
    cr_expect_neq(access(address.sun_path, F_OK), 0, "the socket's file is gone");
}

Test(server, counts_what_it_does, .fini = end) {
    begin(NULL);
    char text[64];
    redisContext *context = client();
    int64_t commands = info("total_commands_processed");
    int64_t connections = info("total_connections_received");
    int64_t input = info("total_net_input_bytes");
    int64_t output = info("total_net_output_bytes");
    expect_reply(context, "SET a 1", "OK");
    expect_reply(context, "GET a", "1");
    expect_reply(context, "GET b", "(nil)");
    expect_reply(context, "LPUSH a x",
                 "WRONGTYPE Operation against a key holding the wrong kind of value");
    expect_reply(context, "SET c 1 PX 100000", "OK");
    cr_expect_geq(info("total_commands_processed"), commands + 5);
    cr_expect_gt(info("total_connections_received"), connections);
    cr_expect_gt(info("total_net_input_bytes"), input);
    cr_expect_gt(info("total_net_output_bytes"), output);
    cr_expect_eq(info("keyspace_hits"), 1);
    cr_expect_eq(info("keyspace_misses"), 1);
    cr_expect_eq(info("total_error_replies"), 1);
    info_text("errorstat_WRONGTYPE", text, sizeof(text));
    cr_expect_str_eq(text, "count=1");
    expect_reply(context, "NOSUCH", "ERR unknown command 'NOSUCH', with args beginning with: ");
    expect_reply(context, "INCR", "ERR wrong number of arguments for 'incr' command");
    info_text("errorstat_ERR", text, sizeof(text));
    cr_expect_str_eq(text, "count=2");
    info_text("db0", text, sizeof(text));
    cr_expect_eq(strncmp(text, "keys=2,expires=1,avg_ttl=", 25), 0, "%s", text);
    info_text("role", text, sizeof(text));
    cr_expect_str_eq(text, "master");
    int64_t index = info("raft_last_applied_index");
    expect_reply(context, "INCR a", "2");
    cr_expect_gt(info("raft_last_applied_index"), index);
    cr_expect_eq(info("master_repl_offset"), info("raft_commit_index"));
    cr_expect_gt(info("raft_log_syncs"), 0);
    cr_expect_gt(info("raft_fsync_usec_max"), 0);
    cr_expect_gt(info("raft_log_append_bytes"), 0);
    expect_reply(context, "CONFIG RESETSTAT", "OK");
    cr_expect_eq(info("total_error_replies"), 0);
    cr_expect_eq(info("keyspace_hits"), 0);
    cr_expect_leq(info("total_commands_processed"), 5);
    redisFree(context);
}
