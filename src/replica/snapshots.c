/* snapshots.c: the life of snapshot.rdb within its node.
 *
 * At start it is read before the log is: a piece a turn, so that clients are answered -LOADING
 * meanwhile. A new one is written by the driver under a temporary name. Then its head and its end
 * are read again, it waits until the log is durable as far as it goes (a follower or a leader may
 * apply what its own disk does not have yet), takes its name, and is looked at once more: only then
 * the core hears of it, and the log is cut behind it (SAFETY 8, 13). One that was received
 * (snapshot_receive.c) takes the name in the same way; then this node's state becomes that one, and
 * the log is restarted behind it, if it does not go on there. */
#include <stdio.h>

#include "base/memory.h"
#include "src/replica/replica_internal.h"
#include "storages/storages.h"

enum {
    LOAD_PIECE = 1 << 20,
    HEAD_PIECE = 64 << 10,
    CHECK_SIZE = 8,
    END_SIZE = 1 + CHECK_SIZE,
    END_MARK = 0xff
};
_Static_assert(HEAD_PIECE <= LOAD_PIECE, "one room serves both");

static const uint64_t OWN_REQUESTS = 1ull << 63; /* raft/disk.h: the journal's are below */
/* After a failure; the second, where the present file will not do. */
static const uint64_t RETRY_AFTER_US = 5 * 1000 * 1000, RETRY_SOON_US = 1000 * 1000;
static const uint64_t SET_ASIDE_AGAIN_US = 1000 * 1000;
/* Whether the log can be cut is looked at so often while it grows. */
static const uint64_t LOOK_EACH_BYTES = 1 << 20, LOOK_SOON = UINT64_MAX;

/* --- requests -----------------------------------------------------------------------------------
 */

static void ask(struct snapshots *snapshots, uint32_t slot, const struct disk_request *request) {
    struct own_request *own = &snapshots->requests[slot];
    CHECK(!own->queued && !own->open);
    *own = (struct own_request){
        .request = *request, .order = ++snapshots->order, .queued = true, .open = true};
    own->request.number = OWN_REQUESTS + slot;
}

void replica_own_request(struct replica *replica, uint32_t slot,
                         const struct disk_request *request) {
    ask(&replica->snapshots, slot, request);
}

static void ask_read(struct snapshots *snapshots, uint32_t slot, const char *name, uint64_t offset,
                     uint64_t size) {
    if (snapshots->rooms[slot] == NULL) snapshots->rooms[slot] = memory_allocate(LOAD_PIECE);
    CHECK(size <= LOAD_PIECE);
    struct disk_request request = {
        .call = DISK_READ, .offset = offset, .size = size, .into = snapshots->rooms[slot]};
    snprintf(request.name, sizeof(request.name), "%s", name);
    ask(snapshots, slot, &request);
}

static void release_rooms(struct snapshots *snapshots) {
    for (uint32_t i = 0; i < SNAPSHOT_READS; i++) {
        CHECK(!snapshots->requests[i].open);
        memory_release(snapshots->rooms[i]);
        snapshots->rooms[i] = NULL;
    }
}

/* Temporary files go one after the other, while nothing else is asked of the file queue. */
static void remove_leftover(struct snapshots *snapshots) {
    if (snapshots->leftover_count == 0 || snapshots->requests[SLOT_FILE].open) return;
    struct disk_request request = {.call = DISK_REMOVE};
    memcpy(request.name, snapshots->leftovers[--snapshots->leftover_count], DISK_NAME_SIZE);
    ask(snapshots, SLOT_FILE, &request);
}

static void add_leftover(struct snapshots *snapshots, const char *name) {
    if (snapshots->leftover_count == SNAPSHOT_LEFTOVERS_MAX) return; /* another start removes it */
    memcpy(snapshots->leftovers[snapshots->leftover_count++], name, DISK_NAME_SIZE);
}

void replica_snapshots_leave(struct replica *replica, const char *name) {
    add_leftover(&replica->snapshots, name);
}

void replica_snapshots_reclaim(struct replica *replica, const char *name) {
    struct snapshots *snapshots = &replica->snapshots;
    for (uint32_t i = snapshots->leftover_count; i-- > 0;) {
        if (strcmp(snapshots->leftovers[i], name) != 0) continue;
        memmove(snapshots->leftovers[i], snapshots->leftovers[--snapshots->leftover_count],
                DISK_NAME_SIZE);
    }
}

const struct disk_request *replica_snapshots_request(struct replica *replica) {
    struct snapshots *snapshots = &replica->snapshots;
    if (snapshots->phase == REPLICA_SNAPSHOT_IDLE) remove_leftover(snapshots);
    /* In the order of asking: whoever reads ahead relies on it. */
    struct own_request *first = NULL;
    for (uint32_t slot = 0; slot < OWN_SLOTS; slot++) {
        struct own_request *own = &snapshots->requests[slot];
        if (own->queued && (first == NULL || own->order < first->order)) first = own;
    }
    if (first == NULL) return NULL;
    first->queued = false;
    return &first->request;
}

