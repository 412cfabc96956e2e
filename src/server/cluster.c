/* cluster.c: see cluster.h. */
#include "src/server/cluster.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "src/server/config_text.h"
#include "src/server/peers.h"

enum { PEER_PORT_OFFSET = 10000, PATIENCE_ELECTIONS = 10, PATIENCE_MIN_MS = 3000 };

/* The time of founding: server_open() waits in cluster_open() for its end. */
struct founding_wait {
    struct server *server;
    struct buffer *error;
    bool done, failed;
};

/* --- addresses ---------------------------------------------------------------------------------
 */

static bool same_address(const struct sockaddr *a, const struct sockaddr *b) {
    if (a->sa_family != b->sa_family) return false;
    if (a->sa_family == AF_INET) {
        return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)b)->sin_addr.s_addr;
    }
    return a->sa_family == AF_INET6 &&
           memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
                  &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

static bool is_loopback(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
    }
    return address->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

static bool is_own_address(const struct sockaddr *address) {
    if (is_loopback(address)) return true;
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0) return false;
    bool own = false;
    for (const struct ifaddrs *at = all; at != NULL && !own; at = at->ifa_next) {
        own = at->ifa_addr != NULL && same_address(at->ifa_addr, address);
    }
    freeifaddrs(all);
    return own;
}

/* At start-up only: a name may take its time to resolve. */
static struct addrinfo *resolve_host(const char *host) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    return getaddrinfo(host, NULL, &hints, &found) == 0 ? found : NULL;
}

static bool host_is_own(const char *host) {
    struct addrinfo *found = resolve_host(host);
    bool own = false;
    for (const struct addrinfo *at = found; at != NULL && !own; at = at->ai_next) {
        own = is_own_address(at->ai_addr);
    }
    if (found != NULL) freeaddrinfo(found);
    return own;
}

/* A name that does not resolve yet may be anywhere. */
static bool host_is_loopback(const char *host) {
    struct addrinfo *found = resolve_host(host);
    bool loopback = found != NULL;
    for (const struct addrinfo *at = found; at != NULL && loopback; at = at->ai_next) {
        loopback = is_loopback(at->ai_addr);
    }
    if (found != NULL) freeaddrinfo(found);
    return loopback;
}

/* What --announce says; *given is false if it says nothing. */
static bool read_announced(const struct server *server, struct founding_address *announced,
                           bool *given, struct buffer *error) {
    const char *announce = CONFIG_STRING(&server->config, ANNOUNCE);
    *given = announce[0] != '\0';
    if (!*given) return true;
    struct founding_address list[RAFT_NODES_MAX];
    uint32_t count = 0;
    enum error wrong = founding_parse_list(bytes_of_text(announce), list, &count);
    if (wrong == ERROR_NONE && count == 1) {
        *announced = list[0];
        return true;
    }
    buffer_append_format(error, "--announce '%s' is not one host:port", announce);
    return false;
}

/* By --announce, else by the own port and an own address. */
static bool find_self(const struct server *server, const struct founding_address *list,
                      uint32_t count, uint32_t *self, struct buffer *error) {
    struct founding_address announced;
    bool given;
    uint32_t found = 0;
    if (!read_announced(server, &announced, &given, error)) return false;
    for (uint32_t i = 0; i < count; i++) {
        bool match =
            given
                ? announced.port == list[i].port && strcmp(announced.host, list[i].host) == 0
                : list[i].port == CONFIG_NUMBER(&server->config, PORT) && host_is_own(list[i].host);
        if (!match) continue;
        *self = i;
        found++;
    }
    if (found == 1) return true;
    buffer_append_format(error,
                         "%s address in --cluster is this node's: say which one by --announce "
                         "host:port",
                         found == 0 ? "no" : "more than one");
    return false;
}

/* A member's directory under another address is a copy, or in the wrong place: two processes would
 * vote under one identity. */
static bool is_in_its_place(const struct server *server, struct buffer *error) {
    const struct identity *identity = &server->identity;
    const struct identity_member *member = identity_member(identity, identity->id);
    struct founding_address announced;
    bool given;
    if (!read_announced(server, &announced, &given, error)) return false;
    bool same = given ? announced.port == member->port && strcmp(announced.host, member->host) == 0
                      : member->port == CONFIG_NUMBER(&server->config, PORT);
    if (same) return true;
    buffer_append_format(error,
                         "%s belongs to node %u of its cluster, %s:%u: start that one with it, or "
                         "choose another --dir",
                         server->directory, identity->id, member->host, member->port);
    return false;
}

