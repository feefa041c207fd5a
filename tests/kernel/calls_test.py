#!/usr/bin/env python3
"""Tests of what --calls tells beyond what a call returned: calls that wait, calls that go on, options and their values,
processes; of the timer that probes a window of zero; and of the namespace's counters.

Usage: calls_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO
"""
import contextlib
import json
import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import case, check, check_equal, script, trace_of

def calls_of(text, *options, **more):
    trace, _ = trace_of(script(text), "--source", "kernel", "--calls", *options, **more)
    check_equal(trace.all("gap"), [])
    return trace


def kernel_release():
    return tuple(int(part) for part in os.uname().release.split(".")[:2])


WAITS = """
server = listen(); client = connect(); peer, _ = server.accept()
def waits(how):
    {}
waits(0); client.send(b"x"); waits(-1); peer.recv(1)
"""


@case
def poll_and_select():
    for names, how, ready in (
            (("poll", "ppoll"), "p = select.poll(); p.register(server, 1); p.register(peer, 1); p.poll(how)", ["IN"]),
            (("select", "pselect6"),
             "select.select([server, peer], [], [], None if how < 0 else how)", ["IN"])):
        trace = calls_of(WAITS.format(how))
        waits = [r for r in trace.all("call") if r["name"] in names and r["args"]["watched"] == 2]
        check_equal([r["ret"] for r in waits], [0, 1], names)
        check_equal([r["args"]["timeout_ns"] for r in waits], [0, -1])
        check_equal([("conn" in r, "listener" in r, "socket" in r) for r in waits], [(False, False, False)] * 2)
        taken = trace.all("call", name="accept4")[0]["ret"]
        check_equal(waits[1]["ready"], [{"fd": taken, "events": ready}])
        check("ready" not in waits[0], waits[0])


@case
def epoll():
    trace = calls_of("""
server = listen()
e = select.epoll(); e.register(server, select.EPOLLIN)
client = connect(); e.poll()
peer, _ = server.accept()
e.register(peer, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
e.poll(0)
client.close(); e.poll()
e.modify(peer, select.EPOLLOUT); e.unregister(peer)
""")
    taken = trace.all("call", name="accept4")[0]["ret"]
    controls = trace.all("call", name="epoll_ctl")
    check_equal([(r["args"]["op"], r["args"]["fd"] == taken, r.get("events")) for r in controls],
                [("ADD", False, ["IN"]), ("ADD", True, ["IN", "RDHUP", "ET"]), ("MOD", True, ["OUT"]), ("DEL", True, None)])
    # what is watched says whose call it is
    check_equal([("listener" in r, r.get("end")) for r in controls], [(True, None)] + [(False, "server")] * 3)
    waits = [r for r in trace.all("call") if r["name"] in ("epoll_wait", "epoll_pwait")]
    check_equal([r["ret"] for r in waits], [1, 0, 1])
    listening = controls[0]["args"]["fd"]
    check_equal([r.get("ready") for r in waits], [[{"fd": listening, "events": ["IN"]}], None,
                                                  [{"fd": taken, "events": ["IN", "RDHUP"]}]])
    counted = [r["args"].get("watched") for r in waits]
    # since Linux 6.4, and in what was mended of earlier ones
    check(counted == [1, 2, 2] or (counted == [None] * 3 and kernel_release() < (6, 4)), counted)


@case
def more_ready_than_are_told():
    trace = calls_of("""
server = listen(backlog=20)
clients = [connect() for _ in range(12)]
peers = [server.accept()[0] for _ in clients]
for c in clients: c.send(b"x")
for p in peers: p.recv(1, socket.MSG_PEEK)
p = select.poll()
for peer in peers: p.register(peer, 1)
p.poll()
select.select(peers, [], [])
""")
    for names in (("poll", "ppoll"), ("select", "pselect6")):
        wait = [r for r in trace.all("call") if r["name"] in names and r["args"]["watched"] == 12][-1]
        check_equal((wait["ret"], len(wait["ready"])), (12, 8), names)


@case
def who_has_no_socket_is_silent():
    trace = calls_of("""
if not os.fork():
    select.select([sys.stdin], [], [], 0); os._exit(0)
os.wait()
server = listen()
select.select([server], [], [], 0)
""")
    check_equal([r["args"]["watched"] for r in trace.all("call") if "select" in r["name"]], [1])


