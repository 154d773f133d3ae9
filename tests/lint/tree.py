# SPDX-License-Identifier: BSD-2-Clause
"""What every lint test shares: the files of the tree, and C text without its
comments and strings."""
import pathlib
import re
import sys

FOLDERS = ("libsync", "stack", "drivers", "apps", "tests", "benchmarks",
           "docs", "packaging")

COMMENT_OR_STRING = re.compile(
    r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)


def root():
    return pathlib.Path(sys.argv[1]).resolve()


def sources(top, suffixes=(".c", ".h")):
    """Yield (path from the root, text) of each source file, in order."""
    for folder in FOLDERS:
        for path in sorted((top / folder).glob("**/*")):
            if path.suffix in suffixes and path.is_file():
                yield path.relative_to(top).as_posix(), path.read_text()


def only_code(text):
    """The text with comments and strings blanked; lines stay in place."""
    def blank(m):
        s = m.group(0)
        if s[0] in "\"'":
            return s[0] + " " * (len(s) - 2) + s[-1]
        return re.sub(r"[^\n]", " ", s)
    return COMMENT_OR_STRING.sub(blank, text)


class Report:
    """Collects findings; its exit status says whether there were any."""

    def __init__(self):
        self.count = 0

    def __call__(self, where, what):
        print(f"{where}: {what}")
        self.count += 1

    def end(self, checked, kind="files"):
        if checked == 0:
            print(f"no {kind} found to check")
        print(f"{checked} {kind} checked, {self.count} findings")
        sys.exit(self.count > 0 or checked == 0)
