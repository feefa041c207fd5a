#!/usr/bin/env python3
"""Tests of the kernel witness: queues that overflow, requests that end in every way, minisocks, resets, timers, calls,
what existed before, and what was lost.

Usage: witness_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO
"""
import contextlib
import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import (ACTIVE, CLOSES_FIRST, CLOSES_SECOND, PASSIVE, case, check, check_equal, script, trace_of)
from scenes import RAW, REQUESTS, SYSCTL, kernel_trace, why

# --- queues -------------------------------------------------------------------------------------


@case
def accept_overflow_holds_one_more():
    """A backlog of 1 holds two; every further SYN is dropped, counted, and tied to the connection that suffers."""
    trace = kernel_trace("""
server = listen(backlog=1)
held = [connect(), connect()]; queued(server, 2)
late = socket.socket(); late.setblocking(False)
late.connect_ex(("127.0.0.1", 7007))
counted("ListenOverflows", 2)  # its SYN has been sent again
""")
    listener = trace.all("listener")[0]
    check_equal((listener["backlog"], listener["limit"]), (1, 2))
    full = trace.all("queue", why="overflow")
    check(len(full) >= 2, "the SYN and its retransmission, got", full)
    check_equal({r["conn"] for r in full}, {3})
    check_equal({(r["accept"], r["limit"], r["syn"]) for r in full}, {(2, 2, 0)})
    check_equal([r["drops"] for r in full], list(range(1, len(full) + 1)))
    check_equal(trace.path(3, "client"), "SYN-SENT CLOSED")
    check_equal(trace.path(3, "server"), "")
    fired = trace.all("timer", conn=3, name="retransmit")
    check(fired and fired[0]["fired"] and fired[0]["rto_ns"] == 10 ** 9, "the first timeout of a SYN is 1 s:", fired)
    check(fired[0]["waited_ns"] > 9 * 10 ** 8, "it fired then:", fired)
    check_equal(trace.one("outcome", conn=3)["verdict"], "no-answer")


@case
def listens_again():
    trace = kernel_trace("server = listen(backlog=5); server.listen(9); c = connect(); server.accept()")
    check_equal([(r["backlog"], r["limit"]) for r in trace.all("listener") if not r.get("closed")], [(5, 6), (9, 10)])
    check_equal({r["limit"] for r in trace.all("queue")}, {10})


@case
def backlog_is_clamped_by_somaxconn():
    trace = kernel_trace("""
open("/proc/sys/net/core/somaxconn", "w").write("7")
server = listen(backlog=100); connect()
""")
    check_equal(trace.all("listener")[0]["limit"], 8)


@case
def each_listener_of_a_group_has_its_queues():
    trace = kernel_trace("""
group = [listen(reuse_port=True) for _ in range(2)]
held = [connect() for _ in range(20)]
while sum(map(depth, group)) != 20: time.sleep(.001)
""")
    depths = {l["listener"]: 0 for l in trace.all("listener")}
    check_equal(len(depths), 2)
    for r in trace.all("queue"):
        depths[r["listener"]] = max(depths[r["listener"]], r["accept"])
    check_equal(sum(depths.values()), 20)


@case
def listener_closed_with_children_queued():
    trace = kernel_trace("""
server = listen(); held = [connect(), connect()]; queued(server, 2)
server.close(); until(ESTABLISHED, some=False)
""")
    closed = trace.one("queue", why="closed")
    check_equal((closed["accept"], closed["syn"]), (2, 0))
    for conn in (1, 2):
        check_equal(trace.path(conn, "server"), PASSIVE + " CLOSED")
        check_equal(trace.path(conn, "client"), ACTIVE + " CLOSED")
        check_equal([r["direction"] for r in trace.all("reset", conn=conn)], ["sent", "received"])
        trace.check_outcome(conn, "reset-by-server", "CLOSED", "CLOSED")


# --- requests -----------------------------------------------------------------------------------


@case
def syn_cookie():
    """With cookies there is no request sock: the connection appears at the ACK."""
    trace = kernel_trace(SYSCTL + """
sysctl("tcp_syncookies", 2)
server = listen(); client = connect(); queued(server, 1); peer, _ = server.accept(); client.close(); rest(peer); peer.close()
until(TIME_WAIT); until(LAST_ACK, some=False)
""")
    check_equal(why(trace), ["cookie", "established", "accept"])
    check_equal({r["syn"] for r in trace.all("queue")}, {0})
    trace.check_paths(1, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND)
    check_equal(trace.all("state", end="server", to="SYN-RECEIVED", source="kernel")[0]["kernel"]["object"], "sock")


