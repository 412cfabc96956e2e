/* handshake.h: what nodes say to each other before either believes the other, and the other small
 * frames that are in no module of their own. peers.h has links and who may talk; this has bytes.
 *
 *   HELLO    magic 8, version 4, float model 4, purpose 4, id 4, cluster 16, node 16, nonce 16, and
 *            32 more. The dialler names the oldest version it speaks, and the newest in the first 4
 *            of the last 32 bytes, which version 2 left zero and did not read. The acceptor names
 *            the one that is spoken from now on; its last 32 bytes are its proof.
 *   PROOF    HMAC-SHA-256 (RFC 2104), keyed with raft-secret, of the role, the dialler's nonce, the
 *            acceptor's, the purpose (1 byte) and the cluster; zeros where no secret is set
 *   REFUSAL  a text; it may be the removal notice, which ends with a configuration's index
 *   ADDRESS  port 2, host
 *
 * Numbers little-endian. Pure; the caller's buffers, and nothing is kept. What is decoded comes
 * from anybody who reaches the peer port: each decoder says ERROR_MALFORMED, and takes nothing
 * then. */
#pragma once

#include "src/server/identity.h"

enum {
    HANDSHAKE_NONCE_SIZE = 16,
    HANDSHAKE_PROOF_SIZE = 32,
    HANDSHAKE_HELLO_SIZE =
        8 + 4 * 4 + 2 * IDENTITY_ID_SIZE + HANDSHAKE_NONCE_SIZE + HANDSHAKE_PROOF_SIZE
};

/* The two ends of a link: who dialled, and who was called. */
enum handshake_side { HANDSHAKE_DIALLER, HANDSHAKE_ACCEPTOR };

struct hello {
    uint32_t version, float_model, purpose, id;
    uint32_t newest; /* the dialler's only; at least `version` */
    char cluster[IDENTITY_ID_SIZE], node[IDENTITY_ID_SIZE], nonce[HANDSHAKE_NONCE_SIZE];
    char proof[HANDSHAKE_PROOF_SIZE]; /* the acceptor's only */
};

/* `side`: who says it. */
void handshake_put_hello(const struct hello *hello, enum handshake_side side, struct buffer *out);
enum error handshake_take_hello(struct bytes body, struct hello *hello) MUST_USE;
/* The version that is spoken from now on, by what the other `side` has said: the newest that it and
 * this node, which knows PEER_PROTOCOL_OLDEST to `newest`, both know. 0: there is none. */
uint32_t handshake_version(const struct hello *hello, enum handshake_side side, uint32_t newest);

/* What a proof is of; both ends have to see the same. */
struct handshake_terms {
    struct bytes secret; /* empty: none is set */
    const char *dialler_nonce, *acceptor_nonce;
    uint8_t purpose;
    const char *cluster; /* IDENTITY_ID_SIZE bytes; NULL: none in common, counts as zeros */
};
void handshake_make_proof(const struct handshake_terms *terms, enum handshake_side side,
                          char proof[static HANDSHAKE_PROOF_SIZE]);
/* Whether this is the other side's; its time does not depend on where it differs. */
bool handshake_proof_holds(const struct handshake_terms *terms, enum handshake_side side,
                           struct bytes proof);

void handshake_put_address(const char *host, uint16_t port, struct buffer *out);
enum error handshake_take_address(struct bytes body, char host[static IDENTITY_HOST_SIZE],
                                  uint16_t *port) MUST_USE;

/* A refusal: this node is no member of the configuration at `index` any more. */
void handshake_put_removal(uint64_t index, struct buffer *out);
enum error handshake_take_removal(struct bytes text, uint64_t *index) MUST_USE;
/* A refusal as a line of the log may have it: bounded, and no control characters. */
void handshake_put_refusal(struct bytes text, struct buffer *out);
