#!/usr/bin/env python3
"""Tests of `tcplens trace --write`: the packets as they were captured, once each, with what is told of them, and the kernel's
events between them, as tshark reads them.

Usage: write_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO
"""
import json
import os
import re
import stat
import subprocess
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import ECHO, case, check, check_equal, one_line, own_directory, run, run_cases, unless_withheld
from lib.kernel import cannot_run, missing

DEMO = [ECHO, "demo", "--fast", "--port", "7007"]


def traced(*options, command=tuple(DEMO)):
    for name in ("out.pcapng", "out.ndjson"):
        if os.path.exists(name):
            os.remove(name)
    done = run("trace", "--netns", "new", "--quiet", "-o", "out.ndjson", "--write", "out.pcapng", *options, "--", *command)
    check_equal(done.status, 0, done.stderr)
    with open("out.ndjson", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def fields(*names, only):
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "HOME": os.getcwd(), "XDG_CONFIG_HOME": os.getcwd()}
    done = subprocess.run(["tshark", "-n", "-r", "out.pcapng", "-Y", only, "-T", "fields", "-E", "separator=/t", "-E",
                           "aggregator=|", *(part for n in names for part in ("-e", n))],
                          capture_output=True, text=True, env=environment, timeout=240, check=False)
    check_equal(done.returncode, 0, done.stderr)
    return [line.split("\t") for line in done.stdout.splitlines()]


FLAGS = [("FIN", 1), ("SYN", 2), ("RST", 4), ("PSH", 8), ("ACK", 16), ("URG", 32), ("ECE", 64), ("CWR", 128), ("AE", 256)]


@case
def packets_and_what_the_kernel_tells():
    unless_withheld(judge_demo)


def judge_demo():
    records = traced()
    segments = [r for r in records if r["record"] == "segment"]
    got = fields("tcp.flags", "tcp.seq", "tcp.len", "frame.time_epoch", "tcp.payload", "frame.comment", only="tcp")
    check_equal([(int(row[0], 16), int(row[1]), int(row[2])) for row in got],
                [(sum(bit for name, bit in FLAGS if name in s["flags"]), s["seq"], s["len"]) for s in segments], "packets")
    check(segments and any(row[4] for row in got), "their data is there too")
    times = [row[3] for row in got]
    check_equal(times, sorted(times), "their order")
    check("connection 1: client " in got[0][5], got[0])
    rows = [row[0] for row in fields("systemd_journal.message", only="systemd_journal")]
    states = [f"#{r['conn']} {r['end']} {r['from']} → {r['to']}" for r in records
              if r["record"] == "state" and r["source"] == "kernel"]
    check_equal([row for row in (r.split(" (")[0].split(",")[0] for r in rows) if " → " in row and ": " not in row], states,
                "the kernel's states")
    check(len(states) > 8, states)
    check_equal(stat.S_IMODE(os.stat("out.pcapng").st_mode), 0o600, "who may read it")


@case
def packets_without_segments_in_the_trace():
    records = traced("--segments", "none")
    check(not any(r["record"] == "segment" for r in records), "segments")
    check(len(fields("frame.number", only="tcp")) > 5, "packets are written all the same")


@case
def as_it_comes_for_another_program():
    done = subprocess.run([os.environ["TCPLENS"], "trace", "--netns", "new", "--write", "-", "--", *DEMO], capture_output=True,
                          timeout=240, check=False)
    check_equal(done.returncode, 0, done.stderr)
    with open("out.pcapng", "wb") as file:
        file.write(done.stdout)
    check(len(fields("frame.number", only="tcp")) > 5, "packets")


@case
def an_error_about_a_datagram():
    """What it says, and of which datagram: with the packet, and where a trace has none."""
    traced("--udp", command=(sys.executable, "-c", "import socket; s = socket.socket(type=socket.SOCK_DGRAM); "
                             "s.connect(('127.0.0.1', 7009)); s.send(b'abc'); print(s.connect_ex(('127.0.0.1', 7009)))"))
    said = r"UDP 127.0.0.1:\d+ > 127.0.0.1:7009 len=3, refused: ICMP port-unreachable by 127.0.0.1"
    (comment,), = fields("frame.comment", only="icmp")
    check(re.fullmatch(said, comment), comment)
    done = run("convert", "out.ndjson", "--to", "pcapng", "--force", "-o", "out.pcapng")
    check_equal(done.status, 0, done.stderr)
    rows = [row for row, in fields("systemd_journal.message", only="systemd_journal")]
    check(any(re.fullmatch(said, row) for row in rows), rows)


@case
def replaces_nothing():
    with open("there.pcapng", "wb") as file:
        file.write(b"mine")
    done = run("trace", "--netns", "new", "-q", "--write", "there.pcapng", "--", "true")
    check_equal(done.status, 1)
    one_line(done.stderr, "there.pcapng is there already")
    with open("there.pcapng", "rb") as file:
        check_equal(file.read(), b"mine")
    done = run("trace", "--netns", "new", "-o", "-", "--write", "-", "--", "true")
    one_line(done.stderr, "--write")
    check(done.status != 0, done)


if __name__ == "__main__":
    os.environ["TCPLENS_SECCOMP"] = "kill"
    if missing():
        sys.exit(cannot_run(missing()))
    sys.exit(run_cases(sys.argv[1:], around=own_directory))
