"""What scripts/record-corpus asks: sections of commands by family.

A section is text, one command a line as redis-cli takes it (corpus.py: split_words). Behind " ## "
may stand, separated by ";": how the reply compares and why ("sorted (hash table order)"), "replies
N", "settles" (several replies may come: wait for silence), "closes". Generated sections go through
all combinations of a small domain; hand-written ones tell a story.

Kept out, because no two runs answer alike: what depends on the clock or on chance beyond the marks
above, and on the server's build."""
import itertools

FAMILIES = {}
BOTH = (2, 3)

HASH_ORDER = "sorted (hash table order)"
HASH_PAIRS = "sorted pairs (hash table order)"
RANDOM = "shape (random choice)"
NODE = "shape (local to the node)"
CLOCK = "near 2000 (time passes)"

FAR_S = 33177117420  # the year 3021: a deadline that stays the same
FAR_MS = FAR_S * 1000
MAX, MIN = 2**63 - 1, -2**63


class Question:
    def __init__(self, text):
        self.text, _, marks = text.partition(" ## ")
        self.text = self.text.strip()
        self.comparison, self.replies, self.settles, self.closes = "", 1, False, False
        for mark in filter(None, (mark.strip() for mark in marks.split(";"))):
            if mark.startswith("replies "):
                self.replies = int(mark.split()[1])
            elif mark == "settles":
                self.settles = True
            elif mark == "closes":
                self.closes = True
            else:
                self.comparison = mark


def section(family, title, *blocks, protocols=BOTH):
    """Blocks are texts of several lines, or iterables of lines."""
    lines = []
    for block in blocks:
        lines += block.strip().split("\n") if isinstance(block, str) else list(block)
    asked = [Question(line) for line in lines if line.strip()]
    FAMILIES.setdefault(family, []).append((title, protocols, asked))


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# --- every command: arity, wrong types, absent keys ------------------------------------------------

# Command, calls with {k} for the key: valid but for the key's type. The first is the usual one.
TYPED = {
    "string": ["GET {k}", "GETRANGE {k} 0 -1", "SUBSTR {k} 0 -1", "GETDEL {k}", "GETEX {k} PERSIST",
               "GETSET {k} x", "SET {k} x GET", "APPEND {k} x", "STRLEN {k}", "LCS {k} missing", "SETRANGE {k} 0 x",
               "INCR {k}", "DECR {k}", "INCRBY {k} 2", "DECRBY {k} 2", "INCRBYFLOAT {k} 1.5"],
    "hash": ["HGET {k} f", "HMGET {k} f g", "HGETALL {k}", "HKEYS {k}", "HVALS {k}", "HLEN {k}",
             "HEXISTS {k} f", "HSTRLEN {k} f", "HSET {k} f v", "HMSET {k} f v", "HSETNX {k} f v",
             "HINCRBY {k} n 1", "HINCRBYFLOAT {k} n 1", "HDEL {k} f", "HRANDFIELD {k}",
             "HRANDFIELD {k} 1", "HSCAN {k} 0"],
    "list": ["LRANGE {k} 0 -1", "LLEN {k}", "LINDEX {k} 0", "LPOS {k} x", "LPUSH {k} x",
             "RPUSH {k} x", "LPUSHX {k} x", "RPUSHX {k} x", "LSET {k} 0 x", "LREM {k} 0 x",
             "LTRIM {k} 0 -1", "LINSERT {k} BEFORE x y", "LPOP {k}", "LPOP {k} 2", "RPOP {k}",
             "RPOP {k} 2", "RPOPLPUSH {k} other", "RPOPLPUSH source {k}",
             "LMOVE {k} other LEFT RIGHT", "LMOVE source {k} LEFT LEFT", "LMPOP 1 {k} LEFT",
             "LMPOP 2 missing {k} RIGHT COUNT 2"],
    "set": ["SMEMBERS {k}", "SCARD {k}", "SISMEMBER {k} a", "SMISMEMBER {k} a b", "SRANDMEMBER {k}",
            "SRANDMEMBER {k} 1", "SPOP {k}", "SPOP {k} 1", "SADD {k} a", "SREM {k} a",
            "SMOVE {k} other a", "SMOVE source {k} x", "SSCAN {k} 0", "SINTER {k} source",
            "SUNION {k} missing", "SDIFF {k} source", "SINTERCARD 2 {k} source",
            "SINTERSTORE other {k} source", "SUNIONSTORE other source {k}",
            "SDIFFSTORE other source {k}"],
    "zset": ["ZRANGE {k} 0 -1", "ZCARD {k}", "ZSCORE {k} a", "ZMSCORE {k} a b", "ZRANK {k} a",
             "ZREVRANK {k} a", "ZCOUNT {k} -inf inf", "ZRANGEBYSCORE {k} -inf inf",
             "ZREVRANGEBYSCORE {k} inf -inf", "ZADD {k} 1 a", "ZADD {k} INCR 1 a", "ZINCRBY {k} 1 a",
             "ZREM {k} a", "ZPOPMIN {k}", "ZPOPMAX {k}", "ZPOPMIN {k} 2", "ZSCAN {k} 0",
            "ZREVRANGE {k} 0 -1", "ZRANGEBYLEX {k} - +", "ZREVRANGEBYLEX {k} + -",
            "ZLEXCOUNT {k} - +", "ZREMRANGEBYRANK {k} 0 0", "ZREMRANGEBYSCORE {k} 0 1",
            "ZREMRANGEBYLEX {k} - +", "ZRANGESTORE other {k} 0 -1", "ZMPOP 1 {k} MIN",
            "ZMPOP 2 missing {k} MAX COUNT 2", "ZRANDMEMBER {k}", "ZRANDMEMBER {k} 1",
            "ZUNION 1 {k} WITHSCORES", "ZINTER 1 {k}", "ZDIFF 1 {k}", "ZINTERCARD 1 {k}",
            "ZUNIONSTORE other 1 {k}", "ZINTERSTORE other 1 {k}", "ZDIFFSTORE other 1 {k}"],
}
# Work on any type.
UNTYPED = ["EXISTS {k}", "TYPE {k}", "TTL {k}", "PTTL {k}", "EXPIRETIME {k}", "PEXPIRETIME {k}",
           "PERSIST {k}", "TOUCH {k}", "EXPIRE {k} 100", "PERSIST {k}", f"EXPIREAT {{k}} {FAR_S}",
           f"PEXPIREAT {{k}} {FAR_MS}", "EXPIRETIME {k}", "PEXPIRETIME {k}", "PERSIST {k}",
           "SETNX {k} x", "MSETNX {k} x", "MGET {k}", "OBJECT ENCODING {k}", "OBJECT REFCOUNT {k}",
           "COPY {k} copied", "COPY {k} copied", "COPY {k} copied REPLACE", "TYPE copied",
           "OBJECT ENCODING copied", "DEL copied", "MOVE {k} 9", "MOVE {k} 9", "EXISTS {k}",
           "SELECT 9", "MOVE {k} 0", "SELECT 0",
           "RENAME {k} renamed", "RENAMENX renamed {k}", "DEL {k}", "DEL {k}", "UNLINK {k}"]
MAKE = {
    "string": ["SET string abc"],
    "hash": ["HSET hash f v g w"],
    "list": ["RPUSH list x y z"],
    "set": ["SADD set 1 2 3"],
    "zset": ["ZADD zset 1 a 2 b"],
}
RANDOM_CALLS = {"SRANDMEMBER {k}", "SRANDMEMBER {k} 1", "SPOP {k}", "SPOP {k} 1", "HRANDFIELD {k}",
                "HRANDFIELD {k} 1", "ZRANDMEMBER {k}", "ZRANDMEMBER {k} 1"}


def right_type(kind):
    for call in TYPED[kind]:
        yield "DEL " + kind
        yield from MAKE[kind]
        yield "RPUSH source x" if "source" in call else "DEL other"
        yield call.format(k=kind) + (" ## " + RANDOM if call in RANDOM_CALLS else "")
        yield "TYPE " + kind


def wrong_types():
    for kind, calls in TYPED.items():
        for other in MAKE:
            if other != kind:
                yield from MAKE[other]
        yield "RPUSH source x" if kind == "list" else "SADD source x"
        for call, other in itertools.product(calls, MAKE):
            if other != kind and call != "SET {k} x GET":
                yield call.format(k=other)
        yield "FLUSHALL"


def absent_keys():
    for call in itertools.chain(*TYPED.values(), UNTYPED):
        yield "DEL missing other"
        yield call.format(k="missing")


def any_type():
    for kind in MAKE:
        yield from MAKE[kind]
        for call in UNTYPED:
            yield call.format(k=kind)


