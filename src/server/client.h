/* client.h: one client's socket and what the server knows about it; its requests and replies are
 * in the session.
 *
 * Ownership: the server's list owns clients. A client is never freed inside an event or a command:
 * client_close_later() puts it on a list that is emptied when the turn ends. */
#pragma once

#include "src/server/server_state.h"

enum { CLIENT_ADDRESS_SIZE = 128 };

struct client {
    struct ev_io read_watcher, write_watcher;
    struct server *server;
    struct session *session;
    struct client *next, *previous; /* by age */
    struct client *closing_next, *paused_next, *readable_next;
    int fd;
    size_t written; /* bytes at the front of the session's output that are sent */
    uint64_t opened_us, active_us;
    uint64_t soft_limit_since_us; /* 0: below the soft output limit */
    bool is_unix, is_local;
    bool unauthenticated; /* counted as such */
    bool write_blocked;   /* the socket takes no more: its write watcher runs */
    bool paused;          /* back-pressure: in the server's paused list */
    bool input_ended;     /* the client has sent all it will: closed when it is answered */
    bool closing;
    bool no_evict;
    bool monitors; /* MONITOR: counted in the server's monitor_count */
};

/* Takes over a fresh non-blocking socket. */
void client_accept(struct server *server, int fd, bool is_unix);
void client_close_later(struct client *client);
/* Reads from those that this turn's poll found readable, in the order in which it did. */
void clients_read(struct server *server);
void clients_close_marked(struct server *server);
void clients_close_all(struct server *server);
/* Writes what stands in the session's output: once, whatever the socket takes. */
void client_flush(struct client *client, struct replica_moment moment);
/* Reads again from those that back-pressure had stopped and that may go on. */
void clients_resume(struct server *server);
/* Time-outs, soft limits, memory: each client about once a second. */
void clients_cron(struct server *server);

/* Since the last CONFIG RESETSTAT, for all clients. */
uint64_t clients_commands_processed(const struct server *server);

enum config_client_class client_class(const struct client *client);
/* "127.0.0.1:1234", "[::1]:1234", "/path:0"; "?:0" if unknown. */
void client_peer_address(const struct client *client, char text[CLIENT_ADDRESS_SIZE]);
void client_own_address(const struct client *client, char text[CLIENT_ADDRESS_SIZE]);
/* The line of CLIENT LIST, without its end. */
void client_describe(const struct client *client, struct buffer *out);
/* Begins or ends to show it all commands (MONITOR). */
void client_set_monitor(struct client *client, bool monitors);
/* Authentication changed. */
void client_note_authentication(struct client *client);
