/* founding.c: see founding.h. Equal inputs give equal clusters: the list is sorted, ids are its
 * positions, the cluster's id is a hash of addresses and uuids. */
#include "src/server/founding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/number.h"
#include "src/replica/mend.h"

/* --- the list -------------------------------------------------------------------------------- */

static int address_order(const void *a, const void *b) {
    const struct founding_address *left = a, *right = b;
    int order = strcmp(left->host, right->host);
    return order != 0 ? order : (int)left->port - (int)right->port;
}

static enum error parse_address(struct bytes text, struct founding_address *address) {
    size_t colon = text.size;
    while (colon > 0 && text.data[colon - 1] != ':')
        colon--;
    if (colon < 2) return ERROR_MALFORMED;
    struct bytes host = bytes_slice(text, 0, colon - 1);
    if (host.size >= 2 && host.data[0] == '[' && host.data[host.size - 1] == ']') {
        host = bytes_slice(host, 1, host.size - 2);
    }
    if (!identity_host_is_sound(host)) return ERROR_MALFORMED;
    if (host.size >= IDENTITY_HOST_SIZE) return ERROR_RANGE;
    uint64_t port;
    if (!number_parse_u64(bytes_slice(text, colon, SIZE_MAX), &port)) return ERROR_MALFORMED;
    if (port == 0 || port > IDENTITY_PORT_MAX) return ERROR_RANGE;
    memset(address, 0, sizeof(*address));
    memcpy(address->host, host.data, host.size);
    address->port = (uint16_t)port;
    return ERROR_NONE;
}

enum error founding_parse_list(struct bytes text, struct founding_address *list, uint32_t *count) {
    *count = 0;
    while (text.size > 0) {
        const char *comma = memchr(text.data, ',', text.size);
        size_t size = comma == NULL ? text.size : (size_t)(comma - text.data);
        if (*count == RAFT_NODES_MAX) return ERROR_RANGE;
        enum error error = parse_address(bytes_slice(text, 0, size), &list[*count]);
        if (error != ERROR_NONE) return error;
        *count += 1;
        if (comma != NULL && size + 1 == text.size) return ERROR_MALFORMED;
        text = bytes_slice(text, comma == NULL ? size : size + 1, SIZE_MAX);
    }
    if (*count == 0) return ERROR_MALFORMED;
    qsort(list, *count, sizeof(list[0]), address_order);
    for (uint32_t i = 1; i < *count; i++) {
        if (address_order(&list[i - 1], &list[i]) == 0) return ERROR_EXISTS;
    }
    return ERROR_NONE;
}

uint64_t founding_list_hash(const struct founding_address *list, uint32_t count) {
    uint64_t hash = count;
    for (uint32_t i = 0; i < count; i++) {
        hash = hash_bytes(bytes_of_text(list[i].host), hash);
        hash = hash_chain(hash, list[i].port);
    }
    return hash;
}

/* --- deciding -------------------------------------------------------------------------------- */

void founding_note_answer(struct founding *founding, uint32_t position,
                          const struct founding_answer *answer) {
    CHECK(position < founding->count && position != founding->self);
    founding->answered[position] = true;
    founding->answers[position] = *answer;
}

void founding_forget_answer(struct founding *founding, uint32_t position) {
    CHECK(position < founding->count);
    founding->answered[position] = false;
}

void founding_note_prepared(struct founding *founding, const struct identity *identity) {
    CHECK(identity->phase == IDENTITY_PREPARED);
    founding->prepared = true;
    memcpy(founding->promised, identity->cluster, IDENTITY_ID_SIZE);
}

static bool same_id(const char *a, const char *b) {
    return memcmp(a, b, IDENTITY_ID_SIZE) == 0;
}

static const char *uuid_at(const struct founding *founding, uint32_t position) {
    return position == founding->self ? founding->node : founding->answers[position].node;
}

static uint64_t initial_at(const struct founding *founding, uint32_t position) {
    return position == founding->self ? founding->initial : founding->answers[position].initial;
}