# Command: the fewest and, if there is a bound, the most arguments behind the name.
ARITIES = {
    "GET": (1, 1), "SET": (2, None), "SETNX": (2, 2), "SETEX": (3, 3), "PSETEX": (3, 3),
    "GETSET": (2, 2), "GETDEL": (1, 1), "GETEX": (1, None), "APPEND": (2, 2), "STRLEN": (1, 1),
    "GETRANGE": (3, 3), "SUBSTR": (3, 3), "SETRANGE": (3, 3), "MGET": (1, None), "MSET": (2, None),
    "MSETNX": (2, None), "INCR": (1, 1), "DECR": (1, 1), "INCRBY": (2, 2), "DECRBY": (2, 2),
    "INCRBYFLOAT": (2, 2),
    "HSET": (3, None), "HSETNX": (3, 3), "HGET": (2, 2), "HMSET": (3, None), "HMGET": (2, None),
    "HINCRBY": (3, 3), "HINCRBYFLOAT": (3, 3), "HDEL": (2, None), "HLEN": (1, 1),
    "HSTRLEN": (2, 2), "HKEYS": (1, 1), "HVALS": (1, 1), "HGETALL": (1, 1), "HEXISTS": (2, 2),
    "HRANDFIELD": (1, None), "HSCAN": (2, None),
    "RPUSH": (2, None), "LPUSH": (2, None), "RPUSHX": (2, None), "LPUSHX": (2, None),
    "LINSERT": (4, 4), "RPOP": (1, None), "LPOP": (1, None), "LLEN": (1, 1), "LINDEX": (2, 2),
    "LSET": (3, 3), "LRANGE": (3, 3), "LTRIM": (3, 3), "LPOS": (2, None), "LREM": (3, 3),
    "RPOPLPUSH": (2, 2), "LMOVE": (4, 4), "LMPOP": (3, None),
    "SADD": (2, None), "SREM": (2, None), "SMEMBERS": (1, 1), "SISMEMBER": (2, 2),
    "SMISMEMBER": (2, None), "SCARD": (1, 1), "SPOP": (1, None), "SRANDMEMBER": (1, None),
    "SMOVE": (3, 3), "SSCAN": (2, None),
    "ZADD": (3, None), "ZREM": (2, None), "ZRANGE": (3, None), "ZRANK": (2, 2), "ZREVRANK": (2, 2),
    "ZSCORE": (2, 2), "ZMSCORE": (2, None), "ZCARD": (1, 1), "ZINCRBY": (3, 3),
    "ZPOPMIN": (1, None), "ZPOPMAX": (1, None), "ZRANGEBYSCORE": (3, None),
    "ZREVRANGEBYSCORE": (3, None), "ZCOUNT": (3, 3), "ZSCAN": (2, None),
    "SINTER": (1, None), "SUNION": (1, None), "SDIFF": (1, None), "SINTERCARD": (2, None),
    "SINTERSTORE": (2, None), "SUNIONSTORE": (2, None), "SDIFFSTORE": (2, None),
    "ZREVRANGE": (3, None), "ZRANGEBYLEX": (3, None), "ZREVRANGEBYLEX": (3, None),
    "ZLEXCOUNT": (3, 3), "ZREMRANGEBYRANK": (3, 3), "ZREMRANGEBYSCORE": (3, 3),
    "ZREMRANGEBYLEX": (3, 3), "ZRANGESTORE": (4, None), "ZMPOP": (3, None),
    "ZRANDMEMBER": (1, None), "ZUNION": (2, None), "ZINTER": (2, None), "ZDIFF": (2, None),
    "ZINTERCARD": (2, None), "ZUNIONSTORE": (3, None), "ZINTERSTORE": (3, None),
    "ZDIFFSTORE": (3, None), "COPY": (2, None), "MOVE": (2, 2), "SWAPDB": (2, 2), "LCS": (2, None),
    "DEL": (1, None), "UNLINK": (1, None), "EXISTS": (1, None), "TYPE": (1, 1), "KEYS": (1, 1),
    "SCAN": (1, None), "RENAME": (2, 2), "RENAMENX": (2, 2), "RANDOMKEY": (0, 0),
    "TOUCH": (1, None), "DBSIZE": (0, 0), "EXPIRE": (2, None), "PEXPIRE": (2, None),
    "EXPIREAT": (2, None), "PEXPIREAT": (2, None), "TTL": (1, 1), "PTTL": (1, 1),
    "EXPIRETIME": (1, 1), "PEXPIRETIME": (1, 1), "PERSIST": (1, 1),
    "SUBSCRIBE": (1, None), "PSUBSCRIBE": (1, None), "PUBLISH": (2, 2), "PUBSUB": (1, None),
    "MULTI": (0, 0), "EXEC": (0, 0), "DISCARD": (0, 0),
    "ECHO": (1, 1), "SELECT": (1, 1), "TIME": (0, 0), "ROLE": (0, 0), "WAIT": (2, 2),
    "RESET": (0, 0), "CLIENT": (1, None), "CONFIG": (1, None), "OBJECT": (1, None),
    "MEMORY": (1, None), "AUTH": (1, None),
    "CLIENT ID": (0, 0), "CLIENT INFO": (0, 0), "CLIENT GETNAME": (0, 0), "CLIENT SETNAME": (1, 1),
    "CLIENT KILL": (1, None), "CLIENT REPLY": (1, 1),
    "CONFIG GET": (1, None), "CONFIG SET": (2, None), "CONFIG RESETSTAT": (0, 0),
    "CONFIG REWRITE": (0, 0),
    "COMMAND COUNT": (0, 0), "COMMAND GETKEYS": (2, None),
    "OBJECT ENCODING": (1, 1), "OBJECT REFCOUNT": (1, 1), "OBJECT IDLETIME": (1, 1),
    "OBJECT FREQ": (1, 1), "MEMORY USAGE": (1, None), "PUBSUB NUMPAT": (0, 0),
}


def arities():
    for name, (fewest, most) in ARITIES.items():
        for count in range(fewest):
            yield name + " x" * count
        if most is not None:
            yield name + " x" * (most + 1)
            yield name.lower() + " x" * (most + 3)


section("every-command", "arity", arities())
section("every-command", "wrong types", wrong_types())
section("every-command", "absent keys", absent_keys())
section("every-command", "commands for keys of any type", any_type())
for kind in TYPED:
    section("every-command", "the usual call: " + kind, right_type(kind))
section("every-command", "names", """
FOO
foo a b c
"FOO\\r\\nBAR"
"" ""
NOSUCHCOMMAND aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbb
NOSUCHCOMMAND "a\\x00b" "\\xff" "it's"
NOSUCHCOMMAND aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb ccccccccccccccc dddddddd eeeee
gEt k
CLIENT FOO
CLIENT FOO BAR
CONFIG FOO
OBJECT FOO k
COMMAND FOO
MEMORY FOO
PUBSUB FOO
config|get maxmemory
client|id
""", ["X" * 200, "X" * 127 + " y", "CLIENT " + "x" * 200])


# --- strings ----------------------------------------------------------------------------------

section("strings", "set and get", r"""
SET k v
GET k
GET missing
SET k ""
GET k
STRLEN k
SET k "a b\r\n\x00\xff"
GET k
STRLEN k
STRLEN missing
SET "" "the empty key"
GET ""
set k lower
Get k
SET "key with spaces" 1
GET "key with spaces"
SET number 12345
GET number
OBJECT ENCODING number
STRLEN number
SET number 012345
OBJECT ENCODING number
SET k 9223372036854775807
OBJECT ENCODING k
SET k 9223372036854775808
OBJECT ENCODING k
SET k -9223372036854775808
OBJECT ENCODING k
SET k -0
OBJECT ENCODING k
""", (line for size in (19, 20, 21, 43, 44, 45, 1000)
      for line in (f"SET k {'x' * size}", "OBJECT ENCODING k", "STRLEN k", "GET k")))

SET_OPTIONS = ["NX", "XX", "GET", "KEEPTTL", "EX 100", "PX 100000", f"EXAT {FAR_S}",
               f"PXAT {FAR_MS}"]


def sets_relative_deadline(state, options):
    """Whether SET succeeds with EX or PX: only then TTL's answer is the same on every day."""
    deadlines = {option for option in options if option not in ("NX", "XX", "GET")}
    refused = "XX" if state.startswith("DEL") else "NX"
    return deadlines in ({"EX 100"}, {"PX 100000"}) and refused not in options


def set_options():
    pairs = [(one,) for one in SET_OPTIONS]
    pairs += [pair for pair in itertools.product(SET_OPTIONS, SET_OPTIONS)]
    for state in ("DEL k", f"SET k old PXAT {FAR_MS + 5}"):
        for pair in pairs:
            yield state
            yield f"SET k new {' '.join(pair)}"
            yield "GET k"
            yield "TTL k" if sets_relative_deadline(state, pair) else "PEXPIRETIME k"


section("strings", "SET with each pair of options", set_options())
section("strings", "SET: three options, case, errors", r"""
SET k v NX GET EX 100
SET k w XX GET PX 100000
SET k w get xx keepttl
TTL k
SET k v ex 100
SET k v eX 100 Nx
SET k v EX
SET k v PX
SET k v EX abc
SET k v EX ""
SET k v EX 1.5
SET k v EX 0
SET k v EX -1
SET k v PX 0
SET k v PX -5
SET k v EXAT 0
SET k v EXAT -1
SET k v PXAT 0
SET k v EX 9223372036854775807
SET k v EX 9223372036854775
SET k v EX 9223372036854776
SET k v PX 9223372036854775807
SET k v EXAT 9223372036854775807
SET k v EX 9223372036854775808
SET k v FOO
SET k v NX XX
SET k v XX NX
SET k v EX 100 PX 100
SET k v EX 100 KEEPTTL
SET k v KEEPTTL EX 100
SET k v PERSIST
SET k v 100
SET k v GET GET
SET k v EX 100 EX 100
SET past v EXAT 1
GET past
EXISTS past
SET past v PXAT 1
EXISTS past
RPUSH list a
SET list v GET
SET list v NX GET
SET list v XX GET
SET list v NX
TYPE list
SET list v
GET list
""")
section("strings", "SETNX, SETEX, PSETEX, GETSET, GETDEL", r"""
SETNX k v
SETNX k w
GET k
SETEX k 100 v
TTL k
SETEX k 0 v
SETEX k -1 v
SETEX k abc v
SETEX k 9223372036854775807 v
SETEX k 9223372036854775808 v
PSETEX k 100000 v
TTL k
PSETEX k 0 v
PSETEX k -1 v
PSETEX k abc v
PSETEX k 9223372036854775807 v
GETSET k w
TTL k
GETSET k2 w
GET k2
GETDEL k
GETDEL k
EXISTS k
""")

GETEX_OPTIONS = ["EX 100", "PX 100000", f"EXAT {FAR_S}", f"PXAT {FAR_MS}", "PERSIST"]


def getex_options():
    for state in ("SET k v", f"SET k v PXAT {FAR_MS + 5}", "DEL k"):
        for option in GETEX_OPTIONS:
            relative = option in ("EX 100", "PX 100000") and not state.startswith("DEL")
            yield from (state, f"GETEX k {option}", "TTL k" if relative else "PEXPIRETIME k")
        yield from (state, "GETEX k", "PEXPIRETIME k")
    for pair in itertools.product(GETEX_OPTIONS, GETEX_OPTIONS):
        yield f"GETEX k {' '.join(pair)}"


section("strings", "GETEX", getex_options(), r"""
SET k v
GETEX k EX
GETEX k EX abc
GETEX k EX 0
GETEX k EX -1
GETEX k PX 0
GETEX k PX 9223372036854775807
GETEX k EX 9223372036854775807
GETEX k EXAT 0
GETEX k FOO
GETEX k KEEPTTL
GETEX k NX
GETEX k ex 100
GETEX k persist
GETEX missing EX 0
GETEX k EXAT 1
EXISTS k
""")

COUNTERS = [None, "0", "10", "-10", str(MAX), str(MIN), str(MAX - 1), "abc", '""', '" 1"', '"1 "',
            "01", "-0", "+1", "1.5", "1e3", "9" * 20, r'"1\x00"']
COUNT_BY = ["INCR k", "DECR k", "INCRBY k 1", "INCRBY k -1", f"INCRBY k {MAX}", f"INCRBY k {MIN}",
            "DECRBY k 1", "DECRBY k -1", f"DECRBY k {MAX}", f"DECRBY k {MIN}"]


def counters():
    for value, call in itertools.product(COUNTERS, COUNT_BY):
        yield "DEL k" if value is None else f"SET k {value}"
        yield call
        if value in (None, "10", str(MAX)):
            yield "GET k"


FLOATS = ["0", "1.5", "0.1", "3", "3.0", "-2.5", "1e21", "1e17", "123456789012345678", "1e-5",
          "1e-17", "1e-18", "-1e-30", "0x10", "0x1p3", "-0", ".5", "5.", "+5", "1e100",
          "17.3333333333333333", "3.141592653589793238462643383279", "9.99999999999999999",
          "0.99999999999999999999", "4503599627370497", "5e-324", "1e-400"]
NO_FLOATS = ["abc", '""', "inf", "-inf", "+inf", "infinity", "nan", "-nan", '" 1"', '"1 "', "1e",
             "0x", "--5", "1_0", "1,5", r'"1\x00"', r'"\t1"', "1e4933", "1e-5000"]


def float_increments(call, prepare, read):
    for value in FLOATS + NO_FLOATS:
        yield prepare
        yield call.format(value)
        if value in FLOATS:
            yield read


section("strings", "INCR, DECR, INCRBY, DECRBY: values and steps", counters())
section("strings", "INCRBY, DECRBY: steps that are no integers",
        (f"{name} k {step}" for name in ("INCRBY", "DECRBY")
         for step in ("abc", '""', "1.5", "01", "+1", '" 1"', "9" * 20, "-0", "1e3")))
section("strings", "INCRBYFLOAT from nothing",
        float_increments("INCRBYFLOAT k {}", "DEL k", "GET k"))
