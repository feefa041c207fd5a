#!/usr/bin/env python3
"""Tests of `tcplens top` on files: what stands on the terminal, keys, sizes, every way to end; and what it says without one.

TCPLENS names the program. Needs no right and no network.
"""
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import DEADLINE, case, check, check_equal, one_line, read, run, run_cases, tcplens, wait_for
from lib.programs import TCPLENS
from lib.screen import Screen

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CAPTURE = "zeek-wikipedia.pcap"  # in whose folder the tests run: a longer name would fill the title
REFUSED = os.path.join(TESTS, "corpora", "zeek-irc-353.pcap")
COLOURS = tuple(b"\x1b[3%dm" % n for n in range(1, 8))


@contextlib.contextmanager
def shown(*arguments, width=80, height=24, file=CAPTURE, **environment):
    with contextlib.ExitStack() as stack:
        screen = Screen(stack, [TCPLENS, "top", file, *arguments], width, height, **environment)
        screen.wait_text("tcplens top", "CONN", "q quit")
        yield screen


@contextlib.contextmanager
def shown_whole(**options):
    """The file has been read, so that nothing more is drawn by itself."""
    with shown(**options) as screen:
        screen.wait(lambda text: "(reading)" not in text, "the end of the file")
        yield screen


@case
def a_capture_at_80_by_24():
    with shown(COLUMNS=None) as screen:
        check_equal(len(screen.lines), 24)
        check("9 of 10 open" in screen.lines[0], screen.lines[0])
        check_equal(screen.lines[1], "client  ESTABLISHED 9")
        check_equal(screen.lines[2], "server  ESTABLISHED 9", "of what is open")
        check("vCONN STATE" in screen.lines[5] and screen.lines[5].endswith("RETX"), screen.lines[5])
        check("     1 ESTABLISHED  141.142.22+:35634 > 208.80.152.2:80   >1s " in screen.lines[6], screen.lines[6])
        screen.press("q")
        check_equal(screen.ended(), 0)
        check(screen.is_restored(), screen.raw[-80:])


@case
def a_file_is_shown_as_it_is_read():
    """And left, before it has been. A pipe that never ends is as long as a file can be."""
    capture = read(CAPTURE)

    def feed(path):
        with contextlib.suppress(BrokenPipeError), open(path, "wb") as pipe:
            pipe.write(capture)
            while True:
                pipe.write(capture[24:])  # without the file's header

    for leave in ("q", "\x03"):
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            path = os.path.join(folder, "pipe.pcap")
            os.mkfifo(path)
            feeder = threading.Thread(target=feed, args=(path,))
            feeder.start()
            screen = Screen(stack, [TCPLENS, "top", path, "--delay", "0.1"], 200)
            screen.wait_text("pipe.pcap (reading)", "141.142.220.118:35634 > 208.80.152.2:80")
            screen.press(leave)
            check_equal(screen.ended(), 0, leave)
            check(screen.is_restored(), screen.raw[-80:])
            feeder.join()


@case
def a_terminal_that_changes_its_size():
    with shown() as screen:
        screen.resize(200, 60)
        screen.wait_text("CLIENT STATE", "OWNER", "CAUSE", "141.142.220.118:35634 > 208.80.152.2:80")
        screen.wait(lambda _: screen.lines[59].startswith("q quit"), "its last line")
        screen.resize(60, 12)
        screen.wait(lambda _: screen.lines[11].startswith("q quit") and "CAUSE" not in screen.text, "the smaller screen")
        screen.resize(2, 2)
        screen.resize(80, 24)
        screen.wait(lambda _: screen.lines[23].startswith("q quit") and "RETX" in screen.lines[5], "the screen as it was")


@case
def a_terminal_larger_than_any_screen():
    """Of 10,000 rows and columns a picture would take gigabytes."""
    with contextlib.ExitStack() as stack:
        screen = Screen(stack, [TCPLENS, "top", CAPTURE], 80, 1001)
        check_equal(screen.ended(), 1)
        check(b"the terminal is too large" in screen.raw, screen.raw)
    with shown() as screen:
        screen.resize(1001, 24, tell=False)
        check_equal(screen.ended(), 0)
        check(screen.is_restored(), screen.raw[-80:])


