#!/usr/bin/env python3
"""Tests of what is often said of TCP and sockets and is wrong, each shown wrong by a trace: docs/claims.md.

Usage: claims_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO

A case is named after the claim. What it asserts is the opposite, and where there is a program that does it right, that too.
"""
import contextlib
import os
import shutil
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import Skip, case, check, check_equal, flags, script, trace_of
from scenes import RAW, REQUESTS, SYSCTL


def calls_of(text, *options, arguments=()):
    trace, said = trace_of(script(text, *arguments), "--calls", *options)
    check_equal(trace.all("gap"), [])
    return trace, said


def path_to(trace, conn, end, state):
    return trace.one("state", conn=conn, end=end, to=state, source="kernel")


def order(*records):
    check_equal([r["n"] for r in records], sorted(r["n"] for r in records), "order of records:")


def joined_queue(trace, conn):
    """It waits for accept()."""
    left, joined = trace.all("queue", conn=conn, why="established")
    check_equal((left["syn"], joined["accept"]), (0, 1))
    return joined


def begins(call):
    return call["t"] - call["duration_ns"]


# --- the handshake ------------------------------------------------------------------------------


@case
def accept_completes_the_handshake():
    """It takes what is complete: both ends, the queue and connect() were done before it was called. It does not wait."""
    trace, _ = calls_of("""
import fcntl
server = listen(); client = connect()
client.sendall(b"hello")
until(ESTABLISHED); queued(server, 1)
while fcntl.ioctl(client, 0x5411, bytes(4)) != bytes(4): pass  # SIOCOUTQ: it is acknowledged
peer, _ = server.accept()
print(peer.recv(5)); client.close(); rest(peer); peer.close()
""")
    accept = trace.one("call", name="accept4")
    joined = joined_queue(trace, 1)
    before = [path_to(trace, 1, "client", "ESTABLISHED"), path_to(trace, 1, "server", "ESTABLISHED"), joined,
              trace.one("call", name="connect")]
    check(max(r["t"] for r in before) < begins(accept), "accept() had begun before", before)
    # what was sent is acknowledged already
    acked = next(r for r in trace.all("segment", conn=1) if r["from"] == "server" and r.get("ack") == 6)
    check(acked["t"] < begins(accept), "accept() had begun before the data was acknowledged")
    order(*sorted(before, key=lambda r: r["n"]), accept, trace.one("queue", why="accept"))


@case
def connect_returns_before_the_ack():
    """The third segment of the handshake leaves first."""
    trace, _ = calls_of("""
server = listen()
client = socket.socket(); client.connect(("127.0.0.1", 7007))
peer, _ = server.accept(); client.close(); rest(peer); peer.close()
""")
    third = next(r for r in trace.all("segment", conn=1) if flags(r) == "ACK")
    connect = trace.one("call", name="connect")
    check_equal((third["from"], third["seq"], third["ack"], connect["ret"]), ("client", 1, 1, 0))
    check(third["t"] < connect["t"], "connect() returned first")
    order(path_to(trace, 1, "client", "ESTABLISHED"), connect)


@case
def the_state_is_called_syn_send():
    """SYN-SENT by the RFC, SYN_SENT in the kernel."""
    trace, _ = trace_of([lib.ECHO, "demo", "--fast", "--port", "0"])
    first = trace.all("state", end="client", source="kernel")[0]
    check_equal((first["to"], first["kernel"]["state"]), ("SYN-SENT", "SYN_SENT"))
    check_equal([r for r in trace.records if "SYN_SEND" in str(r) or "SYN-SEND" in str(r)], [])


SYNS = SYSCTL + RAW + REQUESTS + """
cookies, kept, backlog = map(int, sys.argv[1:])
sysctl("tcp_syncookies", cookies); sysctl("tcp_max_syn_backlog", kept)
nobody = deaf("0.0.0.0", 1234)
server = listen(backlog=backlog)
for i in range(200):
    segment(f"127.9.{i}.9", 1234, 7007, SYN, 1000)
while requests() + counter("SyncookiesSent") + counter("ListenDrops") < 200:
    time.sleep(0.001)
print(requests())
"""


