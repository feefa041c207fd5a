#!/usr/bin/env python3
"""Tests of `tcplens read` and `tcplens fsm` as commands: what they say, where output goes, how they end.

TCPLENS names the program. Needs no right and no network.
"""
import gzip
import json
import os
import re
import struct
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, one_line, own_directory, read, run_cases, tcplens, write

CAPTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "corpora", "zeek-wikipedia.pcap")


@case
def file_and_standard_input_give_the_same_trace():
    status, trace, stderr = tcplens("read", "-o", "-", CAPTURE)
    assert (status, stderr) == (0, f"tcplens: {CAPTURE}: besides TCP connections: 48 udp, 6 arp, 4 spanning tree\n")
    other = tcplens("read", "-o", "-", "-", data=read(CAPTURE))
    assert other[0] == 0
    records, others = ([json.loads(line) for line in text.splitlines()] for text in (trace, other[1]))
    assert records[0].pop("input") == CAPTURE and others[0].pop("input", "-") == "-"
    assert records == others


@case
def addresses_of_this_host_mean_nothing_in_a_capture():
    syn = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 1, 0, 64, 6, 0, b"\x7f\0\0\1", b"\x7f\0\0\1") \
        + struct.pack("!HHIIBBHHH", 40000, 80, 1, 0, 0x50, 2, 1024, 0, 0)
    write("loopback", struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101) + struct.pack("<IIII", 1, 0, 40, 40) + syn)
    status, trace, _ = tcplens("read", "-o", "-", "--checksums", "ignore", "loopback")
    connection = json.loads(trace.splitlines()[1])
    assert status == 0 and connection["record"] == "connection" and connection["local"] == [], connection


@case
def nothing_to_show_is_said():
    status, _, stderr = tcplens("read", "-o", "trace", CAPTURE, "--filter", "udp")
    assert status == 0
    one_line(stderr, CAPTURE, "no TCP connection")


