/* simulate.c: runs seeds, each in a process of its own (a CHECK that fails ends that one only), and
 * reports what they have met. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/simulator/world.h"

enum {
    JOBS_MAX = 16,
    STARTS = 5,
    START_STEP = 100000,
    SECONDS_PER_SEED = 120,
    REGRESSIONS_MAX = 1000,
};

static const struct {
    const char *name, *rule;
    uint32_t bit;
} planted_bugs[] = {
    {"vote-not-persisted", "Raft 5.2", RAFT_PLANTED_VOTE_NOT_PERSISTED},
    {"commit-old-term", "Raft 5.4.2", RAFT_PLANTED_COMMIT_OLD_TERM},
    {"acknowledge-before-sync", "rule 8", RAFT_PLANTED_ACKNOWLEDGE_BEFORE_SYNC},
    {"count-truncated", "rule 7", RAFT_PLANTED_COUNT_TRUNCATED},
    {"commit-unverified", "rule 9", RAFT_PLANTED_COMMIT_UNVERIFIED},
    {"lease-from-reply", "rule 5", RAFT_PLANTED_LEASE_FROM_REPLY},
    {"break-promise", "rule 5", RAFT_PLANTED_BREAK_PROMISE},
    {"read-unconfirmed", "Raft 6.4", RAFT_PLANTED_READ_UNCONFIRMED},
    {"busy-answers", "rule 16", RAFT_PLANTED_BUSY_ANSWERS},
    {"apply-twice", "rule 17", REPLICA_PLANTED_APPLY_TWICE},
    {"stale-lease", "rule 6", REPLICA_PLANTED_STALE_LEASE},
    {"read-early", "rule 1", REPLICA_PLANTED_READ_EARLY},
    {"refuse-early", "rule 18", REPLICA_PLANTED_REFUSE_EARLY},
};

struct options {
    struct world_options world;
    uint64_t first, seeds, max_seeds;
    uint32_t jobs;
    const char *regressions;
    bool one, find_planted;
    const char *only;
};

static void usage(void) {
    fprintf(stderr, "usage: simulate --seeds N [--first S] [--jobs J] [--regressions FILE]\n"
                    "       simulate --seed N [--trace]\n"
                    "       simulate --find-planted [--planted NAME] [--max-seeds M]\n"
                    "options: --nodes 1|3|5   instead of what the seed says\n"
                    "         --planted NAME  switches a mistake on; NAME is one of:\n");
    for (size_t i = 0; i < COUNT_OF(planted_bugs); i++)
        fprintf(stderr, "           %s (%s)\n", planted_bugs[i].name, planted_bugs[i].rule);
    exit(2);
}

/* --- running -------------------------------------------------------------------------------- */

static struct world_result *shared; /* JOBS_MAX of them, the children's to fill */

static void run_child(const struct world_options *options, struct world_result *result,
                      bool quiet) {
    if (quiet && freopen("/dev/null", "w", stderr) == NULL) _exit(3);
    alarm(SECONDS_PER_SEED);
    world_run(options, result);
    exit(0); /* Not _exit: a sanitizer looks for leaks here. */
}

/* Runs seeds first .. first + count - 1 at the same time; results in shared[0 .. count - 1]. */
static void run_side_by_side(const struct world_options *base, uint64_t first, uint32_t count,
                             bool quiet) {
    pid_t children[JOBS_MAX];
    fflush(stdout);
    for (uint32_t i = 0; i < count; i++) {
        struct world_options options = *base;
        options.seed = first + i;
        shared[i] = (struct world_result){0};
        children[i] = fork();
        if (children[i] < 0) {
            perror("simulate: fork");
            exit(3);
        }
        if (children[i] == 0) run_child(&options, &shared[i], quiet);
    }
    for (uint32_t i = 0; i < count; i++) {
        int status;
        while (waitpid(children[i], &status, 0) < 0 && errno == EINTR) {
        }
        if (shared[i].violated || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) continue;
        shared[i].violated = true;
        snprintf(shared[i].violation, sizeof(shared[i].violation), "%s",
                 WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "it takes too long"
                 : WIFSIGNALED(status)                              ? "a CHECK failed, or a crash"
                                                                    : "a sanitizer's report");
    }
}

