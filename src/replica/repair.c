/* repair.c: a node whose disk has lost something comes back by the others (SAFETY 11).
 *
 * The journal finds out what is lost, the core decides when this node may speak again; here the two
 * are told of each other. Damage in the log: what is sound of it stays, a leader supplies the rest.
 * A damaged snapshot is as a log that begins too late, unless the log needs none.
 * A lost vote: the core asks all others for their terms. Both at once are too much: which nodes
 * there are to ask stands in the log. */
#include <stdio.h>

#include "raft/members.h"
#include "src/replica/mend.h"
#include "src/replica/replica_internal.h"

static bool is_only_voter(const struct replica *replica) {
    const struct members *members = raft_members(replica->raft);
    uint32_t voters = members_voters(members) | members_next_voters(members);
    return (voters & ~(1u << replica->config.raft.id)) == 0;
}

static void fail_beyond_repair(struct replica *replica) {
    replica_fail(
        replica,
        "%s; and %s: with both lost nobody can tell what this node has promised: " MEND_REPLACE(
            "%u"),
        replica->damage, journal_notice(replica->journal), replica->config.raft.id);
}

void replica_mend_log(struct replica *replica) {
    struct journal *journal = replica->journal;
    const struct raft_position *snapshot = &replica->snapshots.position;
    if (replica->raft == NULL) replica_create_raft(replica);
    size_t size = strlen(replica->damage); /* of a damaged snapshot, perhaps */
    snprintf(replica->damage + size, sizeof(replica->damage) - size, "%s%s",
             size > 0 ? "; and " : "", journal_problem(journal));
    if (is_only_voter(replica)) {
        replica_fail(replica,
                     "%s: no other node can supply what is lost: restore the whole directory from "
                     "a copy, or choose another --dir to start empty",
                     replica->damage);
        return;
    }
    if (journal_vote_is_lost(journal)) {
        fail_beyond_repair(replica);
        return;
    }
    bool reaches =
        raft_last_index(replica->raft) >= snapshot->index && !replica->snapshots.log_differs;
    if (reaches && journal_salvage(journal)) return;
    replica->snapshots.log_differs = false;
    struct raft_position empty = {.hash = replica->config.raft.base_hash};
    journal_restart(journal, snapshot->index > 0 ? snapshot : &empty);
    raft_destroy(replica->raft);
    replica->raft = NULL; /* It begins anew with the log. */
}

bool replica_mend_short_log(struct replica *replica) {
    if (is_only_voter(replica)) return false;
    snprintf(replica->damage, sizeof(replica->damage),
             "the log ends at index %llu, before " SNAPSHOT_NAME ", which ends at %llu",
             (unsigned long long)raft_last_index(replica->raft),
             (unsigned long long)replica->snapshots.position.index);
    journal_damaged(replica->journal);
    return true;
}

/* The cluster began with data that no log has, and this node has lost it before its log began
 * behind it: it has nothing until a leader sends a snapshot. False: nobody does. */
static bool begin_without_data(struct replica *replica) {
    bool lacks_data = replica->config.awaits_snapshot && replica->snapshots.position.index == 0 &&
                      journal_start(replica->journal).index == 0;
    if (!lacks_data) return true;
    if (replica->damage[0] == '\0')
        snprintf(replica->damage, sizeof(replica->damage),
                 SNAPSHOT_NAME " is missing, with which the cluster began");
    if (is_only_voter(replica)) {
        replica_fail(replica, "%s: no other node can supply it: start anew with that dump.rdb",
                     replica->damage);
        return false;
    }
    journal_damaged(replica->journal);
    return true;
}

bool replica_begin_repair(struct replica *replica) {
    if (!begin_without_data(replica)) return false;
    if (replica->snapshots.may_be_missed && !is_only_voter(replica))
        journal_damaged(replica->journal);
    bool damaged = journal_is_damaged(replica->journal);
    bool vote_lost = journal_vote_is_lost(replica->journal);
    if (damaged && replica->damage[0] == '\0')
        snprintf(replica->damage, sizeof(replica->damage),
                 "the log was damaged at an earlier start");
    if (damaged && vote_lost) {
        fail_beyond_repair(replica);
        return false;
    }
    raft_restore_losses(replica->raft, damaged, vote_lost);
    return true;
}

/* Its state is whole, and so is what it has promised; but it can't feed others from that part of
 * its log. So it leads no more than it has to, and a snapshot takes the place of that part. */
void replica_note_fetch(struct replica *replica, enum error error, uint64_t reached) {
    enum { FAILURES_IN_VAIN = 3 }; /* of reading, which may be luckier the next time */
    bool failed = error == ERROR_DAMAGED || error == ERROR_IO;
    replica->fetches_failed_in_row = failed ? replica->fetches_failed_in_row + 1 : 0;
    bool is_lost = error == ERROR_DAMAGED || replica->fetches_failed_in_row >= FAILURES_IN_VAIN;
    if (!failed || !is_lost) return;
    if (reached > replica->unreadable_index) replica->unreadable_index = reached;
    if (replica->snapshots.position.index < reached)
        replica_snapshots_want(replica);
    else
        replica_snapshots_look(replica);
}

static void tend_unreadable(struct replica *replica) {
    bool has_left = journal_start(replica->journal).index >= replica->unreadable_index;
    if (replica->unreadable_index == 0 || !has_left) return;
    replica->unreadable_index = 0;
    replica->statistics.repairs++;
}

void replica_tend_repair(struct replica *replica) {
    tend_unreadable(replica);
    bool is_damaged = raft_damaged(replica->raft);
    if (is_damaged == journal_is_damaged(replica->journal)) return;
    if (is_damaged) { /* A lapse: a restart must not forget it. */
        journal_damaged(replica->journal);
        return;
    }
    journal_repaired(replica->journal);
    replica->statistics.repairs++;
}

void replica_get_repair(const struct replica *replica, struct replica_repair *repair) {
    bool runs = replica->state == REPLICA_RUNNING;
    *repair = (struct replica_repair){
        .damage = replica->damage,
        .notice = replica->state < REPLICA_RUNNING ? "" : journal_notice(replica->journal),
        .is_damaged = runs && raft_damaged(replica->raft),
        .is_marked = runs && (journal_is_marked_damaged(replica->journal) ||
                              replica_snapshots_has_damaged(replica)),
        .vote_is_lost = runs && raft_vote_is_lost(replica->raft),
        .unreadable_index = replica->unreadable_index,
        .untold = runs ? raft_untold(replica->raft) : 0,
        .lost_too = runs ? raft_told_lost(replica->raft) : 0,
        .index = runs ? raft_persisted_index(replica->raft) : 0,
    };
}
