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

enum { MEMBERS = 200000, VALUE_SIZE = 256, ARGS_MAX = 8 };

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

/* Where an argument's bytes come from. */
enum source { FIXED, RANDOM_MEMBER, RANDOM_SCORE, RISING_SCORE };

struct line {
    const char *title;
    struct {
        enum source source;
        const char *text; /* FIXED: the argument; else its prefix */
    } args[ARGS_MAX];
    uint32_t percent; /* of the commands asked for: slow ones run fewer times */
};

static char value[VALUE_SIZE + 1];

static const struct line lines[] = {
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
    if (source == FIXED) return bytes_of_text(text);
    if (source == RANDOM_MEMBER) number = random_below(&bench->random, MEMBERS);
    if (source == RANDOM_SCORE) number = random_below(&bench->random, 1000000);
    size_t size = strlen(text);
    memcpy(scratch, text, size);
    return bytes_of(scratch, size + number_print_u64(scratch + size, number));
}

static void run(struct bench *bench, const struct line *line, uint64_t count) {
    const struct command *command =
        command_find(bench->registry, bytes_of_text(line->args[0].text));
    CHECK(command != NULL);
    struct bytes args[ARGS_MAX];
    char scratch[ARGS_MAX][64];
    double start = cpu_ns();
    for (uint64_t i = 0; i < count; i++) {
        uint32_t args_count = 0;
        for (; args_count < ARGS_MAX && line->args[args_count].text != NULL; args_count++)
            args[args_count] = make_argument(bench, line->args[args_count].source,
                                             line->args[args_count].text, i, scratch[args_count]);
        bench->out.size = 0;
        struct reply reply = {.out = &bench->out, .protocol = 2};
        struct command_call call = {.command = command,
                                    .storages = bench->storages,
                                    .args = args,
                                    .count = args_count,
                                    .reply = &reply,
                                    .seed = i};
        storages_run(&call);
        CHECK(reply.errors == 0);
    }
    printf("%-32s %8.0f ns\n", line->title, (cpu_ns() - start) / (double)count);
}

int main(int argc, char **argv) {
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    memset(value, 'v', VALUE_SIZE);
    struct bench bench = {.registry = command_registry_create(), .storages = storages_create(1)};
    random_init(&bench.random, 1);
    storages_register(bench.registry);
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        run(&bench, &lines[i], count * lines[i].percent / 100);
    storages_destroy(bench.storages);
    command_registry_destroy(bench.registry);
    buffer_clear(&bench.out);
    return 0;
}
