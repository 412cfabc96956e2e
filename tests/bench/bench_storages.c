/* bench_storages.c: nanoseconds per command in storages/ alone, without network, log or replica.
 *
 *     build/tests/bench_storages [commands]     default: a million of each
 *
 * CPU time, so that a busy machine disturbs less. For judging one change against another on a quiet
 * machine, not for comparing with anything else: scripts/bench does that. Random keys and members
 * come from a fixed seed. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "base/number.h"
#include "storages/storages.h"

enum { BATCH = 32, KEYS = 1000000, MEMBERS = 200000, VALUE_SIZE = 256, ARGS_MAX = 8 };

struct bench {
    struct command_registry *registry;
    struct storages *storages;
    struct buffer out;
    struct random random;
};

static double cpu_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double resident_bytes(void) {
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL) return 0;
    if (fscanf(file, "%*u %llu", &pages) != 1) pages = 0;
    fclose(file);
    return (double)pages * 4096;
}

/* Where an argument's bytes come from. */
enum source { FIXED, RANDOM_MEMBER, RANDOM_SCORE, RISING_SCORE, RANDOM_KEY, RISING_KEY };

struct line {
    const char *title;
    struct {
        enum source source;
        const char *text; /* FIXED: the argument; else its prefix */
    } args[ARGS_MAX];
    uint32_t percent; /* of the commands asked for: slow ones run fewer times; 0: once */
};

static char value[VALUE_SIZE + 1];

#define VALUE_32 "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"

/* Keys are 16 bytes long. */
static const struct line lines[] = {
    {"SET, 32 bytes, new keys", {{FIXED, "SET"}, {RISING_KEY, "key:"}, {FIXED, VALUE_32}}, 100},
    {"SET, 32 bytes, over old ones",
     {{FIXED, "SET"}, {RANDOM_KEY, "key:"}, {FIXED, VALUE_32}},
     100},
    {"GET, 32 bytes", {{FIXED, "GET"}, {RANDOM_KEY, "key:"}}, 100},
    {"SET, 256 bytes, over old ones", {{FIXED, "SET"}, {RANDOM_KEY, "key:"}, {FIXED, value}}, 200},
    {"GET, 256 bytes", {{FIXED, "GET"}, {RANDOM_KEY, "key:"}}, 100},
    {"SET with EX",
     {{FIXED, "SET"}, {RANDOM_KEY, "key:"}, {FIXED, value}, {FIXED, "EX"}, {FIXED, "9"}},
     100},
    {"INCR, new and old", {{FIXED, "INCR"}, {RANDOM_KEY, "counter:"}}, 100},
    {"INCR, one key", {{FIXED, "INCR"}, {FIXED, "counter"}}, 100},
    {"DEL", {{FIXED, "DEL"}, {RANDOM_KEY, "key:"}}, 100},
    {"FLUSHALL", {{FIXED, "FLUSHALL"}}, 0},
    {"LPUSH, 256 bytes", {{FIXED, "LPUSH"}, {FIXED, "l"}, {FIXED, value}}, 100},
    {"LPOP", {{FIXED, "LPOP"}, {FIXED, "l"}}, 50},
    {"RPOP", {{FIXED, "RPOP"}, {FIXED, "l"}}, 50},
    {"RPUSH, 8 bytes", {{FIXED, "RPUSH"}, {FIXED, "s"}, {FIXED, "12345678"}}, 100},
    {"LPUSH, 8 bytes", {{FIXED, "LPUSH"}, {FIXED, "s"}, {FIXED, "12345678"}}, 100},
    {"LRANGE, 100 of 8 bytes", {{FIXED, "LRANGE"}, {FIXED, "s"}, {FIXED, "0"}, {FIXED, "99"}}, 10},
    {"LINDEX, the middle", {{FIXED, "LINDEX"}, {FIXED, "s"}, {FIXED, "100000"}}, 10},
    {"ZADD, random scores",
     {{FIXED, "ZADD"}, {FIXED, "z"}, {RANDOM_SCORE, ""}, {RANDOM_MEMBER, "element:"}},
     100},
    {"ZADD, again: moves",
     {{FIXED, "ZADD"}, {FIXED, "z"}, {RANDOM_SCORE, ""}, {RANDOM_MEMBER, "element:"}},
     100},
    {"ZADD, equal scores",
     {{FIXED, "ZADD"}, {FIXED, "e"}, {FIXED, "0"}, {RANDOM_MEMBER, "element:"}},
     100},
    {"ZADD, rising scores",
     {{FIXED, "ZADD"}, {FIXED, "t"}, {RISING_SCORE, ""}, {RISING_SCORE, "element:"}},
     100},
    {"ZINCRBY", {{FIXED, "ZINCRBY"}, {FIXED, "z"}, {FIXED, "1"}, {RANDOM_MEMBER, "element:"}}, 100},
    {"ZSCORE", {{FIXED, "ZSCORE"}, {FIXED, "z"}, {RANDOM_MEMBER, "element:"}}, 100},
    {"ZRANK", {{FIXED, "ZRANK"}, {FIXED, "z"}, {RANDOM_MEMBER, "element:"}}, 100},
    {"ZRANGE, 100 from the middle",
     {{FIXED, "ZRANGE"}, {FIXED, "z"}, {FIXED, "50000"}, {FIXED, "50099"}},
     10},
    {"ZPOPMIN", {{FIXED, "ZPOPMIN"}, {FIXED, "t"}}, 50},
    {"ZREM", {{FIXED, "ZREM"}, {FIXED, "z"}, {RANDOM_MEMBER, "element:"}}, 100},
};

