#!/usr/bin/env python3
"""Tests of --udp: datagrams on the wire, what ICMP says of them, and the calls that send and receive them.

Usage: udp_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO
"""
import contextlib
import json
import os
import struct
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import case, check, check_equal, script, trace_of
from lib.packets import checksum

UDP = """
def udp(port=0, peer=None):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if port: sock.bind(("127.0.0.1", port))
    if peer: sock.connect(("127.0.0.1", peer))
    return sock
"""


def datagrams_of(trace):
    return [(r["from"]["port"], r["to"]["port"], r["len"], r.get("checksum"), r.get("icmp", {}).get("error"))
            for r in trace.all("datagram")]


@case
def a_pair():
    """Two that arrive, and one that nobody is there for: by both witnesses."""
    trace, _ = trace_of(script(UDP + """
server = udp(7007); client = udp(7008, 7007)
client.send(b"hello"); data, peer = server.recvfrom(100); server.sendto(data, peer); client.recv(100)
server.close()
client.send(b"late")
try: client.recv(100)
except ConnectionRefusedError: pass
"""), "--udp", "--calls")
    trace.check_whole()
    check_equal(datagrams_of(trace), [(7008, 7007, 5, "ok", None), (7007, 7008, 5, "ok", None), (7008, 7007, 4, "ok", None),
                                      (7008, 7007, 4, None, "port-unreachable")])
    calls = [(r["name"], r["ret"], r.get("errno")) for r in trace.all("call") if "conn" not in r]
    for expected in (("sendto", 5, None), ("recvfrom", 5, None), ("sendto", 4, None), ("recvfrom", -1, "ECONNREFUSED")):
        check(expected in calls, expected, "is not among", calls)
    server, client = [r["socket"] for r in trace.all("call", name="socket")]
    # the server's socket is closed when the third comes
    check_equal([(r.get("sender"), r.get("receiver")) for r in trace.all("datagram")][:3],
                [(client, server), (server, client), (client, None)])
    check_equal(trace.all("connection"), [])


@case
def a_receiver_that_ended():
    """Nobody closed its socket; and one that a fork() left to somebody else is his who calls on it."""
    trace, _ = trace_of(script(UDP + """
server = udp(7007); client = udp(7008, 7007)
if not os.fork():
    server.recv(100); os._exit(0)
client.send(b"one"); os.wait()
client.send(b"two"); server.recv(100)
client.send(b"three"); server.recv(100)
"""), "--udp", "--calls")
    number = trace.all("call", name="socket")[0]["socket"]
    check_equal([r.get("receiver") for r in trace.all("datagram")], [number, None, number])


@case
def only_where_asked_for():
    program = script(UDP + 'server = udp(7007); udp(peer=7007).send(b"x"); listen()')
    trace, _ = trace_of(program, "--calls")
    check_equal((trace.all("datagram"), [r["name"] for r in trace.all("call") if r["name"] == "sendto"]), ([], []))
    trace, _ = trace_of(program, "--udp")
    check_equal((len(trace.all("datagram")), trace.all("call")), (1, []))
    check("udp" not in trace.end.get("skipped", {}), trace.end)
    trace, _ = trace_of(program, "--udp", "--port", "7010")
    check_equal(trace.all("datagram"), [])


@case
def a_wrong_checksum():
    """The wire shows it; the kernel counts it, and the receiver gets only the other."""
    trace, _ = trace_of(script(UDP + """
receiver = udp(7007)
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
raw.sendto(struct.pack("!HHHH", 7008, 7007, 11, 0xdead) + b"bad", ("127.0.0.1", 0))
raw.sendto(struct.pack("!HHHH", 7008, 7007, 12, 0) + b"none", ("127.0.0.1", 0))
print(receiver.recv(100).decode())
"""), "--udp", "--calls")
    check_equal([r["checksum"] for r in trace.all("datagram")], ["bad", "none"])
    check_equal([r["ret"] for r in trace.all("call", name="recvfrom")], [4])
    check_equal([r["delta"] for r in trace.all("counter", name="UdpInCsumErrors")], [1])


