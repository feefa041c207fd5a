#!/usr/bin/env python3
"""The sampled witness: what an ordinary user gets instead of the kernel witness.

diag_test.py [CASE...]    TCPLENS, ECHO: the programs

A command holds each state until the test has found it in the trace, so that nothing depends on how
fast samples follow each other.
"""
import contextlib
import os
import shutil
import subprocess
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import NOBODY, Skip, case, check, check_equal

PREFIX = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
STANDS_IN = ("sampled", "20 ms", "root")

# Waits for a line of the test after each step.
STEPS = """
def step(): sys.stdin.readline()
"""


def python_for_nobody():
    """The one that runs this test may lie where an ordinary user cannot go."""
    for path in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        # not from setpriv itself, which still has root's rights when it executes
        if subprocess.run([*PREFIX, "env", path, "-c", "import socket"], capture_output=True, check=False).returncode == 0:
            return path
    raise Skip("no Python that an ordinary user can run")


class Traced:
    """A command in a namespace of its own, traced by an ordinary user."""

    def __init__(self, stack, text, *options):
        directory = lib.temporary(stack)
        os.chmod(directory, 0o777)
        shutil.copy(lib.TCPLENS, f"{directory}/tcplens")
        tried = subprocess.run([*PREFIX, "unshare", "--user", "--net", "true"], capture_output=True, text=True,
                               check=False)
        if tried.returncode:
            raise Skip(f"no user namespaces for ordinary users: {tried.stderr.strip()}")
        self.path = f"{directory}/trace.ndjson"
        command = [python_for_nobody(), *lib.script(STEPS + text)[1:]]
        self.running = lib.Running([*PREFIX, f"{directory}/tcplens", "trace", "--netns", "new", "-q", "-o", self.path,
                                    *options, "--", *command], stack)

    def wait(self, condition, what):
        """Until the trace, as far as it is written, holds a record for which condition(record) is true; then the
        command goes on."""
        def found():
            if not os.path.exists(self.path):
                return None
            with open(self.path, encoding="utf-8") as file:
                lines = file.read().split("\n")[:-1]
            check(self.running.process.poll() is None, "ended early:", self.running.stderr)
            return next((r for r in lib.Trace(lines).records if condition(r)), None) if lines else None

        record = lib.wait_for(found, what)
        self.running.say()
        return record

    def wait_state(self, end, state):
        return self.wait(lambda r: r["record"] == "state" and r["source"] == "diag" and r["end"] == end
                         and r["to"] == state, f"{end} sampled in {state}")

    def wait_queue(self, **fields):
        return self.wait(lambda r: r["record"] == "queue" and all(r[k] == v for k, v in fields.items()),
                         f"queue {fields}")

    def end(self, *parts):
        check_equal(self.running.wait(), 0, self.running.stderr)
        lib.one_line(self.running.stderr, *(parts or STANDS_IN))
        return lib.read_trace(self.path)


def check_sampled(trace, sources=("diag", "wire")):
    """What is true of every trace with samples: they never tell what the packets rule out."""
    check_equal(trace.header["sources"], list(sources))
    check_equal(set(trace.end["lost"].values()), {0}, "lost:")
    check_equal((trace.end["reason"], trace.end["status"]), ("command", 0))
    trace.check_in_time()
    for r in trace.all("state", source="diag"):
        check_equal((r["how"], "owner" in r), ("sampled", False), r)
    check_equal(trace.all("call") + trace.all("reset"), [])
    if "wire" in sources:
        for connection in trace.all("connection"):
            for end in ("client", "server"):
                check_in_order(trace, connection["conn"], end)


def check_in_order(trace, conn, end):
    """Samples jump over states, but visit the others in the order in which packets lead through them."""
    wire = iter(trace.path(conn, end, "wire").split())
    for state in trace.path(conn, end, "diag").split():
        check(state in wire, f"connection {conn}, {end}: sampled {trace.path(conn, end, 'diag')!r}, "
                             f"packets {trace.path(conn, end, 'wire')!r}")


