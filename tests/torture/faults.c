/* faults.c: a table of kinds; each begins and ends. The plan is drawn before anything runs. */
#include "tests/torture/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/random.h"

enum {
    FAULTS_MAX = 2048,
    DAMAGE_MS = 20000, /* in which a damaged node has to answer */
    TICK_MS = 5,
    BULK_BYTES = 256 * 1024,
    BULK_MS = 1500,
    ALL_MS = 30000,
};

/* What a node says whose file has a flipped bit: it names the place. And what it says once the
 * others have supplied what its log has lost; the vote has a copy. */
static const char damage_answer[] = "is damaged";
static const char repair_answer[] = "has been supplied again";

struct fault;

struct fault_kind {
    const char *name;
    void (*begin)(struct faults *faults, struct fault *fault);
    void (*end)(struct faults *faults, struct fault *fault);
    void (*tick)(struct faults *faults, struct fault *fault); /* NULL: nothing to do meanwhile */
    uint32_t shortest_ms, longest_ms;
    enum { ANY_NODES, NOT_ALL_NODES, ONE_NODE, ALL_NODES } whom;
    bool slows_all; /* a befallen leader may stay one, and all wait for it */
    /* Whether it has had its effect; NULL: at once. It is waited for, but not for ever. */
    bool (*is_over)(struct faults *faults, struct fault *fault);
};

enum stage { STAGE_PLANNED, STAGE_LASTS, STAGE_OVER, STAGE_DROPPED /* the time was over */ };

struct fault {
    const struct fault_kind *kind;
    int strand;
    uint64_t begin_ms, end_ms;     /* as planned, since the start */
    uint64_t begun_us, ended_us;   /* as it was */
    bool nodes[TORTURE_NODES_MAX]; /* whom it befalls */
    struct random random;
    enum stage stage;
    bool may_end; /* its nodes may end by themselves */
    long log_from[TORTURE_NODES_MAX];
    struct damage damage;
    bool is_damaged;
    uint64_t next_us; /* of a flapping link: when it changes, and how it is */
    bool is_cut;
    char text[160];
};

struct faults {
    struct nodes *nodes;
    struct wire *wire;
    struct fault at[FAULTS_MAX];
    size_t count;
    uint64_t start_us;
    uint32_t length_ms;
    uint32_t refusals; /* of writes by full disks */
    bool verbose;
    char problem[FAULTS_PROBLEM_SIZE];
};

PRINTF_LIKE(2, 3) static void find_problem(struct faults *faults, const char *format, ...) {
    if (faults->problem[0] != '\0') return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(faults->problem, sizeof(faults->problem), format, arguments);
    va_end(arguments);
}

static uint64_t between(struct random *random, uint64_t least, uint64_t most) {
    return least + random_below(random, most - least + 1);
}

PRINTF_LIKE(2, 3) static void describe(struct fault *fault, const char *format, ...) {
    size_t used = strlen(fault->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->text + used, sizeof(fault->text) - used, format, arguments);
    va_end(arguments);
}

/* --- the network ----------------------------------------------------------------------------- */

/* Hosts are the nodes in order, then the clients. */
static int hosts_of(const struct faults *faults) {
    return faults->nodes->count + 1;
}

static void set_both(struct faults *faults, int a, int b, const struct wire_rule *rule) {
    wire_set(faults->wire, a, b, rule);
    wire_set(faults->wire, b, a, rule);
}

static void mend_network(struct faults *faults, struct fault *fault) {
    (void)fault;
    const struct wire_rule sound = {0};
    for (int from = 0; from < hosts_of(faults); from++)
        for (int to = 0; to < hosts_of(faults); to++)
            wire_set(faults->wire, from, to, &sound);
}

/* The befallen nodes on one side, the others on the other. */
static void begin_partition(struct faults *faults, struct fault *fault) {
    const struct wire_rule cut = {.cut = true};
    for (int a = 0; a < faults->nodes->count; a++)
        for (int b = 0; b < a; b++)
            if (fault->nodes[a] != fault->nodes[b]) set_both(faults, a, b, &cut);
}

