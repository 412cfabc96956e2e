/* table.c: the dense table (what it promises: table.h).
 *
 * The array holds entries' pointers. The index finds a position from a hash: linear hashing with
 * `bucket_count` home buckets; bucket b is split when the load passes SLOTS_GROW a bucket, merged
 * below SLOTS_SHRINK. A bucket is one cache line: 12 tags, the link to an overflow bucket, 12
 * positions. In a chain all buckets but the last are full, so only the last has free slots, and
 * they are its last ones.
 *
 * Hash bits: the upper 8 make the tag (0, "free", becomes 1), bits 1 and up choose the bucket.
 * Bit 0 is never used: a hole stores `hash | 1` in the array in place of its pointer and keeps
 * its index slot. So the key that left it is recognised when it comes back within the same unit,
 * and the index can be split without the entry. */
#include "base/table.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/segments.h"
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    BUCKET_SLOTS = 12,
    SLOTS_GROW = 7,   /* 64 / 7: about 9 bytes of index a key, overflow included 10 */
    SLOTS_SHRINK = 3, /* entries a bucket below which two are merged */
    /* Cache lines of an entry that a prefetch asks for: key and value of a few hundred bytes. One
     * line instead costs a SET of 256 bytes 550 ns in place of 350 (1M keys), and saves nothing
     * measurable for small ones. */
    PREFETCH_LINES = 5,
};

struct bucket {
    uint8_t tags[BUCKET_SLOTS]; /* 0: free */
    uint32_t overflow;          /* 0: none, else 1 + the number of an overflow bucket */
    uint32_t positions[BUCKET_SLOTS];
};
_Static_assert(sizeof(struct bucket) == 64, "a bucket is one cache line");

static const struct segments_layout array_layout = {sizeof(void *), 13, 8};
static const struct segments_layout bucket_layout = {sizeof(struct bucket), 10, 1};
static const struct segments_layout hole_layout = {sizeof(uint32_t), 14, 8};

struct table {
    table_key_function *key;
    uint64_t hash_seed;
    uint32_t span; /* filled positions and holes */
    uint32_t hole_count;
    uint32_t bucket_count;
    uint32_t bucket_mask;   /* 2^k - 1 with 2^k <= bucket_count < 2^(k+1) */
    uint32_t overflow_used; /* overflow buckets ever taken from the array */
    uint32_t overflow_free; /* head of the free ones, linked by `overflow`; as a link, 0: none */
    uint32_t holes_noted;   /* in `holes`; those filled again by their key stay noted */
    struct segments array, buckets, overflows;
    struct segments holes; /* positions, in the order in which the holes came to be */
};

/* --- the array ------------------------------------------------------------------------------ */

static uintptr_t *array_slot(const struct table *table, uint32_t position) {
    return segments_at(&table->array, array_layout, position);
}

static bool slot_is_hole(uintptr_t slot) {
    return slot & 1;
}

static uint64_t slot_hash(const struct table *table, uintptr_t slot) {
    if (slot_is_hole(slot)) return slot;
    return table_hash(table, table->key((const void *)slot));
}

/* --- the index ------------------------------------------------------------------------------ */

static uint8_t hash_tag(uint64_t hash) {
    uint8_t tag = (uint8_t)(hash >> 56);
    return tag == 0 ? 1 : tag;
}

static uint32_t hash_bucket(const struct table *table, uint64_t hash) {
    uint32_t bucket = (uint32_t)(hash >> 1) & (2 * table->bucket_mask + 1);
    return bucket < table->bucket_count ? bucket : bucket & table->bucket_mask;
}

static struct bucket *home_bucket(const struct table *table, uint32_t number) {
    return segments_at(&table->buckets, bucket_layout, number);
}

static struct bucket *overflow_bucket(const struct table *table, uint32_t link) {
    return segments_at(&table->overflows, bucket_layout, link - 1);
}

static struct bucket *next_bucket(const struct table *table, const struct bucket *bucket) {
    return bucket->overflow == 0 ? NULL : overflow_bucket(table, bucket->overflow);
}

/* One bit for each slot with this tag. */
static uint32_t bucket_match(const struct bucket *bucket, uint8_t tag) {
#ifdef __SSE2__
    __m128i tags = _mm_loadu_si128((const __m128i *)bucket); /* the link's bytes are masked off */
    __m128i same = _mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag));
    return (uint32_t)_mm_movemask_epi8(same) & ((1u << BUCKET_SLOTS) - 1);
#else
    uint32_t mask = 0;
    for (unsigned i = 0; i < BUCKET_SLOTS; i++)
        mask |= (uint32_t)(bucket->tags[i] == tag) << i;
    return mask;
