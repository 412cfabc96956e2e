/* sorted_set_commands.h: what the three files of commands on sorted sets share: members
 * (sorted_set_commands.c), ranges (sorted_set_ranges.c), unions and the like
 * (sorted_set_algebra.c). */
#pragma once

#include "storages/sorted_set.h"

/* A key and its sorted set; item is NULL when the key is absent. */
struct opened_sorted_set {
    struct bytes key;
    struct item *item;
    struct sorted_set *set;
};

/* False after WRONGTYPE was answered. */
bool sorted_set_open(struct command_call *call, struct bytes key, struct opened_sorted_set *opened);
struct sorted_set *sorted_set_create_for(struct command_call *call);
struct sorted_set_limits sorted_set_limits_for(const struct command_call *call);

/* Ends a change that took something away: notes the event, the holes it left and, when nothing is
 * left, deletes the key. `detail` as in keyspace_changed(), without the size. */
void sorted_set_end_removal(struct command_call *call, const struct opened_sorted_set *opened,
                            const char *event, uint64_t detail);

/* Puts a result, which passes to the keyspace, under the key and replies with its size; an empty
 * one deletes the key instead. */
void sorted_set_store(struct command_call *call, struct bytes key, struct sorted_set *result,
                      const char *event);

/* The header for `count` members with or without scores, and one of them: in RESP2 scores stand
 * flat between the members, in RESP3 in pairs. */
void sorted_set_reply_header(struct command_call *call, uint64_t count, bool with_scores);
void sorted_set_reply_entry(struct command_call *call, const struct sorted_set_entry *entry,
                            bool with_scores);

extern const struct command_family sorted_set_range_family;
extern const struct command_family sorted_set_algebra_family;
