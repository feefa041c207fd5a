"""Reading traces, and what is asked of them."""
import collections
import contextlib
import functools
import io
import json
import sys

from .cases import EMULATED, SLOWDOWN, Disturbed, check, check_equal, wait_for
from .programs import REPOSITORY


class Trace:
    """The records of a trace, in order of lines."""

    def __init__(self, lines):
        self.records = [json.loads(line) for line in lines]
        self.header, self.end = self.records[0], self.records[-1]
        self.by_n = {r["n"]: r for r in self.records}
        self.by_conn = collections.defaultdict(list)
        for r in self.records:
            self.by_conn[r.get("conn")].append(r)

    def all(self, kind, **fields):
        """Those that have the fields. Calls are those that returned, unless `blocked` is among the fields: one that takes long
        is told before too, and on a machine that is busy any may."""
        if kind == "call":
            fields.setdefault("blocked", None)
        return [r for r in (self.by_conn[fields["conn"]] if "conn" in fields else self.records)
                if r["record"] == kind and all(r.get(k) == v for k, v in fields.items())]

    def one(self, kind, **fields):
        found = self.all(kind, **fields)
        check(len(found) == 1, f"{len(found)} records {kind} {fields}, expected 1")
        return found[0]

    def path(self, conn, end, source="kernel"):
        """The states an end entered, in order."""
        return " ".join(r["to"] for r in self.all("state", conn=conn, end=end, source=source))

    def settled_path(self, conn, end, source):
        """The same without what packets took back: on a machine that is busy an end may come to a FIN so late that its peer
        asks again, or that it still acknowledges less itself, and packets alone do not show when it got the first. And
        without the end of TIME-WAIT by a RST where an ACK that was sent again met an end that is CLOSED (RFC 1337)."""
        states = []
        segments = self.all("segment", conn=conn)
        acks = [r["ack"] for r in segments if r["from"] == end and "ack" in r]
        answered = acks.count(max(acks, default=0)) > 1 and any("RST" in r["flags"] and r["from"] != end for r in segments)
        for r in self.all("state", conn=conn, end=end, source=source):
            because = self.by_n.get(r.get("because"), {})
            if answered and (r["from"], r["to"]) == ("TIME-WAIT", "CLOSED"):
                continue
            late = "retransmission" in because.get("notes", []) or because.get("from") == end
            if r.get("how") == "corrected" and late and r["to"] in states:
                del states[len(states) - states[::-1].index(r["to"]):]
            else:
                states.append(r["to"])
        return " ".join(states)

    def check_paths(self, conn, client, server, sources=("kernel", "wire")):
        for source in sources:
            check_equal(self.settled_path(conn, "client", source), client, f"{source}, client:")
            check_equal(self.settled_path(conn, "server", source), server, f"{source}, server:")

    def check_outcome(self, conn, verdict, client, server):
        outcome = self.one("outcome", conn=conn)
        check_equal(outcome["verdict"], verdict)
        check_equal(outcome["final"], {"client": client, "server": server})
        return outcome

    def check_whole(self, reason="command", status=0):
        """Both witnesses, begin and end, and nothing lost between."""
        check_equal(self.header["record"], "header")
        check_equal(self.header["sources"], ["kernel", "wire"])
        check("missing" not in self.header, self.header)
        check_equal(self.end["record"], "end")
        check_equal(self.end["reason"], reason)
        check_equal(self.end.get("status"), status, "status in the end record:")
        check_equal(set(self.end["lost"].values()), {0}, "lost:")
        if SLOWDOWN == 1:
            self.check_in_time()
        check_equal(self.all("gap"), [])

    def check_in_time(self):
        if not EMULATED:  # a processor can stand still between a packet's time stamp and the ring
            check_equal(self.end["late"], 0, "late:")

    def check_undisturbed(self):
        """Before segments are counted: the kernel sent none again, as where a processor stands still for 200 ms."""
        check_undisturbed(sum(r["delta"] for r in self.all("counter", name="TcpRetransSegs")))


def check_undisturbed(sent_again):
    """sent_again: segments, by the kernel's own count."""
    if sent_again:
        raise Disturbed(f"{sent_again} segments were sent again")


def flags(segment):
    return ",".join(segment["flags"])


def check_demo_segments(trace):
    """What `tcplens-echo demo` puts on the wire: a handshake, three times five bytes each way, four-way close."""
    trace.check_undisturbed()
    segments = trace.all("segment")
    found = [(r["from"], flags(r)) for r in segments]
    check_equal(found[:3], [("client", "SYN"), ("server", "SYN,ACK"), ("client", "ACK")])
    check_equal(found[-4:], [("client", "FIN,ACK"), ("server", "ACK"), ("server", "FIN,ACK"), ("client", "ACK")])
    check_equal([(r["seq"], r.get("ack")) for r in segments[:3]], [(0, None), (0, 1), (1, 1)])
    check_equal([(r["seq"], r["ack"]) for r in segments[-4:]], [(16, 16), (16, 17), (16, 17), (17, 17)])
    for end in ("client", "server"):
        check_equal(sum(r["len"] for r in segments if r["from"] == end), 15, f"bytes of the {end}:")
        check_equal([r["seq"] for r in segments if r["from"] == end and r["len"]], [1, 6, 11])
    check_equal({word for r in segments for word in r.get("notes", [])}, set(), "notes:")


def parse(text):
    check(text.endswith("\n"), "the last line is cut:", repr(text[-200:]))
    return Trace(text.splitlines())


@functools.cache
def validator():
    """tests/validate_trace.py, and the schema: not every test has what they need."""
    sys.path.append(f"{REPOSITORY}/tests")
    import validate_trace

    return validate_trace, validate_trace.Schema(f"{REPOSITORY}/docs/trace.schema.json")


def validate(path):
    """Against the schema and the rules that it cannot say; that program is tested by itself."""
    program, schema = validator()
    with contextlib.redirect_stdout(io.StringIO()) as said:
        valid = program.validate(schema, path)
    check(valid, f"not a valid trace: {said.getvalue().strip()}")


def wait_trace(path, part, times=1):
    """Waits until a trace being written holds a text, so many times."""
    def found():
        try:
            with open(path, encoding="utf-8") as file:
                return file.read().count(part) >= times
        except FileNotFoundError:
            return False

    wait_for(found, f"{part!r} in the trace, {times} times" if times > 1 else f"{part!r} in the trace")


def read_trace(path):
    validate(path)
    with open(path, encoding="utf-8") as file:
        return parse(file.read())
