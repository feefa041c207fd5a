#!/usr/bin/env python3
"""Tests of `tcplens export --metrics`: what it counts of connections that are known, and that Prometheus takes it, with the
rules and the dashboard of docs/export.

Usage: metrics_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO

Runs in a network namespace of its own.
"""
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import case, check, check_equal, connections, one_line, wait_for

DOCS = os.path.join(lib.REPOSITORY, "docs", "export")
AT = r"^tcplens: metrics: (http://\S+)$"
PORT = 7007
# Of each the number of values has a bound.
LABELS = set("version record source verdict cause state end le listener queue event direction reason timer note error kind "
             "severity".split())
SAMPLE = re.compile(r'(\w+)(?:\{(.*)\})? (\S+)')


def documented():
    """The table of metrics in the docs: the labels that each may have."""
    with open(f"{DOCS}/README.md", encoding="utf-8") as file:
        table = file.read().partition("| metric | labels | it tells |\n")[2].partition("\n\n")[0]
    rows = [row.split("|")[1:3] for row in table.splitlines()[1:]]
    return {name: set(re.findall(r"`(\w+)`", labels)) for names, labels in rows for name in re.findall(r"`(\w+)`", names)}


def get(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=lib.DEADLINE) as answer:
        return answer.read().decode(), answer.headers["Content-Type"]


class Metrics:
    """A scrape: the value of a sample, by its name and labels."""

    def __init__(self, url):
        self.text, _ = get(url)
        self.samples = {}
        for line in self.text.splitlines():
            if not line.startswith("#"):
                name, labels, value = SAMPLE.fullmatch(line).groups()
                self.samples[name, frozenset(re.findall(r'(\w+)="([^"]*)"', labels or ""))] = float(value)

    def __call__(self, metric, **labels):
        return self.samples[metric, frozenset(labels.items())]

    def sum(self, metric, **labels):
        """Of all samples that have these labels."""
        return sum(v for (name, has), v in self.samples.items() if name == metric and labels.items() <= dict(has).items())


def export(stack, *options, command=()):
    """tcplens export as it runs, and where its metrics are."""
    process = lib.Running([*command, lib.TCPLENS, "export", "--metrics", "0", *options], stack)
    return process, process.wait_line(AT, "stderr")[1]


def until(url, condition, what):
    """A scrape of which the condition holds: the tracer tells what happened a moment later."""
    last = []

    def holds():
        last[:] = [Metrics(url)]
        try:
            return last[0] if condition(last[0]) else None
        except KeyError:  # of a listener that was not told yet
            return None

    try:
        return wait_for(holds, what)
    except AssertionError as error:
        raise AssertionError(f"{error}:\n" + "\n".join(line for line in last[0].text.splitlines()
                                                       if not line.startswith("#") and not line.endswith(" 0"))) from None


def stop(process):
    process.process.terminate()
    check_equal(process.wait(), 0, process.stderr)


