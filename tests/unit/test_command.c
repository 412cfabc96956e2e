/* The registry: names, ids, arities, keys, and what COMMAND says of them. The answers were compared
 * with redis-server 7.0.15's; those of COMMAND DOCS lack its "history". */
#include <criterion/criterion.h>

#include "tests/unit/storages_fixture.h"

Test(command, unknown_commands_and_wrong_arities) {
    static const struct fixture_case cases[] = {
        {"FOO", "-ERR unknown command 'FOO', with args beginning with: "},
        {"FOO a \"b c\" \"with\\r\\nlines\"",
         "-ERR unknown command 'FOO', with args beginning with: 'a' 'b c' 'with  lines' "},
        {"\"fo\\r\\no\" x", "-ERR unknown command 'fo  o', with args beginning with: 'x' "},
        {"FOO "
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b",
         "-ERR unknown command 'FOO', with args beginning with: "
         "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' "},
        {"FOO aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
         "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb c",
         "-ERR unknown command 'FOO', with args beginning with: "
         "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' "
         "'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb' "},
        {"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
         "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
         "-ERR unknown command "
         "'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
         "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF', with args beginning with: "},
        {"FOO \"a\\x00b\"", "-ERR unknown command 'FOO', with args beginning with: 'a' "},
        {"\"GET\\x00\" a", "-ERR unknown command 'GET', with args beginning with: 'a' "},
        {"\"\" a", "-ERR unknown command '', with args beginning with: 'a' "},
        {"GET", "-ERR wrong number of arguments for 'get' command"},
        {"get a b", "-ERR wrong number of arguments for 'get' command"},
        {"OBJECT", "-ERR wrong number of arguments for 'object' command"},
        {"OBJECT foo", "-ERR unknown subcommand 'foo'. Try OBJECT HELP."},
        {"object \"bar\\x00x\" y", "-ERR unknown subcommand 'bar'. Try OBJECT HELP."},
        {"object|help", "-ERR unknown command 'object|help', with args beginning with: "},
        {"object|encoding a",
         "-ERR unknown command 'object|encoding', with args beginning with: 'a' "},
        {"command foo", "-ERR unknown subcommand 'foo'. Try COMMAND HELP."},
        {"COMMAND COUNT 1", "-ERR wrong number of arguments for 'command|count' command"},
        {"command getkeys", "-ERR wrong number of arguments for 'command|getkeys' command"},
        {"command getkeys get", "-ERR wrong number of arguments for 'command|getkeys' command"},
    };
    RUN_CASES(cases);
}

