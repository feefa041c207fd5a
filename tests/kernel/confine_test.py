#!/usr/bin/env python3
"""Tests of what the process that reads the network can still do: nothing that it does not need.

A library that is preloaded (tests/confine/probe.c, PROBE in the environment) takes the program's place as soon as that has
confined itself, and tries.

Usage: confine_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO
"""
import contextlib
import ctypes
import errno
import os
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import NOBODY, case, check, check_equal, has_ended, read_of, stat_of, status_of, wait_for
from lib.processes import descriptors_of, links_of, wait_named

PROBE = os.path.abspath(os.environ.get("PROBE", f"{os.environ.get('O', 'build')}/tests/confine/probe.so"))
NAMESPACE = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
CAP_KILL = 1 << 5  # capability(7)
CAPS_OF_FILES = 1 << 0 | 1 << 1 | 1 << 2  # CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
SYS_PIDFD_GETFD, SO_LOCK_FILTER = 438, 44
EXIT_CODE = 52 - 3  # of stat_of(): proc_pid_stat(5)
FRAMES = {f"frame-{way}" for way in ("write", "write-disguised", "writev", "send", "send-disguised", "sendto", "sendmsg")}
ON_SOCKETS = FRAMES | {"filter-attach", "filter-detach", "filter-unlock", "promiscuous", "rebind", "dup", "dup2", "fcntl-dup"}
ON_LISTENERS = {f"listener-{how}" for how in ("connect", "sendto", "send", "sendmsg", "sendmmsg", "fast-open")}
FIGURES = {"user", "capabilities", "packet-sockets", "maps-read-only", "maps-writable", "listeners"}


