"""Small captures, one for each thing a connection can do. A case is a list of segments:

    C(flags, seq, ack, len, **more)   from the client        S(...)   from the server

seq and ack are relative to the two initial sequence numbers, as RFC 9293's examples have them. More: win, t (seconds
since the segment before; 1 ms if not said), opts (bytes), bad=True (wrong checksum), isn (moves this direction's
initial number, for a new use of the same ports), port.
"""
import collections
import struct

Segment = collections.namedtuple("Segment", "side flags seq ack len more")
FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16}
ISN = {"C": 1000, "S": 5000000}
ADDR = {"C": b"\xc0\x00\x02\x01", "S": b"\xc0\x00\x02\x02"}
PORT = {"C": 40000, "S": 80}
WSCALE7 = b"\x03\x03\x07\x00"


def C(flags, seq, ack=0, length=0, **more):
    return Segment("C", flags, seq, ack, length, more)


def S(flags, seq, ack=0, length=0, **more):
    return Segment("S", flags, seq, ack, length, more)


OPEN = [C("S", 0), S("SA", 0, 1), C("A", 1, 1)]
CLOSE = [C("FA", 1, 1), S("A", 1, 2), S("FA", 1, 2), C("A", 2, 2)]


def checksum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(s, isn):
    peer = "S" if s.side == "C" else "C"
    port = dict(PORT, C=s.more.get("port", PORT["C"]))
    flags = sum(FLAGS[f] for f in s.flags)
    opts = s.more.get("opts", b"")
    tcp = struct.pack("!HHIIHHHH", port[s.side], port[peer], (isn[s.side] + s.seq) % 2**32,
                      (isn[peer] + s.ack) % 2**32 if "A" in s.flags else 0, (20 + len(opts)) // 4 << 12 | flags,
                      s.more.get("win", 8192), 0, 0) + opts + b"x" * s.len
    pseudo = ADDR[s.side] + ADDR[peer] + struct.pack("!HH", 6, len(tcp))
    total = checksum(pseudo + tcp) ^ (0x5555 if s.more.get("bad") else 0)
    tcp = tcp[:16] + struct.pack("!H", total) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0) + ADDR[s.side] + ADDR[peer]
    return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + tcp


