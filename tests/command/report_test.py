#!/usr/bin/env python3
"""Tests of `tcplens report`: what is in the page it makes, and what it says of input and output it cannot use.

TCPLENS and VIEWER name the program and its page; beside that is the one that reports are made of. Needs no right and no network.
"""
import base64
import gzip
import os
import re
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, own_directory, read, run_cases, tcplens, write

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SAMPLE = os.path.join(ROOT, "web", "src", "sample.ndjson")
BLOCK = re.compile(rb'<script type="text/plain" id="trace">([^<]*)</script>')
PCAP = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
PCAPNG = bytes.fromhex("0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000")
SMALL = os.path.join(os.path.dirname(os.environ["VIEWER"]), "viewer-small.html")
HOSTILE = "</script><script>alert(1)</script><!-- \u2028\u2029 \u202egnp.exe --> ]]> & \" '"


def run(*arguments, data=None):
    return tcplens("report", *arguments, data=data)


def trace_in(page):
    """The trace inside of a page, all else of which must be the viewer, byte by byte."""
    found = BLOCK.search(page)
    assert found and found[1], "no trace in the page"
    assert re.fullmatch(rb"[A-Za-z0-9+/]+={0,2}", found[1]), "more than base64 in the page"
    assert page[:found.start(1)] + page[found.end(1):] == read(SMALL), "the page is not the viewer for traces"
    return gzip.decompress(base64.b64decode(found[1], validate=True))


def fails(expected, status=1, output="out.html", arguments=None, data=None):
    """The command fails with one line that holds all words, and leaves no page behind."""
    got, stdout, stderr = run(*(arguments if arguments is not None else ["in"]), "-o", output, data=data)
    assert got == status, (got, stderr)
    assert stderr.count("\n") == 1, stderr
    for word in expected:
        assert word in stderr, (word, stderr)
    assert stdout == b"" and not os.path.exists("out.html")


@case
def plain_gzip_and_standard_input_make_the_same_page():
    sample = read(SAMPLE)
    write("a.ndjson.gz", gzip.compress(sample))
    assert run(SAMPLE, "-o", "a.html") == (0, b"", "")
    assert run("a.ndjson.gz", "-o", "b.html") == (0, b"", "")
    assert run("-", "-o", "c.html", data=sample) == (0, b"", "")
    assert run("-", "-o", "d.html", data=gzip.compress(sample)) == (0, b"", "")
    status, page, stderr = run(SAMPLE, "-o", "-")
    assert (status, stderr) == (0, "")
    assert trace_in(page) == sample
    for name in "abcd":
        assert read(f"{name}.html") == page, name


@case
def every_length_of_base64():
    sample = read(SAMPLE)
    for more in range(4):
        data = sample + b"\n" * more
        status, page, _ = run("-", "-o", "-", data=data)
        assert status == 0 and trace_in(page) == data, more


@case
def hostile_content_stays_inside():
    # as another program might write it: nothing escaped
    lines = read(SAMPLE).decode().replace("echo-client", HOSTILE.replace('"', "'")).encode()
    lines += ('{"record":"%s","n":9999,"t":1}\n' % HOSTILE.replace('"', "")).encode()
    write("in", lines)
    status, page, _ = run("in", "-o", "-")
    assert status == 0
    assert trace_in(page) == lines
    assert b"alert(1)" not in page.replace(base64.b64encode(lines), b"")