@case
def the_syn_queue_holds_tcp_max_syn_backlog():
    """With cookies, as Linux comes, it is the backlog that counts, and one more; without, three quarters, and one more."""
    for cookies, kept, backlog, expected in ((1, 128, 1000, 200), (1, 128, 5, 6), (0, 128, 1000, 97), (0, 16, 100, 13),
                                             (2, 128, 1000, 0)):
        trace, said = trace_of(script(SYNS, cookies, kept, backlog), "--source", "kernel", "--port", "7007")
        case_is = f"cookies {cookies}, tcp_max_syn_backlog {kept}, backlog {backlog}:"
        listens = trace.all("listener")[0]["listener"]
        check_equal(max([r["syn"] for r in trace.all("queue", listener=listens)], default=0), expected, case_is)
        check_equal(int(said), expected, case_is)
        why = {r["why"] for r in trace.all("queue", listener=listens)}
        check_equal(("cookie" in why, "overflow" in why), (cookies > 0 and expected < 200, cookies == 0), case_is)


@case
def listen_5_allows_5_connections():
    """6 wait for accept(); those that were accepted do not count."""
    trace, _ = calls_of("""
server = listen(backlog=5)
waiting = [connect() for _ in range(6)]
queued(server, 6)
late = socket.socket(); late.setblocking(False)
try: late.connect(("127.0.0.1", 7007))
except BlockingIOError: pass
counted("ListenOverflows", 1)
held = [server.accept() for c in waiting]
for _ in range(44):
    held.append((connect(), server.accept()[0]))
""")
    check_equal((trace.all("listener")[0]["backlog"], trace.all("listener")[0]["limit"]), (5, 6))
    check_equal(max(r["accept"] for r in trace.all("queue")), 6)
    # the seventh alone is told to wait, though some of those that follow may find its SYN repeated before them
    check_equal({r["accept"] for r in trace.all("queue", why="overflow")}, {6})
    taken = [r for r in trace.all("call", name="accept4") if r["ret"] >= 0]
    check_equal(len(taken), 50)
    left = trace.all("state", end="server", source="kernel", **{"from": "ESTABLISHED"})
    check_equal([r for r in left if r["t"] < taken[-1]["t"]], [], "closed before the last was accepted:")


SECOND = """
import subprocess
command = [sys.argv[1], "server", "--model", "iterative", "--port", "7007"]
server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
server.stdout.readline()
first = connect(); first.sendall(b"x"); first.recv(1)
second = connect(); second.sendall(b"hello, world")
def unread():
    lines = [line.split() for line in open("/proc/net/tcp")][1:]
    return [int(f[4][9:], 16) for f in lines if f[1].endswith(":1B5F") and f[3] == ESTABLISHED]
while sorted(unread()) != [0, 12]:
    time.sleep(0.002)
first.close()
print(second.recv(100))
second.close(); server.terminate(); server.wait()
"""


@case
def a_second_client_cannot_connect():
    """To a server that serves one after the other: it is ESTABLISHED at both ends, and its bytes are acknowledged."""
    trace, said = calls_of(SECOND, arguments=[lib.ECHO])
    check("hello, world" in said, said)
    leaves = begins(trace.one("call", name="close", conn=1, end="client"))  # the server may act before it returns
    acked = next(r for r in trace.all("segment", conn=2) if r["from"] == "server" and r.get("ack") == 13)
    established = [path_to(trace, 2, end, "ESTABLISHED") for end in ("client", "server")]
    joined = joined_queue(trace, 2)
    for r in (*established, joined, acked):
        check(r["t"] < leaves, "not while the first was there:", r)
    check(trace.one("call", name="accept4", conn=2)["t"] > leaves, "the second was accepted beside the first")


# --- the end ------------------------------------------------------------------------------------


@case
def the_ack_of_a_fin_agrees_to_close():
    """It is the kernel's: the program has not even looked. It goes on in CLOSE-WAIT, and sends."""
    trace, said = calls_of("""
server = listen(); client = connect(); peer, _ = server.accept()
client.shutdown(socket.SHUT_WR)
until(CLOSE_WAIT); until(FIN_WAIT2)
peer.sendall(b"not yet")
print(client.recv(100))
rest(peer); peer.close()
""")
    check("not yet" in said, said)
    fin = next(r for r in trace.all("segment", conn=1) if "FIN" in r["flags"])
    ack = next(r for r in trace.all("segment", conn=1) if r["from"] == "server" and r["n"] > fin["n"])
    check_equal((fin["from"], flags(ack), ack["ack"]), ("client", "ACK", fin["seq"] + 1))
    waits = path_to(trace, 1, "server", "CLOSE-WAIT")
    says = trace.one("call", name="sendto", end="server")
    check_equal(says["ret"], 7)
    acts = [r for r in trace.all("call", end="server") if fin["t"] < begins(r) < ack["t"]]
    check_equal(acts, [], "the server's program acted:")
    check(max(ack["t"], waits["t"]) < begins(says), "sent before it waited")
    check(path_to(trace, 1, "server", "LAST-ACK")["t"] > says["t"], "closed before it sent")


