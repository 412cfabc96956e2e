/* scenarios.h: one fault at a time on a quiet cluster of three, with an outcome that is certain:
 * what a chance run can't ask for. Some show that the harness would notice: with settings that give
 * a promise up, it has to find the promise broken. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tests/torture/lab.h"

enum { SCENARIO_PROBLEM_SIZE = 512, SCENARIO_NODES = 3 };

/* The number-th from 0: its name, NULL behind the last. */
const char *scenario_name(size_t number);
bool scenario_run(size_t number, struct lab *lab, char problem[static SCENARIO_PROBLEM_SIZE]);
