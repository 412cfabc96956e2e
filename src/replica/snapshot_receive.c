/* snapshot_receive.c: a snapshot of another node's, because its log does not go on where this
 * node's ends.
 *
 * The receiver pulls: RECEIVE_WINDOW parts at most are asked for or being written, so memory is
 * bounded and a slow way is not flooded; what does not come is asked for again, and whoever of the
 * others has the very same file can go on with it. The parts go to a temporary file. When it is
 * whole and synced, it is read again into storages of its own, a piece at a time: checksum, syntax
 * and digests are proved before anything that this node has is touched. Then it takes the name
 * (snapshots.c), and only then the core hears of it.
 *
 * A crash leaves a temporary file, with which a later attempt goes on (snapshot_resume.c), or a
 * snapshot.rdb that is ahead of the log: the log is restarted behind it at the next start. */
#include <stdarg.h>
#include <stdio.h>

#include "base/memory.h"
#include "src/replica/replica_internal.h"
#include "src/replica/snapshot_packets.h"

enum {
    PATIENCE_ELECTIONS = 4,     /* before a part is asked for again, or after a failure all of it */
    PATIENCE_DOUBLINGS_MAX = 4, /* each time later */
    FILE_SIZE_MIN = 64,         /* smaller ones are no snapshots */
};
static const uint64_t GIVE_UP_AFTER_US = 60ull * 1000 * 1000; /* without any part */
static const uint64_t AWAIT_RETRY_US = 100 * 1000;            /* of the next node, at start */

static uint64_t patience_us(const struct replica *replica, uint32_t tries) {
    if (tries > PATIENCE_DOUBLINGS_MAX) tries = PATIENCE_DOUBLINGS_MAX;
    return replica->config.raft.election_us * PATIENCE_ELECTIONS << tries;
}

static bool parts_are_at_rest(const struct snapshot_receiver *receiver) {
    for (uint32_t i = 0; i < RECEIVE_WINDOW; i++)
        if (receiver->parts[i].state == PART_WRITING) return false;
    return true;
}

/* No disk call of an earlier attempt is under way. */
static bool is_quiet(const struct replica *replica) {
    if (!parts_are_at_rest(&replica->receiver)) return false;
    return !replica->snapshots.requests[SLOT_RECEIPTS].open &&
           !replica_receiver_reads_back(replica);
}

/* --- the end of an attempt ----------------------------------------------------------------------
 */

static void drop_load(struct replica *replica) {
    struct snapshot_receiver *receiver = &replica->receiver;
    rdb_reader_destroy(receiver->reader);
    receiver->reader = NULL;
    if (receiver->has_head) snapshot_head_clear(&receiver->head);
    receiver->has_head = false;
    if (receiver->storages != NULL) storages_take_garbage(replica->storages, receiver->storages);
    receiver->storages = NULL;
}

void replica_receiver_end(struct replica *replica, bool keep_file) {
    struct snapshot_receiver *receiver = &replica->receiver;
    drop_load(replica);
    for (uint32_t i = 0; i < RECEIVE_WINDOW; i++)
        if (receiver->parts[i].state == PART_ASKED) receiver->parts[i].state = PART_FREE;
    if (!keep_file && receiver->name[0] != '\0') replica_snapshots_leave(replica, receiver->name);
    if (receiver->receipts.name[0] != '\0')
        replica_snapshots_leave(replica, receiver->receipts.name);
    receiver->name[0] = receiver->receipts.name[0] = '\0';
    receiver->file = (struct snapshot_file){0};
    receiver->phase = REPLICA_RECEIVE_NOTHING;
    for (uint32_t i = 0; i < SNAPSHOT_READS; i++) {
        if (replica->snapshots.requests[SLOT_LOAD + i].open) continue;
        memory_release(receiver->rooms[i]);
        receiver->rooms[i] = NULL;
    }
}

