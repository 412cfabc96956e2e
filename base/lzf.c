/* lzf.c: a hash of three bytes leads to the last place where they stood. Places of earlier inputs
 * are told by their number instead of being wiped, since most inputs are short. */
#include "base/lzf.h"

enum {
    LITERALS_MAX = 32,
    COPY_MIN = 3,
    COPY_MAX = 264,
    LONG_COPY = 7, /* in the head's upper bits: another byte of length follows */
    DISTANCE_MAX = 1 << 13,
};

/* The output and where it has to end. */
struct output {
    char *at, *end;
};

static uint32_t three_bytes(const char *at) {
    return (uint32_t)(uint8_t)at[0] << 16 | (uint32_t)(uint8_t)at[1] << 8 | (uint8_t)at[2];
}

static uint32_t *place_of(struct lzf *lzf, const char *at) {
    return &lzf->places[three_bytes(at) * 2654435761u >> (32 - LZF_HASH_BITS)];
}

static bool put_literals(struct output *out, const char *from, size_t size) {
    while (size > 0) {
        size_t run = size < LITERALS_MAX ? size : LITERALS_MAX;
        if ((size_t)(out->end - out->at) < run + 1) return false;
        *out->at++ = (char)(run - 1);
        memcpy(out->at, from, run);
        out->at += run;
        from += run;
        size -= run;
    }
    return true;
}

static bool put_copy(struct output *out, size_t distance, size_t size) {
    size_t length = size - 2, back = distance - 1;
    bool is_long = length >= LONG_COPY;
    if (out->end - out->at < (is_long ? 3 : 2)) return false;
    *out->at++ = (char)((is_long ? LONG_COPY : length) << 5 | back >> 8);
    if (is_long) *out->at++ = (char)(length - LONG_COPY);
    *out->at++ = (char)back;
    return true;
}

static size_t common_size(const char *a, const char *b, size_t max) {
    size_t size = 0;
    while (size < max && a[size] == b[size])
        size++;
    return size;
}

size_t lzf_compress(struct lzf *lzf, struct bytes in, char *out, size_t out_max) {
    CHECK(in.size <= LZF_INPUT_MAX);
    if (in.size > UINT32_MAX - 1 - lzf->base) *lzf = (struct lzf){0};
    uint32_t base = lzf->base;
    lzf->base += (uint32_t)in.size;

    struct output output = {out, out + out_max};
    size_t literals = 0, at = 0; /* the first byte that is not put out; the present one */
    while (at + COPY_MIN <= in.size) {
        uint32_t *place = place_of(lzf, in.data + at);
        uint32_t last = *place;
        *place = base + 1 + (uint32_t)at;
        size_t from = last - base - 1;
        if (last <= base || at - from > DISTANCE_MAX ||
            three_bytes(in.data + from) != three_bytes(in.data + at)) {
            at++;
            continue;
        }
        size_t max = in.size - at < COPY_MAX ? in.size - at : COPY_MAX;
        size_t size = common_size(in.data + from, in.data + at, max);
        if (!put_literals(&output, in.data + literals, at - literals)) return 0;
        if (!put_copy(&output, at - from, size)) return 0;
        at += size;
        literals = at;
        /* What follows a copy often follows it again. */
        for (size_t behind = at - 2; behind < at && behind + COPY_MIN <= in.size; behind++)
            *place_of(lzf, in.data + behind) = base + 1 + (uint32_t)behind;
    }
    if (!put_literals(&output, in.data + literals, in.size - literals)) return 0;
    return (size_t)(output.at - out);
}

bool lzf_decompress(struct bytes in, char *out, size_t out_size) {
    const uint8_t *at = (const uint8_t *)in.data, *end = at + in.size;
    size_t done = 0;
    while (at < end) {
        uint8_t head = *at++;
        size_t size = head < LITERALS_MAX ? head + 1u : (head >> 5) + 2u;
        if (head < LITERALS_MAX) {
            if (size > (size_t)(end - at) || size > out_size - done) return false;
            memcpy(out + done, at, size);
            at += size;
        } else {
            if (head >> 5 == LONG_COPY) {
                if (at == end) return false;
                size += *at++;
            }
            if (at == end) return false;
            size_t distance = ((size_t)(head & 0x1f) << 8 | *at++) + 1;
            if (distance > done || size > out_size - done) return false;
            for (size_t i = 0; i < size; i++) /* they may overlap: a pattern repeats */
                out[done + i] = out[done + i - distance];
        }
        done += size;
    }
    return done == out_size;
}
