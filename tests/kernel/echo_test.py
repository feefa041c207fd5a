#!/usr/bin/env python3
"""Tests of tcplens-echo on the real kernel.

Usage: echo_test.py [PATH-OF-tcplens-echo] [CASE]...     (or the path in the environment as ECHO)

Each case runs in a network namespace of its own, so that every port is free, sysctls can be set,
and nothing outside is touched. Nothing waits for time to pass: cases wait for an event, with a
deadline that only a fault reaches. The exceptions are stated where they are (is_idle, stalled),
and a slow machine can make them weaker but not fail.
"""
import contextlib
import fcntl
import os
import random
import re
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import xml.etree.ElementTree

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import DEADLINE, SLOWDOWN, cannot_run, check, check_equal, wait_for

CASE_DEADLINE = 180.0 * SLOWDOWN
MODES = {**{model: ["--model", model] for model in ("iterative", "fork", "thread", "select", "poll")},
         "level": [], "edge": ["--edge"]}
ONE_THREAD = ("select", "poll", "level", "edge")  # all clients in one thread
MANY = ("fork", "thread", *ONE_THREAD)  # many clients at once
EPOLL = ("level", "edge")
# A sanitizer's own memory is none of the server's.
SANITIZED = b"__asan_init" in open(os.environ.get("ECHO", os.devnull), "rb").read()
ESTABLISHED, FIN_WAIT2, TIME_WAIT, CLOSE_WAIT = 0x01, 0x05, 0x06, 0x08  # include/net/tcp_states.h

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
ETH_P_ALL = 3
SIOCOUTQ = 0x5411  # bytes sent and not yet acknowledged: linux/sockios.h

ECHO = ""
CASES = {}


def case(function):
    CASES[function.__name__] = (function, ())
    return function


def case_of(modes=tuple(MODES)):
    """One case for each of the ways to serve clients; it gets the options of that way."""
    def add(function):
        for mode in modes:
            CASES[f"{function.__name__}[{mode}]"] = (function, (MODES[mode],))
        return function
    return add


# --- the program under test ---------------------------------------------------------------------


class Server:
    """A running server; on leaving it must end cleanly, having said nothing unexpected."""

    def __init__(self, *options, bind="127.0.0.1", nofile=None, expect_stderr=""):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))

        self.expect_stderr = expect_stderr
        self.process = subprocess.Popen(
            [ECHO, "server", "--bind", bind, "--port", "0", *options], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=limit if nofile else None)
        self.lines = []
        self.reading = threading.Lock()  # a case that holds it lets the pipe fill
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.stopped = False
        wait_for(lambda: self.lines or not self.reader.is_alive(), "the server to listen")
        check(self.lines, "server did not start:", self.process.stderr.read().decode()
              if self.process.poll() is not None else "")
        match = re.fullmatch(r"listening on (\[[0-9a-f:]+\]|[0-9.]+):(\d+)", self.lines[0])
        check(match, "first line is", repr(self.lines[0]))
        self.text, self.port = match[1], int(match[2])
        self.host = bind
        self.pid = self.process.pid

    def _read(self):
        pipe, rest = self.process.stdout.fileno(), b""
        while True:
            select.select([pipe], [], [])
            with self.reading:
                piece = os.read(pipe, 65536)
            if not piece:
                return
            *lines, rest = (rest + piece).split(b"\n")
            self.lines += [line.decode() for line in lines]

    def fill_stdout(self):
        """The next line the server prints will block it; self.reading must be held."""
        pipe = os.open(f"/proc/{self.pid}/fd/1", os.O_WRONLY | os.O_NONBLOCK)
        for size in (4096, 1):  # whole pages, then whatever room is left
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(pipe, b"\n" * size)
        os.close(pipe)

    def wait_line(self, part):
        wait_for(lambda: any(part in line for line in self.lines), f"the line {part!r}")

    def children(self):
        """Of the main thread, zombies too."""
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as file:
            return file.read().split()

    def processes(self):
        return [str(self.pid), *self.children()]

    def memory(self):
        """Resident, kB, of all its processes."""
        def of(pid):
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                return int(re.search(r"^VmRSS:\s+(\d+)", file.read(), re.M)[1])
        return sum(map(of, self.processes()))

    def descriptors(self):
        """Of all its processes but the parent's own that its children have copies of."""
        def of(pid):
            try:
                return len(os.listdir(f"/proc/{pid}/fd"))
            except (FileNotFoundError, ProcessLookupError):
                return 3  # it has ended meanwhile
        own, *others = map(of, self.processes())
        return own + sum(n - 3 for n in others)

    def cpu_seconds(self):
        def of(pid):
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return sum(map(of, self.processes()))

    def is_idle(self):
        """A busy loop would burn this half second whole. (A loaded machine only hides some.)"""
        before = self.cpu_seconds()
        time.sleep(0.5)
        return self.cpu_seconds() - before < 0.2

    def stop(self, number=signal.SIGTERM):
        if self.stopped:
            return
        self.stopped = True
        self.process.send_signal(number)
        check_equal(self.process.wait(DEADLINE), 0, f"exit status after {number.name}:")
        error = self.process.stderr.read().decode()
        check(re.fullmatch(self.expect_stderr, error), "server wrote on stderr:", repr(error))

    def connect(self, host=None, **options):
        return connect((host or self.host, self.port), **options)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.stop()
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            if kind is not None:
                print(*(f"    | {line}" for line in self.lines[-10:] if line), sep="\n")


def connect(address, receive_buffer=None, send_buffer=None):
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.settimeout(DEADLINE)
    if receive_buffer:  # before connect(): it decides the window scale
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if send_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    sock.connect(address)
    return sock


def receive(sock, length):
    data = bytearray()
    while len(data) < length:
        piece = sock.recv(min(65536, length - len(data)))
        check(piece, f"end of file after {len(data)} of {length} bytes")
        data += piece
    return bytes(data)


def receive_all(sock):
    data = bytearray()
    while piece := sock.recv(65536):
        data += piece
    return bytes(data)


def echo(sock, data):
    sock.sendall(data)
    check_equal(receive(sock, len(data)), data, "echo:")


def run(*arguments, stdin=""):
    """Runs tcplens-echo to its end: (exit status, stdout, stderr)."""
    done = subprocess.run([ECHO, *arguments], input=stdin, text=True, capture_output=True,
                          timeout=2 * DEADLINE, check=False)
    return done.returncode, done.stdout, done.stderr


