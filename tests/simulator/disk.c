/* disk.c: files as two arrays, what the kernel has and what is durable, with a flag per sector
 * that differs. A request has its effect when it completes. */
#include "tests/simulator/disk.h"

#include <stdio.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/random.h"

enum { SECTOR_SIZE = 512, QUEUES = 3, QUEUE_MAX = 256 };

/* How far a CREATE or a REPLACE has come (raft/disk.h). */
enum stage {
    STAGE_NOTHING,
    STAGE_WRITING, /* some of it under ".new" */
    STAGE_SYNCED,  /* all of it there, durable; the name is not */
    STAGE_RENAMED, /* the directory is not synced */
    STAGE_DONE,
    STAGES
};

enum queue { QUEUE_WRITES, QUEUE_FILES, QUEUE_READS };

static const uint8_t queue_of[] = {
    [DISK_APPEND] = QUEUE_WRITES, [DISK_REPLACE] = QUEUE_WRITES, [DISK_CREATE] = QUEUE_FILES,
    [DISK_WRITE] = QUEUE_FILES,   [DISK_RENAME] = QUEUE_FILES,   [DISK_REMOVE] = QUEUE_FILES,
    [DISK_LIST] = QUEUE_FILES,    [DISK_READ] = QUEUE_READS,
};

struct file {
    uint64_t id; /* no other one of this disk ever has it */
    char name[DISK_NAME_SIZE];
    struct buffer kernel, durable;
    struct buffer before;         /* REPLACE: what it took the place of */
    uint8_t *dirty;               /* one a sector */
    size_t dirty_low, dirty_high; /* none outside of these */
    size_t synced_size;           /* its size when it was synced last */
    bool may_vanish;              /* made without a sync of the directory */
};

/* What the kernel has done to a name while the process ended: the directory was not synced. */
struct unsure_name {
    char name[DISK_NAME_SIZE], target[DISK_NAME_SIZE];
    uint64_t moved;        /* the file that has come to the target; 0: that was removed */
    struct file *replaced; /* what was there before; NULL: nothing */
};

struct request {
    struct disk_request call;
    uint64_t due_us;
};

struct simulated_disk {
    struct simulated_disk_config config;
    struct random random;
    struct file **files;
    uint32_t file_count, file_capacity;
    uint64_t last_id;
    struct request queues[QUEUES][QUEUE_MAX];
    uint32_t heads[QUEUES], counts[QUEUES];
    struct disk_file *list;
    struct unsure_name *unsure; /* in the order in which they were done */
    uint32_t unsure_count, unsure_capacity;
    struct simulated_disk_figures figures;
};

/* --- files ---------------------------------------------------------------------------------- */

static uint32_t find(const struct simulated_disk *disk, const char *name) {
    uint32_t at = 0;
    while (at < disk->file_count && strcmp(disk->files[at]->name, name) != 0)
        at++;
    return at;
}

static struct file *file_of(const struct simulated_disk *disk, const char *name) {
    uint32_t at = find(disk, name);
    return at < disk->file_count ? disk->files[at] : NULL;
}

static void file_destroy(struct file *file) {
    if (file == NULL) return;
    buffer_clear(&file->kernel);
    buffer_clear(&file->durable);
    buffer_clear(&file->before);
    memory_release(file->dirty);
    memory_release(file);
}

static void file_remove(struct simulated_disk *disk, const char *name) {
    uint32_t at = find(disk, name);
    if (at == disk->file_count) return;
    file_destroy(disk->files[at]);
    disk->files[at] = disk->files[--disk->file_count];
}

static size_t sector_count(size_t size) {
    return (size + SECTOR_SIZE - 1) / SECTOR_SIZE;
}

