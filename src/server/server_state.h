/* server_state.h: what the parts of one running server share.
 *
 * The struct is open to the files of src/server, each of which owns its part: listener.c the
 * listeners, client.c the clients, server.c the loop. One thread touches it. */
#pragma once

#include <ev.h>
#include <netinet/in.h>

#include "base/number.h"
#include "src/replica/replica.h"
#include "src/server/config.h"
#include "src/server/disk.h"
#include "src/server/identity.h"
#include "src/server/log.h"

struct admission;
struct client;
struct membership;
struct observer;
struct peers;
struct saver;
struct verifier;
struct watchdog;

enum { LISTENERS_MAX = 20, HISTORY_SIZE = 16, SETTINGS_ARGUMENTS_MAX = 32 };

struct listener {
    struct ev_io watcher;
    struct server *server;
    int fd;
    bool is_unix;
};

/* A rate over the last cron calls, as Redis's instantaneous metrics. */
struct rate {
    uint64_t last_count, last_us;
    uint64_t samples[HISTORY_SIZE];
    uint32_t at;
};

struct server_statistics { /* reset by CONFIG RESETSTAT */
    uint64_t connections_received, connections_rejected;
    uint64_t input_bytes, output_bytes, reads, writes;
    uint64_t query_limit_closes, output_limit_closes;
};

enum stop_phase { STOP_NONE, STOP_HANDING_OVER, STOP_DRAINING, STOP_CLOSING };

struct server {
    struct ev_loop *loop;
    struct config config;
    struct buffer config_path; /* of the file, with a zero; empty: none */
    struct log log;
    char directory[1024]; /* absolute, the data directory, where the process works */
    struct identity identity;
    struct members founders; /* of it; lent to the replica's configuration */
    struct membership *membership;
    struct admission *admission;
    struct command_registry *registry;
    struct replica *replica;
    struct disk *disk;
    struct saver *saver;
    struct verifier *verifier;
    struct peers *peers;                 /* NULL in a cluster of one */
    struct watchdog *watchdog;           /* so is this */
    struct founding_wait *founding_wait; /* while the cluster is being founded */
    bool founded_now;                    /* by this start */
    uint64_t settings_proposed_us;       /* cluster_settings.c */

    struct ev_prepare end_watcher;
    struct ev_check begin_watcher, read_watcher;
    struct ev_timer replica_timer, cron_timer;
    struct ev_io disk_watcher;
    struct ev_signal signal_watchers[2];
    uint64_t timer_deadline_us; /* what replica_timer is set to */
    struct ev_idle no_wait;     /* active: the replica has work at once, so poll must not block */
    uint64_t wall_ms, turn_began_us; /* of this turn's beginning */
    bool owes_tick;                  /* the last one came too late in its turn to be believed */

    struct listener listeners[LISTENERS_MAX];
    uint32_t listener_count;

    struct client *clients, *clients_last; /* by age */
    uint64_t client_count, unauthenticated_count, monitor_count;
    struct observer *observer;  /* what commands cost; slow ones; MONITOR */
    struct client *cron_cursor; /* the next client that the cron looks at */
    struct client *closing;     /* to be closed at the end of the turn */
    struct client *readable;    /* found so by this turn's poll, and not yet read from */
    struct client *paused;      /* not read from: back-pressure */
    uint64_t rejected_until_us; /* the accept watchers rest: no file descriptor was left */
    uint64_t maxclients;        /* in force: the limit on open files may be lower */

    uint64_t started_us, started_wall_ms;
    uint64_t turns;
    uint64_t commands_gone; /* processed for clients that have left */
    uint64_t commands_before;
    uint64_t cron_calls;
    char run_id[41];
    int report;     /* a daemon's line to its parent: daemon_report()'s to close; -1: no daemon */
    bool has_begun; /* that was said, or there is nobody to say it to; the pid is told */
    enum stop_phase stop_phase; /* stop.c */
    uint64_t stop_since_us, stop_deadline_us;
    bool is_leaving;         /* is to lead no more: it stops */
    bool stopping, stop_now; /* CLOSING; and that at once */
    bool ready_announced, trouble_told;
    bool disk_is_full;                  /* no room for the log's next segment */
    const char *write_refusal;          /* the error while no node has room for writes; else NULL */
    bool clock_is_ahead;                /* of the log's time */
    uint64_t heartbeat_ms, election_ms; /* in force, as told last; 0: not yet */
    bool losses_told, is_damaged;       /* what the disk has lost; it is not supplied again yet */
    bool has_unreadable;                /* some of the log, while it runs */
    uint32_t untold_told;               /* the vote is lost: who had not told its term */
    uint64_t progress_told_us;
    uint64_t fetches_failed_told, fetch_problem_told; /* a count; a text's hash */
    struct import *import;       /* the dump.rdb that this start takes over; else NULL */
    uint32_t receive_phase_told; /* of another node's snapshot */
    uint64_t installed_told, receives_failed_told;
    int exit_status;

    struct server_statistics statistics;
    struct bytes settings_arguments[SETTINGS_ARGUMENTS_MAX]; /* scratch of cluster_settings.c */
    char settings_texts[SETTINGS_ARGUMENTS_MAX / 2][NUMBER_TEXT_MAX];
    struct rate command_rate, input_rate, output_rate;
    uint64_t used_memory, peak_memory; /* bytes, as of the last look */
    uint64_t startup_memory;
    uint64_t memory_looked_us;
    uint64_t errors_before; /* error replies before the last reset of the statistics */
    bool over_memory;       /* above maxmemory: commands that add are refused */
    size_t max_input_bytes, max_output_bytes; /* lately, of one client */
};

/* Now. The clock that counts suspend is read at each call, the wall clock once a turn. */
struct replica_moment server_moment(const struct server *server);
uint64_t clock_us(void); /* CLOCK_BOOTTIME */
uint64_t wall_clock_ms(void);

uint64_t rate_of(const struct rate *rate); /* per second */
void rate_sample(struct rate *rate, uint64_t count, uint64_t now_us);
/* Asks the allocator; decides whether maxmemory is reached. */
void server_look_at_memory(struct server *server);

/* A password is set: clients have to authenticate. */
static inline bool server_has_password(const struct server *server) {
    return CONFIG_STRING(&server->config, REQUIREPASS)[0] != '\0';
}
