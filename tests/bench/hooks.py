"""What each hook of the kernel witness costs: how often it runs for a connection, and for how long.

    python3 tests/bench/hooks.py [--rounds N] [--connections N]     also: trace.py --hooks

The load is trace.py's, in a namespace of its own. $O/tests/bench/hook attaches the programs without the tracer, in three
ways: empty (each returns at once), unwanted (all connections are filtered out, by a port that nobody uses) and wanted
(all are told of). The kernel measures the programs (BPF_STATS_RUN_TIME); what reading its clock costs is in each figure,
so that the difference from `empty` is what the program's own code takes.

What the kernel cannot measure is what it costs to be attached: the way to the program, and for sys_exit the slow way
through each system call of the machine. That is processor time of the load, beside untraced runs just before and after.

Environment: O (the programs are $O/tests/bench/churn and hook, the result is $O/bench/hooks.json).
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

import trace

HOOK = f"{trace.BUILD}/tests/bench/hook"
WAYS = {"empty": ["--empty"], "unwanted": ["--port", "9"], "wanted": []}
RARE = 0.05  # runs for a connection, below which a hook is not measured alone


def run(connections, options=None):
    """One run of the load: nanoseconds of processor time for a connection, and what `hook` counted."""
    with trace.namespace() as pid:
        hook = None
        if options is not None:
            hook = subprocess.Popen(trace.inside(pid, [HOOK, *options]), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    text=True)
        try:
            if hook and hook.stdout.readline() != "ready\n":
                raise SystemExit("hooks.py: cannot attach: run as root")
            done = subprocess.run(trace.inside(pid, [trace.CHURN, "--connections", str(connections)]),
                                  capture_output=True, text=True, check=True)
        finally:
            counted = json.loads(hook.communicate()[0] or "{}") if hook else {}
    return json.loads(done.stdout)["cpu_seconds"] / connections * 1e9, counted


def runs_of_programs(rounds, connections):
    """{program: {way: (runs for a connection, ns for a run)}}, medians."""
    found = {}
    for _ in range(rounds):
        for way, options in WAYS.items():
            for name, count in run(connections, [*options, "--stats"])[1].items():
                if count["runs"]:
                    found.setdefault(name, {}).setdefault(way, []).append(
                        (count["runs"] / connections, count["ns"] / count["runs"]))
    return {name: {way: tuple(map(statistics.median, zip(*each))) for way, each in ways.items()}
            for name, ways in found.items() if len(ways) == len(WAYS)}


def processor_time(variants, rounds, connections):
    """{variant: [share of the untraced run's processor time in each round]}; the variants take turns."""
    shares = {name: [] for name in variants}
    for number in range(rounds):
        before = run(connections)[0]
        for name, options in variants.items():
            cost = run(connections, options)[0]
            after = run(connections)[0]
            shares[name].append(2 * cost / (before + after) - 1)
            before = after
        print(f"round {number + 1} of {rounds} done", file=sys.stderr, flush=True)
    return shares


def print_programs(programs):
    print(f"{'program':<20} {'runs':>7}   {'empty':>7} {'unwanted':>8} {'wanted':>7}   {'unwanted':>8} {'wanted':>7}\n"
          f"{'':<20} {'/conn':>7}   {'ns/run':>7} {'ns/run':>8} {'ns/run':>7}   {'ns/conn, less empty':>16}")
    sums = [0.0, 0.0]
    for name, ways in programs.items():
        count, empty = ways["empty"]
        own = [ways[way][0] * (ways[way][1] - empty) for way in ("unwanted", "wanted")]
        sums = [a + b for a, b in zip(sums, own)]
        print(f"{name:<20} {count:7.2f}   {empty:7.1f} {ways['unwanted'][1]:8.1f} {ways['wanted'][1]:7.1f}   "
              f"{own[0]:8.0f} {own[1]:7.0f}")
    print(f"{'all':<20} {sum(w['empty'][0] for w in programs.values()):7.2f}   {'':>7} {'':>8} {'':>7}   "
          f"{sums[0]:8.0f} {sums[1]:7.0f}")


def main(arguments=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--connections", type=int, default=20_000)
    options = parser.parse_args(arguments)
    if os.geteuid() != 0:
        print("hooks.py: needs root: eBPF programs and network namespaces", file=sys.stderr)
        return 77
    for path in (HOOK, trace.CHURN):
        if not os.access(path, os.X_OK):
            print(f"hooks.py: no program at {path}: `make bench-trace` builds it", file=sys.stderr)
            return 2

    programs = runs_of_programs(3, options.connections)
    print_programs(programs)
    variants = {f"all, {way}": how for way, how in WAYS.items()}
    for name, ways in programs.items():
        if ways["empty"][0] >= RARE:
            variants[f"{name} alone, empty"] = ["--hook", name, "--empty"]
    shares = processor_time(variants, options.rounds, options.connections)
    print(f"\n{'attached':<28} more processor time than untraced, % (median, least and most of {options.rounds})")
    for name, each in shares.items():
        print(f"{name:<28} {trace.spread((100 * share for share in each), '{:.1f}')}")

    os.makedirs(trace.OUTPUT, exist_ok=True)
    with open(f"{trace.OUTPUT}/hooks.json", "w", encoding="utf-8") as file:
        json.dump({"kernel": os.uname().release, "programs": programs, "processor_time": shares}, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
