#!/usr/bin/env python3
"""Tests of how a trace ends when something goes wrong around it: whole lines, an end that says why, the right exit status, and
the traced command left alone where it is not to blame.

Usage: end_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO
"""
import contextlib
import functools
import json
import os
import pty
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import case, check, check_equal
from lib.full import fill_pipe, fill_terminal, is_full
from lib.hosts import ADDRESSES, two_hosts
from lib.processes import wait_named

NEW = ("trace", "--netns", "new")
RING = os.path.abspath(os.environ.get("RING", f"{os.environ.get('O', 'build')}/tests/faults/ring.so"))
WITHOUT_ROOM = 128 << 10  # bytes, which CHURN fills within the second

# Connections until it is told to end, which it does with status 0: 128 + 15 would be that nobody asked.
CHURN = """
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
server = listen()
ready(os.getpid())
while True:
    client = connect(); peer, _ = server.accept()
    client.close(); rest(peer); peer.close()
"""

# Few of them: such a trace is read by the test.
SOME = CHURN.replace("while True:", "while True:\n    time.sleep(0.02)")

# The same as CHURN until standard input says so.
CHURN_UNTIL_TOLD = """
server = listen()
ready(os.getpid())
while not select.select([sys.stdin], [], [], 0)[0]:
    client = connect(); peer, _ = server.accept()
    client.close(); rest(peer); peer.close()
sys.exit(3)
"""
SOME_UNTIL_TOLD = CHURN_UNTIL_TOLD.replace("[], [], 0)", "[], [], 0.02)")


def lines_of(data):
    """The records of what was written so far, each of which must be whole."""
    check(data.endswith(b"\n"), "the last line is cut:", data[-200:])
    return [json.loads(line) for line in data.splitlines()]


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Writing:
    """tcplens with standard output given to it, and the command that it traces."""

    def __init__(self, stack, arguments, command, stdout=subprocess.DEVNULL, **options):
        # what the command prints goes to standard error where the trace goes to standard output
        self.log = f"{lib.temporary(stack)}/log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([lib.TCPLENS, *arguments, "--", *command], stdin=subprocess.PIPE, stdout=stdout,
                                            stderr=log, **options)
        stack.callback(self.reap)

    def reap(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.stdin.close()
        self.process.wait()

    @property
    def stderr(self):
        return lib.read(self.log).decode()

    def says(self, part):
        lib.wait_for(lambda: part in self.stderr, f"{part!r} in {self.stderr!r}")

    def child(self):
        return int(lib.wait_for(lambda: re.search(r"^ready (\d+)$", self.stderr, re.M), "the command")[1])

    def wait(self):
        return self.process.wait(lib.DEADLINE)


def ended_by(number):
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, *NEW, "-q", "-o", path, "--", *lib.script(SOME))
        child = int(tracer.wait_line(r"^ready (\d+)")[1])
        lib.wait_trace(path, '"to":"TIME-WAIT"')
        tracer.process.send_signal(number)
        check_equal(tracer.wait(), 0, f"exit status, with stderr {tracer.stderr!r}:")
        trace = lib.read_trace(path)
        check_equal((trace.end["reason"], trace.end["status"]), ("interrupt", 0))
        check(not is_alive(child), "the command goes on")


for name in ("INT", "TERM", "HUP", "QUIT", "ALRM", "USR1", "USR2", "PROF", "VTALRM"):
    lib.CASES[f"signal_{name}"] = functools.partial(ended_by, getattr(signal, f"SIG{name}"))


