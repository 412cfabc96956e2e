/* client.c: see client.h. The path of every byte: one read per readable client and turn, one write
 * per client with output and turn; watchers change only when a socket blocks or back-pressure
 * stops a reader. */
#include "src/server/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"
#include "src/server/address.h"
#include "src/server/watchdog.h"

/* Output that is kept in its buffer for the next reply; more is given back. */
enum { KEPT_OUTPUT_BYTES = 64 * 1024, KEPT_INPUT_BYTES = 32 * 1024 };

static const char protected_mode_text[] =
    "-DENIED Redis is running in protected mode because protected mode is enabled and no password "
    "is set for the default user. In this mode connections are only accepted from the loopback "
    "interface. If you want to connect from external computers to Redis you may adopt one of the "
    "following solutions: 1) Just disable protected mode sending the command 'CONFIG SET "
    "protected-mode no' from the loopback interface by connecting to Redis from the same host the "
    "server is running, however MAKE SURE Redis is not publicly accessible from internet if you do "
    "so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable "
    "the protected mode by editing the Redis configuration file, and setting the protected mode "
    "option to 'no', and then restarting the server. 3) If you started the server manually just "
    "for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication "
    "password for the default user. NOTE: You only need to do one of the above things in order for "
    "the server to start accepting connections from the outside.\r\n";

/* --- addresses ------------------------------------------------------------------------------- */

static void print_address(const struct sockaddr_storage *address, char text[CLIENT_ADDRESS_SIZE]) {
    char host[INET6_ADDRSTRLEN];
    struct buffer out = {0};
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        buffer_append_format(&out, "%s:%u", host, ntohs(in->sin_port));
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof(host));
        buffer_append_format(&out, "[%s]:%u", host, ntohs(in->sin6_port));
    } else {
        buffer_append_format(&out, "?:0");
    }
    CHECK(out.size < CLIENT_ADDRESS_SIZE);
    memcpy(text, out.data, out.size);
    text[out.size] = '\0';
    buffer_clear(&out);
}

static void unix_address(const struct client *client, char text[CLIENT_ADDRESS_SIZE]) {
    struct buffer out = {0};
    buffer_append_format(&out, "%.120s:0", CONFIG_STRING(&client->server->config, UNIXSOCKET));
    memcpy(text, out.data, out.size);
    text[out.size] = '\0';
    buffer_clear(&out);
}

void client_peer_address(const struct client *client, char text[CLIENT_ADDRESS_SIZE]) {
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    if (client->is_unix) {
        unix_address(client, text);
        return;
    }
    getpeername(client->fd, (struct sockaddr *)&address, &size);
    print_address(&address, text);
}

void client_own_address(const struct client *client, char text[CLIENT_ADDRESS_SIZE]) {
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    if (client->is_unix) {
        unix_address(client, text);
        return;
    }
    getsockname(client->fd, (struct sockaddr *)&address, &size);
    print_address(&address, text);
}

/* --- ending ---------------------------------------------------------------------------------- */

void client_close_later(struct client *client) {
    if (client->closing) return;
    client->closing = true;
    ev_io_stop(client->server->loop, &client->read_watcher);
    ev_io_stop(client->server->loop, &client->write_watcher);
    client->closing_next = client->server->closing;
    client->server->closing = client;
}

static void remove_from_paused(struct client *client) {
    struct client **at = &client->server->paused;
    while (*at != client)
        at = &(*at)->paused_next;
    *at = client->paused_next;
    client->paused = false;
}

static void close_now(struct client *client) {
    struct server *server = client->server;
    ev_io_stop(server->loop, &client->read_watcher);
    ev_io_stop(server->loop, &client->write_watcher);
    if (client->paused) remove_from_paused(client);
    if (client->unauthenticated) server->unauthenticated_count--;
    client_set_monitor(client, false);
    if (server->cron_cursor == client) server->cron_cursor = client->next;
    if (client->previous != NULL)
        client->previous->next = client->next;
    else
        server->clients = client->next;
    if (client->next != NULL)
        client->next->previous = client->previous;
    else
        server->clients_last = client->previous;
    server->client_count--;
    server->commands_gone += client->session->commands_processed;
    replica_client_close(server->replica, client->session);
    close(client->fd);
    memory_release(client);
}

