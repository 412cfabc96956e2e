/* verifier.h: the full digest of RAFT VERIFY, computed by a forked child (child.h), so that the
 * loop is held up by no more than the fork. */
#pragma once

#include "src/server/server_state.h"

struct verifier *verifier_create(struct server *server);
void verifier_destroy(struct verifier *verifier); /* NULL is allowed. */
/* At the end of a turn: begins what is due. */
void verifier_tend(struct verifier *verifier);
