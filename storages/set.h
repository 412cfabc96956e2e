/* set.h: a set of byte strings, one of the replicated storages.
 *
 * While all members are integers and few, they are an ascending list (Redis's intset: SMEMBERS
 * shows that order); otherwise, and for ever after, a dense table in the order of adding, where
 * deleting moves the last member into the hole.
 *
 * Pure: equal calls give equal sets on every node; the hash seed is node-local and shows nowhere.
 * Ownership: set_add() copies the member. Spans handed out are valid until the set next changes;
 * integers are printed into the caller's scratch. */
#pragma once

#include "base/bytes.h"
#include "base/number.h"
#include "storages/keyspace.h"

struct set; /* Opaque: its fields live in set.c. */

struct set *set_create(uint64_t hash_seed);
void set_destroy(struct set *set);           /* NULL is allowed. */
struct set *set_copy(const struct set *set); /* in the same form and order; without holes */

uint32_t set_size(const struct set *set);
bool set_is_integers(const struct set *set);

bool set_has(const struct set *set, struct bytes member);

/* False if it was a member already. Beyond integers_max integers the set becomes a table. */
bool set_add(struct set *set, struct bytes member, int64_t integers_max);

/* False if it was no member. leave_hole: the atomic unit goes on after this command, so its
 * position stays open until the unit's end (SAFETY 25). */
bool set_remove(struct set *set, struct bytes member, bool leave_hole);
bool set_has_holes(const struct set *set);

/* Positions run from 0 to set_span(); false at a hole. */
uint32_t set_span(const struct set *set);
bool set_at(const struct set *set, uint32_t position, struct bytes *member,
            char scratch[NUMBER_TEXT_MAX]);
/* As set_remove(), for the member at a position that is no hole. */
void set_remove_at(struct set *set, uint32_t position, bool leave_hole);

void set_check(const struct set *set);

/* --- the forms themselves: for files ------------------------------------------------------- */

/* The ascending list of a set of integers; NULL for a table. */
const struct integers *set_integers(const struct set *set);
/* A set of integers that owns this list from now on. */
struct set *set_of_integers(struct integers *integers, uint64_t hash_seed);
/* An empty set that is a table already. */
struct set *set_create_table(uint64_t hash_seed);

extern const struct item_class set_class;

extern const struct command_family set_family, set_algebra_family;
