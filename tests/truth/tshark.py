#!/usr/bin/env python3
"""Compares `tcplens read` with tshark on captures, per stream.

tshark.py [--strict PERCENT] [--differences N] CAPTURE|FOLDER...

tshark reads each capture in two passes and checks checksums. A stream is tshark's; its segments are found in the
trace by time and sender, so that each difference names its frame. Prints for each field in how many streams both say
the same and the differences; with --strict, exit status 1 where they agree in a smaller share of a field's streams.
docs/judged.md says what is compared, and what makes tshark differ by definition.
"""
import collections
import ipaddress
import re
import shutil
import struct
import subprocess
import sys

from folder import arguments, judge_each
from lib.judges import NOTES, Agreement, endpoint, read_capture
from lib.packets import checksum

ANALYSIS = {**NOTES, "ack_lost_segment": "acked-unseen", "window_update": "window-update",
            "zero_window_probe_ack": "zero-window-probe-ack"}
# The same bytes again: which of these it is depends on times that each judges by its own.
AGAIN = ("retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order")

FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE")
COMPLETENESS = ("SYN", "SYN-ACK", "ACK", "data", "FIN", "RST")
SYN_SEEN = 1
BAD = "0"
MOST_FRAMES = 8

FIELDS = ["frame.number", "frame.time_epoch", "frame.protocols", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst",
          "tcp.srcport", "tcp.dstport", "tcp.stream", "tcp.flags", "tcp.hdr_len", "tcp.len", "tcp.checksum",
          "tcp.checksum.status", "tcp.completeness", "tcp.analysis.initial_rtt",
          *(f"tcp.analysis.{name}" for name in ANALYSIS)]


class Frame:
    """A segment, as tshark tells it."""

    segment = conn = None  # where the trace has it

    def __init__(self, row):
        self.number = int(row["frame.number"])
        seconds, _, fraction = row["frame.time_epoch"].partition(".")
        self.ns = int(seconds) * 10**9 + int(fraction.ljust(9, "0"))
        self.source, self.target = ends_of(row)
        self.stream = int(row["tcp.stream"])
        self.flags = tuple(f for i, f in enumerate(FLAGS) if int(row["tcp.flags"], 0) >> i & 1)
        self.len = int(row["tcp.len"] or 0)
        self.is_bad = row["tcp.checksum.status"] == BAD and not is_partial(self, row)
        self.completeness = int(row["tcp.completeness"] or 0)
        self.initial_rtt = row["tcp.analysis.initial_rtt"]
        self.words = {name for name in ANALYSIS if row[f"tcp.analysis.{name}"]}


def ends_of(row):
    """In a tunnel the last addresses count, of the family that stands right before TCP."""
    above = row["frame.protocols"].split(":")
    above = above[:len(above) - above[::-1].index("tcp")]
    family = [p for p in above if p in ("ip", "ipv6")][-1]
    return endpoint(row[f"{family}.src"], row["tcp.srcport"]), endpoint(row[f"{family}.dst"], row["tcp.dstport"])


def is_partial(frame, row):
    """The sum of the pseudo-header alone: the network card was to do the rest. Later versions of tshark know it."""
    packed = [ipaddress.ip_address(addr).packed for addr, _ in (frame.source, frame.target)]
    pseudo = struct.pack("!II", 6, int(row["tcp.hdr_len"]) + frame.len)
    return int(row["tcp.checksum"], 0) == checksum(b"".join(packed) + pseudo) ^ 0xFFFF


def is_segment(row):
    """Not what an ICMP error quotes, or what tshark finds no header in."""
    return row["tcp.stream"] and row["tcp.flags"] and not re.search(r":icmp(v6)?:.*:tcp", row["frame.protocols"])


def tshark(path):
    """The frames with a segment, in their order."""
    command = ["tshark", "-r", path, "-2", "-n", "-Y", "tcp", "-o", "tcp.check_checksum:TRUE", "-T", "fields",
               "-E", "occurrence=l"]
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=600, check=False)
    rows = [dict(zip(FIELDS, line.split("\t"))) for line in done.stdout.splitlines()]
    return [Frame(row) for row in rows if is_segment(row)]


def match(frames, reading):
    """Finds the segment of each frame, in order: by all that both tell, else without what they may differ in.
    Returns the segments, with their connections, that are of no frame."""
    for f in frames:
        f.conn = f.segment = None
    keys = (lambda ns, source, flags, size: (ns, source, flags, size), lambda ns, source, flags, size: (ns, source),
            lambda ns, source, flags, size: (source, flags, size))
    left = [(c, s) for c in reading.conns.values() for s in c.segments]
    left.sort(key=lambda cs: cs[1]["n"])
    for key in keys:
        waiting = collections.defaultdict(collections.deque)
        for conn, s in left:
            own, other = (conn.client, conn.server) if s["from"] == "client" else (conn.server, conn.client)
            ns = reading.start_ns + s["t"]
            waiting[other, key(ns, own, tuple(s["flags"]), s["len"])].append((conn, s))
        for f in frames:
            found = waiting.get((f.target, key(f.ns, f.source, f.flags, f.len)))
            if not f.segment and found:
                f.conn, f.segment = found.popleft()
        left = [cs for queue in waiting.values() for cs in queue]
        left.sort(key=lambda cs: cs[1]["n"])
    return left


