/* planted.h: mistakes that can be switched on, to prove that the tests would find them.
 *
 * Each bit of raft_config.planted makes the core commit one known mistake, at the place where a
 * builder would make it. The default is 0; nothing but tests sets a bit, and neither the
 * simulator's checker nor its scheduler knows which one is set. */
#pragma once

enum raft_planted {
    /* A vote, asked or given, leaves before it is durable (Raft 5.2). */
    RAFT_PLANTED_VOTE_NOT_PERSISTED = 1 << 0,
    /* An entry of an older term counts as committed once a majority has it (Raft 5.4.2). */
    RAFT_PLANTED_COMMIT_OLD_TERM = 1 << 1,
    /* A follower acknowledges entries that are not durable yet (SAFETY 8). */
    RAFT_PLANTED_ACKNOWLEDGE_BEFORE_SYNC = 1 << 2,
    /* A write counts for what stands at its indexes now, though it was cut off (SAFETY 7). */
    RAFT_PLANTED_COUNT_TRUNCATED = 1 << 3,
    /* The commit index is sent and believed beyond what was verified (SAFETY 9). */
    RAFT_PLANTED_COMMIT_UNVERIFIED = 1 << 4,
    /* The lease runs from the acknowledgement rather than from the sending (SAFETY 5). */
    RAFT_PLANTED_LEASE_FROM_REPLY = 1 << 5,
    /* A follower votes although it has promised a leader not to (SAFETY 5). */
    RAFT_PLANTED_BREAK_PROMISE = 1 << 6,
    /* A leader without a lease answers a read without asking a majority (Raft 6.4). */
    RAFT_PLANTED_READ_UNCONFIRMED = 1 << 7,
    /* In a joint configuration a majority of the new voters decides alone (thesis 4.3). */
    RAFT_PLANTED_NEW_QUORUM_ONLY = 1 << 8,
    /* Learners count towards commit (thesis 4.2.1). */
    RAFT_PLANTED_COUNT_LEARNERS = 1 << 9,
    /* A configuration that was cut from the log's end stays in force (thesis 4.1). */
    RAFT_PLANTED_KEEP_CUT_CONFIG = 1 << 10,
    /* A leader changes the members before it has committed an entry of its own term. */
    RAFT_PLANTED_CHANGE_TOO_EARLY = 1 << 11,
    /* A snapshot empties the log, although what is behind it was acknowledged (Raft 7). */
    RAFT_PLANTED_INSTALL_DROPS_SUFFIX = 1 << 12,
    /* A snapshot is taken although more than it holds is committed here. */
    RAFT_PLANTED_INSTALL_GOES_BACK = 1 << 13,
    /* In a joint configuration the lease rests on the new voters only (SAFETY 5): those who have
     * not heard of the change can elect another leader. */
    RAFT_PLANTED_LEASE_NEW_QUORUM = 1 << 14,
    /* "Busy" counts as an answer to the newest heartbeat, towards lease and reads (SAFETY 16). */
    RAFT_PLANTED_BUSY_ANSWERS = 1 << 15,
    /* A node whose log has lost entries votes and campaigns all the same (SAFETY 11). */
    RAFT_PLANTED_DAMAGED_VOTES = 1 << 16,
    /* A leader answers reads before it has committed an entry of its own term (SAFETY 2). */
    RAFT_PLANTED_READ_BEFORE_NOOP = 1 << 17,
    /* A leader counts itself for entries that its own disk does not have yet (SAFETY 8). */
    RAFT_PLANTED_COUNT_SELF_EARLY = 1 << 18,
    /* A node that has just started votes at once, whatever it had promised before (SAFETY 5). */
    RAFT_PLANTED_NO_SILENCE = 1 << 19,
    /* A leader keeps its lease although it has told another node to campaign (SAFETY 5). */
    RAFT_PLANTED_KEEP_LEASE = 1 << 20,
    /* A vote for a candidate whose log lacks entries (Raft 5.4.1). */
    RAFT_PLANTED_VOTE_FOR_ANYONE = 1 << 21,
    /* Heartbeats and their answers wait behind the disk (design, 6). */
    RAFT_PLANTED_HEARTBEAT_WAITS = 1 << 22,
    /* Two nodes that have lost their votes believe each other's terms (SAFETY 11). */
    RAFT_PLANTED_BELIEVE_LOST_TERMS = 1 << 23,
};

/* Of the journal, among the replica's. */
enum journal_planted {
    /* Whatever fails at the log's end counts as torn, and is cut off (SAFETY 11). */
    JOURNAL_PLANTED_DAMAGE_IS_TORN = 1 << 24,
    /* A vote file that can't be read counts as one that was never written (SAFETY 11). */
    JOURNAL_PLANTED_VOTE_IS_EMPTY = 1 << 25,
};
