#!/usr/bin/env python3
"""Tests of `tcplens trace` on the real kernel: what the kernel and the packets say of one end agrees, or is told.

Usage: reconcile_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO
"""
import contextlib
import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import case, check, check_equal, script, trace_of


def differences(trace):
    return [(r["conn"], r["end"], r["kernel"], r["wire"], r.get("known")) for r in trace.all("disagreement")]


# Every way to end in peace, four connections at a time.
ENDS = """
count = int(sys.argv[1])
server = listen(backlog=256)
child = os.fork()
for i in range(count):
    sock = connect() if child else server.accept()[0]
    mine = (i % 2 == 0) == bool(child)
    if child:
        sock.sendall(b"x" * (i * 997 % 70000)); sock.sendall(b"\\n")
    else:
        while not sock.recv(65536).endswith(b"\\n"):
            pass
        sock.sendall(b"done")
    if child:
        assert sock.recv(4) == b"done"
    if mine and i % 3 == 0:
        sock.shutdown(socket.SHUT_WR); rest(sock)
    elif not mine:
        rest(sock)
    sock.close()
if not child:
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@case
def two_hundred_connections_agree():
    count = round(200 / lib.SLOWDOWN)
    trace, _ = trace_of(script(ENDS, count))
    trace.check_whole()
    check_equal(len(trace.all("connection")), count)
    check_equal(differences(trace), [])


# Time is in the events: other things go on in the namespace until the test has seen what it waits for.
UNTIL_TOLD = """
import select
while not select.select([sys.stdin], [], [], 0.05)[0]:
    listen(port=7008).close()
os._exit(0)
"""


def told(text):
    """The trace of a program that stays as it is until a difference has settled."""
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", "new", "-q", "-o", path, "--", *script(text + UNTIL_TOLD))
        lib.wait_trace(path, '"record":"disagreement"')
        tracer.say()
        check_equal(tracer.wait(), 0, tracer.stderr)
        trace = lib.read_trace(path)
    trace.check_whole()
    return trace


# A socket that nobody holds any more waits for its peer's FIN no longer than tcp_fin_timeout.
ORPHAN = """
with open("/proc/sys/net/ipv4/tcp_fin_timeout", "w") as file:
    file.write("1")
server = listen()
client = connect()
peer, _ = server.accept()
client.close()
"""


@case
def fin_wait_2_times_out():
    trace = told(ORPHAN)
    check(trace.path(1, "client").endswith("FIN-WAIT-1 FIN-WAIT-2 CLOSED"), trace.path(1, "client"))
    check_equal(differences(trace), [(1, "client", "CLOSED", "FIN-WAIT-2", "fin-wait-2-timeout")])
    cause = trace.by_n[trace.one("disagreement")["because"]]
    check_equal((cause["record"], cause["source"], cause["to"]), ("state", "kernel", "CLOSED"))


# In repair mode close() tells the peer nothing: so a connection is moved to another host. Nothing in the two accounts
# says why it is gone here.
REPAIR = """
TCP_REPAIR = 19
server = listen()
client = connect()
peer, _ = server.accept()
client.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
client.close()
"""


@case
def what_nothing_explains_is_told():
    check_equal(differences(told(REPAIR)), [(1, "client", "CLOSED", "ESTABLISHED", None)])


# A FIN behind data that the peer does not read: the call is long done, and the FIN is not sent.
STUCK = """
server = listen()
client = connect()
peer, _ = server.accept()
client.setblocking(False)
try:
    while True:
        client.send(b"x" * 65536)
except BlockingIOError:
    pass
client.shutdown(socket.SHUT_WR)
"""


@case
def a_fin_waits_behind_data():
    check_equal(differences(told(STUCK)), [(1, "client", "FIN-WAIT-1", "ESTABLISHED", "fin-unsent")])


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
