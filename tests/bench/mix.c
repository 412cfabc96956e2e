/* mix: the load that redis-benchmark cannot make: reads and writes of random keys on the same
 * connections, four GETs to one SET.
 *
 * usage: mix PORT REQUESTS CLIENTS PIPELINE KEYS VALUE_SIZE
 * Prints requests per second. One thread and one epoll, as redis-benchmark; keys are key:%012d.
 * An error reply ends it with status 1. */
#include <arpa/inet.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/number.h"
#include "base/random.h"

enum { GET_PERCENT = 80, EVENTS_MAX = 256, READ_SIZE = 64 * 1024 };

struct load {
    uint16_t port;
    uint64_t requests, clients, pipeline, keys, value_size;
    uint64_t issued, finished;
    struct random random;
    struct buffer value;
    int epoll;
};

struct connection {
    int socket;
    uint64_t awaited; /* replies of the pipeline in flight */
    redisReader *reader;
    struct buffer output;
    size_t sent;
    bool waits_to_write;
};

__attribute__((noreturn)) static void fail(const char *what) {
    fprintf(stderr, "mix: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t number_argument(const char *text) {
    uint64_t value;
    if (!number_parse_u64(bytes_of_text(text), &value) || value == 0) {
        fprintf(stderr, "mix: %s is not a number above 0\n", text);
        exit(2);
    }
    return value;
}

static void append_request(struct load *load, struct buffer *output) {
    uint64_t key = random_below(&load->random, load->keys);
    if (random_below(&load->random, 100) < GET_PERCENT) {
        buffer_append_format(output, "*2\r\n$3\r\nGET\r\n$16\r\nkey:%012llu\r\n",
                             (unsigned long long)key);
        return;
    }
    buffer_append_format(output, "*3\r\n$3\r\nSET\r\n$16\r\nkey:%012llu\r\n$%llu\r\n",
                         (unsigned long long)key, (unsigned long long)load->value_size);
    buffer_append_bytes(output, buffer_bytes(&load->value));
    buffer_append_bytes(output, BYTES("\r\n"));
}

static void watch(const struct load *load, struct connection *connection, int operation) {
    struct epoll_event event = {.events = EPOLLIN | (connection->waits_to_write ? EPOLLOUT : 0),
                                .data.ptr = connection};
    if (epoll_ctl(load->epoll, operation, connection->socket, &event) != 0) fail("epoll_ctl");
}

static void write_some(const struct load *load, struct connection *connection) {
    struct buffer *output = &connection->output;
    bool waits = false;
    while (connection->sent < output->size && !waits) {
        ssize_t size = send(connection->socket, output->data + connection->sent,
                            output->size - connection->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        waits = size < 0 && errno == EAGAIN;
        if (size < 0 && !waits) fail("send");
        if (!waits) connection->sent += (size_t)size;
    }
    if (waits == connection->waits_to_write) return;
    connection->waits_to_write = waits;
    watch(load, connection, EPOLL_CTL_MOD);
}

/* Sends the next pipeline, as long as requests are left. */
static void issue(struct load *load, struct connection *connection) {
    uint64_t left = load->requests - load->issued;
    uint64_t count = left < load->pipeline ? left : load->pipeline;
    connection->output.size = 0;
    connection->sent = 0;
    for (uint64_t i = 0; i < count; i++)
        append_request(load, &connection->output);
    load->issued += count;
    connection->awaited = count;
    if (count > 0) write_some(load, connection);
}

static void read_some(struct load *load, struct connection *connection) {
    static char chunk[READ_SIZE];
    ssize_t size = recv(connection->socket, chunk, sizeof(chunk), MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) fail("recv");
    CHECK(redisReaderFeed(connection->reader, chunk, (size_t)size) == REDIS_OK);
    while (connection->awaited > 0) {
        void *reply = NULL; /* Without functions to build one it is the reply's type. */
        if (redisReaderGetReply(connection->reader, &reply) != REDIS_OK) fail("reply");
        if (reply == NULL) return;
        if ((size_t)reply == REDIS_REPLY_ERROR) {
            fprintf(stderr, "mix: an error reply: %.*s\n", (int)size, chunk);
            exit(1);
        }
        connection->awaited -= 1;
        load->finished += 1;
    }
    issue(load, connection);
}

static void connect_client(struct load *load, struct connection *connection) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(load->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    connection->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->socket < 0) fail("socket");
    if (connect(connection->socket, (struct sockaddr *)&address, sizeof(address)) != 0)
        fail("connect");
    int on = 1;
    setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    connection->reader = redisReaderCreateWithFunctions(NULL);
    CHECK(connection->reader != NULL);
    watch(load, connection, EPOLL_CTL_ADD);
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void run(struct load *load, struct connection *connections) {
    struct epoll_event events[EVENTS_MAX];
    for (uint64_t i = 0; i < load->clients; i++)
        issue(load, &connections[i]);
    while (load->finished < load->requests) {
        int count = epoll_wait(load->epoll, events, EVENTS_MAX, 60000);
        if (count == 0) errno = ETIMEDOUT;
        if (count <= 0) fail("epoll_wait");
        for (int i = 0; i < count; i++) {
            if (events[i].events & EPOLLOUT) write_some(load, events[i].data.ptr);
            if (events[i].events & ~(uint32_t)EPOLLOUT) read_some(load, events[i].data.ptr);
        }
    }
}

int main(int argument_count, char **arguments) {
    if (argument_count != 7) {
        fprintf(stderr, "usage: mix PORT REQUESTS CLIENTS PIPELINE KEYS VALUE_SIZE\n");
        return 2;
    }
    struct load load = {.port = (uint16_t)number_argument(arguments[1]),
                        .requests = number_argument(arguments[2]),
                        .clients = number_argument(arguments[3]),
                        .pipeline = number_argument(arguments[4]),
                        .keys = number_argument(arguments[5]),
                        .value_size = number_argument(arguments[6]),
                        .epoll = epoll_create1(EPOLL_CLOEXEC)};
    random_init(&load.random, 1);
    memset(buffer_reserve(&load.value, load.value_size), 'x', load.value_size);
    load.value.size = load.value_size;
    struct connection *connections = calloc(load.clients, sizeof(*connections));
    CHECK(connections != NULL);
    for (uint64_t i = 0; i < load.clients; i++)
        connect_client(&load, &connections[i]);

    double start_s = now_s();
    run(&load, connections);
    printf("%.2f\n", (double)load.requests / (now_s() - start_s));

    for (uint64_t i = 0; i < load.clients; i++) {
        redisReaderFree(connections[i].reader);
        buffer_clear(&connections[i].output);
        close(connections[i].socket);
    }
    free(connections);
    buffer_clear(&load.value);
    close(load.epoll);
    return 0;
}
