/* server.c: see server.h. Start-up, the turn of the loop, timers, changes of directives, the end.
 */
#include "src/server/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "src/server/admission.h"
#include "src/server/client.h"
#include "src/server/cluster.h"
#include "src/server/cluster_settings.h"
#include "src/server/commands.h"
#include "src/server/control.h"
#include "src/server/crash.h"
#include "src/server/daemon.h"
#include "src/server/import.h"
#include "src/server/listener.h"
#include "src/server/membership.h"
#include "src/server/observer.h"
#include "src/server/peers.h"
#include "src/server/repair_log.h"
#include "src/server/role_log.h"
#include "src/server/saver.h"
#include "src/server/stop.h"
#include "src/server/unsynced.h"
#include "src/server/verifier.h"
#include "src/server/watchdog.h"

/* A turn may give rise to more output and more requests; after so many rounds the sockets get
 * their say first. */
enum { ROUNDS_MAX = 4 };

static const uint64_t progress_every_us = 1000 * 1000;

/* With a maxmemory, the allocator is asked this often at most. */
static const uint64_t memory_look_us = 1000;

/* --- the end of a turn --------------------------------------------------------------------------
 */

static void hand_out_disk_requests(struct server *server) {
    const struct disk_request *request;
    while ((request = replica_next_disk(server->replica)) != NULL)
        disk_submit(server->disk, request);
}

static void hand_out_packets(struct server *server) {
    struct replica_packet *packet;
    while ((packet = replica_next_packet(server->replica)) != NULL) {
        CHECK(server->peers != NULL); /* A cluster of one has nobody to send to. */
        peers_send(server->peers, packet);
    }
    if (server->peers != NULL) peers_flush(server->peers);
}

/* The reply to what the server itself has asked (cluster_settings.c). */
static void end_own_session(struct server *server, struct session *session) {
    bool failed = session->output.size > 0 && session->output.data[0] == '-';
    if (failed)
        log_line(&server->log, LOG_LEVEL_WARNING, "The file's settings were not taken over: %.*s",
                 (int)session->output.size, session->output.data);
    replica_client_close(server->replica, session);
}

static bool flush_sessions(struct server *server, struct replica_moment moment) {
    struct session *session;
    bool any = false;
    while ((session = replica_next_dirty(server->replica)) != NULL) {
        if (session->owner == NULL)
            end_own_session(server, session);
        else
            client_flush(session->owner, moment);
        any = true;
    }
    return any;
}

/* Work that is due now takes no timer: libev sleeps a millisecond even for one of 0. An idle
 * watcher makes the next poll look at the sockets without waiting; the turn's end then ticks. */
static void set_replica_timer(struct server *server) {
    uint64_t deadline_us = replica_deadline_us(server->replica);
    uint64_t now_us = deadline_us == 0 ? 0 : clock_us();
    if (deadline_us <= now_us) {
        ev_idle_start(server->loop, &server->no_wait);
        return;
    }
    ev_idle_stop(server->loop, &server->no_wait);
    bool is_set = ev_is_active(&server->replica_timer); /* and has not fired */
    if (is_set && deadline_us == server->timer_deadline_us) return;
    server->timer_deadline_us = deadline_us;
    double wait_s = (double)(deadline_us - now_us) / 1e6;
    if (wait_s > 3600) wait_s = 3600;
    ev_timer_stop(server->loop, &server->replica_timer);
    ev_timer_set(&server->replica_timer, wait_s, 0.);
    ev_timer_start(server->loop, &server->replica_timer);
}

/* What to do about a log that the recovery refused. */
static const char *mend_of_log(const struct server *server) {
    struct journal *journal = replica_journal(server->replica);
    enum journal_state state = journal_state(journal);
    bool is_shared = identity_known(&server->identity).count > 1;
    if (replica_could_not_read(server->replica))
        return is_shared ? "nothing was changed, and the next start may be luckier. If it stays so "
                           "look at the disk, and move that file away: the other nodes supply what "
                           "is missing then"
                         : "nothing was changed, and the next start may be luckier. If it stays so "
                           "look at the disk, and restore the whole directory from a copy";
    if (state != JOURNAL_REFUSED && state != JOURNAL_DAMAGED) return NULL;
    switch (journal_error(journal)) {
    case ERROR_VERSION:
        return "start that version, or choose another --dir";
    case ERROR_FOREIGN:
        return "bring back the files that belong together, or choose another --dir";
    default:
        break;
    }
    if (is_shared)
        return "this node takes no part and changes nothing; the others go on while they are a "
               "majority";
    return "this node serves nothing and changes nothing: restore the whole directory from a copy, "
           "or choose another --dir to start empty";
}

/* A disk that failed, a log of others or of the future and a file that could not be read end the
 * process; a damaged one keeps it from taking part. */
