#!/usr/bin/env python3
"""Tests of `tcplens trace` on the real kernel.

Usage: trace_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO

Each trace is made in a network namespace of its own, and is checked against the schema.
"""
import collections
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys

import lib
from lib import Skip, case, check, check_equal, one_line, python, trace_of

ACTIVE = "SYN-SENT ESTABLISHED"
PASSIVE = "SYN-RECEIVED ESTABLISHED"
CLOSES_FIRST = " FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT"
CLOSES_SECOND = " CLOSE-WAIT LAST-ACK CLOSED"

PORT = 7007
NOBODY = 65534
CAP_KILL = 1 << 5

PRELUDE = """
import os, signal, socket, struct, sys, time
signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback
def listen(host="127.0.0.1", port=7007, **options):
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, **options)
def connect(host="127.0.0.1", port=7007):
    return socket.create_connection((host, port), 30)
def ready(*words):
    print("ready", *words, flush=True)
def rest(sock):
    data = b""
    while piece := sock.recv(4096):
        data += piece
    return data
"""


def script(text, *arguments):
    return python(PRELUDE + text, *arguments)


# A connection that is open while the test looks at it, and closed when standard input says so.
HOLD = """
server = listen()
client = connect()
peer, _ = server.accept()
ready(os.getpid(), os.getuid())
sys.stdin.readline()
client.close(); rest(peer); peer.close()
"""


def flags(segment):
    return ",".join(segment["flags"])


# --- one connection, step by step ---------------------------------------------------------------


@case
def demo():
    trace, _ = trace_of([lib.ECHO, "demo", "--fast", "--port", PORT])
    trace.check_whole()
    check_equal([r["conn"] for r in trace.all("connection")], [1])
    connection = trace.one("connection")
    check_equal(connection["server"], {"addr": "127.0.0.1", "port": PORT})
    check_equal((connection["family"], connection["local"]), ("ipv4", ["client", "server"]))
    trace.check_paths(1, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND)
    outcome = trace.check_outcome(1, "closed-normally", "TIME-WAIT", "CLOSED")
    check_equal((outcome["closed_by"], outcome["conn_state"]), ("client", "SF"))
    check_equal(outcome["bytes"], {"client": 15, "server": 15})
    check(all(r["how"] == "observed" for r in trace.all("state", source="kernel")))
    demo_segments(trace)
    demo_queues(trace)
    demo_minisock(trace)
    demo_owners(trace)


def demo_segments(trace):
    segments = trace.all("segment")
    found = [(r["from"], flags(r)) for r in segments]
    check_equal(found[:3], [("client", "SYN"), ("server", "SYN,ACK"), ("client", "ACK")])
    check_equal(found[-4:], [("client", "FIN,ACK"), ("server", "ACK"), ("server", "FIN,ACK"), ("client", "ACK")])
    check_equal([(r["seq"], r.get("ack")) for r in segments[:3]], [(0, None), (0, 1), (1, 1)])
    check_equal([(r["seq"], r["ack"]) for r in segments[-4:]], [(16, 16), (16, 17), (16, 17), (17, 17)])
    for end in ("client", "server"):
        check_equal(sum(r["len"] for r in segments if r["from"] == end), 15, f"bytes of the {end}:")
        check_equal([r["seq"] for r in segments if r["from"] == end and r["len"]], [1, 6, 11])
    check_equal({word for r in segments for word in r.get("notes", [])}, set(), "notes:")


def demo_queues(trace):
    call = trace.one("call")
    listener = trace.all("listener")[0]
    queue = trace.all("queue", listener=listener["listener"], conn=1)
    check_equal([(r["why"], r["syn"], r["accept"]) for r in queue],
                [("syn", 1, 0), ("established", 0, 0), ("established", 0, 1), ("accept", 0, 0)])
    check_equal({r["limit"] for r in queue}, {listener["backlog"] + 1})
    check(queue[2]["n"] < call["n"] < queue[3]["n"], "the call of accept() is not between +1 and -1")
    check_equal((call["name"], call["conn"], call["listener"], call["end"]),
                ("accept4", 1, listener["listener"], "server"))
    check(call["ret"] > call["fd"] > 2, call)
    check_equal([r.get("closed", False) for r in trace.all("listener")], [False, True])