/* Both arrays get this size; what is new is zero. */
static void file_resize(struct file *file, size_t size) {
    struct buffer *buffers[] = {&file->kernel, &file->durable};
    size_t old = file->kernel.size;
    for (size_t i = 0; i < COUNT_OF(buffers); i++) {
        if (size > old) memset(buffer_reserve(buffers[i], size - old), 0, size - old);
        buffers[i]->size = size;
    }
    file->dirty = memory_resize(file->dirty, sector_count(size) + 1);
    size_t from = size > old ? sector_count(old) : sector_count(size);
    memset(file->dirty + from, 0, sector_count(size) + 1 - from);
    if (file->dirty_high > sector_count(size)) file->dirty_high = sector_count(size);
    if (file->dirty_low > file->dirty_high) file->dirty_low = file->dirty_high;
}

static void file_add(struct simulated_disk *disk, struct file *file) {
    if (disk->file_count == disk->file_capacity) {
        disk->file_capacity = disk->file_capacity * 2 + 8;
        disk->files = memory_resize(disk->files, disk->file_capacity * sizeof(struct file *));
    }
    disk->files[disk->file_count++] = file;
}

static struct file *file_create(struct simulated_disk *disk, const char *name, size_t size) {
    file_remove(disk, name);
    struct file *file = memory_allocate_zeroed(sizeof(*file));
    file->id = ++disk->last_id;
    snprintf(file->name, sizeof(file->name), "%s", name);
    file_resize(file, size);
    file->synced_size = size;
    file_add(disk, file);
    return file;
}

static void file_write(struct file *file, uint64_t offset, struct bytes bytes) {
    CHECK(offset + bytes.size <= file->kernel.size); /* Segments are zero-filled ahead. */
    if (bytes.size == 0) return;
    memcpy(file->kernel.data + offset, bytes.data, bytes.size);
    size_t low = offset / SECTOR_SIZE, high = sector_count(offset + bytes.size);
    memset(file->dirty + low, 1, high - low);
    if (file->dirty_low == file->dirty_high) {
        file->dirty_low = low;
        file->dirty_high = high;
    }
    if (low < file->dirty_low) file->dirty_low = low;
    if (high > file->dirty_high) file->dirty_high = high;
}

static void sector_settle(struct file *file, size_t sector, bool keep) {
    size_t at = sector * SECTOR_SIZE;
    size_t size = file->kernel.size - at < SECTOR_SIZE ? file->kernel.size - at : SECTOR_SIZE;
    if (keep) {
        memcpy(file->durable.data + at, file->kernel.data + at, size);
    } else {
        memcpy(file->kernel.data + at, file->durable.data + at, size);
    }
    file->dirty[sector] = 0;
}

static void file_sync(struct file *file) {
    for (size_t i = file->dirty_low; i < file->dirty_high; i++)
        if (file->dirty[i]) sector_settle(file, i, true);
    file->dirty_low = file->dirty_high = 0;
    file->synced_size = file->kernel.size;
}

/* --- names ---------------------------------------------------------------------------------- */

/* The directory was synced: all names are as they are. */
static void sync_names(struct simulated_disk *disk) {
    for (uint32_t i = 0; i < disk->unsure_count; i++)
        file_destroy(disk->unsure[i].replaced);
    disk->unsure_count = 0;
    for (uint32_t i = 0; i < disk->file_count; i++)
        disk->files[i]->may_vanish = false;
}

static struct unsure_name *note_unsure(struct simulated_disk *disk, const char *target) {
    if (disk->unsure_count == disk->unsure_capacity) {
        disk->unsure_capacity = disk->unsure_capacity * 2 + 8;
        disk->unsure =
            memory_resize(disk->unsure, disk->unsure_capacity * sizeof(struct unsure_name));
    }
    struct unsure_name *unsure = &disk->unsure[disk->unsure_count++];
    *unsure = (struct unsure_name){0};
    snprintf(unsure->target, sizeof(unsure->target), "%s", target);
    uint32_t at = find(disk, target);
    if (at == disk->file_count) return unsure;
    unsure->replaced = disk->files[at];
    disk->files[at] = disk->files[--disk->file_count];
    return unsure;
}

