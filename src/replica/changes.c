/* changes.c: who belongs to the cluster: changes that were asked for, and what follows from them.
 *
 * Whoever wants a change asks its own node, which asks the leader, again and again, until it hears
 * that the change is committed, or why it can't be. The leader keeps nothing: each question is
 * judged by the configuration in force, and a change that stands in it already is done as soon as
 * that is committed. So neither a lost packet nor another leader changes what the asker is told. A
 * question names the configuration that its asker knew, and moves the leader only while that is the
 * newest: one that comes late, or twice, finds another and does nothing.
 *
 * One thing the leader does keep, for a second: who is awaited in another one's place. Whoever asks
 * for that asks on, so another leader knows it as soon; and the newcomer may be let in by any node.
 *
 * What follows from a configuration is done in two places: what concerns the log's end (syncing,
 * the leader's table of origins) when it comes into force, what is replicated state (origins of
 * nodes that are gone) when it is applied. */
#include <stdarg.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/table.h"
#include "src/replica/replica_internal.h"

enum {
    ASK_AGAIN_US = 50 * 1000,
    AWAITED_US = 1000 * 1000,
    LATE_US = 30 * 1000 * 1000,
    FORGET_US = 60 * 1000 * 1000, /* a ticket that nobody asks about */
    /* ticket, basis, kind, id, replaces, size of the host's name, port, uuid; then the host */
    CHANGE_SIZE = 16 + 4 + 2 + MEMBER_UUID_SIZE,
    CHANGED_SIZE = 8 + 2, /* ticket, state, id; then the reason */
};

/* Fewer than this: whoever starts again draws from elsewhere (replica_create()). */
static const uint64_t TICKETS_OF_A_BOOT = (uint64_t)1 << 32;

const char replica_removed_text[] =
    "CLUSTERDOWN this node was removed from its cluster: not executed; ask another one";

/* --- what a configuration means ----------------------------------------------------------------
 */

const struct members *replica_members(const struct replica *replica) {
    return replica->raft == NULL ? NULL : raft_members(replica->raft);
}

bool replica_members_changed(struct replica *replica) {
    bool changed = replica->members_changed;
    replica->members_changed = false;
    return changed;
}

bool replica_is_removed(const struct replica *replica) {
    return replica->is_removed;
}

/* Nobody hears of this node any more: whoever listens here would wait for ever. */
static void end_subscribers(struct replica *replica) {
    for (uint32_t i = 0; i < table_size(replica->sessions); i++)
        session_end_subscriber(replica, table_at(replica->sessions, i));
}

static void note_removal(struct replica *replica) {
    if (replica->is_removed) return;
    replica->is_removed = true;
    end_subscribers(replica);
}

/* The one that it has itself may say so too: it could not learn that it is committed, perhaps. */
static bool is_outside_at(const struct replica *replica, uint64_t members_index) {
    uint64_t known = raft_members_index(replica->raft);
    bool stands_in_it = members_find(raft_members(replica->raft), replica->config.raft.id) != NULL;
    return members_index >= replica->config.raft.joined_index &&
           (members_index > known || (members_index == known && !stands_in_it));
}

void replica_note_removed(struct replica *replica, uint64_t members_index) {
    bool runs = replica->raft != NULL && replica->state == REPLICA_RUNNING;
    if (!runs || replica->is_removed || !is_outside_at(replica, members_index)) return;
    note_removal(replica);
    replica->members_changed = true;
}

/* Under an id that is nobody's at present: it may be given to another node. */
static void forget_what_was_told(struct replica *replica, const struct members *members) {
    for (uint32_t id = 1; id <= RAFT_NODES_MAX; id++) {
        if (id == replica->config.raft.id || members_find(members, id) != NULL) continue;
        compare_forget(&replica->compare, id);
        compare_forget(&replica->verified, id);
        replica->speaks[id] = 0;
    }
}