@case
def calls_that_go_on():
    with contextlib.ExitStack() as stack:
        program = lib.Running(["unshare", "-n", *script("""
import subprocess
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
ready(os.getpid())
sys.stdin.readline()
server = listen()
client = connect(); peer, _ = server.accept()
worker = os.fork()
if not worker: peer.recv(1); os._exit(0)
ready("waits"); sys.stdin.readline()
client.send(b"x"); os.wait()
other = listen(port=7008)
ready("accepts", other.fileno())
other.accept()
""")], stack)
        pid = program.wait_line(r"^ready (\d+)")[1]
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", pid, "--quiet", "--output", path, "--calls", "--source", "kernel")
        lib.wait_trace(path, '"record":"header"')
        program.say()
        program.wait_line("^ready waits")
        # of a call nothing is told until it has returned, or gone on for long
        lib.wait_trace(path, '"name":"recvfrom"')
        program.say()
        fd = program.wait_line(r"^ready accepts (\d+)")[1]
        lib.wait_trace(path, '"name":"recvfrom"', times=2)
        lib.wait_trace(path, f'"name":"accept4","fd":{fd},"blocked":true')
        tracer.interrupt()
        check_equal(tracer.wait(), 0, tracer.stderr)
        trace = lib.read_trace(path)
    received = trace.all("call", name="recvfrom", blocked=True) + trace.all("call", name="recvfrom")
    check_equal([(r.get("blocked"), r.get("ret"), r["end"]) for r in received],
                [(True, None, "server"), (None, 1, "server")])
    check(received[0]["duration_ns"] >= 100_000_000 and received[0]["duration_ns"] < received[1]["duration_ns"], received)
    check("listener" in trace.all("call", name="accept4", blocked=True)[-1])
    trace.check_in_time()


@case
def calls_at_the_end():
    """What has not gone on for long is told as the trace ends."""
    with contextlib.ExitStack() as stack:
        program = lib.Running(["unshare", "-n", *script("""
import subprocess
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
server = listen(); client = connect(); peer, _ = server.accept()
ready(os.getpid())
sys.stdin.readline()
peer.recv(1)
""")], stack)
        pid = program.wait_line(r"^ready (\d+)")[1]
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", pid, "--quiet", "--output", path, "--calls", "--source", "kernel")
        lib.wait_trace(path, '"record":"header"')
        program.say()
        lib.wait_for(lambda: "recv" in lib.read(f"/proc/{pid}/wchan").decode() or
                     "sk_wait" in lib.read(f"/proc/{pid}/wchan").decode() or "wait_woken" in
                     lib.read(f"/proc/{pid}/wchan").decode(), "recv()")
        tracer.interrupt()
        check_equal(tracer.wait(), 0, tracer.stderr)
        trace = lib.read_trace(path)
    trace.one("call", name="recvfrom", blocked=True)


@case
def options_and_values():
    trace = calls_of("""
server = listen(); client = connect(); peer, _ = server.accept()
client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 7))
client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 42)
client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
client.getsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY)
""")
    told = [r["args"] for r in trace.all("call") if r["name"].endswith("sockopt")]
    del told[1:-3]  # of create_connection()
    check_equal(told, [
        {"level": "SOL_SOCKET", "option": "SO_REUSEADDR", "value": 1},
        {"level": "SOL_SOCKET", "option": "SO_LINGER", "on": 1, "s": 7},
        {"level": "IPPROTO_TCP", "option": "TCP_KEEPIDLE", "value": 42},
        {"level": "SOL_SOCKET", "option": "SO_ERROR", "value": 0}])


@case
def persist_timer():
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", "new", "-q", "-o", path, "--", *script("""
server = listen(); server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
client = connect(); peer, _ = server.accept()
client.setblocking(False)
try:
    while True: client.send(bytes(65536))
except BlockingIOError: pass
sys.stdin.readline()
"""))
        lib.wait_trace(path, '"name":"persist"')
        lib.wait_trace(path, '"keep-alive"')
        tracer.say()
        check_equal(tracer.wait(), 0, tracer.stderr)
        trace = lib.read_trace(path)
    fired = trace.all("timer", name="persist")
    # each is answered, so that none is the second in a row
    check_equal({(r["end"], r["fired"], r["count"], r["source"]) for r in fired}, {("client", True, 1, "kernel")})
    probe = [r for r in trace.all("segment") if r["from"] == "client" and r["t"] > fired[0]["t"]][0]
    check_equal((probe["len"], "keep-alive" in probe["notes"]), (0, True))


# --- processes ----------------------------------------------------------------------------------

FORKS = """
import subprocess, threading
server = listen()
thread = threading.Thread(target=lambda: None); thread.start(); thread.join()
out, into = os.pipe()  # which all hold until they end
if not os.fork():
    if not os.fork(): os.kill(os.getpid(), signal.SIGKILL)
    os._exit(7)
