/* admission.h: what a member answers to nodes that ask to join (--join).
 *
 * It has the leader bind an id to the node's uuid (src/replica/changes.c), and gives the node its
 * place once the configuration with it is committed. A lone node, which never had to know how
 * others reach it, sees to its own address first. */
#pragma once

#include "src/server/joining.h"
#include "src/server/server_state.h"

struct admission *admission_create(void);
void admission_destroy(struct admission *admission); /* NULL is allowed. */
void admission_answer(struct server *server, const struct joining_question *question,
                      struct joining_answer *answer);
