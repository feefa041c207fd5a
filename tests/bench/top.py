#!/usr/bin/env python3
"""What `tcplens top` takes over many connections: processor time of its process, by the scheduler's account, on a terminal.

top.py [--connections 20000] [--rates 0,1000] [--seconds 20]: messages a second on them, with the witnesses that root has and
with samples alone. In a network namespace of its own. Needs root; TCPLENS names the program.
"""
import argparse
import contextlib
import os
import resource
import sys
import time

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import Running, TCPLENS, named_namespace, script
from lib.screen import Screen

# A server and its client, of half the connections each pair: a process may have some thousand descriptors. Sends RATE messages
# a second, one connection after the other, and has each answered.
PAIR = """
import resource
port, count, rate = map(int, sys.argv[1:])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
server = listen(port=port, backlog=4096)
if os.fork() == 0:
    poll = select.epoll()
    peers = {}
    for _ in range(count):
        peer = server.accept()[0]
        peers[peer.fileno()] = peer
        poll.register(peer, select.EPOLLIN)
    while True:
        for fd, _ in poll.poll():
            data = peers[fd].recv(4096)
            if not data:
                os._exit(0)
            peers[fd].send(data)
clients = [connect(port=port) for _ in range(count)]
ready()
turn = 0
while True:
    for _ in range(rate // 50):
        clients[turn % count].send(b"x" * 100)
        clients[turn % count].recv(4096)
        turn += 1
    time.sleep(0.02)
"""
PAIRS = 4


def processor_ns(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0])


def measure(namespace, seconds, *options):
    """In percent of one processor."""
    with contextlib.ExitStack() as stack:
        screen = Screen(stack, [TCPLENS, "top", "--netns", namespace, *options], 200, 60)
        screen.wait_text("events/s", "CONN")
        rest(screen, 5)  # what existed before is listed at first
        begun, before = time.monotonic(), processor_ns(screen.pid)
        rest(screen, seconds)
        taken = processor_ns(screen.pid) - before
        percent = 100 * taken / 1e9 / (time.monotonic() - begun)
        print(f"  {' '.join(options) or 'kernel, wire':16} {percent:6.2f} %   {screen.lines[0]}", flush=True)
        screen.press("q")
        screen.ended()


def rest(screen, seconds):
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        screen.take(left)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=20000)
    parser.add_argument("--rates", default="0,1000")
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    if os.geteuid() != 0 or resource.getrlimit(resource.RLIMIT_NOFILE)[1] < options.connections / PAIRS + 50:
        sys.exit("top.py: needs root, and as many descriptors a process as a quarter of the connections")
    for rate in map(int, options.rates.split(",")):
        with contextlib.ExitStack() as stack:
            namespace = stack.enter_context(named_namespace())
            for i in range(PAIRS):
                command = script(PAIR, 7001 + i, options.connections // PAIRS, rate // PAIRS)
                pair = Running(["ip", "netns", "exec", namespace, *command], stack)
                pair.wait_line("^ready")
            print(f"{options.connections} connections, {rate} messages a second and their answers", flush=True)
            measure(namespace, options.seconds)
            measure(namespace, options.seconds, "--source", "diag")


if __name__ == "__main__":
    main()