#endif
}

static unsigned bucket_used(const struct bucket *bucket) {
    uint32_t free_slots = bucket_match(bucket, 0);
    return free_slots == 0 ? BUCKET_SLOTS : (unsigned)__builtin_ctz(free_slots);
}

static uint32_t overflow_take(struct table *table) {
    uint32_t link = table->overflow_free;
    if (link != 0) {
        table->overflow_free = overflow_bucket(table, link)->overflow;
    } else {
        CHECK(table->overflow_used < UINT32_MAX - 1);
        segments_reserve(&table->overflows, bucket_layout, table->overflow_used + 1ull);
        link = ++table->overflow_used;
    }
    memset(overflow_bucket(table, link), 0, sizeof(struct bucket));
    return link;
}

static void overflow_give_back(struct table *table, uint32_t link) {
    overflow_bucket(table, link)->overflow = table->overflow_free;
    table->overflow_free = link;
}

static void index_add(struct table *table, uint32_t home, uint8_t tag, uint32_t position) {
    struct bucket *bucket = home_bucket(table, home);
    while (bucket->overflow != 0)
        bucket = overflow_bucket(table, bucket->overflow);
    unsigned slot = bucket_used(bucket);
    if (slot == BUCKET_SLOTS) {
        /* Taking an overflow bucket may move the others while there are few: find the tail
         * again. */
        uint32_t link = overflow_take(table);
        bucket = home_bucket(table, home);
        while (bucket->overflow != 0)
            bucket = overflow_bucket(table, bucket->overflow);
        bucket->overflow = link;
        bucket = overflow_bucket(table, link);
        slot = 0;
    }
    bucket->tags[slot] = tag;
    bucket->positions[slot] = position;
}

struct index_place {
    struct bucket *bucket;
    unsigned slot;
};

/* The index slot of a position whose key has this hash; it must exist. */
static struct index_place index_find(const struct table *table, uint64_t hash, uint32_t position) {
    uint8_t tag = hash_tag(hash);
    struct bucket *bucket = home_bucket(table, hash_bucket(table, hash));
    for (;;) {
        for (uint32_t match = bucket_match(bucket, tag); match != 0; match &= match - 1) {
            unsigned slot = (unsigned)__builtin_ctz(match);
            if (bucket->positions[slot] == position) return (struct index_place){bucket, slot};
        }
        CHECK(bucket->overflow != 0); /* every position has its slot */
        bucket = overflow_bucket(table, bucket->overflow);
    }
}

static void index_remove(struct table *table, uint64_t hash, uint32_t position) {
    struct index_place place = index_find(table, hash, position);
    struct bucket *before = NULL, *tail = place.bucket;
    while (tail->overflow != 0) {
        before = tail;
        tail = overflow_bucket(table, tail->overflow);
    }
    /* The chain's last slot moves into the gap. */
    unsigned last = bucket_used(tail) - 1;
    place.bucket->tags[place.slot] = tail->tags[last];
    place.bucket->positions[place.slot] = tail->positions[last];
    tail->tags[last] = 0;
    if (last > 0) return;
    if (before == NULL) {
        struct bucket *home = home_bucket(table, hash_bucket(table, hash));
        if (home == tail) return; /* an empty home bucket stays */
        before = home;
        while (overflow_bucket(table, before->overflow) != tail)
            before = overflow_bucket(table, before->overflow);
    }
    uint32_t link = before->overflow;
    before->overflow = 0;
    overflow_give_back(table, link);
}

/* Brings the entries of a bucket closer, which redistribution is about to hash. */
static void bucket_prefetch_entries(const struct table *table, const struct bucket *bucket) {
    unsigned used = bucket_used(bucket);
    for (unsigned i = 0; i < used; i++)
        __builtin_prefetch(array_slot(table, bucket->positions[i]));
    for (unsigned i = 0; i < used; i++) {
        uintptr_t slot = *array_slot(table, bucket->positions[i]);
        if (!slot_is_hole(slot)) __builtin_prefetch((const void *)slot);
    }
}

/* Empties the chain of a home bucket and adds its slots again, after bucket_count has changed.
 * With `merge_into` they all go to that bucket and no entry is looked at. */
