/* rdb_tool.c: our storages' RDB files from the command line, for test-rdb and for benchmarks.
 *
 * usage: rdb_tool run NOW_MS OUT          runs the RESP commands on standard input, saves
 *        rdb_tool copy import|literal NOW_MS IN OUT     loads a file, saves it again
 *        rdb_tool bench KEYS              times saving and loading of KEYS records of 16/32 bytes
 * NOW_MS: log time; COMPRESS=no in the environment: without compression. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "resp/request.h"
#include "storages/rdb_read.h"
#include "storages/rdb_write.h"
#include "storages/storages.h"

enum { PIECE = 64 << 10 };

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

struct moment {
    double seconds, processor_seconds;
};

static double clock_seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct moment moment_now(void) {
    return (struct moment){clock_seconds(CLOCK_MONOTONIC), clock_seconds(CLOCK_PROCESS_CPUTIME_ID)};
}

static void read_all(FILE *file, struct buffer *bytes) {
    for (;;) {
        char *at = buffer_reserve(bytes, PIECE);
        size_t size = fread(at, 1, PIECE, file);
        if (size == 0) return;
        bytes->size += size;
    }
}

/* --- saving and loading ----------------------------------------------------------------------- */

static void save(const struct storages *storages, struct buffer *file) {
    const char *compress = getenv("COMPRESS");
    struct rdb_pair pairs[] = {{BYTES("raft-index"), BYTES("42")}};
    struct rdb_write_options options = {
        .redis_version = BYTES("7.0.15"),
        .created_s = 1700000000,
        .used_memory = 1000000,
        .compress = compress == NULL || strcmp(compress, "no") != 0,
        .pairs = pairs,
        .pair_count = COUNT_OF(pairs),
    };
    struct rdb_writer *writer = rdb_writer_create(storages, &options);
    while (!rdb_writer_next(writer, file, PIECE))
        continue;
    rdb_writer_destroy(writer);
}

static void save_to(const struct storages *storages, const char *path) {
    struct buffer bytes = {0};
    save(storages, &bytes);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes.data, 1, bytes.size, file) != bytes.size || fclose(file) != 0)
        fail("cannot write %s", path);
    buffer_clear(&bytes);
}

static struct storages *load(struct bytes bytes, enum rdb_mode mode, int64_t now_ms) {
    struct storages *storages = storages_create(1);
    if (mode == RDB_IMPORT) storages_set_now(storages, now_ms);
    struct rdb_reader *reader = rdb_reader_create(&(struct rdb_read_options){
        .storages = storages, .mode = mode, .now_ms = now_ms, .bytes_total = bytes.size});
    enum error error = ERROR_NONE;
    for (size_t at = 0; at < bytes.size && error == ERROR_NONE; at += PIECE)
        error = rdb_reader_feed(reader, bytes_slice(bytes, at, PIECE));
    if (error == ERROR_NONE) error = rdb_reader_end(reader);
    if (error != ERROR_NONE) fail("%s: %s", error_text(error), rdb_reader_error(reader));
    rdb_reader_destroy(reader);
    return storages;
}

/* --- running ---------------------------------------------------------------------------------- */

static void run_one(struct command_registry *registry, struct storages *storages,
                    const struct request_parser *request, uint8_t *db) {
    struct buffer out = {0};
    if (bytes_equal_ignoring_case(request->args[0], BYTES("select"))) {
        *db = (uint8_t)atoi(request->args[1].data);
        return;
    }
    struct reply reply = {.out = &out, .protocol = 2};
    const struct command *command =
        command_resolve(registry, request->args, request->count, &reply);
    if (command == NULL) fail("no command: %.*s", (int)out.size, out.data);
    struct command_call call = {
        .command = command,
        .storages = storages,
        .args = request->args,
        .count = request->count,
        .db = *db,
        .reply = &reply,
        .now_ms = storages_now_ms(storages),
        .registry = registry,
    };
    storages_run(&call);
    if (reply.errors > 0)
        fail("%.*s: %.*s", (int)request->args[0].size, request->args[0].data, (int)out.size,
             out.data);
    buffer_clear(&out);
}

