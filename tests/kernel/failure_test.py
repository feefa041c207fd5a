#!/usr/bin/env python3
"""Tests of the kernel witness: what goes wrong with a connection, and how the kernel gives it up.

Usage: failure_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO
"""
import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import ACTIVE, CLOSES_FIRST, PASSIVE, case, check, check_equal
from scenes import LATE_ACK, RAW, SYSCTL, kernel_trace, why

# Whatever is sent from here on gets lost.
CUT = """
import subprocess
def cut():
    subprocess.run(["ip", "link", "set", "lo", "down"], check=True)
"""


@case
def user_timeout():
    trace = kernel_trace(CUT + """
server = listen(); client = connect(); peer, _ = server.accept()
client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 600)
cut(); client.send(b"lost")
try: client.recv(1)
except OSError as e: print(e.errno)
""", "--calls")
    check_equal(trace.path(1, "client"), ACTIVE + " CLOSED")
    fired = trace.all("timer", conn=1, end="client", name="retransmit", fired=True)
    check(fired, "no retransmission")
    received = [r for r in trace.all("call", name="recvfrom") if r["ret"] < 0]
    check_equal([r["errno"] for r in received], ["ETIMEDOUT"])
    check("TCP_USER_TIMEOUT" in [r["args"].get("option") for r in trace.all("call", name="setsockopt")], "not told")


@case
def connect_times_out():
    trace = kernel_trace(SYSCTL + RAW + """
sysctl("tcp_syn_retries", 1)
other = deaf("127.9.9.9", 7007)
try: connect("127.9.9.9")
except OSError: pass
""", "--calls")
    check_equal(trace.path(1, "client"), "SYN-SENT CLOSED")
    # Python's connect() has a time limit: it does not block, and getsockopt() brings what came of it
    check_equal(trace.one("outcome")["verdict"], "no-answer")
    syns = [r for r in trace.all("segment", conn=1) if r["flags"] == ["SYN"]]
    # how many depends on tcp_syn_linear_timeouts too, which older kernels lack
    check(len(syns) >= 2, "the SYN was not sent again")
    check_equal([r.get("notes") for r in syns], [None] + [["retransmission"]] * (len(syns) - 1))
    check_equal([r["count"] for r in trace.all("timer", name="retransmit", fired=True)], list(range(1, len(syns))))


@case
def accept_queue_is_full():
    """Nobody calls accept(): a SYN finds the queue full, each time that it is sent."""
    trace = kernel_trace(SYSCTL + """
sysctl("tcp_syn_retries", 1)
server = listen(backlog=0)
first = connect(); queued(server, 1)
try: connect()
except OSError: pass
""")
    outcome = trace.one("outcome", conn=2)
    check_equal((outcome["verdict"], outcome["cause"], outcome["listener"]), ("no-answer", "accept-queue-full", 1))
    drops = len(trace.all("queue", conn=2, why="overflow"))
    check(drops >= 2, "the SYN was not dropped twice")
    check_equal(outcome["drops"], drops)
    check(f" The accept queue of L1 was full, its SYN was dropped {drops} times." in outcome["text"], outcome["text"])


@case
def listener_closes_before_accept():
    trace = kernel_trace("""
server = listen(); client = connect(); queued(server, 1); server.close()
try: client.recv(1)
except ConnectionResetError: pass
""")
    outcome = trace.one("outcome")
    check_equal((outcome["verdict"], outcome["cause"], outcome["listener"]), ("reset-by-server", "listener-closed", 1))


@case
def nobody_listens():
    trace = kernel_trace("""
try: connect()
except ConnectionRefusedError: pass
""")
    outcome = trace.one("outcome")
    cause, because = None, " Why was not seen."
    if lib.kernel_has("reasons of resets sent"):
        cause, because = "no-listener", " Nobody listens on that port."
    check_equal((outcome["verdict"], outcome.get("cause")), ("refused", cause))
    check_equal(outcome["text"], "Refused: a RST answered the client's SYN." + because)