void clients_close_marked(struct server *server) {
    while (server->closing != NULL) {
        struct client *client = server->closing;
        server->closing = client->closing_next;
        close_now(client);
    }
}

void clients_close_all(struct server *server) {
    server->closing = NULL;
    while (server->clients != NULL)
        close_now(server->clients);
}

/* Nothing is owed to this client any more. */
static bool is_answered(const struct client *client) {
    const struct session *session = client->session;
    return session->pending_count == 0 && session->output.size == 0 && !session->paused &&
           session->unsealed_writes == 0;
}

/* --- output ---------------------------------------------------------------------------------- */

enum config_client_class client_class(const struct client *client) {
    const struct session *session = client->session;
    return session->subscriptions + session->patterns > 0 ? CONFIG_CLASS_PUBSUB
                                                          : CONFIG_CLASS_NORMAL;
}

static size_t unsent_bytes(const struct client *client) {
    return client->session->output.size - client->written;
}

/* Hard at once, soft when it lasts. True if the client has to go. */
static bool over_output_limit(struct client *client, uint64_t now_us) {
    size_t unsent = unsent_bytes(client);
    if (unsent <= KEPT_OUTPUT_BYTES) { /* below what any sensible limit says */
        client->soft_limit_since_us = 0;
        return false;
    }
    /* Who is fed without asking is bounded as a subscriber is; a class of its own Redis has not. */
    struct config_output_limit limit = config_output_limit(
        &client->server->config, client->monitors ? CONFIG_CLASS_PUBSUB : client_class(client));
    bool over = limit.hard_bytes != 0 && unsent >= limit.hard_bytes;
    bool soft = limit.soft_bytes != 0 && unsent >= limit.soft_bytes;
    if (!soft)
        client->soft_limit_since_us = 0;
    else if (client->soft_limit_since_us == 0)
        client->soft_limit_since_us = now_us;
    else
        over |= now_us - client->soft_limit_since_us > limit.soft_seconds * 1000000;
    return over;
}

static void close_over_limit(struct client *client) {
    char line[CLIENT_ADDRESS_SIZE];
    client_peer_address(client, line);
    client->server->statistics.output_limit_closes++;
    log_line(&client->server->log, LOG_LEVEL_WARNING,
             "Client id=%llu addr=%s closed for overcoming of output buffer limits.",
             (unsigned long long)client->session->id, line);
    client_close_later(client);
}

static void on_writable(struct ev_loop *loop, struct ev_io *watcher, int events) {
    (void)loop;
    (void)events;
    struct client *client = watcher->data;
    client->write_blocked = false;
    ev_io_stop(client->server->loop, &client->write_watcher);
    client_flush(client, server_moment(client->server));
}

/* Sent bytes leave the buffer when they are all of it, or much of it. */
static void forget_sent(struct client *client) {
    struct buffer *output = &client->session->output;
    if (client->written == output->size) {
        output->size = client->written = 0;
        if (output->capacity > KEPT_OUTPUT_BYTES) buffer_clear(output);
    } else if (client->written > KEPT_OUTPUT_BYTES && client->written > output->size / 2) {
        buffer_consume(output, client->written);
        client->written = 0;
    }
}

static bool write_once(struct client *client) {
    struct server *server = client->server;
    struct buffer *output = &client->session->output;
    ssize_t count;
    do {
        count =
            send(client->fd, output->data + client->written, unsent_bytes(client), MSG_NOSIGNAL);
    } while (count < 0 && errno == EINTR);
    server->statistics.writes++;
    if (count < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK) return false;
        count = 0;
    }
    client->written += (size_t)count;
    server->statistics.output_bytes += (uint64_t)count;
    client->session->output_bytes += (uint64_t)count;
    return true;
}

/* The replica ends a session at once when its query buffer is over the limit. */
static void note_query_limit(struct client *client) {
    char address[CLIENT_ADDRESS_SIZE];
    client_peer_address(client, address);
    client->server->statistics.query_limit_closes++;
    log_line(&client->server->log, LOG_LEVEL_WARNING,
             "Closing client that reached max query buffer length: id=%llu addr=%s",
             (unsigned long long)client->session->id, address);
}

