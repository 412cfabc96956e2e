/* The journal on a real disk: how fast it writes and syncs groups, how fast it replays.
 *
 *     bench_journal [DIRECTORY]     an empty one; default: bench_journal.data, removed at the end
 *
 * append: a closed loop of clients, each with one command of 256 bytes on the way; a turn of the
 * loop makes one entry of all that came in, as the replica does. replay: recovery from an empty
 * memory with a warm page cache, every entry verified. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/memory.h"
#include "raft/journal.h"
#include "src/server/disk.h"

enum { COMMAND_SIZE = 300 /* a SET of 256 bytes with its envelope */ };

static const struct log quiet = {.least = LOG_LEVEL_WARNING};

struct bench {
    struct disk *disk;
    struct journal *journal;
    struct chunk *chunk;
    uint64_t index, hash, number, commands;
};

static uint64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void drive(struct bench *bench) {
    const struct disk_request *request;
    struct disk_completion completion;
    while ((request = journal_next_request(bench->journal)) != NULL)
        disk_submit(bench->disk, request);
    while (disk_poll(bench->disk, &completion))
        journal_completed(bench->journal, &completion);
    journal_tick(bench->journal, now_us());
}

static void open_journal(struct bench *bench, const char *directory) {
    struct buffer problem = {0};
    if (disk_open(directory, &quiet, &bench->disk, &problem) != ERROR_NONE) {
        fprintf(stderr, "%.*s\n", (int)problem.size, problem.data);
        exit(1);
    }
    bench->journal = journal_create(
        &(struct journal_config){.cluster = "bench", .node = "bench", .seed = now_us()});
}

static void close_journal(struct bench *bench) {
    journal_close(bench->journal);
    while (journal_state(bench->journal) == JOURNAL_READY || disk_open_requests(bench->disk) > 0) {
        drive(bench);
        if (disk_open_requests(bench->disk) > 0) disk_wait(bench->disk, 100);
    }
    disk_close(bench->disk);
    journal_destroy(bench->journal);
}

/* Until READY; returns how many entries were there. */
static uint64_t recover(struct bench *bench) {
    uint64_t count = 0;
    while (journal_state(bench->journal) == JOURNAL_RECOVERING) {
        struct entry entry;
        bool committed;
        drive(bench);
        while (journal_recovered(bench->journal, &entry, &committed)) {
            count++;
            bench->hash = entry_hash(entry.image);
        }
        if (disk_open_requests(bench->disk) > 0) disk_wait(bench->disk, 1000);
    }
    if (journal_state(bench->journal) != JOURNAL_READY) {
        fprintf(stderr, "%s\n", journal_problem(bench->journal));
        exit(1);
    }
    return count;
}

/* One entry of this many commands. */
static void persist(struct bench *bench, uint32_t commands) {
    uint32_t body_size = commands * COMMAND_SIZE;
    size_t size = ENTRY_HEADER_SIZE + body_size;
    if (bench->chunk == NULL || bench->chunk->capacity - bench->chunk->used < size) {
        chunk_release(bench->chunk);
        bench->chunk = chunk_create(CHUNK_SIZE);
        memset(bench->chunk->data, 'x', CHUNK_SIZE);
    }
    char *image = bench->chunk->data + bench->chunk->used;
    bench->chunk->used += size;
    entry_header_write(
        image, &(struct entry_header){
                   .format = ENTRY_FORMAT,
                   .type = ENTRY_DATA,
                   .body_size = body_size,
                   .count = commands,
                   .body_hash = hash_bytes(bytes_of(image + ENTRY_HEADER_SIZE, body_size), 0)});
    bench->index++;
    entry_seal(image, 1, bench->index, bench->index, bench->hash);
    bench->hash = entry_hash(image);
    bench->commands += commands;
    struct entry entry = {.chunk = bench->chunk, .image = image};
    bench->number++;
    journal_persist(bench->journal, &(struct raft_persist){.number = bench->number,
                                                           .has_hard_state = bench->number == 1,
                                                           .hard_state = {.term = 1},
                                                           .cut_after = UINT64_MAX,
                                                           .entries = &entry,
                                                           .entry_count = 1});
}