static void index_redistribute(struct table *table, uint32_t home, const uint32_t *merge_into) {
    struct bucket chain = *home_bucket(table, home);
    memset(home_bucket(table, home), 0, sizeof(struct bucket));
    for (;;) {
        unsigned used = bucket_used(&chain);
        if (merge_into == NULL) bucket_prefetch_entries(table, &chain);
        for (unsigned i = 0; i < used; i++) {
            uint32_t position = chain.positions[i];
            uint32_t target =
                merge_into != NULL
                    ? *merge_into
                    : hash_bucket(table, slot_hash(table, *array_slot(table, position)));
            index_add(table, target, chain.tags[i], position);
        }
        if (chain.overflow == 0) return;
        uint32_t link = chain.overflow;
        chain = *overflow_bucket(table, link);
        overflow_give_back(table, link);
    }
}

static void index_split_one(struct table *table) {
    uint32_t added = table->bucket_count;
    segments_reserve(&table->buckets, bucket_layout, added + 1ull);
    memset(home_bucket(table, added), 0, sizeof(struct bucket));
    uint32_t parent = added & table->bucket_mask;
    table->bucket_count++;
    if (table->bucket_count == 2 * (table->bucket_mask + 1))
        table->bucket_mask = 2 * table->bucket_mask + 1;
    index_redistribute(table, parent, NULL);
}

static void index_merge_one(struct table *table) {
    table->bucket_count--;
    if (table->bucket_count == table->bucket_mask) table->bucket_mask /= 2;
    uint32_t removed = table->bucket_count, parent = removed & table->bucket_mask;
    index_redistribute(table, removed, &parent);
    segments_shrink(&table->buckets, bucket_layout, table->bucket_count);
}

/* --- life ----------------------------------------------------------------------------------- */

struct table *table_create(table_key_function *key, uint64_t hash_seed) {
    struct table *table = memory_allocate_zeroed(sizeof(*table));
    table->key = key;
    table->hash_seed = hash_seed;
    table->bucket_count = 1;
    segments_reserve(&table->buckets, bucket_layout, 1);
    memset(home_bucket(table, 0), 0, sizeof(struct bucket));
    return table;
}

bool table_destroy_some(struct table *table, uint64_t *budget) {
    struct segments *parts[] = {&table->array, &table->buckets, &table->overflows, &table->holes};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (!segments_clear_some(parts[i], budget)) return false;
    }
    memory_release(table);
    return true;
}

void table_destroy(struct table *table) {
    if (table == NULL) return;
    uint64_t budget = UINT64_MAX;
    table_destroy_some(table, &budget);
}

void table_reserve(struct table *table, uint32_t entries) {
    CHECK(table->span == 0);
    uint32_t wanted = entries / SLOTS_GROW + 1;
    if (wanted <= table->bucket_count) return;
    segments_reserve(&table->buckets, bucket_layout, wanted);
    for (uint32_t i = 0; i < wanted; i++)
        memset(home_bucket(table, i), 0, sizeof(struct bucket));
    table->bucket_count = wanted;
    table->bucket_mask = (1u << (31 - __builtin_clz(wanted))) - 1;
}

uint32_t table_size(const struct table *table) {
    return table->span - table->hole_count;
}

uint32_t table_span(const struct table *table) {
    return table->span;
}

/* --- looking up ----------------------------------------------------------------------------- */

uint64_t table_hash(const struct table *table, struct bytes key) {
    return hash_bytes(key, table->hash_seed);
}

void table_prefetch(const struct table *table, uint64_t hash) {
    __builtin_prefetch(home_bucket(table, hash_bucket(table, hash)));
}

/* The first slot in the home bucket whose tag fits: nearly always the right one, if any. */
static const uintptr_t *likely_slot(const struct table *table, uint64_t hash) {
    const struct bucket *bucket = home_bucket(table, hash_bucket(table, hash));
    uint32_t match = bucket_match(bucket, hash_tag(hash));
    if (match == 0) return NULL;
    return array_slot(table, bucket->positions[__builtin_ctz(match)]);
}

void table_prefetch_slot(const struct table *table, uint64_t hash) {
    const uintptr_t *slot = likely_slot(table, hash);
    if (slot != NULL) __builtin_prefetch(slot);
}

const void *table_guess(const struct table *table, uint64_t hash) {
    const uintptr_t *slot = likely_slot(table, hash);
    return slot == NULL || slot_is_hole(*slot) ? NULL : (const void *)*slot;
}

void table_prefetch_entry(const struct table *table, uint64_t hash) {
    const char *entry = table_guess(table, hash);
    if (entry == NULL) return;
    for (unsigned i = 0; i < PREFETCH_LINES; i++)
        __builtin_prefetch(entry + 64 * i);
}

