#!/usr/bin/env python3
"""Tests of the servers of tcplens-echo on the real kernel.

Usage: echo_test.py [CASE]...     with the path of tcplens-echo in the environment, as ECHO
"""
import contextlib
import os
import random
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import DEADLINE, ECHO, case, check, check_equal, read, read_of, wait_for
from lib.echo import (CLOSE_WAIT, FIN_WAIT2, MANY, MODES, ONE_THREAD, TIME_WAIT, Server, capture_loopback, case_of,
                      check_four_way_close, echo, main, receive, receive_all, run, segments, set_sysctl, tcp_sockets,
                      unacknowledged_bytes, unread_bytes)


@case_of()
def small_messages(mode):
    with Server(*mode) as server, server.connect() as sock:
        for text in (b"x", b"hello\n", bytes(range(256)), b"", b"end"):
            echo(sock, text)


@case_of()
def large_with_slow_reader(mode):
    """10 MB from a client that does not read: the server must stall it, not hoard."""
    set_sysctl("net.ipv4.tcp_rmem", "4096 65536 262144")
    set_sysctl("net.ipv4.tcp_wmem", "4096 65536 262144")
    data = random.Random(1).randbytes(10_000_000)
    with Server(*mode) as server, server.connect() as sock:
        echo(sock, b"warm-up")
        memory = server.memory()
        sock.setblocking(False)
        sent = 0
        # Stalled: not writable for a second. On a slow machine this may end early, harmlessly.
        while sent < len(data) and select.select([], [sock], [], 1.0)[1]:
            sent += sock.send(data[sent:sent + 65536])
        check(sent < 4_000_000, f"the server took {sent} bytes from a client that does not read")
        check(server.is_idle(), "the server spins while its client is stalled")
        received = bytearray()
        while len(received) < len(data):
            ready = select.select([sock], [sock] if sent < len(data) else [], [], DEADLINE)
            check(ready[0] or ready[1], f"no progress at {sent} sent, {len(received)} received")
            if ready[1]:
                sent += sock.send(data[sent:sent + 65536])
            if ready[0]:
                received += sock.recv(65536)
        check(received == data, "the echo of 10 MB differs")
        grown = server.memory() - memory
        sanitized = b"__asan_init" in read(ECHO)  # a sanitizer's own memory is none of the server's
        check(grown < (65536 if sanitized else 4096), f"the server grew by {grown} kB")


@case_of()
def partial_writes(mode):
    """Send buffers smaller than an answer: write() takes only a part, again and again, or blocks."""
    set_sysctl("net.ipv4.tcp_wmem", "4096 4096 4096")
    data = random.Random(2).randbytes(1_000_000)
    with Server("--verbose", *mode) as server:
        with server.connect(receive_buffer=4096) as sock:
            sender = threading.Thread(target=sock.sendall, args=(data,), daemon=True)
            sender.start()
            check(receive(sock, len(data)) == data, "the echo differs")
            sender.join(DEADLINE)
        if mode in [MODES[name] for name in ONE_THREAD]:
            server.wait_line("write() took only")


@case_of()
def half_close(mode):
    """All is sent and shut down before the first byte is read; the echo must still be whole."""
    for size in (0, 1, 100_000, 3_000_000):
        data = random.Random(size).randbytes(size)
        with Server(*mode) as server, server.connect() as sock:
            def send():
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)

            sender = threading.Thread(target=send, daemon=True)
            sender.start()
            if size <= 100_000:  # fits into the buffers between: really nothing is read before
                sender.join(DEADLINE)
            check(receive_all(sock) == data, f"the echo of {size} bytes differs")


@case_of(MANY)
def connections_1000(mode):
    with Server("--backlog", "1100", *mode) as server:
        idle = server.descriptors()
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(server.connect()) for _ in range(1000)]
            for i, sock in enumerate(socks):
                sock.sendall(b"client %d\n" % i * 50)
            for i, sock in enumerate(socks):
                expected = b"client %d\n" % i * 50
                check_equal(receive(sock, len(expected)), expected)
            wait_for(lambda: server.descriptors() == idle + 1000, "a descriptor for each")
            check(server.is_idle(), "the server spins over idle connections")
        wait_for(lambda: server.descriptors() == idle, "every descriptor to be closed")
        wait_for(lambda: not server.children(), "every child to be waited for")


