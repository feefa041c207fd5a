#!/usr/bin/env python3
"""Tests of `tcplens trace` on the real kernel: causes stand before effects, on two processors, by the hundred.

Usage: trace_causality_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO

Each trace is made in a network namespace of its own, and is checked against the schema.
"""
import collections
import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import (ACTIVE, CLOSES_FIRST, CLOSES_SECOND, PASSIVE, Skip, case, check, check_equal, flags, script, trace_of,
                 unless_withheld)
from scenes import RAW

# Three things that busy loopback connections really meet would make paths differ. A FIN that meets its socket just as
# that becomes a minisock is dropped, and sent again after 200 ms. And an ACK that comes late to a minisock can bring
# about a RST that ends its TIME-WAIT (RFC 1337). And a client's port may be used again after a second of TIME-WAIT.
QUIET = """
with open("/proc/sys/net/ipv4/tcp_rfc1337", "w") as file:
    file.write("1")
with open("/proc/sys/net/ipv4/tcp_tw_reuse", "w") as file:
    file.write("0")
def settle():
    settled = {"06", "0A"}  # TIME_WAIT, LISTEN: include/net/tcp_states.h
    while {line.split()[3] for line in open("/proc/net/tcp").readlines()[1:]} - settled:
        time.sleep(0.005)
"""

# Two processes and four ways to close: which end is first, and whether it shuts down or closes.
CHURN = """
count = int(sys.argv[1])
server = listen()

def first(sock, shut_down):
    if shut_down:
        sock.shutdown(socket.SHUT_WR)
        assert rest(sock) == b"late"
    sock.close()

def second(sock, shut_down):
    assert rest(sock) == b""
    if shut_down:
        sock.sendall(b"late")
    sock.close()

child = os.fork()
for i in range(count):
    sock = connect() if child else server.accept()[0]
    if child:
        sock.sendall(b"%d" % (i % 10)); assert sock.recv(1)
    else:
        sock.sendall(sock.recv(1))
    (first if (i % 2 == 0) == bool(child) else second)(sock, i % 4 >= 2)
if not child:
    os._exit(0)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
settle()
sys.exit(status)
"""

# Before and after. A is the end that closes first, B the other.
ORDER = """
client SYN-SENT          < segment SYN
segment SYN              < server SYN-RECEIVED
server SYN-RECEIVED      < segment SYN,ACK
segment SYN,ACK          < client ESTABLISHED
client ESTABLISHED       < segment ACK of SYN,ACK
segment ACK of SYN,ACK   < full socket
full socket              < left SYN queue
left SYN queue           < joined accept queue
full socket              < server ESTABLISHED
server ESTABLISHED       < joined accept queue
joined accept queue      < accept()
accept()                 < left accept queue
A ESTABLISHED            < A FIN-WAIT-1
A FIN-WAIT-1             < segment FIN of A
segment FIN of A         < B CLOSE-WAIT
B CLOSE-WAIT             < segment ACK of A's FIN
segment ACK of A's FIN   < A FIN-WAIT-2
B CLOSE-WAIT             < B LAST-ACK
B LAST-ACK               < segment FIN of B
A FIN-WAIT-2             < A TIME-WAIT
segment FIN of B         < A TIME-WAIT
segment FIN of B         < segment ACK of B's FIN
segment ACK of B's FIN   < B CLOSED
"""
ORDER = [tuple(side.strip() for side in line.split("<")) for line in ORDER.strip().splitlines()]


def acknowledges(segment, fin):
    """A FIN takes one number, after the data it comes with."""
    return segment["from"] != fin["from"] and "ack" in segment and segment["ack"] > fin["seq"] + fin["len"]


def marks_of(records, a):
    """The records of one connection that ORDER names. The first of each kind."""
    marks = {}
    queues = {"syn": ["joined SYN queue"], "established": ["left SYN queue", "joined accept queue"],
              "accept": ["left accept queue"]}
    for r in records:
        names = []
        if r["record"] == "state" and r["source"] == "kernel":
            names = [f"{r['end']} {r['to']}", f"{'A' if r['end'] == a else 'B'} {r['to']}"]
        elif r["record"] == "object" and r["to"] == "sock":
            names = ["full socket"]
        elif r["record"] == "call":
            names = ["accept()"]
        elif r["record"] == "queue":
            names = [next((name for name in queues[r["why"]] if name not in marks), "one too many")]
        elif r["record"] == "segment":
            if "SYN" in r["flags"]:
                names = [f"segment {flags(r)}"]
            elif r["from"] == "client" and "segment SYN,ACK" in marks:
                names = ["segment ACK of SYN,ACK"]
            if "FIN" in r["flags"]:
                names.append(f"segment FIN of {'A' if r['from'] == a else 'B'}")
            for end in "AB":
                fin = marks.get(f"segment FIN of {end}")
                if fin and acknowledges(r, fin):
                    names.append(f"segment ACK of {end}'s FIN")
        for name in names:
            marks.setdefault(name, r)
    check("one too many" not in marks, "a queue changed more often than it can")
    return marks