def demo_minisock(trace):
    check_equal([(r["end"], r["from"], r["to"], r["state"]) for r in trace.all("object")],
                [("server", "request", "sock", "SYN-RECEIVED"), ("client", "sock", "timewait", "FIN-WAIT-2")])
    objects = {(r["end"], r["to"]): r["kernel"]["object"] for r in trace.all("state", source="kernel")}
    check_equal((objects["server", "SYN-RECEIVED"], objects["server", "ESTABLISHED"], objects["server", "CLOSED"]),
                ("request", "sock", "none"))
    check_equal(objects["client", "TIME-WAIT"], "timewait")
    timer = trace.one("timer", name="time-wait", end="client")
    entered = trace.one("state", to="TIME-WAIT", source="kernel")
    check(timer["n"] > entered["n"], "the timer is set before TIME-WAIT begins")
    check(59.0e9 < timer["expires"] - entered["t"] < 61.0e9, "not 60 s:", timer, entered)


def demo_owners(trace):
    owners = {(r["end"], r["to"]): r.get("owner") for r in trace.all("state", source="kernel")}
    client, server = owners["client", "SYN-SENT"], owners["server", "LAST-ACK"]
    check_equal((client["comm"], server["comm"]), ("echo-client", "echo-server"))
    for state in (ACTIVE + CLOSES_FIRST).split():
        check_equal(owners["client", state], client, state)
    for state in PASSIVE.split():
        check_equal(owners["server", state], None, f"{state}, before accept():")
    for state in CLOSES_SECOND.split():
        check_equal(owners["server", state], server, state)
    call = trace.one("call")
    check_equal((call["pid"], call["comm"]), (server["pid"], server["comm"]))
    check_equal({(r["owner"]["pid"], r["owner"]["comm"]) for r in trace.all("listener")}, {tuple(server.values())})
    check(client["pid"] != server["pid"], "client and server are one process")


# --- causality ----------------------------------------------------------------------------------

# Two things that busy loopback connections really meet would make paths differ. A FIN that meets its socket just as that
# becomes a minisock is dropped, and sent again after 200 ms. And an ACK that comes late to a minisock can bring about
# a RST that ends its TIME-WAIT (RFC 1337).
QUIET = """
with open("/proc/sys/net/ipv4/tcp_rfc1337", "w") as file:
    file.write("1")
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


def marks_of(records, a, b):
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
    check(b != a and "one too many" not in marks, "a queue changed more often than it can")
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
    b = "server" if conn % 2 else "client"
    marks = marks_of(trace.by_conn[conn], a, b)
    for before, after in ORDER:
        check(before in marks and after in marks, f"connection {conn} lacks {before!r} or {after!r}")
        x, y = marks[before], marks[after]
        if x["n"] >= y["n"] or x["t"] > y["t"]:
            yield f"connection {conn}: {before} ({x['n']}, {x['t']}) < {after} ({y['n']}, {y['t']})"
    check_causes(trace, marks)


@case
def causality_of_200_connections():
    count = 200
    trace, _ = trace_of(script(QUIET + CHURN, count))
    trace.check_whole()
    check_equal(len(trace.all("connection")), count)
    for n, r in enumerate(trace.records):
        check_equal(r["n"], n)
        if "because" in r:
            cause = trace.by_n[r["because"]]
            check(cause["n"] < n and cause["t"] <= r["t"], "because of something later:", r, cause)
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
    count = 400
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


# --- any program --------------------------------------------------------------------------------

TWO_PROCESSES = """
bind, target = sys.argv[1:3]
server = listen(bind, **({"dualstack_ipv6": True} if bind == "::" else {}))
child = os.fork()
if not child:
    with connect(target) as sock:
        sock.sendall(b"hello"); rest(sock)
    os._exit(0)
