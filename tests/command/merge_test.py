#!/usr/bin/env python3
"""Tests of `tcplens merge`: captures made up at two hosts, of which the truth is known to the nanosecond, and what cannot be merged.

TCPLENS names the program. Needs no right and no network.
"""
import gzip
import json
import os
import random
import struct
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, check, check_equal, checksum, one_line, own_directory, read, read_trace, run_cases, tcplens, write

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MS = 10**6
START = 1_795_000_000 * 10**9
A, B = (bytes([192, 0, 2, n]) for n in (1, 2))
CORPORA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "corpora")


class Segment:
    """As its sender hands it to the network: `to_client` or not, numbers counted from 0."""

    def __init__(self, sent, to_client, flags, seq, ack, size=0, options=b"", value=0):
        self.sent, self.to_client, self.flags, self.seq, self.ack, self.size = sent, to_client, flags, seq, ack, size
        self.options = options or b"\x01\x01\x08\x0a" + struct.pack(">II", 1000 + value, 2000)
        self.received = None  # or when

    def piece(self, offset, size):
        piece = Segment(self.sent, self.to_client, self.flags, self.seq + offset, self.ack, size, self.options)
        piece.received = self.received
        return piece


class Connection:
    """What is said between two hosts, and when it is sent. ISNs are as given, so that the numbers wrap."""

    def __init__(self, port=40000, isn=(0xFFFFF000, 77)):
        self.port, self.isn, self.segments = port, isn, []

    def frame(self, s):
        ports = (7007, self.port) if s.to_client else (self.port, 7007)
        mine, peer = self.isn[s.to_client], self.isn[1 - s.to_client]
        tcp = struct.pack(">HHIIBBHHH", *ports, (mine + s.seq) & 0xFFFFFFFF, (peer + s.ack) & 0xFFFFFFFF if s.flags & ACK else 0,
                          (20 + len(s.options)) // 4 << 4, s.flags, 502, 0, 0) + s.options + bytes(s.size)
        ends = (B, A) if s.to_client else (A, B)
        whole = checksum(ends[0] + ends[1] + struct.pack(">HH", 6, len(tcp)) + tcp)
        tcp = tcp[:16] + struct.pack(">H", whole) + tcp[18:]
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0x4000, 64, 6, 0) + ends[0] + ends[1]
        return bytes(12) + b"\x08\x00" + ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:] + tcp


SYN_OPTIONS = b"\x02\x04\x05\xb4\x01\x03\x03\x07\x04\x02\x08\x0a" + struct.pack(">II", 999, 0)


def talk(forth=10 * MS, back=10 * MS, count=100, noise=0, gap=20 * MS, size=1000, port=40000, begin=START, seed=1, fate=None):
    """A client asks count times, and is answered. fate(index of the segment): whether it is lost."""
    chance = random.Random(seed)
    c = Connection(port)
    t, acked = begin, 1

    def say(at, to_client, flags, seq, ack, length=0, options=b""):
        s = Segment(at, to_client, flags, seq, ack, length, options, len(c.segments))
        if not (fate and fate(len(c.segments))):
            s.received = at + (back if to_client else forth) + int(chance.random() ** 3 * noise)
        c.segments.append(s)
        return s.received or at + (back if to_client else forth)

    t = say(t, 0, SYN, 0, 0, options=SYN_OPTIONS)
    t = say(t + 30_000, 1, SYN | ACK, 0, 1, options=SYN_OPTIONS)
    say(t + 20_000, 0, ACK, 1, 1)
    for i in range(count):
        t += gap
        arrived = say(t, 0, PSH | ACK, 1 + i * size, acked, size)
        t = say(arrived + 50_000, 1, PSH | ACK, 1 + i * size, 1 + (i + 1) * size, size)
        acked = 1 + (i + 1) * size
    t = say(t + 50_000, 0, FIN | ACK, acked, acked)
    t = say(t + 50_000, 1, FIN | ACK, acked, acked + 1)
    say(t + 50_000, 0, ACK, acked + 1, acked + 1)
    return c