def capture(segments, isn=None):
    """pcap with nanoseconds, link type RAW."""
    isn = dict(isn or ISN)
    out = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 101)]
    now = 1700000000 * 10**9
    for s in segments:
        now += round(s.more.get("t", 0.001) * 1e9)
        if "isn" in s.more:
            isn[s.side] = (isn[s.side] + s.more["isn"]) % 2**32
        data = packet(s, isn)
        out.append(struct.pack("<IIII", now // 10**9, now % 10**9, len(data), len(data)) + data)
    return b"".join(out)


CASES = {
    "normal-client-closes": OPEN + [C("PA", 1, 1, 10), S("A", 1, 11), C("FA", 11, 1), S("A", 1, 12), S("FA", 1, 12),
                                    C("A", 12, 2), C("S", 0, t=70, port=1)],
    "normal-server-closes": OPEN + [S("FA", 1, 1), C("A", 1, 2), C("FA", 1, 2), S("A", 2, 2)],
    "three-segment-close": OPEN + [C("FA", 1, 1), S("FA", 1, 2), C("A", 2, 2)],
    "simultaneous-open": [C("S", 0), S("S", 0), S("SA", 0, 1), C("SA", 0, 1), C("PA", 1, 1, 5), S("A", 1, 6)],
    "simultaneous-close": OPEN + [C("FA", 1, 1), S("FA", 1, 1), C("A", 2, 2), S("A", 2, 2)],
    "half-close-with-data": OPEN + [C("FA", 1, 1), S("A", 1, 2), S("PA", 1, 2, 300), C("A", 2, 301), S("FA", 301, 2),
                                    C("A", 2, 302)],
    "refused": [C("S", 0), S("RA", 0, 1)],
    "blind-reset-in-syn-sent": [C("S", 0), S("R", 0), S("RA", 0, 77), S("SA", 0, 1), C("A", 1, 1)],
    "reset-syn-received": [C("S", 0), S("SA", 0, 1), C("R", 1)],
    "reset-established": OPEN + [S("R", 1)],
    "reset-fin-wait-1": OPEN + [C("FA", 1, 1), S("R", 1)],
    "reset-fin-wait-2": OPEN + [C("FA", 1, 1), S("A", 1, 2), S("R", 1)],
    "reset-close-wait": OPEN + [S("FA", 1, 1), C("A", 1, 2), S("R", 2)],
    "reset-closing": OPEN + [C("FA", 1, 1), S("FA", 1, 1), S("R", 2)],
    "reset-last-ack": OPEN + [S("FA", 1, 1), C("A", 1, 2), C("FA", 1, 2), S("R", 2)],
    "reset-in-window-is-challenged": OPEN + [S("R", 500), C("A", 1, 1), S("R", 1)],
    "reset-outside-window": OPEN + [S("R", 90000), C("PA", 1, 1, 5), S("A", 1, 6)],
    "time-wait-assassination": OPEN + CLOSE + [S("R", 2)],
    "syn-retransmission": [C("S", 0), C("S", 0, t=1), C("S", 0, t=2), S("SA", 0, 1), C("A", 1, 1)],
    "syn-ack-retransmission": [C("S", 0), S("SA", 0, 1), S("SA", 0, 1, t=1), C("A", 1, 1)],
    "no-answer": [C("S", 0), C("S", 0, t=1), C("S", 0, t=2)],
    "split-handshake": [C("S", 0), S("A", 77, 1), S("S", 0), C("SA", 0, 1), S("A", 1, 1)],
    "syn-ack-before-syn": [S("SA", 0, 1), C("S", 0, t=0.00001), C("A", 1, 1), C("PA", 1, 1, 5)],
    "fast-open": [C("S", 0, 0, 20, opts=b"\x22\x0aABCDEFGH\x01\x01"), S("SA", 0, 21), S("PA", 1, 21, 30), C("A", 21, 1),
                  C("A", 21, 31)],
    "fast-open-data-not-taken": [C("S", 0, 0, 20, opts=b"\x22\x0aABCDEFGH\x01\x01"), S("SA", 0, 1), C("PA", 1, 1, 20),
                                 S("A", 1, 21)],
    "data-on-fin": OPEN + [C("FPA", 1, 1, 50), S("A", 1, 52), S("FPA", 1, 52, 20), C("A", 52, 22)],
    "keep-alive": OPEN + [C("PA", 1, 1, 5), S("A", 1, 6), C("A", 5, 1, t=60), S("A", 1, 6), C("A", 5, 1, 1, t=60),
                          S("A", 1, 6)],
    "zero-window": OPEN + [C("PA", 1, 1, 100), S("A", 1, 101, win=0), C("A", 101, 1, 1, t=1), S("A", 1, 101, win=0),
                           S("A", 1, 101, t=1), C("PA", 101, 1, 10), S("A", 1, 111)],
    "window-full": [C("S", 0), S("SA", 0, 1, win=100), C("A", 1, 1), C("PA", 1, 1, 100), S("A", 1, 101, win=50)],
    "window-scale": [C("S", 0, opts=WSCALE7), S("SA", 0, 1, opts=WSCALE7), C("A", 1, 1, win=10), S("A", 1, 1, win=20)],
    "window-scale-one-side": [C("S", 0, opts=WSCALE7), S("SA", 0, 1), C("A", 1, 1, win=10)],
    "port-reuse-after-time-wait": OPEN + CLOSE + [C("S", 0, t=1, isn=100000), S("SA", 0, 1, isn=100000), C("A", 1, 1)],
    "port-reuse-while-established": OPEN + [C("S", 0, isn=100000), S("A", 1, 1 - 100000), C("R", 1 - 100000),
                                            C("S", 0), S("SA", 0, 1, isn=7777), C("A", 1, 1)],
    "fin-retransmission": OPEN + [C("FA", 1, 1), C("FA", 1, 1, t=0.3), C("FA", 1, 1, t=0.6), S("FA", 1, 2),
                                  C("A", 2, 2), S("FA", 1, 2, t=0.3), C("A", 2, 2)],
    "fin-without-ack": OPEN + [C("F", 1), S("PA", 1, 1, 5), C("A", 1, 6)],
    "fin-without-ack-in-syn-sent": [C("S", 0), C("F", 0), S("SA", 0, 1), C("FA", 0, 1), S("A", 1, 1),
                                    C("FA", 1, 1), S("FA", 1, 2), C("A", 2, 2)],
    "data-without-ack": OPEN + [C("P", 1, 0, 10), S("A", 1, 1), C("PA", 1, 1, 10), S("A", 1, 11)],
    "fin-out-of-order": OPEN + [C("FPA", 51, 1, 50), C("PA", 1, 1, 50, t=0.0001), S("A", 1, 102)],
    "fin-behind-lost-data": OPEN + [C("FA", 101, 1), S("A", 1, 102), S("FA", 1, 102), C("A", 102, 2)],
    "retransmission": OPEN + [C("PA", 1, 1, 10), C("PA", 1, 1, 10, t=0.3), S("A", 1, 11), C("PA", 1, 1, 10, t=0.3)],
    "fast-retransmission": OPEN + [C("PA", 1, 1, 10), C("PA", 21, 1, 10), S("A", 1, 11), S("A", 1, 11), S("A", 1, 11),
                                   C("PA", 11, 1, 10, t=0.005), S("A", 1, 31)],
    "sequence-wrap": OPEN + [C("PA", 1, 1, 600), S("A", 1, 601), C("PA", 601, 1, 600), S("A", 1, 1201),
                             C("FA", 1201, 1), S("FA", 1, 1202), C("A", 1202, 2)],
    "only-the-client": [C("S", 0), C("A", 1, 1), C("PA", 1, 1, 10), C("A", 11, 501), C("FA", 11, 501), C("A", 12, 502)],
    "only-the-server": [S("SA", 0, 1), S("A", 1, 11), S("PA", 1, 11, 500), S("FA", 501, 12), S("A", 502, 12)],
    "syn-ack-missed": [C("S", 0), C("A", 1, 1), S("A", 1, 1), C("PA", 1, 1, 5), S("A", 1, 6)],
    "midstream": [C("PA", 501, 301, 10), S("A", 301, 511), C("FA", 511, 301), S("FA", 301, 512), C("A", 512, 302)],
    "midstream-fin-to-unknown": [C("FA", 501, 301), S("A", 301, 502), S("PA", 301, 502, 7), S("FA", 308, 502),
                                 C("A", 502, 309)],
    "midstream-fin-answers-fin": [C("FA", 501, 301), S("FA", 301, 502), C("A", 502, 302)],
    "midstream-fins-cross": [C("PA", 401, 301, 100), C("FA", 501, 301), S("FA", 301, 501), C("A", 502, 302),
                             S("A", 302, 502)],
    "midstream-reset": [C("PA", 501, 301, 10), S("R", 301)],
    "lone-reset": [S("R", 1), C("S", 0, t=1, port=2)],
    "bad-checksum": OPEN + [C("FA", 1, 1, bad=True), C("PA", 1, 1, 10), S("A", 1, 11)],
    "syn-flood-cookie": [C("S", 0, port=p) for p in range(1025, 1035)] + [S("SA", 0, 1), C("A", 1, 1)],
    "data-after-both-fins": OPEN + CLOSE + [S("FA", 1, 2, t=1), C("A", 2, 2)],
    "handshake-ack-lost": [C("S", 0), S("SA", 0, 1), C("PA", 1, 1, 10), S("A", 1, 11)],
    "handshake-never-completes": [C("S", 0), S("SA", 0, 1), S("SA", 0, 1, t=1), S("SA", 0, 1, t=2)],
}
ISNS = {"sequence-wrap": {"C": 2**32 - 500, "S": 2**32 - 1}}