sock, _ = server.accept()
sock.sendall(sock.recv(5)); sock.close()
assert os.waitpid(child, 0)[1] == 0
ready(os.getpid(), child)
"""


def two_processes(bind, target, addr, family):
    trace, printed = trace_of(script(TWO_PROCESSES, bind, target))
    trace.check_whole()
    connection = trace.one("connection")
    check_equal((connection["client"]["addr"], connection["server"]["addr"]), (addr, addr))
    check_equal((connection["family"], connection["local"]), (family, ["client", "server"]))
    trace.check_paths(1, ACTIVE + CLOSES_SECOND, PASSIVE + CLOSES_FIRST)
    trace.check_outcome(1, "closed-normally", "CLOSED", "TIME-WAIT")
    listener = trace.all("listener")[0]
    check_equal((listener["addr"], listener["port"]), (bind, PORT))
    call = trace.one("call")
    client = trace.one("state", to="SYN-SENT", source="kernel")["owner"]
    check_equal(call["pid"], listener["owner"]["pid"])
    if os.stat("/proc/self/ns/pid").st_ino == lib.PID_NAMESPACE_INIT:  # else the kernel counts otherwise
        check_equal(printed.split(), ["ready", str(call["pid"]), str(client["pid"])])


def need_ipv6():
    if not os.path.exists("/proc/sys/net/ipv6"):
        raise Skip("this kernel has no IPv6")


@case
def any_program_ipv4():
    two_processes("127.0.0.1", "127.0.0.1", "127.0.0.1", "ipv4")


@case
def any_program_ipv6():
    need_ipv6()
    two_processes("::1", "::1", "::1", "ipv6")


@case
def any_program_ipv4_client_of_an_ipv6_socket():
    need_ipv6()
    two_processes("::", "127.0.0.1", "127.0.0.1", "ipv4")


@case
def any_program_ipv6_client_of_an_ipv4_socket():
    need_ipv6()
    two_processes("127.0.0.1", "::ffff:127.0.0.1", "127.0.0.1", "ipv4")


# --- other ways to end --------------------------------------------------------------------------


@case
def server_closes_first():
    trace, _ = trace_of(script("""
server = listen(); client = connect(); peer, _ = server.accept()
peer.close(); rest(client); client.close()
"""))
    trace.check_whole()
    trace.check_paths(1, ACTIVE + CLOSES_SECOND, PASSIVE + CLOSES_FIRST)
    outcome = trace.check_outcome(1, "closed-normally", "CLOSED", "TIME-WAIT")
    check_equal(outcome["closed_by"], "server")
    check_equal(trace.one("timer", name="time-wait")["end"], "server")


@case
def refused():
    trace, _ = trace_of(script("""
try:
    connect()
    sys.exit(1)
except ConnectionRefusedError:
    pass
"""))
    trace.check_whole()
    check_equal([(r["from"], flags(r)) for r in trace.all("segment")], [("client", "SYN"), ("server", "RST,ACK")])
    check_equal(trace.path(1, "client"), "SYN-SENT CLOSED")
    check_equal(trace.path(1, "server"), "", "nothing listens, yet there is a socket:")
    closed = trace.one("state", source="kernel", to="CLOSED")
    check_equal(closed["because"], trace.all("segment")[1]["n"])
    check("rfc" not in closed, "figure 5 has no edge for a reset")
    check_equal([(r["end"], r["direction"], r["who"]) for r in trace.all("reset")],
                [("server", "sent", "stack"), ("client", "received", "peer")])
    outcome = trace.check_outcome(1, "refused", "CLOSED", "CLOSED")
    check_equal((outcome["conn_state"], outcome["reset_by"]), ("REJ", "server"))


@case
def reset_by_client():
    trace, _ = trace_of(script("""
server = listen(); client = connect(); peer, _ = server.accept()
client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
client.close()
try:
    peer.recv(1)
    sys.exit(1)
except ConnectionResetError:
    pass
"""))
    trace.check_whole()
    trace.check_paths(1, ACTIVE + " CLOSED", PASSIVE + " CLOSED")
    rst = trace.all("segment")[-1]
    check("RST" in rst["flags"] and rst["from"] == "client", rst)
    check_equal(trace.one("state", end="server", source="kernel", to="CLOSED")["because"], rst["n"])
    check_equal({(r["end"], r["direction"], r["who"]) for r in trace.all("reset")},
                {("client", "sent", "stack"), ("server", "received", "peer")})
    outcome = trace.check_outcome(1, "reset-by-client", "CLOSED", "CLOSED")
    check_equal((outcome["reset_by"], outcome.get("closed_by")), ("client", None))
    check_equal(trace.all("timer", name="time-wait"), [])


@case
def half_close():
    trace, _ = trace_of(script("""
