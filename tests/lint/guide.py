#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The C in docs/embedding.md stands in a file that is compiled: each of its
blocks is some lines of one, but for the white space in front of them.  One that
only shows the shape of calls has <!-- sketch --> above it."""
import re

import tree

PAGE = "docs/embedding.md"
FROM = ("docs/examples/", "libsync/port/", "tests/kernel/")


def lines(text):
    return "\n".join(line.strip() for line in text.strip().splitlines())


def main():
    top, report, count = tree.root(), tree.Report(), 0
    files = [f"\n{lines(text)}\n" for rel, text in tree.sources(top)
             if rel.startswith(FROM)]
    page = (top / PAGE).read_text()
    for block in re.finditer(r"^(?<!<!-- sketch -->\n) *```c\n(.*?)^ *```$", page, re.S | re.M):
        count += 1
        if not any(f"\n{lines(block.group(1))}\n" in text for text in files):
            report(f"{PAGE}:{page[:block.start()].count(chr(10)) + 1}",
                   "is in no file of " + ", ".join(FROM))
    report.end(count, "blocks")


main()
