#!/usr/bin/env python3
"""Tests of `tcplens trace` as a command: rights, errors, how it ends, what it writes where.

Usage: trace_command_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO

Each trace is made in a network namespace of its own, and is checked against the schema.
"""
import contextlib
import gzip
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from unittest import mock

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import (ACTIVE, CLOSES_FIRST, CLOSES_SECOND, HOLD, NOBODY, PASSIVE, Skip, case, check,
                 check_demo_segments, check_equal, flags, has_ended, one_line, script, trace_of)

CAP_KILL = 1 << 5


# --- without root -------------------------------------------------------------------------------


@contextlib.contextmanager
def as_nobody():
    """A directory to write to, with copies of the programs: the build may lie where nobody can go."""
    with contextlib.ExitStack() as stack:
        directory = lib.temporary(stack)
        os.chmod(directory, 0o777)
        for program in (lib.TCPLENS, lib.ECHO):
            shutil.copy(program, directory)
        prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]

        def run(*arguments):
            done = subprocess.run([*prefix, f"{directory}/{os.path.basename(lib.TCPLENS)}", *arguments], text=True,
                                  stdin=subprocess.DEVNULL, capture_output=True, cwd=directory,
                                  timeout=2 * lib.DEADLINE, check=False)
            return lib.Done(done.returncode, done.stdout, done.stderr)

        tried = subprocess.run([*prefix, "unshare", "--user", "--net", "true"], capture_output=True, text=True,
                               check=False)
        if tried.returncode:
            raise Skip(f"no user namespaces for ordinary users: {tried.stderr.strip()}")
        yield directory, run


@case
def unprivileged_in_a_new_namespace():
    with as_nobody() as (directory, run):
        done = run("trace", "--netns", "new", "-q", "-o", "trace.ndjson", "--", f"{directory}/tcplens-echo",
                   "demo", "--fast")
        check_equal(done.status, 0, done.stderr)
        one_line(done.stderr, "sampled", "root")
        path = f"{directory}/trace.ndjson"
        check_equal(os.stat(path).st_uid, NOBODY)
        trace = lib.read_trace(path)
    check_equal(trace.header["sources"], ["diag", "wire"])
    check_equal([entry["source"] for entry in trace.header["missing"]], ["kernel"])
    check("root" in trace.header["missing"][0]["why"], trace.header["missing"])
    trace.check_paths(1, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND, sources=("wire",))
    trace.check_outcome(1, "closed-normally", "TIME-WAIT", "CLOSED")
    check_demo_segments(trace)
    check_equal({r["source"] for r in trace.all("state")} - {"diag"}, {"wire"})
    check_equal((trace.end["reason"], trace.end["status"]), ("command", 0))
    trace.check_in_time()
    check_equal(set(trace.end["lost"].values()), {0})


@case
def unprivileged_on_the_host():
    with as_nobody() as (_, run):
        done = run("trace", "--duration", "1", "-o", "trace.ndjson")
        check_equal((done.status, done.stdout), (3, ""))
        one_line(done.stderr, "root", "--netns new")
        done = run("trace", "--netns", "new", "--source", "kernel", "-o", "trace.ndjson", "--", "true")
        check_equal((done.status, done.stdout), (3, ""))
        one_line(done.stderr, "kernel", "root")
        # a hint is of what was typed: what samples do not know is not to be had from them, and no service is to be set up
        for words, hint in ((("top", "--once", "--source", "wire"), "--source diag"), (("export", "--metrics", "0"), "docs/export"),
                            (("trace", "--pid", "1"), "(sudo)"), (("top", "--once", "--pid", "1"), "(sudo)")):
            done = run(*words)
            check_equal((done.status, done.stdout), (3, ""), words)
            one_line(done.stderr, "root", hint)
            check(("docs/export" in done.stderr) == (words[0] == "export"), done.stderr)
            check(("diag" in done.stderr) == ("--pid" not in words), done.stderr)


# --- errors -------------------------------------------------------------------------------------


