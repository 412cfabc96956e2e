/* test_founding.c: nodes that know only a list of addresses become one cluster or none (SAFETY 12).
 *
 * The simulated nodes have a disk (an identity), a memory (struct founding) and answers under way
 * that may be as old as one likes. They crash before and after each durable write, and are wiped.
 * At most one cluster may ever be founded by anybody, as long as one directory was never wiped. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/random.h"
#include "src/server/founding.h"

enum { NODES_MAX = 5, BROUGHT = 77 };

struct node {
    struct identity disk;
    struct founding memory;
    bool runs, refused, ever_wiped;
    struct founding_answer under_way[NODES_MAX]; /* from each node: noted when it likes */
    bool has_under_way[NODES_MAX];
};

struct box {
    struct random random;
    struct node nodes[NODES_MAX];
    uint32_t count;
    struct founding_address list[NODES_MAX];
    char cluster[IDENTITY_ID_SIZE]; /* the one that was founded */
    bool founded;
    struct identity founding; /* as its first member wrote it */
};

static bool same_id(const char *a, const char *b) {
    return memcmp(a, b, IDENTITY_ID_SIZE) == 0;
}

static void draw_uuid(struct box *box, struct identity *disk) {
    *disk = (struct identity){.phase = IDENTITY_EMPTY};
    for (size_t i = 0; i < IDENTITY_ID_SIZE; i++)
        disk->node[i] = (char)random_next(&box->random);
    /* Some bring data, all the same. */
    if (random_below(&box->random, 3) == 0) disk->initial = BROUGHT;
}

static void start(struct box *box, uint32_t at) {
    struct node *node = &box->nodes[at];
    node->runs = true;
    node->refused = false;
    node->memory = (struct founding){.count = box->count, .self = at};
    memcpy(node->memory.list, box->list, sizeof(box->list));
    memcpy(node->memory.node, node->disk.node, IDENTITY_ID_SIZE);
    node->memory.initial = node->disk.initial;
    memset(node->has_under_way, 0, sizeof(node->has_under_way));
    if (node->disk.phase == IDENTITY_PREPARED) founding_note_prepared(&node->memory, &node->disk);
}

static void box_init(struct box *box, uint64_t seed, uint32_t count) {
    *box = (struct box){.count = count};
    random_init(&box->random, seed);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(box->list[i].host, sizeof(box->list[i].host), "10.0.0.%u", i + 1);
        box->list[i].port = 6379;
        draw_uuid(box, &box->nodes[i].disk);
    }
    for (uint32_t i = 0; i < count; i++)
        start(box, i);
}

/* What is durable is what a vote may stand on: the rule is checked here. */
static void write_identity(struct box *box, uint32_t at, const struct identity *identity) {
    struct node *node = &box->nodes[at];
    struct buffer text = {0};
    identity_encode(identity, &text);
    cr_assert_eq(identity_decode(buffer_bytes(&text), &node->disk), ERROR_NONE);
    buffer_clear(&text);
    if (identity->phase != IDENTITY_FOUNDED) return;
    cr_assert(same_id(identity->members[identity->id - 1].uuid, node->disk.node),
              "a node votes only under the uuid that the cluster knows");
    if (!box->founded) {
        box->founded = true;
        box->founding = *identity;
        return;
    }
    cr_assert(same_id(box->founding.cluster, identity->cluster), "two clusters were founded");
    cr_assert_eq(identity->member_count, box->founding.member_count);
    cr_assert_eq(identity->initial, box->founding.initial, "all begin with the same data");
    cr_assert_eq(memcmp(identity->members, box->founding.members, sizeof(identity->members)), 0);
}