void replica_note_members(struct replica *replica) {
    const struct members *members = raft_members(replica->raft);
    replica->members_changed = true;
    forget_what_was_told(replica, members);
    if (members->count > 1) journal_set_sync(replica->journal, replica->config.sync_shared);
    if (replica->state == REPLICA_RUNNING && raft_is_removed(replica->raft)) note_removal(replica);
    if (replica->leading && !members->joint)
        origins_close_former(&replica->tail_origins, members, NULL, NULL);
}

static const struct member *find_by_uuid(const struct members *members, const char *uuid) {
    for (uint32_t i = 0; i < members->count; i++)
        if (memcmp(members->at[i].uuid, uuid, MEMBER_UUID_SIZE) == 0) return &members->at[i];
    return NULL;
}

static bool is_at(const struct member *member, const struct member *place) {
    return member->port == place->port && strcmp(member->host, place->host) == 0;
}

/* Another one than `but`. */
static const struct member *find_by_address(const struct members *members,
                                            const struct member *wanted, uint32_t but) {
    for (uint32_t i = 0; i < members->count; i++) {
        const struct member *member = &members->at[i];
        if (member->id != but && is_at(member, wanted)) return member;
    }
    return NULL;
}

/* The newcomer stands there, and the old one is gone, or will be. */
static uint32_t replacement_shown_by(const struct replica_change *change,
                                     const struct members *members) {
    const struct member *newcomer = find_by_address(members, &change->member, change->id);
    if (newcomer == NULL) return 0;
    bool is_settled = newcomer->replaces == change->id || members_find(members, change->id) == NULL;
    return is_settled ? newcomer->id : 0;
}

/* The member that shows that a change has been made; its id, 0: it has not. */
static uint32_t shown_by(const struct replica_change *change, const struct members *members) {
    if (change->kind == REPLICA_REPLACE) return replacement_shown_by(change, members);
    const struct member *member = change->kind == REPLICA_ADD
                                      ? find_by_uuid(members, change->member.uuid)
                                      : members_find(members, change->id);
    if (change->kind == REPLICA_REMOVE) return member == NULL ? change->id : 0;
    if (member == NULL) return 0;
    bool is_made = change->kind == REPLICA_PROMOTE ? (member->flags & MEMBER_VOTER) != 0
                   : change->kind == REPLICA_MOVE  ? is_at(member, &change->member)
                                                   : true;
    return is_made ? member->id : 0;
}

/* By a committed configuration. One that was made is not asked for any more: it may be taken back
 * by the next. */
static void settle_by(struct open_change *open, const struct members *members) {
    uint32_t id = shown_by(&open->change, members);
    if (id != 0)
        open->status = (struct replica_change_status){.state = REPLICA_CHANGE_DONE, .id = id};
}

void replica_apply_members(struct replica *replica, const struct members *members) {
    if (members->joint) return;
    for (uint32_t i = 0; i < CHANGES_MAX; i++) {
        struct open_change *open = &replica->changes[i];
        bool is_open = open->ticket != 0 && open->status.state == REPLICA_CHANGE_OPEN;
        if (is_open) settle_by(open, members);
    }
    const struct origin *own =
        replica->origin == 0 ? NULL : origins_find(&replica->origins, replica->origin);
    uint64_t last = own == NULL ? 0 : own->last;
    origins_close_former(&replica->origins, members, replica_release_origin, replica);
    bool is_closed =
        replica->origin != 0 && origins_find(&replica->origins, replica->origin) == NULL;
    if (is_closed) replica_origin_closed(replica, last);
}

/* --- the leader judges -------------------------------------------------------------------------
 */

/* basis: of the configuration that the asker has in force. */
struct question {
    uint32_t from; /* a node's id */
    uint64_t ticket;
    struct replica_change change;
    uint64_t basis;
};

struct verdict {
    enum replica_change_state state;
    uint32_t id;
    char reason[REPLICA_REASON_SIZE];
};