static void begin_one_way(struct faults *faults, struct fault *fault) {
    const struct wire_rule cut = {.cut = true};
    bool outward = random_below(&fault->random, 2) == 0;
    describe(fault, outward ? " (deaf ears)" : " (is not told)");
    for (int a = 0; a < faults->nodes->count; a++) {
        for (int b = 0; b < faults->nodes->count; b++) {
            if (!fault->nodes[a] || fault->nodes[b]) continue;
            wire_set(faults->wire, outward ? a : b, outward ? b : a, &cut);
        }
    }
}

static void begin_one_link(struct faults *faults, struct fault *fault) {
    const struct wire_rule cut = {.cut = true};
    for (int a = 0; a < faults->nodes->count; a++) {
        if (!fault->nodes[a]) continue;
        int other = (int)random_below(&fault->random, (uint64_t)faults->nodes->count - 1);
        set_both(faults, a, other >= a ? other + 1 : other, &cut);
        return;
    }
}

/* All links of a node break and mend, many times. */
static void tick_flapping(struct faults *faults, struct fault *fault) {
    uint64_t now_us = clock_us();
    if (now_us < fault->next_us) return;
    fault->next_us = now_us + between(&fault->random, 20, 600) * 1000;
    fault->is_cut = !fault->is_cut;
    const struct wire_rule rule = {.cut = fault->is_cut};
    for (int a = 0; a < faults->nodes->count; a++)
        for (int b = 0; fault->nodes[a] && b < faults->nodes->count; b++)
            if (a != b) set_both(faults, a, b, &rule);
}

static void begin_flapping(struct faults *faults, struct fault *fault) {
    fault->next_us = 0;
    tick_flapping(faults, fault);
}

static void begin_clients_cut(struct faults *faults, struct fault *fault) {
    const struct wire_rule cut = {.cut = true};
    for (int a = 0; a < faults->nodes->count; a++)
        if (fault->nodes[a]) set_both(faults, a, faults->nodes->count, &cut);
}

/* All links of the befallen nodes; those to the clients as well in one of two. */
static void spoil_links(struct faults *faults, struct fault *fault, const struct wire_rule *rule) {
    bool with_clients = random_below(&fault->random, 2) == 0;
    int hosts = with_clients ? hosts_of(faults) : faults->nodes->count;
    for (int a = 0; a < faults->nodes->count; a++)
        for (int b = 0; fault->nodes[a] && b < hosts; b++)
            if (a != b) set_both(faults, a, b, rule);
}

static void begin_delay(struct faults *faults, struct fault *fault) {
    struct wire_rule rule = {.delay_us = (uint32_t)between(&fault->random, 1000, 60000),
                             .jitter_us = (uint32_t)between(&fault->random, 0, 20000)};
    describe(fault, " %u ms", rule.delay_us / 1000);
    spoil_links(faults, fault, &rule);
}

static void begin_loss(struct faults *faults, struct fault *fault) {
    struct wire_rule rule = {.loss_per_mille = (uint32_t)between(&fault->random, 10, 200)};
    describe(fault, " %u per mille", rule.loss_per_mille);
    spoil_links(faults, fault, &rule);
}

static void begin_reordering(struct faults *faults, struct fault *fault) {
    struct wire_rule rule = {.reorders = true,
                             .jitter_us = (uint32_t)between(&fault->random, 1000, 30000)};
    spoil_links(faults, fault, &rule);
}

static void begin_doubling(struct faults *faults, struct fault *fault) {
    struct wire_rule rule = {.reorders = true,
                             .double_per_mille = (uint32_t)between(&fault->random, 50, 500),
                             .jitter_us = (uint32_t)between(&fault->random, 0, 5000)};
    spoil_links(faults, fault, &rule);
}

static void begin_narrowness(struct faults *faults, struct fault *fault) {
    struct wire_rule rule = {.bytes_per_s = (uint32_t)between(&fault->random, 30000, 1000000)};
    describe(fault, " %u KB/s", rule.bytes_per_s / 1000);
    spoil_links(faults, fault, &rule);
}

