#!/usr/bin/env python3
"""Tests of `tcplens trace --serve`: the trace reaches a browser outside of the namespace that is traced.

Usage: serve_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO
"""
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import sys
import threading
import urllib.parse

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import case, check, check_equal, one_line

URL = r"^tcplens: viewer: (http://\S+)$"
COMPLETE = r"the trace is complete"

# Two connections, the second once standard input says so.
TWO_STEPS = """
server = socket.create_server(("127.0.0.1", 7007))
for _ in range(2):
    client = socket.create_connection(("127.0.0.1", 7007))
    peer, _ = server.accept()
    client.close(); peer.recv(1); peer.close()
    print("ready", os.readlink("/proc/self/ns/net"), flush=True)
    sys.stdin.readline()
"""


class Site:
    """The URL that tcplens printed."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port
        self.token = urllib.parse.parse_qs(parts.query)["token"][0]
        check_equal(url, f"http://{'[%s]' % self.host if ':' in self.host else self.host}:{self.port}/"
                         f"?token={self.token}")
        check(re.fullmatch("[0-9a-f]{32,}", self.token), "a weak token:", self.token)

    def open(self, path, token=None, method="GET", **headers):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=lib.DEADLINE)
        query = f"?token={self.token if token is None else token}" if token != "" else ""
        connection.request(method, path + query, headers={k.replace("_", "-"): v for k, v in headers.items()})
        return connection.getresponse()

    def status(self, path, **options):
        response = self.open(path, **options)
        try:
            return response.status
        finally:
            response.close()


class Events(threading.Thread):
    """A browser's EventSource: reads /events to its end, and keeps what came."""

    def __init__(self, site, **headers):
        super().__init__(daemon=True)
        self.response = site.open("/events", **headers)
        check_equal(self.response.status, 200)
        check_equal(self.response.getheader("Content-Type"), "text/event-stream")
        self.lines, self.ids, self.names, self.error = [], [], [], None
        self.start()

    def run(self):
        name, data = "message", []
        try:
            for raw in self.response:
                field, _, value = raw.decode("utf-8").rstrip("\n").partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    data.append(value)
                elif field == "id":
                    self.ids.append(int(value))
                elif field == "" and not value and data:
                    if name == "message":
                        self.lines += data
                    else:
                        self.names.append(name)
                    name, data = "message", []
        except (OSError, ValueError, http.client.HTTPException) as error:
            self.error = error

    def finish(self):
        self.join(lib.DEADLINE)
        check(not self.is_alive(), "the stream does not end")
        check(self.error is None, "the stream broke off:", self.error)


class Served:
    """tcplens, serving the trace of a command."""

    def __init__(self, stack, command, address="127.0.0.1:0"):
        self.path = f"{lib.temporary(stack)}/trace.ndjson"
        self.tracer = lib.begin(stack, "trace", "--netns", "new", "--serve", address, "-q", "-o", self.path,
                                "--", *command)
        self.site = Site(self.tracer.wait_line(URL, "stderr")[1])

    def text(self):
        with open(self.path, encoding="utf-8") as file:
            return file.read()

    def stop(self):
        self.tracer.interrupt()
        check_equal(self.tracer.wait(), 0, f"exit status, with stderr {self.tracer.stderr!r}:")


@contextlib.contextmanager
def served(command, **options):
    with contextlib.ExitStack() as stack:
        yield Served(stack, command, **options)


@case
def live_records():
    """The very lines of the file arrive while the command runs, and the stream ends with the trace."""
    with served(lib.script(TWO_STEPS)) as run:
        events = Events(run.site)
        inside = run.tracer.wait_line(r"^ready (\S+)")[1]
        with open("/proc/self/ns/net", "rb") as here:
            check(str(os.fstat(here.fileno()).st_ino) not in inside, "the command is not in another namespace")
        lib.wait_for(lambda: any('"to":"TIME-WAIT"' in line for line in events.lines), "TIME-WAIT while it runs")
        check(not any('"record":"end"' in line for line in events.lines), "already ended")
        check_equal(events.names, [])
        run.tracer.say()
        run.tracer.wait_line(r"(?s)^ready.*^ready")
        run.tracer.say()
        events.finish()
        check_equal(events.names, ["end"])
        check_equal(events.lines, run.text().splitlines(), "events and file differ:")
        check_equal([json.loads(line)["n"] for line in events.lines], list(range(len(events.lines))))
        check_equal(events.ids, sorted(set(events.ids)), "ids:")
        check_equal(events.ids[-1], len(events.lines) - 1)
        trace = lib.read_trace(run.path)
        trace.check_whole()
        check_equal(len(trace.all("connection")), 2)
        # The server's own connections are outside of what is traced.
        check_equal({r["server"]["port"] for r in trace.all("connection")}, {7007})
        run.stop()


