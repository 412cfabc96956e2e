"""What an operator meets: a leader that dies, a snapshot while clients work, a restart."""
import random
import statistics
import subprocess
import threading
import time

import servers
from figures import FAILURES, Summary, Void, expect, fields

FAILOVERS = 20
GOAL_FAILOVER_S = (0.7, 1.5)  # median, longest
GOAL_TRANSFER_MS = 50
KEYS = 1_000_000
CLIENTS = 50
SLICE_REQUESTS = 8_000  # a tenth of a second: shorter than a snapshot
QUIET_SLICES = 20
SNAPSHOTS = 5
GOAL_SNAPSHOT = 3.0  # p99 during it, by p99 without
GOAL_RESTART = 1.0   # Hamok's time by Redis's


def failover_s(cluster):
    """From kill -9 of the leader to the first write acknowledged by a surviving node."""
    leader = cluster.leader()
    survivor = random.choice([node for node in cluster.nodes if node is not leader])
    with survivor.connect() as connection:
        connection.call("INCR", "acknowledged")
        count = int(connection.call("GET", "acknowledged"))
        leader.kill()
        start_s = time.monotonic()
        while True:
            try:
                count_after = connection.call("INCR", "acknowledged")
                break
            except servers.ReplyError as error:
                if not str(error).startswith("CLUSTERDOWN"):
                    raise
        elapsed_s = time.monotonic() - start_s
    expect("the counter after a failover", count_after, count + 1)
    leader.start()
    cluster.await_ready()
    cluster.await_equal()
    return elapsed_s


def measure_failover(options, report):
    cluster = servers.start_hamok(options.server, 3)
    try:
        times = [failover_s(cluster) for _ in range(options.failovers)]
    except FAILURES as error:
        report.void(f"failover: {error!r}")
        return
    finally:
        cluster.stop()
    row = [str(len(times)), Summary(times).text(), f"{min(times):.2f}", f"{max(times):.2f}"]
    median_s, longest_s = GOAL_FAILOVER_S
    report.judge("failover, s", f"median below {median_s}, longest below {longest_s}",
                 f"{statistics.median(times):.2f}, {max(times):.2f}",
                 statistics.median(times) < median_s and max(times) < longest_s)
    print("failover: " + "  ".join(row), flush=True)
    report.table("kill -9 of the leader to the first acknowledged write through a survivor",
                 ["times", "median s (quartiles)", "fastest", "slowest"], [row])


# --- leadership that changes hands on purpose


def longest_pause_s(cluster, ask):
    """The longest call of clients of the other nodes, one each, while `ask` changes the leader."""
    leader = cluster.leader()
    ended, calls = threading.Event(), []

    def count(node):
        with node.connect() as connection:
            while not ended.is_set():
                start_s = time.monotonic()
                connection.call("INCR", "counted")
                calls.append(time.monotonic() - start_s)

    threads = [threading.Thread(target=count, args=(node,))
               for node in cluster.nodes if node is not leader]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    calls.clear()
    ask(leader)
    cluster.await_true(lambda: cluster.leader() is not leader, 10, "the leader is the same")
    time.sleep(0.1)
    ended.set()
    for thread in threads:
        thread.join()
    return max(calls)


def stop_and_start(cluster, leader):
    leader.stop()
    leader.start()
    cluster.await_ready()


def measure_transfer(options, report):
    cluster = servers.start_hamok(options.server, 3)
    asks = (("RAFT TRANSFER", lambda leader: expect("RAFT TRANSFER",
                                                    leader.ask("RAFT", "TRANSFER"), "OK")),
            ("SIGTERM, and start", lambda leader: stop_and_start(cluster, leader)))
    try:
        for name, ask in asks:
            times = [1000 * longest_pause_s(cluster, ask) for _ in range(options.failovers)]
            report.judge(f"{name}: pause, ms", f"median below {GOAL_TRANSFER_MS}",
                         f"{statistics.median(times):.0f}, longest {max(times):.0f}",
                         statistics.median(times) < GOAL_TRANSFER_MS)
    except FAILURES as error:
        report.void(f"transfer: {error!r}")
    finally:
        cluster.stop()


def load(node):
    with node.connect() as connection:
        connection.load((("SET", b"k%015d" % n, b"v%031d" % n) for n in range(KEYS)), 1000)