@case
def nohup():
    """Where SIGHUP is ignored (nohup) it ends nothing."""
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        run = Writing(stack, (*NEW, "-q", "-o", path), lib.script(SOME_UNTIL_TOLD),
                      preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        lib.wait_trace(path, '"to":"TIME-WAIT"')
        run.process.send_signal(signal.SIGHUP)
        before = os.path.getsize(path)
        lib.wait_for(lambda: os.path.getsize(path) > before + 8192, "more of the trace")
        run.process.stdin.close()
        check_equal(run.wait(), 0, run.stderr)
        check_equal(lib.read_trace(path).end["reason"], "command")


@case
def no_processor_time_is_left():
    """RLIMIT_CPU is the tracer's: it ends, and the command goes on."""
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        run = Writing(stack, (*NEW, "-q", "-o", path), lib.script("print = lambda *w, **o: os.write(2, b'ready %d\\n' % w[1])"
                                                                  + SOME_UNTIL_TOLD))
        run.child()
        lib.wait_trace(path, '"to":"TIME-WAIT"')
        run.process.send_signal(signal.SIGXCPU)
        run.says("the limit of processor time is reached")
        not_stopped(run)
        check_equal(lib.read_trace(path).end["reason"], "error")


@case
def children_are_ignored():
    """SIGCHLD is by who starts the program, which exec() does not change."""
    def run(*arguments):
        return subprocess.run([lib.TCPLENS, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              timeout=2 * lib.DEADLINE, preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/trace.ndjson"
        done = run(*NEW, "-q", "-o", path, "--exit-status", "--", "sh", "-c", "exit 7")
        check_equal(done.returncode, 7, done.stderr)
        check_equal(lib.read_trace(path).end["status"], 7)
        for arguments in (("read", path, "--summary"), ("report", path, "-o", f"{folder}/report.html"),
                          ("convert", path, "--to", "pcapng", "-o", f"{folder}/packets"),
                          ("lab", "first-connection", "--auto", "-q")):
            done = run(*arguments)
            check_equal(done.returncode, 0, f"{arguments}: {done.stderr}")


@case
def signals_are_blocked():
    """By who starts the program, which exec() does not change: what ends it does all the same."""
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        check_equal(lib.run(*NEW, "-q", "-o", path, "--", "true").status, 0)
        for arguments in (("read", "-"), ("explain", "-"), ("report", "-", "-o", f"{lib.temporary(stack)}/report.html"),
                          ("view", "--no-browser", path)):
            process = subprocess.Popen([lib.TCPLENS, *arguments], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL,
                                       preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]))
            stack.callback(process.wait)
            stack.callback(process.kill)
            stack.callback(process.stdin.close)
            process.stdin.write(lib.read(path)[:1000])
            process.stdin.flush()
            process.send_signal(signal.SIGTERM)
            check(process.wait(lib.DEADLINE) in (0, -signal.SIGTERM), f"{arguments}: {process.returncode}")


def standing_still(stack, arguments, writes, meanwhile=lambda child: None):
    """Fills what nobody reads from, and tells the tracer to end; the command must end with it."""
    run = Writing(stack, arguments, lib.script(CHURN), stdout=writes)
    stack.callback(os.close, writes)
    lib.wait_for(lambda: is_full(writes), "a full output")
    meanwhile(run.child())
    run.process.send_signal(signal.SIGTERM)
    return run


@case
def reader_of_a_pipe_stands_still():
    with contextlib.ExitStack() as stack:
        reads, writes = os.pipe()
        stack.callback(os.close, reads)
        run = standing_still(stack, (*NEW, "-o", "-"), writes)
        child = run.child()
        check_equal(run.wait(), 1, run.stderr)
        run.says("its reader takes nothing")
        check(not is_alive(child), "the command goes on")
        os.set_blocking(reads, False)
        records = lines_of(os.read(reads, 1 << 20))
        check_equal([r["n"] for r in records], list(range(len(records))), "numbers:")


def read_late(arguments, meanwhile=lambda child: None):
    """The trace and the exit status of a tracer whose reader goes on when it has been told to end."""
    with contextlib.ExitStack() as stack:
        reads, writes = os.pipe()
        into = os.fdopen(writes, "wb", buffering=0)
        path = f"{lib.temporary(stack)}/kept"
        goes_on = threading.Event()  # at once then: the tracer waits for two seconds, and a new process can take that long

        def read_on():
            goes_on.wait()
            with open(path, "wb", buffering=0) as kept:
                while piece := os.read(reads, 65536):
                    kept.write(piece)
            os.close(reads)

        reader = threading.Thread(target=read_on)
        reader.start()
        stack.callback(reader.join)
        stack.callback(goes_on.set)
        stack.callback(into.close)
        run = standing_still(stack, (*NEW, *arguments, "-o", "-"), os.dup(writes), meanwhile)
        goes_on.set()
        into.close()
        status = run.wait()
        data = lib.wait_for(lambda: (d := lib.read(path)).endswith(b"\n") and b'"record":"end"' in d and d, "the end")
        trace = lib.parse(data.decode())
        check_equal([r["n"] for r in trace.records], list(range(len(trace.records))), "numbers:")
        check_equal(trace.end["reason"], "interrupt")
        return trace, status, run.stderr


@case
def reader_that_goes_on_gets_the_end():
    trace, status, stderr = read_late(())
    check_equal(status, 4 if trace.all("gap") else 0, stderr)  # events may be lost while nobody reads


def opened(pid):
    """How many connections have been begun in its namespace: Documentation/networking/snmp_counter.rst"""
    names, values = (line.split() for line in lib.read_of(pid, "net/snmp").splitlines() if line.startswith("Tcp:"))
    return int(values[names.index("ActiveOpens")])


@case
def reader_that_goes_on_is_told_what_was_lost():
    def more_than_there_is_room_for(child):
        before = opened(child)
        lib.wait_for(lambda: opened(child) > before + 200, "more connections")

    trace, status, stderr = read_late(("--buffer", "16"), more_than_there_is_room_for)
    gaps = trace.all("gap", source="kernel")
    check_equal(status, 4, stderr)
    check(gaps, "no gap")
    check_equal(sum(r["lost"] for r in gaps), trace.end["lost"]["kernel"], "lost:")
    check("events were lost" in stderr, stderr)


@case
def terminal_stands_still():
    with contextlib.ExitStack() as stack:
        master, slave = pty.openpty()
        stack.callback(os.close, master)
        terminal = os.open(os.ttyname(slave), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        stack.callback(os.close, terminal)
        run = Writing(stack, NEW, lib.script("sys.stdout = sys.stderr\n" + CHURN), stdout=slave)
        os.close(slave)
        run.child()
        fill_terminal(master, terminal)
        run.process.send_signal(signal.SIGTERM)
        check_equal(run.wait(), 1, run.stderr)
        run.says("its reader takes nothing")


@case
def terminal_is_closed():
    """As with ssh, whose end tells only who is in the foreground: the file is written on."""
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        master, slave = pty.openpty()
        closing = stack.enter_context(contextlib.ExitStack())
        closing.callback(os.close, master)
        run = Writing(stack, (*NEW, "-o", path), lib.script("sys.stdout = sys.stderr\n" + SOME_UNTIL_TOLD), stdout=slave)
        os.close(slave)
        lib.wait_trace(path, '"to":"TIME-WAIT"')
        closing.close()
        before = os.path.getsize(path)
        lib.wait_for(lambda: os.path.getsize(path) > before + 8192, "more of the trace")
        run.process.stdin.close()
        check_equal(run.wait(), 0, run.stderr)
        check_equal(lib.read_trace(path).end["reason"], "command")


@contextlib.contextmanager
def with_unread_standard_error(*arguments):
    """(tracer, what is to be read of its standard error, which is full)"""
    with contextlib.ExitStack() as stack:
        reads, writes = os.pipe()
        stack.callback(os.close, reads)
        fill_pipe(writes)
        tracer = subprocess.Popen([lib.TCPLENS, *arguments], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=writes)
        os.close(writes)
        stack.callback(lambda: tracer.poll() is None and (tracer.kill(), tracer.wait()))
        stack.callback(tracer.stdin.close)
        yield tracer, reads


@case
def standard_error_stands_still():
    """Notes are not worth waiting for."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/trace.ndjson"
        with with_unread_standard_error(*NEW, "-q", "-o", path, "--", *lib.script(SOME)) as (tracer, _):
            lib.wait_trace(path, '"to":"TIME-WAIT"')
            tracer.send_signal(signal.SIGTERM)
            check(tracer.wait(lib.DEADLINE) in (0, 4), tracer.returncode)
        check_equal(lib.read_trace(path).end["reason"], "interrupt")


@case
def standard_error_stands_still_and_nobody_asks():
    """Nor does the end wait for them, where it comes by itself."""
    for arguments, reason in ((("--duration", "0.1s", "--", "cat"), "duration"), (("--", "sh", "-c", "exit 3"), "command")):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/trace.ndjson"
            with with_unread_standard_error(*NEW, "-v", "-q", "-o", path, *arguments) as (tracer, _):
                check_equal(tracer.wait(lib.DEADLINE), 0)
            check_equal(lib.read_trace(path).end["reason"], reason)


@case
def standard_error_is_read_again():
    """Then it says how much is missing, before what it says next."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/trace.ndjson"
        command = ("sh", "-c", "read line; exit 3")
        with with_unread_standard_error(*NEW, "-v", "-q", "-o", path, "--", *command) as (tracer, reads):
            lib.wait_trace(path, '"header"')
            os.set_blocking(reads, False)
            with contextlib.suppress(BlockingIOError):
                while os.read(reads, 1 << 16):
                    pass
            tracer.stdin.close()
            check_equal(tracer.wait(lib.DEADLINE), 0)
            said = os.read(reads, 1 << 16).decode().splitlines()
            check(re.fullmatch(r"tcplens: \d+ lines are missing here, which nobody read", said[0]), said)
            check_equal(said[1:], ["tcplens: sh ended with status 3"])


def without_descriptor(closed, *command):
    return subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *command], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=2 * lib.DEADLINE, check=False)


