/* ledger.h: exact accounts of one counter and one queue over a whole run.
 *
 * Every amount that was acknowledged has been added once, every one whose outcome is unknown once
 * or never; the same of tokens pushed to the queue. A token leaves by one pop; a pop of unknown
 * outcome may have taken one with it. What was certainly not executed is not reported at all.
 *
 * Pure. Ownership: ledger_create() to ledger_destroy(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ledger;

struct ledger *ledger_create(void);
void ledger_destroy(struct ledger *ledger);

/* `amount` > 0; `sum` is what the counter answered. */
void ledger_added(struct ledger *ledger, int64_t amount, int64_t sum);
void ledger_maybe_added(struct ledger *ledger, int64_t amount);

/* Tokens are 0, 1, 2, …: the next one, of unknown outcome until more is said. */
int64_t ledger_push(struct ledger *ledger);
void ledger_pushed(struct ledger *ledger, int64_t token);
void ledger_not_pushed(struct ledger *ledger, int64_t token);
void ledger_popped(struct ledger *ledger, int64_t token); /* any number that came */
void ledger_maybe_popped(struct ledger *ledger);

/* At the end: the counter, and what the queue still holds. False: `problem` says what is wrong. */
bool ledger_is_exact(struct ledger *ledger, int64_t total, const int64_t *left, size_t left_count,
                     char *problem, size_t size);
