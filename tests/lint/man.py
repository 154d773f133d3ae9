#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""mandoc accepts every man page, and a page with an example of the same name
under docs/examples/ quotes it, all but its licence line, to the letter."""
import re
import subprocess

import tree

# The pages of this tree are not installed where they are checked.
NOT_FOUND = re.compile(r"referenced manual not found")


def check_syntax(path, rel, report):
    out = subprocess.run(["mandoc", "-Tlint", str(path)], check=False,
                         capture_output=True, text=True).stdout
    for line in out.splitlines():
        if not NOT_FOUND.search(line):
            report(rel, line)


def as_mdoc(text):
    body = text.split("\n", 2)[2].rstrip("\n").replace("\\", "\\e")
    return re.sub(r"^(?=[.'])", r"\\&", body, flags=re.M)


def main():
    top, report, count = tree.root(), tree.Report(), 0
    for path in sorted((top / "docs/man").glob("*.[1-9]")):
        count += 1
        rel = path.relative_to(top).as_posix()
        check_syntax(path, rel, report)
        example = top / "docs/examples" / (path.stem + ".c")
        if example.exists() and \
                as_mdoc(example.read_text()) not in path.read_text():
            report(rel, f"does not quote docs/examples/{example.name}")
    report.end(count, "pages")


main()
