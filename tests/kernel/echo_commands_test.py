#!/usr/bin/env python3
"""Tests of the other commands of tcplens-echo on the real kernel: clients, datagrams, the comparison, the demonstration; and
what all commands say of options.

Usage: echo_commands_test.py [CASE]...     with the path of tcplens-echo in the environment, as ECHO
"""
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import xml.etree.ElementTree

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import DEADLINE, ECHO, case, check, check_equal, children_of, has_ended, read_of, wait_for
from lib.echo import (ACK, EPOLL, MODES, RST, SYN, TIME_WAIT, Server, capture_loopback, case_of, check_four_way_close,
                      main, receive, run, segments, set_sysctl, tcp_sockets)


# --- usage --------------------------------------------------------------------------------------


@case
def unknown_model():
    status, out, error = run("server", "--model", "nosuch")
    check_equal((status, out), (2, ""))
    check_equal(error, "tcplens-echo server: unknown model 'nosuch' (there is: iterative, fork, thread, select, "
                       "poll, epoll)\n"
                       "Try 'tcplens-echo server --help' for the options.\n")


@case
def usage_errors():
    for arguments, part in (
            ([], "a command is needed"),
            (["nosuch"], "unknown command: nosuch"),
            (["--nosuch"], "unknown option: --nosuch"),
            (["server", "--nosuch"], "'--nosuch'"),
            (["server", "-x"], "'-x'"),
            (["server", "word"], "'word'"),
            (["server", "--port"], "'--port' needs a value"),
            (["server", "--edge=1"], "'--edge=1' takes no value"),
            (["server", "--port", "65536"], "--port: '65536' is not a number from 0 to 65535"),
            (["server", "--port", ""], "--port: ''"),
            (["server", "--backlog", "1x"], "--backlog: '1x'"),
            (["server", "--max-connections", "0"], "from 1 to"),
            (["server", "--greeting", "x" * 256], "longer than 255 bytes"),
            (["server", "--fault", "nevr-read"], "did you mean 'never-read'?"),
            (["server", "--fault", "parent-keeps"], "model 'epoll' cannot have it; 'fork' can"),
            (["server", "--fault", "edge-read-once", "--model", "poll"], "'epoll' can"),
            (["server", "--keepalive", "1,2"], "two numbers of seconds up to 32767 and a count up to 127, not '1,2'"),
            (["server", "--keepalive", "1,2,128"], "not '1,2,128'"),
            (["client", "--port", "0"], "from 1 to 65535"),
            (["client", "--size", "99999999999999999999"], "--size"),
            (["client", "--size", "1", "--message", "x"], "exclude each other"),
            (["client", "--message", ""], "an empty message"),
            (["client", "--short", "--long"], "--short and --long exclude each other"),
            (["client", "--short"], "--short needs --message or --size"),
            (["client", "--connections", "2"], "--connections needs --message or --size"),
            (["client", "--heartbeat", "5"], "--heartbeat needs --message or --size"),
            (["client", "--heartbeat", "5,11"], "milliseconds up to 3600000, and a count up to 10, not '5,11'"),
            (["client", "--heartbeat", "x"], "not 'x'"),
            (["client", "--fault", "nohtons"], "did you mean 'no-htons'?"),
            (["udp-server", "--buffer", "65536"], "from 1 to 65535"),
            (["udp-client", "--size", "65508"], "from 1 to 65507"),
            (["udp-client", "--size", "1", "--message", "x"], "exclude each other"),
            (["compare", "--idle", "10,5"], "up to 5 rising numbers from 1 to 10000 with commas, not '10,5'"),
            (["compare", "--idle", "10001"], "not '10001'"),
            (["compare", "--model", "pol"], "did you mean 'poll'?"),
            (["demo", "--clients", "11"], "from 1 to 10"),
            (["demo", "--port", "-1"], "--port: '-1'")):
        status, out, error = run(*arguments)
        check_equal((status, out), (2, ""), f"{arguments}:")
        check(part in error and error.count("\n") == 2 and "Try 'tcplens-echo" in error,
              arguments, "says", repr(error))


