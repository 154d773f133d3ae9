#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The lists of seeded bugs fit the tree: each list is well formed, the text
that each bug replaces is there once, and docs/mutants.md is made of these lists
and no others."""
import pathlib
import sys

import tree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent
                       / "mutants"))
import mutantlist  # noqa: E402


def main():
    top, report = tree.root(), tree.Report()
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
    report.end(len(mutants), "mutants")


main()
