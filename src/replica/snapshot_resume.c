/* snapshot_resume.c: what has come of another node's snapshot outlives the process and the attempt
 * that asked for it.
 *
 * Beside the temporary file stand its *receipts*: a file that says whose bytes these are, and has a
 * row for each part that was written, with the checksum that came with it. A later attempt that is
 * offered the very same file (position, size, checksum) reads the receipts, then each part they
 * name, and asks for those that are missing or not what the receipt says. So neither file has to be
 * durable: whatever a loss of power makes of them, a part counts only if its bytes are right. And
 * it is a help, no proof: the whole is verified as any other before it is used.
 *
 * The receipts, little-endian:
 *
 *   head   "hamokrc1" (8), position, size and checksum of the file (40), bytes a part (8), hash (8)
 *   row    offset (8), the part's checksum as in PART (8), hash (8)
 *
 * Each hash is of what stands before it in its head or row; a row's is keyed with the file's
 * checksum. The first row that does not fit ends them. */
#include "base/memory.h"
#include "src/replica/replica_internal.h"
#include "src/replica/snapshot_packets.h"

enum { HEAD_SIZE = 8 + SNAPSHOT_FILE_SIZE + 8 + 8, ROW_SIZE = 24 };
static const char magic[8] = {'h', 'a', 'm', 'o', 'k', 'r', 'c', '1'};
static const uint64_t RECEIPTS_MAX = 64 << 20; /* bytes: of a file of hundreds of gigabytes */

/* --- the bytes ----------------------------------------------------------------------------------
 */

static uint64_t part_size(const struct replica *replica) {
    return replica->config.snapshot_part_size;
}

static void put_head(const struct replica *replica, struct buffer *out) {
    size_t start = out->size;
    buffer_append(out, magic, sizeof(magic));
    snapshot_file_put(out, &replica->receiver.file);
    buffer_append_u64(out, part_size(replica));
    buffer_append_u64(out, hash_bytes(bytes_of(out->data + start, out->size - start), 0));
}

static bool head_fits(const struct replica *replica, struct bytes head) {
    struct buffer expected = {0};
    put_head(replica, &expected);
    bool fits = head.size >= HEAD_SIZE &&
                bytes_equal(bytes_slice(head, 0, HEAD_SIZE), buffer_bytes(&expected));
    buffer_clear(&expected);
    return fits;
}

static uint64_t row_hash(const struct replica *replica, const char *row) {
    return hash_bytes(bytes_of(row, ROW_SIZE - 8), replica->receiver.file.check);
}

struct receipt {
    uint64_t offset, check;
};

/* False: the receipts end there. */
static bool take_row(const struct replica *replica, uint64_t at, struct receipt *receipt) {
    const struct snapshot_receiver *receiver = &replica->receiver;
    struct bytes rest = bytes_slice(buffer_bytes(&receiver->receipts.found), at, ROW_SIZE);
    if (rest.size < ROW_SIZE) return false;
    *receipt = (struct receipt){load_u64(rest.data), load_u64(rest.data + 8)};
    return load_u64(rest.data + 16) == row_hash(replica, rest.data) &&
           receipt->offset < receiver->file.size && receipt->offset % part_size(replica) == 0;
}

/* --- which parts are there ----------------------------------------------------------------------
 */

static bool has_part(const struct replica *replica, uint64_t offset) {
    const struct snapshot_receipts *receipts = &replica->receiver.receipts;
    uint64_t part = offset / part_size(replica);
    return part < receipts->part_count && receipts->has[part];
}

static void note_part(struct replica *replica, uint64_t offset) {
    struct snapshot_receipts *receipts = &replica->receiver.receipts;
    uint64_t part = offset / part_size(replica);
    if (part >= receipts->part_count) {
        receipts->has = memory_resize(receipts->has, part + 1);
        memset(receipts->has + receipts->part_count, 0, part + 1 - receipts->part_count);
        receipts->part_count = part + 1;
    }
    receipts->has[part] = true;
}

uint64_t replica_resume_next(const struct replica *replica, uint64_t offset) {
    while (has_part(replica, offset))
        offset += part_size(replica);
    return offset;
}

/* --- giving receipts ----------------------------------------------------------------------------
 */

