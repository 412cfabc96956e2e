/* daemon.c: see daemon.h. */
#include "src/server/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { SUPERVISED_UPSTART, SUPERVISED_SYSTEMD, SUPERVISED_AUTO, SUPERVISED_NO };

/* Listeners, log segments, peers, libraries: what is open besides clients. */
enum { FILES_RESERVED = 128 };

/* The parent's end: "+" is success, anything else the line to show; nothing: the child died. */
__attribute__((noreturn)) static void await_report(int report) {
    struct buffer text = {0};
    for (;;) {
        char *room = buffer_reserve(&text, 1024);
        ssize_t count = read(report, room, 1024);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        text.size += (size_t)count;
    }
    bool serves = bytes_equal(buffer_bytes(&text), BYTES("+"));
    if (!serves)
        fprintf(stderr, "hamok-server: %.*s\n", (int)text.size,
                text.size > 0 ? text.data : "the daemon died before it could serve");
    _exit(serves ? 0 : 1);
}

int daemon_detach(void) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return -1;
    pid_t child = fork();
    if (child < 0) return -1;
    if (child > 0) {
        close(ends[1]);
        await_report(ends[0]);
    }
    close(ends[0]);
    setsid();
    return ends[1];
}

static void replace(int descriptor, const char *path, int flags) {
    int fd = open(path, flags, 0644);
    if (fd < 0) return;
    dup2(fd, descriptor);
    if (fd > STDERR_FILENO) close(fd);
}

void daemon_report(int report, struct bytes error, const char *log_path) {
    struct bytes text = error.size > 0 ? error : BYTES("+");
    ssize_t told = write(report, text.data, text.size);
    (void)told; /* The parent may be gone already. */
    close(report);
    replace(STDIN_FILENO, "/dev/null", O_RDWR);
    replace(STDOUT_FILENO, "/dev/null", O_RDWR);
    replace(STDERR_FILENO, "/dev/null", O_RDWR);
    if (log_path != NULL) replace(STDERR_FILENO, log_path, O_WRONLY | O_APPEND | O_CREAT);
}

static const char *pid_path(const struct config *config) {
    const char *path = CONFIG_STRING(config, PIDFILE);
    if (path[0] != '\0') return path;
    return CONFIG_IS_ON(config, DAEMONIZE) ? "/var/run/redis.pid" : NULL;
}

void daemon_write_pid(const struct config *config, const struct log *log) {
    const char *path = pid_path(config);
    if (path == NULL) return;
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        log_line(log, LOG_LEVEL_WARNING, "Failed to write PID file '%s': %s", path,
                 strerror(errno));
        return;
    }
    fprintf(file, "%d\n", (int)getpid());
    fclose(file);
}

void daemon_remove_pid(const struct config *config) {
    const char *path = pid_path(config);
    if (path != NULL) unlink(path);
}

/* --- supervision ----------------------------------------------------------------------------- */

static bool wants_systemd(const struct config *config) {
    int64_t mode = CONFIG_NUMBER(config, SUPERVISED);
    return (mode == SUPERVISED_SYSTEMD || mode == SUPERVISED_AUTO) &&
           getenv("NOTIFY_SOCKET") != NULL;
}

static bool wants_upstart(const struct config *config) {
    int64_t mode = CONFIG_NUMBER(config, SUPERVISED);
    return (mode == SUPERVISED_UPSTART || mode == SUPERVISED_AUTO) && getenv("UPSTART_JOB") != NULL;
}

bool daemon_is_supervised(const struct config *config) {
    return wants_systemd(config) || wants_upstart(config);
}

/* One datagram, as sd_notify() sends it; '@' begins an abstract address. */
static bool send_to_systemd(const char *state) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t size = strlen(path);
    if (size >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@')) return false;
    memcpy(address.sun_path, path, size);
    if (path[0] == '@') address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    socklen_t address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    ssize_t sent =
        sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, address_size);
    close(fd);
    return sent >= 0;
}

void daemon_notify(const struct config *config, const struct log *log, const char *state) {
    if (wants_systemd(config)) {
        if (!send_to_systemd(state))
            log_line(log, LOG_LEVEL_WARNING, "can't tell systemd '%s': %s", state, strerror(errno));
    } else if (wants_upstart(config) && strncmp(state, "READY", 5) == 0) {
        raise(SIGSTOP); /* upstart waits for it and continues us */
    }
}

/* --- limits ---------------------------------------------------------------------------------- */

uint64_t daemon_raise_files(const struct log *log, uint64_t clients) {
    struct rlimit limit;
    rlim_t wanted = (rlim_t)clients + FILES_RESERVED;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return clients;
    if (limit.rlim_cur >= wanted) return clients;
    rlim_t before = limit.rlim_cur;
    /* With the privilege also the hard limit; else as far as it goes. */
    struct rlimit both = {.rlim_cur = wanted,
                          .rlim_max = wanted > limit.rlim_max ? wanted : limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &both) != 0) {
        limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
    } else {
        limit.rlim_cur = wanted;
    }
    if (limit.rlim_cur >= wanted) {
        log_line(log, LOG_LEVEL_NOTICE,
                 "Increased maximum number of open files to %llu (it was "
                 "originally set to %llu).",
                 (unsigned long long)wanted, (unsigned long long)before);
        return clients;
    }
    uint64_t fit = limit.rlim_cur > FILES_RESERVED ? limit.rlim_cur - FILES_RESERVED : 1;
    log_line(
        log, LOG_LEVEL_WARNING,
        "Current maximum open files is %llu. maxclients has been reduced to %llu to compensate "
        "for low ulimit. If you need higher maxclients increase 'ulimit -n'.",
        (unsigned long long)limit.rlim_cur, (unsigned long long)fit);
    return fit;
}

void daemon_disable_huge_pages(const struct log *log) {
    if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0)
        log_line(log, LOG_LEVEL_WARNING, "can't disable transparent huge pages: %s",
                 strerror(errno));
}