/* Without the sync: what the directory said before stays known. */
static enum error rename_file(struct simulated_disk *disk, const char *name, const char *target) {
    struct file *file = file_of(disk, name);
    if (file == NULL) return ERROR_NOT_FOUND;
    struct unsure_name *unsure = note_unsure(disk, target);
    unsure->moved = file->id;
    snprintf(unsure->name, sizeof(unsure->name), "%s", name);
    snprintf(file->name, sizeof(file->name), "%s", target);
    return ERROR_NONE;
}

/* Likewise. */
static enum error unlink_file(struct simulated_disk *disk, const char *name) {
    if (file_of(disk, name) == NULL) return ERROR_NOT_FOUND;
    (void)note_unsure(disk, name);
    return ERROR_NONE;
}

/* If nothing has come of it since. */
static void take_back(struct simulated_disk *disk, struct unsure_name *unsure) {
    struct file *present = file_of(disk, unsure->target);
    bool is_as_it_was = unsure->moved == 0 ? present == NULL
                                           : present != NULL && present->id == unsure->moved &&
                                                 file_of(disk, unsure->name) == NULL;
    if (!is_as_it_was) return;
    if (present != NULL) snprintf(present->name, sizeof(present->name), "%s", unsure->name);
    if (unsure->replaced != NULL) file_add(disk, unsure->replaced);
    unsure->replaced = NULL;
}

/* The directory has the name, and so the file. */
static void keep(struct simulated_disk *disk, const struct unsure_name *unsure) {
    struct file *present = file_of(disk, unsure->target);
    if (present != NULL && present->id == unsure->moved) present->may_vanish = false;
}

/* The loss of power: each unsure name is the new one or the old one, an unsure file is there or
 * not. */
static void settle_names(struct simulated_disk *disk) {
    for (uint32_t i = disk->unsure_count; i-- > 0;) {
        if (random_below(&disk->random, 2) == 0)
            take_back(disk, &disk->unsure[i]);
        else
            keep(disk, &disk->unsure[i]);
    }
    for (uint32_t at = disk->file_count; at-- > 0;)
        if (disk->files[at]->may_vanish && random_below(&disk->random, 2) == 0)
            file_remove(disk, disk->files[at]->name);
    sync_names(disk);
}

/* --- life ----------------------------------------------------------------------------------- */

struct simulated_disk *simulated_disk_create(const struct simulated_disk_config *config) {
    struct simulated_disk *disk = memory_allocate_zeroed(sizeof(*disk));
    disk->config = *config;
    random_init(&disk->random, config->seed);
    return disk;
}

void simulated_disk_destroy(struct simulated_disk *disk) {
    if (disk == NULL) return;
    sync_names(disk);
    for (uint32_t i = 0; i < disk->file_count; i++)
        file_destroy(disk->files[i]);
    memory_release(disk->unsure);
    memory_release(disk->files);
    memory_release(disk->list);
    memory_release(disk);
}

void simulated_disk_configure(struct simulated_disk *disk,
                              const struct simulated_disk_config *config) {
    disk->config = *config;
}

struct simulated_disk *simulated_disk_copy(const struct simulated_disk *disk) {
    struct simulated_disk *copy = simulated_disk_create(&disk->config);
    for (uint32_t i = 0; i < disk->file_count; i++)
        simulated_disk_put(copy, disk->files[i]->name, 0, buffer_bytes(&disk->files[i]->kernel));
    return copy;
}

/* --- requests ------------------------------------------------------------------------------- */

static bool happens(struct simulated_disk *disk, uint32_t per_mille) {
    return per_mille > 0 && random_below(&disk->random, 1000) < per_mille;
}

static uint64_t delay_us(struct simulated_disk *disk, enum disk_call call) {
    const struct simulated_disk_config *config = &disk->config;
    uint64_t span = config->delay_max_us - config->delay_min_us;
    uint64_t delay = config->delay_min_us + (span == 0 ? 0 : random_below(&disk->random, span));
    if (call == DISK_READ) delay /= 10;
    if (happens(disk, config->slow_per_mille)) delay += config->slow_us;
    return delay;
}