@case
def without_standard_output():
    """What the program opens does not take its place."""
    for command in ((lib.TCPLENS, *NEW, "--", "true"), (lib.TCPLENS, *NEW, "-q", "-o", "-", "--", "true"),
                    (lib.TCPLENS, "--help"), (lib.ECHO, "--help")):
        done = without_descriptor(">&-", *command)
        check_equal(done.returncode, 1, f"{command}: {done.stderr}")
        check("cannot write" in done.stderr, command, done.stderr)


@case
def without_standard_input_or_error():
    for closed in ("<&-", "2>&-", "<&- >&- 2>&-"):
        with contextlib.ExitStack() as stack:
            path = f"{lib.temporary(stack)}/trace.ndjson"
            done = without_descriptor(closed, lib.TCPLENS, *NEW, "-v", "-q", "-o", path, "--", "true")
            check_equal((done.returncode, done.stdout), (0, ""), f"{closed}: {done.stderr}")
            lib.validate(path)


@case
def fifo_without_a_reader():
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/fifo"
        os.mkfifo(path)
        run = Writing(stack, (*NEW, "-q", "-o", path), ["true"])
        run.says(f"waiting for somebody to read {path}")
        run.process.send_signal(signal.SIGINT)
        check_equal(run.wait(), 1, run.stderr)
        run.says("nobody opened it to read")


