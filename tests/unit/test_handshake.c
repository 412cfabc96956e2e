/* test_handshake.c: the bytes of the peer protocol's handshake, and its frames. */
#include <criterion/criterion.h>

#include "src/server/frame.h"
#include "src/server/handshake.h"

enum { PURPOSE = 2, NEWEST = 3 };

/* --- HELLO ----------------------------------------------------------------------------------- */

static struct hello a_hello(void) {
    struct hello hello = {
        .version = 2, .float_model = 64, .purpose = PURPOSE, .id = 5, .newest = NEWEST};
    memset(hello.cluster, 'c', sizeof(hello.cluster));
    memset(hello.node, 'n', sizeof(hello.node));
    memset(hello.nonce, 'o', sizeof(hello.nonce));
    memset(hello.proof, 'p', sizeof(hello.proof));
    return hello;
}

Test(handshake, hello_comes_as_it_was_sent) {
    struct hello sent = a_hello(), heard;
    for (int side = HANDSHAKE_DIALLER; side <= HANDSHAKE_ACCEPTOR; side++) {
        struct buffer body = {0};
        handshake_put_hello(&sent, side, &body);
        cr_assert_eq(body.size, HANDSHAKE_HELLO_SIZE);
        cr_assert_eq(handshake_take_hello(buffer_bytes(&body), &heard), ERROR_NONE);
        cr_expect_eq(heard.version, sent.version);
        cr_expect_eq(heard.float_model, sent.float_model);
        cr_expect_eq(heard.purpose, sent.purpose);
        cr_expect_eq(heard.id, sent.id);
        cr_expect_arr_eq(heard.cluster, sent.cluster, sizeof(sent.cluster));
        cr_expect_arr_eq(heard.node, sent.node, sizeof(sent.node));
        cr_expect_arr_eq(heard.nonce, sent.nonce, sizeof(sent.nonce));
        if (side == HANDSHAKE_DIALLER)
            cr_expect_eq(heard.newest, sent.newest);
        else
            cr_expect_arr_eq(heard.proof, sent.proof, sizeof(sent.proof));
        buffer_clear(&body);
    }
}

/* As neighbours of all releases read it: a change here is a change of the protocol. */
Test(handshake, hello_has_these_bytes) {
    struct hello hello = a_hello();
    char wanted[HANDSHAKE_HELLO_SIZE] = "HAMOKPR\n";
    memcpy(wanted + 8, (char[]){2, 0, 0, 0, 64, 0, 0, 0, PURPOSE, 0, 0, 0, 5, 0, 0, 0}, 16);
    memset(wanted + 24, 'c', 16);
    memset(wanted + 40, 'n', 16);
    memset(wanted + 56, 'o', 16);
    wanted[72] = NEWEST;
    struct buffer body = {0};
    handshake_put_hello(&hello, HANDSHAKE_DIALLER, &body);
    cr_expect(bytes_equal(buffer_bytes(&body), bytes_of(wanted, sizeof(wanted))));
    body.size = 0;
    memset(wanted + 72, 'p', 32);
    handshake_put_hello(&hello, HANDSHAKE_ACCEPTOR, &body);
    cr_expect(bytes_equal(buffer_bytes(&body), bytes_of(wanted, sizeof(wanted))));
    buffer_clear(&body);
}

Test(handshake, hello_of_another_size_or_beginning_is_none) {
    struct hello sent = a_hello(), heard;
    struct buffer body = {0};
    handshake_put_hello(&sent, HANDSHAKE_DIALLER, &body);
    buffer_append_byte(&body, 'x');
    for (size_t size = 0; size <= HANDSHAKE_HELLO_SIZE + 1; size++) {
        enum error error = handshake_take_hello(bytes_of(body.data, size), &heard);
        cr_expect_eq(error == ERROR_NONE, size == HANDSHAKE_HELLO_SIZE, "%zu bytes", size);
    }
    for (size_t at = 0; at < 8; at++) {
        body.data[at] ^= 1;
        struct bytes spoilt = bytes_of(body.data, HANDSHAKE_HELLO_SIZE);
        cr_expect_eq(handshake_take_hello(spoilt, &heard), ERROR_MALFORMED, "byte %zu", at);
        body.data[at] ^= 1;
    }
    buffer_clear(&body);
}

