/* appends.h: transactions that append to several lists and read them, and whether they can have
 * happened one after the other in an order that agrees with real time and with each connection's
 * own (strict serializability), in time linear in their number.
 *
 * Every appended value is a token of its own and nothing is ever taken away, so a list read shows
 * the order of all appends before it; from these orders follows who came before whom, and a circle
 * of such edges is what no order explains (Kingsbury and Alvaro, "Elle", 2020).
 *
 * Pure. Keys are numbered from 0; moments as in history.h. Ownership: appends_create() to
 * appends_destroy(). */
#pragma once

#include "base/bytes.h"

enum { APPENDS_KEYS = 6, APPENDS_COMMANDS_MAX = 6 };

struct appends;

struct appends *appends_create(void);
void appends_destroy(struct appends *appends);

/* A transaction begins; its number is that of the begun ones before it. Its commands follow, in
 * order, by appends_append() and appends_read(). Its outcome is unknown until more is said. */
uint32_t appends_begin(struct appends *appends, uint32_t connection, uint64_t moment);
uint32_t appends_append(struct appends *appends, uint32_t transaction,
                        uint32_t key); /* its token */
void appends_read(struct appends *appends, uint32_t transaction, uint32_t key);

/* It was certainly not executed. */
void appends_refused(struct appends *appends, uint32_t transaction);
/* It was; then the result of each of its commands has to be told. */
void appends_done(struct appends *appends, uint32_t transaction, uint64_t moment);
/* Command number `command` was an append, after which the list had this length. */
void appends_length(struct appends *appends, uint32_t transaction, uint32_t command,
                    uint64_t length);
/* It was a read: the tokens one after the other. UINT32_MAX: a text that is no token. */
void appends_element(struct appends *appends, uint32_t transaction, uint32_t command,
                     uint32_t token);

bool appends_are_serializable(const struct appends *appends, char *problem, size_t size);
size_t appends_done_count(const struct appends *appends);