@case
def after_the_end():
    """Once the command ended the page stays up, for whoever comes late or again, until Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM):
        with served([lib.ECHO, "demo", "--fast"]) as run:
            run.tracer.wait_line(COMPLETE, "stderr")
            lines = run.text().splitlines()
            lib.read_trace(run.path).check_whole()
            late = Events(run.site)
            late.finish()
            check_equal((late.lines, late.names), (lines, ["end"]))
            again = Events(run.site, Last_Event_ID=str(len(lines) - 4))
            again.finish()
            check_equal((again.lines, again.names), (lines[-3:], ["end"]))
            whole = run.site.open("/trace")
            check_equal(whole.getheader("Content-Type"), "application/x-ndjson")
            check_equal(whole.read().decode("utf-8"), run.text())
            check_equal(run.site.status("/"), 200)
            check_equal(run.tracer.process.poll(), None)
            run.tracer.process.send_signal(number)
            check_equal(run.tracer.wait(), 0, run.tracer.stderr)
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection((run.site.host, run.site.port)).close()
                raise AssertionError("the port is still served")


@case
def interrupted_while_tracing():
    """One Ctrl-C ends the trace and the serving; what a browser got until then is whole lines, in order."""
    with served(lib.script(TWO_STEPS)) as run:
        events = Events(run.site)
        run.tracer.wait_line("^ready")
        lib.wait_for(lambda: len(events.lines) > 1, "records")
        run.stop()
        events.finish()
        trace = lib.read_trace(run.path)
        trace.check_whole("interrupt", trace.end["status"])
        check_equal(events.lines, run.text().splitlines()[:len(events.lines)], "events and file differ:")


@case
def many_browsers():
    with served(lib.script(TWO_STEPS)) as run:
        browsers = [Events(run.site) for _ in range(4)]
        run.tracer.wait_line("^ready")
        gone = run.site.open("/events")  # one that goes away without a word
        gone.close()
        run.tracer.say()
        run.tracer.wait_line(r"(?s)^ready.*^ready")
        run.tracer.say()
        for browser in browsers:
            browser.finish()
            check_equal((browser.names, browser.lines), (["end"], run.text().splitlines()))
        run.stop()


# A browser each, that many at once, again and again.
BROWSERS = """
port, token = int(sys.argv[1]), sys.argv[2]
for _ in range(10):
    browsers = [socket.create_connection(("127.0.0.1", port)) for _ in range(30)]
    for browser in browsers:
        browser.sendall(f"GET /events?token={token} HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n".encode())
    for browser in browsers:
        browser.recv(1)
    for browser in browsers:
        browser.close()