@case
def keys_sort_filter_and_open():
    with shown() as screen:
        screen.press(">")
        screen.wait_text("STATEv")
        screen.press("/bytes>1.8k -conn:3\r")
        screen.wait_text("5 match", "BYTES")
        screen.press("\x1b")
        screen.wait(lambda text: "match" not in text, "all connections")
        screen.press("/port:http\r")
        screen.wait_text("filter: 'port' takes a number, not 'http'")
        screen.press("<")
        screen.wait_text("vCONN")
        screen.press("\x1b[6~\r")  # Page Down, to the last one
        screen.wait_text("TIMELINE", "SYN,ACK seq=0 ack=1", "LISTEN ⇢ SYN-RECEIVED server")
        screen.press("\x1b")
        screen.wait_text("vCONN STATE", "q quit")
        screen.press("\t\t")
        screen.wait_text("FINDINGS")
        screen.press("?")
        screen.wait_text("KEYS", "duration>")


@case
def a_timeline_says_what_read_prints():
    told = run("read", "-q", "-o", "-", REFUSED).stdout
    check('"text":"Refused' in told or '"verdict":"refused"' in told, told)
    with shown(file=REFUSED, width=250) as screen:
        screen.press("\r")
        screen.wait_text("TIMELINE", "client CLOSED", "SYN-SENT", "refused")
        sentence = next(line for line in told.split('"text":"')[1:] if "RST" in line).split(".")[0]
        screen.wait_text(sentence)


@case
def findings_lead_to_connections():
    with shown(file=REFUSED) as screen:
        screen.wait_text("findings 1  error:")
        screen.press("\t\t\r")
        screen.wait_text("FINDING refused", "What helps:")
        screen.press("\r")
        screen.wait_text("filter: conn:1", "1 match")


@case
def colour_is_as_asked():
    for environment, expected in (({"NO_COLOR": None}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "vt100"}, False)):
        with shown(file=REFUSED, **{"NO_COLOR": None, **environment}) as screen:
            screen.press("q")
            screen.ended()
            check_equal(any(colour in screen.raw for colour in COLOURS), expected, environment)


@case
def every_end_gives_the_terminal_back():
    ends = [(None, True), (signal.SIGINT, True), (signal.SIGTERM, True), (signal.SIGHUP, True), (signal.SIGQUIT, None),
            (signal.SIGSEGV, False), (signal.SIGABRT, False)]
    for number, well in ends:
        with shown() as screen:
            if number:
                screen.signal(number)
            else:
                screen.press("\x03")  # Ctrl-C, by the terminal
            ended = screen.ended()
            check(screen.is_restored(), number, screen.raw[-80:])
            check(well is None or (ended == 0) == well, number, ended)


@case
def a_terminal_that_stands_still():
    """Whoever ends the program need not read what it drew; the terminal's modes come back all the same."""
    for number in (signal.SIGTERM, signal.SIGINT):
        with shown_whole() as screen:
            screen.stand_still()
            screen.press("?")
            wait_for(screen.is_held_up, "that help is drawn")
            screen.signal(number)
            check_equal(screen.ended_unread(), 0)
            check(screen.modes_are_restored(), "modes")


@case
def a_terminal_that_stands_still_changes_its_size():
    with shown_whole() as screen:
        screen.stand_still()
        screen.resize(100, 30)
        wait_for(screen.is_held_up, "that all is drawn again")
        screen.signal(signal.SIGTERM)
        check_equal(screen.ended_unread(), 0)
        check(screen.modes_are_restored(), "modes")


@case
def a_terminal_that_goes_on_too_late():
    """Whenever that is, its modes are what they were."""
    for seconds in (0.1, 0.3, 0.5):
        with shown_whole() as screen:
            screen.stand_still()
            screen.press("?")
            wait_for(screen.is_held_up, "that help is drawn")
            screen.signal(signal.SIGTERM)
            time.sleep(seconds)
            check_equal(screen.ended(), 0)
            check(screen.modes_are_restored(), seconds)


@case
def a_terminal_that_goes_on():
    """Ctrl-S, Ctrl-Q: what is shown then is what the keys asked for."""
    with shown_whole(file=REFUSED) as screen:
        screen.press("\x13\t")
        wait_for(screen.has_taken_keys, "that the key is taken")
        screen.press("\x11\t?")
        screen.wait_text("KEYS")
        screen.press("\x1b")
        screen.wait_text("FINDINGS", "error:")
        screen.press("q")
        check_equal(screen.ended(), 0)
        check(screen.is_restored(), screen.raw[-80:])


