#!/usr/bin/env python3
"""Tests of what is seen with fewer rights, or on a kernel that tells less; and whether `tcplens doctor` says so.

Usage: rights_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO
"""
import contextlib
import os
import shutil
import subprocess
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import ACTIVE, CLOSES_FIRST, CLOSES_SECOND, NOBODY, PASSIVE, Done, case, check, check_equal, one_line

UNSEEN_WITHOUT_TIMERS = "SYN-SENT, the SYN queue, and after close() TIME-WAIT and the end of FIN-WAIT-2 are not seen"
DEMO = ["./tcplens", "trace", "-q", "-o", "trace.ndjson", "--", "./tcplens-echo", "demo", "--fast"]


def run_in(directory, command, before=()):
    done = subprocess.run([*before, *command], cwd=directory, stdin=subprocess.DEVNULL, text=True, capture_output=True,
                          timeout=2 * lib.DEADLINE, check=False)
    said = [line for line in done.stderr.splitlines(True) if line.startswith("tcplens:")]
    return Done(done.returncode, done.stdout, "".join(said))


@contextlib.contextmanager
def place():
    """A directory where anybody can run the programs and write."""
    with contextlib.ExitStack() as stack:
        directory = lib.temporary(stack)
        os.chmod(directory, 0o777)
        shutil.copy(lib.TCPLENS, f"{directory}/tcplens")
        shutil.copy(lib.ECHO, f"{directory}/tcplens-echo")
        yield directory


def nobody_with(*capabilities):
    """As setcap gives them to a program, but for this run alone."""
    few = ",".join(["-all", *(f"+{c}" for c in capabilities)])
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", f"--inh-caps={few}",
            f"--ambient-caps={few}"]


NAMESPACE = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


def found(doctor):
    """What doctor says of each thing: {name: found}."""
    return {line[9:].partition(": ")[0]: line.startswith("ok ") for line in doctor.splitlines()[1:]}


def says(doctor, part):
    names = [name for name in found(doctor) if part in name]
    check_equal(len(names), 1, f"lines of {part!r} in {doctor!r}:")
    return found(doctor)[names[0]]


@case
def four_capabilities_are_enough():
    few = nobody_with("bpf", "perfmon", "syslog", "net_raw")
    with place() as directory:
        done = run_in(directory, DEMO, [*NAMESPACE, *few])
        check_equal((done.status, done.stderr), (0, ""))
        trace = lib.read_trace(f"{directory}/trace.ndjson")
        doctor = run_in(directory, ["./tcplens", "doctor"], few)
    trace.check_whole()
    trace.check_paths(1, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND)
    check_equal(len(trace.all("call", name="accept4")), 1)
    check_equal(doctor.status, 0)
    missing = [text for text, is_there in found(doctor.stdout).items() if not is_there]
    # What the kernel lacks is no right.
    lacks = ("CAP_SYS_ADMIN", "reasons of resets", "programs run in every interrupt")
    check(all(any(word in text for word in lacks) for text in missing), missing)


@case
def without_syslog():
    """The addresses of the timers' functions are hidden: what lives by its timer is not seen, and it says so."""
    few = nobody_with("bpf", "perfmon", "net_raw")
    with place() as directory:
        done = run_in(directory, DEMO, [*NAMESPACE, *few])
        check_equal(done.status, 0, done.stderr)
        one_line(done.stderr, f"CAP_SYSLOG): {UNSEEN_WITHOUT_TIMERS}")
        trace = lib.read_trace(f"{directory}/trace.ndjson")
        doctor = run_in(directory, ["./tcplens", "doctor"], few)
    check_equal(trace.header["sources"], ["kernel", "wire"])
    trace.check_paths(1, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND, sources=("wire",))
    seen = trace.path(1, "client").split()
    # close() leaves a minisock in FIN-WAIT-2, which lives by its timer
    check_equal(seen[-3:], ["FIN-WAIT-1", "FIN-WAIT-2", "CLOSED"])
    check(trace.path(1, "server").endswith(CLOSES_SECOND), trace.path(1, "server"))
    check_equal(trace.all("timer"), [])
    for part, is_there in (("CAP_BPF", True), ("addresses of the timers", False), ("kernel witness", True)):
        check_equal(says(doctor.stdout, part), is_there, part)
    check_equal(doctor.stdout.count(UNSEEN_WITHOUT_TIMERS), 2, doctor.stdout)


