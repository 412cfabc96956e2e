/* members.c: configurations as plain values; sets of ids as bits, which every count works on. */
#include "raft/members.h"

enum { HEAD_SIZE = 4, ROW_SIZE = 22 };

void members_of_voters(struct members *members, struct member_ids ids) {
    *members = (struct members){0};
    for (uint32_t i = 0; i < ids.count; i++) {
        bool put = members_put(members, &(struct member){.id = ids.at[i], .flags = MEMBER_VOTER});
        CHECK(put);
    }
}

/* Where the member with this id stands, or would have to. */
static uint32_t place_of(const struct members *members, uint32_t id) {
    uint32_t i = 0;
    while (i < members->count && members->at[i].id < id)
        i++;
    return i;
}

const struct member *members_find(const struct members *members, uint32_t id) {
    uint32_t i = place_of(members, id);
    return i < members->count && members->at[i].id == id ? &members->at[i] : NULL;
}

bool members_put(struct members *members, const struct member *member) {
    uint32_t i = place_of(members, member->id);
    if (i == members->count || members->at[i].id != member->id) {
        if (members->count == RAFT_NODES_MAX) return false;
        memmove(&members->at[i + 1], &members->at[i], (members->count - i) * sizeof(struct member));
        members->count++;
        members->last_id = member->id;
    }
    members->at[i] = *member;
    return true;
}

void members_drop(struct members *members, uint32_t id) {
    uint32_t i = place_of(members, id);
    if (i == members->count || members->at[i].id != id) return;
    members->count--;
    memmove(&members->at[i], &members->at[i + 1], (members->count - i) * sizeof(struct member));
    for (uint32_t k = 0; k < members->count; k++)
        if (members->at[k].replaces == id) members->at[k].replaces = 0;
}

uint32_t members_free_id(const struct members *members, uint32_t taken) {
    taken |= members_all(members);
    for (uint32_t step = 0; step < RAFT_NODES_MAX; step++) {
        uint32_t id = 1 + (members->last_id + step) % RAFT_NODES_MAX;
        if ((taken >> id & 1) == 0) return id;
    }
    return 0;
}

/* Those with one of these flags; with 0: all. */
static uint32_t those_with(const struct members *members, uint32_t flags) {
    uint32_t set = 0;
    for (uint32_t i = 0; i < members->count; i++) {
        if (flags == 0 || (members->at[i].flags & flags) != 0) set |= 1u << members->at[i].id;
    }
    return set;
}

uint32_t members_all(const struct members *members) {
    return those_with(members, 0);
}
uint32_t members_voters(const struct members *members) {
    return those_with(members, MEMBER_VOTER);
}
uint32_t members_next_voters(const struct members *members) {
    return those_with(members, MEMBER_NEXT_VOTER);
}

uint32_t members_to_promote(const struct members *members) {
    return those_with(members, MEMBER_PROMOTE);
}

static bool flags_make_sense(const struct member *member, bool joint) {
    uint32_t flags = member->flags;
    bool known =
        (flags & ~(uint32_t)(MEMBER_VOTER | MEMBER_NEXT_VOTER | MEMBER_LEAVES | MEMBER_PROMOTE)) ==
        0;
    bool votes = (flags & (MEMBER_VOTER | MEMBER_NEXT_VOTER)) != 0;
    bool leaves = (flags & MEMBER_LEAVES) != 0, promote = (flags & MEMBER_PROMOTE) != 0;
    if (!known || (promote && (votes || leaves))) return false;
    if (!joint) return (flags & (MEMBER_NEXT_VOTER | MEMBER_LEAVES)) == 0;
    return !leaves || (flags & MEMBER_NEXT_VOTER) == 0;
}

static enum error validate_member(const struct member *member, bool joint) {
    if (member->id == 0 || member->id > RAFT_NODES_MAX) return ERROR_RANGE;
    if (member->port > UINT16_MAX || member->replaces > RAFT_NODES_MAX) return ERROR_RANGE;
    if (!flags_make_sense(member, joint)) return ERROR_MALFORMED;
    bool promote = (member->flags & MEMBER_PROMOTE) != 0;
    if (member->replaces != 0 && (!promote || member->replaces == member->id)) {
        return ERROR_MALFORMED;
    }
    if (memchr(member->host, '\0', sizeof(member->host)) == NULL) return ERROR_MALFORMED;
    return ERROR_NONE;
}

enum error members_validate(const struct members *members) {
    static const char unknown[MEMBER_UUID_SIZE];
    if (members->count > RAFT_NODES_MAX || members->last_id > RAFT_NODES_MAX) return ERROR_RANGE;
    for (uint32_t i = 0; i < members->count; i++) {
        const struct member *member = &members->at[i];
        enum error error = validate_member(member, members->joint);
        if (error != ERROR_NONE) return error;
        if (i > 0 && members->at[i - 1].id >= member->id) return ERROR_MALFORMED;
        if (memcmp(member->uuid, unknown, sizeof(unknown)) == 0) continue;
        for (uint32_t k = 0; k < i; k++) {
            if (memcmp(members->at[k].uuid, member->uuid, sizeof(unknown)) == 0)
                return ERROR_MALFORMED;
        }
    }
    if (members_voters(members) == 0) return ERROR_MALFORMED;
    if (members->joint && members_next_voters(members) == 0) return ERROR_MALFORMED;
    return ERROR_NONE;
}

/* --- changes -------------------------------------------------------------------------------- */

