#!/usr/bin/env python3
"""Compares the states that `tcplens read` tells from packets with those that a kernel took.

kernel_paths.py [--strict PERCENT] [--differences N] FOLDER...

A folder has kernel_truth.tsv beside its captures, or above their folder `captures`, as tests/corpora has: what the
tracepoint of the kernel told of the local end while the capture was taken. Prints how many paths are the same from
first to last, and apart from that what comes before the end, and the end. Steps after the last packet (its figure of
them is shown) are the kernel's own: a timer's, or a call's. With --strict, exit status 1 where a smaller share of
whole paths agrees.
"""
import collections
import csv
import os
import sys

from folder import arguments
from lib.judges import Agreement, endpoint, kernel_path, read_capture, wire_path

TABLE = "kernel_truth.tsv"


def capture_path(folder, script):
    for below in ("", "captures"):
        path = os.path.join(folder, below, script + ".pcap")
        if os.path.exists(path):
            return path
    return None


def compare_path(report, where, row, conn, local):
    truth, ours = kernel_path(row), wire_path(conn, local) if conn else []
    after = int(row["steps_after_last_packet"])
    detail = f"kernel {' '.join(truth)}; tcplens {' '.join(ours) or 'nothing'}" + \
        (f"; {after} of the kernel's steps after the last packet" if after else "")
    report.compare("path", where, truth, ours, detail)
    report.compare("path but its end", where, truth[:-1], ours[:len(truth) - 1], detail)
    report.compare("end", where, truth[-1], ours[-1] if ours else None, detail)


def compare_folder(report, folder):
    readings = {}
    sockets = collections.Counter()  # of these endpoints in this capture, so far
    with open(os.path.join(folder, TABLE), newline="", encoding="utf-8") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            name, path = row["script"], capture_path(folder, row["script"])
            if not path:
                print(f"{name}: no capture")
                continue
            if name not in readings:
                readings[name] = read_capture(path, "ignore")
            local = endpoint(row["local_ip"], row["local_port"])
            pair = frozenset([local, endpoint(row["remote_ip"], row["remote_port"])])
            conns = readings[name].pairs[pair] if readings[name] else []
            nth = sockets[name, pair]
            sockets[name, pair] += 1
            where = (name, f"{local[0]}:{local[1]}")
            compare_path(report, where, row, conns[nth] if nth < len(conns) else None, local)


def main():
    options = arguments(__doc__).parse_args()
    report = Agreement()
    for folder in options.paths:
        if os.path.exists(os.path.join(folder, TABLE)):
            compare_folder(report, folder)
    if not report.fields:
        print(f"no {TABLE} in {' '.join(options.paths)}: nothing to compare")
        return 0
    report.print_lines(options.differences)
    report.print_table()
    return options.strict is not None and report.percent("path") < options.strict


if __name__ == "__main__":
    sys.exit(main())
