/* Patterns, each case asked of Redis 7.0.15 (KEYS with one key). */
#include <criterion/criterion.h>

#include "base/glob.h"

static const struct {
    const char *pattern, *text;
    bool matches;
} cases[] = {
    {"", "", true},
    {"*", "", false}, /* callers know "*" as everything */
    {"", "a", false},
    {"*", "a", true},
    {"**", "a", true},
    {"a*", "a", true},
    {"a**", "a", true},
    {"a?", "a", false},
    {"h?llo", "hello", true},
    {"h?llo", "hllo", false},
    {"h*llo", "heeeello", true},
    {"h[ae]llo", "hallo", true},
    {"h[ae]llo", "hillo", false},
    {"h[^e]llo", "hallo", true},
    {"h[^e]llo", "hello", false},
    {"h[a-b]llo", "hbllo", true},
    {"h[b-a]llo", "hallo", true},
    {"h[a-b]llo", "hcllo", false},
    {"[]a]", "a", false}, /* an empty class takes nothing */
    {"[^]", "a", true},
    {"[a", "a", true}, /* a class may lack its end */
    {"[a-", "-", true},
    {"[a-c", "b", true},
    {"[\\]]", "]", true},
    {"[a\\-z]", "-", true},
    {"[a\\-z]", "m", false},
    {"\\*", "*", true},
    {"\\*", "a", false},
    {"a\\", "a\\", true},
    {"*a*b*c", "xaxbxc", true},
    {"*a*b*c", "xaxbxcx", false},
    {"*abc", "ababc", true},
    {"*[ab]c*", "xxbcx", true},
    {"a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    {"[\x80-\x90]", "\x85", true},
    {"[a-\x90]", "b", false}, /* signed: \x90 is below a */
    {"ABC", "abc", false},
};

Test(glob, matches_as_redis_does) {
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool matches =
            glob_match(bytes_of_text(cases[i].pattern), bytes_of_text(cases[i].text), false);
        cr_expect_eq(matches, cases[i].matches, "%s on %s", cases[i].pattern, cases[i].text);
    }
}

Test(glob, ignores_case_when_asked) {
    cr_expect(glob_match(BYTES("MAX*[A-C]"), BYTES("maxmemoryb"), true));
    cr_expect(glob_match(BYTES("max?[a-c]"), BYTES("MAXXB"), true));
    cr_expect_not(glob_match(BYTES("MAX*"), BYTES("min"), true));
}
