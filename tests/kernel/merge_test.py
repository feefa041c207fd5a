#!/usr/bin/env python3
"""Tests of `tcplens merge` on what two hosts saw: two network namespaces, each traced by itself, the clock of one set wrong by a
known amount.

Usage: merge_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO
"""
import contextlib
import os
import subprocess
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import ECHO, Running, case, check, check_equal, read_trace, run, temporary, wait_for
from lib.hosts import ADDRESSES, Traced, set_capture, set_trace, two_hosts

OFFSET_NS, PPM = 137_250_000, 40.0
US = 1000
MS = 10**6


@contextlib.contextmanager
def hosts(stack, *options, **between):
    """(names, wire, Traced), with an echo server on the second."""
    names, wire = stack.enter_context(two_hosts(**between))
    folder = temporary(stack)
    server = Running(["ip", "netns", "exec", names[1], ECHO, "server", "--bind", ADDRESSES[1], "--verbose"], stack)
    server.wait_line("listen")
    yield names, wire, Traced(names, stack, folder, "--port", "7007", *options)
    server.interrupt()
    server.wait()


def ask(names, *options):
    done = subprocess.run(["ip", "netns", "exec", names[0], ECHO, "client", "--host", ADDRESSES[1], *options],
                          capture_output=True, text=True, timeout=2 * lib.DEADLINE, check=False)
    check_equal(done.returncode, 0, done.stderr)


def merge(to, *paths):
    done = run("merge", "-q", "--force", "-o", to, *paths)
    check_equal((done.status, done.stderr), (0, ""))
    return read_trace(to)


def key(segment):
    return segment["from"], *segment["flags"], segment["seq"], segment.get("ack"), segment["len"]


def both(trace):
    return [r for r in trace.all("segment") if "sent" in r and "received" in r]


def check_sound(trace):
    """Nothing is received before it was sent, or told before it; no difference without a name."""
    for r in trace.all("segment"):
        if "sent" in r:
            check_equal(r["t"], r["sent"])
        if "sent" in r and "received" in r:
            check(r["received"] >= r["sent"], r)
    for r in trace.all("arrival"):
        sent = trace.by_n[r["because"]]
        check_equal((r["t"], r["conn"]), (sent["received"], sent["conn"]))
    check_equal([r for r in trace.all("disagreement") if "known" not in r], [])


def check_close(off, clock):
    """Within a microsecond, where the fastest segments of both directions took as long as each other."""
    check(off <= clock["band_ns"] + US, "off by", off, clock)
    if off > US:
        raise lib.Disturbed(f"off by {off} ns: a direction had no segment that was not held up")


def check_same_times(true, found, begun=0):
    """Every segment is where it is without a wrong clock; there the time of begun is 0."""
    times = {key(r): (r["sent"] + begun, r["received"] + begun) for r in both(true)}
    check_equal(len(both(found)), len(both(true)))
    check_close(max(abs(a - b) for r in both(found) for a, b in zip(times[key(r)], (r["sent"], r["received"]))),
                found.header["merged"][1])


def check_clock(trace, index, offset_ns, ppm):
    clock = trace.header["merged"][index]
    check_equal(clock["clock"], "line")
    check_close(abs(clock["offset_ns"] - offset_ns), clock)
    check(abs(clock["skew_ppb"] - ppm * 1000) <= 1000, clock)


@case
def two_traces():
    with contextlib.ExitStack() as stack, hosts(stack) as (names, _, traced):
        ask(names, "--size", "3000", "--count", "120", "--interval", "20")
        traced.until('"TIME-WAIT"')
        a, b = traced.stop()
        folder = os.path.dirname(a)
        true = merge(f"{folder}/true.ndjson", a, b)
        check_equal([m["clock"] for m in true.header["merged"]], ["same", "same"])
        set_trace(b, f"{folder}/b2.ndjson", OFFSET_NS, PPM)
        found = merge(f"{folder}/found.ndjson", a, f"{folder}/b2.ndjson")
        check_clock(found, 1, OFFSET_NS, PPM)
        check_same_times(true, found)
        for trace in (true, found):
            check_sound(trace)
            conn = trace.one("connection")
            check_equal(conn["local"], ["client", "server"])
            trace.check_paths(1, lib.ACTIVE + lib.CLOSES_FIRST, lib.PASSIVE + lib.CLOSES_SECOND)
            check_equal({r["how"] for r in trace.all("state", source="kernel")}, {"observed"})
            trace.check_outcome(1, "closed-normally", "TIME-WAIT", "CLOSED")
            check_equal(trace.all("segment", notes=["lost-on-wire"]), [])
            # each account is of its own host: who called connect(), who took it from the queue
            check_equal({r["owner"]["comm"] for r in trace.all("state", end="client") if "owner" in r}, {"echo-client"})
            check(trace.all("queue", why="accept"), "no accept()")
            for r in trace.all("state", source="kernel"):
                check("because" not in r or trace.by_n[r["because"]]["record"] in ("segment", "timer", "call"), r)
        # the first file's clock counts, whichever host it is of
        turned = merge(f"{folder}/turned.ndjson", f"{folder}/b2.ndjson", a)
        check_sound(turned)
        check_equal(len(both(turned)), len(both(true)))
        check_equal(turned.header["merged"][1]["clock"], "line")
        check(abs(turned.header["merged"][1]["skew_ppb"] + PPM * 1000) <= 1000, turned.header["merged"])
        turned.check_outcome(1, "closed-normally", "TIME-WAIT", "CLOSED")