@case
def without_type_information():
    """A kernel without BTF: the sampled witness stands in."""
    hidden = ["unshare", "--mount", "sh", "-c", f'mount --bind /dev/null {lib.KERNEL_BTF} && exec "$@"', "sh"]
    with place() as directory:
        done = run_in(directory, DEMO, [*hidden, *NAMESPACE])
        check_equal(done.status, 0, done.stderr)
        one_line(done.stderr, "sampled", "BTF")
        trace = lib.read_trace(f"{directory}/trace.ndjson")
        doctor = run_in(directory, ["./tcplens", "doctor"], hidden)
        only = run_in(directory, [*DEMO[:-4], "--force", "--source", "kernel", *DEMO[-4:]], [*hidden, *NAMESPACE])
    check_equal(trace.header["sources"], ["diag", "wire"])
    check_equal([m["source"] for m in trace.header["missing"]], ["kernel"])
    check("BTF" in trace.header["missing"][0]["why"], trace.header)
    trace.check_paths(1, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND, sources=("wire",))
    check_equal(doctor.status, 3)
    for part, is_there in (("type information", False), ("kernel witness", False), ("sampled witness", True),
                           ("wire witness", True), ("CAP_BPF", True)):
        check_equal(says(doctor.stdout, part), is_there, part)
    check_equal(only.status, 3)
    one_line(only.stderr, "BTF")
    check("as root" not in only.stderr, "what root cannot help:", only.stderr)


@case
def packets_alone():
    few = nobody_with("net_raw")
    with place() as directory:
        done = run_in(directory, DEMO, [*NAMESPACE, *few])
        check_equal(done.status, 0, done.stderr)
        one_line(done.stderr, "sampled", "CAP_BPF")
        doctor = run_in(directory, ["./tcplens", "doctor"], few)
        lib.read_trace(f"{directory}/trace.ndjson")
    check_equal(doctor.status, 3)
    for part, is_there in (("CAP_BPF", False), ("kernel witness", False), ("sampled witness", True),
                           ("wire witness", True)):
        check_equal(says(doctor.stdout, part), is_there, part)


@case
def kernel_alone():
    few = nobody_with("bpf", "perfmon", "syslog")
    with place() as directory:
        done = run_in(directory, DEMO, [*NAMESPACE, *few])
        check_equal(done.status, 0, done.stderr)
        one_line(done.stderr, "packets are not seen", "CAP_NET_RAW")
        trace = lib.read_trace(f"{directory}/trace.ndjson")
        doctor = run_in(directory, ["./tcplens", "doctor"], few)
    check_equal(trace.header["sources"], ["kernel"])
    trace.check_paths(1, ACTIVE + CLOSES_FIRST, PASSIVE + CLOSES_SECOND, sources=("kernel",))
    check_equal(doctor.status, 3)
    check_equal((says(doctor.stdout, "kernel witness"), says(doctor.stdout, "wire witness")), (True, False))


@case
def root_of_a_user_namespace():
    """Holds every capability, but not where the kernel's programs and symbols are concerned."""
    with place() as directory:
        doctor = run_in(directory, ["./tcplens", "doctor"], ["unshare", "--map-root-user", "--net"])
    check_equal(doctor.status, 3)
    there = found(doctor.stdout)
    check_equal([there[name] for name in ("CAP_BPF", "CAP_PERFMON", "CAP_SYSLOG", "CAP_NET_RAW")],
                [False, False, False, True])
    check("in a user namespace" in doctor.stdout, doctor.stdout)


ACCOUNT, SECCOMP, IDENTITY = "an account of its own", "(seccomp)", "root's identity can be given up"


def with_passwd(stack, *more):
    """passwd(5) of a run alone: this machine's, without the account, and these lines."""
    with open("/etc/passwd", encoding="utf-8") as file:
        lines = [line for line in file if not line.startswith("tcplens:")]
    path = f"{lib.temporary(stack)}/passwd"
    lib.write(path, "".join([*lines, *more]))
    return ["unshare", "--mount", "sh", "-c", f'mount --bind {path} /etc/passwd && exec "$@"', "sh"]


