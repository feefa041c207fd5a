"""What tracing costs who is traced: connection churn on loopback, untraced and under tcplens and others.

    python3 tests/bench/trace.py [--rounds N] [--connections N] [--variants NAME,...] [--against PROGRAM]
                                 [--skip-paced] [--skip-long] [--long N]
    python3 tests/bench/trace.py --hooks [...]      what each hook of the kernel witness costs: hooks.py

Each run has a network namespace of its own, so that nobody's TIME-WAITs expire in another's run. The variants take
turns, and each run of one has an untraced run before and after it, which it is compared with: so what else the machine
does hits all of them. The table shows medians over the rounds, and in brackets the smallest and the largest.

The ratio of conn/s is what the clock says. That of CPU compares processor time instead (load and tracer together, from
the load's begin until the tracer is done), which other busy programs on the machine disturb far less: the targets are
judged by it. Tracers other than tcplens see all namespaces, so that what they lose can be others' events. With --against
each way of tcplens is run with another build of it too, as NAME-other.

`publish` is `kernel` that sends each record to a NATS server too, which is started here: compare it with `kernel`. Its processor
time is that of the process that publishes too, not the server's.

A trace of a million connections has 4 GB, and a disk that cannot take them stalls who writes them: traces are written where
there is a file system in memory, and else below O.

Environment: TCPLENS (the program), O (the load is $O/tests/bench/churn, the result $O/bench/trace.json).
"""
import argparse
import contextlib
import functools
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

TCPLENS = os.path.abspath(os.environ.get("TCPLENS", "build/tcplens"))
BUILD = os.path.abspath(os.environ.get("O", "build"))
CHURN = f"{BUILD}/tests/bench/churn"
OUTPUT = f"{BUILD}/bench"
TRACES = "/dev/shm" if os.access("/dev/shm", os.W_OK) else OUTPUT
DEADLINE = 300.0  # seconds for a tracer to start, or to end: what is published may have to wait for the server
LOAD_SECONDS = 600  # at most, for one run of the load

PACED_RATE = 10_000  # connections per second
PACED_ROUNDS = 3
LONG = 200_000  # connections, by default

STATES = "tracepoint:sock:inet_sock_set_state"
BPFTRACE = STATES + """ /args->protocol == IPPROTO_TCP/ {
    printf("%d %s:%d %s:%d %d %d\\n", pid, ntop(args->family, args->saddr), args->sport,
        ntop(args->family, args->daddr), args->dport, args->oldstate, args->newstate); }"""


class CannotRun(Exception):
    """A tracer does not work here; says why."""


class Variant:
    """A way to trace. FILE in the command becomes the output file, without it stdout is the output; NATS a server's URL."""

    def __init__(self, name, command, what, target=None, lost=None, ready=None, own=False):
        self.name, self.command, self.what, self.target = name, command, what, target
        self.lost, self.ready, self.own = lost, ready, own
        self.wants_all = self.own and "--port" not in command


UNTRACED = Variant("untraced", None, "the load alone")


def ways(program, other=""):
    """The ways of one build of tcplens."""
    def way(name, what, target, *options):
        command = [program, "trace", "--quiet", "--netns", "PID", "--output", "FILE", *options]
        return Variant(name + other, command, f"tcplens: {what}", None if other else target, own=True)

    kernel = ["--source", "kernel", "--segments", "none"]
    return [
        way("kernel", "states, queues, TIME-WAIT", 0.85, *kernel),
        way("both", "kernel and wire, SYN FIN RST written", 0.72, "--segments", "control"),
        way("filtered", "kernel, a port that nobody uses", 0.93, *kernel, "--port", "9"),
        way("calls", "kernel, system calls too", 0.72, *kernel, "--calls"),
        way("publish", "kernel, published to NATS too", None, *kernel, "--publish", "NATS"),
    ]


def variants(against=None):
    lost_events = r"[Ll]ost (\d+) events"
    return ways(TCPLENS) + (ways(against, "-other") if against else []) + [
        Variant("tcpstates", ["tcpstates"], "libbpf-tools: states", lost=lost_events),
        Variant("tcplife", ["tcplife"], "libbpf-tools: a line a connection", lost=lost_events),
        Variant("bpftrace", ["bpftrace", "-e", BPFTRACE], "states", lost=lost_events),
        Variant("tcpdump", ["tcpdump", "-n", "-i", "lo", "-w", "/dev/null", "tcp"], "packets, thrown away",
                lost=r"(\d+) packets? dropped by kernel", ready=r"listening on"),
    ]


# --- one run ------------------------------------------------------------------------------------