void replica_receiver_fail(struct replica *replica, const char *what) {
    struct snapshot_receiver *receiver = &replica->receiver;
    snprintf(receiver->problem, sizeof(receiver->problem), "%s", what);
    receiver->failed++;
    receiver->retry_us = replica->now.now_us + patience_us(replica, 0);
    replica_receiver_end(replica, false);
}

void replica_receiver_clear(struct replica *replica) {
    struct snapshot_receiver *receiver = &replica->receiver;
    rdb_reader_destroy(receiver->reader);
    if (receiver->has_head) snapshot_head_clear(&receiver->head);
    storages_destroy(receiver->storages);
    for (uint32_t i = 0; i < RECEIVE_WINDOW; i++)
        chunk_release(receiver->parts[i].chunk);
    for (uint32_t i = 0; i < SNAPSHOT_READS; i++)
        memory_release(receiver->rooms[i]);
    replica_resume_clear(replica);
}

/* --- asking -------------------------------------------------------------------------------------
 */

static void ask(struct replica *replica, struct received_part *part) {
    struct snapshot_receiver *receiver = &replica->receiver;
    bool is_first = receiver->file.size == 0;
    struct snapshot_file file = receiver->file;
    if (is_first) file.position = receiver->wanted;
    struct replica_packet *packet = packet_create(receiver->node, true, PACKET_SNAPSHOT_ASK);
    snapshot_file_put(&packet->head, &file);
    buffer_append_u64(&packet->head, part->offset);
    buffer_append_u32(&packet->head, replica->config.snapshot_part_size);
    replica_send(replica, packet, 0);
    part->state = PART_ASKED;
    part->asked_us = replica->now.now_us;
}

static void ask_for(struct replica *replica, struct received_part *part, uint64_t offset) {
    part->offset = offset;
    part->tries = 0;
    ask(replica, part);
}

void replica_receiver_go_on(struct replica *replica) {
    struct snapshot_receiver *receiver = &replica->receiver;
    for (uint32_t i = 0; i < RECEIVE_WINDOW; i++) {
        receiver->next_offset = replica_resume_next(replica, receiver->next_offset);
        if (receiver->next_offset >= receiver->file.size) return;
        if (receiver->parts[i].state != PART_FREE) continue;
        ask_for(replica, &receiver->parts[i], receiver->next_offset);
        receiver->next_offset += replica->config.snapshot_part_size;
    }
}

static void begin(struct replica *replica, const struct raft_wanted *wanted) {
    struct snapshot_receiver *receiver = &replica->receiver;
    if (replica->now.now_us < receiver->retry_us || !is_quiet(replica)) return;
    receiver->phase = REPLICA_RECEIVE_FETCHING;
    receiver->node = wanted->node;
    receiver->term = replica->raft == NULL ? 0 : raft_term(replica->raft);
    receiver->wanted = wanted->position;
    receiver->file = (struct snapshot_file){0};
    receiver->next_offset = receiver->written = 0;
    receiver->read_asked = receiver->read_fed = 0;
    receiver->progress_us = replica->now.now_us;
    ask_for(replica, &receiver->parts[0], 0);
}

/* Another node is asked from now on for what is missing. */
static void turn_to(struct replica *replica, uint32_t node) {
    struct snapshot_receiver *receiver = &replica->receiver;
    receiver->node = node;
    receiver->term = raft_term(replica->raft);
    receiver->progress_us = replica->now.now_us;
    for (uint32_t i = 0; i < RECEIVE_WINDOW; i++) {
        receiver->parts[i].tries = 0;
        if (receiver->parts[i].state == PART_ASKED) ask(replica, &receiver->parts[i]);
    }
}

/* What was asked for over an older connection is lost, and was perhaps given long to come. */
void replica_receiver_linked(struct replica *replica, uint32_t node) {
    const struct snapshot_receiver *receiver = &replica->receiver;
    if (receiver->phase == REPLICA_RECEIVE_FETCHING && receiver->node == node)
        turn_to(replica, node);
}

