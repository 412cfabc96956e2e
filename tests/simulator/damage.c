/* damage.c: what a disk does to the files of a process that is down: bits flip, ends and names get
 * lost, writes land elsewhere or nowhere; and, to those of one that runs: a bit flips.
 *
 * Only what was durable is hit, and not what shares a sector with the last mark of the log: beyond
 * that nobody could tell a fault from a tear (docs/semantics.md, the window that remains). A node
 * that is hit counts as damaged until it says that all is there again. How many may be so at a time
 * is the seed's: a minority, which must come back; in a few seeds any number, of which nothing is
 * demanded but that they say nothing wrong. */
#include "base/memory.h"
#include "raft/record.h"
#include "raft/segment.h"
#include "tests/simulator/world.h"

enum { REGIONS_MAX = 256, SECTOR = RECORD_SECTOR_SIZE };

/* What may be hit of a file: all up to here. */
struct region {
    char name[DISK_NAME_SIZE];
    uint64_t size;    /* of which any byte */
    uint64_t sectors; /* of which any as a whole */
    uint64_t file_size;
    bool is_last; /* no segment stands behind it */
};

struct regions {
    struct region at[REGIONS_MAX];
    uint32_t count;
};

/* --- what is durable ------------------------------------------------------------------------ */

/* The log's end as its marks tell it. */
struct log_walk {
    uint64_t durable_number; /* the last mark's */
    uint64_t mark_offset;    /* that mark */
    uint64_t mark_segment;
};

static bool segment_salt(struct bytes file, uint64_t *salt) {
    if (file.size < SEGMENT_HEADER_SIZE + RECORD_HEADER_SIZE) return false;
    *salt = load_u64(file.data + 56);
    return load_u64(file.data + SEGMENT_HEADER_SIZE + 16) != 0; /* in use */
}

/* Walks one segment. *end: behind the last record up to `number`. */
static void walk_segment(struct bytes file, uint64_t sequence, struct log_walk *walk,
                         uint64_t number_max, uint64_t *end) {
    uint64_t salt, offset = SEGMENT_HEADER_SIZE;
    *end = SEGMENT_HEADER_SIZE;
    if (!segment_salt(file, &salt)) return;
    uint64_t number = load_u64(file.data + SEGMENT_HEADER_SIZE + 16);
    for (;; number++) {
        struct record record;
        struct bytes rest = bytes_slice(file, offset, SIZE_MAX);
        if (rest.size < RECORD_HEADER_SIZE) return;
        struct record_place place = {.salt = salt, .offset = offset};
        if (record_read(rest, place, number, &record) != RECORD_OK) return;
        if (record.type == RECORD_MARK) {
            struct record_mark mark;
            record_mark_read(record.payload.data, &mark);
            walk->durable_number = mark.durable_number;
            walk->mark_offset = offset;
            walk->mark_segment = sequence;
        }
        offset += record.size;
        if (number <= number_max) *end = offset;
    }
}

static void add_segments(struct regions *regions, const struct simulated_disk *disk,
                         const struct disk_file *files, uint32_t count) {
    struct log_walk walk = {0};
    uint64_t sequence, last = 0, end;
    for (uint32_t i = 0; i < count; i++)
        if (segment_name_read(files[i].name, &sequence) && sequence > last) last = sequence;
    for (sequence = 1; sequence <= last; sequence++) {
        char name[DISK_NAME_SIZE];
        struct bytes file;
        segment_name(name, sequence);
        if (simulated_disk_file(disk, name, &file))
            walk_segment(file, sequence, &walk, UINT64_MAX, &end);
    }
    uint64_t durable = walk.durable_number;
    for (sequence = 1; sequence <= last && regions->count < REGIONS_MAX; sequence++) {
        struct region *region = &regions->at[regions->count];
        struct bytes file;
        segment_name(region->name, sequence);
        if (!simulated_disk_file(disk, region->name, &file)) continue;
        struct log_walk unused = {0};
        walk_segment(file, sequence, &unused, durable, &region->size);
        region->sectors = region->size / SECTOR;
        if (sequence == walk.mark_segment && region->sectors > walk.mark_offset / SECTOR)
            region->sectors = walk.mark_offset / SECTOR;
        region->file_size = file.size;
        region->is_last = sequence == last;
        regions->count++;
    }
}

static void add_file(struct regions *regions, const struct simulated_disk *disk, const char *name) {
    struct bytes file;
    if (regions->count == REGIONS_MAX || !simulated_disk_file(disk, name, &file)) return;
    struct region *region = &regions->at[regions->count++];
    *region =
        (struct region){.size = file.size, .sectors = file.size / SECTOR, .file_size = file.size};
    memcpy(region->name, name, strlen(name) + 1);
}

/* --- the kinds ------------------------------------------------------------------------------ */

