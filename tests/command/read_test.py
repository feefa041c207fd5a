#!/usr/bin/env python3
"""Tests of `tcplens read` and `tcplens fsm` as commands: what they say, where output goes, how they end.

TCPLENS names the program. Needs no right and no network.
"""
import fcntl
import gzip
import json
import os
import re
import signal
import struct
import subprocess
import sys
import termios
import time

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import DEADLINE, case, check_equal, one_line, own_directory, read, run_cases, tcplens, wait_for, write
from lib.full import is_full
from lib.programs import TCPLENS

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
def quiet_alone_is_refused():
    for arguments in (("read", "-q", CAPTURE), ("merge", "-q", CAPTURE, os.path.join(os.path.dirname(CAPTURE), "zeek-irc-353.pcap"))):
        status, out, stderr = tcplens(*arguments)
        assert (status, out) == (2, b""), (arguments, status, out)
        one_line(stderr, f"{arguments[0]}: --quiet alone would write nothing")
    assert tcplens("read", "-q", "--summary", CAPTURE)[0] == 0


@case
def a_signal_ends_it_and_leaves_whole_lines():
    """A shell calls that 130: who waits for the rest is not told that this is all."""
    run = subprocess.Popen([TCPLENS, "read", "-", "-q", "-o", "cut.ndjson"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    capture = read(CAPTURE)
    run.stdin.write(capture[:24])
    while not os.path.exists("cut.ndjson") or not os.path.getsize("cut.ndjson"):
        run.stdin.write(capture[24:])
        run.stdin.flush()
    run.send_signal(signal.SIGINT)
    run.wait(DEADLINE)  # before its input ends
    run.communicate()
    assert run.returncode == -signal.SIGINT, run.returncode
    lines = read("cut.ndjson").decode().splitlines(keepends=True)
    assert lines[-1].endswith("\n") and all(json.loads(line) for line in lines)
    assert json.loads(lines[-1])["record"] != "end"
    run = subprocess.Popen([TCPLENS, "read", "-", "-o", "none.ndjson"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    while not os.path.exists("none.ndjson"):
        time.sleep(0.001)
    run.terminate()
    run.wait(DEADLINE)
    run.communicate()
    assert (run.returncode, os.path.exists("none.ndjson")) == (-signal.SIGTERM, False), run.returncode


def interrupted(arguments, data, more=b""):
    """(exit status, standard output) of what SIGINT ends when it has read data, with more to come; more: again and again, until
    something is printed."""
    with open("out", "wb") as out:
        run = subprocess.Popen([TCPLENS, *arguments], stdin=subprocess.PIPE, stdout=out, stderr=subprocess.PIPE)
    os.set_blocking(run.stderr.fileno(), False)
    with run:
        run.stdin.write(data)
        while more and not os.path.getsize("out"):
            run.stdin.write(more)
        run.stdin.flush()
        wait_for(lambda: not any(fcntl.ioctl(run.stdin, termios.FIONREAD, bytes(4))), "its reading")
        run.send_signal(signal.SIGINT)
        run.wait(DEADLINE)
        wait_for(lambda: run.stderr.read() == b"", "the end of all its processes")
        return run.returncode, read("out")


@case
def a_signal_ends_what_waits_for_more():
    """What is told as it comes is whole lines; what only the end can tell is not told, and no file is left."""
    capture = read(CAPTURE)
    tcplens("read", "-q", "-o", "trace", CAPTURE)
    trace = b"".join(read("trace").splitlines(True)[:-1])
    for options in ((), ("--timeline",)):
        for data, more in ((capture, capture[24:]), (trace, b"")):
            status, out = interrupted(("read", *options, "-"), data, more)
            check_equal((status, out[-1:] if out or more else b"\n"), (-signal.SIGINT, b"\n"), options)
            assert options or all(json.loads(line)["record"] != "end" for line in out.splitlines())
    for arguments, data in ((("read", "--summary", "-"), capture), (("read", "--summary", "-"), trace), (("explain", "-"), capture),
                            (("explain", "-"), trace), (("report", "-", "-o", "none"), trace),
                            *((("convert", "-", "--to", to, "--conn", "1", "-o", "none"), data)
                              for to in ("mermaid", "svg") for data in (capture, trace))):
        check_equal((*interrupted(arguments, data), os.path.exists("none")), (-signal.SIGINT, b"", False), arguments)


@case
def a_signal_ends_what_nobody_reads():
    """`merge` takes no pipe to read from, but one to write to."""
    write("a.pcap", read(CAPTURE))
    write("b.pcap", read(CAPTURE))
    for options in (("-q", "-o", "-"), ("--timeline",)):
        reads, writes = os.pipe()
        fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, 4096)
        with subprocess.Popen([TCPLENS, "merge", "a.pcap", "b.pcap", *options], stdout=writes, stderr=subprocess.DEVNULL) as run:
            wait_for(lambda: is_full(writes), "a full pipe")
            run.send_signal(signal.SIGINT)
            check_equal(run.wait(DEADLINE), -signal.SIGINT, options)
        os.close(writes)
        with open(reads, "rb") as pipe:
            lines = pipe.read().splitlines(True)
        assert lines[-1].endswith(b"\n"), (options, lines[-1])
        assert "-q" not in options or all(json.loads(line)["record"] != "end" for line in lines)


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
            (["snoop"], 1, ["snoop", "editcap"]), (["trace.ndjson"], 1, ["trace.ndjson", "no tcplens trace"]),
            (["damaged.gz", "-q", "-o", "damaged"], 1, ["damaged.gz: cannot read on"]),
            (["cut", "-o", "trace"], 1, ["cut"]), ([CAPTURE, "text"], 2, ["text", "too many"]),
            ([CAPTURE, "--filter", "nonsense("], 1, ["nonsense(", "syntax"]), ([], 2, ["--help"])):
        status, _, stderr = tcplens("read", *arguments)
        assert status == expected, (arguments, status, stderr)
        one_line(stderr, *words)
        assert "<fd:" not in stderr, stderr
    assert b'"record":"end"' in read("trace"), "what was readable is lost"


def table_of(*arguments, data=None):
    status, out, error = tcplens("read", "--summary", *arguments, data=data)
    assert status == 0, (arguments, error)
    return out.decode().splitlines()


@case
def a_trace_is_shown_again():
    """As it was: the timeline, the table, every record; of a pipe too, compressed, and by halves."""
    for options in ((), ("--timeline",), ("--summary",)):
        plain = tcplens("read", *options, CAPTURE)[1]
        tcplens("read", "-q", "--force", "-o", "trace", CAPTURE)
        tcplens("read", "-q", "--force", "-o", "trace.gz", CAPTURE)
        for again in (tcplens("read", *options, "trace"), tcplens("read", *options, "trace.gz"),
                      tcplens("read", *options, "-", data=read("trace")), tcplens("read", *options, "-", data=read("trace.gz"))):
            assert again[0] == 0 and again[2] == "", (options, again[2])
            if options:
                assert again[1] == plain, options
            else:
                records, others = ([json.loads(line) for line in text.splitlines()] for text in (plain, again[1]))
                assert records == others
    half = read("trace.gz")[:3000]
    status, out, error = tcplens("read", "--timeline", "-", data=half)
    assert status == 1 and out.count(b"\n") > 10, out
    one_line(error, "is cut", "too early")
    status, out, error = tcplens("read", "--summary", "-", data=b"".join(read("trace").splitlines(True)[:40]))
    assert status == 1 and out.splitlines()[-1].startswith(b"0 connections; ") and out.endswith(b" more whose outcome is not there\n"), out
    status, out, error = tcplens("read", "--timeline", "-", data=b"\n".join(read("trace").splitlines()[:40] + [b"{nonsense}"]))
    assert status == 1
    assert "1 damaged line is passed over" in error and "is cut" in error, error


@case
def so_many_segments_of_a_trace():
    """Who is told to begin ends, as the trace says; the table has them all."""
    tcplens("read", "-q", "-o", "trace", CAPTURE)
    status, out, error = tcplens("read", "-c", "9", "trace")
    assert (status, error) == (0, ""), error
    records = [json.loads(line) for line in out.splitlines()]
    check_equal(sum(r["record"] == "segment" for r in records), 9)
    begun, ended = ({r["conn"] for r in records if r["record"] == kind} for kind in ("connection", "outcome"))
    assert begun and begun == ended, (begun, ended)
    check_equal((records[-1]["record"], records[-1]["reason"]), ("end", "count"))
    assert table_of("-c", "9", "trace")[-1].startswith(f"{len(begun)} connection"), table_of("-c", "9", "trace")


@case
def a_part_of_a_trace():
    """Connections and segments are chosen of a trace as of the capture it was made of; what is written anew is a trace."""
    tcplens("read", "-q", "-o", "trace", CAPTURE)
    for words in (("port", "48649"), ("src", "host", "141.142.220.118", "and", "not", "port", "48649"),
                  ("--port", "48649"), ("--host", "173.192.163.128")):
        ours, theirs = table_of("trace", *words), table_of(CAPTURE, *words)
        # numbers of connections stay as they were
        assert [line[6:] for line in ours] == [line[6:] for line in theirs] and len(ours) > 2, (words, ours, theirs)
    status, _, error = tcplens("read", "trace", "-q", "-o", "part", "--segments", "control", "port", "48649")
    assert (status, error) == (0, "")
    records = [json.loads(line) for line in read("part").splitlines()]
    assert records[0]["filter"] == {"expression": "port 48649"} and records[-1]["record"] == "end"
    assert {r["conn"] for r in records if "conn" in r} == {2}
    assert all(r["flags"] != ["ACK"] or r.get("notes") for r in records if r["record"] == "segment")
    for option in (["--filter", "tcp"], ["--checksums", "check"], ["--udp"], ["--headers"]):
        status, out, error = tcplens("read", "trace", *option)
        assert (status, out) == (2, b"")
        one_line(error, "trace is a trace", option[0])


@case
def standard_input_that_cannot_be_read():
    for command in ("read -", "read - --summary", "explain -", "report - -o report.html", "convert - --to svg"):
        for way in ("<&-", "0>not-read"):
            done = subprocess.run(["sh", "-c", f'"$0" {command} {way}', TCPLENS], capture_output=True, text=True, check=False)
            assert done.returncode == 1 and not done.stdout, (command, way, done)
            one_line(done.stderr, "cannot read standard input: Bad file descriptor")


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
        tcplens("read", CAPTURE, "--force", "-o", "there")
        os.environ.update(caller)
        tcplens("read", CAPTURE, "-o", "of-caller")
        tcplens("report", "trace", "-o", "report-of-caller.html")
        tcplens("read", CAPTURE, "--force", "-o", "there")
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
def what_is_read_is_not_written():
    capture = read(CAPTURE)
    write("c.pcap", capture)
    assert tcplens("read", "-q", "-o", "t.ndjson", "c.pcap")[0] == 0
    trace = read("t.ndjson")
    os.symlink("c.pcap", "link")
    for arguments in (("read", "c.pcap", "-o", "c.pcap"), ("read", "c.pcap", "-w", "c.pcap"), ("read", "c.pcap", "-q", "-o", "link"),
                      ("read", "t.ndjson", "-o", "t.ndjson"), ("merge", "c.pcap", "t.ndjson", "-q", "-o", "t.ndjson"),
                      ("convert", "t.ndjson", "--to", "pcapng", "--packets", "c.pcap", "-o", "c.pcap"),
                      ("explain", "c.pcap")):
        forced = () if arguments[0] == "explain" else ("--force",)
        status, _, stderr = tcplens(*arguments, *forced)
        assert (status == 0) == (not forced), (arguments, status, stderr)
        assert not forced or "another" in stderr, (arguments, stderr)
        assert read("c.pcap") == capture and read("t.ndjson") == trace, arguments


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
