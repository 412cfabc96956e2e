/* watchdog.c: see watchdog.h.
 *
 * Why not a thread that owns the control connections: each heartbeat, vote and read index would
 * cross two threads more on its way, there and back, and nothing is gained but in the rare long
 * turn. This thread looks at one number twenty times a second, and else sleeps. */
#include "src/server/watchdog.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

#include "base/memory.h"
#include "src/server/frame.h"
#include "src/server/server_state.h"
#include "src/server/thread.h"

struct line {
    int fd;             /* -1: none */
    bool broken;        /* the loop has stopped within a frame */
    struct buffer rest; /* of a frame that the socket had no room for */
};

struct watchdog {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    _Atomic uint64_t turn_began_us; /* 0: the loop waits */
    _Atomic uint64_t said;
    _Atomic bool turn_is_long;
    uint64_t said_before; /* this turn */
    /* Under the lock. */
    bool ends;
    uint64_t heartbeat_us;
    struct replica_presence presence; /* term 0: nothing to say */
    struct line lines[RAFT_NODES_MAX + 1];
    struct buffer frame; /* scratch */
};

/* --- the thread ------------------------------------------------------------------------------ */

/* What the socket does not take at once is left to the loop, if a part of it is on its way. */
static void say(struct watchdog *watchdog, uint32_t node, uint64_t busy_us) {
    struct line *line = &watchdog->lines[node];
    if (line->fd < 0 || line->broken || line->rest.size > 0) return;
    struct buffer *frame = &watchdog->frame;
    frame->size = 0;
    frame_begin(frame);
    replica_write_busy(frame, &watchdog->presence, node, busy_us);
    frame_end(frame, FRAME_PACKET, 0);
    ssize_t sent = send(line->fd, frame->data, frame->size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) return;
    buffer_append(&line->rest, frame->data + sent, frame->size - (size_t)sent);
    atomic_fetch_add_explicit(&watchdog->said, 1, memory_order_relaxed);
}

static void look(struct watchdog *watchdog) {
    uint64_t began_us = atomic_load_explicit(&watchdog->turn_began_us, memory_order_relaxed);
    uint64_t now_us = clock_us();
    if (began_us == 0 || now_us < began_us) return;
    /* Less than a heartbeat: the one that was due may be missed already. */
    uint64_t busy_us = now_us - began_us;
    if (busy_us < watchdog->heartbeat_us / 2) return;
    atomic_store_explicit(&watchdog->turn_is_long, true, memory_order_relaxed);
    if (busy_us > RAFT_BUSY_MAX_US || watchdog->presence.term == 0) return;
    for (uint32_t node = 1; node <= RAFT_NODES_MAX; node++)
        say(watchdog, node, busy_us);
}

static void sleep_for(struct watchdog *watchdog, uint64_t us) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + us * 1000;
    until.tv_sec += (time_t)(ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    pthread_cond_timedwait(&watchdog->wake, &watchdog->lock, &until);
}

static void *watchdog_run(void *argument) {
    struct watchdog *watchdog = argument;
    pthread_mutex_lock(&watchdog->lock);
    while (!watchdog->ends) {
        look(watchdog);
        sleep_for(watchdog, watchdog->heartbeat_us);
    }
    pthread_mutex_unlock(&watchdog->lock);
    return NULL;
}

/* --- life ------------------------------------------------------------------------------------ */

struct watchdog *watchdog_create(uint64_t heartbeat_us) {
    struct watchdog *watchdog = memory_allocate_zeroed(sizeof(*watchdog));
    watchdog->heartbeat_us = heartbeat_us;
    for (uint32_t node = 0; node <= RAFT_NODES_MAX; node++)
        watchdog->lines[node].fd = -1;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watchdog->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&watchdog->lock, NULL);
    CHECK(thread_start(&watchdog->thread, "hamok-watchdog", watchdog_run, watchdog));
    return watchdog;
}

void watchdog_destroy(struct watchdog *watchdog) {
    if (watchdog == NULL) return;
    pthread_mutex_lock(&watchdog->lock);
    watchdog->ends = true;
    pthread_cond_signal(&watchdog->wake);
    pthread_mutex_unlock(&watchdog->lock);
    pthread_join(watchdog->thread, NULL);
    for (uint32_t node = 0; node <= RAFT_NODES_MAX; node++)
        buffer_clear(&watchdog->lines[node].rest);
    buffer_clear(&watchdog->frame);
    pthread_cond_destroy(&watchdog->wake);
    pthread_mutex_destroy(&watchdog->lock);
    memory_release(watchdog);
}

void watchdog_set_heartbeat(struct watchdog *watchdog, uint64_t heartbeat_us) {
    if (watchdog == NULL) return;
    pthread_mutex_lock(&watchdog->lock);
    watchdog->heartbeat_us = heartbeat_us;
    pthread_mutex_unlock(&watchdog->lock);
}

/* --- the loop's side ------------------------------------------------------------------------- */

void watchdog_turn_begins(struct watchdog *watchdog, uint64_t now_us) {
    if (watchdog == NULL) return;
    watchdog->said_before = watchdog_said(watchdog);
    atomic_store_explicit(&watchdog->turn_is_long, false, memory_order_relaxed);
    atomic_store_explicit(&watchdog->turn_began_us, now_us, memory_order_relaxed);
}

uint64_t watchdog_turn_ends(struct watchdog *watchdog, const struct replica_presence *presence) {
    if (watchdog == NULL) return 0;
    atomic_store_explicit(&watchdog->turn_began_us, 0, memory_order_relaxed);
    /* Only this thread writes it, so it may look without the lock. */
    const struct replica_presence *known = &watchdog->presence;
    bool is_news = presence->id != known->id || presence->term != known->term ||
                   presence->leads != known->leads;
    if (is_news) {
        pthread_mutex_lock(&watchdog->lock);
        watchdog->presence = *presence;
        pthread_mutex_unlock(&watchdog->lock);
    }
    return watchdog_said(watchdog) - watchdog->said_before;
}

bool watchdog_turn_is_long(const struct watchdog *watchdog) {
    return watchdog != NULL && atomic_load_explicit(&watchdog->turn_is_long, memory_order_relaxed);
}

static void set_line(struct watchdog *watchdog, uint32_t node, int fd) {
    if (watchdog == NULL) return;
    CHECK(node <= RAFT_NODES_MAX);
    pthread_mutex_lock(&watchdog->lock);
    struct line *line = &watchdog->lines[node];
    line->fd = fd;
    line->broken = false;
    line->rest.size = 0;
    pthread_mutex_unlock(&watchdog->lock);
}

void watchdog_open_line(struct watchdog *watchdog, uint32_t node, int fd) {
    set_line(watchdog, node, fd);
}
void watchdog_close_line(struct watchdog *watchdog, uint32_t node) {
    set_line(watchdog, node, -1);
}

void watchdog_begin_write(struct watchdog *watchdog, uint32_t node, struct buffer *rest) {
    if (watchdog == NULL) return;
    pthread_mutex_lock(&watchdog->lock);
    struct line *line = &watchdog->lines[node];
    buffer_append_bytes(rest, buffer_bytes(&line->rest));
    line->rest.size = 0;
}

void watchdog_end_write(struct watchdog *watchdog, uint32_t node, bool whole) {
    if (watchdog == NULL) return;
    watchdog->lines[node].broken = !whole;
    pthread_mutex_unlock(&watchdog->lock);
}

uint64_t watchdog_said(const struct watchdog *watchdog) {
    if (watchdog == NULL) return 0;
    return atomic_load_explicit(&watchdog->said, memory_order_relaxed);
}
