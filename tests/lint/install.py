#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""libsync alone: -Dstack=false builds, installs both libraries, the headers and
the pkg-config file; C and C++ programs build and run on what was installed."""
import os
import pathlib
import subprocess
import sys
import tempfile

USER = """
#include "libsync/lfqueue/spsc.h"
#include <stdio.h>
int main(void)
{
    struct lfqueue_spsc *q;
    int item = 1;
    if (lfqueue_spsc_create(4, &q) != 0 || !lfqueue_spsc_push(q, &item))
        return 1;
    if (lfqueue_spsc_pop(q) != &item)
        return 1;
    lfqueue_spsc_destroy(q);
    puts("works");
    return 0;
}
"""


def run(cmd, **kw):
    print("+", " ".join(map(str, cmd)), flush=True)
    return subprocess.run(cmd, check=True, text=True, **kw)


def use(prefix, work, compiler, source, linkage):
    env = dict(os.environ, PKG_CONFIG_PATH=f"{prefix}/lib/pkgconfig")
    flags = run(["pkg-config", "--cflags", "--libs", "libsync"], env=env,
                capture_output=True).stdout.split()
    if linkage == "static":
        flags = [f"{prefix}/lib/libsync.a" if f == "-lsync" else f
                 for f in flags]
    program = f"{work}/user-{compiler}-{linkage}"
    run([compiler, "-Wall", "-Wextra", "-Werror", source, "-o", program]
        + flags + [f"-Wl,-rpath,{prefix}/lib", "-pthread"])
    out = run([program], capture_output=True).stdout
    if out != "works\n":
        sys.exit(f"{program} printed {out!r}")


def main():
    top = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as work:
        prefix, build = f"{work}/usr", f"{work}/build"
        run(["meson", "setup", build, str(top), "-Dstack=false",
             "-Dtests=false", f"-Dprefix={prefix}", "-Dlibdir=lib"],
            stdout=subprocess.DEVNULL)
        run(["meson", "install", "-C", build], stdout=subprocess.DEVNULL)
        for compiler, name in ("gcc", "user.c"), ("g++", "user.cc"):
            source = pathlib.Path(work, name)
            source.write_text(USER)
            for linkage in "shared", "static":
                use(prefix, work, compiler, str(source), linkage)
        unexpected = [p for p in pathlib.Path(prefix).glob("**/*.h")
                      if "include/libsync/" not in p.as_posix()
                      or p.name.endswith("_impl.h")]
        if unexpected:
            sys.exit(f"installed without need: {unexpected}")


main()