@case
def request_gives_up():
    """A SYN whose SYN,ACK is never answered: retries, then the request expires."""
    trace = kernel_trace(SYSCTL + RAW + """
sysctl("tcp_synack_retries", 1)
server = listen()
syn(1234)
counted("RetransSegs", 1); until(SYN_RECV, some=False)  # 1 s until the retry, 2 s until it is given up
""")
    check_equal(why(trace), ["syn", "expired"])
    check_equal([r["syn"] for r in trace.all("queue")], [1, 0])
    check_equal([r["name"] for r in trace.all("timer", conn=1, fired=True)], ["syn-ack", "syn-ack"])
    check_equal(trace.path(1, "server"), "SYN-RECEIVED CLOSED")
    closed = trace.all("state", end="server", to="CLOSED")[0]
    check_equal(trace.by_n[closed["because"]]["name"], "syn-ack")
    check_equal(trace.one("outcome")["verdict"], "handshake-incomplete")


@case
def syn_flood_without_cookies():
    """The SYN queue fills to its limit; what comes then is dropped and counted."""
    trace = kernel_trace(SYSCTL + RAW + REQUESTS + """
sysctl("tcp_syncookies", 0)
sysctl("tcp_max_syn_backlog", 8)
server = listen(backlog=8)
for port in range(2000, 2040):
    syn(port)
while counter("ListenDrops") + requests() != 40: time.sleep(.001)
""")
    taken, dropped = trace.all("queue", why="syn"), trace.all("queue", why="overflow")
    check_equal(len(taken) + len(dropped), 40)
    check(0 < len(taken) <= 9, "the queue holds at most what it is allowed:", len(taken))
    check_equal(max(r["syn"] for r in taken), len(taken))
    check_equal(dropped[-1]["drops"], len(dropped))
    check_equal(len({r["conn"] for r in dropped}), len(dropped))


@case
def syn_flood_with_cookies():
    trace = kernel_trace(SYSCTL + RAW + REQUESTS + """
sysctl("tcp_syncookies", 1)
server = listen(backlog=4)
for port in range(2000, 2040):
    syn(port)
while counter("SyncookiesSent") + requests() != 40: time.sleep(.001)
""")
    kinds = [w for w in why(trace) if w != "closed"]
    check_equal(set(kinds), {"syn", "cookie"})
    check_equal(len(kinds), 40)
    check(kinds.count("syn") <= 5, "requests beyond the backlog:", kinds)


# --- minisocks ----------------------------------------------------------------------------------


@case
def time_wait_is_reused():
    trace = kernel_trace(SYSCTL + """
server = listen()
def use():
    client = socket.socket(); client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    client.bind(("127.0.0.1", 40000)); client.connect(("127.0.0.1", 7007))
    peer, _ = server.accept(); peer.close(); rest(client); client.close()
    until(TIME_WAIT); until(LAST_ACK, some=False)
use(); time.sleep(1.1); use()  # not before the time stamps have moved on
""")
    check_equal([r["conn"] for r in trace.all("connection")], [1, 2])
    over = trace.one("timer", conn=1, cancelled=True)
    check_equal((over["name"], over["end"], over["why"]), ("time-wait", "server", "reused"))
    check_equal(trace.path(1, "server"), PASSIVE + CLOSES_FIRST + " CLOSED")
    check_equal(trace.path(2, "server"), PASSIVE + CLOSES_FIRST)


@case
def fin_wait_2_orphan_gets_late_data():
    """After close() nobody can read: data that still comes is answered with a RST."""
    trace = kernel_trace("""
server = listen(); client = connect(); peer, _ = server.accept()
client.close()
while peer.recv(1): pass
until(FIN_WAIT2); peer.send(b"late"); until(CLOSE_WAIT, some=False)
""")
    check_equal(trace.path(1, "client"), ACTIVE + " FIN-WAIT-1 FIN-WAIT-2 CLOSED")
    check_equal(trace.path(1, "server"), PASSIVE + " CLOSE-WAIT CLOSED")
    resets = [(r["end"], r["direction"]) for r in trace.all("reset")]
    # where the kernel tells only of RSTs that a full socket sends, it depends on which of the two the end is still
    if lib.kernel_has("reasons of resets sent") or ("client", "sent") in resets:
        check_equal(resets, [("client", "sent"), ("server", "received")])
    else:
        check_equal(resets, [("server", "received")])


