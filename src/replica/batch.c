/* batch.c: an open batch grows inside one chunk. When the next record does not fit, the body moves
 * to a larger chunk: rare, since a turn's commands usually fit what is left. */
#include "src/replica/batch.h"

#include "base/hash.h"
#include "base/memory.h"
#include "storages/storages.h"

size_t command_record_size(const struct bytes *args, uint32_t count) {
    size_t size = COMMAND_RECORD_SIZE + (size_t)4 * count;
    for (uint32_t i = 0; i < count; i++)
        size += args[i].size;
    return size;
}

char *command_record_write_head(char *at, const struct command_record *fields,
                                const struct bytes *args) {
    store_u16(at + 4, fields->id);
    at[6] = (char)fields->db;
    at[7] = (char)fields->flags;
    store_u64(at + 8, fields->client);
    store_u32(at + 16, fields->user);
    store_u32(at + 20, fields->count);
    uint32_t arguments = fields->flags & RECORD_GROUP ? 0 : fields->count;
    char *sizes = at + COMMAND_RECORD_SIZE;
    size_t size = COMMAND_RECORD_SIZE + (size_t)4 * arguments;
    for (uint32_t i = 0; i < arguments; i++) {
        store_u32(sizes + (size_t)4 * i, (uint32_t)args[i].size);
        size += args[i].size;
    }
    store_u32(at, (uint32_t)size);
    return sizes + (size_t)4 * arguments;
}

void command_record_write(char *at, const struct command_record *fields, const struct bytes *args) {
    char *bytes = command_record_write_head(at, fields, args);
    uint32_t arguments = fields->flags & RECORD_GROUP ? 0 : fields->count;
    for (uint32_t i = 0; i < arguments; i++) {
        if (args[i].size > 0) memcpy(bytes, args[i].data, args[i].size);
        bytes += args[i].size;
    }
}

enum error command_record_read(struct bytes body, struct command_record *record) {
    if (body.size < COMMAND_RECORD_SIZE) return ERROR_TRUNCATED;
    const char *at = body.data;
    uint32_t size = load_u32(at);
    if (size < COMMAND_RECORD_SIZE || size > body.size) return ERROR_MALFORMED;
    *record = (struct command_record){
        .id = load_u16(at + 4),
        .db = (uint8_t)at[6],
        .flags = (uint8_t)at[7],
        .client = load_u64(at + 8),
        .user = load_u32(at + 16),
        .count = load_u32(at + 20),
        .size = size,
        .sizes = at + COMMAND_RECORD_SIZE,
    };
    if (record->flags & RECORD_GROUP) {
        record->bytes = record->sizes;
        return size == COMMAND_RECORD_SIZE ? ERROR_NONE : ERROR_MALFORMED;
    }
    size_t rest = size - COMMAND_RECORD_SIZE;
    if (record->count > rest / 4) return ERROR_MALFORMED;
    rest -= (size_t)4 * record->count;
    record->bytes = record->sizes + (size_t)4 * record->count;
    for (uint32_t i = 0; i < record->count; i++) {
        uint32_t argument = load_u32(record->sizes + (size_t)4 * i);
        if (argument > rest) return ERROR_MALFORMED;
        rest -= argument;
    }
    return rest == 0 ? ERROR_NONE : ERROR_MALFORMED;
}

void command_record_arguments(const struct command_record *record, struct bytes *args) {
    const char *at = record->bytes;
    for (uint32_t i = 0; i < record->count; i++) {
        uint32_t size = load_u32(record->sizes + (size_t)4 * i);
        args[i] = bytes_of(at, size);
        at += size;
    }
}

static enum error validate_command(const struct command_record *record,
                                   const struct command *command, bool in_group) {
    bool placed = command->place == COMMAND_LOG || (in_group && command->place == COMMAND_READ);
    bool fits = command->run != NULL && command_arity_fits(command, record->count + 1);
    bool spoken = (record->flags & RECORD_PROTOCOL) >= 2;
    return placed && fits && spoken && record->db < STORAGES_DATABASES_MAX ? ERROR_NONE
                                                                           : ERROR_MALFORMED;
}

enum error command_record_validate(const struct command_record *record,
                                   const struct command_registry *registry, uint32_t group_left) {
    bool in_group = group_left > 0, valid;
    bool opens_group = record->flags & RECORD_GROUP;
    if (in_group && !(record->flags & RECORD_IN_GROUP)) return ERROR_MALFORMED;
    if (in_group && opens_group) return ERROR_MALFORMED;
    switch (record->id) {
    case RECORD_CANCELLED: /* with its group, if it opened one */
        return ERROR_NONE;
    case RECORD_LITERAL:
        valid = in_group && record->count == 1;
        break;
    case RECORD_CLIENT_GONE:
        valid = !in_group && !opens_group && record->count == 0;
        break;
    case RECORD_EXEC:
        valid = opens_group && record->count > 0;
        break;
    default: {
        const struct command *command = command_by_id(registry, record->id);
        if (command == NULL) return ERROR_VERSION;
        bool says_so = record->flags & RECORD_IN_GROUP;
        if (opens_group || says_so != in_group) return ERROR_MALFORMED;
        return validate_command(record, command, in_group);
    }
    }
    return valid ? ERROR_NONE : ERROR_MALFORMED;
}

