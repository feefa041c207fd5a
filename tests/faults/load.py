#!/usr/bin/env python3
"""Loads that take minutes: make load. Says what was lost of each, and fails where it is more than docs/reliability.md states.

Usage: load.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO; CONNECTIONS, SOCKETS: how many
"""
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import case, check, check_equal, status_of

SOCKETS = int(os.environ.get("SOCKETS", 20000))
CONNECTIONS = int(os.environ.get("CONNECTIONS", 1000000))
CHURN = os.environ.get("CHURN", f"{os.environ.get('O', 'build')}/tests/bench/churn")

# All of them open at once, for some samples, then all closed at once; by as many processes as it takes descriptors.
OPEN = """
import resource
count, each = int(sys.argv[1]), (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 100) // 2
resource.setrlimit(resource.RLIMIT_NOFILE, (2 * each + 100, 2 * each + 100))
server = listen(backlog=4096)
made, children = 0, []
go = os.pipe()
while made < count:
    mine = min(each, count - made)
    opened = os.pipe()
    if (pid := os.fork()) == 0:
        os.close(go[1])
        pairs = []
        for _ in range(mine):
            client = connect(); peer, _ = server.accept()
            pairs.append((client, peer))
        os.write(opened[1], b"x")
        os.read(go[0], 1)
        for client, peer in pairs:
            client.close(); peer.close()
        os._exit(0)
    os.read(opened[0], 1)
    children.append(pid)
    made += mine
ready()
sys.stdin.readline()
os.close(go[1])
for pid in children:
    os.waitpid(pid, 0)
"""


def wait_long(tracer, condition, what):
    end = time.monotonic() + 20 * lib.DEADLINE
    while not condition():
        check(tracer.process.poll() is None, "ended early:", tracer.stderr)
        check(time.monotonic() < end, "waited in vain for", what)
        time.sleep(0.2)


def check_nothing_lost(end):
    check_equal(set(end["lost"].values()), {0}, "lost:")
    if lib.SLOWDOWN == 1:  # as Trace.check_whole()
        check_equal(end["late"], 0, "late:")


@case
def many_sockets_under_samples():
    """What samples can follow they follow whole: both ends of each, open and closed."""
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", "new", "--source", "diag", "-q", "-o", path, "--",
                           *lib.script(OPEN, SOCKETS))
        wait_long(tracer, lambda: "ready" in tracer.stdout, "the connections")
        wait_long(tracer, lambda: lib.read(path).count(b'"to":"ESTABLISHED"') >= 2 * SOCKETS, "both ends of each in the trace")
        tracer.say()
        status = tracer.process.wait(600)
        opened, finals, connections = {"client": set(), "server": set()}, [], set()
        with open(path, "rb") as file:
            for line in file:
                record = json.loads(line)
                if record["record"] == "connection":
                    connections.add(record["conn"])
                elif record["record"] == "state" and record["to"] == "ESTABLISHED":
                    opened[record["end"]].add(record["conn"])
                elif record["record"] == "outcome":
                    finals.append((record["final"]["client"], record["final"]["server"]))
        print(f"     {len(connections)} connections of {SOCKETS} seen, exit status {status}, end: {line[-700:].decode().strip()}")
        check_equal(status, 0, tracer.stderr)
        check_equal(len(connections), SOCKETS)
        for end in opened:
            check_equal(len(opened[end]), SOCKETS, f"open at the {end}:")
        closed = sum(client in ("TIME-WAIT", "CLOSED") and server == "CLOSED" for client, server in finals)
        check_equal((len(finals), closed), (SOCKETS, SOCKETS), "outcomes, and closed at both ends:")
        check_nothing_lost(record)


def memory_mib(pid):
    return int((status_of(pid) or {}).get("VmRSS", "0 kB").split()[0]) // 1024


def read_events(site, state):
    """A browser that reads all that comes."""
    connection = socket.create_connection(site[:2], lib.DEADLINE)
    connection.sendall(f"GET /events?token={site[2]} HTTP/1.1\r\nHost: 127.0.0.1:{site[1]}\r\n\r\n".encode())
    connection.settimeout(600)
    with contextlib.suppress(OSError):
        while piece := connection.recv(1 << 20):
            state["bytes"] += len(piece)


@case
def browsers_beside_a_churn():
    """Eight that read along, one that never does: the trace in the file has everything."""
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--netns", "new", "--segments", "none", "--serve", "127.0.0.1:0", "-q", "-o", path, "--",
                           "sh", "-c", f"echo ready; read go; "
                           f"exec {CHURN} --connections {CONNECTIONS} --seconds 3600")
        url = tracer.wait_line(r"^tcplens: viewer: (\S+)", "stderr")[1]
        port, token = int(url.split(":")[2].split("/")[0]), url.split("token=")[1]
        site, state = ("127.0.0.1", port, token), {"bytes": 0}
        for _ in range(8):
            threading.Thread(target=read_events, args=(site, state), daemon=True).start()
        deaf = stack.enter_context(socket.create_connection(site[:2]))
        deaf.sendall(f"GET /events?token={token} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        tracer.wait_line("^ready")
        tracer.say()
        memory = []
        while tracer.process.poll() is None and "the trace is complete" not in tracer.stderr:
            memory.append(memory_mib(tracer.pid))
            with contextlib.suppress(subprocess.TimeoutExpired):
                tracer.process.wait(1)
        with open(path, "rb") as file:
            seen = sum(line.startswith(b'{"record":"connection"') for line in file)
            file.seek(-4096, os.SEEK_END)
            end = json.loads(file.read().splitlines()[-1])
        tracer.interrupt()
        status = tracer.process.wait(60)
        check(len(memory) >= 4, "too short to say how memory grows", memory)
        most = [max(memory[i * len(memory) // 4:(i + 1) * len(memory) // 4]) for i in range(4)]
        print(f"     {seen} connections of {CONNECTIONS}; {state['bytes'] / 1e6:.0f} MB read by 8 browsers; memory at most "
              f"{most} MiB in each quarter; exit status {status}; {end}")
        check_equal(status, 0, tracer.stderr)
        check_equal(seen, CONNECTIONS)
        check_nothing_lost(end)
        check(most[-1] <= 1.25 * most[1], "memory grows", most)


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
