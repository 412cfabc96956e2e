"""The corpus: commands with the replies that Debian's redis-server gave, and how replies compare.

A corpus file is text. A section begins with fresh connections and an empty keyspace:

    @ sets: members                      the section's title
    @ protocols 2 3                      it is replayed in each of them
    SADD s a b<TAB>:2\\r\\n
    GET missing<TAB>$-1\\r\\n
    <TAB>_\\r\\n
    b> SUBSCRIBE news<TAB>*3\\r\\n$9\\r\\nsubscribe\\r\\n$4\\r\\nnews\\r\\n:1\\r\\n
    SMEMBERS s<TAB>*2\\r\\n$1\\r\\na\\r\\n$1\\r\\nb\\r\\n<TAB>sorted (hash table order)

A line is a command, the bytes that came back, and, seldom, how they compare and why. The line
below it, if it begins with a tab, is the reply in RESP3 where that differs. "b> " sends on the
section's connection b; without it, on a. "@read" sends nothing: pushed messages are read. "@raw
text" sends these bytes as they are, "\\(65537 a)" being so many of a letter; "@tidy command" restores a
setting, whatever comes back. A reply that ends with "<closed>" was followed by the end of the
connection.
"""
import re
import socket

NAMED_ESCAPES = {"\\": 92, '"': 34, "r": 13, "n": 10, "t": 9}
ESCAPE_OF = {byte: "\\" + name for name, byte in NAMED_ESCAPES.items()}
PLAIN_WORD = re.compile(r"[!-~]+\Z")
CLOSED = b"<closed>"


# --- text ------------------------------------------------------------------------------------

def escape(data, plain=b'"'):
    """Bytes as text of one line; those in `plain` need no backslash."""
    return "".join(chr(byte) if byte in plain or (32 <= byte < 127 and byte not in ESCAPE_OF)
                   else ESCAPE_OF.get(byte) or f"\\x{byte:02x}" for byte in data)


def unescape(text):
    out = bytearray()
    at = 0
    while at < len(text):
        if text[at] != "\\":
            out += text[at].encode("latin-1")
            at += 1
        elif text[at + 1] == "(":
            end = text.index(")", at)
            count, letter = text[at + 2:end].split(" ")
            out += letter.encode("latin-1") * int(count)
            at = end + 1
        elif text[at + 1] == "x":
            out.append(int(text[at + 2:at + 4], 16))
            at += 4
        else:
            out.append(NAMED_ESCAPES[text[at + 1]])
            at += 2
    return bytes(out)


def split_words(text):
    """The words of a command as redis-cli takes them: blanks separate, double quotes group."""
    words = []
    for match in re.finditer(r'"((?:[^"\\]|\\.)*)"(?=\s|$)|(\S+)', text):
        quoted, bare = match.groups()
        if bare is not None and (bare.startswith('"') or "\\" in bare):
            raise ValueError("quotes: " + text)
        words.append(unescape(quoted) if quoted is not None else bare.encode("latin-1"))
    return words


def join_words(words):
    def one(word):
        text = word.decode("latin-1")
        if PLAIN_WORD.match(text) and '"' not in text and "\\" not in text:
            return text
        return '"' + escape(word, b"") + '"'
    return " ".join(map(one, words))


# --- sections --------------------------------------------------------------------------------

class Line:
    """One exchange: what is sent on which connection, what came back, how it compares."""

    def __init__(self, text, comparison="", number=0):
        self.text = text
        self.comparison = comparison
        self.number = number  # in its file
        self.replies = {}  # by protocol
        match = re.match(r"([a-z])> (.*)", text, re.S)
        self.client, self.command = match.groups() if match else ("a", text)

    def is_tidy(self):
        return self.command.startswith("@tidy ")

    def request(self):
        """The bytes to send."""
        if self.command == "@read":
            return b""
        if self.command.startswith("@raw "):
            return unescape(self.command[len("@raw "):])
        words = split_words(self.command.removeprefix("@tidy "))
        return (b"*%d\r\n" % len(words)
                + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))


