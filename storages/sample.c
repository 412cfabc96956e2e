/* sample.c: a shuffle of all positions when many of them are wanted, else draws that are repeated
 * when they hit a position again: with a third of the positions taken that is rare. */
#include "storages/sample.h"

#include "base/memory.h"

struct sample sample_begin(struct random *random, uint32_t span, uint64_t wanted) {
    struct sample sample = {.random = random, .span = span};
    if (wanted > span / 3) {
        sample.order = memory_allocate((size_t)span * sizeof(*sample.order));
        for (uint32_t i = 0; i < span; i++)
            sample.order[i] = i;
    } else {
        sample.taken = memory_allocate_zeroed(span / 8 + 1);
    }
    return sample;
}

static uint32_t next_shuffled(struct sample *sample) {
    uint32_t from = sample->drawn;
    uint32_t at = from + (uint32_t)random_below(sample->random, sample->span - from);
    uint32_t position = sample->order[at];
    sample->order[at] = sample->order[from];
    return position;
}

uint32_t sample_next(struct sample *sample) {
    CHECK(sample->drawn < sample->span);
    uint32_t position;
    if (sample->order != NULL) {
        position = next_shuffled(sample);
    } else {
        do {
            position = (uint32_t)random_below(sample->random, sample->span);
        } while (sample->taken[position / 8] & 1u << position % 8);
        sample->taken[position / 8] |= (uint8_t)(1u << position % 8);
    }
    sample->drawn++;
    return position;
}

void sample_end(struct sample *sample) {
    memory_release(sample->order);
    memory_release(sample->taken);
}

bool sample_parse_count(struct command_call *call, uint32_t at, int64_t *count) {
    if (!command_integer(call, at, count)) return false;
    if (*count != INT64_MIN) return true; /* whose negation would overflow */
    reply_error(call->reply, "ERR value is out of range, value must between "
                             "-9223372036854775807 and 9223372036854775807");
    return false;
}

bool sample_repeats_allowed(struct command_call *call, int64_t count) {
    if (count >= -SAMPLE_REPEATS_MAX) return true;
    reply_error(call->reply, "ERR value is out of range");
    return false;
}
