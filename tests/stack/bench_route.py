#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Run the benchmark of the routing tables, without its peers, on a small table:
each command has to end well, and say in each line what scripts/bench reads.

  bench_route.py BENCH_ROUTE GEN_TABLE
"""

import json
import subprocess
import sys
import tempfile

COMMON = {"command", "condition", "family", "routes", "kind", "mode", "ours",
          "vector", "refused", "ns"}
LOOKUP = {"stream", "right", "tables", "bytes", "rib_bytes"}
FIGURES = {"figure"}
COMMANDS = [
    (["lookup"], LOOKUP),
    (["lookup", "-n", "3", "-c", "three"], LOOKUP),
    (["latency"], LOOKUP),
    (["scale"], LOOKUP),
    (["tables", "-m", "100", "-n", "4"], LOOKUP),
    (["update"], FIGURES),
    (["load"], set()),
]


def check(program, command, fields, family, table):
    """What is wrong with a command's output, or None."""
    words = [program, *command, f"-{family}", "-r", "1", table]
    done = subprocess.run(words, capture_output=True, text=True, timeout=100)
    if done.returncode != 0:
        return f"ended with {done.returncode}: {done.stderr[-200:].strip()}"
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if not lines:
        return "printed nothing"
    for one in lines:
        lost = (COMMON | fields) - one.keys()
        if lost:
            return f"a line without {', '.join(sorted(lost))}: {one}"
        if one["command"] != command[0] or one["family"] != family:
            return f"a line of something else: {one}"
        if not one["ns"] or min(one["ns"]) < 0:
            return f"a line without times: {one}"
    return None


def main():
    program, gen_table = sys.argv[1:]
    failed = 0
    for family in (4, 6):
        with tempfile.NamedTemporaryFile() as table:
            subprocess.run([sys.executable, gen_table, "-n", "2000"]
                           + ["-6"] * (family == 6), stdout=table, check=True)
            table.flush()
            for number, (command, fields) in enumerate(COMMANDS, 1):
                wrong = check(program, command, fields, family, table.name)
                number += len(COMMANDS) * (family == 6)
                print(f"{'not ok' if wrong else 'ok'} {number} - IPv{family} "
                      f"{' '.join(command)}", flush=True)
                if wrong:
                    print(f"# {wrong}")
                    failed = 1
    print(f"1..{2 * len(COMMANDS)}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