@case_of(("iterative",))
def others_wait_in_the_accept_queue(mode):
    """They are ESTABLISHED, and what they send is taken, before anyone has accepted them."""
    with Server(*mode) as server, server.connect() as first:
        echo(first, b"first")
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(server.connect()) for _ in range(10)]
            for i, sock in enumerate(socks):
                sock.sendall(b"%d" % i)
            for sock in socks:
                wait_for(lambda s=sock: unacknowledged_bytes(s) == 0, "a byte to arrive")
            echo(first, b"still the only one")
            check(server.is_idle(), "the server spins while clients wait")
            check(not select.select(socks, [], [], 0)[0], "another client was served")
            first.close()
            for i, sock in enumerate(socks):  # first come, first served
                check_equal(receive(sock, 1), b"%d" % i)
                sock.close()


@case
def beyond_the_sets_of_select():
    """A descriptor of 1024 or more is refused, and nobody else notices. All others can take it."""
    complaint = r"tcplens-echo server: descriptor 1024 is refused: select\(\) knows only those below 1024\n"
    for mode, refused in (("select", complaint), ("poll", ""), ("level", "")):
        with Server("--backlog", "1200", "--max-connections", "1200", *MODES[mode], expect_stderr=refused) as server, \
                contextlib.ExitStack() as stack:
            socks = [stack.enter_context(server.connect()) for _ in range(1100)]
            answered = 0
            for sock in socks:
                with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                    sock.sendall(b"x")
                    answered += sock.recv(1) == b"x"
            if refused:
                check(1000 < answered < 1024, f"{answered} were served")
                socks[0].close()
                wait_for(lambda: server.descriptors() == 1023, "a descriptor to become free")
                with server.connect() as sock:
                    echo(sock, b"room again")
            else:
                check_equal(answered, 1100, mode)


@case_of()
def clients_come_and_go(mode):
    with Server(*mode) as server:
        idle = server.descriptors()
        for i in range(200):
            with server.connect() as sock:
                echo(sock, b"client %d" % i)
        wait_for(lambda: server.descriptors() == idle and not server.children(), "all to be closed and waited for")


@case_of(ONE_THREAD)
def busy_client_does_not_starve_others(mode):
    """While one client has 16 MB waiting for the server, another with one byte gets its turn."""
    for name in ("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"):
        set_sysctl(name, "4096 64000000 64000000")  # all of it fits: no EAGAIN gives way
    data = bytes(16_000_000)
    with Server("--verbose", *mode) as server, server.connect() as busy, server.connect() as other:
        echo(busy, b"hello")
        echo(other, b"hello")
        server.process.send_signal(signal.SIGSTOP)
        busy.sendall(data)
        wait_for(lambda: unacknowledged_bytes(busy) == 0, "16 MB to arrive at the server")
        other.sendall(b"x")
        wait_for(lambda: unacknowledged_bytes(other) == 0, "the byte to arrive at the server")
        server.process.send_signal(signal.SIGCONT)
        check(receive(busy, len(data)) == data, "the echo differs")
        check_equal(receive(other, 1), b"x")
        server.stop()
        server.reader.join(DEADLINE)
        reads = [line.rsplit(" ", 1)[1] for line in server.lines if "read() returned" in line]
        one, many = (f"127.0.0.1:{sock.getsockname()[1]}" for sock in (other, busy))
        last_of_many = len(reads) - 1 - reads[::-1].index(many)
        check(one in reads[reads.index(one) + 1:last_of_many], "the other had to wait to the end")


@case_of()
def ipv6(mode):
    with Server(*mode, bind="::1") as server, server.connect() as sock:
        check_equal(server.text, "[::1]")
        echo(sock, b"six")