Test(command, get_keys) {
    static const struct fixture_case cases[] = {
        {"COMMAND GETKEYS GET k", "[\"k\"]"},
        {"COMMAND GETKEYS MSET a 1 b 2", "[\"a\", \"b\"]"},
        {"COMMAND GETKEYS MSET a 1 b", "[\"a\", \"b\"]"},
        {"COMMAND GETKEYS MSET a", "-ERR Invalid number of arguments specified for command"},
        {"COMMAND GETKEYS foo x", "-ERR Invalid command specified"},
        {"COMMAND GETKEYS DBSIZE", "-ERR wrong number of arguments for 'command|getkeys' command"},
        {"COMMAND GETKEYS FLUSHALL sync", "-ERR The command has no key arguments"},
        {"COMMAND GETKEYS OBJECT HELP", "-ERR The command has no key arguments"},
        {"COMMAND GETKEYS OBJECT ENCODING x", "[\"x\"]"},
        {"COMMAND GETKEYS OBJECT foo x", "-ERR Invalid command specified"},
        {"COMMAND GETKEYS RENAME a b", "[\"a\", \"b\"]"},
        {"COMMAND GETKEYS DEL a b c", "[\"a\", \"b\", \"c\"]"},
        {"COMMAND GETKEYS ZUNIONSTORE d 2 a b WEIGHTS 1 2", "[\"d\", \"a\", \"b\"]"},
        {"COMMAND GETKEYS ZUNION 2 a b", "[\"a\", \"b\"]"},
        {"COMMAND GETKEYS ZUNION 3 a b", "-ERR Invalid arguments specified for command"},
        {"COMMAND GETKEYS ZUNION 0 a b", "-ERR Invalid arguments specified for command"},
        {"COMMAND GETKEYS ZUNION x a b", "-ERR Invalid arguments specified for command"},
        {"COMMAND GETKEYS SINTERSTORE d a b", "[\"d\", \"a\", \"b\"]"},
        {"COMMAND GETKEYS SET a 1 EX 10", "[\"a\"]"},
        {"COMMAND GETKEYSANDFLAGS SET a 1", "[[\"a\", [+OW, +update]]]"},
        {"COMMAND GETKEYSANDFLAGS RENAME a b",
         "[[\"a\", [+RW, +access, +delete]], [\"b\", [+OW, +update]]]"},
        {"COMMAND GETKEYSANDFLAGS SINTERSTORE d a b",
         "[[\"d\", [+RW, +update]], [\"a\", [+RO, +access]], [\"b\", [+RO, +access]]]"},
        {"COMMAND GETKEYSANDFLAGS ZUNIONSTORE d 2 a b",
         "[[\"d\", [+OW, +update]], [\"a\", [+RO, +access]], [\"b\", [+RO, +access]]]"},
        {"COMMAND GETKEYSANDFLAGS LMPOP 2 a b LEFT",
         "[[\"a\", [+RW, +access, +delete]], [\"b\", [+RW, +access, +delete]]]"},
        {"COMMAND GETKEYSANDFLAGS DBSIZE x", "-ERR The command has no key arguments"},
        {"%protocol 3", NULL},
        {"COMMAND GETKEYSANDFLAGS COPY a b",
         "[[\"a\", ~[+RO, +access]], [\"b\", ~[+OW, +update]]]"},
        {"COMMAND GETKEYSANDFLAGS MSET a 1 b 2",
         "[[\"a\", ~[+OW, +update]], [\"b\", ~[+OW, +update]]]"},
    };
    RUN_CASES(cases);
}

