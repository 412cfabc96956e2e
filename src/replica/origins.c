/* origins.c: few origins are open at a time (one per node), so a short array serves. */
#include "src/replica/origins.h"

#include "base/hash.h"
#include "base/memory.h"
#include "raft/message.h"

void origins_clear(struct origins *origins) {
    memory_release(origins->at);
    *origins = (struct origins){0};
}

static void origins_reserve(struct origins *origins, uint32_t count) {
    if (count <= origins->capacity) return;
    origins->capacity = count * 2;
    origins->at = memory_resize(origins->at, origins->capacity * sizeof(struct origin));
}

void origins_copy(struct origins *to, const struct origins *from) {
    origins_reserve(to, from->count);
    to->count = from->count;
    if (from->count > 0) memcpy(to->at, from->at, from->count * sizeof(struct origin));
}

struct origin *origins_find(const struct origins *origins, uint64_t id) {
    for (uint32_t i = 0; i < origins->count; i++) {
        if (origins->at[i].id == id) return &origins->at[i];
    }
    return NULL;
}

static bool same_node(const struct origin *origin, const uint64_t uuid[2]) {
    return origin->uuid[0] == uuid[0] && origin->uuid[1] == uuid[1];
}

struct origin *origins_find_boot(const struct origins *origins, const uint64_t uuid[2],
                                 uint64_t nonce) {
    for (uint32_t i = 0; i < origins->count; i++) {
        struct origin *origin = &origins->at[i];
        if (same_node(origin, uuid) && origin->nonce == nonce) return origin;
    }
    return NULL;
}

bool origins_open(struct origins *origins, struct origin origin,
                  void (*closed)(void *context, uint64_t id), void *context) {
    if (origins_find_boot(origins, origin.uuid, origin.nonce) != NULL) return false;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < origins->count; i++) {
        if (same_node(&origins->at[i], origin.uuid)) {
            if (closed != NULL) closed(context, origins->at[i].id);
        } else {
            origins->at[kept++] = origins->at[i];
        }
    }
    origins->count = kept;
    origins_reserve(origins, kept + 1);
    origin.last = 0;
    origins->at[origins->count++] = origin;
    return true;
}

bool origin_is_of_a_member(const struct origin *origin, const struct members *members) {
    static const char unknown[MEMBER_UUID_SIZE];
    _Static_assert(sizeof(origin->uuid) == MEMBER_UUID_SIZE, "one uuid");
    const struct member *member = members_find(members, origin->node);
    if (member == NULL) return false;
    return memcmp(member->uuid, unknown, sizeof(unknown)) == 0 ||
           memcmp(member->uuid, origin->uuid, sizeof(origin->uuid)) == 0;
}

void origins_close_former(struct origins *origins, const struct members *members,
                          void (*closed)(void *context, uint64_t id), void *context) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < origins->count; i++) {
        struct origin origin = origins->at[i];
        if (origin_is_of_a_member(&origin, members))
            origins->at[kept++] = origin;
        else if (closed != NULL)
            closed(context, origin.id);
    }
    origins->count = kept;
}

bool origins_restore(struct origins *origins, const struct origin *origin) {
    if (origins->count > 0 && origins->at[origins->count - 1].id >= origin->id) return false;
    for (uint32_t i = 0; i < origins->count; i++) {
        if (same_node(&origins->at[i], origin->uuid)) return false;
    }
    origins_reserve(origins, origins->count + 1);
    origins->at[origins->count++] = *origin;
    return true;
}

uint64_t origins_digest(const struct origins *origins, uint64_t chain) {
    for (uint32_t i = 0; i < origins->count; i++) {
        const struct origin *origin = &origins->at[i];
        chain = hash_chain(chain, origin->id);
        chain = hash_chain(chain, origin->uuid[0]);
        chain = hash_chain(chain, origin->uuid[1]);
        chain = hash_chain(chain, origin->nonce);
        chain = hash_chain(chain, origin->last);
        chain = hash_chain(chain, origin->node);
    }
    return chain;
}

void origin_body_write(char *at, const struct origin *origin) {
    store_u64(at, origin->uuid[0]);
    store_u64(at + 8, origin->uuid[1]);
    store_u64(at + 16, origin->nonce);
    store_u32(at + 24, origin->node);
}

bool origin_body_read(struct bytes body, struct origin *origin) {
    if (body.size != ORIGIN_BODY_SIZE) return false;
    *origin = (struct origin){
        .uuid = {load_u64(body.data), load_u64(body.data + 8)},
        .nonce = load_u64(body.data + 16),
        .node = load_u32(body.data + 24),
    };
    return origin->node >= 1 && origin->node <= RAFT_NODES_MAX;
}
