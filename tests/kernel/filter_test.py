#!/usr/bin/env python3
"""Tests of what a trace can be limited to, in the kernel: hosts, processes, network namespaces.

Usage: filter_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO
"""
import contextlib
import os
import subprocess
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import ACTIVE, CLOSES_FIRST, CLOSES_SECOND, PASSIVE, case, check, check_equal, script, trace_of
from scenes import RAW, SYSCTL

HOSTS = """
for host in ("127.0.0.1", "127.0.0.2", "127.0.1.1", "::1"):
    with listen(host) as server, connect(host) as client:
        peer, _ = server.accept()
        client.close(); rest(peer); peer.close()
"""


@case
def hosts():
    for options, servers in (
            (["127.0.0.2"], ["127.0.0.2"]),
            (["127.0.1.0/24", "::1"], ["127.0.1.1", "::1"]),
            (["127.0.0.0/8"], ["127.0.0.1", "127.0.0.2", "127.0.1.1"]),
            (["::/0"], ["::1"])):
        given = [word for host in options for word in ("--host", host)]
        trace, _ = trace_of(script(HOSTS), *given)
        trace.check_whole()
        check_equal(trace.header["filter"], {"hosts": options})
        # whom a client of 127.0.0.2 connects from is 127.0.0.1, so that 127.0.0.1 would be all of them
        check_equal([r["server"]["addr"] for r in trace.all("connection")], servers, str(options))
        check_equal([r["addr"] for r in trace.all("listener", closed=None)], servers, str(options))
        for conn in range(1, len(servers) + 1):
            trace.check_paths(conn, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND)


@case
def a_listener_on_all_addresses_is_on_the_host():
    trace, _ = trace_of(script("""
server = listen("0.0.0.0")
for host in ("127.0.0.2", "127.0.0.3"):
    client = connect(host); peer, _ = server.accept(); client.close(); rest(peer); peer.close()
"""), "--host", "127.0.0.3")
    trace.check_whole()
    check_equal(trace.all("listener")[0]["addr"], "0.0.0.0")
    check_equal([r["server"]["addr"] for r in trace.all("connection")], ["127.0.0.3"])
    trace.check_paths(1, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND)


@case
def host_and_port():
    trace, _ = trace_of(script("""
for host in ("127.0.0.2", "127.0.0.3"):
    for port in (7007, 7008):
        with listen(host, port) as server, connect(host, port) as client:
            peer, _ = server.accept()
            client.close(); rest(peer); peer.close()
"""), "--host", "127.0.0.3", "--port", "7008")
    trace.check_whole()
    connection = trace.one("connection")
    check_equal(connection["server"], {"addr": "127.0.0.3", "port": 7008})
    check_equal(trace.header["filter"], {"ports": [7008], "hosts": ["127.0.0.3"]})


EXPRESSION = """
for host in ("127.0.0.2", "127.0.0.3"):
    for port in (7007, 7008):
        with listen(host, port) as server, connect(host, port) as client:
            peer, _ = server.accept()
            client.close(); rest(peer); peer.close()
"""


@case
def expressions():
    """As the last argument: what the kernel side can ask it is asked, the rest is asked of what it tells."""
    for words, servers in (
            ("port 7008 and host 127.0.0.3", [("127.0.0.3", 7008)]),
            ("dst port 7008", [("127.0.0.2", 7008), ("127.0.0.3", 7008)]),
            ("not port 7008 and not host 127.0.0.2", [("127.0.0.3", 7007)]),
            ("port 7008 or host 127.0.0.2", [("127.0.0.2", 7007), ("127.0.0.2", 7008), ("127.0.0.3", 7008)])):
        trace, _ = trace_of(script(EXPRESSION), *words.split())
        trace.check_whole()
        check_equal(trace.header["filter"], {"expression": words})
        check_equal([(r["server"]["addr"], r["server"]["port"]) for r in trace.all("connection")], servers, words)
        # and those that could have another one that matches
        listeners = [(r["addr"], r["port"]) for r in trace.all("listener", closed=None)]
        check_equal(listeners, servers if " or " not in words else [*servers[:2], ("127.0.0.3", 7007), servers[2]], words)
        for conn in range(1, len(servers) + 1):
            trace.check_paths(conn, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND)


