#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Run bench_route, one process for each thing to measure, and judge the
results by benchmarks/route.toml.

usage: benchroute.py [--quick] [--peers] [-f REGEX] [--table FILE]
                     [--table6 FILE] [--trace FILE] PROGRAM BARS OUT

All structures of a process have the same table and are asked the same keys;
they take turns in random order, and the median counts.  Writes OUT/route.json
and an SVG for each cost that was measured against a number."""
import argparse
import json
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import sys
import time
import tomllib

import benchplot
import benchrun

LIMIT = {False: (600, 7200), True: (120, 600)}  # seconds of one and all
ROUNDS = {False: 45, True: 9}
UNPACK = {".xz": "xz", ".gz": "gzip", ".bz2": "bzip2"}

# Prefixes per 10,000 of the global IPv6 table of 2024, by length.
SHARES6 = {20: 1, 24: 2, 28: 12, 29: 273, 30: 41, 31: 18, 32: 1408, 33: 183,
           34: 163, 35: 65, 36: 374, 37: 55, 38: 101, 39: 86, 40: 838, 41: 56,
           42: 144, 43: 63, 44: 897, 45: 97, 46: 190, 47: 197, 48: 4713,
           56: 2, 58: 1, 64: 12, 127: 3}


class Run:
    """A process of bench_route: its title for people and its arguments."""

    def __init__(self, title, command, family, *args, full=False):
        self.title = title
        self.full = full            # not with --quick
        self.command = [command, f"-{family}", *args]
        self.family = family


def table6(path, count):
    """A table of random prefixes, half of them inside of others."""
    rng, seen, covers = random.Random(1), set(), []
    total = sum(SHARES6.values())
    with open(path, "w", encoding="ascii") as out:
        for bits, share in sorted(SHARES6.items()):
            for _ in range(max(count * share // total, 1)):
                base, have = 1 << 125, 3
                if covers and rng.random() < 0.6:
                    base, have = covers[rng.randrange(len(covers))]
                base |= rng.getrandbits(bits - have) << (128 - bits)
                if (base, bits) in seen:
                    continue
                seen.add((base, bits))
                words = [f"{base >> 112 - 16 * i & 65535:x}" for i in range(8)]
                out.write(f"{':'.join(words)}/{bits}\n")
            covers = [p for p in seen if p[1] < 48]


def unpacked(path, name, options):
    """The file itself, or what it is when it is unpacked."""
    if not os.access(path, os.R_OK):
        sys.exit(f"bench: {path} cannot be read")
    tool = UNPACK.get(pathlib.Path(path).suffix)
    if tool is None:
        return path
    if not shutil.which(tool):
        sys.exit(f"bench: {path} needs {tool}")
    to = options.out / name
    with open(to, "wb") as out:
        if subprocess.run([tool, "-dc", path], stdout=out).returncode != 0:
            sys.exit(f"bench: {tool} cannot unpack {path}")
    return to


def tables(options):
    """{family: file}, and the trace or None"""
    found = {}
    if options.table:
        found[4] = unpacked(options.table, "table4", options)
    else:
        found[4] = options.out / "table4"
        with open(found[4], "wb") as out:
            subprocess.run([sys.executable, "scripts/gen-table", "-n",
                            str(options.routes)], stdout=out, check=True)
    if options.table6:
        found[6] = unpacked(options.table6, "table6", options)
    else:
        found[6] = options.out / "table6"
        table6(found[6], max(options.routes * 160 // 900, 100))
    trace = options.trace and unpacked(options.trace, "trace", options)
    return found, trace


def kinds(options):
    """{family: [(structure, is it ours)]}, and the peers that are missing"""
    found, missing = {4: [], 6: []}, ""
    for family, path in options.tables.items():
        lines = subprocess.run([options.program, "kinds", f"-{family}", path],
                               capture_output=True, text=True, check=True)
        for line in map(json.loads, lines.stdout.splitlines()):
            if "kind" in line:
                found[family].append((line["kind"], line["ours"]))
            missing = line.get("missing", missing)
    return found, missing


def tables_that_fit(family):
    """Of the powers of 4, as the directory of each has some megabytes."""
    each = {4: 1.3, 6: 5}[family] * 2**20
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return next((n for n in (4096, 1024, 256, 64)
                 if n * each < free / 2), 16)


def plan(have, trace):
    """What is to run."""
    ours = {f: ",".join(k for k, own in have[f]
                        if own and not k.endswith(" small")) for f in have}
    yield Run("IPv4 lookups", "lookup", 4, "-c", "alone")
    yield Run("IPv6 lookups", "lookup", 6, "-c", "alone")
    for f in have:
        yield Run(f"IPv{f} updates", "update", f, "-c", "full")
        yield Run(f"IPv{f} load", "load", f)
        if ours[f]:
            yield Run(f"IPv{f} updates of ten routes", "update", f, "-m", "10",
                      "-c", "ten", "-k", ours[f])
            yield Run(f"IPv{f} lookups during updates", "loss", f, "-k",
                      ours[f])
    yield Run("IPv4 session bring-up", "trace", 4,
              *(["-u", trace] if trace else []))
    if ours[4]:
        yield Run("link down", "link", 4)
        yield Run("flow cache", "flow", 4)
    yield Run("IPv4 beside a neighbour", "lookup", 4, "-X", "-c", "thrashed")
    yield Run("IPv6 beside a neighbour", "lookup", 6, "-X", "-c", "thrashed",
              full=True)
    # All at once would not fit into memory.
    dpdk = any(kind == "rte_fib_2" for kind, _ in have[4])
    for peers in ("rte_fib_2,rte_lpm", "rte_fib_4,binary trie", "rte_fib_8"):
        yield Run(f"IPv4, eight tables beside {peers.replace(',', ', ')}",
                  "lookup", 4, "-n", "8", "-c", "eight", "-k",
                  "psnet best," + peers, full=peers == "rte_fib_8")
    for f in have:
        yield Run(f"IPv{f}, one lookup after the other", "latency", f, "-c",
                  "alone", full=True)
        yield Run(f"IPv{f} without huge pages", "lookup", f, "-H", "-c",
                  "small pages", full=True)
        yield Run(f"IPv{f} by routes", "scale", f, full=True)
        yield Run(f"IPv{f} by tables of 100 routes", "tables", f, "-m", "100",
                  "-n", str(tables_that_fit(f)), "-k",
                  f"psnet{'6' * (f == 6)} best,binary trie", full=True)
        yield Run(f"IPv{f} by small tables of 100 routes", "tables", f, "-m",
                  "100", "-n", "4096", "-k",
                  f"psnet{'6' * (f == 6)} small,binary trie", full=True)
    if dpdk:
        yield Run("IPv4 by tables of 100 routes, DPDK", "tables", 4, "-m",
                  "100", "-n", "16", "-k", "rte_fib_2,rte_lpm", full=True)
    for command in ("update", "load") if dpdk else ():
        yield Run(f"IPv4 {command} of rte_lpm", command, 4, "-k",
                  "rte_lpm_rules", "-c", "full", full=True)


def run_one(run, number, options, limit):
    """Its results, or what failed."""
    if limit < 1:
        return "was left out: the time is over"
    command = [options.program, *run.command, "-r",
               str(ROUNDS[options.quick]), options.tables[run.family]]
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              check=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return f"did not end in {limit:.0f} s"
    except subprocess.CalledProcessError as e:
        if e.returncode == 77:
            print(f"left out: {run.title}: {e.stderr.splitlines()[-1]}")
            return []
        return f"ended with {e.returncode}: {e.stderr[-300:].strip()}"
    found = [json.loads(line) for line in done.stdout.splitlines()]
    for one in found:
        one["run"] = number
        one["name"] = f"{one['kind']} {one['mode']}".strip()
    return found


def run_all(todo, options):
    """The results, and what failed."""
    results, failed = [], []
    each, total = LIMIT[options.quick]
    started = time.monotonic()
    for n, run in enumerate(todo, 1):
        spent = time.monotonic() - started
        sign = f"[{spent:4.0f}s] {n}/{len(todo)} {run.title}"
        tty = sys.stderr.isatty()
        print(f"\r{sign:78}" if tty else sign, end="" if tty else "\n",
              file=sys.stderr, flush=True)
        answer = run_one(run, n, options, min(each, total - spent))
        if isinstance(answer, str):
            failed.append(f"{run.title} {answer}")
        else:
            results += answer
    if sys.stderr.isatty():
        print(f"\r{'':78}\r", end="", file=sys.stderr)
    return results, failed


def figure(one, bar):
    """What counts of a result: small is good.  A lookup that was answered
    wrongly, as the route was refused, is none."""
    if "field" in bar:
        return one[bar["field"]]
    value = statistics.median(one["ns"])
    return value / max(one.get("right", 1), 1e-9)


def best(found, bar):
    """(figure, name) of the best structure: the median of its results."""
    named = {}
    for one in found:
        named.setdefault(one["name"], []).append(figure(one, bar))
    return min(((statistics.median(v), k) for k, v in named.items()),
               default=(None, ""))


def matching(results, match):
    return [one for one in results
            if all(one.get(k) == v for k, v in match.items())]


def candidates(bar, found):
    for one in found:
        if (any(re.fullmatch(p, one["name"]) for p in bar.get("peers", []))
                and not (bar.get("scalar") and one["vector"])
                and (one["refused"] == 0 or "right" in one
                     and not bar.get("whole") and "field" not in bar)):
            yield one


def shown(value, unit):
    if value is None:
        return "-"
    if unit == "mlps":
        return f"{1e3 / value:.0f} M/s"
    if unit == "mib":
        return f"{value / 2**20:.2f} MiB"
    if unit == "percent":
        return f"{value:.2f} %"
    if unit == "count":
        return f"{value:.0f}"
    return benchrun.shown(value, "")


def judge_rate(bar, results):
    """Ours beside the best peer of the same process; the worst process."""
    worst = None
    for run in {one["run"] for one in results}:
        found = [one for one in matching(results, bar["match"])
                 if one["run"] == run]
        ours, _ = best([o for o in found if o["name"] in bar["ours"]], bar)
        peer, name = best(list(candidates(bar, found)), bar)
        if ours is None and peer is None:
            continue
        ratio = peer / ours if ours and peer else 0
        if worst is None or ratio < worst[0]:
            worst = ratio, ours, peer, name
    ratio, ours, peer, name = worst or (0, None, None, "")
    return {"ours": shown(ours, "mlps"), "peer": shown(peer, "mlps"),
            "peer_name": name, "ratio": f"{ratio:.2f}" if ratio else "-",
            "bar": f">= {bar['least']} x" if peer else "no peer",
            "verdict": "met" if ratio >= bar["least"] else "missed"}


def judge_figure(bar, results):
    """Ours by itself, or in the ratio to another of ours."""
    found = matching(results, bar["match"])
    slow = [o for o in found if o.get("updates_per_s", 1e9) < bar.get("pace", 0)]
    found = [o for o in found if o not in slow]
    ours, _ = best([o for o in found if o["name"] in bar["ours"]], bar)
    unit, limit, ratio = bar["unit"], bar["most"], None
    peer, name = best(list(candidates(bar, found)), bar)
    if unit == "ratio":
        other = matching(results, bar["match"] | bar["own"])
        peer, name = best([o for o in other if o["name"] in bar["ours"]], bar)
        ratio = ours / peer if ours is not None and peer else None
        met, said = ratio is not None and ratio <= limit, f"<= {limit} x"
        if slow:
            said = f"only {slow[0]['updates_per_s'] / 1e3:.0f} k/s"
        unit = "ns"
    else:
        met, said = ours is not None and ours <= limit, None
        if ours is not None and peer:
            ratio = ours / peer
    scaled = limit * 2**20 if unit == "mib" else limit
    if unit == "mib":
        met = ours is not None and ours <= scaled
    return {"ours": shown(ours, unit), "peer": shown(peer, unit),
            "peer_name": name,
            "ratio": f"{ratio:.2f}" if ratio is not None else "-",
            "bar": said or f"<= {shown(scaled, unit)}",
            "verdict": "met" if met else "missed"}


def rows(bars, results, options):
    for bar in bars:
        judged = (judge_rate if "least" in bar else judge_figure)(bar, results)
        if not options.filter or matching(results, bar["match"]):
            yield {"what": bar["what"], **judged}


def print_all(results):
    """All that was measured, the best first, by what it was."""
    groups = {}
    for one in results:
        what = (one["command"], one["condition"], f"IPv{one['family']}",
                one.get("stream") or one.get("class") or "",
                one.get("figure", ""), f"{one['routes']} routes",
                f"{one['tables']} tables" if one.get("tables", 1) > 1 else "")
        groups.setdefault(" ".join(filter(None, what)), []).append(one)
    for what, found in groups.items():
        print(f"\n{what}")
        for one in sorted(found, key=lambda o: statistics.median(o["ns"])):
            value = statistics.median(one["ns"])
            print(f"  {one['name']:24} {value:14,.2f}"
                  + (f" {shown(value, 'mlps'):>10} "
                     f"{one['bytes'] / 2**20:8.1f} MiB"
                     if "stream" in one else ""))
    print()


def print_refusals(results):
    """A peer that has not the whole table is named, once."""
    seen = {}
    for one in results:
        if one.get("refused") and one["command"] == "lookup":
            seen.setdefault((one["kind"], one["family"]), one)
    for (kind, _), one in seen.items():
        print(f"{kind} refuses {one['refused']} of {one['routes']} prefixes: "
              f"its wrong answers do not count")


def write_plots(results, out):
    for old in out.glob("*.svg"):
        old.unlink()
    charts = {}
    for one in results:
        by = {"scale": "routes", "tables": "tables"}.get(one["command"])
        if by:
            charts.setdefault((by, one["family"]), {}).setdefault(
                one["name"], []).append((one[by], statistics.median(one["ns"])))
    for (by, family), lines in charts.items():
        title = f"IPv{family} lookup by number of {by}"
        (out / f"lookup{family}-{by}.svg").write_text(
            benchplot.picture(title, lines, by, "ns of one lookup"))
    return len(charts)


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("--quick", action="store_true")
    p.add_argument("--peers", action="store_true")
    p.add_argument("-f", dest="filter", default="")
    p.add_argument("--table")
    p.add_argument("--table6")
    p.add_argument("--trace")
    p.add_argument("--routes", type=int, default=900000)
    p.add_argument("program")
    p.add_argument("bars", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    return p.parse_args()


def main():
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    bars = tomllib.loads(options.bars.read_text())["bar"]
    options.tables, trace = tables(options)
    have, missing = kinds(options)
    todo = [run for run in plan(have, trace)
            if re.search(options.filter, run.title)
            and not (run.full and options.quick)]
    if not todo:
        sys.exit(f"bench: nothing matches {options.filter}")
    results, failed = run_all(todo, options)
    table = list(rows(bars, results, options))
    (options.out / "route.json").write_text(json.dumps(
        {"results": results, "bars": table}, indent=1) + "\n")
    plots = write_plots(results, options.out)
    if options.peers:
        print_all(results)
    print(f"{os.cpu_count()} CPUs, {options.out}/route.json, "
          f"{plots} plots beside it")
    if missing:
        print(f"peers that are not installed: {missing}")
    print_refusals(results)
    if table:
        benchrun.print_bars(table)
    for line in failed:
        print(f"bench: {line}", file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