def refused():
    with contextlib.suppress(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", PORT + 1))


def overflow(stack):
    """A listener whose accept queue is full, and who asks for more: connect() of the last ones goes on."""
    server = stack.enter_context(socket.create_server(("127.0.0.1", PORT), backlog=0))
    for _ in range(4):
        client = stack.enter_context(socket.socket())
        client.setblocking(False)
        client.connect_ex(server.getsockname())
    return server


@case
def figures():
    """Of connections that are known, by the kernel's account alone."""
    with contextlib.ExitStack() as stack:
        process, url = export(stack)
        server = stack.enter_context(socket.create_server(("127.0.0.1", PORT), backlog=16))
        connections(server, 20)
        refused()
        waiting = stack.enter_context(socket.create_connection(server.getsockname()))
        name = f"127.0.0.1:{PORT}"
        # the tracer tells a while later, and not of all at once
        m = until(url, lambda m: m("tcplens_listener_events_total", listener=name, event="queued") == 21 and
                  m("tcplens_listener_queue_length", listener=name, queue="accept") == 1 and
                  m("tcplens_handshake_seconds_count", end="client") >= 21 and
                  m("tcplens_state_seconds_count", end="client", state="FIN-WAIT-2") >= 20 and
                  m("tcplens_connection_ends", source="kernel", end="client", state="TIME-WAIT") >= 20 and
                  m.sum("tcplens_resets_total", direction="sent") >= 1, "the last connection")
        check_equal(m("tcplens_listener_queue_limit", listener=name, queue="accept"), 17)
        for event, count in ("request", 21), ("queued", 21), ("accepted", 20), ("cookie", 0):
            check_equal(m("tcplens_listener_events_total", listener=name, event=event), count, event)
        check_equal(m("tcplens_accept_wait_seconds_count", listener=name), 20)
        check_equal(m("tcplens_accept_wait_seconds_bucket", listener=name, le="+Inf"), 20)
        check(m("tcplens_connections_total") >= 22)
        check_equal(m.sum("tcplens_lost_events_total"), 0)
        check(0 < m("process_resident_memory_bytes") < 1 << 30)
        check(m("process_cpu_seconds_total") > 0)
        check_equal({label for _, labels in m.samples for label, _ in labels} - LABELS, set())
        check(m("tcplens_resets_total", direction="received", reason="unknown") >= 1, "the refused one's RST, of which no reason is told")
        check_equal([s for s in m.samples if "" in dict(s[1]).values()], [], "labels without a value")
        waiting.close()
        server.close()
        until(url, lambda m: not m("tcplens_listener_sockets", listener=name)
              and not m("tcplens_listener_queue_length", listener=name, queue="accept"), "the end of the listener")
        until(url, lambda m: not m.sum("tcplens_connection_ends", state="ESTABLISHED", end="server")
              or m.sum("tcplens_connection_ends", state="ESTABLISHED", end="server") == 1, "the scrape's own alone")
        check_equal(process.stdout, "")
        stop(process)


@case
def as_documented():
    """The docs' table has each metric, and each label."""
    with contextlib.ExitStack() as stack:
        process, url = export(stack)
        connections(stack.enter_context(socket.create_server(("127.0.0.1", PORT), backlog=16)), 3)
        m = until(url, lambda m: m("tcplens_handshake_seconds_count", end="client") >= 3, "the connections")
        table = documented()
        check_equal(set(re.findall(r"^# TYPE (\w+)", m.text, re.M)), set(table))
        for name, labels in m.samples:
            family = name if name in table else re.sub(r"_(bucket|sum|count)$", "", name)
            check({label for label, _ in labels} - {"le"} <= table[family], name, "has labels", labels)
        stop(process)


@case
def told_soon():
    """How a connection ended is counted when that is known."""
    with contextlib.ExitStack() as stack:
        process, url = export(stack)
        refused()
        until(url, lambda m: m("tcplens_outcomes_total", verdict="refused"), "the verdict")
        stop(process)


@case
def packets_too():
    """With packets there are two accounts, and what only packets show."""
    with contextlib.ExitStack() as stack:
        process, url = export(stack, "--source", "kernel,wire")
        with socket.create_server(("127.0.0.1", PORT)) as server:
            connections(server, 5)
            m = until(url, lambda m: m.sum("tcplens_connection_ends", source="wire", end="client", state="TIME-WAIT") >= 5
                      and m.sum("tcplens_connection_ends", source="kernel", end="client", state="TIME-WAIT") >= 5,
                      "both accounts")
        check(m("tcplens_records_total", record="segment") > 30)
        stop(process)


@case
def formats():
    """promtool finds nothing to say; OpenMetrics where it is asked for."""
    with contextlib.ExitStack() as stack:
        process, url = export(stack)
        text, kind = get(url)
        check_equal(kind, "text/plain; version=0.0.4; charset=utf-8")
        done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False)
        check_equal((done.returncode, done.stdout, done.stderr), (0, "", ""))
        text, kind = get(url, Accept="application/openmetrics-text; version=1.0.0")
        check_equal(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        check(text.endswith("\n# EOF\n"))
        page, kind = get(url.removesuffix("metrics"))
        check_equal(kind, "text/html; charset=utf-8")
        check('<a href="metrics">' in page and "Prometheus" in page, page)
        for path, headers, status in ("x", {}, 404), ("events", {}, 404), ("", {"Host": "elsewhere.example:80"}, 403), ("metrics", {"Host": "elsewhere.example:80"}, 403):
            try:
                get(url.replace("metrics", path), **headers)
                raise AssertionError(f"{path} {headers} was answered")
            except urllib.error.HTTPError as error:
                check_equal(error.code, status)
        host, port = re.search(r"//([\d.]+):(\d+)/", url).groups()
        for target, name in ("/metrics\0x", f"{host}:{port}"), ("/metrics", f"{host}:{port}\0.elsewhere.example"):
            with socket.create_connection((host, int(port)), timeout=lib.DEADLINE) as raw:
                raw.sendall(f"GET {target} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
                with raw.makefile("rb") as answer:
                    check_equal(answer.readline(), b"HTTP/1.1 400 Bad Request\r\n")
        stop(process)


@case
def bounded():
    """However many there were, no more are followed than was said, and none is left in the figures."""
    with contextlib.ExitStack() as stack:
        process, url = export(stack, "--connections", "1000")
        server = stack.enter_context(socket.create_server(("127.0.0.1", PORT), backlog=64))
        connections(server, 2000)
        m = until(url, lambda m: m("tcplens_connections_total") >= 2000, "all of them")
        until(url, lambda m: m("tcplens_connections_forgotten_total") >= 1000, "those that had to go")
        m = Metrics(url)
        check(m.sum("tcplens_connection_ends", end="client") <= 1000, "more ends than connections are followed")
        memory = m("process_resident_memory_bytes")
        connections(server, 2000)
        m = until(url, lambda m: m("tcplens_connections_total") >= 4000, "all of them")
        check(m.sum("tcplens_connection_ends", end="client") <= 1000)
        # the events' ring is used in turn: what of it was not touched before may come to it
        check(m("process_resident_memory_bytes") - memory < 80 << 20, "memory grows:", memory, m("process_resident_memory_bytes"))
        stop(process)


@case
def wrong_lines():
    for arguments, status, parts in (
            ((), 2, ["where to?", "--metrics"]),
            (("--metrics", "9464", "--", "true"), 2, ["'true' is no option"]),
            (("--metrcs", "9464"), 2, ["did you mean", "--metrics"]),
            (("--metrics", "x"), 2, ["[ADDR:]PORT", "'x'"]),
            (("--metrics", "nowhere:1"), 2, ["--metrics", "'nowhere' is not an address"]),
            (("--metrics", "0", "--netns", "new"), 2, ["--netns new"]),
            (("--metrics", "0", "--connections", "10"), 2, ["--connections", "1000"]),
            (("--metrics", "0", "--output", "x"), 2, ["--output"]),
            (("--metrics", "0", "--netns", "no-such-one"), 1, ["no network namespace 'no-such-one'"])):
        done = lib.run("export", *arguments)
        check_equal(done.status, status, arguments)
        one_line(done.stderr, *parts)
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = lib.run("export", "--metrics", str(server.getsockname()[1]))
        check_equal(done.status, 1)
        one_line(done.stderr, "is taken by another program")
    done = lib.run("export", "--metrics", "0", before=["setpriv", "--reuid", str(lib.NOBODY), "--clear-groups",
                                                       "--inh-caps=-all", "--bounding-set=-all"])
    check_equal(done.status, 3)
    one_line(done.stderr, "docs/export", "--source diag")


@case
def rights_of_the_unit():
    """The capabilities that the unit gives are enough to see all, and it keeps none of them."""
    with open(f"{DOCS}/tcplens-export.service", encoding="utf-8") as file:
        unit = file.read()
    given = re.search(r"^AmbientCapabilities=(.*)", unit, re.M)[1].lower().replace("cap_", "+").replace(" ", ",")
    with contextlib.ExitStack() as stack:
        process, url = export(stack, command=["setpriv", "--reuid", str(lib.NOBODY), "--regid", str(lib.NOBODY),
                                              "--clear-groups", f"--inh-caps=-all,{given}", f"--ambient-caps=-all,{given}",
                                              f"--bounding-set=-all,{given}", "--no-new-privs"])
        get(url)
        check_equal(process.stderr.count("\n"), 1, process.stderr)  # no note of what is not seen
        for which in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
            check_equal(int(process.status_field(which)[0], 16), 0, which)
        stop(process)
    with contextlib.ExitStack() as stack:
        folder = lib.temporary(stack)
        path = lib.write(f"{folder}/tcplens-export.service", unit.replace("/usr/local/bin/tcplens", lib.TCPLENS))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], text=True, capture_output=True, check=False)
        check_equal((done.returncode, done.stderr), (0, ""))