void replica_receiver_want(struct replica *replica, const struct raft_wanted *wanted) {
    struct snapshot_receiver *receiver = &replica->receiver;
    if (replica->stopping) return;
    if (receiver->phase == REPLICA_RECEIVE_NOTHING) {
        begin(replica, wanted);
        return;
    }
    if (receiver->phase != REPLICA_RECEIVE_FETCHING || wanted->node == receiver->node) return;
    /* Who was asked may still answer. If not: the new leader may have the same file. */
    uint64_t silent_us = replica->now.now_us - receiver->progress_us;
    if (silent_us >= patience_us(replica, 0)) turn_to(replica, wanted->node);
}

/* --- what comes ---------------------------------------------------------------------------------
 */

/* What the first part tells: which file will come. False: the part is of no use. */
static bool adopt_file(struct replica *replica, const struct snapshot_file *file) {
    struct snapshot_receiver *receiver = &replica->receiver;
    bool will_do = file->size >= FILE_SIZE_MIN && file->size < 1ull << 62 &&
                   file->position.index >= receiver->wanted.index;
    if (!will_do) return false;
    receiver->file = *file;
    receiver->next_offset = replica->config.snapshot_part_size;
    snapshot_received_name(receiver->name, file->position.index, file->check);
    if (!replica_resume_begin(replica)) return true;
    receiver->next_offset = 0; /* The part that told is asked for again, if it is not there. */
    receiver->parts[0].state = PART_FREE;
    return false;
}

static struct received_part *part_at(struct snapshot_receiver *receiver, uint64_t offset) {
    for (uint32_t i = 0; i < RECEIVE_WINDOW; i++) {
        struct received_part *part = &receiver->parts[i];
        if (part->state == PART_ASKED && part->offset == offset) return part;
    }
    return NULL;
}

static void write_part(struct replica *replica, struct received_part *part, struct bytes bytes,
                       struct chunk *chunk) {
    struct snapshot_receiver *receiver = &replica->receiver;
    uint32_t at = (uint32_t)(part - receiver->parts);
    part->state = PART_WRITING;
    part->check = snapshot_part_check(&receiver->file, part->offset, bytes);
    part->chunk = chunk_hold(chunk);
    part->span = bytes;
    struct disk_request request = {
        .call = DISK_WRITE, .offset = part->offset, .spans = &part->span, .span_count = 1};
    memcpy(request.name, receiver->name, sizeof(request.name));
    replica_own_request(replica, SLOT_PARTS + at, &request);
}

enum error replica_receive_part(struct replica *replica, uint32_t from, struct bytes body,
                                struct chunk *chunk) {
    struct snapshot_receiver *receiver = &replica->receiver;
    struct snapshot_file file;
    if (body.size <= SNAPSHOT_PART_HEAD_SIZE) return ERROR_MALFORMED;
    snapshot_file_take(body.data, &file);
    uint64_t offset = load_u64(body.data + SNAPSHOT_FILE_SIZE);
    struct bytes bytes = bytes_slice(body, SNAPSHOT_PART_HEAD_SIZE, SIZE_MAX);
    uint64_t check = load_u64(body.data + SNAPSHOT_FILE_SIZE + 8);
    if (check != snapshot_part_check(&file, offset, bytes)) return ERROR_CHECKSUM;
    uint32_t size_max = replica->config.snapshot_part_size;
    if (bytes.size != snapshot_part_size(&file, offset, size_max)) return ERROR_MALFORMED;

    /* It may be old, or come twice. */
    bool is_awaited = receiver->phase == REPLICA_RECEIVE_FETCHING && from == receiver->node;
    struct received_part *part = is_awaited ? part_at(receiver, offset) : NULL;
    if (part == NULL || replica->stopping) return ERROR_NONE;
    if (receiver->file.size == 0 && !adopt_file(replica, &file)) return ERROR_NONE;
    if (!snapshot_file_equal(&file, &receiver->file)) return ERROR_NONE;
    receiver->progress_us = replica->now.now_us;
    replica->statistics.snapshot_parts_received++;
    write_part(replica, part, bytes, chunk);
    replica_receiver_go_on(replica);
    return ERROR_NONE;
}

