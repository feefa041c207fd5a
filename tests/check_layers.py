#!/usr/bin/env python3
"""Fails where a file includes what stands above it, or a third-party header away from its home.

check_layers.py [ROOT]        checks the tree
check_layers.py --self-test   plants breaches into a tree of its own, and fails if one is not found
"""
import re
import sys
import tempfile
from pathlib import Path

# A folder of src/, or a file directly in it; a file may include its own layer (but see PEERS) and those before it.
LAYERS = [["base", "viewer"], ["tcp"], ["event"], ["trace"], ["conn", "timeline"], ["source", "sink"], ["pipeline"], ["command"],
          ["main"]]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
# Modules of these folders do not know each other.
PEERS = {"source", "sink"}
# These are pure: no I/O, no clock, no library.
PURE_LAYERS = {"tcp", "event", "conn"}
PURE = set("assert ctype endian errno inttypes limits stdarg stdbool stddef stdint stdio stdlib string".split())
# Headers that only these modules (and their parts, source/bpf_x of source/bpf) may include.
HOMES = [
    (re.compile(r"bpf/|tcplens\.skel\.h$"), ["source/bpf"]),
    (re.compile(r"pcap(/|\.h$)"), ["source/pcap", "source/capture"]),
    (re.compile(r"(cjson/)?cJSON"), ["trace", "command/lab"]),
    (re.compile(r"microhttpd\.h$"), ["sink/http"]),
    (re.compile(r"sys/epoll\.h$"), ["base/loop", "echo"]),
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
    """sink/http_history, sink/http_stream: sink/http."""
    return module.split("_")[0]


def breach_of_layers(module: str, included: str) -> str:
    """Why the one module of ours may not include the other; empty where it may."""
    here, there = module.split("/")[0], included.split("/")[0]
    if here == "echo" or there == "echo":
        return "" if here == there else "echo/ stands apart"
    for layer in (here, there):
        if layer not in RANK:
            return f"{layer} has no place among the layers: give it one in tests/check_layers.py"
    if RANK[there] > RANK[here]:
        return f"{there} stands above {here}"
    if PEERS & {here, there} and RANK[here] == RANK[there]:
        if family(module) != family(included):
            return f"{module} and {included} do not know each other"
    return ""


def breach(root: Path, path: Path, bracket: str, name: str) -> str:
    module = module_of(path)
    for header, homes in HOMES:
        if header.match(name):
            return "" if any(is_part(module, home) for home in homes) else f"its home is {' and '.join(homes)}"
    if name.startswith("tcplens/"):
        return breach_of_layers(module, name[len("tcplens/"):-len(".h")])
    if bracket == '"':
        beside = path.parent / name
        if not (root / beside).exists():
            return "no such file beside this one: write tcplens/FOLDER/NAME.h"
        return breach_of_layers(module, module_of(beside))
    if module.split("/")[0] in PURE_LAYERS and name.removesuffix(".h") not in PURE:
        return "it is pure: no I/O, no clock, no library"
    return ""


def check(root: Path) -> tuple[int, list[str]]:
    """Number of files read, breaches found."""
    files = sorted(p for folder in ("src", "include") for p in (root / folder).rglob("*.[ch]"))
    found = []
    for file in files:
        path = file.relative_to(root)
        text = file.read_text(encoding="utf-8")
        for match in INCLUDE.finditer(text):
            why = breach(root, path, *match.groups())
            if why:
                line = text.count("\n", 0, match.start(1)) + 1
                found.append(f"{path}:{line}: includes {match[2]}: {why}")
    return len(files), found


def self_test() -> None:
    clean = {
        "src/base/loop.c": "<sys/epoll.h>",
        "src/conn/engine.c": '"tcplens/tcp/fsm.h"',
        "src/trace/frame.c": "<cjson/cJSON.h>",
        "src/source/bpf_load.c": '"tcplens/source/bpf.h"',
        "src/sink/http_site.c": '"tcplens/sink/http_stream.h"',
        "src/source/bpf.c": '"tcplens.skel.h"',
        "src/pipeline.c": '"tcplens/sink/file.h"',
        "src/echo/main.c": '"options.h"',
        "src/echo/options.h": "<stdbool.h>",
    }
    breaches = {
        "src/base/addr.c": '"tcplens/event/event.h"',
        "src/tcp/fsm.c": '"tcplens/conn/engine.h"',
        "src/tcp/segment.c": "<time.h>",
        "src/event/merge.c": '"tcplens/pipeline.h"',
        "src/source/pcap.c": '"tcplens/source/bpf.h"',
        "src/source/diag.c": '"tcplens/sink/file.h"',
        "src/source/trace.c": "<pcap/pcap.h>",
        "src/sink/file.c": "<microhttpd.h>",
        "src/pipeline.c": '# include "tcplens/command/trace.h"',
        "src/command/read.c": '"tcplens.skel.h"',
        "src/command/fsm.c": "<cjson/cJSON.h>",
        "src/command/view.c": '"tcplens/echo/server.h"',
        "src/echo/server.c": '"tcplens/base/addr.h"',
        "src/echo/client.c": '"../base/addr.h"',
        "src/novelty.c": '"tcplens/base/addr.h"',
        "include/tcplens/base/io.h": '"tcplens/source/bpf.h"',
    }

    def findings(files: dict[str, str]) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, include in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                line = include if include.startswith("#") else f"#include {include}"
                (root / name).write_text(f"/* A file. */\n{line}\n", encoding="utf-8")
            return check(root)[1]

    assert findings(clean) == [], findings(clean)
    for name, include in breaches.items():
        found = findings({name: include})
        assert len(found) == 1 and found[0].startswith(f"{name}:2: "), f"not found: {name} includes {include}: {found}"
    print(f"layers, self-test: {len(breaches)} of {len(breaches)} planted breaches found")


def main() -> int:
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return 0
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    count, found = check(root)
    for line in found:
        print(line, file=sys.stderr)
    print(f"layers: {count} files read, {len(found)} breaches")
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main())
