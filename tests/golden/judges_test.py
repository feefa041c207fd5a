#!/usr/bin/env python3
"""The judges of tests/truth find what is planted, and nothing else."""
import contextlib
import io
import collections
import json
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "truth")]
import acked_unseen
import kernel_paths
import tshark
from lib.cases import Skip, case, check, check_equal, own_directory, run_cases
from lib.judges import Agreement, Reading, read_capture

CORPORA, CAPTURES = os.path.join(HERE, "..", "corpora"), os.path.join(HERE, "..", "captures")
CAPTURE = os.path.join(CORPORA, "zeek-tcp-retransmit-fast009.pcap")


def segments(*lines):
    """Of `c|s FLAGS seq ack len[/window] [notes]`; SYNs count from ISN 2^32 - 10, or from what follows an @. No window: a large one."""
    records = [{"record": "header", "n": 0, "t": 0, "start": "2026-01-02T03:04:05.000000007Z"},
               {"record": "connection", "n": 1, "conn": 1, "client": {"addr": "192.0.2.1", "port": 1},
                "server": {"addr": "192.0.2.2", "port": 2}}]
    for n, line in enumerate(lines):
        end, flags, seq, ack, size, *notes = line.split()
        seq, _, isn = seq.partition("@")
        size, _, window = size.partition("/")
        record = {"record": "segment", "n": n + 2, "t": n, "conn": 1, "from": {"c": "client", "s": "server"}[end],
                  "flags": flags.split(","), "seq": int(seq), "len": int(size), "win": int(window or 2**32), "notes": notes}
        if "SYN" in flags:
            record["seq_abs"] = (int(seq) + int(isn or 2**32 - 10)) % 2**32
        if "ACK" in flags:
            record["ack"] = int(ack)
        records.append(record)
    return Reading(json.dumps(r) for r in records).conns[1].segments


HANDSHAKE = ("c SYN 0 - 0", "s SYN,ACK 0 1 0", "c ACK 1 1 0")


def check_unseen(expected, *lines):
    """expected: of each ACK, y, n or ?; !: of what was never sent."""
    told = "".join("!" if never else {True: "y", False: "n", None: "?"}[unseen]
                   for _, unseen, never, _ in acked_unseen.judge(segments(*lines)))
    check_equal(told, expected, "\n".join(lines))


@case
def bytes_that_were_not_captured():
    check_unseen("nnnn", *HANDSHAKE, "c ACK 1 1 100", "s ACK 1 101 0")
    check_unseen("nny", *HANDSHAKE, "s ACK 1 2 0")
    check_unseen("nnny", *HANDSHAKE, "c ACK 1 1 100", "s ACK 1 102 0")
    # told once; the hole behind it is acknowledged no more
    check_unseen("nnnynn", *HANDSHAKE, "c ACK 101 1 100", "s ACK 1 201 0", "c ACK 201 1 1", "s ACK 1 202 0")
    # what comes too late was not captured before
    check_unseen("nnyn", *HANDSHAKE, "s ACK 1 101 0", "c ACK 1 1 100")
    # together they are whole, in any order
    check_unseen("nnnnnn", *HANDSHAKE, "c ACK 51 1 50", "c ACK 1 1 30", "c ACK 21 1 40", "s ACK 1 101 0")
    check_unseen("nnnnyn", *HANDSHAKE, "c ACK 51 1 50", "c ACK 1 1 49", "s ACK 1 101 0", "c ACK 101 1 0")


@case
def syn_and_fin_have_a_number():
    check_unseen("nnnnn", *HANDSHAKE, "c FIN,ACK 1 1 5", "s FIN,ACK 1 7 0", "c ACK 7 2 0")
    check_unseen("nnny", *HANDSHAKE, "c ACK 1 1 5", "s ACK 1 7 0")
    check_unseen("n", "c SYN 0 - 20", "s SYN,ACK 0 21 0")
    check_unseen("y", "c SYN 0 - 20", "s SYN,ACK 0 22 0")


@case
def numbers_beyond_the_wrap():
    check_unseen("nnnnn", *HANDSHAKE, "c ACK 1 1 4000000000", "s ACK 1 4000000001 0", "c ACK 4000000001 1 1000000000")
    check_unseen("n" * 6, *HANDSHAKE, "c ACK 1 1 2000000000", "s ACK 1 2000000001 0", "c ACK 2000000001 1 2000000000",
                 "s ACK 1 4000000001 0")
    check_unseen("nnnnny", *HANDSHAKE, "c ACK 1 1 2000000000", "s ACK 1 2000000001 0", "c ACK 2000000001 1 2000000000",
                 "s ACK 1 4000000002 0")


@case
def what_cannot_be_told():
    check_unseen("?", "s SYN,ACK 0 1 0")
    check_unseen("?nn", "s ACK 0 500 0", "c ACK 500 0 10", "s ACK 0 510 0")
    check_unseen("?ny", "s ACK 0 500 0", "c ACK 501 0 10", "s ACK 0 511 0")
    check_unseen("?n", "c ACK 0 0 10", "s ACK 0 10 0")
    check_unseen("??n", "c ACK 0 0 10", "s ACK 0 300 0", "s ACK 0 300 0")


