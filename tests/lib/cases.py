"""Cases of a test program: how they say what is wrong, wait, and are run.

Nothing waits for time to pass: a test waits for a line, a file or a process, with a deadline that
only a fault reaches.
"""
import contextlib
import functools
import os
import sys
import tempfile
import time

# How many times slower this machine may be than a real one: an emulated one is (tests/kernels).
SLOWDOWN = float(os.environ.get("TEST_SLOWDOWN", 1))
EMULATED = "TEST_EMULATED" in os.environ  # its processors can stand still at any moment, and count that as work
DEADLINE = 30.0 * SLOWDOWN  # seconds for one event
CI = os.environ.get("CI") == "true"  # a machine that must be able to run everything
SKIPPED = 77  # exit status: see tests/run.sh

CASES = {}


class Disturbed(AssertionError):
    """TCP itself did otherwise, as it may where a processor stands still for long: the case is run once more."""


class Skip(Exception):
    """A case cannot run here; says why."""


def case(function):
    CASES[function.__name__] = function
    return function


def check(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(w) for w in what) or "condition does not hold")


def check_equal(got, expected, what=""):
    if got != expected:
        raise AssertionError(f"{what} got {got!r:.700}, expected {expected!r:.700}".strip())


def wait_for(condition, what):
    """Waits until condition() is true, and returns what it gave; the sleep only spares the processor."""
    end = time.monotonic() + DEADLINE
    while not (found := condition()):
        check(time.monotonic() < end, "waited in vain for", what)
        time.sleep(0.005)
    return found


def one_line(text, *parts):
    """A message is exactly one line, and holds what one needs to know."""
    check(text.endswith("\n") and text.count("\n") == 1, "expected one line on stderr, got", repr(text))
    check(text.startswith("tcplens: "), "does not say who speaks:", repr(text))
    for part in parts:
        check(part in text, f"{part!r} is not in", repr(text))


def cannot_run(why):
    """The exit status of a test program none of whose cases can run here."""
    print(f"{os.path.basename(sys.argv[0])}: {why}\n{'0 passed, 1 failed' if CI else 'skipped'}")
    return 1 if CI else SKIPPED


@contextlib.contextmanager
def own_directory():
    """A new directory to be in."""
    home = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(home)


def undisturbed(judge, attempts=4):
    """Runs judge() until nothing has disturbed it."""
    for _ in range(attempts - 1):
        try:
            return judge()
        except Disturbed as error:
            print(f"     again: {error}"[:160], flush=True)
    return judge()


def run_cases(names=(), around=contextlib.nullcontext, run=lambda judge: judge()):
    """Runs the cases of these names, or all, each by run() and within around(); returns the exit status."""
    unknown = [name for name in names if name not in CASES]
    if unknown:
        print(f"{os.path.basename(sys.argv[0])}: no case {unknown[0]!r}; there are: {' '.join(CASES)}")
        return 2
    passed = failed = 0
    for name in names or CASES:
        start = time.monotonic()
        word, why = "ok  ", ""
        try:
            with around():
                run(functools.partial(undisturbed, CASES[name]))
        except Skip as skip:
            word, why = ("FAIL" if CI else "skip"), f"cannot run here: {skip}"
        except Exception as error:  # whatever it is, it is of this case alone
            word, why = "FAIL", f"{type(error).__name__}: {error}"
        passed += word == "ok  "
        failed += word == "FAIL"
        print(f"{word} {name} ({time.monotonic() - start:.2f} s)", flush=True)
        if why:
            print(f"    {why}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0