PRINTF_LIKE(1, 2) static struct verdict refuse(const char *format, ...) {
    struct verdict verdict = {.state = REPLICA_CHANGE_REFUSED};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(verdict.reason, sizeof(verdict.reason), format, arguments);
    va_end(arguments);
    return verdict;
}

static struct verdict wait_for(const char *reason) {
    struct verdict verdict = {.state = REPLICA_CHANGE_OPEN};
    snprintf(verdict.reason, sizeof(verdict.reason), "%s", reason);
    return verdict;
}

/* The configuration in force says what was asked for. */
static struct verdict in_force(const struct replica *replica, uint32_t id) {
    bool is_final =
        raft_members_are_committed(replica->raft) && !raft_members(replica->raft)->joint;
    if (!is_final) return wait_for("it is not committed yet");
    return (struct verdict){.state = REPLICA_CHANGE_DONE, .id = id};
}

static bool passes(enum raft_refusal refusal) {
    return refusal == RAFT_REFUSED_TOO_EARLY || refusal == RAFT_REFUSED_CHANGE_OPEN ||
           refusal == RAFT_REFUSED_HANDING_OVER || refusal == RAFT_REFUSED_NOT_LEADER;
}

/* Its content, as the index is that of a snapshot where the log has forgotten the entry. Contents
 * do not come again: each node that is added has a uuid of its own. */
static uint64_t basis(const struct replica *replica) {
    const struct members *members = raft_members(replica->raft);
    if (members->count == 0) return 0;
    struct buffer body = {0};
    members_encode(members, &body);
    uint64_t hash = hash_bytes(buffer_bytes(&body), 0);
    buffer_clear(&body);
    return hash;
}

static bool is_outdated(const struct replica *replica, const struct question *question) {
    return question->basis != basis(replica);
}
static struct verdict outdated(void) {
    return wait_for("the node that was asked does not know the newest members yet");
}

static struct verdict reconfigure(struct replica *replica, const struct members *target) {
    struct raft_event event = {.type = RAFT_EVENT_RECONFIGURE, .members = target};
    enum raft_refusal refusal = replica_raft_step(replica, &event);
    if (refusal == RAFT_REFUSED_NONE) return wait_for("it is not committed yet");
    const char *text = raft_refusal_text(refusal);
    return passes(refusal) ? wait_for(text) : refuse("%s", text);
}

static bool find_peer(const struct replica *replica, uint32_t id, struct raft_peer_status *peer) {
    struct raft_peer_status peers[RAFT_NODES_MAX];
    uint32_t count = raft_peers(replica->raft, peers, RAFT_NODES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        if (peers[i].id != id) continue;
        *peer = peers[i];
        return true;
    }
    return false;
}

static bool is_reachable(const struct replica *replica, const struct raft_peer_status *peer) {
    return replica->now.now_us - peer->last_contact_us < replica->config.raft.election_us;
}

/* The next id in turn. One that was just given back has to wait until its node has been told: what
 * is known of that node must not count for another one. */
static uint32_t draw_id(const struct replica *replica, const struct members *members) {
    struct raft_peer_status peers[RAFT_NODES_MAX];
    uint32_t count = raft_peers(replica->raft, peers, RAFT_NODES_MAX);
    uint32_t taken = 1u << replica->config.raft.id;
    for (uint32_t i = 0; i < count; i++)
        taken |= 1u << peers[i].id;
    return members_free_id(members, taken);
}

/* What is acknowledged to clients before there is a learner must not be lost afterwards either: a
 * node that was alone and did not sync always does so first (SAFETY 14). */
static bool is_ready_for_company(struct replica *replica) {
    journal_set_sync(replica->journal, replica->config.sync_shared);
    return replica->config.sync_shared != JOURNAL_SYNC_ALWAYS ||
           journal_is_synced(replica->journal);
}

/* --- who is awaited in another one's place --- */