/* May crash before or after the write. */
static void decide(struct box *box, uint32_t at) {
    struct node *node = &box->nodes[at];
    struct identity identity;
    char text[FOUNDING_TEXT_SIZE] = "";
    enum founding_decision decision = founding_decide(&node->memory, &identity, text);
    if (decision == FOUNDING_WAITS) return;
    if (decision == FOUNDING_REFUSED) {
        cr_assert_str_neq(text, "");
        node->refused = true;
        node->runs = false;
        return;
    }
    uint64_t fate = random_below(&box->random, 8);
    if (fate != 0) write_identity(box, at, &identity);
    if (fate <= 1) {
        node->runs = false;
        return;
    }
    if (decision == FOUNDING_PREPARE) {
        founding_note_prepared(&node->memory, &identity);
        decide(box, at);
    }
}

static void ask(struct box *box, uint32_t from, uint32_t to) {
    const struct identity *asked = &box->nodes[to].disk;
    struct founding_answer answer;
    struct buffer wire = {0};
    founding_own_answer(asked, founding_list_hash(box->list, box->count), &answer);
    founding_answer_encode(&answer, &wire);
    struct node *node = &box->nodes[from];
    cr_assert_eq(founding_answer_decode(buffer_bytes(&wire), &node->under_way[to]), ERROR_NONE);
    node->has_under_way[to] = true;
    buffer_clear(&wire);
}

static void deliver(struct box *box, uint32_t to, uint32_t from) {
    struct node *node = &box->nodes[to];
    if (!node->runs || !node->has_under_way[from]) return;
    node->has_under_way[from] = false;
    if (node->disk.phase == IDENTITY_FOUNDED) return;
    founding_note_answer(&node->memory, from, &node->under_way[from]);
    decide(box, to);
}

static uint32_t never_wiped(const struct box *box) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < box->count; i++)
        count += !box->nodes[i].ever_wiped;
    return count;
}

static void step(struct box *box, bool with_wipes) {
    uint32_t a = (uint32_t)random_below(&box->random, box->count);
    uint32_t b = (uint32_t)random_below(&box->random, box->count);
    struct node *node = &box->nodes[a];
    uint64_t action = random_below(&box->random, 1000);
    if (action < 400) {
        if (a != b && node->runs && box->nodes[b].runs) ask(box, a, b);
    } else if (action < 900) {
        if (a != b) deliver(box, a, b);
    } else if (action < 910) {
        if (a != b && node->runs) founding_forget_answer(&node->memory, b);
    } else if (action < 920) {
        node->runs = false;
    } else if (action < 995 || !with_wipes) {
        if (!node->runs) start(box, a);
    } else if (node->ever_wiped || never_wiped(box) > 1) {
        node->ever_wiped = true;
        draw_uuid(box, &node->disk);
        start(box, a);
    }
}

Test(founding, no_two_clusters_whatever_crashes_and_is_wiped) {
    uint32_t founded = 0, refused = 0;
    for (uint64_t seed = 0; seed < 20000; seed++) {
        struct box box;
        box_init(&box, seed, seed % 2 == 0 ? 3 : 5);
        for (int i = 0; i < 300; i++)
            step(&box, true);
        founded += box.founded;
        for (uint32_t i = 0; i < box.count; i++)
            refused += box.nodes[i].refused;
    }
    cr_expect_gt(founded, 5000, "%u of 20000 runs founded", founded);
    cr_expect_gt(refused, 1000, "%u nodes were refused", refused);
}

Test(founding, crashes_alone_end_in_one_cluster_of_all) {
    for (uint64_t seed = 0; seed < 3000; seed++) {
        struct box box;
        box_init(&box, seed, seed % 2 == 0 ? 3 : 5);
        for (int i = 0; i < 200; i++)
            step(&box, false);
        uint32_t founded = 0;
        for (int round = 0; round < 1000 && founded < box.count; round++) {
            founded = 0;
            for (uint32_t i = 0; i < box.count; i++) {
                cr_assert(!box.nodes[i].refused, "seed %llu", (unsigned long long)seed);
                if (!box.nodes[i].runs) start(&box, i);
                for (uint32_t k = 0; k < box.count; k++) {
                    if (i == k || box.nodes[i].disk.phase == IDENTITY_FOUNDED) continue;
                    ask(&box, i, k);
                    deliver(&box, i, k);
                }
                founded += box.nodes[i].disk.phase == IDENTITY_FOUNDED;
            }
        }
        cr_assert_eq(founded, box.count, "seed %llu", (unsigned long long)seed);
    }
}

