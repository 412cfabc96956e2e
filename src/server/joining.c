/* joining.c: see joining.h. An identity travels as the text of its file, checksum and all. */
#include "src/server/joining.h"

enum { ROW_SIZE = 2 + IDENTITY_ID_SIZE }; /* port, uuid; then the host as text with its size */

void joining_make_identity(const struct joining_place *place, struct identity *identity) {
    const struct member *member = members_find(place->members, place->id);
    CHECK(member != NULL && place->index > 0 && place->term > 0);
    *identity = (struct identity){.phase = IDENTITY_FOUNDED,
                                  .id = place->id,
                                  .member_count = place->given->member_count,
                                  .initial = place->given->initial,
                                  .joined_index = place->index,
                                  .joined_term = place->term};
    memcpy(identity->node, member->uuid, IDENTITY_ID_SIZE);
    memcpy(identity->cluster, place->given->cluster, IDENTITY_ID_SIZE);
    memcpy(identity->members, place->given->members, sizeof(identity->members));
    (void)identity_note_members(identity, place->members);
}

/* --- the question ------------------------------------------------------------------------------
 */

static void put_text(struct buffer *out, const char *text) {
    size_t size = strlen(text);
    CHECK(size <= UINT16_MAX);
    char head[2];
    store_u16(head, (uint16_t)size);
    buffer_append(out, head, sizeof(head));
    buffer_append(out, text, size);
}

static bool take_text(struct bytes *rest, char *into, size_t capacity) {
    if (rest->size < 2) return false;
    size_t size = load_u16(rest->data);
    if (rest->size < 2 + size || size >= capacity) return false;
    memset(into, 0, capacity);
    if (size > 0) memcpy(into, rest->data + 2, size);
    *rest = bytes_slice(*rest, 2 + size, SIZE_MAX);
    return size == 0 || memchr(into, '\0', size) == NULL;
}

static void put_port(struct buffer *out, uint16_t port) {
    char bytes[2];
    store_u16(bytes, port);
    buffer_append(out, bytes, sizeof(bytes));
}

static bool is_sound(const char *host, uint16_t port) {
    return identity_host_is_sound(bytes_of_text(host)) && port > 0 && port <= IDENTITY_PORT_MAX;
}

void joining_question_encode(const struct joining_question *question, struct buffer *out) {
    put_port(out, question->self.port);
    buffer_append(out, question->self.uuid, IDENTITY_ID_SIZE);
    put_text(out, question->self.host);
    put_port(out, question->via_port);
    put_text(out, question->via_host);
}

enum error joining_question_decode(struct bytes bytes, struct joining_question *question) {
    *question = (struct joining_question){0};
    if (bytes.size < ROW_SIZE) return ERROR_TRUNCATED;
    question->self.port = load_u16(bytes.data);
    memcpy(question->self.uuid, bytes.data + 2, IDENTITY_ID_SIZE);
    struct bytes rest = bytes_slice(bytes, ROW_SIZE, SIZE_MAX);
    if (!take_text(&rest, question->self.host, IDENTITY_HOST_SIZE) || rest.size < 2)
        return ERROR_MALFORMED;
    question->via_port = load_u16(rest.data);
    rest = bytes_slice(rest, 2, SIZE_MAX);
    if (!take_text(&rest, question->via_host, IDENTITY_HOST_SIZE) || rest.size > 0)
        return ERROR_MALFORMED;
    bool sound = is_sound(question->self.host, question->self.port) &&
                 is_sound(question->via_host, question->via_port);
    return sound ? ERROR_NONE : ERROR_MALFORMED;
}

/* --- the answer --------------------------------------------------------------------------------
 */

void joining_answer_encode(const struct joining_answer *answer, struct buffer *out) {
    buffer_append_byte(out, (char)answer->state);
    put_text(out, answer->text);
    if (answer->state == JOINING_DONE) identity_encode(&answer->identity, out);
}

enum error joining_answer_decode(struct bytes bytes, struct joining_answer *answer) {
    *answer = (struct joining_answer){0};
    if (bytes.size < 1) return ERROR_TRUNCATED;
    if (bytes.data[0] < JOINING_WAITS || bytes.data[0] > JOINING_REFUSED) return ERROR_MALFORMED;
    answer->state = (enum joining_state)bytes.data[0];
    struct bytes rest = bytes_slice(bytes, 1, SIZE_MAX);
    if (!take_text(&rest, answer->text, sizeof(answer->text))) return ERROR_MALFORMED;
    if (answer->state != JOINING_DONE) return rest.size == 0 ? ERROR_NONE : ERROR_MALFORMED;
    enum error error = identity_decode(rest, &answer->identity);
    if (error != ERROR_NONE) return error;
    bool fits = answer->identity.phase == IDENTITY_FOUNDED && answer->identity.joined_index > 0 &&
                identity_member(&answer->identity, answer->identity.id) != NULL;
    return fits ? ERROR_NONE : ERROR_MALFORMED;
}