def view(name, at_server, *connections, clock=lambda t: t, cut=lambda s: [s], until=None, has=lambda s: True, snaplen=262144):
    """The capture of one host, whose clock shows clock(t) at a time t. cut(segment): what its network card makes of one.
    has(segment): whether it captures that."""
    seen = []
    for c in connections:
        for s in c.segments:
            mine = s.to_client == at_server
            for piece in cut(s) if not mine else [s]:
                at = s.sent if mine else s.received
                if at is not None and has(s):
                    seen.append((at, c.frame(piece)))
    seen.sort(key=lambda one: one[0])
    data = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)
    for at, frame in seen:
        if until is None or at <= until:
            shown = clock(at)
            data += struct.pack("<IIII", shown // 10**9, shown % 10**9, min(len(frame), snaplen), len(frame)) + frame[:snaplen]
    return write(name, data)


def merge(*files, to="merged.ndjson", status=0, quiet=True):
    done = tcplens("merge", *files, "--force", "-o", to, *(["-q"] if quiet else []))
    check_equal(done.status, status, done.stderr)
    return (read_trace(to) if status == 0 else None), done.stderr


def times(trace):
    start = trace.header["start"]
    check(start.endswith("Z"), start)
    return [(r["from"], *r["flags"], r["seq"], r["len"], r.get("sent"), r.get("received")) for r in trace.all("segment")]


def truth(c, origin):
    def since(t):
        return None if t is None else t - origin

    names = ((SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (PSH, "PSH"), (ACK, "ACK"))
    order = ["FIN", "SYN", "RST", "PSH", "ACK"]
    return [("server" if s.to_client else "client", *sorted((n for bit, n in names if s.flags & bit), key=order.index), s.seq,
             s.size, since(s.sent), since(s.received)) for s in c.segments]


def fast(offset_ns, ppm):
    return lambda t: t + offset_ns + round((t - START) * ppm / 1e6)


def check_near(trace, c, most, origin=START):
    """Every segment is there, once, in the order of its sending, and its times are right."""
    found, true = times(trace), truth(c, origin)
    check_equal(sorted(x[:-2] for x in found), sorted(x[:-2] for x in true))
    at = {}
    for x in found:
        at.setdefault(x[:-2], []).append(x[-2:])
    for x in true:
        sent, received = at[x[:-2]].pop(0)
        check_equal((sent is None, received is None), (False, x[-1] is None), str(x))
        check(abs(sent - x[-2]) <= most, f"sent {sent - x[-2]} ns off: {x}")
        if received is not None:
            check(received >= sent and abs(received - x[-1]) <= most, f"received {received - x[-1]} ns off: {x}")


@case
def an_offset_and_a_skew():
    c = talk(noise=2 * MS)
    for offset, ppm in ((137_250_000, 40), (-5 * 10**9, -120), (3600 * 24 * 365 * 10**9, 3)):
        trace, stderr = merge(view("a.pcap", False, c), view("b.pcap", True, c, clock=fast(offset, ppm)))
        check_equal(stderr, "")
        clock = trace.header["merged"][1]
        check_equal(clock["clock"], "line")
        # what the clock is ahead of when the first file begins; doubles hold no year in nanoseconds
        check(abs(clock["offset_ns"] - offset) < 12 * MS * ppm / 1e6 + 3000, clock)
        check(abs(clock["skew_ppb"] - ppm * 1000) < 1000, clock)
        check(9 * MS < clock["band_ns"] < 11 * MS, clock)
        check_near(trace, c, 3000)
        check_equal(trace.one("outcome")["verdict"], "closed-normally")
        check_equal(trace.one("outcome")["bytes"], {"client": 100_000, "server": 100_000})


@case
def in_any_order_and_form():
    c = talk(count=40)
    a, b = view("a.pcap", False, c), view("b.pcap", True, c, clock=fast(20 * MS, 10))
    true, _ = merge(a, b)
    turned, _ = merge(b, a)
    check_equal([x[:-2] for x in times(turned)], [x[:-2] for x in times(true)])
    for name in (a, b):
        check_equal(tcplens("read", "-q", "--force", name, "-o", f"{name}.ndjson").status, 0)
    write("b.pcap.gz", gzip.compress(read(b)))
    write("b.ndjson.gz", gzip.compress(read("b.pcap.ndjson")))
    write("bom.ndjson", b"\xef\xbb\xbf" + read("b.pcap.ndjson").replace(b"\n", b"\r\n"))
    for files in ((a, "b.pcap.gz"), ("a.pcap.ndjson", b), ("a.pcap.ndjson", "b.ndjson.gz"), ("a.pcap.ndjson", "bom.ndjson")):
        found, stderr = merge(*files)
        check_equal((times(found), stderr), (times(true), ""), str(files))


@case
def what_network_cards_make_of_it():
    """One sends large segments that arrive in pieces; the other is handed larger ones than were sent."""
    c = talk(size=9000, count=30)

    def pieces(s):
        return [s.piece(offset, min(1448, s.size - offset)) for offset in range(0, s.size, 1448)] if s.size else [s]

    for options in ({"cut": pieces}, {"cut": pieces, "clock": fast(10**9, 20)}):
        trace, _ = merge(view("a.pcap", False, c), view("b.pcap", True, c, **options))
        check_near(trace, c, 15 * MS if "clock" in options else 2)
        check_equal(trace.all("segment", notes=["lost-on-wire"]), [])
    # joined: the client's small ones come as one
    small = Connection(isn=(5, 9))
    small.segments = talk(count=3).segments[:3]
    joined = Connection(isn=(5, 9))
    joined.segments = list(small.segments)
    for i in range(4):
        s = Segment(START + 50 * MS + i * 1000, 0, ACK, 1 + i * 1448, 1, 1448, value=9)
        s.received = START + 60 * MS + 3000
        small.segments.append(s)
    whole = Segment(START + 50 * MS, 0, ACK, 1, 1, 4 * 1448, value=9)
    whole.received = START + 60 * MS + 3000
    joined.segments.append(whole)
    answer = Segment(START + 60 * MS + 9000, 1, ACK, 1, 1 + 4 * 1448)
    answer.received = START + 70 * MS + 9000
    for one in (small, joined):
        one.segments.append(answer)
    trace, _ = merge(view("a.pcap", False, small), view("b.pcap", True, joined))
    check_near(trace, small, 2)


@case
def lost_segments_and_their_repetitions():
    """Without a word that tells one from the other: which of two alike came is known by time."""
    c = Connection()
    c.segments = [s for s in talk(count=20).segments]
    data = [s for s in c.segments if s.size and not s.to_client]
    lost, again = data[4], data[4].piece(0, data[4].size)
    lost.received = None
    for s in c.segments:  # what is answered is the repetition
        if s.sent > lost.sent:
            s.sent, s.received = s.sent + 5 * MS, s.received + 5 * MS
    again.sent, again.received = lost.sent + 5 * MS, lost.sent + 15 * MS
    twice = data[9].piece(0, data[9].size)  # it came, and was sent again for nothing: that one was lost
    twice.sent, twice.received = data[9].sent + 4 * MS, None
    c.segments += [again, twice]
    c.segments.sort(key=lambda s: s.sent)
    for clock in (lambda t: t, fast(-99 * MS, 55)):
        trace, _ = merge(view("a.pcap", False, c), view("b.pcap", True, c, clock=clock))
        check_near(trace, c, 4000)
        check_equal(len([r for r in trace.all("segment") if "lost-on-wire" in r.get("notes", ())]), 2)


@case
def what_was_not_captured_is_not_lost():
    c = talk(count=30)
    end = c.segments[40].sent
    trace, stderr = merge(view("a.pcap", False, c), view("b.pcap", True, c, until=end))
    check_equal(stderr, "")
    late = [r for r in trace.all("segment") if "received" not in r]
    check(late and all("lost-on-wire" not in r.get("notes", ()) for r in late), late)
    # a trace of some segments alone says nothing of the others
    check_equal(tcplens("read", "-q", "--force", "--segments", "control", view("b.pcap", True, c), "-o", "b.ndjson").status, 0)
    trace, _ = merge("a.pcap", "b.ndjson")
    check_equal([r for r in trace.all("segment") if "lost-on-wire" in r.get("notes", ())], [])
    check_equal(trace.header["merged"][1]["clock"], "constant")


@case
def several_connections_and_hosts():
    """Three hosts in a row, and what only one of them saw; a port that is used again is another connection."""
    both, again = talk(count=20), talk(count=20, begin=START + 300 * 10**9, seed=2)
    again.isn = (123456, 4242)
    alone = talk(count=5, port=50000)
    a, b = view("a.pcap", False, both, again, alone), view("b.pcap", True, both, again, clock=fast(50 * MS, -30))
    trace, _ = merge(a, b)
    check_equal([r["client"]["port"] for r in trace.all("connection")], [40000, 50000, 40000])
    check_equal([r["verdict"] for r in trace.all("outcome")], ["closed-normally"] * 3)
    for conn, seen in ((1, True), (2, False), (3, True)):
        check_equal({"received" in r for r in trace.all("segment", conn=conn)}, {seen}, f"connection {conn}")
    middle = talk(count=20)
    for s in middle.segments:  # half of the way
        if s.to_client:
            s.sent += 5 * MS
        else:
            s.received -= 5 * MS
    third = view("m.pcap", True, middle, clock=fast(7 * 10**9, 4))
    for files in ((a, b, third), (third, a, b), (b, third, a)):
        trace, stderr = merge(*files, quiet=False)
        check("of a host between their ends" in stderr, stderr)
        check_equal(len(trace.all("connection")), 3)
        check_equal(len({r["conn"] for r in trace.all("arrival")}), 2)


@case
def little_is_known_of_little():
    few = talk(count=0)
    trace, stderr = merge(view("a.pcap", False, few), view("b.pcap", True, few, clock=fast(77 * MS, 0)), quiet=False)
    check_equal(trace.header["merged"][1]["clock"], "constant")
    check("± 10.0" in stderr and "77.0" in stderr, stderr)
    # no answer came back
    c = Connection()
    c.segments = few.segments[:2]
    c.segments[1].received = None
    trace, stderr = merge(view("a.pcap", False, c), view("b.pcap", True, c, clock=fast(77 * MS, 0)), quiet=False)
    check_equal(trace.header["merged"][1]["clock"], "one-sided")
    check("one direction alone" in stderr, stderr)
    check_equal(trace.one("outcome")["final"], {"client": "SYN-SENT", "server": "SYN-RECEIVED"})
    check_equal(trace.one("outcome")["verdict"], "handshake-incomplete")


@case
def a_clock_that_was_set():
    c = talk(count=200)
    step = START + 2 * 10**9

    def clock(t):
        return t + (400 * MS if t >= step else 0)

    trace, stderr = merge(view("a.pcap", False, c), view("b.pcap", True, c, clock=clock), quiet=False)
    check_equal(trace.header["merged"][1]["steps"], 1)
    check("was set 1 time meanwhile" in stderr, stderr)
    check_near(trace, c, 30_000)


@case
def a_clock_that_was_set_back():
    """Of either host, or both; by less than the trace is long, and by more."""
    for noise in (0, 2 * MS):
        c = talk(count=200, noise=noise)
        for back in (400 * MS, 3600 * 10**9):

            def clock(t):
                return t - (back if t >= START + 2 * 10**9 else 0)

            for at_client, at_server in ((True, False), (False, True)):
                options = [{"clock": clock} if one else {} for one in (at_client, at_server)]
                trace, stderr = merge(view("a.pcap", False, c, **options[0]), view("b.pcap", True, c, **options[1]), quiet=False)
                check_equal(sum(m.get("steps", 0) for m in trace.header["merged"]), 1)
                check("was set 1 time meanwhile" in stderr, stderr)
                check_near(trace, c, 50_000)  # by the clock that went on


def lost(trace):
    return [r for r in trace.all("segment") if "lost-on-wire" in r.get("notes", ())]


@case
def what_a_capture_misses_is_not_lost():
    """What is acknowledged arrived, in whatever shape, whether it was captured or not."""
    c = talk(count=60)
    missed = [s for s in c.segments if s.size and not s.to_client][10:40:3]
    a, b = view("a.pcap", False, c), view("b.pcap", True, c, has=lambda s: s not in missed)
    trace, stderr = merge(a, b)
    one_line(stderr, f"{len(missed)} segments arrived that the capture at the receiver does not have")
    check_equal((lost(trace), len([r for r in trace.all("segment") if "received" not in r])), ([], len(missed)))
    check_equal(trace.one("outcome")["verdict"], "closed-normally")
    # and what of that was lost all the same: sent again before it was acknowledged
    again, gone = talk(count=60), None
    data = [s for s in again.segments if s.size and not s.to_client]
    gone, copy = data[50], data[50].piece(0, data[50].size)
    gone.received = None
    for s in again.segments:
        if s.sent > gone.sent:
            s.sent, s.received = s.sent + 30 * MS, s.received + 30 * MS
    copy.sent, copy.received = gone.sent + 30 * MS, gone.sent + 40 * MS
    copy.options = b"\x01\x01\x08\x0a" + struct.pack(">II", 5000, 2000)
    again.segments.append(copy)
    again.segments.sort(key=lambda s: s.sent)
    absent = data[10:40:3]
    trace, _ = merge(view("a.pcap", False, again), view("b.pcap", True, again, has=lambda s: s not in absent))
    check_equal([(r["seq"], r["from"]) for r in lost(trace)], [(gone.seq, "client")])


@case
def captures_of_one_direction():
    c = talk(count=30, noise=MS)

    def forth(s):
        return not s.to_client

    def back(s):
        return s.to_client

    for first, second, kind in (({}, {"has": forth}, "one-sided"), ({}, {"has": back}, "one-sided"), ({"has": forth}, {}, "one-sided"),
                                ({"has": back}, {}, "one-sided"), ({"has": forth}, {"has": forth}, "one-sided")):
        trace, _ = merge(view("a.pcap", False, c, **first), view("b.pcap", True, c, **second))
        check_equal(lost(trace), [], f"{first} {second}")
        check_equal(trace.header["merged"][1]["clock"], kind)
        check_equal(len([r for r in trace.all("segment") if "received" in r and "sent" in r]), len([s for s in c.segments if all(
            one.get("has", lambda s: True)(s) for one in (first, second))]))
        check_equal(trace.one("outcome")["verdict"] if first != second else "closed-normally", "closed-normally")
        for name in "a.pcap", "b.pcap":
            check_equal(tcplens("read", "-q", "--force", name, "-o", f"{name}.ndjson").status, 0)
        check_equal(lost(merge("a.pcap.ndjson", "b.pcap.ndjson")[0]), [])


@case
def short_captures():
    """54 bytes are a header without options, 60 one with half of them."""
    c = talk(count=30)
    for snaplen in (54, 60, 66, 128):
        for options in ({}, {"snaplen": snaplen}):
            a, b = view("a.pcap", False, c, **options), view("b.pcap", True, c, snaplen=snaplen, clock=fast(33 * MS, 10))
            trace, _ = merge(a, b)
            check_equal((lost(trace), {"received" in r and "sent" in r for r in trace.all("segment")}), ([], {True}), str(snaplen))
            check_near(trace, c, 5000)


def between(c, part):
    """What is seen on the way, at that part of it from the client to the server."""
    seen = Connection(c.port, c.isn)
    for s in c.segments:
        one = s.piece(0, s.size)
        one.received = None if s.received is None else int(s.sent + (s.received - s.sent) * ((1 - part) if s.to_client else part))
        one.sent, one.to_client = one.received, s.to_client
        if one.sent is not None:
            seen.segments.append(one)
    return seen


@case
def any_two_of_several_files():
    """Client, two hosts between, server: each connection is in some of the files. None of it vanishes, and all clocks are known."""
    names = ("a", "m", "n", "b")
    parts = dict(zip(names, (0, 0.3, 0.6, 1)))
    clocks = dict(zip(names, (fast(0, 0), fast(5 * 10**9, 3), fast(-7 * 10**9, -20), fast(90 * MS, 40))))
    where = ("ab", "am", "mb", "an", "nb", "amnb", "mn", "m", "b")
    talks = []
    for i, _ in enumerate(where):
        c = talk(count=20, port=40000 + i, begin=START + i * 3 * MS, seed=i)
        c.isn = (1000 * i + 5, 70000 * i + 9)
        talks.append(c)
    files = {}
    for name in names:
        mine = [c if parts[name] in (0, 1) else between(c, parts[name]) for c, seen in zip(talks, where) if name in seen]
        files[name] = view(f"{name}.pcap", parts[name] == 1, *mine, clock=clocks[name])
    for order in ("amnb", "bnma", "nabm"):
        trace, stderr = merge(*(files[name] for name in order))
        check_equal(sorted(r["client"]["port"] for r in trace.all("connection")), [c.port for c in talks], order)
        check("unknown" not in {m["clock"] for m in trace.header["merged"]}, trace.header["merged"])
        check_equal(lost(trace), [])
        one_line(stderr, "2 accounts of connections left out: of a host between their ends")
        for r in trace.all("connection"):
            seen = where[r["client"]["port"] - 40000]
            own = trace.all("segment", conn=r["conn"])
            check_equal({"sent" in s and "received" in s for s in own}, {len(seen) > 1}, f"{seen} of {order}")
            if len(seen) > 1:
                took = (parts[seen[-1]] - parts[seen[0]]) * 10 * MS  # the ends are those that are the farthest apart
                check(all(abs(s["received"] - s["sent"] - took) < 20_000 for s in own), f"{seen} of {order}: {own[0]}")


@case
def two_files_of_one_end():
    c = talk(count=30)
    few = set(c.segments[:20])
    a, b = view("a.pcap", False, c), view("b.pcap", True, c, clock=fast(20 * MS, 10))
    coarse = view("coarse.pcap", False, c, clock=lambda t: t // 1000 * 1000)
    poor = view("poor.pcap", False, c, has=lambda s: s in few)
    for other in (coarse, poor):
        for files in ((a, other, b), (other, a, b), (b, other, a)):
            trace, stderr = merge(*files)
            one_line(stderr, "1 account of connections left out: of an end of which there is another one", "a.pcap", other)
            check_equal((len(trace.all("connection")), lost(trace), len(trace.all("segment"))), (1, [], len(c.segments)), str(files))
            check_equal({"received" in r and "sent" in r for r in trace.all("segment")}, {True})
        refused(a, other, says=[f"{other} shows the same as a.pcap", "at the same place"])


@case
def without_the_syn():
    """One began to capture later: it is the same connection, in a capture, which has the numbers as sent, and in a trace."""
    c = talk(count=40)
    late = set(c.segments[30:])
    a, b = view("a.pcap", False, c), view("b.pcap", True, c, has=lambda s: s in late, clock=fast(20 * MS, 10))
    later = view("later.pcap", False, c, has=lambda s: s in late)
    whole = view("whole.pcap", True, c)
    for name in (a, b, later):
        check_equal(tcplens("read", "-q", "--force", name, "-o", f"{name}.ndjson").status, 0)
    for files in ((a, b), (b, a), (a, "b.pcap.ndjson"), ("a.pcap.ndjson", b), ("a.pcap.ndjson", "b.pcap.ndjson"), (later, b),
                  (b, "later.pcap.ndjson"), (later, whole), (whole, "later.pcap.ndjson"), ("later.pcap.ndjson", "b.pcap.ndjson")):
        trace, stderr = merge(*files)
        check_equal((stderr, len(trace.all("connection")), lost(trace)), ("", 1, []), str(files))
        both = [r for r in trace.all("segment") if "received" in r and "sent" in r]
        check_equal(len(both), len(late), str(files))
        took = {r["received"] - r["sent"] for r in both}
        check(max(took) - min(took) < 20_000, f"{files}: {took}")
        if set(files) & {a, "a.pcap.ndjson", whole}:  # which has the SYN, and knows
            check_equal(trace.one("connection")["server"]["port"], 7007)
            check("before_trace" not in trace.one("connection"), trace.one("connection"))


@case
def a_filter_acts_on_all_files():
    wanted, other = talk(count=10), talk(count=10, port=41000)
    other.isn = (9, 10)
    a, b = view("a.pcap", False, wanted, other), view("b.pcap", True, wanted, other)
    for name in (a, b):
        check_equal(tcplens("read", "-q", "--force", name, "-o", f"{name}.ndjson").status, 0)
    for files in ((a, b), ("a.pcap.ndjson", b), ("a.pcap.ndjson", "b.pcap.ndjson")):
        for options in (["--filter", "port 41000"], ["--port", "41000"], ["--filter", "tcp and not port 40000"]):
            trace, _ = merge(*files, *options)
            check_equal([r["client"]["port"] for r in trace.all("connection")], [41000], f"{files} {options}")
            check(trace.header["filter"], "it says so")
    done = tcplens("merge", a, b, "--filter", "tcp[13] & 2 != 0")
    check_equal(done.status, 2)
    one_line(done.stderr, "merge")
    refused(a, b, "--port", "5", says=["b.pcap has no connections"], before=["no TCP connection in it that the filter lets through"] * 2)


def refused(*files, says, before=()):
    done = tcplens("merge", *files, "-q", "--force", "-o", "out.ndjson")
    check_equal(done.status, 1, done.stderr)
    lines = done.stderr.splitlines(keepends=True)
    for line in lines:
        one_line(line)
    one_line(lines[-1], *says)
    check_equal(len(lines), 1 + len(before), done.stderr)
    for line, part in zip(lines, before):
        one_line(line, part)


@case
def what_cannot_be_merged():
    c, other = talk(count=5), talk(count=5, port=41000)
    other.isn = (9, 10)
    a, b = view("a.pcap", False, c), view("b.pcap", True, c)
    stranger = view("c.pcap", True, other)
    write("empty", b"")
    write("junk", b"What is this?\n" * 100)
    write("copy.pcap", read(a))
    refused(a, a, says=["a.pcap and a.pcap are the same file"])
    os.link(a, "link.pcap")
    refused(a, "link.pcap", says=["are the same file"])
    refused(a, "copy.pcap", says=["copy.pcap shows the same as a.pcap", "at the two ends"])
    refused(a, stranger, says=["c.pcap has no connection in common", "initial sequence numbers"])
    refused(a, b, stranger, says=["c.pcap has no connection in common"])
    refused(a, os.path.join(CORPORA, "zeek-wikipedia.pcap"), says=["no connection in common"], before=["besides TCP"])
    refused(a, "empty", says=["empty is empty"])
    refused("junk", a, says=["junk is no tcplens trace", "and no capture file"])
    refused(a, "nowhere", says=["cannot read nowhere", "No such file"])
    refused(a, ".", says=["cannot read .", "directory"])
    refused(a, "-", says=["standard input is no file", "read twice"])
    merge(a, b)
    refused("merged.ndjson", a, says=["merged.ndjson is merged already"])
    size = os.path.getsize(a)
    done = tcplens("merge", a, b, "--force", "-o", a)
    check_equal((done.status, os.path.getsize(a)), (1, size))
    one_line(done.stderr, "one of the files that are merged")
    done = tcplens("merge", a, b, "-q", "-o", "merged.ndjson")
    check_equal(done.status, 1)
    one_line(done.stderr, "merged.ndjson is there already", "--force")
    # what is nearest to a connection in common
    behind = talk(count=5, port=41000)
    refused(a, view("d.pcap", True, behind), says=["d.pcap has 192.0.2.1:41000", "the same connection as 192.0.2.1:40000", "NAT"])
    later = talk(count=5)
    later.isn = (1, 2)
    refused(a, view("d.pcap", True, later), says=["a connection 192.0.2.1:40000 > 192.0.2.2:7007", "other sequence numbers"])
    one_way, other_way = view("d.pcap", False, c, has=lambda s: not s.to_client), view("e.pcap", True, c, has=lambda s: s.to_client)
    refused(one_way, other_way, says=["no segment of it in common", "what the server sends alone", "what the client sends alone"])
    # no segments in it
    check_equal(tcplens("read", "-q", "--force", "--segments", "none", b, "-o", "none.ndjson").status, 0)
    refused(a, "none.ndjson", says=["none.ndjson has no segments"])


@case
def usage():
    a = view("a.pcap", False, talk(count=1))
    for files, says in (((), "which files?"), ((a,), "and what else?"), ((a,) * 17, "more than the 16")):
        done = tcplens("merge", *files)
        check_equal(done.status, 2)
        one_line(done.stderr, says, "tcplens merge --help")
    done = tcplens("merge", a, write("b.pcap", read(a)), "-w", "packets.pcapng", "-q")
    check_equal(done.status, 2)
    one_line(done.stderr, "-w", "it has no packets to write")
    check("--write" not in tcplens("merge", "--help").stdout.decode(), "its help")
    one_line(tcplens("mrge", a, a).stderr, "did you mean 'merge'")
    check("sent and when it was received" in tcplens("merge", "--help").stdout.decode(), "its help")


@case
def damage_is_told_and_the_rest_merged():
    c = talk(count=40)
    a, b = view("a.pcap", False, c), view("b.pcap", True, c)
    for name in (a, b):
        check_equal(tcplens("read", "-q", "--force", name, "-o", f"{name}.ndjson").status, 0)
    lines = read("b.pcap.ndjson").splitlines(keepends=True)
    whole = len(merge("a.pcap.ndjson", "b.pcap.ndjson")[0].all("segment"))
    state = next(i for i, line in enumerate(lines) if b'"state"' in line)
    segment = next(i for i, line in enumerate(lines) if b'"segment"' in line and i > 40)
    damaged = list(lines)
    damaged[state] = damaged[state][:-3] + b"}}\n"
    damaged[segment] = b"{" + damaged[segment][5:]
    write("damaged.ndjson", b"".join(damaged))
    _, stderr = merge("a.pcap.ndjson", "damaged.ndjson", status=1)
    one_line(stderr, f"2 damaged lines are passed over, the first is line {min(state, segment) + 1}")
    check_equal(len(read_trace("merged.ndjson").all("segment")), whole)
    write("cut.ndjson", b"".join(lines[:60])[:-20])
    write("cut.gz", gzip.compress(b"".join(lines))[:-400])
    write("cut.pcap", read(b)[:-700])
    for names, words in ((("a.pcap.ndjson", "cut.ndjson"), ("cut.ndjson is cut", "end record")),
                         (("a.pcap.ndjson", "cut.gz"), ("cut.gz is cut", "gzip")),
                         ((a, "cut.pcap"), ("breaks off", "what came before is merged"))):
        _, stderr = merge(*names, status=1)
        one_line(stderr, *words)
        check(read_trace("merged.ndjson").all("segment"), "what there is is merged:", names)
    # fields of a later version, and kinds
    write("later.ndjson", b"".join(lines[:3]) + b'{"record":"wonder","n":3,"t":5}\n' + b"".join(lines[3:]))
    check_equal(merge("a.pcap.ndjson", "later.ndjson")[1], "")
    # numbers of listeners are names, and no sizes
    queue = b'{"record":"queue","n":%d,"t":6,"listener":%d,"syn":0,"accept":0,"limit":17,"drops":0,"why":"syn"}\n'
    more = [queue % (3 + i, number) for i, number in enumerate((2**32 - 1, 5, 2**31, 5))]
    write("listeners.ndjson", b"".join(lines[:3] + more + lines[3:]))
    done = tcplens("merge", "a.pcap.ndjson", "listeners.ndjson", "-q", "--force", "-o", "x")
    check_equal((done.status, done.stderr), (0, ""))
    told = [json.loads(line) for line in read("x").splitlines() if b'"queue"' in line]
    check_equal([r["listener"] for r in told if r["record"] == "queue"], [1, 2, 3, 2])
    hostile = [json.loads(line) for line in lines]
    for record in hostile:
        for key in ("seq", "ack", "len", "t", "conn", "n"):
            if record["record"] == "segment" and key in record and random.Random(record["n"]).random() < 0.2:
                record[key] = random.Random(record["n"]).choice([0, 1, 2**31, 2**32 - 1, 2**52])
    write("hostile.ndjson", "".join(json.dumps(r, separators=(",", ":")) + "\n" for r in hostile))
    check(tcplens("merge", "a.pcap.ndjson", "hostile.ndjson", "-q", "--force", "-o", "x").status in (0, 1), "it broke down")


if __name__ == "__main__":
    sys.exit(run_cases(sys.argv[1:], around=own_directory))