static struct request *queue_at(struct simulated_disk *disk, uint32_t queue, uint32_t at) {
    return &disk->queues[queue][(disk->heads[queue] + at) % QUEUE_MAX];
}

void simulated_disk_mend(struct simulated_disk *disk, const struct simulated_disk_config *config,
                         uint64_t now_us) {
    disk->config = *config;
    for (uint32_t queue = 0; queue < QUEUES; queue++) {
        uint64_t last_us = now_us;
        for (uint32_t i = 0; i < disk->counts[queue]; i++) {
            struct request *request = queue_at(disk, queue, i);
            last_us += config->delay_max_us;
            if (request->due_us > last_us) request->due_us = last_us;
            last_us = request->due_us;
        }
    }
}

void simulated_disk_submit(struct simulated_disk *disk, const struct disk_request *request,
                           uint64_t now_us) {
    uint32_t queue = queue_of[request->call];
    uint32_t count = disk->counts[queue];
    CHECK(count < QUEUE_MAX);
    uint64_t start_us = now_us;
    if (count > 0 && queue_at(disk, queue, count - 1)->due_us > start_us)
        start_us = queue_at(disk, queue, count - 1)->due_us;
    disk->counts[queue]++;
    *queue_at(disk, queue, count) =
        (struct request){.call = *request, .due_us = start_us + delay_us(disk, request->call)};
}

/* An APPEND's promise: the log goes on where nothing was ever written. */
static void check_appendable(const struct file *file, const struct disk_request *call) {
    uint64_t end = call->offset;
    for (uint32_t i = 0; i < call->span_count; i++)
        end += call->spans[i].size;
    end = (end + DISK_APPEND_BLOCK - 1) / DISK_APPEND_BLOCK * DISK_APPEND_BLOCK;
    for (uint64_t at = call->offset; at < end && at < file->kernel.size; at++)
        CHECK(file->kernel.data[at] == 0);
}

static uint64_t span_bytes(const struct disk_request *call) {
    uint64_t size = 0;
    for (uint32_t i = 0; i < call->span_count; i++)
        size += call->spans[i].size;
    return size;
}

static void write_spans(struct file *file, const struct disk_request *call) {
    uint64_t offset = call->offset;
    for (uint32_t i = 0; i < call->span_count; i++) {
        file_write(file, offset, call->spans[i]);
        offset += call->spans[i].size;
    }
}

static enum error run_append(struct simulated_disk *disk, const struct disk_request *call,
                             bool sync) {
    struct file *file = file_of(disk, call->name);
    if (file == NULL) return ERROR_NOT_FOUND;
    disk->figures.appends++;
    if (happens(disk, disk->config.append_errors_per_mille)) return ERROR_IO;
    check_appendable(file, call);
    write_spans(file, call);
    if (sync) file_sync(file);
    disk->figures.syncs += sync;
    return ERROR_NONE;
}

static uint64_t used_bytes(const struct simulated_disk *disk) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < disk->file_count; i++)
        bytes += disk->files[i]->kernel.size;
    return bytes;
}

static enum error run_write(struct simulated_disk *disk, const struct disk_request *call,
                            bool sync) {
    struct file *file = file_of(disk, call->name);
    uint64_t end = call->offset + span_bytes(call);
    uint64_t present = file == NULL ? 0 : file->kernel.size;
    disk->figures.writes++;
    bool fails = happens(disk, disk->config.file_errors_per_mille);
    if (fails && random_below(&disk->random, 2) == 0) return ERROR_IO;
    if (end > present && disk->config.capacity_bytes > 0 &&
        used_bytes(disk) + end - present > disk->config.capacity_bytes) {
        disk->figures.full++;
        return ERROR_DISK_FULL;
    }
    if (file == NULL) {
        file = file_create(disk, call->name, 0);
        file->may_vanish = true;
    }
    if (end > present) file_resize(file, end);
    write_spans(file, call);
    if (fails) return ERROR_IO;
    if (sync) file_sync(file);
    return ERROR_NONE;
}