@case
def fifo_whose_reader_comes_later():
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/fifo"
        os.mkfifo(path)
        run = Writing(stack, (*NEW, "-q", "-o", path), ["true"])
        run.says("waiting for somebody to read")
        with open(path, "rb") as fifo:
            records = lines_of(fifo.read())
        check_equal(run.wait(), 0, run.stderr)
        check_equal((records[0]["record"], records[-1]["record"]), ("header", "end"))


def not_stopped(run):
    """The trace could not go on; the command does until it is told, and the exit status says that the trace is not whole."""
    run.says("goes on, and is traced no more")
    child = run.child()
    check(is_alive(child), "the command was ended")
    run.process.stdin.close()
    check_equal(run.wait(), 1, run.stderr)
    run.says("ended with status 3")


def not_stopped_by(run, path):
    """The output took no more; what it took are whole lines."""
    not_stopped(run)
    records = lines_of(lib.read(path))
    check(len(records) > 10, "little was written")
    check_equal([r["n"] for r in records], list(range(len(records))), "numbers:")


def limited(stack, *arguments, **options):
    return Writing(stack, (*NEW, *arguments), lib.script("print = lambda *w, **o: os.write(2, b'ready %d\\n' % w[1])"
                                                         + CHURN_UNTIL_TOLD), **options)


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (WITHOUT_ROOM, WITHOUT_ROOM))


@case
def full_disk():
    with contextlib.ExitStack() as stack:
        folder = lib.temporary(stack)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={WITHOUT_ROOM}", "tmpfs", folder], check=True)
        stack.callback(subprocess.run, ["umount", folder], check=True)
        run = limited(stack, "-q", "-o", f"{folder}/trace.ndjson")
        run.says("No space left on device")
        not_stopped_by(run, f"{folder}/trace.ndjson")


@case
def full_disk_for_packets():
    """Of what is written beside the trace: it is named, and whole blocks are in it."""
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/packets"
        run = limited(stack, "-q", "--write", path, preexec_fn=limit_files)
        run.says(f"cannot write {path}: File too large")
        not_stopped(run)
        done = lib.run("read", path, "--summary")
        check_equal((done.status, done.stderr), (0, ""))


@case
def file_that_may_not_grow():
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        run = limited(stack, "-q", "-o", path, preexec_fn=limit_files)
        run.says("File too large")
        not_stopped_by(run, path)