static bool is_awaited_still(const struct replica *replica, const struct awaited_member *awaited) {
    return awaited->member.replaces != 0 && replica->now.now_us < awaited->until_us;
}

/* Whom the one at this address is to replace; 0: nobody. */
static uint32_t awaited_instead_of(const struct replica *replica, const struct member *wanted) {
    for (uint32_t i = 0; i < CHANGES_MAX; i++) {
        const struct awaited_member *awaited = &replica->awaited[i];
        bool is_meant = is_awaited_still(replica, awaited) && is_at(&awaited->member, wanted);
        if (is_meant) return awaited->member.replaces;
    }
    return 0;
}

/* False: too many are awaited. */
static bool await_member(struct replica *replica, const struct replica_change *change) {
    struct awaited_member *free = NULL;
    for (uint32_t i = 0; i < CHANGES_MAX; i++) {
        struct awaited_member *awaited = &replica->awaited[i];
        bool is_the_one = is_at(&awaited->member, &change->member);
        if (is_the_one || !is_awaited_still(replica, awaited)) free = awaited;
        if (is_the_one) break;
    }
    if (free == NULL) return false;
    free->member = change->member;
    free->member.replaces = change->id;
    free->until_us = replica->now.now_us + AWAITED_US;
    return true;
}

static const struct member *find_replacing(const struct members *members, uint32_t id) {
    for (uint32_t i = 0; i < members->count; i++)
        if (members->at[i].replaces == id) return &members->at[i];
    return NULL;
}

static struct verdict refuse_second(uint32_t first, uint32_t replaced) {
    return refuse("node %u is to take the place of node %u already: RAFT REMOVE %u first, if it is "
                  "another one that shall",
                  first, replaced, first);
}

static struct verdict judge_add(struct replica *replica, const struct question *question) {
    const struct replica_change *change = &question->change;
    const struct members *present = raft_members(replica->raft);
    const struct member *member = find_by_uuid(present, change->member.uuid);
    if (member != NULL) return in_force(replica, member->id);
    uint32_t replaces = change->member.replaces;
    if (replaces == 0) replaces = awaited_instead_of(replica, &change->member);
    member = find_by_address(present, &change->member, replaces);
    if (member != NULL)
        return refuse("%s:%u is the address of node %u, whose data directory is another one: bring "
                      "that back, or, if it is lost, have this one take its place: RAFT ADD with "
                      "REPLACE %u, and start it again",
                      member->host, member->port, member->id, member->id);
    if (replaces != 0 && members_find(present, replaces) == NULL)
        return refuse("there is no node %u to be replaced", replaces);
    const struct member *second = replaces == 0 ? NULL : find_replacing(present, replaces);
    if (second != NULL) return refuse_second(second->id, replaces);
    if (is_outdated(replica, question)) return outdated();
    if (!is_ready_for_company(replica)) return wait_for("what was written is being synced");
    if (present->count == RAFT_NODES_MAX)
        return refuse("a cluster has %d members at most", RAFT_NODES_MAX);
    struct members target = *present;
    struct member learner = change->member;
    learner.id = draw_id(replica, present);
    learner.flags = MEMBER_PROMOTE;
    learner.replaces = replaces;
    if (learner.id == 0) return wait_for("a node that was removed is being told");
    if (!members_put(&target, &learner)) return refuse("there are too many members");
    return reconfigure(replica, &target);
}

