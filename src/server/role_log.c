/* role_log.c: see role_log.h. The core says what has changed and why (struct raft_change); a node
 * that is cut off asks for votes again and again: only its first attempt is told. */
#include "src/server/role_log.h"

/* "no heartbeat came from node 2 for 812 ms" */
static void print_cause(const struct raft_change *change, struct buffer *out) {
    buffer_append_format(out, "%s", raft_cause_text(change->cause));
    if (change->node != 0) buffer_append_format(out, " %u", change->node);
    if (change->elapsed_us != 0)
        buffer_append_format(out, " for %llu ms", (unsigned long long)change->elapsed_us / 1000);
    if (change->votes == 0) return;
    buffer_append_format(out, ": node");
    const char *before = " ";
    for (uint32_t id = 1; id <= RAFT_NODES_MAX; id++) {
        if ((change->votes & 1u << id) == 0) continue;
        buffer_append_format(out, "%s%u", before, id);
        before = ", ";
    }
}

/* Without the reason; nothing: it is not worth a line. */
static void print_role(const struct raft_change *change, struct buffer *out) {
    const struct raft_standpoint *before = &change->before, *after = &change->after;
    unsigned long long term = (unsigned long long)after->term;
    switch (after->role) {
    case RAFT_PRE_CANDIDATE:
        if (before->leader != 0 || change->cause == RAFT_CAUSE_STARTED)
            buffer_append_format(out, "Became pre-candidate for term %llu", term + 1);
        return;
    case RAFT_CANDIDATE:
        buffer_append_format(out, "Became candidate in term %llu", term);
        return;
    case RAFT_LEADER:
        buffer_append_format(out, "Became leader of term %llu", term);
        return;
    case RAFT_FOLLOWER:
        if (before->role == RAFT_LEADER)
            buffer_append_format(out, "Stepped down, follower in term %llu", term);
        else if (after->leader != 0)
            buffer_append_format(out, "Became follower of node %u in term %llu", after->leader,
                                 term);
        else if (before->role == RAFT_CANDIDATE || change->cause == RAFT_CAUSE_VOTED ||
                 before->leader != 0)
            buffer_append_format(out, "Became follower in term %llu", term);
        return;
    }
}

static void print_transfer(const struct raft_change *change, struct buffer *out) {
    if (change->after.transfer_to != 0)
        buffer_append_format(out, "Hands leadership over to node %u", change->after.transfer_to);
    else
        buffer_append_format(out, "Goes on leading, not handing over to node %u any more",
                             change->before.transfer_to);
}

void role_log_tell(struct server *server) {
    struct raft_change change;
    while (replica_next_change(server->replica, &change)) {
        struct buffer line = {0}, cause = {0};
        bool is_transfer = change.before.role == change.after.role &&
                           change.before.leader == change.after.leader &&
                           change.before.transfer_to != change.after.transfer_to;
        if (is_transfer)
            print_transfer(&change, &line);
        else
            print_role(&change, &line);
        print_cause(&change, &cause);
        if (line.size > 0)
            log_line(&server->log, LOG_LEVEL_NOTICE, "%.*s: %.*s", (int)line.size, line.data,
                     (int)cause.size, cause.data);
        buffer_clear(&line);
        buffer_clear(&cause);
    }
}
