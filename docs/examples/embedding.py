#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Run embedding.c on bare metal: embedding.py ROOT.  On the first machine that
there are a compiler and qemu for."""
import os
import pathlib
import shutil
import sys
import tempfile

ROOT = pathlib.Path(sys.argv[1]).resolve()
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests/lint")]
import kernelfigures  # noqa: E402

COMPILER = {"riscv64": "riscv64-unknown-elf-gcc",
            "aarch64": "aarch64-linux-gnu-gcc", "x86_64": "gcc"}


def main():
    os.chdir(ROOT)
    here = [m for m in kernelfigures.BARE.values()
            if shutil.which(COMPILER[m[0]]) and shutil.which(m[1][0])]
    if not here:
        print("no qemu, or no compiler for it")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        said = kernelfigures.boot(here[-1], "XCALL", folder,
                                  "PROGRAM=docs/examples/embedding.c")
    print(said)
    sys.exit("embedding: ok" not in said)


main()