section("strings", "INCRBYFLOAT by nothing",
        (line for value in FLOATS + NO_FLOATS
         for line in (f"SET k {value}", "INCRBYFLOAT k 0", "GET k")))
section("strings", "INCRBYFLOAT: sums", r"""
SET k 10.50
INCRBYFLOAT k 0.1
INCRBYFLOAT k -5
SET k 5.0e3
INCRBYFLOAT k 2.0e2
SET k 0.1
INCRBYFLOAT k 0.2
SET k 3
INCRBYFLOAT k 1
OBJECT ENCODING k
INCR k
EXPIRE k 100
INCRBYFLOAT k 1.5
TTL k
SET k 1e4932
INCRBYFLOAT k 1e4932
""")
section("strings", "APPEND keeps what it meets", r"""
APPEND k Hello
APPEND k " World"
GET k
APPEND k ""
OBJECT ENCODING k
SET n 1
APPEND n 2
GET n
INCR n
EXPIRE n 100
APPEND n 0
TTL n
APPEND empty ""
EXISTS empty
GET empty
""")

POSITIONS = [0, 1, 2, 5, 10, 11, 100, -1, -2, -5, -11, -100]
section("strings", "GETRANGE, all pairs of positions", ['SET k "Hello World"'],
        (f"GETRANGE k {start} {end}" for start, end in itertools.product(POSITIONS, POSITIONS)))
section("strings", "GETRANGE and SUBSTR: the rest", f"""
SET k "Hello World"
SUBSTR k 0 4
SUBSTR k -5 -1
GETRANGE missing 0 -1
GETRANGE k abc 1
GETRANGE k 0 abc
GETRANGE k 1.5 2
GETRANGE k {MIN} {MAX}
GETRANGE k {MAX} {MIN}
SET n 123456
GETRANGE n 1 2
SET empty ""
GETRANGE empty 0 -1
""")


def setrange():
    for start, text in itertools.product((0, 1, 5, 6, 10, -1), ('""', "x", "JUMP")):
        for state in ("DEL k", "SET k Hello", "SET k 12345"):
            yield from (state, f"SETRANGE k {start} {text}", "GET k", "EXISTS k")


section("strings", "SETRANGE, states and positions", setrange(), f"""
SET k Hello
SETRANGE k abc x
SETRANGE k 536870911 xx
SETRANGE k 536870912 x
SETRANGE k {MAX} x
SETRANGE k {MAX} ""
SETRANGE k {MIN} x
SETRANGE missing 536870912 x
SETRANGE missing 536870912 ""
EXISTS missing
EXPIRE k 100
SETRANGE k 0 J
TTL k
""")
section("strings", "LCS", r"""
MSET a ohmytext b mynewtext
LCS a b
LCS a b LEN
LCS a b IDX
LCS a b IDX MINMATCHLEN 4
LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN
LCS a b idx withmatchlen
LCS a b LEN IDX
LCS a b MINMATCHLEN
LCS a b MINMATCHLEN abc
LCS a b IDX MINMATCHLEN -5
LCS a b FOO
LCS a missing
LCS a missing LEN
LCS missing missing IDX
LCS a a IDX
""")
section("strings", "MGET, MSET, MSETNX", r"""
MSET a 1 b 2 c 3
MGET a b c
MGET a missing a
MSET a 1 b
MSET a 1 a 2
GET a
MSETNX a 1 d 4
MSETNX d 4 e 5
MSETNX d 4 e
MSETNX f 1 f 2
GET f
RPUSH list x
MGET a list
MSET list now
GET list
EXPIRE a 100
MSET a 1
TTL a
MGET missing missing
""")


# --- hashes -----------------------------------------------------------------------------------

section("hashes", "fields and values", r"""
HSET h a 1 b 2
HSET h a 1 c 3
HSET h a 10
HGET h a
HGET h missing
HGET missing f
HMGET h a missing b
HMGET missing a b
HMSET h d 4 e 5
HGETALL h
HKEYS h
HVALS h
HLEN h
HLEN missing
HEXISTS h a
HEXISTS h z
HSTRLEN h a
HSTRLEN h z
HSTRLEN missing z
HSETNX h a 99
HSETNX h z 26
HDEL h b
HDEL h b
HDEL h a c nothing
HGETALL h
HDEL h d e z
EXISTS h
HDEL missing f
HGETALL missing
HKEYS missing
HVALS missing
HSET h a
HSET h a 1 b
HMSET h a
HMSET h a 1 b
HSET h "" ""
HGET h ""
HSET h "\x00\r\n" "\xff"
HGETALL h
HSET h f 1 f 2 f 3
HGET h f
OBJECT ENCODING h
""")
section("hashes", "HINCRBY: values and steps",
        (line for value, step in itertools.product(COUNTERS, ("1", "-1", str(MAX), str(MIN)))
         for line in ("DEL h" if value is None else f"HSET h f {value}", f"HINCRBY h f {step}",
                      "HGET h f")))
section("hashes", "HINCRBY: steps that are no integers",
        (f"HINCRBY h f {step}" for step in ("abc", '""', "1.5", "01", "+1", "9" * 20)))
section("hashes", "HINCRBYFLOAT from nothing",
        float_increments("HINCRBYFLOAT h f {}", "DEL h", "HGET h f"))
section("hashes", "HINCRBYFLOAT by nothing",
        (line for value in FLOATS + NO_FLOATS
         for line in (f"HSET h f {value}", "HINCRBYFLOAT h f 0")))
section("hashes", "HRANDFIELD", r"""
HSET h only one
HRANDFIELD h
HRANDFIELD h 1
HRANDFIELD h 5
HRANDFIELD h 0
HRANDFIELD h -3
HRANDFIELD h 1 WITHVALUES
HRANDFIELD h -2 withvalues
HRANDFIELD h 0 WITHVALUES
HRANDFIELD h 1 FOO
HRANDFIELD h 1 WITHVALUES FOO
HRANDFIELD h abc
HRANDFIELD h -9223372036854775808
HRANDFIELD h -9223372036854775807 WITHVALUES
HRANDFIELD h -4611686018427387904 WITHVALUES
HRANDFIELD missing
HRANDFIELD missing 1
HRANDFIELD missing -1 WITHVALUES
HSET h two 2 three 3
HRANDFIELD h ## shape (random choice)
HRANDFIELD h 2 ## shape (random choice)
HRANDFIELD h -5 ## shape (random choice)
HRANDFIELD h 3 ## sorted (random order)
HRANDFIELD h 10 WITHVALUES ## sorted pairs (random order)
""")
section("hashes", "small and large", r"""
HSET h a 1 b 2 c 3
OBJECT ENCODING h
HDEL h b
HSET h b 2
HGETALL h
HSET h c 30
HGETALL h
HKEYS h
HSET h long aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
OBJECT ENCODING h
HSET h long aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab
OBJECT ENCODING h
HGETALL h ## sorted pairs (hash table order)
HKEYS h ## sorted (hash table order)
HVALS h ## sorted (hash table order)
HDEL h long
OBJECT ENCODING h
HLEN h
""", [f"HSET big {' '.join(f'f{i} {i}' for i in range(512))}", "OBJECT ENCODING big",
      "HSET big f0 x", "OBJECT ENCODING big", "HSET big more 1", "OBJECT ENCODING big", "HLEN big",
      "HGET big f511", "HMGET big f0 f300 none"])
section("hashes", "HSCAN", r"""
HSET h a 1 b 2 ab 3
HSCAN h 0
HSCAN h 0 MATCH a*
HSCAN h 0 COUNT 1
HSCAN h 0 COUNT 1 MATCH *b
HSCAN h 0 MATCH nothing
HSCAN h 17
HSCAN h abc
HSCAN h -1
HSCAN h 0 COUNT 0
HSCAN h 0 COUNT -5
HSCAN h 0 COUNT abc
HSCAN h 0 COUNT
HSCAN h 0 MATCH
HSCAN h 0 FOO 1
HSCAN h 0 TYPE hash
HSCAN missing 0
HSCAN missing abc
HSCAN missing 0 COUNT 0
HSET h long aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
HSCAN h 0 COUNT 1000 ## scan pairs (hash table order)
HSCAN h 0 MATCH a* COUNT 1000 ## scan pairs (hash table order)
""")


# --- lists ------------------------------------------------------------------------------------

section("lists", "ends", r"""
RPUSH l a b c
LPUSH l x y
LRANGE l 0 -1
RPUSHX l d
LPUSHX l w v
RPUSHX missing d
LPUSHX missing d
EXISTS missing
LLEN l
LLEN missing
LPOP l
RPOP l
LPOP l 2
RPOP l 2
LPOP l 0
RPOP l 0
LPOP l -1
LPOP l abc
LPOP l 1 2
RPOP l 1.5
LPOP l 9223372036854775807
EXISTS l
LPOP missing
LPOP missing 1
LPOP missing 0
RPOP missing
RPOP missing 5
LPOP missing abc
RPUSH l "" "\x00" 12 -5 9223372036854775807
LRANGE l 0 -1
RPOP l 100
EXISTS l
""")
LIST_POSITIONS = [0, 1, 2, 4, 5, 100, -1, -2, -5, -6, -100]
section("lists", "LRANGE, all pairs of positions", ["RPUSH l a b c d e"],
        (f"LRANGE l {start} {end}"
         for start, end in itertools.product(LIST_POSITIONS, LIST_POSITIONS)))
section("lists", "LTRIM, all pairs of positions",
        (line for start, end in itertools.product(LIST_POSITIONS, LIST_POSITIONS)
         for line in ("DEL l", "RPUSH l a b c d e", f"LTRIM l {start} {end}", "LRANGE l 0 -1")))
section("lists", "LINDEX and LSET", ["RPUSH l a b c d e"],
        (line for at in LIST_POSITIONS for line in (f"LINDEX l {at}", f"LSET l {at} v{at}")), r"""
LRANGE l 0 -1
LINDEX l abc
LSET l abc x
LINDEX missing 0
LINDEX missing abc
LSET missing 0 x
LRANGE l abc 1
LRANGE l 0 abc
LRANGE missing 0 -1
LTRIM l abc 1
LTRIM l 0 abc
LTRIM missing 0 -1
LSET l 0 9223372036854775808
LINDEX l 9223372036854775808
""")


def lrem():
    for count, element in itertools.product((0, 1, 2, 10, -1, -2, -10), ("a", "b", "1", "z")):
        yield from ("DEL l", "RPUSH l a b a 1 b a 01 1 a", f"LREM l {count} {element}",
                    "LRANGE l 0 -1")


section("lists", "LREM: counts and elements", lrem(), r"""
LREM l abc a
LREM missing 0 a
DEL l
RPUSH l a a a
LREM l 0 a
EXISTS l
""")
section("lists", "LINSERT", r"""
RPUSH l a c a
LINSERT l BEFORE c b
LINSERT l AFTER c d
LINSERT l before a first
LINSERT l After a second
LINSERT l BEFORE z x
LINSERT l FOO a x
LINSERT missing BEFORE a x
LINSERT missing FOO a x
LRANGE l 0 -1
""")


def lpos():
    ranks = ["", " RANK 1", " RANK 2", " RANK 4", " RANK -1", " RANK -2"]
    counts = ["", " COUNT 0", " COUNT 1", " COUNT 2"]
    bounds = ["", " MAXLEN 0", " MAXLEN 3", " MAXLEN 100"]
    yield "RPUSH l a b c 1 2 3 c c a"
    for rank, count, bound in itertools.product(ranks, counts, bounds):
        yield f"LPOS l c{rank}{count}{bound}"


