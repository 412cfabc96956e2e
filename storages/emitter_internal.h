/* emitter_internal.h: the emitter's life, for life.c alone. */
#pragma once

#include "storages/emitter.h"

extern const struct command_family emitter_family;

struct emitter *emitter_create(struct storages *storages, uint64_t hash_seed);
void emitter_destroy(struct emitter *emitter);
/* Everything, in array order. */
uint64_t emitter_digest(const struct emitter *emitter);
void emitter_check(const struct emitter *emitter);