@case
def a_wait_for_nothing():
    """What waits for a datagram in vain returns, and its thread's last call was on a UDP socket."""
    trace, _ = trace_of(script(UDP + """
import select
receiver = udp(7007); poll = select.poll(); poll.register(receiver, select.POLLIN); poll.poll(1)
"""), "--udp", "--calls", "--source", "kernel")
    check_equal([(r["ret"], r["args"]["watched"]) for r in trace.all("call", name="poll")], [(0, 1)])


LOST = {
    "lab": "lost", "version": 1, "topology": "wire",
    "wire": {"delay_ms": 1, "rules": [{"from": "client", "match": "no-segment", "nth": 2, "do": "lose"}]},
    "actors": {
        "server": {"at": "server", "steps": [{"open": "udp"}, {"bind": 7007}, {"recv": 100}, {"recv": 100}]},
        "client": {"at": "client", "steps": [
            {"wait": {"record": "lab", "actor": "server", "op": "bind"}}, {"open": "udp"},
            *({"send_to": "server", "text": text} for text in ("first", "second", "3rd"))]},
    },
    "questions": [],
    "checks": [{"id": "lost", "exists": {"record": "datagram", "lost": True}}],
    "mutations": [{"id": "whole", "set": {"wire.rules": None}, "fails": ["lost"]}],
}


def run_lab(directory, *arguments):
    path = f"{directory}/trace{len(arguments)}.ndjson"
    done = lib.run("lab", f"{directory}/lost/", "--auto", "-o", path, *arguments)
    check(os.path.exists(path), done.stderr)
    return done, lib.read_trace(path)


@case
def one_that_the_wire_loses():
    """Sent and never received: the wire says where it went, the kernel's calls that its sender is told nothing."""
    with contextlib.ExitStack() as stack:
        directory = lib.temporary(stack)
        os.mkdir(f"{directory}/lost")
        lib.write(f"{directory}/lost/lab.json", json.dumps(LOST).encode())
        for language in ("en", "zh"):
            lib.write(f"{directory}/lost/guide.{language}.md", b"# Lost\n\n## lost\nOne is lost.\n\n## after\nIt is.\n")
        done, trace = run_lab(directory)
        check_equal(done.status, 0, done.stderr)
        whole, _ = run_lab(directory, "--mutation", "whole")
    check_equal(whole.status, 5, f"nothing is lost where no rule says so {whole.stderr}")
    check_equal([(r["len"], r["checksum"], r.get("lost")) for r in trace.all("datagram")],
                [(5, "ok", None), (6, "ok", True), (3, "ok", None)])
    for name, expected in (("sendto", [5, 6, 3]), ("recvfrom", [5, 3])):
        check_equal([r["ret"] for r in trace.all("call", name=name)], expected, name)
    check_equal([r.get("text") for r in trace.all("lab", op="recv")], ["first", "3rd"])


@case
def of_one_process():
    with contextlib.ExitStack() as stack:
        holder = lib.Running(["unshare", "--net", "sh", "-c", "ip link set lo up && echo ready && exec cat"], stack)
        holder.wait_line("^ready")

        def start(port):
            program = lib.Running(["nsenter", f"--net=/proc/{holder.pid}/ns/net", *script(UDP + f"""
ready(os.getpid()); sys.stdin.readline()
server = udp({port}); client = udp(peer={port})
client.send(b"hello"); server.recv(100)
ready("done"); sys.stdin.readline()
""")], stack)
            return program, program.wait_line(r"^ready (\d+)")[1]

        (one, pid), (two, _) = start(7007), start(7008)
        path = f"{lib.temporary(stack)}/trace.ndjson"
        tracer = lib.begin(stack, "trace", "--pid", pid, "-q", "-o", path, "--udp", "--calls")
        lib.wait_trace(path, '"record":"header"')
        for program in (two, one):
            program.say()
            program.wait_line("^ready done")
        lib.wait_trace(path, '"record":"datagram"')
        tracer.interrupt()
        check_equal(tracer.wait(), 0, tracer.stderr)
        trace = lib.read_trace(path)
    check_equal([r["to"]["port"] for r in trace.all("datagram")], [7007])
    check_equal(trace.end["skipped"], {"of other processes": 1})


def pcap(*packets):
    """Of raw IP."""
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101) + b"".join(
        struct.pack("<IIII", 1, i, len(p), len(p)) + p for i, p in enumerate(packets))


