#!/usr/bin/env python3
"""Tests of `--publish`, with a real NATS server: each record is stored once, whatever becomes of the server meanwhile, and
who traces does not wait for it.

Usage: publish_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO

Runs in a network namespace of its own.
"""
import concurrent.futures
import contextlib
import json
import os
import random
import re
import signal
import socket
import sys
import threading
import time

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import case, check, check_equal, children_of, connections, one_line, status_of, wait_for

PORT = 7007
DAMAGED = int(os.environ.get("TEST_DAMAGED", "60"))  # conversations with a server
NOTE = r"publish: subjects tcplens\.\S+\.>, trace ([0-9a-f]{32})"


class Server:
    """nats-server with what it stores, that can be stopped and started."""

    def __init__(self, stack, *options, store=True):
        self.stack, self.folder = stack, lib.temporary(stack)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.options = [*options, *(["-js", "-sd", f"{self.folder}/store"] if store else [])]
        self.url = f"nats://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        self.process = lib.Running(["nats-server", "-a", "127.0.0.1", "-p", str(self.port), *self.options], self.stack)
        self.process.wait_line("Server is ready", "stderr")

    def stop(self):
        self.process.process.terminate()
        self.process.wait()


def replay(server, *options):
    done = lib.run("fetch", *options, server.url)
    check_equal((done.status, done.stderr), (0, ""), done.stderr)
    return done.stdout


def last_of(lines):
    """The number of the last record."""
    return json.loads(lines.splitlines()[-1]).get("n", 0)


@contextlib.contextmanager
def traced(nats, *options, command="trace"):
    """tcplens trace that publishes, and the file that has the same; it is told to end at last."""
    with contextlib.ExitStack() as stack:
        path = f"{lib.temporary(stack)}/t.ndjson"
        process = lib.begin(stack, command, "-q", "-o", path, "--publish", nats.url, *options)
        process.path = path
        process.wait_line(NOTE, "stderr")
        wait_for(lambda: os.path.exists(path) and os.path.getsize(path), "the header")
        process.server = stack.enter_context(socket.create_server(("127.0.0.1", PORT), backlog=64))
        yield process


def end(process, status=0):
    process.interrupt()
    check_equal(process.process.wait(4 * lib.DEADLINE), status, process.stderr)  # it waits for the server itself
    return lib.read(process.path).decode()


def written(process, count):
    """So many records are in the file, which the tracer writes as it publishes."""
    wait_for(lambda: lib.read(process.path).count(b"\n") > count, "records")


@case
def each_record_once():
    """The stream has what the file has, byte for byte; the subjects tell of host and kind; ids are the trace's and the number."""
    with contextlib.ExitStack() as stack:
        nats = Server(stack)
        with traced(nats) as process:
            connections(process.server, 100)
            socket.create_connection(("127.0.0.1", nats.port)).close()  # by whomever
            trace = end(process)
            identity = re.search(NOTE, process.stderr)[1]
        check_equal(replay(nats), trace, "replayed")
        check(f'"port":{nats.port}}}' not in trace, "to publish makes connections, which must not be published")
        check(json.loads(trace.splitlines()[-1])["skipped"]["of the publisher"] > 0, "and that is not told")
        check(trace.count("\n") > 1000)
        check_equal(replay(nats, "--trace", identity[:8]), trace)
        listed = replay(nats, "--list").split()
        check_equal(listed[0], identity)
        check_equal(listed[2], json.loads(trace.split("\n")[0])["start"])
        # another one beside it: the newest is meant
        with traced(nats) as process:
            connections(process.server, 1)
            second = end(process)
        check_equal(replay(nats), second)
        check_equal(replay(nats, "--trace", identity), trace)
        check_equal(replay(nats, "--list").count("\n"), 2)
        host = socket.gethostname()
        check_equal(replay(nats, "--list", "--host", host).count("\n"), 2)
        check_equal(replay(nats, "--list", "--host", f"{host}.elsewhere"), "")
        check_equal(replay(nats, "--host", host), second)