static void tell_trouble(struct server *server, const char *trouble) {
    const char *mend = mend_of_log(server);
    server->trouble_told = true;
    if (journal_state(replica_journal(server->replica)) == JOURNAL_FAILED) {
        log_line(&server->log, LOG_LEVEL_WARNING,
                 "%s. What the disk holds is unknown, so this node stops; mend the disk and start "
                 "it again.",
                 trouble);
        server->exit_status = 1;
        ev_break(server->loop, EVBREAK_ALL);
        return;
    }
    if (mend == NULL) {
        log_line(&server->log, LOG_LEVEL_WARNING, "%s", trouble);
        return;
    }
    log_line(&server->log, LOG_LEVEL_WARNING, "%s/%s: %s", server->directory, trouble, mend);
    enum error error = journal_error(replica_journal(server->replica));
    bool ends =
        error == ERROR_VERSION || error == ERROR_FOREIGN || replica_could_not_read(server->replica);
    if (!ends) return;
    server->exit_status = 1;
    ev_break(server->loop, EVBREAK_ALL);
}

static uint64_t megabytes(uint64_t bytes) {
    return (bytes + (1 << 20) - 1) >> 20;
}

/* While snapshot and log are read, or the first data are waited for: a line every second. */
static void note_progress(struct server *server) {
    uint64_t now_us = clock_us();
    if (server->progress_told_us == 0) server->progress_told_us = server->started_us;
    if (now_us - server->progress_told_us < progress_every_us) return;
    server->progress_told_us = now_us;
    struct replica_snapshot_status snapshot = replica_snapshot_status(server->replica);
    if (snapshot.phase == REPLICA_SNAPSHOT_LOADING) {
        log_line(&server->log, LOG_LEVEL_NOTICE, "Loading " SNAPSHOT_NAME ": %llu of %llu MiB",
                 (unsigned long long)megabytes(snapshot.loaded),
                 (unsigned long long)megabytes(snapshot.load_total));
        return;
    }
    if (snapshot.receive_phase != REPLICA_RECEIVE_NOTHING) {
        log_line(&server->log, LOG_LEVEL_NOTICE,
                 "The cluster begins with data that this node has not: node %u is asked for them, "
                 "%llu of %llu MiB have come",
                 snapshot.receive_node, (unsigned long long)(snapshot.received >> 20),
                 (unsigned long long)megabytes(snapshot.receive_total));
        return;
    }
    struct journal_progress progress = journal_progress(replica_journal(server->replica));
    log_line(&server->log, LOG_LEVEL_NOTICE, "Reading the log: %llu of about %llu MiB",
             (unsigned long long)megabytes(progress.done_bytes),
             (unsigned long long)megabytes(progress.total_bytes));
}

/* The log has been read. */
static void note_recovery(struct server *server) {
    if (CONFIG_IS_ON(&server->config, RAFT_FSYNC)) unsynced_end();
    struct replica_snapshot_status snapshot = replica_snapshot_status(server->replica);
    if (snapshot.position.index > 0)
        log_line(&server->log, LOG_LEVEL_NOTICE,
                 SNAPSHOT_NAME " was loaded: up to index %llu, "
                               "%llu MiB",
                 (unsigned long long)snapshot.position.index,
                 (unsigned long long)megabytes(snapshot.size));
    struct journal_progress progress = journal_progress(replica_journal(server->replica));
    if (progress.done_bytes > 0)
        log_line(&server->log, LOG_LEVEL_NOTICE,
                 "The log was read: %llu entries, %llu MiB (after %llu ms)",
                 (unsigned long long)raft_last_index(replica_raft(server->replica)),
                 (unsigned long long)megabytes(progress.done_bytes),
                 (unsigned long long)(clock_us() - server->started_us) / 1000);
    uint64_t torn_bytes = journal_torn_bytes(replica_journal(server->replica));
    if (torn_bytes == 0) return;
    log_line(&server->log, LOG_LEVEL_NOTICE,
             "The log ended in a write that never became durable: its %llu bytes were cut off",
             (unsigned long long)torn_bytes);
}

static void note_disk(struct server *server) {
    bool is_full = replica_disk_is_full(server->replica);
    server->write_refusal = replica_write_refusal(server->replica);
    if (is_full == server->disk_is_full) return;
    server->disk_is_full = is_full;
    if (is_full)
        log_line(&server->log, LOG_LEVEL_WARNING,
                 "No space left in %s for the log: make room. Reads go on; writes do as soon as "
                 "there is",
                 server->directory);
    else
        log_line(&server->log, LOG_LEVEL_NOTICE, "There is space for the log again");
}

/* What another node misses can't be read here. It asks again and again: each damage is told once.
 */
