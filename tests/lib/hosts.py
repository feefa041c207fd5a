"""Two network namespaces as two hosts, each with its own address, and what lies between them: a cable, or a wire that delays
and loses; and a clock that is set wrong, for what a host saw."""
import contextlib
import datetime
import fcntl
import heapq
import json
import os
import select
import struct
import subprocess
import threading
import time

from .cases import check, wait_for
from .programs import TCPLENS, Running

ADDRESSES = ("10.99.0.1", "10.99.0.2")
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000  # include/uapi/linux/if_tun.h


def _ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Packet:
    """What a wire looks at: an IPv4 packet of TCP. None of these for others."""

    def __init__(self, data):
        self.is_tcp = data[0] >> 4 == 4 and data[9] == 6
        header = (data[0] & 15) * 4
        if self.is_tcp:
            self.seq, self.ack = struct.unpack_from(">II", data, header + 4)
            self.flags = data[header + 13]
            self.len = struct.unpack_from(">H", data, 2)[0] - header - (data[header + 12] >> 4) * 4
            self.syn, self.fin, self.rst = (bool(self.flags & bit) for bit in (2, 1, 4))


class Wire(threading.Thread):
    """Hands packets from one device to the other, each after delay seconds, but for those of which lost(from, packet) is true."""

    def __init__(self, fds, delay, lost):
        super().__init__(daemon=True)
        self.fds, self.delay, self.lost = fds, delay, lost
        self.dropped = []
        self.over, self.ends = os.pipe()

    def run(self):
        due, count = [], 0
        while True:
            wait = max(0, due[0][0] - time.monotonic()) if due else None
            for fd in select.select([*self.fds, self.over], [], [], wait)[0]:
                if fd == self.over:
                    return
                data, sender = os.read(fd, 65536), self.fds.index(fd)
                packet = Packet(data)
                if packet.is_tcp and self.lost(sender, packet):
                    self.dropped.append((sender, packet))
                else:
                    count += 1
                    heapq.heappush(due, (time.monotonic() + self.delay, count, self.fds[1 - sender], data))
            while due and due[0][0] <= time.monotonic():
                with contextlib.suppress(OSError):  # a device that is being taken down
                    os.write(due[0][2], due[0][3])
                heapq.heappop(due)

    def stop(self):
        os.write(self.ends, b".")
        self.join()
        os.close(self.over)
        os.close(self.ends)


def _tun(name, namespace):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    _ip("link", "set", name, "netns", namespace)
    return fd


@contextlib.contextmanager
def two_hosts(delay=None, lost=lambda sender, packet: False):
    """Names of two namespaces, and the Wire between them; without a delay it is a cable, and None."""
    names = [f"tcplens-host-{os.getpid()}-{i}" for i in range(2)]
    devices = [f"tlh{os.getpid()}-{i}" for i in range(2)]
    with contextlib.ExitStack() as stack:
        for name in names:
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "delete", name)
            _ip("-n", name, "link", "set", "lo", "up")
        wire = None
        if delay is None:
            _ip("link", "add", devices[0], "netns", names[0], "type", "veth", "peer", "name", devices[1], "netns", names[1])
        else:
            wire = Wire([_tun(device, name) for device, name in zip(devices, names)], delay, lost)
            for fd in wire.fds:
                stack.callback(os.close, fd)
            wire.start()
            stack.callback(wire.stop)
        for name, device, address in zip(names, devices, ADDRESSES):
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", device)
            _ip("-n", name, "link", "set", device, "up")
        yield names, wire


class Traced:
    """What both hosts see while the program runs, each on its own: traces, or captures of tcpdump."""

    def __init__(self, names, stack, folder, *options):
        self.paths = [f"{folder}/{side}.ndjson" for side in "ab"]
        self.running = [Running(["ip", "netns", "exec", name, TCPLENS, "trace", "-q", "-o", path, *options], stack)
                        for name, path in zip(names, self.paths)]
        for path, running in zip(self.paths, self.running):
            wait_for(lambda path=path, running=running: os.path.exists(path) and os.path.getsize(path) or
                     check(running.process.poll() is None, running.stderr), f"{path} to begin")

    def until(self, text, count=1):
        """Each has told of that so often."""
        for path in self.paths:
            wait_for(lambda path=path: open(path, encoding="utf-8").read().count(text) >= count, f"{text} in {path}")

    def stop(self):
        for running in self.running:
            running.interrupt()  # ip has become tcplens
        for running in self.running:
            check(running.wait() == 0, running.stderr)
        return self.paths




def set_trace(path, to, offset_ns, ppm):
    """The trace as it were, had its host's clock been ahead by offset_ns when it began, and fast by ppm."""
    def late(ns):
        return ns + round(ns * ppm / 1e6)

    with open(path, encoding="utf-8") as lines, open(to, "w", encoding="utf-8") as out:
        for line in lines:
            record = json.loads(line)
            if record["record"] == "header":
                day, fraction = record["start"][:-1].split(".")
                start = int(datetime.datetime.fromisoformat(f"{day}+00:00").timestamp()) * 10**9 + int(fraction) + offset_ns
                day = datetime.datetime.fromtimestamp(start // 10**9, datetime.timezone.utc)
                record["start"] = f"{day:%Y-%m-%dT%H:%M:%S}.{start % 10**9:09}Z"
            for key in ("t", "expires", "first", "last"):
                if key in record:
                    record[key] = late(record[key])
            if record["record"] == "gap":
                record.update({"from": late(record["from"]), "to": late(record["to"])})
            out.write(json.dumps(record, separators=(",", ":"), ensure_ascii=False) + "\n")
    return to


def set_capture(path, to, offset_ns, ppm):
    """Likewise a capture of nanoseconds (pcap)."""
    with open(path, "rb") as file:
        data = file.read()
    check(data[:4] == b"\x4d\x3c\xb2\xa1", "no capture of nanoseconds:", path)
    out, at, first = bytearray(data[:24]), 24, None
    while at < len(data):
        seconds, rest, length, whole = struct.unpack_from("<IIII", data, at)
        ns = seconds * 10**9 + rest
        first = ns if first is None else first
        ns += offset_ns + round((ns - first) * ppm / 1e6)
        out += struct.pack("<IIII", ns // 10**9, ns % 10**9, length, whole) + data[at + 16:at + 16 + length]
        at += 16 + length
    with open(to, "wb") as file:
        file.write(out)
    return to
