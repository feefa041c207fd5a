"""What the traced programs of the kernel's tests share: settings of their namespace, segments of their own making."""
from lib import script, trace_of

SYSCTL = """
def sysctl(name, value):
    with open("/proc/sys/net/ipv4/" + name, "w") as file:
        file.write(str(value))
"""

# SYNs from a raw socket in the namespace. The address they come from is this host's own, which would answer the SYN,ACK
# with a RST; so somebody listens there whose socket filter drops everything unseen.
RAW = """
import ctypes
def deaf(host, port):
    sock = listen(host, port)
    code = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0))  # BPF_RET 0
    sock.setsockopt(socket.SOL_SOCKET, 26, struct.pack("=HxxxxxxQ", 1, ctypes.addressof(code)))  # SO_ATTACH_FILTER
    return sock
def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
others = []
FIN, SYN, RST, ACK = 1, 2, 4, 16
def made(source, sport, dport, flags, seq, ack=0):
    addresses = socket.inet_aton(source) + socket.inet_aton("127.0.0.1")
    tcp = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, 65535, 0, 0)
    tcp = tcp[:16] + struct.pack("!H", checksum(addresses + struct.pack("!HH", 6, len(tcp)) + tcp)) + tcp[18:]
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + addresses + tcp
def segment(*fields):
    raw.sendto(made(*fields), ("127.0.0.1", 0))
def syn(sport, dport=7007, source="127.9.9.9"):
    others.append(deaf(source, sport))
    segment(source, sport, dport, SYN, 1000)
"""

# How many are in SYN queues.
REQUESTS = """
def requests():
    return sum(line.split()[3] == SYN_RECV for line in open("/proc/net/tcp"))
"""

# A request whose ACK comes when the accept queue has filled up: the number that it acknowledges is read off the SYN,ACK. What
# is sent may be received by another processor after the program has ended, and its listener with it: so it waits.
LATE_ACK = SYSCTL + RAW + """
ear = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
ear.bind(("127.9.9.9", 0))
server = listen(backlog=0)
syn(1234)
packet = ear.recv(200)
number = struct.unpack("!I", packet[24:28])[0]
one = connect(); queued(server, 1)
segment("127.9.9.9", 1234, 7007, ACK, 1001, number + 1); counted("ListenOverflows", 1)
"""


def kernel_trace(text, *options, **expect):
    trace, _ = trace_of(script(text), *options, **expect)
    return trace


def why(trace, **fields):
    return [r["why"] for r in trace.all("queue", **fields)]