/* --- the report ----------------------------------------------------------------------------- */

struct totals {
    uint64_t seeds, failed, wrote;
    struct figures figures;
};

static void add(struct totals *totals, const struct world_result *result) {
    const uint64_t *from = (const uint64_t *)&result->figures;
    uint64_t *to = (uint64_t *)&totals->figures;
    for (size_t i = 0; i < sizeof(struct figures) / sizeof(uint64_t); i++)
        to[i] += from[i];
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
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bool may_be_none = strcmp(rows[i].name, "undecided") == 0;
        bool fails = rows[i].value == 0 && !may_be_none;
        printf("%-21s %llu%s\n", rows[i].name, (unsigned long long)rows[i].value,
               fails ? "  <- never happened" : "");
        missing += fails;
    }
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

static void run_range(const struct options *options, uint64_t first, uint64_t count,
                      struct totals *totals) {
    for (uint64_t done = 0; done < count;) {
        uint64_t left = count - done;
        uint32_t batch = left < options->jobs ? (uint32_t)left : options->jobs;
        run_side_by_side(&options->world, first + done, batch, false);
        for (uint32_t i = 0; i < batch; i++) {
            add(totals, &shared[i]);
            if (shared[i].violated) complain(options, first + done + i, &shared[i]);
        }
        done += batch;
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
    for (uint32_t i = 0; i < count; i++)
        run_range(options, seeds[i], 1, totals);
}

static int run_many(const struct options *options) {
    struct totals totals = {0};
    if (options->regressions != NULL) run_regressions(options, &totals);
    run_range(options, options->first, options->seeds, &totals);
    uint64_t missing = report(&totals);
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

/* How many seeds from `first` on it takes; 0: none of them finds it. *seed: the one that does. */
static uint64_t seek_bug(const struct options *options, uint32_t bit, uint64_t first,
                         uint64_t *seed, char *violation) {
    struct world_options world = options->world;
    world.planted = bit;
    for (uint64_t done = 0; done < options->max_seeds; done += options->jobs) {
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
static bool judge_bug(const struct options *options, size_t at) {
    uint64_t counts[STARTS], seed = 0;
    bool fine = true;
    char violation[sizeof(shared[0].violation)] = "";
    for (uint32_t i = 0; i < STARTS; i++) {
        uint64_t first = options->first + (uint64_t)i * START_STEP;
        counts[i] = seek_bug(options, planted_bugs[at].bit, first, &seed, violation);
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
    printf("%-24s %-10s", planted_bugs[at].name, planted_bugs[at].rule);
    if (counts[STARTS / 2] == UINT64_MAX) {
        printf(" NOT FOUND within %llu seeds\n", (unsigned long long)options->max_seeds);
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
    for (size_t i = 0; i < COUNT_OF(planted_bugs); i++) {
        if (options->only != NULL && strcmp(options->only, planted_bugs[i].name) != 0) continue;
        if (judge_bug(options, i)) {
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

static uint32_t planted_of(const char *name) {
    for (size_t i = 0; i < COUNT_OF(planted_bugs); i++)
        if (strcmp(planted_bugs[i].name, name) == 0) return planted_bugs[i].bit;
    usage();
    return 0;
}

static const char *value_of(int *at, int count, char **arguments) {
    if (++*at >= count) usage();
    return arguments[*at];
}

static struct options options_of(int count, char **arguments) {
    struct options options = {.first = 1, .max_seeds = 1500, .jobs = 1};
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
            options.world.planted = planted_of(options.only);
        } else if (strcmp(name, "--trace") == 0) {
            options.world.trace = true;
        } else if (strcmp(name, "--find-planted") == 0) {
            options.find_planted = true;
        } else {
            usage();
        }
    }
    if (options.jobs < 1 || options.jobs > JOBS_MAX || options.world.nodes > NODES_MAX) usage();
    if (options.find_planted) options.world.planted = 0;
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