section("lists", "LPOS: ranks, counts, bounds", lpos(), r"""
LPOS l z
LPOS l z COUNT 0
LPOS l 1
LPOS l 01
LPOS l c RANK 0
LPOS l c RANK abc
LPOS l c RANK -9223372036854775808
LPOS l c RANK
LPOS l c COUNT -1
LPOS l c COUNT abc
LPOS l c MAXLEN -1
LPOS l c MAXLEN abc
LPOS l c FOO 1
LPOS l c rank 1 count 2 maxlen 10
LPOS l c RANK 1 RANK 2
LPOS missing c
LPOS missing c COUNT 0
LPOS missing c RANK 0
""")
section("lists", "RPOPLPUSH and LMOVE",
        (line for one, two in itertools.product(("LEFT", "RIGHT", "left", "Right"), repeat=2)
         for line in ("DEL l m", "RPUSH l a b c", f"LMOVE l m {one} {two}",
                      f"LMOVE l m {one} {two}", f"LMOVE l l {one} {two}", "LRANGE l 0 -1",
                      "LRANGE m 0 -1", f"LMOVE l m {one} {two}", "EXISTS l")), r"""
DEL l m
RPUSH l a b c
RPOPLPUSH l m
RPOPLPUSH l l
RPOPLPUSH missing m
LRANGE l 0 -1
LRANGE m 0 -1
LMOVE l m FOO LEFT
LMOVE l m LEFT FOO
LMOVE missing m LEFT FOO
LMOVE missing m LEFT RIGHT
SET s x
LMOVE missing s LEFT RIGHT
RPOPLPUSH missing s
LMOVE l s LEFT RIGHT
LRANGE l 0 -1
""")
section("lists", "LMPOP", r"""
RPUSH l a b c d
LMPOP 1 l LEFT
LMPOP 1 l RIGHT COUNT 2
LMPOP 2 missing l LEFT COUNT 10
EXISTS l
LMPOP 2 missing l LEFT
LMPOP 1 missing RIGHT COUNT 1
LMPOP 0 l LEFT
LMPOP -1 l LEFT
LMPOP abc l LEFT
LMPOP 2 l LEFT
LMPOP 3 l m LEFT
LMPOP 1 l FOO
LMPOP 1 l LEFT COUNT
LMPOP 1 l LEFT COUNT 0
LMPOP 1 l LEFT COUNT -1
LMPOP 1 l LEFT COUNT abc
LMPOP 1 l LEFT FOO 1
LMPOP 1 l LEFT COUNT 1 COUNT 1
LMPOP 1 l LEFT COUNT 0 COUNT
LMPOP 1 l LEFT COUNT abc x
LMPOP 1 l LEFT RIGHT
SET s x
LMPOP 2 s l LEFT
RPUSH l a
LMPOP 2 l s LEFT
LMPOP 9223372036854775807 l LEFT
""")
section("lists", "encodings", ["RPUSH l a", "OBJECT ENCODING l",
                               f"RPUSH l {'x' * 9000}", "OBJECT ENCODING l", "RPOP l",
                               "OBJECT ENCODING l", "LLEN l"])


# --- sets -------------------------------------------------------------------------------------

section("sets", "members", r"""
SADD s 3 1 2
SADD s 2 4
SMEMBERS s
OBJECT ENCODING s
SCARD s
SISMEMBER s 1
SISMEMBER s 9
SISMEMBER s 01
SMISMEMBER s 1 9 2
SMISMEMBER missing 1 2
SISMEMBER missing 1
SREM s 1 9
SREM s 9
SMEMBERS s
SADD s -5 9223372036854775807 -9223372036854775808
SMEMBERS s
SADD s a
OBJECT ENCODING s
SMEMBERS s ## sorted (hash table order)
SISMEMBER s a
SREM s a
OBJECT ENCODING s
SCARD s
SREM s 2 3 4 -5 9223372036854775807 -9223372036854775808
EXISTS s
SADD w a b c ""
SADD w a
SMEMBERS w ## sorted (hash table order)
SCARD w
SREM missing a
SCARD missing
SMEMBERS missing
SADD t 01 1
OBJECT ENCODING t
SADD u "\x00\r\n\xff"
SMEMBERS u
SADD v 1 1 1
SCARD v
""", [f"SADD big {' '.join(map(str, range(512)))}", "OBJECT ENCODING big", "SADD big 512",
      "OBJECT ENCODING big", "SCARD big", "SISMEMBER big 300", "SREM big 300", "SCARD big",
      "SMEMBERS big ## " + HASH_ORDER])
section("sets", "SPOP and SRANDMEMBER", r"""
SADD s only
SRANDMEMBER s
SRANDMEMBER s 1
SRANDMEMBER s 5
SRANDMEMBER s 0
SRANDMEMBER s -3
SRANDMEMBER s abc
SRANDMEMBER s 1 2
SRANDMEMBER s -9223372036854775808
SRANDMEMBER missing
SRANDMEMBER missing 3
SRANDMEMBER missing -3
SRANDMEMBER missing abc
SPOP s 0
SPOP s -1
SPOP s abc
SPOP s 1 2
SPOP s
EXISTS s
SPOP missing
SPOP missing 1
SPOP missing 0
SPOP missing -1
SADD s a b c d e
SRANDMEMBER s ## shape (random choice)
SRANDMEMBER s 2 ## shape (random choice)
SRANDMEMBER s -10 ## shape (random choice)
SRANDMEMBER s 5 ## sorted (random order)
SRANDMEMBER s 10 ## sorted (random order)
SPOP s ## shape (random choice)
SPOP s 2 ## shape (random choice)
SCARD s
SPOP s 10 ## shape (random choice)
EXISTS s
SADD s 1 2 3
SPOP s 3 ## sorted (random order)
EXISTS s
SADD s 1 2 3 4 5 6 7 8
SPOP s 7 ## shape (random choice)
SCARD s
""")
section("sets", "SMOVE", r"""
SADD s a b
SADD t c
SMOVE s t a
SMOVE s t a
SMOVE s t z
SMOVE s s b
SMEMBERS s
SMOVE s s z
SMOVE s new b
EXISTS s
SMEMBERS new
SMOVE missing t a
SET string x
SMOVE missing string a
SMOVE t string c
SMOVE string t c
SADD s c
SMOVE s t c
SMEMBERS t ## sorted (hash table order)
SCARD t
""")
SET_OPERANDS = ["i", "j", "i j", "j i", "i w", "w i", "i w x", "x w", "i missing", "missing i",
                "missing", "i i", "w x i j"]


def set_algebra():
    yield "SADD i 1 2 3 4"
    yield "SADD j 3 4 5"
    yield "SADD w 1 3 a b"
    yield "SADD x a b c"
    for keys in SET_OPERANDS:
        for name in ("SINTER", "SUNION", "SDIFF"):
            yield f"{name} {keys} ## {HASH_ORDER}"
            yield f"{name}STORE to {keys}"
            yield "OBJECT ENCODING to"
            yield f"SMEMBERS to ## {HASH_ORDER}"
        yield f"SINTERCARD {len(keys.split())} {keys}"
        yield f"SINTERCARD {len(keys.split())} {keys} LIMIT 1"


section("sets", "intersection, union, difference", set_algebra(), r"""
SINTERCARD 0 i
SINTERCARD -1 i
SINTERCARD abc i
SINTERCARD 3 i j
SINTERCARD 1 i j
SINTERCARD 1 i LIMIT
SINTERCARD 1 i LIMIT -1
SINTERCARD 1 i LIMIT abc
SINTERCARD 1 i LIMIT 0
SINTERCARD 2 i j limit 10
SINTERCARD 1 i FOO 1
SET to string
SUNIONSTORE to i j
TYPE to
EXPIRE to 100
SINTERSTORE to i missing
EXISTS to
SINTERSTORE i i j
SMEMBERS i
SDIFFSTORE i i i
EXISTS i
SET string x
SINTER missing string
SINTER string missing
SUNION missing string
SDIFF missing string
SUNIONSTORE to w string
SINTERSTORE to missing string
SINTERCARD 2 missing string
""")
section("sets", "SSCAN", r"""
SADD s 3 1 2 12
SSCAN s 0
SSCAN s 0 MATCH 1*
SSCAN s 0 COUNT 1
SSCAN s 5
SSCAN s abc
SSCAN s 0 COUNT 0
SSCAN s 0 COUNT abc
SSCAN s 0 MATCH
SSCAN s 0 FOO 1
SSCAN missing 0
SADD w a b ab
SSCAN w 0 COUNT 1000 ## scan (hash table order)
SSCAN w 0 MATCH a* COUNT 1000 ## scan (hash table order)
SSCAN w 0 MATCH [bc] COUNT 1000
""")


# --- sorted sets --------------------------------------------------------------------------------

ZADD_FLAGS = ["NX", "XX", "GT", "LT", "CH", "INCR"]


def zadd_flags():
    for size in range(len(ZADD_FLAGS) + 1):
        for flags in itertools.combinations(ZADD_FLAGS, size):
            for pairs in ("1 a", "2 a", "3 a", "2 new") if size < 4 else ("3 a",):
                yield from ("DEL z", "ZADD z 2 a", f"ZADD z {' '.join((*flags, pairs))}",
                            "ZRANGE z 0 -1 WITHSCORES")


section("sorted-sets", "ZADD with each set of flags", zadd_flags())
section("sorted-sets", "ZADD: several members, case, errors", r"""
ZADD z 1 a 2 b 3 c
ZADD z 1 a 5 b 4 d
ZADD z CH 1 a 6 b 5 e
ZADD z ch nx 9 f 9 a
ZADD z xx gt CH 7 a 1 b
ZRANGE z 0 -1 WITHSCORES
ZADD z 1
ZADD z 1 a 2
ZADD z NX
ZADD z NX 1
ZADD z NX XX 1 a
ZADD z NX GT 1 a
ZADD z GT LT 1 a
ZADD z INCR 1 a 2 b
ZADD z INCR NX 1 a
ZADD z NX INCR 1 fresh
ZADD z XX INCR 1 absent
ZADD z abc a
ZADD z 1 a abc b
ZSCORE z a
ZADD z nan a
ZADD z 1e400 a
ZADD z FOO 1 a
ZADD z 1 dup 2 dup 3 dup
ZSCORE z dup
ZADD z CH 5 dup2 6 dup2
ZADD z inf i -inf j
ZADD z INCR -inf i
ZADD z INCR inf j
ZINCRBY z inf i
ZINCRBY z -inf i
ZRANGE z 0 -1 WITHSCORES
ZADD missing XX 1 a
EXISTS missing
ZADD missing XX INCR 1 a
ZADD missing GT 1 a
ZRANGE missing 0 -1 WITHSCORES
""")
SCORES = ["0", "-0", "1", "1.0", "1.5", "-2.5", "0.1", "3e2", "1e5", "1e16", "1e17", "1e21",
          "123456789012345678", "9007199254740993", "1e-5", "0.0001", "17.3333333333333333",
          "1e100", "1e308", "-1e308", "5e-324", "inf", "+inf", "-inf", "Infinity", "0x10", "0x1p-2",
          ".5", "5.", "+5"]
NO_SCORES = ["abc", '""', "nan", "-nan", "1e400", "-1e400", "1e-400", '" 1"', '"1 "', "1e", "0x",
             "--5", "1,5", r'"1\x00"']
