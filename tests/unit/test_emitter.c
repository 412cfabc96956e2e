/* The emitter: who gets what, in which order, and who is gone. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/random.h"
#include "tests/unit/storages_fixture.h"

Test(emitter, a_message_reaches_every_subscriber_of_the_cluster) {
    static const struct fixture_case cases[] = {
        {"PUBLISH news x", ":0"},
        {"SUBSCRIBE news sport", "[\"subscribe\", \"news\", :1] [\"subscribe\", \"sport\", :2]"},
        {"SUBSCRIBE news", "[\"subscribe\", \"news\", :2]"},
        {"%client 25", NULL},
        {"SUBSCRIBE news", "[\"subscribe\", \"news\", :1]"},
        {"PSUBSCRIBE n* ?ews", "[\"psubscribe\", \"n*\", :2] [\"psubscribe\", \"?ews\", :3]"},
        {"%client 13", NULL},
        {"PSUBSCRIBE n*", "[\"psubscribe\", \"n*\", :1]"},
        {"PUBLISH sport x", ":1 11<[\"message\", \"sport\", \"x\"]"},
        {"PUBLISH news x", ":5 11<[\"message\", \"news\", \"x\"] 25<[\"message\", \"news\", \"x\"]"
                           " 25<[\"pmessage\", \"n*\", \"news\", \"x\"]"
                           " 13<[\"pmessage\", \"n*\", \"news\", \"x\"]"
                           " 25<[\"pmessage\", \"?ews\", \"news\", \"x\"]"},
        {"PUBLISH NEWS x", ":0"},
        {"PUBSUB CHANNELS", "[\"news\", \"sport\"]"},
        {"PUBSUB CHANNELS s*", "[\"sport\"]"},
        {"PUBSUB NUMSUB", "[]"},
        {"PUBSUB NUMSUB news none sport", "[\"news\", :2, \"none\", :0, \"sport\", :1]"},
        {"PUBSUB NUMPAT", ":2"},
        {"%protocol 3", NULL},
        {"SUBSCRIBE a", ">[\"subscribe\", \"a\", :2]"},
        {"PUBLISH a \"\"", ":1 13<>[\"message\", \"a\", \"\"]"},
        {"UNSUBSCRIBE", ">[\"unsubscribe\", \"a\", :1]"},
        {"UNSUBSCRIBE", ">[\"unsubscribe\", nil, :1]"},
    };
    RUN_CASES(cases);
}

Test(emitter, forgets_who_leaves_and_who_is_gone) {
    static const struct fixture_case cases[] = {
        {"UNSUBSCRIBE", "[\"unsubscribe\", nil, :0]"},
        {"PUNSUBSCRIBE", "[\"punsubscribe\", nil, :0]"},
        {"UNSUBSCRIBE a b", "[\"unsubscribe\", \"a\", :0] [\"unsubscribe\", \"b\", :0]"},
        {"SUBSCRIBE a b c", NULL},
        {"PSUBSCRIBE p*", NULL},
        {"UNSUBSCRIBE b x", "[\"unsubscribe\", \"b\", :3] [\"unsubscribe\", \"x\", :3]"},
        {"PUBLISH b x", ":0"},
        {"PUNSUBSCRIBE a", "[\"punsubscribe\", \"a\", :3]"},
        {"PUNSUBSCRIBE", "[\"punsubscribe\", \"p*\", :2]"},
        {"PUBSUB NUMPAT", ":0"},
        {"UNSUBSCRIBE", "[\"unsubscribe\", \"a\", :1] [\"unsubscribe\", \"c\", :0]"},
        {"PUBSUB CHANNELS", "[]"},
        {"SUBSCRIBE a", NULL},
        {"%client 12", NULL},
        {"SUBSCRIBE a", NULL},
        {"%client 21", NULL},
        {"SUBSCRIBE a", NULL},
        {"PUBLISH a x", ":3 11<[\"message\", \"a\", \"x\"] 12<[\"message\", \"a\", \"x\"]"
                        " 21<[\"message\", \"a\", \"x\"]"},
        {"%client 12", NULL},
        {"%gone", NULL},
        {"%gone", NULL},
        {"PUBLISH a x", ":2 11<[\"message\", \"a\", \"x\"] 21<[\"message\", \"a\", \"x\"]"},
        {"%closed 1", NULL},
        {"%closed 7", NULL},
        {"PUBLISH a x", ":1 21<[\"message\", \"a\", \"x\"]"},
        {"%closed 2", NULL},
        {"PUBSUB CHANNELS", "[]"},
    };
    RUN_CASES(cases);
}

Test(emitter, answers_errors_as_redis) {
    static const struct fixture_case cases[] = {
        {"SUBSCRIBE", "-ERR wrong number of arguments for 'subscribe' command"},
        {"PUBLISH a", "-ERR wrong number of arguments for 'publish' command"},
        {"PUBSUB", "-ERR wrong number of arguments for 'pubsub' command"},
        {"PUBSUB FOO", "-ERR unknown subcommand 'FOO'. Try PUBSUB HELP."},
        {"PUBSUB NUMPAT x", "-ERR wrong number of arguments for 'pubsub|numpat' command"},
        {"PUBSUB CHANNELS a b",
         "-ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP."},
    };
    RUN_CASES(cases);
}

/* The fixture checks all invariants and both digests after each step. */
Test(emitter, survives_a_random_life) {
    struct fixture *fixture = fixture_create();
    struct random random;
    random_init(&random, 11);
    static const char *const formats[] = {
        "SUBSCRIBE c%d c%d",     "UNSUBSCRIBE c%d c%d", "PSUBSCRIBE c%d* *%d", "PUNSUBSCRIBE c%d*",
        "PUBLISH c%d message%d", "UNSUBSCRIBE",         "PUNSUBSCRIBE",        "%%gone",
        "SUBSCRIBE c%d",         "PUBLISH c%d x",       "%%closed %d",         "PSUBSCRIBE *%d",
    };
    for (int i = 0; i < 2000; i++) {
        int a = (int)random_below(&random, 5), b = (int)random_below(&random, 5);
        fixture_format(fixture, "%%client %d", 11 + a + 10 * (b % 3));
        const char *format = formats[random_below(&random, COUNT_OF(formats))];
        char line[64];
        int size = snprintf(line, sizeof(line), format, a, b);
        cr_assert(size > 0 && (size_t)size < sizeof(line));
        fixture_run(fixture, line);
    }
    cr_expect_not_null(fixture_run(fixture, "PUBSUB CHANNELS"));
    fixture_destroy(fixture);
}
