/* torture.c: real servers on a network, disks and power that fail: scenarios first, then rounds of
 * chance, each on a new cluster and from its own seed. Ends with "N passed, N failed". */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/random.h"
#include "tests/torture/faults.h"
#include "tests/torture/scenarios.h"
#include "tests/torture/workload.h"

enum {
    DISK_MEBIBYTES = 640,
    SERVING_MS = 30000,
    ROUND_MS = 45000,       /* of faults */
    ROUND_LEAST_MS = 10000, /* a shorter one shows little */
    ROUND_REST_MS = 10000,  /* founding, healing and judging of a round */
    GAPS_SHOWN = 3,
    SOUND_MS = 5000, /* in which a sound majority has to take a write */
    STATUS_SKIPPED = 77,
    PROBLEM_SIZE = 512,
};

struct options {
    double minutes;
    uint64_t seed;
    int nodes; /* 0: the seed chooses */
    bool verbose, rounds_only, scenarios_only;
};

struct round {
    struct lab *lab;
    const struct options *options;
    uint64_t seed;
    int node_count;
    uint32_t length_ms;
    const char *read_mode, *log_memory;
    struct nodes *nodes;
    struct wire *wire;
    struct workload *workload;
    struct faults *faults;
    uint64_t start_us;
    char problem[PROBLEM_SIZE];
};

_Static_assert((int)FAULTS_PROBLEM_SIZE <= (int)PROBLEM_SIZE, "problems fit");
_Static_assert((int)WORKLOAD_PROBLEM_SIZE <= (int)PROBLEM_SIZE, "likewise");

/* --- a round --------------------------------------------------------------------------------- */

static void set_up(struct round *round) {
    struct random random;
    random_init(&random, round->seed);
    uint64_t sizes = random_below(&random, 2), modes = random_below(&random, 2);
    uint64_t memories = random_below(&random, 2);
    round->node_count = round->options->nodes != 0 ? round->options->nodes : sizes == 0 ? 3 : 5;
    round->read_mode = modes == 0 ? "lease" : "index";
    /* With little of the log in memory, who missed something is fed from the segments. */
    round->log_memory = memories == 0 ? "64mb" : "1mb";
    const char *const options[] = {"--raft-read-mode", round->read_mode, "--raft-log-memory",
                                   round->log_memory, NULL};
    struct nodes_settings settings = {
        .count = round->node_count, .disk_mebibytes = DISK_MEBIBYTES, .options = options};
    /* All forget in one round of two, so that a power cut finds what nobody has synced. */
    bool all_forget = random_below(&random, 2) == 0;
    for (int i = 0; i < round->node_count; i++)
        settings.caches_are_volatile[i] = all_forget || random_below(&random, 2) == 0;
    round->nodes = nodes_create(round->lab, &settings);
    struct wire_host hosts[LAB_HOSTS_MAX];
    for (int i = 0; i <= round->node_count; i++) {
        const struct place *place =
            i < round->node_count ? &round->lab->places[i] : &round->lab->clients;
        hosts[i] = (struct wire_host){.device = place->device, .address = place->address};
    }
    round->wire = wire_create(hosts, round->node_count + 1, random_next(&random));
    round->workload = workload_create(round->lab, round->node_count, random_next(&random));
    round->faults =
        faults_create(round->nodes, round->wire, random_next(&random), round->length_ms);
    for (int i = 0; i < round->node_count; i++)
        node_start(round->nodes, i);
}

static bool read_end(const struct round *round, int64_t *total, int64_t **left, size_t *count) {
    redisContext *client = node_connect(round->nodes, 0);
    if (client == NULL) return false;
    redisReply *sum = redisCommand(client, "GET total");
    redisReply *queue = redisCommand(client, "LRANGE queue 0 -1");
    bool read = sum != NULL && queue != NULL && queue->type == REDIS_REPLY_ARRAY &&
                (sum->type == REDIS_REPLY_STRING || sum->type == REDIS_REPLY_NIL);
    if (read) {
        *total = sum->type == REDIS_REPLY_STRING ? atoll(sum->str) : 0;
        *count = queue->elements;
        *left = memory_allocate((queue->elements + 1) * sizeof(int64_t));
        for (size_t i = 0; i < queue->elements; i++)
            (*left)[i] = atoll(queue->element[i]->str);
    }
    if (sum != NULL) freeReplyObject(sum);
    if (queue != NULL) freeReplyObject(queue);
    redisFree(client);
    return read;
}

