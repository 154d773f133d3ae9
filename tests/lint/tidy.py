#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""clang-tidy finds nothing in the C files of the product that this build
compiles.  Tests are left out: Criterion's macros end a test in ways that the
analyzer does not follow.

The analyzer is nearly all of the cost, and most of that goes into the few
functions that it gives up on after 225,000 steps.  Here it gives up sooner:
"ninja clang-tidy" is the patient one.

A file that was clean is not looked at again until its preprocessed text, or
the configuration, is another; the build folder remembers."""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

import tree

PRODUCT = ("libsync", "stack", "drivers", "apps")
HASTE = ["--extra-arg=" + a for a in (
    "-Xclang", "-analyzer-config", "-Xclang", "max-nodes=10000")]


def files(build, top):
    """{path: entry of the database}: tests and shared libraries compile a file
    once more, which would be looked at once more."""
    found = {}
    for c in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(c["directory"], c["file"]).resolve()
        if path.suffix == ".c" and path.is_relative_to(top) and \
                path.relative_to(top).parts[0] in PRODUCT and \
                not c["output"].startswith("tests/"):
            found.setdefault(path, c)
    return sorted(found.items())


def fingerprint(build, command, config):
    """Of all that clang-tidy will see, comments included."""
    words = [w for w in shlex.split(command)[1:] if w not in ("-c", "-MD")]
    for option in "-o", "-MF", "-MQ":
        if option in words:
            at = words.index(option)
            del words[at:at + 2]
    text = subprocess.run(["clang", "-w", "-E", "-C"] + words, cwd=build,
                          capture_output=True, check=False)
    if text.returncode != 0:
        return None
    return hashlib.sha256(config + text.stdout).hexdigest()


def tidy(build, path, entry, config):
    """What clang-tidy says, or an empty string."""
    known = fingerprint(build, entry["command"], config)
    clean = build / "tidy-clean" / (known or "none")
    if known and clean.exists():
        return ""
    run = subprocess.run(["clang-tidy", "--quiet", "-p",
                          str(build / "tidy-clean"), *HASTE, str(path)],
                         capture_output=True, text=True, check=False)
    said = run.stdout + re.sub(
        r"^\d+ warnings? (?:and \d+ errors? )?generated\.\n", "", run.stderr,
        flags=re.M)
    if run.returncode != 0 or said.strip():
        return said or f"status {run.returncode}"
    if known:
        clean.touch()
    return ""


def main():
    top, report = tree.root(), tree.Report()
    build = pathlib.Path(sys.argv[2]).resolve()
    (build / "tidy-clean").mkdir(exist_ok=True)
    config = " ".join(HASTE).encode()
    config += b"".join(p.read_bytes() for p in sorted(top.glob(".clang-tidy"))
                      + sorted(top.glob("*/.clang-tidy")))
    work = files(build, top)
    (build / "tidy-clean" / "compile_commands.json").write_text(
        json.dumps([entry for _, entry in work]))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda w: tidy(build, *w, config), work)
        for (path, _), said in zip(work, results):
            if said:
                report(path.relative_to(top), said)
    report.end(len(work))


main()