enum error batch_validate(struct bytes body, uint32_t count,
                          const struct command_registry *registry) {
    uint32_t group_left = 0;
    for (; body.size > 0; count--) {
        struct command_record record;
        enum error error = count == 0 ? ERROR_MALFORMED : command_record_read(body, &record);
        if (error == ERROR_NONE) error = command_record_validate(&record, registry, group_left);
        if (error != ERROR_NONE) return error;
        if (group_left > 0) {
            group_left--;
        } else if (record.id == RECORD_EXEC) {
            group_left = record.count;
        }
        body = bytes_slice(body, record.size, SIZE_MAX);
    }
    return count == 0 && group_left == 0 ? ERROR_NONE : ERROR_MALFORMED;
}

/* Less than this left of a chunk is not worth opening a batch in. */
enum { BATCH_ROOM_MIN = CHUNK_SIZE / 64 };

struct batch *batch_create(struct chunk *chunk, uint64_t now_us) {
    struct batch *batch = memory_allocate_zeroed(sizeof(struct batch));
    batch->opened_us = now_us;
    size_t start = chunk == NULL ? 0 : (chunk->used + 7) & ~(size_t)7;
    if (chunk != NULL && start + ENTRY_HEADER_SIZE + BATCH_ROOM_MIN <= chunk->capacity) {
        batch->chunk = chunk_hold(chunk);
        batch->image = chunk->data + start;
        batch->body_capacity = chunk->capacity - start - ENTRY_HEADER_SIZE;
    }
    return batch;
}

void batch_destroy(struct batch *batch) {
    if (batch == NULL) return;
    chunk_release(batch->chunk);
    chunk_release(batch->instead);
    memory_release(batch->slots);
    memory_release(batch);
}

static void batch_grow(struct batch *batch, size_t more) {
    size_t body = batch->body_size + more;
    /* As much room again as what is moved, so that little is moved twice; none beside one large
     * value. */
    size_t capacity = ENTRY_HEADER_SIZE + body + batch->body_size;
    if (capacity < CHUNK_SIZE) capacity = CHUNK_SIZE;
    CHECK(body <= UINT32_MAX);
    struct chunk *chunk = chunk_create(capacity);
    if (batch->body_size > 0) {
        memcpy(chunk->data + ENTRY_HEADER_SIZE, batch->image + ENTRY_HEADER_SIZE, batch->body_size);
    }
    chunk_release(batch->chunk);
    batch->chunk = chunk;
    batch->image = chunk->data;
    batch->body_capacity = capacity - ENTRY_HEADER_SIZE;
}

void batch_note_record(struct batch *batch, size_t size, struct session *session) {
    batch->body_size += size;
    if (batch->count == batch->slot_capacity) {
        batch->slot_capacity = batch->slot_capacity == 0 ? 64 : batch->slot_capacity * 2;
        batch->slots =
            memory_resize(batch->slots, batch->slot_capacity * sizeof(struct batch_slot));
    }
    batch->slots[batch->count++] = (struct batch_slot){.session = session};
}

void batch_move(struct batch *batch, struct chunk *chunk, char *image) {
    CHECK(batch->number == 0 && image >= chunk->data);
    if (batch->body_size > 0) {
        memcpy(image + ENTRY_HEADER_SIZE, batch->image + ENTRY_HEADER_SIZE, batch->body_size);
    }
    chunk_release(batch->chunk);
    batch->chunk = chunk;
    batch->image = image;
    batch->body_capacity = (size_t)(chunk->data + chunk->capacity - image) - ENTRY_HEADER_SIZE;
}

void batch_append(struct batch *batch, const struct command_record *fields,
                  const struct bytes *args, struct session *session) {
    CHECK(batch->number == 0);
    size_t size = fields->flags & RECORD_GROUP ? COMMAND_RECORD_SIZE
                                               : command_record_size(args, fields->count);
    if (batch->body_capacity - batch->body_size < size) batch_grow(batch, size);
    command_record_write(batch->image + ENTRY_HEADER_SIZE + batch->body_size, fields, args);
    batch_note_record(batch, size, session);
}

static void write_header(char *image, uint64_t origin, uint64_t number, struct bytes body,
                         uint32_t count) {
    struct entry_header header = {
        .format = ENTRY_FORMAT,
        .type = ENTRY_DATA,
        .semantics = 1,
        .flags = REPLICA_ENTRY_BATCH,
        .origin = origin,
        .number = number,
        .body_size = (uint32_t)body.size,
        .count = count,
        .body_hash = hash_bytes(body, 0),
    };
    entry_header_write(image, &header);
}

void batch_seal(struct batch *batch, uint64_t origin, uint64_t number, uint64_t now_us) {
    CHECK(batch->number == 0 && number > 0);
    if (batch->chunk == NULL) batch_grow(batch, 0);
    batch->number = number;
    batch->sealed_us = now_us;
    struct bytes body = bytes_of(batch->image + ENTRY_HEADER_SIZE, batch->body_size);
    write_header(batch->image, origin, number, body, batch->count);
    /* What is left of the chunk serves the next batch (replica.c keeps it). */
    batch->chunk->used =
        (size_t)(batch->image - batch->chunk->data) + ENTRY_HEADER_SIZE + batch->body_size;
}

void batch_give_up(struct batch *batch) {
    CHECK(batch->number > 0 && batch->instead == NULL);
    struct entry_header header;
    entry_header_read(batch->image, &header);
    batch->instead = chunk_create(ENTRY_HEADER_SIZE);
    batch->instead->used = ENTRY_HEADER_SIZE;
    write_header(batch->instead->data, header.origin, batch->number, (struct bytes){0}, 0);
}