@case
def words_that_a_terminal_would_obey():
    """They stand in messages as \\xNN, and a line feed divides none."""
    word = "a\u202eb\u009b31m\x1b[2J".encode() + b"\xff\nz"
    shown = rb"a\xe2\x80\xaeb\xc2\x9b31m\x1b[2J\xff\x0az"
    for arguments, status, part, lines in (
            ([word], 2, b"unknown command: " + shown, 2),
            ([b"-" + word], 2, b"unknown option: -" + shown, 2),
            (["server", "--model", word], 2, b"unknown model '" + shown, 2),
            (["server", word], 2, b"unexpected word '" + shown, 2),
            (["server", b"-\x1b"], 2, rb"unknown option '-\x1b'", 2),
            (["server", "--bind", word], 1, b"--bind " + shown, 1),
            (["client", "--port", word], 2, b"--port: '" + shown, 2),
            (["client", "--host", word, "--port", "7"], 1, b"cannot find host '" + shown, 1),
            (["udp-server", "--bind", word], 1, b"--bind " + shown, 1),
            (["udp-client", "--host", word], 1, b"cannot find host '" + shown, 1),
            (["compare", "--model", word], 2, b"unknown model '" + shown, 2),
            (["compare", "--svg", b"/nowhere/" + word], 1, b"cannot write /nowhere/" + shown, 1)):
        done = subprocess.run([ECHO, *arguments], capture_output=True, timeout=2 * DEADLINE, check=False)
        check_equal((done.returncode, done.stdout), (status, b""), f"{arguments}:")
        check(part in done.stderr and done.stderr.count(b"\n") == lines, arguments, "says", done.stderr)
        check(re.fullmatch(rb"[\x20-\x7e\n]*", done.stderr), arguments, "says", done.stderr)
    # What can be shown stays as it is.
    check("unexpected word 'grüße 中'" in run("server", "grüße 中")[2], "UTF-8 is not shown")


@case
def help_and_version():
    for command in ([], ["server"], ["client"], ["udp-server"], ["udp-client"], ["demo"], ["compare"]):
        for option, begin in (("--help", "Usage: tcplens-echo"), ("--version", "tcplens-echo ")):
            status, out, error = run(*command, option)
            check_equal((status, error), (0, ""), f"{command} {option}:")
            check(out.startswith(begin), command, option, "prints", repr(out))
    check("\n  epoll " in run("server", "--help")[1], "the models are not listed")
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([ECHO, "--help"], stdout=full, stderr=subprocess.PIPE, check=False)
    check_equal((done.returncode, done.stderr),
                (1, b"tcplens-echo: cannot write to standard output\n"))


@case
def bad_bind():
    for address, part in (("nosuch", "a numeric address is expected"),
                          ("192.0.2.1", "cannot listen on 192.0.2.1:7007: ")):
        status, out, error = run("server", "--bind", address)
        check_equal((status, out, error.count("\n")), (1, "", 1))
        check(part in error, repr(error))


# --- the client ---------------------------------------------------------------------------------


@case
def client_without_server():
    status, out, error = run("client", "--message", "x")
    check_equal((status, out), (1, ""))
    check_equal(error, "tcplens-echo client: cannot connect to 127.0.0.1:7007: Connection refused "
                       "(is the server running? tcplens-echo server)\n")
    status, _, error = run("client", "--host", "nosuch.invalid", "--message", "x")
    check_equal((status, error.count("\n")), (1, 1))
    check("cannot find host 'nosuch.invalid'" in error, repr(error))