/* Every direction another way. */
static void begin_mess(struct faults *faults, struct fault *fault) {
    for (int from = 0; from < hosts_of(faults); from++) {
        for (int to = 0; to < hosts_of(faults); to++) {
            struct random *random = &fault->random;
            struct wire_rule rule = {.cut = random_below(random, 8) == 0,
                                     .reorders = random_below(random, 2) == 0,
                                     .loss_per_mille = (uint32_t)random_below(random, 80),
                                     .double_per_mille = (uint32_t)random_below(random, 80),
                                     .delay_us = (uint32_t)random_below(random, 20000),
                                     .jitter_us = (uint32_t)random_below(random, 20000)};
            wire_set(faults->wire, from, to, &rule);
        }
    }
}

static const struct fault_kind network_kinds[] = {
    {"partition", begin_partition, mend_network, NULL, 800, 4000, NOT_ALL_NODES, false},
    {"one-way cut", begin_one_way, mend_network, NULL, 800, 3000, NOT_ALL_NODES, false},
    {"cut of one link", begin_one_link, mend_network, NULL, 800, 3000, ONE_NODE, false},
    {"flapping link", begin_flapping, mend_network, tick_flapping, 1500, 4000, ONE_NODE, false},
    {"cut of clients", begin_clients_cut, mend_network, NULL, 500, 2500, ANY_NODES, false},
    {"delay", begin_delay, mend_network, NULL, 800, 3000, ANY_NODES, true},
    {"loss", begin_loss, mend_network, NULL, 800, 3000, ANY_NODES, true},
    {"reordering", begin_reordering, mend_network, NULL, 800, 3000, ANY_NODES, true},
    {"doubling", begin_doubling, mend_network, NULL, 800, 3000, ANY_NODES, true},
    {"narrow links", begin_narrowness, mend_network, NULL, 800, 3000, ANY_NODES, true},
    {"mess", begin_mess, mend_network, NULL, 800, 3000, ANY_NODES, true},
};

/* --- processes ------------------------------------------------------------------------------- */

#define EACH_BEFALLEN(node)                                                                        \
    for (int node = 0; node < faults->nodes->count; node++)                                        \
        if (fault->nodes[node])

static void start_befallen(struct faults *faults, struct fault *fault) {
    EACH_BEFALLEN(node) node_start(faults->nodes, node);
}

static void begin_kill(struct faults *faults, struct fault *fault) {
    EACH_BEFALLEN(node) node_kill(faults->nodes, node);
}

static void begin_termination(struct faults *faults, struct fault *fault) {
    EACH_BEFALLEN(node) {
        if (!node_terminate(faults->nodes, node))
            find_problem(faults, "node %d does not end well on SIGTERM", node + 1);
    }
}

static void begin_pause(struct faults *faults, struct fault *fault) {
    EACH_BEFALLEN(node) node_pause(faults->nodes, node);
}

static void end_pause(struct faults *faults, struct fault *fault) {
    EACH_BEFALLEN(node) node_continue(faults->nodes, node);
}

/* The loop is inside one command for the fault's time; nobody waits for the answer. One that has
 * only just started may not be there to be asked. */
static void begin_slow_command(struct faults *faults, struct fault *fault) {
    EACH_BEFALLEN(node) {
        (void)node_hold_up(faults->nodes, node, (uint32_t)(fault->end_ms - fault->begin_ms));
    }
}

static void end_nothing(struct faults *faults, struct fault *fault) {
    (void)faults;
    (void)fault;
}

/* --- disks ----------------------------------------------------------------------------------- */

static void begin_power_loss(struct faults *faults, struct fault *fault) {
    nodes_lose_power(faults->nodes, fault->nodes);
}

static void end_power_loss(struct faults *faults, struct fault *fault) {
    nodes_regain_power(faults->nodes, fault->nodes);
}

