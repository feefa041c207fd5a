#!/usr/bin/env python3
"""Tests of `tcplens explain`: what it says of traces and captures, from files and pipes, and of what it cannot use; and of the
findings at the end of what a terminal shows.

TCPLENS names the program. Needs no right and no network.
"""
import gzip
import json
import os
import pty
import subprocess
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, own_directory, read, run_cases, tcplens, write
from lib.programs import TCPLENS

CORPORA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "corpora")
REFUSED = os.path.join(CORPORA, "zeek-irc-353.pcap")
WELL = os.path.join(CORPORA, "zeek-tcp.pcap")
STRAY = os.path.join(os.path.dirname(CORPORA), "captures", "own-10-rst-only.pcap")
PCAPNG = os.path.join(os.path.dirname(CORPORA), "captures", "own-16-mixed-link-types.pcapng")
HEADER = {"record": "header", "n": 0, "t": 0, "format": "tcplens-trace", "version": 1, "tool": "tcplens 0.1.0",
          "start": "2026-11-21T03:00:00.000000000Z", "sources": ["wire"]}
SECOND = 10**9


def explain(name, data=None):
    status, stdout, stderr = tcplens("explain", name, data=data)
    return status, stdout.decode(), stderr


def finding(**more):
    return {"record": "finding", "kind": "refused", "severity": "error", "count": 1, "conns": [1], "first": 0,
            "last": SECOND, "text": "It is so.", "evidence": {}, "remedy": ["do this", "or that"], **more}


def outcome(conn, verdict, **more):
    return {"record": "outcome", "conn": conn, "verdict": verdict, "text": "As it is.",
            "final": {"client": "CLOSED", "server": "CLOSED"}, "duration_ns": 5, "durations": {"client": {}, "server": {}},
            **more}


def end():
    return {"record": "end", "reason": "input", "counts": {}, "lost": {"wire": 0}, "late": 0}


def trace(*records, sources=("wire",)):
    lines = [{**HEADER, "sources": list(sources)}, *({**r, "n": n, "t": n * SECOND} for n, r in enumerate(records, 1))]
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode()


@case
def trace_and_capture_say_the_same_however_they_come():
    status, text, stderr = explain(REFUSED)
    assert (status, stderr) == (0, "")
    lines = text.splitlines()
    assert lines[0] == "Findings: 1 error"
    assert lines[1].split()[:2] == ["error", "refused"] and "#1" in lines[1]
    assert lines[2].strip() == "[::1]:6666 refused 1 connection with a RST."
    assert lines[3].strip() == "#1: Refused: a RST answered the client's SYN. Why was not seen."
    assert lines[4].split()[0] == "helps:"
    assert tcplens("read", REFUSED, "-q", "-o", "trace").status == 0
    capture, data = read(REFUSED), read("trace")
    write("a.pcap.gz", gzip.compress(capture))
    write("trace.gz", gzip.compress(data))
    for name in ("trace", "trace.gz", "a.pcap.gz"):
        assert explain(name) == (0, text, ""), name
    for given in (capture, gzip.compress(capture), data, gzip.compress(data)):
        assert explain("-", given) == (0, text, "")


@case
def no_finding_is_said():
    """Of what was seen, and of no more."""
    assert explain(WELL) == (0, "No finding in 1 connection, and no bad ending, as far as packets alone show.\n", "")
    good, opened = outcome(1, "closed-normally"), outcome(2, "still-open")
    for sources, records, expected in (
            (["wire", "kernel"], [good], "No finding in 1 connection, and no bad ending, as far as packets and the kernel show."),
            (["diag"], [good, opened], "No finding in 2 connections, 1 of them still open, and no bad ending, as far as samples of "
                                       "the kernel's sockets alone show."),
            (["kernel"], [opened], "No finding in 1 connection, still open when last seen, as far as the kernel alone shows.")):
        text = explain("-", trace(*records, end(), sources=sources))[1]
        assert text == expected + "\n", text