@case
def port_ranges():
    trace, _ = trace_of(script(EXPRESSION), "--port", "7000-7007,9000", "--host", "127.0.0.3,127.0.0.9")
    trace.check_whole()
    check_equal(trace.header["filter"], {"ports": [9000], "port_ranges": [[7000, 7007]], "hosts": ["127.0.0.3", "127.0.0.9"]})
    check_equal(trace.one("connection")["server"], {"addr": "127.0.0.3", "port": 7007})


# --- processes ----------------------------------------------------------------------------------

# Two that serve themselves, each in a process of its own, with a child that connects; what the first argument names
# exists before the trace.
PROCESS = """
port = int(sys.argv[1])
server = listen(port=port)
early = connect(port=port)  # waits to be accepted
ready(os.getpid())
sys.stdin.readline()
child = os.fork()
if not child:
    with connect(port=port) as sock:
        rest(sock)
    os._exit(0)
first, _ = server.accept()
second, _ = server.accept()
second.close(); os.waitpid(child, 0)
first.close(); rest(early); early.close()
ready("done")
sys.stdin.readline()
"""


def process(stack, pid, port):
    program = lib.Running(["nsenter", f"--net=/proc/{pid}/ns/net", *script(PROCESS, port)], stack)
    program.number = program.wait_line(r"^ready (\d+)")[1]
    return program


def namespace(stack):
    holder = lib.Running(["unshare", "--net", "sh", "-c", "ip link set lo up && echo ready && exec cat"], stack)
    holder.wait_line("^ready")
    return str(holder.pid)


@case
def processes():
    """Its own sockets, its children's, those of its listener before accept(), and nobody else's."""
    with contextlib.ExitStack() as stack:
        net = namespace(stack)
        one, two = process(stack, net, 7007), process(stack, net, 7008)
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "-q", "-o", path, "--pid", one.number)  # in its namespace
        lib.wait_trace(path, '"record":"header"')
        for program in (one, two):
            program.say()
            program.wait_line("^ready done")
        # the last ACK may still be in a soft interrupt when close() has returned
        for how in "observed", "inferred":
            lib.wait_trace(path, f'"from":"LAST-ACK","to":"CLOSED","how":"{how}"', times=2)
        tracer.interrupt()
        check_equal(tracer.wait(), 0, tracer.stderr)
        check(f"network namespace of process {one.number}, which is not this one" in tracer.stderr, tracer.stderr)
        trace = lib.read_trace(path)
    check_equal(trace.header["filter"], {"pids": [int(one.number)]})
    check_equal(trace.header["netns"], one.number)
    check_equal(trace.header["sources"], ["kernel", "wire"])
    check_equal([r["port"] for r in trace.all("listener")], [7007])
    check_equal({r["server"]["port"] for r in trace.all("connection")}, {7007})
    early, late = trace.all("connection")
    check_equal((early.get("since"), late.get("since")), ("before-trace", None))
    trace.check_paths(late["conn"], ACTIVE + CLOSES_SECOND, PASSIVE + CLOSES_FIRST)
    check_equal(lib.flags(trace.all("segment", conn=late["conn"])[0]), "SYN")
    check("of other processes" in trace.end["skipped"], trace.end)
    # the one that waited to be accepted was seen from the beginning, though no process held it
    check_equal(trace.path(early["conn"], "server").split(), "ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT".split())
    check_equal([r["why"] for r in trace.all("queue", conn=late["conn"])], ["syn", "established", "established", "accept"])
    check_equal(len(trace.all("call", name="accept4")), 2)
    check_equal(trace.all("gap"), [])


# On one processor: a connection of another port and process whose child had no request of its own (a SYN cookie, Fast Open), and
# then a SYN whose sender takes it back. It is told when to begin.
BESIDE = SYSCTL + RAW + """
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
other = listen(port=7008)
ear = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
ear.bind(("127.9.9.9", 0))
ready(os.getpid())
sys.stdin.readline()
if sys.argv[1] == "cookie":
    sysctl("tcp_syncookies", 2)
    client = connect(port=7008)
    sysctl("tcp_syncookies", 1)
else:
    sysctl("tcp_fastopen", 0x607)  # without a cookie: Documentation/networking/ip-sysctl.rst
    other.setsockopt(socket.IPPROTO_TCP, 23, 5)  # TCP_FASTOPEN
    client = socket.socket(); client.sendto(b"x", 0x20000000, ("127.0.0.1", 7008))  # MSG_FASTOPEN
other.accept()
syn(1234)
while ear.recv(200)[33] != SYN | ACK: pass
segment("127.9.9.9", 1234, 7007, RST, 1001)
until(SYN_RECV, some=False)
ready("done")
sys.stdin.readline()
"""


