#!/usr/bin/env python3
"""Tests of traces while the system's clock is set, and in a time namespace.

Usage: clock_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO

The cases that set the clock and put the machine to sleep are there only on one that is nobody's: TEST_SET_CLOCK=1 says so, as
tests/kernels/boot.sh does.
"""
import os
import sys
import tempfile
import time

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import case, check, check_equal

IS_NOBODYS = os.environ.get("TEST_SET_CLOCK") == "1"

# Connections one after the other, while the clock is set after every few of them. Each ends before the next begins.
SETTINGS = 100
SET = """
import ctypes
# Milliseconds. Back by little after a pause of the traffic is what stamps alone cannot tell: docs/reliability.md.
STEPS = [1, 20, 200, 1000, 5000, -5000, 30000, -30000, 86400000, -86400000]
libc = ctypes.CDLL(None, use_errno=True)
def set_by(ms):
    # in one step: who reads the clock and then sets it sets it back, if it was away in between for longer than it adds
    timex = ctypes.create_string_buffer(208)
    struct.pack_into("I", timex, 0, 0x0100)  # ADJ_SETOFFSET
    struct.pack_into("qq", timex, 72, ms // 1000, ms % 1000 * 1000)
    if libc.adjtimex(timex) < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")
def set_to(ms):
    time.clock_settime(time.CLOCK_REALTIME, time.time() + ms / 1000)
steps = int(sys.argv[1])
server = listen(); made = 0
for i in range(steps):
    for _ in range(5):
        client = connect(); peer, _ = server.accept()
        client.sendall(b"hello"); peer.recv(5)
        client.close(); rest(peer); peer.close()
        made += 1
    if sys.argv[2] == "set":
        step = STEPS[i % len(STEPS)]
        (set_by if abs(step) < 1000 or i % 2 else set_to)(step)
print(made)
"""


def judge(trace, said):
    made = int(said)
    seen = trace.all("connection")
    twice = [(r["conn"], r["verdict"]) for r in trace.all("outcome") if r["verdict"] != "closed-normally"]
    check_equal(len(seen), made, f"connections, those that did not close normally being {twice}:")
    check_equal({r["verdict"] for r in trace.all("outcome")}, {"closed-normally"})
    check_equal(trace.all("gap"), [])
    for conn in (r["conn"] for r in trace.all("connection")):
        syn = next(r for r in trace.all("segment", conn=conn) if r["flags"] == ["SYN"])
        sent = next(r for r in trace.all("state", conn=conn, end="client", source="kernel") if r["to"] == "SYN-SENT")
        check(sent["t"] <= syn["t"], f"connection {conn}: its SYN at {syn['t']}, SYN-SENT at {sent['t']}")
    return made


def clock_is_set():
    """A hundred times: no connection becomes two, and no SYN comes before it was sent."""
    trace, said = lib.trace_of(lib.script(SET, SETTINGS, "set"))
    judge(trace, said)
    clock = trace.end["clock"]
    check(clock["set"] >= SETTINGS - 10, "few settings were noticed:", clock)  # two in one tick may look like one
    late = trace.end["late"]
    check(late < len(trace.records) / 100, "late:", late)


# One connection before the machine sleeps, one after: its own clock wakes it.
SLEEP = """
after = sys.argv[1]
def one():
    client = connect(); peer, _ = server.accept()
    client.sendall(b"hello"); peer.recv(5)
    client.close(); rest(peer); peer.close()
def write(name, text):
    with open(name, "w") as file: file.write(text)
server = listen()
one()
write("/sys/class/rtc/rtc0/wakealarm", "+" + after)  # it must be asleep by then
write("/sys/power/state", "mem")
one()
print(2)
"""


def machine_sleeps():
    """CLOCK_MONOTONIC stands still meanwhile, and so does the time of the trace; CLOCK_REALTIME goes on."""
    after = round(8 * max(1, lib.SLOWDOWN / 4))  # seconds: they pass while it falls asleep, too
    trace, said = lib.trace_of(lib.script(SLEEP, after))
    judge(trace, said)
    slept = trace.end["clock"].get("suspended_ns", 0)
    check(1e9 <= slept <= (after + 2) * 1e9, f"slept for {slept} ns")


if IS_NOBODYS:
    case(clock_is_set)
    case(machine_sleeps)


@case
def clock_is_left_alone():
    trace, said = lib.trace_of(lib.script(SET, 3, "left"))
    judge(trace, said)
    check("suspended_ns" not in trace.end.get("clock", {}), trace.end)


@case
def time_namespace():
    """What the kernel's programs read is the machine's, what the tracer reads is its namespace's."""
    for days in (-1, 10):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/trace.ndjson"
            # What it is set to cannot be below nothing; /proc/uptime would be too much, as that counts sleep, too.
            offset = max(days * 86400, 10 - int(time.clock_gettime(time.CLOCK_MONOTONIC)))
            before = ["unshare", "--time", "--fork", "--monotonic", str(offset)]
            done = lib.run("trace", "--netns", "new", "-q", "-o", path, "--", *lib.script(SET, 1, "left"), before=before)
            if "unshare" in done.stderr:
                raise lib.Skip(done.stderr.strip())
            check_equal(done.status, 0, done.stderr)
            judge(lib.read_trace(path), done.stdout)


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