@case
def what_was_never_sent():
    """Beyond the window that its sender offered: nobody sent it, and its ACK acknowledges nothing."""
    small = ("c SYN 0 - 0/100", "s SYN,ACK 0 1 0/100")
    check_unseen("ny", *small, "c ACK 1 100 0/100")
    check_unseen("n!", *small, "c ACK 1 101 0/100")
    check_unseen("n!n", *small, "c ACK 1 101 0/100", "c ACK 1 1 0/100")
    # what was captured was sent, whatever was offered; a window that grows with the ACK counts
    check_unseen("nn!", *small, "s ACK 1 1 150/100", "c ACK 1 252 0/100")
    check_unseen("nny", *small, "c ACK 1 1 0/200", "c ACK 1 200 0/100")
    check_unseen("ny!", *small, "c ACK 1 150 0/200", "c ACK 1 351 0/100")
    # of an end that was never captured, or whose windows may be scaled, it shows later
    check_unseen("?y", "c ACK 0 0 1/100", "c ACK 1 5000 0/100")
    check_unseen("?nny!", "c ACK 0 0 9/1", "s ACK 0 9 5/1", "c ACK 9 5 0/1", "c ACK 9 16000 0/1", "c ACK 9 33000 0/1")


@case
def the_notes_of_all_captures_are_right():
    counts = collections.Counter()
    for folder in CORPORA, CAPTURES:
        for name, (found, lines) in acked_unseen.judge_each(acked_unseen.judge_file, [folder]):
            counts.update(found)
            check(not any(found[wrong] for wrong in ("false", "missed", "taken")), name, lines)
    check(counts["noted"] > 10 and counts["never"] > 3, counts)


@case
def another_numbering():
    check_unseen("nnn", "c SYN 0 - 0", "s SYN,ACK 0 1 0", "s SYN,ACK 0@77 1 0", "c ACK 1 1 0")
    check_unseen("nny", "c SYN 0 - 0", "s SYN,ACK 0 1 0", "s SYN,ACK 0@77 1 0", "c ACK 1 2 0")


@case
def ranges_that_touch_are_one():
    ranges = acked_unseen.Ranges()
    for begin, end in (10, 20), (30, 40), (5, 5), (20, 25), (24, 31), (50, 60), (0, 3):
        ranges.add(begin, end)
    check_equal(list(zip(ranges.begins, ranges.ends)), [(0, 3), (10, 40), (50, 60)])
    check(ranges.cover(10, 40) and ranges.cover(39, 40) and ranges.cover(45, 45))
    check(not ranges.cover(9, 11) and not ranges.cover(39, 41) and not ranges.cover(40, 50))


def compared(frames, reading):
    tshark.match(frames, reading)
    report = Agreement()
    for where, of in tshark.streams_of("capture", frames).items():
        tshark.compare_stream(report, where, of)
    return report


def frames_and_reading():
    if not shutil.which("tshark"):
        raise Skip("no tshark")
    return tshark.tshark(CAPTURE), read_capture(CAPTURE)


@case
def tshark_and_the_trace_agree():
    report = compared(*frames_and_reading())
    check_equal(report.lines, [])
    check(len(report.fields) > 20 and sum(sum(counts) for counts in report.fields.values()) > 20)


@case
def differences_name_their_frames():
    frames, reading = frames_and_reading()
    again = next(f for f in frames if "retransmission" in f.words)
    other = next(f for f in frames if not f.words and f.flags == ("ACK",))
    tshark.match(frames, reading)
    again.segment["notes"].remove("retransmission")
    other.segment["flags"] = ["SYN"]
    other.segment.setdefault("notes", []).append("zero-window")
    lines = dict(compared(frames, reading).lines)
    check(f"only tshark: frame {again.number}" in lines["retransmission"], lines)
    check(f"only tcplens: frame {other.number}" in lines["zero_window"], lines)
    check(lines["flags"].endswith(f"frame {other.number}"), lines)
    again.conn.segments.remove(again.segment)
    lines = dict(compared(frames, reading).lines)
    check_equal(lines["segments"].split(": ")[-1], f"frame {again.number}")


def kernel_paths_of(table):
    with own_directory(), contextlib.redirect_stdout(io.StringIO()) as said:
        os.symlink(os.path.abspath(CORPORA), "captures")
        with open(kernel_paths.TABLE, "w", encoding="utf-8") as file:
            file.write(table)
        report = Agreement()
        kernel_paths.compare_folder(report, ".")
    return report, said.getvalue()


@case
def paths_are_compared_to_their_end():
    with open(os.path.join(CORPORA, kernel_paths.TABLE), encoding="utf-8") as file:
        table = file.read()
    report, _ = kernel_paths_of(table)
    check_equal(report.fields, {f: [2, 0, 0] for f in ("path", "path but its end", "end")})
    report, _ = kernel_paths_of(table.replace("TIME_WAIT\t1795220571", "-\t1795220571"))
    check_equal(report.fields, {"path": [1, 0, 1], "path but its end": [2, 0, 0], "end": [1, 0, 1]})
    report, _ = kernel_paths_of(table.replace("CLOSE>SYN_SENT", "CLOSE>SYN_RECV"))
    check_equal(report.fields, {"path": [1, 0, 1], "path but its end": [1, 0, 1], "end": [2, 0, 0]})
    report, said = kernel_paths_of(table.replace("\n", "\ngone", 1))
    check("no capture" in said, said)
    report, _ = kernel_paths_of(table.replace("48870", "1"))
    check("tcplens nothing" in report.lines[0][1], report.lines)


if __name__ == "__main__":
    sys.exit(run_cases(sys.argv[1:]))