@case
def errors():
    new = ("trace", "--netns", "new", "-q")
    with contextlib.ExitStack() as stack:
        directory = lib.temporary(stack)
        trace = f"{directory}/trace.ndjson"
        marker = f"{directory}/marker"
        command = ("--", "touch", marker)
        busy = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        busy = f"127.0.0.1:{busy.getsockname()[1]}"
        expected = [
            ((), 2, ["--help"]),
            (("nonsense",), 2, ["nonsense"]),
            (("--nonsense",), 2, ["--nonsense"]),
            (("trace", "--nonsense", *command), 2, ["--nonsense"]),
            (("trace", "-Z", *command), 2, ["-Z"]),
            (("trace", "--output"), 2, ["--output"]),
            (("trace", "touch", marker), 2, ["touch"]),
            ((*new, "--"), 2, ["--"]),
            (new, 2, ["--netns new", "command"]),
            ((*new, "--source", "", *command), 2, ["--source", "kernel"]),
            ((*new, "--source", "wire,", *command), 2, ["--source", "kernel"]),
            ((*new, "--netns", "all", *command), 2, ["--netns", "new", "all"]),
            ((*new, "--port", "0", *command), 2, ["--port", "65535", "'0'"]),
            ((*new, "--port", "65536", *command), 2, ["--port", "65535", "'65536'"]),
            ((*new, "--port", "htps", *command), 2, ["--port", "'htps'"]),
            ((*new, "--port", "", *command), 2, ["--port"]),
            ((*new, "--host", "127.0.0.256", *command), 2, ["--host", "'127.0.0.256'"]),
            ((*new, "--host", "10.0.0.1/8", *command), 2, ["--host", "'10.0.0.1/8'"]),
            ((*new, *17 * ("--host", "::1"), *command), 2, ["16 hosts"]),
            ((*new, "--pid", "0", *command), 2, ["--pid", "'0'"]),
            ((*new, "--pid", "self", *command), 2, ["--pid", "'self'"]),
            ((*new, "--pid", "1", "--source", "wire", *command), 2, ["--pid", "kernel"]),
            (("trace", "--netns", "all", "--source", "diag", *command), 2, ["--netns all", "kernel"]),
            ((*new, "--segments", "some", *command), 2, ["--segments", "control", "'some'"]),
            ((*new, "--source", "wire,pigeon", *command), 2, ["--source", "kernel", "'pigeon'"]),
            ((*new, "--duration", "-1", *command), 2, ["--duration", "'-1'"]),
            ((*new, "--duration", "1x", *command), 2, ["--duration", "'1x'"]),
            ((*new, "--serve", "127.0.0.1:99999", *command), 2, ["--serve", "127.0.0.1:99999"]),
            ((*new, "--serve", "nowhere:80", *command), 2, ["--serve", "nowhere"]),
            ((*new, "--serve", busy, "-o", trace, *command), 1, ["taken", busy.split(":")[1]]),
            ((*new, "-o", f"{directory}/none/a.ndjson", *command), 1, [f"{directory}/none/a.ndjson", "No such"]),
            ((*new, "-o", directory, *command), 1, [directory, "directory"]),
            ((*new, "--iface", "none0", "-o", trace, *command), 1, ["none0"]),
            (("trace", "--netns", "none", "-o", trace, *command), 1, ["'none'", "ip netns"]),
            (("trace", "--netns", "4194305", "-o", trace, *command), 1, ["'4194305'"]),
            (("trace", "--netns", "../../proc/self/ns/net", "-o", trace, *command), 1, ["ip netns"]),
            ((*new, "-o", trace, "--", f"{directory}/none"), 1, [f"cannot run {directory}/none", "No such"]),
            ((*new, "-o", trace, "--", directory), 1, [f"cannot run {directory}", "denied"]),
            ((*new, "-o", trace, "--exit-status", "--", "no-such-program"), 127, ["cannot run no-such-program", "No such"]),
            ((*new, "-o", trace, "--exit-status", "--", directory), 126, [f"cannot run {directory}", "denied"]),
        ]
        wrong = []
        for arguments, status, parts in expected:
            done = lib.run(*arguments)
            try:
                check_equal((done.status, done.stdout), (status, ""))
                one_line(done.stderr, *parts)
                check(not os.path.exists(marker), "the command was run")
                check(not os.path.exists(trace), "a trace of nothing is left")
            except AssertionError as error:
                wrong.append(f"tcplens {' '.join(arguments)}: {error}, stderr {done.stderr!r}")
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(marker)
        check(not wrong, "\n    ".join(["", *wrong]))