def check_causes(trace, marks):
    """`because` names the very segment, where only one can be it."""
    exact = {"server SYN-RECEIVED": "segment SYN", "client ESTABLISHED": "segment SYN,ACK",
             "server ESTABLISHED": "segment ACK of SYN,ACK", "B CLOSE-WAIT": "segment FIN of A"}
    for state, cause in exact.items():
        check_equal(marks[state].get("because"), marks[cause]["n"], f"{state} because of {cause}:")
    for state, fin in (("A FIN-WAIT-2", "segment FIN of A"), ("B CLOSED", "segment FIN of B")):
        cause = trace.by_n[marks[state]["because"]]
        check(cause["record"] == "segment" and acknowledges(cause, marks[fin]), f"{state} because of", cause)
    cause = trace.by_n[marks["A TIME-WAIT"]["because"]]
    check_equal((cause["from"], "FIN" in cause["flags"]), (marks["segment FIN of B"]["from"], True))


def inversions(trace, conn):
    a = "client" if conn % 2 else "server"
    marks = marks_of(trace.by_conn[conn], a)
    for before, after in ORDER:
        check(before in marks and after in marks, f"connection {conn} lacks {before!r} or {after!r}")
        x, y = marks[before], marks[after]
        if x["n"] >= y["n"] or x["t"] > y["t"]:
            yield f"connection {conn}: {before} ({x['n']}, {x['t']}) < {after} ({y['n']}, {y['t']})"
    check_causes(trace, marks)


@case
def causality_of_200_connections():
    count = round(200 / lib.SLOWDOWN)
    trace, _ = trace_of(script(QUIET + CHURN, count))
    trace.check_whole()
    trace.check_undisturbed()  # of two FINs of an end either can be the cause
    check_equal(len(trace.all("connection")), count)
    for n, r in enumerate(trace.records):
        check_equal(r["n"], n)
        because = r.get("because", [])  # a finding has several
        for cause in (trace.by_n[n] for n in (because if isinstance(because, list) else [because])):
            check(cause["n"] < r["n"] and cause["t"] <= r["t"], "because of something later:", r, cause)
    wrong = []
    for conn in range(1, count + 1):
        client, server = (CLOSES_FIRST, CLOSES_SECOND) if conn % 2 else (CLOSES_SECOND, CLOSES_FIRST)
        trace.check_paths(conn, ACTIVE + client, PASSIVE + server)
        wrong += inversions(trace, conn)
    check(not wrong, f"{len(wrong)} inversions:", *wrong[:3])


# Eight clients at once, and a server that never waits in accept(): it takes connections the moment they are there.
CROWD = """
count = int(sys.argv[1])
server = listen(backlog=256)
server.setblocking(False)
children = []
for _ in range(8):
    child = os.fork()
    if not child:
        for i in range(count // 8):
            with connect() as sock:
                sock.sendall(b"x"); assert rest(sock) == b""
        os._exit(0)
    children.append(child)
taken = 0
while taken < count:
    try:
        sock, _ = server.accept()
    except BlockingIOError:
        continue
    sock.setblocking(True)
    assert sock.recv(1) == b"x"
    sock.close()
    taken += 1
failed = sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)
settle()
sys.exit(failed)
"""


@case
def crowd_of_clients():
    count = 8 * round(50 / lib.SLOWDOWN)
    trace, _ = trace_of(script(QUIET + CROWD, count))
    trace.check_whole()
    check_equal(len(trace.all("connection")), count)
    for conn in range(1, count + 1):
        trace.check_paths(conn, ACTIVE + CLOSES_SECOND, PASSIVE + CLOSES_FIRST, sources=("kernel",))
    steps = {conn: " ".join(r["why"] for r in trace.all("queue", conn=conn)) for conn in range(1, count + 1)}
    wrong = {conn: why for conn, why in steps.items() if why != "syn established established accept"}
    check(not wrong, f"{len(wrong)} connections went through the queues otherwise:", str(wrong)[:300])
    calls = collections.Counter(r["conn"] for r in trace.all("call"))
    check_equal(set(calls.values()) | {len(calls)}, {1, count}, "each is accepted once:")
    depth = [r["accept"] for r in trace.all("queue")]
    check(0 <= min(depth) and max(depth) <= 257, "depth of the accept queue:", min(depth), max(depth))
    check_equal(trace.all("queue")[-1]["accept"], 0)