/* Large values through one of the befallen: segments that stand ready are used up so. */
static void write_bulk(struct faults *faults, int node) {
    redisContext *client = node_connect(faults->nodes, node);
    char *bulk = memory_allocate_zeroed(BULK_BYTES);
    uint64_t until_us = clock_us() + (uint64_t)BULK_MS * 1000;
    while (client != NULL && clock_us() < until_us) {
        redisReply *reply = redisCommand(client, "SET bulk %b", bulk, (size_t)BULK_BYTES);
        bool refused = reply != NULL && reply->type == REDIS_REPLY_ERROR;
        if (refused && strncmp(reply->str, "MISCONF", 7) == 0) faults->refusals++;
        bool goes_on = reply != NULL && !refused;
        if (reply != NULL) freeReplyObject(reply);
        if (!goes_on) break;
    }
    memory_release(bulk);
    if (client != NULL) redisFree(client);
}

static void begin_full_disk(struct faults *faults, struct fault *fault) {
    int writer = -1;
    EACH_BEFALLEN(node) {
        place_fill(faults->nodes->at[node].place);
        writer = node;
    }
    write_bulk(faults, writer);
}

static void end_full_disk(struct faults *faults, struct fault *fault) {
    EACH_BEFALLEN(node) place_free(faults->nodes->at[node].place);
}

static void begin_stall(struct faults *faults, struct fault *fault) {
    uint32_t stall_ms = (uint32_t)between(&fault->random, 20, 1500);
    describe(fault, " %u ms", stall_ms);
    EACH_BEFALLEN(node) {
        atomic_store(&faults->nodes->at[node].board->sync_stall_ms, stall_ms);
    }
}

static void end_stall(struct faults *faults, struct fault *fault) {
    EACH_BEFALLEN(node) atomic_store(&faults->nodes->at[node].board->sync_stall_ms, 0);
}

#define SHIM_NAME(name) #name,
static const char *const shim_names[] = {SHIM_CALLS(SHIM_NAME)};
#undef SHIM_NAME

static void begin_call_error(struct faults *faults, struct fault *fault) {
    uint64_t call = random_below(&fault->random, SHIM_CALL_COUNT);
    bool may_be_full = call == SHIM_pwritev2 || call == SHIM_openat || call == SHIM_fallocate;
    int error = may_be_full && random_below(&fault->random, 2) == 0 ? ENOSPC : EIO;
    int32_t countdown = (int32_t)between(&fault->random, 1, 10);
    describe(fault, " (%s of %s)", error == EIO ? "EIO" : "ENOSPC", shim_names[call]);
    fault->may_end = true;
    EACH_BEFALLEN(node) {
        fault->log_from[node] = node_log_end(faults->nodes, node);
        struct shim_switch *own = &faults->nodes->at[node].board->calls[call];
        atomic_store(&own->error, error);
        atomic_store(&own->countdown, countdown);
    }
}

static void look_for_ends(struct faults *faults);

static bool has_ended(struct faults *faults, int node) {
    look_for_ends(faults);
    return faults->nodes->at[node].pid == 0;
}

/* A node that has just met the error may be about to end: that is still this fault's doing. */
static void end_call_error(struct faults *faults, struct fault *fault) {
    enum { ENDING_MS = 2000 };
    EACH_BEFALLEN(node) {
        struct node *own = &faults->nodes->at[node];
        bool failed = false;
        for (int call = 0; call < SHIM_CALL_COUNT; call++) {
            atomic_store(&own->board->calls[call].countdown, 0);
            failed |= atomic_load(&own->board->calls[call].failed) > 0;
        }
        if (failed) (void)AWAIT_WITHIN(ENDING_MS, has_ended(faults, node));
        if (own->pid == 0) node_start(faults->nodes, node);
    }
}

bool disk_failure_is_told(const struct nodes *nodes, int node, int status, long from) {
    return WIFEXITED(status) && WEXITSTATUS(status) == 1 &&
           node_logged(nodes, node, from, "failed:");
}

static bool is_up(const struct nodes *nodes, int node) {
    char state[16];
    return node_info(nodes, node, "raft_state", state, sizeof(state)) && strcmp(state, "up") == 0;
}

/* A second one would be a majority of three that has lost something: nobody could supply it. */
static bool all_are_up(const struct nodes *nodes) {
    for (int node = 0; node < nodes->count; node++)
        if (!is_up(nodes, node)) return false;
    return true;
}

/* That it comes back, repaired, is seen in the end, when all have to serve. Meanwhile it may be cut
 * off. */
