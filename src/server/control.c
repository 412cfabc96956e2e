/* control.c: see control.h. */
#include "src/server/control.h"

#include "src/server/client.h"
#include "src/server/crash.h"
#include "src/server/daemon.h"
#include "src/server/listener.h"
#include "src/server/observer.h"

uint32_t server_unfit(const struct server *server) {
    uint32_t unfit = server->is_leaving ? RAFT_UNFIT_STOPS : 0;
    if (CONFIG_NUMBER(&server->config, RAFT_PRIORITY) == 0) unfit |= RAFT_UNFIT_PRIORITY;
    return unfit;
}

void server_tell_unfit(struct server *server) {
    replica_set_unfit(server->replica, server_unfit(server), server_moment(server));
}

void server_reset_statistics(struct server *server) {
    server->commands_before += clients_commands_processed(server);
    server->errors_before = replica_statistics(server->replica)->error_replies;
    observer_reset(server->observer);
    disk_reset_sync_times(server->disk);
    memset(replica_error_counts(server->replica), 0, sizeof(struct reply_error_counts));
    memset(&server->statistics, 0, sizeof(server->statistics));
    memset(storages_statistics(replica_storages(server->replica)), 0,
           sizeof(struct storages_statistics));
}

void server_let_parent_go(struct server *server) {
    if (server->has_begun) return;
    server->has_begun = true;
    if (server->report >= 0) daemon_report(server->report, (struct bytes){0}, server->log.path);
    daemon_write_pid(&server->config, &server->log);
}

/* --- CONFIG SET ------------------------------------------------------------------------------ */

static bool apply_listen(struct server *server, const struct config *wanted, struct buffer *error) {
    bool is_port = !config_is_equal(&server->config, wanted, CONFIG_PORT_ROW);
    if (is_port && server->peers != NULL) {
        buffer_append_format(error, "the other nodes know this one by its port: it can't change "
                                    "while the node runs");
        return false;
    }
    struct buffer reason = {0};
    bool done = listeners_change(server, wanted, &reason);
    if (!done) {
        buffer_append_format(error, "%s",
                             is_port ? "Unable to listen on this port. Check server logs."
                                     : "Failed to bind to specified addresses.");
    }
    buffer_clear(&reason);
    return done;
}

static bool apply_maxclients(struct server *server, const struct config *wanted,
                             struct buffer *error) {
    uint64_t number = (uint64_t)CONFIG_NUMBER(wanted, MAXCLIENTS);
    uint64_t fit = daemon_raise_files(&server->log, number);
    if (fit < number) {
        buffer_append_format(error,
                             "The operating system is not able to handle the specified number of "
                             "clients, try with %llu",
                             (unsigned long long)fit);
        return false;
    }
    server->maxclients = number;
    return true;
}

static bool apply_hz(struct server *server, const struct config *wanted, struct buffer *error) {
    (void)error;
    double period_s = 1.0 / (double)CONFIG_NUMBER(wanted, HZ);
    ev_timer_stop(server->loop, &server->cron_timer);
    ev_timer_set(&server->cron_timer, period_s, period_s);
    ev_timer_start(server->loop, &server->cron_timer);
    return true;
}

static bool apply_log_level(struct server *server, const struct config *wanted,
                            struct buffer *error) {
    (void)error;
    server->log.least = (enum log_level)CONFIG_NUMBER(wanted, LOGLEVEL);
    return true;
}

static bool apply_crash_log(struct server *server, const struct config *wanted,
                            struct buffer *error) {
    (void)server;
    (void)error;
    crash_set_enabled(CONFIG_IS_ON(wanted, CRASH_LOG_ENABLED));
    return true;
}

static bool apply_query_limit(struct server *server, const struct config *wanted,
                              struct buffer *error) {
    (void)error;
    replica_set_query_limit(server->replica,
                            (size_t)CONFIG_NUMBER(wanted, CLIENT_QUERY_BUFFER_LIMIT));
    return true;
}

struct replica_snapshot_limits server_snapshot_limits(const struct config *config) {
    return (struct replica_snapshot_limits){
        .log_min = (uint64_t)CONFIG_NUMBER(config, RAFT_SNAPSHOT_LOG_MIN),
        .log_ratio = (uint64_t)CONFIG_NUMBER(config, RAFT_SNAPSHOT_LOG_RATIO),
        .log_retain = (uint64_t)CONFIG_NUMBER(config, RAFT_LOG_RETAIN),
    };
}

static bool apply_snapshot_limits(struct server *server, const struct config *wanted,
                                  struct buffer *error) {
    (void)error;
    replica_set_snapshot_limits(server->replica, server_snapshot_limits(wanted));
    return true;
}

/* dir is protected, and a directory in use can't be left. */
static bool apply_never(struct server *server, const struct config *wanted, struct buffer *error) {
    (void)server;
    (void)wanted;
    buffer_append_format(error, "the log lives here: it can't move while the server runs");
    return false;
}

static const struct {
    enum config_id id;
    bool (*apply)(struct server *server, const struct config *wanted, struct buffer *error);
} hooks[] = {
    {CONFIG_DIR_ROW, apply_never},
    {CONFIG_MAXCLIENTS_ROW, apply_maxclients},
    {CONFIG_HZ_ROW, apply_hz},
    {CONFIG_LOGLEVEL_ROW, apply_log_level},
    {CONFIG_CRASH_LOG_ENABLED_ROW, apply_crash_log},
    {CONFIG_CLIENT_QUERY_BUFFER_LIMIT_ROW, apply_query_limit},
    {CONFIG_RAFT_SNAPSHOT_LOG_MIN_ROW, apply_snapshot_limits},
    {CONFIG_RAFT_SNAPSHOT_LOG_RATIO_ROW, apply_snapshot_limits},
    {CONFIG_RAFT_LOG_RETAIN_ROW, apply_snapshot_limits},
    {CONFIG_BIND_ROW, apply_listen},
    {CONFIG_PORT_ROW, apply_listen}, /* the last one, because it is the one that fails */
};

/* All hooks of directives that differ between the config and `wanted`; undone in reverse order when
 * one fails. */
bool server_reconfigure(struct server *server, const struct config *wanted, enum config_id *wrong,
                        struct buffer *error) {
    size_t count = COUNT_OF(hooks), i = 0;
    bool listened = false;
    for (; i < count; i++) {
        if (config_is_equal(&server->config, wanted, hooks[i].id)) continue;
        if (hooks[i].apply == apply_listen && listened) continue;
        listened |= hooks[i].apply == apply_listen;
        if (!hooks[i].apply(server, wanted, error)) break;
    }
    if (i == count) {
        config_copy(&server->config, wanted);
        server_look_at_memory(server);
        server_tell_unfit(server);
        return true;
    }
    *wrong = hooks[i].id;
    struct buffer ignored = {0};
    while (i-- > 0)
        if (!config_is_equal(&server->config, wanted, hooks[i].id))
            CHECK(hooks[i].apply(server, &server->config, &ignored));
    buffer_clear(&ignored);
    return false;
}
