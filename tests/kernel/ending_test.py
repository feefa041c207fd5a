#!/usr/bin/env python3
"""Tests of what a real kernel says of how connections end: verdict, cause, whose doing, the error.

Usage: ending_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO
"""
import contextlib
import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import case, check, check_equal
from scenes import RAW, REQUESTS, SYSCTL, kernel_trace

# A socket whose filter drops all that comes for it: for its peer the host is gone.
DEAFEN = """
import ctypes
def deafen(sock):
    code = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0))  # BPF_RET 0
    sock.setsockopt(socket.SOL_SOCKET, 26, struct.pack("=HxxxxxxQ", 1, ctypes.addressof(code)))  # SO_ATTACH_FILTER
def pair():
    client = connect(); peer, _ = server.accept()
    return client, peer
def fails(sock):
    try: sock.recv(1)
    except OSError: return
    sys.exit("recv() has not failed")
server = listen()
"""
USER_TIMEOUT = "setsockopt(socket.IPPROTO_TCP, 18, "


def ends(trace, verdict, cause, end=None, errno=None, conn=1):
    outcome = trace.one("outcome", conn=conn)
    check_equal((outcome["verdict"], outcome.get("cause"), outcome.get("cause_end"), outcome.get("errno")),
                (verdict, cause, end, errno))
    return outcome


def error_of(trace, end, conn=1):
    return trace.one("state", conn=conn, end=end, to="CLOSED", source="kernel").get("error")


@case
def unread_data():
    trace = kernel_trace(DEAFEN + """
client, peer = pair(); client.send(b"unread"); peer.recv(6, socket.MSG_PEEK | socket.MSG_WAITALL); peer.close(); until(ESTABLISHED, some=False)
""")
    outcome = ends(trace, "reset-by-server", "unread-data", "server")
    check_equal(outcome["unread"], 6)
    check_equal((error_of(trace, "server"), error_of(trace, "client")), (None, "ECONNRESET"))


@case
def linger_of_zero():
    trace = kernel_trace(DEAFEN + """
client, peer = pair(); client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)); client.close()
until(ESTABLISHED, some=False)
""")
    ends(trace, "reset-by-client", "abort", "client")


@case
def no_time_for_fin_wait_2():
    """TCP_LINGER2 below 0: who closes waits for no FIN of its peer, whether that comes with the ACK of its own or later."""
    for first in ("pass", "client.shutdown(socket.SHUT_WR); until(FIN_WAIT2)"):
        trace = kernel_trace(DEAFEN + f"""
client, peer = pair(); client.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, -1)
{first}
client.close()
for state in FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, ESTABLISHED: until(state, some=False)
peer.close()
""")
        ends(trace, "reset-by-client", "abort", "client")


@case
def connect_to_nowhere():
    """connect() with AF_UNSPEC aborts as well."""
    trace = kernel_trace(DEAFEN + """
client, peer = pair()
check = ctypes.CDLL(None).connect(client.fileno(), struct.pack("=H14x", 0), 16)
until(ESTABLISHED, some=False)
""")
    ends(trace, "reset-by-client", "abort", "client")


@case
def user_timeout():
    trace = kernel_trace(DEAFEN + f"""
client, peer = pair(); client.{USER_TIMEOUT}1200); deafen(peer); client.send(b"lost"); fails(client)
""")
    ends(trace, "timed-out", "user-timeout", "client", "ETIMEDOUT")
    check_equal(error_of(trace, "client"), "ETIMEDOUT")
    check("rfc" not in trace.one("state", end="client", to="CLOSED", source="kernel"), "figure 5 has no edge for it")


@case
def keep_alive_timeout():
    trace = kernel_trace(DEAFEN + """
client, peer = pair()
for option in 4, 5, 6: client.setsockopt(socket.IPPROTO_TCP, option, 1)  # idle, interval, count
client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
deafen(peer); fails(client)
""")
    ends(trace, "timed-out", "keep-alive-timeout", "client", "ETIMEDOUT")


@case
def keep_alive_waits_for_data():
    """While something is unacknowledged the timer fires and sends no probe."""
    trace = kernel_trace(DEAFEN + """
client, peer = pair()
for option in 4, 5, 6: client.setsockopt(socket.IPPROTO_TCP, option, 1)
client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
deafen(peer); client.send(b"lost"); time.sleep(2.5)
""")
    fired = trace.all("timer", name="keepalive", end="client", fired=True)
    check(fired and {r.get("why") for r in fired} == {"not-idle"}, fired)


