#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Run benchmarks beside their peers and judge them by benchmarks/bars.toml.

usage: benchrun.py [--quick] [--peers] [-f REGEX] PROGRAM BARS OUT

Operations that are compared run in one process, their repetitions in random
order; what counts is the median.  Writes OUT/libsync.json and an SVG for each
operation that ran with several numbers of threads."""
import argparse
import copy
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time
import tomllib

import benchplot

ROUND = {"cpu": 0.002, "real": 0.005}    # seconds of a repetition
ROUNDS = {"cpu": 45, "real": 15}          # how many; --quick: a third
# Seconds of a process, of one that may stand still, and of all; --quick.
LIMIT = {False: (300, 20, 7200), True: (15, 3, 110)}
UNIT = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
NAME = re.compile(r"(?P<module>[^/]+)/(?P<operation>[^/]+)"
                  r"(?:/(?P<arg>\d+))?/real_time/threads:(?P<threads>\d+)$")


def parse(name):
    """(module, operation, argument or 0, threads)"""
    m = NAME.match(name)
    if not m:
        sys.exit(f"bench: {name} is not module/operation/argument/threads:n")
    return (m["module"], m["operation"], int(m["arg"] or 0),
            int(m["threads"]))


def operations_of(bar):
    """All operations that a bar compares in one process, its own first."""
    yield bar["operation"]
    if "mode" in bar:
        return
    if "reference" in bar:
        yield bar["reference"]
    for key in ("net", "peer_net"):
        if key in bar:
            yield bar[key].split("/")[1]


def families(bars):
    """{operation: all that runs in one process with it}"""
    family = {}
    for bar in bars:
        joined = set(operations_of(bar)) | {bar.get("together")} - {None}
        for name in list(joined):
            joined |= family.get(name, set())
        for name in joined:
            family[name] = joined
    return family


class Unit:
    """Benchmarks that run in one process."""

    def __init__(self, order, title, bar, options):
        clock = bar.get("clock", "real")
        self.order = order
        self.program = options.program
        self.title = title
        self.seconds = bar.get("round", ROUND[clock])
        self.rounds = bar.get("rounds", ROUNDS[clock])
        if options.quick:
            self.seconds /= 2
            self.rounds = max(self.rounds // 3, 3)
        self.env = {}
        if "mode" in bar:
            self.env = {"LIBSYNC_FENCE": bar["mode"]}
        self.names = []

    def parts(self):
        """Each benchmark in a process of its own."""
        for name in self.names:
            part = copy.copy(self)
            part.title, part.names = name, [name]
            yield part


def units(names, bars, options):
    """What is to run, as a list of Unit: what may take long at the end"""
    family = families(bars)
    own = {bar["operation"]: bar for bar in reversed(bars)}
    found = {}
    for name in names:
        _, operation, arg, threads = parse(name)
        bar = own.get(operation, {})
        if options.filter:
            if not re.search(options.filter, name):
                continue
        elif options.quick and (operation not in family or
                                arg not in bar.get("quick", [arg])):
            continue
        key = (min(family.get(operation, {operation})), arg)
        title = bar.get("together", operation) + (f"/{arg}" if arg else "")
        if bar.get("clock") != "cpu":   # some take long with many threads
            key, title = key + (threads,), f"{title}, {threads} threads"
        order = 0 if bar.get("clock") == "cpu" else threads
        found.setdefault(key, Unit(order, title, bar, options))
        found[key].names.append(name)
    return sorted(found.values(), key=lambda unit: unit.order)


class TooLong(Exception):
    """The process did not end in time."""


def run_unit(unit, results, seconds):
    """Adds {(module, operation, argument, threads): {clock: [ns]}}; returns
    the context, or what failed."""
    if seconds < 1:
        return "was left out: the time is over"
    cmd = [unit.program,
           "--benchmark_filter=^(" + "|".join(map(re.escape, unit.names)) + ")$",
           f"--benchmark_min_time={unit.seconds}",
           f"--benchmark_repetitions={unit.rounds}",
           "--benchmark_enable_random_interleaving=true",
           "--benchmark_format=json"]
    try:
        done = subprocess.run(cmd, env=dict(os.environ, **unit.env),
                              capture_output=True, text=True, check=True,
                              timeout=seconds)
    except subprocess.TimeoutExpired as e:
        raise TooLong(f"did not end in {seconds:.0f} s") from e
    except subprocess.CalledProcessError as e:
        return f"ended with {e.returncode}: {e.stderr[-300:]}"
    found = json.loads(done.stdout)
    for b in found["benchmarks"]:
        if b.get("run_type") != "iteration":
            continue
        one = results.setdefault(parse(b["run_name"]), {})
        unit_ns = UNIT[b["time_unit"]]
        one.setdefault("real", []).append(b["real_time"] * unit_ns)
        one.setdefault("cpu", []).append(b["cpu_time"] * unit_ns)
        for key in [k for k in b if k.endswith("_bytes")]:
            one.setdefault(key, []).append(b[key])
    return found["context"]


def run_parts(unit, results, seconds):
    """Some queues stand still while a thread that waits has no processor: run
    each benchmark of the unit alone.  Returns what did not end."""
    stuck = []
    for part in unit.parts():
        try:
            answer = run_unit(part, results, seconds)
        except TooLong as e:
            answer = str(e)
        if isinstance(answer, str):
            stuck.append(f"{part.title} {answer}")
    return stuck


def run_all(todo, options):
    """The results, the context, what failed, and what was left out."""
    results, context, failed, left_out = {}, {}, [], []
    each, alone, total = LIMIT[options.quick]
    started = time.monotonic()
    for n, unit in enumerate(todo, 1):
        sign = (f"[{time.monotonic() - started:4.0f}s] {n}/{len(todo)} "
                f"{unit.title}, {len(unit.names)} benchmarks")
        tty = sys.stderr.isatty()
        print(f"\r{sign:78}" if tty else sign, end="" if tty else "\n",
              file=sys.stderr, flush=True)
        left = total - (time.monotonic() - started)
        limit = each if unit.order <= os.cpu_count() else alone
        try:
            answer = run_unit(unit, results, min(limit, left))
        except TooLong:
            left_out += run_parts(unit, results, alone)
            continue
        if isinstance(answer, str):
            failed.append(f"{unit.title} {answer}")
        else:
            context = answer
    if sys.stderr.isatty():
        print(f"\r{'':78}\r", end="", file=sys.stderr)
    return results, context, failed, left_out


class Median:
    """Medians of what ran, by the clock or figure of one bar."""

    def __init__(self, results, bar):
        self.results = results
        self.kind = bar.get("figure", bar.get("clock", "real"))

    def of(self, module, operation, arg, threads):
        """None: did not run"""
        one = self.results.get((module, operation, arg, threads), {})
        return statistics.median(one[self.kind]) if self.kind in one else None

    def less(self, value, net, threads):
        """value without the time of net, which noise keeps from going
        below 0"""
        if net is None or value is None:
            return value
        off = self.of(*net.split("/"), 0, threads)
        return None if off is None else max(value - off, 0)


def best_peer(bar, median, arg, threads):
    """(figure, name) of the best peer that ran, or (None, "")"""
    found = []
    operation = bar.get("reference", bar["operation"])
    for peer in bar.get("peers", []):
        value = median.less(median.of(peer, operation, arg, threads),
                            bar.get("peer_net", bar.get("net")), threads)
        if value is not None:
            found.append((value, peer))
    return min(found, default=(None, ""))


def shown(value, kind):
    if value is None:
        return "-"
    if kind.endswith("_bytes"):
        return f"{value / 1e6:.2f} MB"
    if value < 1000:
        return f"{value:.2f} ns"
    return f"{value / 1e3:.1f} us" if value < 1e6 else f"{value / 1e6:.1f} ms"


def judge(bar, median, arg, threads):
    """One row."""
    ours = median.less(median.of(bar["ours"], bar["operation"], arg, threads),
                       bar.get("net"), threads)
    peer, name = best_peer(bar, median, arg, threads)
    what = bar["what"] + (f", {arg}" if arg else "")
    what += f", {threads} threads" if threads > 1 else ""
    ratio = ours / peer if ours is not None and peer else None
    if "ns" in bar:
        limit, said = bar["ns"], f"<= {bar['ns']} ns"
    elif peer is None:
        limit, said = None, "no peer"
    elif "plus" in bar:
        limit, said = peer + bar["plus"], f"<= +{bar['plus']} ns"
    else:
        limit, said = peer * bar["ratio"], f"<= {bar['ratio']} x"
    met = ours is not None and limit is not None and ours <= limit
    return {"what": what, "ours": shown(ours, median.kind),
            "peer": shown(peer, median.kind), "peer_name": name,
            "ratio": f"{ratio:.2f}" if ratio and ratio < 1000 else "-",
            "bar": said,
            "verdict": "met" if met else "missed"}


def rows(bars, todo, results, options):
    """A row for each argument and thread count of each bar that was to run."""
    wanted = [parse(name) for unit in todo for name in unit.names]
    for bar in bars:
        median = Median(results, bar)
        ran = sorted({(arg, threads)
                      for module, operation, arg, threads in wanted
                      if (module, operation) == (bar["ours"], bar["operation"])
                      and arg in bar.get("args", [arg])
                      and threads in bar.get("threads", [threads])})
        if not ran and not options.filter:
            ran = [(0, 1)]
        for arg, threads in ran:
            yield judge(bar, median, arg, threads)


def print_bars(table):
    wide = max(len(r["what"]) for r in table)
    print(f"{'':{wide}}  {'ours':>10} {'peer':>10} {'':16} {'ratio':>7}  bar")
    for r in table:
        print(f"{r['what']:{wide}}  {r['ours']:>10} {r['peer']:>10} "
              f"{r['peer_name']:16} {r['ratio']:>7}  {r['bar']:12} "
              f"{r['verdict']}")
    met = sum(r["verdict"] == "met" for r in table)
    print(f"{met} met, {len(table) - met} missed")


def print_peers(results):
    groups = {}
    for (module, *rest), one in results.items():
        groups.setdefault(tuple(rest), []).append((module, one))
    for (operation, arg, threads), peers in sorted(groups.items()):
        print(f"\n{operation}{f'/{arg}' if arg else ''}, {threads} threads"
              f"{'':4}{'real':>12} {'cpu':>12}")
        for module, one in sorted(
                peers, key=lambda p: statistics.median(p[1]["real"])):
            real, cpu = (statistics.median(one[c]) for c in ("real", "cpu"))
            print(f"  {module:30} {shown(real, ''):>12} {shown(cpu, ''):>12}")
    print()


def write_json(path, context, results, table):
    path.write_text(json.dumps({
        "context": context,
        "benchmarks": [
            {"module": m, "operation": o, "argument": a, "threads": t,
             "median": {k: statistics.median(v) for k, v in one.items()},
             "repetitions": one}
            for (m, o, a, t), one in sorted(results.items())],
        "bars": table}, indent=1) + "\n")


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("--quick", action="store_true")
    p.add_argument("--peers", action="store_true")
    p.add_argument("-f", dest="filter", default="")
    p.add_argument("program")
    p.add_argument("bars", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    return p.parse_args()


def main():
    options = arguments()
    bars = tomllib.loads(options.bars.read_text())["bar"]
    names = subprocess.run([options.program, "--benchmark_list_tests=true"],
                           capture_output=True, text=True, check=True).stdout
    todo = units(names.split(), bars, options)
    if not todo:
        sys.exit(f"bench: no benchmark matches {options.filter}")
    results, context, failed, left_out = run_all(todo, options)
    table = list(rows(bars, todo, results, options))
    options.out.mkdir(parents=True, exist_ok=True)
    write_json(options.out / "libsync.json", context, results, table)
    plots = benchplot.write(results, options.out)
    if options.peers or not table:
        print_peers(results)
    print(f"{context.get('num_cpus', '?')} CPUs, {options.out}/libsync.json, "
          f"{plots} plots beside it")
    if context.get("missing"):
        print(f"peers that are not installed: {context['missing']}")
    for line in left_out:
        print(f"left out: {line}")
    if table:
        print_bars(table)
    for line in failed:
        print(f"bench: {line}", file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