section("sorted-sets", "scores as text",
        (line for score in SCORES
         for line in ("DEL z", f"ZADD z {score} m", "ZSCORE z m", f"ZINCRBY z {score} m",
                      f"ZADD z INCR {score} n", f"ZCOUNT z {score} inf", f"ZCOUNT z ({score} inf",
                      "ZRANGE z 0 -1 WITHSCORES")),
        (line for score in NO_SCORES
         for line in (f"ZADD z {score} m", f"ZINCRBY z {score} m", f"ZCOUNT z {score} 1",
                      f"ZRANGEBYSCORE z 0 {score}")))
section("sorted-sets", "members, scores, ranks", r"""
ZADD z 1 a 2 b 2 c 3 d
ZCARD z
ZCARD missing
ZSCORE z a
ZSCORE z none
ZSCORE missing a
ZMSCORE z a none d
ZMSCORE missing a b
ZRANK z a
ZRANK z c
ZRANK z none
ZRANK missing a
ZREVRANK z a
ZREVRANK z d
ZREVRANK z none
ZINCRBY z 5 a
ZINCRBY z -1.5 b
ZINCRBY z 1 fresh
ZINCRBY z abc a
ZRANGE z 0 -1 WITHSCORES
ZREM z a none
ZREM z none
ZREM missing a
ZREM z b c d fresh
EXISTS z
ZADD z 0 "" 0 "\x00" 0 "\xff" 0 B 0 a 0 10 0 9
ZRANGE z 0 -1
OBJECT ENCODING z
""")
section("sorted-sets", "ZPOPMIN and ZPOPMAX", r"""
ZADD z 1 a 2 b 2 c 3 d 4 e 5 f
ZPOPMIN z
ZPOPMAX z
ZPOPMIN z 2
ZPOPMAX z 1
ZPOPMIN z 0
ZPOPMAX z -1
ZPOPMIN z abc
ZPOPMIN z 1 2
ZPOPMIN z 100
EXISTS z
ZPOPMIN missing
ZPOPMAX missing 2
ZPOPMAX missing -1
ZADD z 1.5 a
ZPOPMAX z
""")

INDEX_PAIRS = list(itertools.product((0, 1, 3, 5, -1, -3, -100, 100), repeat=2))
SCORE_PAIRS = list(itertools.product(("-inf", "1", "(1", "2", "(3", "+inf", "5"), repeat=2))
LEX_PAIRS = list(itertools.product(("-", "[a", "(a", "[c", "(c", "+"), repeat=2))
LIMITS = ["", " LIMIT 0 2", " LIMIT 1 1", " LIMIT 1 -1", " LIMIT -1 2", " LIMIT 9 1", " LIMIT 0 0"]
Z_SCORES = "ZADD z 1 a 2 b 2 c 3 d 4.5 e"
Z_LEX = "ZADD lex 0 a 0 b 0 c 0 d 0 aa"

section("sorted-sets", "ZRANGE by index", [Z_SCORES],
        (f"ZRANGE z {start} {end}{more}" for start, end in INDEX_PAIRS
         for more in ("", " REV", " WITHSCORES", " REV WITHSCORES")))
section("sorted-sets", "ZRANGE by score", [Z_SCORES],
        (f"ZRANGE z {start} {end} BYSCORE{more}" for start, end in SCORE_PAIRS
         for more in ("", " REV", " WITHSCORES")),
        (f"ZRANGE z {range_} BYSCORE{limit}{more}" for limit in LIMITS
         for range_, more in (("-inf +inf", ""), ("+inf -inf", " REV"),
                              ("(1 4.5", " WITHSCORES"))))
section("sorted-sets", "ZRANGE by member", [Z_LEX],
        (f"ZRANGE lex {start} {end} BYLEX{more}" for start, end in LEX_PAIRS
         for more in ("", " REV")),
        (f"ZRANGE lex {range_} BYLEX{limit}{more}" for limit in LIMITS
         for range_, more in (("- +", ""), ("+ -", " REV"), ("[a (d", ""))))
section("sorted-sets", "ZRANGE: errors", [Z_SCORES], r"""
ZRANGE z a b
ZRANGE z 0 b
ZRANGE z 1.5 2
ZRANGE z 0 -1 FOO
ZRANGE z 0 -1 LIMIT 0 1
ZRANGE z 0 -1 BYSCORE LIMIT 0
ZRANGE z 0 -1 BYSCORE LIMIT a 1
ZRANGE z 0 -1 BYSCORE LIMIT 0 a
ZRANGE z 0 -1 BYSCORE BYLEX
ZRANGE z - + BYLEX WITHSCORES
ZRANGE z a b BYSCORE
ZRANGE z (a 1 BYSCORE
ZRANGE z nan 1 BYSCORE
ZRANGE z a b BYLEX
ZRANGE z 1 2 BYLEX
ZRANGE z [a b BYLEX
ZRANGE z "" "" BYLEX
ZRANGE z 0 -1 withscores rev
ZRANGE z 0 -1 WITHSCORES WITHSCORES
ZRANGE z 0 -1 REV REV
ZRANGE missing 0 -1 BYSCORE
ZRANGE missing - + BYLEX
ZRANGE missing a b
ZRANGE z ( 1 BYSCORE
ZRANGE z 1 ( BYSCORE
""")
section("sorted-sets", "ZRANGEBYSCORE, ZREVRANGEBYSCORE, ZCOUNT", [Z_SCORES],
        (line for start, end in SCORE_PAIRS
         for line in (f"ZRANGEBYSCORE z {start} {end}", f"ZREVRANGEBYSCORE z {end} {start}",
                      f"ZCOUNT z {start} {end}")),
        (f"{name}{limit}{more}" for limit in LIMITS[1:] for more in ("", " WITHSCORES")
         for name in ("ZRANGEBYSCORE z -inf inf", "ZREVRANGEBYSCORE z inf -inf")), r"""
ZRANGEBYSCORE z -inf inf WITHSCORES LIMIT 1 2
ZRANGEBYSCORE z 1 2 withscores limit 0 1
ZRANGEBYSCORE z a b
ZREVRANGEBYSCORE z a b
ZRANGEBYSCORE z 1 2 FOO
ZRANGEBYSCORE z 1 2 LIMIT 1
ZRANGEBYSCORE z 1 2 LIMIT a b
ZRANGEBYSCORE z 1 2 REV
ZRANGEBYSCORE z 1 2 BYSCORE
ZREVRANGEBYSCORE z 2 1 BYLEX
ZRANGEBYSCORE missing 1 2
ZREVRANGEBYSCORE missing 1 2 WITHSCORES
ZCOUNT z a b
ZCOUNT z 1 (b
ZCOUNT missing 1 2
""")
section("sorted-sets", "ZREVRANGE, ZRANGEBYLEX, ZREVRANGEBYLEX, ZLEXCOUNT", [Z_SCORES, Z_LEX],
        (f"ZREVRANGE z {start} {end}{more}" for start, end in INDEX_PAIRS
         for more in ("", " WITHSCORES")),
        (line for start, end in LEX_PAIRS
         for line in (f"ZRANGEBYLEX lex {start} {end}", f"ZREVRANGEBYLEX lex {end} {start}",
                      f"ZLEXCOUNT lex {start} {end}")),
        (f"{name}{limit}" for limit in LIMITS[1:]
         for name in ("ZRANGEBYLEX lex - +", "ZREVRANGEBYLEX lex + -")), r"""
ZREVRANGE z a b
ZREVRANGE z 0 -1 FOO
ZREVRANGE z 0 -1 REV
ZREVRANGE z 0 -1 LIMIT 0 1
ZRANGEBYLEX lex a b
ZRANGEBYLEX lex - + FOO
ZRANGEBYLEX lex - + WITHSCORES
ZRANGEBYLEX lex - + LIMIT 1
ZLEXCOUNT lex a b
ZLEXCOUNT missing - +
ZREVRANGEBYLEX missing + -
ZREVRANGE missing 0 -1 WITHSCORES
""")


def removals():
    for start, end in INDEX_PAIRS:
        yield from ("DEL z", Z_SCORES, f"ZREMRANGEBYRANK z {start} {end}", "ZRANGE z 0 -1")
    for start, end in SCORE_PAIRS:
        yield from ("DEL z", Z_SCORES, f"ZREMRANGEBYSCORE z {start} {end}", "ZRANGE z 0 -1")
    for start, end in LEX_PAIRS:
        yield from ("DEL lex", Z_LEX, f"ZREMRANGEBYLEX lex {start} {end}", "ZRANGE lex 0 -1")


section("sorted-sets", "ZREMRANGEBYRANK, ZREMRANGEBYSCORE, ZREMRANGEBYLEX", removals(), r"""
DEL z
ZADD z 1 a
ZREMRANGEBYRANK z a 1
ZREMRANGEBYSCORE z a 1
ZREMRANGEBYLEX z a b
ZREMRANGEBYRANK missing 0 -1
ZREMRANGEBYSCORE missing 0 1
ZREMRANGEBYLEX missing - +
ZREMRANGEBYRANK z 0 -1
EXISTS z
""")
section("sorted-sets", "ZRANGESTORE", [Z_SCORES, Z_LEX],
        (line for ranges in ("0 -1", "1 2", "0 -1 REV", "5 9", "(1 3 BYSCORE", "3 1 BYSCORE REV",
                             "-inf inf BYSCORE LIMIT 1 2", "a b", "0 -1 WITHSCORES",
                             "0 -1 LIMIT 0 1", "0 -1 FOO")
         for line in (f"ZRANGESTORE to z {ranges}", "ZRANGE to 0 -1 WITHSCORES")), r"""
ZRANGESTORE to lex [a (c BYLEX
ZRANGE to 0 -1
ZRANGESTORE to missing 0 -1
EXISTS to
SET to string
ZRANGESTORE to z 0 0
TYPE to
ZRANGESTORE z z 0 0
ZRANGE z 0 -1
""")
section("sorted-sets", "ZMPOP", r"""
ZADD z 1 a 2 b 3 c 4 d
ZMPOP 1 z MIN
ZMPOP 1 z MAX COUNT 2
ZMPOP 2 missing z min COUNT 10
EXISTS z
ZMPOP 2 missing z MIN
ZMPOP 0 z MIN
ZMPOP -1 z MIN
ZMPOP abc z MIN
ZMPOP 2 z MIN
ZMPOP 1 z FOO
ZMPOP 1 z MIN COUNT
ZMPOP 1 z MIN COUNT 0
ZMPOP 1 z MIN COUNT -1
ZMPOP 1 z MIN COUNT abc
ZMPOP 1 z MIN FOO 1
ZMPOP 1 z MIN COUNT 1 COUNT 1
ZMPOP 1 z MIN COUNT 0 COUNT
ZMPOP 1 z MIN COUNT abc x
SET s x
ZMPOP 2 s z MIN
""")
section("sorted-sets", "ZRANDMEMBER", r"""
ZADD z 1.5 only
ZRANDMEMBER z
ZRANDMEMBER z 1
ZRANDMEMBER z 5
ZRANDMEMBER z 0
ZRANDMEMBER z -3
ZRANDMEMBER z 1 WITHSCORES
ZRANDMEMBER z -2 withscores
ZRANDMEMBER z 1 FOO
ZRANDMEMBER z 1 WITHSCORES FOO
ZRANDMEMBER z abc
ZRANDMEMBER z -9223372036854775808
ZRANDMEMBER missing
ZRANDMEMBER missing 1
ZRANDMEMBER missing -1 WITHSCORES
ZADD z 2 two 3 three
ZRANDMEMBER z ## shape (random choice)
ZRANDMEMBER z 2 ## shape (random choice)
ZRANDMEMBER z -5 ## shape (random choice)
ZRANDMEMBER z 3 ## sorted (random order)
ZRANDMEMBER z 10 WITHSCORES ## sorted pairs (random order)
""")