@case
def a_cut_trace_and_damaged_lines_are_kept_and_said():
    lines = read(SAMPLE).splitlines(keepends=True)
    cut = b"".join(lines[:-2]) + lines[-2][:40]
    write("cut", cut)
    status, page, stderr = run("cut", "-o", "-")
    assert status == 1 and trace_in(page) == cut
    assert stderr.count("\n") == 1 and "cut" in stderr and "end record" in stderr and "damaged" not in stderr, stderr
    broken = b"".join([*lines[:5], b'{"record":"state","n":\n', *lines[5:9], b"\0\xff\n", b'["record"]\n', *lines[9:]])
    write("broken", broken)
    status, page, stderr = run("broken", "-o", "-")
    assert status == 1 and trace_in(page) == broken
    assert stderr.count("\n") == 1 and "3 damaged lines" in stderr and "line 6" in stderr and "cut" not in stderr, stderr
    packed = gzip.compress(read(SAMPLE))
    write("cut.gz", packed[:-200])
    status, page, stderr = run("cut.gz", "-o", "-")
    assert status == 1 and read(SAMPLE).startswith(trace_in(page)) and len(trace_in(page)) > 1000
    assert "gzip data ends too early" in stderr, stderr
    long = lines[0] + b'{"record":"call","comm":"' + b"x" * (3 << 20) + b'"}\n' + b"".join(lines[1:])
    write("long", long)
    status, page, stderr = run("long", "-o", "-")
    assert status == 1 and trace_in(page) == long
    assert "1 damaged line is passed over, the first is line 2" in stderr, stderr
    assert run("cut", "-o", "cut.html")[0] == 1 and trace_in(read("cut.html")) == cut, "it is kept"


@case
def what_is_no_trace():
    sample = read(SAMPLE)
    for content, expected in (
            (b"", ["in is empty"]),
            (b"\n\n", ["in is empty"]),
            (PCAP, ["packet capture", "tcplens read in -o"]),
            (PCAPNG, ["packet capture", "tcplens read in -o"]),
            (PCAP + os.urandom(3 << 20), ["packet capture", "tcplens read in -o"]),
            (gzip.compress(PCAP), ["packet capture", "tcplens read"]),
            (sample.replace(b'"version":1', b'"version":2', 1), ["version 2", "version 1"]),
            (sample.split(b"\n", 1)[1], ["no tcplens trace"]),
            (b"hello\n", ["no tcplens trace"]),
            (b"\0" * 5000, ["no tcplens trace"]),
            (b" " * (2 << 20), ["no tcplens trace"]),
            (b"\x1f\x8b\x08\0garbage", ["cannot read in"])):
        write("in", content)
        fails(expected)
        fails([word.replace("in is", "standard input is").replace("read in", "read -") if "tcplens" in word
               else word.replace("in is", "standard input is").replace("read in", "read standard input")
               for word in expected], arguments=["-"], data=content)


@case
def files_that_cannot_be_used():
    write("in", read(SAMPLE))
    os.mkdir("folder")
    fails(["cannot read nothing", "No such file"], arguments=["nothing"])
    fails(["cannot read folder", "directory"], arguments=["folder"])
    fails(["cannot write no/such/out.html", "No such file"], output="no/such/out.html")
    fails(["folder is there already"], output="folder")
    fails(["cannot write folder", "directory"], output="folder", arguments=["in", "--force"])
    fails(["cannot write /dev/full", "No space"], output="/dev/full", arguments=["in", "--force"])
    fails(["in is the input itself"], output="in", arguments=["in", "--force"])
    assert read("in") == read(SAMPLE)
    write("there.html", "precious")
    fails(["there.html is there already", "--force"], output="there.html")
    assert read("there.html") == b"precious"
    assert run("in", "--force", "-o", "there.html")[0] == 0
    assert trace_in(read("there.html")) == read(SAMPLE)
    write("bad", "hello\n")
    fails(["no tcplens trace"], output="there.html", arguments=["bad", "--force"])
    assert trace_in(read("there.html")) == read(SAMPLE), "a report that cannot be made replaces nothing"


@case
def too_large():
    # members of gzip follow each other: a little more than the cap, without making it
    member = gzip.compress(b" " * (16 << 20))
    write("in", gzip.compress(read(SAMPLE)) + member * 64)
    fails(["in is too large", "1 GiB"])


@case
def usage():
    for arguments, word in (([], "which trace"), (["a"], "-o FILE.html"), (["a", "b", "-o", "c"], "'b'"),
                            (["--nonsense"], "--nonsense"), (["a", "-o"], "needs a value")):
        status, stdout, stderr = run(*arguments)
        assert status == 2 and stdout == b"" and stderr.count("\n") == 1 and word in stderr, (arguments, stderr)
    status, stdout, stderr = run("--help")
    assert status == 0 and b"--output" in stdout and stderr == ""


if __name__ == "__main__":
    sys.exit(run_cases(sys.argv[1:], around=own_directory))
