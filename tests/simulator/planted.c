/* planted.c: see planted.h. */
#include "tests/simulator/planted.h"

#define IN_RAFT(BIT) .raft = RAFT_PLANTED_##BIT
#define IN_REPLICA(BIT) .replica = REPLICA_PLANTED_##BIT
#define IN_JOURNAL(BIT) .replica = JOURNAL_PLANTED_##BIT

const struct planted_bug planted_bugs[] = {
    {"vote-not-persisted", "Raft 5.2", IN_RAFT(VOTE_NOT_PERSISTED), .seeds_max = 400},
    {"commit-old-term", "Raft 5.4.2", IN_RAFT(COMMIT_OLD_TERM), .seeds_max = 4000},
    {"acknowledge-before-sync", "rule 8", IN_RAFT(ACKNOWLEDGE_BEFORE_SYNC), .seeds_max = 60},
    {"count-truncated", "rule 7", IN_RAFT(COUNT_TRUNCATED), .seeds_max = 400},
    {"commit-unverified", "rule 9", IN_RAFT(COMMIT_UNVERIFIED), .seeds_max = 60},
    {"lease-from-reply", "rule 5", IN_RAFT(LEASE_FROM_REPLY), .seeds_max = 150},
    {"keep-lease", "rule 5", IN_RAFT(KEEP_LEASE), .seeds_max = 200},
    {"break-promise", "rule 5", IN_RAFT(BREAK_PROMISE), .seeds_max = 200},
    {"read-unconfirmed", "Raft 6.4", IN_RAFT(READ_UNCONFIRMED), .seeds_max = 200},
    {"new-quorum-only", "thesis 4.3", IN_RAFT(NEW_QUORUM_ONLY), .seeds_max = 90},
    {"count-learners", "thesis 4.2", IN_RAFT(COUNT_LEARNERS), .seeds_max = 90},
    {"keep-cut-config", "thesis 4.1", IN_RAFT(KEEP_CUT_CONFIG), .seeds_max = 300},
    {"lease-new-quorum", "rule 5", IN_RAFT(LEASE_NEW_QUORUM), .seeds_max = 1500},
    {"busy-answers", "rule 16", IN_RAFT(BUSY_ANSWERS), .seeds_max = 1500},
    {"read-before-noop", "rule 2, RedisRaft 18", IN_RAFT(READ_BEFORE_NOOP), .seeds_max = 60},
    {"count-self-early", "rule 8, etcd 14370", IN_RAFT(COUNT_SELF_EARLY), .seeds_max = 30},
    {"no-silence", "rule 5", IN_RAFT(NO_SILENCE), .seeds_max = 400},
    {"vote-for-anyone", "Raft 5.4.1, RedisRaft 14", IN_RAFT(VOTE_FOR_ANYONE), .seeds_max = 60},
    {"heartbeat-waits", "etcd 9544", IN_RAFT(HEARTBEAT_WAITS), .seeds_max = 3000},
    {"apply-twice", "rule 17", IN_REPLICA(APPLY_TWICE), .seeds_max = 60},
    {"stale-lease", "rule 6", IN_REPLICA(STALE_LEASE), .seeds_max = 800},
    {"read-early", "rule 1", IN_REPLICA(READ_EARLY), .seeds_max = 60},
    {"refuse-early", "rule 18", IN_REPLICA(REFUSE_EARLY), .seeds_max = 60},
    {"damaged-votes", "rule 11", IN_RAFT(DAMAGED_VOTES), .seeds_max = 400},
    {"damage-is-torn", "rule 11", IN_JOURNAL(DAMAGE_IS_TORN), .seeds_max = 400},
    {"vote-is-empty", "rule 11", IN_JOURNAL(VOTE_IS_EMPTY), .seeds_max = 3000},
    {"install-drops-suffix", "Raft 7", IN_RAFT(INSTALL_DROPS_SUFFIX), .seeds_max = 1500},
    {"install-goes-back", "rule 13", IN_RAFT(INSTALL_GOES_BACK), .seeds_max = 3000},
    {"cut-early", "rule 13", IN_REPLICA(CUT_EARLY), .seeds_max = 400},
    {"install-unsynced", "rule 13", IN_REPLICA(INSTALL_UNSYNCED), .seeds_max = 400},
    {"deny-installed", "rule 19", IN_REPLICA(DENY_INSTALLED), .seeds_max = 200},
    {"read-before-applied", "rule 2", IN_REPLICA(READ_BEFORE_APPLIED), .seeds_max = 30},
    {"local-clock", "rule 3, RedisRaft's Using.md", IN_REPLICA(LOCAL_CLOCK), .seeds_max = 30},
    {"local-seed", "design 4", IN_REPLICA(LOCAL_SEED), .seeds_max = 60},
    {"snapshot-ahead", "rule 8, RedisRaft 43", IN_REPLICA(SNAPSHOT_AHEAD), .seeds_max = 3000},
    {"drop-news", "etcd 17529", IN_REPLICA(DROP_NEWS), .seeds_max = 90},
};
const size_t planted_bug_count = COUNT_OF(planted_bugs);
