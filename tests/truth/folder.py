"""The captures of a folder, judged one by one on all processors."""
import argparse
import concurrent.futures
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lib.programs import TCPLENS

# pcap in both byte orders (microseconds, nanoseconds, Kuznetzov's), pcapng, and what gzip makes of them.
MAGICS = {bytes.fromhex(magic) for magic in ("a1b2c3d4", "d4c3b2a1", "a1b23c4d", "4d3cb2a1", "a1b2cd34", "34cdb2a1",
                                             "0a0d0d0a")}
GZIP = b"\x1f\x8b"


def is_capture(path):
    try:
        with open(path, "rb") as file:
            magic = file.read(4)
    except OSError:
        return False
    return magic in MAGICS or magic.startswith(GZIP)


def captures(paths):
    """(name, path) of each file named, and of each capture below each folder named."""
    for path in paths:
        if not os.path.isdir(path):
            yield os.path.basename(path), path
            continue
        for folder, below, names in os.walk(path):
            below.sort()
            for name in sorted(names):
                whole = os.path.join(folder, name)
                if is_capture(whole):
                    yield os.path.relpath(whole, path), whole


def arguments(document):
    """Of a program that judges: what it says first is its own first sentence."""
    parser = argparse.ArgumentParser(description=document.partition("\n")[0])
    parser.add_argument("paths", nargs="+", metavar="FOLDER", help="captures, or folders that have some below")
    parser.add_argument("--strict", type=float, metavar="PERCENT",
                        help="exit status 1 where a figure is worse; without it the status says nothing of them")
    parser.add_argument("--differences", type=int, default=20, metavar="N", help="shown of each kind (20)")
    return parser


def judge_each(function, paths):
    """(name, function(name, path)) of each capture, in order; what fails is told, and is an answer of None."""
    if not shutil.which(TCPLENS):
        sys.exit(f"no {TCPLENS}: TCPLENS names the program")
    files = list(captures(paths))
    if not files:
        sys.exit(f"no capture in {' '.join(paths)}")
    with concurrent.futures.ProcessPoolExecutor() as pool:
        running = [(name, pool.submit(function, name, path)) for name, path in files]
        for name, future in running:
            try:
                yield name, future.result()
            except Exception as error:  # one file must not hide what the others show
                print(f"{name}: {type(error).__name__}: {error}")
                yield name, None
