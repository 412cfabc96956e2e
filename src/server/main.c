/* main.c: hamok-server: arguments, directives, the directory, then the server. Whatever is wrong at
 * start ends with one line on standard error and status 1. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/memory.h"
#include "src/server/config_file.h"
#include "src/server/config_text.h"
#include "src/server/control.h"
#include "src/server/crash.h"
#include "src/server/daemon.h"
#include "src/server/memory_usage.h"
#include "src/server/server.h"
#include "src/server/version.h"

static int print_version(void) {
    printf("Hamok server v=%s redis=%s malloc=%s bits=64\n", HAMOK_VERSION, REDIS_VERSION,
           memory_allocator());
    return 0;
}

static int print_help(void) {
    printf("hamok-server: a Redis-compatible server whose writes survive in a Raft cluster\n\n"
           "Usage: hamok-server [/path/to/redis.conf] [--directive value ...] [-]\n"
           "       hamok-server - (directives from standard input)\n"
           "       hamok-server -v or --version\n"
           "       hamok-server -h or --help\n\n"
           "Examples:\n"
           "  hamok-server                             one node on port 6379, data in .\n"
           "  hamok-server --port 7001 --dir /var/lib/hamok\n"
           "  hamok-server /etc/redis/redis.conf --loglevel verbose\n"
           "  hamok-server --port 7001 --dir n1 --cluster h1:7001,h2:7001,h3:7001\n"
           "                                           the same list on each node\n"
           "  hamok-server --port 7004 --dir n4 --join h1:7001\n"
           "                                           enters a cluster that runs\n");
    return 0;
}

/* Options of redis-server that are programs of their own. */
static const char *refused_option(const char *option) {
    if (strcmp(option, "--sentinel") == 0)
        return "--sentinel: there is no Sentinel: nodes of a cluster elect their leader themselves";
    if (strcmp(option, "--test-memory") == 0) return "--test-memory: use memtest86+ or memtester";
    if (strcmp(option, "--check-system") == 0) return "--check-system: there is nothing to check";
    return NULL;
}

/* dir: made if it is missing, then worked in, so that relative names mean what they mean to Redis.
 */
static bool enter_directory(struct server *server, struct buffer *error) {
    const char *dir = CONFIG_STRING(&server->config, DIR);
    bool done = (mkdir(dir, 0755) == 0 || errno == EEXIST) && chdir(dir) == 0;
    if (done) done = access(".", W_OK | X_OK) == 0;
    if (!done) {
        buffer_append_format(error,
                             "can't use the data directory '%s': %s: see that it exists and "
                             "that this user may write it, or choose another --dir",
                             dir, strerror(errno));
        return false;
    }
    if (getcwd(server->directory, sizeof(server->directory)) == NULL)
        snprintf(server->directory, sizeof(server->directory), "%s", dir);
    return true;
}

static bool open_log(struct server *server, struct buffer *error) {
    const struct config *config = &server->config;
    const char *path = CONFIG_STRING(config, LOGFILE);
    server->log.least = (enum log_level)CONFIG_NUMBER(config, LOGLEVEL);
    server->log.role = 'C';
    log_set_path(&server->log, path);
    if (CONFIG_IS_ON(config, SYSLOG_ENABLED))
        log_set_syslog(&server->log, CONFIG_STRING(config, SYSLOG_IDENT),
                       (int)CONFIG_NUMBER(config, SYSLOG_FACILITY));
    if (path[0] == '\0') return true;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0) {
        close(fd);
        return true;
    }
    buffer_append_format(error, "can't open the log file '%s': %s: mend the logfile directive",
                         path, strerror(errno));
    return false;
}

static bool check_port(const struct config *config, struct buffer *error) {
    bool several =
        CONFIG_STRING(config, CLUSTER)[0] != '\0' || CONFIG_STRING(config, JOIN)[0] != '\0';
    if (!several || CONFIG_NUMBER(config, PORT) <= IDENTITY_PORT_MAX) return true;
    buffer_append_format(error,
                         "port %lld is too high for a cluster: peers talk on port + 10000; choose "
                         "one of 1 to 55535",
                         (long long)CONFIG_NUMBER(config, PORT));
    return false;
}

/* A follower has to miss more than one heartbeat before it stands for election. */
static bool check_timing(const struct config *config, struct buffer *error) {
    int64_t heartbeat_ms = CONFIG_NUMBER(config, RAFT_HEARTBEAT_INTERVAL);
    int64_t election_ms = CONFIG_NUMBER(config, RAFT_ELECTION_TIMEOUT);
    if (election_ms >= 2 * heartbeat_ms) return true;
    buffer_append_format(error,
                         "raft-election-timeout %lld is too short beside raft-heartbeat-interval "
                         "%lld: make it twice as long at least, eight times as by default",
                         (long long)election_ms, (long long)heartbeat_ms);
    return false;
}

