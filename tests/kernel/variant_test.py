#!/usr/bin/env python3
"""Tests of the kernel witness: Fast Open, Multipath TCP, io_uring. What of these a kernel lacks, the test says.

Usage: variant_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO
"""
import ctypes
import os
import socket
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import ACTIVE, CLOSES_FIRST, CLOSES_SECOND, PASSIVE, case, check, check_equal
from scenes import SYSCTL, kernel_trace, why


def lacks(what):
    print(f"     this kernel has no {what}")


# --- Fast Open (RFC 7413) -----------------------------------------------------------------------

FAST_OPEN = SYSCTL + """
sysctl("tcp_fastopen", 0x607)  # both sides, no cookie needed, every listener
server = listen()
client = socket.socket()
client.sendto(b"hello", 0x20000000, ("127.0.0.1", 7007))  # MSG_FASTOPEN
"""


@case
def fast_open():
    """The child is made for the SYN, and is in the accept queue at once; there is no request in the SYN queue."""
    trace = kernel_trace(FAST_OPEN + """
peer, _ = server.accept()
assert peer.recv(5) == b"hello"
client.close(); rest(peer); peer.close()
""")
    trace.check_whole()
    syn = trace.all("segment")[0]
    check_equal((syn["flags"], syn["len"]), (["SYN"], 5))
    trace.check_paths(1, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND)
    check_equal([(r["why"], r["syn"], r["accept"]) for r in trace.all("queue", conn=1)],
                [("established", 0, 1), ("accept", 0, 0)])
    queued = trace.all("queue", conn=1)[0]
    established = trace.one("state", end="server", to="ESTABLISHED", source="kernel")
    check(queued["n"] < established["n"], "it waits to be accepted before the handshake is done")
    check_equal(trace.all("state", end="server", to="SYN-RECEIVED", source="kernel")[0]["kernel"]["object"], "sock")
    check_equal(len(trace.all("connection")), 1)


@case
def fast_open_beside_others():
    """Children of both kinds, one after the other: each under its own name."""
    trace = kernel_trace(FAST_OPEN + """
others = [connect() for _ in range(3)]
queued(server, 4)
for _ in range(4):
    server.accept()
""")
    check_equal(len(trace.all("connection")), 4)
    for conn in range(1, 5):
        check(trace.path(conn, "server").startswith(PASSIVE), conn, trace.path(conn, "server"))
    check_equal([why(trace, conn=conn) for conn in range(1, 5)],
                [["established", "accept"]] + [["syn", "established", "established", "accept"]] * 3)
    check_equal(trace.all("queue", why="accept")[-1]["accept"], 0)


# --- Multipath TCP (RFC 8684) -------------------------------------------------------------------


@case
def multipath():
    """Its subflows are TCP connections; what the application does to the whole is told of the one that it began with."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262).close()
    except OSError:
        lacks("Multipath TCP")
        return
    trace = kernel_trace("""
def multipath():
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
server = multipath(); server.bind(("127.0.0.1", 7007)); server.listen(4)
client = multipath(); client.connect(("127.0.0.1", 7007)); queued(server, 1)
peer, _ = server.accept()
client.send(b"hello"); assert peer.recv(5) == b"hello"
client.close(); rest(peer); peer.close()
""")
    trace.check_whole()
    check_equal(len(trace.all("connection")), 1)
    for end, path in (("client", ACTIVE), ("server", PASSIVE)):
        check(trace.path(1, end).startswith(path), end, trace.path(1, end))
        check(trace.path(1, end, "wire").startswith(path), end, trace.path(1, end, "wire"))
    check_equal(why(trace, conn=1), ["syn", "established", "established", "accept"])
    check_equal(trace.all("queue", conn=1)[-1]["accept"], 0)
    call = trace.one("call", name="accept4")
    check_equal((call["conn"], call["end"]), (1, "server"))
    check_equal(trace.all("listener")[0]["limit"], 5)


# --- io_uring -----------------------------------------------------------------------------------

# As small as it can be: one entry in each ring.
RING = """
import ctypes, mmap
libc = ctypes.CDLL(None, use_errno=True)
class Ring:
    def __init__(self):
        params = (ctypes.c_uint32 * 30)()
        self.fd = libc.syscall(425, 1, params)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "io_uring_setup")
        self.sq, self.cq = list(params[10:20]), list(params[20:30])
        self.rings = mmap.mmap(self.fd, 4096, offset=0)
        self.entries = mmap.mmap(self.fd, 4096, offset=0x10000000)
    def accept(self, fd):
        self.entries[:64] = struct.pack("=BBHi", 13, 0, 0, fd) + bytes(56)
        tail, array = self.sq[1], self.sq[6]
        self.rings[array:array + 4] = bytes(4)
        self.rings[tail:tail + 4] = struct.pack("=I", 1)
        assert libc.syscall(426, self.fd, 1, 1, 1, None, 0) == 1
        at = self.cq[5]
        return struct.unpack("=Qi", self.rings[at:at + 12])[1]
"""


def io_uring_works():
    """io_uring_setup() of this machine: -1 where it is left out or switched off."""
    fd = ctypes.CDLL(None).syscall(425, 1, (ctypes.c_uint32 * 30)())
    if fd >= 0:
        os.close(fd)
    return fd >= 0


@case
def io_uring_accepts():
    """It is no system call accept(): nobody is named who did not do it, and depths stay those of the kernel."""
    if not io_uring_works():
        lacks("io_uring")
        return
    trace = kernel_trace(RING + """
ring = Ring()
server = listen()
client = connect(); queued(server, 1)
peer = socket.socket(fileno=ring.accept(server.fileno()))
second = connect(); queued(server, 1)
client.close(); rest(peer); peer.close()
""")
    trace.check_whole()
    trace.check_paths(1, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND)
    check_equal(trace.all("call", name="accept4") + trace.all("queue", why="accept"), [])
    # the queue was emptied in between, and the next event says so
    check_equal([(r["why"], r["accept"]) for r in trace.all("queue", conn=2)][:3],
                [("syn", 0), ("established", 0), ("established", 1)])
    owners = {r["owner"]["pid"] for r in trace.all("state", end="server", conn=1) if "owner" in r}
    check(owners <= {trace.all("listener")[0]["owner"]["pid"]}, owners)


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