@case
def the_child_of_another_is_not_taken_for_one_that_is_wanted():
    for kind in "cookie", "fastopen":
        for of_process in False, True:
            with contextlib.ExitStack() as stack:
                net = namespace(stack)
                programs = [lib.Running(["nsenter", f"--net=/proc/{net}/ns/net", *script(text, kind)], stack) for text in
                            ("server = listen(); ready(os.getpid()); sys.stdin.readline()", BESIDE)]
                pids = [program.wait_line(r"^ready (\d+)")[1] for program in programs]
                path = f"{lib.temporary(stack)}/trace.ndjson"
                wanted = ["--pid", pids[0]] if of_process else ["--netns", net, "--port", "7007"]
                tracer = lib.begin(stack, "trace", "-q", "-o", path, "--source", "kernel", *wanted)
                lib.wait_trace(path, '"record":"header"')
                programs[1].say()
                programs[1].wait_line("^ready done")
                lib.wait_trace(path, '"dropped"')
                tracer.interrupt()
                check_equal(tracer.wait(), 0, tracer.stderr)
                trace = lib.read_trace(path)
            check_equal(trace.path(trace.one("connection")["conn"], "server"), "SYN-RECEIVED CLOSED", f"{kind} {wanted}:")
            check_equal([r["why"] for r in trace.all("queue")], ["syn", "dropped"])
            check_equal(trace.all("gap"), [])


@case
def a_process_that_accepts_for_another():
    """Of a listener that is not its own, what it accepted, from then on."""
    with contextlib.ExitStack() as stack:
        net = namespace(stack)
        program = lib.Running(["nsenter", f"--net=/proc/{net}/ns/net", *script("""
server = listen()
worker = os.fork()
if not worker:
    sys.stdin.readline()
    peer, _ = server.accept(); rest(peer); peer.close()
    ready("done"); sys.stdin.readline()
    os._exit(0)
ready(worker)
with connect() as client:
    pass
os.waitpid(worker, 0)
""")], stack)
        worker = program.wait_line(r"^ready (\d+)")[1]
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", net, "-q", "-o", path, "--pid", worker)
        lib.wait_trace(path, '"record":"header"')
        program.say()
        program.wait_line("^ready done")
        lib.wait_trace(path, '"from":"LAST-ACK","to":"CLOSED","how":"observed"')
        tracer.interrupt()
        check_equal(tracer.wait(), 0, tracer.stderr)
        trace = lib.read_trace(path)
    conn = trace.one("call", name="accept4")["conn"]
    check_equal(trace.path(conn, "server").split()[-2:], ["LAST-ACK", "CLOSED"])


# Who talks beside the process, at its own server's other clients' side too, until told to stop.
# More in TIME-WAIT than a small machine allows at once: the others' would get none.
NOISE = """
import threading
with open("/proc/sys/net/ipv4/tcp_max_tw_buckets", "w") as file:
    file.write("1000000")
hosts = [f"127.0.0.{i}" for i in range(2, 6)]
servers = [listen(host, 7100) for host in hosts]
def talk(server, host):
    while True:
        time.sleep(0.01)  # the ring holds many seconds of this: a tracer that gets no processor loses nothing
        with connect(host, 7100) as client:
            peer, _ = server.accept()
            client.sendall(b"x" * 100); peer.recv(100)
            client.close(); rest(peer); peer.close()
for server, host in zip(servers, hosts):
    threading.Thread(target=talk, args=(server, host), daemon=True).start()
ready()
sys.stdin.readline()
"""

# One that is refused, one that it aborts, one that it ends; whom it talks to is another process.
ABORTER = """
import fcntl
ready(os.getpid())
sys.stdin.readline()
try:
    connect(port=7009)
except ConnectionRefusedError:
    pass
for linger in (True, False):
    client = connect()
    client.sendall(b"hello")
    while fcntl.ioctl(client, 0x5411, bytes(4)) != bytes(4): time.sleep(0.001)  # SIOCOUTQ: it is acknowledged
    if linger:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
ready("done")
sys.stdin.readline()
"""
TAKER = """
server = listen()
ready()
for _ in range(2):
    peer, _ = server.accept()
    try:
        rest(peer)
    except ConnectionResetError:
        pass
    peer.close()
ready("done")
sys.stdin.readline()
"""