enum error replica_receive_gone(struct replica *replica, uint32_t from, struct bytes body) {
    struct snapshot_receiver *receiver = &replica->receiver;
    struct snapshot_file file;
    if (body.size != SNAPSHOT_FILE_SIZE) return ERROR_MALFORMED;
    snapshot_file_take(body.data, &file);
    if (receiver->phase != REPLICA_RECEIVE_FETCHING || from != receiver->node) return ERROR_NONE;
    bool is_meant =
        receiver->file.size == 0 ? file.size == 0 : snapshot_file_equal(&file, &receiver->file);
    /* The leader goes on telling which one it has now. */
    if (is_meant) replica_receiver_end(replica, false);
    return ERROR_NONE;
}

static bool all_is_written(const struct snapshot_receiver *receiver) {
    for (uint32_t i = 0; i < RECEIVE_WINDOW; i++)
        if (receiver->parts[i].state != PART_FREE) return false;
    return receiver->file.size > 0 && receiver->next_offset >= receiver->file.size;
}

void replica_receiver_written(struct replica *replica, uint32_t slot,
                              const struct disk_completion *completion) {
    struct snapshot_receiver *receiver = &replica->receiver;
    struct received_part *part = &receiver->parts[slot - SLOT_PARTS];
    CHECK(part->state == PART_WRITING);
    chunk_release(part->chunk);
    part->chunk = NULL;
    part->state = PART_FREE;
    if (receiver->phase != REPLICA_RECEIVE_FETCHING) return; /* given up meanwhile */
    if (completion->error != ERROR_NONE) {
        replica_receiver_fail(replica, error_text(completion->error));
        return;
    }
    receiver->written += part->span.size;
    replica_resume_note(replica, part->offset, part->check);
    replica_receiver_go_on(replica);
}

/* --- verifying ----------------------------------------------------------------------------------
 */

void replica_receiver_read_back(struct replica *replica, uint32_t at, const char *name,
                                uint64_t offset, uint64_t size) {
    struct snapshot_receiver *receiver = &replica->receiver;
    uint64_t room = replica->config.snapshot_part_size; /* a pause of some milliseconds */
    CHECK(size <= room);
    if (receiver->rooms[at] == NULL) receiver->rooms[at] = memory_allocate(room);
    struct disk_request request = {
        .call = DISK_READ, .offset = offset, .size = size, .into = receiver->rooms[at]};
    memcpy(request.name, name, sizeof(request.name));
    replica_own_request(replica, SLOT_LOAD + at, &request);
}

bool replica_receiver_reads_back(const struct replica *replica) {
    for (uint32_t i = 0; i < SNAPSHOT_READS; i++)
        if (replica->snapshots.requests[SLOT_LOAD + i].open) return true;
    return false;
}

static void ask_next_piece(struct replica *replica, uint32_t at) {
    struct snapshot_receiver *receiver = &replica->receiver;
    uint64_t offset = receiver->read_asked;
    if (offset >= receiver->file.size) return;
    uint64_t size = snapshot_part_size(&receiver->file, offset, replica->config.snapshot_part_size);
    receiver->read_asked += size;
    replica_receiver_read_back(replica, at, receiver->name, offset, size);
}

void replica_receiver_synced(struct replica *replica, enum error error) {
    struct snapshot_receiver *receiver = &replica->receiver;
    if (receiver->phase != REPLICA_RECEIVE_SYNCING) return;
    if (error != ERROR_NONE) {
        replica_receiver_fail(replica, error_text(error));
        return;
    }
    receiver->phase = REPLICA_RECEIVE_LOADING;
    receiver->storages = storages_create(replica->config.hash_seed);
    receiver->reader = rdb_reader_create(&(struct rdb_read_options){
        .storages = receiver->storages, .mode = RDB_LITERAL, .bytes_total = receiver->file.size});
    for (uint32_t i = 0; i < SNAPSHOT_READS; i++)
        ask_next_piece(replica, i);
}

