/* wire.h: a network of our own. Each host has a TUN device in its own network namespace; a thread
 * reads the IP packets that hosts send and hands them on to the host they are for, by the rule of
 * that direction. So one direction can be cut while the other works.
 *
 * What happens to a packet is drawn from a seed; which packets there are is up to the kernels and
 * the moment, so a run does not repeat itself packet by packet.
 *
 * Ownership: wire_create() to wire_destroy(), which ends the thread. The descriptors stay the
 * caller's. wire_set() may be called from any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { WIRE_HOSTS_MAX = 8 };

struct wire_host {
    int device;       /* of /dev/net/tun, not blocking, without packet information */
    uint32_t address; /* IPv4, in the machine's byte order */
};

/* One direction. Zeroed: everything passes at once. */
struct wire_rule {
    bool cut;
    bool reorders; /* a packet may overtake another that the jitter holds back */
    uint32_t loss_per_mille, double_per_mille;
    uint32_t delay_us, jitter_us;
    uint32_t bytes_per_s; /* 0: no bound; what would wait for more than 200 ms is dropped */
};

#define WIRE_FIGURES(X)                                                                            \
    X(carried)                                                                                     \
    X(cut)                                                                                         \
    X(lost)                                                                                        \
    X(doubled)                                                                                     \
    X(delayed)                                                                                     \
    X(overtaken)                                                                                   \
    X(overflowed)
#define WIRE_FIELD(name) uint64_t name;
struct wire_figures {
    WIRE_FIGURES(WIRE_FIELD)
};
#undef WIRE_FIELD

struct wire *wire_create(const struct wire_host *hosts, int count, uint64_t seed);
void wire_destroy(struct wire *wire);
void wire_set(struct wire *wire, int from, int to, const struct wire_rule *rule);
/* Packets since the creation. */
struct wire_figures wire_figures(struct wire *wire);