/* All promised and founded; then one directory is replaced by an empty one, or put back to an
 * earlier state. */
Test(founding, a_wiped_or_rewound_node_never_votes) {
    struct box box;
    box_init(&box, 7, 3);
    struct identity earlier = box.nodes[2].disk;
    for (int round = 0; round < 100; round++) {
        for (uint32_t i = 0; i < 3; i++) {
            for (uint32_t k = 0; k < 3; k++) {
                if (i == k || box.nodes[i].disk.phase == IDENTITY_FOUNDED) continue;
                if (!box.nodes[i].runs) start(&box, i);
                ask(&box, i, k);
                deliver(&box, i, k);
            }
        }
    }
    cr_assert(box.founded && box.nodes[2].disk.phase == IDENTITY_FOUNDED);
    for (int rewound = 0; rewound < 2; rewound++) {
        draw_uuid(&box, &box.nodes[2].disk);
        if (rewound) box.nodes[2].disk = earlier;
        start(&box, 2);
        ask(&box, 2, 0);
        deliver(&box, 2, 0);
        cr_expect(box.nodes[2].refused);
        cr_expect_eq(box.nodes[2].disk.phase, IDENTITY_EMPTY);
    }
}

/* Who has crashed comes back; then each hears of all others. */
static void all_hear(struct box *box) {
    for (uint32_t i = 0; i < box->count; i++) {
        if (!box->nodes[i].runs && !box->nodes[i].refused) start(box, i);
        for (uint32_t k = 0; k < box->count; k++) {
            if (i == k || box->nodes[i].disk.phase == IDENTITY_FOUNDED) continue;
            ask(box, i, k);
            deliver(box, i, k);
        }
    }
}

/* SAFETY 12: one dump, or equal ones, on any of the nodes. */
Test(founding, data_that_a_node_brings_is_that_of_all) {
    for (uint32_t brings = 0; brings < 8; brings++) {
        struct box box;
        box_init(&box, 5, 3);
        for (uint32_t i = 0; i < 3; i++)
            box.nodes[i].disk.initial = brings & 1u << i ? BROUGHT : 0;
        for (uint32_t i = 0; i < 3; i++)
            start(&box, i);
        for (int round = 0; round < 100; round++)
            all_hear(&box);
        for (uint32_t i = 0; i < 3; i++) {
            cr_expect_eq(box.nodes[i].disk.phase, IDENTITY_FOUNDED);
            cr_expect_eq(box.nodes[i].disk.initial, brings == 0 ? 0 : BROUGHT);
        }
    }
    struct box box;
    box_init(&box, 5, 3);
    for (uint32_t i = 0; i < 3; i++) {
        box.nodes[i].disk.initial = i + 1;
        start(&box, i);
    }
    all_hear(&box);
    for (uint32_t i = 0; i < 3; i++) {
        cr_expect(box.nodes[i].refused);
        cr_expect_eq(box.nodes[i].disk.phase, IDENTITY_EMPTY);
    }
}

