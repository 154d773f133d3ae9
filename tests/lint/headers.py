#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Each header compiles alone: in C11 with gcc and clang, and in C++17 if it is
installed.  Each header of libsync is installed, except *_impl.h and port/."""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

import tree

C11 = ["-x", "c", "-std=c11", "-pedantic"]
CXX17 = ["-x", "c++", "-std=c++17", "-pedantic"]
FLAGS = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-D_GNU_SOURCE"]
# Compiled where the kernel's own headers are: scripts/test-kernels.
OF_KERNELS = ("apps/linux-fib/", "libsync/port/linux/", "tests/kernel/linux/")
KPI = "tests/kernel/bsd/kpi/"
BARE = ("libsync/port/bare/", "libsync/port/kernel/")
BSD = {"netbsd": "-D__NetBSD__", "freebsd": "-D__FreeBSD__=14"}
NOT_EMPTY = "extern int translation_unit;\n"


def installed(build, top):
    info = pathlib.Path(build, "meson-info/intro-installed.json")
    paths = [pathlib.Path(p) for p in json.loads(info.read_text())]
    return {p.resolve().relative_to(top).as_posix() for p in paths
            if p.suffix == ".h" and p.resolve().is_relative_to(top)}


def compile_alone(top, rel, compiler):
    cmd = compiler + FLAGS + [f"-I{top}", "-"]
    # Twice: the guard must hold.
    run = subprocess.run(cmd, input=f'#include "{rel}"\n' * 2 + NOT_EMPTY, text=True,
                         capture_output=True, check=False)
    return f"{' '.join(compiler)}\n{run.stderr}" if run.returncode else None


def kernel(rel):
    """Flags of the kernel that a header is for, if we have no headers of it:
    our own prototypes, and no C library; or None."""
    if rel.startswith(BARE):
        return ["-ffreestanding", "-DLIBSYNC_PORT_BARE",
                "-DLIBSYNC_VARIANT_XCALL"]
    for host, define in BSD.items():
        if rel.startswith((f"libsync/port/{host}/", f"{KPI}{host}/")):
            return ["-nostdinc", "-ffreestanding", "-fno-builtin", "-D_KERNEL",
                    "-U__linux__", define, "-DLIBSYNC_VARIANT_XCALL",
                    f"-I{tree.root()}/{KPI}{host}"]
    return None


def compilers(rel, public):
    if kernel(rel):
        return [[cc, "-x", "c", "-std=gnu11"] + kernel(rel)
                for cc in ("gcc", "clang")]
    if rel.startswith("tests/"):
        # Test headers may use what tests get: no pedantry about macros.
        return [["gcc", "-x", "c", "-std=c11", f"-I{tree.root()}/tests/tsan"]]
    found = [["gcc"] + C11, ["clang"] + C11]
    return found + [["g++"] + CXX17] if rel in public else found


def main():
    top, report = tree.root(), tree.Report()
    public = installed(sys.argv[2], top)
    headers = [rel for rel, _ in tree.sources(top, (".h",))
               if not rel.startswith(OF_KERNELS)]
    for rel in headers:
        if rel.startswith("libsync/") and not rel.endswith("_impl.h") and \
                not rel.startswith("libsync/port/") and rel not in public:
            report(rel, "is not installed")
    jobs = [(rel, c) for rel in headers for c in compilers(rel, public)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda j: compile_alone(top, *j), jobs)
        for (rel, _), error in zip(jobs, results):
            if error:
                report(rel, f"does not compile alone: {error}")
    report.end(len(jobs), "compilations")


main()
