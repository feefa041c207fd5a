"""What /proc says of a process, which may end at any moment: None then, or a neutral value.

A file of /proc can be missing when it is opened (FileNotFoundError), and it can lose its process
between being opened and being read (ProcessLookupError); both mean the same here.
"""
import contextlib
import os

from .cases import wait_for


def read_of(pid, name):
    """The text of /proc/PID/NAME; None if the process is gone."""
    try:
        with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None


def status_of(pid):
    """Field: value of /proc/PID/status; None if the process is gone."""
    text = read_of(pid, "status")
    return None if text is None else dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def tcp_counter(pid, name):
    """Of the network namespace of a process that runs: a counter of /proc/net/snmp."""
    names, values = (line.split() for line in read_of(pid, "net/snmp").splitlines() if line.startswith("Tcp:"))
    return int(values[names.index(name)])


def stat_of(pid):
    """The fields of /proc/PID/stat from the state on (proc_pid_stat(5) numbers that 3); None if the process is gone."""
    text = read_of(pid, "stat")
    return None if text is None else text.rpartition(")")[2].split()


def children_of(pid):
    """Of its main thread, zombies too."""
    return [int(child) for child in (read_of(pid, f"task/{pid}/children") or "").split()]


def descriptors_of(pid):
    """The number of its open files; 0 if the process is gone."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError):
        return 0


def links_of(pid):
    """Descriptor: what it is of, as a link tells; of a process that runs."""
    links = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # it was just closed
            links[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
    return links


def has_ended(pid):
    """A zombie has: whoever adopted it may not wait for it."""
    fields = stat_of(pid)
    return fields is None or fields[0] in "ZX"


def named_below(name, pid):
    """The first of that name among its descendants; None."""
    for child in children_of(pid):
        found = child if (status_of(child) or {}).get("Name") == name else named_below(name, child)
        if found:
            return found
    return None


def wait_named(name, pid):
    return wait_for(lambda: named_below(name, pid), name)