static bool has_room(struct simulated_disk *disk, const struct disk_request *call) {
    const struct simulated_disk_config *config = &disk->config;
    bool is_full = config->replace_is_full;
    if (call->call == DISK_CREATE)
        is_full =
            config->capacity_bytes > 0 && used_bytes(disk) + call->size > config->capacity_bytes;
    disk->figures.full += is_full;
    return !is_full;
}

/* A CREATE or a REPLACE, as far as that stage. */
static void carry_out_up_to(struct simulated_disk *disk, const struct disk_request *call,
                            enum stage stage) {
    if (stage == STAGE_NOTHING) return;
    char name[2 * DISK_NAME_SIZE];
    snprintf(name, sizeof(name), "%s.new", call->name);
    uint64_t size = call->call == DISK_CREATE ? call->size : span_bytes(call);
    CHECK(span_bytes(call) <= size);
    struct file *file = file_create(disk, name, size);
    file->may_vanish = true;
    write_spans(file, call);
    if (stage == STAGE_WRITING) {
        file_resize(file, random_below(&disk->random, size + 1));
        file->synced_size = 0;
        return;
    }
    file_sync(file);
    if (stage == STAGE_SYNCED) return;
    const struct file *old = file_of(disk, call->name);
    if (old != NULL && call->call == DISK_REPLACE)
        buffer_append_bytes(&file->before, buffer_bytes(&old->kernel));
    enum error error = rename_file(disk, name, call->name);
    CHECK(error == ERROR_NONE);
    if (stage == STAGE_RENAMED) return;
    sync_names(disk);
}

/* One that fails may be found in any state before its name is there; who is told of a REPLACE that
 * failed ends, and finds one or the other. */
static enum error run_whole_file(struct simulated_disk *disk, const struct disk_request *call) {
    bool is_creation = call->call == DISK_CREATE;
    if (happens(disk, disk->config.file_errors_per_mille)) {
        uint64_t stages = is_creation ? STAGE_RENAMED : STAGE_DONE;
        carry_out_up_to(disk, call, (enum stage)random_below(&disk->random, stages));
        return ERROR_IO;
    }
    disk->figures.creates += is_creation;
    if (!has_room(disk, call)) return ERROR_DISK_FULL;
    disk->figures.replaces += !is_creation;
    carry_out_up_to(disk, call, STAGE_DONE);
    return ERROR_NONE;
}

/* Of RENAME, REMOVE and LIST: one that fails has done nothing. */
static enum error refusal_of(struct simulated_disk *disk, const struct disk_request *call) {
    if (happens(disk, disk->config.file_errors_per_mille)) return ERROR_IO;
    if (call->call != DISK_RENAME || !disk->config.rename_is_full) return ERROR_NONE;
    disk->figures.full++;
    return ERROR_DISK_FULL;
}

static enum error run_rename(struct simulated_disk *disk, const struct disk_request *call) {
    enum error error = refusal_of(disk, call);
    if (error == ERROR_NONE) error = rename_file(disk, call->name, call->target);
    if (error == ERROR_NONE) sync_names(disk);
    return error;
}

static enum error run_remove(struct simulated_disk *disk, const struct disk_request *call) {
    enum error error = refusal_of(disk, call);
    if (error == ERROR_NONE) error = unlink_file(disk, call->name);
    if (error == ERROR_NONE) sync_names(disk);
    return error;
}

static void run_read(struct simulated_disk *disk, const struct disk_request *call,
                     struct disk_completion *completion) {
    const struct file *file = file_of(disk, call->name);
    disk->figures.reads++;
    if (file == NULL) {
        completion->error = ERROR_NOT_FOUND;
        return;
    }
    if (happens(disk, disk->config.read_errors_per_mille)) {
        completion->error = ERROR_IO;
        return;
    }
    if (call->offset >= file->kernel.size) return;
    struct bytes part = bytes_slice(buffer_bytes(&file->kernel), call->offset, call->size);
    memcpy(call->into, part.data, part.size);
    completion->size = part.size;
}

