/* role_log.h: a line in the log, with the reason, for each change of role and of leader. */
#pragma once

#include "src/server/server_state.h"

void role_log_tell(struct server *server);