@case_of(EPOLL)
def client_messages(mode):
    with Server(*mode, bind="::") as server:
        port = ["--port", str(server.port)]
        for options in (["--message", "hello"],
                        ["--message", "hello\n", "--count", "1000"],
                        ["--message", "hello", "--count", "3", "--interval", "5", "--hold", "5"],
                        ["--message", "hello", "--count", "2", "--half-close"],
                        ["--message", "hello", "--host", "::1"],
                        ["--message", "hello", "--host", "localhost"],
                        ["--size", "10000000"],
                        ["--size", "3000000", "--count", "3", "--half-close"]):
            status, out, error = run("client", *port, *options)
            check_equal((status, error), (0, ""), f"{options}:")
            check("every echo is right" in out, options, "prints", repr(out))


@case_of(EPOLL)
def client_knows_the_greeting(mode):
    with Server("--greeting", "Hello, ", *mode) as server:
        port = ["--port", str(server.port)]
        for options in (["--message", "a\nb\nc"], ["--message", "a\n", "--count", "100"],
                        ["--size", "1000000", "--half-close"]):
            status, _, error = run("client", *port, "--greeting", "Hello, ", *options)
            check_equal((status, error), (0, ""), f"{options}:")
        status, _, error = run("client", *port, "--message", "hello")
        check_equal((status, error), (1, "tcplens-echo client: the echo differs at byte 0 of 5\n"))


@case
def client_notices_wrong_echo():
    def answer_wrong(data):
        return b"hellO"

    def answer_more(data):
        return data + b"!"

    def answer_less(data):
        return data[:3]

    def answer_and_leave(data):
        return data

    for answer, options, part in (
            (answer_wrong, [], "differs at byte 4 of 5"),
            (answer_more, [], "differs at byte 5 of 5"),
            (answer_less, [], "closed the connection after 3 of 5 bytes"),
            (answer_and_leave, ["--hold", "60000"], "the server has closed the connection"),
            (answer_and_leave, ["--count", "2", "--interval", "60000"], "has closed")):
        # With --hold, the server leaves at once: a client must notice that while it pauses.
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def serve():
                sock, _ = listener.accept()
                with sock:
                    if "--hold" not in options:
                        sock.sendall(answer(receive(sock, 5)))

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            status, out, error = run("client", "--port", str(listener.getsockname()[1]),
                                     "--message", "hello", *options)
            thread.join(DEADLINE)
        check_equal((status, out, error.count("\n")), (1, "", 1), f"{answer.__name__}:")
        check(part in error, answer.__name__, repr(error))