Z_OPERANDS = ["1 y", "2 y z", "2 z y", "2 y missing", "2 missing y", "2 y y", "3 y z s", "2 s y",
              "1 missing", "2 y w"]
Z_WAYS = ["", " WITHSCORES", " WEIGHTS {w} WITHSCORES", " AGGREGATE MIN WITHSCORES",
          " AGGREGATE MAX WITHSCORES", " AGGREGATE SUM WITHSCORES",
          " WEIGHTS {w} AGGREGATE MAX WITHSCORES"]


def sorted_set_algebra():
    yield from ("ZADD y 1 a 2 b 3 c", "ZADD z 10 b 20 c 30 d", "SADD s 1 b c",
                "ZADD w inf a -inf b 0.5 c")
    for keys in Z_OPERANDS:
        weights = " ".join(("2", "-1.5", "0")[:int(keys[0])])
        for name in ("ZUNION", "ZINTER"):
            for way in Z_WAYS:
                yield f"{name} {keys}{way.format(w=weights)}"
            for way in Z_WAYS[2:]:
                yield f"{name}STORE to {keys}{way.format(w=weights).removesuffix(' WITHSCORES')}"
                yield "ZRANGE to 0 -1 WITHSCORES"
        yield f"ZDIFF {keys}"
        yield f"ZDIFF {keys} WITHSCORES"
        yield f"ZDIFFSTORE to {keys}"
        yield "ZRANGE to 0 -1 WITHSCORES"
        yield f"ZINTERCARD {keys}"
        yield f"ZINTERCARD {keys} LIMIT 1"


section("sorted-sets", "union, intersection, difference", sorted_set_algebra(),
        (line.format(name=name) for name in ("ZUNION", "ZINTER", "ZDIFF", "ZUNIONSTORE to",
                                             "ZINTERSTORE to", "ZDIFFSTORE to")
         for line in ("{name} 0 y", "{name} -1 y", "{name} abc y", "{name} 3 y z", "{name} 1 y z",
                      "{name} 1 y FOO", "{name} 1 y WEIGHTS", "{name} 2 y z WEIGHTS 1",
                      "{name} 1 y WEIGHTS abc", "{name} 1 y WEIGHTS nan", "{name} 1 y AGGREGATE",
                      "{name} 1 y AGGREGATE FOO", "{name} 1 y WITHSCORES FOO",
                      "{name} 1 y WITHSCORES", "{name} 1 y aggregate min weights 2")), r"""
ZUNION 2 w w WEIGHTS 1 -1 WITHSCORES
ZUNION 1 w WEIGHTS 0 WITHSCORES
ZUNION 1 w WEIGHTS inf WITHSCORES
ZINTERCARD 0 y
ZINTERCARD abc y
ZINTERCARD 1 y LIMIT
ZINTERCARD 1 y LIMIT -1
ZINTERCARD 1 y LIMIT abc
ZINTERCARD 1 y LIMIT 0
ZINTERCARD 1 y WITHSCORES
ZINTERCARD 3 y z
SET string x
ZUNION 2 y string
ZINTER 2 missing string
ZDIFF 2 missing string
ZUNIONSTORE string 1 y
TYPE string
ZINTERSTORE y 2 y z
ZRANGE y 0 -1 WITHSCORES
ZDIFFSTORE y 2 y y
EXISTS y
""")
section("sorted-sets", "small and large", ["ZADD z 1 a", f"ZADD z 2 {'m' * 64}",
                                           "OBJECT ENCODING z", f"ZADD z 3 {'m' * 65}",
                                           "OBJECT ENCODING z", "ZRANGE z 0 -1 WITHSCORES",
                                           "ZADD z -0 zero", "ZSCORE z zero", "ZRANGE z 0 0",
                                           "ZINCRBY z 0.1 a", "ZRANGEBYSCORE z -inf (2",
                                           "ZREVRANGE z 0 1",
                                           "ZADD big " + " ".join(f"{i} m{i}" for i in range(128)),
                                           "OBJECT ENCODING big", "ZADD big 0.5 more",
                                           "OBJECT ENCODING big", "ZCARD big", "ZRANK big m100",
                                           "ZREVRANK big m100", "ZRANGE big 0 3 WITHSCORES",
                                           "ZRANGE big 90 (95 BYSCORE", "ZCOUNT big (10 20",
                                           "ZPOPMIN big 3", "ZPOPMAX big 2", "ZREM big m50 m51",
                                           "ZRANGE big 45 52", "ZRANK big m60",
                                           "ZRANGE big +inf 100 BYSCORE REV LIMIT 2 3 WITHSCORES"])
section("sorted-sets", "ZSCAN", r"""
ZADD z 1 a 2 b 1.5 ab
ZSCAN z 0
ZSCAN z 0 MATCH a*
ZSCAN z 0 COUNT 1
ZSCAN z 9
ZSCAN z abc
ZSCAN z 0 COUNT 0
ZSCAN z 0 COUNT abc
ZSCAN z 0 MATCH
ZSCAN z 0 FOO 1
ZSCAN missing 0
ZADD z 1e100 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
ZSCAN z 0 COUNT 1000 ## scan pairs (hash table order)
""")


# --- keys -------------------------------------------------------------------------------------

section("keys", "DEL, UNLINK, EXISTS, TOUCH, TYPE, DBSIZE, FLUSHDB, FLUSHALL", r"""
MSET a 1 b 2 c 3
EXISTS a
EXISTS a a missing b
TOUCH a b missing a
DBSIZE
DEL a missing
DEL a
UNLINK b c missing
DBSIZE
TYPE missing
SET a 1
SELECT 1
DBSIZE
SET b 1
FLUSHDB
DBSIZE
SELECT 0
DBSIZE
SELECT 1
SET b 1
FLUSHALL
SELECT 0
DBSIZE
FLUSHDB SYNC
FLUSHDB ASYNC
FLUSHDB async
FLUSHDB FOO
FLUSHDB SYNC ASYNC
FLUSHALL SYNC
FLUSHALL ASYNC
FLUSHALL FOO
RANDOMKEY
SET only 1
RANDOMKEY
""")
section("keys", "KEYS: patterns", [r'MSET one 1 two 2 three 3 four 4 a 1 b 2 ab 3 a?b 4 "a[b" 5 "" 6 "a\\b" 7 A 8'],
        (f"KEYS {pattern} ## sorted (hash table order)" for pattern in (
            "*", "t*", "*o*", "?", "??", "[ab]", "[a-c]", "[^a]", "[^a-z]", r'"a\\?b"', r'"a\\[b"',
            "a[?]b", "a[b", "[", "[a", '"[]"', "a**b", "*[a-z]?", '""', "nothing", "A", "[A-Z]",
            "[z-a]", "*e", "t[wh]*", r'"\\a"', r'"*\\\\*"', r'"a\\"', "[^]", "[a-]", "?*?", "h[^x]")))
section("keys", "SCAN", r"""
MSET a 1 b 2 ab 3
RPUSH list x
HSET hash f v
SCAN 0 COUNT 1000 ## scan (hash table order)
SCAN 0 MATCH a* COUNT 1000 ## scan (hash table order)
SCAN 0 COUNT 1000 TYPE string ## scan (hash table order)
SCAN 0 COUNT 1000 TYPE STRING ## scan (hash table order)
SCAN 0 COUNT 1000 TYPE list
SCAN 0 COUNT 1000 TYPE nosuch
SCAN 0 COUNT 1000 TYPE hash MATCH h*
SCAN 0 match list count 1000
SCAN 0 MATCH nothing COUNT 1000
SCAN abc
SCAN 18446744073709551616
SCAN 99999999999999999999
SCAN "" COUNT 1000 ## scan (hash table order)
SCAN 0 COUNT 0
SCAN 0 COUNT -1
SCAN 0 COUNT abc
SCAN 0 COUNT
SCAN 0 MATCH
SCAN 0 TYPE
SCAN 0 FOO bar
SCAN 0 COUNT 10 FOO
SELECT 5
SCAN 0
""")
section("keys", "COPY, MOVE, SWAPDB", r"""
SET a 1
COPY a b
GET b
COPY a b
COPY a b REPLACE
COPY a a
COPY missing b
COPY a c DB 1
COPY a c DB 1
COPY a c DB 1 REPLACE
COPY a a DB 1
COPY a c DB 99
COPY a c DB abc
COPY a c DB -1
COPY a c DB
COPY a c FOO
COPY a c replace db 2
EXPIRE a 100
COPY a d
TTL d
MOVE a 1
MOVE d 1
TTL d
MOVE d 0
MOVE d 99
MOVE d abc
MOVE missing 1
SELECT 1
TTL d
GET c
SWAPDB 0 1
DBSIZE
GET d
SWAPDB 0 0
SWAPDB 0 99
SWAPDB abc 1
SWAPDB 0 abc
SWAPDB -1 0
SELECT 0
GET d
GET c
""")
section("keys", "RENAME and RENAMENX", r"""
SET a 1
RENAME a b
GET b
RENAME a b
RENAME missing missing
RENAME b b
RENAMENX b b
SET c 3
RENAMENX b c
RENAMENX b d
RENAMENX missing d
GET d
EXPIRE d 100
RENAME d c
TTL c
GET c
SET p 1
RENAME p c
TTL c
RPUSH list x
RENAME list c
TYPE c
""")


def expire_flags():
    amounts = {"EXPIRE k": (100, 200), "PEXPIRE k": (100000, 200000),
               "EXPIREAT k": (FAR_S, FAR_S + 100), "PEXPIREAT k": (FAR_MS, FAR_MS + 100000)}
    for name, (less, more) in amounts.items():
        for flags in ("", "NX", "XX", "GT", "LT", "XX GT", "XX LT", "nx", "gt"):
            for state in ("DEL k", "SET k v", f"SET k v {'PX 150000' if 'AT' not in name else f'PXAT {FAR_MS + 50000}'}"):
                for amount in (less, more):
                    yield from (state, f"{name} {amount} {flags}".strip())
                    yield "TTL k" if "AT" not in name else "PEXPIRETIME k"


section("keys", "EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT: flags and states", expire_flags())
section("keys", "EXPIRE and its kin: errors and bounds",
        (line for name in ("EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT")
         for line in ("SET k v", f"{name} k abc", f'{name} k ""', f"{name} k 1.5",
                      f"{name} k {MAX}", f"{name} k {MIN}", f"{name} k {MAX}0",
                      f"{name} k 9223372036854775", f"{name} k -9223372036854775",
                      "EXISTS k", "SET k v", f"{name} k 100000000000 FOO", f"{name} k 100 NX XX",
                      f"{name} k 100 NX GT", f"{name} k 100 GT LT", f"{name} k 100 NX LT",
                      f"{name} missing abc", f"{name} missing {MAX}", f"{name} missing 1 FOO",
                      f"{name} k 0", "EXISTS k", "SET k v", f"{name} k -1", "EXISTS k", "SET k v",
                      f"{name} k 1 NX" if "AT" in name else f"{name} k -1 NX", "EXISTS k",
                      "SET k v EX 100", f"{name} k -100 GT", "EXISTS k", f"{name} k -100 LT",
                      "EXISTS k")))
