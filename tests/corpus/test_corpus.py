#!/usr/bin/env python3
"""The corpus's own test: what is recorded is large enough, reads and writes back unchanged, and the
comparisons let pass what they should and no more."""
import os
import sys
import tempfile
import unittest

import corpus

DIRECTORY = os.path.dirname(os.path.abspath(__file__))
FILES = sorted(name for name in os.listdir(DIRECTORY) if name.endswith(".corpus"))
COMMANDS_MIN = 2000

# How, Redis's reply, ours, whether that is equal.
COMPARISONS = [
    ("", b"+OK\r\n", b"+OK\r\n", True),
    ("", b"+OK\r\n", b"+ok\r\n", False),
    ("sorted (x)", b"*2\r\n:1\r\n:2\r\n", b"*2\r\n:2\r\n:1\r\n", True),
    ("sorted (x)", b"*2\r\n:1\r\n:2\r\n", b"*2\r\n:2\r\n:2\r\n", False),
    ("sorted (x)", b"~2\r\n:1\r\n:2\r\n", b"*2\r\n:2\r\n:1\r\n", False),
    ("sorted pairs (x)", b"*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n", b"*4\r\n:3\r\n:4\r\n:1\r\n:2\r\n", True),
    ("sorted pairs (x)", b"*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n", b"*4\r\n:2\r\n:1\r\n:3\r\n:4\r\n", False),
    ("sorted pairs (x)", b"%2\r\n:1\r\n:2\r\n:3\r\n:4\r\n", b"%2\r\n:3\r\n:4\r\n:1\r\n:2\r\n", True),
    ("sorted pairs (x)", b"*2\r\n*2\r\n:1\r\n:2\r\n*2\r\n:3\r\n:4\r\n",
     b"*2\r\n*2\r\n:3\r\n:4\r\n*2\r\n:1\r\n:2\r\n", True),
    ("scan (x)", b"*2\r\n$1\r\n0\r\n*2\r\n:1\r\n:2\r\n", b"*2\r\n$1\r\n0\r\n*2\r\n:2\r\n:1\r\n", True),
    ("scan (x)", b"*2\r\n$1\r\n0\r\n*2\r\n:1\r\n:2\r\n", b"*2\r\n$1\r\n7\r\n*2\r\n:2\r\n:1\r\n", False),
    ("near 5 (x)", b":10\r\n", b":15\r\n", True),
    ("near 5 (x)", b":10\r\n", b":16\r\n", False),
    ("near 5 (x)", b"*2\r\n:1\r\n+a\r\n", b"*2\r\n:3\r\n+b\r\n", False),
    ("integers (x)", b"*2\r\n:1\r\n$4\r\nid=5\r\n", b"*2\r\n:9\r\n$4\r\nid=6\r\n", True),
    ("integers (x)", b"*2\r\n:1\r\n+a\r\n", b"*2\r\n:1\r\n+b\r\n", False),
    ("shape (x)", b"*1\r\n$1\r\na\r\n", b"*1\r\n$2\r\nbb\r\n", True),
    ("shape (x)", b"*1\r\n$1\r\na\r\n", b"*2\r\n$1\r\na\r\n$1\r\na\r\n", False),
    ("shape (x)", b"$1\r\na\r\n", b":1\r\n", False),
    ("shape (x)", b"$1\r\na\r\n", b"-ERR no\r\n", False),
    ("without h (x)", b"%2\r\n$1\r\nh\r\n:1\r\n$1\r\na\r\n:2\r\n", b"%1\r\n$1\r\na\r\n:2\r\n",
     True),
    ("without h (x)", b"*2\r\n$1\r\nh\r\n:1\r\n", b"*0\r\n", True),
    ("without h (x)", b"*2\r\n$1\r\na\r\n:1\r\n", b"*0\r\n", False),
    ("messages (x)", b"+a\r\n+b\r\n", b"+b\r\n+a\r\n", True),
    ("messages (x)", b"+a\r\n+b\r\n", b"+a\r\n", False),
    ("shape (x)", b"+OK\r\n" + corpus.CLOSED, b"+OK\r\n", False),
    ("shape (x)", b"+OK\r\n", b"nonsense\r\n", False),
    ("shape (x)", b"+OK\r\n", b"", False),
]


class Format(unittest.TestCase):
    def test_texts_come_back(self):
        for data in (b"", b"plain", b'a"b\\c', bytes(range(256))):
            self.assertEqual(corpus.unescape(corpus.escape(data)), data)
            self.assertEqual(corpus.split_words(corpus.join_words([b"x", data, b"y"])),
                             [b"x", data, b"y"])

    def test_every_file_is_written_as_it_was_read(self):
        for name in FILES:
            path = os.path.join(DIRECTORY, name)
            with open(path, encoding="ascii") as file:
                text = file.read()
            with tempfile.NamedTemporaryFile("r") as copy:
                corpus.write(copy.name, corpus.read(path), [text.split("\n")[0][2:]])
                self.assertEqual(copy.read(), text, name)

    def test_a_letter_may_stand_for_many(self):
        self.assertEqual(corpus.unescape(r"*\(3 1)\r"), b"*111\r")


class Contents(unittest.TestCase):
    def test_there_are_enough_commands_in_both_protocols(self):
        for protocol in (2, 3):
            count = sum(len(section.lines) for name in FILES
                        for section in corpus.read(os.path.join(DIRECTORY, name))
                        if protocol in section.protocols)
            self.assertGreaterEqual(count, COMMANDS_MIN)

    def test_every_leniency_has_a_reason_and_accepts_the_reply_itself(self):
        for name in FILES:
            for section in corpus.read(os.path.join(DIRECTORY, name)):
                for line in section.lines:
                    if line.comparison:
                        self.assertRegex(line.comparison, r" \(.+\)$", line.text)
                        for reply in line.replies.values():
                            self.assertTrue(corpus.equal(line.comparison, reply, reply))

    def test_expected_differences_have_reasons(self):
        with open(os.path.join(DIRECTORY, "expected-differences"), encoding="ascii") as file:
            for line in file:
                if line.strip() and not line.startswith("#"):
                    fields = line.rstrip("\n").split("\t")
                    self.assertEqual(len(fields), 4, line)
                    self.assertTrue(all(fields), line)


class Comparing(unittest.TestCase):
    def test_what_is_equal_and_what_is_not(self):
        for how, expected, got, result in COMPARISONS:
            self.assertEqual(corpus.equal(how, expected, got), result, (how, expected, got))


if __name__ == "__main__":
    result = unittest.TextTestRunner(verbosity=2).run(
        unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