@case
def two_captures():
    with contextlib.ExitStack() as stack:
        names, _ = stack.enter_context(two_hosts())
        folder = temporary(stack)
        server = Running(["ip", "netns", "exec", names[1], ECHO, "server", "--bind", ADDRESSES[1], "--verbose"], stack)
        server.wait_line("listen")
        paths = [f"{folder}/{side}.pcap" for side in "ab"]
        dumps = [Running(["ip", "netns", "exec", name, "tcpdump", "-U", "-n", "-s", "96", "-i", "any", "-y", "LINUX_SLL2",
                          "--time-stamp-precision=nano", "-w", path, "tcp"], stack) for name, path in zip(names, paths)]
        for dump in dumps:
            dump.wait_line("listening on", "stderr")
        ask(names, "--size", "3000", "--count", "120", "--interval", "20")
        for path in paths:  # both FINs, and the last ACK
            wait_for(lambda path=path: run("read", "-q", "-o", "-", path).stdout.count('"TIME-WAIT"'), f"the end in {path}")
        for dump in dumps:
            dump.interrupt()
            dump.wait()
        true = merge(f"{folder}/true.ndjson", *paths)
        set_capture(paths[0], f"{folder}/a2.pcap", OFFSET_NS, PPM)
        found = merge(f"{folder}/found.ndjson", paths[1], f"{folder}/a2.pcap")
        check(abs(found.header["merged"][1]["skew_ppb"] - PPM * 1000) <= 1000, found.header["merged"])
        for trace in (true, found):
            check_sound(trace)
            check_equal(trace.header["sources"], ["wire"])
            check_equal(trace.end["reason"], "input")
            check_equal(len(trace.all("connection")), 1)
            check_equal([r for r in trace.all("segment") if "sent" not in r or "received" not in r], [])
            check_equal(trace.one("outcome")["verdict"], "closed-normally")
        # the clock of b counts there, and none in truth
        check_same_times(true, found, both(found)[0]["t"] - both(true)[0]["t"])


class Loses:
    """The first SYN, the second and the fifth segment of data from the client, one from the server."""

    def __init__(self):
        self.data = [0, 0]
        self.syns = 0

    def __call__(self, sender, packet):
        if packet.syn and sender == 0:
            self.syns += 1
            return self.syns == 1
        if packet.len == 0:
            return False
        self.data[sender] += 1
        return (sender, self.data[sender]) in ((0, 2), (0, 5), (1, 3))


@case
def what_was_lost():
    with contextlib.ExitStack() as stack, hosts(stack, delay=0.02, lost=Loses()) as (names, wire, traced):
        ask(names, "--size", "400", "--count", "12")
        traced.until('"TIME-WAIT"')
        a, b = traced.stop()
        folder = os.path.dirname(a)
        set_trace(b, f"{folder}/b2.ndjson", -3_600_000_000_000, -25)
        for paths in ((a, b), (a, f"{folder}/b2.ndjson"), (f"{folder}/b2.ndjson", a)):
            trace = merge(f"{folder}/merged.ndjson", *paths)
            check_sound(trace)
            lost = [r for r in trace.all("segment") if "lost-on-wire" in r.get("notes", ())]
            base = {end: next(r["seq_abs"] for r in trace.all("segment") if r["from"] == end and "SYN" in r["flags"])
                    for end in ("client", "server")}
            check_equal([(r["from"], (base[r["from"]] + r["seq"]) & 0xffffffff, r["len"]) for r in lost],
                        [(("client", "server")[sender], p.seq, p.len) for sender, p in wire.dropped])
            check_equal([r for r in lost if "sent" not in r or "received" in r], [])
            check_equal([r for r in trace.all("segment") if "received" not in r], lost)
            check(min(r["received"] - r["sent"] for r in both(trace)) > 15 * MS, "faster than the wire")
            check_equal(trace.one("outcome")["verdict"], "closed-normally")
            # the wire's account of the server begins with the SYN that it got, not with the one that was lost
            syns = [r for r in trace.all("segment", **{"from": "client"}) if "SYN" in r["flags"]]
            check_equal([("received" in r) for r in syns], [False, True])


@case
def one_side_of_several_connections():
    """What only one host saw is told as that host told it."""
    with contextlib.ExitStack() as stack, hosts(stack) as (names, _, traced):
        ask(names, "--size", "100")
        alone = subprocess.run(["ip", "netns", "exec", names[0], ECHO, "client", "--host", "127.0.0.1", "--timeout", "3000"],
                               capture_output=True, text=True, timeout=lib.DEADLINE, check=False)
        check(alone.returncode != 0, "somebody listens")
        traced.until('"TIME-WAIT"')
        wait_for(lambda: '"RST"' in open(traced.paths[0], encoding="utf-8").read(), "the refusal")
        a, b = traced.stop()
        trace = merge(f"{os.path.dirname(a)}/merged.ndjson", a, b)
        check_sound(trace)
        verdicts = {r["server"]["addr"]: trace.one("outcome", conn=r["conn"])["verdict"] for r in trace.all("connection")}
        check_equal(verdicts, {ADDRESSES[1]: "closed-normally", "127.0.0.1": "refused"})
        refused = next(r["conn"] for r in trace.all("connection") if r["server"]["addr"] == "127.0.0.1")
        check_equal([r for r in trace.all("segment", conn=refused) if "sent" in r or "received" in r], [])
        told, before = trace.one("outcome", conn=refused), next(
            r for r in read_trace(a).all("outcome") if r["verdict"] == "refused")
        check_equal({**told, "n": 0, "t": 0, "conn": 0}, {**before, "n": 0, "t": 0, "conn": 0})
        check_equal(told["cause"], "no-listener")


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
