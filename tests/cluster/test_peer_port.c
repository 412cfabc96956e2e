/* test_peer_port.c: what comes to the peer port and is no peer. All of it is thrown out, bounded in
 * bytes, time and number, while the cluster goes on. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "base/random.h"
#include "tests/cluster/harness.h"

enum { PEER_PORT_OFFSET = 10000 };
/* The protocol's numbers once more, as a stranger knows them (src/server/frame.h, handshake.h). */
enum {
    KIND_PACKET = 1,
    KIND_HELLO,
    KIND_PROOF,
    KIND_WELCOME,
    KIND_REFUSAL,
    KIND_ANSWER,
    KIND_ADDRESS
};
enum { PURPOSE_CONTROL = 1, PURPOSE_BULK, PURPOSE_FOUNDING, PURPOSE_JOIN };
enum { PROTOCOL = 2, HELLO_SIZE = 104, NAMED_PACKET_KINDS = 16, UNPROVED_MAX = 64 };

static int dial(struct cluster *cluster, int node) {
    int fd = connect_port(cluster->nodes[node].port + PEER_PORT_OFFSET);
    cr_assert(fd >= 0, "the peer port of node %d: %s", node + 1, strerror(errno));
    return fd;
}

/* The server may have closed already: that is what is wanted. */
static void say(int fd, const char *bytes, size_t size) {
    (void)!send(fd, bytes, size, MSG_NOSIGNAL);
}

/* Until the server closes; what it said is thrown away. False if it doesn't. */
static bool is_closed(int fd, int patience_ms) {
    int64_t until = clock_ms() + patience_ms;
    char bytes[4096];
    for (;;) {
        int64_t left_ms = until - clock_ms();
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        if (left_ms < 0 || poll(&poll_fd, 1, (int)left_ms) <= 0) return false;
        if (recv(fd, bytes, sizeof(bytes), 0) <= 0) return true;
    }
}

static void expect_closed(int fd, const char *what) {
    cr_expect(is_closed(fd, PATIENCE_MS), "%s: the connection is closed", what);
    close(fd);
}

static void frame(struct buffer *out, uint32_t kind, uint32_t size, struct bytes head) {
    char header[16];
    store_u32(header, size);
    store_u32(header + 4, kind << 24 | (uint32_t)head.size);
    store_u64(header + 8, hash_bytes(head, load_u64(header)));
    buffer_append(out, header, sizeof(header));
    buffer_append_bytes(out, head);
}

struct introduction {
    uint32_t version, float_model, purpose, id;
    bool knows_cluster;
};

/* `cluster_id`: 16 bytes, or NULL if none of the introductions knows it. */
static void introduce(struct buffer *out, struct introduction as, const char *cluster_id) {
    char body[HELLO_SIZE] = "HAMOKPR\n";
    store_u32(body + 8, as.version);
    store_u32(body + 12, as.float_model);
    store_u32(body + 16, as.purpose);
    store_u32(body + 20, as.id);
    if (as.knows_cluster) memcpy(body + 24, cluster_id, 16);
    frame(out, KIND_HELLO, HELLO_SIZE, bytes_of(body, HELLO_SIZE));
}

static void hello_for_founding(struct buffer *out, uint32_t id) {
    struct introduction as = {PROTOCOL, __LDBL_MANT_DIG__, PURPOSE_FOUNDING, id, false};
    introduce(out, as, NULL);
}

/* INFO shows it as the id of the history: its first 32 digits. */
static void learn_cluster_id(struct cluster *cluster, char id[16]) {
    char text[64] = "", digits[3] = "";
    node_info_text(cluster, 0, "replication", "master_replid", text, sizeof(text));
    cr_assert_geq(strlen(text), 32, "%s", text);
    for (int i = 0; i < 16; i++) {
        memcpy(digits, text + 2 * i, 2);
        id[i] = (char)strtoul(digits, NULL, 16);
    }
}

/* Until the server closes. */
static void expect_told(int fd, const char *what, const char *text) {
    char said[1024] = "";
    size_t size = 0;
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    while (size < sizeof(said) && poll(&poll_fd, 1, PATIENCE_MS) > 0) {
        ssize_t count = recv(fd, said + size, sizeof(said) - size, 0);
        if (count <= 0) break;
        size += (size_t)count;
    }
    cr_expect_not_null(memmem(said, size, text, strlen(text)), "%s, who is told: %.*s", what,
                       size > 16 ? (int)size - 16 : 0, said + 16);
}

static void expect_refused(int fd, const char *what, const char *why) {
    expect_told(fd, what, why);
    expect_closed(fd, what);
}