@case
def window_probes_are_not_answered():
    trace = kernel_trace(DEAFEN + f"""
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
client, peer = pair(); client.setblocking(False)
try:
    while True: client.send(bytes(4096))
except BlockingIOError: pass
counted("TCPWinProbe", 1)
deafen(peer); client.{USER_TIMEOUT}1500); client.setblocking(True); fails(client)
""")
    ends(trace, "timed-out", "probe-timeout", "client", "ETIMEDOUT")


@case
def orphan_is_given_up():
    trace = kernel_trace(SYSCTL + DEAFEN + """
sysctl("tcp_orphan_retries", 1)
client, peer = pair(); client.shutdown(socket.SHUT_WR); peer.recv(1); until(FIN_WAIT2); deafen(client); peer.close()
until(LAST_ACK, some=False)
""")
    outcome = trace.one("outcome", conn=1)
    check_equal((outcome["verdict"], outcome["cause"], outcome["cause_end"]), ("timed-out", "orphan-timeout", "server"))
    check("rfc" not in trace.one("state", end="server", to="CLOSED", source="kernel"), "no ACK of its FIN came")


@case
def data_meets_an_orphan():
    """The kernel aborts it and sends a RST; nobody sent it one."""
    trace = kernel_trace(DEAFEN + """
client, peer = pair(); deafen(client); peer.close(); client.send(b"late"); until(FIN_WAIT1, some=False)
""")
    ends(trace, "reset-by-server", "data-after-close", "server", trace.one("outcome", conn=1).get("errno"))
    check_equal({r["direction"] for r in trace.all("reset", end="server")}, {"sent"})


@case
def fin_behind_a_closed_window():
    """The client has closed, its FIN waits behind data: it is not sent, and only the server has closed."""
    trace = kernel_trace(DEAFEN + """
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
client, peer = pair(); client.setblocking(False)
try:
    while True: client.send(bytes(4096))
except BlockingIOError: pass
client.close(); time.sleep(.1); peer.shutdown(socket.SHUT_WR); time.sleep(1.5)
if os.fork() == 0:  # holds the socket until the trace has ended
    for number in 0, 1, 2: os.close(number)
    time.sleep(4 * slow); os._exit(0)
""".replace("4 * slow", str(4 * lib.SLOWDOWN)))
    outcome = trace.one("outcome", conn=1)
    check_equal((outcome["verdict"], outcome["closed_by"]), ("half-closed", "server"))
    check_equal({r.get("known") for r in trace.all("disagreement", end="client")}, {"fin-unsent"})


@case
def backlog_of_all_requests():
    """Without cookies a quarter of tcp_max_syn_backlog is kept for peers that are known."""
    trace = kernel_trace(SYSCTL + RAW + REQUESTS + """
sysctl("tcp_syncookies", 0)
sysctl("tcp_max_syn_backlog", 8)
server = listen(backlog=128)
for port in range(2000, 2012): syn(port)
while counter("ListenDrops") + requests() != 12: time.sleep(.001)
""")
    dropped = trace.all("queue", why="overflow")
    check(dropped, "nothing was dropped")
    check_equal({r["cause"] for r in dropped}, {"syn-backlog-full"})
    check_equal([r["drops"] for r in dropped], list(range(1, len(dropped) + 1)))
    check_equal({r["max_syn_backlog"] for r in dropped}, {8})
    ends(trace, "no-answer", "syn-backlog-full", conn=dropped[0]["conn"])
    finding = [f for f in trace.all("finding") if f["kind"] == "syn-queue-overflow"][-1]
    check_equal(finding["evidence"]["max_syn_backlog"], 8)
    check("(it was 0)" in finding["remedy"][0], finding["remedy"])


@case
def a_signature_is_refused():
    """TCP-MD5 (RFC 2385) that the SYN lacks, has though nobody asked for it, or made with another key."""
    trace = kernel_trace("""
others = []
def key(sock, text):
    address = struct.pack("=H2x", socket.AF_INET) + socket.inet_aton("127.0.0.1")
    sock.setsockopt(socket.IPPROTO_TCP, 14, struct.pack("=128sxxHi80s", address, len(text), 0, text))  # TCP_MD5SIG
pairs = (b"one", b""), (b"", b"one"), (b"one", b"other")
for i, (of_server, of_client) in enumerate(pairs):
    server = listen(port=7100 + i); client = socket.socket(); client.setblocking(False)
    if of_server: key(server, of_server)
    if of_client: key(client, of_client)
    client.connect_ex(("127.0.0.1", 7100 + i)); others.append((server, client))
for name in "NotFound", "Unexpected", "Failure": counted("TCPMD5" + name, 1)
""")
    check_equal(sorted(r["cause"] for r in trace.all("queue", why="overflow", drops=1)), ["signature-refused"] * 3)
    for conn in 1, 2, 3:
        ends(trace, "no-answer", "signature-refused", conn=conn)


