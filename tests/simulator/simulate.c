/* simulate.c: runs seeds, each in a process of its own (a CHECK that fails ends that one only), and
 * reports what they have met. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/simulator/planted.h"
#include "tests/simulator/world.h"

enum {
    JOBS_MAX = 16,
    STARTS = 5,
    START_STEP = 100000,
    SECONDS_PER_SEED = 30,
    REGRESSIONS_MAX = 1000,
    FAILURES_SHOWN = 50,
    PROGRESS_SECONDS = 60,
    FEW_SEEDS = 500, /* not each ailment comes in so few */
};

struct options {
    struct world_options world;
    uint64_t first, seeds, max_seeds;
    uint32_t jobs;
    const char *regressions;
    bool one, find_planted, only_cheap;
    const char *only;
};

static void usage(void) {
    fprintf(stderr, "usage: simulate --seeds N [--first S] [--jobs J] [--regressions FILE]\n"
                    "       simulate --seed N [--trace]\n"
                    "       simulate --find-planted [--planted NAME | --cheap] [--max-seeds M]\n"
                    "options: --nodes 1|3|5   instead of what the seed says\n"
                    "         --planted NAME  switches a mistake on; NAME is one of:\n");
    for (size_t i = 0; i < planted_bug_count; i++)
        fprintf(stderr, "           %s (%s)\n", planted_bugs[i].name, planted_bugs[i].rule);
    exit(2);
}

/* --- running -------------------------------------------------------------------------------- */

static struct world_result *shared; /* JOBS_MAX of them, the children's to fill */

static void run_child(const struct world_options *options, struct world_result *result,
                      bool quiet) {
    if (quiet && freopen("/dev/null", "w", stderr) == NULL) _exit(3);
    struct rlimit limit = {SECONDS_PER_SEED, SECONDS_PER_SEED + 1}; /* of its own work */
    (void)setrlimit(RLIMIT_CPU, &limit);
    world_run(options, result);
    exit(0); /* Not _exit: a sanitizer looks for leaks here. */
}

static pid_t start_child(const struct world_options *base, uint64_t seed, uint32_t slot,
                         bool quiet) {
    struct world_options options = *base;
    options.seed = seed;
    shared[slot] = (struct world_result){0};
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) {
        perror("simulate: fork");
        exit(3);
    }
    if (child == 0) run_child(&options, &shared[slot], quiet);
    return child;
}

/* A child that ended by itself and without a verdict has failed, too. */
static void judge_child(uint32_t slot, int status) {
    if (shared[slot].violated || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) return;
    shared[slot].violated = true;
    snprintf(shared[slot].violation, sizeof(shared[slot].violation), "%s",
             WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU ? "it takes too long"
             : WIFSIGNALED(status)                              ? "a CHECK failed, or a crash"
                                                                : "a sanitizer's report");
}

/* Runs seeds first .. first + count - 1 at the same time; results in shared[0 .. count - 1]. */
static void run_side_by_side(const struct world_options *base, uint64_t first, uint32_t count,
                             bool quiet) {
    pid_t children[JOBS_MAX];
    for (uint32_t i = 0; i < count; i++)
        children[i] = start_child(base, first + i, i, quiet);
    for (uint32_t i = 0; i < count; i++) {
        int status;
        while (waitpid(children[i], &status, 0) < 0 && errno == EINTR) {
        }
        judge_child(i, status);
    }
}

/* --- the report ----------------------------------------------------------------------------- */

struct totals {
    uint64_t seeds, failed, wrote;
    struct figures figures;
    struct {
        uint64_t seed;
        char violation[200];
    } failures[FAILURES_SHOWN];
    uint64_t recovery_us, recovery_percent; /* the longest */
    time_t began, told;
};

static void add(struct totals *totals, uint64_t seed, const struct world_result *result) {
    if (result->violated && totals->failed < FAILURES_SHOWN) {
        totals->failures[totals->failed].seed = seed;
        snprintf(totals->failures[totals->failed].violation, sizeof(totals->failures[0].violation),
                 "%s", result->violation);
    }
    const uint64_t *from = (const uint64_t *)&result->figures;
    uint64_t *to = (uint64_t *)&totals->figures;
    for (size_t i = 0; i < sizeof(struct figures) / sizeof(uint64_t); i++)
        to[i] += from[i];
    if (result->recovery_us > totals->recovery_us) totals->recovery_us = result->recovery_us;
    if (result->recovery_percent > totals->recovery_percent)
        totals->recovery_percent = result->recovery_percent;
    totals->seeds++;
    totals->failed += result->violated;
    totals->wrote += result->figures.acknowledged_writes > 0;
}