def tcp_sockets():
    """(local port, remote port, state) of every TCP socket here but listening ones."""
    found = []
    for name in ("tcp", "tcp6"):
        with open(f"/proc/net/{name}", encoding="ascii") as file:
            for line in file.readlines()[1:]:
                _, local, remote, state = line.split()[:4]
                found.append((int(local.rsplit(":", 1)[1], 16),
                              int(remote.rsplit(":", 1)[1], 16), int(state, 16)))
    return found


def unread_bytes(local, remote):
    """What has arrived at a socket and was not read yet; local, remote: ports of IPv4."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        for line in file.readlines()[1:]:
            fields = line.split()
            ports = tuple(int(end.rsplit(":", 1)[1], 16) for end in fields[1:3])
            if ports == (local, remote):
                return int(fields[4].split(":")[1], 16)
    raise AssertionError(f"no connection from port {local} to port {remote}")


def unacknowledged_bytes(sock):
    return struct.unpack("i", fcntl.ioctl(sock, SIOCOUTQ, bytes(4)))[0]


def set_sysctl(name, value):
    with open(f"/proc/sys/{name.replace('.', '/')}", "w", encoding="ascii") as file:
        file.write(value)


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(sock, 0x8914, request)  # SIOCSIFFLAGS


def capture_loopback():
    set_sysctl("net.ipv6.conf.lo.accept_dad", "0")  # ::1 is usable at once
    capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    capture.bind(("lo", ETH_P_ALL))
    return capture


def segments(capture, port):
    """What a packet socket saw of one server port: (from_server, flags, payload length)."""
    found = []
    capture.setblocking(False)
    while True:
        try:
            frame, (_, protocol, kind, *_) = capture.recvfrom(65536)
        except BlockingIOError:
            return found
        if kind == socket.PACKET_OUTGOING:  # loopback shows each frame twice
            continue
        ip = frame[14:]
        if protocol == 0x0800:
            tcp = ip[(ip[0] & 15) * 4:struct.unpack("!H", ip[2:4])[0]]
        else:
            check_equal(ip[6], socket.IPPROTO_TCP, "IPv6 next header:")
            tcp = ip[40:40 + struct.unpack("!H", ip[4:6])[0]]
        source, destination = struct.unpack("!HH", tcp[:4])
        if port in (source, destination):
            found.append((source == port, tcp[13], len(tcp) - (tcp[12] >> 4) * 4))


def check_four_way_close(seen):
    """The client's FIN, its ACK alone, the server's FIN, its ACK; PSH does not matter."""
    check_equal([(from_server, flags & ~PSH, length) for from_server, flags, length in seen[-4:]],
                [(False, FIN | ACK, 0), (True, ACK, 0), (True, FIN | ACK, 0), (False, ACK, 0)])


# --- the server ---------------------------------------------------------------------------------


@case_of()
def small_messages(mode):
    with Server(*mode) as server, server.connect() as sock:
        for text in (b"x", b"hello\n", bytes(range(256)), b"", b"end"):
            echo(sock, text)


@case_of()
def large_with_slow_reader(mode):
    """10 MB from a client that does not read: the server must stall it, not hoard."""
    set_sysctl("net.ipv4.tcp_rmem", "4096 65536 262144")
    set_sysctl("net.ipv4.tcp_wmem", "4096 65536 262144")
    data = random.Random(1).randbytes(10_000_000)
    with Server(*mode) as server, server.connect() as sock:
        echo(sock, b"warm-up")
        memory = server.memory()
        sock.setblocking(False)
        sent = 0
        # Stalled: not writable for a second. On a slow machine this may end early, harmlessly.
        while sent < len(data) and select.select([], [sock], [], 1.0)[1]:
            sent += sock.send(data[sent:sent + 65536])
        check(sent < 4_000_000, f"the server took {sent} bytes from a client that does not read")
        check(server.is_idle(), "the server spins while its client is stalled")
        received = bytearray()
        while len(received) < len(data):
            ready = select.select([sock], [sock] if sent < len(data) else [], [], DEADLINE)
            check(ready[0] or ready[1], f"no progress at {sent} sent, {len(received)} received")
            if ready[1]:
                sent += sock.send(data[sent:sent + 65536])
            if ready[0]:
                received += sock.recv(65536)
        check(received == data, "the echo of 10 MB differs")
        grown = server.memory() - memory
        check(grown < (65536 if SANITIZED else 4096), f"the server grew by {grown} kB")


@case_of()
def partial_writes(mode):
    """Send buffers smaller than an answer: write() takes only a part, again and again, or blocks."""
    set_sysctl("net.ipv4.tcp_wmem", "4096 4096 4096")
    data = random.Random(2).randbytes(1_000_000)
    with Server("--verbose", *mode) as server:
        with server.connect(receive_buffer=4096) as sock:
            sender = threading.Thread(target=sock.sendall, args=(data,), daemon=True)
            sender.start()
            check(receive(sock, len(data)) == data, "the echo differs")
            sender.join(DEADLINE)
        if mode in [MODES[name] for name in ONE_THREAD]:
            server.wait_line("write() took only")


@case_of()
def half_close(mode):
    """All is sent and shut down before the first byte is read; the echo must still be whole."""
    for size in (0, 1, 100_000, 3_000_000):
        data = random.Random(size).randbytes(size)
        with Server(*mode) as server, server.connect() as sock:
            def send():
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)

            sender = threading.Thread(target=send, daemon=True)
            sender.start()
            if size <= 100_000:  # fits into the buffers between: really nothing is read before
                sender.join(DEADLINE)
            check(receive_all(sock) == data, f"the echo of {size} bytes differs")


@case_of(MANY)
def connections_1000(mode):
    with Server("--backlog", "1100", *mode) as server:
        idle = server.descriptors()
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(server.connect()) for _ in range(1000)]
            for i, sock in enumerate(socks):
                sock.sendall(b"client %d\n" % i * 50)
            for i, sock in enumerate(socks):
                expected = b"client %d\n" % i * 50
                check_equal(receive(sock, len(expected)), expected)
            wait_for(lambda: server.descriptors() == idle + 1000, "a descriptor for each")
            check(server.is_idle(), "the server spins over idle connections")
        wait_for(lambda: server.descriptors() == idle, "every descriptor to be closed")
        check_equal(server.children(), [], "not waited for:")


@case_of(("iterative",))
def others_wait_in_the_accept_queue(mode):
    """They are ESTABLISHED, and what they send is taken, before anyone has accepted them."""
    with Server(*mode) as server, server.connect() as first:
        echo(first, b"first")
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(server.connect()) for _ in range(10)]
            for i, sock in enumerate(socks):
                sock.sendall(b"%d" % i)
            for sock in socks:
                wait_for(lambda s=sock: unacknowledged_bytes(s) == 0, "a byte to arrive")
            echo(first, b"still the only one")
            check(server.is_idle(), "the server spins while clients wait")
            check(not select.select(socks, [], [], 0)[0], "another client was served")
            first.close()
            for i, sock in enumerate(socks):  # first come, first served
                check_equal(receive(sock, 1), b"%d" % i)
                sock.close()


@case
def beyond_the_sets_of_select():
    """A descriptor of 1024 or more is refused, and nobody else notices. All others can take it."""
    complaint = r"tcplens-echo server: descriptor 1024 is refused: select\(\) knows only those below 1024\n"
    for mode, refused in (("select", complaint), ("poll", ""), ("level", "")):
        with Server("--backlog", "1200", "--max-connections", "1200", *MODES[mode], expect_stderr=refused) as server, \
                contextlib.ExitStack() as stack:
            socks = [stack.enter_context(server.connect()) for _ in range(1100)]
            answered = 0
            for sock in socks:
                with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                    sock.sendall(b"x")
                    answered += sock.recv(1) == b"x"
            if refused:
                check(1000 < answered < 1024, f"{answered} were served")
                socks[0].close()
                wait_for(lambda: server.descriptors() == 1023, "a descriptor to become free")
                with server.connect() as sock:
                    echo(sock, b"room again")
            else:
                check_equal(answered, 1100, mode)


@case_of()
def clients_come_and_go(mode):
    with Server(*mode) as server:
        idle = server.descriptors()
        for i in range(200):
            with server.connect() as sock:
                echo(sock, b"client %d" % i)
        wait_for(lambda: server.descriptors() == idle and not server.children(), "all to be closed and waited for")


@case_of(ONE_THREAD)
def busy_client_does_not_starve_others(mode):
    """While one client has 16 MB waiting for the server, another with one byte gets its turn."""
    for name in ("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"):
        set_sysctl(name, "4096 64000000 64000000")  # all of it fits: no EAGAIN gives way
    data = bytes(16_000_000)
    with Server("--verbose", *mode) as server, server.connect() as busy, server.connect() as other:
        echo(busy, b"hello")
        echo(other, b"hello")
        server.process.send_signal(signal.SIGSTOP)
        busy.sendall(data)
        wait_for(lambda: unacknowledged_bytes(busy) == 0, "16 MB to arrive at the server")
        other.sendall(b"x")
        wait_for(lambda: unacknowledged_bytes(other) == 0, "the byte to arrive at the server")
        server.process.send_signal(signal.SIGCONT)
        check(receive(busy, len(data)) == data, "the echo differs")
        check_equal(receive(other, 1), b"x")
        server.stop()
        server.reader.join(DEADLINE)
        reads = [line.rsplit(" ", 1)[1] for line in server.lines if "read() returned" in line]
        one, many = (f"127.0.0.1:{sock.getsockname()[1]}" for sock in (other, busy))
        last_of_many = len(reads) - 1 - reads[::-1].index(many)
        check(one in reads[reads.index(one) + 1:last_of_many], "the other had to wait to the end")


@case_of()
def ipv6(mode):
    with Server(*mode, bind="::1") as server, server.connect() as sock:
        check_equal(server.text, "[::1]")
        echo(sock, b"six")


@case_of()
def dual_stack(mode):
    set_sysctl("net.ipv6.bindv6only", "1")  # the server must not depend on it
    with Server(*mode, bind="::") as server:
        check_equal(server.text, "[::]")
        for host in ("127.0.0.1", "::1"):
            with server.connect(host) as sock:
                echo(sock, host.encode())


@case_of()
def greeting_begins_every_line(mode):
    with Server("--greeting", "Hello, ", *mode) as server, server.connect() as sock:
        sock.sendall(b"wor")
        check_equal(receive(sock, 10), b"Hello, wor")
        sock.sendall(b"ld\n")  # the same line, in another segment: greeted once
        check_equal(receive(sock, 3), b"ld\n")
        sock.sendall(b"\n" * 20_000)
        check(receive(sock, 160_000) == b"Hello, \n" * 20_000, "the answer to line feeds differs")


@case_of()
def clients_that_reset(mode):
    """A client that vanishes in the midst of its echo costs the server neither life nor socket."""
    with Server("--backlog", "128", *mode) as server:
        idle = server.descriptors()
        for _ in range(50):
            sock = server.connect()
            sock.sendall(bytes(100_000))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()  # RST
        for _ in range(50):
            with server.connect() as sock:
                sock.sendall(bytes(100_000))
                sock.recv(1)  # closed with unread data: RST, too
        with server.connect() as sock:
            echo(sock, b"still here")
        wait_for(lambda: server.descriptors() == idle, "every descriptor to be closed")


def check_terminated(mode, clients):
    for number in (signal.SIGTERM, signal.SIGINT):
        with Server(*mode) as server, contextlib.ExitStack() as stack:
            socks = [stack.enter_context(server.connect()) for _ in range(clients)]
            for sock in socks:
                echo(sock, b"hello")
            server.stop(number)
            for sock in socks:
                check_equal(sock.recv(1), b"", "after the server's end:")
            try:
                server.connect().close()
                raise AssertionError("someone still listens")
            except ConnectionRefusedError:
                pass


@case_of(MANY)
def terminated_with_clients(mode):
    check_terminated(mode, 10)


@case_of(("iterative",))
def terminated_with_a_client(mode):
    check_terminated(mode, 1)


@case_of()
def terminated_while_it_waits(mode):
    """Without a client, while a client takes no answer, and during --close-delay."""
    with Server(*mode):
        pass
    with Server(*mode) as server, server.connect() as sock:
        sock.setblocking(False)
        while select.select([], [sock], [], 0.2)[1]:
            sock.send(bytes(65536))
        server.stop()
    with Server("--close-delay", "3600000", *mode) as server, server.connect() as sock:
        sock.shutdown(socket.SHUT_WR)
        wait_for(lambda: any(s[0] == server.port and s[2] == CLOSE_WAIT for s in tcp_sockets()), "CLOSE-WAIT")
        server.stop()


@case_of(("thread", *ONE_THREAD))
def out_of_descriptors(mode):
    """More clients than descriptors: the rest waits, without a busy loop, and is served later."""
    complaint = r"tcplens-echo server: Too many open files with \d+ connections; .*\n"
    with Server(*mode, nofile=12, expect_stderr=complaint) as server, \
            contextlib.ExitStack() as stack:
        socks = [stack.enter_context(server.connect()) for _ in range(12)]
        for i, sock in enumerate(socks):
            sock.sendall(b"%02d" % i)
        wait_for(lambda: server.descriptors() == 12, "the server to use its last descriptor")
        check(server.is_idle(), "the server spins for want of descriptors")
        served = select.select(socks, [], [], 0)[0]
        check(0 < len(served) < 12, f"{len(served)} of 12 were served at once")
        for i, sock in enumerate(socks):  # in the order of the accept queue
            check_equal(receive(sock, 2), b"%02d" % i)
            sock.close()


@case_of(("iterative", "fork"))
def no_descriptor_at_all(mode):
    """These need one for a single client: where there is none, the client waits until there is."""
    complaint = r"tcplens-echo server: Too many open files with \d connections; further clients wait\n"
    with Server(*mode, nofile=64, expect_stderr=complaint) as server:
        check(server.is_idle(), "the server does not wait")
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (4, 64))
        with server.connect() as sock:  # accept() had taken its descriptor before it began to wait
            echo(sock, b"x")
        with server.connect() as sock:
            sock.sendall(b"x")
            check(server.is_idle(), "the server spins for want of descriptors")
            check(not select.select([sock], [], [], 0)[0], "the client was served")
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (64, 64))
            check_equal(receive(sock, 1), b"x")


@case_of(MANY)
def max_connections(mode):
    complaint = r"tcplens-echo server: --max-connections reached with 2 connections; .*\n"
    with Server("--max-connections", "2", *mode, expect_stderr=complaint) as server:
        with server.connect() as first, server.connect() as second, server.connect() as third:
            echo(first, b"1")
            echo(second, b"2")
            third.sendall(b"3")
            check(server.is_idle(), "the server spins while a client waits")
            check(not select.select([third], [], [], 0)[0], "the third was served")
            first.close()
            check_equal(receive(third, 1), b"3")


@case_of(MANY)
def close_delay(mode):
    with Server("--close-delay", "3600000", *mode) as server:
        socks = [server.connect() for _ in range(10)]
        ports = [sock.getsockname()[1] for sock in socks]
        for sock in socks:
            echo(sock, b"hello")
            sock.close()
        wait_for(lambda: {(server.port, port, CLOSE_WAIT) for port in ports} <= set(tcp_sockets()),
                 "CLOSE-WAIT at the server")
        wait_for(lambda: {(port, server.port, FIN_WAIT2) for port in ports} <= set(tcp_sockets()),
                 "FIN-WAIT-2 at the clients")
        check(server.is_idle(), "the server spins while it delays close()")
    with Server("--close-delay", "100", *mode) as server, server.connect() as sock:
        begin = time.monotonic()
        sock.sendall(b"hello")
        sock.shutdown(socket.SHUT_WR)
        check_equal(receive_all(sock), b"hello")
        check(time.monotonic() - begin >= 0.1, "closed before the delay was over")


@case_of()
def event_during_close_delay(mode):
    """epoll reports the FIN once more although end of file was read: that must not come round.

    The server is held between read() and the next step by a full pipe at its output, so that the
    FIN surely arrives after the event it is working on."""
    with Server("--verbose", "--close-delay", "3600000", *mode) as server, server.connect() as sock:
        port = sock.getsockname()[1]
        server.wait_line("accept()")
        with server.reading:
            server.fill_stdout()
            sock.sendall(b"hello")
            wait_for(lambda: unacknowledged_bytes(sock) == 0, "five bytes to arrive")
            wait_for(lambda: unread_bytes(server.port, port) == 0, "the server to read them")
            sock.shutdown(socket.SHUT_WR)
            wait_for(lambda: (server.port, port, CLOSE_WAIT) in tcp_sockets(), "CLOSE-WAIT")
        check_equal(receive(sock, 5), b"hello")
        server.wait_line("end of file")
        check(server.is_idle(), "the server spins while it delays close()")


@case_of()
def fin_is_acknowledged_alone(mode):
    """Also if the delay is shorter than that of a delayed ACK (40 ms): what --fast relies on."""
    with capture_loopback() as capture, Server("--close-delay", "1", *mode) as server:
        idle = server.descriptors()
        with server.connect() as sock:
            echo(sock, b"hello")
        wait_for(lambda: server.descriptors() == idle, "close() at the server")
        check_four_way_close(segments(capture, server.port))


@case_of([mode for mode in MODES if mode != "select"])  # which cannot tell
def reset_during_close_delay(mode):
    with Server("--close-delay", "3600000", *mode) as server:
        idle = server.descriptors()
        with server.connect() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.shutdown(socket.SHUT_WR)
            wait_for(lambda: any(s[0] == server.port and s[2] == CLOSE_WAIT
                                 for s in tcp_sockets()), "CLOSE-WAIT")
        wait_for(lambda: server.descriptors() == idle, "the reset connection to be closed")


@case_of()
def silent_client(mode):
    """--timeout counts from the last progress, not from the beginning."""
    with Server("--timeout", "300", *mode) as server, server.connect() as sock:
        begin = last = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - begin < 1:
                now = time.monotonic()
                sock.sendall(b"x")
                if not sock.recv(1):
                    break
                last = now
                time.sleep(0.05)  # on a slow machine it may become too long: then it ends earlier
            sock.recv(1)
        check(time.monotonic() - last >= 0.29, "closed too soon after the last byte")


@case_of()
def keep_alive(mode):
    with Server("--keepalive", "100,1,1", *mode) as server, server.connect() as sock:
        echo(sock, b"x")
        with open("/proc/net/tcp", encoding="ascii") as file:
            timers = [line.split()[5] for line in file if f":{server.port:04X} " in line.split()[1] + " "
                      and line.split()[3] == "01"]
        check(len(timers) == 1 and timers[0].startswith("02:"), "no keep-alive timer:", timers)


@case
def restart_beside_time_wait():
    """SO_REUSEADDR: connections in TIME-WAIT on its port do not keep a server from starting."""
    with Server() as server:
        sock = server.connect()
        echo(sock, b"hello")
        server.stop()  # the server closes first: TIME-WAIT is on its side
        sock.recv(1)
        sock.close()
        wait_for(lambda: any(s[0] == server.port and s[2] == TIME_WAIT for s in tcp_sockets()),
                 "TIME-WAIT")
        with Server("--port", str(server.port)) as again, again.connect() as sock:
            echo(sock, b"again")


@case
def port_busy():
    with Server() as server:
        status, out, error = run("server", "--port", str(server.port))
        check_equal((status, out), (1, ""))
        check_equal(error, f"tcplens-echo server: cannot listen on 127.0.0.1:{server.port}: "
                           "Address already in use (choose another with --port)\n")


@case
def port_of_root():
    """Without rights; and an address of another machine (RFC 5737)."""
    done = subprocess.run(["setpriv", "--bounding-set=-net_bind_service", ECHO, "server", "--port", "80"],
                          capture_output=True, text=True, check=False)
    check_equal((done.returncode, done.stdout), (1, ""))
    check_equal(done.stderr, "tcplens-echo server: cannot listen on 127.0.0.1:80: Permission denied "
                             "(only root may take a port below 1024; choose another with --port)\n")
    status, out, error = run("server", "--bind", "192.0.2.1", "--port", "7007")
    check_equal((status, out), (1, ""))
    check_equal(error, "tcplens-echo server: cannot listen on 192.0.2.1:7007: Cannot assign requested address "
                       "(--bind takes an address of this machine)\n")


@case
def reader_of_stdout_goes_away():
    """The server serves on when nobody takes its report any more (SIGPIPE)."""
    with Server("--verbose", expect_stderr=r"tcplens-echo: cannot write to standard output\n") \
            as server:
        with server.connect() as sock:
            echo(sock, b"1")
        server.wait_line("close()")
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, server.process.stdout.fileno())
        os.close(null)
        # That was the pipe's only read end, but for the thread in select(): a line wakes it.
        with server.connect() as sock:
            echo(sock, b"2")
        server.reader.join(DEADLINE)
        with server.connect() as sock:
            echo(sock, b"3")
        server.process.send_signal(signal.SIGTERM)
        check_equal(server.process.wait(DEADLINE), 1, "exit status, as output was lost:")
        server.stopped = True


@case
def process_names():
    def name(pid):
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            return file.read().strip()

    with Server("--verbose") as server:
        check_equal(name(server.pid), "echo-server")
        client = subprocess.Popen([ECHO, "client", "--port", str(server.port)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        server.wait_line("accept()")
        check_equal(name(client.pid), "echo-client")
        client.communicate(timeout=DEADLINE)
        check_equal(client.returncode, 0)


# --- usage --------------------------------------------------------------------------------------


@case
def unknown_model():
    status, out, error = run("server", "--model", "nosuch")
    check_equal((status, out), (2, ""))
    check_equal(error, "tcplens-echo server: unknown model 'nosuch' (there is: iterative, fork, thread, select, "
                       "poll, epoll)\n"
                       "Try 'tcplens-echo server --help' for the options.\n")


@case
def usage_errors():
    for arguments, part in (
            ([], "a command is needed"),
            (["nosuch"], "unknown command: nosuch"),
            (["--nosuch"], "unknown option: --nosuch"),
            (["server", "--nosuch"], "'--nosuch'"),
            (["server", "-x"], "'-x'"),
            (["server", "word"], "'word'"),
            (["server", "--port"], "'--port' needs a value"),
            (["server", "--edge=1"], "'--edge=1' takes no value"),
            (["server", "--port", "65536"], "--port: '65536' is not a number from 0 to 65535"),
            (["server", "--port", ""], "--port: ''"),
            (["server", "--backlog", "1x"], "--backlog: '1x'"),
            (["server", "--max-connections", "0"], "from 1 to"),
            (["server", "--greeting", "x" * 256], "longer than 255 bytes"),
            (["server", "--fault", "nevr-read"], "did you mean 'never-read'?"),
            (["server", "--fault", "parent-keeps"], "model 'epoll' cannot have it; 'fork' can"),
            (["server", "--fault", "edge-read-once", "--model", "poll"], "'epoll' can"),
            (["server", "--keepalive", "1,2"], "two numbers of seconds up to 32767 and a count up to 127, not '1,2'"),
            (["server", "--keepalive", "1,2,128"], "not '1,2,128'"),
            (["client", "--port", "0"], "from 1 to 65535"),
            (["client", "--size", "99999999999999999999"], "--size"),
            (["client", "--size", "1", "--message", "x"], "exclude each other"),
            (["client", "--message", ""], "an empty message"),
            (["client", "--short", "--long"], "--short and --long exclude each other"),
            (["client", "--short"], "--short needs --message or --size"),
            (["client", "--connections", "2"], "--connections needs --message or --size"),
            (["client", "--heartbeat", "5"], "--heartbeat needs --message or --size"),
            (["client", "--heartbeat", "5,11"], "milliseconds up to 3600000, and a count up to 10, not '5,11'"),
            (["client", "--heartbeat", "x"], "not 'x'"),
            (["client", "--fault", "nohtons"], "did you mean 'no-htons'?"),
            (["udp-server", "--buffer", "65536"], "from 1 to 65535"),
            (["udp-client", "--size", "65508"], "from 1 to 65507"),
            (["udp-client", "--size", "1", "--message", "x"], "exclude each other"),
            (["compare", "--idle", "10,5"], "up to 5 rising numbers from 1 to 10000 with commas, not '10,5'"),
            (["compare", "--idle", "10001"], "not '10001'"),
            (["compare", "--model", "pol"], "did you mean 'poll'?"),
            (["demo", "--clients", "11"], "from 1 to 10"),
            (["demo", "--port", "-1"], "--port: '-1'")):
        status, out, error = run(*arguments)
        check_equal((status, out), (2, ""), f"{arguments}:")
        check(part in error and error.count("\n") == 2 and "Try 'tcplens-echo" in error,
              arguments, "says", repr(error))


@case
def help_and_version():
    for command in ([], ["server"], ["client"], ["udp-server"], ["udp-client"], ["demo"], ["compare"]):
        for option, begin in (("--help", "Usage: tcplens-echo"), ("--version", "tcplens-echo ")):
            status, out, error = run(*command, option)
            check_equal((status, error), (0, ""), f"{command} {option}:")
            check(out.startswith(begin), command, option, "prints", repr(out))
    check("\n  epoll " in run("server", "--help")[1], "the models are not listed")
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([ECHO, "--help"], stdout=full, stderr=subprocess.PIPE, check=False)
    check_equal((done.returncode, done.stderr),
                (1, b"tcplens-echo: cannot write to standard output\n"))


@case
def bad_bind():
    for address, part in (("nosuch", "a numeric address is expected"),
                          ("192.0.2.1", "cannot listen on 192.0.2.1:7007: ")):
        status, out, error = run("server", "--bind", address)
        check_equal((status, out, error.count("\n")), (1, "", 1))
        check(part in error, repr(error))


# --- the client ---------------------------------------------------------------------------------


@case
def client_without_server():
    status, out, error = run("client", "--message", "x")
    check_equal((status, out), (1, ""))
    check_equal(error, "tcplens-echo client: cannot connect to 127.0.0.1:7007: Connection refused "
                       "(is the server running? tcplens-echo server)\n")
    status, _, error = run("client", "--host", "nosuch.invalid", "--message", "x")
    check_equal((status, error.count("\n")), (1, 1))
    check("cannot find host 'nosuch.invalid'" in error, repr(error))


@case_of(EPOLL)
def client_messages(mode):
    with Server(*mode, bind="::") as server:
        port = ["--port", str(server.port)]
        for options in (["--message", "hello"],
                        ["--message", "hello\n", "--count", "1000"],
                        ["--message", "hello", "--count", "3", "--interval", "5", "--hold", "5"],
                        ["--message", "hello", "--count", "2", "--half-close"],
                        ["--message", "hello", "--host", "::1"],
                        ["--message", "hello", "--host", "localhost"],
                        ["--size", "10000000"],
                        ["--size", "3000000", "--count", "3", "--half-close"]):
            status, out, error = run("client", *port, *options)
            check_equal((status, error), (0, ""), f"{options}:")
            check("every echo is right" in out, options, "prints", repr(out))


@case_of(EPOLL)
def client_knows_the_greeting(mode):
    with Server("--greeting", "Hello, ", *mode) as server:
        port = ["--port", str(server.port)]
        for options in (["--message", "a\nb\nc"], ["--message", "a\n", "--count", "100"],
                        ["--size", "1000000", "--half-close"]):
            status, _, error = run("client", *port, "--greeting", "Hello, ", *options)
            check_equal((status, error), (0, ""), f"{options}:")
        status, _, error = run("client", *port, "--message", "hello")
        check_equal((status, error), (1, "tcplens-echo client: the echo differs at byte 0 of 5\n"))


@case
def client_notices_wrong_echo():
    def answer_wrong(data):
        return b"hellO"

    def answer_more(data):
        return data + b"!"

    def answer_less(data):
        return data[:3]

    def answer_and_leave(data):
        return data

    for answer, options, part in (
            (answer_wrong, [], "differs at byte 4 of 5"),
            (answer_more, [], "differs at byte 5 of 5"),
            (answer_less, [], "closed the connection after 3 of 5 bytes"),
            (answer_and_leave, ["--hold", "60000"], "the server has closed the connection"),
            (answer_and_leave, ["--count", "2", "--interval", "60000"], "has closed")):
        # With --hold, the server leaves at once: a client must notice that while it pauses.
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def serve():
                sock, _ = listener.accept()
                with sock:
                    if "--hold" not in options:
                        sock.sendall(answer(receive(sock, 5)))

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            status, out, error = run("client", "--port", str(listener.getsockname()[1]),
                                     "--message", "hello", *options)
            thread.join(DEADLINE)
        check_equal((status, out, error.count("\n")), (1, "", 1), f"{answer.__name__}:")
        check(part in error, answer.__name__, repr(error))


@case_of(EPOLL)
def client_interactive(mode):
    with Server(*mode) as server:
        port = ["--port", str(server.port)]
        check_equal(run("client", *port, stdin="one\ntwo\n"), (0, "one\ntwo\n", ""))
        check_equal(run("client", *port, stdin="no line feed"), (0, "no line feed", ""))
        check_equal(run("client", *port), (0, "", ""))
        long = "".join(f"line {i}\n" for i in range(200_000))
        check(run("client", *port, stdin=long) == (0, long, ""), "the echo of 2 MB differs")

        # A person types a line and sees its echo before typing the next.
        client = subprocess.Popen([ECHO, "client", *port], stdin=subprocess.PIPE, bufsize=0,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for line in (b"first\n", b"second\n"):
            client.stdin.write(line)
            check(select.select([client.stdout], [], [], DEADLINE)[0], "no echo of", line)
            check_equal(client.stdout.read(100), line)
        server.stop()
        check_equal(client.wait(DEADLINE), 1, "exit status when the server ends:")
        check_equal(client.stderr.read(),
                    b"tcplens-echo client: the server has closed the connection\n")
        for pipe in (client.stdin, client.stdout, client.stderr):
            pipe.close()


@case
def client_short_and_long():
    """A connection for each message, or one for all; so many of them at once."""
    for options, connections, messages in (
            ([], 1, 1), (["--count", "5"], 1, 5), (["--count", "5", "--long"], 1, 5), (["--count", "5", "--short"], 5, 5),
            (["--count", "3", "--connections", "4"], 4, 12), (["--count", "3", "--connections", "4", "--short"], 12, 12)):
        with Server("--verbose") as server:
            status, out, error = run("client", "--port", str(server.port), "--message", "hello", *options)
            check_equal((status, error), (0, ""), f"{options}:")
            over = f" over {connections} connections" if connections > 1 else ""
            check_equal(out, f"{messages} message{'s' * (messages > 1)} of 5 bytes sent{over}, every echo is right\n")
            server.stop()
            server.reader.join(DEADLINE)
            for part, count in (("accept() returned", connections), ("read() returned 5 bytes", messages)):
                check_equal(sum(part in line for line in server.lines), count, f"{options}, {part}:")


@case
def client_holds_connections():
    with Server("--backlog", "600") as server:
        idle = server.descriptors()
        client = subprocess.Popen([ECHO, "client", "--port", str(server.port), "--message", "x", "--connections", "500",
                                   "--hold", "3600000"], stdout=subprocess.PIPE)
        wait_for(lambda: server.descriptors() == idle + 500, "500 connections at once")
        client.kill()
        client.wait()
        client.stdout.close()
        wait_for(lambda: server.descriptors() == idle, "all to be closed")


@case
def client_heartbeat():
    """It is answered in a pause; a server that stands still is noticed, which keep-alive does not."""
    with Server("--greeting", "Hello, ", "--verbose") as server:
        options = ["--port", str(server.port), "--greeting", "Hello, ", "--message", "hi"]
        status, out, error = run("client", *options, "--hold", "300", "--heartbeat", "50", "--count", "2", "--verbose")
        check_equal((status, error), (0, ""))
        check(out.count("the heartbeat is answered") >= 2, out)
        client = subprocess.Popen([ECHO, "client", *options, "--hold", "3600000", "--heartbeat", "100,2", "--keepalive",
                                   "1,1,1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        server.wait_line("read() returned 10 bytes")
        server.process.send_signal(signal.SIGSTOP)
        _, error = client.communicate(timeout=DEADLINE)
        server.process.send_signal(signal.SIGCONT)
        check_equal(client.returncode, 1)
        check_equal(error, "tcplens-echo client: the server is not alive: no answer to 2 heartbeats, 100 ms apart\n")


@case
def client_timeout():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        status, _, error = run("client", "--port", str(port), "--message", "x", "--timeout", "100")
        check_equal((status, error), (1, "tcplens-echo client: no answer: nothing came for 100 ms after 0 of 1 bytes "
                                         "of echo\n"))
        # The accept queue has one place, and that connection still takes it: the next SYN is dropped.
        status, _, error = run("client", "--port", str(port), "--message", "x", "--timeout", "100")
        check_equal((status, error), (1, f"tcplens-echo client: cannot connect to 127.0.0.1:{port}: "
                                         "Connection timed out\n"))


@case
def client_keep_alive():
    with Server("--verbose") as server:
        client = subprocess.Popen([ECHO, "client", "--port", str(server.port), "--keepalive", "100,1,1"],
                                  stdin=subprocess.PIPE)
        server.wait_line("accept()")
        with open("/proc/net/tcp", encoding="ascii") as file:
            timers = [line.split()[5] for line in file if line.split()[2].endswith(f":{server.port:04X}")]
        check(len(timers) == 1 and timers[0].startswith("02:"), "no keep-alive timer:", timers)
        client.communicate(timeout=DEADLINE)


# --- datagrams ----------------------------------------------------------------------------------


class UdpServer:
    def __init__(self, *options):
        self.process = subprocess.Popen([ECHO, "udp-server", "--port", "0", "--verbose", *options],
                                        stdout=subprocess.PIPE, text=True)
        match = re.fullmatch(r"receiving at (\S+):(\d+)\n", self.process.stdout.readline())
        self.options = ["--port", match[2]]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.said = self.process.stdout.read()
        self.process.stdout.close()
        check_equal(self.process.wait(DEADLINE), 0, "exit status after SIGTERM:")


@case
def udp_echo():
    set_sysctl("net.ipv6.bindv6only", "1")
    with UdpServer("--bind", "::") as server:
        for options, count, size in ((["--message", "hello"], 1, 5), (["--message", ""], 1, 0), (["--size", "65507"], 1, 65507),
                                     (["--size", "1000", "--count", "100"], 100, 1000),
                                     (["--message", "hello", "--host", "::1", "--unconnected"], 1, 5)):
            status, out, error = run("udp-client", *server.options, *options)
            check_equal((status, error), (0, ""), f"{options}:")
            check(re.match(rf"{count} datagrams? of {size} bytes sent, every echo is right; \d+ sent again\n", out), out)
        check_equal(run("udp-client", *server.options, stdin="one\ntwo\n"), (0, "one\ntwo\n", ""))


@case
def udp_loss():
    """Every third datagram gets no answer: it is sent again, and that is counted."""
    with UdpServer("--lose", "3") as server:
        status, out, error = run("udp-client", *server.options, "--message", "x", "--count", "6", "--timeout", "50")
        check_equal((status, error), (0, ""))
        check(int(re.search(r"; (\d+) sent again", out)[1]) >= 2, out)
    with UdpServer("--lose", "1") as server:
        status, _, error = run("udp-client", *server.options, "--message", "x", "--timeout", "20", "--retries", "2")
        check_equal(status, 1)
        check("no answer from 127.0.0.1:" in error and "sent 3 times, 20 ms apart" in error, error)
    check_equal(server.said.count("no answer to it"), 3)


@case
def udp_border():
    """What does not fit the buffer of a recvfrom() is lost for ever; a greeting begins each datagram anew."""
    with UdpServer("--buffer", "10", "--greeting", "Hello, ") as server:
        status, _, error = run("udp-client", *server.options, "--size", "400")
        check_equal((status, error), (1, "tcplens-echo udp-client: the echo differs: 17 bytes came, 400 were expected\n"))
        check_equal(run("udp-client", *server.options, "--message", "a", "--greeting", "Hello, ", "--count", "2")[0], 0)
    check("took 10 of 400 bytes" in server.said and "the rest is lost" in server.said, server.said)


@case
def udp_refused():
    """A connected socket is told of the port unreachable; the other one hears nothing."""
    status, _, error = run("udp-client", "--message", "x")
    check_equal(status, 1)
    check("Connection refused: ICMP port unreachable came back from 127.0.0.1:7007" in error, error)
    status, _, error = run("udp-client", "--message", "x", "--unconnected", "--timeout", "20", "--retries", "1")
    check_equal(status, 1)
    check("sent 2 times" in error and "refused" not in error, error)


@case
def udp_busy():
    with UdpServer() as server:
        status, _, error = run("udp-server", *server.options)
        check_equal(status, 1)
        check("Address already in use (choose another with --port)" in error, error)


# --- the comparison -----------------------------------------------------------------------------


@case
def compared():
    """Figures that no machine can change: who answers, how many processes and threads, which calls."""
    with tempfile.TemporaryDirectory() as folder:
        status, out, error = run("compare", "--idle", "2,20", "--requests", "20", "--svg", f"{folder}/chart.svg")
        check_equal((status, error), (0, ""))
        chart = xml.etree.ElementTree.parse(f"{folder}/chart.svg").getroot()
    rows = {line.split()[0]: line for line in out.splitlines()[2:-1]}
    check_equal(list(rows), ["iterative", "fork", "thread", "select", "poll", "epoll"])
    check_equal(rows["iterative"].count(" none"), 2, rows["iterative"])
    for model, processes, threads, calls in (("fork", 22, 22, "read write"), ("thread", 1, 22, "read write"),
                                             ("select", 1, 1, "select"), ("poll", 1, 1, "poll"),
                                             ("epoll", 1, 1, "epoll")):
        figures = re.search(r" (\d+) +(\d+) +(\S+)  (.*)$", rows[model])
        check_equal((int(figures[1]), int(figures[2])), (processes, threads), rows[model])
        if figures[3] != "?":  # ptrace() may be forbidden
            check(calls in figures[4] and "read write" in figures[4], rows[model])
            check(abs(float(figures[3]) - (2 if model in ("fork", "thread") else 3)) < 0.3, rows[model])
        check("none" not in rows[model] and "?" not in rows[model][:60], rows[model])
    check_equal(len([e for e in chart.iter() if e.tag.endswith("rect")]), 1 + 3 * 6 - 1, "bars, but for iterative's memory:")


@case
def compared_cannot_write():
    status, out, error = run("compare", "--idle", "1", "--requests", "1", "--model", "epoll", "--svg", "/nowhere/x.svg")
    check_equal((status, out), (1, ""))
    check_equal(error, "tcplens-echo compare: cannot write /nowhere/x.svg: No such file or directory\n")


@case
def compared_keeps_the_chart_that_is_there():
    """Nothing is measured where the chart cannot be written, and none is lost where nothing is measured."""
    with tempfile.NamedTemporaryFile("w", suffix=".svg") as chart:
        print("old", file=chart, flush=True)
        status, out, error = run("compare", "--model", "epol", "--svg", chart.name)
        check_equal((status, out), (2, ""))
        check(error.startswith("tcplens-echo compare: unknown model 'epol' (did you mean 'epoll'?)\n"), error)
        with open(chart.name, encoding="ascii") as file:
            check_equal(file.read(), "old\n")


@case
def compared_with_few_descriptors():
    done = subprocess.run([ECHO, "compare", "--idle", "1000"], capture_output=True, text=True, check=False,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300)))
    check_equal((done.returncode, done.stderr), (1, "tcplens-echo compare: 1000 idle clients need 1064 descriptors, and 300 "
                                                    "are allowed (ulimit -n)\n"))


# --- the demonstration --------------------------------------------------------------------------


def check_demo(options, port, address):
    with capture_loopback() as capture:
        status, out, error = run("demo", "--fast", *options)
        seen = segments(capture, port)
    check_equal((status, error), (0, ""))

    steps = [f"server: listening on {address}", f"client: connect() to {address}",
             "client: connected"] + 3 * [
                 "client: send() 5 bytes: hello", "server: read() returned 5 bytes",
                 "server: write() of 5 bytes", "client: recv() brought all 5 bytes back: hello"] + [
                     "client: close()", "server: EPOLLRDHUP", "server: read() returned end of file",
                     "server: close()"]
    lines = [line for line in out.splitlines() if "accept()" not in line]
    check(len(lines) == len(steps) and all(map(str.startswith, lines, steps)), "the steps:", out)
    check(lines[-1].endswith(", 15 bytes echoed"), "not closed by itself:", lines[-1])
    check_equal(out.count("server: accept() returned"), 1)

    check_equal(seen[0], (False, SYN, 0))
    check_equal(seen[1], (True, SYN | ACK, 0))
    check_equal(sum(length for from_server, _, length in seen if from_server), 15)
    check(not any(flags & RST for _, flags, _ in seen), "a reset:", seen)
    check_four_way_close(seen)
    left = tcp_sockets()
    check(len(left) == 1 and left[0][1:] == (port, TIME_WAIT),
          "TIME-WAIT at the client alone is expected:", left)


@case
def demo_ipv4():
    check_demo([], 7007, "127.0.0.1:7007")


@case
def demo_ipv6():
    check_demo(["--ipv6", "--port", "7070"], 7070, "[::1]:7070")


@case_of([mode for mode in MODES if mode != "edge"])  # which the demo has no option for
def demo_of_every_model(mode):
    status, out, error = run("demo", "--fast", "--clients", "3", *mode)
    check_equal((status, error), (0, ""))
    check_equal(out.count("server: accept() returned"), 3)
    check_equal(len(re.findall(r"^server: close\(\) \S+, 15 bytes echoed$", out, re.M)), 3)


@case
def demo_of_an_unknown_model():
    status, out, error = run("demo", "--model", "nosuch")
    check_equal((status, out), (2, ""))
    check("unknown model 'nosuch'" in error, error)


@case
def demo_any_port():
    status, out, error = run("demo", "--fast", "--port", "0")
    check_equal((status, error), (0, ""))
    check(re.match(r"server: listening on 127\.0\.0\.1:\d+\n", out), out)


@case
def demo_port_busy():
    with Server("--port", "7007"):
        status, out, error = run("demo", "--fast")
        check_equal((status, out), (1, ""))
        check_equal(error, "tcplens-echo server: cannot listen on 127.0.0.1:7007: "
                           "Address already in use (choose another with --port)\n")


@case
def demo_killed_leaves_nothing():
    demo = subprocess.Popen([ECHO, "demo"], stdout=subprocess.PIPE, text=True,
                            stderr=subprocess.DEVNULL)  # the server's report may find no reader
    while not demo.stdout.readline().startswith("client: connected"):
        check(demo.poll() is None, "the demo ended")
    with open(f"/proc/{demo.pid}/task/{demo.pid}/children", encoding="ascii") as file:
        children = file.read().split()
    check_equal(len(children), 2, "children:")
    names = set()
    for pid in children:
        with open(f"/proc/{pid}/cmdline", encoding="ascii") as file:
            names.add(tuple(file.read().split("\0")[:2]))
    check_equal(names, {("tcplens-echo", "server"), ("tcplens-echo", "client")})
    demo.kill()
    demo.wait()
    demo.stdout.close()

    def is_gone(pid):  # or a zombie, if whoever adopted it does not wait for it
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True

    wait_for(lambda: all(map(is_gone, children)), "the children to end")


# --- running them -------------------------------------------------------------------------------


def run_case(name):
    """In the case's own process and namespace."""
    loopback_up()
    resource.setrlimit(resource.RLIMIT_NOFILE,
                       (2048, max(2048, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    function, arguments = CASES[name]
    try:
        function(*arguments)
    except (AssertionError, OSError, subprocess.SubprocessError) as problem:
        lines = [str(frame.lineno) for frame in traceback.extract_tb(problem.__traceback__)[1:]]
        print(f"    {type(problem).__name__}: {problem}")
        print(f"    at {os.path.basename(__file__)}:{' > '.join(lines)}")
        return 1
    return 0


def main(arguments):
    global ECHO
    inside = arguments[:1] == ["--inside"]
    if inside:
        arguments = arguments[1:]
    ECHO = arguments.pop(0) if arguments else os.environ.get("ECHO", "")
    if not ECHO or not os.access(ECHO, os.X_OK):
        print(f"echo_test.py: no program at {ECHO!r}; give its path as ECHO or first argument")
        return 2
    ECHO = os.path.abspath(ECHO)
    if inside:
        return run_case(arguments[0])

    unshare = ["unshare", "--net"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    try:
        tried = subprocess.run([*unshare, "true"], capture_output=True, text=True, check=False)
        problem = tried.stderr.strip() if tried.returncode else ""
    except FileNotFoundError:
        problem = "the program unshare (util-linux) is missing"
    if problem:
        return cannot_run(f"cannot create a network namespace, which every case needs: {problem}")

    passed = failed = 0
    for name in arguments or CASES:
        if name not in CASES:
            print(f"echo_test.py: no case {name!r}; there are: {' '.join(CASES)}")
            return 2
        begin = time.monotonic()
        case_process = subprocess.Popen([*unshare, sys.executable, os.path.abspath(__file__),
                                         "--inside", ECHO, name])
        try:
            good = case_process.wait(CASE_DEADLINE) == 0
        except subprocess.TimeoutExpired:
            case_process.kill()
            case_process.wait()
            print(f"    not done after {CASE_DEADLINE:.0f} s")
            good = False
        passed, failed = passed + good, failed + (not good)
        print(f"{'ok  ' if good else 'FAIL'} {name} ({time.monotonic() - begin:.2f} s)",
              flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
