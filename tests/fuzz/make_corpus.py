#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write the seed corpus of fuzz_input: one file per header or sequence.

usage: make_corpus.py FOLDER
"""
import pathlib
import struct
import sys

ROUTER = [bytes([2, 0, 0, 0, 0, 1]), bytes([2, 0, 0, 0, 0, 2])]
HOST = [bytes([2, 0, 0, 0, 1, 5]), bytes([2, 0, 0, 0, 9, 9])]
ALL = b"\xff" * 6
A, B = bytes([10, 0, 1, 5]), bytes([10, 0, 2, 9])
GW = [bytes([10, 0, 1, 1]), bytes([10, 0, 2, 1])]


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def record(frame, port=0, delay=0):
    return struct.pack("<BBH", port, delay, len(frame)) + frame


def ether(payload, kind, port=0, dst=None):
    return (dst or ROUTER[port]) + HOST[port] + struct.pack("!H", kind) + payload


def arp(op, spa, tpa, port=0, dst=ALL, sha=None, tha=b"\0" * 6):
    body = struct.pack("!HHBBH", 1, 0x800, 6, 4, op)
    return ether(body + (sha or HOST[port]) + spa + tha + tpa, 0x806, port, dst)


def ipv4(payload, proto, src=A, dst=B, ttl=64, off=0, opts=b"", ident=1, **kw):
    hlen = 20 + len(opts)
    h = struct.pack("!BBHHHBBH", 0x40 | hlen // 4, 0, hlen + len(payload),
                    ident, off, ttl, proto, 0) + src + dst + opts
    h = h[:10] + struct.pack("!H", checksum(h)) + h[12:]
    return ether(h + payload, 0x800, **kw)


def icmp(kind, code, body):
    h = struct.pack("!BBH", kind, code, 0) + body
    return h[:2] + struct.pack("!H", checksum(h)) + h[4:]


ECHO = icmp(8, 0, struct.pack("!HH", 7, 1) + bytes(range(48)))
UDP = struct.pack("!HHHH", 1000, 33434, 8 + 32, 0) + bytes(32)

SEEDS = {
    "arp-request": record(arp(1, A, GW[0])),
    "arp-reply": record(arp(2, A, GW[0], dst=ROUTER[0], tha=ROUTER[0])),
    "arp-gratuitous": record(arp(1, A, A)),
    "arp-probe": record(arp(1, b"\0" * 4, GW[0])),
    "arp-conflict": record(arp(1, GW[0], GW[0])),
    "echo-forward": record(ipv4(ECHO, 1)),
    "echo-local": record(arp(1, A, GW[0])) + record(ipv4(ECHO, 1, dst=GW[0])),
    "echo-broadcast": record(ipv4(ECHO, 1, dst=bytes([10, 0, 1, 255]), port=0)),
    "udp-port": record(arp(1, A, GW[0])) + record(ipv4(UDP, 17, dst=GW[0])),
    "udp-ttl": record(arp(1, A, GW[0])) + record(ipv4(UDP, 17, ttl=1)),
    "tcp": record(ipv4(bytes(20), 6, dst=GW[0])),
    "too-big-df": record(arp(1, A, GW[0])) + record(ipv4(bytes(800), 17, off=0x4000)),
    "too-big-cut": record(ipv4(bytes(1200), 17)),
    "no-neighbour": record(ipv4(UDP, 17, dst=bytes([10, 0, 2, 77]))) +
    record(arp(2, bytes([10, 0, 2, 77]), GW[1], port=1, dst=ROUTER[1]), 1, 32),
    "fragments": record(ipv4(ECHO[:24], 1, dst=GW[0], off=0x2000)) +
    record(ipv4(ECHO[24:], 1, dst=GW[0], off=3)),
    "fragments-overlap": record(ipv4(ECHO[:24], 1, dst=GW[0], off=0x2000)) +
    record(ipv4(ECHO[16:], 1, dst=GW[0], off=2)),
    "fragment-timeout": record(arp(1, A, GW[0])) +
    record(ipv4(ECHO[:24], 1, dst=GW[0], off=0x2000)) +
    record(arp(1, A, GW[0]), 0, 255) * 9,
    "record-route": record(ipv4(ECHO, 1, opts=bytes([7, 11, 4]) + bytes(9))),
    "timestamp": record(ipv4(ECHO, 1, opts=bytes([68, 12, 5, 1]) + bytes(8))),
    "source-route": record(ipv4(ECHO, 1, opts=bytes([131, 7, 4, 10, 0, 2, 9, 0]))),
    "redirect": record(arp(1, A, GW[0])) +
    record(ipv4(UDP, 17, dst=bytes([10, 0, 1, 9]))),
    "icmp-error": record(ipv4(icmp(3, 1, bytes(4) + bytes(28)), 1, dst=GW[0])),
    "multicast": record(ipv4(UDP, 17, dst=bytes([224, 0, 0, 1]))),
    "martian": record(ipv4(UDP, 17, src=bytes([127, 0, 0, 1]))),
    "vlan": record(ether(bytes(46), 0x8100)),
    "length-field": record(ether(bytes(46), 46)),
}


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in SEEDS.items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