@case
def status_of_the_command():
    trace, _ = trace_of(["sh", "-c", "exit 7"])
    check_equal(trace.end["status"], 7)
    trace, _ = trace_of(["sh", "-c", "kill -KILL $$"])
    check_equal(trace.end["status"], 128 + signal.SIGKILL)
    done = lib.run("trace", "--netns", "new", "-q", "-o", "/dev/null", "--", "sh", "-c", "kill -KILL $$")
    one_line(done.stderr, "sh was killed by signal 9")
    done = lib.run("trace", "--netns", "new", "-q", "-o", "/dev/null", "--", "sh", "-c", "exit 255")
    one_line(done.stderr, "sh ended with status 255")


# --- how a trace ends ---------------------------------------------------------------------------


def ended_by(stop, number):
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        # setsid: the signal of a terminal goes to a whole process group
        tracer = lib.Running(["setsid", lib.TCPLENS, "trace", "--netns", "new", "-q", "-o", path, "--",
                              *script(HOLD)], stack)
        command = int(tracer.wait_line(r"^ready (\d+)")[1])
        stop(tracer, number)
        check_equal(tracer.wait(), 0, "exit status:")
        check(has_ended(command), "the command still runs")
        trace = lib.read_trace(path)
    trace.check_whole("interrupt", trace.end["status"])
    check(trace.end["status"] in (128 + signal.SIGINT, 128 + signal.SIGTERM), trace.end)
    # The command's end closed its sockets, and all of that was seen.
    check_equal(len(trace.all("listener", closed=True)), 1)
    check_equal({r["to"] for r in trace.all("state", source="kernel")[-2:]} & {"CLOSED", "TIME-WAIT"} != set(), True)
    outcome = trace.one("outcome")
    check(set(outcome["final"].values()) <= {"CLOSED", "TIME-WAIT"}, outcome)


@case
def interrupted():
    for number in (signal.SIGINT, signal.SIGTERM):
        ended_by(lambda tracer, number: tracer.process.send_signal(number), number)


@case
def interrupted_from_a_terminal():
    ended_by(lambda tracer, number: os.killpg(tracer.pid, number), signal.SIGINT)


@case
def duration():
    seconds, command = 1, None
    while not command:  # got to its connection in that time
        check(seconds < lib.DEADLINE, "has no connection", seconds)
        with contextlib.ExitStack() as stack:
            path = f"{lib.temporary(stack)}/trace.ndjson"
            tracer = lib.begin(stack, "trace", "--netns", "new", "-q", "--duration", str(seconds), "-o", path, "--", *script(HOLD))
            check_equal(tracer.wait(), 0, tracer.stderr)
            trace = lib.read_trace(path)
            check_equal(trace.end["reason"], "duration")
            check(trace.end["t"] >= 0.9e9 * seconds, "ended early:", trace.end)
            command = re.search(r"^ready (\d+)", tracer.stdout, re.MULTILINE)
            if command:
                lib.wait_for(lambda pid=int(command[1]): has_ended(pid), "the command to end")
        seconds *= 3
    check_equal(trace.path(1, "client")[:len(ACTIVE)], ACTIVE)


@case
def command_that_heeds_no_signal():
    # a shell: Python would take too much of the duration to get there, on a machine that is emulated and busy
    stubborn = ["sh", "-c", 'trap "" INT TERM; echo "ready $$"; exec sleep 1000']
    for options in ((), ("--duration", str(round(lib.SLOWDOWN)))):
        with contextlib.ExitStack() as stack:
            path = f"{lib.temporary(stack)}/trace.ndjson"
            tracer = lib.begin(stack, "trace", "--netns", "new", "-q", *options, "-o", path, "--", *stubborn)
            command = int(tracer.wait_line(r"^ready (\d+)")[1])
            if not options:
                tracer.interrupt()
            check_equal(tracer.wait(), 0, tracer.stderr)
            check("did not end when it was told to" in tracer.stderr, tracer.stderr)
            check("processes that it started may go on" in tracer.stderr, tracer.stderr)
            check(has_ended(command), "the command still runs")
            trace = lib.read_trace(path)
        check_equal(trace.end["reason"], "duration" if options else "interrupt")


