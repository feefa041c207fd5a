#!/usr/bin/env python3
"""Tests of what a person sees of `tcplens read`: on terminals of any width, with and without colours, with each kind of time,
in either form; and of files that are there already.

TCPLENS names the program. Needs no right and no network.
"""
import fcntl
import gzip
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import zlib

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, check_equal, one_line, own_directory, read, run_cases, tcplens, write

CAPTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "corpora", "zeek-tcp.pcap")
COLOUR = re.compile("\x1b\\[[0-9;]*m")


def on_terminal(*arguments, columns=80, **environment):
    """Standard output on a terminal, as lines."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    base = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")}
    with subprocess.Popen([os.environ["TCPLENS"], *arguments], stdin=subprocess.DEVNULL, stdout=theirs,
                          stderr=subprocess.DEVNULL, env={**base, "TERM": "xterm", **environment}) as program:
        os.close(theirs)
        text = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
            text += piece
        os.close(ours)
        check_equal(program.wait(), 0, arguments)
    return text.decode().replace("\r\n", "\n").splitlines()


def plain(line):
    return COLOUR.sub("", line)


@case
def no_line_is_wider_than_the_terminal():
    for columns in (60, 80, 100, 132, 200):
        lines = [plain(line) for line in on_terminal("read", CAPTURE, columns=columns)]
        assert len(lines) > 20 and max(map(len, lines)) <= columns, (columns, max(lines, key=len))
        # what became of it is told whole, however narrow
        text = re.sub(r"\s+", " ", " ".join(lines))
        assert "Closed normally: the server closed first" in text, (columns, text[-600:])
    whole = [plain(line) for line in on_terminal("read", CAPTURE, columns=0)]
    assert max(map(len, whole)) > 120 and "…" not in "".join(whole)
    narrow = [plain(line) for line in on_terminal("read", "-v", CAPTURE, columns=80)]
    assert "…" not in "".join(narrow) and max(map(len, narrow)) <= 80
    table = on_terminal("read", "--summary", CAPTURE)
    assert max(map(len, table)) <= 80 and any("closed-normally" in line for line in table), table


@case
def colours():
    def coloured(*options, **environment):
        return any(map(COLOUR.search, on_terminal("read", *options, CAPTURE, **environment)))

    assert coloured() and coloured(NO_COLOR="") and coloured("--color", "auto")
    assert not coloured(NO_COLOR="1") and not coloured(TERM="dumb") and not coloured("--color", "never")
    assert coloured("--color", "always", NO_COLOR="1", TERM="dumb")
    assert COLOUR.search(tcplens("read", "--timeline", "--color", "always", CAPTURE)[1].decode())
    assert not COLOUR.search(tcplens("read", "--timeline", CAPTURE)[1].decode())


@case
def times():
    def lines_of(*options):
        return tcplens("read", "--timeline", *options, CAPTURE)[1].decode().splitlines()

    os.environ["TZ"] = "Asia/Tokyo"
    relative, utc, local, delta = (lines_of("--time", kind) for kind in ("relative", "utc", "local", "delta"))
    check_equal(lines_of(), relative)
    check_equal(utc[0], "── 2003-12-16 UTC")
    check_equal(utc[1].split()[0], "13:21:44.891921")
    check_equal(local[0], "── 2003-12-16 JST")
    check_equal(local[1].split()[0], "22:21:44.891921")
    assert len(relative) == len(delta) == len(utc) - 1
    at = [float(line.split()[0]) for line in relative]
    for (before, now), line in zip(zip(at, at[1:]), delta[1:]):
        assert abs(float(line.split()[0]) - max(0, now - before)) < 2e-6, line  # 0: it is late


@case
def either_form_anywhere():
    status, out, _ = tcplens("read", "--timeline", CAPTURE)
    assert status == 0 and b"Closed normally" in out and b'"record"' not in out
    assert all(json.loads(line) for line in on_terminal("read", "--json", CAPTURE))
    status, out, error = tcplens("read", "--json", "--timeline", CAPTURE)
    check_equal((status, out), (2, b""))
    one_line(error, "--json", "--timeline", "take one")
    status, out, error = tcplens("read", "--json", "-o", "trace", CAPTURE)
    check_equal((status, out), (2, b""))
    one_line(error, "trace", "take one")


@case
def so_many_segments():
    for count in (1, 7):
        records = [json.loads(line) for line in tcplens("read", "-c", str(count), CAPTURE)[1].splitlines()]
        check_equal(sum(r["record"] == "segment" for r in records), count)
        check_equal(records[-1]["reason"], "count")
    records = [json.loads(line) for line in tcplens("read", "-c", "1000000", CAPTURE)[1].splitlines()]
    check_equal(records[-1]["reason"], "input")
    one_line(tcplens("read", "-c", "0", CAPTURE)[2], "--count", "1 to")


@case
def a_file_that_is_there_is_kept():
    write("there", b"old")
    write("empty", b"")
    status, _, error = tcplens("read", CAPTURE, "-o", "there")
    check_equal((status, read("there")), (1, b"old"))
    one_line(error, "there is there already", "--force")
    for name, options in (("there", ["--force"]), ("empty", []), ("new", []), ("/dev/null", [])):
        check_equal(tcplens("read", *options, CAPTURE, "-o", name)[0], 0, name)
    assert read("there") == read("empty") == read("new") != b"old"


@case
def compressed():
    check_equal(tcplens("read", CAPTURE, "-o", "trace")[0], 0)
    check_equal(tcplens("read", CAPTURE, "-o", "trace.ndjson.gz")[0], 0)
    packed = read("trace.ndjson.gz")
    plain_text = gzip.decompress(packed)
    check_equal([json.loads(line) for line in plain_text.splitlines()], [json.loads(line) for line in read("trace").splitlines()])
    assert len(packed) < len(plain_text) / 3
    # one member: browsers read no second one
    stream = zlib.decompressobj(31)
    stream.decompress(packed)
    assert stream.eof and not stream.unused_data
    check_equal(tcplens("explain", "trace.ndjson.gz")[:2], tcplens("explain", "trace")[:2])


@case
def values_that_are_none():
    for option, value, words in (("--duration", "3x", ["ms, s, m or h"]), ("--duration", "0", ["ms, s, m or h"]),
                                 ("--duration", "1e3", ["1e3"]), ("--duration", "-1", ["-1"]),
                                 ("--port", "80,0", ["'0'"]), ("--port", "90-80", ["90-80"]), ("--port", "htps", ["htps"]),
                                 ("--host", "300.1.1.1", ["300.1.1.1"]), ("--host", "10.0.0.1/8", ["10.0.0.1/8"]),
                                 ("--pid", "-3", ["-3"]), ("--time", "loc", ["'local'"]), ("--color", "nver", ["'never'"]),
                                 ("--pid", "no such process", ["no process is called"])):
        status, out, error = tcplens("trace", option, value)
        check_equal((status, out), (2, b""), (option, value))
        one_line(error, option, *words)


if __name__ == "__main__":
    sys.exit(run_cases(sys.argv[1:], around=own_directory))
