#!/usr/bin/env python3
"""Runs each command that docs/habits.md says is what people are used to type.

Usage: habits_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO
"""
import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import case, check, check_equal, script

CAPTURE = f"{lib.REPOSITORY}/tests/corpora/zeek-tcp.pcap"

# Serves itself, at the port that the commands are about, each time it is told to.
TRAFFIC = """
with listen("10.0.0.1", 443) as server:
    ready(os.getpid())
    for line in sys.stdin:
        for _ in range(3):
            with connect("10.0.0.1", 443) as client:
                peer, _ = server.accept()
                client.send(b"x" * 100); peer.recv(100); client.close(); rest(peer); peer.close()
        ready("done")
"""
OWN = """
with listen() as server, connect() as client:
    peer, _ = server.accept(); client.close(); rest(peer); peer.close()
"""


def commands():
    """The second column of the table."""
    rows = re.findall(r"^\| `(.*?)` \| `tcplens (.*?)` \|", lib.read(f"{lib.REPOSITORY}/docs/habits.md").decode(), re.M)
    check(len(rows) >= 20, len(rows), "rows")
    return [here.replace("\\|", "|") for _, here in rows]


def words(command, **places):
    """CMD stands for a program, PID for a process."""
    found = []
    for word in shlex.split(command):
        found += places["CMD"] if word == "CMD" else [places.get(word, word)]
    return found


@case
def those_that_end_by_themselves():
    """Of a file, and with a command."""
    with contextlib.ExitStack() as stack:
        directory = lib.temporary(stack)
        shutil.copy(CAPTURE, f"{directory}/x.pcap")
        tried = [c for c in commands() if c.startswith("read ") or c.endswith(" CMD")]
        check(len(tried) >= 7, tried)
        for command in tried:
            done = subprocess.run([lib.TCPLENS, *words(command, CMD=script(OWN))], cwd=directory, capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL, timeout=60, check=False)
            check_equal(done.returncode, 0, f"{command}: {done.stderr}")
            check(done.stdout.count("\n") > 1 or "--filter" in command, command, repr(done.stdout))
        check(os.path.getsize(f"{directory}/x.ndjson.gz") > 500, "x.ndjson.gz")


@case
def those_that_watch():
    """All at once, over the same connections, until Ctrl-C."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(lib.own_directory())
        holder = lib.Running(["unshare", "--net", "sh", "-c",
                              "ip link set lo up && ip address add 10.0.0.1 dev lo && echo ready && exec cat"], stack)
        holder.wait_line("^ready")
        inside = ["nsenter", f"--net=/proc/{holder.pid}/ns/net"]
        traffic = lib.Running([*inside, *script(TRAFFIC)], stack)
        pid = traffic.wait_line(r"^ready (\d+)")[1]
        tried = [c for c in commands() if not c.startswith("read ") and not c.endswith(" CMD")]
        check(len(tried) >= 14, tried)
        tracers = [lib.Running([*inside, lib.TCPLENS, *words(command, PID=pid)], stack) for command in tried]
        for command, tracer in zip(tried, tracers):
            tracer.wait_line(r"^time|^  conn" if re.search("--every|--summary", command) else '"record":"header"')
        traffic.say()
        traffic.wait_line("^ready done")
        for command, tracer in zip(tried, tracers):
            # one of those that end by themselves may have begun too early
            if "--duration" not in command and "-c " not in command:
                tracer.interrupt()
            check_equal(tracer.wait(), 0, f"{command}: {tracer.stderr}")
            if " -w " in command:
                check(os.path.getsize("y.pcapng") > 500, "y.pcapng")
            if "--duration" not in command:
                check(re.search(r'"conn":[123],|^3 connections: 3|^total +3 ', tracer.stdout, re.M), command, tracer.stdout[-500:])


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
