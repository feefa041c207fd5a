#!/usr/bin/env python3
"""Does what docs/adding.md says in a copy of the tree, prints which files each addition changed, and fails where that is
more than one file and one table of rows (those that `make vocabulary` makes aside), or where what it adds does not work.

Usage: adding_test.py     MAKE names make(1). Needs what the build needs, and no network.
"""
import json
import re
import sys
import tempfile
from pathlib import Path

from trees import ROOT, copy_tree, make, run

PAGE = ROOT / "docs" / "adding.md"
# What generate.mjs writes.
MADE = {"docs/trace.schema.json", "docs/trace-format.md", "docs/limits.md", "web/src/trace/words.ts",
        "web/src/trace/edges.ts"}
BLOCK = re.compile(r"(?:^`(?P<path>[^`]+)`, the (?P<what>file|row):\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S)


def contents(copy):
    """Every file that is not built, by name."""
    return {str(p.relative_to(copy)): p.read_bytes() for p in copy.rglob("*")
            if p.is_file() and p.relative_to(copy).parts[0] != "build" and "node_modules" not in p.parts
            and "__pycache__" not in p.parts}


def add_rows(path, diff):
    old = "".join(line[1:] for line in diff.splitlines(True) if line[0] in " -")
    new = "".join(line[1:] for line in diff.splitlines(True) if line[0] in " +")
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        sys.exit(f"FAILED: {PAGE.name}: {path.name} has no such place, or several:\n{diff}")
    path.write_text(text.replace(old, new), encoding="utf-8")


def blocks(section):
    path = None
    for match in BLOCK.finditer(section):
        path = match["path"] or path
        yield path, match["what"], match["language"], match["text"]


def add(copy, title, section):
    """Prints what was changed."""
    before = contents(copy)
    for path, what, language, text in blocks(section):
        if what == "file":
            if (copy / path).exists():
                sys.exit(f"FAILED: {PAGE.name}: {path} is there already")
            (copy / path).write_text(text, encoding="utf-8")
        elif language == "diff":
            add_rows(copy / path, text)
    make(copy, "vocabulary")
    after = contents(copy)
    changed = sorted(name for name in after if before.get(name) != after[name])
    by_hand = [name for name in changed if name not in MADE]
    made = [name for name in changed if name in MADE]
    print(f"{title}: {', '.join(by_hand)}{f' (made: {len(made)} files)' if made else ''}")
    if [name in before for name in by_hand].count(False) != 1 or len(by_hand) != 2:
        sys.exit(f"FAILED: {title} is not one file and one table")


def try_out(copy, section):
    tried = 0
    for _, _, language, text in blocks(section):
        if language == "console":
            for part in text.split("$ ")[1:]:
                command, *expected = part.splitlines()
                output = run(copy, "sh", "-c", command)
                for line in expected:
                    if line not in output:
                        sys.exit(f"FAILED: {command}: no '{line}' in\n{output}")
                tried += 1
        elif language == "json":
            check_record(copy, json.loads(text))
            tried += 1
    return tried


def check_record(copy, record):
    """A trace that has such a record is valid, and the decoder and the encoder know it."""
    lines = run(copy, "build/tcplens", "read", "-q", "-o", "-", "tests/corpora/pcapplusplus-one_tcp_rst.pcap")
    records = [json.loads(line) for line in lines.splitlines()]
    at = next(i for i, r in enumerate(records) if r["record"] == "outcome")
    for later in records[at:]:
        later["n"] += 1
        because = later.get("because", 0)
        if isinstance(because, list):  # of a finding
            later["because"] = [n + (n >= at) for n in because]
        elif because >= at:
            later["because"] += 1
    records.insert(at, {**record, "n": at, "t": records[at]["t"]})
    records[-1]["counts"][record["record"]] = 1
    trace = copy / "build" / "added.ndjson"
    trace.write_text("".join(json.dumps(r, separators=(",", ":")) + "\n" for r in records), encoding="utf-8")
    run(copy, "build/tests/trace/roundtrip", str(trace))
    run(copy, sys.executable, "tests/validate_trace.py", "docs/trace.schema.json", str(trace))


def main():
    sections = re.split(r"^## (.*)\n", PAGE.read_text(encoding="utf-8"), flags=re.M)[1:]
    sections = list(zip(sections[::2], sections[1::2]))
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "tree"
        copy_tree(copy)
        make(copy, "build/vocabulary")
        for title, section in sections:
            add(copy, title, section)
        make(copy, "all", "build/tests/trace/roundtrip")
        run(copy / "web", "npm", "run", "--silent", "check")
        tried = sum(try_out(copy, section) for _, section in sections)
    print(f"{len(sections)} additions, {tried} trials")
    if len(sections) < 7 or tried < 10:
        sys.exit("FAILED: the page has lost some of them")


if __name__ == "__main__":
    main()