@case
def two_tracers_on_one_file():
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, *NEW, "-q", "-o", path, "--", *lib.script(SOME))
        lib.wait_trace(path, '"to":"TIME-WAIT"')
        second = lib.run(*NEW, "-q", "--force", "-o", path, "--", "true")
        check_equal(second.status, 1)
        lib.one_line(second.stderr, path, "it is being written already")
        for mode in ("ab", "r+b"):
            with open(path, mode) as output:
                second = subprocess.run([lib.TCPLENS, *NEW, "--", "true"], stdin=subprocess.DEVNULL, stdout=output,
                                        stderr=subprocess.PIPE, text=True, timeout=2 * lib.DEADLINE, check=False)
            check_equal(second.returncode, 1)
            lib.one_line(second.stderr, "standard output", "it is being written already")
        tracer.interrupt()
        check_equal(tracer.wait(), 0, tracer.stderr)
        lib.validate(path)


def not_divided(tracer):
    return re.findall(r"not divided further for now: the next file cannot be made: (.*)", tracer.stderr)


@contextlib.contextmanager
def dividing():
    """A tracer that divides its trace, its opener, and the folder that the trace is in."""
    with contextlib.ExitStack() as stack:
        folder = lib.temporary(stack)
        tracer = lib.begin(stack, *NEW, "-q", "--rotate-size", "64k", "-o", f"{folder}/trace.ndjson", "--", *lib.script(SOME))
        opener = wait_named("tcplens-opener", tracer.pid)
        lib.wait_for(lambda: os.path.exists(f"{folder}/trace.3.ndjson"), "a third part")
        if not_divided(tracer):
            raise lib.Disturbed("the opener stood still by itself")
        try:
            yield tracer, opener, folder
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(opener, signal.SIGKILL)


def whole_with_an_end(tracer, folder, parts):
    """Told to end, it does, and the command; the last of the parts goes on to the end, and there are no others."""
    tracer.process.send_signal(signal.SIGTERM)
    check(tracer.wait() in (0, 4), tracer.stderr)
    check_equal(len(os.listdir(folder)), parts)
    if not all(os.path.getsize(f"{folder}/{name}") for name in os.listdir(folder)):
        raise lib.Disturbed("the opener was stopped as it had made a file, and not yet handed it over")
    records = [r for n in range(1, parts + 1) for r in lines_of(lib.read(f"{folder}/trace{f'.{n}' if n > 1 else ''}.ndjson"))]
    check_equal((records[-1]["record"], records[-1]["reason"], records[-1]["status"]), ("end", "interrupt", 0))
    check_equal({r["n"] for r in records}, set(range(records[-1]["n"] + 1)), "numbers:")


@case
def opener_is_stopped():
    """By somebody, or by a file system that does not answer. When it goes on, nobody wants a file of it any more."""
    with dividing() as (tracer, opener, folder):
        os.kill(opener, signal.SIGSTOP)
        lib.wait_for(lambda: not_divided(tracer), "a word of it")
        parts = len(os.listdir(folder))
        child = int(tracer.wait_line(r"^ready (\d+)")[1])
        whole_with_an_end(tracer, folder, parts)
        check(not is_alive(child), "the command goes on")
        check_equal(not_divided(tracer), ["tcplens-opener, which makes it, does not answer"])
        os.kill(opener, signal.SIGCONT)
        lib.wait_for(lambda: lib.has_ended(opener), "the opener's end")
        check_equal(len(os.listdir(folder)), parts)


@case
def opener_is_stopped_and_goes_on():
    with dividing() as (tracer, opener, folder):
        os.kill(opener, signal.SIGSTOP)
        lib.wait_for(lambda: not_divided(tracer), "a word of it")
        parts = len(os.listdir(folder))
        os.kill(opener, signal.SIGCONT)
        lib.wait_for(lambda: len(os.listdir(folder)) > parts + 1, "two more parts")
        os.kill(opener, signal.SIGKILL)
        lib.wait_for(lambda: len(not_divided(tracer)) > 1, "a word of its end")
        check_equal(not_divided(tracer)[-1], "tcplens-opener, which makes it, has ended")
        whole_with_an_end(tracer, folder, len(os.listdir(folder)))


@case
def quiet_alone():
    done = lib.run(*NEW, "-q", "--", "true")
    check_equal((done.status, done.stdout), (2, ""))
    lib.one_line(done.stderr, "--quiet", "--output")


def in_namespace(name, *command):
    subprocess.run(["ip", "-n", name, *command], check=True, capture_output=True)