Test(command, info_and_docs) {
    static const struct fixture_case cases[] = {
        {"COMMAND INFO get",
         "[[\"get\", :2, [+readonly, +fast], :1, :1, :1, [+@read, +@string, +@fast], [], "
         "[[\"flags\", [+RO, +access], \"begin_search\", [\"type\", \"index\", \"spec\", "
         "[\"index\", :1]], \"find_keys\", [\"type\", \"range\", \"spec\", [\"lastkey\", :0, "
         "\"keystep\", :1, \"limit\", :0]]]], []]]"},
        {"COMMAND INFO GET foo set",
         "[[\"get\", :2, [+readonly, +fast], :1, :1, :1, [+@read, +@string, +@fast], [], "
         "[[\"flags\", [+RO, +access], \"begin_search\", [\"type\", \"index\", \"spec\", "
         "[\"index\", :1]], \"find_keys\", [\"type\", \"range\", \"spec\", [\"lastkey\", :0, "
         "\"keystep\", :1, \"limit\", :0]]]], []], nil, [\"set\", :-3, [+write, +denyoom], :1, :1, "
         ":1, [+@write, +@string, +@slow], [], [[\"notes\", \"RW and ACCESS due to the optional "
         "`GET` argument\", \"flags\", [+RW, +access, +update, +variable_flags], \"begin_search\", "
         "[\"type\", \"index\", \"spec\", [\"index\", :1]], \"find_keys\", [\"type\", \"range\", "
         "\"spec\", [\"lastkey\", :0, \"keystep\", :1, \"limit\", :0]]]], []]]"},
        {"COMMAND INFO rename",
         "[[\"rename\", :3, [+write], :1, :2, :1, [+@keyspace, +@write, +@slow], [], [[\"flags\", "
         "[+RW, +access, +delete], \"begin_search\", [\"type\", \"index\", \"spec\", [\"index\", "
         ":1]], \"find_keys\", [\"type\", \"range\", \"spec\", [\"lastkey\", :0, \"keystep\", :1, "
         "\"limit\", :0]]], [\"flags\", [+OW, +update], \"begin_search\", [\"type\", \"index\", "
         "\"spec\", [\"index\", :2]], \"find_keys\", [\"type\", \"range\", \"spec\", [\"lastkey\", "
         ":0, \"keystep\", :1, \"limit\", :0]]]], []]]"},
        {"COMMAND INFO zunionstore",
         "[[\"zunionstore\", :-4, [+write, +denyoom, +movablekeys], :1, :1, :1, [+@write, "
         "+@sortedset, +@slow], [], [[\"flags\", [+OW, +update], \"begin_search\", [\"type\", "
         "\"index\", \"spec\", [\"index\", :1]], \"find_keys\", [\"type\", \"range\", \"spec\", "
         "[\"lastkey\", :0, \"keystep\", :1, \"limit\", :0]]], [\"flags\", [+RO, +access], "
         "\"begin_search\", [\"type\", \"index\", \"spec\", [\"index\", :2]], \"find_keys\", "
         "[\"type\", \"keynum\", \"spec\", [\"keynumidx\", :0, \"firstkey\", :1, \"keystep\", "
         ":1]]]], []]]"},
        {"COMMAND INFO sinterstore",
         "[[\"sinterstore\", :-3, [+write, +denyoom], :1, :-1, :1, [+@write, +@set, +@slow], [], "
         "[[\"flags\", [+RW, +update], \"begin_search\", [\"type\", \"index\", \"spec\", "
         "[\"index\", :1]], \"find_keys\", [\"type\", \"range\", \"spec\", [\"lastkey\", :0, "
         "\"keystep\", :1, \"limit\", :0]]], [\"flags\", [+RO, +access], \"begin_search\", "
         "[\"type\", \"index\", \"spec\", [\"index\", :2]], \"find_keys\", [\"type\", \"range\", "
         "\"spec\", [\"lastkey\", :-1, \"keystep\", :1, \"limit\", :0]]]], []]]"},
        {"COMMAND INFO mset",
         "[[\"mset\", :-3, [+write, +denyoom], :1, :-1, :2, [+@write, +@string, +@slow], "
         "[\"request_policy:multi_shard\", \"response_policy:all_succeeded\"], [[\"flags\", [+OW, "
         "+update], \"begin_search\", [\"type\", \"index\", \"spec\", [\"index\", :1]], "
         "\"find_keys\", [\"type\", \"range\", \"spec\", [\"lastkey\", :-1, \"keystep\", :2, "
         "\"limit\", :0]]]], []]]"},
        {"COMMAND INFO lmpop",
         "[[\"lmpop\", :-4, [+write, +movablekeys], :0, :0, :0, [+@write, +@list, +@slow], [], "
         "[[\"flags\", [+RW, +access, +delete], \"begin_search\", [\"type\", \"index\", \"spec\", "
         "[\"index\", :1]], \"find_keys\", [\"type\", \"keynum\", \"spec\", [\"keynumidx\", :0, "
         "\"firstkey\", :1, \"keystep\", :1]]]], []]]"},
        {"COMMAND INFO object|encoding",
         "[[\"object|encoding\", :3, [+readonly], :2, :2, :1, [+@keyspace, +@read, +@slow], "
         "[\"nondeterministic_output\"], [[\"flags\", [+RO], \"begin_search\", [\"type\", "
         "\"index\", \"spec\", [\"index\", :2]], \"find_keys\", [\"type\", \"range\", \"spec\", "
         "[\"lastkey\", :0, \"keystep\", :1, \"limit\", :0]]]], []]]"},
        {"COMMAND INFO \"object encoding\"", "[nil]"},
        {"COMMAND DOCS foo", "[]"},
        {"COMMAND DOCS get",
         "[\"get\", [\"summary\", \"Get the value of a key\", \"since\", \"1.0.0\", \"group\", "
         "\"string\", \"complexity\", \"O(1)\", \"arguments\", [[\"name\", \"key\", \"type\", "
         "\"key\", \"key_spec_index\", :0]]]]"},
        {"COMMAND DOCS object|encoding",
         "[\"object|encoding\", [\"summary\", \"Inspect the internal encoding of a Redis object\", "
         "\"since\", \"2.2.3\", \"group\", \"generic\", \"complexity\", \"O(1)\", \"arguments\", "
         "[[\"name\", \"key\", \"type\", \"key\", \"key_spec_index\", :0]]]]"},
        {"COMMAND LIST FILTERBY PATTERN mget*", "[\"mget\"]"},
        {"COMMAND LIST FILTERBY PATTERN OBJECT|ENC*", "[\"object|encoding\"]"},
        {"COMMAND LIST FILTERBY MODULE x", "[]"},
        {"COMMAND LIST FILTERBY ACLCAT nothing", "[]"},
        {"COMMAND LIST FILTERBY FOO x", "-ERR syntax error"},
        {"COMMAND LIST FILTERBY", "-ERR syntax error"},
        {"COMMAND LIST FILTERBY PATTERN", "-ERR syntax error"},
        {"COMMAND LIST FILTERBY PATTERN a b", "-ERR syntax error"},
        {"COMMAND LIST x", "-ERR syntax error"},
        {"COMMAND HELP",
         "[+COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:, +(no subcommand), +  "
         "  Return details about all Redis commands., +COUNT, +    Return the total number of "
         "commands in this Redis server., +LIST, +    Return a list of all commands in this Redis "
         "server., +INFO [<command-name> ...], +    Return details about multiple Redis commands., "
         "+    If no command names are given, documentation details for all, +    commands are "
         "returned., +DOCS [<command-name> ...], +    Return documentation details about multiple "
         "Redis commands., +    If no command names are given, documentation details for all, +    "
         "commands are returned., +GETKEYS <full-command>, +    Return the keys from a full Redis "
         "command., +GETKEYSANDFLAGS <full-command>, +    Return the keys and the access flags "
         "from a full Redis command., +HELP, +    Prints this help.]"},
        {"%protocol 3", NULL},
        {"COMMAND INFO get",
         "[[\"get\", :2, ~[+readonly, +fast], :1, :1, :1, ~[+@read, +@string, +@fast], ~[], "
         "~[{\"flags\": ~[+RO, +access], \"begin_search\": {\"type\": \"index\", \"spec\": "
         "{\"index\": :1}}, \"find_keys\": {\"type\": \"range\", \"spec\": {\"lastkey\": :0, "
         "\"keystep\": :1, \"limit\": :0}}}], ~[]]]"},
        {"COMMAND INFO substr foo",
         "[[\"substr\", :4, ~[+readonly], :1, :1, :1, ~[+@read, +@string, +@slow], ~[], "
         "~[{\"flags\": ~[+RO, +access], \"begin_search\": {\"type\": \"index\", \"spec\": "
         "{\"index\": :1}}, \"find_keys\": {\"type\": \"range\", \"spec\": {\"lastkey\": :0, "
         "\"keystep\": :1, \"limit\": :0}}}], ~[]], nil]"},
        {"COMMAND INFO memory|usage",
         "[[\"memory|usage\", :-3, ~[+readonly], :2, :2, :1, ~[+@read, +@slow], ~[], ~[{\"flags\": "
         "~[+RO], \"begin_search\": {\"type\": \"index\", \"spec\": {\"index\": :2}}, "
         "\"find_keys\": {\"type\": \"range\", \"spec\": {\"lastkey\": :0, \"keystep\": :1, "
         "\"limit\": :0}}}], ~[]]]"},
        {"COMMAND DOCS substr",
         "{\"substr\": {\"summary\": \"Get a substring of the string stored at a key\", \"since\": "
         "\"1.0.0\", \"group\": \"string\", \"complexity\": \"O(N) where N is the length of the "
         "returned string. The complexity is ultimately determined by the returned length, but "
         "because creating a substring from an existing string is very cheap, it can be considered "
         "O(1) for small strings.\", \"doc_flags\": ~[+deprecated], \"deprecated_since\": "
         "\"2.0.0\", \"replaced_by\": \"`GETRANGE`\", \"arguments\": [{\"name\": \"key\", "
         "\"type\": \"key\", \"key_spec_index\": :0}, {\"name\": \"start\", \"type\": "
         "\"integer\"}, {\"name\": \"end\", \"type\": \"integer\"}]}}"},
        {"COMMAND DOCS setnx",
         "{\"setnx\": {\"summary\": \"Set the value of a key, only if the key does not exist\", "
         "\"since\": \"1.0.0\", \"group\": \"string\", \"complexity\": \"O(1)\", \"arguments\": "
         "[{\"name\": \"key\", \"type\": \"key\", \"key_spec_index\": :0}, {\"name\": \"value\", "
         "\"type\": \"string\"}]}}"},
        {"COMMAND DOCS strlen foo",
         "{\"strlen\": {\"summary\": \"Get the length of the value stored in a key\", \"since\": "
         "\"2.2.0\", \"group\": \"string\", \"complexity\": \"O(1)\", \"arguments\": [{\"name\": "
         "\"key\", \"type\": \"key\", \"key_spec_index\": :0}]}}"},
        {"COMMAND DOCS flushall",
         "{\"flushall\": {\"summary\": \"Remove all keys from all databases\", \"since\": "
         "\"1.0.0\", \"group\": \"server\", \"complexity\": \"O(N) where N is the total number of "
         "keys in all databases\", \"arguments\": [{\"name\": \"async\", \"type\": \"oneof\", "
         "\"flags\": ~[+optional], \"arguments\": [{\"name\": \"async\", \"type\": \"pure-token\", "
         "\"token\": \"ASYNC\", \"since\": \"4.0.0\"}, {\"name\": \"sync\", \"type\": "
         "\"pure-token\", \"token\": \"SYNC\", \"since\": \"6.2.0\"}]}]}}"},
        {"COMMAND DOCS zrange",
         "{\"zrange\": {\"summary\": \"Return a range of members in a sorted set\", \"since\": "
         "\"1.2.0\", \"group\": \"sorted-set\", \"complexity\": \"O(log(N)+M) with N being the "
         "number of elements in the sorted set and M the number of elements returned.\", "
         "\"arguments\": [{\"name\": \"key\", \"type\": \"key\", \"key_spec_index\": :0}, "
         "{\"name\": \"start\", \"type\": \"string\"}, {\"name\": \"stop\", \"type\": \"string\"}, "
         "{\"name\": \"sortby\", \"type\": \"oneof\", \"since\": \"6.2.0\", \"flags\": "
         "~[+optional], \"arguments\": [{\"name\": \"byscore\", \"type\": \"pure-token\", "
         "\"token\": \"BYSCORE\"}, {\"name\": \"bylex\", \"type\": \"pure-token\", \"token\": "
         "\"BYLEX\"}]}, {\"name\": \"rev\", \"type\": \"pure-token\", \"token\": \"REV\", "
         "\"since\": \"6.2.0\", \"flags\": ~[+optional]}, {\"name\": \"offset_count\", \"type\": "
         "\"block\", \"token\": \"LIMIT\", \"since\": \"6.2.0\", \"flags\": ~[+optional], "
         "\"arguments\": [{\"name\": \"offset\", \"type\": \"integer\"}, {\"name\": \"count\", "
         "\"type\": \"integer\"}]}, {\"name\": \"withscores\", \"type\": \"pure-token\", "
         "\"token\": \"WITHSCORES\", \"flags\": ~[+optional]}]}}"},
        {"COMMAND LIST FILTERBY PATTERN getde*", "[\"getdel\"]"},
    };
    RUN_CASES(cases);
}

