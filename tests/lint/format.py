#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every C and C++ file is as clang-format writes it."""
import subprocess
import sys

import tree


def main():
    top = tree.root()
    files = [rel for rel, _ in tree.sources(top, (".c", ".h", ".cc"))]
    run = subprocess.run(["clang-format", "--dry-run", "-Werror"] + files,
                         cwd=top, check=False)
    print(f"{len(files)} files checked")
    sys.exit(run.returncode != 0 or not files)


main()