void replica_resume_note(struct replica *replica, uint64_t offset, uint64_t check) {
    struct snapshot_receipts *receipts = &replica->receiver.receipts;
    char row[ROW_SIZE];
    store_u64(row, offset);
    store_u64(row + 8, check);
    store_u64(row + 16, row_hash(replica, row));
    if (!receipts->is_off) buffer_append(&receipts->waiting, row, sizeof(row));
}

static void write_receipts(struct replica *replica) {
    struct snapshot_receipts *receipts = &replica->receiver.receipts;
    bool is_due = receipts->waiting.size > 0 && !receipts->is_off &&
                  !replica->snapshots.requests[SLOT_RECEIPTS].open;
    if (!is_due) return;
    struct buffer written = receipts->writing;
    receipts->writing = receipts->waiting;
    receipts->waiting = written;
    receipts->waiting.size = 0;
    receipts->span = buffer_bytes(&receipts->writing);
    struct disk_request request = {
        .call = DISK_WRITE, .offset = receipts->size, .spans = &receipts->span, .span_count = 1};
    memcpy(request.name, receipts->name, sizeof(request.name));
    receipts->size += receipts->span.size;
    replica_own_request(replica, SLOT_RECEIPTS, &request);
}

void replica_resume_written(struct replica *replica, enum error error) {
    /* A gap would end them anyway. */
    if (error != ERROR_NONE) replica->receiver.receipts.is_off = true;
}

/* --- what is kept -------------------------------------------------------------------------------
 */

static void drop_kept(struct replica *replica) {
    struct snapshot_kept *kept = &replica->receiver.kept;
    if (kept->name[0] == '\0') return;
    replica_snapshots_leave(replica, kept->name);
    replica_snapshots_leave(replica, kept->receipts);
    *kept = (struct snapshot_kept){0};
}

void replica_resume_find(struct replica *replica, const struct disk_completion *listed) {
    struct snapshot_kept *kept = &replica->receiver.kept;
    *kept = (struct snapshot_kept){0};
    for (uint32_t i = 0; i < listed->file_count; i++) {
        struct snapshot_kept found = {.size = listed->files[i].size};
        memcpy(found.receipts, listed->files[i].name, sizeof(found.receipts));
        if (!snapshot_receipts_are_of(found.receipts, found.name, &found.index)) continue;
        if (found.index <= kept->index || found.size > RECEIPTS_MAX) continue;
        for (uint32_t k = 0; k < listed->file_count; k++)
            if (strcmp(listed->files[k].name, found.name) == 0) *kept = found;
    }
}

bool replica_resume_keeps(const struct replica *replica, const char *name) {
    const struct snapshot_kept *kept = &replica->receiver.kept;
    return kept->name[0] != '\0' &&
           (strcmp(name, kept->name) == 0 || strcmp(name, kept->receipts) == 0);
}

void replica_resume_set_aside(struct replica *replica) {
    struct snapshot_receiver *receiver = &replica->receiver;
    if (receiver->file.size == 0 || receiver->receipts.is_off) return;
    struct snapshot_kept kept = {.index = receiver->file.position.index,
                                 .size = receiver->receipts.size};
    memcpy(kept.name, receiver->name, sizeof(kept.name));
    memcpy(kept.receipts, receiver->receipts.name, sizeof(kept.receipts));
    receiver->kept = kept;
    receiver->name[0] = receiver->receipts.name[0] = '\0'; /* They are nobody's leftovers. */
}

/* --- going on where it was ----------------------------------------------------------------------
 */

static void end_resume(struct replica *replica) {
    struct snapshot_receiver *receiver = &replica->receiver;
    struct snapshot_receipts *receipts = &receiver->receipts;
    receipts->size = receipts->row_next;
    receipts->found.size = 0;
    if (receipts->size < HEAD_SIZE) {
        receipts->size = 0;
        put_head(replica, &receipts->waiting);
    }
    receiver->phase = REPLICA_RECEIVE_FETCHING;
    receiver->progress_us = replica->now.now_us;
    replica_receiver_go_on(replica);
}

static void read_receipts(struct replica *replica) {
    struct snapshot_receipts *receipts = &replica->receiver.receipts;
    uint64_t left = receipts->found_size - receipts->found.size;
    uint64_t size = left < part_size(replica) ? left : part_size(replica);
    replica_receiver_read_back(replica, 0, receipts->name, receipts->found.size, size);
}

