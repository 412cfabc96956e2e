/* Configurations: their bytes, their rules, and the way from one to the next. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "raft/members.h"

/* "1 2 3l": voters 1 and 2, learner 3; 'p' behind a learner: to be promoted. */
static struct members parse(const char *text) {
    struct members members = {0};
    while (*text != '\0') {
        struct member member = {
            .id = (uint32_t)strtoul(text, (char **)&text, 10), .flags = MEMBER_VOTER, .port = 7000};
        member.uuid[0] = (char)member.id;
        for (; *text == 'l' || *text == 'p'; text++)
            member.flags = *text == 'l' ? 0 : MEMBER_PROMOTE;
        while (*text == ' ')
            text++;
        cr_assert(members_put(&members, &member));
    }
    return members;
}

static void expect_text(const struct members *members, const char *text) {
    struct buffer line = {0};
    members_print(members, &line);
    cr_expect(bytes_equal(buffer_bytes(&line), bytes_of_text(text)), "%.*s, expected %s",
              (int)line.size, line.data, text);
    buffer_clear(&line);
}

Test(members, are_sorted_and_found) {
    struct members members = parse("3 1 2l");
    cr_expect_eq(members.count, 3);
    cr_expect_eq(members_find(&members, 2)->flags, 0);
    cr_expect_null(members_find(&members, 4));
    cr_expect_eq(members_all(&members), 0b1110);
    cr_expect_eq(members_voters(&members), 0b1010);
    cr_expect_eq(members_next_voters(&members), 0);
    members_drop(&members, 1);
    members_drop(&members, 9);
    expect_text(&members, "n2 (learner) n3");
}

Test(members, ids_are_given_out_in_turn) {
    struct members members = parse("1 2 3");
    cr_expect_eq(members_free_id(&members, 0), 4);
    cr_expect(members_put(&members, &(struct member){.id = 4, .flags = MEMBER_VOTER}));
    members_drop(&members, 4);
    cr_expect_eq(members_free_id(&members, 0), 5, "the one just freed comes last");
    cr_expect_eq(members_free_id(&members, 1u << 5 | 1u << 6), 7, "who has left may be told still");
    for (uint32_t id = 5; id <= RAFT_NODES_MAX; id++)
        cr_expect(members_put(&members, &(struct member){.id = id}));
    cr_expect_eq(members_free_id(&members, 0), 4);
    cr_expect(members_put(&members, &(struct member){.id = 4}));
    cr_expect_eq(members_free_id(&members, 0), 0);
    cr_expect_not(members_put(&members, &(struct member){.id = 17}));
    cr_expect(members_put(&members, &(struct member){.id = 7, .port = 1}), "a change of one");
}

/* The id may come again: then it is another node's. */
Test(members, nobody_takes_the_place_of_one_that_is_gone) {
    struct members members = parse("1 2 3");
    struct member learner = {.id = 4, .flags = MEMBER_PROMOTE, .replaces = 2};
    cr_expect(members_put(&members, &learner));
    members_drop(&members, 1);
    cr_expect_eq(members_find(&members, 4)->replaces, 2);
    members_drop(&members, 2);
    cr_expect_eq(members_find(&members, 4)->replaces, 0);
}

