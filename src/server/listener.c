/* listener.c: see listener.h. Semantics of `bind` are Redis's: each address is its own socket, one
 * with a '-' in front may be missing on this machine, "*" is every IPv4 address, "::*" every IPv6
 * one. */
#include "src/server/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/server/client.h"
#include "src/server/config_text.h"

enum { ACCEPTS_PER_TURN = 256 };

/* Too many open files: accepting rests this long rather than spin. */
static const uint64_t rest_us = 100 * 1000;

static void on_accept(struct ev_loop *loop, struct ev_io *watcher, int events) {
    (void)loop;
    (void)events;
    struct listener *listener = watcher->data;
    struct server *server = listener->server;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            client_accept(server, fd, listener->is_unix);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_line(&server->log, LOG_LEVEL_WARNING, "Accepting client connection: %s",
                     strerror(errno));
            listeners_rest(server);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static void add_listener(struct server *server, int fd, bool is_unix) {
    CHECK(server->listener_count < LISTENERS_MAX);
    struct listener *listener = &server->listeners[server->listener_count++];
    listener->server = server;
    listener->fd = fd;
    listener->is_unix = is_unix;
    ev_io_init(&listener->watcher, on_accept, fd, EV_READ);
    listener->watcher.data = listener;
    ev_io_start(server->loop, &listener->watcher);
}

static int open_address(const struct addrinfo *info, int backlog) {
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    int on = 1;
    if (info->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, backlog) == 0) return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

/* An address that this machine has no protocol or interface for. */
static bool is_unavailable(int reason) {
    return reason == ENOPROTOOPT || reason == EPROTONOSUPPORT || reason == ESOCKTNOSUPPORT ||
           reason == EPFNOSUPPORT || reason == EAFNOSUPPORT;
}

static bool open_one(struct server *server, const char *address, uint16_t port, int backlog,
                     struct buffer *error) {
    bool optional = address[0] == '-';
    if (optional) address++;
    bool is_any4 = strcmp(address, "*") == 0, is_any6 = strcmp(address, "::*") == 0;
    const char *host = is_any4 ? "0.0.0.0" : is_any6 ? "::" : address;
    char service[8];
    snprintf(service, sizeof(service), "%u", port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int wrong = getaddrinfo(host, service, &hints, &found);
    if (wrong != 0) {
        if (optional) return true;
        buffer_append_format(error, "can't listen on '%s': %s: mend the bind directive", address,
                             gai_strerror(wrong));
        return false;
    }
    int fd = open_address(found, backlog);
    int reason = errno;
    freeaddrinfo(found);
    if (fd >= 0) {
        add_listener(server, fd, false);
        return true;
    }
    if ((optional && reason == EADDRNOTAVAIL) || (is_unavailable(reason) && optional)) return true;
    buffer_append_format(error, "can't listen on %s port %u: %s: %s", host, port, strerror(reason),
                         reason == EADDRINUSE
                             ? "stop the server that uses it, or choose another --port"
                             : "mend the bind and port directives");
    return false;
}

static bool open_unix(struct server *server, const char *path, mode_t mode, int backlog,
                      struct buffer *error) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        buffer_append_format(error, "can't listen on unixsocket '%s': the path is too long", path);
        return false;
    }
    strcpy(address.sun_path, path);
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        (mode == 0 || chmod(path, mode) == 0) && listen(fd, backlog) == 0) {
        add_listener(server, fd, true);
        return true;
    }
    buffer_append_format(error, "can't listen on unixsocket '%s': %s: choose another path", path,
                         strerror(errno));
    if (fd >= 0) close(fd);
    return false;
}

static bool open_all(struct server *server, const struct config *config, struct buffer *error) {
    uint16_t port = (uint16_t)CONFIG_NUMBER(config, PORT);
    int backlog = (int)CONFIG_NUMBER(config, TCP_BACKLOG);
    struct config_words words = {0};
    CHECK(config_split(bytes_of_text(CONFIG_STRING(config, BIND)), &words));
    bool done = true;
    for (uint32_t i = 0; i < words.count && done && port != 0; i++) {
        char address[256];
        size_t size = words.at[i].size < sizeof(address) - 1 ? words.at[i].size : 255;
        memcpy(address, words.at[i].data, size);
        address[size] = '\0';
        done = open_one(server, address, port, backlog, error);
    }
    config_words_clear(&words);
    return done;
}

static void close_from(struct server *server, uint32_t first) {
    for (uint32_t i = first; i < server->listener_count; i++) {
        ev_io_stop(server->loop, &server->listeners[i].watcher);
        close(server->listeners[i].fd);
    }
    server->listener_count = first;
}

bool listeners_open(struct server *server, struct buffer *error) {
    const struct config *config = &server->config;
    const char *path = CONFIG_STRING(config, UNIXSOCKET);
    bool done = open_all(server, config, error);
    if (done && path[0] != '\0')
        done = open_unix(server, path, (mode_t)CONFIG_NUMBER(config, UNIXSOCKETPERM),
                         (int)CONFIG_NUMBER(config, TCP_BACKLOG), error);
    if (done && server->listener_count == 0) {
        buffer_append_format(error, "nothing to listen on: give a port other than 0, or a "
                                    "unixsocket");
        done = false;
    }
    if (!done) close_from(server, 0);
    return done;
}

void listeners_close(struct server *server) {
    bool has_unix = false;
    for (uint32_t i = 0; i < server->listener_count; i++)
        has_unix |= server->listeners[i].is_unix;
    close_from(server, 0);
    if (has_unix) unlink(CONFIG_STRING(&server->config, UNIXSOCKET));
}

/* The same address can't be bound twice: the old sockets of the port go first and come back if the
 * new ones fail. */
bool listeners_change(struct server *server, const struct config *wanted, struct buffer *error) {
    struct listener unix_listener = {.fd = -1};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < server->listener_count; i++) {
        struct listener *listener = &server->listeners[i];
        ev_io_stop(server->loop, &listener->watcher);
        if (listener->is_unix)
            unix_listener = *listener;
        else
            close(listener->fd);
    }
    server->listener_count = 0;
    if (unix_listener.fd >= 0) {
        add_listener(server, unix_listener.fd, true);
        kept = 1;
    }
    if (open_all(server, wanted, error)) return true;
    log_line(&server->log, LOG_LEVEL_WARNING, "%.*s", (int)error->size, error->data);
    close_from(server, kept);
    struct buffer again = {0};
    if (!open_all(server, &server->config, &again))
        log_line(&server->log, LOG_LEVEL_WARNING, "%.*s", (int)again.size, again.data);
    buffer_clear(&again);
    return false;
}

void listeners_rest(struct server *server) {
    server->rejected_until_us = clock_us() + rest_us;
    for (uint32_t i = 0; i < server->listener_count; i++)
        ev_io_stop(server->loop, &server->listeners[i].watcher);
}

void listeners_resume(struct server *server) {
    if (server->rejected_until_us == 0 || clock_us() < server->rejected_until_us) return;
    server->rejected_until_us = 0;
    for (uint32_t i = 0; i < server->listener_count; i++)
        ev_io_start(server->loop, &server->listeners[i].watcher);
}