static void note_fetches(struct server *server) {
    uint64_t failed = replica_statistics(server->replica)->fetches_failed;
    if (failed == server->fetches_failed_told) return;
    server->fetches_failed_told = failed;
    const char *problem = journal_problem(replica_journal(server->replica));
    uint64_t hash = hash_bytes(bytes_of_text(problem), 0);
    if (hash == server->fetch_problem_told) return;
    server->fetch_problem_told = hash;
    log_line(&server->log, LOG_LEVEL_WARNING,
             "%s/%s: another node needs what stands there. This node lets another one lead, if it "
             "can, and makes a snapshot in the place of that part of its log",
             server->directory, problem);
}

static void note_receipt(struct server *server, const struct replica_snapshot_status *status) {
    const struct log *log = &server->log;
    uint64_t now_us = clock_us();
    bool is_new = (uint32_t)status->receive_phase != server->receive_phase_told;
    bool is_due = is_new || now_us - server->progress_told_us >= progress_every_us;
    server->receive_phase_told = status->receive_phase;
    if (!is_due) return;
    server->progress_told_us = now_us;
    switch (status->receive_phase) {
    case REPLICA_RECEIVE_NOTHING:
        return;
    case REPLICA_RECEIVE_RESUMING:
        log_line(log, LOG_LEVEL_NOTICE,
                 "The snapshot that node %u sends, up to index %llu, is here in part: looking at "
                 "%llu MiB of it, to go on there",
                 status->receive_node, (unsigned long long)status->receive_position.index,
                 (unsigned long long)megabytes(status->receive_total));
        return;
    case REPLICA_RECEIVE_FETCHING:
        log_line(log, LOG_LEVEL_NOTICE,
                 "This node has fallen behind the log: node %u sends its snapshot up to index "
                 "%llu: %llu of %llu MiB",
                 status->receive_node, (unsigned long long)status->receive_position.index,
                 (unsigned long long)(status->received >> 20),
                 (unsigned long long)megabytes(status->receive_total));
        return;
    default:
        log_line(log, LOG_LEVEL_NOTICE, "Verifying the received snapshot: %llu of %llu MiB",
                 (unsigned long long)(status->verified >> 20),
                 (unsigned long long)megabytes(status->receive_total));
    }
}

static void note_transfers(struct server *server) {
    struct replica_snapshot_status status = replica_snapshot_status(server->replica);
    uint64_t installed = replica_statistics(server->replica)->snapshots_installed;
    if (installed != server->installed_told)
        log_line(&server->log, LOG_LEVEL_NOTICE,
                 "A received snapshot has taken the place of this node's state: up to index %llu, "
                 "%llu MiB",
                 (unsigned long long)status.position.index,
                 (unsigned long long)megabytes(status.size));
    server->installed_told = installed;
    if (status.receives_failed != server->receives_failed_told)
        log_line(&server->log, LOG_LEVEL_WARNING,
                 "A received snapshot is of no use: %s. This node keeps what it has, and asks "
                 "again",
                 status.receive_problem);
    server->receives_failed_told = status.receives_failed;
    note_receipt(server, &status);
}

static void note_clock(struct server *server) {
    if (!server->ready_announced) return; /* What is being caught up with is old. */
    uint64_t ahead_ms = replica_clock_ahead_ms(server->replica);
    bool is_ahead = ahead_ms > 0;
    if (is_ahead == server->clock_is_ahead) return;
    server->clock_is_ahead = is_ahead;
    if (is_ahead)
        log_line(&server->log, LOG_LEVEL_WARNING,
                 "This machine's clock is %llu ms ahead of the log's time: keys expire by the "
                 "log's time, which follows it at a tenth above its pace",
                 (unsigned long long)ahead_ms);
    else
        log_line(&server->log, LOG_LEVEL_NOTICE, "The log's time has caught up with the clock");
}

static void note_lapses(struct server *server) {
    struct raft_lapse lapse;
    while (replica_next_lapse(server->replica, &lapse)) {
        bool own = lapse.node == server->identity.id;
        char who[32] = "This node";
        if (!own) snprintf(who, sizeof(who), "Node %u", lapse.node);
        log_line(&server->log, LOG_LEVEL_WARNING,
                 "%s has lost entries that it had acknowledged as durable: up to index %llu; it "
                 "has none behind %llu. %s. Look after its disk: it forgets what was synced, runs "
                 "with raft-fsync no, or was put back to an earlier state",
                 who, (unsigned long long)lapse.acknowledged, (unsigned long long)lapse.kept,
                 own ? "It neither votes nor campaigns until its leader has supplied them again"
                     : "It is supplied again, and not counted until then");
    }
}