/* --- loading ------------------------------------------------------------------------------------
 */

void replica_snapshots_open(struct replica *replica) {
    replica->snapshots.looked_bytes = LOOK_SOON;
    ask(&replica->snapshots, SLOT_FILE, &(struct disk_request){.call = DISK_LIST});
}

bool replica_snapshots_load(const struct replica *replica) {
    return replica->snapshots.phase < REPLICA_SNAPSHOT_IDLE || replica->snapshots.is_awaited;
}

static void fail_load(struct replica *replica, const char *what) {
    replica_fail(replica,
                 SNAPSHOT_NAME " can't be used: %s: restore the whole directory from a copy, or "
                               "choose another --dir to start empty",
                 what);
}

static void fail_read(struct replica *replica, const char *what, enum error error) {
    replica->snapshots.could_not_read = true;
    replica_fail(replica, "%s can't be read: %s", what, error_text(error));
}

bool replica_could_not_read(const struct replica *replica) {
    const struct journal *journal = replica->journal;
    return replica->snapshots.could_not_read ||
           (journal_state(journal) == JOURNAL_REFUSED && journal_error(journal) == ERROR_IO);
}

static bool has_head(const struct snapshots *snapshots) {
    return snapshots->head_is_read && snapshots->head_error == ERROR_NONE;
}

static void begin_without(struct replica *replica) {
    struct snapshots *snapshots = &replica->snapshots;
    rdb_reader_destroy(snapshots->reader);
    snapshots->reader = NULL;
    if (has_head(snapshots)) snapshot_head_clear(&snapshots->head);
    snapshots->head_is_read = false;
    release_rooms(snapshots);
    snapshots->size = snapshots->check = snapshots->asked = snapshots->fed = 0;
    storages_destroy(replica->storages);
    replica->storages = storages_create(replica->config.hash_seed);
    origins_clear(&replica->origins);
    replica->applied_index = replica->applied_term = 0;
    replica->applied_hash = replica->config.raft.base_hash;
    snapshots->phase = REPLICA_SNAPSHOT_IDLE;
    replica_snapshot_ask(replica); /* in its place, soon */
    replica_snapshot_is_loaded(replica);
}

/* Its writer's log was durable as far; this node's own may not be. */
static bool is_foreign(const struct replica *replica, const struct snapshot_head *head) {
    return head->node_uuid[0] != replica->config.node_uuid[0] ||
           head->node_uuid[1] != replica->config.node_uuid[1];
}

/* The disk has changed it. A log that goes back to its first entry gives the same state; with one
 * that was cut behind it, what is lost the others have to supply (repair.c). So they have if it was
 * received: the log may not have been restarted behind it yet, while what it held was acknowledged.
 */
static void drop_damaged(struct replica *replica, const char *what) {
    struct snapshots *snapshots = &replica->snapshots;
    if (!snapshots->is_damaged) {
        snprintf(replica->damage, sizeof(replica->damage), SNAPSHOT_NAME " is damaged: %s", what);
        snapshots->may_be_missed = !has_head(snapshots) || is_foreign(replica, &snapshots->head);
    }
    snapshots->is_damaged = true;
    for (uint32_t slot = 0; slot < SNAPSHOT_READS; slot++)
        if (snapshots->requests[SLOT_CHECK + slot].open) return; /* Then when that one is done. */
    begin_without(replica);
}

/* Until the log says it, nothing but the file tells the next start that something is missed. */
static bool has_to_stay(const struct replica *replica) {
    const struct snapshots *snapshots = &replica->snapshots;
    return snapshots->is_damaged && snapshots->may_be_missed &&
           journal_is_damaged(replica->journal) && !journal_tells_of_damage(replica->journal);
}

static bool is_being_set_aside(const struct snapshots *snapshots) {
    const struct own_request *own = &snapshots->requests[SLOT_FILE];
    return own->open && own->request.call == DISK_RENAME &&
           strcmp(own->request.target, SNAPSHOT_SET_ASIDE) == 0;
}

bool replica_snapshots_has_damaged(const struct replica *replica) {
    return replica->snapshots.is_damaged || is_being_set_aside(&replica->snapshots);
}