/* Whoever brings data brings the same; 0: nobody does. False: two bring different ones. */
static bool find_initial(const struct founding *founding, uint64_t *initial, uint32_t pair[2]) {
    *initial = 0;
    for (uint32_t i = 0; i < founding->count; i++) {
        uint64_t brought = initial_at(founding, i);
        if (brought == 0 || brought == *initial) continue;
        pair[*initial != 0] = i;
        if (*initial != 0) return false;
        *initial = brought;
    }
    return true;
}

/* The cluster that these nodes found, as this one holds it. */
static void compute(const struct founding *founding, uint64_t initial, struct identity *identity) {
    *identity = (struct identity){.phase = IDENTITY_FOUNDED,
                                  .id = founding->self + 1,
                                  .member_count = founding->count,
                                  .initial = initial};
    memcpy(identity->node, founding->node, IDENTITY_ID_SIZE);
    uint64_t hash[2] = {1, 2};
    for (uint32_t i = 0; i < founding->count; i++) {
        struct identity_member *member = &identity->members[i];
        member->id = i + 1;
        member->port = founding->list[i].port;
        memcpy(member->host, founding->list[i].host, IDENTITY_HOST_SIZE);
        memcpy(member->uuid, uuid_at(founding, i), IDENTITY_ID_SIZE);
        for (int half = 0; half < 2; half++) {
            hash[half] = hash_bytes(bytes_of_text(member->host), hash[half]);
            hash[half] = hash_chain(hash[half], member->port);
            hash[half] = hash_bytes(bytes_of(member->uuid, IDENTITY_ID_SIZE), hash[half]);
        }
    }
    for (int half = 0; half < 2 && initial != 0; half++)
        hash[half] = hash_chain(hash[half], initial);
    _Static_assert(sizeof(hash) == IDENTITY_ID_SIZE, "a cluster id is two hashes");
    memcpy(identity->cluster, hash, sizeof(hash));
}

PRINTF_LIKE(2, 3)
static enum founding_decision refuse(char *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, FOUNDING_TEXT_SIZE, format, arguments);
    va_end(arguments);
    return FOUNDING_REFUSED;
}

static enum founding_decision take_over(const struct founding *founding, uint32_t position,
                                        struct identity *identity, char *text) {
    const struct founding_answer *answer = &founding->answers[position];
    const struct founding_address *address = &founding->list[position];
    /* Whoever is a member has promised it. A directory that does not know of its promise was put
     * back to an earlier state: it may have forgotten a vote as well. */
    if (!founding->prepared || !same_id(founding->promised, answer->cluster)) {
        return refuse(
            text,
            "%s:%u belongs to a cluster that does not know this node's data directory: it may have "
            "voted under another identity, so an empty one must not take its place. Bring the old "
            "directory back; if it is lost, " MEND_REPLACE("id") " %s:%u instead of --cluster",
            address->host, address->port, address->host, address->port);
    }
    for (uint32_t i = 0; i < answer->member_count; i++) {
        if (!same_id(answer->members[i].uuid, founding->node)) continue;
        *identity = (struct identity){.phase = IDENTITY_FOUNDED, .id = answer->members[i].id};
        memcpy(identity->node, founding->node, IDENTITY_ID_SIZE);
        memcpy(identity->cluster, answer->cluster, IDENTITY_ID_SIZE);
        identity->initial = answer->initial;
        memcpy(identity->members, answer->members, sizeof(identity->members));
        identity->member_count = answer->member_count;
        return FOUNDING_DONE;
    }
    return refuse(text, "%s:%u names this node's cluster without this node: its answer is damaged",
                  address->host, address->port);
}