# --- a snapshot while clients work


def p99_ms(port, command):
    """Of one slice of requests, on the keys that are there."""
    arguments = {"SET": ["SET", "k000__rand_int__", "v" * 32],
                 "GET": ["GET", "k000__rand_int__"]}[command]
    done = subprocess.run(["redis-benchmark", "-p", str(port), "-c", str(CLIENTS), "-n",
                           str(SLICE_REQUESTS), "-r", str(KEYS), "--csv", *arguments],
                          capture_output=True, text=True, timeout=60)
    if done.returncode != 0 or "rror" in done.stderr:
        raise Void(f"the load ended with {done.returncode}: {done.stderr.strip()[-200:]}")
    return float(fields(done.stdout.strip().splitlines()[-1])[6])


def is_saving(node):
    return node.info("persistence")["rdb_bgsave_in_progress"] == "1"


def slices_during_snapshot(cluster, port, command):
    """On every node at once: that is the worst that happens by itself."""
    for node in cluster.nodes:
        node.ask("BGSAVE")
    slices = []
    while any(is_saving(node) for node in cluster.nodes):
        slices.append(p99_ms(port, command))
    return slices


def measure_snapshot(options, report):
    rows = []
    for count in options.nodes:
        cluster = servers.start_hamok(options.server, count, options.directive)
        try:
            port = cluster.leader().port
            load(cluster.leader())
            for command in ("SET", "GET"):
                quiet = Summary([p99_ms(port, command) for _ in range(QUIET_SLICES)])
                during = Summary([slice for _ in range(SNAPSHOTS)
                                  for slice in slices_during_snapshot(cluster, port, command)])
                ratio = during.median / quiet.median
                rows.append([str(count), command, quiet.text(), during.text(), f"{ratio:.2f}"])
                print("snapshot: " + "  ".join(rows[-1]), flush=True)
                report.judge(f"{count} node{'s' if count > 1 else ''}, {command}: p99 while "
                             f"snapshots are made", f"at most {GOAL_SNAPSHOT} of that without",
                             f"{ratio:.2f}", ratio <= GOAL_SNAPSHOT)
            cluster.await_equal()
            expect("DBSIZE", cluster.nodes[0].ask("DBSIZE"), KEYS)
        except FAILURES as error:
            report.void(f"snapshot, {count} nodes: {error!r}")
        finally:
            cluster.stop()
    report.table(f"p99 in ms, P = 1, while all nodes make a snapshot of {KEYS} keys",
                 ["nodes", "command", "without", "during", "ratio"], rows)


# --- a restart


def restart_s(cluster):
    """From the start of the process to the first answer about its keys."""
    node = cluster.nodes[0]
    node.kill()
    start_s = time.monotonic()
    node.start()
    while True:
        try:
            if node.ask("DBSIZE") == KEYS:
                return time.monotonic() - start_s
        except (OSError, servers.ReplyError):
            pass
        time.sleep(0.002)


def measure_restart(options, report):
    starts = {"redis": servers.start_redis,
              "hamok": lambda: servers.start_hamok(options.server, 1, options.directive)}
    clusters = {}
    try:
        for name, start in starts.items():
            clusters[name] = start()
            load(clusters[name].nodes[0])
            clusters[name].nodes[0].ask("SAVE")
        times = {name: [] for name in starts}
        for _ in range(options.pairs):
            for name, cluster in clusters.items():
                times[name].append(restart_s(cluster))
    except FAILURES as error:
        report.void(f"restart: {error!r}")
        return
    finally:
        for cluster in clusters.values():
            cluster.stop()
    theirs, ours = Summary(times["redis"]), Summary(times["hamok"])
    ratio = ours.median / theirs.median
    row = [theirs.text(), ours.text(), f"{ratio:.2f}"]
    print("restart: " + "  ".join(row), flush=True)
    report.judge(f"restart with {KEYS} keys", f"at most {GOAL_RESTART} of Redis's time",
                 f"{ratio:.2f}", ratio <= GOAL_RESTART)
    report.table(f"Restart with {KEYS} keys of 16 bytes, values of 32, from the snapshot: seconds",
                 ["Redis", "Hamok", "ratio"], [row])
