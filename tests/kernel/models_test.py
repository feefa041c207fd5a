#!/usr/bin/env python3
"""Tests that what a trace records tells the ways to serve many clients apart: docs/servers.md.

Usage: models_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO
"""
import functools
import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import check, check_equal, trace_of

MODELS = ("iterative", "fork", "thread", "select", "poll", "epoll")
# By the system calls of either kind of machine.
WAITS = {"select": "select", "pselect6": "select", "poll": "poll", "ppoll": "poll",
         "epoll_wait": "epoll", "epoll_pwait": "epoll"}


def model_of(trace):
    """The model, by the records alone, of a server with two clients at once."""
    accepted = {r["conn"]: r for r in trace.all("call", name="accept4") if "conn" in r}
    reads = [r for r in trace.all("call", name="read") if r.get("end") == "server"]
    check_equal(set(accepted), {1, 2}, "accepted:")
    acceptor = accepted[1]
    if any(r["pid"] != acceptor["pid"] for r in reads):
        return "fork"
    if any(r["tid"] != acceptor["tid"] for r in reads):
        return "thread"
    # A wait with nothing ready is a pause.
    waits = {WAITS[r["name"]] for r in trace.all("call", tid=acceptor["tid"]) if r["name"] in WAITS and r.get("ready")}
    if waits:
        check_equal(len(waits), 1, "waits by more than one call:")
        return waits.pop()
    first, second = sorted(accepted.values(), key=lambda r: r["n"])
    closed = next(r for r in trace.all("call", name="close", conn=first["conn"]) if r["tid"] == acceptor["tid"])
    check(second["n"] > closed["n"], "the second client is accepted beside the first")
    return "iterative"


def told_apart(model):
    trace, _ = trace_of([lib.ECHO, "demo", "--fast", "--port", "0", "--clients", "2", "--model", model], "--calls")
    check_equal(model_of(trace), model)
    # Whatever the model: the kernel completes a handshake before accept() returns.
    for r in trace.all("call", name="accept4"):
        if "conn" in r:
            path = [s for s in trace.all("state", conn=r["conn"], end="server") if s["to"] == "ESTABLISHED"]
            check(path and path[0]["n"] < r["n"], "accept4() came first")


for name in MODELS:
    lib.CASES[f"told_apart[{name}]"] = functools.partial(told_apart, name)


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