void client_flush(struct client *client, struct replica_moment moment) {
    struct session *session = client->session;
    if (client->closing) return;
    if (session->ending == SESSION_ENDS_NOW) {
        note_query_limit(client);
        client_close_later(client);
        return;
    }
    if (unsent_bytes(client) > client->server->max_output_bytes)
        client->server->max_output_bytes = unsent_bytes(client);
    if (!client->write_blocked && unsent_bytes(client) > 0) {
        if (!write_once(client)) {
            client_close_later(client);
            return;
        }
        if (unsent_bytes(client) > 0) {
            client->write_blocked = true;
            ev_io_start(client->server->loop, &client->write_watcher);
        }
        forget_sent(client);
        replica_client_sent(client->server->replica, session, moment);
    }
    if (over_output_limit(client, moment.now_us))
        close_over_limit(client);
    else if (session_may_end(session) && unsent_bytes(client) == 0)
        client_close_later(client);
    else if (client->input_ended && is_answered(client))
        client_close_later(client);
}

/* --- input ----------------------------------------------------------------------------------- */

static void pause_reading(struct client *client) {
    ev_io_stop(client->server->loop, &client->read_watcher);
    if (client->paused) return;
    client->paused = true;
    client->paused_next = client->server->paused;
    client->server->paused = client;
}

void clients_resume(struct server *server) {
    struct client **at = &server->paused;
    while (*at != NULL) {
        struct client *client = *at;
        if (!replica_client_may_read(server->replica, client->session)) {
            at = &client->paused_next;
            continue;
        }
        *at = client->paused_next;
        client->paused = false;
        bool reads = !client->closing && !client->input_ended;
        if (reads && server->stop_phase < STOP_DRAINING)
            ev_io_start(server->loop, &client->read_watcher);
    }
}

static void end_input(struct client *client) {
    ev_io_stop(client->server->loop, &client->read_watcher);
    client->input_ended = true;
    if (is_answered(client)) client_close_later(client);
}

static void read_client(struct client *client) {
    struct server *server = client->server;
    struct session *session = client->session;
    size_t size = 0;
    char *room = session_input_room(session, &size);
    ssize_t count = read(client->fd, room, size);
    if (count < 0) {
        if (errno != EAGAIN && errno != EINTR) client_close_later(client);
        return;
    }
    if (count == 0) {
        end_input(client);
        return;
    }
    struct replica_moment moment = server_moment(server); /* after the read: SAFETY 6 */
    client->active_us = moment.now_us;
    server->statistics.reads++;
    server->statistics.input_bytes += (uint64_t)count;
    replica_client_received(server->replica, session, (size_t)count, moment);
    if (session->input.size > server->max_input_bytes)
        server->max_input_bytes = session->input.size;
    if (session->ending != SESSION_STAYS)
        ev_io_stop(server->loop, &client->read_watcher);
    else if (!replica_client_may_read(server->replica, session))
        pause_reading(client);
}

/* libev tells the last event of a poll first. Clients are served in the order in which the kernel
 * saw them: a command that was sent after another, on another connection, runs after it. */
static void on_readable(struct ev_loop *loop, struct ev_io *watcher, int events) {
    (void)loop;
    (void)events;
    struct client *client = watcher->data;
    client->readable_next = client->server->readable;
    client->server->readable = client;
}

/* After a slow command the peers come first again (SAFETY 16); epoll tells once more of whoever was
 * not read from, in the same order. */
void clients_read(struct server *server) {
    while (server->readable != NULL) {
        struct client *client = server->readable;
        server->readable = client->readable_next;
        bool reads = ev_is_active(&client->read_watcher); /* else closing, or stopped meanwhile */
        if (reads) read_client(client);
        if (watchdog_turn_is_long(server->watchdog)) server->readable = NULL;
    }
}

/* --- beginning ------------------------------------------------------------------------------- */

static void set_options(const struct server *server, int fd) {
    int on = 1, interval = (int)CONFIG_NUMBER(&server->config, TCP_KEEPALIVE);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (interval == 0) return;
    int between = interval / 3 > 0 ? interval / 3 : 1, probes = 3;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &interval, sizeof(interval));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between, sizeof(between));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