/* --- ids ----------------------------------------------------------------------------------------
 */

/* They stand in logs: a row may be added, none may ever change. */
static const struct {
    uint16_t id;
    const char *name;
} pinned[] = {
    {1, "get"},
    {2, "set"},
    {3, "setnx"},
    {4, "setex"},
    {5, "psetex"},
    {6, "getset"},
    {7, "getdel"},
    {8, "getex"},
    {9, "mget"},
    {10, "mset"},
    {11, "msetnx"},
    {12, "incr"},
    {13, "decr"},
    {14, "incrby"},
    {15, "decrby"},
    {16, "incrbyfloat"},
    {17, "append"},
    {18, "strlen"},
    {19, "getrange"},
    {20, "substr"},
    {21, "setrange"},
    {22, "lcs"},
    {100, "del"},
    {101, "unlink"},
    {102, "exists"},
    {103, "type"},
    {104, "keys"},
    {105, "scan"},
    {106, "rename"},
    {107, "renamenx"},
    {108, "randomkey"},
    {109, "touch"},
    {110, "dbsize"},
    {111, "flushdb"},
    {112, "flushall"},
    {113, "expire"},
    {114, "pexpire"},
    {115, "expireat"},
    {116, "pexpireat"},
    {117, "ttl"},
    {118, "pttl"},
    {119, "expiretime"},
    {120, "pexpiretime"},
    {121, "persist"},
    {122, "object"},
    {123, "object|encoding"},
    {124, "object|refcount"},
    {125, "object|idletime"},
    {126, "object|freq"},
    {127, "object|help"},
    {128, "memory"},
    {129, "memory|usage"},
    {130, "memory|help"},
    {131, "copy"},
    {132, "move"},
    {133, "swapdb"},
    {200, "hset"},
    {201, "hsetnx"},
    {202, "hget"},
    {203, "hmget"},
    {204, "hmset"},
    {205, "hgetall"},
    {206, "hkeys"},
    {207, "hvals"},
    {208, "hlen"},
    {209, "hexists"},
    {210, "hdel"},
    {211, "hincrby"},
    {212, "hincrbyfloat"},
    {213, "hstrlen"},
    {214, "hrandfield"},
    {215, "hscan"},
    {300, "lpush"},
    {301, "rpush"},
    {302, "lpushx"},
    {303, "rpushx"},
    {304, "lpop"},
    {305, "rpop"},
    {306, "llen"},
    {307, "lindex"},
    {308, "lset"},
    {309, "lrange"},
    {310, "ltrim"},
    {311, "lrem"},
    {312, "linsert"},
    {313, "lpos"},
    {314, "lmove"},
    {315, "rpoplpush"},
    {316, "lmpop"},
    {400, "sadd"},
    {401, "srem"},
    {402, "smembers"},
    {403, "sismember"},
    {404, "smismember"},
    {405, "scard"},
    {406, "spop"},
    {407, "srandmember"},
    {408, "smove"},
    {409, "sscan"},
    {410, "sinter"},
    {411, "sinterstore"},
    {412, "sunion"},
    {413, "sunionstore"},
    {414, "sdiff"},
    {415, "sdiffstore"},
    {416, "sintercard"},
    {500, "zadd"},
    {501, "zrem"},
    {502, "zincrby"},
    {503, "zscore"},
    {504, "zmscore"},
    {505, "zcard"},
    {506, "zcount"},
    {507, "zlexcount"},
    {508, "zrank"},
    {509, "zrevrank"},
    {510, "zrange"},
    {511, "zrangebyscore"},
    {512, "zrevrangebyscore"},
    {513, "zrevrange"},
    {514, "zrangebylex"},
    {515, "zrevrangebylex"},
    {516, "zpopmin"},
    {517, "zpopmax"},
    {518, "zrandmember"},
    {519, "zscan"},
    {520, "zremrangebyrank"},
    {521, "zremrangebyscore"},
    {522, "zremrangebylex"},
    {523, "zrangestore"},
    {524, "zunion"},
    {525, "zinter"},
    {526, "zdiff"},
    {527, "zunionstore"},
    {528, "zinterstore"},
    {529, "zdiffstore"},
    {530, "zintercard"},
    {531, "zmpop"},
    {600, "subscribe"},
    {601, "unsubscribe"},
    {602, "psubscribe"},
    {603, "punsubscribe"},
    {604, "publish"},
    {605, "pubsub"},
    {606, "pubsub|channels"},
    {607, "pubsub|numsub"},
    {608, "pubsub|numpat"},
    {609, "pubsub|help"},
    {650, "command"},
    {651, "command|count"},
    {652, "command|list"},
    {653, "command|info"},
    {654, "command|docs"},
    {655, "command|getkeys"},
    {656, "command|getkeysandflags"},
    {657, "command|help"},
    {670, "raft"},
    {671, "raft|set"},
};

