#!/usr/bin/env python3
"""Makes a capture of each of tests/scenarios, reads it with `tcplens read` and compares with what the scenario expects.

TCPLENS names the program; tests/unit/test_scenarios is beside it. --refresh writes what it says now into the scenarios:
read the difference before you commit it.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(TESTS))
from lib import scenario, traces

TCPLENS = os.path.abspath(os.environ["TCPLENS"])
SCENARIOS = os.path.join(os.path.dirname(TCPLENS), "tests", "unit", "test_scenarios")


def told(option, path):
    return subprocess.run([SCENARIOS, option, path], check=True, timeout=60, text=True, capture_output=True).stdout


def run(one, folder):
    capture = os.path.join(folder, one.name + ".pcap")
    pathlib.Path(capture).write_bytes(scenario.capture(one))
    trace = os.path.join(folder, one.name + ".ndjson")
    subprocess.run([TCPLENS, "read", "--quiet", "--output", trace, capture], check=True, timeout=60)
    traces.validate(trace)
    return told("--tell", trace)


def refresh_those_of_the_kernel(scenarios):
    """No capture says what they say; test_scenarios compares them."""
    for one in scenarios:
        if one.of_kernel:
            scenario.write_expected(one.name, told("--run", scenario.FOLDER / f"{one.name}.txt"))


def main():
    everything = scenario.all_of_them()
    if "--refresh" in sys.argv:
        refresh_those_of_the_kernel(everything)
    failed, scenarios = 0, [one for one in everything if not one.of_kernel]
    with tempfile.TemporaryDirectory() as folder:
        for one in scenarios:
            got = run(one, folder)
            if "--refresh" in sys.argv:
                scenario.write_expected(one.name, got)
            elif got != one.expected:
                failed += 1
                print(f"{one.name}: expected\n{one.expected}got\n{got}")
    print(f"{len(scenarios)} scenarios, {failed} failed")
    return 1 if failed or not scenarios else 0


if __name__ == "__main__":
    sys.exit(main())