/* Before the keys behind it are taken in: whose file it is. NULL, or what is wrong. */
static const char *take_head(struct replica *replica) {
    struct snapshot_receiver *receiver = &replica->receiver;
    enum error error = snapshot_head_read(receiver->reader, &receiver->head);
    if (error != ERROR_NONE) return error_text(error);
    receiver->has_head = true;
    const struct raft_position *is = &receiver->head.position, *told = &receiver->file.position;
    if (memcmp(receiver->head.cluster, replica->config.cluster, JOURNAL_ID_SIZE) != 0)
        return "it is of another cluster";
    bool same = is->index == told->index && is->term == told->term && is->hash == told->hash;
    return same ? NULL : "it is another one than its sender said";
}

static const char *check_whole(const struct snapshot_receiver *receiver) {
    if (!receiver->has_head) return "it has no head";
    uint64_t digest =
        origins_digest(&receiver->head.origins, storages_rolling_digest(receiver->storages));
    return digest == receiver->head.digest ? NULL : "its digest differs from that of its contents";
}

/* NULL, or what is wrong. */
static const char *take_piece(struct replica *replica, struct bytes piece) {
    struct snapshot_receiver *receiver = &replica->receiver;
    enum error error = rdb_reader_feed(receiver->reader, piece);
    receiver->read_fed += piece.size;
    bool was_last = receiver->read_fed == receiver->file.size;
    if (error == ERROR_NONE && was_last) error = rdb_reader_end(receiver->reader);
    if (error != ERROR_NONE) {
        const char *what = rdb_reader_error(receiver->reader);
        return what[0] == '\0' ? error_text(error) : what;
    }
    bool head_is_new = !receiver->has_head && rdb_reader_head_is_read(receiver->reader);
    const char *wrong = head_is_new ? take_head(replica) : NULL;
    return wrong == NULL && was_last ? check_whole(receiver) : wrong;
}

static void finish_load(struct replica *replica) {
    struct snapshot_receiver *receiver = &replica->receiver;
    rdb_reader_destroy(receiver->reader);
    receiver->reader = NULL;
    receiver->phase = REPLICA_RECEIVE_READY;
    replica->statistics.snapshots_received++;
}

void replica_receiver_read(struct replica *replica, uint32_t slot,
                           const struct disk_completion *completion) {
    struct snapshot_receiver *receiver = &replica->receiver;
    if (receiver->phase == REPLICA_RECEIVE_RESUMING)
        replica_resume_read(replica, slot - SLOT_LOAD, completion);
    if (receiver->phase != REPLICA_RECEIVE_LOADING) return;
    const char *wrong = completion->error != ERROR_NONE ? error_text(completion->error) : NULL;
    if (wrong == NULL && completion->size != replica->snapshots.requests[slot].request.size)
        wrong = "its file is shorter than what was written";
    uint32_t at = slot - SLOT_LOAD;
    if (wrong == NULL) wrong = take_piece(replica, bytes_of(receiver->rooms[at], completion->size));
    if (wrong != NULL) {
        replica_receiver_fail(replica, wrong);
    } else if (receiver->read_fed == receiver->file.size) {
        finish_load(replica);
    } else {
        ask_next_piece(replica, at);
    }
}

/* --- time ---------------------------------------------------------------------------------------
 */

static void sync_file(struct replica *replica) {
    struct snapshot_receiver *receiver = &replica->receiver;
    struct disk_request request = {.call = DISK_WRITE, .sync = true, .offset = receiver->file.size};
    memcpy(request.name, receiver->name, sizeof(request.name));
    receiver->phase = REPLICA_RECEIVE_SYNCING;
    if (replica->config.planted & REPLICA_PLANTED_INSTALL_UNSYNCED)
        replica_receiver_synced(replica, ERROR_NONE);
    else
        replica_own_request(replica, SLOT_FILE, &request);
}

