/* identity.c: see identity.h. The text, one field a line:
 *
 *   hamok-node 1
 *   phase founded
 *   node <32 hex>
 *   cluster <32 hex>
 *   id 1
 *   member 1 <32 hex> 127.0.0.1 7001
 *   checksum <16 hex of all before>
 *
 * Version 2, written as soon as there is something that version 1 can't say: "joined 17 3", index
 * and term, behind the id (0 0 for a founder); and behind the founders the members last seen:
 *
 *   now 1 <32 hex> 127.0.0.1 7001
 */
#include "src/server/identity.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/number.h"

static const char *const phase_names[] = {[IDENTITY_EMPTY] = "empty",
                                          [IDENTITY_PREPARED] = "prepared",
                                          [IDENTITY_FOUNDED] = "founded",
                                          [IDENTITY_VOTING] = "voting"};

void identity_print_id(const char *id, size_t size, char *text) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[(unsigned char)id[i] >> 4];
        text[2 * i + 1] = digits[id[i] & 15];
    }
    text[2 * size] = '\0';
}

struct identity_list identity_known(const struct identity *identity) {
    if (identity->known_count > 0)
        return (struct identity_list){identity->known, identity->known_count};
    return (struct identity_list){identity->members, identity->member_count};
}

const struct identity_member *identity_member(const struct identity *identity, uint32_t id) {
    struct identity_list known = identity_known(identity);
    for (uint32_t i = 0; i < known.count; i++)
        if (known.at[i].id == id) return &known.at[i];
    return NULL;
}

static bool is_same(const struct identity_member *known, const struct member *member) {
    return known->id == member->id && known->port == member->port &&
           strcmp(known->host, member->host) == 0 &&
           memcmp(known->uuid, member->uuid, IDENTITY_ID_SIZE) == 0;
}

bool identity_note_members(struct identity *identity, const struct members *members) {
    struct identity_list known = identity_known(identity);
    bool same = known.count == members->count;
    for (uint32_t i = 0; same && i < known.count; i++)
        same = is_same(&known.at[i], &members->at[i]);
    if (same) return false;
    identity->known_count = members->count;
    for (uint32_t i = 0; i < members->count; i++) {
        const struct member *member = &members->at[i];
        struct identity_member *noted = &identity->known[i];
        *noted = (struct identity_member){.id = member->id, .port = (uint16_t)member->port};
        memcpy(noted->host, member->host, sizeof(noted->host));
        memcpy(noted->uuid, member->uuid, sizeof(noted->uuid));
    }
    return true;
}
_Static_assert(sizeof(((struct member *)0)->host) == IDENTITY_HOST_SIZE &&
                   sizeof(((struct member *)0)->uuid) == IDENTITY_ID_SIZE,
               "a member is told alike in the file and in the log");

void identity_founders(const struct identity *identity, struct members *members) {
    *members = (struct members){0};
    for (uint32_t i = 0; i < identity->member_count; i++) {
        const struct identity_member *founder = &identity->members[i];
        struct member member = {.id = founder->id, .flags = MEMBER_VOTER, .port = founder->port};
        memcpy(member.uuid, founder->uuid, sizeof(member.uuid));
        memcpy(member.host, founder->host, sizeof(member.host));
        CHECK(members_put(members, &member));
    }
}

static void append_id(struct buffer *out, const char *id) {
    char text[2 * IDENTITY_ID_SIZE + 1];
    identity_print_id(id, IDENTITY_ID_SIZE, text);
    buffer_append_format(out, "%s", text);
}

static void append_list(struct buffer *out, const char *word, struct identity_list list) {
    for (uint32_t i = 0; i < list.count; i++) {
        const struct identity_member *member = &list.at[i];
        buffer_append_format(out, "%s %u ", word, member->id);
        append_id(out, member->uuid);
        buffer_append_format(out, " %s %u\n", member->host, member->port);
    }
}

/* What all members agree on. */
static void append_members(const struct identity *identity, struct buffer *out) {
    buffer_append_format(out, "cluster ");
    append_id(out, identity->cluster);
    buffer_append_byte(out, '\n');
    if (identity->initial != 0)
        buffer_append_format(out, "initial %016llx\n", (unsigned long long)identity->initial);
    append_list(out, "member", (struct identity_list){identity->members, identity->member_count});
}

