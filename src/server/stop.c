/* stop.c: see stop.h. */
#include "src/server/stop.h"

#include "src/server/client.h"
#include "src/server/control.h"
#include "src/server/daemon.h"
#include "src/server/listener.h"

/* Until another node's leadership shows, or who can't hand over knows it. */
enum { HAND_OVER_ELECTIONS = 3 };

static bool runs(const struct server *server) {
    return replica_state(server->replica) == REPLICA_RUNNING;
}

/* --- handing over ------------------------------------------------------------------------------
 */

static void set_stopping(struct server *server, bool stops) {
    server->is_leaving = stops;
    server_tell_unfit(server);
}

static bool own_term_is_committed(const struct raft *raft) {
    return raft_term_at(raft, raft_commit_index(raft)) == raft_term(raft);
}

/* Nothing more can come of waiting. */
static bool has_handed_over(const struct server *server, uint64_t now_us) {
    struct raft *raft = replica_raft(server->replica);
    if (!runs(server) || raft_members(raft)->count < 2) return true;
    uint64_t wait_us = HAND_OVER_ELECTIONS * replica_timing(server->replica).election_us;
    if (now_us - server->stop_since_us >= wait_us) return true;
    if (raft_role(raft) != RAFT_LEADER) return raft_leader(raft) != 0;
    struct raft_status status;
    raft_get_status(raft, &status);
    bool was_told = (status.unfit & RAFT_UNFIT_STOPS) != 0 && own_term_is_committed(raft);
    return was_told && status.transfer_target == 0; /* There is nobody, or it was given up. */
}

/* --- draining ----------------------------------------------------------------------------------
 */

/* Those that wait for something else than the log, or are fed without asking, are not waited for.
 */
static bool is_owed(const struct client *client) {
    const struct session *session = client->session;
    if (session->waits_locally || client->monitors) return false;
    bool listens = client_class(client) == CONFIG_CLASS_PUBSUB;
    return session->pending_count > 0 || session->paused || session->unsealed_writes > 0 ||
           (!listens && session->output.size > client->written);
}

static void begin_draining(struct server *server) {
    server->stop_phase = STOP_DRAINING;
    listeners_close(server);
    for (struct client *client = server->clients; client != NULL; client = client->next)
        ev_io_stop(server->loop, &client->read_watcher);
}

/* All clients that remain are still owed something. */
static void close_answered(struct server *server) {
    for (struct client *client = server->clients; client != NULL; client = client->next)
        if (!is_owed(client)) client_close_later(client);
    clients_close_marked(server);
}

/* The others should know who does not listen any more. */
static bool has_told_all(const struct server *server) {
    return replica_inflight_bytes(server->replica) == 0 || !replica_serves(server->replica);
}

/* --- the order ---------------------------------------------------------------------------------
 */

static void begin_closing(struct server *server) {
    server->stop_phase = STOP_CLOSING;
    server->stopping = true;
    listeners_close(server);
    replica_stop(server->replica, server_moment(server));
}

void server_stop(struct server *server, bool now) {
    if (server->stop_phase != STOP_NONE) { /* asked twice: at once */
        if (server->stop_phase != STOP_CLOSING) begin_closing(server);
        server->stop_now = true;
        return;
    }
    daemon_notify(&server->config, &server->log, "STOPPING=1\n");
    uint64_t timeout_us = (uint64_t)CONFIG_NUMBER(&server->config, SHUTDOWN_TIMEOUT) * 1000000;
    if (now || timeout_us == 0 || !runs(server)) {
        begin_closing(server);
        return;
    }
    server->stop_phase = STOP_HANDING_OVER;
    server->stop_since_us = clock_us();
    server->stop_deadline_us = server->stop_since_us + timeout_us;
    set_stopping(server, true);
}

bool server_serve_on(struct server *server) {
    if (server->stop_phase != STOP_HANDING_OVER) return false;
    server->stop_phase = STOP_NONE;
    set_stopping(server, false);
    return true;
}

bool server_tend_stop(struct server *server) {
    enum stop_phase phase = server->stop_phase;
    if (phase == STOP_NONE || phase == STOP_CLOSING) return false;
    uint64_t now_us = clock_us();
    bool is_over = now_us >= server->stop_deadline_us;
    if (phase == STOP_HANDING_OVER && (is_over || has_handed_over(server, now_us)))
        begin_draining(server);
    if (server->stop_phase != STOP_DRAINING) return false;
    uint64_t owed = server->client_count;
    close_answered(server);
    bool has_closed = server->client_count < owed;
    owed = server->client_count;
    if (is_over && owed > 0)
        log_line(&server->log, LOG_LEVEL_WARNING,
                 "%llu clients are not answered within shutdown-timeout: stopping all the same",
                 (unsigned long long)owed);
    if (is_over || !runs(server) || (owed == 0 && has_told_all(server))) begin_closing(server);
    return has_closed || server->stop_phase != phase;
}