/* Whoever wants to look may find it under another name. */
static void set_damaged_aside(struct replica *replica) {
    struct snapshots *snapshots = &replica->snapshots;
    bool may_go = snapshots->is_damaged && !has_to_stay(replica) &&
                  replica->now.now_us >= snapshots->aside_us;
    if (!may_go || snapshots->requests[SLOT_FILE].open) return;
    snapshots->is_damaged = false;
    struct disk_request request = {
        .call = DISK_RENAME, .name = SNAPSHOT_NAME, .target = SNAPSHOT_SET_ASIDE};
    ask(snapshots, SLOT_FILE, &request);
}

/* A start would find it again. */
static void stays_there(struct replica *replica) {
    replica->snapshots.is_damaged = true;
    replica->snapshots.aside_us = replica->now.now_us + SET_ASIDE_AGAIN_US;
}

/* Some parts' worth, for a node whose parts are small (in tests) as for others. */
static uint64_t load_piece(const struct replica *replica) {
    uint64_t size = 4ull * replica->config.snapshot_part_size;
    return size < LOAD_PIECE ? size : LOAD_PIECE;
}

static void ask_next_piece(struct replica *replica, uint32_t slot) {
    struct snapshots *snapshots = &replica->snapshots;
    if (snapshots->asked >= snapshots->size) return;
    uint64_t left = snapshots->size - snapshots->asked, piece = load_piece(replica);
    uint64_t size = left < piece ? left : piece;
    ask_read(snapshots, slot, SNAPSHOT_NAME, snapshots->asked, size);
    snapshots->asked += size;
}

static void on_listed(struct replica *replica, const struct disk_completion *completion) {
    struct snapshots *snapshots = &replica->snapshots;
    if (completion->error != ERROR_NONE) {
        fail_read(replica, "the data directory", completion->error);
        return;
    }
    bool found = false;
    replica_resume_find(replica, completion);
    for (uint32_t i = 0; i < completion->file_count; i++) {
        const struct disk_file *file = &completion->files[i];
        bool is_left =
            snapshot_is_temporary_name(file->name) && !replica_resume_keeps(replica, file->name);
        if (is_left) add_leftover(snapshots, file->name);
        if (strcmp(file->name, SNAPSHOT_NAME) != 0) continue;
        found = true;
        snapshots->size = file->size;
    }
    snapshots->is_awaited = !found && replica->config.awaits_snapshot && !replica->config.has_log;
    if (snapshots->is_awaited) return;
    snapshots->phase = found ? REPLICA_SNAPSHOT_LOADING : REPLICA_SNAPSHOT_IDLE;
    if (!found) return;
    if (snapshots->size == 0) {
        drop_damaged(replica, "it is empty");
        return;
    }
    snapshots->reader = rdb_reader_create(&(struct rdb_read_options){
        .storages = replica->storages, .mode = RDB_LITERAL, .bytes_total = snapshots->size});
    for (uint32_t slot = 0; slot < SNAPSHOT_READS; slot++)
        ask_next_piece(replica, slot);
}

/* Whose file it is. What tells against it counts once the whole of it is known to be as it was
 * written (judge_head): a flipped bit can make a foreigner of it. */
static void take_head(struct replica *replica) {
    struct snapshots *snapshots = &replica->snapshots;
    snapshots->head_error = snapshot_head_read(snapshots->reader, &snapshots->head);
    snapshots->head_is_read = true;
}

static bool judge_head(struct replica *replica) {
    struct snapshots *snapshots = &replica->snapshots;
    CHECK(snapshots->head_is_read); /* The reader comes to no file's end without it. */
    switch (snapshots->head_error) {
    case ERROR_NONE:
        if (memcmp(snapshots->head.cluster, replica->config.cluster, JOURNAL_ID_SIZE) == 0)
            return true;
        fail_load(replica, "it is of another cluster");
        return false;
    case ERROR_FOREIGN:
        fail_load(replica, "it is no snapshot of a node");
        return false;
    case ERROR_VERSION:
        fail_load(replica, "it was written by a newer version");
        return false;
    default:
        drop_damaged(replica, "its head is malformed");
        return false;
    }
}

static void finish_load(struct replica *replica) {
    struct snapshots *snapshots = &replica->snapshots;
    const struct snapshot_head *head = &snapshots->head;
    replica->applied_index = head->position.index;
    replica->applied_term = head->position.term;
    replica->applied_hash = head->position.hash;
    origins_copy(&replica->origins, &head->origins);
    if (replica_digest(replica) != head->digest) {
        drop_damaged(replica, "its digest differs from that of its contents");
        return;
    }
    snapshots->position = head->position;
    snapshots->members = head->members;
    snapshots->is_foreign = is_foreign(replica, head);
    snapshots->is_known = true;
    rdb_reader_destroy(snapshots->reader);
    snapshots->reader = NULL;
    release_rooms(snapshots);
    snapshots->phase = REPLICA_SNAPSHOT_IDLE;
    replica_snapshot_is_loaded(replica);
}

