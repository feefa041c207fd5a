"""Tests of `tcplens trace` on the real kernel: what they need of the machine, and the programs they trace."""
import contextlib
import functools
import os
import subprocess
import sys
import tempfile

from . import scenario
from .cases import Skip, cannot_run, check_equal, run_cases
from .programs import ECHO, TCPLENS, run
from .traces import parse, validate

KERNEL_BTF = "/sys/kernel/btf/vmlinux"
PID_NAMESPACE_INIT = 0xEFFFFFFC  # PROC_PID_INIT_INO, include/linux/proc_ns.h
NOBODY = 65534

# The states that an end enters, to be joined: what the engine makes of a kernel's events is what a real kernel does.
_CLIENT, _SERVER = (scenario.paths("kernel-and-wire-normal")[end, "kernel"].split() for end in ("client", "server"))
ACTIVE, CLOSES_FIRST = " ".join(_CLIENT[:2]), " " + " ".join(_CLIENT[2:5])
PASSIVE, CLOSES_SECOND = " ".join(_SERVER[:2]), " " + " ".join(_SERVER[2:])


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
def depth(listener):
    # TCP_INFO tells that of the accept queue as tcpi_unacked
    return struct.unpack("I", listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 28)[24:])[0]
def queued(listener, count):
    # connect() returns at the SYN,ACK; the ACK that fills the accept queue may still be with another CPU
    while depth(listener) != count:
        time.sleep(0.001)
def until(state, some=True):
    # a socket of the namespace is in a state (include/net/tcp_states.h), or none is any more
    while any(line.split()[3] == state for name in ("tcp", "tcp6") if os.path.exists(f"/proc/net/{name}")
              for line in open(f"/proc/net/{name}").readlines()[1:]) != some:
        time.sleep(0.001)
ESTABLISHED, SYN_RECV, FIN_WAIT1, FIN_WAIT2, TIME_WAIT = "01", "03", "04", "05", "06"
CLOSE_WAIT, LAST_ACK, CLOSING = "08", "09", "0B"
def counter(name):
    # of the namespace: Documentation/networking/snmp_counter.rst
    for file in "snmp", "netstat":
        lines = [line.split() for line in open(f"/proc/net/{file}")]
        for names, values in zip(lines[::2], lines[1::2]):
            if names[0] in ("Tcp:", "TcpExt:") and name in names:
                return int(values[names.index(name)])
def counted(name, count):
    while counter(name) < count:
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
        gaps = ""
        if done.status != status and os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                gaps = "".join(line for line in file if '"gap"' in line)
        check_equal(done.status, status, f"exit status, with stderr {done.stderr!r}{gaps}:")
        validate(path)
        with open(path, encoding="utf-8") as file:
            trace = parse(file.read())
        check_equal(trace.end["reason"], reason)
        return trace, done.stdout


def unless_withheld(judge, attempts=8):
    """Runs judge(), which makes a trace and fails where something is missing. A kernel that withholds events, and does not
    count them, may spoil a trace now and then, but not each."""
    for _ in range(attempts - 1):
        try:
            return judge()
        except Skip:
            raise
        except Exception as error:  # it may look for what is missing in any way
            if kernel_has("programs run in every interrupt"):
                raise
            print(f"     again: {type(error).__name__}: {error}"[:160], flush=True)
    return judge()


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


def main(names):
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    for name, path in (("TCPLENS", TCPLENS), ("ECHO", ECHO)):
        if not os.access(path, os.X_OK):
            print(f"{os.path.basename(sys.argv[0])}: no program at {path}; give its path as {name} in the environment")
            return 2
    problem = missing()
    return cannot_run(problem) if problem else run_cases(names, run=functools.partial(unless_withheld, attempts=2))


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
