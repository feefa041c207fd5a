"""What the tests of `tcplens trace` share: running it, reading its traces, running the cases.

Nothing waits for time to pass: a test waits for a line, a file or a process, with a deadline that
only a fault reaches.
"""
import collections
import contextlib
import functools
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

# How many times slower this machine may be than a real one: an emulated one is (tests/kernels).
SLOWDOWN = float(os.environ.get("TEST_SLOWDOWN", 1))
DEADLINE = 30.0 * SLOWDOWN  # seconds for one event
KERNEL_BTF = "/sys/kernel/btf/vmlinux"
PID_NAMESPACE_INIT = 0xEFFFFFFC  # PROC_PID_INIT_INO, include/linux/proc_ns.h

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TCPLENS = os.path.abspath(os.environ.get("TCPLENS", "build/tcplens"))
ECHO = os.path.abspath(os.environ.get("ECHO", "build/tcplens-echo"))

sys.path.append(f"{REPOSITORY}/tests")
import validate_trace  # noqa: E402

# The states that an end enters, to be joined.
ACTIVE = "SYN-SENT ESTABLISHED"
PASSIVE = "SYN-RECEIVED ESTABLISHED"
CLOSES_FIRST = " FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT"
CLOSES_SECOND = " CLOSE-WAIT LAST-ACK CLOSED"
NOBODY = 65534

CASES = {}


class Skip(Exception):
    """A case cannot run here; says why."""


def case(function):
    CASES[function.__name__] = function
    return function


def check(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(w) for w in what) or "condition does not hold")


def check_equal(got, expected, what=""):
    if got != expected:
        raise AssertionError(f"{what} got {got!r:.700}, expected {expected!r:.700}".strip())


def wait_for(condition, what):
    """Waits until condition() is true, and returns what it gave; the sleep only spares the processor."""
    end = time.monotonic() + DEADLINE
    while not (found := condition()):
        check(time.monotonic() < end, "waited in vain for", what)
        time.sleep(0.005)
    return found


def one_line(text, *parts):
    """A message is exactly one line, and holds what one needs to know."""
    check(text.endswith("\n") and text.count("\n") == 1, "expected one line on stderr, got", repr(text))
    check(text.startswith("tcplens: "), "does not say who speaks:", repr(text))
    for part in parts:
        check(part in text, f"{part!r} is not in", repr(text))


# --- traces -------------------------------------------------------------------------------------


class Trace:
    """The records of a trace, in order of lines."""

    def __init__(self, lines):
        self.records = [json.loads(line) for line in lines]
        self.header, self.end = self.records[0], self.records[-1]
        self.by_n = {r["n"]: r for r in self.records}
        self.by_conn = collections.defaultdict(list)
        for r in self.records:
            self.by_conn[r.get("conn")].append(r)

    def all(self, kind, **fields):
        return [r for r in (self.by_conn[fields["conn"]] if "conn" in fields else self.records)
                if r["record"] == kind and all(r.get(k) == v for k, v in fields.items())]

    def one(self, kind, **fields):
        found = self.all(kind, **fields)
        check(len(found) == 1, f"{len(found)} records {kind} {fields}, expected 1")
        return found[0]

    def path(self, conn, end, source="kernel"):
        """The states an end entered, in order."""
        return " ".join(r["to"] for r in self.all("state", conn=conn, end=end, source=source))

    def check_paths(self, conn, client, server, sources=("kernel", "wire")):
        for source in sources:
            check_equal(self.path(conn, "client", source), client, f"{source}, client:")
            check_equal(self.path(conn, "server", source), server, f"{source}, server:")

    def check_outcome(self, conn, verdict, client, server):
        outcome = self.one("outcome", conn=conn)
        check_equal(outcome["verdict"], verdict)
        check_equal(outcome["final"], {"client": client, "server": server})
        return outcome

    def check_whole(self, reason="command", status=0):
        """Both witnesses, begin and end, and nothing lost between."""
        check_equal(self.header["record"], "header")
        check_equal(self.header["sources"], ["kernel", "wire"])
        check("missing" not in self.header, self.header)
        check_equal(self.end["record"], "end")
        check_equal(self.end["reason"], reason)
        check_equal(self.end.get("status"), status, "status in the end record:")
        check_equal(set(self.end["lost"].values()), {0}, "lost:")
        if SLOWDOWN == 1:  # an emulated processor can stand still between a packet's time stamp and the ring
            check_equal(self.end["late"], 0, "late:")
        check_equal(self.all("gap"), [])