def without_interface(stack, arguments, command):
    """(tracer, namespace, path): traces an interface v0, of a pair, in a namespace that has a name."""
    name = stack.enter_context(lib.named_namespace())
    in_namespace(name, "link", "add", "v0", "type", "veth", "peer", "name", "v1")
    in_namespace(name, "link", "set", "v0", "up")
    path = f"{lib.temporary(stack)}/trace.ndjson"
    command = ["--", *command] if command else []
    return lib.begin(stack, "trace", "--netns", name, "-q", "-o", path, *arguments, *command), name, path


TWO_STEPS = """
server = listen()
for step in range(2):
    client = connect(); peer, _ = server.accept()
    client.close(); rest(peer); peer.close()
    ready(step)
    sys.stdin.readline()
sys.exit(3)
"""


@contextlib.contextmanager
def between_the_steps(tracer):
    """Of TWO_STEPS, which goes on to its end then."""
    tracer.wait_line("^ready 0")
    yield
    tracer.say()
    tracer.wait_line("^ready 1")
    tracer.say()


@case
def removed_interface():
    """What is left is traced on."""
    with contextlib.ExitStack() as stack:
        tracer, name, path = without_interface(stack, ("-i", "lo", "-i", "v0"), lib.script(TWO_STEPS))
        with between_the_steps(tracer):
            in_namespace(name, "link", "delete", "v0")
            lib.wait_trace(path, '"gap"')
        check_equal(tracer.wait(), 4, tracer.stderr)
        check("interface v0: " in tracer.stderr, tracer.stderr)
        trace = lib.read_trace(path)
        check_equal((trace.end["reason"], trace.end["status"]), ("command", 3))
        gap = trace.one("gap")
        check_equal((gap["interface"], gap["source"], gap["lost"]), ("v0", "wire", 0))
        check_equal([r["verdict"] for r in trace.all("outcome")], ["closed-normally"] * 2)
        second = trace.all("connection")[1]
        check(second["n"] > gap["n"], "both connections came before the gap")
        check(trace.all("segment", conn=second["conn"]), "no packets after the gap")


@case
def removed_only_interface():
    """The kernel's own account goes on."""
    with contextlib.ExitStack() as stack:
        tracer, name, path = without_interface(stack, ("-i", "v0"), lib.script(TWO_STEPS))
        with between_the_steps(tracer):
            in_namespace(name, "link", "delete", "v0")
            lib.wait_trace(path, '"gap"')
        check_equal(tracer.wait(), 4, tracer.stderr)
        check("tracing goes on without the wire witness" in tracer.stderr, tracer.stderr)
        trace = lib.read_trace(path)
        check_equal(trace.end["reason"], "command")
        check(trace.all("connection")[1]["n"] > trace.one("gap")["n"], "both connections came before the gap")


@case
def nothing_left_to_watch():
    with contextlib.ExitStack() as stack:
        tracer, name, path = without_interface(stack, ("-i", "v0", "--source", "wire"), lib.script(TWO_STEPS))
        with between_the_steps(tracer):
            in_namespace(name, "link", "delete", "v0")
            tracer.wait_line("goes on, and is traced no more", "stderr")
        check_equal(tracer.wait(), 1, tracer.stderr)
        check("ended with status 3" in tracer.stderr, tracer.stderr)
        trace = lib.read_trace(path)
        check_equal(trace.end["reason"], "error")
        check_equal(trace.one("gap")["interface"], "v0")


@case
def nothing_left_and_no_command():
    with contextlib.ExitStack() as stack:
        tracer, name, path = without_interface(stack, ("-i", "v0", "--source", "wire"), None)
        lib.wait_trace(path, '"header"')
        in_namespace(name, "link", "delete", "v0")
        check_equal(tracer.wait(), 1, tracer.stderr)
        check_equal(lib.read_trace(path).end["reason"], "error")


@case
def removed_namespace():
    """Its name goes; it lives on for as long as somebody is in it, and the tracer is."""
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(lib.named_namespace())
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", name, "-q", "-o", path, "--", *lib.script(TWO_STEPS))
        with between_the_steps(tracer):
            subprocess.run(["ip", "netns", "delete", name], check=True)
        check_equal(tracer.wait(), 0, tracer.stderr)
        trace = lib.read_trace(path)
        check_equal((trace.end["reason"], len(trace.all("outcome"))), ("command", 2))
        subprocess.run(["ip", "netns", "add", name], check=True)  # for the end of the case


