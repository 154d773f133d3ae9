#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The core of libsync compiles for a kernel, and so does its port to bare metal:
without a libc and its headers, without floating point, with every warning an
error; with gcc and clang, for each machine, not optimised, for speed and for
size, in the three variants.  What the objects of one machine leave undefined together is
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
# Folders whose files have static functions of the same names.
SAME_NAMES = ("libsync/lfqueue", "libsync/percpu", "libsync/port/bare")


class Job:
    """One compiler, one machine, one way to compile, some sources."""

    def __init__(self, isa, compiler, variant, flags, sources):
        self.isa, self.variant, self.flags = isa, variant, flags
        self.name, self.command = compiler
        self.sources = sources
        self.where = f"{self.name}, {isa}, {variant} {' '.join(flags)}"

    def parts(self):
        """Lists of sources to compile at once: one each for objects, else the
        files of a folder together, which is faster."""
        folders = {}
        for source in self.sources:
            folder = str(pathlib.Path(source).parent)
            alone = "-c" in self.flags or folder in SAME_NAMES
            folders.setdefault(source if alone else folder, []).append(source)
        return folders.values()

    def compile(self, part, folder):
        """None, or what the compiler said."""
        out = pathlib.Path(folder, part[0].replace("/", "_") + ".o")
        run = subprocess.run(
            [*self.command, *targets.bare_flags(self.isa, self.command,
                                                self.variant),
             *WARN, *self.flags, "-x", "c", "-", "-o", str(out)],
            input="".join(f'#include "{source}"\n' for source in part),
            text=True, capture_output=True, check=False)
        return run.stderr if run.returncode != 0 else None


def jobs(isa, compiler):
    core = targets.core_sources() + targets.kernel_sources()
    everything = core + targets.bare_sources(isa)
    of_variants = [s for s in everything
                   if VARIANT in pathlib.Path(s).read_text()]
    first, *others = targets.VARIANTS
    for level, make in LEVELS.items():
        yield Job(isa, compiler, first, [level, *make],
                  everything if "-c" in make else core)
    yield Job(isa, compiler, first, CHECKED, core)
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
            tasks += [(job, part, place) for part in job.parts()]
        for (job, part, _), said in zip(tasks, pool.map(
                lambda t: t[0].compile(t[1], t[2]), tasks)):
            count += len(part)
            if said is not None:
                report(part[0], f"{job.where}: {said}")
        compiled = report.count == 0
        for n, job in enumerate(work):
            if "-c" in job.flags and compiled:
                objects = sorted(pathlib.Path(folder, str(n)).glob("*.o"))
                undefined.check(top, "bare", undefined.needs(objects), report)
    report.end(count, "files, each time,")


if __name__ == "__main__":
    main()
