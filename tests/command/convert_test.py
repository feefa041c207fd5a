#!/usr/bin/env python3
"""Tests of `tcplens convert`: what it makes of traces and captures, read by the programs that it is made for or by a grammar of
its own; and what it says of what it cannot use.

TCPLENS names the program; tshark and protoc are asked. Needs no right and no network.
"""
import gzip
import json
import os
import re
import stat
import struct
import subprocess
import sys
import xml.etree.ElementTree

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import case, check, check_equal, one_line, own_directory, read, run_cases, tcplens, write
from lib.programs import REPOSITORY

SAMPLE = os.path.join(REPOSITORY, "web", "src", "sample.ndjson")
CORPORA = os.path.join(REPOSITORY, "tests", "corpora")
CAPTURE = os.path.join(CORPORA, "zeek-irc-353.pcap")
RETRANSMITS = os.path.join(CORPORA, "zeek-tcp-retransmit-fast009.pcap")
MANY = os.path.join(CORPORA, "zeek-http-concurrent-range-requests.pcap")
HEADER = {"record": "header", "n": 0, "t": 0, "format": "tcplens-trace", "version": 1, "tool": "tcplens 0.1.0",
          "start": "2026-11-21T03:00:00.000000000Z", "sources": ["kernel", "wire"]}
HOSTILE = ';#%%{init: {"theme":"x"}}%% end\n<script>alert(1)</script> $$x$$ wrap: \\"`->>]]>&amp;\x1b[31m\u202e'


def trace(*records):
    lines = [HEADER, *({"n": n, "t": 1000 * n, **r} for n, r in enumerate(records, 1))]
    return "".join(json.dumps(line) + "\n" for line in lines)


def connection(conn, port, **more):
    return {"record": "connection", "conn": conn, "client": {"addr": "192.0.2.1", "port": port},
            "server": {"addr": "192.0.2.2", "port": 80}, "family": "ipv4", "local": ["client"], **more}


def end():
    return {"record": "end", "reason": "input", "counts": {}, "lost": {"wire": 0}, "late": 0}


def convert(name, to, *arguments, data=None):
    status, stdout, stderr = tcplens("convert", name, "--to", to, *arguments, data=data)
    return status, stdout, stderr


def converted(name, to, *arguments, data=None):
    status, stdout, stderr = convert(name, to, *arguments, data=data)
    check_equal((status, stderr), (0, ""), f"{name} to {to}")
    return stdout


def records_of(path):
    data = read(path)
    return [json.loads(line) for line in (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).splitlines()]


def kinds(records, kind):
    return [r for r in records if r["record"] == kind]


def hostile():
    return trace(connection(1, 1000),
                 {"record": "call", "conn": 1, "end": "client", "name": "connect", "fd": 3, "ret": 0, "pid": 1, "tid": 1,
                  "comm": HOSTILE[:15]},
                 {"record": "reset", "conn": 1, "end": "client", "direction": "sent", "reason": HOSTILE[:40], "who": "stack"},
                 {"record": "finding", "kind": "refused", "severity": "error", "count": 1, "conns": [1], "first": 0, "last": 1,
                  "text": HOSTILE, "evidence": {}, "remedy": []}, end())


# ---- mermaid

# What a sequence diagram of Mermaid's is here: a part of its grammar, and the strictest one. A text has no character that
# Mermaid takes for its own, but in the number of one (#59;).
MERMAID_TEXT = r"(?:[^\x00-\x1f\x7f;#%<>{}$&\"`\\]|#\d+;)+"
MERMAID_ROW = rf"    (?:C->>S|S->>C|C-xS|S-xC|Note over C|Note over S|Note over C,S): {MERMAID_TEXT}\n"
MERMAID = re.compile(rf"sequenceDiagram\n    participant C as {MERMAID_TEXT}\n    participant S as {MERMAID_TEXT}\n"
                     rf"(?:{MERMAID_ROW})*")


def mermaid(name, *arguments, data=None):
    text = converted(name, "mermaid", *arguments, data=data).decode()
    assert MERMAID.fullmatch(text), next((line for line in text.splitlines() if not re.fullmatch(
        rf"sequenceDiagram|    (?:participant [CS] as|[^:]+:) {MERMAID_TEXT}", line)), text[:300])
    return text