@case
def server_comes_later():
    """It is away when the trace begins: records wait, and are stored when it comes."""
    with contextlib.ExitStack() as stack:
        nats = Server(stack)
        nats.stop()
        with traced(nats) as process:
            process.wait_line(r"no NATS server answers at 127\.0\.0\.1, port \d+; records wait in the spool", "stderr")
            connections(process.server, 100)
            nats.start()
            process.wait_line("the server stores records", "stderr")
            trace = end(process)
        check_equal(replay(nats), trace)


class Proxy:
    """Between a tracer and the server; what the server answers can be kept from it, as an outage does, or changed."""

    def __init__(self, stack, port, change=lambda data: data):
        self.listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.port, self.to, self.muted, self.pairs = self.listener.getsockname()[1], port, False, []
        self.url = f"nats://127.0.0.1:{self.port}"
        self.change = change
        stack.callback(self.cut)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.to))
                self.pairs.append((client, server))
                for source, sink, back in (client, server, False), (server, client, True):
                    threading.Thread(target=self.carry, args=(source, sink, back), daemon=True).start()

    def carry(self, source, sink, back):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if not back:
                    sink.sendall(data)
                elif not self.muted:
                    sink.sendall(self.change(data))
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def cut(self):
        """All connections end; those that come are new."""
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for one in pair:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)


def reply(server, key):
    """The object with that key that a server answers with."""
    told = b""
    while not (found := re.search(rb'\{[^\r\n]*"%s"[^\r\n]*\}(?=\r\n)' % key, told)):
        piece = server.recv(1 << 16)
        check(piece, "the server has closed the connection:", told)
        told += piece
    return found[0]


def make_stream(nats, **limits):
    """The stream, by who runs the server, before tcplens would make it."""
    config = json.dumps({"name": "tcplens", "subjects": ["tcplens.>"], "storage": "file", "num_replicas": 1, **limits})
    with socket.create_connection(("127.0.0.1", nats.port)) as server:
        server.sendall(b'CONNECT {"verbose":false}\r\nSUB _INBOX.made 1\r\n'
                       + f"PUB $JS.API.STREAM.CREATE.tcplens _INBOX.made {len(config)}\r\n{config}\r\n".encode())
        answer = reply(server, b"type")
    check(b'"error"' not in answer, answer)


@case
def longer_than_ids_are_remembered():
    """Stored, but not acknowledged, and the server has forgotten the ids when it is asked again; beside another trace."""
    with contextlib.ExitStack() as stack:
        nats = Server(stack)
        make_stream(nats, duplicate_window=100_000_000)
        proxy = Proxy(stack, nats.port)
        with traced(proxy, "--port", str(PORT)) as process:
            identity = re.search(NOTE, process.stderr)[1]

            def stored():
                return lib.run("fetch", "--trace", identity, nats.url).stdout.count("\n")

            connections(process.server, 20)
            wait_for(lambda: stored() > 200, "records in the stream")
            proxy.muted = True
            before = stored()
            connections(process.server, 20)
            wait_for(lambda: stored() > before + 200, "records that are stored, and not acknowledged")
            other = lib.begin(stack, "trace", "-q", "--publish", nats.url, "--port", str(PORT))
            other.wait_line(NOTE, "stderr")
            other.interrupt()
            check_equal(other.wait(), 0, other.stderr)
            time.sleep(1)  # the ids are forgotten; later is as well
            proxy.muted = False
            proxy.cut()
            connections(process.server, 20)
            trace = end(process)
        check_equal(lib.run("fetch", "--trace", identity, nats.url).stdout, trace)


@case
def left_at_the_end():
    """What waits is sent on as long as it takes, unless a second signal says that nobody wants to wait."""
    with contextlib.ExitStack() as stack:
        nats = Server(stack)
        with traced(nats) as process:
            wait_for(lambda: replay_now(nats), "the header in the stream")
            nats.process.process.send_signal(signal.SIGSTOP)
            connections(process.server, 10)
            process.interrupt()
            process.wait_line("another Ctrl-C", "stderr")
            process.interrupt()
            check_equal(process.wait(), 4, process.stderr)
            check(re.search(r"publish: \d+ records were not stored: 0 found no room in the spool", process.stderr), process.stderr)
        nats.process.process.send_signal(signal.SIGCONT)