static void run_list(struct simulated_disk *disk, struct disk_completion *completion) {
    disk->list = memory_resize(disk->list, (disk->file_count + 1) * sizeof(*disk->list));
    for (uint32_t i = 0; i < disk->file_count; i++) {
        memcpy(disk->list[i].name, disk->files[i]->name, DISK_NAME_SIZE);
        disk->list[i].size = disk->files[i]->kernel.size;
    }
    completion->files = disk->list;
    completion->file_count = disk->file_count;
}

static void run(struct simulated_disk *disk, const struct disk_request *call,
                struct disk_completion *completion) {
    *completion = (struct disk_completion){.number = call->number};
    switch (call->call) {
    case DISK_APPEND:
        completion->error = run_append(disk, call, call->sync);
        break;
    case DISK_CREATE:
    case DISK_REPLACE:
        completion->error = run_whole_file(disk, call);
        break;
    case DISK_WRITE:
        completion->error = run_write(disk, call, call->sync);
        break;
    case DISK_RENAME:
        completion->error = run_rename(disk, call);
        break;
    case DISK_REMOVE:
        completion->error = run_remove(disk, call);
        break;
    case DISK_READ:
        run_read(disk, call, completion);
        break;
    case DISK_LIST:
        completion->error = refusal_of(disk, call);
        if (completion->error == ERROR_NONE) run_list(disk, completion);
        break;
    }
    disk->figures.errors += completion->error == ERROR_IO;
}

/* The queue whose first request is due first, or QUEUES. */
static uint32_t next_queue(const struct simulated_disk *disk) {
    uint32_t best = QUEUES;
    for (uint32_t i = 0; i < QUEUES; i++) {
        if (disk->counts[i] == 0) continue;
        if (best == QUEUES ||
            disk->queues[i][disk->heads[i]].due_us < disk->queues[best][disk->heads[best]].due_us)
            best = i;
    }
    return best;
}

bool simulated_disk_poll(struct simulated_disk *disk, uint64_t now_us,
                         struct disk_completion *completion) {
    uint32_t queue = next_queue(disk);
    if (queue == QUEUES || queue_at(disk, queue, 0)->due_us > now_us) return false;
    run(disk, &queue_at(disk, queue, 0)->call, completion);
    disk->heads[queue] = (disk->heads[queue] + 1) % QUEUE_MAX;
    disk->counts[queue]--;
    return true;
}

uint64_t simulated_disk_deadline_us(const struct simulated_disk *disk) {
    uint32_t queue = next_queue(disk);
    return queue == QUEUES ? UINT64_MAX : disk->queues[queue][disk->heads[queue]].due_us;
}

/* --- the end of a process ------------------------------------------------------------------- */

/* An open CREATE or REPLACE: as far as it had come. */
static void interrupt_whole_file(struct simulated_disk *disk, const struct disk_request *call) {
    enum stage stage = (enum stage)random_below(&disk->random, STAGES);
    if (has_room(disk, call)) carry_out_up_to(disk, call, stage);
}

/* How many of the open requests the kernel had already got. */
static void interrupt_queue(struct simulated_disk *disk, uint32_t queue) {
    uint32_t started = (uint32_t)random_below(&disk->random, disk->counts[queue] + 1);
    for (uint32_t i = 0; i < started; i++) {
        const struct disk_request *call = &queue_at(disk, queue, i)->call;
        if (call->call == DISK_APPEND) {
            if (run_append(disk, call, false) != ERROR_NONE) break;
        } else if (call->call == DISK_CREATE || call->call == DISK_REPLACE) {
            interrupt_whole_file(disk, call);
        } else if (call->call == DISK_WRITE) {
            if (run_write(disk, call, false) != ERROR_NONE) break;
        } else if (call->call == DISK_RENAME && random_below(&disk->random, 2) == 0) {
            if (rename_file(disk, call->name, call->target) != ERROR_NONE) break;
        } else if (call->call == DISK_REMOVE && random_below(&disk->random, 2) == 0) {
            if (unlink_file(disk, call->name) != ERROR_NONE) break;
        }
    }
    disk->heads[queue] = disk->counts[queue] = 0;
}