/* It is a learner: it has to come first, and be given its task while it is one. */
static struct verdict judge_replace(struct replica *replica, const struct question *question) {
    const struct replica_change *change = &question->change;
    const struct members *present = raft_members(replica->raft);
    const struct member *old = members_find(present, change->id);
    const struct member *newcomer = find_by_address(present, &change->member, change->id);
    bool goes = old == NULL || (old->flags & MEMBER_LEAVES) != 0;
    if (newcomer != NULL && (goes || newcomer->replaces == change->id))
        return in_force(replica, newcomer->id);
    if (goes) return refuse("there is no node %u", change->id);
    const struct member *second = find_replacing(present, change->id);
    if (second != NULL) return refuse_second(second->id, change->id);
    if (newcomer == NULL)
        return await_member(replica, change) ? wait_for("the new node has not come yet")
                                             : refuse("too many new nodes are awaited");
    if ((newcomer->flags & (MEMBER_VOTER | MEMBER_NEXT_VOTER)) != 0)
        return refuse("node %u, at %s:%u, votes already: if it is the new one, RAFT REMOVE %u is "
                      "what is left to do",
                      newcomer->id, newcomer->host, newcomer->port, change->id);
    if (newcomer->replaces != 0) return refuse_second(newcomer->id, newcomer->replaces);
    if (is_outdated(replica, question)) return outdated();
    struct members target = *present;
    struct member learner = *newcomer;
    learner.flags |= MEMBER_PROMOTE;
    learner.replaces = change->id;
    (void)members_put(&target, &learner);
    return reconfigure(replica, &target);
}

/* Those that would be left have to make decisions: the change itself is the first. */
static bool can_decide(const struct replica *replica, uint32_t voters) {
    uint32_t count = 0, reachable = 0;
    for (uint32_t id = 1; id <= RAFT_NODES_MAX; id++) {
        if ((voters >> id & 1) == 0) continue;
        struct raft_peer_status peer;
        count++;
        reachable += id == replica->config.raft.id ||
                     (find_peer(replica, id, &peer) && is_reachable(replica, &peer));
    }
    return reachable > count / 2;
}

static struct verdict hand_over_first(struct replica *replica) {
    if (raft_transfer_target(replica->raft) != 0)
        return wait_for("leadership is being handed over");
    struct raft_event event = {.type = RAFT_EVENT_TRANSFER};
    enum raft_refusal refusal = replica_raft_step(replica, &event);
    bool is_begun = refusal == RAFT_REFUSED_NONE || passes(refusal);
    return is_begun ? wait_for("leadership is being handed over")
                    : refuse("%s", raft_refusal_text(refusal));
}

static struct verdict judge_remove(struct replica *replica, const struct question *question) {
    uint32_t id = question->change.id;
    const struct members *present = raft_members(replica->raft);
    const struct member *member = members_find(present, id);
    if (member == NULL || (member->flags & MEMBER_LEAVES) != 0) return in_force(replica, id);
    if (present->joint || !raft_members_are_committed(replica->raft))
        return wait_for(raft_refusal_text(RAFT_REFUSED_CHANGE_OPEN));
    struct members target = *present;
    members_drop(&target, id);
    uint32_t voters = members_voters(&target);
    if (voters == 0) return refuse("%s", raft_refusal_text(RAFT_REFUSED_NO_VOTERS));
    if (!can_decide(replica, voters))
        return refuse("of the voters that would be left no majority can be reached: bring them "
                      "back first, or remove one that is lost");
    if (is_outdated(replica, question)) return outdated();
    if (id == replica->config.raft.id) return hand_over_first(replica);
    return reconfigure(replica, &target);
}

static struct verdict judge_promote(struct replica *replica, const struct question *question) {
    uint32_t id = question->change.id;
    const struct members *present = raft_members(replica->raft);
    const struct member *member = members_find(present, id);
    if (member == NULL) return refuse("there is no node %u", id);
    if ((member->flags & (MEMBER_VOTER | MEMBER_NEXT_VOTER)) != 0) return in_force(replica, id);
    struct raft_peer_status peer;
    bool is_fed = find_peer(replica, id, &peer) && is_reachable(replica, &peer) &&
                  peer.state == RAFT_PEER_REPLICATE;
    if (is_outdated(replica, question)) return outdated();
    if (!is_fed) return refuse("node %u has not caught up yet, or does not answer", id);
    struct members target = *present;
    struct member voter = *member;
    voter.flags = MEMBER_VOTER;
    voter.replaces = 0;
    if (member->replaces != 0) members_drop(&target, member->replaces);
    (void)members_put(&target, &voter);
    return reconfigure(replica, &target);
}

