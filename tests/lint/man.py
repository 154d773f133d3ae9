#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""mandoc has nothing to say about the manual pages."""
import subprocess

import tree


def main():
    top, report = tree.root(), tree.Report()
    pages = sorted((top / "docs/man").glob("*.[1-9]"))
    for page in pages:
        run = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page],
                             capture_output=True, text=True, check=False)
        if run.returncode != 0:
            report(page.relative_to(top), run.stdout + run.stderr)
    report.end(len(pages))


main()
