#!/usr/bin/env python3
"""Tests of `tcplens view`: what it hands out, and to whom; of what it cannot serve.

TCPLENS names the program. Needs no right, and a port of the loopback interface.
"""
import contextlib
import http.client
import json
import os
import sys
import urllib.parse

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import begin, case, check, check_equal, own_directory, read, run_cases, tcplens, write

CAPTURE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "corpora", "zeek-irc-353.pcap"))
URL = r"^tcplens: viewer: (http://\S+&files) \(until Ctrl-C\)$"


class Site:
    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.host, self.token = parts.netloc, urllib.parse.parse_qs(parts.query)["token"][0]

    def get(self, path, token=None, method="GET"):
        connection = http.client.HTTPConnection(self.host, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, f"{path}{'&' if '?' in path else '?'}token={token or self.token}")
            answer = connection.getresponse()
            return answer.status, answer.read()


@case
def hands_out_files():
    with contextlib.ExitStack() as stack:
        check_what_is_handed_out(stack)


def check_what_is_handed_out(stack):
    name = write('odd "<name>.pcap', read(CAPTURE))
    empty = write("empty.ndjson", b"")
    running = begin(stack, "view", name, empty)
    site = Site(running.wait_line(URL, "stderr")[1])
    check_equal(running.status_field("CapPrm"), ["0000000000000000"], "what it may")
    status, page = site.get("/")
    check_equal(status, 200, "the page")
    check(b'id="engine">' in page, "the page is the viewer")
    status, names = site.get("/files")
    check_equal((status, json.loads(names)), (200, [name, empty]), "the names")
    check_equal(site.get("/file?n=0"), (200, read(CAPTURE)), "the capture")
    check_equal(site.get("/file?n=1"), (200, b""), "the empty file")
    check_equal(site.get("/file?n=0", method="HEAD"), (200, b""), "HEAD")
    for path in ("/file?n=2", "/file?n=-1", "/file?n=0x1", "/file?n=", "/file", "/files/", "/../etc/passwd"):
        check_equal(site.get(path)[0], 404, path)
    for path in ("/files", "/file?n=0"):
        check_equal(site.get(path, token="0" * 32)[0], 403, f"{path} with a wrong token")
    running.interrupt()
    check_equal(running.wait(), 0, "exit status")


@case
def warns_where_others_can_read():
    for address, warned in (("0.0.0.0", True), ("[::]", True), ("127.0.0.1", False), ("[::1]", False)):
        with contextlib.ExitStack() as stack:
            running = begin(stack, "view", "--serve", f"{address}:0", CAPTURE)
            if warned:
                line = running.wait_line(r"^tcplens: --serve (\S+): the network can read the trace and the token", "stderr")
                check_equal(line[1], address.strip("[]"), "the address")
            running.wait_line(URL, "stderr")
            check_equal("network can read" in running.stderr, warned, address)
            running.interrupt()
            check_equal(running.wait(), 0, "exit status")


@case
def refuses_what_is_no_file():
    os.mkdir("folder")
    for arguments, status, said in (
            ([], 2, "which trace or capture?"), (["no-such-file"], 1, "cannot read no-such-file"), (["folder"], 1, "folder"),
            (["/dev/null"], 1, "/dev/null is no regular file"), ([CAPTURE] * 65, 2, "at most 64 files"),
            (["--serve", "x", CAPTURE], 2, "[ADDR:]PORT"), (["--serve", "300.0.0.1:0", CAPTURE], 2, "is not an address"),
            (["--serv", "1", CAPTURE, "--sreve"], 2, "sreve")):
        got, out, err = tcplens("view", *arguments)
        check_equal(got, status, f"{arguments[:3]}: {err}")
        check(said in err and len(err.splitlines()) == 1 and not out, f"{arguments[:3]}: {err!r}")


if __name__ == "__main__":
    sys.exit(run_cases(sys.argv[1:], around=own_directory))