/* The file's own checksum stands at its end; its last piece may be as short as a byte. */
static void note_check(struct snapshots *snapshots, struct bytes piece) {
    uint64_t left = snapshots->size - snapshots->fed; /* behind the piece's beginning */
    for (size_t i = left > CHECK_SIZE ? left - CHECK_SIZE : 0; i < piece.size; i++) {
        uint64_t at = CHECK_SIZE - (left - i);
        snapshots->check |= (uint64_t)(uint8_t)piece.data[i] << 8 * at;
    }
}

static void take_piece(struct replica *replica, struct bytes piece) {
    struct snapshots *snapshots = &replica->snapshots;
    enum error error = rdb_reader_feed(snapshots->reader, piece);
    note_check(snapshots, piece);
    snapshots->fed += piece.size;
    if (error == ERROR_NONE && snapshots->fed == snapshots->size)
        error = rdb_reader_end(snapshots->reader);
    if (error != ERROR_NONE) {
        const char *what = rdb_reader_error(snapshots->reader);
        char text[200];
        snprintf(text, sizeof(text), "%s", what[0] == '\0' ? error_text(error) : what);
        drop_damaged(replica, text);
        return;
    }
    if (!snapshots->head_is_read && rdb_reader_head_is_read(snapshots->reader)) take_head(replica);
    if (snapshots->fed == snapshots->size && judge_head(replica)) finish_load(replica);
}

static void on_loaded(struct replica *replica, uint32_t slot,
                      const struct disk_completion *completion) {
    struct snapshots *snapshots = &replica->snapshots;
    if (snapshots->is_damaged) {
        drop_damaged(replica, "");
        return;
    }
    if (completion->error != ERROR_NONE) {
        fail_read(replica, SNAPSHOT_NAME, completion->error);
        return;
    }
    if (completion->size != snapshots->requests[slot].request.size) {
        drop_damaged(replica, "it is shorter than the directory says");
        return;
    }
    take_piece(replica, bytes_of(snapshots->rooms[slot], completion->size));
    bool goes_on = replica->state != REPLICA_DAMAGED && !snapshots->is_damaged;
    if (goes_on && snapshots->phase == REPLICA_SNAPSHOT_LOADING) ask_next_piece(replica, slot);
}

/* --- making -------------------------------------------------------------------------------------
 */

void replica_snapshots_note_entry(struct replica *replica, const char *image) {
    struct snapshots *snapshots = &replica->snapshots;
    snapshots->log_bytes += entry_size(image);
    if (entry_index(image) <= snapshots->position.index)
        snapshots->snapshot_bytes = snapshots->log_bytes;
}

static bool log_has_grown(const struct replica *replica) {
    const struct snapshots *snapshots = &replica->snapshots;
    uint64_t grown = snapshots->log_bytes - snapshots->snapshot_bytes;
    const struct replica_snapshot_limits *limits = &replica->config.snapshot;
    /* A transfer that had to begin anew with each new snapshot might never end. */
    if (replica_sender_is_busy(replica) && !journal_is_full(replica->journal)) return false;
    return grown > limits->log_min && grown > snapshots->size / 100 * limits->log_ratio;
}

void replica_set_snapshot_limits(struct replica *replica, struct replica_snapshot_limits limits) {
    replica->config.snapshot = limits;
    replica_snapshots_look(replica); /* On a full disk the log does not grow any more. */
}

bool replica_snapshot_may_begin(const struct replica *replica) {
    bool receives = replica->receiver.phase > REPLICA_RECEIVE_FETCHING;
    /* One that was received may be ahead of the state, if this node leads all the same. */
    bool has_come_as_far =
        replica->applied_index > 0 && replica->applied_index >= replica->snapshots.position.index;
    return replica->state == REPLICA_RUNNING && !replica->stopping && has_come_as_far &&
           replica->snapshots.phase == REPLICA_SNAPSHOT_IDLE && !receives && !has_to_stay(replica);
}

bool replica_snapshot_is_due(const struct replica *replica) {
    const struct snapshots *snapshots = &replica->snapshots;
    if (!replica_snapshot_may_begin(replica)) return false;
    if (snapshots->asked_for)
        return snapshots->asked_barrier > 0 &&
               (replica_barrier_is_passed(replica, snapshots->asked_barrier) ||
                replica->now.now_us >= snapshots->asked_until_us);
    bool is_wanted = log_has_grown(replica) || snapshots->is_unsure || snapshots->is_wanted;
    return is_wanted && replica->now.now_us >= snapshots->retry_us;
}

void replica_snapshot_ask(struct replica *replica) {
    replica->snapshots.asked_for = true;
    replica->snapshots.asked_barrier = 0;
}