uint64_t identity_base_hash(const struct identity *identity) {
    struct buffer record = {0};
    append_members(identity, &record);
    uint64_t hash = hash_bytes(buffer_bytes(&record), 0);
    buffer_clear(&record);
    return hash;
}

void identity_encode(const struct identity *identity, struct buffer *out) {
    size_t start = out->size;
    bool is_second =
        identity->joined_index > 0 || identity->known_count > 0 || identity->initial != 0;
    buffer_append_format(out, "hamok-node %d\nphase %s\nnode ", is_second ? 2 : 1,
                         phase_names[identity->phase]);
    append_id(out, identity->node);
    buffer_append_format(out, "\nid %u\n", identity->id);
    if (is_second)
        buffer_append_format(out, "joined %llu %llu\n", (unsigned long long)identity->joined_index,
                             (unsigned long long)identity->joined_term);
    append_members(identity, out);
    append_list(out, "now", (struct identity_list){identity->known, identity->known_count});
    uint64_t checksum = hash_bytes(bytes_of(out->data + start, out->size - start), 0);
    buffer_append_format(out, "checksum %016llx\n", (unsigned long long)checksum);
}

/* --- decoding ------------------------------------------------------------------------------------
 */

bool identity_host_is_sound(struct bytes host) {
    for (size_t i = 0; i < host.size; i++)
        if ((unsigned char)host.data[i] <= ' ' || host.data[i] == 127) return false;
    return host.size > 0;
}

/* Takes the text up to `end` off the front. */
static bool take_until(struct bytes *rest, char end, struct bytes *part) {
    const char *at = memchr(rest->data, end, rest->size);
    if (at == NULL) return false;
    size_t size = (size_t)(at - rest->data);
    *part = bytes_slice(*rest, 0, size);
    *rest = bytes_slice(*rest, size + 1, rest->size);
    return true;
}

static bool take_word(struct bytes *rest, const char *word) {
    size_t size = strlen(word);
    if (rest->size < size || memcmp(rest->data, word, size) != 0) return false;
    *rest = bytes_slice(*rest, size, rest->size);
    return true;
}

static bool parse_id(struct bytes text, char id[IDENTITY_ID_SIZE]) {
    if (text.size != 2 * IDENTITY_ID_SIZE) return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return false;
        id[i / 2] = (char)(i % 2 == 0 ? digit << 4 : id[i / 2] | digit);
    }
    return true;
}

static bool parse_hash(struct bytes text, uint64_t *value) {
    *value = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return false;
        *value = *value << 4 | (unsigned)digit;
    }
    return true;
}

static bool parse_number(struct bytes text, uint64_t max, uint64_t *value) {
    return number_parse_u64(text, value) && *value <= max;
}

static bool take_member(struct bytes *rest, const char *word, struct identity_member *member) {
    struct bytes id_text, uuid, host, port_text;
    uint64_t id, port;
    if (!take_word(rest, word) || !take_until(rest, ' ', &id_text) ||
        !take_until(rest, ' ', &uuid) || !take_until(rest, ' ', &host) ||
        !take_until(rest, '\n', &port_text))
        return false;
    if (!parse_number(id_text, RAFT_NODES_MAX, &id) || id == 0) return false;
    if (!parse_number(port_text, UINT16_MAX, &port)) return false;
    if (!identity_host_is_sound(host) || host.size >= IDENTITY_HOST_SIZE) return false;
    *member = (struct identity_member){.id = (uint32_t)id, .port = (uint16_t)port};
    memcpy(member->host, host.data, host.size);
    return parse_id(uuid, member->uuid);
}

static bool parse_phase(struct bytes text, enum identity_phase *phase) {
    for (enum identity_phase at = IDENTITY_EMPTY; at <= IDENTITY_VOTING; at++) {
        if (!bytes_equal(text, bytes_of_text(phase_names[at]))) continue;
        *phase = at;
        return true;
    }
    return false;
}

