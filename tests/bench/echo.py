"""How fast the echo servers are, next to servers of the same kind on libevent, libuv, asyncio and in redis.

    python3 tests/bench/echo.py [--rounds N] [--ms TIME] [--servers NAME,...] [--loads NAME,...]

Loads: 64 connections with requests of 64 bytes (`pingpong`), 16 at once that connect, ask once and close (`churn`),
4 that send blocks of 64 KiB as fast as they can (`stream`). Load and server take a processor each where there are two.
The servers take turns within a round, in another order each time, and each figure is the median over the rounds, in
brackets the smallest and the largest. What counts is the epoll server's figure over that of the best other one in the
same round, median over the rounds: so what else the machine does hits both. The best is whose median is: whoever had luck
in a round would make the best of each round a figure that none of them reaches. It is told by the clock, and by the processor
time of the server, which other busy programs disturb far less.

redis answers PING inline, with one byte less than it is asked, and has no stream.
Environment: ECHO (the program), O (load and peers are in $O/tests/bench; the result becomes $O/bench/echo.json).
"""
import argparse
import contextlib
import glob
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ECHO = os.path.abspath(os.environ.get("ECHO", "build/tcplens-echo"))
BUILD = os.path.abspath(os.environ.get("O", "build"))
HERE = os.path.dirname(os.path.abspath(__file__))
DEADLINE = 20.0  # seconds for a server to listen
LOADS = {"pingpong": 64, "churn": 16, "stream": 4}  # connections
UNIT = {"pingpong": "requests/s", "churn": "connections/s", "stream": "MB/s"}
REDIS = ["--request", "PING\r\n", "--answer", "7"]


def own(*options):
    return lambda port, _: [ECHO, "server", "--bind", "0.0.0.0", "--port", port, "--backlog", "1024", *options]


def peer(name):
    return lambda port, _: [f"{BUILD}/tests/bench/echo_{name}", port]


SERVERS = {
    "epoll": own(), "edge": own("--edge"),
    **{model: own("--model", model) for model in ("poll", "select", "thread", "fork")},
    "libevent": peer("libevent"), "libuv": peer("libuv"),
    "asyncio": lambda port, _: [sys.executable, f"{HERE}/echo_asyncio.py", port],
    "redis": lambda port, folder: ["redis-server", "--port", port, "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "",
                                   "--appendonly", "no", "--dir", folder, "--maxclients", "2000"],
}
OTHERS = ("libevent", "libuv", "asyncio", "redis")  # what the epoll server is held against


def there_is(name):
    """Whether a server can run here; says why not."""
    lacks = {"libevent": not os.access(f"{BUILD}/tests/bench/echo_libevent", os.X_OK) and "package libevent-dev",
             "libuv": not os.access(f"{BUILD}/tests/bench/echo_libuv", os.X_OK) and "package libuv1-dev",
             "redis": not shutil.which("redis-server") and "package redis-server"}.get(name)
    if lacks:
        print(f"without {name}: {lacks} is not installed", flush=True)
    return not lacks


def listens(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def on_processor(number):
    """Of two or more one each, so that the scheduler does not decide what is measured."""
    return (lambda: os.sched_setaffinity(0, {number})) if len(os.sched_getaffinity(0)) > 1 else None


@contextlib.contextmanager
def running(name, folder):
    port = free_port()
    with subprocess.Popen(SERVERS[name](str(port), folder), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          preexec_fn=on_processor(0)) as process:
        try:
            end = time.monotonic() + DEADLINE
            while not listens(port):
                if process.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"echo.py: {name} does not listen: {process.stderr.read().decode()}")
                time.sleep(0.01)
            yield port, process.pid
        finally:
            process.terminate()


def processor_seconds(pid):
    """Of all threads of a process and of its children (Documentation/scheduler/sched-stats.rst)."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(path, encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def measure(name, load, ms, folder):
    """How much was done per second of the clock, and per second of the server's processor time."""
    with running(name, folder) as (port, pid):
        before = processor_seconds(pid)
        command = [f"{BUILD}/tests/bench/echo_load", load, "--port", str(port), "--connections", str(LOADS[load]),
                   "--ms", str(ms), *(REDIS if name == "redis" else [])]
        done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=on_processor(1))
        if done.returncode:
            raise SystemExit(f"echo.py: {name}, {load}: {done.stderr.strip()}")
        rate, seconds = map(float, done.stdout.split())
        rate /= 1e6 if load == "stream" else 1
        return rate, rate * seconds / (processor_seconds(pid) - before)


def spread(values, form):
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def report(load, figures):
    """figures: {server: [(by the clock, by processor time) of each round]}; the two ratios to the best other one."""
    best = {}
    for i, by in enumerate(("clock", "processor")):
        print(f"\n{load}, {LOADS[load]} connections: {UNIT[load]} by the {by}{' time of the server' * i}")
        mine = [figure[i] for figure in figures["epoll"]]
        for name, found in figures.items():
            values = [figure[i] for figure in found]
            print(f"  {name:9} {spread(values, ',.0f'):38} epoll/{name}: {spread([a / b for a, b in zip(mine, values)], '.2f')}")
        others = [[figure[i] for figure in found] for name, found in figures.items() if name in OTHERS]
        if others:
            ratios = [a / b for a, b in zip(mine, max(others, key=statistics.median))]
            best[by] = statistics.median(ratios)
            print(f"  epoll / the best of the others: {spread(ratios, '.2f')}", flush=True)
    return best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--ms", type=int, default=700)
    parser.add_argument("--servers", default="epoll,edge,libevent,libuv,asyncio,redis")
    parser.add_argument("--loads", default=",".join(LOADS))
    options = parser.parse_args()
    names = [name for name in options.servers.split(",") if there_is(name)]
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        for load in options.loads.split(","):
            figures = {name: [] for name in names if not (load == "stream" and name == "redis")}
            for _ in range(options.rounds):
                for name in random.sample(list(figures), len(figures)):
                    figures[name].append(measure(name, load, options.ms, folder))
            result[load] = {"best": report(load, figures), "figures": figures}
    os.makedirs(f"{BUILD}/bench", exist_ok=True)
    with open(f"{BUILD}/bench/echo.json", "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