void replica_snapshots_turn_end(struct replica *replica) {
    struct snapshots *snapshots = &replica->snapshots;
    if (!snapshots->asked_for || snapshots->asked_barrier > 0) return;
    snapshots->asked_barrier = replica_ask_for_index(replica);
    snapshots->asked_until_us = replica->now.now_us + replica->config.raft.election_us;
}

void replica_snapshots_want(struct replica *replica) {
    struct snapshots *snapshots = &replica->snapshots;
    uint64_t soon_us = replica->now.now_us + RETRY_SOON_US;
    snapshots->is_wanted = true;
    if (snapshots->retry_us > soon_us) snapshots->retry_us = soon_us;
}

struct snapshot_writer *replica_snapshot_begin(struct replica *replica,
                                               const struct snapshot_options *options,
                                               char name[DISK_NAME_SIZE]) {
    CHECK(replica_snapshot_may_begin(replica));
    struct snapshots *snapshots = &replica->snapshots;
    struct snapshot_head head = {
        .position = {replica->applied_index, replica->applied_term, replica->applied_hash},
        .digest = replica_digest(replica),
        .node_uuid = {replica->config.node_uuid[0], replica->config.node_uuid[1]},
        .members = *raft_members_at(replica->raft, replica->applied_index),
    };
    memcpy(head.cluster, replica->config.cluster, sizeof(head.cluster));
    origins_copy(&head.origins, &replica->origins);
    struct snapshot_writer *writer = snapshot_writer_create(replica->storages, &head, options);
    snapshot_head_clear(&head);

    snapshots->phase = REPLICA_SNAPSHOT_WRITING;
    snapshots->looked_bytes = LOOK_SOON;
    snapshots->next_is_received = false;
    snapshots->asked_for = false;
    snapshots->next = head.position;
    snapshots->next_bytes = snapshots->log_bytes;
    snapshot_temporary_name(snapshots->next_name, replica->config.node_uuid, head.position.index);
    replica_snapshots_reclaim(replica, snapshots->next_name);
    memcpy(name, snapshots->next_name, DISK_NAME_SIZE);
    return writer;
}

/* The file, if there is one, is nobody's; the present snapshot stays what it was. But one that has
 * taken the name and could not be looked at again may be any of the two, and is offered to nobody:
 * another one takes its place. */
static void give_up(struct replica *replica, enum error error) {
    struct snapshots *snapshots = &replica->snapshots;
    release_rooms(snapshots);
    bool waits = snapshots->is_unsure || !snapshots->next_is_received;
    bool will_not_do = snapshots->is_unsure || snapshots->is_wanted;
    uint64_t wait_us = will_not_do ? RETRY_SOON_US : RETRY_AFTER_US;
    if (waits) snapshots->retry_us = replica->now.now_us + wait_us;
    snapshots->phase = snapshots->is_awaited ? REPLICA_SNAPSHOT_LISTING : REPLICA_SNAPSHOT_IDLE;
    if (snapshots->next_is_received) {
        replica_receiver_fail(replica, error_text(error));
        return;
    }
    add_leftover(snapshots, snapshots->next_name);
    snapshots->last_error = error;
    snapshots->failed++;
}

/* Head and end: one byte more than there should be shows that nothing follows. */
static void check_file(struct snapshots *snapshots, const char *name) {
    ask_read(snapshots, 0, name, 0, HEAD_PIECE);
    ask_read(snapshots, 1, name, snapshots->next_size - END_SIZE, END_SIZE + 1);
}

static enum error judge_file(const struct snapshots *snapshots) {
    for (uint32_t slot = 0; slot < SNAPSHOT_READS; slot++) {
        if (snapshots->read_errors[slot] != ERROR_NONE) return snapshots->read_errors[slot];
    }
    bool ends = snapshots->read_sizes[1] == END_SIZE && (uint8_t)snapshots->rooms[1][0] == END_MARK;
    if (!ends) return ERROR_DAMAGED;
    struct snapshot_head head;
    struct bytes bytes = bytes_of(snapshots->rooms[0], snapshots->read_sizes[0]);
    enum error error = snapshot_head_peek(bytes, &head);
    if (error != ERROR_NONE) return error;
    const struct raft_position *wanted = &snapshots->next;
    bool same = head.position.index == wanted->index && head.position.term == wanted->term &&
                head.position.hash == wanted->hash;
    snapshot_head_clear(&head);
    return same ? ERROR_NONE : ERROR_DAMAGED;
}

void replica_snapshot_written(struct replica *replica, enum error error, uint64_t size,
                              struct replica_moment moment) {
    struct snapshots *snapshots = &replica->snapshots;
    CHECK(snapshots->phase == REPLICA_SNAPSHOT_WRITING);
    if (moment.now_us > replica->now.now_us) replica->now = moment;
    if (error == ERROR_NONE && size <= END_SIZE) error = ERROR_DAMAGED;
    if (error != ERROR_NONE) {
        give_up(replica, error);
        return;
    }
    snapshots->next_size = size;
    snapshots->phase = REPLICA_SNAPSHOT_CHECKING;
    check_file(snapshots, snapshots->next_name);
}