static bool are_befallen_up(struct faults *faults, struct fault *fault) {
    bool all = true;
    EACH_BEFALLEN(node) all &= !fault->is_damaged || is_up(faults->nodes, node);
    return all;
}

static void begin_damage(struct faults *faults, struct fault *fault) {
    EACH_BEFALLEN(node) {
        struct node *own = &faults->nodes->at[node];
        if (!all_are_up(faults->nodes)) continue;
        node_kill(faults->nodes, node);
        fault->log_from[node] = node_log_end(faults->nodes, node);
        fault->is_damaged = damage_flip(own, random_next(&fault->random), &fault->damage);
        node_start(faults->nodes, node);
        if (!fault->is_damaged) continue;
        describe(fault, " (%s at %ld)", fault->damage.file, fault->damage.offset);
        if (damage_is_named(faults->nodes, node, fault->log_from[node])) continue;
        find_problem(faults, "node %d does not say that bit %u of byte %ld of %s is flipped",
                     node + 1, fault->damage.bit, fault->damage.offset, fault->damage.file);
    }
}

static const struct fault_kind node_kinds[] = {
    {"kill", begin_kill, start_befallen, NULL, 100, 3000, ANY_NODES, false},
    {"termination", begin_termination, start_befallen, NULL, 100, 2000, ANY_NODES, false},
    {"pause", begin_pause, end_pause, NULL, 200, 3000, ANY_NODES, false},
    {"slow command", begin_slow_command, end_nothing, NULL, 300, 4000, ANY_NODES, true},
    {"power loss", begin_power_loss, end_power_loss, NULL, 100, 2500, ANY_NODES, false},
    {"power cut", begin_power_loss, end_power_loss, NULL, 100, 1000, ALL_NODES, false},
    {"full disk", begin_full_disk, end_full_disk, NULL, 500, 2500, ANY_NODES, true},
    {"disk stall", begin_stall, end_stall, NULL, 800, 3000, ANY_NODES, false},
    {"failed call", begin_call_error, end_call_error, NULL, 800, 2500, ANY_NODES, false},
    {"flipped bit", begin_damage, end_nothing, NULL, 300, 1500, ONE_NODE, false, are_befallen_up},
};

/* --- damage ---------------------------------------------------------------------------------- */

/* A stretch of the last log file in use that is older than its last write. */
static bool choose_log_place(const struct node *node, struct random *random,
                             struct damage *damage) {
    enum { HEADER_SIZE = 512, SECTOR = 512, LEAST = 8192, SEQUENCES = 200 };
    char path[2 * TORTURE_PATH_MAX], name[32];
    long chosen_end = 0;
    for (int sequence = 1; sequence <= SEQUENCES; sequence++) {
        snprintf(name, sizeof(name), "log-%010d", sequence);
        snprintf(path, sizeof(path), "%s/%s", node->place->data, name);
        FILE *file = fopen(path, "re");
        if (file == NULL) continue; /* cut behind a snapshot, or set aside */
        char sector[SECTOR];
        long end = 0;
        for (long at = 0; fread(sector, SECTOR, 1, file) == 1; at += SECTOR)
            for (int i = 0; i < SECTOR && end <= at; i++)
                if (sector[i] != 0) end = at + SECTOR;
        fclose(file);
        if (end < LEAST) continue;
        chosen_end = end; /* of the newest: an older one may hold what was given up */
        snprintf(damage->file, sizeof(damage->file), "%s", name);
    }
    if (chosen_end == 0) return false;
    damage->offset = (long)between(random, HEADER_SIZE, (uint64_t)chosen_end / 2);
    return true;
}