static void reject(struct server *server, int fd, const char *text) {
    server->statistics.connections_rejected++;
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        log_line(&server->log, LOG_LEVEL_DEBUG, "a rejected client left before it was told why");
    close(fd);
}

/* NULL, or what a client that may not stay is told. */
static const char *why_rejected(const struct server *server, bool is_local) {
    bool has_password = server_has_password(server);
    if (server->client_count >= server->maxclients) return "-ERR max number of clients reached\r\n";
    if (has_password && server->unauthenticated_count >=
                            (uint64_t)CONFIG_NUMBER(&server->config, UNAUTHENTICATED_MAXCLIENTS))
        return "-ERR max number of unauthenticated clients reached\r\n";
    if (CONFIG_IS_ON(&server->config, PROTECTED_MODE) && !has_password && !is_local)
        return protected_mode_text;
    return NULL;
}

void client_accept(struct server *server, int fd, bool is_unix) {
    bool is_local = is_unix || address_is_near(fd);
    const char *reason = why_rejected(server, is_local);
    server->statistics.connections_received++;
    if (reason != NULL) {
        reject(server, fd, reason);
        return;
    }
    struct client *client = memory_allocate_zeroed(sizeof(*client));
    struct replica_moment moment = server_moment(server);
    client->server = server;
    client->fd = fd;
    client->is_unix = is_unix;
    client->is_local = is_local;
    client->opened_us = client->active_us = moment.now_us;
    client->session = replica_client_open(server->replica, client, moment);
    client->session->server = server;
    client->session->authenticated = !server_has_password(server);
    client->unauthenticated = !client->session->authenticated;
    server->unauthenticated_count += client->unauthenticated;
    client->previous = server->clients_last;
    if (server->clients_last != NULL)
        server->clients_last->next = client;
    else
        server->clients = client;
    server->clients_last = client;
    server->client_count++;
    if (!is_unix) set_options(server, fd);
    ev_io_init(&client->read_watcher, on_readable, fd, EV_READ);
    ev_io_init(&client->write_watcher, on_writable, fd, EV_WRITE);
    client->read_watcher.data = client->write_watcher.data = client;
    /* Sockets before timers (SAFETY 16). */
    ev_set_priority(&client->read_watcher, 1);
    ev_io_start(server->loop, &client->read_watcher);
}

void client_set_monitor(struct client *client, bool monitors) {
    if (client->monitors == monitors) return;
    client->monitors = monitors;
    if (monitors)
        client->server->monitor_count++;
    else
        client->server->monitor_count--;
}

void client_note_authentication(struct client *client) {
    bool unauthenticated = !client->session->authenticated;
    if (unauthenticated == client->unauthenticated) return;
    client->unauthenticated = unauthenticated;
    if (unauthenticated)
        client->server->unauthenticated_count++;
    else
        client->server->unauthenticated_count--;
}

/* --- from time to time ----------------------------------------------------------------------- */

static bool is_timed_out(const struct client *client, uint64_t now_us) {
    const struct config *config = &client->server->config;
    uint64_t idle_s = (now_us - client->active_us) / 1000000;
    uint64_t timeout_s = (uint64_t)CONFIG_NUMBER(config, TIMEOUT);
    uint64_t unauthenticated_s = (uint64_t)CONFIG_NUMBER(config, UNAUTHENTICATED_TIMEOUT);
    bool waits = client->monitors || client_class(client) == CONFIG_CLASS_PUBSUB ||
                 client->session->pending_count > 0;
    if (timeout_s != 0 && !waits && idle_s > timeout_s) return true;
    return client->unauthenticated && unauthenticated_s != 0 &&
           (now_us - client->opened_us) / 1000000 >= unauthenticated_s;
}

static void look_at(struct client *client, uint64_t now_us) {
    struct session *session = client->session;
    if (client->closing) return;
    if (client->input_ended && is_answered(client)) {
        client_close_later(client);
    } else if (is_timed_out(client, now_us)) {
        log_line(&client->server->log, LOG_LEVEL_VERBOSE, "Closing idle client");
        client_close_later(client);
    } else if (over_output_limit(client, now_us)) {
        close_over_limit(client);
    } else if (session->input.size == 0 && session->input.capacity > 0 &&
               (now_us - client->active_us > 2000000 ||
                session->input.capacity > KEPT_INPUT_BYTES)) {
        buffer_clear(&session->input); /* idle: 10,000 of them cost nothing */
        if (session->output.size == 0) buffer_clear(&session->output);
    }
}

