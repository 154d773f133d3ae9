#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What objects need of who links them: nothing but the names of a list.

  undefined.py ROOT BUILD             the core, and the port to user space, as
                                      they are in BUILD/libsync/libsync.a
  undefined.py ROOT LIST OBJECT...    these objects or archives together

A list is tests/lint/undefined/LIST.txt: a name in each line, and why after #.
Of those marked ? the compiler or its options decide; each other name has to be
needed, so that no list is longer than the truth.  @OTHER takes the names of
another list in, all of them as if marked."""
import pathlib
import re
import subprocess
import sys

import tree

LISTS = pathlib.Path("tests/lint/undefined")


def read_list(top, name):
    """{name: must it be needed?}"""
    found = {}
    for line in (top / LISTS / f"{name}.txt").read_text().splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0].startswith("@"):
            found |= dict.fromkeys(read_list(top, words[0][1:]), False)
        elif re.fullmatch(r"[\w.$]+", words[0]) and words[1:] in ([], ["?"]):
            found[words[0]] = len(words) == 1
        else:
            sys.exit(f"{name}.txt: {line!r} is no name")
    return found


def symbols(paths):
    """Yield (member, name, type) of each global symbol, as nm has them."""
    member = None
    for path in map(str, paths):
        out = subprocess.run(["nm", "-gP", path], check=True, text=True,
                             capture_output=True).stdout
        member = pathlib.Path(path).name
        for line in out.splitlines():
            head = re.match(r".*\[(.+)\]:$", line)
            if head:
                member = head.group(1)
            elif line.split()[1:]:
                yield (member, *line.split()[:2])


def needs(paths, part=lambda member: True):
    """{name: [members that need it]} of what the part of paths leaves
    undefined."""
    needed, defined = {}, set()
    for member, name, kind in symbols(paths):
        if not part(member):
            continue
        if kind in "Uwv":
            needed.setdefault(name, []).append(member)
        else:
            defined.add(name)
    return {n: m for n, m in needed.items() if n not in defined}


def check(top, name, needed, report):
    """Compare what is needed with a list."""
    allowed = read_list(top, name)
    for symbol in sorted(needed.keys() - allowed.keys()):
        report(f"{LISTS}/{name}.txt", f"has no {symbol}, which "
               f"{', '.join(sorted(set(needed[symbol])))} needs")
    for symbol in sorted(s for s, must in allowed.items() if must):
        if symbol not in needed:
            report(f"{LISTS}/{name}.txt", f"has {symbol}, which nothing needs")
    return len(needed)


def is_port(member):
    return member.startswith("port_user_")


def main():
    top, report = tree.root(), tree.Report()
    if len(sys.argv) == 3:
        archive = [pathlib.Path(sys.argv[2], "libsync/libsync.a")]
        count = check(top, "core",
                      needs(archive, lambda m: not is_port(m)), report)
        count += check(top, "user", needs(archive), report)
    else:
        count = check(top, sys.argv[2], needs(sys.argv[3:]), report)
    report.end(count, "undefined names")


if __name__ == "__main__":
    main()