@contextlib.contextmanager
def namespace():
    """A network namespace: the process id of who holds it."""
    # 200,000 TIME-WAITs shall live until their time is over.
    script = ("ip link set lo up && echo 1048576 >/proc/sys/net/ipv4/tcp_max_tw_buckets && echo ready && exec cat")
    with subprocess.Popen(["unshare", "--net", "sh", "-c", script], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as holder:
        try:
            if holder.stdout.readline() != "ready\n":
                raise SystemExit("trace.py: cannot make a network namespace: run as root")
            yield holder.pid
        finally:
            holder.stdin.close()


def inside(pid, command):
    return ["nsenter", f"--net=/proc/{pid}/ns/net", *command]


def with_tracefs(command):
    """Mounted for this command alone, where it is not mounted: most tools look their tracepoints up there."""
    script = ('mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing; exec "$@"')
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *command]


def text_of(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


servers = contextlib.ExitStack()  # what was started for all runs


@functools.cache
def nats_server():
    """The URL of one that stores on disk, and runs until all is measured."""
    folder = servers.enter_context(tempfile.TemporaryDirectory(dir=OUTPUT))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    try:
        process = servers.enter_context(subprocess.Popen(
            ["nats-server", "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", f"{folder}/store"], stderr=subprocess.PIPE, text=True))
    except FileNotFoundError:
        raise CannotRun("the program nats-server is missing") from None
    servers.callback(process.terminate)
    for line in process.stderr:
        if "Server is ready" in line:
            return f"nats://127.0.0.1:{port}"
    raise CannotRun("nats-server ended at once")


class Tracer:
    """A tracer at work in a namespace: ready when the constructor returns."""

    def __init__(self, variant, pid, directory):
        self.variant = variant
        self.output, self.errors = f"{directory}/output", f"{directory}/errors"
        places = {"FILE": self.output, "PID": str(pid)}
        if "NATS" in variant.command:
            places["NATS"] = nats_server()
        command = [places.get(word, word) for word in variant.command]
        if not variant.own:
            command = inside(pid, with_tracefs(command))
        with open(self.output, "wb") as out, open(self.errors, "wb") as err:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        try:
            self._wait_ready()
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        self.cpu_at_start = self.cpu()
        self.rss_seen = []

    def note_rss(self):
        """Notes what it holds now."""
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            self.rss_seen.append(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))

    def _is_ready(self):
        if self.variant.own:  # the header is written once everything is attached
            return os.path.getsize(self.output) > 0
        if self.variant.ready:
            return re.search(self.variant.ready, text_of(self.errors))
        with open(f"/proc/{self.process.pid}/wchan", encoding="ascii") as file:
            return re.search("ep_poll|epoll_wait", file.read())  # it waits for events

    def _wait_ready(self):
        end = time.monotonic() + DEADLINE
        while not self._is_ready():
            if self.process.poll() is not None:
                lines = text_of(self.errors).strip().splitlines() or ["it says nothing"]
                raise CannotRun(f"ended with status {self.process.returncode}: {lines[-1]:.150}")
            if time.monotonic() > end:
                raise CannotRun(f"not ready within {DEADLINE:.0f} s")
            time.sleep(0.01)  # only spares the processor

    def cpu(self):
        """Seconds it has used so far."""
        total = 0
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
        return total / 1e9

    def stop(self, connections):
        """Ends it and tells what it did: a dict."""
        cpu_during = self.cpu() - self.cpu_at_start
        begin = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        used = self._wait_end()
        result = {
            "tracer_cpu_during": cpu_during,
            "tracer_cpu": used.ru_utime + used.ru_stime - self.cpu_at_start,
            "finish_seconds": time.monotonic() - begin,
            "output_bytes": os.path.getsize(self.output),
            "max_rss_bytes": used.ru_maxrss * 1024,
            "rss_bytes": self.rss_seen,
        }
        result.update(self._own_end(connections) if self.variant.own else {
            "lost": sum(int(n) for path in (self.errors, self.output)
                        for n in re.findall(self.variant.lost, text_of(path)))})
        return result

    def _wait_end(self):
        end = time.monotonic() + DEADLINE
        while True:
            pid, status, used = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self.process.returncode = os.waitstatus_to_exitcode(status)
                return used
            if time.monotonic() > end:
                self.process.kill()
                self.process.wait()
                raise SystemExit(f"trace.py: {self.variant.name} did not end within {DEADLINE:.0f} s")
            time.sleep(0.002)

    def _own_end(self, connections):
        with open(self.output, "rb") as file:
            file.seek(max(0, os.path.getsize(self.output) - 4096))
            end = json.loads(file.read().splitlines()[-1])
        if end["record"] != "end":
            raise SystemExit(f"trace.py: {self.variant.name} ended with status {self.process.returncode} and a trace "
                             f"that is cut: {text_of(self.errors).strip()}")
        lost = sum(end["lost"].values())
        seen = end["counts"].get("connection", 0)
        # What saw nothing costs nothing: that would be no measurement.
        if not lost and seen != (connections if self.variant.wants_all else 0):
            raise SystemExit(f"trace.py: {self.variant.name} saw {seen} of {connections} connections: {end}")
        return {"lost": lost, "seen": seen, "records": end["n"], "late": end["late"]}


