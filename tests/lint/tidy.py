#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""clang-tidy finds nothing in the C files of the product that this build
compiles.  Tests are left out: Criterion's macros end a test in ways that the
analyzer does not follow."""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

import tree

PRODUCT = ("libsync", "stack", "drivers", "apps")


def files(build, top):
    """Each C file once; a library's file is compiled for each library."""
    commands = json.loads(pathlib.Path(build, "compile_commands.json")
                          .read_text())
    found = {pathlib.Path(c["directory"], c["file"]).resolve()
             for c in commands}
    return sorted(p for p in found
                  if p.suffix == ".c" and p.is_relative_to(top)
                  and p.relative_to(top).parts[0] in PRODUCT)


def tidy(build, path):
    cmd = ["clang-tidy", "--quiet", "-p", build, str(path)]
    run = subprocess.run(cmd, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout + re.sub(
        r"^\d+ warnings? (?:and \d+ errors? )?generated\.\n", "", run.stderr,
        flags=re.M)


def main():
    top, build, report = tree.root(), sys.argv[2], tree.Report()
    paths = files(build, top)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda p: tidy(build, p), paths)
        for path, (status, said) in zip(paths, results):
            if status != 0 or said.strip():
                report(path.relative_to(top), said)
    report.end(len(paths))


main()
