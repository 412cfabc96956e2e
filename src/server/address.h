/* address.h: which addresses are this node's: by the machine, by --announce, by who reaches it. */
#pragma once

#include "src/server/founding.h"
#include "src/server/joining.h"
#include "src/server/server_state.h"

/* These look names up and may take their time: at start-up only. */
bool address_is_own_host(const char *host);
/* A name that does not resolve yet may be anywhere. */
bool address_resolves_to_loopback(const char *host);

/* An address of this machine only, by its letters: names are not looked up. */
bool address_is_loopback(const char *host);

/* Whoever is at the other end of this connection is on this machine, too. */
bool address_is_near(int fd);

/* What --announce says; *given is false if it says nothing. False with one line in `error`. */
bool address_read_announced(const struct server *server, struct founding_address *announced,
                            bool *given, struct buffer *error) MUST_USE;
/* Where others find this node, which is to join through that member: by --announce, else the
 * address from which it reaches the member. At start-up only. */
bool address_towards(const struct server *server, const struct founding_address *member,
                     struct founding_address *own, struct buffer *error) MUST_USE;
/* The address that this node has, or should have, among members: by --announce, as it is written
 * in the configuration in force, or as `question` (NULL: none) has reached it. */
void address_of_self(const struct server *server, const struct joining_question *question,
                     struct founding_address *address);
