/* disk.c: files as two arrays, what the kernel has and what is durable, with a flag per sector
 * that differs. A request has its effect when it completes. */
#include "tests/simulator/disk.h"

#include <stdio.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/random.h"

enum { SECTOR_SIZE = 512, QUEUES = 3, QUEUE_MAX = 256 };

enum queue { QUEUE_WRITES, QUEUE_FILES, QUEUE_READS };

static const uint8_t queue_of[] = {
    [DISK_APPEND] = QUEUE_WRITES, [DISK_REPLACE] = QUEUE_WRITES, [DISK_CREATE] = QUEUE_FILES,
    [DISK_WRITE] = QUEUE_FILES,   [DISK_RENAME] = QUEUE_FILES,   [DISK_REMOVE] = QUEUE_FILES,
    [DISK_LIST] = QUEUE_FILES,    [DISK_READ] = QUEUE_READS,
};

struct file {
    char name[DISK_NAME_SIZE];
    struct buffer kernel, durable;
    struct buffer before;         /* REPLACE: what it took the place of */
    uint8_t *dirty;               /* one a sector */
    size_t dirty_low, dirty_high; /* none outside of these */
    size_t synced_size;           /* its size when it was synced last */
    bool may_vanish;              /* made by WRITE: the directory does not know it for sure */
};

/* A RENAME that the kernel has carried out while the process ended: the directory was not synced.
 */
struct unsure_rename {
    char name[DISK_NAME_SIZE], target[DISK_NAME_SIZE]; /* name empty: there is none */
    struct file *replaced;                             /* NULL: there was no such target */
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
    struct request queues[QUEUES][QUEUE_MAX];
    uint32_t heads[QUEUES], counts[QUEUES];
    struct disk_file *list;
    struct unsure_rename unsure;
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
    file_destroy(disk->unsure.replaced);
    disk->unsure = (struct unsure_rename){0};
    for (uint32_t i = 0; i < disk->file_count; i++)
        disk->files[i]->may_vanish = false;
}

/* Without the sync: what the directory said before stays known. */
static enum error rename_file(struct simulated_disk *disk, const char *name, const char *target) {
    struct file *file = file_of(disk, name);
    if (file == NULL) return ERROR_NOT_FOUND;
    sync_names(disk);
    uint32_t at = find(disk, target);
    if (at < disk->file_count) {
        disk->unsure.replaced = disk->files[at];
        disk->files[at] = disk->files[--disk->file_count];
    }
    snprintf(disk->unsure.name, sizeof(disk->unsure.name), "%s", name);
    snprintf(disk->unsure.target, sizeof(disk->unsure.target), "%s", target);
    snprintf(file->name, sizeof(file->name), "%s", target);
    return ERROR_NONE;
}

/* The loss of power: an unsure name is the new one or the old one, an unsure file is there or not.
 */
static void settle_names(struct simulated_disk *disk) {
    struct unsure_rename *unsure = &disk->unsure;
    struct file *file = file_of(disk, unsure->target);
    if (unsure->name[0] != 0 && file != NULL && file_of(disk, unsure->name) == NULL &&
        random_below(&disk->random, 2) == 0) {
        snprintf(file->name, sizeof(file->name), "%s", unsure->name);
        if (unsure->replaced != NULL) file_add(disk, unsure->replaced);
        unsure->replaced = NULL;
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
    for (uint32_t i = 0; i < disk->file_count; i++)
        file_destroy(disk->files[i]);
    file_destroy(disk->unsure.replaced);
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
    if (sync) file_sync(file);
    return ERROR_NONE;
}

static enum error run_whole_file(struct simulated_disk *disk, const struct disk_request *call) {
    uint64_t size = span_bytes(call);
    if (call->call == DISK_CREATE) {
        CHECK(size <= call->size);
        size = call->size;
        disk->figures.creates++;
        if (disk->config.capacity_bytes > 0 &&
            used_bytes(disk) + size > disk->config.capacity_bytes) {
            disk->figures.full++;
            return ERROR_DISK_FULL;
        }
    } else if (disk->config.replace_is_full) {
        disk->figures.full++;
        return ERROR_DISK_FULL;
    } else {
        disk->figures.replaces++;
    }
    struct buffer before = {0};
    const struct file *old = file_of(disk, call->name);
    if (old != NULL && call->call == DISK_REPLACE)
        buffer_append_bytes(&before, buffer_bytes(&old->kernel));
    struct file *file = file_create(disk, call->name, size);
    file->before = before;
    write_spans(file, call);
    file_sync(file);
    sync_names(disk);
    return ERROR_NONE;
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
        completion->error = rename_file(disk, call->name, call->target);
        sync_names(disk);
        break;
    case DISK_REMOVE:
        if (file_of(disk, call->name) == NULL) completion->error = ERROR_NOT_FOUND;
        file_remove(disk, call->name);
        sync_names(disk);
        break;
    case DISK_READ:
        run_read(disk, call, completion);
        break;
    case DISK_LIST:
        run_list(disk, completion);
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

/* An open CREATE or REPLACE: done, begun under ".new", or not begun. */
static void interrupt_whole_file(struct simulated_disk *disk, const struct disk_request *call) {
    switch (random_below(&disk->random, 3)) {
    case 0:
        if (run_whole_file(disk, call) != ERROR_NONE) return;
        return;
    case 1: {
        char name[2 * DISK_NAME_SIZE];
        snprintf(name, sizeof(name), "%s.new", call->name);
        file_create(disk, name, random_below(&disk->random, 5000));
        return;
    }
    default:
        return;
    }
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
            file_remove(disk, call->name);
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
    settle_names(disk);
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
    char byte = (char)(file->kernel.data[offset] ^ mask);
    simulated_disk_put(disk, name, offset, bytes_of(&byte, 1));
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