static void expect_goes_on(struct cluster *cluster) {
    redisContext *first = node_connect(cluster, 0);
    long long count = ask_integer(first, "INCRBY goes-on 0");
    redisFree(first);
    for (int i = 0; i < cluster->count; i++) {
        redisContext *client = node_connect(cluster, i);
        cr_expect_eq(ask_integer(client, "INCR goes-on"), ++count);
        redisFree(client);
    }
}

static const struct {
    const char *name, *bytes;
} stranger_cases[] = {
    {"a Redis client", "*1\r\n$4\r\nPING\r\n"},
    {"an inline command", "PING\r\n"},
    {"HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"},
    {"TLS", "\x16\x03\x01\x02\x01\x01\x01\xfc\x03\x03 client hello, and so on"},
    {"a huge frame", "\xff\xff\xff\xff\xff\xff\xff\x02 and the sixteen bytes"},
    {"a head larger than its frame", "\x10\x01\x01\x01\x20\x01\x01\x02 and the sixteen bytes"},
};

Test(peer_port, throws_strangers_out) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    for (int node = 0; node < 3; node++) {
        for (size_t i = 0; i < COUNT_OF(stranger_cases); i++) {
            int fd = dial(cluster, node);
            say(fd, stranger_cases[i].bytes, strlen(stranger_cases[i].bytes));
            (void)shutdown(fd, SHUT_WR);
            expect_closed(fd, stranger_cases[i].name);
        }
    }
    expect_goes_on(cluster);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

Test(peer_port, throws_out_who_breaks_the_handshake) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    char zeros[512] = {0};
    for (uint32_t kind = 0; kind < NAMED_PACKET_KINDS; kind++) {
        struct buffer out = {0};
        if (kind != KIND_HELLO) frame(&out, kind, 32, bytes_of(zeros, 32));
        if (kind == KIND_HELLO) frame(&out, kind, 40, bytes_of(zeros, 40));
        int fd = dial(cluster, (int)kind % 3);
        say(fd, out.data, out.size);
        expect_closed(fd, "a frame before HELLO");
        buffer_clear(&out);
    }
    for (uint32_t kind = 0; kind < NAMED_PACKET_KINDS; kind++) {
        if (kind == KIND_ANSWER || kind == KIND_PROOF) continue;
        struct buffer out = {0};
        hello_for_founding(&out, 0);
        frame(&out, kind, 32, bytes_of(zeros, 32));
        int fd = dial(cluster, (int)kind % 3);
        say(fd, out.data, out.size);
        expect_closed(fd, "no PROOF behind HELLO");
        buffer_clear(&out);
    }
    expect_goes_on(cluster);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

/* From where another machine would come: what needs no secret is this machine's alone. */
static int dial_from_outside(struct cluster *cluster, struct sockaddr_in address) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_port = htons((uint16_t)(cluster->nodes[0].port + PEER_PORT_OFFSET));
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0, "%s",
                 strerror(errno));
    return fd;
}

Test(peer_port, without_a_secret_hears_nobody_from_another_machine) {
    struct sockaddr_in address;
    if (!outer_address(&address)) cr_skip_test("this machine has only the loopback");
    const char *const secrets[] = {NULL, "known to all"};
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        const char *const options[] = {"--raft-secret", secrets[i], NULL};
        struct cluster *cluster = cluster_create_running(3, i == 0 ? NULL : options);
        for (uint32_t purpose = PURPOSE_CONTROL; purpose <= PURPOSE_JOIN; purpose++) {
            struct introduction as = {PROTOCOL, __LDBL_MANT_DIG__, purpose, 2, false};
            struct buffer out = {0};
            int fd = dial_from_outside(cluster, address);
            introduce(&out, as, NULL);
            say(fd, out.data, out.size);
            bool is_guest = purpose >= PURPOSE_FOUNDING;
            expect_told(fd, "whoever comes from outside",
                        i == 0     ? "no raft-secret is set"
                        : is_guest ? "HAMOKPR"
                                   : "another cluster");
            close(fd);
            buffer_clear(&out);
        }
        expect_goes_on(cluster);
        cluster_destroy(cluster);
    }
}

enum { ID_OF_THE_ASKED = 2000, ID_OF_ANOTHER }; /* stand for what is known only later */

