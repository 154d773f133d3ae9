#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The routing table for kernels compiles as libsync does: without a libc and
its headers, without floating point and vectors, with gcc and clang, for each
machine.  What it leaves undefined is what tests/lint/undefined/route.txt has,
and its stack has the limit of a kernel."""
import concurrent.futures
import os
import pathlib
import re
import sys
import tempfile

import freestanding
import targets
import tree
import undefined

FLAGS = ["-O2", "-c"]
CHECKED = ["-O2", "-DSYNC_CHECKS", "-fsyntax-only"]
FRAME_MAX = 2048


def sources():
    """What stack/route/kernel.mk names."""
    text = pathlib.Path("stack/route/kernel.mk").read_text()
    found = ["stack/route/" + name for name in re.findall(r"\b\w+\.c\b", text)]
    # A table that is not there is found out by the linker, and here.
    assert {"stack/route/lpm.c", "stack/route/arena.c"} <= set(found), found
    return found


def main():
    top, report, count = tree.root(), tree.Report(), 0
    os.chdir(top)
    work = [freestanding.Job(isa, c, targets.VARIANTS[0],
                             [*flags, f"-Wframe-larger-than={FRAME_MAX}"],
                             sources())
            for isa in targets.TRIPLES for c in targets.compilers(isa)
            for flags in (FLAGS, CHECKED)]
    if not work:
        print("no compiler")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for n, job in enumerate(work):
            place = pathlib.Path(folder, str(n))
            place.mkdir()
            for source, said in zip(job.sources, pool.map(
                    lambda s, j=job, p=place: j.compile([s], p), job.sources)):
                count += 1
                if said is not None:
                    report(source, f"{job.where}: {said}")
            objects = sorted(place.glob("*.o"))
            if objects and not report.count:
                undefined.check(top, "route", undefined.needs(objects), report)
    report.end(count, "compilations")


main()
