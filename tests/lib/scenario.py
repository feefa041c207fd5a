"""The scenarios (tests/scenarios/NAME.txt, their format is in README.md there): their captures, and what they expect."""
import collections
import pathlib
import re
import struct

from .packets import checksum

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "scenarios"
START_NS = 1700000000 * 10**9
FLAGS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16}
ADDRESS = {"client": b"\xc0\x00\x02\x01", "server": b"\xc0\x00\x02\x02"}
PORT = {"client": 40000, "server": 80}
PEER = {"client": "server", "server": "client"}
SEPARATOR = "---\n"

# of_kernel: some of its events are the kernel's, which no capture holds.
Scenario = collections.namedtuple("Scenario", "name isn segments of_kernel expected")


def read(path):
    events, separator, expected = path.read_text(encoding="utf-8").partition(SEPARATOR)
    if not separator:
        raise ValueError(f"{path}: no line ---")
    isn, segments, of_kernel = {"client": 1000, "server": 5000000}, [], False
    for line in events.splitlines():
        words = line.partition("#")[0].split()
        if not words:
            continue
        if words[0] == "isn":
            isn = {"client": int(words[1]), "server": int(words[2])}
            continue
        if words[1].islower():  # no flags: test_scenarios reads these
            of_kernel = True
            continue
        more = iter(words[2:])
        values = {word: True if word in ("fast-open", "bad-checksum") else next(more) for word in more}
        unknown = set(values) - {"seq", "ack", "len", "win", "after", "port", "isn", "wscale", "fast-open",
                                 "bad-checksum"}
        if unknown or words[0] not in PEER:
            raise ValueError(f"{path}: {line}")
        segments.append((words[0], [FLAGS[flag] for flag in words[1].split(",")], values))
    return Scenario(path.stem, isn, segments, of_kernel, expected)


def all_of_them():
    return [read(path) for path in sorted(FOLDER.glob("*.txt"))]


def paths(name):
    """What each end enters, joined by blanks, by (end, source)."""
    found = collections.defaultdict(list)
    for line in read(FOLDER / f"{name}.txt").expected.splitlines():
        step = re.fullmatch(r"    \d+ (client|server) \S+ > (\S+) \w+(?: (kernel|diag) \w+)?(?: <- \d+)?", line)
        if step:
            found[step[1], step[3] or "wire"].append(step[2])
    return {key: " ".join(states) for key, states in found.items()}


def write_expected(name, expected):
    path = FOLDER / f"{name}.txt"
    events = path.read_text(encoding="utf-8").partition(SEPARATOR)[0]
    path.write_text(events + SEPARATOR + expected, encoding="utf-8")


def packet(side, flags, values, isn):
    peer = PEER[side]
    port = dict(PORT, client=int(values.get("port", PORT["client"])))
    options = b"\x03\x03" + bytes([int(values["wscale"])]) + b"\0" if "wscale" in values else b""
    options += b"\x22\x0aABCDEFGH\x01\x01" if "fast-open" in values else b""
    seq = (isn[side] + int(values["seq"])) % 2**32
    ack = (isn[peer] + int(values["ack"])) % 2**32 if "ack" in values else 0
    tcp = struct.pack("!HHIIHHHH", port[side], port[peer], seq, ack, (20 + len(options)) // 4 << 12 | sum(flags),
                      int(values.get("win", 8192)), 0, 0) + options + b"x" * int(values.get("len", 0))
    total = checksum(ADDRESS[side] + ADDRESS[peer] + struct.pack("!HH", 6, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack("!H", total ^ (0x5555 if "bad-checksum" in values else 0)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0) + ADDRESS[side] + ADDRESS[peer]
    return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + tcp


def capture(scenario):
    """pcap with nanoseconds, link type RAW."""
    isn = dict(scenario.isn)
    out = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 101)]
    now = START_NS
    for side, flags, values in scenario.segments:
        now += round(float(values.get("after", 0.001)) * 1e9)
        isn[side] = (isn[side] + int(values.get("isn", 0))) % 2**32
        data = packet(side, flags, values, isn)
        out.append(struct.pack("<IIII", now // 10**9, now % 10**9, len(data), len(data)) + data)
    return b"".join(out)
