#!/usr/bin/env python3
"""Compares Hamok with Debian's redis-server on this machine, in alternating pairs.

A cell is a command, a pipeline depth and a number of nodes. In each cell both servers start empty,
run once to warm up, then take turns. A run counts only if the data it left is right: the number of
keys, the sum of the counters, the length of the list, and equal digests on all nodes. Redis runs
without persistence; Hamok as built and shipped, so it syncs before it replies.
"""
import argparse
import os
import platform
import shutil
import subprocess
import sys
import time

import operations
import servers
from figures import FAILURES, Summary, Void, expect, fields

CLIENTS = 50
VALUE_SIZE = 256
KEYS = 200_000
WARM_UP_RUNS = 1
# So that a run takes one to three seconds on a quiet machine of 2 cores, and all of them half an hour.
REQUESTS = {1: 80_000, 16: 400_000, 64: 512_000}
VALUE = b"x" * VALUE_SIZE
MEMORY_KEYS = 1_000_000
# The share of distinct keys that random picks reach is known; a run may miss it by this much.
DISTINCT_TOLERANCE = 0.01


# To reach, as ratios to Redis: nodes, command, P, throughput at least, CPU at most (None: no goal).
GOALS = [
    (1, "SET", 1, 0.6, 1.6), (1, "SET", 16, 1.0, 1.4),
    (3, "SET", 1, 0.5, 2.5), (3, "SET", 16, 0.6, 2.8),
    (1, "GET", 1, 1.0, 1.0), (1, "GET", 16, 1.0, 1.0),
    (3, "GET", 1, 1.0, 1.1), (3, "GET", 16, 1.0, 1.1),
    (3, "80/20", 16, 0.7, None),
]
GOAL_MEMORY = 0.70

def expect_distinct(what, found, picks):
    expected = KEYS * (1 - (1 - 1 / KEYS) ** picks)
    if abs(found - expected) > DISTINCT_TOLERANCE * KEYS:
        raise Void(f"{what} is {found}, expected about {expected:.0f}")


def key(number):
    return b"key:%012d" % number


def load_nothing(_connection, _requests):
    pass


def load_keys(connection, _requests):
    connection.load(("SET", key(number), VALUE) for number in range(KEYS))