@case
def file_is_kept_where_nothing_can_be_traced():
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace"
        busy = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for option in (("--serve", f"127.0.0.1:{busy.getsockname()[1]}"), ("--serve", "999.1.1.1:80"),
                       ("--pid", "4194304")):
            with open(path, "w", encoding="utf-8") as file:
                file.write("keep")
            done = lib.run("trace", "-o", path, *option)
            check(done.status != 0, option, done.stderr)
            with open(path, encoding="utf-8") as file:
                check_equal(file.read(), "keep", option)


@case
def one_reader_of_two_goes_away():
    """The file is written to its end, whoever looked at the timeline."""
    with contextlib.ExitStack() as stack:
        directory = lib.temporary(stack)
        tracer = stack.enter_context(subprocess.Popen(
            [lib.TCPLENS, "trace", "--netns", "new", "-o", f"{directory}/trace", "--", *script("""
server = listen()
for _ in range(50):
    client = connect(); peer, _ = server.accept(); client.close(); rest(peer); peer.close()
    time.sleep(0.01)
""")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        stack.callback(tracer.kill)
        tracer.stdout.readline()
        tracer.stdout.close()
        check_equal(tracer.wait(lib.DEADLINE), 0, "exit status:")
        trace = lib.read_trace(f"{directory}/trace")
    check_equal(trace.end["reason"], "command")
    check_equal(len(trace.all("connection")), 50)


@case
def reader_goes_away():
    """As `tcplens trace ... | head -1`."""
    with contextlib.ExitStack() as stack:
        tracer = stack.enter_context(subprocess.Popen(
            [lib.TCPLENS, "trace", "--netns", "new", "--", *script("""
server = listen()
print(os.getpid(), file=sys.stderr, flush=True)
while True:
    client = connect(); peer, _ = server.accept(); client.close(); rest(peer); peer.close()
""")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        stack.callback(tracer.kill)
        command = int(tracer.stderr.readline())
        check('"record":"header"' in tracer.stdout.readline(), "no header")
        tracer.stdout.close()
        try:
            check_equal(tracer.wait(lib.DEADLINE), 0, "exit status:")
        except subprocess.TimeoutExpired:
            raise AssertionError("goes on without a reader") from None
        lib.wait_for(lambda: has_ended(command), "the command to end")
        check("tcplens: " not in tracer.stderr.read(), "head has just seen enough")


# --- what is written where ----------------------------------------------------------------------


@case
def standard_output():
    for options in ((), ("--output", "-"), ("--quiet", "--output", "-")):
        done = lib.run("trace", "--netns", "new", *options, "--", lib.ECHO, "demo", "--fast")
        check_equal(done.status, 0, done.stderr)
        with contextlib.ExitStack() as stack:
            path = f"{lib.temporary(stack)}/trace.ndjson"
            with open(path, "w", encoding="utf-8") as file:
                file.write(done.stdout)
            lib.read_trace(path).check_whole()
        check("client: connect()" in done.stderr, "what the command printed is lost")


@case
def timeline():
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        done = lib.run("trace", "--netns", "new", "-o", path, "--", "sh", "-c", f"echo printed; {lib.ECHO} demo --fast")
        check_equal((done.status, done.stderr), (0, ""))
        lib.read_trace(path).check_whole()
        for part in ("SYN-SENT", "TIME-WAIT", "printed", "Closed normally"):
            check(part in done.stdout, part, "is missing")
        check("client: connect()" not in done.stdout, "the demonstration tells what the timeline tells")
        aside = lib.run("trace", "--netns", "new", "-q", "--force", "-o", path, "--", lib.ECHO, "demo", "--fast")
        check("client: connect()" in aside.stdout, "nothing else tells its steps")
        check("\x1b" not in done.stdout, "colour in a pipe")
        quiet = lib.run("trace", "--netns", "new", "-q", "--force", "-o", path, "--", "true")
        check_equal((quiet.status, quiet.stdout, quiet.stderr), (0, "", ""))


MANY = """
with listen() as server:
    for _ in range(8):
        with connect() as client:
            peer, _ = server.accept()
            client.send(b"x" * 1000); peer.recv(1000); client.close(); rest(peer); peer.close()
"""


@case
def totals():
    """A line every so long, and at last one of all; the table of connections ends with how many ended how."""
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        done = lib.run("trace", "--netns", "new", "--every", "100ms", "-o", path, "--", *script(MANY))
        check_equal((done.status, done.stderr), (0, ""))
        lib.read_trace(path).check_undisturbed()
    header, *rows, total = [line.split() for line in done.stdout.splitlines() if not line.startswith("time") or line]
    rows = [row for row in rows if row != header]
    check_equal(header, "time new ended open segments bytes again RST drops lost".split())
    check_equal(total[:7], ["total", "8", "8", "0", total[4], "8000", "0"])
    sums = [sum(int(row[i]) for row in rows) for i in (1, 4, 5)]
    check(all(n <= int(total[i]) for n, i in zip(sums, (1, 4, 5))), sums, total)
    done = lib.run("trace", "--netns", "new", "--summary", "--", *script(MANY))
    check_equal(done.stdout.splitlines()[-1], "8 connections: 8 closed-normally")
    done = lib.run("trace", "--netns", "new", "--summary", "--every", "1s", "--", "true")
    check_equal(done.status, 2)
    lib.one_line(done.stderr, "--summary", "--every", "take one")

# Says nothing for long after its handshake.
SLOW = """
with listen() as server, connect() as client:
    peer, _ = server.accept(); time.sleep(60)
"""


@case
def so_many_segments():
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        done = lib.run("trace", "--netns", "new", "-c", "12", "-v", "-q", "-o", path, "port", "7007", "--",
                       *script(MANY + "time.sleep(60)"))
        check_equal(done.status, 0, done.stderr)
        check("watching by wire, kernel; asked of the kernel: tcp and (port 7007)" in done.stderr, done.stderr)
        trace = lib.read_trace(path)
        check_equal(len(trace.all("segment")), 12)
        check_equal(trace.end["reason"], "count")
        # what the last one brought about is told: of a handshake that is complete nobody says that it is not
        done = lib.run("trace", "--netns", "new", "-c", "3", "-q", "--force", "-o", path, "--",
                       *script(SLOW))
        check_equal(done.status, 0, done.stderr)
        trace = lib.read_trace(path)
        check_equal(len(trace.all("segment")), 3)
        check_equal([r["verdict"] for r in trace.all("outcome")], ["still-open"])
    done = lib.run("trace", "--source", "kernel", "-c", "3")
    check_equal(done.status, 2)
    lib.one_line(done.stderr, "--count", "--source")


PARTS = """
with listen() as server, connect() as stays:
    held, _ = server.accept()
    for line in sys.stdin:
        for _ in range(40):
            with connect() as client:
                peer, _ = server.accept()
                client.send(b"x" * 1000); peer.recv(1000); client.close(); rest(peer); peer.close()
        ready(line.strip())
        if line == "last\\n":
            stays.close(); rest(held); held.close()
"""


def parts_of(path):
    """The files that a trace was divided into, in their order."""
    head, _, tail = path.partition(".")
    more = (f"{head}.{n}.{tail}" for n in range(2, 1000))
    return [path, *itertools.takewhile(os.path.exists, more)]


def traced_in_parts(stack, path, size, is_enough):
    """Goes on until is_enough(tracer), and on to its end. What it said."""
    tracer = lib.begin(stack, "trace", "--netns", "new", "-q", "-o", path, "--rotate-size", size, "--rotate-time", "1h", "--",
                       *script(PARTS))
    for turn in range(200):
        tracer.say(f"turn {turn}")
        tracer.wait_line(rf"^ready turn {turn}$")
        if is_enough(tracer):
            break
    tracer.say("last")
    tracer.process.stdin.close()
    check_equal(tracer.wait(), 0, tracer.stderr)
    if "does not answer" in tracer.stderr:
        raise lib.Disturbed("who makes the parts stood still")
    return tracer.stderr


def numbers_in(*paths):
    """Of all records but the headers, each once."""
    found = set()
    for path in paths:
        with open(path, encoding="ascii") as lines:
            found |= {json.loads(line)["n"] for line in lines}
    return found - {0}


@case
def names_of_parts_that_are_taken():
    """They are passed over, and kept; the part of a trace says which it is."""
    with contextlib.ExitStack() as stack:
        folder = lib.temporary(stack)
        path, taken, after = (f"{folder}/trace{part}.ndjson" for part in ("", ".2", ".3"))
        lib.write(taken, "mine")
        said = traced_in_parts(stack, path, "64k", lambda tracer: os.path.exists(after))
        check_equal(lib.read(taken), b"mine")
        one_line(said, f"goes on in {after}")
        with open(after, encoding="ascii") as lines:
            check_equal(json.loads(lines.readline())["part"], 2)
        parts = [path, *(f"{folder}/{name}" for name in os.listdir(folder) if name not in ("trace.ndjson", "trace.2.ndjson"))]
        numbers = numbers_in(*parts)
        check_equal(numbers, set(range(1, max(numbers) + 1)), "records that are missing")
        done = lib.run("read", "--summary", path)
        check_equal(done.status, 0)
        one_line(done.stderr, "is part 1 of a trace")


@case
def a_part_that_cannot_be_made():
    """Nothing is lost: the one before goes on."""
    with contextlib.ExitStack() as stack:
        folder = lib.temporary(stack)
        before, now = f"{folder}/before", f"{folder}/now"
        os.mkdir(before)
        moved = []

        def is_enough(tracer):
            if not moved:
                moved.append(os.rename(before, now))
            return "not divided further" in tracer.stderr

        said = traced_in_parts(stack, f"{before}/trace.ndjson", "64k", is_enough)
        one_line(said, "not divided further for now", "No such file")
        parts = os.listdir(now)  # more than the first where the tracer had written so much before it was looked at
        check("trace.ndjson" in parts, parts)
        numbers = numbers_in(*(f"{now}/{part}" for part in parts))
        check_equal(numbers, set(range(1, max(numbers) + 1)), "records that are missing")


@case
def parts_are_the_callers():
    """Under sudo(8), and in a folder that root may write to by a capability alone."""
    with contextlib.ExitStack() as stack:
        folder = lib.temporary(stack)
        os.chown(folder, NOBODY, NOBODY)
        path = f"{folder}/trace.ndjson"
        stack.enter_context(mock.patch.dict(os.environ, SUDO_UID="4711", SUDO_GID="4712"))
        said = traced_in_parts(stack, path, "64k", lambda tracer: len(parts_of(path)) > 1)
        check_equal(said, "")
        found = [os.stat(part) for part in parts_of(path)]
        check_equal({(f.st_uid, f.st_gid, f.st_mode & 0o777) for f in found}, {(4711, 4712, 0o600)})


@case
def shown_again():
    """What a trace shows as it is made, it shows when it is read."""
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        done = lib.run("trace", "--netns", "new", "--timeline", "-o", path, "--", lib.ECHO, "demo", "--fast")
        check_equal(done.status, 0, done.stderr)
        check_equal([done.stdout.count(f" {what} queue") for what in ("left the SYN", "joined the accept")], [1, 1])
        again = lib.run("read", "--timeline", path)
        check_equal((again.status, again.stdout), (0, done.stdout), again.stderr)


@case
def a_start_that_fails_leaves_nothing():
    """No file is made, and one that would have been replaced is as it was."""
    with contextlib.ExitStack() as stack:
        folder = lib.temporary(stack)
        old, packets = f"{folder}/old.ndjson", f"{folder}/packets.pcapng"
        for wrong, status in ((["--iface", "no such"], 1), (["--netns", "no such"], 1), (["--pid", "4194305"], 1), (["port"], 2),
                              (["--summary", "--every", "1s"], 2)):
            lib.write(old, "mine")
            done = lib.run("trace", "--force", "-o", old, "-w", packets, *wrong)
            check_equal((done.status, done.stdout), (status, ""), f"{wrong}: {done.stderr}")
            one_line(done.stderr)
            check_equal((os.listdir(folder), lib.read(old)), (["old.ndjson"], b"mine"), wrong)
    with as_nobody() as (directory, run):
        done = run("trace", "--source", "kernel", "-o", "new.ndjson")
        check_equal(done.status, 3, done.stderr)
        check(not os.path.exists(f"{directory}/new.ndjson"), "an empty file")


@case
def what_was_over_before_the_trace():
    """Of a connection that is in TIME-WAIT as the trace begins there is nothing more to tell: it is counted apart."""
    with lib.named_namespace() as name:
        prefix = ["ip", "netns", "exec", name]
        subprocess.run([*prefix, *script("""
with listen() as server:
    for _ in range(3):
        with connect() as client:
            peer, _ = server.accept(); client.close(); rest(peer); peer.close()
""")], check=True, capture_output=True)
        done = lib.run("trace", "--netns", name, "--summary", "--duration", "0.2s")
    check_equal(done.status, 0, done.stderr)
    lines = done.stdout.splitlines()
    check_equal((len(lines), lines[-1]), (2, "0 connections; 3 more in TIME-WAIT since before the trace"))


@case
def a_trace_in_parts():
    """Each can be read alone, and together they are the whole; compressed or not."""
    for name, size in (("trace.ndjson", "64k"), ("trace.ndjson.gz", "64k")):
        with contextlib.ExitStack() as stack:
            path = f"{lib.temporary(stack)}/{name}"
            check("." not in os.path.dirname(path), path)
            # there is a second part before the connection that stays has ended
            traced_in_parts(stack, path, size, lambda tracer: len(parts_of(path)) > 1)
            files = parts_of(path)
            read = gzip.open if name.endswith("gz") else open
            parts = []
            for file in files:
                with read(file, "rt", encoding="ascii") as lines:
                    parts.append([json.loads(line) for line in lines])
                if not name.endswith("gz") and "ROUNDTRIP" in os.environ:  # in a virtual machine it is not
                    done = subprocess.run([os.environ["ROUNDTRIP"], file], capture_output=True, text=True, check=False)
                    check_equal((done.returncode, done.stderr), (0, ""), file)
        check(len(parts) > 1, files)
        check_equal([p[0].get("part") for p in parts], [*range(1, len(parts) + 1)])
        check_equal([p[-1]["record"] == "end" for p in parts], [False] * (len(parts) - 1) + [True])
        for part in parts:
            numbers = [r["n"] for r in part]
            check_equal(numbers, sorted(set(numbers)), "numbers that rise")
            known = {r["conn"] for r in part if r["record"] == "connection"}
            # of what ended before, a last word can come
            check({r["conn"] for r in part if r["record"] == "outcome"} <= known, "an outcome of a connection not told")
        check_equal([(r["conn"]) for r in parts[1] if r["record"] == "connection"][0], 1)
        check_equal([r["listener"] for r in parts[1] if r["record"] == "listener"][:1], [1])
        whole = {r["n"] for p in parts for r in p[1:]}
        check_equal(whole, set(range(1, parts[-1][-1]["n"] + 1)), "records that are missing")
    done = lib.run("trace", "--rotate-size", "1M")
    check_equal(done.status, 2)
    lib.one_line(done.stderr, "--rotate-size", "--output")
    done = lib.run("trace", "--rotate-size", "1k", "-o", "/dev/null")
    check_equal(done.status, 2)
    lib.one_line(done.stderr, "--rotate-size", "65536")


@case
def port_filter():
    text = """
for port in (7007, 7008, 7009):
    server = listen(port=port); client = connect(port=port); peer, _ = server.accept()
    client.close(); rest(peer); peer.close(); server.close()
"""
    for options, ports in ((("--port", "7008"), [7008]), (("--port", "7007", "--port", "7009"), [7007, 7009])):
        trace, _ = trace_of(script(text), *options)
        trace.check_whole()
        check_equal(trace.header["filter"], {"ports": ports})
        check_equal([r["server"]["port"] for r in trace.all("connection")], ports)
        check_equal([r["port"] for r in trace.all("listener") if "closed" not in r], ports)
        for conn in range(1, len(ports) + 1):
            trace.check_paths(conn, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND)


@case
def one_witness():
    text = "server = listen(); a = connect(); b, _ = server.accept(); a.close(); rest(b); b.close()"
    paths = (1, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND)
    trace, _ = trace_of(script(text), "--source", "wire")
    check_equal((trace.header["sources"], trace.header.get("missing")), (["wire"], None))
    trace.check_paths(*paths, sources=("wire",))
    check_equal({r["source"] for r in trace.all("state")}, {"wire"})
    check_equal(trace.all("queue") + trace.all("call") + trace.all("object"), [])

    trace, _ = trace_of(script(text), "--source", "kernel")
    check_equal((trace.header["sources"], trace.header.get("missing")), (["kernel"], None))
    trace.check_paths(*paths, sources=("kernel",))
    check_equal({r["source"] for r in trace.all("state")}, {"kernel"})
    check_equal(trace.all("segment"), [])
    outcome = trace.check_outcome(1, "closed-normally", "TIME-WAIT", "CLOSED")
    check("conn_state" not in outcome and "history" not in outcome, outcome)

    trace, _ = trace_of(script(text), "--source", "kernel,wire")
    trace.check_whole()


@case
def segments_option():
    text = "server = listen(); a = connect(); b, _ = server.accept(); a.sendall(b'x'); b.recv(1); a.close(); rest(b)"
    count = {}
    for which in ("all", "control", "none"):
        trace, _ = trace_of(script(text), "--segments", which)
        trace.check_whole()
        count[which] = [flags(r) for r in trace.all("segment")]
    check(any("PSH" in f for f in count["all"]), count)
    check(all({"SYN", "FIN", "RST"} & set(f.split(",")) for f in count["control"]), count)
    check("SYN" in count["control"] and "FIN,ACK" in count["control"], count)
    check_equal(count["none"], [])


# --- rights -------------------------------------------------------------------------------------


def check_rights(tracer, capabilities):
    for task in os.listdir(f"/proc/{tracer.pid}/task"):
        fields = {}
        with open(f"/proc/{tracer.pid}/task/{task}/status", encoding="utf-8") as file:
            for line in file:
                key, _, value = line.partition(":")
                fields[key] = value.split()
        check_equal(set(fields["Uid"] + fields["Gid"]), {str(NOBODY)}, "user and group:")
        check_equal(fields["Groups"], [])
        check_equal(fields["NoNewPrivs"], ["1"])
        check(int(fields["CapEff"][0], 16) in capabilities, "CapEff", fields["CapEff"])
        check(int(fields["CapPrm"][0], 16) in capabilities, "CapPrm", fields["CapPrm"])
        check_equal(int(fields["CapInh"][0], 16) | int(fields["CapAmb"][0], 16), 0)


@case
def rights_are_dropped():
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--port", "1", "-q", "-o", path, "--duration", "100",
                           "--serve", "127.0.0.1:0")
        lib.wait_trace(path, '"record":"header"')
        check_rights(tracer, {0})
        tracer.interrupt()
        check_equal(tracer.wait(), 0, tracer.stderr)
        lib.read_trace(path).check_whole("interrupt", None)


@case
def rights_with_a_command():
    """The tracer must be able to end the command, and that is all; the command keeps what it had."""
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", "new", "-q", "-o", path, "--", *script(HOLD))
        uid = tracer.wait_line(r"^ready \d+ (\d+)")[1]
        check_equal(uid, "0", "user of the command:")
        check_rights(tracer, {0, CAP_KILL})
        tracer.say()
        check_equal(tracer.wait(), 0, tracer.stderr)
        trace = lib.read_trace(path)
        trace.check_whole()
        trace.check_paths(1, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND)


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