void simulated_disk_kill(struct simulated_disk *disk) {
    disk->figures.kills++;
    for (uint32_t i = 0; i < QUEUES; i++)
        interrupt_queue(disk, i);
}

void simulated_disk_power_loss(struct simulated_disk *disk) {
    simulated_disk_kill(disk);
    disk->figures.kills--;
    disk->figures.power_losses++;
    settle_names(disk);
    /* Sometimes all is lost, sometimes nothing, mostly some of it. */
    uint64_t kept_per_mille = random_below(&disk->random, 4) * 333;
    for (uint32_t i = 0; i < disk->file_count; i++) {
        struct file *file = disk->files[i];
        for (size_t at = file->dirty_low; at < file->dirty_high; at++) {
            if (!file->dirty[at]) continue;
            bool keep = random_below(&disk->random, 1000) < kept_per_mille;
            sector_settle(file, at, keep);
            disk->figures.kept_sectors += keep;
            disk->figures.lost_sectors += !keep;
        }
        file->dirty_low = file->dirty_high = 0;
        size_t unsure = file->kernel.size - file->synced_size;
        if (unsure > 0)
            file_resize(file, file->synced_size + random_below(&disk->random, unsure + 1));
        file->synced_size = file->kernel.size;
    }
}

/* --- meddling ------------------------------------------------------------------------------- */

bool simulated_disk_file(const struct simulated_disk *disk, const char *name, struct bytes *bytes) {
    const struct file *file = file_of(disk, name);
    if (file == NULL) return false;
    *bytes = buffer_bytes(&file->kernel);
    return true;
}

void simulated_disk_put(struct simulated_disk *disk, const char *name, uint64_t offset,
                        struct bytes bytes) {
    struct file *file = file_of(disk, name);
    if (file == NULL) file = file_create(disk, name, offset + bytes.size);
    if (offset + bytes.size > file->kernel.size) file_resize(file, offset + bytes.size);
    file_write(file, offset, bytes);
    file_sync(file);
}

void simulated_disk_flip(struct simulated_disk *disk, const char *name, uint64_t offset,
                         uint8_t mask) {
    struct file *file = file_of(disk, name);
    CHECK(file != NULL && offset < file->kernel.size);
    file->kernel.data[offset] = (char)(file->kernel.data[offset] ^ mask);
    file->durable.data[offset] = (char)(file->durable.data[offset] ^ mask);
}

uint64_t simulated_disk_file_id(const struct simulated_disk *disk, const char *name) {
    const struct file *file = file_of(disk, name);
    return file == NULL ? 0 : file->id;
}

void simulated_disk_truncate(struct simulated_disk *disk, const char *name, uint64_t size) {
    struct file *file = file_of(disk, name);
    CHECK(file != NULL && size <= file->kernel.size);
    file_resize(file, size);
    file->synced_size = size;
}

void simulated_disk_undo_replace(struct simulated_disk *disk, const char *name) {
    struct file *file = file_of(disk, name);
    CHECK(file != NULL);
    struct buffer before = file->before;
    file->before = (struct buffer){0};
    file_remove(disk, name);
    if (before.size > 0) simulated_disk_put(disk, name, 0, buffer_bytes(&before));
    buffer_clear(&before);
}

uint32_t simulated_disk_list(struct simulated_disk *disk, const struct disk_file **files) {
    struct disk_completion completion;
    run_list(disk, &completion);
    *files = completion.files;
    return completion.file_count;
}

void simulated_disk_remove(struct simulated_disk *disk, const char *name) {
    file_remove(disk, name);
}

struct simulated_disk_figures simulated_disk_figures(const struct simulated_disk *disk) {
    return disk->figures;
}