def flags(segment):
    return ",".join(segment["flags"])


def check_demo_segments(trace):
    """What `tcplens-echo demo` puts on the wire: a handshake, three times five bytes each way, four-way close."""
    segments = trace.all("segment")
    found = [(r["from"], flags(r)) for r in segments]
    check_equal(found[:3], [("client", "SYN"), ("server", "SYN,ACK"), ("client", "ACK")])
    check_equal(found[-4:], [("client", "FIN,ACK"), ("server", "ACK"), ("server", "FIN,ACK"), ("client", "ACK")])
    check_equal([(r["seq"], r.get("ack")) for r in segments[:3]], [(0, None), (0, 1), (1, 1)])
    check_equal([(r["seq"], r["ack"]) for r in segments[-4:]], [(16, 16), (16, 17), (16, 17), (17, 17)])
    for end in ("client", "server"):
        check_equal(sum(r["len"] for r in segments if r["from"] == end), 15, f"bytes of the {end}:")
        check_equal([r["seq"] for r in segments if r["from"] == end and r["len"]], [1, 6, 11])
    check_equal({word for r in segments for word in r.get("notes", [])}, set(), "notes:")


def parse(text):
    check(text.endswith("\n"), "the last line is cut:", repr(text[-200:]))
    return Trace(text.splitlines())


@functools.cache
def schema():
    return validate_trace.Schema(f"{REPOSITORY}/docs/trace.schema.json")


def validate(path):
    """Against the schema and the rules that it cannot say; that program is tested by itself."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        valid = validate_trace.validate(schema(), path)
    check(valid, f"not a valid trace: {said.getvalue().strip()}")


# --- the program under test ---------------------------------------------------------------------


Done = collections.namedtuple("Done", "status stdout stderr")


def run(*arguments, before=(), **options):
    """Runs tcplens to its end."""
    done = subprocess.run([*before, TCPLENS, *map(str, arguments)], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=2 * DEADLINE, check=False, **options)
    return Done(done.returncode, done.stdout, done.stderr)


@functools.cache
def kernel_has(feature):
    """Whether this kernel has what `tcplens doctor` calls so; a test that does without says it."""
    line = next(line for line in run("doctor").stdout.splitlines() if feature in line)
    if not line.startswith("ok "):
        print(f"     {line}", flush=True)
    return line.startswith("ok ")


PRELUDE = """
import os, select, signal, socket, struct, sys, time
signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback
def listen(host="127.0.0.1", port=7007, **options):
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, **options)
def connect(host="127.0.0.1", port=7007):
    return socket.create_connection((host, port), 30)
def ready(*words):
    print("ready", *words, flush=True)
def queued(listener, count):
    # TCP_INFO tells the depth of the accept queue as tcpi_unacked
    while struct.unpack("I", listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 28)[24:])[0] != count:
        time.sleep(0.001)
def rest(sock):
    data = b""
    while piece := sock.recv(4096):
        data += piece
    return data
