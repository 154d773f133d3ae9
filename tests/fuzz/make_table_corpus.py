#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write the seed corpus of fuzz_table: one file per format and record type.

usage: make_table_corpus.py FOLDER
"""
import bz2
import gzip
import lzma
import pathlib
import struct
import sys

LIST = (b"# list\n10.0.0.0/8\n192.168.0.0/16 10.1.2.3\ndefault via 10.1.2.4\n"
        b"2001:db8::/32\tfe80::1\n::/0 7\n1.2.3.4\n")
TRACE = (b"1445565695.584878\tA\t10.0.0.0/8\t1\n"
         b"1470931200\tW\t10.0.0.0/8\t-\t192.0.2.1\n"
         b"1470931201\tA\t2804:14d::/40\t2001:7f8:54::10\t2001:7f8:54::188\n")
P4, P6 = bytes([192, 0, 2, 1]), b"\x20\x01\x0d\xb8" + bytes(11) + b"\1"
HOP4 = b"\x40\x03\x04" + bytes([10, 0, 0, 1])
ORIGIN = b"\x40\x01\x01\0"


def record(kind, subtype, body, time=1000):
    return struct.pack("!IHHI", time, kind, subtype, len(body)) + body


def entry(peer, attrs, path=b""):
    return struct.pack("!HI", peer, 2000) + path + struct.pack(
        "!H", len(attrs)) + attrs


def message(subtype, gone=b"", attrs=b"", nlri=b"", peer=P4):
    update = struct.pack("!H", len(gone)) + gone + struct.pack(
        "!H", len(attrs)) + attrs + nlri
    asn = bytes(8) if subtype in (4, 9) else bytes(4)
    afi = 1 if len(peer) == 4 else 2
    return record(16, subtype, asn + struct.pack("!HH", 0, afi) + peer + peer +
                  b"\xff" * 16 + struct.pack("!HB", 19 + len(update), 2) + update)


INDEX = record(13, 1, bytes(4) + b"\0\4view\0\2" + b"\2" + bytes(4) + P4 +
               bytes(4) + b"\1" + bytes(4) + P6 + bytes(2))
REACH6 = b"\x80\x0e\x1c\0\2\1\x10" + P6 + b"\0" + b"\x30\x20\1\x0d\xb8\0\1"
UNREACH6 = b"\x80\x0f\x08\0\2\1" + b"\x20\x20\1\x0d\xb8"
RIB4 = INDEX + record(13, 2, bytes(4) + b"\x18\xc0\0\2\0\2" +
                      entry(0, ORIGIN + HOP4) + entry(1, HOP4))
RIB6 = INDEX + record(13, 4, bytes(4) + b"\x20\x20\1\x0d\xb8\0\1" + entry(
    1, b"\x90\x0e\0\x11\x10" + P6))
UPDATE = message(4, b"\x08\x0a", ORIGIN + HOP4, b"\x0a\x0a\x40\0")

SEEDS = {
    "list": LIST, "trace": TRACE, "gzip": gzip.compress(LIST, mtime=0),
    "xz": lzma.compress(TRACE), "bzip2": bz2.compress(UPDATE * 3),
    "rib4": RIB4, "rib6": RIB6, "update": UPDATE,
    "rib4-addpath": INDEX + record(13, 8, bytes(4) + b"\x18\xc0\0\2\0\1" + entry(
        0, HOP4, bytes(4))),
    "rib6-whole": INDEX + record(13, 4, bytes(4) + b"\x20\x20\1\x0d\xb8\0\1" + entry(
        1, b"\x80\x0e\x15\0\2\1\x10" + P6 + b"\0")),
    "table-dump": record(12, 1, bytes(4) + bytes([10, 0, 0, 0, 8, 1]) + bytes(4) +
                         P4 + bytes(2) + b"\0\7" + HOP4),
    "update6": message(4, b"", UNREACH6 + REACH6, peer=P6),
    "update-as2": message(1, b"\x08\x0a", HOP4, b"\0"),
    "update-addpath": message(9, b"\0\0\0\1\x08\x0a", HOP4, b"\0\0\0\2\x10\x0a\1"),
    "update-et": record(17, 4, b"\0\0\1\0" + UPDATE[12:]),
    "state-change": record(16, 5, bytes(20)),
    "zeros": bytes(48), "zeros-behind": RIB4 + bytes(48),
    "deprecated": record(1, 0, b"") + record(11, 0, bytes(4)) + RIB4,
    "cut-in-header": RIB4[:-20] + bytes(7),
}


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in SEEDS.items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
