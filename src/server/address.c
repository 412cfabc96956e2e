/* address.c: see address.h. */
#include "src/server/address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

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
    if (address->sa_family != AF_INET6) return false;
    const struct in6_addr *in = &((const struct sockaddr_in6 *)address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(in) || (IN6_IS_ADDR_V4MAPPED(in) && in->s6_addr[12] == 127);
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

bool address_is_own_host(const char *host) {
    struct addrinfo *found = resolve_host(host);
    bool own = false;
    for (const struct addrinfo *at = found; at != NULL && !own; at = at->ai_next) {
        own = is_own_address(at->ai_addr);
    }
    if (found != NULL) freeaddrinfo(found);
    return own;
}

bool address_resolves_to_loopback(const char *host) {
    struct addrinfo *found = resolve_host(host);
    bool loopback = found != NULL;
    for (const struct addrinfo *at = found; at != NULL && loopback; at = at->ai_next) {
        loopback = is_loopback(at->ai_addr);
    }
    if (found != NULL) freeaddrinfo(found);
    return loopback;
}

bool address_read_announced(const struct server *server, struct founding_address *announced,
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

bool address_is_near(int fd) {
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    return getpeername(fd, (struct sockaddr *)&address, &size) == 0 &&
           is_loopback((const struct sockaddr *)&address);
}

bool address_is_loopback(const char *host) {
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, host, &four) == 1) return ntohl(four.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &six) == 1) return IN6_IS_ADDR_LOOPBACK(&six);
    return strcmp(host, "localhost") == 0;
}

bool address_towards(const struct server *server, const struct founding_address *member,
                     struct founding_address *own, struct buffer *error) {
    bool given;
    if (!address_read_announced(server, own, &given, error)) return false;
    if (given) return true;
    own->port = (uint16_t)CONFIG_NUMBER(&server->config, PORT);
    struct addrinfo *found = resolve_host(member->host);
    bool known = false;
    int fd = found == NULL ? -1 : socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    /* A datagram socket that is connected has looked up its route, and sent nothing. */
    if (fd >= 0) {
        struct sockaddr_storage to = {0};
        memcpy(&to, found->ai_addr, found->ai_addrlen);
        if (to.ss_family == AF_INET)
            ((struct sockaddr_in *)&to)->sin_port = htons(member->port);
        else
            ((struct sockaddr_in6 *)&to)->sin6_port = htons(member->port);
        known = connect(fd, (struct sockaddr *)&to, found->ai_addrlen) == 0 &&
                getsockname(fd, (struct sockaddr *)&address, &size) == 0 &&
                getnameinfo((struct sockaddr *)&address, size, own->host, sizeof(own->host), NULL,
                            0, NI_NUMERICHOST) == 0;
        close(fd);
    }
    if (found != NULL) freeaddrinfo(found);
    if (known) return true;
    buffer_append_format(error,
                         "can't tell under which address %s reaches this node: say so by "
                         "--announce host:port",
                         member->host);
    return false;
}

void address_of_self(const struct server *server, const struct joining_question *question,
                     struct founding_address *address) {
    struct buffer ignored = {0};
    bool given;
    bool sound = address_read_announced(server, address, &given, &ignored);
    buffer_clear(&ignored);
    if (sound && given) return;
    const struct member *member =
        members_find(replica_members(server->replica), server->identity.id);
    *address = (struct founding_address){.port = (uint16_t)CONFIG_NUMBER(&server->config, PORT)};
    snprintf(address->host, sizeof(address->host), "%s", member == NULL ? "" : member->host);
    /* A lone node never had to know how others reach it. */
    bool reached = question != NULL && address_is_loopback(address->host) &&
                   !address_is_loopback(question->via_host);
    if (!reached) return;
    memcpy(address->host, question->via_host, sizeof(address->host));
    address->port = question->via_port;
}
