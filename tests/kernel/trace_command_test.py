#!/usr/bin/env python3
"""Tests of `tcplens trace` as a command: rights, errors, how it ends, what it writes where.

Usage: trace_command_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO

Each trace is made in a network namespace of its own, and is checked against the schema.
"""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import (ACTIVE, CLOSES_FIRST, CLOSES_SECOND, HOLD, NOBODY, PASSIVE, Skip, case, check,
                 check_demo_segments, check_equal, flags, one_line, script, trace_of)

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
    check_equal((trace.end["reason"], trace.end["status"], trace.end["late"]), ("command", 0, 0))
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
            ((*new, "--port", "http", *command), 2, ["--port", "'http'"]),
            ((*new, "--port", "", *command), 2, ["--port"]),
            ((*new, "--host", "localhost", *command), 2, ["--host", "'localhost'"]),
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
        ]
        wrong = []
        for arguments, status, parts in expected:
            done = lib.run(*arguments)
            try:
                check_equal((done.status, done.stdout), (status, ""))
                one_line(done.stderr, *parts)
                check(not os.path.exists(marker), "the command was run")
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
        check(not running(command), "the command still runs")
        trace = lib.read_trace(path)
    trace.check_whole("interrupt", trace.end["status"])
    check(trace.end["status"] in (128 + signal.SIGINT, 128 + signal.SIGTERM), trace.end)
    # The command's end closed its sockets, and all of that was seen.
    check_equal(len(trace.all("listener", closed=True)), 1)
    check_equal({r["to"] for r in trace.all("state", source="kernel")[-2:]} & {"CLOSED", "TIME-WAIT"} != set(), True)
    outcome = trace.one("outcome")
    check(set(outcome["final"].values()) <= {"CLOSED", "TIME-WAIT"}, outcome)


def running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


@case
def interrupted():
    for number in (signal.SIGINT, signal.SIGTERM):
        ended_by(lambda tracer, number: tracer.process.send_signal(number), number)


@case
def interrupted_from_a_terminal():
    ended_by(lambda tracer, number: os.killpg(tracer.pid, number), signal.SIGINT)


@case
def duration():
    seconds = round(lib.SLOWDOWN)  # in which the command must get to its connection
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", "new", "-q", "--duration", str(seconds), "-o", path, "--", *script(HOLD))
        command = int(tracer.wait_line(r"^ready (\d+)")[1])
        check_equal(tracer.wait(), 0, tracer.stderr)
        trace = lib.read_trace(path)
        lib.wait_for(lambda: not running(command), "the command to end")
    check_equal(trace.end["reason"], "duration")
    check(trace.end["t"] >= 0.9e9 * seconds, "ended early:", trace.end)
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
            check(not running(command), "the command still runs")
            trace = lib.read_trace(path)
        check_equal(trace.end["reason"], "duration" if options else "interrupt")


@case
def interface_goes_away():
    """What was seen before is kept, and how it ended."""
    with contextlib.ExitStack() as stack:
        directory = lib.temporary(stack)
        name = stack.enter_context(lib.named_namespace())
        subprocess.run(["ip", "-n", name, "link", "add", "va", "type", "veth", "peer", "name", "vb"], check=True)
        subprocess.run(["ip", "-n", name, "link", "set", "va", "up"], check=True)
        done = lib.run("trace", "-q", "--netns", name, "--iface", "va", "-o", f"{directory}/trace", "--", *script("""
import subprocess
server = listen(); client = connect(); peer, _ = server.accept()
subprocess.run(["ip", "link", "delete", "va"], check=True)
time.sleep(60)
"""))
        check_equal(done.status, 1, done.stderr)
        one_line(done.stderr, "va")
        trace = lib.read_trace(f"{directory}/trace")
    check_equal(trace.end["reason"], "error")
    check(trace.path(1, "client").startswith("SYN-SENT ESTABLISHED"), trace.path(1, "client"))


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
        lib.wait_for(lambda: not running(command), "the command to end")
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
        done = lib.run("trace", "--netns", "new", "-o", path, "--", lib.ECHO, "demo", "--fast")
        check_equal((done.status, done.stderr), (0, ""))
        lib.read_trace(path).check_whole()
        for part in ("SYN-SENT", "TIME-WAIT", "client: connect()", "Closed normally"):
            check(part in done.stdout, part, "is missing")
        check("\x1b" not in done.stdout, "colour in a pipe")
        quiet = lib.run("trace", "--netns", "new", "-q", "-o", path, "--", "true")
        check_equal((quiet.status, quiet.stdout, quiet.stderr), (0, "", ""))


@case
def port_filter():
    text = """
for port in (7007, 7008, 7009):
    server = listen(port=port); client = connect(port=port); peer, _ = server.accept()
    client.close(); rest(peer); peer.close(); server.close()
"""
    for options, ports in ((("-p", "7008"), [7008]), (("--port", "7007", "--port", "7009"), [7007, 7009])):
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
