/* membership.c: see membership.h. */
#include "src/server/membership.h"

#include <stdio.h>

#include "base/memory.h"
#include "src/server/cluster.h"
#include "src/server/peers.h"

/* The replica's requests have bit 63, the journal's neither. */
static const uint64_t IDENTITY_REQUEST = 1ull << 62;

struct membership {
    struct members told; /* the configuration that the log's lines told last */
    bool removal_told, port_problem_told;

    /* The file `node` on its way to the disk. */
    struct buffer text;
    struct bytes span;
    bool is_writing, is_stale;
};

struct membership *membership_create(void) {
    return memory_allocate_zeroed(sizeof(struct membership));
}

void membership_destroy(struct membership *membership) {
    if (membership == NULL) return;
    buffer_clear(&membership->text);
    memory_release(membership);
}

void membership_last_seen(const struct server *server, struct members *members) {
    struct identity_list known = identity_known(&server->identity);
    *members = (struct members){0};
    for (uint32_t i = 0; i < known.count; i++) {
        const struct identity_member *from = &known.at[i];
        struct member member = {.id = from->id, .flags = MEMBER_VOTER, .port = from->port};
        memcpy(member.uuid, from->uuid, sizeof(member.uuid));
        memcpy(member.host, from->host, sizeof(member.host));
        (void)members_put(members, &member);
    }
}

/* --- the log's lines ---------------------------------------------------------------------------
 */

static bool votes(const struct member *member) {
    return member != NULL && (member->flags & MEMBER_VOTER) != 0;
}

static void tell_of(struct server *server, const struct member *before,
                    const struct member *after) {
    const struct member *any = after != NULL ? after : before;
    const char *what = NULL;
    if (before == NULL)
        what = votes(after) ? "is a member and votes" : "is a member, a learner that catches up";
    else if (after == NULL)
        what = "was removed";
    else if (votes(before) != votes(after))
        what = votes(after) ? "has caught up and votes" : "votes no longer";
    else if (before->port != after->port || strcmp(before->host, after->host) != 0)
        what = "has this address now";
    if (what == NULL) return;
    log_line(&server->log, LOG_LEVEL_NOTICE, "Members: node %u (%s:%u) %s", any->id, any->host,
             any->port, what);
}

/* The directory does not say who voted. */
static void what_was_seen(const struct server *server, const struct members *members,
                          struct members *before) {
    membership_last_seen(server, before);
    for (uint32_t i = 0; i < before->count; i++) {
        const struct member *now = members_find(members, before->at[i].id);
        if (now != NULL) before->at[i].flags = now->flags;
    }
}

/* Committed ones only: what is not may never have been. */
static void tell_changes(struct server *server, const struct members *members) {
    struct membership *membership = server->membership;
    struct members before = membership->told;
    if (before.count == 0) what_was_seen(server, members, &before);
    for (uint32_t id = 1; id <= RAFT_NODES_MAX; id++) {
        const struct member *was = members_find(&before, id), *is = members_find(members, id);
        bool is_another =
            was != NULL && is != NULL && memcmp(was->uuid, is->uuid, sizeof(was->uuid)) != 0;
        if (is_another) tell_of(server, was, NULL);
        if (was != NULL || is != NULL) tell_of(server, is_another ? NULL : was, is);
    }
    membership->told = *members;
}

static void tell_removal(struct server *server) {
    if (!replica_is_removed(server->replica) || server->membership->removal_told) return;
    server->membership->removal_told = true;
    log_line(&server->log, LOG_LEVEL_WARNING,
             "This node (%u) was removed from its cluster: it takes no part any more and refuses "
             "commands. Stop it. To let the machine in again, start with an empty directory and "
             "--join",
             server->identity.id);
}

/* --- the file `node` ---------------------------------------------------------------------------
 */

static void write_identity(struct server *server) {
    struct membership *membership = server->membership;
    if (membership->is_writing || !membership->is_stale || server->stopping) return;
    membership->is_writing = true;
    membership->is_stale = false;
    membership->text.size = 0;
    identity_encode(&server->identity, &membership->text);
    membership->span = buffer_bytes(&membership->text);
    struct disk_request request = {.number = IDENTITY_REQUEST,
                                   .call = DISK_REPLACE,
                                   .name = "node",
                                   .sync = true,
                                   .spans = &membership->span,
                                   .span_count = 1};
    disk_submit(server->disk, &request);
}

bool membership_completed(struct server *server, const struct disk_completion *completion) {
    if (completion->number != IDENTITY_REQUEST) return false;
    server->membership->is_writing = false;
    /* A full disk: it is only where a start begins to look. The cron tries again. */
    if (completion->error != ERROR_NONE) server->membership->is_stale = true;
    return true;
}

/* --- what follows from a change ----------------------------------------------------------------
 */

static uint32_t leaving(const struct raft *raft) {
    struct raft_peer_status peers[RAFT_NODES_MAX];
    uint32_t count = raft_peers(raft, peers, RAFT_NODES_MAX), set = 0;
    for (uint32_t i = 0; i < count; i++)
        if (peers[i].leaving) set |= 1u << peers[i].id;
    return set;
}

/* A node that has company has to be reachable. */
static void keep_port_open(struct server *server) {
    struct membership *membership = server->membership;
    const struct members *members = replica_members(server->replica);
    bool is_wanted = members != NULL && members->count > 1 && server->peers == NULL;
    if (!is_wanted || server->stopping) return;
    struct buffer error = {0};
    if (!cluster_open_port(server, &error) && !membership->port_problem_told) {
        membership->port_problem_told = true;
        log_line(&server->log, LOG_LEVEL_WARNING, "The other members can't reach this node: %.*s",
                 (int)error.size, error.data);
    }
    buffer_clear(&error);
}

static void follow(struct server *server) {
    const struct raft *raft = replica_raft(server->replica);
    const struct members *members = raft_members(raft);
    if (members->count > 1) config_settle(&server->config, false);
    keep_port_open(server);
    if (server->peers == NULL) return;
    if (replica_is_removed(server->replica)) {
        static const struct members nobody;
        peers_set_members(server->peers, &nobody, 0, 0);
        return;
    }
    /* Nobody is told that it was removed by what may be taken back. */
    uint64_t certain = raft_members_are_committed(raft) ? raft_members_index(raft) : 0;
    peers_set_members(server->peers, members, leaving(raft), certain);
}

void membership_note(struct server *server) {
    if (replica_state(server->replica) != REPLICA_RUNNING) return;
    if (!replica_members_changed(server->replica)) return;
    const struct raft *raft = replica_raft(server->replica);
    const struct members *members = raft_members(raft);
    bool stands_in_it = members_find(members, server->identity.id) != NULL;
    bool is_current = raft_members_index(raft) >= server->identity.joined_index;
    if (!is_current && !replica_is_removed(server->replica)) return; /* from before it joined */
    if (raft_members_are_committed(raft) && !members->joint) tell_changes(server, members);
    if (stands_in_it && identity_note_members(&server->identity, members))
        server->membership->is_stale = true;
    tell_removal(server);
    follow(server);
    write_identity(server);
}

void membership_cron(struct server *server) {
    if (replica_state(server->replica) != REPLICA_RUNNING) return;
    write_identity(server);
    keep_port_open(server);
}