server = listen(); client = connect(); peer, _ = server.accept()
client.shutdown(socket.SHUT_WR); rest(peer)
peer.sendall(b"abc"); assert client.recv(3) == b"abc"
peer.close(); rest(client); client.close()
"""))
    trace.check_whole()
    trace.check_paths(1, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND)
    fin_wait_2 = trace.one("state", end="client", to="FIN-WAIT-2", source="kernel")
    check_equal(fin_wait_2["kernel"]["object"], "sock")
    data = next(r for r in trace.all("segment") if r["len"])
    check_equal((data["from"], data["len"]), ("server", 3))
    fin = next(r for r in trace.all("segment") if "FIN" in r["flags"])
    check(fin["n"] < data["n"] < trace.one("state", to="TIME-WAIT", source="kernel")["n"], "order")
    check_equal(trace.one("state", to="TIME-WAIT", source="kernel")["kernel"]["object"], "timewait")
    outcome = trace.check_outcome(1, "closed-normally", "TIME-WAIT", "CLOSED")
    check_equal(outcome["bytes"], {"client": 0, "server": 3})


@case
def server_never_accepts():
    trace, _ = trace_of(script("""
server = listen(); client = connect()
client.sendall(b"x")
server.close()
try:
    client.recv(1)
    sys.exit(1)
except ConnectionResetError:
    pass
"""))
    trace.check_whole()
    trace.check_paths(1, ACTIVE + " CLOSED", PASSIVE + " CLOSED")
    check_equal(trace.all("call"), [])
    check_equal([(r["syn"], r["accept"]) for r in trace.all("queue")], [(1, 0), (0, 0), (0, 1)])
    check_equal([r for r in trace.all("state", end="server", source="kernel") if "owner" in r], [])
    check_equal(trace.check_outcome(1, "reset-by-server", "CLOSED", "CLOSED")["reset_by"], "server")


@case
def two_connections_at_once():
    trace, _ = trace_of(script("""
server = listen(); one = connect(); two = connect()
peer_of_one, _ = server.accept(); peer_of_two, _ = server.accept()
two.sendall(b"22"); peer_of_two.recv(2)
peer_of_two.close(); rest(two); two.close()
one.close(); rest(peer_of_one); peer_of_one.close()
"""))
    trace.check_whole()
    trace.check_paths(1, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND)
    trace.check_paths(2, ACTIVE + CLOSES_SECOND, PASSIVE + CLOSES_FIRST)
    check_equal(trace.check_outcome(1, "closed-normally", "TIME-WAIT", "CLOSED")["bytes"], {"client": 0, "server": 0})
    check_equal(trace.check_outcome(2, "closed-normally", "CLOSED", "TIME-WAIT")["bytes"], {"client": 2, "server": 0})
    check_equal([r["conn"] for r in trace.all("call")], [1, 2])
    check_equal([r["accept"] for r in trace.all("queue")], [0, 0, 1, 1, 1, 2, 1, 0])


@case
def full_accept_queue():
    """A queue of limit 1 lets a second SYN wait, unanswered; once there is room a retry is answered."""
    trace, _ = trace_of(script("""
server = listen(backlog=0)
one = connect()
two = socket.socket(); two.setblocking(False)
try:
    two.connect(("127.0.0.1", 7007))
except BlockingIOError:
    pass
peer, _ = server.accept()
two.settimeout(30)
while two.connect_ex(("127.0.0.1", 7007)) not in (0, 106):  # EISCONN
    pass
peer2, _ = server.accept()
for a, b in ((one, peer), (two, peer2)):
    a.close(); rest(b); b.close()
"""))
    trace.check_whole()
    for conn in (1, 2):
        trace.check_paths(conn, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND, sources=("kernel",))
        trace.check_outcome(conn, "closed-normally", "TIME-WAIT", "CLOSED")
    check_equal({r["limit"] for r in trace.all("queue")}, {1})
    syns = [r for r in trace.all("segment", conn=2) if flags(r) == "SYN"]
    check(len(syns) >= 2 and "retransmission" in syns[1].get("notes", []), "the SYN was not sent again:", syns)
    check(trace.all("queue")[-1]["drops"] >= 1, "a dropped SYN is not counted")


# --- namespaces ---------------------------------------------------------------------------------


@contextlib.contextmanager
def other_namespace(text):
    """A program in a network namespace of its own, which tcplens did not make."""
    with contextlib.ExitStack() as stack:
        shell = 'ip link set lo up && exec "$@"'
        yield lib.Running(["unshare", "--net", "sh", "-c", shell, "sh", *script("ready()\nsys.stdin.readline()" + text)],
                          stack)


@case
def namespace_by_pid_half_closed_at_the_end():
    text = """
