#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The stack that libsync uses in a kernel, as gcc tells it, on each machine: no
function more than FUNCTION_MAX bytes, no chain of calls more than CHAIN_MAX, no
recursion and no array whose length is known late.

A chain ends at what the caller or the host gives: functions called through
pointers, and those of the port."""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import targets
import tree

FUNCTION_MAX = 640
CHAIN_MAX = 1408

# Calls that come back at most once: who, and why.
ONCE = {
    "psref_hold_slow": "the slot is there now, and nobody else may take it",
}


class Use:
    """The functions of some objects, their stack and whom they call."""

    def __init__(self):
        self.own, self.source, self.unbounded = {}, {}, []
        self.calls = {}

    def read(self, source, text):
        """Take in what -fcallgraph-info=su wrote for a source."""
        for title, label in re.findall(
                r'^node: { title: "([^"]+)" label: "([^"]+)"', text, re.M):
            m = re.search(r"\\n(\d+) bytes \((\w[\w,]*)\)$", label)
            if m:
                self.own[title] = int(m.group(1))
                self.source[title] = source
                if m.group(2) == "dynamic":
                    self.unbounded.append(title)
        for caller, callee in re.findall(
                r'^edge: { sourcename: "([^"]+)" targetname: "([^"]+)"', text,
                re.M):
            if caller != callee or caller not in ONCE:
                self.calls.setdefault(caller, set()).add(callee)

    def chain(self, name, above=()):
        """The deepest way down from a function: (bytes, [names]).  A name that
        calls itself on the way ends it, with None for the bytes."""
        if name in above:
            return None, [*above[above.index(name):], name]
        deepest = (0, [])
        for callee in sorted(self.calls.get(name, ())):
            if callee in self.own:
                size, names = self.chain(callee, (*above, name))
                if size is None:
                    return size, names
                deepest = max(deepest, (size, names))
        return deepest[0] + self.own[name], [name, *deepest[1]]


def compile_one(command, flags, source, folder):
    """Compile a source for its numbers; returns the text of its graph."""
    out = pathlib.Path(folder, source.replace("/", "_")).with_suffix(".o")
    run = subprocess.run(
        [*command, *flags, "-I.", "-O2", "-fcallgraph-info=su", "-c", source,
         "-o", str(out)], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"{' '.join(command)} {source}: {run.stderr}")
    return out.with_suffix(".ci").read_text()


def measure(command, flags, sources):
    """The Use of some sources, with this gcc."""
    use = Use()
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for source, text in zip(sources, pool.map(
                lambda s: compile_one(command, flags, s, folder), sources)):
            use.read(source, text)
    return use


def short(name):
    return name.rsplit(":", 1)[-1]


def check(isa, use, report):
    for name, size in sorted(use.own.items()):
        where = f"{use.source[name]}, {isa}"
        if size > FUNCTION_MAX:
            report(where, f"{short(name)} takes {size} bytes of stack")
        if name in use.unbounded:
            report(where, f"the stack of {short(name)} has no bound")
        size, names = use.chain(name)
        way = " -> ".join(map(short, names))
        if size is None:
            report(where, f"calls itself: {way}")
        elif size > CHAIN_MAX:
            report(where, f"{size} bytes of stack: {way}")


def main():
    top, report, count = tree.root(), tree.Report(), 0
    os.chdir(top)
    for isa in targets.TRIPLES:
        gcc = dict(targets.compilers(isa)).get("gcc")
        if gcc is None:
            print(f"{isa} left out: no gcc")
            continue
        use = measure(gcc, targets.bare_flags(isa, gcc, "XCALL"),
                      targets.core_sources() + targets.kernel_sources())
        check(isa, use, report)
        count += len(use.own)
    report.end(count, "functions")


if __name__ == "__main__":
    main()
