#!/usr/bin/env python3
"""Checks traces against the schema, and against the rules of docs/trace-format.md that a schema cannot say.

validate_trace.py SCHEMA TRACE...         .ndjson, .ndjson.gz; "-" is standard input
validate_trace.py --self-test [SCHEMA]    the document's examples must pass, every mutation of them must be caught

Exit status: 0 all traces are valid; 1 some is not (its first 10 errors are printed); 2 usage.
"""
import copy
import gzip
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import jsonschema

ERRORS_SHOWN = 10
FLAGS = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE"]
# What can be the cause of something: what was seen, not what was concluded of it.
CAUSES = {"segment", "icmp", "call", "timer", "reset", "queue", "state", "object"}


class NotJson(ValueError):
    pass


def refuse_float(text):
    raise NotJson(f"{text} is not an integer")


def unique_keys(pairs):
    record = dict(pairs)
    if len(record) != len(pairs):
        raise NotJson("a key stands twice in one object")
    return record


DECODER = json.JSONDecoder(parse_float=refuse_float, parse_constant=refuse_float, object_pairs_hook=unique_keys)


class Schema:
    """The schema, compiled once: one validator for each kind of record, found through the root's if/then list.
    Going through the root for each line would evaluate all thirteen conditions."""

    def __init__(self, path):
        schema = json.loads(Path(path).read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        self.root = jsonschema.Draft202012Validator(schema)
        self.kinds = {}
        for branch in schema["allOf"]:
            kind = branch["if"]["properties"]["record"]["const"]
            self.kinds[kind] = jsonschema.Draft202012Validator(
                inline({"$schema": schema["$schema"], "type": "object", **branch["then"]}, schema["$defs"]))
        if set(self.kinds) != set(schema["properties"]["record"]["enum"]):
            raise SystemExit(f"{path}: the kinds of record and the list of conditions differ")

    def errors(self, record):
        validator = self.kinds.get(record.get("record")) if isinstance(record, dict) else None
        for error in (validator or self.root).iter_errors(record):
            where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
            yield f"{where or '(record)'}: {error.message[:200]}"


def inline(node, definitions):
    """The schema with each $ref replaced by what it names: a reference costs more to follow than to evaluate."""
    if isinstance(node, list):
        return [inline(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: value if key in ("enum", "const") else inline(value, definitions) for key, value in node.items()}
    if isinstance(node.get("$ref"), str):
        target = inline(definitions[node.pop("$ref").removeprefix("#/$defs/")], definitions)
        overlap = set(target) & set(node)
        assert not overlap, f"$ref beside {overlap}: would be lost"
        node.update(target)
    return node


class Trace:
    """The rules between records. One pass; memory: a word for each record, a state for each end."""

    def __init__(self):
        self.kinds = []  # by n
        self.time = 0  # the latest so far
        self.connections = set()
        self.listeners = set()
        self.paths = {}  # (conn, end) -> {source: last state, None where a gap may hide it}
        self.counts = {}
        self.lost = {}
        self.late = 0
        self.ended = False

    def check(self, r):
        """Yields what is wrong with the next record, which has passed the schema."""
        kind = r["record"]
        if self.ended:
            yield "stands after the end record"
        if (kind == "header") != (not self.kinds):
            yield "the header is the first line, and only that"
        if r["n"] != len(self.kinds):
            yield f"n is {r['n']}, expected {len(self.kinds)}"
        yield from self.check_time(r)
        yield from self.check_references(r)
        self.kinds.append(kind)
        if kind not in ("header", "end"):
            self.counts[kind] = self.counts.get(kind, 0) + 1
        check = getattr(self, "check_" + kind, None)
        if check:
            yield from check(r)

    def check_time(self, r):
        if r["t"] < self.time and not r.get("late") and r["record"] != "end":
            yield f"t goes back from {self.time} to {r['t']}, and it is not marked late"
        if r["t"] > self.time and r.get("late"):
            yield "marked late, but is not"
        if r["t"] < self.time and r["record"] == "end":
            yield f"the trace ends at {r['t']}, before its last record ({self.time})"
        self.time = max(self.time, r["t"])
        self.late += r.get("late") is True

    def check_references(self, r):
        kind = r["record"]
        # a finding or a check names what shows it, any record
        shown_by = r.get("because", []) if kind in ("finding", "check") else []
        if any(n >= r["n"] for n in shown_by):
            yield f"because {shown_by} does not point back"
        if "because" in r and kind not in ("finding", "check"):
            because = r["because"]
            if because >= r["n"] or because >= len(self.kinds):
                yield f"because {because} does not point back"
            else:
                cause = self.kinds[because]
                if cause not in CAUSES:
                    yield f"because {because} points to a {cause}"
        if kind == "connection":
            if r["conn"] in self.connections:
                yield f"connection {r['conn']} is introduced twice"
            self.connections.add(r["conn"])
        elif "conn" in r and r["conn"] not in self.connections:
            yield f"connection {r['conn']} has not been introduced"
        if kind == "listener":
            self.listeners.add(r["listener"])
        elif "listener" in r and r["listener"] not in self.listeners:
            yield f"listener {r['listener']} has not been introduced"

    def check_connection(self, r):
        mapped = [side for side in ("client", "server") if ("." in r[side]["addr"]) != (r["family"] == "ipv4")]
        for side in mapped:
            yield f"{side} {r[side]['addr']} is not of family {r['family']}"

    def check_state(self, r):
        if r["from"] == r["to"]:
            yield f"from {r['from']} to the same state"
        path = self.paths.setdefault((r["conn"], r["end"]), {})
        before = path.get(r["source"])
        if before and before != r["from"]:
            yield (f"connection {r['conn']}, {r['end']}, {r['source']}: leaves {r['from']}, "
                   f"but the last change went to {before}")
        path[r["source"]] = r["to"]

    def check_object(self, r):
        if r["from"] == r["to"]:
            yield f"from {r['from']} to the same object"

    def check_segment(self, r):
        if r["flags"] != sorted(r["flags"], key=FLAGS.index):
            yield f"flags {r['flags']} are not in the order of the format"

    def check_listener(self, r):
        if r["limit"] != r["backlog"] + 1:
            yield f"limit {r['limit']} is not backlog {r['backlog']} + 1"

    def check_gap(self, r):
        if r["from"] > r["to"]:
            yield f"from {r['from']} is after to {r['to']}"
        self.lost[r["source"]] = self.lost.get(r["source"], 0) + r["lost"]
        # Changes may be among what was lost: this witness's paths begin anew; where records are missing, all do.
        for path in self.paths.values():
            for source in path if "records" in r else {r["source"]} & set(path):
                path[source] = None

    def check_outcome(self, r):
        for end, final in r["final"].items():
            left = set(self.paths.get((r["conn"], end), {}).values())
            if left and None not in left and final not in left:
                yield f"final {end} is {final}, but was left in {' or '.join(sorted(left))}"

    def check_end(self, r):
        self.ended = True
        for kind in sorted(set(self.counts) | set(r["counts"])):
            if self.counts.get(kind, 0) != r["counts"].get(kind, 0):
                yield f"counts.{kind} is {r['counts'].get(kind, 0)}, but there are {self.counts.get(kind, 0)}"
        for source, lost in self.lost.items():
            if lost > r["lost"].get(source, 0):
                yield f"lost.{source} is {r['lost'].get(source, 0)}, but gaps tell of {lost}"
        if r["late"] != self.late:
            yield f"late is {r['late']}, but {self.late} records are"


def trace_errors(schema, lines):
    """Yields (line number, what is wrong). lines: bytes, each with its newline."""
    trace, number, valid = Trace(), 0, True
    for number, line in enumerate(lines, 1):
        if not line.endswith(b"\n"):
            yield number, "the line is cut: no newline"
        try:
            record = DECODER.decode(line.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            yield number, f"not JSON: {error}"
            valid = False
            continue
        wrong = list(schema.errors(record))
        for message in wrong:
            yield number, message
        # The rest would be said of fields that are not there.
        valid = valid and not wrong
        if valid:
            for message in trace.check(record):
                yield number, message
    if number == 0:
        yield 1, "the trace is empty"
    elif valid and not trace.ended:
        yield number, "the trace is cut: no end record"


def open_trace(path):
    if path == "-":
        return sys.stdin.buffer
    return gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb")


def validate(schema, path):
    shown = 0
    try:
        with open_trace(path) as lines:
            for number, message in trace_errors(schema, lines):
                if shown == ERRORS_SHOWN:
                    print(f"{path}: more errors follow")
                    break
                print(f"{path}:{number}: {message}")
                shown += 1
    except (OSError, EOFError, zlib.error) as error:
        print(f"{path}: {error}")
        shown += 1
    return shown == 0 and roundtrips(path)


def roundtrips(path):
    """Every line, decoded and encoded again by the program that ROUNDTRIP names, is the same. Where it names none, or the
    trace is no plain file, this is not looked at."""
    program = os.environ.get("ROUNDTRIP")
    if not program or path == "-" or path.endswith(".gz"):
        return True
    done = subprocess.run([program, path], capture_output=True, text=True, check=False, timeout=300)
    print(done.stderr, end="")
    return done.returncode == 0


# ---- self-test -------------------------------------------------------------------------------------------------------


def examples(document):
    """The records of all ```json blocks."""
    blocks = document.read_text(encoding="utf-8").split("```json\n")[1:]
    return [DECODER.decode(line) for block in blocks for line in block.split("```")[0].splitlines() if line.strip()]


def valid_trace(records):
    """The document's examples, which are of several traces, as one: numbered, on one connection, with whole paths."""
    by_kind = {r["record"]: copy.deepcopy(r) for r in records}
    header, end, outcome = by_kind.pop("header"), by_kind.pop("end"), by_kind.pop("outcome")
    by_kind["reset"]["conn"] = by_kind["connection"]["conn"]
    middle = sorted(by_kind.values(), key=lambda r: r["t"])
    for i, r in enumerate([*middle, outcome]):
        r["t"] = 100000000 + 1000 * i
        r.pop("because", None)
    end["t"] = outcome["t"]
    paths = {"client": ["SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT"],
             "server": ["LISTEN", "SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT", "LAST-ACK", "CLOSED"]}
    conn = outcome["conn"]
    for side, path in paths.items():
        for before, after in zip(path, path[1:]):
            middle.append({"record": "state", "t": middle[-1]["t"], "conn": conn, "end": side, "from": before,
                           "to": after, "how": "observed", "source": "kernel"})
    late = {"record": "segment", "t": 30000, "late": True, "conn": conn, "from": "server", "flags": ["SYN", "ACK"],
            "seq": 0, "seq_abs": 7, "ack": 1, "len": 0, "win": 65535, "notes": ["retransmission"]}
    trace = [header, *middle, late, outcome, end]
    for n, r in enumerate(trace):
        r["n"] = n
    trace[-3]["because"] = next(r["n"] for r in trace if r["record"] == "segment")
    return recount(trace)


def recount(trace):
    end = trace[-1]
    end["counts"] = {}
    for r in trace[1:-1]:
        end["counts"][r["record"]] = end["counts"].get(r["record"], 0) + 1
    end["late"] = sum(r.get("late") is True for r in trace)
    end["lost"]["kernel"] = sum(r["lost"] for r in trace if r["record"] == "gap")
    return trace


def find(trace, kind, **fields):
    return next(r for r in trace if r["record"] == kind and all(r.get(k) == v for k, v in fields.items()))


def drop(trace, *kinds):
    """Without the records of some kinds, and otherwise right: what is found is their absence alone."""
    kept = [r for r in trace if r["record"] not in kinds]
    for n, r in enumerate(kept):
        r["n"] = n
        r.pop("because", None)
    trace[:] = recount(kept) if kept[-1]["record"] == "end" else kept


def swap(trace, i, j):
    trace[i], trace[j] = trace[j], trace[i]


# What a schema cannot catch: a mutation, and a part of the message it must lead to.
MUTATIONS = {
    "no header": (lambda t: t.pop(0), "header is the first line"),
    "second header": (lambda t: t.insert(1, dict(t[0])), "header is the first line"),
    "no end": (lambda t: t.pop(), "no end record"),
    "a record after the end": (
        lambda t: t.append({**find(t, "segment"), "n": len(t), "t": t[-1]["t"]}), "after the end"),
    "a hole in n": (lambda t: find(t, "call").update(n=find(t, "call")["n"] + 1), "n is"),
    "a record missing": (lambda t: t.remove(find(t, "call")), "n is"),
    "the same n twice": (lambda t: find(t, "call").update(n=find(t, "call")["n"] - 1), "n is"),
    "t goes back": (lambda t: find(t, "call").update(t=1), "t goes back"),
    "late forgotten": (lambda t: find(t, "segment", late=True).pop("late"), "t goes back"),
    "late without reason": (lambda t: find(t, "queue").update(late=True), "marked late"),
    "end before the last record": (lambda t: t[-1].update(t=1), "before its last record"),
    "because itself": (lambda t: find(t, "call").update(because=find(t, "call")["n"]), "does not point back"),
    "because of what comes": (lambda t: find(t, "call").update(because=len(t) - 1), "does not point back"),
    "because of nothing": (lambda t: find(t, "call").update(because=10**6), "does not point back"),
    "because of a connection": (
        lambda t: find(t, "call").update(because=find(t, "connection")["n"]), "points to a connection"),
    "connection not introduced": (lambda t: drop(t, "connection"), "connection 1 has not been introduced"),
    "listener not introduced": (lambda t: drop(t, "listener"), "listener 1 has not been introduced"),
    "another connection": (lambda t: find(t, "timer").update(conn=9), "connection 9 has not been introduced"),
    "another listener": (lambda t: find(t, "queue").update(listener=9), "listener 9 has not been introduced"),
    "connection after its use": (
        lambda t: (swap(t, find(t, "connection")["n"], find(t, "state")["n"]), renumber(t)), "not been introduced"),
    "connection twice": (
        lambda t: (t.insert(3, dict(find(t, "connection"))), renumber(t), recount(t)), "introduced twice"),
    "wrong family": (lambda t: find(t, "connection").update(family="ipv6"), "not of family"),
    "no change of state": (lambda t: find(t, "state").update(to="CLOSED"), "same state"),
    "a state skipped": (
        lambda t: find(t, "state", to="FIN-WAIT-2").update({"from": "ESTABLISHED"}), "leaves ESTABLISHED"),
    "a change lost": (
        lambda t: (t.remove(find(t, "state", to="FIN-WAIT-1")), renumber(t), recount(t)), "leaves FIN-WAIT-1"),
    "no change of object": (lambda t: find(t, "object").update(to="request"), "same object"),
    "flags out of order": (lambda t: find(t, "segment", late=True).update(flags=["ACK", "SYN"]), "not in the order"),
    "limit is backlog": (lambda t: find(t, "listener").update(limit=find(t, "listener")["backlog"]), "+ 1"),
    "gap ends before it begins": (lambda t: find(t, "gap").update(to=1), "is after to"),
    "wrong final state": (lambda t: find(t, "outcome")["final"].update(client="CLOSED"), "final client is"),
    "wrong count": (lambda t: t[-1]["counts"].update(state=1), "counts.state"),
    "count left out": (lambda t: t[-1]["counts"].pop("segment"), "counts.segment"),
    "wrong late": (lambda t: t[-1].update(late=0), "late is 0"),
    "loss forgotten": (lambda t: t[-1]["lost"].update(kernel=0), "lost.kernel"),
}


def renumber(trace):
    shift = {r["n"]: n for n, r in enumerate(trace)}
    for n, r in enumerate(trace):
        r["n"] = n
        if r["record"] == "finding":
            kept = [shift[n] for n in r.pop("because", []) if n in shift]
            r.update({"because": kept} if kept else {})
        elif "because" in r:
            r["because"] = shift[r["because"]]


# Byte by byte: a mutation of the whole text.
TEXT_MUTATIONS = {
    "empty": (lambda b: b"", "empty"),
    "cut in the last line": (lambda b: b[:-20], "not JSON"),
    "last newline missing": (lambda b: b[:-1], "no newline"),
    "a blank line": (lambda b: b.replace(b"\n", b"\n\n", 1), "not JSON"),
    "not UTF-8": (lambda b: b.replace(b'"comm": "', b'"comm": "\xff', 1), "not JSON"),
    "raw control character": (lambda b: b.replace(b'"comm": "', b'"comm": "\x1b', 1), "not JSON"),
    "two records in a line": (lambda b: b.replace(b"\n", b" ", 1), "not JSON"),
    "a float": (lambda b: b.replace(b'"len": 0', b'"len": 0.0', 1), "not an integer"),
    "an exponent": (lambda b: b.replace(b'"len": 0', b'"len": 0e0', 1), "not an integer"),
    "NaN": (lambda b: b.replace(b'"len": 0', b'"len": NaN', 1), "not an integer"),
    "a key twice": (lambda b: b.replace(b'"len": 0', b'"len": 0, "len": 0', 1), "twice"),
    "not an object": (lambda b: b.replace(b"\n", b"\n[]\n", 1), "object"),
    "unknown kind": (lambda b: b.replace(b'"record": "call"', b'"record": "cal"', 1), "cal"),
}


def branches(node, path=()):
    """All objects within a record, with their path."""
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            yield from branches(value, (*path, key))
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from branches(value, (*path, i))


def at(node, path):
    for step in path:
        node = node[step]
    return node


def field_mutations(record):
    """Every key misspelt, every value of another type or out of range, an unknown key in every object."""
    other = {bool: [False, 1, "true", None], int: ["1", None, True, -7, 2**65, [1]], str: [1, None, "", "\u0000?"],
             list: [{}, None, ["?"], [{"?": 1}]], dict: [[], None, 1]}
    # Where any text is right, and where any name is.
    free = {"kernel", "tool", "netns", "input", "hook", "reason", "comm", "rfc", "why", "command", "interfaces",
            "remedy", "text", "q", "student", "expected", "seen"}
    for path, node in branches(record):
        open_keys = path in (("sysctl",), ("args",), ("evidence",), ("skipped",), ("values",))
        if not open_keys:
            yield f"unknown key in {'.'.join(map(str, path)) or 'record'}", path, "unknown", 1
        for key, value in node.items():
            for wrong in other[type(value)]:
                is_free = key in free or (path == ("host",) and key == "name") or path == ("values",) or (
                    path[:1] == ("merged",) and key == "host")
                any_text = isinstance(wrong, str) and isinstance(value, str) and is_free
                any_setting = path == ("sysctl",) and isinstance(wrong, (int, str)) and not isinstance(wrong, bool)
                any_number = wrong == -7 and key in ("fd", "seq", "ack", "value", "delta", "offset_ns", "skew_ppb")
                either = wrong is False and key == "synchronized"
                in_free_list = key in ("command", "interfaces", "remedy") and wrong == ["?"]
                if wrong != value or type(wrong) is not type(value):
                    if not (any_text or any_setting or any_number or either or in_free_list):
                        yield f"{'.'.join(map(str, (*path, key)))} is {wrong!r}", path, key, wrong


def self_test(schema_path):
    schema = Schema(schema_path)
    records = examples(Path(schema_path).with_name("trace-format.md"))
    failures, count = [], 0

    def expect(name, messages, part):
        nonlocal count
        count += 1
        if not any(part in message for message in messages):
            failures.append(f"{name}: expected {part!r}, found {messages[:3] or 'nothing'}")

    for record in records:
        count += 1
        for validator in (schema.errors, lambda r: (e.message for e in schema.root.iter_errors(r))):
            failures += [f"example {record['record']}: {message}" for message in validator(record)]
    if {r["record"] for r in records} != set(schema.kinds):
        failures.append(f"kinds without an example: {set(schema.kinds) - {r['record'] for r in records}}")

    def messages_of(text):
        return [message for _, message in trace_errors(schema, text.splitlines(keepends=True))]

    def dump(trace):
        return "".join(json.dumps(r) + "\n" for r in trace).encode()

    base = valid_trace(records)
    failures += [f"valid trace: {message}" for message in messages_of(dump(base))]
    for name, (mutate, part) in MUTATIONS.items():
        trace = copy.deepcopy(base)
        mutate(trace)
        expect(name, messages_of(dump(trace)), part)
    for name, (mutate, part) in TEXT_MUTATIONS.items():
        text = mutate(dump(base))
        expect(name, messages_of(text) if text != dump(base) else [], part)
    for record in records:
        for name, path, key, wrong in field_mutations(record):
            mutant = copy.deepcopy(record)
            at(mutant, path)[key] = wrong
            expect(f"{record['record']}: {name}", list(schema.errors(mutant)), "")
        for path, node in branches(record):
            for key in node:
                mutant = copy.deepcopy(record)
                at(mutant, path)[key + "s"] = at(mutant, path).pop(key)
                if path not in (("sysctl",), ("args",), ("evidence",), ("skipped",), ("values",)):
                    expect(f"{record['record']}: {key} misspelt", list(schema.errors(mutant)), "")

    for failure in failures[:ERRORS_SHOWN]:
        print(f"self-test: {failure}")
    print(f"self-test: {count} checks, {len(failures)} failed")
    return not failures


def main(args):
    if args[:1] == ["--self-test"] and len(args) <= 2:
        default = Path(__file__).resolve().parent.parent / "docs" / "trace.schema.json"
        return 0 if self_test(args[1] if len(args) == 2 else default) else 1
    if len(args) < 2 or args[0].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    schema = Schema(args[0])
    return 0 if all([validate(schema, path) for path in args[1:]]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