server = listen(); client = connect(); peer, _ = server.accept()
client.shutdown(socket.SHUT_WR); rest(peer)
ready("half"); sys.stdin.readline()
"""
    with contextlib.ExitStack() as stack:
        program = stack.enter_context(other_namespace(text))
        program.wait_line("^ready")
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", str(program.pid), "-q", "-o", path)
        lib.wait_trace(path, '"record":"header"')
        program.say()
        program.wait_line("^ready half")
        lib.wait_trace(path, '"to":"FIN-WAIT-2","how":"observed"')
        tracer.interrupt()
        check_equal(tracer.wait(), 0, "exit status:")
        trace = lib.read_trace(path)
        inode = os.stat(f"/proc/{program.pid}/ns/net").st_ino
    trace.check_whole("interrupt", None)
    check_equal(trace.header["netns"], str(program.pid))
    check_equal(trace.one("connection")["netns"], inode)
    trace.check_paths(1, ACTIVE + " FIN-WAIT-1 FIN-WAIT-2", PASSIVE + " CLOSE-WAIT")
    trace.check_outcome(1, "half-closed", "FIN-WAIT-2", "CLOSE-WAIT")


@case
def namespace_by_name():
    with lib.named_namespace() as name, contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        done = lib.run("trace", "--netns", name, "-q", "-o", path, "--", lib.ECHO, "demo", "--fast")
        check_equal(done.status, 0, done.stderr)
        trace = lib.read_trace(path)
        inode = os.stat(f"/run/netns/{name}").st_ino
    trace.check_whole()
    check_equal(trace.header["netns"], name)
    check_equal(trace.one("connection")["netns"], inode)
    trace.check_paths(1, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND)


@case
def only_its_own_namespace():
    """The same ports in another namespace at the same time: not seen, by neither witness."""
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", "new", "-q", "-o", path, "--", *script(HOLD))
        tracer.wait_line("^ready")
        trace_of(script("server = listen(); client = connect(); peer, _ = server.accept()"))
        tracer.say()
        check_equal(tracer.wait(), 0, tracer.stderr)
        trace = lib.read_trace(path)
    trace.check_whole()
    check_equal(len(trace.all("connection")), 1)
    check_equal(len(trace.all("listener", closed=None)), 1)


# --- without root -------------------------------------------------------------------------------


@contextlib.contextmanager
def as_nobody():
    """A directory to write to, with copies of the programs: the build may lie where nobody can go."""
    with contextlib.ExitStack() as stack:
        directory = lib.temporary(stack)
        os.chmod(directory, 0o777)
        for program in (lib.TCPLENS, lib.ECHO):
            shutil.copy(program, directory)
        prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]

        def run(*arguments):
            done = subprocess.run([*prefix, f"{directory}/{os.path.basename(lib.TCPLENS)}", *arguments], text=True,
                                  stdin=subprocess.DEVNULL, capture_output=True, cwd=directory,
                                  timeout=2 * lib.DEADLINE, check=False)
            return lib.Done(done.returncode, done.stdout, done.stderr)

        tried = subprocess.run([*prefix, "unshare", "--user", "--net", "true"], capture_output=True, text=True,
                               check=False)
        if tried.returncode:
            raise Skip(f"no user namespaces for ordinary users: {tried.stderr.strip()}")
        yield directory, run


@case
def unprivileged_in_a_new_namespace():
    with as_nobody() as (directory, run):
        done = run("trace", "--netns", "new", "-q", "-o", "trace.ndjson", "--", f"{directory}/tcplens-echo",
                   "demo", "--fast")
        check_equal(done.status, 0, done.stderr)
        one_line(done.stderr, "packets only", "root")
        path = f"{directory}/trace.ndjson"
        check_equal(os.stat(path).st_uid, NOBODY)
        trace = lib.read_trace(path)
    check_equal(trace.header["sources"], ["wire"])
    check_equal([entry["source"] for entry in trace.header["missing"]], ["kernel"])
    check("root" in trace.header["missing"][0]["why"], trace.header["missing"])
    trace.check_paths(1, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND, sources=("wire",))
    trace.check_outcome(1, "closed-normally", "TIME-WAIT", "CLOSED")
    demo_segments(trace)
    check_equal({r["source"] for r in trace.all("state")}, {"wire"})
    check_equal((trace.end["reason"], trace.end["status"], trace.end["late"]), ("command", 0, 0))
    check_equal(set(trace.end["lost"].values()), {0})


@case
def unprivileged_on_the_host():
    with as_nobody() as (_, run):
        done = run("trace", "--duration", "1", "-o", "trace.ndjson")
        check_equal((done.status, done.stdout), (3, ""))
        one_line(done.stderr, "root", "--netns new")
        done = run("trace", "--netns", "new", "--source", "kernel", "-o", "trace.ndjson", "--", "true")
        check_equal((done.status, done.stdout), (3, ""))
        one_line(done.stderr, "kernel", "root")


# --- errors -------------------------------------------------------------------------------------


@case
def errors():
    new = ("trace", "--netns", "new", "-q")
    with contextlib.ExitStack() as stack:
        directory = lib.temporary(stack)
        trace = f"{directory}/trace.ndjson"
        marker = f"{directory}/marker"
        command = ("--", "touch", marker)
        busy = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        busy = f"127.0.0.1:{busy.getsockname()[1]}"
        expected = [
            ((), 2, ["--help"]),
            (("nonsense",), 2, ["nonsense"]),
            (("--nonsense",), 2, ["--nonsense"]),
            (("trace", "--nonsense", *command), 2, ["--nonsense"]),
            (("trace", "-Z", *command), 2, ["-Z"]),
            (("trace", "--output"), 2, ["--output"]),
            (("trace", "touch", marker), 2, ["touch"]),
            ((*new, "--port", "0", *command), 2, ["--port", "65535", "'0'"]),
            ((*new, "--port", "65536", *command), 2, ["--port", "65535", "'65536'"]),
            ((*new, "--port", "http", *command), 2, ["--port", "'http'"]),
            ((*new, "--port", "", *command), 2, ["--port"]),
            ((*new, "--segments", "some", *command), 2, ["--segments", "control", "'some'"]),
            ((*new, "--source", "wire,pigeon", *command), 2, ["--source", "kernel", "'pigeon'"]),
            ((*new, "--duration", "-1", *command), 2, ["--duration", "'-1'"]),
            ((*new, "--duration", "1x", *command), 2, ["--duration", "'1x'"]),
            ((*new, "--serve", "127.0.0.1:99999", *command), 2, ["--serve", "127.0.0.1:99999"]),
            ((*new, "--serve", "nowhere:80", *command), 2, ["--serve", "nowhere"]),
            ((*new, "--serve", busy, "-o", trace, *command), 1, ["taken", busy.split(":")[1]]),
            ((*new, "-o", f"{directory}/none/trace.ndjson", *command), 1, [f"{directory}/none/trace.ndjson", "No such"]),
            ((*new, "-o", directory, *command), 1, [directory, "directory"]),
            ((*new, "--iface", "none0", "-o", trace, *command), 1, ["none0"]),
            (("trace", "--netns", "none", "-o", trace, *command), 1, ["'none'", "ip netns"]),
            (("trace", "--netns", "4194305", "-o", trace, *command), 1, ["'4194305'"]),
            (("trace", "--netns", "../../proc/self/ns/net", "-o", trace, *command), 1, ["ip netns"]),
            ((*new, "-o", trace, "--", f"{directory}/none"), 1, [f"cannot run {directory}/none", "No such"]),
            ((*new, "-o", trace, "--", directory), 1, [f"cannot run {directory}", "denied"]),
        ]
        wrong = []
        for arguments, status, parts in expected:
            done = lib.run(*arguments)
            try:
                check_equal((done.status, done.stdout), (status, ""))
                one_line(done.stderr, *parts)
                check(not os.path.exists(marker), "the command was run")
            except AssertionError as error:
                wrong.append(f"tcplens {' '.join(arguments)}: {error}, stderr {done.stderr!r}")
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(marker)
        check(not wrong, "\n    ".join(["", *wrong]))


@case
def status_of_the_command():
    trace, _ = trace_of(["sh", "-c", "exit 7"])
    check_equal(trace.end["status"], 7)
    trace, _ = trace_of(["sh", "-c", "kill -KILL $$"])
    check_equal(trace.end["status"], 128 + signal.SIGKILL)


# --- how a trace ends ---------------------------------------------------------------------------


def ended_by(stop, number):
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        # setsid: the signal of a terminal goes to a whole process group
        tracer = lib.Running(["setsid", lib.TCPLENS, "trace", "--netns", "new", "-q", "-o", path, "--",
                              *script(HOLD)], stack)
        command = int(tracer.wait_line(r"^ready (\d+)")[1])
        stop(tracer, number)
        check_equal(tracer.wait(), 0, "exit status:")
        check(not running(command), "the command still runs")
        trace = lib.read_trace(path)
    trace.check_whole("interrupt", trace.end["status"])
    check(trace.end["status"] in (128 + signal.SIGINT, 128 + signal.SIGTERM), trace.end)
    # The command's end closed its sockets, and all of that was seen.
    check_equal(len(trace.all("listener", closed=True)), 1)
    check_equal({r["to"] for r in trace.all("state", source="kernel")[-2:]} & {"CLOSED", "TIME-WAIT"} != set(), True)
    outcome = trace.one("outcome")
    check(set(outcome["final"].values()) <= {"CLOSED", "TIME-WAIT"}, outcome)


def running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


@case
def interrupted():
    for number in (signal.SIGINT, signal.SIGTERM):
        ended_by(lambda tracer, number: tracer.process.send_signal(number), number)


@case
def interrupted_from_a_terminal():
    ended_by(lambda tracer, number: os.killpg(tracer.pid, number), signal.SIGINT)


@case
def duration():
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", "new", "-q", "--duration", "1", "-o", path, "--", *script(HOLD))
        command = int(tracer.wait_line(r"^ready (\d+)")[1])
        check_equal(tracer.wait(), 0, tracer.stderr)
        trace = lib.read_trace(path)
        lib.wait_for(lambda: not running(command), "the command to end")
    check_equal(trace.end["reason"], "duration")
    check(trace.end["t"] >= 0.9e9, "ended early:", trace.end)
    check_equal(trace.path(1, "client")[:len(ACTIVE)], ACTIVE)


@case
def reader_goes_away():
    """As `tcplens trace ... | head -1`."""
    with contextlib.ExitStack() as stack:
        tracer = stack.enter_context(subprocess.Popen(
            [lib.TCPLENS, "trace", "--netns", "new", "--", *script("""