@case_of()
def dual_stack(mode):
    set_sysctl("net.ipv6.bindv6only", "1")  # the server must not depend on it
    with Server(*mode, bind="::") as server:
        check_equal(server.text, "[::]")
        for host in ("127.0.0.1", "::1"):
            with server.connect(host) as sock:
                echo(sock, host.encode())


@case_of()
def greeting_begins_every_line(mode):
    with Server("--greeting", "Hello, ", *mode) as server, server.connect() as sock:
        sock.sendall(b"wor")
        check_equal(receive(sock, 10), b"Hello, wor")
        sock.sendall(b"ld\n")  # the same line, in another segment: greeted once
        check_equal(receive(sock, 3), b"ld\n")
        sock.sendall(b"\n" * 20_000)
        check(receive(sock, 160_000) == b"Hello, \n" * 20_000, "the answer to line feeds differs")


@case_of()
def clients_that_reset(mode):
    """A client that vanishes in the midst of its echo costs the server neither life nor socket."""
    with Server("--backlog", "128", *mode) as server:
        idle = server.descriptors()
        for _ in range(50):
            sock = server.connect()
            sock.sendall(bytes(100_000))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()  # RST
        for _ in range(50):
            with server.connect() as sock:
                sock.sendall(bytes(100_000))
                sock.recv(1)  # closed with unread data: RST, too
        with server.connect() as sock:
            echo(sock, b"still here")
        wait_for(lambda: server.descriptors() == idle, "every descriptor to be closed")


def check_terminated(mode, clients):
    for number in (signal.SIGTERM, signal.SIGINT):
        with Server(*mode) as server, contextlib.ExitStack() as stack:
            socks = [stack.enter_context(server.connect()) for _ in range(clients)]
            for sock in socks:
                echo(sock, b"hello")
            server.stop(number)
            for sock in socks:
                check_equal(sock.recv(1), b"", "after the server's end:")
            try:
                server.connect().close()
                raise AssertionError("someone still listens")
            except ConnectionRefusedError:
                pass


@case_of(MANY)
def terminated_with_clients(mode):
    check_terminated(mode, 10)


@case_of(("iterative",))
def terminated_with_a_client(mode):
    check_terminated(mode, 1)


@case_of()
def terminated_while_it_waits(mode):
    """Without a client, while a client takes no answer, and during --close-delay."""
    with Server(*mode):
        pass
    with Server(*mode) as server, server.connect() as sock:
        sock.setblocking(False)
        while select.select([], [sock], [], 0.2)[1]:
            sock.send(bytes(65536))
        server.stop()
    with Server("--close-delay", "3600000", *mode) as server, server.connect() as sock:
        sock.shutdown(socket.SHUT_WR)
        wait_for(lambda: any(s[0] == server.port and s[2] == CLOSE_WAIT for s in tcp_sockets()), "CLOSE-WAIT")
        server.stop()


@case_of(("thread", *ONE_THREAD))
def out_of_descriptors(mode):
    """More clients than descriptors: the rest waits, without a busy loop, and is served later."""
    complaint = r"tcplens-echo server: Too many open files with \d+ connections; .*\n"
    with Server(*mode, nofile=12, expect_stderr=complaint) as server, \
            contextlib.ExitStack() as stack:
        socks = [stack.enter_context(server.connect()) for _ in range(12)]
        for i, sock in enumerate(socks):
            sock.sendall(b"%02d" % i)
        wait_for(lambda: server.descriptors() == 12, "the server to use its last descriptor")
        check(server.is_idle(), "the server spins for want of descriptors")
        served = select.select(socks, [], [], 0)[0]
        check(0 < len(served) < 12, f"{len(served)} of 12 were served at once")
        for i, sock in enumerate(socks):  # in the order of the accept queue
            check_equal(receive(sock, 2), b"%02d" % i)
            sock.close()