@case
def mermaid_of_a_trace():
    text, records = mermaid(SAMPLE, "--conn", "1"), records_of(SAMPLE)
    led = [f"{r['from']} → {r['to']}" for r in kinds(records, "state") if r["conn"] == 1 and r["source"] == "kernel"]
    check_equal([m for m in re.findall(r"Note over [CS]: \S+ (\S+ → \S+)$", text, re.M)], led, "the states in their order")
    assert len(led) > 8, led
    assert re.search(r"C->>S: \S+ SYN seq=0$", text, re.M) and re.search(r"S->>C: \S+ SYN,ACK seq=0 ack=1$", text, re.M)
    outcome = next(r for r in kinds(records, "outcome") if r["conn"] == 1)
    assert outcome["text"].split(";")[0] in text, text


@case
def mermaid_folds_what_moves_data():
    text = mermaid(RETRANSMITS)
    folded = re.findall(r"Note over C,S: ⋮ (\d+) events, client (\d+) bytes, server (\d+) bytes", text)
    assert folded and all(int(count) >= 6 for count, _, _ in folded), text
    shown = len(re.findall(r"->>", text))
    segments = len(kinds(map(json.loads, tcplens("read", RETRANSMITS, "-q", "-o", "-").stdout.splitlines()), "segment"))
    assert shown + sum(int(f[0]) for f in folded) == segments, (shown, folded, segments)
    assert "fast-retransmission" in text, text


@case
def mermaid_stays_within_what_mermaid_draws():
    rows = [{"record": "timer", "conn": 1, "end": "client", "name": "keepalive", "fired": True, "source": "kernel"}] * 3000
    text = mermaid("-", data=trace(connection(1, 1000), *rows, end()).encode())
    assert len(text) < 50000 and re.search(r"\d+ further rows are left out", text), len(text)


@case
def mermaid_takes_no_syntax_from_outside():
    text = mermaid("-", data=hostile().encode())
    assert "script" in text and "alert" in text, text


# ---- svg

SVG = "{http://www.w3.org/2000/svg}"
# What a picture is made of: nothing that acts, and nothing that is loaded.
SVG_HAS = {"svg": {"width", "height", "viewBox", "role", "font-family", "font-size"}, "title": set(), "style": set(), "defs": set(),
           "marker": {"id", "viewBox", "refX", "refY", "markerWidth", "markerHeight", "orient", "markerUnits"},
           "g": {"class", "transform"}, "rect": {"class", "x", "y", "width", "height", "rx", "fill", "stroke", "stroke-width"},
           "path": {"class", "d", "marker-end", "fill", "stroke", "stroke-width"},
           "line": {"class", "x1", "x2", "y1", "y2"}, "text": {"class", "x", "y", "text-anchor"}, "tspan": {"x", "dy"},
           "circle": {"r", "cx", "cy", "fill", "stroke", "stroke-width", "stroke-dasharray"}}


def svg(name, *arguments, data=None):
    """The parsed picture."""
    data = converted(name, "svg", *arguments, data=data)
    assert b"<!" not in data and b"<?" not in data
    root = xml.etree.ElementTree.fromstring(data)
    for element in root.iter():
        tag = element.tag.removeprefix(SVG)
        assert set(element.attrib) <= SVG_HAS[tag], (tag, element.attrib)
        for value in element.attrib.values():
            assert not re.search(r"url\((?!#(edge|client|server)\))|script", value), value
    style = root.find(f"{SVG}style").text
    assert "@media(prefers-color-scheme:dark){" in style and "url" not in style and "import" not in style, style
    return root


def texts(root, path):
    return ["".join(e.itertext()) for e in root.findall(path)]


