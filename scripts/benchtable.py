#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Print a Google Benchmark JSON file as a table of peers.

usage: benchtable.py RESULTS.JSON

Benchmarks of the same operation, argument and thread count stand together, ours
first, and each ratio is to it.  The time is the least of the repetitions; with
several threads it is the time of all of them by the operations of all.  Where
there is an empty loop, its time is taken off both sides of the ratio."""
import json
import sys

OURS = ("pserialize", "psref", "lfqueue_spsc", "lfqueue_mpsc", "percpu",
        "radix_lf")


def least(path):
    """What the run was on, and {operation and rest: {module: ns}}"""
    with open(path, encoding="utf-8") as f:
        results = json.load(f)
    found = {}
    for b in results["benchmarks"]:
        if b.get("run_type") == "aggregate":
            continue
        module, operation, *rest = b["run_name"].split("/")
        rest = [r for r in rest if r != "real_time"]
        peers = found.setdefault("/".join([operation] + rest), {})
        ns = b["real_time"] * {"ns": 1, "us": 1e3, "ms": 1e6}[b["time_unit"]]
        peers[module] = min(ns, peers.get(module, ns))
    return results["context"], found


def ratio(ns, ours, loop):
    if ours - loop <= 0.005:
        return "-"
    return f"{max(ns - loop, 0) / (ours - loop):.2f}"


def rank(peer):
    module, ns = peer
    return module not in OURS, ns


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    context, found = least(sys.argv[1])
    print(f"{context['num_cpus']} CPUs at {context['mhz_per_cpu']} MHz, "
          f"load {', '.join(f'{x:.1f}' for x in context['load_avg'])}")
    for group, peers in sorted(found.items()):
        loop = peers.get("loop", 0)
        ours = min((ns for m, ns in peers.items() if m in OURS), default=loop)
        print(f"\n{group:36} {'ns':>12} {'x ours':>8}")
        for module, ns in sorted(peers.items(), key=rank):
            r = "" if module == "loop" else ratio(ns, ours, loop)
            print(f"  {module:34} {ns:12.2f} {r:>8}")


main()
