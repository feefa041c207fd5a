#!/usr/bin/env python3
"""Writes the seeds of fuzz_segment to corpus/segment beside this script: one frame for each way a
frame can be put together, so that the fuzzer need not find the magic numbers itself."""

import pathlib
import struct
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
from lib import checksum

# The order of link_types in fuzz_segment.c.
ORDER = [1, 0, 9, 12, 14, 50, 51, 101, 104, 108, 113, 228, 229, 276, 147,
         105, 127, 119, 163, 192, 239, 242, 247, 107, 6, 10, 117, 109, 219, 284]

MACS = bytes.fromhex("020000000001 020000000002")
SRC4, DST4 = bytes([192, 0, 2, 1]), bytes([198, 51, 100, 7])
SRC6, DST6 = (bytes.fromhex("20010db8") + bytes(11) + bytes([n]) for n in (1, 2))

SYN_OPTIONS = bytes.fromhex("020405b4 0402 080a0102030400000000 01 030307")
DATA_OPTIONS = bytes.fromhex("0101080a0102030405060708 01010512 0000000100000009 fffffff000000004")
FAST_OPEN = bytes.fromhex("220a0102030405060708 0101")
FAST_OPEN_EXPERIMENT = bytes.fromhex("fe08f98901020304")
MPTCP = bytes.fromhex("1e0c0181 0102030405060708")


def tcp(addresses, tcp_options=b"", payload=b"", flags=0x10):
    header_len = 20 + len(tcp_options)
    length = header_len + len(payload)
    pseudo = addresses + struct.pack("!II", length, 6)
    header = struct.pack("!HHIIHHHH", 49153, 443, 1000, 2000, header_len << 10 | flags, 8192, 0, 0)
    total = checksum(pseudo + header + tcp_options + payload)
    return header[:16] + struct.pack("!H", total) + header[18:] + tcp_options + payload


def ipv4(options=b"", fragment=0x4000, protocol=6, between=b"", offload=False, **segment):
    rest = between + tcp(SRC4 + DST4, **segment)
    total = 0 if offload else 20 + len(options) + len(rest)
    head = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, total, 1, fragment, 64, protocol, 0)
    return head + SRC4 + DST4 + options + rest


def ipv6(next_header=6, between=b"", offload=False, **segment):
    rest = between + tcp(SRC6 + DST6, **segment)
    return struct.pack("!IHBB", 6 << 28, 0 if offload else len(rest), next_header, 64) + SRC6 + DST6 + rest


def carried(protocol, payload):
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0x4000, 64, protocol, 0) + SRC4 + DST4 + payload


def udp(port, payload):
    return struct.pack("!HHHH", 12345, port, 8 + len(payload), 0) + payload


AUTHENTICATION = bytes.fromhex("0604000000000001 00000002") + bytes(12)
EXTENSIONS = (bytes.fromhex("3c00050200000100") + bytes.fromhex("2b00010400000000")
              + bytes.fromhex("2c02020000000000") + SRC6 + bytes.fromhex("0600000000000002"))

DNS_NAME = b"\x07example\x03org\0"
ETHER4, ETHER6, PPP4 = b"\x08\x00", b"\x86\xdd", b"\x00\x21"
COOKED = bytes.fromhex("0000 0001 0006 0200000000010000")
COOKED2 = bytes.fromhex("0000 00000007 0001 00 06 0200000000010000")

