#!/usr/bin/env python3
"""Tests of purity.py: every kind of violation, planted in a small tree, is found; a clean tree
passes. Ends with a line "N passed, N failed"."""
import os
import subprocess
import sys
import tempfile
import unittest

import purity

CLEAN = {
    "base/bytes.h": "#include <stdint.h>\n",
    "base/bytes.c": '#include "base/bytes.h"\n#include <string.h>\n',
    "resp/reply.h": '#include "base/bytes.h"\n',
    "storages/map.h": '#include "resp/reply.h"\n',
    "storages/map.c": '#include "storages/map.h"\n/* asm and time() in a comment are words */\n',
    "raft/log.h": '#include "base/bytes.h"\n',
    "raft/log_internal.h": '#include "raft/log.h"\n',
    "raft/log.c": '#include "raft/log_internal.h"\n',
    "src/replica/replica.h": '#include "raft/log.h"\n#include "storages/map.h"\n',
    "src/server/loop.c": '#include <time.h>\n#include "src/replica/replica.h"\n',
}

# What is planted: path, text, a part of the complaint it must cause.
PLANTED_SOURCES = [
    ("base/upward.c", '#include "resp/reply.h"\n', "resp/ is not below base/"),
    ("resp/upward.c", '#include "storages/map.h"\n', "storages/ is not below resp/"),
    ("raft/sideways.c", '#include "storages/map.h"\n', "storages/ is not below raft/"),
    ("raft/sideways.h", '#include "../resp/reply.h"\n', "resp/ is not below raft/"),
    ("storages/sideways.c", '#include "raft/log.h"\n', "raft/ is not below storages/"),
    ("storages/upward.c", '#include "src/replica/replica.h"\n', "src/replica/ is not below"),
    ("src/replica/upward.c", '#include "src/server/loop.h"\n', "src/ is not below src/replica/"),
    ("src/server/tests.c", '#include "tests/help.h"\n', "outside the design's folders"),
    ("base/clock.c", "#include <time.h>\n", "<time.h>"),
    ("raft/thread.c", "# include <pthread.h>\n", "<pthread.h>"),
    ("resp/file.c", "#include <fcntl.h>\n", "<fcntl.h>"),
    ("storages/socket.c", "#include <sys/socket.h>\n", "<sys/socket.h>"),
    ("src/replica/loop.c", "#include <ev.h>\n", "<ev.h>"),
    ("base/missing.c", '#include "base/nowhere.h"\n', "not in the tree"),
    ("base/cycles.c", "int f(void) { return (int)__builtin_ia32_rdtsc(); }\n", "rdtsc"),
    ("base/day.c", "const char *day = __DATE__;\n", "__DATE__"),
    ("raft/mine.c", "static _Thread_local int mine;\n", "_Thread_local"),
    ("base/bytes.h", '#include "base/circle.h"\n', "circle: base/bytes, base/circle"),
]

# What is planted: folder, file, code, a part of the complaint, or None for code that is clean.
PLANTED_CODE = [
    ("base", "clock.c", "long time(long *); long f(void) { return time(0); }", "refers to time"),
    ("raft", "dice.c", "int rand(void); int f(void) { return rand(); }", "refers to rand"),
    ("resp", "print.c", "int puts(const char *); int f(void) { return puts(\"x\"); }", "puts"),
    ("storages", "spin.c", "int pthread_create(void); int f(void) { return pthread_create(); }",
     "pthread_create"),
    ("base", "other.c", "void *malloc(unsigned long); void *f(void) { return malloc(8); }",
     "malloc"),
    ("base", "memory.c", "void *malloc(unsigned long); void *f(void) { return malloc(8); }", None),
    ("raft", "count.c", "int f(void) { static int count; return ++count; }", "count"),
    ("resp", "state.c", "int state = 7;", "state"),
    ("resp", "shared.c", "static int shared; int *f(void) { return &shared; }", "shared"),
    ("storages", "mine.c", "__thread int mine; int f(void) { return mine++; }", "mine"),
    ("storages", "rows.c",
     "static int run(void) { return 1; } "
     "const struct { const char *name; int (*run)(void); } rows[] = {{\"get\", run}};", None),
    ("base", "copy.c",
     "void *memcpy(void *, const void *, unsigned long); "
     "void f(char *a, char *b, unsigned long n) { memcpy(a, b, n); }", None),
    ("base", "upward.c", "void raft_step(void); void f(void) { raft_step(); }",
     "refers to raft_step"),
    ("storages", "below.c", "void base_f(void); void g(void) { base_f(); }", None),
]


def write_tree(root, files):
    for path, text in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)


def compile_archive(directory, name, code):
    source = os.path.join(directory, name)
    write_tree(directory, {name: code})
    archive = source + ".a"
    purity.run("cc", "-w", "-O1", "-fPIE", "-fno-builtin", "-c", source, "-o", source + ".o")
    purity.run("ar", "rcs", archive, source + ".o")
    return archive


class Sources(unittest.TestCase):
    def complaints(self, extra):
        with tempfile.TemporaryDirectory() as root:
            write_tree(root, CLEAN)
            write_tree(root, {"src/server/loop.h": "", "tests/help.h": ""})
            write_tree(root, {"base/circle.h": '#include "base/bytes.h"\n'})
            write_tree(root, extra)
            return purity.check_sources(root)

    def test_a_clean_tree_passes(self):
        self.assertEqual(self.complaints({}), [])

    def test_every_planted_include_is_found(self):
        for path, text, part in PLANTED_SOURCES:
            complaints = self.complaints({path: text})
            self.assertTrue(any(part in c for c in complaints), f"{path}: {complaints}")
            self.assertEqual(len(complaints), 1, f"{path}: {complaints}")

    def test_a_circle_through_three_modules_and_a_c_file_is_found(self):
        complaints = self.complaints({
            "raft/a.h": '#include "raft/b.h"\n',
            "raft/b.c": '#include "raft/b.h"\n#include "raft/c.h"\n',
            "raft/b.h": "",
            "raft/c.h": '#include "raft/a.h"\n',
        })
        expected = "modules include each other in a circle: raft/a, raft/b, raft/c"
        self.assertEqual(complaints, [expected])


class Objects(unittest.TestCase):
    def test_every_planted_reference_and_variable_is_found(self):
        for folder, name, code, part in PLANTED_CODE:
            with tempfile.TemporaryDirectory() as directory:
                below = os.path.join(directory, "below")
                archives = {
                    "base": compile_archive(below, "b.c", "void base_f(void) {}"),
                    "raft": compile_archive(below, "r.c", "void raft_step(void) {}"),
                }
                archives[folder] = compile_archive(directory, name, code)
                complaints = purity.check_objects(archives)
                if part is None:
                    self.assertEqual(complaints, [], name)
                else:
                    self.assertTrue(any(part in c for c in complaints), f"{name}: {complaints}")

    def test_an_archive_that_cannot_be_read_is_an_error(self):
        with self.assertRaises(subprocess.CalledProcessError):
            purity.check_objects({"base": "/nonexistent/base.a"})


if __name__ == "__main__":
    result = unittest.TextTestRunner(verbosity=2).run(
        unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