@case
def svg_of_a_trace():
    root, records = svg(SAMPLE, "--conn", "1"), records_of(SAMPLE)
    own = [r for r in records if r.get("conn") == 1]
    check_equal(len(root.findall(f".//{SVG}line[@class='wire']")), len(kinds(own, "segment")), "arrows")
    for end in ("client", "server"):
        states = [r for r in kinds(own, "state") if r["end"] == end and r["source"] == "kernel"]
        edges = root.findall(f".//{SVG}g[@class='edge trail']/{SVG}path[@class='{end}']") + root.findall(
            f".//{SVG}path[@class='{end} last']")
        check_equal(len(edges), len({(r["from"], r["to"]) for r in states}), f"the way of the {end}")
        assert states, end
    changes = [f"{r['from']} → {r['to']}" for r in kinds(own, "state") if r["source"] == "kernel"]
    check_equal(texts(root, f".//{SVG}text[@class='state']"), changes)
    lanes = root.findall(f".//{SVG}rect[@class='state lane']")
    assert len(lanes) > 6, lanes
    assert kinds(own, "outcome")[0]["text"].split(";")[0] in root.find(f"{SVG}title").text


@case
def svg_marks_what_goes_wrong():
    root = svg(RETRANSMITS)
    segments = kinds(map(json.loads, tcplens("read", RETRANSMITS, "-q", "-o", "-").stdout.splitlines()), "segment")
    again = [s for s in segments if "retransmission" in s.get("notes", []) or "RST" in s["flags"]]
    check_equal(len(root.findall(f".//{SVG}line[@class='wire again']")), len(again), "retransmissions and resets")
    assert again


@case
def svg_takes_no_syntax_from_outside():
    root = svg("-", data=hostile().encode())
    assert any("<script>alert(1)</script>" in text for text in root.itertext()), "it shows as text"


# ---- perfetto

PROTO = os.path.join(REPOSITORY, "tests", "command", "perfetto.proto")


def perfetto(name, *arguments, data=None):
    """The packets of a trace, as protoc reads them by the schema: {key: [value]}, where a message is such a map."""
    data = converted(name, "perfetto", *arguments, data=data)
    done = subprocess.run(["protoc", f"--proto_path={os.path.dirname(PROTO)}", "--decode=Trace", PROTO], input=data,
                          capture_output=True, timeout=120, check=False)
    check_equal(done.returncode, 0, f"protoc: {done.stderr}")
    stack = [{}]
    for line in done.stdout.decode().splitlines():
        if line.endswith("{"):
            stack.append({})
            stack[-2].setdefault(line.split()[0], []).append(stack[-1])
        elif line.strip() == "}":
            stack.pop()
        else:
            key, value = line.strip().split(": ", 1)
            stack[-1].setdefault(key, []).append(value.strip('"'))
        assert not line.lstrip()[0].isdigit(), f"a field that the schema has not: {line}"
    return stack[0]["packet"]


def tracks_of(packets):
    return {p["track_descriptor"][0]["uuid"][0]: p["track_descriptor"][0] for p in packets if "track_descriptor" in p}


def events_of(packets, *wanted):
    return [{**p["track_event"][0], "t": int(p["timestamp"][0])} for p in packets
            if "track_event" in p and p["track_event"][0]["type"][0].removeprefix("TYPE_") in wanted]


@case
def perfetto_has_states_and_calls_as_slices():
    packets, records = perfetto(SAMPLE), records_of(SAMPLE)
    tracks, begins = tracks_of(packets), events_of(packets, "SLICE_BEGIN")
    check_equal(packets[0]["sequence_flags"], ["1"])
    assert {e["track_uuid"][0] for e in begins} <= set(tracks), "a track is named"
    for parent in (t["parent_uuid"][0] for t in tracks.values() if "parent_uuid" in t):
        assert parent in tracks, parent
    wanted = [r["to"] for r in kinds(records, "state") if r["to"] not in ("CLOSED", "UNKNOWN")]
    check_equal([e["name"][0] for e in begins if e["categories"] == ["state"]], wanted, "states")
    calls = [r["name"] for r in kinds(records, "call") if r.get("duration_ns") and not r.get("blocked")]
    check_equal([e["name"][0] for e in begins if e["categories"] == ["call"]], calls, "calls")
    # on each track every slice ends before the next one begins
    open_slices, rows = set(), sorted(events_of(packets, "SLICE_BEGIN", "SLICE_END"), key=lambda e: e["t"])
    for e in rows:
        track = e["track_uuid"][0]
        if e["type"] == ["TYPE_SLICE_BEGIN"]:
            assert track not in open_slices, (tracks[track], e)
            open_slices.add(track)
        else:
            open_slices.remove(track)
    check_equal(open_slices, set(), "what was not ended")