static struct bytes make_argument(struct bench *bench, enum source source, const char *text,
                                  uint64_t serial, char scratch[64]) {
    uint64_t number = serial;
    if (source == RANDOM_KEY) number = random_below(&bench->random, KEYS);
    if (source == RANDOM_KEY || source == RISING_KEY) {
        size_t written =
            (size_t)snprintf(scratch, 64, "%s%012llu", text, (unsigned long long)number);
        return bytes_of(scratch, written);
    }
    if (source == FIXED) return bytes_of_text(text);
    if (source == RANDOM_MEMBER) number = random_below(&bench->random, MEMBERS);
    if (source == RANDOM_SCORE) number = random_below(&bench->random, 1000000);
    size_t size = strlen(text);
    memcpy(scratch, text, size);
    return bytes_of(scratch, size + number_print_u64(scratch + size, number));
}

/* One command, ready to run. */
struct prepared {
    struct bytes args[ARGS_MAX];
    uint32_t count;
    uint64_t hash; /* of its key */
    char scratch[ARGS_MAX][64];
};

static void prepare(struct bench *bench, const struct line *line, uint64_t serial,
                    struct prepared *prepared) {
    prepared->count = 0;
    for (uint32_t i = 0; i < ARGS_MAX && line->args[i].text != NULL; i++, prepared->count++)
        prepared->args[i] = make_argument(bench, line->args[i].source, line->args[i].text, serial,
                                          prepared->scratch[i]);
    if (prepared->count > 1) prepared->hash = storages_key_hash(bench->storages, prepared->args[1]);
}

static void run_prepared(struct bench *bench, const struct command *command,
                         const struct prepared *prepared, uint64_t serial) {
    bench->out.size = 0;
    struct reply reply = {.out = &bench->out, .protocol = 2};
    struct command_call call = {.command = command,
                                .storages = bench->storages,
                                .args = prepared->args,
                                .count = prepared->count,
                                .reply = &reply,
                                .seed = serial};
    storages_run(&call);
    CHECK(reply.errors == 0);
}

/* In batches, as the replica does it: the cache lines of all keys are asked for first. */
static void run(struct bench *bench, const struct line *line, uint64_t count, bool prefetch) {
    static struct prepared batch[BATCH];
    const struct command *command =
        command_find(bench->registry, bytes_of_text(line->args[0].text));
    CHECK(command != NULL);
    double ns = 0;
    for (uint64_t done = 0; done < count;) {
        uint64_t size = count - done < BATCH ? count - done : BATCH;
        for (uint64_t i = 0; i < size; i++)
            prepare(bench, line, done + i, &batch[i]);
        double start = cpu_ns();
        for (unsigned stage = 0; prefetch && stage < 3; stage++) {
            for (uint64_t i = 0; i < size; i++)
                storages_prefetch(bench->storages, 0, batch[i].hash, stage);
        }
        for (uint64_t i = 0; i < size; i++)
            run_prepared(bench, command, &batch[i], done + i);
        ns += cpu_ns() - start;
        done += size;
    }
    printf("%-32s %8.0f ns%s %7.1f MB resident\n", line->title, ns / (double)count,
           prefetch ? ", prefetched," : ",            ", resident_bytes() / 1e6);
}

static bool has_random_key(const struct line *line) {
    return line->args[1].source == RANDOM_KEY;
}

static void run_line(struct bench *bench, const struct line *line, uint64_t count) {
    uint64_t commands = line->percent == 0 ? 1 : count * line->percent / 100;
    run(bench, line, commands, false);
    if (has_random_key(line)) run(bench, line, commands, true);
}

int main(int argc, char **argv) {
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    memset(value, 'v', VALUE_SIZE);
    struct bench bench = {.registry = command_registry_create(), .storages = storages_create(1)};
    random_init(&bench.random, 1);
    storages_register(bench.registry);
    printf("%-32s %22.1f MB resident\n", "empty", resident_bytes() / 1e6);
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        run_line(&bench, &lines[i], count);
    storages_destroy(bench.storages);
    command_registry_destroy(bench.registry);
    buffer_clear(&bench.out);
    return 0;
}