@case
def fin_wait_2_becomes_time_wait():
    """Both are in the minisock, and the FIN between them may move no timer."""
    trace = kernel_trace("""
server = listen(); client = connect(); peer, _ = server.accept()
client.close(); until(FIN_WAIT2); rest(peer); peer.close(); until(TIME_WAIT)
""")
    check_equal(trace.path(1, "client"), ACTIVE + CLOSES_FIRST)
    check_equal([r["name"] for r in trace.all("timer", conn=1, end="client")], ["fin-wait-2", "time-wait"])
    fin = trace.by_n[trace.one("state", source="kernel", end="client", to="TIME-WAIT")["because"]]
    check_equal((fin["from"], "FIN" in fin["flags"]), ("server", True))


@case
def fin_wait_2_expires():
    trace = kernel_trace(SYSCTL + """
sysctl("tcp_fin_timeout", 1)
server = listen(); client = connect(); peer, _ = server.accept()
client.close(); until(FIN_WAIT1, some=False); until(FIN_WAIT2, some=False)
""")
    check_equal(trace.path(1, "client"), ACTIVE + " FIN-WAIT-1 FIN-WAIT-2 CLOSED")
    timers = trace.all("timer", conn=1, name="fin-wait-2")
    # without a minisock if the ACK of the FIN came while close() still held the socket
    if trace.all("object", conn=1, end="client", to="timewait"):
        check("expires" in timers[0], timers)
    check(timers[-1].get("fired"), timers)


@case
def minisock_ended_between_deadline_and_timer():
    """The kernel's wheel of timers is up to an eighth late: what ends a minisock then is no timer."""
    trace = kernel_trace(SYSCTL + """
sysctl("tcp_fin_timeout", 8)
server = listen(); waiting = []
for _ in range(4):
    client = connect(); peer, _ = server.accept(); client.close()
    waiting.append((time.monotonic() + 8.02, peer))
    time.sleep(.06)
for deadline, peer in waiting:
    time.sleep(max(0, deadline - time.monotonic()))
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)); peer.close()
time.sleep(1.5)
""")
    for connection in trace.all("connection"):
        check_equal(trace.path(connection["conn"], "client"), ACTIVE + " FIN-WAIT-1 FIN-WAIT-2 CLOSED")
        timers = trace.all("timer", conn=connection["conn"], name="fin-wait-2")
        check_equal([r for r in timers if r.get("fired") or r.get("cancelled")], timers[1:])
        check_equal(len(timers), 2)


@case
def syn_comes_again():
    """The request stays what it is; only its timer is put off."""
    trace = kernel_trace(RAW + """
server = listen(); other = connect(); peer, _ = server.accept()
syn(1234)
for _ in range(2):
    time.sleep(.05)  # else the timer has nowhere to go
    segment("127.9.9.9", 1234, 7007, SYN, 1000)
other.send(b"x"); peer.recv(1); segment("127.9.9.9", 1234, 7007, RST, 1001); until(SYN_RECV, some=False)
""")
    conn = next(r["conn"] for r in trace.all("connection") if r["client"]["addr"] == "127.9.9.9")
    check_equal([r["syn"] for r in trace.all("queue", conn=conn)], [1, 0])
    check_equal(trace.path(conn, "server"), "SYN-RECEIVED CLOSED")
    check_equal([r for r in trace.all("queue") if r["why"] == "overflow"], [])