@case
def states_and_queues():
    with contextlib.ExitStack() as stack:
        traced = Traced(stack, """
server = listen(backlog=4)
client = connect()
step()
peer, _ = server.accept()
step()
step()
client.shutdown(socket.SHUT_WR); rest(peer)
step()
step()
peer.close(); rest(client)
step()
step()
server.close()
step()
""")
        traced.wait_queue(why="sample", accept=1, syn=0, limit=5)
        traced.wait_state("client", "ESTABLISHED")
        traced.wait_queue(why="sample", accept=0)
        traced.wait_state("client", "FIN-WAIT-2")
        traced.wait_state("server", "CLOSE-WAIT")
        timer = traced.wait(lambda r: r["record"] == "timer", "timer")
        traced.wait_state("server", "CLOSED")
        traced.wait(lambda r: r["record"] == "listener" and r.get("closed"), "end of the listener")
        trace = traced.end()
    check_sampled(trace)
    check_equal([m["source"] for m in trace.header["missing"]], ["kernel"])
    check("since" not in trace.one("connection"), trace.one("connection"))
    for end, states in (("client", ["ESTABLISHED", "FIN-WAIT-2", "TIME-WAIT"]),
                        ("server", ["ESTABLISHED", "CLOSE-WAIT", "CLOSED"])):
        path = trace.path(1, end, "diag").split()
        check_equal([state for state in path if state in states], states, f"{end} went {path}:")
    # the minisock holds TIME-WAIT for a minute from when the packets led there
    check_equal((timer["conn"], timer["end"], timer["name"], timer["source"]), (1, "client", "time-wait", "diag"))
    began = trace.one("state", source="wire", end="client", to="TIME-WAIT")
    check(abs(timer["expires"] - began["t"] - 60e9) < 2e9, "deadline", timer, "after", began)
    objects = {r["to"]: r["kernel"]["object"] for r in trace.all("state", source="diag", end="client")}
    check_equal((objects["ESTABLISHED"], objects["TIME-WAIT"]), ("sock", "timewait"))
    listener = trace.all("listener")
    check_equal([(r["backlog"], r["limit"], "since" in r, r.get("closed")) for r in listener],
                [(4, 5, False, None), (4, 5, False, True)])
    check_equal({r["why"] for r in trace.all("queue")}, {"sample"})
    trace.check_outcome(1, "closed-normally", "TIME-WAIT", "CLOSED")


@case
def syn_queue():
    """TCP_DEFER_ACCEPT keeps a handshake in the SYN queue until data comes."""
    with contextlib.ExitStack() as stack:
        traced = Traced(stack, """
server = listen(backlog=4)
server.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 60)
one, two = connect(), connect()
step()
two.sendall(b"x")
step()
step()
os._exit(0)
""")
        traced.wait_queue(syn=2, accept=0)
        traced.wait_queue(syn=1, accept=1)
        traced.wait_state("server", "ESTABLISHED")
        trace = traced.end()
    check_sampled(trace)
    requests = [r for r in trace.all("state", source="diag", to="SYN-RECEIVED")]
    check_equal([(r["end"], r["kernel"]) for r in requests],
                [("server", {"state": "NEW_SYN_RECV", "object": "request"})] * 2)
    established = trace.one("state", source="diag", end="server", to="ESTABLISHED")
    check_equal((established["from"], established["kernel"]["object"]), ("SYN-RECEIVED", "sock"))


@case
def ipv6():
    with contextlib.ExitStack() as stack:
        traced = Traced(stack, """
server = listen("::1"); client = connect("::1"); peer, _ = server.accept()
step()
client.close(); rest(peer)
step()
step()
peer.close()
""")
        traced.wait_state("server", "ESTABLISHED")
        traced.wait_state("server", "CLOSE-WAIT")
        # close() leaves the rest of the life to a minisock, still in FIN-WAIT-2
        timer = traced.wait(lambda r: r["record"] == "timer", "timer")
        trace = traced.end()
    check_sampled(trace)
    check_equal((timer["end"], timer["name"]), ("client", "fin-wait-2"))
    check_equal(trace.one("connection")["family"], "ipv6")
    trace.check_outcome(1, "closed-normally", "TIME-WAIT", "CLOSED")