TIME_WAIT_SCENE = """
import errno
def server_of(reuse):
    sock = socket.socket(); sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
    return sock
who, old, new = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
server = server_of(old); server.bind(("127.0.0.1", 7007)); server.listen()
client = connect(); peer, _ = server.accept()
first, second = (peer, client) if who == "server" else (client, peer)
first.close(); rest(second); second.close()
until(TIME_WAIT); server.close()
again = server_of(new)
try: again.bind(("127.0.0.1", 7007)); again.listen()
except OSError as error: print(errno.errorcode[error.errno])
"""


@case
def a_server_restarts_without_so_reuseaddr():
    """Not if it closed first; and the old socket needs the option as much as the new one."""
    in_use = "EADDRINUSE"
    for who, old, new, errno in (("server", 0, 0, in_use), ("server", 0, 1, in_use), ("server", 1, 0, in_use),
                                 ("server", 1, 1, None), ("client", 0, 0, None)):
        trace, _ = calls_of(TIME_WAIT_SCENE, arguments=[who, old, new])
        what = f"{who} first, SO_REUSEADDR {old} and then {new}:"
        check_equal(trace.one("outcome", conn=1)["closed_by"], who, what)
        check("TIME-WAIT" in trace.path(1, who), what, trace.path(1, who))
        options = [r["args"] for r in trace.all("call", name="setsockopt")]
        check_equal([o["value"] for o in options if o.get("option") == "SO_REUSEADDR"], [old, new], what)
        check_equal([r.get("errno") for r in trace.all("call", name="bind")], [None, errno], what)


# --- servers ------------------------------------------------------------------------------------


@case
def accept_blocks_on_a_socket_that_does_not():
    """-EAGAIN, at once: the server takes what waits until there is no more."""
    trace, _ = trace_of([lib.ECHO, "demo", "--fast", "--port", "0", "--model", "epoll"], "--calls")
    accepts = trace.all("call", name="accept4")
    check_equal({r.get("errno") for r in accepts}, {None, "EAGAIN"})


# Waits for EPOLLHUP to learn that a client has gone, and turns a thousand times.
HUP = """
server = listen()
poll = select.epoll(); poll.register(server, select.EPOLLIN)
client = connect(); poll.poll(); peer, _ = server.accept()
poll.unregister(server)
poll.register(peer, select.EPOLLIN | select.EPOLLRDHUP)
client.sendall(b"abc"); poll.poll(); print(peer.recv(1024))
client.close(); until(CLOSE_WAIT)
for turn in range(1000):
    for fd, events in poll.poll():
        if events & select.EPOLLHUP:
            peer.close()
        elif events & select.EPOLLIN:
            peer.recv(1024)  # and nothing is answered to nothing
print("gives up")
"""


@case
def epollhup_tells_of_the_end():
    """A FIN is IN and RDHUP. Who waits for HUP turns for ever, and its connection stays in CLOSE-WAIT."""
    trace, _ = calls_of(HUP)
    fin = next(r for r in trace.all("segment", conn=1) if "FIN" in r["flags"])
    turns = [r for r in trace.all("call") if r["name"] in ("epoll_wait", "epoll_pwait") and r["t"] > fin["t"]]
    check_equal(len(turns), 1000)
    check_equal({event for r in turns for ready in r["ready"] for event in ready["events"]}, {"IN", "RDHUP"})
    empty = trace.all("call", name="recvfrom", end="server", ret=0)
    check_equal(len(empty), 1000)
    # until its process ends
    check(path_to(trace, 1, "server", "LAST-ACK")["t"] > empty[-1]["t"], "the server closed")
    right, _ = trace_of([lib.ECHO, "demo", "--fast", "--port", "0", "--model", "epoll"], "--calls")
    check_equal(len(right.all("call", name="read", end="server", ret=0)), 1)
    check_equal(right.path(1, "server").split()[-3:], ["CLOSE-WAIT", "LAST-ACK", "CLOSED"])