@case_of(EPOLL)
def client_interactive(mode):
    with Server(*mode) as server:
        port = ["--port", str(server.port)]
        check_equal(run("client", *port, stdin="one\ntwo\n"), (0, "one\ntwo\n", ""))
        check_equal(run("client", *port, stdin="no line feed"), (0, "no line feed", ""))
        check_equal(run("client", *port), (0, "", ""))
        long = "".join(f"line {i}\n" for i in range(200_000))
        check(run("client", *port, stdin=long) == (0, long, ""), "the echo of 2 MB differs")

        # A person types a line and sees its echo before typing the next.
        client = subprocess.Popen([ECHO, "client", *port], stdin=subprocess.PIPE, bufsize=0,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for line in (b"first\n", b"second\n"):
            client.stdin.write(line)
            check(select.select([client.stdout], [], [], DEADLINE)[0], "no echo of", line)
            check_equal(client.stdout.read(100), line)
        server.stop()
        check_equal(client.wait(DEADLINE), 1, "exit status when the server ends:")
        check_equal(client.stderr.read(),
                    b"tcplens-echo client: the server has closed the connection\n")
        for pipe in (client.stdin, client.stdout, client.stderr):
            pipe.close()


@case
def client_short_and_long():
    """A connection for each message, or one for all; so many of them at once."""
    for options, connections, messages in (
            ([], 1, 1), (["--count", "5"], 1, 5), (["--count", "5", "--long"], 1, 5), (["--count", "5", "--short"], 5, 5),
            (["--count", "3", "--connections", "4"], 4, 12), (["--count", "3", "--connections", "4", "--short"], 12, 12)):
        with Server("--verbose") as server:
            status, out, error = run("client", "--port", str(server.port), "--message", "hello", *options)
            check_equal((status, error), (0, ""), f"{options}:")
            over = f" over {connections} connections" if connections > 1 else ""
            check_equal(out, f"{messages} message{'s' * (messages > 1)} of 5 bytes sent{over}, every echo is right\n")
            server.stop()
            server.reader.join(DEADLINE)
            for part, count in (("accept() returned", connections), ("read() returned 5 bytes", messages)):
                check_equal(sum(part in line for line in server.lines), count, f"{options}, {part}:")


@case
def client_holds_connections():
    with Server("--backlog", "600") as server:
        idle = server.descriptors()
        client = subprocess.Popen([ECHO, "client", "--port", str(server.port), "--message", "x", "--connections", "500",
                                   "--hold", "3600000"], stdout=subprocess.PIPE)
        wait_for(lambda: server.descriptors() == idle + 500, "500 connections at once")
        client.kill()
        client.wait()
        client.stdout.close()
        wait_for(lambda: server.descriptors() == idle, "all to be closed")


@case
def client_heartbeat():
    """It is answered in a pause; a server that stands still is noticed, which keep-alive does not."""
    with Server("--greeting", "Hello, ", "--verbose") as server:
        options = ["--port", str(server.port), "--greeting", "Hello, ", "--message", "hi"]
        patient = ["--heartbeat", "100,10", "--verbose"]
        status, _, error = run("client", *options, "--hold", "300", "--count", "2", *patient)
        check_equal((status, error), (0, ""))
        client = subprocess.Popen([ECHO, "client", *options, "--hold", "3600000", "--keepalive", "1,1,1", *patient],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2):
            while "the heartbeat is answered" not in (line := client.stdout.readline()):
                check(line, "the client ended:", client.poll())
        server.process.send_signal(signal.SIGSTOP)
        _, error = client.communicate(timeout=DEADLINE)
        server.process.send_signal(signal.SIGCONT)
        check_equal(client.returncode, 1)
        check_equal(error, "tcplens-echo client: the server is not alive: no answer to 10 heartbeats, 100 ms apart\n")


@case
def client_timeout():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        status, _, error = run("client", "--port", str(port), "--message", "x", "--timeout", "100")
        check_equal((status, error), (1, "tcplens-echo client: no answer: nothing came for 100 ms after 0 of 1 bytes "
                                         "of echo\n"))
        # The accept queue has one place, and that connection still takes it: the next SYN is dropped.
        status, _, error = run("client", "--port", str(port), "--message", "x", "--timeout", "100")
        check_equal((status, error), (1, f"tcplens-echo client: cannot connect to 127.0.0.1:{port}: "
                                         "Connection timed out\n"))


@case
def client_keep_alive():
    with Server("--verbose") as server:
        client = subprocess.Popen([ECHO, "client", "--port", str(server.port), "--keepalive", "100,1,1"],
                                  stdin=subprocess.PIPE)
        server.wait_line("accept()")
        with open("/proc/net/tcp", encoding="ascii") as file:
            timers = [line.split()[5] for line in file if line.split()[2].endswith(f":{server.port:04X}")]
        check(len(timers) == 1 and timers[0].startswith("02:"), "no keep-alive timer:", timers)
        client.communicate(timeout=DEADLINE)


# --- datagrams ----------------------------------------------------------------------------------


class UdpServer:
    def __init__(self, *options):
        self.process = subprocess.Popen([ECHO, "udp-server", "--port", "0", "--verbose", *options],
                                        stdout=subprocess.PIPE, text=True)
        match = re.fullmatch(r"receiving at (\S+):(\d+)\n", self.process.stdout.readline())
        self.options = ["--port", match[2]]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.said = self.process.stdout.read()
        self.process.stdout.close()
        check_equal(self.process.wait(DEADLINE), 0, "exit status after SIGTERM:")


@case
def udp_echo():
    set_sysctl("net.ipv6.bindv6only", "1")
    with UdpServer("--bind", "::") as server:
        for options, count, size in ((["--message", "hello"], 1, 5), (["--message", ""], 1, 0), (["--size", "65507"], 1, 65507),
                                     (["--size", "1000", "--count", "100"], 100, 1000),
                                     (["--message", "hello", "--host", "::1", "--unconnected"], 1, 5)):
            status, out, error = run("udp-client", *server.options, *options)
            check_equal((status, error), (0, ""), f"{options}:")
            check(re.match(rf"{count} datagrams? of {size} bytes sent, every echo is right; \d+ sent again\n", out), out)
        check_equal(run("udp-client", *server.options, stdin="one\ntwo\n"), (0, "one\ntwo\n", ""))


@case
def udp_loss():
    """Every third datagram gets no answer: it is sent again, and that is counted."""
    with UdpServer("--lose", "3") as server:
        status, out, error = run("udp-client", *server.options, "--message", "x", "--count", "6", "--timeout", "50")
        check_equal((status, error), (0, ""))
        check(int(re.search(r"; (\d+) sent again", out)[1]) >= 2, out)
    with UdpServer("--lose", "1") as server:
        status, _, error = run("udp-client", *server.options, "--message", "x", "--timeout", "20", "--retries", "2")
        check_equal(status, 1)
        check("no answer from 127.0.0.1:" in error and "sent 3 times, 20 ms apart" in error, error)
    check_equal(server.said.count("no answer to it"), 3)


@case
def udp_border():
    """What does not fit the buffer of a recvfrom() is lost for ever; a greeting begins each datagram anew."""
    with UdpServer("--buffer", "10", "--greeting", "Hello, ") as server:
        status, _, error = run("udp-client", *server.options, "--size", "400")
        check_equal((status, error), (1, "tcplens-echo udp-client: the echo differs: 17 bytes came, 400 were expected\n"))
        check_equal(run("udp-client", *server.options, "--message", "a", "--greeting", "Hello, ", "--count", "2")[0], 0)
    check("took 10 of 400 bytes" in server.said and "the rest is lost" in server.said, server.said)


@case
def udp_refused():
    """A connected socket is told of the port unreachable; the other one hears nothing."""
    status, _, error = run("udp-client", "--message", "x")
    check_equal(status, 1)
    check("Connection refused: ICMP port unreachable came back from 127.0.0.1:7007" in error, error)
    status, _, error = run("udp-client", "--message", "x", "--unconnected", "--timeout", "20", "--retries", "1")
    check_equal(status, 1)
    check("sent 2 times" in error and "refused" not in error, error)


@case
def udp_busy():
    with UdpServer() as server:
        status, _, error = run("udp-server", *server.options)
        check_equal(status, 1)
        check("Address already in use (choose another with --port)" in error, error)


# --- the comparison -----------------------------------------------------------------------------


@case
def compared():
    """Figures that no machine can change: who answers, how many processes and threads, which calls."""
    with tempfile.TemporaryDirectory() as folder:
        status, out, error = run("compare", "--idle", "2,20", "--requests", "20", "--svg", f"{folder}/chart.svg")
        check_equal((status, error), (0, ""))
        chart = xml.etree.ElementTree.parse(f"{folder}/chart.svg").getroot()
    rows = {line.split()[0]: line for line in out.splitlines()[2:-1]}
    check_equal(list(rows), ["iterative", "fork", "thread", "select", "poll", "epoll"])
    check_equal(rows["iterative"].count(" none"), 2, rows["iterative"])
    for model, processes, threads, calls in (("fork", 22, 22, "read write"), ("thread", 1, 22, "read write"),
                                             ("select", 1, 1, "select"), ("poll", 1, 1, "poll"),
                                             ("epoll", 1, 1, "epoll")):
        figures = re.search(r" (\d+) +(\d+) +(\S+)  (.*)$", rows[model])
        check_equal((int(figures[1]), int(figures[2])), (processes, threads), rows[model])
        if figures[3] != "?":  # ptrace() may be forbidden
            check(calls in figures[4] and "read write" in figures[4], rows[model])
            check(abs(float(figures[3]) - (2 if model in ("fork", "thread") else 3)) < 0.3, rows[model])
        check("none" not in rows[model] and "?" not in rows[model][:60], rows[model])
    check_equal(len([e for e in chart.iter() if e.tag.endswith("rect")]), 1 + 3 * 6 - 1, "bars, but for iterative's memory:")


@case
def compared_cannot_write():
    status, out, error = run("compare", "--idle", "1", "--requests", "1", "--model", "epoll", "--svg", "/nowhere/x.svg")
    check_equal((status, out), (1, ""))
    check_equal(error, "tcplens-echo compare: cannot write /nowhere/x.svg: No such file or directory\n")


@case
def compared_keeps_the_file_that_is_there():
    """Nothing is measured where the chart cannot be written; and what a link leads to is not replaced either."""
    with tempfile.TemporaryDirectory() as folder:
        chart, link, dangling = (f"{folder}/{name}.svg" for name in ("chart", "link", "dangling"))
        with open(chart, "w", encoding="ascii") as file:
            print("old", file=file)
        os.symlink(chart, link)
        os.symlink(f"{folder}/nowhere", dangling)
        for path in (chart, link, dangling):
            status, out, error = run("compare", "--idle", "1", "--requests", "1", "--model", "epoll", "--svg", path)
            check_equal((status, out), (1, ""))
            check_equal(error, f"tcplens-echo compare: {path} is there already, and is not replaced\n")
        with open(chart, encoding="ascii") as file:
            check_equal(file.read(), "old\n")
        check_equal(sorted(os.listdir(folder)), ["chart.svg", "dangling.svg", "link.svg"])


@case
def compared_leaves_nothing_where_it_does_not_end():
    """There is no file before there is a chart: one that is empty would keep the next from being made."""
    with tempfile.TemporaryDirectory() as folder:
        with subprocess.Popen([ECHO, "compare", "--model", "epoll", "--requests", "100000", "--svg", f"{folder}/chart.svg"],
                              stdout=subprocess.DEVNULL) as process:
            wait_for(lambda: children_of(process.pid) or process.poll() is not None, "a server to be measured")
            process.kill()
        check_equal(process.returncode, -signal.SIGKILL)
        check_equal(os.listdir(folder), [])


@case
def compared_under_sudo():
    """The chart is the caller's, and nobody else can read it."""
    with tempfile.NamedTemporaryFile() as probe:
        try:
            os.chown(probe.name, 1234, 5678)
            caller = (1234, 5678)
        except OSError:  # of a user namespace that has no others
            caller = (os.geteuid(), os.getegid())
    for ids, owner in (({"SUDO_UID": "1234", "SUDO_GID": "5678"}, caller),
                       ({"SUDO_UID": "1234x", "SUDO_GID": "5678"}, (os.geteuid(), os.getegid())),
                       ({}, (os.geteuid(), os.getegid()))):
        with tempfile.TemporaryDirectory() as folder:
            environment = {name: value for name, value in os.environ.items() if not name.startswith("SUDO_")}
            done = subprocess.run([ECHO, "compare", "--idle", "1", "--requests", "1", "--model", "epoll", "--svg",
                                   f"{folder}/chart.svg"], env={**environment, **ids}, capture_output=True, check=False)
            check_equal((done.returncode, done.stderr), (0, b""))
            made = os.stat(f"{folder}/chart.svg")
            check_equal((made.st_uid, made.st_gid, made.st_mode & 0o777), (*owner, 0o600), f"{ids}:")


@case
def compared_with_few_descriptors():
    done = subprocess.run([ECHO, "compare", "--idle", "1000"], capture_output=True, text=True, check=False,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300)))
    check_equal((done.returncode, done.stderr), (1, "tcplens-echo compare: 1000 idle clients need 1064 descriptors, and 300 "
                                                    "are allowed (ulimit -n)\n"))