@case_of(("iterative", "fork"))
def no_descriptor_at_all(mode):
    """These need one for a single client: where there is none, the client waits until there is."""
    complaint = r"tcplens-echo server: Too many open files with \d connections; further clients wait\n"
    with Server(*mode, nofile=64, expect_stderr=complaint) as server:
        check(server.is_idle(), "the server does not wait")
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (4, 64))
        with server.connect() as sock:  # accept() had taken its descriptor before it began to wait
            echo(sock, b"x")
        with server.connect() as sock:
            sock.sendall(b"x")
            check(server.is_idle(), "the server spins for want of descriptors")
            check(not select.select([sock], [], [], 0)[0], "the client was served")
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (64, 64))
            check_equal(receive(sock, 1), b"x")


@case_of(MANY)
def max_connections(mode):
    complaint = r"tcplens-echo server: --max-connections reached with 2 connections; .*\n"
    with Server("--max-connections", "2", *mode, expect_stderr=complaint) as server:
        with server.connect() as first, server.connect() as second, server.connect() as third:
            echo(first, b"1")
            echo(second, b"2")
            third.sendall(b"3")
            check(server.is_idle(), "the server spins while a client waits")
            check(not select.select([third], [], [], 0)[0], "the third was served")
            first.close()
            check_equal(receive(third, 1), b"3")


@case_of(MANY)
def close_delay(mode):
    with Server("--close-delay", "3600000", *mode) as server:
        socks = [server.connect() for _ in range(10)]
        ports = [sock.getsockname()[1] for sock in socks]
        for sock in socks:
            echo(sock, b"hello")
            sock.close()
        wait_for(lambda: {(server.port, port, CLOSE_WAIT) for port in ports} <= set(tcp_sockets()),
                 "CLOSE-WAIT at the server")
        wait_for(lambda: {(port, server.port, FIN_WAIT2) for port in ports} <= set(tcp_sockets()),
                 "FIN-WAIT-2 at the clients")
        check(server.is_idle(), "the server spins while it delays close()")
    with Server("--close-delay", "100", *mode) as server, server.connect() as sock:
        begin = time.monotonic()
        sock.sendall(b"hello")
        sock.shutdown(socket.SHUT_WR)
        check_equal(receive_all(sock), b"hello")
        check(time.monotonic() - begin >= 0.1, "closed before the delay was over")


@case_of()
def event_during_close_delay(mode):
    """epoll reports the FIN once more although end of file was read: that must not come round.

    The server is held between read() and the next step by a full pipe at its output, so that the
    FIN surely arrives after the event it is working on."""
    with Server("--verbose", "--close-delay", "3600000", *mode) as server, server.connect() as sock:
        port = sock.getsockname()[1]
        server.wait_line("accept()")
        with server.reading:
            server.fill_stdout()
            sock.sendall(b"hello")
            wait_for(lambda: unacknowledged_bytes(sock) == 0, "five bytes to arrive")
            wait_for(lambda: unread_bytes(server.port, port) == 0, "the server to read them")
            sock.shutdown(socket.SHUT_WR)
            wait_for(lambda: (server.port, port, CLOSE_WAIT) in tcp_sockets(), "CLOSE-WAIT")
        check_equal(receive(sock, 5), b"hello")
        server.wait_line("end of file")
        check(server.is_idle(), "the server spins while it delays close()")


@case_of()
def fin_is_acknowledged_alone(mode):
    """Also if the delay is shorter than that of a delayed ACK (40 ms): what --fast relies on."""
    with capture_loopback() as capture, Server("--close-delay", "1", *mode) as server:
        idle = server.descriptors()
        with server.connect() as sock:
            echo(sock, b"hello")
        wait_for(lambda: server.descriptors() == idle, "close() at the server")
        check_four_way_close(segments(capture, server.port))


@case_of([mode for mode in MODES if mode != "select"])  # which cannot tell
def reset_during_close_delay(mode):
    with Server("--close-delay", "3600000", *mode) as server:
        idle = server.descriptors()
        with server.connect() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.shutdown(socket.SHUT_WR)
            wait_for(lambda: any(s[0] == server.port and s[2] == CLOSE_WAIT
                                 for s in tcp_sockets()), "CLOSE-WAIT")
        wait_for(lambda: server.descriptors() == idle, "the reset connection to be closed")