/* All is mended and all nodes run: they come back, agree, and hold what was promised. */
static bool judge(struct round *round) {
    if (!nodes_await_serving(round->nodes, SERVING_MS)) {
        snprintf(round->problem, sizeof(round->problem),
                 "%d s after the last fault not all nodes serve", SERVING_MS / 1000);
        return false;
    }
    if (!workload_ask_all(round->workload, round->problem)) return false;
    if (!nodes_are_equal(round->nodes, SERVING_MS, round->problem, sizeof(round->problem)))
        return false;
    int64_t total = 0, *left = NULL;
    size_t count = 0;
    if (!read_end(round, &total, &left, &count)) {
        snprintf(round->problem, sizeof(round->problem), "node 1 does not answer at the end");
        return false;
    }
    bool fine = workload_judge(round->workload, total, left, count, round->problem);
    memory_release(left);
    return fine;
}

/* A majority that suffers nothing goes on, whatever befalls the others. */
static bool gaps_are_explained(struct round *round) {
    struct workload_figures figures = workload_figures(round->workload);
    for (int i = 0; i < WORKLOAD_GAPS; i++) {
        const struct workload_gap *gap = &figures.gaps[i];
        uint64_t sound_us = faults_sound_us(round->faults, gap->begin_us, gap->end_us);
        if (sound_us <= (uint64_t)SOUND_MS * 1000) continue;
        snprintf(round->problem, sizeof(round->problem),
                 "no write is taken for %.1f s, in which a majority suffers nothing",
                 (double)sound_us / 1e6);
        return false;
    }
    return true;
}

static void print_gaps(const struct round *round, const struct workload_figures *figures) {
    printf("  longest gaps in service (of it a majority was sound):\n");
    for (int i = 0; i < GAPS_SHOWN; i++) {
        const struct workload_gap *gap = &figures->gaps[i];
        if (gap->end_us == 0) continue;
        struct buffer during = {0};
        faults_print_during(round->faults, gap->begin_us, gap->end_us, &during);
        printf("    %.3f s (%.3f s) from %.1f s on: %.*s\n",
               (double)(gap->end_us - gap->begin_us) / 1e6,
               (double)faults_sound_us(round->faults, gap->begin_us, gap->end_us) / 1e6,
               (double)(gap->begin_us - round->start_us) / 1e6, (int)during.size, during.data);
        buffer_clear(&during);
    }
}

static void report(const struct round *round) {
    struct workload_figures figures = workload_figures(round->workload);
    struct wire_figures packets = wire_figures(round->wire);
    struct buffer faults = {0};
    faults_print_counts(round->faults, &faults);
    printf("  operations %llu: acknowledged %llu (writes %llu, groups %llu), "
           "refused %llu, unknown %llu; connections %llu\n",
           (unsigned long long)figures.operations, (unsigned long long)figures.acknowledged,
           (unsigned long long)figures.acknowledged_writes, (unsigned long long)figures.groups,
           (unsigned long long)figures.refused, (unsigned long long)figures.unknown,
           (unsigned long long)figures.connections);
    printf("  histories %llu (undecided %llu, configurations %llu); messages heard %llu by %llu "
           "subscriptions\n",
           (unsigned long long)figures.objects_checked, (unsigned long long)figures.undecided,
           (unsigned long long)figures.configurations, (unsigned long long)figures.messages_heard,
           (unsigned long long)figures.subscriptions);
    printf("  faults: %.*s\n", (int)faults.size, faults.data);
    printf("  packets:");
#define PRINT_FIGURE(name) printf(" " #name " %llu", (unsigned long long)packets.name);
    WIRE_FIGURES(PRINT_FIGURE)
#undef PRINT_FIGURE
    printf("\n");
    print_gaps(round, &figures);
    buffer_clear(&faults);
}

static bool run_round(struct lab *lab, const struct options *options, uint64_t seed,
                      uint32_t length_ms) {
    struct round round = {.lab = lab, .options = options, .seed = seed, .length_ms = length_ms};
    set_up(&round);
    printf("seed %llu: %d nodes, reads by %s, %s of log in memory, %u s of faults\n",
           (unsigned long long)seed, round.node_count, round.read_mode, round.log_memory,
           length_ms / 1000);
    fflush(stdout);
    bool fine = nodes_await_serving(round.nodes, SERVING_MS);
    if (!fine) snprintf(round.problem, sizeof(round.problem), "the cluster is not founded");
    round.start_us = clock_us();
    if (fine) {
        workload_begin(round.workload);
        fine = faults_run(round.faults, options->verbose, round.problem);
        workload_end(round.workload);
    }
    fine = fine && judge(&round) && gaps_are_explained(&round);
    report(&round);
    for (int i = 0; !fine && i < round.node_count; i++)
        node_show_log(round.nodes, i);
    printf("  %s%s\n", fine ? "kept every promise" : "VIOLATED: ", round.problem);
    if (!fine) {
        lab->keep = true;
        printf("  again: --seed %llu --nodes %d --minutes 1; files: %s\n", (unsigned long long)seed,
               round.node_count, lab->root);
    }
    fflush(stdout);
    faults_destroy(round.faults);
    workload_destroy(round.workload);
    wire_destroy(round.wire);
    nodes_destroy(round.nodes);
    return fine;
}