static void ask_again(struct replica *replica) {
    struct snapshot_receiver *receiver = &replica->receiver;
    for (uint32_t i = 0; i < RECEIVE_WINDOW; i++) {
        struct received_part *part = &receiver->parts[i];
        bool is_late = part->state == PART_ASKED &&
                       replica->now.now_us - part->asked_us >= patience_us(replica, part->tries);
        if (!is_late) continue;
        part->tries++;
        ask(replica, part);
    }
}

static void tend_fetch(struct replica *replica) {
    struct snapshot_receiver *receiver = &replica->receiver;
    bool is_silent = replica->now.now_us - receiver->progress_us >= GIVE_UP_AFTER_US;
    /* The log has come all the same. */
    bool has_come = replica->applied_index >= receiver->wanted.index;
    if (is_silent && !has_come) replica_resume_set_aside(replica);
    if (has_come || is_silent) {
        replica_receiver_end(replica, false);
        return;
    }
    ask_again(replica);
    if (all_is_written(receiver) && !replica->snapshots.requests[SLOT_FILE].open)
        sync_file(replica);
}

void replica_receiver_tend(struct replica *replica) {
    struct snapshot_receiver *receiver = &replica->receiver;
    if (replica->stopping) return;
    if (receiver->phase == REPLICA_RECEIVE_FETCHING) tend_fetch(replica);
    replica_resume_tend(replica);
    if (receiver->phase == REPLICA_RECEIVE_READY && replica_snapshots_may_adopt(replica))
        replica_snapshots_adopt(replica);
}

/* Another founder than this node and the one that was asked last, and one that can be asked. */
static uint32_t next_founder(const struct replica *replica) {
    const struct members *founders = replica->config.raft.members;
    uint32_t first = 0;
    for (uint32_t i = 0; founders != NULL && i < founders->count; i++) {
        uint32_t id = founders->at[i].id;
        if (id == replica->config.raft.id || !replica->link_up[id]) continue;
        if (id > replica->receiver.node) return id;
        if (first == 0) first = id;
    }
    return first;
}

void replica_receiver_await(struct replica *replica) {
    struct snapshot_receiver *receiver = &replica->receiver;
    uint64_t silent_us = replica->now.now_us - receiver->progress_us;
    bool is_in_vain = receiver->phase == REPLICA_RECEIVE_FETCHING && receiver->file.size == 0 &&
                      silent_us >= patience_us(replica, 0);
    if (is_in_vain) replica_receiver_end(replica, false);
    replica_receiver_tend(replica);
    replica_sender_tend(replica); /* Others are told that there is nothing here. */
    struct raft_wanted wanted = {.node = next_founder(replica), .position = {.index = 1}};
    if (receiver->phase != REPLICA_RECEIVE_NOTHING || wanted.node == 0) return;
    begin(replica, &wanted);
    if (receiver->phase != REPLICA_RECEIVE_NOTHING)
        receiver->retry_us = replica->now.now_us + AWAIT_RETRY_US;
}

uint64_t replica_receiver_deadline_us(const struct replica *replica) {
    const struct snapshot_receiver *receiver = &replica->receiver;
    if (receiver->phase != REPLICA_RECEIVE_FETCHING) return UINT64_MAX;
    uint64_t first = receiver->progress_us + GIVE_UP_AFTER_US;
    for (uint32_t i = 0; i < RECEIVE_WINDOW; i++) {
        const struct received_part *part = &receiver->parts[i];
        if (part->state != PART_ASKED) continue;
        uint64_t at_us = part->asked_us + patience_us(replica, part->tries);
        if (at_us < first) first = at_us;
    }
    return first;
}