@case
def a_key_changes():
    """The keys of an open connection differ from then on: not what its kernel waited for says why, but who dropped it."""
    trace = kernel_trace("""
def key(sock, text):
    address = struct.pack("=H2x", socket.AF_INET) + socket.inet_aton("127.0.0.1")
    sock.setsockopt(socket.IPPROTO_TCP, 14, struct.pack("=128sxxHi80s", address, len(text), 0, text))  # TCP_MD5SIG
server = listen(); key(server, b"one"); client = socket.socket(); key(client, b"one")
client.connect(("127.0.0.1", 7007)); peer, _ = server.accept()
client.send(b"x"); peer.recv(1)
client.%s1500); key(client, b"other"); client.send(b"lost")
try: client.recv(1)
except OSError: pass
counted("TCPMD5Failure", 2)
""" % USER_TIMEOUT)
    outcome = ends(trace, "timed-out", "signature-refused", "server")
    check(outcome["drops"] >= 2, outcome)
    check_equal({f["peer"] for f in trace.all("finding") if f["kind"] == "timed-out"}, {"127.0.0.1"})


# Its socket filter lets nothing through to TCP, as a packet filter would; what comes for it is in `ear`.
FILTERED = RAW + """
def deafen(sock):
    code = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0))  # BPF_RET 0
    sock.setsockopt(socket.SOL_SOCKET, 26, struct.pack("=HxxxxxxQ", 1, ctypes.addressof(code)))
ear = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP); ear.bind(("127.0.0.1", 0))
server = listen(); client = socket.socket(); client.setblocking(False)
"""


@case
def a_filter_refuses():
    trace = kernel_trace(FILTERED + """
deafen(server); client.connect_ex(("127.0.0.1", 7007))
number = struct.unpack("!I", ear.recv(200)[24:28])[0]
segment("127.0.0.1", 7007, client.getsockname()[1], RST | ACK, 0, number + 1); until(SYN_SENT, some=False)
""")
    ends(trace, "refused", "filter-reset", "server")


@case
def a_filter_refuses_where_nobody_listens():
    """Not for this address, as far as is known; but the host's own TCP would have told of its RST."""
    trace = kernel_trace(FILTERED + """
other = socket.socket(socket.AF_INET6); other.bind(("::", 7008)); other.listen(1)
deafen(other); client.connect_ex(("127.0.0.1", 7008))
number = struct.unpack("!I", ear.recv(200)[24:28])[0]
segment("127.0.0.1", 7008, client.getsockname()[1], RST | ACK, 0, number + 1); until(SYN_SENT, some=False)
""")
    if not lib.kernel_has("reasons of resets sent"):  # nor tells of those that no socket sends
        ends(trace, "refused", None)
        return
    ends(trace, "refused", "filter-reset", "server")
    finding = next(f for f in trace.all("finding") if f["kind"] == "refused")
    check("a packet filter did" in finding["text"], finding["text"])


@case
def a_timeout_is_cut_short():
    """What acknowledges something else shows SYN-SENT an end that is half open, and the SYN is sent again at once."""
    trace = kernel_trace(FILTERED + """
deafen(server); clients = []
def cut():
    clients.append(client := socket.socket()); client.setblocking(False)
    begin = time.monotonic(); client.connect_ex(("127.0.0.1", 7007)); port = client.getsockname()[1]
    while (packet := ear.recv(200))[20:22] != struct.pack("!H", port): pass
    segment("127.0.0.1", 7007, port, ACK, 77, struct.unpack("!I", packet[24:28])[0] + 99)
    return time.monotonic() - begin < 1
while not cut(): pass  # this machine stood still until the timeout
counted("TCPTimeouts", counter("TCPTimeouts") + 1)
""")
    fired = [r for r in trace.all("timer", name="retransmit") if r["rto_ns"] == 10 ** 9]
    check(any(0 < r["waited_ns"] < r["rto_ns"] for r in fired), fired)


@case
def a_filter_resets():
    """In the middle: the server's kernel holds on to the connection."""
    trace = kernel_trace(FILTERED + """
client.setblocking(True); client.connect(("127.0.0.1", 7007)); peer, _ = server.accept()
client.send(b"x"); packet = ear.recv(200)
while packet[-1:] != b"x": packet = ear.recv(200)
number, acked = struct.unpack("!II", packet[24:32]); peer.recv(1)
deafen(peer); segment("127.0.0.1", 7007, client.getsockname()[1], RST | ACK, acked, number + 1)
while client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO) != 7: time.sleep(.001)  # TCP_CLOSE
time.sleep(1.2); listen(port=7008)  # a difference is told when it has lasted
""")
    check_equal({r.get("known") for r in trace.all("disagreement", end="server")} - {"reset-foreign"}, set())
    ends(trace, "reset-by-server", "filter-reset", "server")