# Answers as it reads, and waits to be able to write, to answer.
TWICE = """
server = listen()
poll = select.epoll()
client = connect(); peer, _ = server.accept()
poll.register(peer, select.EPOLLIN)
client.sendall(b"abc")
answered = False
while not answered:
    for fd, events in poll.poll():
        if events & select.EPOLLIN:
            asked = peer.recv(1024)
            peer.send(b"Hello, " + asked)
            poll.modify(peer, select.EPOLLOUT)
        elif events & select.EPOLLOUT:
            peer.send(asked)
            poll.modify(peer, select.EPOLLIN); answered = True
print(client.recv(100))
"""


@case
def such_a_server_answers_once():
    """3 bytes of a request, and two answers to it; the reference server writes once."""
    trace, said = calls_of(TWICE)
    sent = {end: [r["ret"] for r in trace.all("call", name="sendto", end=end)] for end in ("client", "server")}
    check_equal(sent, {"client": [3], "server": [10, 3]})
    check_equal(trace.one("outcome")["bytes"], {"client": 3, "server": 13})
    check("Hello, abc" in said, said)
    right, _ = trace_of([lib.ECHO, "demo", "--fast", "--port", "0", "--model", "epoll"], "--calls")
    asked = [r["ret"] for r in right.all("call", name="read", end="server") if r["ret"] > 0]
    check_equal([r["ret"] for r in right.all("call", name="write", end="server")], asked)


@case
def sendall_sends_all_where_nothing_blocks():
    """A part is taken, then -EAGAIN; the program must keep the rest."""
    trace, said = calls_of("""
server = listen(); client = connect(); peer, _ = server.accept()
client.setblocking(False)
try: client.sendall(bytes(50_000_000))
except BlockingIOError: print("BlockingIOError")
""")
    check_equal(said.strip(), "BlockingIOError")
    calls = trace.all("call", name="sendto", end="client")
    check_equal(calls[-1].get("errno"), "EAGAIN")
    check_equal(calls[0]["args"]["len"], 50_000_000)
    taken = sum(r["ret"] for r in calls if r["ret"] > 0)
    check(0 < taken < 50_000_000, "taken:", taken)
    acked = max(r["ack"] for r in trace.all("segment", conn=1) if r["from"] == "server" and "ack" in r)
    check(acked < taken, "all that was taken has arrived:", acked, taken)


DRIP = """
server = listen(); client = connect(); peer, _ = server.accept()
limit = 1.0
def drip():
    # True: the whole request came, though it took longer than the limit
    peer.settimeout(limit)
    begin = time.monotonic()
    while time.monotonic() - begin < 1.5 * limit:
        client.send(b"x")
        try: peer.recv(1)
        except TimeoutError: return False
        time.sleep(limit / 8)
    return True
while not drip():
    limit *= 2  # this machine stood still for so long
print(int(limit * 1e9))
"""


@case
def settimeout_bounds_a_request():
    """It bounds each call: of many that are short none ends a request that goes on and on."""
    trace, said = calls_of(DRIP)
    limit = int(said)
    waits = [r for r in trace.all("call") if r["name"] in ("poll", "ppoll") and r["args"].get("timeout_ns") == limit]
    check(len(waits) > 2 and {r["ret"] for r in waits} == {1}, "each call has the whole limit:", waits)
    whole = waits[-1]["t"] - begins(waits[0])
    check(whole > limit, "the request took", whole, "ns, and the limit is", limit)
    check(max(r["duration_ns"] for r in waits) < limit, "one call took longer")


APACHE = """
import subprocess, tempfile
modules = sys.argv[1]
with tempfile.TemporaryDirectory() as folder:
    os.chmod(folder, 0o755)
    with open(folder + "/c", "w") as file:
        file.write(f'''
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
ServerName localhost
Listen 127.0.0.1:7007
PidFile {folder}/pid
DefaultRuntimeDir {folder}
Mutex posixsem
ErrorLog /dev/null
DocumentRoot {folder}
StartServers 1
User www-data
Group www-data
''')
    with open(folder + "/hello", "w") as file: file.write("hello")
    server = subprocess.Popen(["apache2", "-f", folder + "/c", "-DFOREGROUND"])
    while server.poll() is None:
        try: client = connect(); break
        except ConnectionRefusedError: time.sleep(0.01)
    client.sendall(b"GET /hello HTTP/1.0\\r\\n\\r\\n")
    print(rest(client).decode())
    server.terminate(); server.wait()
"""