static const struct {
    const char *name, *why;
    struct introduction as;
} introductions[] = {
    {"a version of the past", "no version", {1, __LDBL_MANT_DIG__, PURPOSE_FOUNDING, 0, false}},
    {"a version to come", "no version", {99, __LDBL_MANT_DIG__, PURPOSE_FOUNDING, 0, false}},
    {"another architecture", "floating-point", {PROTOCOL, 113, PURPOSE_FOUNDING, 0, false}},
    {"no purpose", "not understood", {PROTOCOL, __LDBL_MANT_DIG__, 99, 2, true}},
    {"another cluster", "another cluster", {PROTOCOL, __LDBL_MANT_DIG__, PURPOSE_BULK, 2, false}},
    {"no member", "not a member", {PROTOCOL, __LDBL_MANT_DIG__, PURPOSE_BULK, 1000, true}},
    {"this node",
     "two processes",
     {PROTOCOL, __LDBL_MANT_DIG__, PURPOSE_BULK, ID_OF_THE_ASKED, true}},
    {"another directory",
     "another data directory",
     {PROTOCOL, __LDBL_MANT_DIG__, PURPOSE_CONTROL, ID_OF_ANOTHER, true}},
};

Test(peer_port, tells_who_may_not_come_in_why) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    char cluster_id[16];
    learn_cluster_id(cluster, cluster_id);
    for (size_t i = 0; i < COUNT_OF(introductions); i++) {
        struct buffer out = {0};
        struct introduction as = introductions[i].as;
        if (as.id == ID_OF_THE_ASKED) as.id = (uint32_t)node_info(cluster, 0, "raft_node_id");
        if (as.id == ID_OF_ANOTHER) as.id = (uint32_t)node_info(cluster, 1, "raft_node_id");
        introduce(&out, as, cluster_id);
        int fd = dial(cluster, 0);
        say(fd, out.data, out.size);
        expect_refused(fd, introductions[i].name, introductions[i].why);
        buffer_clear(&out);
    }
    expect_goes_on(cluster);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

/* Founding is open to everybody who knows the secret: here there is none. */
static void begin_founding(struct cluster *cluster, int node, int *fd) {
    char proof[32] = {0};
    struct buffer out = {0};
    hello_for_founding(&out, 0);
    frame(&out, KIND_PROOF, sizeof(proof), bytes_of(proof, sizeof(proof)));
    *fd = dial(cluster, node);
    say(*fd, out.data, out.size);
    buffer_clear(&out);
}

Test(peer_port, throws_out_who_lies_when_founding) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    char zeros[512] = {0};
    int fd;
    struct buffer out = {0};
    begin_founding(cluster, 0, &fd);
    frame(&out, KIND_ANSWER, 300, bytes_of(zeros, 300));
    say(fd, out.data, out.size);
    expect_closed(fd, "an answer that is none");
    out.size = 0;
    begin_founding(cluster, 1, &fd);
    frame(&out, KIND_ANSWER, 1u << 30, bytes_of(zeros, 300));
    say(fd, out.data, out.size);
    expect_closed(fd, "an answer of a gigabyte");
    out.size = 0;
    begin_founding(cluster, 2, &fd);
    frame(&out, KIND_PACKET, 300, bytes_of(zeros, 300));
    say(fd, out.data, out.size);
    expect_closed(fd, "a packet of a node that is no member");
    buffer_clear(&out);
    expect_goes_on(cluster);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

enum { HEADER_SIZE = 16 };

/* The HELLO that this node answers with. */
static void learn_hello(struct cluster *cluster, int node, char hello[HELLO_SIZE]) {
    struct buffer out = {0};
    char said[HEADER_SIZE + HELLO_SIZE];
    int fd = dial(cluster, node);
    hello_for_founding(&out, 0);
    say(fd, out.data, out.size);
    cr_assert_eq(recv(fd, said, sizeof(said), MSG_WAITALL), sizeof(said));
    memcpy(hello, said + HEADER_SIZE, HELLO_SIZE);
    close(fd);
    buffer_clear(&out);
}

/* Where there is no secret whoever repeats a member's HELLO is taken for it. */
static int dial_as_member(struct cluster *cluster, int node, int member) {
    char hello[HELLO_SIZE], zeros[32] = {0}, said[2 * HEADER_SIZE + HELLO_SIZE];
    struct buffer out = {0};
    learn_hello(cluster, member, hello);
    store_u32(hello + 8, PROTOCOL);
    store_u32(hello + 16, PURPOSE_CONTROL);
    frame(&out, KIND_HELLO, HELLO_SIZE, bytes_of(hello, HELLO_SIZE));
    frame(&out, KIND_PROOF, sizeof(zeros), bytes_of(zeros, sizeof(zeros)));
    int fd = dial(cluster, node);
    say(fd, out.data, out.size);
    cr_assert_eq(recv(fd, said, sizeof(said), MSG_WAITALL), sizeof(said));
    cr_assert_eq(said[HEADER_SIZE + HELLO_SIZE + 7], KIND_WELCOME);
    buffer_clear(&out);
    return fd;
}

static const struct {
    const char *name;
    struct bytes body;
} no_addresses[] = {
    {"nothing", BYTES("")},
    {"half a port", BYTES("\x59")},
    {"no host", BYTES("\x59\x1b")},
    {"port 0", BYTES("\0\0host")},
    {"a port that leaves none for peers", BYTES("\xf0\xd8host")},
    {"two lines", BYTES("\x59\x1bhost\nline")},
};