@case
def left_by_one_that_does_not_answer():
    """Somebody has stopped the publisher: it is asked, waited for, and left."""
    with contextlib.ExitStack() as stack:
        nats = Server(stack)
        with traced(nats) as process:
            child, = children_of(process.pid)
            os.kill(child, signal.SIGSTOP)
            stack.callback(os.kill, child, signal.SIGKILL)
            process.interrupt()
            process.wait_line("another Ctrl-C", "stderr")
            process.interrupt()
            check_equal(process.wait(), 4, process.stderr)
            check("tcplens-publish does not answer, and is left to itself" in process.stderr, process.stderr)


def outage(interrupt, resume):
    with contextlib.ExitStack() as stack:
        nats = Server(stack)
        with traced(nats) as process:
            connections(process.server, 300)
            interrupt(nats)
            before = lib.read(process.path).count(b"\n")
            for _ in range(4):
                connections(process.server, 200)
            written(process, before + 5000)  # it traces on, and nobody takes its records
            resume(nats)
            connections(process.server, 100)
            trace = end(process)
        check('"record":"gap"' not in trace, "events were lost")
        check_equal(replay(nats), trace)


@case
def server_is_killed():
    """While connections are traced; it comes back: nothing is lost, nothing stored twice."""
    def kill(nats):
        nats.process.process.kill()
        nats.process.wait()
    outage(kill, Server.start)


@case
def server_is_silent():
    """It is there, takes what is sent, and acknowledges nothing for a while."""
    outage(lambda nats: nats.process.process.send_signal(signal.SIGSTOP),
           lambda nats: nats.process.process.send_signal(signal.SIGCONT))


@case
def spool_is_full():
    """What finds no room is counted, and said; what has room is stored when the server is back."""
    with contextlib.ExitStack() as stack:
        nats = Server(stack)
        with traced(nats, "--spool-size", "1") as process:
            nats.stop()
            while "spool is full" not in process.stderr:
                connections(process.server, 50)
            nats.start()

            def has_room():
                before = last_of(lib.read(process.path).decode().rpartition("\n")[0])
                connections(process.server, 1)
                stored = replay_now(nats)  # nothing at first: the server has just come back
                return stored and last_of(stored) > before

            wait_for(has_room, "room in the spool")
            trace = end(process, 4)
            lost = int(re.search(r"publish: (\d+) records were not stored: \1 found no room in the spool, 0 were", process.stderr)[1])
        stored = replay_now(nats)  # the end itself may have found no room
        check(lost > 0)
        check_equal(stored.count("\n") + lost, trace.count("\n"))
        check(set(stored.splitlines()) <= set(trace.splitlines()), "something else was stored")


@case
def server_stays_away():
    """At the end it is not waited for on and on; what is not stored is counted."""
    with contextlib.ExitStack() as stack:
        nats = Server(stack)
        with traced(nats) as process:
            wait_for(lambda: replay_now(nats), "the header in the stream")
            nats.stop()
            connections(process.server, 10)
            trace = end(process, 4)
            lost = int(re.search(r"publish: (\d+) records were not stored: 0 found no room", process.stderr)[1])
        nats.start()
        # one that was stored just before, and whose acknowledgement did not come, counts as not stored
        missing = trace.count("\n") - replay_now(nats).count("\n")
        check(0 < missing <= lost <= trace.count("\n"), missing, lost)


@case
def by_export():
    with contextlib.ExitStack() as stack:
        nats = Server(stack)
        process = lib.begin(stack, "export", "--publish", nats.url)
        process.wait_line(NOTE, "stderr")
        with socket.create_server(("127.0.0.1", PORT)) as server:
            connections(server, 5)
            wait_for(lambda: replay_now(nats).count('"record":"connection"') >= 5, "the connections")
        process.process.terminate()
        check_equal(process.wait(), 0, process.stderr)
        trace = lib.parse(replay(nats))
        check_equal(trace.end["reason"], "interrupt")
        check('"record":"segment"' not in replay(nats), "packets, which nobody asked for")