/* What has to have happened at all for a report over many seeds to mean anything. */
static uint64_t report(const struct totals *totals) {
    const struct figures *figures = &totals->figures;
    uint64_t missing = 0;
    printf("seeds                 %llu\n", (unsigned long long)totals->seeds);
    const struct {
        const char *name;
        uint64_t value;
        bool needed;
    } rows[] = {
#define FIGURE_ROW(name) {#name, figures->name, true},
        FIGURES(FIGURE_ROW)
#undef FIGURE_ROW
#define FAULT_ROW(name) {"faults: " #name, figures->faults[FAULT_##name], true},
            FAULTS(FAULT_ROW)
#undef FAULT_ROW
#define AILMENT_ROW(name) {"ails: " #name, figures->ailments[AILMENT_##name], true},
                AILMENTS(AILMENT_ROW)
#undef AILMENT_ROW
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bool is_seldom = strncmp(rows[i].name, "ails: ", 6) == 0 ||
                         strcmp(rows[i].name, "snapshot_parts_resumed") == 0 ||
                         strcmp(rows[i].name, "votes_lost_together") == 0;
        bool is_rare = is_seldom && totals->seeds < FEW_SEEDS;
        bool may_be_none = is_rare || strcmp(rows[i].name, "undecided") == 0 ||
                           strcmp(rows[i].name, "ails: none") == 0;
        bool fails = rows[i].value == 0 && !may_be_none;
        printf("%-21s %llu%s\n", rows[i].name, (unsigned long long)rows[i].value,
               fails ? "  <- never happened" : "");
        missing += fails;
    }
    printf("longest way back      %.2f s, %.1f election time-outs\n",
           (double)totals->recovery_us / 1e6, (double)totals->recovery_percent / 100);
    printf("seeds that wrote      %llu\n", (unsigned long long)totals->wrote);
    if (totals->wrote * 10 < totals->seeds * 8) {
        printf("  <- fewer than 80 %%\n");
        missing++;
    }
    return missing;
}

static void complain(const struct options *options, uint64_t seed,
                     const struct world_result *result) {
    printf("seed %llu: %s\n    again: scripts/simulate --seed %llu --trace",
           (unsigned long long)seed, result->violation, (unsigned long long)seed);
    if (options->world.nodes != 0) printf(" --nodes %u", options->world.nodes);
    if (options->only != NULL) printf(" --planted %s", options->only);
    printf("\n");
}

/* --- many seeds ----------------------------------------------------------------------------- */

static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal_number) {
    (void)signal_number;
    is_interrupted = 1;
}

static void tell_progress(struct totals *totals, uint64_t next, uint64_t end) {
    time_t now = time(NULL);
    if (now - totals->told < PROGRESS_SECONDS) return;
    totals->told = now;
    double seconds = (double)(now - totals->began);
    printf("%llu seeds, %llu failed, %.1f a second, %.0f s of virtual time; next %llu of %llu\n",
           (unsigned long long)totals->seeds, (unsigned long long)totals->failed,
           (double)totals->seeds / seconds, (double)totals->figures.virtual_us / 1e6,
           (unsigned long long)next, (unsigned long long)end);
    fflush(stdout);
}

/* A seed after the other on each of the slots; the first one that was not begun. */
static uint64_t run_range(const struct options *options, uint64_t first, uint64_t count,
                          struct totals *totals) {
    pid_t children[JOBS_MAX] = {0};
    uint64_t seeds[JOBS_MAX], next = first, end = first + count;
    uint32_t running = 0;
    for (;;) {
        for (uint32_t i = 0; i < options->jobs && next < end && !is_interrupted; i++) {
            if (children[i] != 0) continue;
            seeds[i] = next;
            children[i] = start_child(&options->world, next++, i, false);
            running++;
        }
        if (running == 0) return next;
        int status;
        pid_t ended = waitpid(-1, &status, 0);
        if (ended < 0) continue; /* interrupted */
        for (uint32_t i = 0; i < options->jobs; i++) {
            if (children[i] != ended) continue;
            children[i] = 0;
            running--;
            judge_child(i, status);
            add(totals, seeds[i], &shared[i]);
            if (shared[i].violated) complain(options, seeds[i], &shared[i]);
        }
        tell_progress(totals, next, end);
    }
}