@case
def checksums_that_were_ignored_are_a_finding():
    """However few there are: standard error alone is no trace."""
    for name, hosts in ("arkime-pop3-tag", 2), ("tcpdump-smb-segv", 1):
        status, text, stderr = explain(os.path.join(os.path.dirname(CORPORA), "captures", f"{name}.pcap"))
        assert status == 0 and text.startswith(f"Findings: {hosts} note"), text
        assert text.count("bad-checksums") == hosts and text.count("Read as if they were right.") == hosts, text


@case
def what_stands_out_without_a_finding():
    """It is no proof that nothing is wrong."""
    waits = {"client": {}, "server": {"CLOSE-WAIT": 4 * SECOND}}
    text = explain("-", trace(
        outcome(1, "closed-normally", durations={"client": {}, "server": {"CLOSE-WAIT": 2 * SECOND}}),
        outcome(2, "closed-normally", durations=waits), outcome(3, "closed-normally"),
        outcome(4, "closed-normally", bytes={"client": 18, "server": 0}, segments={"client": 4, "server": 3},
                duration_ns=3 * SECOND),
        outcome(5, "still-open", stalled={"what": "zero-window", "end": "client", "count": 2, "ns": 5 * SECOND}),
        end()))[1].splitlines()
    assert text[:2] == ["No finding in 5 connections, 1 of them still open, and no bad ending, as far as packets alone show.", "What stands out:"], text
    assert text[2].split()[:5] == "2 × the server stayed".split() and text[2].endswith("up to 4.000 s (#2)"), text
    assert text[3].startswith("1 ×") and text[3].endswith("in a connection that lasted 3.000 s (#4)"), text
    assert text[4].split()[:5] == "1 × the client could".split() and text[4].endswith("was zero, 5.000 s (#5)"), text
    assert len(text) == 5, text
    assert "stands out" not in explain("-", trace(outcome(2, "closed-normally", durations=waits), finding(), end()))[1]


@case
def what_had_no_room_is_said():
    text = explain("-", trace(finding(), {**end(), "beyond": {"findings": 109532}}))[1]
    assert "There was no room for more than 256 findings: 109532 cases of others are not told.\n" in text, text


@case
def a_pcapng_begins_with_a_newline():
    expected = (0, "No finding in 2 connections, still open when last seen, as far as packets alone show.\n", "")
    data = read(PCAPNG)
    assert data[:1] == b"\n"
    write("zipped", gzip.compress(data))
    for arguments in ((PCAPNG,), ("-", data), ("zipped",)):
        assert explain(*arguments) == expected, arguments[0]


@case
def what_is_no_connection_is_said():
    status, text, stderr = explain(STRAY)
    assert (status, text) == (0, "No connection ended, and there is no finding.\n")
    assert stderr.startswith(f"tcplens: {STRAY}: no TCP connection in it, but 1 stray RST 198.51.100.2:80 > "), stderr


@case
def worst_first_and_the_last_record_counts():
    status, text, stderr = explain("-", trace(
        finding(severity="note", kind="keep-alive-off"), finding(text="It was so.", peer="192.0.2.1", port=80),
        finding(severity="warning", kind="resets", conns=[]), finding(count=7, peer="192.0.2.1", port=80), end()))
    assert (status, stderr) == (0, "")
    assert text.splitlines()[0] == "Findings: 1 error, 1 warning, 1 note"
    assert [line.split()[1] for line in text.splitlines() if line[0] not in " F"] == ["refused", "resets", "keep-alive-off"]
    assert "seen 7 times" in text and "It was so." not in text
    assert "or:    or that" in text


@case
def a_bad_ending_shows_it_best():
    """Whether it stands before the finding or behind it; a good one only where there is no other."""
    good, bad = outcome(1, "closed-normally"), outcome(2, "refused", cause="no-listener")
    for records in ([good, bad, finding(conns=[1, 2])], [finding(conns=[1, 2]), good, bad], [good, finding(conns=[1, 2]), bad]):
        text = explain("-", trace(*records, end()))[1]
        assert "#2: Refused: a RST answered the client's SYN. Nobody listens on that port." in text, text
        assert "not good" not in text
    assert "#1: Closed normally" in explain("-", trace(good, finding(), end()))[1]


