/* wire.c: packets that have to wait stand in a heap by their time; the thread sleeps until the
 * first one is due or a device has something. */
#include "tests/torture/wire.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "base/random.h"
#include "tests/torture/common.h"

enum { PACKET_MAX = 2048, WAITING_MAX = 1 << 16, QUEUE_US_MAX = 200 * 1000, BURST = 64 };

struct packet {
    uint64_t due_us, number; /* equal times: in order of arrival */
    int to;
    uint32_t size;
    char data[];
};

struct direction {
    struct wire_rule rule;
    uint64_t last_due_us; /* of the packet before: the next one is not to overtake it */
    uint64_t free_us;     /* when the bandwidth has carried all before */
};

struct wire {
    struct wire_host hosts[WIRE_HOSTS_MAX];
    int count;
    pthread_t thread;
    int end; /* an eventfd */

    pthread_mutex_t lock; /* of what follows */
    struct direction directions[WIRE_HOSTS_MAX][WIRE_HOSTS_MAX];
    struct wire_figures figures;
    struct random random;
    struct packet **waiting; /* a heap */
    size_t waiting_count;
    uint64_t packets;
};

/* --- the heap -------------------------------------------------------------------------------- */

static bool is_before(const struct packet *a, const struct packet *b) {
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->number < b->number;
}

static void heap_swap(struct wire *wire, size_t a, size_t b) {
    struct packet *packet = wire->waiting[a];
    wire->waiting[a] = wire->waiting[b];
    wire->waiting[b] = packet;
}

