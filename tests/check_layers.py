#!/usr/bin/env python3
"""Fails where a file includes or calls what stands above it, where files form a circle, or a third-party header is away
from its home.

check_layers.py OBJECTS [ROOT]   checks the tree; OBJECTS: where its objects were built (OBJECTS/src/x.o)
check_layers.py --self-test      plants breaches into trees of its own, and fails if one is not found

What a file calls is what nm(1) finds undefined in its object and defined in another's: functions and data, exactly. A
module is a source file with its header.
"""
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

# A folder of src/, or a file directly in it; a file may know its own layer (but see PEERS) and those before it.
LAYERS = [["base", "viewer"], ["tcp"], ["event"], ["trace"], ["convert"], ["conn"], ["metrics"], ["source", "sink"],
          ["recording", "place", "sources"], ["gate"], ["pipeline"], ["lab", "top", "fleet"], ["command"],
          ["main", "vocabulary", "wasm"]]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
# Modules of these folders do not know each other, but for what all of them have in common (sink/sink).
PEERS = {"source", "sink"}
# Inside the engine, a row a file (finding_x is a finding): ground, lanes, judges, roof. Lanes do not know each other.
CONN = [
    {"config", "emit", "ends", "stream", "hash", "table", "registry", "senders", "strays"},
    {"wire", "notes", "zeek", "kernel", "kernel_events", "kernel_ending", "kernel_samples", "listener", "socket"},
    {"life", "outcome", "cause", "reconcile", "finding"},
    {"lives", "roof", "engine", "engine_segment", "engine_icmp", "engine_kernel"},
]
CONN_RANK = {name: rank for rank, names in enumerate(CONN) for name in names}
LANES = 1
# Tables of rows: they name every row, as data, and call none; the rows may know what all rows have in common.
TABLES = {"source/source", "sink/sink", "command/command", "conn/finding", "convert/convert"}
# What the echo program, which stands apart, shares: how every program begins, what of others' text can be shown, whose a file is.
FOR_ECHO = {"base/caller", "base/options", "base/printable", "base/standard"}
# These are pure: no I/O, no clock, no library.
PURE_LAYERS = {"tcp", "event", "conn"}
PURE = set("assert ctype endian errno inttypes limits stdarg stdbool stddef stdint stdio stdlib string".split())
# Headers that only these modules (and their parts, source/bpf_x of source/bpf) may include.
HOMES = [
    (re.compile(r"bpf/|tcplens\.skel\.h$"), ["source/bpf"]),
    (re.compile(r"pcap(/|\.h$)"), ["source/pcap", "source/capture", "base/expression"]),
    (re.compile(r"(cjson/)?cJSON"), ["trace", "lab"]),
    (re.compile(r"nats/"), ["sink/publish"]),
    (re.compile(r"microhttpd\.h$"), ["sink/http"]),
    (re.compile(r"(ncurses|term)\.h$"), ["top/screen"]),
    (re.compile(r"^drawing\.h$"), ["convert/svg"]),
    (re.compile(r"sys/epoll\.h$"), ["base/loop", "sink/http_door", "echo"]),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def module_of(path: Path) -> str:
    """src/source/bpf.c, include/tcplens/source/bpf.h: source/bpf."""
    parts = path.with_suffix("").parts
    return "/".join(parts[2:] if parts[0] == "include" else parts[1:])


def is_part(module: str, whole: str) -> bool:
    """source/bpf_load is a part of source/bpf, echo/socket of echo."""
    return module == whole or module.startswith((whole + "_", whole + "/"))


def family(module: str) -> str:
    """sink/http_history, sink/http_stream: sink/http; the table sink/sinks.def: sink/sink."""
    folder, name = module.split("/") if module.count("/") == 1 else ("", module)
    return f"{folder}/{folder}" if name == folder + "s" else module.split("_")[0]


def conn_rank(module: str) -> int:
    """Within the engine; elsewhere, and without a place, -1."""
    name = module.removeprefix("conn/")
    return CONN_RANK.get(name, CONN_RANK.get(name.split("_")[0], -1)) if name != module else -1


def breach_in_conn(module: str, other: str) -> str:
    here, there = module.split("/")[1], other.split("/")[1]
    ranks = [conn_rank(module), conn_rank(other)]
    for name, rank in zip((here, there), ranks):
        if rank < 0:
            return f"conn/{name} has no place in the engine: give it one in tests/check_layers.py"
    if ranks[1] > ranks[0]:
        return f"{there} stands above {here}"
    if ranks[0] == ranks[1] == LANES and family(here) != family(there):
        return f"{here} and {there} are lanes: they do not know each other"
    return ""


def breach(module: str, other: str) -> str:
    """Why the one module of ours may not know the other; empty where it may."""
    here, there = module.split("/")[0], other.split("/")[0]
    if here == "echo" or there == "echo":
        return "" if here == there or other in FOR_ECHO else "echo/ stands apart"
    for layer in (here, there):
        if layer not in RANK:
            return f"{layer} has no place among the layers: give it one in tests/check_layers.py"
    if RANK[there] > RANK[here]:
        return f"{there} stands above {here}"
    if PEERS & {here, there} and RANK[here] == RANK[there]:
        if family(module) != family(other) and not (here == there and family(other) == f"{here}/{here}"):
            return f"{module} and {other} do not know each other"
    return breach_in_conn(module, other) if here == there == "conn" else ""


class Tree:
    """The files below a root, and how they know each other."""

    def __init__(self, root: Path, objects: Path):
        self.root, self.objects = root, objects
        self.files = [p.relative_to(root) for folder in ("src", "include") for p in sorted((root / folder).rglob("*"))
                      if p.suffix in (".c", ".h", ".def")]
        self.modules = {module_of(p) for p in self.files}
        self.edges = defaultdict(dict)  # module: {other module: "path:line: includes …"}
        self.errors = []

    def add_edge(self, module: str, other: str, how: str) -> None:
        # a part includes the header of its whole, and a table's rows that of the table
        if module != other:
            self.edges[module].setdefault(other, how)

    def breach_of_include(self, path: Path, bracket: str, name: str, where: str) -> str:
        module = module_of(path)
        for header, homes in HOMES:
            if header.match(name):
                return "" if any(is_part(module, home) for home in homes) else f"its home is {' and '.join(homes)}"
        if name.startswith("tcplens/"):
            other = name[len("tcplens/"):].rsplit(".", 1)[0]
        elif bracket == '"':
            if not (self.root / path.parent / name).exists():
                return "no such file beside this one: write tcplens/FOLDER/NAME.h"
            other = module_of(path.parent / name)
        else:
            pure = module.split("/")[0] not in PURE_LAYERS or name.removesuffix(".h") in PURE
            return "" if pure else "it is pure: no I/O, no clock, no library"
        self.add_edge(module, other, where)
        return breach(module, other)

    def read_includes(self) -> None:
        for path in self.files:
            text = (self.root / path).read_text(encoding="utf-8")
            for match in INCLUDE.finditer(text):
                where = f"{path}:{text.count(chr(10), 0, match.start(1)) + 1}: includes {match[2]}"
                why = self.breach_of_include(path, *match.groups(), where)
                if why:
                    self.errors.append(f"{where}: {why}")

    def read_symbols(self) -> None:
        """Whose object defines a symbol, and who has it undefined."""
        defined, wanted = {}, defaultdict(set)  # symbol: {module: kind}; module: {symbol}
        for path in self.files:
            if path.suffix != ".c":
                continue
            obj = self.objects / path.with_suffix(".o")
            if not obj.exists() or obj.stat().st_mtime < (self.root / path).stat().st_mtime:
                self.errors.append(f"{path}: its object is {'older' if obj.exists() else 'missing'}: build first ({obj})")
                continue
            listed = subprocess.run(["nm", "--format=posix", str(obj)], capture_output=True, text=True, check=True)
            for line in listed.stdout.splitlines():
                name, kind = line.split()[:2]
                if kind == "U":
                    wanted[module_of(path)].add(name)
                elif kind.isupper():
                    defined.setdefault(name, {})[module_of(path)] = kind
        for module, names in sorted(wanted.items()):
            for name in sorted(names):
                homes = defined.get(name, {})
                for other, kind in homes.items():
                    # the page has no C library to take it from; the others do
                    if program_of(other) == "wasm" != program_of(module):
                        continue
                    # where two programs have a function of one name, each means its own
                    if len(homes) == 1 or program_of(other) == program_of(module):
                        self.read_use(module, other, name, kind)

    def read_use(self, module: str, other: str, name: str, kind: str) -> None:
        where = f"src/{module}.c: uses {name} of {other}"
        if module in TABLES and other.split("/")[0] == module.split("/")[0]:
            if kind != "T":
                return  # a row is data
            if conn_rank(other) >= conn_rank(module):
                self.errors.append(f"{where}: a table of rows names them, and calls none")
                return
        self.add_edge(module, other, where)
        why = breach(module, other)
        if why:
            self.errors.append(f"{where}: {why}")

    def find_circles(self) -> None:
        """Tarjan's strongly connected components; of each that is more than one file a path is told."""
        index, low, stack, on_stack = {}, {}, [], set()

        def visit(module: str) -> None:
            index[module] = low[module] = len(index)
            stack.append(module)
            on_stack.add(module)
            for other in self.edges[module]:
                if other not in self.modules:
                    continue
                if other not in index:
                    visit(other)
                    low[module] = min(low[module], low[other])
                elif other in on_stack:
                    low[module] = min(low[module], index[other])
            if low[module] != index[module]:
                return
            component = set(stack[stack.index(module):])
            del stack[stack.index(module):]
            on_stack.difference_update(component)
            if len(component) > 1:
                self.errors.append("a circle of files:\n  " + "\n  ".join(self.circle(module, component)))

        for module in sorted(self.modules):
            if module not in index:
                visit(module)

    def circle(self, start: str, component: set) -> list:
        """The shortest way from a module back to it."""
        ways = [[start]]
        while ways:
            way = ways.pop(0)
            for other in self.edges[way[-1]]:
                if other == start:
                    return [self.edges[a][b] for a, b in zip(way, way[1:] + [start])]
                if other in component and other not in way:
                    ways.append(way + [other])
        return []


def program_of(module: str) -> str:
    """Empty: the tracer."""
    folder = module.split("/")[0]
    return folder if folder in ("vocabulary", "echo", "wasm") else ""


def check(root: Path, objects: Path) -> tuple:
    """Number of files read, what is wrong."""
    tree = Tree(root, objects)
    tree.read_includes()
    tree.read_symbols()
    tree.find_circles()
    return len(tree.files), tree.errors


# ---- self-test --------------------------------------------------------------------------------------------------------


def errors_of(files: dict, built: bool = True, stale: bool = False) -> list:
    """What is found in a tree of these files, compiled."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text + "\n", encoding="utf-8")
        for name in files:
            if name.endswith(".c") and built:
                obj = root / "build" / Path(name).with_suffix(".o")
                obj.parent.mkdir(parents=True, exist_ok=True)
                # what is included need not exist: only names matter
                code = re.sub(r"^#.*$", "", files[name], flags=re.M)
                subprocess.run([os.environ.get("CC", "cc"), "-w", "-xc", "-c", "-", "-o", str(obj)], input=code, text=True,
                               check=True)
                if stale:
                    os.utime(obj, (0, 0))
        return check(root, root / "build")[1]


def self_test() -> None:
    includes = {
        "src/base/addr.c": '"tcplens/event/event.h"',
        "src/tcp/fsm.c": '"tcplens/conn/engine.h"',
        "src/tcp/segment.c": "<time.h>",
        "src/conn/wire.c": "<unistd.h>",
        "src/trace/encode.c": '"tcplens/pipeline.h"',
        "src/source/pcap.c": '"tcplens/source/bpf.h"',
        "src/source/diag.c": '"tcplens/sink/file.h"',
        "src/source/trace.c": "<pcap/pcap.h>",
        "src/sink/file.c": "<microhttpd.h>",
        "src/pipeline.c": '"tcplens/command/trace.h"',
        "src/command/read.c": '"tcplens.skel.h"',
        "src/command/fsm.c": "<cjson/cJSON.h>",
        "src/command/view.c": '"tcplens/echo/server.h"',
        "src/echo/server.c": '"tcplens/base/addr.h"',
        "src/echo/client.c": '"../base/addr.h"',
        "src/novelty.c": '"tcplens/base/addr.h"',
        "src/conn/novelty.c": '"tcplens/conn/table.h"',
        "include/tcplens/base/io.h": '"tcplens/source/bpf.h"',
    }
    clean = {
        "src/base/loop.c": "#include <sys/epoll.h>",
        "src/conn/engine.c": '#include "tcplens/tcp/fsm.h"',
        "src/trace/frame.c": "#include <cjson/cJSON.h>",
        "src/source/bpf_load.c": '#include "tcplens/source/bpf.h"',
        "src/sink/http_site.c": '#include "tcplens/sink/http_stream.h"',
        "src/source/bpf.c": '#include "tcplens.skel.h"',
        "src/pipeline.c": '#include "tcplens/sink/file.h"',
        "src/echo/main.c": '#include "options.h"',
        "src/echo/options.h": "#include <stdbool.h>",
        "src/conn/ends.c": "int ends(void) { return 0; }",
        "src/conn/outcome.c": "int ends(void); int outcome(void) { return ends(); }",
        "src/sink/sink.c": "extern int sink_file_ops; int *table = &sink_file_ops;",
        "src/sink/file.c": "int sink_file_ops;",
        "src/base/json.c": "void __assert_fail(void); void json(void) { __assert_fail(); }",
        "src/wasm/libc.c": "void __assert_fail(void) {}",
    }
    calls = {
        "a base function calls the engine": ("src/base/addr.c", "src/conn/ends.c", "conn stands above base"),
        "a ground file calls a judge": ("src/conn/ends.c", "src/conn/outcome.c", "outcome stands above ends"),
        "a judge calls the roof": ("src/conn/outcome.c", "src/conn/lives.c", "lives stands above outcome"),
        "a lane calls a lane": ("src/conn/wire.c", "src/conn/notes.c", "they do not know each other"),
        "a source calls a sink": ("src/source/pcap.c", "src/sink/file.c", "do not know each other"),
        "the table of sinks calls a sink": ("src/sink/sink.c", "src/sink/file.c", "names them, and calls none"),
        "the table of commands calls a command": ("src/command/command.c", "src/command/read.c", "and calls none"),
        "a sink calls another's": ("src/sink/file.c", "src/sink/timeline.c", "do not know each other"),
        "the engine's file has no row": ("src/conn/engine.c", "src/conn/novelty.c", "has no place in the engine"),
        "the echo program calls the tracer": ("src/echo/server.c", "src/base/addr.c", "echo/ stands apart")
    }
    found = errors_of(clean)
    assert found == [], found
    for name, include in includes.items():
        found = errors_of({name: f"/* A file. */\n#include {include}"})
        assert len(found) == 1 and found[0].startswith(f"{name}:2: "), f"not found: {name} includes {include}: {found}"
    for what, (caller, callee, why) in calls.items():
        found = errors_of({caller: "int called(void); int caller(void) { return called(); }",
                           callee: "int called(void) { return 0; }"})
        assert len(found) == 1 and why in found[0], f"not found: {what}: {found}"
    found = errors_of({"src/base/a.c": "int b(void); int a(void) { return b(); }",
                       "src/base/b.c": "int c(void); int b(void) { return c(); }",
                       "src/base/c.c": '#include "tcplens/base/a.h"\nint c(void) { return 0; }',
                       "include/tcplens/base/a.h": "int a(void);"})
    assert len(found) == 1 and found[0].startswith("a circle of files") and found[0].count("\n") == 3, found
    found = errors_of({"src/base/a.c": "int a;"}, built=False)
    assert len(found) == 1 and "missing" in found[0], found
    found = errors_of({"src/base/a.c": "int a;"}, stale=True)
    assert len(found) == 1 and "older" in found[0], found
    print(f"layers, self-test: {len(includes) + len(calls) + 3} planted breaches found")


def main() -> int:
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return 0
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    count, found = check(Path(sys.argv[2] if len(sys.argv) > 2 else "."), Path(sys.argv[1]))
    for line in found:
        print(line, file=sys.stderr)
    print(f"layers: {count} files read, {len(found)} breaches")
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main())
