/* server_state.c: see server_state.h. */
#include "src/server/server_state.h"

#include <time.h>

#include "src/server/memory_usage.h"

/* --- clocks -------------------------------------------------------------------------------------
 */

static uint64_t clock_read_us(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_us(void) {
    return clock_read_us(CLOCK_BOOTTIME);
}

uint64_t wall_clock_ms(void) {
    return clock_read_us(CLOCK_REALTIME) / 1000;
}

struct replica_moment server_moment(const struct server *server) {
    /* The wall clock is read once a turn. What went by since counts, or after a long command it
     * would seem to jump. */
    uint64_t now_us = clock_us();
    uint64_t wall_ms = server->wall_ms + (now_us - server->turn_began_us) / 1000;
    return (struct replica_moment){.now_us = now_us, .wall_ms = wall_ms};
}

/* --- statistics ---------------------------------------------------------------------------------
 */

uint64_t rate_of(const struct rate *rate) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < HISTORY_SIZE; i++)
        sum += rate->samples[i];
    return sum / HISTORY_SIZE;
}

void rate_sample(struct rate *rate, uint64_t count, uint64_t now_us) {
    uint64_t elapsed_us = now_us - rate->last_us;
    if (rate->last_us != 0 && elapsed_us < 100000) return;
    /* After a reset of the counters the count may be below the last one. */
    uint64_t more = count > rate->last_count ? count - rate->last_count : 0;
    if (rate->last_us != 0) rate->samples[rate->at++ % HISTORY_SIZE] = more * 1000000 / elapsed_us;
    rate->last_count = count;
    rate->last_us = now_us;
}

void server_look_at_memory(struct server *server) {
    server->used_memory = memory_used();
    if (server->used_memory > server->peak_memory) server->peak_memory = server->used_memory;
    uint64_t max = (uint64_t)CONFIG_NUMBER(&server->config, MAXMEMORY);
    server->over_memory = max != 0 && server->used_memory > max;
}