# --- the demonstration --------------------------------------------------------------------------


def check_demo(options, port, address):
    with capture_loopback() as capture:
        status, out, error = run("demo", "--fast", *options)
        seen = segments(capture, port)
    check_equal((status, error), (0, ""))

    steps = [f"server: listening on {address}", f"client: connect() to {address}",
             "client: connected"] + 3 * [
                 "client: send() 5 bytes: hello", "server: read() returned 5 bytes",
                 "server: write() of 5 bytes", "client: recv() brought all 5 bytes back: hello"] + [
                     "client: close()", "server: EPOLLRDHUP", "server: read() returned end of file",
                     "server: close()"]
    lines = [line for line in out.splitlines() if "accept()" not in line]
    check(len(lines) == len(steps) and all(map(str.startswith, lines, steps)), "the steps:", out)
    check(lines[-1].endswith(", 15 bytes echoed"), "not closed by itself:", lines[-1])
    check_equal(out.count("server: accept() returned"), 1)

    check_equal(seen[0], (False, SYN, 0))
    check_equal(seen[1], (True, SYN | ACK, 0))
    check_equal(sum(length for from_server, _, length in seen if from_server), 15)
    check(not any(flags & RST for _, flags, _ in seen), "a reset:", seen)
    check_four_way_close(seen)
    left = tcp_sockets()
    check(len(left) == 1 and left[0][1:] == (port, TIME_WAIT),
          "TIME-WAIT at the client alone is expected:", left)