@case
def fast_retransmission_is_no_timer():
    trace = kernel_trace(RAW + """
ear = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
ear.bind(("127.9.9.9", 0))
server = listen(); peers = []
def fast(port):
    syn(port)
    while (packet := ear.recv(2000))[33] != SYN | ACK or packet[22:24] != struct.pack("!H", port): pass
    number = struct.unpack("!I", packet[24:28])[0] + 1
    acks = [made("127.9.9.9", port, 7007, ACK, 1001, number + n) for n in [500] * 5 + [4000]]
    segment("127.9.9.9", port, 7007, ACK, 1001, number)
    peers.append(server.accept()[0]); peers[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(8):
        peers[-1].send(bytes(500))
    for packet in acks:
        raw.sendto(packet, ("127.0.0.1", 0))
for port in range(1234, 1254):
    fast(port)
    if counter("TCPFastRetrans"): break  # else the timer was before it, and nothing is sent fast then
else:
    raise SystemExit("nothing was sent again fast")
""")
    again = [r for r in trace.all("segment") if "retransmission" in r.get("notes", [])]
    check(again, "the kernel sent again, and no packet told of it:", trace.all("segment"))
    check(len(trace.all("timer", name="retransmit")) < len(again), "a timer of what the kernel counted as sent fast:", again)
    # it is called fast up to 20 ms after what asked for it, and a processor that stands still can be later
    asked = {(r["conn"], r["ack"]): r["t"] for r in trace.all("segment") if r.get("dup_ack") == 3}
    for r in again:
        if 0 < r["t"] - asked.get((r["conn"], r["seq"]), 0) < 20 * 10 ** 6:
            check("fast-retransmission" in r["notes"], "duplicate ACKs asked for it:", r)


@case
def fin_wait_2_longer_than_time_wait():
    """The full socket waits for what tcp_fin_timeout is longer than 60 s, then the minisock for as long again."""
    trace = kernel_trace(SYSCTL + """
sysctl("tcp_fin_timeout", 61)
server = listen(); client = connect(); peer, _ = server.accept()
client.close(); until(FIN_WAIT1, some=False); until(FIN_WAIT2, some=False)
""")
    check_equal(trace.path(1, "client"), ACTIVE + " FIN-WAIT-1 FIN-WAIT-2 CLOSED")
    timers = trace.all("timer", conn=1, name="fin-wait-2")
    check_equal([bool(timer.get("fired")) for timer in timers], [True, False, True])


# --- every way to end ---------------------------------------------------------------------------


@case
def unread_data_makes_close_a_reset():
    trace = kernel_trace("""
server = listen(); client = connect(); peer, _ = server.accept()
client.send(b"unread"); peer.recv(6, socket.MSG_PEEK | socket.MSG_WAITALL); peer.close(); until(ESTABLISHED, some=False)
""")
    check_equal(trace.path(1, "server"), PASSIVE + " CLOSED")
    check_equal(trace.path(1, "client"), ACTIVE + " CLOSED")
    trace.check_outcome(1, "reset-by-server", "CLOSED", "CLOSED")
    # the kernel tells of it after it has gone through loopback
    check_equal([r["direction"] for r in trace.all("reset")], ["sent", "received"])