# name: (link type, frame)
SEEDS = {
    "ethernet-syn": (1, MACS + ETHER4 + ipv4(tcp_options=SYN_OPTIONS, flags=0x1C2)),
    "ethernet-data": (1, MACS + ETHER4 + ipv4(tcp_options=DATA_OPTIONS, payload=b"GET / HTTP/1.1\r\n")),
    "ethernet-padded": (1, MACS + ETHER4 + ipv4(flags=0x14) + bytes(6)),
    "ethernet-fast-open": (1, MACS + ETHER6 + ipv6(tcp_options=FAST_OPEN, payload=b"x", flags=2)),
    "vlan-fast-open-experiment": (1, MACS + b"\x81\0\0\x01" + ETHER4 + ipv4(tcp_options=FAST_OPEN_EXPERIMENT, flags=2)),
    "qinq-mptcp": (1, MACS + b"\x88\xa8\0\x01\x81\0\0\x02" + ETHER4 + ipv4(tcp_options=MPTCP, flags=2)),
    "pppoe": (1, MACS + b"\x88\x64\x11\0\0\x09\0\x2a" + PPP4 + ipv4()),
    "mpls": (1, MACS + b"\x88\x47" + bytes.fromhex("00010040 00020140") + ipv6()),
    "fabricpath": (1, MACS + b"\x89\x03\0\x01" + MACS + ETHER4 + ipv4()),
    "snap": (1, MACS + b"\0\x30\xaa\xaa\x03\0\0\0" + ETHER4 + ipv4()),
    "arp": (1, MACS + b"\x08\x06" + bytes.fromhex("0001080006040001")),
    "null": (0, b"\x02\0\0\0" + ipv4()),
    "loop": (108, b"\0\0\0\x1e" + ipv6()),
    "ppp": (9, b"\xff\x03" + PPP4 + ipv4()),
    "ppp-serial": (50, b"\x21" + ipv4()),
    "ppp-ether": (51, b"\x11\0\0\x09\0\x2a" + PPP4 + ipv4()),
    "cisco-hdlc": (104, b"\x0f\0" + ETHER6 + ipv6()),
    "cooked": (113, COOKED + ETHER4 + ipv4()),
    "cooked2": (276, ETHER6 + COOKED2 + ipv6()),
    "raw-v4-options": (12, ipv4(options=bytes.fromhex("0194040083030400"))),
    "raw-v4-fragment": (14, ipv4(fragment=0x2000, payload=bytes(8))),
    "raw-v4-later-fragment": (101, ipv4(fragment=0x2001)),
    "raw-v4-authentication": (228, ipv4(protocol=51, between=AUTHENTICATION)),
    "raw-v4-offload": (101, ipv4(offload=True, payload=bytes(64))),
    "raw-v6-extensions": (229, ipv6(next_header=0, between=EXTENSIONS)),
    "raw-v6-jumbo": (101, ipv6(next_header=0, between=bytes.fromhex("0600c20400012345"), offload=True)),
    "raw-v6-fragment": (101, ipv6(next_header=44, between=bytes.fromhex("0600000100000001"))),
    "raw-v6-home-address": (101, ipv6(next_header=60, between=bytes.fromhex("060201020000c910") + SRC6)),
    "vxlan": (1, MACS + ETHER4 + carried(17, udp(4789, bytes.fromhex("0800000000002a00") + MACS + ETHER4 + ipv4()))),
    "geneve": (1, MACS + ETHER4 + carried(17, udp(6081, bytes.fromhex("0140655800002a00 01028000") + MACS + ETHER6 + ipv6()))),
    "gtp-u": (1, MACS + ETHER4 + carried(17, udp(2152, bytes.fromhex("34ff000012345678 00000085 01100100") + ipv4()))),
    "teredo": (101, carried(17, udp(3544, bytes.fromhex("00001234ffffffff") + ipv6()))),
    "ayiya": (101, carried(17, udp(5072, bytes.fromhex("42521129 00000001") + bytes(36) + ipv6()))),
    "l2tp": (101, carried(17, udp(1701, bytes.fromhex("000200020003 ff03") + PPP4 + ipv4()))),
    "gue-gre": (101, carried(17, udp(6080, bytes.fromhex("002f0000 00000800") + ipv4()))),
    "fou": (101, carried(17, udp(5555, ipv6()))),
    "gre-key": (101, carried(47, bytes.fromhex("b0000800 00000000 00000007 00000001") + ipv4())),
    "nvgre": (101, carried(47, bytes.fromhex("20006558 00138933") + MACS + ETHER4 + ipv4())),
    "pptp": (101, carried(47, bytes.fromhex("3081880b 002c0011 00000001 00000002 ff03") + PPP4 + ipv4())),
    "erspan-2": (101, carried(47, bytes.fromhex("100088be 00000001 10010005 00000000") + MACS + ETHER4 + ipv4())),
    "erspan-3": (101, carried(47, bytes.fromhex("100022eb 00000001 20010005 00000000 00000001 0000000000000000") + MACS
                              + ETHER4 + ipv4())),
    "ipip-6in4": (101, carried(4, carried(41, ipv6()))),
    "802.1ah": (1, MACS + bytes.fromhex("88e7 00010203") + MACS + ETHER4 + ipv4()),
    "icmp": (101, carried(1, bytes.fromhex("0304000000000578") + ipv4()[:28])),
    "dns-answer": (101, carried(17, udp(53, bytes.fromhex("1234 8180 0001 0003 0000 0000") + DNS_NAME + bytes.fromhex("0001 0001")
        + bytes.fromhex("c00c 0005 0001 0000003c 0006 03777777 c00c") + bytes.fromhex("c029 0001 0001 0000003c 0004 c0000201")
        + bytes.fromhex("c00c 001c 0001 0000003c 0010") + SRC6))),
    "icmp-udp": (101, carried(1, bytes.fromhex("0303000000000000") + carried(17, udp(53, b"")))),
    "radiotap": (127, bytes.fromhex("00001200030000000000000000000000 2000 88010000") + MACS + bytes.fromhex("020000000003 0000 0000 0000 aaaa03000000")
                 + ETHER4 + ipv4()),
    "nflog": (239, bytes.fromhex("02000000 05000a0078000000 2c000900") + ipv4()),
    "unknown-link": (147, ipv4()),
}


def main():
    directory = pathlib.Path(__file__).parent / "corpus" / "segment"
    directory.mkdir(parents=True, exist_ok=True)
    for name, (link, frame) in SEEDS.items():
        # The second byte: how much was captured. Here, the headers with part of the TCP options.
        captured = min(255, max(0, len(frame) - 9))
        (directory / f"{name}.bin").write_bytes(bytes([ORDER.index(link), captured]) + frame)


if __name__ == "__main__":
    main()
