/* How long a small batch waits for company, step by step. */
#include <criterion/criterion.h>

#include "base/check.h"
#include "src/replica/gather.h"

enum step {
    END,
    APPLIED, /* `count` were answered, `other` were waiting */
    APPLIED_LARGE,
    JUDGED, /* with `count` commands: `other` is the verdict */
    SEALED, /* with `count` commands, the first of which came at `other` */
};

static const struct {
    const char *name;
    struct {
        uint64_t now_us;
        enum step step;
        uint32_t count, other;
    } steps[14];
} gather_cases[] = {
    {"nothing is known at first", {{10, JUDGED, 1, GATHER_UNSURE}}},
    {"one client alone never waits", {{10, APPLIED, 1, 0}, {11, JUDGED, 1, GATHER_COMPLETE}}},
    {"both waves come together",
     {{10, APPLIED, 24, 24}, {20, JUDGED, 24, GATHER_WAITS}, {90, JUDGED, 42, GATHER_COMPLETE}}},
    {"a late one is not waited for", {{10, APPLIED, 16, 0}, {20, JUDGED, 14, GATHER_COMPLETE}}},
    {"but two are", {{10, APPLIED, 16, 0}, {20, JUDGED, 13, GATHER_WAITS}}},
    {"time ends it",
     {{10, APPLIED, 8, 8},
      {9 + GATHER_MAX_US, JUDGED, 8, GATHER_WAITS},
      {10 + GATHER_MAX_US, JUDGED, 8, GATHER_UNSURE}}},
    {"large groups pay as they are", {{10, APPLIED_LARGE, 50, 50}, {20, JUDGED, 1, GATHER_UNSURE}}},
    {"nobody expects anybody twice",
     {{10, APPLIED, 8, 0}, {20, SEALED, 8, 15}, {21, JUDGED, 1, GATHER_UNSURE}}},
    {"a wait in vain is paid for by one batch, then by two",
     {{10, APPLIED, 8, 8},
      {1010, SEALED, 9, 20},
      {2000, APPLIED, 9, 7},
      {2001, JUDGED, 9, GATHER_UNSURE},
      {3000, APPLIED, 9, 7},
      {3001, JUDGED, 9, GATHER_WAITS},
      {4000, SEALED, 9, 3001},
      {5000, APPLIED, 9, 7},
      {5001, JUDGED, 9, GATHER_UNSURE},
      {6000, APPLIED, 9, 7},
      {6001, JUDGED, 9, GATHER_UNSURE},
      {7000, APPLIED, 9, 7},
      {7001, JUDGED, 9, GATHER_WAITS}}},
    {"who comes after the time has not waited",
     {{10, APPLIED, 8, 8},
      {5000, SEALED, 1, 4999},
      {6000, APPLIED, 8, 8},
      {6001, JUDGED, 1, GATHER_WAITS}}},
};

Test(gather, waits_for_those_who_are_expected) {
    for (size_t i = 0; i < COUNT_OF(gather_cases); i++) {
        struct gather gather = {0};
        for (size_t k = 0; gather_cases[i].steps[k].step != END; k++) {
            uint64_t now_us = gather_cases[i].steps[k].now_us;
            uint32_t count = gather_cases[i].steps[k].count, other = gather_cases[i].steps[k].other;
            enum step step = gather_cases[i].steps[k].step;
            size_t size_bytes = step == APPLIED_LARGE ? GATHER_MAX_BYTES / 2 : 100;
            if (step == JUDGED) {
                cr_expect_eq(gather_judge(&gather, count, now_us), other, "%s: step %zu",
                             gather_cases[i].name, k);
            } else if (step == SEALED) {
                gather_note_sealed(&gather, count, other);
            } else {
                gather_note_applied(&gather, (struct gather_group){count, size_bytes},
                                    (struct gather_group){other, size_bytes}, now_us);
            }
        }
    }
}

Test(gather, tries_again_however_often_it_waited_in_vain) {
    struct gather gather = {0};
    uint32_t waits = 0;
    for (uint64_t now_us = 1; now_us < 1000; now_us++) {
        gather_note_applied(&gather, (struct gather_group){8, 0}, (struct gather_group){8, 0},
                            now_us);
        waits += gather_judge(&gather, 8, now_us) == GATHER_WAITS;
        gather_note_sealed(&gather, 8, now_us);
    }
    cr_expect_geq(waits, 1000 / (GATHER_PAUSES_MAX + 1));
    cr_expect_leq(waits, 1000 / GATHER_PAUSES_MAX + 8);
}