/* The position whose array slot holds exactly this, or TABLE_NONE. */
static uint32_t position_of_slot(const struct table *table, uint64_t hash, uintptr_t slot) {
    uint8_t tag = hash_tag(hash);
    const struct bucket *bucket = home_bucket(table, hash_bucket(table, hash));
    for (; bucket != NULL; bucket = next_bucket(table, bucket)) {
        for (uint32_t match = bucket_match(bucket, tag); match != 0; match &= match - 1) {
            uint32_t position = bucket->positions[__builtin_ctz(match)];
            if (*array_slot(table, position) == slot) return position;
        }
    }
    return TABLE_NONE;
}

uint32_t table_find_hashed(const struct table *table, struct bytes key, uint64_t hash) {
    uint8_t tag = hash_tag(hash);
    const struct bucket *bucket = home_bucket(table, hash_bucket(table, hash));
    for (; bucket != NULL; bucket = next_bucket(table, bucket)) {
        for (uint32_t match = bucket_match(bucket, tag); match != 0; match &= match - 1) {
            uint32_t position = bucket->positions[__builtin_ctz(match)];
            uintptr_t slot = *array_slot(table, position);
            if (slot_is_hole(slot)) continue;
            if (bytes_equal(table->key((const void *)slot), key)) return position;
        }
    }
    return TABLE_NONE;
}

uint32_t table_position(const struct table *table, const void *entry, uint64_t hash) {
    return position_of_slot(table, hash, (uintptr_t)entry);
}

void *table_get(const struct table *table, struct bytes key) {
    uint32_t position = table_find(table, key);
    return position == TABLE_NONE ? NULL : table_at(table, position);
}

void *table_at(const struct table *table, uint32_t position) {
    CHECK(position < table->span);
    uintptr_t slot = *array_slot(table, position);
    return slot_is_hole(slot) ? NULL : (void *)slot;
}

/* --- changing ------------------------------------------------------------------------------- */

uint32_t table_add_hashed(struct table *table, void *entry, uint64_t hash) {
    CHECK(!slot_is_hole((uintptr_t)entry) && entry != NULL);
    if (UNLIKELY(table->hole_count > 0)) {
        uint32_t hole = position_of_slot(table, hash, (uintptr_t)hash | 1);
        if (hole != TABLE_NONE) {
            *array_slot(table, hole) = (uintptr_t)entry;
            table->hole_count--;
            return hole;
        }
    }
    uint32_t position = table->span;
    CHECK(position < TABLE_NONE - 1);
    segments_reserve(&table->array, array_layout, position + 1ull);
    *array_slot(table, position) = (uintptr_t)entry;
    table->span++;
    index_add(table, hash_bucket(table, hash), hash_tag(hash), position);
    if (table->span > (uint64_t)table->bucket_count * SLOTS_GROW) index_split_one(table);
    return position;
}

uint32_t table_add(struct table *table, void *entry) {
    return table_add_hashed(table, entry, table_hash(table, table->key(entry)));
}

void *table_replace(struct table *table, uint32_t position, void *entry) {
    CHECK(!slot_is_hole((uintptr_t)entry) && entry != NULL);
    void *old = table_at(table, position);
    CHECK(old != NULL);
    *array_slot(table, position) = (uintptr_t)entry;
    return old;
}

/* Takes the last position away; its index slot is gone or moved already. */
static void array_shorten(struct table *table) {
    table->span--;
    segments_shrink(&table->array, array_layout, table->span);
    if (table->bucket_count > 1 && table->span < (uint64_t)table->bucket_count * SLOTS_SHRINK)
        index_merge_one(table);
    if (table->span == 0) { /* no chain has an overflow bucket any more */
        table->overflow_used = table->overflow_free = 0;
        segments_clear(&table->overflows);
    }
}

/* Frees `position`, whose slot's key has this hash, and moves the last slot there. */
static void array_close_gap(struct table *table, uint32_t position, uint64_t hash) {
    uint32_t last = table->span - 1;
    index_remove(table, hash, position);
    if (position != last) {
        uintptr_t moved = *array_slot(table, last);
        struct index_place place = index_find(table, slot_hash(table, moved), last);
        place.bucket->positions[place.slot] = position;
        *array_slot(table, position) = moved;
    }
    array_shorten(table);
}

void *table_remove(struct table *table, uint32_t position) {
    if (table->hole_count > 0) return table_remove_leaving_hole(table, position);
    void *entry = table_at(table, position);
    CHECK(entry != NULL);
    array_close_gap(table, position, table_hash(table, table->key(entry)));
    return entry;
}

void *table_remove_leaving_hole(struct table *table, uint32_t position) {
    void *entry = table_at(table, position);
    CHECK(entry != NULL);
    *array_slot(table, position) = table_hash(table, table->key(entry)) | 1;
    table->hole_count++;
    segments_reserve(&table->holes, hole_layout, table->holes_noted + 1ull);
    *(uint32_t *)segments_at(&table->holes, hole_layout, table->holes_noted++) = position;
    return entry;
}

