#!/usr/bin/env python3
"""What INFO and CLIENT LIST show has a test that moves it: each field's name stands, quoted, in a
test; a field whose value never changes says why in its row (src/server/info.c), which the compiler
sees to. This looks for names only; whether the test moves the field is for its reader to judge.
What Redis's INFO shows and ours does not is named in docs/compatibility.md.

usage: test_shown.py
"""
import glob
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def join_literals(code):
    """C's adjacent string literals as one."""
    return re.sub(r'"\s*\n\s*"', "", code)


def info_fields(code):
    """Names of rows with a function, and of the lines that functions print themselves."""
    code = join_literals(code)
    rows = re.findall(r'\b(?:NUMBER|TEXT)\("([a-z0-9_]+)"', code)
    lines = re.findall(r'(?:"|\\r\\n)([a-z_]+)(?=(?:%u|%s)?:(?:%|[a-z0-9]))', code)
    return sorted(set(rows + lines))


def statistics(code):
    """The replica's own, shown as raft_<name>: tests of replicas and the simulator move them."""
    listed = code[code.index("#define REPLICA_STATISTICS"):]
    return re.findall(r"^ +X\((\w+)\)", listed[:listed.index("struct")], re.MULTILINE)


def redis_fields(corpus):
    """What Redis 7.0.15 shows, as it was recorded; not what depends on the commands that ran."""
    recorded = next(line for line in corpus.split("\n") if line.startswith("INFO EVERYTHING\t"))
    names = re.findall(r"(?<=\\n)([a-z][a-z0-9_]*):", recorded)
    return sorted({name for name in names
                   if not re.match(r"(cmdstat|errorstat|latency_percentiles)_|db\d", name)})


def is_left_out(name, document):
    """Named by the page that lists what is not shown; … stands for any end of a name."""
    listed = re.findall(r"`([a-z0-9_]+)(…?)`", document)
    return any(name == left or end and name.startswith(left) for left, end in listed)


def unexplained_fields(info):
    rows = re.findall(r'\b(?:NUMBER|TEXT|CONSTANT|SLOW_NUMBER)\("([a-z0-9_]+)"', join_literals(info))
    shown = set(rows + info_fields(info))
    document = read("docs", "compatibility.md")
    return [name for name in redis_fields(read("tests", "corpus", "server.corpus"))
            if name not in shown and not is_left_out(name, document)]


def client_fields(code):
    body = code[code.index("void client_describe("):]
    return re.findall(r'[" ]([a-z-]+)=(?=[%0-9a-z-])', join_literals(body[:body.index("\n}\n")]))


def client_flags(code):
    body = code[code.index("static void append_flags("):]
    return re.findall(r"'([A-Za-z])'", body[:body.index("\n}\n")])


def main():
    tests = "".join(join_literals(read(path)) for path in sorted(
        glob.glob(os.path.join(ROOT, "tests", "*", "*.c"))))
    info, client = read("src", "server", "info.c"), read("src", "server", "client.c")
    wanted = [(f"INFO's {name}", rf'"{name}[":%0-9A-Z]|{name}:') for name in info_fields(info)]
    wanted += [(f"INFO's raft_{name}", rf"\b(raft_)?{name}\b")
               for name in statistics(read("src", "replica", "replica.h"))]
    wanted += [(f"CLIENT LIST's {name}=", rf"[\" ]{name}=") for name in client_fields(client)]
    wanted += [(f"CLIENT LIST's flag {flag}", rf"flags=[A-Za-z]*{flag}")
               for flag in client_flags(client)]
    missing = [what for what, pattern in wanted if not re.search(pattern, tests)]
    for what in missing:
        print(f"no test names {what}")
    unexplained = unexplained_fields(info)
    for name in unexplained:
        print(f"Redis's INFO has {name}; it is neither shown nor named in docs/compatibility.md")
    wanted += redis_fields(read("tests", "corpus", "server.corpus"))
    missing += unexplained
    print(f"{len(wanted) - len(missing)} passed, {len(missing)} failed")
    return 1 if missing or len(wanted) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