section("keys", "TTL, PTTL, EXPIRETIME, PEXPIRETIME, PERSIST", f"""
TTL missing
PTTL missing
EXPIRETIME missing
PEXPIRETIME missing
PERSIST missing
SET k v
TTL k
PTTL k
EXPIRETIME k
PEXPIRETIME k
PERSIST k
EXPIRE k 100
TTL k
PTTL k ## {CLOCK}
PERSIST k
TTL k
PEXPIREAT k {FAR_MS + 499}
EXPIRETIME k
PEXPIRETIME k
PEXPIREAT k {FAR_MS + 500}
EXPIRETIME k
PEXPIRETIME k
EXPIREAT k {FAR_S}
PEXPIRETIME k
SET k w
TTL k
EXPIRE k 100
SET k w KEEPTTL
TTL k
APPEND k x
TTL k
HSET h f v
EXPIRE h 100
HSET h g w
TTL h
HDEL h f g
HSET h f v
TTL h
RPUSH l a
EXPIRE l 100
RPOP l
RPUSH l a
TTL l
""")
section("keys", "OBJECT and MEMORY USAGE", f"""
SET k 100
OBJECT ENCODING k
OBJECT REFCOUNT k
OBJECT FREQ k
OBJECT ENCODING missing
OBJECT REFCOUNT missing
OBJECT FREQ missing
OBJECT IDLETIME missing
SET k "a text"
OBJECT REFCOUNT k
OBJECT IDLETIME k ## near 5 (time passes)
OBJECT encoding k
OBJECT HELP
MEMORY USAGE k ## {NODE}
MEMORY USAGE k SAMPLES 0 ## {NODE}
MEMORY USAGE k SAMPLES 5 ## {NODE}
MEMORY USAGE missing
MEMORY USAGE k SAMPLES
MEMORY USAGE k SAMPLES -1
MEMORY USAGE k SAMPLES abc
MEMORY USAGE k FOO 1
HSET h f v
MEMORY USAGE h ## {NODE}
MEMORY HELP
""")


# --- transactions and publish/subscribe -------------------------------------------------------------

section("transactions", "MULTI, EXEC, DISCARD", r"""
EXEC
DISCARD
MULTI
EXEC
MULTI
MULTI
DISCARD
MULTI
SET a 1
INCR a
GET a
HGETALL missing
ZADD z 1.5 m
ZSCORE z m
SISMEMBER missing x
MGET a b
EXEC
GET a
MULTI
SET a 5
DISCARD
GET a
MULTI
SET a
GET a
EXEC
GET a
MULTI
NOSUCH
EXEC
MULTI
SET a x
INCR a
LPUSH a y
GET a
EXEC
GET a
MULTI
SELECT 3
SET inside 1
EXEC
GET inside
SELECT 0
GET inside
MULTI
EXEC x
EXEC
MULTI
DISCARD x
EXEC
multi
exec
MULTI
PING
ECHO hi
PING hello
DBSIZE
EXISTS a b
TYPE a
KEYS nothing
EXEC
MULTI
FLUSHALL
SET after 1
DBSIZE
EXEC
MULTI
SUBSCRIBE x
EXEC
PING
""", protocols=(3,))
section("transactions", "groups", r"""
MULTI
SET k 1
EXPIRE k 100
TTL k
PERSIST k
DEL k
EXISTS k
EXEC
MULTI
RPUSH l a b c
LRANGE l 0 -1
LPOP l
LMOVE l m LEFT RIGHT
DEL l m
EXEC
MULTI
HSET h f 1
HINCRBY h f 5
HGETALL h
HINCRBYFLOAT h f abc
EXEC
MULTI
CLIENT SETNAME inner
CLIENT GETNAME
SELECT 99
EXEC
CLIENT GETNAME
MULTI
DISCARD
DISCARD
MULTI
CONFIG FOO
EXEC
MULTI
PUBLISH nobody hi
EXEC
MULTI
RESET
EXEC
""")
section("transactions", "a protocol that changes within a group", r"""
HSET h f v
MULTI
GET missing
HGETALL h
HELLO 3
GET missing
HGETALL h
HELLO 2
GET missing
HGETALL h
HELLO 3
EXEC ## shape (local to the node)
GET missing
HGETALL h
""", protocols=(2,))
section("publish-subscribe", "one subscriber", r"""
b> SUBSCRIBE news ## settles
PUBLISH news hello
b> @read ## settles
PUBLISH nobody hello
PUBSUB CHANNELS
PUBSUB CHANNELS n*
PUBSUB CHANNELS x*
PUBSUB NUMSUB
PUBSUB NUMSUB news nobody
PUBSUB NUMPAT
b> SUBSCRIBE news ## settles
b> SUBSCRIBE more other ## settles
PUBSUB CHANNELS ## sorted (hash table order)
b> PSUBSCRIBE n* ?ews ## settles
PUBLISH news both
b> @read ## messages (hash table order); settles; replies 3
PUBSUB NUMPAT
b> UNSUBSCRIBE other ## settles
b> UNSUBSCRIBE never ## settles
b> PUNSUBSCRIBE never ## settles
b> PUNSUBSCRIBE n* ?ews ## settles
b> UNSUBSCRIBE news more ## settles
PUBLISH news gone
b> PING
b> UNSUBSCRIBE ## settles
b> PUNSUBSCRIBE ## settles
b> GET k
PUBSUB CHANNELS
PUBLISH "" ""
PUBSUB CHANNELS a b
PUBSUB NUMPAT x
PUBSUB HELP
""")
section("publish-subscribe", "what a subscriber may send", r"""
b> SUBSCRIBE news ## settles
b> GET k
b> SET k v
b> PING
b> PING hello
b> PING hello there
b> MULTI
b> EXEC
b> ECHO x
b> FOO
b> GET
b> PUBLISH news x ## settles
b> SUBSCRIBE
b> UNSUBSCRIBE ## settles
b> PING
b> GET k
b> PSUBSCRIBE * ## settles
PUBLISH any "\x00\r\n"
b> @read ## settles
b> RESET
b> GET k
PUBLISH any x
""")
section("publish-subscribe", "patterns", r"""
b> PSUBSCRIBE h?llo h*llo h[ae]llo ## settles
PUBLISH hello 1
b> @read ## messages (hash table order); settles; replies 3
PUBLISH hllo 2
b> @read ## settles
PUBLISH heeello 3
b> @read ## settles
PUBLISH hillo 4
b> @read ## messages (hash table order); settles; replies 2
PUBLISH jello 5
PUBSUB NUMPAT
b> PUNSUBSCRIBE h*llo ## settles
PUBSUB NUMPAT
b> QUIT ## closes
PUBSUB NUMPAT
""")
section("publish-subscribe", "several subscribers", r"""
b> SUBSCRIBE news ## settles
c> SUBSCRIBE news other ## settles
d> PSUBSCRIBE n* ## settles
PUBLISH news 1
b> @read ## settles
c> @read ## settles
d> @read ## settles
PUBLISH other 2
c> @read ## settles
PUBSUB NUMSUB news other none
PUBSUB NUMPAT
MULTI
PUBLISH news 3
PUBLISH none 4
EXEC
b> @read ## settles
c> @read ## settles
d> @read ## settles
c> UNSUBSCRIBE news ## settles
PUBLISH news 5
b> @read ## settles
d> @read ## settles
""")


# --- connection ---------------------------------------------------------------------------------

section("connection", "PING, ECHO, SELECT", r"""
PING
PING hello
PING "with\r\nline end"
PING a b
ping
ECHO hello
ECHO ""
ECHO "\x00\xff"
SELECT 0
SELECT 15
SELECT 16
SELECT -1
SELECT abc
SELECT 2147483648
SELECT -99999999999
SELECT 9223372036854775808
SELECT 1.5
SELECT 99999999999999999999
SET k fifteen
SELECT 0
GET k
SELECT 15
GET k
""")
section("connection", "HELLO, AUTH, RESET, QUIT", r"""
HELLO ## integers (client ids)
HELLO 2 ## integers (client ids)
HELLO 3 ## integers (client ids)
HELLO 4
HELLO 1
HELLO 0
HELLO abc
HELLO 3 FOO
HELLO 3 SETNAME
HELLO 3 SETNAME me ## integers (client ids)
CLIENT GETNAME
HELLO 2 SETNAME "with space"
HELLO 2 AUTH default
HELLO 2 AUTH default wrong ## integers (client ids)
HELLO 2 AUTH nobody wrong
HELLO 3 AUTH default anything SETNAME it ## integers (client ids)
CLIENT GETNAME
GET missing
HGETALL missing
HELLO 2 ## integers (client ids)
GET missing
AUTH anything
AUTH default anything
AUTH nobody anything
AUTH a b c
SELECT 5
HELLO 3 ## integers (client ids)
RESET
GET missing
CLIENT GETNAME
SET k v
SELECT 0
EXISTS k
SELECT 5
MULTI
RESET
EXEC
QUIT ## closes
PING
quit ## closes
""")
section("connection", "a password", r"""
CONFIG SET requirepass secret
b> GET k
b> PING
b> SET k v
b> NOSUCH
b> GET
b> HELLO
b> HELLO 3
b> AUTH wrong
b> AUTH nobody secret
b> CLIENT ID
b> MULTI
b> RESET
b> AUTH secret
b> GET k
b> RESET
b> GET k
b> AUTH default secret
b> PING
c> HELLO 3 AUTH default wrong
c> HELLO 3 AUTH default secret ## integers (client ids)
c> GET k
d> QUIT ## closes
@tidy CONFIG SET requirepass ""
d> GET k
""", protocols=(2,))
section("connection", "CLIENT", r"""
CLIENT ID ## shape (client ids)
CLIENT GETNAME
CLIENT SETNAME me
CLIENT GETNAME
CLIENT SETNAME ""
CLIENT GETNAME
CLIENT SETNAME "with space"
CLIENT SETNAME "with\nline"
CLIENT SETNAME "\xff"
CLIENT GETNAME
CLIENT INFO ## shape (local to the node)
CLIENT LIST ## shape (local to the node)
CLIENT LIST TYPE normal ## shape (local to the node)
CLIENT LIST TYPE pubsub
CLIENT LIST TYPE master
CLIENT LIST TYPE FOO
CLIENT LIST TYPE
CLIENT LIST ID 999999999
CLIENT LIST ID abc
CLIENT LIST ID
CLIENT LIST FOO
CLIENT REPLY ON
CLIENT REPLY FOO
CLIENT REPLY
CLIENT KILL 1.2.3.4:5
CLIENT KILL ID 999999999
CLIENT KILL ID abc
CLIENT KILL ID 0
CLIENT KILL ID
CLIENT KILL ID abc ID
CLIENT KILL USER nobody ADDR
CLIENT KILL TYPE FOO TYPE
CLIENT KILL TYPE normal ID
CLIENT KILL TYPE FOO
CLIENT KILL USER nobody
CLIENT KILL SKIPME maybe
CLIENT KILL ADDR 1.2.3.4:5
CLIENT KILL LADDR 1.2.3.4:5
CLIENT KILL FOO bar
CLIENT KILL ADDR 1.2.3.4:5 ID 999999999 SKIPME yes
CLIENT SETINFO LIB-NAME redis-py
CLIENT SETINFO FOO bar
CLIENT NO-EVICT on
CLIENT NO-EVICT off
CLIENT NO-EVICT maybe
CLIENT GETREDIR
CLIENT TRACKINGINFO
CLIENT UNPAUSE
CLIENT PAUSE abc
CLIENT HELP
""")
section("connection", "CLIENT REPLY", r"""
CLIENT REPLY OFF ## replies 0
PING ## replies 0
CLIENT REPLY ON
PING
CLIENT REPLY SKIP ## replies 0
PING ## replies 0
PING
CLIENT REPLY SKIP ## replies 0
CLIENT REPLY SKIP ## replies 0
PING ## replies 0
ECHO back
""")
section("connection", "CLIENT KILL", r"""
b> SUBSCRIBE news ## settles
CLIENT KILL TYPE pubsub
b> @read ## closes; replies 0
b> PING
""")


