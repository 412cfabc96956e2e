/* Bytes from whoever reaches the peer port, before it has proved anything: frames, and what is in
 * those of the handshake. */
#include "src/server/frame.h"
#include "src/server/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BODY_MAX = 8192 };

static void look_at_hello(struct bytes body) {
    struct hello hello, again;
    if (handshake_take_hello(body, &hello) != ERROR_NONE) return;
    struct buffer out = {0};
    handshake_put_hello(&hello, HANDSHAKE_ACCEPTOR, &out);
    CHECK(bytes_equal(buffer_bytes(&out), body));
    out.size = 0;
    handshake_put_hello(&hello, HANDSHAKE_DIALLER, &out);
    CHECK(handshake_take_hello(buffer_bytes(&out), &again) == ERROR_NONE);
    CHECK(again.newest == hello.newest && again.newest >= again.version);
    buffer_clear(&out);
    uint32_t version = handshake_version(&hello, HANDSHAKE_DIALLER, PEER_PROTOCOL_NEWEST);
    CHECK(version == 0 ||
          (version >= hello.version && version <= hello.newest && version <= PEER_PROTOCOL_NEWEST));
    version = handshake_version(&hello, HANDSHAKE_ACCEPTOR, PEER_PROTOCOL_NEWEST);
    CHECK(version == 0 || version == hello.version);
    struct handshake_terms terms = {.secret = BYTES("secret"),
                                    .dialler_nonce = hello.nonce,
                                    .acceptor_nonce = hello.node,
                                    .purpose = (uint8_t)hello.purpose,
                                    .cluster = hello.cluster};
    struct bytes proof = bytes_of(hello.proof, sizeof(hello.proof));
    bool is_both = handshake_proof_holds(&terms, HANDSHAKE_DIALLER, proof) &&
                   handshake_proof_holds(&terms, HANDSHAKE_ACCEPTOR, proof);
    CHECK(!is_both);
}

static void look_at_address(struct bytes body) {
    char host[IDENTITY_HOST_SIZE];
    uint16_t port;
    if (handshake_take_address(body, host, &port) != ERROR_NONE) return;
    struct buffer out = {0};
    handshake_put_address(host, port, &out);
    CHECK(bytes_equal(buffer_bytes(&out), body));
    buffer_clear(&out);
}

static void look_at_refusal(struct bytes text) {
    struct buffer out = {0};
    uint64_t index;
    if (handshake_take_removal(text, &index) == ERROR_NONE) {
        handshake_put_removal(index, &out);
        CHECK(bytes_equal(buffer_bytes(&out), text));
        out.size = 0;
    }
    handshake_put_refusal(text, &out);
    for (size_t i = 0; i < out.size; i++)
        CHECK((unsigned char)out.data[i] >= ' ' && out.data[i] != 0x7f);
    buffer_clear(&out);
}

static void look_at(struct bytes body) {
    look_at_hello(body);
    look_at_address(body);
    look_at_refusal(body);
}

static void put_frame(const struct frame *frame, struct buffer *out) {
    frame_begin(out);
    buffer_append_bytes(out, frame->head);
    frame_end(out, (enum frame_kind)frame->kind, frame->body.size - frame->head.size);
    buffer_append_bytes(out, bytes_slice(frame->body, frame->head.size, SIZE_MAX));
}

static void look_at_frames(struct bytes rest) {
    struct frame frame;
    enum frame_status status;
    while ((status = frame_read(rest, BODY_MAX, &frame)) == FRAME_WHOLE) {
        struct buffer again = {0};
        put_frame(&frame, &again);
        CHECK(bytes_equal(buffer_bytes(&again), bytes_slice(rest, 0, frame.size)));
        buffer_clear(&again);
        look_at(frame.head);
        rest = bytes_slice(rest, frame.size, SIZE_MAX);
    }
    if (status == FRAME_PARTIAL)
        CHECK(frame.size > rest.size && frame.size <= FRAME_HEADER_SIZE + BODY_MAX);
}

/* The input as head and spans of a frame of ours. */
static void carry(struct bytes bytes) {
    size_t head_size = bytes.size == 0 ? 0 : (unsigned char)bytes.data[0] % bytes.size;
    struct frame sent = {
        .kind = FRAME_PACKET, .head = bytes_slice(bytes, 0, head_size), .body = bytes};
    struct frame heard;
    struct buffer wire = {0};
    put_frame(&sent, &wire);
    CHECK(frame_read(buffer_bytes(&wire), bytes.size, &heard) == FRAME_WHOLE);
    CHECK(heard.kind == sent.kind && heard.size == wire.size);
    CHECK(bytes_equal(heard.head, sent.head) && bytes_equal(heard.body, sent.body));
    buffer_clear(&wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes bytes = bytes_of((const char *)data, size);
    look_at(bytes); /* So that what is in a frame is reached without its checksum, too. */
    look_at_frames(bytes);
    carry(bytes);
    return 0;
}