static void flip(const struct node *node, const struct damage *damage) {
    char path[2 * TORTURE_PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", node->place->data, damage->file);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    unsigned char byte;
    if (fd < 0 || pread(fd, &byte, 1, damage->offset) != 1)
        give_up("%s: %s", path, strerror(errno));
    byte = (unsigned char)(byte ^ 1u << damage->bit);
    if (pwrite(fd, &byte, 1, damage->offset) != 1) give_up("%s: %s", path, strerror(errno));
    close(fd);
}

bool damage_flip(const struct node *node, uint64_t seed, struct damage *damage) {
    enum { VOTE_PER_MILLE = 200, VOTE_SIZE_LEAST = 64 };
    struct random random;
    random_init(&random, seed);
    *damage = (struct damage){.bit = (unsigned char)random_below(&random, 8)};
    if (random_below(&random, 1000) < VOTE_PER_MILLE) {
        snprintf(damage->file, sizeof(damage->file), "vote");
        damage->offset = (long)random_below(&random, VOTE_SIZE_LEAST);
    } else if (!choose_log_place(node, &random, damage)) {
        return false;
    }
    flip(node, damage);
    return true;
}

bool damage_is_named(const struct nodes *nodes, int node, long from) {
    return AWAIT_WITHIN(DAMAGE_MS, node_logged(nodes, node, from, damage_answer));
}

bool damage_is_repaired(const struct nodes *nodes, int node, const struct damage *damage,
                        long from) {
    bool is_vote = strncmp(damage->file, "vote", 4) == 0;
    return is_vote || AWAIT_WITHIN(DAMAGE_MS, node_logged(nodes, node, from, repair_answer));
}

/* --- the plan -------------------------------------------------------------------------------- */

/* One node mostly, sometimes several, sometimes all. */
static void choose_nodes(struct random *random, const struct fault_kind *kind, int count,
                         bool *nodes) {
    uint64_t first = random_below(random, (uint64_t)count), share = random_below(random, 100);
    uint64_t chosen = 1;
    if (share >= 60) chosen = between(random, 1, (uint64_t)count - 1);
    if (share >= 85) chosen = (uint64_t)count;
    if (kind->whom == NOT_ALL_NODES && chosen == (uint64_t)count) chosen--;
    if (kind->whom == ONE_NODE) chosen = 1;
    if (kind->whom == ALL_NODES) chosen = (uint64_t)count;
    for (uint64_t i = 0; i < chosen; i++)
        nodes[(first + i) % (uint64_t)count] = true;
}

static void plan_fault(struct faults *faults, struct random *random, const struct fault_kind *kind,
                       int strand, uint64_t begin_ms) {
    CHECK(faults->count < FAULTS_MAX);
    struct fault *fault = &faults->at[faults->count++];
    fault->kind = kind;
    fault->strand = strand;
    fault->begin_ms = begin_ms;
    fault->end_ms = begin_ms + between(random, kind->shortest_ms, kind->longest_ms);
    choose_nodes(random, kind, faults->nodes->count, fault->nodes);
    random_init(&fault->random, random_next(random));
    describe(fault, "%s", kind->name);
    const char *separator = " of node ";
    for (int i = 0; i < faults->nodes->count; i++) {
        if (!fault->nodes[i]) continue;
        describe(fault, "%s%d", separator, i + 1);
        separator = ",";
    }
}

/* All kinds once in some order, and again in another. */
static void plan_strand(struct faults *faults, struct random *random,
                        const struct fault_kind *kinds, size_t kind_count, int strand) {
    enum { LONGEST_PAUSE_MS = 1500, KINDS_MAX = 32 };
    CHECK(kind_count <= KINDS_MAX);
    size_t order[KINDS_MAX], next = kind_count;
    for (size_t i = 0; i < kind_count; i++)
        order[i] = i;
    uint64_t at_ms = between(random, 500, 1500);
    while (at_ms < faults->length_ms && faults->count < FAULTS_MAX) {
        if (next == kind_count) {
            next = 0;
            for (size_t i = kind_count - 1; i > 0; i--) {
                size_t other = random_below(random, i + 1), kept = order[i];
                order[i] = order[other];
                order[other] = kept;
            }
        }
        plan_fault(faults, random, &kinds[order[next++]], strand, at_ms);
        at_ms = faults->at[faults->count - 1].end_ms + between(random, 200, LONGEST_PAUSE_MS);
    }
}

struct faults *faults_create(struct nodes *nodes, struct wire *wire, uint64_t seed,
                             uint32_t length_ms) {
    struct faults *faults = memory_allocate_zeroed(sizeof(*faults));
    struct random random;
    faults->nodes = nodes;
    faults->wire = wire;
    random_init(&random, seed);
    faults->length_ms = length_ms;
    plan_strand(faults, &random, network_kinds, COUNT_OF(network_kinds), 0);
    plan_strand(faults, &random, node_kinds, COUNT_OF(node_kinds), 1);
    return faults;
}

void faults_destroy(struct faults *faults) {
    memory_release(faults);
}

/* --- the run --------------------------------------------------------------------------------- */

static void tell(const struct faults *faults, const struct fault *fault, const char *what) {
    if (!faults->verbose) return;
    printf("  %7.3f s  %s %s\n", (double)(clock_us() - faults->start_us) / 1e6, what, fault->text);
    fflush(stdout);
}

static struct fault *fault_that_ends(struct faults *faults, int node) {
    for (size_t i = 0; i < faults->count; i++) {
        struct fault *fault = &faults->at[i];
        if (fault->stage == STAGE_LASTS && fault->may_end && fault->nodes[node]) return fault;
    }
    return NULL;
}

static void look_for_ends(struct faults *faults) {
    int status;
    for (int node = 0; node < faults->nodes->count; node++) {
        if (!node_has_ended(faults->nodes, node, &status)) continue;
        const struct fault *fault = fault_that_ends(faults, node);
        if (fault != NULL &&
            disk_failure_is_told(faults->nodes, node, status, fault->log_from[node]))
            continue;
        find_problem(faults, "node %d ended by itself%s, wait status %x", node + 1,
                     fault == NULL ? "" : " without saying that its disk failed", status);
        node_show_log(faults->nodes, node);
        node_start(faults->nodes, node); /* The verdict is known; the rest of the plan needs it. */
    }
}

static void begin_fault(struct faults *faults, struct fault *fault) {
    fault->begun_us = clock_us();
    fault->kind->begin(faults, fault);
    fault->stage = STAGE_LASTS;
    tell(faults, fault, "begins:");
}

static void end_fault(struct faults *faults, struct fault *fault) {
    look_for_ends(faults);
    fault->kind->end(faults, fault);
    fault->stage = STAGE_OVER;
    fault->ended_us = clock_us();
    tell(faults, fault, "ends:  ");
}

/* After the one before it in its strand, which may have taken longer than planned. */
static bool may_begin(const struct faults *faults, const struct fault *fault, uint64_t now_ms) {
    if (fault->stage != STAGE_PLANNED || fault->begin_ms > now_ms) return false;
    for (const struct fault *other = fault; other > faults->at;) {
        other--;
        if (other->strand != fault->strand) continue;
        return other->stage == STAGE_OVER || other->stage == STAGE_DROPPED;
    }
    return true;
}

static bool is_to_end(struct faults *faults, struct fault *fault, uint64_t now_ms) {
    if (fault->end_ms > now_ms) return false;
    bool is_late = now_ms - fault->end_ms >= DAMAGE_MS;
    return fault->kind->is_over == NULL || is_late || fault->kind->is_over(faults, fault);
}

static void tick_one(struct faults *faults, struct fault *fault, uint64_t now_ms) {
    if (fault->stage == STAGE_LASTS) {
        if (fault->kind->tick != NULL) fault->kind->tick(faults, fault);
        if (is_to_end(faults, fault, now_ms)) end_fault(faults, fault);
    } else if (may_begin(faults, fault, now_ms)) {
        fault->end_ms += now_ms - fault->begin_ms; /* It lasts as long as planned. */
        if (now_ms < faults->length_ms) {
            begin_fault(faults, fault);
        } else {
            fault->stage = STAGE_DROPPED;
        }
    }
}

/* False: nothing is left to be done. */
static bool tick(struct faults *faults) {
    bool is_open = false;
    for (size_t i = 0; i < faults->count; i++) {
        struct fault *fault = &faults->at[i];
        tick_one(faults, fault, (clock_us() - faults->start_us) / 1000);
        is_open |= fault->stage == STAGE_PLANNED || fault->stage == STAGE_LASTS;
    }
    look_for_ends(faults);
    return is_open && faults->problem[0] == '\0';
}

bool faults_run(struct faults *faults, bool verbose, char problem[static FAULTS_PROBLEM_SIZE]) {
    faults->start_us = clock_us();
    faults->verbose = verbose;
    while (tick(faults))
        sleep_ms(TICK_MS);
    memcpy(problem, faults->problem, sizeof(faults->problem));
    return problem[0] == '\0';
}

/* --- reports --------------------------------------------------------------------------------- */

static void print_kinds(const struct faults *faults, const struct fault_kind *kinds,
                        size_t kind_count, const char *separator, struct buffer *out) {
    for (size_t i = 0; i < kind_count; i++) {
        uint32_t count = 0;
        for (size_t k = 0; k < faults->count; k++)
            count += faults->at[k].kind == &kinds[i] && faults->at[k].stage == STAGE_OVER;
        if (count == 0) continue;
        buffer_append_format(out, "%s%s %u", separator, kinds[i].name, count);
        separator = ", ";
    }
}

void faults_print_counts(const struct faults *faults, struct buffer *out) {
    print_kinds(faults, network_kinds, COUNT_OF(network_kinds), "", out);
    print_kinds(faults, node_kinds, COUNT_OF(node_kinds), out->size == 0 ? "" : ", ", out);
    if (faults->refusals > 0) buffer_append_format(out, ", refused as full %u", faults->refusals);
}

void faults_print_during(const struct faults *faults, uint64_t from_us, uint64_t until_us,
                         struct buffer *out) {
    const char *separator = "";
    for (size_t i = 0; i < faults->count; i++) {
        const struct fault *fault = &faults->at[i];
        bool lasted = fault->begun_us != 0 && fault->begun_us < until_us &&
                      (fault->stage == STAGE_LASTS || fault->ended_us > from_us);
        if (!lasted) continue;
        buffer_append_format(out, "%s%s", separator, fault->text);
        separator = "; ";
    }
}

/* --- soundness ------------------------------------------------------------------------------- */

enum { MOMENTS_MAX = 2 * FAULTS_MAX + 2 };

static uint64_t over_us(const struct fault *fault) {
    enum { RECOVERY_US = 1500 * 1000 }; /* of what it befell */
    return fault->stage == STAGE_LASTS ? UINT64_MAX : fault->ended_us + RECOVERY_US;
}

static uint32_t sound_nodes(const struct faults *faults, uint64_t from_us, uint64_t until_us) {
    uint32_t sound = (1u << faults->nodes->count) - 1;
    for (size_t i = 0; i < faults->count; i++) {
        const struct fault *fault = &faults->at[i];
        bool lasts = fault->begun_us != 0 && fault->begun_us < until_us && over_us(fault) > from_us;
        for (int node = 0; lasts && node < faults->nodes->count; node++)
            if (fault->nodes[node] || fault->kind->slows_all) sound &= ~(1u << node);
    }
    return sound;
}

static int by_moment(const void *left, const void *right) {
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

uint64_t faults_sound_us(const struct faults *faults, uint64_t from_us, uint64_t until_us) {
    uint64_t *moments = memory_allocate(MOMENTS_MAX * sizeof(uint64_t)), longest_us = 0;
    size_t count = 0;
    moments[count++] = from_us;
    moments[count++] = until_us;
    for (size_t i = 0; i < faults->count; i++) {
        const struct fault *fault = &faults->at[i];
        if (fault->begun_us == 0) continue;
        uint64_t bounds[] = {fault->begun_us, over_us(fault)};
        for (size_t k = 0; k < COUNT_OF(bounds); k++)
            if (bounds[k] > from_us && bounds[k] < until_us) moments[count++] = bounds[k];
    }
    qsort(moments, count, sizeof(uint64_t), by_moment);
    for (size_t first = 0; first + 1 < count; first++) {
        for (size_t last = first + 1; last < count; last++) {
            uint32_t sound = sound_nodes(faults, moments[first], moments[last]);
            if (2 * __builtin_popcount(sound) <= faults->nodes->count) break;
            uint64_t us = moments[last] - moments[first];
            if (us > longest_us) longest_us = us;
        }
    }
    memory_release(moments);
    return longest_us;
}
