/* settings_commands.h: RAFT SET: the settings that are the same on every node, as log entries. */
#pragma once

#include "storages/command.h"
#include "storages/settings.h"

enum { COMMAND_ID_RAFT_SET = 671 };

extern const struct command_family settings_family;

/* The field with a directive's name ("hash-max-listpack-entries"); NULL if none has it. */
int64_t *settings_field(struct storages_settings *settings, struct bytes name);

/* Whether the log has said which value it has; of most the default counts until then. */
bool settings_is_told(const struct storages_settings *settings, struct bytes name);

/* Whether RAFT SET with these arguments would be carried out now; false after an error reply. */
bool settings_accept(const struct command_call *call, const struct bytes *args,
                     uint32_t count) MUST_USE;

/* Whether the log may leave it open: it came with version 3 of the peer protocol, and nodes that
 * speak an older one know nothing of it. */
bool settings_is_recent(struct bytes name);

/* Every setting, for files. NULL behind the last. */
const char *settings_name(uint32_t index);
int64_t settings_value(const struct storages_settings *settings, uint32_t index);
/* False if it may not have this value. */
bool settings_put(struct storages_settings *settings, uint32_t index, int64_t value) MUST_USE;