def numbers(frames):
    shown = " ".join(str(f.number) for f in frames[:MOST_FRAMES])
    return shown + (f" and {len(frames) - MOST_FRAMES} more" if len(frames) > MOST_FRAMES else "")


def compare_frames(report, field, where, theirs, ours):
    """The frames that each says it of."""
    detail = []
    for who, some, others in ("tshark", theirs, set(ours)), ("tcplens", ours, set(theirs)):
        only = [f for f in some if f not in others]
        if only:
            detail.append(f"only {who}: frame {numbers(only)}")
    report.compare(field, where, theirs, ours, "; ".join(detail))


def completeness(segments):
    """tshark's, of the segments of a trace."""
    seen = set()
    for s in segments:
        flags = set(s["flags"])
        seen |= {"RST", "FIN"} & flags
        if "SYN" in flags:
            seen.add("SYN-ACK" if "ACK" in flags else "SYN")
        elif "ACK" in flags and "RST" not in flags and not s["len"]:
            seen.add("ACK")
        if s["len"]:
            seen.add("data")
    return [word for word in COMPLETENESS if word in seen]


def compare_stream(report, where, frames):
    """The frames of a stream, with what the trace has of them."""
    found = [f for f in frames if f.segment]
    missing = [f for f in frames if not f.segment]
    report.compare("segments", where, len(frames), len(found), f"not in the trace: frame {numbers(missing)}")
    differ = [f for f in found if f.flags != tuple(f.segment["flags"])]
    report.compare("flags", where, [], differ, f"frame {numbers(differ)}")
    differ = [f for f in found if f.len != f.segment["len"]]
    report.compare("length", where, [], differ, f"frame {numbers(differ)}")
    notes = {f: set(f.segment.get("notes", [])) for f in found}
    rows = [("again", set(AGAIN), {ANALYSIS[word] for word in AGAIN})]
    rows += [(word, {word}, {note}) for word, note in ANALYSIS.items()]
    for field, words, of_notes in rows:
        compare_frames(report, field, where, [f for f in found if f.words & words],
                       [f for f in found if notes[f] & of_notes])
    if found and is_opened(frames):
        # it overlooks the SYN of a connection that another one announced (FTP)
        truth = [word for i, word in enumerate(COMPLETENESS) if (frames[-1].completeness | SYN_SEEN) >> i & 1]
        report.compare("completeness", where, truth, completeness([f.segment for f in found]))
        rtt = next((f.initial_rtt for f in frames if f.initial_rtt), None)
        if rtt:
            report.compare("initial RTT", where, round(float(rtt) * 1e9), found[0].conn.outcome.get("rtt_ns"))


def is_opened(frames):
    """What tshark says of the whole stream means something only where that begins with a SYN that is answered."""
    return frames[0].flags == ("SYN",) and any(
        f.source == frames[0].target and {"SYN", "ACK"} <= set(f.flags) for f in frames)


def compare_checksums(report, frames, name, path):
    """Read again, as by itself tcplens takes what is wrong in all of a sender's segments for offloading."""
    reading = read_capture(path, "check")
    match(frames, reading)
    for where, of in streams_of(name, frames).items():
        found = [f for f in of if f.segment]
        compare_frames(report, "bad checksum", where, [f for f in found if f.is_bad],
                       [f for f in found if "bad-checksum" in f.segment.get("notes", [])])


def streams_of(name, frames):
    streams = collections.defaultdict(list)
    for f in frames:
        streams[f.stream].append(f)
    return {(name, f"stream {number} {address(of[0].source)}>{address(of[0].target)}"): of
            for number, of in streams.items()}


def address(point):
    return f"{point[0]}:{point[1]}"


def judge_file(name, path):
    reading = read_capture(path)
    frames = tshark(path)
    if reading is None:
        return None
    report = Agreement()
    extra = match(frames, reading)
    for where, of in streams_of(name, frames).items():
        followed = any(f.segment for f in of)
        if not followed and all("RST" in f.flags for f in of):
            continue  # no connection
        report.compare("stream", where, "present", "present" if followed else "absent")
        if len({str(f.conn.tunnel) for f in of if f.segment}) > 1:
            report.explained[name, "*", where[1]] = "tshark-no-tunnel"
        if followed:
            compare_stream(report, where, of)
    for conn in dict.fromkeys(conn for conn, _ in extra):
        records = [str(s["n"]) for c, s in extra if c is conn]
        where = (name, f"#{conn.number} {address(conn.client)}>{address(conn.server)}")
        report.compare("segments", where, 0, len(records), f"not in tshark's streams: record {' '.join(records[:8])}")
    compare_checksums(report, frames, name, path)
    return report


def main():
    options = arguments(__doc__).parse_args()
    if not shutil.which("tshark"):
        sys.exit("no tshark in $PATH; on Debian and Ubuntu: apt-get install --no-install-recommends tshark")
    total, read = Agreement(), 0
    for name, report in judge_each(judge_file, options.paths):
        if report is None:
            print(f"{name}: not read")
            continue
        read += 1
        total.add(report)
    total.print_lines(options.differences)
    total.print_table()
    print(f"{read} captures")
    worst = min((total.percent(field) for field in total.fields), default=0)
    return not total.fields or (options.strict is not None and worst < options.strict)


if __name__ == "__main__":
    sys.exit(main())
