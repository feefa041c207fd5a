#!/usr/bin/env python3
"""Tests of `tcplens trace` on the real kernel: what a connection goes through, in every way that it can end.

Usage: trace_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO

Each trace is made in a network namespace of its own, and is checked against the schema.
"""
import contextlib
import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import (ACTIVE, CLOSES_FIRST, CLOSES_SECOND, HOLD, PASSIVE, Skip, case, check, check_demo_segments,
                 check_equal, flags, script, trace_of)

PORT = 7007


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
    check_demo_segments(trace)
    demo_queues(trace)
    demo_minisock(trace)
    demo_owners(trace)


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
    sent = [("server", "sent", "stack")] if lib.kernel_has("reasons of resets sent") else []
    check_equal([(r["end"], r["direction"], r["who"]) for r in trace.all("reset")],
                [*sent, ("client", "received", "peer")])
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
server = listen(); client = connect(); queued(server, 1)
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
    queue = trace.all("queue")
    check_equal([(r["why"], r["syn"], r["accept"]) for r in queue[:3]],
                [("syn", 1, 0), ("established", 0, 0), ("established", 0, 1)])
    check_equal([r["why"] for r in queue[3:]], ["closed"], "it waits until the listener is closed:")
    check_equal([r for r in trace.all("state", end="server", source="kernel") if "owner" in r], [])
    check_equal(trace.check_outcome(1, "reset-by-server", "CLOSED", "CLOSED")["reset_by"], "server")


@case
def two_connections_at_once():
    trace, _ = trace_of(script("""
server = listen(); one = connect(); queued(server, 1); two = connect(); queued(server, 2)
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
one = connect(); queued(server, 1)
two = socket.socket(); two.setblocking(False)
try:
    two.connect(("127.0.0.1", 7007))
except BlockingIOError:
    pass
counted("ListenOverflows", 1)
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
        shell = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        program = script("ready()\nsys.stdin.readline()" + text)
        yield lib.Running(["unshare", "--net", *shell, *program], stack)


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


@case
def addresses_that_come_later():
    """An address that the host gets while the trace runs is one of its own."""
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", "new", "-q", "-o", path, "--", *script("""
os.system("ip address add 192.0.2.1/32 dev lo")
server = socket.create_server(("192.0.2.1", 7007))
ready()
for _ in range(1000):
    client = socket.create_connection(("192.0.2.1", 7007)); peer, _ = server.accept()
    client.close(); rest(peer); peer.close()
    if select.select([sys.stdin], [], [], 0.1)[0]:
        break
"""))
        lib.wait_trace(path, '"local":["client","server"]')
        tracer.say()
        check_equal(tracer.wait(), 0, tracer.stderr)
        lib.read_trace(path).check_whole()


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