/* The cluster's timing, as its log says, may differ from this node's file. */
static void note_timing(struct server *server) {
    struct replica_timing timing = replica_timing(server->replica);
    uint64_t heartbeat_ms = timing.heartbeat_us / 1000, election_ms = timing.election_us / 1000;
    if (heartbeat_ms == server->heartbeat_ms && election_ms == server->election_ms) return;
    bool is_first = server->election_ms == 0;
    server->heartbeat_ms = heartbeat_ms;
    server->election_ms = election_ms;
    watchdog_set_heartbeat(server->watchdog, timing.heartbeat_us);
    if (is_first) return;
    if (server->peers != NULL) peers_set_patience(server->peers, cluster_patience_ms(election_ms));
    log_line(&server->log, LOG_LEVEL_NOTICE,
             "The cluster's timing: raft-heartbeat-interval %llu, raft-election-timeout %llu",
             (unsigned long long)heartbeat_ms, (unsigned long long)election_ms);
}

static void note_state(struct server *server) {
    role_log_tell(server);
    note_timing(server);
    note_lapses(server);
    repair_log_tell(server);
    const char *trouble = replica_trouble(server->replica);
    if (trouble != NULL && !server->trouble_told) tell_trouble(server, trouble);
    bool runs = replica_state(server->replica) == REPLICA_RUNNING;
    bool leads = runs && raft_role(replica_raft(server->replica)) == RAFT_LEADER;
    if (replica_state(server->replica) == REPLICA_RECOVERING) note_progress(server);
    if (runs && server->log.role == 'X') note_recovery(server);
    server->log.role = !runs ? 'X' : leads ? 'M' : 'S';
    note_disk(server);
    note_clock(server);
    note_fetches(server);
    membership_note(server);
    if (runs) note_transfers(server);
    if (server->ready_announced || !replica_serves(server->replica)) return;
    server->ready_announced = true;
    cluster_settings_found(server);
    uint64_t took_ms = (clock_us() - server->started_us) / 1000;
    log_line(&server->log, LOG_LEVEL_NOTICE, "Ready to accept connections (after %llu ms)",
             (unsigned long long)took_ms);
    daemon_notify(&server->config, &server->log, "READY=1\nSTATUS=Ready to accept connections\n");
}

/* Vote and log are on the disk: from now on their absence is damage. Durable before the first word
 * leaves that rests on them. */
static void note_vote_and_log(struct server *server) {
    struct identity *identity = &server->identity;
    if (identity->phase == IDENTITY_VOTING) return;
    if (replica_state(server->replica) != REPLICA_RUNNING) return;
    identity->phase = IDENTITY_VOTING;
    enum error error = identity_store(identity);
    if (error == ERROR_NONE) return;
    log_line(&server->log, LOG_LEVEL_WARNING,
             "Can't write %s/node: %s: make room or mend that disk, and start again",
             server->directory, error_text(error));
    _exit(1);
}

static void hand_out(struct server *server) {
    note_vote_and_log(server);
    hand_out_disk_requests(server);
    hand_out_packets(server);
}

static void end_turn(struct server *server) {
    hand_out(server);
    for (int round = 0; round < ROUNDS_MAX; round++) {
        struct replica_moment moment = server_moment(server);
        replica_turn_end(server->replica, moment);
        hand_out(server);
        if (!flush_sessions(server, moment)) break;
    }
    saver_tend(server->saver);
    verifier_tend(server->verifier);
    if (server->closing != NULL) clients_close_marked(server);
    if (server->paused != NULL) clients_resume(server);
    note_state(server);
    bool stop_goes_on = server_tend_stop(server);
    set_replica_timer(server);
    if (stop_goes_on) ev_idle_start(server->loop, &server->no_wait);
    if (server->stopping && (replica_is_stopped(server->replica) || server->stop_now))
        ev_break(server->loop, EVBREAK_ALL);
}

static void tick(struct server *server) {
    server->owes_tick = false;
    replica_tick(server->replica, server_moment(server));
}

/* After a turn so long that a time-out may have passed meanwhile, the peers' sockets have the word
 * before the timers: what waits in them may say that the others are well (SAFETY 16). The next poll
 * does not wait, since the deadline is in the past, and the tick stands between peers and clients
 * then (on_sockets_polled), heartbeats and all: a load that makes every turn so long puts nothing
 * off for ever. */
static void tick_unless_late(struct server *server) {
    if (clock_us() - server->turn_began_us < server->heartbeat_ms * 1000)
        tick(server);
    else
        server->owes_tick = true;
}

/* The loop is about to wait. */
static void end_watch(struct server *server) {
    struct replica_presence presence = replica_presence(server->replica);
    uint64_t said = watchdog_turn_ends(server->watchdog, &presence);
    if (said == 0) return;
    uint64_t took_ms = (clock_us() - server->turn_began_us) / 1000;
    if (took_ms < server->election_ms) return;
    log_line(&server->log, LOG_LEVEL_NOTICE,
             "One command or one piece of work took %llu ms; the other nodes were told that this "
             "one is busy",
             (unsigned long long)took_ms);
}