/* A line each: a seed, and what it once found. The file is closed before the first child is made:
 * a child that exits would set back the place in a file it shares. */
static uint32_t read_regressions(const char *path, uint64_t seeds[REGRESSIONS_MAX]) {
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    char line[512];
    uint32_t count = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        char *end;
        unsigned long long seed = strtoull(line, &end, 10);
        if (line[0] == '#' || end == line) continue;
        CHECK(count < REGRESSIONS_MAX);
        seeds[count++] = seed;
    }
    fclose(file);
    return count;
}

static void run_regressions(const struct options *options, struct totals *totals) {
    uint64_t seeds[REGRESSIONS_MAX];
    uint32_t count = read_regressions(options->regressions, seeds);
    for (uint32_t i = 0; i < count && !is_interrupted; i++)
        (void)run_range(options, seeds[i], 1, totals);
}

/* Stopped by a signal it ends as if no more had been asked for, and says where to go on. */
static int run_many(const struct options *options) {
    struct totals totals = {.began = time(NULL), .told = time(NULL)};
    struct sigaction action = {.sa_handler = interrupt};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    if (options->regressions != NULL) run_regressions(options, &totals);
    uint64_t next = run_range(options, options->first, options->seeds, &totals);
    uint64_t missing = report(&totals);
    for (uint64_t i = 0; i < totals.failed && i < FAILURES_SHOWN; i++)
        printf("seed %llu: %s\n", (unsigned long long)totals.failures[i].seed,
               totals.failures[i].violation);
    if (is_interrupted)
        printf("interrupted: go on with --first %llu --seeds %llu\n", (unsigned long long)next,
               (unsigned long long)(options->first + options->seeds - next));
    if (missing > 0)
        printf("%llu figures say that this was no test\n", (unsigned long long)missing);
    printf("%llu passed, %llu failed\n", (unsigned long long)(totals.seeds - totals.failed),
           (unsigned long long)(totals.failed + (missing > 0)));
    return totals.failed > 0 || missing > 0;
}

static int run_one(const struct options *options) {
    struct world_result result;
    world_run(&options->world, &result);
    printf("seed %llu: %llu steps, %.3f s, %llu acknowledged, trace hash %016llx\n",
           (unsigned long long)options->world.seed, (unsigned long long)result.figures.steps,
           (double)result.figures.virtual_us / 1e6, (unsigned long long)result.figures.acknowledged,
           (unsigned long long)result.trace_hash);
    if (result.violated) printf("VIOLATION %s\n", result.violation);
    printf("%d passed, %d failed\n", !result.violated, result.violated);
    return result.violated;
}

/* --- planted bugs --------------------------------------------------------------------------- */

static uint64_t seeds_max_of(const struct options *options, const struct planted_bug *bug) {
    return options->max_seeds != 0 ? options->max_seeds : bug->seeds_max;
}

/* How many seeds from `first` on it takes; 0: none of them finds it. *seed: the one that does. */
static uint64_t seek_bug(const struct options *options, const struct planted_bug *bug,
                         uint64_t first, uint64_t *seed, char *violation) {
    struct world_options world = options->world;
    world.planted_raft = bug->raft;
    world.planted_replica = bug->replica;
    uint64_t max = seeds_max_of(options, bug);
    for (uint64_t done = 0; done < max; done += options->jobs) {
        run_side_by_side(&world, first + done, options->jobs, true);
        for (uint32_t i = 0; i < options->jobs; i++) {
            if (!shared[i].violated) continue;
            *seed = first + done + i;
            snprintf(violation, sizeof(shared[i].violation), "%s", shared[i].violation);
            return done + i + 1;
        }
    }
    return 0;
}

