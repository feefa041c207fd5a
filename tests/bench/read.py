#!/usr/bin/env python3
"""How fast `tcplens read` is beside others, and what memory it takes: prints medians, ratios and peak RSS.

TCPLENS names the program. The runs of all programs are interleaved, so that what else the machine does hits all alike;
the figure is processor time (user and system). SIZES (packets, "100000 1000000 4000000") and ROUNDS (5) may be set.
A program that is not installed is left out, and said so.
"""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TCPLENS = os.environ["TCPLENS"]
SIZES = [int(n) for n in os.environ.get("SIZES", "100000 1000000 4000000").split()]
ROUNDS = int(os.environ.get("ROUNDS", "5"))
SMALL_ONLY = {"tshark conv"}


def build(folder, name, *libraries):
    path = os.path.join(folder, name)
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", path, os.path.join(HERE, name + ".c"), *libraries],
                   check=True)
    return path


def run(command):
    """Processor seconds and peak RSS in MiB."""
    with open(os.devnull, "wb") as null:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=null, stderr=null)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)}: exit status {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    with tempfile.TemporaryDirectory() as folder:
        generator = build(folder, "read_capture")
        peer = build(folder, "read_peer", "-lpcap")
        for packets in SIZES:
            path = os.path.join(folder, "capture.pcap")
            subprocess.run([generator, str(packets), path], check=True)
            programs = {
                "bare loop": [peer, "bare", path],
                "flow loop": [peer, "flow", path],
                "read none": [TCPLENS, "read", "--quiet", "--segments", "none", "--output", "/dev/null", path],
                "read all": [TCPLENS, "read", "--quiet", "--output", "/dev/null", path],
                "read summary": [TCPLENS, "read", "--summary", path],
                "tcpdump -w": ["tcpdump", "-r", path, "-w", "/dev/null"],
                "tcpdump -nn": ["tcpdump", "-nn", "-r", path],
                "tcptrace": ["tcptrace", path],
                "tshark conv": ["tshark", "-q", "-z", "conv,tcp", "-r", path],
            }
            for name in list(programs):
                if name in SMALL_ONLY and packets != min(SIZES):
                    del programs[name]
                elif not shutil.which(programs[name][0]):
                    print(f"{programs[name][0]} is not installed: left out")
                    del programs[name]
            seconds = {name: [] for name in programs}
            memory = dict.fromkeys(programs, 0)
            for _ in range(ROUNDS):
                for name, command in programs.items():
                    used, rss = run(command)
                    seconds[name].append(used)
                    memory[name] = max(memory[name], rss)
            medians = {name: statistics.median(values) for name, values in seconds.items()}
            print(f"{packets} packets, {packets // 10} connections, median of {ROUNDS}")
            for name, median in medians.items():
                print(f"  {name:14}{median:9.3f} s {median / packets * 1e9:8.0f} ns/packet"
                      f"{median / medians['flow loop']:8.2f} x flow loop{memory[name]:8.0f} MiB")
            for ours, theirs in (("read none", "tcptrace"), ("read all", "tcpdump -nn")):
                if theirs in medians:
                    print(f"  {ours} / {theirs}: {medians[ours] / medians[theirs]:.2f}")


if __name__ == "__main__":
    main()
