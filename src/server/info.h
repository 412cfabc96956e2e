/* info.h: INFO's sections and fields, one row each. */
#pragma once

#include "src/server/server_state.h"

/* The sections named in `names` ("server", "all", "default", "everything", …); without names the
 * default ones. */
void info_print(struct server *server, const struct bytes *names, uint32_t count,
                struct buffer *out);
