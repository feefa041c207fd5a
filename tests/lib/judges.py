"""What `tcplens read` says of a capture, set beside what others say of it."""
import collections
import datetime
import ipaddress
import json

from .programs import tcplens

# tshark's name under tcp.analysis, and the note of a segment.
NOTES = {
    "retransmission": "retransmission",
    "fast_retransmission": "fast-retransmission",
    "spurious_retransmission": "spurious-retransmission",
    "out_of_order": "out-of-order",
    "duplicate_ack": "duplicate-ack",
    "zero_window": "zero-window",
    "zero_window_probe": "zero-window-probe",
    "keep_alive": "keep-alive",
    "keep_alive_ack": "keep-alive-ack",
    "lost_segment": "lost-segment",
    "window_full": "window-full",
    "reused_ports": "port-reuse",
}

# The kernel's names of states.
KERNEL_STATES = {
    "CLOSE": "CLOSED", "LISTEN": "LISTEN", "SYN_SENT": "SYN-SENT", "SYN_RECV": "SYN-RECEIVED",
    "ESTABLISHED": "ESTABLISHED", "FIN_WAIT1": "FIN-WAIT-1", "FIN_WAIT2": "FIN-WAIT-2", "CLOSE_WAIT": "CLOSE-WAIT",
    "CLOSING": "CLOSING", "LAST_ACK": "LAST-ACK", "TIME_WAIT": "TIME-WAIT",
}


def endpoint(addr, port):
    """An address has one spelling here."""
    return str(ipaddress.ip_address(addr.partition("%")[0])), int(port)


def epoch_ns(text):
    """Of RFC 3339, whose fraction datetime would round."""
    seconds, _, fraction = text.rstrip("Z").partition(".")
    since = datetime.datetime.fromisoformat(seconds) - datetime.datetime(1970, 1, 1)
    return (since.days * 86400 + since.seconds) * 10**9 + int(fraction.ljust(9, "0"))


class Connection:
    def __init__(self, record):
        self.number = record["conn"]
        self.client = endpoint(record["client"]["addr"], record["client"]["port"])
        self.server = endpoint(record["server"]["addr"], record["server"]["port"])
        self.tunnel = record.get("tunnel")
        self.segments = []
        self.path = {"client": [], "server": []}
        self.outcome = None

    @property
    def pair(self):
        return frozenset([self.client, self.server])

    def end(self, point):
        return "client" if point == self.client else "server"

    def count_notes(self):
        return collections.Counter(note for s in self.segments for note in s.get("notes", []))

    def add(self, record):
        if record["record"] == "segment":
            self.segments.append(record)
        elif record["record"] == "state":
            path = self.path[record["end"]]
            if not path:
                path.append(record["from"])
            if record["how"] != "predicted":  # the end of TIME-WAIT, which no packet tells
                path.append(record["to"])
        elif record["record"] == "outcome":
            self.outcome = record


class Reading:
    """The connections of a trace, in the order of their numbers."""

    def __init__(self, lines):
        self.start_ns = 0
        self.conns = {}
        for line in lines:
            record = json.loads(line)
            if record["record"] == "header":
                self.start_ns = epoch_ns(record["start"])
            elif record["record"] == "connection":
                self.conns[record["conn"]] = Connection(record)
            elif record.get("conn") in self.conns:
                self.conns[record["conn"]].add(record)
        self.pairs = collections.defaultdict(list)
        for conn in self.conns.values():
            self.pairs[conn.pair].append(conn)


def read_capture(path, checksums="auto"):
    """None: it cannot be read at all. What comes before a damaged place counts."""
    done = tcplens("read", "--quiet", "--output", "-", "--checksums", checksums, path)
    lines = done.stdout.decode().splitlines()
    return Reading(lines) if lines else None


def kernel_path(row):
    """The states of a row of kernel_truth.tsv; where a minisock waits, TIME-WAIT is the last."""
    path = [KERNEL_STATES[s] for s in row["kernel_path"].split(">")]
    if row["hidden_tail"] == "TIME_WAIT" and path[-1] == "CLOSED":
        path[-1] = "TIME-WAIT"  # the socket was closed, and what ends the minisock is not told
    return path


def wire_path(conn, local):
    """The same of what packets tell."""
    path = conn.path[conn.end(local)]
    return path[:path.index("TIME-WAIT") + 1] if "TIME-WAIT" in path else path


class Agreement:
    """How often two say the same of each field, and where they do not."""

    def __init__(self, explained=()):
        self.fields = {}  # field: [agree, explained, differ]
        self.explained = dict(explained)
        self.used = set()
        self.lines = []  # (field, text)

    def _why(self, field, capture, of):
        for key in ((capture, field, of), (capture, field, "*"), (capture, "*", of), (capture, "*", "*")):
            if key in self.explained:
                self.used.add(key)
                return self.explained[key]
        return None

    def compare(self, field, where, truth, ours, detail=None):
        """where: capture, and what of it. detail: the difference, where it is not the two values."""
        counts = self.fields.setdefault(field, [0, 0, 0])
        if truth == ours:
            counts[0] += 1
            return
        why = self._why(field, *where)
        counts[1 if why else 2] += 1
        said = detail or f"truth {truth}, tcplens {ours}"
        self.lines.append((field, f"{where[0]} {where[1]}: {field}: {said}" + (f" ({why})" if why else "")))

    def add(self, other):
        for field, counts in other.fields.items():
            self.fields[field] = [a + b for a, b in zip(self.fields.get(field, (0, 0, 0)), counts)]
        self.lines += other.lines

    @property
    def differ(self):
        return sum(differ for _, _, differ in self.fields.values())

    def percent(self, field):
        """What is explained counts as neither."""
        agree, _, differ = self.fields[field]
        return 100 * agree / (agree + differ) if agree or differ else 100.0

    def print_lines(self, most=None):
        """most: of each field."""
        shown = collections.Counter()
        for field, line in self.lines:
            shown[field] += 1
            if most is None or shown[field] <= most:
                print(line)
        for field, n in shown.items():
            if most is not None and n > most:
                print(f"{field}: {n - most} more differences")

    def print_table(self):
        print(f"\n{'field':26}{'n':>8}{'agree':>8}{'explained':>11}{'differ':>8}{'%':>8}")
        for field, counts in sorted(self.fields.items()):
            print(f"{field:26}{sum(counts):8}{counts[0]:8}{counts[1]:11}{counts[2]:8}{self.percent(field):8.1f}")