@case
def beside_a_page():
    """`trace --serve` has the same, with its token."""
    with contextlib.ExitStack() as stack:
        process = lib.begin(stack, "trace", "--source", "diag", "-q", "--serve", "0")
        url = process.wait_line(r"^tcplens: viewer: (\S+)$", "stderr")[1]
        text, _ = get(url.replace("/?", "/metrics?"))
        check("tcplens_build_info{" in text)
        try:
            get(url.split("?")[0] + "metrics")
            raise AssertionError("no token was wanted")
        except urllib.error.HTTPError as error:
            check_equal(error.code, 403)
        process.interrupt()
        check_equal(process.wait(), 0, process.stderr)


class Prometheus:
    def __init__(self, stack, target):
        folder = lib.temporary(stack)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                  "rule_files": [f"{DOCS}/tcplens.rules.yml"],
                  "scrape_configs": [{"job_name": "tcplens", "static_configs": [{"targets": [target]}]}]}
        lib.write(f"{folder}/prometheus.yml", json.dumps(config))  # JSON is YAML
        self.url = f"http://127.0.0.1:{port}"
        self.process = lib.Running(["prometheus", f"--config.file={folder}/prometheus.yml",
                                    f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"], stack)
        self.process.wait_line("Server is ready", "stderr")

    def api(self, path, **query):
        answer = json.loads(get(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}")[0])
        check_equal(answer["status"], "success")
        return answer["data"]

    def query(self, query):
        return self.api("query", query=query)["result"]

    def firing(self):
        return [a["labels"] for a in self.api("alerts")["alerts"] if a["state"] == "firing"]


@case
def prometheus():
    """A real one scrapes it; the rule of a full accept queue fires, and each query of the dashboard is answered."""
    for what, file in ("rules", f"{DOCS}/tcplens.rules.yml"), ("config", f"{DOCS}/prometheus.yml"):
        done = subprocess.run(["promtool", "check", what, file], text=True, capture_output=True, check=False)
        check_equal((done.returncode, done.stderr), (0, ""), done.stdout)
    with open(f"{DOCS}/tcplens-dashboard.json", encoding="utf-8") as file:
        panels = [p for p in json.load(file)["panels"] if p["type"] != "row"]
    queries = [t["expr"] for p in panels for t in p["targets"]]
    for old, new in ("$__rate_interval", "1m"), ("$instance", ".*"), ("$listener", ".*"):
        queries = [q.replace(old, new) for q in queries]
    check(len(queries) > 20 and not any("$" in q for q in queries))
    with contextlib.ExitStack() as stack:
        process, url = export(stack, "--source", "kernel,wire")
        server = stack.enter_context(socket.create_server(("127.0.0.1", PORT + 2), backlog=16))
        connections(server, 1)
        p = Prometheus(stack, urllib.parse.urlsplit(url).netloc)
        wait_for(lambda: [r for r in p.query('up{job="tcplens"}') if r["value"][1] == "1"], "a scrape")
        check_equal([a["alertname"] for a in p.firing()], [])
        # counters that a rate is taken of are there twice before anything happens
        wait_for(lambda: [r for r in p.query("count_over_time(tcplens_connections_total[1m])") if int(r["value"][1]) > 1],
                 "a second scrape")
        overflow(stack)

        unanswered = list(queries)

        def answered():
            connections(server, 10)
            refused()
            unanswered[:] = [q for q in unanswered if not p.query(q)]
            return not unanswered

        try:
            wait_for(answered, "answers to all queries of the dashboard")
        except AssertionError as error:
            raise AssertionError(f"{error}: {unanswered}") from None
        alert = wait_for(lambda: [a for a in p.firing() if a["alertname"] == "TcpAcceptQueueOverflow"], "the alert")[0]
        check_equal(alert["listener"], f"127.0.0.1:{PORT}")
        found = wait_for(lambda: p.query(f'tcplens_listener_drops_total{{listener="127.0.0.1:{PORT}",cause="accept-queue-full"}}'),
                         "the drops")
        m = Metrics(url)  # later: they go on
        check(m("tcplens_outcomes_total", verdict="refused") >= 1)
        check_equal(m("tcplens_outcome_causes_total", cause="no-listener"), m("tcplens_outcomes_total", verdict="refused"))
        check(1 <= float(found[0]["value"][1]) <= m("tcplens_listener_drops_total", listener=f"127.0.0.1:{PORT}",
                                                    cause="accept-queue-full"))
        stop(process)


def main():
    if os.geteuid() == 0 and "OWN_NAMESPACE" not in os.environ:
        os.environ["OWN_NAMESPACE"] = "yes"
        os.execvp("unshare", ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, *sys.argv])
    for program in ("prometheus", "promtool", "systemd-analyze"):
        if not any(os.access(f"{d}/{program}", os.X_OK) for d in os.get_exec_path()):
            return lib.cannot_run(f"the program {program} is missing")
    return lib.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