Test(peer_port, throws_out_a_member_that_says_no_address) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    for (size_t i = 0; i < COUNT_OF(no_addresses); i++) {
        struct bytes body = no_addresses[i].body;
        struct buffer out = {0};
        int fd = dial_as_member(cluster, 0, 1);
        frame(&out, KIND_ADDRESS, (uint32_t)body.size, body);
        say(fd, out.data, out.size);
        expect_closed(fd, no_addresses[i].name);
        buffer_clear(&out);
    }
    expect_goes_on(cluster);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

Test(peer_port, survives_noise_and_broken_connections) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    struct random random;
    random_init(&random, 20260101);
    for (int i = 0; i < 600; i++) {
        char noise[600];
        struct buffer out = {0};
        size_t size = random_below(&random, sizeof(noise));
        for (size_t k = 0; k < size; k++)
            noise[k] = (char)random_next(&random);
        if (i % 3 == 0) hello_for_founding(&out, (uint32_t)random_below(&random, 5));
        if (i % 6 == 0) frame(&out, KIND_PROOF, 32, bytes_of(memset(noise, 0, 32), 32));
        if (i % 12 == 0) frame(&out, KIND_ANSWER, (uint32_t)size, bytes_of(noise, size));
        if (i % 3 == 1) buffer_append(&out, noise, size);
        if (i % 3 == 2)
            frame(&out, 1 + (uint32_t)random_below(&random, 6), (uint32_t)size,
                  bytes_of(noise, size));
        int fd = dial(cluster, i % 3);
        say(fd, out.data, out.size);
        /* Half of them go by a reset, in the middle of the node's answer. */
        struct linger linger = {.l_onoff = i % 2, .l_linger = 0};
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        close(fd);
        buffer_clear(&out);
    }
    expect_goes_on(cluster);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

/* They have proved that they know the secret (there is none), and nothing else. */
Test(peer_port, bounds_who_only_asks_for_founding) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    int fds[UNPROVED_MAX + 16];
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        begin_founding(cluster, 0, &fds[i]);
    for (size_t i = UNPROVED_MAX; i < COUNT_OF(fds); i++)
        cr_expect(is_closed(fds[i], 2500), "%zu: one too many", i);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        expect_closed(fds[i], "who asks nothing more");
    expect_goes_on(cluster);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}

/* Its machine acknowledges what it has room for, and would for ever. */
Test(peer_port, gives_up_a_connection_that_takes_nothing_any_more) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    int leader = cluster_leader(cluster), asleep = (leader + 1) % 3;
    long long id = node_info(cluster, asleep, "raft_node_id");
    (void)node_signal(cluster, asleep, SIGSTOP);
    redisContext *client = node_connect(cluster, leader);
    static char value[1 << 20];
    memset(value, 'v', sizeof(value));
    for (int i = 0; i < 24; i++)
        cr_expect(ask_is(client, "OK", "SET key%d %b", i, value, sizeof(value)));
    char line[64];
    snprintf(line, sizeof(line), "The link to node %lld is down", id);
    node_await_log(cluster, leader, line);
    (void)node_signal(cluster, asleep, SIGCONT);
    node_await_serving(cluster, asleep);
    cluster_expect_equal(cluster);
    redisFree(client);
    cluster_destroy(cluster);
}

Test(peer_port, bounds_half_open_handshakes) {
    struct cluster *cluster = cluster_create_running(3, NULL);
    int follower = cluster_follower(cluster), leader = cluster_leader(cluster);
    int fds[UNPROVED_MAX + 16];
    int64_t before = clock_ms();
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = dial(cluster, leader);
        say(fds[i], "\x68", 1); /* the first byte of a HELLO frame, and no more */
    }
    /* Those beyond the bound go at once, before any time-out. */
    int gone = 0;
    for (size_t i = UNPROVED_MAX; i < COUNT_OF(fds); i++)
        gone += is_closed(fds[i], 2500);
    cr_expect_eq(gone, 16);
    expect_goes_on(cluster);
    /* A peer finds no room meanwhile; when the time of the others is over, it does. */
    (void)node_signal(cluster, follower, SIGKILL);
    node_start(cluster, follower);
    for (size_t i = 0; i < UNPROVED_MAX; i++)
        cr_expect(is_closed(fds[i], PATIENCE_MS));
    cr_expect_lt(clock_ms() - before, 20000);
    node_await_serving(cluster, follower);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        close(fds[i]);
    expect_goes_on(cluster);
    cluster_expect_equal(cluster);
    cluster_destroy(cluster);
}
