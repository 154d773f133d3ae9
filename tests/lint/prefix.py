#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""-Dsymbol_prefix: every symbol that libsync exports and every one of its own
that it needs has the prefix; and a copy with one and a copy without, linked
into one program, are two libraries."""
import pathlib
import re
import subprocess
import sys
import tempfile

import tree

PREFIX = "embedded_"
OWN = re.compile(r"^(?:sync|port|pserialize|pslist|psref|hazard|localcount|"
                 r"lfqueue|percpu|radix_lf|demux)_")

# One copy's side: opens a section and counts items through a queue.
SIDE = """
#include "libsync/compat/netbsd/pserialize.h"
#include "libsync/lfqueue/mpsc.h"
#include "libsync/psref/psref.h"
int SIDE_run(void);
const void *SIDE_self(void);
const void *SIDE_self(void) { return &pserialize_self; }
int SIDE_run(void)
{
    struct lfqueue_mpsc q;
    struct lfqueue_mpsc_node n;
    int inside, s = pserialize_read_enter();
    inside = pserialize_in_read_section();
    lfqueue_mpsc_init(&q);
    lfqueue_mpsc_push(&q, &n);
    inside += lfqueue_mpsc_pop(&q) == &n;
    pserialize_read_exit(s);
    pserialize_perform(pserialize_create());
    return inside;
}
"""
MAIN = """
#include <stdio.h>
int one_run(void), two_run(void);
const void *one_self(void), *two_self(void);
int main(void)
{
    if (one_run() != 2 || two_run() != 2 || one_self() == two_self())
        return 1;
    puts("two libraries");
    return 0;
}
"""


def run(cmd, **kw):
    print("+", " ".join(map(str, cmd)), flush=True)
    return subprocess.run(list(map(str, cmd)), check=True, text=True, **kw)


def nm(archive, *options):
    out = run(["nm", *options, archive], capture_output=True).stdout
    return set(re.findall(r"^[0-9a-f ]+ [A-Za-z] (\w+)$", out, re.M))


def check_symbols(archive, report):
    defined = nm(archive, "-g", "--defined-only")
    needed = nm(archive, "-u")
    for name in sorted(defined):
        if not name.startswith((PREFIX, "__")):
            report(archive.name, f"exports {name}")
    for name in sorted(needed):
        if OWN.match(name):
            report(archive.name, f"needs {name}")
    if not any(n.startswith(PREFIX) for n in defined):
        report(archive.name, "exports nothing")
    return len(defined)


def compile_side(work, side, flags):
    source = work / f"{side}.c"
    source.write_text(SIDE.replace("SIDE", side))
    run(["gcc", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-c", source,
         "-o", work / f"{side}.o", *flags])


def main():
    top, report = tree.root(), tree.Report()
    plain = pathlib.Path(sys.argv[2]).resolve() / "libsync/libsync.a"
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        build = work / "build"
        run(["meson", "setup", build, top, "-Dstack=false", "-Dtests=false",
             "-Dbuildtype=debug", f"-Dsymbol_prefix={PREFIX}"],
            stdout=subprocess.DEVNULL)
        run(["ninja", "-C", build], stdout=subprocess.DEVNULL)
        count = check_symbols(build / "libsync/libsync.a", report)
        check_symbols(build / "libsync/libsync.so", report)
        compile_side(work, "one", [f"-I{top}"])
        compile_side(work, "two", [f"-I{build}", f"-I{top}", "-include",
                                   "libsync/prefix.h"])
        (work / "main.c").write_text(MAIN)
        run(["gcc", work / "main.c", work / "one.o", work / "two.o", plain,
             build / "libsync/libsync.a", "-o", work / "both", "-pthread"])
        said = run([work / "both"], capture_output=True).stdout
        if said != "two libraries\n":
            report("both", f"printed {said!r}")
    report.end(count, "symbols")


main()
