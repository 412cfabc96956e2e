/* cluster.c: see cluster.h. */
#include "src/server/cluster.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "src/server/address.h"
#include "src/server/admission.h"
#include "src/server/config_text.h"
#include "src/server/control.h"
#include "src/server/peers.h"
#include "src/server/watchdog.h"

enum { PATIENCE_ELECTIONS = 10, PATIENCE_MIN_MS = 6000 };

/* The time of founding: server_open() waits in cluster_open() for its end. */
struct founding_wait {
    struct server *server;
    struct buffer *error;
    bool done, failed;
};

/* By --announce, else by the own port and an own address. */
static bool find_self(const struct server *server, const struct founding_address *list,
                      uint32_t count, uint32_t *self, struct buffer *error) {
    struct founding_address announced;
    bool given;
    uint32_t found = 0;
    if (!address_read_announced(server, &announced, &given, error)) return false;
    for (uint32_t i = 0; i < count; i++) {
        bool match =
            given ? announced.port == list[i].port && strcmp(announced.host, list[i].host) == 0
                  : list[i].port == CONFIG_NUMBER(&server->config, PORT) &&
                        address_is_own_host(list[i].host);
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
 * vote under one identity. A lone node's address is of no concern until it has company. */
static bool is_in_its_place(const struct server *server, struct buffer *error) {
    const struct identity *identity = &server->identity;
    const struct identity_member *member = identity_member(identity, identity->id);
    struct founding_address announced;
    bool given;
    if (member == NULL || identity_known(identity).count == 1) return true;
    if (!address_read_announced(server, &announced, &given, error)) return false;
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

static bool has_secret(const struct server *server) {
    return CONFIG_STRING(&server->config, RAFT_SECRET)[0] != '\0';
}

bool cluster_is_joining(const struct server *server) {
    return !identity_is_founded(&server->identity) &&
           CONFIG_STRING(&server->config, JOIN)[0] != '\0';
}

bool cluster_is_wanted(const struct server *server) {
    if (identity_is_founded(&server->identity))
        return identity_known(&server->identity).count > 1 || has_secret(server);
    return cluster_is_joining(server) ||
           strchr(CONFIG_STRING(&server->config, CLUSTER), ',') != NULL;
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
    if (server->replica == NULL) return;
    struct peer_status status;
    if (up && peers_status(server->peers, peer, &status))
        replica_peer_speaks(server->replica, peer, status.protocol);
    replica_peer_link(server->replica, peer, up, server_moment(server));
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

static void on_join_asked(void *context, const struct joining_question *question,
                          struct joining_answer *answer) {
    admission_answer(context, question, answer);
}

static bool on_is_in_touch(void *context, uint32_t id) {
    const struct server *server = context;
    if (server->replica == NULL || replica_raft(server->replica) == NULL) return false;
    uint32_t leader = raft_leader(replica_raft(server->replica));
    return leader != 0 && leader != id;
}

static void on_outside(void *context, uint64_t members_index) {
    struct server *server = context;
    if (server->replica != NULL) replica_note_removed(server->replica, members_index);
}

/* --- founding ----------------------------------------------------------------------------------
 */

/* Clients are served meanwhile what needs no cluster. True if it exists, or the process stops. */
static bool found_cluster(struct server *server, struct founding_wait *wait) {
    server_let_parent_go(server);
    if (cluster_is_joining(server))
        log_line(&server->log, LOG_LEVEL_NOTICE, "Joining the cluster: asking %s to be let in",
                 CONFIG_STRING(&server->config, JOIN));
    else
        log_line(&server->log, LOG_LEVEL_NOTICE, "Founding the cluster: waiting for all of %s",
                 CONFIG_STRING(&server->config, CLUSTER));
    bool joins = cluster_is_joining(server);
    while (!wait->done && !wait->failed && !server->stopping)
        ev_run(server->loop, 0);
    if (!wait->done) return !wait->failed;
    char id[2 * IDENTITY_ID_SIZE + 1];
    identity_print_id(server->identity.cluster, IDENTITY_ID_SIZE, id);
    log_line(&server->log, LOG_LEVEL_NOTICE, "%s: cluster %s, this is node %u of %u",
             joins ? "Joined" : "Founded", id, server->identity.id,
             identity_known(&server->identity).count);
    return true;
}

static void log_other_list(struct server *server, const struct founding_address *list,
                           uint32_t count) {
    struct identity_list known = identity_known(&server->identity);
    bool same = count == known.count;
    for (uint32_t i = 0; same && i < count; i++) {
        bool found = false;
        for (uint32_t k = 0; k < known.count; k++)
            found |=
                list[i].port == known.at[k].port && strcmp(list[i].host, known.at[k].host) == 0;
        same = found;
    }
    if (same) return;
    log_line(
        &server->log, LOG_LEVEL_WARNING,
        "Without effect: --cluster differs from the members in the data directory, which count "
        "since the founding");
}

bool cluster_check_alone(const struct server *server, struct buffer *error) {
    bool founded = identity_is_founded(&server->identity);
    bool founded_alone = founded && identity_known(&server->identity).count == 1;
    bool several = strchr(CONFIG_STRING(&server->config, CLUSTER), ',') != NULL;
    bool joins = CONFIG_STRING(&server->config, JOIN)[0] != '\0';
    if (joins && founded)
        log_line(&server->log, LOG_LEVEL_NOTICE,
                 "Without effect: --join (this data directory belongs to node %u of a cluster)",
                 server->identity.id);
    if (joins && several && !founded) {
        buffer_append_format(error, "--cluster founds a cluster, --join enters one that runs: give "
                                    "one of them");
        return false;
    }
    if (!founded_alone || !several) return true;
    buffer_append_format(error,
                         "%s belongs to a node that is a cluster of one: start it without "
                         "--cluster and let others --join it, or choose another --dir",
                         server->directory);
    return false;
}

/* --- joining -----------------------------------------------------------------------------------
 */

static bool make_question(const struct server *server, struct joining_question *question,
                          struct buffer *error) {
    const char *text = CONFIG_STRING(&server->config, JOIN);
    struct founding_address list[RAFT_NODES_MAX], own = {0};
    uint32_t count = 0;
    if (founding_parse_list(bytes_of_text(text), list, &count) != ERROR_NONE || count != 1) {
        buffer_append_format(error, "--join '%s' is not one host:port of a member", text);
        return false;
    }
    if (!address_towards(server, &list[0], &own, error)) return false;
    *question = (struct joining_question){.via_port = list[0].port, .self = {.port = own.port}};
    memcpy(question->via_host, list[0].host, sizeof(question->via_host));
    memcpy(question->self.host, own.host, sizeof(question->self.host));
    memcpy(question->self.uuid, server->identity.node, IDENTITY_ID_SIZE);
    return true;
}

/* Nothing that takes so many election time-outs is worth waiting for, but for a node that is busy:
 * it takes nothing from its sockets for up to 5 s (SAFETY 16). */
uint32_t cluster_patience_ms(uint64_t election_ms) {
    uint64_t patience_ms = election_ms * PATIENCE_ELECTIONS;
    return patience_ms < PATIENCE_MIN_MS ? PATIENCE_MIN_MS : (uint32_t)patience_ms;
}

/* As far as is known before the log is read. */
static uint32_t peer_patience_ms(const struct server *server) {
    return cluster_patience_ms((uint64_t)CONFIG_NUMBER(&server->config, RAFT_ELECTION_TIMEOUT));
}

static const struct peers_handlers *handlers_of(struct server *server,
                                                struct peers_handlers *handlers) {
    *handlers = (struct peers_handlers){
        .context = server,
        .packet = on_packet,
        .link = on_link,
        .founded = on_founded,
        .join_asked = on_join_asked,
        .is_in_touch = on_is_in_touch,
        .outside = on_outside,
        .refused = on_refused,
        .log = on_log,
    };
    return handlers;
}

static void configure_links(struct server *server, struct peers_config *config) {
    config->patience_ms = peer_patience_ms(server);
    config->protocol = (uint32_t)CONFIG_NUMBER(&server->config, RAFT_PEER_PROTOCOL);
    config->watchdog = server->watchdog =
        watchdog_create((uint64_t)CONFIG_NUMBER(&server->config, RAFT_HEARTBEAT_INTERVAL) * 1000);
}

bool cluster_open_port(struct server *server, struct buffer *error) {
    if (server->peers != NULL) return true;
    struct peers_config config = {.loop = server->loop, .identity = &server->identity};
    if (CONFIG_NUMBER(&server->config, PORT) > IDENTITY_PORT_MAX) {
        buffer_append_format(error, "peers talk on port + 10000: start this node with a port of 1 "
                                    "to 55535");
        return false;
    }
    config.secret = bytes_of_text(CONFIG_STRING(&server->config, RAFT_SECRET));
    int fds[LISTENERS_MAX];
    if (!open_peer_port(server, fds, &config.listener_count, error)) return false;
    config.listeners = fds;
    configure_links(server, &config);
    struct peers_handlers handlers;
    server->peers = peers_create(&config, handlers_of(server, &handlers));
    log_line(&server->log, LOG_LEVEL_NOTICE, "The peer port is open: %lld",
             (long long)CONFIG_NUMBER(&server->config, PORT) + PEER_PORT_OFFSET);
    return true;
}

/* What --cluster, --join and the directory say, as peers need it. False if that can't be. */
static bool describe(struct server *server, struct peers_config *config,
                     struct joining_question *question, struct buffer *error) {
    bool joins = cluster_is_joining(server);
    bool has_list = CONFIG_STRING(&server->config, CLUSTER)[0] != '\0' && !joins;
    *config = (struct peers_config){.loop = server->loop, .identity = &server->identity};
    if (has_list && !parse_list(server, config->list, &config->list_count, error)) return false;
    if (identity_is_founded(&server->identity)) {
        if (!is_in_its_place(server, error)) return false;
        if (has_list) log_other_list(server, config->list, config->list_count);
        struct identity_list known = identity_known(&server->identity);
        for (uint32_t i = 0; i < known.count; i++)
            config->secret_required |= !address_resolves_to_loopback(known.at[i].host);
    } else if (joins) {
        if (!make_question(server, question, error)) return false;
        config->question = question;
        config->secret_required = !address_resolves_to_loopback(question->via_host) ||
                                  !address_resolves_to_loopback(question->self.host);
    } else {
        if (!find_self(server, config->list, config->list_count, &config->list_self, error))
            return false;
        for (uint32_t i = 0; i < config->list_count; i++)
            config->secret_required |= !address_resolves_to_loopback(config->list[i].host);
    }
    config->secret = bytes_of_text(CONFIG_STRING(&server->config, RAFT_SECRET));
    if (!config->secret_required || config->secret.size > 0) return true;
    buffer_append_format(error, "a cluster beyond this machine needs a raft-secret: set the same "
                                "one on all nodes");
    return false;
}

bool cluster_check(struct server *server, struct buffer *error) {
    struct peers_config config;
    struct joining_question question;
    if (!cluster_check_alone(server, error)) return false;
    return !cluster_is_wanted(server) || describe(server, &config, &question, error);
}

bool cluster_open(struct server *server, struct buffer *error) {
    struct peers_config config;
    struct joining_question question;
    if (!describe(server, &config, &question, error)) return false;
    bool founded = identity_is_founded(&server->identity);
    int fds[LISTENERS_MAX];
    if (!open_peer_port(server, fds, &config.listener_count, error)) return false;
    config.listeners = fds;
    configure_links(server, &config);
    struct peers_handlers handlers;
    struct founding_wait wait = {.server = server, .error = error};
    server->founding_wait = &wait;
    server->peers = peers_create(&config, handlers_of(server, &handlers));
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
    watchdog_destroy(server->watchdog);
    server->watchdog = NULL;
}