def load_list(connection, requests):
    connection.load((("RPUSH", "mylist", *[VALUE] * 100) for _ in range(requests // 100)), 20)


def check_keys(node, requests):
    expect_distinct("DBSIZE", node.ask("DBSIZE"), requests)


def check_all_keys(node, _requests):
    expect("DBSIZE", node.ask("DBSIZE"), KEYS)


def check_counters(node, requests):
    total = 0
    with node.connect() as connection:
        for start in range(0, KEYS, 1000):
            names = [b"counter:%012d" % number for number in range(start, start + 1000)]
            total += sum(int(value) for value in connection.call("MGET", *names) if value)
    expect("the sum of the counters", total, requests)


def check_pushed(node, requests):
    expect("LLEN", node.ask("LLEN", "mylist"), requests)


def check_popped(node, _requests):
    expect("LLEN", node.ask("LLEN", "mylist"), 0)


def check_map(node, requests):
    expect_distinct("HLEN", node.ask("HLEN", "myhash"), requests)


def check_set(node, requests):
    expect_distinct("SCARD", node.ask("SCARD", "myset"), requests)


def check_sorted_set(node, requests):
    expect_distinct("ZCARD", node.ask("ZCARD", "myzset"), requests)


def check_nothing(node, _requests):
    expect("DBSIZE", node.ask("DBSIZE"), 0)


# Name: redis-benchmark's arguments (None: our own mix), what to load before, how to check after.
COMMANDS = {
    "SET": (["-t", "set"], load_nothing, check_keys),
    "GET": (["-t", "get"], load_keys, check_all_keys),
    "INCR": (["-t", "incr"], load_nothing, check_counters),
    "LPUSH": (["-t", "lpush"], load_nothing, check_pushed),
    "RPOP": (["-t", "rpop"], load_list, check_popped),
    "HSET": (["-t", "hset"], load_nothing, check_map),
    "ZADD": (["-t", "zadd"], load_nothing, check_sorted_set),
    "SADD": (["-t", "sadd"], load_nothing, check_set),
    "PUBLISH": (["PUBLISH", "channel:__rand_int__", VALUE.decode()], load_nothing, check_nothing),
    "80/20": (None, load_keys, check_all_keys),
}


def requests_per_second(options, command, port, pipeline, requests):
    if command is None:
        arguments = [options.mix, port, requests, CLIENTS, pipeline, KEYS, VALUE_SIZE]
    else:
        arguments = ["redis-benchmark", "-p", port, "-c", CLIENTS, "-n", requests, "-P", pipeline,
                     "-d", VALUE_SIZE, "-r", KEYS, "--csv", *command]
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=300)
    if done.returncode != 0 or "rror" in done.stderr:
        raise Void(f"the load ended with {done.returncode}: {done.stderr.strip()[-200:]}")
    last = done.stdout.strip().splitlines()[-1]
    return float(last if command is None else fields(last)[1])


class Run:
    """What one run gave: requests per second, processor seconds per million requests."""

    def __init__(self, rate, cpu):
        self.rate, self.cpu = rate, cpu


def run_once(options, cluster, command, pipeline):
    arguments, load, check = COMMANDS[command]
    requests = options.requests or REQUESTS.get(pipeline, 400_000)
    requests -= requests % (100 * pipeline)
    node = cluster.leader() if options.at == "leader" or len(cluster.nodes) == 1 \
        else cluster.followers()[0]
    with node.connect() as connection:
        connection.call("FLUSHALL")
        load(connection, requests)
    cluster.await_equal()
    before = cluster.cpu_s()
    rate = requests_per_second(options, arguments, node.port, pipeline, requests)
    cluster.await_equal()
    cpu = (cluster.cpu_s() - before) * 1e6 / requests
    for each in cluster.nodes:
        check(each, requests)
    return Run(rate, cpu)


def measure_cell(options, report, nodes, command, pipeline):
    """Alternating pairs; returns one row of texts."""
    redis = servers.start_redis()
    try:
        hamok = servers.start_hamok(options.server, nodes, options.directive)
        try:
            pairs = run_pairs(options, redis, hamok, command, pipeline)
        finally:
            hamok.stop()
    finally:
        redis.stop()
    ours, theirs = [pair[1] for pair in pairs], [pair[0] for pair in pairs]
    rate = Summary([b.rate / a.rate for a, b in pairs])
    cpu = Summary([b.cpu / max(a.cpu, 1e-9) for a, b in pairs])
    report.judge_cell(nodes, command, pipeline, rate.median, cpu.median)
    return [
        str(nodes), command, str(pipeline),
        Summary([run.rate for run in theirs]).thousands(),
        Summary([run.rate for run in ours]).thousands(),
        rate.text(),
        Summary([run.cpu for run in theirs]).text(),
        Summary([run.cpu for run in ours]).text(),
        cpu.text(),
    ]


def run_pairs(options, redis, hamok, command, pipeline):
    pairs = []
    for turn in range(WARM_UP_RUNS + options.pairs):
        order = [redis, hamok] if turn % 2 == 0 else [hamok, redis]
        runs = {cluster.name: run_once(options, cluster, command, pipeline) for cluster in order}
        if turn >= WARM_UP_RUNS:
            pairs.append((runs[redis.name], runs[hamok.name]))
    return pairs


THROUGHPUT_HEAD = ["nodes", "command", "P", "Redis req/s", "Hamok req/s", "ratio",
                   "Redis CPU s/M", "Hamok CPU s/M", "ratio"]


def measure_cell_or_void(options, report, nodes, command, pipeline):
    try:
        return measure_cell(options, report, nodes, command, pipeline)
    except FAILURES as error:
        report.void(f"{nodes} nodes, {command}, P={pipeline}: {error!r}")
        return [str(nodes), command, str(pipeline), "void"] + [""] * 5


def measure_throughput(options, report):
    print("  ".join(THROUGHPUT_HEAD), flush=True)
    rows = []
    for nodes in options.nodes:
        for command in options.only:
            for pipeline in options.pipelines:
                rows.append(measure_cell_or_void(options, report, nodes, command, pipeline))
                print("  ".join(rows[-1]), flush=True)
    report.table("Throughput and processor time", THROUGHPUT_HEAD, rows)


def bytes_per_key(cluster):
    """RSS of the (one) node, loaded minus empty, by key of 16 and value of 32 bytes."""
    node = cluster.nodes[0]
    empty = node.rss_bytes()
    with node.connect() as connection:
        connection.load((("SET", b"k%015d" % n, b"v%031d" % n) for n in range(MEMORY_KEYS)), 1000)
    time.sleep(2)  # Redis finishes rehashing, Hamok gives back what only the load needed.
    expect("DBSIZE", node.ask("DBSIZE"), MEMORY_KEYS)
    return (node.rss_bytes() - empty) / MEMORY_KEYS


def measure_memory(options, report):
    figures = {"redis": [], "hamok": []}
    for _ in range(min(options.pairs, 3)):
        for name, start in (("redis", servers.start_redis),
                            ("hamok", lambda: servers.start_hamok(options.server, 1))):
            cluster = start()
            try:
                figures[name].append(bytes_per_key(cluster))
            except FAILURES as error:
                report.void(f"memory of {name}: {error!r}")
            finally:
                cluster.stop()
    if all(figures.values()):
        theirs, ours = Summary(figures["redis"]), Summary(figures["hamok"])
        row = [theirs.text(0), ours.text(0), f"{ours.median / theirs.median:.2f}"]
        report.judge("memory per key", f"at most {GOAL_MEMORY}", row[2],
                     ours.median / theirs.median <= GOAL_MEMORY)
        print("memory per key: " + "  ".join(row), flush=True)
        report.table(f"Memory per key ({MEMORY_KEYS} keys of 16 bytes, values of 32)",
                     ["Redis bytes", "Hamok bytes", "ratio"], [row])


PARTS = {
    "throughput": measure_throughput,
    "memory": measure_memory,
    "failover": operations.measure_failover,
    "transfer": operations.measure_transfer,
    "snapshot": operations.measure_snapshot,
    "restart": operations.measure_restart,
}


class Report:
    """The tables, printed as they come and written as markdown at the end."""

    def __init__(self):
        self.parts, self.voids, self.goals = [], [], []

    def judge(self, what, goal, seen, reached):
        self.goals.append([what, goal, seen, "yes" if reached else "no"])

    def judge_cell(self, nodes, command, pipeline, rate, cpu):
        for goal in GOALS:
            if goal[:3] != (nodes, command, pipeline):
                continue
            what = f"{nodes} node{'s' if nodes > 1 else ''}, {command}, P = {pipeline}: "
            self.judge(what + "throughput", f"at least {goal[3]}", f"{rate:.2f}", rate >= goal[3])
            if goal[4] is not None:
                self.judge(what + "CPU", f"at most {goal[4]}", f"{cpu:.2f}", cpu <= goal[4])

    def judge_all(self):
        for row in self.goals:
            print("goal: " + "  ".join(row), flush=True)
        if self.goals:
            self.table("Against the goals", ["figure", "goal", "seen", "reached"], self.goals)

    def void(self, text):
        print("VOID " + text, flush=True)
        self.voids.append(text)

    def table(self, title, head, rows):
        lines = [f"### {title}", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in rows]
        self.parts.append("\n".join(lines) + "\n")

    def markdown(self, command):
        intro = (f"`{command}`\n\n{machine()}. Medians of alternating pairs with quartiles in "
                 f"brackets; redis-benchmark -c {CLIENTS} -d {VALUE_SIZE} -r {KEYS}.\n")
        voids = "".join(f"\nVoid: {text}\n" for text in self.voids)
        return intro + "\n" + "\n".join(self.parts) + voids


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":")[1].strip() for line in file if "model name" in line), "?")
    version = subprocess.run(["redis-server", "--version"], capture_output=True, text=True).stdout
    redis = next((word[2:] for word in version.split() if word.startswith("v=")), "?")
    disk = subprocess.run(["stat", "-f", "-c", "%T", servers.DISK], capture_output=True, text=True)
    return (f"{os.cpu_count()} cores of {model}, Linux {platform.release()}, "
            f"{servers.DISK} on {disk.stdout.strip()}, redis-server {redis}, "
            f"{time.strftime('%Y-%m-%d')}")


