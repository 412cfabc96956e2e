/* admission.c: see admission.h. */
#include "src/server/admission.h"

#include <stdio.h>

#include "base/memory.h"
#include "src/server/address.h"

enum { JOINS_MAX = 8 };

/* A node that asks to join, and what was begun for it. */
struct join {
    char uuid[IDENTITY_ID_SIZE]; /* zeros: free */
    uint64_t ticket;
    uint64_t asked_us;
};

struct admission {
    struct join joins[JOINS_MAX];
    uint64_t move; /* ticket: this node's own address */
};

struct admission *admission_create(void) {
    return memory_allocate_zeroed(sizeof(struct admission));
}

void admission_destroy(struct admission *admission) {
    memory_release(admission);
}

PRINTF_LIKE(3, 4)
static void answer_with(struct joining_answer *answer, enum joining_state state, const char *format,
                        ...) {
    answer->state = state;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(answer->text, sizeof(answer->text), format, arguments);
    va_end(arguments);
}

static const struct member *find_uuid(const struct members *members, const char *uuid) {
    for (uint32_t i = 0; i < members->count; i++)
        if (memcmp(members->at[i].uuid, uuid, MEMBER_UUID_SIZE) == 0) return &members->at[i];
    return NULL;
}

/* Committed, so that nothing takes it back. */
static bool give_place(const struct server *server, const struct joining_question *question,
                       struct joining_answer *answer) {
    const struct raft *raft = replica_raft(server->replica);
    const struct members *members = raft_members(raft);
    const struct member *member = find_uuid(members, question->self.uuid);
    if (member == NULL || !raft_members_are_committed(raft)) return false;
    answer->state = JOINING_DONE;
    struct joining_place place = {
        .given = &server->identity,
        .members = members,
        .index = raft_members_index(raft),
        .term = raft_term_at(raft, raft_commit_index(raft)),
        .id = member->id,
    };
    joining_make_identity(&place, &answer->identity);
    return true;
}

/* The same node's, or one that nobody asks for any more. */
static struct join *join_of(struct server *server, const char *uuid) {
    struct join *oldest = &server->admission->joins[0];
    for (uint32_t i = 0; i < JOINS_MAX; i++) {
        struct join *join = &server->admission->joins[i];
        if (memcmp(join->uuid, uuid, IDENTITY_ID_SIZE) == 0) return join;
        if (join->asked_us < oldest->asked_us) oldest = join;
    }
    *oldest = (struct join){0};
    memcpy(oldest->uuid, uuid, IDENTITY_ID_SIZE);
    return oldest;
}

/* True once this node's own address is one under which the new one can reach it. */
static bool has_address(struct server *server, const struct joining_question *question,
                        struct joining_answer *answer) {
    struct admission *admission = server->admission;
    const struct members *members = replica_members(server->replica);
    const struct member *self = members_find(members, server->identity.id);
    struct founding_address wanted;
    address_of_self(server, question, &wanted);
    bool is_right = members->count > 1 || self == NULL ||
                    (self->port == wanted.port && strcmp(self->host, wanted.host) == 0);
    if (is_right) return true;
    answer_with(answer, JOINING_WAITS, "its own address is being changed");
    if (admission->move == 0) {
        struct replica_change change = {
            .kind = REPLICA_MOVE, .id = self->id, .member = {.port = wanted.port}};
        memcpy(change.member.host, wanted.host, sizeof(change.member.host));
        admission->move = replica_change_members(server->replica, &change, server_moment(server));
        return false;
    }
    if (replica_change_status(server->replica, admission->move).state != REPLICA_CHANGE_OPEN)
        admission->move = 0;
    return false;
}

static void begin_join(struct server *server, const struct joining_question *question,
                       struct join *join) {
    struct replica_change change = {.kind = REPLICA_ADD, .member = {.port = question->self.port}};
    memcpy(change.member.uuid, question->self.uuid, sizeof(change.member.uuid));
    memcpy(change.member.host, question->self.host, sizeof(change.member.host));
    join->ticket = replica_change_members(server->replica, &change, server_moment(server));
    log_line(&server->log, LOG_LEVEL_NOTICE, "Members: a node at %s:%u asks to join",
             question->self.host, question->self.port);
}

static void look_at_ticket(struct server *server, struct join *join,
                           struct joining_answer *answer) {
    struct replica_change_status status = replica_change_status(server->replica, join->ticket);
    answer_with(answer, JOINING_WAITS, "%s",
                status.reason[0] == '\0' ? "the leader is being asked" : status.reason);
    if (status.state == REPLICA_CHANGE_OPEN) return;
    join->ticket = 0;
    if (status.state != REPLICA_CHANGE_REFUSED) return;
    answer_with(answer, JOINING_REFUSED, "the cluster refuses this node: %s", status.reason);
    log_line(&server->log, LOG_LEVEL_WARNING, "Members: a node that asks to join is refused: %s",
             status.reason);
}

void admission_answer(struct server *server, const struct joining_question *question,
                      struct joining_answer *answer) {
    bool runs = server->replica != NULL && replica_state(server->replica) == REPLICA_RUNNING;
    if (!runs || replica_is_removed(server->replica)) {
        answer_with(answer, JOINING_WAITS,
                    runs ? "it is no member itself any more" : "it reads its log or takes no part");
        return;
    }
    bool has_secret = CONFIG_STRING(&server->config, RAFT_SECRET)[0] != '\0';
    if (!has_secret && !address_is_loopback(question->self.host)) {
        answer_with(answer, JOINING_REFUSED,
                    "a cluster beyond this machine needs a raft-secret: start the members with "
                    "one, one after the other, and this node with the same");
        return;
    }
    if (give_place(server, question, answer) || !has_address(server, question, answer)) return;
    struct join *join = join_of(server, question->self.uuid);
    join->asked_us = clock_us();
    if (join->ticket == 0) begin_join(server, question, join);
    if (join->ticket == 0) {
        answer_with(answer, JOINING_WAITS, "too many changes are open");
        return;
    }
    look_at_ticket(server, join, answer);
}
