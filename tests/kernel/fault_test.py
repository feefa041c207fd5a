#!/usr/bin/env python3
"""Tests of what the faults of the echo servers (--fault) look like in a trace: docs/faults.md.

Usage: fault_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO

Each fault is traced with each model that has it in its own way, and so is the same scene without it: what shows the fault
must not be there.
"""
import functools
import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import case, check, check_equal, flags, script, trace_of

MODELS = ("iterative", "fork", "thread", "select", "poll", "epoll")
BACKLOG = 8

# What a scene is told: the program, the options of the server, and whether the fault is there.
SCENE = """
import subprocess
echo, faulty, options = sys.argv[1], sys.argv[2] == "faulty", sys.argv[3:]
def serve(port=7007):
    command = [echo, "server", "--port", str(port), "--backlog", "8", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    print("server", process.pid, process.stdout.readline().strip(), flush=True)
    return process
def stop(process):
    process.terminate()
    return process.wait(30), process.stderr.read()
def sockets():
    # (local port, remote port, state, unread bytes)
    with open("/proc/net/tcp") as file:
        lines = [line.split() for line in file.readlines()[1:]]
    return [(int(f[1][9:], 16), int(f[2][9:], 16), f[3], int(f[4][9:], 16)) for f in lines]
def until(condition):
    while not condition():
        time.sleep(0.002)
CLOSE_WAIT, TIME_WAIT = "08", "06"
"""


@functools.cache
def run(scene, model, fault):
    """(Trace, what the scene wrote); fault None: the scene without it."""
    options = ["--model", model, *(["--fault", fault] if fault else [])]
    return trace_of(script(SCENE + scene, lib.ECHO, "faulty" if fault else "right", *options), "--calls")


def both(scene, model, fault):
    """The trace with the fault, and the one without."""
    return run(scene, model, fault)[0], run(scene, model, None)[0]


def case_of(*models):
    def add(function):
        for model in models:
            lib.CASES[f"{function.__name__}[{model}]"] = functools.partial(function, model)
        return function
    return add


def reads(trace, **fields):
    return trace.all("call", name="read", end="server", **fields)


def order(trace, *records):
    check_equal([r["n"] for r in records], sorted(r["n"] for r in records), "order of records:")


# --- the scenes ---------------------------------------------------------------------------------

KNOCK = """
server = serve()
client = connect()
client.sendall(b"hello")
if faulty:
    until(lambda: any(s[0] == 7007 and s[3] == 5 for s in sockets()))
else:
    client.recv(5)
stop(server)
client.close()
"""


@case_of("epoll")  # the models have no part in it
def never_accept(model):
    """Both ends are ESTABLISHED and the bytes are acknowledged, with no accept() ever."""
    faulty, right = both(KNOCK, model, "never-accept")
    for trace, accepted in ((faulty, False), (right, True)):
        conn = trace.one("connection")["conn"]
        check("ESTABLISHED" in trace.path(conn, "server").split(), trace.path(conn, "server"))
        check("ESTABLISHED" in trace.path(conn, "client").split(), trace.path(conn, "client"))
        check(any(r.get("ack") == 6 for r in trace.all("segment", conn=conn, **{"from": "server"})), "not acknowledged")
        check_equal(bool(trace.all("call", name="accept4", conn=conn)), accepted, "accept4():")
        check_equal(bool(trace.all("queue", why="accept")), accepted, "taken from the accept queue:")
        check_equal(trace.all("listener")[0]["limit"], BACKLOG + 1)
    check_equal(faulty.all("outcome")[0]["cause"], "listener-closed")


COME_AND_GO = """
server = serve()
for i in range(5):
    client = connect()
    client.sendall(b"hello")
    client.recv(5)
    port = client.getsockname()[1]
    client.close()
    if faulty:
        until(lambda: (7007, port, CLOSE_WAIT, 0) in sockets())
    else:
        until(lambda: not any(s[:2] == (7007, port) for s in sockets()))
stop(server)
"""


@case_of(*MODELS)
def never_close(model):
    """All connections are in CLOSE-WAIT at once; else each leaves it before the next begins."""
    faulty, right = both(COME_AND_GO, model, "never-close")
    for trace, leaks in ((faulty, True), (right, False)):
        # An iterative server serves on with a descriptor less; it has no way to close them but to end.
        waiting = most = 0
        for r in trace.all("state", end="server", source="kernel"):
            waiting += (r["to"] == "CLOSE-WAIT") - (r["from"] == "CLOSE-WAIT")
            most = max(most, waiting)
        check_equal(most, 5 if leaks else 1, "in CLOSE-WAIT at once:")
        check_equal(len(reads(trace, ret=0)), 5, "ends of file read:")


