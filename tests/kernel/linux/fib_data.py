#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Questions about routing tables, and the answers, for the guest that loads
apps/linux-fib.

  fib_data.py FOLDER COUNT

reads FOLDER/table4 and FOLDER/table6, of scripts/gen-table -i, and writes
COUNT questions for each into FOLDER/questions and what is to be answered into
FOLDER/answers.  Prefixes are found by one look for each length."""
import ipaddress
import pathlib
import random
import sys


def read(path):
    """{length: {address: number}}"""
    table = {}
    for line in path.read_text().splitlines():
        prefix, number = line.split()
        net = ipaddress.ip_network(prefix)
        table.setdefault(net.prefixlen, {})[int(net.network_address)] = number
    return table


def answer(table, bits, address):
    """(number, length) of the longest prefix, or None"""
    for length in sorted(table, reverse=True):
        first = address >> (bits - length) << (bits - length)
        if first in table[length]:
            return table[length][first], length
    return None


def addresses(table, bits, count, rng):
    """Anywhere, within prefixes, at their edges and beside them."""
    edges = [(a, a + (1 << (bits - n)) - 1) for n in table for a in table[n]]
    for _ in range(count):
        first, last = rng.choice(edges)
        yield rng.choice((rng.getrandbits(bits), rng.randint(first, last),
                          first, last, max(first - 1, 0),
                          min(last + 1, (1 << bits) - 1)))


def main():
    folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    rng, questions, answers = random.Random(1), [], []
    for name, bits, kind in (("table4", 32, ipaddress.IPv4Address),
                             ("table6", 128, ipaddress.IPv6Address)):
        table = read(folder / name)
        for number in addresses(table, bits, count, rng):
            address, found = kind(number), answer(table, bits, number)
            questions.append(f"get {address}\n")
            answers.append(f"{address} via {found[0]} length {found[1]}\n"
                           if found else f"{address} unreachable\n")
    (folder / "questions").write_text("".join(questions))
    (folder / "answers").write_text("".join(answers))


main()
