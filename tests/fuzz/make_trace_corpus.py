#!/usr/bin/env python3
"""Writes the seeds of fuzz_trace to corpus/trace beside this script: a trace, and one way each in which a file may fail
to be one."""

import json
import pathlib

HEADER = {"record": "header", "n": 0, "t": 0, "format": "tcplens-trace", "version": 1, "start": "2026-01-01T00:00:00Z"}
STATE = {"record": "state", "n": 1, "t": 5, "conn": 1, "end": "client", "from": "CLOSED", "to": "SYN-SENT"}
END = {"record": "end", "n": 2, "t": 9, "reason": "input", "counts": {"state": 1}}


def lines(*records, newline="\n"):
    return "".join((r if isinstance(r, str) else json.dumps(r, separators=(",", ":"))) + newline for r in records).encode()


WHOLE = lines(HEADER, STATE, END)
SEEDS = {
    "whole": WHOLE,
    "cut": WHOLE[:-20],
    "cut-at-a-line": lines(HEADER, STATE),
    "byte-order-mark": b"\xef\xbb\xbf" + WHOLE,
    "crlf": lines(HEADER, STATE, END, newline="\r\n"),
    "empty-lines": b"\n\n" + lines(HEADER, "", " \t", END),
    "version-2": lines({**HEADER, "version": 2}, STATE),
    "version-text": lines({**HEADER, "version": "1"}),
    "other-format": lines({**HEADER, "format": "qlog"}),
    "no-header": lines(STATE, END),
    "two-headers": lines(HEADER, HEADER, END),
    "after-the-end": lines(HEADER, END, STATE),
    "damaged": lines(HEADER, '{"record":"state","n":', "[]", "null", "{}", '{"record":7,"n":1,"t":1}', END),
    "deep": lines(HEADER, "[" * 2000, '{"a":' * 1500, END),
    "escapes": lines(HEADER, {**STATE, "comm": "\u2028\x00\ud83d\ude00</script>"}, '{"record":"\\ud800"}', END),
    "nul": lines(HEADER, '{"record":"state"\0}', END),
    "pcap": bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"),
    "pcapng": bytes.fromhex("0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000"),
    "empty": b"",
}

folder = pathlib.Path(__file__).parent / "corpus" / "trace"
folder.mkdir(parents=True, exist_ok=True)
for name, data in SEEDS.items():
    (folder / name).write_bytes(data)