@case
def doctor_on_who_reads():
    """Of root's identity, the account and seccomp: none of it is needed to trace."""
    account = "tcplens:x:64999:64999::/nonexistent:/usr/sbin/nologin\n"
    with contextlib.ExitStack() as stack:
        alone, own = with_passwd(stack), with_passwd(stack, account)
        for without, before, has_account in (("", alone, False), ("setuid", own, True), ("setgid", own, True),
                                             ("setuid,-setgid", alone, False)):
            fewer = ["setpriv", f"--bounding-set=-{without}", f"--inh-caps=-{without}", "--"] if without else []
            doctor = lib.run("doctor", before=[*before, *fewer])
            check_equal((doctor.status, doctor.stderr), (0, ""))
            check_equal([says(doctor.stdout, part) for part in (SECCOMP, IDENTITY, ACCOUNT)],
                        [True, not without, has_account], f"without {without}:")
            check_equal("keeps user, group or groups; CAP_SETUID and CAP_SETGID are needed" in doctor.stdout, bool(without))
            check_equal("goes on as nobody (user 65534)" in doctor.stdout, not has_account)


@case
def says_why_there_is_no_namespace():
    """The cause, and what helps; not what the first call that failed says of it."""
    without = ["setpriv", "--bounding-set=-{0}", "--inh-caps=-{0}", "--"]
    no_more = ["unshare", "--user", "--map-root-user", "sh", "-c",
               'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"', "sh"]
    with place() as directory:
        for before, parts in (([word.format("net_admin") for word in without], ("loopback", "CAP_NET_ADMIN")),
                              ([*no_more, *(word.format("sys_admin") for word in without)],
                               ("user.max_user_namespaces", "run as root"))):
            done = run_in(directory, ["./tcplens", "trace", "--netns", "new", "--", "true"], before)
            check_equal(done.status, 3, done.stderr)
            one_line(done.stderr, "cannot make a network namespace", *parts)
            check("No space left" not in done.stderr, done.stderr)


LAB = ["lab", "first-connection", "--auto", "-q"]


@case
def says_what_a_lab_lacks():
    """The setting, or the right."""
    no_more = ["unshare", "--user", "--map-root-user", "sh", "-c", 'echo 0 >/proc/sys/user/max_pid_namespaces && exec "$@"', "sh"]
    for before, part in ((no_more, "user.max_pid_namespaces"),
                         (["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", "--"], "CAP_NET_RAW")):
        done = lib.run(*LAB, before=before)
        check_equal(done.status, 3, done.stderr)
        one_line(done.stderr, part)
        check("No space left" not in done.stderr and "not permitted" not in done.stderr, done.stderr)


@case
def says_that_there_is_no_proc():
    """Once, rather than what comes of it; of that of another PID namespace, too."""
    with contextlib.ExitStack() as stack:
        folder = lib.temporary(stack)
        own = ["unshare", "--mount", "sh", "-c"]
        none = [*own, 'umount --lazy --recursive /proc && exec "$@"', "sh"]
        others = [*own, f'unshare --pid --fork mount -t proc proc {folder} && mount --move {folder} /proc && exec "$@"', "sh"]
        for before, part in ((none, "/proc is not mounted"), (others, "/proc is that of a PID namespace")):
            for command in (["trace", "--netns", "new", "-q", "-o", f"{folder}/trace", "--", "true"],
                            ["trace", "--source", "diag"], ["trace", "--pid", "1"], ["top", "--once"], LAB):
                done = lib.run(*command, before=before)
                check_equal((done.status, done.stdout), (3, ""), f"{command}: {done.stderr}")
                one_line(done.stderr, part)
                check("sudo" not in done.stderr and not os.listdir(folder), done.stderr)
            doctor = lib.run("doctor", before=before)
            check_equal((doctor.status, doctor.stderr), (3, ""))
            lines = doctor.stdout.splitlines()[1:]
            check(len(lines) == 1 and lines[0].startswith("missing ") and part in lines[0], doctor.stdout)
        done = lib.run("trace", "--pid", "no such", before=none)
        check_equal(done.status, 2)
        one_line(done.stderr, "/proc is not mounted")


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