server = listen()
print(os.getpid(), file=sys.stderr, flush=True)
while True:
    client = connect(); peer, _ = server.accept(); client.close(); rest(peer); peer.close()
""")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        stack.callback(tracer.kill)
        command = int(tracer.stderr.readline())
        check('"record":"header"' in tracer.stdout.readline(), "no header")
        tracer.stdout.close()
        try:
            check_equal(tracer.wait(lib.DEADLINE), 1, "exit status:")
        except subprocess.TimeoutExpired:
            raise AssertionError("goes on without a reader") from None
        lib.wait_for(lambda: not running(command), "the command to end")
        messages = [line for line in tracer.stderr.read().splitlines(True) if line.startswith("tcplens:")]
        one_line("".join(messages), "Broken pipe")


# --- what is written where ----------------------------------------------------------------------


@case
def standard_output():
    for options in ((), ("--output", "-"), ("--quiet", "--output", "-")):
        done = lib.run("trace", "--netns", "new", *options, "--", lib.ECHO, "demo", "--fast")
        check_equal(done.status, 0, done.stderr)
        with contextlib.ExitStack() as stack:
            path = f"{lib.temporary(stack)}/trace.ndjson"
            with open(path, "w", encoding="utf-8") as file:
                file.write(done.stdout)
            lib.read_trace(path).check_whole()
        check("client: connect()" in done.stderr, "what the command printed is lost")


@case
def timeline():
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        done = lib.run("trace", "--netns", "new", "-o", path, "--", lib.ECHO, "demo", "--fast")
        check_equal((done.status, done.stderr), (0, ""))
        lib.read_trace(path).check_whole()
        for part in ("SYN-SENT", "TIME-WAIT", "client: connect()", "Closed normally"):
            check(part in done.stdout, part, "is missing")
        check("\x1b" not in done.stdout, "colour in a pipe")
        quiet = lib.run("trace", "--netns", "new", "-q", "-o", path, "--", "true")
        check_equal((quiet.status, quiet.stdout, quiet.stderr), (0, "", ""))


@case
def port_filter():
    text = """