/* A byte never becomes zero: a record's only byte in a sector must not look as if it were blank. */
static bool flip_a_bit(struct world *world, struct node *node, const struct region *region) {
    struct bytes file;
    uint64_t at = world_below(world, region->size);
    uint8_t mask = (uint8_t)(1u << world_below(world, 8));
    CHECK(simulated_disk_file(node->disk, region->name, &file));
    if ((uint8_t)file.data[at] == mask) return false;
    simulated_disk_flip(node->disk, region->name, at, mask);
    return true;
}

static void flip(struct world *world, struct node *node, const struct region *region) {
    for (uint64_t count = world_between(world, 1, 3); count > 0; count--)
        (void)flip_a_bit(world, node, region);
}

static void truncate(struct world *world, struct node *node, const struct region *region) {
    simulated_disk_truncate(node->disk, region->name, world_below(world, region->file_size));
}

static void lose_name(struct world *world, struct node *node, const struct region *region) {
    bool is_vote = strncmp(region->name, VOTE_NAME, sizeof(VOTE_NAME) - 1) == 0;
    if (is_vote && world_chance(world, 500)) {
        simulated_disk_undo_replace(node->disk, region->name);
    } else if (!region->is_last) {
        simulated_disk_remove(node->disk, region->name);
    }
}

/* A sector has what belongs elsewhere, or never got anything. */
static void misplace(struct world *world, struct node *node, const struct region *region) {
    char sector[SECTOR] = {0};
    struct bytes file;
    if (region->sectors == 0) return;
    CHECK(simulated_disk_file(node->disk, region->name, &file));
    uint64_t to = world_below(world, region->sectors), from = world_below(world, region->sectors);
    if (world_chance(world, 500)) memcpy(sector, file.data + from * SECTOR, SECTOR);
    simulated_disk_put(node->disk, region->name, to * SECTOR, bytes_of(sector, SECTOR));
}

static void hit(struct world *world, struct node *node, enum fault fault,
                const struct region *region) {
    world_trace(world, region->size, "n%u: %s is hit", node->id, region->name);
    switch (fault) {
    case FAULT_bit_flips:
        flip(world, node, region);
        break;
    case FAULT_truncations:
        truncate(world, node, region);
        break;
    case FAULT_lost_names:
        lose_name(world, node, region);
        break;
    default:
        misplace(world, node, region);
        break;
    }
}

uint32_t damage_count(const struct world *world) {
    uint32_t count = 0;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        const struct node *node = &world->nodes[id];
        count += node->exists && (node->is_damaged || node->damage_is_due);
    }
    return count;
}

bool damage_of_votes(const struct world *world) {
    for (uint32_t id = 1; id <= world->node_count; id++) {
        const struct node *node = &world->nodes[id];
        if (node->exists && (node->lost_vote || node->vote_goes)) return true;
    }
    return false;
}

bool damage_is_open(const struct world *world) {
    return damage_count(world) > 0 || damage_of_votes(world);
}

/* Where nodes come and go: a minority of those there are, while they stay what they are; and none
 * that may find on its disk, before what was hit, that it was alone: for then nobody could supply
 * it. */
static bool may_be_hit(const struct world *world, const struct node *node) {
    if (node->is_damaged || node->damage_is_due || node->lost_vote) return false;
    bool has_operator = world->fault_on[FAULT_members];
    uint32_t max = has_operator ? (world_count_nodes(world) - 1) / 2 : world->damaged_max;
    if (damage_count(world) >= max) return false;
    return !has_operator || (!world->was_alone && members_are_settled_for(world, node));
}

static void note_hopelessness(struct world *world) {
    if (damage_count(world) > (world->node_count - 1) / 2) world->is_hopeless = true;
}

static void find_votes(const struct node *node, struct regions *regions) {
    add_file(regions, node->disk, VOTE_NAME);
    add_file(regions, node->disk, VOTE_COPY_NAME);
}

/* Not so that two old ones look like the newest. */
static void lose_vote(struct world *world, struct node *node) {
    struct regions regions = {0};
    find_votes(node, &regions);
    for (uint32_t i = 0; i < regions.count; i++)
        flip(world, node, &regions.at[i]);
    node->lost_vote = node->was_damaged = true;
    world_trace(world, node->id, "n%u: its vote is hit", node->id);
}

/* Killed before its first log was there, it has promised nothing yet. */
static bool has_begun(const struct node *node) {
    const struct disk_file *files;
    uint64_t sequence;
    uint32_t count = simulated_disk_list(node->disk, &files);
    for (uint32_t i = 0; i < count; i++)
        if (segment_name_read(files[i].name, &sequence)) return true;
    return false;
}

/* Of the log, or the snapshot. */
static bool choose_region(struct world *world, struct node *node, struct region *region) {
    const struct disk_file *files;
    uint32_t count = simulated_disk_list(node->disk, &files);
    struct regions regions = {0};
    if (world_chance(world, 300)) add_file(&regions, node->disk, SNAPSHOT_NAME);
    if (regions.count == 0) add_segments(&regions, node->disk, files, count);
    if (regions.count == 0) return false;
    *region = regions.at[world_below(world, regions.count)];
    return true;
}