static void heap_push(struct wire *wire, struct packet *packet) {
    size_t at = wire->waiting_count++;
    wire->waiting[at] = packet;
    while (at > 0 && is_before(wire->waiting[at], wire->waiting[(at - 1) / 2])) {
        heap_swap(wire, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static struct packet *heap_pop(struct wire *wire) {
    struct packet *first = wire->waiting[0];
    wire->waiting[0] = wire->waiting[--wire->waiting_count];
    for (size_t at = 0;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < wire->waiting_count; child++)
            if (is_before(wire->waiting[child], wire->waiting[least])) least = child;
        if (least == at) return first;
        heap_swap(wire, at, least);
        at = least;
    }
}

/* --- packets --------------------------------------------------------------------------------- */

static bool chance(struct wire *wire, uint32_t per_mille) {
    return per_mille > 0 && random_below(&wire->random, 1000) < per_mille;
}

/* A device whose queue is full loses it, as networks do. */
static void deliver(const struct wire *wire, int to, const char *data, uint32_t size) {
    ssize_t written = write(wire->hosts[to].device, data, size);
    (void)written;
}

static uint64_t draw_due_us(struct wire *wire, struct direction *direction, uint32_t size,
                            uint64_t now_us) {
    const struct wire_rule *rule = &direction->rule;
    uint64_t due_us = now_us;
    if (rule->bytes_per_s > 0) {
        if (direction->free_us > due_us) due_us = direction->free_us;
        due_us += (uint64_t)size * 1000000 / rule->bytes_per_s;
        direction->free_us = due_us;
    }
    due_us += rule->delay_us;
    if (rule->jitter_us > 0) due_us += random_below(&wire->random, rule->jitter_us);
    if (due_us < direction->last_due_us) {
        if (rule->reorders) {
            wire->figures.overtaken++;
        } else {
            due_us = direction->last_due_us;
        }
    }
    if (due_us > direction->last_due_us) direction->last_due_us = due_us;
    return due_us;
}

static void send_on(struct wire *wire, struct direction *direction, int to, const char *data,
                    uint32_t size, uint64_t now_us) {
    bool is_slow = direction->rule.bytes_per_s > 0;
    if ((is_slow && direction->free_us > now_us + QUEUE_US_MAX) ||
        wire->waiting_count == WAITING_MAX) {
        wire->figures.overflowed++;
        return;
    }
    uint64_t due_us = draw_due_us(wire, direction, size, now_us);
    wire->figures.carried++;
    if (due_us <= now_us) {
        deliver(wire, to, data, size);
        return;
    }
    wire->figures.delayed++;
    struct packet *packet = memory_allocate(sizeof(*packet) + size);
    *packet = (struct packet){.due_us = due_us, .number = wire->packets++, .to = to, .size = size};
    memcpy(packet->data, data, size);
    heap_push(wire, packet);
}

static int host_of(const struct wire *wire, const char *data, uint32_t size) {
    enum { HEADER_SIZE = 20, DESTINATION = 16 };
    if (size < HEADER_SIZE || (unsigned char)data[0] >> 4 != 4) return -1;
    uint32_t address = __builtin_bswap32(load_u32(data + DESTINATION));
    for (int i = 0; i < wire->count; i++)
        if (wire->hosts[i].address == address) return i;
    return -1;
}

static void take_packet(struct wire *wire, int from, const char *data, uint32_t size) {
    int to = host_of(wire, data, size);
    if (to < 0) return; /* The kernel also greets routers; there are none. */
    uint64_t now_us = clock_us();
    struct direction *direction = &wire->directions[from][to];
    if (direction->rule.cut) {
        wire->figures.cut++;
        return;
    }
    if (chance(wire, direction->rule.loss_per_mille)) {
        wire->figures.lost++;
        return;
    }
    send_on(wire, direction, to, data, size, now_us);
    if (chance(wire, direction->rule.double_per_mille)) {
        wire->figures.doubled++;
        send_on(wire, direction, to, data, size, now_us);
    }
}

static void read_device(struct wire *wire, int from) {
    char data[PACKET_MAX];
    for (int i = 0; i < BURST; i++) {
        ssize_t size = read(wire->hosts[from].device, data, sizeof(data));
        if (size <= 0) return;
        pthread_mutex_lock(&wire->lock);
        take_packet(wire, from, data, (uint32_t)size);
        pthread_mutex_unlock(&wire->lock);
    }
}

/* Returns in how many microseconds the next one is due; -1: none waits. */
static int64_t deliver_due(struct wire *wire) {
    int64_t wait_us = -1;
    pthread_mutex_lock(&wire->lock);
    while (wire->waiting_count > 0) {
        uint64_t now_us = clock_us();
        if (wire->waiting[0]->due_us > now_us) {
            wait_us = (int64_t)(wire->waiting[0]->due_us - now_us);
            break;
        }
        struct packet *packet = heap_pop(wire);
        deliver(wire, packet->to, packet->data, packet->size);
        memory_release(packet);
    }
    pthread_mutex_unlock(&wire->lock);
    return wait_us;
}

static void *run(void *argument) {
    struct wire *wire = argument;
    for (;;) {
        struct pollfd polled[WIRE_HOSTS_MAX + 1];
        for (int i = 0; i < wire->count; i++)
            polled[i] = (struct pollfd){.fd = wire->hosts[i].device, .events = POLLIN};
        polled[wire->count] = (struct pollfd){.fd = wire->end, .events = POLLIN};
        int64_t wait_us = deliver_due(wire);
        struct timespec wait = {.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000};
        if (ppoll(polled, (nfds_t)wire->count + 1, wait_us < 0 ? NULL : &wait, NULL) < 0) {
            CHECK(errno == EINTR);
            continue;
        }
        if (polled[wire->count].revents != 0) return NULL;
        for (int i = 0; i < wire->count; i++)
            if (polled[i].revents != 0) read_device(wire, i);
    }
}

/* --- life ------------------------------------------------------------------------------------ */

struct wire *wire_create(const struct wire_host *hosts, int count, uint64_t seed) {
    CHECK(count <= WIRE_HOSTS_MAX);
    struct wire *wire = memory_allocate_zeroed(sizeof(*wire));
    memcpy(wire->hosts, hosts, (size_t)count * sizeof(*hosts));
    wire->count = count;
    wire->waiting = memory_allocate(WAITING_MAX * sizeof(struct packet *));
    random_init(&wire->random, seed);
    pthread_mutex_init(&wire->lock, NULL);
    wire->end = eventfd(0, EFD_CLOEXEC);
    CHECK(wire->end >= 0);
    CHECK(pthread_create(&wire->thread, NULL, run, wire) == 0);
    return wire;
}

void wire_destroy(struct wire *wire) {
    if (wire == NULL) return;
    uint64_t one = 1;
    CHECK(write(wire->end, &one, sizeof(one)) == sizeof(one));
    CHECK(pthread_join(wire->thread, NULL) == 0);
    for (size_t i = 0; i < wire->waiting_count; i++)
        memory_release(wire->waiting[i]);
    close(wire->end);
    pthread_mutex_destroy(&wire->lock);
    memory_release(wire->waiting);
    memory_release(wire);
}

void wire_set(struct wire *wire, int from, int to, const struct wire_rule *rule) {
    CHECK(from < wire->count && to < wire->count);
    pthread_mutex_lock(&wire->lock);
    wire->directions[from][to].rule = *rule;
    pthread_mutex_unlock(&wire->lock);
}

struct wire_figures wire_figures(struct wire *wire) {
    pthread_mutex_lock(&wire->lock);
    struct wire_figures figures = wire->figures;
    pthread_mutex_unlock(&wire->lock);
    return figures;
}
