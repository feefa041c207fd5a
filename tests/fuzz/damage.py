#!/usr/bin/env python3
"""Damaged captures through `tcplens read`: cut off at every 97th byte, and with bytes flipped at random.

damage.py [--variants N] [--seed N] DIRECTORY     TCPLENS names the program, best one built with sanitizers

Of the captures in the directory all cuts are made, and so many flips that there are 10,000 (or more) damaged ones; N of
them (0: all) are drawn and run. Whatever
is read, the program ends by itself with status 0 or 1, says at most one line, and what it wrote is a whole trace; of a
capture that was cut, that trace tells what the whole one tells of the packets before the cut.
"""
import argparse
import json
import random
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))
from lib import tcplens

STEP = 97
VARIANTS = 10000
SECONDS = 60
SHOWN = 10


def read(path):
    return tcplens("read", "--output", "-", path, timeout=SECONDS)


def segments(records):
    return [{k: v for k, v in r.items() if k != "n"} for r in records if r["record"] == "segment"]


def problem(data, whole):
    """What is wrong with how data is read; None: nothing. whole: the segments it begins with; None: not known."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        file.write(data)
        file.flush()
        status, out, err = read(file.name)
    if status not in (0, 1) or "broke down" in err or "Sanitizer" in err or "runtime error" in err:
        return f"status {status}: {err[:400]}"
    # success may be noted on: what was passed over, and whose checksums were ignored
    if len(err.splitlines()) > (1 if status else 2) or (status == 1 and not err):
        return f"status {status} with {len(err.splitlines())} lines on standard error: {err[:200]!r}"
    try:
        records = [json.loads(line) for line in out.splitlines()]
    except ValueError as error:
        return f"a line that is no JSON: {error}"
    if not records:
        return None if status else "no trace, and nothing said"
    if records[0]["record"] != "header" or records[-1]["record"] != "end":
        return "the trace lacks its header or its end"
    if whole is not None and segments(records) != whole[:len(segments(records))]:
        return "what was readable is not in the trace as before"
    return None


def variants(files, seed):
    """All cuts, and flips to make VARIANTS of them."""
    made = [(path, "cut", at) for path in files for at in range(0, path.stat().st_size, STEP)]
    for i in range(VARIANTS - len(made)):
        path = files[i % len(files)]
        made.append((path, "flip", f"{seed}:{path.name}:{i}"))
    return made


def damaged(path, kind, how):
    data = bytearray(path.read_bytes())
    if kind == "cut":
        return bytes(data[:how])
    draw = random.Random(how)
    for _ in range(draw.choice((1, 2, 8, 64))):
        # headers are where damage is felt: half of it goes to the first packets
        at = draw.randrange(len(data) if draw.random() < 0.5 else min(len(data), 400))
        data[at] ^= draw.randrange(1, 256)
    return bytes(data)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--variants", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("directory", type=Path)
    options = parser.parse_args()
    files = sorted(p for p in options.directory.rglob("*") if p.suffix in (".pcap", ".pcapng", ".cap", ".trace"))
    if not files:
        sys.exit(f"{options.directory}: no captures")
    whole = {}
    for path in files:
        status, out, err = read(path)
        if status:
            sys.exit(f"{path}: {err}")
        whole[path] = segments(json.loads(line) for line in out.splitlines())
    everything = variants(files, options.seed)
    chosen = random.Random(options.seed).sample(everything, min(options.variants or len(everything), len(everything)))

    def run(variant):
        path, kind, how = variant
        try:
            return problem(damaged(*variant), whole[path] if kind == "cut" else None)
        except subprocess.TimeoutExpired:
            return f"took more than {SECONDS} s"

    failed = 0
    with ThreadPoolExecutor(2) as pool:
        for variant, what in zip(chosen, pool.map(run, chosen)):
            if what:
                failed += 1
                if failed <= SHOWN:
                    print(f"{variant[0].name} {variant[1]} {variant[2]}: {what}")
    print(f"{len(chosen)} of {len(everything)} variants of {len(files)} captures: {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