@contextlib.contextmanager
def bystander(user=NOBODY):
    """A process of the user that the program goes on as, which may signal it but for its confinement."""
    process = subprocess.Popen(["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "sleep", "1000"])
    wait_for(lambda: status_of(process.pid)["Uid"].split()[0] == str(user), "the bystander")
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def probed(arguments, before=(), victim=1, **environment):
    """What came of each thing that was tried: {name: [number]}; and how the program ended, and what it said."""
    with tempfile.TemporaryFile("w+") as told:
        done = subprocess.run(
            [*before, "env", f"LD_PRELOAD={PROBE}", f"PROBE_FD={told.fileno()}", f"PROBE_VICTIM={victim}", lib.TCPLENS,
             *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=2 * lib.DEADLINE, check=False,
            pass_fds=[told.fileno()], env=os.environ | {"TCPLENS_SECCOMP": ""} | environment)
        told.seek(0)
        found = {}
        for line in told:
            name, number = line.split()
            found.setdefault(name, []).append(int(number))
    return found, done


def check_refused(found, names_more=(), may=()):
    done = {name: numbers for name, numbers in found.items()
            if name not in FIGURES and name not in may and set(numbers) != {errno.EPERM}}
    check_equal(done, {}, "not refused:")
    for name in ("exec", "exec-at", "open-to-write", "open-to-read", "open-itself", "unlink", "socket-tcp", "socket-raw",
                 "socket-packet", "socket-netlink", "socketpair", "connect", "kill", "kill-all", "pidfd-open", "ptrace",
                 "namespace", "fork", "code", "code-of-data", "setuid", "io-uring", "map-any-descriptor", "map-create",
                 "map-get-by-id", "program-load", *names_more):
        check(name in found, name, "was not tried")
    check_equal((found["user"] != [0], found["capabilities"]), (True, [0]))


def check_watched(found, sockets):
    check_refused(found, ON_SOCKETS)
    check_equal(found["packet-sockets"], [sockets])
    check_equal(len(found["frame-write"]), sockets)
    # the reader's page of the ring, and the one figure that the kernel's programs are asked with
    check(found["maps-read-only"][0] >= 3 and found["maps-writable"][0] <= 2, found)


def check_served(found, done):
    check_refused(found, ON_LISTENERS)
    check_equal(found["listeners"], [1])
    check_equal(done.returncode, 0, done.stderr)


@case
def traces_and_no_more():
    """One socket for each interface, of which lo could be sent on: the socket of all interfaces has none."""
    with bystander() as other:
        found, done = probed(["trace", "--calls", "-q", "--iface", "lo", "--iface", "any", "-o", "/dev/null", "--", lib.ECHO,
                              "demo", "--fast"], NAMESPACE, other.pid)
        check_equal(other.poll(), None)
    check_watched(found, 2)
    check_equal(done.returncode, 0, done.stderr)
    check_equal(done.stderr.count("was refused"), 1, done.stderr)


@case
def serves_and_no_more():
    with bystander() as other:
        found, done = probed(["trace", "-q", "--serve", "127.0.0.1:0", "--iface", "lo", "--", "sh", "-c", "exit 1"], NAMESPACE,
                             other.pid, PROBE_END="1")
        check_equal(other.poll(), None)
    check_watched(found, 1)
    check_served(found, done)


@case
def samples_and_no_more():
    with bystander() as other:
        found, done = probed(["trace", "-q", "-o", "/dev/null", "--source", "diag", "--", "true"], NAMESPACE, other.pid)
    check_refused(found)
    check_equal(done.returncode, 0, done.stderr)


@case
def exports_and_no_more():
    found, done = probed(["export", "--metrics", "127.0.0.1:0", "--source", "kernel,wire", "--iface", "lo"], NAMESPACE,
                         PROBE_END="1")
    check_watched(found, 1)
    check_served(found, done)


@case
def shows_and_no_more():
    found, done = probed(["top", "--once", "--delay", "0.1", "--iface", "lo"], NAMESPACE)
    check_watched(found, 1)
    check_equal(done.returncode, 0, done.stderr)


def made(directory):
    """A capture, and the trace of it."""
    capture, trace = f"{lib.REPOSITORY}/docs/sample.pcap", f"{directory}/trace.ndjson"
    check_equal(lib.run("read", capture, "-o", trace).status, 0)
    return capture, trace


@case
def reads_and_no_more():
    with tempfile.TemporaryDirectory() as directory:
        capture, trace = made(directory)
        for command in (["read", capture, "-o", f"{directory}/again"], ["explain", capture], ["explain", trace],
                        ["convert", trace, "--to", "pcapng", "-o", f"{directory}/packets"],
                        ["top", "--once", capture], ["top", "--once", trace],
                        ["report", trace, "-o", f"{directory}/report.html"],
                        ["merge", trace, capture, "-q", "-o", f"{directory}/merged"]):
            with bystander() as other:
                found, done = probed(command, victim=other.pid)
            # it may start a process of its own kind to read a pipe again
            check_refused(found, may=["fork"] if command[0] in ("explain", "convert", "top") else ())
            check_equal(found["packet-sockets"], [0])
            # both are of one place, which is told when they have been read
            check_equal(done.returncode, 1 if command[0] == "merge" else 0, done.stderr)


@case
def hands_out_and_no_more():
    with tempfile.TemporaryDirectory() as directory:
        found, done = probed(["view", "--no-browser", *made(directory)], PROBE_END="1")
    check_equal(found["packet-sockets"], [0])
    check_served(found, done)


@case
def fetches_and_no_more():
    """It connects by TCP; a file is not there for it, whatever its name, as libnats looks for some."""
    opens = ["open-to-write", "open-to-read", "open-itself"]
    found, done = probed(["fetch", "nats://127.0.0.1:9"], PROBE_END="1")
    check_refused(found, may=[*opens, "socket-tcp", "connect"])
    check_equal([found[name] for name in opens], [[errno.ENOENT]] * len(opens))
    check_equal(done.returncode, 0, done.stderr)


@case
def runs_a_lab_and_no_more():
    """Who traces it, and who grades it: at once, and by itself."""
    with tempfile.TemporaryDirectory() as directory:
        trace = f"{directory}/trace.ndjson"
        for command, confined in ((["--auto", "-q", "-o", trace], 2), (["--check", trace], 1), (["--export", "gift"], 1)):
            with bystander() as other:
                found, done = probed(["lab", "lost-syn", *command], victim=other.pid)
            check_equal(len(found["user"]), confined, command)
            check("0" not in map(str, found["user"]) and set(found["capabilities"]) == {0}, found)
            check_refused({**found, "user": found["user"][:1], "capabilities": found["capabilities"][:1]})
            check(found["maps-writable"][0] <= 2, found)
            # graded: whether all was seen, and in time, says nothing of rights
            check(done.returncode in ((0,) if "gift" in command else (0, 4, 5)), done.returncode, done.stderr)


@case
def can_be_made_to_end_instead():
    """As all other tests have it: what the list lacks would end the program."""
    found, done = probed(["read", f"{lib.REPOSITORY}/docs/sample.pcap", "-o", "/dev/null"], TCPLENS_SECCOMP="kill")
    check_equal((found, done.returncode), ({}, 1))
    lib.one_line(done.stderr, f"its reader broke down (signal {signal.SIGSYS.value})")


def check_no_right(pid, kinds=("Inh", "Prm", "Eff", "Amb")):
    status = status_of(pid)
    check_equal([int(status[f"Cap{kind}"], 16) for kind in kinds], [0] * len(kinds))
    check_equal(status["NoNewPrivs"], "1")
    for kind in "Uid", "Gid":
        check("0" not in status[kind].split(), status[kind])
    check_equal(status["Groups"].strip(), "")


@contextlib.contextmanager
def tracing(*before, options=(), pass_fds=()):
    """A tracer with a command that does not end: its id, that of the command, that of the guard."""
    with tempfile.TemporaryDirectory() as directory:
        ready = f"{directory}/ready"
        process = subprocess.Popen([*before, lib.TCPLENS, "trace", "-q", "-o", f"{directory}/trace", *options, "--", "sh", "-c",
                                    f"echo $$ >{ready}; exec sleep 1000"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   pass_fds=pass_fds)
        try:
            wait_for(lambda: process.poll() is not None or (os.path.exists(ready) and os.path.getsize(ready)), "the command")
            check_equal(process.poll(), None)
            with open(ready, encoding="utf-8") as file:
                command = int(file.read())
            tracer = int(status_of(command)["PPid"])
            guard = wait_named("tcplens-guard", tracer)
            wait_for(lambda: status_of(guard)["Seccomp"] == "2" or has_ended(guard), "the guard")
            yield process, tracer, command, guard
        finally:
            process.kill()
            process.wait()
            process.stderr.close()


@case
def rights_are_gone():
    with tracing(*NAMESPACE) as (_, tracer, command, guard):
        check_no_right(tracer)
        check_equal(status_of(tracer)["Seccomp"], "2")
        # whose files it has in /proc: root's, where a process cannot be traced by others of its user (PR_SET_DUMPABLE)
        check_equal(os.stat(f"/proc/{tracer}/environ").st_uid, 0)
        links = links_of(tracer).values()
        check("anon_inode:bpf_link" in links and "anon_inode:bpf-map" not in links, links)
        check("anon_inode:bpf-map" in read_of(tracer, "maps"), "no map is mapped")

        status = status_of(guard)
        check_equal([int(status[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Amb")], [0, CAP_KILL, CAP_KILL, 0])
        check_equal((status["NoNewPrivs"], "0" in status["Uid"].split()), ("1", False))
        links = links_of(guard)
        check_equal((set(links), links[0].partition(":")[0], links[1]), ({0, 1}, "socket", "anon_inode:[pidfd]"))
        check(f"\nPid:\t{command}\n" in read_of(guard, "fdinfo/1"), "of another process", read_of(guard, "fdinfo/1"))


@case
def what_the_caller_left_open_is_the_commands():
    with tempfile.TemporaryFile() as secret:
        fd = secret.fileno()
        with tracing(*NAMESPACE, pass_fds=[fd]) as (_, tracer, command, guard):
            check_equal(links_of(command)[fd], links_of(os.getpid())[fd])
            for reader in tracer, guard:
                check(links_of(command)[fd] not in links_of(reader).values(), "is open still:", links_of(reader))
        reads, writes = os.pipe()
        process = subprocess.Popen([lib.TCPLENS, "explain", "-"], stdin=reads, stdout=subprocess.DEVNULL, pass_fds=[fd])
        os.close(reads)
        try:
            wait_for(lambda: status_of(process.pid)["Seccomp"] == "2", "who reads to be confined")
            check(links_of(os.getpid())[fd] not in links_of(process.pid).values(), "is open still:", links_of(process.pid))
        finally:
            os.close(writes)
            check_equal(process.wait(lib.DEADLINE), 1)


def copy_of(pid, fd):
    """The same socket, open here too: pidfd_getfd(2)."""
    pidfd = os.pidfd_open(pid)
    try:
        copy = ctypes.CDLL(None, use_errno=True).syscall(SYS_PIDFD_GETFD, pidfd, fd, 0)
    finally:
        os.close(pidfd)
    check(copy >= 0, "pidfd_getfd():", os.strerror(ctypes.get_errno()))
    return socket.socket(fileno=copy)


@case
def filters_are_locked():
    """The list refuses to widen them before the kernel is asked; it would refuse too."""
    with tracing(*NAMESPACE, options=["--iface", "lo", "--iface", "any"]) as (_, tracer, _, _):
        locked = []
        for fd, link in links_of(tracer).items():
            if link.startswith("socket:"):
                with copy_of(tracer, fd) as copy:
                    if copy.family == socket.AF_PACKET:
                        locked.append(copy.getsockopt(socket.SOL_SOCKET, SO_LOCK_FILTER))
        check_equal(locked, [1, 1])


@case
def opener_can_make_files_and_no_more():
    """Who it is, three capabilities, and a list of system calls; its channel, and nothing of what the tracer has open."""
    with tracing(*NAMESPACE, options=["--rotate-size", "1M"]) as (_, tracer, _, _):
        opener = wait_named("tcplens-opener", tracer)
        wait_for(lambda: status_of(opener)["Seccomp"] == "2", "the opener's list of system calls")
        links = links_of(opener)
        check_equal((set(links), links[0].partition(":")[0]), ({0}, "socket"))
        theirs, ours = status_of(opener), status_of("self")
        for name in "Uid", "Gid":
            check_equal(theirs[name], ours[name], name)
        check_equal([int(theirs[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Amb")], [0, CAPS_OF_FILES, CAPS_OF_FILES, 0])
        check_equal(theirs["NoNewPrivs"], "1")
        check_no_right(tracer)


@case
def wire_of_a_lab_has_no_right():
    """Before the lab begins, so that it does not end meanwhile."""
    with contextlib.ExitStack() as stack:
        lab = lib.begin(stack, "lab", "lost-syn", "--serve", "127.0.0.1:0", "-o", f"{lib.temporary(stack)}/trace")
        lab.wait_line("the lab begins when", "stderr")
        wire = wait_named("wire", lab.pid)
        wait_for(lambda: status_of(wire)["NoNewPrivs"] == "1" and not int(status_of(wire)["CapPrm"], 16), "the wire's rights")
        check_no_right(wire)


@case
def guard_does_nothing_else():
    """What its list lacks ends it: it has nowhere to say what was refused. By itself the probe does not."""
    for what in "nothing", "open", "kill", "read-other", "write-other", "signal-other":
        before = ["env", f"LD_PRELOAD={PROBE}", f"PROBE_GUARD={what}"]
        with tracing(*NAMESPACE, *before) as (process, _, command, guard):
            try:
                if what == "nothing":
                    process.kill()
                    wait_for(lambda command=command: has_ended(command), "the command's end")
                    continue
                wait_for(lambda guard=guard: has_ended(guard), f"the guard's end by {what}")
                check_equal(int(stat_of(guard)[EXIT_CODE]) & 0x7f, signal.SIGSYS, what)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(command, signal.SIGKILL)


@case
def command_ends_with_the_tracer():
    """Whatever ends that: the command is root's, and the tracer is not."""
    with tracing(*NAMESPACE) as (process, tracer, command, guard):
        os.kill(tracer, signal.SIGKILL)
        process.wait()
        wait_for(lambda: has_ended(command) and has_ended(guard), "the command's end")


@case
def guard_survives_what_a_terminal_sends():
    with tracing(*NAMESPACE) as (process, _, command, guard):
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
            os.kill(guard, number)
        process.send_signal(signal.SIGTERM)
        process.wait(lib.DEADLINE)
        check(has_ended(command))


@contextlib.contextmanager
def ending(*before):
    """A tracer that is told to end when the guard has been seen to; then what it says, and that its command goes on."""
    with tracing(*before, *NAMESPACE) as (process, tracer, command, guard):
        try:
            yield guard
            for _ in range(2):
                process.send_signal(signal.SIGTERM)
                # taken, though another signal of that number would be one with it
                wait_for(lambda: has_ended(tracer) or not int(status_of(tracer)["ShdPnd"], 16), "the signal to be taken")
            check_equal(process.wait(2 * lib.DEADLINE), 1)
            check(not has_ended(command), "the command has ended")
            os.kill(command, signal.SIGKILL)  # it has standard error open too
            lib.one_line(process.stderr.read().decode(), f"(process {command}) goes on")
        finally:
            for pid in guard, command:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


@case
def says_that_the_command_goes_on():
    """Where the guard may not signal it, was killed, or was stopped."""
    with ending("setpriv", "--bounding-set=-kill", "--inh-caps=-kill", "--"):
        pass
    for number in signal.SIGKILL, signal.SIGSTOP:
        with ending() as guard:
            os.kill(guard, number)


@case
def guard_that_is_late_still_ends_the_command():
    with tracing(*NAMESPACE) as (process, _, command, guard):
        os.kill(guard, signal.SIGSTOP)
        process.send_signal(signal.SIGTERM)
        process.wait(2 * lib.DEADLINE)
        os.kill(guard, signal.SIGCONT)
        wait_for(lambda: has_ended(command) and has_ended(guard), "the command's end")


@case
def goes_on_as_its_account():
    """Where the machine has one: passwd(5) of this run alone."""
    user = 64999
    with tempfile.NamedTemporaryFile("w", suffix=".passwd") as passwd:
        with open("/etc/passwd", encoding="utf-8") as file:
            passwd.write(file.read() + f"tcplens:x:{user}:{user}::/nonexistent:/usr/sbin/nologin\n")
        passwd.flush()
        os.chmod(passwd.name, 0o644)
        own = ["unshare", "--mount", "sh", "-c", f'mount --bind {passwd.name} /etc/passwd && exec "$@"', "sh"]
        with tracing(*own, *NAMESPACE) as (_, tracer, _, guard):
            for pid in tracer, guard:
                check_equal(status_of(pid)["Uid"].split(), [str(user)] * 4)
                check_equal(status_of(pid)["Gid"].split(), [str(user)] * 4)


@case
def says_what_of_root_stays():
    """A container's root without the right to become somebody else, or to leave its groups."""
    for without, stays in (("setuid", {"user 0"}), ("setgid", {"group 0", "supplementary groups"}),
                           ("setuid,-setgid", {"user 0", "group 0", "supplementary groups"})):
        done = lib.run("read", f"{lib.REPOSITORY}/docs/sample.pcap", "-o", "/dev/null",
                       before=["setpriv", "--groups=0,1", f"--bounding-set=-{without}", f"--inh-caps=-{without}", "--"])
        check_equal(done.status, 0, done.stderr)
        lib.one_line(done.stderr, "CAP_SETUID", "CAP_SETGID")
        kept = done.stderr.partition("keeps ")[2].partition(":")[0]
        check_equal(set(kept.split(", ")), stays, without)


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
