/* handshake.c: see handshake.h. */
#include "src/server/handshake.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include "base/number.h"
#include "src/server/frame.h"

enum { REFUSAL_MAX = 200 };
static const char magic[8] = {'H', 'A', 'M', 'O', 'K', 'P', 'R', '\n'};
static const char removed[] = "is no member of this cluster any more: configuration ";

/* --- HELLO ----------------------------------------------------------------------------------- */

void handshake_put_hello(const struct hello *hello, enum handshake_side side, struct buffer *out) {
    static const char zeros[HANDSHAKE_PROOF_SIZE - 4];
    buffer_append(out, magic, sizeof(magic));
    buffer_append_u32(out, hello->version);
    buffer_append_u32(out, hello->float_model);
    buffer_append_u32(out, hello->purpose);
    buffer_append_u32(out, hello->id);
    buffer_append(out, hello->cluster, sizeof(hello->cluster));
    buffer_append(out, hello->node, sizeof(hello->node));
    buffer_append(out, hello->nonce, sizeof(hello->nonce));
    if (side == HANDSHAKE_ACCEPTOR) {
        buffer_append(out, hello->proof, sizeof(hello->proof));
        return;
    }
    buffer_append_u32(out, hello->newest);
    buffer_append(out, zeros, sizeof(zeros));
}

static const char *take(const char *from, char *into, size_t size) {
    memcpy(into, from, size);
    return from + size;
}

enum error handshake_take_hello(struct bytes body, struct hello *hello) {
    if (body.size != HANDSHAKE_HELLO_SIZE) return ERROR_MALFORMED;
    if (memcmp(body.data, magic, sizeof(magic)) != 0) return ERROR_MALFORMED;
    const char *at = body.data + sizeof(magic);
    hello->version = load_u32(at);
    hello->float_model = load_u32(at + 4);
    hello->purpose = load_u32(at + 8);
    hello->id = load_u32(at + 12);
    at = take(at + 16, hello->cluster, sizeof(hello->cluster));
    at = take(at, hello->node, sizeof(hello->node));
    at = take(at, hello->nonce, sizeof(hello->nonce));
    take(at, hello->proof, sizeof(hello->proof));
    hello->newest = load_u32(at);
    if (hello->newest < hello->version) hello->newest = hello->version; /* version 2 */
    return ERROR_NONE;
}

uint32_t handshake_version(const struct hello *hello, enum handshake_side side, uint32_t newest) {
    if (side == HANDSHAKE_ACCEPTOR) {
        bool is_known = hello->version >= PEER_PROTOCOL_OLDEST && hello->version <= newest;
        return is_known ? hello->version : 0;
    }
    if (hello->newest < newest) newest = hello->newest;
    return newest >= PEER_PROTOCOL_OLDEST && newest >= hello->version ? newest : 0;
}

/* --- PROOF ----------------------------------------------------------------------------------- */

void handshake_make_proof(const struct handshake_terms *terms, enum handshake_side side,
                          char proof[static HANDSHAKE_PROOF_SIZE]) {
    static const char no_cluster[IDENTITY_ID_SIZE];
    memset(proof, 0, HANDSHAKE_PROOF_SIZE);
    if (terms->secret.size == 0) return;
    struct buffer text = {0};
    buffer_append_bytes(&text, bytes_of_text(side == HANDSHAKE_DIALLER ? "dialler" : "acceptor"));
    buffer_append(&text, terms->dialler_nonce, HANDSHAKE_NONCE_SIZE);
    buffer_append(&text, terms->acceptor_nonce, HANDSHAKE_NONCE_SIZE);
    buffer_append_byte(&text, (char)terms->purpose);
    buffer_append(&text, terms->cluster == NULL ? no_cluster : terms->cluster, IDENTITY_ID_SIZE);
    unsigned size = HANDSHAKE_PROOF_SIZE;
    unsigned char *made =
        HMAC(EVP_sha256(), terms->secret.data, (int)terms->secret.size,
             (const unsigned char *)text.data, text.size, (unsigned char *)proof, &size);
    CHECK(made != NULL && size == HANDSHAKE_PROOF_SIZE);
    buffer_clear(&text);
}

bool handshake_proof_holds(const struct handshake_terms *terms, enum handshake_side side,
                           struct bytes proof) {
    char expected[HANDSHAKE_PROOF_SIZE];
    if (proof.size != sizeof(expected)) return false;
    handshake_make_proof(terms, side, expected);
    return CRYPTO_memcmp(expected, proof.data, sizeof(expected)) == 0;
}

/* --- ADDRESS --------------------------------------------------------------------------------- */

void handshake_put_address(const char *host, uint16_t port, struct buffer *out) {
    char bytes[2];
    store_u16(bytes, port);
    buffer_append(out, bytes, sizeof(bytes));
    buffer_append_bytes(out, bytes_of_text(host));
}

enum error handshake_take_address(struct bytes body, char host[static IDENTITY_HOST_SIZE],
                                  uint16_t *port) {
    if (body.size < 2) return ERROR_MALFORMED;
    struct bytes name = bytes_slice(body, 2, SIZE_MAX);
    uint16_t number = load_u16(body.data);
    bool is_sound = number > 0 && number <= IDENTITY_PORT_MAX && name.size < IDENTITY_HOST_SIZE &&
                    identity_host_is_sound(name);
    if (!is_sound) return ERROR_MALFORMED;
    memset(host, 0, IDENTITY_HOST_SIZE);
    memcpy(host, name.data, name.size);
    *port = number;
    return ERROR_NONE;
}

/* --- REFUSAL --------------------------------------------------------------------------------- */

void handshake_put_removal(uint64_t index, struct buffer *out) {
    buffer_append_format(out, "%s%llu", removed, (unsigned long long)index);
}

enum error handshake_take_removal(struct bytes text, uint64_t *index) {
    struct bytes head = bytes_of_text(removed);
    bool fits = text.size > head.size && bytes_equal(bytes_slice(text, 0, head.size), head) &&
                number_parse_u64(bytes_slice(text, head.size, SIZE_MAX), index);
    return fits ? ERROR_NONE : ERROR_MALFORMED;
}

void handshake_put_refusal(struct bytes text, struct buffer *out) {
    for (size_t i = 0; i < text.size && i < REFUSAL_MAX; i++) {
        bool is_control = (unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f;
        buffer_append_byte(out, is_control ? '?' : text.data[i]);
    }
}
