#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""No source or test file above 800 lines, no function above 60."""
import tree

FILE_MAX = 800
FUNCTION_MAX = 60


def functions(text):
    """Yield (line, name line, length) of each function.  The format puts the
    braces of a function, and of nothing else, alone in the first column."""
    lines = tree.only_code(text).splitlines()
    start = None
    for n, line in enumerate(lines):
        if line.rstrip() == "{":
            start = n
        elif line.startswith("}") and start is not None:
            yield start, n - start + 1
            start = None


def main():
    top, report, count = tree.root(), tree.Report(), 0
    for rel, text in tree.sources(top, (".c", ".h", ".cc", ".py")):
        count += 1
        length = text.count("\n")
        if length > FILE_MAX:
            report(rel, f"{length} lines, more than {FILE_MAX}")
        if rel.endswith(".py"):
            continue
        for start, size in functions(text):
            if size > FUNCTION_MAX:
                report(f"{rel}:{start + 1}",
                       f"function of {size} lines, more than {FUNCTION_MAX}")
    report.end(count)


main()