/* The core learns of the present snapshot, as soon as its own log has come as far. */
static void tell_core(struct replica *replica) {
    struct snapshots *snapshots = &replica->snapshots;
    uint64_t index = snapshots->position.index;
    if (snapshots->is_known || replica->applied_index < index ||
        raft_persisted_index(replica->raft) < index)
        return;
    snapshots->is_known = true;
    snapshots->looked_bytes = LOOK_SOON;
    struct raft_event event = {.type = RAFT_EVENT_SNAPSHOT_DURABLE,
                               .position = snapshots->position};
    replica_raft_step(replica, &event);
}

/* What stands under the name is this node's state to be: the core decides whether it is ahead of
 * what there is (replica_snapshots_install()). */
static void tell_installed(struct replica *replica) {
    struct snapshot_receiver *receiver = &replica->receiver;
    if (receiver->phase != REPLICA_RECEIVE_READY || replica->stopping) return;
    struct raft_event event = {.type = RAFT_EVENT_INSTALLED,
                               .position = receiver->head.position,
                               .term = receiver->term,
                               .members = &receiver->head.members};
    replica_raft_step(replica, &event);
    replica_receiver_end(replica, true);
    replica_note_timing(replica); /* Its settings count from now on. */
}

/* What was awaited at start is there: the start goes on as if it had always been. */
static void begin_anew(struct replica *replica) {
    struct snapshots *snapshots = &replica->snapshots;
    release_rooms(snapshots);
    replica_receiver_end(replica, true);
    snapshots->phase = REPLICA_SNAPSHOT_LISTING;
    snapshots->is_awaited = false;
    replica_snapshots_open(replica);
}

/* It has its name: what comes after a restart begins with it. */
static void take_over(struct replica *replica) {
    struct snapshots *snapshots = &replica->snapshots;
    snapshots->is_unsure = false;
    if (snapshots->is_awaited) {
        begin_anew(replica);
        return;
    }
    snapshots->check = load_u64(snapshots->rooms[1] + 1);
    release_rooms(snapshots);
    snapshots->position = snapshots->next;
    snapshots->size = snapshots->next_size;
    snapshots->snapshot_bytes = snapshots->next_bytes;
    snapshots->phase = REPLICA_SNAPSHOT_IDLE;
    snapshots->is_known = snapshots->is_wanted = false;
    if (snapshots->next_is_received) {
        tell_installed(replica);
    } else {
        snapshots->last_error = ERROR_NONE;
        snapshots->made++;
    }
    tell_core(replica);
}

static void on_checked(struct replica *replica) {
    struct snapshots *snapshots = &replica->snapshots;
    enum error error = judge_file(snapshots);
    if (error != ERROR_NONE) {
        give_up(replica, error);
    } else if (snapshots->phase == REPLICA_SNAPSHOT_CONFIRMING) {
        take_over(replica);
    } else {
        snapshots->phase = REPLICA_SNAPSHOT_WAITING;
    }
}

static void on_renamed(struct replica *replica, enum error error) {
    struct snapshots *snapshots = &replica->snapshots;
    if (error != ERROR_NONE) {
        give_up(replica, error); /* The name is what it was: raft/disk.h. */
        return;
    }
    snapshots->is_unsure = true;
    snapshots->phase = REPLICA_SNAPSHOT_CONFIRMING;
    check_file(snapshots, SNAPSHOT_NAME);
}

/* --- what was received --------------------------------------------------------------------------
 */

struct snapshot_file replica_snapshots_file(const struct replica *replica) {
    const struct snapshots *snapshots = &replica->snapshots;
    bool is_changing =
        snapshots->phase < REPLICA_SNAPSHOT_IDLE || snapshots->phase >= REPLICA_SNAPSHOT_RENAMING;
    if (is_changing || snapshots->is_unsure) return (struct snapshot_file){0};
    return (struct snapshot_file){
        .position = snapshots->position, .size = snapshots->size, .check = snapshots->check};
}

/* SNAPSHOT_NAME gets another file; from now on nobody can tell which of the two stands there. */
static void rename_next(struct replica *replica) {
    struct snapshots *snapshots = &replica->snapshots;
    struct disk_request request = {.call = DISK_RENAME, .target = SNAPSHOT_NAME};
    memcpy(request.name, snapshots->next_name, DISK_NAME_SIZE);
    ask(snapshots, SLOT_FILE, &request);
    snapshots->is_damaged = false; /* It is not there any more. */
    snapshots->generation++;
    snapshots->phase = REPLICA_SNAPSHOT_RENAMING;
}