def packet(source, destination, payload):
    a, b = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
    udp = struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload
    total = checksum(a + b + struct.pack("!BBH", 0, 17, len(udp)) + udp)
    udp = udp[:6] + struct.pack("!H", total) + udp[8:]
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0x4000, 64, 17, 0) + a + b + udp


@case
def from_a_file():
    """A question, its answer, and what cannot be read of a name."""
    name = b"\x07example\x03org\0" + struct.pack("!HH", 1, 1)
    asked = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + name
    answered = (struct.pack("!HHHHHH", 7, 0x8180, 1, 1, 0, 0) + name + b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4)
                + bytes([192, 0, 2, 1]))
    with contextlib.ExitStack() as stack:
        directory = lib.temporary(stack)
        capture = lib.write(f"{directory}/c.pcap", pcap(packet(4711, 53, asked), packet(53, 4711, answered),
                                                        packet(53, 4711, answered[:20])))
        path = f"{directory}/t.ndjson"
        done = lib.run("read", "-q", "--udp", "-o", path, capture)
        check_equal(done.status, 0, done.stderr)
        trace = lib.read_trace(path)
    check_equal([(r["frame"], r["checksum"], r["dns"]) for r in trace.all("datagram")], [
        (1, "ok", {"id": 7, "q": "example.org", "type": "A"}),
        (2, "ok", {"id": 7, "q": "example.org", "type": "A", "rcode": "NOERROR", "count": 1, "answers": ["192.0.2.1"]}),
        (3, "ok", {"id": 7, "rcode": "NOERROR", "count": 1})])


@case
def refused_and_damaged_in_a_file():
    """What no one took comes back within an ICMP error; whose checksum is wrong, or none, is told so."""
    sent = packet(4711, 7007, b"hello")
    damaged = sent[:-1] + b"0"
    bare = sent[:26] + bytes(2) + sent[28:]
    a, b = sent[12:16], sent[16:20]
    unreachable = struct.pack("!BBHI", 3, 3, 0, 0) + sent
    unreachable = unreachable[:2] + struct.pack("!H", checksum(unreachable)) + unreachable[4:]
    error = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(unreachable), 2, 0, 64, 1, 0) + b + a + unreachable
    with contextlib.ExitStack() as stack:
        directory = lib.temporary(stack)
        capture = lib.write(f"{directory}/c.pcap", pcap(sent, error, damaged, bare))
        path = f"{directory}/t.ndjson"
        done = lib.run("read", "--udp", "-o", path, capture)
        check_equal(done.status, 0, done.stderr)
        trace = lib.read_trace(path)
    check_equal(datagrams_of(trace), [(4711, 7007, 5, "ok", None), (4711, 7007, 5, None, "port-unreachable"),
                                      (4711, 7007, 5, "bad", None), (4711, 7007, 5, "none", None)])
    check_equal(trace.all("datagram")[1]["icmp"]["by"], "10.0.0.2")
    for word in ("port-unreachable", "bad checksum"):
        check(word in done.stdout, word, "is not in", done.stdout)


@case
def the_pair_of_the_project():
    """Its client is answered; without a server it is told, or hears nothing where it did not connect()."""
    command = f"{lib.ECHO} udp-client --message hello"
    for options, told in (("", True), (" --unconnected", False)):
        trace, _ = trace_of(["sh", "-c", f"{command} --timeout 100 --retries 1{options}; true"], "--udp", "--calls")
        errors = [r["icmp"]["error"] for r in trace.all("datagram") if "icmp" in r]
        check(errors and set(errors) == {"port-unreachable"}, errors)
        check_equal("ECONNREFUSED" in [r.get("errno") for r in trace.all("call")], told, options)
    with contextlib.ExitStack() as stack:
        said = f"{lib.temporary(stack)}/said"
        os.mkfifo(said)
        served = f"{lib.ECHO} udp-server > {said} & server=$!; exec 3< {said}; read -r listening <&3"
        trace, _ = trace_of(["sh", "-c", f"{served}; {command} --timeout 600000; kill $server; wait"], "--udp")
    answered = [r["from"]["port"] for r in trace.all("datagram") if "icmp" not in r]
    check_equal([port == 7007 for port in answered][-2:], [False, True], answered)


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
