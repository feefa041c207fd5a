#!/usr/bin/env python3
"""Judges the note `acked-unseen` from the segments of a trace alone, byte by byte, in unbounded memory.

acked_unseen.py [--strict PERCENT] [--differences N] CAPTURE|TRACE.ndjson|FOLDER...

An ACK acknowledges what was not seen where, of the sequence numbers that it newly acknowledges (beyond the highest
ACK of its sender before), at least one was not captured before it. SYN and FIN have a number each; what is damaged or
cut was captured. What is new to the first ACK of an end is counted from the first number captured of its peer; where
something is missing there and that was no SYN, or nothing was captured of the peer, it cannot be told how much is
new, and neither answer is judged.

What was never sent is not unseen: an ACK of it is dropped (RFC 9293, 3.10.7.4), acknowledges nothing, and is to be noted
`unacceptable`. Nobody sends beyond the window that he was offered (3.8.6), so that it shows: it is beyond what was captured
of the peer, and beyond the highest ACK of its sender and the larger of the windows that this announced last, with it and
before it. Where no SYN told of the scale of windows, it is taken to be the largest there is (RFC 7323, 2.3).

Prints the share of notes that are false (nothing is unseen) and of unseen data that was missed (there is no note).
With --strict, exit status 1 where a smaller share of notes is right, or of unseen data is noted.
"""
import bisect
import collections
import sys

from folder import arguments, judge_each
from lib.judges import Reading, read_capture

NOTE, NEVER = "acked-unseen", "unacceptable"
SCALE_MOST = 14

# What a miss may come from: a note that stands in its place, or that nothing was captured of the other end before.
PARTS = (NEVER, "bad-checksum", "earlier-connection")
ONE_SIDED = "one side captured"


class Ranges:
    """Disjoint ranges of numbers, in order; what touches is one."""

    def __init__(self):
        self.begins, self.ends = [], []

    def add(self, begin, end):
        if begin >= end:
            return
        first = bisect.bisect_left(self.ends, begin)
        last = bisect.bisect_right(self.begins, end)
        if first < last:
            begin, end = min(begin, self.begins[first]), max(end, self.ends[last - 1])
        self.begins[first:last], self.ends[first:last] = [begin], [end]

    def cover(self, begin, end):
        i = bisect.bisect_right(self.begins, begin) - 1
        return begin >= end or (i >= 0 and self.ends[i] >= end)


class Side:
    """What was captured of an end, in numbers that do not wrap, and how far its peer acknowledged it."""

    def __init__(self, base=None):
        self.base = base  # what the trace counts from, where a SYN told it
        self.captured = Ranges()
        self.lowest = None  # the first number captured
        self.begins_with_syn = False
        self.acked = None
        self.near = 0
        self.window = 0  # that its owner offered last, not that of its peer

    def unwrap(self, number):
        """The trace does not wrap; but the judge is not to depend on that."""
        self.near += (number - self.near + 2**31) % 2**32 - 2**31
        return self.near

    def takes(self, segment):
        """A SYN that counts from another number: nothing known of its sender is of use any more."""
        base = (segment["seq_abs"] - segment["seq"]) % 2**32
        if self.base is None and segment["seq"] != 0:
            self.base = base  # a stray one, among what has no SYN
        return self.base == base or (self.base is None and self.lowest is None)

    def capture(self, segment):
        begin = self.unwrap(segment["seq"])
        length = segment["len"] + ("SYN" in segment["flags"]) + ("FIN" in segment["flags"])
        self.captured.add(begin, begin + length)
        if self.lowest is None:
            self.lowest, self.begins_with_syn = begin, "SYN" in segment["flags"]

    def was_offered(self, number, window):
        """It may have been sent: its peer, who acknowledges it, had offered such a window."""
        if self.lowest is None or (self.acked is None and not self.begins_with_syn):
            return True
        near = self.near
        ack, self.near = self.unwrap(number), near
        return ack <= max(self.captured.ends[-1] if self.captured.ends else self.lowest,
                          (self.lowest if self.acked is None else self.acked) + window)

    def acknowledge(self, number):
        """Does it acknowledge what was not captured? None: it cannot be told."""
        ack = self.unwrap(number)
        if self.acked is None:
            self.acked = ack
            if self.lowest is None:
                return None
            unseen = not self.captured.cover(self.lowest, ack)
            return None if unseen and not self.begins_with_syn else unseen
        unseen = not self.captured.cover(self.acked, ack)
        self.acked = max(self.acked, ack)
        return unseen