@case
def packets_of_a_process():
    """On a busy namespace: all packets of its own connections from the SYN on, and none of others."""
    with contextlib.ExitStack() as stack:
        net = namespace(stack)

        def start(text):
            program = lib.Running(["nsenter", f"--net=/proc/{net}/ns/net", *script(text)], stack)
            return program, program.wait_line(r"^ready *(\d*)")[1]

        start(NOISE)
        taker, _ = start(TAKER)
        aborter, pid = start(ABORTER)
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "-q", "-o", path, "--pid", pid)
        lib.wait_trace(path, '"record":"header"')
        aborter.say()
        taker.wait_line("^ready done")
        lib.wait_trace(path, '"from":"LAST-ACK","to":"CLOSED","how":"inferred","source":"wire"')
        tracer.interrupt()
        check_equal(tracer.wait(), 0, tracer.stderr)
        trace = lib.read_trace(path)
    check_equal(trace.all("gap"), [])
    trace.check_undisturbed()
    check(trace.end["skipped"]["of other processes"] > 100, trace.end)
    check_equal(sorted(r["server"]["port"] for r in trace.all("connection")), [7007, 7007, 7009])
    by_verdict = {r["verdict"]: r["conn"] for r in trace.all("outcome")}
    check_equal(sorted(by_verdict), ["closed-normally", "refused", "reset-by-client"])
    for verdict, segments in (
            ("refused", ["SYN", "RST,ACK"]),
            ("reset-by-client", ["SYN", "SYN,ACK", "ACK", "PSH,ACK", "ACK", "RST,ACK"])):
        check_equal([lib.flags(r) for r in trace.all("segment", conn=by_verdict[verdict])], segments, verdict)
    trace.check_paths(by_verdict["closed-normally"], ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND, sources=("wire",))
    check_equal(trace.path(by_verdict["closed-normally"], "client"), ACTIVE + CLOSES_FIRST)


@case
def processes_of_two_namespaces():
    with contextlib.ExitStack() as stack:
        pids = [namespace(stack), namespace(stack)]
        done = lib.run("trace", "--pid", pids[0], "--pid", pids[1], "-o", "/dev/null")
    check_equal((done.status, done.stdout), (1, ""))
    lib.one_line(done.stderr, "different network namespaces", f"--pid {pids[0]}", f"--pid {pids[1]}", "--netns all")


@case
def nobody_of_that_number():
    done = lib.run("trace", "--pid", "4194305", "-o", "/dev/null", "--", "true")
    check_equal((done.status, done.stdout), (1, ""))
    lib.one_line(done.stderr, "no process 4194305")


# --- namespaces ---------------------------------------------------------------------------------