def run_load(command, tracer):
    """To its end; every second what the tracer holds is noted."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as load:
        while True:
            try:
                said, complaint = load.communicate(timeout=1)
                return load.returncode, said, complaint
            except subprocess.TimeoutExpired:
                if tracer:
                    tracer.note_rss()


def run(variant, connections, rate=None):
    """One run of the load under a tracer: a dict of what was measured."""
    load = [CHURN, "--connections", str(connections), "--seconds", str(LOAD_SECONDS)]
    if rate:
        load += ["--rate", str(rate)]
    with namespace() as pid, tempfile.TemporaryDirectory(dir=TRACES) as directory:
        os.chmod(directory, 0o755)
        tracer = Tracer(variant, pid, directory) if variant.command else None
        try:
            status, said, complaint = run_load(inside(pid, load), tracer)
            if status:
                raise SystemExit(f"trace.py: the load failed under {variant.name}: {complaint}{said}")
            result = json.loads(said)
            result["tracer_cpu"] = 0.0
            if tracer:
                result.update(tracer.stop(connections))
        finally:
            if tracer and tracer.process.returncode is None:
                tracer.process.kill()
                tracer.process.wait()
    return result


# --- many runs ----------------------------------------------------------------------------------


def cpu_per_connection(result):
    return (result["cpu_seconds"] + result["tracer_cpu"]) / result["connections"]


def compare(result, neighbours):
    """Puts into the result how it compares with the untraced runs just before and just after it."""
    result["ratio"] = result["per_second"] / statistics.mean(n["per_second"] for n in neighbours)
    result["cpu_ratio"] = statistics.mean(map(cpu_per_connection, neighbours)) / cpu_per_connection(result)


def rounds(chosen, count, connections, rate=None, compared=False):
    """Interleaved: {name: [result of each round]}, and {name: why it cannot run}."""
    results, broken = {v.name: [] for v in chosen}, {}
    if compared:
        results[UNTRACED.name] = [run(UNTRACED, connections, rate)]
    for number in range(count):
        turn = number % len(chosen)
        for variant in chosen[turn:] + chosen[:turn]:
            if variant.name in broken:
                continue
            try:
                results[variant.name].append(run(variant, connections, rate))
            except CannotRun as why:
                broken[variant.name] = str(why)
                continue
            if compared:
                results[UNTRACED.name].append(run(UNTRACED, connections, rate))
                compare(results[variant.name][-1], results[UNTRACED.name][-2:])
        print(f"round {number + 1} of {count} done", file=sys.stderr, flush=True)
    return results, broken


def spread(values, form="{:.2f}"):
    values = list(values)
    return (form + " [" + form + "…" + form + "]").format(statistics.median(values), min(values), max(values))


def middle(runs, key):
    return statistics.median(r[key] for r in runs)


def print_full_speed(chosen, results, broken):
    print(f"{'variant':<14} {'conn/s':>6}  {'ratio of conn/s':<17} {'ratio of CPU':<17} {'CPU s/100,000':<17} "
          f"{'lost':>7} {'MB':>6} {'finish s':>8}  what\n"
          f"{UNTRACED.name:<14} {middle(results[UNTRACED.name], 'per_second'):6.0f}  {'1':<17} {'1':<17} "
          f"{'':<17} {'':>7} {'':>6} {'':>8}  {UNTRACED.what}")
    for variant in chosen:
        if variant.name in broken:
            print(f"{variant.name:<14} cannot run: {broken[variant.name]}")
        elif results.get(variant.name):
            runs = results[variant.name]
            cost = (r["tracer_cpu"] / r["connections"] * 100_000 for r in runs)
            print(f"{variant.name:<14} {middle(runs, 'per_second'):6.0f}  {spread(r['ratio'] for r in runs):<17} "
                  f"{spread(r['cpu_ratio'] for r in runs):<17} {spread(cost):<17} {max(r['lost'] for r in runs):7} "
                  f"{middle(runs, 'output_bytes') / 1e6:6.1f} {middle(runs, 'finish_seconds'):8.2f}  {variant.what}")


def paced_percent(runs):
    """Of one processor, while the load ran; for the whole rate, where the machine was too busy to reach it."""
    return [100 * r["tracer_cpu_during"] / r["connections"] * PACED_RATE for r in runs]


def print_paced(chosen, results, broken):
    print(f"\n{PACED_RATE} connections/s, paced\n"
          f"{'variant':<14} {'conn/s':>7}  {'tracer, % of one CPU':<22} {'lost':>7}")
    for variant in chosen:
        if variant.name in broken:
            print(f"{variant.name:<14} cannot run: {broken[variant.name]}")
        else:
            runs = results[variant.name]
            print(f"{variant.name:<14} {statistics.median(r['per_second'] for r in runs):7.0f}  "
                  f"{spread(paced_percent(runs), '{:.1f}'):<22} {max(r['lost'] for r in runs):7}")


def print_targets(chosen, report):
    """What is aimed at, and whether it is met; a busy machine is no reason to fail."""
    print("\ntargets")

    def row(what, got, met):
        print(f"  {'met   ' if met else 'MISSED'} {what}: {got}")

    full, paced, long = (report.get(key, {}).get("results", {}) for key in ("full_speed", "paced", "long"))
    for variant in chosen:
        if variant.target and full.get(variant.name):
            clock, cpu = middle(full[variant.name], "ratio"), middle(full[variant.name], "cpu_ratio")
            row(f"{variant.name}, at least {variant.target:.2f} of untraced",
                f"{cpu:.2f} by processor time, {clock:.2f} by the clock", cpu >= variant.target)
    if paced.get("kernel"):
        got = statistics.median(paced_percent(paced["kernel"]))
        row(f"kernel, {PACED_RATE} connections/s, at most 15 % of one CPU", f"{got:.1f} %", got <= 15)
    for name, runs in long.items():
        if name.endswith("-other"):
            continue
        row(f"{name}, {runs[0]['connections']} connections at full speed, events lost 0",
            f"{runs[0]['lost']} ({runs[0]['seen']} connections in the trace)", runs[0]["lost"] == 0)
        seen = [size / 1e6 for size in runs[0].get("rss_bytes", [])]
        if len(seen) >= 4:
            quarters = ", ".join(f"{max(seen[len(seen) * i // 4:len(seen) * (i + 1) // 4]):.0f}" for i in range(4))
            print(f"         memory at most in each quarter of it: {quarters} MB")


def programs_are_measured():
    try:
        return text_of("/proc/sys/kernel/bpf_stats_enabled").strip() == "1"
    except OSError:
        return False


def main():
    if "--hooks" in sys.argv:
        import hooks  # which needs this module

        return hooks.main([word for word in sys.argv[1:] if word != "--hooks"])
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--connections", type=int, default=20_000)
    parser.add_argument("--variants", default="", help="names, with commas between; default: all")
    parser.add_argument("--skip-paced", action="store_true")
    parser.add_argument("--skip-long", action="store_true")
    parser.add_argument("--long", type=int, default=LONG)
    parser.add_argument("--against", metavar="PROGRAM", help="another build of tcplens")
    options = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if os.geteuid() != 0:
        print("trace.py: needs root: eBPF programs and network namespaces", file=sys.stderr)
        return 77
    for path in (TCPLENS, CHURN):
        if not os.access(path, os.X_OK):
            print(f"trace.py: no program at {path}: `make bench-trace` builds it", file=sys.stderr)
            return 2
    names = options.variants.split(",") if options.variants else []
    chosen = [v for v in variants(options.against) if not names or v.name.removesuffix("-other") in names]
    os.makedirs(OUTPUT, exist_ok=True)

    report = {"kernel": os.uname().release, "cpus": os.cpu_count(), "rounds": options.rounds}

    def measure(key, *arguments, **options):
        results, broken = rounds(*arguments, **options)
        report[key] = {"results": results, "cannot_run": broken}
        with open(f"{OUTPUT}/trace.json", "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)
        return results, broken

    print(f"{options.connections} connections a run, {options.rounds} rounds, {os.cpu_count()} CPUs, load average "
          f"{os.getloadavg()[0]:.1f} before\n")
    if programs_are_measured():
        print("kernel.bpf_stats_enabled is 1: the kernel reads its clock twice for each run of a program, which is counted as "
              "a cost of tracing. Without it: sysctl -w kernel.bpf_stats_enabled=0\n")
    print_full_speed(chosen, *measure("full_speed", chosen, options.rounds, options.connections, compared=True))
    if not options.skip_paced:
        print_paced(chosen, *measure("paced", chosen, PACED_ROUNDS, 5 * PACED_RATE, PACED_RATE))
    if not options.skip_long:
        measure("long", [v for v in chosen if v.wants_all], 1, options.long)
    print_targets(chosen, report)
    print(f"\nall of it: {OUTPUT}/trace.json")
    return 0


if __name__ == "__main__":
    with servers:
        sys.exit(main())