/* All have answered; nobody has founded. */
static enum founding_decision go_on(const struct founding *founding, struct identity *identity,
                                    char *text) {
    for (uint32_t i = 0; i < founding->count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (!same_id(uuid_at(founding, i), uuid_at(founding, k))) continue;
            return refuse(text,
                          "%s:%u and %s:%u answer with the same identity: two addresses of one "
                          "node, or a copied data directory",
                          founding->list[k].host, founding->list[k].port, founding->list[i].host,
                          founding->list[i].port);
        }
    }
    uint64_t initial;
    uint32_t pair[2];
    if (!find_initial(founding, &initial, pair)) {
        return refuse(text,
                      "%s:%u and %s:%u bring different data (dump.rdb): leave the one that counts, "
                      "on one node or the same on several, and move the other away",
                      founding->list[pair[0]].host, founding->list[pair[0]].port,
                      founding->list[pair[1]].host, founding->list[pair[1]].port);
    }
    compute(founding, initial, identity);
    bool all_prepared = founding->prepared;
    bool agree = !founding->prepared || same_id(founding->promised, identity->cluster);
    for (uint32_t i = 0; i < founding->count && agree; i++) {
        if (i == founding->self) continue;
        const struct founding_answer *answer = &founding->answers[i];
        all_prepared = all_prepared && answer->phase == IDENTITY_PREPARED;
        agree = answer->phase == IDENTITY_EMPTY || same_id(answer->cluster, identity->cluster);
    }
    if (!agree) {
        return refuse(text, "a data directory was replaced while the cluster was being founded: "
                            "bring the old one back. If that can't be and no node's log says "
                            "'Founded', empty the directories of all nodes and start them again");
    }
    if (all_prepared) return FOUNDING_DONE;
    identity->phase = IDENTITY_PREPARED;
    return founding->prepared ? FOUNDING_WAITS : FOUNDING_PREPARE;
}

enum founding_decision founding_decide(const struct founding *founding, struct identity *identity,
                                       char text[static FOUNDING_TEXT_SIZE]) {
    uint32_t answered = 1; /* this node */
    uint64_t list_hash = founding_list_hash(founding->list, founding->count);
    for (uint32_t i = 0; i < founding->count; i++) {
        if (i == founding->self || !founding->answered[i]) continue;
        const struct founding_answer *answer = &founding->answers[i];
        if (answer->phase == IDENTITY_FOUNDED) return take_over(founding, i, identity, text);
        if (answer->list_hash != list_hash) {
            return refuse(text,
                          "%s:%u was given another --cluster list: give all nodes the same one",
                          founding->list[i].host, founding->list[i].port);
        }
        answered++;
    }
    return answered < founding->count ? FOUNDING_WAITS : go_on(founding, identity, text);
}

/* Why this node has not gone on; NULL: not because of that one. */
static const char *what_is_missing(const struct founding *founding, uint32_t position,
                                   const char *problem) {
    if (position == founding->self) return NULL;
    if (!founding->answered[position]) return problem[0] != '\0' ? problem : "no answer yet";
    bool promised = founding->answers[position].phase != IDENTITY_EMPTY;
    return founding->prepared && !promised ? "waits itself: see its log" : NULL;
}

bool founding_describe(const struct founding *founding, const char *const *problems,
                       char text[static FOUNDING_TEXT_SIZE]) {
    struct buffer line = {0};
    for (uint32_t i = 0; i < founding->count; i++) {
        const char *missing = what_is_missing(founding, i, problems[i]);
        if (missing == NULL) continue;
        buffer_append_format(&line, "%s %s:%u (%s)", line.size > 0 ? "," : "founding waits for",
                             founding->list[i].host, founding->list[i].port, missing);
    }
    bool waits = line.size > 0;
    buffer_append_format(&line, "; all nodes of the --cluster list have to run, with the same list "
                                "and raft-secret, and reach each other's port + 10000");
    snprintf(text, FOUNDING_TEXT_SIZE, "%.*s", (int)line.size, line.data);
    buffer_clear(&line);
    return waits;
}

/* --- answers on the wire --------------------------------------------------------------------- */

void founding_own_answer(const struct identity *identity, uint64_t list_hash,
                         struct founding_answer *answer) {
    *answer = (struct founding_answer){
        .phase = identity_is_founded(identity) ? IDENTITY_FOUNDED : identity->phase,
        .list_hash = list_hash,
        .initial = identity->initial,
        .member_count = identity->member_count,
    };
    memcpy(answer->node, identity->node, IDENTITY_ID_SIZE);
    memcpy(answer->cluster, identity->cluster, IDENTITY_ID_SIZE);
    memcpy(answer->members, identity->members, sizeof(answer->members));
}

