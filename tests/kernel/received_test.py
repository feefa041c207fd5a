#!/usr/bin/env python3
"""Tests of the kernel witness: only what TCP received is a segment to a listener.

Usage: received_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO

Each traced program listens on all addresses of its namespace, on the port that its other packets have too: packets
that leave, that pass through, copies that others read, and datagrams whose bytes look like a SYN.
"""
import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import case, check, check_equal
from scenes import LATE_ACK, SYSCTL, kernel_trace, why

# One process in two namespaces: sockets stay in the one they were made in. The namespaces are neighbours by a pair of
# virtual Ethernet devices; behind a tun device is nobody but this process.
NET = SYSCTL + """
import contextlib, ctypes, fcntl, subprocess
libc = ctypes.CDLL(None, use_errno=True)
TCP, UDP, SYN = 6, 17, 2
def done(result):
    if result: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def ip(*words):
    subprocess.run(["ip", *words], check=True)
def up(name, *addresses):
    for address in addresses:
        ip("address", "add", address, "dev", name, *(["nodad"] if ":" in address else []))
    ip("link", "set", name, "up")
here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
done(libc.unshare(0x40000000))  # CLONE_NEWNET
there = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
done(libc.setns(here, 0))
@contextlib.contextmanager
def neighbour():
    done(libc.setns(there, 0))
    try: yield
    finally: done(libc.setns(here, 0))
def veth():
    ip("link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", f"/proc/{os.getpid()}/fd/{there}")
    up("v0", "10.7.0.1/24", "fd07::1/64")
    with neighbour():
        up("lo")
        up("v1", "10.7.0.2/24", "fd07::2/64")
        ip("route", "add", "default", "via", "10.7.0.1")
        ip("route", "add", "default", "via", "fd07::1")
def tun():
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"t0", 0x1001))  # TUNSETIFF: IFF_TUN, IFF_NO_PI
    up("t0", "10.8.0.1/24", "fd08::1/64")
    return fd

def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET
def begin(host, port=7007):
    sock = socket.socket(family(host)); sock.setblocking(False); sock.connect_ex((host, port))
    return sock
def exchange(host, server):  # with one to accept, and the other to read to the end
    client = connect(host); peer, _ = server.accept()
    client.close(); rest(peer); peer.close()
# Where a TCP header has its flags this has SYN.
def datagram(host):
    with socket.socket(family(host), socket.SOCK_DGRAM) as sock:
        sock.sendto(bytes(5) + bytes([SYN]) + bytes(30), (host, 7007))

# What a packet says of itself: protocol, port it goes to, TCP flags or length.
def about(packet):
    version = packet[0] >> 4
    protocol, header = (packet[9], packet[20:]) if version == 4 else (packet[6], packet[40:])
    port = struct.unpack("!H", header[2:4])[0] if len(header) > 4 else 0
    return version, protocol, port, header[13] if len(header) > 13 else 0
# Reads one by one, and so frees, until all that are awaited have come.
def read_until(read, awaited):
    awaited = list(awaited)
    while awaited:
        found = about(read())
        if found in awaited: awaited.remove(found)
SYNS = [(version, TCP, 7007, SYN) for version in (4, 6)]
DATAGRAMS = [(version, UDP, 7007, SYN) for version in (4, 6)]
"""

# Somebody looks on, with the oldest kind of packet socket: each packet it reads is a copy of its own.
TAP = """
tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))  # ETH_P_ALL
"""
LISTEN = """
four, six = listen("0.0.0.0"), listen("::")
"""


def trace_of(text):
    return kernel_trace(NET + text, "--source", "kernel")


def told(trace, **fields):
    return [w for w in why(trace, **fields) if w != "closed"]


def check_nothing_came(trace):
    check_equal(told(trace), [])
    check_equal([r for r in trace.all("connection") if r["server"]["addr"] in ("10.7.0.1", "fd07::1")], [])


@case
def out_through_tun():
    trace = trace_of("fd = tun()" + LISTEN + TAP + """
held = [begin("10.8.0.2"), begin("fd08::2")]
for host in ("10.8.0.2", "fd08::2"): datagram(host)
read_until(lambda: os.read(fd, 2000), SYNS + DATAGRAMS)
read_until(lambda: tap.recv(2000), SYNS + DATAGRAMS)
""")
    check_nothing_came(trace)
    check_equal({trace.path(r["conn"], "client").split()[0] for r in trace.all("connection")}, {"SYN-SENT"})
    check_equal(len(trace.all("connection")), 2)