static struct verdict judge_move(struct replica *replica, const struct question *question) {
    const struct replica_change *change = &question->change;
    const struct members *present = raft_members(replica->raft);
    const struct member *member = members_find(present, change->id);
    if (member == NULL) return refuse("there is no node %u", change->id);
    const struct member *there = find_by_address(present, &change->member, 0);
    if (there != NULL && there->id == change->id) return in_force(replica, change->id);
    if (there != NULL)
        return refuse("%s:%u is the address of node %u", there->host, there->port, there->id);
    if (is_outdated(replica, question)) return outdated();
    struct members target = *present;
    struct member moved = *member;
    moved.port = change->member.port;
    memcpy(moved.host, change->member.host, sizeof(moved.host));
    (void)members_put(&target, &moved);
    return reconfigure(replica, &target);
}

/* Only who certainly leads knows the newest configuration: another one's refusal would be no truth.
 * By its lease; or, as a leader that tried to hand over has none for the rest of its term, by a
 * read index asked for after the question came, or a later one of the same node's, which draws its
 * tickets in turn: the question comes again until that is there. */
static bool is_certain(struct replica *replica, const struct question *question) {
    if (raft_has_lease(replica->raft, replica->now.now_us)) return true;
    struct doubt *doubt = &replica->doubts[question->from];
    bool is_covered = doubt->context != 0 && doubt->ticket - question->ticket < TICKETS_OF_A_BOOT;
    if (is_covered && replica_barrier_is_passed(replica, doubt->context)) return true;
    uint64_t context = replica_ask_for_index(replica); /* the one before may be lost */
    if (!is_covered) *doubt = (struct doubt){.ticket = question->ticket, .context = context};
    return false;
}

static struct verdict judge(struct replica *replica, const struct question *question) {
    if (!is_certain(replica, question)) return wait_for("the leader is not certain to lead");
    switch (question->change.kind) {
    case REPLICA_ADD:
        return judge_add(replica, question);
    case REPLICA_REMOVE:
        return judge_remove(replica, question);
    case REPLICA_PROMOTE:
        return judge_promote(replica, question);
    case REPLICA_MOVE:
        return judge_move(replica, question);
    case REPLICA_REPLACE:
        return judge_replace(replica, question);
    case REPLICA_CHANGE_KINDS:
        break;
    }
    CHECK(false);
    return refuse("?");
}

/* --- the question and the answer ---------------------------------------------------------------
 */

static void send_change(struct replica *replica, const struct open_change *open) {
    struct replica_packet *packet = packet_create(replica->known_leader, true, PACKET_CHANGE);
    const struct member *member = &open->change.member;
    struct buffer *out = &packet->head;
    buffer_append_u64(out, open->ticket);
    buffer_append_u64(out, basis(replica));
    buffer_append_byte(out, (char)open->change.kind);
    buffer_append_byte(out, (char)open->change.id);
    buffer_append_byte(out, (char)member->replaces);
    buffer_append_byte(out, (char)strlen(member->host));
    char port[2];
    store_u16(port, (uint16_t)member->port);
    buffer_append(out, port, sizeof(port));
    buffer_append(out, member->uuid, MEMBER_UUID_SIZE);
    buffer_append(out, member->host, strlen(member->host));
    replica_send(replica, packet, 0);
}