@case
def orphan_gives_up():
    """Nobody reads any more, and nobody acknowledges the FIN."""
    trace = kernel_trace(SYSCTL + CUT + """
sysctl("tcp_orphan_retries", 1)
server = listen(); client = connect(); peer, _ = server.accept()
cut(); client.close()
until(FIN_WAIT1, some=False)
""")
    check_equal(trace.path(1, "client"), ACTIVE + " FIN-WAIT-1 CLOSED")
    check(trace.all("timer", conn=1, end="client", name="retransmit", fired=True), "the FIN was not sent again")


@case
def full_accept_queue_drops_the_ack():
    trace = kernel_trace(LATE_ACK)
    dropped = trace.one("queue", why="overflow")
    suffers = next(r["conn"] for r in trace.all("connection") if r["client"]["port"] == 1234)
    check_equal((dropped["conn"], dropped["accept"], dropped["limit"]), (suffers, 1, 1))
    check(dropped["drops"] in (1, 2), "tcp_listendrop(), and some kernels count the packet too:", dropped)
    check_equal(trace.path(suffers, "server").split()[0], "SYN-RECEIVED")
    check_equal([r for r in trace.all("reset", conn=suffers) if r["t"] < dropped["t"] + 10 ** 6], [])


@case
def full_accept_queue_aborts():
    """tcp_abort_on_overflow: the ACK is answered with a RST, and the request is gone."""
    text = LATE_ACK.replace("server = listen", 'sysctl("tcp_abort_on_overflow", 1)\nserver = listen', 1)
    trace = kernel_trace(text + "while not ear.recv(200)[33] & RST: pass\n")
    suffers = next(r["conn"] for r in trace.all("connection") if r["client"]["port"] == 1234)
    check_equal(trace.path(suffers, "server"), "SYN-RECEIVED CLOSED")
    check_equal([w for w in why(trace, conn=suffers) if w != "overflow"], ["syn", "dropped"])
    rst = [r for r in trace.all("segment", conn=suffers) if "RST" in r["flags"]]
    check_equal([r["from"] for r in rst], ["server"])
    outcome = trace.one("outcome", conn=suffers)
    check_equal((outcome["cause"], outcome["abort_on_overflow"]), ("accept-queue-full", True))
    check("net.ipv4.tcp_abort_on_overflow is set" in outcome["text"], outcome["text"])
    finding = [f for f in trace.all("finding") if f["kind"] == "accept-queue-overflow"][-1]
    check("tcp_abort_on_overflow to 0" in finding["remedy"][0], finding)


@case
def reset_ends_time_wait():
    """RFC 1337 asks to ignore it; Linux does only where it is told to."""
    text = SYSCTL + RAW + """
sysctl("tcp_rfc1337", %d)
server = listen(); client = connect(); peer, _ = server.accept()
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21
peer.setsockopt(6, TCP_REPAIR, 1); peer.setsockopt(6, TCP_REPAIR_QUEUE, 2)
number = peer.getsockopt(6, TCP_QUEUE_SEQ) & 0xffffffff
peer.setsockopt(6, TCP_REPAIR, -1)  # without a probe
port = client.getsockname()[1]
client.close(); rest(peer); peer.close()
until(TIME_WAIT); until(LAST_ACK, some=False)  # another processor may have the RST before the FIN
received = counter("InSegs")
segment("127.0.0.1", 7007, port, RST, (number + 1) & 0xffffffff)  # after the FIN
counted("InSegs", received + 1)
"""
    trace = kernel_trace(text % 0 + "until(TIME_WAIT, some=False)\n")
    check_equal(trace.path(1, "client"), ACTIVE + CLOSES_FIRST + " CLOSED")
    over = trace.one("timer", conn=1, name="time-wait", cancelled=True)
    check_equal((over["end"], over["why"]), ("client", "reset"))
    trace = kernel_trace(text % 1)
    check_equal(trace.path(1, "client"), ACTIVE + CLOSES_FIRST)
    # packets alone do not tell what it was told
    check_equal(trace.path(1, "client", "wire"), ACTIVE + CLOSES_FIRST + " CLOSED")
    check_equal(trace.one("disagreement", conn=1)["known"], "reset-lost")
    check_equal(trace.all("timer", conn=1, name="time-wait", cancelled=True), [])
    check_equal(trace.path(1, "server"), PASSIVE + " CLOSE-WAIT LAST-ACK CLOSED")


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