void clients_cron(struct server *server) {
    uint64_t per_second = (uint64_t)CONFIG_NUMBER(&server->config, HZ);
    uint64_t count = server->client_count / per_second + 1;
    uint64_t now_us = clock_us();
    for (uint64_t i = 0; i < count && server->clients != NULL; i++) {
        if (server->cron_cursor == NULL) server->cron_cursor = server->clients;
        struct client *client = server->cron_cursor;
        server->cron_cursor = client->next;
        look_at(client, now_us);
    }
    clients_close_marked(server);
}

uint64_t clients_commands_processed(const struct server *server) {
    uint64_t count = server->commands_gone - server->commands_before;
    for (const struct client *client = server->clients; client != NULL; client = client->next)
        count += client->session->commands_processed;
    return count;
}

/* --- CLIENT LIST ----------------------------------------------------------------------------- */

static void append_flags(const struct client *client, struct buffer *out) {
    const struct session *session = client->session;
    size_t before = out->size;
    if (client->monitors) buffer_append_byte(out, 'O');
    if (client_class(client) == CONFIG_CLASS_PUBSUB) buffer_append_byte(out, 'P');
    if (session->in_multi) buffer_append_byte(out, 'x');
    if (session->ending == SESSION_ENDS_AFTER_OUTPUT) buffer_append_byte(out, 'c');
    if (client->closing) buffer_append_byte(out, 'A');
    if (client->is_unix) buffer_append_byte(out, 'U');
    if (client->no_evict) buffer_append_byte(out, 'e');
    if (out->size == before) buffer_append_byte(out, 'N');
}

/* Redis's line. Its constants are the truth here: ssub, there are no shard channels; argv-mem,
 * arguments lie in the query buffer; rbp and oll, output is one buffer that grows and is given
 * back, whole in rbs and omem; user, there is one; redir, there is no CLIENT TRACKING. */
void client_describe(const struct client *client, struct buffer *out) {
    const struct session *session = client->session;
    char peer[CLIENT_ADDRESS_SIZE], own[CLIENT_ADDRESS_SIZE];
    uint64_t now_us = clock_us();
    client_peer_address(client, peer);
    client_own_address(client, own);
    size_t input_bytes = session->input.size - session->input_consumed;
    size_t total = sizeof(*client) + sizeof(*session) + session->input.capacity +
                   session->output.capacity + session->waiting.capacity + session->multi.capacity +
                   request_memory(&session->parser);
    buffer_append_format(out, "id=%llu addr=%s laddr=%s fd=%d name=%.*s age=%llu idle=%llu flags=",
                         (unsigned long long)session->id, peer, own, client->fd,
                         (int)session->name.size, session->name.data,
                         (unsigned long long)((now_us - client->opened_us) / 1000000),
                         (unsigned long long)((now_us - client->active_us) / 1000000));
    append_flags(client, out);
    buffer_append_format(out, " db=%u sub=%u psub=%u ssub=0 multi=%d qbuf=%zu qbuf-free=%zu",
                         session->db, session->subscriptions, session->patterns,
                         session->in_multi ? (int)session->multi_count : -1, input_bytes,
                         session->input.capacity - session->input.size);
    buffer_append_format(out, " argv-mem=0 multi-mem=%zu rbs=%zu rbp=0 obl=%zu oll=0 omem=%zu",
                         session->multi.capacity, session->output.capacity, unsent_bytes(client),
                         session->output.capacity);
    buffer_append_format(
        out, " tot-mem=%zu events=%s%s cmd=%s user=default redir=-1 resp=%u", total,
        ev_is_active(&client->read_watcher) ? "r" : "", client->write_blocked ? "w" : "",
        session->last_command == NULL ? "NULL" : session->last_command->name, session->protocol);
    buffer_append_format(out, " lib-name=%.*s lib-ver=%.*s", (int)session->library_name.size,
                         session->library_name.data, (int)session->library_version.size,
                         session->library_version.data);
}
