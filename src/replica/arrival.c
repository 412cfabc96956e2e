/* arrival.c: see arrival.h.
 *
 *      room in front                          the large argument             behind
 *     |..............|*3 $3 SET $3 key $9000|................................|\r\n, next command |
 *          |header|body so far|record, "key"|................................|"EX", "10"|
 *
 * Upper line: as it was read; lower line: as the batch has it. What stands before the argument is
 * written over, what stands behind it moves up to it. */
#include "src/replica/arrival.h"

#include "base/memory.h"
#include "raft/entry.h"

enum {
    LARGE = CHUNK_SIZE,       /* bytes still to come that are worth a chunk */
    MARGIN = CHUNK_SIZE / 16, /* in front and behind */
    ARRIVED_MAX = 64 * 1024,  /* more of a command is there already: it is grown as ever */
    SMALL_TOTAL = 16 * 1024,  /* of the other arguments */
    ARGUMENTS_MAX = 64,
};

void arrival_consider(struct session *session) {
    const struct buffer *input = &session->input;
    size_t arrived = input->size - session->input_consumed, wanted = session->parser.wanted;
    bool is_worth_it = wanted >= LARGE && arrived <= ARRIVED_MAX && !session->in_multi;
    if (session->arrival != NULL || !is_worth_it) return;
    struct chunk *chunk = chunk_create(MARGIN + arrived + wanted + MARGIN);
    if (arrived > 0) memcpy(chunk->data + MARGIN, input->data + session->input_consumed, arrived);
    buffer_clear(&session->input);
    session->arrival = chunk;
    session->input = (struct buffer){
        .data = chunk->data + MARGIN, .size = arrived, .capacity = chunk->capacity - MARGIN};
    session->input_consumed = 0;
}

void arrival_end(struct session *session) {
    struct buffer rest = {0};
    buffer_append(&rest, session->input.data + session->input_consumed,
                  session->input.size - session->input_consumed);
    chunk_release(session->arrival);
    session->arrival = NULL;
    session->input = rest;
    session->input_consumed = 0;
}

static uint32_t largest_of(const struct bytes *args, uint32_t count) {
    uint32_t largest = 0;
    for (uint32_t i = 1; i < count; i++)
        if (args[i].size > args[largest].size) largest = i;
    return largest;
}

static size_t total_size(const struct bytes *args, uint32_t from, uint32_t until) {
    size_t total = 0;
    for (uint32_t i = from; i < until; i++)
        total += args[i].size;
    return total;
}

static bool lies_in(const struct chunk *chunk, struct bytes bytes) {
    return bytes.data >= chunk->data && bytes.data + bytes.size <= chunk->data + chunk->capacity;
}

/* Copies of all but the large one, which are written over before they are read else. */
static char *put_aside(const struct bytes *args, uint32_t count, uint32_t large,
                       struct bytes *kept) {
    char *aside = memory_allocate(SMALL_TOTAL), *at = aside;
    for (uint32_t i = 0; i < count; i++) {
        kept[i] = args[i];
        if (i == large || args[i].size == 0) continue;
        memcpy(at, args[i].data, args[i].size);
        kept[i].data = at;
        at += args[i].size;
    }
    return aside;
}

static char *put(char *at, struct bytes bytes) {
    if (bytes.size > 0) memcpy(at, bytes.data, bytes.size);
    return at + bytes.size;
}

/* The chunk goes to the batch; the session begins a query buffer of its own. */
static struct chunk *take_chunk(struct session *session) {
    struct chunk *chunk = chunk_hold(session->arrival);
    arrival_end(session);
    return chunk;
}

bool arrival_append(struct session *session, struct batch *batch,
                    const struct command_record *fields, const struct bytes *args) {
    const struct chunk *arrival = session->arrival;
    uint32_t count = fields->count;
    if (arrival == NULL || count == 0 || count > ARGUMENTS_MAX) return false;
    uint32_t large = largest_of(args, count);
    size_t before = total_size(args, 0, large), behind = total_size(args, large + 1, count);
    size_t head = COMMAND_RECORD_SIZE + (size_t)4 * count + before;
    size_t room = (size_t)(args[large].data - arrival->data);
    bool fits = lies_in(arrival, args[large]) && before + behind <= SMALL_TOTAL &&
                ENTRY_HEADER_SIZE + batch->body_size + head <= room;
    if (!fits) return false;

    struct bytes kept[ARGUMENTS_MAX];
    char *aside = put_aside(args, count, large, kept);
    char *at = (char *)(uintptr_t)args[large].data - head;
    batch_move(batch, take_chunk(session), at - batch->body_size - ENTRY_HEADER_SIZE);
    at = command_record_write_head(at, fields, kept);
    for (uint32_t i = 0; i < count; i++)
        at = i == large ? at + args[large].size : put(at, kept[i]);
    memory_release(aside);
    batch_note_record(batch, head + args[large].size + behind, session);
    return true;
}