@case_of()
def silent_client(mode):
    """--timeout counts from the last progress, not from the beginning."""
    with Server("--timeout", "300", *mode) as server, server.connect() as sock:
        begin = last = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - begin < 1:
                now = time.monotonic()
                sock.sendall(b"x")
                if not sock.recv(1):
                    break
                last = now
                time.sleep(0.05)  # on a slow machine it may become too long: then it ends earlier
            sock.recv(1)
        check(time.monotonic() - last >= 0.29, "closed too soon after the last byte")


@case_of()
def keep_alive(mode):
    with Server("--keepalive", "100,1,1", *mode) as server, server.connect() as sock:
        echo(sock, b"x")
        with open("/proc/net/tcp", encoding="ascii") as file:
            timers = [line.split()[5] for line in file if f":{server.port:04X} " in line.split()[1] + " "
                      and line.split()[3] == "01"]
        check(len(timers) == 1 and timers[0].startswith("02:"), "no keep-alive timer:", timers)


@case
def restart_beside_time_wait():
    """SO_REUSEADDR: connections in TIME-WAIT on its port do not keep a server from starting."""
    with Server() as server:
        sock = server.connect()
        echo(sock, b"hello")
        server.stop()  # the server closes first: TIME-WAIT is on its side
        sock.recv(1)
        sock.close()
        wait_for(lambda: any(s[0] == server.port and s[2] == TIME_WAIT for s in tcp_sockets()),
                 "TIME-WAIT")
        with Server("--port", str(server.port)) as again, again.connect() as sock:
            echo(sock, b"again")


@case
def port_busy():
    with Server() as server:
        status, out, error = run("server", "--port", str(server.port))
        check_equal((status, out), (1, ""))
        check_equal(error, f"tcplens-echo server: cannot listen on 127.0.0.1:{server.port}: "
                           "Address already in use (choose another with --port)\n")


@case
def port_of_root():
    """Without rights; and an address of another machine (RFC 5737)."""
    done = subprocess.run(["setpriv", "--bounding-set=-net_bind_service", ECHO, "server", "--port", "80"],
                          capture_output=True, text=True, check=False)
    check_equal((done.returncode, done.stdout), (1, ""))
    check_equal(done.stderr, "tcplens-echo server: cannot listen on 127.0.0.1:80: Permission denied "
                             "(only root may take a port below 1024; choose another with --port)\n")
    status, out, error = run("server", "--bind", "192.0.2.1", "--port", "7007")
    check_equal((status, out), (1, ""))
    check_equal(error, "tcplens-echo server: cannot listen on 192.0.2.1:7007: Cannot assign requested address "
                       "(--bind takes an address of this machine)\n")


@case
def reader_of_stdout_goes_away():
    """The server serves on when nobody takes its report any more (SIGPIPE)."""
    with Server("--verbose", expect_stderr=r"tcplens-echo: cannot write to standard output\n") \
            as server:
        with server.connect() as sock:
            echo(sock, b"1")
        server.wait_line("close()")
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, server.process.stdout.fileno())
        os.close(null)
        # That was the pipe's only read end, but for the thread in select(): a line wakes it.
        with server.connect() as sock:
            echo(sock, b"2")
        server.reader.join(DEADLINE)
        with server.connect() as sock:
            echo(sock, b"3")
        server.process.send_signal(signal.SIGTERM)
        check_equal(server.process.wait(DEADLINE), 1, "exit status, as output was lost:")
        server.stopped = True


@case
def process_names():
    with Server("--verbose") as server:
        check_equal(read_of(server.pid, "comm"), "echo-server\n")
        client = subprocess.Popen([ECHO, "client", "--port", str(server.port)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        server.wait_line("accept()")
        check_equal(read_of(client.pid, "comm"), "echo-client\n")
        client.communicate(timeout=DEADLINE)
        check_equal(client.returncode, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