"""


def script(text, *arguments):
    """A command that runs a small program, which is not known to tcplens in any way."""
    return [sys.executable, "-c", PRELUDE + text, *map(str, arguments)]


# A connection that is open while the test looks at it, and closed when standard input says so.
HOLD = """
server = listen()
client = connect()
peer, _ = server.accept()
ready(os.getpid(), os.getuid())
sys.stdin.readline()
client.close(); rest(peer); peer.close()
"""


def trace_of(command, *options, status=0, reason="command"):
    """The trace of a command in a namespace of its own: (Trace, what the command wrote)."""
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/trace.ndjson"
        done = run("trace", "--netns", "new", "--quiet", "--output", path, *options, "--", *command)
        check_equal(done.status, status, f"exit status, with stderr {done.stderr!r}:")
        validate(path)
        with open(path, encoding="utf-8") as file:
            trace = parse(file.read())
        check_equal(trace.end["reason"], reason)
        return trace, done.stdout


class Running:
    """tcplens while it runs, or any other program; its streams are files, which nobody must drain."""

    def __init__(self, command, stack):
        self.stdout_path = self._file(stack)
        self.stderr_path = self._file(stack)
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "wb") as err:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=err)
        self.pid = self.process.pid
        stack.callback(self._reap)

    @staticmethod
    def _file(stack):
        fd, path = tempfile.mkstemp()
        os.close(fd)
        stack.callback(os.unlink, path)
        return path

    def _reap(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.stdin.close()
        self.process.wait()

    @property
    def stdout(self):
        with open(self.stdout_path, encoding="utf-8") as file:
            return file.read()

    @property
    def stderr(self):
        with open(self.stderr_path, encoding="utf-8") as file:
            return file.read()

    def wait_line(self, pattern, stream="stdout"):
        def found():
            whole = getattr(self, stream).rpartition("\n")[0]
            match = re.search(pattern, whole, re.M)
            check(match or self.process.poll() is None or self.process.stdin.closed,
                  f"ended with {self.process.returncode} before {pattern!r}: {self.stderr!r}")
            return match

        return wait_for(found, f"{pattern!r} on {stream}; stderr: {self.stderr!r}")

    def say(self, line=""):
        """A line to its standard input, which a traced command shares."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def wait(self):
        try:
            return self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"did not end; stderr: {self.stderr!r}") from None

    def status_field(self, key):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return re.search(rf"^{key}:\s+(.*)", file.read(), re.M)[1].split()


def begin(stack, *arguments):
    """tcplens, running; it ends with the stack at the latest."""
    return Running([TCPLENS, *arguments], stack)


def temporary(stack):
    return stack.enter_context(tempfile.TemporaryDirectory())


def wait_trace(path, part):
    """Waits until a trace being written holds a text."""
    def found():
        try:
            with open(path, encoding="utf-8") as file:
                return part in file.read()
        except FileNotFoundError:
            return False

    wait_for(found, f"{part!r} in the trace")


def read_trace(path):
    validate(path)
    with open(path, encoding="utf-8") as file:
        return parse(file.read())


# --- running the cases --------------------------------------------------------------------------


def missing():
    """What this machine lacks; None where every case can run."""
    if os.geteuid() != 0:
        return "needs root: eBPF programs and network namespaces"
    if not os.path.exists(KERNEL_BTF):
        return f"this kernel shows no BTF ({KERNEL_BTF})"
    for name in ("ip", "unshare", "setpriv"):
        if not any(os.access(f"{d}/{name}", os.X_OK) for d in (*os.get_exec_path(), "/usr/sbin", "/sbin")):
            return f"the program {name} is missing"
    return None


def main(arguments):
    title = os.path.basename(sys.argv[0])
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    for name, path in (("TCPLENS", TCPLENS), ("ECHO", ECHO)):
        if not os.access(path, os.X_OK):
            print(f"{title}: no program at {path}; give its path as {name} in the environment")
            return 2
    unknown = [name for name in arguments if name not in CASES]
    if unknown:
        print(f"{title}: no case {unknown[0]!r}; there are: {' '.join(CASES)}")
        return 2
    ci = os.environ.get("CI") == "true"
    problem = missing()
    if problem:
        print(f"{title}: {problem}\n{'0 passed, 1 failed' if ci else 'skipped'}")
        return 1 if ci else 77

    passed = failed = 0
    for name in arguments or CASES:
        start = time.monotonic()
        word, why = "ok  ", ""
        try:
            CASES[name]()
        except Skip as skip:
            word, why = ("FAIL" if ci else "skip"), f"cannot run here: {skip}"
        except (AssertionError, KeyError, ValueError, OSError, subprocess.SubprocessError) as error:
            word, why = "FAIL", f"{type(error).__name__}: {error}"
        passed += word == "ok  "
        failed += word == "FAIL"
        print(f"{word} {name} ({time.monotonic() - start:.2f} s)", flush=True)
        if why:
            print(f"    {why}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


@contextlib.contextmanager
def named_namespace():
    """A network namespace that `ip netns` lists, its loopback up."""
    name = f"tcplens-test-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True, capture_output=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True, capture_output=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True, capture_output=True)