@case
def perfetto_has_queues_as_counters_and_segments_with_flows():
    packets, records = perfetto(SAMPLE), records_of(SAMPLE)
    tracks = tracks_of(packets)
    counted = [(tracks[e["track_uuid"][0]]["name"][0], int(e.get("counter_value", ["0"])[0])) for e in events_of(packets, "COUNTER")]
    queues = kinds(records, "queue")
    check_equal([v for name, v in counted if name == "SYN queue"], [q["syn"] for q in queues])
    check_equal([v for name, v in counted if name == "accept queue"], [q["accept"] for q in queues])
    assert all("counter" in t for t in tracks.values() if t["name"][0] in ("SYN queue", "accept queue", "dropped"))
    segments, instants = kinds(records, "segment"), events_of(packets, "INSTANT")
    check_equal([int(e["flow_ids"][0]) for e in instants if "flow_ids" in e], [s["n"] for s in segments])
    check_equal([int(e["terminating_flow_ids"][0]) for e in instants if "terminating_flow_ids" in e], [s["n"] for s in segments])


@case
def perfetto_takes_what_comes():
    for name in (CAPTURE, MANY, RETRANSMITS):
        assert len(perfetto(name)) > 20, name
    one = tracks_of(perfetto(MANY, "--conn", "2"))
    assert any(t["name"][0].startswith("#2 ") for t in one.values()) and not any(
        t["name"][0].startswith("#1 ") for t in one.values()), one
    texts_of = [e["name"][0] for e in events_of(perfetto("-", data=hostile().encode()), "INSTANT")]
    assert any("alert(1)" in text for text in texts_of), texts_of


# ---- pcapng

def tshark(name, *arguments):
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "HOME": os.getcwd(), "XDG_CONFIG_HOME": os.getcwd()}
    done = subprocess.run(["tshark", "-n", "-r", name, *arguments], capture_output=True, text=True, env=environment,
                          timeout=120, check=False)
    check_equal(done.returncode, 0, f"tshark {arguments}: {done.stderr}")
    return done.stdout.splitlines()


def fields(name, *names, only=None):
    rows = tshark(name, *(("-Y", only) if only else ()), "-T", "fields", "-E", "separator=/t", "-E", "aggregator=|",
                  *(part for n in names for part in ("-e", n)))
    return [row.split("\t") for row in rows]


def pcapng(name, *arguments, data=None):
    if os.path.exists("out.pcapng"):
        os.remove("out.pcapng")
    check_equal(converted(name, "pcapng", "-o", "out.pcapng", *arguments, data=data), b"", "standard output")
    return "out.pcapng"


TCP_FIELDS = ["ip.src", "ipv6.dst", "tcp.srcport", "tcp.dstport", "tcp.flags", "tcp.seq_raw", "tcp.ack_raw", "tcp.len",
              "tcp.window_size_value", "tcp.options.mss_val", "tcp.options.wscale.shift", "tcp.options.timestamp.tsval",
              "tcp.options.sack_le", "frame.time_epoch"]


@case
def pcapng_of_a_capture_holds_its_packets():
    for name in (CAPTURE, RETRANSMITS, MANY, os.path.join(CORPORA, "pcapplusplus-ldap.pcapng")):
        out = pcapng(name)
        wanted = ["frame.len", "frame.cap_len", "frame.time_epoch", "tcp.payload"]
        check_equal(fields(out, *wanted, only="not systemd_journal"), fields(name, *wanted), name)