def replay_now(nats):
    """What is stored while it goes on; nothing may be yet."""
    done = lib.run("fetch", nats.url)
    check(done.status in (0, 4) or "is stored there" in done.stderr, done.stderr)
    return done.stdout


@case
def who_publishes():
    """It is a process of its own, without rights, with a list of system calls; who traces has no connection."""
    with contextlib.ExitStack() as stack:
        nats = Server(stack)
        with traced(nats) as process:
            child = children_of(process.pid)
            check_equal(len(child), 1)
            status = status_of(child[0])
            check_equal(status["Name"], "tcplens-publish")
            check_equal((status["CapEff"], status["CapPrm"], status["NoNewPrivs"], status["Seccomp"]),
                        ("0" * 16, "0" * 16, "1", "2"))
            check(status["Uid"].split()[0] != "0", status["Uid"])
            theirs = set(lib.links_of(child[0]).values())
            check(process.path not in theirs and not any("bpf" in name for name in theirs), theirs)
            with open("/proc/net/tcp", encoding="ascii") as file:
                inodes = {line.split()[9] for line in file if f":{nats.port:04X} 01 " in line}
            check(any(f"socket:[{inode}]" in theirs for inode in inodes), "it has no connection", theirs)
            ours = set(lib.links_of(process.pid).values())
            check(not any(f"socket:[{inode}]" in ours for inode in inodes), "who traces has the connection", ours)
            end(process)


@case
def a_file_that_is_there_is_kept():
    with contextlib.ExitStack() as stack:
        nats = Server(stack)
        path = f"{lib.temporary(stack)}/kept"
        lib.write(path, b"mine\n")
        with traced(nats) as process:
            connections(process.server, 1)
            end(process, 0)
        stored = replay(nats)
        none = f"{lib.temporary(stack)}/none"
        check_equal(lib.run("fetch", nats.url, "-o", none, "--trace", "none").status, 1)
        check(not os.path.exists(none), "a file that nothing came for")
        for options, status in (((), 1), (("--force", "--trace", "none"), 1), (("--force",), 0)):
            done = lib.run("fetch", nats.url, "-o", path, *options)
            check_equal(done.status, status, done.stderr)
            check_equal(lib.read(path).decode(), "mine\n" if status else stored)


@case
def wrong_lines():
    with contextlib.ExitStack() as stack:
        bare = Server(stack, store=False)
        guarded = Server(stack, "--user", "u", "--pass", "p")
        guarded_at = guarded.url.removeprefix("nats://")
        for url, status, parts in (
                ("http://x", 2, ["takes nats://", "'http://x'"]),
                ("nats://", 2, ["takes nats://"]),
                ("nats://u@h", 2, ["takes nats://[USER:PASSWORD@]HOST"]),
                ("nats://h:0", 2, ["takes nats://"]),
                ("nats://no-such-host.invalid", 1, ["no address of 'no-such-host.invalid'"]),
                (bare.url, 1, ["has no JetStream", "-js"]),
                (guarded.url, 1, ["wants other credentials"]),
                (f"nats://u:wrong@{guarded_at}", 1, ["wants other credentials"])):
            for command in ("trace", "--source", "diag", "-q", "--duration", "1"), ("export", "--source", "diag"):
                done = lib.run(*command, "--publish", url)
                check_equal(done.status, status, (command, url, done.stderr))
                one_line(done.stderr, *parts)
                check("wrong" not in done.stderr, "a password is told")
            done = lib.run("fetch", url)
            check_equal(done.status, status, ("fetch", url, done.stderr))
            one_line(done.stderr)
        done = lib.run("trace", "--source", "diag", "-q", "--publish", f"nats://u:p@{guarded_at}", "--spool", "/no/such")
        check_equal(done.status, 1)
        one_line(done.stderr, "cannot make a spool in /no/such")
        done = lib.run("trace", "--source", "diag", "-q", "--publish", f"nats://u:p@{guarded_at}", "--duration", "1")
        check_equal(done.status, 0, done.stderr)
        with socket.create_server(("127.0.0.1", 0)) as free:
            nobody = f"nats://127.0.0.1:{free.getsockname()[1]}"
        done = lib.run("fetch", nobody)
        check_equal(done.status, 1)
        one_line(done.stderr, "no NATS server answers at 127.0.0.1, port")
        done = lib.run("fetch", "--trace", "ffff", f"nats://u:p@{guarded_at}")
        check_equal(done.status, 1)
        one_line(done.stderr, "no trace whose id begins with ffff is stored", "--list")
        done = lib.run("fetch", "--host", "no.such", f"nats://u:p@{guarded_at}", "-o", f"{lib.temporary(stack)}/none")
        check_equal(done.status, 1)
        one_line(done.stderr, "no trace of host no.such is stored", "--list")
        for arguments, part in (((), "from where?"), (("nats://a", "nats://b"), "one server"), (("--lst", "nats://a"), "--list"),
                                (("a:4222",), "the address of the server takes nats://"), (("--trace", "", "nats://a"), "--trace is empty"),
                                (("--list", "-o", "x", "nats://a"), "--list prints")):
            done = lib.run("fetch", *arguments)
            check_equal(done.status, 2)
            one_line(done.stderr, part)