@case
def a_syn_ack_is_lost_behind_the_capture():
    trace = kernel_trace(FILTERED + """
deafen(client); client.connect_ex(("127.0.0.1", 7007)); ear.recv(200); ear.recv(200); client.close()
""")
    check_equal({r.get("known") for r in trace.all("disagreement", end="client")}, {"segment-lost"})


@case
def accept_is_deferred():
    trace = kernel_trace("""
server = listen(); server.setsockopt(socket.IPPROTO_TCP, 9, 5)  # TCP_DEFER_ACCEPT
client = connect(); counted("TCPDeferAcceptDrop", 1)
""")
    check("deferred" in {r["why"] for r in trace.all("queue")}, trace.all("queue"))
    check_equal(trace.all("queue", why="overflow"), [])
    check_equal({r.get("known") for r in trace.all("disagreement", end="server")} - {"deferred"}, set())


@case
def cookie_meets_a_full_queue():
    """There is no request, and no socket: nothing of the server is ESTABLISHED."""
    trace = kernel_trace(SYSCTL + RAW + """
sysctl("tcp_syncookies", 2)
ear = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP); ear.bind(("127.9.9.9", 0))
server = listen(backlog=0)
syn(1234)
number = struct.unpack("!I", ear.recv(200)[24:28])[0]
one = connect(); queued(server, 1)
segment("127.9.9.9", 1234, 7007, ACK, 1001, number + 1); counted("ListenOverflows", 1)
""")
    conn = next(r["conn"] for r in trace.all("connection") if r["client"]["port"] == 1234)
    ends(trace, "handshake-incomplete", "accept-queue-full", conn=conn)
    check_equal(trace.one("outcome", conn=conn)["final"]["server"], "SYN-RECEIVED")


@case
def connect_is_deferred():
    """With TCP_FASTOPEN_CONNECT and a cookie the SYN is sent by a later call, here of another thread."""
    trace = kernel_trace(SYSCTL + """
import threading
sysctl("tcp_fastopen", 3)
server = listen(); server.setsockopt(socket.IPPROTO_TCP, 23, 5)  # TCP_FASTOPEN
def put_off():
    client = socket.socket(); client.setsockopt(socket.IPPROTO_TCP, 30, 1)  # TCP_FASTOPEN_CONNECT
    client.connect(("127.0.0.1", 7007))
    return client
first = put_off(); first.send(b"x"); server.accept()[0].recv(1)  # brings the cookie
second = put_off()
thread = threading.Thread(target=second.send, args=(b"y",)); thread.start(); thread.join()
server.accept()[0].recv(1)
print("pid", os.getpid())
""")
    for connection in trace.all("connection"):
        state = trace.all("state", conn=connection["conn"], end="client", source="kernel")[0]
        check_equal((state["from"], state["to"], state["how"]), ("CLOSED", "SYN-SENT", "observed"))
        check("owner" in state, state)


def owner_gone(trace):
    return [finding for finding in trace.all("finding") if finding["kind"] == "owner-gone"]


@case
def listener_changes_hands():
    """Who opened it ends; the child that holds it is its owner then."""
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", "new", "-q", "-o", path, "--", *lib.script("""
out, into = os.pipe()
if os.fork() == 0:
    server = listen()
    if os.fork() == 0:
        sys.stdin.readline(); os.write(into, b"x"); os._exit(0)
    os._exit(0)
os.wait(); os.read(out, 1)
"""))
        lib.wait_trace(path, '"opened_by"')
        tracer.say()
        check_equal(tracer.wait(), 0, tracer.stderr)
        trace = lib.read_trace(path)
    listeners = trace.all("listener")
    check("opened_by" not in listeners[0], listeners[0])
    changed = [r for r in listeners if "opened_by" in r]
    check(changed, "nobody was said to have taken it over")
    check_equal(changed[0]["opened_by"]["pid"], listeners[0]["owner"]["pid"])
    check(changed[0]["owner"]["pid"] != listeners[0]["owner"]["pid"], changed[0])
    check_equal([f["count"] for f in owner_gone(trace)][-1:], [1])


@case
def children_take_connections():
    """Children of who listens call accept(), as in prefork: that is no owner that has gone."""
    trace = kernel_trace("""
server = listen()
if os.fork() == 0:
    for i in range(2):
        server.accept()[0].recv(1)
    time.sleep(1.5); os._exit(0)
for i in range(2):
    socket.create_connection(server.getsockname()).send(b"x")
os.wait()
""")
    check_equal(len(trace.all("outcome")), 2)
    check_equal(owner_gone(trace), [])


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