@case
def apache_waits_with_select():
    """Its event module waits for clients with epoll."""
    modules = "/usr/lib/apache2/modules"
    if not shutil.which("apache2") or not os.path.exists(f"{modules}/mod_mpm_event.so"):
        raise Skip("no apache2 (package apache2-bin)")
    trace, said = calls_of(APACHE, arguments=[modules])
    check("200 OK" in said and "hello" in said, said)
    served = next(r for r in trace.all("call") if r["name"].startswith("accept") and r["comm"] == "apache2")
    waits = {r["name"] for r in trace.all("call", comm="apache2") if r.get("ready")}
    check(waits and waits <= {"epoll_wait", "epoll_pwait"}, waits)
    check("conn" in served, served)


# --- sockets ------------------------------------------------------------------------------------


@case
def the_kinds_are_sock_ram_and_seqpacket():
    """SOCK_RAW: a SYN of its making leaves with no connect(). SOCK_SEQPACKET is none of TCP/IP's."""
    trace, said = calls_of(RAW + """
syn(1234)
while counter("InSegs") < 2: time.sleep(0.001)
print(hasattr(socket, "SOCK_RAM"))
try: socket.socket(socket.AF_INET, socket.SOCK_SEQPACKET)
except OSError as error: print(error.errno)
""", "--port", "7007")
    check_equal(trace.all("call", name="connect"), [])
    check_equal([flags(r) for r in trace.all("segment", conn=1)][:1], ["SYN"])
    check_equal(said.split(), ["False", "94"])  # ESOCKTNOSUPPORT


@case
def keep_alive_runs_for_each_connection():
    """Only where SO_KEEPALIVE is set: of two silent connections one is probed."""
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", "new", "-q", "-o", path, "--calls", "--", *script("""
server = listen()
silent = connect(); one, _ = server.accept()
asked = connect(); two, _ = server.accept()
asked.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
asked.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
asked.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
sys.stdin.readline()
"""))
        lib.wait_trace(path, '"name":"keepalive"')
        lib.wait_for(lambda: lib.read(path).count(b'"fired":true') >= 2, "two probes")
        lib.wait_trace(path, '"keep-alive-ack"')
        tracer.say()
        check_equal(tracer.wait(), 0, tracer.stderr)
        trace = lib.read_trace(path)
    check_equal({(r["conn"], r["end"]) for r in trace.all("timer", name="keepalive")}, {(2, "client")})
    check_equal({r["conn"] for r in trace.all("segment") if "keep-alive" in r.get("notes", [])}, {2})
    option = next(r for r in trace.all("call", name="setsockopt") if r["args"].get("option") == "SO_KEEPALIVE")
    check_equal((option["conn"], option["args"]["value"]), (2, 1))
    check_equal(trace.header["sysctl"]["net.ipv4.tcp_keepalive_time"], 7200)  # it is of those that ask for it


@case
def udp_does_not_check_data():
    """A wrong checksum: dropped and counted, and nobody is told."""
    trace, said = calls_of("""
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); receiver.bind(("127.0.0.1", 7007))
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
raw.sendto(struct.pack("!HHHH", 7008, 7007, 11, 0xdead) + b"bad", ("127.0.0.1", 0))
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.sendto(b"good", ("127.0.0.1", 7007))
print(receiver.recv(100).decode())
receiver.setblocking(False)
try: receiver.recv(100)
except BlockingIOError: pass
""", "--udp")
    check_equal(said.strip(), "good")
    check_equal([(r["len"], r["checksum"]) for r in trace.all("datagram")], [(3, "bad"), (4, "ok")])
    check_equal([(r["ret"], r.get("errno")) for r in trace.all("call", name="recvfrom")], [(4, None), (-1, "EAGAIN")])
    check_equal({r["name"]: r["delta"] for r in trace.all("counter")}["UdpInCsumErrors"], 1)


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
