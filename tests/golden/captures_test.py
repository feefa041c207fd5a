#!/usr/bin/env python3
"""Reads each of tests/captures with `tcplens read` and compares with what is to be told of it, in the .txt beside it.

TCPLENS names the program. --refresh writes what it says now: read the difference before you commit it.
"""
import os
import subprocess
import sys
import tempfile

from golden_test import TCPLENS, TESTS, told
from lib import traces

FOLDER = TESTS / "captures"


def read(capture, folder):
    trace = os.path.join(folder, capture.stem + ".ndjson")
    done = subprocess.run([TCPLENS, "read", "--quiet", "--output", trace, capture.name], cwd=capture.parent, check=True,
                          timeout=60, text=True, capture_output=True)
    traces.validate(trace)
    return done.stderr + told("--tell", trace)


def main():
    captures = sorted(path for path in FOLDER.iterdir() if path.suffix.startswith(".pcap"))
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for capture in captures:
            got, expected = read(capture, folder), capture.with_suffix(".txt")
            if "--refresh" in sys.argv:
                expected.write_text(got)
            elif got != expected.read_text():
                failed += 1
                print(f"{capture.name}: expected\n{expected.read_text()}got\n{got}")
    print(f"{len(captures)} captures, {failed} failed")
    return 1 if failed or not captures else 0


if __name__ == "__main__":
    sys.exit(main())