@case
def shorter_than_a_sample():
    """Connections that come and go between two samples: their end is announced, their minisocks are met later."""
    # no more at once than an ordinary user's receive buffer holds, however seldom the tracer comes to read
    rounds, at_once = 4, 50
    count = rounds * at_once
    with contextlib.ExitStack() as stack:
        traced = Traced(stack, f"""
server = listen()
for _ in range({rounds}):
    for _ in range({at_once}):
        client = connect(); peer, _ = server.accept()
        client.close(); rest(peer); peer.close()
    step()
""")
        for before in range(0, count, at_once):
            traced.wait(lambda r: r["record"] == "state" and r["source"] == "diag" and r["end"] == "server"
                        and (r["from"], r["to"]) == ("UNKNOWN", "CLOSED") and r["conn"] > before,
                        "an end that was announced")
        trace = traced.end()
    check_sampled(trace)
    check_equal(len(trace.all("connection")), count)
    for connection in trace.all("connection"):
        check_equal(trace.path(connection["conn"], "client", "diag").split()[-1:], ["TIME-WAIT"])
        check(trace.path(connection["conn"], "server", "diag").split()[-1:] in ([], ["CLOSED"]))
        trace.check_outcome(connection["conn"], "closed-normally", "TIME-WAIT", "CLOSED")


@case
def samples_alone():
    with contextlib.ExitStack() as stack:
        traced = Traced(stack, """
server = listen(); client = connect(); peer, _ = server.accept()
step()
other = listen(port=7008); connect(port=7008)
client.close(); rest(peer); peer.close()
step()
""", "--source", "diag", "--port", "7007")
        traced.wait_state("server", "ESTABLISHED")
        traced.wait_state("client", "TIME-WAIT")
        check_equal(traced.running.wait(), 0, traced.running.stderr)
        check_equal(traced.running.stderr, "")
        trace = lib.read_trace(traced.path)
    check_sampled(trace, ("diag",))
    check("missing" not in trace.header, trace.header)
    check_equal({r["server"]["port"] for r in trace.all("connection")}, {7007}, "--port:")
    check_equal([r["port"] for r in trace.all("listener")], [7007] * len(trace.all("listener")))
    trace.check_outcome(1, "closed-normally", "TIME-WAIT", "CLOSED")


@case
def what_was_there_before():
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(lib.named_namespace())
        command = lib.Running(["ip", "netns", "exec", name, *lib.script(lib.HOLD)], stack)
        command.wait_line("^ready")
        path = f"{lib.temporary(stack)}/trace.ndjson"
        done = lib.run("trace", "--netns", name, "--source", "diag", "--duration", "1", "-q", "-o", path)
        check_equal((done.status, done.stderr), (0, ""))
        command.say()
        check_equal(command.wait(), 0, command.stderr)
        trace = lib.read_trace(path)
    check_equal(trace.one("connection")["since"], "before-trace")
    check_equal(trace.one("listener")["since"], "before-trace")
    check_equal([(r["end"], r["from"], r["to"]) for r in sorted(trace.all("state"), key=lambda r: r["end"])],
                [(end, "UNKNOWN", "ESTABLISHED") for end in ("client", "server")])


@case
def one_or_the_other():
    done = lib.run("trace", "--netns", "new", "--source", "kernel,diag", "--", "true")
    check_equal((done.status, done.stdout), (2, ""))
    lib.one_line(done.stderr, "--source", "diag", "kernel")
    # where the kernel witness works, nothing is sampled
    trace, _ = lib.trace_of(lib.script("server = listen(); client = connect()"))
    check_equal(trace.header["sources"], ["kernel", "wire"])


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