@case
def demo_ipv4():
    check_demo([], 7007, "127.0.0.1:7007")


@case
def demo_ipv6():
    check_demo(["--ipv6", "--port", "7070"], 7070, "[::1]:7070")


@case_of([mode for mode in MODES if mode != "edge"])  # which the demo has no option for
def demo_of_every_model(mode):
    status, out, error = run("demo", "--fast", "--clients", "3", *mode)
    check_equal((status, error), (0, ""))
    check_equal(out.count("server: accept() returned"), 3)
    check_equal(len(re.findall(r"^server: close\(\) \S+, 15 bytes echoed$", out, re.M)), 3)


@case
def demo_of_an_unknown_model():
    status, out, error = run("demo", "--model", "nosuch")
    check_equal((status, out), (2, ""))
    check("unknown model 'nosuch'" in error, error)


@case
def demo_any_port():
    status, out, error = run("demo", "--fast", "--port", "0")
    check_equal((status, error), (0, ""))
    check(re.match(r"server: listening on 127\.0\.0\.1:\d+\n", out), out)


@case
def demo_port_busy():
    with Server("--port", "7007"):
        status, out, error = run("demo", "--fast")
        check_equal((status, out), (1, ""))
        check_equal(error, "tcplens-echo server: cannot listen on 127.0.0.1:7007: "
                           "Address already in use (choose another with --port)\n")


@case
def demo_killed_leaves_nothing():
    demo = subprocess.Popen([ECHO, "demo"], stdout=subprocess.PIPE, text=True,
                            stderr=subprocess.DEVNULL)  # the server's report may find no reader
    while not demo.stdout.readline().startswith("client: connected"):
        check(demo.poll() is None, "the demo ended")
    children = children_of(demo.pid)
    check_equal(len(children), 2, "children:")
    names = {tuple(read_of(pid, "cmdline").split("\0")[:2]) for pid in children}
    check_equal(names, {("tcplens-echo", "server"), ("tcplens-echo", "client")})
    demo.kill()
    demo.wait()
    demo.stdout.close()

    wait_for(lambda: all(map(has_ended, children)), "the children to end")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