@case
def self_connect():
    """A socket that connects to itself: simultaneous open, one socket at both ends."""
    trace = kernel_trace("""
s = socket.socket(); s.bind(("127.0.0.1", 40000)); s.connect(("127.0.0.1", 40000)); s.send(b"x"); s.recv(1); s.close()
until(TIME_WAIT)
""")
    check_equal([r["conn"] for r in trace.all("connection")], [1])
    path = trace.path(1, "client")
    check(path.startswith("SYN-SENT SYN-RECEIVED ESTABLISHED"), path)
    check("CLOSING" in path and path.endswith("TIME-WAIT"), path)
    for end in ("client", "server"):
        check_equal([r["to"] for r in trace.all("state", end=end, source="wire")],
                    ["SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "CLOSING", "TIME-WAIT"])
    check_equal(trace.one("outcome")["bytes"], {"client": 1, "server": 1})


@case
def simultaneous_close():
    """Both FINs are under way before either arrives: each end goes through CLOSING."""
    trace = kernel_trace("""
import subprocess
server = listen(); client = connect(); peer, _ = server.accept()
subprocess.run(["ip", "link", "set", "lo", "down"], check=True)
client.shutdown(socket.SHUT_WR); peer.shutdown(socket.SHUT_WR)
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
for state in FIN_WAIT1, CLOSING: until(state, some=False)  # both FINs have been sent again
""")
    for end in ("client", "server"):
        path = trace.path(1, end)
        check("FIN-WAIT-1" in path and path.split()[-1] in ("TIME-WAIT", "CLOSED"), end, path)
    check(any("CLOSING" in trace.path(1, end) for end in ("client", "server")), "no end was CLOSING")


@case
def nobody_answers():
    trace = kernel_trace(SYSCTL + RAW + """
sysctl("tcp_syn_retries", 1)
other = deaf("127.9.9.9", 7007)
try: connect("127.9.9.9")
except OSError as e: print(e.strerror)
""")
    check_equal(trace.path(1, "client"), "SYN-SENT CLOSED")
    check_equal(trace.one("outcome")["verdict"], "no-answer")
    counts = [r["count"] for r in trace.all("timer", name="retransmit")]
    check(counts, "no retransmission was seen")
    check_equal(counts, list(range(1, len(counts) + 1)))


@case
def keepalive():
    trace = kernel_trace("""
server = listen(); client = connect(); peer, _ = server.accept()
client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
counted("TCPKeepAlive", 1); counted("InSegs", counter("OutSegs"))
""")
    check(trace.all("timer", name="keepalive", fired=True, end="client"), "the keep-alive timer was not seen to fire")
    check(any("keep-alive" in r.get("notes", []) for r in trace.all("segment")), "no probe on the wire")


# --- calls --------------------------------------------------------------------------------------


@case
def calls():
    trace = kernel_trace("""
server = listen(backlog=3); client = connect(); peer, _ = server.accept()
client.send(b"hello"); peer.recv(100); client.shutdown(socket.SHUT_WR); rest(peer); peer.close(); client.close()
""", "--calls")
    made = [(r["name"], r.get("end")) for r in trace.all("call")]
    for expected in (("socket", None), ("bind", None), ("listen", None), ("connect", "client"), ("accept4", "server"),
                     ("sendto", "client"), ("recvfrom", "server"), ("shutdown", "client"), ("close", "server")):
        check(expected in made, expected, "is not among", made)
    check_equal(trace.one("call", name="listen")["args"], {"backlog": 3})
    check_equal(trace.one("call", name="shutdown")["args"], {"how": "SHUT_WR"})
    sent = trace.one("call", name="sendto")
    check_equal((sent["ret"], sent["args"]), (5, {"len": 5}))
    check(all(r["duration_ns"] > 0 for r in trace.all("call")), "a call without duration")
    # the calls on one socket are tied together, also those before there was a connection
    listening = trace.one("call", name="listen")["socket"]
    check_equal([r["name"] for r in trace.all("call", socket=listening)][:2], ["socket", "setsockopt"])
    causes = {(r["end"], r["to"]): r.get("call") for r in trace.all("state", source="kernel")}
    check_equal(causes["client", "SYN-SENT"], "connect")
    check_equal(causes["client", "FIN-WAIT-1"], "shutdown")
    check_equal(causes["server", "LAST-ACK"], "close")
    check_equal(causes["server", "ESTABLISHED"], None)


@case
def failed_call():
    trace = kernel_trace("""
server = listen(); server.close()
s = socket.socket()
try: s.connect(("127.0.0.1", 7007))
except OSError: pass
s.close()
""", "--calls")
    call = trace.one("call", name="connect")
    check_equal((call["ret"], call["errno"]), (-1, "ECONNREFUSED"))
    # the socket is nobody's any more when the call returns
    check_equal([(r.get("conn"), r.get("end"), r.get("listener")) for r in trace.all("call") if r["name"] in ("connect", "close")],
                [(None, None, 1), (1, "client", None), (1, "client", None)])


# --- before the trace, and what was lost --------------------------------------------------------


EXISTS = """
import subprocess
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
server = listen(backlog=3)
a = connect(); peer_a, _ = server.accept()
b = connect(); peer_b, _ = server.accept(); b.close(); peer_b.recv(1); peer_b.close()
c = connect(); peer_c, _ = server.accept(); c.shutdown(socket.SHUT_WR); peer_c.recv(1)
waiting = connect(); queued(server, 1)
ready(os.getpid())
sys.stdin.readline()
a.close(); rest(peer_a); peer_a.close()
sys.stdin.readline()
"""


@case
def existed_before():
    with contextlib.ExitStack() as stack:
        program = lib.Running(["unshare", "-n", *script(EXISTS)], stack)
        pid = program.wait_line(r"^ready (\d+)")[1]
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", pid, "--quiet", "--output", path)
        lib.wait_trace(path, '"ESTABLISHED"')
        program.say()
        lib.wait_trace(path, '"from":"LAST-ACK","to":"CLOSED","how":"observed"')
        tracer.interrupt()
        check_equal(tracer.wait(), 0)
        program.say()
        trace = lib.read_trace(path)
    listener = trace.all("listener")[0]
    check_equal((listener["since"], listener["backlog"], listener["owner"]["pid"]), ("before-trace", 3, int(pid)))
    check_equal({r.get("since") for r in trace.all("connection")}, {"before-trace"})
    check_equal(len(trace.all("connection")), 4)
    first = {}
    for r in trace.all("state", source="kernel"):
        first.setdefault((r["conn"], r["end"]), r)
    check_equal(sorted(r["to"] for r in first.values()),
                sorted(["ESTABLISHED"] * 4 + ["CLOSE-WAIT", "FIN-WAIT-2", "TIME-WAIT"]))
    owners = {r["owner"]["pid"] for r in first.values() if r["to"] not in ("TIME-WAIT",) and "owner" in r}
    check_equal(owners, {int(pid)})
    closed = [c["conn"] for c in trace.all("connection") if "LAST-ACK" in trace.path(c["conn"], "server")]
    check_equal(len(closed), 1)
    check_equal(trace.path(closed[0], "server").split()[-3:], ["CLOSE-WAIT", "LAST-ACK", "CLOSED"])


@case
def losses_add_up():
    """With almost no room events are lost: counted per hook, placed in the trace, and told by the exit status. What ended
    meanwhile is not told as open: its sockets are looked for."""
    text = """
server = listen()
for _ in range(int(sys.argv[1])):
    client = connect(); peer, _ = server.accept(); client.close(); rest(peer); peer.close()
time.sleep(1.5)  # what has been told of within a second is left as it is
"""
    trace, _ = trace_of(script(text, round(3000 / lib.SLOWDOWN)), "--source", "kernel", "--buffer", "4", status=4)
    gaps = trace.all("gap")
    check(gaps, "nothing was lost with a buffer of 4 KiB")
    check_equal(sum(g["lost"] for g in gaps), trace.end["lost"]["kernel"])
    check(all(g["hook"] and g["from"] <= g["to"] for g in gaps))
    check_equal([o for o in trace.all("outcome") if o["verdict"] in ("still-open", "half-closed")], [])
    check([r for r in trace.all("state") if r["how"] == "assumed" and r["to"] == "CLOSED"], "nothing was missed")


@case
def listeners_without_room_are_counted():
    """What more listeners than the kernel side remembers refuse is not told: that is."""
    if lib.SLOWDOWN > 1:
        return  # an emulated machine takes a minute for them, and counts no differently
    trace = kernel_trace("""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
held = [listen(f"127.0.0.{host}", port) for port in range(10000, 10256) for host in range(1, 65)]
held += [listen("127.0.1.1", port) for port in range(10000, 10003)]
while held: held.pop().close()
one = listen()
""", "--source", "kernel", status=4)
    gaps = [r for r in trace.all("gap") if r["hook"] == "listeners"]
    check_equal(sum(r["lost"] for r in gaps), 3)
    check_equal(trace.end["lost"]["kernel"], 3)


@case
def nothing_is_lost_by_default():
    text = """
server = listen(backlog=64)
for _ in range(int(sys.argv[1])):
    client = connect(); peer, _ = server.accept(); client.close(); rest(peer); peer.close()
"""
    count = round(2000 / lib.SLOWDOWN)

    def judge():
        trace, _ = trace_of(script(text, count), "--source", "kernel")
        check_equal(trace.end["lost"]["kernel"], 0)
        check_equal(len(trace.all("outcome")), count)
        check_equal({(r["verdict"], r["final"]["server"]) for r in trace.all("outcome")}, {("closed-normally", "CLOSED")})

    lib.unless_withheld(judge)


# --- doctor -------------------------------------------------------------------------------------


@case
def doctor_as_root():
    done = lib.run("doctor")
    check_equal((done.status, done.stderr), (0, ""))
    lines = done.stdout.splitlines()
    for part in ("CAP_BPF", "kernel witness", "wire witness", "hook inet_sock_set_state", "--netns new"):
        check(any(line.startswith("ok ") and part in line for line in lines), part, "is not ok in", lines)


@case
def doctor_without_rights():
    done = lib.run("doctor", before=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
    check_equal((done.status, done.stderr), (3, ""))
    for part in ("CAP_BPF", "CAP_PERFMON", "CAP_SYSLOG", "CAP_NET_RAW", "kernel witness", "wire witness"):
        check(any(line.startswith("missing ") and part in line and ": " in line for line in done.stdout.splitlines()),
              part, "is not missing in", done.stdout)


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