@case
def all_namespaces():
    """What was there before in one that the tracer is not in; what comes in another, and goes with it."""
    with contextlib.ExitStack() as stack:
        before = process(stack, namespace(stack), 17007)
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", "all", "--source", "kernel", "--port", "17007", "--port", "17008",
                           "-q", "-o", path)
        lib.wait_trace(path, '"record":"header"')
        program = lib.Running(["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *script("""
server = listen(port=17008); client = connect(port=17008); peer, _ = server.accept()
client.close(); rest(peer); peer.close(); until(LAST_ACK, some=False); until(TIME_WAIT)
ready(os.stat("/proc/self/ns/net").st_ino)
""")], stack)
        inode = int(program.wait_line(r"^ready (\d+)")[1])
        lib.wait_trace(path, '"removed"')  # with its last process the namespace is torn down
        inodes = {17007: os.stat(f"/proc/{before.number}/ns/net").st_ino, 17008: inode}
        tracer.interrupt()
        check_equal(tracer.wait(), 0, tracer.stderr)
        trace = lib.read_trace(path)
    check_equal(trace.header["netns"], "all")
    seen = {(r["server"]["port"], r["netns"], r.get("since")) for r in trace.all("connection")}
    check_equal(seen, {(17007, inodes[17007], "before-trace"), (17008, inodes[17008], None)})
    listeners = {(r["port"], r["netns"], r.get("since")) for r in trace.all("listener", closed=None)}
    check_equal(listeners, seen)
    new = next(r["conn"] for r in trace.all("connection") if r["server"]["port"] == 17008)
    trace.check_paths(new, ACTIVE + CLOSES_FIRST + " CLOSED", PASSIVE + CLOSES_SECOND, sources=("kernel",))
    check_equal([r.get("why") for r in trace.all("timer", conn=new, name="time-wait")], [None, "removed"])


@case
def ends_in_two_namespaces():
    """A connection between two containers is one, with both its ends."""
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", "all", "--source", "kernel", "--port", "17009", "-q", "-o", path)
        lib.wait_trace(path, '"record":"header"')
        program = lib.Running(["unshare", "--net", *script("""
import ctypes, subprocess
def ip(words): subprocess.run(["ip", *words.split()], check=True)
go, told = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    if ctypes.CDLL(None).unshare(0x40000000): sys.exit("no namespace")  # CLONE_NEWNET
    os.write(told[1], b"x"); os.read(go[0], 1)
    ip("addr add 10.8.0.2/24 dev other"); ip("link set other up")
    server = listen("10.8.0.2", 17009); os.write(told[1], b"x")
    peer, _ = server.accept(); rest(peer); peer.close(); os.read(go[0], 1); os._exit(0)
os.read(told[0], 1)
ip(f"link add here type veth peer name other netns {child}")
ip("addr add 10.8.0.1/24 dev here"); ip("link set here up")
os.write(go[1], b"x"); os.read(told[0], 1)
client = connect("10.8.0.2", 17009); client.close()
sys.stdin.readline()  # with its last process a namespace goes, and what is on the way in it
os.write(go[1], b"x"); os.wait()
""")], stack)
        lib.wait_trace(path, '"FIN-WAIT-2"')
        lib.wait_trace(path, '"LAST-ACK"')
        program.say()
        check_equal(program.wait(), 0)
        tracer.interrupt()
        check_equal(tracer.wait(), 0, tracer.stderr)
        trace = lib.read_trace(path)
    check_equal(len(trace.all("connection")), 1)
    check_equal(trace.path(1, "client").split()[:4], (ACTIVE + CLOSES_FIRST).split()[:4])
    check_equal(trace.path(1, "server").split()[:4], (PASSIVE + CLOSES_SECOND).split()[:4])
    # the connection was first seen in the client's
    netns = trace.one("outcome")["netns"]
    check_equal(netns, {"client": trace.one("connection")["netns"], "server": trace.all("listener")[0]["netns"]})
    check(netns["client"] != netns["server"], netns)


@case
def a_router_between():
    """Client, router and server are in a namespace each, and packets are captured at the router: one connection, told once."""
    with contextlib.ExitStack() as stack:
        router, *ends = (namespace(stack) for _ in range(3))

        def within(pid, *command):
            subprocess.run(["nsenter", f"--net=/proc/{pid}/ns/net", *command], check=True)

        for i, end in enumerate(ends):
            within(router, *f"ip link add far{i} type veth peer name near netns {end}".split())
            for pid, name, address in ((router, f"far{i}", f"10.8.{i}.1/24"), (end, "near", f"10.8.{i}.2/24")):
                within(pid, "ip", "addr", "add", address, "dev", name)
                within(pid, "ip", "link", "set", name, "up")
            within(end, "ip", "route", "add", "default", "via", f"10.8.{i}.1")
        within(router, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.Running(["nsenter", f"--net=/proc/{router}/ns/net", lib.TCPLENS, "trace", "--netns", "all", "--port", "17010",
                              "-q", "-o", path], stack)
        lib.wait_trace(path, '"record":"header"')
        enter = [["nsenter", f"--net=/proc/{end}/ns/net"] for end in ends]
        server = lib.Running([*enter[1], *script("""
server = listen("10.8.1.2", 17010); ready(); peer, _ = server.accept(); peer.sendall(rest(peer)); peer.close()
""")], stack)
        server.wait_line("^ready")
        client = lib.Running([*enter[0], *script("""
client = connect("10.8.1.2", 17010); client.sendall(b"hello"); client.shutdown(socket.SHUT_WR); rest(client)
""")], stack)
        check_equal((client.wait(), server.wait()), (0, 0))
        for how in "observed", "inferred":
            lib.wait_trace(path, f'"from":"LAST-ACK","to":"CLOSED","how":"{how}"')
        tracer.interrupt()
        check_equal(tracer.wait(), 0, tracer.stderr)
        trace = lib.read_trace(path)
        sent_again = sum(lib.tcp_counter(end, "RetransSegs") for end in ends)
    lib.check_undisturbed(sent_again)
    trace.check_paths(1, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND)
    check_equal((len(trace.all("connection")), trace.one("outcome")["bytes"]), (1, {"client": 5, "server": 5}))
    check_equal({word for r in trace.all("segment") for word in r.get("notes", [])}, set())
    check_equal(len(set(trace.one("outcome")["netns"].values())), 2)


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
