#!/usr/bin/env python3
"""Tests of `tcplens top` on a live host: states, owners, listeners, drops and findings as the kernel tells them, connections
that come and go while one looks, and without root.

TCPLENS and ECHO name the programs. Needs root.
"""
import contextlib
import os
import signal
import subprocess
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import (DEADLINE, NOBODY, Running, TCPLENS, case, check, check_equal, main, named_namespace, read_of, run, script,
                 unless_withheld, wait_for)
from lib.full import fill_pipe
from lib.screen import Screen

COMM = os.path.basename(sys.executable)[:15]
# Opens and closes as it is told, in the open.
ON_DEMAND = """
server = listen(backlog=1)
held = []
ready(os.getpid())
for line in sys.stdin:
    if line == "open\\n":
        client = connect()
        held.append((client, server.accept()[0]))
    elif line == "close\\n":
        client, peer = held.pop()
        client.close(); rest(peer); peer.close()
    elif line == "fill\\n":
        full = [connect() for _ in range(2)]
        queued(server, 2)
        late = socket.socket(); late.setblocking(False)
        try: late.connect(("127.0.0.1", 7007))
        except BlockingIOError: pass
    ready(line.strip())
"""


def within(namespace, command):
    return ["ip", "netns", "exec", namespace, *command]


@contextlib.contextmanager
def host():
    """A namespace, and in it a server that does as it is told."""
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(named_namespace())
        server = Running(within(name, script(ON_DEMAND)), stack)
        pid = server.wait_line(r"^ready (\d+)")[1]
        yield stack, name, server, pid


def tell(server, word):
    server.say(word)
    server.wait_line(f"^ready {word}$")


@case
def connections_come_and_go():
    def judge():
        with host() as (stack, name, server, pid):
            screen = Screen(stack, [TCPLENS, "top", "--netns", name, "--delay", "0.1"], 200, 50)
            screen.wait_text("127.0.0.1:7007", "No connection yet.")
            tell(server, "open")
            screen.wait_text("client  ESTABLISHED 1", "server  ESTABLISHED 1", f"{COMM}[{pid}] > {COMM}[{pid}]", "1 of 1 open")
            screen.press("\r")
            screen.wait_text("TIMELINE", "SYN seq=0", "SYN-SENT → ESTABLISHED")
            screen.press("\x1b")
            tell(server, "close")
            screen.wait_text("TIME-WAIT 1", "CLOSED 1")
            screen.press("q")
            check_equal(screen.ended(), 0)
            check(screen.is_restored())

    unless_withheld(judge)


@case
def a_full_listener_is_shown():
    def judge():
        with host() as (stack, name, server, pid):
            screen = Screen(stack, [TCPLENS, "top", "--netns", name, "--delay", "0.1"])
            screen.wait_text("No connection yet.")
            tell(server, "fill")
            screen.wait(lambda text: "accept 2/2" in text and "drops 0" not in text.split("accept", 1)[1].split("\n")[0],
                        "drops")
            screen.wait_text("findings 1", "accept queue")
            screen.press("\t\r")
            screen.wait_text("filter: port:7007")

    unless_withheld(judge)


@case
def once_on_a_host():
    with host() as (_, name, server, pid):
        tell(server, "open")
        status, text, stderr = run("top", "--once", "--netns", name, "--delay", "0.2", "state:estab")
        check(status in (0, 4), status, stderr)
        check(text.startswith("tcplens top  wire, kernel  "), text)
        check("ESTABLISHED 1" in text and f"[{pid}]" in text and "127.0.0.1:7007" in text, text, stderr)


@case
def once_into_a_pipe_that_stands_still():
    """Told to end, it does."""
    with host() as (stack, name, _, _):
        reads, writes = os.pipe()
        stack.callback(os.close, reads)
        fill_pipe(writes)
        top = subprocess.Popen([TCPLENS, "top", "--once", "--netns", name, "--delay", "0.1"], stdin=subprocess.DEVNULL,
                               stdout=writes, stderr=subprocess.PIPE, text=True)
        stack.callback(lambda: (top.kill(), top.communicate()))
        os.close(writes)
        wait_for(lambda: any(at in read_of(top.pid, "wchan") for at in ("pipe_write", "poll_schedule", "do_poll", "sys_poll")),
                 "that it prints")
        top.terminate()
        check_equal(top.wait(DEADLINE), 1)
        check("its reader takes nothing" in top.stderr.read())


@case
def a_terminal_that_stands_still():
    with host() as (stack, name, server, _):
        screen = Screen(stack, [TCPLENS, "top", "--netns", name, "--delay", "0.1"])
        screen.wait_text("No connection yet.")
        screen.stand_still()
        screen.press("?")
        screen.signal(signal.SIGTERM)
        check(screen.ended_unread() in (0, 4), screen.status)
        check(screen.modes_are_restored(), "modes")


@case
def without_root_the_table_of_sockets_is_sampled():
    with host() as (stack, name, server, _):
        tell(server, "open")
        command = within(name, ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", TCPLENS, "top",
                                "--delay", "0.1"])
        screen = Screen(stack, command)
        screen.wait_text("diag", "client  ESTABLISHED 1", "accept 0/2")
        screen.press("q")
        check_equal(screen.ended(), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
