#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The core of libsync and its port to bare metal compile for a kernel: without
a libc and its headers, without floating point, with every warning an error;
with gcc and clang, for each machine, not optimised, for speed and for size, in
the three variants.  What the objects of one machine leave undefined together is
what tests/lint/undefined/bare.txt has."""
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile

import targets
import tree
import undefined

WARN = ["-Wall", "-Wextra", "-Werror", "-Wshadow", "-Wstrict-prototypes",
        "-Wmissing-prototypes", "-Wcast-qual", "-Wpointer-arith", "-I."]
# All files in the first variant; in the others what knows of it.  Objects are
# made where they are looked at, and no code for what is there for warnings only.
LEVELS = {"-O0": ["-S"], "-O2": ["-c"], "-Os": ["-S"]}
CHECKED = ["-O2", "-DSYNC_CHECKS", "-fsyntax-only"]
VARIANT = "LIBSYNC_VARIANT_"


class Job:
    """One compiler, one machine, one way to compile, some sources."""

    def __init__(self, isa, compiler, variant, flags, sources):
        self.isa, self.variant, self.flags = isa, variant, flags
        self.name, self.command = compiler
        self.sources = sources
        self.where = f"{self.name}, {isa}, {variant} {' '.join(flags)}"

    def compile(self, source, folder):
        """None, or what the compiler said."""
        out = pathlib.Path(folder, source.replace("/", "_") + ".o")
        run = subprocess.run(
            [*self.command, *targets.bare_flags(self.isa, self.command,
                                                self.variant),
             *WARN, *self.flags, source, "-o", str(out)],
            text=True, capture_output=True, check=False)
        return run.stderr if run.returncode != 0 else None


def jobs(isa, compiler):
    everything = targets.core_sources() + targets.kernel_sources() + \
        targets.bare_sources(isa)
    of_variants = [s for s in everything
                   if VARIANT in pathlib.Path(s).read_text()]
    first, *others = targets.VARIANTS
    for level, make in LEVELS.items():
        yield Job(isa, compiler, first, [level, *make], everything)
    yield Job(isa, compiler, first, CHECKED, everything)
    for variant in others:
        yield Job(isa, compiler, variant, ["-O2", "-S"], of_variants)


def main():
    top, report, count = tree.root(), tree.Report(), 0
    os.chdir(top)
    work = [j for isa in targets.TRIPLES for c in targets.compilers(isa)
            for j in jobs(isa, c)]
    if not work:
        print("no compiler")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        tasks = []
        for n, job in enumerate(work):
            place = pathlib.Path(folder, str(n))
            place.mkdir()
            tasks += [(job, s, place) for s in job.sources]
        for (job, source, _), said in zip(tasks, pool.map(
                lambda t: t[0].compile(t[1], t[2]), tasks)):
            count += 1
            if said is not None:
                report(source, f"{job.where}: {said}")
        for n, job in enumerate(work):
            if "-c" in job.flags and not report.count:
                objects = sorted(pathlib.Path(folder, str(n)).glob("*.o"))
                undefined.check(top, "bare", undefined.needs(objects), report)
    report.end(count, "compilations")


if __name__ == "__main__":
    main()