# Makes an event whenever it is asked, with the next number.
MAKER = """
asks, number = socket.socket(fileno=int(sys.argv[1])), 0
ready()
sys.stdin.readline()
one = socket.socket()
while True:
    number += 1
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, number)
    if number > 1: asks.send(b"x")
    if not asks.recv(1): break
"""


@case
def events_outpace_the_reader():
    """Before one is read there is always another: the program writes all the same, hears that it shall end, and does."""
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        asks, answers = map(stack.enter_context, socket.socketpair())
        maker = lib.Running(["unshare", "--net", *lib.script(MAKER, answers.fileno())], stack, pass_fds=[answers.fileno()])
        maker.wait_line("^ready")
        tracer = lib.Running(["env", f"LD_PRELOAD={RING}", f"OUTPACE_FD={asks.fileno()}", lib.TCPLENS, "trace", "-q", "--calls",
                              "--netns", str(maker.pid), "-o", path], stack, pass_fds=[asks.fileno()])
        lib.wait_trace(path, '"header"')
        maker.say()
        lib.wait_for(lambda: lib.read(path).count(b'"setsockopt"') >= 20, "that what was read is written")
        tracer.interrupt()
        check_equal(tracer.wait(), 0, tracer.stderr)
        trace = lib.read_trace(path)
        numbers = [r["args"]["value"] for r in trace.all("call", name="setsockopt")]
        check_equal(numbers, list(range(1, len(numbers) + 1)), "once each, in order:")


@case
def the_network_is_slow():
    """What a command's connection still hears after it has ended takes a round trip, which the trace waits for."""
    with contextlib.ExitStack() as stack:
        (here, there), _ = stack.enter_context(two_hosts(delay=0.1))
        server = lib.Running(["ip", "netns", "exec", there, *lib.script(f"""
server = listen("{ADDRESSES[1]}"); ready(); peer, _ = server.accept(); rest(peer); peer.close()
""")], stack)
        server.wait_line("^ready")
        path = f"{lib.temporary(stack)}/trace.ndjson"
        done = lib.run("trace", "-q", "-o", path, "--", *lib.script(f'connect("{ADDRESSES[1]}").close()'),
                       before=("ip", "netns", "exec", here))
        check_equal(done.status, 0, done.stderr)
        trace = lib.read_trace(path)
    check_equal(trace.path(1, "client", "kernel"), lib.ACTIVE + lib.CLOSES_FIRST)
    trace.check_outcome(1, "closed-normally", "TIME-WAIT", "CLOSED")


def held_back_at_the_end(asked):
    """(exit status, trace): none of its events can be read before the tracer, told to end, has asked for them so many times."""
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        asks, answers = map(stack.enter_context, socket.socketpair())
        maker = lib.Running(["unshare", "--net", *lib.script("""
ready(); sys.stdin.readline()
server = listen()
ready("done"); sys.stdin.readline()
""")], stack)
        maker.wait_line("^ready")
        tracer = lib.Running(["env", f"LD_PRELOAD={RING}", f"HELD_FD={asks.fileno()}", lib.TCPLENS, "trace", "-q", "--source",
                              "kernel", "--netns", str(maker.pid), "-o", path], stack, pass_fds=[asks.fileno()])
        asks.close()

        def hold(times):
            for _ in range(times):
                if not answers.recv(1):
                    return
                answers.send(b"h")

        hold(3)
        maker.say()
        maker.wait_line("^ready done")
        tracer.interrupt()
        hold(asked)
        while answers.recv(1):
            answers.send(b"r")
        return tracer.wait(), lib.read_trace(path)


@case
def what_is_held_back_at_the_end():
    """An event that is not written to its end, as its processor stands still, holds back all that came after it."""
    status, trace = held_back_at_the_end(20)
    check_equal((status, trace.all("gap"), [r["port"] for r in trace.all("listener")]), (0, [], [7007]))


@case
def what_is_held_back_for_good():
    status, trace = held_back_at_the_end(10000)
    check_equal((status, trace.all("listener"), trace.end["lost"]["kernel"]), (4, [], 1))
    gap = trace.one("gap")
    check_equal((gap["source"], gap["hook"], gap["lost"]), ("kernel", "ring", 1))
    check(gap["to"] - gap["from"] >= 1_000_000_000, "was not waited for:", gap)


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