Test(members, change_voters_by_a_joint_configuration) {
    static const struct {
        const char *from, *to, *first, *last;
    } cases[] = {
        {"1 2 3", "1 2 3 4l", "n1 n2 n3 n4 (learner)", NULL},
        {"1 2 3 4l", "1 2 3", "n1 n2 n3", NULL},
        {"1", "1 2", "n1 n2 (learner) -> n1 n2", "n1 n2"},
        {"1 2 3", "1 2 4", "n1 n2 n3 n4 (learner) -> n1 n2 n4", "n1 n2 n4"},
        {"1 2 3", "1 2 3l", "n1 n2 n3 -> n1 n2 n3 (learner)", "n1 n2 n3 (learner)"},
        {"1 2 3 4l", "1 2 3l 4", "n1 n2 n3 n4 (learner) -> n1 n2 n3 (learner) n4",
         "n1 n2 n3 (learner) n4"},
        {"1 2 3", "4 5l", "n1 n2 n3 n4 (learner) n5 (learner) -> n4 n5 (learner)",
         "n4 n5 (learner)"},
        {"1", "1 2lp 3", "n1 n2 (learner) n3 (learner) -> n1 n2 (learner) n3",
         "n1 n2 (learner) n3"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct members from = parse(cases[i].from), to = parse(cases[i].to), first, last;
        members_begin_change((struct members_change){&from, &to}, &first);
        cr_expect_eq(members_validate(&first), ERROR_NONE, "%s", cases[i].first);
        expect_text(&first, cases[i].first);
        cr_expect_eq(first.joint, cases[i].last != NULL);
        if (!first.joint) continue;
        members_end_change(&first, &last);
        cr_expect_eq(members_validate(&last), ERROR_NONE, "%s", cases[i].last);
        expect_text(&last, cases[i].last);
        for (uint32_t k = 0; k < to.count; k++) {
            const struct member *member = members_find(&last, to.at[k].id);
            cr_expect_eq(member->flags, to.at[k].flags, "n%u", member->id);
            cr_expect_eq(member->uuid[0], to.at[k].uuid[0]);
        }
    }
}

/* Format 1 stands in every log: it never changes. */
Test(members, format_1_is_fixed) {
    static const unsigned char bytes[] = {
        1,   1,   2, 4, /* head */
        1,   1,   0, 2, 0x59, 0x1b, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
        'h', 'a',                                                                         /* n1 */
        4,   2,   0, 0, 0x5a, 0x1b, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0,  0,  0,  0,  0,  0,  0, /* n4 */
    };
    struct members members = {.joint = true};
    struct member one = {.id = 1,
                         .flags = MEMBER_VOTER,
                         .port = 7001,
                         .uuid = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
                         .host = "ha"};
    struct member four = {.id = 4, .flags = MEMBER_NEXT_VOTER, .port = 7002, .uuid = {4}};
    cr_expect(members_put(&members, &one));
    cr_expect(members_put(&members, &four));
    struct buffer body = {0};
    members_encode(&members, &body);
    cr_assert_eq(body.size, sizeof(bytes));
    cr_expect_arr_eq(body.data, bytes, sizeof(bytes));

    struct members read;
    cr_expect_eq(members_decode(buffer_bytes(&body), &read), ERROR_NONE);
    cr_expect_eq(read.last_id, 4);
    cr_expect_str_eq(read.at[0].host, "ha");
    for (size_t cut = 0; cut < sizeof(bytes); cut++)
        cr_expect_eq(members_decode(bytes_of(bytes, cut), &read), ERROR_TRUNCATED, "%zu", cut);
    buffer_clear(&body);
}

Test(members, refuse_what_is_malformed) {
    static const struct {
        const char *name;
        size_t at;
        uint8_t value;
        enum error error;
    } cases[] = {
        {"a newer format", 0, 2, ERROR_VERSION},
        {"no format", 0, 0, ERROR_MALFORMED},
        {"neither joint nor not", 1, 2, ERROR_MALFORMED},
        {"more than there may be", 2, 17, ERROR_RANGE},
        {"more than there are", 2, 3, ERROR_TRUNCATED},
        {"fewer than there are", 2, 1, ERROR_MALFORMED},
        {"a last id beyond all", 3, 17, ERROR_RANGE},
        {"no id", 4, 0, ERROR_RANGE},
        {"an id beyond all", 4, 17, ERROR_RANGE},
        {"the same id twice", 4, 2, ERROR_MALFORMED},
        {"an unknown flag", 5, 0x11, ERROR_MALFORMED},
        {"a vote to come, though not joint", 5, 3, ERROR_MALFORMED},
        {"leaves, though not joint", 5, 5, ERROR_MALFORMED},
        {"a voter to be promoted", 5, 9, ERROR_MALFORMED},
        {"a voter that replaces", 6, 2, ERROR_MALFORMED},
        {"a host's name with a zero byte", 26, 0, ERROR_MALFORMED},
        {"a longer host's name", 7, 200, ERROR_TRUNCATED},
        {"the same uuid twice", 10, 2, ERROR_MALFORMED},
    };
    struct members members = parse("1 2");
    memcpy(members.at[0].host, "a", 1);
    struct buffer body = {0};
    members_encode(&members, &body);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct members read;
        char copy[80];
        memcpy(copy, body.data, body.size);
        copy[cases[i].at] = (char)cases[i].value;
        enum error error = members_decode(bytes_of(copy, body.size), &read);
        cr_expect_eq(error, cases[i].error, "%s: %s", cases[i].name, error_text(error));
    }
    buffer_clear(&body);
    members = parse("1l 2l");
    cr_expect_eq(members_validate(&members), ERROR_MALFORMED, "nobody votes");
    members = parse("1 2");
    members.joint = true;
    cr_expect_eq(members_validate(&members), ERROR_MALFORMED, "nobody is going to vote");
}
