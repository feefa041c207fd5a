#!/usr/bin/env python3
"""What `tcplens merge` takes beside reading both files: processor time (user and system), medians, and peak memory.

Two captures of one made-up capture (read_capture.c), as two hosts 20 µs apart see it, whose clocks differ by 137.25 ms and 40 ppm;
and the traces of both. TCPLENS and ROUNDTRIP name the programs: what a trace takes to be read back is measured by the latter, which
decodes and encodes each line once. SIZES (packets each, "100000 1000000") and ROUNDS (3) may be set. Fails where merging takes more
than twice as long as reading both.
"""
import multiprocessing
import os
import statistics
import struct
import subprocess
import sys
import tempfile

from read import TCPLENS, build, run

SIZES = [int(n) for n in os.environ.get("SIZES", "100000 1000000").split()]
ROUNDS = int(os.environ.get("ROUNDS", "3"))
DELAY_NS, OFFSET_NS, PPM = 20_000, 137_250_000, 40
SERVER = bytes([192, 0, 2, 1])
MOST = 2


def views(capture, a, b):
    """Client and server: each sees what the other sends later."""
    with open(capture, "rb") as file:
        data = file.read()
    nanoseconds = data[:4] == b"\x4d\x3c\xb2\xa1"
    packets, at = [], 24
    while at < len(data):
        seconds, rest, length, _ = struct.unpack_from("<IIII", data, at)
        packets.append((seconds * 10**9 + rest * (1 if nanoseconds else 1000), data[at + 16:at + 16 + length]))
        at += 16 + length
    start = packets[0][0]
    # as far apart as a segment and its answer need to be
    stretched = [(start + (t - start) * 40, frame, frame[26:30] == SERVER) for t, frame in packets]
    for name, at_server in ((a, False), (b, True)):
        seen = sorted((t + (DELAY_NS if from_server != at_server else 0), frame) for t, frame, from_server in stretched)
        with open(name, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
            for t, frame in seen:
                shown = t + OFFSET_NS + (t - start) * PPM // 10**6 if at_server else t
                file.write(struct.pack("<IIII", shown // 10**9, shown % 10**9, len(frame), len(frame)) + frame)


def measure(commands):
    """Processor seconds of all together, and the most memory that one took."""
    seconds, memory = [], 0
    for _ in range(ROUNDS):
        used = [run(command) for command in commands]
        seconds.append(sum(s for s, _ in used))
        memory = max(memory, *(m for _, m in used))
    return statistics.median(seconds), memory


def main():
    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        generator = build(folder, "read_capture")
        for packets in SIZES:
            capture, a, b, out = (f"{folder}/{name}" for name in ("all.pcap", "a.pcap", "b.pcap", "merged.ndjson"))
            subprocess.run([generator, str(packets), capture], check=True)
            maker = multiprocessing.Process(target=views, args=(capture, a, b))  # what it takes would count for its children
            maker.start()
            maker.join()
            for name in (a, b):
                subprocess.run([TCPLENS, "read", "-q", "--force", "-o", f"{name}.ndjson", name], check=True)
            print(f"{packets} packets a side, {packets // 10} connections, median of {ROUNDS}")
            for what, files, reading in (
                    ("captures", (a, b), [[TCPLENS, "read", "-q", "--force", "-o", out, name] for name in (a, b)]),
                    ("traces", (f"{a}.ndjson", f"{b}.ndjson"),
                     [[os.environ["ROUNDTRIP"], f"{name}.ndjson"] for name in (a, b)])):
                read, _ = measure(reading)
                merged, memory = measure([[TCPLENS, "merge", "-q", "--force", "-o", out, *files]])
                worst = max(worst, merged / read)
                print(f"  {what:9} read both {read:7.3f} s   merge {merged:7.3f} s   {merged / read:5.2f} x {memory:7.0f} MiB")
            done = subprocess.run([TCPLENS, "merge", "--force", "-o", out, a, b], capture_output=True, text=True, check=True)
            print("  " + done.stderr.replace(f"{folder}/", "").replace("\n", "\n  ").rstrip())
    if worst > MOST:
        sys.exit(f"merging takes {worst:.2f} times as long as reading both: at most {MOST} times is promised")


if __name__ == "__main__":
    main()
