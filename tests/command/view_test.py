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
from lib import begin, case, check, check_equal, own_directory, read, run_cases, tcplens, wait_for, write
from lib.programs import TCPLENS, Running

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


NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []


def desktop():
    """A folder with a browser, which notes what it was asked for. Returns the environment of who has a desktop."""
    write("xdg-open", '#!/bin/sh\ncat "$1" >page\nls -l "$1" >rights\nprintf "%s\\n" "$1" >asked.new\nmv asked.new asked\n')
    os.chmod("xdg-open", 0o755)
    os.chmod(".", 0o777)
    return {**os.environ, "PATH": f"{os.getcwd()}:{os.environ['PATH']}", "DISPLAY": ":9", "XDG_RUNTIME_DIR": os.getcwd()}


def view(stack, environment, *arguments, before=()):
    running = Running([*before, "env", *(f"{k}={environment.get(k, '')}" for k in ("PATH", "DISPLAY", "XDG_RUNTIME_DIR")),
                       TCPLENS, "view", *arguments], stack)
    return running, running.wait_line(URL, "stderr")[1]


@case
def opens_a_browser_where_there_is_a_desktop():
    environment = desktop()
    write("capture.pcap", read(CAPTURE))
    os.chmod("capture.pcap", 0o644)
    with contextlib.ExitStack() as stack:
        running, url = view(stack, environment, "capture.pcap", "capture.pcap", before=AS_NOBODY)
        wait_for(lambda: os.path.exists("asked"), "the browser")
        page, asked = read("page").decode(), read("asked").decode().strip()
        check(f"url={url}\"" in page, "the page leads to the address", page)
        check(read("rights").startswith(b"-rw------- "), "who may read it", read("rights"))
        check("token" not in asked, "what the list of processes shows", asked)
        running.interrupt()
        check_equal(running.wait(), 0, "exit status")
        wait_for(lambda: not os.path.exists(asked), "the page to be removed")


@case
def opens_no_browser_where_there_is_none():
    environment = desktop()
    write("capture.pcap", read(CAPTURE))
    os.chmod("capture.pcap", 0o644)
    ways = [({**environment, "DISPLAY": ""}, [], AS_NOBODY), (environment, ["--no-browser"], AS_NOBODY)]
    if os.geteuid() == 0:
        ways.append((environment, [], []))  # root's own
    for have, arguments, before in ways:
        with contextlib.ExitStack() as stack:
            running, _ = view(stack, have, *arguments, "capture.pcap", before=before)
            check("browser" not in running.stderr, arguments, running.stderr)
            running.interrupt()
            check_equal(running.wait(), 0, "exit status")
    check(not os.path.exists("asked"), "a browser was started")


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
