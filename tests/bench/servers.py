"""Servers as processes: start, ask, measure, stop. Debian's redis-server and Hamok side by side.

Every server gets a private directory and ports nobody else uses, and dies with this program."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "cluster"))

import nodes  # noqa: E402

# Where Hamok's log is synced to during a measurement: must be a real disk.
DISK = os.environ.get("BENCH_DIRECTORY") or tempfile.gettempdir()


def free_ports(count):
    ports = []
    for _ in range(count):
        ports.append(nodes.free_port(ports))
    return ports


class ReplyError(Exception):
    """An error reply."""


class Connection:
    """A RESP2 client for questions and bulk loads; what is measured uses redis-benchmark."""

    def __init__(self, port, timeout_s=60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb", 1 << 16)

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, commands):
        self.socket.sendall(b"".join(map(encode, commands)))

    def receive(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        mark, rest = line[:1], line[1:-2]
        if mark == b"-":
            return ReplyError(rest.decode(errors="replace"))
        if mark == b":":
            return int(rest)
        if mark == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if mark == b"*":
            return None if rest == b"-1" else [self.receive() for _ in range(int(rest))]
        return rest.decode()

    def call(self, *command):
        self.send([command])
        reply = self.receive()
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def load(self, commands, batch=500):
        """Many commands whose replies must not be errors, a pipeline at a time."""
        waiting = []
        for command in commands:
            waiting.append(command)
            if len(waiting) == batch:
                self.load_now(waiting)
                waiting = []
        self.load_now(waiting)

    def load_now(self, commands):
        self.send(commands)
        for command in commands:
            reply = self.receive()
            if isinstance(reply, ReplyError):
                raise ReplyError(f"{command[0]}: {reply}")


def encode(command):
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in command]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


class Node:
    """One server process."""

    def __init__(self, command, port, directory):
        self.command, self.port, self.directory = command, port, directory
        self.process = None
        self.start()

    def start(self):
        os.makedirs(self.directory, exist_ok=True)
        with open(os.path.join(self.directory, "..", f"{self.port}.log"), "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, preexec_fn=nodes.die_with_parent)

    def connect(self, timeout_s=60):
        return Connection(self.port, timeout_s)

    def ask(self, *command):
        with self.connect() as connection:
            return connection.call(*command)

    def info(self, section):
        text = self.ask("INFO", section).decode()
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)

    def is_leader(self):
        try:
            return self.ask("ROLE")[0] == b"master"
        except (OSError, ReplyError):
            return False

    def cpu_s(self):
        """Processor seconds of all threads so far, exact to the nanosecond (/proc/PID/stat counts
        in hundredths): the clock of a process has the number (~PID << 3) | 2."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def rss_bytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise RuntimeError("no VmRSS")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


class Cluster:
    """One or more nodes that hold the same data. A Redis is a cluster of one."""

    def __init__(self, name, members, directory):
        self.name, self.nodes, self.directory = name, members, directory
        try:
            self.await_ready()
        except BaseException:
            for node in members:
                node.stop()
            raise

    def await_ready(self, timeout_s=30):
        """Until every node answers a read, so a leader is known everywhere."""
        for node in self.nodes:
            self.await_true(lambda node=node: answers(node), timeout_s,
                            f"the node on port {node.port} does not answer")

    def await_true(self, condition, timeout_s, complaint):
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{self.name}: {complaint} (logs: {self.directory})")
            time.sleep(0.01)

    def leader(self):
        found = []

        def look():
            found[:] = [node for node in self.nodes if node.is_leader()]
            return len(found) == 1

        self.await_true(look, 30, "no single leader")
        return found[0]

    def followers(self):
        leader = self.leader()
        return [node for node in self.nodes if node is not leader]

    def cpu_s(self):
        return sum(node.cpu_s() for node in self.nodes)

    def await_equal(self, timeout_s=60):
        """Until all nodes have applied the same index; then their digests must be equal."""
        if len(self.nodes) == 1:
            return
        states = []

        def equal():
            states[:] = [node.info("raft") for node in self.nodes]
            return len({state["raft_last_applied_index"] for state in states}) == 1

        self.await_true(equal, timeout_s, "the nodes do not reach the same index")
        digests = {state["raft_state_digest"] for state in states}
        if len(digests) != 1:
            raise AssertionError(f"the digests differ at an equal index: {sorted(digests)}")

    def stop(self):
        for node in self.nodes:
            node.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


def answers(node):
    try:
        return node.ask("EXISTS", "readiness") == 0
    except (OSError, ReplyError):
        return False


def start_redis():
    directory = tempfile.mkdtemp(prefix="bench-redis-")
    (port,) = free_ports(1)
    command = ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no",
               "--dir", directory]
    return Cluster("redis", [Node(command, port, os.path.join(directory, "data"))], directory)


def start_hamok(server, count, directives=()):
    directory = tempfile.mkdtemp(prefix="bench-hamok-", dir=DISK)
    ports = free_ports(count)
    addresses = ",".join(f"127.0.0.1:{port}" for port in ports)
    members = []
    for port in ports:
        data = os.path.join(directory, str(port))
        command = [server, "--port", str(port), "--dir", data, *directives]
        if count > 1:
            command += ["--cluster", addresses]
        members.append(Node(command, port, data))
    return Cluster(f"hamok-{count}", members, directory)
