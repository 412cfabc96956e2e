/* message.c: the wire form of a message, from the one list.
 *
 *   offset  size  field
 *        0     4  type (enum raft_message_type)
 *        4     4  from
 *        8     4  to
 *       12     4  number of entries behind
 *       16     8  term
 *       24   8*n  the kind's fields, in the order of the list */
#include "raft/message.h"

enum { PREFIX_SIZE = 24 };

#define NO_FIELD(field)
#define NAME_ROW(NAME, name, fields) [RAFT_##NAME] = #NAME,
static const char *const names[RAFT_MESSAGE_TYPES] = {[RAFT_MESSAGE_NONE] = "NONE",
                                                      RAFT_MESSAGES(NAME_ROW, NO_FIELD)};

#define COUNT_FIELD(field) +1
#define COUNT_ROW(NAME, name, fields) [RAFT_##NAME] = 0 fields,
static const uint32_t field_counts[RAFT_MESSAGE_TYPES] = {RAFT_MESSAGES(COUNT_ROW, COUNT_FIELD)};

#define SIZE_ROW(NAME, name, fields)                                                               \
    _Static_assert(PREFIX_SIZE + 8 * (0 fields) <= RAFT_MESSAGE_SIZE_MAX, #NAME " is too large");
RAFT_MESSAGES(SIZE_ROW, COUNT_FIELD)

const char *raft_message_name(enum raft_message_type type) {
    return type < RAFT_MESSAGE_TYPES ? names[type] : "?";
}

/* The fields of a kind are its members, in order, and nothing but 64-bit numbers: the union's
 * first field_counts[type] words. */
_Static_assert(sizeof(((struct raft_message *)0)->as) % sizeof(uint64_t) == 0,
               "only 64-bit fields");

void raft_message_encode(const struct raft_message *message, struct buffer *out) {
    CHECK(message->type > RAFT_MESSAGE_NONE && message->type < RAFT_MESSAGE_TYPES);
    buffer_append_u32(out, (uint32_t)message->type);
    buffer_append_u32(out, message->from);
    buffer_append_u32(out, message->to);
    buffer_append_u32(out, message->entry_count);
    buffer_append_u64(out, message->term);
    buffer_append(out, &message->as, (size_t)field_counts[message->type] * 8);
}

static enum error decode_fixed(struct bytes bytes, struct raft_message *message) {
    if (bytes.size < PREFIX_SIZE) return ERROR_TRUNCATED;
    uint32_t type = load_u32(bytes.data);
    if (type == RAFT_MESSAGE_NONE || type >= RAFT_MESSAGE_TYPES) return ERROR_MALFORMED;
    size_t fields_size = (size_t)field_counts[type] * 8;
    if (bytes.size < PREFIX_SIZE + fields_size) return ERROR_TRUNCATED;

    message->type = (enum raft_message_type)type;
    message->from = load_u32(bytes.data + 4);
    message->to = load_u32(bytes.data + 8);
    message->entry_count = load_u32(bytes.data + 12);
    message->term = load_u64(bytes.data + 16);
    memcpy(&message->as, bytes.data + PREFIX_SIZE, fields_size);

    if (message->from == 0 || message->from > RAFT_NODES_MAX) return ERROR_RANGE;
    if (message->to == 0 || message->to > RAFT_NODES_MAX) return ERROR_RANGE;
    if (message->from == message->to) return ERROR_MALFORMED;
    if (message->term > RAFT_TERM_MAX) return ERROR_RANGE;
    if (message->entry_count > 0 && message->type != RAFT_APPEND) return ERROR_MALFORMED;
    return ERROR_NONE;
}

/* Where in the log an entry is expected, and after what. */
struct place {
    uint64_t index, term_min, term_max, previous_hash;
};

/* The first image of `rest`: whole, sound, and the one that continues the log at `place`. */
static enum error decode_image(struct bytes rest, struct place *place, size_t *size) {
    if (rest.size < ENTRY_HEADER_SIZE) return ERROR_TRUNCATED;
    *size = entry_size(rest.data);
    if (rest.size < *size) return ERROR_TRUNCATED;
    enum error error = entry_validate(bytes_of(rest.data, *size));
    if (error != ERROR_NONE) return error;

    uint64_t term = entry_term(rest.data);
    if (entry_index(rest.data) != place->index) return ERROR_MALFORMED;
    if (term < place->term_min || term > place->term_max) return ERROR_MALFORMED;
    if (entry_hash(rest.data) != entry_hash_after(rest.data, place->previous_hash)) {
        return ERROR_CHECKSUM;
    }
    place->index++;
    place->term_min = term;
    place->previous_hash = entry_hash(rest.data);
    return ERROR_NONE;
}

static bool lies_in(struct bytes bytes, const struct chunk *chunk) {
    return chunk != NULL && bytes.data >= chunk->data &&
           bytes.data + bytes.size <= chunk->data + chunk->capacity;
}

enum error raft_message_decode(struct bytes bytes, struct chunk *chunk,
                               struct raft_message *message, struct entry *entries,
                               uint32_t entries_max) {
    struct raft_message read = {0};
    enum error error = decode_fixed(bytes, &read);
    if (error != ERROR_NONE) return error;
    size_t at = PREFIX_SIZE + (size_t)field_counts[read.type] * 8;
    if (read.entry_count > entries_max) return ERROR_FULL;
    if (read.entry_count > 0 && !lies_in(bytes, chunk)) return ERROR_MALFORMED;
    if (read.entry_count > 0 && read.as.append.previous_index > UINT64_MAX - read.entry_count - 1) {
        return ERROR_RANGE;
    }

    struct place place = {.index = read.as.append.previous_index + 1,
                          .term_min = read.as.append.previous_term,
                          .term_max = read.term,
                          .previous_hash = read.as.append.previous_hash};
    for (uint32_t i = 0; i < read.entry_count; i++) {
        struct bytes rest = bytes_slice(bytes, at, SIZE_MAX);
        size_t size = 0;
        error = decode_image(rest, &place, &size);
        if (error != ERROR_NONE) return error;
        entries[i] =
            (struct entry){.chunk = chunk, .image = chunk->data + (rest.data - chunk->data)};
        at += size;
    }
    if (at != bytes.size) return ERROR_MALFORMED;

    read.entries = read.entry_count > 0 ? entries : NULL;
    *message = read;
    return ERROR_NONE;
}

void raft_message_print(const struct raft_message *message, struct buffer *out) {
    buffer_append_format(out, "n%u -> n%u %s term=%llu", message->from, message->to,
                         raft_message_name(message->type), (unsigned long long)message->term);
    switch (message->type) {
#define PRINT_FIELD(field) , #field
#define PRINT_ROW(NAME, name, fields)                                                              \
    case RAFT_##NAME: {                                                                            \
        static const char *const field_names[] = {"" fields};                                      \
        const uint64_t *values = (const uint64_t *)&message->as;                                   \
        for (size_t i = 1; i < COUNT_OF(field_names); i++)                                         \
            buffer_append_format(out, " %s=%llu", field_names[i],                                  \
                                 (unsigned long long)values[i - 1]);                               \
        break;                                                                                     \
    }
        RAFT_MESSAGES(PRINT_ROW, PRINT_FIELD)
    case RAFT_MESSAGE_NONE:
    case RAFT_MESSAGE_TYPES:
        break;
    }
    if (message->entry_count > 0) buffer_append_format(out, " entries=%u", message->entry_count);
}
