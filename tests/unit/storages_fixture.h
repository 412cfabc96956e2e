/* storages_fixture.h: storages to run command lines on, and to compare what they answer.
 *
 * A line is written as in redis-cli: words, "quoted \r\n\x00 words" and 'literal ones'. The answer
 * comes back as one line of text:
 *     +OK   -ERR …   :1   "bulk"   nil (null)   nil* (null array, RESP2)   [a, b]   {k: v} map
 *     ~[a, b] set   >[a, b] push   ,1.5 double   #t #f   (123 big number   txt"verbatim"
 * Lines that begin with % are instructions: "%now 1500" moves log time, "%protocol 3" chooses
 * RESP3, "%db 1" selects, "%seed 7" sets the next commands' seed, "%group" begins and "%end" ends
 * an atomic unit, "%expire 10" expires up to 10 keys (answer: ":n"), "%next" tells the earliest
 * deadline. "%client 12" is client 2 of origin 1 from now on (as 11 is at first), "%gone" says that
 * it went away, "%closed 1" that origin 1 did. They answer "+" or as said. A message for a
 * subscriber follows the answer: " 12<[message, …]".
 *
 * Each fixture has two storages with different hash seeds, the second without anyone who listens
 * and with a prefetch of what the line names.
 * After each line both digests must be equal, reads must have changed nothing, and all invariants
 * must hold: so every test of a family is a test of determinism too. */
#pragma once

#include "storages/storages.h"

struct fixture;

struct fixture *fixture_create(void);
void fixture_destroy(struct fixture *fixture);

/* Runs a line; the answer is valid until the next line. */
const char *fixture_run(struct fixture *fixture, const char *line);
/* Runs the command with these arguments. */
const char *fixture_run_args(struct fixture *fixture, const struct bytes *args, uint32_t count);
/* fixture_run() with printf's formats. */
PRINTF_LIKE(2, 3) const char *fixture_format(struct fixture *fixture, const char *format, ...);

struct storages *fixture_storages(struct fixture *fixture);
const struct command_registry *fixture_registry(const struct fixture *fixture);
/* The deadline that the last read met, 0 if none. */
int64_t fixture_deadline_met_ms(const struct fixture *fixture);
/* Without the checks after each line, for bulk loads. */
void fixture_set_checks(struct fixture *fixture, bool checks);

struct fixture_case {
    const char *line;
    const char *answer; /* NULL: whatever it is */
};

/* Runs the lines in order on one fresh fixture; a wrong answer fails the test and names the line.
 */
void fixture_run_cases(const struct fixture_case *cases, size_t count, const char *file, int at);
#define RUN_CASES(cases) fixture_run_cases((cases), COUNT_OF(cases), __FILE__, __LINE__)