FLOOD = """
server = serve()
client = connect()
client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
client.setblocking(False)
sent = echoed = 0
while not faulty and echoed < 300000:
    ready = select.select([client], [client] if sent < 300000 else [], [])
    if ready[1]:
        sent += client.send(bytes(min(65536, 300000 - sent)))
    if ready[0]:
        echoed += len(client.recv(65536))
def full():
    try:
        while True:
            client.send(bytes(65536))
    except BlockingIOError:
        time.sleep(0.05)
    # the peer's window, tcpi_snd_wnd
    info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return len(info) >= 232 and struct.unpack("I", info[228:232])[0] == 0
if faulty:
    until(full)
stop(server)
client.close()
"""


@case_of(*MODELS)
def never_read(model):
    """The receive buffer fills, and the window closes."""
    faulty, right = both(FLOOD, model, "never-read")
    for trace, full in ((faulty, True), (right, False)):
        closed = [r for r in trace.all("segment", **{"from": "server"}) if r["win"] == 0 and "RST" not in r["flags"]]
        check_equal(bool(closed), full, "window of 0:")
        check_equal(bool(reads(trace)), not full, "read():")
        check_equal(bool(trace.all("call", name="accept4", conn=1)), True, "accept4():")


ASK = """
server = serve()
client = connect()
client.sendall(b"hello")
try:
    answer = client.recv(5)
    while not faulty and len(answer) < 5:
        answer += client.recv(5)
    print(answer, client.recv(5) if faulty else b"")
except ConnectionResetError:
    print("reset")
client.close()
until(lambda: not any(s[0] == 7007 and s[2] == CLOSE_WAIT for s in sockets()))
stop(server)
"""


@case_of(*MODELS)
def unread_close(model):
    """close() with unread bytes sends a RST in place of a FIN."""
    faulty, right = both(ASK, model, "unread-close")
    for trace, reset in ((faulty, True), (right, False)):
        sent = [flags(r) for r in trace.all("segment", **{"from": "server"})]
        check_equal(any("RST" in f for f in sent), reset, "RST of the server:")
        check_equal(any("FIN" in f for f in sent), not reset, "FIN of the server:")
        outcome = trace.one("outcome")
        check_equal(outcome["verdict"], "reset-by-server" if reset else "closed-normally")
        check_equal(outcome.get("cause"), "unread-data" if reset else None)
        # the first that finds something: epoll tries at once after accept4()
        check_equal(next(r["ret"] for r in reads(trace) if r["ret"] > 0), 1 if reset else 5)


RESTART = """
server = serve()
client = connect()
client.sendall(b"hello")
client.recv(5)
stop(server)  # it closes first: TIME-WAIT is on its side
client.recv(1)
client.close()
until(lambda: any(s[0] == 7007 and s[2] == TIME_WAIT for s in sockets()))
again = serve()
print(*stop(again))
"""


@case_of("epoll")  # the models have no part in it
def no_reuseaddr(model):
    """A server that closed first cannot start again while its connection is in TIME-WAIT."""
    faulty, right = both(RESTART, model, "no-reuseaddr")
    for trace, fails in ((faulty, True), (right, False)):
        check_equal(["TIME-WAIT" in trace.path(1, end).split() for end in ("server", "client")], [True, False])
        binds = [r.get("errno") for r in trace.all("call", name="bind")]
        check_equal(binds, [None, "EADDRINUSE" if fails else None], "bind():")
        options = [r for r in trace.all("call", name="setsockopt") if r["args"].get("option") == "SO_REUSEADDR"]
        check_equal(bool(options), not fails, "SO_REUSEADDR:")
    said = run(RESTART, model, "no-reuseaddr")[1]
    check("Address already in use" in said, said)


CALL_8080 = """
server = serve(8080)
try:
    client = connect(port=8080)
    client.sendall(b"hello")
    client.recv(5)
    client.close()
    until(lambda: not any(s[0] == 8080 and s[2] != TIME_WAIT and s[1] for s in sockets()))
except ConnectionRefusedError:
    print("refused")
stop(server)
"""


