#!/usr/bin/env python3
"""The design's direction and purity, checked on sources and on compiled objects.

    base <- resp <- storages <- src        base <- raft <- src

Sources: an include must follow an arrow; modules (foo.h, foo.c, foo_internal.h) must not include
each other in a circle; the pure folders include only headers from a short list of the C library's.
Objects: what a pure folder's compiled code refers to must be defined in a folder it may include, or
stand in the list of C functions below, whose result depends on their arguments alone; and it has
no writable variable. The objects see what macros and inline functions hide from a text search.

usage: purity.py ROOT [FOLDER=ARCHIVE ...]      e.g. purity.py . base=build/base/libbase.a
"""
import os
import re
import subprocess
import sys

# Folder: what it may include besides itself. Longer names first: src/replica is pure, src is not.
DIRECTIONS = {
    "src/replica": ["storages", "resp", "raft", "base"],
    "src": ["src/replica", "storages", "resp", "raft", "base"],
    "storages": ["resp", "base"],
    "resp": ["base"],
    "raft": ["base"],
    "base": [],
}
PURE = ["base", "resp", "raft", "storages", "src/replica"]

PURE_HEADERS = set(
    """errno.h float.h inttypes.h limits.h math.h stdarg.h stdbool.h stddef.h stdint.h stdio.h
    stdlib.h string.h emmintrin.h immintrin.h nmmintrin.h smmintrin.h tmmintrin.h xxhash.h""".split()
)
# Headers that one file may have because the rest of the pure code goes through it.
PURE_HEADERS_OF = {"base/memory.c": {"malloc.h", "jemalloc/jemalloc.h"}}

# Not here, on purpose: qsort (its algorithm, so the order of equals, depends on the machine's
# memory), tolower and strcasecmp (the locale), libm's functions that are not exactly rounded.
PURE_FUNCTIONS = set(
    """memchr memcmp memcpy memmem memmove memrchr memset strchr strcmp strcpy strcspn strlen
    strncmp strnlen strrchr strspn strstr
    snprintf vsnprintf strtod strtol strtold strtoll strtoul strtoull bsearch
    ceil ceill copysign fabs floor floorl fma fmod fmodl frexp frexpl ldexp ldexpl llrint llround
    lrint lround modf modfl nearbyint rint rintl round roundl sqrt sqrtl trunc truncl
    __errno_location __popcountdi2 __stack_chk_fail _GLOBAL_OFFSET_TABLE_
    XXH3_64bits XXH3_64bits_withSeed XXH3_128bits XXH3_128bits_withSeed XXH64
    XXH3_createState XXH3_freeState XXH3_64bits_reset XXH3_64bits_reset_withSeed
    XXH3_64bits_update XXH3_64bits_digest""".split()
)
# Functions that one object may call, mostly because the rest of the pure code goes through it.
PURE_FUNCTIONS_OF = {
    "base/check.c": {"abort", "fprintf", "fwrite", "fputs", "fflush", "stderr"},
    "base/memory.c": set(
        """abort fprintf fwrite fputs fflush stderr malloc calloc realloc free malloc_usable_size
        mallocx rallocx sdallocx dallocx nallocx aligned_alloc""".split()
    ),
    # Its order is total: no two sources compare as equal.
    "storages/sorted_set_algebra.c": {"qsort"},
}

# What the compiler turns into instructions, so that no object shows a name.
IMPURE_WORDS = re.compile(
    r"\b(asm|__asm__|__asm|_Thread_local|__thread|_Atomic|__DATE__|__TIME__|__TIMESTAMP__"
    r"|_?_?rdtscp?|__builtin_ia32_rd\w+|_rd(?:rand|seed)\w+|__(?:sync|atomic)_\w+)\b"
)
COMMENT_OR_TEXT = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*([\"<])([^\">]+)[\">]", re.M)


def folder_of(path):
    """The folder of DIRECTIONS that this path is in, or None."""
    for folder in DIRECTIONS:
        if path.startswith(folder + "/"):
            return folder
    return None


def module_of(path):
    """foo for foo.h and foo.c, and for foo_internal.h, which the files of a large module share."""
    return os.path.splitext(path)[0].removesuffix("_internal")


def source_paths(root):
    """Every .c and .h below the folders of the design, relative to root."""
    for top in ("base", "resp", "raft", "storages", "src"):
        for directory, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(directory, name), root)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def resolve(root, path, included):
    """Where a quoted include leads, relative to root; None when there is no such file."""
    for base in (os.path.dirname(path), ""):
        candidate = os.path.normpath(os.path.join(base, included))
        if os.path.isfile(os.path.join(root, candidate)):
            return candidate
    return None