/* The founders' ids count from 1; a founder is the member of its id. Those last seen ascend. */
static bool members_are_sound(const struct identity *identity) {
    for (uint32_t i = 0; i < identity->member_count; i++)
        if (identity->members[i].id != i + 1) return false;
    for (uint32_t i = 1; i < identity->known_count; i++)
        if (identity->known[i - 1].id >= identity->known[i].id) return false;
    if (identity->member_count == 0) return identity->known_count == 0;
    if (identity->joined_index > 0) return true;
    if (identity->id > identity->member_count) return false;
    const struct identity_member *own = &identity->members[identity->id - 1];
    return memcmp(own->uuid, identity->node, IDENTITY_ID_SIZE) == 0;
}

static bool take_joined(struct bytes *rest, struct identity *identity) {
    struct bytes index, term;
    return take_word(rest, "joined ") && take_until(rest, ' ', &index) &&
           take_until(rest, '\n', &term) &&
           parse_number(index, UINT64_MAX, &identity->joined_index) &&
           parse_number(term, RAFT_TERM_MAX, &identity->joined_term) &&
           (identity->joined_index == 0) == (identity->joined_term == 0);
}

/* The line is there if there was initial data. */
static bool take_initial(struct bytes *rest, uint64_t *initial) {
    struct bytes text;
    if (!take_word(rest, "initial ")) return true;
    return take_until(rest, '\n', &text) && text.size == 16 && parse_hash(text, initial) &&
           *initial != 0;
}

static bool take_fields(struct bytes *rest, bool is_second, struct identity *identity) {
    struct bytes phase, node, id_text, cluster;
    uint64_t id;
    if (!take_word(rest, "phase ") || !take_until(rest, '\n', &phase) ||
        !take_word(rest, "node ") || !take_until(rest, '\n', &node) || !take_word(rest, "id ") ||
        !take_until(rest, '\n', &id_text))
        return false;
    if (is_second && !take_joined(rest, identity)) return false;
    if (!take_word(rest, "cluster ") || !take_until(rest, '\n', &cluster)) return false;
    if (!parse_phase(phase, &identity->phase)) return false;
    bool has_cluster = identity->phase != IDENTITY_EMPTY;
    if (!parse_number(id_text, RAFT_NODES_MAX, &id) || (id == 0) == has_cluster) return false;
    identity->id = (uint32_t)id;
    if (!parse_id(node, identity->node) || !parse_id(cluster, identity->cluster)) return false;
    if (is_second && !take_initial(rest, &identity->initial)) return false;
    static const char founder[] = "member ", known[] = "now ";
    while (rest->size >= sizeof(founder) && memcmp(rest->data, founder, strlen(founder)) == 0) {
        if (identity->member_count == RAFT_NODES_MAX) return false;
        if (!take_member(rest, founder, &identity->members[identity->member_count++])) return false;
    }
    while (rest->size > 0) {
        if (!is_second || identity->known_count == RAFT_NODES_MAX) return false;
        if (!take_member(rest, known, &identity->known[identity->known_count++])) return false;
    }
    return has_cluster == (identity->member_count > 0) && members_are_sound(identity);
}

enum error identity_decode(struct bytes text, struct identity *identity) {
    static const size_t checksum_size = sizeof("checksum 0123456789abcdef\n") - 1;
    memset(identity, 0, sizeof(*identity));
    struct bytes rest = text, version;
    uint64_t number;
    if (!take_word(&rest, "hamok-node ") || !take_until(&rest, '\n', &version) ||
        !parse_number(version, UINT32_MAX, &number))
        return ERROR_MALFORMED;
    if (number != 1 && number != 2) return ERROR_VERSION;
    if (rest.size < checksum_size) return ERROR_TRUNCATED;
    char expected[64];
    uint64_t checksum = hash_bytes(bytes_slice(text, 0, text.size - checksum_size), 0);
    snprintf(expected, sizeof(expected), "checksum %016llx\n", (unsigned long long)checksum);
    struct bytes found = bytes_slice(text, text.size - checksum_size, checksum_size);
    if (!bytes_equal(found, bytes_of_text(expected))) return ERROR_CHECKSUM;
    rest.size -= checksum_size;
    return take_fields(&rest, number == 2, identity) ? ERROR_NONE : ERROR_MALFORMED;
}
