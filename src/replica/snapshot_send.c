/* snapshot_send.c: this node's snapshot.rdb for others that need it. They pull, part by part.
 *
 *   ASK    index, term, hash of the file's position (24 bytes), its size and checksum (16; zeros:
 *          not known yet, any that reaches as far will do), offset (8), bytes (4)
 *   PART   position, size and checksum of the file the part is of (40), offset (8), the part's own
 *          checksum (8), its bytes
 *   GONE   the position, size and checksum that were asked for
 *
 * All numbers little-endian. Parts are read off the loop, a few at a time; what is asked beyond
 * SEND_ASKS_MAX is dropped, as if lost on the way. A file that takes the name while a part of it is
 * read makes that part worthless; the receiver is told, and begins anew. Lest that go on for ever,
 * no other snapshot becomes due while a node is being fed and for a while after, in which it goes
 * on with the log; a bounded time, but enough for a slow way.
 *
 * The disk may have changed a file since it was checked. The receiver finds out, and asks for all
 * of it again; so a file that cannot be read, or that somebody begins anew with who had all of it,
 * is replaced by another one. */
#include "base/hash.h"
#include "src/replica/replica_internal.h"
#include "src/replica/snapshot_packets.h"

/* A node that asked for nothing for so long is not being fed any more: the time in which one that
 * went down comes back, and goes on where it was. */
static const uint64_t FED_US = 30 * 1000 * 1000;
/* How long one file is kept for those who fetch it. */
static const uint64_t FED_MAX_US = 10 * 1000 * 1000, FED_MAX_US_PER_BYTE = 1; /* 1 MB/s */
/* The fault may be the receiver's. So after a file was replaced for it, the next one is not before
 * so many election time-outs (as long as it waits itself after a failure), twice as long each time,
 * up to a minute; who has been content for a minute begins anew. */
enum { DOUBT_AGAIN_ELECTIONS = 4 };
static const uint64_t DOUBT_AGAIN_MAX_US = 60 * 1000 * 1000;

enum error replica_snapshot_asked(struct replica *replica, uint32_t from, struct bytes body) {
    struct snapshot_sender *sender = &replica->sender;
    struct asked_part ask = {.from = from};
    if (body.size != SNAPSHOT_ASK_SIZE) return ERROR_MALFORMED;
    snapshot_file_take(body.data, &ask.file);
    ask.offset = load_u64(body.data + SNAPSHOT_FILE_SIZE);
    ask.size = load_u32(body.data + SNAPSHOT_FILE_SIZE + 8);
    bool is_sound = ask.size > 0 && ask.size <= SNAPSHOT_PART_SIZE_MAX &&
                    (ask.file.size == 0 ? ask.offset == 0 : ask.offset < ask.file.size);
    if (!is_sound) return ERROR_MALFORMED;
    if (sender->count == SEND_ASKS_MAX) return ERROR_NONE; /* It asks again. */
    sender->asks[(sender->first + sender->count++) % SEND_ASKS_MAX] = ask;
    return ERROR_NONE;
}

static bool is_the_one(const struct asked_part *ask, const struct snapshot_file *file) {
    if (ask->file.size == 0) return file->position.index >= ask->file.position.index;
    return snapshot_file_equal(&ask->file, file);
}

static void doubt_file(struct replica *replica) {
    struct snapshot_sender *sender = &replica->sender;
    uint64_t since_us = replica->now.now_us - sender->doubted_us;
    if (sender->doubt_pause_us > since_us) return;
    bool is_new = sender->doubt_pause_us == 0 || since_us >= DOUBT_AGAIN_MAX_US;
    uint64_t pause_us = is_new ? DOUBT_AGAIN_ELECTIONS * replica->config.raft.election_us
                               : 2 * sender->doubt_pause_us;
    sender->doubt_pause_us = pause_us < DOUBT_AGAIN_MAX_US ? pause_us : DOUBT_AGAIN_MAX_US;
    sender->doubted_us = replica->now.now_us;
    replica_snapshots_want(replica);
}

/* It begins, perhaps once more. */
static void note_beginning(struct replica *replica, const struct asked_part *ask) {
    uint64_t *whole = &replica->sender.whole[ask->from];
    if (*whole == replica->snapshots.generation + 1) doubt_file(replica);
    *whole = 0;
}

void replica_sender_forget(struct replica *replica, uint32_t peer) {
    replica->sender.whole[peer] = 0;
}