bool replica_snapshots_may_adopt(const struct replica *replica) {
    const struct snapshots *snapshots = &replica->snapshots;
    enum replica_snapshot_phase at_rest =
        snapshots->is_awaited ? REPLICA_SNAPSHOT_LISTING : REPLICA_SNAPSHOT_IDLE;
    return snapshots->phase == at_rest && !snapshots->requests[SLOT_FILE].open &&
           !has_to_stay(replica);
}

void replica_snapshots_adopt(struct replica *replica) {
    struct snapshots *snapshots = &replica->snapshots;
    struct snapshot_receiver *receiver = &replica->receiver;
    CHECK(replica_snapshots_may_adopt(replica) && receiver->phase == REPLICA_RECEIVE_READY);
    if (receiver->file.position.index <= snapshots->position.index) { /* SAFETY 13 */
        replica_receiver_end(replica, false);
        return;
    }
    snapshots->next = receiver->file.position;
    snapshots->next_is_received = true;
    snapshots->next_size = receiver->file.size;
    snapshots->next_bytes = snapshots->log_bytes;
    memcpy(snapshots->next_name, receiver->name, DISK_NAME_SIZE);
    rename_next(replica);
}

void replica_snapshots_install(struct replica *replica) {
    struct snapshot_receiver *receiver = &replica->receiver;
    struct storages *old = replica->storages;
    CHECK(receiver->storages != NULL && receiver->has_head);
    replica->storages = receiver->storages;
    receiver->storages = NULL;
    *storages_statistics(replica->storages) = *storages_statistics(old);
    storages_take_garbage(replica->storages, old);
    replica->applied_index = receiver->head.position.index;
    replica->applied_term = receiver->head.position.term;
    replica->applied_hash = receiver->head.position.hash;
    origins_copy(&replica->origins, &receiver->head.origins);
    replica->statistics.snapshots_installed++;
    /* The state that was to be digested is gone: this node sits that one out. */
    if (replica->verify_phase == VERIFY_DUE) replica->verify_phase = VERIFY_NONE;
    replica_follow_stamp(replica, (uint64_t)storages_now_ms(replica->storages), false);
    replica_renew_origin(replica);
}

/* --- the log behind it --------------------------------------------------------------------------
 */

/* Entries up to this index are not needed any more: a snapshot holds them, and for followers that
 * are behind enough of the log stays (SAFETY 19). */
static uint64_t index_to_cut(const struct replica *replica) {
    const struct snapshots *snapshots = &replica->snapshots;
    bool early = (replica->config.planted & REPLICA_PLANTED_CUT_EARLY) != 0 &&
                 snapshots->phase >= REPLICA_SNAPSHOT_WRITING;
    bool is_there = snapshots->is_known && !snapshots->is_unsure;
    uint64_t covered = early ? snapshots->next.index : is_there ? snapshots->position.index : 0;
    bool cuts_out = replica->unreadable_index > 0 && covered >= replica->unreadable_index;
    if (cuts_out) return covered; /* What can't be read is of no use to anybody. */
    uint64_t spare = journal_index_before(replica->journal, replica->config.snapshot.log_retain);
    return covered < spare ? covered : spare;
}

void replica_snapshots_look(struct replica *replica) {
    replica->snapshots.looked_bytes = LOOK_SOON;
}

static void cut_log(struct replica *replica) {
    struct snapshots *snapshots = &replica->snapshots;
    bool grew = snapshots->looked_bytes == LOOK_SOON ||
                snapshots->log_bytes - snapshots->looked_bytes >= LOOK_EACH_BYTES;
    if (!grew || replica->stopping) return;
    snapshots->looked_bytes = snapshots->log_bytes;
    uint64_t index = index_to_cut(replica);
    if (index <= raft_base_index(replica->raft)) return;
    journal_compact(replica->journal, index);
    uint64_t start = journal_start(replica->journal).index;
    if (start <= raft_base_index(replica->raft)) return;
    replica->statistics.log_cuts++;
    if (!snapshots->is_known || start > snapshots->position.index) return; /* only if planted */
    struct raft_event event = {.type = RAFT_EVENT_COMPACTED, .index = start};
    replica_raft_step(replica, &event);
}

/* --- time ---------------------------------------------------------------------------------------
 */

static void tend_making(struct replica *replica) {
    struct snapshots *snapshots = &replica->snapshots;
    bool goes_on = snapshots->phase == REPLICA_SNAPSHOT_WAITING &&
                   !snapshots->requests[SLOT_FILE].open &&
                   (raft_persisted_index(replica->raft) >= snapshots->next.index ||
                    (replica->config.planted & REPLICA_PLANTED_SNAPSHOT_AHEAD));
    if (!goes_on) return;
    CHECK(snapshots->next.index >= snapshots->position.index);
    rename_next(replica);
}

