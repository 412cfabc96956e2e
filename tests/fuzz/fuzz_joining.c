/* Bytes from whoever reaches the peer port: what a node asks that wants to join, and what it is
 * answered. */
#include "src/server/joining.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a node becomes that was let in, whatever was asked. */
static void join(uint16_t port) {
    static const struct identity given = {.phase = IDENTITY_FOUNDED};
    struct member member = {.id = 1, .flags = MEMBER_VOTER, .port = port, .host = "host"};
    struct members members = {0};
    struct identity identity;
    CHECK(members_put(&members, &member));
    struct joining_place place = {
        .given = &given, .members = &members, .index = 1, .term = 1, .id = 1};
    joining_make_identity(&place, &identity);
    CHECK(identity.id == 1 && identity.joined_index == 1 && identity.joined_term == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    join(7001);
    struct bytes bytes = bytes_of((const char *)data, size);
    static struct joining_answer answer, answer_again;
    struct joining_question question, question_again;
    if (joining_question_decode(bytes, &question) == ERROR_NONE) {
        struct buffer wire = {0};
        joining_question_encode(&question, &wire);
        CHECK(bytes_equal(buffer_bytes(&wire), bytes));
        CHECK(joining_question_decode(buffer_bytes(&wire), &question_again) == ERROR_NONE);
        CHECK(memcmp(&question, &question_again, sizeof(question)) == 0);
        buffer_clear(&wire);
    }
    if (joining_answer_decode(bytes, &answer) != ERROR_NONE) return 0;
    struct buffer wire = {0};
    joining_answer_encode(&answer, &wire);
    CHECK(joining_answer_decode(buffer_bytes(&wire), &answer_again) == ERROR_NONE);
    CHECK(memcmp(&answer, &answer_again, sizeof(answer)) == 0);
    buffer_clear(&wire);
    if (answer.state != JOINING_DONE) return 0;
    struct members members;
    identity_founders(&answer.identity, &members);
    CHECK(members.count == answer.identity.member_count);
    return 0;
}
