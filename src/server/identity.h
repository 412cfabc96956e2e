/* identity.h: who this data directory is: the file `node`, written before its first use (SAFETY
 * 12).
 *
 * The founding's record, whose hash the log begins with, stands in it for ever. Who belongs to the
 * cluster now is the log's word; the members last seen there stand beside it, so that a start knows
 * whom to talk to before the log is read.
 *
 * Text with a version and a checksum, replaced as a whole. Decoding validates everything: the file
 * is foreign bytes. Ownership: identity is a plain struct without memory of its own. */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "raft/raft.h"

enum {
    IDENTITY_HOST_SIZE = 256,
    IDENTITY_ID_SIZE = 16,
    PEER_PORT_OFFSET = 10000, /* a member's clients reach it at its port, its peers so far above */
    IDENTITY_PORT_MAX = UINT16_MAX - PEER_PORT_OFFSET,
};

enum identity_phase {
    IDENTITY_EMPTY = 1, /* has a uuid, belongs to no cluster yet */
    IDENTITY_PREPARED,  /* will be a member of this cluster or of none (founding.h) */
    IDENTITY_FOUNDED,   /* members and cluster are final; vote and log may be made */
    IDENTITY_VOTING,    /* they were: without them the node has forgotten what it promised */
};

struct identity_member {
    uint32_t id;
    uint16_t port;
    char host[IDENTITY_HOST_SIZE];
    char uuid[IDENTITY_ID_SIZE];
};

struct identity {
    enum identity_phase phase;
    char node[IDENTITY_ID_SIZE];                    /* this directory's uuid */
    char cluster[IDENTITY_ID_SIZE];                 /* zero while empty */
    uint32_t id;                                    /* this node's; 0 while empty */
    struct identity_member members[RAFT_NODES_MAX]; /* the founders: ids from 1 on */
    uint32_t member_count;
    /* The digest of the data that the cluster began with (import.h); 0: it began empty. EMPTY: of
     * what this directory brings. */
    uint64_t initial;
    uint64_t joined_index, joined_term;           /* see raft_config; 0: a founder */
    struct identity_member known[RAFT_NODES_MAX]; /* the members last seen, by ascending id */
    uint32_t known_count;                         /* 0: the founders */
};

/* The members as far as this directory knows. */
struct identity_list {
    const struct identity_member *at;
    uint32_t count;
};
struct identity_list identity_known(const struct identity *identity);
/* True if this changes what is known. */
bool identity_note_members(struct identity *identity, const struct members *members);
/* The configuration before the log's own: the founders, all of them voters. */
void identity_founders(const struct identity *identity, struct members *members);

/* It belongs to its cluster for good. */
static inline bool identity_is_founded(const struct identity *identity) {
    return identity->phase >= IDENTITY_FOUNDED;
}

void identity_encode(const struct identity *identity, struct buffer *out);
/* ERROR_VERSION, ERROR_CHECKSUM or ERROR_MALFORMED; then *identity is undefined. */
enum error identity_decode(struct bytes text, struct identity *identity) MUST_USE;

/* One word of printable text, as the file and the log can hold it. */
bool identity_host_is_sound(struct bytes host);

/* The known member with this id; NULL if there is none. */
const struct identity_member *identity_member(const struct identity *identity, uint32_t id);

/* The entry hash before index 1: of the founding record, equal on all members. */
uint64_t identity_base_hash(const struct identity *identity);

/* The file `node` of the current directory. ERROR_NOT_FOUND if there is none. */
enum error identity_load(struct identity *identity) MUST_USE;
/* Durable when it returns ERROR_NONE. */
enum error identity_store(const struct identity *identity) MUST_USE;

/* 32 or 40 hexadecimal digits and so on: `size` bytes as text, with a terminating zero. */
void identity_print_id(const char *id, size_t size, char *text);

/* Bytes from the system's generator; the only place that asks it. */
void entropy_fill(void *bytes, size_t size);
