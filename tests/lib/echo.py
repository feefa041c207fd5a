"""Tests of tcplens-echo on the real kernel: its servers, what they are tested with, and how their cases are run.

Each case runs in a network namespace of its own, so that every port is free, sysctls can be set,
and nothing outside is touched. Nothing waits for time to pass: cases wait for an event, with a
deadline that only a fault reaches. The exceptions are stated where they are (is_idle, stalled),
and a slow machine can make them weaker but not fail.
"""
import contextlib
import fcntl
import functools
import os
import re
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback

from .cases import CASES, DEADLINE, SLOWDOWN, cannot_run, check, check_equal, wait_for
from .processes import children_of, descriptors_of, stat_of, status_of
from .programs import ECHO

CASE_DEADLINE = 180.0 * SLOWDOWN
MODES = {**{model: ["--model", model] for model in ("iterative", "fork", "thread", "select", "poll")},
         "level": [], "edge": ["--edge"]}
ONE_THREAD = ("select", "poll", "level", "edge")  # all clients in one thread
MANY = ("fork", "thread", *ONE_THREAD)  # many clients at once
EPOLL = ("level", "edge")
FIN_WAIT2, TIME_WAIT, CLOSE_WAIT = 0x05, 0x06, 0x08  # include/net/tcp_states.h

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
ETH_P_ALL = 3
SIOCOUTQ = 0x5411  # bytes sent and not yet acknowledged: linux/sockios.h


def case_of(modes=tuple(MODES)):
    """One case for each of the ways to serve clients; it gets the options of that way."""
    def add(function):
        for mode in modes:
            CASES[f"{function.__name__}[{mode}]"] = functools.partial(function, MODES[mode])
        return function
    return add


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
        return children_of(self.pid)

    def memory(self):
        """Resident, kB, of all its processes; one that has ended has none."""
        def of(pid):
            return int((status_of(pid) or {}).get("VmRSS", "0 kB").split()[0])
        return sum(map(of, [self.pid, *self.children()]))

    def descriptors(self):
        """Of all its processes but the parent's own that its children have copies of."""
        return descriptors_of(self.pid) + sum(max(descriptors_of(child) - 3, 0) for child in self.children())

    def cpu_seconds(self):
        """Of all its processes, those that it has waited for too."""
        def of(pid):
            return sum(map(int, (stat_of(pid) or [])[11:15]))  # utime, stime, cutime, cstime
        return sum(map(of, [self.pid, *self.children()])) / os.sysconf("SC_CLK_TCK")

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


# --- running them -------------------------------------------------------------------------------


def run_case(name):
    """In the case's own process and namespace."""
    loopback_up()
    resource.setrlimit(resource.RLIMIT_NOFILE,
                       (2048, max(2048, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    try:
        CASES[name]()
    except (AssertionError, OSError, subprocess.SubprocessError) as problem:
        places = [f"{os.path.basename(frame.filename)}:{frame.lineno}"
                  for frame in traceback.extract_tb(problem.__traceback__)[1:]]
        print(f"    {type(problem).__name__}: {problem}")
        print(f"    at {' > '.join(places)}")
        return 1
    return 0


def main(arguments):
    if not os.access(ECHO, os.X_OK):
        print(f"{os.path.basename(sys.argv[0])}: no program at {ECHO}; give its path as ECHO in the environment")
        return 2
    if arguments[:1] == ["--inside"]:
        return run_case(arguments[1])

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
            print(f"{os.path.basename(sys.argv[0])}: no case {name!r}; there are: {' '.join(CASES)}")
            return 2
        begin = time.monotonic()
        case_process = subprocess.Popen([*unshare, sys.executable, os.path.abspath(sys.argv[0]), "--inside", name])
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
