/* fuzz_founding_answer.c: what a node says of itself before it is a peer. What is taken in can be
 * told again, byte for byte of its meaning, and can be held against an own founding. */
#include <stdio.h>

#include "src/server/founding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two nodes answer with this, and a third one decides; what it decides on is told and taken in. */
static void decide_with(const struct founding_answer *answer, bool same_list) {
    struct founding founding = {.count = 3, .self = 1, .node = "the node's uuid"};
    for (uint32_t i = 0; i < founding.count; i++) {
        snprintf(founding.list[i].host, IDENTITY_HOST_SIZE, "host%u", i);
        founding.list[i].port = (uint16_t)(7001 + i);
    }
    struct founding_answer answers[2] = {*answer, *answer};
    answers[1].node[0] ^= 1;
    uint64_t list_hash = founding_list_hash(founding.list, founding.count);
    for (int i = 0; i < 2; i++) {
        if (same_list) answers[i].list_hash = list_hash;
        founding_note_answer(&founding, (uint32_t)i * 2, &answers[i]);
    }
    struct identity identity;
    char text[FOUNDING_TEXT_SIZE];
    if (founding_decide(&founding, &identity, text) == FOUNDING_PREPARE) {
        founding_note_prepared(&founding, &identity);
        for (int i = 0; i < 2; i++) {
            founding_own_answer(&identity, list_hash, &answers[i]);
            memcpy(answers[i].node, identity.members[i * 2].uuid, IDENTITY_ID_SIZE);
            founding_note_answer(&founding, (uint32_t)i * 2, &answers[i]);
        }
        CHECK(founding_decide(&founding, &identity, text) == FOUNDING_DONE);
        CHECK(identity.id == 2 && identity.member_count == 3);
    }
    memcpy(founding.promised, answer->cluster, IDENTITY_ID_SIZE);
    founding.prepared = true;
    (void)founding_decide(&founding, &identity, text);
    founding_forget_answer(&founding, 2);
    (void)founding_decide(&founding, &identity, text);
}

/* The same bytes as a list of addresses. */
static void read_list(struct bytes text) {
    struct founding_address list[RAFT_NODES_MAX];
    uint32_t count;
    if (founding_parse_list(text, list, &count) != ERROR_NONE) return;
    CHECK(count > 0 && count <= RAFT_NODES_MAX);
    (void)founding_list_hash(list, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes bytes = bytes_of((const char *)data, size);
    struct founding_answer answer, again;
    read_list(bytes);
    if (founding_answer_decode(bytes, &answer) != ERROR_NONE) return 0;
    struct buffer wire = {0};
    founding_answer_encode(&answer, &wire);
    CHECK(founding_answer_decode(buffer_bytes(&wire), &again) == ERROR_NONE);
    CHECK(memcmp(&answer, &again, sizeof(answer)) == 0);
    buffer_clear(&wire);
    decide_with(&answer, true);
    decide_with(&answer, false);
    return 0;
}