@case
def pcapng_of_a_trace_rebuilds_its_packets():
    # every number of a header that a trace has: against the packets that the trace was made of
    for name in (RETRANSMITS, os.path.join(CORPORA, "zeek-ftp-ipv6.pcap")):
        write("in.ndjson", tcplens("read", name, "-q", "-o", "-").stdout)
        out, segments = pcapng("in.ndjson"), kinds(records_of("in.ndjson"), "segment")
        got = fields(out, *TCP_FIELDS, only="tcp")
        wanted = fields(name, *TCP_FIELDS, only="tcp")
        check_equal(len(got), len(segments), name)
        check_equal(got, wanted, name)


@case
def pcapng_of_a_trace_with_headers_is_exact():
    write("in.ndjson", tcplens("read", RETRANSMITS, "--headers", "-q", "-o", "-").stdout)
    wanted = ["tcp.checksum", "tcp.options", "tcp.urgent_pointer"]
    check_equal(fields(pcapng("in.ndjson"), *wanted, only="tcp"), fields(RETRANSMITS, *wanted, only="tcp"))


@case
def pcapng_checksums_are_right_where_they_can_be():
    write("in.ndjson", tcplens("read", RETRANSMITS, "-q", "-o", "-").stdout)
    out = pcapng("in.ndjson")
    rows = [line.split("\t") for line in tshark(
        out, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-Y", "tcp.len == 0", "-T", "fields",
        "-e", "tcp.checksum.status", "-e", "ip.checksum.status")]
    assert rows and all(row == ["1", "1"] for row in rows), rows[:9]  # 1: good


@case
def pcapng_has_the_kernels_events_between_packets():
    out, records = pcapng(SAMPLE), records_of(SAMPLE)
    rows = fields(out, "frame.number", "systemd_journal.message", "systemd_journal.realtime_timestamp", only="systemd_journal")
    said = [row[1] for row in rows]
    states = [r for r in kinds(records, "state") if r["source"] == "kernel"]
    for r in states:
        words = f"#{r['conn']} {r['end']} {r['from']} → {r['to']}"
        assert any(row.startswith(words) for row in said), (words, said[:5])
    told = [r for r in records if r["record"] in ("listener", "queue", "timer", "object", "outcome")]
    assert len(rows) >= len(states) + len(told), (len(rows), len(states), len(told))
    # they stand where they happened
    times = [float(t) for (t,) in fields(out, "frame.time_epoch", only="tcp")]
    assert times == sorted(times) and len(times) == len(kinds(records, "segment"))
    lines = tshark(out)
    first_syn = next(i for i, line in enumerate(lines) if "[SYN]" in line)
    assert "CLOSED → SYN-SENT" in lines[first_syn - 1], lines[first_syn - 1]
    assert "LISTEN → SYN-RECEIVED" in lines[first_syn + 1], lines[first_syn + 1]


@case
def pcapng_comments_say_what_a_packet_did():
    comments = [c[0] for c in fields(pcapng(RETRANSMITS), "frame.comment", only="tcp")]
    assert comments[0].startswith("connection 1: client ") and "CLOSED → SYN-SENT" in comments[0], comments[0]
    noted = sum("retransmission" in c for c in comments)
    segments = kinds(map(json.loads, tcplens("read", RETRANSMITS, "-q", "-o", "-").stdout.splitlines()), "segment")
    check_equal(noted, sum("retransmission" in s.get("notes", []) for s in segments), "retransmissions")
    assert noted, comments


@case
def pcapng_of_one_connection():
    out = pcapng(MANY, "--conn", "2")
    streams = {tuple(f) for f in fields(out, "tcp.stream", only="tcp")}
    check_equal(len(streams), 1, "streams")
    segments = kinds(map(json.loads, tcplens("read", MANY, "-q", "-o", "-").stdout.splitlines()), "segment")
    check_equal(len(fields(out, "tcp.stream", only="tcp")), sum(s["conn"] == 2 for s in segments), "its packets")


@case
def pcapng_takes_no_syntax_from_outside():
    said = json.loads(hostile().splitlines()[0])
    text = hostile().replace(json.dumps(HEADER), json.dumps({**said, "kernel": HOSTILE}))
    out = pcapng("-", data=text.encode())
    assert b"\\x1b[31m" in read(out) and b"\x1b[31m" not in read(out), "the kernel that the trace names"
    rows = fields(out, "systemd_journal.message", "systemd_journal.priority")
    assert any("alert(1)" in row[0] and "\\x1b[31m" in row[0] for row in rows), rows
    check_equal(len(rows), 3, "rows")