@case
def input_that_cannot_be_read():
    write("empty", b"")
    write("text", b"hello, world, this is no capture\n" * 20)
    write("cut", read(CAPTURE)[:5000])
    write("pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    write("zst", b"\x28\xb5\x2f\xfd" + bytes(40))
    write("xz", b"\xfd7zXZ\0" + bytes(40))
    write("snoop", b"snoop\0\0\0" + bytes(40))
    write("trace.ndjson", b'{"record":"header","n":0,"t":0,"format":"tcplens-trace","version":1}\n')
    write("damaged.gz", gzip.compress(read(CAPTURE))[:3000])
    for arguments, expected, words in (
            (["none"], 1, ["none", "No such file"]), (["."], 1, ["directory"]), (["empty"], 1, ["empty"]),
            (["text"], 1, ["text"]),
            (["pointer"], 1, ["pointer", "Git LFS"]), (["zst"], 1, ["zst", "zstd -d"]), (["xz"], 1, ["xz", "xz -d"]),
            (["snoop"], 1, ["snoop", "editcap"]), (["trace.ndjson"], 1, ["trace.ndjson", "tcplens report"]),
            (["damaged.gz", "-q"], 1, ["damaged.gz: cannot read on"]),
            (["cut", "-o", "trace"], 1, ["cut"]), ([CAPTURE, "more"], 2, ["more"]),
            ([CAPTURE, "--filter", "nonsense("], 1, ["nonsense(", "syntax"]), ([], 2, ["--help"])):
        status, _, stderr = tcplens("read", *arguments)
        assert status == expected, (arguments, status, stderr)
        one_line(stderr, *words)
        assert "<fd:" not in stderr, stderr
    assert b'"record":"end"' in read("trace"), "what was readable is lost"


@case
def full_disk_is_a_failure():
    with open("/dev/full", "wb") as full:
        for arguments in (["read", CAPTURE], ["read", CAPTURE, "-o", "-"], ["read", CAPTURE, "--summary"],
                          ["fsm", "--dot"], ["--help"], ["--version"]):
            status, _, stderr = tcplens(*arguments, stdout=full)
            assert status == 1, (arguments, status)
            one_line(stderr, "No space left")
    status, _, stderr = tcplens("read", CAPTURE, "-o", "/dev/full")
    assert status == 1
    one_line(stderr, "No space left")


@case
def reader_that_goes_away_is_none():
    for arguments in (["read", "-o", "-", CAPTURE], ["fsm", "--json"]):
        r, w = os.pipe()
        os.close(r)
        with os.fdopen(w, "wb") as closed:
            status, _, stderr = tcplens(*arguments, stdout=closed)
        assert (status, stderr) == (0, ""), (arguments, status, stderr)


@case
def diagram_in_every_format():
    status, text, _ = tcplens("fsm", "--json")
    edges = json.loads(text)
    assert status == 0 and {e["from"] for e in edges} >= {"SYN-SENT", "TIME-WAIT"}
    status, text, _ = tcplens("fsm", "--dot")
    assert status == 0 and text.startswith(b"digraph") and text.endswith(b"}\n")
    assert set(re.findall(r'^  "([A-Z0-9-]+)" -> "', text.decode(), re.M)) >= {"SYN-SENT", "TIME-WAIT"}
    status, text, _ = tcplens("fsm", "--mermaid")
    lines = text.decode().splitlines()
    assert status == 0 and lines[0] == "stateDiagram-v2"
    # Mermaid's names hold no minus; an edge that the RFC draws once stands once.
    names = {m[1] for line in lines if (m := re.match(r'  state "[A-Z0-9-]+" as ([A-Z0-9_]+)$', line))}
    drawn = [line for line in lines if "-->" in line]
    assert len(names) == 11 and len(drawn) == len(set(drawn)) > 15
    for line in drawn:
        assert set(re.match(r"  (\w+) --> (\w+)", line).groups()) <= names, line
    status, _, stderr = tcplens("fsm", "--json", "--dot")
    assert status == 2
    one_line(stderr, "one format")


@case
def what_is_written_is_the_owners_alone():
    caller = {"SUDO_UID": "4711", "SUDO_GID": "4712"}
    old = os.umask(0)
    try:
        write("there", b"old")
        tcplens("read", CAPTURE, "-o", "trace")
        tcplens("report", "trace", "-o", "report.html")
        tcplens("read", CAPTURE, "-o", "there")
        os.environ.update(caller)
        tcplens("read", CAPTURE, "-o", "of-caller")
        tcplens("report", "trace", "-o", "report-of-caller.html")
        tcplens("read", CAPTURE, "-o", "there")
    finally:
        os.umask(old)
        for name in caller:
            os.environ.pop(name, None)
    for name in "trace", "report.html", "of-caller", "report-of-caller.html":
        found = os.stat(name)
        assert found.st_mode & 0o777 == 0o600 and found.st_size, (name, oct(found.st_mode))
        # who is not root has no caller
        owner = (4711, 4712) if "caller" in name and os.geteuid() == 0 else (os.geteuid(), os.getegid())
        assert (found.st_uid, found.st_gid) == owner, (name, found)
    # a file that was there before keeps whose it is, and who may read it
    found = os.stat("there")
    assert found.st_mode & 0o777 == 0o666 and found.st_uid == os.geteuid() and found.st_size > 3, found


@case
def messages_hold_nothing_that_a_terminal_obeys():
    for name, said in (("a\x1b[2Jb", "a\\x1b[2Jb"), ("a\u009b2Jb", "a\\xc2\\x9b2Jb"), ("a\u202eb", "a\\xe2\\x80\\xaeb"),
                       ("a\u2066b\u2069", "a\\xe2\\x81\\xa6b\\xe2\\x81\\xa9"), ("a\u061cb", "a\\xd8\\x9cb"),
                       ("a\u2028b", "a\\xe2\\x80\\xa8b"), (b"a\x9b2Jb", "a\\x9b2Jb"), (b"a\xc0\x9bb", "a\\xc0\\x9bb"),
                       (b"a\xed\xa0\x80b", "a\\xed\\xa0\\x80b"), (b"a\xe4\xb8", "a\\xe4\\xb8"),
                       ("抓包 ½ é 🙂", "抓包 ½ é 🙂")):
        status, _, stderr = tcplens("read", name)
        assert status == 1 and f"cannot read {said}: " in stderr, (name, stderr)
        one_line(stderr, "No such file")


if __name__ == "__main__":
    sys.exit(run_cases(sys.argv[1:], around=own_directory))