void members_begin_change(struct members_change change, struct members *first) {
    CHECK(!change.from->joint && !change.to->joint);
    *first = *change.to;
    if (members_voters(change.from) == members_voters(change.to)) return;

    first->joint = true;
    for (uint32_t i = 0; i < first->count; i++) {
        struct member *member = &first->at[i];
        const struct member *before = members_find(change.from, member->id);
        if ((member->flags & MEMBER_VOTER) != 0)
            member->flags = MEMBER_NEXT_VOTER | (member->flags & ~(uint32_t)MEMBER_VOTER);
        if (before != NULL) member->flags |= before->flags & MEMBER_VOTER;
        if ((member->flags & MEMBER_VOTER) != 0) member->flags &= ~(uint32_t)MEMBER_PROMOTE;
        if ((member->flags & MEMBER_PROMOTE) == 0) member->replaces = 0;
    }
    for (uint32_t i = 0; i < change.from->count; i++) {
        struct member leaving = change.from->at[i];
        bool votes = (leaving.flags & MEMBER_VOTER) != 0;
        if (!votes || members_find(first, leaving.id) != NULL) continue;
        leaving.flags = MEMBER_VOTER | MEMBER_LEAVES;
        bool put = members_put(first, &leaving);
        CHECK(put); /* The caller has seen to it that both together fit. */
    }
    first->last_id = change.to->last_id;
}

void members_end_change(const struct members *joint, struct members *last) {
    CHECK(joint->joint);
    *last = (struct members){.last_id = joint->last_id};
    for (uint32_t i = 0; i < joint->count; i++) {
        struct member member = joint->at[i];
        if ((member.flags & MEMBER_LEAVES) != 0) continue;
        bool votes = (member.flags & MEMBER_NEXT_VOTER) != 0;
        member.flags = votes ? MEMBER_VOTER : member.flags & MEMBER_PROMOTE;
        last->at[last->count++] = member;
    }
}

/* --- bytes ---------------------------------------------------------------------------------- */

void members_encode(const struct members *members, struct buffer *out) {
    CHECK(members_validate(members) == ERROR_NONE);
    buffer_append_byte(out, MEMBERS_FORMAT);
    buffer_append_byte(out, (char)members->joint);
    buffer_append_byte(out, (char)members->count);
    buffer_append_byte(out, (char)members->last_id);
    for (uint32_t i = 0; i < members->count; i++) {
        const struct member *member = &members->at[i];
        char row[ROW_SIZE] = {(char)member->id, (char)member->flags, (char)member->replaces,
                              (char)strlen(member->host)};
        store_u16(row + 4, (uint16_t)member->port);
        memcpy(row + 6, member->uuid, MEMBER_UUID_SIZE);
        buffer_append(out, row, sizeof(row));
        buffer_append(out, member->host, strlen(member->host));
    }
}

static enum error decode_member(struct bytes rest, struct member *member, size_t *size) {
    if (rest.size < ROW_SIZE) return ERROR_TRUNCATED;
    const uint8_t *row = (const uint8_t *)rest.data;
    *member = (struct member){
        .id = row[0], .flags = row[1], .replaces = row[2], .port = load_u16(rest.data + 4)};
    size_t host_size = row[3];
    memcpy(member->uuid, rest.data + 6, MEMBER_UUID_SIZE);
    *size = ROW_SIZE + host_size;
    if (rest.size < *size) return ERROR_TRUNCATED;
    if (host_size > 0 && memchr(rest.data + ROW_SIZE, '\0', host_size) != NULL)
        return ERROR_MALFORMED;
    memcpy(member->host, rest.data + ROW_SIZE, host_size);
    return ERROR_NONE;
}

enum error members_decode(struct bytes body, struct members *members) {
    if (body.size < HEAD_SIZE) return ERROR_TRUNCATED;
    const uint8_t *head = (const uint8_t *)body.data;
    if (head[0] > MEMBERS_FORMAT) return ERROR_VERSION;
    if (head[0] != MEMBERS_FORMAT || head[1] > 1) return ERROR_MALFORMED;
    if (head[2] > RAFT_NODES_MAX) return ERROR_RANGE;
    *members = (struct members){.joint = head[1] == 1, .count = head[2], .last_id = head[3]};
    size_t at = HEAD_SIZE;
    for (uint32_t i = 0; i < members->count; i++) {
        size_t size = 0;
        enum error error = decode_member(bytes_slice(body, at, SIZE_MAX), &members->at[i], &size);
        if (error != ERROR_NONE) return error;
        at += size;
    }
    if (at != body.size) return ERROR_MALFORMED;
    return members_validate(members);
}

/* --- text ----------------------------------------------------------------------------------- */

static void print_set(const struct members *members, uint32_t voters, bool last,
                      struct buffer *out) {
    const char *space = "";
    for (uint32_t i = 0; i < members->count; i++) {
        const struct member *member = &members->at[i];
        if (last && (member->flags & MEMBER_LEAVES) != 0) continue;
        bool votes = (voters & 1u << member->id) != 0;
        buffer_append_format(out, "%sn%u%s", space, member->id, votes ? "" : " (learner)");
        space = " ";
    }
}

void members_print(const struct members *members, struct buffer *out) {
    print_set(members, members_voters(members), false, out);
    if (!members->joint) return;
    buffer_append_format(out, " -> ");
    print_set(members, members_next_voters(members), true, out);
}
