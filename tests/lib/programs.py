"""Running the programs under test: TCPLENS and ECHO name them."""
import collections
import os
import re
import signal
import subprocess
import tempfile

from .cases import DEADLINE, check, wait_for
from .processes import status_of

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TCPLENS = os.path.abspath(os.environ.get("TCPLENS", "build/tcplens"))
ECHO = os.path.abspath(os.environ.get("ECHO", "build/tcplens-echo"))

Done = collections.namedtuple("Done", "status stdout stderr")


def run(*arguments, before=(), **options):
    """Runs tcplens to its end."""
    done = subprocess.run([*before, TCPLENS, *map(str, arguments)], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=2 * DEADLINE, check=False, **options)
    return Done(done.returncode, done.stdout, done.stderr)


def tcplens(*arguments, data=None, stdout=subprocess.PIPE, timeout=4 * DEADLINE):
    """As run(), with input, and output as bytes."""
    done = subprocess.run([TCPLENS, *arguments], input=data, stdout=stdout, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL if data is None else None, timeout=timeout, check=False)
    return Done(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


def write(name, data):
    with open(name, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())
    return name


def read(name):
    with open(name, "rb") as file:
        return file.read()


class Running:
    """tcplens while it runs, or any other program; its streams are files, which nobody must drain."""

    def __init__(self, command, stack, **options):
        self.stdout_path = self._file(stack)
        self.stderr_path = self._file(stack)
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "wb") as err:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=err, **options)
        self.pid = self.process.pid
        stack.callback(self._reap)

    @staticmethod
    def _file(stack):
        fd, path = tempfile.mkstemp()
        os.close(fd)
        stack.callback(os.unlink, path)
        return path

    def _reap(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.stdin.close()
        self.process.wait()

    @property
    def stdout(self):
        with open(self.stdout_path, encoding="utf-8") as file:
            return file.read()

    @property
    def stderr(self):
        with open(self.stderr_path, encoding="utf-8") as file:
            return file.read()

    def wait_line(self, pattern, stream="stdout"):
        def found():
            whole = getattr(self, stream).rpartition("\n")[0]
            match = re.search(pattern, whole, re.M)
            check(match or self.process.poll() is None or self.process.stdin.closed,
                  f"ended with {self.process.returncode} before {pattern!r}: {self.stderr!r}")
            return match

        return wait_for(found, f"{pattern!r} on {stream}; stderr: {self.stderr!r}")

    def say(self, line=""):
        """A line to its standard input, which a traced command shares."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def wait(self):
        try:
            return self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"did not end; stderr: {self.stderr!r}") from None

    def status_field(self, key):
        return status_of(self.pid)[key].split()


def begin(stack, *arguments):
    """tcplens, running; it ends with the stack at the latest."""
    return Running([TCPLENS, *arguments], stack)


def temporary(stack):
    return stack.enter_context(tempfile.TemporaryDirectory())