def blocks(data):
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length % 4 == 0 and length >= 12 and struct.unpack_from("<I", data, at + length - 4)[0] == length, (at, kind, length)
        yield kind, data[at + 8:at + length - 4]
        at += length


@case
def pcapng_is_well_formed():
    for name in (SAMPLE, CAPTURE, MANY):
        found = list(blocks(read(pcapng(name))))
        check_equal(found[0][0], 0x0A0D0D0A, "the first block")
        assert {kind for kind, _ in found} == {0x0A0D0D0A, 1, 6, 9}, name
        assert (b"rebuilt" in found[0][1]) == (name == SAMPLE), found[0]


SHOWN = ["frame.len", "frame.time_epoch", "frame.comment", "systemd_journal.message"]


@case
def pcapng_of_a_trace_and_its_capture():
    # by the numbers of packets: what is made of the capture itself
    for name in (RETRANSMITS, os.path.join(REPOSITORY, "tests", "captures", "own-13-icmp-reject.pcap")):
        write("in.ndjson", tcplens("read", name, "-q", "-o", "-").stdout)
        want = fields(pcapng(name), *SHOWN)
        check_equal(fields(pcapng("in.ndjson", "--packets", name), *SHOWN), want, name)


@case
def pcapng_of_a_live_trace_and_another_capture():
    # what the trace tells of its packets is found by what they are; here they are what is rebuilt of it, with others between
    records = records_of(SAMPLE)
    rebuilt = read(pcapng(SAMPLE))
    want = fields("out.pcapng", *SHOWN)
    write("beside.pcapng", rebuilt)
    check_equal(fields(pcapng(SAMPLE, "--packets", "beside.pcapng"), *SHOWN), want)
    # a capture of something else: its packets are there, and those of the trace are rows
    out, segments = foreign(SAMPLE, CAPTURE), kinds(records, "segment")
    rows = [r[0] for r in fields(out, "systemd_journal.message", only="systemd_journal") if " seq=" in r[0]]
    check_equal(len(rows), len(segments), "segments without a packet")
    check_equal(fields(out, "frame.comment", only="tcp"), [[""]] * len(fields(CAPTURE, "frame.len", only="tcp")), "its packets")
    # also where the trace has numbers of packets: those of the other capture are not of it
    write("in.ndjson", tcplens("read", RETRANSMITS, "-q", "-o", "-").stdout)
    assert not any(comment for comment, in fields(foreign("in.ndjson", MANY), "frame.comment", only="tcp"))
    # of the same, but not whole
    write("cut.pcap", read(RETRANSMITS)[:len(read(RETRANSMITS)) // 2])
    status, _, stderr = convert("in.ndjson", "pcapng", "--packets", "cut.pcap", "-o", "cut.pcapng")
    assert status == 1 and "breaks off" in stderr and re.search(r"cut.pcap lacks the packets of \d+ of \d+ segments", stderr), stderr


def foreign(name, capture):
    """What is made of a trace and a capture of something else."""
    status, _, stderr = convert(name, "pcapng", "--packets", capture, "--force", "-o", "foreign.pcapng")
    check_equal(status, 1)
    one_line(stderr, capture, "none of its packets is one of", name)
    return "foreign.pcapng"


@case
def lua_script_gives_columns_and_filter_fields():
    script = ["-X", f"lua_script:{os.path.join(REPOSITORY, 'docs', 'wireshark', 'tcplens.lua')}"]
    names = ["tcplens.conn", "tcplens.state.client", "tcplens.state.server", "tcplens.note", "tcplens.finding"]
    columns = [*script, "-T", "fields", "-E", "separator=/t", "-E", "aggregator=|", *(part for n in names for part in ("-e", n))]
    rows = [line.split("\t") for line in tshark(pcapng(SAMPLE), *columns)]
    records = records_of(SAMPLE)
    for end, column in (("client", 1), ("server", 2)):
        # as the kernel tells it, where it does
        went = [r["to"] for r in kinds(records, "state") if r["conn"] == 1 and r["end"] == end and r["source"] == "kernel"]
        shown = [row[column] for row in rows if row[0] == "1" and row[column]]
        held = [state for state, before in zip(shown, [None, *shown]) if state != before]
        check_equal([s for s in held if s in went][-len(went):], went, end)
    out = pcapng(RETRANSMITS)
    segments = kinds(map(json.loads, tcplens("read", RETRANSMITS, "-q", "-o", "-").stdout.splitlines()), "segment")
    noted = [line.split("\t")[3] for line in tshark(out, *columns, "-Y", "tcp")]
    check_equal(noted, ["|".join(s.get("notes", [])) for s in segments], "notes")
    assert tshark(out, *script, "-Y", 'tcplens.state.client == "ESTABLISHED" and tcplens.note == "retransmission"')


# ---- what it is made of

@case
def traces_and_captures_however_they_come():
    for to, more in (("mermaid", ["--conn", "1"]), ("svg", ["--conn", "1"]), ("pcapng", [])):
        want = converted(SAMPLE, to, *more)
        write("packed.ndjson.gz", gzip.compress(read(SAMPLE)))
        check_equal(converted("packed.ndjson.gz", to, *more).replace(b"packed.ndjson.gz", SAMPLE.encode())[-400:], want[-400:], to)
        got = converted("-", to, *more, data=read(SAMPLE))
        check_equal(got[-400:], want[-400:], f"{to} from a pipe")
        check_equal(converted("-", to, *more, data=read(CAPTURE))[-200:], converted(CAPTURE, to, *more)[-200:], f"{to} of a capture")


def fails(name, *arguments, says, status=1, data=None):
    got = tcplens("convert", name, *arguments, data=data)
    check_equal((got.status, got.stdout), (status, b""), f"{name} {arguments}: {got.stderr}")
    one_line(got.stderr, *says)


@case
def which_connection():
    fails(MANY, "--to", "mermaid", says=["connections and mermaid shows one", "--conn N", "1 is "])
    fails(MANY, "--to", "mermaid", "--conn", "99", "-o", "out.mmd", says=["no connection 99", "numbered from 1"])
    fails(MANY, "--to", "pcapng", "--conn", "99", "-o", "out.pcapng", says=["no connection 99"])
    assert not os.path.exists("out.mmd") and not os.path.exists("out.pcapng")
    write("none.ndjson", trace(end()))
    fails("none.ndjson", "--to", "mermaid", says=["no connection to show"])


@case
def a_slip_of_the_finger():
    fails(SAMPLE, "--to", "mermaind", says=["did you mean 'mermaid'?"], status=2)
    fails(SAMPLE, "--to", "pdf", says=["no format 'pdf'"], status=2)
    fails(SAMPLE, says=["to what?", "mermaid", "pcapng"], status=2)
    fails("--to", "mermaid", says=["which trace or capture file?"], status=2)
    fails(SAMPLE, CAPTURE, "--to", "mermaid", says=["one file too many"], status=2)
    fails(SAMPLE, "--to", "mermaid", "--conn", "0", says=["--conn"], status=2)
    fails(SAMPLE, "--to", "svg", "--conn", "1", "--packets", CAPTURE, says=["--packets goes with --to pcapng"], status=2)
    fails(CAPTURE, "--to", "pcapng", "--packets", CAPTURE, "-o", "x.pcapng", says=["is a capture, and has its packets"])
    fails(SAMPLE, "--to", "pcapng", "--packets", SAMPLE, "-o", "x.pcapng", says=["neither pcap nor pcapng"])
    fails(SAMPLE, "--to", "pcapng", "--packets", "missing.pcap", "-o", "x.pcapng", says=["cannot read missing.pcap"])
    assert not os.path.exists("x.pcapng")
    fails("missing.ndjson", "--to", "mermaid", says=["cannot read missing.ndjson", "No such file"])


@case
def what_is_there_is_not_replaced():
    write("there", "mine")
    fails(CAPTURE, "--to", "mermaid", "-o", "there", says=["there is there already", "--force"])
    check_equal(read("there"), b"mine")
    fails("nothing.ndjson", "--to", "mermaid", "-o", "there", "--force", says=["cannot read"])
    write("text", "no trace\n")
    fails("text", "--to", "mermaid", "-o", "there", "--force", says=["no tcplens trace"])
    check_equal(read("there"), b"mine", "after a wrong name")
    converted(CAPTURE, "mermaid", "-o", "there", "--force", "--conn", "1")
    check_equal(read("there"), converted(CAPTURE, "mermaid", "--conn", "1"))
    write("self.pcap", read(CAPTURE))
    fails("self.pcap", "--to", "pcapng", "-o", "self.pcap", "--force", says=["is the input itself"])
    check_equal(read("self.pcap"), read(CAPTURE))
    fails(CAPTURE, "--to", "mermaid", "-o", "no/such/folder", says=["cannot write no/such/folder"])
    converted(CAPTURE, "pcapng", "-o", "new.pcapng")
    check_equal(stat.S_IMODE(os.stat("new.pcapng").st_mode), 0o600, "who may read it")


@case
def damaged_input():
    lines = read(SAMPLE).splitlines(keepends=True)
    write("cut.ndjson", b"".join(lines[:-2]) + lines[-2][:30])
    status, stdout, stderr = convert("cut.ndjson", "mermaid", "--conn", "1")
    assert status == 1 and stdout.startswith(b"sequenceDiagram"), stderr
    one_line(stderr, "cut.ndjson is cut", "end record")
    write("broken.ndjson", b"".join([*lines[:5], b'{"record":"state","n":\n', *lines[5:]]))
    status, stdout, stderr = convert("broken.ndjson", "pcapng")
    assert status == 1 and stdout, stderr
    one_line(stderr, "1 damaged line is passed over", "line 6")
    write("cut.pcap", read(RETRANSMITS)[:-7])
    status, stdout, stderr = convert("cut.pcap", "pcapng", "-o", "cut.pcapng")
    one_line(stderr, "breaks off", "what came before was read")
    check_equal(status, 1)
    check_equal(len(fields("cut.pcapng", "frame.len", only="tcp")), len(fields(RETRANSMITS, "frame.len", only="tcp")) - 1)
    write("empty", b"")
    fails("empty", "--to", "pcapng", "-o", "x.pcapng", says=["is empty"])
    write("newer.ndjson", read(SAMPLE).replace(b'"version":1', b'"version":2', 1))
    fails("newer.ndjson", "--to", "pcapng", "-o", "x.pcapng", says=["version 2"])
    write("text", b"hello\n")
    fails("text", "--to", "pcapng", "-o", "x.pcapng", says=["no capture file"])
    assert not os.path.exists("x.pcapng")


@case
def numbers_of_hostile_traces():
    odd = [connection(4294967295, 65535),
           {"record": "segment", "conn": 4294967295, "from": "client", "flags": ["SYN", "FIN"], "seq": -9007199254740991,
            "seq_abs": 4294967295, "len": 4294967295, "win": 9007199254740991,
            "options": {"mss": 65535, "wscale": 255, "sack_ok": True, "ts": [4294967295, 4294967295],
                        "sack": [[0, 9007199254740991]] * 4}},
           {"record": "segment", "conn": 7, "from": "client", "flags": [], "seq": 0, "len": 0, "win": 0},
           {"record": "state", "conn": 7, "end": "server", "from": "CLOSED", "to": "LISTEN", "how": "assumed", "source": "wire"}]
    for to in ("mermaid", "svg", "perfetto", "pcapng"):
        status, stdout, _ = convert("-", to, data=trace(*odd, end()).encode())
        assert status == 0 and stdout, to
    assert len(fields(pcapng("-", data=trace(*odd, end()).encode()), "tcp.len", only="tcp")) == 1


if __name__ == "__main__":
    os.environ["TCPLENS_SECCOMP"] = "kill"
    sys.exit(run_cases(sys.argv[1:], around=own_directory))