def window_of(segment, own, peer):
    """What it offers at the most."""
    scaled = "SYN" in segment["flags"] or (own.begins_with_syn and peer.begins_with_syn)
    return segment["win"] << (0 if scaled else SCALE_MOST)


def judge(segments):
    """(segment, unseen, never sent, whether anything of the other end was captured before) of each ACK."""
    sides = {"client": Side(), "server": Side()}
    for segment in segments:
        sender = segment["from"]
        own, peer = sides[sender], sides["server" if sender == "client" else "client"]
        if "SYN" in segment["flags"] and not own.takes(segment):
            own = sides[sender] = Side()
        if "SYN" in segment["flags"]:
            own.base = (segment["seq_abs"] - segment["seq"]) % 2**32
        window = window_of(segment, own, peer)
        if "ACK" in segment["flags"]:
            never = not peer.was_offered(segment["ack"], max(window, own.window))
            yield segment, False if never else peer.acknowledge(segment["ack"]), never, peer.lowest is not None
        own.window = window
        own.capture(segment)


def read(path):
    if path.endswith(".ndjson"):
        with open(path, encoding="utf-8") as lines:
            return Reading(lines)
    return read_capture(path)


def describe(name, conn, segment, what):
    return (f"{name} #{conn.number}, record {segment['n']}: {segment['from']} {','.join(segment['flags'])} "
            f"seq {segment['seq']} ack {segment['ack']}: {what}")


def judge_file(name, path):
    """Counts, and the differences as (kind, text); None: not read."""
    reading = read(path)
    if reading is None:
        return None
    counts, lines = collections.Counter(), []
    for conn in reading.conns.values():
        for segment, unseen, never, two_sided in judge(conn.segments):
            notes = segment.get("notes", [])
            noted = NOTE in notes
            counts["acks"] += 1
            counts["never"] += never
            if never and NEVER not in notes:
                counts["taken"] += 1
                lines.append((NEVER, describe(name, conn, segment, "acknowledges what was never sent, and is taken")))
            if unseen is None:
                counts["undecided"] += 1
                counts["undecided, noted"] += noted
                continue
            counts["noted"] += noted
            counts["unseen"] += unseen
            if noted == unseen:
                continue
            kind = "false" if noted else "missed"
            counts[kind] += 1
            part = next((p for p in PARTS if p in notes), None) if two_sided else ONE_SIDED
            if not noted and part:
                kind = f"missed ({part})"
                counts[kind] += 1
            lines.append((kind, describe(name, conn, segment, kind)))
    return counts, lines


def percent(part, whole):
    return 100 * part / whole if whole else 0.0


def main():
    options = arguments(__doc__).parse_args()
    counts, shown = collections.Counter(), collections.Counter()
    for name, answer in judge_each(judge_file, options.paths):
        if answer is None:
            print(f"{name}: not read")
            continue
        counts["captures"] += 1
        counts.update(answer[0])
        for kind, line in answer[1]:
            shown[kind] += 1
            if shown[kind] <= options.differences:
                print(line)
    false_percent = percent(counts["false"], counts["noted"])
    missed_percent = percent(counts["missed"], counts["unseen"])
    print(f"\n{counts['captures']} captures, {counts['acks']} ACKs, of which {counts['undecided']} cannot be judged "
          f"({counts['undecided, noted']} of them noted)")
    print(f"{NOTE}: noted {counts['noted']}, false {counts['false']} ({false_percent:.2f} % of the notes)")
    print(f"{NOTE}: unseen {counts['unseen']}, missed {counts['missed']} ({missed_percent:.2f} % of what is unseen)")
    for part in (ONE_SIDED, *PARTS):
        if counts[f"missed ({part})"]:
            print(f"    of these, {part}: {counts[f'missed ({part})']}")
    print(f"{NEVER}: {counts['never']} acknowledge what was never sent, of these taken {counts['taken']}")
    wrong = max(false_percent, missed_percent, percent(counts["taken"], counts["never"]))
    return not counts["acks"] or (options.strict is not None and 100 - wrong < options.strict)


if __name__ == "__main__":
    sys.exit(main())