@case
def ctrl_z_stops_and_fg_goes_on():
    """Its process group has a parent in the session that is not of it, as a shell is: else nobody could continue it."""
    shell = ("import os, sys, signal\n"
             "signal.signal(signal.SIGTTOU, signal.SIG_IGN)\n"
             "pid = os.fork()\n"
             "if not pid:\n"
             "    os.setpgid(0, 0); os.tcsetpgrp(0, os.getpid()); signal.signal(signal.SIGTTOU, signal.SIG_DFL)\n"
             "    os.execv(sys.argv[1], sys.argv[1:])\n"
             "_, status = os.waitpid(pid, os.WUNTRACED)\n"
             "print('stopped' if os.WIFSTOPPED(status) else status, flush=True)\n"
             "os.kill(pid, signal.SIGCONT)\n"
             "_, status = os.waitpid(pid, 0)\n"
             "sys.exit(os.waitstatus_to_exitcode(status))\n")
    with contextlib.ExitStack() as stack:
        screen = Screen(stack, [sys.executable, "-c", shell, TCPLENS, "top", CAPTURE])
        screen.wait_text("q quit")
        screen.press("\x1a")
        end = b"stopped"
        screen.wait(lambda _: end in screen.raw, "the stop")
        check(b"\x1b[?1049l" in screen.raw.partition(end)[0], "stopped with the terminal in its hands")
        screen.wait(lambda _: b"\x1b[?1049h" in screen.raw.partition(end)[2], "the screen again")
        screen.press("q")
        check_equal(screen.ended(), 0)
        check(screen.is_restored())


@case
def keys_come_from_the_terminal_where_the_file_is_standard_input():
    with contextlib.ExitStack() as stack:
        screen = Screen(stack, ["sh", "-c", f"exec {TCPLENS} top - < {CAPTURE}"])
        screen.wait_text("standard input", "9 of 10 open")
        screen.press("q")
        check_equal(screen.ended(), 0)


@case
def once_prints_all_that_there_is():
    status, text, stderr = run("top", "--once", CAPTURE, "bytes>1.8k", env={**os.environ, "COLUMNS": "100"})
    lines = text.splitlines()
    check_equal((status, len(lines), max(map(len, lines)) <= 100), (0, 6 + 6, True), text + stderr)
    trace = run("read", "-q", "-o", "-", CAPTURE).stdout.encode()
    of_trace = tcplens("top", "--once", "-", data=trace).stdout.decode().splitlines()
    of_capture = run("top", "--once", CAPTURE).stdout.splitlines()
    check_equal(of_trace[1:], of_capture[1:])  # the first line names the file
    check("reading" not in of_capture[0], of_capture[0])


@case
def once_into_a_pipe_that_ends():
    with subprocess.Popen([TCPLENS, "top", "--once", CAPTURE], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as done:
        done.stdout.close()
        check_equal((done.wait(DEADLINE), b"cannot write" in done.stderr.read()), (0, False))
    with open("/dev/full", "wb") as full:
        done = tcplens("top", "--once", CAPTURE, stdout=full)
        check_equal(done.status, 1)
        check("cannot write standard output" in done.stderr, done.stderr)


@case
def what_cannot_be_is_one_line():
    cases = [
        (["top", CAPTURE], "standard output is no terminal", "--once"),
        (["top", "--once", "missing.pcap"], "missing.pcap", "No such file"),
        (["top", "--once", "/etc/passwd"], "/etc/passwd", "no capture file"),
        (["top", "--once", CAPTURE, "stat:x"], "no key 'stat' (did you mean 'state'?)"),
        (["top", "--once", CAPTURE, "--sort", "beauty"], "no column 'beauty'"),
        (["top", "--delay", "0"], "--delay takes seconds"),
        (["top", "--onec"], "--onec"),
    ]
    for arguments, *parts in cases:
        done = run(*arguments)
        check(done.status in (1, 2), arguments, done.status)
        one_line(done.stderr, *parts)
    for kind, part in (("dumb", "cannot put text anywhere"), ("no-such-terminal", "type is not known")):
        with contextlib.ExitStack() as stack:
            screen = Screen(stack, [TCPLENS, "top", CAPTURE], 200, TERM=kind)
            check_equal(screen.ended(), 2, kind)
            check(part in screen.text and "--once" in screen.text, screen.text)


if __name__ == "__main__":
    os.chdir(os.path.join(TESTS, "corpora"))
    sys.exit(run_cases(sys.argv[1:]))
