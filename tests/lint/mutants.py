#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The lists of seeded bugs fit the tree: each list is well formed, the text
that each bug replaces is there once, and docs/mutants.md is made of
tests/mutants/ and no other lists."""
import pathlib
import sys

import tree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent
                       / "mutants"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent
                       / "kernel"))
import mutantlist  # noqa: E402
import seed  # noqa: E402


def check_kernel(top, report):
    """Returns how many bugs there are."""
    try:
        bugs = seed.load(top)
        for b in bugs:
            seed.seeded(b, top)
    except (mutantlist.Wrong, OSError, ValueError) as e:
        report("tests/kernel/bugs.toml", str(e))
        return 0
    return len(bugs)


def main():
    top, report = tree.root(), tree.Report()
    kernel = check_kernel(top, report)
    try:
        mutants = mutantlist.load(top)
    except (mutantlist.Wrong, ValueError) as e:
        report("tests/mutants", str(e))
        mutants = []
    for m in mutants:
        try:
            mutantlist.apply(m, {e["file"]: (top / e["file"]).read_text()
                                 for e in m["edits"]})
        except (mutantlist.Wrong, OSError) as e:
            report(f"tests/mutants/{m['module']}.toml", str(e))
    page = top / "docs/mutants.md"
    if page.exists() and page.read_text() != mutantlist.table(top, mutants):
        report("docs/mutants.md", "is stale; run scripts/mutants --table")
    report.end(len(mutants) + kernel, "mutants")


main()