void table_fill_holes(struct table *table) {
    if (LIKELY(table->holes_noted == 0)) return;
    for (uint32_t i = 0; i < table->holes_noted && table->hole_count > 0; i++) {
        while (table->span > 0 && slot_is_hole(*array_slot(table, table->span - 1))) {
            index_remove(table, *array_slot(table, table->span - 1), table->span - 1);
            table->hole_count--;
            array_shorten(table);
        }
        uint32_t position = *(uint32_t *)segments_at(&table->holes, hole_layout, i);
        if (position >= table->span) continue; /* it was among the last */
        uintptr_t slot = *array_slot(table, position);
        if (!slot_is_hole(slot)) continue; /* its key came back */
        table->hole_count--;
        array_close_gap(table, position, slot);
    }
    CHECK(table->hole_count == 0);
    table->holes_noted = 0;
    if (table->holes.first_capacity > 1024) segments_clear(&table->holes);
}

size_t table_memory(const struct table *table) {
    return sizeof(*table) + segments_memory(&table->array, array_layout) +
           segments_memory(&table->buckets, bucket_layout) +
           segments_memory(&table->overflows, bucket_layout) +
           segments_memory(&table->holes, hole_layout);
}

bool table_release_some(struct table *table, uint64_t *budget) {
    table_fill_holes(table);
    for (; *budget > 0 && table_size(table) > 0; *budget -= 1)
        memory_release(table_remove(table, table_size(table) - 1));
    return table_size(table) == 0;
}

/* Looks at this many entries and scales up, as Redis does. */
enum { MEMORY_SAMPLES = 32 };

size_t table_entries_memory(const struct table *table) {
    size_t sampled = 0, bytes = 0;
    for (uint32_t i = 0; i < table_span(table) && sampled < MEMORY_SAMPLES; i++) {
        const void *entry = table_at(table, i);
        if (entry == NULL) continue;
        bytes += memory_usable_size(entry);
        sampled++;
    }
    return sampled == 0 ? 0 : bytes * table_size(table) / sampled;
}

/* --- invariants ----------------------------------------------------------------------------- */

/* Checks one chain; returns its slots and adds its overflow buckets to *overflow_count. */
static uint64_t check_chain(const struct table *table, uint32_t home, uint8_t *seen,
                            uint64_t *overflow_count) {
    uint64_t slots = 0;
    for (const struct bucket *bucket = home_bucket(table, home); bucket != NULL;
         bucket = next_bucket(table, bucket)) {
        unsigned used = bucket_used(bucket);
        CHECK(bucket->overflow == 0 || used == BUCKET_SLOTS);
        CHECK(used > 0 || bucket == home_bucket(table, home));
        *overflow_count += bucket->overflow != 0;
        for (unsigned i = used; i < BUCKET_SLOTS; i++)
            CHECK(bucket->tags[i] == 0);
        for (unsigned i = 0; i < used; i++) {
            uint32_t position = bucket->positions[i];
            CHECK(position < table->span);
            CHECK(!seen[position]);
            seen[position] = 1;
            uint64_t hash = slot_hash(table, *array_slot(table, position));
            CHECK(hash_tag(hash) == bucket->tags[i]);
            CHECK(hash_bucket(table, hash) == home);
        }
        slots += used;
    }
    return slots;
}

void table_check(const struct table *table) {
    CHECK(table->bucket_count > table->bucket_mask);
    CHECK(table->bucket_count <= 2 * (uint64_t)table->bucket_mask + 1 || table->bucket_mask == 0);
    CHECK((table->bucket_mask & (table->bucket_mask + 1)) == 0);
    CHECK(table->hole_count <= table->holes_noted);
    CHECK(table->span <= segments_capacity(&table->array, array_layout));
    uint8_t *seen = memory_allocate_zeroed(table->span);
    uint64_t slots = 0, overflow_count = 0;
    for (uint32_t home = 0; home < table->bucket_count; home++)
        slots += check_chain(table, home, seen, &overflow_count);
    CHECK(slots == table->span);
    for (uint32_t link = table->overflow_free; link != 0;
         link = overflow_bucket(table, link)->overflow)
        overflow_count++;
    CHECK(overflow_count == table->overflow_used); /* none is lost */
    uint32_t holes = 0;
    for (uint32_t i = 0; i < table->span; i++)
        holes += slot_is_hole(*array_slot(table, i));
    CHECK(holes == table->hole_count);
    memory_release(seen);
}