@case_of("epoll")  # the models have no part in it
def no_htons(model):
    """The listener is at the port whose two bytes are swapped: 8080 is 1f 90, and 90 1f is 36895."""
    faulty, right = both(CALL_8080, model, "no-htons")
    for trace, port, verdict in ((faulty, 36895, "refused"), (right, 8080, "closed-normally")):
        check_equal({r["port"] for r in trace.all("listener")}, {port}, "listens at:")
        check_equal(trace.one("connection")["server"]["port"], 8080)
        check_equal(trace.one("outcome")["verdict"], verdict)


CLIENT_8080 = """
server = serve(8080)
command = [echo, "client", "--port", "8080", "--message", "hello", *(["--fault", "no-htons"] if faulty else [])]
print(subprocess.run(command, capture_output=True, text=True).stderr)
stop(server)
"""


@case
def no_htons_of_the_client():
    for faulty in (True, False):
        command = script(SCENE + CLIENT_8080, lib.ECHO, "faulty" if faulty else "right")
        trace, said = trace_of(command, "--calls")
        check_equal(trace.one("connection")["server"]["port"], 36895 if faulty else 8080)
        check_equal(trace.one("outcome")["verdict"], "refused" if faulty else "closed-normally")
        check_equal("127.0.0.1:36895: Connection refused" in said, faulty, said)


EDGE = """
if not faulty:
    options.append("--edge")
server = serve()
client = connect()
client.sendall(bytes(20000))
length = 0
while length < (4096 if faulty else 20000):
    length += len(client.recv(65536))
if faulty:
    # more is there to be read, and only what is new wakes the server: one byte, one more piece
    client.sendall(b"x")
    while length < 8192:
        length += len(client.recv(65536))
    print(max(s[3] for s in sockets() if s[0] == 7007))
stop(server)
client.close()
"""


@case
def edge_read_once():
    """A piece is echoed for each report; the rest lies in the receive buffer until something new arrives."""
    faulty, right = both(EDGE, "epoll", "edge-read-once")
    check_equal([r.get("errno") for r in reads(right)][-1], "EAGAIN", "the last read():")
    check_equal(sum(r["ret"] for r in reads(right) if r["ret"] > 0), 20000)
    # The first report is that the socket is writable, and may come before the bytes.
    found = [r["ret"] for r in reads(faulty)]
    check_equal(set(found[1:] if found[0] < 0 else found), {4096}, "read():")
    check(0 < sum(r["ret"] for r in reads(faulty)) < 20001, "all was read")
    check(int(run(EDGE, "epoll", "edge-read-once")[1].splitlines()[-1]) > 0, "nothing was left unread")


HALF = """
server = serve()
client = connect()
client.sendall(b"hello")
client.recv(5)
children = f"/proc/{server.pid}/task/{server.pid}/children"
client.shutdown(socket.SHUT_WR)
if faulty:
    until(lambda: not open(children).read())
    print("ended", select.select([client], [], [], 0)[0])
else:
    client.recv(1)
stop(server)
client.recv(1)
client.close()
"""


@case
def parent_keeps():
    """The child closes, and no FIN leaves: its parent holds the same connection until it ends."""
    faulty, right = both(HALF, "fork", "parent-keeps")
    check("ended []" in run(HALF, "fork", "parent-keeps")[1], "the client saw the end while the parent held on")
    for trace, kept in ((faulty, True), (right, False)):
        parent = trace.one("call", name="accept4", conn=1)["pid"]
        child = reads(trace)[0]["pid"]
        check(parent != child, "one process does both")
        fin = next(r for r in trace.all("segment", conn=1) if r["from"] == "server" and "FIN" in r["flags"])
        closed = [r["pid"] for r in trace.all("call", name="close", conn=1) if r.get("end") == "server"]
        check_equal(parent in closed, not kept, "close() of the parent:")
        check(child in closed, "no close() of the child")
        ends = next(r for r in trace.all("call", name="close", listener=1) if r["pid"] == parent)
        check_equal(fin["n"] > ends["n"], kept, "the FIN follows the end of the parent:")
        last = trace.one("state", conn=1, end="server", to="LAST-ACK", source="kernel")
        check_equal((last["owner"]["pid"], last.get("opened_by", {}).get("pid")), (parent, None) if kept else (child, parent),
                    "who holds it:")


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