/* Directives that were given and change nothing: one line a reason, each named once. */
static void log_directives_without_effect(const struct server *server) {
    bool told[CONFIG_ROW_COUNT] = {false};
    for (enum config_id id = 0; id < CONFIG_ROW_COUNT; id++) {
        const char *note = config_rows[id].note;
        if (note == NULL || told[id] || !server->config.values[id].given) continue;
        struct buffer names = {0};
        for (enum config_id other = id; other < CONFIG_ROW_COUNT; other++) {
            bool same = config_rows[other].note != NULL &&
                        strcmp(config_rows[other].note, note) == 0 &&
                        server->config.values[other].given;
            if (!same) continue;
            told[other] = true;
            buffer_append_format(&names, "%s%s", names.size > 0 ? ", " : "",
                                 config_rows[other].name);
        }
        log_line(&server->log, LOG_LEVEL_NOTICE, "Without effect: %.*s (%s)", (int)names.size,
                 names.data, note);
        buffer_clear(&names);
    }
    const struct config *config = &server->config;
    if (CONFIG_IS_GIVEN(config, APPENDONLY) && !CONFIG_IS_ON(config, APPENDONLY))
        log_line(&server->log, LOG_LEVEL_NOTICE, "Without effect: appendonly no (%s)",
                 CONFIG_NOTE_LOG);
    if (CONFIG_IS_GIVEN(config, APPENDFSYNC) &&
        !(CONFIG_IS_GIVEN(config, APPENDONLY) && CONFIG_IS_ON(config, APPENDONLY)))
        log_line(&server->log, LOG_LEVEL_NOTICE,
                 "Without effect: appendfsync (it counts beside an explicit appendonly yes, on a "
                 "node that is alone; until then every write is synced before its reply)");
}

static void log_banner(const struct server *server) {
    const char *path = server->config_path.size > 0 ? server->config_path.data : "none";
    log_line(&server->log, LOG_LEVEL_NOTICE,
             "Hamok %s (Redis %s commands), pid %d, port %lld, data in %s, config file: %s",
             HAMOK_VERSION, REDIS_VERSION, (int)getpid(),
             (long long)CONFIG_NUMBER(&server->config, PORT), server->directory, path);
}

static bool start(struct server *server, int count, char **arguments, struct buffer *error) {
    const struct config *config = &server->config;
    if (!config_load(&server->config, count, arguments, &server->config_path, error)) return false;
    if (!check_port(config, error) || !check_timing(config, error)) return false;
    if (!enter_directory(server, error) || !open_log(server, error)) return false;
    bool detach = CONFIG_IS_ON(config, DAEMONIZE) && !daemon_is_supervised(config);
    if (detach && (server->report = daemon_detach()) < 0) {
        buffer_append_format(error, "can't become a daemon: %s", strerror(errno));
        return false;
    }
    crash_begin(&server->log);
    crash_set_enabled(CONFIG_IS_ON(config, CRASH_LOG_ENABLED));
    log_banner(server);
    log_directives_without_effect(server);
    if (CONFIG_IS_ON(config, DISABLE_THP)) daemon_disable_huge_pages(&server->log);
    return server_open(server, error);
}

/* To whoever started it, and into the log. A daemon that has let its parent go has the log only. */
static void tell_failure(const struct server *server, struct bytes error) {
    bool is_daemon = server->report >= 0;
    if (is_daemon && !server->has_begun) daemon_report(server->report, error, server->log.path);
    if (!is_daemon) fprintf(stderr, "hamok-server: %.*s\n", (int)error.size, error.data);
    if (server->log.path != NULL)
        log_line(&server->log, LOG_LEVEL_WARNING, "%.*s", (int)error.size, error.data);
}

int main(int count, char **arguments) {
    if (count == 2) {
        const char *option = arguments[1];
        if (strcmp(option, "-v") == 0 || strcmp(option, "--version") == 0) return print_version();
        if (strcmp(option, "-h") == 0 || strcmp(option, "--help") == 0) return print_help();
    }
    for (int i = 1; i < count; i++) {
        const char *refused = refused_option(arguments[i]);
        if (refused == NULL) continue;
        fprintf(stderr, "hamok-server: %s\n", refused);
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* ignored, it would take the children's ends from us */
    struct server *server = memory_allocate_zeroed(sizeof(*server));
    struct buffer error = {0};
    config_init(&server->config);
    int status = 1;
    server->report = -1;
    if (start(server, count - 1, arguments + 1, &error)) {
        server_let_parent_go(server);
        status = server_run(server);
    } else {
        tell_failure(server, buffer_bytes(&error));
    }
    if (server->has_begun) daemon_remove_pid(&server->config);
    server_close(server);
    memory_release(server);
    buffer_clear(&error);
    return status;
}