class Section:
    def __init__(self, title):
        self.title = title
        self.protocols = []
        self.lines = []


def write(path, sections, preface):
    with open(path, "w", encoding="ascii") as file:
        file.write("".join(f"# {line}\n" for line in preface))
        for section in sections:
            file.write(f"\n@ {section.title}\n")
            file.write(f"@ protocols {' '.join(map(str, section.protocols))}\n")
            for line in section.lines:
                first, *others = (escape(line.replies[protocol]) for protocol in section.protocols)
                fields = [line.text, first] + [line.comparison] * bool(line.comparison)
                file.write("\t".join(fields) + "\n")
                for other in others:
                    if other != first:
                        file.write(f"\t{other}\n")


def read(path):
    """The sections of a file."""
    sections = []
    with open(path, encoding="ascii") as file:
        for number, text in enumerate(file, 1):
            text = text.rstrip("\n")
            if text.startswith("#") or not text:
                continue
            if text.startswith("@ protocols "):
                sections[-1].protocols = [int(word) for word in text.split()[2:]]
            elif text.startswith("@ "):
                sections.append(Section(text[2:]))
            elif text.startswith("\t"):
                sections[-1].lines[-1].replies[3] = unescape(text[1:])
            else:
                command, reply, *comparison = text.split("\t")
                line = Line(command, comparison[0] if comparison else "", number)
                line.replies = dict.fromkeys(sections[-1].protocols, unescape(reply))
                sections[-1].lines.append(line)
    return sections


# --- replies ---------------------------------------------------------------------------------

class Incomplete(Exception):
    pass


def parse(data, at=0):
    """(value, end) of the reply at `at`; a value is (type byte, contents)."""
    end = data.find(b"\r\n", at)
    if end < 0:
        raise Incomplete
    kind, line = data[at:at + 1], data[at + 1:end]
    at = end + 2
    if kind in b"$=!" and line != b"-1":
        size = int(line)
        if len(data) < at + size + 2:
            raise Incomplete
        return (kind, data[at:at + size]), at + size + 2
    if kind in b"*%~>|" and line != b"-1":
        elements = []
        for _ in range(int(line) * (2 if kind in b"%|" else 1)):
            element, at = parse(data, at)
            elements.append(element)
        return (kind, elements), at
    if kind not in b"+-:_,#($*":
        raise ValueError(f"no reply: {data[at:at + 40]!r}")
    return (kind, line), at


def parse_all(data):
    """All complete replies in `data`, and the offset behind them."""
    values, at = [], 0
    while at < len(data):
        try:
            value, at = parse(data, at)
        except Incomplete:
            break
        values.append(value)
    return values, at


