#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_bsd.py ROOT BUILD HOST [TREE]: the port to one BSD kernel.

Compile libsync and its self-test as that kernel compiles, compare what they
leave undefined with tests/lint/undefined/HOST.txt, and run the self-test on
processors in user space; with TREE, a source tree of the system, compile them
with its headers as well."""
import pathlib
import subprocess
import sys

CPUS, ROUNDS = "4", "1"


def make(top, host, out, *args):
    subprocess.run(["make", "-s", "-f", "tests/kernel/bsd/Makefile",
                    f"HOST={host}", f"OUT={out}", *args], cwd=top, check=True)


def undefined(top, host, out):
    for name, objects in ((host, ["libsync.o"]),
                          (f"{host}-test", ["libsync.o", "ktest.o"])):
        subprocess.run([sys.executable, "tests/lint/undefined.py", ".", name,
                        *(out / o for o in objects)], cwd=top, check=True)


def main(top, build, host, tree=""):
    out = pathlib.Path(build, host)
    make(top, host, out, "libsync", "ktest", "program")
    undefined(top, host, out)
    if tree:
        out = pathlib.Path(build, f"{host}-tree")
        make(top, host, out, f"SRC={tree}", "libsync", "ktest")
        undefined(top, host, out)
    subprocess.run([pathlib.Path(build, host, "ktest"), CPUS, ROUNDS],
                   check=True)


try:
    main(*sys.argv[1:])
except subprocess.CalledProcessError as e:
    sys.exit(f"{e.cmd}: status {e.returncode}")