Test(handshake, the_newest_version_that_both_know_is_spoken) {
    static const struct {
        enum handshake_side side; /* who has spoken */
        uint32_t version, newest; /* what it said */
        uint32_t own_newest, agreed;
    } cases[] = {
        {HANDSHAKE_DIALLER, 2, 3, 3, 3},  {HANDSHAKE_DIALLER, 2, 2, 3, 2},
        {HANDSHAKE_DIALLER, 2, 3, 2, 2},  {HANDSHAKE_DIALLER, 2, 9, 3, 3},
        {HANDSHAKE_DIALLER, 3, 3, 3, 3},  {HANDSHAKE_DIALLER, 3, 3, 2, 0},
        {HANDSHAKE_DIALLER, 4, 9, 3, 0},  {HANDSHAKE_DIALLER, 1, 1, 3, 0},
        {HANDSHAKE_DIALLER, 1, 2, 3, 2},  {HANDSHAKE_DIALLER, 0, 0, 3, 0},
        {HANDSHAKE_ACCEPTOR, 2, 2, 3, 2}, {HANDSHAKE_ACCEPTOR, 3, 3, 3, 3},
        {HANDSHAKE_ACCEPTOR, 3, 3, 2, 0}, {HANDSHAKE_ACCEPTOR, 1, 1, 3, 0},
        {HANDSHAKE_ACCEPTOR, 4, 4, 3, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct hello hello = {.version = cases[i].version, .newest = cases[i].newest};
        cr_expect_eq(handshake_version(&hello, cases[i].side, cases[i].own_newest), cases[i].agreed,
                     "case %zu", i);
    }
}

/* It sent zeros where the newest stands now. */
Test(handshake, a_dialler_of_version_2_is_understood) {
    struct hello sent = a_hello(), heard;
    sent.newest = 0;
    struct buffer body = {0};
    handshake_put_hello(&sent, HANDSHAKE_DIALLER, &body);
    cr_assert_eq(handshake_take_hello(buffer_bytes(&body), &heard), ERROR_NONE);
    cr_expect_eq(heard.newest, 2);
    cr_expect_eq(handshake_version(&heard, HANDSHAKE_DIALLER, NEWEST), 2);
    buffer_clear(&body);
}

/* --- PROOF ----------------------------------------------------------------------------------- */

static const char nonce_a[] = "0123456789abcdef", nonce_b[] = "fedcba9876543210";
static const char cluster_a[] = "one cluster's id", cluster_b[] = "another one's id";

static struct handshake_terms some_terms(void) {
    return (struct handshake_terms){.secret = BYTES("secret"),
                                    .dialler_nonce = nonce_a,
                                    .acceptor_nonce = nonce_b,
                                    .purpose = PURPOSE,
                                    .cluster = cluster_a};
}

/* Computed by another program, of the text that handshake.h tells. Both ends make a proof with the
 * same code here, so nothing else would see that neighbours of another release make another one. */
Test(handshake, a_proof_has_these_bytes) {
    static const unsigned char wanted[HANDSHAKE_PROOF_SIZE] = {
        0xc5, 0x2f, 0x70, 0x59, 0x4f, 0x05, 0x56, 0xc5, 0xfb, 0xdc, 0x23,
        0x18, 0x32, 0x16, 0x3f, 0xe0, 0x9e, 0x39, 0x91, 0x2f, 0x07, 0xd6,
        0x5a, 0x44, 0x78, 0x4b, 0xaf, 0x23, 0x48, 0xdd, 0xc7, 0xc0};
    struct handshake_terms terms = some_terms();
    char proof[HANDSHAKE_PROOF_SIZE];
    handshake_make_proof(&terms, HANDSHAKE_DIALLER, proof);
    cr_expect_eq(memcmp(proof, wanted, sizeof(wanted)), 0);
}

Test(handshake, a_proof_is_of_all_that_it_is_made_of) {
    struct handshake_terms terms = some_terms();
    char proof[HANDSHAKE_PROOF_SIZE];
    struct bytes given = bytes_of(proof, sizeof(proof));
    handshake_make_proof(&terms, HANDSHAKE_DIALLER, proof);
    cr_expect(handshake_proof_holds(&terms, HANDSHAKE_DIALLER, given));
    cr_expect_not(handshake_proof_holds(&terms, HANDSHAKE_ACCEPTOR, given), "no echo");
    struct handshake_terms others[] = {terms, terms, terms, terms, terms, terms};
    others[0].secret = BYTES("Secret");
    others[1].secret = (struct bytes){0};
    others[2].dialler_nonce = nonce_b;
    others[3].acceptor_nonce = nonce_a;
    others[4].purpose++;
    others[5].cluster = cluster_b;
    for (size_t i = 0; i < COUNT_OF(others); i++)
        cr_expect_not(handshake_proof_holds(&others[i], HANDSHAKE_DIALLER, given), "%zu", i);
    for (size_t size = 0; size < sizeof(proof); size++)
        cr_expect_not(handshake_proof_holds(&terms, HANDSHAKE_DIALLER, bytes_of(proof, size)));
    for (size_t at = 0; at < sizeof(proof); at++) {
        proof[at] ^= 1;
        cr_expect_not(handshake_proof_holds(&terms, HANDSHAKE_DIALLER, given), "byte %zu", at);
        proof[at] ^= 1;
    }
}

Test(handshake, without_a_common_cluster_zeros_are_proved) {
    static const char zeros[IDENTITY_ID_SIZE];
    struct handshake_terms terms = some_terms(), zero = some_terms();
    terms.cluster = NULL;
    zero.cluster = zeros;
    char proof[HANDSHAKE_PROOF_SIZE];
    handshake_make_proof(&terms, HANDSHAKE_ACCEPTOR, proof);
    cr_expect(handshake_proof_holds(&zero, HANDSHAKE_ACCEPTOR, bytes_of(proof, sizeof(proof))));
}

Test(handshake, without_a_secret_a_proof_is_zeros) {
    static const char zeros[HANDSHAKE_PROOF_SIZE];
    struct handshake_terms terms = some_terms();
    terms.secret = (struct bytes){0};
    char proof[HANDSHAKE_PROOF_SIZE];
    handshake_make_proof(&terms, HANDSHAKE_DIALLER, proof);
    cr_expect_arr_eq(proof, zeros, sizeof(zeros));
    terms.secret = BYTES("secret");
    cr_expect_not(handshake_proof_holds(&terms, HANDSHAKE_DIALLER, bytes_of(zeros, sizeof(zeros))));
}

/* --- ADDRESS --------------------------------------------------------------------------------- */

static enum error take_address(const char *host, uint16_t port) {
    char heard_host[IDENTITY_HOST_SIZE];
    uint16_t heard_port;
    struct buffer body = {0};
    handshake_put_address(host, port, &body);
    enum error error = handshake_take_address(buffer_bytes(&body), heard_host, &heard_port);
    if (error == ERROR_NONE) {
        cr_expect_str_eq(heard_host, host);
        cr_expect_eq(heard_port, port);
    }
    buffer_clear(&body);
    return error;
}

Test(handshake, an_address_is_a_host_and_a_port_with_room_above) {
    char longest[IDENTITY_HOST_SIZE + 1] = "";
    memset(longest, 'h', IDENTITY_HOST_SIZE - 1);
    cr_expect_eq(take_address("127.0.0.1", 1), ERROR_NONE);
    cr_expect_eq(take_address("node-1.example", 55535), ERROR_NONE);
    cr_expect_eq(take_address(longest, 7000), ERROR_NONE);
    longest[IDENTITY_HOST_SIZE - 1] = 'h';
    cr_expect_eq(take_address(longest, 7000), ERROR_MALFORMED);
    cr_expect_eq(take_address("127.0.0.1", 0), ERROR_MALFORMED);
    cr_expect_eq(take_address("127.0.0.1", 55536), ERROR_MALFORMED);
    cr_expect_eq(take_address("", 7000), ERROR_MALFORMED);
    cr_expect_eq(take_address("two words", 7000), ERROR_MALFORMED);
    cr_expect_eq(take_address("a\nline", 7000), ERROR_MALFORMED);
    char host[IDENTITY_HOST_SIZE];
    uint16_t port;
    cr_expect_eq(handshake_take_address((struct bytes){0}, host, &port), ERROR_MALFORMED);
    cr_expect_eq(handshake_take_address(BYTES("\1"), host, &port), ERROR_MALFORMED);
    cr_expect_eq(handshake_take_address(BYTES("\1\1a\0b"), host, &port), ERROR_MALFORMED);
}

/* --- REFUSAL --------------------------------------------------------------------------------- */

Test(handshake, a_removal_names_a_configuration) {
    static const uint64_t indexes[] = {0, 1, 12345, UINT64_MAX};
    uint64_t index;
    for (size_t i = 0; i < COUNT_OF(indexes); i++) {
        struct buffer text = {0};
        handshake_put_removal(indexes[i], &text);
        cr_expect_eq(handshake_take_removal(buffer_bytes(&text), &index), ERROR_NONE);
        cr_expect_eq(index, indexes[i]);
        buffer_append_byte(&text, 'x');
        cr_expect_eq(handshake_take_removal(buffer_bytes(&text), &index), ERROR_MALFORMED);
        buffer_clear(&text);
    }
    struct buffer text = {0};
    handshake_put_removal(7, &text);
    for (size_t size = 0; size < text.size; size++) {
        struct bytes cut = bytes_of(text.data, size);
        cr_expect_eq(handshake_take_removal(cut, &index), ERROR_MALFORMED, "%zu bytes", size);
    }
    buffer_clear(&text);
    cr_expect_eq(handshake_take_removal(BYTES("is not a member of this cluster"), &index),
                 ERROR_MALFORMED);
}

Test(handshake, a_refusal_is_one_printable_line) {
    struct buffer line = {0};
    handshake_put_refusal(BYTES("no\r\n\x1b[2J\x7f\0one"), &line);
    cr_expect(bytes_equal(buffer_bytes(&line), BYTES("no???[2J??one")));
    line.size = 0;
    char text[1000];
    memset(text, 'x', sizeof(text));
    handshake_put_refusal(bytes_of(text, sizeof(text)), &line);
    cr_expect_eq(line.size, 200);
    buffer_clear(&line);
}

/* --- frames ---------------------------------------------------------------------------------- */

/* Head "head", then the spans "spans". */
static void put_frame(struct buffer *wire) {
    frame_begin(wire);
    buffer_append_bytes(wire, BYTES("head"));
    frame_end(wire, FRAME_PACKET, 5);
    buffer_append_bytes(wire, BYTES("spans"));
}

Test(handshake, a_frame_is_read_when_it_is_whole) {
    struct buffer wire = {0};
    put_frame(&wire);
    buffer_append_bytes(&wire, BYTES("next"));
    size_t whole = wire.size - 4;
    for (size_t size = 0; size <= wire.size; size++) {
        struct frame frame;
        enum frame_status status = frame_read(bytes_of(wire.data, size), 9, &frame);
        cr_assert_eq(status, size < whole ? FRAME_PARTIAL : FRAME_WHOLE, "%zu bytes", size);
        cr_expect_eq(frame.size, size < FRAME_HEADER_SIZE ? FRAME_HEADER_SIZE : whole);
        if (status != FRAME_WHOLE) continue;
        cr_expect_eq(frame.kind, FRAME_PACKET);
        cr_expect(bytes_equal(frame.head, BYTES("head")));
        cr_expect(bytes_equal(frame.body, BYTES("headspans")));
    }
    buffer_clear(&wire);
}

Test(handshake, a_frame_that_is_too_large_or_not_as_it_was_sent_is_none) {
    struct buffer wire = {0};
    struct frame frame;
    put_frame(&wire);
    cr_expect_eq(frame_read(buffer_bytes(&wire), 8, &frame), FRAME_MALFORMED);
    cr_expect_eq(frame_read(bytes_of(wire.data, FRAME_HEADER_SIZE), 8, &frame), FRAME_MALFORMED,
                 "before its body has come");
    /* Header and head are under the checksum; a size that has grown asks for more. */
    for (size_t at = 0; at < FRAME_HEADER_SIZE + 4; at++) {
        wire.data[at] ^= 1;
        cr_expect_neq(frame_read(buffer_bytes(&wire), 9, &frame), FRAME_WHOLE, "byte %zu", at);
        wire.data[at] ^= 1;
    }
    store_u32(wire.data + 4, (uint32_t)FRAME_PACKET << 24 | 10);
    cr_expect_eq(frame_read(buffer_bytes(&wire), 9, &frame), FRAME_MALFORMED, "head > body");
    buffer_clear(&wire);
}