void founding_answer_encode(const struct founding_answer *answer, struct buffer *out) {
    buffer_append_byte(out, (char)answer->phase);
    buffer_append(out, answer->node, IDENTITY_ID_SIZE);
    buffer_append_u64(out, answer->list_hash);
    if (answer->phase == IDENTITY_EMPTY) {
        if (answer->initial != 0) buffer_append_u64(out, answer->initial);
        return;
    }
    buffer_append(out, answer->cluster, IDENTITY_ID_SIZE);
    buffer_append_u32(out, answer->member_count);
    for (uint32_t i = 0; i < answer->member_count; i++) {
        const struct identity_member *member = &answer->members[i];
        buffer_append_u32(out, member->id);
        buffer_append_u32(out, member->port);
        buffer_append(out, member->uuid, IDENTITY_ID_SIZE);
        buffer_append(out, member->host, IDENTITY_HOST_SIZE);
    }
    if (answer->initial != 0) buffer_append_u64(out, answer->initial);
}

/* Behind everything else, if there is any. */
static enum error take_initial(struct bytes bytes, size_t at, struct founding_answer *answer) {
    if (bytes.size == at) return ERROR_NONE;
    if (bytes.size != at + 8) return ERROR_MALFORMED;
    answer->initial = load_u64(bytes.data + at);
    return answer->initial == 0 ? ERROR_MALFORMED : ERROR_NONE;
}

enum error founding_answer_decode(struct bytes bytes, struct founding_answer *answer) {
    enum {
        EMPTY_SIZE = 1 + IDENTITY_ID_SIZE + 8,
        MEMBERS_AT = EMPTY_SIZE + IDENTITY_ID_SIZE + 4,
        MEMBER_SIZE = 4 + 4 + IDENTITY_ID_SIZE + IDENTITY_HOST_SIZE,
    };
    *answer = (struct founding_answer){0};
    if (bytes.size < EMPTY_SIZE) return ERROR_TRUNCATED;
    const char *at = bytes.data;
    if (at[0] < IDENTITY_EMPTY || at[0] > IDENTITY_FOUNDED) return ERROR_MALFORMED;
    answer->phase = (enum identity_phase)at[0];
    memcpy(answer->node, at + 1, IDENTITY_ID_SIZE);
    answer->list_hash = load_u64(at + 1 + IDENTITY_ID_SIZE);
    if (answer->phase == IDENTITY_EMPTY) return take_initial(bytes, EMPTY_SIZE, answer);
    if (bytes.size < MEMBERS_AT) return ERROR_TRUNCATED;
    at += EMPTY_SIZE;
    memcpy(answer->cluster, at, IDENTITY_ID_SIZE);
    answer->member_count = load_u32(at + IDENTITY_ID_SIZE);
    if (answer->member_count == 0 || answer->member_count > RAFT_NODES_MAX) return ERROR_RANGE;
    enum error error =
        take_initial(bytes, MEMBERS_AT + (size_t)answer->member_count * MEMBER_SIZE, answer);
    if (error != ERROR_NONE) return error;
    at += IDENTITY_ID_SIZE + 4;
    for (uint32_t i = 0; i < answer->member_count; i++, at += MEMBER_SIZE) {
        struct identity_member *member = &answer->members[i];
        member->id = load_u32(at);
        uint32_t port = load_u32(at + 4);
        if (member->id != i + 1 || port == 0 || port > IDENTITY_PORT_MAX) return ERROR_RANGE;
        member->port = (uint16_t)port;
        memcpy(member->uuid, at + 8, IDENTITY_ID_SIZE);
        memcpy(member->host, at + 8 + IDENTITY_ID_SIZE, IDENTITY_HOST_SIZE);
        if (member->host[IDENTITY_HOST_SIZE - 1] != 0 ||
            !identity_host_is_sound(bytes_of_text(member->host))) {
            return ERROR_MALFORMED;
        }
    }
    return ERROR_NONE;
}
