/* repair_log.c: see repair_log.h. */
#include "src/server/repair_log.h"

#include <stdio.h>

/* "node 2, node 3" of bits 1 << id. */
static void name_nodes(uint32_t nodes, char *text, size_t size) {
    size_t at = 0;
    text[0] = '\0';
    for (uint32_t id = 1; id <= RAFT_NODES_MAX && at < size; id++) {
        if ((nodes & 1u << id) == 0) continue;
        at += (size_t)snprintf(text + at, size - at, "%snode %u", at == 0 ? "" : ", ", id);
    }
}

/* Once, when the log has been read: what was found. */
static void note_what_is_lost(struct server *server, const struct replica_repair *repair) {
    const char *supply =
        "The others supply what is lost; until then this node neither votes nor "
        "leads. What is no use any more is kept under names that begin with damaged-";
    if (repair->damage[0] != '\0')
        log_line(&server->log, LOG_LEVEL_WARNING, "%s/%s. %s", server->directory, repair->damage,
                 repair->is_damaged ? supply : "The log has all of it");
    if (repair->notice[0] != '\0')
        log_line(&server->log, LOG_LEVEL_WARNING, "%s/%s", server->directory, repair->notice);
}

/* All have answered; lost_too: those that have lost their votes as well. */
static void tell_way_on(const struct server *server, uint32_t lost_too) {
    unsigned long long term = raft_term(replica_raft(server->replica));
    char names[RAFT_NODES_MAX * 10];
    name_nodes(lost_too, names, sizeof(names));
    if (lost_too == 0)
        log_line(&server->log, LOG_LEVEL_NOTICE,
                 "All other members have told their terms: this node goes on in term %llu", term);
    else
        log_line(
            &server->log, LOG_LEVEL_NOTICE,
            "All other members have told their terms, or that they have lost their votes as "
            "well (%s): this node goes on in term %llu, beyond all that can have been voted in",
            names, term);
}

void repair_log_tell(struct server *server) {
    if (replica_state(server->replica) != REPLICA_RUNNING) return;
    struct replica_repair repair;
    replica_get_repair(server->replica, &repair);
    if (!server->losses_told) note_what_is_lost(server, &repair);
    server->losses_told = true;
    if (repair.vote_is_lost && repair.untold != server->untold_told) {
        char missing[RAFT_NODES_MAX * 10];
        name_nodes(repair.untold, missing, sizeof(missing));
        log_line(&server->log, LOG_LEVEL_WARNING,
                 "The vote is lost: this node says nothing until all other members have told their "
                 "terms. Not yet: %s",
                 missing);
    }
    if (!repair.vote_is_lost && server->untold_told != 0) tell_way_on(server, repair.lost_too);
    server->untold_told = repair.untold;
    if (server->has_unreadable && repair.unreadable_index == 0)
        log_line(&server->log, LOG_LEVEL_NOTICE,
                 "What could not be read has left the log: the snapshot holds it");
    server->has_unreadable = repair.unreadable_index != 0;
    if (server->is_damaged && !repair.is_damaged)
        log_line(&server->log, LOG_LEVEL_NOTICE,
                 "All that this node's disk had lost has been supplied again, up to index %llu: it "
                 "votes again",
                 (unsigned long long)repair.index);
    server->is_damaged = repair.is_damaged;
}