static void on_turn_end(struct ev_loop *loop, struct ev_prepare *watcher, int events) {
    (void)loop;
    (void)events;
    struct server *server = watcher->data;
    server->turns++;
    /* Here, so that sockets that had something were read first (SAFETY 16). */
    if (ev_is_active(&server->no_wait)) tick_unless_late(server);
    end_turn(server);
    crash_note_applied(replica_applied_index(server->replica));
    end_watch(server);
}

/* Between poll and the first event: the turn's wall clock. */
static void on_turn_begin(struct ev_loop *loop, struct ev_check *watcher, int events) {
    (void)loop;
    (void)events;
    struct server *server = watcher->data;
    server->wall_ms = wall_clock_ms();
    server->turn_began_us = clock_us();
    watchdog_turn_begins(server->watchdog, server->turn_began_us);
    if (CONFIG_NUMBER(&server->config, MAXMEMORY) == 0) return;
    if (server->turn_began_us - server->memory_looked_us < memory_look_us) return;
    server->memory_looked_us = server->turn_began_us;
    server_look_at_memory(server);
}

/* Its being active is all that is wanted of it: see set_replica_timer(). */
static void on_no_wait(struct ev_loop *loop, struct ev_idle *watcher, int events) {
    (void)loop;
    (void)watcher;
    (void)events;
}

static void on_replica_timer(struct ev_loop *loop, struct ev_timer *watcher, int events) {
    (void)loop;
    (void)events;
    struct server *server = watcher->data;
    tick_unless_late(server);
}

static void on_disk(struct ev_loop *loop, struct ev_io *watcher, int events) {
    (void)loop;
    (void)events;
    struct server *server = watcher->data;
    struct disk_completion completion;
    while (disk_poll(server->disk, &completion)) {
        if (membership_completed(server, &completion)) continue;
        replica_disk_completed(server->replica, &completion, server_moment(server));
    }
}

static void on_cron(struct ev_loop *loop, struct ev_timer *watcher, int events) {
    (void)loop;
    (void)events;
    struct server *server = watcher->data;
    uint64_t now_us = clock_us();
    server->cron_calls++;
    server_look_at_memory(server);
    saver_cron(server->saver);
    membership_cron(server);
    if (server->ready_announced) cluster_settings_cron(server);
    rate_sample(&server->command_rate, clients_commands_processed(server), now_us);
    rate_sample(&server->input_rate, server->statistics.input_bytes, now_us);
    rate_sample(&server->output_rate, server->statistics.output_bytes, now_us);
    clients_cron(server);
    listeners_resume(server);
}

static void on_signal(struct ev_loop *loop, struct ev_signal *watcher, int events) {
    (void)loop;
    (void)events;
    struct server *server = watcher->data;
    bool interrupts = watcher->signum == SIGINT;
    const struct config *config = &server->config;
    const char *how = interrupts ? CONFIG_STRING(config, SHUTDOWN_ON_SIGINT)
                                 : CONFIG_STRING(config, SHUTDOWN_ON_SIGTERM);
    log_line(&server->log, LOG_LEVEL_WARNING, "Received %s, shutting down...",
             interrupts ? "SIGINT" : "SIGTERM");
    server_stop(server, strstr(how, "now") != NULL);
}

/* --- identity ------------------------------------------------------------------------------------
 */

static void draw_identity(struct server *server) {
    struct identity *identity = &server->identity;
    memset(identity, 0, sizeof(*identity));
    entropy_fill(identity->node, sizeof(identity->node));
    identity->phase = IDENTITY_EMPTY;
}

static void found_alone(struct server *server) {
    struct identity *identity = &server->identity;
    entropy_fill(identity->cluster, sizeof(identity->cluster));
    identity->phase = IDENTITY_FOUNDED;
    identity->id = 1;
    identity->member_count = 1;
    struct identity_member *member = &identity->members[0];
    member->id = 1;
    member->port = (uint16_t)CONFIG_NUMBER(&server->config, PORT);
    strcpy(member->host, "127.0.0.1");
    memcpy(member->uuid, identity->node, sizeof(member->uuid));
    server->founded_now = true;
}

static bool refuse_directory(const struct server *server, enum error error, struct buffer *text) {
    static const struct {
        enum error error;
        const char *what;
    } reasons[] = {
        {ERROR_VERSION,
         "was written by a newer Hamok: start that version, or choose another --dir"},
        {ERROR_CHECKSUM, "is damaged: restore the directory, or choose another --dir"},
        {ERROR_TRUNCATED, "is damaged: restore the directory, or choose another --dir"},
        {ERROR_MALFORMED, "is not Hamok's: choose another --dir"},
        {ERROR_DISK_FULL, "can't be written: make room on that disk"},
    };
    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        if (reasons[i].error != error) continue;
        buffer_append_format(text, "%s/node %s", server->directory, reasons[i].what);
        return false;
    }
    buffer_append_format(text,
                         "%s/node can't be used: %s: make it accessible for this user, or choose "
                         "another --dir",
                         server->directory, strerror(errno));
    return false;
}