"""


@case
def browsers_come_and_go():
    """What the library does for many at once is allowed, giving memory back at the end too."""
    with contextlib.ExitStack() as stack:
        inside = ["ip", "netns", "exec", stack.enter_context(lib.named_namespace())]
        tracer = lib.Running([*inside, lib.TCPLENS, "trace", "--source", "wire", "-q", "-o", "/dev/null", "--serve", "127.0.0.1:0"],
                             stack)
        port, token = re.search(r":(\d+)/\?token=(.*)", tracer.wait_line(URL, "stderr")[1]).groups()
        check_equal(lib.Running([*inside, *lib.script(BROWSERS, port, token)], stack).wait(), 0)
        tracer.interrupt()
        check_equal(tracer.wait(), 0, tracer.stderr)
        check("was refused" not in tracer.stderr, tracer.stderr)


@case
def page_and_access():
    with served(lib.script(TWO_STEPS)) as run:
        site = run.site
        run.tracer.wait_line("^ready")
        page = site.open("/")
        body = page.read()
        check_equal((page.status, page.getheader("Content-Type")), (200, "text/html; charset=utf-8"))
        with open(os.environ["VIEWER"], "rb") as file:
            check_equal(body, file.read(), "the page is not the viewer:")
        for header, value in (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
                              ("Cache-Control", "no-store"), ("Access-Control-Allow-Origin", None)):
            check_equal(page.getheader(header), value, header)

        wrong = ("1" if site.token[0] == "0" else "0") + site.token[1:]
        for path in ("/", "/events", "/trace"):
            for token in ("", wrong, site.token[:-1], site.token + "0"):
                check_equal(site.status(path, token=token), 403, f"{path} with token {token!r}:")
            for host in ("evil.example", f"evil.example:{site.port}", f"127.0.0.1:{site.port}.evil.example",
                         f"127.0.0.1:{site.port + 1}", "127.0.0.1", ""):
                check_equal(site.status(path, Host=host), 403, f"{path} with Host {host!r}:")
        for host in (f"localhost:{site.port}", f"127.0.0.1:{site.port}"):
            check_equal(site.status("/", Host=host), 200, host)
        for path in ("/nothing", "/../etc/passwd", "//", "/events/"):
            check_equal(site.status(path), 404, path)
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            check_equal(site.status("/", method=method), 405, method)
        run.stop()


@case
def ipv6_address():
    if not os.path.exists("/proc/sys/net/ipv6"):
        raise lib.Skip("this kernel has no IPv6")
    with served([lib.ECHO, "demo", "--fast"], address="[::1]:0") as run:
        check_equal(run.site.host, "::1")
        run.tracer.wait_line(COMPLETE, "stderr")
        check_equal(run.site.status("/"), 200)
        run.stop()


@case
def warns_where_others_can_read():
    for address, warned in (("0.0.0.0", True), ("[::]", True), ("127.0.0.1", False), ("[::1]", False)):
        if ":" in address and not os.path.exists("/proc/sys/net/ipv6"):
            continue
        with contextlib.ExitStack() as stack:
            tracer = lib.begin(stack, "trace", "--netns", "new", "--serve", f"{address}:0", "-q", "-o", "/dev/null", "--",
                               "true")
            tracer.wait_line(URL, "stderr")
            note = f"tcplens: --serve {address.strip('[]')}: the network can read the trace and the token, "
            check_equal([line.startswith(note) for line in tracer.stderr.splitlines() if "network can read" in line],
                        [True] * warned, tracer.stderr)
            tracer.interrupt()
            check_equal(tracer.wait(), 0, tracer.stderr)


@case
def command_that_cannot_run():
    """Nothing to look at: it ends, and does not serve an empty page for ever."""
    done = lib.run("trace", "--netns", "new", "--serve", "127.0.0.1:0", "-q", "-o", "/dev/null", "--", "/nonexistent")
    check_equal(done.status, 1)
    messages = re.sub(r"tcplens: viewer: .*\n", "", done.stderr)
    one_line(messages, "cannot run /nonexistent")


@case
def own_metrics():
    """Where it is asked for metrics in the namespace that it traces, that is left out, and counted."""
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(lib.named_namespace())
        path = f"{lib.temporary(stack)}/trace.ndjson"
        inside = ["ip", "netns", "exec", name]
        tracer = lib.Running([*inside, lib.TCPLENS, "trace", "--metrics", "127.0.0.1:0", "-q", "-o", path, "--",
                              *lib.script(TWO_STEPS)], stack)
        url = tracer.wait_line(r"^tcplens: metrics: (\S+)", "stderr")[1]
        tracer.wait_line(r"^ready")
        scrape = lib.Running([*inside, "curl", "-sg", url], stack)
        check_equal(scrape.wait(), 0)
        check("tcplens_" in scrape.stdout, scrape.stdout)
        tracer.say()
        tracer.wait_line(r"(?s)^ready.*^ready")
        tracer.say()
        check_equal(tracer.wait(), 0, tracer.stderr)
        trace = lib.read_trace(path)
        check_equal([r["server"]["port"] for r in trace.all("connection")], [7007, 7007])
        check(trace.end["skipped"]["of the viewer"] > 0, trace.end)


@case
def viewers_own_connection():
    """Where the browser's namespace is traced, what it asks for the trace is left out, and counted; others' are not."""
    for address, asked in (("127.0.0.1:0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.1"), ("[::1]:0", "[::1]")):
        with contextlib.ExitStack() as stack:
            name = stack.enter_context(lib.named_namespace())
            path = f"{lib.temporary(stack)}/trace.ndjson"
            inside = ["ip", "netns", "exec", name]
            tracer = lib.Running([*inside, lib.TCPLENS, "trace", "--calls", "--serve", address, "-q", "-o", path, "--",
                                  *lib.script(TWO_STEPS)], stack)
            url = tracer.wait_line(URL, "stderr")[1]
            port, token = re.search(r":(\d+)/\?token=(.*)", url).groups()
            tracer.wait_line(r"^ready")
            page = lib.Running([*inside, "curl", "-sg", f"http://{asked}:{port}/trace?token={token}"], stack)
            check_equal(page.wait(), 0)
            tracer.say()
            tracer.wait_line(r"(?s)^ready.*^ready")
            tracer.say()
            lib.wait_trace(path, '"record":"end"')
            trace = lib.read_trace(path)
            check_equal([r["server"]["port"] for r in trace.all("connection")], [7007, 7007], address)
            check_equal({r["port"] for r in trace.all("listener")}, {7007}, address)
            check(trace.end["skipped"]["of the viewer"] > 10, trace.end)
            check_equal([r for r in trace.all("call") if r["pid"] == tracer.pid or r["comm"].startswith("tcplens")], [])
            tracer.interrupt()
            tracer.wait()


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