static int run(int64_t now_ms, const char *path) {
    struct command_registry *registry = command_registry_create();
    storages_register(registry);
    struct storages *storages = storages_create(1);
    storages_set_now(storages, now_ms);
    struct buffer input = {0};
    read_all(stdin, &input);
    struct request_parser parser = {0};
    struct request_limits limits = {.bulk_max = 1 << 30, .args_max = REQUEST_ARGS_MAX};
    uint8_t db = 0;
    for (size_t at = 0; at < input.size; at += parser.consumed) {
        if (request_parse(&parser, &limits, input.data + at, input.size - at) != REQUEST_DONE)
            fail("standard input is no sequence of commands");
        run_one(registry, storages, &parser, &db);
    }
    storages_check(storages);
    save_to(storages, path);
    request_clear(&parser);
    buffer_clear(&input);
    storages_destroy(storages);
    command_registry_destroy(registry);
    return 0;
}

static int copy(enum rdb_mode mode, int64_t now_ms, const char *from, const char *to) {
    FILE *file = fopen(from, "rb");
    if (file == NULL) fail("cannot read %s", from);
    struct buffer bytes = {0};
    read_all(file, &bytes);
    fclose(file);
    struct storages *storages = load(buffer_bytes(&bytes), mode, now_ms);
    buffer_clear(&bytes);
    storages_check(storages);
    save_to(storages, to);
    storages_destroy(storages);
    return 0;
}

/* --- timing ----------------------------------------------------------------------------------- */

static void tell(const char *what, struct moment start, uint64_t keys, size_t bytes) {
    struct moment end = moment_now();
    double seconds = end.seconds - start.seconds;
    printf("%-14s %6.3f s (%.3f of a processor)  %8.0f keys/s  %6.1f MB/s\n", what, seconds,
           end.processor_seconds - start.processor_seconds, (double)keys / seconds,
           (double)bytes / seconds / 1e6);
}

static int bench(uint32_t keys) {
    struct command_registry *registry = command_registry_create();
    storages_register(registry);
    struct storages *storages = storages_create(1);
    struct request_parser request = {0};
    struct random random;
    random_init(&random, 1);
    uint8_t db = 0;
    for (uint32_t i = 0; i < keys; i++) {
        char key[17], value[33];
        snprintf(key, sizeof(key), "key:%012u", i);
        snprintf(value, sizeof(value), "%016llx%016llx", (unsigned long long)random_next(&random),
                 (unsigned long long)random_next(&random));
        struct bytes args[] = {BYTES("set"), bytes_of(key, 16), bytes_of(value, 32)};
        request.args = args;
        request.count = 3;
        run_one(registry, storages, &request, &db);
    }
    struct buffer file = {0};
    buffer_reserve(&file, keys * 70ull + 4096);
    struct moment start = moment_now();
    save(storages, &file);
    tell("save", start, keys, file.size);
    uint64_t digest = storages_digest(storages);
    storages_destroy(storages);
    start = moment_now();
    storages = load(buffer_bytes(&file), RDB_LITERAL, 0);
    tell("load literally", start, keys, file.size);
    if (storages_digest(storages) != digest) fail("another digest");
    storages_destroy(storages);
    start = moment_now();
    storages = load(buffer_bytes(&file), RDB_IMPORT, 0);
    tell("import", start, keys, file.size);
    storages_destroy(storages);
    buffer_clear(&file);
    command_registry_destroy(registry);
    return 0;
}

int main(int count, char **words) {
    if (count == 4 && strcmp(words[1], "run") == 0) return run(atoll(words[2]), words[3]);
    if (count == 6 && strcmp(words[1], "copy") == 0)
        return copy(strcmp(words[2], "literal") == 0 ? RDB_LITERAL : RDB_IMPORT, atoll(words[3]),
                    words[4], words[5]);
    if (count == 3 && strcmp(words[1], "bench") == 0) return bench((uint32_t)atoi(words[2]));
    fail("usage: see the head of rdb_tool.c");
}
