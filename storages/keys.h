/* keys.h: the commands on keys of any type: DEL, EXPIRE, SCAN, RENAME, OBJECT and the like. */
#pragma once

#include "storages/command.h"

extern const struct command_family key_family;