static void tell_gone(struct replica *replica, const struct asked_part *ask) {
    struct replica_packet *packet = packet_create(ask->from, true, PACKET_SNAPSHOT_GONE);
    snapshot_file_put(&packet->head, &ask->file);
    replica_send(replica, packet, 0);
}

static void begin_read(struct replica *replica, uint32_t at, const struct asked_part *ask,
                       const struct snapshot_file *file) {
    uint64_t left = file->size - ask->offset, size = ask->size < left ? ask->size : left;
    replica->sender.reads[at].ask = *ask;
    replica->sender.reads[at].generation = replica->snapshots.generation;
    replica->sender.reads[at].chunk = chunk_create(size);
    struct disk_request request = {.call = DISK_READ,
                                   .name = SNAPSHOT_NAME,
                                   .offset = ask->offset,
                                   .size = size,
                                   .into = replica->sender.reads[at].chunk->data};
    replica_own_request(replica, SLOT_SEND + at, &request);
}

static uint32_t free_read(const struct snapshot_sender *sender) {
    uint32_t at = 0;
    while (at < SEND_READS && sender->reads[at].chunk != NULL)
        at++;
    return at;
}

void replica_sender_tend(struct replica *replica) {
    struct snapshot_sender *sender = &replica->sender;
    while (sender->count > 0) {
        struct snapshot_file file = replica_snapshots_file(replica);
        bool is_changing = file.size == 0 && replica->snapshots.position.index > 0;
        uint32_t at = free_read(sender);
        if (is_changing || at == SEND_READS) return; /* They wait. */
        struct asked_part ask = sender->asks[sender->first];
        sender->first = (sender->first + 1) % SEND_ASKS_MAX;
        sender->count--;
        if (file.size > 0 && is_the_one(&ask, &file)) {
            if (ask.file.size == 0) note_beginning(replica, &ask);
            begin_read(replica, at, &ask, &file);
        } else {
            tell_gone(replica, &ask);
        }
    }
}

static void send_part(struct replica *replica, const struct asked_part *ask, struct bytes part,
                      struct chunk *chunk) {
    struct snapshot_file file = replica_snapshots_file(replica);
    struct replica_packet *packet = packet_create(ask->from, true, PACKET_SNAPSHOT_PART);
    snapshot_file_put(&packet->head, &file);
    buffer_append_u64(&packet->head, ask->offset);
    buffer_append_u64(&packet->head, snapshot_part_check(&file, ask->offset, part));
    packet_add_span(packet, part, chunk);
    replica_send(replica, packet, 0);
    struct snapshot_sender *sender = &replica->sender;
    if (sender->fed_generation != replica->snapshots.generation)
        sender->fed_since_us = replica->now.now_us;
    sender->fed_generation = replica->snapshots.generation;
    sender->sent_us = replica->now.now_us;
    if (ask->offset + part.size == file.size)
        sender->whole[ask->from] = replica->snapshots.generation + 1;
    replica->statistics.snapshot_parts_sent++;
}

void replica_sender_read(struct replica *replica, uint32_t slot,
                         const struct disk_completion *completion) {
    struct snapshot_sender *sender = &replica->sender;
    uint32_t at = slot - SLOT_SEND;
    struct chunk *chunk = sender->reads[at].chunk;
    struct asked_part ask = sender->reads[at].ask;
    sender->reads[at].chunk = NULL;
    uint64_t wanted = replica->snapshots.requests[slot].request.size;
    bool is_whole = completion->error == ERROR_NONE && completion->size == wanted;
    if (sender->reads[at].generation == replica->snapshots.generation) {
        chunk->used = wanted;
        if (is_whole)
            send_part(replica, &ask, bytes_of(chunk->data, wanted), chunk);
        else
            replica_snapshots_want(replica); /* No receiver's fault, however soon it comes again. */
    }
    chunk_release(chunk); /* Whoever got no answer asks again. */
}

bool replica_sender_is_busy(const struct replica *replica) {
    const struct snapshot_sender *sender = &replica->sender;
    uint64_t now_us = replica->now.now_us;
    uint64_t bound_us = FED_MAX_US + replica->snapshots.size * FED_MAX_US_PER_BYTE;
    return sender->sent_us != 0 && now_us - sender->sent_us < FED_US &&
           now_us - sender->fed_since_us < bound_us;
}

void replica_sender_clear(struct replica *replica) {
    for (uint32_t i = 0; i < SEND_READS; i++)
        chunk_release(replica->sender.reads[i].chunk);
}