void replica_snapshots_tend(struct replica *replica) {
    set_damaged_aside(replica);
    tend_making(replica);
    replica_receiver_tend(replica);
    replica_sender_tend(replica);
    tell_core(replica);
    cut_log(replica);
}

uint64_t replica_snapshots_deadline_us(const struct replica *replica) {
    const struct snapshots *snapshots = &replica->snapshots;
    uint64_t receiver_us = replica_receiver_deadline_us(replica);
    bool waits =
        snapshots->asked_for && snapshots->asked_barrier > 0 && replica_snapshot_may_begin(replica);
    return waits && snapshots->asked_until_us < receiver_us ? snapshots->asked_until_us
                                                            : receiver_us;
}

/* --- completions --------------------------------------------------------------------------------
 */

static void on_read(struct replica *replica, uint32_t slot,
                    const struct disk_completion *completion) {
    struct snapshots *snapshots = &replica->snapshots;
    if (replica->state == REPLICA_DAMAGED) return;
    if (snapshots->phase == REPLICA_SNAPSHOT_LOADING) {
        on_loaded(replica, slot, completion);
        return;
    }
    snapshots->read_errors[slot] = completion->error;
    snapshots->read_sizes[slot] = completion->size;
    for (uint32_t other = 0; other < SNAPSHOT_READS; other++) {
        if (snapshots->requests[other].open) return;
    }
    on_checked(replica);
}

bool replica_snapshots_completed(struct replica *replica,
                                 const struct disk_completion *completion) {
    if (completion->number < OWN_REQUESTS) return false;
    uint32_t slot = (uint32_t)(completion->number - OWN_REQUESTS);
    CHECK(slot < OWN_SLOTS);
    struct own_request *own = &replica->snapshots.requests[slot];
    CHECK(own->open && !own->queued);
    own->open = false;
    if (slot >= SLOT_SEND) {
        replica_sender_read(replica, slot, completion);
        return true;
    }
    if (slot >= SLOT_LOAD) {
        replica_receiver_read(replica, slot, completion);
        return true;
    }
    if (slot >= SLOT_PARTS) {
        replica_receiver_written(replica, slot, completion);
        return true;
    }
    if (slot == SLOT_RECEIPTS) {
        replica_resume_written(replica, completion->error);
        return true;
    }
    switch (own->request.call) {
    case DISK_READ:
        on_read(replica, slot, completion);
        break;
    case DISK_WRITE:
        replica_receiver_synced(replica, completion->error);
        break;
    case DISK_LIST:
        on_listed(replica, completion);
        break;
    case DISK_RENAME:
        if (strcmp(own->request.target, SNAPSHOT_SET_ASIDE) != 0)
            on_renamed(replica, completion->error);
        else if (completion->error != ERROR_NONE)
            stays_there(replica);
        break;
    default: /* A leftover that stays is looked for again at the next start. */
        break;
    }
    return true;
}

/* --- life ---------------------------------------------------------------------------------------
 */

void replica_snapshots_clear(struct replica *replica) {
    struct snapshots *snapshots = &replica->snapshots;
    rdb_reader_destroy(snapshots->reader);
    if (has_head(snapshots)) snapshot_head_clear(&snapshots->head);
    for (uint32_t i = 0; i < SNAPSHOT_READS; i++)
        memory_release(snapshots->rooms[i]);
}

struct replica_snapshot_status replica_snapshot_status(const struct replica *replica) {
    const struct snapshots *snapshots = &replica->snapshots;
    const struct snapshot_receiver *receiver = &replica->receiver;
    return (struct replica_snapshot_status){
        .phase = snapshots->phase,
        .position = snapshots->position,
        .size = snapshots->size,
        .log_bytes = snapshots->log_bytes - snapshots->snapshot_bytes,
        .loaded = snapshots->fed,
        .load_total = snapshots->reader != NULL || snapshots->fed > 0 ? snapshots->size : 0,
        .made = snapshots->made,
        .failed = snapshots->failed,
        .last_error = snapshots->last_error,
        .asked_for = snapshots->asked_for,
        .receive_phase = receiver->phase,
        .receive_node = receiver->phase == REPLICA_RECEIVE_NOTHING ? 0 : receiver->node,
        .receive_position = receiver->file.size > 0 ? receiver->file.position : receiver->wanted,
        .received = receiver->written,
        .receive_total = receiver->file.size,
        .verified = receiver->read_fed,
        .receives_failed = receiver->failed,
        .receive_problem = receiver->problem,
        .is_sending = replica_sender_is_busy(replica),
    };
}
