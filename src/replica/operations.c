/* operations.c: what operators ask of the cluster's leader, from any node.
 *
 * The node that was asked keeps the question until a leader has answered it, and asks again when
 * the link was broken or another node leads. An answer says that it was begun, or why not; what
 * comes of it shows in the node's own state: another leader, a digest. */
#include "src/replica/replica_internal.h"

enum {
    ASK_AGAIN_US = 200 * 1000,
    OPERATION_BODY_SIZE = 8 + 8 + 4 + 1,
    ANSWER_BODY_SIZE = 8 + 8 + 1,
};

static struct open_operation *find_operation(struct replica *replica, uint64_t number) {
    struct open_operation *open = &replica->operations[number % OPERATIONS_MAX];
    return number != 0 && open->number == number ? open : NULL;
}

static void note_answer(struct open_operation *open, const struct replica_answer *answer) {
    open->answered = true;
    open->answer = *answer;
}

/* --- the leader's side -------------------------------------------------------------------------
 */

/* Asked twice for the same: the first question's answer was lost. */
static bool is_under_way(const struct replica *replica, const struct replica_operation *operation) {
    uint32_t target = raft_transfer_target(replica->raft);
    return target != 0 && (operation->node == 0 || operation->node == target);
}

static enum raft_refusal transfer(struct replica *replica,
                                  const struct replica_operation *operation) {
    if (is_under_way(replica, operation)) return RAFT_REFUSED_NONE;
    struct raft_event event = {
        .type = RAFT_EVENT_TRANSFER, .node = operation->node, .timeout_us = operation->timeout_us};
    return replica_raft_step(replica, &event);
}

static enum raft_refusal keep(struct replica *replica) {
    struct raft_event event = {.type = RAFT_EVENT_KEEP};
    return replica_raft_step(replica, &event);
}

static enum raft_refusal verify(struct replica *replica, uint64_t *index) {
    if (raft_transfer_target(replica->raft) != 0) return RAFT_REFUSED_HANDING_OVER;
    if (replica_older_members(replica, PROTOCOL_OF_VERIFY) != 0) return RAFT_REFUSED_OLDER_MEMBERS;
    *index = replica_propose_verify(replica);
    return *index == 0 ? RAFT_REFUSED_NO_ROOM : RAFT_REFUSED_NONE;
}

static struct replica_answer carry_out(struct replica *replica,
                                       const struct replica_operation *operation) {
    struct replica_answer answer = {.leader = replica->config.raft.id};
    if (!replica->leading) {
        answer.refusal = RAFT_REFUSED_NOT_LEADER;
        return answer;
    }
    switch (operation->kind) {
    case REPLICA_TRANSFER:
        answer.refusal = transfer(replica, operation);
        break;
    case REPLICA_KEEP:
        answer.refusal = keep(replica);
        break;
    case REPLICA_VERIFY:
        answer.refusal = verify(replica, &answer.index);
        break;
    case REPLICA_OPERATION_KINDS:
        break;
    }
    return answer;
}

enum error replica_accept_operation(struct replica *replica, uint32_t from, struct bytes body) {
    if (body.size != OPERATION_BODY_SIZE) return ERROR_MALFORMED;
    struct replica_operation operation = {
        .timeout_us = load_u64(body.data + 8),
        .node = load_u32(body.data + 16),
        .kind = (enum replica_operation_kind)(uint8_t)body.data[20],
    };
    bool is_known = operation.kind >= REPLICA_TRANSFER && operation.kind < REPLICA_OPERATION_KINDS;
    if (!is_known || operation.node > RAFT_NODES_MAX) return ERROR_MALFORMED;
    struct replica_answer answer = carry_out(replica, &operation);
    struct replica_packet *packet = packet_create(from, true, PACKET_ANSWER);
    buffer_append(&packet->head, body.data, 8);
    buffer_append_u64(&packet->head, answer.index);
    buffer_append_byte(&packet->head, (char)answer.refusal);
    replica_send(replica, packet, 0);
    return ERROR_NONE;
}

/* --- the side of the node that was asked --------------------------------------------------------
 */

static void send_operation(struct replica *replica, struct open_operation *open) {
    const struct replica_operation *operation = &open->operation;
    open->sent_us = replica->now.now_us;
    open->sent_to = replica->known_leader;
    if (replica->leading) {
        struct replica_answer answer = carry_out(replica, operation);
        note_answer(open, &answer);
        return;
    }
    struct replica_packet *packet = packet_create(replica->known_leader, true, PACKET_OPERATION);
    buffer_append_u64(&packet->head, open->number);
    buffer_append_u64(&packet->head, operation->timeout_us);
    buffer_append_u32(&packet->head, operation->node);
    buffer_append_byte(&packet->head, (char)operation->kind);
    replica_send(replica, packet, 0);
}

/* Leadership has gone to another node: asked once more it might be handed on. */
static bool has_come_about(const struct replica *replica, const struct open_operation *open) {
    return open->operation.kind == REPLICA_TRANSFER && open->sent_to != 0 &&
           open->sent_to != replica->known_leader;
}

static void tend_operation(struct replica *replica, struct open_operation *open) {
    if (open->number == 0 || open->answered || replica->known_leader == 0) return;
    if (has_come_about(replica, open)) {
        note_answer(open, &(struct replica_answer){.leader = open->sent_to});
        return;
    }
    bool waits = open->sent_to == replica->known_leader &&
                 replica->now.now_us - open->sent_us < ASK_AGAIN_US;
    if (!waits) send_operation(replica, open);
}

void replica_tend_operations(struct replica *replica) {
    for (uint32_t i = 0; i < OPERATIONS_MAX; i++)
        tend_operation(replica, &replica->operations[i]);
}

uint64_t replica_operate(struct replica *replica, const struct replica_operation *operation) {
    uint64_t number = ++replica->next_operation;
    replica->operations[number % OPERATIONS_MAX] =
        (struct open_operation){.number = number, .operation = *operation};
    return number;
}

bool replica_operation_answered(const struct replica *replica, uint64_t number,
                                struct replica_answer *answer) {
    const struct open_operation *open = &replica->operations[number % OPERATIONS_MAX];
    if (open->number != number || !open->answered) return false;
    *answer = open->answer;
    return true;
}

void replica_operation_forget(struct replica *replica, uint64_t number) {
    struct open_operation *open = find_operation(replica, number);
    if (open != NULL) open->number = 0;
}

enum error replica_receive_answer(struct replica *replica, uint32_t from, struct bytes body) {
    if (body.size != ANSWER_BODY_SIZE) return ERROR_MALFORMED;
    struct open_operation *open = find_operation(replica, load_u64(body.data));
    struct replica_answer answer = {.leader = from,
                                    .index = load_u64(body.data + 8),
                                    .refusal = (enum raft_refusal)(uint8_t)body.data[16]};
    if (open == NULL || open->answered || open->sent_to != from) return ERROR_NONE;
    /* It has lost its leadership meanwhile: the next one is asked. */
    if (answer.refusal == RAFT_REFUSED_NOT_LEADER)
        open->sent_to = 0;
    else
        note_answer(open, &answer);
    return ERROR_NONE;
}

/* --- barriers -----------------------------------------------------------------------------------
 */

uint64_t replica_barrier_begin(struct replica *replica) {
    replica->context_wanted = true;
    replica->barrier_context = replica->next_context;
    return replica->barrier_context;
}

bool replica_barrier_is_passed(const struct replica *replica, uint64_t barrier) {
    return replica->ready_context >= barrier;
}