@case
def out_through_veth():
    trace = trace_of("veth()" + LISTEN + TAP + """
with neighbour(): far = [listen("0.0.0.0"), listen("::")]
for host, server in zip(("10.7.0.2", "fd07::2"), far): exchange(host, server); datagram(host)
read_until(lambda: tap.recv(2000), SYNS + DATAGRAMS)
""")
    check_nothing_came(trace)
    check_equal([r["server"]["addr"] for r in trace.all("connection")], ["10.7.0.2", "fd07::2"])


@case
def passing_through():
    """A router that listens itself on the port of what it forwards."""
    trace = trace_of("veth(); fd = tun()" + LISTEN + TAP + """
sysctl("ip_forward", 1); sysctl("../ipv6/conf/all/forwarding", 1)
with neighbour():
    held = [begin("10.8.0.2"), begin("fd08::2")]
    for host in ("10.8.0.2", "fd08::2"): datagram(host)
read_until(lambda: os.read(fd, 2000), SYNS + DATAGRAMS)
read_until(lambda: tap.recv(2000), 2 * (SYNS + DATAGRAMS))
""")
    check_nothing_came(trace)
    check_equal(trace.all("connection"), [])


@case
def datagrams_come():
    trace = trace_of("veth()" + LISTEN + TAP + """
receivers = []
for host in ("0.0.0.0", "::"):
    receivers.append(socket.socket(family(host), socket.SOCK_DGRAM))
    if ":" in host: receivers[-1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    receivers[-1].bind((host, 7007))
with neighbour():
    for host in ("10.7.0.1", "fd07::1"): datagram(host)
for sock in receivers: sock.recv(100)
read_until(lambda: tap.recv(2000), DATAGRAMS)
""")
    check_nothing_came(trace)


COME = LISTEN + TAP + """
raw = [socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_TCP) for family in (socket.AF_INET, socket.AF_INET6)]
with neighbour():
    clients = [connect("10.7.0.1"), connect("fd07::1")]
for server in (four, six): queued(server, 1); server.accept()
read_until(lambda: tap.recv(2000), SYNS)
for sock in raw: sock.recv(2000)  # in what it reads, IPv6 has no header
"""


@case
def copies_of_what_came():
    """Of each packet that comes a packet socket and a raw socket have a copy, and free it."""
    trace = trace_of("veth()" + COME)
    for conn in (1, 2):
        check_equal(told(trace, conn=conn), ["syn", "established", "established", "accept"])
    check_equal(len(told(trace)), 8)
    check_equal([r["server"]["addr"] for r in trace.all("connection")], ["10.7.0.1", "fd07::1"])


@case
def cookies_from_a_neighbour():
    """The real ones are still seen, and once each."""
    trace = trace_of('veth(); sysctl("tcp_syncookies", 2)' + COME)
    check_equal(sorted(told(trace)), sorted(2 * ["cookie", "established", "accept"]))
    check_equal(len(trace.all("connection")), 2)


@case
def cookie_flood_from_a_neighbour():
    trace = trace_of("veth(); sysctl('tcp_syncookies', 1)" + TAP + """
servers = [listen("0.0.0.0", backlog=2), listen("::", backlog=2)]
ip("neighbour", "replace", "10.7.0.2", "lladdr", "02:00:00:00:00:07", "dev", "v0")  # nobody gets the SYN,ACKs
with neighbour(): held = [begin("10.7.0.1") for _ in range(30)]
read_until(lambda: tap.recv(2000), 30 * SYNS[:1])
""")
    kinds = told(trace)
    check("cookie" in kinds and set(kinds) <= {"syn", "cookie"}, kinds)


@case
def drops_with_a_looker_on():
    """The copies of a dropped segment are not dropped segments."""
    text = LATE_ACK.replace("server = listen", TAP.strip() + "\nserver = listen", 1)
    trace = kernel_trace(text + "while len(tap.recv(2000)) > 40: pass\n")
    # the queue for one SYN has one already when the second comes
    check_equal(told(trace), ["syn", "cookie", "established", "overflow"])


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