def choices(allowed, convert=str):
    def parse(text):
        values = [convert(word) for word in text.split(",")]
        unknown = [value for value in values if value not in allowed]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(map(str, allowed))}")
        return values
    return parse


def parse_options(arguments):
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.split("\n")[0])
    parser.add_argument("--nodes", type=choices([1, 3, 5], int), default=[1, 3],
                        help="cluster sizes, e.g. 1,3")
    parser.add_argument("--only", type=choices(list(COMMANDS)), default=list(COMMANDS),
                        help="commands, of " + ",".join(COMMANDS).replace("%", "%%"))
    parser.add_argument("--pipelines", type=choices([1, 4, 16, 64, 256], int), default=[1, 16, 64],
                        help="pipeline depths, e.g. 1,16")
    parser.add_argument("--pairs", type=int, default=5, help="pairs of runs in each cell")
    parser.add_argument("--requests", type=int, help="requests of one run (default: by depth)")
    parser.add_argument("--at", choices=["leader", "follower"], default="leader",
                        help="which node of a cluster is asked")
    parser.add_argument("--parts", type=choices(PARTS), default=list(PARTS),
                        help="what to measure, of " + ",".join(PARTS))
    parser.add_argument("--failovers", type=int, default=operations.FAILOVERS,
                        help="how many leaders to kill")
    parser.add_argument("--quick", action="store_true",
                        help="SET and GET, P = 1 and 16, 2 pairs, 3 failovers")
    parser.add_argument("--directive", action="append", default=[],
                        help="an argument more for each Hamok node, e.g. --directive=--raft-fsync=no")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables there")
    parser.epilog = "The data is kept in the system's directory for temporary files, or in " \
                    "$BENCH_DIRECTORY: it should be on a real disk."
    parser.add_argument("--server", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--mix", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.quick:
        options.only, options.pipelines = ["SET", "GET"], [1, 16]
        options.pairs, options.failovers = 2, 3
    return options


def main(arguments):
    options = parse_options(arguments)
    shown = [a for a in arguments if not a.startswith(("--server=", "--mix="))]
    for program in ("redis-server", "redis-benchmark"):
        if shutil.which(program) is None:
            sys.exit(f"bench: {program} is missing")
    report, started_s = Report(), time.monotonic()
    print(machine(), flush=True)
    for part in options.parts:
        PARTS[part](options, report)
    report.judge_all()
    print(f"took {(time.monotonic() - started_s) / 60:.0f} minutes", flush=True)
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(report.markdown(" ".join(["scripts/bench", *shown])))
    return 1 if report.voids else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
