#!/usr/bin/env python3
"""Compares `tcplens read` with what Zeek, tshark and the kernel said of the same captures (tests/corpora).

TCPLENS names the program. Prints the agreement per field and every difference; fails on a difference that
docs/differences.md does not explain: EXPLAINED names each with its id there, and an entry that explains
nothing any more is an error too.

truth_test.py DIRECTORY compares another directory of the same layout, where nothing is explained.
"""
import collections
import csv
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CORPORA = os.path.join(HERE, "..", "corpora")
DOCUMENT = os.path.join(HERE, "..", "..", "docs", "differences.md")
sys.path.insert(0, os.path.join(HERE, ".."))
from lib.judges import NOTES, Agreement, endpoint, kernel_path, read_capture, wire_path

# (capture, field, stream or tuple): id in docs/differences.md. "*" stands for all of a capture's.
EXPLAINED = {
    ("zeek-tcp-retransmit-fast009.pcap", "history", "*"): "zeek-truncated-payload",
    ("zeek-wikipedia.pcap", "history", "173.192.163.128:80>141.142.220.235:6705"): "zeek-bare-direction",
    ("zeek-cisco-fabric-path.pcap", "retransmission", "*"): "tshark-malformed",
    ("zeek-pppoe-over-qinq.pcap", "retransmission", "*"): "pppoe-length",
    ("zeek-pppoe-over-qinq.pcap", "out_of_order", "*"): "pppoe-length",
    ("zeek-pppoe-over-qinq.pcap", "duplicate_ack", "*"): "pppoe-length",
    ("zeek-modbus-modbus-and-non-modbus-p502.pcap", "initial_rtt", "*"): "tshark-one-stream",
    ("suricata-frag-ip-tcp-syn.pcap", "tshark stream", "*"): "no-ip-reassembly",
}


def rows(directory, name):
    with open(os.path.join(directory, name), newline="") as f:
        return list(csv.DictReader(f, delimiter="\t"))


def capture_path(directory, name):
    for folder in (directory, os.path.join(directory, "captures")):
        if os.path.exists(os.path.join(folder, name)):
            return os.path.join(folder, name)
    return None


def compare_zeek(report, directory, cache):
    tuples = collections.defaultdict(list)
    for row in rows(directory, "zeek_truth.tsv"):
        tuples[row["pcap"], row["checksums"], row["orig_h"], row["orig_p"], row["resp_h"], row["resp_p"]].append(row)
    for (pcap, checksums, oh, op, rh, rp), group in tuples.items():
        orig, resp = endpoint(oh, op), endpoint(rh, rp)
        where = (pcap, f"{oh}:{op}>{rh}:{rp}")
        conns = cache(pcap, "ignore" if checksums == "ignored" else "check").get(frozenset([orig, resp]), [])
        if not conns:
            report.compare("zeek connection", where, "present", "absent")
            continue
        sent = [0, 0]
        for conn in conns:
            segments = conn.outcome["segments"]
            sent[0] += segments[conn.end(orig)]
            sent[1] += segments[conn.end(resp)]
        truth = [sum(int(r["orig_pkts"]) for r in group), sum(int(r["resp_pkts"]) for r in group)]
        if int(group[0]["rows_on_tuple"]) > len(group) or group[0]["pkts_check"] != "exact":
            truth = None  # some of the tuple's rows are the other way round, or tshark counts differently
        if truth:
            report.compare("packets", where, truth, sent)
        if len(group) != len(conns):
            report.compare("zeek rows", where, len(group), len(conns))
        for row, conn in zip(group, conns):
            report.compare("conn_state", where, row["conn_state"], conn.outcome["conn_state"])
            report.compare("history", where, row["history"], conn.outcome.get("history"))


def compare_tshark(report, directory, cache):
    groups = collections.defaultdict(list)
    for row in rows(directory, "tshark_truth.tsv"):
        a, b = endpoint(row["a_ip"], row["a_port"]), endpoint(row["b_ip"], row["b_port"])
        groups[row["pcap"], frozenset([a, b])].append((row, a, b))
    for (pcap, pair), group in groups.items():
        a, b = group[0][1:]
        where = (pcap, f"{a[0]}:{a[1]}>{b[0]}:{b[1]}")
        conns = cache(pcap, "ignore").get(pair, [])
        resets_only = all(int(r["rst_a"]) + int(r["rst_b"]) == int(r["pkts_ab"]) + int(r["pkts_ba"])
                          for r, _, _ in group)
        if not conns:
            if not resets_only:
                report.compare("tshark stream", where, "present", "absent")
            continue
        sent = [0, 0]
        for row, row_a, _ in group:
            sent[row_a != a] += int(row["pkts_ab"])
            sent[row_a == a] += int(row["pkts_ba"])
        ours = [sum(c.outcome["segments"][c.end(x)] for c in conns) for x in (a, b)]
        report.compare("segments", where, sent, ours)
        ours = sum((c.count_notes() for c in conns), collections.Counter())
        for column, note in NOTES.items():
            report.compare(column, where, sum(int(r[column]) for r, _, _ in group), ours[note])
        for (row, _, _), conn in zip(group, conns):
            if row["initial_rtt"] != "-" and int(row["syn_a"]) and int(row["synack_b"]):
                truth = round(float(row["initial_rtt"]) * 1e9)
                report.compare("initial_rtt", where, truth, conn.outcome.get("rtt_ns"))


def compare_kernel(report, directory, cache):
    for row in rows(directory, "kernel_truth.tsv"):
        local, remote = endpoint(row["local_ip"], row["local_port"]), endpoint(row["remote_ip"], row["remote_port"])
        pcap = row["script"] + ".pcap"
        for conn in cache(pcap, "ignore").get(frozenset([local, remote]), []):
            report.compare("state path", (pcap, f"{local[0]}:{local[1]}"), kernel_path(row), wire_path(conn, local))


def main():
    directory = sys.argv[1] if len(sys.argv) > 1 else CORPORA
    report = Agreement(EXPLAINED if directory == CORPORA else {})
    read_already = {}

    def cache(pcap, checksums):
        if (pcap, checksums) not in read_already:
            path = capture_path(directory, pcap)
            read_already[pcap, checksums] = read_capture(path, checksums).pairs if path else {}
        return read_already[pcap, checksums]

    compare_zeek(report, directory, cache)
    compare_tshark(report, directory, cache)
    compare_kernel(report, directory, cache)
    report.print_lines()
    report.print_table()
    failed = report.differ
    with open(DOCUMENT) as f:
        known = set(re.findall(r"^\| `([a-z0-9-]+)` \|", f.read(), re.M))
    for key, why in report.explained.items():
        if key not in report.used:
            print(f"explains nothing any more: {key}")
            failed += 1
        if why not in known:
            print(f"not in docs/differences.md: {why}")
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