def needs_two_processors():
    if len(os.sched_getaffinity(0)) < 2:
        raise Skip("one processor")


# Packets over loopback go to any processor (Documentation/networking/scaling.rst, RPS), and there interrupt a process that is
# itself changing a state.
SPREAD = """
import ctypes, subprocess
if ctypes.CDLL(None).unshare(0x20000): sys.exit("no mount namespace")  # CLONE_NEWNS
subprocess.run(["mount", "--make-rprivate", "/"], check=True)
subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=True)  # that of this network namespace
with open("/sys/class/net/lo/queues/rx-0/rps_cpus", "w") as file:
    file.write("3")
count = int(sys.argv[1])
server = listen(backlog=256)
processors = sorted(os.sched_getaffinity(0))
children = []
for number in range(4):
    child = os.fork()
    if not child:
        os.sched_setaffinity(0, {processors[number % 2]})
        for i in range(count // 4):
            connect().close()
        os._exit(0)
    children.append(child)
for _ in range(count):
    sock, _ = server.accept(); rest(sock); sock.close()
failed = sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)
settle()
sys.exit(failed)
"""


@case
def changes_that_interrupt_changes():
    """Each is told, and once."""
    needs_two_processors()
    count = 4 * round(200 / lib.SLOWDOWN)

    def judge():
        trace, _ = trace_of(script(QUIET + SPREAD, count), "--source", "kernel")
        check_equal(trace.all("gap"), [])
        check_equal(len(trace.all("connection")), count)
        ends = {end: collections.Counter(trace.path(conn, end) for conn in range(1, count + 1)) for end in ("client", "server")}
        check_equal(ends, {"client": {ACTIVE + CLOSES_FIRST: count}, "server": {PASSIVE + CLOSES_SECOND: count}})

    unless_withheld(judge)


# The ACK that ends a handshake, and a FIN that carries the same acknowledgement, at one time from two processors. Each makes a
# child of the request, as far as it was looked up before the other's child was in its place (inet_ehash_nolisten()).
MEET = RAW + """
import contextlib
count = int(sys.argv[1])
server = listen()
silent = deaf("0.0.0.0", 1234)
ear = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
def on_its_own(processor):
    os.sched_setaffinity(0, {processor})
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))  # whatever else wants the processor
def send(packet, when):
    while time.monotonic_ns() < when: pass
    raw.sendto(packet, ("127.0.0.1", 0))
boss, helper = socket.socketpair()
processors = sorted(os.sched_getaffinity(0))
child = os.fork()
on_its_own(processors[not child])
(helper if child else boss).close()
if not child:
    while helper.send(b".") and (order := helper.recv(8 + 40)):
        send(order[8:], *struct.unpack("=q", order[:8]))
    os._exit(0)
for i in range(count):
    client = f"127.9.9.{i + 1}"
    segment(client, 1234, 7007, SYN, 1000)
    while (packet := ear.recv(200))[33] != SYN | ACK or packet[16:20] != socket.inet_aton(client): pass
    acknowledged = struct.unpack("!I", packet[24:28])[0] + 1
    assert boss.recv(1)  # waits for its order
    when = time.monotonic_ns() + 1_000_000
    # one may take longer from its order to the lookup, always
    boss.sendall(struct.pack("=q", when + 2000 * (i % 11 - 5)) + made(client, 1234, 7007, ACK, 1001, acknowledged))
    send(made(client, 1234, 7007, FIN | ACK, 1001, acknowledged), when)
    sock, _ = server.accept()
    assert rest(sock) == b""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
assert boss.recv(1)
boss.close()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print(counter("PassiveOpens") - count)  # counts children
"""


def in_turns():
    """The machine is emulated: its processors seldom meet, as one thread runs them all (tests/kernels)."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return "QEMU Virtual CPU" in file.read()


@case
def two_children_of_one_request():
    """The one too many never was a connection's, though its name is the same."""
    needs_two_processors()
    count = 50

    def judge():
        trace, too_many = trace_of(script(MEET, count), "--source", "kernel")
        check_equal(trace.all("gap"), [])
        paths = collections.Counter(trace.path(conn["conn"], "server") for conn in trace.all("connection"))
        check_equal(paths, {PASSIVE + " CLOSE-WAIT CLOSED": count})
        check_equal(collections.Counter(r["why"] for r in trace.all("queue")),
                    {"syn": count, "established": 2 * count, "accept": count})  # out of one queue, into the other
        return int(too_many)

    for _ in range(5):
        if met := unless_withheld(judge):
            break
    print(f"     {met} of {count} requests had two children", flush=True)
    check(met or in_turns(), "the processors never met")


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