static enum error read_change(struct bytes body, struct question *question) {
    if (body.size < CHANGE_SIZE) return ERROR_TRUNCATED;
    const uint8_t *row = (const uint8_t *)body.data + 16;
    struct replica_change *change = &question->change;
    question->ticket = load_u64(body.data);
    question->basis = load_u64(body.data + 8);
    *change = (struct replica_change){
        .kind = (enum replica_change_kind)row[0],
        .id = row[1],
        .member = {.replaces = row[2], .port = load_u16(body.data + 20)},
    };
    size_t host_size = row[3];
    struct bytes host = bytes_slice(body, CHANGE_SIZE, SIZE_MAX);
    if (change->kind < REPLICA_ADD || change->kind >= REPLICA_CHANGE_KINDS) return ERROR_MALFORMED;
    if (change->id > RAFT_NODES_MAX || change->member.replaces > RAFT_NODES_MAX) return ERROR_RANGE;
    bool names_a_place = change->kind == REPLICA_ADD || change->kind == REPLICA_MOVE ||
                         change->kind == REPLICA_REPLACE;
    if (host.size != host_size) return ERROR_MALFORMED;
    if (names_a_place && (host_size == 0 || change->member.port == 0)) return ERROR_MALFORMED;
    if (host_size > 0 && memchr(host.data, '\0', host_size) != NULL) return ERROR_MALFORMED;
    memcpy(change->member.uuid, body.data + 22, MEMBER_UUID_SIZE);
    memcpy(change->member.host, host.data, host_size);
    return ERROR_NONE;
}

enum error replica_accept_change(struct replica *replica, uint32_t from, struct bytes body) {
    struct question question = {.from = from};
    enum error error = read_change(body, &question);
    if (error != ERROR_NONE || !replica->leading) return error;
    struct verdict verdict = judge(replica, &question);
    struct replica_packet *packet = packet_create(from, true, PACKET_CHANGED);
    buffer_append_u64(&packet->head, question.ticket);
    buffer_append_byte(&packet->head, (char)verdict.state);
    buffer_append_byte(&packet->head, (char)verdict.id);
    buffer_append(&packet->head, verdict.reason, strlen(verdict.reason));
    replica_send(replica, packet, 0);
    return ERROR_NONE;
}

static struct open_change *find_change(struct replica *replica, uint64_t ticket) {
    for (uint32_t i = 0; i < CHANGES_MAX; i++)
        if (ticket != 0 && replica->changes[i].ticket == ticket) return &replica->changes[i];
    return NULL;
}

enum error replica_receive_changed(struct replica *replica, uint32_t from, struct bytes body) {
    if (body.size < CHANGED_SIZE) return ERROR_TRUNCATED;
    uint8_t state = (uint8_t)body.data[8], id = (uint8_t)body.data[9];
    struct bytes reason = bytes_slice(body, CHANGED_SIZE, SIZE_MAX);
    if (state > REPLICA_CHANGE_REFUSED || reason.size >= REPLICA_REASON_SIZE)
        return ERROR_MALFORMED;
    struct open_change *open = find_change(replica, load_u64(body.data));
    bool is_wanted =
        open != NULL && open->status.state == REPLICA_CHANGE_OPEN && from == replica->known_leader;
    if (!is_wanted) return ERROR_NONE;
    open->status =
        (struct replica_change_status){.state = (enum replica_change_state)state, .id = id};
    if (reason.size > 0) memcpy(open->status.reason, reason.data, reason.size);
    return ERROR_NONE;
}

/* --- the node that was asked -------------------------------------------------------------------
 */

/* What needs no leader to be known. */
static void settle_here(struct replica *replica, struct open_change *open) {
    struct replica_change_status *status = &open->status;
    const struct members *members = raft_members(replica->raft);
    if (raft_members_are_committed(replica->raft) && !members->joint) settle_by(open, members);
    if (status->state != REPLICA_CHANGE_OPEN) return;
    if (replica->is_removed) {
        bool is_unknown = open->asked_us != 0; /* The leader may have begun it. */
        *status = (struct replica_change_status){.state = is_unknown ? REPLICA_CHANGE_LATE
                                                                     : REPLICA_CHANGE_REFUSED};
        snprintf(status->reason, sizeof(status->reason), "this node was removed from its cluster");
        return;
    }
    if (replica->now.now_us - open->since_us < LATE_US) return;
    status->state = REPLICA_CHANGE_LATE;
    if (status->reason[0] != '\0') return;
    snprintf(status->reason, sizeof(status->reason), "no leader is known to this node");
}