static void measure_appends(struct bench *bench, uint32_t clients, uint64_t duration_us) {
    enum { ON_THE_WAY_MAX = 4096 };
    static uint32_t sizes[ON_THE_WAY_MAX]; /* commands of persist request n */
    uint64_t done = bench->number, commands = bench->commands;
    uint32_t free_clients = clients;
    struct journal_figures before = journal_figures(bench->journal);
    double cpu = cpu_seconds();
    uint64_t start_us = now_us();
    while (now_us() - start_us < duration_us) {
        if (free_clients > 0) {
            persist(bench, free_clients);
            sizes[bench->number % ON_THE_WAY_MAX] = free_clients;
            free_clients = 0;
        }
        drive(bench);
        while (done < journal_persisted(bench->journal))
            free_clients += sizes[++done % ON_THE_WAY_MAX];
        journal_commit(bench->journal, bench->index - (bench->number - done));
        if (free_clients == 0) disk_wait(bench->disk, 100);
    }
    double seconds = (double)(now_us() - start_us) / 1e6;
    struct journal_figures after = journal_figures(bench->journal);
    double written = (double)(bench->commands - commands);
    double syncs = (double)(after.appends - before.appends);
    printf(
        "append, %4u clients: %8.0f commands/s, %6.0f writes/s, %5.1f commands and %6.0f bytes a "
        "write, %.2f CPU s per million\n",
        clients, written / seconds, syncs / seconds, written / syncs,
        (double)(after.append_bytes - before.append_bytes) / syncs,
        (cpu_seconds() - cpu) * 1e6 / written);
}

static void measure_replay(struct bench *bench, const char *directory, uint64_t commands) {
    open_journal(bench, directory);
    double cpu = cpu_seconds();
    uint64_t start_us = now_us();
    uint64_t entries = recover(bench);
    double seconds = (double)(now_us() - start_us) / 1e6;
    double bytes = (double)journal_progress(bench->journal).done_bytes;
    printf("replay: %llu entries, %llu commands in %.3f s: %.0f commands/s, %.0f entries/s, %.0f "
           "MB/s, %.3f CPU s\n",
           (unsigned long long)entries, (unsigned long long)commands, seconds,
           (double)commands / seconds, (double)entries / seconds, bytes / 1e6 / seconds,
           cpu_seconds() - cpu);
    close_journal(bench);
}

static void remove_directory(const char *path) {
    DIR *directory = opendir(path);
    const struct dirent *entry;
    if (directory == NULL) return;
    while ((entry = readdir(directory)) != NULL)
        unlinkat(dirfd(directory), entry->d_name, 0);
    closedir(directory);
    rmdir(path);
}

int main(int argument_count, char **arguments) {
    const char *directory = argument_count > 1 ? arguments[1] : "bench_journal.data";
    static const uint32_t clients[] = {1, 50, 800};
    struct bench bench = {0};
    mkdir(directory, 0700);
    uint64_t start_us = now_us();
    open_journal(&bench, directory);
    recover(&bench);
    printf("founded in %.1f ms\n", (double)(now_us() - start_us) / 1e3);
    for (size_t i = 0; i < COUNT_OF(clients); i++)
        measure_appends(&bench, clients[i], 3000000);
    close_journal(&bench);
    measure_replay(&bench, directory, bench.commands);

    /* Many small entries: the replay's worst case. */
    remove_directory(directory);
    mkdir(directory, 0700);
    bench.index = bench.hash = bench.number = bench.commands = 0;
    open_journal(&bench, directory);
    recover(&bench);
    while (bench.commands < 1000000) {
        persist(&bench, 1);
        if (bench.commands % 1000 == 0) {
            drive(&bench);
            journal_commit(bench.journal, journal_persisted(bench.journal));
        }
    }
    close_journal(&bench);
    measure_replay(&bench, directory, bench.commands);
    chunk_release(bench.chunk);
    remove_directory(directory);
    return 0;
}
