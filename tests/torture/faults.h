/* faults.h: what befalls a cluster, and when, decided by a seed.
 *
 * Two strands run beside each other: one of the network, one of the nodes (processes, power,
 * disks). Within a strand one fault follows another, so no node suffers two of its kind at a time.
 * Which fault, whom, when and for how long is the seed's; what then happens is the moment's, as it
 * is with real processes.
 *
 * A fault may say what has to follow (a node that ends has to say why, a damaged one has to name
 * the place): that is checked here.
 *
 * Ownership: faults_create() to faults_destroy(). */
#pragma once

#include "base/buffer.h"
#include "tests/torture/nodes.h"
#include "tests/torture/wire.h"

enum { FAULTS_PROBLEM_SIZE = 512 };

struct faults;

struct faults *faults_create(struct nodes *nodes, struct wire *wire, uint64_t seed,
                             uint32_t length_ms);
void faults_destroy(struct faults *faults); /* NULL is allowed. */

/* Carries out all of it: length_ms, and what the last faults take longer. All is mended afterwards,
 * and all nodes run. False: something was not as it has to be, `problem` says what. */
bool faults_run(struct faults *faults, bool verbose, char problem[static FAULTS_PROBLEM_SIZE]);

/* "kill 3, pause 2, …" of what was done. */
void faults_print_counts(const struct faults *faults, struct buffer *out);
/* What was going on between two moments of clock_us(); nothing: "". */
void faults_print_during(const struct faults *faults, uint64_t from_us, uint64_t until_us,
                         struct buffer *out);

/* The longest stretch within these moments during which a majority of nodes, the same all the time,
 * suffered nothing: then there is no reason not to serve, however the others fared. */
uint64_t faults_sound_us(const struct faults *faults, uint64_t from_us, uint64_t until_us);

/* --- damage, also for those who want it alone ------------------------------------------------- */

struct damage {
    char file[32];
    long offset;
    unsigned char bit;
};

/* Flips one bit below the durable mark in a file of a stopped node. False: it has no such place. */
bool damage_flip(const struct node *node, uint64_t seed, struct damage *damage);
/* The node, started with that damage, names it; `from` is where its log ended before. */
bool damage_is_named(const struct nodes *nodes, int node, long from);
/* And says that the others have supplied what it had lost. */
bool damage_is_repaired(const struct nodes *nodes, int node, const struct damage *damage,
                        long from);
/* The process has said that it can't go on because of its disk, and ended with status 1. */
bool disk_failure_is_told(const struct nodes *nodes, int node, int status, long from);