Test(founding, tells_for_whom_it_waits_and_why) {
    struct founding founding = {.self = 1};
    const char *problems[] = {"can't connect: no answer", "", ""};
    char text[FOUNDING_TEXT_SIZE];
    cr_assert_eq(founding_parse_list(BYTES("a:1,b:2,c:3"), founding.list, &founding.count),
                 ERROR_NONE);
    cr_expect(founding_describe(&founding, problems, text));
    cr_expect_neq(strstr(text, "waits for a:1 (can't connect: no answer), c:3 (no answer yet);"),
                  NULL, "%s", text);
    struct founding_answer answer = {.phase = IDENTITY_EMPTY};
    founding_note_answer(&founding, 0, &answer);
    cr_expect(founding_describe(&founding, problems, text));
    cr_expect_neq(strstr(text, "waits for c:3 (no answer yet); all nodes of the --cluster list"),
                  NULL, "%s", text);
    founding.prepared = true;
    founding_note_answer(&founding, 2, &answer);
    cr_expect(founding_describe(&founding, problems, text));
    cr_expect_neq(strstr(text, "waits for a:1 (waits itself: see its log), c:3 (waits itself"),
                  NULL, "%s", text);
    answer.phase = IDENTITY_PREPARED;
    founding_note_answer(&founding, 0, &answer);
    founding_note_answer(&founding, 2, &answer);
    cr_expect_not(founding_describe(&founding, problems, text));
}

static const struct {
    const char *name, *text;
    enum error error;
    uint32_t count;
} list_cases[] = {
    {"three", "127.0.0.1:7001,127.0.0.1:7002,127.0.0.1:7003", ERROR_NONE, 3},
    {"names", "a.example:1,b.example:55535", ERROR_NONE, 2},
    {"an IPv6 address", "[::1]:7001,[::1]:7002", ERROR_NONE, 2},
    {"nothing", "", ERROR_MALFORMED, 0},
    {"no port", "127.0.0.1", ERROR_MALFORMED, 0},
    {"no host", ":7001", ERROR_MALFORMED, 0},
    {"an empty port", "127.0.0.1:", ERROR_MALFORMED, 0},
    {"a port of letters", "127.0.0.1:seven", ERROR_MALFORMED, 0},
    {"a space", "127.0.0.1:7001, 127.0.0.1:7002", ERROR_MALFORMED, 0},
    {"a comma at the end", "127.0.0.1:7001,", ERROR_MALFORMED, 0},
    {"two commas", "127.0.0.1:7001,,127.0.0.1:7002", ERROR_MALFORMED, 0},
    {"one twice", "127.0.0.1:7001,127.0.0.1:7002,127.0.0.1:7001", ERROR_EXISTS, 0},
    {"port zero", "127.0.0.1:0", ERROR_RANGE, 0},
    {"no room for port + 10000", "127.0.0.1:55536", ERROR_RANGE, 0},
    {"too many", "a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8,a:9,a:10,a:11,a:12,a:13,a:14,a:15,a:16,a:17",
     ERROR_RANGE, 0},
};

Test(founding, reads_lists_of_addresses) {
    for (size_t i = 0; i < COUNT_OF(list_cases); i++) {
        struct founding_address list[RAFT_NODES_MAX];
        uint32_t count;
        enum error error = founding_parse_list(bytes_of_text(list_cases[i].text), list, &count);
        cr_expect_eq(error, list_cases[i].error, "%s: %s", list_cases[i].name, error_text(error));
        if (error == ERROR_NONE) cr_expect_eq(count, list_cases[i].count, "%s", list_cases[i].name);
    }
}

Test(founding, the_order_of_a_list_does_not_matter) {
    struct founding_address one[RAFT_NODES_MAX], other[RAFT_NODES_MAX];
    uint32_t one_count, other_count;
    cr_assert_eq(founding_parse_list(BYTES("a:1,b:2,c:3"), one, &one_count), ERROR_NONE);
    cr_assert_eq(founding_parse_list(BYTES("c:3,a:1,b:2"), other, &other_count), ERROR_NONE);
    cr_expect_eq(founding_list_hash(one, one_count), founding_list_hash(other, other_count));
    cr_assert_eq(founding_parse_list(BYTES("c:3,a:1,b:3"), other, &other_count), ERROR_NONE);
    cr_expect_neq(founding_list_hash(one, one_count), founding_list_hash(other, other_count));
}