# --- bytes on the wire ----------------------------------------------------------------------------

def raw(text, closes=False, replies=1):
    marks = "; ".join(["closes"] * closes + [f"replies {replies}"] * (replies != 1))
    return f"@raw {text}" + (f" ## {marks}" if marks else "")


PROTOCOL_ERRORS = [
    r"*x\r\n", r"*\r\n", r"*+1\r\n", r"*01\r\n", r"* 1\r\n", r"*-0\r\n", r"*2147483648\r\n",
    r"*9999999999999999999999\r\n", r"*1\r\n$x\r\n", r"*1\r\n$-1\r\n", r"*1\r\n$\r\n",
    r"*1\r\n$04\r\n", r"*1\r\n$536870913\r\n", r"*1\r\n$9999999999999999999999\r\n",
    r"*1\r\n+4\r\nPING\r\n", r"*1\r\n\r\n", r"*1\r\n\xff\r\n", r"*1\r$4\r\nPING\r\n",
    r"SET a \"b\r\n", r"SET a 'b\r\n", r"ECHO \"a\"b\r\n", r"ECHO 'a'b\r\n",
    r"PING\r\n*1\r\n$4\r\nPING\r\n*x\r\nPING\r\n",
]
section("wire", "requests", [
    raw(r"*1\r\n$4\r\nPING\r\n"), raw(r"PING\r\n"), raw(r"PING\n"), raw(r"  PING  \r\n"),
    raw(r"\r\n\n\r\nPING\r\n"), raw(r"*0\r\n*-1\r\n*-9\r\nPING\r\n"),
    raw(r"ECHO \"a b\"\r\nECHO 'c d'\r\n", replies=2),
    raw(r"ECHO \"\\x41\\n\\r\\t\\b\\a\\q\\\"\\\\\"\r\n"), raw(r"ECHO 'a\\'b\\n'\r\n"),
    raw(r"ECHO \"\\x4\\xzz\"\r\n"), raw(r"ECHO a\"b c\"\r\n"), raw(r"ECHO \"\"\r\n"),
    raw(r"ECHO\ta\x0b\r\n"), raw(r"PI\rNG\r\n"), raw(r"*1\rX$4\rYPINGzzPING\r\n", replies=2),
    raw(r"*2\r\n$4\r\nECHO\r\n$6\r\n\r\n*1\r\n\r\n"),
    raw(r"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", replies=2),
    raw(r"PING\r\n" * 20, replies=20),
], protocols=(2,))
section("wire", "protocol errors end the connection",
        (raw(text, closes=True) for text in PROTOCOL_ERRORS), protocols=(2,))
section("wire", "lines that are too long", [
    raw(r"\(65537 a)", closes=True), raw(r"*\(65536 1)", closes=True),
    raw(r"*1\r\n$\(65536 1)", closes=True)], protocols=(2,))
section("wire", "HTTP", [raw(r"POST / HTTP/1.1\r\nHost: x\r\n\r\n", closes=True),
                         raw(r"Host: x\r\n", closes=True)], protocols=(2,))


# --- server -------------------------------------------------------------------------------------

section("server", "small ones", r"""
TIME ## shape (the clock)
WAIT 0 0
WAIT 0 10
WAIT abc 0
WAIT 0 abc
WAIT 0 -1
ROLE
LOLWUT ## shape (art)
LOLWUT VERSION 5 1 1 1 ## shape (art)
LOLWUT VERSION abc
SHUTDOWN FOO
SHUTDOWN SAVE NOSAVE
SHUTDOWN ABORT
SHUTDOWN NOW FOO
INFO ## shape (local to the node)
INFO server ## shape (local to the node)
INFO nosuch
INFO server clients ## shape (local to the node)
INFO EVERYTHING ## shape (local to the node)
INFO keyspace
SET k v
INFO keyspace ## shape (local to the node)
""")
section("server", "CONFIG GET and SET", r"""
CONFIG GET maxmemory-policy
CONFIG GET maxmemory-polic?
CONFIG GET MAXMEMORY-POLICY
CONFIG GET nosuch
CONFIG GET hash-max-listpack-* ## sorted pairs (hash table order)
CONFIG GET hash-max-ziplist-entries
CONFIG GET databases
CONFIG GET timeout
CONFIG GET timeout databases ## sorted pairs (hash table order)
CONFIG GET timeout timeout
CONFIG GET proto-max-bulk-len
CONFIG GET requirepass
CONFIG SET timeout 100
CONFIG GET timeout
@tidy CONFIG SET timeout 0
CONFIG SET timeout abc
CONFIG SET timeout -1
CONFIG SET nosuch 1
CONFIG SET timeout
CONFIG SET timeout 1 nosuch 2
CONFIG GET timeout
CONFIG SET databases 5
CONFIG SET port 0 port 1
CONFIG SET timeout 1 timeout 2
CONFIG SET maxmemory-policy nosuch
CONFIG SET maxmemory 100mb
CONFIG GET maxmemory
CONFIG SET maxmemory 1gb
CONFIG GET maxmemory
CONFIG SET maxmemory 10foo
CONFIG SET maxmemory -5
@tidy CONFIG SET maxmemory 0
CONFIG SET appendonly maybe
CONFIG SET hash-max-listpack-entries 4
HSET h a 1 b 2 c 3 d 4
OBJECT ENCODING h
HSET h e 5
OBJECT ENCODING h
@tidy CONFIG SET hash-max-listpack-entries 512
CONFIG GET hash-max-listpack-entries
CONFIG SET set-max-intset-entries 2
SADD s 1 2
OBJECT ENCODING s
SADD s 3
OBJECT ENCODING s
@tidy CONFIG SET set-max-intset-entries 512
CONFIG SET zset-max-listpack-value 3
ZADD z 1 abc
OBJECT ENCODING z
ZADD z 1 abcd
OBJECT ENCODING z
@tidy CONFIG SET zset-max-listpack-value 64
CONFIG SET client-output-buffer-limit "normal 0 0"
CONFIG SET client-output-buffer-limit "foo 0 0 0"
CONFIG GET client-output-buffer-limit
CONFIG SET client-output-buffer-limit "pubsub 1mb 2mb 60"
CONFIG GET client-output-buffer-limit
@tidy CONFIG SET client-output-buffer-limit "pubsub 33554432 8388608 60"
CONFIG SET save "60 abc"
CONFIG SET maxclients 0
CONFIG SET latency-tracking-info-percentiles 101
CONFIG SET latency-tracking-info-percentiles "50 -1"
CONFIG SET latency-tracking-info-percentiles "50 x"
CONFIG SET proto-max-bulk-len 5
CONFIG RESETSTAT
CONFIG REWRITE
CONFIG HELP
""")

COMMANDS = sorted({name.split()[0].lower() for name in ARITIES}
                  | {"ping", "quit", "hello", "info", "lolwut", "shutdown", "command", "flushdb",
                     "flushall", "unsubscribe", "punsubscribe"})
SUBCOMMANDS = ["client|id", "client|info", "client|list", "client|setname", "client|getname",
               "client|kill", "client|reply", "config|get", "config|set", "config|resetstat",
               "config|rewrite", "command|count", "command|docs", "command|info", "command|list",
               "command|getkeys", "object|encoding", "object|refcount", "object|idletime",
               "object|freq", "memory|usage", "pubsub|channels", "pubsub|numsub", "pubsub|numpat"]
CONTAINERS = {"client", "config", "command", "object", "memory", "pubsub"}
section("commands", "COMMAND INFO", (f"COMMAND INFO {name}"
                                     for name in COMMANDS + SUBCOMMANDS if name not in CONTAINERS))
section("commands", "COMMAND INFO: the rest", r"""
COMMAND INFO nosuch
COMMAND INFO GET nosuch SET
COMMAND INFO client|nosuch
COMMAND INFO get|x
COMMAND COUNT ## shape (ours are fewer)
COMMAND LIST FILTERBY ACLCAT nosuch
COMMAND LIST FILTERBY PATTERN nosuch
COMMAND LIST FILTERBY PATTERN getde?
COMMAND LIST FILTERBY PATTERN mset* ## sorted (hash table order)
COMMAND LIST FILTERBY MODULE nosuch
COMMAND LIST FILTERBY FOO x
COMMAND LIST FILTERBY
COMMAND LIST FOO
COMMAND DOCS nosuch
COMMAND HELP
""")
section("commands", "COMMAND GETKEYS", r"""
COMMAND GETKEYS GET k
COMMAND GETKEYS SET k v EX 100
COMMAND GETKEYS MSET a 1 b 2
COMMAND GETKEYS MGET a b c
COMMAND GETKEYS DEL a b
COMMAND GETKEYS LMPOP 2 a b LEFT
COMMAND GETKEYS LMPOP 3 a b LEFT
COMMAND GETKEYS LMPOP abc a b LEFT
COMMAND GETKEYS LMOVE a b LEFT RIGHT
COMMAND GETKEYS RENAME a b
COMMAND GETKEYS SMOVE a b m
COMMAND GETKEYS ZADD z 1 a
COMMAND GETKEYS OBJECT ENCODING k
COMMAND GETKEYS MEMORY USAGE k
COMMAND GETKEYS PING
COMMAND GETKEYS PUBLISH c m
COMMAND GETKEYS GET
COMMAND GETKEYS NOSUCH k
COMMAND GETKEYS MULTI
COMMAND GETKEYS OBJECT FOO k
COMMAND GETKEYSANDFLAGS GET k
COMMAND GETKEYSANDFLAGS SET k v
COMMAND GETKEYSANDFLAGS SMOVE a b m
COMMAND GETKEYSANDFLAGS PING
""")
DOCS = "without history (what changed between versions of Redis is not said)"
section("command-docs", "COMMAND DOCS", (f"COMMAND DOCS {name} ## {DOCS}"
                                         for name in COMMANDS + SUBCOMMANDS
                                         if name not in CONTAINERS), protocols=(3,))
section("command-docs", "COMMAND DOCS in RESP2", [
    f"COMMAND DOCS get ## {DOCS}", f"COMMAND DOCS SET ## {DOCS}",
    f"COMMAND DOCS ttl ## {DOCS}", "COMMAND DOCS nosuch"], protocols=(2,))
section("command-docs", "COMMAND DOCS of several commands", [
    f"COMMAND DOCS get nosuch strlen ## {HASH_PAIRS}", f"COMMAND DOCS GET get ## {DOCS}"])


def families():
    return FAMILIES
