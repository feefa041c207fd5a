#!/usr/bin/env python3
"""Reads each capture of cases.py with `tcplens read` and compares with expected/NAME.txt.

TCPLENS names the program. --refresh writes what it says now: read the difference before you commit it.
The cases are listed in TESTLIST, one a line, so that one that was forgotten is noticed.
"""
import json
import os
import subprocess
import sys
import tempfile

import cases

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")


def line_of(record):
    kind = record["record"]
    if kind == "connection":
        more = [x for x in (record.get("since"), record.get("roles")) if x]
        return f"connection {record['conn']} {record['client']['port']} > {record['server']['port']} {' '.join(more)}"
    if kind == "segment":
        ack = f" ack {record['ack']}" if "ack" in record else ""
        more = "".join(f" {k}={record[k]}" for k in ("dup_ack", "rtt_ns") if k in record)
        return (f"  {record['conn']} {record['from']} {','.join(record['flags'])} seq {record['seq']}{ack} "
                f"len {record['len']} win {record['win']} [{' '.join(record.get('notes', []))}]{more}")
    if kind == "state":
        return f"    {record['conn']} {record['end']} {record['from']} > {record['to']} {record['how']}"
    if kind == "outcome":
        keep = ("conn_state", "history", "verdict", "final", "bytes", "segments", "rtt_ns", "closed_by", "reset_by")
        return f"outcome {record['conn']} " + json.dumps({k: record[k] for k in keep if k in record})
    return None


def run(name, folder):
    path = os.path.join(folder, name + ".pcap")
    with open(path, "wb") as f:
        f.write(cases.capture(cases.CASES[name], cases.ISNS.get(name)))
    trace = os.path.join(folder, name + ".ndjson")
    subprocess.run([os.environ["TCPLENS"], "read", "--quiet", "--output", trace, path], check=True, timeout=60)
    subprocess.run([sys.executable, os.path.join(ROOT, "tests", "validate_trace.py"),
                    os.path.join(ROOT, "docs", "trace.schema.json"), trace], check=True, stdout=subprocess.DEVNULL)
    with open(trace) as f:
        lines = [line_of(json.loads(line)) for line in f]
    return "".join(line.rstrip() + "\n" for line in lines if line)


def main():
    refresh = "--refresh" in sys.argv
    failed = 0
    with open(os.path.join(HERE, "TESTLIST"), "a+") as f:
        f.seek(0)
        listed = f.read().split()
    if refresh:
        listed = list(cases.CASES)
        with open(os.path.join(HERE, "TESTLIST"), "w") as f:
            f.write("".join(name + "\n" for name in listed))
    if sorted(listed) != sorted(cases.CASES):
        print("TESTLIST and cases.py differ:", sorted(set(listed) ^ set(cases.CASES)))
        failed += 1
    with tempfile.TemporaryDirectory() as folder:
        for name in listed:
            got = run(name, folder)
            path = os.path.join(HERE, "expected", name + ".txt")
            if refresh:
                with open(path, "w") as f:
                    f.write(got)
            with open(path) as f:
                want = f.read()
            if got != want:
                failed += 1
                print(f"{name}: expected\n{want}got\n{got}")
    print(f"{len(listed)} cases, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