@case
def endings_that_no_finding_is_about():
    text = explain("-", trace(
        finding(conns=[1]), outcome(1, "refused"), outcome(2, "refused"), outcome(3, "half-closed"), outcome(4, "half-closed"),
        outcome(5, "closed-normally"), end()))[1]
    assert "Endings that are not good, without a finding:" in text
    rest = text.split("finding:")[1]
    assert rest.split() [:2] == ["2", "\u00d7"] and "#3 #4" in rest and "Refused" not in rest, rest


@case
def hostile_text_is_escaped():
    text = explain("-", trace(finding(text="\x1b[2J\u202ex.", remedy=["\x1b]0;x"]), end()))[1]
    assert "\x1b" not in text and "\u202e" not in text and "\\x1b[2J" in text


@case
def damage_is_told_and_the_rest_explained():
    whole = trace(finding(), end())
    lines = whole.splitlines(True)
    for data, words in ((b"".join(lines[:2]), ["is cut", "end record"]),
                        (lines[0] + b"no JSON\n" + b"".join(lines[1:]), ["line 2", "damaged"]),
                        (lines[0] + b'{"record":"finding","n":1,"t":1}\n' + b"".join(lines[1:]), ["line 2", "damaged"]),
                        (lines[0] + b'{"record":"later","n":1,"t":1}\n' + b"".join(lines[1:]), []),
                        (lines[0] + b"x" * (2 << 20) + b"\n" + b"".join(lines[1:]), ["line 2", "damaged"]),
                        (gzip.compress(whole)[:-9], ["is cut", "gzip"])):
        status, text, stderr = explain("-", data)
        assert status == bool(words) and "Findings: 1 error" in text, (words, stderr)
        assert all(word in stderr for word in words) and bool(stderr) == bool(words), (words, stderr)


@case
def input_that_cannot_be_read():
    write("empty", b"")
    write("text", b"hello, world\n" * 20)
    write("zstd", b"\x28\xb5\x2f\xfd" + bytes(64))
    write("version", json.dumps({**HEADER, "version": 2}).encode() + b"\n")
    write("cut.pcap", read(REFUSED)[:-20])
    for arguments, expected, words in (
            (["none"], 1, ["none", "No such file"]), (["."], 1, ["directory"]), (["empty"], 1, ["empty"]),
            (["text"], 1, ["text", "no tcplens trace", "header", "no capture file"]), (["zstd"], 1, ["zstd", "no capture file", "`zstd -dc"]), (["version"], 1, ["version 2"]), (["cut.pcap"], 1, ["cut.pcap", "breaks off"]),
            ([], 2, ["--help"]), (["a", "b"], 2, ["'b'"])):
        status, _, stderr = tcplens("explain", *arguments)
        assert status == expected, (arguments, status, stderr)
        assert stderr.count("\n") == 1 and all(word in stderr for word in words), (arguments, stderr)


def on_terminal(*arguments):
    ours, theirs = pty.openpty()
    with subprocess.Popen([TCPLENS, *arguments], stdout=theirs, stderr=subprocess.PIPE, env={**os.environ, "NO_COLOR": "1"}) as child:
        os.close(theirs)
        out = b""
        try:
            while True:
                out += os.read(ours, 65536)
        except OSError:  # EIO: nobody has the other side any more
            pass
        os.close(ours)
    return out.decode()


@case
def a_terminal_shows_them_at_the_end():
    shown = on_terminal("read", REFUSED)
    assert shown.count(" refused 1 connection with a RST.") == 2, "once as it is found, once at the end"
    assert shown.count("start the server") == 1
    assert shown.count("Findings: 1 error") == 1 and shown.index("Findings:") > shown.index("Refused: a RST")
    assert "Findings: 1 error" in on_terminal("read", REFUSED, "--summary")
    assert on_terminal("read", REFUSED, "-q", "-o", os.devnull) == ""
    assert "Findings" not in on_terminal("read", REFUSED, "-o", "-")
    assert "Findings" not in on_terminal("read", WELL)
    assert b"Findings" not in tcplens("read", REFUSED, "--summary").stdout
    with open("/dev/full", "wb") as full:
        assert tcplens("explain", REFUSED, stdout=full).status == 1


if __name__ == "__main__":
    sys.exit(run_cases(sys.argv[1:], around=own_directory))