/* Reads the next part that has a receipt, or ends when none is being read any more. */
static void read_next(struct replica *replica, uint32_t at) {
    struct snapshot_receiver *receiver = &replica->receiver;
    struct receipt receipt;
    if (take_row(replica, receiver->receipts.row_next, &receipt)) {
        receiver->receipts.rows[at] = receiver->receipts.row_next;
        receiver->receipts.row_next += ROW_SIZE;
        uint64_t size = snapshot_part_size(&receiver->file, receipt.offset, part_size(replica));
        replica_receiver_read_back(replica, at, receiver->name, receipt.offset, size);
    } else if (!replica_receiver_reads_back(replica)) {
        end_resume(replica);
    }
}

static void take_receipts(struct replica *replica, const struct disk_completion *completion) {
    struct snapshot_receipts *receipts = &replica->receiver.receipts;
    uint64_t wanted = replica->snapshots.requests[SLOT_LOAD].request.size;
    bool is_read = completion->error == ERROR_NONE && completion->size == wanted;
    if (is_read) buffer_append(&receipts->found, replica->receiver.rooms[0], completion->size);
    if (is_read && receipts->found.size < receipts->found_size) {
        read_receipts(replica);
        return;
    }
    receipts->is_found = true;
    bool fits = is_read && head_fits(replica, buffer_bytes(&receipts->found));
    receipts->row_next = fits ? HEAD_SIZE : 0;
    if (!fits) receipts->found.size = 0;
    for (uint32_t i = 0; i < SNAPSHOT_READS && replica->receiver.phase == REPLICA_RECEIVE_RESUMING;
         i++)
        read_next(replica, i);
}

static void take_part(struct replica *replica, uint32_t at,
                      const struct disk_completion *completion) {
    struct snapshot_receiver *receiver = &replica->receiver;
    struct receipt receipt;
    CHECK(take_row(replica, receiver->receipts.rows[at], &receipt));
    struct bytes part = bytes_of(receiver->rooms[at], completion->size);
    bool is_right = completion->error == ERROR_NONE && !has_part(replica, receipt.offset) &&
                    completion->size == replica->snapshots.requests[SLOT_LOAD + at].request.size &&
                    snapshot_part_check(&receiver->file, receipt.offset, part) == receipt.check;
    if (is_right) {
        note_part(replica, receipt.offset);
        receiver->written += part.size;
        replica->statistics.snapshot_parts_resumed++;
    }
    read_next(replica, at);
}

void replica_resume_read(struct replica *replica, uint32_t at,
                         const struct disk_completion *completion) {
    if (replica->receiver.receipts.is_found)
        take_part(replica, at, completion);
    else
        take_receipts(replica, completion);
}

bool replica_resume_begin(struct replica *replica) {
    struct snapshot_receiver *receiver = &replica->receiver;
    struct snapshot_receipts *receipts = &receiver->receipts;
    receipts->size = receipts->waiting.size = receipts->found.size = 0;
    receipts->is_off = receipts->is_found = false;
    receipts->part_count = 0;
    snapshot_receipts_name(receipts->name, receiver->file.position.index, receiver->file.check);
    bool is_kept =
        receiver->kept.size >= HEAD_SIZE && replica_resume_keeps(replica, receiver->name);
    receipts->found_size = receiver->kept.size;
    if (is_kept)
        receiver->kept = (struct snapshot_kept){0};
    else
        drop_kept(replica);
    replica_snapshots_reclaim(replica, receiver->name);
    replica_snapshots_reclaim(replica, receipts->name);
    if (is_kept) {
        receiver->phase = REPLICA_RECEIVE_RESUMING;
        read_receipts(replica);
    } else {
        put_head(replica, &receipts->waiting);
    }
    return is_kept;
}

void replica_resume_tend(struct replica *replica) {
    const struct snapshot_receiver *receiver = &replica->receiver;
    bool is_useless = replica->applied_index >= receiver->kept.index;
    bool needs_room = replica->raft != NULL && journal_is_full(replica->journal);
    if (is_useless || needs_room) drop_kept(replica);
    if (receiver->phase == REPLICA_RECEIVE_FETCHING) write_receipts(replica);
}

void replica_resume_clear(struct replica *replica) {
    struct snapshot_receipts *receipts = &replica->receiver.receipts;
    buffer_clear(&receipts->waiting);
    buffer_clear(&receipts->writing);
    buffer_clear(&receipts->found);
    memory_release(receipts->has);
}
