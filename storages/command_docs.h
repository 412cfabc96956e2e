/* command_docs.h: COMMAND and its subcommands: what the registry tells about itself. */
#pragma once

#include "storages/command.h"

extern const struct command_family command_family;
