"""What nobody reads any more, and takes no more."""
import contextlib
import fcntl
import os
import select
import struct
import termios

from .cases import wait_for


def is_full(fd):
    """Nothing more can be written there: the program waits."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return not poll.poll(0)


def fill_pipe(writes):
    os.set_blocking(writes, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(writes, b"x" * 4096):
            pass
    os.set_blocking(writes, True)


def fill_terminal(master, terminal):
    """Until its reader's buffer is full and what is before that too. Linux moves bytes from the one to the other and tells
    nobody who waits that there is room, so a tracer may stand still where poll() says that it need not. terminal: does not
    block."""
    def is_filled():
        with contextlib.suppress(BlockingIOError):
            while os.write(terminal, b"x" * 4096):
                pass
        waiting = struct.unpack("i", fcntl.ioctl(master, termios.FIONREAD, bytes(4)))[0]
        return waiting >= 4095 and is_full(terminal)

    wait_for(is_filled, "a full terminal")