static bool parse_list(const struct server *server, struct founding_address *list, uint32_t *count,
                       struct buffer *error) {
    const char *text = CONFIG_STRING(&server->config, CLUSTER);
    enum error wrong = founding_parse_list(bytes_of_text(text), list, count);
    if (wrong == ERROR_NONE) return true;
    const char *what = wrong == ERROR_EXISTS  ? "names an address twice"
                       : wrong == ERROR_RANGE ? "has a port outside 1 to 55535, or too many nodes"
                                              : "is not of the form host:port,host:port,…";
    buffer_append_format(error, "--cluster '%s' %s: mend it, the same on all nodes", text, what);
    return false;
}

bool cluster_is_wanted(const struct server *server) {
    if (identity_is_founded(&server->identity)) return server->identity.member_count > 1;
    return strchr(CONFIG_STRING(&server->config, CLUSTER), ',') != NULL;
}

/* --- the peer port -----------------------------------------------------------------------------
 */

static int open_peer_socket(const struct sockaddr *address, socklen_t size) {
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->sa_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    if (bind(fd, address, size) == 0 && listen(fd, 128) == 0) return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

/* One word of `bind`; 0 sockets when it is optional and not to be had. */
static bool listen_on(const char *word, long long port, int *fds, uint32_t *count,
                      struct buffer *error) {
    bool optional = word[0] == '-';
    if (optional) word++;
    const char *host = strcmp(word, "*") == 0 ? "0.0.0.0" : strcmp(word, "::*") == 0 ? "::" : word;
    char service[8];
    snprintf(service, sizeof(service), "%lld", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, service, &hints, &found) != 0) {
        if (optional) return true;
        buffer_append_format(error, "can't resolve '%s' of the bind directive", word);
        return false;
    }
    int fd = open_peer_socket(found->ai_addr, found->ai_addrlen);
    int reason = errno;
    freeaddrinfo(found);
    if (fd >= 0) {
        fds[(*count)++] = fd;
        return true;
    }
    if (optional && reason != EADDRINUSE) return true;
    buffer_append_format(error, "can't listen on %s port %lld for peers (port + 10000): %s: %s",
                         host, port, strerror(reason),
                         reason == EADDRINUSE ? "stop what uses it, or choose another --port"
                                              : "mend the bind directive");
    return false;
}

static bool open_peer_port(const struct server *server, int *fds, uint32_t *count,
                           struct buffer *error) {
    long long port = CONFIG_NUMBER(&server->config, PORT) + PEER_PORT_OFFSET;
    struct config_words words = {0};
    CHECK(config_split(bytes_of_text(CONFIG_STRING(&server->config, BIND)), &words));
    bool done = true;
    *count = 0;
    for (uint32_t i = 0; i < words.count && done && *count < LISTENERS_MAX; i++) {
        char word[256];
        snprintf(word, sizeof(word), "%.*s", (int)words.at[i].size, words.at[i].data);
        done = listen_on(word, port, fds, count, error);
    }
    config_words_clear(&words);
    for (uint32_t i = 0; i < *count && !done; i++)
        close(fds[i]);
    return done;
}

/* --- what peers tell ---------------------------------------------------------------------------
 */

static void on_packet(void *context, uint32_t from, struct bytes packet, struct chunk *chunk) {
    struct server *server = context;
    if (server->replica == NULL) return;
    enum error error =
        replica_peer_packet(server->replica, from, packet, chunk, server_moment(server));
    if (error == ERROR_NONE) return;
    log_line(&server->log, LOG_LEVEL_WARNING, "A packet of node %u was refused: %s", from,
             error_text(error));
}

static void on_link(void *context, uint32_t peer, bool up) {
    struct server *server = context;
    log_line(&server->log, LOG_LEVEL_NOTICE, "The link to node %u is %s", peer, up ? "up" : "down");
    if (server->replica != NULL) {
        replica_peer_link(server->replica, peer, up, server_moment(server));
    }
}

static void on_log(void *context, bool warning, const char *text) {
    struct server *server = context;
    log_line(&server->log, warning ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE, "Peers: %s", text);
}

static void on_founded(void *context, const struct identity *identity) {
    struct server *server = context;
    struct founding_wait *wait = server->founding_wait;
    enum error error = identity_store(identity);
    if (error != ERROR_NONE) {
        buffer_append_format(wait->error, "can't write %s/node: %s: %s", server->directory,
                             error_text(error), strerror(errno));
        wait->failed = true;
    } else {
        server->identity = *identity;
        wait->done = identity_is_founded(identity);
        if (!wait->done) return;
    }
    ev_break(server->loop, EVBREAK_ALL);
}