def check_direction(path, target):
    """A complaint, or None: may `path` include `target`?"""
    own, other = folder_of(path), folder_of(target)
    if other is None:
        return f"{path} includes {target}, which is outside the design's folders"
    if other != own and other not in DIRECTIONS[own]:
        return f"{path} includes {target}: {other}/ is not below {own}/"
    return None


def circles(edges):
    """Each circle of the module graph once, as a list of its modules (Tarjan's components)."""
    order, low, stack, found = {}, {}, [], []

    def visit(module):
        order[module] = low[module] = len(order)
        stack.append(module)
        for target in sorted(edges.get(module, ())):
            if target not in order:
                visit(target)
                low[module] = min(low[module], low[target])
            elif target in stack:
                low[module] = min(low[module], order[target])
        if low[module] == order[module]:
            component = stack[stack.index(module):]
            del stack[stack.index(module):]
            if len(component) > 1:
                found.append(component)

    for module in sorted(edges):
        if module not in order:
            visit(module)
    return found


def check_sources(root):
    complaints, edges = [], {}
    for path in source_paths(root):
        text = read(root, path)
        pure = folder_of(path) in PURE
        for mark, included in INCLUDE.findall(text):
            target = resolve(root, path, included)
            if mark == '"' and target is None:
                # Made by the build, or a library's: only the impure part may have such.
                if pure:
                    complaints.append(f"{path} includes {included}, which is not in the tree")
            elif mark == '"':
                complaint = check_direction(path, target)
                if complaint:
                    complaints.append(complaint)
                if module_of(target) != module_of(path):
                    edges.setdefault(module_of(path), set()).add(module_of(target))
            elif pure and included not in PURE_HEADERS | PURE_HEADERS_OF.get(path, set()):
                complaints.append(f"{path} includes <{included}>, which is not for pure code")
        if pure:
            for word in sorted(set(IMPURE_WORDS.findall(COMMENT_OR_TEXT.sub(" ", text)))):
                complaints.append(f"{path} uses {word}, which is not for pure code")
    for circle in circles(edges):
        complaints.append("modules include each other in a circle: " + ", ".join(sorted(circle)))
    return complaints


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def symbols(archive):
    """(source name, symbol, section or None when undefined) of everything in an archive."""
    source = ""
    for line in run("objdump", "-t", archive).splitlines():
        if line.endswith(("file format elf64-x86-64", "file format elf64-littleaarch64")):
            source = os.path.basename(line.split(":")[0])[: -len(".o")]
        match = re.match(r"^[0-9a-f]+ (.{7}) (\S+)\t[0-9a-f]+ +(?:\.\w+ )?(\S+)$", line)
        if match:
            flags, section, name = match.groups()
            # The 6th flag column: d is a section's or file's own symbol, not one of the program's.
            if "d" not in flags and "f" not in flags[6:]:
                yield source, name, None if section == "*UND*" else section


def is_writable(section):
    if section.startswith(".data.rel.ro"):
        return False  # Constant after relocation: tables of names and functions.
    return section == "*COM*" or section.startswith((".data", ".bss", ".tdata", ".tbss"))


def plain(name):
    """memcpy for __memcpy_chk: the fortified form of the same function."""
    match = re.match(r"^__(\w+)_chk$", name)
    return match.group(1) if match else name


def check_objects(archives):
    """archives: {folder: path}. Complaints about what the pure ones refer to and hold."""
    complaints, defined = [], {}
    table = {folder: list(symbols(path)) for folder, path in archives.items()}
    for folder, rows in table.items():
        defined[folder] = {name for _, name, section in rows if section is not None}
    for folder, rows in table.items():
        reachable = set().union(*(defined.get(f, set()) for f in [folder, *DIRECTIONS[folder]]))
        for source, name, section in rows:
            path = f"{folder}/{source}"
            if section is None:
                allowed = PURE_FUNCTIONS | PURE_FUNCTIONS_OF.get(path, set())
                if name not in reachable and plain(name) not in allowed and name not in allowed:
                    complaints.append(f"{path} refers to {name}, which is not for {folder}/")
            elif is_writable(section):
                complaints.append(f"{path} has a variable that outlives its calls: {name}")
    return sorted(set(complaints))


def main(arguments):
    root = arguments[0]
    archives = dict(argument.split("=", 1) for argument in arguments[1:])
    complaints = check_sources(root) + check_objects(archives)
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