/* Data of a Redis that we would pretend not to see; its dump.rdb we read (import.h). */
static bool has_foreign_data(const struct server *server, struct buffer *error) {
    const char *const names[] = {CONFIG_STRING(&server->config, APPENDDIRNAME),
                                 CONFIG_STRING(&server->config, APPENDFILENAME)};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (names[i][0] == '\0' || access(names[i], F_OK) != 0) continue;
        buffer_append_format(error,
                             "%s holds Redis's %s, which can't be loaded: have that Redis save a "
                             "dump.rdb, move %s away, and start again; or choose another --dir",
                             server->directory, names[i], names[i]);
        return true;
    }
    return false;
}

/* A log without the file that says whose it is: an empty node must not take it over. */
static bool has_orphaned_log(const struct server *server, struct buffer *error) {
    static const char *const names[] = {"vote", "log-0000000001"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (access(names[i], F_OK) != 0) continue;
        buffer_append_format(error,
                             "%s holds a node's %s but not its file 'node': bring that back, or "
                             "choose another --dir",
                             server->directory, names[i]);
        return true;
    }
    return false;
}

static bool open_identity(struct server *server, struct buffer *error) {
    enum error wrong = identity_load(&server->identity);
    if (wrong == ERROR_NOT_FOUND) {
        if (has_foreign_data(server, error) || has_orphaned_log(server, error)) return false;
        draw_identity(server);
        if (!cluster_check(server, error)) return false;
        if (import_is_wanted(server)) return true; /* It is nobody's until that is read. */
        if (!cluster_is_wanted(server)) found_alone(server);
        wrong = identity_store(&server->identity);
    }
    struct identity *identity = &server->identity;
    bool brings = wrong == ERROR_NONE && import_is_wanted(server);
    if (identity->phase == IDENTITY_EMPTY && !brings) identity->initial = 0; /* not any more */
    return wrong == ERROR_NONE || refuse_directory(server, wrong, error);
}

/* The dump is read. What it holds may be that of a founding that was interrupted. */
static bool settle_identity(struct server *server, struct buffer *error) {
    struct identity *identity = &server->identity;
    uint64_t digest = import_digest(server->import);
    if (identity->phase != IDENTITY_EMPTY && identity->initial != digest) {
        buffer_append_format(error,
                             "%s/%s is not the one that its cluster was founded with: bring that "
                             "one back, or move this one away",
                             server->directory, CONFIG_STRING(&server->config, DBFILENAME));
        return false;
    }
    if (identity->phase != IDENTITY_EMPTY) return true;
    identity->initial = digest;
    if (!cluster_is_wanted(server)) found_alone(server);
    enum error wrong = identity_store(identity);
    return wrong == ERROR_NONE || refuse_directory(server, wrong, error);
}

static bool import_data(struct server *server, struct buffer *error) {
    if (!import_is_wanted(server)) return true;
    if (cluster_is_joining(server)) {
        buffer_append_format(error,
                             "%s holds %s, but a node that joins a cluster takes over that one's "
                             "data: move it away, or choose another --dir",
                             server->directory, CONFIG_STRING(&server->config, DBFILENAME));
        return false;
    }
    if (!import_read(server, error)) return false;
    return server->stopping || settle_identity(server, error);
}

/* There is a cluster: what this node brought becomes its first snapshot. */
static bool begin_with_data(struct server *server, struct buffer *error) {
    bool good = true;
    if (import_digest(server->import) != 0 && import_is_missing(server))
        good = import_write(server, error);
    import_destroy(server->import);
    server->import = NULL;
    return good;
}

/* --- start-up -------------------------------------------------------------------------------- */

static uint64_t random_u64(void) {
    uint64_t value;
    entropy_fill(&value, sizeof(value));
    return value;
}

static void register_commands(struct server *server) {
    server->registry = command_registry_create();
    storages_register(server->registry);
    command_registry_add(server->registry, replica_family());
    command_registry_add(server->registry, connection_family());
    command_registry_add(server->registry, client_family());
    command_registry_add(server->registry, config_family());
    command_registry_add(server->registry, server_family());
    command_registry_add(server->registry, debug_family());
    command_registry_add(server->registry, observer_family());
    command_registry_add(server->registry, acl_family());
    command_registry_add(server->registry, shard_family());
    command_registry_add(server->registry, save_family());
    command_registry_add(server->registry, raft_family());
    command_registry_add(server->registry, raft_member_family());
}

static enum journal_sync sync_of(const struct config *config) {
    switch ((enum config_sync)CONFIG_NUMBER(config, APPENDFSYNC)) {
    case CONFIG_SYNC_EACH_SECOND:
        return JOURNAL_SYNC_EVERYSEC;
    case CONFIG_SYNC_NEVER:
        return JOURNAL_SYNC_NEVER;
    case CONFIG_SYNC_ALWAYS:
        break;
    }
    return JOURNAL_SYNC_ALWAYS;
}