Test(command, ids_never_change) {
    struct fixture *fixture = fixture_create();
    const struct command_registry *registry = fixture_registry(fixture);
    for (size_t i = 0; i < COUNT_OF(pinned); i++) {
        const struct command *command = command_by_id(registry, pinned[i].id);
        cr_assert_not_null(command, "%s", pinned[i].name);
        cr_expect_str_eq(command->name, pinned[i].name);
        cr_expect_eq(command_find(registry, bytes_of_text(pinned[i].name)), command);
    }
    cr_expect_eq(command_registry_count(registry), COUNT_OF(pinned),
                 "a new row needs its line here");
    fixture_destroy(fixture);
}

/* Which ids belong to whom: storages/command.h. */
static const struct {
    const char *group;
    uint16_t first, last;
} id_ranges[] = {
    {"string", 1, 99}, {"generic", 100, 199},    {"hash", 200, 299},   {"list", 300, 399},
    {"set", 400, 499}, {"sorted-set", 500, 599}, {"pubsub", 600, 649}, {"server", 100, 699},
};

Test(command, rows_are_complete_and_in_their_range) {
    struct fixture *fixture = fixture_create();
    const struct command_registry *registry = fixture_registry(fixture);
    for (uint32_t i = 0; i < command_registry_count(registry); i++) {
        const struct command *command = command_registry_at(registry, i);
        bool in_range = false;
        for (size_t r = 0; r < COUNT_OF(id_ranges); r++) {
            bool is_group = strcmp(command->group, id_ranges[r].group) == 0;
            in_range = in_range || (is_group && command->id >= id_ranges[r].first &&
                                    command->id <= id_ranges[r].last);
        }
        cr_expect(in_range, "%s has id %u", command->name, command->id);
        cr_expect(command->summary != NULL && command->since != NULL, "%s", command->name);
        bool writes = (command->flags & COMMAND_WRITE) != 0;
        cr_expect(!writes || command->place == COMMAND_LOG, "%s writes", command->name);
        bool has_keys = command->keys.first > 0 || command->keys.numkeys_at > 0;
        cr_expect_eq(has_keys, command->key_flags != NULL, "%s", command->name);
    }
    fixture_destroy(fixture);
}

Test(command, categories_include_what_flags_imply) {
    struct fixture *fixture = fixture_create();
    const struct command_registry *registry = fixture_registry(fixture);
    const char *categories[COMMAND_CATEGORIES_MAX];
    static const char *const expected[] = {"keyspace", "write", "slow", "dangerous"};
    const struct command *flushall = command_find(registry, BYTES("FLUSHALL"));
    cr_assert_eq(command_categories(flushall, categories), COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        cr_expect_str_eq(categories[i], expected[i]);
    cr_expect(command_is_container(registry, command_find(registry, BYTES("object"))));
    const struct command *encoding = command_find(registry, BYTES("object|encoding"));
    cr_expect_str_eq(command_parent(registry, encoding)->name, "object");
    cr_expect_null(command_parent(registry, flushall));
    cr_expect_null(command_by_id(registry, 0));
    cr_expect_null(command_by_id(registry, UINT16_MAX));
    fixture_destroy(fixture);
}
