#!/usr/bin/env python3
"""Writes the seeds of fuzz_merge to corpus/merge beside this script: two files in one, each a capture or a trace of it, which
the program at TCPLENS in the environment makes."""
import os
import pathlib
import struct
import subprocess

HERE = pathlib.Path(__file__).parent
CORPORA = HERE.parent / "corpora"


def capture(name):
    return (CORPORA / name).read_bytes()


def trace(name):
    return subprocess.run([os.environ["TCPLENS"], "read", "-q", "-o", "-", CORPORA / name], check=True,
                          capture_output=True).stdout


def both(first, second):
    return struct.pack("<I", len(first)) + first + second


SHORT, LONG = "tcpdump-tcp-handshake-nano.pcap", "zeek-handshake-reorder.pcap"
SEEDS = {
    "captures": both(capture(SHORT), capture(SHORT)),
    "traces": both(trace(LONG), trace(LONG)),
    "trace-and-capture": both(trace(LONG), capture(LONG)),
    "cut": both(trace(LONG)[:-300], capture(LONG)[:-30]),
    "of-others": both(trace(SHORT), trace(LONG)),
    "no-files": both(b"", b"hello"),
}

folder = HERE / "corpus" / "merge"
folder.mkdir(exist_ok=True)
for name, data in SEEDS.items():
    (folder / name).write_bytes(data)