/* SAFETY 5. The same for all nodes and all times: a node that comes back with another election
 * time-out keeps the promise that it has forgotten. */
static const uint64_t promise_max_us = 400 * 1000;

static void configure_raft(const struct server *server, struct raft_config *raft) {
    const struct identity *identity = &server->identity;
    const struct config *config = &server->config;
    raft->id = identity->id;
    raft->members = &server->founders;
    raft->joined_index = identity->joined_index;
    raft->joined_term = identity->joined_term;
    raft->heartbeat_us = (uint64_t)CONFIG_NUMBER(config, RAFT_HEARTBEAT_INTERVAL) * 1000;
    raft->election_us = (uint64_t)CONFIG_NUMBER(config, RAFT_ELECTION_TIMEOUT) * 1000;
    raft->promise_max_us = promise_max_us;
    raft->unfit = server_unfit(server);
    raft->seed = random_u64();
    raft->base_hash = identity_base_hash(identity);
    raft->tail_bytes_max = (size_t)CONFIG_NUMBER(config, RAFT_LOG_MEMORY);
}

static struct replica_config describe_replica(struct server *server) {
    const struct config *config = &server->config;
    struct replica_config wanted;
    replica_config_defaults(&wanted);
    identity_founders(&server->identity, &server->founders);
    configure_raft(server, &wanted.raft);
    wanted.is_joining = cluster_is_joining(server);
    memcpy(wanted.node_uuid, server->identity.node, sizeof(wanted.node_uuid));
    memcpy(wanted.cluster, server->identity.cluster, sizeof(wanted.cluster));
    wanted.nonce = random_u64();
    wanted.seed = random_u64();
    wanted.hash_seed = random_u64();
    wanted.registry = server->registry;
    wanted.has_log = server->identity.phase == IDENTITY_VOTING;
    wanted.read_mode = (enum replica_read_mode)CONFIG_NUMBER(config, RAFT_READ_MODE);
    wanted.sync = sync_of(config);
    wanted.sync_shared =
        CONFIG_IS_ON(config, RAFT_FSYNC) ? JOURNAL_SYNC_ALWAYS : JOURNAL_SYNC_NEVER;
    wanted.inflight_batches_max = (size_t)CONFIG_NUMBER(config, RAFT_INFLIGHT_BATCHES);
    wanted.inflight_bytes_max = (size_t)CONFIG_NUMBER(config, RAFT_INFLIGHT_BYTES);
    wanted.unsealed_wait_us = (uint64_t)CONFIG_NUMBER(config, RAFT_UNSEALED_TIMEOUT) * 1000;
    wanted.give_up_wait_us = (uint64_t)CONFIG_NUMBER(config, RAFT_GIVE_UP_TIMEOUT) * 1000;
    wanted.sealed_wait_us = (uint64_t)CONFIG_NUMBER(config, RAFT_SEALED_TIMEOUT) * 1000;
    wanted.output_bytes_soft = (uint64_t)CONFIG_NUMBER(config, RAFT_OUTPUT_PAUSE);
    wanted.snapshot = server_snapshot_limits(config);
    wanted.query_buffer_limit = (size_t)CONFIG_NUMBER(config, CLIENT_QUERY_BUFFER_LIMIT);
    wanted.admit = commands_admit;
    wanted.turn_is_long = commands_turn_is_long;
    wanted.observer = observer_hooks();
    wanted.awaits_snapshot = server->identity.initial != 0;
    wanted.is_unfounded = !identity_is_founded(&server->identity) || import_is_wanted(server) ||
                          server->import != NULL;
    return wanted;
}

/* Behind the sockets' events, before the timers'. */
static void on_sockets_polled(struct ev_loop *loop, struct ev_check *watcher, int events) {
    (void)loop;
    (void)events;
    struct server *server = watcher->data;
    if (server->owes_tick) {
        tick(server);
        hand_out(server);
    }
    if (replica_has_interrupted(server->replica))
        replica_go_on(server->replica, server_moment(server));
    clients_read(server);
}