static void tend_change(struct replica *replica, struct open_change *open) {
    if (replica->now.now_us - open->since_us >= FORGET_US) {
        open->ticket = 0;
        return;
    }
    if (open->status.state == REPLICA_CHANGE_OPEN) settle_here(replica, open);
    bool is_due = open->asked_us == 0 || replica->now.now_us - open->asked_us >= ASK_AGAIN_US;
    if (open->status.state != REPLICA_CHANGE_OPEN || !is_due || replica->known_leader == 0) return;
    open->asked_us = replica->now.now_us;
    if (!replica->leading) {
        send_change(replica, open);
        return;
    }
    struct question question = {.from = replica->config.raft.id,
                                .ticket = open->ticket,
                                .change = open->change,
                                .basis = basis(replica)};
    struct verdict verdict = judge(replica, &question);
    open->status.state = verdict.state;
    open->status.id = verdict.id;
    memcpy(open->status.reason, verdict.reason, sizeof(verdict.reason));
}

void replica_tend_changes(struct replica *replica) {
    for (uint32_t i = 0; i < CHANGES_MAX; i++)
        if (replica->changes[i].ticket != 0) tend_change(replica, &replica->changes[i]);
}

uint64_t replica_changes_deadline_us(const struct replica *replica) {
    uint64_t deadline = UINT64_MAX;
    for (uint32_t i = 0; i < CHANGES_MAX; i++) {
        const struct open_change *open = &replica->changes[i];
        if (open->ticket == 0) continue;
        bool is_open = open->status.state == REPLICA_CHANGE_OPEN;
        uint64_t next = is_open ? replica->ticked_us + ASK_AGAIN_US : open->since_us + FORGET_US;
        if (is_open && open->asked_us == 0 && replica->known_leader != 0) next = 0;
        if (next < deadline) deadline = next;
    }
    return deadline;
}

/* A typing error is told at once. */
static bool names_nobody(const struct replica *replica, const struct replica_change *change) {
    bool names = change->kind != REPLICA_ADD;
    return names && members_find(raft_members(replica->raft), change->id) == NULL;
}

uint64_t replica_change_members(struct replica *replica, const struct replica_change *change,
                                struct replica_moment moment) {
    if (moment.now_us > replica->now.now_us) replica->now = moment;
    if (replica->state != REPLICA_RUNNING) return 0;
    struct open_change *open = NULL;
    for (uint32_t i = 0; i < CHANGES_MAX && open == NULL; i++)
        if (replica->changes[i].ticket == 0) open = &replica->changes[i];
    if (open == NULL) return 0;
    *open = (struct open_change){
        .ticket = ++replica->next_ticket, .change = *change, .since_us = replica->now.now_us};
    if (names_nobody(replica, change)) {
        open->status.state = REPLICA_CHANGE_REFUSED;
        snprintf(open->status.reason, sizeof(open->status.reason), "there is no node %u",
                 change->id);
    }
    return open->ticket;
}

struct replica_change_status replica_change_status(struct replica *replica, uint64_t ticket) {
    struct open_change *open = find_change(replica, ticket);
    if (open == NULL) {
        struct replica_change_status lost = {.state = REPLICA_CHANGE_LATE};
        snprintf(lost.reason, sizeof(lost.reason), "it was asked too long ago");
        return lost;
    }
    struct replica_change_status status = open->status;
    if (status.state != REPLICA_CHANGE_OPEN) open->ticket = 0;
    return status;
}

void replica_change_forget(struct replica *replica, uint64_t ticket) {
    struct open_change *open = find_change(replica, ticket);
    bool ends = open != NULL && open->change.kind == REPLICA_REPLACE;
    if (ends) open->ticket = 0;
}