static void make_founded(struct identity *identity, enum identity_phase phase) {
    *identity = (struct identity){
        .phase = phase, .node = "the node's uuid", .cluster = "clusters", .id = 2};
    identity->member_count = 3;
    for (uint32_t i = 0; i < 3; i++) {
        struct identity_member *member = &identity->members[i];
        *member = (struct identity_member){.id = i + 1, .port = (uint16_t)(7001 + i)};
        snprintf(member->host, sizeof(member->host), "host%u", i);
        member->uuid[0] = (char)(i + 1);
    }
    memcpy(identity->members[1].uuid, identity->node, IDENTITY_ID_SIZE);
}

/* Whether it has had a log concerns nobody else. */
Test(founding, a_member_says_founded_with_and_without_a_log) {
    struct identity identity;
    struct founding_answer answers[2];
    for (int i = 0; i < 2; i++) {
        make_founded(&identity, i == 0 ? IDENTITY_FOUNDED : IDENTITY_VOTING);
        cr_expect(identity_is_founded(&identity));
        founding_own_answer(&identity, 7, &answers[i]);
        cr_expect_eq(answers[i].phase, IDENTITY_FOUNDED);
    }
    cr_expect_eq(memcmp(&answers[0], &answers[1], sizeof(answers[0])), 0);
}

Test(founding, identity_survives_its_file_and_nothing_else_does) {
    struct identity identity, read;
    struct buffer text = {0};
    make_founded(&identity, IDENTITY_FOUNDED);
    identity_encode(&identity, &text);
    cr_assert_eq(identity_decode(buffer_bytes(&text), &read), ERROR_NONE);
    cr_expect_eq(memcmp(&identity, &read, sizeof(read)), 0);
    text.size = 0;
    make_founded(&identity, IDENTITY_VOTING);
    identity_encode(&identity, &text);
    cr_assert_eq(identity_decode(buffer_bytes(&text), &read), ERROR_NONE);
    cr_expect_eq(memcmp(&identity, &read, sizeof(read)), 0);
    cr_expect_eq(identity_base_hash(&identity), identity_base_hash(&read));
    identity.initial = 5;
    cr_expect_neq(identity_base_hash(&identity), identity_base_hash(&read));
    text.size = 0;
    identity_encode(&identity, &text);
    cr_assert_eq(identity_decode(buffer_bytes(&text), &read), ERROR_NONE);
    cr_expect_eq(memcmp(&identity, &read, sizeof(read)), 0);
    for (size_t size = 0; size < text.size; size++)
        cr_expect_neq(identity_decode(bytes_of(text.data, size), &read), ERROR_NONE, "%zu", size);
    for (size_t at = 0; at < text.size; at++) {
        for (int bit = 0; bit < 8; bit++) {
            text.data[at] = (char)(text.data[at] ^ 1 << bit);
            cr_expect_neq(identity_decode(buffer_bytes(&text), &read), ERROR_NONE, "%zu", at);
            text.data[at] = (char)(text.data[at] ^ 1 << bit);
        }
    }
    buffer_clear(&text);
}

Test(founding, damaged_answers_are_refused_or_sound) {
    struct identity identity;
    make_founded(&identity, IDENTITY_FOUNDED);
    struct founding_answer answer, read;
    founding_own_answer(&identity, 77, &answer);
    struct buffer wire = {0};
    founding_answer_encode(&answer, &wire);
    cr_assert_eq(founding_answer_decode(buffer_bytes(&wire), &read), ERROR_NONE);
    cr_expect_eq(memcmp(&answer, &read, sizeof(read)), 0);
    for (size_t size = 0; size < wire.size; size++)
        cr_expect_neq(founding_answer_decode(bytes_of(wire.data, size), &read), ERROR_NONE);
    for (size_t at = 0; at < wire.size; at++) {
        wire.data[at] = (char)(wire.data[at] ^ 0x80);
        if (founding_answer_decode(buffer_bytes(&wire), &read) == ERROR_NONE) {
            for (uint32_t i = 0; i < read.member_count; i++)
                cr_expect_eq(read.members[i].id, i + 1);
        }
        wire.data[at] = (char)(wire.data[at] ^ 0x80);
    }
    buffer_clear(&wire);
}
