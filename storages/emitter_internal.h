/* emitter_internal.h: the emitter's life, for life.c alone. */
#pragma once

#include "storages/emitter.h"

extern const struct command_family emitter_family;

struct emitter *emitter_create(struct storages *storages, uint64_t hash_seed);
void emitter_destroy(struct emitter *emitter);
/* Everything, in array order. */
uint64_t emitter_digest(const struct emitter *emitter);
void emitter_check(const struct emitter *emitter);

/* All subscriptions with all their orders as bytes, for files: a zeroed walk begins, each call
 * appends about bytes_max bytes more. False when there was nothing left to append. */
struct emitter_walk {
    unsigned phase;
    uint32_t at, next;
};
bool emitter_save(const struct emitter *emitter, struct emitter_walk *walk, struct buffer *out,
                  size_t bytes_max);
/* Takes the pieces in their order into an emitter without subscriptions; then the end. False for
 * bytes that emitter_save() did not write: the emitter is good for emitter_destroy() only. */
bool emitter_load(struct emitter *emitter, struct bytes piece) MUST_USE;
bool emitter_load_end(const struct emitter *emitter) MUST_USE;