class Client:
    """A connection that reads whole replies."""

    def __init__(self, address, protocol, timeout=10.0):
        self.socket = socket.create_connection(address, timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self.closed = False
        self.pending = b""  # received, not yet given out
        if protocol == 3:
            self.ask("HELLO 3")

    def ask(self, command):
        """The bytes of the one reply to a command."""
        self.send(Line(command).request())
        return self.receive(1)

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            self.closed = True

    def fetch(self, timeout):
        """Adds what arrives within the time to `pending`; False if nothing did."""
        self.socket.settimeout(timeout)
        try:
            more = self.socket.recv(1 << 16)
        except (TimeoutError, BlockingIOError):
            return False
        except OSError:
            more = b""
        if not more:
            self.closed = True
            return False
        self.pending += more
        return True

    def receive(self, count, settle=None, expect_end=False):
        """The bytes of `count` replies, or fewer when the time is over; with `settle`, also what
        arrives until so many silent seconds; with `expect_end`, all until the other side closes."""
        while expect_end or len(parse_all(self.pending)[0]) < count:
            if self.closed or not self.fetch(self.timeout):
                break
        while settle and not self.closed and self.fetch(settle):
            pass
        values, end = parse_all(self.pending)
        if not settle and not expect_end and len(values) > count:
            end = len(self.pending)  # more than expected: a difference that has to be seen
        if self.closed:
            end = len(self.pending)
        data, self.pending = self.pending[:end], self.pending[end:]
        return data + CLOSED * self.closed

    def close(self):
        self.socket.close()


# --- comparing -------------------------------------------------------------------------------
#
# How a reply compares, in the third field: a word, perhaps a number, and the reason.
#
#     sorted          the elements of each array or set, in any order
#     sorted pairs    the same of a flat array or map of pairs
#     scan            [cursor, elements]: the elements in any order
#     scan pairs      [cursor, elements]: the pairs in any order
#     without KEY     maps (flat arrays in RESP2) without this key and its value
#     messages        pushed messages in any order
#     near N          integers may differ by N
#     integers        integers (also within texts) are not compared
#     shape           types and counts only

def sort_key(value):
    return repr(value)


def sort_elements(value, pairs):
    kind, contents = value
    if not isinstance(contents, list):
        return value
    if not pairs:
        return kind, sorted((sort_elements(element, False) for element in contents), key=sort_key)
    if contents and all(element[0] == b"*" for element in contents):  # RESP3: pairs are arrays
        return kind, sorted(contents, key=sort_key)
    couples = list(zip(contents[::2], contents[1::2], strict=True))
    return kind, sorted(couples, key=sort_key)


def sort_scan(value, pairs):
    kind, contents = value
    if kind != b"*" or len(contents) != 2:
        return value
    return kind, [contents[0], sort_elements(contents[1], pairs)]


def blur_integers(value):
    kind, contents = value
    if isinstance(contents, list):
        return kind, [blur_integers(element) for element in contents]
    if kind in b":$=+":
        return kind, re.sub(rb"-?\d+", b"N", contents)
    return value


def without(value, key):
    kind, contents = value
    if not isinstance(contents, list):
        return value
    contents = [without(element, key) for element in contents]
    at = next((at for at in range(0, len(contents) - 1, 2) if contents[at] == (b"$", key)), None)
    if at is not None:
        del contents[at:at + 2]
    return kind, contents


def shape(value):
    kind, contents = value
    return (kind, [shape(element) for element in contents]) if isinstance(contents, list) else kind


def is_near(expected, got, distance):
    if expected[0] != got[0]:
        return False
    if isinstance(expected[1], list):
        return (len(expected[1]) == len(got[1])
                and all(is_near(*pair, distance) for pair in zip(expected[1], got[1])))
    if expected[0] == b":":
        return abs(int(expected[1]) - int(got[1])) <= distance
    return expected == got


NORMAL_FORMS = {
    "sorted": lambda value: sort_elements(value, False),
    "sorted pairs": lambda value: sort_elements(value, True),
    "scan": lambda value: sort_scan(value, False),
    "scan pairs": lambda value: sort_scan(value, True),
    "integers": blur_integers,
    "shape": shape,
}


def equal(comparison, expected, got):
    """Whether two replies compare as equal in the way the corpus line says."""
    if expected == got or not comparison:
        return expected == got
    how, reason = re.fullmatch(r"(.*?) \((.+)\)", comparison).groups()
    assert reason, comparison
    if expected.endswith(CLOSED) != got.endswith(CLOSED):
        return False
    try:
        one, end_one = parse_all(expected.removesuffix(CLOSED))
        other, end_other = parse_all(got.removesuffix(CLOSED))
    except ValueError:
        return False
    if len(one) != len(other):
        return False
    if how == "messages":
        return sorted(one, key=sort_key) == sorted(other, key=sort_key)
    if how.startswith("without "):
        key = how.split()[1].encode()
        return [without(value, key) for value in one] == [without(value, key) for value in other]
    if how.startswith("near "):
        return all(is_near(*pair, int(how.split()[1])) for pair in zip(one, other))
    return [NORMAL_FORMS[how](value) for value in one] == [NORMAL_FORMS[how](value)
                                                           for value in other]