os.close(into); os.wait(); os.read(out, 1)
subprocess.run(["true"], check=True)
"""


def family(trace):
    """Process id to what happened to it, and those of threads."""
    events, threads = {}, 0
    for r in trace.all("process"):
        threads += r["event"] == "thread"
        if r["tid"] == r["pid"]:
            events.setdefault(r["pid"], []).append(r)
    return events, threads


@case
def processes_of_a_command():
    trace = calls_of(FORKS)
    events, threads = family(trace)
    owner = trace.all("listener")[0]["owner"]["pid"]
    check_equal(threads, 1)
    check_equal([r["event"] for r in events[owner]][-1], "exit")
    check_equal(events[owner][-1]["status"], 0)
    children = [pid for pid, all_ in events.items() if all_[0]["event"] == "fork" and all_[0]["parent"] == owner]
    check_equal(sorted(events[pid][-1]["status"] for pid in children), [0, 7])
    forked = next(pid for pid in children if events[pid][-1]["status"] == 7)
    grandchild = next(all_ for all_ in events.values() if all_[0].get("parent") == forked)
    # its end is told, whoever its parent is by then
    check_equal([(r["event"], r.get("status")) for r in grandchild], [("fork", None), ("exit", 128 + 9)])
    check("true" in [r["comm"] for r in trace.all("process", event="exec")], "exec is not told")


@case
def what_a_process_took():
    """As its parent is told by wait4()."""
    trace, said = trace_of(script("""
import json, threading
def burn():
    end = time.thread_time() + 0.3
    while time.thread_time() < end: pass
child = os.fork()
if not child:
    block = bytearray(b"x") * 30_000_000
    thread = threading.Thread(target=burn); thread.start(); thread.join()
    for _ in range(20): time.sleep(0.001)
    os._exit(0)
_, _, took = os.wait4(child, 0)
print(json.dumps([child, took.ru_utime, took.ru_stime, took.ru_nvcsw, took.ru_nivcsw, took.ru_maxrss]))
"""), "--source", "kernel", "--calls")
    pid, user, system, nvcsw, nivcsw, maxrss = json.loads(said)
    cpu = user + system
    ends = trace.all("process", event="exit", pid=pid)
    check_equal(len(ends), 2)  # and its thread
    thread = next(r for r in ends if r["tid"] != pid)
    tick = 0.01  # of the scheduler's account, and what it takes to end
    stands_still = 0.2 if lib.EMULATED else 0
    check(0.3 - tick <= thread["cpu_ns"] / 1e9, "of the thread:", thread)
    # the rest of the end comes after the account
    took = sum(r["cpu_ns"] for r in ends) / 1e9
    check(cpu - 2 * tick - 0.1 * cpu - stands_still <= took <= cpu + tick, "processor time:", took, "of", cpu)
    for r in ends:
        if "user_ns" in r or "system_ns" in r:
            check_equal(r["user_ns"] + r["system_ns"], r["cpu_ns"], r)
    check("user_ns" in thread, "of 0.3 s some ticks came", thread)
    share = sum(r.get("user_ns", 0) for r in ends) / sum(r.get("user_ns", 0) + r.get("system_ns", 0) for r in ends)
    check(abs(share - user / cpu) < 0.2, "the share of its own code:", share, user, system)
    check(20 <= sum(r["nvcsw"] for r in ends) <= nvcsw, "waited:", ends, nvcsw)
    check(sum(r["nivcsw"] for r in ends) <= nivcsw, "was interrupted:", ends, nivcsw)
    check_equal([r.get("maxrss_kb") for r in ends], [None, maxrss])
    check(maxrss > 29_000, maxrss)
    check_equal([r for r in trace.all("process") if r["event"] != "exit" and "cpu_ns" in r], [])


@case
def processes_only_with_calls():
    trace, _ = trace_of(script(FORKS), "--source", "kernel")
    check_equal(trace.all("process"), [])


# --- counters -----------------------------------------------------------------------------------


@case
def counters():
    trace, _ = trace_of(script("""
server = listen(backlog=0)
held = [connect()]
for _ in range(2):
    s = socket.socket(); s.setblocking(False)
    try: s.connect(("127.0.0.1", 7007))
    except BlockingIOError: pass
    held.append(s)
def overflows():
    with open("/proc/net/netstat") as file: lines = file.read().splitlines()
    return int(dict(zip(lines[0].split(), lines[1].split()))["ListenOverflows"])
while not overflows(): time.sleep(0.01)
print(overflows())
"""), "--source", "kernel")
    moved = {r["name"]: r["delta"] for r in trace.all("counter")}
    check(moved["TcpExtListenOverflows"] >= 1, moved)
    check_equal(moved["TcpActiveOpens"], 3)
    check_equal(moved["UdpInCsumErrors"], 0)  # told in any case
    check(not [name for name in moved if name.startswith("Ip")], moved)
    check_equal({r["value"] - r["delta"] for r in trace.all("counter")}, {0})  # the namespace is new
    check_equal({r["t"] for r in trace.all("counter")}, {trace.all("counter")[0]["t"]})


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