INFO = {"server_id": "x", "version": "2.10.0", "proto": 1, "headers": True, "max_payload": 1 << 20, "jetstream": True}


class Odd:
    """A server that says what it is told to of itself; then it takes what comes, or is gone."""

    def __init__(self, stack, info, goes=False):
        self.listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.url = f"nats://127.0.0.1:{self.listener.getsockname()[1]}"
        self.info, self.goes, self.clients = b"INFO " + json.dumps({**INFO, **info}).encode() + b"\r\n", goes, []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.clients.append(client)
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with contextlib.suppress(OSError):
            client.sendall(self.info)
            while client.recv(1 << 16) and not self.goes:
                pass
            client.shutdown(socket.SHUT_RDWR)


@case
def server_wants_tls():
    """It is told at once, though the server says nothing more: at the start, and when the connection is made again."""
    with contextlib.ExitStack() as stack:
        odd = Odd(stack, {"tls_required": True})
        told = "wants TLS, which is not spoken here"
        for command in ("fetch", odd.url), ("trace", "--source", "diag", "-q", "--publish", odd.url, "--duration", "1"):
            done = lib.run(*command)
            check_equal(done.status, 1, done.stderr)
            one_line(done.stderr, told)
        nats = Server(stack)
        proxy = Proxy(stack, nats.port)
        with traced(proxy) as process:
            wait_for(lambda: replay_now(nats), "the header in the stream")
            proxy.change = lambda data: data.replace(b'"proto":1', b'"tls_required":true,"proto":1')
            proxy.cut()
            process.wait_line(rf"publish: the NATS server at \S+, port \d+ {told}; records wait in the spool", "stderr")
            connections(process.server, 3)
            proxy.change = lambda data: data
            process.wait_line("the server stores records again", "stderr")
            trace = end(process)
            check("system call" not in process.stderr, process.stderr)
        check_equal(replay(nats), trace)


@case
def server_names_others():
    """Nobody is connected with but the server that was named, though that one is gone when it has said who would answer."""
    with contextlib.ExitStack() as stack:
        other = Odd(stack, {})
        named = [other.url.removeprefix("nats://"), "../../etc/passwd", "\x1b[31m:1"]
        odd = Odd(stack, {"connect_urls": named}, goes=True)
        done = lib.run("fetch", odd.url)
        check_equal(done.status, 1)
        one_line(done.stderr, "the NATS server at 127.0.0.1, port")
        check(odd.clients and not other.clients, "another server was connected with")


@case
def server_does_not_answer():
    """It has said who it is, and no more: the trace begins all the same."""
    with contextlib.ExitStack() as stack:
        odd = Odd(stack, {})
        process = lib.begin(stack, "trace", "--source", "diag", "-q", "--publish", odd.url)
        process.wait_line("no NATS server answers at .*; records wait in the spool", "stderr")
        process.wait_line(NOTE, "stderr")


