#!/usr/bin/env python3
"""Writes the seeds of fuzz_diag to corpus/diag beside this script: netlink messages as the kernel
sends them (linux/netlink.h, linux/inet_diag.h), one way of putting them together each. Netlink is in
the byte order of the host; these are for little-endian ones."""

import pathlib
import struct

SEQ = 1
NOOP, ERROR, DONE, GETSOCK, BY_FAMILY = 1, 2, 3, 18, 20
SKMEMINFO, SHUTDOWN, MARK = 7, 8, 15
ESTABLISHED, SYN_RECV, FIN_WAIT2, TIME_WAIT, CLOSE, CLOSE_WAIT, LISTEN = 1, 3, 5, 6, 7, 8, 10
V4, V6 = 2, 10
HERE, THERE = bytes([127, 0, 0, 1]), bytes([127, 0, 0, 2])
HERE6 = bytes.fromhex("20010db8") + bytes(11) + b"\1"
MAPPED = bytes(10) + b"\xff\xff" + HERE


def padded(data):
    return data + bytes(-len(data) % 4)


def message(kind, payload, seq=SEQ):
    return padded(struct.pack("<IHHII", 16 + len(payload), kind, 2, seq, 0) + payload)


def attribute(kind, payload):
    return padded(struct.pack("<HH", 4 + len(payload), kind) + payload)


def sock(state, ports=(7007, 40312), cookie=1, here=HERE, there=THERE, timer=0, expires=0, queues=(0, 0),
         kind=GETSOCK, attributes=b"", seq=SEQ):
    family = V4 if len(here) == 4 else V6
    body = struct.pack("<BBBB", family, state, timer, 0) + struct.pack(">HH", *ports)
    body += here.ljust(16, b"\0") + there.ljust(16, b"\0")
    body += struct.pack("<IQ", 0, cookie) + struct.pack("<IIIII", expires, *queues, 65534, 4242)
    return message(kind, body + attributes, seq)


FULL = attribute(SHUTDOWN, b"\0") + attribute(MARK, bytes(4))
MEMORY = attribute(SKMEMINFO, struct.pack("<9I", 0, 131072, 0, 16384, 0, 0, 0, 5, 31))
END = message(DONE, struct.pack("<i", 0))

LISTENER = sock(LISTEN, (7007, 0), there=bytes(4), queues=(1, 16), attributes=FULL + MEMORY)
REQUEST = sock(SYN_RECV, cookie=2, timer=1, expires=1000)
PEER = sock(ESTABLISHED, (40312, 7007), 3, THERE, HERE, attributes=FULL)
MINISOCK = sock(TIME_WAIT, (40313, 7007), 4, timer=3, expires=59321)

SEEDS = {
    "empty": (1, b""),
    "end": (1, END),
    "error": (1, message(ERROR, struct.pack("<i", -2) + bytes(16))),
    "dump": (1, LISTENER + REQUEST + PEER + MINISOCK + END),
    "ipv6": (1, sock(LISTEN, (443, 0), 9, HERE6, bytes(16), attributes=FULL)
             + sock(CLOSE_WAIT, here=HERE6, there=HERE6, attributes=FULL)
             + sock(SYN_RECV, (443, 9), 8, MAPPED, MAPPED)),
    "wildcard": (1, sock(LISTEN, (7007, 0), 5, bytes(4), bytes(4)) + sock(LISTEN, (7007, 0), 6, bytes(16), bytes(16))
                 + REQUEST + REQUEST),
    "minisock-fin-wait-2": (1, sock(FIN_WAIT2, timer=3, expires=60000) + sock(FIN_WAIT2, (1, 2), timer=2)),
    "destroyed": (1, sock(CLOSE, kind=BY_FAMILY, attributes=attribute(10, b"\6"))
                  + sock(CLOSE, (0, 9), kind=BY_FAMILY) + MINISOCK),
    "used-again": (1, PEER + sock(ESTABLISHED, (40312, 7007), 77, THERE, HERE)),
    "two-parts": (2, (PEER + MINISOCK)[:88] + PEER[:88]),
    "other-request": (1, sock(ESTABLISHED, seq=2) + message(NOOP, b"") + PEER),
    "states": (1, b"".join(sock(state, (state + 1, 80), state) for state in range(14))),
    "cut-message": (1, LISTENER + PEER[:-5]),
    "attribute-too-long": (1, sock(ESTABLISHED, attributes=struct.pack("<HH", 400, SHUTDOWN))),
    "attribute-too-short": (1, sock(ESTABLISHED, attributes=struct.pack("<HH", 3, SHUTDOWN))),
}


def main():
    directory = pathlib.Path(__file__).parent / "corpus" / "diag"
    directory.mkdir(parents=True, exist_ok=True)
    for name, (parts, data) in SEEDS.items():
        (directory / f"{name}.bin").write_bytes(bytes([parts - 1]) + data)


if __name__ == "__main__":
    main()
