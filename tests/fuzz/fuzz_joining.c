/* Bytes from whoever reaches the peer port: what a node asks that wants to join, and what it is
 * answered. */
#include "src/server/joining.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Who has been let in may let others in: what these become. */
static void let_in(const struct identity *given, const struct members *members) {
    struct identity identity;
    struct joining_place place = {
        .given = given, .members = members, .index = 1, .term = 1, .id = members->at[0].id};
    joining_make_identity(&place, &identity);
    CHECK(identity.id == place.id && identity.joined_index == 1 && identity.joined_term == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
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
    if (members.count > 0) let_in(&answer.identity, &members);
    return 0;
}
