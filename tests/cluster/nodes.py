"""Servers under test: real hamok-server processes that die with the test, on free ports, each with a
private directory."""
import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "corpus"))

import corpus  # noqa: E402

READY_SECONDS = 20
PEER_PORT_DISTANCE = 10000
# Below the ports that the system gives to outgoing connections (32768 and up), the peer ports too;
# and apart from those of harness.c.
PORTS = range(16000, 20000)
PR_SET_PDEATHSIG = 1


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


reserved = []  # sockets whose names say whose a port is, until this process ends


def reserve(port):
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0hamok-test-port-{port}")
    except OSError:
        name.close()
        return False
    reserved.append(name)
    return True


def free_port(taken):
    while True:
        port = random.choice(PORTS)
        if (port not in taken and reserve(port) and is_free(port)
                and is_free(port + PEER_PORT_DISTANCE)):
            return port


class Node:
    def __init__(self, program, port, directory, arguments):
        self.address = ("127.0.0.1", port)
        self.directory = directory
        self.log_path = directory + ".log"
        self.command = [program, "--port", str(port), "--dir", directory, *arguments]
        self.process = None

    def start(self):
        os.makedirs(self.directory, exist_ok=True)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, preexec_fn=die_with_parent)

    def ask(self, command):
        """The raw reply, empty if there is none."""
        try:
            client = corpus.Client(self.address, 2, timeout=2)
        except OSError:
            return b""
        reply = client.ask(command)
        client.close()
        return reply

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()


class Cluster:
    """`with Cluster(program, 3) as nodes:` gives nodes that serve."""

    def __init__(self, program, count, arguments=()):
        memory = "/dev/shm"
        self.root = tempfile.mkdtemp(prefix="hamok-test-",
                                     dir=memory if os.access(memory, os.W_OK) else None)
        ports = []
        for _ in range(count):
            ports.append(free_port(ports))
        members = ",".join(f"127.0.0.1:{port}" for port in ports)
        founding = ["--cluster", members] if count > 1 else []
        self.nodes = [Node(program, port, os.path.join(self.root, f"node-{port}"),
                           [*founding, *arguments]) for port in ports]

    def __enter__(self):
        for node in self.nodes:
            node.start()
        try:
            self.wait_until_served()
        except BaseException:
            self.__exit__()
            raise
        return self.nodes

    def wait_until_served(self):
        """A write succeeds through every node."""
        deadline = time.monotonic() + READY_SECONDS
        for node in self.nodes:
            while node.ask("FLUSHALL") != b"+OK\r\n":
                if time.monotonic() > deadline or node.process.poll() is not None:
                    raise TimeoutError(f"{node.command} does not serve:\n{node.log()}")
                time.sleep(0.02)

    def __exit__(self, *_):
        for node in self.nodes:
            node.kill()
        shutil.rmtree(self.root, ignore_errors=True)


def follower(nodes):
    """A node that is not the leader."""
    return next(node for node in nodes if b"slave" in node.ask("ROLE"))