/* --- the whole ------------------------------------------------------------------------------- */

struct tally {
    uint32_t passed, failed;
};

static void count(struct tally *tally, bool passed) {
    tally->passed += passed;
    tally->failed += !passed;
}

static void run_scenarios(struct lab *lab, struct tally *tally) {
    for (size_t i = 0; scenario_name(i) != NULL; i++) {
        char problem[SCENARIO_PROBLEM_SIZE] = "";
        uint64_t start_us = clock_us();
        bool passed = scenario_run(i, lab, problem);
        printf("%s: %s%s%s (%.1f s)\n", passed ? "ok" : "FAILED", scenario_name(i),
               passed ? "" : ": ", problem, (double)(clock_us() - start_us) / 1e6);
        fflush(stdout);
        count(tally, passed);
    }
}

static void run_rounds(struct lab *lab, const struct options *options, uint64_t until_us,
                       struct tally *tally) {
    uint64_t seed = options->seed;
    while (!lab->keep) {
        uint64_t now_us = clock_us();
        uint64_t left_ms = until_us > now_us ? (until_us - now_us) / 1000 : 0;
        bool is_first = seed == options->seed;
        if (left_ms < ROUND_LEAST_MS + ROUND_REST_MS && !is_first) break;
        uint64_t length_ms = left_ms > ROUND_REST_MS ? left_ms - ROUND_REST_MS : 0;
        if (length_ms < ROUND_LEAST_MS) length_ms = ROUND_LEAST_MS;
        if (length_ms > ROUND_MS) length_ms = ROUND_MS;
        count(tally, run_round(lab, options, seed, (uint32_t)length_ms));
        seed++;
    }
}

_Noreturn static void usage(void) {
    fprintf(stderr, "usage: torture [--minutes N] [--seed S] [--nodes 3|5] [--verbose]\n"
                    "               [--scenarios | --rounds]\n");
    exit(2);
}

static struct options read_options(int argc, char **argv) {
    static const struct option known[] = {{"minutes", required_argument, NULL, 'm'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"nodes", required_argument, NULL, 'n'},
                                          {"verbose", no_argument, NULL, 'v'},
                                          {"rounds", no_argument, NULL, 'r'},
                                          {"scenarios", no_argument, NULL, 'o'},
                                          {0}};
    struct options options = {.minutes = 1, .seed = random_mix(clock_us()) % 1000000000};
    int letter;
    while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (letter == 'm') options.minutes = strtod(optarg, NULL);
        if (letter == 's') options.seed = strtoull(optarg, NULL, 10);
        if (letter == 'n') options.nodes = atoi(optarg);
        options.verbose |= letter == 'v';
        options.rounds_only |= letter == 'r';
        options.scenarios_only |= letter == 'o';
        if (letter == '?') usage();
    }
    bool sound =
        options.minutes > 0 && (options.nodes == 0 || options.nodes == 3 || options.nodes == 5);
    if (!sound || optind != argc) usage();
    return options;
}

/* Root can make all that is needed, so whatever is lacking then is a failure; so it is where the
 * tests are to run whole. Elsewhere it is said, and skipped. */
static int lacking(const char *what) {
    const char *whole = getenv("CI");
    bool fails = geteuid() == 0 || (whole != NULL && strcmp(whole, "true") == 0);
    printf("torture: %s: this machine lacks %s\n", fails ? "FAILED" : "skipped", what);
    if (fails) printf("0 passed, 1 failed\n");
    return fails ? 1 : STATUS_SKIPPED;
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0); /* What was said is known even if a check ends us. */
    struct options options = read_options(argc, argv);
    const char *lacks;
    struct lab *lab = lab_create(TORTURE_NODES_MAX, &lacks);
    if (lab == NULL) return lacking(lacks);
    struct tally tally = {0};
    if (!options.rounds_only) run_scenarios(lab, &tally);
    uint64_t until_us = clock_us() + (uint64_t)(options.minutes * 60e6);
    if (!options.scenarios_only) run_rounds(lab, &options, until_us, &tally);
    lab_destroy(lab);
    printf("%u passed, %u failed\n", tally.passed, tally.failed);
    return tally.failed == 0 ? 0 : 1;
}