def connecting(stack):
    """tcplens trace, and its publisher, which is stopped before it is connected with a silent server."""
    while True:
        odd = Odd(stack, {})
        odd.info = b"INFO"  # nor is that the end of it
        process = lib.begin(stack, "trace", "--source", "diag", "-q", "--publish", odd.url)
        wait_for(lambda o=odd: o.clients, "the connection")
        child, = children_of(process.pid)
        os.kill(child, signal.SIGSTOP)
        stack.callback(lambda c=child: status_of(c) and os.kill(c, signal.SIGKILL))
        wait_for(lambda c=child: status_of(c)["State"].startswith("T"), "it to stop")
        try:
            odd.clients[0].recv(1, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return process, child
        os.kill(child, signal.SIGCONT)  # it was too slow a machine: the publisher has given up waiting already
        process.process.kill()
        process.wait()


@case
def ended_before_it_is_connected():
    """A signal ends it though who publishes does nothing; who publishes ends with who traces."""
    with contextlib.ExitStack() as stack:
        for number in signal.SIGTERM, signal.SIGINT:
            process, child = connecting(stack)
            process.process.send_signal(number)
            check_equal(process.wait(), 1, process.stderr)
            one_line(process.stderr, "--publish: asked to end before it was connected")
            wait_for(lambda c=child: status_of(c) is None, "the publisher to end")
        process, child = connecting(stack)
        process.process.kill()
        process.wait()
        wait_for(lambda: (status_of(child) or {"State": "Z"})["State"].startswith("Z"), "the publisher to end")


@case
def server_takes_no_record():
    """Each is too long for it: that is told, and they are stored when it takes them."""
    with contextlib.ExitStack() as stack:
        nats = Server(stack)
        proxy = Proxy(stack, nats.port)
        with traced(proxy) as process:
            wait_for(lambda: replay_now(nats), "the header in the stream")
            proxy.change = lambda data: re.sub(rb'"max_payload":\d+', b'"max_payload":1', data)
            proxy.cut()
            connections(process.server, 3)
            process.wait_line(r"publish: .*\bMaximum Payload\b.*; (records|they) wait", "stderr")
            proxy.change = lambda data: data
            process.wait_line("the server stores records again", "stderr")
            trace = end(process)
        check_equal(replay(nats), trace)


def publish(nats, subject, identity, line):
    """A message as anybody can store it; the server has it when this returns, and says where."""
    header = b"NATS/1.0\r\nNats-Msg-Id: " + identity + b"\r\n\r\n"
    with socket.create_connection(("127.0.0.1", nats.port), timeout=lib.DEADLINE) as server:
        server.sendall(b'CONNECT {"verbose":false,"headers":true}\r\nSUB _INBOX.stored 1\r\n'
                       + b"HPUB %s _INBOX.stored %d %d\r\n" % (subject, len(header), len(header) + len(line))
                       + header + line + b"\r\n")
        return reply(server, b"seq")


@case
def what_others_stored():
    """Messages that are none of a trace, and some that say they are of one: nothing of them reaches a terminal."""
    with contextlib.ExitStack() as stack:
        nats = Server(stack)
        make_stream(nats)
        trace, other = b"0123456789abcdef" * 2, b"\x1b[2J56789abcdef0" * 2
        header, end = b'{"record":"header","n":0,"start":"2026-11-28T12:00:00.000000000Z"}', b'{"record":"end","n":6}'
        publish(nats, b"tcplens.h.header", trace + b"-0", header)
        for n, line in enumerate((b'{"a":"\x1b[2J"}', b"{\n}", b"", b"{" + b" " * 65536 + b"}", b"{\xc2\x9b}"), 1):
            publish(nats, b"tcplens.h.state", trace + b"-%d" % n, line)
        publish(nats, b"tcplens.h.end", trace + b"-6", end)
        publish(nats, b"tcplens.h.header", other + b"-0", header)
        publish(nats, b"tcplens.\x1b[2J.header", other[::-1] + b"-0", header)
        publish(nats, b"tcplens.h.header", b"f" * 32 + b"-0", b"\x1b[2J")
        check_equal(replay(nats, "--list"), f"{trace.decode()} h 2026-11-28T12:00:00.000000000Z\n")
        done = lib.run("fetch", nats.url)
        check_equal((done.status, done.stdout), (4, (header + b"\n" + end + b"\n").decode()))
        check_equal(done.stderr, "tcplens: 5 messages that say they are of the trace are left out: they hold no line of one\n")


@case
def what_is_stored_twice_hides_nothing():
    """Of a record that is there again, one is shown; one that came late is not missing, and one that never came is."""
    with contextlib.ExitStack() as stack:
        nats = Server(stack)
        make_stream(nats, duplicate_window=100_000_000)  # the least
        trace = b"0123456789abcdef" * 2
        for status, numbers, shown in (0, (0, 1, 3, 2, 4), 5), (4, (0, 1, 1, 3, 4), 4):
            for n in numbers:
                kind = {0: "header", 4: "end"}.get(n, "state")
                line = f'{{"record":"{kind}","n":{n}}}'
                message = f"tcplens.h.{kind}".encode(), trace + b"-%d" % n, line.encode()
                lib.wait_for(lambda m=message: b'"duplicate"' not in publish(nats, *m), "the server to forget the id")
            done = lib.run("fetch", nats.url)
            check_equal((done.status, len(done.stdout.splitlines())), (status, shown), done.stderr)
            check_equal("1 records of the trace are missing" in done.stderr, status == 4, done.stderr)
            trace = trace[::-1]


def damage(seed, length):
    """A function that changes what passes, at up to three places among so many bytes."""
    draw = random.Random(seed)
    places = sorted(draw.randrange(length) for _ in range(draw.choice((0, 1, 1, 3))))
    passed = 0

    def change(data):
        nonlocal passed
        pieces, here = [], 0
        while places and places[0] < passed + len(data):
            at = places.pop(0) - passed
            pieces += [data[here:at], draw.choice((b"", b"\x1b[2J", b"\r\n", b"9", b"-", b"\0", b"\xff", data[:at]))]
            here = at + draw.choice((0, 1, 9))
        passed += len(data)
        return b"".join(pieces) + data[here:]
    return change


@case
def server_lies():
    """What it sends is damaged at random: fetch ends, says why, and shows nothing that is no line of a trace."""
    with contextlib.ExitStack() as stack:
        nats = Server(stack)
        with traced(nats) as process:
            connections(process.server, 3)
            trace = end(process)

        def fetch_damaged(seed):
            with contextlib.ExitStack() as own:
                proxy = Proxy(own, nats.port, damage(seed, 2000 + 2 * len(trace)))
                done = lib.run("fetch", *(["--list"] if seed % 3 == 0 else []), proxy.url)
                print(f"     {seed}: status {done.status}, {done.stdout.count(chr(10))} lines, {done.stderr.strip()}")
                check(done.status in (0, 1, 4) and (done.status == 0 or done.stderr), seed, done)
                check(not re.search("broke down|Sanitizer|runtime error", done.stderr), seed, done.stderr)
                check(not re.search(r"[^\x20-\x7e\n]", done.stdout + done.stderr), seed, done)
                check(done.stderr.count("\n") <= 3, seed, done.stderr)
                check(done.status or done.stderr or seed % 3 == 0 or done.stdout.count("\n") == trace.count("\n"),
                      seed, "lines are missing, and nobody is told")
                return done.stdout == trace

        with concurrent.futures.ThreadPoolExecutor(12) as several:
            whole = sum(several.map(fetch_damaged, range(DAMAGED)))
        check(0 < whole < DAMAGED, f"{whole} of {DAMAGED} were fetched as they are")


def main():
    if os.geteuid() == 0 and "OWN_NAMESPACE" not in os.environ:
        os.environ["OWN_NAMESPACE"] = "yes"
        os.execvp("unshare", ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, *sys.argv])
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if not any(os.access(f"{d}/nats-server", os.X_OK) for d in os.get_exec_path()):
        return lib.cannot_run("the program nats-server is missing")
    return lib.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
