/* Records: the string commands. */
#include <criterion/criterion.h>

#include "tests/unit/storages_fixture.h"

Test(records, set_and_get) {
    static const struct fixture_case cases[] = {
        {"GET a", "nil"},
        {"SET a 1", "+OK"},
        {"GET a", "\"1\""},
        {"%protocol 3", NULL},
        {"GET b", "nil"},
        {"GET", "-ERR wrong number of arguments for 'get' command"},
        {"FOO a b", "-ERR unknown command 'FOO', with args beginning with: 'a' 'b' "},
    };
    RUN_CASES(cases);
}