static void start_watchers(struct server *server) {
    struct ev_loop *loop = server->loop;
    ev_prepare_init(&server->end_watcher, on_turn_end);
    ev_check_init(&server->begin_watcher, on_turn_begin);
    ev_check_init(&server->read_watcher, on_sockets_polled);
    ev_init(&server->replica_timer, on_replica_timer);
    ev_idle_init(&server->no_wait, on_no_wait);
    double period_s = 1.0 / (double)CONFIG_NUMBER(&server->config, HZ);
    ev_timer_init(&server->cron_timer, on_cron, period_s, period_s);
    ev_io_init(&server->disk_watcher, on_disk, disk_descriptor(server->disk), EV_READ);
    ev_signal_init(&server->signal_watchers[0], on_signal, SIGTERM);
    ev_signal_init(&server->signal_watchers[1], on_signal, SIGINT);
    server->end_watcher.data = server->begin_watcher.data = server->read_watcher.data = server;
    server->replica_timer.data = server->cron_timer.data = server;
    server->disk_watcher.data = server;
    server->signal_watchers[0].data = server->signal_watchers[1].data = server;
    ev_set_priority(&server->begin_watcher, EV_MAXPRI);
    ev_set_priority(&server->disk_watcher, 1); /* sockets and disk before timers */
    ev_prepare_start(loop, &server->end_watcher);
    ev_check_start(loop, &server->begin_watcher);
    ev_check_start(loop, &server->read_watcher);
    ev_timer_start(loop, &server->cron_timer);
    ev_io_start(loop, &server->disk_watcher);
    ev_signal_start(loop, &server->signal_watchers[0]);
    ev_signal_start(loop, &server->signal_watchers[1]);
}

static bool open_cluster(struct server *server, struct buffer *error) {
    if (!cluster_check_alone(server, error)) return false;
    if (cluster_is_wanted(server)) return cluster_open(server, error);
    if (identity_is_founded(&server->identity)) return true;
    buffer_append_format(error,
                         "%s belongs to a node of a cluster that was never founded: give the "
                         "--cluster list or --join, or remove the file 'node' in it",
                         server->directory);
    return false;
}

static void make_run_id(struct server *server) {
    char bytes[20];
    entropy_fill(bytes, sizeof(bytes));
    identity_print_id(bytes, sizeof(bytes), server->run_id);
}

bool server_open(struct server *server, struct buffer *error) {
    server->started_us = server->turn_began_us = clock_us();
    server->wall_ms = server->started_wall_ms = wall_clock_ms();
    server->log.role = 'X';
    make_run_id(server);
    server->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    if (server->loop == NULL) {
        buffer_append_format(error, "can't use epoll: %s", strerror(errno));
        return false;
    }
    if (disk_open(server->directory, &server->log, &server->disk, error) != ERROR_NONE)
        return false;
    /* Before the identity: a start that fails at a busy port must not found a cluster of one. */
    if (!listeners_open(server, error)) return false;
    if (!open_identity(server, error)) return false;
    bool is_alone = identity_is_founded(&server->identity)
                        ? identity_known(&server->identity).count == 1
                        : !cluster_is_wanted(server);
    config_settle(&server->config, is_alone);
    if (!unsynced_begin(server, error)) return false;
    server->membership = membership_create();
    server->admission = admission_create();
    uint64_t wanted = (uint64_t)CONFIG_NUMBER(&server->config, MAXCLIENTS);
    server->maxclients = daemon_raise_files(&server->log, wanted);
    CONFIG_NUMBER(&server->config, MAXCLIENTS) = (int64_t)server->maxclients; /* what is in force */
    register_commands(server);
    server->observer = observer_create();
    struct replica_config described = describe_replica(server);
    server->replica = replica_create(&described, server_moment(server));
    server->saver = saver_create(server);
    server->verifier = verifier_create(server);
    start_watchers(server);
    if (!import_data(server, error)) return false;
    if (server->stopping) return true;
    if (!open_cluster(server, error)) return false;
    if (server->stopping) return true;
    if (described.is_unfounded && identity_is_founded(&server->identity)) {
        if (!begin_with_data(server, error)) return false;
        if (server->stopping) return true;
        described = describe_replica(server);
        replica_found(server->replica, &described);
    }
    if (server->peers != NULL) cluster_start(server);
    server_look_at_memory(server);
    server->startup_memory = server->used_memory;
    return true;
}

int server_run(struct server *server) {
    ev_run(server->loop, 0);
    log_line(&server->log, LOG_LEVEL_WARNING, "Hamok is now ready to exit, bye bye...");
    return server->exit_status;
}

void server_close(struct server *server) {
    if (server->replica != NULL) clients_close_all(server);
    if (server->loop != NULL) listeners_close(server);
    cluster_close(server);
    admission_destroy(server->admission);
    membership_destroy(server->membership);
    saver_destroy(server->saver);
    verifier_destroy(server->verifier);
    import_destroy(server->import);
    bool is_clean = server->replica != NULL && replica_is_stopped(server->replica) &&
                    replica_state(server->replica) == REPLICA_RUNNING;
    if (server->disk != NULL) disk_close(server->disk);
    if (is_clean) unsynced_end();
    if (server->replica != NULL) replica_destroy(server->replica);
    if (server->registry != NULL) command_registry_destroy(server->registry);
    observer_destroy(server->observer);
    if (server->loop != NULL) ev_loop_destroy(server->loop);
    buffer_clear(&server->config_path);
    config_clear(&server->config);
    log_clear(&server->log);
}