/* Others may lose theirs at the same moment, all of them perhaps: no entry is lost by that. */
static void lose_other_votes(struct world *world, const struct node *node) {
    bool members_change = world->fault_on[FAULT_members];
    if (world->is_calm || members_change || !world_chance(world, 500)) return;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        struct node *other = &world->nodes[id];
        bool is_well = other->replica != NULL && !other->is_damaged && !other->damage_is_due;
        if (other == node || !is_well || !has_begun(other) || !world_chance(world, 600)) continue;
        other->vote_goes = true;
        node_kill(world, other, true);
    }
}

/* One copy of the vote, or both. */
static void hit_vote(struct world *world, struct node *node, enum fault fault) {
    struct regions regions = {0};
    find_votes(node, &regions);
    if (regions.count == 0) return;
    if (!world_chance(world, 500)) {
        hit(world, node, fault, &regions.at[world_below(world, regions.count)]);
        return;
    }
    lose_vote(world, node);
    lose_other_votes(world, node);
}

void damage_strike(struct world *world, struct node *node) {
    if (node->vote_goes) {
        node->vote_goes = false;
        lose_vote(world, node);
        return;
    }
    enum fault fault = node->damage;
    node->damage_is_due = false;
    if (!has_begun(node)) return;
    world->result->figures.faults[fault]++;
    node->is_damaged = node->was_damaged = true;
    if (world_chance(world, 400)) {
        hit_vote(world, node, fault);
        return;
    }
    struct region region;
    if (choose_region(world, node, &region)) hit(world, node, fault, &region);
}

void damage_decay(struct world *world, struct node *node) {
    struct region region;
    if (node->replica == NULL || replica_state(node->replica) != REPLICA_RUNNING) return;
    if (!may_be_hit(world, node) || !has_begun(node)) return;
    struct regions votes = {0};
    if (world_chance(world, 200)) find_votes(node, &votes);
    if (votes.count > 0)
        region = votes.at[world_below(world, votes.count)];
    else if (!choose_region(world, node, &region))
        return;
    if (!flip_a_bit(world, node, &region)) return;
    world_trace(world, region.size, "n%u: %s decays", node->id, region.name);
    world->result->figures.faults[FAULT_decays]++;
    node->is_damaged = node->was_damaged = true;
    note_hopelessness(world);
    memcpy(node->decayed_name, region.name, sizeof(region.name));
    node->decayed_id = simulated_disk_file_id(node->disk, region.name);
}

/* --- who, and how many ---------------------------------------------------------------------- */

bool damage_plan(struct world *world, struct node *node, enum fault fault) {
    if (!may_be_hit(world, node)) return false;
    node->damage = fault;
    node->damage_is_due = true;
    note_hopelessness(world);
    return true;
}

/* What was hit while the process runs is hit until the file is gone, or the process. */
static bool is_decayed(const struct node *node) {
    return node->decayed_id != 0 &&
           simulated_disk_file_id(node->disk, node->decayed_name) == node->decayed_id;
}

/* Found again, and not yet written: the node's next start would find it lost again. */
static bool vote_says_lost(const struct world *world, const struct node *node) {
    static const char *const names[] = {VOTE_NAME, VOTE_COPY_NAME};
    struct segment_owner owner = {0};
    memcpy(owner.cluster, world->replica_config.cluster, sizeof(owner.cluster));
    memcpy(owner.node, &node->uuid, sizeof(node->uuid));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct bytes file;
        struct vote vote;
        bool is_sound = simulated_disk_file(node->disk, names[i], &file) &&
                        vote_read(file, &owner, &vote) == ERROR_NONE;
        if (!is_sound || vote.is_lost) return true;
    }
    return false;
}

void damage_note_repair(struct world *world, struct node *node) {
    bool is_hit = node->is_damaged || node->lost_vote;
    if (!is_hit || replica_state(node->replica) != REPLICA_RUNNING) return;
    struct replica_repair repair;
    replica_get_repair(node->replica, &repair);
    if (damage_is_mute(node) || repair.is_marked || vote_says_lost(world, node)) return;
    world->result->figures.votes_lost_together += node->lost_vote && repair.lost_too != 0;
    node->lost_vote = false;
    if (!node->is_damaged || is_decayed(node)) return;
    node->decayed_id = 0;
    world_trace(world, node->id, "n%u has lost nothing any more", node->id);
    node->is_damaged = false;
    world->result->figures.repairs++;
}

bool damage_is_mute(const struct node *node) {
    if (node->replica == NULL || replica_state(node->replica) != REPLICA_RUNNING) return false;
    struct replica_repair repair;
    replica_get_repair(node->replica, &repair);
    return repair.is_damaged || repair.vote_is_lost;
}