static int by_size(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* True if it was found from every start, and the same seeds pass without it. */
static bool judge_bug(const struct options *options, const struct planted_bug *bug) {
    uint64_t counts[STARTS], seed = 0;
    bool fine = true;
    char violation[sizeof(shared[0].violation)] = "";
    for (uint32_t i = 0; i < STARTS; i++) {
        uint64_t first = options->first + (uint64_t)i * START_STEP;
        counts[i] = seek_bug(options, bug, first, &seed, violation);
        if (counts[i] == 0) {
            counts[i] = UINT64_MAX;
            fine = false;
            continue;
        }
        run_side_by_side(&options->world, seed, 1, false);
        if (shared[0].violated) complain(options, seed, &shared[0]);
        fine &= !shared[0].violated;
    }
    qsort(counts, STARTS, sizeof(counts[0]), by_size);
    printf("%-23s %-28s", bug->name, bug->rule);
    if (counts[STARTS / 2] == UINT64_MAX) {
        printf(" NOT FOUND within %llu seeds\n", (unsigned long long)seeds_max_of(options, bug));
    } else {
        printf(" median %4llu seeds (", (unsigned long long)counts[STARTS / 2]);
        for (uint32_t i = 0; i < STARTS; i++) {
            if (counts[i] == UINT64_MAX) {
                printf("%snever", i == 0 ? "" : ", ");
            } else {
                printf("%s%llu", i == 0 ? "" : ", ", (unsigned long long)counts[i]);
            }
        }
        printf("); seed %llu: %s\n", (unsigned long long)seed, violation);
    }
    fflush(stdout);
    return fine;
}

static int find_planted(const struct options *options) {
    uint32_t passed = 0, failed = 0;
    for (size_t i = 0; i < planted_bug_count; i++) {
        const struct planted_bug *bug = &planted_bugs[i];
        if (options->only != NULL && strcmp(options->only, bug->name) != 0) continue;
        if (options->only_cheap && bug->seeds_max > PLANTED_CHEAP) continue;
        if (judge_bug(options, bug)) {
            passed++;
        } else {
            failed++;
        }
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0;
}

/* --- options -------------------------------------------------------------------------------- */

static uint64_t number_of(const char *text) {
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (text[0] == 0 || *end != 0 || errno != 0) usage();
    return value;
}

static const struct planted_bug *planted_of(const char *name) {
    for (size_t i = 0; i < planted_bug_count; i++)
        if (strcmp(planted_bugs[i].name, name) == 0) return &planted_bugs[i];
    usage();
    return NULL;
}

static const char *value_of(int *at, int count, char **arguments) {
    if (++*at >= count) usage();
    return arguments[*at];
}

static struct options options_of(int count, char **arguments) {
    struct options options = {.first = 1, .jobs = 1};
    for (int i = 1; i < count; i++) {
        const char *name = arguments[i];
        if (strcmp(name, "--seeds") == 0) {
            options.seeds = number_of(value_of(&i, count, arguments));
        } else if (strcmp(name, "--seed") == 0) {
            options.world.seed = number_of(value_of(&i, count, arguments));
            options.one = true;
        } else if (strcmp(name, "--first") == 0) {
            options.first = number_of(value_of(&i, count, arguments));
        } else if (strcmp(name, "--jobs") == 0) {
            options.jobs = (uint32_t)number_of(value_of(&i, count, arguments));
        } else if (strcmp(name, "--max-seeds") == 0) {
            options.max_seeds = number_of(value_of(&i, count, arguments));
        } else if (strcmp(name, "--nodes") == 0) {
            options.world.nodes = (uint32_t)number_of(value_of(&i, count, arguments));
        } else if (strcmp(name, "--regressions") == 0) {
            options.regressions = value_of(&i, count, arguments);
        } else if (strcmp(name, "--planted") == 0) {
            options.only = value_of(&i, count, arguments);
            options.world.planted_raft = planted_of(options.only)->raft;
            options.world.planted_replica = planted_of(options.only)->replica;
        } else if (strcmp(name, "--trace") == 0) {
            options.world.trace = true;
        } else if (strcmp(name, "--cheap") == 0) {
            options.only_cheap = true;
        } else if (strcmp(name, "--find-planted") == 0) {
            options.find_planted = true;
        } else {
            usage();
        }
    }
    if (options.jobs < 1 || options.jobs > JOBS_MAX || options.world.nodes > NODES_MAX) usage();
    if (options.find_planted) options.world.planted_raft = options.world.planted_replica = 0;
    return options;
}

int main(int count, char **arguments) {
    struct options options = options_of(count, arguments);
    shared = mmap(NULL, JOBS_MAX * sizeof(*shared), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("simulate: mmap");
        return 3;
    }
    if (options.find_planted) return find_planted(&options);
    if (options.one) return run_one(&options);
    if (options.seeds == 0) usage();
    return run_many(&options);
}