static void on_refused(void *context, const char *text) {
    struct server *server = context;
    struct founding_wait *wait = server->founding_wait;
    buffer_append_format(wait->error, "%s", text);
    wait->failed = true;
    ev_break(server->loop, EVBREAK_ALL);
}

/* --- founding ----------------------------------------------------------------------------------
 */

/* Clients are served meanwhile what needs no cluster. True if it exists, or the process stops. */
static bool found_cluster(struct server *server, struct founding_wait *wait) {
    log_line(&server->log, LOG_LEVEL_NOTICE, "Founding the cluster: waiting for all of %s",
             CONFIG_STRING(&server->config, CLUSTER));
    while (!wait->done && !wait->failed && !server->stopping)
        ev_run(server->loop, 0);
    if (!wait->done) return !wait->failed;
    char id[2 * IDENTITY_ID_SIZE + 1];
    identity_print_id(server->identity.cluster, IDENTITY_ID_SIZE, id);
    log_line(&server->log, LOG_LEVEL_NOTICE, "Founded: cluster %s, this is node %u of %u", id,
             server->identity.id, server->identity.member_count);
    return true;
}

static void log_other_list(struct server *server, const struct founding_address *list,
                           uint32_t count) {
    const struct identity *identity = &server->identity;
    bool same = count == identity->member_count;
    for (uint32_t i = 0; same && i < count; i++) {
        same = list[i].port == identity->members[i].port &&
               strcmp(list[i].host, identity->members[i].host) == 0;
    }
    if (same) return;
    log_line(
        &server->log, LOG_LEVEL_WARNING,
        "Without effect: --cluster differs from the members in the data directory, which count "
        "since the founding");
}

bool cluster_check_alone(const struct server *server, struct buffer *error) {
    bool founded_alone =
        identity_is_founded(&server->identity) && server->identity.member_count == 1;
    bool several = strchr(CONFIG_STRING(&server->config, CLUSTER), ',') != NULL;
    if (!founded_alone || !several) return true;
    buffer_append_format(error,
                         "%s belongs to a node that is a cluster of one, and can't join others "
                         "yet: start it without --cluster, or choose another --dir",
                         server->directory);
    return false;
}

/* Nothing that takes so many election time-outs is worth waiting for. */
static uint32_t peer_patience_ms(const struct config *config) {
    long long patience_ms = CONFIG_NUMBER(config, RAFT_ELECTION_TIMEOUT) * PATIENCE_ELECTIONS;
    return patience_ms < PATIENCE_MIN_MS ? PATIENCE_MIN_MS : (uint32_t)patience_ms;
}

bool cluster_open(struct server *server, struct buffer *error) {
    struct peers_config config = {.loop = server->loop, .identity = &server->identity};
    bool founded = identity_is_founded(&server->identity);
    bool has_list = CONFIG_STRING(&server->config, CLUSTER)[0] != '\0';
    if (has_list && !parse_list(server, config.list, &config.list_count, error)) return false;
    if (founded) {
        if (!is_in_its_place(server, error)) return false;
        if (has_list) log_other_list(server, config.list, config.list_count);
        for (uint32_t i = 0; i < server->identity.member_count; i++) {
            config.secret_required |= !host_is_loopback(server->identity.members[i].host);
        }
    } else {
        if (!find_self(server, config.list, config.list_count, &config.list_self, error)) {
            return false;
        }
        for (uint32_t i = 0; i < config.list_count; i++) {
            config.secret_required |= !host_is_loopback(config.list[i].host);
        }
    }
    config.secret = bytes_of_text(CONFIG_STRING(&server->config, RAFT_SECRET));
    if (config.secret_required && config.secret.size == 0) {
        buffer_append_format(error, "a cluster beyond this machine needs a raft-secret: set the "
                                    "same one on all nodes");
        return false;
    }
    int fds[LISTENERS_MAX];
    if (!open_peer_port(server, fds, &config.listener_count, error)) return false;
    config.listeners = fds;
    config.patience_ms = peer_patience_ms(&server->config);
    struct peers_handlers handlers = {
        .context = server,
        .packet = on_packet,
        .link = on_link,
        .founded = on_founded,
        .refused = on_refused,
        .log = on_log,
    };
    struct founding_wait wait = {.server = server, .error = error};
    server->founding_wait = &wait;
    server->peers = peers_create(&config, &handlers);
    bool done = founded || found_cluster(server, &wait);
    server->founding_wait = NULL;
    server->founded_now = wait.done;
    return done;
}

void cluster_start(struct server *server) {
    if (server->founded_now) peers_founded(server->peers);
}

void cluster_close(struct server *server) {
    peers_destroy(server->peers);
    server->peers = NULL;
}