for port in (7007, 7008, 7009):
    server = listen(port=port); client = connect(port=port); peer, _ = server.accept()
    client.close(); rest(peer); peer.close(); server.close()
"""
    for options, ports in ((("-p", "7008"), [7008]), (("--port", "7007", "--port", "7009"), [7007, 7009])):
        trace, _ = trace_of(script(text), *options)
        trace.check_whole()
        check_equal(trace.header["filter"], {"ports": ports})
        check_equal([r["server"]["port"] for r in trace.all("connection")], ports)
        check_equal([r["port"] for r in trace.all("listener") if "closed" not in r], ports)
        for conn in range(1, len(ports) + 1):
            trace.check_paths(conn, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND)


@case
def one_witness():
    text = "server = listen(); a = connect(); b, _ = server.accept(); a.close(); rest(b); b.close()"
    paths = (1, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND)
    trace, _ = trace_of(script(text), "--source", "wire")
    check_equal((trace.header["sources"], trace.header.get("missing")), (["wire"], None))
    trace.check_paths(*paths, sources=("wire",))
    check_equal({r["source"] for r in trace.all("state")}, {"wire"})
    check_equal(trace.all("queue") + trace.all("call") + trace.all("object"), [])

    trace, _ = trace_of(script(text), "--source", "kernel")
    check_equal((trace.header["sources"], trace.header.get("missing")), (["kernel"], None))
    trace.check_paths(*paths, sources=("kernel",))
    check_equal({r["source"] for r in trace.all("state")}, {"kernel"})
    check_equal(trace.all("segment"), [])
    outcome = trace.check_outcome(1, "closed-normally", "TIME-WAIT", "CLOSED")
    check("conn_state" not in outcome and "history" not in outcome, outcome)

    trace, _ = trace_of(script(text), "--source", "kernel,wire")
    trace.check_whole()


@case
def segments_option():
    text = "server = listen(); a = connect(); b, _ = server.accept(); a.sendall(b'x'); b.recv(1); a.close(); rest(b)"
    count = {}
    for which in ("all", "control", "none"):
        trace, _ = trace_of(script(text), "--segments", which)
        trace.check_whole()
        count[which] = [flags(r) for r in trace.all("segment")]
    check(any("PSH" in f for f in count["all"]), count)
    check(all({"SYN", "FIN", "RST"} & set(f.split(",")) for f in count["control"]), count)
    check("SYN" in count["control"] and "FIN,ACK" in count["control"], count)
    check_equal(count["none"], [])


# --- rights -------------------------------------------------------------------------------------


def check_rights(tracer, capabilities):
    for task in os.listdir(f"/proc/{tracer.pid}/task"):
        fields = {}
        with open(f"/proc/{tracer.pid}/task/{task}/status", encoding="utf-8") as file:
            for line in file:
                key, _, value = line.partition(":")
                fields[key] = value.split()
        check_equal(set(fields["Uid"] + fields["Gid"]), {str(NOBODY)}, "user and group:")
        check_equal(fields["Groups"], [])
        check_equal(fields["NoNewPrivs"], ["1"])
        check(int(fields["CapEff"][0], 16) in capabilities, "CapEff", fields["CapEff"])
        check(int(fields["CapPrm"][0], 16) in capabilities, "CapPrm", fields["CapPrm"])
        check_equal(int(fields["CapInh"][0], 16) | int(fields["CapAmb"][0], 16), 0)


@case
def rights_are_dropped():
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", "new", "-q", "-o", path, "--duration", "100",
                           "--serve", "127.0.0.1:0")
        lib.wait_trace(path, '"record":"header"')
        check_rights(tracer, {0})
        tracer.interrupt()
        check_equal(tracer.wait(), 0, tracer.stderr)
        lib.read_trace(path).check_whole("interrupt", None)


@case
def rights_with_a_command():
    """The tracer must be able to end the command, and that is all; the command keeps what it had."""
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", "new", "-q", "-o", path, "--", *script(HOLD))
        uid = tracer.wait_line(r"^ready \d+ (\d+)")[1]
        check_equal(uid, "0", "user of the command:")
        check_rights(tracer, {0, CAP_KILL})
        tracer.say()
        check_equal(tracer.wait(), 0, tracer.stderr)
        trace = lib.read_trace(path)
        trace.check_whole()
        trace.check_paths(1, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND)


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
