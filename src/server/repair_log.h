/* repair_log.h: lines in the log about what this node's disk has lost, and that it is there again.
 */
#pragma once

#include "src/server/server_state.h"

void repair_log_tell(struct server *server);
