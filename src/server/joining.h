/* joining.h: what a node with an empty directory asks of a member, and what it is answered
 * (--join).
 *
 * Pure: the bytes of question and answer. The node asks again and again; the member has its leader
 * bind a fresh id to the node's uuid, and says so once the configuration with it is committed. Only
 * then the node has an identity to make durable: whoever stands in a log that could still be cut
 * would be nobody. If it ends before that it comes back with the same uuid, asks again, and is
 * given the id that it has. */
#pragma once

#include "src/server/identity.h"

struct joining_question {
    struct identity_member self;       /* uuid, host, port; the id is open */
    char via_host[IDENTITY_HOST_SIZE]; /* how the member that is asked was reached */
    uint16_t via_port;
};

enum joining_state {
    JOINING_WAITS = 1, /* ask again; `text` says for what */
    JOINING_DONE,
    JOINING_REFUSED, /* for good; `text` says why, and the mend */
};
enum { JOINING_TEXT_SIZE = 512 };
struct joining_answer {
    enum joining_state state;
    char text[JOINING_TEXT_SIZE];
    struct identity identity; /* DONE: phase FOUNDED */
};

/* What the node becomes: `given` is the member's identity, `members` the committed configuration at
 * `index`, in which the node stands under `id`; `term` that of the member's last committed entry.
 */
struct joining_place {
    const struct identity *given;
    const struct members *members;
    uint64_t index, term;
    uint32_t id;
};
void joining_make_identity(const struct joining_place *place, struct identity *identity);

void joining_question_encode(const struct joining_question *question, struct buffer *out);
enum error joining_question_decode(struct bytes bytes, struct joining_question *question) MUST_USE;
void joining_answer_encode(const struct joining_answer *answer, struct buffer *out);
/* Whose uuid the identity has to have is for the caller to look at. */
enum error joining_answer_decode(struct bytes bytes, struct joining_answer *answer) MUST_USE;
