/* record.h: the string values: how the rest of storages/ reads them. */
#pragma once

#include "storages/keyspace.h"

/* The value as bytes: a compact integer is printed into `scratch`. */
enum { RECORD_SCRATCH_SIZE = 32 };
struct bytes record_bytes(const struct item *item, char scratch[RECORD_SCRATCH_SIZE]);

extern const struct command_family record_family;
