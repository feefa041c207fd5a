"""A terminal to look at: a program runs on it, keys are pressed, and what stands on it is read."""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

from .cases import DEADLINE, check, wait_for
from .full import fill_terminal
from .processes import read_of

try:
    import pyte
except ImportError:  # another Python than Debian's, whose packages of pure Python it can use
    sys.path.append("/usr/lib/python3/dist-packages")
    import pyte
    sys.path.pop()

LEAVES = b"\x1b[?1049l"  # rmcup: the screen that was there before


class Screen:
    """The program's terminal, which is its standard input and output. With the stack it ends at the latest."""

    def __init__(self, stack, command, width=80, height=24, **environment):
        self.raw = b""
        self.status = None
        self.screen = pyte.Screen(width, height)
        self.stream = pyte.ByteStream(self.screen)
        variables = {**os.environ, "TERM": "screen-256color", "LC_ALL": "C.UTF-8", **environment}
        variables = {name: value for name, value in variables.items() if value is not None}
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                os.read(0, 1)  # until the terminal has its size
                os.execvpe(command[0], command, variables)
            finally:
                os._exit(127)
        stack.callback(self._end)
        self.resize(width, height, tell=False)
        self.before = termios.tcgetattr(self.master)
        os.write(self.master, b"\n")
        # the program has it now: what was typed before is not for it
        self.screen.reset()

    def _end(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.master)

    def resize(self, width, height, tell=True):
        """SIGWINCH comes from the kernel."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        if tell:
            self.screen.resize(height, width)

    def take(self, seconds):
        """What is written within that time at most; False: nothing was, or nobody is there any more."""
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:  # EIO: the program has ended
            return False
        self.raw += data
        self.stream.feed(data)
        return bool(data)

    @property
    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self):
        return "\n".join(self.lines)

    def wait(self, condition, what):
        """Until condition(text) holds; returns what it gave."""
        end = time.monotonic() + DEADLINE
        while not (found := condition(self.text)):
            check(time.monotonic() < end, "waited in vain for", what, "on\n" + self.text)
            self.take(0.05)
        return found

    def wait_text(self, *parts):
        self.wait(lambda text: all(part in text for part in parts), parts)

    def press(self, keys):
        os.write(self.master, keys.encode() if isinstance(keys, str) else keys)

    def has_taken_keys(self):
        terminal = os.open(f"/proc/{self.pid}/fd/0", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            return not any(fcntl.ioctl(terminal, termios.FIONREAD, bytes(4)))
        finally:
            os.close(terminal)

    def signal(self, number):
        os.kill(self.pid, number)

    def stand_still(self):
        """Nobody reads any more, and there is no room left."""
        terminal = os.open(f"/proc/{self.pid}/fd/1", os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        fill_terminal(self.master, terminal)
        os.close(terminal)

    def is_held_up(self):
        """One of its threads waits for the terminal to take something."""
        return any((read_of(self.pid, f"task/{task}/wchan") or "") in ("wait_woken", "n_tty_write")
                   for task in os.listdir(f"/proc/{self.pid}/task"))

    def ended_unread(self):
        """As ended(), and nothing is read."""
        _, status = wait_for(lambda: (ended := os.waitpid(self.pid, os.WNOHANG))[0] and ended, "its end")
        self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def ended(self):
        """Waits until it has; its exit status, or minus the signal."""
        end = time.monotonic() + DEADLINE
        while self.status is None:
            check(time.monotonic() < end, "did not end:\n" + self.text)
            self.take(0.01)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        while self.take(0):
            pass
        return self.status

    def is_restored(self):
        """The screen that was there before stands there again, and the terminal's modes are what they were."""
        return LEAVES in self.raw and self.modes_are_restored()

    def modes_are_restored(self):
        return termios.tcgetattr(self.master)[:4] == self.before[:4]
